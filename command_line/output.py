"""What commands print: tables and JSON on standard output, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from command_line.api_client import Told

BAR_STEPS = 1000


def print_json(value: Any) -> None:
    """Print one JSON value."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


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
    for line in [list(headings), *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


@contextmanager
def progress_bar(label: str) -> Iterator[Told]:
    """A bar on standard error; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda percent, doing: None
        return
    with click.progressbar(
        length=BAR_STEPS,
        label=label,
        file=sys.stderr,
        item_show_func=lambda doing: doing or "",
    ) as bar:

        def told(percent: float, doing: str) -> None:
            step = round(percent / 100 * BAR_STEPS)
            bar.update(max(0, step - bar.pos), doing)

        yield told


def _text(value: Any, grouped: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and grouped:
        return f"{value:,}"
    return str(value)
