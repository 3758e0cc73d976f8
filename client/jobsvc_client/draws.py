"""The body of a draw, from the arguments of :meth:`jobsvc_client.Dataset.sample`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from jobsvc_client.arguments import (
    Columns,
    Number,
    listed,
    number_of,
    percent_digits,
    plain,
)
from jobsvc_client.errors import JobsvcError
from jobsvc_client.fields import DEFAULT_METHOD, MethodParameters

Size: TypeAlias = "int | float | str | Mapping[str, int | str]"
Strata: TypeAlias = "str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]"
Filter: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"


class RoundOptions(MethodParameters, total=False):
    """The arguments of one step of a draw."""

    strata: Strata
    size: Size
    seed: int | str
    filters: Filter
    margin: Number
    goal: Mapping[str, Any]
    parameters: Mapping[str, Any]
    columns: Columns
    order_by: str
    descending: bool


class JobOptions(TypedDict, total=False):
    """The arguments of a whole draw."""

    rounds: Sequence[Mapping[str, Any]]
    amount_column: str
    residual: bool
    allow_empty: bool
    ref: str
    table: str
    name: str
    purpose: str
    priority: str
    draw_version: int
    engine: str


class DrawOptions(RoundOptions, JobOptions, total=False):
    """The arguments of a draw; ``sample`` and ``plan`` take the same."""


FIELDS = {
    "source_ref": "ref",
    "table_key": "table",
    "output_name": "name",
    "commit_message": "purpose",
    "amount_column": "amount_column",
    "export_residual": "residual",
    "allow_empty": "allow_empty",
    "priority": "priority",
    "draw_version": "draw_version",
    "engine": "engine",
}
"""The arguments of a whole draw by the fields of the API that they give."""
INSTEAD_OF_PARAMETERS = {
    "sample_size": "size",
    "sample_fraction": "size",
    "sizes": "size",
    "strata_columns": "strata",
}
"""Arguments that give a parameter in more than one way, by the parameter."""


def draw_body(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's body of a draw, without what wasn't given.

    Raises
    ------
    JobsvcError
        Two arguments say the same, or ``rounds`` is combined with arguments of one step.
    """
    given = {name: plain(value) for name, value in options.items() if value is not None}
    body = {field: given[name] for field, name in FIELDS.items() if name in given}
    if "rounds" not in given:
        return {**body, "rounds": [_round(method, given)]}
    beside = [name for name in given if name in RoundOptions.__annotations__]
    if method != DEFAULT_METHOD:
        beside.insert(0, "method")
    if beside:
        raise _combined("rounds", beside[0], "Give it in the rounds.")
    return {**body, "rounds": given["rounds"]}


def filter_body(given: Filter) -> Any:
    """Return a filter as the API takes it: an expression, or conditions."""
    return {"expression": given} if isinstance(given, str) else given


def _combined(one: str, other: str, hint: str) -> JobsvcError:
    return JobsvcError(f"{one} and {other} can't be combined.", "invalid_argument", hint=hint)


def _round(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    drawn: dict[str, Any] = {"method": method, "parameters": _parameters(given)}
    if "margin" in given:
        for other in ("size", "sample_size", "sample_fraction", "sizes", "goal"):
            if other in given or other in drawn["parameters"]:
                raise _combined("margin", other, "A margin gives the size.")
    if "goal" in given:
        drawn["goal"] = given["goal"]
    if "filters" in given:
        drawn["filters"] = filter_body(given["filters"])
    selection = {
        "columns": listed(given["columns"]) if "columns" in given else None,
        "order_by": given.get("order_by"),
        "order_desc": given.get("descending"),
    }
    if chosen := {name: value for name, value in selection.items() if value is not None}:
        drawn["selection"] = chosen
    return drawn


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the method's parameters, each from the one argument that gives it."""
    parameters = dict(given.get("parameters", {}))
    named = {name: given[name] for name in MethodParameters.__annotations__ if name in given}
    if "strata" in given:
        strata = given["strata"]
        columns = [strata] if isinstance(strata, Mapping) else listed(strata)
        named["strata_columns"] = _once("strata_columns", named, columns)
    if "size" in given:
        for name, size in _size(given["size"]).items():
            named[name] = _once(name, named, size)
    if "seed" in given:
        named["seed"] = given["seed"]
    for name, value in named.items():
        parameters[name] = _once(name, parameters, value)
    return parameters


def _once(name: str, found: Mapping[str, Any], value: Any) -> Any:
    if name in found:
        other = INSTEAD_OF_PARAMETERS.get(name)
        ways = f"{other}, {name} or parameters" if other else f"{name} or parameters"
        raise JobsvcError(
            f"{name} is given twice.", "invalid_argument", hint=f"Give one of {ways}."
        )
    return value


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
