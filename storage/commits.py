"""Store and read commits: immutable manifests, each with a parent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Transaction
from storage.errors import NotFound
from storage.manifests import Manifest, parse_manifest
from storage.rows import all_rows, first, number, run


@dataclass(frozen=True)
class Commit:
    """A commit with its manifest."""

    id: str
    manifest: Manifest


def insert_commit(tx: Transaction, author_id: int, manifest: Manifest) -> Commit:
    """Insert a manifest as a commit, and its references to data files."""
    commit = Commit(manifest.commit_id, manifest)
    run(
        tx,
        "insert_commit",
        dataset_id=manifest.dataset_id,
        id=commit.id,
        parent_id=manifest.parent_id,
        author_id=author_id,
        message=manifest.message,
        created_at=manifest.created_at,
        manifest=manifest.canonical_json(),
    )
    for sha256 in sorted(manifest.file_hashes):
        run(
            tx,
            "insert_commit_file",
            sha256=sha256,
            dataset_id=manifest.dataset_id,
            commit_id=commit.id,
        )
    return commit


def get_commit(tx: Transaction, dataset_id: int, commit_id: str) -> Commit:
    """Return a commit by its full id; see :func:`storage.refs.resolve`."""
    row = first(tx, "commit_by_id", dataset_id=dataset_id, id=commit_id)
    if row is None:
        raise NotFound(f'There is no commit "{commit_id}".')
    return _commit(row)


def history(
    tx: Transaction, dataset_id: int, commit_id: str, offset: int, limit: int
) -> tuple[list[Commit], int]:
    """Return a page of a commit and its ancestors, newest first, and their number."""
    rows = all_rows(
        tx,
        "commit_history",
        dataset_id=dataset_id,
        commit_id=commit_id,
        offset=offset,
        limit=limit,
    )
    total = number(tx, "count_commit_history", dataset_id=dataset_id, commit_id=commit_id)
    return [_commit(row) for row in rows], total


def referenced_files(tx: Transaction) -> set[str]:
    """Return the hashes of the data files that commits reference."""
    return {row["sha256"] for row in all_rows(tx, "referenced_files")}


def referenced_among(tx: Transaction, hashes: Sequence[str]) -> set[str]:
    """Return which of some hashes are of data files that a commit references."""
    return {row["sha256"] for row in run(tx, "referenced_among", hashes=json.dumps(hashes))}


def _commit(row: sqlite3.Row) -> Commit:
    return Commit(row["id"], parse_manifest(row["manifest"]))
