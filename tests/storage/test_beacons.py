"""Signatures of drand: those that it published are verified, all others refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from py_ecc.bls.g2_primitives import G1_to_pubkey, G2_to_signature, pubkey_to_G1, signature_to_G2
from py_ecc.bls.point_compression import decompress_G1
from py_ecc.bls.typing import G1Compressed
from py_ecc.optimized_bls12_381 import add, curve_order, is_inf, multiply, neg

from storage.certificates.beacons import CHAINS, Chain, verify_signature
from tests.support.published_rounds import (
    DEFAULT,
    INVENTED,
    PUBLISHED,
    QUICKNET,
    ROUND_1000,
    PublishedRound,
)

INFINITY = {"G1": "c0" + "00" * 47, "G2": "c0" + "00" * 95}


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_the_hash_of_a_chain_fixes_its_key(chain: Chain) -> None:
    assert chain.computed_hash == chain.hash
    decode = signature_to_G2 if chain.group == "G1" else pubkey_to_G1
    key = decode(bytes.fromhex(chain.public_key))  # type: ignore[operator]
    assert not is_inf(key)
    assert is_inf(multiply(key, curve_order))


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda it: f"{it.chain.name}-{it.number}")
def test_a_published_signature_is_verified_for_its_round_alone(published: PublishedRound) -> None:
    chain, number, previous = published.chain, published.number, published.previous_signature
    assert chain.verify(number, published.signature, previous)
    assert not chain.verify(number + 1, published.signature, previous)
    if previous:
        assert not chain.verify(number, published.signature)
        assert not chain.verify(number, published.signature, "00" + previous[2:])
    else:
        assert not chain.verify(number, published.signature, published.signature)


def test_the_randomness_is_the_hash_of_the_signature() -> None:
    randomness = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
    assert hashlib.sha256(bytes.fromhex(ROUND_1000.signature)).hexdigest() == randomness


@pytest.mark.parametrize(
    "signature",
    [
        *("", INVENTED, ROUND_1000.signature[:-2], ROUND_1000.signature + "00"),
        *(ROUND_1000.signature * 2, INFINITY["G1"], "ff" * 48, "00" * 48),
        # With another sign of y, and without the flag of a compressed point.
        *("94" + ROUND_1000.signature[2:], "14" + ROUND_1000.signature[2:]),
    ],
)
def test_another_signature_is_refused(signature: str) -> None:
    assert not QUICKNET.verify(1000, signature)


@pytest.mark.parametrize("signature", [INVENTED * 2, INFINITY["G2"], "ff" * 96, "80" + "00" * 95])
def test_another_signature_of_the_default_chain_is_refused(signature: str) -> None:
    assert not DEFAULT.verify(1, signature, DEFAULT.group_hash)


def test_a_point_outside_of_the_group_is_refused() -> None:
    """The signature plus a point of another order, for which the pairing might hold."""
    candidates = (decompress(x) for x in range(1, 50))
    stranger = next(
        point for point in candidates if point and not is_inf(multiply(point, curve_order))
    )
    cofactor_point = multiply(stranger, curve_order)
    signed = pubkey_to_G1(bytes.fromhex(ROUND_1000.signature))  # type: ignore[arg-type]
    for point in (stranger, cofactor_point, add(signed, cofactor_point)):
        assert not QUICKNET.verify(1000, G1_to_pubkey(point).hex())  # type: ignore[arg-type]
    assert not QUICKNET.verify(1000, G1_to_pubkey(neg(signed)).hex())


def decompress(x: int) -> object | None:
    try:
        return decompress_G1(G1Compressed(x + (1 << 383)))
    except ValueError:
        return None


def test_a_key_of_ours_signs_in_either_group() -> None:
    """Both directions of the pairing, against signatures made here."""
    from py_ecc.bls.hash_to_curve import hash_to_G1, hash_to_G2
    from py_ecc.optimized_bls12_381 import G1, G2

    secret, message = 0x1234567890ABCDEF, b"a message"
    for group in ("G1", "G2"):
        domain = f"BLS_SIG_BLS12381{group}_XMD:SHA-256_SSWU_RO_NUL_".encode()
        if group == "G1":
            point = hash_to_G1(message, domain, hashlib.sha256)  # type: ignore[arg-type]
            signature = bytes(G1_to_pubkey(multiply(point, secret)))
            key = bytes(G2_to_signature(multiply(G2, secret)))
        else:
            twisted = hash_to_G2(message, domain, hashlib.sha256)  # type: ignore[arg-type]
            signature = bytes(G2_to_signature(multiply(twisted, secret)))
            key = bytes(G1_to_pubkey(multiply(G1, secret)))
        assert verify_signature(group, key, message, signature)  # type: ignore[arg-type]
        assert not verify_signature(group, key, b"another", signature)  # type: ignore[arg-type]


def test_verifying_leaves_the_recursion_limit() -> None:
    """The package raises it to 100,000, at which nested JSON would end the process."""
    code = (
        "import sys; before = sys.getrecursionlimit()\n"
        "from storage.certificates.beacons import CHAINS\n"
        "assert 'py_ecc' not in sys.modules\n"
        f"assert CHAINS[0].verify(1000, {ROUND_1000.signature!r})\n"
        "assert sys.getrecursionlimit() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
