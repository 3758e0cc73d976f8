"""Samples of published results: designs and columns of ``published/survey.json``.

The columns are those of the data sets ``api`` and ``election`` of R's package survey 4.4.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
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

FIFTEEN = [41, 49, 49, 49, 49, 45, 31, 31, 35, 39, 41, 61, 49, 51, 33]
"""Three rows of each of five clusters: Särndal, Swensson and Wretman 1992, page 143."""


@cache
def data() -> dict[str, Any]:
    """The columns of each sample."""
    text = files("application.validation").joinpath("published", "survey.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def column(sample: str, name: str) -> Floats:
    """A column of numbers."""
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
    """200 schools of 6,194."""
    return random_design(200, 6194)


def api_strata() -> Design:
    """200 schools, by elementary, middle and high schools."""
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
    """40 of 4,600 counties, with probabilities by votes."""
    p = column("election", "p")
    return weighted_design(p, np.zeros(len(p), dtype=np.bool_), 4600)


def fifteen_rows() -> Design:
    """5 of 50 clusters, three rows of each."""
    clusters = np.repeat(np.arange(5), 3)
    return cluster_design(clusters, np.array([5, 8, 5, 9, 7]), 50, 340)
