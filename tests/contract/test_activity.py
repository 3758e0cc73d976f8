"""The activity in sentences and as a CSV file."""

from __future__ import annotations

import csv
import io
import re

import pytest

from application.administration.activity import SENTENCES, SUBJECTS, sentence
from contract.requests.administration import EntriesRequest
from contract.words import ACTIONS
from storage.accounts.audit_trail import THIS_PROCESS, list_entries, record
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


def sentences(server: LiveServer, **query: object) -> list[str]:
    answer = server.admin.get("/api/admin/audit", params={"limit": 1000, **query})
    return [entry["sentence"] for entry in answer.json()["entries"]]


def rows_of_csv(server: LiveServer, **query: object) -> list[dict[str, str]]:
    answer = server.admin.get("/api/admin/audit/csv", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_a_draw_is_described_by_names(server: LiveServer) -> None:
    client, user = server.new_user()
    dataset = client.post("/api/datasets", json={"name": "ledger"}).json()["id"]
    server.import_text(dataset, "id\n1\n2\n3\n", client=client)
    who = user["soeid"]
    body = {"method": "random", "parameters": {"sample_size": 2}, "output_name": "q1-review"}
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job = client.post(path, json=body).json()["job_id"]
    server.finished(job)
    client.get(f"/api/sampling/jobs/{job}/data", params={"format": "csv"})
    found = sentences(server, user_soeid=who, dataset_id=dataset)
    assert f"{who} created ledger" in found
    assert f"{who} drew the sample q1-review from ledger" in found
    assert f"{who} downloaded rows of the sample q1-review of ledger as csv" in found
    client.get(f"/api/sampling/jobs/{job}/reserves")
    client.get(f"/api/sampling/jobs/{job}/lookup", params={"value": "1"})
    viewed = sentences(server, user_soeid=who, action="rows_viewed")
    for what in ("replacements", "single rows"):
        assert f"{who} viewed {what} of the sample q1-review of ledger" in viewed
    tokens = [each["sentence"] for each in rows_of_csv(server, action="token_made")]
    assert "the server created the token of the command line" in tokens
    renamed = client.patch(f"/api/datasets/{dataset}", json={"name": "ledger 2025"})
    assert renamed.status_code == 200
    assert f"{who} changed name of ledger 2025" in sentences(server, dataset_id=dataset)


def test_every_action_has_one_sentence_and_one_subject() -> None:
    assert set(SENTENCES) == set(ACTIONS)
    listed = [action for _, actions in SUBJECTS.values() for action in actions]
    assert sorted(listed) == sorted(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_sentence_survives_missing_details(server: LiveServer, action: str) -> None:
    service = server.service
    with service.database.write() as tx:
        record(
            tx,
            service.clock,
            action,  # type: ignore[arg-type]
            user_id=1,
            origin=THIS_PROCESS,
            about=("ref", "smpl-x"),
        )
        (entry, *_), _ = list_entries(tx, EntriesRequest(action=(action,)), 0, 1)
    assert "{" not in sentence(entry)
    assert sentence(entry)


def test_a_csv_file_has_the_filtered_entries_without_formulas(server: LiveServer) -> None:
    client, user = server.new_user()
    client.post("/api/datasets", json={"name": "=1+1"})
    client.post("/api/tokens", json={"name": '=HYPERLINK("x")'})
    rows = rows_of_csv(server, user_soeid=user["soeid"], action="dataset_made,token_made")
    assert [row["action"] for row in rows] == ["token_made", "dataset_made"]
    assert rows[1]["dataset"] == "'=1+1"
    assert [row["token_kind"] for row in rows] == ["session", "session"]
    assert {row["user"] for row in rows} == {user["soeid"]}
    assert not [value for row in rows for value in row.values() if re.match(r"[=+\-@\t]", value)]
    assert rows_of_csv(server, user_soeid="nobody-here") == []
    answer = server.admin.get("/api/admin/audit/csv", params={"offset": 1})
    assert_problem(answer, 422, "invalid_request")


@pytest.mark.parametrize(("count", "says"), [(1, "1 finding about"), (2, "2 findings about")])
def test_a_count_has_its_singular(server: LiveServer, count: int, says: str) -> None:
    service = server.service
    with service.database.write() as tx:
        record(
            tx,
            service.clock,
            "findings_entered",
            user_id=1,
            origin=THIS_PROCESS,
            about=("job", "x"),
            details={"findings": count},
        )
        (entry, *_), _ = list_entries(tx, EntriesRequest(action=("findings_entered",)), 0, 1)
    assert says in sentence(entry)
