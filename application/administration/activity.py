"""The audit trail in plain sentences, and as a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from contract import words
from contract.declarations import Help
from contract.requests.administration import EntriesRequest
from contract.words import Action
from domain_errors import DomainError, render
from lazy_dataclasses import dataclass
from presentation.content import formula_safe
from service.service import Service
from storage.accounts.audit_trail import Entry, list_entries
from storage.jobs.kinds import kind_named, kind_of
from storage.versions.refs import kind_of_ref, output_name_of

MAX_ROWS = 100_000
"""Most entries of a CSV file."""
PAGE = 1000

SENTENCES: Mapping[Action, str] = MappingProxyType(
    {
        "signed_in": "{who} signed in",
        "sign_in_failed": "a sign-in as {who} failed",
        "signed_out": "{who} signed out",
        "password_set": "{who} set a password by a one-time link",
        "password_changed": "{who} changed the password of {soeid}",
        "sign_in_link_made": "{who} created a one-time link for {soeid}",
        "token_made": "{who} created the token {name}",
        "token_ended": "{who} deleted the token {name}",
        "user_added": "{who} invited {soeid} as {role_name}",
        "user_changed": "{who} changed the role of {soeid} from {role_before} to {role_name}",
        "user_removed": "{who} removed the user {soeid}",
        "account_linked": "{who} linked the account {soeid} to the identity provider",
        "invitation_made": "{who} invited {address} as {role_name}",
        "invitation_resent": "{who} made a new link of the invitation of {address}",
        "invitation_withdrawn": "{who} withdrew the invitation of {address}",
        "invitation_accepted": "{who} accepted the invitation of {address} as {role_name}",
        "permission_given": "{who} gave {grantee} {level} in {dataset}",
        "permission_taken": "{who} removed the access of {grantee} to {dataset}",
        "dataset_made": "{who} created {dataset}",
        "dataset_changed": "{who} changed {changed} of {dataset}",
        "dataset_removed": "{who} deleted {dataset}",
        "dataset_restored": "{who} restored {dataset}",
        "dataset_purged": "{who} deleted {dataset} for good",
        "ref_made": "{who} created {ref} of {dataset}",
        "ref_deleted": "{who} deleted {ref} of {dataset}",
        "ref_restored": "{who} restored {ref} of {dataset}",
        "ref_purged": "{who} deleted {ref} of {dataset} for good",
        "row_key_set": "{who} set the row key {columns} of the table {table_key} of {dataset}",
        "row_key_deleted": "{who} deleted the row key of the table {table_key} of {dataset}",
        "balance_entered": (
            "{who} compared {column} in the table {table_key} of {dataset} with the balance "
            "{balance}"
        ),
        "data_contract_set": "{who} set the data contract of the table {table_key} of {dataset}",
        "data_contract_deleted": (
            "{who} deleted the data contract of the table {table_key} of {dataset}"
        ),
        "version_accepted": (
            "{who} accepted a version of {dataset} that doesn't meet its data contract: {reason}"
        ),
        "import_asked": "{who} imported {file_name} into {dataset}",
        "plan_registered": "{who} registered a plan of a sample of {dataset}",
        "draw_asked": "{who} drew {result} from {dataset}",
        "profile_asked": "{who} made {result} of {dataset}",
        "exploration_asked": "{who} made {result} of {dataset}",
        "job_retried": "{who} retried {result} of {dataset}",
        "job_cancelled": "{who} cancelled {result} of {dataset}",
        "drawn_at_once": "{who} drew {rows} {rows|row|rows} from {dataset} without storing them",
        "queried_at_once": "{who} queried {dataset} and got {rows} {rows|row|rows}",
        "rows_downloaded": "{who} downloaded {what} of {source} as {format}",
        "rows_viewed": "{who} viewed {what} of {source}",
        "values_uploaded": "{who} uploaded values of {result} of {dataset} from {file_name}",
        "user_quota_set": "{who} set the quota of {soeid}: {quota}",
        "dataset_quota_set": "{who} set the quota of {dataset}: {quota}",
        "pruned": "{who} cleaned up the storage",
        "job_dismissed": "{who} dismissed the failure of {result} of {dataset}",
        "dismissal_undone": "{who} undid the dismissal of {result} of {dataset}",
        "backup_asked": "{who} began the download of a backup",
        "backup_made": "{who} downloaded a backup",
        "connection_made": "{who} created the connection {name} to {prefix}",
        "connection_changed": "{who} changed the connection {name}",
        "connection_deleted": "{who} deleted the connection {name}",
        "paper_template_changed": "{who} changed the template of working papers: {fields}",
        "email_set": "{who} set the e-mail address {address}",
        "email_removed": "{who} removed the e-mail address {address}",
        "email_tested": "{who} sent a test to the e-mail address {address}",
        "email_resent": "{who} sent a message again to the e-mail address {address}",
        "webhook_made": "{who} created a webhook to {url}",
        "webhook_deleted": "{who} deleted the webhook to {url}",
        "webhook_tested": "{who} sent a test to the webhook to {url}",
        "webhook_resent": "{who} sent a message again to the webhook to {url}",
        "webhook_disabled": "{who} disabled the webhook to {url}, whose receiver answered 410",
        "webhook_enabled": "{who} enabled the webhook to {url}",
        "schedule_made": "{who} created the schedule {name} of {dataset}",
        "schedule_changed": "{who} changed the schedule {name} of {dataset}",
        "schedule_deleted": "{who} deleted the schedule {name} of {dataset}",
        "panel_made": "{who} created the panel {name} of {dataset}",
        "panel_deleted": "{who} deleted the panel {name} of {dataset}",
        "engagement_made": "{who} created the engagement of {client}",
        "engagement_changed": "{who} changed the engagement of {client}: {fields}",
        "engagement_member_added": (
            "{who} made {soeid} {role} in the engagement of {client}, as {full_name}"
        ),
        "engagement_member_removed": "{who} removed {soeid} from the engagement of {client}",
        "engagement_dataset_added": "{who} added {dataset} to the engagement of {client}",
        "engagement_dataset_removed": "{who} removed {dataset} from the engagement of {client}",
        "engagement_sample_added": "{who} assigned {sample} to the engagement of {client}",
        "engagement_sample_removed": "{who} removed {sample} from the engagement of {client}",
        "engagement_sealed": "{who} sealed the engagement of {client}",
        "engagement_unsealed": "{who} unsealed the engagement of {client}: {reason}",
        "engagement_archived": "{who} archived the engagement of {client}",
        "engagement_unarchived": "{who} took the engagement of {client} out of the archive",
        "engagement_deleted": "{who} deleted the engagement of {client}",
        "engagement_restored": "{who} restored the engagement of {client}",
        "schedule_run": "{who} ran the schedule {name} of {dataset} out of turn",
        "group_made": "{who} created the group {name}",
        "group_renamed": "{who} renamed the group {name_before} to {name}",
        "group_deleted": "{who} deleted the group {name}",
        "group_member_added": "{who} added {soeid} to the group {name}",
        "group_member_removed": "{who} removed {soeid} from the group {name}",
        "file_attached": "{who} attached {file_name} to {result}",
        "attachment_removed": "{who} removed the attachment {file_name} of {result}: {reason}",
        "attachment_downloaded": "{who} downloaded the attachment {file_name} of {result}",
        "findings_entered": "{who} entered {findings} {findings|finding|findings} about {result}",
        "row_replaced": "{who} replaced {row} of {result} by {replacement}: {reason}",
        "findings_reviewed": "{who} {step} the findings about {result}",
        "attributes_chosen": "{who} chose the tested attributes of {result}: {attributes}",
        "columns_chosen": "{who} chose the columns of the findings about {result}: {columns}",
        "conclusion_entered": "{who} wrote the conclusion on {result}",
        "paper_facts_entered": "{who} entered facts of the working paper of {result}: {fields}",
        "paper_issued": "{who} issued working paper {number} of {result} as {format}",
        "combined_paper_issued": "{who} issued a paper on {result} with others: {title}",
        "combined_paper_withdrawn": "{who} withdrew a paper on {result} with others: {title}",
        "questions_chosen": "{who} chose the questions of {result}: {questions}",
        "answers_entered": "{who} entered {answers} {answers|answer|answers} about {result}",
        "reviewer_added": "{who} added the reviewer {soeid} of {result}",
        "reviewer_removed": "{who} removed the reviewer {soeid} of {result}",
        "signing_key_rotated": "{who} replaced the key that signs certificates",
    }
)
"""The sentence of each action; the names in braces are facts of its entry, with the forms of
:func:`domain_errors.render`."""

ADDED_AT_SIGN_IN = "{soeid} was added as {role_name} at the first sign-in"
ADDED_AT_FIRST_START = "the server created the user {soeid} as {role_name}"

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "comparison": "the comparison",
        "design": "the design",
        "paper": "the paper",
        "profile": "the profile",
        "report": "the report",
        "reserves": "replacements",
        "review queue": "rows of the review queue",
        "row key": "examples of the row key",
        "rows looked up": "single rows",
    }
)
"""Screen names of viewed things whose audit entry has another name."""

SUBJECTS: Mapping[str, tuple[str, tuple[Action, ...]]] = MappingProxyType(
    {
        "sign_ins": ("Sign-ins and passwords", get_args(words.SignInAction)),
        "team": ("Users, groups, access", get_args(words.TeamAction)),
        "datasets": ("Datasets and versions", get_args(words.DatasetAction)),
        "samples": ("Samples, queries, jobs", get_args(words.SampleAction)),
        "engagements": ("Engagements", get_args(words.EngagementAction)),
        "rows": ("Rows viewed and downloaded", get_args(words.RowAction)),
        "storage": (
            "Quotas, clean-ups, backups, signing keys, connections, webhooks, e-mail",
            get_args(words.StorageAction),
        ),
    }
)
"""The subjects of the filter, with their titles and actions."""


@dataclass(frozen=True)
class SentencePart:
    """A part of a sentence; ``kind`` and ``id`` say what its text names, if that has a page."""

    text: str
    kind: Literal["dataset", "job"] | None = None
    id: int | str | None = None


def parts_of(entry: Entry) -> list[SentencePart]:
    """Return the sentence of an entry in parts."""
    facts = _facts(entry)
    parts: list[SentencePart] = []
    for literal, name, _, _ in Formatter().parse(_template(entry)):
        if literal:
            parts.append(SentencePart(literal))
        if name is not None and "|" in name:
            counted = {name.partition("|")[0]: 0} | entry.details  # the plural without a count
            parts.append(SentencePart(render(f"{{{name}}}", counted)))
        elif name is not None:
            parts += facts.get(name) or [SentencePart("(unknown)")]
    return parts


@dataclass(frozen=True)
class Activity(Entry):
    """An entry with its sentence."""

    @property
    def sentence(self) -> Annotated[str, Help("The entry in plain words.")]:
        """As :func:`sentence`."""
        return sentence(self)


def sentence(entry: Entry) -> str:
    """Return an entry as a sentence, such as "anna drew the sample q1 from ledger"."""
    return "".join(part.text for part in parts_of(entry))


def _template(entry: Entry) -> str:
    """The sentence of an entry's action; a user whom nobody invited came by a provider or first."""
    if entry.action == "user_added" and not entry.user_soeid:
        return ADDED_AT_SIGN_IN if entry.client_address else ADDED_AT_FIRST_START
    found: str = SENTENCES.get(entry.action, "{who}: {action}")  # type: ignore[call-overload]
    return found


