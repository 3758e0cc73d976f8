"""Totals of a population that are known from outside: from the request, or from a census."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Literal

from application.access import Caller
from contract.requests.estimate import CalibrateRequest
from contract.requests.weighting import CensusRequest, KnownTotalRequest
from domain_errors import Loc, choices_sentence, located
from estimation_engine import InvalidCalibration, Statistic, is_number, is_summable, true_values
from estimation_engine.population import GroupKey
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Column, UnknownColumn
from presentation.content import float_text
from service.tables.open_tables import OpenTable, open_table
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord

AGREEMENT = 1e-6
"""The relative difference of sums that counts as rounding of published totals."""
MAX_NAMED = 5
MAX_DIGITS = 40
"""Of a number that a sentence shows without an exponent: those of a DECIMAL, and a few."""
TOTALS_LOC = ("calibrate", "totals")
CENSUS_LOC = ("calibrate", "census")
COLUMNS_LOC = ("calibrate", "columns")
TotalsSource = Literal["table", "request", "census"]


@dataclass(frozen=True)
class Census:
    """A table of known totals that the caller may read."""

    dataset_id: int
    dataset_name: str
    table: OpenTable


def census_of(caller: Caller, job: JobRecord, calibrate: CalibrateRequest | None) -> Census | None:
    """The census of a request; None without one.

    Raises
    ------
    NotFound
        The caller can't read the dataset, or it has no such version or table.
    """
    if calibrate is None or calibrate.census is None:
        return None
    chosen = calibrate.census
    number = job.dataset_id if chosen.dataset_id is None else chosen.dataset_id
    with located(CENSUS_LOC, NotFound):
        dataset = caller.dataset(number, "read")
        table = open_table(caller.service, number, chosen.source_ref, chosen.table_key)
    return Census(number, dataset.name, table)


@dataclass(frozen=True)
class NumberTotals:
    """The rows of a population, and of each column its total and the rows with a value."""

    rows: float
    totals: list[tuple[float, float]]


def outside_totals(
    database: ParquetDatabase,
    calibrate: CalibrateRequest,
    columns: Sequence[Column],
    census: Census | None,
    population: int,
) -> OutsideTotals | None:
    """The totals of a request from outside; None if they are those of the table.

    ``columns`` are those of the calibration, with the types that the sample has.
    """
    if calibrate.census is not None:
        if census is None:
            raise InvalidCalibration(
                "Totals of a census can't be used here: leave out `census`.", loc=CENSUS_LOC
            )
        return CensusTotals(database, census, calibrate.census)
    if calibrate.totals:
        return RequestTotals(calibrate, columns, population)
    return None


def group_key(columns: Sequence[Column], values: Sequence[Any]) -> GroupKey:
    """Values of columns, in one form whether a table or a request wrote them.

    >>> group_key([Column("year", "BIGINT"), Column("kind", "VARCHAR")], ["2024", "a"])
    (Decimal('2024'), 'a')
    """
    return tuple(_canonical(column, value) for column, value in zip(columns, values, strict=True))


def _canonical(column: Column, value: Any) -> Any:
    if value is None:
        return None
    text = str(value)
    if column.type == "BOOLEAN":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if is_number(column):
        try:
            number = Decimal(text.strip())
        except InvalidOperation:
            return text
        # 2020 and 2020.0 are equal keys, with all digits. NaN isn't equal to itself.
        return "NaN" if number.is_nan() else number
    return text


def shown_key(key: Sequence[Any]) -> str:
    """The values of a group in a sentence."""
    return ", ".join("missing" if value is None else _shown_value(value) for value in key)


def _shown_value(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < MAX_DIGITS:
        return f"{value:f}"
    return str(value)


def shown_keys(keys: Sequence[GroupKey]) -> str:
    """The first groups of several."""
    more = f" and {len(keys) - MAX_NAMED:,} more" if len(keys) > MAX_NAMED else ""
    return "; ".join(map(shown_key, keys[:MAX_NAMED])) + more


def named(names: Sequence[str]) -> str:
    """Names of columns in a sentence."""
    return ", ".join(f'"{name}"' for name in names)


def too_many_cells(columns: Sequence[Column]) -> InvalidCalibration:
    """The error of columns whose values make too many groups."""
    return InvalidCalibration(
        "{columns} make more groups than a calibration takes: choose columns with fewer values.",
        columns=named([column.name for column in columns]),
        loc=COLUMNS_LOC,
    )


def agree(first: float, second: float) -> bool:
    """Whether two sums are equal but for the rounding of published totals."""
    return abs(first - second) <= AGREEMENT * max(abs(first), abs(second))


class RequestTotals:
    """The totals that a request lists.

    Raises
    ------
    InvalidCalibration
        A total is of no column of the calibration, or is listed twice; shares don't add up to 1,
        or the rows of groups don't add up to the number of rows.
    """

    source: TotalsSource = "request"
    place = "given in the request"
    """Where they come from, in a sentence."""

    def __init__(
        self, request: CalibrateRequest, columns: Sequence[Column], population: int
    ) -> None:
        self._columns = tuple(request.columns)
        self._typed = {column.name: column for column in columns}
        self._rows: float | None = None
        self._population = population
        self._numbers: dict[str, float] = {}
        self._groups: dict[tuple[str, ...], list[tuple[int, KnownTotalRequest]]] = {}
        is_joint = request.method == "poststratify"
        names = self._columns
        margins = [names] if is_joint else [(name,) for name in names]
        takes_groups = request.method in ("poststratify", "rake")
        by_set = {frozenset(margin): margin for margin in [names, *margins]}
        for at, total in enumerate(request.totals or ()):
            loc = (*TOTALS_LOC, at)
            if total.group is not None:
                margin = by_set.get(frozenset(total.group))
                if margin is None or not takes_groups:
                    raise InvalidCalibration(
                        "Calibration by {method} of {columns} has no group by {group}. {expected}",
                        method=request.method,
                        columns=named(request.columns),
                        group=named(list(total.group)),
                        expected=choices_sentence(
                            "", [named(each) for each in margins] if takes_groups else []
                        ),
                        loc=(*loc, "group"),
                    )
                self._groups.setdefault(margin, []).append((at, total))
            elif total.column is not None:
                if takes_groups or total.column not in request.columns:
                    raise InvalidCalibration(
                        'Calibration by {method} of {columns} has no total of "{column}".',
                        method=request.method,
                        columns=named(request.columns),
                        column=total.column,
                        loc=(*loc, "column"),
                    )
                if total.column in self._numbers:
                    raise InvalidCalibration(
                        'The total of "{column}" is listed twice.', column=total.column, loc=loc
                    )
                self._numbers[total.column] = total.total or 0.0
            else:
                if self._rows is not None:
                    raise InvalidCalibration("The number of rows is listed twice.", loc=loc)
                self._rows = total.total or 0.0
                if self._rows <= 0:
                    raise InvalidCalibration("A number of rows is above 0.", loc=(*loc, "total"))

    def cells(self, columns: Sequence[Column]) -> dict[GroupKey, float]:
        """The rows of each group; those of one column may be sums of groups of all columns."""
        names = tuple(column.name for column in columns)
        margin = names if names in self._groups else self._columns
        listed = self._groups.get(margin, [])
        if not listed:
            raise InvalidCalibration(
                "No known total is of a group of {columns}.", columns=named(names), loc=TOTALS_LOC
            )
        typed = [self._typed[name] for name in margin]
        groups = [total.group or {} for _, total in listed]
        keys = [group_key(typed, [group[name] for name in margin]) for group in groups]
        rows = self._rows_of(margin, keys)
        if margin == names:
            return rows
        places = [margin.index(name) for name in names]
        sums: dict[GroupKey, float] = {}
        for key, count in rows.items():
            own = tuple(key[place] for place in places)
            sums[own] = sums.get(own, 0.0) + count
        return sums

    def _rows_of(self, margin: tuple[str, ...], keys: Sequence[GroupKey]) -> dict[GroupKey, float]:
        """The rows of the listed groups of a margin, by their keys, after all checks."""
        listed = self._groups[margin]
        has_shares = listed[0][1].share is not None
        found: dict[GroupKey, float] = {}
        for (at, total), key in zip(listed, keys, strict=True):
            loc = (*TOTALS_LOC, at)
            if key in found:
                raise InvalidCalibration(
                    "The group {group} of {columns} is listed twice.",
                    group=shown_key(key),
                    columns=named(margin),
                    loc=loc,
                )
            if (total.share is not None) != has_shares:
                raise InvalidCalibration(
                    "The groups of {columns} have either totals or shares.",
                    columns=named(margin),
                    loc=loc,
                )
            amount = total.total if total.share is None else total.share
            if amount is None or amount < 0:
                raise InvalidCalibration(
                    "The group {group} of {columns} has {amount} rows.",
                    group=shown_key(key),
                    columns=named(margin),
                    amount=float_text(amount or 0.0),
                    loc=(*loc, "total"),
                )
            found[key] = amount
        whole = sum(found.values())
        if has_shares:
            if not agree(whole, 1.0):
                raise InvalidCalibration(
                    "The shares of {columns} add up to {sum}, not to 1.",
                    columns=named(margin),
                    sum=float_text(whole),
                    loc=TOTALS_LOC,
                )
            return {key: share / whole * self._all_rows() for key, share in found.items()}
        if self._rows is not None and not agree(whole, self._rows):
            raise InvalidCalibration(
                "The groups of {columns} have {sum} rows together, and the population {rows}.",
                columns=named(margin),
                sum=float_text(whole),
                rows=float_text(self._rows),
                loc=TOTALS_LOC,
            )
        return found

    def numbers(self, columns: Sequence[Column]) -> NumberTotals:
        """The totals of columns; the rows are those of the table unless they are listed."""
        missing = [column.name for column in columns if column.name not in self._numbers]
        if missing:
            raise InvalidCalibration(
                "No known total is of {columns}.", columns=named(missing), loc=TOTALS_LOC
            )
        rows = self._all_rows()
        return NumberTotals(rows, [(self._numbers[column.name], rows) for column in columns])

    def _all_rows(self) -> float:
        """The listed number of rows, else that of a margin with totals, else the table's."""
        if self._rows is not None:
            return self._rows
        for listed in self._groups.values():
            if all(total.total is not None for _, total in listed):
                return sum(total.total or 0.0 for _, total in listed)
        return float(self._population)


