"""How often the limits of monetary units hold: a short run of the simulation."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage.monetary_bounds import PARTS, Kind, gaffke, items, ledger, measure
from estimation_engine.audit import evaluate_monetary


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("kind", ["half", "nearly whole"])
def test_limits_of_random_units_hold_as_often_as_they_say(kind: Kind, name: str) -> None:
    for often, _ in measure(kind, PARTS[name], 60).values():
        assert often >= 0.9


def test_the_simulated_limit_is_that_of_the_evaluation() -> None:
    for shares in PARTS.values():
        given = ledger("any", shares)
        values = np.bincount(given.strata, given.books).astype(int).tolist()
        drawn = items(given, len(shares), 3)
        found = evaluate_monetary(drawn, values, confidence=0.95, bound="gaffke").overstatement
        assert found.upper_limit == pytest.approx(gaffke(drawn, values))
        assert found.found.errors > 0
