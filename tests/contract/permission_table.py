"""What each route answers to whom. A new route gets a row here; ``test_permissions`` asks for it.

A row has the route as the app knows it, the statuses by asker, and what to ask: a path and a body,
made anew for each asker, so that one's change doesn't spoil another's.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storage.datasets import create_dataset
from storage.jobs import cancel_job, get_job
from storage.new_jobs import NewJob, insert_job
from storage.permissions import put_permission
from storage.refs import create_ref, resolve
from storage.tokens import issue_token
from storage.users import User, add_user
from tests.live_server import LiveServer

ASKERS = ("viewer", "nobody", "reader", "writer", "owner", "admin", "read_token")
"""A viewer with the level read; analysts with no level, read, write and admin; the service's admin;
and the owner with a token of the scope read."""

SEE = (200, 404, 200, 200, 200, 200, 200)
READ_BY_POST = (200, 404, 200, 200, 200, 200, 403)
WRITE = (403, 404, 403, 200, 200, 200, 403)
OWN = (403, 404, 403, 403, 200, 200, 403)
MAKE = (403, 200, 200, 200, 200, 200, 403)
ADMINISTER = (403, 403, 403, 403, 403, 200, 403)
MYSELF = (200,) * 7
CHANGE_MYSELF = (200, 200, 200, 200, 200, 200, 403)
ANYONE = (200,) * 7
TO_PAGES = (303,) * 7
CHANGE_BY_PAGE = (403, 404, 403, 303, 303, 303, 303)
SEE_PAGE = (200, 404, 200, 200, 200, 200, 303)
WRITE_PAGE = (403, 404, 403, 200, 200, 200, 303)
MAKE_PAGE = (403, 200, 200, 200, 200, 200, 303)
MAKE_BY_PAGE = (403, 303, 303, 303, 303, 303, 303)
ADMINISTER_PAGE = (403, 403, 403, 403, 403, 200, 303)
MY_PAGE = (200, 200, 200, 200, 200, 200, 303)
"""On the pages a script's token is worth nothing: one is led to the sign-in."""

RANDOM = {"method": "random", "parameters": {"sample_size": 2, "seed": 1}}
_numbers = itertools.count(1)


