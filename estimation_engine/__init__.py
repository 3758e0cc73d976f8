"""The estimation engine: from the rows of a sample and its design to estimates with margins."""

from estimation_engine.calibration import (
    Calibration,
    CalibrationMethod,
    Difference,
    Margins,
    by_raking,
    by_ratio,
    by_regression,
    by_strata,
)
from estimation_engine.designs import (
    Design,
    Frame,
    RoundRows,
    cluster_design,
    combined_design,
    monetary_design,
    random_design,
    stratified_design,
    systematic_design,
    weighted_design,
)
from estimation_engine.designs.stages import VarianceRules
from estimation_engine.errors import (
    InvalidCalibration,
    InvalidEstimate,
    InvalidGoal,
    LonelyStratum,
    TooManyGroups,
    UnsupportedDesign,
)
from estimation_engine.estimates import Domains, Estimate, Settings, Values, estimate
from estimation_engine.population import true_values
from estimation_engine.reading import Statistic, check_statistic, is_number, read_values

__all__ = [
    "Calibration",
    "CalibrationMethod",
    "Design",
    "Difference",
    "Domains",
    "Estimate",
    "Frame",
    "InvalidCalibration",
    "InvalidEstimate",
    "InvalidGoal",
    "LonelyStratum",
    "Margins",
    "RoundRows",
    "Settings",
    "Statistic",
    "TooManyGroups",
    "UnsupportedDesign",
    "Values",
    "VarianceRules",
    "by_raking",
    "by_ratio",
    "by_regression",
    "by_strata",
    "check_statistic",
    "cluster_design",
    "combined_design",
    "estimate",
    "is_number",
    "monetary_design",
    "random_design",
    "read_values",
    "stratified_design",
    "systematic_design",
    "true_values",
    "weighted_design",
]
