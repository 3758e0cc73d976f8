"""Ended jobs, counted and found by what a list may ask for.

Owns: which histories together hold exactly the jobs that a list asks for, and counting and reading
by ``seq`` in them. A history holds the ended jobs of one run type and one status: of all datasets;
of one dataset; of one user there; of that user, from one ref. Invariant: triggers in ``schema.sql``
keep the counts; what a statement here looks at is a few rows for each history, and those that it
gives back, however long the histories are. Used by ``storage.job_lists``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from storage.database import Transaction
from storage.queries import statement


class Level(IntEnum):
    """Whose jobs a history holds."""

    EVERYONE = 0
    DATASET = 1
    USER = 2
    FROM_REF = 3


# How a history of each level finds its jobs: by this index, and these columns of it from the left.
# The plus takes the column's type away: SQLite wouldn't see that the index has the expression.
_INDEXES = {
    Level.EVERYONE: "jobs_ended",
    Level.DATASET: "jobs_ended_of_dataset",
    Level.USER: "jobs_ended_of_user",
    Level.FROM_REF: "jobs_ended_from_ref",
}
_JOB_OF_HISTORY = {
    Level.DATASET: "jobs.dataset_id = history.dataset_id",
    Level.USER: "jobs.user_id = history.user_id",
    Level.FROM_REF: "jobs.run_parameters ->> '$.source_ref' = +history.source_ref",
}
_ENDED = (
    "jobs.completed_at IS NOT NULL AND jobs.run_type = history.run_type"
    " AND jobs.status = history.status"
)
_BLOCK_OF_HISTORY = " AND ".join(
    f"block.{column} = history.{column}"
    for column in ("dataset_id", "source_ref", "user_id", "run_type", "status")
)
_REMOVED = "(SELECT id FROM datasets WHERE removed_at IS NOT NULL)"


@dataclass(frozen=True)
class EndedJobs:
    """The ended jobs that a list asks for.

    Parameters
    ----------
    datasets : str or None
        A condition on ``history.dataset_id``; None for all datasets that haven't been removed.
    params : mapping
        ``source_ref`` and ``run_type``, and as JSON arrays ``user_ids`` and ``statuses``; what the
        list isn't narrowed to is None. What ``datasets`` binds stands beside them.
    """

    tx: Transaction
    datasets: str | None
    params: Mapping[str, Any]

    def total(self) -> int:
        """How many there are."""
        return self._add_up("count_histories")

    def count(self, low: int, high: int) -> int:
        """How many have a seq above ``low``, up to ``high``."""
        return self._add_up("count_in_histories", low=low, high=high)

    def seqs(self, low: int, high: int, most: int) -> list[int]:
        """Those with a seq above ``low``, up to ``high``, in no order; any ``most`` of them."""
        level = self._level
        shown = f"jobs.dataset_id NOT IN {_REMOVED}" if level is Level.EVERYONE else "TRUE"
        bounds = {"low": low, "high": high, "most": most}
        chosen = self._chosen(level, self._datasets)
        return [row[0] for row in self._run("seqs_in_histories", level, chosen, bounds, shown)]

    @property
    def _level(self) -> Level:
        """The level whose histories hold each of the jobs once, with the fewest histories."""
        if self.params["source_ref"] is not None:
            return Level.FROM_REF
        if self.params["user_ids"] is not None:
            return Level.USER
        return Level.DATASET if self.datasets else Level.EVERYONE

    @property
    def _datasets(self) -> str:
        if self._level is Level.EVERYONE:
            return "history.dataset_id = 0"
        return self.datasets or f"history.dataset_id NOT IN {_REMOVED}"

    def _add_up(self, name: str, **bounds: int) -> int:
        """A count; everyone's jobs are lessened by those of removed datasets."""
        level = self._level
        ((count,),) = self._run(name, level, self._chosen(level, self._datasets), bounds)
        if level > Level.EVERYONE:
            return int(count)
        removed = self._chosen(Level.DATASET, f"history.dataset_id IN {_REMOVED}")
        ((hidden,),) = self._run(name, Level.DATASET, removed, bounds)
        return int(count - hidden)

    def _chosen(self, level: Level, datasets: str) -> str:
        """Which histories are meant, as a condition."""
        given = {key for key, value in self.params.items() if value is not None}
        conditions = [datasets]
        conditions.append(
            "history.source_ref = " + (":source_ref" if level is Level.FROM_REF else "''")
        )
        if "user_ids" in given:
            conditions.append("history.user_id IN (SELECT value FROM json_each(:user_ids))")
        elif level < Level.USER:
            conditions.append("history.user_id = 0")
        if "run_type" in given:
            conditions.append("history.run_type = :run_type")
        if "statuses" in given:
            conditions.append("history.status IN (SELECT value FROM json_each(:statuses))")
        return " AND ".join(conditions)

    def _run(
        self, name: str, level: Level, chosen: str, bounds: Mapping[str, int], shown: str = "TRUE"
    ) -> list[Any]:
        of_level = [text for of, text in _JOB_OF_HISTORY.items() if of <= level]
        sql = statement(name).format(
            chosen=chosen,
            index=f"INDEXED BY {_INDEXES[level]}",
            job_of_history=" AND ".join([_ENDED, *of_level, shown]),
            block_of_history=_BLOCK_OF_HISTORY,
        )
        return self.tx.execute(sql, {**self.params, **bounds}).fetchall()
