"""``jobsvc engagements``: client, period, team, datasets and samples of one audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import NEW_FILE, body_of, field_option, printed
from command_line.output import (
    Columns,
    Printed,
    print_line,
    print_lines,
    written,
)
from contract.requests.engagements import (
    EngagementChangeRequest,
    EngagementDatasetRequest,
    EngagementMemberRequest,
    EngagementRequest,
    EngagementsRequest,
)
from contract.words import MEMBER_ROLES, REVIEW_STATES
from domain_errors import counted

ENGAGEMENT = click.argument("engagement", metavar="ENGAGEMENT", type=int)
REMOVE = click.option("--remove", is_flag=True, help="Remove it.")
SAMPLES: Columns = {
    "job": lambda one: one["job_id"][:8],
    "sample": "name",
    "dataset": "dataset_name",
    "review": lambda one: "deleted" if one["is_deleted"] else REVIEW_STATES[one["review_state"]],
    "paper": lambda one: one["paper"] or "",
    "missing": lambda one: one["lacks"] or "",
}

TOGETHER: Columns = {
    "id": "id",
    "samples": "title",
    "review": lambda one: REVIEW_STATES[one["review_state"]],
    "issued": "issued_at",
    "missing": lambda one: one["lacks"] or "",
}


@click.group()
def engagements() -> None:
    """Manage engagements: client, period, team, datasets and samples of one audit."""


_UNDONE_BY = {"archived": "unarchive", "deleted": "restore"}


def _path(engagement: int, rest: str = "") -> str:
    return f"/api/engagements/{engagement}{rest}"


def _print_engagement(found: dict[str, Any]) -> None:
    number = f", {found['number']}" if found["number"] else ""
    print_line(f"Engagement {found['id']}: {found['client_name']}, {found['period']}{number}.")
    for one in found["team"]:
        print_line(f"{MEMBER_ROLES[one['role']]}: {one['full_name']} ({one['user_soeid']})")
    for one in found["datasets"]:
        print_line(f"Dataset {one['dataset_id']}: {one['dataset_name']}")
    print_line(
        f"{counted(found['samples'], 'sample')}, {found['approved']} approved, {found['ready']} "
        "approved and issued."
    )
    for one in found["sealings"][found["state"] == "sealed" :]:
        what = f": {one['reason']}" if one["reason"] else ""
        print_line(f"{one['step'].capitalize()} by {one['user_soeid']}, {one['at']}{what}")
    if found["state"] == "sealed":
        print_line(f"Sealed by {found['sealed_by_soeid']}, {found['sealed_at']}.")
        print_line(f"SHA-256 of the seal: {found['seal_sha256']}")
    elif found["missing"] and not found["hidden_as"]:
        print_line("Missing before it can be sealed:")
        print_lines(f"- {one}" for one in found["missing"])
    elif not found["hidden_as"]:
        print_line("Nothing is missing: a partner who prepared none of the samples can seal it.")
    if found["hidden_as"]:
        print_line(
            f"{found['hidden_as'].capitalize()} by {found['hidden_by_soeid']}, "
            f"{found['hidden_at']}. "
            f"Undo it by: jobsvc engagements {_UNDONE_BY[found['hidden_as']]} {found['id']}"
        )
    print_lines(f"Notice: {one}" for one in found["notices"])


def _print_restored(found: dict[str, Any]) -> None:
    _print_engagement(found)
    for one in found["left_out"]:
        print_line(
            f"The sample {one[:8]} isn't in it again: it is in another engagement, its findings "
            "are submitted or signed off, or it was deleted for good."
        )


def _print_changed(found: dict[str, Any]) -> None:
    _print_engagement(found)
    for one in found.get("rights", ()):
        print_line(
            f"{one['user_soeid']} gets the right {one['permission']} in {one['dataset_name']} "
            f"(until now: {one['before'] or 'none'})."
        )


def _changed(found: dict[str, Any], options: dict[str, Any]) -> Printed:
    """What a change did, or what it would do with ``preview``."""
    return Printed(found, _print_preview if options.get("preview") else _print_changed)


def _print_preview(found: dict[str, Any]) -> None:
    print_line("A preview: nothing was changed.")
    _print_changed(found)
    if not found["rights"]:
        print_line("Nobody would get a right in a dataset.")


@engagements.command("list")
@with_request(EngagementsRequest, only=("q", "state"))
@printed(
    {
        "id": "id",
        "client": "client_name",
        "period": "period",
        "number": "number",
        "state": lambda one: one["hidden_as"] or one["state"],
        "created by": "user_soeid",
    }
)
def list_engagements(client: ApiClient, **chosen: Any) -> Any:
    """List the engagements of which you are a member or the creator."""
    return client.all_of("/api/engagements", "engagements", **body_of(chosen))


@engagements.command("show")
@ENGAGEMENT
@printed(_print_engagement)
def show_engagement(client: ApiClient, engagement: int) -> Any:
    """Show an engagement, and what is missing before it can be sealed."""
    return client.get(_path(engagement))


@engagements.command("create")
@with_request(EngagementRequest)
@printed(_print_engagement)
def create_engagement(client: ApiClient, **facts: Any) -> Any:
    """Create an engagement, which you then manage.

    \b
    jobsvc engagements create --client "ACME Ltd" --from 2025-01-01 --to 2025-12-31 --number E-7
    """
    return client.post("/api/engagements", body_of(facts))


@engagements.command("change")
@ENGAGEMENT
@with_request(EngagementChangeRequest)
@printed(_print_engagement)
def change_engagement(client: ApiClient, engagement: int, **facts: Any) -> Any:
    """Change the client, the period or the number of an engagement."""
    return client.patch(_path(engagement), body_of(facts))


@engagements.command("member")
@ENGAGEMENT
@click.argument("user")
@with_request(EngagementMemberRequest, only=("preview",))
@field_option("--name", "full_name", help="The full name, as working papers have it.")
@field_option("--role", type=click.Choice(tuple(MEMBER_ROLES)), help="In the team.")
@REMOVE
@printed()
def set_member(
    client: ApiClient, engagement: int, user: str, remove: bool, **chosen: Any
) -> Printed:
    """Add, change or remove a member.

    A preparer enters and submits findings, a reviewer or partner who prepared none signs them off,
    and another partner approves them. The member gets the right write in the datasets of the
    engagement where it is lacking, if you own them; --preview shows these rights and changes
    nothing.

    \b
    jobsvc engagements member 1 anna --name "Anna Meier" --role preparer --preview
    jobsvc engagements member 1 anna --name "Anna Meier" --role preparer
    jobsvc engagements member 1 anna --remove
    """
    body = body_of(chosen)
    path = _path(engagement, "/members")
    if remove:
        _require_alone(body)
        return _changed(client.delete(path, {"user_soeid": user}), body)
    if not {"full_name", "role"} <= body.keys():
        raise click.UsageError("Give --name and --role.")
    return _changed(client.put(path, {**body, "user_soeid": user}), body)


def _require_alone(options: dict[str, Any]) -> None:
    """Refuse a removal with other options: it has no preview."""
    if options:
        raise click.UsageError("--remove can't be combined with other options.")


@engagements.command("dataset")
@ENGAGEMENT
@click.argument("dataset")
@with_request(EngagementDatasetRequest, only=("preview",))
@REMOVE
@printed()
def set_dataset(
    client: ApiClient, engagement: int, dataset: str, remove: bool, **chosen: Any
) -> Printed:
    """Add a dataset that you own, or remove one.

    Members get the right write in it where it is lacking. A later draw from it joins the
    engagement, unless the dataset is in several open ones.

    \b
    jobsvc engagements dataset 1 payables --preview
    jobsvc engagements dataset 1 payables
    """
    options = body_of(chosen)
    if remove:
        _require_alone(options)
    body = {"dataset_id": client.dataset_id(dataset)}
    path = _path(engagement, "/datasets")
    if remove:
        return _changed(client.delete(path, body), options)
    return _changed(client.put(path, {**body, **options}), options)


@engagements.command("sample")
@ENGAGEMENT
@click.argument("job_id", metavar="SAMPLE")
@REMOVE
@printed(_print_engagement)
def set_sample(client: ApiClient, engagement: int, job_id: str, remove: bool) -> Any:
    """Assign a sample whose findings are open, or remove one.

    \b
    jobsvc engagements sample 1 917f045a
    """
    send = client.delete if remove else client.put
    return send(_path(engagement, "/samples"), {"job_id": job_id})


@engagements.command("samples")
@ENGAGEMENT
@printed(SAMPLES)
def list_samples(client: ApiClient, engagement: int) -> Any:
    """List the samples with the state of their review and their newest paper."""
    return client.all_of(_path(engagement, "/samples"), "samples")


@engagements.command("papers")
@ENGAGEMENT
@printed(TOGETHER)
def list_papers(client: ApiClient, engagement: int) -> Any:
    """List the newest paper on each set of its samples together, which the seal names."""
    return client.all_of(_path(engagement, "/combined-papers"), "papers")


@engagements.command("seal")
@ENGAGEMENT
@click.option("--output", type=NEW_FILE, help="Write the seal of a sealed engagement to a file.")
@printed()
def seal(client: ApiClient, engagement: int, output: Path | None) -> Printed:
    """Seal an engagement, as a partner who prepared none of its samples, or write its seal.

    The findings of each sample are approved, and a paper was issued since. Afterwards nothing about
    its samples can be entered. The ledger of each dataset gets the SHA-256 of the seal.

    \b
    jobsvc engagements seal 1
    jobsvc engagements seal 1 --output seal.json
    """
    path = _path(engagement, "/seal")
    if output is None:
        return Printed(client.post(path), _print_engagement)
    client.save(path, output)
    return written(output, "Seal")


@engagements.command("unseal")
@ENGAGEMENT
@click.option("--reason", required=True, help="Why; the audit trail keeps it.")
@printed(_print_engagement)
def unseal(client: ApiClient, engagement: int, reason: str) -> Any:
    """Unseal an engagement, as a reviewer or partner who neither sealed nor prepared it."""
    return client.post(_path(engagement, "/unseal"), {"reason": reason})


@engagements.command("archive")
@ENGAGEMENT
@printed(_print_engagement)
def archive(client: ApiClient, engagement: int) -> Any:
    """Archive an engagement that is sealed or lacks nothing, as its creator.

    The list leaves it out, nothing of it changes, and no draw joins it.
    """
    return client.post(_path(engagement, "/archive"))


@engagements.command("unarchive")
@ENGAGEMENT
@printed(_print_engagement)
def unarchive(client: ApiClient, engagement: int) -> Any:
    """Take an engagement out of the archive."""
    return client.post(_path(engagement, "/unarchive"))


@engagements.command("delete")
@ENGAGEMENT
@printed(_print_engagement)
def delete(client: ApiClient, engagement: int) -> Any:
    """Delete an open engagement without issued papers; "restore" undoes it.

    Its samples stay, without an engagement.

    \b
    jobsvc engagements delete 1
    jobsvc engagements list --state deleted
    jobsvc engagements restore 1
    """
    return client.delete(_path(engagement))


@engagements.command("restore")
@ENGAGEMENT
@printed(_print_restored)
def restore(client: ApiClient, engagement: int) -> Any:
    """Restore a deleted engagement with its team, datasets and samples."""
    return client.post(_path(engagement, "/restore"))
