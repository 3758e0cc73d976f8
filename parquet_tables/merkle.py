"""Merkle trees of RFC 9162, section 2.1: roots and audit paths.

Inputs are the hashes of a level of the tree: of all leaves, or of complete subtrees of equal size
whose last may be smaller, which gives the same root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf's input."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root above one or more hashes of a level."""
    level = list(hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def audit_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the siblings on the way from the hash at ``index`` to the root."""
    path: list[bytes] = []
    level = list(hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _parents(level), index // 2
    return path


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """Return the next level: pairs from the left; a last hash without a sibling moves up."""
    pairs = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs
