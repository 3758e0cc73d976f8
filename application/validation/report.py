"""The validation report: published and computed numbers side by side, as sections."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from application.validation.comparing import (
    VERDICTS,
    CheckedTable,
    Compared,
    ComparedSource,
    is_by_rounding,
)
from application.validation.installed import files_digest
from application.validation.published import Input, PublishedTable
from presentation.content import (
    Block,
    Cell,
    Code,
    Estimated,
    Facts,
    Judgement,
    Note,
    Rounded,
    Row,
    Section,
    Table,
    cell_text,
)

MOST_PLACES = 8
"""Decimal places of differences; longer ones are shown by two digits."""
LIBRARIES = ("numpy", "scipy", "duckdb")
PERCENT = {"confidence", "materiality", "ratio", "margin", "share", "quantile", "wanted", "cv"}
"""Inputs that are fractions, and shown as percentages."""
LABELS = {
    "accept_both": "Accepted in both stages",
    "accept_first": "Accepted in stage 1",
    "bands": "Strata",
    "book": "Book value",
    "counts": "Answers",
    "cv": "Coefficient of variation",
    "error": "Standard error",
    "examined": "Rows examined",
    "expected": "Expected error",
    "first": "Stage 1",
    "high": "Upper limit",
    "kappa": "κ",
    "alpha": "α",
    "low": "Lower limit",
    "ratio": "Expected, of materiality",
    "second": "Stage 2",
    "units": "Monetary units",
    "wanted": "Coefficient of variation wanted",
}
"""Words for names of inputs and figures; other names are written with spaces."""
TONES = {"agrees": "good", "known": "warn", "differs": "bad"}
WORDS = {"agrees": "agrees", "known": "known difference", "differs": "differs"}
NOT_VALIDATED = (
    "Whether the program fits an audit standard, a law or a firm's methodology.",
    "The draws: which rows a seed selects. The certificate of a sample and its verifier check it.",
    "Imports, sums and counts of tables, permissions and the storage of findings.",
    "Evaluations for which no published number is at hand: regression, difference and ratio other "
    "than by the formulas of a programme, Gaffke's bound of several strata, and stopping when "
    "sure. Tests of the program check them by simulation or by hand.",
    "Audit tests of tables, such as Benford's law, duplicates and gaps. Tests of the program "
    "compare them with counts by hand.",
    "Calibration, replicate weights, contrasts, classification and panels. Tests of the program "
    "compare them with R; this report doesn't.",
    "AICPA: the expansion factors for expected errors, which are approximations that the program "
    "doesn't use; the expected taints of table C-1; and in table A-2 the size for 3.5 % expected "
    "and 5 % tolerable, which the quoting source gives in two ways.",
    "Touw and Hoogduin: the cell bound, and sizes that interpolate between whole errors (pages "
    "134, 143 and 144), which the program doesn't offer.",
    "SMASH21: Bayesian sizes, which the program doesn't offer.",
    "The publications themselves, where a source below says that its numbers are quoted.",
)
"""What a reader could think that the report shows, and it doesn't."""


def report(found: Sequence[ComparedSource], at: dt.datetime) -> list[Section]:
    """The sections of the report.

    Parameters
    ----------
    at : datetime
        When the numbers were computed.
    """
    return [_cover(found, at), *map(_section, found)]


def conclusion(found: Sequence[ComparedSource]) -> Judgement:
    """How many numbers agree, as a sentence.

    A number with a known difference counts as agreeing with its note, and is stated apart.
    """
    total, agree, known, differ = counts(found)
    apart = [each for each in found if not each.source.is_published]
    others, wrong = (sum(each.count(only) for each in apart) for only in (None, "differs"))
    text = f"{agree:,} of {total:,} published numbers agree"
    if known:
        text += f"; {known:,} differ for a known reason, which is noted"
    text += f"; {differ:,} differ." if differ else "; none differs otherwise."
    exact = sum(
        each.exact is not None and each.verdict == "agrees"
        for source in found
        for table in source.tables
        for each in table.numbers
    )
    if exact:
        text += (
            f" {exact:,} of those that agree do so with the rounded z that their source prints: "
            "samples are planned and evaluated with the exact quantile, and notes state what it "
            "gives."
        )
    if others:
        text += f" Of {others:,} numbers that no publication prints, {others - wrong:,} agree."
    return Judgement(text, "bad" if differ or wrong else "good")


def counts(found: Sequence[ComparedSource]) -> tuple[int, int, int, int]:
    """All published numbers, those that agree, known differences, and those that differ."""
    published = [each for each in found if each.source.is_published]
    agree, known, differ = (sum(each.count(verdict) for each in published) for verdict in VERDICTS)
    return agree + known + differ, agree, known, differ


def summary(found: Sequence[ComparedSource]) -> list[Row]:
    """For each source its numbers, those that agree, known differences, and those that differ."""
    return [(each.source.title, each.count(), *map(each.count, VERDICTS)) for each in found]


def _cover(found: Sequence[ComparedSource], at: dt.datetime) -> Section:
    facts: list[Row] = [
        ("Result", conclusion(found)),
        ("Version", f"jobsvc {version('jobsvc')}"),
        ("SHA-256 of its files", Code(files_digest())),
        ("Computed", at),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in LIBRARIES),
    ]
    what = (
        "Each number is computed anew by the installed version. The functions are those that jobs, "
        "the API and working papers call, but for examples of programmes whose note says that no "
        "sample is evaluated by their calculation.",
        "A number agrees if the computed one, rounded as its source rounds, is the printed one. "
        "Where that isn't so, as a source computes with rounded figures, the result states the "
        "difference that is accepted, in units of the printed number. Examples of programmes are "
        "computed with the rounded z that their source prints; where the exact quantile gives "
        "another figure, the result says so.",
        "A known difference is a misprint or another error of the source: the computed number is "
        "compared with the right one, and a note says why.",
    )
    return Section(
        "Validation",
        "Validation report",
        [
            Facts("Validation", facts),
            Table("Sources", ("Source", "Numbers", "Agree", "Known", "Differ"), summary(found)),
            Note("What was done", what),
            Note("Not validated", NOT_VALIDATED),
        ],
    )


