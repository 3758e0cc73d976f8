"""Routes of estimates from a sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response

from application.access import sample_source
from application.estimation.backtest import BacktestAnswer, backtest_of
from application.estimation.classification import ClassificationAnswer, classification_of
from application.estimation.design_code import design_code
from application.estimation.design_facts import (
    DesignFacts,
    PairProbabilities,
    design_facts,
    pair_probabilities,
)
from application.estimation.design_table import TableFormat, write_design_table
from application.estimation.estimates import EstimatesAnswer, estimates_of
from application.estimation.known_totals import census_of
from application.estimation.more_rows import MoreRowsAnswer, more_rows, more_rows_request
from application.estimation.weights import (
    FileFormat,
    WeightsCodebook,
    codebook_markdown,
    weights_codebook,
    write_weights,
)
from contract.requests.classification import ClassificationRequest
from contract.requests.estimate import (
    BacktestRequest,
    DesignRequest,
    EstimatesRequest,
    MoreRowsRequest,
    PairsRequest,
)
from contract.requests.weights import WeightsRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.routes.submissions import completed_sample
from parquet_tables.exports import MEDIA_TYPES
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint("estimates", "Sampling", "/api/sampling/jobs/<job_id>")


STATISTICAL_TYPES = {"dta": "application/x-stata-dta", "sav": "application/x-spss-sav"}
ENDINGS = {"r": "R", "stata": "do", "sas": "sas", "python": "py"}


@contextmanager
def _reading(job_id: str, what: str) -> Iterator[JobRecord]:
    """The sample, whose rows are read; the audit trail says what is viewed."""
    job = completed_sample(job_id)
    with caller().reading():
        yield job
    caller().audit_view(sample_source(job), what)


@blueprint.post("/estimates", only_reads=True)
def estimates(job_id: str, given: EstimatesRequest) -> EstimatesAnswer:
    """Estimate figures of the population, with margins of error.

    From the sample's rows and its recorded design, with the finite-population correction. Several
    rounds of a sample are combined.
    """
    with _reading(job_id, "estimates") as job:
        return estimates_of(service(), job, given, census_of(caller(), job, given.calibrate))


@blueprint.post("/classification", only_reads=True)
def classification(job_id: str, given: ClassificationRequest) -> ClassificationAnswer:
    """Estimate precision, recall and what follows, of a flag against the truth.

    From one sample of flagged and unflagged rows, drawn by any design; each figure has an interval
    that holds for few cases, too.
    """
    with _reading(job_id, "classification") as job:
        return classification_of(service(), job, given)


@blueprint.post("/more-rows", only_reads=True)
def needed_rows(job_id: str, given: MoreRowsRequest) -> MoreRowsAnswer:
    """How many more rows a figure needs for a precision.

    By the variance that the sample estimates, or by the true one of its source.
    """
    with _reading(job_id, "needed rows") as job:
        return more_rows(service(), job, more_rows_request(given))


@blueprint.get("/backtest")
def backtest(job_id: str, query: BacktestRequest) -> BacktestAnswer:
    """Estimate figures that are known, and count the intervals that hold the true value.

    The mean of each column of numbers, and the share of each value of columns with few values.
    """
    with _reading(job_id, "estimates") as job:
        return backtest_of(service(), job, query)


@blueprint.get("/design")
def design(job_id: str, query: DesignRequest) -> Response | DesignFacts:
    """The design of the sample: facts, a table, or code.

    `json` has the steps, all strata with their rows and drawn rows, the drawn clusters and the rows
    drawn with certainty. `csv` and `parquet` have a line for each drawn row with its stages, the
    weight over all steps and, on request, replicate weights. Code declares the design in another
    program, and says which figures it can't repeat.
    """
    if query.format == "csv" or query.format == "parquet":
        return _design_table(completed_sample(job_id), query, query.format)
    with _reading(job_id, "design") as job:
        if query.format == "json":
            return design_facts(service(), job, query)
        answer = Response(design_code(service(), job, query), mimetype="text/plain")
        name = f"design-{job.id[:8]}.{ENDINGS[query.format]}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _design_table(job: JobRecord, query: DesignRequest, kind: TableFormat) -> Response:
    with downloaded_file("design") as path:
        write_design_table(service(), job, query, path, kind)
        caller().audit_view(sample_source(job), "design")
        return file_answer(path, f"design-{job.id[:8]}.{kind}", MEDIA_TYPES[kind])


@blueprint.post("/weights", only_reads=True)
def weights(job_id: str, given: WeightsRequest) -> Response | WeightsCodebook:
    """The drawn rows with their weights, as a file for other programs; or its codebook.

    `csv`, `parquet`, `dta` and `sav` have a line for each drawn row with its columns, the design
    weight, the weight after nonresponse and calibration and, on request, replicate weights, each of
    which went through the same steps. `json` and `markdown` are the codebook: what each column is,
    the known totals, the scale of the replicates and code that reads the file. Files of Stata and
    SPSS need the extra `jobsvc[stata]` on the server.
    """
    if given.format != "json" and given.format != "markdown":
        return _weights_file(completed_sample(job_id), given, given.format)
    with _reading(job_id, "weights") as job:
        found = weights_codebook(service(), job, given, census_of(caller(), job, given.calibrate))
        if given.format == "json":
            return found
        answer = Response(codebook_markdown(found), mimetype="text/markdown")
        name = f"weights-{job.id[:8]}.md"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _weights_file(job: JobRecord, given: WeightsRequest, kind: FileFormat) -> Response:
    with downloaded_file(f"weights.{kind}") as path:
        census = census_of(caller(), job, given.calibrate)
        write_weights(service(), job, given, census, path, kind)
        caller().audit_read("rows_downloaded", sample_source(job), format=kind, columns="weights")
        name = f"weights-{job.id[:8]}.{kind}"
        if kind == "csv" or kind == "parquet":
            return file_answer(path, name, MEDIA_TYPES[kind])
        return file_answer(path, name, STATISTICAL_TYPES[kind])


@blueprint.post("/joint-probabilities", only_reads=True)
def joint_probabilities(job_id: str, given: PairsRequest) -> PairProbabilities:
    """The probabilities that both rows of a pair are drawn, for pairs of row ids.

    Exact, but for rows or clusters that were drawn by size, which have Hájek's approximation unless
    the rows were taken along a line. The rows may be drawn or not.
    """
    with _reading(job_id, "design") as job:
        return pair_probabilities(service(), job, given.pairs)
