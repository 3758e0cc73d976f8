"""Admit a user whom a proxy or an OpenID Connect provider has authenticated.

Guarantees that a provider's user gets a role by their groups at each sign-in, never takes the
account of another user, and takes a local account only if a setting allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

from application.access import Access
from application.credentials import SignInRefused, check_soeid
from application.providers.answers import ProvedUser
from application.sign_in import SignedIn, begin_session, record_failure
from contract.words import ROLES, Action, Role
from service.settings import Settings
from storage.accounts.audit_trail import Origin, record
from storage.accounts.identities import end_own_tokens, find_known_user, identity_of, link_identity
from storage.accounts.users import User, add_user, change_user, find_user
from storage.errors import Conflict, InvalidValue
from storage.sqlite.database import Transaction

PROXY_ISSUER = "proxy"
"""The issuer of the users whom the header of a proxy names."""
Way = Literal["proxy", "provider"]
"""By which way a user signed in: the name of the session's token."""


def role_of(settings: Settings, groups: tuple[str, ...]) -> Role | None:
    """Return the highest role of some groups; None if they have none.

    >>> settings = Settings(group_roles="auditors=analyst,it=admin")
    >>> role_of(settings, ("it", "auditors", "sales")), role_of(settings, ("sales",))
    ('admin', None)
    """
    roles = {settings.roles_of_groups.get(group) for group in groups}
    if settings.role_without_group != "none":
        roles.add(settings.role_without_group)
    return next((role for role in ROLES if role in roles), None)


def admit(access: Access, proved: ProvedUser, way: Way, origin: Origin) -> SignedIn:
    """Begin a session of a provider's user, whose account is created if it is missing.

    A user without a role also loses their sessions and tokens, and becomes a viewer.

    Raises
    ------
    SignInRefused
        They have no role; or the name is invalid or that of another account.
    """
    service = access.service
    role = role_of(service.settings, proved.groups)
    try:
        if role is None:
            _end_access(access, proved, origin)
            raise SignInRefused(
                'None of the groups of "{name}" has a role here. Ask an administrator.',
                name=proved.name,
            )
        with service.database.write() as tx:
            user = _with_role(access, tx, _account(access, tx, proved, role, origin), role, origin)
            return begin_session(access, tx, user, origin, way)
    except (SignInRefused, InvalidValue, Conflict) as problem:
        refusal = SignInRefused(problem.template, loc=(), **problem.parameters)
        record_refusal(access, proved.name[:100], way, origin, refusal)
        raise refusal from None


def record_refusal(
    access: Access, name: str, way: Way, origin: Origin, refusal: SignInRefused
) -> None:
    """Record and count the refusal of a user whom the provider has authenticated."""
    with access.service.database.write() as tx:
        details = {"by": way, "reason": refusal.message}
        record_failure(access, tx, name, origin, details)
    access.on_refusal(refusal)


def _end_access(access: Access, proved: ProvedUser, origin: Origin) -> None:
    """End the tokens of a user, and leave the lowest role, so that schedules draw no more."""
    with access.service.database.write() as tx:
        known = find_known_user(tx, proved.identity)
        if known is not None and not known.removed:
            end_own_tokens(tx, known.user)
            with suppress(Conflict):  # the last admin stays one
                _with_role(access, tx, known.user, "viewer", origin)


def _account(
    access: Access, tx: Transaction, proved: ProvedUser, role: Role, origin: Origin
) -> User:
    """Return the account of a user, created or linked if needed."""
    known = find_known_user(tx, proved.identity)
    if known is not None and not known.removed:
        return known.user
    found = find_user(tx, proved.name)
    if found is not None:
        _require_linkable(access.service.settings, tx, found, proved)
        link_identity(tx, found, proved.identity)
        _record(access, tx, "account_linked", found, origin, {})
        return found
    if known is not None:
        raise SignInRefused(
            'The account of "{name}" was removed here. Ask an administrator.', name=proved.name
        )
    check_soeid(access.service.settings, proved.name)
    added = add_user(tx, proved.name, role, None, access.service.clock)
    link_identity(tx, added, proved.identity)
    _record(access, tx, "user_added", added, origin, {"role_name": role})
    return added


def _require_linkable(settings: Settings, tx: Transaction, found: User, proved: ProvedUser) -> None:
    """Refuse an account of this name that may be somebody else's."""
    identity = identity_of(tx, found.id)
    if identity is not None and identity.issuer == proved.identity.issuer:
        raise SignInRefused(
            'The name "{name}" belongs to another user of the provider. Ask an administrator.',
            name=proved.name,
        )
    in_use = (PROXY_ISSUER if settings.proxy_user_header else "", settings.oidc_issuer)
    if identity is not None and identity.issuer and identity.issuer in in_use:
        raise SignInRefused(
            'The name "{name}" belongs to an account that signs in by another provider. Sign in '
            "there, or ask an administrator.",
            name=proved.name,
        )
    if not settings.link_local_accounts or found.is_admin:
        raise SignInRefused(
            'The name "{name}" belongs to an account that doesn\'t sign in by the provider. Sign '
            "in with its password, or ask an administrator.",
            name=proved.name,
        )


def _with_role(access: Access, tx: Transaction, user: User, role: Role, origin: Origin) -> User:
    if user.role_name == role:
        return user
    changed = change_user(tx, user.id, role_name=role, password_hash=None)
    roles = {"role_name": role, "role_before": user.role_name}
    _record(access, tx, "user_changed", user, origin, roles)
    return changed


def _record(
    access: Access,
    tx: Transaction,
    action: Action,
    user: User,
    origin: Origin,
    details: Mapping[str, str],
) -> None:
    """Record a change that the service makes by itself, with the address of the sign-in."""
    record(
        tx,
        access.service.clock,
        action,
        user_id=None,
        origin=origin,
        about=("user", user.id),
        details={"soeid": user.soeid, **details},
    )
