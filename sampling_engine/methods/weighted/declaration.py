"""Sampling with probability proportional to size.

Pareto order sampling (Rosén 1997), or systematic selection (Madow 1949).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from contract.declarations import Help, Initial, Option, Title, UsedWith
from contract.fields import Bounds, Choice, Count, Flag, Number, NumberColumn
from contract.requests.draw import FIRST_DRAW_VERSION
from domain_errors import Loc
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.tables import TableFiles
from sampling_engine.errors import (
    DrawWarning,
    InvalidMethod,
    InvalidSize,
    draw_warning,
    warned,
)
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method, PlannedBy, Reserves
from sampling_engine.methods.parameters import SortColumns, SortRule, line_of
from sampling_engine.methods.weighted.inclusion import read_size_groups
from sampling_engine.methods.weighted.round import WeightedRound, uniform_order
from sampling_engine.methods.weighted.systematic_round import SystematicWeightedRound
from sampling_engine.methods.weighted.weights import (
    Weights,
    read_uncertainties,
    read_weights,
    take_all_rows,
)
from sampling_engine.spec import KeyedOrder
from sampling_engine.sql.lines import SERPENTINE, line_text
from sampling_engine.sql.units import TAKE_ALL_UNITS, UncertaintyUnits, Units, millionths

SizedSelection = Literal["pareto", "systematic"]
PARETO: SizedSelection = "pareto"
SYSTEMATIC: SizedSelection = "systematic"
MissingRule = Literal["take_all", "floor"]
FLOOR: MissingRule = "floor"
DEFAULT_FLOOR = 0.05
MAX_DECIMALS = 15
"""Decimal places of a probability that a double has exactly, as a quotient of two integers."""
OF_UNCERTAINTY = ("uncertainty_floor", "uncertainty_missing")


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
        Help(
            "A column of numbers, none of them negative or infinite; with `uncertainty` "
            "a column of probabilities from 0 to 1."
        ),
    ]
    uncertainty: Annotated[
        bool,
        Flag(),
        Title("By uncertainty"),
        Help(
            "The weight is √(p(1 − p)) of a probability p in `weight_column`, such as a judge's "
            "score, so that rows about which the judge is least sure are drawn most often."
        ),
    ] = False
    uncertainty_floor: Annotated[
        float | None,
        Number(Bounds(0.000001, 0.5)),
        Title("Least weight"),
        Help(
            "With `uncertainty`: the least weight of a row, so that every row can be "
            "drawn. A p of one half has the weight 0.5. Default: 0.05."
        ),
        UsedWith({"uncertainty": ()}),
    ] = None
    uncertainty_missing: Annotated[
        MissingRule | None,
        Choice({"take_all": "Draw them all", "floor": "The least weight"}),
        Title("Rows without a probability"),
        Help(
            "With `uncertainty`: draw all rows whose p is NULL (the default), or give them the "
            "least weight."
        ),
        UsedWith({"uncertainty": ()}),
    ] = None
    selection: Annotated[
        SizedSelection,
        Choice.of(SizedSelection),
        Help(
            "`pareto`: the first rows of an order by random numbers and weights. `systematic`: at "
            "equal distances along the cumulated weights, in the table's order or sorted."
        ),
    ] = PARETO
    sort_columns: Annotated[SortColumns, UsedWith({"selection": (SYSTEMATIC,)})] = None
    sort_order: SortRule = SERPENTINE

    key: ClassVar = "weighted"
    title: ClassVar = "Proportional to amount"
    description: ClassVar = (
        "Pareto sampling: a row's inclusion probability is in proportion to its weight, "
        "approximately in small samples; exactly by systematic selection. Rows whose probability "
        "would reach 1 are always drawn; rows whose weight is NULL, NaN or 0 never. The weight can "
        "be the uncertainty √(p(1 − p)) of a probability."
    )
    exactly_one_of: ClassVar = (("sample_size",),)
    planned_by: ClassVar[PlannedBy | None] = "weights"
    has_margin_of_error: ClassVar = False
    favours: ClassVar = "weight"
    reserves: ClassVar[Reserves] = "pareto"

    @property
    def favoured_column(self) -> str | None:
        """The weights, if they are the column's values."""
        return None if self.uncertainty else self.weight_column

    @property
    def takes_missing(self) -> bool:
        """Whether all rows without a probability are drawn."""
        return self.uncertainty and self.uncertainty_missing != FLOOR

    def units_of(self, table: TableFiles) -> UncertaintyUnits | None:
        """The units of weights that are uncertainties; None of values, which depend on the rows."""
        if not self.uncertainty:
            return None
        least = millionths(
            DEFAULT_FLOOR if self.uncertainty_floor is None else self.uncertainty_floor
        )
        missing = TAKE_ALL_UNITS if self.takes_missing else least
        return UncertaintyUnits(table.column(self.weight_column), 6, least=least, missing=missing)

    def weights_of(self, eligible: EligibleRows, on_progress: ProgressCallback) -> Weights:
        """Sum the weights of the eligible rows."""
        table = eligible.state.table
        units = self.units_of(table)
        if units is not None:
            return read_uncertainties(eligible, units, on_progress)
        return read_weights(eligible, table.column(self.weight_column), on_progress)

    @property
    def is_at_distances(self) -> bool:
        """Those of a systematic selection."""
        return self.selection == SYSTEMATIC

    @property
    def sorted_by(self) -> str | None:
        """The order by the columns."""
        if self.sort_columns is None:
            return None
        return line_text(self.sort_columns, self.sort_order)

    @property
    def no_reserves(self) -> str | None:
        """The rows between two points have no order."""
        if self.selection == PARETO:
            return None
        return (
            "A systematic selection has no reserves: the rows between the drawn ones have no "
            "order. Draw another round, or select by `pareto`."
        )

    def check(self, table: TableFiles, loc: Loc) -> None:
        """Refuse columns that the table doesn't have, or whose values have no order."""
        super().check(table, loc)
        line_of(table, self.sort_columns, self.sort_order, loc)
        digits = table.column(self.weight_column).data_type.digits
        if self.uncertainty and digits and digits[1] > MAX_DECIMALS:
            raise InvalidMethod(
                '"{column}" has {decimals} decimal places; a probability has up to {most}, or is a '
                "floating-point number.",
                column=self.weight_column,
                decimals=digits[1],
                most=MAX_DECIMALS,
                loc=(*loc, "weight_column"),
            )

    def check_combination(self, loc: Loc) -> None:
        """Pareto sampling has an order of its own; a floor is of uncertainties."""
        for name in OF_UNCERTAINTY:
            if not self.uncertainty and getattr(self, name) is not None:
                raise InvalidMethod(f"`{name}` needs `uncertainty`.", loc=(*loc, name))
        if self.selection == PARETO and self.sort_columns is not None:
            raise InvalidMethod(
                "`sort_columns` needs `selection` systematic: Pareto sampling takes rows in a "
                "random order.",
                loc=(*loc, "sort_columns"),
            )

    def check_order(self, table: TableFiles, order: KeyedOrder, loc: Loc) -> None:
        """Points lie along the table's order, or along columns."""
        if self.selection == SYSTEMATIC:
            raise InvalidKey(
                "A systematic selection takes rows at equal distances along the table's order or "
                "a sort, so it has no keyed order: select by `pareto`.",
                loc=loc,
            )
        super().check_order(table, order, loc)

    def scans(self, *, is_filtered: bool) -> int:
        """A systematic selection sorts the rows, and groups those of leading columns."""
        more = 0 if self.selection == PARETO else min(len(self.sort_columns or "1"), 2) - 1
        return super().scans(is_filtered=is_filtered) + more

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> WeightedRound:
        """Read the weights, and settle the take-all rows."""
        rows = eligible.total
        column = eligible.state.table.column(self.weight_column)
        weights = Weights(Units(column), 0, 0, 0, 0)
        if rows:
            weights = self.weights_of(eligible, progress_part(on_progress, 0.0, 0.7))
        size = min(self.sample_size, weights.positive)
        warnings = [] if rows else [NO_ROW]
        if weights.missing:
            warnings.append(self._missing_warning(weights, size, eligible.loc))
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
        is_pareto = self.selection == PARETO
        if is_pareto and eligible.round_spec.draw_version != FIRST_DRAW_VERSION:
            step = progress_part(on_progress, 0.9, 1.0)
            groups = read_size_groups(eligible, weights, take_all, step)
        prepared = eligible.prepared(np.array([size], dtype=np.int64), warnings)
        order = uniform_order(eligible.state, eligible.round_spec)
        if not is_pareto:
            line = line_of(eligible.state.table, self.sort_columns, self.sort_order)
            return SystematicWeightedRound(prepared, weights, take_all, None, order, line)
        return WeightedRound(prepared, weights, take_all, groups, order)

    def _missing_warning(self, weights: Weights, size: int, loc: Loc) -> DrawWarning:
        """The number of rows without a probability; they must leave rows to be drawn by chance."""
        if self.takes_missing and weights.missing >= size < weights.positive:
            raise InvalidSize(
                '{missing} of {rows} eligible rows have no value in "{column}" and are all drawn, '
                "so `sample_size` must be above {missing}. Raise it, or give `uncertainty_missing` "
                "floor.",
                missing=weights.missing,
                rows=weights.rows,
                column=self.weight_column,
                loc=(*loc, "sample_size"),
            )
        rule = (
            "all of them are drawn. `uncertainty_missing` floor gives them the least weight "
            "instead."
            if self.takes_missing
            else "they have the least weight."
        )
        return draw_warning(
            "rows_without_probability",
            '{missing} of {rows} eligible rows have no value in "{column}": ' + rule,
            missing=weights.missing,
            rows=weights.rows,
            column=self.weight_column,
        )


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
