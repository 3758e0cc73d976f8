"""The rows of a sample as they are in another version, found by their keys."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from typing import Any

import pytest

from storage.versions.row_keys import delete_row_key, set_row_key
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

ROWS = 400
HEADER = "doc,part,amount"


@dataclass(frozen=True)
class Redrawn:
    """A sample of the first version of a table; ``main`` has the second one, in another order."""

    dataset: int
    job: str
    drawn: list[str]
    gone: str
    changed: str
    twice: str


@pytest.fixture(scope="module")
def sample(server: LiveServer) -> Redrawn:
    dataset = server.new_dataset()
    lines = {f"d{row:03d}": f"d{row:03d},{row % 7},{row}" for row in range(ROWS)}
    server.import_text(dataset, "\n".join([HEADER, *lines.values()]))
    job = server.draw(dataset, {"method": "random", "sample_size": 20, "seed": 7})
    path = f"/api/sampling/jobs/{job['id']}/data"
    drawn = [row["doc"] for row in server.admin.get(path, params={"limit": 100}).json()["data"]]
    gone, changed, twice = drawn[3], drawn[8], drawn[12]
    del lines[gone]
    lines[changed] = f"{changed},9,99"
    now = [*lines.values(), f"{twice},5,-1", *(f"x{row},0,{row}" for row in range(50))]
    random.Random(5).shuffle(now)
    server.import_text(dataset, "\n".join([f"{HEADER},note", *(f"{line},n" for line in now)]))
    return Redrawn(dataset, job["id"], drawn, gone, changed, twice)


def read(server: LiveServer, sample: Redrawn, **query: Any) -> Any:
    path = f"/api/sampling/jobs/{sample.job}/rows"
    return server.admin.get(path, params={"key": "doc", **query})


def test_drawn_rows_are_found_in_a_shuffled_version(server: LiveServer, sample: Redrawn) -> None:
    found = read(server, sample, as_of="main").json()
    state = found["metadata"]
    kinds = {kind: state[kind] for kind in ("unchanged", "changed", "removed", "added")}
    assert kinds == {"unchanged": 18, "changed": 1, "removed": 1, "added": 1}
    assert (state["key"], state["as_of"], state["table_key"]) == (["doc"], "main", "primary")
    rows = found["data"]
    assert [row["doc"] for row in rows] == [*sample.drawn, sample.twice]
    assert found["total"] == 21
    by_doc = {row["doc"]: row for row in rows[:20]}
    changed, gone = by_doc[sample.changed], by_doc[sample.gone]
    assert (changed["_change"], changed["_changed_columns"]) == ("changed", '"part", "amount"')
    assert (changed["amount_before"], changed["amount_now"]) == (int(sample.changed[1:]), 99)
    assert (gone["_change"], gone["amount_now"], gone["_row_now"]) == ("removed", None, None)
    assert gone["_row_before"] == int(sample.gone[1:])
    added = rows[20]
    assert (added["_change"], added["amount_now"], added["_row_before"]) == ("added", -1, None)
    assert {row["note_now"] for row in rows if row["_change"] != "removed"} == {"n"}
    table = f"/api/datasets/{sample.dataset}/refs/main/tables/primary/data"
    now = server.admin.get(table, params={"limit": 1, "offset": changed["_row_now"]}).json()
    assert now["data"][0]["doc"] == sample.changed


def test_rows_are_paged_filtered_and_downloaded(server: LiveServer, sample: Redrawn) -> None:
    page = read(server, sample, offset=5, limit=2).json()
    assert [row["doc"] for row in page["data"]] == sample.drawn[5:7]
    for filters, total in (("_change <> 'unchanged'", 3), ("amount_now > 90", None)):
        found = read(server, sample, filters=filters).json()
        assert total is None or found["total"] == total
    text = read(server, sample, format="csv", columns="doc,_change").text
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 21
    assert lines[3] == {"doc": sample.gone, "_change": "removed"}
    for file_format, start in (("parquet", b"PAR1"), ("xlsx", b"PK")):
        assert read(server, sample, format=file_format).content.startswith(start)


def test_the_same_version_has_the_same_rows(server: LiveServer, sample: Redrawn) -> None:
    source = server.admin.get(f"/api/jobs/{sample.job}").json()["source_commit_id"]
    state = read(server, sample, as_of=source).json()["metadata"]
    assert (state["unchanged"], state["changed"], state["added"]) == (20, 0, 0)
    assert state["commit_id"] == source


def test_rows_of_equal_keys_at_the_draw_are_no_new_rows(server: LiveServer) -> None:
    """Of five rows a key, some are drawn; the others stay unnamed unless there are more of them."""
    dataset = server.new_dataset()
    lines = [f"d{row // 5},{row % 5},{row}" for row in range(100)]
    server.import_text(dataset, "\n".join([HEADER, *lines]))
    job = server.draw(dataset, {"method": "random", "sample_size": 10, "seed": 3})
    lines[0] = "d0,0,1000"
    server.import_text(dataset, "\n".join([HEADER, *lines[::-1]]))
    path = f"/api/sampling/jobs/{job['id']}/rows"
    found = server.admin.get(path, params={"key": "doc"}).json()
    rows = server.admin.get(f"/api/sampling/jobs/{job['id']}/data").json()["data"]
    assert [row["amount_before"] for row in found["data"]] == [row["amount"] for row in rows]
    is_drawn = any(row["amount"] == 0 for row in rows)
    state = found["metadata"]
    assert (state["added"], state["removed"], state["changed"]) == (0, 0, int(is_drawn))


def test_the_declared_key_is_the_default(server: LiveServer, sample: Redrawn) -> None:
    path = f"/api/sampling/jobs/{sample.job}/rows"
    assert_problem(server.admin.get(path), 422, "no_row_key", "has no row key")
    service = server.service
    with service.database.write() as tx:
        set_row_key(tx, sample.dataset, "primary", ["doc"], "refuse", 1, service.clock)
    try:
        assert server.admin.get(path).json()["metadata"]["key"] == ["doc"]
    finally:
        with service.database.write() as tx:
            delete_row_key(tx, sample.dataset, "primary")


@pytest.mark.parametrize(
    ("query", "status", "code", "loc"),
    [
        ({"as_of": "nope"}, 404, "not_found", ["query", "as_of"]),
        ({"table_key": "nope"}, 404, "not_found", ["query", "table_key"]),
        ({"key": "nope"}, 422, "unknown_column", ["query", "key", 0]),
        ({"key": "doc,doc"}, 422, "invalid_key", ["query", "key", 1]),
        ({"key": "note"}, 422, "unknown_column", ["query", "key", 0]),
    ],
)
def test_invalid_queries_are_refused_with_their_field(
    server: LiveServer,
    sample: Redrawn,
    query: dict[str, str],
    status: int,
    code: str,
    loc: list[Any],
) -> None:
    problem = assert_problem(read(server, sample, **query), status, code, "")
    assert [error["loc"] for error in problem["errors"]] == [loc]


def test_drawn_rows_without_a_key_are_refused(server: LiveServer) -> None:
    dataset = server.new_dataset()
    lines = [f"{'' if row % 2 else row},{row}" for row in range(10)]
    server.import_text(dataset, "\n".join(["doc,amount", *lines]))
    job = server.draw(dataset, {"method": "random", "sample_size": 10, "seed": 3})
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/rows", params={"key": "doc"})
    assert_problem(answer, 422, "key_missing", "The key doc of the sample is missing in 5 rows")
