"""File formats: the accepted endings, and the check of a file's content against its name."""

from __future__ import annotations

import codecs
from enum import Enum
from pathlib import Path

from import_engine.errors import UnreadableFile
from lazy_dataclasses import dataclass

_GZIP = b"\x1f\x8b"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_ENCRYPTED_PARQUET = b"PARE"
_KNOWN = {
    _PARQUET: "Parquet",
    _ENCRYPTED_PARQUET: "encrypted Parquet",
    _ZIP: "a ZIP archive or a workbook",
    _OLE: "an old or protected Office file",
    _GZIP: "gzip",
    b"%PDF": "PDF",
    b"\x89PNG": "an image",
    b"ARROW1": "Arrow",
    b"Obj\x01": "Avro",
    b"SQLite format 3": "an SQLite database",
}


_MARKUP = {b"<!doctype html": "a web page", b"<html": "a web page", b"<?xml": "XML"}
"""Beginnings, in lower case, of what a server sends in place of a file."""


class Format(Enum):
    CSV = "CSV"
    TSV = "TSV"
    JSON = "JSON"
    JSON_LINES = "JSON Lines"
    PARQUET = "Parquet"
    XLSX = "XLSX"


ENDINGS = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".txt": Format.CSV,
    ".json": Format.JSON,
    ".ndjson": Format.JSON_LINES,
    ".jsonl": Format.JSON_LINES,
    ".parquet": Format.PARQUET,
    ".xlsx": Format.XLSX,
}
GZIPPED = tuple(
    f"{ending}.gz" for ending, f in ENDINGS.items() if f not in (Format.PARQUET, Format.XLSX)
)
ACCEPTED = f"Accepted are: {', '.join([*ENDINGS, '.csv.gz, .json.gz and other gzipped text'])}."


@dataclass(frozen=True)
class DetectedFormat:
    format: Format
    gzipped: bool = False


def format_of_name(original_name: str) -> DetectedFormat:
    """The format that a file's name gives; UnreadableFile if its ending is unknown."""
    gzipped, ending = _ending(original_name)
    named = ENDINGS.get(ending)
    if named is None or (gzipped and f"{ending}.gz" not in GZIPPED):
        shown = 'The ending "{ending}" is unknown.' if ending else "The file has no ending."
        raise UnreadableFile(shown + " {accepted}", ending=ending, accepted=ACCEPTED)
    return DetectedFormat(named, gzipped)


def _ending(original_name: str) -> tuple[bool, str]:
    """Whether a name ends with .gz, and its ending before that."""
    name = original_name.strip().lower()
    return name.endswith(".gz"), Path(name.removesuffix(".gz")).suffix


def detect_format(original_name: str, path: Path) -> DetectedFormat:
    """Detect a file's format from its name and check it against the content."""
    named = format_of_name(original_name)
    _, ending = _ending(original_name)
    with path.open("rb") as file:
        head = file.read(64)
        file.seek(max(0, path.stat().st_size - 4))
        tail = file.read(4)
    if not head:
        raise UnreadableFile("The file is empty.")
    _check_content(named.format, named.gzipped, ending, head, tail)
    return named


def _check_content(named: Format, gzipped: bool, ending: str, head: bytes, tail: bytes) -> None:
    kind = next((kind for magic, kind in _KNOWN.items() if head.startswith(magic)), None)
    shown = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    kind = kind or next((kind for start, kind in _MARKUP.items() if shown.startswith(start)), None)
    if gzipped:
        if not head.startswith(_GZIP):
            raise UnreadableFile("The file is named .gz, but its content isn't gzip.")
        return
    if named is Format.PARQUET:
        if head.startswith(_ENCRYPTED_PARQUET):
            raise UnreadableFile("The Parquet file is encrypted.")
        if head.startswith(_PARQUET) and tail != _PARQUET:
            raise UnreadableFile("The Parquet file is cut off: its end is missing. Send it again.")
        expected = _PARQUET
    elif named is Format.XLSX:
        if head.startswith(_OLE):
            raise UnreadableFile(
                "The workbook is protected by a password, or is an old .xls renamed. "
                "Save it as .xlsx without a password."
            )
        expected = _ZIP
    elif kind is None:
        return
    else:
        expected = b""
    if not expected or not head.startswith(expected):
        raise UnreadableFile(
            "The file is named {ending}, but "
            + ("its content is {content}. {accepted}" if kind else "its content isn't. {accepted}"),
            ending=ending,
            content=kind,
            accepted=ACCEPTED,
        )
