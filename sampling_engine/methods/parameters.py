"""The declaration of a sampling method's parameters, and their checks.

The API's schemas, the command line's options, the form and the docs table derive from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.errors import InvalidMethod, InvalidSize, InvalidStrata
from sampling_engine.selection.bands import Bands, band_column

Loc = tuple[str | int, ...]
ParameterType = Literal[
    "integer",
    "number",
    "string",
    "boolean",
    "array of string or bands",
    "object of size",
    "integer or string",
]
ColumnUse = Literal["group", "number"]

MAX_SIZE = (1 << 62) - 1
MIN_SEED, MAX_SEED = -(1 << 63), (1 << 63) - 1
MAX_SEED_LENGTH = 1_000


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a method.

    Parameters
    ----------
    minimum, maximum : float, optional
        Bounds of the value; of an object, those of its values.
    min_length, max_length : int, optional
        Bounds of the number of items or characters.
    column : {"group", "number"}, optional
        For a column's name: its values make groups, or must be numbers.
    only_with : mapping of str to tuple of str
        The parameter is used only with one of these; where values are named, only with them.
    unrecorded : str, optional
        What a recorded draw without the parameter was drawn with, where that isn't the default. A
        new draw records the default.
    initial : optional
        The value that a form starts with.
    option : str, optional
        The command line's option, without dashes.
    aliases : tuple of str
        Names that older clients use.
    """

    name: str
    type: ParameterType
    label: str
    description: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    min_length: int | None = None
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    default: str | int | None = None
    unrecorded: str | None = None
    column: ColumnUse | None = None
    only_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    initial: float | Mapping[str, int] | None = None
    option: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MethodDeclaration:
    """One method with its parameters, in the order in which a form shows them.

    Parameters
    ----------
    title : str
        What screens call the method.
    superseded : tuple of Parameter
        Parameters that only older clients send.
    other_name_of : str, optional
        The method that this name also stands for.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    exactly_one_of: tuple[tuple[str, ...], ...] = ()
    at_most_one_of: tuple[tuple[str, ...], ...] = ()
    superseded: tuple[Parameter, ...] = ()
    other_name_of: str | None = None


SEED = Parameter(
    name="seed",
    type="integer or string",
    label="Seed",
    description="The same seed draws the same rows. Default: a random seed, which is recorded.",
    minimum=MIN_SEED,
    maximum=MAX_SEED,
    max_length=MAX_SEED_LENGTH,
    option="seed",
    aliases=("random_seed",),
)
SAMPLE_SIZE = Parameter(
    name="sample_size",
    type="integer",
    label="Rows",
    description="Rows to draw, or all eligible rows if there are fewer.",
    minimum=1,
    initial=100,
    option="size",
)
SAMPLE_FRACTION = Parameter(
    name="sample_fraction",
    type="number",
    label="Share of rows",
    description="Share of the eligible rows, above 0 and up to 1, rounded to the nearest row.",
    minimum=0,
    exclusive_minimum=True,
    maximum=1,
    initial=0.01,
    option="fraction",
)


def check_values(declaration: MethodDeclaration, values: Mapping[str, Any], loc: Loc) -> None:
    """Refuse values that are missing, out of range, or exclude each other."""
    for group in (*declaration.exactly_one_of, *declaration.at_most_one_of):
        given = [name for name in group if values.get(name) is not None]
        names = ", ".join(f"`{name}`" for name in group)
        if not given and group in declaration.exactly_one_of:
            raise InvalidSize(f"Give one of {names}.", loc=loc)
        if len(given) > 1:
            raise InvalidSize(
                f"Give only one of {names}: both `{given[0]}` and `{given[1]}` are given.",
                loc=(*loc, given[1]),
            )
    for parameter in declaration.parameters:
        value = values.get(parameter.name)
        if isinstance(value, Mapping):
            for label, size in value.items():
                at = (*loc, parameter.name, label)
                if isinstance(size, str):
                    share_of_size(size, at)
                else:
                    _check_value(parameter, size, at)
        elif value is not None:
            _check_value(parameter, value, (*loc, parameter.name))


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


def _check_value(parameter: Parameter, value: Any, loc: Loc) -> None:
    if parameter.choices and value not in parameter.choices:
        raise InvalidMethod(
            f"`{parameter.name}` must be one of {{choices}}.",
            choices=", ".join(parameter.choices),
            loc=loc,
        )
    if parameter.minimum is None:
        return
    low, high = parameter.minimum, MAX_SIZE if parameter.maximum is None else parameter.maximum
    if not low <= value <= high or (parameter.exclusive_minimum and value == low):
        above = "above {minimum} and" if parameter.exclusive_minimum else "{minimum} or more,"
        raise InvalidSize(
            f"`{parameter.name}` must be {above} up to {{maximum}}.",
            minimum=low,
            maximum=high,
            loc=loc,
        )


# Types beside numbers whose values have an order and a text of their own. Not INTERVAL: DuckDB
# holds "1 month" and "30 days" for equal.
GROUP_TYPES = {
    *("BOOLEAN", "VARCHAR", "ENUM", "UUID", "BLOB", "JSON", "DATE"),
    *("TIME", "TIME_NS", "TIME WITH TIME ZONE"),
    *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}


def found_column(table: TableFiles, name: str, loc: Loc) -> Column:
    """The table's column of this name, or UnknownColumn with ``loc``."""
    try:
        return table.column(name)
    except UnknownColumn as unknown:
        raise UnknownColumn(unknown.template, loc=loc, **unknown.parameters) from None


def group_column(table: TableFiles, name: str, kind: str, loc: Loc) -> Column:
    """A column whose distinct values make strata or clusters."""
    column = found_column(table, name, loc)
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
            found = found_column(table, entry.column, (*at, "column"))
            column: Column = band_column(found, entry, at)
        else:
            column = group_column(table, entry, "strata", at)
        if column.name in [earlier.name for earlier in columns]:
            raise InvalidStrata('The column "{column}" is named twice.', column=column.name, loc=at)
        columns.append(column)
    return tuple(columns)


def check_number_column(table: TableFiles, name: str, parameter: str, loc: Loc) -> None:
    """Refuse a column that is not there, or holds no numbers."""
    column = found_column(table, name, loc)
    if not column.data_type.is_number:
        raise InvalidMethod(
            f'`{parameter}` needs a column of numbers; "{{column}}" is of type {{type}}.',
            column=column.name,
            type=column.type,
            loc=loc,
        )