class Scene:
    """A server with a table that was drawn from, and the askers with their levels in it."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.service = server.service
        self.dataset = server.new_table(40)
        self.draw = server.draw(self.dataset, {**RANDOM, "export_residual": True})["id"]
        asked = server.admin.post(f"/api/profiling/datasets/{self.dataset}/jobs", json={})
        self.profile = server.finished(asked.json()["job_id"])["id"]
        self.query = server.explore(self.dataset, {"sql": "SELECT 1 AS x"})["id"]
        roles = {"viewer": "viewer", "admin": "admin"}
        people = [name for name in ASKERS if name != "read_token"]
        self.people = {name: self.person(roles.get(name, "analyst")) for name in people}
        self.people["read_token"] = self.people["owner"]
        self.share(self.dataset)

    def person(self, role: Any = "analyst") -> User:
        """A new user without a password."""
        with self.service.database.write() as tx:
            soeid = f"pt{next(_numbers):05d}"
            return add_user(tx, soeid, role, None, self.service.clock)

    def share(self, dataset: int) -> None:
        """Give the askers their levels."""
        levels: dict[str, Any] = {"viewer": "read", "reader": "read", "writer": "write"}
        levels["owner"] = "admin"
        with self.service.database.write() as tx:
            for name, level in levels.items():
                put_permission(tx, dataset, self.people[name].id, level)

    def empty_dataset(self) -> int:
        """A new dataset in which the askers have their levels."""
        with self.service.database.write() as tx:
            made = create_dataset(
                tx,
                self.people["admin"],
                name=f"pt {next(_numbers)}",
                description="",
                tags=[],
                clock=self.service.clock,
            )
        self.share(made.id)
        return made.id

    def ref(self) -> str:
        """A new ref beside main."""
        name = f"pt-{next(_numbers)}"
        with self.service.database.write() as tx:
            head = resolve(tx, self.dataset, "main")
            create_ref(tx, self.dataset, name, head, self.service.clock)
        return name

    def job(self, status: str) -> str:
        """A draw that no thread runs, or one that failed."""
        job_id = str(uuid.uuid4())
        with self.service.database.write() as tx:
            like = get_job(tx, self.draw)
            parameters = {**like.run_parameters, "output_ref": f"smpl-{job_id}"}
            source = like.source_commit_id
            new = NewJob(job_id, "sampling", self.dataset, like.user_id, source, parameters)
            insert_job(tx, new, self.service.clock, 1000)
            tx.execute(
                "UPDATE jobs SET status = 'running', attempt = 1, started_at = created_at "
                "WHERE id = ?",
                (job_id,),
            )
            if status == "failed":
                cancel_job(tx, job_id, "pt00000", self.service.clock)
        return job_id

    def token_of(self, user: User, **differing: Any) -> tuple[str, int]:
        """A new token of a user, and its id."""
        given: dict[str, Any] = {"kind": "named", "name": "pt", "scope": "write", "lifetime": None}
        with self.service.database.write() as tx:
            secret, token = issue_token(
                tx, user.id, **{**given, **differing}, clock=self.service.clock
            )
        return secret, token.id


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


def _new_user(_: Scene, __: User) -> Ask:
    soeid = f"pn{next(_numbers):05d}"
    return Ask("/api/users", {"soeid": soeid, "role_name": "viewer", "password": "long enough"})


def _permission(level: str | None) -> Made:
    def ask(scene: Scene, _: User) -> Ask:
        dataset, whom = scene.empty_dataset(), scene.person()
        with scene.service.database.write() as tx:
            put_permission(tx, dataset, whom.id, "read")
        body: dict[str, Any] = {"user_id": whom.id}
        given = body if level is None else {**body, "permission": level}
        return Ask(f"/api/datasets/{dataset}/permissions", given)

    return ask


def _own_token(scene: Scene, asker: User) -> Ask:
    return Ask(f"/api/tokens/{scene.token_of(asker)[1]}")


def _jobs_form(scene: Scene, _: User) -> Ask:
    return Ask("/jobs", form={"action": "cancel", "job": scene.job("running")})


API, D, S = "/api", "/api/datasets/<int:dataset_id>", "/api/sampling/datasets/<int:dataset_id>"
J, SJ, U = "/api/jobs/<job_id>", "/api/sampling/jobs/<job_id>", "/api/users/<int:user_id>"
E = "/api/exploration/datasets/<int:dataset_id>"
SELECT = {"sql": "SELECT 1 AS x"}
FILE = {"file": ("t.csv", b"a,b\n1,2\n")}
NO_PASSWORD = {"soeid": "nobody0"}

TABLE = (
    Row("GET /health", ANYONE, at("/health"), "public"),
    Row("GET /metrics", ADMINISTER, at("/metrics")),
    Row("GET /api/openapi.json", ANYONE, at("/api/openapi.json"), "public"),
    Row("GET /api/docs", ANYONE, at("/api/docs"), "public"),
    Row(
        "GET /api/docs/assets/<path:name>", ANYONE, at("/api/docs/assets/swagger-ui.css"), "public"
    ),
    Row("POST /api/users/login", (422,) * 7, at("/api/users/login", body=NO_PASSWORD), "public"),
    Row("POST /api/users/token", (422,) * 7, at("/api/users/token", body=NO_PASSWORD), "public"),
    Row("POST /api/users/logout", CHANGE_MYSELF, at("/api/users/logout")),
    Row("GET /api/users/me", MYSELF, at("/api/users/me")),
    Row("GET /api/users", ADMINISTER, at("/api/users")),
    Row("POST /api/users", ADMINISTER, _new_user),
    Row(f"GET {U}", ADMINISTER, of_user("/api/users/{u}")),
    Row(f"PATCH {U}", ADMINISTER, of_user("/api/users/{u}", {"role_name": "viewer"})),
    Row(f"DELETE {U}", ADMINISTER, of_user("/api/users/{u}")),
    Row(f"POST {U}/sign-in-link", ADMINISTER, of_user("/api/users/{u}/sign-in-link")),
    Row("POST /api/tokens", CHANGE_MYSELF, at("/api/tokens", body={"name": "mine"})),
    Row("GET /api/tokens", MYSELF, at("/api/tokens")),
    Row("DELETE /api/tokens/<int:token_id>", CHANGE_MYSELF, _own_token),
    Row("GET /api/admin/storage", ADMINISTER, at("/api/admin/storage")),
    Row("POST /api/admin/prune", ADMINISTER, at("/api/admin/prune", body={"dry_run": True})),
    Row("GET /api/admin/audit", ADMINISTER, at("/api/admin/audit")),
    Row(
        "POST /api/datasets",
        MAKE,
        lambda *_: Ask("/api/datasets", {"name": f"pm {next(_numbers)}"}),
    ),
    Row("GET /api/datasets", MYSELF, at("/api/datasets")),
    Row(f"GET {D}", SEE, at("/api/datasets/{d}")),
    Row(f"PATCH {D}", WRITE, of_dataset("/api/datasets/{d}", {"tags": ["t"]})),
    Row(f"DELETE {D}", OWN, of_dataset("/api/datasets/{d}")),
    Row(f"GET {D}/overview", SEE, at("/api/datasets/{d}/overview")),
    Row(f"GET {D}/permissions", SEE, at("/api/datasets/{d}/permissions")),
    Row(f"PUT {D}/permissions", OWN, _permission("write")),
    Row(f"DELETE {D}/permissions", OWN, _permission(None)),
    Row(f"GET {D}/refs", SEE, at("/api/datasets/{d}/refs")),
    Row(
        f"POST {D}/refs",
        WRITE,
        lambda scene, _: Ask(
            f"/api/datasets/{scene.dataset}/refs",
            {"name": f"pn-{next(_numbers)}", "from_ref": "main"},
        ),
    ),
    Row(f"GET {D}/refs/<ref>", SEE, at("/api/datasets/{d}/refs/main")),
    Row(f"DELETE {D}/refs/<ref>", WRITE, of_ref("/api/datasets/{d}/refs/{r}")),
    Row(
        f"POST {D}/refs/<ref>/import",
        WRITE,
        of_ref("/api/datasets/{d}/refs/{r}/import", files=FILE),
    ),
    Row(f"POST {D}/preview", WRITE, at("/api/datasets/{d}/preview", files=FILE)),
    Row(f"GET {D}/history", SEE, at("/api/datasets/{d}/history")),
    Row(f"GET {D}/commits/<commit>", SEE, at("/api/datasets/{d}/commits/main")),
    Row(f"GET {D}/commits/<commit>/schema", SEE, at("/api/datasets/{d}/commits/main/schema")),
    Row(f"GET {D}/commits/<commit>/data", SEE, at("/api/datasets/{d}/commits/main/data")),
    Row(f"GET {D}/refs/<ref>/tables", SEE, at("/api/datasets/{d}/refs/main/tables")),
    Row(
        f"GET {D}/refs/<ref>/tables/<path:key>/schema",
        SEE,
        at("/api/datasets/{d}/refs/main/tables/primary/schema"),
    ),
    Row(
        f"GET {D}/refs/<ref>/tables/<path:key>/data",
        SEE,
        at("/api/datasets/{d}/refs/main/tables/primary/data?format=csv"),
    ),
    Row("GET /api/jobs", MYSELF, at("/api/jobs")),
    Row(f"GET {J}", SEE, at("/api/jobs/{j}")),
    Row(f"GET {J}/logs", SEE, at("/api/jobs/{j}/logs")),
    Row(f"GET {J}/events", SEE, at("/api/jobs/{j}/events")),
    Row(f"POST {J}/cancel", WRITE, of_job("/api/jobs/{j}/cancel", "running")),
    Row(f"POST {J}/retry", WRITE, of_job("/api/jobs/{j}/retry", "failed")),
    Row(f"POST {S}/jobs", WRITE, at("/api/sampling/datasets/{d}/jobs", body=RANDOM)),
    Row(f"POST {S}/plan", READ_BY_POST, at("/api/sampling/datasets/{d}/plan", body=RANDOM)),
    Row(f"POST {S}/sample", READ_BY_POST, at("/api/sampling/datasets/{d}/sample", body=RANDOM)),
    Row(
        f"POST {S}/filters",
        READ_BY_POST,
        at("/api/sampling/datasets/{d}/filters", body={"filters": {"expression": "id < 9"}}),
    ),
    Row(
        f"POST {S}/column-samples",
        READ_BY_POST,
        at("/api/sampling/datasets/{d}/column-samples", body={"columns": ["city"]}),
    ),
    Row(f"GET {S}/sampling-methods", SEE, at("/api/sampling/datasets/{d}/sampling-methods")),
    Row(f"GET {S}/history", SEE, at("/api/sampling/datasets/{d}/history")),
    Row(f"GET {SJ}/data", SEE, at("/api/sampling/jobs/{j}/data")),
    Row(f"GET {SJ}/residual", SEE, at("/api/sampling/jobs/{j}/residual?format=parquet")),
    Row(f"GET {SJ}/reserves", SEE, at("/api/sampling/jobs/{j}/reserves")),
    Row(f"GET {SJ}/rows/<logical_row_id>", SEE, at("/api/sampling/jobs/{j}/rows/primary:0")),
    Row(f"GET {SJ}/comparison", SEE, at("/api/sampling/jobs/{j}/comparison")),
    Row(f"GET {D}/compare", SEE, at("/api/datasets/{d}/compare?base_ref=main")),
    Row("GET /api/sampling/users/<user_id>/history", MYSELF, at("/api/sampling/users/me/history")),
    Row("GET /api/sampling/templates", MYSELF, at("/api/sampling/templates")),
    Row(
        "POST /api/sampling/templates",
        CHANGE_MYSELF,
        at("/api/sampling/templates", body={"name": "pt", "body": RANDOM}),
    ),
    Row(
        "DELETE /api/sampling/templates/<int:template_id>",
        (404, 404, 404, 404, 404, 404, 403),
        at("/api/sampling/templates/999999"),
    ),
    Row(
        "POST /api/profiling/datasets/<int:dataset_id>/jobs",
        WRITE,
        at("/api/profiling/datasets/{d}/jobs", body={}),
    ),
    Row(
        "GET /api/profiling/jobs/<job_id>/result",
        SEE,
        at("/api/profiling/jobs/{p}/result"),
    ),
    Row(
        f"GET {D}/refs/<ref>/tables/<path:key>/analysis",
        SEE,
        at("/api/datasets/{d}/refs/main/tables/primary/analysis"),
    ),
    Row(f"POST {E}/jobs", WRITE, at("/api/exploration/datasets/{d}/jobs", body=SELECT)),
    Row(f"POST {E}/query", READ_BY_POST, at("/api/exploration/datasets/{d}/query", body=SELECT)),
    Row(
        "GET /api/exploration/jobs/<job_id>/result",
        SEE,
        at("/api/exploration/jobs/{q}/result?format=csv"),
    ),
    Row("GET /pages/<digest>/<path:name>", ANYONE, at("/pages/x/style.css"), "public"),
    Row("GET /", MY_PAGE, at("/"), "page"),
    Row("POST /demo", MAKE_BY_PAGE, at("/demo", form={}), "page"),
    Row("GET /datasets", MY_PAGE, at("/datasets"), "page"),
    Row("GET /datasets/new", MAKE_PAGE, at("/datasets/new"), "page"),
    Row("GET /datasets/<int:dataset_id>", SEE_PAGE, at("/datasets/{d}"), "page"),
    Row("GET /datasets/<int:dataset_id>/sql", SEE_PAGE, at("/datasets/{d}/sql"), "page"),
    Row("GET /datasets/<int:dataset_id>/import", WRITE_PAGE, at("/datasets/{d}/import"), "page"),
    Row("GET /datasets/<int:dataset_id>/draw", WRITE_PAGE, at("/datasets/{d}/draw"), "page"),
    Row("GET /account", MY_PAGE, at("/account"), "page"),
    Row("GET /admin/users", ADMINISTER_PAGE, at("/admin/users"), "page"),
    Row("GET /admin/storage", ADMINISTER_PAGE, at("/admin/storage"), "page"),
    Row("GET /admin/audit", ADMINISTER_PAGE, at("/admin/audit"), "page"),
    Row("GET /jobs", MY_PAGE, at("/jobs"), "page"),
    Row("POST /jobs", TO_PAGES, _jobs_form, "page"),
    Row("GET /jobs/<job_id>", SEE_PAGE, at("/jobs/{j}"), "page"),
    Row(
        "POST /jobs/<job_id>/cancel",
        CHANGE_BY_PAGE,
        of_job("/jobs/{j}/cancel", "running", form={}),
        "page",
    ),
    Row(
        "POST /jobs/<job_id>/retry",
        CHANGE_BY_PAGE,
        of_job("/jobs/{j}/retry", "failed", form={}),
        "page",
    ),
    Row("GET /sign-in", (404,) * 7, at("/sign-in?code=none"), "public"),
    Row("POST /sign-in", (404,) * 7, at("/sign-in", form={"code": "none"}), "public"),
    Row("POST /sign-out", TO_PAGES, at("/sign-out", form={}), "page"),
)
