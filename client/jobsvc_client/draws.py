"""The body of a draw, from the arguments of :meth:`jobsvc_client.Dataset.sample`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from jobsvc_client.arguments import (
    Columns,
    Number,
    given,
    listed,
    number_of,
    percent_digits,
    plain,
)
from jobsvc_client.errors import JobsvcError
from jobsvc_client.fields import DEFAULT_METHOD, EarlierRowsOptions, MethodParameters

Size: TypeAlias = "int | float | str | Mapping[str, int | str]"
Strata: TypeAlias = "str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]"
Filter: TypeAlias = "str | Mapping[str, Any] | Sequence[Mapping[str, Any]]"


class RoundOptions(MethodParameters, EarlierRowsOptions, total=False):
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
    key: Columns
    keyed: bool
    duplicates: str


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


JOB_ARGUMENTS = frozenset(JobOptions.__annotations__)


class DrawOptions(RoundOptions, JobOptions, total=False):
    """The arguments of a draw; ``sample`` and ``plan`` take the same."""


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
    named = {name: plain(value) for name, value in options.items() if value is not None}
    of_step = {name: value for name, value in named.items() if name not in JOB_ARGUMENTS}
    body = given(**{name: value for name, value in named.items() if name in JOB_ARGUMENTS})
    if "rounds" not in named:
        return {**body, "rounds": [_round(method, of_step)]}
    for name in (*(["method"] if method != DEFAULT_METHOD else ()), *of_step):
        raise _combined("rounds", name, "Give it in the rounds.")
    return body


def filter_body(rows: Filter) -> Any:
    """Return a filter as the API takes it: an expression, or conditions."""
    return {"expression": rows} if isinstance(rows, str) else rows


def _combined(one: str, other: str, hint: str) -> JobsvcError:
    return JobsvcError(f"{one} and {other} can't be combined.", "invalid_argument", hint=hint)


def _round(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    drawn: dict[str, Any] = {"method": method, "parameters": _parameters(options)}
    if "margin" in options:
        for other in ("size", "sample_size", "sample_fraction", "sizes", "goal"):
            if other in options or other in drawn["parameters"]:
                raise _combined("margin", other, "A margin gives the size.")
    if "goal" in options:
        drawn["goal"] = options["goal"]
    if filters := _filters(options):
        drawn["filters"] = filters
    if _is_keyed(options):
        drawn["order"] = given(
            key=listed(options["key"]) if "key" in options else None,
            start=options.get("start"),
            duplicates=options.get("duplicates"),
        )
    selection = given(
        columns=listed(options["columns"]) if "columns" in options else None,
        order_by=options.get("order_by"),
        order_desc=options.get("descending"),
    )
    return {**drawn, "selection": selection} if selection else drawn


def _is_keyed(options: Mapping[str, Any]) -> bool:
    """Whether rows are taken in the order of their keys; ``start`` is then that of the order."""
    return "key" in options or "duplicates" in options or bool(options.get("keyed"))


def _filters(options: Mapping[str, Any]) -> Any:
    """A filter of rows, with an earlier version, earlier draws and audit tests beside it."""
    rows = filter_body(options["filters"]) if "filters" in options else {}
    names = [name for name in EarlierRowsOptions.__annotations__ if name in options]
    if not names:
        return rows
    earlier = {
        name: options[name] if name == "new_since" else listed(options[name]) for name in names
    }
    return {**(rows if isinstance(rows, Mapping) else {"conditions": rows}), **earlier}


def _parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the method's parameters, each from the one argument that gives it."""
    parameters = dict(options.get("parameters", {}))
    named = {name: options[name] for name in MethodParameters.__annotations__ if name in options}
    if _is_keyed(options):
        named.pop("start", None)
    if "strata" in options:
        strata = options["strata"]
        columns = [strata] if isinstance(strata, Mapping) else listed(strata)
        named["strata_columns"] = _once("strata_columns", named, columns)
    if "size" in options:
        for name, size in _size(options["size"]).items():
            named[name] = _once(name, named, size)
    if "seed" in options:
        named["seed"] = options["seed"]
    return parameters | {name: _once(name, parameters, value) for name, value in named.items()}


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
    if isinstance(size, float) and size == 1:
        raise JobsvcError(
            f"size={size} can be read in two ways.",
            "invalid_argument",
            hint='Write 1 for one row, or "100%" for all rows.',
        )
    if isinstance(size, float) and size > 1 and size.is_integer():  # such as 120 / 2
        size = int(size)
    return {"sample_size" if isinstance(size, int) else "sample_fraction": size}


def _stratum_size(size: int | str) -> int | str:
    """Return the size of a stratum: rows, a percentage with a decimal point, or ``all``."""
    if isinstance(size, int) or size == "all":
        return size
    return f"{percent_digits('size', size)}%"
