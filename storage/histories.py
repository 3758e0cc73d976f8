"""Count and read ended jobs by the stored counts (histories) that match a list's filters.

A history counts the ended jobs of all datasets, of a dataset, of a user there, or of that user from
a ref. Triggers in ``schema.sql`` maintain it; a statement reads a few rows for each history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from storage.database import Transaction
from storage.jobs import RUN_TYPES, STATUSES
from storage.queries import statement

ENDED = ("completed", "failed")


class Level(IntEnum):
    """The scope of a history."""

    EVERYONE = 0
    DATASET = 1
    USER = 2
    FROM_REF = 3


# The index of each level's jobs, and the conditions on its leading columns. The plus removes the
# column's type affinity; with it SQLite would not use the index on the expression.
_INDEXES = {
    Level.EVERYONE: "jobs_ended",
    Level.DATASET: "jobs_ended_of_dataset",
    Level.USER: "jobs_ended_of_user",
    Level.FROM_REF: "jobs_ended_from_ref",
}
_COLUMNS = {
    Level.DATASET: "jobs.dataset_id = history.dataset_id",
    Level.USER: "jobs.user_id = history.user_id",
    Level.FROM_REF: "jobs.run_parameters ->> '$.source_ref' = +history.source_ref",
}
# In the key of a history, 0 and '' mean all datasets, all users and all refs. These conditions
# exclude the totals when a request has the user 0, who doesn't exist.
_NOT_TOTALS = {
    Level.DATASET: "history.dataset_id <> 0",
    Level.USER: "history.user_id <> 0",
    Level.FROM_REF: "history.source_ref <> ''",
}
_BLOCK_OF_HISTORY = " AND ".join(
    f"block.{column} = history.{column}"
    for column in ("dataset_id", "source_ref", "user_id", "run_type", "status")
)

# Histories of single run types and statuses, and those of all. Both use an index that has run type
# and status.
_SELECTED_KINDS = (
    "history.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND history.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_JOB_OF_KIND = "jobs.run_type = history.run_type AND jobs.status = history.status"
_ALL_KINDS = "history.run_type = ''"
_JOB_OF_SELECTED_KINDS = (
    "jobs.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND jobs.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_REMOVED = "(SELECT id FROM datasets WHERE removed_at IS NOT NULL)"


@dataclass(frozen=True)
class JobSelection:
    """The filters of a job list; None doesn't filter.

    Parameters
    ----------
    datasets : str or None
        A condition on ``history.dataset_id`` with the parameters ``dataset_id`` and ``viewer_id``;
        None for all datasets that aren't removed.
    """

    datasets: str | None
    dataset_id: int | None
    viewer_id: int
    user_ids: Sequence[int] | None
    run_type: str | None
    statuses: Sequence[str] | None
    source_ref: str | None

    @property
    def all_kinds(self) -> bool:
        """Whether the filters name neither a run type nor a status."""
        return self.run_type is None and self.statuses is None

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the statements."""
        statuses = STATUSES if self.statuses is None else self.statuses
        return {
            "dataset_id": self.dataset_id,
            "viewer_id": self.viewer_id,
            "user_ids": json.dumps(self.user_ids),
            "run_types": json.dumps([self.run_type] if self.run_type else RUN_TYPES),
            "statuses": json.dumps(statuses),
            "ended_statuses": json.dumps([status for status in statuses if status in ENDED]),
            "source_ref": self.source_ref,
        }


@dataclass(frozen=True)
class EndedJobs:
    """The ended jobs that match the filters of a list."""

    tx: Transaction
    selection: JobSelection

    def total(self) -> int:
        """Return their number."""
        return self._add_up("count_histories")

    def count(self, low: int, high: int) -> int:
        """Return the number of jobs with a seq above ``low``, up to ``high``."""
        return self._add_up("count_in_histories", low=low, high=high)

    def seqs(self, low: int, high: int, limit: int) -> list[int]:
        """Return up to ``limit`` seqs above ``low``, up to ``high``, in any order."""
        histories = self._histories(all_kinds=False)
        if histories.level is Level.EVERYONE:
            visible = f"{histories.job_condition} AND jobs.dataset_id NOT IN {_REMOVED}"
            histories = replace(histories, job_condition=visible)
        bounds = {"low": low, "high": high, "limit": limit}
        rows = self._run("seqs_in_histories", histories, bounds)
        return [row[0] for row in rows]

    def _add_up(self, name: str, **bounds: int) -> int:
        """Return a count; a count of all datasets excludes removed ones."""
        histories = self._histories(all_kinds=self.selection.all_kinds)
        ((count,),) = self._run(name, histories, bounds)
        if histories.level > Level.EVERYONE:
            return int(count)
        removed = self._histories_of(
            Level.DATASET, f"history.dataset_id IN {_REMOVED}", self.selection.all_kinds
        )
        ((hidden,),) = self._run(name, removed, bounds)
        return int(count - hidden)

    def _histories(self, *, all_kinds: bool) -> _Histories:
        """Return the histories that count each job once, at the level with the fewest."""
        datasets = self.selection.datasets or f"history.dataset_id NOT IN {_REMOVED}"
        if self.selection.source_ref is not None:
            return self._histories_of(Level.FROM_REF, datasets, all_kinds=False)
        if self.selection.user_ids is not None:
            return self._histories_of(Level.USER, datasets, all_kinds)
        if self.selection.datasets is not None:
            return self._histories_of(Level.DATASET, datasets, all_kinds)
        return self._histories_of(Level.EVERYONE, "history.dataset_id = 0", all_kinds)

    def _histories_of(self, level: Level, datasets: str, all_kinds: bool) -> _Histories:
        ref = "= :source_ref" if level is Level.FROM_REF else "= ''"
        condition = [
            datasets,
            f"history.source_ref {ref}",
            _ALL_KINDS if all_kinds else _SELECTED_KINDS,
        ]
        condition += [text for of, text in _NOT_TOTALS.items() if of <= level]
        if level < Level.USER:
            condition.append("history.user_id = 0")
        elif self.selection.user_ids is not None:
            condition.append("history.user_id IN (SELECT value FROM json_each(:user_ids))")
        job_condition = [
            "jobs.completed_at IS NOT NULL",
            _JOB_OF_SELECTED_KINDS if all_kinds else _JOB_OF_KIND,
            *(text for of, text in _COLUMNS.items() if of <= level),
        ]
        return _Histories(level, " AND ".join(condition), " AND ".join(job_condition))

    def _run(self, name: str, histories: _Histories, bounds: dict[str, int]) -> list[Any]:
        sql = statement(name).format(
            condition=histories.condition,
            job_of_history=histories.job_condition,
            index=f"INDEXED BY {_INDEXES[histories.level]}",
            block_of_history=_BLOCK_OF_HISTORY,
        )
        return self.tx.execute(sql, {**self.selection.params, **bounds}).fetchall()


@dataclass(frozen=True)
class _Histories:
    """Histories of one level: the SQL conditions on histories and on their jobs."""

    level: Level
    condition: str
    job_condition: str
