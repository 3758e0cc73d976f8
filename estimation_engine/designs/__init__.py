"""The designs of samples: a module for each, and the registry by the method of a draw."""

from __future__ import annotations

from collections.abc import Mapping

from estimation_engine.designs.cluster import ClusterDesign
from estimation_engine.designs.design import Design
from estimation_engine.designs.random import RandomDesign
from estimation_engine.designs.stratified import StratifiedDesign
from estimation_engine.designs.systematic import SystematicDesign
from estimation_engine.designs.weighted import MonetaryDesign, WeightedDesign
from estimation_engine.errors import UnsupportedDesign

__all__ = ["DESIGNS", "Design", "design_class"]

DESIGNS: Mapping[str, type[Design]] = {
    "random": RandomDesign,
    "stratified": StratifiedDesign,
    "systematic": SystematicDesign,
    "cluster": ClusterDesign,
    "weighted": WeightedDesign,
    "monetary_unit": MonetaryDesign,
}
"""The design of a round by each method."""


def design_class(method: str) -> type[Design]:
    """The design of rounds by a method.

    Raises
    ------
    UnsupportedDesign
        No design is declared for the method.
    """
    try:
        return DESIGNS[method]
    except KeyError:
        raise UnsupportedDesign(
            "Samples by {method} have no estimates: no design is declared for the method.",
            method=method,
        ) from None
