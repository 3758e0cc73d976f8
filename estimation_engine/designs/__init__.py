"""The designs of samples: a module for each, and the registry by the method of a draw."""

from __future__ import annotations

from collections.abc import Mapping

from estimation_engine.designs.cluster import ClusterDesign, cluster_design
from estimation_engine.designs.design import Design, DrawnRows, Part, RowsOfPairs
from estimation_engine.designs.random import RandomDesign, random_design
from estimation_engine.designs.rounds import Frame, RoundRows, RoundsDesign, combined_design
from estimation_engine.designs.stratified import StratifiedDesign, stratified_design
from estimation_engine.designs.systematic import SystematicDesign, systematic_design
from estimation_engine.designs.weighted import (
    MonetaryDesign,
    WeightedDesign,
    monetary_design,
    weighted_design,
)
from estimation_engine.errors import UnsupportedDesign

__all__ = [
    "DESIGNS",
    "ClusterDesign",
    "Design",
    "DrawnRows",
    "Frame",
    "MonetaryDesign",
    "Part",
    "RandomDesign",
    "RoundRows",
    "RoundsDesign",
    "RowsOfPairs",
    "StratifiedDesign",
    "SystematicDesign",
    "WeightedDesign",
    "cluster_design",
    "combined_design",
    "design_class",
    "monetary_design",
    "random_design",
    "stratified_design",
    "systematic_design",
    "weighted_design",
]

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
