"""What an export of Label Studio may hold, read without the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.review.label_studio import ROW_ID, data_names, read_tasks
from application.samples.row_files import InvalidRowFile
from contract.requests.reviewing import QuestionRequest
from contract.words import Reading

QUESTIONS = (
    QuestionRequest(name="is_bad", type="yes_no", text="Is it bad?"),
    QuestionRequest(name="note", type="text", text="Why?", required=False),
)
READ: tuple[Reading, ...] = ("first", "second")
COLUMNS = {"outcome": "outcome", "note": "_note"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RESULTS = st.fixed_dictionaries(
    {},
    optional={
        "from_name": st.sampled_from(["is_bad", "note", "other"]) | ANY_JSON,
        "type": ANY_JSON,
        "value": st.dictionaries(st.sampled_from(["choices", "text", "number"]), ANY_JSON)
        | ANY_JSON,
    },
)
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "completed_by": st.sampled_from([1, {"id": 2}, {"email": "a@b"}]) | ANY_JSON,
        "created_at": st.sampled_from(["2026-01-01", "2026-01-02"]) | ANY_JSON,
        "was_cancelled": ANY_JSON,
        "ground_truth": ANY_JSON,
        "result": st.lists(RESULTS | ANY_JSON, max_size=3) | ANY_JSON,
    },
)


def written(folder: Path, tasks: Any) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ANNOTATIONS | ANY_JSON, max_size=4), st.sampled_from(["first", "second"]))
def test_any_annotations_are_lines_of_texts(
    tmp_path: Path, annotations: list[Any], reading: Any
) -> None:
    task = {"data": {ROW_ID: "primary:1"}, "annotations": annotations}
    found = read_tasks(written(tmp_path, [task]), QUESTIONS, reading, COLUMNS)
    (line,) = found.lines
    assert line[ROW_ID] == "primary:1"
    assert set(line) <= {ROW_ID, "is_bad", "note", "_note", "outcome"}
    assert all(isinstance(cell, str) for cell in line.values())


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(ANY_JSON)
def test_any_other_json_is_refused(tmp_path: Path, content: Any) -> None:
    if content == []:
        return
    with pytest.raises(InvalidRowFile):
        read_tasks(written(tmp_path, content), QUESTIONS, "first", COLUMNS)


def test_the_newest_annotation_of_a_person_counts(tmp_path: Path) -> None:
    def of(person: int, day: int, word: str, **more: Any) -> dict[str, Any]:
        result = {"from_name": "is_bad", "type": "choices", "value": {"choices": [word]}}
        return {"completed_by": person, "created_at": f"2026-01-0{day}", "result": [result], **more}

    given = [of(2, 2, "No"), of(1, 3, "No"), of(1, 1, "Yes"), of(9, 4, "Yes", ground_truth=True)]
    path = written(tmp_path, [{"data": {ROW_ID: "primary:1"}, "annotations": given}])
    words = {
        reading: read_tasks(path, QUESTIONS, reading, COLUMNS).lines[0].get("is_bad")
        for reading in ("first", "second", "decision")
    }
    assert words == {"first": "No", "second": "No", "decision": "Yes"}
    (line,) = read_tasks(path, QUESTIONS, "first", COLUMNS).lines
    assert line["_note"] == "Annotator: 1"


def test_further_annotators_are_counted(tmp_path: Path) -> None:
    people = [{"completed_by": at, "created_at": str(at), "result": []} for at in range(4)]
    tasks = [
        {"data": {ROW_ID: f"primary:{row}"}, "annotations": people[:count]}
        for row, count in enumerate((1, 2, 3, 4))
    ]
    path = written(tmp_path, tasks)
    first, second = (read_tasks(path, QUESTIONS, each, COLUMNS).notes for each in READ)
    assert first[0].startswith("3 tasks have a second annotator.")
    assert first[1:] == second
    assert "Left out: 3 annotations by a third or later annotator" in second[0]


def test_names_of_columns_stay_different_in_tasks() -> None:
    names = data_names(["a b", "a.b", "a_b", "A B", "", "_logical_row_id"])
    assert len({name.casefold() for name in names.values()} | {ROW_ID}) == 7


def test_a_number_has_one_reading(tmp_path: Path) -> None:
    result = {"from_name": "is_bad", "value": {"number": 1.234}}
    task = {"data": {ROW_ID: "primary:1"}, "annotations": [{"result": [result]}]}
    found = read_tasks(written(tmp_path, [task]), QUESTIONS, "first", COLUMNS)
    assert found.lines[0]["is_bad"] == "1.2340"
