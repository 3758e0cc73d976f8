"""Facts of working papers and issued papers: history, locks, files and hashes in the ledger."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from application.audit.working_paper import issuing
from storage.certificates.canonical_json import digest_of
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

EVALUATION = {"kind": "attributes", "tolerable": 0.2}


@pytest.fixture
def dataset(server: LiveServer) -> int:
    found = server.new_dataset()
    text = "document,amount\n" + "\n".join(f"{row:05d},{row}.50" for row in range(200)) + "\n"
    server.import_text(found, text)
    return found


def examined(
    server: LiveServer, dataset: int, seed: int = 1, cause: str | None = "clerical"
) -> str:
    """The path of a sample with one exception."""
    job = server.draw(dataset, {"rounds": [one("random", sample_size=30, seed=seed)]})
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings").json()["items"]
    entries = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    entries[0] |= {"outcome": "exception", "cause": cause}
    sent = server.admin.post(f"{path}/findings", json={"findings": entries})
    assert sent.status_code == 200, sent.text
    return path


def signed_off(server: LiveServer, dataset: int, path: str) -> None:
    client, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    submitted = server.admin.post(f"{path}/review", json={"action": "submitted"})
    assert submitted.status_code == 200, submitted.text
    body = {"action": "signed_off", "evaluation": EVALUATION}
    assert client.post(f"{path}/review", json=body).status_code == 200


def entered(server: LiveServer, path: str, **facts: Any) -> httpx.Response:
    return server.admin.patch(f"{path}/paper-facts", json=facts)


def test_facts_are_kept_in_a_history(server: LiveServer, dataset: int) -> None:
    path = examined(server, dataset)
    first = server.admin.get(f"{path}/paper-facts").json()
    assert (first["entries"], first["suggested_from"]) == ([], None)
    assert first["facts"]["client_name"] is None
    entered(server, path, client_name="Acme", period="2025", assertions=["existence"])
    found = entered(server, path, period="", objective="Not overstated").json()
    facts = {name: value for name, value in found["facts"].items() if value}
    assert facts == {
        "client_name": "Acme",
        "assertions": ["existence"],
        "objective": "Not overstated",
        "preparer": server.admin.get("/api/users/me").json()["soeid"],
    }
    assert [each["facts"]["period"] for each in found["entries"]] == [None, "2025"]


def test_blank_facts_are_not_given_and_assertions_count_once(
    server: LiveServer, dataset: int
) -> None:
    path = examined(server, dataset)
    given = {"client_name": " Acme ", "period": "   ", "objective": "First\nsecond"}
    assertions = ["existence", "valuation", "existence"]
    facts = entered(server, path, **given, assertions=assertions).json()["facts"]
    assert (facts["client_name"], facts["period"]) == ("Acme", None)
    assert (facts["objective"], facts["assertions"]) == ("First\nsecond", assertions[:2])


def test_the_first_entry_takes_names_from_another_sample(server: LiveServer, dataset: int) -> None:
    earlier, later = examined(server, dataset), examined(server, dataset, seed=2)
    entered(server, earlier, client_name="Acme", reviewer="P. Klein", objective="one")
    before = server.admin.get(f"{later}/paper-facts").json()
    assert (before["facts"]["client_name"], before["suggested"]["client_name"]) == (None, "Acme")
    assert before["suggested_from"] == earlier.rpartition("/")[2]
    facts = entered(server, later, procedure="Agreed").json()["facts"]
    assert (facts["client_name"], facts["reviewer"]) == ("Acme", "P. Klein")
    assert facts["objective"] is None


def test_missing_facts_name_their_source(server: LiveServer, dataset: int) -> None:
    path = examined(server, dataset, cause=None)
    missing = server.admin.get(f"{path}/paper-facts").json()["missing"]
    found = {each["item"]: each for each in missing}
    causes = found["Nature and cause of deviations and misstatements"]
    assert causes["missing"] == "The causes of 1 exception"
    assert causes["source"] == "ISA 530 ¶12; AS 2315.27, .42"
    entered(server, path, assertion_text="The discount is right", objective="Discounts")
    missing = server.admin.get(f"{path}/paper-facts").json()["missing"]
    assert "Audit objective and assertions" not in {each["item"] for each in missing}


def test_facts_are_refused_while_signed_off(server: LiveServer, dataset: int) -> None:
    path = examined(server, dataset)
    signed_off(server, dataset, path)
    assert_problem(entered(server, path, client_name="Acme"), 409, "findings_locked")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"client_name": "x" * 201}, "client_name"),
        ({"assertions": ["beauty"]}, "assertions"),
        ({"language": "la"}, "language"),
        ({"client_name": "Acme \u202eftl"}, "client_name"),
        ({"objective": "one\x00two"}, "objective"),
        ({"client": "Acme"}, "client"),
    ],
)
def test_a_wrong_fact_names_its_field(
    server: LiveServer, dataset: int, body: dict[str, Any], field: str
) -> None:
    answer = entered(server, examined(server, dataset), **body)
    assert_problem(answer, 422, "invalid_request")
    assert field in json.dumps([each["loc"] for each in answer.json()["errors"]])


@pytest.mark.parametrize("kind", ["html", "xlsx"])
def test_an_issued_paper_is_kept_with_its_hash(server: LiveServer, dataset: int, kind: str) -> None:
    path = examined(server, dataset)
    entered(server, path, paper_number="B 20-3")
    draft = server.admin.post(f"{path}/papers", json={**EVALUATION, "format": kind})
    assert draft.status_code == 200, draft.text
    assert (draft.json()["number"], draft.json()["review_state"]) == (1, "open")
    signed_off(server, dataset, path)
    issued = server.admin.post(f"{path}/papers", json={"format": kind}).json()
    assert (issued["number"], issued["paper_number"]) == (2, "B 20-3")
    assert issued["review_state"] == "signed_off"
    steps = server.admin.get(f"{path}/review").json()["entries"]
    assert issued["evaluation_sha256"] == digest_of(steps[-1]["evaluation"])
    file = server.admin.get(f"{path}/papers/2")
    assert hashlib.sha256(file.content).hexdigest() == issued["sha256"]
    assert len(file.content) == issued["size_bytes"]
    assert file.headers["content-disposition"].startswith("attachment")
    listed = server.admin.get(f"{path}/papers").json()["papers"]
    assert [each["number"] for each in listed] == [2, 1]
    ledger = server.admin.get(f"/api/datasets/{dataset}/ledger").json()
    entry = next(each for each in ledger["entries"] if each["number"] == issued["ledger_number"])
    assert ledger["is_intact"]
    assert (entry["kind"], entry["body"]["sha256"]) == ("paper", issued["sha256"])
    names = ("job_id", "number", "paper_number", "format", "language", "evaluation_sha256")
    assert all(entry["body"][name] == issued[name] for name in names)
    if kind == "html":
        assert "not signed off" in server.admin.get(f"{path}/papers/1").text
        assert "not signed off" not in file.text
        assert issued["sha256"] not in file.text


def test_an_unknown_paper_is_not_found(server: LiveServer, dataset: int) -> None:
    answer = server.admin.get(f"{examined(server, dataset)}/papers/7")
    assert_problem(answer, 404, "not_found")


def test_the_file_is_a_data_file_and_counts_in_quotas(server: LiveServer, dataset: int) -> None:
    path = examined(server, dataset)
    quota = f"/api/datasets/{dataset}/quota"
    before = server.admin.get(quota).json()["used_bytes"]
    issued = server.admin.post(f"{path}/papers", json={**EVALUATION, "format": "html"}).json()
    assert server.admin.get(quota).json()["used_bytes"] == before + issued["size_bytes"]
    stored = server.service.data_files.path(issued["sha256"])
    assert stored.stat().st_size == issued["size_bytes"]
    content = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(b"<p>All is well.</p>")
    assert_problem(server.admin.get(f"{path}/papers/1"), 503, "damaged_data")
    assert_problem(server.admin.get(f"{path}/evidence"), 503, "damaged_data")
    stored.write_bytes(content)


def test_facts_that_are_entered_meanwhile_refuse_the_paper(
    server: LiveServer, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = examined(server, dataset)
    write_paper = issuing.write_paper

    def write_later(*given: Any) -> None:
        write_paper(*given)
        entered(server, path, paper_number="B 20-4")

    monkeypatch.setattr(issuing, "write_paper", write_later)
    answer = server.admin.post(f"{path}/papers", json={**EVALUATION, "format": "html"})
    assert_problem(answer, 409, "conflict")
    assert "Facts of the paper were entered" in answer.json()["detail"]
    assert server.admin.get(f"{path}/papers").json()["total"] == 0


def test_who_entered_a_fact_does_not_sign_off_and_is_told_why(
    server: LiveServer, dataset: int
) -> None:
    path = examined(server, dataset)
    reviewer, user = server.new_user()
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    named = reviewer.patch(f"{path}/paper-facts", json={"reviewer": "P. Klein"})
    assert named.status_code == 200, named.text
    assert server.admin.post(f"{path}/review", json={"action": "submitted"}).status_code == 200
    refused = reviewer.post(f"{path}/review", json={"action": "signed_off"})
    assert_problem(refused, 403, "forbidden", "entered facts of the working paper")


def test_a_paper_isnt_issued_of_findings_that_change_meanwhile(
    server: LiveServer, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = examined(server, dataset)
    row = server.admin.get(f"{path}/findings").json()["items"][3]["row_id"]
    write = issuing.write_paper

    def slowly(*given: Any) -> None:
        write(*given)
        entry = {"row_id": row, "outcome": "exception"}
        sent = server.admin.post(f"{path}/findings", json={"findings": [entry]})
        assert sent.status_code == 200, sent.text

    with monkeypatch.context() as patched:
        patched.setattr(issuing, "write_paper", slowly)
        answer = server.admin.post(f"{path}/papers", json={"format": "html", **EVALUATION})
    assert_problem(answer, 409, "conflict")
    assert server.admin.get(f"{path}/papers").json()["papers"] == []
    again = server.admin.post(f"{path}/papers", json={"format": "html", **EVALUATION})
    assert again.status_code == 200, again.text
