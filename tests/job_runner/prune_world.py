"""A small world of datasets, commits, refs, samples and jobs, and a plain account of it.

The account says, without SQL, what a prune must leave; the world holds storage against it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from job_runner.pruning import prune
from job_runner.service import Service
from job_runner.settings import Settings
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import Column
from storage.checking import check
from storage.clock import system_clock
from storage.commits import get_commit, history
from storage.data_directory import DataDirectory, Owner
from storage.data_files import DataFiles, StoredFile
from storage.database import Database
from storage.datasets import create_dataset, remove_dataset
from storage.idempotency import IdempotencyKey, keep_key
from storage.job_log import list_log
from storage.job_queue import claim_next_job
from storage.jobs import Job, cancel_job, fail_job, get_job
from storage.manifests import StoredTable
from storage.new_jobs import NewJob, insert_job
from storage.prune_report import Report
from storage.publishing import NewCommit, Outcome, publish
from storage.refs import create_ref, delete_ref, resolve
from storage.users import add_user

KEEPS = {
    "keep_jobs_days": 20,
    "keep_logs_days": 15,
    "keep_unreachable_days": 10,
    "keep_uploads_days": 5,
}
MEMORY = Path("/dev/shm")
"""Where there is such a place, a sync to disk costs nothing."""

COLUMNS = (Column("id", "BIGINT"),)


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


class Interruptions(threading.Event):
    """Something happens whenever anyone waits for it; only then is it set, if it ``stops``."""

    def __init__(self, happening: Callable[[], None], *, stops: bool = False) -> None:
        super().__init__()
        self._happening, self._stops = happening, stops

    def wait(self, timeout: float | None = None) -> bool:
        self._happening()
        return self._stops


@dataclass
class Attempt:
    job: Job
    holding: ExitStack
    tables: list[StoredTable]


class World:
    """Storage with a clock of its own, and what is known of it."""

    def __init__(self, service: Service) -> None:
        self.now = datetime(2025, 1, 1, tzinfo=UTC)
        self.service = replace(service, clock=self._tick)
        self.datasets: dict[int, KnownDataset] = {}
        self.commits: dict[str, KnownCommit] = {}
        self.jobs: dict[str, KnownJob] = {}
        self.attempts: list[Attempt] = []
        self._numbers = 0
        with service.database.write() as tx:
            self.user = add_user(tx, "bg54677", "analyst", None, self._tick)

    def _tick(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    @property
    def present(self) -> list[int]:
        return [key for key, one in self.datasets.items() if one.removed_at is None]

    # What happens

    def new_dataset(self) -> None:
        with self.service.database.write() as tx:
            name = f"dataset {self._number()}"
            made = create_dataset(
                tx, self.user, name=name, description="", tags=[], clock=self.service.clock
            )
        self.datasets[made.id] = KnownDataset()

    def ask_for_import(self, dataset_id: int) -> None:
        parameters = {"ref": "main", "file_name": "a.csv"}
        job_id = f"i{self._number()}"
        self._insert(NewJob(job_id, "import", dataset_id, self.user.id, None, parameters))
        upload = self.service.directory.upload_path(job_id)
        upload.write_text("a\n1\n")
        os.utime(upload, (self.now.timestamp(), self.now.timestamp()))

    def ask_for_sample(self, source: str) -> None:
        job_id, dataset_id = f"s{self._number()}", self.commits[source].dataset_id
        parameters = {"output_ref": f"smpl-{job_id}"}
        self._insert(NewJob(job_id, "sampling", dataset_id, self.user.id, source, parameters))

    def ask_for_result(self, source: str) -> None:
        """A job whose commit gets no ref."""
        job_id, dataset_id = f"x{self._number()}", self.commits[source].dataset_id
        self._insert(NewJob(job_id, "exploration", dataset_id, self.user.id, source, {}))

    def ask_for_comparison(self, source: str, other: str) -> None:
        """A job that reads another commit beside its source."""
        job_id, dataset_id = f"c{self._number()}", self.commits[source].dataset_id
        parameters = {"compare_to": {"ref": "gone", "table_key": "t", "commit_id": other}}
        self._insert(NewJob(job_id, "exploration", dataset_id, self.user.id, source, parameters))

    def retry(self, job_id: str) -> None:
        with self.service.database.read() as tx:
            old = get_job(tx, job_id)
        again = NewJob(
            f"{old.id}r{self._number()}",
            old.run_type,
            old.dataset_id,
            self.user.id,
            old.source_commit_id,
            old.run_parameters,
            retry_of=old.id,
        )
        self._insert(again)

    def _insert(self, new: NewJob) -> None:
        with self.service.database.write() as tx:
            insert_job(tx, new, self.service.clock, 1000)
            key = IdempotencyKey(new.id, hashlib.sha256(new.id.encode()).hexdigest())
            keep_key(tx, self.user.id, key, new.id, self.service.clock)
        compared = new.run_parameters.get("compare_to", {}).get("commit_id")
        self.jobs[new.id] = KnownJob(new.dataset_id, new.source_commit_id, compared)

    def start(self, content: int, residual: bool) -> bool:
        """Claim the next job, if one waits, and bring its files; no commit names them yet."""
        with self.service.database.write() as tx:
            job = claim_next_job(tx, self.service.clock)
        if job is None:
            return False
        self.jobs[job.id].state = "running"
        holding = ExitStack()
        adopt = holding.enter_context(self.service.data_files.hold())

        def stored(text: str) -> StoredFile:
            written = self.service.directory.scratch_dir / "written"
            written.write_text(text)
            return adopt(written, 1)

        tables = [StoredTable("primary", COLUMNS, (stored(f"content {content}"),))]
        if job.source_commit_id is not None and residual:
            with self.service.database.read() as tx:
                commit = get_commit(tx, job.dataset_id, job.source_commit_id)
            source = commit.manifest.tables[0]
            tables.append(replace(source, key="residual", left_out=stored(f"left {content}")))
        self.attempts.append(Attempt(job, holding, tables))
        return True

    def end(self, attempt: Attempt, completes: bool) -> None:
        """A running job publishes its commit, or fails."""
        self.attempts.remove(attempt)
        job, known = attempt.job, self.jobs.get(attempt.job.id)
        with attempt.holding:
            if known is None or known.state != "running":
                return  # cancelled meanwhile
            refs = self.datasets[job.dataset_id].refs
            ref = job.run_parameters.get("output_ref") or job.run_parameters.get("ref")
            new_ref = "output_ref" in job.run_parameters
            if not completes or (new_ref and ref in refs):
                with self.service.database.write() as tx:
                    fail_job(tx, job, "timed_out", "It took too long.", self.service.clock)
                known.state, known.ended_at = "failed", self.now
                return
            new = NewCommit(ref, job.id, attempt.tables, job.source_commit_id, new_ref)
            made = publish(self.service.database, job, Outcome({}, new), self.service.clock)
        assert made is not None
        self.service.directory.discard_upload(job.id)
        files = {file.sha256 for table in attempt.tables for file in table.files}
        files |= {table.left_out.sha256 for table in attempt.tables if table.left_out}
        parent = job.source_commit_id or refs.get(ref or "")
        made_at = datetime.fromisoformat(job.created_at)
        self.commits[made] = KnownCommit(job.dataset_id, parent, made_at, frozenset(files))
        if ref is not None:
            refs[ref] = made
        known.state, known.output, known.ended_at = "completed", made, self.now

    def cancel(self, job_id: str) -> None:
        with self.service.database.write() as tx:
            cancel_job(tx, job_id, "bg54677", self.service.clock)
        self.jobs[job_id].state, self.jobs[job_id].ended_at = "failed", self.now

    def import_at_once(self, content: int) -> str:
        """Import into the first dataset; returns the commit."""
        self.ask_for_import(min(self.datasets))
        return self._done_at_once(content, residual=False)

    def sample_at_once(self, source: str, content: int, residual: bool = True) -> str:
        self.ask_for_sample(source)
        return self._done_at_once(content, residual)

    def _done_at_once(self, content: int, residual: bool) -> str:
        assert self.start(content, residual)
        job_id = self.attempts[-1].job.id
        self.end(self.attempts[-1], completes=True)
        output = self.jobs[job_id].output
        assert output is not None
        return output

    def fail_at_once(self) -> str:
        """An import that fails; returns the job."""
        self.ask_for_import(min(self.datasets))
        self.start(0, residual=False)
        job_id = self.attempts[-1].job.id
        self.end(self.attempts[-1], completes=False)
        return job_id

    def ref_of(self, commit_id: str) -> tuple[int, str]:
        """The dataset and the name of a ref that names a commit."""
        dataset_id = self.commits[commit_id].dataset_id
        (name,) = (key for key, one in self.datasets[dataset_id].refs.items() if one == commit_id)
        return dataset_id, name

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def log_of(self, job_id: str) -> list[str]:
        with self.service.database.read() as tx:
            return [entry.message for entry in list_log(tx, job_id, 0, 100)[0]]

    def name(self, commit_id: str) -> None:
        dataset_id, name = self.commits[commit_id].dataset_id, f"v{self._number()}"
        with self.service.database.write() as tx:
            found = resolve(tx, dataset_id, commit_id)
            create_ref(tx, dataset_id, name, found, self.service.clock)
        self.datasets[dataset_id].refs[name] = commit_id

    def delete(self, dataset_id: int, name: str) -> None:
        with self.service.database.write() as tx:
            delete_ref(tx, dataset_id, name, self.service.clock)
        self.commits[self.datasets[dataset_id].refs.pop(name)].left_at = self.now

    def remove(self, dataset_id: int) -> None:
        with self.service.database.write() as tx:
            remove_dataset(tx, dataset_id, self.service.clock)
        self.datasets[dataset_id].removed_at = self.now

    # What must be left

    def prune_and_check(self) -> Report:
        """Look, prune, and hold what is left against the account; returns what went."""
        before = self._contents()
        moment = self.now
        looked = prune(self.service, dry_run=True)
        assert self._contents() == before, "a dry run removed something"
        done = self._prune_all(moment)
        self.now = moment + timedelta(microseconds=1)  # as the prune saw it
        for went, would_go in zip(done.tallies, looked.report.tallies, strict=True):
            assert went == would_go, f"{went} went, but {would_go} was told before"
        self._account_for(*self._needed())
        self._hold_against_storage()
        again = self._prune_all(moment)
        assert not any(tally.count for tally in again.tallies), "something was left over"
        return done

    def _prune_all(self, moment: datetime) -> Report:
        """As many calls as it takes on a busy machine, all at one moment."""
        done = Report()
        complete = False
        while not complete:
            self.now = moment
            one = prune(self.service, dry_run=False)
            done.include(one.report)
            complete = one.complete
        return done

    def prune_while(self, happening: Callable[[], None]) -> None:
        """Prune while other things happen, and then once more in peace."""
        hook = Interruptions(happening)
        while not prune(replace(self.service, stopping=hook), dry_run=False).complete:
            pass
        _, commits, jobs = self._needed()
        left = self._contents()
        assert commits <= left["commits"], "a commit went that is needed by now"
        assert jobs <= {job[0] for job in left["jobs"]}  # type: ignore[index]
        self._account_for(self.datasets.keys(), left["commits"], jobs)
        self.prune_and_check()

    def _needed(self) -> tuple[set[int], set[str], set[str]]:
        """The datasets, commits and jobs that a prune must leave at this moment."""
        settings = self.service.settings
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

    def _hold_against_storage(self) -> None:
        contents = self._contents()
        assert contents["commits"] == set(self.commits)
        assert contents["jobs"] == {
            (key, job.state, job.source, job.output) for key, job in self.jobs.items()
        }
        assert contents["datasets"] == set(self.datasets)
        held = {file.sha256 for attempt in self.attempts for table in attempt.tables
                for file in (*table.files, *filter(None, [table.left_out]))}  # fmt: skip
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

    def _kept_uploads(self) -> set[object]:
        """Uploads of imports that have not completed, and that failed not long ago."""
        days = timedelta(days=self.service.settings.keep_uploads_days)
        return {
            key
            for key, job in self.jobs.items()
            if key.startswith("i") and "r" not in key and job.state != "completed"
            if job.ended_at is None or job.ended_at >= self.now - days
        }

    def close(self) -> None:
        """Let go of what running jobs hold."""
        for attempt in self.attempts:
            attempt.holding.close()


@contextmanager
def new_world(parquet: ParquetDatabase, **keeps: int) -> Iterator[World]:
    ids = itertools.count(1)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        directory = DataDirectory(Path(folder) / "data")
        directory.acquire(Owner(1, "tests", "now"))
        database = Database(directory.database_path)
        service = Service(
            settings=Settings(data_dir=directory.root, **(KEEPS | keeps)),
            directory=directory,
            database=database,
            data_files=DataFiles(directory.files_dir),
            parquet=parquet,
            parquet_long=parquet,
            clock=system_clock,
            new_id=lambda: f"job-{next(ids)}",
            wake_runner=lambda: None,
            interrupt_job=lambda job_id: None,
            stopping=threading.Event(),
        )
        world = World(service)
        try:
            yield world
        finally:
            world.close()
            database.close()
            directory.release()
