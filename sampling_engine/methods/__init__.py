"""The sampling methods: a module for each, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.declarations import Declared, declared
from lazy_dataclasses import dataclass
from sampling_engine.methods.cluster.declaration import ClusterMethod
from sampling_engine.methods.method import Method
from sampling_engine.methods.monetary_unit.declaration import MonetaryUnitMethod
from sampling_engine.methods.random import RandomMethod
from sampling_engine.methods.split.declaration import SplitMethod
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
    SplitMethod,
)

_CLASS_OF = {name: kind for kind in METHOD_CLASSES for name in (kind.key, *kind.other_names)}


@dataclass(frozen=True)
class MethodName:
    """A method under one of its names."""

    name: str
    description: str
    kind: type[Method]

    @property
    def is_other_name(self) -> bool:
        """Whether it isn't the method's first name."""
        return self.name != self.kind.key

    @property
    def parameters(self) -> tuple[Declared, ...]:
        """The parameters, in the order in which a form shows them."""
        return declared(self.kind)


METHODS: tuple[MethodName, ...] = tuple(
    MethodName(name, description, kind)
    for kind in METHOD_CLASSES
    for name, description in ((kind.key, kind.description), *kind.other_names.items())
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
