"""Working papers of ten designs have what ISA 530, ISA 230 and AS 2315 ask for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer

FACTS = {
    "client_name": "Acme Ltd",
    "period": "2025-01-01 to 2025-12-31",
    "paper_number": "B 20-3",
    "preparer": "Anna Berg",
    "preparer_role": "senior auditor",
    "reviewer": "Peter Klein",
    "reviewer_role": "partner",
    "objective": "Payables are not overstated.",
    "assertions": ["existence", "valuation"],
    "procedure": "Agreed to the invoice.",
    "error_definition": "A difference of 1.00 or more.",
    "tolerable_basis": "75 % of performance materiality",
    "expected": "None",
    "design_reason": "The firm's table of sizes.",
    "reconciliation": "Agreed to account 1600.",
}
BANDS = {"column": "amount", "breaks": [100, 400, 850], "labels": ["low", "mid", "high", "top"]}
AUDIT = {"kind": "variables", "book_column": "amount", "tolerable": 400_000}
GOAL = {"materiality": 0.3, "confidence": 0.95, "accept": [1, 6], "first_stage": 20}
MONEY = {"kind": "monetary_unit", "tolerable": 300_000}
DESIGNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "random": (one("random", sample_size=60), {"kind": "attributes", "tolerable": 0.2}),
    "several attributes": (
        one("random", sample_size=61),
        {"kind": "attributes", "tolerable": 0.2},
    ),
    "systematic": (one("systematic", sample_size=50), {"kind": "attributes", "tolerable": 0.2}),
    "stratified": (one("stratified", strata_columns=["region"], samples_per_stratum=25), AUDIT),
    "banded with take-all": (
        one(
            "stratified",
            strata_columns=[BANDS],
            sizes={"low": 20, "mid": 20, "high": 20, "top": "all"},
        ),
        AUDIT,
    ),
    "fixed interval": (
        one("monetary_unit", book_column="amount", sample_size=40, selection="fixed_interval"),
        MONEY,
    ),
    "random units": (
        one("monetary_unit", book_column="amount", sample_size=41, selection="random"),
        {**MONEY, "bound": "gaffke"},
    ),
    "two stages": (one("random", sample_size=40) | {"goal": GOAL}, {"kind": "two_stage"}),
    "sequential": (one("random", sample_size=62), {"kind": "sequential", "tolerable": 0.2}),
    "cluster": (one("cluster", cluster_column="shop", num_clusters=25), AUDIT),
}


@pytest.fixture(scope="module")
def reviewer(server: LiveServer) -> Iterator[tuple[httpx.Client, int]]:
    client, user = server.new_user()
    with client:
        yield client, user["id"]


def ledger(server: LiveServer) -> int:
    dataset = server.new_dataset()
    rows = [
        f"{number:06d},{('north', 'south', 'west')[number % 3]},s{number % 50:02d},"
        f"{number * 7 % 900 + 10.25:.2f}"
        for number in range(1000)
    ]
    server.import_text(dataset, "\n".join(["document,region,shop,amount", *rows]) + "\n")
    return dataset


def page_of(server: LiveServer, path: str) -> list[dict[str, Any]]:
    """The rows to examine."""
    answer = server.admin.get(f"{path}/findings", params={"limit": 1000})
    return list(answer.json()["items"])


def examined(server: LiveServer, dataset: int, name: str) -> str:
    """The path of a sample of a design whose rows have findings, with three exceptions."""
    draw, _ = DESIGNS[name]
    made = server.draw(dataset, {"rounds": [draw], "amount_column": "amount"})
    assert made["status"] == "completed", made
    path = f"/api/sampling/jobs/{made['id']}"
    attributes = ["approved", "amount agrees"] if name == "several attributes" else []
    if attributes:
        sent = server.admin.put(f"{path}/attributes", json={"attributes": attributes})
        assert sent.status_code == 200, sent.text
    items = page_of(server, path)
    entries: list[dict[str, Any]] = [{"row_id": each["row_id"], "outcome": "ok"} for each in items]
    for place in (1, 5, 9):
        book = float(items[place]["data"]["amount"])
        entries[place] |= {
            "outcome": "exception",
            "audit_value": f"{book * (0.5 + place / 40):.2f}",
            "cause": "clerical",
            "deviations": attributes[: place % 2 + 1],
        }
    sent = server.admin.post(f"{path}/findings", json={"findings": entries})
    assert sent.status_code == 200, sent.text
    later = [each["row_id"] for each in page_of(server, path) if each["finding"] is None]
    for row_id in later:  # of a second stage
        entry = {"row_id": row_id, "outcome": "ok"}
        assert server.admin.post(f"{path}/findings", json=entry).status_code == 200
    return path


def documented(client: httpx.Client, path: str, **query: Any) -> dict[str, str]:
    """The state of each item of the paper's list of documentation."""
    answer = client.get(f"{path}/working-paper", params={"format": "xlsx", **query})
    assert answer.status_code == 200, answer.text
    sheet = load_workbook(io.BytesIO(answer.content))["Documentation"]
    return {
        str(line[0]): str(line[3])
        for line in sheet.values
        if line[3] and str(line[3]).startswith(("Given", "Not given"))
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_a_paper_documents_a_sample(
    server: LiveServer, reviewer: tuple[httpx.Client, int], name: str
) -> None:
    client, user_id = reviewer
    dataset = ledger(server)
    grant = {"user_id": user_id, "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    path, evaluation = examined(server, dataset, name), DESIGNS[name][1]
    bare = documented(server.admin, path, **evaluation)
    assert len(bare) == 18
    assert bare["Audit objective and assertions"] == "Not given: Audit objective, Assertions"
    assert bare["Who reviewed the work, and when"] == "Not given: Reviewed by, Signed off by"
    assert bare["Nature and cause of deviations and misstatements"] == "Given"
    assert bare["Projection of the misstatements"] == "Given"
    sent = server.admin.patch(f"{path}/paper-facts", json=FACTS)
    assert sent.status_code == 200, sent.text
    assert sent.json()["missing"] == []
    server.admin.put(f"{path}/conclusion", json={"text": "Payables are not overstated."})
    step: dict[str, Any] = {"action": "submitted"}
    submitted = server.admin.post(f"{path}/review", json=step)
    assert submitted.status_code == 200, submitted.text
    step = {"action": "signed_off", "evaluation": evaluation}
    signed = client.post(f"{path}/review", json=step)
    assert signed.status_code == 200, signed.text
    assert set(documented(server.admin, path).values()) == {"Given"}