def _facts(entry: Entry) -> dict[str, list[SentencePart]]:
    """The facts that the sentences name."""
    details = entry.details
    facts = {name: [SentencePart(_text(value))] for name, value in details.items()}
    for fact in ("row", "replacement"):
        if fact in details:
            name = details.get(f"{fact}_name") or f"row {details[fact]}"
            facts[fact] = [SentencePart(str(name))]
    facts["action"] = [SentencePart(entry.action.replace("_", " "))]
    facts["what"] = [
        SentencePart(VIEWS.get(details.get("what", ""), _text(details.get("what", "rows"))))
    ]
    if details.get("kind") == "operator":
        facts["name"] = [SentencePart("of the command line")]
    unknown = "an unknown user" if entry.action == "sign_in_failed" else "the server"
    facts["who"] = [SentencePart(entry.user_soeid or unknown)]
    facts["level"] = [SentencePart(f"the right {details.get('permission', '')}")]
    grantee = details.get("soeid") or details.get("name")
    facts["grantee"] = [SentencePart(_text(grantee) if grantee else f"user {entry.object_id}")]
    facts["dataset"] = [_dataset(entry)]
    facts["ref"] = [SentencePart(_named(entry.object_id or ""))]
    facts["result"] = [_result(entry)]
    facts["source"] = _source(entry)
    return facts


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _dataset(entry: Entry) -> SentencePart:
    if entry.dataset_id is None:
        return SentencePart("(unknown)")
    name = entry.dataset_name or entry.details.get("name") or f"dataset {entry.dataset_id}"
    return SentencePart(str(name), "dataset", entry.dataset_id)


