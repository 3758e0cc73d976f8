"""Damaged pages of attached files: a read answers rows, or names the file that is damaged."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import duckdb
import pytest

from parquet_tables.attached import AttachedFiles
from parquet_tables.columns import AttachedPath, DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.footers.damage import DamagedFile
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns
from tests.contract.exploring import query
from tests.import_engine.test_lying_footers import SourceReader
from tests.support.attached_world import LEDGER, World, attached_world
from tests.support.nightly import amount

ROWS = 3_000
MUTANTS = amount(10, 42)
"""Damaged files of each codec and version of Parquet."""
CODECS = ("uncompressed", "snappy", "zstd", "gzip", "lz4", "brotli")
Outcome = tuple[int, str, str]
"""Status, code and text of an answer; of a job, 503 if it failed."""


def ledger_file(path: Path, codec: str, version: str) -> bytes:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY ({LEDGER.replace('?, ?', f'0, {ROWS}')}) TO '{path}' (FORMAT parquet, "
            f"ROW_GROUP_SIZE 2048, COMPRESSION {codec}, PARQUET_VERSION {version})"
        )
    return path.read_bytes()


def damaged(content: bytes, count: int, chance: random.Random, folder: Path) -> Iterator[bytes]:
    """Flip bits in headers, dictionaries and values; every other time near a page's header."""
    path = folder / "places.parquet"
    path.write_bytes(content)
    with duckdb.connect() as connection:
        places = connection.execute(
            "SELECT coalesce(dictionary_page_offset, data_page_offset), data_page_offset, "
            "data_page_offset + total_compressed_size FROM parquet_metadata(?)",
            [str(path)],
        ).fetchall()
    for at in range(count):
        first, second, end = chance.choice(places)
        place = chance.choice((first, second)) + chance.randrange(24)
        if at % 2:
            place = chance.randrange(first, end)
        changed = bytearray(content)
        for _ in range(1 + at % 3):
            changed[min(place, len(content) - 400)] ^= 1 << chance.randrange(8)
            place += chance.randrange(3)
        yield bytes(changed)


def test_damaged_files_are_read_or_named(tmp_path: Path) -> None:
    root, source = tmp_path / "root", tmp_path / "a.parquet"
    root.mkdir()
    chance, files = random.Random(4), AttachedFiles()
    outcomes = {"read": 0, "named": 0}
    with ParquetDatabase(
        root, root / "spill", memory_mb=256, threads=1, attached=files
    ) as database:
        for codec in CODECS:
            for version in ("v1", "v2"):
                content = ledger_file(root / "whole.parquet", codec, version)
                with database.cursor() as cursor:
                    columns = read_columns(cursor, root / "whole.parquet")
                for mutant in damaged(content, MUTANTS, chance, tmp_path):
                    source.write_bytes(mutant)
                    path = AttachedPath(str(sum(outcomes.values())), len(content))
                    files.add(path, lambda: SourceReader(source), name="lake/a.parquet")
                    table = TableFiles(columns, (DataFile(path, ROWS),))
                    try:
                        with database.cursor(table) as cursor:
                            cursor.execute("FROM read_parquet(?)", [str(path)]).fetchall()
                        outcomes["read"] += 1
                    except DamagedFile as error:
                        outcomes["named"] += "lake/a.parquet" in error.message
    count = 2 * len(CODECS) * MUTANTS
    assert sum(outcomes.values()) == count
    assert outcomes["named"] > 0.4 * count


def test_damaged_file_of_the_store_is_named(tmp_path: Path) -> None:
    content = ledger_file(tmp_path / "whole.parquet", "zstd", "v1")
    path = tmp_path / f"{hashlib.sha256(content).hexdigest()}.parquet"
    named = 0
    with ParquetDatabase(tmp_path, tmp_path / "spill", memory_mb=256, threads=1) as database:
        with database.cursor() as cursor:
            columns = read_columns(cursor, tmp_path / "whole.parquet")
        table = TableFiles(columns, (DataFile(path, ROWS),))
        for mutant in damaged(content, 40, random.Random(1), tmp_path):
            path.write_bytes(mutant)
            try:
                with database.cursor(table) as cursor:
                    cursor.execute("FROM read_parquet(?)", [str(path)]).fetchall()
            except DamagedFile as error:
                named += path.stem[:12] in error.message and "jobsvc check" in error.message
        path.write_bytes(content)
        with pytest.raises(duckdb.ConversionException), database.cursor(table) as cursor:
            cursor.execute("SELECT region::INTEGER FROM read_parquet(?)", [str(path)]).fetchall()
        with pytest.raises(duckdb.InvalidInputException), database.cursor(table) as cursor:
            cursor.execute("SELECT error('x') FROM read_parquet(?)", [str(path)]).fetchall()
    assert named > 20


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("pages")) as made:
        yield made


