"""Rounds that pass, faults of selections, seeds and numbers, and methods described as they are."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from domain_errors import DomainError
from sampling_engine import (
    METHODS,
    ClusterMethod,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    Seed,
    Selection,
    SplitMethod,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    check_rounds,
)
from tests.sampling_engine.checked_table import TABLE
from tests.sampling_engine.rounds import by, one_round


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
    "monetary_unit": MonetaryUnitMethod,
    "split": SplitMethod,
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
        if parameter.is_required
    }
    assert required == {
        (name, field.name)
        for name, kind in SPECIFICATIONS.items()
        for field in fields(kind)
        if field.default is MISSING
    }
