"""Sizes by many pilots, drawn by fixed seeds: their plans are right on average."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from contract.words import PlannedStatistic
from estimation_engine.designs.random import RandomDesign
from estimation_engine.designs.stratified import StratifiedDesign
from estimation_engine.estimates import Domains, Values
from estimation_engine.planning.allocation import Strata, integer_sizes, optimal_sizes
from estimation_engine.planning.pilot import PilotRows, PilotStatistic

ROWS, PILOTS = 4_000, 160
GENERATOR = np.random.default_rng(11)
STRATUM = np.repeat([0, 1, 2], [2_400, 1_200, 400])
AMOUNT = GENERATOR.gamma(4.0, 10.0, ROWS) * np.array([1.0, 2.0, 5.0])[STRATUM]
MARKED = (GENERATOR.random(ROWS) < np.array([0.1, 0.3, 0.5])[STRATUM]).astype(float)
DOMAIN = GENERATOR.integers(0, 2, ROWS)
STRATUM_ROWS = np.bincount(STRATUM)


def random_pilot(size: int, random: np.random.Generator) -> tuple[Any, Any]:
    ordinals = np.sort(random.choice(ROWS, size, replace=False))
    ones = np.zeros(size, dtype=np.int64)
    whole, drawn = np.array([ROWS]), np.array([size])
    return ordinals, RandomDesign(np.full(size, ROWS / size), ROWS, ones, whole, drawn)


def stratified_pilot(sizes: list[int], random: np.random.Generator) -> tuple[Any, Any]:
    parts = [
        random.choice(np.flatnonzero(number == STRATUM), size, replace=False)
        for number, size in enumerate(sizes)
    ]
    ordinals = np.sort(np.concatenate(parts))
    drawn, groups = np.array(sizes), STRATUM[ordinals]
    weights = (STRATUM_ROWS / drawn)[groups]
    return ordinals, StratifiedDesign(weights, ROWS, groups, STRATUM_ROWS, drawn)


def figures_of(
    statistic: PlannedStatistic, y: Any, ordinals: Any, design: Any, *, by_stratum: bool, by: bool
) -> PilotStatistic:
    every = np.ones(len(ordinals), dtype=np.bool_)
    groups = STRATUM[ordinals] if by_stratum else np.zeros(len(ordinals), dtype=np.int64)
    group_rows = STRATUM_ROWS if by_stratum else np.array([ROWS])
    domains = Domains(every, DOMAIN[ordinals] if by else np.zeros_like(groups), 2 if by else 1)
    return PilotStatistic(
        statistic,
        PilotRows(design, every, groups, group_rows),
        Values(statistic, y[ordinals], every),
        domains,
        np.ones((domains.count, len(group_rows)), dtype=np.bool_),
    )


def true_squares(statistic: str, y: Any, *, by_stratum: bool, by: bool) -> Any:
    """S² of the linearised variable in each domain and stratum."""
    own = DOMAIN if by else np.zeros(ROWS, dtype=np.int64)
    groups = STRATUM if by_stratum else np.zeros(ROWS, dtype=np.int64)
    found = []
    for domain in range(int(own.max()) + 1):
        inside = own == domain
        z = np.where(inside, y, 0.0)
        if statistic != "total":
            z = np.where(inside, (y - y[inside].mean()) / inside.sum(), 0.0)
        found.append([z[groups == g].var(ddof=1) for g in range(int(groups.max()) + 1)])
    return np.array(found)


@pytest.mark.parametrize("by", [False, True])
@pytest.mark.parametrize("statistic", ["mean", "total", "proportion"])
@pytest.mark.parametrize("kind", ["random", "stratified by random", "random by stratified"])
def test_variances_are_right_on_average(kind: str, statistic: PlannedStatistic, by: bool) -> None:
    """The mean of S² over pilots is S², and its standard error is what they vary by."""
    random = np.random.default_rng(3)
    y = MARKED if statistic == "proportion" else AMOUNT
    by_stratum = kind == "stratified by random"
    squares, errors = [], []
    for _ in range(PILOTS):
        if kind == "random by stratified":
            ordinals, design = stratified_pilot([50, 50, 50], random)
        else:
            ordinals, design = random_pilot(150, random)
        found = figures_of(statistic, y, ordinals, design, by_stratum=by_stratum, by=by)
        squares.append(found.group_squares)
        factors = found.pilot.group_rows.astype(float) ** 2
        errors.append(found.variance_error(0, factors))
    known = true_squares(statistic, y, by_stratum=by_stratum, by=by)
    mean = np.mean(squares, axis=0)
    assert mean == pytest.approx(known, rel=0.12)
    factors = (STRATUM_ROWS if by_stratum else np.array([ROWS])).astype(float) ** 2
    sums = np.array([each[0] @ factors for each in squares])
    assert np.mean(errors) == pytest.approx(sums.std() / sums.mean(), rel=0.3)


@pytest.mark.parametrize("kind", ["random", "optimal"])
def test_the_planned_margin_is_met_on_average(kind: str) -> None:
    """The true standard error at the sizes that many pilots plan is about the wanted one."""
    random, wanted = np.random.default_rng(7), 0.04 * AMOUNT.mean()
    known = true_squares("mean", AMOUNT, by_stratum=kind == "optimal", by=False)[0]
    reached, sizes, errors = [], [], []
    for _ in range(PILOTS):
        ordinals, design = random_pilot(120, random)
        found = figures_of("mean", AMOUNT, ordinals, design, by_stratum=kind == "optimal", by=False)
        if kind == "random":
            square = float(found.squares[0])
            drawn = np.ceil(np.array([ROWS**2 * square / (wanted**2 + ROWS * square)]))
        else:
            least = np.full(3, 2.0)
            strata = Strata(STRATUM_ROWS.astype(float), found.group_squares, np.ones(3), least)
            goal = np.array([wanted**2])
            drawn = integer_sizes(strata, goal, optimal_sizes(strata, goal)).astype(float)
        rows = found.pilot.group_rows
        factors = rows * (rows / drawn - 1.0)
        reached.append(sqrt(float(factors @ known)) / wanted)
        sizes.append(drawn.sum())
        errors.append(found.variance_error(0, factors))
    assert np.mean(reached) == pytest.approx(1.0, abs=0.06)
    # The size varies by about the stated error of the variance; a finite table damps it.
    assert 0.5 * np.mean(errors) < np.std(sizes) / np.mean(sizes) < 1.3 * np.mean(errors)
