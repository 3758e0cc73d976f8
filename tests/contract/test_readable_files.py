"""What DuckDB can read: data files and temporary ones, and never a secret of the data directory.

A column's name is the way in that was used: it became a part of the SQL of a draw.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from parquet_tables.child_process import ChildDied, ask_child, line_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.row_hashes import MAX_ANSWER_BYTES, HashRequest
from tests.support.live_server import LiveServer

SECRETS = (
    "owner.json",
    "signing-key.pem",
    "jobsvc.sqlite3",
    "jobsvc.sqlite3-wal",
    "files.lock",
    "uploads/upload",
    "files/../owner.json",
    "scratch/../uploads/../owner.json",
)


@pytest.fixture(params=["parquet", "parquet_long"])
def database(server: LiveServer, request: pytest.FixtureRequest) -> ParquetDatabase:
    found: ParquetDatabase = getattr(server.service, request.param)
    return found


@pytest.fixture(scope="module")
def root(server: LiveServer) -> Path:
    folder = server.service.directory.root
    upload = folder / "uploads" / "upload"
    upload.write_text("a\n1\n")
    assert all((folder / name).exists() for name in SECRETS)
    return folder


@pytest.mark.parametrize("name", SECRETS)
def test_no_instance_reads_or_writes_a_secret(
    database: ParquetDatabase, root: Path, name: str
) -> None:
    before = (root / name).read_bytes()
    for statement in (
        "SELECT content FROM read_text(?)",
        "SELECT content FROM read_blob(?)",
        "SELECT * FROM read_csv(?, all_varchar = true)",
        "SELECT * FROM glob(?)",
        "COPY (SELECT 1) TO ?",
    ):
        sql = statement.replace("?", f"'{root / name}'")
        with database.cursor() as cursor, pytest.raises(duckdb.PermissionException):
            cursor.execute(sql)
    assert (root / name).read_bytes() == before


def test_nothing_is_listed_beside_the_allowed_folders(
    database: ParquetDatabase, root: Path
) -> None:
    for pattern in ("*", "uploads/*", "**"):
        with database.cursor() as cursor, pytest.raises(duckdb.PermissionException):
            cursor.execute("SELECT * FROM glob(?)", [f"{root}/{pattern}"])


def test_the_process_that_hashes_rows_reads_its_files_alone(
    server: LiveServer, root: Path, tmp_path: Path
) -> None:
    server.new_table(20)
    data = max((root / "files").glob("??/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    result = tmp_path / "hashes"

    def hashed(expression: str) -> None:
        request = HashRequest([(str(data), 0, 20)], expression, 0, "00" * 16, str(result))
        ask_child(
            "parquet_tables.row_hashes",
            line_of(request),
            tmp_path / "errors",
            lambda *_: None,
            MAX_ANSWER_BYTES,
        )

    hashed("CAST(f.id AS VARCHAR)")
    assert result.read_bytes()
    with pytest.raises(ChildDied, match="Permission Error"):
        hashed(f"(SELECT content FROM read_text('{root}/owner.json'))")


QUOTE = "{ordinal.isidentifier.__doc__[159]}"
"""A double quote, once Python formats it."""


@pytest.mark.parametrize("end", [f"f.{QUOTE}z", f"f.z{QUOTE}"])
def test_a_header_that_was_code_is_a_name(server: LiveServer, end: str) -> None:
    secret = server.service.directory.root / "owner.json"
    name = f"z{QUOTE} || (SELECT content FROM read_text('{secret}')) || {end}"
    lines = "\n".join(f"{row},own {row}" for row in range(50))
    dataset_id = server.new_dataset()
    job = server.import_text(dataset_id, f'z,"{name}"\n{lines}\n')
    assert job["status"] == "completed", job
    for method, parameters in (
        ("random", {"sample_size": 5, "seed": 1}),
        ("stratified", {"strata_columns": [name], "samples_per_stratum": 1, "seed": 1}),
    ):
        job = server.draw(dataset_id, {"method": method, "parameters": parameters})
        assert job["status"] == "completed", job
        rows = server.rows(job["id"], limit=100)
        assert len(rows) == (5 if method == "random" else 50)
        assert all(row[name] == f"own {row['z']}" for row in rows), rows[0]
        data = f"/api/sampling/jobs/{job['id']}/data"
        assert server.token not in server.admin.get(data, params={"format": "csv"}).text
