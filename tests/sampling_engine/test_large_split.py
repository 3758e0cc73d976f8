"""A split of many rows by group, again with a tenth more, in bounded memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nightly import amount

ROWS = amount(500_000, 10_000_000)
MIB_BESIDE_DUCKDB = 300
"""The process with its modules, one byte and some digests a row; DuckDB gets 512 MiB more."""
SCRIPT = """
import sys
from pathlib import Path
from benchmarks.figures import peak_mib
from parquet_tables.database import ParquetDatabase
from parquet_tables.writing import read_columns, write_parquet
from parquet_tables.tables import TableFiles
from sampling_engine import Round, SplitMethod, draw_sample

root, rows = Path(sys.argv[1]), int(sys.argv[2])
QUERY = (
    "SELECT i AS id, 'u' || hash(i % (? // 10 + 3)) AS user, hash(i) / 3 AS x FROM range(?) AS r(i)"
)
method = SplitMethod(parts={"train": 0.8, "validation": 0.1, "test": 0.1}, group="user")
one = Round(round_number=1, method=method, seed=42)
samples = []
with ParquetDatabase(root, root / "spill", memory_mb=512, threads=2) as database:
    for count in (rows, rows * 11 // 10):
        path = root / f"{count}.parquet"
        with database.cursor() as cursor:
            file = write_parquet(cursor, QUERY, [rows, count], path)
            table = TableFiles(read_columns(cursor, path), (file,))
        sample = draw_sample(
            database, table, [one], table_key="primary", destination=root / f"s{count}.parquet",
            counts_dir=root,
        )
        account = sample.rounds[0].own
        for part in account.parts:
            assert abs(part.share_of_rows - part.share) < 3 * part.standard_error, part
        assert sample.rows_sampled == count
        assert account.check.groups_in_two_parts == account.check.repeated_rows == 0
        samples.append([str(each.path) for each in sample.table.files])
    peak = round(peak_mib())
    with database.cursor() as cursor:
        moved = cursor.execute(
            "SELECT count(*), count_if(a._part <> b._part) FROM read_parquet(?) AS a "
            "JOIN read_parquet(?) AS b USING (id)", samples
        ).fetchall()[0]
print(f"compared {moved[0]} moved {moved[1]} peak {peak}")
"""


@pytest.mark.slow
def test_many_rows_by_group_move_none_and_bounded_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(ROWS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    found = re.search(r"compared (\d+) moved (\d+) peak (\d+)", done.stdout)
    assert found is not None, done.stdout
    compared, moved, peak = map(int, found.groups())
    assert (compared, moved) == (ROWS, 0)
    assert peak < 512 + MIB_BESIDE_DUCKDB
