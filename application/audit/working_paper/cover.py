"""The cover of a working paper: who, when, on what, and the conclusion."""

from __future__ import annotations

from application.audit.evaluation.other_samples import other_samples
from application.audit.evaluation.parameters import parameters_text
from application.audit.evaluators.evaluator import Evaluation
from application.audit.sentences import (
    other_samples_tables,
)
from application.audit.state import AuditState
from application.audit.working_paper.conclusion import conclusion_lines, signed_difference
from application.certificates.ledger import draws_beside
from application.samples.facts import excluded_text
from contract.words import REVIEW_ACTIONS, REVIEW_STATES
from domain_errors import DomainError
from presentation.content import (
    Block,
    Facts,
    Row,
    Section,
    Table,
    moment_of,
)
from service.service import Service
from service.tables.open_tables import open_source, version_of
from storage.audit.findings import conclusion_of
from storage.certificates.ledger import plan_entry
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output
from storage.versions.manifests import get_commit

MAX_FILES = 20
"""Data files whose hashes the cover lists; the version id is the hash of them all."""


def cover(
    service: Service,
    job: JobRecord,
    state: AuditState,
    evaluation: Evaluation | DomainError,
) -> Section:
    review = state.review
    facts: list[Row] = [
        ("Purpose", job.purpose or "Not given"),
        ("Dataset", job.dataset_name),
        ("Sample", job.output_name),
        ("Job id", job.id),
        *_address(service, job),
        ("Drawn by", job.user_soeid, moment_of(job.created_at)),
        ("State of the review", REVIEW_STATES[review.state]),
    ]
    if review.state == "signed_off":
        signed = review.entries[-1]
        facts.append(("Signed off by", signed.user_soeid, moment_of(signed.at)))
        kept = signed.evaluation
        facts.append(("Signed evaluation", parameters_text(kept) if kept else "None"))
    with service.database.read() as tx:
        written = conclusion_of(tx, job.id)
    own: list[Row] = []
    if written is not None:
        own = [
            ("Auditor's conclusion", written.text),
            ("Written by", written.user_soeid, moment_of(written.at)),
        ]
    authors: dict[str, list[str]] = {}
    for finding in state.findings.values():
        authors.setdefault(finding.user_soeid, []).append(finding.at)
    prepared: list[Row] = [
        (name, len(times), moment_of(min(times)), moment_of(max(times)))
        for name, times in sorted(authors.items())
    ]
    reviewed: list[Row] = [
        (REVIEW_ACTIONS[each.action], each.user_soeid, moment_of(each.at), each.note or None)
        for each in review.entries
    ] or [("Not submitted", None, None, None)]
    others: Evaluation = (
        other_samples(service, job, state).as_json()
        if isinstance(evaluation, DomainError)
        else evaluation
    )
    blocks: list[Block] = [
        Facts("Sample", facts),
        Facts("Conclusion", [*own, *conclusion_lines(evaluation)]),
        *other_samples_tables(others),
        Table("Prepared by", ("User", "Findings", "First (UTC)", "Last (UTC)"), prepared),
        Table("Review", ("Step", "User", "Time (UTC)", "Note"), reviewed),
        Facts("Version of the table", _version(service, job)),
    ]
    title = "Working paper, not as signed off" if signed_difference(evaluation) else "Working paper"
    return Section("Cover", f"{title}: {job.output_name or job.id[:8]}", blocks)


def _address(service: Service, job: JobRecord) -> list[Row]:
    """The URL of the sample, if the server knows its name for browsers."""
    url = service.settings.link(f"/jobs/{job.id}")
    return [("Address", url)] if url else []


def _version(service: Service, job: JobRecord) -> list[Row]:
    """The version that was drawn from, and its files."""
    source = open_source(service, job)
    with service.database.read() as tx:
        table = get_commit(tx, job.dataset_id, source.commit_id).manifest.table(source.key)
        made = job_with_output(tx, job.dataset_id, version_of(job))
    rows: list[Row] = [("Table", source.key), ("Version id (SHA-256)", version_of(job))]
    if (excluded := excluded_text(job.run_parameters)) is not None:
        rows.append(("Excluded rows", excluded))
    if made is not None and made.run_type == "import":
        name = made.run_parameters.get("file_name") or made.run_parameters.get("uri")
        rows += [
            ("Imported from", name),
            (
                "Imported file (SHA-256)",
                (made.output_summary or {}).get("source_sha256", "Not recorded"),
            ),
            ("Imported by", made.user_soeid, moment_of(made.completed_at)),
        ]
    planned = job.run_parameters.get("plan")
    if planned:
        with service.database.read() as tx:
            plan = plan_entry(tx, job.dataset_id, planned["plan_id"])
        rows += [
            ("Registered plan", planned["plan_id"], moment_of(plan.recorded_at)),
            ("Plan (SHA-256)", plan.body["digest"]),
        ]
    rows += [("Ledger", sentence) for sentence in draws_beside(service, job)]
    rows += [("Data file (SHA-256)", each.sha256) for each in table.stored_files[:MAX_FILES]]
    for attached in table.attached_files[:MAX_FILES]:
        version = attached.e_tag or f"modified at {attached.modified_ns} ns"
        rows.append(("Attached file", attached.uri, version))
    if table.trust is not None:
        rows.append(("Attached files", table.trust))
    if table.source is not None:
        rows.append(("Version of the table", table.source.text, table.source.committed_at or ""))
    return rows
