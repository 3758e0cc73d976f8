"""Rows of a table, filtered and sorted over HTTP."""

from __future__ import annotations

import csv
import io
import re
from itertools import product

import pytest

from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 400


@pytest.fixture(scope="module")
def path(server: LiveServer) -> str:
    dataset = server.new_table(ROWS)
    return f"/api/datasets/{dataset}/refs/main/tables/primary/data"


def test_rows_are_filtered_sorted_and_counted(server: LiveServer, path: str) -> None:
    query = {"filters": "city = 'Oslo'", "order_by": "amount", "order_desc": "true", "limit": 3}
    page = server.admin.get(path, params=query).json()
    assert [row["id"] for row in page["data"]] == [396, 392, 388]
    assert (page["total"], page["offset"], page["limit"]) == (100, 0, 3)
    second = server.admin.get(path, params={**query, "offset": 99, "columns": "id"}).json()
    assert second["data"] == [{"id": 0}]


def test_the_old_name_of_the_filter_is_read(server: LiveServer, path: str) -> None:
    page = server.admin.get(path, params={"filter": "id < 5"}).json()
    assert page["total"] == 5
    both = server.admin.get(path, params={"filter": "id < 5", "filters": "id < 4"})
    assert both.json()["errors"][0]["loc"] == ["query", "filter"]


def test_null_stands_last_in_both_directions(server: LiveServer, path: str) -> None:
    for descending in ("false", "true"):
        query = {"order_by": "city", "order_desc": descending, "offset": 300, "limit": 100}
        rows = server.admin.get(path, params=query).json()["data"]
        assert {row["city"] for row in rows} == {None}
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_a_file_has_the_view_too(server: LiveServer, path: str) -> None:
    query = {"filters": "id < 5", "order_by": "id", "order_desc": "true", "format": "csv"}
    text = server.admin.get(path, params=query).text
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))] == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("query", "code", "part"),
    [
        ({"filters": "citty = 'Oslo'"}, "unknown_column", "city"),
        ({"filters": "id <"}, "invalid_filter", ""),
        ({"filters": ""}, "invalid_request", "filters"),
        ({"order_by": "ammount"}, "unknown_column", "amount"),
        ({"order_desc": "perhaps"}, "invalid_request", "order_desc"),
        ({"columns": "id\rcity"}, "invalid_request", "line break"),
        ({"columns": "id\ncity"}, "invalid_request", "line break"),
        ({"columns": '"id\rcity"'}, "unknown_column", "city"),
    ],
)
def test_a_view_that_cannot_be_is_refused(
    server: LiveServer, path: str, query: dict[str, str], code: str, part: str
) -> None:
    assert_problem(server.admin.get(path, params=query), 422, code, part)


def test_a_profile_refuses_columns_with_a_line_break(server: LiveServer, path: str) -> None:
    answer = server.admin.get(
        f"{path.removesuffix('/data')}/analysis", params={"columns": "id\rcity"}
    )
    assert_problem(answer, 422, "invalid_request", "line break")


def test_a_sample_is_filtered_and_sorted_too(server: LiveServer) -> None:
    dataset = server.new_table(100)
    job = server.draw(dataset, {"method": "random", "parameters": {"sample_size": 40, "seed": 1}})
    rows = server.rows(job["id"], filters="city IS NOT NULL", order_by="id", limit=1000)
    assert len(rows) < 40
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def like(text: str | None, pattern: str, *, ignore_case: bool) -> bool | None:
    """LIKE as the guide has it: a backslash stands for itself."""
    if text is None:
        return None
    signs = {"%": ".*", "_": "."}
    regex = "".join(signs.get(sign, re.escape(sign)) for sign in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(regex, text, flags) is not None


LABELS = ["a", "A\\", "\\", "a_b", "a%b", "ab", "B", None]


@pytest.fixture(scope="module")
def labels(server: LiveServer) -> str:
    lines = "".join(f"{row},{LABELS[row % 8] or ''}\n" for row in range(40))
    dataset = server.new_dataset()
    job = server.import_text(dataset, f"id,label\n{lines}")
    assert job["status"] == "completed", job
    return f"/api/datasets/{dataset}/refs/main/tables/primary/data"


@pytest.mark.parametrize("operator", ["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"])
def test_patterns_find_the_same_rows_on_every_page(
    server: LiveServer, labels: str, operator: str
) -> None:
    patterns = {"".join(signs) for n in (1, 2) for signs in product("\\%_aBz", repeat=n)}
    for at, pattern in enumerate(sorted(patterns)):
        found = [
            like(LABELS[row % 8], pattern, ignore_case="ILIKE" in operator) for row in range(40)
        ]
        negated = operator.startswith("NOT")
        wanted = [row for row, is_like in enumerate(found) if is_like is not None]
        wanted = [row for row in wanted if found[row] is not negated]
        offset, limit = at % 3, (1, 5, 49)[at % 3]
        query = {"filters": f"label {operator} '{pattern}'", "limit": limit, "offset": offset}
        if at % 2:
            query["order_by"] = "id"
        answer = server.admin.get(labels, params=query)
        assert answer.status_code == 200, (query, answer.text)
        assert answer.json()["total"] == len(wanted), query
        shown = [row["id"] for row in answer.json()["data"]]
        assert shown == wanted[offset : offset + limit], query


def test_a_list_of_missing_values_has_an_empty_page(server: LiveServer, labels: str) -> None:
    for wanted in ("label IN ('zz', 'yy')", "id IN (-1, 4000)", "label LIKE 'z_z'"):
        for query in ({"limit": 1}, {"limit": 5, "offset": 3}, {"limit": 9, "order_by": "label"}):
            answer = server.admin.get(labels, params={"filters": wanted, **query})
            assert answer.status_code == 200, answer.text
            assert answer.json()["data"] == []
