"""Sizes of strata by guessed rates: for a share, and for a recall."""

from __future__ import annotations

from itertools import product
from math import sqrt
from typing import Any

import numpy as np
import pytest

from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from sampling_engine import StratifiedMethod, check_rounds
from sampling_engine.allocation import GuessedRates, allocate_by_share
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import one_round, sizes, warnings_of

ROWS = np.array([800_000, 100_000, 50_000, 10_000, 40_000])
RATES = np.array([0.0005, 0.005, 0.01, 0.05, 0.0025])
FLAGGED = np.array([False, False, False, True, True])


def error_of(guess: GuessedRates, drawn: np.ndarray) -> float:
    """The standard error without the finite-population correction."""
    return sqrt(float((guess.rows**2 * guess.deviations**2 / drawn).sum())) / guess.scale


def divided(guess: GuessedRates, size: int) -> np.ndarray:
    least = np.full(len(guess.rows), 2)
    return allocate_by_share(guess.rows * guess.deviations, guess.rows, size, least)


def test_published_sizes_of_a_rare_share() -> None:
    guess = GuessedRates(ROWS, RATES)
    drawn = divided(guess, 4_000)
    assert drawn.tolist() == [2098, 828, 584, 256, 234]
    assert guess.figure == pytest.approx(0.002)
    assert round(100 * error_of(guess, drawn), 4) == 0.0539
    assert round(100 * error_of(guess, 4_000 * ROWS / ROWS.sum()), 4) == 0.0701
    assert round(100 * sqrt(0.002 * 0.998 / 4_000), 4) == 0.0706


def test_a_recall_is_most_precise_at_its_own_sizes() -> None:
    """No transfer of rows between two strata makes the linearised variance smaller."""
    guess = GuessedRates(ROWS, RATES, FLAGGED)
    assert guess.figure == pytest.approx(0.3)
    drawn = divided(guess, 4_000)
    best = error_of(guess, drawn)
    for gains, gives in product(range(5), repeat=2):
        moved = drawn.copy()
        moved[gains] += 5
        moved[gives] -= 5
        assert error_of(guess, moved) >= best - 1e-9
    of_share = divided(GuessedRates(ROWS, RATES), 4_000)
    assert best < 0.98 * error_of(guess, of_share)


def test_the_variance_of_a_recall_is_that_of_simulated_samples() -> None:
    rates = np.array([0.02, 0.1, 0.5, 0.9])
    guess = GuessedRates(np.full(4, 50_000), rates, np.array([False, False, True, True]))
    drawn = divided(guess, 2_000)
    found = np.random.default_rng(29).binomial(drawn, rates, size=(20_000, 4)) / drawn
    recalls = found[:, 2:].sum(axis=1) / found.sum(axis=1)
    assert recalls.mean() == pytest.approx(guess.figure, abs=0.002)
    assert recalls.std() == pytest.approx(error_of(guess, drawn), rel=0.03)


def table_of(workshop: Workshop) -> TableFiles:
    return workshop.table_of(
        "SELECT i AS id, ['a', 'b', 'c', NULL][1 + i % 4] AS g, CASE i % 4 WHEN 0 THEN 0.02 "
        "WHEN 1 THEN 0.5 WHEN 2 THEN 0.0 END AS score FROM range(400) AS r(i)"
    )


def by_guess(**more: Any) -> StratifiedMethod:
    given = {"strata_columns": ("g",), "sample_size": 60, "allocation": "neyman", **more}
    return StratifiedMethod(**given)


def test_mean_scores_are_the_rates(workshop: Workshop) -> None:
    """A stratum whose guess is 0 gives two rows; one without a score counts as the mean of all."""
    sample = workshop.draw(table_of(workshop), one_round(by_guess(rate_column="score")))
    mean = 0.52 / 3
    weights = {"a": sqrt(0.02 * 0.98), "b": 0.5, None: sqrt(mean * (1 - mean))}
    found = sizes(sample)
    assert found["c"] == 2
    for key, weight in weights.items():
        assert found[key] == pytest.approx(58 * weight / sum(weights.values()), abs=1)
    assert "1 strata have no value in" in " ".join(warnings_of(sample.rounds[0]))


def test_given_rates_are_named_by_label(workshop: Workshop) -> None:
    rates = {"a": 0.1, "b": 0.1, "c": 0.1, "NULL": 0.5}
    sample = workshop.draw(table_of(workshop), one_round(by_guess(rates=rates)))
    assert sizes(sample) == {"a": 13, "b": 13, "c": 13, None: 21}
    recall = by_guess(allocation="recall", rates=rates, flagged=("NULL",))
    # R = 0.5/0.8, so (1 - R)·√(r(1 - r)) is 0.1875 of NULL, as R·√(r(1 - r)) is of the others.
    assert sizes(workshop.draw(table_of(workshop), one_round(recall)))[None] == 15


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        ({}, "allocation_column", "needs allocation_column or rate_column or rates"),
        ({"rates": {"a": 1}, "rate_column": "score"}, "rates", "only one of"),
        ({"rates": {"a": 1.5}}, "rates", "up to 1"),
        ({"rate_column": "score", "flagged": ("a",)}, "flagged", "can't be combined"),
        ({"allocation": "recall", "rate_column": "score"}, "flagged", "needs flagged"),
        ({"allocation": "recall", "flagged": ("a",)}, "rate_column", "needs rate_column or rates"),
        ({"allocation": "equal", "rates": {"a": 1}}, "rates", "can't be combined"),
    ],
)
def test_parameters_that_do_not_fit(
    workshop: Workshop, given: dict[str, Any], place: str, message: str
) -> None:
    with pytest.raises(DomainError, match=message) as caught:
        check_rounds(table_of(workshop), [one_round(by_guess(**given))])
    assert caught.value.loc[:4] == ("rounds", 0, "parameters", place)


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        ({"rates": {"a": 0.1, "b": 0.1}}, "rates", 'rates lacks 2 strata: "c", "NULL"'),
        ({"rates": {"x": 0.1}}, "rates", 'no stratum "x"'),
        ({"rate_column": "id"}, "rate_column", "below 0 or above 1 in 4 strata"),
        (
            {"allocation": "recall", "rate_column": "score", "flagged": ("x",)},
            "flagged",
            'no stratum "x"',
        ),
    ],
)
def test_rates_that_do_not_fit_the_strata(
    workshop: Workshop, given: dict[str, Any], place: str, message: str
) -> None:
    with pytest.raises(DomainError, match=message) as caught:
        workshop.draw(table_of(workshop), one_round(by_guess(**given)))
    assert caught.value.loc[:4] == ("rounds", 0, "parameters", place)
