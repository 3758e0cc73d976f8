"""The JSON of a representativeness check, and of a comparison of two tables."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import fields, validate


class PartOut(Schema):
    label = fields.String(required=True, metadata={"description": "A category, or an interval."})
    base = fields.Float(required=True)
    other = fields.Float(required=True)


class ColumnComparisonOut(Schema):
    name = fields.String(required=True)
    type = fields.String(required=True)
    kind = fields.String(
        required=True, metadata={"description": "`kolmogorov_smirnov` or `chi_square`."}
    )
    base_rows = fields.Integer(required=True)
    other_rows = fields.Integer(required=True)
    base_missing = fields.Float(required=True)
    other_missing = fields.Float(required=True)
    base_mean = fields.Raw(
        allow_none=True, required=True, metadata={"description": "A text for dates and times."}
    )
    other_mean = fields.Raw(allow_none=True, required=True)
    standardised_difference = fields.Float(allow_none=True, required=True)
    distance = fields.Float(
        required=True,
        metadata={
            "description": "The largest gap of the distribution functions, or half the sum of the "
            "gaps of the shares; among the rows with a value."
        },
    )
    p_value = fields.Float(required=True)
    missing_p_value = fields.Float(required=True)
    parts = fields.List(
        fields.Nested(PartOut),
        required=True,
        metadata={"description": "Shares of the rows with a value."},
    )
    is_significant = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether the column differs significantly: all columns together are "
            "tested at a level of 0.01."
        },
    )
    stands_out = fields.Boolean(
        required=True, metadata={"description": "The same as `is_significant`."}
    )
    minimum_detectable_difference = fields.Float(
        allow_none=True,
        required=True,
        metadata={
            "description": "The smallest shift, measured as `distance` is, that the tests find "
            "with 80 % power; null if the values can't be compared."
        },
    )
    added_values = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Categories that only the other table has, at most 20."},
    )
    added_values_count = fields.Integer(required=True)
    removed_values = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Categories that only the base has, at most 20."},
    )
    removed_values_count = fields.Integer(required=True)
    sentence = fields.String(required=True)


class SideOut(Schema):
    rows = fields.Integer(required=True)
    rows_read = fields.Integer(required=True)


class PopulationOut(SideOut):
    of_rows = fields.Integer(required=True, metadata={"description": "Rows of the whole table."})
    filter = fields.String(allow_none=True, required=True)


class SampleOut(SideOut):
    effective_sample_size = fields.Float(
        required=True,
        metadata={"description": "The size of a simple random sample that is worth as much."},
    )
    counts_for = fields.Float(
        required=True, metadata={"description": "The same as `effective_sample_size`."}
    )


class ChangedTypeOut(Schema):
    name = fields.String(required=True)
    base_type = fields.String(required=True)
    other_type = fields.String(required=True)


class ChangesOut(Schema):
    rows_only_in_base = fields.Integer(
        required=True,
        metadata={"description": "Rows that have no equal in the other table."},
    )
    rows_only_in_other = fields.Integer(required=True)
    changed_columns = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Columns whose values are not the same ones equally often."},
    )


class ComparisonOut(Schema):
    purpose = fields.String(
        required=True,
        validate=validate.OneOf(["sample", "tables"]),
        metadata={"description": "`sample`: a sample and its population; `tables`: two tables."},
    )
    outcome = fields.String(
        required=True,
        validate=validate.OneOf(["representative", "inconclusive", "differs", "equal"]),
        metadata={
            "description": "`differs` if a column differs significantly, or two tables in their "
            "rows, columns, types or values; `equal` if two tables of which every row was read "
            "don't differ; else `representative` if the minimum detectable difference is 0.15 or "
            "less, `inconclusive` if it is larger."
        },
    )
    outcome_label = fields.String(required=True)
    verdict = fields.String(required=True, metadata={"description": "The outcome in sentences."})
    alike = fields.Boolean(
        allow_none=True,
        required=True,
        metadata={
            "description": "true for `representative` and `equal`, false for `differs`, null for "
            "`inconclusive`."
        },
    )
    stand_out = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The columns that differ significantly."},
    )
    minimum_detectable_difference = fields.Float(
        allow_none=True,
        required=True,
        metadata={
            "description": "The share of the rows: a shift of this size, in any compared column, "
            "differs significantly in at least about 80 % of samples."
        },
    )
    noticeable = fields.Float(
        allow_none=True,
        required=True,
        metadata={"description": "The same as `minimum_detectable_difference`."},
    )
    columns = fields.List(fields.Nested(ColumnComparisonOut), required=True)
    not_compared = fields.List(fields.String(), required=True)
    only_in_base = fields.List(fields.String(), required=True)
    only_in_other = fields.List(fields.String(), required=True)
    changed_types = fields.List(fields.Nested(ChangedTypeOut), required=True)
    changes = fields.Nested(
        ChangesOut,
        allow_none=True,
        required=True,
        metadata={"description": "null unless every row of two tables was read."},
    )


class StrataReachedOut(Schema):
    round_number = fields.Integer(required=True)
    strata = fields.Integer(required=True)
    reached = fields.Integer(required=True)
    missed = fields.List(fields.String(), required=True)


class FilteredOut(Schema):
    verdict = fields.String(required=True)
    stand_out = fields.List(fields.String(), required=True)
    columns = fields.List(fields.Nested(ColumnComparisonOut), required=True)
    rows = fields.Integer(required=True)
    of_rows = fields.Integer(required=True)


class SampleComparisonOut(ComparisonOut):
    job_id = fields.String(required=True)
    made_at = fields.String(required=True)
    base = fields.Nested(PopulationOut, allow_none=True, required=True)
    other = fields.Nested(SampleOut, allow_none=True, required=True)
    assumptions = fields.List(fields.String(), required=True)
    filtered = fields.Nested(FilteredOut, allow_none=True, required=True)
    strata = fields.List(fields.Nested(StrataReachedOut), required=True)


class TableOut(SideOut):
    commit_id = fields.String(required=True)
    table_key = fields.String(required=True)
    weighted = fields.Boolean(
        required=True,
        metadata={"description": "Whether rows count by design weights, as a drawn sample's do."},
    )


class TableComparisonOut(ComparisonOut):
    dataset_id = fields.Integer(required=True)
    base = fields.Nested(TableOut, required=True)
    other = fields.Nested(TableOut, required=True)
