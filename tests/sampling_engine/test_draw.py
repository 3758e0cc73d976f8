"""What a draw gives: its rows, its account, its probabilities and its behaviour at the edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine import (
    ORDER_VERSION,
    DrawnSample,
    MinimumExceedsSample,
    RandomMethod,
    Round,
    RowsMissing,
    Seed,
    SeededOrder,
    StratifiedMethod,
    TooManyStrata,
    draw_sample,
)
from tests.sampling_engine.conftest import Workshop


def random_round(size: int, number: int = 1, seed: Seed = 42) -> Round:
    return Round(round_number=number, method=RandomMethod(sample_size=size), seed=seed)


def stratified_round(*columns: str, number: int = 1, seed: Seed = 42, **sizes: int) -> Round:
    method = StratifiedMethod(strata_columns=columns, **sizes)  # type: ignore[arg-type]
    return Round(round_number=number, method=method, seed=seed)


@pytest.fixture(scope="module")
def cities(workshop: Workshop) -> TableFiles:
    """20,000 rows: 60 % a, 30 % b, 10 % without a city, 5 rows of c."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i % 4000 = 9 THEN 'c' WHEN i % 10 < 6 THEN 'a' "
        "WHEN i % 10 < 9 THEN 'b' END AS city FROM range(20000) AS r(i)",
        splits=[7_000],
    )


def account_of(sample: DrawnSample, place: int = 0) -> list[tuple[object, ...]]:
    strata = sample.rounds[place].strata
    return [(*one.key.values(), one.rows, one.allocated, one.sampled) for one in strata]


def test_random_draw_takes_the_front_of_the_seeded_order(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, random_round(25))
    assert workshop.ordinals(sample) == SeededOrder(20_000, 42).first(25).tolist()
    assert workshop.rows(sample.table, "id") == [(at,) for at in workshop.ordinals(sample)]
    one = sample.rounds[0]
    assert (one.method, one.eligible_rows, one.rows_sampled, one.seed) == ("random", 20_000, 25, 42)
    assert (one.order_version, one.warnings, one.strata) == (ORDER_VERSION, (), ())


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
    told = workshop.rows(sample.table, "columns('^_')")
    first = SeededOrder(20_000, 42).first(1)[0]
    expected = (f"primary:{first}", 1, "random", 1, None, 3 / 20_000, 20_000 / 3)
    assert told[0] == expected
    assert [row[3] for row in told] == [1, 2, 3]


def test_reservoir_is_random_by_another_name(workshop: Workshop, cities: TableFiles) -> None:
    method = RandomMethod(sample_size=9, name="reservoir")
    named = workshop.draw(cities, Round(round_number=1, method=method, seed=42))
    assert workshop.ordinals(named) == workshop.ordinals(workshop.draw(cities, random_round(9)))
    assert set(workshop.rows(named.table, "_sampling_method")) == {("reservoir",)}
    assert named.rounds[0].method == "reservoir"


def test_stratified_draw_is_proportional_and_null_is_a_stratum(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, stratified_round("CITY", sample_size=100))
    assert account_of(sample) == [
        ("a", 12_000, 60, 60),
        ("b", 6_000, 30, 30),
        ("c", 5, 0, 0),
        (None, 1_995, 10, 10),
    ]
    assert list(sample.rounds[0].strata[0].key) == ["city"]
    assert sample.rounds[0].warnings == (
        "1 of 4 strata are so small that their share rounds to no row; min_per_stratum 1 would "
        "draw from each.",
    )
    labels = workshop.rows(sample.table, "DISTINCT _stratum, city")
    assert sorted(labels) == [("NULL", None), ("a", "a"), ("b", "b")]


def test_min_per_stratum_is_kept_inside_the_samples_size(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, stratified_round("city", sample_size=100, min_per_stratum=8))
    assert [row[2:] for row in account_of(sample)] == [(57, 57), (29, 29), (5, 5), (9, 9)]
    assert sample.rounds[0].warnings == (
        "1 of 4 strata hold fewer than 8 eligible rows and gave all of them.",
    )


def test_samples_per_stratum_draws_so_many_from_each_or_all(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, stratified_round("city", samples_per_stratum=7))
    assert [row[2:] for row in account_of(sample)] == [(7, 7), (7, 7), (5, 5), (7, 7)]
    assert sample.rounds[0].warnings == (
        "1 of 4 strata hold fewer than 7 eligible rows and gave all of them.",
    )


def test_a_minimum_that_needs_more_rows_than_the_sample_has_is_refused(
    workshop: Workshop, cities: TableFiles
) -> None:
    rounds = [
        random_round(10),
        stratified_round("city", number=2, sample_size=10, min_per_stratum=4),
    ]
    with pytest.raises(MinimumExceedsSample, match="needs 16 rows in 4 strata") as caught:
        workshop.draw(cities, *rounds)
    assert caught.value.loc == ("rounds", 1, "parameters", "min_per_stratum")
    assert caught.value.code == "minimum_exceeds_sample"


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
    told = "_sampling_round, _inclusion_probability, _design_weight"
    numbers, chances, weights = np.array(workshop.rows(sample.table, told), dtype=float).T
    assert np.allclose(chances * weights, 1, rtol=1e-14)
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


