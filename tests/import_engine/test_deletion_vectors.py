"""The last position of a deletion vector, against pyroaring, and what isn't a vector."""

from __future__ import annotations

import pytest
from pyroaring import BitMap64

from import_engine.table_formats.deletion_vectors import positions_stop
from tests.support.lake_tables import vector_bytes

FEW, MANY = [0, 7, 65_535], range(0, 300_000, 3)


@pytest.mark.parametrize(
    "positions",
    [
        [], [0], FEW, MANY, range(200_000), [1, 1 << 32], [5, (7 << 32) + 70_000],
        [*range(70_000), 1 << 40, *range(1 << 41, (1 << 41) + 5_000, 2)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_runs", [False, True])
def test_last_position(positions: list[int] | range, with_runs: bool) -> None:
    bitmap = BitMap64(positions)
    content = vector_bytes(positions)
    if with_runs:
        bitmap.run_optimize()
        content = content[:4] + bitmap.serialize()
    stop = max(positions, default=-1) + 1
    assert positions_stop(content, 1 << 50) == positions_stop(content, stop) == stop
    if stop:
        assert positions_stop(content, stop - 1) is None


def test_cut_vector_is_none() -> None:
    for positions in (FEW, MANY):
        content = vector_bytes(positions)[:4] + bytes(BitMap64(positions).serialize())
        for size in range(0, len(content), max(1, len(content) // 50)):
            with pytest.raises(ValueError, match="deletion vector"):
                positions_stop(content[:size], 1 << 50)
