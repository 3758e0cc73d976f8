"""The estimation engine: from the rows of a sample and its design to estimates with margins."""

from estimation_engine.design import (
    Design,
    cluster_design,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.errors import (
    LonelyStratum,
)
from estimation_engine.estimates import Domains, Estimate, Settings, Values, estimate
from estimation_engine.variance import VarianceRules

__all__ = [
    "Design",
    "Domains",
    "Estimate",
    "LonelyStratum",
    "Settings",
    "Values",
    "VarianceRules",
    "cluster_design",
    "estimate",
    "random_design",
    "stratified_design",
    "systematic_design",
    "weighted_design",
]
