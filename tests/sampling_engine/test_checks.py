"""What is refused before a job exists, and where the fault is said to be."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from domain_errors import DomainError
from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine import (
    METHODS,
    ClusterMethod,
    Method,
    RandomMethod,
    Round,
    Seed,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    check_rounds,
)

TABLE = TableFiles(
    (
        Column("City", "VARCHAR"),
        Column("price", "DECIMAL(12,2)"),
        Column("mood", "ENUM('good', 'bad')"),
        Column("tags", "VARCHAR[]"),
        Column("point", "STRUCT(x INTEGER, y INTEGER)"),
        Column("triple", "INTEGER[3]"),
        Column("while", "INTERVAL"),
        Column("map", "MAP(VARCHAR, INTEGER)"),
    ),
    (DataFile(Path("t.parquet"), 100),),
)


def one_round(method: Method, seed: Seed = 1, number: int = 1) -> Round:
    return Round(round_number=number, method=method, seed=seed)


def by(*columns: str, **sizes: float) -> StratifiedMethod:
    return StratifiedMethod(strata_columns=columns, **sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "method",
    [
        RandomMethod(sample_size=1),
        RandomMethod(sample_size=10**15),
        RandomMethod(sample_fraction=1.0),
        RandomMethod(sample_fraction=1e-300),
        by("city", sample_size=3),
        by("City", "PRICE", "mood", sample_fraction=0.5, min_per_stratum=2),
        by("mood", samples_per_stratum=4, min_per_stratum=4),
    ],
)
def test_rounds_that_can_be_drawn_pass(method: Method) -> None:
    check_rounds(TABLE, [one_round(method), one_round(method, "", 2), one_round(method, -7, 3)])


@pytest.mark.parametrize(
    ("method", "code", "place", "told"),
    [
        (RandomMethod(), "invalid_size", (), "Give one of sample_size, sample_fraction."),
        (RandomMethod(sample_size=0), "invalid_size", ("sample_size",), "1 or more"),
        (RandomMethod(sample_size=-5), "invalid_size", ("sample_size",), "1 or more"),
        (RandomMethod(sample_size=1 << 62), "invalid_size", ("sample_size",), "up to"),
        (RandomMethod(sample_fraction=0.0), "invalid_size", ("sample_fraction",), "above 0"),
        (RandomMethod(sample_fraction=1.01), "invalid_size", ("sample_fraction",), "up to 1"),
        (RandomMethod(sample_fraction=float("nan")), "invalid_size", ("sample_fraction",), "up"),
        (
            RandomMethod(sample_size=1, sample_fraction=0.5),
            "invalid_size",
            ("sample_fraction",),
            "only one of",
        ),
        (by("City"), "invalid_size", (), "samples_per_stratum"),
        (
            by("City", sample_size=4, samples_per_stratum=1),
            "invalid_size",
            ("samples_per_stratum",),
            "only one",
        ),
        (by("City", samples_per_stratum=0), "invalid_size", ("samples_per_stratum",), "1 or more"),
        (
            by("City", sample_size=4, min_per_stratum=-1),
            "invalid_size",
            ("min_per_stratum",),
            "0 or more",
        ),
        (
            by("City", samples_per_stratum=2, min_per_stratum=3),
            "invalid_size",
            ("min_per_stratum",),
            "more than samples_per_stratum 2",
        ),
        (by(sample_size=4), "invalid_strata_columns", ("strata_columns",), "at least one"),
        (
            by("City", "town", sample_size=4),
            "unknown_column",
            ("strata_columns", 1),
            'no column "town"',
        ),
        (by("citty", sample_size=4), "unknown_column", ("strata_columns", 0), "Did you mean"),
        (
            by("City", "price", "CITY", sample_size=4),
            "invalid_strata_columns",
            ("strata_columns", 2),
            '"City" is named twice',
        ),
        *(
            (
                by("City", name, sample_size=4),
                "invalid_strata_columns",
                ("strata_columns", 1),
                "make no strata",
            )
            for name in ("tags", "point", "triple", "while", "map")
        ),
    ],
)
def test_a_fault_names_its_parameter(
    method: Method, code: str, place: tuple[str | int, ...], told: str
) -> None:
    good = one_round(RandomMethod(sample_size=1))
    with pytest.raises(DomainError) as caught:
        check_rounds(TABLE, [good, one_round(method, number=2)])
    assert caught.value.code == code
    assert caught.value.loc == ("rounds", 1, "parameters", *place)
    assert told in caught.value.message


@pytest.mark.parametrize("seed", [1 << 63, -(1 << 63) - 1, "x" * 1_001, "\ud800"])
def test_a_seed_that_is_no_seed_is_refused(seed: Seed) -> None:
    with pytest.raises(DomainError) as caught:
        check_rounds(TABLE, [one_round(RandomMethod(sample_size=1), seed)])
    assert caught.value.code == "invalid_seed"
    assert caught.value.loc == ("rounds", 0, "parameters", "seed")


@pytest.mark.parametrize("count", [0, 21])
def test_there_are_one_to_twenty_rounds(count: int) -> None:
    method = RandomMethod(sample_size=1)
    with pytest.raises(DomainError, match="1 to 20 rounds") as caught:
        check_rounds(TABLE, [one_round(method, number=i + 1) for i in range(count)])
    assert (caught.value.code, caught.value.loc) == ("invalid_rounds", ("rounds",))


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1], [0]])
def test_rounds_are_numbered_in_order(numbers: list[int]) -> None:
    method = RandomMethod(sample_size=1)
    with pytest.raises(DomainError, match="numbered") as caught:
        check_rounds(TABLE, [one_round(method, number=number) for number in numbers])
    assert caught.value.loc == ("rounds", len(numbers) - 1, "round_number")


SPECIFICATIONS: dict[str, type] = {
    "random": RandomMethod,
    "reservoir": RandomMethod,
    "stratified": StratifiedMethod,
    "systematic": SystematicMethod,
    "cluster": ClusterMethod,
    "weighted": WeightedMethod,
}


def test_the_described_parameters_are_those_of_the_specification() -> None:
    specified = {
        name: [field.name for field in fields(kind) if field.name != "name"] + ["seed"]
        for name, kind in SPECIFICATIONS.items()
    }
    described = {
        method.name: [parameter.name for parameter in method.parameters] for method in METHODS
    }
    assert described == specified
    required = {
        (method.name, parameter.name)
        for method in METHODS
        for parameter in method.parameters
        if parameter.required
    }
    assert required == {
        (name, field.name)
        for name, kind in SPECIFICATIONS.items()
        for field in fields(kind)
        if field.default is MISSING
    }
