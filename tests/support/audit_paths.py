"""The check of an audit path of a Merkle tree (RFC 9162, section 2.1.3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from parquet_tables.merkle import node_hash


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf's audit path leads to; None if the path has a wrong length."""
    root, rest = leaf, list(path)
    while count > 1:
        if index ^ 1 < count:
            if not rest:
                return None
            sibling = rest.pop(0)
            root = node_hash(sibling, root) if index & 1 else node_hash(root, sibling)
        index, count = index // 2, (count + 1) // 2
    return None if rest else root
