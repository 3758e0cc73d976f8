"""A planned size says where it is too small for the skewness of its column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import skew

from tests.support.live_server import LiveServer

VALUES = np.round(np.random.default_rng(3).lognormal(4, 1.2, 20_000), 2)


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row},{value},{row % 10}" for row, value in enumerate(VALUES)]
    server.import_text(dataset_id, "\n".join(["id,amount,even", *lines]) + "\n")
    return dataset_id


def notes(server: LiveServer, dataset: int, **goal: Any) -> str:
    body = {
        "goal": {"statistic": "total", **goal},
        "design": {"method": "random", "parameters": {}},
    }
    answer = server.admin.post(f"/api/sampling/datasets/{dataset}/size", json=body)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.json()["notes"])


def test_the_note_has_the_rows_that_a_skewed_column_needs(server: LiveServer, dataset: int) -> None:
    needed = 25 * float(skew(VALUES)) ** 2
    assert 300 < needed < 10_000
    found = notes(server, dataset, column="amount", relative_margin=0.2)
    assert f"amount is skewed: an interval needs about {float(f'{needed:.2g}'):,.0f} rows" in found
    assert "skewed" not in notes(server, dataset, column="amount", relative_margin=0.01)
    assert "skewed" not in notes(server, dataset, column="even", relative_margin=0.05)
