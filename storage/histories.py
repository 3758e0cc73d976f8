"""Ended jobs, counted and found by what a list may ask for.

Owns: which histories together hold exactly the jobs that a list asks for, and counting and reading
by ``seq`` in them. A history holds the ended jobs of all datasets; of one dataset; of one user
there; or of that user, from one ref: of one run type and one status, or of all of them. Invariant:
triggers in ``schema.sql`` keep the counts; what a statement here looks at is a few rows for each
history, and those that it gives back, however long the histories are. Used by
``storage.job_lists``.
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
_COLUMNS = {
    Level.DATASET: "jobs.dataset_id = history.dataset_id",
    Level.USER: "jobs.user_id = history.user_id",
    Level.FROM_REF: "jobs.run_parameters ->> '$.source_ref' = +history.source_ref",
}
# In the key of a history, 0 and '' stand for every dataset, every user and every ref. A request may
# ask for the user 0, who doesn't exist: these conditions keep the totals out of its answer.
_OF_ONE = {
    Level.DATASET: "history.dataset_id <> 0",
    Level.USER: "history.user_id <> 0",
    Level.FROM_REF: "history.source_ref <> ''",
}
_BLOCK_OF_HISTORY = " AND ".join(
    f"block.{column} = history.{column}"
    for column in ("dataset_id", "source_ref", "user_id", "run_type", "status")
)

# Histories of each run type and status, and those of all of them. Both find their jobs in an index
# that has run type and status: there is none without.
_OF_ASKED_KINDS = (
    "history.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND history.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_JOB_OF_ITS_KIND = "jobs.run_type = history.run_type AND jobs.status = history.status"
_OF_ALL_KINDS = "history.run_type = ''"
_JOB_OF_ANY_KIND = (
    "jobs.run_type IN (SELECT value FROM json_each(:run_types))"
    " AND jobs.status IN (SELECT value FROM json_each(:ended_statuses))"
)
_REMOVED = "(SELECT id FROM datasets WHERE removed_at IS NOT NULL)"


@dataclass(frozen=True)
class Asked:
    """What a list of jobs is narrowed to; None doesn't narrow.

    Parameters
    ----------
    datasets : str or None
        A condition on ``history.dataset_id``, which may bind ``dataset_id`` and ``viewer_id``;
        None for all datasets that haven't been removed.
    """

    datasets: str | None
    dataset_id: int | None
    viewer_id: int
    user_ids: Sequence[int] | None
    run_type: str | None
    statuses: Sequence[str] | None
    source_ref: str | None

    @property
    def of_all_kinds(self) -> bool:
        """Whether neither run types nor statuses are narrowed."""
        return self.run_type is None and self.statuses is None

    @property
    def params(self) -> dict[str, Any]:
        """What the statements bind."""
        statuses = STATUSES if self.statuses is None else self.statuses
        return {
            "dataset_id": self.dataset_id,
            "viewer_id": self.viewer_id,
            "user_ids": json.dumps(self.user_ids),
            "run_types": json.dumps([self.run_type] if self.run_type else RUN_TYPES),
            "statuses": json.dumps(statuses),
            "ended_statuses": json.dumps([one for one in statuses if one in ENDED]),
            "source_ref": self.source_ref,
        }


@dataclass(frozen=True)
class EndedJobs:
    """The ended jobs that a list asks for."""

    tx: Transaction
    asked: Asked

    def total(self) -> int:
        """How many there are."""
        return self._add_up("count_histories")

    def count(self, low: int, high: int) -> int:
        """How many have a seq above ``low``, up to ``high``."""
        return self._add_up("count_in_histories", low=low, high=high)

    def seqs(self, low: int, high: int, most: int) -> list[int]:
        """Those with a seq above ``low``, up to ``high``, in no order; any ``most`` of them."""
        histories = self._histories(of_all_kinds=False)
        if histories.level is Level.EVERYONE:
            shown = f"{histories.its_jobs} AND jobs.dataset_id NOT IN {_REMOVED}"
            histories = replace(histories, its_jobs=shown)
        bounds = {"low": low, "high": high, "most": most}
        rows = self._run("seqs_in_histories", histories, bounds)
        return [row[0] for row in rows]

    def _add_up(self, name: str, **bounds: int) -> int:
        """A count; everyone's jobs are lessened by those of removed datasets."""
        histories = self._histories(of_all_kinds=self.asked.of_all_kinds)
        ((count,),) = self._run(name, histories, bounds)
        if histories.level > Level.EVERYONE:
            return int(count)
        removed = self._histories_of(
            Level.DATASET, f"history.dataset_id IN {_REMOVED}", self.asked.of_all_kinds
        )
        ((hidden,),) = self._run(name, removed, bounds)
        return int(count - hidden)

    def _histories(self, *, of_all_kinds: bool) -> _Histories:
        """Those that hold each of the jobs once, at the level where they are fewest."""
        datasets = self.asked.datasets or f"history.dataset_id NOT IN {_REMOVED}"
        if self.asked.source_ref is not None:
            return self._histories_of(Level.FROM_REF, datasets, of_all_kinds=False)
        if self.asked.user_ids is not None:
            return self._histories_of(Level.USER, datasets, of_all_kinds)
        if self.asked.datasets is not None:
            return self._histories_of(Level.DATASET, datasets, of_all_kinds)
        return self._histories_of(Level.EVERYONE, "history.dataset_id = 0", of_all_kinds)

    def _histories_of(self, level: Level, datasets: str, of_all_kinds: bool) -> _Histories:
        ref = "= :source_ref" if level is Level.FROM_REF else "= ''"
        chosen = [
            datasets,
            f"history.source_ref {ref}",
            _OF_ALL_KINDS if of_all_kinds else _OF_ASKED_KINDS,
        ]
        chosen += [text for of, text in _OF_ONE.items() if of <= level]
        if level < Level.USER:
            chosen.append("history.user_id = 0")
        elif self.asked.user_ids is not None:
            chosen.append("history.user_id IN (SELECT value FROM json_each(:user_ids))")
        its_jobs = [
            "jobs.completed_at IS NOT NULL",
            _JOB_OF_ANY_KIND if of_all_kinds else _JOB_OF_ITS_KIND,
            *(text for of, text in _COLUMNS.items() if of <= level),
        ]
        return _Histories(level, " AND ".join(chosen), " AND ".join(its_jobs))

    def _run(self, name: str, histories: _Histories, bounds: dict[str, int]) -> list[Any]:
        sql = statement(name).format(
            chosen=histories.chosen,
            job_of_history=histories.its_jobs,
            index=f"INDEXED BY {_INDEXES[histories.level]}",
            block_of_history=_BLOCK_OF_HISTORY,
        )
        return self.tx.execute(sql, {**self.asked.params, **bounds}).fetchall()


@dataclass(frozen=True)
class _Histories:
    """Some histories of one level: which, and which jobs are theirs; as conditions."""

    level: Level
    chosen: str
    its_jobs: str
