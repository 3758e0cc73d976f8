"""The cover of a working paper: for whom, by whom, when, on what, and the conclusion."""

from __future__ import annotations

from collections.abc import Sequence

from application.audit.evaluation.other_samples import other_samples
from application.audit.evaluation.parameters import parameters_text
from application.audit.evaluators.evaluator import Evaluation
from application.audit.paper_template import cover_blocks
from application.audit.sentences import other_samples_tables
from application.audit.state import AuditState
from application.audit.working_paper.conclusion import conclusion_lines, signed_difference
from application.audit.working_paper.facts import SamplePaperFacts
from application.audit.working_paper.requirements import NOT_GIVEN
from application.audit_test_sheet import audit_tests_of_sample
from application.certificates.ledger import draws_beside
from application.samples.facts import excluded_text
from contract.words import MEMBER_ROLES, REVIEW_ACTIONS, REVIEW_STATES
from domain_errors import DomainError, Sentence
from presentation.content import Block, Facts, Judgement, Row, Section, Table, moment_of
from service.service import Service
from service.tables.open_tables import open_source, version_of
from storage.audit.engagements import Member, named
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
    facts: SamplePaperFacts,
    number: int | None,
) -> Section:
    """The cover; ``number`` is that of an issued paper."""
    with service.database.read() as tx:
        written = conclusion_of(tx, job.id)
    own: list[Row] = [("Auditor's conclusion", NOT_GIVEN)]
    if written is not None:
        own = [
            ("Auditor's conclusion", written.text),
            ("Written by", written.user_soeid, moment_of(written.at)),
        ]
    others: Evaluation = (
        other_samples(service, job, state).as_json()
        if isinstance(evaluation, DomainError)
        else evaluation
    )
    blocks: list[Block] = [
        Facts("Engagement", _engagement(facts, state, number)),
        Facts("Conclusion", [*conclusion_lines(evaluation), *own]),
        *other_samples_tables(others),
        Facts("Sample", _sample(service, job)),
        _authors(state),
        _review(state, facts.team),
        Facts("Version of the table", _version(service, job)),
        *audit_tests_of_sample(service, job),
        *cover_blocks(service, (facts.stated.preparer, facts.stated.reviewer)),
    ]
    title = "Working paper, not as signed off" if signed_difference(evaluation) else "Working paper"
    named = Sentence(f"{title}: {{name}}", name=job.shown_name)
    return Section("Cover", named, blocks)


def _engagement(found: SamplePaperFacts, state: AuditState, number: int | None) -> list[Row]:
    """For whom and by whom the paper was made, and whether it is signed off and approved."""
    facts = found.stated
    rows: list[Row] = [
        ("Client", facts.client_name or NOT_GIVEN),
        ("Period", facts.period or NOT_GIVEN),
        ("Number of the paper", facts.paper_number or NOT_GIVEN),
        ("Prepared by", *_person(facts.preparer, facts.preparer_role)),
        ("Reviewed by", *_person(facts.reviewer, facts.reviewer_role)),
    ]
    if found.engagement is not None and found.engagement.number:
        rows.insert(2, ("Number of the engagement", found.engagement.number))
    rows += [(Sentence(MEMBER_ROLES[each.role]), each.full_name) for each in found.team]
    if number is not None:
        rows.append(("Issue", number))
    review = state.review
    if (signed := review.sign_off) is None:
        label = Sentence(f"{REVIEW_STATES[review.state]}: not signed off")
        return [*rows, ("State of the review", Judgement(label, "warn"))]
    is_unapproved = found.engagement is not None and review.state == "signed_off"
    label = Sentence("Signed off: not approved" if is_unapproved else REVIEW_STATES[review.state])
    kept = signed.evaluation
    rows += [
        ("State of the review", Judgement(label, "warn") if is_unapproved else label),
        (
            "Signed off by",
            named(signed.user_id, signed.user_soeid, found.team),
            moment_of(signed.at),
        ),
        ("Signed evaluation", parameters_text(kept) if kept else Sentence("None")),
    ]
    if review.state == "approved":
        last = review.entries[-1]
        rows.append(
            ("Approved by", named(last.user_id, last.user_soeid, found.team), moment_of(last.at))
        )
    return rows


def _person(name: str | None, role: str | None) -> Row:
    """The full name of a person, and the role if there is one."""
    return (name or NOT_GIVEN, role) if role else (name or NOT_GIVEN,)


def _sample(service: Service, job: JobRecord) -> list[Row]:
    url = service.settings.link(f"/jobs/{job.id}")
    return [
        ("Purpose", job.purpose or NOT_GIVEN),
        ("Dataset", job.dataset_name),
        ("Sample", job.output_name),
        ("Job id", job.id),
        *([("Address", url)] if url else []),
        ("Drawn by", job.user_soeid, moment_of(job.created_at)),
    ]


def _authors(state: AuditState) -> Table:
    """Who entered the findings that count, and when."""
    authors: dict[str, list[str]] = {}
    for finding in state.findings.values():
        authors.setdefault(finding.user_soeid, []).append(finding.at)
    rows: list[Row] = [
        (name, len(times), moment_of(min(times)), moment_of(max(times)))
        for name, times in sorted(authors.items())
    ]
    header = ("User", "Findings", "First (UTC)", "Last (UTC)")
    return Table("Findings by user", header, rows)


def _review(state: AuditState, team: Sequence[Member]) -> Table:
    rows: list[Row] = [
        (
            Sentence(REVIEW_ACTIONS[each.action]),
            named(each.user_id, each.user_soeid, team),
            moment_of(each.at),
            each.note or None,
        )
        for each in state.review.entries
    ] or [(Sentence("Not submitted"), None, None, None)]
    return Table("Review", ("Step", "User", "Time (UTC)", "Note"), rows)


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
                (made.output_summary or {}).get("source_sha256", Sentence("Not recorded")),
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
        version = attached.e_tag or Sentence(
            "modified at {time} ns", time=str(attached.modified_ns)
        )
        rows.append(("Attached file", attached.uri, version))
    if table.trust is not None:
        rows.append(("Attached files", table.trust))
    if table.source is not None:
        rows.append(("Version of the table", table.source.text, table.source.committed_at or ""))
    return rows
