"""Routes of a sample's certificate, and of the files that a verifier of it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from flask import Response

from application.access import RowSource, sample_source
from application.certificates.evaluation import (
    IssuedEvaluation,
    evaluation_certificate_of,
    evaluation_issues_of,
)
from application.certificates.evidence import write_evidence
from application.certificates.issuing import IssuedCertificate, certificate_of, issues_of
from application.certificates.statement import write_data, write_sample_csv
from contract.answers import Named
from contract.declarations import Help
from contract.requests.certificates import CertificateRequest, EvidenceRequest, SampleFileRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import downloaded_file, file_answer
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import Listing, list_schema, page_of
from lazy_dataclasses import dataclass
from parquet_tables.exports import MEDIA_TYPES
from service.tables.open_tables import open_sample, source_of

blueprint = SignedInBlueprint("certificates", "Certificates", "/api/sampling/jobs/<job_id>")


@dataclass(frozen=True)
class Signature:
    """A signature of the statement."""

    keyid: Annotated[str, Help("The SHA-256 of the public key's 32 bytes.")]
    sig: Annotated[str, Help("Ed25519, in Base64.")]


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope."""

    payload_type: Annotated[str, Named("payloadType")]
    payload: Annotated[str, Help("The statement's bytes in Base64.")]
    signatures: list[Signature]


@blueprint.get("/certificate", output=Envelope)
def certificate(job_id: str, query: CertificateRequest) -> Response:
    """The signed certificate of a sample.

    A DSSE envelope of an in-toto statement. It is issued at the first request, and again when rows
    were replaced since.
    """
    job = completed_sample(job_id)
    with caller().reading():
        envelope = certificate_of(service(), job, query.number)
    return _envelope(envelope, f"{job.shown_name}-certificate.json")


def _envelope(envelope: dict[str, object], name: str) -> Response:
    answer = Response(json.dumps(envelope, indent=2), mimetype="application/json")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@blueprint.get(
    "/certificates", output=list_schema("certificates", IssuedCertificate, "The newest first.")
)
def certificates(job_id: str, query: PageRequest) -> Listing:
    """The certificates that were issued of a sample."""
    return page_of(issues_of(service(), completed_sample(job_id)), query)


@blueprint.get("/evaluation-certificate", output=Envelope)
def evaluation_certificate(job_id: str, query: CertificateRequest) -> Response:
    """The signed certificate of a sample's findings and evaluation.

    Of the evaluation that was signed off, or else, marked so, of that of the plan. It is issued at
    the first request, and again when findings, review, conclusion or papers changed since; only to
    a person who may write in the dataset. Others get issued ones by `number`, and the newest one if
    nothing changed since.
    """
    job = completed_sample(job_id)
    with caller().reading():
        envelope = evaluation_certificate_of(caller(), job, query.number)
    return _envelope(envelope, f"{job.shown_name}-evaluation.json")


@blueprint.get(
    "/evaluation-certificates",
    output=list_schema("certificates", IssuedEvaluation, "The newest first."),
)
def evaluation_certificates(job_id: str, query: PageRequest) -> Listing:
    """The certificates that were issued of a sample's evaluation."""
    return page_of(evaluation_issues_of(service(), completed_sample(job_id)), query)


@blueprint.get("/certificate/data", file="text/csv")
def certificate_data(job_id: str) -> Response:
    """The data from which a verifier draws the sample again, as CSV.

    A line for each row of the table: its number, whether it passes the filters, and the values of
    the columns that make groups, weights or amounts.
    """
    job = completed_sample(job_id)
    with downloaded_file("data.csv") as path:
        write_data(service(), job, path)
        source = RowSource(job.dataset_id, source_of(job), job.run_parameters["table_key"], job.id)
        caller().audit_read("rows_downloaded", source, format="csv", columns="certificate data")
        return file_answer(path, f"{job.shown_name}-data.csv", MEDIA_TYPES["csv"])


@blueprint.get("/certificate/sample", file="text/csv")
def certificate_sample(job_id: str, query: SampleFileRequest) -> Response:
    """The sample as a file whose hash the certificate states.

    The stored Parquet file, or the sample as CSV.
    """
    job = completed_sample(job_id)
    kind = query.format
    with downloaded_file("sample.csv") as path:
        sample = open_sample(service(), job)
        if kind == "csv":
            write_sample_csv(service(), sample, path)
        else:
            path = Path(str(sample.files.files[0].path))
        caller().audit_read("rows_downloaded", sample_source(job), format=kind)
        name = f"{job.run_parameters['output_ref']}.{kind}"
        return file_answer(path, name, MEDIA_TYPES["csv" if kind == "csv" else "parquet"])


@blueprint.get("/evidence", file="application/zip")
def evidence(job_id: str, query: EvidenceRequest) -> Response:
    """Everything that a verifier of a sample needs, as a ZIP file.

    Both certificates, the sample, its data, the ledger, row proofs if there are any, the public key
    and the verifiers, by the names that the verifiers expect.
    """
    job = completed_sample(job_id)
    with downloaded_file("evidence.zip") as path:
        write_evidence(
            caller(), job, path, with_data=query.data, with_attachments=query.attachments
        )
        caller().audit_read("rows_downloaded", sample_source(job), format="zip", columns="evidence")
        return file_answer(path, f"{job.shown_name}-evidence.zip", "application/zip")
