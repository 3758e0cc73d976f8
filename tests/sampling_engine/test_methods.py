"""Systematic, cluster and weighted rounds, allocations, filters and selections, one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import (
    ClusterMethod,
    DrawnSample,
    Method,
    RandomMethod,
    Round,
    Selection,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
)
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Rows, Workshop


def one_round(method: Method, seed: int = 1, **more: object) -> Round:
    return Round(round_number=1, method=method, seed=seed, **more)  # type: ignore[arg-type]


def told(workshop: Workshop, sample: DrawnSample, *columns: str) -> Rows:
    return workshop.rows(sample.table, ", ".join(columns))


def sizes(sample: DrawnSample) -> dict[str | None, int]:
    one = sample.rounds[0]
    return {next(iter(group.key.values())): group.sampled for group in one.strata + one.clusters}


@pytest.fixture(scope="module")
def shops(workshop: Workshop) -> TableFiles:
    """1,000 rows: shop a (600, values 0 or 10), b (300, 0 or 40), none (100, all 5)."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i < 600 THEN 'a' WHEN i < 900 THEN 'b' END AS shop, "
        "CASE WHEN i < 600 THEN i % 2 * 10 WHEN i < 900 THEN i % 2 * 40 ELSE 5 END AS value, "
        "CASE WHEN i < 600 THEN 1.0 WHEN i < 900 THEN 4.0 ELSE 9.0 END AS cost "
        "FROM range(1000) AS r(i)",
        splits=[450],
    )


# --- systematic ---


def test_a_systematic_round_takes_every_nth_row_from_its_start(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(SystematicMethod(interval=100, start=7)))
    assert workshop.ordinals(sample) == list(range(6, 1_000, 100))
    chances = told(workshop, sample, "_selection_order", "_stratum", "_inclusion_probability")
    assert chances == [(at, None, 0.01) for at in range(1, 11)]
    assert set(told(workshop, sample, "_design_weight")) == {(100.0,)}


def test_a_systematic_round_counts_eligible_rows_alone(
    workshop: Workshop, shops: TableFiles
) -> None:
    odd = parse_expression("value = 0", shops)
    left = TableFiles(shops.columns, shops.files, np.arange(100))
    sample = workshop.draw(left, one_round(SystematicMethod(interval=5, start=2), filter=odd))
    assert workshop.ordinals(sample) == list(range(102, 900, 10))
    assert sample.rounds[0].eligible_rows == 400


