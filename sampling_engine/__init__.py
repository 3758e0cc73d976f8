"""The sampling engine: what a draw is, from its specification to its rows.

It takes a table's files and a list of rounds and gives back a Parquet file with the drawn rows and
an account of how they were drawn. It knows no dataset, no job and no HTTP.
"""

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
from sampling_engine.methods import METHODS, MethodDescription, Parameter
from sampling_engine.order import ORDER_VERSION, Seed, SeededOrder, new_seed
from sampling_engine.results import DrawnSample, RoundResult, Strategy, StratumResult
from sampling_engine.spec import MOST_ROUNDS, Method, RandomMethod, Round, StratifiedMethod

__all__ = [
    "METHODS",
    "MOST_ROUNDS",
    "ORDER_VERSION",
    "DrawnSample",
    "InvalidRounds",
    "InvalidSeed",
    "InvalidSize",
    "InvalidStrata",
    "Method",
    "MethodDescription",
    "MinimumExceedsSample",
    "Parameter",
    "RandomMethod",
    "Round",
    "RoundResult",
    "RowsMissing",
    "Seed",
    "SeededOrder",
    "Strategy",
    "StratifiedMethod",
    "StratumResult",
    "TooManyStrata",
    "check_rounds",
    "draw_sample",
    "new_seed",
]
