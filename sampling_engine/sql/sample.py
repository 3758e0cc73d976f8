"""The statements by which drawn rows are kept over the rounds and written at the end.

Owns: the SQL of the sample and of reserves. Invariant: as in :mod:`sampling_engine.sql.statements`,
which lists the tables that are spoken of here. Called by the draw, the reserves and the sample's
writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from sampling_engine.sql.statements import Statement, joined_rows, label_expression

KEEP_DRAWN = "CREATE TEMP TABLE drawn AS SELECT * FROM chosen"
"""A table knows that it holds no NULL, as an array doesn't: its columns are stored as required."""
DRAWN = "p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability, p.weight"
NO_LABEL = "CAST(NULL AS VARCHAR)"
ROW_ID = "CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR)"


@dataclass(frozen=True)
class Shown:
    """One of the table's columns in the sample.

    Parameters
    ----------
    name : str
        What the sample calls it.
    rounds : tuple of int or None
        The rounds whose rows show it, NULL in the others; None if all do.
    """

    column: Column
    name: str
    rounds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class DrawnRound:
    """What the rows of a round have in common.

    Parameters
    ----------
    strata : str or None
        The table of the strata that label its rows, with ``keys`` columns of values.
    """

    round_number: int
    method: str
    strata: str | None = None
    keys: int = 0


@dataclass(frozen=True)
class Sorted:
    """A round whose rows stand in the order of a column's values."""

    round_number: int
    column: Column
    descending: bool


def drawn_rows(
    table: TableFiles,
    shown: Sequence[Shown],
    told: Iterable[str],
    table_key: str,
    rounds: Sequence[DrawnRound],
    sorted_rounds: Sequence[Sorted] = (),
) -> Statement:
    """The sample: all of ``drawn``, in order of round, then as the round sorts them.

    A stratum's label is made once, not for each of its rows.

    Parameters
    ----------
    told : iterable of str
        The names of the seven columns that tell of the draw, in their order: row id, round, method,
        selection order, stratum, inclusion probability, design weight.
    sorted_rounds : sequence of Sorted
        The other rounds' rows stand in order of selection.
    """
    fetched = list(dict.fromkeys([*(s.column for s in shown), *(s.column for s in sorted_rounds)]))
    places = {column: f"t.c{i}" for i, column in enumerate(fetched)}
    own = [f"f.{quote_identifier(c.name)} AS c{i}" for i, c in enumerate(fetched)]
    branches, params = joined_rows(table, ", ".join([*own, DRAWN]), "drawn")
    *earlier, last = rounds
    labels = " UNION ALL ".join(_labels(one) for one in rounds if one.strata is not None)
    values = [
        ROW_ID,
        "t.round_number",
        f"CASE t.round_number {'WHEN ? THEN ? ' * len(earlier)}ELSE ? END" if earlier else "?",
        "t.selection_order",
        "s.label" if labels else NO_LABEL,
        "t.probability",
        "t.weight",
    ]
    methods = [value for one in earlier for value in (one.round_number, one.method)]
    selected = [f"{_in_rounds(places[s.column], s)} AS {quote_identifier(s.name)}" for s in shown]
    selected += [
        f"{value} AS {quote_identifier(name)}" for value, name in zip(values, told, strict=True)
    ]
    ordering = ["t.round_number"]
    ordering += [
        f"CASE WHEN t.round_number = {one.round_number:d} THEN {places[one.column]} END "
        f"{'DESC' if one.descending else 'ASC'} NULLS LAST"
        for one in sorted_rounds
    ]
    return (
        f"SELECT {', '.join(selected)} FROM ({branches}) AS t"
        + (f" LEFT JOIN ({labels}) AS s USING (round_number, stratum)" if labels else "")
        + f" ORDER BY {', '.join([*ordering, 't.selection_order'])}",
        [table_key, *methods, last.method, *params],
    )


def reserve_rows(
    table: TableFiles,
    names: Sequence[str],
    told: Sequence[str],
    table_key: str,
    strata: str | None,
    keys: int,
) -> Statement:
    """All of ``chosen`` with its strata's labels, in order of stratum, then of the reserve.

    Parameters
    ----------
    names : sequence of str
        What the table's own columns are called.
    told : sequence of str
        The names of the row id, the stratum and the place in the reserve.
    """
    own = ", ".join(f"f.{quote_identifier(c.name)} AS c{i}" for i, c in enumerate(table.columns))
    branches, params = joined_rows(
        table, f"{own}, p.ordinal, p.selection_order, p.stratum", "chosen"
    )
    label = label_expression(keys) if keys else NO_LABEL
    joined = f" JOIN {strata} AS s ON s.stratum = t.stratum" if keys else ""
    selected = [f"t.c{i} AS {quote_identifier(name)}" for i, name in enumerate(names)]
    selected += [
        f"{value} AS {quote_identifier(name)}"
        for value, name in zip((ROW_ID, label, "t.selection_order"), told, strict=True)
    ]
    return (
        f"SELECT {', '.join(selected)} FROM ({branches}) AS t{joined} "
        "ORDER BY t.stratum, t.selection_order",
        [table_key, *params],
    )


def _labels(one: DrawnRound) -> str:
    """Round, number and label of those strata of a round that have drawn rows."""
    return (
        f"SELECT {one.round_number:d} AS round_number, s.stratum, {label_expression(one.keys)} AS "
        f"label FROM {one.strata} AS s SEMI JOIN drawn AS d "
        f"ON d.round_number = {one.round_number:d} AND d.stratum = s.stratum"
    )


def _in_rounds(value: str, shown: Shown) -> str:
    if shown.rounds is None:
        return value
    numbers = ", ".join(f"{number:d}" for number in shown.rounds)
    return f"CASE WHEN t.round_number IN ({numbers}) THEN {value} END"
