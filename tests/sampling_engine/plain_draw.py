"""The draw once more, slow and obvious: plain integers, fractions and loops over all rows.

It shares nothing with the engine, so that the two can be held against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from math import floor

Key = tuple[str | None, ...]


def rank_of(ordinal: int, rows: int, seed: int | str) -> int:
    bits = 16
    while 2**bits < rows:
        bits += 2
    half = bits // 2
    modulus = 2**half

    def mix(number: int, key: int) -> int:
        number = ((number ^ key) * 0x2C1B3C6D) % 2**31
        number = ((number ^ (number // 2**15)) * 0x297A2D39) % 2**31
        return (number ^ (number // 2**13)) % modulus

    left, right = divmod(ordinal, modulus)
    for i in range(8):
        digest = hashlib.sha256(f"jobsvc-order-1:{seed}:".encode() + bytes([i])).digest()
        key = int.from_bytes(digest[:4], "big") % 2**31
        left, right = right, left ^ mix(right, key)
    return left * modulus + right


def draw_random(rows: int, taken: set[int], size: int, seed: int | str) -> list[int]:
    left = [ordinal for ordinal in range(rows) if ordinal not in taken]
    return sorted(left, key=lambda ordinal: rank_of(ordinal, rows, seed))[:size]


def strata_of(keys: Sequence[Key], taken: set[int]) -> dict[Key, list[int]]:
    """The eligible ordinals of each stratum; strata in order of their values, None last."""
    strata: dict[Key, list[int]] = {}
    for ordinal, key in enumerate(keys):
        if ordinal not in taken:
            strata.setdefault(key, []).append(ordinal)
    ordered = sorted(strata, key=lambda key: [(value is None, value or "") for value in key])
    return {key: strata[key] for key in ordered}


def draw_stratified(
    strata: dict[Key, list[int]], sizes: Sequence[int], rows: int, seed: int | str
) -> list[int]:
    chosen: list[int] = []
    for ordinals, size in zip(strata.values(), sizes, strict=True):
        chosen += sorted(ordinals, key=lambda ordinal: rank_of(ordinal, rows, seed))[:size]
    return sorted(chosen, key=lambda ordinal: rank_of(ordinal, rows, seed))


def share_out(
    weights: Sequence[int], total: int, least: Sequence[int], most: Sequence[int]
) -> list[int]:
    """The exact shares clip(factor * weight, least, most) that sum to ``total``, then rounded."""

    def shares(factor: Fraction) -> list[Fraction]:
        return [
            max(Fraction(low), min(Fraction(high), factor * weight))
            for weight, low, high in zip(weights, least, most, strict=True)
        ]

    bends = sorted(
        Fraction(bound, weight)
        for bounds in (least, most)
        for weight, bound in zip(weights, bounds, strict=True)
    )
    low = max([bend for bend in bends if sum(shares(bend)) <= total], default=Fraction(0))
    high = min([bend for bend in bends if sum(shares(bend)) >= total], default=low)
    rise = sum(shares(high)) - sum(shares(low))
    factor = low if not rise else low + (high - low) * (total - sum(shares(low))) / rise
    exact = shares(factor)
    sizes = [floor(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (sizes[i] - exact[i], -weights[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes
