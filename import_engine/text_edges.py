"""Lines around the table of a delimited text: ``sep=``, titles, totals and notes.

Only the first and last 64 KiB are read, unless an option skips more.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from contract.requests.importing import DELIMITERS, ReadOptions
from import_engine.options import InvalidOption
from import_engine.table_edges import (
    HEAD_ROWS,
    JOINED,
    count_cell,
    footer_rows,
    header_place,
    kept_total_note,
    label_kind,
    left_out_note,
)
from import_engine.text_files import HEAD_BYTES, TextFile
from lazy_dataclasses import dataclass

MAX_EDGE_BYTES = 64 * 1024 * 1024
"""The part of the file's start or end in which skipped rows are searched."""
CONSISTENT_SHARE, FOUND_SHARE = 0.8, 0.6
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|$)")

Split = Callable[[str], Sequence[str]]
"""Splits a line into its values."""


@dataclass(frozen=True)
class Top:
    """The start of a file: the lines above the table.

    Parameters
    ----------
    delimiter : str or None
        The table's delimiter, if an option, a ``sep=`` line or the rows below titles show it.
    skip : int
        Lines above the column names, or above the first row if there are no names.
    header : bool or None
        Whether the options say that there is a header.
    names : sequence of str or None
        The names of the columns, if two rows make them.
    """

    delimiter: str | None = None
    skip: int = 0
    header: bool | None = None
    notes: tuple[str, ...] = ()
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Record:
    """A row at the start of a file: the number of its line from 0, its text and its values."""

    line: int
    text: str
    values: Sequence[str]


def find_top(file: TextFile, options: ReadOptions, guess: Callable[[str], str]) -> Top:
    """Find where the table begins; ``guess`` returns the delimiter that a first line suggests."""
    skipped = _given_skip(options)
    lines = head_lines(file, skipped or 0)
    separator = _SEPARATOR_LINE.fullmatch(lines[0])
    notes = []
    base = 0
    delimiter = options.delimiter
    if separator and skipped is None:
        base = 1
        delimiter = delimiter or separator[1]
        notes.append(f'The line "{lines[0]}" gives the delimiter; it is not a row.')
    if skipped is not None:
        if len(lines) <= skipped:
            name = "header_row" if options.header_row else "skip_above"
            raise InvalidOption(
                "The file has only {rows} {rows|row|rows}.", loc=("options", name), rows=len(lines)
            )
        base = skipped
    first = next((at for at in range(base, len(lines)) if lines[at].strip()), base)
    if options.header_row and first != base:
        raise InvalidOption(
            "Row {row} is empty: it has no column names.",
            loc=("options", "header_row"),
            row=options.header_row,
        )
    header = None if options.header_row is None else options.header_row > 0
    if skipped is not None or header is False:
        return Top(delimiter, first, header, tuple(notes))
    known = delimiter or guess(lines[first])
    best = delimiter or _consistent_delimiter(lines, first, known)
    rows = records(lines, first, best)
    place, names = header_place([row.values for row in rows])
    texts = [row.text for row in rows[: place - (1 if names else 0)] if any(row.values)]
    if texts:
        notes.append(left_out_note(texts, "above the table"))
    if names:
        notes.append(JOINED)
    if place:
        first = rows[place].line
    is_found = best != known or place > 0
    return Top(best if is_found else delimiter, first, header, tuple(notes), names)


def _given_skip(options: ReadOptions) -> int | None:
    """The number of lines that the options skip; None if they don't say."""
    if options.header_row:
        return options.header_row - 1
    return options.skip_above


def head_lines(file: TextFile, least: int = 0) -> list[str]:
    """Return the lines of the file's start, more than ``least`` if there are more."""
    size = HEAD_BYTES
    while True:
        head = file.head(size)
        lines = re.split(r"\r\n|\r|\n", head.decode("utf-8-sig", errors="replace"))
        if len(lines) > least + HEAD_ROWS or len(head) < size or size >= MAX_EDGE_BYTES:
            return lines
        size *= 8


def records(lines: Sequence[str], first: int, delimiter: str, quote: str = '"') -> list[Record]:
    """Split the first lines into rows; a line that opens a quote is joined to those after it."""
    rows: list[Record] = []
    at = first
    while at < len(lines) - 1 and len(rows) < HEAD_ROWS:
        end = at + 1
        if quote and lines[at].count(quote) % 2:
            odd = (
                place
                for place in range(at + 1, min(at + 50, len(lines)))
                if lines[place].count(quote) % 2
            )
            end = next(odd, at) + 1
        text = "\n".join(lines[at:end])
        rows.append(Record(at, text, split_line(text, delimiter, quote)))
        at = end
    if at == len(lines) - 1 and lines[at] and len(rows) < HEAD_ROWS:
        rows.append(Record(at, lines[at], split_line(lines[at], delimiter, quote)))
    return rows


