"""Counts of strata are kept for the next draw, and never trusted blindly."""

from __future__ import annotations

from pathlib import Path

import pytest

from parquet_tables.tables import TableFiles
from sampling_engine import MonetaryUnitMethod, RandomMethod, Round, StratifiedMethod, draw_sample
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop


@pytest.fixture
def counts_dir(workshop: Workshop, request: pytest.FixtureRequest) -> Path:
    directory = workshop.root / f"counts {request.node.name}"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def table(workshop: Workshop) -> TableFiles:
    return workshop.table_of(
        "SELECT nullif(i % 7, 3) AS day, DATE '2024-01-01' + CAST(i % 3 AS INTEGER) AS at "
        "FROM range(5000) AS r(i)"
    )


def by(*columns: str) -> Round:
    method = StratifiedMethod(strata_columns=columns, sample_size=50, min_per_stratum=1)
    return Round(round_number=1, method=method, seed=5)


def messages(workshop: Workshop, table: TableFiles, one: Round, counts_dir: Path) -> set[str]:
    messages: set[str] = set()
    draw_sample(
        workshop.database,
        table,
        [one],
        table_key="primary",
        destination=workshop.new_path(),
        on_progress=lambda fraction, message: messages.add(message),
        counts_dir=counts_dir,
    )
    return messages


def test_a_second_draw_counts_nothing_and_draws_the_same(
    workshop: Workshop, table: TableFiles, counts_dir: Path
) -> None:
    without = workshop.draw(table, by("day", "at"))
    assert "counting strata" in messages(workshop, table, by("day", "at"), counts_dir)
    assert "counting strata" not in messages(workshop, table, by("day", "at"), counts_dir)
    kept = workshop.draw(table, by("day", "at"), counts_dir=counts_dir)
    assert kept.rounds == without.rounds
    assert workshop.rows(kept.table) == workshop.rows(without.table)


def test_other_columns_and_other_files_are_counted_on_their_own(
    workshop: Workshop, table: TableFiles, counts_dir: Path
) -> None:
    other = workshop.table_of("SELECT i % 7 AS day, i AS at FROM range(5000) AS r(i)")
    for one, source in ((by("day"), table), (by("day", "at"), table), (by("day"), other)):
        assert "counting strata" in messages(workshop, source, one, counts_dir)
    assert len(list(counts_dir.iterdir())) == 3


def test_a_flipped_bit_anywhere_never_changes_a_draw(
    workshop: Workshop, table: TableFiles, counts_dir: Path
) -> None:
    expected = workshop.draw(table, by("day", "at"), counts_dir=counts_dir)
    (kept,) = counts_dir.iterdir()
    whole = kept.read_bytes()
    for place in range(0, len(whole), 31):
        kept.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        )
        again = workshop.draw(table, by("day", "at"), counts_dir=counts_dir)
        assert again.rounds == expected.rounds, place


@pytest.mark.parametrize("damage", ["cut off", "no Parquet", "of other rows", "of other columns"])
def test_a_kept_file_that_is_damaged_is_counted_anew(
    workshop: Workshop, table: TableFiles, counts_dir: Path, damage: str
) -> None:
    expected = workshop.draw(table, by("day"), counts_dir=counts_dir)
    (kept,) = counts_dir.iterdir()
    whole = kept.read_bytes()
    if damage == "cut off":
        kept.write_bytes(whole[: len(whole) // 2])
    elif damage == "no Parquet":
        kept.write_bytes(b"nothing of the kind")
    else:
        rows = "1 AS rows" if damage == "of other rows" else "2 AS columns"
        query = f"SELECT 0 AS stratum, 1 AS k0, {rows}"
        workshop.table_of(query).files[0].path.replace(kept)
    again = workshop.draw(table, by("day"), counts_dir=counts_dir)
    assert again.rounds == expected.rounds
    assert workshop.rows(again.table) == workshop.rows(expected.table)
    assert "counting strata" not in messages(workshop, table, by("day"), counts_dir)


@pytest.fixture(scope="module")
def ledger(workshop: Workshop) -> TableFiles:
    return workshop.table_of(
        "SELECT nullif(CAST(i * 37 % 9001 - 900 AS DECIMAL(12, 2)), 0) AS a, i % 5 AS b "
        "FROM range(5000) AS r(i)"
    )


def by_money(table: TableFiles, where: str | None = None, **parameters: object) -> Round:
    method = MonetaryUnitMethod(book_column="a", sample_size=40, **parameters)  # type: ignore[arg-type]
    row_filter = parse_expression(where, table) if where else None
    return Round(round_number=1, method=method, seed=5, filter=row_filter)


@pytest.mark.parametrize("where", [None, "b < 3"])
def test_a_second_draw_by_money_adds_nothing_up(
    workshop: Workshop, ledger: TableFiles, counts_dir: Path, where: str | None
) -> None:
    one = by_money(ledger, where)
    without = workshop.draw(ledger, one)
    assert "adding amounts up" in messages(workshop, ledger, one, counts_dir)
    assert "adding amounts up" not in messages(workshop, ledger, one, counts_dir)
    kept = workshop.draw(ledger, one, counts_dir=counts_dir)
    assert kept.rounds == without.rounds
    assert workshop.rows(kept.table) == workshop.rows(without.table)
    others = by_money(ledger, where, population="negative")
    assert "adding amounts up" not in messages(workshop, ledger, others, counts_dir)
    assert "adding amounts up" in messages(workshop, ledger, by_money(ledger, "b > 1"), counts_dir)


def test_cached_sums_serve_a_round_after_another(
    workshop: Workshop, ledger: TableFiles, counts_dir: Path
) -> None:
    first = Round(round_number=1, method=RandomMethod(sample_size=1000), seed=1)
    second = Round(round_number=2, method=by_money(ledger).method, seed=2)
    without = workshop.draw(ledger, first, second)
    for _ in range(2):
        kept = workshop.draw(ledger, first, second, counts_dir=counts_dir)
        assert kept.rounds == without.rounds
        assert workshop.rows(kept.table) == workshop.rows(without.table)


def test_damaged_sums_are_added_up_again(
    workshop: Workshop, ledger: TableFiles, counts_dir: Path
) -> None:
    expected = workshop.draw(ledger, by_money(ledger), counts_dir=counts_dir)
    (cached,) = (path for path in counts_dir.iterdir() if path.suffix == ".int64")
    whole = cached.read_bytes()
    for damaged in (b"", whole[:-8], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        cached.write_bytes(damaged)
        again = workshop.draw(ledger, by_money(ledger), counts_dir=counts_dir)
        assert again.rounds == expected.rounds
        assert cached.read_bytes() == whole
