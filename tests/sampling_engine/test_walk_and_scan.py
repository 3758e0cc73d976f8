"""Walk, scan, list and the plain draw give the same rows, to the last one, for every method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from parquet_tables.progress import ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine import (
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.engines.duckdb_engine import DuckDbEngine
from sampling_engine.engines.engine import DrawState
from sampling_engine.filters import parse_expression
from sampling_engine.selection import strata, walk_and_scan
from sampling_engine.selection.order import SeededOrder
from sampling_engine.selection.walk_and_scan import plan_round
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.draw_cases import (
    TYPES,
    Case,
    cases,
    engine_rounds,
    plain_rounds,
    table_of,
)


@given(case=cases())
@settings(max_examples=50, deadline=None)
def test_walk_scan_and_list_give_the_rows_of_the_plain_draw(workshop: Workshop, case: Case) -> None:
    table = table_of(workshop, case)
    rounds = engine_rounds(case, table)
    walked = workshop.draw(table, *rounds, strategy="walk")
    scanned = workshop.draw(table, *rounds, strategy="scan")
    assert workshop.rows(walked.table) == workshop.rows(scanned.table)
    planned = workshop.draw(table, *rounds)  # lists the rows of a filter
    assert workshop.rows(walked.table) == workshop.rows(planned.table)
    ordinals = workshop.ordinals(walked)
    expected = plain_rounds(case)
    assert ordinals == [ordinal for drawn in expected for ordinal in drawn]
    assert [one.rows_sampled for one in walked.rounds] == [len(drawn) for drawn in expected]
    assert len(set(ordinals) | set(case.deletion_vector)) == len(ordinals) + len(
        case.deletion_vector
    )
    assert walked.drawn_ordinals.tolist() == sorted(ordinals)
    own = workshop.rows(walked.table, ", ".join(TYPES))
    assert own == [tuple(case.rows[ordinal][name] for name in TYPES) for ordinal in ordinals]


@given(case=cases())
@settings(max_examples=25, deadline=None)
def test_sample_and_residual_are_the_table(workshop: Workshop, case: Case) -> None:
    table = table_of(workshop, case)
    sample = workshop.draw(table, *engine_rounds(case, table))
    deletion_vector = np.sort(np.concatenate([table.deletion_vector, sample.drawn_ordinals]))
    residual = TableFiles(table.columns, table.files, deletion_vector)
    assert residual.row_count + sample.rows_sampled == table.row_count
    everything = RandomMethod(sample_fraction=1.0)
    rest = workshop.draw(residual, Round(round_number=1, method=everything, seed=0))
    both = [*sample.drawn_ordinals.tolist(), *workshop.ordinals(rest), *case.deletion_vector]
    assert sorted(both) == list(range(len(case.rows)))


@pytest.mark.parametrize(
    ("condition", "listed"),
    [
        pytest.param("h = 7", 50, id="few"),
        pytest.param("h <= 24", None, id="many of the first rows"),
        pytest.param("h <= 4", None, id="too many by the first rows"),
        pytest.param("i >= 4000", None, id="too many after the first rows"),
        pytest.param("i < 0", 0, id="none"),
    ],
)
def test_few_rows_of_a_filter_are_listed_while_counted(
    workshop: Workshop, condition: str, listed: int | None
) -> None:
    query = "SELECT i, i % 100 AS h FROM range(5000) AS r(i)"
    whole = workshop.table_of(query, splits=[1_700])
    table = TableFiles(whole.columns, whole.files, np.array([7, 4_001]))
    row_filter = parse_expression(condition, table)
    engine = DuckDbEngine(max_listed=100, probe_rows=500, piece_rows=1_300)
    with workshop.database.cursor() as cursor:
        found = engine.list_rows(DrawState(cursor, table), row_filter, None, ignore_progress)
    assert (None if found is None else len(found)) == listed
    random, grid = RandomMethod(sample_size=20), SystematicMethod(sample_size=20)
    rounds = [
        Round(round_number=number, method=method, seed=5, filter=row_filter)
        for number, method in enumerate((random, grid, random), start=1)
    ]
    drawn = [workshop.draw(table, *rounds, engine=one) for one in (engine, DuckDbEngine())]
    drawn.append(workshop.draw(table, *rounds, strategy="walk"))
    assert len({tuple(workshop.ordinals(one)) for one in drawn}) == 1
    assert len({one.rounds[0].eligible_rows for one in drawn}) == 1


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
        chosen = walk_and_scan.scan(
            DrawState(cursor, table),
            order,
            strata.WholeTable(table),
            np.array([400]),
            np.array([500_000]),
            ignore_progress,
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
