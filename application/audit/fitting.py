"""How a sample was drawn, as far as it decides which evaluation fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sampling_engine import method_class, method_from_json


def selects_money(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all rounds of a draw select units of money."""
    return all(method_class(each["method"]).selects_money for each in rounds)


def is_sized_by_errors(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a materiality can size a draw: of units of money, or of rows with equal chances.

    Other draws record it alone, as the amount that their evaluation by audit values tolerates.
    """
    return selects_money(rounds) or all(method_class(one["method"]).equal_chances for one in rounds)


def tolerates_amount(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a recorded materiality from 1 on is an amount, and no number of rows."""
    return selects_money(rounds) or not is_sized_by_errors(rounds)


def is_in_sequence(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the order of a draw is random, so that a sequential evaluation fits."""
    if len(rounds) != 1:
        return False
    return method_from_json(rounds[0]["method"], rounds[0]["parameters"]).in_random_order
