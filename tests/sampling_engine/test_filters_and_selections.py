"""Filters, selected columns and orders of rounds, with every method."""

from __future__ import annotations

from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    Selection,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by_shop, one_round, sample_values, sizes, warnings_of


def test_strata_of_a_filtered_round_are_those_of_the_rows_that_pass(
    workshop: Workshop, shops: TableFiles
) -> None:
    dear = parse_expression("cost >= 4 AND value > 0", shops)
    sample = workshop.draw(shops, one_round(by_shop(sample_size=50), filter=dear))
    assert sample.rounds[0].eligible_rows == 250
    assert sizes(sample) == {"b": 30, None: 20}


def test_a_filter_that_no_row_passes_draws_none_with_any_method(
    workshop: Workshop, shops: TableFiles
) -> None:
    nobody = parse_expression("value > 1000", shops)
    methods: list[Method] = [
        RandomMethod(sample_size=3),
        by_shop(sample_size=3),
        by_shop(sample_size=3, allocation="neyman", allocation_column="value"),
        by_shop(sizes={"a": 1}),
        SystematicMethod(sample_size=3),
        SystematicMethod(interval=3),
        ClusterMethod(cluster_column="shop", num_clusters=2),
        WeightedMethod(sample_size=3, weight_column="cost"),
    ]
    rounds = [
        Round(round_number=number, method=method, seed=1, filter=nobody)
        for number, method in enumerate(methods, start=1)
    ]
    sample = workshop.draw(shops, *rounds)
    assert sample.rows_sampled == 0
    assert {warnings_of(one)[0] for one in sample.rounds} == {
        "No row was eligible, so none was drawn."
    }
    empty = TableFiles(shops.columns, ())
    assert workshop.draw(empty, *rounds).rows_sampled == 0


def test_rounds_that_select_different_columns_share_the_sample(
    workshop: Workshop, shops: TableFiles
) -> None:
    first = one_round(RandomMethod(sample_size=2), selection=Selection(columns=("value", "ID")))
    second = Round(
        round_number=2,
        method=RandomMethod(sample_size=2),
        seed=1,
        selection=Selection(columns=("shop", "id")),
    )
    sample = workshop.draw(shops, first, second)
    names = [column.name for column in sample.table.columns[:3]]
    assert names == ["id", "shop", "value"]
    rows = sample_values(workshop, sample, "id IS NULL", "shop IS NULL", "value IS NULL")
    source = workshop.rows(shops, "shop IS NULL")
    assert rows[:2] == [(False, True, False)] * 2
    assert rows[2:] == [(False, *source[at], True) for at in workshop.ordinals(sample)[2:]]


def test_a_round_is_sorted_by_a_column_with_null_last_and_ties_by_rank(workshop: Workshop) -> None:
    table = workshop.table({"v": ("INTEGER", [3, None, 1, 3, 2, None]), "w": ("INTEGER", range(6))})
    everything = RandomMethod(sample_fraction=1.0)
    orders: list[tuple[bool, list[int | None]]] = [
        (False, [1, 2, 3, 3, None, None]),
        (True, [3, 3, 2, 1, None, None]),
    ]
    for descending, expected in orders:
        selection = Selection(columns=("w",), order_by="V", order_desc=descending)
        sample = workshop.draw(table, one_round(everything, selection=selection))
        ordinals = workshop.ordinals(sample)
        values = [value for (value,) in workshop.rows(table, "v")]
        assert [values[at] for at in ordinals] == expected
        places = dict(sample_values(workshop, sample, "w", "_selection_order"))
        ranked = [places[at] for at in ordinals]
        assert all(ranked[i] < ranked[i + 1] for i in range(5) if expected[i] == expected[i + 1])
        assert [column.name for column in sample.table.columns[:2]] == ["w", "_logical_row_id"]


def test_nested_and_unicode_values_come_through_every_method(workshop: Workshop) -> None:
    table = workshop.table_of(
        'SELECT i AS "größe", \'Straße \' || chr(9731 + (i % 3)::INTEGER) AS "ort ☃", '
        "{'a': i, 'b': ['x', NULL, 'ü']} AS s, [i, NULL] AS l, MAP {'k': i} AS m, "
        "1 + i % 4 AS w FROM range(60) AS r(i)",
        splits=[25],
    )
    methods: list[Method] = [
        StratifiedMethod(strata_columns=("ort ☃",), sample_size=6),
        StratifiedMethod(strata_columns=("ort ☃",), sizes={"Straße ☃": 2}),
        SystematicMethod(sample_size=5),
        ClusterMethod(cluster_column="ort ☃", num_clusters=1, samples_per_cluster=4),
        WeightedMethod(sample_size=5, weight_column="größe"),
    ]
    some = parse_expression('"größe" >= 3', table)
    rounds = [
        Round(round_number=i, method=method, seed=i, filter=some, selection=Selection(order_by="s"))
        for i, method in enumerate(methods, start=1)
    ]
    sample = workshop.draw(table, *rounds)
    source = workshop.rows(table)
    own = workshop.rows(sample.table, '"größe", "ort ☃", s, l, m, w')
    assert own == [source[at] for at in workshop.ordinals(sample)]
    assert [one.rows_sampled for one in sample.rounds] == [6, 2, 5, 4, 5]
