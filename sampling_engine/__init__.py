"""The sampling engine: from a table's files and a list of rounds to the drawn rows."""

from sampling_engine.checks import check_rounds
from sampling_engine.draw import draw_sample
from sampling_engine.errors import (
    InvalidRounds,
    InvalidSeed,
    InvalidSize,
    InvalidStrata,
    MinimumExceedsSample,
    RowsMissing,
    TooManyStrata,
)
from sampling_engine.explain import RowExplanation, Verdict, explain_row
from sampling_engine.methods import (
    MAX_SEED_LENGTH,
    METHOD_CLASSES,
    METHODS,
    ClusterMethod,
    Method,
    MethodDeclaration,
    Parameter,
    RandomMethod,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    method_from_json,
)
from sampling_engine.plan import plan_draw
from sampling_engine.reference import Reference, reference_of
from sampling_engine.reserves import reserves
from sampling_engine.results import (
    DrawnSample,
    GroupResult,
    RoundPlan,
    RoundResult,
    Strategy,
    draw_warnings,
)
from sampling_engine.rounds import Outcome
from sampling_engine.selection.order import ORDER_VERSION, Seed, SeededOrder, new_seed
from sampling_engine.spec import (
    DRAW_VERSION,
    FIRST_DRAW_VERSION,
    MAX_ROUNDS,
    Round,
    RowFilter,
    Selection,
    effective_seed,
)

__all__ = [
    "DRAW_VERSION",
    "FIRST_DRAW_VERSION",
    "MAX_ROUNDS",
    "MAX_SEED_LENGTH",
    "METHODS",
    "METHOD_CLASSES",
    "ORDER_VERSION",
    "ClusterMethod",
    "DrawnSample",
    "GroupResult",
    "InvalidRounds",
    "InvalidSeed",
    "InvalidSize",
    "InvalidStrata",
    "Method",
    "MethodDeclaration",
    "MinimumExceedsSample",
    "Outcome",
    "Parameter",
    "RandomMethod",
    "Reference",
    "Round",
    "RoundPlan",
    "RoundResult",
    "RowExplanation",
    "RowFilter",
    "RowsMissing",
    "Seed",
    "SeededOrder",
    "Selection",
    "Strategy",
    "StratifiedMethod",
    "SystematicMethod",
    "TooManyStrata",
    "Verdict",
    "WeightedMethod",
    "check_rounds",
    "draw_sample",
    "draw_warnings",
    "effective_seed",
    "explain_row",
    "method_from_json",
    "new_seed",
    "plan_draw",
    "reference_of",
    "reserves",
]
