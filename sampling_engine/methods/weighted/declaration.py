"""Sampling with probability proportional to size: Pareto order sampling (Rosén 1997)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from contract.declarations import Help, Initial, Option, Title
from contract.fields import Bounds, Count, NumberColumn
from contract.requests.draw import FIRST_DRAW_VERSION
from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.errors import DrawWarning, draw_warning, warned
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method, PlannedBy, Reserves
from sampling_engine.methods.weighted.inclusion import read_size_groups
from sampling_engine.methods.weighted.round import WeightedRound, uniform_order
from sampling_engine.methods.weighted.weights import Weights, read_weights, take_all_rows
from sampling_engine.sql.units import Units


@dataclass(frozen=True, kw_only=True)
class WeightedMethod(Method):
    """Probability proportional to size."""

    sample_size: Annotated[
        int,
        Count(Bounds(1)),
        Option("--size"),
        Title("Rows"),
        Help("Rows to draw, or all eligible rows if there are fewer."),
        Initial(100),
    ]
    weight_column: Annotated[
        str,
        NumberColumn(),
        Option("--weight"),
        Help("A column of numbers, none of them negative or infinite."),
    ]

    key: ClassVar = "weighted"
    title: ClassVar = "Proportional to amount"
    description: ClassVar = (
        "Pareto sampling: a row's inclusion probability is in proportion to its weight, "
        "approximately in small samples. Rows whose probability would reach 1 are always drawn; "
        "rows whose weight is NULL, NaN or 0 never."
    )
    exactly_one_of: ClassVar = (("sample_size",),)
    planned_by: ClassVar[PlannedBy | None] = "weights"
    has_margin_of_error: ClassVar = False
    favours: ClassVar = "weight"
    reserves: ClassVar[Reserves] = "pareto"

    @property
    def favoured_column(self) -> str:
        """The weights."""
        return self.weight_column

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> WeightedRound:
        """Read the weights, and settle the take-all rows."""
        rows = eligible.total
        column = eligible.state.table.column(self.weight_column)
        weights = Weights(Units(column), 0, 0, 0, 0)
        if rows:
            weights = read_weights(eligible, column, progress_part(on_progress, 0.0, 0.7))
        size = min(self.sample_size, weights.positive)
        warnings = [] if rows else [NO_ROW]
        if weights.positive < rows:
            warnings.append(_weightless_warning(weights, rows))
        warnings += warned(
            rows and size < self.sample_size,
            "all_weighted_rows_drawn",
            "`sample_size` is {requested}, but only {size} eligible rows have a weight: "
            "all of them were drawn.",
            requested=self.sample_size,
            size=size,
        )
        step = progress_part(on_progress, 0.7, 0.9)
        take_all = take_all_rows(eligible, weights, size, step)
        groups = None
        if eligible.round_spec.draw_version != FIRST_DRAW_VERSION:
            step = progress_part(on_progress, 0.9, 1.0)
            groups = read_size_groups(eligible, weights, take_all, step)
        prepared = eligible.prepared(np.array([size], dtype=np.int64), warnings)
        order = uniform_order(eligible.state, eligible.round_spec)
        return WeightedRound(prepared, weights, take_all, groups, order)


def _weightless_warning(weights: Weights, rows: int) -> DrawWarning:
    """A floating-point number below half a unit counts as 0, and the warning says so."""
    units, tiny = weights.units, ""
    if units.decimals is None:
        tiny = f" and numbers below {0.5 / units.factor:.3g}, too small beside the largest,"
    return draw_warning(
        "rows_without_weight",
        '{without} of {rows} eligible rows have no weight in "{column}": they can\'t be drawn. '
        "NULL, NaN and 0{tiny} count as none.",
        without=rows - weights.positive,
        rows=rows,
        column=units.column.name,
        tiny=tiny,
    )
