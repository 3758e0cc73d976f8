"""A share by people's labels, drawn at random, in strata by score and by uncertainty."""

from __future__ import annotations

import pytest

from benchmarks.uncertainty import HIGH, LESS, LOW, Judge, Way, measure

DRAWS = 2_000
NOISE = 0.01
"""Two standard errors of a coverage over so many draws."""
FEW_IN_A_LARGE_STRATUM = ("good", 0.01, "stratified")
"""The lowest band has 91 % of the rows, and the sample 1.7 bad rows of it on average."""
SAVES = 1.0 - LESS
VARIANCES: dict[tuple[Judge, float, Way], tuple[tuple[float, float], tuple[float, float]]] = {
    ("good", 0.01, "random"): ((0.9, 1.1), (0.7, 1.0)),
    ("good", 0.01, "stratified"): ((0.0, SAVES), (0.0, SAVES)),
    ("good", 0.01, "uncertainty"): ((0.0, SAVES), (0.0, SAVES * 0.7)),
    ("good", 0.3, "random"): ((0.9, 1.1), (0.5, 0.7)),
    ("good", 0.3, "stratified"): ((0.0, SAVES), (0.0, SAVES)),
    ("good", 0.3, "uncertainty"): ((1.1, 1.4), (0.0, SAVES)),
    ("bad", 0.01, "random"): ((0.9, 1.1), (0.9, 1.1)),
    ("bad", 0.01, "stratified"): ((1.2, 2.2), (1.2, 2.2)),
    ("bad", 0.01, "uncertainty"): ((1.2, 2.2), (1.2, 2.2)),
    ("bad", 0.3, "random"): ((0.9, 1.1), (0.9, 1.1)),
    ("bad", 0.3, "stratified"): ((1.2, 2.2), (1.2, 2.2)),
    ("bad", 0.3, "uncertainty"): ((1.2, 2.2), (1.2, 2.2)),
}
"""Bounds of the variance by that of people alone at random: of people alone, and with the judge.

By uncertainty a good judge saves a fifth and more as a control variate. People alone gain only at
the low rate: at the high one rows with a score near 1 are mostly bad, and are drawn rarely.
"""


@pytest.mark.parametrize("case", VARIANCES)
def test_coverage_and_variance(case: tuple[Judge, float, Way]) -> None:
    found = measure(*case, DRAWS)
    low, high = LOW - NOISE, HIGH + NOISE
    if case == FEW_IN_A_LARGE_STRATUM:
        low, high = 0.88, LOW  # a size planned by guessed rates notes such strata
    for own, (least, most) in zip(found.values(), VARIANCES[case], strict=True):
        assert low <= own.coverage <= high
        assert least <= own.variance <= most
        assert own.estimated == pytest.approx(1.0, abs=0.12)
