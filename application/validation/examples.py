"""The worked examples of built-in audit programmes, as sources of the validation."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from application.audit.programmes.catalogue import builtin_programmes
from application.audit.programmes.examples import (
    CheckedExample,
    ComparedFigure,
    checked_examples,
)
from application.audit.programmes.reading import Programme
from application.validation.comparing import CheckedTable, Compared, ComparedSource
from application.validation.published import PublishedNumber, PublishedSource, PublishedTable
from contract.requests.programmes import ProgrammeExample
from estimation_engine.audit.calculations import CALCULATIONS

BOUND = "stringer"
"""The calculation whose function evaluates the samples of the programme mus-standard."""
OF_NO_SAMPLE = (
    "No built-in programme evaluates a sample, or plans a size, by this calculation: its example "
    "checks `jobsvc programmes check` and files that name it."
)


def compared_examples() -> tuple[ComparedSource, ...]:
    """Each built-in programme with examples, compared; the numbers are those of its file."""
    return tuple(_source(each) for each in builtin_programmes() if each.file.examples)


def _source(programme: Programme) -> ComparedSource:
    file = programme.file
    source = PublishedSource(
        file.name,
        f"Programme {file.name}: {file.title}",
        ", ".join(filter(None, (file.source.document, file.source.date))),
        "The examples in the programme's file. Where a note names a misprint of an input, the "
        f"file has the right one. {file.source.statement}",
        (),
    )
    pairs = zip(file.examples, checked_examples(programme), strict=True)
    return ComparedSource(source, [_table(given, each) for given, each in pairs])


def _table(given: ProgrammeExample, example: CheckedExample) -> CheckedTable:
    table = PublishedTable(
        title=f"{example.paragraph}: {example.title}",
        calculation=example.calculation,
        given={},
        labels=("figure",),
        across="",
        columns=("value",),
        rows=(),
        scale=Decimal(1),
        rounding="nearest",
        tolerance=Decimal(str(example.tolerance)),
        remarks=[
            each
            for each in (
                None if given.printed else example.misprint,
                example.note,
                example.problem,
                None if CALCULATIONS[example.calculation].function in _used() else OF_NO_SAMPLE,
            )
            if each
        ],
    )
    figures = [_figure(each, given) for each in example.figures]
    if example.problem is not None:
        number = PublishedNumber({"figure": "calculation"}, "value", "is possible")
        figures = [Compared(number, None, "differs")]
    return CheckedTable(table, [[each] for each in figures])


def _used() -> set[Callable[[Any], Any]]:
    """What the evaluations and sizes of built-in programmes compute with."""
    files = [each.file for each in builtin_programmes()]
    names = {
        BOUND,
        *(each.calculation for file in files for each in file.evaluations if each.calculation),
        *(each.periods for file in files for each in file.evaluations if each.periods),
        *(each.calculation for file in files for each in file.sizes),
        *(each.periods for file in files for each in file.sizes if each.periods),
    }
    return {CALCULATIONS[name].function for name in names}


def _figure(figure: ComparedFigure, given: ProgrammeExample) -> Compared:
    printed = (given.printed or {}).get(figure.name, figure.published)
    is_known = figure.name in (given.printed or {})
    is_number = isinstance(printed, int | float) and not isinstance(printed, bool)
    number = PublishedNumber(
        {"figure": figure.name.replace("_", " ")},
        "value",
        Decimal(str(printed)) if is_number else str(printed),
        Decimal(str(figure.published)) if is_known else None,
        given.misprint or "" if is_known else "",
    )
    computed = figure.computed
    if isinstance(computed, bool):
        computed = str(computed)
    if figure.is_equal:
        return Compared(number, computed, "known" if is_known else "agrees")
    return Compared(number, computed, "differs")
