"""Randomness beacons whose rounds have known times and signatures: the chains of drand.

A chain's hash is the SHA-256 of its period, genesis, public key, group hash and name, so it fixes
the key. https://docs.drand.love describes the schemes. Signatures are BLS over BLS12-381, as RFC
9380 defines them: one group has the signatures, the other one the public key.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from lazy_dataclasses import dataclass

Group = Literal["G1", "G2"]
SIGNATURE_BYTES: dict[Group, int] = {"G1": 48, "G2": 96}
DOMAINS = {group: f"BLS_SIG_BLS12381{group}_XMD:SHA-256_SSWU_RO_NUL_" for group in ("G1", "G2")}
"""The domain separation tag of messages that are hashed to a group."""


def verify_signature(group: Group, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature in a group is that of a message by a key. Takes 0.2 to 0.5 s.

    False for wrong lengths, and for a signature that isn't a point of the group's prime order.
    """
    if len(signature) != SIGNATURE_BYTES[group]:
        return False
    _load_without_recursion()
    from py_ecc.bls import g2_primitives as points  # takes 0.7 s
    from py_ecc.bls.hash_to_curve import hash_to_G1, hash_to_G2
    from py_ecc.optimized_bls12_381 import FQ12, G1, G2, final_exponentiate, is_inf, neg, pairing

    # py-ecc's types are of keys in G1 and signatures in G2 alone.
    in_g1: Any = points.pubkey_to_G1
    in_g2: Any = points.signature_to_G2
    hash_to: Any = hash_to_G1 if group == "G1" else hash_to_G2
    domain = DOMAINS[group].encode()
    try:
        signed = in_g1(signature) if group == "G1" else in_g2(signature)
    except ValueError:
        return False
    if is_inf(signed) or not points.subgroup_check(signed):
        return False
    hashed = hash_to(message, domain, hashlib.sha256)
    if group == "G1":
        pairs = [(in_g2(public_key), hashed), (neg(G2), signed)]
    else:
        pairs = [(hashed, in_g1(public_key)), (signed, neg(G1))]
    product = FQ12.one()
    for left, right in pairs:
        product *= pairing(left, right, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())


def _load_without_recursion() -> None:
    """Import py-ecc and undo its change of the recursion limit.

    With its limit of 100,000 a deeply nested JSON text would end the process.
    """
    limit = sys.getrecursionlimit()
    import py_ecc  # noqa: F401

    sys.setrecursionlimit(limit)


@dataclass(frozen=True)
class Chain:
    """A chain of a randomness beacon.

    Parameters
    ----------
    genesis : int
        The time of round 1, in Unix seconds; a round follows every ``period_s`` seconds.
    group : str
        The group of the signatures; the public key is in the other one.
    is_chained : bool
        Whether a round signs the signature of the round before it, too.
    group_hash : str
        The hash of the chain's first nodes and parameters; in a chained one round 1 signs it.
    """

    name: str
    hash: str
    genesis: int
    period_s: int
    group: Group
    is_chained: bool
    public_key: str
    group_hash: str

    @property
    def scheme(self) -> str:
        """The name that drand has for the scheme of the signatures."""
        return "pedersen-bls-chained" if self.is_chained else "bls-unchained-g1-rfc9380"

    @property
    def signature_digits(self) -> int:
        """Hexadecimal digits of a signature."""
        return 2 * SIGNATURE_BYTES[self.group]

    @property
    def computed_hash(self) -> str:
        """The hash of the chain's parameters."""
        parts = (
            self.period_s.to_bytes(4),
            self.genesis.to_bytes(8),
            bytes.fromhex(self.public_key),
            bytes.fromhex(self.group_hash),
            b"" if self.name == "default" else self.name.encode(),
        )
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def time_of(self, round_number: int) -> int:
        """The time of a round in Unix seconds."""
        return self.genesis + (round_number - 1) * self.period_s

    def first_after(self, time: datetime) -> int:
        """The first round whose time is after a time.

        >>> (quicknet,) = (chain for chain in CHAINS if chain.name == "quicknet")
        >>> start = quicknet.genesis
        >>> times = (0, start, start + 2.9, start + 3)
        >>> [quicknet.first_after(datetime.fromtimestamp(time, UTC)) for time in times]
        [1, 2, 2, 3]
        """
        passed = time - datetime.fromtimestamp(self.genesis, UTC)
        return max(passed // timedelta(seconds=self.period_s) + 2, 1)

    def previous_digits(self, round_number: int) -> int:
        """Hexadecimal digits of what a round signs of the round before it: 0 if unchained."""
        if not self.is_chained:
            return 0
        return len(self.group_hash) if round_number == 1 else self.signature_digits

    def verify(self, round_number: int, signature: str, previous: str | None = None) -> bool:
        """Whether a signature is the chain's of a round.

        Parameters
        ----------
        previous : str, optional
            Of a chained beacon the signature of the round before, of round 1 ``group_hash``.
        """
        if len(previous or "") != self.previous_digits(round_number):
            return False
        signed = bytes.fromhex(previous or "") + round_number.to_bytes(8)
        message = hashlib.sha256(signed).digest()
        key = bytes.fromhex(self.public_key)
        return verify_signature(self.group, key, message, bytes.fromhex(signature))


CHAINS = (
    Chain(
        "quicknet",
        "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
        1_692_803_367,
        3,
        "G1",
        is_chained=False,
        public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
        group_hash="f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    ),
    Chain(
        "default",
        "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce",
        1_595_431_050,
        30,
        "G2",
        is_chained=True,
        public_key="868f005eb8e6e4ca0a47c8a77ceaa530"
        "9a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31",
        group_hash="176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
    ),
)


def find_chain(chain_hash: str) -> Chain | None:
    """Return a known chain by its hash."""
    return next((chain for chain in CHAINS if chain.hash == chain_hash), None)
