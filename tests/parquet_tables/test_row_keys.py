"""Row keys: canonical texts in SQL and Python, digests by file, faults and numbered duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parquet_tables.database import ParquetDatabase
from parquet_tables.row_keys.canonical import (
    InvalidKey,
    digest_of,
    digest_of_text,
    key_columns,
    key_text,
    text_of_key,
)
from parquet_tables.row_keys.digests import (
    NO_KEY,
    KeyDigests,
    KeyMissing,
    KeyNotUnique,
    RowKey,
    compare_keys,
    rows_of_keys,
)
from parquet_tables.tables import Column, DataFile, TableFiles
from parquet_tables.writing import read_columns, write_parquet

TOKYO = timezone(timedelta(hours=9))
MOMENTS = st.datetimes(min_value=datetime(1600, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "HUGEINT": st.integers(-(2**120), 2**120),
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    "BOOLEAN": st.booleans(),
    "DECIMAL(18,4)": st.decimals(-(10**13), 10**13, places=4),
    "DECIMAL(9,0)": st.decimals(-(10**8), 10**8, places=0),
    "DATE": st.dates(min_value=date(1000, 1, 1)),
    "TIME": st.times(),
    "TIMESTAMP": MOMENTS,
    "TIMESTAMP WITH TIME ZONE": MOMENTS.map(lambda moment: moment.replace(tzinfo=TOKYO)),
    "UUID": st.uuids(),
}


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=20)
@given(data=st.data())
def test_sql_and_python_write_the_same_texts(kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], min_size=1, max_size=20))
    text = key_text([Column("a", kind), Column("b", "VARCHAR")], ["v", "'x:1'"])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute(f"CREATE TABLE t AS SELECT unnest(CAST(? AS {kind}[])) AS v", [values])
        found = connection.execute(f"SELECT {text}, {digest_of(text)} FROM t").fetchall()
    texts = [text_of_key([value, "x:1"]) for value in values]
    assert found == [(each, digest_of_text(each)) for each in texts]


def test_texts_are_those_of_the_definition() -> None:
    known: dict[str, Any] = {
        "1:7": 7,
        "3:007": "007",
        "5:-12.5": Decimal("-12.50"),
        "3:100": Decimal("1E+2"),
        "5:false": False,
        "10:2025-07-01": date(2025, 7, 1),
        "19:2025-07-01T09:30:00": datetime(2025, 7, 1, 9, 30),  # noqa: DTZ001
        "22:2025-07-01T00:30:00.5Z": datetime(2025, 7, 1, 9, 30, 0, 500000, TOKYO),
        "20:2025-07-01T09:30:00Z": datetime(2025, 7, 1, 9, 30, tzinfo=UTC),
        "10:09:30:00.1": time(9, 30, 0, 100000),
        "36:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11": UUID("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
        "0:": "",
    }
    for text, value in known.items():
        _, _, written = text.partition(":")
        assert text_of_key([value]) == f"{len(written.encode())}:{written}"


@pytest.mark.parametrize("kind", ["DOUBLE", "BLOB", "VARCHAR[]", "TIMESTAMP_NS"])
def test_other_types_are_refused(kind: str) -> None:
    table = TableFiles((Column("a", kind),), ())
    with pytest.raises(InvalidKey, match='The column "a" can\'t be in a key: its type is') as error:
        key_columns(table, ["a"], ("order", "key"))
    assert error.value.loc == ("order", "key", 0)


def test_a_column_is_in_a_key_once() -> None:
    with pytest.raises(InvalidKey, match="twice"):
        key_columns(TableFiles((Column("a", "DATE"),), ()), ["a", "A"])


Rows = Sequence[tuple[Any, Any]]


class Shelf:
    """Tables of keys below one directory."""

    def __init__(self, parquet: ParquetDatabase, root: Path) -> None:
        self.parquet, self.root, self.counts = parquet, root, root / "counts"
        self.counts.mkdir()
        self.made: dict[str, tuple[tuple[Column, ...], DataFile]] = {}

    def file(
        self, name: str, rows: Sequence[tuple[Any, Any]]
    ) -> tuple[tuple[Column, ...], DataFile]:
        path = self.root / f"{name}.parquet"
        with self.parquet.cursor() as cursor:
            sql = "SELECT unnest(?::BIGINT[]) AS k, unnest(?::VARCHAR[]) AS v"
            columns = [[key for key, _ in rows], [value for _, value in rows]]
            written = write_parquet(cursor, sql, columns, path)
            return read_columns(cursor, path), written

    def table(self, *files: str, deleted: Sequence[int] = (), **rows: Rows) -> TableFiles:
        self.made |= {name: self.file(name, those) for name, those in rows.items()}
        parts = [self.made[name] for name in files]
        vector = np.array(deleted, dtype=np.int64)
        return TableFiles(parts[0][0], tuple(file for _, file in parts), vector)


@pytest.fixture
def shelf(parquet: ParquetDatabase, tmp_path: Path) -> Shelf:
    return Shelf(parquet, tmp_path)


def test_versions_share_the_digests_of_their_files(shelf: Shelf, parquet: ParquetDatabase) -> None:
    first = shelf.table("a", a=[(at, "x") for at in range(100)])
    second = shelf.table("a", "b", b=[(at, "y") for at in range(200, 230)], deleted=[3, 101])
    with parquet.cursor() as cursor:
        before = KeyDigests(cursor, first, RowKey(("k",)), shelf.counts)
        after = KeyDigests(cursor, second, RowKey(("k",)), shelf.counts)
        for digests in (before, after):
            digests.require()
        change = compare_keys(before, after)
        assert (change.births, change.deaths, change.kept) == (29, 1, 99)
        wanted = np.array([digest_of_text(text_of_key([key])) for key in (3, 7, 201, 202, 999)])
        assert rows_of_keys(after, wanted).tolist() == [7, 102]
        assert after.of(np.array([7, 102, 0])).tolist() == [
            digest_of_text(text_of_key([key])) for key in (7, 202, 0)
        ]
    assert len(list(shelf.counts.glob("a-*.int64"))) == 3  # digests, and faults of two tables
    assert len(list(shelf.counts.glob("b-*.int64"))) == 1


def test_a_damaged_file_of_digests_is_computed_again(
    shelf: Shelf, parquet: ParquetDatabase
) -> None:
    table, key = shelf.table("a", a=[(at, "x") for at in range(50)]), RowKey(("k",))
    with parquet.cursor() as cursor:
        whole = KeyDigests(cursor, table, key, shelf.counts).of(np.arange(50)).tolist()
        (path,) = shelf.counts.iterdir()
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
        assert KeyDigests(cursor, table, key, shelf.counts).of(np.arange(50)).tolist() == whole


def test_deleted_rows_need_no_key(shelf: Shelf, parquet: ParquetDatabase) -> None:
    rows = [(1, "a"), (None, "b"), (1, "c"), (2, "d")]
    table = shelf.table("a", a=rows, deleted=[1, 2])
    with parquet.cursor() as cursor:
        digests = KeyDigests(cursor, table, RowKey(("k",)), None)
        digests.require()
        assert digests.of(np.array([1])).tolist() == [NO_KEY]


def test_faults_name_their_rows(shelf: Shelf, parquet: ParquetDatabase) -> None:
    rows = [(1, "a"), (None, "b"), (1, "c"), (2, "d"), (3, "e"), (3, "e"), (3, "f")]
    whole = shelf.table("a", a=rows)
    complete = shelf.table("a", deleted=[1])
    key = RowKey(("k",))
    with parquet.cursor() as cursor:
        for _ in range(2):  # computed, and from the cache
            faults = KeyDigests(cursor, whole, key, shelf.counts).faults()
            assert (faults.missing, faults.missing_rows.tolist()) == (1, [1])
            assert (faults.repeated, faults.repeated_rows.tolist()) == (5, [0, 2, 4, 5, 6])
        with pytest.raises(KeyMissing, match="The key k is missing in 1 row, such as row 1"):
            KeyDigests(cursor, whole, key, shelf.counts).require()
        with pytest.raises(KeyNotUnique, match=r"5 rows share their key .*, such as 1; 3\."):
            KeyDigests(cursor, complete, key, shelf.counts).require()


@settings(max_examples=12)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), max_size=30),
    data=st.data(),
)
def test_numbers_of_equal_keys_follow_from_the_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("numbers")
    shuffled = data.draw(st.permutations(rows))
    with ParquetDatabase(root, root / "spill", memory_mb=256) as parquet:
        shelf = Shelf(parquet, root)
        found = []
        for name, those in (("a", rows), ("b", shuffled)):
            shelf.made[name] = shelf.file(name, those)
            table = shelf.table(name)
            with parquet.cursor() as cursor:
                digests = KeyDigests(cursor, table, RowKey(("k",), "number"), None)
                digests.require()
                numbers = digests.of(np.arange(len(those))).tolist()
            assert len(set(numbers)) == len(those)
            found.append(sorted(zip(numbers, those, strict=True)))
    assert found[0] == found[1]


def test_numbers_are_computed_once_for_a_table(shelf: Shelf, parquet: ParquetDatabase) -> None:
    """Another column's value or a deleted row gives other numbers, so they are stored apart."""
    rows = [(1, "b"), (1, "a"), (2, "c"), (1, "c")]
    shelf.made["numbered"] = shelf.file("numbered", rows)
    table = shelf.table("numbered")
    fewer = shelf.table("numbered", deleted=[1])
    key = RowKey(("k",), "number")
    found = []
    with parquet.cursor() as cursor:
        for files in (table, fewer, table):
            before = set(shelf.counts.iterdir())
            digests = KeyDigests(cursor, files, key, shelf.counts)
            digests.require()
            found.append((digests.numbered[0].tolist(), digests.of(np.arange(4)).tolist()))
            found[-1] = (*found[-1], len(set(shelf.counts.iterdir()) - before))
        again = KeyDigests(cursor, table, key, None)
        again.require()
        assert again.of(np.arange(4)).tolist() == found[0][1]
    assert found[0][:2] == found[2][:2]
    assert [len(each[0]) for each in found] == [2, 1, 2]
    assert found[0][2] > 0
    assert found[1][2] > 0
    assert found[2][2] == 0
