"""Merkle trees give the roots of RFC 9162, and audit paths lead to them."""

from __future__ import annotations

import pytest

from parquet_tables.merkle import audit_path, leaf_hash, merkle_root
from tests.support.audit_paths import root_of_path

INPUTS = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("leaves", ROOTS)
def test_roots_of_the_standard_tree(leaves: int) -> None:
    hashes = [leaf_hash(data) for data in INPUTS[:leaves]]
    assert merkle_root(hashes).hex() == ROOTS[leaves]


@pytest.mark.parametrize("count", range(1, 40))
def test_every_path_leads_to_the_root(count: int) -> None:
    hashes = [leaf_hash(bytes([at])) for at in range(count)]
    root = merkle_root(hashes)
    for index, leaf in enumerate(hashes):
        path = audit_path(hashes, index)
        assert root_of_path(leaf, index, count, path) == root
        assert root_of_path(leaf, index, count, [*path, leaf]) is None
        if path:
            assert root_of_path(leaf, index, count, path[:-1]) is None
            assert root_of_path(leaf_hash(b"other"), index, count, path) != root
