"""The sampling engine: from a table's files and a list of rounds to the drawn rows."""

from sampling_engine.certificates import (
    CertifiedRound,
    certified_rounds,
    columns_for_redraw,
    write_redraw_data,
)
from sampling_engine.checks import amount_of, check_rounds, draw_warnings
from sampling_engine.draw import draw_sample, drawn_rounds, row_chances
from sampling_engine.errors import (
    MinimumExceedsSample,
    RowsMissing,
    TooManyStrata,
)
from sampling_engine.explain import RowExplanation, explain_rows
from sampling_engine.methods import (
    DEFAULT_METHOD,
    METHOD_CLASSES,
    METHODS,
    method_class,
    method_from_json,
)
from sampling_engine.methods.cluster.declaration import ClusterMethod
from sampling_engine.methods.method import Method, Round
from sampling_engine.methods.monetary_unit.declaration import MonetaryUnitMethod
from sampling_engine.methods.parameters import MAX_SEED_LENGTH
from sampling_engine.methods.random import RandomMethod
from sampling_engine.methods.split.declaration import SplitMethod
from sampling_engine.methods.stratified import StratifiedMethod
from sampling_engine.methods.systematic import SystematicMethod
from sampling_engine.methods.weighted.declaration import WeightedMethod
from sampling_engine.plan import plan_draw
from sampling_engine.reference import Reference, reference_of
from sampling_engine.reserves import reserves
from sampling_engine.results import DrawnRound, DrawnSample, Outcome
from sampling_engine.selection.keyed import KEYED_VERSION
from sampling_engine.selection.order import ORDER_VERSION, Seed, SeededOrder, new_seed
from sampling_engine.spec import KeyedOrder, RowFilter, Selection, Strategy, effective_seed
