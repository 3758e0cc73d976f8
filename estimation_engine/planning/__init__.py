"""Sizes of samples for a precision, from the facts of the whole population."""

from estimation_engine.planning.allocation import (
    Allocation,
    Strata,
    integer_sizes,
    optimal_sizes,
    sizes_for_budget,
    spent_sizes,
)
from estimation_engine.planning.bands import (
    BandHistogram,
    band_breaks,
    geometric_breaks,
    root_cuts,
    round_breaks,
)
from estimation_engine.planning.designs import (
    ClusterPlan,
    RandomPlan,
    SizePlan,
    StratifiedPlan,
    WeightedPlan,
    smallest_size,
    stratified_degrees,
)
from estimation_engine.planning.frame import CellSums, FrameStatistic, frame_statistic
from estimation_engine.planning.goals import Goal, Precision, random_size, wilson_trials

__all__ = [
    "Allocation",
    "BandHistogram",
    "CellSums",
    "ClusterPlan",
    "FrameStatistic",
    "Goal",
    "Precision",
    "RandomPlan",
    "SizePlan",
    "Strata",
    "StratifiedPlan",
    "WeightedPlan",
    "band_breaks",
    "frame_statistic",
    "geometric_breaks",
    "integer_sizes",
    "optimal_sizes",
    "random_size",
    "root_cuts",
    "round_breaks",
    "sizes_for_budget",
    "smallest_size",
    "spent_sizes",
    "stratified_degrees",
    "wilson_trials",
]
