"""Pair the rows of two tables that share their key with another row.

Equal rows are paired first, so that a repeated row that didn't change is no change. The rows of a
key that are left are paired so that the fewest cells differ; those without a partner were added or
removed. The pairs follow from the rows' values alone, so the order of a table makes no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

import duckdb
import numpy as np

from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import can_be_in_key, key_text, value_text
from parquet_tables.row_keys.digests import KeyDigests, rows_of_keys
from parquet_tables.rows import RowSet, rows_at
from parquet_tables.tables import Column, Int64s, TableFiles
from profiling_engine.comparison.shared_columns import SharedColumn

EXAMPLES = 3
MAX_SHOWN = 60
MAX_PAIRS_OF_KEY = 10_000
"""Possible pairs of the rows of a key, of which all are compared; of more, rows pair in order."""
MAX_PAIRS = 2_000_000
"""Pairs that are compared in all."""

DifferentCells = Callable[[Int64s, Int64s], Int64s]
"""Counts the cells that differ between rows of the first table and rows of the second one."""


@dataclass(frozen=True)
class RepeatedKeys:
    """Keys of several rows in one of two tables.

    Parameters
    ----------
    rows_before, rows_now : int
        The rows of these keys in each table.
    examples : tuple of str
        The first keys.
    """

    keys: int
    rows_before: int
    rows_now: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class PairedRows:
    """The rows of repeated keys by ordinal, each with its place: rows of one place are a pair."""

    keys: RepeatedKeys
    base: tuple[Int64s, Int64s]
    other: tuple[Int64s, Int64s]


@dataclass
class _RowsOfKey:
    """The rows of a key in both tables that have no partner yet, in the order of their texts."""

    base: list[int] = field(default_factory=list)
    other: list[int] = field(default_factory=list)


def rows_of_repeated_keys(sides: Sequence[KeyDigests]) -> tuple[Int64s, Int64s]:
    """The rows of both tables whose key is repeated in one of them."""
    digests = np.concatenate([side.of(side.faults().repeated_rows) for side in sides])
    first, second = (rows_of_keys(side, digests) for side in sides)
    return first, second


def pair_rows(
    cursor: duckdb.DuckDBPyConnection,
    tables: Sequence[TableFiles],
    keys: Sequence[SharedColumn],
    compared: Sequence[SharedColumn],
    rows: tuple[Int64s, Int64s],
    different_cells: DifferentCells,
) -> PairedRows:
    """Pair rows of two tables that have the same key.

    Parameters
    ----------
    tables : two of TableFiles
        The earlier and the later one.
    compared : sequence of SharedColumn
        The columns without the key.
    rows : pair of arrays
        The ordinals of the rows in each table, from :func:`rows_of_repeated_keys`.
    """
    sides = [
        _texts(
            cursor,
            table,
            [(one.base, one.other)[at] for one in keys],
            _content(compared, at),
            rows[at],
        )
        for at, table in enumerate(tables)
    ]
    pairs: list[tuple[int, int]] = []
    left: dict[str, _RowsOfKey] = {}
    equal: dict[tuple[str, str], list[int]] = {}
    for text in sides[0]:
        equal.setdefault((text.key, text.content), []).append(text.ordinal)
    for text in sides[1]:
        same = equal.get((text.key, text.content))
        if same:
            pairs.append((same.pop(0), text.ordinal))
        else:
            left.setdefault(text.key, _RowsOfKey()).other.append(text.ordinal)
    for (key, _), ordinals in equal.items():
        left.setdefault(key, _RowsOfKey()).base += ordinals
    pairs += _closest_pairs(left, different_cells)
    return PairedRows(_repeated(sides), *_places(pairs, rows))


def _closest_pairs(
    left: Mapping[str, _RowsOfKey], different_cells: DifferentCells
) -> list[tuple[int, int]]:
    """Pair the rows of each key so that the fewest cells differ."""
    pairs: list[tuple[int, int]] = []
    compared: list[_RowsOfKey] = []
    possible = 0
    for key in sorted(left):
        rows = left[key]
        count = len(rows.base) * len(rows.other)
        if 1 < count <= MAX_PAIRS_OF_KEY and possible + count <= MAX_PAIRS:
            compared.append(rows)
            possible += count
        else:
            pairs += zip(rows.base, rows.other, strict=False)
    if not compared:
        return pairs
    from scipy.optimize import linear_sum_assignment  # takes 0.1 s to import

    base = np.concatenate([np.repeat(rows.base, len(rows.other)) for rows in compared])
    other = np.concatenate([np.tile(rows.other, len(rows.base)) for rows in compared])
    cells = different_cells(base, other)
    first = 0
    for rows in compared:
        shape = len(rows.base), len(rows.other)
        costs = cells[first : first + shape[0] * shape[1]].reshape(shape)
        first += costs.size
        chosen = zip(*linear_sum_assignment(costs), strict=True)
        pairs += [(rows.base[one], rows.other[two]) for one, two in chosen]
    return pairs


@dataclass(frozen=True)
class _RowText:
    """A row: its key, a hash of its compared cells, and its key as people read it."""

    key: str
    content: str
    ordinal: int
    shown: str


def _texts(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    keys: Sequence[Column],
    content: str,
    ordinals: Int64s,
) -> list[_RowText]:
    """The rows, ordered by key and content."""
    shown = " || ', ' || ".join(
        f"left(CAST(f.{quote_identifier(one.name)} AS VARCHAR), {MAX_SHOWN})" for one in keys
    )
    selected = f"{key_text(keys)} AS key_text, sha256({content}) AS content, {shown} AS shown"
    source, params = rows_at(table, selected, RowSet.of("repeated", ordinals), ["ordinal"])
    with registered(cursor, {"repeated": {"ordinal": ordinals}}):
        rows = cursor.execute(
            f"SELECT key_text, content, ordinal, shown FROM ({source}) "
            "ORDER BY key_text, content, ordinal",
            params,
        ).fetchall()
    return [_RowText(*row) for row in rows]


def _content(compared: Sequence[SharedColumn], at: int) -> str:
    """The SQL of a text of a row's compared cells; equal cells of two types have one text.

    Some equal cells of different types have different texts. Their rows pair as those in which no
    cell differs.
    """
    texts = []
    for column in compared:
        own = (column.base, column.other)[at]
        value = f"f.{quote_identifier(own.name)}"
        if column.is_retyped and can_be_in_key(column.base) and can_be_in_key(column.other):
            text = value_text(own, value)
        else:
            text = f"CAST({value} AS VARCHAR)"
        texts.append(f"coalesce(strlen({text}) || ':' || {text}, '-')")
    return f"concat({', '.join(texts)})" if texts else "''"


def _repeated(sides: Sequence[Sequence[_RowText]]) -> RepeatedKeys:
    """Count keys and rows, without those that share their digest with another key alone."""
    counts = [Counter(text.key for text in side) for side in sides]
    keys = {key for count in counts for key, rows in count.items() if rows > 1}
    shown = {text.key: text.shown for side in reversed(sides) for text in side}
    before, now = (sum(count[key] for key in keys) for count in counts)
    examples = tuple(shown[key] for key in shown if key in keys)
    return RepeatedKeys(len(keys), before, now, tuple(sorted(examples)[:EXAMPLES]))


def _places(
    pairs: Sequence[tuple[int, int]], rows: tuple[Int64s, Int64s]
) -> tuple[tuple[Int64s, Int64s], tuple[Int64s, Int64s]]:
    """The place of each row: of a pair from 1, of a row without a partner a negative one."""
    found = []
    for at, ordinals in enumerate(rows):
        # Even for the earlier table, odd for the later one, so that no two of them meet.
        places = -2 * np.arange(1, len(ordinals) + 1, dtype=np.int64) - at
        paired = np.array([pair[at] for pair in pairs], dtype=np.int64)
        places[np.searchsorted(ordinals, paired)] = np.arange(1, len(pairs) + 1)
        found.append((ordinals, places))
    return found[0], found[1]
