"""What a reader of a draw of several rounds ought to know.

Owns: the sentences on a draw as a whole; those on one round are with the round. Called for a plan
and for a job's summary.
"""

from __future__ import annotations

from collections.abc import Sequence

from sampling_engine.spec import FIRST_DRAW_VERSION, Round

SEVERAL_ROUNDS = (
    "Weights and probabilities are per round and given the earlier rounds, so they can't be added "
    "up over rounds: estimate from one round, or draw a larger first round."
)
OLD_VERSION = (
    "This draw follows draw version 1, which only repeats the rows of an old job: leave "
    "draw_version out for a new sample."
)


def draw_warnings(rounds: Sequence[Round]) -> list[str]:
    """The warnings on a draw as a whole, one sentence each."""
    warnings = [OLD_VERSION] if rounds[0].draw_version == FIRST_DRAW_VERSION else []
    return [*warnings, SEVERAL_ROUNDS] if len(rounds) > 1 else warnings
