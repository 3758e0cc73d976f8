"""``jobsvc validate``: published numbers, recomputed by the installed version; no server."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from command_line.options import AS_JSON, NEW_FILE
from command_line.output import CommandFailed, new_file, print_json, print_line, print_table

if TYPE_CHECKING:
    from application.validation.comparing import ComparedSource

ENDINGS = (".html", ".xlsx")


def _known_ending(_: click.Context, __: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in ENDINGS:
        raise click.BadParameter(f"{value.name} doesn't end with {' or '.join(ENDINGS)}.")
    return value


@click.command()
@click.option(
    "--output",
    "-o",
    type=NEW_FILE,
    callback=_known_ending,
    help="Write the report to this file: .html or .xlsx.",
)
@AS_JSON
def validate(output: Path | None, as_json: bool) -> None:
    """Recompute published tables of audit guides and textbooks.

    Compares sizes, limits, bounds and estimates with the numbers that guides, books and other
    programs print. The report shows both side by side, with their sources and what isn't
    validated. It needs no server, data directory or network. The exit code is 1 if a number
    differs.

    \b
    jobsvc validate
    jobsvc validate --output validation.html
    """
    from application.validation import validate as validated  # loads engines
    from application.validation.report import conclusion, counts, summary

    found = validated()
    if output is not None:
        _write(found, output)
    total, agree, known, differ = counts(found)
    if as_json:
        print_json(
            {
                "numbers": total,
                "agree": agree,
                "known_differences": known,
                "differ": differ,
                "sources": [_source(each) for each in found],
            }
        )
    else:
        print_table(("source", "numbers", "agree", "known", "differ"), summary(found))
        print_line(conclusion(found).text)
        if output is not None:
            print_line(f"Report written to {output}")
    if any(each.count("differs") for each in found):
        raise SystemExit(CommandFailed.exit_code)


def _write(found: tuple[ComparedSource, ...], output: Path) -> None:
    from application.validation.report import report
    from presentation.html import page
    from presentation.xlsx import write_sections

    sections = report(found, dt.datetime.now(dt.UTC).replace(microsecond=0))
    with new_file(output) as file:
        if output.suffix == ".html":
            file.write(page(sections).encode())
        else:
            book = io.BytesIO()
            write_sections(sections, book)
            file.write(book.getvalue())


def _source(found: ComparedSource) -> dict[str, object]:
    """A source with the numbers that don't agree."""
    return {
        "name": found.source.name,
        "title": found.source.title,
        "is_published": found.source.is_published,
        "numbers": found.count(),
        "agree": found.count("agrees"),
        "not_agreeing": [
            {
                "table": table.table.title,
                "inputs": dict(each.number.inputs),
                "figure": each.number.figure,
                "published": each.number.published
                if isinstance(each.number.published, str)
                else float(each.number.published),
                "computed": each.computed,
                "result": each.verdict,
                "note": each.number.note,
            }
            for table in found.tables
            for each in table.numbers
            if each.verdict != "agrees"
        ],
    }
