"""The worked examples of built-in audit programmes, as sources of the validation."""

from __future__ import annotations

from decimal import Decimal

from application.audit.programmes.examples import (
    CheckedExample,
    ComparedFigure,
    checked_examples,
)
from application.audit.programmes.library import builtin_programmes
from application.audit.programmes.reading import Programme
from application.validation.comparing import CheckedTable, Compared, ComparedSource
from application.validation.published import PublishedNumber, PublishedSource, PublishedTable


def compared_examples() -> tuple[ComparedSource, ...]:
    """Each built-in programme with examples, compared; the numbers are those of its file."""
    return tuple(_source(each) for each in builtin_programmes() if each.file.examples)


def _source(programme: Programme) -> ComparedSource:
    file = programme.file
    source = PublishedSource(
        file.name,
        f"Programme {file.name}: {file.title}",
        ", ".join(filter(None, (file.source.document, file.source.date))),
        "The examples in the programme's file. Where a note names a misprint, the file may have "
        f"the right number. {file.source.statement}",
        (),
    )
    return ComparedSource(source, [_table(each) for each in checked_examples(programme)])


def _table(example: CheckedExample) -> CheckedTable:
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
        remarks=[each for each in (example.misprint, example.note, example.problem) if each],
    )
    figures = [_figure(each) for each in example.figures]
    if example.problem is not None:
        number = PublishedNumber({"figure": "calculation"}, "value", "is possible")
        figures = [Compared(number, None, "differs")]
    return CheckedTable(table, [[each] for each in figures])


def _figure(figure: ComparedFigure) -> Compared:
    printed = figure.published
    is_number = isinstance(printed, int | float) and not isinstance(printed, bool)
    number = PublishedNumber(
        {"figure": figure.name.replace("_", " ")},
        "value",
        Decimal(str(printed)) if is_number else str(printed),
    )
    computed = figure.computed
    if isinstance(computed, bool):
        computed = str(computed)
    return Compared(number, computed, "agrees" if figure.is_equal else "differs")
