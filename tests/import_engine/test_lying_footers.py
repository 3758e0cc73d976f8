"""No lie of a footer hides rows: 500 changed footers, beside an oracle that read the true file."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from import_engine.attaching import Footer, masked, read_footer, verify
from import_engine.errors import UnreadableFile
from import_engine.sources.uris import parse_uri
from parquet_tables.attached import AttachedFiles
from parquet_tables.columns import AttachedPath
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from tests.support.footers import Struct, change, changed, chunks, get, groups, put

ROWS, GROUP_ROWS = 6_000, 2_048
SQL = (
    "SELECT range AS id, range % 97 AS amount, ['n', 'e', NULL, 's'][range % 4 + 1] AS region, "
    f"range / 7 AS score, md5(range::VARCHAR) AS t FROM range({ROWS})"
)
WAYS = (
    "PARQUET_VERSION v1, COMPRESSION zstd",
    "PARQUET_VERSION v2, COMPRESSION snappy",
    "PARQUET_VERSION v1, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1",
)
QUESTIONS = (
    "count(*) FILTER (amount >= 50)",
    "max(amount)",
    "min(score)",
    "count(region)",
    "max(t)",
)
FILTERS = (
    "amount = 96",
    "id BETWEEN 2000 AND 2100",
    "region IS NULL",
    "region = 's'",
    "score > 800",
    "t > 'f'",
    "amount IN (SELECT unnest([1, 96]))",
)


def chunk(footer: Struct, at: tuple[int, int]) -> Struct:
    return chunks(groups(footer)[at[0]])[at[1]]


def set_statistics(footer: Struct, at: tuple[int, int], fields: tuple[int, ...], up: bool) -> None:
    """State another minimum or maximum, in the old and the new field."""
    statistics = get(chunk(footer, at), 12)
    for field in fields:
        old = get(statistics, field)
        if old is not None:
            put(statistics, field, _moved(old, at[1], up=up))


def _moved(old: bytes, column: int, *, up: bool) -> bytes:
    step = 7 if up else -7
    if column in (0, 1):
        return struct.pack("<q", struct.unpack("<q", old)[0] + step)
    if column == 3:
        return struct.pack("<d", struct.unpack("<d", old)[0] + step)
    return (b"zz" if up else b"") + old[2:]


def all_chunks(group: Struct) -> list[Struct]:
    return chunks(group)


def fewer_rows(footer: Struct, group: int, by: int) -> None:
    """State fewer rows everywhere, as a consistent liar does."""
    change(footer, 3, -by)
    change(groups(footer)[group], 3, -by)
    for one in all_chunks(groups(footer)[group]):
        change(one, 5, -by)


def without_group(footer: Struct, group: int) -> None:
    change(footer, 3, -get(groups(footer)[group], 3))
    del groups(footer)[group]


def without_pages(footer: Struct, group: int) -> None:
    """State fewer rows, and pages that end earlier: nothing but a gap shows it."""
    fewer_rows(footer, group, 1)
    for one in all_chunks(groups(footer)[group]):
        change(one, 7, -1)


def one_value(footer: Struct, at: tuple[int, int]) -> None:
    """State that all values are the minimum, and that none is missing."""
    statistics = get(chunk(footer, at), 12)
    for high, low in ((1, 2), (5, 6)):
        if get(statistics, low) is not None:
            put(statistics, high, get(statistics, low))
    put(statistics, 3, 0)


@dataclass(frozen=True)
class Mutant:
    kind: str
    content: bytes


LIES: dict[str, Callable[[Struct, random.Random], object]] = {
    "rows of the file": lambda f, r: change(f, 3, r.choice((-1000, -1, 1, 500))),
    "rows of a group": lambda f, r: change(groups(f)[r.randrange(3)], 3, r.choice((-100, -1, 1))),
    "rows of file and group": lambda f, r: _same(f, r.randrange(3), r.choice((-100, -1, 1))),
    "values of a column": lambda f, r: change(chunk(f, _at(r)), 5, r.choice((-100, -1, 1, 9))),
    "rows everywhere": lambda f, r: fewer_rows(f, r.randrange(3), r.choice((1, 100, 1900))),
    "a row group": lambda f, r: without_group(f, r.randrange(3)),
    "pages": lambda f, r: without_pages(f, r.randrange(3)),
    "maximum": lambda f, r: set_statistics(f, _at(r), (1, 5), up=False),
    "minimum": lambda f, r: set_statistics(f, _at(r), (2, 6), up=True),
    "wider maximum": lambda f, r: set_statistics(f, _at(r, (0, 1, 3)), (1, 5), up=True),
    "missing values": lambda f, r: change(get(chunk(f, _at(r)), 12), 3, r.choice((1, 50, 2048))),
    "one value": lambda f, r: one_value(f, _at(r)),
    "place": lambda f, r: change(chunk(f, _at(r)), 9, r.choice((-5000, -1, 1, 4000))),
    "size": lambda f, r: change(chunk(f, _at(r)), 7, r.choice((-9, -1, 1, 100_000))),
    "a column": lambda f, r: get(groups(f)[r.randrange(3)], 1)[1].pop(r.randrange(5)),
}
"""What a footer states falsely, and how."""


def _at(chance: random.Random, columns: tuple[int, ...] = (0, 1, 2, 3, 4)) -> tuple[int, int]:
    return chance.randrange(3), chance.choice(columns)


def _same(footer: Struct, group: int, by: int) -> None:
    change(footer, 3, by)
    change(groups(footer)[group], 3, by)


def true_files(folder: Path) -> list[bytes]:
    with duckdb.connect() as connection:
        found = []
        for at, way in enumerate(WAYS):
            path = folder / f"true{at}.parquet"
            connection.execute(
                f"COPY ({SQL}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {GROUP_ROWS}, {way})"
            )
            found.append(path.read_bytes())
        return found


def mutants(originals: list[bytes], count: int) -> Iterator[Mutant]:
    """Changed footers of all kinds in turn; one that states the same again is made anew."""
    chance = random.Random(20)
    made = 0
    while made < count:
        kind = list(LIES)[made % len(LIES)]
        original = originals[made // len(LIES) % len(originals)]
        content = changed(original, lambda footer, kind=kind: LIES[kind](footer, chance))  # type: ignore[misc]
        if content != original:
            made += 1
            yield Mutant(kind, content)


class Attaching:
    """Attaches files of this process, as the server does."""

    def __init__(self, root: Path) -> None:
        self.files = AttachedFiles()
        root.mkdir()
        self.parquet = ParquetDatabase(
            root, root / "spill", memory_mb=256, threads=1, attached=self.files
        )
        self.source = root.parent / "attached.parquet"
        self.number = 0

    def attach(self, content: bytes, *, verifies: bool = False) -> tuple[Footer, AttachedPath]:
        """Attach a file, and return its footer and its path for DuckDB."""
        self.number += 1
        self.source.write_bytes(content)
        path = AttachedPath(f"file{self.number}", len(content))
        self.files.add(path, self.open, name="lake/a.parquet", belief="footer")
        self.files.add(masked(path), self.open, name="lake/a.parquet", belief="counts")
        uri = parse_uri("file:///lake/a.parquet")
        with self.parquet.cursor() as cursor:
            footer = read_footer(cursor, uri, path, self.files)
            if verifies:
                verify(cursor, uri, path, footer.columns, self.files, ignore_progress)
        return footer, masked(path)

    def open(self) -> Any:
        return SourceReader(self.source)

    def answers(self, path: AttachedPath, filters: Sequence[str]) -> dict[str, Any]:
        """The answers to all questions, and the number of rows of each filter."""
        source = "FROM read_parquet($path)"
        counts = [f"(SELECT count(id) {source} WHERE {each})" for each in filters]
        sql = f"SELECT {', '.join((*QUESTIONS, *counts))} {source}"
        with self.parquet.cursor() as cursor:
            (row,) = cursor.execute(sql, {"path": str(path)}).fetchall()
        return dict(zip((*QUESTIONS, *filters), row, strict=True))


class SourceReader:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, start: int, size_bytes: int) -> bytes:
        return os.pread(self._descriptor, size_bytes, start)

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def attaching(tmp_path: Path) -> Iterator[Attaching]:
    made = Attaching(tmp_path / "root")
    yield made
    made.parquet.close()


HIDDEN_WITHOUT_READING = {"rows everywhere", "a row group", "pages"}
"""Lies that only the pages show: a table that wasn't verified says so."""


