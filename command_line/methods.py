"""The sampling methods and their parameters, as far as options need them.

They are read from ``methods.json``, which is written from the declarations of the sampling engine
by ``python -m tests.command_line.declared_methods``: importing the engine loads numpy and DuckDB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract import fields
from contract.fields import Bounds, Choice, Kind, Number
from lazy_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MethodParameter:
    """A parameter of a method that has an option; ``methods`` have it.

    The option is given once for each item where ``is_repeatable``. ``metavar`` is that of a value
    for each of several names; None for other values.
    """

    name: str
    option: str
    help: str
    kind: Kind
    is_repeatable: bool
    metavar: str | None
    methods: tuple[str, ...] = ()


_DECLARED = json.loads(Path(__file__).with_name("methods.json").read_text(encoding="utf-8"))
METHODS: tuple[str, ...] = tuple(method["name"] for method in _DECLARED)
FAVOURED: Mapping[str, str | None] = {method["name"]: method["favours"] for method in _DECLARED}
"""What the selection probabilities of a method are in proportion to."""


def _kind_of(name: str, bounds: Mapping[str, float], titles: Mapping[str, str]) -> Kind:
    given: dict[str, Any] = {"bounds": Bounds(**bounds)} if bounds else {}
    kind: Kind = getattr(fields, name)(**(given | ({"titles": titles} if titles else {})))
    return kind


def _with_choices(
    first: MethodParameter, other: Choice, method: str, means: str
) -> MethodParameter:
    """A parameter that another method gives other choices."""
    assert isinstance(first.kind, Choice)  # noqa: S101 - the caller's part
    if other.titles == first.kind.titles:
        return first
    titles = {**first.kind.titles, **other.titles}
    return replace(first, kind=Choice(titles), help=f"{first.help} With {method}: {means}")


def _draw_parameters() -> dict[str, MethodParameter]:
    parameters: dict[str, MethodParameter] = {}
    for method in _DECLARED:
        own = () if method["is_other_name"] else (method["name"],)
        for each in method["parameters"]:
            parameter = MethodParameter(**{**each, "kind": _kind_of(*each["kind"])})
            option = parameter.option.removeprefix("--").replace("-", "_")
            first = parameters.setdefault(option, parameter)
            if type(first.kind) is not type(parameter.kind):  # a whole number is a number, too
                means = f"{first.help} With {method['name']}: {parameter.help}"
                first = replace(first, kind=Number(), help=means)
            elif isinstance(first.kind, Choice) and isinstance(parameter.kind, Choice):
                first = _with_choices(first, parameter.kind, method["name"], parameter.help)
            parameters[option] = replace(first, methods=(*first.methods, *own))
    return parameters


DRAW_PARAMETERS = _draw_parameters()
"""The parameters of all methods by the variable names of their options."""
