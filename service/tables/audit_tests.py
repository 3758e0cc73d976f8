"""An audit test that is ready to run on the tables of a request or of a job."""

from __future__ import annotations

from typing import Any

from contract.requests.audit_tests import AUDIT_TESTS, AuditTestRequest
from lazy_dataclasses import dataclass
from profiling_engine.audit_tests import TESTS, TableTest
from service.service import Service
from service.tables.open_tables import OpenTable, open_source, open_table
from storage.accounts.datasets import get_dataset
from storage.accounts.users import get_user
from storage.jobs.jobs import JobRecord

OTHER = "other"
"""The run parameter of the other table of a test that compares two."""


@dataclass(frozen=True)
class ReadyTest:
    """A test with its tables; ``other`` is None of a test of one table."""

    test: TableTest
    table: OpenTable
    other: OpenTable | None


def ready_test(
    name: str, request: AuditTestRequest, table: OpenTable, other: OpenTable | None
) -> ReadyTest:
    """Prepare a test; DomainError if the tables don't have the columns that it needs."""
    compared = None if other is None else (other.files, other.key)
    return ReadyTest(TESTS[name](table.files, table.key, request, compared), table, other)


def ready_test_of_job(service: Service, job: JobRecord) -> ReadyTest:
    """Prepare the test of a job.

    Raises
    ------
    NotFound
        The job's user may not read the dataset of the other table any more, or a table was pruned.
    """
    parameters = job.run_parameters
    name = parameters["test"]
    request = AUDIT_TESTS[name].request.of(parameters)
    return ready_test(name, request, open_source(service, job), _other_of_job(service, job))


def _other_of_job(service: Service, job: JobRecord) -> OpenTable | None:
    other: dict[str, Any] | None = job.run_parameters.get(OTHER)
    if other is None:
        return None
    with service.database.read() as tx:
        get_dataset(tx, other["dataset_id"], get_user(tx, job.user_id))
    return open_table(service, other["dataset_id"], other["commit_id"], other["table_key"])
