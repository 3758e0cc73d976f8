"""Variances along a line: what simulations say, joint probabilities, and R's election sample."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import numpy as np
import pytest

from benchmarks.coverage.lines import coverage
from contract.requests.estimate import VarianceRequest
from estimation_engine.designs.design import DrawnRows, RowsOfPairs, whole_table
from estimation_engine.designs.weighted import SystematicWeightedDesign, WeightedDesign
from estimation_engine.replicates import jackknife

ELECTION = """
Bush,Kerry,Nader,p
954764,1670341,0,0.903657562594824
439242,394752,0,0.287091367872412
55541,119821,0,0.0603660415456728
114703,105008,1108,0.0760140106070524
152838,110153,1196,0.0909428691382778
108126,76938,570,0.063902041242056
37322,14862,0,0.0179636495479031
7745,2899,0,0.00366405576015409
583774,1389631,0,0.679318485284375
9432,4290,0,0.00472361641683901
1182,245,12,0.00049535665528577
32329,12391,189,0.0154593273330289
171157,116814,1410,0.0996155693281803
42739,36174,435,0.0273144960970224
257267,596208,3616,0.295042203638315
26428,18556,0,0.0154851450878215
764,326,21,0.000382447007659827
172563,162750,0,0.115427050836579
4080,871,25,0.0017129219713009
42263,18361,314,0.0209770978872858
36279,45402,1930,0.0287819772794291
31629,15822,0,0.01633437710213
174707,97283,0,0.0936289483468913
69289,99048,0,0.0579477785134404
93219,245733,0,0.116679728299112
153424,162220,0,0.108656258583059
11785,8238,70,0.00691674862728074
110653,65921,699,0.0610238779377862
157591,215810,1199,0.128951079270361
345482,335871,0,0.234546729081949
61290,43919,0,0.0362168021862131
580553,472320,0,0.362437559222164
13964,7077,0,0.00724308504785816
83079,42986,0,0.0433962034389163
49538,19079,885,0.0239251412478607
145,263,7,0.000142858243185264
264757,498782,5374,0.264688097210387
23025,20655,300,0.0151395314103323
52449,48226,459,0.0348140375091529
10638,5201,229,0.00553119578674896
"""
"""R's survey 4.4, ``data(election)``: the columns Bush, Kerry, Nader and p of ``election_pps``."""
OF_R = {"Bush": 64518472.380539976, "Kerry": 51202102.096248314, "Nader": 478530.523211708}
BREWER = {"Bush": 2447628.888656152, "Kerry": 2450786.539082407, "Nader": 102420.243515406}
"""``d <- svydesign(id = ~1, fpc = ~p, data = election_pps, pps = "brewer")`` and
``svytotal(~Bush + Kerry + Nader, d)``."""
RANDOM = VarianceRequest(systematic="random")


def election() -> dict[str, Any]:
    rows = list(csv.DictReader(StringIO(ELECTION.strip())))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def by_points(p: Any) -> WeightedDesign:
    zeros = np.zeros(len(p), dtype=np.int64)
    rows = np.array([4600])
    return WeightedDesign.of_draw(DrawnRows(zeros, rows, p, selected=np.arange(len(p))))


def total_variance(design: Any, y: Any, rules: VarianceRequest) -> float:
    rows = np.arange(len(y))
    t = y * design.weights
    return float(design.variance(rows, np.zeros_like(rows), t, 1, rules)[0])


@pytest.mark.parametrize("name", OF_R)
def test_the_election_sample_of_r(name: str) -> None:
    """Totals are R's. Standard errors are Hájek's here and Brewer's in R."""
    data = election()
    design = by_points(data["p"])
    assert isinstance(design, SystematicWeightedDesign)
    total = float((design.weights * data[name]).sum())
    assert total == pytest.approx(OF_R[name], rel=1e-9)
    error = total_variance(design, data[name], RANDOM) ** 0.5
    assert error == pytest.approx(BREWER[name], rel=0.02)
    # By hand: Hájek's, from the definition.
    t, c = data[name] / data["p"], 1 - data["p"]
    spread = c * (t - (c * t).sum() / c.sum()) ** 2
    assert error == pytest.approx((40 / 39 * spread.sum()) ** 0.5, rel=1e-12)


@pytest.mark.parametrize("name", OF_R)
def test_successive_differences_by_hand(name: str) -> None:
    data = election()
    p, y = data["p"], data[name]
    order = np.argsort(-y, kind="stable")
    zeros = np.zeros(40, dtype=np.int64)
    selected = np.empty(40, dtype=np.int64)
    selected[order] = np.arange(40)
    drawn = DrawnRows(zeros, np.array([4600]), p, selected=selected, sorted_by="the order by y")
    design = WeightedDesign.of_draw(drawn)
    t, c = (y / p)[order], (1 - p)[order]
    pairs = [(c[k] + c[k - 1]) / 2 * (t[k] - t[k - 1]) ** 2 for k in range(1, 40)]
    found = total_variance(design, y, VarianceRequest())
    assert found == pytest.approx(40 / 78 * sum(pairs), rel=1e-12)
    circle = (c[0] + c[-1]) / 2 * (t[0] - t[-1]) ** 2
    in_circle = total_variance(design, y, VarianceRequest(systematic="sd2"))
    assert in_circle == pytest.approx((sum(pairs) + circle) / 2, rel=1e-12)
    replicates = jackknife(design)
    estimates = (replicates.factors * (design.weights * y)[:, np.newaxis]).sum(axis=0)
    squares = replicates.scale * ((estimates - (design.weights * y).sum()) ** 2).sum()
    assert squares == pytest.approx(found, rel=1e-9)
    assert any("the order by y" in note for note in design.notes(VarianceRequest()))


def test_pairs_are_drawn_by_the_starts_of_both() -> None:
    """Against all 720 starts of rows of the sizes 5, 1, 3, 9 and 6 of 24, by three points."""
    sizes = np.array([5, 1, 3, 9, 6])
    before = np.cumsum(sizes) - sizes
    total, points, fine = 24, 3, 30
    drawn = np.zeros((total * fine, 5))
    for start in range(total * fine):
        at = (np.arange(points) * total * fine + start + 0.5) / (points * fine)
        drawn[start, np.searchsorted(before + sizes, at, side="right")] = 1
    p = sizes * points / total
    # A row of 9 units would be met twice, so it is always drawn.
    p, keep = p[p < 1], p < 1
    arcs = (before[keep] * points % total) / total
    rows = RowsOfPairs(np.zeros(len(p), dtype=np.int64), p, arcs=arcs)
    design = SystematicWeightedDesign(
        *whole_table(np.ones(2), 5), np.zeros(2, dtype=np.bool_), np.arange(2)
    )
    first, second = np.triu_indices(len(p), 1)
    found = design.joint_probabilities(rows, first, second)
    of_starts = drawn[:, keep].T @ drawn[:, keep] / len(drawn)
    assert found == pytest.approx(of_starts[first, second], abs=1e-9)


@pytest.mark.parametrize("by_size", [False, True])
def test_differences_hold_along_a_trend_and_break_by_a_period(by_size: bool) -> None:
    trend = coverage("trend with noise", "sd1", 300, by_size=by_size)
    assert 0.9 <= trend.covered <= 0.98
    assert 0.8 <= trend.ratio <= 1.2
    as_random = coverage("trend with noise", "random", 300, by_size=by_size)
    assert as_random.ratio > 2
    noise = coverage("noise", "sd1", 300, by_size=by_size)
    assert 0.9 <= noise.covered <= 0.98
    assert coverage("period of the interval", "sd1", 100, by_size=by_size).covered < 0.5
