"""Fixtures: a user, a dataset and a clock."""

from __future__ import annotations

import pytest

from parquet_tables.tables import Column
from storage.accounts.datasets import DatasetRecord, create_dataset
from storage.accounts.users import User, add_user
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.queue import claim_next_job
from storage.jobs.submission import NewJob, insert_job
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from storage.versions.data_files import StoredFile
from storage.versions.manifests import StoredTable


@pytest.fixture
def user(database: Database, clock: Clock) -> User:
    with database.write() as tx:
        return add_user(tx, "bg54677", "analyst", None, clock)


@pytest.fixture
def dataset(database: Database, clock: Clock, user: User) -> DatasetRecord:
    with database.write() as tx:
        return create_dataset(tx, user, name="Sales", description="", tags=["q1"], clock=clock)


def a_table(rows: int = 3, key: str = "primary") -> StoredTable:
    return StoredTable(key, (Column("id", "BIGINT"),), (StoredFile("a" * 64, rows, 100),))


def submit(
    database: Database, user: User, dataset: DatasetRecord, clock: Clock, job_id: str = "job-1"
) -> JobRecord:
    with database.write() as tx:
        insert_job(tx, NewJob(job_id, "import", dataset.id, user.id, None, {"n": 1}), clock, 100)
        return get_job(tx, job_id)


def claim(database: Database, clock: Clock) -> JobRecord:
    with database.write() as tx:
        job = claim_next_job(tx, clock)
    assert job is not None
    return job