def _named(ref: str) -> str:
    """The kind and the name of a ref: "the sample q1"."""
    kinds = {"sample": "the sample", "query": "the saved query", "version": "the version"}
    return f"{kinds[kind_of_ref(ref)]} {output_name_of(ref)}"


def _result(entry: Entry) -> SentencePart:
    """The result of a job, by its name if it has one."""
    ref = entry.details.get("output_ref") or entry.output_ref
    return SentencePart(_named(str(ref)) if ref else _made(entry), "job", entry.object_id)


def _made(entry: Entry) -> str:
    """What a job without a name made; entries of earlier versions have no ``job_kind``."""
    details = entry.details
    kind = kind_named(details.get("job_kind", ""))
    if kind is None and "run_type" in details:
        kind = kind_of(details["run_type"], details)
    return "a job" if kind is None else kind.phrase


def _source(entry: Entry) -> list[SentencePart]:
    """The table, or the job's result, whose rows were read."""
    job_id = entry.details.get("job_id")
    if job_id is None:
        return [SentencePart(f"{entry.object_id} in "), _dataset(entry)]
    text = _named(entry.output_ref) if entry.output_ref else "a job"
    return [SentencePart(text, "job", str(job_id)), SentencePart(" of "), _dataset(entry)]


class TooManyEntries(DomainError):
    """A CSV file would have too many entries."""

    code = "too_many_entries"


