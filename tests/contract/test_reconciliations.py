"""Balances of the general ledger, compared with the sums of columns."""

from __future__ import annotations

import sqlite3
from typing import Any

import httpx
import pytest

from application.reconciling import completeness, completeness_of
from storage.jobs.jobs import get_job
from tests.contract.test_evaluation import evaluated, examined
from tests.support.live_server import LiveServer

LEDGER = (
    "id,vendor,amount\n1,a,1234.10\n2,b,-34.05\n3,c,0.20\n,Total,1200.25\nRecords: 3\n"  # 1,200.25
)


@pytest.fixture
def dataset(server: LiveServer) -> int:
    found = server.new_dataset()
    assert server.import_text(found, LEDGER)["status"] == "completed"
    return found


def enter(server: LiveServer, dataset: int, **body: Any) -> httpx.Response:
    fields = {"column": "amount", "balance": "1,200.25", "reference": "GL 1600 at 2025-12-31"}
    path = f"/api/datasets/{dataset}/reconciliations"
    return server.admin.post(path, json={**fields, **body})


def test_a_balance_that_agrees(server: LiveServer, dataset: int) -> None:
    entry = enter(server, dataset).json()
    assert (entry["column_sum"], entry["balance"], entry["difference"]) == (
        "1200.25",
        "1200.25",
        "0.00",
    )
    assert entry["agrees"] is True
    assert entry["entered_by"] == "admin00"


@pytest.mark.parametrize("balance", ["1.250,25", "1250.25", 1250.25])
def test_the_difference_is_exact(server: LiveServer, dataset: int, balance: object) -> None:
    entry = enter(server, dataset, balance=balance, explanation="Posted in January").json()
    assert (entry["difference"], entry["agrees"]) == ("-50.00", False)
    assert entry["explanation"] == "Posted in January"


def test_a_decimal_column_is_added_up_exactly(server: LiveServer) -> None:
    dataset = server.new_dataset()
    answer = server.admin.post(
        f"/api/datasets/{dataset}/refs/main/import",
        files={"file": ("a.csv", b"id,amount\n1,0.10\n2,0.20\n")},
        data={"options": '{"types": {"amount": "DECIMAL(12,2)"}}'},
    )
    server.finished(answer.json()["job_id"])
    assert enter(server, dataset, balance="0.31").json()["difference"] == "-0.01"


def test_a_later_balance_corrects_and_the_earlier_one_stays(
    server: LiveServer, dataset: int
) -> None:
    enter(server, dataset, balance="1")
    enter(server, dataset)
    answer = server.admin.get(f"/api/datasets/{dataset}/reconciliations").json()
    assert [each["balance"] for each in answer["reconciliations"]] == ["1200.25", "1.00"]
    assert answer["total"] == 2
    found = completeness(server.service, dataset, answer["commit_id"], "primary")
    (newest,) = found.reconciliations
    assert newest.agrees
    assert newest.text == (
        "amount: the sum 1,200.25 agrees with the balance 1,200.25 (GL 1600 at 2025-12-31)."
    )
    with (
        pytest.raises(sqlite3.IntegrityError, match="never changes"),
        server.service.database.write() as tx,
    ):
        tx.execute("UPDATE reconciliations SET balance = '5'")


def test_a_sample_has_the_completeness_of_its_version(server: LiveServer, dataset: int) -> None:
    enter(server, dataset, balance="1000")
    method = {"method": "random", "parameters": {"sample_size": 2, "seed": 1}}
    drawn = server.draw(dataset, {"rounds": [{"round_number": 1, **method}]})
    server.import_text(dataset, "id,vendor,amount\n1,a,5\n")
    with server.service.database.read() as tx:
        job = get_job(tx, drawn["id"])
    found = completeness_of(server.service, job)
    assert (found.file_name, found.note) == ("table.csv", "")
    assert found.totals is not None
    assert [each.text for each in found.totals.sentences] == [
        "amount: the file's total 1,200.25 agrees with the sum of the rows.",
        "The file's count of 3 rows agrees with the rows.",
    ]
    assert [each.difference for each in found.reconciliations] == ["200.25"]


