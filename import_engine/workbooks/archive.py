"""The ZIP archive of an XLSX workbook; its faults are :class:`UnreadableFile`."""

from __future__ import annotations

import errno
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

from import_engine.errors import UnreadableFile, WorkbookTooLarge

DAMAGED = "The workbook is cut off or damaged. Save it again as .xlsx."
CONTENT_TYPES = "[Content_Types].xml"
WORKBOOK_PART = "xl/workbook.xml"
RELATIONS_PART = "xl/_rels/workbook.xml.rels"

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,  # an encrypted part
    OverflowError,
)


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a workbook's archive; zipfile's errors inside the block become UnreadableFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except NotImplementedError as error:  # a later ZIP version, or another compression
        raise UnreadableFile(
            "The workbook's ZIP archive uses features that can't be read. Save it again as .xlsx."
        ) from error
    except _BROKEN as error:
        raise UnreadableFile(DAMAGED) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a seek before the file's start
            raise
        raise UnreadableFile(DAMAGED) from error


def check_size(archive: zipfile.ZipFile, unpacked_bytes: int) -> None:
    """Refuse an archive that isn't a workbook, or that declares more than ``unpacked_bytes``.

    An archive may declare less than it holds; the limits of the process cover that case.
    """
    if CONTENT_TYPES not in archive.namelist():
        raise UnreadableFile("The file is a ZIP archive but not a workbook.")
    declared_bytes = sum(entry.file_size for entry in archive.infolist())
    if declared_bytes > unpacked_bytes:
        raise WorkbookTooLarge(
            f"The workbook holds {declared_bytes // 1024**2:,} MiB of cells; at most "
            f"{unpacked_bytes // 1024**2:,} MiB can be read. Save the sheets as CSV."
        )


def sheet_parts(archive: zipfile.ZipFile) -> Mapping[str, str]:
    """Return the sheet name of each archive part that holds a sheet.

    Empty if the list of sheets isn't where Excel writes it: the parser finds them.
    """
    try:
        relations = _root(archive, RELATIONS_PART)
        workbook = _root(archive, WORKBOOK_PART)
    except (KeyError, ParseError):
        return {}
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    found: dict[str, str] = {}
    for sheet in workbook.iter():
        if _local(sheet.tag) != "sheet":
            continue
        ids = [value for key, value in sheet.attrib.items() if _local(key) == "id"]
        target = targets.get(ids[0]) if ids else None
        if target:
            part = posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
            found[part] = sheet.get("name", "")
    names = set(archive.namelist())
    return {part: name for part, name in found.items() if part in names}


def _root(archive: zipfile.ZipFile, part: str) -> Element:
    return fromstring(archive.read(part))  # noqa: S314 - in a process with limits


def _local(name: str) -> str:
    """A name of XML without its namespace.

    >>> _local("{http://example.com}sheet")
    'sheet'
    """
    return name.rpartition("}")[2]