HEADER = (
    *("time", "user", "action", "sentence", "dataset", "dataset_id", "object_type", "object_id"),
    *("client_address", "token", "details", "token_kind"),
)


def write_csv(service: Service, filters: EntriesRequest, path: Path) -> int:
    """Write the matching entries, newest first, to a new file; return their number.

    UTF-8 with a byte-order mark, for spreadsheets; a text that one would run as a formula begins
    with an apostrophe.

    Raises
    ------
    TooManyEntries
        More than ``MAX_ROWS`` match.
    """
    with service.database.read() as tx, path.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        offset, total = 0, 1
        while offset < total:
            entries, total = list_entries(tx, filters, offset, PAGE)
            if total > MAX_ROWS:
                raise TooManyEntries(
                    "{total} entries match; a file has at most {maximum}. Narrow the filters.",
                    total=total,
                    maximum=MAX_ROWS,
                )
            writer.writerows(map(_row, entries))
            offset += PAGE
    return total


def _row(entry: Entry) -> list[str]:
    values: list[Any] = [
        *(entry.at, entry.user_soeid, entry.action, sentence(entry), entry.dataset_name),
        *(entry.dataset_id, entry.object_type, entry.object_id),
        *(entry.client_address, entry.token_name),
        json.dumps(entry.details, ensure_ascii=False),
        entry.token_kind,
    ]
    return [formula_safe("" if value is None else str(value)) for value in values]
