"""Hashes of all rows of a table, as ``docs/CERTIFICATE.md`` defines them under "Row proofs".

Child processes hash ranges of rows, since Python hashes on one core and would slow the server. They
write the hashes of subtrees of ``NODE_ROWS`` rows; proofs compute the levels below anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from struct import iter_unpack
from typing import Any

import duckdb
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lazy_dataclasses import dataclass
from parquet_tables.child_process import Watch, ask_child, line_of
from parquet_tables.child_side import ProcessLimits, serve_one
from parquet_tables.columns import AttachedPath, Column
from parquet_tables.database import ParquetDatabase
from parquet_tables.merkle import HASH_BYTES, audit_path, leaf_hash, merkle_root
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import TableFiles

LEAF_ROWS = 16
"""Rows of a leaf; a node for each row would take a third longer."""
NODE_LEAVES = 64
NODE_ROWS = LEAF_ROWS * NODE_LEAVES
SALT_BYTES = 16
SECRET_BYTES = 32

PROCESSES = 2
BATCH_ROWS = 16 * NODE_ROWS
MEMORY_MB = 384
MAX_ANSWER_BYTES = 1 << 16

PLAIN_TYPES = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UUID"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"),
}
PLAIN_TYPE_STARTS = ("DECIMAL(", "DATE", "TIME")
"""Types whose texts have no comma and don't begin with ``#``."""


def row_text(columns: Sequence[Column]) -> str:
    """Return the SQL of a row's canonical text (``jobsvc-row-1``) over the table ``f``.

    Values are separated by commas. NULL is empty. A value of a type whose text may have a comma is
    ``#``, its length in bytes, ``:`` and its text.
    """
    values = []
    for column in columns:
        name = f"f.{quote_identifier(column.name)}"
        if _is_plain(column.type):
            values.append(f"CAST({name} AS VARCHAR)")
        else:
            text = name if column.type == "VARCHAR" else f"CAST({name} AS VARCHAR)"
            values.append(f"'#' || strlen({text}) || ':' || {text}")
    joined = ", ',', ".join(values)
    return f"concat({joined})"  # which takes NULL for an empty text


def _is_plain(type_: str) -> bool:
    if type_.endswith("]"):
        return False
    return type_ in PLAIN_TYPES or type_.startswith(PLAIN_TYPE_STARTS)


def salts(secret: bytes, first: int, count: int) -> bytes:
    """Return the salts of ``count`` rows from the ordinal ``first``, 16 bytes each.

    A salt is the ordinal, as 16 bytes, encrypted with AES-256 by the table's secret.
    """
    counter = modes.CTR(first.to_bytes(SALT_BYTES, "big"))
    encryptor = Cipher(algorithms.AES(secret), counter).encryptor()
    return encryptor.update(bytes(SALT_BYTES * count))


def row_hashes(rows: Sequence[bytes], row_salts: bytes) -> list[bytes]:
    each_salt = iter_unpack(f"{SALT_BYTES}s", row_salts)
    return [sha256(salt + row).digest() for (salt,), row in zip(each_salt, rows, strict=True)]


def leaf_hashes(rows: Sequence[bytes], row_salts: bytes) -> list[bytes]:
    """Hash the leaves of rows that begin at a multiple of ``LEAF_ROWS``."""
    hashes = row_hashes(rows, row_salts)
    return [
        leaf_hash(b"".join(hashes[at : at + LEAF_ROWS])) for at in range(0, len(hashes), LEAF_ROWS)
    ]


