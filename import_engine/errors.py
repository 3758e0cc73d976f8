"""Errors of files that can't be imported, and the translation of DuckDB's messages.

A message holds no server path, no SQL and no DuckDB option; it names line and column where DuckDB
does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from contract.requests.importing import MAX_COLUMNS
from domain_errors import DomainError
from parquet_tables.transient_errors import is_machine_error

MIB = 1024**2
LONG_LINE_BYTES = 64 * MIB
"""The longest line of a delimited text."""
TOO_LONG = "Maximum line size"
_SHOWN_CHARACTERS = 60


class UnreadableFile(DomainError):
    """The file is damaged, contradicts its name, or holds what a table can't."""

    code = "unreadable_file"


class TypeMisfit(UnreadableFile):
    """Values don't fit the type that an import option gives their column."""

    code = "type_misfit"


class WorkbookTooLarge(UnreadableFile):
    """Reading the workbook exceeds a limit of memory, disk or time."""

    code = "workbook_too_large"


class LargeUnpacked(UnreadableFile):
    """The unpacked file is too large."""


@contextmanager
def duckdb_errors_as(translate: Callable[[str], UnreadableFile]) -> Iterator[None]:
    """Translate DuckDB's messages on the file; errors of the machine pass through."""
    try:
        yield
    except duckdb.Error as error:
        if is_machine_error(error):
            raise
        raise translate(str(error)) from error


def check_column_count(columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise UnreadableFile(
            "The file has {columns} columns; a table may have {max_columns}. Remove columns, or "
            "write them as rows of two columns, name and value.",
            columns=columns,
            max_columns=MAX_COLUMNS,
        )


def delimited_error(
    message: str, first_message: str = "", last_line: int | None = None
) -> UnreadableFile:
    """Translate DuckDB's error on a delimited text file.

    Parameters
    ----------
    first_message : str
        DuckDB's message without a buffer for long lines, if ``message`` is from a second attempt.
    last_line : int, optional
        The number of the file's last line, if it has no line break.

    >>> delimited_error("CSV Error on Line: 4\\nExpected Number of Columns: 3 Found: 5").message
    'Line 4: expected 3 values, found 5.'
    """
    line = re.search(r"CSV Error on Line: (\d+)", message)
    at = "Line {line}: " if line else ""
    values = {"line": line[1]} if line else {}
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if counts:
        values |= {"expected": counts[1], "found": counts[2]}
        if counts[1] == "1":
            problem = (
                "expected 1 value, found {found}. If there are lines above the column names, "
                "say in which row the names are by `header_row`."
            )
        else:
            problem = "expected {expected} values, found {found}."
            if line and int(line[1]) == last_line and int(counts[2]) < int(counts[1]):
                problem += " It is the last line, without a line break: the file may be cut."
    elif "unterminated quote" in message:
        problem = (
            "a quoted value isn't closed, or has text after its closing quote. "
            "A quote inside a quoted value is written twice."
        )
    elif TOO_LONG in message:
        values["limit_mb"] = str(LONG_LINE_BYTES // MIB)
        problem = "the line is longer than {limit_mb} MiB, the limit."
        if "unterminated quote" in first_message:
            problem += " If a quote within it isn't closed, close it or double it."
    elif "Invalid unicode" in message:
        problem = "the text isn't valid UTF-8."
    elif "invalid state" in message:
        return UnreadableFile("The file mixes different line ends, or has quotes that don't match.")
    else:
        at = at or "The file: "
        problem = "the rows don't have the same number of values throughout."
    return UnreadableFile(at + problem, **values)


def json_error(message: str) -> UnreadableFile:
    """Translate DuckDB's error on a JSON file.

    DuckDB 2.0 counts the lines of malformed JSON one too far.

    >>> message = 'Malformed JSON in file "/x/y", at byte 7 in line 3: unexpected character. Try'
    >>> json_error(message).message
    'Line 2, character 7: the JSON is malformed (unexpected character).'
    """
    if "maximum_object_size" in message:
        return UnreadableFile("An object is larger than 16 MiB, the limit.")
    malformed = re.search(
        r"Malformed JSON in file .*?, at byte (\d+) in (line|record/value) (\d+): ([^.\n]*)",
        message,
        re.DOTALL,
    )
    if malformed:
        character, unit, number, reason = malformed.groups()
        return UnreadableFile(
            _unit(unit) + " {number}, character {character}: the JSON is malformed ({reason}).",
            number=str(max(1, int(number) - 1)),
            character=character,
            reason=reason.strip(),
        )
    twice = re.search(r'in (line|record/value) (\d+): .* has duplicate key "(.*)"', message)
    if twice:
        return UnreadableFile(
            _unit(twice[1]) + ' {number}: the key "{key}" appears twice.',
            number=twice[2],
            key=shortened(twice[3]),
        )
    return UnreadableFile("The file isn't valid JSON: an array of objects, or one object a line.")


def _unit(unit: str) -> str:
    return "Line" if unit == "line" else "Object"


def shortened(text: str) -> str:
    """A piece of the file's content, truncated for a message."""
    clean = " ".join(text.split())
    return f"{clean[:_SHOWN_CHARACTERS]}…" if len(clean) > _SHOWN_CHARACTERS else clean
