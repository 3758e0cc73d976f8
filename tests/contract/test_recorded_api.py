"""The API's outline is the recorded one: each change of it is seen in a diff."""

from __future__ import annotations

import copy
import difflib
from typing import Any

import pytest

from tests.contract.api_outline import RECORDED, outline
from tests.support.live_server import LiveServer

ANEW = "if each difference is intended, run: python -m tests.contract.api_outline"


@pytest.fixture(scope="module")
def document(server: LiveServer) -> dict[str, Any]:
    answer: dict[str, Any] = server.admin.get("/api/openapi.json").json()
    return answer


def test_the_api_is_the_recorded_one(document: dict[str, Any]) -> None:
    recorded = RECORDED.read_text(encoding="utf-8").splitlines()
    diff = list(difflib.unified_diff(recorded, outline(document), "recorded", "now", "", "", 0, ""))
    assert not diff, "\n".join([*diff, ANEW])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("paths", "/api/jobs/{job_id}", "get", "summary"), "Another summary"),
        (("paths", "/api/jobs/{job_id}", "get", "operationId"), "another"),
        (("components", "schemas", "RandomParametersIn", "properties", "seed"), {}),
        (("components", "schemas", "RandomParametersIn", "required"), ["seed"]),
        (("components", "schemas", "Problem", "properties", "code", "description"), "Unstable."),
    ],
)
def test_a_changed_part_changes_the_outline(
    document: dict[str, Any], path: tuple[str, ...], value: object
) -> None:
    changed = copy.deepcopy(document)
    part = changed
    for name in path[:-1]:
        part = part[name]
    assert part.get(path[-1]) != value
    part[path[-1]] = value
    assert outline(changed) != outline(document)
