"""The paper of an audit test over HTTP, and its texts in each language."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest

from tests.contract.problems import assert_problem
from tests.contract.test_found_by import new_ledger, run_test
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return new_ledger(server)


def paper(server: LiveServer, job_id: str, **query: str) -> bytes:
    answer = server.admin.get(f"/api/exploration/jobs/{job_id}/audit-test/paper", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def plain(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.decode()))


def test_a_paper_states_what_was_tested_and_found(server: LiveServer, dataset: int) -> None:
    job = run_test(server, dataset, amount_column="amount", commit_message="Paid twice?")
    text = plain(paper(server, job["id"]))
    for part in (
        "Audit test: Duplicates",
        "Purpose Paid twice?",
        "Rows that are equal in chosen columns, such as invoices entered twice.",
        "Columns invoice",
        "Tested rows 210",
        "Found rows 20",
        "20 rows found in 10 groups.",
        "Unchecked",
        "Run by admin00",
        f"Job id {job['id']}",
    ):
        assert part in text, (part, text)


def test_a_paper_has_a_workbook(server: LiveServer, dataset: int) -> None:
    job = run_test(server, dataset)
    book = openpyxl.load_workbook(io.BytesIO(paper(server, job["id"], format="xlsx")))
    assert book.sheetnames == ["Test", "Figures", "Found rows"]
    cells = [cell.value for row in book["Found rows"].iter_rows() for cell in row]
    assert "RE 20" in cells
    assert "_group_rows" in cells


@pytest.mark.parametrize(
    ("language", "found"), [("de", "Gefundene Zeilen 20"), ("fr", "Lignes trouvées 20")]
)
def test_a_paper_is_translated(server: LiveServer, dataset: int, language: str, found: str) -> None:
    job = run_test(server, dataset)
    text = plain(paper(server, job["id"], language=language))
    assert found in text
    for english in ("Assumption", "Tested rows", "Unchecked", "Sizes of groups"):
        assert english not in text


def test_words_of_reasons_are_translated_on_papers_alone(server: LiveServer) -> None:
    dataset, other = server.new_dataset(), server.new_dataset()
    rows = [
        "1,2025-12-27,2025-12-27,10.50",
        "2,2025-12-28,2026-01-02,11.50",
        "3,2026-01-02,2025-12-29,-12.50",
    ]
    head = "entry,posted,document,amount\n"
    for each, text in ((dataset, "\n".join(rows)), (other, rows[0])):
        assert server.import_text(each, f"{head}{text}\n")["status"] == "completed"
    cutoff = {"posting_column": "posted", "document_column": "document", "days": 9}
    tests = (
        ("weekend", {"date_column": "posted"}, {"sunday": ("Sonntag", "dimanche")}),
        (
            "cutoff",
            {**cutoff, "cutoff": "2025-12-31"},
            {
                "posted before, dated after": (
                    "vorher gebucht, nachher datiert",
                    "comptabilisé avant, daté après",
                ),
            },
        ),
        (
            "unmatched",
            {"columns": ["entry"], "other": {"dataset_id": other}},
            {"this": ("diese", "celle-ci")},
        ),
    )
    for name, body, words in tests:
        made = run_test(server, dataset, name, **body)
        job = made["id"]
        english = plain(paper(server, job))
        for word, translated in words.items():
            assert f" {word} " in english
            for language, translation in zip(("de", "fr"), translated, strict=True):
                text = plain(paper(server, job, language=language))
                assert f" {translation} " in text, (name, language)
                assert f" {word} " not in text, (name, language)
        query = {
            "source_ref": made["output_summary"]["output_commit_id"],
            "sql": "SELECT * FROM result",
        }
        data = server.admin.post(f"/api/exploration/datasets/{dataset}/query", json=query)
        assert next(iter(words)) in data.text


def test_long_results_are_bounded_and_counted(server: LiveServer) -> None:
    dataset = new_ledger(server, [f"{row},RE {row // 2},1.00" for row in range(500)])
    job = run_test(server, dataset)
    text = plain(paper(server, job["id"]))
    assert "The first 200 of 500 found rows, and 7 of 7 columns." in text
    assert "primary:199" in text
    assert "primary:200" not in text


def test_a_paper_of_another_job_is_refused(server: LiveServer, dataset: int) -> None:
    job = server.explore(dataset, {"sql": "SELECT 1 AS a"})
    refused = server.admin.get(f"/api/exploration/jobs/{job['id']}/audit-test/paper")
    assert_problem(refused, 404, "not_found", "no completed audit test")


def test_every_test_has_a_paper(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [
        f"{row},RE-{row if row != 40 else 41:04d},2025-12-{row % 31 + 1:02d},"
        f"2026-01-{row % 9 + 1:02d},{(row * 37 % 900) + 10}.50"
        for row in range(1, 300)
    ]
    text = "\n".join(["entry,invoice,posted,document,amount", *lines]) + "\n"
    same = server.new_dataset()
    for each in (dataset, same):
        assert server.import_text(each, text)["status"] == "completed"
    for name, body, part in (
        ("gaps", {"number_column": "invoice"}, "Raised marks are missing numbers"),
        ("benford", {"amount_column": "amount"}, "the dashed curve is expected"),
        (
            "cutoff",
            {
                "posting_column": "posted",
                "document_column": "document",
                "cutoff": "2025-12-31",
                "days": 5,
            },
            "days after the last day of the period",
        ),
        ("weekend", {"date_column": "posted"}, "▲ with found rows"),
        ("unmatched", {"columns": ["entry"], "other": {"dataset_id": same}}, "No row found."),
        (
            "near_duplicates",
            {"columns": ["document"], "date_column": "posted", "days": 31},
            "Sizes of groups",
        ),
    ):
        job = run_test(server, dataset, name, **body)
        assert part in plain(paper(server, job["id"])), name
        paper(server, job["id"], format="xlsx", language="fr")


def test_the_paper_of_unmatched_names_the_other_version(server: LiveServer) -> None:
    dataset, other = server.new_dataset(), server.new_dataset()
    for each in (dataset, other):
        server.import_text(each, f"entry,amount\n{each},1.00\n")
    name = server.admin.get(f"/api/datasets/{other}").json()["name"]
    body = {"columns": ["entry"], "direction": "both", "amount_column": "amount"}
    job = run_test(server, dataset, "unmatched", **body, other={"dataset_id": other})
    text = plain(paper(server, job["id"]))
    ref = server.admin.get(f"/api/datasets/{other}/refs/main").json()
    for part in (name, ref["commit_id"], "Amount of the found rows of this table"):
        assert part in text, part


def test_a_paper_is_in_one_language(server: LiveServer) -> None:
    dataset, other = server.new_dataset(), server.new_dataset()
    lines = [f"{10000 + row},2025-01-{row % 28 + 1:02d},{row}.5" for row in range(1, 60)]
    for each in (dataset, other):
        text = "\n".join([f"belegzeile,day,amount\n{each},2025-01-04,20.5", *lines]) + "\n"
        server.import_text(each, text)
    for name, body, parts in (
        (
            "weekend",
            {"date_column": "day", "amount_column": "amount", "country": "DE"},
            ("Samstag, Sonntag", "Zeilen gefunden an diesen Tagen.", "Die Feiertage von DE"),
        ),
        (
            "unmatched",
            {
                "columns": ["belegzeile"],
                "other": {"dataset_id": other},
                "amount_column": "amount",
            },
            ("Ohne Gegenstück: 1 Zeile dieser Tabelle.", "dieser Tabelle 20,50"),
        ),
        (
            "benford",
            {"amount_column": "amount", "digits": "first_two"},
            ("der Betrag ist kleiner als 10", "Es gibt mindestens 1.1"),
        ),
        (
            "cutoff",
            {
                "posting_column": "day",
                "document_column": "day",
                "cutoff": "2025-01-04",
                "days": 2,
            },
            ("sie ist nicht vom 2025-01-03 bis 2025-01-06", "Keine Zeile gefunden."),
        ),
    ):
        job = run_test(server, dataset, name, **body)
        text = plain(paper(server, job["id"], language="de"))
        for part in parts:
            assert part in text, (name, part, text)
        for part in (" of ", " the ", " rows ", "aturday"):
            assert part not in text.partition("Gefundene Zeilen Spalten")[0], (name, part, text)
