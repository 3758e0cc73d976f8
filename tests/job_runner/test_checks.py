"""A check finds changed certificates."""

from __future__ import annotations

from service.service import Service
from storage.accounts.datasets import DatasetRecord
from storage.accounts.users import User
from storage.certificates.certificates import insert_certificate
from storage.maintenance.checking import check
from tests.job_runner.conftest import submit


def test_a_changed_certificate_is_a_fault(
    service: Service, dataset: DatasetRecord, user: User
) -> None:
    job_id = submit(service, dataset, user)
    with service.database.write() as tx:
        insert_certificate(tx, job_id, 1, "2025-07-07T00:00:00.000000+00:00", 0, '{"a":1}')
    assert check(service.directory, lambda done, what: None).faults == ()
    with service.database.write() as tx:
        ((guard,),) = tx.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'certificates_never_change'"
        ).fetchall()
        tx.execute("DROP TRIGGER certificates_never_change")
        tx.execute("UPDATE certificates SET payload = '{}'")
        tx.execute(guard)
    (fault,) = check(service.directory, lambda done, what: None).faults
    assert fault.what == f"certificate 1 of job {job_id}"
    assert fault.problem == "its payload has changed"
