"""The answers of sizes for a precision or a materiality, and of suggested bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from contract.answers import AtConfidence
from contract.declarations import Help
from contract.words import BandRule, Likelihood, PlannedStatistic
from lazy_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PlannedFigure(AtConfidence):
    """A figure with the precision that the size gives it."""

    statistic: PlannedStatistic
    column: str | None
    value: Any
    margin: Annotated[float | None, Help("The goal's own.")]
    relative_margin: float | None
    cv: float | None
    group: Annotated[dict[str, Any], Help("The group's value of each column of `by`.")]
    row_count: Annotated[int, Help("Rows of the table with a value; by a pilot estimated.")]
    true_value: Annotated[float | None, Help("Of these rows; null by a pilot or guessed rates.")]
    estimate: Annotated[float | None, Help("By the pilot or guessed rates.")]
    variance_error: Annotated[
        float | None,
        Help(
            "The relative standard error of the variance that the pilot estimates. Below the "
            "table's own size the needed rows have about the same."
        ),
    ]
    margin_of_error: Annotated[float | None, Help("Of the size.")]
    standard_error: Annotated[float | None, Help("Of the size.")]
    reached_cv: Annotated[float | None, Help("Of the size.")]
    is_binding: Annotated[bool, Help("Whether this figure needs the most rows.")]


@dataclass(frozen=True)
class PlannedStratum:
    """The rows to draw of a stratum."""

    key: Annotated[dict[str, Any], Help("The stratum's value or band of each column.")]
    label: str
    row_count: int
    sample_size: int
    standard_deviation: Annotated[float | None, Help("Of the first goal's column or condition.")]
    cost: Annotated[float, Help("Of a row.")]


@dataclass(frozen=True)
class CurvePoint:
    """The margin of a size."""

    sample_size: int
    margin_of_error: float


@dataclass(frozen=True)
class TwoStageSizes:
    """A sample of two stages: the second is examined if the first has a number in between."""

    first: Annotated[int, Help("Rows of stage 1.")]
    second: int
    accept_first: Annotated[int, Help("c₁: the most exceptions with which stage 1 accepts.")]
    accept_both: Annotated[int, Help("c₂: with more, stage 1 or both stages don't accept.")]
    risk: Annotated[float, Help("The probability to accept errors of the materiality.")]
    formula: Annotated[str, Help("Of the risk.")]
    source: str
    rule: Annotated[str, Help("When to accept, in words.")]


@dataclass(frozen=True)
class MaterialitySize:
    """The arithmetic of a size for a materiality; shares are of rows, or of the book total."""

    materiality: Annotated[float, Help("As a share.")]
    expected: Annotated[float, Help("As a share, or from 1 the number of errors.")]
    likelihood: Likelihood
    book_column: str | None
    book_total: Annotated[str | None, Help("Of the population, an exact decimal text.")]
    interval: Annotated[str | None, Help("The book total by the size.")]
    tolerated_errors: Annotated[
        float, Help("With more in the sample, the limit isn't below the materiality.")
    ]
    upper_limit: Annotated[float, Help("Of the errors' share with as many in the sample.")]
    limit_of_one_less: Annotated[float | None, Help("With a row or unit less.")]
    pass_chance: Annotated[
        float | None,
        Help(
            "Of rows: the probability of no more errors than that at the expected rate; null of "
            "money, and of two stages."
        ),
    ]
    formula: Annotated[str, Help("Of the upper limit, with k errors in n.")]
    source: str
    two_stages: Annotated[
        TwoStageSizes | None,
        Help(
            "Of random rows: the stages that `accept` asks for, or the alternative if no errors "
            "are expected."
        ),
    ]


@dataclass(frozen=True)
class PilotFacts:
    """The sample that figures were estimated from."""

    job_id: str
    values: Annotated[int | None, Help("The number of the upload.")]
    row_count: Annotated[int, Help("Its rows that the design could draw.")]
    pooled_strata: Annotated[
        int, Help("Strata with the pooled variance, since too few of its rows are in them.")
    ]


@dataclass(frozen=True, kw_only=True)
class JudgeSize:
    """The labels that people need alone, and with a judge."""

    column: Annotated[str | None, Help("The judge's; null of a guess.")]
    correlation: Annotated[float, Help("Of judge and label within the strata, without its sign.")]
    correlation_low: Annotated[float | None, Help("At 95 %, approximate; null of a guess.")]
    correlation_high: Annotated[float | None, Help("At 95 %, approximate; null of a guess.")]
    pilot_labels: Annotated[
        int | None, Help("Of the pilot, with a judge's value; null of a guess.")
    ]
    people_alone: Annotated[int, Help("Labels without the judge: `sample_size`.")]
    with_judge: int
    with_judge_low: Annotated[int | None, Help("At the high correlation; null of a guess.")]
    with_judge_high: Annotated[int | None, Help("At the low correlation; null of a guess.")]
    effective_labels: Annotated[
        float, Help("Labels by people alone that `with_judge` are worth: n/(1 − ρ²·N/(n + N)).")
    ]
    round: Annotated[dict[str, Any], Help("The design with the size `with_judge`.")]


@dataclass(frozen=True)
class ProgrammeStratum:
    """The size of a stratum by a programme."""

    label: str
    rows: int
    sample_size: int
    deviation: Annotated[float | None, Help("Guessed; null of a stratum that is taken whole.")]


@dataclass(frozen=True)
class ProgrammePeriod:
    """A period of a size of several."""

    name: Annotated[str | None, Help("Of a sample; null of the planned periods.")]
    rows: Annotated[int | None, Help("Null of monetary units.")]
    book_value: Annotated[
        str, Help("Of monetary units that were examined without the rows always drawn.")
    ]
    sample_size: Annotated[int, Help("Examined, or planned.")]
    deviation: Annotated[float, Help("Of the examined errors or error rates, or guessed.")]
    is_examined: bool


@dataclass(frozen=True)
class SizeByProgramme:
    """The size of an audit programme, and what it follows from."""

    name: str
    title: str
    sha256: Annotated[str, Help("Of its file.")]
    rule: str
    paragraph: str | None
    statement: str
    calculation: str
    formula: str
    unrounded: Annotated[float, Help("The size before it is rounded up.")]
    book_value: str
    tolerable: Annotated[str, Help("An amount.")]
    expected: Annotated[str, Help("An amount.")]
    factor: Annotated[float, Help("z, or the reliability factor.")]
    interval: Annotated[
        str | None, Help("Of monetary units: the cut-off above which rows are always drawn.")
    ]
    strata: Sequence[ProgrammeStratum]
    periods: Annotated[
        Sequence[ProgrammePeriod],
        Help("With `earlier` or `later`: the examined ones, that of the design, and later ones."),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class SizeAnswer(AtConfidence):
    """The size of a sample, and what it follows from."""

    sample_size: Annotated[int, Help("Rows to draw; for clusters the expected number.")]
    margin_of_error: Annotated[
        float | None, Help("Of the figure that needs the most rows; null for a materiality.")
    ] = None
    materiality: Annotated[MaterialitySize | None, Help("Of a goal that has one.")] = None
    programme: Annotated[SizeByProgramme | None, Help("Of a size by an audit programme.")] = None
    eligible_rows: Annotated[int, Help("Rows that the figures are for.")]
    parameters: Annotated[dict[str, Any], Help("The design's parameters with the size.")]
    round: Annotated[
        dict[str, Any], Help("The design with its size, ready to be drawn as one of `rounds`.")
    ]
    clusters: Annotated[int | None, Help("Clusters to draw.")] = None
    goals: Annotated[
        Sequence[PlannedFigure], Help("Each figure; with `by` one for each group.")
    ] = ()
    pilot: Annotated[PilotFacts | None, Help("If a figure was estimated from it.")] = None
    judge: Annotated[JudgeSize | None, Help("Of the first goal that has a judge.")] = None
    strata: Annotated[Sequence[PlannedStratum] | None, Help("The first 1,000.")] = None
    strata_count: int | None = None
    cost: Annotated[float | None, Help("Of all rows, if `cost` or `budget` was given.")] = None
    homogeneity: Annotated[
        float | None, Help("Of clusters: 1 minus the variance inside them by that of all rows.")
    ] = None
    curve: Annotated[
        Sequence[CurvePoint],
        Help("Sizes of the design with the margin of the figure that needs the most rows."),
    ] = ()
    notes: Annotated[Sequence[str], Help("What the size assumes.")] = ()


@dataclass(frozen=True, kw_only=True)
class StrataAnswer(SizeAnswer):
    """Bands of a column, and the size of each."""

    column: str
    rule: BandRule
    breaks: Annotated[list[Any], Help("The bands' breaks, ascending, of few digits.")]
    take_all: Annotated[str | None, Help("The label of the band that is taken whole.")]
