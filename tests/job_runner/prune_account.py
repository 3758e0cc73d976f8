"""A plain account of datasets, commits and jobs, which says without SQL what a prune must leave."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from service.settings import Settings


@dataclass
class KnownCommit:
    dataset_id: int
    parent: str | None
    made_at: datetime
    files: frozenset[str]
    left_at: datetime | None = None


@dataclass
class KnownJob:
    dataset_id: int
    source: str | None
    compared: str | None = None
    output: str | None = None
    state: str = "pending"
    ended_at: datetime | None = None


@dataclass
class KnownDataset:
    refs: dict[str, str] = field(default_factory=dict)
    removed_at: datetime | None = None


class Account:
    """What is known of a small world, and what of it is needed at a moment."""

    def __init__(self, settings: Settings) -> None:
        self.now = datetime(2025, 1, 1, tzinfo=UTC)
        self.settings = settings
        self.datasets: dict[int, KnownDataset] = {}
        self.commits: dict[str, KnownCommit] = {}
        self.jobs: dict[str, KnownJob] = {}

    @property
    def present(self) -> list[int]:
        return [key for key, one in self.datasets.items() if one.removed_at is None]

    def _needed(self) -> tuple[set[int], set[str], set[str]]:
        """The datasets, commits and jobs that a prune must leave at this moment."""
        settings = self.settings
        reached_before = self._days_ago(settings.keep_unreachable_days)
        ended_before = self._days_ago(settings.keep_jobs_days)
        open_jobs = [job for job in self.jobs.values() if job.ended_at is None]
        datasets = {
            key
            for key, one in self.datasets.items()
            if one.removed_at is None
            or one.removed_at >= reached_before
            or any(job.dataset_id == key for job in open_jobs)
        }
        read = {one for job in open_jobs for one in (job.source, job.compared)}
        commits = {one for one in read if one is not None}
        for key in datasets:
            commits |= set(self.datasets[key].refs.values())
        for key, commit in self.commits.items():
            reached_at = max(commit.made_at, commit.left_at or commit.made_at)
            if commit.dataset_id in datasets and reached_at >= reached_before:
                commits.add(key)
        for job in self.jobs.values():
            if job.output is not None and job.dataset_id in datasets:
                never_left = self.commits[job.output].left_at is None
                if never_left and job.ended_at is not None and job.ended_at >= ended_before:
                    commits.add(job.output)
        for key in list(commits):
            parent = self.commits[key].parent
            while parent is not None:
                commits.add(parent)
                parent = self.commits[parent].parent
        jobs = {
            key
            for key, job in self.jobs.items()
            if job.dataset_id in datasets
            if job.ended_at is None or job.ended_at >= ended_before or job.output in commits
        }
        return datasets, commits, jobs

    def _days_ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days) if days else datetime.min.replace(tzinfo=UTC)

    def _account_for(self, datasets: Set[int], commits: Set[object], jobs: Set[str]) -> None:
        self.datasets = {key: one for key, one in self.datasets.items() if key in datasets}
        self.commits = {key: one for key, one in self.commits.items() if key in commits}
        self.jobs = {key: one for key, one in self.jobs.items() if key in jobs}
        for job in self.jobs.values():
            job.source = job.source if job.source in commits else None
            job.output = job.output if job.output in commits else None

    def _kept_uploads(self) -> set[object]:
        """Uploads of imports that have not completed, and that failed not long ago."""
        days = timedelta(days=self.settings.keep_uploads_days)
        return {
            key
            for key, job in self.jobs.items()
            if key.startswith("i") and "r" not in key and job.state != "completed"
            if job.ended_at is None or job.ended_at >= self.now - days
        }
