"""Values of sampled rows from a file: matched by key, stored with a number, estimated."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
import xlsxwriter

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_estimates import asked, drawn_anew
from tests.support.live_server import LiveServer

ROWS, DRAWN = 400, 80


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    """Columns id, invoice (text with leading zeros), city and amount."""
    dataset_id = server.new_dataset()
    lines = [f"{row},{row:05d},{('Oslo', 'Lima')[row % 2]},{row * 1.5}" for row in range(ROWS)]
    server.import_text(dataset_id, "\n".join(["id,invoice,city,amount", *lines]) + "\n")
    return dataset_id


@pytest.fixture
def job(server: LiveServer, dataset: int) -> str:
    return drawn_anew(server, dataset, one("random", sample_size=DRAWN))


def csv_of(rows: list[dict[str, Any]], *names: str) -> str:
    lines = [",".join(str(row[name]) for name in names) for row in rows]
    return "\n".join([",".join(names), *lines]) + "\n"


def send(
    server: LiveServer,
    job: str,
    content: str | bytes,
    *key: str,
    path: str = "",
    name: str = "results.csv",
) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    return server.admin.post(
        f"/api/sampling/jobs/{job}/values{path}",
        files={"file": (name, data)},
        data={"key": json.dumps(key)} if key else {},
    )


def examined(server: LiveServer, job: str, count: int = DRAWN) -> list[dict[str, Any]]:
    """Rows of the sample with a result that is a little below the amount."""
    rows = server.rows(job, limit=1000)[:count]
    return [row | {"audited": row["amount"] - 1} for row in rows]


TOTAL = {"statistic": "total", "column": "audited"}


def test_values_by_row_id_are_stored_and_estimated(server: LiveServer, job: str) -> None:
    rows = examined(server, job)
    text = csv_of(rows, "_logical_row_id", "audited")
    preview = send(server, job, text, path="/preview").json()
    assert (preview["row_count"], preview["matched"], preview["problem"]) == (DRAWN, DRAWN, None)
    assert [each["name"] for each in preview["columns"]] == ["audited"]
    assert server.admin.get(f"/api/sampling/jobs/{job}/values").json()["uploads"] == []
    stored = send(server, job, text).json()
    assert (stored["number"], stored["row_count"], stored["unanswered"]) == (1, DRAWN, 0)
    found = asked(server, job, {"statistics": [TOTAL], "values": 1, "true_values": True}).json()
    (total,) = found["estimates"]
    expected = sum(row["audited"] for row in rows) * ROWS / DRAWN
    assert total["estimate"] == pytest.approx(expected)
    assert total["true_value"] is None
    assert found["values"]["file_name"] == "results.csv"
    assert any("upload 1, results.csv" in note for note in found["notes"])
    assert_problem(asked(server, job, {"statistics": [TOTAL]}), 422, "unknown_column")


def test_a_later_upload_never_replaces_an_earlier_one(server: LiveServer, job: str) -> None:
    rows = examined(server, job)
    first = csv_of(rows, "_logical_row_id", "audited")
    second = csv_of([row | {"audited": 7} for row in rows], "_logical_row_id", "audited")
    assert [send(server, job, text).json()["number"] for text in (first, second, first)] == [
        1,
        2,
        1,
    ]
    mean = {"statistic": "mean", "column": "audited"}
    figures = [
        asked(server, job, {"statistics": [mean], "values": values}).json()["estimates"][0]
        for values in (1, 2, "latest")
    ]
    assert figures[0]["estimate"] == pytest.approx(sum(row["audited"] for row in rows) / DRAWN)
    assert [each["estimate"] for each in figures[1:]] == [7, 7]
    uploads = server.admin.get(f"/api/sampling/jobs/{job}/values").json()["uploads"]
    assert [each["number"] for each in uploads] == [2, 1]
    missing = asked(server, job, {"statistics": [mean], "values": 3})
    assert_problem(missing, 404, "not_found", "Available: 2, 1")


def test_a_workbook_by_a_key_with_leading_zeros(server: LiveServer, job: str) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as workbook:
        sheet = workbook.add_worksheet("rows")
        sheet.write_row(0, 0, ["Invoice", "audited", "outcome"])
        for at, row in enumerate(examined(server, job), 1):
            sheet.write_row(at, 0, [row["invoice"], row["audited"], "ok"])
    stored = send(server, job, content.getvalue(), "invoice", name="results.xlsx").json()
    assert stored["key"] == ["invoice"]
    assert stored["row_count"] == DRAWN
    share = {"statistic": "proportion", "column": "outcome", "value": "ok"}
    body = {"statistics": [TOTAL, share], "values": "latest", "by": ["city"]}
    found = asked(server, job, body).json()
    assert [each["group"]["city"] for each in found["estimates"]] == ["Lima", "Oslo"] * 2
    assert found["estimates"][-1]["estimate"] == 1


def test_messy_numbers_are_read_as_an_import_reads_them(server: LiveServer, job: str) -> None:
    rows = server.rows(job, limit=1000)
    lines = [f"{row['invoice']};1.234,5{at % 10} €" for at, row in enumerate(rows)]
    text = "\n".join(["invoice;audited", *lines]) + "\n"
    stored = send(server, job, text, "invoice").json()
    assert stored["columns"][0]["is_number"], stored
    found = asked(server, job, {"statistics": [TOTAL], "values": 1}).json()
    assert found["estimates"][0]["estimate"] == pytest.approx(1234.545 * ROWS, rel=1e-3)


def test_rows_that_the_file_lacks_are_nonresponse(server: LiveServer, job: str) -> None:
    rows = examined(server, job, DRAWN - 12)
    stored = send(server, job, csv_of(rows, "_logical_row_id", "audited")).json()
    assert stored["unanswered"] == 12
    assert stored["match"]["unanswered"]["count"] == 12
    assert len(stored["match"]["unanswered"]["first"]) == 10
    found = asked(server, job, {"statistics": [TOTAL], "values": 1}).json()
    assert (found["estimates"][0]["n"], found["estimates"][0]["n_missing"]) == (DRAWN - 12, 12)
    assert any("12 of 80 sampled rows aren't in the upload" in note for note in found["notes"])


def test_a_returned_sample_gives_its_new_and_changed_columns(server: LiveServer, job: str) -> None:
    rows = examined(server, job)
    rows[3]["amount"] += 100
    names = ("id", "invoice", "city", "amount", "_logical_row_id", "_design_weight", "audited")
    stored = send(server, job, csv_of(rows, *names)).json()
    assert [each["name"] for each in stored["columns"]] == ["amount (uploaded)", "audited"]
    assert any('"amount (uploaded)"' in note for note in stored["notes"])
    changed = {"statistic": "total", "column": "amount (uploaded)"}
    plain = {"statistic": "total", "column": "amount"}
    body = {"statistics": [changed, plain], "values": 1}
    new, old = asked(server, job, body).json()["estimates"]
    assert new["estimate"] - old["estimate"] == pytest.approx(100 * ROWS / DRAWN)
    # The value on the books calibrates the audited one.
    calibrate = {"method": "difference", "columns": ["amount"]}
    audited = asked(server, job, {**body, "statistics": [TOTAL], "calibrate": calibrate}).json()
    assert audited["estimates"][0]["estimate"] == pytest.approx(1.5 * sum(range(ROWS)) - ROWS)


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (
            "unknown",
            (),
            "2 rows of the file have a key (_logical_row_id) that no sampled row has: primary:x",
        ),
        ("repeated", (), "1 key (_logical_row_id) is in several rows of the file: primary:"),
        ("without", (), "1 row of the file has no value in the key (_logical_row_id): row 1."),
        ("plain", ("city",), "The key (city) doesn't identify the sampled rows"),
        ("plain", ("colour",), 'column "colour"'),
        ("keyless", (), 'column "_logical_row_id"'),
        ("bare", (), "The file has no values"),
        ("empty", (), "no row"),
    ],
)
def test_rows_that_do_not_match_are_listed(
    server: LiveServer, job: str, change: str, key: tuple[str, ...], says: str
) -> None:
    rows = examined(server, job)
    names = ["_logical_row_id", "city", "audited"]
    match change:
        case "unknown":
            rows += [rows[0] | {"_logical_row_id": f"primary:x{at}"} for at in range(2)]
        case "repeated":
            rows.append(rows[5])
        case "without":
            rows[0]["_logical_row_id"] = ""
        case "keyless":
            names = ["city", "audited"]
        case "bare":
            names = ["_logical_row_id", "city"]
        case "empty":
            rows = []
    if change == "repeated" or key == ("city",):
        names = ["_logical_row_id", "city", "audited"]
    answer = send(server, job, csv_of(rows, *names), *key)
    assert_problem(answer, 422, "invalid_row_file", says)
    if change in ("unknown", "repeated", "without"):
        preview = send(server, job, csv_of(rows, *names), *key, path="/preview")
        assert says in preview.json()["problem"]
    assert server.admin.get(f"/api/sampling/jobs/{job}/values").json()["uploads"] == []


def test_a_key_without_prefix_or_zeros_gets_a_hint(server: LiveServer, job: str) -> None:
    row = examined(server, job, 1)[0]
    number = row["_logical_row_id"].rpartition(":")[2]
    cases = (("_logical_row_id", number), ("invoice", row["invoice"].lstrip("0")))
    for name, given in cases:
        answer = send(server, job, csv_of([row | {name: given}], name, "audited"), name)
        assert_problem(answer, 422, "invalid_row_file", f'{given}. Did you mean "{row[name]}"?')


def test_the_only_sheet_with_the_key_is_read(server: LiveServer, job: str) -> None:
    rows = examined(server, job, 3)

    def workbook(*sheets: str) -> bytes:
        content = io.BytesIO()
        with xlsxwriter.Workbook(content) as book:
            book.add_worksheet("Cover").write_row(0, 0, ["prepared by", "date"])
            book.get_worksheet_by_name("Cover").write_row(1, 0, ["A. Auditor", "2026-01-01"])
            for name in sheets:
                sheet = book.add_worksheet(name)
                sheet.write_row(0, 0, ["invoice", "audited"])
                for at, row in enumerate(rows, 1):
                    sheet.write_row(at, 0, [row["invoice"], row["audited"]])
        return content.getvalue()

    stored = send(server, job, workbook("Results"), "invoice", name="results.xlsx").json()
    assert stored["row_count"] == 3
    assert any('Of 2 sheets, only "Results" has the key' in note for note in stored["notes"])
    for sheets, says in (
        (("A", "B"), "2 of them have the key (invoice)"),
        ((), 'column "invoice"'),
    ):
        answer = send(server, job, workbook(*sheets), "invoice", name="results.xlsx")
        assert_problem(answer, 422, "invalid_row_file", says)


def test_a_wrong_key_field_is_refused(server: LiveServer, job: str) -> None:
    answer = server.admin.post(
        f"/api/sampling/jobs/{job}/values",
        files={"file": ("r.csv", b"a,b\n1,2\n")},
        data={"key": "invoice"},
    )
    assert_problem(answer, 422, "invalid_request", "JSON array")
    wrong = asked(server, job, {"statistics": [TOTAL], "values": 0})
    assert_problem(wrong, 422, "invalid_request")


def test_uploads_survive_a_prune(server: LiveServer, job: str) -> None:
    send(server, job, csv_of(examined(server, job), "_logical_row_id", "audited"))
    body = {"dry_run": False}
    pruned = server.admin.post("/api/admin/prune", json=body)
    assert pruned.status_code == 200, pruned.text
    assert asked(server, job, {"statistics": [TOTAL], "values": 1}).status_code == 200


def test_empty_texts_count_as_missing_with_their_number(server: LiveServer, job: str) -> None:
    rows = [
        row | {"outcome": ('""', '"  "', "ok", "wrong")[at % 4]}
        for at, row in enumerate(examined(server, job))
    ]
    content = csv_of(rows, "id", "outcome")
    preview = send(server, job, content, "id", path="/preview").json()
    (column,) = preview["columns"]
    assert column["missing"] == DRAWN // 2
    assert any('in "outcome" count as missing.' in note for note in preview["notes"])
    stored = send(server, job, content, "id")
    assert stored.status_code == 200, stored.text
    share = {"statistic": "proportion", "column": "outcome", "value": "ok"}
    found = asked(server, job, {"statistics": [share], "values": "latest"}).json()
    (one_share,) = found["estimates"]
    assert (one_share["n"], one_share["n_missing"]) == (DRAWN // 2, DRAWN // 2)
    assert one_share["estimate"] == pytest.approx(0.5)
    unseen = asked(server, job, {"statistics": [{**share, "value": "late"}], "values": "latest"})
    assert unseen.json()["estimates"][0]["estimate"] == 0
