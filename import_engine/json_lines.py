"""JSON: an array of objects, or one object per line.

A key of any object becomes a column. Nested values are stored as JSON text, or objects are split
into columns of their keys. DuckDB 2.0 finds keys in a sample and drops later ones silently, so the
keys of the whole file are collected first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from contract.requests.importing import ReadOptions
from import_engine.errors import UnreadableFile, duckdb_errors_as, json_error, shortened
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
from import_engine.work import ImportedTable, ImportWork, OptionChoice, Question
from lazy_dataclasses import dataclass
from parquet_tables.names import folded, settle_names
from parquet_tables.quoting import quote_identifier, quote_text

MAX_COLUMNS = 4_000
ORDERING_ROWS = 1_000
"""The number of objects whose key order gives the column order."""
MAX_LEVELS = 8
"""Levels of objects that are split; deeper ones stay JSON text."""
KEYS_SHARE = 0.3  # of the progress
_COLLECTING = "collecting the keys"
JsonPath = tuple[str, ...]
"""The keys that lead from a row's object to a value."""


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
    paths: Sequence[JsonPath]
    options: ReadOptions = DETECT_ALL

    def query(self, types: Sequence[CandidateType]) -> CellQuery:
        """Return unquoted strings for text and times, else JSON.

        In a column of numbers, the quotes distinguish a string from a number.
        """
        as_text = [each.is_text_in_json and not each.empty for each in types]
        cells = list(zip(self.paths, as_text, strict=True))
        keys = list(dict.fromkeys(path[0] for path in self.paths))
        if not _are_columns(keys):
            read = [_extracted("json", path, text) for path, text in cells]
            return CellQuery(self.file.source(), self.file.params, read)
        texts = {path[0] for path, text in cells if text and len(path) == 1}
        columns = ", ".join(
            f"{quote_text(key)}: '{'VARCHAR' if key in texts else 'JSON'}'" for key in keys
        )
        read = [_cell(path, text) for path, text in cells]
        return CellQuery(self.file.source(columns), self.file.params, read)

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
        paths, split_notes = _paths(work.part(0.0, KEYS_SHARE), file, options)
        source_names, name_notes = settle_names([_shown(path) for path in paths])
        names, renamed_notes = renamed(source_names, options)
        rows = JsonRows(file, paths, options)
        first = rows.first_cells(work, len(paths))
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
        notes = [*notes, *split_notes, *name_notes, *renamed_notes, *nested]
        table = write_text_table(rest, rows, columns, notes)
    table = replace(table, notes=(*table.notes, *_wrapped_notes(table, source_names, first)))
    if options.nested is not None:
        return table
    return replace(table, questions=(*_nested_questions(source_names, first), *table.questions))


def _extracted(root: str, path: JsonPath, text: bool) -> str:
    """Return the SQL of the value at a path below a JSON value: a string's text, or its JSON."""
    if text:
        return f"json_extract_string({root}, {_pointer(path)})"
    return f"nullif(CAST(json_extract({root}, {_pointer(path)}) AS VARCHAR), 'null')"


def _cell(path: JsonPath, text: bool) -> str:
    """Return the SQL of a cell, where each key of the rows is a column."""
    name = quote_identifier(path[0])
    if len(path) > 1:
        return _extracted(name, path[1:], text)
    return name if text else f"CAST({name} AS VARCHAR)"


def _shown(path: JsonPath) -> str:
    return ".".join(path)


def _nested_questions(names: Sequence[str], first: Sequence[Sequence[str]]) -> list[Question]:
    """Ask whether objects are to be split, if the first rows have any."""
    found = [
        name
        for name, cells in zip(names, first, strict=True)
        if any(cell.startswith('{"') for cell in cells)
    ]
    if not found:
        return []
    listed = ", ".join(f'"{name}"' for name in found[:5]) + (" …" if found[5:] else "")
    text = f"Objects in {listed} stay JSON text; each of their keys can be a column."
    choices = (
        OptionChoice("JSON text", {"nested": "text"}),
        OptionChoice("A column for each key", {"nested": "columns"}),
    )
    return [Question("nested_values", found[0], text, choices)]


def _wrapped_notes(
    table: ImportedTable, names: Sequence[str], first: Sequence[Sequence[str]]
) -> list[str]:
    """Note the lists of objects of a file of one row: they may be the rows that were meant."""
    if table.table.row_count != 1:
        return []
    return [
        f'The file is one object, so it is one row. If its rows are the objects in "{name}", save '
        "that list as a file of its own."
        for name, cells in zip(names, first, strict=True)
        if cells[0:1] and cells[0].startswith("[{")
    ]


