"""Samples by monetary units over HTTP: plan, draw, explanation and reserves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.live_server import LiveServer

AMOUNTS = [Decimal(row * row % 9_973) / 100 - 5 for row in range(1_200)] + [Decimal("90000.00")]
ROUND: dict[str, Any] = {
    "method": "monetary_unit",
    "parameters": {
        "book_column": "amount",
        "sample_size": 60,
        "seed": 8,
        "selection": "fixed_interval",
    },
}


@pytest.fixture(scope="module")
def ledger(server: LiveServer) -> int:
    dataset = server.new_dataset()
    lines = [f"{row},{amount:.2f}" for row, amount in enumerate(AMOUNTS)]
    server.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    return dataset


def total(amounts: list[Decimal]) -> dict[str, object]:
    return {"rows": len(amounts), "total": f"{sum(amounts):.2f}"}


def test_a_plan_accounts_for_every_row_and_amount(server: LiveServer, ledger: int) -> None:
    answer = server.admin.post(f"/api/sampling/datasets/{ledger}/plan", json=ROUND)
    (planned,) = answer.json()["rounds"]
    found = planned["monetary_unit"]
    positive = [amount for amount in AMOUNTS if amount > 0]
    assert found["positive"] == found["audited"] == total(positive)
    assert found["negative"] == total([amount for amount in AMOUNTS if amount < 0])
    counts = [found[name]["rows"] for name in ("positive", "zero", "negative")]
    assert sum(counts) + found["missing_rows"] == planned["eligible_rows"] == len(AMOUNTS)
    assert found["take_all"] == {"rows": 1, "total": "90000.00"}
    assert found["units"] == 59
    interval = (sum(positive) - 90_000) / 59
    assert float(found["interval"]) == pytest.approx(float(interval))
    assert (planned["rows_planned"], planned["margin_of_error"]) == (60, None)
    assert found["near_interval_share"] == 0.0
    assert 0 <= found["regularity"] < 0.025


def test_the_sample_has_hits_and_its_account(server: LiveServer, ledger: int) -> None:
    job = server.draw(ledger, {"rounds": [ROUND], "export_residual": True})
    (drawn,) = job["output_summary"]["rounds"]
    rows = server.admin.get(f"/api/sampling/jobs/{job['id']}/data").json()["data"]
    assert drawn["rows_sampled"] == len(rows) == 60
    assert drawn["monetary_unit"]["units"] + drawn["monetary_unit"]["take_all"]["rows"] == 60
    assert {row["_hits"] for row in rows} == {1}
    assert rows[0]["id"] == 1_200
    stated = sum(Decimal(str(row["amount"])) * Decimal(row["_design_weight"]) for row in rows)
    assert float(stated) == pytest.approx(float(drawn["monetary_unit"]["audited"]["total"]))
    left = server.admin.get(f"/api/sampling/jobs/{job['id']}/residual").json()
    assert left["total"] == len(AMOUNTS) - 60
    why = f"/api/sampling/jobs/{job['id']}/rows/{rows[0]['_logical_row_id']}"
    answer = server.admin.get(why)
    assert "take-all row" in answer.json()["rounds"][0]["reason"]
    reserves = server.admin.get(f"/api/sampling/jobs/{job['id']}/reserves").json()["data"]
    assert not {row["id"] for row in reserves} & {row["id"] for row in rows}
    assert all(Decimal(str(row["amount"])) > 0 for row in reserves)


def test_plan_draw_and_size_warn_of_the_same(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, "\n".join(["amount", *["95.00", "5.00"] * 60]) + "\n")
    path = f"/api/sampling/datasets/{dataset}"
    given = {"book_column": "amount", "sample_size": 60, "selection": "fixed_interval", "seed": 1}
    body = {"method": "monetary_unit", "parameters": given}
    (planned,) = server.admin.post(f"{path}/plan", json=body).json()["rounds"]
    drawn = server.draw(dataset, body)["output_summary"]["rounds"][0]
    assert [each["code"] for each in planned["warning_templates"]] == ["amounts_near_interval"]
    assert drawn["warnings"] == planned["warnings"]
    assert drawn["monetary_unit"]["near_interval_share"] == 0.95
    for selection, notes in (("fixed_interval", 1), ("cell", 0), (None, 0)):
        chosen = {"book_column": "amount"} | ({} if selection is None else {"selection": selection})
        design = {"method": "monetary_unit", "parameters": chosen}
        size = {"goal": {"materiality": 0.05}, "design": design}
        found = server.admin.post(f"{path}/size", json=size).json()
        assert found["parameters"]["selection"] == (selection or "cell")
        said = [each for each in found["notes"] if "half an interval or more" in each]
        assert len(said) == notes, (selection, found["notes"])


@pytest.mark.parametrize(
    ("parameters", "place", "part"),
    [
        ({"book_column": "amount"}, "sample_size", "sample_size or interval"),
        ({"sample_size": 5}, "book_column", "Missing"),
        ({"book_column": "amount", "interval": 0.001}, "interval", "a multiple of 0.01"),
        ({"book_column": "amount", "interval": 5, "order": "x"}, "order", "seeded"),
        ({"book_column": "amont", "interval": 5}, "book_column", '"amount"'),
    ],
)
def test_faults_are_refused_where_they_are(
    server: LiveServer, ledger: int, parameters: dict[str, Any], place: str, part: str
) -> None:
    body = {"method": "monetary_unit", "parameters": parameters}
    answer = server.admin.post(f"/api/sampling/datasets/{ledger}/jobs", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "rounds", 0, "parameters", place]
    assert part in error["msg"]
