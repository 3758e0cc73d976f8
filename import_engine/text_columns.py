"""The statements that turn columns of text into columns of values.

Owns: the query that finds which readings fit, and the query that reads by them and stops at the
first cell that doesn't. Pure functions: they take and return SQL. Called by ``delimited`` and
``json_lines``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from import_engine.readings import TEXT, Reading
from parquet_tables.quoting import quote_identifier

MISFIT = "a value does not fit its column"
"""The error of :func:`values_sql`'s guard."""


@dataclass(frozen=True)
class ColumnPlan:
    """How one column of text is read.

    Parameters
    ----------
    reading : Reading
        By which its cells become values.
    trimmed : bool
        Whether it has cells with blanks around them, or quoted empty ones, which are no value to a
        column that isn't text.
    """

    reading: Reading
    trimmed: bool = False


def cell_sql(column: str, *, trimmed: bool) -> str:
    """The SQL of a cell as the readings see it."""
    return f"nullif(trim({column}), '')" if trimmed else column


def detection_sql(
    source: str, columns: Sequence[str], ladders: Sequence[Sequence[Reading]], limit: int | None
) -> str:
    """Ask for every column which rungs of its ladder fit all cells.

    Returns
    -------
    str
        A query of one row: for each column whether it needs trimming, then for each rung but the
        last (which is text and fits anything) whether it fits; NULL where no cell has a value.
    """
    wanted: list[str] = []
    for column, rungs in zip(columns, ladders, strict=True):
        wanted.append(f"bool_or({column} <> trim({column}) OR {column} = '')")
        cell = cell_sql(column, trimmed=True)
        wanted += [f"bool_and({rung.fits(cell)})" for rung in rungs[:-1]]
    limited = source if limit is None else f"(SELECT * FROM {source} LIMIT {limit:d})"
    return f"SELECT {', '.join(wanted)} FROM {limited}"


def choose(row: Sequence[object], ladders: Sequence[Sequence[Reading]]) -> list[ColumnPlan]:
    """Take for each column the first rung that fits, from the answer to :func:`detection_sql`."""
    answers = iter(row)
    plans: list[ColumnPlan] = []
    for rungs in ladders:
        trimmed = bool(next(answers))
        fitting = [rung for rung in rungs[:-1] if next(answers) is not False]
        plans.append(ColumnPlan(fitting[0] if fitting else rungs[-1], trimmed))
    return plans


def values_sql(
    source: str, columns: Sequence[str], plans: Sequence[ColumnPlan], names: Sequence[str]
) -> str:
    """The query of a table's values; it fails with :data:`MISFIT` rather than change one.

    The cell and its value are made in a query within, so that a cast that is both checked and
    written is computed once (1.1 times faster over a whole import).
    """
    inner: list[str] = []
    outer: list[str] = []
    for i, (column, plan, name) in enumerate(zip(columns, plans, names, strict=True)):
        alias = quote_identifier(name)
        if plan.reading == TEXT:
            inner.append(f"{column} AS v{i}")
            outer.append(f"v{i} AS {alias}")
            continue
        cell = cell_sql(column, trimmed=plan.trimmed and plan.reading.type != "VARCHAR")
        inner.append(f"{cell} AS x{i}, {plan.reading.value(cell)} AS v{i}")
        misfit = plan.reading.misfit(f"x{i}", f"v{i}")
        outer.append(f"CASE WHEN {misfit} THEN error('{MISFIT}') ELSE v{i} END AS {alias}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"
