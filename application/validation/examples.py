"""The worked examples of built-in audit programmes, as sources of the validation."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from application.audit.programmes.catalogue import builtin_programmes
from application.audit.programmes.examples import (
    CheckedExample,
    ComparedFigure,
    checked_examples,
    compared,
)
from application.audit.programmes.reading import Programme
from application.validation.comparing import CheckedTable, Compared, ComparedSource
from application.validation.published import PublishedNumber, PublishedSource, PublishedTable
from contract.requests.programmes import ProgrammeExample
from estimation_engine.audit.calculations import CALCULATIONS

BOUND = "stringer"
"""The calculation whose function evaluates the samples of the programme mus-standard."""
RULE = "z"
"""The input of a rounded quantile; without it a calculation takes the exact one."""
TEXTS = {"total": "size with units always examined"}
"""Words for names of figures; other names are written with spaces."""
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
    exact = {each.name: each for each in exact_figures(given)}
    figures = [_figure(each, given, exact.get(each.name)) for each in example.figures]
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


def exact_figures(given: ProgrammeExample) -> list[ComparedFigure]:
    """The figures of an example by the exact quantile, if its inputs have the rounded z."""
    if RULE not in given.inputs:
        return []
    inputs = {name: value for name, value in given.inputs.items() if name != RULE}
    result = CALCULATIONS[given.calculation].compute(inputs)
    return list(compared(given.expected, result, given.tolerance))


def _figure(
    figure: ComparedFigure, given: ProgrammeExample, exact: ComparedFigure | None
) -> Compared:
    printed = (given.printed or {}).get(figure.name, figure.published)
    is_known = figure.name in (given.printed or {})
    is_number = isinstance(printed, int | float) and not isinstance(printed, bool)
    number = PublishedNumber(
        {"figure": figure_text(figure.name)},
        "value",
        Decimal(str(printed)) if is_number else str(printed),
        Decimal(str(figure.published)) if is_known else None,
        given.misprint or "" if is_known else "",
    )
    computed = figure.computed
    if isinstance(computed, bool):
        computed = str(computed)
    if not figure.is_equal:
        return Compared(number, computed, "differs")
    other = None if exact is None or exact.is_equal else exact.computed
    return Compared(number, computed, "known" if is_known else "agrees", other)


def figure_text(name: str) -> str:
    """The path of a figure in words.

    >>> figure_text("allocation[1].size"), figure_text("upper_limit")
    ('size of part 1', 'upper limit')
    """
    text = re.sub(r"^allocation\[(\d+)\]\.(\w+)$", r"\2 of part \1", name)
    return TEXTS.get(text, text.replace("_", " "))
