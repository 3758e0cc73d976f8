"""The body of a draw, from the arguments of :meth:`jobsvc_client.Dataset.sample`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from jobsvc_client.arguments import Columns, Number, listed, number_of, numbers_of, percent_digits

GOAL_NUMBERS = ("margin", "materiality", "expected", "confidence")
Size: TypeAlias = "int | float | str | Mapping[str, int | str]"
Strata: TypeAlias = "str | Sequence[str | Mapping[str, Any]]"
Filter: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"


class DrawOptions(TypedDict, total=False):
    """The arguments of a draw; ``sample`` and ``plan`` take the same."""

    strata: Strata
    size: Size
    seed: int | str
    filter: Filter
    margin: Number
    goal: Mapping[str, Any]
    rounds: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]
    columns: Columns
    order_by: str
    descending: bool
    amount_column: str
    residual: bool
    ref: str
    table: str
    name: str
    purpose: str
    priority: str
    draw_version: int
    engine: str


def draw_body(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's body of a draw, without what wasn't given."""
    body = {
        "source_ref": options.get("ref"),
        "table_key": options.get("table"),
        "output_name": options.get("name"),
        "commit_message": options.get("purpose"),
        "amount_column": options.get("amount_column"),
        "export_residual": options.get("residual"),
        "priority": options.get("priority"),
        "draw_version": options.get("draw_version"),
        "engine": options.get("engine"),
        "rounds": options.get("rounds") or [_round(method, options)],
    }
    return {name: value for name, value in body.items() if value is not None}


def filter_body(given: Filter) -> Any:
    """Return a filter as the API takes it: an expression, or conditions."""
    return {"expression": given} if isinstance(given, str) else given


def _round(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    parameters = dict(options.get("parameters") or {})
    if (strata := options.get("strata")) is not None:
        parameters["strata_columns"] = [strata] if isinstance(strata, str) else list(strata)
    if (size := options.get("size")) is not None:
        parameters |= _size(size)
    if (seed := options.get("seed")) is not None:
        parameters["seed"] = seed
    drawn: dict[str, Any] = {"method": method, "parameters": parameters}
    if (goal := options.get("goal")) is not None:
        drawn["goal"] = numbers_of(goal, GOAL_NUMBERS)
    if (rows := options.get("filter")) is not None:
        drawn["filters"] = filter_body(rows)
    columns = options.get("columns")
    selection = {
        "columns": None if columns is None else listed(columns),
        "order_by": options.get("order_by"),
        "order_desc": options.get("descending"),
    }
    if chosen := {name: value for name, value in selection.items() if value is not None}:
        drawn["selection"] = chosen
    return drawn


def _size(size: Size) -> dict[str, Any]:
    """Return the parameter of a size: rows, a share, a percentage, or one for each stratum."""
    if isinstance(size, Mapping):
        return {"sizes": {label: _stratum_size(each) for label, each in size.items()}}
    if isinstance(size, str):
        return {"sample_fraction": number_of("size", size)}
    return {"sample_size" if isinstance(size, int) else "sample_fraction": size}


def _stratum_size(size: int | str) -> int | str:
    """Return the size of a stratum: rows, a percentage with a decimal point, or ``all``."""
    if isinstance(size, int) or size == "all":
        return size
    return f"{percent_digits('size', size)}%"
