"""Clusters in strata, by size and in three stages: R's figures, pairs, and intervals that hold."""

from __future__ import annotations

from itertools import combinations, product
from math import sqrt

import numpy as np
import pytest

from application.validation.samples import column, data, numbered, one
from contract.requests.estimate import VarianceRequest
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs.cluster import ClusterDesign
from estimation_engine.designs.design import Design, DrawnRows, DrawnStages, RowsOfPairs
from estimation_engine.errors import LonelyStratum
from estimation_engine.replicates import jackknife
from sampling_engine import ClusterMethod
from service.tables.sample_design import design_of_draw
from tests.sampling_engine.conftest import Workshop, workshop
from tests.sampling_engine.rounds import one_round

__all__ = ["workshop"]


def staged(
    groups: Ints,
    group_rows: Ints,
    clusters: Ints,
    strata: Ints,
    chances: Floats,
    inside: Floats | None = None,
    *,
    by_size: bool = False,
) -> Design:
    """A design of groups with ``group_rows``, whose drawn rows are counted."""
    inside = np.ones(len(clusters)) if inside is None else inside
    drawn = np.bincount(groups, minlength=len(group_rows))
    of_rows = (drawn / np.maximum(group_rows, 1))[groups]
    p = chances[clusters[groups]] * inside[groups] * of_rows
    tree = DrawnStages(clusters, strata, chances, inside, by_size)
    return ClusterDesign.of_draw(DrawnRows(groups, group_rows, p, stages=tree))


def api_clusters_in_strata(chances: Floats, *, by_size: bool) -> Design:
    """40 districts of ``apiclus2``, in two strata by number, and some schools of each.

    Districts that weren't drawn have one row.
    """
    numbers = numbered(data()["clus2"]["dnum"])
    rows = np.zeros(40, dtype=np.int64)
    rows[numbers] = column("clus2", "fpc2").astype(np.int64)
    district = np.unique(data()["clus2"]["dnum"])
    strata = np.concatenate([(district >= 400).astype(np.int64), np.zeros(286), np.ones(431)])
    group_rows = np.concatenate([rows, np.ones(717, dtype=np.int64)])
    every = np.concatenate([chances, np.full(717, 0.05)])
    if not by_size:
        every = np.where(strata == 0, 14 / 300, 26 / 457)
    return staged(
        numbers, group_rows, np.arange(757), strata.astype(np.int64), every, by_size=by_size
    )


def test_districts_of_two_strata() -> None:
    """R: svydesign(ids = ~dnum + row, strata = ~h, fpc = ~M + fpc2), M = 300 and 457."""
    design = api_clusters_in_strata(np.zeros(40), by_size=False)
    mean, total = (one(design, kind, column("clus2", "api00")) for kind in ("mean", "total"))
    assert (mean.value, mean.error) == pytest.approx((671.246788219, 29.5665943679), rel=1e-9)
    assert (total.value, total.error) == pytest.approx((3311138.6967, 847189.26312), rel=1e-9)
    assert mean.degrees == 38


def test_districts_by_size() -> None:
    """R: svydesign(ids = ~dnum + row, strata = ~h, fpc = ~p1 + p2, pps = "brewer").

    With p1 = 0.05 + dnum / 10000 and p2 the schools by ``fpc2``, rows sorted by district.
    """
    district = np.unique(data()["clus2"]["dnum"])
    design = api_clusters_in_strata(0.05 + district / 10_000, by_size=True)
    mean, total = (one(design, kind, column("clus2", "api00")) for kind in ("mean", "total"))
    assert (mean.value, mean.error) == pytest.approx((671.720651585, 28.2765100861), rel=1e-9)
    assert (total.value, total.error) == pytest.approx((1813859.81891, 426479.468194), rel=1e-9)
    assert mean.degrees == 38


