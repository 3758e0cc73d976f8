"""Check the counts of histories, and delete jobs."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right

from storage.sqlite.database import Transaction

KEY = "dataset_id, source_ref, user_id, run_type, status"


def assert_counted(tx: Transaction | sqlite3.Connection) -> None:
    """Every history and every block holds as many jobs as it says."""
    seqs: dict[tuple[object, ...], list[int]] = {}
    for *key, seq in tx.execute(f"SELECT {KEY}, seq FROM job_histories ORDER BY seq"):
        seqs.setdefault(tuple(key), []).append(seq)
    blocks: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for *key, end_seq, jobs in tx.execute(
        f"SELECT {KEY}, level, end_seq, jobs FROM history_blocks ORDER BY end_seq"
    ):
        blocks.setdefault(tuple(key), []).append((end_seq, jobs))
    for *key, jobs, newest_seq, blocks_end, tail_jobs in tx.execute(
        f"SELECT {KEY}, jobs, newest_seq, blocks_end, tail_jobs FROM histories"
    ):
        held = seqs.pop(tuple(key))
        assert jobs == len(held)
        assert held[-1] <= newest_seq
        assert tail_jobs == len(held) - bisect_right(held, blocks_end)
        for level, last in ((1, blocks_end), (2, None), (3, None)):
            passed, end_seq = 0, 0
            for end_seq, in_block in blocks.pop((*key, level), []):
                assert in_block == bisect_right(held, end_seq) - passed
                passed = bisect_right(held, end_seq)
            assert last in (None, end_seq)
    assert not seqs, "jobs without a history"
    assert not blocks, "blocks without a history"


def delete(tx: Transaction, which: str) -> None:
    tx.execute(f"DELETE FROM job_log WHERE job_id IN (SELECT id FROM jobs WHERE {which})")
    tx.execute(f"DELETE FROM jobs WHERE {which}")
