"""Faultless samples of every design differ in 1 % of cases or fewer, and power is as stated.

The samples are drawn by numpy with fixed seeds. ``benchmarks.false_alarms`` draws with the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from profiling_engine.comparison.compared_table import Ints
from profiling_engine.comparison.comparison import ALPHA
from profiling_engine.comparison.distances import ColumnDistance
from profiling_engine.comparison.significance import holm
from tests.profiling_engine.simulated_samples import (
    Draw,
    Population,
    clustered,
    p_values,
    proportional,
    simple,
    stratified,
)

COUNT, DRAWS = 1000, 250
_chance = np.random.default_rng(11)
_uniform = _chance.random(COUNT)
SIZES = np.exp(_chance.uniform(0, 4, COUNT))
REGION = np.searchsorted([0.6, 0.85, 0.97], _uniform).astype(np.int64)
BLOCK = np.arange(COUNT) // 10
POPULATION = Population(
    {"size": SIZES, "holes": np.where(_chance.random(COUNT) < 0.3, np.nan, BLOCK // 20)},
    {
        "by size": np.digitize(SIZES, [1.5, 5, 20, 45]).astype(np.int64),
        "long tail": np.floor(_chance.pareto(1.2, COUNT) * 2).clip(max=40).astype(np.int64),
    },
)
DESIGNS: dict[str, Draw] = {
    "simple": simple(COUNT, 120),
    "most of the rows": simple(COUNT, 800),
    "stratified": stratified(REGION, 20),
    "clusters": clustered(BLOCK, 20),
    "proportional to size": proportional(SIZES, 120),
}


@pytest.mark.parametrize("design", [*DESIGNS, "reference"])
def test_faultless_samples_rarely_differ(design: str) -> None:
    """Of 250 samples 1 % is 2.5; more than 8 would come about in 0.1 % of cases."""
    chance = np.random.default_rng(17)
    alarms = 0
    for _ in range(DRAWS):
        population, draw = POPULATION, DESIGNS.get(design, DESIGNS["simple"])
        if design == "reference":
            rows = chance.choice(COUNT, 400, replace=False)
            population = Population(POPULATION.numbers, POPULATION.categories, rows)
        alarms += any(holm(p_values(population.compare(draw(chance))), ALPHA))
    assert alarms <= 8


NORMAL = stats.norm.ppf((np.arange(5_000) + 0.5) / 5_000)
SKEWED = np.exp(NORMAL)
FIVE = np.arange(5_000) % 5
RARE = (np.arange(5_000) % 50 == 0).astype(np.int64)
SHIFTED = Population(
    {"normal": NORMAL, "skewed": SKEWED}, {"five": FIVE, "two": FIVE // 3, "rare": RARE}
)
LEVEL = ALPHA / 20
"""Of the first of 20 tests, those of 10 columns."""


def power(compare: Callable[[np.random.Generator], ColumnDistance]) -> float:
    chance = np.random.default_rng(23)
    found = [compare(chance).p_value <= LEVEL for _ in range(400)]
    return float(np.mean(found))


def stated_gap(distance: ColumnDistance) -> float:
    gap = distance.detectable(LEVEL)
    assert gap is not None
    return gap


@pytest.mark.parametrize("rows", [150, 600])
@pytest.mark.parametrize("name", ["normal", "skewed"])
def test_numbers_have_the_stated_power(rows: int, name: str) -> None:
    """The normal numbers are shifted so that the distance is the gap; the skewed ones scaled."""
    gap = stated_gap(SHIFTED.compare_numbers(name, SHIFTED.numbers[name][:rows]))
    shift = 2 * stats.norm.ppf((1 + gap) / 2)

    def shifted(chance: np.random.Generator) -> ColumnDistance:
        numbers = chance.normal(shift, 1, rows)
        return SHIFTED.compare_numbers(name, np.exp(numbers) if name == "skewed" else numbers)

    assert 0.75 <= power(shifted) <= 0.9


@pytest.mark.parametrize("rows", [150, 600])
@pytest.mark.parametrize(
    ("name", "shares", "raised"),
    [("five", [0.2] * 5, [0, 1]), ("two", [0.6, 0.4], [1]), ("rare", [0.98, 0.02], [1])],
)
def test_categories_have_the_stated_power(
    rows: int, name: str, shares: list[float], raised: list[int]
) -> None:
    """The shares of some categories are raised by the gap, in proportion."""
    gap = stated_gap(SHIFTED.compare_labels(name, SHIFTED.categories[name][:rows]))
    up = np.isin(np.arange(len(shares)), raised)
    moved = np.array(shares)
    moved[up] *= 1 + gap / moved[up].sum()
    moved[~up] *= 1 - gap / moved[~up].sum()

    def codes(chance: np.random.Generator) -> Ints:
        return chance.choice(len(shares), rows, p=moved)

    assert 0.75 <= power(lambda chance: SHIFTED.compare_labels(name, codes(chance))) <= 0.9