@pytest.mark.parametrize("size", [1, 7, 333, 999, 1_000])
def test_a_systematic_size_gives_exactly_so_many_rows_at_even_distances(
    workshop: Workshop, shops: TableFiles, size: int
) -> None:
    sample = workshop.draw(shops, one_round(SystematicMethod(sample_size=size)))
    ordinals = workshop.ordinals(sample)
    assert len(ordinals) == size
    gaps = set(np.diff(ordinals).tolist())
    assert gaps <= {1_000 // size, -(-1_000 // size)}
    weights = [weight for (weight,) in told(workshop, sample, "_design_weight")]
    assert sum(weights) == pytest.approx(1_000)


def test_a_start_beyond_the_rows_draws_none_and_says_so(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(SystematicMethod(interval=5_000, start=2_000)))
    assert sample.rows_sampled == 0
    assert sample.rounds[0].warnings == (
        "The start, row 2,000, is beyond the 1,000 eligible rows, so none was drawn.",
    )


# --- cluster ---


def test_whole_clusters_are_drawn_and_null_is_one_of_them(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(ClusterMethod(cluster_column="shop", num_clusters=3)))
    assert sizes(sample) == {"a": 600, "b": 300, None: 100}
    assert set(told(workshop, sample, "_inclusion_probability")) == {(1.0,)}
    assert set(told(workshop, sample, "_stratum", "shop")) == {
        ("a", "a"),
        ("b", "b"),
        ("NULL", None),
    }


def test_a_two_stage_chance_is_that_of_the_cluster_times_that_inside(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = ClusterMethod(cluster_column="shop", num_clusters=2, samples_per_cluster=30)
    sample = workshop.draw(shops, one_round(method))
    drawn = sizes(sample)
    assert set(drawn.values()) == {30}
    assert sample.rounds[0].clusters_count == 3
    inside = {"a": 600, "b": 300, "NULL": 100}
    for label, chance, weight in told(
        workshop, sample, "_stratum", "_inclusion_probability", "_design_weight"
    ):
        assert chance == pytest.approx(2 / 3 * 30 / inside[str(label)])
        assert weight == pytest.approx(1 / chance)  # type: ignore[operator]


def test_a_percentage_of_a_cluster_is_one_row_at_least(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = ClusterMethod(cluster_column="shop", num_clusters=9, sample_percentage=0.25)
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 2, "b": 1, None: 1}
    assert sample.rounds[0].warnings == (
        "num_clusters is 9, but only 3 clusters had eligible rows: all of them were drawn.",
    )


def test_more_clusters_with_the_same_seed_include_the_fewer(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT i % 40 AS c FROM range(400) AS r(i)")

    def drawn(count: int) -> set[int]:
        method = ClusterMethod(cluster_column="c", num_clusters=count)
        return set(workshop.ordinals(workshop.draw(table, one_round(method))))

    assert drawn(5) < drawn(9) < drawn(30)


# --- weighted ---


def weights_of(workshop: Workshop, values: Sequence[object], kind: str = "DOUBLE") -> TableFiles:
    return workshop.table({"w": (kind, values)})


def test_certain_rows_are_always_drawn_and_the_rest_rescaled(workshop: Workshop) -> None:
    table = weights_of(workshop, [100, 30, *[1] * 20], "INTEGER")
    for seed in range(30):
        method = WeightedMethod(sample_size=4, weight_column="w")
        sample = workshop.draw(table, one_round(method, seed))
        ordinals = workshop.ordinals(sample)
        assert {0, 1} <= set(ordinals[:2])
        chances = [chance for (chance,) in told(workshop, sample, "_inclusion_probability")]
        assert chances == [1.0, 1.0, 0.1, 0.1]


def test_rows_without_a_weight_are_never_drawn_and_counted_in_a_warning(
    workshop: Workshop,
) -> None:
    table = weights_of(workshop, [None, 0, float("nan"), -0.0, 2.5, 1e-300, 7])
    sample = workshop.draw(table, one_round(WeightedMethod(sample_size=9, weight_column="w")))
    # 1e-300 is less than one unit, 2^-62 of the largest weight.
    assert sorted(workshop.ordinals(sample)) == [4, 6]
    assert sample.rounds[0].warnings == (
        '5 of 7 eligible rows have no weight in "w", where NULL, NaN and 0 count as none: they '
        "can't be drawn.",
        "sample_size is 9, but only 2 eligible rows have a weight: all of them were drawn.",
    )
    assert set(told(workshop, sample, "_inclusion_probability")) == {(1.0,)}


@pytest.mark.parametrize(
    ("values", "kind", "count"),
    [
        ([1, -2, 3, -4], "INTEGER", "2 negative and 0 infinite"),
        ([1, -2.5, float("inf")], "DOUBLE", "1 negative and 1 infinite"),
        (["1.00", "-0.01"], "DECIMAL(9,2)", "1 negative and 0 infinite"),
        ([float("-inf")], "FLOAT", "1 negative and 1 infinite"),
    ],
)
def test_negative_and_infinite_weights_are_refused_with_their_count(
    workshop: Workshop, values: list[object], kind: str, count: str
) -> None:
    method = WeightedMethod(sample_size=1, weight_column="W")
    with pytest.raises(DomainError, match=count) as caught:
        workshop.draw(weights_of(workshop, values, kind), one_round(method))
    assert caught.value.code == "invalid_numbers"
    assert caught.value.loc == ("rounds", 0, "parameters", "weight_column")


@pytest.mark.parametrize("kind", ["INTEGER", "DOUBLE", "DECIMAL(9,2)"])
def test_a_negative_weight_that_a_filter_keeps_out_or_an_earlier_round_drew_is_no_fault(
    workshop: Workshop, kind: str
) -> None:
    table = weights_of(workshop, [-1, 5, 5, 5, 1], kind)
    method = WeightedMethod(sample_size=2, weight_column="w")
    positive = parse_expression("w > 0", table)
    assert workshop.draw(table, one_round(method, filter=positive)).rows_sampled == 2
    left = TableFiles(table.columns, table.files, np.array([0]))
    chances = told(workshop, workshop.draw(left, one_round(method)), "_inclusion_probability")
    assert {round(float(str(chance)), 12) for (chance,) in chances} <= {0.625, 0.125}


@pytest.mark.parametrize(
    "kind", ["TINYINT", "BIGINT", "UBIGINT", "HUGEINT", "DECIMAL(18,9)", "DECIMAL(38,20)", "FLOAT"]
)
def test_every_type_of_number_makes_weights(workshop: Workshop, kind: str) -> None:
    table = weights_of(workshop, [1, 2, 3, 4, 90, None], kind)
    method = WeightedMethod(sample_size=3, weight_column="w")
    sample = workshop.draw(table, one_round(method))
    found = dict(told(workshop, sample, "w", "_inclusion_probability"))
    for weight, chance in found.items():
        assert chance == pytest.approx(min(1.0, float(str(weight)) * 2 / 10))


@pytest.mark.parametrize("values", [[1e-280, 2e-280], [1.7e308, 1.7e308, 1e300], [2**62, 2**61]])
def test_weights_at_the_ends_of_their_type_do_not_overflow(
    workshop: Workshop, values: list[float]
) -> None:
    kind = "BIGINT" if isinstance(values[0], int) else "DOUBLE"
    sample = workshop.draw(
        weights_of(workshop, values, kind),
        one_round(WeightedMethod(sample_size=1, weight_column="w")),
    )
    assert sample.rows_sampled == 1


# --- allocations ---


def by_shop(**more: object) -> StratifiedMethod:
    return StratifiedMethod(strata_columns=("shop",), **more)  # type: ignore[arg-type]


def test_an_equal_allocation_gives_each_stratum_the_same_or_all_it_has(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = by_shop(sample_size=300, allocation="equal")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 100, "b": 100, None: 100}
    method = by_shop(sample_size=600, allocation="equal")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 250, "b": 250, None: 100}


def test_a_neyman_allocation_is_in_proportion_to_rows_times_standard_deviation(
    workshop: Workshop, shops: TableFiles
) -> None:
    """S is 5 in a and 20 in b, but for the factor n / (n - 1); so 3,000 to 6,000."""
    method = by_shop(sample_size=90, allocation="neyman", allocation_column="value")
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 30, "b": 60, None: 0}
    assert sample.rounds[0].warnings[0] == (
        'In 1 of 3 strata "value" does not vary or has fewer than two values: they give '
        "min_per_stratum rows, and more only when the others have no more."
    )


def test_an_optimal_allocation_divides_by_the_root_of_the_mean_cost(
    workshop: Workshop, shops: TableFiles
) -> None:
    """As with Neyman, but a row of b costs four times one of a: 3,000 to 3,000."""
    method = by_shop(
        sample_size=92,
        allocation="optimal",
        allocation_column="value",
        cost_column="cost",
        min_per_stratum=2,
    )
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 45, "b": 45, None: 2}


