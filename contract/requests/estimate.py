"""Requests for estimates of a population from a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from contract.declarations import Help, Option, RefusedField, Request, Rule, Title
from contract.fields import (
    CONFIDENCE,
    DEFAULT_CONFIDENCE,
    MARGIN,
    NOT_GIVEN,
    Bounds,
    Choice,
    ColumnName,
    Count,
    Flag,
    Items,
    Number,
    Part,
    RowFilterKind,
    Scalar,
    Text,
    ValuesKind,
    WrittenPart,
)
from contract.group_texts import read_two_groups, two_groups_text
from contract.known_totals import full_totals
from contract.requests.weighting import (
    MAX_KNOWN_TOTALS,
    CensusRequest,
    KnownTotalRequest,
    NonresponseRequest,
    ReplicateCount,
    Replicates,
    ReplicateSeed,
)
from contract.requests.weighting import MAX_REPLICATES as MAX_REPLICATES
from contract.requests.weighting import MIN_REPLICATES as MIN_REPLICATES
from contract.words import (
    CALIBRATIONS,
    LONELY,
    STATISTICS,
    Basis,
    CalibrationMethod,
    ContrastMeasure,
    DesignFormat,
    Lonely,
    ProportionInterval,
    StatisticName,
    Systematic,
)

MAX_STATISTICS = 50
MAX_PAIRS = 10_000
MAX_CALIBRATED_COLUMNS = 20
MAX_DEGREES = 1_000_000
MAX_GROUP_COLUMNS = 4
DEFAULT_QUANTILE = 0.5
MINIMUM_DEGREES = 3
"""Degrees of freedom below which an interval is hidden: it would be useless or wrong."""


class ConfidenceRequest(Request):
    """A request whose answer holds at a confidence."""

    confidence: Annotated[float, CONFIDENCE, Help("Such as 90% or 0.9.")] = DEFAULT_CONFIDENCE


class LimitRequest(Request):
    """A request whose answer has a limit; without a confidence that of a rule or plan, or 0.95."""

    confidence: Annotated[
        float | None,
        CONFIDENCE,
        Help(
            "Such as 90%. By default that of the programme; of one sample else that of its "
            f"recorded plan; else {DEFAULT_CONFIDENCE}."
        ),
    ] = None


class StatisticRequest(Request):
    """A figure of the population to estimate."""

    statistic: Annotated[StatisticName, Choice(STATISTICS), Title("Figure")]
    column: Annotated[
        str | None, ColumnName(), Help("A column of the sample; `count` needs none.")
    ] = None
    denominator: Annotated[
        str | None, ColumnName(), Help("Of a `ratio`: the column of the divisor.")
    ] = None
    value: Annotated[
        Any,
        Scalar(),
        Help(
            "Of a `proportion`: the value whose share is estimated; null for the share of rows "
            "without a value."
        ),
    ] = NOT_GIVEN
    q: Annotated[
        float, Number(Bounds(above=0, below=1)), Help("Of a `quantile`: 0.5 is the median.")
    ] = DEFAULT_QUANTILE


class IntervalRequest(Request):
    """The intervals of an estimate."""

    proportion: Annotated[ProportionInterval, Choice.of(ProportionInterval), Option(None)] = (
        "korn_graubard"
    )
    minimum_degrees: Annotated[
        int,
        Count(Bounds(0, MAX_DEGREES)),
        Help(
            "An interval with fewer degrees of freedom is null; 0 shows all. The estimate and its "
            "standard error stay."
        ),
    ] = MINIMUM_DEGREES


LonelyStratum = Annotated[
    Lonely,
    Choice(LONELY),
    Title("Groups with one drawn row"),
    Help("What to do with a stratum that has one drawn row of several."),
]


class VarianceRequest(Request):
    """What a design leaves open about its variance."""

    lonely_stratum: LonelyStratum = "fail"
    systematic: Annotated[
        Systematic,
        Choice.of(Systematic),
        Option(None),
        Help("Successive differences, or as if it were random."),
    ] = "sd1"


def _one_source(given: Mapping[str, Any]) -> None:
    """Totals come from the table, from the request or from a census."""
    if given.get("totals") and given.get("census") is not None:
        raise RefusedField("census", "`census` can't be combined with `totals`.")


class CalibrateRequest(Request):
    """Columns whose totals in the population are reproduced."""

    rules: ClassVar[tuple[Rule, ...]] = (_one_source,)

    @classmethod
    def reshaped(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Totals by name, such as ``{"region": {"north": 1200}}``, as a list of them."""
        return full_totals(data)

    method: Annotated[
        CalibrationMethod,
        Choice(CALIBRATIONS),
        Option("--calibrate"),
        Help(
            "`difference` and `ratio` take one column of numbers, `regression` several; "
            "`poststratify` takes groups of all columns together, `rake` those of each column. "
            "`judge` takes up to 5 columns with the opinion of a model or a rule, which needn't "
            "be right."
        ),
    ]
    columns: Annotated[
        tuple[str, ...],
        Items(ColumnName(), most=MAX_CALIBRATED_COLUMNS, least=1),
        Option("--known"),
        Help("Columns whose totals in the table are known."),
    ]
    totals: Annotated[
        tuple[KnownTotalRequest, ...] | None,
        Items(Part(KnownTotalRequest), most=MAX_KNOWN_TOTALS, least=1),
        Option(None),
        Help(
            "Totals that are known from outside, instead of those of the table: a list, or by name "
            'such as `{"region": {"north": 1200}}`.'
        ),
    ] = None
    census: Annotated[
        CensusRequest | None,
        Part(CensusRequest),
        Option(None),
        Help("Another table whose totals are known, such as a census."),
    ] = None


