"""The estimation engine: from the rows of a sample and its design to estimates with margins."""

from estimation_engine.calibration import (
    Calibration,
    Difference,
    Margins,
    by_raking,
    by_ratio,
    by_regression,
    by_strata,
)
from estimation_engine.contrasts import FigureContrast, contrasts
from estimation_engine.designs.cluster import cluster_design
from estimation_engine.designs.design import Design
from estimation_engine.designs.random import random_design
from estimation_engine.designs.rounds import CombinedRound, Frame, combined_design
from estimation_engine.designs.stratified import stratified_design
from estimation_engine.designs.systematic import systematic_design
from estimation_engine.designs.weighted import monetary_design, weighted_design
from estimation_engine.errors import (
    InvalidCalibration,
    InvalidEstimate,
    InvalidGoal,
    LonelyStratum,
    TooManyGroups,
    UnsupportedDesign,
)
from estimation_engine.estimates import DomainEstimate, Domains, EstimateSettings, Values, estimate
from estimation_engine.judge import Adjustment, Judge, JudgeColumn
from estimation_engine.population import true_values
from estimation_engine.reading import (
    Statistic,
    check_statistic,
    is_number,
    is_summable,
    read_values,
)
