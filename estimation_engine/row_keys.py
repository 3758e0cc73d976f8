"""Look up a sample's rows by key: by ``_logical_row_id``, or by columns of the table.

The given rows are a table: an uploaded file, or entries one by one. Keys are compared as values of
the sample's types, so that ``017`` is the number 17 and not the text 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import duckdb

from contract.declarations import Help
from estimation_engine.reading import ROW_ID, relation_of
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles

Key = Sequence[tuple[Column, Column]]
"""The parts of a key: the sample's column, and that of the given rows."""
SHOWN = 10
"""Keys that a list shows."""


@dataclass(frozen=True)
class Listed:
    """How many there are, and the first of them as text."""

    count: int = 0
    first: Annotated[tuple[str, ...], Help("The first ten.")] = ()

    @property
    def text(self) -> str:
        """The first, as an error lists them."""
        more = self.count - len(self.first)
        return "; ".join(self.first) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True)
class KeyMatch:
    """How given rows, such as those of a file, match the sample's rows.

    ``similar_value``: see :func:`similar_keys`.
    """

    row_count: Annotated[int, Help("Rows of the file.")]
    matched: Annotated[int, Help("Rows whose key a sampled row has.")]
    without_key: Annotated[Listed, Help("Rows of the file without a key, by number from 1.")]
    repeated: Annotated[Listed, Help("Keys in several rows of the file.")]
    unmatched: Annotated[Listed, Help("Keys that no sampled row has.")]
    ambiguous: Annotated[Listed, Help("Keys that several sampled rows have.")]
    unanswered: Annotated[Listed, Help("Ids of sampled rows that the file doesn't name.")]
    similar_value: Annotated[
        str | None,
        Help(
            "The sampled key that the first unmatched one probably means: it lacks the table's "
            "prefix or leading zeros."
        ),
    ]


def match_rows(
    cursor: duckdb.DuckDBPyConnection,
    sample: Statement,
    given: Statement,
    key: Key,
) -> KeyMatch:
    """Match given rows with sampled rows.

    Parameters
    ----------
    sample, given : Statement
        SQL of the two tables.
    """
    lines, params = _lines(sample, given, key)
    keys = ", ".join(f"k{at}" for at in range(len(key)))
    same = " AND ".join(f"s.k{at} = l.k{at}" for at in range(len(key)))
    # Each list has a place and a label for each of its entries.
    lists = (
        "SELECT line AS place, 'row ' || line AS label FROM l WHERE label IS NULL",
        f"SELECT min(line) AS place, min(label) AS label FROM l WHERE label IS NOT NULL "
        f"GROUP BY {keys} HAVING count(*) > 1",
        "SELECT line AS place, label FROM l WHERE label IS NOT NULL AND matches = 0",
        f"SELECT min(line) AS place, min(label) AS label FROM l WHERE matches > 1 GROUP BY {keys}",
        "SELECT s.ordinal AS place, s.id AS label FROM s WHERE NOT EXISTS "
        f"(SELECT 1 FROM l WHERE {same})",
    )
    counted = ", ".join(
        f"(SELECT (count(*), coalesce(list(label ORDER BY place)[:{SHOWN:d}], [])) FROM ({query}))"
        for query in lists
    )
    rows, matched, *entries = cursor.execute(
        f"{lines} SELECT (SELECT count(*) FROM l), "
        f"(SELECT count(*) FROM l WHERE label IS NOT NULL AND matches > 0), {counted}",
        params,
    ).fetchall()[0]
    listed = [Listed(int(count), tuple(first)) for count, first in entries]
    without_key, repeated, unmatched, ambiguous, unanswered = listed
    similar = similar_keys(cursor, sample, key, unmatched.first[:1])
    return KeyMatch(
        rows,
        matched,
        without_key,
        repeated,
        unmatched,
        ambiguous,
        unanswered,
        next(iter(similar.values()), None),
    )


def similar_keys(
    cursor: duckdb.DuckDBPyConnection, sample: Statement, key: Key, texts: Sequence[str]
) -> dict[str, str]:
    """The sampled keys that digits probably mean: they lack the table's prefix or leading zeros."""
    digits = [text for text in texts if text.isascii() and text.isdigit()]
    if not digits or len(key) > 1 or key[0][0].type != "VARCHAR":
        return {}
    name = quote_identifier(key[0][0].name)
    rows, params = sample
    found = cursor.execute(
        f"SELECT t.v, min(f.{name}) FROM (SELECT unnest(?::VARCHAR[]) AS v) AS t "
        f"JOIN (SELECT {name} FROM {rows} AS r) AS f "
        f"ON ltrim(split_part(f.{name}, ':', -1), '0') = ltrim(t.v, '0') GROUP BY t.v",
        [digits, *params],
    )
    return dict(found.fetchall())


def joined_statement(
    sample: Statement,
    given: Statement,
    key: Key,
    columns: Sequence[tuple[Column, str]],
) -> Statement:
    """SQL of the matched rows in the sample's order: the id, and given columns, renamed.

    A text without a character but spaces is no value.
    """
    tables, params = _keyed(sample, given, key, [column for column, _ in columns])
    same = " AND ".join(f"s.k{at} = g.k{at}" for at in range(len(key)))
    values = "".join(
        f", {_value(f'g.v{at}', column)} AS {quote_identifier(name)}"
        for at, (column, name) in enumerate(columns)
    )
    return (
        f"WITH {tables} SELECT s.id AS {quote_identifier(ROW_ID)}{values} "
        f"FROM s JOIN g ON {same} ORDER BY s.ordinal",
        params,
    )


