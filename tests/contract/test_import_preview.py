"""What an import would make of a file, over HTTP."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_dataset()


def preview(
    server: LiveServer, dataset: int, content: str, name: str = "a.csv", **fields: str
) -> httpx.Response:
    path = f"/api/datasets/{dataset}/preview"
    return server.admin.post(path, files={"file": (name, content.encode())}, data=fields)


def test_a_whole_files_columns_types_and_rows_are_shown_and_nothing_is_kept(
    server: LiveServer, dataset: int
) -> None:
    lines = "\n".join(f"{row},2024-01-{row % 28 + 1:02}" for row in range(50))
    (table,) = preview(server, dataset, f"id,day\n{lines}\n").json()["tables"]
    assert table["key"] == "primary"
    columns = [(column["name"], column["type"]) for column in table["columns"]]
    assert columns == [("id", "BIGINT"), ("day", "DATE")]
    assert (table["row_count"], len(table["data"])) == (50, 20)
    assert table["data"][1] == {"id": 1, "day": "2024-01-02"}
    assert not list(server.service.directory.uploads_dir.glob("incoming-*"))
    ref = server.admin.get(f"/api/datasets/{dataset}/refs/main").json()
    assert ref["commit_id"] is None


def test_of_a_beginning_the_cut_line_is_left_away_and_no_count_is_claimed(
    server: LiveServer, dataset: int
) -> None:
    (table,) = preview(server, dataset, "id,name\n1,a\n2,b\n3,cu", whole="false").json()["tables"]
    assert [row["id"] for row in table["data"]] == [1, 2]
    assert table["row_count"] is None


@pytest.mark.parametrize(
    ("end", "types", "totals"),
    [
        (b"8,h,1\n9,i,2\nTotal,,300\n", ["BIGINT", "VARCHAR", "BIGINT"], 1),
        (b"8,h,1\n9,i,2.5\n", ["BIGINT", "VARCHAR", "DOUBLE"], 0),
        (b'8,"cut here: no\n9,i,2.5\n', ["BIGINT", "VARCHAR", "BIGINT"], 0),
    ],
    ids=["a total", "another type", "unreadable by itself"],
)
def test_the_end_of_a_file_shows_totals_and_types(
    server: LiveServer, dataset: int, end: bytes, types: list[str], totals: int
) -> None:
    rows = b"".join(b"%d,name %d,%d\n" % (row, row, row * row) for row in range(30))
    beginning = b"id,name,amount\n" + rows
    answer = server.admin.post(
        f"/api/datasets/{dataset}/preview",
        files={"file": ("a.csv", beginning + b"99,cu"), "end": ("a.csv", b"t,x\n" + end)},
        data={"whole": "false"},
    )
    (table,) = answer.json()["tables"]
    assert [column["type"] for column in table["columns"]] == types
    assert table["detected"]["skip_below"] == totals
    assert (table["row_count"], len(table["data"])) == (None, 20)


@pytest.mark.parametrize(
    ("content", "name", "fields", "part"),
    [
        ("a,b\n1\n", "a.csv", {}, "Line 2"),
        ("", "a.csv", {}, "empty"),
        ("x", "a.docx", {}, "ending"),
        ("[1, 2", "a.json", {"whole": "false"}, "files of lines"),
    ],
)
def test_an_unreadable_file_has_the_error_of_its_import(
    server: LiveServer, dataset: int, content: str, name: str, fields: dict[str, str], part: str
) -> None:
    answer = preview(server, dataset, content, name, **fields)
    assert_problem(answer, 422, "unreadable_file", part)


@pytest.mark.parametrize("route", ["preview", "refs/main/import"])
def test_a_name_that_no_file_has_is_refused(server: LiveServer, dataset: int, route: str) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\x00.csv"\r\n\r\n'
        b"a\n1\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    path = f"/api/datasets/{dataset}/{route}"
    answer = server.admin.post(path, content=form, headers=headers)
    assert_problem(answer, 422, "invalid_request", "U+0000")


def test_a_reader_may_not_preview(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user()
    given = {"user_soeid": user["soeid"], "permission": "read"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=given)
    files = {"file": ("a.csv", b"a\n1\n")}
    answer = client.post(f"/api/datasets/{dataset}/preview", files=files)
    assert_problem(answer, 403, "forbidden")


def test_a_file_is_looked_at_before_there_is_a_dataset_for_it(server: LiveServer) -> None:
    client, _ = server.new_user()
    files = {"file": ("a.csv", b"id\n" + b"1\n" * 50_000)}
    answer = client.post("/api/datasets/preview", files=files).json()
    assert answer["tables"][0]["row_count"] == 50_000
    assert client.get("/api/datasets").json()["total"] == 0
    viewer, _ = server.new_user("viewer")
    refused = viewer.post("/api/datasets/preview", files={"file": ("a.csv", b"a\n1\n")})
    assert_problem(refused, 403, "forbidden")


def test_a_file_larger_than_other_bodies_is_looked_at(server: LiveServer, dataset: int) -> None:
    lines = "\n".join(f"{row},{'x' * 40}" for row in range(5000))
    (table,) = preview(server, dataset, f"id,text\n{lines}\n").json()["tables"]
    assert table["row_count"] == 5000


LONG = "x" * 2000
READABLE_IN_PART = {
    "no row yet": (f"id,text\n1,{LONG}", [("id", None), ("text", None)]),
    "no value yet": ("id,late\n1,NA\n2,\n3,5", [("id", "BIGINT"), ("late", None)]),
    "cut in quotes": (
        'id,text\n1,"one\ntwo"\n2,"three\nfour',
        [("id", "BIGINT"), ("text", "VARCHAR")],
    ),
    "a long value in quotes": (f'id,text\n1,"{LONG}\n{LONG}\n', [("id", None), ("text", None)]),
}


@pytest.mark.parametrize(
    ("content", "columns"), READABLE_IN_PART.values(), ids=READABLE_IN_PART.keys()
)
def test_a_column_without_values_in_the_preview_has_no_type(
    server: LiveServer, dataset: int, content: str, columns: list[tuple[str, str | None]]
) -> None:
    (table,) = preview(server, dataset, content, whole="false").json()["tables"]
    assert [(column["name"], column["type"]) for column in table["columns"]] == columns


def test_a_whole_file_has_types_also_where_it_has_no_value(
    server: LiveServer, dataset: int
) -> None:
    (table,) = preview(server, dataset, "id,late\n1,\n").json()["tables"]
    assert [column["type"] for column in table["columns"]] == ["BIGINT", "VARCHAR"]


def test_a_beginning_is_refused_only_for_what_its_cut_has_no_part_in(
    server: LiveServer, dataset: int
) -> None:
    rows = "1,2\n" * 50
    answer = preview(server, dataset, f"a,b\n1\n{rows}3,", whole="false")
    assert_problem(answer, 422, "unreadable_file", "Line 2")
    answer = preview(server, dataset, f"a,b\n{rows}1\n3,", whole="false")
    assert_problem(answer, 422, "preview_unclear", "Line 52", "to see its content")


def test_the_beginning_of_a_file_in_utf_16_is_looked_at(server: LiveServer, dataset: int) -> None:
    raw = "id,name\n1,Ä\n2,Ö\n3,".encode("utf-16")[:-1]
    path = f"/api/datasets/{dataset}/preview"
    answer = server.admin.post(path, files={"file": ("a.csv", raw)}, data={"whole": "false"})
    (table,) = answer.json()["tables"]
    assert table["data"] == [{"id": 1, "name": "Ä"}, {"id": 2, "name": "Ö"}]


def test_a_preview_with_options_reads_as_its_import_does(server: LiveServer) -> None:
    """Titles, delimiter, names and encoding by options; a retry has the same options."""
    content = "Ledger\nmade by hand\nid!größe\n1!x\n2!y\nend!\n".encode("cp1252")
    options = {
        "header_row": 3,
        "skip_below": 1,
        "delimiter": "!",
        "encoding": "cp1252",
        "names": {"größe": "size"},
    }
    fields = {"options": json.dumps(options)}
    files = {"file": ("a.csv", content)}
    preview = server.admin.post("/api/datasets/preview", files=files, data=fields).json()
    (table,) = preview["tables"]
    assert table["data"] == [{"id": 1, "size": "x"}, {"id": 2, "size": "y"}]
    assert table["columns"][1]["source_name"] == "größe"
    assert table["detected"] == {
        "delimiter": "!", "encoding": "cp1252", "header_row": 3, "skip_above": 2, "skip_below": 1,
    }  # fmt: skip
    assert preview["raw_lines"][:3] == ["Ledger", "made by hand", "id!größe"]
    dataset = server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main"
    answer = server.admin.post(f"{path}/import", files=files, data=fields).json()
    job = server.finished(answer["job_id"])
    assert job["run_parameters"]["options"] == options
    rows = server.admin.get(f"{path}/tables/primary/data").json()["data"]
    assert rows == table["data"]


@pytest.mark.parametrize(
    ("options", "code", "part"),
    [
        ("[1]", "invalid_request", "object"),
        ('{"delimeter": ";"}', "invalid_request", "delimiter"),
        ('{"header_row": "3"}', "invalid_request", "whole number"),
        ('{"delimiter": "ab"}', "invalid_option", "one character"),
        ('{"header_row": 9}', "invalid_option", "only"),
        ('{"names": {"ido": "x"}}', "invalid_option", 'Did you mean "id"'),
        ('{"types": {"id": "DATUM"}}', "invalid_option", "DATE"),
        ('{"encoding": "utf-99"}', "invalid_option", "cp1252"),
        ('{"sheet": "x"}', "invalid_option", "doesn't apply"),
        ('{"decimal": ",", "thousands": ","}', "invalid_option", "differ"),
    ],
)
def test_an_option_that_does_not_fit_is_named(
    server: LiveServer, dataset: int, options: str, code: str, part: str
) -> None:
    answer = preview(server, dataset, "id,n\n1,2\n", options=options)
    assert_problem(answer, 422, code, part)
    assert answer.json()["errors"][0]["loc"][:2] == ["body", "options"]


def test_an_import_fails_if_a_type_does_not_fit(server: LiveServer) -> None:
    dataset = server.new_dataset()
    files = {"file": ("a.csv", b"id,n\n1,x\n2,3\n")}
    fields = {"options": json.dumps({"types": {"n": "BIGINT"}})}
    path = f"/api/datasets/{dataset}/refs/main/import"
    accepted = server.admin.post(path, files=files, data=fields).json()
    job = server.finished(accepted["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "type_misfit")
    assert 'Column "n"' in job["error_message"]
    assert server.admin.get(f"/api/datasets/{dataset}/refs/main").json()["commit_id"] is None


def test_a_preview_without_a_fitting_type_says_so(server: LiveServer, dataset: int) -> None:
    options = json.dumps({"types": {"n": "BIGINT"}})
    answer = preview(server, dataset, "id,n\n1,x\n2,3\n", options=options).json()
    (problem,) = answer["problems"]
    assert (problem["loc"], answer["tables"][0]["columns"][1]["type"]) == (
        ["options", "types", "n"],
        "VARCHAR",
    )


def test_the_result_of_an_import_has_control_totals(server: LiveServer) -> None:
    dataset = server.new_dataset()
    job = server.import_text(dataset, b"k;n\na;1.234,50 EUR\nb;(0,25) EUR\n", "a.csv")
    (table,) = job["output_summary"]["tables"]
    assert table["control_totals"] == [
        {"column": "n", "sum": "1234.25", "positive": "1234.50", "negative": "-0.25",
         "is_exact": True, "is_identifier": False}
    ]  # fmt: skip
