"""Certificates of evaluations over HTTP, and the ZIP file for verifiers."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from tests.verifiers.evaluation_cases import CASES, Case, examine, files_of, made
from tests.verifiers.test_verify_sample import verify
from verifiers import verify_sample


def issued(server: LiveServer, job: str, **query: int) -> dict[str, Any]:
    answer = server.admin.get(f"/api/sampling/jobs/{job}/evaluation-certificate", params=query)
    assert answer.status_code == 200, answer.text
    payload = base64.b64decode(answer.json()["payload"])
    return dict(json.loads(payload)["predicate"])


@pytest.fixture
def drawn(server: LiveServer) -> tuple[int, str]:
    dataset = server.new_balanced_table(200)
    job = server.draw(dataset, {"rounds": [one("random", sample_size=20, seed=3)]})
    return dataset, str(job["id"])


def test_a_sample_without_findings_has_none(server: LiveServer, drawn: tuple[int, str]) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{drawn[1]}/evaluation-certificate")
    assert_problem(answer, 422, "no_certificate")


def test_it_is_issued_again_when_something_changed(
    server: LiveServer, drawn: tuple[int, str]
) -> None:
    dataset, job = drawn
    examine(server, job, Case((), None, examined=4))
    first = issued(server, job)
    assert (first["issue"], first["review"]["state"], first["result"]) == (1, "open", None)
    assert issued(server, job)["issue"] == 1
    examine(server, job, Case((), None))
    second = issued(server, job)
    assert (second["issue"], second["result"]["examined"]) == (2, 20)
    assert issued(server, job, number=1) == first
    listed = server.admin.get(f"/api/sampling/jobs/{job}/evaluation-certificates").json()
    newest, older = listed["certificates"]
    assert older["superseded_at"] == newest["issued_at"]
    assert newest["superseded_at"] is None
    ledger = server.admin.get(f"/api/datasets/{dataset}/ledger").json()
    own = [entry for entry in ledger["entries"] if entry["kind"] == "evaluation"]
    assert [entry["body"]["issue"] for entry in own] == [2, 1]
    assert own[0]["body"]["payload_sha256"] == newest["payload_sha256"]
    assert "issued certificate 2 of the evaluation" in own[0]["sentence"]


def test_findings_of_another_sample_supersede_none(
    server: LiveServer, drawn: tuple[int, str]
) -> None:
    dataset, job = drawn
    examine(server, job, Case((), {"kind": "attributes", "tolerable": "0.2"}))
    first = issued(server, job)
    beside = server.draw(dataset, {"rounds": [one("random", sample_size=10, seed=9)]})
    examine(server, str(beside["id"]), Case((), None, examined=3))
    answer = server.admin.post(f"/api/sampling/jobs/{job}/evaluation", json={}).json()
    assert (answer["other_samples_total"], len(answer["caveats"])) == (1, 1)
    assert issued(server, job) == first
    assert (first["result"]["other_samples_total"], first["result"]["caveats"]) == (0, [])


@pytest.mark.parametrize("name", ["attributes_two_sides", "stringer", "strata"])
def test_verifiers_accept_what_the_server_hands_out(server: LiveServer, name: str) -> None:
    report = verify(files_of(server, *made(server, CASES[name])))
    assert not report.refusals, [line.text for line in report.refusals]


def test_an_evaluation_of_all_rows_is_accepted(server: LiveServer) -> None:
    evaluation = {"kind": "variables", "book_column": "amount", "tolerable": "60000"}
    census = Case((one("random", sample_size=400, seed=3),), evaluation, {3: 0.5, 9: 0.7})
    report = verify(files_of(server, *made(server, census)))
    assert not report.refusals, [line.text for line in report.refusals]


def test_the_zip_file_has_all_that_a_verifier_needs(
    server: LiveServer, drawn: tuple[int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, job = drawn
    examine(server, job, Case((), {"kind": "attributes", "tolerable": "0.2"}))
    at = f"/api/sampling/jobs/{job}"
    assert server.admin.post(f"{at}/papers", json={"format": "html"}).status_code == 200
    path = tmp_path / "any name.zip"
    answer = server.admin.get(f"{at}/evidence")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    path.write_bytes(answer.content)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        readme = archive.read("README.txt").decode()
    of_others = {"sample.parquet", "proofs.json", "seal.json"}
    assert {*verify_sample.FILES.values()} - of_others <= names
    assert {"papers/paper-1.html", "verify.html", "verify_sample.py"} <= names
    assert "What isn't proved" in readme
    assert verify_sample.main([str(path)]) == 0
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    capsys.readouterr()
    assert verify_sample.main([str(tmp_path / "folder")]) == 0
    assert "Not looked at: README.txt, verify.html, verify_sample.py." in capsys.readouterr().out
    (tmp_path / "folder/papers/paper-1.html").write_bytes(b"<p>All is well.</p>")
    assert verify_sample.main([str(tmp_path / "folder")]) == 1


def test_an_overturned_evaluation_is_superseded_in_the_newest_ledger(
    server: LiveServer, drawn: tuple[int, str]
) -> None:
    dataset, job = drawn
    examine(server, job, Case((), {"kind": "attributes", "tolerable": "0.2"}))
    files = files_of(server, dataset, job)
    at = f"/api/sampling/jobs/{job}"
    assert verify(files).superseded is None
    reviewer, user = server.new_user()
    right = {"user_id": user["id"], "permission": "admin"}
    assert server.admin.put(f"/api/datasets/{dataset}/permissions", json=right).status_code == 200
    answer = reviewer.post(f"{at}/review", json={"action": "reopened", "note": "wrong"})
    assert answer.status_code == 200, answer.text
    ledger = server.admin.get(f"/api/datasets/{dataset}/ledger", params={"format": "json"})
    report = verify({**files, "ledger.json": ledger.content})
    assert not report.refusals
    assert "the findings were reopened" in str(report.superseded)


def test_the_zip_file_can_leave_out_the_data(
    server: LiveServer, drawn: tuple[int, str], tmp_path: Path
) -> None:
    answer = server.admin.get(f"/api/sampling/jobs/{drawn[1]}/evidence", params={"data": "false"})
    assert answer.status_code == 200, answer.text
    (tmp_path / "x.zip").write_bytes(answer.content)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert {"data.csv", "evaluation.json"}.isdisjoint(archive.namelist())
        assert "data.csv          not here" in archive.read("README.txt").decode()


def test_a_zip_file_with_a_bomb_or_odd_names_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("public-key.txt", b"0" * 1_000_000)
    assert verify_sample.main([str(path)]) == 2
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("papers/../../outside.txt", b"x")
    assert verify_sample.main([str(path)]) == 2  # there is no certificate
    assert not (tmp_path.parent / "outside.txt").exists()
    for name in ("Papers/paper-1.html", "papers\\paper-2.html", "paper-1.html", "a/sample.csv"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, b"x")
        assert verify_sample.main([str(path)]) == 2
        assert "no name of the format" in capsys.readouterr().err
    path.write_bytes(path.read_bytes() * 2)
    assert verify_sample.main([str(path)]) == 2
    assert "bytes before its first file" in capsys.readouterr().err
    path.write_bytes(b"PK no archive")
    assert verify_sample.main([str(path)]) == 2


def test_a_person_who_only_reads_issues_none(server: LiveServer, drawn: tuple[int, str]) -> None:
    dataset, job = drawn
    reader, user = server.new_user()
    right = {"user_id": user["id"], "permission": "read"}
    assert server.admin.put(f"/api/datasets/{dataset}/permissions", json=right).status_code == 200
    at = f"/api/sampling/jobs/{job}"
    examine(server, job, Case((), None, examined=4))
    assert_problem(reader.get(f"{at}/evaluation-certificate"), 422, "no_certificate")
    issued(server, job)
    newest = reader.get(f"{at}/evaluation-certificate")
    assert newest.status_code == 200, newest.text
    examine(server, job, Case((), None))
    changed = reader.get(f"{at}/evaluation-certificate")
    assert "no certificate; 1 was issued before" in changed.json()["detail"]
    number = reader.get(f"{at}/evaluation-certificate", params={"number": 1})
    assert number.json()["payload"] == newest.json()["payload"]
    assert reader.get(f"{at}/evidence").status_code == 200
    listed = server.admin.get(f"{at}/evaluation-certificates").json()
    assert listed["total"] == 1


def test_it_states_the_balances_of_the_version_that_was_named(server: LiveServer) -> None:
    dataset = server.new_balanced_table(200)
    earlier = server.draw(dataset, {"rounds": [one("random", sample_size=20, seed=3)]})
    filters = {"not_drawn_by": [earlier["id"]]}
    step = {**one("random", sample_size=20, seed=4), "filters": filters}
    job = str(server.draw(dataset, {"rounds": [step]})["id"])
    balance = {"column": "amount", "balance": "1000.00", "reference": "GL 4711"}
    answer = server.admin.post(f"/api/datasets/{dataset}/reconciliations", json=balance)
    assert answer.status_code == 200, answer.text
    examine(server, job, Case((), None, examined=4))
    (stated,) = issued(server, job)["reconciliation"]
    entered = answer.json()
    assert (stated["column_name"], stated["by"]) == ("amount", entered["entered_by"])
    assert stated["difference"] == entered["difference"]
    report = verify(files_of(server, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]
