"""The ZIP archive of an XLSX workbook; its faults are ``UnreadableFile``.

The parser allocates every place between a sheet's first and last cell: two cells in opposite
corners take 17 billion places. So sparse sheets are rewritten without empty rows and columns.
"""

from __future__ import annotations

import errno
import lzma
import posixpath
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers import expat

from import_engine.errors import MIB, UnreadableFile, WorkbookTooLarge
from import_engine.workbooks.number_formats import CODES, shown_places
from lazy_dataclasses import dataclass

DAMAGED = "The workbook is cut off or damaged. Save it again as .xlsx."
CONTENT_TYPES = "[Content_Types].xml"
WORKBOOK_PART = "xl/workbook.xml"
RELATIONS_PART = "xl/_rels/workbook.xml.rels"
STYLES_PART = "xl/styles.xml"
_ESCAPES = str.maketrans(
    {each: f"&#{ord(each)};" for each in "&<>'\"\t\n\r"}  # a parser makes blanks of the last three
)

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
            "The workbook holds {size_mb} MiB of cells; at most {max_mb} MiB can be read. "
            "Save the sheets as CSV.",
            size_mb=declared_bytes // MIB,
            max_mb=unpacked_bytes // MIB,
        )


def _sheet_parts(archive: zipfile.ZipFile) -> Mapping[str, str]:
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


def format_codes(archive: zipfile.ZipFile) -> Sequence[str]:
    """Return the number format of each style; empty if the styles can't be read."""
    try:
        styles = _root(archive, STYLES_PART)
    except (KeyError, ParseError):
        return ()
    codes = dict(CODES)
    found: list[str] = []
    for part in styles:
        for each in part:
            if _local(each.tag) == "numFmt":
                codes[each.get("numFmtId", "")] = each.get("formatCode", "")
            elif _local(part.tag) == "cellXfs":
                found.append(codes.get(each.get("numFmtId", "0"), ""))
    return found


def _root(archive: zipfile.ZipFile, part: str) -> Element:
    return fromstring(archive.read(part))  # noqa: S314 - in a process with limits


def _local(name: str) -> str:
    return name.rpartition("}")[2]


MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
"""Size of an Excel sheet."""
SPARSE_PLACES = 1_000_000
SPARSE_RATIO = 10
"""A sheet is sparse if it has more than SPARSE_PLACES places, and more than SPARSE_RATIO for each
non-empty cell."""
CHUNK_BYTES = 1 << 22

# A pattern that begins with plain bytes is ten times faster than an alternation.
_COLUMN = re.compile(rb' r="([A-Z]+)\d')
_ROW = re.compile(rb'row\s[^>]*?\br="(\d+)"')
_FILLED = re.compile(
    rb'<c\s[^>]*?\br="[A-Z]+(\d+)"[^>]*>(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)?<(?:is|v>[^<])'
)
_EMPTY_FORMULA = re.compile(rb"</?f(?:>|\s[^>]*/>)(?:<v\s*/>|<v></v>)?</c>")
_NAMED_CELL = re.compile(rb'<c\s[^>]*?\br="([A-Z]{1,3}\d{1,7})"')
_NUMBER = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"(?: s="(\d{1,5})")?(?: t="n")?><(?:v>|f)')
"""A cell of a number, or of a formula whose result is one: its column, row and style."""
MAX_EMPTY = 10_000
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,10})")
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

OnCell = Callable[[int, int, Mapping[str, str], str], None]
"""Takes a non-empty cell: its row and column (from 1), its attributes and its inner XML."""