def test_what_the_varying_strata_cannot_hold_goes_to_the_others(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = by_shop(sample_size=950, allocation="neyman", allocation_column="value")
    assert sizes(workshop.draw(shops, one_round(method))) == {"a": 600, "b": 300, None: 50}


def test_an_allocation_by_a_column_that_never_varies_is_proportional(
    workshop: Workshop, shops: TableFiles
) -> None:
    flat = parse_expression("value = 0", shops)
    method = by_shop(sample_size=45, allocation="neyman", allocation_column="value")
    sample = workshop.draw(shops, one_round(method, filter=flat))
    assert sizes(sample) == {"a": 30, "b": 15}
    assert "No stratum had a share" in sample.rounds[0].warnings[-1]


def test_values_that_are_no_numbers_do_not_count_in_an_allocation(workshop: Workshop) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a"] * 4 + ["b"] * 4),
            "x": ("DOUBLE", [1, 2, 3, None, 1, 5, float("nan"), float("inf")]),
        }
    )
    method = by_shop(sample_size=4, allocation="neyman", allocation_column="x")
    sample = workshop.draw(table, one_round(method))
    assert sum(sizes(sample).values()) == 4
    assert sample.rounds[0].warnings == (
        '3 eligible rows have no finite number in "x": they are drawn from like any other, but '
        "don't count in the allocation.",
    )


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ([1, 1, -1, 1], "1 negative and 0 infinite"),
        ([0, 0, 1, 1], "1 strata have no mean cost above 0"),
        ([None] * 4, "2 strata have no mean cost above 0"),
    ],
)
def test_costs_that_allow_no_allocation_are_refused(
    workshop: Workshop, costs: list[object], told: str
) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a", "a", "b", "b"]),
            "x": ("INTEGER", [1, 2, 1, 2]),
            "c": ("DOUBLE", costs),
        }
    )
    method = by_shop(sample_size=2, allocation="optimal", allocation_column="x", cost_column="c")
    with pytest.raises(DomainError, match=told) as caught:
        workshop.draw(table, one_round(method))
    assert caught.value.loc == ("rounds", 0, "parameters", "cost_column")


def test_a_stratum_without_a_cost_counts_with_the_mean_of_all(workshop: Workshop) -> None:
    table = workshop.table(
        {
            "shop": ("VARCHAR", ["a", "a", "b", "b"]),
            "x": ("INTEGER", [1, 2, 1, 2]),
            "c": ("DOUBLE", [4, 4, None, None]),
        }
    )
    method = by_shop(sample_size=2, allocation="optimal", allocation_column="x", cost_column="c")
    sample = workshop.draw(table, one_round(method))
    assert sizes(sample) == {"a": 1, "b": 1}
    assert '1 strata have no value in "c"' in sample.rounds[0].warnings[-1]


def test_sizes_name_strata_by_their_labels(workshop: Workshop, shops: TableFiles) -> None:
    method = by_shop(sizes={"NULL": 7, "a": 900})
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 600, "b": 0, None: 7}
    assert sample.rounds[0].warnings == (
        "1 of 2 named strata hold fewer eligible rows than asked for and gave all of them.",
        "1 of 3 strata have no size and gave no row.",
    )


def test_a_size_for_an_unknown_stratum_names_those_that_are_there(
    workshop: Workshop, shops: TableFiles
) -> None:
    with pytest.raises(DomainError, match='There are "a", "b", "NULL"') as caught:
        workshop.draw(shops, one_round(by_shop(sizes={"a": 1, "c": 2})))
    assert caught.value.code == "unknown_stratum"
    assert caught.value.loc == ("rounds", 0, "parameters", "sizes", "c")


# --- filters and selections ---


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
    assert {one.warnings[0] for one in sample.rounds} == {"No row was eligible, so none was drawn."}
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
    rows = told(workshop, sample, "id IS NULL", "shop IS NULL", "value IS NULL")
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
        places = dict(told(workshop, sample, "w", "_selection_order"))
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
