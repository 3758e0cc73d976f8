"""Each state of a conclusion looks the same on the page, the cover, and the sign-off.

The page of an evaluation that is the signed one shows it once.
"""

from __future__ import annotations

import html
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from application.audit.evaluation.parameters import signed_evaluation
from application.audit.evaluation.request import SettledEvaluation
from estimation_engine.audit import Conclusion
from storage.audit.findings import Review, ReviewEntry
from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROW = "row_id"
ATTRIBUTES, VARIABLES = {"kind": "attributes"}, {"kind": "variables", "book_column": "amount"}
STATES = {
    "tolerable": ({**ATTRIBUTES, "tolerable": 0.2}, "good", "Tolerable"),
    "not supported": ({**ATTRIBUTES, "tolerable": 0.01}, "bad", "Not supported"),
    "withheld": ({**VARIABLES, "tolerable": 40_000}, "warn", "No conclusion"),
    "doubted, not supported": ({**VARIABLES, "tolerable": 1}, "bad", "Not supported"),
    "undecided": ({"kind": "sequential", "tolerable": 0.05}, "", "Not decided"),
    "without tolerable": (ATTRIBUTES, "", "No conclusion"),
    "without tolerable, doubted": (VARIABLES, "warn", "No conclusion"),
}
FILLS = {"good": "E2F0D9", "bad": "F8D7DA", "warn": "FFE699"}


@pytest.fixture(scope="module")
def reader(server: LiveServer) -> Reader:
    return Reader(server)


@pytest.fixture
def dataset(server: LiveServer, reader: Reader) -> int:
    dataset_id = server.new_dataset()
    lines = [f"{row:05d},{row + 1}" for row in range(300)]
    server.import_text(dataset_id, "\n".join(["id,amount", *lines]) + "\n")
    grant = {"user_id": reader.api.get("/api/users/me").json()["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset_id}/permissions", json=grant)
    return dataset_id


def submitted(server: LiveServer, dataset: int) -> str:
    """A sample of 60 rows with an error, submitted for review."""
    job = server.draw(dataset, {"rounds": [one("random", sample_size=60, seed=5)]})["id"]
    path = f"/api/sampling/jobs/{job}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    found[0] |= {"outcome": "exception", "audit_value": "0.50"}
    server.admin.post(f"{path}/findings", json={"findings": found})
    assert server.admin.post(f"{path}/review", json={"action": "submitted"}).status_code == 200
    return str(job)


def notes_of(page: str) -> list[str]:
    """The tones of the boxes that say what holds a conclusion up."""
    boxes = re.findall(r'<div class="note ?(\w*)">(.*?)</div>', page, re.DOTALL)
    return [tone for tone, text in boxes if "proved" in text.lower()]


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_one_colour(
    server: LiveServer, dataset: int, reader: Reader, state: str
) -> None:
    request, tone, chip = STATES[state]
    job = submitted(server, dataset)
    path = f"/api/sampling/jobs/{job}"
    review: dict[str, Any] = {"action": "signed_off", "evaluation": request}
    answer = reader.api.post(f"{path}/review", json=review)
    assert answer.status_code == 200, answer.text
    kept = answer.json()["entries"][-1]["evaluation"]
    found = reader.api.post(f"{path}/evaluation", json={}).json()
    assert found["signed"]["difference"] is None
    sentence = (found["conclusion"] or {"sentence": None})["sentence"]
    assert (kept["conclusion"], kept["caveats"]) == (sentence, found["caveats"])
    page = html.unescape(reader.page(f"/jobs/{job}", tab="evaluation"))
    assert notes_of(page) == [tone]
    findings = html.unescape(reader.page(f"/jobs/{job}", tab="findings"))
    assert f'<span class="chip {tone}">Signed off</span>' in findings
    assert f'<span class="chip {tone}">{chip}</span>' in findings
    assert sentence is None or sentence in findings
    _check_cover(reader, path, found, tone)


def _check_cover(reader: Reader, path: str, found: dict[str, Any], tone: str) -> None:
    """The cover has the conclusion in its colour, and beside it all that limits it."""
    sentence = found["conclusion"] and found["conclusion"]["sentence"]
    cover = html.unescape(reader.api.get(f"{path}/working-paper").text).split("Findings by user")[0]
    shown = sentence or "No tolerable share or amount was given."
    style = f' class="{tone}"' if tone else ""
    assert f"<dd{style}>{shown}</dd>" in cover
    assert all(caveat in cover for caveat in found["caveats"])
    book = reader.api.get(f"{path}/working-paper", params={"format": "xlsx"}).content
    sheet = load_workbook(io.BytesIO(book))["Cover"]
    (cell,) = [cell for row in sheet.iter_rows() for cell in row if cell.value == shown]
    if tone:
        assert cell.fill.fgColor.rgb.endswith(FILLS[tone])
    else:
        assert cell.fill.fill_type is None


def test_a_sign_off_that_concluded_otherwise_is_named() -> None:
    kept = {
        "kind": "attributes",
        "confidence": 0.95,
        "tolerable": "0.05",
        "is_tolerable": True,
        "conclusion": "The upper limit is below.",
    }
    entry = ReviewEntry(1, "0" * 32, "signed_off", "", 1, "2025-01-01", kept, "jane")
    request = SettledEvaluation.of("attributes", 0.95, Decimal("0.05"))
    found = signed_evaluation(Review((entry,)), request, Conclusion(None, "", {}))
    assert found is not None
    assert found.difference == (
        "Signed off: tolerable; by the present rules: no conclusion. The findings are the same."
    )
    same = signed_evaluation(Review((entry,)), request, Conclusion(True, "", {}))
    assert same is not None
    assert same.difference is None


def test_rows_that_could_not_be_drawn_limit_a_conclusion(server: LiveServer) -> None:
    dataset = server.new_dataset()
    amounts = [*(f"{row + 1}.00" for row in range(100)), "-7.50", "0.00", ""]
    lines = [f"{row},{amount}" for row, amount in enumerate(amounts)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    draw = one("monetary_unit", book_column="amount", sample_size=30, selection="random", seed=2)
    path = f"/api/sampling/jobs/{server.draw(dataset, {'rounds': [draw]})['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items]
    server.admin.post(f"{path}/findings", json={"findings": found})
    for kind in ("monetary_unit", "sequential"):
        body = {"kind": kind, "tolerable": 0.2}
        answer = server.admin.post(f"{path}/evaluation", json=body).json()
        assert (
            "Only rows with an amount above 0 could be drawn. 3 other rows with a sum of -7.50 "
            "aren't covered." in answer["caveats"]
        )
    assert (
        "Understatements count as 0: the evaluation is about overstatements." in (answer["caveats"])
    )
