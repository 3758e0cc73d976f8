"""What commands print: tables and JSON on standard output, progress on standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from command_line.api_client import Told
from command_line.printable import printable, printable_lines

BAR_STEPS = 1000
_OBEYED_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""json.dumps itself escapes the controls below."""


def say(text: str = "", *, err: bool = False) -> None:
    """Print lines that may hold what others wrote, on standard error if ``err``."""
    click.echo(printable_lines(text), err=err)


def print_json(value: Any) -> None:
    """Print one JSON value, with what a terminal would obey escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    click.echo(_OBEYED_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[Any]], *, grouped: bool = True
) -> None:
    """Print rows under headings; numbers to the right, their digits grouped where they count."""
    texts = [[_text(value, grouped) for value in row] for row in rows]
    numeric = [
        bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        for place in range(len(headings))
    ]
    widths = [
        max([len(heading), *(len(row[place]) for row in texts)])
        for place, heading in enumerate(headings)
    ]
    for line in [[printable(heading) for heading in headings], *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def moment(text: str | None, digits: int = 19) -> str:
    """A time of the API, which is in UTC and says so; 19 digits go to the second.

    >>> moment("2026-11-25T10:27:53.123456+00:00")
    '2026-11-25T10:27:53Z'
    """
    return "" if text is None else f"{text[:digits]}Z"


@contextmanager
def progress_bar(label: str) -> Iterator[Told]:
    """A bar on standard error; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda percent, doing: None
        return
    with click.progressbar(
        length=BAR_STEPS,
        label=printable(label),
        file=sys.stderr,
        item_show_func=_shown,
    ) as bar:

        def told(percent: float, doing: str) -> None:
            step = round(percent / 100 * BAR_STEPS)
            bar.update(max(0, step - bar.pos), doing)

        yield told


def _shown(doing: str | None) -> str:
    return printable(doing or "")


def _text(value: Any, grouped: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    return printable(str(value))
