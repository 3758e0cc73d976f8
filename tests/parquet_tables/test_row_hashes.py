"""The hashes of a table's rows are those of docs/CERTIFICATE.md, whatever the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from parquet_tables.columns import Column
from parquet_tables.database import ParquetDatabase
from parquet_tables.merkle import merkle_root
from parquet_tables.progress import ignore_progress
from parquet_tables.row_hashes import hash_table, prove_rows
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import write_parquet
from tests.support.audit_paths import root_of_path

SECRET = bytes(range(32))
SELECT = (
    "SELECT range AS id, CASE WHEN range % 3 = 0 THEN NULL ELSE 'näme, #' || range END AS name, "
    "(range / 4)::DOUBLE AS share, [range, NULL] AS list, '' AS empty FROM range({}, {})"
)
COLUMNS = (
    *(Column("id", "BIGINT"), Column("name", "VARCHAR"), Column("share", "DOUBLE")),
    *(Column("list", "BIGINT[]"), Column("empty", "VARCHAR")),
)
MakeTable = Callable[..., TableFiles]


@pytest.fixture
def make_table(parquet: ParquetDatabase, tmp_path: Path) -> MakeTable:
    def make(*ends: int) -> TableFiles:
        files: list[DataFile] = []
        begins = (0, *ends[:-1])
        with parquet.cursor() as cursor:
            for begin, end in zip(begins, ends, strict=True):
                path = tmp_path / f"{begin}-{end}-{len(ends)}.parquet"
                files.append(write_parquet(cursor, SELECT.format(begin, end), [], path))
        return TableFiles(COLUMNS, tuple(files))

    return make


def text_of(ordinal: int) -> str:
    name = "" if ordinal % 3 == 0 else f"näme, #{ordinal}"
    prefixed = f"#{len(name.encode())}:{name}" if name else ""
    nested = f"[{ordinal}, NULL]"
    return f"{ordinal},{prefixed},{ordinal / 4},#{len(nested)}:{nested},#0:"


def salt_of(ordinal: int) -> bytes:
    block = Cipher(algorithms.AES(SECRET), modes.ECB()).encryptor()
    return block.update(ordinal.to_bytes(16, "big"))


def plain_root(rows: int) -> bytes:
    """The root by the page's rules, without the product's code."""
    hashes = [hashlib.sha256(salt_of(at) + text_of(at).encode()).digest() for at in range(rows)]
    level = [
        hashlib.sha256(b"\0" + b"".join(hashes[at : at + 16])).digest() for at in range(0, rows, 16)
    ]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\1" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return level[0]


@pytest.mark.parametrize("ends", [(1,), (16,), (1024,), (1025,), (700, 2500, 2501, 5000)])
def test_root_and_proofs(
    parquet: ParquetDatabase, make_table: MakeTable, tmp_path: Path, ends: tuple[int, ...]
) -> None:
    table = make_table(*ends)
    rows = ends[-1]
    nodes = hash_table(parquet, table, SECRET, tmp_path, ignore_progress)
    root = merkle_root(nodes)
    assert root == plain_root(rows)
    ordinals = sorted({0, rows // 3, rows // 2, rows - 1})
    with parquet.cursor() as cursor:
        proofs = list(prove_rows(cursor, table, SECRET, nodes, ordinals))
    assert [proof.ordinal for proof in proofs] == ordinals
    for proof in proofs:
        assert proof.row == text_of(proof.ordinal)
        assert proof.salt == salt_of(proof.ordinal)
        own = hashlib.sha256(proof.salt + proof.row.encode()).digest()
        assert proof.leaf[proof.ordinal % 16] == own
        leaf = hashlib.sha256(b"\0" + b"".join(proof.leaf)).digest()
        count = -(-rows // 16)
        assert root_of_path(leaf, proof.ordinal // 16, count, proof.path) == root


def test_layout_does_not_matter(
    parquet: ParquetDatabase, make_table: MakeTable, tmp_path: Path
) -> None:
    one = hash_table(parquet, make_table(3000), SECRET, tmp_path, ignore_progress)
    many = hash_table(parquet, make_table(1, 1023, 2100, 3000), SECRET, tmp_path, ignore_progress)
    assert one == many


def test_a_table_without_rows_has_the_root_of_an_empty_tree(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    nodes = hash_table(parquet, TableFiles(COLUMNS, ()), SECRET, tmp_path, ignore_progress)
    assert merkle_root(nodes) == hashlib.sha256(b"").digest()


def test_an_error_of_progress_stops_all_processes(
    parquet: ParquetDatabase, make_table: MakeTable, tmp_path: Path
) -> None:
    def stop(_fraction: float, _message: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        hash_table(parquet, make_table(5000), SECRET, tmp_path, stop)
