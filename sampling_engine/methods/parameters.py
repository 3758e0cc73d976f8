"""The parameters that several methods share, and the checks of all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any

from contract.declarations import Declared, Help, Initial, Option, Title, UsedWith
from contract.fields import (
    Bounds,
    Choice,
    Count,
    GroupColumn,
    Items,
    Kind,
    Number,
    SeedKind,
    SizeKind,
)
from domain_errors import Loc
from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import InvalidMethod, InvalidSize, InvalidStrata
from sampling_engine.selection.bands import Bands, band_column
from sampling_engine.sql.lines import SERPENTINE, TABLE_ORDER, SelectionLine, SortOrder

MAX_SIZE = (1 << 62) - 1
MIN_SEED, MAX_SEED = -(1 << 63), (1 << 63) - 1
MAX_SEED_LENGTH = 1_000

SEED = Declared(
    "seed",
    SeedKind(),
    None,
    "The same seed draws the same rows. Default: a random seed, which is recorded.",
    "Seed",
    "--seed",
)
"""The seed of a round, which is beside the method's own parameters."""
SampleSize = Annotated[
    int | None,
    Count(Bounds(1)),
    Option("--size"),
    Title("Rows"),
    Help("Rows to draw, or all eligible rows if there are fewer."),
    Initial(100),
]
SampleFraction = Annotated[
    float | None,
    Number(Bounds(above=0, most=1)),
    Option("--fraction"),
    Title("Share of rows"),
    Help("Share of the eligible rows, above 0 and up to 1, rounded to the nearest row."),
    Initial(0.01),
]

MAX_SORT_COLUMNS = 3
SortColumns = Annotated[
    tuple[str, ...] | None,
    Items(GroupColumn(), most=MAX_SORT_COLUMNS, least=1),
    Option("--sort"),
    Title("Sorted by"),
    Help(
        "Up to three columns along which rows are taken, in place of the table's order. NULL "
        "counts as the largest value; equal rows are in the table's order."
    ),
]
SortRule = Annotated[
    SortOrder,
    Choice.of(SortOrder),
    Title("Order of the sort"),
    Help(
        "`serpentine`: the first column ascends, and a later one changes its direction whenever "
        "those before it change. `nested`: all ascend."
    ),
    UsedWith({"sort_columns": ()}),
]


TAKE_ALL = "all"
PERCENT = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,20})?)\s*%\s*")


def share_of_size(text: str, loc: Loc = ()) -> Fraction:
    """The share of a stratum's rows that a size's text means: ``"all"``, or a percentage.

    >>> share_of_size("2.5 %"), share_of_size("all")
    (Fraction(1, 40), Fraction(1, 1))
    """
    found = PERCENT.fullmatch(text)
    share = Fraction(1 if text == TAKE_ALL else 0) if found is None else Fraction(found[1]) / 100
    if not 0 < share <= 1:
        raise InvalidSize(
            'A size is a number of rows, "all", or a percentage above 0 such as "10%", not '
            '"{given}".',
            given=text[:50],
            loc=loc,
        )
    return share


def share_of_rows(fraction: float | Fraction, rows: int) -> int:
    """``fraction`` of ``rows`` to the nearest row, a half upwards.

    A float counts as the decimal number that it is written as, not as its nearest binary one.

    >>> share_of_rows(0.15, 10)
    2
    """
    exact = fraction if isinstance(fraction, Fraction) else Fraction(repr(fraction))
    return int(exact * rows + Fraction(1, 2))


def check_value(name: str, kind: Kind, value: Any, loc: Loc) -> None:
    if isinstance(kind, Choice) and value not in kind.titles:
        raise InvalidMethod(
            f"`{name}` must be one of {{choices}}.", choices=", ".join(kind.titles), loc=loc
        )
    if not isinstance(kind, Count | Number | SizeKind):
        return
    bounds = replace(kind.bounds, most=MAX_SIZE if kind.bounds.most is None else kind.bounds.most)
    if not bounds.holds(value):
        above = "{minimum} or more," if bounds.above is None else "above {minimum} and"
        raise InvalidSize(
            f"`{name}` must be {above} up to {{maximum}}.",
            minimum=bounds.least if bounds.above is None else bounds.above,
            maximum=bounds.most,
            loc=loc,
        )


# Types beside numbers whose values have an order and a text of their own. Not INTERVAL: DuckDB
# holds "1 month" and "30 days" for equal.
GROUP_TYPES = {
    *("BOOLEAN", "VARCHAR", "ENUM", "UUID", "BLOB", "JSON", "DATE"),
    *("TIME", "TIME_NS", "TIME WITH TIME ZONE"),
    *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}


def group_column(table: TableFiles, name: str, kind: str, loc: Loc) -> Column:
    """A column whose distinct values make strata or clusters."""
    column = table.column(name, loc)
    # A list of texts ends in [], an array in [3]; in parentheses is a width or the choices.
    makes_groups = column.type.split("(")[0] in GROUP_TYPES and not column.type.endswith("]")
    if not (makes_groups or column.data_type.is_number):
        raise InvalidStrata(
            'The column "{column}" is of type {type}, whose values make no {groups}: use a column '
            "of numbers, texts, dates, times or true and false.",
            column=column.name,
            type=column.type,
            groups=kind,
            loc=loc,
        )
    return column


def strata_entry(entry: str | Mapping[str, Any]) -> str | Bands:
    """An entry of strata columns in JSON: a column's name, or its bands."""
    if isinstance(entry, str):
        return entry
    return Bands(entry["column"], tuple(entry["breaks"]), tuple(entry.get("labels") or ()))


def strata_columns(
    table: TableFiles, entries: Sequence[str | Bands], loc: Loc
) -> tuple[Column, ...]:
    """The columns whose combinations of values or bands make strata."""
    if not entries:
        raise InvalidStrata("Name at least one column that makes the strata.", loc=loc)
    columns: list[Column] = []
    for place, entry in enumerate(entries):
        at = (*loc, place)
        if isinstance(entry, Bands):
            found = table.column(entry.column, (*at, "column"))
            column: Column = band_column(found, entry, at)
        else:
            column = group_column(table, entry, "strata", at)
        if column.name in [earlier.name for earlier in columns]:
            raise InvalidStrata('The column "{column}" is named twice.', column=column.name, loc=at)
        columns.append(column)
    return tuple(columns)


def line_of(
    table: TableFiles, names: Sequence[str] | None, rule: SortOrder, loc: Loc = ()
) -> SelectionLine:
    """The order of rows by some columns; without columns that of the table."""
    if names is None:
        if rule != SERPENTINE:
            raise InvalidMethod("`sort_order` needs `sort_columns`.", loc=(*loc, "sort_order"))
        return TABLE_ORDER
    columns: list[Column] = []
    for place, name in enumerate(names):
        at = (*loc, "sort_columns", place)
        column = group_column(table, name, "order", at)
        if column.name in [earlier.name for earlier in columns]:
            raise InvalidMethod('The column "{column}" is named twice.', column=column.name, loc=at)
        columns.append(column)
    return SelectionLine(tuple(columns), rule)


def check_number_column(table: TableFiles, name: str, parameter: str, loc: Loc) -> None:
    """Refuse a column that is not there, or holds no numbers."""
    column = table.column(name, loc)
    if not column.data_type.is_number:
        raise InvalidMethod(
            f'`{parameter}` needs a column of numbers; "{{column}}" is of type {{type}}.',
            column=column.name,
            type=column.type,
            loc=loc,
        )
