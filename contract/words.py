"""Values of the contract with their titles: what a request or an answer names in a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

StatisticName = Literal["mean", "total", "proportion", "count", "ratio", "quantile"]
PlannedStatistic = Literal["mean", "total", "proportion"]
ProportionInterval = Literal["korn_graubard", "logit", "wilson", "exact"]
GoalInterval = Literal["t", "wilson"]
Lonely = Literal["fail", "adjust", "average"]
Systematic = Literal["sd1", "sd2", "random"]
CalibrationMethod = Literal["difference", "ratio", "regression", "poststratify", "rake"]
Likelihood = Literal["poisson", "binomial", "hypergeometric"]
BandRule = Literal["cumulative_root", "geometric"]
AllocationChoice = Literal["design", "optimal"]
Bound = Literal["stringer", "gaffke"]
Estimator = Literal["difference", "ratio", "regression", "mean_per_unit"]
Sides = Literal["one", "two"]
Basis = Literal["sample", "frame"]
Priority = Literal["interactive", "batch"]
EngineName = Literal["duckdb", "spark"]
RequestedEngine = Literal["auto", "duckdb", "spark"]

STATISTICS: Mapping[StatisticName, str] = {
    "mean": "Mean",
    "total": "Total",
    "proportion": "Share of a value",
    "count": "Number of rows",
    "ratio": "Ratio of two totals",
    "quantile": "Quantile",
}
LONELY: Mapping[Lonely, str] = {
    "fail": "refuse",
    "adjust": "compare with the overall mean",
    "average": "use the mean variance of the other groups",
}
CALIBRATIONS: Mapping[CalibrationMethod, str] = {
    "difference": "Difference",
    "ratio": "Ratio",
    "regression": "Regression",
    "poststratify": "Post-stratification",
    "rake": "Raking",
}
LIKELIHOODS: Mapping[Likelihood, str] = {
    "hypergeometric": "Hypergeometric",
    "binomial": "Binomial",
    "poisson": "Poisson",
}
BOUNDS: Mapping[Bound, str] = {"stringer": "Stringer", "gaffke": "Gaffke"}
ESTIMATORS: Mapping[Estimator, str] = {
    "difference": "Difference",
    "ratio": "Ratio",
    "regression": "Regression",
    "mean_per_unit": "Mean per unit",
}
SIDES: Mapping[Sides, str] = {"one": "Upper limit", "two": "Both sides"}
