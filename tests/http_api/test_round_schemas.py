"""The schemas of rounds follow the methods' declarations."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from http_api.schemas.rounds import AnyRoundIn
from sampling_engine import MAX_SEED_LENGTH, METHODS


def loaded(method: str, **parameters: Any) -> Any:
    return AnyRoundIn().load({"method": method, "parameters": parameters})  # type: ignore[no-untyped-call]


def test_each_method_has_the_schema_of_its_declaration() -> None:
    assert set(AnyRoundIn.type_schemas) == {method.name for method in METHODS}
    for method in METHODS:
        schema = AnyRoundIn.type_schemas[method.name]().fields["parameters"].schema
        declared = [one.name for one in (*method.parameters, *method.superseded)]
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
