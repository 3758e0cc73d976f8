"""Audit samples: sizes for a materiality, and the evaluation of findings.

Pure functions; each result has the rows of its arithmetic, and names its formula and source.
"""

from estimation_engine.audit.assurance import Assurance as Assurance
from estimation_engine.audit.attributes import AttributesEvaluation as AttributesEvaluation
from estimation_engine.audit.attributes import evaluate_attributes as evaluate_attributes
from estimation_engine.audit.conclusion import ONLY_OF_SCOPE as ONLY_OF_SCOPE
from estimation_engine.audit.conclusion import Conclusion as Conclusion
from estimation_engine.audit.conclusion import conclude as conclude
from estimation_engine.audit.conclusion import withheld as withheld
from estimation_engine.audit.gaffke import gaffke_limit as gaffke_limit
from estimation_engine.audit.limits import default_likelihood as default_likelihood
from estimation_engine.audit.monetary import AuditedItem as AuditedItem
from estimation_engine.audit.monetary import Direction as Direction
from estimation_engine.audit.monetary import MonetaryEvaluation as MonetaryEvaluation
from estimation_engine.audit.monetary import StringerRow as StringerRow
from estimation_engine.audit.monetary import evaluate_monetary as evaluate_monetary
from estimation_engine.audit.planning import AuditGoal as AuditGoal
from estimation_engine.audit.planning import AuditSize as AuditSize
from estimation_engine.audit.planning import size_for_materiality as size_for_materiality
from estimation_engine.audit.sequential import AmountTest as AmountTest
from estimation_engine.audit.sequential import SequentialShare as SequentialShare
from estimation_engine.audit.sequential import SideInformation as SideInformation
from estimation_engine.audit.sequential import amount_test as amount_test
from estimation_engine.audit.sequential import evaluate_share as evaluate_share
from estimation_engine.audit.sequential import share_boundary as share_boundary
from estimation_engine.audit.two_stage import Stage as Stage
from estimation_engine.audit.two_stage import TwoStageEvaluation as TwoStageEvaluation
from estimation_engine.audit.two_stage import TwoStagePlan as TwoStagePlan
from estimation_engine.audit.two_stage import TwoStageRule as TwoStageRule
from estimation_engine.audit.two_stage import evaluate_two_stages as evaluate_two_stages
from estimation_engine.audit.two_stage import stage_one_decision as stage_one_decision
from estimation_engine.audit.two_stage import two_stage_limit as two_stage_limit
from estimation_engine.audit.two_stage import two_stage_plan as two_stage_plan
from estimation_engine.audit.two_stage import two_stage_risk as two_stage_risk
from estimation_engine.audit.variables import AuditedAmounts as AuditedAmounts
from estimation_engine.audit.variables import VariablesEvaluation as VariablesEvaluation
from estimation_engine.audit.variables import evaluate_variables as evaluate_variables