def _two_groups(given: Mapping[str, Any]) -> None:
    """Both groups are needed, and they differ."""
    first, second = (given.get(name, NOT_GIVEN) for name in ("first", "second"))
    for name, value in (("first", first), ("second", second)):
        if value is NOT_GIVEN:
            raise RefusedField(name, "Two groups need `first` and `second`.")
    if first == second:
        raise RefusedField("second", "`first` and `second` are the same group.")


class BetweenRequest(Request):
    """Two groups of a column."""

    rules: ClassVar[tuple[Rule, ...]] = (_two_groups,)

    by: Annotated[str, ColumnName(), Option(None), Help("The column of the groups.")]
    first: Annotated[
        Any, Scalar(), Option(None), Help("The value of the first group; null if missing.")
    ] = NOT_GIVEN
    second: Annotated[
        Any,
        Scalar(),
        Option(None),
        Help("That of the second group, which is subtracted, or is the divisor."),
    ] = NOT_GIVEN


def _one_contrast(given: Mapping[str, Any]) -> None:
    """Either two groups or another column is contrasted."""
    if given.get("between") is None and given.get("column") is None:
        raise RefusedField("between", "A contrast needs `between` or `column`.")
    if given.get("between") is not None and given.get("column") is not None:
        raise RefusedField("column", "`column` can't be combined with `between`.")


class ContrastRequest(Request):
    """Two figures of which the difference or the ratio is estimated."""

    rules: ClassVar[tuple[Rule, ...]] = (_one_contrast,)

    between: Annotated[
        BetweenRequest | None,
        WrittenPart(BetweenRequest, read_two_groups, two_groups_text, "COLUMN=FIRST:SECOND"),
        Option("--contrast"),
        Help("Two groups of a column, such as the models `a` and `b`."),
    ] = None
    column: Annotated[
        str | None,
        ColumnName(),
        Option("--contrast-column"),
        Help("Another column with the same figure, of the rows that have both values."),
    ] = None
    measure: Annotated[
        ContrastMeasure,
        Choice.of(ContrastMeasure),
        Option("--contrast-measure"),
        Help("First minus second, or first divided by second."),
    ] = "difference"


By = Annotated[
    tuple[str, ...],
    Items(ColumnName(), most=MAX_GROUP_COLUMNS),
    Title("For each"),
    Help("Columns of groups; up to 4."),
]
OnlyRows = Annotated[
    dict[str, Any] | None,
    RowFilterKind(),
    Option("--filter", formerly="--where"),
    Title("Only rows with"),
    Help("Only rows that match a filter, such as `amount > 0`."),
]