def without_stray_cells(source: Path, copy: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a workbook in which no sheet is sparse.

    It is ``source``, or ``copy`` if a sheet was sparse. Also return the names of the sheets that
    lost empty rows and columns.
    """
    with open_archive(source) as archive:
        parts = _sheet_parts(archive)
        extents = {
            part: _Extent(archive, part)
            for part, name in parts.items()
            if _may_be_sparse(archive, part, name)
        }
        sparse = {part: extent for part, extent in extents.items() if extent.is_sparse}
        if not sparse:
            return source, ()
        with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for entry in archive.infolist():
                with target.open(entry.filename, "w", force_zip64=True) as out:
                    if entry.filename in sparse:
                        _write_compact(archive, entry.filename, sparse[entry.filename], out)
                    else:
                        with archive.open(entry) as part:
                            shutil.copyfileobj(part, out, CHUNK_BYTES)
    return copy, tuple(parts[part] for part in sparse)


def _may_be_sparse(archive: zipfile.ZipFile, part: str, name: str) -> bool:
    """Whether a sheet may be sparse: a fast check that also counts empty cells."""
    columns: set[bytes] = set()
    placed_cells = filled_cells = placed_rows = closed_rows = 0
    first = last = 0
    for piece in _whole_tags(archive, part):
        letters = _COLUMN.findall(piece)
        columns.update(letters)
        placed_cells += len(letters)
        filled_cells += piece.count(b"</c>")
        closed_rows += piece.count(b"row>")
        for row in map(int, _ROW.findall(piece)):
            if row <= last:
                raise UnreadableFile(
                    'The rows of the sheet "{sheet}" are out of order. Save it again as .xlsx.',
                    sheet=name,
                )
            first, last = first or row, row
            placed_rows += 1
    if placed_cells < filled_cells or placed_rows < closed_rows:
        return True  # some places are missing, or have another form
    numbers = [_column_number(letters.decode()) for letters in columns]
    if last > MAX_ROWS or max(numbers, default=0) > MAX_COLUMNS:
        raise UnreadableFile(
            'The sheet "{sheet}" has cells outside of the {max_rows} rows and {max_columns} '
            "columns of a sheet. Save it again as .xlsx.",
            sheet=name,
            max_rows=MAX_ROWS,
            max_columns=MAX_COLUMNS,
        )
    width = _span(numbers) if numbers else 1
    return _is_sparse((last - first + 1) * width, filled_cells)


@dataclass(frozen=True)
class SheetCells:
    """The first row and column of a sheet with a value, and its formulas without a result.

    Rows and columns are numbered from 1. ``formats`` are the formats of numbers, each with its
    column and the last row that has it.
    """

    first_row: int = 1
    first_column: int = 1
    empty_formulas: tuple[tuple[int, int, str], ...] = ()
    formats: tuple[tuple[int, int, str], ...] = ()

    def places(self, column: int, header_row: int) -> int | None:
        """Return the decimal places that the formats of a column below its header show.

        The most, if they differ; None if a format isn't that of a plain number.
        """
        most = None
        for place, last_row, code in self.formats:
            if place == column and last_row > header_row:
                shown = shown_places(code)
                if shown is None:
                    return None
                most = max(most or 0, shown)
        return most


def cells_of_sheets(path: Path) -> Mapping[str, SheetCells]:
    """Find where each sheet begins, by its name, and up to ``MAX_EMPTY`` formulas without a result.

    Programs that write workbooks without computing them store formulas alone.
    """
    with open_archive(path) as archive:
        codes = format_codes(archive)
        return {
            name: _cells_of(archive, part, codes) for part, name in _sheet_parts(archive).items()
        }


def _cells_of(archive: zipfile.ZipFile, part: str, codes: Sequence[str]) -> SheetCells:
    first = None
    found: list[str] = []
    last_rows: dict[tuple[bytes, bytes], bytes] = {}
    for piece in _whole_cells(archive, part):
        last_rows |= {(letters, style): row for letters, row, style in _NUMBER.findall(piece)}
        first = first or _FILLED.search(piece)
        if b"<f" in piece and len(found) < MAX_EMPTY:
            for end in _EMPTY_FORMULA.finditer(piece):
                cell = _NAMED_CELL.match(piece, piece.rfind(b"<c ", 0, end.start()))
                if cell:
                    found.append(cell[1].decode())
    first_row = int(first[1]) if first else 1
    formats = tuple(
        (_column_number(letters.decode()), int(row), codes[int(style or b"0")])
        for (letters, style), row in last_rows.items()
        if int(style or b"0") < len(codes)
    )
    if not found:
        return SheetCells(first_row, formats=formats)
    extent = _Extent(archive, part)
    cells = tuple((*_place_of(name), name) for name in found[:MAX_EMPTY])
    return SheetCells(first_row, min(extent.columns, default=1), cells, formats)


def _whole_cells(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the bytes of a part in chunks that end before a cell."""
    rest = b""
    for piece in _whole_tags(archive, part):
        joined = rest + piece
        end = joined.rfind(b"<c ")
        yield joined[:end] if end > 0 else joined
        rest = joined[end:] if end > 0 else b""
    yield rest


def _span(numbers: Collection[int]) -> int:
    return max(numbers) - min(numbers) + 1


def _is_sparse(places: int, cells: int) -> bool:
    return places > max(SPARSE_PLACES, SPARSE_RATIO * cells)


def _whole_tags(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the bytes of a part in chunks that end before a tag."""
    rest = b""
    with archive.open(part) as file:
        while chunk := file.read(CHUNK_BYTES):
            piece = rest + chunk
            end = piece.rfind(b"<")
            rest = piece[end:] if end > 0 else b""
            yield piece[:end] if end > 0 else piece
    yield rest


class _Extent:
    """The rows and columns that have a non-empty cell."""

    def __init__(self, archive: zipfile.ZipFile, part: str) -> None:
        self.rows: set[int] = set()
        self.columns: set[int] = set()
        cells = 0

        def add(row: int, column: int, _attributes: Mapping[str, str], _inner: str) -> None:
            nonlocal cells
            self.rows.add(row)
            self.columns.add(column)
            cells += 1

        _read_cells(archive, part, add)
        self.is_sparse = cells > 0 and _is_sparse(_span(self.rows) * _span(self.columns), cells)


def _write_compact(archive: zipfile.ZipFile, part: str, extent: _Extent, out: IO[bytes]) -> None:
    """Write a sheet's non-empty cells, numbered without the empty rows and columns."""
    rows = {row: number for number, row in enumerate(sorted(extent.rows), 1)}
    columns = {
        column: _column_letters(number) for number, column in enumerate(sorted(extent.columns), 1)
    }
    current = 0
    out.write(f'<worksheet xmlns="{_NAMESPACE}"><sheetData>'.encode())

    def write(row: int, column: int, attributes: Mapping[str, str], inner: str) -> None:
        nonlocal current
        number = rows[row]
        if number != current:
            out.write(f"{'</row>' if current else ''}<row r='{number}'>".encode())
            current = number
        copied = {"r": f"{columns[column]}{number}"} | {
            key: attributes[key] for key in ("t", "s") if key in attributes
        }
        shown = " ".join(f"{key}='{_escaped(value)}'" for key, value in copied.items())
        out.write(f"<c {shown}>{inner}</c>".encode())

    _read_cells(archive, part, write)
    out.write(b"</row></sheetData></worksheet>")


def _read_cells(archive: zipfile.ZipFile, part: str, on_cell: OnCell) -> None:
    """Stream the non-empty cells of a sheet of any size."""
    reader = _CellReader(on_cell)
    try:
        with archive.open(part) as file:
            while chunk := file.read(CHUNK_BYTES):
                reader.parser.Parse(chunk)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnreadableFile(DAMAGED) from error


class _CellReader:
    """XML handlers of a sheet; they drop a cell's formula and use its value."""

    def __init__(self, on_cell: OnCell) -> None:
        self._on_cell = on_cell
        self._row = self._column = 0
        self._cell: Mapping[str, str] | None = None
        self._inner: list[str] = []
        self._has_value = False
        self._in_formula = self._in_value = False
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if self._cell is not None:
            self._in_formula = self._in_formula or tag == "f"
            self._in_value = tag in ("v", "t")
            if not self._in_formula:
                shown = "".join(f" {key}='{_escaped(value)}'" for key, value in attributes.items())
                self._inner.append(f"<{tag}{shown}>")
        elif tag == "row":
            self._row = _whole(attributes["r"]) if "r" in attributes else self._row + 1
            self._column = 0
        elif tag == "c":
            self._cell = attributes
            self._column += 1
            if "r" in attributes:
                self._row, self._column = _place_of(attributes["r"])

    def _text(self, data: str) -> None:
        if self._cell is not None and not self._in_formula:
            self._inner.append(_escaped(data))
            self._has_value = self._has_value or self._in_value

    def _end(self, name: str) -> None:
        tag = name.rpartition(":")[2]
        self._in_value = False
        if self._cell is None:
            return
        if tag == "c":
            if self._has_value:
                self._on_cell(self._row, self._column, self._cell, "".join(self._inner))
            self._cell, self._inner, self._has_value = None, [], False
            self._in_formula = False
        elif not self._in_formula:
            self._inner.append(f"</{tag}>")
        elif tag == "f":
            self._in_formula = False


def _place_of(reference: str) -> tuple[int, int]:
    """Return the row and the column of a cell's reference, from 1."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise UnreadableFile(DAMAGED)
    return int(found[2]), _column_number(found[1].upper())


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _column_letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UnreadableFile(DAMAGED)
    return int(text[:12])


def _escaped(text: str) -> str:
    """Escape a text or a value in quotes; xml.sax.saxutils would load a client of HTTP first."""
    return text.translate(_ESCAPES)
