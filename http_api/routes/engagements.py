"""Routes of engagements: client, period, team, datasets and samples of one audit."""

from __future__ import annotations

from flask import Response

from application.audit import engagements, sealing
from application.audit.engagements import (
    ChangedEngagement,
    RestoredEngagement,
    ShownEngagement,
    papers_for,
    readable_engagement,
    shown_engagement,
)
from contract.requests.accounts import MemberRequest
from contract.requests.engagements import (
    EngagementChangeRequest,
    EngagementDatasetRemovalRequest,
    EngagementDatasetRequest,
    EngagementMemberRequest,
    EngagementRequest,
    EngagementSampleRequest,
    EngagementsRequest,
    UnsealRequest,
)
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.submissions import completed_sample
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from storage.audit.combined_papers import EngagementPaper
from storage.audit.engagements import (
    EngagementRecord,
    EngagementSample,
    list_engagement_samples,
    list_engagements,
)

blueprint = SignedInBlueprint("engagements", "Engagements", "/api/engagements")


@blueprint.get("", output=list_schema("engagements", EngagementRecord))
def list_all(query: EngagementsRequest) -> Listing:
    """The engagements of which I am a member or the creator, newest first; all for admins.

    `state` selects the archived or the deleted ones, which the list leaves out without it.
    """
    with service().database.read() as tx:
        return listed(list_engagements(tx, caller().user, **vars(query)), query)


@blueprint.post("")
def create(given: EngagementRequest) -> ShownEngagement:
    """Create an engagement, as an analyst or an admin. Who creates it manages it.

    `notices` say which other engagements have the same number; it isn't refused.
    """
    return engagements.create_engagement(caller(), given)


@blueprint.get("/<int:engagement_id>")
def one(engagement_id: int) -> ShownEngagement:
    """An engagement with its team, datasets and what is missing before it can be sealed."""
    with service().database.read() as tx:
        return shown_engagement(tx, caller(), engagement_id)


@blueprint.patch("/<int:engagement_id>")
def change(engagement_id: int, given: EngagementChangeRequest) -> ShownEngagement:
    """Change the client, the period or the number of an engagement."""
    return engagements.change_facts(caller(), engagement_id, given)


@blueprint.delete("/<int:engagement_id>")
def delete(engagement_id: int) -> ShownEngagement:
    """Delete an open engagement without issued papers; its samples stay, without an engagement.

    It can be restored. 409 if the findings of a sample are submitted or signed off.
    """
    return engagements.delete(caller(), engagement_id)


@blueprint.post("/<int:engagement_id>/restore")
def restore(engagement_id: int) -> RestoredEngagement:
    """Restore a deleted engagement with its team, datasets and samples."""
    return engagements.restore(caller(), engagement_id)


@blueprint.post("/<int:engagement_id>/archive")
def archive(engagement_id: int) -> ShownEngagement:
    """Archive an engagement that is sealed or lacks nothing.

    The list leaves it out, nothing of it changes, and no draw joins it.
    """
    return engagements.archive(caller(), engagement_id)


@blueprint.post("/<int:engagement_id>/unarchive")
def unarchive(engagement_id: int) -> ShownEngagement:
    """Take an engagement out of the archive."""
    return engagements.unarchive(caller(), engagement_id)


@blueprint.put("/<int:engagement_id>/members")
def put_member(engagement_id: int, given: EngagementMemberRequest) -> ChangedEngagement:
    """Add a member, or change the name and role of one.

    The member gets the right `write` in the datasets of the engagement where it is lacking, if I
    own them; no right is lowered. `rights` lists them, and `preview` only shows them.
    """
    return engagements.set_member(caller(), engagement_id, given)


@blueprint.delete("/<int:engagement_id>/members")
def delete_member(engagement_id: int, given: MemberRequest) -> ShownEngagement:
    """Remove a member; rights in datasets stay as they are."""
    return engagements.end_member(caller(), engagement_id, given.user_soeid)


@blueprint.put("/<int:engagement_id>/datasets")
def put_dataset(engagement_id: int, given: EngagementDatasetRequest) -> ChangedEngagement:
    """Add a dataset that I own; members get the right `write` where it is lacking.

    A later draw from it joins the engagement, unless the dataset is in several open ones.
    """
    return engagements.add_dataset(caller(), engagement_id, given)


@blueprint.delete("/<int:engagement_id>/datasets")
def delete_dataset(engagement_id: int, given: EngagementDatasetRemovalRequest) -> ShownEngagement:
    """Remove a dataset; its samples stay in the engagement, and rights stay as they are."""
    return engagements.end_dataset(caller(), engagement_id, given.dataset_id)


@blueprint.get("/<int:engagement_id>/samples", output=list_schema("samples", EngagementSample))
def samples(engagement_id: int, query: PageRequest) -> Listing:
    """The samples with the state of their review and their newest paper, the first drawn first."""
    with service().database.read() as tx:
        readable_engagement(tx, caller().user, engagement_id)
        return page_of(list_engagement_samples(tx, engagement_id), query)


@blueprint.get(
    "/<int:engagement_id>/combined-papers",
    output=list_schema("papers", EngagementPaper),
)
def combined_papers(engagement_id: int, query: PageRequest) -> Listing:
    """The newest issued paper on each set of its samples together, which the seal names."""
    with service().database.read() as tx:
        readable_engagement(tx, caller().user, engagement_id)
        found = list_engagement_samples(tx, engagement_id)
        return page_of(papers_for(tx, caller().user, engagement_id, found), query)


@blueprint.put("/<int:engagement_id>/samples")
def put_sample(engagement_id: int, given: EngagementSampleRequest) -> ShownEngagement:
    """Assign a sample to the engagement, while its findings are open."""
    return engagements.assign(caller(), engagement_id, completed_sample(given.job_id))


@blueprint.delete("/<int:engagement_id>/samples")
def delete_sample(engagement_id: int, given: EngagementSampleRequest) -> ShownEngagement:
    """Remove a sample from the engagement, while its findings are open."""
    return engagements.unassign(caller(), engagement_id, completed_sample(given.job_id))


@blueprint.post("/<int:engagement_id>/seal")
def seal(engagement_id: int) -> ShownEngagement:
    """Seal the engagement, as a partner who prepared none of its samples.

    The findings of each sample are approved, and a paper was issued since. The ledgers of its
    datasets get the digest of the seal. Afterwards nothing about its samples can be entered.
    """
    return sealing.seal(caller(), engagement_id)


@blueprint.get("/<int:engagement_id>/seal", output=sealing.Seal)
def seal_file(engagement_id: int) -> Response:
    """The seal as canonical JSON; its SHA-256 is `seal_sha256`.

    It has the facts, the team, the datasets, and the samples with the SHA-256 of their papers.
    """
    text = sealing.seal_text(caller(), engagement_id)
    return Response(text, mimetype="application/json")


@blueprint.post("/<int:engagement_id>/unseal")
def unseal(engagement_id: int, given: UnsealRequest) -> ShownEngagement:
    """Unseal it with a reason, as a reviewer or partner who neither sealed nor prepared it."""
    return sealing.unseal(caller(), engagement_id, given.reason)
