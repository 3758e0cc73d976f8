"""What a row of ``permission_table`` is made of: statuses by asker, and what is asked.

The statuses are in the order of ``ASKERS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storage.accounts.datasets import put_permission
from storage.accounts.users import User
from tests.contract.permission_scene import Scene, numbers

SEE = (200, 404, 200, 200, 200, 200, 200)
READ_BY_POST = (200, 404, 200, 200, 200, 200, 200)
WRITE = (403, 404, 403, 200, 200, 200, 403)
OWN = (403, 404, 403, 403, 200, 200, 403)
MAKE = (403, 200, 200, 200, 200, 200, 403)
ADMINISTER = (403, 403, 403, 403, 403, 200, 403)
MYSELF = (200,) * 7
CHANGE_MYSELF = (200, 200, 200, 200, 200, 200, 403)
ANYONE = (200,) * 7
TO_PAGES = (303,) * 7
LED_ON = (303, 404, 303, 303, 303, 303, 303)
CHANGE_BY_PAGE = (403, 404, 403, 303, 303, 303, 303)
SEE_PAGE = (200, 404, 200, 200, 200, 200, 303)
WRITE_PAGE = (403, 404, 403, 200, 200, 200, 303)
MAKE_PAGE = (403, 200, 200, 200, 200, 200, 303)
MAKE_BY_PAGE = (403, 303, 303, 303, 303, 303, 303)
ADMINISTER_PAGE = (403, 403, 403, 403, 403, 200, 303)
MY_PAGE = (200, 200, 200, 200, 200, 200, 303)
"""On the pages a script's token is worth nothing: one is led to the sign-in."""


@dataclass(frozen=True)
class Ask:
    """What a row asks: made for one asker."""

    path: str
    body: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    form: dict[str, str] | None = None


Made = Callable[[Scene, User], Ask]


@dataclass(frozen=True)
class Row:
    """One route. ``kind`` says who needs no token: with ``public`` everyone, with ``page``
    whoever isn't signed in is led to the sign-in."""

    route: str
    statuses: tuple[int, ...]
    ask: Made
    kind: str = "api"


def at(path: str, **rest: Any) -> Made:
    """Ask at a path: ``{d}`` a dataset, ``{j}`` a draw, ``{q}`` a query, ``{p}`` a profile."""

    def made(scene: Scene, _: User) -> Ask:
        ids = {"d": scene.dataset, "j": scene.draw, "q": scene.query, "p": scene.profile}
        return Ask(path.format(**ids), **rest)

    return made


def of_user(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new user."""
    return lambda scene, _: Ask(path.format(u=scene.person().id), body)


def of_dataset(path: str, body: dict[str, Any] | None = None) -> Made:
    """Ask about a new, empty dataset."""
    return lambda scene, _: Ask(path.format(d=scene.empty_dataset()), body)


def of_job(path: str, status: str, form: dict[str, str] | None = None) -> Made:
    """Ask about a job of its own."""
    return lambda scene, _: Ask(path.format(j=scene.job(status)), form=form)


def of_ref(path: str, **rest: Any) -> Made:
    """Ask about a new ref of the table's dataset."""
    return lambda scene, _: Ask(path.format(d=scene.dataset, r=scene.ref()), **rest)


def new_user(_: Scene, __: User) -> Ask:
    soeid = f"pn{next(numbers):05d}"
    return Ask("/api/users", {"soeid": soeid, "role_name": "viewer", "password": "long enough"})


def of_permission(level: str | None) -> Made:
    def ask(scene: Scene, _: User) -> Ask:
        dataset, whom = scene.empty_dataset(), scene.person()
        with scene.service.database.write() as tx:
            put_permission(tx, dataset, whom.id, "read")
        body: dict[str, Any] = {"user_id": whom.id}
        given = body if level is None else {**body, "permission": level}
        return Ask(f"/api/datasets/{dataset}/permissions", given)

    return ask


def own_token(scene: Scene, asker: User) -> Ask:
    return Ask(f"/api/tokens/{scene.token_of(asker)[1]}")


def jobs_form(scene: Scene, _: User) -> Ask:
    return Ask("/jobs", form={"action": "cancel", "job": scene.job("running")})