def test_kinds_of_schools_in_districts() -> None:
    """R: svydesign(ids = ~dnum, weights = ~w), since some kinds gave one school of several.

    With 757 districts, 4 kinds in each, and three times as many schools as were drawn of a kind.
    """
    numbers = numbered(data()["clus1"]["dnum"])
    kinds = numbers * 4 + numbered(data()["clus1"]["stype"])
    group_rows = np.maximum(3 * np.bincount(kinds, minlength=757 * 4), 1)
    drawn = np.bincount(kinds, minlength=757 * 4) > 0
    clusters = np.arange(757 * 4) // 4
    inside = np.bincount(clusters, drawn)[clusters] / 4
    chances = np.full(757, 15 / 757)
    design = staged(kinds, group_rows, clusters, np.zeros(757, dtype=np.int64), chances, inside)
    mean, total = (one(design, kind, column("clus1", "api00")) for kind in ("mean", "total"))
    assert (mean.value, mean.error) == pytest.approx((650.0089605735, 17.6109379297), rel=1e-9)
    assert (total.value, total.error) == pytest.approx((36609024.6667, 12939167.6514), rel=1e-9)
    assert mean.degrees == 14


def test_counties_by_size_as_clusters_of_one_row() -> None:
    """R's page of the data ``election``: svydesign(id = ~1, fpc = ~p, pps = "brewer")."""
    p = column("election", "p")
    every = np.ones(40, dtype=np.int64)
    design = staged(
        np.arange(40), every, np.arange(40), np.zeros(40, dtype=np.int64), p, by_size=True
    )
    for name, value, error in (
        ("Bush", 64518472.3805, 2447628.88866),
        ("Kerry", 51202102.0962, 2450786.53908),
        ("Nader", 478530.523212, 102420.243515),
    ):
        total = one(design, "total", column("election", name))
        assert (total.value, total.error) == pytest.approx((value, error), rel=1e-9)


def test_pairs_of_clusters_in_strata() -> None:
    """One of two clusters, and two of three; in each one row of two."""
    clusters = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    strata = np.array([0, 0, 1, 1, 1])
    samples = [
        np.array(rows)
        for one_, two in product(combinations(range(2), 1), combinations(range(2, 5), 2))
        for rows in product(*([2 * at, 2 * at + 1] for at in (*one_, *two)))
    ]
    chances = np.array([1 / 2, 1 / 2, 2 / 3, 2 / 3, 2 / 3])
    design = staged(np.array([0, 2, 3]), np.full(5, 2), np.arange(5), strata, chances)
    assert_pairs(design, RowsOfPairs(clusters, chances[clusters] / 2), samples)


def test_pairs_of_three_stages() -> None:
    """Two of three clusters, one of two subclusters in each, and one row of two."""
    groups = np.arange(12) // 2
    samples = [
        np.array(rows)
        for pair in combinations(range(3), 2)
        for rows in product(*(range(4 * at, 4 * at + 4) for at in pair))
    ]
    design = staged(
        np.array([0, 2]),
        np.full(6, 2),
        np.arange(6) // 2,
        np.zeros(3, dtype=np.int64),
        np.full(3, 2 / 3),
        np.full(6, 1 / 2),
    )
    assert_pairs(design, RowsOfPairs(groups, np.full(12, 1 / 6)), samples)


def assert_pairs(design: Design, rows: RowsOfPairs, samples: list[Ints]) -> None:
    count = len(rows.groups)
    first, second = np.triu_indices(count)
    drawn = np.zeros((len(samples), count))
    for at, places in enumerate(samples):
        drawn[at, places] = 1.0
    expected = (drawn[:, first] * drawn[:, second]).mean(axis=0)
    assert design.joint_probabilities(rows, first, second) == pytest.approx(expected)


def test_pairs_of_clusters_by_size_add_up() -> None:
    """Σ π_ij over the others is about (n - 1)π_i, as it is exactly for any fixed size."""
    random = np.random.default_rng(4)
    p = random.uniform(0.1, 0.7, 60)
    p *= 20 / p.sum()
    drawn = np.flatnonzero(random.random(60) < p)
    design = staged(
        drawn,
        np.ones(60, dtype=np.int64),
        np.arange(60),
        np.zeros(60, dtype=np.int64),
        p,
        by_size=True,
    )
    first, others = np.zeros(59, dtype=np.int64), np.arange(1, 60)
    joint = design.joint_probabilities(RowsOfPairs(np.arange(60), p), first, others)
    assert joint.sum() == pytest.approx(19 * p[0], rel=0.05)


