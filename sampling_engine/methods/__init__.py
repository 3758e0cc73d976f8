"""The sampling methods: a module for each, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sampling_engine.methods.cluster import ClusterMethod
from sampling_engine.methods.method import Method
from sampling_engine.methods.monetary_unit.declaration import MonetaryUnitMethod
from sampling_engine.methods.parameters import MethodDeclaration
from sampling_engine.methods.random import RandomMethod
from sampling_engine.methods.stratified import StratifiedMethod
from sampling_engine.methods.systematic import SystematicMethod
from sampling_engine.methods.weighted.declaration import WeightedMethod

METHOD_CLASSES: tuple[type[Method], ...] = (
    RandomMethod,
    StratifiedMethod,
    SystematicMethod,
    ClusterMethod,
    WeightedMethod,
    MonetaryUnitMethod,
)

_CLASS_OF = {
    name: kind for kind in METHOD_CLASSES for name in (kind.declaration.name, *kind.other_names)
}

METHODS: tuple[MethodDeclaration, ...] = tuple(
    declaration
    for kind in METHOD_CLASSES
    for declaration in (
        kind.declaration,
        *(
            replace(
                kind.declaration,
                name=name,
                description=description,
                other_name_of=kind.declaration.name,
            )
            for name, description in kind.other_names.items()
        ),
    )
)
"""Every method under every name, in the order in which they are offered."""


DEFAULT_METHOD = METHODS[0].name
"""The method of a draw that names none, in forms, commands and code."""


def method_class(name: str) -> type[Method]:
    """The class of a method by any of its names."""
    return _CLASS_OF[name]


def method_from_json(name: str, parameters: Mapping[str, Any]) -> Method:
    """The method of a request's round; ``seed`` is the round's and is ignored."""
    given = {key: value for key, value in parameters.items() if key != "seed"}
    return method_class(name).from_json(name, given)
