"""The row key of a table: declared, checked in each version, and used to name and find rows."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

HEADER = "company,document,amount"


def posting(number: int) -> str:
    return f"1000,{number:010},{number * 1.25:.2f}"


def key_of(dataset_id: int) -> str:
    return f"/api/datasets/{dataset_id}/row-key"


@pytest.fixture(scope="module")
def postings(server: LiveServer) -> int:
    """300 postings of one company; then shuffled, ten of them gone and twenty new."""
    dataset_id = server.new_dataset()
    lines = [posting(number) for number in range(300)]
    server.import_text(dataset_id, "\n".join([HEADER, *lines]) + "\n")
    lines = [posting(number) for number in range(10, 320)]
    random.Random(3).shuffle(lines)
    server.import_text(dataset_id, "\n".join([HEADER, *lines]) + "\n")
    return dataset_id


def state_of(server: LiveServer, dataset_id: int, **query: Any) -> dict[str, Any]:
    answer = server.admin.get(key_of(dataset_id), params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_declared_key_has_a_state_in_each_version(server: LiveServer, postings: int) -> None:
    assert_problem(server.admin.get(key_of(postings)), 404, "not_found")
    declared = server.admin.put(key_of(postings), json={"columns": ["DOCUMENT"]}).json()
    assert (declared["columns"], declared["duplicates"]) == (["document"], "refuse")
    state = state_of(server, postings)
    assert [each["state"] for each in state["versions"]] == ["holds", "holds"]
    newest, first = state["versions"]
    assert (newest["new"], newest["gone"], newest["kept"]) == (20, 10, 290)
    assert (first["new"], first["rows"], first["repeated"]) == (None, 300, 0)
    assert newest["change"] == "New keys: 20. Gone: 10. Kept: 290."
    page = state_of(server, postings, limit=1)
    assert (page["total"], len(page["versions"]), page["versions"][0]["kept"]) == (2, 1, 290)
    assert server.admin.delete(key_of(postings)).json()["columns"] == ["document"]
    assert_problem(server.admin.delete(key_of(postings)), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "code", "loc"),
    [
        ({"columns": ["docment"]}, "unknown_column", ["body", "columns", 0]),
        ({"columns": ["company", "company"]}, "invalid_key", ["body", "columns", 1]),
        ({"columns": ["company"]}, "key_not_unique", ["body", "columns"]),
        ({"columns": []}, "invalid_request", ["body", "columns"]),
        ({"columns": ["document"], "table_key": "other"}, "not_found", None),
        (
            {"columns": ["document"], "duplicates": "drop"},
            "invalid_request",
            ["body", "duplicates"],
        ),
    ],
)
def test_columns_that_are_no_key_are_refused(
    server: LiveServer, postings: int, body: dict[str, Any], code: str, loc: list[Any] | None
) -> None:
    answer = server.admin.put(key_of(postings), json=body)
    status = 404 if code == "not_found" else 422
    assert_problem(answer, status, code)
    if loc is not None:
        assert answer.json()["errors"][0]["loc"] == loc


def test_a_missing_value_is_refused_with_examples(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, "id,amount\n1,2\n,3\n4,5\n,6\n")
    answer = server.admin.put(key_of(dataset_id), json={"columns": ["id"], "duplicates": "number"})
    assert_problem(answer, 422, "key_missing")
    assert "is missing in 2 rows" in answer.json()["detail"]
    assert "row 1, row 3" in answer.json()["detail"]


@pytest.fixture(scope="module")
def repeated(server: LiveServer) -> int:
    """50 documents, of which three have two or three lines; their key numbers the lines."""
    dataset_id = server.new_dataset()
    lines = [f"{number % 47},{number * 2}.5" for number in range(50)]
    server.import_text(dataset_id, "\n".join(["document,amount", *lines]) + "\n")
    refused = server.admin.put(key_of(dataset_id), json={"columns": ["document"]})
    assert_problem(refused, 422, "key_not_unique")
    assert "The key document isn't unique: 6 rows share their key" in refused.json()["detail"]
    body = {"columns": ["document"], "duplicates": "number"}
    assert server.admin.put(key_of(dataset_id), json=body).status_code == 200
    return dataset_id


def test_equal_keys_are_numbered(server: LiveServer, repeated: int) -> None:
    (version,) = state_of(server, repeated)["versions"]
    assert (version["state"], version["repeated"]) == ("holds", 6)
    assert version["repeated_keys"][0] == {"key": "0", "row_ids": ["primary:0", "primary:47"]}
    assert version["text"] == "Each row has a key; 6 rows share theirs and are numbered."


def test_a_version_without_the_column_says_so(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, "id,amount\n1,2\n2,3\n")
    assert server.admin.put(key_of(dataset_id), json={"columns": ["id"]}).status_code == 200
    server.import_text(dataset_id, "number,amount\n1,2\n2,3\n")
    newest, first = state_of(server, dataset_id)["versions"]
    assert (newest["state"], first["state"]) == ("not_possible", "holds")
    assert 'There is no column "id"' in newest["text"]


def explained(server: LiveServer, job: dict[str, Any], row: str) -> httpx.Response:
    return server.admin.get(f"/api/sampling/jobs/{job['id']}/rows/{row}")


RANDOM = {"method": "random", "parameters": {"sample_size": 10, "seed": 1}}


@pytest.fixture(scope="module")
def pairs(server: LiveServer) -> dict[str, Any]:
    """A sample of postings whose key has two columns."""
    dataset_id = server.new_dataset()
    lines = [posting(number) for number in range(60)]
    server.import_text(dataset_id, "\n".join([HEADER, *lines]) + "\n")
    body = {"columns": ["company", "document"]}
    assert server.admin.put(key_of(dataset_id), json=body).status_code == 200
    return server.draw(dataset_id, RANDOM)


@pytest.mark.parametrize(
    "text",
    [
        "1000,0000000017",
        "1000, 0000000017",
        "key:1000,0000000017",
        "company 1000, document 0000000017",
        "primary:17",
    ],
)
def test_a_row_is_found_by_its_key(server: LiveServer, pairs: dict[str, Any], text: str) -> None:
    row = explained(server, pairs, text).json()
    assert row["row_id"] == "primary:17"
    assert row["name"] == "company 1000, document 0000000017"


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("1000,0000000099", 404, "not_found"),
        ("17", 422, "invalid_value"),
        ("ACME,0000000017", 422, "invalid_value"),
        ("primary:99", 404, "not_found"),
    ],
)
def test_an_unknown_key_is_refused(
    server: LiveServer, pairs: dict[str, Any], text: str, status: int, code: str
) -> None:
    answer = explained(server, pairs, text)
    assert_problem(answer, status, code)


def test_a_key_without_its_zeros_is_hinted_at(server: LiveServer, postings: int) -> None:
    assert server.admin.put(key_of(postings), json={"columns": ["document"]}).status_code == 200
    job = server.draw(postings, RANDOM)
    detail = explained(server, job, "17").json()["detail"]
    assert detail == 'No row has the document "17". Did you mean "0000000017"?'


def test_rows_of_one_key_are_named_with_their_numbers(server: LiveServer, repeated: int) -> None:
    job = server.draw(repeated, RANDOM)
    answer = explained(server, job, "2")
    assert_problem(answer, 422, "several_rows")
    assert answer.json()["detail"] == (
        "2 rows have the key 2: document 2, number 1 (primary:2), document 2, number 2 "
        "(primary:49). Name one by its row id, or add its number."
    )
    assert explained(server, job, "document 2, number 2").json()["row_id"] == "primary:49"
    assert explained(server, job, "2,1").json()["row_id"] == "primary:2"
    assert explained(server, job, "5").json()["name"] == "document 5"


def test_a_row_without_a_key_keeps_its_row_id(server: LiveServer) -> None:
    dataset_id = server.new_table(20)
    job = server.draw(dataset_id, RANDOM)
    assert explained(server, job, "17").json()["name"] == "primary:17"


@pytest.fixture(scope="module")
def audited(server: LiveServer) -> dict[str, Any]:
    """A sample by monetary units of postings that are known by their documents."""
    dataset_id = server.new_dataset()
    lines = [posting(number) for number in range(100, 400)]
    server.import_text(dataset_id, "\n".join([HEADER, *lines]) + "\n")
    assert server.admin.put(key_of(dataset_id), json={"columns": ["document"]}).status_code == 200
    parameters = {"sample_size": 12, "book_column": "amount", "seed": 1}
    return server.draw(dataset_id, {"method": "monetary_unit", "parameters": parameters})


def items_of(server: LiveServer, job: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"/api/sampling/jobs/{job['id']}/findings"
    return list(server.admin.get(path).json()["items"])


def test_findings_name_rows_and_take_their_keys(
    server: LiveServer, audited: dict[str, Any]
) -> None:
    path = f"/api/sampling/jobs/{audited['id']}"
    first, second, third, *others = items_of(server, audited)
    document = first["data"]["document"]
    assert first["name"] == f"document {document}"
    entered = {"row_id": document, "outcome": "exception", "audit_value": "1.00"}
    assert server.admin.post(f"{path}/findings", json=entered).status_code == 200
    history = server.admin.get(f"{path}/findings/history", params={"row_id": document}).json()
    assert [each["row_id"] for each in history["findings"]] == [first["row_id"]]

    replaced = {"row_id": second["name"], "reason": "void"}
    made = server.admin.post(f"{path}/replacements", json=replaced).json()
    assert (made["row_id"], made["name"]) == (second["row_id"], second["name"])
    assert made["replacement_name"].startswith("document ")
    again = server.admin.post(f"{path}/findings", json={"row_id": second["name"], "outcome": "ok"})
    assert_problem(again, 409, "row_replaced")
    assert again.json()["detail"].startswith(f"{second['name']} was replaced by document ")
    assert again.json()["errors"][0]["parameters"]["row_id"] == second["row_id"]

    unknown = server.admin.post(f"{path}/findings", json={"row_id": "0000000001", "outcome": "ok"})
    assert_problem(unknown, 404, "not_found")
    assert unknown.json()["detail"] == 'No row of the sample has the document "0000000001".'
    bare = {"row_id": third["data"]["document"].lstrip("0"), "outcome": "ok"}
    hinted = server.admin.post(f"{path}/findings", json=bare).json()["detail"]
    assert hinted.endswith(f'Did you mean "{third["data"]["document"]}"?')

    missing = server.admin.post(f"{path}/evaluation", json={"kind": "monetary_unit"})
    assert f"the first is {made['replacement_name']}." in missing.json()["detail"]
    ok = [{"row_id": each["name"], "outcome": "ok"} for each in (third, *others)]
    ok += [{"row_id": made["replacement_name"], "outcome": "ok"}]
    assert server.admin.post(f"{path}/findings", json={"findings": ok}).status_code == 200
    found = server.admin.post(f"{path}/evaluation", json={"kind": "monetary_unit"}).json()
    (line,) = [each for each in found["overstatement"]["arithmetic"] if each["row_id"]]
    assert found["row_names"] == {line["row_id"]: f"document {document}"}
    paper = server.admin.get(f"{path}/working-paper", params={"format": "html"}).text
    assert paper.count(f"document {document}") >= 3
    assert f"<td>{first['row_id']}</td>" in paper
    assert paper.count(first["row_id"]) == 1


def test_a_problem_of_a_cell_quotes_the_cell(server: LiveServer, audited: dict[str, Any]) -> None:
    row_id = items_of(server, audited)[3]["row_id"]
    content = f"_logical_row_id,outcome\n{row_id},ok\n{row_id},ok\n"
    path = f"/api/sampling/jobs/{audited['id']}/findings/preview"
    preview = server.admin.post(path, files={"file": ("list.csv", content.encode())}).json()
    problems = [line["problem"] for line in preview["lines"]]
    assert problems == [
        f'The _logical_row_id "{row_id}" is in 1 other row, too: {other}.' for other in (3, 2)
    ]


def test_a_file_of_findings_has_the_row_key(server: LiveServer, audited: dict[str, Any]) -> None:
    item = items_of(server, audited)[3]
    content = f"document,outcome,note\n{item['data']['document']},ok,again\n"
    answer = server.admin.post(
        f"/api/sampling/jobs/{audited['id']}/findings/preview",
        files={"file": ("findings.csv", content.encode())},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["key"] == ["document"]
    assert answer.json()["lines"][0]["name"] == item["name"]


def test_a_pair_of_rows_is_named_by_keys(server: LiveServer, pairs: dict[str, Any]) -> None:
    path = f"/api/sampling/jobs/{pairs['id']}/joint-probabilities"
    body = {"pairs": [["1000,0000000003", "primary:4"]]}
    (pair,) = server.admin.post(path, json=body).json()["pairs"]
    assert (pair["first"], pair["second"]) == ("primary:3", "primary:4")


def key_in(server: LiveServer, dataset_id: int, lines: list[str], **fields: str) -> dict[str, Any]:
    """The row key in the result of an import."""
    content = "\n".join([HEADER, *lines]) + "\n"
    answer = server.admin.post(
        f"/api/datasets/{dataset_id}/refs/main/import",
        files={"file": ("postings.csv", content.encode())},
        data=fields,
    )
    assert answer.status_code == 200, answer.text
    job = server.finished(answer.json()["job_id"])
    assert job["status"] == "completed", job["error_message"]
    return dict(job["output_summary"]["tables"][0]["row_key"])


def test_an_import_proposes_declares_and_keeps_a_key(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    lines = [posting(number) for number in range(100, 200)]
    proposed = key_in(server, dataset_id, lines)
    assert (proposed["state"], proposed["columns"]) == ("proposed", ["document"])
    assert_problem(server.admin.get(key_of(dataset_id)), 404, "not_found")
    declared = key_in(server, dataset_id, lines, row_key='["Document"]')
    assert (declared["state"], declared["holds"]) == ("declared", True)
    assert declared["columns"] == state_of(server, dataset_id)["columns"] == ["document"]
    kept = key_in(server, dataset_id, [*lines[10:], *map(posting, range(300, 305))])
    assert (kept["state"], kept["holds"]) == ("kept", True)
    assert (kept["new"], kept["gone"], kept["kept"]) == (5, 10, 90)
    repeated = key_in(server, dataset_id, [*lines, lines[0]])
    assert (repeated["state"], repeated["holds"]) == ("kept", False)
    assert "2 rows share their key with another row" in repeated["text"]


def test_a_key_that_repeats_is_not_declared_by_an_import(server: LiveServer) -> None:
    dataset_id = server.new_dataset()
    lines = [posting(number) for number in range(100, 200)]
    refused = key_in(server, dataset_id, [*lines, lines[0]], row_key='["document"]')
    assert refused["state"] == "not_declared"
    assert refused["text"].startswith(
        "The row key document was not declared. The key document isn't unique: 2 rows share"
    )
    unknown = key_in(server, dataset_id, lines, row_key='["docment"]')
    assert 'There is no column "docment"' in unknown["text"]
    assert_problem(server.admin.get(key_of(dataset_id)), 404, "not_found")
    with_number = {"row_key": '["document"]', "duplicates": "number"}
    numbered = key_in(server, dataset_id, [*lines, lines[0]], **with_number)
    assert (numbered["state"], numbered["duplicates"]) == ("declared", "number")
    assert state_of(server, dataset_id)["duplicates"] == "number"
    alone = server.admin.post(
        f"/api/datasets/{dataset_id}/refs/main/import",
        files={"file": ("postings.csv", b"document\n1\n")},
        data={"duplicates": "number"},
    )
    assert_problem(alone, 422, "invalid_request", "row_key")


def test_a_preview_proposes_a_row_key(server: LiveServer) -> None:
    content = "\n".join([HEADER, *map(posting, range(100, 130))]) + "\n"
    files = {"file": ("postings.csv", content.encode())}
    preview = server.admin.post("/api/datasets/preview", files=files).json()
    assert preview["tables"][0]["row_key"] == ["document"]
    files = {"file": ("sums.csv", b"region,amount\nnorth,1.5\nsouth,2.5\n")}
    preview = server.admin.post("/api/datasets/preview", files=files).json()
    assert preview["tables"][0]["row_key"] == []