@pytest.mark.parametrize("columns", [(), ("city",)])
def test_a_size_above_the_eligible_rows_draws_all_and_says_so(
    workshop: Workshop, cities: TableFiles, columns: tuple[str, ...]
) -> None:
    second = (
        stratified_round(*columns, number=2, sample_size=10**12)
        if columns
        else random_round(10**12, number=2)
    )
    sample = workshop.draw(cities, random_round(19_000), second)
    assert sample.rounds[1].rows_sampled == 1_000
    assert sample.rounds[1].warnings == (
        "sample_size is 1,000,000,000,000, but only 1,000 rows were eligible: all of them were "
        "drawn.",
    )
    chances = workshop.rows(sample.table, "_inclusion_probability")
    assert set(chances[19_000:]) == {(1.0,)}


def test_a_round_after_the_last_row_draws_none_and_says_so(workshop: Workshop) -> None:
    table = workshop.table({"k": ("VARCHAR", ["a", "b"])})
    rounds = [random_round(2), stratified_round("k", number=2, sample_size=3)]
    last = workshop.draw(table, *rounds).rounds[1]
    assert (last.eligible_rows, last.rows_sampled, last.strata) == (0, 0, ())
    assert last.warnings == ("No row was eligible, so none was drawn.",)


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_a_table_of_one_row_gives_it(workshop: Workshop, strategy: str) -> None:
    table = workshop.table({"k": ("VARCHAR", [None])})
    for one in (random_round(1), stratified_round("k", sample_size=5)):
        sample = workshop.draw(table, one, strategy="walk" if strategy == "walk" else "scan")
        assert workshop.ordinals(sample) == [0]


@pytest.mark.parametrize("files", ["one", "none"])
def test_an_empty_table_gives_an_empty_sample_with_all_columns(
    workshop: Workshop, files: str
) -> None:
    table = workshop.table(
        {"k": ("VARCHAR", []), "in": ("DECIMAL(12,2)", []), 'x"y': ('STRUCT("a b" INTEGER)', [])}
    )
    if files == "none":
        table = TableFiles(table.columns, ())
    sample = workshop.draw(table, random_round(4), stratified_round("k", number=2, sample_size=4))
    assert sample.rows_sampled == 0
    assert sample.table.columns[:3] == table.columns
    assert len(sample.table.columns) == 10
    assert [one.as_json()["warnings"] for one in sample.rounds] == [
        ["No row was eligible, so none was drawn."]
    ] * 2


def test_strata_of_nothing_but_null_are_one_stratum(workshop: Workshop) -> None:
    table = workshop.table({"k": ("INTEGER", [None] * 50)})
    sample = workshop.draw(table, stratified_round("k", sample_size=10))
    assert account_of(sample) == [(None, 50, 10, 10)]


@pytest.mark.parametrize("strategy", ["walk", "scan"])
def test_ten_thousand_strata_give_one_row_each(workshop: Workshop, strategy: str) -> None:
    table = workshop.table_of("SELECT i % 10000 AS k FROM range(60000) AS r(i)")
    one = stratified_round("k", samples_per_stratum=1)
    sample = workshop.draw(table, one, strategy="walk" if strategy == "walk" else "scan")
    drawn = [k for (k,) in workshop.rows(sample.table, "k")]
    assert sorted(drawn) == list(range(10_000))
    account = sample.rounds[0]
    assert account.strata_count == 10_000
    assert [stratum.key["k"] for stratum in account.strata] == [str(k) for k in range(1_000)]


