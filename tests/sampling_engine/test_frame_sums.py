"""Sums by group and domain are exact, in any layout, and of the rows that can be drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from parquet_tables.progress import ignore_progress
from parquet_tables.tables import Column, TableFiles
from sampling_engine import RandomMethod, Round, WeightedMethod, frame
from sampling_engine.engines.engine import DrawState
from sampling_engine.errors import TooManyStrata
from sampling_engine.filters import parse_conditions, parse_expression
from sampling_engine.frame import FrameSums, Variable, fine_histogram, read_frame
from sampling_engine.methods.weighted.weights import read_weights
from sampling_engine.rounds import eligible_rows
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by, one_round

QUERY = (
    "SELECT i AS id, i % 3 AS shop, CASE WHEN i % 5 > 0 THEN i % 5 END AS k0, "
    "CASE WHEN i % 7 > 0 THEN CAST(i * 0.37 AS DECIMAL(9, 2)) END AS amount, "
    "CASE WHEN i % 11 = 0 THEN 'nan'::DOUBLE ELSE sqrt(i) - 5 END AS rough FROM range(1000) AS r(i)"
)
NUMBERS = np.arange(1000)
SHOPS, DOMAINS = NUMBERS % 3, NUMBERS % 5
AMOUNTS = np.array([round(Fraction(37, 100) * i * 100) for i in range(1000)]) / 100


def read(workshop: Workshop, table: TableFiles, spec: Round, **more: Any) -> FrameSums:
    with workshop.database.cursor(table) as cursor:
        state = DrawState(cursor, table)
        eligible = eligible_rows(state, spec, ignore_progress)
        variables = [Variable(table.column("amount")), Variable(table.column("rough"))]
        wanted = [{"column": "shop", "operator": "=", "value": 1}]
        condition = parse_conditions(wanted, "AND", table, loc=()).condition("f")
        variables.append(Variable(table.column("shop"), condition))
        units = None
        if isinstance(spec.method, WeightedMethod):
            column = table.column(spec.method.weight_column)
            units = read_weights(eligible, column, ignore_progress).units
        return read_frame(eligible, variables, **more, on_progress=ignore_progress, weights=units)


def value(found: FrameSums, variable: int, figures: np.ndarray) -> np.ndarray:
    """Figures in the column's own units."""
    one = found.variables[variable]
    return np.array(
        [float((u + one.offset * n) * one.unit) for u, n in zip(figures, one.counts, strict=True)]
    )


@pytest.mark.parametrize("layout", ["one file", "three files", "deleted", "filtered"])
def test_sums_are_those_of_the_rows(workshop: Workshop, layout: str) -> None:
    table = workshop.table_of(QUERY, splits=[300, 310] if layout == "three files" else [])
    inside = np.ones(1000, dtype=bool)
    spec = by("shop", sample_size=5)
    row_filter = None
    if layout == "deleted":
        gone = np.arange(0, 1000, 4)
        inside[gone] = False
        table = replace(table, deletion_vector=gone)
    if layout == "filtered":
        inside &= NUMBERS < 600
        row_filter = parse_expression("id < 600", table)
    found = read(
        workshop, table, replace(one_round(spec), filter=row_filter), by=[Column("k0", "BIGINT")]
    )
    assert [each["k0"] for each in found.domains_by] == [1, 2, 3, 4, None]
    assert found.group_rows.tolist() == [int((inside & (g == SHOPS)).sum()) for g in range(3)]
    for cell, (group, domain) in enumerate(zip(found.groups, found.domains, strict=True)):
        key = (domain + 1) % 5
        rows = inside & (group == SHOPS) & (key == DOMAINS)
        present = rows & (NUMBERS % 7 > 0)
        amount, rough, share = found.variables
        assert amount.counts[cell] == present.sum()
        assert value(found, 0, amount.sums)[cell] == pytest.approx(AMOUNTS[present].sum())
        numbers = np.sqrt(NUMBERS[rows & (NUMBERS % 11 > 0)]) - 5
        assert rough.counts[cell] == len(numbers)
        assert value(found, 1, rough.sums)[cell] == pytest.approx(numbers.sum())
        second = rough.squares[cell] + 2 * rough.offset * rough.sums[cell]
        second += rough.offset**2 * int(rough.counts[cell])
        assert float(second * rough.unit**2) == pytest.approx((numbers**2).sum())
        assert (share.counts[cell], share.sums[cell]) == (rows.sum(), rows.sum() * (group == 1))


def test_sums_are_the_same_to_the_last_digit_in_any_layout(workshop: Workshop) -> None:
    spec = one_round(by("shop", sample_size=5))
    found = []
    for splits in ([], [1], [100, 500, 999]):
        table = workshop.table_of(QUERY, splits=splits, row_group_rows=2048)
        sums_of = read(workshop, table, spec, by=[])
        found.append([(each.sums.tolist(), each.squares.tolist()) for each in sums_of.variables])
    assert found[0] == found[1] == found[2]


def test_weights_make_groups_of_like_sizes(workshop: Workshop) -> None:
    table = workshop.table_of(QUERY)
    spec = one_round(WeightedMethod(sample_size=5, weight_column="amount"))
    found = read(workshop, table, spec, by=[])
    weights = found.group_weights
    assert weights is not None
    assert (np.diff(weights) < 0).all()
    present = (NUMBERS % 7 > 0) & (NUMBERS > 0)
    assert found.group_rows.sum() == present.sum()
    shares = weights * found.group_rows
    assert shares / shares.sum() @ np.ones(len(weights)) == pytest.approx(1)
    assert weights[0] / weights[-1] == pytest.approx(
        AMOUNTS.max() / AMOUNTS[present].min(), rel=0.01
    )


def test_too_many_combinations_are_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "MAX_CELLS", 100)
    table = workshop.table_of(QUERY)
    with pytest.raises(TooManyStrata, match="1,000 combinations"):
        read(workshop, table, one_round(by("id", sample_size=5)), by=[])


def test_a_fine_histogram_counts_every_value(workshop: Workshop) -> None:
    table = replace(workshop.table_of(QUERY), deletion_vector=np.arange(10))
    with workshop.database.cursor(table) as cursor:
        eligible = eligible_rows(
            DrawState(cursor, table), one_round(RandomMethod(sample_size=1)), ignore_progress
        )
        found = fine_histogram(eligible, table.column("rough"), ignore_progress)
        assert found is not None
        numbers = np.sqrt(NUMBERS[(NUMBERS >= 10) & (NUMBERS % 11 > 0)]) - 5
        assert found.rows.sum() == len(numbers)
        assert found.edges[0] <= numbers.min()
        assert found.edges[-1] > numbers.max()
        for value in (-4.0, -0.5, 0.5, 10.0):
            at = int(np.searchsorted(found.edges, value))
            assert found.rows[:at].sum() == (numbers < found.edges[at]).sum()
            assert found.edges[at] == pytest.approx(value, rel=0.004, abs=1e-5)
