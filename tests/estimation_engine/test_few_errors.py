"""The coverage simulation of few errors: a small part of it, with fixed seeds."""

from __future__ import annotations

from benchmarks.coverage.few_errors import BOOKS, CASES, ESTIMATORS, TOLERABLE, measure


def test_what_is_not_tolerable_is_rarely_accepted() -> None:
    for case in (CASES[1], CASES[3]):
        found = measure(case, rate=0.05, rows=100, audits=2 * BOOKS)
        assert found["difference"].below > 0.1, "the limit alone would accept"
        assert max(found[each].tolerable for each in ESTIMATORS) <= 0.05


def test_many_errors_of_strata_are_concluded() -> None:
    found = measure(TOLERABLE[1], rate=0.4, rows=300, audits=BOOKS)
    assert min(found[each].tolerable for each in ESTIMATORS) > 0.7
