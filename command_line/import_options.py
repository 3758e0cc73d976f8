"""The options of ``jobsvc import`` that say how to read a file, and its preview."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from application.import_preview import BEGINNING_BYTES, MAX_BYTES, is_by_lines
from command_line.connection import ApiClient
from command_line.options import field_option
from command_line.output import CommandFailed, print_line, print_table, progress_bar

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN_ROWS = 10
TEXTS = {
    "sheet": "The only sheet of a workbook to import.",
    "delimiter": "One character, or tab.",
    "decimal": "Decimal mark: . or ,",
    "thousands": "Thousands sign: . , ' or a space; empty if there is none.",
    "date_order": "dmy, mdy or ymd.",
    "encoding": "Text encoding, for example cp1252.",
}
ROWS = {
    "header_row": "Row with the column names, counted from 1; 0 if there is none.",
    "skip_above": "Rows to skip at the start.",
    "skip_below": "Rows to skip at the end.",
}
PAIRS = {
    "types": (
        "--type",
        "COL=TYPE",
        "Type of a column: text, integer, number, decimal(p,s), date …",
    ),
    "names": ("--name", "OLD=NEW", "New name of a column."),
}


def READING_OPTIONS(command: Command) -> Command:  # noqa: N802 - used like the other options
    """Add the options that say how to read a file, as one ``options``."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        given = {name: arguments.pop(name) for name in (*TEXTS, *ROWS)}
        given |= {name: _pairs(arguments.pop(name), PAIRS[name][0]) for name in PAIRS}
        options = {name: value for name, value in given.items() if value not in (None, {})}
        return command(options=options, **arguments)

    decorated: Callable[..., Any] = wrapped
    for name, (option, metavar, text) in reversed(PAIRS.items()):
        declare = field_option(option, name, name, metavar=metavar, multiple=True, help=text)
        decorated = declare(decorated)
    for name, text in reversed({**ROWS, **TEXTS}.items()):
        type_ = int if name in ROWS else str
        decorated = field_option(f"--{name.replace('_', '-')}", name, type=type_, help=text)(
            decorated
        )
    return cast(Command, decorated)


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """Split texts like ``OLD=NEW``; a column's name may hold an equals sign."""
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.rpartition("=")
        if not sign or not name:
            raise click.BadParameter(
                f'"{text}" must be a column, = and a value.', param_hint=option
            )
        pairs[name] = value
    return pairs


def form_fields(fields: dict[str, Any]) -> dict[str, str]:
    """Return a body's fields as those of a form."""
    return {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }


def preview_file(client: ApiClient, source: Path | str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what the server would read; of a large file of lines, its beginning is sent."""
    if isinstance(source, str):
        raise CommandFailed("A URI can't be previewed. Import it, or download the file first.")
    fields = form_fields({"options": options} if options else {})
    with tempfile.TemporaryDirectory() as folder:
        if source.stat().st_size > MAX_BYTES:
            if not is_by_lines(source.name):
                raise CommandFailed("The file is too large for a preview. Import it.")
            fields["whole"] = "false"
            source = _beginning(source, Path(folder))
        with progress_bar(f"Sending {source.name}") as on_progress:
            return client.upload("/api/datasets/preview", source, fields, on_progress)


def _beginning(source: Path, folder: Path) -> Path:
    part = folder / source.name
    with source.open("rb") as file:
        part.write_bytes(file.read(BEGINNING_BYTES))
    return part


def print_preview(preview: dict[str, Any]) -> None:
    """Print the tables of a preview, and what the file leaves open."""
    for problem in preview["problems"]:
        print_line(f"Problem: {problem['message']}")
    for table in preview["tables"]:
        detected = ", ".join(f"{name} {value!r}" for name, value in table["detected"].items())
        print_line(f"Table {table['key']} ({detected}):")
        columns = table["columns"]
        print_table(
            ("column", "type", "changes"),
            [
                (column["name"], column["type"] or "", ", ".join(column["changes"]))
                for column in columns
            ],
        )
        print_line()
        print_table(
            [column["name"] for column in columns],
            [[row[column["name"]] for column in columns] for row in table["data"][:SHOWN_ROWS]],
            grouped=False,
        )
        for note in table["notes"]:
            print_line(f"Note: {note}")
        for question in table["questions"]:
            print_line(f"Question: {question['text']}")
