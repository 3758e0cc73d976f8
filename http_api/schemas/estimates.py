"""Schemas of answers with estimates from a sample."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import fields

from application.estimation.uploaded_values import Upload
from http_api.schemas import out
from http_api.schemas.contract import answer_schema


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


class EstimatesOut(Schema):
    job_id = out.string()
    confidence = out.number()
    estimates = out.list_of(EstimateOut)
    calibration = out.nested(CalibrationOut, null=True)
    values = out.nested(answer_schema(Upload), "The upload that values were read from.", null=True)
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
