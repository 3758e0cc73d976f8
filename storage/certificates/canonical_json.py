"""Canonical JSON: one text for one value, so that its digest can be recomputed anywhere.

Members are sorted by code points, and there is no white space. Numbers are as ECMAScript writes
them (RFC 8785, section 3.2.2.3); an integer of 2^53 or more is a text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

MAX_EXACT = 1 << 53
POSITIONAL_DIGITS = 21
POSITIONAL_ZEROS = 6


def canonical_json(value: object) -> str:
    """The canonical JSON of a value; ValueError for NaN and infinity.

    >>> canonical_json({"b": [4.0, 1e-7, None], "a": 2**53})
    '{"a":"9007199254740992","b":[4,1e-7,null]}'
    """
    if _is_plain(value):
        return _PLAIN.encode(value)
    if isinstance(value, int):
        return f'"{value}"'
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        members = (f"{canonical_json(key)}:{canonical_json(value[key])}" for key in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, Sequence):
        return f"[{','.join(map(canonical_json, value))}]"
    raise TypeError(f"JSON has no {type(value).__name__}.")


_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_plain(value: object) -> bool:
    """Whether Python's encoder, which is fast, gives the canonical text."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return abs(value) < MAX_EXACT
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(member) for key, member in value.items())
    return isinstance(value, list) and all(map(_is_plain, value))


def digest_of(value: object) -> str:
    """The SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("JSON has no NaN and no infinity.")
    text = repr(value)
    if "e" not in text:
        return "0" if value == 0 else text.removesuffix(".0")
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    figures = "".join(map(str, digits))
    point = len(figures) + int(exponent)
    if len(figures) <= point <= POSITIONAL_DIGITS:
        shown = figures + "0" * (point - len(figures))
    elif -POSITIONAL_ZEROS < point <= 0:
        shown = f"0.{'0' * -point}{figures}"
    else:
        rest = f".{figures[1:]}" if len(figures) > 1 else ""
        shown = f"{figures[0]}{rest}e{point - 1:+d}"
    return f"-{shown}" if sign else shown
