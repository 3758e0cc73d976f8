"""The statements that turn columns of text into columns of values.

Owns: the query that finds which readings fit, and the query that reads by them and stops at the
first cell that doesn't. Pure functions: they take and return SQL. Called by ``delimited`` and
``json_lines``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from import_engine.readings import MISSING_WORDS, NO_VALUE_TEXTS, TEXT, Reading, out_of_years
from parquet_tables.quoting import quote_identifier, quote_text

_WORDS = ", ".join(quote_text(word) for word in MISSING_WORDS)

SHOWN_CHARACTERS = 400
"""Of a cell whose form is looked at; every form shows within."""

MISFIT = "a value does not fit its column"
"""The error of :func:`values_sql`'s guard."""


@dataclass(frozen=True)
class ColumnPlan:
    """How one column of text is read.

    Parameters
    ----------
    reading : Reading
        By which its cells become values.
    tidied : bool
        Whether it has cells with blanks around them, or quoted empty ones, or words for no value,
        which a column that isn't text takes as such.
    missing_words : bool
        Whether it has words for no value.
    """

    reading: Reading
    tidied: bool = False
    missing_words: bool = False


@dataclass(frozen=True)
class Fit:
    """What was found of a column: the rungs of its ladder that fit, and the state of its cells."""

    rungs: tuple[Reading, ...]
    tidied: bool = False
    missing_words: bool = False

    @property
    def plan(self) -> ColumnPlan:
        """The narrowest reading that fits."""
        return ColumnPlan(self.rungs[0], self.tidied, self.missing_words)


def tidied_sql(column: str) -> str:
    """The SQL of a cell as a reading that isn't text sees it."""
    return f"CASE WHEN trim({column}) IN ({NO_VALUE_TEXTS}) THEN NULL ELSE trim({column}) END"


def first_cells_sql(source: str, columns: Sequence[str], limit: int) -> str:
    """Ask for the cells of the first rows, cut. DuckDB 2.0 plans 3,000 longer terms in 90 s."""
    cells = ", ".join(f"left({column}, {SHOWN_CHARACTERS})" for column in columns)
    return f"SELECT {cells} FROM {source} LIMIT {limit:d}"


def any_cells_sql(source: str, columns: Sequence[str]) -> str:
    """Ask for one cell with a value of each column, from any row."""
    cells = (f"left({tidied_sql(column)}, {SHOWN_CHARACTERS})" for column in columns)
    wanted = ", ".join(f"any_value({cell})" for cell in cells)
    return f"SELECT {wanted} FROM {source}"


def detection_sql(
    source: str, columns: Sequence[str], ladders: Sequence[Sequence[Reading]], limit: int | None
) -> str:
    """Ask of every column which rungs of its ladder fit all cells.

    Each level computes what the next one uses more than once: the raw cell ``r``, the tidied cell
    ``x``, and a value ``v`` for each rung.

    Returns
    -------
    str
        A query of one row: for each column of more than one rung whether it needs tidying and has
        words for no value, then for each rung but the last (which is text and fits anything)
        whether it fits; NULL where no cell has a value.
    """
    raw, cells, values, wanted = (list[str]() for _ in range(4))
    for i, (column, rungs) in enumerate(zip(columns, ladders, strict=True)):
        if len(rungs) == 1:
            continue
        r, x = f"r{i}", f"x{i}"
        raw.append(f"{column} AS {r}")
        cells.append(f"{r}, {tidied_sql(r)} AS {x}")
        values.append(f"{r}, {x}")
        wanted.append(f"bool_or({r} IS DISTINCT FROM {x})")
        wanted.append(f"bool_or(CASE WHEN {x} IS NULL THEN trim({r}) IN ({_WORDS}) END)")
        for j, rung in enumerate(rungs[:-1]):
            values.append(f"{rung.value(x, lenient=True)} AS v{i}_{j}")
            wanted.append(f"bool_and({rung.fits(x, f'v{i}_{j}')})")
    limited = source if limit is None else f"(SELECT * FROM {source} LIMIT {limit:d})"
    within = f"(SELECT {', '.join(cells)} FROM (SELECT {', '.join(raw)} FROM {limited}))"
    return f"SELECT {', '.join(wanted)} FROM (SELECT {', '.join(values)} FROM {within})"


def fits(row: Sequence[object], ladders: Sequence[Sequence[Reading]]) -> list[Fit]:
    """Understand the answer to :func:`detection_sql`."""
    answers = iter(row)
    found: list[Fit] = []
    for rungs in ladders:
        if len(rungs) == 1:
            found.append(Fit((rungs[0],)))
            continue
        tidied, missing_words = bool(next(answers)), bool(next(answers))
        fitting = [rung for rung in rungs[:-1] if next(answers) is not False]
        found.append(Fit((*fitting, rungs[-1]), tidied, missing_words))
    return found


def values_sql(
    source: str,
    columns: Sequence[str],
    plans: Sequence[ColumnPlan],
    names: Sequence[str],
    days: Collection[int] = (),
) -> str:
    """The query of a table's values; it fails with :data:`MISFIT` rather than change one.

    The cell and its value are made in a query within, so that a cast that is both checked and
    written is computed once (1.1 times faster over a whole import). The columns ``days`` come from
    ``source`` as dates already: DuckDB 2.0 is strict when it is told their format, but for years of
    less than four digits and the words for infinity (and takes the word epoch for its day).
    """
    inner: list[str] = []
    outer: list[str] = []
    for i, (column, plan, name) in enumerate(zip(columns, plans, names, strict=True)):
        alias = quote_identifier(name)
        if plan.reading == TEXT:
            inner.append(f"{column} AS v{i}")
            outer.append(f"v{i} AS {alias}")
            continue
        tidied = plan.tidied and plan.reading.type != "VARCHAR"
        cell = tidied_sql(column) if tidied else column
        if i in days:
            inner.append(f"{column} AS v{i}")
            misfit = out_of_years("DATE", f"v{i}")
            outer.append(f"CASE WHEN {misfit} THEN error('{MISFIT}') ELSE v{i} END AS {alias}")
            continue
        inner.append(f"{cell} AS x{i}, {plan.reading.value(cell)} AS v{i}")
        misfit = plan.reading.misfit(f"x{i}", f"v{i}")
        outer.append(f"CASE WHEN {misfit} THEN error('{MISFIT}') ELSE v{i} END AS {alias}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"
