"""The entry: formats, progress, being stopped."""

from __future__ import annotations

import threading
import time

import pytest

from import_engine.formats import ACCEPTED, ENDINGS, GZIPPED
from tests.import_engine.conftest import Importing, lines


@pytest.mark.parametrize("name", ["file", "file.doc", "file.xls", "archive.zip", "file.parquet.gz"])
def test_an_unknown_ending_is_refused_with_the_accepted_ones(
    importing: Importing, name: str
) -> None:
    message = importing.refusal("a,b\n1,2\n", name)
    assert message.endswith(ACCEPTED)
    assert all(ending in message for ending in ENDINGS)


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"PAR1" + bytes(20) + b"PAR1", "f.csv", "its content is Parquet"),
        (b"PK\x03\x04" + bytes(20), "f.json", "its content is a ZIP archive"),
        (b"%PDF-1.7 hello", "f.txt", "its content is PDF"),
        (b"\x1f\x8b" + bytes(20), "f.csv", "its content is gzip"),
        (b"a,b\n1,2\n", "f.parquet", "The file is named .parquet"),
        (b"a,b\n1,2\n", "f.xlsx", "The file is named .xlsx"),
        (b"a,b\n1,2\n", "f.csv.gz", "its content isn't gzip"),
        (b"", "f.parquet", "The file is empty."),
    ],
)
def test_content_that_contradicts_the_name_is_refused(
    importing: Importing, content: bytes, name: str, sentence: str
) -> None:
    assert sentence in importing.refusal(content, name)


def test_endings_ignore_case(importing: Importing) -> None:
    assert importing.one("a\tb\n1\t2\n", "My Data.TSV").rows == [(1, 2)]
    assert ".csv.gz" in GZIPPED


def test_row_groups_have_the_given_size(importing: Importing) -> None:
    content = lines("a", str, 10_000, [])
    (table,) = importing.tables(content, row_group_rows=2048)
    with importing.database.cursor() as cursor:
        groups = cursor.execute(
            "SELECT num_row_groups FROM parquet_file_metadata(?)", [str(table.table.files[0].path)]
        ).fetchone()
    assert groups == (5,)


def test_progress_never_decreases_in_a_second_pass(importing: Importing) -> None:
    seen: list[float] = []
    content = lines("a,b", lambda i: f"{i},x", 200_000, ["007,x"])
    importing.tables(content, on_progress=lambda fraction, _: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


class Stopped(Exception):
    """Raised by a report."""


@pytest.mark.parametrize("name", ["f.csv", "f.ndjson", "late.csv", "latin.csv"])
def test_an_error_in_on_progress_stops_the_import(importing: Importing, name: str) -> None:
    if name.endswith("csv"):
        content = lines("a,b,c", lambda i: f"{i},text {i},{i / 7}", 500_000, ["007,x,1"])
    else:
        content = "\n".join(f'{{"a": {i}, "b": "text {i}"}}' for i in range(500_000))
    raw = content.encode() + (b"5,caf\xe9,1\n" if name == "latin.csv" else b"")
    calls: list[float] = []

    def on_progress(fraction: float, message: str) -> None:
        calls.append(fraction)
        if message == "writing rows" and len(calls) > 4:
            raise Stopped

    before = set(importing.root.iterdir())
    started = time.monotonic()
    with pytest.raises(Stopped):
        importing.tables(raw, name, on_progress=on_progress)
    assert time.monotonic() - started < 20
    new = {path.name.split("-")[0] for path in set(importing.root.iterdir()) - before}
    assert new <= {"upload", "destination", "spill"}
    assert not list(importing.destination.glob("*.scratch"))
    assert not any(thread.name == "query-progress" for thread in threading.enumerate())
