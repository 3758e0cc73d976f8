"""The file of an audit programme, and the request of a size by one.

A programme is a TOML file: rules, sentences and worked examples of a guidance, and no code.
docs/PROGRAMMES.md has its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from contract.declarations import Help, Option, Request
from contract.fields import (
    ABOVE_ZERO,
    CONFIDENCE,
    ERRORS,
    Bounds,
    Choice,
    ColumnName,
    Count,
    FigureKind,
    Items,
    Mapped,
    Number,
    Part,
    Text,
    Written,
)
from contract.numbers import errors_of, number_of
from contract.requests.evaluate import KINDS
from contract.words import BOUNDS, ESTIMATORS, LIKELIHOODS, SIDES

MAX_PARTS, MAX_EXAMPLES, MAX_LEVELS, MAX_PAPER = 20, 50, 10, 20
MAX_STRATA = 200
MAX_FIGURES = 60
"""Inputs and expected figures of an example."""
LINE, SENTENCE, PARAGRAPH = Text(1, 200), Text(1, 1000), Text(1, 40)
METHOD = Text(1, 60)
OF_PERIODS = Help("Where the document has it; needs `periods`.")
LIMITS: Mapping[str, str] = {"upper_limit": "upper limit", "lower_limit": "lower limit"}

STEPS: Mapping[str, str] = {"one": "one step", "several": "several steps"}


class FilePart(Request):
    """A part of a file, which no command has as options."""


class ProgrammeSource(FilePart):
    """The document that a programme follows."""

    document: Annotated[str, LINE, Help("Its title.")]
    date: Annotated[str | None, Text(1, 40), Help("Its date or edition.")] = None
    statement: Annotated[
        str,
        SENTENCE,
        Help(
            "What the programme follows, and that nobody certified it. Evaluations, papers and "
            "the page print it."
        ),
    ]


class OwnConfidence(Request):
    """What has the confidence of the programme, or one of its own."""

    confidence: Annotated[
        float | None, CONFIDENCE, Option(None), Help("By default that of the programme.")
    ] = None


class StatedConfidence(FilePart):
    """What states its confidence."""

    confidence: Annotated[
        float, CONFIDENCE, Help("Such as 0.6. That of a file is for its evaluations and sizes.")
    ]


class ProgrammeRule(FilePart):
    """A rule of the document."""

    title: Annotated[str, LINE, Help("Such as `Simple random sampling, ratio`.")]
    paragraph: Annotated[str | None, PARAGRAPH, Help("Where the document has it.")] = None


class AssuranceLevel(StatedConfidence):
    """A confidence that the guidance names, such as that of systems that work well."""

    name: Annotated[str, Text(1, 60), Help("Such as `high`.")]


class ProgrammeEvaluation(OwnConfidence, ProgrammeRule):
    """An evaluation that a programme allows: the first that fits a sample is taken."""

    kind: Annotated[
        str,
        Choice({name: kind.title for name, kind in KINDS.items()}),
        Help("The kind of evaluation that reads the sample."),
    ]
    samples: Annotated[
        Sequence[str],
        Items(METHOD, MAX_PARTS, 1),
        Help("The methods of draws that it is for."),
    ]
    steps: Annotated[
        str | None,
        Choice(STEPS),
        Help("Only for draws of one step, or of several, which are strata. Without it for both."),
    ] = None
    calculation: Annotated[
        str | None,
        Text(1, 60),
        Help(
            "The calculation of the limits; `jobsvc programmes calculations` lists them. Without "
            "one the limits are those of the kind."
        ),
    ] = None
    periods: Annotated[
        str | None,
        Text(1, 60),
        Help(
            "The calculation of several samples together, one for each period. Without one they "
            "aren't evaluated together by the programme."
        ),
    ] = None
    periods_paragraph: Annotated[str | None, PARAGRAPH, OF_PERIODS] = None
    sides: Annotated[str | None, Choice(SIDES), Help("As a parameter of the kind.")] = None
    estimator: Annotated[str | None, Choice(ESTIMATORS), Help("As a parameter of the kind.")] = None
    likelihood: Annotated[str | None, Choice(LIKELIHOODS), Help("As a parameter of the kind.")] = (
        None
    )
    bound: Annotated[str | None, Choice(BOUNDS), Help("As a parameter of the kind.")] = None
    limit: Annotated[
        str,
        Choice(LIMITS),
        Help(
            "The limit on which the conclusion rests: `upper_limit` with the three sentences that "
            "compare it with what is tolerable."
        ),
    ] = "upper_limit"
    least_rows: Annotated[
        int | None,
        Count(Bounds(1, 1_000_000)),
        Help("Samples with fewer examined rows, or monetary units, are refused."),
    ] = None
    stops_below: Annotated[
        str | None, SENTENCE, Help("The sentence of that refusal; required with `least_rows`.")
    ] = None


class ProgrammeSize(OwnConfidence, ProgrammeRule):
    """A size that a programme plans."""

    method: Annotated[str, METHOD, Help("The method of the draw that the answer proposes.")]
    calculation: Annotated[str, Text(1, 60), Help("The calculation of the size.")]
    periods: Annotated[
        str | None,
        Text(1, 60),
        Help("The calculation of the size of one period of several. Without one there is none."),
    ] = None
    periods_paragraph: Annotated[str | None, PARAGRAPH, OF_PERIODS] = None


class ConclusionSentences(FilePart):
    """The sentences of a conclusion, with figures in braces such as ``{upper_limit}``."""

    tolerable: Annotated[str | None, SENTENCE, Help("If the limit is below what is tolerable.")] = (
        None
    )
    not_supported: Annotated[
        str | None, SENTENCE, Help("If the projected errors are above what is tolerable.")
    ] = None
    inconclusive: Annotated[
        str | None,
        SENTENCE,
        Help("If neither is so."),
    ] = None
    statement: Annotated[
        str | None,
        SENTENCE,
        Help("In place of these three: what the limit means, with nothing tolerable."),
    ] = None


class ProgrammePaper(FilePart):
    """A line of the working paper."""

    title: Annotated[str, Text(1, 60), Help("The label of the line.")]
    text: Annotated[str, SENTENCE, Help("What it says.")]
    paragraph: Annotated[str | None, PARAGRAPH, Help("Where the document has it.")] = None


class ProgrammeExample(FilePart):
    """A worked example of the document: inputs, and the figures that it publishes."""

    paragraph: Annotated[str, PARAGRAPH, Help("Where the document has it.")]
    title: Annotated[str, LINE, Help("What it shows.")]
    calculation: Annotated[str, Text(1, 60), Help("The calculation that computes it.")]
    inputs: Annotated[
        Mapping[str, Any],
        Mapped(FigureKind(), MAX_FIGURES),
        Help("The inputs of the calculation by name."),
    ]
    expected: Annotated[
        Mapping[str, Any],
        Mapped(FigureKind(), MAX_FIGURES),
        Help("The published figures, by the names of the calculation's results."),
    ]
    printed: Annotated[
        Mapping[str, Any] | None,
        Mapped(FigureKind(), MAX_FIGURES),
        Help(
            "Of misprinted figures, which `expected` has right: what the document prints, by "
            "names such as `interval` or `allocation[1].size`."
        ),
    ] = None
    tolerance: Annotated[
        float,
        Number(Bounds(least=0)),
        Help("The most by which a computed figure may differ; 0 is exact."),
    ] = 0.0
    misprint: Annotated[str | None, SENTENCE, Help("What the document misprints, if it does.")] = (
        None
    )
    note: Annotated[str | None, SENTENCE, Help("Where the figures are from, if not from it.")] = (
        None
    )


class ProgrammeFile(StatedConfidence):
    """The file of a programme, with the confidence of its evaluations and sizes."""

    name: Annotated[
        str, Text(1, 60), Help("Lower-case letters, digits and hyphens, such as `eu-cohesion`.")
    ]
    title: Annotated[str, LINE, Help("What pages and papers call it.")]
    about: Annotated[str, SENTENCE, Help("What it is for.")]
    source: Annotated[ProgrammeSource, Part(ProgrammeSource)]
    tolerable: Annotated[
        float | None,
        Number(ABOVE_ZERO),
        Help("What is tolerable if no request says it: below 1 a share of the book value."),
    ] = None
    levels: Annotated[
        Sequence[AssuranceLevel],
        Items(Part(AssuranceLevel), MAX_LEVELS),
        Help("The confidences that the guidance allows. Without levels any is allowed."),
    ] = ()
    evaluations: Annotated[
        Sequence[ProgrammeEvaluation],
        Items(Part(ProgrammeEvaluation), MAX_PARTS, 1),
        Help("The evaluations that it allows."),
    ]
    sizes: Annotated[
        Sequence[ProgrammeSize], Items(Part(ProgrammeSize), MAX_PARTS), Help("Its sizes.")
    ] = ()
    conclusions: Annotated[ConclusionSentences, Part(ConclusionSentences)]
    paper: Annotated[
        Sequence[ProgrammePaper],
        Items(Part(ProgrammePaper), MAX_PAPER),
        Help("The lines of working papers."),
    ] = ()
    examples: Annotated[
        Sequence[ProgrammeExample],
        Items(Part(ProgrammeExample), MAX_EXAMPLES, 1),
        Help("Its worked examples, which `jobsvc programmes check` computes."),
    ]

    def allows(self, level: float | None) -> bool:
        """Whether a confidence is one of the levels; without levels, or without one, it is."""
        return (
            level is None or not self.levels or level in [each.confidence for each in self.levels]
        )


class LaterPeriod(Request):
    """A period that is to be drawn later, as it is expected."""

    rows: Annotated[int, Count(Bounds(1)), Help("Its rows.")]
    book_value: Annotated[float, Number(ABOVE_ZERO), Help("The sum of its book values.")]
    deviation: Annotated[
        float, Number(Bounds(least=0)), Help("The guessed standard deviation, as `deviation`.")
    ]


class ProgrammeGoalRequest(OwnConfidence):
    """A size by an audit programme, from a guessed standard deviation."""

    name: Annotated[
        str, Text(1, 60), Option("--programme"), Help("The programme that has the size's formula.")
    ]
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--amount-column"),
        Help("The column of book values; by default that of a design by monetary units."),
    ] = None
    deviation: Annotated[
        float | None,
        Written(number_of, Bounds(least=0)),
        Help(
            "The guessed standard deviation: of the errors of rows, or of the error rates of "
            "monetary units. A conservative size takes none."
        ),
    ] = None
    deviations: Annotated[
        Mapping[str, float] | None,
        Mapped(Number(Bounds(least=0)), MAX_STRATA),
        Option(None),
        Help("Of stratified designs: the guessed standard deviation by the stratum's label."),
    ] = None
    always: Annotated[
        Sequence[str],
        Items(Text(1, 1000), MAX_STRATA),
        Help("Of stratified designs: the labels of strata that are taken whole."),
    ] = ()
    earlier: Annotated[
        Sequence[str],
        Items(Text(1, 64), MAX_PARTS),
        Option(None),
        Help(
            "Of a later period: the jobs of the samples of earlier ones, with their findings. The "
            "sizes reach the precision with them together."
        ),
    ] = ()
    later: Annotated[
        Sequence[LaterPeriod],
        Items(Part(LaterPeriod), MAX_PARTS),
        Option(None),
        Help(
            "Of an earlier period: those that are to be drawn later, each with its expected `rows` "
            "and `book_value`, and a guessed `deviation`."
        ),
    ] = ()
    expected: Annotated[
        float,
        Written(errors_of, Bounds(least=0)),
        Option(None),
        Help("Expected errors: below 1 a share of the book value, from 1 an amount."),
    ]
    materiality: Annotated[
        float | None,
        ERRORS,
        Option(None),
        Help("What is tolerable: below 1 a share. By default that of the programme."),
    ] = None
