"""Requests about certificates, their files, the ledger and row proofs."""

from __future__ import annotations

from typing import Annotated, Literal

from contract.declarations import Help, Option, Request
from contract.fields import Bounds, Choice, Count, Flag
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN, JobPriority, SourceRef, TableKey


class CertificateRequest(Request):
    """One certificate of a sample."""

    number: Annotated[
        int | None,
        Count(Bounds(1)),
        Help("An issued certificate; by default the current one, which is issued if need be."),
    ] = None


class SampleFileRequest(Request):
    """The sample as a file whose hash a certificate states."""

    format: Annotated[str, Choice.of(Literal["csv", "parquet"])] = "csv"


class EvidenceRequest(Request):
    """Everything that a verifier of a sample needs, as one file."""

    data: Annotated[
        bool,
        Flag(),
        Option(None),
        Help("Whether it has `data.csv`, with which a verifier draws the sample again."),
    ] = True
    attachments: Annotated[
        bool, Flag(), Option(None), Help("Whether it has the attached files.")
    ] = False


class LedgerRequest(PageRequest):
    """A page of a ledger, or the whole one."""

    format: Annotated[
        str | None,
        Choice.of(Literal["json"]),
        Help("`json`: the whole ledger as a file with a signed head."),
    ] = None


class RowRootRequest(Request):
    """A table whose rows shall be proved."""

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    priority: JobPriority = "interactive"
