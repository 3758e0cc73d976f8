"""A split from a notebook: parts as frames, the same again, and by its id."""

from __future__ import annotations

import pandas as pd
from jobsvc_client import Client, Dataset, Split

from tests.client.conftest import ROWS

PARTS = {"train": 0.8, "test": "20%"}


def test_parts_are_frames(client: Client, dataset: Dataset) -> None:
    split = dataset.split(PARTS, key="id", strata="region", seed=4, name="sets")
    assert isinstance(split, Split)
    assert split.parts == ["train", "test"]
    train, test = split["train"], split["test"]
    assert sorted([*train["id"], *test["id"]]) == list(range(ROWS))
    assert set(train["_part"]) == {"train"}
    assert len(split.division["strata"]) == 4
    assert split.division["check"]["keys_in_two_parts"] == 0
    again = client.sample_of(split.id)
    assert isinstance(again, Split)
    frames = again.frames()
    assert list(frames) == ["train", "test"]
    pd.testing.assert_frame_equal(frames["test"], test)
    assert again.part("test", "arrow", columns=["id"]).num_rows == len(test)


def test_an_exact_split_by_group(dataset: Dataset) -> None:
    split = dataset.split({"a": 0.5, "b": 0.5}, group="region", exact=True, seed=1)
    assert [len(frame) for frame in split.frames().values()] == [ROWS // 2, ROWS // 2]
    assert not set(split["a"]["region"]) & set(split["b"]["region"])
