"""Working papers of samples of many designs, as sections."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from application.audit.evaluation import request_of
from application.audit.working_paper import working_paper
from contract.requests.evaluate import EvaluationRequest
from presentation.content import Section
from storage.audit.findings import review_of
from storage.jobs.jobs import get_job
from tests.support.live_server import LiveServer

DESIGNS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "random": ([{"method": "random", "parameters": {"sample_size": 60}}], {"tolerable": "0.2"}),
    "both sides": (
        [{"method": "random", "parameters": {"sample_size": 40}}],
        {"tolerable": "0.01", "sides": "two", "likelihood": "poisson"},
    ),
    "systematic": (
        [{"method": "systematic", "parameters": {"sample_size": 30}}],
        {"tolerable": "0.3"},
    ),
    "difference": (
        [{"method": "random", "parameters": {"sample_size": 60}}],
        {"kind": "variables", "book_column": "amount", "tolerable": "50000"},
    ),
    "strata, ratio": (
        [
            {
                "method": "stratified",
                "parameters": {"sample_size": 40, "strata_columns": ["branch"]},
            }
        ],
        {
            "kind": "variables",
            "book_column": "amount",
            "estimator": "ratio",
            "sides": "two",
            "tolerable": "9000",
        },
    ),
    "regression": (
        [{"method": "random", "parameters": {"sample_size": 45}}],
        {"kind": "variables", "book_column": "amount", "estimator": "regression"},
    ),
    "fixed interval": (
        [
            {
                "method": "monetary_unit",
                "parameters": {
                    "sample_size": 40,
                    "book_column": "amount",
                    "selection": "fixed_interval",
                },
            }
        ],
        {"tolerable": "0.05"},
    ),
    "cells": (
        [
            {
                "method": "monetary_unit",
                "parameters": {"sample_size": 40, "book_column": "amount", "selection": "cell"},
            }
        ],
        {"tolerable": "20000"},
    ),
    "gaffke": (
        [
            {
                "method": "monetary_unit",
                "parameters": {"sample_size": 50, "book_column": "amount", "selection": "random"},
            }
        ],
        {"tolerable": "30000", "bound": "gaffke"},
    ),
    "strata of money": (
        [
            {
                "method": "monetary_unit",
                "parameters": {"sample_size": 20, "book_column": "amount"},
                "filters": {"expression": f"branch {sign} 'North'"},
            }
            for sign in ("=", "<>")
        ],
        {"tolerable": "20000"},
    ),
    "sequential": (
        [{"method": "random", "parameters": {"sample_size": 60}}],
        {"kind": "sequential", "tolerable": "0.2"},
    ),
    "sequential amounts": (
        [
            {
                "method": "monetary_unit",
                "parameters": {"sample_size": 30, "book_column": "amount", "selection": "random"},
            }
        ],
        {"kind": "sequential", "tolerable": "20000"},
    ),
    "bands": (
        [
            {
                "method": "stratified",
                "parameters": {
                    "sample_size": 40,
                    "strata_columns": [{"column": "amount", "breaks": [200, 400, 690]}],
                    "take_all": ["≥ 690"],
                    "allocation": "amount",
                    "allocation_column": "amount",
                    "min_per_stratum": 3,
                },
            }
        ],
        {"kind": "variables", "book_column": "amount", "tolerable": "20000"},
    ),
}
"""The rounds of each design, and its evaluation."""
VALUES = {"kind": "variables", "book_column": "amount", "tolerable": "50000"}
TWO_STAGES = {"materiality": 0.2, "accept": [0, 3], "first_stage": 20}
RARE_DESIGNS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    **{
        f"two stages, accepting {accept}": (
            [
                {
                    "method": "random",
                    "parameters": {"sample_size": 40},
                    "goal": {**TWO_STAGES, "accept": accept},
                }
            ],
            {},
        )
        for accept in ([0, 1], [0, 6], [3, 6])
    },
    "two stages too small": (
        [
            {
                "method": "random",
                "parameters": {"sample_size": 4},
                "goal": {**TWO_STAGES, "accept": [3, 4], "first_stage": 3},
            }
        ],
        {},
    ),
    "margin": (
        [
            {
                "method": "random",
                "parameters": {"sample_size": 30},
                "goal": {"margin": 0.1, "confidence": 0.9},
            }
        ],
        {"kind": "attributes"},
    ),
    "keyed order": (
        [
            {
                "method": "random",
                "parameters": {"sample_size": 30},
                "order": {"key": ["document"], "duplicates": "number"},
            }
        ],
        {"tolerable": "0.001"},
    ),
    "clusters": (
        [
            {
                "method": "cluster",
                "parameters": {"cluster_column": "posted", "num_clusters": 5},
            }
        ],
        VALUES,
    ),
    "clusters in stages": (
        [
            {
                "method": "cluster",
                "parameters": {
                    "cluster_column": "posted",
                    "num_clusters": 3,
                    "samples_per_cluster": 6,
                    "strata_columns": ["branch"],
                },
            }
        ],
        VALUES,
    ),
    "weights": (
        [
            {
                "method": "weighted",
                "parameters": {"weight_column": "amount", "sample_size": 40},
            }
        ],
        VALUES,
    ),
    "whole strata": (
        [
            {
                "method": "stratified",
                "parameters": {
                    "strata_columns": [{"column": "amount", "breaks": [100, 600]}],
                    "sizes": {"< 100": 5, "100 to < 600": 20, "≥ 600": "all"},
                },
            }
        ],
        VALUES,
    ),
    "two steps": (
        [
            {
                "method": "random",
                "parameters": {"sample_size": 10},
                "filters": {"expression": f"branch {sign} 'North'"},
            }
            for sign in ("=", "<>")
        ],
        {"tolerable": "0.2"},
    ),
    "one row": (
        [{"method": "random", "parameters": {"sample_size": 1}}],
        {"tolerable": "0.2"},
    ),
}
"""Designs that the papers of few audits have."""
BRANCHES = ("North", "South", "Überlingen")


def ledger(server: LiveServer, rows: int = 600, below: str = "") -> int:
    """A ledger of amounts from 40.25 to about 700, with branches and documents."""
    lines = [
        f"D{row:06d},{BRANCHES[row % 3]},{40 + (row * 37) % 661}.25,2025-{1 + row % 12:02d}-15"
        for row in range(rows)
    ]
    dataset = server.new_dataset()
    server.import_text(dataset, "\n".join(["document,branch,amount,posted", *lines]) + f"\n{below}")
    return dataset


def examined_sample(server: LiveServer, dataset: int, name: str, wrong: int = 3) -> str:
    """Draw a sample, and enter findings about all of its rows, the first of them in error."""
    designs = {**DESIGNS, **RARE_DESIGNS}
    seed = 11 + list(designs).index(name)
    rounds = [
        {"round_number": place, **each, "parameters": {"seed": seed, **each["parameters"]}}
        for place, each in enumerate(designs[name][0], start=1)
    ]
    output = re.sub(r"\W+", "-", name).strip("-")
    body = {"rounds": rounds, "output_name": f"{output}-{dataset}", "amount_column": "amount"}
    if any(each["method"] == "monetary_unit" for each in rounds):
        del body["amount_column"]
    job = server.draw(dataset, body)
    assert job["status"] == "completed", job
    path = f"/api/sampling/jobs/{job['id']}"
    items = server.admin.get(f"{path}/findings", params={"limit": 1000}).json()["items"]
    entries: list[dict[str, Any]] = [{"row_id": item["row_id"], "outcome": "ok"} for item in items]
    for place, item in list(enumerate(items))[:wrong]:
        book = Decimal(str(item["data"]["amount"]))
        entries[place] |= {
            "outcome": "exception",
            "audit_value": str((book * (6 + place) / 10).quantize(Decimal("0.01"))),
            "cause": "clerical" if place else "cut_off",
            "note": "Note",
        }
    sent = server.admin.post(f"{path}/findings", json={"findings": entries})
    assert sent.status_code == 200, sent.text
    return str(job["id"])


def sections_of(server: LiveServer, job_id: str, **query: Any) -> list[Section]:
    """The sections of a paper."""
    with server.service.database.read() as tx:
        job, review = get_job(tx, job_id), review_of(tx, job_id)
    if "tolerable" in query:
        query["tolerable"] = Decimal(query["tolerable"])
    settled = request_of(server.service, job, review, EvaluationRequest.of(query))
    return working_paper(server.service, job, settled)
