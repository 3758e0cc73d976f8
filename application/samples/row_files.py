"""Files about rows of a sample, such as values or findings: read, and matched with the rows by key.

The import engine reads a file as it reads an import. The key is ``_logical_row_id``, or columns of
the table. What is wrong with a key is said here, for a whole file or for each of its rows.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.requests.importing import ReadOptions
from domain_errors import DomainError, choices_sentence
from estimation_engine.reading import ROW_ID, relation_of
from estimation_engine.row_keys import (
    Key,
    KeyMatch,
    in_both,
    lines_statement,
    match_rows,
    similar_keys,
)
from import_engine.formats import Format, format_of_name
from import_engine.importer import import_file
from import_engine.options import read_options
from import_engine.work import ImportedTable, TablePlace
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from sampling_engine.sample_table import SAMPLE_COLUMNS
from service.service import Service
from storage.errors import InvalidValue

MAX_DURATION_S = 60.0
MAX_LINES_NAMED = 5
"""Other rows of the same key that a problem names."""
NO_ROW = "The file has no row."
KEY_LOC = ("key",)


class InvalidRowFile(DomainError):
    """An uploaded file doesn't match the sample's rows."""

    code = "invalid_row_file"


@dataclass(frozen=True)
class RowFile:
    """A file as it was uploaded; no ``key`` means ``_logical_row_id``, or the row key."""

    path: Path
    name: str
    key: Sequence[str] = ()
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FileRow:
    """A row of a file, numbered as a spreadsheet program shows it: 2 is below a header in row 1.

    Parameters
    ----------
    key : str
        As the file has it.
    row_id : str or None
        That of a row of the sample with this key.
    problem : DomainError or None
        Why the row isn't that of one row of the sample, or can't be read.
    values : mapping
        Its cells, by the caller's names.
    """

    number: int
    key: str
    row_id: str | None
    problem: DomainError | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ReadRowFile:
    """A file that was read, and its key."""

    table: TableFiles
    key: Key
    notes: Sequence[str]
    place: TablePlace

    @property
    def key_names(self) -> tuple[str, ...]:
        """The sample's names of the key's columns."""
        return tuple(own.name for own, _ in self.key)

    def match(self, parquet: ParquetDatabase, sample: Statement) -> KeyMatch:
        """Count the rows that match those of a table, and those that don't."""
        with parquet.cursor() as cursor:
            return match_rows(cursor, sample, relation_of(self.table), self.key)

    def require_clean(self, match: KeyMatch) -> None:
        """Raise InvalidRowFile unless each row of the file is that of one sampled row."""
        hint = f' Did you mean "{match.similar_value}"?' if match.similar_value else ""
        for listed, template in zip(
            (match.without_key, match.ambiguous, match.repeated, match.unmatched),
            _PROBLEMS_OF_FILES,
            strict=True,
        ):
            if listed.count:
                raise InvalidRowFile(
                    template,
                    count=listed.count,
                    key=", ".join(self.key_names),
                    first=listed.text,
                    hint=hint,
                    loc=KEY_LOC,
                )
        if not match.row_count:
            raise InvalidRowFile(NO_ROW)

    def rows(
        self,
        parquet: ParquetDatabase,
        table: TableFiles,
        items: Statement,
        cells: Mapping[str, Column],
    ) -> list[FileRow]:
        """Return each row of the file with the row to examine that has its key, or a problem.

        ``items`` is SQL of the rows to examine, which reads ``table``.
        """
        statement = lines_statement(items, relation_of(self.table), self.key, tuple(cells.values()))
        with parquet.cursor(table) as cursor:
            lines = cursor.execute(*statement).fetchall()
            unknown = [text for _, text, matches, *_ in lines if text is not None and not matches]
            similar = similar_keys(cursor, items, self.key, list(dict.fromkeys(unknown)))
        above = self.place.first_row - 1
        numbers = defaultdict[str, list[int]](list)
        for line, _, _, row_id, *_ in lines:
            if row_id is not None:
                numbers[row_id].append(above + line)
        formulas = self._empty_formulas({column.name for column in cells.values()})
        rows = []
        for line, text, matches, row_id, *values in lines:
            number = above + line
            others = [other for other in numbers.get(row_id, ()) if other != number]
            problem = formulas.get(number) or self._problem(text, matches, similar, others)
            cells_of_row = dict(zip(cells, values, strict=True))
            rows.append(FileRow(number, text or "", row_id, problem, cells_of_row))
        return rows

    def _empty_formulas(self, fields: Set[str]) -> dict[int, DomainError]:
        """The problem of each row of which a cell that is read has no stored result."""
        columns = self.table.columns
        needed = fields | {other.name for _, other in self.key}
        return {
            self.place.first_row + row: InvalidValue(
                "The formula in cell {cell} has no stored result. Open the workbook in a "
                "spreadsheet program, save it, and upload it again, or write the value.",
                cell=name,
            )
            for row, column, name in reversed(self.place.empty_formulas)
            if 0 <= column < len(columns) and columns[column].name in needed
        }

    def _problem(
        self, text: str | None, matches: int, similar: Mapping[str, str], others: Sequence[int]
    ) -> DomainError | None:
        """Why a row's key isn't that of one row to examine; ``others`` are rows with the same."""
        key = ", ".join(self.key_names)
        if text is None:
            return InvalidValue("The row has no value in the key ({key}).", key=key)
        if matches == 0:
            hint = f' Did you mean "{similar[text]}"?' if text in similar else ""
            return InvalidValue(
                'No row to examine has the {key} "{text}".{hint}', key=key, text=text, hint=hint
            )
        if matches > 1:
            return InvalidValue(
                '{count} rows to examine have the {key} "{text}". Add columns to `key`, or use '
                "_logical_row_id.",
                count=matches,
                key=key,
                text=text,
            )
        if others:
            more = " …" if others[MAX_LINES_NAMED:] else ""
            return InvalidValue(
                'The {key} "{text}" is in {count} other {count|row|rows}, too: {lines}.',
                key=key,
                text=text,
                count=len(others),
                lines=", ".join(map(str, others[:MAX_LINES_NAMED])) + more,
            )
        return None


