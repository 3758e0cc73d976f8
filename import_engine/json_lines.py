"""JSON: an array of objects, or one object per line.

A key of any object becomes a column; nested values are stored as JSON text. DuckDB 2.0 finds keys
in a sample and drops later ones silently, so the keys of the whole file are collected and counted
first. Numbers with a decimal point are DOUBLE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import duckdb

from import_engine.candidates import (
    MISSING,
    any_cells,
    candidates_for,
    first_cells,
    json_candidates,
)
from import_engine.encodings import TextFile
from import_engine.errors import UnreadableFile, json_reason
from import_engine.text_tables import (
    CandidateLists,
    ColumnPlan,
    InferredColumns,
    TextColumns,
    write_text_table,
)
from import_engine.values import MISSING_TEXTS, TEXT, WHOLE, CandidateType
from import_engine.work import ImportedTable, ImportWork, TextSource, read_as_utf8
from parquet_tables.names import folded, settle_names
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    progress_part,
    without_progress,
)
from parquet_tables.quoting import quote_identifier, quote_text
from parquet_tables.transient_errors import is_machine_error

MAX_COLUMNS = 4_000
ORDERING_ROWS = 1_000
"""The number of objects whose key order gives the column order."""

KEYS_SHARE = 0.3
"""The part of the progress that collecting the keys takes."""

_QUOTED_TYPES = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True)
class JsonFile:
    """A JSON file in UTF-8, and DuckDB's name for its layout."""

    text: TextFile
    format: str

    def source(self, columns: str | None) -> tuple[str, list[object]]:
        """Build the table function that reads ``columns``, or whole objects as ``json``."""
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
        The message names the malformed line or object.
    """
    return read_as_utf8(work, file, partial(_import_utf8, work, lines))


def keys_sql(file: JsonFile) -> tuple[str, list[object]]:
    """Select the distinct keys of all objects; NULL stands for a value that isn't an object."""
    source, params = file.source(None)
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) ELSE [NULL] END"
    limit = MAX_COLUMNS + 1
    return f"SELECT DISTINCT unnest({keys}) AS key FROM {source} LIMIT {limit}", params


def first_keys_sql(file: JsonFile) -> tuple[str, list[object]]:
    """Select the distinct keys of the first objects, in the order of first appearance."""
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
    inferred: Sequence[CandidateType],
    plans: Sequence[ColumnPlan] = (),
) -> TextColumns:
    """Return the cells of ``keys``: unquoted strings for text and times, else JSON.

    In a column of numbers, the quotes distinguish a string from a number.
    """
    as_text = [r == TEXT or r.type in _QUOTED_TYPES for r in inferred]
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
    # DuckDB rejects columns with an empty name or with names that differ in case alone.
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
        columns, nested = _found_columns(_after_keys(work), file, keys, names)
        return write_text_table(
            _after_keys(work), partial(layout, file, keys), columns, [*notes, *name_notes, *nested]
        )
    except duckdb.Error as error:
        if is_machine_error(error):
            raise
        raise UnreadableFile(json_reason(str(error))) from error


def _found_columns(
    work: ImportWork, file: JsonFile, keys: Sequence[str], names: Sequence[str]
) -> tuple[InferredColumns, list[str]]:
    """Infer the columns from the first objects; also return notes on nested values."""
    raw = layout(file, keys, [WHOLE] * len(keys))
    source = (raw.source, raw.params)
    known = first_cells(work, source, raw.cells, without_progress(work.on_progress))
    candidate_lists = [candidates_for(_with_value(each), json_candidates) for each in known]

    def later_candidates(columns: Sequence[int], on_progress: ProgressCallback) -> CandidateLists:
        # Quoted missing words are missing values, too: they determine no type.
        cells = [
            f"CASE WHEN trim({cell}, '\" ') NOT IN ({MISSING_TEXTS}) THEN {cell} END"
            for cell in (raw.cells[column] for column in columns)
        ]
        chosen = any_cells(work, source, cells, on_progress)
        return [candidates_for(each, json_candidates) for each in chosen]

    nested = [
        f'Column "{name}" holds nested values; they are stored as JSON text.'
        for name, each in zip(names, known, strict=True)
        if any(cell.startswith(("{", "[")) for cell in each)
    ]
    plans = [ColumnPlan(candidates[0]) for candidates in candidate_lists]
    return InferredColumns(names, plans, candidate_lists, later_candidates), nested


def _with_value(cells: Sequence[str]) -> list[str]:
    """Drop the cells that are quoted missing words."""
    return [cell for cell in cells if cell.strip('" ') not in MISSING]


def _after_keys(work: ImportWork) -> ImportWork:
    on_progress = progress_part(work.on_progress, KEYS_SHARE, 1.0)
    return replace(work, on_progress=on_progress)


def _keys(work: ImportWork, file: JsonFile) -> tuple[str, ...]:
    """Return all keys: those of the first objects in their order, then the others by name."""
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
        raise UnreadableFile(
            "The file holds values that aren't objects; each row must be an object."
        )
    if not found:
        raise UnreadableFile("The file holds no object with a key.")
    _check_count(len(found))
    return (*known, *sorted(str(key) for key in found - set(known)))


def _check_count(keys: int) -> None:
    if keys > MAX_COLUMNS:
        raise UnreadableFile(
            f"The objects have more than {MAX_COLUMNS:,} different keys, the limit of a "
            "table's columns. Write them as rows of two columns, key and value."
        )
