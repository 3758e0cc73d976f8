"""The requests of working papers: the facts that people enter, and the issue of a paper."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Option, Request, Title
from contract.fields import Choice, Items, Name, Text
from contract.requests.evaluate import WorkingPaperRequest
from contract.requests.findings import MAX_NOTE
from contract.requests.pages import PageRequest
from contract.words import ASSERTIONS, ENTERED_LANGUAGES

MAX_LINE = 200
MAX_TEXT = 4000
"""Characters."""
LINE, LONG = Text(0, MAX_LINE), Text(0, MAX_TEXT)
Fact = str | None


class PaperFactsRequest(Request):
    """Facts of a working paper that the sample itself doesn't have.

    A fact that isn't given stays as it is; an empty text, or an empty list, clears it.
    """

    client_name: Annotated[
        Fact, LINE, Option("--client"), Title("Client"), Help("The audited entity.")
    ] = None
    period: Annotated[Fact, LINE, Help("Such as `2025-01-01 to 2025-12-31`.")] = None
    paper_number: Annotated[
        Fact, LINE, Title("Number of the paper"), Help("The firm's reference, such as `B 20-3`.")
    ] = None
    preparer: Annotated[
        Fact, LINE, Title("Prepared by"), Help("The full name of who did the work.")
    ] = None
    preparer_role: Annotated[
        Fact, LINE, Title("Role of the preparer"), Help("Such as `senior auditor`.")
    ] = None
    reviewer: Annotated[
        Fact,
        LINE,
        Title("Reviewed by"),
        Help("The full name of who reviews the work. Who enters any fact here can't sign off."),
    ] = None
    reviewer_role: Annotated[
        Fact, LINE, Title("Role of the reviewer"), Help("Such as `partner`.")
    ] = None
    objective: Annotated[
        Fact, LONG, Title("Audit objective"), Help("What the sample is to give evidence of.")
    ] = None
    assertions: Annotated[
        tuple[str, ...] | None,
        Items(Choice(ASSERTIONS), len(ASSERTIONS)),
        Option("--assertion"),
        Help("The assertions of the financial statements that are tested."),
    ] = None
    assertion_text: Annotated[
        Fact, LINE, Title("Assertion in own words"), Help("An assertion that the list lacks.")
    ] = None
    procedure: Annotated[
        Fact, LONG, Title("Procedure performed"), Help("What was done with each row.")
    ] = None
    error_definition: Annotated[
        Fact,
        LONG,
        Title("Definition of an error"),
        Help("What counts as a misstatement or a deviation, and what doesn't."),
    ] = None
    treatment: Annotated[
        Fact,
        LONG,
        Title("Anomalies and rows that can't be examined"),
        Help("How they are treated. By default as the evaluation treats them."),
    ] = None
    tolerable_basis: Annotated[
        Fact,
        LONG,
        Title("Basis of the tolerable misstatement or rate"),
        Help("Such as `75 % of performance materiality 400,000`."),
    ] = None
    expected: Annotated[
        Fact,
        LINE,
        Title("Expected misstatement or rate of deviation"),
        Help("The misstatement, or the rate of deviation, that was expected when planning."),
    ] = None
    design_reason: Annotated[
        Fact,
        LONG,
        Title("Reason for method and size"),
        Help("By default a sentence on the recorded plan, if there is one."),
    ] = None
    reconciliation: Annotated[
        Fact,
        LONG,
        Title("Completeness of the population"),
        Help("How the population was reconciled, such as with the general ledger."),
    ] = None
    language: Annotated[
        str | None,
        Choice(ENTERED_LANGUAGES),
        Help("The language of the paper; by default that of the template."),
    ] = None


class IssuePaperRequest(WorkingPaperRequest):
    """Issue a working paper: keep its file, and enter the hash in the ledger."""


class CombinedPapersRequest(PageRequest):
    """The papers on a sample and others together."""

    job_id: Annotated[str, Text(8, 36), Title("Sample"), Help("Its job.")]


class WithdrawPaperRequest(Request):
    """Why a paper on several samples is withdrawn."""

    reason: Annotated[str, Name(most=MAX_NOTE)]
