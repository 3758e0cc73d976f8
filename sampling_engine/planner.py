"""Which strata are walked and which are scanned, and how far.

Owns: the costs. Invariant: a plan has no part in what is drawn; it may only be slow. Called by the
draw of a round, and by the walk and the scan for how far to look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sampling_engine.order import Int64s, SeededOrder
from sampling_engine.results import RunBy, Strategy

# A scan evaluates the order for every row of its strata and reads all their strata columns; a walk
# reads those columns for the rows it meets. Up to this share of the table the walk was faster
# (60 million rows, two columns).
WALKED_SHARE = 1 / 16

# A table of so few rows is walked whatever the strata: either way takes milliseconds.
SMALL_TABLE_ROWS = 65_536

# Ranks of a walk's window, so that its arrays stay small.
WINDOW_RANKS = 1 << 20


@dataclass(frozen=True)
class Plan:
    """A round's targets, split by how they are run.

    Parameters
    ----------
    walked, scanned : arrays of int64, shape (strata,)
        Rows to draw; each stratum's target stands in one of the two.
    """

    walked: Int64s
    scanned: Int64s

    @property
    def run_by(self) -> RunBy:
        """The plan in a word, for the account of the round."""
        if not self.scanned.any():
            return "walk"
        return "walk+scan" if self.walked.any() else "scan"


def plan_round(
    targets: Int64s, eligible: Int64s, order: SeededOrder, strategy: Strategy | None
) -> Plan:
    """Split the targets; ``strategy`` forces all of them to one side.

    A table with a single stratum needs no look at its rows and is always walked.
    """
    if strategy is None:
        far = ranks_needed(targets, eligible, order) > order.size * WALKED_SHARE
        scanned = far & (order.rows > SMALL_TABLE_ROWS) & (len(targets) > 1)
    else:
        scanned = np.full(len(targets), strategy == "scan")
    return Plan(np.where(scanned, 0, targets), np.where(scanned, targets, 0))


def ranks_needed(targets: Int64s, eligible: Int64s, order: SeededOrder) -> NDArray[np.float64]:
    """Ranks to look at, from the front, to find each stratum's target nearly surely.

    The number of a stratum's rows among the first ranks is nearly a Poisson variable; the margin is
    three of its standard deviations and three rows.
    """
    generous = np.where(targets > 0, targets + 3 * np.sqrt(targets) + 3, 0)
    return np.minimum(generous / np.maximum(eligible, 1), 1.0) * order.size
