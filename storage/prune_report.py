"""What a prune would remove, or has removed: how much of each kind, how old, and which first.

Invariant: a dry run and the prune after it fill the same report from rows of the same shape
(``id``, ``name``, ``dataset_name``, ``at``), so that one can be held against the other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal[
    "datasets",
    "commits",
    "data_files",
    "jobs",
    "log_entries",
    "uploads",
    "counts",
    "tokens",
    "sign_in_links",
    "idempotency_keys",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """One thing that goes, so that a person can judge."""

    id: str
    name: str
    dataset_name: str | None
    at: str
    size_bytes: int = 0


@dataclass
class KindTotal:
    """How many of one kind go, their bytes, the oldest and the newest, and the first few."""

    kind: Kind
    count: int = 0
    size_bytes: int = 0
    oldest: str | None = None
    newest: str | None = None
    examples: list[Example] = field(default_factory=list)

    def add(self, one: Example) -> None:
        """Count one."""
        self.size_bytes += one.size_bytes
        self.add_count(1, one.at, one.at)
        if len(self.examples) < EXAMPLES:
            self.examples.append(one)

    def include(self, other: KindTotal) -> None:
        """Count what another tally of the same kind has counted."""
        self.size_bytes += other.size_bytes
        self.add_count(other.count, other.oldest, other.newest)
        self.examples += other.examples[: EXAMPLES - len(self.examples)]

    def add_count(self, count: int, oldest: str | None, newest: str | None) -> None:
        """Count several that were looked at together."""
        self.count += count
        if oldest is not None:
            self.oldest = min(self.oldest or oldest, oldest)
        if newest is not None:
            self.newest = max(self.newest or newest, newest)


class PruneReport:
    """One tally for each kind."""

    def __init__(self) -> None:
        self._tallies = {kind: KindTotal(kind) for kind in KINDS}

    def __getitem__(self, kind: Kind) -> KindTotal:
        return self._tallies[kind]

    @property
    def totals(self) -> list[KindTotal]:
        """All tallies, in the order of ``KINDS``."""
        return list(self._tallies.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of files over all kinds."""
        return sum(total.size_bytes for total in self.totals)

    def include(self, other: PruneReport) -> None:
        """Count what another report has counted: a transaction's, once it is committed."""
        for total in other.totals:
            self[total.kind].include(total)

    def add_rows(self, kind: Kind, rows: Iterable[sqlite3.Row]) -> list[int]:
        """Count rows, and return their places."""
        places = []
        for row in rows:
            self[kind].add(example_of(row))
            places.append(int(row["place"]))
        return places

    def add_counts(self, kind: Kind, row: sqlite3.Row | None) -> None:
        """Count what a statement has counted."""
        if row is not None:
            self[kind].add_count(row["count"], row["oldest"], row["newest"])


def example_of(row: sqlite3.Row) -> Example:
    """A row of something that goes, as an example."""
    return Example(str(row["id"]), row["name"], row["dataset_name"], row["at"])
