"""Monetary unit sampling: each unit of money has the same probability."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, ClassVar, get_args

import numpy as np

from contract.declarations import Help, Initial, Option, Title
from contract.fields import Bounds, Choice, Number, NumberColumn
from domain_errors import Loc
from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.tables import TableFiles
from sampling_engine.errors import DrawWarning, InvalidMethod, InvalidSize, draw_warning, warned
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method, Reserves
from sampling_engine.methods.monetary_unit.account import (
    AT_RANDOM,
    NAME,
    Cumulation,
    MonetaryAccount,
    RowsAndTotal,
    Selection,
    decimal_text,
)
from sampling_engine.methods.monetary_unit.cumulation import CumulatedRows
from sampling_engine.methods.monetary_unit.fixed_interval import (
    fixed_interval_warnings,
    near_interval_share,
    regularity_of,
)
from sampling_engine.methods.monetary_unit.ledger import Ledger, read_ledger
from sampling_engine.methods.monetary_unit.round import MonetaryRound
from sampling_engine.methods.monetary_unit.selection import UnitSelection
from sampling_engine.methods.parameters import SampleSize
from sampling_engine.methods.weighted.weights import TakeAll, take_all_rows
from sampling_engine.selection.order import Int64s
from sampling_engine.sql.passes import RowsOfUnits
from sampling_engine.sql.units import MAX_MONEY, MoneyUnits, Population


class MonetaryUnitMethod(Method):
    """Rows by the units of money in their amounts."""

    book_column: Annotated[
        str,
        NumberColumn(),
        Option("--book"),
        Title("Book amounts"),
        Help("The column of the book amounts."),
    ]
    sample_size: Annotated[
        SampleSize,
        Help(
            "Monetary units to select, with the rows that are always drawn. An amount that several "
            "units lie in is one row."
        ),
    ] = None
    interval: Annotated[
        float | None,
        Number(Bounds(above=0)),
        Help("One unit of money is selected in each interval, such as 12500.50."),
        Initial(10_000),
    ] = None
    selection: Annotated[
        Selection,
        Choice({name: name for name in get_args(Selection)}, usual="cell"),
        Help(
            "A random unit in each cell of an interval's size, which is the default, units at a "
            "fixed interval, or random ones."
        ),
    ] = "fixed_interval"
    population: Annotated[
        Population,
        Choice.of(Population),
        Help(
            "The rows to draw from: with positive amounts, with any by its absolute value, or "
            "with negative ones."
        ),
    ] = "positive"
    order: Annotated[
        Cumulation,
        Choice.of(Cumulation),
        Title("Order of cumulation"),
        Help(
            "The order in which amounts are added up: by the seed, which has nothing to do with "
            "the order of the file, or as in the file."
        ),
    ] = "seeded"

    key: ClassVar = NAME
    title: ClassVar = "Monetary units"
    description: ClassVar = (
        "Every unit of money has the same selection probability, so that of a row is in "
        "proportion to its amount. Rows of at least the interval are always drawn. Give "
        "`sample_size` or `interval`."
    )
    exactly_one_of: ClassVar = (("sample_size", "interval"),)
    planned_by: ClassVar = None
    has_margin_of_error: ClassVar = False
    selects_money: ClassVar = True
    favours: ClassVar = "amount"
    no_keyed_order: ClassVar = (
        "Units of money are selected in the table's order, so they have no keyed order: draw a "
        "weighted sample by the amount."
    )
    reserves: ClassVar[Reserves] = "pareto"

    @property
    def in_random_order(self) -> bool:
        """Units that are selected at random are."""
        return self.selection == AT_RANDOM

    @property
    def favoured_column(self) -> str:
        """The book amounts."""
        return self.book_column

    @property
    def follows_file(self) -> bool:
        """Whether the order of the file has a part in which rows are drawn together."""
        return self.order == "file" and not self.with_replacement

    @property
    def with_replacement(self) -> bool:
        """Whether units are drawn one by one, so that one can be drawn twice."""
        return self.selection == AT_RANDOM

    def check(self, table: TableFiles, loc: Loc) -> None:
        """Refuse an interval that isn't a number of the column's minor units."""
        super().check(table, loc)
        if self.interval is not None:
            self._interval_units(table, (*loc, "interval"))

    def check_combination(self, loc: Loc) -> None:
        """Random units have a number."""
        if self.with_replacement and self.interval is not None:
            raise InvalidMethod(
                "`selection` random needs `sample_size` in place of `interval`.",
                loc=(*loc, "interval"),
            )

    def _units(self, table: TableFiles) -> MoneyUnits:
        return MoneyUnits.of(table.column(self.book_column), self.population)

    def _interval_units(self, table: TableFiles, loc: Loc) -> int:
        """The interval in minor units."""
        decimals = self._units(table).decimals or 0
        units = Decimal(repr(self.interval)).scaleb(decimals)
        if units != units.to_integral_value() or not 0 < units < MAX_MONEY:
            raise InvalidSize(
                "`interval` must be a multiple of {unit}, the smallest unit of the amounts, below "
                "2^62 of them.",
                unit=decimal_text(1, decimals),
                loc=loc,
            )
        return int(units)

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> MonetaryRound:
        """Add the amounts up, and settle the take-all rows, the interval and the units."""
        table = eligible.state.table
        units = self._units(table)
        step = progress_part(on_progress, 0.0, 0.6)
        ledger = read_ledger(eligible, units.column, units, step)
        step = progress_part(on_progress, 0.6, 0.8)
        take_all = self._take_all(eligible, ledger, step)
        amounts = np.zeros(len(take_all.ordinals), dtype=np.int64)
        if len(amounts):
            step = progress_part(on_progress, 0.8, 0.9)
            with watched(eligible.state.cursor, step, "reading take-all rows"):
                state, row_filter = eligible.state, eligible.round_spec.filter
                places, found = state.units_of(units, row_filter, take_all.ordinals)
            amounts[places] = found
        sums = ledger.without(take_all.ordinals, amounts)
        total = int(sums.sum())
        seed = eligible.round_spec.effective_seed
        selection = UnitSelection(self.selection, total, take_all.total, take_all.size, seed)
        count = len(selection.points())
        drawn = RowsAndTotal(len(amounts), sum(amounts.tolist()))
        account = self._account(ledger, selection, count, drawn)
        warnings = [NO_ROW]
        if ledger.rows:
            warnings = [*self._of_population(ledger), *self._of_selection(ledger, count)]
        if self.selection == "fixed_interval":
            step = progress_part(on_progress, 0.9, 0.95)
            share = near_interval_share(eligible, ledger, take_all, selection, step)
            step = progress_part(on_progress, 0.95, 1.0)
            regularity = regularity_of(eligible, ledger, take_all, selection, step)
            account = replace(account, near_interval_share=share, regularity=regularity)
            warnings += fixed_interval_warnings(account, selection)
        allocated = np.array([len(take_all.ordinals) + count], dtype=np.int64)
        prepared = eligible.prepared(allocated, warnings)
        cumulated = CumulatedRows(
            units, sums, ledger.shift, take_all.least, self.order, eligible.round_spec
        )
        return MonetaryRound(replace(prepared, own=account), ledger, take_all, selection, cumulated)

    def _take_all(
        self, eligible: EligibleRows, ledger: Ledger, on_progress: ProgressCallback
    ) -> TakeAll:
        """The rows of at least the interval; ``size`` by ``total`` is the chance of a unit."""
        weights = ledger.weights
        if self.interval is None:
            size = min(self.sample_size or 0, weights.positive)
            return take_all_rows(eligible, weights, size, on_progress)
        interval = self._interval_units(eligible.state.table, (*eligible.loc, "interval"))
        ordinals: Int64s = np.empty(0, dtype=np.int64)
        if weights.largest >= interval:
            wanted = RowsOfUnits(ledger.units, eligible.round_spec.filter, interval)
            ordinals = eligible.state.run(wanted, on_progress).ordinals
        return TakeAll(ordinals, 1, interval, interval, interval, np.empty(0, dtype=np.int64))

    def _account(
        self, ledger: Ledger, selection: UnitSelection, count: int, take_all: RowsAndTotal
    ) -> MonetaryAccount:
        return MonetaryAccount(
            book_column=ledger.units.column.name,
            decimals=ledger.units.decimals or 0,
            population=self.population,
            selection=self.selection,
            order=self.order,
            positive=ledger.positive,
            zero=RowsAndTotal(ledger.zero_rows, 0),
            negative=ledger.negative,
            missing_rows=ledger.missing_rows,
            take_all=take_all,
            interval=selection.interval,
            units=count,
        )

    def _of_population(self, ledger: Ledger) -> list[DrawWarning]:
        """Rows that can't be drawn, and amounts that were rounded."""
        warnings = []
        outside = ledger.rows - ledger.population_rows
        if outside:
            others = {
                "positive": ledger.negative.rows,
                "negative": ledger.positive.rows,
                "absolute": 0,
            }[self.population]
            warnings.append(
                draw_warning(
                    "rows_outside_population",
                    "{outside} of {rows} eligible rows can't be drawn: {others} {others|has|have} "
                    "an amount of the other sign, {zero} an amount of 0, {missing} no amount.",
                    outside=outside,
                    rows=ledger.rows,
                    others=others,
                    zero=ledger.zero_rows,
                    missing=ledger.missing_rows,
                )
            )
        warnings += warned(
            ledger.rounded,
            "amounts_rounded",
            "{rounded} {rounded|amount has|amounts have} a fraction of {unit}: {rounded|it counts|"
            "they count} as the nearest multiple.",
            rounded=ledger.rounded,
            unit=decimal_text(1, ledger.units.decimals or 0),
        )
        return warnings

    def _of_selection(self, ledger: Ledger, count: int) -> list[DrawWarning]:
        """A size that takes all rows, and units that may lie in one row."""
        warnings = []
        size = self.sample_size
        warnings += warned(
            size is not None and size > ledger.population_rows,
            "all_amounts_drawn",
            "`sample_size` is {requested}, but only {rows} eligible {rows|row|rows} can be drawn: "
            "all of them were drawn.",
            requested=size,
            rows=ledger.population_rows,
        )
        warnings += warned(
            self.selection != "fixed_interval" and count > 1,
            "units_may_coincide",
            "Several of the {units} selected units can lie in one row, so the sample can "
            "have fewer rows than planned; `_hits` counts them.",
            units=count,
        )
        return warnings
