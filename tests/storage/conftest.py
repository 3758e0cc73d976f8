"""Fixtures: a user, a dataset and a clock."""

from __future__ import annotations

import pytest

from parquet_tables.tables import Column
from storage.clock import Clock
from storage.data_files import StoredFile
from storage.database import Database
from storage.datasets import Dataset, create_dataset
from storage.job_queue import claim_next_job
from storage.jobs import Job, get_job
from storage.manifests import StoredTable
from storage.new_jobs import NewJob, insert_job
from storage.users import User, add_user


@pytest.fixture
def user(database: Database, clock: Clock) -> User:
    with database.write() as tx:
        return add_user(tx, "bg54677", "analyst", None, clock)


@pytest.fixture
def dataset(database: Database, clock: Clock, user: User) -> Dataset:
    with database.write() as tx:
        return create_dataset(tx, user, name="Sales", description="", tags=["q1"], clock=clock)


def a_table(rows: int = 3, key: str = "primary") -> StoredTable:
    return StoredTable(key, (Column("id", "BIGINT"),), (StoredFile("a" * 64, rows, 100),))


def submit(
    database: Database, user: User, dataset: Dataset, clock: Clock, job_id: str = "job-1"
) -> Job:
    with database.write() as tx:
        insert_job(tx, NewJob(job_id, "import", dataset.id, user.id, None, {"n": 1}), clock, 100)
        return get_job(tx, job_id)


def claim(database: Database, clock: Clock) -> Job:
    with database.write() as tx:
        job = claim_next_job(tx, clock)
    assert job is not None
    return job