def split_line(line: str, delimiter: str, quote: str = '"') -> Sequence[str]:
    """Split a line into its values.

    >>> split_line('1;"a;b"', ";")
    ['1', 'a;b']
    """
    if not line:
        return []
    if not quote or quote not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return line.split(delimiter)


def _consistent_delimiter(lines: Sequence[str], first: int, known: str) -> str:
    """Return the delimiter by which most rows have the same number of values.

    It is ``known`` unless that gives rows of different lengths and another one doesn't.
    """

    def share(delimiter: str) -> float:
        counts = Counter(len(row.values) for row in records(lines, first, delimiter) if row.text)
        width, rows = counts.most_common(1)[0] if counts else (0, 0)
        return rows / counts.total() if width > 1 else 0.0

    shares = {candidate: share(candidate) for candidate in (known, *DELIMITERS)}
    best = max(shares, key=lambda candidate: shares[candidate])
    if shares[known] >= CONSISTENT_SHARE or shares[best] < FOUND_SHARE:
        return known
    return best


@dataclass(frozen=True)
class Bottom:
    """The end of a file: the size of what is read, the lines below the table, and notes.

    ``rows`` are the lines that aren't empty, each with its distance from the table's last row.
    """

    size_bytes: int | None = None
    rows: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()


def find_bottom(
    file: TextFile, options: ReadOptions, split: Split, width: int, lines_above: int, quote: str
) -> Bottom:
    """Find the lines below the table.

    Parameters
    ----------
    lines_above : int
        Lines down to the column names, which are no rows.
    """
    if options.skip_below == 0 or (options.skip_below is None and width < 2):
        return Bottom()
    notes = []
    lines = list(_last_lines(file, lines_above, options.skip_below or 0))
    if options.skip_below:
        filled = [at for at, (_, text) in enumerate(lines) if text.strip()]
        if len(filled) < options.skip_below:
            raise InvalidOption(
                "The file has only {rows} {rows|row|rows}.",
                loc=("options", "skip_below"),
                rows=len(filled),
            )
        start = filled[-options.skip_below]
    else:
        whole = _lines_outside_quotes(lines, quote)
        is_whole = whole == lines and file.path.stat().st_size <= HEAD_BYTES
        rows = [split(text) for _, text in whole]
        start = len(lines) - footer_rows(rows, width, whole=is_whole)
        if note := kept_total_note(rows[: len(rows) - (len(lines) - start)]):
            notes.append(note)
    below = tuple((at, text) for at, (_, text) in enumerate(lines[start:], 1) if text.strip())
    if not below:
        return Bottom(notes=tuple(notes))
    texts = [text for _, text in below]
    notes.append(left_out_note(texts, "at the end"))
    last = split(texts[-1])
    is_named = count_cell(last) or any(map(label_kind, last))
    if options.skip_below and len(last) < width and not is_named and file.unended_line():
        notes.append(
            f"The last line has {len(last)} of {width} values and no line break: the file may be "
            "cut."
        )
    return Bottom(lines[start][0], below, tuple(notes))


def _lines_outside_quotes(
    lines: Sequence[tuple[int, str]], quote: str
) -> Sequence[tuple[int, str]]:
    """Return the last lines of which none is part of a quoted value of several lines."""
    if not quote:
        return lines
    odd = (at for at in range(len(lines), 0, -1) if lines[at - 1][1].count(quote) % 2)
    return lines[next(odd, 0) :]


def _last_lines(file: TextFile, lines_above: int, least: int) -> Iterator[tuple[int, str]]:
    """Yield the last lines with the places of their first bytes, at least ``least`` of them."""
    file_bytes = file.path.stat().st_size
    size = HEAD_BYTES
    while True:
        start = max(0, file_bytes - size)
        with file.path.open("rb") as content:
            content.seek(start)
            tail = content.read()
        matches = [match for match in _LINE.finditer(tail) if match[0]]
        if start == 0:
            matches = matches[lines_above:]
        elif matches:
            matches = matches[1:]
        if start == 0 or len(matches) > least + HEAD_ROWS or size >= MAX_EDGE_BYTES:
            break
        size *= 8
    for match in matches:
        yield start + match.start(), match[0].rstrip(b"\r\n").decode("utf-8", errors="replace")


def without_bottom(file: TextFile, bottom: Bottom, copy: Path) -> TextFile:
    """Write ``file`` without the lines below the table to ``copy``."""
    left = bottom.size_bytes or 0
    with copy.open("wb") as out:
        for chunk in file.chunks():
            out.write(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
    return TextFile(copy, file.on_chunk)
