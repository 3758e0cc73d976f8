"""Randomness beacons whose rounds have known times: the chains of drand (https://drand.love)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Chain:
    """A chain of a randomness beacon, whose rounds have known times.

    The time of round 1 is ``genesis``, in Unix seconds; a round follows every ``period_s`` seconds.
    """

    name: str
    hash: str
    genesis: int
    period_s: int

    def time_of(self, round_number: int) -> int:
        """The time of a round in Unix seconds."""
        return self.genesis + (round_number - 1) * self.period_s

    def first_after(self, time: datetime) -> int:
        """The first round whose time is after a time.

        >>> chain = Chain("test", "", 1000, 30)
        >>> [chain.first_after(datetime.fromtimestamp(at, UTC)) for at in (1000, 1029.9, 1030)]
        [2, 2, 3]
        """
        passed = time - datetime.fromtimestamp(self.genesis, UTC)
        return passed // timedelta(seconds=self.period_s) + 2


CHAINS = (
    Chain(
        "quicknet",
        "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
        1_692_803_367,
        3,
    ),
    Chain(
        "default",
        "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce",
        1_595_431_050,
        30,
    ),
)
