"""Rows that stand for a table: whole where it is small, drawn once and kept where it is large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from parquet_tables.tables import TableFiles
from sampling_engine import Reference, RowFilter, reference_of
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop

LARGE = 230_000


@pytest.fixture
def counts_dir(workshop: Workshop, request: pytest.FixtureRequest) -> Path:
    directory = workshop.root / f"references {request.node.name}"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def large(workshop: Workshop) -> TableFiles:
    """Sorted, in two files, with a column of a name that a sample needs."""
    query = f"SELECT range AS id, range % 10 AS _stratum FROM range({LARGE})"
    return workshop.table_of(query, splits=[100_000])


def found(
    workshop: Workshop, table: TableFiles, counts_dir: Path, row_filter: RowFilter | None = None
) -> tuple[Reference, set[str]]:
    messages: set[str] = set()
    reference = reference_of(
        workshop.database,
        table,
        row_filter,
        counts_dir=counts_dir,
        on_progress=lambda fraction, message: messages.add(message),
    )
    return reference, messages


def test_a_table_of_up_to_200_000_rows_is_its_own_reference(
    workshop: Workshop, counts_dir: Path
) -> None:
    small = workshop.table_of("SELECT range AS id FROM range(5000)")
    reference, messages = found(workshop, small, counts_dir)
    assert reference.table is small
    assert (reference.rows, reference.is_whole, messages) == (5000, True, set())
    assert list(counts_dir.iterdir()) == []


def test_a_larger_one_is_a_random_draw_that_is_made_once(
    workshop: Workshop, large: TableFiles, counts_dir: Path
) -> None:
    reference, messages = found(workshop, large, counts_dir)
    assert messages
    assert (reference.rows, reference.table.row_count) == (LARGE, 100_000)
    assert not reference.is_whole
    assert reference.table.columns == large.columns
    rows = workshop.rows(reference.table, "id, _stratum")
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    assert len(set(ids.tolist())) == 100_000
    assert all(int(str(one)) % 10 == stratum for one, stratum in rows[:1000])
    assert stats.kstest(ids / LARGE, "uniform").pvalue > 1e-3
    (kept,) = counts_dir.iterdir()
    assert kept.name.startswith(f"{large.files[0].path.stem}-")
    again, messages = found(workshop, large, counts_dir)
    assert again == reference
    assert "writing the sample" not in messages


def test_a_filters_rows_are_a_reference_of_their_own(
    workshop: Workshop, large: TableFiles, counts_dir: Path
) -> None:
    first = parse_expression("id < 1000", large)
    reference, _ = found(workshop, large, counts_dir, first)
    assert (reference.rows, reference.is_whole) == (1000, True)
    assert sorted(workshop.rows(reference.table, "id")) == [(at,) for at in range(1000)]
    nothing, _ = found(workshop, large, counts_dir, parse_expression("id < 0", large))
    assert (nothing.rows, nothing.table.files) == (0, ())


def test_rows_that_are_left_out_are_not_in_it(workshop: Workshop, counts_dir: Path) -> None:
    source = workshop.table_of("SELECT range AS id FROM range(500)")
    rest = TableFiles(source.columns, source.files, np.arange(0, 500, 2))
    reference, _ = found(workshop, rest, counts_dir)
    assert (reference.rows, reference.is_whole) == (250, True)
    assert all(int(str(one)) % 2 == 1 for (one,) in workshop.rows(reference.table, "id"))
    other = TableFiles(source.columns, source.files, np.arange(0, 500, 5))
    assert found(workshop, other, counts_dir)[0].rows == 400


@pytest.mark.parametrize("damage", ["cut", "gone", "another"])
def test_a_kept_file_that_cannot_be_used_is_made_anew(
    workshop: Workshop, counts_dir: Path, damage: str
) -> None:
    source = workshop.table_of("SELECT range AS id FROM range(400)")
    few = parse_expression("id < 30", source)
    expected = workshop.rows(found(workshop, source, counts_dir, few)[0].table)
    (kept,) = (path for path in counts_dir.iterdir() if len(workshop_rows(workshop, path)) == 30)
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:50])
    elif damage == "gone":
        kept.unlink()
    else:
        kept.write_bytes(source.files[0].path.read_bytes())
    again, _ = found(workshop, source, counts_dir, few)
    assert workshop.rows(again.table) == expected


def workshop_rows(workshop: Workshop, path: Path) -> list[tuple[object, ...]]:
    with workshop.database.cursor() as cursor:
        return cursor.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


def test_what_the_report_raises_stops_the_draw_and_leaves_nothing(
    workshop: Workshop, large: TableFiles, counts_dir: Path
) -> None:
    def refuse(fraction: float, message: str) -> None:
        if message == "writing the sample":
            raise TimeoutError

    with pytest.raises(TimeoutError):
        reference_of(workshop.database, large, counts_dir=counts_dir, on_progress=refuse)
    assert list(counts_dir.iterdir()) == []
