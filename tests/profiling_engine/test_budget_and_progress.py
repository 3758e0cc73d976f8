"""Time runs out, jobs are cancelled, progress grows, and wide tables are no trouble."""

from __future__ import annotations

import time

import pytest

from parquet_tables.tables import TableFiles, UnknownColumn
from profiling_engine.columns.passes import (
    BLOCK_ROWS,
    MAX_BLOCKS,
    SAMPLE_ROWS,
    Budget,
    OutOfTime,
    choose_rows,
)
from tests.profiling_engine.conftest import Studio


class Cancelled(Exception):
    """What a cancelled job's report raises."""


@pytest.fixture(scope="module")
def table(studio: Studio) -> TableFiles:
    return studio.table_of(
        "SELECT range AS id, 'v' || range % 999 AS word, (range % 77) / 7.0 AS x FROM range(100000)"
    )


def test_progress_increases_to_1(studio: Studio, table: TableFiles) -> None:
    seen: list[tuple[float, str]] = []
    studio.profile(table, on_progress=lambda fraction, message: seen.append((fraction, message)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    messages = list(dict.fromkeys(message for _, message in seen))
    assert 'profiling column "word"' in messages
    assert messages[-1] == "profiled"


@pytest.mark.parametrize(
    "stage", ["reading statistics", "profiling column", "counting repeated rows"]
)
def test_exception_of_the_callback_ends_the_profile(
    studio: Studio, table: TableFiles, stage: str
) -> None:
    def on_progress(_: float, message: str) -> None:
        if message.startswith(stage):
            raise Cancelled

    with pytest.raises(Cancelled):
        studio.profile(
            studio.table_of("SELECT range // 2 AS x FROM range(70000)"), on_progress=on_progress
        )


def test_profile_can_be_cancelled_after_the_budget(studio: Studio, table: TableFiles) -> None:
    def on_progress(_: float, message: str) -> None:
        if message == 'profiling column "x"':
            raise Cancelled

    with pytest.raises(Cancelled):
        studio.profile(table, budget_s=0, on_progress=on_progress)


def test_zero_budget_still_profiles_every_column(studio: Studio, table: TableFiles) -> None:
    profile = studio.profile(table, budget_s=0)
    assert profile.estimated_columns == ("id", "word", "x")
    assert profile.repeated_rows is None
    (identity, word, _) = profile.columns
    assert identity.distinct is not None
    assert identity.distinct.low <= 100_000 <= identity.distinct.high
    assert identity.unique is None
    assert word.most_frequent is not None
    assert all(one.low <= one.rows <= one.high for one in word.most_frequent.values)
    assert not word.most_frequent.complete


def test_statement_beyond_the_budget_is_interrupted(studio: Studio, table: TableFiles) -> None:
    slow = studio.table_of("SELECT range AS x FROM range(2000000)")
    begun = time.monotonic()
    profile = studio.profile(slow, budget_s=0.05)
    assert profile.estimated_columns == ("x",)
    assert time.monotonic() - begun < 20


def test_small_tables_are_read_whole_at_any_budget(studio: Studio) -> None:
    table = studio.table_of(f"SELECT range AS x FROM range({SAMPLE_ROWS})")
    assert studio.profile(table, budget_s=0).estimated_columns == ()


def test_budget_counts_from_its_start() -> None:
    now = [100.0]
    budget = Budget(5.0, lambda: now[0])
    budget.check()
    now[0] = 104.9
    budget.check()
    now[0] = 105.0
    with pytest.raises(OutOfTime):
        budget.check()
    Budget(None, lambda: now[0]).check()


def test_error_names_an_unknown_column(studio: Studio, table: TableFiles) -> None:
    with pytest.raises(UnknownColumn, match='Did you mean "word"'):
        studio.profile(table, ["words"])


def test_seed_and_row_count_determine_the_sample(studio: Studio, table: TableFiles) -> None:
    one, same, other = (choose_rows(table, seed) for seed in (1, 1, "1 more"))
    assert (one.ordinals == same.ordinals).all()
    assert (one.ordinals != other.ordinals).any()
    assert len(one.ordinals) == len(set(one.ordinals.tolist())) == SAMPLE_ROWS
    assert one.size.blocks == MAX_BLOCKS
    starts = one.ordinals.reshape(MAX_BLOCKS, BLOCK_ROWS)[:, 0]
    assert (starts % BLOCK_ROWS == 0).all()
    # Known rows, so that no release draws others by accident.
    assert one.ordinals[::8192].tolist() == [0, 26112, 49664, 73728]


@pytest.mark.timeout(400)
def test_profile_time_is_linear_in_columns(studio: Studio) -> None:
    kinds = (
        "range % {n}",
        "'v' || range % {n}",
        "range / {n}.0",
        "DATE '2000-01-01' + range % {n}",
    )

    def seconds_for(count: int) -> float:
        columns = ", ".join(
            f"{kinds[i % 4].format(n=i + 2)} AS c{i}".replace("range %", "CAST(range AS INTEGER) %")
            for i in range(count)
        )
        wide = studio.table_of(f"SELECT {columns} FROM range(500)")
        begun = time.process_time()
        profile = studio.profile(wide)
        assert len(profile.columns) == count
        assert {column.kind for column in profile.columns} == {"number", "text", "moment"}
        assert all(column.distinct is not None for column in profile.columns)
        return time.process_time() - begun

    few, many = seconds_for(8), seconds_for(48)
    assert many < 2 * 6 * few
