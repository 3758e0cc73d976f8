"""The list of findings: filters, search, order and shown columns over all rows of a sample."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

LEDGER = "".join(
    f"D{row:03},{'Österreich AG' if row % 3 else 'Acme'},{1000 * (row % 5) + row}.50,{row % 4},-\n"
    for row in range(60)
)
HEADER = "document,vendor,amount,outcome,_stratum\n"
"""A table may have columns that are named as a part of a finding, or as a column of the draw."""


@pytest.fixture
def dataset(server: LiveServer) -> int:
    dataset = server.new_dataset()
    assert server.import_text(dataset, HEADER + LEDGER)["status"] == "completed"
    return dataset


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    """All rows of the ledger, so that each search finds known rows."""
    return str(server.draw(dataset, {"rounds": [one("random", sample_size=60)]})["id"])


def url(job: str, path: str = "findings") -> str:
    return f"/api/sampling/jobs/{job}/{path}"


def found(client: httpx.Client, job: str, **query: Any) -> dict[str, Any]:
    answer = client.get(url(job), params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def documents(page: dict[str, Any]) -> list[str]:
    return [item["data"]["document"] for item in page["items"]]


def row_of(client: httpx.Client, job: str, document: str) -> str:
    (item,) = found(client, job, search=document)["items"]
    return str(item["row_id"])


def enter(client: httpx.Client, job: str, document: str, **finding: Any) -> None:
    entry = {"row_id": row_of(client, job, document), "outcome": "ok", **finding}
    answer = client.post(url(job), json={"findings": [entry]})
    assert answer.status_code == 200, answer.text


@pytest.fixture
def colleague(server: LiveServer, dataset: int) -> httpx.Client:
    client, user = server.new_user("analyst")
    granted = {"user_id": user["id"], "permission": "write"}
    path = f"/api/datasets/{dataset}/permissions"
    assert server.admin.put(path, json=granted).status_code == 200
    return client


def test_each_filter_lists_the_rows_that_it_counts(
    server: LiveServer, job: str, colleague: httpx.Client
) -> None:
    admin = server.admin
    enter(admin, job, "D001")
    enter(admin, job, "D002", outcome="exception", cause="clerical", audit_value="7")
    enter(colleague, job, "D003", outcome="exception", note="no invoice")
    enter(colleague, job, "D004", outcome="not_examinable", cause_text="burnt")
    file = {"file": ("invoice.pdf", b"%PDF-1.7")}
    attached = admin.post(
        url(job, "attachments"), data={"row_id": row_of(admin, job, "D002")}, files=file
    )
    assert attached.status_code == 200, attached.text
    expected = {
        "exceptions": ["D002", "D003", "D004"],
        "mine": ["D001", "D002"],
        "with_attachments": ["D002"],
        "missing": ["D003"],
    }
    for show, rows in expected.items():
        page = found(admin, job, show=show)
        assert sorted(documents(page)) == rows
        assert page["total"] == page["filters"][show] == len(rows)
    assert found(admin, job, show="open")["total"] == 56
    assert found(admin, job)["filters"]["all"] == found(admin, job)["counts"]["items"] == 60
    assert sorted(documents(found(colleague, job, show="mine"))) == ["D003", "D004"]


def test_a_search_finds_texts_numbers_and_notes(server: LiveServer, job: str) -> None:
    enter(server.admin, job, "D007", note="See the ACME contract")
    acme = found(server.admin, job, search="acme", limit=1000)
    assert acme["total"] == 20 + 1
    assert acme["filters"] == {
        **dict.fromkeys(("exceptions", "with_attachments", "missing"), 0),
        "all": 21,
        "open": 20,
        "mine": 1,
    }
    assert documents(found(server.admin, job, search="1,001.50")) == ["D001"]
    assert found(server.admin, job, search="österreich", limit=1000)["total"] == 40
    assert found(server.admin, job, search="nobody")["items"] == []
    row = row_of(server.admin, job, "D007")
    assert documents(found(server.admin, job, row_id=row)) == ["D007"]


def test_a_search_reads_only_shown_columns(server: LiveServer, job: str) -> None:
    chosen = server.admin.put(url(job, "shown-columns"), json={"columns": ["amount"]})
    assert chosen.json()["columns"] == ["document", "amount"]
    assert found(server.admin, job, search="acme")["total"] == 0


def test_all_rows_are_sorted_not_those_of_a_page(server: LiveServer, job: str) -> None:
    up = [row["data"]["amount"] for row in found(server.admin, job, order_by="amount")["items"]]
    assert up == sorted(up)
    down = found(server.admin, job, order_by="AMOUNT", order_desc=True, limit=3, offset=57)
    assert [row["data"]["amount"] for row in down["items"]] == up[2::-1]


def test_parts_of_findings_sort_with_missing_ones_last(server: LiveServer, job: str) -> None:
    enter(server.admin, job, "D005", outcome="exception", audit_value="30", note="b")
    enter(server.admin, job, "D006", outcome="exception", audit_value="-4", note="a")
    enter(server.admin, job, "D008")
    first = {
        "audit_value": ["D006", "D005"],
        "note": ["D006", "D005"],
        "entered": ["D005", "D006", "D008"],
        "_outcome": ["D005", "D006", "D008"],
    }
    for order_by, rows in first.items():
        page = found(server.admin, job, order_by=order_by)
        order = documents(page)
        if order_by == "_outcome":  # both exceptions stay in the order of the draw
            assert (set(order[:2]), order[2]) == (set(rows[:2]), rows[2])
        else:
            assert order[: len(rows)] == rows
        down = documents(found(server.admin, job, order_by=order_by, order_desc=True))
        assert set(down[: len(rows)]) == set(rows)
    own = found(server.admin, job, order_by="outcome")["items"]
    assert [row["data"]["outcome"] for row in own] == sorted(row % 4 for row in range(60))


def test_an_unknown_column_sorts_nothing(server: LiveServer, job: str) -> None:
    answer = server.admin.get(url(job), params={"order_by": "amont"})
    assert_problem(answer, 422, "unknown_column")
    assert '"amount"' in answer.json()["detail"]
    assert answer.json()["errors"][0]["loc"] == ["query", "order_by"]
    assert_problem(server.admin.get(url(job), params={"show": "closed"}), 422, "invalid_request")
    assert found(server.admin, job, row_id="primary:777")["total"] == 0


def test_a_column_that_the_draw_renamed_keeps_its_values(server: LiveServer, job: str) -> None:
    page = found(server.admin, job, limit=5, order_by="_stratum")
    assert [row["data"]["_stratum"] for row in page["items"]] == ["-"] * 5


def test_a_replacement_is_found_and_sorted_like_a_drawn_row(
    server: LiveServer, dataset: int
) -> None:
    made = server.draw(dataset, {"rounds": [one("random", sample_size=10)]})
    job = str(made["id"])
    first = found(server.admin, job)["items"][0]["row_id"]
    body = {"row_id": first, "reason": "void"}
    came = server.admin.post(url(job, "replacements"), json=body).json()["replacement_row_id"]
    (document,) = documents(found(server.admin, job, row_id=came))
    assert documents(found(server.admin, job, search=document)) == [document]
    order = documents(found(server.admin, job, order_by="document"))
    assert order == sorted(order)
    assert len(order) == 11
    assert documents(found(server.admin, job))[-1] == document
    assert found(server.admin, job, search="void")["total"] == 1


def test_columns_are_chosen_once_for_all_people(
    server: LiveServer, job: str, colleague: httpx.Client
) -> None:
    default = server.admin.get(url(job, "shown-columns")).json()
    assert default["columns"] == ["document", "vendor", "amount", "outcome"]
    assert default["is_chosen"] is False
    body = {"columns": ["_STRATUM", "amount", "document"]}
    chosen = server.admin.put(url(job, "shown-columns"), json=body)
    assert chosen.json()["columns"] == ["document", "_stratum", "amount"]
    assert found(colleague, job)["shown"] == ["document", "_stratum", "amount"]
    header = server.admin.get(url(job), params={"format": "csv"}).text.splitlines()[0]
    own = "_logical_row_id,document,_stratum,amount,vendor,outcome"
    assert header.lstrip("\ufeff").startswith(own)
    assert server.admin.put(url(job, "shown-columns"), json={"columns": []}).json() == default
    wrong = server.admin.put(url(job, "shown-columns"), json={"columns": ["amount", "vendr"]})
    assert_problem(wrong, 422, "invalid_value")
    assert wrong.json()["errors"][0]["loc"] == ["body", "columns", 1]


def test_the_default_has_the_columns_of_the_draw(server: LiveServer, dataset: int) -> None:
    step = one("stratified", strata_columns=["outcome"], sample_size=8)
    step["filters"] = {"expression": "vendor <> 'x'"}
    made = server.draw(dataset, {"rounds": [step]})
    assert found(server.admin, str(made["id"]))["shown"] == [
        *("document", "outcome", "vendor", "amount")
    ]
    money = server.draw(
        dataset, {"rounds": [one("monetary_unit", book_column="amount", sample_size=8)]}
    )
    assert found(server.admin, str(money["id"]))["shown"][:2] == ["document", "amount"]


def test_signed_off_findings_keep_their_columns(
    server: LiveServer, job: str, colleague: httpx.Client
) -> None:
    rows = [item["row_id"] for item in found(server.admin, job)["items"]]
    findings = [{"row_id": row, "outcome": "ok"} for row in rows]
    assert server.admin.post(url(job), json={"findings": findings}).status_code == 200
    columns = {"columns": ["amount"]}
    step = {"action": "submitted"}
    assert server.admin.post(url(job, "review"), json=step).status_code == 200
    assert colleague.put(url(job, "shown-columns"), json=columns).status_code == 200
    step = {"action": "signed_off"}
    assert colleague.post(url(job, "review"), json=step).status_code == 200
    columns = {"columns": ["vendor"]}
    locked = server.admin.put(url(job, "shown-columns"), json=columns)
    assert_problem(locked, 409, "findings_locked")
    assert found(server.admin, job)["shown"] == ["document", "amount"]


def test_a_sample_that_continues_another_has_its_columns(server: LiveServer, dataset: int) -> None:
    first = str(server.draw(dataset, {"rounds": [one("random", sample_size=5, seed=3)]})["id"])
    body = {"columns": ["outcome"]}
    assert server.admin.put(url(first, "shown-columns"), json=body).status_code == 200
    row = found(server.admin, first)["items"][0]["row_id"]
    finding = {"findings": [{"row_id": row, "outcome": "ok"}]}
    assert server.admin.post(url(first), json=finding).status_code == 200
    larger = server.draw(dataset, {"rounds": [one("random", sample_size=9, seed=3)]})
    assert found(server.admin, str(larger["id"]))["shown"] == ["document", "outcome"]


def test_twelve_thousand_rows_are_searched_and_sorted(server: LiveServer) -> None:
    dataset = server.new_table(20_000)
    made = server.draw(dataset, {"rounds": [one("random", sample_size=12_000)]})
    job = str(made["id"])
    page = found(server.admin, job, order_by="amount", order_desc=True, search="oslo", offset=2000)
    assert page["filters"]["all"] == page["total"] > 2500
    amounts = [item["data"]["amount"] for item in page["items"]]
    assert amounts == sorted(amounts, reverse=True)
    assert len(amounts) == 100
