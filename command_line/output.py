"""Output of commands: tables and JSON on standard output, progress on standard error, files.

Control characters in texts of users are escaped. An output file is either complete or unchanged.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

import click

from contract.columns import DataType, cell_text, without_noise
from domain_errors import render
from presentation.content import Estimated
from presentation.terminal import aligned

ProgressCallback = Callable[[float, str], None]
"""Takes a fraction, 0 to 1, and a message."""
Columns = Mapping[str, str | Callable[[dict[str, Any]], Any]]
"""The columns of a table by heading: a field of each item, or a function of it.

A field that ends with ``_at`` is a time, ``id`` is a text, and a list is written with commas.
"""

SUM_FIELDS = ("sum", "positive", "negative", "base_sum", "other_sum", "difference")
SUFFIXES = {f".{name}": name for name in ("csv", "parquet", "arrow", "xlsx", "jsonl")}
"""File endings for rows, and the API's names of their formats."""
BAR_STEPS = 1000
MAX_CELL_WIDTH = 60
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""ASCII and Latin-1 controls, line and direction marks, and surrogates, which can't be encoded."""
_CONTROLS_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls that json.dumps doesn't escape."""


class CommandFailed(click.ClickException):
    """A command was refused or failed; the template is as :func:`domain_errors.render` takes it."""

    exit_code = 1

    def __init__(self, template: str, **parameters: object) -> None:
        super().__init__(render(template, parameters))

    def format_message(self) -> str:
        """The message with control characters escaped."""
        return escaped_lines(self.message)


def escaped(text: str) -> str:
    """Return the text on one line with control characters escaped.

    >>> print(escaped("a\\x1b[2Kb"))
    a\\x1b[2Kb
    """
    return _CONTROLS.sub(escape_character, text)


def escaped_lines(text: str) -> str:
    """Escape control characters in a text of several lines."""
    return "\n".join(escaped(line) for line in text.split("\n"))


def escape_character(found: re.Match[str]) -> str:
    """Write a character as a Python escape."""
    return found[0].encode("unicode_escape").decode("ascii")


def confirm(question: str, yes: bool) -> None:
    """Ask before something is deleted, unless ``yes``; any answer but yes ends the command."""
    if not yes and not click.confirm(question):
        raise CommandFailed("Nothing was deleted.")


def print_line(text: str = "", *, err: bool = False) -> None:
    """Print lines, on standard error if ``err``."""
    click.echo(escaped_lines(text), err=err)


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print sentences, a line each."""
    for line in lines:
        print_line(line, err=err)


def figure_text(value: float | None, missing: str = "-") -> str:
    """A figure with the digits that say something."""
    return missing if value is None else str(Estimated(value))


def group_name(group: Mapping[str, Any]) -> str:
    """The columns and values of a group; the group of all rows has none."""
    return ", ".join(f"{name} {value}" for name, value in group.items()) or "all"


def print_json(value: Any) -> None:
    """Print one JSON value."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(_CONTROLS_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


class Printed(NamedTuple):
    """What a command prints: a value as JSON, or a text of it for people.

    The text ends with the name of the file that was written, if there is one. ``failure`` ends the
    command after it.
    """

    value: Any
    text: Callable[[Any], object] | str
    output: Path | None = None
    what: str = "Rows"
    failure: CommandFailed | None = None


