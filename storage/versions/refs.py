"""Refs: names of commits.

A ref moves only by compare-and-swap; that of a sample or a saved query never moves. ``main`` always
exists; no ref name looks like a commit id. A change of a ref also sets the dataset's ``updated_at``
and records the commit that it leaves. A search reads at most ``MAX_REFS`` refs, those that changed
last.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Annotated, Literal

from contract.declarations import Help
from domain_errors import choices_sentence
from lazy_dataclasses import dataclass
from storage.accounts.users import User
from storage.errors import Conflict, InvalidValue, NotFound, RefImmutable, RefMoved
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, first, required, run, statement

MAIN = "main"
SAMPLE_PREFIX = "smpl-"
QUERY_PREFIX = "expl-"
RefKind = Literal["sample", "query", "version"]
_IMMUTABLE: dict[str, tuple[RefKind, str]] = {
    SAMPLE_PREFIX: ("sample", "sample"),
    QUERY_PREFIX: ("query", "saved query"),
}
"""The kind of the refs that never move, and its noun, by the prefix of their names."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_COMMIT_ID = re.compile(r"[0-9a-f]{64}")
_COMMIT_PREFIX = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class Ref:
    """A ref and its commit, if any."""

    name: str
    commit_id: str | None
    created_at: str
    updated_at: str

    @property
    def ref_name(self) -> Annotated[str, Help(None)]:
        """The name, as addresses of commits and tables have it."""
        return self.name


_REFS = Records(Ref)


def parse_ref_name(text: str, loc: Sequence[str] = ("name",)) -> str:
    """Raise InvalidValue for an invalid ref name; ``loc`` is its location in the caller's input."""
    if not _NAME.fullmatch(text) or _COMMIT_ID.fullmatch(text):
        raise InvalidValue(
            '"{text}" can\'t name a ref. A name has 1 to 100 letters, digits, "_", "." or "-", '
            'starts with a letter, digit or "_", and doesn\'t look like a commit id.',
            loc=loc,
            text=text,
        )
    return text


def parse_version_name(text: str, loc: Sequence[str]) -> str:
    """Raise InvalidValue for a name that a user can't give to a version.

    The prefixes of samples and saved queries are reserved, since such a ref claims that a job made
    its commit.
    """
    prefix = _immutable_prefix(text)
    if prefix is not None:
        raise InvalidValue(
            'A name that starts with "{prefix}" is reserved: only a job makes a {kind}. Choose '
            "another name.",
            loc=loc,
            prefix=prefix,
            kind=_IMMUTABLE[prefix][1],
        )
    return parse_ref_name(text, loc)


def create_ref(
    tx: Transaction, dataset_id: int, name: str, commit_id: str | None, clock: Clock
) -> Ref:
    """Create a ref; raise Conflict if one of this name exists."""
    parse_ref_name(name)
    now = timestamp(clock())
    try:
        run(tx, "insert_ref", dataset_id=dataset_id, name=name, commit_id=commit_id, now=now)
    except sqlite3.IntegrityError:
        raise Conflict('A ref "{name}" exists already.', loc=("name",), name=name) from None
    run(tx, "touch_dataset", id=dataset_id, now=now)
    return Ref(name, commit_id, now, now)


def get_ref(tx: Transaction, dataset_id: int, name: str) -> Ref:
    """Return a ref by its exact name; raise NotFound if there is none."""
    ref = find_ref(tx, dataset_id, name)
    if ref is None:
        raise NotFound(
            'Ref "{name}" not found. {choices}', name=name, choices=_choices(tx, dataset_id, name)
        )
    return ref


def find_ref(tx: Transaction, dataset_id: int, name: str) -> Ref | None:
    """Return a ref by its exact name; None if there is none."""
    return _REFS.first(tx, "ref_by_name", dataset_id=dataset_id, name=name)


def list_refs(
    tx: Transaction, dataset_id: int, offset: int = 0, limit: int = 1000
) -> tuple[list[Ref], int]:
    """Return a page of a dataset's refs, ``main`` first, and their number."""
    return _REFS.page(tx, "list_refs", offset, limit, dataset_id=dataset_id)


def has_ref(tx: Transaction, dataset_id: int, name: str) -> bool:
    """Return whether a dataset has a ref of exactly this name."""
    return first(tx, "ref_by_name", dataset_id=dataset_id, name=name) is not None


def has_sample_ref(tx: Transaction, dataset_id: int, commit_id: str | None) -> bool:
    """Return whether a sample's ref, of any name, names a commit."""
    rows = all_rows(tx, "ref_names_of_commit", dataset_id=dataset_id, commit_id=commit_id)
    return any(kind_of_ref(row["name"]) == "sample" for row in rows)


def name_of_commit(tx: Transaction, dataset_id: int, version: str) -> str:
    """Return a ref that names a commit, ``main`` before others; without one what is given."""
    rows = all_rows(tx, "ref_names_of_commit", dataset_id=dataset_id, commit_id=version)
    names = [str(row["name"]) for row in rows]
    return MAIN if MAIN in names else [*names, version][0]


def list_ref_names(tx: Transaction, dataset_id: int) -> set[str]:
    """Return the names of a dataset's refs."""
    return {row["name"] for row in all_rows(tx, "list_ref_names", dataset_id=dataset_id)}


