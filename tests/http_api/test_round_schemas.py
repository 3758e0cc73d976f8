"""The schemas of rounds follow the methods' declarations."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from application.audit.fitting import is_in_sequence
from http_api.schemas.rounds import AnyRoundIn
from sampling_engine import MAX_SEED_LENGTH, METHODS


def loaded(method: str, **parameters: Any) -> Any:
    return AnyRoundIn().load({"method": method, "parameters": parameters})  # type: ignore[no-untyped-call]


def test_each_method_has_the_schema_of_its_declaration() -> None:
    assert set(AnyRoundIn.type_schemas) == {method.name for method in METHODS}
    for method in METHODS:
        schema = AnyRoundIn.type_schemas[method.name]().fields["parameters"].schema
        declared = [one.name for one in (*method.parameters, *method.kind.superseded)]
        assert sorted(schema.fields) == sorted(declared)


def test_a_seed_is_as_long_as_the_engine_takes() -> None:
    longest = "é" * MAX_SEED_LENGTH
    assert loaded("random", sample_size=1, seed=longest)["parameters"]["seed"] == longest
    with pytest.raises(ValidationError, match="at most 1,000 characters"):
        loaded("random", sample_size=1, seed=longest + "x")


def test_the_two_names_of_an_allocation_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="only one of allocation and proportional"):
        loaded(
            "stratified",
            strata_columns=["a"],
            sample_size=1,
            allocation="equal",
            proportional=True,
        )


@pytest.mark.parametrize(
    ("method", "parameters", "ordered"),
    [
        ("random", {}, True),
        ("reservoir", {}, True),
        ("systematic", {}, False),
        ("monetary_unit", {"book_column": "a", "selection": "random"}, True),
        ("monetary_unit", {"book_column": "a", "selection": "cell"}, False),
    ],
)
def test_methods_say_whether_their_order_is_random(
    method: str, parameters: dict[str, Any], ordered: bool
) -> None:
    given = {"method": method, "parameters": {"sample_size": 60, "seed": 1, **parameters}}
    assert is_in_sequence([given]) == ordered


def test_another_name_of_random_has_stages_too() -> None:
    goal = {"materiality": 0.05, "accept": [0, 1], "first_stage": 30}
    given = {"method": "reservoir", "parameters": {"sample_size": 60}, "goal": goal}
    assert AnyRoundIn().load(given)["goal"]["accept"] == [0, 1]  # type: ignore[no-untyped-call]