def _paths(
    work: ImportWork, file: JsonFile, options: ReadOptions
) -> tuple[tuple[JsonPath, ...], list[str]]:
    """Return the paths of the columns, and notes on objects that were split.

    An object is split if every row has an object, null or nothing at its path, and no type is given
    for it; so no value is left out.
    """
    paths: list[JsonPath] = [(key,) for key in _keys(work.part(0.0, 0.5), file)]
    if options.nested != "columns":
        return tuple(paths), []
    notes, level = [], paths
    for depth in range(1, MAX_LEVELS + 1):
        part = work.part(1 - 0.5**depth, 1 - 0.5 ** (depth + 1))
        objects = [
            path for path in _objects(part, file, level) if _shown(path) not in options.types
        ]
        if not objects:
            break
        keys = _keys_below(part, file, objects)
        level = [path for below in keys.values() for path in below]
        paths = [each for path in paths for each in keys.get(path) or [path]]
        _check_count(len(paths))
        for path, below in keys.items():
            listed = ", ".join(f'"{each[-1]}"' for each in below)
            notes.append(f'The objects of "{_shown(path)}" are columns of their keys: {listed}.')
    return tuple(paths), notes


def _objects(work: ImportWork, file: JsonFile, paths: Sequence[JsonPath]) -> list[JsonPath]:
    """Return the paths at which all values are objects or null, some with a key.

    Raises
    ------
    UnreadableFile
        Such an object has a key twice.
    """
    pointers = _pointers(paths)
    read = (
        f"SELECT unnest(range({len(paths)})) AS place, unnest(json_type(json, {pointers})) AS type,"
        f" unnest(json_keys(json, {pointers})) AS keys FROM {file.source()}"
    )
    sql = (
        "SELECT place, bool_or(len(keys) > len(list_distinct(keys))) "
        f"FROM ({read}) GROUP BY place "
        "HAVING bool_and(coalesce(type, 'NULL') IN ('OBJECT', 'NULL')) AND max(len(keys)) > 0 "
        "ORDER BY place"
    )
    found = []
    for place, has_twice in work.run(sql, file.params, _COLLECTING):
        if has_twice:
            raise UnreadableFile(
                'An object of "{path}" has a key twice. Leave out `nested` to store these objects '
                "as JSON text.",
                path=_shown(paths[place]),
            )
        found.append(paths[place])
    return found


def _keys_below(
    work: ImportWork, file: JsonFile, paths: Sequence[JsonPath]
) -> dict[JsonPath, list[JsonPath]]:
    """Return the paths of the keys of objects, in the order of :func:`_keys`."""
    source, limit = file.source(), f"LIMIT {MAX_COLUMNS + 1}"
    lists = (
        f"SELECT unnest(range({len(paths)})) AS place, "
        f"unnest(json_keys(json, {_pointers(paths)})) AS keys"
    )
    objects = f"SELECT json FROM {source} LIMIT {ORDERING_ROWS}"
    numbered = f"SELECT json, row_number() OVER () AS row FROM ({objects})"
    places = (
        "SELECT place, row, unnest(keys) AS key, unnest(range(len(keys))) AS i "
        f"FROM ({lists}, row FROM ({numbered}))"
    )
    order = f"place, min(row * {10**9} + i)"
    first = f"SELECT place, key FROM ({places}) GROUP BY place, key ORDER BY {order} {limit}"
    every = f"SELECT DISTINCT place, unnest(keys) AS key FROM ({lists} FROM {source}) {limit}"
    below: dict[JsonPath, dict[JsonPath, None]] = {path: {} for path in paths}
    for rows in (
        work.ask(first, file.params, _COLLECTING),
        sorted(work.run(every, file.params, _COLLECTING)),
    ):
        _check_count(len(rows))
        for place, key in rows:
            below[paths[place]][(*paths[place], str(key))] = None
    return {path: list(found) for path, found in below.items()}


def _pointers(paths: Sequence[JsonPath]) -> str:
    """Return the SQL of a list of JSON pointers (RFC 6901)."""
    return f"[{', '.join(map(_pointer, paths))}]"


def _pointer(path: JsonPath) -> str:
    keys = (key.replace("~", "~0").replace("/", "~1") for key in path)
    return quote_text("".join(f"/{key}" for key in keys))


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
    found = (*known, *sorted(str(key) for key in keys_of_all - set(known)))
    if not _are_columns(found):
        _require_once(work, file)
    return found


def _are_columns(keys: Sequence[str]) -> bool:
    """Whether DuckDB takes keys as columns: no empty name, none that differ in case alone."""
    return all(keys) and len({folded(key) for key in keys}) == len(keys)


def _require_once(work: ImportWork, file: JsonFile) -> None:
    """Refuse an object with a key twice, which DuckDB refuses only where keys are columns."""
    numbered = f"SELECT json_keys(json) AS keys, row_number() OVER () AS row FROM {file.source()}"
    sql = f"SELECT row, keys FROM ({numbered}) WHERE len(keys) > len(list_distinct(keys)) LIMIT 1"
    for number, keys in work.run(sql, file.params, _COLLECTING):
        raise UnreadableFile(
            'Object {number}: the key "{key}" appears twice.',
            number=str(number),
            key=shortened(next(key for key in keys if keys.count(key) > 1)),
        )


def _check_count(keys: int) -> None:
    if keys > MAX_COLUMNS:
        raise UnreadableFile(
            "The objects have more than {max_columns} different keys, the limit of a table's "
            "columns. Write them as rows of two columns, key and value. With `nested`, give an "
            "object the type text to store it as JSON text.",
            max_columns=MAX_COLUMNS,
        )
