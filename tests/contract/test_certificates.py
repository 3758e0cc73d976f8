"""Certificates over HTTP: what they state is drawn again from their own data."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer
from verifiers import verify_sample
from verifiers.verify_sample import Order

ROWS = 240
CITIES = ("Oslo", "Lima", "Kyiv", "", "Oslo")
SCORES = {"column": "score", "breaks": [0.5, 0.9], "labels": ["low", "middle", "high"]}
BANDS = {"column": "size", "breaks": [50, 200], "labels": ["small", "middle", "large"]}


@pytest.fixture(scope="module")
def dataset(server: LiveServer) -> int:
    lines = ["id,city,size,amount,share,score"]
    for row in range(ROWS):
        size = "" if row % 17 == 0 else row * row % 311
        score = "" if row % 13 == 0 else row * 7919 % 1009 / 1008
        amount = "" if row % 23 == 0 else f"{(row * 7919 % 5003 - 900) / 100:.2f}"
        lines.append(f"{row},{CITIES[row % 5]},{size},{amount},{1 / (row + 3):e},{score}")
    lines.append(f"{ROWS},Lima,40000,9000.00,0,1")
    found = server.new_dataset()
    assert server.import_text(found, "\n".join(lines) + "\n")["status"] == "completed"
    return found


def certified(server: LiveServer, job_id: str, **query: Any) -> dict[str, Any]:
    """The statement of a certificate, whose signature is verified."""
    answer = server.admin.get(f"/api/sampling/jobs/{job_id}/certificate", params=query)
    assert answer.status_code == 200, answer.text
    envelope = answer.json()
    (signature,) = envelope["signatures"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    keys = server.admin.get("/api/signing-keys").json()["keys"]
    (key,) = (each for each in keys if each["key_id"] == signature["keyid"])
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["public_key"])).verify(
        base64.b64decode(signature["sig"]),
        b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload),
    )
    return dict(json.loads(payload))


def file_of(server: LiveServer, job_id: str, name: str, **query: Any) -> bytes:
    answer = server.admin.get(f"/api/sampling/jobs/{job_id}/certificate/{name}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


def require_accepted(
    server: LiveServer, job_id: str, dataset: int, level: str = "L2", **query: Any
) -> dict[str, Any]:
    """Let the shipped verifier check everything that the server hands out about a sample."""
    key = server.admin.get("/api/signing-keys").json()["keys"][0]["public_key"]
    found = {
        "certificate": server.admin.get(
            f"/api/sampling/jobs/{job_id}/certificate", params=query
        ).content,
        "key": key.encode(),
        "sample": file_of(server, job_id, "sample", format="csv"),
        "parquet": file_of(server, job_id, "sample", format="parquet"),
        "data": file_of(server, job_id, "data"),
        "ledger": server.admin.get(f"/api/datasets/{dataset}/ledger?format=json").content,
    }
    report = verify_sample.as_data(verify_sample.verify_files(found))
    assert report["accepted"], report["reasons"]
    assert report["highest_level"] == level, report["not_reached"]
    return report


def test_a_verifier_is_served_without_a_token(server: LiveServer) -> None:
    stranger = server.client(None)
    for name, kind in (("verify_sample.py", "text/x-python"), ("verify.html", "text/html")):
        answer = stranger.get(f"/api/verifier/{name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.content == files("verifiers").joinpath(name).read_bytes()
    assert stranger.get("/api/verifier/__init__.py").status_code == 404


MONEY = {"book_column": "amount"}
DRAWS: dict[str, list[dict[str, Any]]] = {
    "random": [one("random", sample_size=9, seed="a text")],
    "reservoir": [one("reservoir", sample_size=9)],
    "nothing": [one("random", "id > 1000", sample_size=9)],
    "fraction": [one("random", "city = 'Oslo'", sample_fraction=0.1)],
    "stratified": [one("stratified", strata_columns=["city"], sample_size=20)],
    "bands": [one("stratified", strata_columns=["city", BANDS], samples_per_stratum=2)],
    "neyman": [
        one(
            "stratified",
            strata_columns=["city"],
            sample_size=20,
            allocation="neyman",
            allocation_column="size",
        )
    ],
    "taken whole": [
        one(
            "stratified",
            strata_columns=["city"],
            sample_size=20,
            allocation=allocation,
            allocation_column=column,
            take_all=["Lima", "NULL"],
        )
        for allocation, column in (("neyman", "size"), ("amount", "amount"))
    ]
    + [one("stratified", strata_columns=["city"], samples_per_stratum=2, take_all=["Oslo"])],
    "whole and divided": [
        one("stratified", strata_columns=["city"], sample_fraction=0.1, take_all=["Lima"])
    ],
    "sizes": [one("stratified", strata_columns=["city"], sizes={"Lima": "all", "NULL": 2})],
    "systematic": [one("systematic", sample_size=13)],
    "interval": [one("systematic", "id >= 20", interval=20)],
    "start": [one("systematic", interval=50, start=7)],
    "cluster": [one("cluster", cluster_column="city", num_clusters=2)],
    "two stages": [one("cluster", cluster_column="city", num_clusters=2, samples_per_cluster=3)],
    "sorted": [one("systematic", interval=7, sort_columns=["city", "size", "share"])],
    "nested": [
        one("random", sample_size=9),
        one(
            "systematic",
            "amount > 0",
            sample_size=13,
            sort_columns=["amount", "city"],
            sort_order="nested",
        ),
    ],
    "points": [one("weighted", weight_column="share", sample_size=15, selection="systematic")],
    "sorted points": [
        one(
            "weighted",
            "amount > 0",
            weight_column="size",
            sample_size=25,
            selection="systematic",
            sort_columns=["city", "amount"],
        )
    ],
    "weighted": [one("weighted", weight_column="size", sample_size=30)],
    "floats": [one("weighted", "id > 3", weight_column="share", sample_size=10)],
    "guessed rates": [
        one(
            "stratified",
            strata_columns=[SCORES],
            sample_size=60,
            allocation="neyman",
            rate_column="score",
        ),
        one(
            "stratified",
            strata_columns=[SCORES],
            sample_size=40,
            allocation="recall",
            rates={"low": 0.01, "middle": 0.1, "high": 0.6, "NULL": 0.2},
            flagged=["high"],
        ),
        one(
            "stratified",
            strata_columns=[SCORES],
            sample_size=40,
            allocation="recall",
            rate_column="score",
            flagged=["high", "middle"],
        ),
    ],
    "uncertainty": [
        one("weighted", weight_column="score", uncertainty=True, sample_size=60),
        one(
            "weighted",
            "id > 3",
            weight_column="score",
            uncertainty=True,
            uncertainty_floor=0.2,
            uncertainty_missing="floor",
            sample_size=20,
        ),
    ],
    "uncertain points": [
        one(
            "weighted",
            weight_column="score",
            uncertainty=True,
            selection="systematic",
            sample_size=60,
        )
    ],
    "money": [one("monetary_unit", **MONEY, sample_size=20)],
    "cells": [one("monetary_unit", **MONEY, interval=60.5, selection="cell", order="file")],
    "units": [one("monetary_unit", **MONEY, sample_size=9, selection="random")],
    "absolute": [one("monetary_unit", **MONEY, sample_size=15, population="absolute")],
    "rounds": [
        one("random", "size > 100", sample_size=15),
        one("stratified", "id < 200", strata_columns=["city"], sample_size=16),
        one("systematic", "amount > 0", sample_size=11),
        one("weighted", weight_column="size", sample_size=12),
        one("monetary_unit", **MONEY, interval=100),
        one("cluster", cluster_column="city", num_clusters=1, sample_percentage=12.5),
    ],
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_stranger_draws_the_same_rows(server: LiveServer, dataset: int, name: str) -> None:
    allowed = {"allow_empty": True} if name == "nothing" else {}
    job = server.draw(dataset, {"rounds": DRAWS[name], **allowed})
    assert job["status"] == "completed", job
    statement = certified(server, job["id"])
    predicate = statement["predicate"]
    require_accepted(server, job["id"], dataset)
    stored = {
        (row["_sampling_round"], row["_selection_order"]): (
            int(row["_logical_row_id"].removeprefix("primary:")),
            row["_inclusion_probability"],
            row["_design_weight"],
        )
        for row in server.rows(job["id"], limit=1000)
    }
    stated = {
        (one["round_number"], place): row
        for one in predicate["rounds"]
        for place, row in enumerate(
            zip(one["ordinals"], one["probabilities"], one["weights"], strict=True), start=1
        )
    }
    assert stated == stored
    assert predicate["sample"]["rows"] == len(stored)
    hashes = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    ref = job["output_summary"]["output_ref"]
    for kind in ("csv", "parquet"):
        content = file_of(server, job["id"], "sample", format=kind)
        assert hashlib.sha256(content).hexdigest() == hashes[f"{ref}.{kind}"]
    assert statement["subject"][-1]["name"] == f"{ref}.csv"


def test_a_residual_is_drawn_again(server: LiveServer, dataset: int) -> None:
    body = {"rounds": DRAWS["random"], "export_residual": True, "output_name": "first"}
    server.draw(dataset, body)
    rounds = [one("stratified", strata_columns=["city"], sample_size=8), *DRAWS["systematic"]]
    body = {"rounds": rounds, "source_ref": "smpl-first", "table_key": "residual"}
    job = server.draw(dataset, body)
    predicate = certified(server, job["id"])["predicate"]
    require_accepted(server, job["id"], dataset)
    population = predicate["population"]
    assert (population["file_rows"], population["rows"]) == (ROWS + 1, ROWS - 8)
    assert predicate["rounds"][0]["effective_seed"] == f"5:from-{population['source_draw']}"


def test_a_statement_says_what_was_drawn_from_what(server: LiveServer, dataset: int) -> None:
    rounds = [one("random", "id < 50", sample_size=3), one("random", sample_size=2)]
    del rounds[1]["parameters"]["seed"]
    job = server.draw(dataset, {"rounds": rounds})
    predicate = certified(server, job["id"])["predicate"]
    manifest = predicate["population"]["manifest"]
    assert hashlib.sha256(manifest.encode()).hexdigest() == job["source_commit_id"]
    assert predicate["population"]["commit_id"] == job["source_commit_id"]
    assert predicate["seed_origin"] == {"kind": "mixed"}
    assert predicate["rounds"][0]["filter"] == {"expression": "id < 50"}
    assert predicate["rounds"][0]["parameters"] == {"sample_size": 3}
    assert predicate["data"] == {"passes": [1], "columns": []}
    assert (predicate["plan"], predicate["replacements"], predicate["issue"]) == (None, [], 1)
    entries = server.admin.get(f"/api/datasets/{dataset}/ledger").json()["entries"]
    (entry,) = (each for each in entries if each["body"]["job_id"] == job["id"])
    assert predicate["ledger"] == {
        name: entry[name] for name in ("number", "previous_digest", "digest")
    }


def test_replacements_make_a_further_issue(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": DRAWS["stratified"]})
    first = certified(server, job["id"])
    assert certified(server, job["id"]) == first
    assert require_accepted(server, job["id"], dataset)["superseded"] is None
    rows = first["predicate"]["rounds"][0]["ordinals"]
    path, reason = f"/api/sampling/jobs/{job['id']}/replacements", "no purchase"
    out = [f"primary:{rows[0]}"]
    for _ in range(2):  # the row that came in goes out, too
        body = {"row_id": out[-1], "reason": reason}
        out.append(server.admin.post(path, json=body).json()["replacement_row_id"])
    second = certified(server, job["id"])["predicate"]
    assert second["issue"] == 2
    stated = [
        (each["round_number"], each["ordinal_out"], each["ordinal_in"], each["place"])
        for each in second["replacements"]
    ]
    ordinals = [int(row.removeprefix("primary:")) for row in out]
    assert stated == [(1, *ordinals[:2], 1), (1, *ordinals[1:], 2)]
    assert {each["reason"] for each in second["replacements"]} == {reason}
    assert second["rounds"] == first["predicate"]["rounds"]
    assert require_accepted(server, job["id"], dataset)["superseded"] is None
    assert certified(server, job["id"], number=1) == first
    old = require_accepted(server, job["id"], dataset, number=1)
    entries = server.admin.get(f"/api/datasets/{dataset}/ledger?format=json").json()["entries"]
    later = [each for each in entries if each["body"].get("job_id") == job["id"]][1]
    followed = f"a replacement followed (entry {later['number']} of the ledger, "
    assert old["superseded"].startswith(f"{followed}{later['recorded_at']}), and 1 other; ")
    issues = server.admin.get(f"/api/sampling/jobs/{job['id']}/certificates").json()
    assert [(each["issue"], each["superseded_at"]) for each in issues["certificates"]] == [
        (2, None),
        (1, second["replacements"][0]["recorded_at"]),
    ]
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/certificate?number=3")
    assert_problem(answer, 404, "not_found")


def test_a_rotated_key_signs_the_same_payload(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": DRAWS["random"]})
    first = certified(server, job["id"])
    server.admin.post("/api/signing-keys/rotate")
    assert certified(server, job["id"]) == first


def test_simultaneous_requests_issue_one_certificate(server: LiveServer, dataset: int) -> None:
    job = server.draw(dataset, {"rounds": DRAWS["random"]})
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(lambda _: certified(server, job["id"]), range(4)))
    assert all(one == found[0] for one in found)
    issues = server.admin.get(f"/api/sampling/jobs/{job['id']}/certificates").json()
    assert len(issues["certificates"]) == 1


def test_many_rows_and_groups_are_stated_by_their_hashes(server: LiveServer) -> None:
    dataset = server.new_table(10_001)
    job = server.draw(
        dataset, {"rounds": [one("stratified", strata_columns=["id"], samples_per_stratum=1)]}
    )
    predicate = certified(server, job["id"])["predicate"]
    (stated,) = predicate["rounds"]
    assert [stated[name] for name in ("ordinals", "probabilities", "weights")] == [None] * 3
    order = Order(10_001, "5")
    ordinals = sorted(range(10_001), key=order.rank)
    text = ",".join(map(str, ordinals))
    assert hashlib.sha256(text.encode()).hexdigest() == stated["ordinals_sha256"]
    groups = [
        {
            "key": {"id": str(row)},
            "label": str(row),
            "rows": 1,
            "allocated": 1,
            "sampled": 1,
            "last_rank": str(order.rank(row)),
        }
        for row in range(10_001)
    ]
    text = json.dumps(groups, sort_keys=True, separators=(",", ":"))
    assert stated["facts"] == {
        "groups": None,
        "groups_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "groups_count": 10_001,
    }


@pytest.mark.parametrize("name", ["ordinal", "PRESENT", "pass_1"])
def test_a_column_may_have_a_name_of_the_data_file(server: LiveServer, name: str) -> None:
    dataset = server.new_dataset()
    lines = "".join(f"{row % 3},{row}\n" for row in range(30))
    assert server.import_text(dataset, f"{name},x\n{lines}")["status"] == "completed"
    chosen = one("stratified", "x > 11", strata_columns=[name], samples_per_stratum=2)
    job = server.draw(dataset, {"rounds": [chosen]})
    require_accepted(server, job["id"], dataset)
