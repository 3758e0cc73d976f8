"""The tab "Working paper" of a sample: its facts, what is missing, and the issued papers."""

from __future__ import annotations

from typing import Any

from application.audit.combined_issuing import readable_papers
from application.audit.review import require_final_issuer
from application.audit.state import audit_state
from application.audit.working_paper.facts import paper_facts
from application.audit.working_paper.writing import paper_language
from contract.declarations import declared_field
from contract.requests.papers import LONG, PaperFactsRequest
from contract.words import ASSERTIONS, LANGUAGES, REVIEW_STATES
from storage.audit.papers import list_issued_papers
from storage.errors import Conflict, Forbidden
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from web_ui.contract_forms import form_fields
from web_ui.shell import caller, service

GROUPS = {
    "Engagement": (
        *("client_name", "period", "paper_number", "preparer", "preparer_role"),
        *("reviewer", "reviewer_role", "language"),
    ),
    "Objective": ("objective", "assertions", "assertion_text", "procedure", "error_definition"),
    "Errors and size": (
        *("treatment", "tolerable_basis", "expected", "design_reason", "reconciliation"),
    ),
}
"""The fields of the form, by heading."""


def paper_tab(found: JobRecord) -> dict[str, Any]:
    """Show the facts of the working paper."""
    state = audit_state(service(), found)
    facts = paper_facts(service(), found, state)
    typed = {**facts.suggested.given(), **facts.facts.given()}
    with service().database.read() as tx:
        papers = list_issued_papers(tx, found.id)
        may_issue = _may_issue(tx, found)
    return {
        "facts": facts,
        "groups": {
            title: form_fields(PaperFactsRequest, typed, only=names)
            for title, names in GROUPS.items()
        },
        "long": {name for names in GROUPS.values() for name in names if _is_long(name)},
        "chosen_assertions": typed.get("assertions", ()),
        "assertions": ASSERTIONS,
        "languages": LANGUAGES,
        "language": paper_language(service(), found, None),
        "review": state.review,
        "states": REVIEW_STATES,
        "papers": papers,
        "combined": readable_papers(caller(), found.id),
        "may_issue": may_issue,
    }


def _may_issue(tx: Transaction, found: JobRecord) -> bool:
    try:
        require_final_issuer(tx, caller().user, found.id)
    except (Conflict, Forbidden):
        return False
    return True


def _is_long(name: str) -> bool:
    return declared_field(PaperFactsRequest, name).kind == LONG
