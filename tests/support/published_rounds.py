"""Rounds that drand published, with their true signatures, and a clock for servers of their time.

The other signatures of tests are invented, so servers and verifiers must refuse them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.certificates.beacons import CHAINS, Chain

QUICKNET, DEFAULT = CHAINS
INVENTED = "0f" * 48


@dataclass
class SetClock:
    """A clock that stops until it is set."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class PublishedRound:
    """A round; a plan that is registered ``before`` has it as its first one."""

    chain: Chain
    number: int
    signature: str
    previous_signature: str | None = None

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.chain.time_of(self.number), UTC)

    @property
    def before(self) -> datetime:
        return self.time - timedelta(seconds=1)

    @property
    def seed(self) -> dict[str, Any]:
        """The value of ``beacon`` in a request."""
        seed = {"chain": self.chain.hash, "round": self.number, "signature": self.signature}
        if self.previous_signature:
            seed["previous_signature"] = self.previous_signature
        return seed


ROUND_1000 = PublishedRound(
    QUICKNET,
    1000,
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
)
DEFAULT_ROUND_1 = PublishedRound(
    DEFAULT,
    1,
    "8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20"
    "ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa"
    "5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655",
    DEFAULT.group_hash,
)
DEFAULT_ROUND_72785 = PublishedRound(
    DEFAULT,
    72785,
    "82f5d3d2de4db19d40a6980e8aa37842a0e55d1df06bd68bddc8d60002e8e959"
    "eb9cfa368b3c1b77d18f02a54fe047b80f0989315f83b12a74fd8679c4f12aae"
    "86eaf6ab5690b34f1fddd50ee3cc6f6cdf59e95526d5a5d82aaa84fa6f181e42",
    "a609e19a03c2fcc559e8dae14900aaefe517cb55c840f6e69bc8e4f66c8d18e8"
    "a609685d9917efbfb0c37f058c2de88f13d297c7e19e0ab24813079efe57a182"
    "554ff054c7638153f9b26a60e7111f71a0ff63d9571704905d3ca6df0b031747",
)
PUBLISHED = (ROUND_1000, DEFAULT_ROUND_1, DEFAULT_ROUND_72785)
