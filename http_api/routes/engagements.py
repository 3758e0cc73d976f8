"""Routes of engagements: client, period, team, datasets and samples of one audit."""

from __future__ import annotations

from flask import Response

from application.audit import engagements, sealing
from application.audit.engagements import (
    ChangedEngagement,
    ShownEngagement,
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
from http_api.routes.submissions import completed
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from storage.audit.combined_papers import EngagementPaper, engagement_papers
from storage.audit.engagements import (
    EngagementRecord,
    EngagementSample,
    list_engagement_samples,
    list_engagements,
)
from storage.jobs.jobs import JobRecord

blueprint = SignedInBlueprint(
    "engagements", __name__, url_prefix="/api/engagements", tag="Engagements"
)


@blueprint.get("", query=EngagementsRequest, output=list_schema("engagements", EngagementRecord))
def list_all(query: EngagementsRequest) -> Listing:
    """The engagements of which I am a member or the creator, newest first; all for admins."""
    with service().database.read() as tx:
        return listed(list_engagements(tx, caller().user, **vars(query)), query)


@blueprint.post("", body=EngagementRequest, output=ShownEngagement)
def create(given: EngagementRequest) -> ShownEngagement:
    """Create an engagement, as an analyst or an admin. Who creates it manages it."""
    return engagements.create_engagement(caller(), given)


@blueprint.get("/<int:engagement_id>", output=ShownEngagement)
def one(engagement_id: int) -> ShownEngagement:
    """An engagement with its team, datasets and what is missing before it can be sealed."""
    with service().database.read() as tx:
        return shown_engagement(tx, caller(), engagement_id)


@blueprint.patch("/<int:engagement_id>", body=EngagementChangeRequest, output=ShownEngagement)
def change(engagement_id: int, given: EngagementChangeRequest) -> ShownEngagement:
    """Change the client, the period or the number of an engagement."""
    return engagements.change_facts(caller(), engagement_id, given)


@blueprint.put(
    "/<int:engagement_id>/members", body=EngagementMemberRequest, output=ChangedEngagement
)
def put_member(engagement_id: int, given: EngagementMemberRequest) -> ChangedEngagement:
    """Add a member, or change the name and role of one.

    The member gets the right `write` in the datasets of the engagement where it is lacking, if I
    own them; no right is lowered. `rights` lists them, and `preview` only shows them.
    """
    return engagements.set_member(caller(), engagement_id, given)


@blueprint.delete("/<int:engagement_id>/members", body=MemberRequest, output=ShownEngagement)
def delete_member(engagement_id: int, given: MemberRequest) -> ShownEngagement:
    """Remove a member; rights in datasets stay as they are."""
    return engagements.end_member(caller(), engagement_id, given.user_soeid)


@blueprint.put(
    "/<int:engagement_id>/datasets", body=EngagementDatasetRequest, output=ChangedEngagement
)
def put_dataset(engagement_id: int, given: EngagementDatasetRequest) -> ChangedEngagement:
    """Add a dataset that I own; members get the right `write` where it is lacking.

    A later draw from it joins the engagement, unless the dataset is in several open ones.
    """
    return engagements.add_dataset(caller(), engagement_id, given)


@blueprint.delete(
    "/<int:engagement_id>/datasets", body=EngagementDatasetRemovalRequest, output=ShownEngagement
)
def delete_dataset(engagement_id: int, given: EngagementDatasetRemovalRequest) -> ShownEngagement:
    """Remove a dataset; its samples stay in the engagement, and rights stay as they are."""
    return engagements.end_dataset(caller(), engagement_id, given.dataset_id)


@blueprint.get(
    "/<int:engagement_id>/samples",
    query=PageRequest,
    output=list_schema("samples", EngagementSample),
)
def samples(engagement_id: int, query: PageRequest) -> Listing:
    """The samples with the state of their review and their newest paper, the first drawn first."""
    with service().database.read() as tx:
        readable_engagement(tx, caller().user, engagement_id)
        return page_of(list_engagement_samples(tx, engagement_id), query)


@blueprint.get(
    "/<int:engagement_id>/combined-papers",
    query=PageRequest,
    output=list_schema("papers", EngagementPaper),
)
def combined_papers(engagement_id: int, query: PageRequest) -> Listing:
    """The newest issued paper on each set of its samples together, which the seal names."""
    with service().database.read() as tx:
        readable_engagement(tx, caller().user, engagement_id)
        found = list_engagement_samples(tx, engagement_id)
        return page_of(engagement_papers(tx, engagement_id, found), query)


@blueprint.put("/<int:engagement_id>/samples", body=EngagementSampleRequest, output=ShownEngagement)
def put_sample(engagement_id: int, given: EngagementSampleRequest) -> ShownEngagement:
    """Assign a sample to the engagement, while its findings are open."""
    return engagements.assign(caller(), engagement_id, _sample(given))


@blueprint.delete(
    "/<int:engagement_id>/samples", body=EngagementSampleRequest, output=ShownEngagement
)
def delete_sample(engagement_id: int, given: EngagementSampleRequest) -> ShownEngagement:
    """Remove a sample from the engagement, while its findings are open."""
    return engagements.unassign(caller(), engagement_id, _sample(given))


@blueprint.post("/<int:engagement_id>/seal", output=ShownEngagement)
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


@blueprint.post("/<int:engagement_id>/unseal", body=UnsealRequest, output=ShownEngagement)
def unseal(engagement_id: int, given: UnsealRequest) -> ShownEngagement:
    """Unseal it with a reason, as a reviewer or partner who neither sealed nor prepared it."""
    return sealing.unseal(caller(), engagement_id, given.reason)


def _sample(given: EngagementSampleRequest) -> JobRecord:
    return completed(caller().job(given.job_id), "sampling")
