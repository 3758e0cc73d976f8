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
    Selection,
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


def by(*columns: str, **sizes: object) -> StratifiedMethod:
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
        by("City", sizes={"a": 0, "b": 3}),
        by("City", sample_size=4, allocation="neyman", allocation_column="PRICE"),
        SystematicMethod(interval=3, start=3),
        SystematicMethod(sample_size=3),
        ClusterMethod(cluster_column="city", num_clusters=2, sample_percentage=100),
        WeightedMethod(sample_size=3, weight_column="price"),
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
        (by("City", sizes={}), "invalid_size", ("sizes",), "no stratum a row"),
        (by("City", sizes={"a": 0}), "invalid_size", ("sizes",), "no stratum a row"),
        (by("City", sizes={"a": 1, "b": -1}), "invalid_size", ("sizes", "b"), "0 to"),
        (by("City", sizes={"a": 1}, sample_size=4), "invalid_size", ("sizes",), "only one"),
        (
            by("City", sizes={"a": 1}, min_per_stratum=1),
            "invalid_size",
            ("min_per_stratum",),
            "say it all",
        ),
        (
            by("City", samples_per_stratum=1, allocation="equal"),
            "invalid_parameter",
            ("allocation",),
            "nothing to share",
        ),
        (
            by("City", sample_size=4, allocation="fair"),
            "invalid_parameter",
            ("allocation",),
            "one of proportional",
        ),
        (
            by("City", sample_size=4, allocation="neyman"),
            "invalid_parameter",
            ("allocation_column",),
            "needs allocation_column",
        ),
        (
            by("City", sample_size=4, allocation="optimal", allocation_column="price"),
            "invalid_parameter",
            ("cost_column",),
            "needs cost_column",
        ),
        (
            by("City", sample_size=4, cost_column="price"),
            "invalid_parameter",
            ("cost_column",),
            "no part in allocation proportional",
        ),
        (
            by("City", sample_size=4, allocation="neyman", allocation_column="mood"),
            "invalid_parameter",
            ("allocation_column",),
            "needs a column of numbers",
        ),
        (SystematicMethod(), "invalid_size", (), "Give one of interval, sample_size"),
        (SystematicMethod(interval=2, sample_size=2), "invalid_size", ("sample_size",), "only"),
        (SystematicMethod(interval=0), "invalid_size", ("interval",), "1 or more"),
        (SystematicMethod(interval=5, start=6), "invalid_size", ("start",), "1 to the interval, 5"),
        (SystematicMethod(interval=5, start=0), "invalid_size", ("start",), "1 to"),
        (
            SystematicMethod(sample_size=5, start=1),
            "invalid_parameter",
            ("start",),
            "goes with interval",
        ),
        (
            ClusterMethod(cluster_column="City", num_clusters=0),
            "invalid_size",
            ("num_clusters",),
            "1 or more",
        ),
        (
            ClusterMethod(cluster_column="town", num_clusters=1),
            "unknown_column",
            ("cluster_column",),
            "town",
        ),
        (
            ClusterMethod(cluster_column="tags", num_clusters=1),
            "invalid_strata_columns",
            ("cluster_column",),
            "make no clusters",
        ),
        (
            ClusterMethod(
                cluster_column="City", num_clusters=1, samples_per_cluster=1, sample_percentage=5
            ),
            "invalid_size",
            ("sample_percentage",),
            "only one",
        ),
        (
            ClusterMethod(cluster_column="City", num_clusters=1, sample_percentage=100.5),
            "invalid_size",
            ("sample_percentage",),
            "up to 100",
        ),
        (
            WeightedMethod(sample_size=0, weight_column="price"),
            "invalid_size",
            ("sample_size",),
            "1 or more",
        ),
        (
            WeightedMethod(sample_size=1, weight_column="City"),
            "invalid_parameter",
            ("weight_column",),
            "needs a column of numbers",
        ),
        (
            WeightedMethod(sample_size=1, weight_column="prices"),
            "unknown_column",
            ("weight_column",),
            "Did you mean",
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


@pytest.mark.parametrize(
    ("selection", "code", "place"),
    [
        (Selection(columns=("town",)), "unknown_column", ("columns", 0)),
        (Selection(columns=("City", "city")), "invalid_selection", ("columns", 1)),
        (Selection(order_by="town"), "unknown_column", ("order_by",)),
        (Selection(order_desc=True), "invalid_selection", ("order_desc",)),
    ],
)
def test_a_fault_of_a_selection_names_its_part(
    selection: Selection, code: str, place: tuple[str | int, ...]
) -> None:
    method = RandomMethod(sample_size=1)
    with pytest.raises(DomainError) as caught:
        check_rounds(TABLE, [Round(round_number=1, method=method, seed=1, selection=selection)])
    assert caught.value.code == code
    assert caught.value.loc == ("rounds", 0, "selection", *place)


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