def test_changed_footers_hide_no_row(attaching: Attaching, tmp_path: Path) -> None:
    originals = true_files(tmp_path)
    oracle, *others = [
        attaching.answers(attaching.attach(one, verifies=True)[1], FILTERS) for one in originals
    ]
    assert others == [oracle] * 2
    outcomes: Counter[tuple[str, str]] = Counter()
    for number, mutant in enumerate(mutants(originals, 500)):
        try:
            footer, path = attaching.attach(mutant.content)
        except UnreadableFile:
            outcomes[(mutant.kind, "refused")] += 1
            continue
        if footer.rows == ROWS:
            answers = attaching.answers(path, FILTERS[number % 4 :: 4])
            assert answers.items() <= oracle.items(), mutant.kind
            outcomes[(mutant.kind, "all rows")] += 1
        else:
            assert mutant.kind in HIDDEN_WITHOUT_READING, mutant.kind
            outcomes[(mutant.kind, "unverified")] += 1
        if mutant.kind != "place":  # of a page that is found without it
            with pytest.raises(UnreadableFile, match=r"lake/a\.parquet"):
                attaching.attach(mutant.content, verifies=True)
    assert {kind for kind, _ in outcomes} == set(LIES)
    kinds = Counter(outcome for _, outcome in outcomes.elements())
    assert kinds["refused"] >= 150
    assert kinds["all rows"] >= 100


