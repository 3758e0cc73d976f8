"""Routes and schemas of profiles, representativeness checks and comparisons of two tables."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from flask import Response, jsonify
from marshmallow import fields, validate

from application.access import RowSource
from application.comparing import shown_comparison, shown_tables
from application.profiling import (
    analysis,
    profile_result,
    submit_profiling,
)
from contract.requests.tables import ComparisonRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import column_names
from http_api.routes.submissions import completed, submission
from http_api.schemas import out
from http_api.schemas.base import StrictQuery, StrictSchema, text
from http_api.schemas.jobs import JobAcceptedOut, accepted, priority_field
from service.tables.open_tables import open_table
from storage.errors import NotFound
from storage.jobs.kinds import PROFILE


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
        "The smallest detectable difference: the smallest shift, measured as `distance` is, that "
        "the tests find in about 80 % of samples; null if the values can't be compared.",
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
        "`representative` if the smallest detectable difference is 0.15 or less, `inconclusive` if "
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
        "The smallest detectable difference as a share of the rows: a shift of this size, in any "
        "compared column, differs significantly in about 80 % of samples.",
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


class TotalChangeOut(Schema):
    column = out.string()
    base_sum = out.string("Of all rows, a decimal number.")
    other_sum = out.string()
    difference = out.string("`other_sum` less `base_sum`.")
    is_exact = out.boolean()
    is_identifier = out.boolean("Whether the column holds identifiers, whose sums have no meaning.")


class TableComparisonOut(ComparisonOut):
    control_totals = out.list_of(
        TotalChangeOut, "Of the columns that are numbers in both tables; empty for a sample."
    )
    changed_names = out.list_of(ChangedNameOut, "Columns whose names differ in their case.")
    suggested_keys = out.list_of(
        fields.List(fields.String()),
        "Columns that identify a row in both tables, for `keys` of a row diff; at most 3.",
    )
    dataset_id = out.integer()
    base = out.nested(TableOut)
    other = out.nested(TableOut)


AT_ONCE_S = 20.0
"""Time limit of a request's scan; the rest is estimated."""

blueprint = SignedInBlueprint("profiling", __name__, tag="Profiling")


class ProfilingJobIn(StrictSchema):
    """A profiling job."""

    source_ref = text(1, 100, load_default="main")
    table_key = text(1, 200, allow_none=True)
    columns = fields.List(text(1, 1000), load_default=list, validate=validate.Length(max=10_000))
    priority = priority_field()


class AnalysisQuery(StrictQuery):
    columns = text(1, 100_000, description="Column names separated by commas; all when left out.")


@blueprint.post(
    "/api/profiling/datasets/<int:dataset_id>/jobs", body=ProfilingJobIn, output=JobAcceptedOut
)
def create(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Profile a table.

    A table with a cached profile is done at once.
    """
    dataset = caller().dataset(dataset_id, "write")
    by = submission(given.pop("priority"), body=given)
    job = submit_profiling(service(), by, dataset, **given)
    return accepted(job, "Profiling job created")


@blueprint.get("/api/profiling/jobs/<job_id>/result")
def result(job_id: str) -> Response:
    """A profiling job's profile, with hints for a sampling design."""
    job = completed(caller().job(job_id), "profiling")
    if job.kind is not PROFILE:
        raise NotFound("Job {id} made {result}, not a profile.", id=job.id, result=job.job_kind)
    with caller().reading():
        found = profile_result(service(), job, AT_ONCE_S)
    caller().audit_view(
        RowSource(job.dataset_id, found["commit_id"], found["table_key"], job.id), "profile"
    )
    return jsonify({"job_id": job.id, "dataset_id": job.dataset_id, **found})


@blueprint.get(
    "/api/datasets/<int:dataset_id>/refs/<ref>/tables/<path:key>/analysis", query=AnalysisQuery
)
def table_analysis(dataset_id: int, ref: str, key: str, query: dict[str, Any]) -> Response:
    """A table's profile, at once.

    Computed once for each table. The first request for a large table takes up to twenty seconds;
    then the rest is marked as estimated, until a profiling job has run.
    """
    caller().dataset(dataset_id, "read")
    names = [name for name in column_names(query.get("columns")) if name]
    with caller().reading():
        table = open_table(service(), dataset_id, ref, key)
        found = analysis(service(), table, names, AT_ONCE_S)
    caller().audit_view(RowSource(dataset_id, table.commit_id, table.key), "profile")
    return jsonify({"dataset_id": dataset_id, **found})


comparisons_blueprint = SignedInBlueprint(
    "comparisons", __name__, url_prefix="/api", tag="Comparisons"
)


@comparisons_blueprint.get("/sampling/jobs/<job_id>/comparison", output=SampleComparisonOut)
def of_job(job_id: str) -> dict[str, Any]:
    """Is the sample representative?

    The representativeness check: the sample is compared with its population column by column. It
    runs after the job, or else with this request. A 409 `comparison_not_ready` means: send the
    request again.
    """
    return shown_comparison(caller(), completed(caller().job(job_id), "sampling"))


@comparisons_blueprint.get(
    "/datasets/<int:dataset_id>/compare", query=ComparisonRequest, output=TableComparisonOut
)
def of_tables(dataset_id: int, query: ComparisonRequest) -> dict[str, Any]:
    """What changed between two tables?

    Compares `table` of `source_ref` with `base_table` of `base_ref`: rows, columns, types,
    categories and distributions. The first request may get a 409 `comparison_not_ready`: send it
    again.
    """
    caller().dataset(dataset_id, "read")
    return shown_tables(
        caller(),
        dataset_id,
        (query.base_ref, query.base_table),
        (query.source_ref, query.table),
    )