def test_a_stratum_with_one_cluster() -> None:
    rows = np.array([0, 0, 1, 1, 2, 2])
    strata = np.array([0, 0, 1, 0, 1])
    chances = np.array([2 / 3, 2 / 3, 1 / 2, 2 / 3, 1 / 2])
    design = staged(rows, np.full(5, 2), np.arange(5), strata, chances)
    y = [1.0, 2.0, 5.0, 3.0, 4.0, 9.0]
    assert design.lonely.tolist() == [False, True]
    with pytest.raises(LonelyStratum, match="one drawn cluster"):
        design.refuse_lonely()
    totals = np.array([4.5, 12.0, 26.0])
    first = (1 - 2 / 3) * 2 * ((totals[:2] - totals[:2].mean()) ** 2).sum()
    substitute = first + 1 / 2 * (totals[2] - totals.mean()) ** 2
    found = one(design, "total", y, rules=VarianceRequest(lonely_stratum="adjust")).error
    assert found == pytest.approx(sqrt(substitute))
    found = one(design, "total", y, rules=VarianceRequest(lonely_stratum="average")).error
    assert found == pytest.approx(sqrt(2 * first))
    assert any("one drawn cluster of several" in note for note in design.notes(VarianceRequest()))


def test_a_certain_cluster_is_a_stratum_of_its_own() -> None:
    """Its rows give a variance and degrees of freedom; whole clusters give none."""
    rows = np.array([0, 0, 0, 1, 1, 2, 2])
    design = staged(
        rows,
        np.array([9, 2, 2, 2]),
        np.arange(4),
        np.zeros(4, dtype=np.int64),
        np.array([1.0, 0.6, 0.7, 0.7]),
        by_size=True,
    )
    assert design.degrees == 2 + 1
    y = np.array([1.0, 4.0, 7.0, 2.0, 3.0, 5.0, 1.0])
    t = np.array([5 / 0.6, 6 / 0.7])
    between = 2 * (np.array([0.4, 0.3]) * (t - t.mean()) ** 2).sum()
    inside = (1 - 3 / 9) * 3 / 2 * ((3 * (y[:3] - 4)) ** 2).sum()
    assert one(design, "total", y).error == pytest.approx(sqrt(between + inside))


def test_clusters_are_measured_whole_where_one_gave_one_row_of_several() -> None:
    """R: svydesign(id = ~cluster, strata = ~stratum, weights = ~w), here of the first stratum."""
    rows = np.array([0, 1, 1, 2, 2, 3, 3])
    strata = np.array([0, 0, 1, 1, 0, 1])
    chances = np.where(strata == 0, 2 / 3, 2 / 3)
    y = np.array([1.0, 4.0, 7.0, 2.0, 3.0, 5.0, 1.0])
    sizes = np.array([9, 4, 2, 2, 5, 6])
    z = np.array([1.0 * 9 * 1.5, 11.0 * 2 * 1.5])
    whole = np.array([5.0, 6.0]) * 1.5
    first = 2 * ((z - z.mean()) ** 2).sum()
    second = (1 - 2 / 3) * 2 * ((whole - whole.mean()) ** 2).sum()
    design = staged(rows, sizes, np.arange(6), strata, chances)
    assert one(design, "total", y).error == pytest.approx(sqrt(first + second))
    assert design.degrees == 2
    (note,) = (each for each in design.notes(VarianceRequest()) if "one row of several" in each)
    assert "in their strata" in note
    plain = ClusterDesign.of_draw(
        DrawnRows(rows[:3], np.array([9, 4, 5]), np.array([2 / 27, 1 / 3, 1 / 3]))
    )
    assert one(plain, "total", y[:3]).error == pytest.approx(sqrt(first))


