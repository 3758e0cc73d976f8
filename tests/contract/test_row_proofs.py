"""Row proofs over HTTP: a table gets a root, and rows of samples are proved by it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer

ROWS = 60


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(ROWS)


@pytest.fixture(scope="module")
def job(server: LiveServer, dataset: int) -> dict[str, Any]:
    return server.draw(dataset, {"rounds": [one("random", sample_size=12, seed=7)]})


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_of(proof: dict[str, Any], rows: int) -> str:
    """The root that a proof leads to, by the rules of docs/CERTIFICATE.md."""
    own = sha256(bytes.fromhex(proof["salt"]) + proof["row"].encode())
    assert proof["leaf"][proof["ordinal"] % 16] == own.hex()
    found = sha256(b"\0" + bytes.fromhex("".join(proof["leaf"])))
    place, last = proof["ordinal"] // 16, (rows - 1) // 16
    path = iter(proof["path"])
    while last:
        if place % 2:
            found = sha256(b"\1" + bytes.fromhex(next(path)) + found)
        elif place < last:
            found = sha256(b"\1" + found + bytes.fromhex(next(path)))
        place, last = place // 2, last // 2
    assert next(path, None) is None
    return found.hex()


def build(server: LiveServer, dataset: int) -> dict[str, Any]:
    answer = server.admin.post(f"/api/datasets/{dataset}/row-roots", json={})
    assert answer.status_code == 200, answer.text
    return server.finished(answer.json()["job_id"])


def test_rows_are_proved_by_the_root_in_the_ledger(
    server: LiveServer, dataset: int, job: dict[str, Any]
) -> None:
    path = f"/api/sampling/jobs/{job['id']}/row-proofs"
    refused = server.admin.get(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_row_root")

    summary = build(server, dataset)["output_summary"]
    assert summary["rows"] == ROWS
    found = server.admin.get(path).json()
    assert found["root"] == summary["row_root"]
    assert found["commit_id"] == job["source_commit_id"]
    ids = [row["_logical_row_id"] for row in server.rows(job["id"])]
    assert sorted(proof["ordinal"] for proof in found["proofs"]) == sorted(
        int(each.removeprefix("primary:")) for each in ids
    )
    assert {root_of(proof, ROWS) for proof in found["proofs"]} == {found["root"]}

    entry = server.admin.get(f"/api/datasets/{dataset}/ledger").json()["entries"][0]
    assert entry["kind"] == "row_root"
    assert entry["body"] == {
        "commit_id": found["commit_id"],
        "table_key": "primary",
        "rows": ROWS,
        "root": found["root"],
    }


def test_rows_that_replaced_others_are_proved(server: LiveServer, dataset: int) -> None:
    build(server, dataset)
    job = server.draw(dataset, {"rounds": [one("random", sample_size=3, seed=9)]})
    row = server.rows(job["id"])[0]["_logical_row_id"]
    path = f"/api/sampling/jobs/{job['id']}"
    made = server.admin.post(
        f"{path}/replacements", json={"row_id": row, "reason": "no purchase"}
    ).json()
    pages = [
        server.admin.get(f"{path}/row-proofs", params={"offset": offset, "limit": 2}).json()
        for offset in (0, 2, 4)
    ]
    ordinals = [[proof["ordinal"] for proof in page["proofs"]] for page in pages]
    assert [len(each) for each in ordinals] == [2, 2, 0]
    assert int(made["replacement_row_id"].removeprefix("primary:")) in ordinals[1]


def test_a_table_keeps_its_root(server: LiveServer, dataset: int) -> None:
    first, second = (build(server, dataset)["output_summary"] for _ in range(2))
    assert first["row_root"] == second["row_root"]
    kinds = [
        each["kind"]
        for each in server.admin.get(f"/api/datasets/{dataset}/ledger").json()["entries"]
    ]
    assert kinds.count("row_root") == 1


def test_any_row_of_the_table_is_proved(
    server: LiveServer, dataset: int, job: dict[str, Any]
) -> None:
    build(server, dataset)
    path = f"/api/sampling/jobs/{job['id']}/rows"
    found = server.admin.get(f"{path}/primary:59/proof").json()
    (proof,) = found["proofs"]
    assert proof["ordinal"] == 59
    assert root_of(proof, ROWS) == found["root"]
    assert server.admin.get(f"{path}/primary:60/proof").status_code == 404
    assert server.admin.get(f"{path}/other:1/proof").status_code == 422
