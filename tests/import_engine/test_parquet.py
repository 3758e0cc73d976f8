"""Parquet files made elsewhere."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from import_engine.errors import UnreadableFile
from import_engine.importer import import_file, import_first_rows
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from tests.import_engine.conftest import Importing


def parquet_bytes(query: str, directory: Path, row_group_rows: int = 122_880) -> bytes:
    path = directory / "made.parquet"
    given = f"FORMAT parquet, ROW_GROUP_SIZE {row_group_rows}"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' ({given})")
    return path.read_bytes()


def test_values_types_and_names_stay(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes(
        """SELECT 1::TINYINT AS "a b", 2.50::DECIMAL(9,2) AS d, 'x' AS t, 'y'::BLOB AS b,
           TIMESTAMP_NS '2020-01-02 03:04:05.123456789' AS ns, TIME '10:11:12' AS clock,
           DATE '2020-01-02' AS day, true AS flag, 1.5::FLOAT AS f, 7::UBIGINT AS u""",
        tmp_path,
    )
    outcome = importing.one(content, "file.parquet")
    assert outcome.names[0] == "a b"
    assert outcome.types == [
        "TINYINT", "DECIMAL(9,2)", "VARCHAR", "BLOB", "TIMESTAMP_NS", "TIME", "DATE", "BOOLEAN",
        "FLOAT", "UBIGINT",
    ]  # fmt: skip
    assert outcome.notes == ()


def test_duplicate_and_reserved_names_are_renamed(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes("SELECT 1 AS ID, {'x': 1} AS s, 2 AS file_row_number", tmp_path)
    # Two columns that differ in case: DuckDB wouldn't write them, other programs do.
    content = content.replace(b"file_row_number", b"FILE_ROW_NUMBER")
    outcome = importing.one(content, "file.parquet")
    assert outcome.names == ["ID", "s", "FILE_ROW_NUMBER_1"]
    assert outcome.rows == [(1, '{"x":1}', 2)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("uuid '550e8400-e29b-41d4-a716-446655440000'", "550e8400-e29b-41d4-a716-446655440000"),
        ("INTERVAL 2 MONTH", "2 months"),
        ("[1, 2]", "[1,2]"),
        ("{'a': {'b': 1}}", '{"a":{"b":1}}'),
        ("MAP {'k': 1}", '{"k":1}'),
        ("'{\"a\": 1}'::JSON", '{"a": 1}'),
        ("'a'::ENUM('a', 'b')", "a"),
    ],
)
def test_other_types_become_text(
    importing: Importing, tmp_path: Path, value: str, text: str
) -> None:
    outcome = importing.one(parquet_bytes(f"SELECT {value} AS x", tmp_path), "f.parquet")
    assert outcome.types == ["VARCHAR"]
    assert outcome.rows == [(text,)]


def test_rows_keep_their_order(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes("SELECT range AS i FROM range(300000)", tmp_path)
    assert importing.one(content, "f.parquet").rows == [(i,) for i in range(300_000)]


def test_a_damaged_file_is_refused(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes("SELECT range AS i FROM range(1000)", tmp_path)
    assert "cut off" in importing.refusal(content[: len(content) // 2], "f.parquet")
    assert "damaged" in importing.refusal(content[:-40] + b"\xff" * 32 + content[-8:], "f.parquet")
    assert "damaged" in importing.refusal(b"PAR1" + bytes(50) + b"PAR1", "f.parquet")
    assert "encrypted" in importing.refusal(b"PARE" + bytes(50) + b"PARE", "f.parquet")


@pytest.mark.parametrize(("lists", "is_read"), [(99, True), (120, False), (150, False)])
def test_what_nests_so_deep_that_duckdb_breaks_is_refused(
    importing: Importing, tmp_path: Path, lists: int, is_read: bool
) -> None:
    value = "NULL::INT" + "[]" * lists
    content = parquet_bytes(f"SELECT 1 AS a, {value} AS b, {{'x': {{'y': 2}}}} AS c", tmp_path)
    if is_read:
        assert importing.one(content, "f.parquet").names == ["a", "b", "c"]
    else:
        assert "nests fields more than 200 deep" in importing.refusal(content, "f.parquet")
    again = parquet_bytes("SELECT 7 AS i", tmp_path)
    assert importing.one(again, "g.parquet").rows == [(7,)]


def test_decimals_of_more_than_38_digits_are_refused(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes("SELECT 1 AS a, [12.34::DECIMAL(38,2)] AS b", tmp_path)
    assert importing.one(content, "f.parquet").rows == [(1, "[12.34]")]
    # DuckDB writes none of 40 digits, other programs do: the scale of 2 is followed by the digits.
    content = content.replace(b"\x15\x04\x15\x4c", b"\x15\x04\x15\x50")
    refusal = importing.refusal(content, "f.parquet")
    assert '"b" has decimals of 40 digits; at most 38' in refusal


def test_a_file_without_columns_is_refused(importing: Importing) -> None:
    footer = b"\x15\x02\x19\x1c\x48\x06schema\x15\x00\x00\x16\x00\x19\x0c\x00"
    content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    assert importing.refusal(content, "f.parquet") == "The Parquet file has no column."


def test_first_rows_are_read_despite_an_odd_footer(importing: Importing, tmp_path: Path) -> None:
    content = parquet_bytes("SELECT range AS i FROM range(50)", tmp_path)
    source, destination = tmp_path / "odd.parquet", tmp_path / "odd"
    source.write_bytes(content.replace(b"DuckDB version", b"\xff" * 6 + b" version"))
    assert source.read_bytes() != content
    destination.mkdir()
    _, rows = import_first_rows(
        importing.database, source, destination, 20, on_progress=ignore_progress
    )
    assert rows == 50
    source.write_bytes(content[:-20] + b"\xff" * 12 + content[-8:])
    with pytest.raises(UnreadableFile):
        import_first_rows(importing.database, source, destination, 20, on_progress=ignore_progress)


@pytest.mark.parametrize("folder", ["/dev/shm", None])
def test_a_file_outside_of_what_duckdb_reads_is_imported(
    tmp_path: Path, folder: str | None
) -> None:
    """On the same disk by a second name, on another one by a copy; neither is left."""
    narrow, spill = tmp_path / "narrow", tmp_path / "spill"
    with (
        TemporaryDirectory(dir=folder or tmp_path) as outside,
        ParquetDatabase(tmp_path, spill, directories=[narrow, spill], memory_mb=128) as database,
    ):
        source = Path(outside) / "upload"
        for name, content in (
            ("a.csv", b"a,b\n1,2\n"),
            ("a.parquet", parquet_bytes("SELECT 1 AS a", tmp_path)),
        ):
            source.write_bytes(content)
            destination = narrow / name
            destination.mkdir(parents=True)
            with database.cursor() as cursor, pytest.raises(duckdb.PermissionException):
                cursor.execute("SELECT * FROM read_text(?)", [str(source)])
            (table,) = import_file(database, source, name, destination, on_progress=ignore_progress)
            assert table.table.row_count == 1
            assert [path.suffix for path in destination.iterdir()] == [".parquet"]
            assert source.read_bytes() == content
