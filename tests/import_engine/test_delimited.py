"""CSV, TSV and other delimited text: what is read, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from contract.requests.importing import ReadOptions
from import_engine.importer import import_file
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from tests.import_engine.conftest import Importing, lines


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_and_line_end_is_found(
    importing: Importing, delimiter: str, end: str
) -> None:
    rows = ["a|b|c", "1|x|2.5", '2|"y|z"|3.5', '3||"4.5"']
    content = end.join(row.replace("|", delimiter) for row in rows) + end
    outcome = importing.one(content)
    assert outcome.names == ["a", "b", "c"]
    assert outcome.rows == [(1, "x", 2.5), (2, f"y{delimiter}z", 3.5), (3, None, 4.5)]


def test_a_column_of_blanks_is_text(importing: Importing) -> None:
    assert importing.one('a,b\nx," "\ny,\nz,NA\n').column("b") == [" ", None, "NA"]


def test_na_and_null_are_missing_only_outside_text(importing: Importing) -> None:
    outcome = importing.one("n,t\n1,NA\nNA,x\nNULL,NULL\n")
    assert outcome.rows == [(1, "NA"), (None, "x"), (None, "NULL")]
    assert outcome.notes == ('In column "n", NA and NULL are missing values.',)


def test_account_numbers_keep_their_zeros(importing: Importing) -> None:
    assert importing.one("a,b\n007,1\n012,2\n").rows == [("007", 1), ("012", 2)]


def test_whole_numbers_of_many_digits_are_text(importing: Importing) -> None:
    outcome = importing.one(f"a,b\n{'1' * 15},{'2' * 16}\n1,2\n")
    assert outcome.types == ["BIGINT", "VARCHAR"]
    assert [str(value) for value in outcome.rows[0]] == ["1" * 15, "2" * 16]


def test_a_day_written_another_way_is_a_date_and_noted(importing: Importing) -> None:
    outcome = importing.one("a;b\n13.02.2020;1\n01.12.2021;2\n")
    assert outcome.types == ["DATE", "BIGINT"]
    assert str(outcome.rows[0][0]) == "2020-02-13"
    assert outcome.notes == ('Column "a" is read as dates: day.month.year.',)


def test_a_file_without_a_header_row_is_noted(importing: Importing) -> None:
    outcome = importing.one("1,2.5\n3,4.5\n")
    assert outcome.names == ["column_1", "column_2"]
    assert outcome.rows == [(1, 2.5), (3, 4.5)]
    assert outcome.notes == (
        "The file has no header row; its columns are named by their position.",
    )


def test_a_header_alone_is_a_table_without_rows(importing: Importing) -> None:
    outcome = importing.one("a,b,c\n")
    assert outcome.names == ["a", "b", "c"]
    assert outcome.rows == []


def test_empty_lines_are_rows_only_in_one_column(importing: Importing) -> None:
    assert importing.one("\n\na,b\n1,2\n\n3,4\n\n").rows == [(1, 2), (3, 4)]
    assert importing.one("a\n1\n\n3\n").rows == [(1,), (None,), (3,)]


def test_mixed_line_ends_are_evened_outside_quotes(importing: Importing) -> None:
    outcome = importing.one('a,b\n1,x\r\n2,"y\r\nz"\n3,w\r\n')
    assert outcome.rows == [(1, "x"), (2, "y\r\nz"), (3, "w")]
    assert outcome.notes == ("The file mixes line ends; rows were split at each of them.",)


def test_line_ends_that_change_beyond_the_first_rows_are_evened(importing: Importing) -> None:
    content = lines("a,b", lambda i: f"{i},x", 30_000, []) + "5,y\r\n6,z\r\n"
    assert importing.one(content).rows[-2:] == [(5, "y"), (6, "z")]


def test_a_hash_starts_no_comment(importing: Importing) -> None:
    outcome = importing.one("#id,b\n#1,2\n#2,3\n")
    assert outcome.names == ["#id", "b"]
    assert outcome.rows == [("#1", 2), ("#2", 3)]


def test_a_value_of_three_million_characters_is_read(importing: Importing) -> None:
    outcome = importing.one(f"a,b\n1,{'x' * 3_000_000}\n2,y\n")
    assert [len(str(value)) for value in outcome.column("b")] == [3_000_000, 1]


def test_a_value_of_forty_million_characters_is_read(importing: Importing) -> None:
    content = lines("a,b", lambda i: f"{i},x", 30_000, [f'5,"{"x" * 40_000_000}"', "6,y"])
    assert [len(str(value)) for value in importing.one(content).column("b")[-2:]] == [40_000_000, 1]


def test_a_line_beyond_the_limit_is_called_too_long(importing: Importing) -> None:
    content = lines("a,b", lambda i: f"{i},x", 30_000, [f'5,"{"x" * 68_000_000}"', "6,y"])
    assert importing.refusal(content) == (
        "Line 30002: the line is longer than 64 MiB, the limit. "
        "If a quote within it isn't closed, close it or double it."
    )


def test_gzip_is_unpacked_and_checked(importing: Importing) -> None:
    packed = gzip.compress(lines("a,b", lambda i: f"{i},x{i * 7919 % 1009}", 50_000, []).encode())
    assert len(importing.one(packed, "file.csv.gz").rows) == 50_000
    damaged = packed[:9000] + b"\0\0\0\0" + packed[9004:]
    for broken in (packed[:-100], damaged):
        assert importing.refusal(broken, "file.csv.gz") == (
            "The gzip file is cut off or damaged. Pack it again."
        )
    assert not list(importing.destination.glob("*.scratch"))


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8-sig", None), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16-LE"),
     ("utf-16-be", "UTF-16-BE"), ("cp1252", "Windows-1252")],
)  # fmt: skip
def test_encodings_are_found(importing: Importing, encoding: str, named: str | None) -> None:
    outcome = importing.one("größe,preis\n1,5 €\n2,“x”\n".encode(encoding))
    assert outcome.names == ["größe", "preis"]
    assert outcome.rows == [(1, "5 €"), (2, "“x”")]
    noted = f"The file's text is {named}; it was converted to UTF-8."
    assert outcome.notes == ((noted,) if named else ())


def test_a_late_character_that_is_not_utf8_makes_it_windows_1252(importing: Importing) -> None:
    content = lines("a,b", lambda i: f"{i},x", 30_000, []).encode() + b"5,caf\xe9 \x80 \x81\n"
    assert importing.one(content).rows[-1] == (5, "café € \x81")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty."),
        (" \n\n", "The file is empty."),
        ("a,b\n1,2\n3,4,5\n6,7\n", "Line 3: expected 2 values, found 3."),
        ("a,b,c\n1,2,3\n3,4\n", "Line 3: expected 3 values, found 2."),
        ("a,b,c\n1,2\n3,4\n", "Line 2: expected 3 values, found 2."),
        ('a,b\n1,x\n2,"abc\n3,d\n', "Line 3: a quoted value isn't closed"),
        ('a,b\n1,"x"y\n2,z\n', "Line 2: a quoted value isn't closed"),
        (bytes(range(256)) * 40, "The file doesn't hold text but binary data."),
        ("a,b\n1,x\ry\n2,z\n", "The file mixes different line ends"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_its_place(
    importing: Importing, content: bytes | str, sentence: str
) -> None:
    assert sentence in importing.refusal(content)


@pytest.mark.parametrize("titles", ["Report\n\n", "# made by x, for y\n", "Report,\n"])
def test_titles_above_the_header_are_left_out(importing: Importing, titles: str) -> None:
    outcome = importing.one(f"{titles}a,b,c\n1,2,x\n3,4,y\n")
    assert (outcome.names, outcome.rows) == (["a", "b", "c"], [(1, 2, "x"), (3, 4, "y")])
    assert outcome.notes == (f'Left out 1 row above the table: "{titles.strip()}".',)


def test_a_late_ragged_row_is_refused_at_its_line(importing: Importing) -> None:
    for late, found in (("1", 1), ("1,2,3", 3)):
        content = lines("a,b", lambda i: f"{i},x", 100_000, [late, "1,y"])
        assert importing.refusal(content) == f"Line 100002: expected 2 values, found {found}."


def test_rows_keep_their_order_and_threads_change_nothing(tmp_path: Path) -> None:
    content = lines("i,t,d", lambda i: f'{i},"t{i}, x",{i / 4}', 300_000, ["007,z,1"])
    (tmp_path / "upload").write_text(content)
    written: list[bytes] = []
    for threads in (1, 4):
        destination = tmp_path / f"threads-{threads}"
        destination.mkdir()
        with ParquetDatabase(tmp_path, tmp_path / "spill", threads=threads) as database:
            (table,) = import_file(
                database, tmp_path / "upload", "f.csv", destination, on_progress=ignore_progress
            )
            path = table.table.files[0].path
            written.append(path.read_bytes())
            with database.cursor() as cursor:
                wrong = cursor.execute(
                    "SELECT count(*) FROM read_parquet(?, file_row_number = true) "
                    "WHERE i <> CAST(file_row_number AS VARCHAR)",
                    [str(path)],
                ).fetchone()
                groups = cursor.execute(
                    "SELECT DISTINCT row_group_num_rows FROM parquet_metadata(?) "
                    "WHERE row_group_id = 0",
                    [str(path)],
                ).fetchall()
        assert wrong == (1,)
        assert groups == [(32_768,)]
    assert written[0] == written[1]


def test_a_last_line_with_fewer_values_may_be_a_cut_file(importing: Importing) -> None:
    cut = "a,b,c\n1,2,3\n3,4,5\n6"
    assert importing.refusal(cut) == (
        "Line 4: expected 3 values, found 1. It is the last line, without a line break: the file "
        "may be cut."
    )
    (table,) = importing.tables(cut, options=ReadOptions(skip_below=1))
    assert table.notes[-1] == (
        "The last line has 1 of 3 values and no line break: the file may be cut."
    )
