"""The JSON of a representativeness check, and of a comparison of two tables."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import fields, validate

from http_api.schemas import out


class PartOut(Schema):
    label = out.string("A category, or an interval.")
    base = out.number()
    other = out.number()


class ColumnComparisonOut(Schema):
    name = out.string()
    type = out.string()
    kind = out.string("`kolmogorov_smirnov` or `chi_square`.")
    base_rows = out.integer()
    other_rows = out.integer()
    base_missing = out.number()
    other_missing = out.number()
    base_mean = out.raw("A text for dates and times.", null=True)
    other_mean = out.raw(null=True)
    standardised_difference = out.number(null=True)
    distance = out.number(
        "The largest gap of the distribution functions, or half the sum of the "
        "gaps of the shares; among the rows with a value."
    )
    p_value = out.number()
    missing_p_value = out.number()
    parts = out.list_of(PartOut, "Shares of the rows with a value.")
    is_significant = out.boolean(
        "Whether the column differs significantly: all columns together are "
        "tested at a level of 0.01."
    )
    stands_out = out.boolean("The same as `is_significant`.")
    minimum_detectable_difference = out.number(
        "The smallest shift, measured as `distance` is, that the tests find "
        "with 80 % power; null if the values can't be compared.",
        null=True,
    )
    added_values = out.list_of(
        fields.String(), "Categories that only the other table has, at most 20."
    )
    added_values_count = out.integer()
    removed_values = out.list_of(fields.String(), "Categories that only the base has, at most 20.")
    removed_values_count = out.integer()
    sentence = out.string()


class SideOut(Schema):
    rows = out.integer()
    rows_read = out.integer()


class PopulationOut(SideOut):
    of_rows = out.integer("Rows of the whole table.")
    filter = out.string(null=True)


class SampleOut(SideOut):
    effective_sample_size = out.number("The size of a simple random sample that is worth as much.")
    counts_for = out.number("The same as `effective_sample_size`.")


class ChangedTypeOut(Schema):
    name = out.string()
    base_type = out.string()
    other_type = out.string()


class ChangesOut(Schema):
    rows_only_in_base = out.integer(
        "Rows that have no equal in the other table; null if the tables have more than 2 million "
        "rows together.",
        null=True,
    )
    rows_only_in_other = out.integer(null=True)
    changed_columns = out.list_of(
        fields.String(), "Columns whose values are not the same ones equally often."
    )


class ComparisonOut(Schema):
    purpose = out.string(
        "`sample`: a sample and its population; `tables`: two tables.",
        validate=validate.OneOf(["sample", "tables"]),
    )
    outcome = out.string(
        "`differs` if a column differs significantly, or two tables in their "
        "rows, columns, types or values; `equal` if two tables don't differ; for a sample else "
        "`representative` if the minimum detectable difference is 0.15 or less, `inconclusive` if "
        "it is larger.",
        validate=validate.OneOf(["representative", "inconclusive", "differs", "equal"]),
    )
    outcome_label = out.string()
    verdict = out.string("The outcome in sentences.")
    alike = out.boolean(
        "true for `representative` and `equal`, false for `differs`, null for `inconclusive`.",
        null=True,
    )
    stand_out = out.list_of(fields.String(), "The columns that differ significantly.")
    minimum_detectable_difference = out.number(
        "The share of the rows: a shift of this size, in any compared column, "
        "differs significantly in at least about 80 % of samples.",
        null=True,
    )
    noticeable = out.number("The same as `minimum_detectable_difference`.", null=True)
    columns = out.list_of(ColumnComparisonOut)
    not_compared = out.list_of(fields.String())
    only_in_base = out.list_of(fields.String())
    only_in_other = out.list_of(fields.String())
    changed_types = out.list_of(ChangedTypeOut)
    changes = out.nested(ChangesOut, "null if one is a sample.", null=True)


class ChangedNameOut(Schema):
    base_name = out.string()
    other_name = out.string()


class StrataReachedOut(Schema):
    round_number = out.integer()
    strata = out.integer()
    reached = out.integer()
    missed = out.list_of(fields.String())


class FilteredOut(Schema):
    verdict = out.string()
    stand_out = out.list_of(fields.String())
    columns = out.list_of(ColumnComparisonOut)
    rows = out.integer()
    of_rows = out.integer()


class SampleComparisonOut(ComparisonOut):
    job_id = out.string()
    made_at = out.string()
    base = out.nested(PopulationOut, null=True)
    other = out.nested(SampleOut, null=True)
    assumptions = out.list_of(fields.String())
    filtered = out.nested(FilteredOut, null=True)
    strata = out.list_of(StrataReachedOut)


class TableOut(SideOut):
    commit_id = out.string()
    table_key = out.string()
    weighted = out.boolean("Whether rows count by design weights, as a drawn sample's do.")


class TableComparisonOut(ComparisonOut):
    changed_names = out.list_of(ChangedNameOut, "Columns whose names differ in their case.")
    suggested_keys = out.list_of(
        fields.List(fields.String()),
        "Columns that identify a row in both tables, for `keys` of a row diff; at most 3.",
    )
    dataset_id = out.integer()
    base = out.nested(TableOut)
    other = out.nested(TableOut)
