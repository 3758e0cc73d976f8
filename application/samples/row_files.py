"""Files about rows of a sample, such as values or findings: read, with the columns of their key.

The import engine reads a file as it reads an import. Values and findings are matched by the same
key: ``_logical_row_id``, or columns of the table.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from domain_errors import DomainError, choices_sentence
from estimation_engine.reading import ROW_ID
from estimation_engine.row_keys import Key, in_both
from import_engine.importer import import_file
from import_engine.options import ImportOptions
from import_engine.work import ImportedTable, TablePlace
from parquet_tables.tables import Column, TableFiles
from sampling_engine.sample_table import SAMPLE_COLUMNS
from service.service import Service

MAX_DURATION_S = 60.0
KEY_LOC = ("key",)


class InvalidRowFile(DomainError):
    """An uploaded file doesn't match the sample's rows."""

    code = "invalid_row_file"


@dataclass(frozen=True)
class RowFile:
    """A file as it was uploaded; no ``key`` means ``_logical_row_id``."""

    path: Path
    name: str
    key: Sequence[str] = ()
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ReadRowFile:
    """A file that was read, and its key."""

    table: TableFiles
    key: Key
    notes: Sequence[str]
    place: TablePlace


def read_row_file(
    service: Service,
    columns: Sequence[Column],
    given: RowFile,
    folder: Path,
    texts: Collection[str] = (),
) -> ReadRowFile:
    """Read a file into an empty folder and find its key.

    Parameters
    ----------
    columns : sequence of Column
        Of the sample. Parts of the key that are text in it are read as text.
    texts : collection of str
        Other columns to read as text; names in lower case.

    Raises
    ------
    InvalidRowFile
        The file lacks a column of the key, or several sheets have the key; reading takes too long.
    """
    options = ImportOptions.from_json(given.options or {})
    names = {name.lower() for name in given.key or (ROW_ID,)}
    texts = {*texts, *(name for name in names if _is_text(columns, name))}
    found, sheets_note = _chosen(_imported(service, given, folder / "0", options), names)
    types = {column.name: column.type for column in found.table.columns}
    as_texts = {
        reading.source_name: "VARCHAR"
        for reading in found.readings  # typed files have none
        if reading.name.lower() in texts and types[reading.name] != "VARCHAR"
    }
    if as_texts:
        options = replace(options, types={**as_texts, **options.types})
        found, _ = _chosen(_imported(service, given, folder / "1", options), names)
    notes = [*sheets_note, *found.notes, *(question.text for question in found.questions)]
    return ReadRowFile(found.table, _key(columns, found.table, given.key), notes, found.place)


def _is_text(columns: Sequence[Column], name: str) -> bool:
    return any(column.name.lower() == name and column.type == "VARCHAR" for column in columns)


def _imported(
    service: Service, given: RowFile, target: Path, options: ImportOptions
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
    keyed = [
        table for table in tables if {c.name.lower() for c in table.table.columns}.issuperset(key)
    ]
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
