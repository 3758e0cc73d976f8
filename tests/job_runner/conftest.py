"""A service over a temporary directory, with a runner of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from job_runner.runner import Runner
from parquet_tables.attached import AttachedFiles
from parquet_tables.database import ParquetDatabase
from service.service import Service
from storage.accounts.datasets import DatasetRecord, create_dataset
from storage.accounts.users import User, add_user
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.submission import NewJob, insert_job
from storage.maintenance.data_directory import DataDirectory, Owner
from tests.job_runner.prune_world import World, new_world
from tests.job_runner.services import service_of

WAIT_S = 20


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    directory = DataDirectory(tmp_path / "data")
    directory.acquire(Owner(1, "tests", "now"))
    attached = AttachedFiles()
    with (
        ParquetDatabase(
            directory.root, directory.spill_dir, memory_mb=256, attached=attached
        ) as parquet,
        service_of(directory, parquet, attached) as found,
    ):
        yield found
    directory.release()


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParquetDatabase]:
    """One instance for the services of many small worlds."""
    root = tmp_path_factory.mktemp("parquet")
    with ParquetDatabase(root, root / "spill", memory_mb=128) as opened:
        yield opened


@pytest.fixture
def world(parquet: ParquetDatabase) -> Iterator[World]:
    with new_world(parquet) as made:
        made.new_dataset()
        yield made


@pytest.fixture
def user(service: Service) -> User:
    with service.database.write() as tx:
        return add_user(tx, "bg54677", "analyst", None, service.clock)


@pytest.fixture
def dataset(service: Service, user: User) -> DatasetRecord:
    with service.database.write() as tx:
        return create_dataset(tx, user, name="Sales", description="", tags=[], clock=service.clock)


def submit(service: Service, dataset: DatasetRecord, user: User, **parameters: object) -> str:
    job_id = service.new_id()
    with service.database.write() as tx:
        new = NewJob(job_id, "import", dataset.id, user.id, None, parameters)
        insert_job(tx, new, service.clock, 100)
    service.wake_runner()
    return job_id


def job_of(service: Service, job_id: str) -> JobRecord:
    with service.database.read() as tx:
        return get_job(tx, job_id)


def joined(service: Service, runner: Runner) -> Service:
    """The service with this runner in it."""
    return replace(service, wake_runner=runner.wake, interrupt_job=runner.interrupt)


@contextmanager
def running(service: Service, runner: Runner) -> Iterator[Service]:
    """The service with this runner in it, which claims jobs until the block ends."""
    woken = joined(service, runner)
    runner.start(woken)
    try:
        yield woken
    finally:
        woken.stopping.set()
        runner.stop(grace_s=0)
