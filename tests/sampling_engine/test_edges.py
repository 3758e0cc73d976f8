"""Sizes beyond the rows and below one, tables of one row and of none, files that lack rows."""

from __future__ import annotations

import pytest

from parquet_tables.tables import DataFile, TableFiles
from sampling_engine import RandomMethod, Round, RowsMissing
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import random_round, stratified_round, warnings_of


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
    assert warnings_of(sample.rounds[1]) == (
        "sample_size is 1,000,000,000,000, but only 1,000 rows were eligible: all of them were "
        "drawn.",
    )
    probabilities = workshop.rows(sample.table, "_inclusion_probability")
    assert set(probabilities[19_000:]) == {(1.0,)}


def test_a_round_after_the_last_row_draws_none_and_says_so(workshop: Workshop) -> None:
    table = workshop.table({"k": ("VARCHAR", ["a", "b"])})
    rounds = [random_round(2), stratified_round("k", number=2, sample_size=3)]
    last = workshop.draw(table, *rounds).rounds[1]
    assert (last.eligible_rows, last.rows_sampled, last.groups) == (0, 0, ())
    assert warnings_of(last) == ("No row was eligible, so none was drawn.",)


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


def test_a_fraction_that_rounds_to_no_row_says_so(workshop: Workshop, cities: TableFiles) -> None:
    method = RandomMethod(sample_fraction=0.00002)
    sample = workshop.draw(cities, Round(round_number=1, method=method, seed=1))
    assert sample.rows_sampled == 0
    assert warnings_of(sample.rounds[0]) == (
        "sample_fraction 2e-05 of 20,000 eligible rows is less than half a row.",
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
