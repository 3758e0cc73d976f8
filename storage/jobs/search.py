"""Find refs by their names and purposes, and commits by the first digits of their ids.

A search reads at most ``MAX_REFS`` refs, those that changed last.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.accounts.users import User
from storage.sqlite.database import Transaction
from storage.sqlite.queries import statement

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