def _section(found: ComparedSource) -> Section:
    source = found.source
    facts = [("Publication", source.reference), ("Numbers taken from", source.taken_from)]
    blocks: list[Block] = [Facts("Source", facts)]
    for table in found.tables:
        blocks += _grid(table) if table.table.across else [_list(table, tuple(table.numbers))]
        blocks += _notes(table)
    return Section(source.name.replace("_", " ").capitalize(), source.title, blocks)


def _list(found: CheckedTable, numbers: Sequence[Compared], title: str = "") -> Table:
    """A line for each number."""
    table = found.table
    across = (table.across,) if table.across else ()
    inputs = (*table.labels, *across)
    figures = ("Figure",) if len(table.columns) > 1 and not across else ()
    header = (*map(label, inputs), *figures, "Published", "Computed", "Difference", "Result")
    rows = [
        (
            *(_text(name, each.number.inputs[name]) for name in inputs),
            *([label(each.number.figure)] if figures else []),
            each.number.published,
            _figure(each, each.computed),
            _difference(each),
            Judgement(_result(table, each), TONES[each.verdict]),
        )
        for each in numbers
    ]
    return Table(title or table.title, header, rows)


def _result(table: PublishedTable, found: Compared) -> str:
    """The verdict, with the difference that was accepted if rounding alone doesn't give it."""
    word = WORDS[found.verdict]
    if found.exact is not None:
        word += " with the printed z"
    if found.verdict == "differs" or is_by_rounding(table, found):
        return word
    return f"{word}, within {table.tolerance:,g}"


def _grid(found: CheckedTable) -> list[Block]:
    """The table as its source prints it, the same table computed, and the numbers apart."""
    table = found.table
    labels = [label(name) for name in table.labels]
    header = (*labels, *(_text(table.across, each) for each in table.columns))
    published: list[Row] = []
    computed: list[Row] = []
    for numbers in found.rows:
        first = next(each for each in numbers if each is not None).number.inputs
        inputs = [_text(name, first[name]) for name in table.labels]
        published.append(
            (*inputs, *(None if each is None else each.number.published for each in numbers))
        )
        computed.append(
            (*inputs, *(None if each is None else _figure(each, each.computed) for each in numbers))
        )
    apart = [each for each in found.numbers if each.verdict != "agrees"]
    return [
        Table(f"{table.title} – published", header, published),
        Table(f"{table.title} – computed", header, computed),
        *([_list(found, apart, f"{table.title} – not as published")] if apart else []),
    ]


def _notes(found: CheckedTable) -> Iterator[Note]:
    table = found.table
    verdicts = [each.verdict for each in found.numbers]
    sentences = []
    if table.across:
        sentences.append(f"{verdicts.count('agrees'):,} of {len(verdicts):,} numbers agree.")
        sentences.append(f"Columns: {label(table.across)}.")
    if given := _given(table):
        sentences.append(f"All rows: {given}.")
    if table.across and table.tolerance is not None:
        sentences.append(f"Numbers agree within {table.tolerance:,g}.")
    if table.rounding == "up":
        sentences.append("The source rounds up.")
    sentences += table.remarks
    exact = [
        f"{_inputs(table, each)} {cell_text(_figure(each, each.exact))}"
        for each in found.numbers
        if each.exact is not None
    ]
    if exact:
        sentences.append(f"By the exact quantile: {'; '.join(exact)}.")
    sentences += [
        f"Published {each.number.published}, computed {_figure(each, each.computed)}: "
        f"{each.number.note}"
        for each in found.numbers
        if each.number.note
    ]
    if sentences:
        yield Note("Notes", sentences)


def _inputs(table: PublishedTable, found: Compared) -> str:
    """What names a number in its table."""
    return ", ".join(_text(name, found.number.inputs[name]) for name in table.labels)


def _given(table: PublishedTable) -> str:
    return ", ".join(
        f"{label(name)} = {_text(name, value)}"
        for name, value in table.given.items()
        if value not in ("", ())
    )


def _figure(found: Compared, value: float | str | None) -> Cell:
    """A whole number, or one with two more decimal places than its source prints."""
    published = found.number.published
    if value is None or isinstance(value, str):
        return value
    places = 0 if isinstance(published, str) else max(0, -int(published.as_tuple().exponent))
    if value == int(value) and not places:
        return int(value)
    return Rounded(value, places + 2)


def _difference(found: Compared) -> Cell:
    """Computed less published; in few digits if the source prints many decimal places."""
    cell = _figure(found, found.difference)
    is_long = isinstance(cell, Rounded) and cell.places > MOST_PLACES
    return Estimated(cell.value, 2) if is_long and isinstance(cell, Rounded) else cell


def label(name: str) -> str:
    """The words for the name of an input or figure."""
    return LABELS.get(name) or name.replace("_", " ").capitalize()


def _text(name: str, value: Input) -> str:
    if isinstance(value, tuple):
        return "; ".join(_text(name, each) for each in value) or "none"
    if name in PERCENT or (name == "expected" and isinstance(value, float)):
        return f"{100 * float(value):.10g} %"
    return f"{value:,.10g}" if isinstance(value, int | float) else value.replace("_", " ")