class Reads:
    """Reads of a dataset whose files are damaged without another version."""

    def __init__(self, world: World, dataset: int, drawn: dict[str, Any]) -> None:
        self.world, self.dataset, self.drawn = world, dataset, drawn
        self.number = 0

    def answer(self, response: Any) -> Outcome:
        code = response.json()["code"] if response.status_code >= 400 else ""
        return response.status_code, code, response.text

    def job(self, path: str, body: dict[str, Any]) -> Outcome:
        answer = self.world.server.admin.post(path, json=body)
        if answer.status_code != 200:
            return self.answer(answer)
        job = self.world.server.finished(answer.json()["job_id"])
        failed = job["status"] == "failed"
        return 503 if failed else 200, job["error_code"] or "", job["error_message"] or ""

    def rows(self) -> Outcome:
        return self.answer(self.world.table(self.dataset, "data", limit=100, offset=500))

    def filtered(self) -> Outcome:
        text = f"amount > {self.number % 50} and score < 900"
        return self.answer(self.world.table(self.dataset, "data", filters=text, limit=100))

    def sorted(self) -> Outcome:
        return self.answer(self.world.table(self.dataset, "data", order_by="amount", limit=10))

    def export(self) -> Outcome:
        response = self.world.table(self.dataset, "data", format="csv")
        if response.status_code == 200:
            return 200, "", ""
        return self.answer(response)

    def sql(self) -> Outcome:
        statement = "SELECT region, sum(amount), max(score) FROM data GROUP BY ALL"
        return self.answer(query(self.world.server, self.dataset, statement))

    def draw(self) -> Outcome:
        rounds = [
            {
                "method": "stratified",
                "parameters": {
                    "sample_size": 20,
                    "strata_columns": ["region"],
                    "seed": self.number,
                },
                "filters": {
                    "conditions": [{"column": "amount", "operator": ">", "value": self.number % 40}]
                },
            }
        ]
        return self.job(f"/api/sampling/datasets/{self.dataset}/jobs", {"rounds": rounds})

    def weighted(self) -> Outcome:
        parameters = {"sample_size": 9, "weight_column": "score", "seed": self.number}
        rounds = [{"method": "weighted", "parameters": parameters}]
        return self.job(f"/api/sampling/datasets/{self.dataset}/jobs", {"rounds": rounds})

    def profile(self) -> Outcome:
        body = {"columns": ["amount", "region", "score"]}
        return self.job(f"/api/profiling/datasets/{self.dataset}/jobs", body)

    def residual(self) -> Outcome:
        path = f"/api/sampling/jobs/{self.drawn['id']}/residual"
        return self.answer(self.world.get(path, limit=100, offset=700))

    def values(self) -> Outcome:
        path = f"/api/sampling/jobs/{self.drawn['id']}/reserves"
        return self.answer(self.world.get(path, limit=30))

    def proofs(self) -> Outcome:
        return self.job(f"/api/datasets/{self.dataset}/row-roots", {})

    def all(self) -> list[Callable[[], Outcome]]:
        return [
            self.rows,
            self.filtered,
            self.sorted,
            self.export,
            self.sql,
            self.draw,
            self.weighted,
            self.profile,
            self.residual,
            self.values,
            self.proofs,
        ]


def damage_in_place(path: Path, content: bytes) -> None:
    """Change a file as a failing disk does: same inode, size and time."""
    times = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_no_read_of_damaged_pages_is_an_internal_error(world: World, tmp_path: Path) -> None:
    chance = random.Random(7)
    codes: dict[str, int] = {}
    for codec in ("zstd", "gzip", "snappy"):
        content = ledger_file(tmp_path / "whole.parquet", codec, "v2")
        name = f"{codec}/a.parquet"
        world.put("disk", name, content)
        dataset, job = world.attached({"uri": world.uri("disk", name), "connection": "disk"})
        assert job["status"] == "completed", job["error_message"]
        rounds = [{"method": "random", "parameters": {"sample_size": 20, "seed": 1}}]
        drawn = world.server.draw(dataset, {"rounds": rounds, "export_residual": True})
        reads = Reads(world, dataset, drawn)
        for read in reads.all():
            status, code, text = read()
            assert status == 200, (read.__name__, code, text)
        mutants = damaged(content, 22, chance, tmp_path)
        for mutant, read in zip(mutants, islice(cycle(reads.all()), 22), strict=True):
            damage_in_place(world.folder / name, mutant)
            reads.number += 1
            status, code, text = read()
            codes[code] = codes.get(code, 0) + 1
            if status != 200:
                assert (status, code) == (503, "damaged_data"), (read.__name__, text)
                assert name in text
    assert codes["damaged_data"] > 20
