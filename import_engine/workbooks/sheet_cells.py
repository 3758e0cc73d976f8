"""A stream of a sheet's cells, in bounded memory, for any XML that Excel's parsers accept."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from import_engine.errors import UnreadableFile
from import_engine.workbooks.archive import DAMAGED

CHUNK_BYTES = 1 << 22

OnCell = Callable[[int, int, Mapping[str, str], str], None]
"""Takes a non-empty cell: its row and column (from 1), its attributes and its inner XML."""

_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,10})")


def read_cells(archive: zipfile.ZipFile, part: str, on_cell: OnCell) -> None:
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
                shown = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
                self._inner.append(f"<{tag}{shown}>")
        elif tag == "row":
            self._row = _whole(attributes["r"]) if "r" in attributes else self._row + 1
            self._column = 0
        elif tag == "c":
            self._cell = attributes
            self._column += 1
            if "r" in attributes:
                self._row, self._column = place_of(attributes["r"])

    def _text(self, data: str) -> None:
        if self._cell is not None and not self._in_formula:
            self._inner.append(escape(data))
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


def place_of(reference: str) -> tuple[int, int]:
    """Return the row and the column of a cell's reference, from 1.

    >>> place_of("AB7")
    (7, 28)
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise UnreadableFile(DAMAGED)
    return int(found[2]), column_number(found[1].upper())


def column_number(letters: str) -> int:
    """Return a column's number, from 1.

    >>> column_number("XFD")
    16384
    """
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    """Return a column's letters.

    >>> column_letters(16384)
    'XFD'
    """
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UnreadableFile(DAMAGED)
    return int(text[:12])
