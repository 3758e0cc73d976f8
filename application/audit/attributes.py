"""The attributes that each row of a sample is tested for, and the causes of exceptions.

Attributes are chosen before the first finding: a row that was found OK before would count as OK for
an attribute that nobody tested.
"""

from __future__ import annotations

from collections.abc import Sequence

from application.access import Caller
from application.audit.findings import require_entries
from application.audit.items import WITH_CAUSE
from contract.requests.findings import FindingRequest
from domain_errors import Loc, choices_sentence
from storage.audit.findings import attributes_of, newest_findings, set_attributes
from storage.audit.reviewing import questions_of
from storage.errors import Conflict, InvalidValue
from storage.jobs.jobs import JobRecord


def choose_attributes(by: Caller, job: JobRecord, names: Sequence[str]) -> tuple[str, ...]:
    """Choose the attributes of a sample, in their order; none for exceptions alone.

    Raises
    ------
    InvalidValue
        Two have the same name.
    Conflict
        The sample has findings.
    SampleDeleted, FindingsLocked
        Nothing can be entered.
    """
    by.dataset(job.dataset_id, "write")
    seen = set[str]()
    for place, name in enumerate(names):
        if name.casefold() in seen:
            raise InvalidValue(
                'Two attributes are named "{name}".', loc=("body", "attributes", place), name=name
            )
        seen.add(name.casefold())
    with by.writing() as tx:
        require_entries(tx, job)
        if tuple(names) == attributes_of(tx, job.id):
            return tuple(names)
        if questions_of(tx, job.id).questions:
            raise Conflict(
                "The sample has questions of its own, and no tested attributes.",
                loc=("body", "attributes"),
            )
        if newest_findings(tx, job.id):
            raise Conflict(
                "The sample has findings, which weren't made for other attributes. Choose "
                "attributes before the first finding.",
                loc=("body", "attributes"),
            )
        set_attributes(tx, job.id, names, by.user.id)
        by.audit_of_job(tx, "attributes_chosen", job, attributes=", ".join(names))
    return tuple(names)


def require_details(finding: FindingRequest, attributes: Sequence[str], loc: Loc = ()) -> None:
    """Refuse deviations and causes that don't fit the outcome or the sample.

    Raises
    ------
    InvalidValue
        ``loc`` ends with the field.
    """
    is_exception = finding.outcome == "exception"
    if finding.deviations and not is_exception:
        raise InvalidValue(
            "A row that deviates from an attribute is an exception.", loc=(*loc, "outcome")
        )
    for name in finding.deviations:
        if name not in attributes:
            raise InvalidValue(
                'The rows of this sample aren\'t tested for "{name}". {choices}',
                loc=(*loc, "deviations"),
                name=name,
                choices=choices_sentence(name, attributes),
            )
    if attributes and is_exception and not finding.deviations:
        raise InvalidValue(
            "Name the attributes from which the row deviates: {choices}.",
            loc=(*loc, "deviations"),
            choices=", ".join(attributes),
        )
    if (finding.cause or finding.cause_text) and finding.outcome not in WITH_CAUSE:
        raise InvalidValue(
            "Only an exception, or a row that can't be examined, has a cause.", loc=(*loc, "cause")
        )
    if finding.cause == "other" and not finding.cause_text:
        raise InvalidValue("Describe the other cause in words.", loc=(*loc, "cause_text"))