def written(output: Path, what: str = "Rows") -> Printed:
    """Say that a file was written."""
    return Printed({"output": str(output)}, "", output, what)


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[Any]], *, grouped: bool = True
) -> None:
    """Print rows under headings; numbers are right-aligned, and grouped if ``grouped``."""
    texts = [[_text(value, grouped) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        for position in range(len(headings))
    ]
    for line in aligned([[escaped(heading) for heading in headings], *texts], numeric):
        click.echo(line)


def print_items(items: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Print objects of the API as a table."""
    print_table(tuple(columns), [[_cell(item, one) for one in columns.values()] for item in items])


def _cell(item: dict[str, Any], column: str | Callable[[dict[str, Any]], Any]) -> Any:
    if not isinstance(column, str):
        return column(item)
    value = item[column]
    if column == "id":
        return str(value)
    if column.endswith("_at"):
        return utc_text(value)
    return ", ".join(value) if isinstance(value, list) else value


def table_of(columns: Columns, name: str | None = None) -> Callable[[Any], None]:
    """Return the function that prints objects of the API, one of them, or those of a field."""

    def print_objects(answer: Any) -> None:
        items = answer if name is None else answer[name]
        print_items(items if isinstance(items, list) else [items], columns)

    return print_objects


def page_of(
    name: str, columns: Columns, noun: str | None = None
) -> Callable[[dict[str, Any]], None]:
    """Return the function that prints a page of a list as a table, and how many items there are."""

    def print_page(page: dict[str, Any]) -> None:
        print_items(page[name], columns)
        print_line(f"{len(page[name]):,} of {page['total']:,} {noun or name}.")

    return print_page


def total_name(total: dict[str, Any]) -> str:
    """Return the name of a control total's column; an identifier's sum means little."""
    return f"{total['column']} (identifier)" if total["is_identifier"] else str(total["column"])


def exact_sum(field: str, sign: str = "") -> Callable[[dict[str, Any]], str]:
    """Return a column of sums with thousands separators, ``~`` before one that isn't exact.

    All have two decimals at least if a sum of the same column has some.
    """

    def text(total: dict[str, Any]) -> str:
        value = Decimal(total[field])
        has_decimals = any("." in str(total.get(each, "")) for each in SUM_FIELDS)
        if has_decimals and "." not in f"{value:f}"[:-2] and value.is_finite():
            value = Decimal(f"{value:.2f}")
        if total["is_exact"] or not value.is_finite():
            return f"{value:{sign},f}"
        return f"~{without_noise(value):{sign},f}"

    return text


def print_rows(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], types: Sequence[str]
) -> None:
    """Print rows of a table as pages show them; a text is put on one line of limited width."""
    lines = [
        [
            "" if row[name] is None else escaped(one_line(cell_text(row[name], name, type_)))
            for name, type_ in zip(columns, types, strict=True)
        ]
        for row in rows
    ]
    is_number = [DataType(type_).is_number for type_ in types]
    for line in aligned([[escaped(name) for name in columns], *lines], is_number):
        click.echo(line)


def one_line(value: Any, width: int = MAX_CELL_WIDTH) -> Any:
    """Put a text on one line of limited width; other values are unchanged."""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split("\n"))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _text(value: Any, grouped: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    return escaped(str(value))


def utc_text(text: str | None, digits: int = 19) -> str:
    """Format a time of the API, which is in UTC; 19 digits include the seconds.

    >>> utc_text("2026-11-25T10:27:53.123456+00:00")
    '2026-11-25T10:27:53Z'
    """
    return "" if text is None else f"{text[:digits]}Z"


@contextmanager
def progress_bar(label: str) -> Iterator[ProgressCallback]:
    """Show a progress bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda fraction, message: None
        return
    with click.progressbar(
        length=BAR_STEPS,
        label=escaped(label),
        file=sys.stderr,
        item_show_func=_item_text,
    ) as bar:

        def on_progress(fraction: float, message: str) -> None:
            step = round(fraction * BAR_STEPS)
            bar.update(max(0, step - bar.pos), message)

        yield on_progress


def _item_text(message: str | None) -> str:
    return escaped(message or "")


class OutputFile:
    """Writes a file in chunks.

    It is opened before any work, so an unwritable file fails early, and is written under a
    temporary name next to its target. Permissions of an existing file and links stay.
    """

    def __init__(self, target: Path) -> None:
        self.path = target
        self._target = Path(os.path.realpath(target))
        name = f".{self._target.name}.{secrets.token_hex(4)}.partial"
        self._partial = self._target.with_name(name)
        with self._file_errors():
            self._file: IO[bytes] = self._partial.open("xb")
            if self._target.exists():
                self._partial.chmod(stat.S_IMODE(self._target.stat().st_mode))

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        with self._file_errors():
            self._file.write(piece)

    def finish(self) -> None:
        """Replace the target by the complete file."""
        with self._file_errors():
            self._file.close()
            self._partial.replace(self._target)

    def drop(self) -> None:
        """Delete the partial file; does nothing after :meth:`finish`."""
        with suppress(OSError):  # unwritten bytes are discarded
            self._file.close()
        self._partial.unlink(missing_ok=True)

    @contextmanager
    def _file_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CommandFailed(
                "{file} can't be written: {reason}.", file=self.path, reason=error.strerror
            ) from None


@contextmanager
def new_file(target: Path) -> Iterator[OutputFile]:
    """Open an output file that replaces its target if the block succeeds."""
    file = OutputFile(target)
    try:
        yield file
        file.finish()
    finally:
        file.drop()


def make_folder(folder: Path) -> None:
    """Create a folder for output files, unless it exists."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            "{folder} can't be created: {reason}.", folder=folder, reason=error.strerror
        ) from None


def output_file(target: Path | None) -> AbstractContextManager[OutputFile | None]:
    """Open an output file, if one is named."""
    return nullcontext() if target is None else new_file(target)
