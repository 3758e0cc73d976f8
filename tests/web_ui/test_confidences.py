"""Every form takes a confidence from 50 %, keeps its digits, and marks one that is out of range."""

from __future__ import annotations

import re

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader, words

FIELD = re.compile(r'<input id="confidence"[^>]*>')


@pytest.fixture(scope="module")
def samples(server: LiveServer, reader: Reader) -> tuple[str, str]:
    """Two samples of two versions, the second one examined."""
    dataset = server.new_dataset(reader.api)
    order = {"key": ["id"], "start": "0", "duplicates": "refuse"}
    jobs = []
    for added in (0, 7):
        lines = [f"{row},{row % 9 + added},{row % 5 == 0},{row % 4 == 0}" for row in range(400)]
        text = "\n".join(["id,amount,truth,judge", *lines]) + "\n"
        server.import_text(dataset, text, client=reader.api)
        step = {"method": "random", "parameters": {"sample_size": 80, "seed": 3}, "order": order}
        jobs.append(server.draw(dataset, {"rounds": [step], "output_name": f"w-{added}"})["id"])
    path = f"/api/sampling/jobs/{jobs[1]}/findings"
    items = reader.api.get(path).json()["items"]
    found = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    assert reader.api.post(path, json={"findings": found}).status_code == 200
    return jobs[0], jobs[1]


FORMS = {
    "evaluation": {"tab": "evaluation", "kind": "attributes", "tolerable": "0.2"},
    "estimates": {"tab": "estimates", "statistic": "mean", "column": "amount"},
    "model": {"tab": "model", "truth": "truth", "flagged": "judge"},
    "change": {"tab": "change", "statistic": "mean", "column": "amount"},
}


def query_of(form: str, samples: tuple[str, str]) -> dict[str, str]:
    return {**FORMS[form], **({"with_job": samples[0]} if form == "change" else {})}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("typed", "shown"),
    [("50", "50 %"), ("66.6", "66.6 %"), ("0,666", "66.6 %"), ("99.9 %", "99.9 %")],
)
def test_a_confidence_is_kept_with_its_digits(
    reader: Reader, samples: tuple[str, str], form: str, typed: str, shown: str
) -> None:
    page = reader.page(f"/jobs/{samples[1]}", **query_of(form, samples), confidence=typed)
    (field,) = FIELD.findall(page)
    assert f'value="{shown}"' in field
    assert "aria-invalid" not in field
    assert shown in words(page)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("typed", ["49.9", "100", "100 %", "120 %", "0.4", "-1", "much"])
def test_a_confidence_out_of_range_is_marked_at_its_field(
    reader: Reader, samples: tuple[str, str], form: str, typed: str
) -> None:
    answer = reader.get(f"/jobs/{samples[1]}", **query_of(form, samples), confidence=typed)
    (field,) = FIELD.findall(answer.text)
    assert f'value="{typed}"' in field
    assert 'aria-invalid="true" aria-describedby="confidence-problem"' in field
    assert answer.text.count('id="confidence-problem"') == 1
    said = words(answer.text)
    assert said.count("A confidence is from 0.5") + said.count("is no number") == 1, said


@pytest.mark.parametrize("goal", [{"margin": 0.1}, {"materiality": 0.1}])
@pytest.mark.parametrize(("typed", "level"), [("50%", 0.5), ("66.6%", 0.666), ("99.9", 0.999)])
def test_a_goal_is_recorded_with_its_confidence(
    server: LiveServer, reader: Reader, goal: dict[str, float], typed: str, level: float
) -> None:
    dataset = server.new_dataset(reader.api)
    server.import_text(dataset, "\n".join(["a", *map(str, range(900))]), client=reader.api)
    design = {"method": "random", "parameters": {"seed": 1}}
    path = f"/api/sampling/datasets/{dataset}/size"
    body = {"goal": {**goal, "confidence": typed}, "design": design}
    answer = reader.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["round"]["goal"]["confidence"] == level
    body["goal"] = {**goal, "confidence": "30%"}
    refused = reader.api.post(path, json=body)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["loc"][-2:] == ["goal", "confidence"]