def output_name_of(ref: str) -> str:
    """Return the name of a sample or of a saved query by its ref.

    >>> output_name_of("smpl-q1"), output_name_of("main")
    ('q1', 'main')
    """
    prefix = _immutable_prefix(ref)
    return ref if prefix is None else ref.removeprefix(prefix)


def named_ref(ref: str, name: str) -> str:
    """Return the ref of the same kind with another name.

    >>> named_ref("smpl-q1", "q2"), named_ref("june", "july")
    ('smpl-q2', 'july')
    """
    return (_immutable_prefix(ref) or "") + name


def kind_of_ref(ref: str) -> RefKind:
    """Return what a ref is of, by its name."""
    prefix = _immutable_prefix(ref)
    return "version" if prefix is None else _IMMUTABLE[prefix][0]


def _immutable_prefix(ref: str) -> str | None:
    return next((prefix for prefix in _IMMUTABLE if ref.startswith(prefix)), None)


def is_movable(name: str) -> bool:
    """Whether imports may move a ref."""
    return _immutable_prefix(name) is None


def require_movable(name: str) -> None:
    """Refuse to move the ref of a sample or of a saved query.

    Raises
    ------
    RefImmutable
        Names what the ref is of.
    """
    prefix = _immutable_prefix(name)
    if prefix is not None:
        raise RefImmutable(
            'The {kind} "{name}" never changes. Import into another ref, such as main.',
            kind=_IMMUTABLE[prefix][1],
            name=output_name_of(name),
        )


def move_ref(
    tx: Transaction,
    dataset_id: int,
    name: str,
    *,
    expected: str | None,
    commit_id: str,
    clock: Clock,
) -> None:
    """Move a ref to a commit.

    Raises
    ------
    RefImmutable, RefMoved
        It is the ref of a sample or a saved query; or it doesn't name ``expected`` any more.
    """
    require_movable(name)
    now = timestamp(clock())
    run(tx, "record_left_commit", dataset_id=dataset_id, name=name, next_id=commit_id, now=now)
    moved = RefMoved('The ref "{name}" was moved by someone else.', name=name)
    named = {"dataset_id": dataset_id, "name": name, "commit_id": commit_id}
    required(tx, "move_ref", moved, expected=expected, now=now, **named)
    run(tx, "touch_dataset", id=dataset_id, now=now)


def delete_ref(tx: Transaction, dataset_id: int, name: str, clock: Clock) -> None:
    """Delete a ref; a prune deletes its commits after the retention time."""
    if name == MAIN:
        raise Conflict('The ref "main" can\'t be deleted.')
    get_ref(tx, dataset_id, name)
    now = timestamp(clock())
    run(tx, "record_left_commit", dataset_id=dataset_id, name=name, next_id=None, now=now)
    run(tx, "delete_ref", dataset_id=dataset_id, name=name).fetchall()
    run(tx, "touch_dataset", id=dataset_id, now=now)


def resolve(tx: Transaction, dataset_id: int, text: str) -> str:
    """Return the commit id of a ref name, a commit id, or a prefix of at least 7 digits.

    Raises
    ------
    NotFound
        Nothing matches, the prefix is ambiguous, or the ref has no commit.
    """
    row = first(tx, "ref_by_name", dataset_id=dataset_id, name=text)
    if row is not None:
        if row["commit_id"] is None:
            raise NotFound(
                'The ref "{name}" has no commit yet. Import a file into it first.', name=text
            )
        return str(row["commit_id"])
    if _COMMIT_PREFIX.fullmatch(text):
        commits = all_rows(tx, "commits_by_prefix", dataset_id=dataset_id, prefix=text)
        if len(commits) == 1:
            return str(commits[0]["id"])
        if commits:
            raise NotFound(
                'More than one commit starts with "{prefix}". Give more digits.', prefix=text
            )
    raise NotFound(
        'No ref or commit "{text}". {choices}', text=text, choices=_choices(tx, dataset_id, text)
    )


def _choices(tx: Transaction, dataset_id: int, name: str) -> str:
    return choices_sentence(name, sorted(list_ref_names(tx, dataset_id)))


MAX_REFS = 20_000


@dataclass(frozen=True)
class FoundRef:
    """A ref, with the purpose of its commit and the job that made it."""

    dataset_id: int
    dataset_name: str
    ref_name: str
    commit_id: str
    purpose: str
    created_at: str
    job_id: str | None


@dataclass(frozen=True)
class FoundCommit:
    """A commit and its message."""

    dataset_id: int
    dataset_name: str
    commit_id: str
    purpose: str
    created_at: str


def find_refs(
    tx: Transaction, viewer: User, text: str, limit: int, scanned: int = MAX_REFS
) -> list[FoundRef]:
    """Return refs whose name or purpose contains a text in any case: the best matches first.

    A name that is or begins with the text precedes others; then the latest change.
    """
    sql = statement("find_refs", visible=_visible(viewer))
    params = {"user_id": viewer.id, "text": text, "limit": limit, "scanned": scanned}
    return [FoundRef(*row) for row in tx.execute(sql, params)]


def find_commits(tx: Transaction, viewer: User, prefix: str, limit: int) -> list[FoundCommit]:
    """Return the commits whose id begins with a prefix."""
    sql = statement("find_commits", visible=_visible(viewer))
    params = {"user_id": viewer.id, "prefix": prefix, "limit": limit}
    return [FoundCommit(*row) for row in tx.execute(sql, params)]


def _visible(viewer: User) -> str:
    return statement("all_dataset_ids" if viewer.is_admin else "permitted_dataset_ids")
