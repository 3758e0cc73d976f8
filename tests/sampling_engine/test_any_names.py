"""Names of columns are text alone: whatever they hold, each column has its own values."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from hashlib import sha256
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parquet_tables.quoting import quote_identifier
from parquet_tables.row_hashes import row_text
from parquet_tables.rows import (
    RowView,
    count_statement,
    find_rows,
    page_statement,
    rows_statement,
    view_statement,
)
from parquet_tables.tables import TableFiles
from profiling_engine.columns.summaries import summarise
from sampling_engine import (
    ClusterMethod,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    Selection,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    write_redraw_data,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop
from tests.support.any_names import any_name, distinct, generated_names

ROWS = 30
COLUMNS = 400
TABLES = 25


def value(row: int, column: int) -> int:
    return row * 1_000 + column


def table_of(workshop: Workshop, names: Sequence[str]) -> TableFiles:
    """Two files; each column has values of its own."""
    columns = {
        name: ("BIGINT", [value(row, at) for row in range(ROWS)]) for at, name in enumerate(names)
    }
    table = workshop.table(columns, splits=[17])
    assert [column.name for column in table.columns] == list(names)
    return table


@pytest.mark.parametrize("seed", range(TABLES))
def test_columns_of_10000_names_keep_their_values(workshop: Workshop, seed: int) -> None:
    names = generated_names(COLUMNS, seed)
    table = table_of(workshop, names)
    expected = [[value(row, at) for at in range(COLUMNS)] for row in range(ROWS)]
    ordinals = np.array([29, 3, 17, 3], dtype=np.int64)
    random = Random(seed)
    statements = [
        page_statement(table, table.columns),
        rows_statement(table, table.columns, ordinals),
    ]
    results = [expected, [expected[at] for at in ordinals]]
    for order in random.sample(table.columns, 1):
        wanted = " AND ".join(
            f"{quote_identifier(name)} > {value(9, names.index(name))}"
            for name in random.sample(names, 40)
        )
        view = RowView(parse_expression(wanted, table).condition("f"), order, descending=True)
        with workshop.database.cursor() as cursor:
            assert cursor.execute(*count_statement(table, view)).fetchall() == [(20,)]
            assert find_rows(cursor, table, view, 2, 3).tolist() == [27, 26, 25]
        statements.append(view_statement(table, table.columns, view, 0, 100))
        results.append(expected[:9:-1])
    with workshop.database.cursor() as cursor:
        for statement, rows in zip(statements, results, strict=True):
            found = cursor.execute(*statement)
            assert [one[0] for one in found.description or ()] == names
            assert [list(row) for row in found.fetchall()] == rows
        texts = f"SELECT {row_text(table.columns)} FROM read_parquet(?) AS f"
        assert len(cursor.execute(texts, [str(table.files[0].path)]).fetchall()) == 17
        summaries = summarise(cursor, table, table.columns[:40], RowView())
        assert [one.maximum for one in summaries] == expected[-1][:40]
    sample = workshop.draw(table, Round(round_number=1, method=RandomMethod(sample_size=5), seed=1))
    drawn = workshop.rows(sample.table, ", ".join(quote_identifier(name) for name in names[:300]))
    assert [list(row) for row in drawn] == [expected[at][:300] for at in workshop.ordinals(sample)]


PLAIN = ("city", "price", "cost", "shop")


def rounds(names: Sequence[str], table: TableFiles) -> list[Round]:
    """Each method with columns of these names in each of its roles."""
    city, price, cost, shop = names
    some = parse_expression(
        f"{quote_identifier(price)} > 20 OR {quote_identifier(city)} < 3", table
    )
    allocated = StratifiedMethod(
        strata_columns=(city, shop),
        sample_size=20,
        allocation="optimal",
        allocation_column=price,
        cost_column=cost,
    )
    selection = Selection(columns=(shop, city), order_by=price, order_desc=True)
    methods = (
        RandomMethod(sample_size=20),
        StratifiedMethod(strata_columns=(city,), sample_size=20),
        allocated,
        SystematicMethod(interval=11),
        ClusterMethod(cluster_column=shop, num_clusters=2),
        WeightedMethod(sample_size=9, weight_column=price),
        MonetaryUnitMethod(sample_size=9, book_column=cost),
    )
    return [
        Round(
            round_number=at,
            method=method,
            seed=at,
            filter=some if at % 2 else None,
            selection=selection if at == 1 else Selection(),
        )
        for at, method in enumerate(methods, start=1)
    ]


def drawn(workshop: Workshop, names: Sequence[str]) -> tuple[list[int], str]:
    """The drawn rows of all methods, and the digest of what the redraw of a verifier reads."""
    table = workshop.table(
        {
            names[0]: ("BIGINT", [row % 5 for row in range(400)]),
            names[1]: ("DOUBLE", [row * 7 % 50 + 0.5 for row in range(400)]),
            names[2]: ("BIGINT", [row % 9 + 1 for row in range(400)]),
            names[3]: ("BIGINT", [row % 13 for row in range(400)]),
        },
        splits=[100],
    )
    all_rounds = rounds(names, table)
    sample = workshop.draw(table, *all_rounds)
    path = workshop.new_path()
    write_redraw_data(workshop.database, table, all_rounds, path)
    with path.open(encoding="utf-8", newline="") as file:
        header, *cells = csv.reader(file)
    assert header[-4:] == list(names)
    assert len(cells) == 400
    return workshop.ordinals(sample), sha256(repr(cells).encode()).hexdigest()


@pytest.fixture(scope="module")
def plain(workshop: Workshop) -> tuple[list[int], str]:
    return drawn(workshop, PLAIN)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(any_name, min_size=4, max_size=4).map(distinct))
def test_draws_are_the_same_under_any_names(
    workshop: Workshop, plain: tuple[list[int], str], names: list[str]
) -> None:
    assert drawn(workshop, names) == plain
