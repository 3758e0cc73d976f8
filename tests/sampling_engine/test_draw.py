"""What a draw gives: its rows, its account, its probabilities, its progress and its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parquet_tables.tables import Column, TableFiles
from sampling_engine import (
    ORDER_VERSION,
    RandomMethod,
    Round,
    SeededOrder,
    StratifiedMethod,
    draw_sample,
)
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import account_of, random_round, stratified_round


def test_random_draw_takes_the_front_of_the_seeded_order(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, random_round(25))
    assert workshop.ordinals(sample) == SeededOrder(20_000, 42).first(25).tolist()
    assert workshop.rows(sample.table, "id") == [(at,) for at in workshop.ordinals(sample)]
    one = sample.rounds[0]
    assert (one.method, one.eligible_rows, one.rows_sampled, one.seed) == ("random", 20_000, 25, 42)
    assert (one.order_version, one.warnings, one.groups) == (ORDER_VERSION, (), ())


def test_the_columns_that_tell_of_the_draw_come_after_the_tables_own(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, random_round(3))
    assert sample.table.columns == (
        Column("id", "BIGINT"),
        Column("city", "VARCHAR"),
        Column("_logical_row_id", "VARCHAR"),
        Column("_sampling_round", "INTEGER"),
        Column("_sampling_method", "VARCHAR"),
        Column("_selection_order", "BIGINT"),
        Column("_stratum", "VARCHAR"),
        Column("_inclusion_probability", "DOUBLE"),
        Column("_design_weight", "DOUBLE"),
    )
    stated = workshop.rows(sample.table, "columns('^_')")
    first = SeededOrder(20_000, 42).first(1)[0]
    expected = (f"primary:{first}", 1, "random", 1, None, 3 / 20_000, 20_000 / 3)
    assert stated[0] == expected
    assert [row[3] for row in stated] == [1, 2, 3]


def test_reservoir_is_random_by_another_name(workshop: Workshop, cities: TableFiles) -> None:
    method = RandomMethod(sample_size=9, name="reservoir")
    named = workshop.draw(cities, Round(round_number=1, method=method, seed=42))
    assert workshop.ordinals(named) == workshop.ordinals(workshop.draw(cities, random_round(9)))
    assert set(workshop.rows(named.table, "_sampling_method")) == {("reservoir",)}
    assert named.rounds[0].method == "reservoir"


def test_rounds_draw_disjoint_rows_and_count_what_is_left(
    workshop: Workshop, cities: TableFiles
) -> None:
    rounds = [
        random_round(5_000, seed=1),
        stratified_round("city", number=2, seed=1, sample_size=4_000),
        random_round(3_000, number=3, seed=1),
        stratified_round("city", number=4, seed=2, samples_per_stratum=2),
    ]
    sample = workshop.draw(cities, *rounds)
    ordinals = workshop.ordinals(sample)
    assert len(set(ordinals)) == len(ordinals) == sample.rows_sampled
    assert [one.eligible_rows for one in sample.rounds] == [20_000, 15_000, 11_000, 8_000]
    assert ordinals[:5_000] == SeededOrder(20_000, 1).first(5_000).tolist()
    assert sum(rows for _, rows, _, _ in account_of(sample, 1)) == 15_000
    assert sum(rows for _, rows, _, _ in account_of(sample, 3)) == 8_000
    places = workshop.rows(sample.table, "_sampling_round, _selection_order")
    assert places == sorted(places)


def test_probability_times_weight_is_one_and_weights_add_up_to_the_eligible_rows(
    workshop: Workshop, cities: TableFiles
) -> None:
    rounds = [
        random_round(500),
        stratified_round("city", number=2, sample_size=900, min_per_stratum=2),
    ]
    sample = workshop.draw(cities, *rounds)
    stated = "_sampling_round, _inclusion_probability, _design_weight"
    numbers, probabilities, weights = np.array(workshop.rows(sample.table, stated), dtype=float).T
    assert np.allclose(probabilities * weights, 1, rtol=1e-14)
    for number, one in enumerate(sample.rounds, start=1):
        assert weights[numbers == number].sum() == pytest.approx(one.eligible_rows, rel=1e-12)


def test_a_larger_sample_with_the_same_seed_begins_with_the_smaller(
    workshop: Workshop, cities: TableFiles
) -> None:
    small = workshop.ordinals(workshop.draw(cities, random_round(100)))
    large = workshop.ordinals(workshop.draw(cities, random_round(350)))
    assert large[:100] == small
    few = workshop.draw(cities, stratified_round("city", samples_per_stratum=10))
    many = workshop.draw(cities, stratified_round("city", samples_per_stratum=30))
    assert set(workshop.ordinals(few)) < set(workshop.ordinals(many))


def test_a_sample_can_be_sampled_again(workshop: Workshop, cities: TableFiles) -> None:
    first = workshop.draw(cities, stratified_round("city", sample_size=100))
    second = workshop.draw(first.table, random_round(10))
    assert second.renamed_columns["_stratum"] == "_stratum_source"
    third = workshop.draw(second.table, stratified_round("_stratum_source", sample_size=4))
    assert third.renamed_columns["_stratum"] == "_stratum_source_2"
    names = [column.name for column in third.table.columns]
    assert len({name.lower() for name in names}) == len(names)
    labels = workshop.rows(third.table, "_stratum_source, _stratum")
    assert all(source == label for source, label in labels)


def test_the_account_as_json_names_all_that_replays_the_round(
    workshop: Workshop, cities: TableFiles
) -> None:
    method = StratifiedMethod(strata_columns=("city",), sample_fraction=0.001)
    one = Round(round_number=1, method=method, seed="a text", output_name="first look")
    account = workshop.draw(cities, one).rounds[0].as_json()
    strata, templates = account.pop("strata"), account.pop("warning_templates")
    assert isinstance(templates, list)
    assert [template["code"] for template in templates] == ["strata_round_to_none"]
    assert account == {
        "round_number": 1,
        "method": "stratified",
        "eligible_rows": 20_000,
        "rows_sampled": 20,
        "uncovered_rows": 5,
        "seed": "a text",
        "effective_seed": "a text",
        "order_version": "jobsvc-order-1",
        "run_by": "walk",
        "warnings": [
            "1 of 4 strata is so small that its share is below half a row: none of its rows is "
            "drawn, so totals and misstatements can't be estimated. min_per_stratum 2 would draw "
            "from each."
        ],
        "strata_count": 4,
        "output_name": "first look",
    }
    assert isinstance(strata, list)
    figures = {"rows": 1_995, "requested": 2, "allocated": 2, "sampled": 2}
    assert strata[3] == {"key": {"city": None}, "label": "NULL", **figures}


def test_progress_only_grows_and_ends_at_one(
    workshop: Workshop, cities: TableFiles, tmp_path: Path
) -> None:
    stated: list[tuple[float, str]] = []
    draw_sample(
        workshop.database,
        cities,
        [random_round(10), stratified_round("city", number=2, sample_size=10)],
        table_key="primary",
        destination=workshop.new_path(),
        on_progress=lambda fraction, message: stated.append((fraction, message)),
    )
    fractions = [fraction for fraction, _ in stated]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert {"counting strata", "walking the seeded order", "writing the sample"} <= {
        message for _, message in stated
    }


@pytest.mark.parametrize(
    "step",
    [
        "counting strata",
        "walking the seeded order",
        "scanning for the lowest ranks",
        "writing the sample",
    ],
)
def test_what_the_report_raises_stops_the_draw_at_any_step(
    workshop: Workshop, cities: TableFiles, step: str
) -> None:
    class Cancelled(Exception):
        pass

    def on_progress(fraction: float, message: str) -> None:
        if message == step:
            raise Cancelled

    with pytest.raises(Cancelled):
        draw_sample(
            workshop.database,
            cities,
            [stratified_round("city", sample_size=10)],
            table_key="primary",
            destination=workshop.new_path(),
            on_progress=on_progress,
            strategy="scan" if step.startswith("scan") else "walk",
        )
