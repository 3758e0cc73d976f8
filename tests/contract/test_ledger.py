"""The ledger of a dataset over HTTP: each draw, replacement and deletion is an entry."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer


@pytest.fixture
def dataset(server: LiveServer) -> int:
    return server.new_balanced_table(60)


def drawn(server: LiveServer, dataset: int, **more: Any) -> dict[str, Any]:
    rounds = [
        one("random", sample_size=5, seed=7),
        one("stratified", strata_columns=["region"], sample_fraction=0.25, seed="s"),
    ]
    return server.draw(dataset, {"rounds": rounds, **more})


def ledger(server: LiveServer, dataset: int) -> dict[str, Any]:
    answer = server.admin.get(f"/api/datasets/{dataset}/ledger")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_what_happens_to_a_sample_is_in_the_ledger(server: LiveServer, dataset: int) -> None:
    job = drawn(server, dataset)
    row = server.rows(job["id"])[7]["_logical_row_id"]
    replaced = server.admin.post(
        f"/api/sampling/jobs/{job['id']}/replacements",
        json={"row_id": row, "reason": "no purchase"},
    ).json()
    ref = job["output_summary"]["output_ref"]
    binned = server.admin.delete(f"/api/datasets/{dataset}/refs/{ref}").json()
    server.admin.post(f"/api/bin/{binned['bin_id']}/restore", json={})
    found = ledger(server, dataset)
    assert [each["kind"] for each in found["entries"]] == [
        *("restoration", "deletion", "replacement", "draw"),
    ]
    restoration, deletion, replacement, draw = (each["body"] for each in found["entries"])
    sample = {"job_id": job["id"], "sample_commit_id": job["output_summary"]["output_commit_id"]}
    assert restoration == deletion == sample
    assert replacement == {
        "job_id": job["id"],
        "round_number": 2,
        "ordinal_out": int(row.removeprefix("primary:")),
        "ordinal_in": int(replaced["replacement_row_id"].removeprefix("primary:")),
        "reason": "no purchase",
    }
    statement = {
        "rounds": [
            {
                "effective_seed": "7",
                "filters": None,
                "method": "random",
                "parameters": {"sample_size": 5},
            },
            {
                "effective_seed": "s:round-2",
                "filters": None,
                "method": "stratified",
                "parameters": {
                    name: value
                    for name, value in job["run_parameters"]["rounds"][1]["parameters"].items()
                    if name != "seed"
                },
            },
        ],
        "source_rows": 60,
    }
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"))
    assert draw == {
        **sample,
        "population_commit_id": job["source_commit_id"],
        "table_key": "primary",
        "rows": job["output_summary"]["total_sampled"],
        "plan_digest": None,
        "draw_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    names = {each["sample"] for each in found["entries"]}
    assert names == {ref.removeprefix("smpl-")}
    assert found["is_intact"]
    assert (found["faults"], found["unrecorded_draws"]) == ([], 0)


def test_the_file_can_be_checked_without_the_server(server: LiveServer, dataset: int) -> None:
    for _ in range(3):
        drawn(server, dataset)
    whole = server.admin.get(f"/api/datasets/{dataset}/ledger?format=json").json()
    previous = None
    for place, entry in enumerate(whole["entries"], start=1):
        digest = entry.pop("digest")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        assert (entry["number"], entry["previous_digest"]) == (place, previous)
        previous = digest
    head = whole["head"]
    payload, kind = base64.b64decode(head["payload"]), head["payloadType"].encode()
    key = server.admin.get("/api/signing-keys").json()["keys"][0]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["public_key"])).verify(
        base64.b64decode(head["signatures"][0]["sig"]),
        b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload),
    )
    assert kind == b"application/vnd.jobsvc.ledger+json"
    assert json.loads(payload)["number"] == 3
    assert json.loads(payload)["digest"] == previous


def test_a_dataset_without_draws_has_an_empty_ledger(server: LiveServer, dataset: int) -> None:
    server.admin.post(
        f"/api/sampling/datasets/{dataset}/sample",
        json={"rounds": [{"method": "random", "parameters": {"sample_size": 2}}]},
    )
    found = ledger(server, dataset)
    assert (found["entries"], found["records_since"], found["is_intact"]) == ([], None, True)
    whole = server.admin.get(f"/api/datasets/{dataset}/ledger?format=json").json()
    assert whole == {"entries": [], "head": None}
