"""The page of the keyed order: its numbers follow from its own rules, by a program of few lines."""

from __future__ import annotations

import re
from fractions import Fraction
from hashlib import sha256
from math import pi, sqrt
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "SAMPLING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## The keyed order, `jobsvc-order-2`")[2].partition("\n## ")[0]
MASK = 2**31 - 1
ROW = re.compile(r'^\| ("?[^|]+"?) \| `([^`]+)` \| `([0-9a-f]{16})` \| (.+) \|$', re.MULTILINE)


def round_keys(seed: str) -> list[int]:
    texts = [b"jobsvc-order-2:" + seed.encode() + b":" + bytes([i]) for i in range(8)]
    return [int.from_bytes(sha256(text).digest()[:4]) & 0x7FFFFFFF for text in texts]


def mix(x: int, key: int) -> int:
    x = ((x ^ key) * 0x2C1B3C6D) & 0x7FFFFFFF
    x = ((x ^ (x >> 15)) * 0x297A2D39) & 0x7FFFFFFF
    return (x ^ (x >> 13)) & MASK


def rank_of(digest: int, seed: str, start: str = "0") -> int:
    left, right = digest >> 31, digest & MASK
    for key in round_keys(seed):
        left, right = right, left ^ mix(right, key)
    fraction = Fraction(start)
    return ((left << 31 | right) - fraction.numerator * 2**62 // fraction.denominator) % 2**62


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_the_calculation_by_hand_is_that_of_the_rules() -> None:
    rows = ROW.findall(SECTION)
    assert len(rows) == 3
    ranks = {}
    for key, text, hashed, rest in rows:
        value = key.strip('"')
        assert text == f"{len(value.encode())}:{value}"
        digest, left, right, rank = numbers(rest)
        assert sha256(text.encode()).hexdigest()[:16] == hashed
        assert int(hashed, 16) >> 2 == digest
        assert (digest >> 31, digest & MASK) == (left, right)
        assert rank_of(digest, "42") == rank
        ranks[rank] = key
        if value == "ACC-0000001":
            moved = rank_of(digest, "42", "0.25")
    assert ranks[min(ranks)] == "7"
    assert f"rank of the first is {moved}." in SECTION
    shown = SECTION.partition("whose round keys are ")[2].partition(":")[0]
    assert numbers(shown) == round_keys("42")


def test_the_other_numbers_of_the_page() -> None:
    keys = 60_000_000
    assert f"{2**62 / (keys * (keys - 1) / 2):,.0f}" == "2,562"
    assert "One of 2,562 tables of 60 million keys" in SECTION
    assert round(sqrt(1000 * (1 - 0.1) / (2 * pi))) == 12
    assert "12 of 1,000 drawn from 10,000" in SECTION
