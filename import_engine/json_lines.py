"""JSON: an array of objects, or one object per line.

A key of any object becomes a column; nested values are stored as JSON text. DuckDB 2.0 finds keys
in a sample and drops later ones silently, so the keys of the whole file are collected first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contract.requests.importing import ReadOptions
from import_engine.errors import UnreadableFile, duckdb_errors_as, json_error
from import_engine.options import DETECT_ALL, require_applicable
from import_engine.text_files import TextFile, read_as_utf8
from import_engine.text_tables import (
    CellQuery,
    ColumnPlan,
    TextColumn,
    TextRows,
    decided,
    renamed,
    write_text_table,
)
from import_engine.values import (
    MISSING_TEXTS,
    CandidateType,
    CandidateTypes,
    json_candidates,
    open_subjects,
    unquoted,
)
from import_engine.work import ImportedTable, ImportWork
from lazy_dataclasses import dataclass
from parquet_tables.names import folded, settle_names
from parquet_tables.quoting import quote_identifier, quote_text

MAX_COLUMNS = 4_000
ORDERING_ROWS = 1_000
"""The number of objects whose key order gives the column order."""
KEYS_SHARE = 0.3  # of the progress
_COLLECTING = "collecting the keys"


@dataclass(frozen=True)
class JsonFile:
    """A JSON file in UTF-8, and DuckDB's name for its format."""

    text: TextFile
    format: str

    @property
    def params(self) -> list[object]:
        return [str(self.text.path)]

    def source(self, columns: str | None = None) -> str:
        """Build the table function that reads ``columns``, or whole objects as ``json``."""
        read = (
            "columns = {'json': 'JSON'}, records = false"
            if columns is None
            else f"columns = {{{columns}}}, records = true"
        )
        return (
            f"read_json(?, format = '{self.format}', compression = 'none', "
            f"map_inference_threshold = -1, {read})"
        )


@dataclass(frozen=True)
class JsonRows(TextRows):
    """The values of some keys of a file's objects."""

    file: JsonFile
    keys: Sequence[str]
    options: ReadOptions = DETECT_ALL

    def query(self, types: Sequence[CandidateType]) -> CellQuery:
        """Return unquoted strings for text and times, else JSON.

        In a column of numbers, the quotes distinguish a string from a number.
        """
        as_text = [each.is_text_in_json and not each.empty for each in types]
        counts = Counter(folded(key) for key in self.keys)
        if all(self.keys) and max(counts.values()) == 1:
            columns = ", ".join(
                f"{quote_text(key)}: '{'VARCHAR' if text else 'JSON'}'"
                for key, text in zip(self.keys, as_text, strict=True)
            )
            names = map(quote_identifier, self.keys)
            cells = [
                name if text else f"CAST({name} AS VARCHAR)"
                for name, text in zip(names, as_text, strict=True)
            ]
            return CellQuery(self.file.source(columns), self.file.params, cells)
        # DuckDB rejects columns with an empty name or with names that differ in case alone.
        cells = []
        for key, text in zip(self.keys, as_text, strict=True):
            pointer = quote_text("/" + key.replace("~", "~0").replace("/", "~1"))
            whole = f"nullif(CAST(json_extract(json, {pointer}) AS VARCHAR), 'null')"
            cells.append(f"json_extract_string(json, {pointer})" if text else whole)
        return CellQuery(self.file.source(), self.file.params, cells)

    def candidates(self, cells: Sequence[str], type_: str | None = None) -> CandidateTypes:
        return json_candidates(cells, self.options, type_)

    def known_cell(self, cell: str) -> str:
        """Quoted missing words are missing values, too: they determine no type."""
        return f"CASE WHEN trim({cell}, '\" ') NOT IN ({MISSING_TEXTS}) THEN {cell} END"


def import_json(
    work: ImportWork,
    path: Path,
    *,
    gzipped: bool,
    lines: bool,
    options: ReadOptions = DETECT_ALL,
) -> ImportedTable:
    """Read a JSON file; an UnreadableFile names the malformed line or object."""
    require_applicable(options, "JSON")
    read = partial(_import_utf8, work, options, lines)
    return read_as_utf8(work, path, read, gzipped=gzipped, encoding=options.encoding)


def _import_utf8(
    work: ImportWork, options: ReadOptions, lines: bool, text: TextFile, notes: Sequence[str]
) -> ImportedTable:
    start = text.head().lstrip()[:1]
    if start not in (b"[", b"{"):
        raise UnreadableFile("The file isn't JSON: it starts with neither [ nor {.")
    file = JsonFile(text, "array" if start == b"[" else "newline_delimited" if lines else "auto")
    with duckdb_errors_as(json_error):
        keys = _keys(work.part(0.0, KEYS_SHARE), file)
        source_names, name_notes = settle_names(keys)
        names, renamed_notes = renamed(source_names, options)
        rows = JsonRows(file, keys, options)
        first = rows.first_cells(work, len(keys))
        types = [options.types.get(name) for name in source_names]
        candidate_lists = [rows.candidates(*each) for each in zip(first, types, strict=True)]
        plans = [
            ColumnPlan(candidates if open_subjects(candidates) else candidates[:1])
            for candidates in candidate_lists
        ]
        nested = [
            f'Column "{name}" holds nested values; they are stored as JSON text.'
            for name, cells in zip(names, first, strict=True)
            if any(cell.startswith(("{", "[")) for cell in cells)
        ]
        texts = [[unquoted(cell) for cell in cells] for cells in first]
        columns = list(map(TextColumn, names, candidate_lists, plans, source_names, types, texts))
        columns = decided(work, rows, columns)
        rest = work.part(KEYS_SHARE, 1.0)
        return write_text_table(rest, rows, columns, [*notes, *name_notes, *renamed_notes, *nested])


def _keys(work: ImportWork, file: JsonFile) -> tuple[str, ...]:
    """Return all keys: those of the first objects in their order, then the others by name."""
    source, limit = file.source(), f"LIMIT {MAX_COLUMNS + 1}"
    objects = f"SELECT json FROM {source} LIMIT {ORDERING_ROWS}"
    lists = f"SELECT json_keys(json) AS keys, row_number() OVER () AS row FROM ({objects})"
    places = f"SELECT unnest(keys) AS key, unnest(range(len(keys))) AS place, row FROM ({lists})"
    order = f"min(row * {10**9} + place)"
    sql = f"SELECT key FROM ({places}) GROUP BY key ORDER BY {order} {limit}"
    known = [str(key) for (key,) in work.ask(sql, file.params, _COLLECTING)]
    _check_count(len(known))
    # NULL stands for a value that isn't an object.
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) ELSE [NULL] END"
    sql = f"SELECT DISTINCT unnest({keys}) AS key FROM {source} {limit}"
    keys_of_all = {key for (key,) in work.run(sql, file.params, _COLLECTING)}
    if None in keys_of_all:
        raise UnreadableFile(
            "The file holds values that aren't objects; each row must be an object."
        )
    if not keys_of_all:
        raise UnreadableFile("The file holds no object with a key.")
    _check_count(len(keys_of_all))
    return (*known, *sorted(str(key) for key in keys_of_all - set(known)))


def _check_count(keys: int) -> None:
    if keys > MAX_COLUMNS:
        raise UnreadableFile(
            "The objects have more than {max_columns} different keys, the limit of a table's "
            "columns. Write them as rows of two columns, key and value.",
            max_columns=MAX_COLUMNS,
        )
