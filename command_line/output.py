"""Output of commands: tables and JSON on standard output, progress on standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from command_line.api_client import PercentCallback
from command_line.escaping import escaped, escaped_lines

BAR_STEPS = 1000
_CONTROLS_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls that json.dumps doesn't escape."""


def print_line(text: str = "", *, err: bool = False) -> None:
    """Print lines with control characters escaped, on standard error if ``err``."""
    click.echo(escaped_lines(text), err=err)


def print_json(value: Any) -> None:
    """Print one JSON value with control characters escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(_CONTROLS_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[Any]], *, grouped: bool = True
) -> None:
    """Print rows under headings; numbers are right-aligned, and grouped if ``grouped``."""
    texts = [[_text(value, grouped) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        for position in range(len(headings))
    ]
    widths = [
        max([len(heading), *(len(row[position]) for row in texts)])
        for position, heading in enumerate(headings)
    ]
    for line in [[escaped(heading) for heading in headings], *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def utc_text(text: str | None, digits: int = 19) -> str:
    """Format a time of the API, which is in UTC; 19 digits include the seconds.

    >>> moment("2026-11-25T10:27:53.123456+00:00")
    '2026-11-25T10:27:53Z'
    """
    return "" if text is None else f"{text[:digits]}Z"


@contextmanager
def progress_bar(label: str) -> Iterator[PercentCallback]:
    """Show a progress bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda percent, message: None
        return
    with click.progressbar(
        length=BAR_STEPS,
        label=escaped(label),
        file=sys.stderr,
        item_show_func=_item_text,
    ) as bar:

        def on_progress(percent: float, message: str) -> None:
            step = round(percent / 100 * BAR_STEPS)
            bar.update(max(0, step - bar.pos), message)

        yield on_progress


def _item_text(message: str | None) -> str:
    return escaped(message or "")


def _text(value: Any, grouped: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    return escaped(str(value))