class EstimatesRequest(ConfidenceRequest):
    """Statistics of a sample's population, for groups of its rows."""

    aliases: ClassVar[Mapping[str, str]] = {"where": "filters"}

    statistics: Annotated[
        tuple[StatisticRequest, ...],
        Items(Part(StatisticRequest), most=MAX_STATISTICS, least=1),
        Option(None),
    ]
    by: By = ()
    filters: OnlyRows = None
    interval: Annotated[IntervalRequest, Part(IntervalRequest)] = IntervalRequest()
    variance: Annotated[VarianceRequest, Part(VarianceRequest)] = VarianceRequest()
    calibrate: Annotated[CalibrateRequest | None, Part(CalibrateRequest)] = None
    nonresponse: Annotated[
        NonresponseRequest | None,
        Part(NonresponseRequest),
        Help("How rows that didn't respond are made up for."),
    ] = None
    replicates: Annotated[
        Replicates,
        Help("Standard errors by replicate weights instead of linearisation."),
    ] = "none"
    replicate_count: ReplicateCount = 500
    replicate_seed: ReplicateSeed = 1
    contrast: Annotated[
        ContrastRequest | None,
        Part(ContrastRequest),
        Help("Two groups or columns of which the difference or the ratio is estimated."),
    ] = None
    values: Annotated[
        str | int,
        ValuesKind(),
        Option(None),
        Help(
            "`table`; the number of an upload of values, or `latest`; `findings`, with the columns "
            "`finding`, `is_exception`, `audit_value` and `misstatement`; or `answers`, with a "
            "column for each question. Columns from outside and of the table can then be named."
        ),
    ] = "table"
    book_column: Annotated[
        str | None,
        ColumnName(),
        Option("--book"),
        Title("Book values"),
        Help(
            "For `findings`: the column of book values, which a row that is OK has as its audit "
            "value. By default that of a sample by monetary units."
        ),
    ] = None
    true_values: Annotated[bool, Flag(), Help("Compute each true value from the source, too.")] = (
        False
    )


class BacktestRequest(ConfidenceRequest):
    """Estimate figures that are known."""

    lonely_stratum: LonelyStratum = "fail"


def _judge_in_r(given: Mapping[str, Any]) -> None:
    """Only R's code has a calibration to a judge's column."""
    is_plain = given.get("format") == "r" and given.get("replicates", "none") == "none"
    if given.get("judge") is not None and not is_plain:
        raise RefusedField("judge", "`judge` needs the `format` r without `replicates`.")


class DesignRequest(Request):
    """A sample's design as facts, a table or code."""

    rules: ClassVar[tuple[Rule, ...]] = (_judge_in_r,)

    format: Annotated[
        DesignFormat,
        Choice.of(DesignFormat),
        Option(None),
        Help(
            "Facts as `json`, a line for each drawn row as `csv` or `parquet`, or code of R, "
            "Stata, SAS or Python."
        ),
    ] = "json"
    replicates: Annotated[
        Replicates, Help("Replicate weights in the table, or code that reads them.")
    ] = "none"
    replicate_count: Annotated[ReplicateCount, Option("--count")] = 500
    replicate_seed: Annotated[ReplicateSeed, Option("--seed")] = 1
    judge: Annotated[
        str | None,
        ColumnName(),
        Help("Of code of R: a judge's column, to whose total it calibrates the example, too."),
    ] = None


class PairsRequest(Request):
    """Pairs of row ids."""

    pairs: Annotated[
        tuple[tuple[str, str], ...],
        Items(Items(Text(1), most=2, least=2), most=MAX_PAIRS, least=1),
        Help("Pairs of row ids such as `primary:17`."),
    ]


class MoreRowsRequest(ConfidenceRequest, StatisticRequest):
    """A figure of a finished sample, and the precision that it is to have."""

    aliases: ClassVar[Mapping[str, str]] = {"where": "filters"}

    margin: Annotated[float | None, MARGIN] = None
    relative_margin: Annotated[float | None, MARGIN] = None
    cv: Annotated[float | None, MARGIN] = None
    by: By = ()
    filters: OnlyRows = None
    variance: Annotated[VarianceRequest, Part(VarianceRequest)] = VarianceRequest()
    basis: Annotated[
        Basis,
        Choice.of(Basis),
        Help("The variance: as the sample estimates it, or the true one of its source."),
    ] = "sample"
    values: Annotated[
        str | int,
        ValuesKind(),
        Option(None),
        Help(
            "`table`; or the number of an upload of values, or `latest`, whose columns can then be "
            "named."
        ),
    ] = "table"