def test_more_strata_than_a_draw_takes_are_refused(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sampling_engine.strata.MOST_STRATA", 10)
    table = workshop.table_of("SELECT i AS k FROM range(11) AS r(i)")
    with pytest.raises(TooManyStrata, match='"k" would make 11 strata; up to 10 are taken'):
        workshop.draw(table, stratified_round("k", sample_size=5))


ODD_NAMES = ("in", "order", "a b", 'x"y', "ordinal", "stratum", "k0", "c1", "f", "Ünï ☃", "rank")


def test_odd_column_names_are_sampled_and_make_strata(workshop: Workshop) -> None:
    table = workshop.table(
        {name: ("INTEGER", [at * i % 3 for i in range(40)]) for at, name in enumerate(ODD_NAMES)},
        splits=[13],
    )
    method = stratified_round(*ODD_NAMES, sample_size=12)
    for strategy in ("walk", "scan"):
        sample = workshop.draw(table, method, strategy="walk" if strategy == "walk" else "scan")
        assert tuple(column.name for column in sample.table.columns[: len(ODD_NAMES)]) == ODD_NAMES
        assert list(sample.rounds[0].strata[0].key) == list(ODD_NAMES)
        own = workshop.rows(sample.table, "columns(*)")
        source = workshop.rows(table)
        ordinals = workshop.ordinals(sample)
        assert [row[: len(ODD_NAMES)] for row in own] == [source[at] for at in ordinals]


def test_labels_of_strata_are_readable_and_never_the_same(workshop: Workshop) -> None:
    texts = ["a", "", None, "NULL", "a | b", 'say "x"', " a", "b"]
    table = workshop.table({"k": ("VARCHAR", texts), "l": ("VARCHAR", ["b"] * 7 + [None])})
    sample = workshop.draw(table, stratified_round("k", "l", sample_size=8))
    found = dict(workshop.rows(sample.table, "_logical_row_id, _stratum"))
    assert [found[f"primary:{at}"] for at in range(8)] == [
        "a | b",
        '"" | b',
        "NULL | b",
        '"NULL" | b',
        '"a | b" | b',
        '"say ""x""" | b',
        '" a" | b',
        "b | NULL",
    ]


@pytest.mark.parametrize(
    ("kind", "values", "keys"),
    [
        ("DOUBLE", [0.0, -0.0, float("nan"), None, 1.5], ["0.0", "1.5", "nan", None]),
        ("FLOAT", [-0.0, 0.0], ["0.0"]),
        ("DECIMAL(9,2)", ["1.10", "1.1"], ["1.10"]),
        ("BOOLEAN", [True, False, None], ["false", "true", None]),
        ("DATE", ["2024-02-29", "2023-01-01"], ["2023-01-01", "2024-02-29"]),
        ("TIMESTAMP WITH TIME ZONE", ["2024-01-01 00:00:00+02"], ["2023-12-31 22:00:00+00"]),
        ("BLOB", [b"\x01", b"a"], ["\\x01", "a"]),
        (
            "UUID",
            ["00000000-0000-0000-0000-00000000000a"],
            ["00000000-0000-0000-0000-00000000000a"],
        ),
        ("INTEGER", [10, 2], ["2", "10"]),
    ],
)
def test_strata_of_each_type_are_told_apart_and_put_in_order(
    workshop: Workshop, kind: str, values: list[object], keys: list[str | None]
) -> None:
    table = workshop.table({"k": (kind, values)})
    for strategy in ("walk", "scan"):
        one = stratified_round("k", sample_size=len(values))
        sample = workshop.draw(table, one, strategy="walk" if strategy == "walk" else "scan")
        assert [stratum.key["k"] for stratum in sample.rounds[0].strata] == keys
        assert sample.rows_sampled == len(values)


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
    strata = account.pop("strata")
    assert account == {
        "round_number": 1,
        "method": "stratified",
        "eligible_rows": 20_000,
        "rows_sampled": 20,
        "seed": "a text",
        "order_version": "jobsvc-order-1",
        "run_by": "walk",
        "warnings": [
            "1 of 4 strata are so small that their share rounds to no row; min_per_stratum 1 "
            "would draw from each."
        ],
        "strata_count": 4,
        "output_name": "first look",
    }
    assert isinstance(strata, list)
    assert strata[3] == {"key": {"city": None}, "rows": 1_995, "allocated": 2, "sampled": 2}


def test_a_fraction_that_rounds_to_no_row_says_so(workshop: Workshop, cities: TableFiles) -> None:
    method = RandomMethod(sample_fraction=0.00002)
    sample = workshop.draw(cities, Round(round_number=1, method=method, seed=1))
    assert sample.rows_sampled == 0
    assert sample.rounds[0].warnings == (
        "sample_fraction 2e-05 of 20,000 eligible rows rounds to no row.",
    )


def test_progress_only_grows_and_ends_at_one(
    workshop: Workshop, cities: TableFiles, tmp_path: Path
) -> None:
    told: list[tuple[float, str]] = []
    draw_sample(
        workshop.database,
        cities,
        [random_round(10), stratified_round("city", number=2, sample_size=10)],
        table_key="primary",
        destination=workshop.new_path(),
        report=lambda fraction, message: told.append((fraction, message)),
    )
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert {"counting strata", "walking the seeded order", "writing the sample"} <= {
        message for _, message in told
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

    def report(fraction: float, message: str) -> None:
        if message == step:
            raise Cancelled

    with pytest.raises(Cancelled):
        draw_sample(
            workshop.database,
            cities,
            [stratified_round("city", sample_size=10)],
            table_key="primary",
            destination=workshop.new_path(),
            report=report,
            strategy="scan" if step.startswith("scan") else "walk",
        )


@pytest.mark.parametrize("strategy", ["walk", "scan"])
@pytest.mark.parametrize("columns", [(), ("k",)])
def test_files_with_fewer_rows_than_the_catalog_says_end_in_an_error(
    workshop: Workshop, strategy: str, columns: tuple[str, ...]
) -> None:
    table = workshop.table_of("SELECT i % 2 AS k FROM range(100) AS r(i)")
    lying = TableFiles(table.columns, (DataFile(table.files[0].path, 150),))
    one = stratified_round(*columns, sample_size=150) if columns else random_round(150)
    with pytest.raises(RowsMissing) as caught:
        workshop.draw(lying, one, strategy="walk" if strategy == "walk" else "scan")
    assert caught.value.code == "rows_missing"
