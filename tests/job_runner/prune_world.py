"""A small world of datasets, commits, refs, samples and jobs, which is pruned.

Storage is held against the account of what a prune must leave.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from application.administration.pruning import prune
from parquet_tables.attached import AttachedFiles
from parquet_tables.database import ParquetDatabase
from storage.maintenance.checking import check
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.maintenance.pruning import PruneLimits, PruneReport
from storage.versions.manifests import history
from tests.job_runner.prune_happenings import Happenings
from tests.job_runner.services import service_of

KEEPS = {
    "keep_jobs_days": 20,
    "keep_logs_days": 15,
    "keep_unreachable_days": 10,
    "keep_uploads_days": 5,
}
MEMORY = Path("/dev/shm")
"""Where there is such a place, a sync to disk costs nothing."""


class Interruptions(threading.Event):
    """Something happens whenever anyone waits for it; only then is it set, if it ``stops``."""

    def __init__(self, happening: Callable[[], None], *, stops: bool = False) -> None:
        super().__init__()
        self._happening, self._stops = happening, stops

    def wait(self, timeout: float | None = None) -> bool:
        self._happening()
        return self._stops


def counts(report: PruneReport) -> dict[str, int]:
    return {total.kind: total.count for total in report.values() if total.count}


class World(Happenings):
    """Storage in which things happen, and a prune that is held against the account of them."""

    def prune_and_check(self) -> PruneReport:
        """Look, prune, and hold what is left against the account; returns what went."""
        before = self._contents()
        moment = self.now
        looked = prune(self.service, dry_run=True)
        assert self._contents() == before, "a dry run removed something"
        done = self._prune_at(moment)
        self.now = moment + timedelta(microseconds=1)  # as the prune saw it
        for went, would_go in zip(done.values(), looked.report.values(), strict=True):
            assert went == would_go, f"{went} went, but {would_go} was announced"
        self._account_for(*self._needed())
        self._hold_against_storage()
        again = self._prune_at(moment)
        assert not any(total.count for total in again.values()), "something was left over"
        return done

    def _prune_at(self, moment: datetime) -> PruneReport:
        """Prune in one call, however busy the machine is."""
        self.now = moment
        service = replace(self.service, prune_limits=PruneLimits(call_s=math.inf))
        return prune(service, dry_run=False).report

    def prune_while(self, happening: Callable[[], None]) -> None:
        """Prune while other things happen after every row, and then once more in peace."""
        limits = PruneLimits(rows=1, files=1)
        service = replace(self.service, stopping=Interruptions(happening), prune_limits=limits)
        while not prune(service, dry_run=False).complete:
            pass
        _, commits, jobs = self._needed()
        left = self._contents()
        assert commits <= left["commits"], "a commit went that is needed by now"
        assert jobs <= {job[0] for job in left["jobs"]}  # type: ignore[index]
        self._account_for(self.datasets.keys(), left["commits"], jobs)
        self.prune_and_check()

    def _hold_against_storage(self) -> None:
        contents = self._contents()
        assert contents["commits"] == set(self.commits)
        assert contents["jobs"] == {
            (key, job.state, job.source, job.output) for key, job in self.jobs.items()
        }
        assert contents["datasets"] == set(self.datasets)
        held = {file.sha256 for attempt in self.attempts for table in attempt.tables
                for file in (*table.files, *filter(None, [table.deletion_vector]))}  # fmt: skip
        named = {sha256 for commit in self.commits.values() for sha256 in commit.files}
        assert contents["files"] == named | held
        assert contents["uploads"] == self._kept_uploads()
        with self.service.database.read() as tx:
            for key, one in self.datasets.items():
                for commit_id in one.refs.values():
                    commits, total = history(tx, key, commit_id, 0, 1000)
                    assert len(commits) == total
        findings = check(self.service.directory, lambda done, what: None)
        assert findings.faults == ()
        assert findings.commits == len(self.commits)

    def _contents(self) -> dict[str, set[object]]:
        files: list[Path] = list(self.service.directory.files_dir.glob("??/*.parquet"))
        with self.service.database.read() as tx:
            jobs = "SELECT id, status, source_commit_id, output_commit_id FROM jobs"
            return {
                "commits": {row["id"] for row in tx.execute("SELECT id FROM commits")},
                "jobs": {tuple(row) for row in tx.execute(jobs)},
                "datasets": {row["id"] for row in tx.execute("SELECT id FROM datasets")},
                "log": {tuple(row) for row in tx.execute("SELECT id, at FROM job_log")},
                "files": {path.stem for path in files},
                "uploads": {path.name for path in self.service.directory.uploads_dir.iterdir()},
            }


@contextmanager
def new_world(parquet: ParquetDatabase, **keeps: int) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        directory = DataDirectory(Path(folder) / "data")
        directory.acquire(Owner(1, "tests", "now"))
        try:
            with service_of(directory, parquet, AttachedFiles(), **(KEEPS | keeps)) as service:
                world = World(service)
                try:
                    yield world
                finally:
                    world.close()
        finally:
            directory.release()
