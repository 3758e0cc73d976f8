"""Clusters in strata, by size and in three stages: drawn again by hand, and how often each is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import TableFiles
from sampling_engine import ClusterMethod, KeyedOrder, Round
from sampling_engine.errors import ClusterInTwoStrata, InvalidNumbers, MinimumExceedsSample
from sampling_engine.methods.cluster.selection import certain_units, chances_by_size
from sampling_engine.selection.keyed import DigestRanks
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.plain_draw import keys_of, rank_of
from tests.sampling_engine.rounds import one_round, warnings_of

BIG_START = 1 << 62


def schools(workshop: Workshop, *, backwards: bool = False) -> TableFiles:
    """15 districts in 3 regions, of 4 to 32 rows; in each up to 4 schools; pupils are 1 to 9."""
    rows = []
    for district in range(15):
        for place in range(4 + 2 * district):
            rows.append((f"r{district % 3}", f"d{district:02}", f"s{place % 4}", 1 + place % 9))
    if backwards:
        rows.reverse()
    names = ("region", "district", "school", "pupils")
    kinds = ("VARCHAR", "VARCHAR", "VARCHAR", "INTEGER")
    columns: dict[str, tuple[str, list[Any]]] = {
        name: (kind, [row[at] for row in rows])
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    return workshop.table(columns, splits=[100])


def drawn_by_hand(
    rows: list[tuple[Any, ...]], method: ClusterMethod, seed: int
) -> dict[int, Fraction]:
    """The drawn rows with their probabilities, by the rules of docs/SAMPLING.md."""
    found: dict[int, Fraction] = {}
    names = ("region", "district", "school", "pupils")
    strata = [names.index(str(each)) for each in method.strata_columns or ()]
    keys = [tuple(row[at] for at in strata) for row in rows]
    districts = sorted({(key, row[1]) for key, row in zip(keys, rows, strict=True)})
    rank = {
        cluster: rank_of(at, len(districts), f"{seed}:clusters")
        for at, cluster in enumerate(districts)
    }
    groups = sorted(
        {
            (key, row[1], row[2] if method.subcluster_column else None)
            for key, row in zip(keys, rows, strict=True)
        },
        key=str,
    )
    group_rank = {
        group: rank_of(at, len(groups), f"{seed}:subclusters") for at, group in enumerate(groups)
    }
    for number, stratum in enumerate(sorted(set(keys))):
        own = [cluster for cluster in districts if cluster[0] == stratum]
        for cluster, chance in clusters_by_hand(rows, own, rank, method, seed, number):
            inside = [group for group in groups if group[:2] == cluster]
            inside.sort(key=lambda group: group_rank[group])
            k = min(method.num_subclusters or len(inside), len(inside))
            for group in inside[:k]:
                line = [
                    at
                    for at, row in enumerate(rows)
                    if row[1] == group[1] and group[2] in (None, row[2])
                ]
                line.sort(key=lambda at: rank_of(at, len(rows), seed))
                n = min(method.samples_per_cluster or len(line), len(line))
                share = chance * Fraction(k, len(inside)) * Fraction(n, len(line))
                found |= dict.fromkeys(line[:n], share)
    return found


def clusters_by_hand(
    rows: list[tuple[Any, ...]],
    own: list[tuple[Any, Any]],
    rank: dict[tuple[Any, Any], int],
    method: ClusterMethod,
    seed: int,
    number: int,
) -> list[tuple[tuple[Any, Any], Fraction]]:
    """The drawn clusters of a stratum with their probabilities."""
    own = sorted(own, key=lambda cluster: rank[cluster])
    n = min(method.num_clusters, len(own))
    if method.cluster_probability == "equal":
        return [(cluster, Fraction(n, len(own))) for cluster in own[:n]]
    size = {
        cluster: sum(row[3] if method.size_column else 1 for row in rows if row[1] == cluster[1])
        for cluster in own
    }
    drawn: list[tuple[tuple[Any, Any], Fraction]] = []
    while n and own:
        total = sum(size[cluster] for cluster in own)
        certain = [cluster for cluster in own if size[cluster] * n >= total]
        if not certain:
            break
        drawn += [(cluster, Fraction(1)) for cluster in certain]
        own = [cluster for cluster in own if cluster not in certain]
        n -= len(certain)
    if not n or not own:
        return drawn
    total = sum(size[cluster] for cluster in own)
    u = inverse_of(number, f"{seed}:cluster starts")
    points = [Fraction(u * total // BIG_START + k * total, n) for k in range(n)]
    first = 0
    for cluster in own:
        if any(first <= point < first + size[cluster] for point in points):
            drawn.append((cluster, Fraction(n * size[cluster], total)))
        first += size[cluster]
    return drawn


def inverse_of(rank: int, seed: str) -> int:
    """The number of 62 bits whose rank this is: the network's rounds backwards."""
    half = 2**31

    def mix(number: int, key: int) -> int:
        number = ((number ^ key) * 0x2C1B3C6D) % 2**31
        number = ((number ^ (number // 2**15)) * 0x297A2D39) % 2**31
        return (number ^ (number // 2**13)) % half

    left, right = divmod(rank, half)
    for key in reversed(keys_of(seed)):
        left, right = right ^ mix(left, key), left
    return left * half + right


DESIGNS: dict[str, ClusterMethod] = {
    "strata": ClusterMethod(cluster_column="district", num_clusters=2, strata_columns=("region",)),
    "strata, some rows": ClusterMethod(
        cluster_column="district",
        num_clusters=3,
        strata_columns=("region",),
        samples_per_cluster=3,
    ),
    "by rows": ClusterMethod(
        cluster_column="district", num_clusters=5, cluster_probability="rows", samples_per_cluster=4
    ),
    "by size, certain": ClusterMethod(
        cluster_column="district",
        num_clusters=4,
        strata_columns=("region",),
        cluster_probability="size",
        size_column="pupils",
        samples_per_cluster=4,
    ),
    "three stages": ClusterMethod(
        cluster_column="district",
        num_clusters=6,
        subcluster_column="school",
        num_subclusters=2,
        samples_per_cluster=2,
    ),
    "three stages by size in strata": ClusterMethod(
        cluster_column="district",
        num_clusters=2,
        strata_columns=("region",),
        cluster_probability="size",
        size_column="pupils",
        subcluster_column="school",
        num_subclusters=3,
        samples_per_cluster=2,
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_draw_by_hand_gives_the_same_rows(workshop: Workshop, name: str) -> None:
    table, method = schools(workshop), DESIGNS[name]
    rows = workshop.rows(table, "region, district, school, pupils")
    for seed in (1, 2, 3):
        for strategy in ("walk", "scan"):
            sample = workshop.draw(table, one_round(method, seed), strategy=strategy)
            chances = workshop.rows(
                sample.table, "_logical_row_id, _inclusion_probability, _design_weight"
            )
            found = {int(str(row).split(":")[1]): (p, w) for row, p, w in chances}
            expected = drawn_by_hand(rows, method, seed)
            assert found.keys() == expected.keys()
            for at, (p, weight) in found.items():
                assert p == pytest.approx(float(expected[at]), rel=1e-15)
                assert weight == pytest.approx(float(1 / expected[at]), rel=1e-15)


def test_clusters_by_rows_give_equal_weights(workshop: Workshop) -> None:
    sample = workshop.draw(schools(workshop), one_round(DESIGNS["by rows"], 5))
    weights = {weight for (weight,) in workshop.rows(sample.table, "_design_weight")}
    assert weights == {270 / 20}


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    count=st.integers(1, 12),
    seed=st.integers(0, 1 << 40),
)
@settings(deadline=None)
def test_a_selection_by_size_has_its_number_and_its_certain_units(
    sizes: list[int], count: int, seed: int
) -> None:
    units = np.flatnonzero(np.array(sizes) > 0)
    zeros = np.zeros(len(sizes), dtype=np.int64)
    ranks = np.random.default_rng(seed).permutation(len(sizes))
    found = chances_by_size(zeros, ranks, sizes, np.array([count]), seed)
    assert found.drawn.sum() == min(count, len(units))
    chances = [Fraction(int(a), int(b)) for a, b in zip(found.parts, found.wholes, strict=True)]
    assert sum(chances) == min(count, len(units))
    assert all(chance <= 1 for chance in chances)
    certain = certain_units(sizes, count)
    assert all(chances[at] == 1 and found.drawn[at] for at in certain)
    assert not any(found.drawn[at] for at, size in enumerate(sizes) if size == 0)
    others = [at for at in range(len(sizes)) if at not in certain and sizes[at] > 0]
    assert len({chances[at] / sizes[at] for at in others}) <= 1


def test_every_cluster_is_drawn_as_often_as_its_size_says() -> None:
    """4,000 seeds: the counts are within 4.5 standard deviations of their probabilities."""
    sizes = [3, 8, 1, 14, 40, 6, 2, 9, 11, 5]
    groups, hits, draws = np.zeros(len(sizes), dtype=np.int64), np.zeros(len(sizes)), 4_000
    pairs: Counter[tuple[int, int]] = Counter()
    chances = np.zeros(len(sizes))
    for seed in range(draws):
        ranks = DigestRanks(f"{seed}:clusters").of(np.arange(len(sizes)) * 977)
        found = chances_by_size(groups, ranks, sizes, np.array([4]), f"{seed}:cluster starts")
        hits += found.drawn
        chances = found.probabilities
        drawn = np.flatnonzero(found.drawn).tolist()
        pairs.update((a, b) for a in drawn for b in drawn if a < b)
    deviations = np.sqrt(draws * chances * (1 - chances))
    assert np.all(np.abs(hits - draws * chances) <= 4.5 * deviations)
    assert hits[4] == draws  # 40 of 99 with four draws
    # Each pair can be drawn, so that variances have estimates.
    assert len(pairs) == 45


@pytest.mark.parametrize("name", ["strata, some rows", "three stages", "by size, certain"])
def test_every_row_is_drawn_as_often_as_stated(workshop: Workshop, name: str) -> None:
    table, method, draws = schools(workshop), DESIGNS[name], 250
    rows = workshop.rows(table, "region, district, school, pupils")
    hits: Counter[int] = Counter()
    sums: dict[int, float] = {}
    for seed in range(draws):
        for at, chance in drawn_by_hand(rows, method, seed).items():
            hits[at] += 1
            sums[at] = float(chance)
    assert len(hits) == len(rows)  # each row has a chance
    misses = [
        (hits[at] - draws * p) / (draws * p * (1 - p)) ** 0.5 for at, p in sums.items() if p < 1
    ]
    # Rows of one cluster are drawn together, so few of the deviations are independent.
    assert max(map(abs, misses)) < 4.5


def test_a_cluster_in_two_strata_is_refused(workshop: Workshop) -> None:
    method = ClusterMethod(cluster_column="school", num_clusters=1, strata_columns=("region",))
    with pytest.raises(ClusterInTwoStrata) as refused:
        workshop.draw(schools(workshop), one_round(method))
    assert refused.value.parameters["cluster"] == "s0"
    assert refused.value.parameters["count"] == 3
    assert refused.value.loc == ("rounds", 0, "parameters", "strata_columns")


def test_a_proportional_number_of_clusters(workshop: Workshop) -> None:
    table = schools(workshop)
    method = ClusterMethod(
        cluster_column="district",
        num_clusters=9,
        strata_columns=("region",),
        cluster_allocation="proportional",
    )
    sample = workshop.draw(table, one_round(method))
    counts = Counter(region for region, _ in set(workshop.rows(sample.table, "region, district")))
    assert counts == {"r0": 3, "r1": 3, "r2": 3}
    too_few = ClusterMethod(
        cluster_column="district",
        num_clusters=5,
        strata_columns=("region",),
        cluster_allocation="proportional",
    )
    with pytest.raises(MinimumExceedsSample):
        workshop.draw(table, one_round(too_few))


def test_clusters_without_a_size(workshop: Workshop) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a", "a", "b", "b", "c", "d"]),
            "size": ("DOUBLE", [1.5, None, 0.0, float("nan"), 2.25, 0.5]),
        }
    )
    method = ClusterMethod(
        cluster_column="shop", num_clusters=4, cluster_probability="size", size_column="size"
    )
    sample = workshop.draw(table, one_round(method))
    assert sorted(set(workshop.rows(sample.table, "shop"))) == [("a",), ("c",), ("d",)]
    assert any("1 of 4 clusters have no size" in each for each in warnings_of(sample.rounds[0]))
    negative = workshop.table({"shop": ("VARCHAR", ["a", "b"]), "size": ("INTEGER", [3, -1])})
    with pytest.raises(InvalidNumbers):
        workshop.draw(negative, one_round(method))


@pytest.mark.parametrize("name", DESIGNS)
def test_a_keyed_order_of_clusters_does_not_depend_on_positions(
    workshop: Workshop, name: str
) -> None:
    """The same districts and schools, all of whose rows are drawn."""
    whole = replace(DESIGNS[name], samples_per_cluster=None)
    found = set()
    for backwards in (False, True):
        one = Round(round_number=1, method=whole, seed=4, order=KeyedOrder(RowKey(("district",))))
        sample = workshop.draw(schools(workshop, backwards=backwards), one)
        found.add(frozenset(workshop.rows(sample.table, "district, school")))
    assert len(found) == 1


def sized(workshop: Workshop, kind: str, sizes: list[Any], clusters: int = 9) -> Any:
    """A draw of clusters of one row by their sizes."""
    names = [f"c{at}" for at in range(len(sizes))]
    table = workshop.table({"shop": ("VARCHAR", names), "size": (kind, sizes)})
    method = ClusterMethod(
        cluster_column="shop",
        num_clusters=clusters,
        cluster_probability="size",
        size_column="size",
    )
    return workshop.draw(table, one_round(method))


def test_no_cluster_with_a_size_is_no_lack_of_rows(workshop: Workshop) -> None:
    (warning,) = warnings_of(sized(workshop, "DOUBLE", [0.0, None]).rounds[0])
    assert "2 of 2 clusters have no size" in warning


def test_all_clusters_with_a_size_are_drawn(workshop: Workshop) -> None:
    found = warnings_of(sized(workshop, "DOUBLE", [1.0, 2.0, None]).rounds[0])
    assert any("only 2 clusters had a size: all of them were drawn" in each for each in found)


def test_halves_of_a_millionth_are_rounded_to_even(workshop: Workshop) -> None:
    """As Spark rounds."""
    found = warnings_of(sized(workshop, "DOUBLE", [0.0000005, 0.0000015, 0.5]).rounds[0])
    assert any("1 of 3 clusters have no size" in each for each in found)


def test_sizes_of_many_digits_are_exact(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def chances(strata: Any, ranks: Any, sizes: list[int], *rest: Any) -> Any:
        given.extend(sizes)
        return chances_by_size(strata, ranks, sizes, *rest)

    monkeypatch.setattr("sampling_engine.methods.cluster.declaration.chances_by_size", chances)
    exact = ["123456789012345678901234567890.12345678", "0.00000001"]
    sized(workshop, "DECIMAL(38,8)", exact, clusters=1)
    assert sorted(given) == [1, 12345678901234567890123456789012345678]
