"""Schemas of estimates from a sample."""

from __future__ import annotations

from typing import Any, get_args

from apiflask import Schema
from marshmallow import fields, validate

from application.estimation.value_sources import FINDINGS, LATEST, TABLE
from estimation_engine import CalibrationMethod
from estimation_engine.designs.stages import Lonely, Systematic
from estimation_engine.estimates import MINIMUM_DEGREES, StatisticName
from estimation_engine.intervals import ProportionInterval
from http_api.schemas import out
from http_api.schemas.base import PageOut, StrictSchema, text
from http_api.schemas.fields import (
    BoundedList,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    confidence_field,
    invalid,
)
from http_api.schemas.filters import AnyValue, FiltersField
from http_api.schemas.goals import MAX_GROUP_COLUMNS

MAX_STATISTICS = 50
MAX_PAIRS = 10_000
MAX_CALIBRATED_COLUMNS = 20
MAX_DEGREES = 1_000_000


def one_of(literal: Any, default: str, description: str | None = None) -> StrictString:
    """A choice of the engine's."""
    return StrictString(
        load_default=default, validate=validate.OneOf(get_args(literal)), description=description
    )


class StatisticIn(StrictSchema):
    """A figure of the population to estimate."""

    statistic = StrictString(required=True, validate=validate.OneOf(get_args(StatisticName)))
    column = text(1, 1000, description="A column of the sample; `count` needs none.")
    denominator = text(1, 1000, description="Of a `ratio`: the column of the divisor.")
    value = AnyValue(
        allow_none=True,
        metadata={
            "description": "Of a `proportion`: the value whose share is estimated; null for the "
            "share of rows without a value."
        },
    )
    q = StrictNumber(
        load_default=0.5,
        validate=validate.Range(0, 1, min_inclusive=False, max_inclusive=False),
        description="Of a `quantile`: 0.5 is the median.",
    )

    def without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """A null ``value`` has a meaning."""
        kept = super().without_nulls(data)
        return {**kept, "value": None} if "value" in data and data["value"] is None else kept


class IntervalIn(StrictSchema):
    proportion = one_of(ProportionInterval, "korn_graubard")
    minimum_degrees = StrictInteger(
        load_default=MINIMUM_DEGREES,
        validate=validate.Range(0, MAX_DEGREES),
        description="An interval with fewer degrees of freedom is null; 0 shows all. The estimate "
        "and its standard error stay.",
    )


class VarianceIn(StrictSchema):
    lonely_stratum = one_of(
        Lonely, "fail", "What to do with a stratum that has one drawn row of several."
    )
    systematic = one_of(Systematic, "sd1", "Successive differences, or as if it were random.")


class CalibrateIn(StrictSchema):
    """Columns whose totals in the population are reproduced."""

    method = StrictString(
        required=True,
        validate=validate.OneOf(get_args(CalibrationMethod)),
        description="`difference` and `ratio` take one column of numbers, `regression` several; "
        "`poststratify` takes groups of all columns together, `rake` those of each column.",
    )
    columns = BoundedList(text(1, 1000), required=True, least=1, most=MAX_CALIBRATED_COLUMNS)


