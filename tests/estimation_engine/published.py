"""The samples of published results: designs, values and estimates of one domain."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from estimation_engine import (
    Design,
    DomainEstimate,
    Domains,
    EstimateSettings,
    Values,
    cluster_design,
    estimate,
    random_design,
    stratified_design,
    weighted_design,
)
from estimation_engine.arrays import Floats, Ints

GOLDEN = Path(__file__).parent / "golden" / "survey.json"
"""Columns of the data sets ``api`` and ``election`` of R's package survey 4.4."""


@cache
def data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
    return found


def column(sample: str, name: str) -> Floats:
    return np.array(data()[sample][name], dtype=np.float64)


def numbered(values: Any) -> Ints:
    """The values' numbers, in their order."""
    return np.unique(np.array(values), return_inverse=True)[1].astype(np.int64)


def one(
    design: Design,
    statistic: Any,
    y: Any,
    x: Any = None,
    q: float = 0.5,
    present: Any = None,
    **settings: Any,
) -> DomainEstimate:
    """The estimate for the whole population."""
    y = np.asarray(y, dtype=np.float64)
    values = Values(
        statistic,
        y,
        np.ones(len(y), dtype=np.bool_) if present is None else np.asarray(present),
        None if x is None else np.asarray(x, dtype=np.float64),
        q,
    )
    everything = Domains(np.ones(len(y), dtype=np.bool_), np.zeros(len(y), dtype=np.int64), 1)
    return estimate(design, values, everything, EstimateSettings(**settings))[0]


def api_random() -> Design:
    return random_design(200, 6194)


def api_strata() -> Design:
    fpc = column("strat", "fpc").astype(np.int64)
    strata = numbered(data()["strat"]["stype"])
    rows = np.array([fpc[strata == at][0] for at in range(3)])
    return stratified_design(strata, rows)


def api_clusters() -> Design:
    """15 of 757 districts, all schools of each."""
    clusters = numbered(data()["clus1"]["dnum"])
    return cluster_design(clusters, np.bincount(clusters), 757, 6194)


def api_two_stages() -> Design:
    """40 of 757 districts, and up to five schools of each."""
    clusters = numbered(data()["clus2"]["dnum"])
    fpc = column("clus2", "fpc2").astype(np.int64)
    rows = np.array([fpc[clusters == at][0] for at in range(clusters.max() + 1)])
    return cluster_design(clusters, rows, 757, 6194)


def election() -> Design:
    p = column("election", "p")
    return weighted_design(p, np.zeros(len(p), dtype=np.bool_), 4600)
