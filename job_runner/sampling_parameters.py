"""A sampling job's rounds as JSON, and as the engine takes them.

Owns: the one translation between the two. The JSON is that of the API and of ``run_parameters``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sampling_engine import Method, RandomMethod, Round, StratifiedMethod, new_seed


def settle_rounds(rounds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number the rounds and draw a seed for each that has none, so that a job can be replayed."""
    settled = []
    for place, given in enumerate(rounds, start=1):
        parameters = dict(given["parameters"])
        if parameters.get("seed") is None:
            parameters["seed"] = new_seed()
        settled.append({**given, "round_number": place, "parameters": parameters})
    return settled


def engine_rounds(rounds: Sequence[dict[str, Any]]) -> tuple[Round, ...]:
    """Settled rounds as the engine's own type."""
    return tuple(
        Round(
            round_number=given["round_number"],
            method=_method(given["method"], given["parameters"]),
            seed=given["parameters"]["seed"],
            output_name=given.get("output_name"),
        )
        for given in rounds
    )


def _method(name: str, parameters: dict[str, Any]) -> Method:
    given = {key: value for key, value in parameters.items() if key != "seed"}
    if name == "stratified":
        return StratifiedMethod(**{**given, "strata_columns": tuple(given["strata_columns"])})
    return RandomMethod(name="reservoir" if name == "reservoir" else "random", **given)
