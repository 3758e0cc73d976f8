"""Questions about the rows of a sample, and answers, by the client."""

from __future__ import annotations

import pytest
from jobsvc_client import Dataset, JobsvcError


def test_a_sample_is_asked_and_answered(dataset: Dataset) -> None:
    sample = dataset.sample("random", size=4, seed=21)
    question = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}
    asked = sample.ask([question], second_readings="50%")
    assert sample.questions() == asked
    row = sample.review_next()["row"]
    entry = sample.answer(row["row_id"], {"is_bad": True}, note="n")
    corrected = sample.answer(row["row_id"], {"is_bad": False}, previous_id=entry)
    assert corrected > entry
    (first,) = [each["first"] for each in sample.answers() if each["first"]]
    assert first["answers"] == {"is_bad": False}
    with pytest.raises(JobsvcError, match="needs an answer"):
        sample.answer(row["row_id"])
    sample.answer(sample.review_next()["row"]["row_id"], outcome="not_examinable")
    assert sample.review_next(task="decide")["row"] is None
