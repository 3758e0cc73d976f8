"""Audit samples: sizes for a materiality, and the evaluation of findings.

Pure functions; each result has the rows of its arithmetic, and names its formula and source.
"""

from estimation_engine.audit.assurance import Assurance
from estimation_engine.audit.attributes import AttributesEvaluation, evaluate_attributes
from estimation_engine.audit.conclusion import ONLY_OF_SCOPE, Conclusion, conclude, withheld
from estimation_engine.audit.gaffke import gaffke_limit
from estimation_engine.audit.limits import Likelihood, Sides, default_likelihood
from estimation_engine.audit.monetary import (
    AuditedItem,
    Bound,
    Direction,
    MonetaryEvaluation,
    StringerRow,
    evaluate_monetary,
)
from estimation_engine.audit.planning import (
    AuditGoal,
    AuditSize,
    size_for_materiality,
)
from estimation_engine.audit.sequential import (
    AmountTest,
    SequentialShare,
    amount_test,
    evaluate_share,
    share_boundary,
)
from estimation_engine.audit.two_stage import (
    Stage,
    TwoStageEvaluation,
    TwoStagePlan,
    TwoStageRule,
    evaluate_two_stages,
    stage_one_decision,
    two_stage_limit,
    two_stage_plan,
    two_stage_risk,
)
from estimation_engine.audit.variables import (
    AuditedAmounts,
    Estimator,
    VariablesEvaluation,
    evaluate_variables,
)

__all__ = [
    "ONLY_OF_SCOPE",
    "AmountTest",
    "Assurance",
    "AttributesEvaluation",
    "AuditGoal",
    "AuditSize",
    "AuditedAmounts",
    "AuditedItem",
    "Bound",
    "Conclusion",
    "Direction",
    "Estimator",
    "Likelihood",
    "MonetaryEvaluation",
    "SequentialShare",
    "Sides",
    "Stage",
    "StringerRow",
    "TwoStageEvaluation",
    "TwoStagePlan",
    "TwoStageRule",
    "VariablesEvaluation",
    "amount_test",
    "conclude",
    "default_likelihood",
    "evaluate_attributes",
    "evaluate_monetary",
    "evaluate_share",
    "evaluate_two_stages",
    "evaluate_variables",
    "gaffke_limit",
    "share_boundary",
    "size_for_materiality",
    "stage_one_decision",
    "two_stage_limit",
    "two_stage_plan",
    "two_stage_risk",
    "withheld",
]
