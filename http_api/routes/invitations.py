"""Routes of invitations, for admins. The invited person accepts on a page."""

from __future__ import annotations

from application.inviting import NewInvitation, invite, invite_again, withdraw
from contract.requests.accounts import InvitationRequest, ResendRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, browser_link, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, listed
from storage.accounts.invitations import Invitation, list_invitations

blueprint = SignedInBlueprint("invitations", "Users", "/api/invitations")


@blueprint.get("", output=list_schema("invitations", Invitation))
def invitations(query: PageRequest) -> Listing:
    """The open and expired invitations, newest first, for admins.

    An expired one is listed for 30 days.
    """
    caller().require_role("admin")
    with service().database.read() as tx:
        page = list_invitations(tx, query.offset, query.limit, service().clock)
        return listed(page, query)


@blueprint.post("")
def create_invitation(given: InvitationRequest) -> NewInvitation:
    """Invite a person by address, as an admin.

    The server sends a one-time link by e-mail. If it can't, the answer has the link.
    """
    return invite(caller(), given, browser_link)


@blueprint.post("/<int:invitation_id>/resend")
def resend_invitation(invitation_id: int, given: ResendRequest) -> NewInvitation:
    """Replace the link of an invitation and send it again, as an admin."""
    return invite_again(caller(), invitation_id, browser_link, show_link=given.show_link)


@blueprint.delete("/<int:invitation_id>", output=MessageOut)
def delete_invitation(invitation_id: int) -> dict[str, str]:
    """Withdraw an invitation, as an admin."""
    withdraw(caller(), invitation_id)
    return {"message": "Invitation withdrawn"}