_PROBLEMS_OF_FILES = (
    "{count} {count|row|rows} of the file {count|has|have} no value in the key ({key}): {first}.",
    "The key ({key}) doesn't identify the sampled rows; {count} {count|value is|values are} in "
    "several: {first}. Add columns to `key`, or use _logical_row_id.",
    "{count} {count|key|keys} ({key}) {count|is|are} in several rows of the file: {first}.",
    "{count} {count|row|rows} of the file {count|has|have} a key ({key}) that no sampled row has: "
    "{first}.{hint}",
)
"""Of rows without a key, and of ambiguous, repeated and unknown keys."""


def read_row_file(
    service: Service,
    columns: Sequence[Column],
    given: RowFile,
    folder: Path,
    texts: Collection[str] = (),
    row_key: Sequence[str] = (),
) -> ReadRowFile:
    """Read a file into an empty folder and find its key.

    Parameters
    ----------
    columns : sequence of Column
        Of the sample. Parts of the key that are text in it are read as text.
    texts : collection of str
        Other columns to read as text; names in lower case.
    row_key : sequence of str
        The table's row key, which identifies the rows of a file without ``_logical_row_id``.

    Raises
    ------
    InvalidRowFile
        The file lacks a column of the key, or several sheets have the key; reading takes too long.
    """
    options = read_options(given.options or {})
    imported = _imported(service, given, folder / "0", options)
    if not given.key and not any(_has(table, (ROW_ID,)) for table in imported):
        given = replace(given, key=row_key)
    names = {name.lower() for name in given.key or (ROW_ID,)}
    texts = {*texts, *(name for name in names if _is_text(columns, name))}
    found, sheets_note = _chosen(imported, names)
    types = {column.name: column.type for column in found.table.columns}
    as_texts = {
        reading.source_name: "VARCHAR"
        for reading in found.readings
        if reading.name.lower() in texts and types[reading.name] != "VARCHAR"
    }
    # A Parquet file has types of its own: its numbers are compared as they are written.
    if as_texts and format_of_name(given.name).format is not Format.PARQUET:
        options = replace(options, types={**as_texts, **options.types})
        found, _ = _chosen(_imported(service, given, folder / "1", options), names)
    notes = [*sheets_note, *found.notes, *(question.text for question in found.questions)]
    return ReadRowFile(found.table, _key(columns, found.table, given.key), notes, found.place)


def _has(table: ImportedTable, names: Collection[str]) -> bool:
    return {column.name.lower() for column in table.table.columns}.issuperset(names)


def _is_text(columns: Sequence[Column], name: str) -> bool:
    return any(column.name.lower() == name and column.type == "VARCHAR" for column in columns)


def _imported(
    service: Service, given: RowFile, target: Path, options: ReadOptions
) -> Sequence[ImportedTable]:
    deadline = time.monotonic() + MAX_DURATION_S

    def on_progress(_fraction: float, _message: str) -> None:
        if time.monotonic() > deadline:
            raise InvalidRowFile(
                "Reading the file took longer than {limit} seconds.", limit=round(MAX_DURATION_S)
            )

    target.mkdir()
    return import_file(
        service.parquet, given.path, given.name, target, on_progress=on_progress, options=options
    )


def _chosen(
    tables: Sequence[ImportedTable], key: Collection[str]
) -> tuple[ImportedTable, Sequence[str]]:
    """The only table, or that of the only sheet with the key, with a note that says so."""
    if len(tables) == 1:
        return tables[0], ()
    keyed = [table for table in tables if _has(table, key)]
    if len(keyed) == 1:
        note = f'Of {len(tables)} sheets, only "{keyed[0].key}" has the key; the others are unread.'
        return keyed[0], (note,)
    raise InvalidRowFile(
        "The workbook has {count} sheets, and {keyed} of them have the key ({key}). Choose one "
        "with the option `sheet`, or delete the others. {choices}",
        count=len(tables),
        keyed=len(keyed),
        key=", ".join(sorted(key)),
        choices=choices_sentence("", [table.key for table in tables]),
        loc=("options", "sheet"),
    )


def _key(columns: Sequence[Column], given: TableFiles, names: Sequence[str]) -> Key:
    shared = in_both(columns, given)
    by_name = {own.name.lower(): (own, other) for own, other in shared}
    key = []
    for at, name in enumerate(names or (ROW_ID,)):
        if name.lower() not in by_name:
            own = [own.name for own, _ in shared if own.name not in SAMPLE_COLUMNS]
            raise InvalidRowFile(
                'The file and the sample don\'t both have the column "{column}" to identify rows. '
                "Name others with `key`. {choices}",
                column=name,
                choices=choices_sentence(name, own),
                loc=(*KEY_LOC, at) if names else KEY_LOC,
            )
        key.append(by_name[name.lower()])
    return key