ALL_TYPES = (
    "range % 2 = 0 AS b, (range % 100)::TINYINT AS i1, range::USMALLINT AS u2, "
    "range::UBIGINT AS u8, "
    "-range AS i8, CASE WHEN range % 5 = 0 THEN 'nan' WHEN range % 7 = 0 THEN '-inf' ELSE '-0.0' "
    "END::DOUBLE AS d, (range / 3)::FLOAT AS f, (range % 999)::DECIMAL(4, 1) AS p4, "
    "-range::DECIMAL(38, 9) AS p38, repeat('é', range::INTEGER % 100 * 9) AS long, "
    "NULL::INTEGER AS n, "
    "encode(chr(range::INTEGER + 1) || 'x') AS bytes, DATE '0001-01-01' + range::INTEGER AS day, "
    "TIME '12:00:00.000001' AS t, TIMESTAMP '1969-12-31 23:59:59.999999' AS ts, "
    "TIMESTAMP_NS '2025-01-01 00:00:00.000000001' AS ns, "
    "TIMESTAMPTZ '2025-07-01 00:00:00+02' + INTERVAL (range) HOUR AS tz, '' AS empty, "
    "'it''s, \"{x}\" ' || range AS \"a {b}\""
)


@pytest.mark.parametrize("way", [*WAYS, "PARQUET_VERSION v2, COMPRESSION zstd"])
def test_true_statistics_of_every_type_are_accepted(
    attaching: Attaching, tmp_path: Path, way: str
) -> None:
    path = tmp_path / "types.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute(
            f"COPY (SELECT {ALL_TYPES} FROM range(100)) TO '{path}' "
            f"(FORMAT parquet, ROW_GROUP_SIZE 2048, {way})"
        )
    footer, _ = attaching.attach(path.read_bytes(), verifies=True)
    assert footer.rows == 100


def frame() -> pl.DataFrame:
    """Values of many types, with missing ones, and texts that writers may cut in statistics."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        arrow = connection.sql(f"SELECT {ALL_TYPES} FROM range(3000)").to_arrow_table()
    rows = pl.from_arrow(arrow)
    assert isinstance(rows, pl.DataFrame)
    return rows.drop("t").with_columns(
        pl.when(pl.col("i8") < -5).then(pl.col("i8")).alias("some"),
        pl.col("u2").cast(pl.String).cast(pl.Categorical).alias("kind"),
    )


OTHER_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "polars": lambda rows, path: rows.write_parquet(path),
    "polars, small groups": lambda rows, path: rows.write_parquet(
        path, row_group_size=700, data_page_size=4096, compression="snappy", statistics="full"
    ),
    "polars, no statistics": lambda rows, path: rows.write_parquet(path, statistics=False),
    "arrow": lambda rows, path: pq.write_table(rows.to_arrow(), path),
    "arrow, page index": lambda rows, path: pq.write_table(
        rows.to_arrow(), path, row_group_size=500, write_page_index=True, data_page_version="2.0"
    ),
    "arrow, old timestamps": lambda rows, path: pq.write_table(
        rows.to_arrow(), path, use_deprecated_int96_timestamps=True, use_dictionary=False
    ),
    "pandas": lambda rows, path: rows.to_pandas().to_parquet(path),
}


@pytest.mark.parametrize("writer", OTHER_WRITERS)
def test_files_of_other_writers_are_accepted(
    attaching: Attaching, tmp_path: Path, writer: str
) -> None:
    path = tmp_path / "other.parquet"
    OTHER_WRITERS[writer](frame(), path)
    footer, _ = attaching.attach(path.read_bytes(), verifies=True)
    assert footer.rows == 3_000
