"""Report of a prune or its dry run: totals, ages and examples of each kind.

Both fill the same report from rows with ``id``, ``name``, ``dataset_name`` and ``at``, so that they
can be compared.
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

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """An example of an object to prune."""

    id: str
    name: str
    dataset_name: str | None
    at: str
    size_bytes: int = 0


@dataclass
class KindTotal:
    """The number of objects of one kind, their bytes, oldest and newest time, and examples."""

    kind: Kind
    count: int = 0
    size_bytes: int = 0
    oldest: str | None = None
    newest: str | None = None
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Add one object."""
        self.size_bytes += example.size_bytes
        self.add_count(1, example.at, example.at)
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)

    def include(self, other: KindTotal) -> None:
        """Add another total of the same kind."""
        self.size_bytes += other.size_bytes
        self.add_count(other.count, other.oldest, other.newest)
        self.examples += other.examples[: MAX_EXAMPLES - len(self.examples)]

    def add_count(self, count: int, oldest: str | None, newest: str | None) -> None:
        """Add several objects at once."""
        self.count += count
        if oldest is not None:
            self.oldest = min(self.oldest or oldest, oldest)
        if newest is not None:
            self.newest = max(self.newest or newest, newest)


class PruneReport:
    """The totals of all kinds."""

    def __init__(self) -> None:
        self._tallies = {kind: KindTotal(kind) for kind in KINDS}

    def __getitem__(self, kind: Kind) -> KindTotal:
        return self._tallies[kind]

    @property
    def totals(self) -> list[KindTotal]:
        """All totals, in the order of ``KINDS``."""
        return list(self._tallies.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of the files of all kinds."""
        return sum(total.size_bytes for total in self.totals)

    def include(self, other: PruneReport) -> None:
        """Add another report, for example that of a committed transaction."""
        for total in other.totals:
            self[total.kind].include(total)

    def add_rows(self, kind: Kind, rows: Iterable[sqlite3.Row]) -> list[int]:
        """Add rows, and return their row numbers."""
        row_numbers = []
        for row in rows:
            self[kind].add(example_of(row))
            row_numbers.append(int(row["place"]))
        return row_numbers

    def add_counts(self, kind: Kind, row: sqlite3.Row | None) -> None:
        """Add the result of a statement that counts."""
        if row is not None:
            self[kind].add_count(row["count"], row["oldest"], row["newest"])


def example_of(row: sqlite3.Row) -> Example:
    """Return the example of a row."""
    return Example(str(row["id"]), row["name"], row["dataset_name"], row["at"])
