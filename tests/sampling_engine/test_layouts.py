"""The same rows whatever the thread count, the row-group size and the cut into files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import MAX_BRANCHES
from parquet_tables.tables import Column, TableFiles
from sampling_engine import (
    ClusterMethod,
    DrawnSample,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    Selection,
    Strategy,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Rows, Workshop

TABLE = TableFiles(
    tuple(
        Column(name, kind)
        for name, kind in {
            "id": "BIGINT",
            "price": "DOUBLE",
            "cost": "DOUBLE",
            "city": "VARCHAR",
            "year": "BIGINT",
            "shop": "BIGINT",
        }.items()
    ),
    (),
)
CHEAP = parse_expression("price < 90 AND year IN (2000, 2001)", TABLE)
ROUNDS = (
    Round(round_number=1, method=RandomMethod(sample_size=700), seed=11),
    Round(
        round_number=2,
        method=StratifiedMethod(strata_columns=("city", "year"), sample_size=900),
        seed=11,
    ),
    Round(
        round_number=3,
        method=StratifiedMethod(strata_columns=("year",), samples_per_stratum=40),
        seed="three",
    ),
    Round(
        round_number=4,
        method=StratifiedMethod(
            strata_columns=("city",),
            sample_size=300,
            allocation="optimal",
            allocation_column="price",
            cost_column="cost",
        ),
        seed=4,
        filter=CHEAP,
    ),
    Round(round_number=5, method=SystematicMethod(sample_size=333), seed=5, filter=CHEAP),
    Round(round_number=6, method=SystematicMethod(interval=171), seed=6),
    Round(
        round_number=7,
        method=ClusterMethod(cluster_column="shop", num_clusters=9, samples_per_cluster=30),
        seed=7,
    ),
    Round(
        round_number=8,
        method=WeightedMethod(sample_size=400, weight_column="price"),
        seed=8,
        selection=Selection(columns=("id", "price"), order_by="cost", order_desc=True),
    ),
    Round(
        round_number=9,
        method=WeightedMethod(sample_size=9, weight_column="id"),
        seed=9,
        filter=CHEAP,
    ),
    Round(
        round_number=10,
        method=WeightedMethod(sample_size=9, weight_column="price"),
        seed=10,
        filter=parse_expression("id < 60", TABLE),
    ),
    Round(
        round_number=11,
        method=MonetaryUnitMethod(sample_size=150, book_column="price", selection="cell"),
        seed=11,
    ),
    Round(
        round_number=12,
        method=MonetaryUnitMethod(interval=2_000_000, book_column="id", order="file"),
        seed=12,
        filter=CHEAP,
    ),
)
QUERY = (
    "SELECT i AS id, i * 7 % 1000 / 7 AS price, 1 / (1 + i % 97) AS cost, "
    "CASE i % 11 WHEN 0 THEN NULL ELSE 'city ' || i % 5 END AS city, "
    "2000 + i * i % 4 AS year, i * 31 % 211 AS shop FROM range(40000) AS r(i)"
)
LAYOUTS: list[tuple[int, list[int]]] = [
    (32_768, []),
    (2_048, []),
    (32_768, [1, 33_000, 33_000, 39_999]),
    (2_048, [20_000, 30_000]),
    (2_048, list(range(1_000, 40_000, 1_000))),
]


@pytest.fixture(scope="module")
def expected(workshop: Workshop) -> Rows:
    table = workshop.table_of(QUERY)
    assert table.columns == TABLE.columns
    return workshop.rows(workshop.draw(table, *ROUNDS).table)


@pytest.fixture(scope="module")
def by_threads(workshop: Workshop) -> Iterator[dict[int, Workshop]]:
    """Workshops whose draws use so many threads; they read the other workshop's tables."""
    root = workshop.root
    with ExitStack() as closing:
        made = {}
        for threads in (1, 4):
            place = root / f"threads-{threads}"
            place.mkdir()
            database = ParquetDatabase(root, place / "spill", threads=threads)
            made[threads] = Workshop(closing.enter_context(database), place)
        yield made


@pytest.fixture(scope="module", params=range(len(LAYOUTS)), ids="layout {}".format)
def layout(request: pytest.FixtureRequest, workshop: Workshop) -> tuple[int, TableFiles]:
    """A layout's number, and the table in it."""
    row_group_rows, splits = LAYOUTS[request.param]
    table = workshop.table_of(QUERY, row_group_rows=row_group_rows, splits=splits)
    assert len(table.files) == len(splits) + 1
    return request.param, table


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_layout_and_threads_have_no_part_in_the_draw(
    expected: Rows,
    by_threads: dict[int, Workshop],
    layout: tuple[int, TableFiles],
    strategy: Strategy,
) -> None:
    """Every pair of a layout, a strategy and a number of threads."""
    number, table = layout
    workshop = by_threads[1 if (number + (strategy == "scan")) % 2 else 4]
    sample = workshop.draw(table, *ROUNDS, strategy=strategy)
    assert workshop.rows(sample.table) == expected


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_hundreds_of_files_give_the_rows_of_one(workshop: Workshop, strategy: Strategy) -> None:
    few = workshop.table_of(QUERY.replace("range(40000)", "range(400)"))
    many = TableFiles(few.columns, few.files * (MAX_BRANCHES + 20))
    one = workshop.table_of(
        "SELECT f.* FROM range(?) AS r(i), read_parquet(?) AS f ORDER BY r.i, f.id",
        [len(many.files), str(few.files[0].path)],
    )
    sample = workshop.draw(many, *ROUNDS, strategy=strategy)
    assert workshop.rows(sample.table) == workshop.rows(workshop.draw(one, *ROUNDS).table)


def test_draws_from_many_files_leave_no_table(workshop: Workshop) -> None:
    few = workshop.table_of("SELECT i AS id, uuid() AS name FROM range(400) AS r(i)")
    many = TableFiles(few.columns, few.files * 60)
    spec = Round(round_number=1, method=RandomMethod(sample_size=2_000), seed=3)

    def draw(on_progress: ProgressCallback) -> DrawnSample:
        return draw_sample(
            workshop.database,
            many,
            [spec],
            table_key="primary",
            destination=workshop.new_path(),
            on_progress=on_progress,
        )

    def stop(share: float, message: str) -> None:
        if message == "reading the drawn rows":
            raise InterruptedError(share)

    with pytest.raises(InterruptedError):
        draw(stop)
    shares: list[float] = []
    drawn = draw(lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert drawn.table.row_count == 2_000
    with workshop.database.cursor() as cursor:
        assert cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall() == []


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_a_column_of_duckdbs_name_for_files_changes_nothing(
    workshop: Workshop, strategy: Strategy
) -> None:
    query = "SELECT i AS id, 7 AS file_index, i % 3 AS shop FROM range(9000) AS r(i)"
    one, many = (workshop.table_of(query, splits=splits) for splits in ([], [10, 4_000]))
    method = StratifiedMethod(strata_columns=("shop",), sample_size=50)
    round_spec = Round(
        round_number=1, method=method, seed=1, filter=parse_expression("file_index = 7", one)
    )
    drawn = workshop.draw(many, round_spec, strategy=strategy)
    expected = workshop.draw(one, round_spec, strategy=strategy)
    assert workshop.rows(drawn.table) == workshop.rows(expected.table)


def test_a_draw_again_writes_the_same_bytes(workshop: Workshop) -> None:
    table = workshop.table_of(QUERY)
    first, second = (workshop.draw(table, *ROUNDS).table.files[0].path for _ in range(2))
    assert first.read_bytes() == second.read_bytes()
