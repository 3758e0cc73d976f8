"""The statement of a line: eligible rows in the order of a table, or sorted by some columns.

With leading columns their groups are numbered along the line first, so that the direction of the
last column is known. Spark then sorts the rows of each group alone, and adds what lies before the
group. DuckDB sorts all rows by the group's number and adds sizes up as it reads them in order,
which needs a third of the time and the memory of a window with an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lazy_dataclasses import dataclass
from parquet_tables.tables import Column

SortOrder = Literal["serpentine", "nested"]
SERPENTINE: SortOrder = "serpentine"


@dataclass(frozen=True)
class SelectionLine:
    """The order of rows by some columns; without columns that of the table.

    NULL counts as the largest value. Equal rows are in the table's order. In a serpentine order
    the first column ascends, and the direction of a later one changes with each change of those
    before it: an even group, counted from 0 along the line, ascends.
    """

    columns: tuple[Column, ...] = ()
    rule: SortOrder = SERPENTINE

    @property
    def text(self) -> str:
        """The order in words."""
        return line_text([column.name for column in self.columns], self.rule)


TABLE_ORDER = SelectionLine()


def line_text(columns: Sequence[str], rule: SortOrder) -> str:
    """The order by some columns in words."""
    if not columns:
        return "the table's order"
    names = ", ".join(f'"{name}"' for name in columns)
    return f"the order by {names}" + (f" ({rule})" if len(columns) > 1 else "")


@dataclass(frozen=True)
class LineDialect:
    """What two engines write differently.

    ``one`` and ``sized`` are the size of a row that counts as one and as ``v``; ``by_group`` says
    that the rows of groups are sorted apart.
    """

    same: str
    common_table: str
    one: str
    sized: str
    by_group: bool


IN_DUCKDB = LineDialect("IS NOT DISTINCT FROM", "AS NOT MATERIALIZED", "1", "v", by_group=False)
UP_TO_HERE = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def placed_rows(line: SelectionLine, source: str, dialect: LineDialect, *, by_units: bool) -> str:
    """The rows of ``source`` with ``before``: the rows before each, or their units ``v``.

    ``source`` has the columns ``ordinal``, ``k0`` … and, with units, ``v``.
    """
    size = dialect.sized if by_units else dialect.one
    shown = "q.ordinal, q.v, q.m" if by_units else "q.ordinal, q.m"
    named = [f"source {dialect.common_table} (SELECT s.*, {size} AS m FROM ({source}) AS s)"]
    keys = [f"k{at}" for at in range(len(line.columns))]
    *leading, last = keys or [""]
    rows, order, start, group = "source AS q", "q.ordinal", "", ""
    if last:
        order = f"q.{last} NULLS LAST, q.ordinal"
    if leading:
        named += _groups(line, leading, dialect)
        joined = " AND ".join(f"p.{key} {dialect.same} q.{key}" for key in leading)
        rows += f" JOIN parts AS p ON {joined}"
        order = f"{_directed(f'q.{last}', 'p.g', line.rule)}, q.ordinal"
        start, group = "p.start + ", "p.g"
    tables = ", ".join(named)
    if dialect.by_group:
        part = f"PARTITION BY {group} " if group else ""
        before = f"{start}sum(q.m) OVER ({part}ORDER BY {order} {UP_TO_HERE}) - q.m"
        return f"WITH {tables} SELECT {shown}, {before} AS before FROM {rows}"
    every = f"{group}, {order}" if group else order
    return (
        f"WITH {tables} SELECT {shown}, sum(q.m) OVER ({UP_TO_HERE}) - q.m AS before "
        f"FROM (SELECT {shown} FROM {rows} ORDER BY {every}) AS q"
    )


def _groups(line: SelectionLine, leading: list[str], dialect: LineDialect) -> list[str]:
    """The groups of the leading columns: their number ``g``, and the size that lies before them."""
    shown = ", ".join(leading)
    named = [f"sizes AS (SELECT {shown}, sum(m) AS m FROM source GROUP BY {shown})"]
    groups, order = "sizes AS s", f"s.{leading[0]} NULLS LAST"
    if len(leading) > 1:
        first, second = leading
        named.append(
            f"firsts AS (SELECT {first}, row_number() OVER (ORDER BY {first} NULLS LAST) - 1 AS g "
            f"FROM (SELECT DISTINCT {first} FROM sizes))"
        )
        groups += f" JOIN firsts AS f ON f.{first} {dialect.same} s.{first}"
        order = f"f.g, {_directed(f's.{second}', 'f.g', line.rule)}"
    named.append(
        f"numbered AS (SELECT {', '.join(f's.{key}' for key in leading)}, s.m, "
        f"row_number() OVER (ORDER BY {order}) - 1 AS g FROM {groups})"
    )
    named.append(
        f"parts AS (SELECT {shown}, g, sum(m) OVER (ORDER BY g {UP_TO_HERE}) - m AS start "
        "FROM numbered)"
    )
    return named


def _directed(key: str, group: str, rule: SortOrder) -> str:
    """The key ascending, or in a serpentine order descending in odd groups."""
    if rule != SERPENTINE:
        return f"{key} NULLS LAST"
    return (
        f"CASE WHEN {group} % 2 = 0 THEN {key} END NULLS LAST, "
        f"CASE WHEN {group} % 2 = 1 THEN {key} END DESC NULLS FIRST"
    )
