"""A start sweeps what a crash left behind, unless a backup may still read it."""

from __future__ import annotations

from job_runner.recovery import recover
from job_runner.service import Service


def test_stray_files_are_swept_but_not_while_a_backup_reads(service: Service) -> None:
    written = service.directory.scratch_dir / "rows"
    written.write_bytes(b"of a commit that never came")
    with service.data_files.hold() as adopt:
        stray = service.data_files.path(adopt(written, 1).sha256)
    with service.directory.files_lock.reading():
        recover(service)
    assert stray.exists()
    recover(service)
    assert not stray.exists()
