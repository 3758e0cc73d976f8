"""Column summaries match plain SQL, and each part's filter selects its rows."""

from __future__ import annotations

import duckdb
import pytest

from parquet_tables.rows import RowView, count_statement
from parquet_tables.tables import Column, DataFile, TableFiles
from profiling_engine.columns.summaries import (
    MAX_BINS,
    ColumnSummary,
    SummaryLimits,
    round_edges,
    summarise,
)
from sampling_engine.filters import parse_expression

COLUMNS = {
    "whole": "CAST(i % 1000 AS INTEGER)",
    "few": "CAST(i % 7 AS BIGINT)",
    "money": "CAST(i * 0.37 - 100 AS DECIMAL(12,2))",
    "skewed": "CASE WHEN i % 1000 = 1 THEN 1e6 ELSE i % 50 / 2 END",
    'odd "name"': "CASE WHEN i % 5 > 0 THEN 'it''s ' || (i % 11) END",
    "value": "i % 3 = 0",
    "day": "DATE '2024-01-30' + CAST(i % 400 AS INTEGER)",
    "at": "TIMESTAMP '2024-01-01' + INTERVAL 7 MINUTE * i",
    "clock": "CAST(TIMESTAMP '2024-01-01' + INTERVAL 7 MINUTE * i AS TIME)",
    "endless": "CASE WHEN i % 100 = 0 THEN 'inf'::DOUBLE WHEN i % 99 = 0 THEN 'nan' ELSE i END",
    "nothing": "CAST(NULL AS VARCHAR)",
    "same": "CAST(5 AS DOUBLE)",
    "raw": "CAST(CAST(i AS VARCHAR) AS BLOB)",
    "unique text": "'row ' || i",
    "long": "CASE i % 3 WHEN 0 THEN repeat('x', 5000) WHEN 1 THEN 'short' ELSE 'other' END",
}
ROWS = 3000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TableFiles:
    path = tmp_path_factory.mktemp("summaries") / "t.parquet"
    selected = ", ".join(
        f'{sql} AS "{name.replace(chr(34), chr(34) * 2)}"' for name, sql in COLUMNS.items()
    )
    with duckdb.connect() as connection:
        source = f"SELECT {selected} FROM range({ROWS}) AS t(i)"
        connection.execute(f"COPY ({source}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 1000)")
        described = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
    columns = tuple(Column(row[0], row[1]) for row in described)
    return TableFiles(columns, (DataFile(path, ROWS),))


def _summaries(
    table: TableFiles, view: RowView, limits: SummaryLimits | None = None
) -> dict[str, ColumnSummary]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = summarise(connection, table, table.columns, view, limits or SummaryLimits())
    return {summary.column.name: summary for summary in found}


def _count(table: TableFiles, expression: str) -> int:
    condition = parse_expression(expression, table, loc=("filter",)).condition("f")
    sql, params = count_statement(table, RowView(condition))
    with duckdb.connect() as connection:
        return int(connection.execute(sql, params).fetchall()[0][0])


@pytest.mark.parametrize("name", COLUMNS)
def test_each_parts_filter_selects_its_rows(table: TableFiles, name: str) -> None:
    summary = _summaries(table, RowView())[name]
    assert len(summary.parts) <= 42
    for part in summary.parts:
        if part.row_count:
            assert _count(table, part.filters) == part.row_count, part


@pytest.mark.parametrize("name", ["whole", "few", "money", "skewed", "day", "at", "clock", "same"])
def test_bins_cover_all_values(table: TableFiles, name: str) -> None:
    summary = _summaries(table, RowView())[name]
    assert summary.chart == "bins"
    assert sum(part.row_count for part in summary.parts) == summary.row_count - summary.missing
    assert summary.clipped == (name == "skewed")


def test_figures_follow_the_filter(table: TableFiles) -> None:
    condition = parse_expression("few = 2 AND whole < 500", table, loc=()).condition("f")
    found = _summaries(table, RowView(condition))
    assert {summary.row_count for summary in found.values()} == {
        _count(table, "few = 2 AND whole < 500")
    }
    assert [(part.label, part.filters) for part in found["few"].parts] == [("2", "few = 2")]
    assert found["nothing"].missing == found["nothing"].row_count
    assert found["nothing"].chart == found["raw"].chart == found["unique text"].chart == "none"
    assert found['odd "name"'].parts[0].label.startswith("it's ")


def test_long_texts_are_no_parts(table: TableFiles) -> None:
    summary = _summaries(table, RowView())["long"]
    assert (summary.distinct, [part.label for part in summary.parts]) == (3, ["other", "short"])


def test_no_rows_have_no_chart(table: TableFiles) -> None:
    condition = parse_expression("few = 99", table, loc=()).condition("f")
    for summary in _summaries(table, RowView(condition)).values():
        assert (summary.row_count, summary.missing, summary.parts) == (0, 0, ())


def test_large_tables_are_read_in_blocks(table: TableFiles) -> None:
    exact = _summaries(table, RowView())["few"]
    limits = SummaryLimits(exact_rows=1000, sampled_rows=1000, block_rows=50)
    sampled = _summaries(table, RowView(), limits)["few"]
    assert (exact.row_count, exact.sampled) == (3000, False)
    assert (sampled.row_count, sampled.sampled) == (1000, True)
    assert [part.label for part in sampled.parts] == [part.label for part in exact.parts]


def test_edges_are_round_and_cover_the_range() -> None:
    for low, high in ((0, 1), (3, 97), (-1e9, 1e9), (0.001, 0.0042), (5, 5), (-7, -7)):
        edges = round_edges(low, high, whole=False)
        assert edges[0] <= low
        assert edges[-1] > high
        assert 2 <= len(edges) <= MAX_BINS + 1
