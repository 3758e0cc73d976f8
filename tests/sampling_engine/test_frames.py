"""Each round's frame: the rows that it could draw, and how good a sample it is."""

from __future__ import annotations

import numpy as np
import pytest

from sampling_engine import (
    ClusterMethod,
    RandomMethod,
    Round,
    StratifiedMethod,
    WeightedMethod,
    drawn_rounds,
    row_chances,
)
from sampling_engine.errors import UnknownRow
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop

QUERY = """
SELECT 'kind ' || range % 3 AS kind,
       CASE WHEN range % 10 > 0 THEN 1 + range % 7 END AS size,
       range // 8 AS block
FROM range(400)
"""
SIZES = np.array([0 if row % 10 == 0 else 1 + row % 7 for row in range(400)])


def test_frames_have_the_rows_that_a_round_could_draw(workshop: Workshop) -> None:
    table = workshop.table_of(QUERY)
    methods = (
        (StratifiedMethod(strata_columns=("kind",), sizes={"kind 0": 12, "kind 1": 4}), None),
        (WeightedMethod(sample_size=40, weight_column="size"), None),
        (RandomMethod(sample_size=10), "block < 25"),
        (ClusterMethod(cluster_column="block", num_clusters=5), None),
    )
    rounds = [
        Round(
            round_number=at,
            method=method,
            seed=3,
            filter=None if where is None else parse_expression(where, table),
        )
        for at, (method, where) in enumerate(methods, 1)
    ]
    found = drawn_rounds(workshop.database, table, rounds, with_frames=True)
    rows = np.sort(np.concatenate([each.ordinals for each in found]))
    frames = [each.frame for each in found if each.frame is not None]
    covered = [set(rows[frame.covers].tolist()) for frame in frames]
    assert covered == [
        {row for row in rows.tolist() if row % 3 < 2},
        {row for row in rows.tolist() if row % 10},
        {row for row in rows.tolist() if row < 200},
        set(rows.tolist()),
    ]
    units = [frame.facts.effective_units for frame in frames]
    p = 40 * SIZES[SIZES > 0] / SIZES.sum()
    # Strata of 134 and 133 rows; the weighted round counts what the first one drew.
    assert units[0] == pytest.approx(267**2 / (134**2 / 12 + 133**2 / 4))
    assert units[1] == pytest.approx(len(p) ** 2 / (1 / p).sum(), rel=0.01)
    assert units[2:] == [10, 5]


def test_rows_that_are_not_drawn_have_chances(workshop: Workshop) -> None:
    table = workshop.table_of(QUERY)
    ordinals = np.array([0, 1, 6, 13])
    method = WeightedMethod(sample_size=40, weight_column="size")
    chances = row_chances(
        workshop.database, table, Round(round_number=1, method=method, seed=3), ordinals
    )
    assert chances.groups.tolist() == [-1, 0, 0, 0]
    expected = 40 * SIZES[ordinals] / SIZES.sum()
    assert chances.probabilities == pytest.approx(expected, rel=0.001)
    with pytest.raises(UnknownRow):
        row_chances(
            workshop.database,
            table,
            Round(round_number=1, method=method, seed=3),
            np.array([400]),
        )
