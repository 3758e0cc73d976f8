"""Systematic, cluster and weighted rounds, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import ClusterMethod, SystematicMethod, WeightedMethod
from sampling_engine.filters import parse_expression
from tests.sampling_engine import plain_draw
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import one_round, sample_values, sizes, warnings_of

# --- systematic ---


def test_a_systematic_round_takes_every_nth_row_from_its_start(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(SystematicMethod(interval=100, start=7)))
    assert workshop.ordinals(sample) == list(range(6, 1_000, 100))
    probabilities = sample_values(
        workshop, sample, "_selection_order", "_stratum", "_inclusion_probability"
    )
    assert probabilities == [(at, None, 0.01) for at in range(1, 11)]
    assert set(sample_values(workshop, sample, "_design_weight")) == {(100.0,)}


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
    weights = [weight for (weight,) in sample_values(workshop, sample, "_design_weight")]
    assert sum(weights) == pytest.approx(1_000)


def test_a_start_beyond_the_rows_draws_none_and_says_so(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(SystematicMethod(interval=5_000, start=2_000)))
    assert sample.rows_sampled == 0
    assert warnings_of(sample.rounds[0]) == (
        "The start, row 2,000, is beyond the 1,000 eligible rows, so none was drawn.",
    )


# --- cluster ---


def test_whole_clusters_are_drawn_and_null_is_one_of_them(
    workshop: Workshop, shops: TableFiles
) -> None:
    sample = workshop.draw(shops, one_round(ClusterMethod(cluster_column="shop", num_clusters=3)))
    assert sizes(sample) == {"a": 600, "b": 300, None: 100}
    assert set(sample_values(workshop, sample, "_inclusion_probability")) == {(1.0,)}
    assert set(sample_values(workshop, sample, "_stratum", "shop")) == {
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
    assert sample.rounds[0].groups_count == 3
    inside = {"a": 600, "b": 300, "NULL": 100}
    for label, probability, weight in sample_values(
        workshop, sample, "_stratum", "_inclusion_probability", "_design_weight"
    ):
        assert probability == pytest.approx(2 / 3 * 30 / inside[str(label)])
        assert weight == pytest.approx(1 / probability)  # type: ignore[operator]


def test_a_percentage_of_a_cluster_is_one_row_at_least(
    workshop: Workshop, shops: TableFiles
) -> None:
    method = ClusterMethod(cluster_column="shop", num_clusters=9, sample_percentage=0.25)
    sample = workshop.draw(shops, one_round(method))
    assert sizes(sample) == {"a": 2, "b": 1, None: 1}
    assert warnings_of(sample.rounds[0]) == (
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
        probabilities = [
            probability
            for (probability,) in sample_values(workshop, sample, "_inclusion_probability")
        ]
        assert probabilities == [1.0, 1.0, 0.1, 0.1]


def test_rows_without_a_weight_are_never_drawn_and_counted_in_a_warning(
    workshop: Workshop,
) -> None:
    table = weights_of(workshop, [None, 0, float("nan"), -0.0, 2.5, 1e-300, 7])
    sample = workshop.draw(table, one_round(WeightedMethod(sample_size=9, weight_column="w")))
    # 1e-300 is less than one unit, 2^-62 of the largest weight.
    assert sorted(workshop.ordinals(sample)) == [4, 6]
    assert warnings_of(sample.rounds[0]) == (
        '5 of 7 eligible rows have no weight in "w": they can\'t be drawn. NULL, NaN and 0 and '
        "numbers below 8.67e-19, too small beside the largest, count as none.",
        "sample_size is 9, but only 2 eligible rows have a weight: all of them were drawn.",
    )
    assert set(sample_values(workshop, sample, "_inclusion_probability")) == {(1.0,)}


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
    probabilities = sample_values(
        workshop, workshop.draw(left, one_round(method)), "_inclusion_probability"
    )
    targets = [Fraction(5, 8)] * 3 + [Fraction(1, 8)]
    expected = {round(plain_draw.pareto_probability(targets, 2, at), 9) for at in range(4)}
    assert {round(float(str(probability)), 9) for (probability,) in probabilities} <= expected


@pytest.mark.parametrize(
    "kind", ["TINYINT", "BIGINT", "UBIGINT", "HUGEINT", "DECIMAL(18,9)", "DECIMAL(38,20)", "FLOAT"]
)
def test_every_type_of_number_makes_weights(workshop: Workshop, kind: str) -> None:
    table = weights_of(workshop, [1, 2, 3, 4, 90, None], kind)
    method = WeightedMethod(sample_size=3, weight_column="w")
    sample = workshop.draw(table, one_round(method))
    found = dict(sample_values(workshop, sample, "w", "_inclusion_probability"))
    targets = [Fraction(2, 10), Fraction(4, 10), Fraction(6, 10), Fraction(8, 10)]
    for weight, probability in found.items():
        at = int(float(str(weight))) - 1
        expected = plain_draw.pareto_probability(targets, 2, at) if at < 4 else 1.0
        assert probability == pytest.approx(expected, rel=1e-9)


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
