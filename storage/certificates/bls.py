"""BLS signatures over BLS12-381, as RFC 9380 and the drand beacons define them, by py-ecc.

One of the two groups has the signatures (48 bytes in G1, 96 in G2), the other one the public key.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any, Literal

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
    from py_ecc.optimized_bls12_381 import (
        FQ12,
        G1,
        G2,
        final_exponentiate,
        is_inf,
        neg,
        pairing,
    )

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
