"""The account page: password and tokens."""

from __future__ import annotations

from flask import Response

from application.credentials import MIN_LENGTH
from application.sign_in import must_confirm_password
from storage.accounts.tokens import list_tokens
from storage.accounts.users import password_hash_of
from web_ui.shell import blueprint, caller, service, show, signed_in

TOKENS_SHOWN = 500


@blueprint.get("/account")
@signed_in
def account() -> Response:
    """Show the user's role, tokens and password form."""
    me = caller().user
    with service().database.read() as tx:
        tokens, total = list_tokens(tx, me.id, 0, TOKENS_SHOWN)
        asks_password = must_confirm_password(me) and password_hash_of(tx, me.soeid) is not None
    return show(
        "account.html",
        me=me,
        tokens=tokens,
        token_count=total,
        asks_password=asks_password,
        shortest=MIN_LENGTH,
    )
