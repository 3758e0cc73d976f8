"""What a query spills leaves the disk its free space."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from parquet_tables.attached import AttachedFiles
from parquet_tables.progress import ignore_progress
from sql_sandbox.errors import SqlOutOfMemory
from sql_sandbox.request import QueryRequest, SourceTable
from sql_sandbox.sandbox import QueryWatch, Sandbox
from tests.sql_sandbox.conftest import LIMITS

SPILLING = "SELECT hash(range) AS h FROM range(20_000_000) ORDER BY h DESC"  # 160 MB


def more_than_free_mb(folder: Path) -> int:
    return shutil.disk_usage(folder).free // 1024**2 * 2


@pytest.fixture
def short(sandbox: Sandbox, tmp_path: Path) -> Sandbox:
    """A sandbox on a disk with less free space than must stay."""
    limits = replace(LIMITS, memory_mb=64, spill_mb=4096, keep_free_mb=more_than_free_mb(tmp_path))
    return Sandbox(limits, tmp_path / "scratch", AttachedFiles())


def test_a_spill_below_the_limit_is_a_full_disk(
    short: Sandbox, tables: tuple[SourceTable, ...]
) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        short.first_rows(f"SELECT sum(h) FROM ({SPILLING} OFFSET 1)", tables, 1, 60)
    assert caught.value.errno == errno.ENOSPC


def test_a_query_that_spills_nothing_goes_on(
    short: Sandbox, tables: tuple[SourceTable, ...]
) -> None:
    assert short.first_rows("SELECT count(*) FROM orders", tables, 1, 60).rows == [[2000]]


def test_the_settings_limit_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    limits = replace(LIMITS, memory_mb=64, spill_mb=8)
    with pytest.raises(SqlOutOfMemory, match="8 MiB on disk"):
        Sandbox(limits, tmp_path / "scratch", AttachedFiles()).first_rows(
            f"SELECT sum(h) FROM ({SPILLING} OFFSET 1)", (), 1, 60
        )


def test_a_query_that_spills_ends_when_others_fill_the_disk(tmp_path: Path) -> None:
    limits = replace(LIMITS, keep_free_mb=more_than_free_mb(tmp_path))
    watch = QueryWatch(
        QueryRequest("rows", "SELECT 1", (), limits, tmp_path), ignore_progress, None
    )
    watch(0.5, "")
    (tmp_path / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"spilled")
    with pytest.raises(OSError, match="No space left"):
        watch(0.5, "")
