"""The columns that a method's parameters name, checked against a table.

Every fault names its parameter. The checks of rounds and the methods use it.
"""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.tables import Column, TableFiles, UnknownColumn
from sampling_engine.errors import InvalidMethod, InvalidStrata
from sampling_engine.methods.parameters import Loc

NUMBER_TYPES = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
        *("FLOAT", "DOUBLE", "DECIMAL"),
    }
)
# Types whose values have an order and a text of their own. Not INTERVAL: DuckDB holds "1 month"
# and "30 days" for equal.
GROUP_TYPES = NUMBER_TYPES | {
    *("BOOLEAN", "VARCHAR", "ENUM", "UUID", "BLOB", "JSON", "DATE"),
    *("TIME", "TIME_NS", "TIME WITH TIME ZONE"),
    *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
}


def found_column(table: TableFiles, name: str, loc: Loc) -> Column:
    """The table's column of this name.

    Raises
    ------
    UnknownColumn
        With ``loc``.
    """
    try:
        return table.column(name)
    except UnknownColumn as unknown:
        raise UnknownColumn(unknown.message, loc=loc) from None


def group_column(table: TableFiles, name: str, kind: str, loc: Loc) -> Column:
    """A column whose distinct values make strata or clusters.

    Parameters
    ----------
    kind : {"strata", "clusters"}

    Raises
    ------
    InvalidStrata, UnknownColumn
    """
    column = found_column(table, name, loc)
    if not _is_of(column, GROUP_TYPES):
        raise InvalidStrata(
            'The column "{column}" is of type {type}, whose values make no {groups}: use a column '
            "of numbers, texts, dates, times or true and false.",
            column=column.name,
            type=column.type,
            groups=kind,
            loc=loc,
        )
    return column


def group_columns(
    table: TableFiles, names: Sequence[str], kind: str, loc: Loc
) -> tuple[Column, ...]:
    """Several columns whose combinations of values make strata.

    Raises
    ------
    InvalidStrata, UnknownColumn
        With ``loc`` and the place in ``names``.
    """
    if not names:
        raise InvalidStrata(f"Name at least one column that makes the {kind}.", loc=loc)
    columns: list[Column] = []
    for place, name in enumerate(names):
        column = group_column(table, name, kind, (*loc, place))
        if column in columns:
            raise InvalidStrata(
                'The column "{column}" is named twice.', column=column.name, loc=(*loc, place)
            )
        columns.append(column)
    return tuple(columns)


def check_number_column(table: TableFiles, name: str, parameter: str, loc: Loc) -> None:
    """Refuse a column that is not there, or holds no numbers.

    Raises
    ------
    UnknownColumn, InvalidMethod
    """
    column = found_column(table, name, loc)
    if not _is_of(column, NUMBER_TYPES):
        raise InvalidMethod(
            f'`{parameter}` needs a column of numbers; "{{column}}" is of type {{type}}.',
            column=column.name,
            type=column.type,
            loc=loc,
        )


def _is_of(column: Column, types: frozenset[str]) -> bool:
    # A list of texts ends in [], an array in [3]; what is in parentheses is a width or the choices.
    return not column.type.endswith("]") and column.type.split("(")[0] in types
