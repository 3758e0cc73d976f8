"""The representativeness check of a sample, and the comparison of two tables of a dataset."""

from __future__ import annotations

from typing import Any

from application.comparing import shown_comparison, shown_tables
from http_api.access import SignedInBlueprint, caller
from http_api.routes.submissions import completed
from http_api.schemas.base import StrictQuery, text
from http_api.schemas.comparisons import SampleComparisonOut, TableComparisonOut

blueprint = SignedInBlueprint("comparisons", __name__, url_prefix="/api", tag="Comparisons")


class CompareQuery(StrictQuery):
    base_ref = text(1, 100, required=True, description="A ref or a commit.")
    base_table = text(1, 200)
    ref = text(1, 100, load_default="main", description="A ref or a commit.")
    table = text(1, 200)


@blueprint.get("/sampling/jobs/<job_id>/comparison", output=SampleComparisonOut)
def of_job(job_id: str) -> dict[str, Any]:
    """Is the sample representative?

    The representativeness check: the sample is compared with its population column by column. It
    runs after the job, or else with this request. A 409 `comparison_not_ready` means: send the
    request again.
    """
    return shown_comparison(caller(), completed(caller().job(job_id), "sampling"))


@blueprint.get("/datasets/<int:dataset_id>/compare", query=CompareQuery, output=TableComparisonOut)
def of_tables(dataset_id: int, query: dict[str, str]) -> dict[str, Any]:
    """What changed between two tables?

    Compares `table` of `ref` with `base_table` of `base_ref`: rows, columns, types, categories and
    distributions. The first request may get a 409 `comparison_not_ready`: send it again.
    """
    caller().dataset(dataset_id, "read")
    return shown_tables(
        caller(),
        dataset_id,
        (query["base_ref"], query.get("base_table")),
        (query["ref"], query.get("table")),
    )
