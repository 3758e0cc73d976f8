"""JSON: an array of objects, or an object a line.

Owns: which keys become columns, and how JSON values become values. Invariant: a key of any object
is a column, whatever row it first appears in; nested values are kept as JSON text. Called by
``importer``.

DuckDB 2.0 finds keys in a sample and leaves out, without a word, those that appear later. So the
keys are collected over the whole file, and the types of the sample are checked as values are read.
Numbers with a point are DOUBLEs, as JSON has them everywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import duckdb

from import_engine.encodings import TextFile
from import_engine.errors import UnreadableFile, json_reason
from import_engine.imported import ImportedTable
from import_engine.readings import TEXT, Reading, ladder
from import_engine.text_columns import ColumnPlan
from import_engine.text_tables import TextColumns, write_text_table
from import_engine.work import ImportWork, TextSource, read_as_utf8
from parquet_tables.machine_faults import is_of_the_machine
from parquet_tables.names import folded, settle_names
from parquet_tables.progress import execute_watched, share_of
from parquet_tables.quoting import quote_identifier, quote_text

MOST_KEYS = 4_000
ORDERING_ROWS = 1_000
"""The objects whose keys' order is the columns' order."""

KEYS_SHARE = 0.3
"""The share of an import that collecting the keys takes."""

_QUOTED_TYPES = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_NUMBER_TYPES = ("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE", "BOOLEAN")


@dataclass(frozen=True)
class JsonFile:
    """A JSON file in UTF-8, and how its objects follow each other (DuckDB's name for it)."""

    text: TextFile
    format: str

    def source(self, columns: str | None) -> tuple[str, list[object]]:
        """The table function that reads ``columns``, or whole objects as ``json`` when None."""
        options = [
            f"format = '{self.format}'",
            "compression = 'none'",
            "map_inference_threshold = -1",
        ]
        if columns is None:
            options.append("columns = {'json': 'JSON'}, records = false")
        elif columns:
            options.append(f"columns = {{{columns}}}, records = true")
        return f"read_json(?, {', '.join(options)})", [str(self.text.path)]


def import_json(work: ImportWork, file: TextSource, *, lines: bool) -> ImportedTable:
    """Read a JSON file.

    Raises
    ------
    UnreadableFile
        Names the line or the object that is malformed.
    """
    return read_as_utf8(work, file, partial(_import_utf8, work, lines))


def keys_sql(file: JsonFile) -> tuple[str, list[object]]:
    """Every key of every object, once; NULL stands for what isn't an object."""
    source, params = file.source(None)
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) ELSE [NULL] END"
    return f"SELECT DISTINCT unnest({keys}) AS key FROM {source}", params


def layout(
    file: JsonFile,
    keys: Sequence[str],
    readings: Sequence[Reading],
    plans: Sequence[ColumnPlan] = (),
) -> TextColumns:
    """The cells of ``keys``: strings without their quotes for text and times, else as in JSON.

    A string in a column of numbers has to keep its quotes to be told from a number.
    """
    as_text = [r == TEXT or r.type in _QUOTED_TYPES for r in readings]
    counts = Counter(folded(key) for key in keys)
    if all(keys) and max(counts.values()) == 1:
        types = ("VARCHAR" if text else "JSON" for text in as_text)
        columns = ", ".join(f"{quote_text(k)}: '{t}'" for k, t in zip(keys, types, strict=True))
        source, params = file.source(columns)
        cells = [
            quote_identifier(key) if text else f"CAST({quote_identifier(key)} AS VARCHAR)"
            for key, text in zip(keys, as_text, strict=True)
        ]
        return TextColumns(source, params, cells)
    # DuckDB can't take an empty key, or two that differ in case alone, for columns.
    source, params = file.source(None)
    cells = []
    for key, text in zip(keys, as_text, strict=True):
        pointer = quote_text("/" + key.replace("~", "~0").replace("/", "~1"))
        whole = f"nullif(CAST(json_extract(json, {pointer}) AS VARCHAR), 'null')"
        cells.append(f"json_extract_string(json, {pointer})" if text else whole)
    return TextColumns(source, params, cells)


def _import_utf8(
    work: ImportWork, lines: bool, text: TextFile, notes: Sequence[str]
) -> ImportedTable:
    start = text.head().lstrip()[:1]
    if start not in (b"[", b"{"):
        raise UnreadableFile("The file isn't JSON: it starts with neither [ nor {.")
    file = JsonFile(text, "array" if start == b"[" else "newline_delimited" if lines else "auto")
    try:
        found = _sampled_types(work.cursor, file)
        keys = _keys(work, file)
        names, name_notes = settle_names(keys)
        ladders = [_ladder(found.get(key)) for key in keys]
        nested = [
            f'Column "{name}" holds nested values; they are kept as JSON text.'
            for name, key in zip(names, keys, strict=True)
            if re.match(r"STRUCT|MAP|.*\[\d*\]$", found.get(key, ""))
        ]
        return write_text_table(
            _rest_of(work),
            partial(layout, file, keys),
            names,
            [ColumnPlan(rungs[0]) for rungs in ladders],
            ladders,
            [*notes, *name_notes, *nested],
        )
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        raise UnreadableFile(json_reason(str(error))) from error


def _rest_of(work: ImportWork) -> ImportWork:
    report = share_of(work.report, KEYS_SHARE, 1.0)
    return replace(work, report=report)


def _sampled_types(cursor: duckdb.DuckDBPyConnection, file: JsonFile) -> dict[str, str]:
    """Each key's type in DuckDB's sample; {} if it finds none."""
    source, params = file.source("")
    try:
        described = cursor.execute(f"DESCRIBE SELECT * FROM {source}", params).fetchall()
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        return {}
    return {name: type_ for name, type_, *_ in described}


def _keys(work: ImportWork, file: JsonFile) -> tuple[str, ...]:
    """The keys of all objects: those of the first ones in their order, then the others by name."""
    source, params = file.source(None)
    first = f"SELECT json_keys(json) FROM {source} LIMIT {ORDERING_ROWS}"
    lists = work.cursor.execute(first, params).fetchall()
    known = dict.fromkeys(key for (keys_of_one,) in lists for key in keys_of_one or ())
    sql, params = keys_sql(file)
    report = share_of(work.report, 0.0, KEYS_SHARE)
    rows = execute_watched(work.cursor, sql, params, report, "collecting the keys")
    keys = {row[0] for row in rows}
    if None in keys:
        raise UnreadableFile("The file holds values that aren't objects; a row must be an object.")
    if not keys:
        raise UnreadableFile("The file holds no object with a key, so it has no column.")
    if len(keys) > MOST_KEYS:
        raise UnreadableFile(
            f"The objects have {len(keys):,} different keys; at most {MOST_KEYS:,} can be columns."
        )
    return (*known, *sorted(str(key) for key in keys - set(known)))


def _ladder(type_: str | None) -> tuple[Reading, ...]:
    if type_ in (None, '"NULL"'):
        return ladder(None)
    if type_ in (*_NUMBER_TYPES, *_QUOTED_TYPES):
        return ladder(type_)
    return (TEXT,)
