"""Walk, scan and the plain draw give the same rows, to the last one, for every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parquet_tables.progress import no_report
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    scan,
    strata,
)
from sampling_engine.filters import parse_expression
from sampling_engine.order import SeededOrder
from sampling_engine.planner import plan_round
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.plain_draw import Row

VALUES = st.none() | st.sampled_from(["", "a", "b", "NULL", "Ä", "a | b"])
ROWS = st.fixed_dictionaries(
    {
        "k": VALUES,
        "l": st.sampled_from(["x", None]),
        "v": st.none() | st.integers(-9, 9),
        "w": st.none() | st.integers(0, 5) | st.integers(0, 10**6),
        "f": st.none() | st.sampled_from([0.0, 0.25, 1.0, 7.5, 1e6]),
    }
)
TYPES = {"k": "VARCHAR", "l": "VARCHAR", "v": "INTEGER", "w": "BIGINT", "f": "DOUBLE"}
FILTERS: dict[str | None, Callable[[Row], bool]] = {
    None: lambda row: True,
    "v > 0": lambda row: row["v"] is not None and row["v"] > 0,  # type: ignore[operator]
    "k = 'a' OR l IS NULL": lambda row: row["k"] == "a" or row["l"] is None,
    "v > 100": lambda row: False,
}
SIZES = st.integers(1, 60)
METHODS = st.one_of(
    st.builds(RandomMethod, sample_size=SIZES),
    st.builds(RandomMethod, sample_fraction=st.sampled_from([0.01, 0.15, 0.5, 1.0])),
    st.builds(
        StratifiedMethod,
        strata_columns=st.sampled_from([("k",), ("l",), ("l", "k")]),
        sample_size=st.integers(20, 60),
        min_per_stratum=st.integers(0, 1),
        allocation=st.sampled_from(["proportional", "equal"]),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k", "l")),
        samples_per_stratum=st.integers(1, 5),
    ),
    st.builds(
        StratifiedMethod,
        strata_columns=st.just(("k",)),
        sample_size=SIZES,
        allocation=st.just("neyman"),
        allocation_column=st.just("v"),
    ),
    st.builds(SystematicMethod, interval=st.integers(1, 12)),
    st.builds(SystematicMethod, interval=st.integers(5, 12), start=st.integers(1, 5)),
    st.builds(SystematicMethod, sample_size=SIZES),
    st.builds(ClusterMethod, cluster_column=st.sampled_from("klv"), num_clusters=st.integers(1, 4)),
    st.builds(
        ClusterMethod,
        cluster_column=st.just("k"),
        num_clusters=st.integers(1, 4),
        samples_per_cluster=st.integers(1, 4),
    ),
    st.builds(
        ClusterMethod,
        cluster_column=st.just("k"),
        num_clusters=st.integers(1, 4),
        sample_percentage=st.sampled_from([0.5, 12.5, 50.0, 100.0]),
    ),
    st.builds(WeightedMethod, sample_size=SIZES, weight_column=st.sampled_from("wf")),
)


@dataclass
class Case:
    rows: list[Row]
    rounds: list[tuple[Method, str | None]]
    seed: int
    splits: list[int]
    left_out: list[int] = field(default_factory=list)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = draw(st.lists(ROWS, min_size=1, max_size=90))
    one_round = st.tuples(METHODS, st.sampled_from([None, None, *FILTERS]))
    places = st.integers(0, len(rows) - 1)
    return Case(
        rows,
        draw(st.lists(one_round, min_size=1, max_size=3)),
        draw(st.integers(0, 1_000)),
        sorted(draw(st.lists(places, max_size=2))),
        sorted(draw(st.sets(places, max_size=8) | st.just(set()))),
    )


def plain_rounds(case: Case) -> list[list[int]]:
    taken = set(case.left_out)
    drawn: list[list[int]] = []
    for method, text in case.rounds:
        eligible = plain_draw.eligible_rows(case.rows, FILTERS[text], taken)
        drawn.append(plain_round(case, method, eligible))
        taken |= set(drawn[-1])
    return drawn


def plain_round(case: Case, method: Method, eligible: list[int]) -> list[int]:
    count = len(case.rows)
    if isinstance(method, RandomMethod):
        taken = set(range(count)) - set(eligible)
        return plain_draw.draw_random(count, taken, plain_total(method, len(eligible)), case.seed)
    if isinstance(method, SystematicMethod):
        size, start = method.sample_size, method.start
        return plain_draw.draw_systematic(eligible, method.interval, size, start, case.seed)
    if isinstance(method, ClusterMethod):
        groups = plain_draw.groups_of(case.rows, eligible, [method.cluster_column])
        each, percentage = method.samples_per_cluster, method.sample_percentage
        return plain_draw.draw_clusters(
            groups, method.num_clusters, each, percentage, count, case.seed
        )
    if isinstance(method, WeightedMethod):
        values = {at: case.rows[at][method.weight_column] for at in eligible}
        weights = {at: Fraction(value) for at, value in values.items() if value}  # type: ignore[arg-type]
        return list(plain_draw.draw_weighted(weights, method.sample_size, count, case.seed))
    groups = plain_draw.groups_of(case.rows, eligible, method.strata_columns)
    sizes = plain_sizes(case, method, groups)
    return plain_draw.draw_stratified(groups, sizes, count, case.seed)


def plain_sizes(
    case: Case, method: StratifiedMethod, groups: dict[plain_draw.Key, list[int]]
) -> list[int]:
    there = [len(ordinals) for ordinals in groups.values()]
    if method.samples_per_stratum is not None:
        return [min(method.samples_per_stratum, size) for size in there]
    least = [min(method.min_per_stratum, size) for size in there]
    total = plain_total(method, sum(there))
    if not there or method.allocation == "proportional":
        return plain_draw.share_out(there, total, least, there) if there else []
    if method.allocation == "equal":
        return plain_draw.share_out([1] * len(there), total, least, there)
    values = [row["v"] for row in case.rows]
    shares = plain_draw.deviation_shares(groups, values)  # type: ignore[arg-type]
    return plain_draw.share_out_by(shares, there, total, least)


def plain_total(method: RandomMethod | StratifiedMethod, left: int) -> int:
    if method.sample_fraction is not None:
        return int(left * method.sample_fraction + 0.5)
    return min(method.sample_size or 0, left)


def table_of(workshop: Workshop, case: Case) -> TableFiles:
    columns = {name: (kind, [row[name] for row in case.rows]) for name, kind in TYPES.items()}
    table = workshop.table(columns, splits=case.splits)
    return TableFiles(table.columns, table.files, np.array(case.left_out, dtype=np.int64))


def engine_rounds(case: Case, table: TableFiles) -> list[Round]:
    return [
        Round(
            round_number=number,
            method=method,
            seed=case.seed,
            filter=parse_expression(text, table) if text else None,
        )
        for number, (method, text) in enumerate(case.rounds, start=1)
    ]


@given(case=cases())
@settings(max_examples=50, deadline=None)
def test_walk_and_scan_give_the_rows_of_the_plain_draw(workshop: Workshop, case: Case) -> None:
    table = table_of(workshop, case)
    rounds = engine_rounds(case, table)
    walked = workshop.draw(table, *rounds, strategy="walk")
    scanned = workshop.draw(table, *rounds, strategy="scan")
    assert workshop.rows(walked.table) == workshop.rows(scanned.table)
    ordinals = workshop.ordinals(walked)
    expected = plain_rounds(case)
    assert ordinals == [ordinal for drawn in expected for ordinal in drawn]
    assert [one.rows_sampled for one in walked.rounds] == [len(drawn) for drawn in expected]
    assert len(set(ordinals) | set(case.left_out)) == len(ordinals) + len(case.left_out)
    assert walked.drawn_ordinals.tolist() == sorted(ordinals)
    own = workshop.rows(walked.table, "k, l, v, w, f")
    assert own == [tuple(case.rows[ordinal][name] for name in TYPES) for ordinal in ordinals]


@given(case=cases())
@settings(max_examples=25, deadline=None)
def test_sample_and_residual_are_the_table(workshop: Workshop, case: Case) -> None:
    table = table_of(workshop, case)
    sample = workshop.draw(table, *engine_rounds(case, table))
    left_out = np.sort(np.concatenate([table.left_out, sample.drawn_ordinals]))
    residual = TableFiles(table.columns, table.files, left_out)
    assert residual.row_count + sample.rows_sampled == table.row_count
    everything = RandomMethod(sample_fraction=1.0)
    rest = workshop.draw(residual, Round(round_number=1, method=everything, seed=0))
    both = [*sample.drawn_ordinals.tolist(), *workshop.ordinals(rest), *case.left_out]
    assert sorted(both) == list(range(len(case.rows)))


def test_common_strata_are_walked_and_rare_ones_scanned_for_the_same_rows(
    workshop: Workshop,
) -> None:
    table = workshop.table_of(
        "SELECT CASE WHEN i % 50000 = 7 THEN 'rare' WHEN i % 3 = 0 THEN 'a' ELSE 'b' END AS k "
        "FROM range(200000) AS r(i)",
        splits=[70_000, 150_001],
    )
    method = StratifiedMethod(strata_columns=("k",), samples_per_stratum=3)
    both = workshop.draw(table, Round(round_number=1, method=method, seed="mixed"))
    assert both.rounds[0].run_by == "walk+scan"
    for strategy in ("walk", "scan"):
        forced = workshop.draw(
            table, Round(round_number=1, method=method, seed="mixed"), strategy=strategy
        )
        assert forced.rounds[0].run_by == strategy
        assert workshop.rows(forced.table) == workshop.rows(both.table)


def test_a_scan_whose_threshold_leaves_too_few_rows_scans_again(workshop: Workshop) -> None:
    """Eligible rows overstated a hundredfold make the first threshold far too low."""
    table = workshop.table_of("SELECT i FROM range(5000) AS r(i)")
    order = SeededOrder(5_000, 1)
    with workshop.database.cursor() as cursor:
        cursor.register("taken", {"ordinal": np.empty(0, dtype=np.int64)})
        chosen = scan.scan(
            cursor,
            table,
            order,
            strata.WholeTable(table),
            np.array([400]),
            np.array([500_000]),
            no_report,
        )
    assert (chosen.ordinals == order.first(400)).all()


def test_the_planner_scans_only_strata_that_a_walk_would_look_for_too_long() -> None:
    order = SeededOrder(10_000_000, 1)
    eligible = np.array([9_999_900, 100])
    plan = plan_round(np.array([1_000, 5]), eligible, order, None)
    assert plan.walked.tolist() == [1_000, 0]
    assert plan.scanned.tolist() == [0, 5]
    all_but_few = np.array([9_000_000]), np.array([10_000_000])
    assert plan_round(*all_but_few, order, None).run_by == "scan"
    assert plan_round(*all_but_few, order, None, look_up=False).run_by == "walk"
    assert plan_round(np.array([0, 0]), eligible, order, None).run_by == "walk"
    assert plan_round(np.array([1_000, 5]), eligible, order, "walk").run_by == "walk"
    assert plan_round(np.array([1_000, 5]), eligible, order, "scan").run_by == "scan"


@pytest.mark.parametrize(("size", "by"), [(100, "walk"), (60_000, "scan")])
def test_a_weighted_draw_of_few_rows_walks_and_of_many_scans(
    workshop: Workshop, size: int, by: str
) -> None:
    table = workshop.table_of("SELECT 1 + i % 9 AS w FROM range(100000) AS r(i)", splits=[40_000])
    method = WeightedMethod(sample_size=size, weight_column="w")
    one = Round(round_number=1, method=method, seed=3)
    planned = workshop.draw(table, one)
    assert planned.rounds[0].run_by == by
    other = workshop.draw(table, one, strategy="scan" if by == "walk" else "walk")
    assert workshop.rows(planned.table) == workshop.rows(other.table)
