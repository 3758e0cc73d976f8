"""For how many rows a sample counts: by Kish's formula, and by how much draws really vary."""

from __future__ import annotations

import numpy as np
import pytest

from profiling_engine.sample_design import TAIL_WIDTH, SampleDesign


def test_equal_weights_count_as_their_rows_but_for_a_few() -> None:
    design = SampleDesign(np.full(400, 2.5))
    assert design.size == pytest.approx(400 / (1 + TAIL_WIDTH / 400))


def test_unequal_weights_count_as_kish_has_it_and_one_heavy_row_as_hardly_any() -> None:
    weights = np.repeat([1.0, 3.0], 500)
    kish = weights.sum() ** 2 / (weights**2).sum()
    assert SampleDesign(weights).size == pytest.approx(kish, rel=0.05)
    heavy = np.append(np.ones(99), 1000.0)
    assert SampleDesign(heavy).size < 0.2


def test_units_count_once_however_many_rows_they_have() -> None:
    units = np.repeat(np.arange(20), 50)
    clustered = SampleDesign(np.ones(1000), units)
    assert clustered.size == pytest.approx(20 / 1.5)
    alone = SampleDesign(np.ones(1000), np.arange(1000))
    assert alone.size == pytest.approx(SampleDesign(np.ones(1000)).size)


def test_a_share_that_is_the_same_in_every_unit_varies_less_but_counts_for_no_more() -> None:
    units, codes = np.repeat(np.arange(20), 50), np.tile([0, 1], 500)
    design = SampleDesign(np.ones(1000), units)
    assert design.variances(codes, np.array([0.5, 0.5]))[0] == pytest.approx(0)
    assert design.size_for(0.0) == design.size
    assert design.size_for(1.0) == pytest.approx(design.size / 20)


def test_without_units_a_share_varies_as_if_each_row_were_one() -> None:
    chance = np.random.default_rng(3)
    weights, codes = chance.uniform(1, 9, 300), chance.integers(0, 4, 300)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    plain, units = SampleDesign(weights), SampleDesign(weights, np.arange(300))
    for cumulative in (False, True):
        of = np.cumsum(shares) if cumulative else shares
        one = plain.variances(codes, of, cumulative=cumulative)
        two = units.variances(codes, of, cumulative=cumulative)
        assert one == pytest.approx(two * 299 / 300)
    indicator = codes == 2
    by_hand = (weights**2 * (indicator - 0.3) ** 2).sum() / weights.sum() ** 2
    assert plain.variances(codes, shares)[2] == pytest.approx(by_hand)


def test_the_variance_is_that_of_many_draws() -> None:
    """Equal allocation to strata of unequal size, asked of something that only the largest has."""
    chance = np.random.default_rng(5)
    strata = np.repeat(np.arange(4), [7000, 2000, 800, 200])
    has = (strata == 0) & (chance.random(10_000) < 0.1)
    shares = np.array([1 - has.mean(), has.mean()])
    estimates, variances = [], []
    for _ in range(400):
        parts = [chance.choice(np.flatnonzero(strata == at), 100, replace=False) for at in range(4)]
        rows = np.concatenate(parts)
        weights = np.repeat([70.0, 20.0, 8.0, 2.0], 100)
        estimates.append(weights[has[rows]].sum() / weights.sum())
        design = SampleDesign(weights)
        variances.append(design.variances(has[rows].astype(np.int64), shares)[1])
    true = float(np.var(estimates))
    assert np.mean(variances) == pytest.approx(true, rel=0.25)
    kish = shares.prod() / SampleDesign(weights).size
    assert true > 1.15 * kish, "Kish's size alone would take it for surer than it is"


def test_some_of_the_rows_keep_their_units() -> None:
    design = SampleDesign(np.arange(1.0, 7.0), np.array([0, 0, 1, 1, 2, 2]))
    part = design.of(np.array([True, False, False, False, True, True]))
    assert list(part.unit_weights) == [1.0, 11.0]
