"""A Parquet file whose footer lies: what attaching and importing it answer, and what papers say."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.exploring import query
from tests.support.attached_world import PLACES, Place, World, attached_world
from tests.support.footers import Struct, change, changed, chunks, get, groups, put
from verifiers import verify_sample

ROWS = 6_000
SQL = "SELECT range AS id, range % 500 AS amount FROM range(?, ?)"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attached_world(tmp_path_factory.mktemp("footers")) as made:
        yield made


@pytest.fixture(scope="module")
def true_file(world: World) -> bytes:
    return world.new_file(SQL, 0, ROWS)


def fewer_in_file(footer: Struct) -> None:
    change(footer, 3, -1_000)


def fewer_in_group(footer: Struct) -> None:
    change(footer, 3, -100)
    change(groups(footer)[0], 3, -100)


def fewer_everywhere(footer: Struct) -> None:
    for group in groups(footer):
        change(footer, 3, -100)
        change(group, 3, -100)
        for chunk in chunks(group):
            change(chunk, 5, -100)


def low_maximum(footer: Struct) -> None:
    for group in groups(footer):
        statistics = get(chunks(group)[1], 12)
        for field in (1, 5):
            if get(statistics, field) is not None:
                put(statistics, field, struct.pack("<q", 400))


def attached(world: World, place: Place, content: bytes, **body: Any) -> tuple[int, dict[str, Any]]:
    world.put(place, "one/a.parquet", content)
    dataset = world.server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/attach"
    table = {"uri": world.uri(place, "one/a.parquet"), "connection": place}
    answer = world.server.admin.post(path, json={"tables": [table], **body})
    assert answer.status_code == 200, answer.text
    return dataset, world.server.finished(answer.json()["job_id"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("lie", "numbers"),
    [(fewer_in_file, ("5,000", "6,000")), (fewer_in_group, ("1,948", "2,048"))],
)
def test_footer_that_contradicts_itself_is_not_attached(
    world: World, true_file: bytes, place: Place, lie: Any, numbers: tuple[str, str]
) -> None:
    _, job = attached(world, place, changed(true_file, lie))
    assert (job["status"], job["error_code"]) == ("failed", "unreadable_file")
    for words in (*numbers, "one/a.parquet"):
        assert words in job["error_message"]


@pytest.mark.parametrize("lie", [fewer_in_file, fewer_in_group, fewer_everywhere])
def test_import_counts_the_rows_in_the_pages(world: World, true_file: bytes, lie: Any) -> None:
    dataset = world.server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"
    for content, status in ((true_file, "completed"), (changed(true_file, lie), "failed")):
        sent = world.server.admin.post(path, files={"file": ("a.parquet", content)})
        job = world.server.finished(sent.json()["job_id"])
        assert job["status"] == status, job["error_message"]
    assert job["error_code"] == "unreadable_file"
    assert "2,048" in job["error_message"] or "6,000" in job["error_message"]


def test_import_believes_no_statistics(world: World, true_file: bytes) -> None:
    dataset = world.server.new_dataset()
    path = f"/api/datasets/{dataset}/refs/main/import"
    content = changed(true_file, low_maximum)
    sent = world.server.admin.post(path, files={"file": ("a.parquet", content)})
    world.server.finished(sent.json()["job_id"])
    assert filtered(world, dataset)["output_summary"]["rounds"][0]["eligible_rows"] == 99 * 12


def filtered(world: World, dataset: int) -> dict[str, Any]:
    body = {
        "rounds": [
            {
                "method": "random",
                "parameters": {"sample_size": 5, "seed": 1},
                "filters": {"conditions": [{"column": "amount", "operator": ">", "value": 400}]},
            }
        ]
    }
    return world.server.draw(dataset, body)


@pytest.mark.parametrize("place", PLACES)
def test_false_maximum_hides_no_row(world: World, true_file: bytes, place: Place) -> None:
    content = changed(true_file, low_maximum)
    dataset, job = attached(world, place, content)
    (table,) = job["output_summary"]["tables"]
    assert "not checked" in table["notes"][0]
    drawn = filtered(world, dataset)
    assert drawn["output_summary"]["rounds"][0]["eligible_rows"] == 99 * 12
    shown = world.table(dataset, "data", limit=100, offset=99 * 12 - 10, filters="amount > 400")
    assert len(shown.json()["data"]) == 10
    sql = "SELECT count(*) AS n FROM data WHERE amount > 400"
    assert query(world.server, dataset, sql).json()["data"] == [{"n": 99 * 12}]
    _, refused = attached(world, place, content, verify=True)
    assert refused["error_code"] == "unreadable_file"
    assert 'maximum that it states for the column "amount"' in refused["error_message"]


def test_rows_that_a_whole_footer_hides_need_verification(world: World, true_file: bytes) -> None:
    content = changed(true_file, fewer_everywhere)
    _, believed = attached(world, "disk", content)
    assert believed["output_summary"]["tables"][0]["rows"] == ROWS - 300
    assert "taken from the files' footers" in believed["output_summary"]["tables"][0]["notes"][0]
    _, refused = attached(world, "disk", content, verify=True)
    assert "1,948 values" in refused["error_message"]
    assert "2,048" in refused["error_message"]


@pytest.mark.parametrize(("verify", "words"), [(False, "not checked"), (True, "read and checked")])
def test_manifest_certificate_and_paper_say_what_was_checked(
    world: World, true_file: bytes, verify: bool, words: str
) -> None:
    admin = world.server.admin
    dataset, job = attached(world, "disk", true_file, verify=verify)
    assert ("verify" in job["run_parameters"]) == verify
    assert words in job["output_summary"]["tables"][0]["notes"][0]
    history = admin.get(f"/api/datasets/{dataset}/history").json()
    (table,) = history["commits"][0]["tables"]
    assert (table["attached_files"], table["verified_files"]) == (1, int(verify))
    drawn = filtered(world, dataset)
    path = f"/api/sampling/jobs/{drawn['id']}"
    assert words in admin.get(f"{path}/working-paper").text
    key = admin.get("/api/signing-keys").json()["keys"][0]["public_key"]
    certificate = admin.get(f"{path}/certificate").content
    statement = json.loads(b64decode(json.loads(certificate)["payload"]))
    manifest = json.loads(statement["predicate"]["population"]["manifest"])
    (entry,) = manifest["tables"][0]["files"]
    assert entry.get("verified") is (True if verify else None)
    report = verify_sample.verify_files({"certificate": certificate, "key": key.encode()})
    assert report.refusals == []
    (line,) = [line.text for line in report.lines if "attached files" in line.text]
    assert ("not checked" in line) is not verify