def hash_table(
    database: ParquetDatabase,
    table: TableFiles,
    secret: bytes,
    scratch: Path,
    on_progress: ProgressCallback,
) -> list[bytes]:
    """Hash every row of a table's files, deleted rows too.

    Attached files are read in this process, since no other one can.

    Returns
    -------
    list of bytes
        The hashes of subtrees of ``NODE_ROWS`` rows, the last of fewer; one for a table without
        rows.

    Raises
    ------
    ChildDied
        A child process failed.
    """
    if not table.file_rows:
        return [sha256(b"").digest()]
    if any(isinstance(file.path, AttachedPath) for file in table.files):
        result = scratch / "hashes"
        request = _request(table, 0, table.file_rows, secret, result)
        with database.cursor(table) as cursor:
            _write_nodes(request, cursor, on_progress)
        return _split(result.read_bytes())
    nodes = -(-table.file_rows // NODE_ROWS)
    share = -(-nodes // PROCESSES) * NODE_ROWS
    begins = range(0, table.file_rows, share)
    progress = _SharedProgress(len(begins), on_progress)

    def run(number: int) -> list[bytes]:
        first = begins[number]
        end = min(first + share, table.file_rows)
        part = scratch / f"hashes-{number}"
        request = _request(table, first, end, secret, part)
        with progress.one(number) as watch:
            ask_child(
                "parquet_tables.row_hashes",
                line_of(request),
                scratch / f"errors-{number}",
                watch,
                MAX_ANSWER_BYTES,
            )
        return _split(part.read_bytes())

    with ThreadPoolExecutor(len(begins), thread_name_prefix="row-hashes") as pool:
        return [node for part in pool.map(run, range(len(begins))) for node in part]


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def _pieces(table: TableFiles, first: int, last: int) -> list[Piece]:
    """Return the parts of the files that hold the ordinals from ``first`` to ``last``."""
    return [
        (str(file.path), max(first - start, 0), min(last - start, file.rows))
        for file, start in table.with_starts()
        if start < last and start + file.rows > first
    ]


def _request(table: TableFiles, first: int, end: int, secret: bytes, result: Path) -> HashRequest:
    pieces = _pieces(table, first, end)
    return HashRequest(pieces, row_text(table.columns), first, secret.hex(), str(result))


@dataclass(frozen=True)
class RowProof:
    """A proof that a row belongs to a table of a known root.

    Parameters
    ----------
    row : str
        The row's canonical text.
    leaf : list of bytes
        The hashes of the rows of its leaf, its own among them.
    path : list of bytes
        The siblings from the leaf to the root.
    """

    ordinal: int
    salt: bytes
    row: str
    leaf: list[bytes]
    path: list[bytes]


def prove_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: TableFiles,
    secret: bytes,
    nodes: Sequence[bytes],
    ordinals: Sequence[int],
) -> Iterator[RowProof]:
    """Yield the proofs of rows, by ordinal; ``nodes`` are the hashes of :func:`hash_table`."""
    wanted: dict[int, list[int]] = {}
    for ordinal in sorted(ordinals):
        wanted.setdefault(ordinal // NODE_ROWS, []).append(ordinal)
    for node, ordinals_of_node in wanted.items():
        first = node * NODE_ROWS
        end = min(first + NODE_ROWS, table.file_rows)
        (rows,) = _batches(_request(table, first, end, secret, Path()), cursor)
        row_salts = salts(secret, first, len(rows))
        leaves = leaf_hashes(rows, row_salts)
        above = audit_path(nodes, node)
        for ordinal in ordinals_of_node:
            at = ordinal - first
            leaf = at // LEAF_ROWS
            mates = slice(LEAF_ROWS * leaf, LEAF_ROWS * (leaf + 1))
            mate_salts = row_salts[SALT_BYTES * mates.start : SALT_BYTES * mates.stop]
            yield RowProof(
                ordinal,
                row_salts[SALT_BYTES * at : SALT_BYTES * (at + 1)],
                rows[at].decode(),
                row_hashes(rows[mates], mate_salts),
                audit_path(leaves, leaf) + above,
            )


class _SharedProgress:
    """Reports the mean progress of several children, and stops all when one has failed."""

    def __init__(self, children: int, on_progress: ProgressCallback) -> None:
        self._done = [0.0] * children
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    @contextmanager
    def one(self, number: int) -> Iterator[Watch]:
        """Yield the watch of one child; a failure in the block reaches the others' watches."""

        def watch(fraction: float, _message: str) -> None:
            with self._lock:
                if self._failure is not None:
                    raise self._failure
                self._done[number] = fraction
                self._on_progress(sum(self._done) / len(self._done), "hashing the rows")

        try:
            yield watch
        except BaseException as failure:
            self._failure = self._failure or failure
            raise


Piece = tuple[str, int, int]
"""A file's path, and the positions of its first row and of the row after the last."""


@dataclass(frozen=True)
class HashRequest:
    """The work of one child; ``first`` is the ordinal of the first row."""

    files: Sequence[Piece]
    expression: str
    first: int
    secret: str
    result: str


def main() -> None:
    """Run the child process."""
    limits = ProcessLimits(MEMORY_MB, threads=1)
    serve_one(HashRequest, lambda _: limits, _answer)


def _answer(request: HashRequest, on_progress: ProgressCallback) -> dict[str, Any]:
    connection = duckdb.connect(config={"threads": 1, "memory_limit": f"{MEMORY_MB}MiB"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET allowed_paths = ?", [[path for path, _, _ in request.files]])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    _write_nodes(request, connection, on_progress)
    return {}


def _write_nodes(
    request: HashRequest, cursor: duckdb.DuckDBPyConnection, on_progress: ProgressCallback
) -> None:
    """Write the hashes of the request's subtrees, one after the other."""
    secret = bytes.fromhex(request.secret)
    rows = sum(last - first for _, first, last in request.files)
    done = 0
    with Path(request.result).open("wb") as result:
        for batch in _batches(request, cursor):
            leaves = leaf_hashes(batch, salts(secret, request.first + done, len(batch)))
            for at in range(0, len(leaves), NODE_LEAVES):
                result.write(merkle_root(leaves[at : at + NODE_LEAVES]))
            done += len(batch)
            on_progress(done / rows, "hashing the rows")


def _batches(request: HashRequest, cursor: duckdb.DuckDBPyConnection) -> Iterator[list[bytes]]:
    """Yield the rows' texts in their order, ``BATCH_ROWS`` at a time over the files' borders."""
    waiting: list[bytes] = []
    for path, first, last in request.files:
        cursor.execute(
            f"SELECT encode({request.expression}) FROM read_parquet(?) AS f "
            "WHERE f.file_row_number >= ? AND f.file_row_number < ?",
            [path, first, last],
        )
        while rows := cursor.fetchmany(BATCH_ROWS - len(waiting)):
            waiting += [text for (text,) in rows]
            if len(waiting) == BATCH_ROWS:
                yield waiting
                waiting = []
    if waiting:
        yield waiting
