"""Agreement of two readers, against published figures and the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from estimation_engine.agreement import (
    Agreement,
    agreement_of_choices,
    agreement_of_numbers,
)
from estimation_engine.arrays import Ints

KRIPPENDORFF = (
    "1 . 1 1|2 2 3 2|3 3 3 3|3 3 3 3|2 2 2 2|1 2 3 4|"
    "4 4 4 4|1 1 2 1|2 2 2 2|. 5 5 5|. . 1 1|. . 3 ."
)
"""The answers of four observers to twelve units: Krippendorff 2011, section C."""


def table(first: str, second: str) -> Ints:
    """The counts of two texts of one letter for each row."""
    values = sorted(set(first + second))
    counts = np.zeros((len(values), len(values)), dtype=np.int64)
    np.add.at(counts, ([*map(values.index, first)], [*map(values.index, second)]), 1)
    return counts


def choices(*counts: list[int]) -> Agreement:
    return agreement_of_choices(np.array(counts), 0.95)


def alpha_by_definition(units: list[list[float]], *, nominal: bool) -> float:
    """Krippendorff's α of any number of observers, value by value."""

    def apart(values: list[float]) -> float:
        return sum(float(a != b) if nominal else (a - b) ** 2 for a in values for b in values)

    paired = [unit for unit in units if len(unit) > 1]
    every = [value for unit in paired for value in unit]
    observed = sum(apart(unit) / (len(unit) - 1) for unit in paired) / len(every)
    return 1 - observed / (apart(every) / (len(every) * (len(every) - 1)))


@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_that_of_the_definition(seed: int) -> None:
    units = [[float(v) for v in unit.split() if v != "."] for unit in KRIPPENDORFF.split("|")]
    assert alpha_by_definition(units, nominal=True) == pytest.approx(0.743, abs=5e-4)
    assert alpha_by_definition(units, nominal=False) == pytest.approx(0.849, abs=5e-4)
    random = np.random.default_rng(seed)
    first = random.integers(0, 4, 40)
    second = np.where(random.random(40) < 0.8, first, random.integers(0, 4, 40))
    pairs = np.array([first, second]).T.astype(np.float64).tolist()
    counts = np.zeros((4, 4), dtype=np.int64)
    np.add.at(counts, (first, second), 1)
    nominal = agreement_of_choices(counts, 0.95).alpha
    assert nominal.value == pytest.approx(alpha_by_definition(pairs, nominal=True), rel=1e-12)
    a, b = ((1e6 + each).astype(np.float64) for each in (first, second))
    numbers = agreement_of_numbers(a, b, 0.95).alpha
    assert numbers.value == pytest.approx(alpha_by_definition(pairs, nominal=False), rel=1e-9)
    left_out = [
        alpha_by_definition(pairs[:at] + pairs[at + 1 :], nominal=True) for at in range(len(pairs))
    ]
    assert nominal.error == pytest.approx(np.std(left_out) * np.sqrt(39), rel=1e-9)


@pytest.mark.parametrize(("share", "wrong"), [(0.05, 0.05), (0.3, 0.05), (0.5, 0.1)])
def test_intervals_of_300_pairs_hold_kappa_and_alpha(share: float, wrong: float) -> None:
    right = 1 - wrong
    chances = np.array(
        [
            [(1 - share) * right**2 + share * wrong**2, wrong * right],
            [wrong * right, share * right**2 + (1 - share) * wrong**2],
        ]
    )
    true = agreement_of_choices(np.round(chances * 1_000_000).astype(np.int64), 0.95)
    random = np.random.default_rng(8)
    held = np.zeros(2)
    for counts in random.multinomial(300, chances.ravel(), size=1_000).reshape(-1, 2, 2):
        found = agreement_of_choices(counts, 0.95)
        for at, (figure, truth) in enumerate(
            ((found.kappa, true.kappa.value), (found.alpha, true.alpha.value))
        ):
            assert figure.low is not None
            assert figure.high is not None
            assert truth is not None
            held[at] += figure.low <= truth <= figure.high
    assert (held >= 925).all()
    assert (held <= 970).all()


def test_equal_answers_have_no_interval_of_no_width() -> None:
    found = choices([30, 0], [0, 3])
    assert (found.kappa.value, found.kappa.low, found.alpha.value, found.alpha.low) == (
        *(1.0, None),
        *(1.0, None),
    )
    assert found.share.low == pytest.approx(0.8942, abs=5e-5)
    assert found.cautions[0].startswith("All pairs are equal")


def test_one_value_has_no_kappa() -> None:
    found = choices([30, 0], [0, 0])
    assert found.kappa.value is found.alpha.value is None
    assert "aren't defined" in found.cautions[0]
    same = agreement_of_numbers(np.full(5, 0.1), np.full(5, 0.1), 0.95)
    assert same.alpha.value is None


def test_few_pairs_get_a_caution() -> None:
    assert "60, of which 4 differ" in choices([40, 2], [2, 16]).cautions[0]
    assert choices([80, 10], [10, 40]).cautions == ()
    assert "α has" in agreement_of_numbers(np.arange(9.0), np.arange(9.0) % 7, 0.95).cautions[0]


def test_no_pair_has_no_figure() -> None:
    found = agreement_of_numbers(np.zeros(0), np.zeros(0), 0.95)
    assert found.share.value is found.alpha.value is None
    assert choices([0, 0], [0, 0]).cautions == ()
    assert choices([0, 1], [0, 0]).share.low == 0.0
