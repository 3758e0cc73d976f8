"""Errors of files that can't be imported, and the translation of DuckDB's messages.

A message holds no server path, no SQL and no DuckDB option; it names line and column where DuckDB
does.
"""

from __future__ import annotations

import re

from domain_errors import DomainError

SHOWN_CHARACTERS = 60
MIB = 1024**2
LONG_LINE_BYTES = 64 * MIB
"""The longest line of a delimited text."""
TOO_LONG = "Maximum line size"
MAX_COLUMNS = 16_384
"""Columns of a table, as in an Excel sheet. DuckDB's time grows with the square of their number;
DuckDB ignores interrupts while it binds them (Parquet: 16,000 columns 4 s, 64,000 48 s)."""


class UnreadableFile(DomainError):
    """The file is damaged, contradicts its name, or holds what a table can't."""

    code = "unreadable_file"


class WorkbookTooLarge(UnreadableFile):
    """Reading the workbook exceeds a limit of memory, disk or time."""

    code = "workbook_too_large"


class LargeUnpacked(UnreadableFile):
    """The unpacked file is too large."""


def check_column_count(columns: int) -> None:
    """Refuse a table of too many columns."""
    if columns > MAX_COLUMNS:
        raise UnreadableFile(
            f"The file has {columns:,} columns; a table may have {MAX_COLUMNS:,}. Remove columns, "
            "or write them as rows of two columns, name and value."
        )


def quoted(text: str) -> str:
    """Quote a piece of the file's content, truncated for a message."""
    clean = " ".join(text.split())
    return f'"{clean[:SHOWN_CHARACTERS]}…"' if len(clean) > SHOWN_CHARACTERS else f'"{clean}"'


def delimited_reason(message: str) -> str:
    """Translate DuckDB's error on a delimited text file into a sentence.

    >>> delimited_reason("CSV Error on Line: 4\\nExpected Number of Columns: 3 Found: 5")
    'Line 4: expected 3 values, found 5.'
    """
    line = re.search(r"CSV Error on Line: (\d+)", message)
    place = f"Line {line[1]}: " if line else ""
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if counts:
        if counts[1] == "1":
            return (
                f"{place}expected 1 value, found {counts[2]}. If there are lines above the column "
                "names, remove them."
            )
        return f"{place}expected {counts[1]} values, found {counts[2]}."
    if "unterminated quote" in message:
        return (
            f"{place}a quoted value isn't closed, or has text after its closing quote. "
            "A quote inside a quoted value is written twice."
        )
    if TOO_LONG in message:
        return f"{place}the line is longer than {LONG_LINE_BYTES // MIB} MiB, the limit."
    if "Invalid unicode" in message:
        return f"{place}the text isn't valid UTF-8."
    if "invalid state" in message:
        return "The file mixes different line ends, or has quotes that don't match."
    return f"{place or 'The file: '}the rows don't have the same number of values throughout."


def long_line_reason(message: str, first_message: str) -> str:
    """Translate the error of a line that is too long; an unclosed quote may be the cause.

    Parameters
    ----------
    message, first_message : str
        DuckDB's messages with a buffer for long lines, and without.
    """
    reason = delimited_reason(message)
    if "unterminated quote" not in first_message:
        return reason
    return f"{reason} If a quote within it isn't closed, close it or double it."


def json_reason(message: str) -> str:
    """Translate DuckDB's error on a JSON file into a sentence.

    DuckDB 2.0 counts the lines of malformed JSON one too far.

    >>> json_reason('Malformed JSON in file "/x/y", at byte 7 in line 3: unexpected character. Try')
    'Line 2, character 7: the JSON is malformed (unexpected character).'
    """
    if "maximum_object_size" in message:
        return "An object is larger than 16 MiB, the limit."
    malformed = re.search(
        r"Malformed JSON in file .*?, at byte (\d+) in (line|record/value) (\d+): ([^.\n]*)",
        message,
        re.DOTALL,
    )
    if malformed:
        at, unit, number, reason = malformed.groups()
        place = f"{_unit(unit)} {max(1, int(number) - 1)}, character {at}"
        return f"{place}: the JSON is malformed ({reason.strip()})."
    twice = re.search(r'in (line|record/value) (\d+): .* has duplicate key "(.*)"', message)
    if twice:
        return f"{_unit(twice[1])} {twice[2]}: the key {quoted(twice[3])} appears twice."
    return "The file isn't valid JSON: an array of objects, or one object a line."


def _unit(unit: str) -> str:
    return "Line" if unit == "line" else "Object"
