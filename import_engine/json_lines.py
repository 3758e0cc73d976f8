"""JSON: an array of objects, or an object a line.

Owns: which keys become columns, and how JSON values become values. Invariant: a key of any object
is a column, whatever row it first appears in; nested values are kept as JSON text. Called by
``importer``.

DuckDB 2.0 finds keys in a sample and leaves out, without a word, those that appear later; its time
grows with the square of their number. So the keys are collected, and counted, over the whole file
first, and the types of the first objects are checked as values are read.
Numbers with a point are DOUBLEs, as JSON has them everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import duckdb

from import_engine.candidates import MISSING, first_cells, json_candidates, ladder_of, late_cells
from import_engine.encodings import TextFile
from import_engine.errors import UnreadableFile, json_reason
from import_engine.text_tables import (
    ColumnPlan,
    FoundColumns,
    Ladders,
    TextColumns,
    write_text_table,
)
from import_engine.values import NO_VALUE_TEXTS, TEXT, WHOLE, Reading
from import_engine.work import ImportedTable, ImportWork, TextSource, read_as_utf8
from parquet_tables.names import folded, settle_names
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    progress_part,
    without_progress,
)
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.transient_errors import is_of_the_machine

MAX_COLUMNS = 4_000
ORDERING_ROWS = 1_000
"""The objects whose keys' order is the columns' order."""

KEYS_SHARE = 0.3
"""The share of an import that collecting the keys takes."""

_QUOTED_TYPES = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


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
    most = MAX_COLUMNS + 1
    return f"SELECT DISTINCT unnest({keys}) AS key FROM {source} LIMIT {most}", params


def first_keys_sql(file: JsonFile) -> tuple[str, list[object]]:
    """The keys of the first objects, each once, where it first is."""
    source, params = file.source(None)
    objects = f"SELECT json FROM {source} LIMIT {ORDERING_ROWS}"
    lists = f"SELECT json_keys(json) AS keys, row_number() OVER () AS row FROM ({objects})"
    places = f"SELECT unnest(keys) AS key, unnest(range(len(keys))) AS place, row FROM ({lists})"
    return (
        f"SELECT key FROM ({places}) GROUP BY key ORDER BY min(row * {10**9} + place) "
        f"LIMIT {MAX_COLUMNS + 1}",
        params,
    )


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
        keys = _keys(work, file)
        names, name_notes = settle_names(keys)
        columns, nested = _found_columns(_rest_of(work), file, keys, names)
        return write_text_table(
            _rest_of(work), partial(layout, file, keys), columns, [*notes, *name_notes, *nested]
        )
    except duckdb.Error as error:
        if is_of_the_machine(error):
            raise
        raise UnreadableFile(json_reason(str(error))) from error


def _found_columns(
    work: ImportWork, file: JsonFile, keys: Sequence[str], names: Sequence[str]
) -> tuple[FoundColumns, list[str]]:
    """What the first objects show of the columns, and notes on those that hold nested values."""
    raw = layout(file, keys, [WHOLE] * len(keys))
    source = (raw.source, raw.params)
    known = first_cells(work, source, raw.cells, without_progress(work.on_progress))
    ladders = [ladder_of(_with_value(each), json_candidates) for each in known]

    def late(columns: Sequence[int], on_progress: ProgressCallback) -> Ladders:
        # Missing words in quotes have no value either: they settle no type.
        cells = [
            f"CASE WHEN trim({cell}, '\" ') NOT IN ({NO_VALUE_TEXTS}) THEN {cell} END"
            for cell in (raw.cells[column] for column in columns)
        ]
        chosen = late_cells(work, source, cells, on_progress)
        return [ladder_of(each, json_candidates) for each in chosen]

    nested = [
        f'Column "{name}" holds nested values; they are kept as JSON text.'
        for name, each in zip(names, known, strict=True)
        if any(cell.startswith(("{", "[")) for cell in each)
    ]
    plans = [ColumnPlan(rungs[0]) for rungs in ladders]
    return FoundColumns(names, plans, ladders, late), nested


def _with_value(cells: Sequence[str]) -> list[str]:
    """The cells that aren't missing words in quotes."""
    return [cell for cell in cells if cell.strip('" ') not in MISSING]


def _rest_of(work: ImportWork) -> ImportWork:
    on_progress = progress_part(work.on_progress, KEYS_SHARE, 1.0)
    return replace(work, on_progress=on_progress)


def _keys(work: ImportWork, file: JsonFile) -> tuple[str, ...]:
    """The keys of all objects: those of the first ones in their order, then the others by name."""
    sql, params = first_keys_sql(file)
    on_progress = without_progress(work.on_progress)
    first = execute_watched(work.cursor, sql, params, on_progress, "collecting the keys")
    known = [str(key) for (key,) in first]
    _check_count(len(known))
    sql, params = keys_sql(file)
    on_progress = progress_part(work.on_progress, 0.0, KEYS_SHARE)
    rows = execute_watched(work.cursor, sql, params, on_progress, "collecting the keys")
    found = {row[0] for row in rows}
    if None in found:
        raise UnreadableFile("The file holds values that aren't objects; a row must be an object.")
    if not found:
        raise UnreadableFile("The file holds no object with a key, so it has no column.")
    _check_count(len(found))
    return (*known, *sorted(str(key) for key in found - set(known)))


def _check_count(keys: int) -> None:
    if keys > MAX_COLUMNS:
        raise UnreadableFile(
            f"The objects have more than {MAX_COLUMNS:,} different keys, the most columns that a "
            "table may have. Write them as rows of two columns, key and value."
        )
