"""Stratified draws: the rows of each stratum, NULL among them, and the labels of strata."""

from __future__ import annotations

import pytest

from parquet_tables.tables import TableFiles
from sampling_engine import MinimumExceedsSample, TooManyStrata
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import account_of, random_round, stratified_round, warnings_of


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
    assert list(sample.rounds[0].groups[0].key) == ["city"]
    assert warnings_of(sample.rounds[0]) == (
        "1 of 4 strata is so small that its share is below half a row: none of its rows is "
        "drawn, so totals and misstatements can't be estimated. min_per_stratum 2 would draw "
        "from each.",
    )
    labels = workshop.rows(sample.table, "DISTINCT _stratum, city")
    assert sorted(labels) == [("NULL", None), ("a", "a"), ("b", "b")]


def test_min_per_stratum_is_kept_inside_the_samples_size(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, stratified_round("city", sample_size=100, min_per_stratum=8))
    assert [row[2:] for row in account_of(sample)] == [(57, 57), (29, 29), (5, 5), (9, 9)]
    assert warnings_of(sample.rounds[0]) == (
        "1 of 4 strata hold fewer than 8 eligible rows and gave all of them.",
    )


def test_samples_per_stratum_draws_so_many_from_each_or_all(
    workshop: Workshop, cities: TableFiles
) -> None:
    sample = workshop.draw(cities, stratified_round("city", samples_per_stratum=7))
    assert [row[2:] for row in account_of(sample)] == [(7, 7), (7, 7), (5, 5), (7, 7)]
    assert warnings_of(sample.rounds[0]) == (
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
    assert account.groups_count == 10_000
    assert [stratum.key["k"] for stratum in account.groups] == [str(k) for k in range(1_000)]


def test_more_strata_than_a_draw_takes_are_refused(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT i AS k FROM range(11) AS r(i)")
    with pytest.raises(TooManyStrata, match='"k" would make 11 strata; up to 10 are taken'):
        workshop.draw(table, stratified_round("k", sample_size=5), max_strata=10)


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
        assert list(sample.rounds[0].groups[0].key) == list(ODD_NAMES)
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
def test_strata_of_each_type_are_distinct_and_in_order(
    workshop: Workshop, kind: str, values: list[object], keys: list[str | None]
) -> None:
    table = workshop.table({"k": (kind, values)})
    for strategy in ("walk", "scan"):
        one = stratified_round("k", sample_size=len(values))
        sample = workshop.draw(table, one, strategy="walk" if strategy == "walk" else "scan")
        assert [stratum.key["k"] for stratum in sample.rounds[0].groups] == keys
        assert sample.rows_sampled == len(values)