def test_a_file_without_totals_says_so(server: LiveServer) -> None:
    dataset = server.new_dataset()
    job = server.import_text(dataset, "id,amount\n1,5\n2,6\n")
    commit_id = job["output_summary"]["output_commit_id"]
    found = completeness(server.service, dataset, commit_id, "primary")
    assert found.note == "The file has no totals of its own."
    assert found.reconciliations == []


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"balance": "1.250"}, "balance", "can be read in two ways"),
        ({"balance": "much"}, "balance", "is no number"),
        ({"column": "amout"}, "column", "Did you mean"),
        ({"column": "vendor"}, "column", "has no numbers"),
        ({"reference": ""}, "reference", ""),
        ({"table_key": "other"}, "table_key", "other"),
        ({"source_ref": "nothing"}, "source_ref", "nothing"),
    ],
)
def test_what_can_not_be_compared_is_refused(
    server: LiveServer, dataset: int, body: dict[str, Any], field: str, message: str
) -> None:
    answer = enter(server, dataset, **body)
    assert answer.status_code in (404, 422), answer.text
    (error, *_) = answer.json()["errors"]
    assert error["loc"][-1] == field
    assert message in error["msg"]


def test_an_import_records_its_totals(server: LiveServer) -> None:
    job = server.import_text(server.new_dataset(), LEDGER.replace("2,b,-34.05\n", ""))
    (table,) = job["output_summary"]["tables"]
    (total,) = table["totals"]["comparisons"]
    assert (total["file_total"], total["rows_sum"], total["difference"], total["state"]) == (
        "1200.25",
        "1234.30",
        "-34.05",
        "differs",
    )
    assert table["totals"]["file_count"] == 3
    assert [each["text"] for each in table["totals"]["sentences"]] == [
        "amount: the file's total 1,200.25 differs from the rows' sum 1,234.30 by 34.05.",
        "The file's count of 3 rows differs from the rows: there are 2.",
    ]


def test_a_preview_of_a_part_compares_no_totals(server: LiveServer) -> None:
    rows = "".join(f"{n},x,1.5\n" for n in range(100))
    (table,) = server.admin.post(
        "/api/datasets/preview",
        files={
            "file": ("a.csv", f"id,vendor,amount\n{rows}".encode()),
            "end": ("a.csv", b"cut\n999,y,1.5\n,Total,15000.00\n"),
        },
        data={"whole": "false"},
    ).json()["tables"]
    assert [each["text"] for each in table["totals"]["sentences"]] == [
        "amount: the file's total 15,000.00 is not compared: the preview doesn't read all rows."
    ]


def test_an_evaluation_says_that_the_population_differs(server: LiveServer) -> None:
    dataset = server.new_dataset()
    server.import_text(dataset, LEDGER.replace("1200.25", "1.00").replace(": 3", ": 7"))
    assert enter(server, dataset, balance="5", explanation="Posted in May").status_code == 200
    method = {"method": "random", "parameters": {"sample_size": 2, "seed": 1}}
    drawn = server.draw(dataset, {"rounds": [{"round_number": 1, **method}]})
    plan = server.admin.post(
        f"/api/sampling/datasets/{dataset}/plan", json={"rounds": [{"round_number": 1, **method}]}
    ).json()
    examined(server, drawn["id"])
    evaluation = evaluated(server, drawn["id"], "attributes", confidence=0.9).json()
    with server.service.database.read() as tx:
        found = completeness_of(server.service, get_job(tx, drawn["id"]))
    assert not found.is_compared
    assert found.caveat in evaluation["caveats"]
    assert plan["warnings"] == [found.caveat]
    paper = server.admin.get(f"/api/sampling/jobs/{drawn['id']}/working-paper?format=html").text
    assert "Unexplained difference" in paper
    assert found.caveat == (
        "amount: the file's total 1.00 differs from the rows' sum 1,200.25 by 1,199.25. 1 more "
        "difference is in the import. A conclusion is about the rows that were imported."
    )


@pytest.mark.parametrize(
    ("balance", "stored"),
    [(9007199254740993, "9007199254740993.00"), ("-0", "0.00"), (-0.0, "0.00")],
)
def test_a_balance_keeps_all_its_digits(
    server: LiveServer, dataset: int, balance: object, stored: str
) -> None:
    assert enter(server, dataset, balance=balance).json()["balance"] == stored
