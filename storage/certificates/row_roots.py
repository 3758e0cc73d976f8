"""Row roots: Merkle roots of tables, with what proofs of their rows need."""

from __future__ import annotations

from collections.abc import Sequence

from lazy_dataclasses import dataclass
from storage.certificates.ledger import append_entry
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, run

HASH_BYTES = 32


@dataclass(frozen=True)
class RowRoot:
    """The root of a table of a commit.

    Parameters
    ----------
    rows : int
        Rows of all files of the table, deleted ones too.
    root : str
        64 hexadecimal digits.
    secret : bytes
        Makes the salts of the rows.
    nodes : sequence of bytes
        The hashes of subtrees of 1,024 rows, in the rows' order.
    """

    commit_id: str
    table_key: str
    rows: int
    root: str
    secret: bytes
    nodes: Sequence[bytes]


_ROW_ROOTS = Records(
    RowRoot,
    nodes=lambda nodes: [nodes[at : at + HASH_BYTES] for at in range(0, len(nodes), HASH_BYTES)],
)


def insert_row_root(
    tx: Transaction, dataset_id: int, new: RowRoot, actor: str, clock: Clock
) -> None:
    """Store a root with its ledger entry, unless another job stored one before."""
    if row_root_of(tx, dataset_id, new.commit_id, new.table_key) is not None:
        return
    shown = {
        "commit_id": new.commit_id,
        "table_key": new.table_key,
        "rows": new.rows,
        "root": new.root,
    }
    run(
        tx,
        "insert_row_root",
        dataset_id=dataset_id,
        **shown,
        secret=new.secret,
        nodes=b"".join(new.nodes),
        built_at=timestamp(clock()),
    )
    append_entry(tx, dataset_id, "row_root", actor, shown, clock)


def row_root_of(tx: Transaction, dataset_id: int, commit_id: str, table_key: str) -> RowRoot | None:
    """Return the root of a table; None if none was built."""
    table = {"dataset_id": dataset_id, "commit_id": commit_id, "table_key": table_key}
    return _ROW_ROOTS.first(tx, "row_root", **table)