class ValuesField(fields.Field[Any]):
    """Where values come from: the table, an upload, or the findings."""

    def __init__(self) -> None:
        super().__init__(
            load_default=TABLE,
            metadata={
                "oneOf": [
                    {"type": "string", "enum": [TABLE, LATEST, FINDINGS]},
                    {"type": "integer", "minimum": 1},
                ],
                "description": "`table`; the number of an upload of values, or `latest`; or "
                "`findings`, with the columns `finding`, `is_exception`, `audit_value` and "
                "`misstatement`. Columns from outside and of the table can then be named.",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str | int:
        is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
        if value not in (TABLE, LATEST, FINDINGS) and not is_number:
            raise invalid("Must be `table`, `latest`, `findings` or the number of an upload.")
        return value  # type: ignore[no-any-return]


class EstimatesIn(StrictSchema):
    """Statistics of a sample's population, for groups of its rows."""

    statistics = BoundedList(
        fields.Nested(StatisticIn), required=True, least=1, most=MAX_STATISTICS
    )
    by = BoundedList(text(1, 1000), load_default=list, least=0, most=MAX_GROUP_COLUMNS)
    where = FiltersField()
    confidence = confidence_field()
    interval = fields.Nested(IntervalIn)
    variance = fields.Nested(VarianceIn)
    calibrate = fields.Nested(CalibrateIn)
    values = ValuesField()
    book_column = text(
        1,
        1000,
        description="For `findings`: the column of book values, which a row that is OK has as its "
        "audit value. By default that of a sample by monetary units.",
    )
    true_values = StrictBoolean(
        load_default=False, description="Compute each true value from the source, too."
    )


class UncalibratedOut(Schema):
    estimate = out.number(null=True)
    standard_error = out.number(null=True)
    ci_low = out.number(null=True)
    ci_high = out.number(null=True)


class EstimateOut(Schema):
    statistic = out.string()
    column = out.string(null=True)
    denominator = out.string(null=True)
    value = out.raw(null=True)
    q = out.number(null=True)
    group = out.json_object("The group's value of each column of `by`.")
    estimate = out.number(null=True)
    standard_error = out.number(null=True)
    ci_low = out.number(null=True)
    ci_high = out.number(null=True)
    confidence = out.number()
    df = out.integer(
        "Degrees of freedom of the group: its rows or clusters with a value, less the strata that "
        "they are in."
    )
    design_effect = out.number(
        "The variance by that of a simple random sample of as many rows.", null=True
    )
    n = out.integer("Sampled rows of the group with a value.")
    n_missing = out.integer("Sampled rows of the group without one.")
    interval = out.string("The formula of the interval.")
    variance = out.number(null=True)
    true_value = out.number("Of all rows of the source, if `true_values` was given.", null=True)
    uncalibrated = out.nested(
        UncalibratedOut, "The figure without `calibrate`, if that was given.", null=True
    )


class DesignOut(Schema):
    method = out.string("`rounds` if several rounds aren't one sample.")
    n = out.integer("Drawn rows.")
    N = out.integer("Rows that could be drawn, without `uncovered_rows`.")
    filter = out.string(null=True)
    rounds = out.integer("Rounds with a drawn row.")
    strata = out.integer("Strata with rows.", null=True)
    strata_drawn = out.integer("Strata with a drawn row.", null=True)
    clusters = out.integer("Clusters with rows.", null=True)
    clusters_drawn = out.integer(null=True)
    take_all_rows = out.integer("Rows drawn with certainty.", null=True)
    uncovered_rows = out.integer("Rows of strata without a drawn row.")
    df = out.integer()


class KnownTotalOut(Schema):
    column = out.string("A column of numbers; null for the number of rows.", null=True)
    group = out.json_object("The values of the columns, of a number of rows.", null=True)
    n = out.integer("Sampled rows.")
    known = out.number("In the table.")
    estimated = out.number("By the design weights.")


class CalibrationOut(Schema):
    method = out.string()
    columns = out.list_of(fields.String())
    totals = out.list_of(KnownTotalOut, "The first 100 totals that are reproduced.")
    g_min = out.number("The smallest factor of a weight; null for `difference`.", null=True)
    g_max = out.number(null=True)
    negative_weights = out.integer("Sampled rows with a negative weight.")


class ValueColumnOut(Schema):
    name = out.string()
    type = out.string()
    is_number = out.boolean()


class UploadOut(Schema):
    """Values of sampled rows, as a user uploaded them."""

    job_id = out.string()
    number = out.integer("The upload's number in its sample.")
    file_name = out.string()
    user_soeid = out.string()
    created_at = out.string()
    key = out.list_of(fields.String(), "The columns that identified the rows.")
    rows = out.integer("Sampled rows with a row in the file.")
    unanswered = out.integer("Sampled rows without one.")
    columns = out.list_of(ValueColumnOut)
    notes = out.list_of(fields.String(), "What the reading of the file changed or left open.")


class UploadsOut(PageOut):
    uploads = out.list_of(UploadOut, "Newest first.")


class ListedOut(Schema):
    count = out.integer()
    first = out.list_of(fields.String(), "The first ten.")


class PreviewColumnOut(ValueColumnOut):
    source_name = out.string("In the file.")
    missing = out.integer("Rows of the file without a value.")


class MatchOut(Schema):
    """How the rows of a file match the sample's rows."""

    key = out.list_of(fields.String())
    rows = out.integer("Rows of the file.")
    matched = out.integer("Rows whose key a sampled row has.")
    without_key = out.nested(ListedOut, "Rows of the file without a key.")
    repeated = out.nested(ListedOut, "Keys in several rows of the file.")
    unmatched = out.nested(ListedOut, "Keys that no sampled row has.")
    ambiguous = out.nested(ListedOut, "Keys that several sampled rows have.")
    unanswered = out.nested(ListedOut, "Ids of sampled rows that the file doesn't name.")
    similar_value = out.string(
        "The sampled key that the first unmatched one probably means: it lacks the table's prefix "
        "or leading zeros.",
        null=True,
    )
    columns = out.list_of(PreviewColumnOut, "The columns of values.")
    notes = out.list_of(fields.String())
    problem = out.string("Why the file can't be stored; null if it can.", null=True)


class StoredUploadOut(UploadOut):
    match = out.nested(MatchOut)


class EstimatesOut(Schema):
    job_id = out.string()
    confidence = out.number()
    estimates = out.list_of(EstimateOut)
    calibration = out.nested(CalibrationOut, null=True)
    values = out.nested(UploadOut, "The upload that values were read from.", null=True)
    design = out.nested(DesignOut)
    warnings = out.list_of(
        fields.String(), "The first of `notes`: those that say which intervals are doubtful."
    )
    notes = out.list_of(fields.String(), "What the estimates assume and refer to.")


class GroupSizeOut(Schema):
    round_number = out.integer()
    key = out.json_object("The group's value of each column.")
    rows = out.integer("N of the stratum or cluster.")
    drawn = out.integer("n of it.")


class StepOut(Schema):
    round_number = out.integer()
    method = out.string()
    filter = out.string(null=True)
    seed = out.string()
    effective_seed = out.string()
    order_version = out.string()
    eligible_rows = out.integer("Rows that it could draw, without those of earlier rounds.")
    n = out.integer("Rows that it drew.")
    strata = out.integer(null=True)
    strata_drawn = out.integer(null=True)
    clusters = out.integer(null=True)
    clusters_drawn = out.integer(null=True)
    take_all_rows = out.integer("Rows drawn with certainty.", null=True)
    sum_p_1_minus_p = out.number(
        "Of a weighted round: the estimate of Σp(1 - p), which is the sum of 1 - π over its rows.",
        null=True,
    )


class ReplicatesOut(Schema):
    kind = out.string()
    count = out.integer()
    scale = out.number("The variance by the sum of squared differences of the replicates.")
    seed = out.integer("Of a bootstrap.", null=True)


class DesignFactsOut(DesignOut):
    job_id = out.string()
    steps = out.list_of(StepOut, "Each round as it was drawn.")
    groups = out.list_of(GroupSizeOut, "All strata, or the drawn clusters; else none.")
    take_all = out.list_of(fields.String(), "The ids of rows drawn with certainty.")
    replicates = out.nested(ReplicatesOut, "Of the requested weights in the table.", null=True)


class PairsIn(StrictSchema):
    """Pairs of row ids."""

    pairs = BoundedList(
        BoundedList(text(1, 1000), least=2, most=2),
        required=True,
        least=1,
        most=MAX_PAIRS,
        metadata={"description": "Pairs of row ids such as `primary:17`."},
    )


class PairOut(Schema):
    first = out.string()
    second = out.string()
    first_probability = out.number()
    second_probability = out.number()
    joint_probability = out.number("0 if both can't be drawn in one sample.")


class PairProbabilitiesOut(Schema):
    job_id = out.string()
    approximate = out.boolean("Whether they are Hájek's approximation.")
    pairs = out.list_of(PairOut)


class BacktestFigureOut(EstimateOut):
    covers = out.boolean(
        "Whether the interval holds the true value; null if either is unknown, or for `exact`.",
        null=True,
    )
    exact = out.boolean("Whether the figure is the true value by design, and can't miss.")


class BacktestOut(Schema):
    job_id = out.string()
    confidence = out.number()
    figures = out.list_of(BacktestFigureOut, "Means of numbers and shares of categories.")
    intervals = out.integer("Figures with an interval and a true value, without exact ones.")
    covered = out.integer("Intervals that hold the true value.")
    notes = out.list_of(fields.String())
