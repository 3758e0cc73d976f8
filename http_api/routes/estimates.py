"""Routes of estimates from a sample."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, get_args

from flask import Response, jsonify
from marshmallow import validate

from application.access import RowSource
from application.estimation.backtest import BacktestAnswer, backtest_of
from application.estimation.design_code import design_code
from application.estimation.design_facts import (
    DesignFacts,
    PairProbabilities,
    design_facts,
    pair_probabilities,
)
from application.estimation.design_table import (
    DEFAULT_REPLICATES,
    ReplicateRequest,
    TableFormat,
    write_design_table,
)
from application.estimation.estimates import EstimatesAnswer, estimates_of
from application.estimation.more_rows import MoreRowsAnswer, more_rows, more_rows_request
from contract.requests.estimate import (
    BacktestRequest,
    EstimatesRequest,
    MoreRowsRequest,
    PairsRequest,
)
from estimation_engine.replicates import MAX_REPLICATES, MIN_REPLICATES, ReplicateKind
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.row_responses import file_answer
from http_api.routes.submissions import completed
from http_api.schemas.base import StrictQuery
from http_api.schemas.contract import answer_schema
from http_api.schemas.fields import QueryInteger, StrictString
from parquet_tables.exports import MEDIA_TYPES
from service.tables.open_tables import SAMPLE, output_of
from storage.jobs.jobs import Job

blueprint = SignedInBlueprint(
    "estimates", __name__, url_prefix="/api/sampling/jobs/<job_id>", tag="Sampling"
)


ENDINGS = {"r": "R", "stata": "do", "sas": "sas", "python": "py"}
TABLES = get_args(TableFormat)


class DesignQuery(StrictQuery):
    format = StrictString(
        load_default="json",
        validate=validate.OneOf(("json", *TABLES, *ENDINGS)),
        description="Facts as `json`, a line for each drawn row as `csv` or `parquet`, or code of "
        "R, Stata, SAS or Python.",
    )
    replicates = StrictString(
        load_default="none",
        validate=validate.OneOf(("none", *get_args(ReplicateKind))),
        description="Replicate weights in the table, or code that reads them.",
    )
    replicate_count = QueryInteger(
        load_default=DEFAULT_REPLICATES,
        validate=validate.Range(MIN_REPLICATES, MAX_REPLICATES),
        description="Of a bootstrap.",
    )
    replicate_seed = QueryInteger(
        load_default=1, validate=validate.Range(0, 2**53), description="Of a bootstrap."
    )


@blueprint.post("/estimates", body=EstimatesRequest, output=EstimatesAnswer, only_reads=True)
def estimates(job_id: str, given: EstimatesRequest) -> EstimatesAnswer:
    """Estimate figures of the population, with margins of error.

    From the sample's rows and its recorded design, with the finite-population correction. Several
    rounds of a sample are combined.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        found = estimates_of(service(), job, given)
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "estimates")
    return found


@blueprint.post("/more-rows", body=MoreRowsRequest, output=MoreRowsAnswer, only_reads=True)
def needed_rows(job_id: str, given: MoreRowsRequest) -> MoreRowsAnswer:
    """How many more rows a figure needs for a precision.

    By the variance that the sample estimates, or by the true one of its source.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        found = more_rows(service(), job, more_rows_request(given))
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "needed rows")
    return found


@blueprint.get("/backtest", query=BacktestRequest, output=BacktestAnswer)
def backtest(job_id: str, query: BacktestRequest) -> BacktestAnswer:
    """Estimate figures that are known, and count the intervals that hold the true value.

    The mean of each column of numbers, and the share of each value of columns with few values.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        found = backtest_of(service(), job, query)
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "estimates")
    return found


@blueprint.get("/design", query=DesignQuery, output=DesignFacts)
def design(job_id: str, query: dict[str, Any]) -> Response:
    """The design of the sample: facts, a table, or code.

    `json` has the steps, all strata with their rows and drawn rows, the drawn clusters and the rows
    drawn with certainty. `csv` and `parquet` have a line for each drawn row with its stages, the
    weight over all steps and, on request, replicate weights. Code declares the design in another
    program, and says which figures it can't repeat.
    """
    job = completed(caller().job(job_id), "sampling")
    kind = query["format"]
    replicates = ReplicateRequest(
        query["replicates"], query["replicate_count"], query["replicate_seed"]
    )
    source = RowSource(job.dataset_id, output_of(job), SAMPLE, job.id)
    if kind in TABLES:
        return _design_table(job, source, kind, replicates)
    with caller().reading():
        if kind == "json":
            facts = design_facts(service(), job, replicates)
            answer = jsonify(answer_schema(DesignFacts)().dump(facts))
        else:
            answer = Response(design_code(service(), job, kind, replicates), mimetype="text/plain")
            name = f"design-{job.id[:8]}.{ENDINGS[kind]}"
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    caller().audit_view(source, "design")
    return answer


def _design_table(
    job: Job, source: RowSource, kind: TableFormat, replicates: ReplicateRequest
) -> Response:
    with (
        access().work_limits.downloads.piece(caller().user.id),
        tempfile.TemporaryDirectory(dir=service().directory.scratch_dir) as folder,
    ):
        path = Path(folder) / "design"
        write_design_table(service(), job, replicates, path, kind)
        caller().audit_view(source, "design")
        return file_answer(path, f"design-{job.id[:8]}.{kind}", MEDIA_TYPES[kind])


@blueprint.post(
    "/joint-probabilities", body=PairsRequest, output=PairProbabilities, only_reads=True
)
def joint_probabilities(job_id: str, given: PairsRequest) -> PairProbabilities:
    """The probabilities that both rows of a pair are drawn, for pairs of row ids.

    Exact, but for weighted samples, which have Hájek's approximation. The rows may be drawn or not.
    """
    job = completed(caller().job(job_id), "sampling")
    with caller().reading():
        found = pair_probabilities(service(), job, given.pairs)
    caller().audit_view(RowSource(job.dataset_id, output_of(job), SAMPLE, job.id), "design")
    return found
