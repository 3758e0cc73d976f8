"""How a sample was drawn, as far as it decides which evaluation fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sampling_engine import method_class, method_from_json


def selects_money(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all rounds of a draw select units of money."""
    return all(method_class(each["method"]).selects_money for each in rounds)


def is_in_sequence(rounds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the order of a draw is random, so that a sequential evaluation fits."""
    if len(rounds) != 1:
        return False
    return method_from_json(rounds[0]["method"], rounds[0]["parameters"]).in_random_order