def lines_statement(
    sample: Statement, given: Statement, key: Key, columns: Sequence[Column]
) -> Statement:
    """SQL of the given rows in their order, matched or not.

    The columns are the row's number from 1, its key as text (NULL if a part lacks), how many
    sampled rows have the key, the id of one of them, and ``columns``.
    """
    lines, params = _lines(sample, given, key, columns)
    values = "".join(f", v{at}" for at in range(len(columns)))
    return f"{lines} SELECT line, label, matches, id{values} FROM l ORDER BY line", params


def _lines(
    sample: Statement, given: Statement, key: Key, columns: Sequence[Column] = ()
) -> Statement:
    """The tables of :func:`_keyed`, and ``l``: each given row with the sampled rows of its key.

    Its columns are the line, the parts of the key, the key as text (NULL if a part lacks), how many
    sampled rows have it, the id of one of them, and the values.
    """
    places = range(len(key))
    tables, params = _keyed(sample, given, key, columns)
    keys = ", ".join(f"k{at}" for at in places)
    same = " AND ".join(f"m.k{at} = g.k{at}" for at in places)
    label = " || ', ' || ".join(f"g.t{at}" for at in places)
    parts = "".join(f", g.k{at}" for at in places)
    values = "".join(f", g.v{at}" for at in range(len(columns)))
    return (
        f"WITH {tables}, m AS (SELECT {keys}, count(*) AS rows, min(id) AS id FROM s GROUP BY "
        f"{keys}), l AS MATERIALIZED (SELECT g.line{parts}, {label} AS label, "
        f"coalesce(m.rows, 0) AS matches, m.id{values} FROM g LEFT JOIN m ON {same})",
        params,
    )


def _keyed(
    sample: Statement,
    given: Statement,
    key: Key,
    values: Sequence[Column] = (),
) -> Statement:
    """The tables ``s`` (ordinal, id, keys) and ``g`` (line from 1, keys, their texts, values)."""
    of_sample = "".join(
        f", f.{quote_identifier(own.name)} AS k{at}" for at, (own, _) in enumerate(key)
    )
    of_given = "".join(
        f", TRY_CAST(f.{quote_identifier(other.name)} AS {own.type}) AS k{at}, "
        f"CAST(f.{quote_identifier(other.name)} AS VARCHAR) AS t{at}"
        for at, (own, other) in enumerate(key)
    )
    of_given += "".join(
        f", f.{quote_identifier(column.name)} AS v{at}" for at, column in enumerate(values)
    )
    row_id = quote_identifier(ROW_ID)
    sql = (
        f"s AS (SELECT CAST(split_part(f.{row_id}, ':', -1) AS BIGINT) AS ordinal, "
        f"f.{row_id} AS id{of_sample} FROM {sample[0]} AS f), "
        f"g AS (SELECT row_number() OVER () AS line{of_given} FROM {given[0]} AS f)"
    )
    return sql, [*sample[1], *given[1]]


def in_both(columns: Sequence[Column], given: TableFiles) -> list[tuple[Column, Column]]:
    """The columns of the same name, in any case, among the sample's and those of given rows."""
    by_name = {column.name.lower(): column for column in given.columns}
    return [
        (column, by_name[column.name.lower()])
        for column in columns
        if column.name.lower() in by_name
    ]


def changed_columns(
    cursor: duckdb.DuckDBPyConnection,
    sample: TableFiles,
    given: TableFiles,
    key: Key,
    pairs: Sequence[tuple[Column, Column]],
) -> list[Column]:
    """The given columns with another value than the sample's column of the name in some row."""
    if not pairs:
        return []
    same = " AND ".join(
        f"TRY_CAST(g.{quote_identifier(other.name)} AS {own.type}) = s.{quote_identifier(own.name)}"
        for own, other in key
    )
    differs = ", ".join(
        f"count_if(TRY_CAST(g.{quote_identifier(other.name)} AS {own.type}) IS DISTINCT FROM "
        f"s.{quote_identifier(own.name)} OR (g.{quote_identifier(other.name)} IS NULL) <> "
        f"(s.{quote_identifier(own.name)} IS NULL))"
        for own, other in pairs
    )
    (rows, read), (given_rows, given_read) = relation_of(sample), relation_of(given)
    counts = cursor.execute(
        f"SELECT {differs} FROM {rows} AS s JOIN {given_rows} AS g ON {same}", [*read, *given_read]
    ).fetchall()[0]
    return [other for (_, other), count in zip(pairs, counts, strict=True) if count]


def missing_counts(
    cursor: duckdb.DuckDBPyConnection, given: TableFiles, columns: Sequence[Column]
) -> list[tuple[int, int]]:
    """The given rows without a value, of each column, and those of them with an empty text."""
    if not columns:
        return []
    counts = []
    for each in columns:
        name = f"g.{quote_identifier(each.name)}"
        missing = f"{_value(name, each)} IS NULL"
        counts += [f"count_if({missing})", f"count_if({missing} AND {name} IS NOT NULL)"]
    rows, params = relation_of(given)
    found = cursor.execute(f"SELECT {', '.join(counts)} FROM {rows} AS g", params).fetchall()[0]
    return list(zip(found[::2], found[1::2], strict=True))


def _value(name: str, column: Column) -> str:
    """SQL of a value; NULL for an empty text."""
    if column.type != "VARCHAR":
        return name
    return f"CASE WHEN NOT regexp_full_match({name}, '[\\s\\p{{Z}}]*') THEN {name} END"
