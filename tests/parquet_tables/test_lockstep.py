"""Footers that are read at once: only those that the checks of one footer accept, with its rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parquet_tables.footers.checks import read_stated, require_agreement
from parquet_tables.footers.lockstep import FootersAtOnce
from parquet_tables.footers.structures import footer_in, mask_of, without_rows
from tests.import_engine.test_lying_footers import mutants, true_files
from tests.support.footers import BINARY, Field, changed, get, groups
from tests.support.nightly import amount

FLIPS = amount(300, 5_000)
LEAVES_OF_TRUE_FILES = 5


def stated_rows(connection: duckdb.DuckDBPyConnection, content: bytes, path: Path) -> int | None:
    """The rows of a file by the checks of its footer alone, as readers see it.

    None if DuckDB doesn't read it; FooterContradicted if it contradicts itself.
    """
    inside = footer_in(content, len(content))
    assert inside is not None
    shown = bytearray(content)
    for at, byte in mask_of(inside[1], keep_statistics=False):
        shown[inside[0] + at] = byte
    path.write_bytes(shown)
    try:
        stated = read_stated(
            connection, str(path), lambda at, size: bytes(shown[at : at + size]), len(shown)
        )
        require_agreement(stated)
    except duckdb.InvalidInputException:  # a column's name isn't UTF-8: only this query shows it
        sql = "SELECT num_rows FROM parquet_file_metadata(?)"
        ((rows,),) = connection.execute(sql, [str(path)]).fetchall()
        return int(rows)
    except duckdb.Error:
        return None
    return stated.rows


def rows_at_once(files: Sequence[bytes], leaves: int, known: int | None = None) -> list[int | None]:
    """The rows of files whose footers are read at once; None of those that are left out.

    The forms of the first ``known`` files were read before, or those of all.
    """
    inside = [footer_in(content, len(content)) or (0, b"") for content in files]
    read = FootersAtOnce([footer for _, footer in inside])
    flat = {form: (True,) * leaves for form in read.forms[:known] if form is not None}
    for (_, footer), form in zip(inside, read.forms, strict=True):
        assert form is None or form == without_rows(footer)
    agrees = read.agree([start for start, _ in inside], flat)
    return [
        rows if agreed else None for rows, agreed in zip(read.rows.tolist(), agrees, strict=True)
    ]


def written(rows: int, **options: object) -> bytes:
    """A file of pyarrow with four columns."""
    table = pa.table(
        {
            "id": range(rows),
            "text": [f"row {at}" * 5 if at % 3 else None for at in range(rows)],
            "share": [at / 3 for at in range(rows)],
            "is_paid": [at % 2 == 0 for at in range(rows)],
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return bytes(sink.getvalue())


def test_files_of_other_shapes_are_read_in_one_batch() -> None:
    sizes = [0, 1, 17, 100, 1_000, 5]
    files = [
        written(rows, row_group_size=groups, use_dictionary=dictionary, compression=codec)
        for rows in sizes
        for groups in (7, 250)
        for dictionary in (True, False)
        for codec in ("none", "zstd")
        if rows // groups < 20
    ]
    files += [written(rows, write_statistics=False, store_schema=False) for rows in sizes]
    expected = [pq.ParquetFile(pa.BufferReader(content)).metadata.num_rows for content in files]
    found = rows_at_once(files, 4)
    empty = [at for at, rows in enumerate(expected) if not rows]
    assert [rows for at, rows in enumerate(found) if at not in empty] == [
        rows for rows in expected if rows
    ]
    assert all(found[at] in (0, None) for at in empty)


def test_nothing_is_accepted_that_the_checks_refuse(tmp_path: Path) -> None:
    originals = true_files(tmp_path)
    chance = random.Random(5)
    files = [mutant.content for mutant in mutants(originals, FLIPS)]
    for _ in range(FLIPS):
        content = bytearray(chance.choice(originals))
        footer_bytes = int.from_bytes(content[-8:-4], "little")
        content[-8 - chance.randrange(1, footer_bytes)] = chance.randrange(256)
        files.append(bytes(content))
    found = [
        rows
        for at in range(0, len(files), 50)
        for rows in rows_at_once(
            [*originals, *files[at : at + 50]], LEAVES_OF_TRUE_FILES, len(originals)
        )[len(originals) :]
    ]
    accepted = [(content, rows) for content, rows in zip(files, found, strict=True) if rows]
    with duckdb.connect() as connection:
        checked = [
            (rows, stated_rows(connection, content, tmp_path / "changed.parquet"))
            for content, rows in accepted
        ]
    assert all(own in (rows, None) for rows, own in checked)
    assert sum(own is None for _, own in checked) < len(checked) / 50
    assert len(files) / 20 < len(accepted) < len(files)


def test_a_column_in_another_file_is_left_out(tmp_path: Path) -> None:
    original = written(10)

    def lead_away(footer: list[Field]) -> None:
        chunk = get(groups(footer)[0], 1)[1][0]
        chunk.insert(0, Field(1, BINARY, b"other.parquet"))

    assert rows_at_once([original, changed(original, lead_away)], 4) == [10, None]


def test_footers_of_no_common_form_end_soon() -> None:
    chance = random.Random(3)
    footers = [chance.randbytes(2_000).replace(b"\0", b"\x15") for _ in range(200)]
    assert FootersAtOnce(footers).forms == [None] * 200
    deep = b"\x1c" * 5_000 + b"\0" * 5_000
    assert FootersAtOnce([deep, b""]).forms == [None, None]


@pytest.mark.parametrize("cut", [0, 3, 8, 20])
def test_ends_without_a_whole_footer(cut: int) -> None:
    content = written(10)
    assert footer_in(content[:cut], cut) is None
    inside = footer_in(content[-2_000:], len(content))
    assert inside is not None
    assert content[inside[0] :].startswith(inside[1])
    assert footer_in(content[-100:], len(content)) is None
