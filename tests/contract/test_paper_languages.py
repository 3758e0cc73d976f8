"""Working papers in German and French: every text of the program is translated, no other is."""

from __future__ import annotations

import pytest

from presentation import html
from presentation.content import Section
from tests.support.languages import StrictLanguage
from tests.support.live_server import LiveServer
from tests.support.papers import DESIGNS, RARE_DESIGNS, examined_sample, ledger, sections_of

Papers = dict[str, list[Section]]


FACTS = {
    "client_name": "Acme Ltd",
    "period": "2025",
    "paper_number": "B 20-3",
    "preparer": "Anna Berg",
    "preparer_role": "CPA",
    "reviewer": "Peter Klein",
    "objective": "OBJ",
    "assertions": ["existence", "completeness", "valuation", "cut_off"],
    "procedure": "PROC",
    "error_definition": "DEF",
}


@pytest.fixture(scope="module")
def papers(server: LiveServer) -> Papers:
    """A paper of each design, and those of an audit with all of its parts."""
    dataset = ledger(server)
    found = {}
    for name, (_, query) in {**DESIGNS, **RARE_DESIGNS}.items():
        job = examined_sample(server, dataset, name, wrong=1 if name == "one row" else 3)
        found[name] = sections_of(server, job, **query)
    return found | _documented_papers(server)


def _documented_papers(server: LiveServer) -> Papers:
    """Papers with facts, a replaced row, attachments, reconciliations and reviews; refusals."""
    reviewer, user = server.new_user()
    dataset = ledger(server, below="Total,,1.25,\nRecords: 3\n")
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    balance = {"column": "amount", "balance": "1", "reference": "GL"}
    balances = f"/api/datasets/{dataset}/reconciliations"
    differs = server.admin.post(balances, json=balance).json()
    plain = examined_sample(server, dataset, "random", wrong=0)
    job = examined_sample(server, dataset, "difference")
    path = f"/api/sampling/jobs/{job}"
    found = {
        "not evaluated": sections_of(server, plain, kind="monetary_unit"),
        "no errors": sections_of(server, plain, kind="variables", book_column="amount"),
        "not in two stages": sections_of(server, plain, kind="two_stage"),
    }
    rows = [item["row_id"] for item in server.admin.get(f"{path}/findings").json()["items"]]
    entry = {"row_id": rows[5], "outcome": "not_applicable"}
    server.admin.post(f"{path}/findings", json={"findings": [entry]})
    found["not replaced"] = sections_of(server, job, kind="attributes")
    body = {"row_id": rows[5], "reason": "Void"}
    new = server.admin.post(f"{path}/replacements", json=body).json()["replacement_row_id"]
    found["one without a finding"] = sections_of(server, job, kind="attributes")
    entry = {"row_id": new, "outcome": "not_examinable", "cause": "other", "cause_text": "Lost"}
    answer = server.admin.post(f"{path}/findings", json={"findings": [entry]})
    assert answer.status_code == 200, answer.text
    for about in ({}, {"row_id": rows[0]}):
        files = {"file": ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\n")}
        server.admin.post(f"{path}/attachments", files=files, data=about)
    server.admin.put(f"{path}/conclusion", json={"text": "CONCLUSION"})
    server.admin.put(f"{path}/paper-facts", json=FACTS)
    request = {"kind": "attributes", "tolerable": "0.2"}
    for client, step in (
        (server.admin, {"action": "submitted"}),
        (reviewer, {"action": "returned", "note": "WHY"}),
        (server.admin, {"action": "submitted"}),
        (reviewer, {"action": "signed_off", "evaluation": request}),
    ):
        answer = client.post(f"{path}/review", json=step)
        assert answer.status_code == 200, answer.text
    found["signed off"] = sections_of(server, job)
    server.admin.post(balances, json={**balance, "balance": differs["column_sum"]})
    found["not as signed"] = sections_of(
        server, job, kind="attributes", tolerable="0.01", confidence=0.8
    )
    return found


@pytest.mark.parametrize("code", ["de", "fr"])
def test_every_text_of_the_papers_is_translated(papers: Papers, code: str) -> None:
    language = StrictLanguage.of(code)
    for sections in papers.values():
        html.page(sections, language)
    assert sorted(language.lacking) == []
