"""The sampling methods and their parameters, as far as options need them.

They are read from ``methods.json``, which is written from the declarations of the sampling engine
by ``python -m tests.command_line.declared_methods``: importing the engine loads numpy and DuckDB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class MethodParameter:
    """A parameter of a method that has an option; ``methods`` have it."""

    name: str
    option: str
    type: str
    description: str
    is_column: bool
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    methods: tuple[str, ...] = ()

    @property
    def is_repeatable(self) -> bool:
        """Whether the option is given once for each item."""
        return self.type.startswith("array")


_DECLARED = json.loads(Path(__file__).with_name("methods.json").read_text(encoding="utf-8"))
METHODS: tuple[str, ...] = tuple(method["name"] for method in _DECLARED["methods"])
ENGINES: tuple[str, ...] = tuple(_DECLARED["engines"])
FAVOURED: Mapping[str, str | None] = {
    method["name"]: method["favours"] for method in _DECLARED["methods"]
}
"""What the selection probabilities of a method are in proportion to."""


def _draw_parameters() -> dict[str, MethodParameter]:
    parameters: dict[str, MethodParameter] = {}
    for method in _DECLARED["methods"]:
        own = () if method["is_other_name"] else (method["name"],)
        for fields in method["parameters"]:
            parameter = MethodParameter(**{**fields, "choices": tuple(fields["choices"])})
            option = parameter.option.replace("-", "_")
            first = parameters.setdefault(option, parameter)
            if first.type != parameter.type:  # a whole number of one method is a number, too
                means = f"{first.description} With {method['name']}: {parameter.description}"
                first = replace(first, type="number", description=means)
            parameters[option] = replace(first, methods=(*first.methods, *own))
    return parameters


DRAW_PARAMETERS = _draw_parameters()
"""The parameters of all methods by the variable names of their options."""
