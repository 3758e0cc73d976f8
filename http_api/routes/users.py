"""Routes of sign-in, users and named tokens."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

from apiflask import APIBlueprint
from flask import g, request
from marshmallow import RAISE

from application.access import origin_of
from application.credentials import check_soeid, hash_password
from application.sign_in import confirm_password, must_confirm_password, sign_in, sign_out
from contract.declarations import Help
from contract.requests.accounts import (
    LoginRequest,
    TokenRequest,
    TokensRequest,
    UserChangeRequest,
    UserRequest,
    UsersRequest,
)
from http_api.access import (
    SignedInBlueprint,
    access,
    bearer,
    browser_link,
    caller,
    service,
    without_query,
)
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, answer_schema, body_schema, list_schema, listed
from lazy_dataclasses import dataclass
from storage.accounts.tokens import (
    Token,
    issue_token,
    list_tokens,
    open_sign_in_link,
    revoke_named_token,
)
from storage.accounts.users import (
    ListedUser,
    User,
    add_user,
    change_user,
    get_user,
    list_users,
    remove_user,
)
from storage.sqlite.database import Transaction

blueprint = SignedInBlueprint("users", "Users", "/api/users")


@dataclass(frozen=True)
class NewUser(User):
    """A user who was added."""

    link: Annotated[
        str | None,
        Help("A one-time link to set a password, shown only here; null with `password`."),
    ] = None
    link_expires_at: str | None = None


@dataclass(frozen=True)
class Link:
    """A one-time link to set a password."""

    link: Annotated[str, Help("Shown only here.")]
    link_expires_at: str


@blueprint.get("/me")
def me() -> User:
    """The current user."""
    return caller().user


@blueprint.get("", output=list_schema("users", ListedUser))
def users(query: UsersRequest) -> Listing:
    """The users, by SOEID, for admins."""
    caller().require_role("admin")
    with service().database.read() as tx:
        return listed(list_users(tx, **vars(query), clock=service().clock), query)


@blueprint.post("")
def create_user(given: UserRequest) -> NewUser:
    """Add a user, as an admin.

    Without a password the response has a one-time link with which the user sets one.
    """
    caller().require_role("admin")
    check_soeid(service().settings, given.soeid)
    password_hash = _hash(given.password)
    with caller().writing() as tx:
        added = add_user(tx, given.soeid, given.role_name, password_hash, service().clock)
        caller().audit(
            tx, "user_added", about=("user", added.id), soeid=added.soeid, role_name=added.role_name
        )
        link = vars(_new_link(tx, added)) if password_hash is None else {}
    return NewUser(**vars(added), **link)


@blueprint.get("/<int:user_id>")
def one_user(user_id: int) -> User:
    """One user, for admins."""
    caller().require_role("admin")
    with service().database.read() as tx:
        return get_user(tx, user_id)


@blueprint.patch("/<int:user_id>")
def patch_user(user_id: int, given: UserChangeRequest) -> User:
    """Change a role or a password.

    Admins change any user. Others change their own password and give the current one, if they have
    one. A new password revokes the user's tokens.
    """
    role_name, password = given.role_name, given.password
    is_me = user_id == caller().user.id
    if not is_me or role_name is not None:
        caller().require_role("admin")
    if password is not None and is_me and must_confirm_password(caller().user):
        confirm_password(caller(), given.current_password)
    password_hash = _hash(password)
    with caller().writing() as tx:
        before = get_user(tx, user_id)
        changed = change_user(tx, user_id, role_name=role_name, password_hash=password_hash)
        if role_name not in (None, before.role_name):
            caller().audit(
                tx,
                "user_changed",
                about=("user", user_id),
                soeid=changed.soeid,
                role_name=role_name,
                role_before=before.role_name,
            )
        if password is not None:
            caller().audit(tx, "password_changed", about=("user", user_id), soeid=changed.soeid)
        return changed


@blueprint.post("/<int:user_id>/sign-in-link")
def make_link(user_id: int) -> Link:
    """Create a one-time link to set a password.

    For admins. It replaces an earlier link of the same user.
    """
    caller().require_role("admin")
    with caller().writing() as tx:
        return _new_link(tx, get_user(tx, user_id))


def _new_link(tx: Transaction, user: User) -> Link:
    """Create a one-time link."""
    lifetime = timedelta(hours=service().settings.link_hours)
    code, expires_at = open_sign_in_link(tx, user.id, lifetime, service().clock)
    caller().audit(tx, "sign_in_link_made", about=("user", user.id), soeid=user.soeid)
    return Link(browser_link(f"/sign-in?code={code}"), expires_at)


@blueprint.delete("/<int:user_id>", output=MessageOut)
def delete_user(user_id: int) -> dict[str, str]:
    """Remove a user; the last admin stays."""
    caller().require_role("admin")
    with caller().writing() as tx:
        soeid = get_user(tx, user_id).soeid
        remove_user(tx, user_id, service().clock)
        caller().audit(tx, "user_removed", about=("user", user_id), soeid=soeid)
    return {"message": "User removed"}


def _hash(password: str | None) -> str | None:
    if password is None:
        return None
    limits = access().work_limits
    with limits.passwords.piece(caller().user.id):
        return limits.hashing.run(partial(hash_password, password))


tokens_blueprint = SignedInBlueprint("tokens", "Users", "/api/tokens")


@dataclass(frozen=True)
class NewToken(Token):
    """A token that was made, with its secret."""

    token: Annotated[str, Help("Shown only once.")]


@tokens_blueprint.post("")
def create_token(given: TokenRequest) -> NewToken:
    """Create a token.

    Only its hash is stored: save it yourself. It expires after 90 days unless the request or the
    setting `token_days` says otherwise.
    """
    owner_id = caller().user.id if given.user_id is None else given.user_id
    if owner_id != caller().user.id:
        caller().require_role("admin")
    days = given.expires_in_days
    days = service().settings.token_days if days is None else days
    with caller().writing() as tx:
        owner = get_user(tx, owner_id)
        secret, token = issue_token(
            tx,
            owner.id,
            kind="named",
            name=given.name,
            scope=given.scope,
            lifetime=timedelta(days=days) if days else None,
            clock=service().clock,
        )
        caller().audit(
            tx,
            "token_made",
            about=("token", token.id),
            owner=owner.soeid,
            name=token.name,
            scope=token.scope,
            expires_at=token.expires_at,
        )
    return NewToken(**vars(token), token=secret)


@tokens_blueprint.get("", output=list_schema("tokens", Token))
def tokens(query: TokensRequest) -> Listing:
    """My named tokens, newest first; for admins also those of others.

    An expired one is listed for 30 days.
    """
    own_id = caller().user.id if query.user_id is None else query.user_id
    owner_id = None if query.all else own_id
    if owner_id != caller().user.id:
        caller().require_role("admin")
    with service().database.read() as tx:
        return listed(list_tokens(tx, owner_id, query.offset, query.limit, query.q), query)


@tokens_blueprint.delete("/<int:token_id>", output=MessageOut)
def delete_token(token_id: int) -> dict[str, str]:
    """Revoke one of my tokens; as an admin, that of any user."""
    with caller().writing() as tx:
        user = caller().user_in(tx)
        ended = revoke_named_token(tx, None if user.is_admin else user.id, token_id)
        caller().audit(
            tx, "token_ended", about=("token", token_id), owner=ended.user_soeid, name=ended.name
        )
    return {"message": "Token ended"}


sign_in_blueprint = APIBlueprint("sign_in", __name__, url_prefix="/api/users", tag="Users")


@dataclass(frozen=True)
class Login:
    """A session of a user."""

    access_token: str
    token_type: str
    expires_in: Annotated[int, Help("Seconds.")]
    user_id: int
    soeid: str
    role_name: str


@sign_in_blueprint.post("/login")
@without_query
@sign_in_blueprint.input(
    body_schema(LoginRequest), location="json_or_form", unknown=RAISE, arg_name="given"
)
@sign_in_blueprint.output(answer_schema(Login))
def login(given: LoginRequest) -> Login:
    """Sign in.

    With a JSON body or the OAuth2 password form.
    """
    origin = origin_of(request.remote_addr, g.get("request_id"), None)
    session = sign_in(access(), given.soeid, given.password, origin)
    return Login(
        access_token=session.secret,
        token_type="bearer",  # noqa: S106 - the kind of the token
        expires_in=int(session.lifetime.total_seconds()),
        user_id=session.user.id,
        soeid=session.user.soeid,
        role_name=session.user.role_name,
    )


sign_in_blueprint.post("/token", endpoint="token")(login)


@sign_in_blueprint.post("/logout")
@sign_in_blueprint.auth_required(bearer)
@without_query
@sign_in_blueprint.output(MessageOut)
def logout() -> dict[str, str]:
    """End the token of this request at once."""
    sign_out(caller())
    return {"message": "Signed out"}
