"""What happens to datasets, refs and jobs: in storage, and in the account of them."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from parquet_tables.tables import Column
from service.service import Service
from storage.accounts.datasets import create_dataset, remove_dataset
from storage.accounts.users import add_user
from storage.jobs.jobs import JobRecord, cancel_job, fail_job, get_job, list_log
from storage.jobs.publishing import NewCommit, Outcome, publish
from storage.jobs.queue import claim_next_job
from storage.jobs.submission import IdempotencyKey, NewJob, insert_job, store_key
from storage.versions.data_files import StoredFile
from storage.versions.manifests import StoredTable, get_commit
from storage.versions.refs import create_ref, delete_ref, resolve
from tests.job_runner.prune_account import Account, KnownCommit, KnownDataset, KnownJob

COLUMNS = (Column("id", "BIGINT"),)


@dataclass
class Attempt:
    job: JobRecord
    holding: ExitStack
    tables: list[StoredTable]


class Happenings(Account):
    """Storage with a clock of its own, in which things happen."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.settings)
        self.service = replace(service, clock=self._tick)
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
        """A job that reads its source and another commit."""
        job_id, dataset_id = f"c{self._number()}", self.commits[source].dataset_id
        parameters = {"compare_to": {"ref": "gone", "table_key": "t", "commit_id": other}}
        self._insert(NewJob(job_id, "exploration", dataset_id, self.user.id, source, parameters))

    def ask_for_query(self, source: str, other: str) -> None:
        """A job whose statement reads its source and another commit."""
        job_id, dataset_id = f"q{self._number()}", self.commits[source].dataset_id
        joined = [{"name": "findings", "last_finding_id": 0}, {"name": "b", "commit_id": other}]
        parameters = {"sql": "SELECT 1", "joined": joined}
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
            store_key(tx, self.user.id, key, new.id, self.service.clock)
        others = [new.run_parameters.get("compare_to", {}), *new.run_parameters.get("joined", ())]
        compared = next((each["commit_id"] for each in others if "commit_id" in each), None)
        self.jobs[new.id] = KnownJob(new.dataset_id, new.source_commit_id, compared)

    def start(self, content: int, residual: bool) -> bool:
        """Claim the next job, if one waits, and bring its files; no commit names them yet."""
        with self.service.database.write() as tx:
            job = claim_next_job(tx, self.service.clock)
        if job is None:
            return False
        self.jobs[job.id].state = "running"
        holding = ExitStack()
        adopt = holding.enter_context(self.service.hold_files())

        def stored(text: str) -> StoredFile:
            written = self.service.directory.scratch_dir / "written"
            written.write_text(text)
            return adopt(written, 1)

        tables = [StoredTable("primary", COLUMNS, (stored(f"content {content}"),))]
        if job.source_commit_id is not None and residual:
            with self.service.database.read() as tx:
                commit = get_commit(tx, job.dataset_id, job.source_commit_id)
            source = commit.manifest.tables[0]
            tables.append(
                replace(source, key="residual", deletion_vector=stored(f"left {content}"))
            )
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
        files |= {table.deletion_vector.sha256 for table in attempt.tables if table.deletion_vector}
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

    def close(self) -> None:
        """Let go of what running jobs hold."""
        for attempt in self.attempts:
            attempt.holding.close()
