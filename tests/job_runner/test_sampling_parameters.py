"""A stored job's rounds are replayed by the draw version that the job records."""

from __future__ import annotations

import pytest

from contract.requests.draw import DRAW_VERSION, FIRST_DRAW_VERSION
from parquet_tables.tables import Column, TableFiles
from service.sampling_parameters import recorded_rounds

TABLE = TableFiles((Column("id", "BIGINT"),), ())
ROUNDS = [{"round_number": 1, "method": "random", "parameters": {"sample_size": 5, "seed": 1}}]


@pytest.mark.parametrize("version", [FIRST_DRAW_VERSION, DRAW_VERSION])
def test_a_recorded_draw_version_is_replayed(version: int) -> None:
    (one,) = recorded_rounds({"rounds": ROUNDS, "draw_version": version}, TABLE)
    assert one.draw_version == version


def test_a_job_without_a_draw_version_replays_the_first() -> None:
    (one,) = recorded_rounds({"rounds": ROUNDS}, TABLE)
    assert one.draw_version == FIRST_DRAW_VERSION
