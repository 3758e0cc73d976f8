"""An import of text stops before it takes the disk's free space."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from tests.import_engine.conftest import Importing

TEXT = "a,b\n" + "1,x\n" * 100_000


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Importing]:
    """Imports on a disk with less free space than must stay."""
    keep_free_mb = shutil.disk_usage(tmp_path).free // 1024**2 * 2
    with ParquetDatabase(tmp_path, tmp_path / "spill", keep_free_mb=keep_free_mb) as database:
        yield Importing(database, tmp_path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(TEXT.encode()), "f.csv.gz"),
        (TEXT.encode(), "f.csv"),
        (TEXT.encode("utf-16"), "f.csv"),
        (TEXT.replace("x", "\u00e9").encode("cp1252"), "f.csv"),
    ],
    ids=["gzip", "utf-8", "utf-16", "windows-1252"],
)
def test_text_below_the_limit_meets_a_full_disk(
    short: Importing, content: bytes, name: str
) -> None:
    with pytest.raises(OSError, match="No space left"):
        short.tables(content, name)
    assert list(short.destination.glob("*.scratch")) == []