class CensusTotals:
    """The totals of another table: each line a row of the population, or a number of rows.

    Raises
    ------
    InvalidCalibration
        The census lacks a column, or a line's number of rows is missing or below 0.
    """

    source: TotalsSource = "census"

    def __init__(self, database: ParquetDatabase, census: Census, request: CensusRequest) -> None:
        self._database, self._census = database, census
        table = census.table
        self.place = (
            f'in the table "{table.name}" of the dataset "{census.dataset_name}", '
            f"version {table.commit_id[:8]}"
        )
        self._rows_column = None
        if request.rows_column is not None:
            loc = (*CENSUS_LOC, "rows_column")
            self._rows_column = self._column(request.rows_column, loc)
            if not is_number(self._rows_column):
                raise InvalidCalibration(
                    'The census counts rows by "{column}", which is of type {type}.',
                    column=request.rows_column,
                    type=self._rows_column.type,
                    loc=loc,
                )
            self._require_complete(self._rows_column, least=0.0)

    def cells(self, columns: Sequence[Column]) -> dict[GroupKey, float]:
        """The rows of each group of the census."""
        by = [self._column(column.name, (*COLUMNS_LOC, at)) for at, column in enumerate(columns)]
        found: dict[GroupKey, float] = {}
        for key, (rows,) in self._known([self._count()], by).items():
            name = group_key(columns, key)
            found[name] = found.get(name, 0.0) + (rows or 0.0)
        return found

    def numbers(self, columns: Sequence[Column]) -> NumberTotals:
        """The totals of columns; with a column of rows, each line has the total of its rows."""
        own = [self._column(column.name, (*COLUMNS_LOC, at)) for at, column in enumerate(columns)]
        for at, column in enumerate(own):
            if not is_summable(column):
                raise InvalidCalibration(
                    'The column "{column}" of the census is of type {type}, not of numbers.',
                    column=column.name,
                    type=column.type,
                    loc=(*COLUMNS_LOC, at),
                )
            if self._rows_column is not None:
                self._require_complete(column)
        statistics = [Statistic(name, column) for column in own for name in ("total", "count")]
        *sums, rows = self._known([*statistics, self._count()], [])[()]
        totals = []
        for at, column in enumerate(own):
            total, count = sums[2 * at], sums[2 * at + 1]
            if total is None or not count or not isfinite(total):
                raise InvalidCalibration(
                    'The column "{column}" of the census has no total.',
                    column=column.name,
                    loc=(*COLUMNS_LOC, at),
                )
            totals.append((total, count if self._rows_column is None else rows or 0.0))
        return NumberTotals(rows or 0.0, totals)

    def _count(self) -> Statistic:
        if self._rows_column is None:
            return Statistic("count")
        return Statistic("total", self._rows_column)

    def _known(
        self, statistics: Sequence[Statistic], by: Sequence[Column]
    ) -> Mapping[GroupKey, list[float | None]]:
        files = self._census.table.files
        with self._database.cursor(files) as cursor:
            found = true_values(cursor, files, statistics, by, None)
        if found is None:
            raise too_many_cells(by)
        return found

    def _column(self, name: str, loc: Loc) -> Column:
        try:
            return self._census.table.files.column(name)
        except UnknownColumn as error:
            raise InvalidCalibration(
                "The census lacks a column. {reason}", reason=error.message, loc=loc
            ) from None

    def _require_complete(self, column: Column, least: float | None = None) -> None:
        """Refuse a column with lines that have no number, or one that is too small."""
        files = self._census.table.files
        scan, params = scan_statement(
            files, [f"CAST(f.{quote_identifier(column.name)} AS DOUBLE) AS x"]
        )
        wrong = "t.x IS NULL OR NOT isfinite(t.x)" + ("" if least is None else " OR t.x < ?")
        bound = [] if least is None else [least]
        with self._database.cursor(files) as cursor:
            sql = f"SELECT count(*) FILTER ({wrong}) FROM ({scan}) AS t"
            ((count,),) = cursor.execute(sql, [*bound, *params]).fetchall()
        if count:
            raise InvalidCalibration(
                "{count} {count|line|lines} of the census {count|has|have} no number in "
                '"{column}"' + ("." if least is None else f", or one below {least:g}."),
                count=count,
                column=column.name,
                loc=CENSUS_LOC,
            )


OutsideTotals = RequestTotals | CensusTotals
"""Totals from outside of the table that was drawn from."""
