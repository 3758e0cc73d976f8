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
Outcome = Literal["ok", "exception", "not_applicable", "not_examinable"]
ReviewAction = Literal["submitted", "withdrawn", "returned", "signed_off", "reopened"]
ReviewState = Literal["open", "submitted", "signed_off"]

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
OUTCOMES: Mapping[Outcome, str] = {
    "ok": "OK",
    "exception": "Exception",
    "not_examinable": "Can’t be examined",
    "not_applicable": "Not applicable",
}
CAUSES: Mapping[str, str] = {
    "clerical": "Clerical error",
    "instruction": "Instruction not known or misunderstood",
    "control": "Control not performed",
    "system": "Error of a system or interface",
    "cut_off": "Wrong period",
    "judgement": "Judgement or estimate",
    "document": "Document missing or incomplete",
    "intentional": "Intentional or possible fraud",
    "other": "Other",
}
"""Causes of exceptions (ISA 530 ¶12 asks for nature and cause)."""
REVIEW_ACTIONS: Mapping[ReviewAction, str] = {
    "submitted": "Submitted for review",
    "withdrawn": "Withdrawn",
    "returned": "Returned",
    "signed_off": "Signed off",
    "reopened": "Reopened",
}
REVIEW_STATES: Mapping[ReviewState, str] = {
    "open": "In progress",
    "submitted": "Submitted for review",
    "signed_off": "Signed off",
}