def test_by_size_clusters_are_measured_whole() -> None:
    """R: svydesign(id = ~cluster, weights = ~w); Hansen and Hurwitz's estimator."""
    p = np.array([0.6, 0.7, 0.7])
    design = staged(
        np.array([0, 1, 1]),
        np.array([9, 2, 2]),
        np.arange(3),
        np.zeros(3, dtype=np.int64),
        p,
        by_size=True,
    )
    z = np.array([2 * 9 / 0.6, 8 / 0.7])
    assert one(design, "total", np.array([2.0, 3.0, 5.0])).error == pytest.approx(
        sqrt(2 * ((z - z.mean()) ** 2).sum())
    )


def test_subclusters_of_a_certain_cluster_are_measured_whole() -> None:
    """Two of two subclusters, of which one gave one row of several."""
    design = staged(
        np.array([0, 1, 1]),
        np.array([4, 2]),
        np.zeros(2, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.ones(1),
        by_size=True,
    )
    z = np.array([2.0 * 4, 8.0])
    total = one(design, "total", np.array([2.0, 3.0, 5.0]))
    assert (total.error, total.degrees) == (pytest.approx(sqrt(2 * ((z - 8) ** 2).sum())), 1)


def test_a_certain_cluster_that_gave_one_row_is_a_lonely_stratum() -> None:
    design = staged(
        np.array([0, 1, 2]),
        np.array([9, 1, 1, 1]),
        np.arange(4),
        np.zeros(4, dtype=np.int64),
        np.array([1.0, 0.6, 0.7, 0.7]),
        by_size=True,
    )
    y = np.array([4.0, 3.0, 7.0])
    z = np.array([36.0, 5.0, 10.0])
    with pytest.raises(LonelyStratum, match="1 cluster was drawn with certainty and gave one row"):
        one(design, "total", y)
    chance = 2 * (np.array([0.4, 0.3]) * (z[1:] - z[1:].mean()) ** 2).sum()
    adjusted = chance + (1 - 1 / 9) * (z[0] - z.mean()) ** 2
    found = one(design, "total", y, rules=VarianceRequest(lonely_stratum="adjust")).error
    assert found == pytest.approx(sqrt(adjusted))
    found = one(design, "total", y, rules=VarianceRequest(lonely_stratum="average")).error
    assert found == pytest.approx(sqrt(2 * chance))
    with pytest.raises(LonelyStratum):
        jackknife(design)


DRAWS = 100
SIMULATED = {
    "in strata": ClusterMethod(
        cluster_column="block", num_clusters=8, strata_columns=("part",), samples_per_cluster=6
    ),
    "by rows": ClusterMethod(
        cluster_column="block",
        num_clusters=16,
        cluster_probability="rows",
        samples_per_cluster=6,
    ),
    "by size in strata": ClusterMethod(
        cluster_column="block",
        num_clusters=8,
        strata_columns=("part",),
        cluster_probability="size",
        size_column="x",
        samples_per_cluster=6,
    ),
    "three stages": ClusterMethod(
        cluster_column="block",
        num_clusters=16,
        subcluster_column="street",
        num_subclusters=2,
        samples_per_cluster=4,
    ),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_intervals_hold_the_true_total(workshop: Workshop, name: str) -> None:
    """Of 100 draws at 95 %, with a mean squared error that the variances estimate."""
    random = np.random.default_rng(7)
    sizes = random.integers(8, 30, 60)
    blocks = np.repeat(np.arange(60), sizes)
    effect = random.normal(0.0, 3.0, 60)[blocks]
    y = np.round(20.0 + effect + random.normal(0.0, 4.0, len(blocks)), 3)
    x = np.round(random.uniform(1.0, 3.0, len(blocks)), 2)
    table = workshop.table(
        {
            "block": ("INTEGER", blocks.tolist()),
            "part": ("INTEGER", (blocks // 30).tolist()),
            "street": ("INTEGER", (np.arange(len(blocks)) % 4).tolist()),
            "x": ("DOUBLE", x.tolist()),
        }
    )
    counts_dir = workshop.root / "counts"
    counts_dir.mkdir(exist_ok=True)
    truth, inside, errors, variances = float(y.sum()), 0, [], []
    for seed in range(DRAWS):
        found = design_of_draw(
            workshop.database,
            table,
            [one_round(SIMULATED[name], seed)],
            [{}],
            counts_dir=counts_dir,
        )
        total = one(found.design, "total", y[found.ordinals])
        assert total.low is not None
        assert total.high is not None
        inside += total.low <= truth <= total.high
        errors.append((total.value or 0.0) - truth)
        variances.append((total.error or 0.0) ** 2)
    # Three standard errors of 100 draws at 95 % are 6.5 %.
    assert inside / DRAWS >= 0.88
    assert abs(np.mean(errors)) <= 4 * np.std(errors) / sqrt(DRAWS)
    assert np.mean(variances) == pytest.approx(np.var(errors), rel=0.5)


SINGLE_ROWS = {
    "one row of each": (
        12,
        ClusterMethod(cluster_column="c", num_clusters=12, samples_per_cluster=1),
    ),
    "one row of some": (
        60,
        ClusterMethod(cluster_column="c", num_clusters=20, samples_per_cluster=1),
    ),
    "one row by size": (
        60,
        ClusterMethod(
            cluster_column="c", num_clusters=10, samples_per_cluster=1, cluster_probability="rows"
        ),
    ),
}


@pytest.mark.parametrize("name", SINGLE_ROWS)
def test_intervals_of_one_row_of_each_cluster_hold_the_total(workshop: Workshop, name: str) -> None:
    """Of 200 draws at 95 %; by size with a cluster of 800 rows, which is drawn with certainty."""
    random = np.random.default_rng(5)
    count, method = SINGLE_ROWS[name]
    sizes = random.integers(8, 30, count)
    if method.cluster_probability != "equal":
        sizes = np.append(np.full(count, 10), 800)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    y = random.lognormal(3.0, 0.6, len(clusters))
    table = workshop.table({"c": ("INTEGER", clusters.tolist())})
    counts_dir = workshop.root / "counts"
    counts_dir.mkdir(exist_ok=True)
    inside = 0
    for seed in range(200):
        found = design_of_draw(
            workshop.database, table, [one_round(method, seed)], [{}], counts_dir=counts_dir
        )
        rules = VarianceRequest(lonely_stratum="adjust")
        total = one(found.design, "total", y[found.ordinals], rules=rules)
        assert total.low is not None
        assert total.high is not None
        inside += total.low <= y.sum() <= total.high
    assert inside / 200 >= 0.93


def test_a_lonely_stratum_is_measured_by_its_drawn_clusters_alone() -> None:
    """Each row is a domain of its own, of a frame of a million clusters."""
    drawn, whole = 1_500, 1_000_000
    strata = np.maximum(np.arange(whole) - (whole - 3), 0)
    chances = np.where(strata == 0, (drawn - 1) / (whole - 2), 0.5)
    strata = np.minimum(strata, 1)
    groups = np.append(np.arange(drawn - 1), whole - 1)
    every = np.ones(whole, dtype=np.int64)
    design = staged(groups, every, np.arange(whole), strata, chances)
    assert design.lonely.tolist() == [False, True]
    rows, t = np.arange(drawn), np.ones(drawn)
    rules = VarianceRequest(lonely_stratum="adjust")
    found = design.variance(rows, rows, t, drawn, rules)
    mean = 1 / drawn
    first = design.layers[0].variances(rows, rows, t, drawn)
    assert found[:-1] == pytest.approx(first[:-1] + 0.5 * mean**2)
    assert found[-1] == pytest.approx(first[-1] + 0.5 * (1 - mean) ** 2)


def test_stata_counts_certain_clusters_as_certain() -> None:
    p, every = np.array([1.0, 0.5, 0.5]), np.ones(3, dtype=np.int64)
    none = np.zeros(3, dtype=np.int64)
    design = staged(np.arange(3), every, np.arange(3), none, p, by_size=True)
    code = design.code({"a": 1, "b": 1, "c": 1})
    assert code.stata_units.endswith("strata(_stratum_number) singleunit(certainty)")
    assert "adds nothing\n* to them (singleunit)" in code.stata
