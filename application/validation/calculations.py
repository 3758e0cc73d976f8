"""The calculations of published numbers: parameters in, figures by name out.

Each calls the function of the engine that jobs, the API and papers call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from application.validation import samples
from contract.words import Bound, Likelihood
from estimation_engine import Design
from estimation_engine.agreement import agreement_of_choices
from estimation_engine.audit import (
    AuditedItem,
    AuditGoal,
    TwoStageRule,
    evaluate_attributes,
    evaluate_monetary,
    size_for_materiality,
    two_stage_plan,
    two_stage_risk,
)
from estimation_engine.audit.limits import poisson_factor
from estimation_engine.intervals import difference_interval, wilson_interval
from estimation_engine.planning.allocation import Strata, sizes_for_budget
from estimation_engine.planning.bands import BandHistogram, root_cuts
from estimation_engine.planning.goals import random_size, wilson_trials

Figures = Mapping[str, float | None]
WHOLE = 10**8
"""The book amount of an item: taints are exact to 8 decimal places."""
SAMPLES: Mapping[str, tuple[str, Callable[[], Design]]] = {
    "apisrs": ("srs", samples.api_random),
    "apistrat": ("strat", samples.api_strata),
    "apiclus1": ("clus1", samples.api_clusters),
    "apiclus2": ("clus2", samples.api_two_stages),
    "election": ("election", samples.election),
}


def size(**goal: Any) -> Figures:
    """The size for a materiality."""
    if goal.get("likelihood") == "binomial":
        goal.pop("population", None)
    return {"size": size_for_materiality(AuditGoal(**goal)).size}


def size_of_ratio(*, materiality: float, ratio: float, **goal: Any) -> Figures:
    """The size for a materiality of which ``ratio`` is expected."""
    return size(materiality=materiality, expected=round(ratio * materiality, 12), **goal)


def factor(*, errors: int, confidence: float) -> Figures:
    """The confidence factor of a number of errors."""
    return {"size": poisson_factor(errors, confidence)}


def attributes(*, examined: int, exceptions: int, population: int, **more: Any) -> Figures:
    """The upper limit of the share of rows with an exception."""
    found = evaluate_attributes(examined, exceptions, population, **more)
    return {"upper_limit": found.upper_limit}


def monetary(
    *,
    taints: Sequence[float],
    units: int,
    bound: Bound,
    confidence: float,
    book: int = 1,
    likelihood: Likelihood = "binomial",
) -> Figures:
    """The most likely error and the upper limit of a sample of monetary units.

    Shares need no book value, and Gaffke's bound no likelihood.
    """
    items = [AuditedItem(WHOLE, WHOLE - round(taint * WHOLE)) for taint in taints]
    items += [AuditedItem(WHOLE, WHOLE)] * (units - len(taints))
    found = evaluate_monetary(
        items, book, confidence=confidence, likelihood=likelihood, bound=bound
    ).overstatement
    return {
        "upper_share": found.upper_share,
        "upper_limit": found.upper_limit,
        "projected_share": found.projected_share,
        "projected": found.projected,
    }


def two_stages(*, accept_first: int, accept_both: int, **goal: Any) -> Figures:
    """The size of each of two stages."""
    return {"first": two_stage_plan(AuditGoal(**goal), accept_first, accept_both).first}


def stages_risk(
    *,
    first: int,
    second: int,
    accept_first: int,
    accept_both: int,
    share: float,
    likelihood: Likelihood,
) -> Figures:
    """The chance that a rule of two stages accepts a share of errors."""
    rule = TwoStageRule(first, second, accept_first, accept_both)
    return {"risk": two_stage_risk(rule, share, likelihood, 10**6)}


def estimated(
    *,
    sample: str,
    statistic: str,
    column: str,
    denominator: str | None = None,
    quantile: float = 0.5,
    equals: float | None = None,
    interval: str = "",
    factor: float = 1.0,
) -> Figures:
    """An estimate of a published sample with its standard error and 95 % limits."""
    if sample == "fifteen_rows":
        design, y = samples.fifteen_rows(), np.array(samples.FIFTEEN, dtype=np.float64)
        x = None
    else:
        name, make = SAMPLES[sample]
        design, y = make(), samples.column(name, column)
        x = None if denominator is None else samples.column(name, denominator)
    if equals is not None:
        y = (y == equals).astype(np.float64)
    rule = {"proportion": interval} if interval else {}
    found = samples.one(design, statistic, y, x, quantile, **rule)
    value, error = (None if each is None else each * factor for each in (found.value, found.error))
    return {
        "value": value,
        "error": error,
        "variance": None if error is None else error**2,
        "low": found.low,
        "high": found.high,
        "degrees": found.degrees,
    }


def kappa(*, counts: Sequence[Sequence[int]], confidence: float) -> Figures:
    """Equal answers and Cohen's κ of a table of two readers' answers."""
    found = agreement_of_choices(np.array(counts), confidence)
    k = found.kappa
    share = found.share.value
    return {"share": share, "kappa": k.value, "error": k.error, "low": k.low, "high": k.high}


def alpha(*, reader_1: str, reader_2: str, confidence: float) -> Figures:
    """Krippendorff's α of two readers whose answers are letters."""
    values = sorted(set(reader_1 + reader_2))
    counts = np.zeros((len(values), len(values)), dtype=np.int64)
    np.add.at(counts, ([*map(values.index, reader_1)], [*map(values.index, reader_2)]), 1)
    return {"alpha": agreement_of_choices(counts, confidence).alpha.value}


def difference(*, new: tuple[int, int], old: tuple[int, int]) -> Figures:
    """The 95 % limits of a difference of two shares, each as cases and rows."""
    z = NormalDist().inv_cdf(0.975)
    of_old, of_new = (wilson_interval(count / rows, rows, z) for count, rows in (old, new))
    low, high = difference_interval(old[0] / old[1], of_old, new[0] / new[1], of_new)
    return {"low": low, "high": high}


def rows_for_cv(*, cv: float, wanted: float, population: int) -> Figures:
    """The rows for a coefficient of variation of a mean."""
    return {"size": random_size(cv**2, wanted**2, population or np.inf)}


def rows_for_share(*, share: float, margin: float, confidence: float) -> Figures:
    """The rows for the margin of a share, by the normal distribution."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return {"size": random_size(share * (1 - share), (margin / z) ** 2)}


def rows_by_wilson(*, share: float, margin: float, confidence: float) -> Figures:
    """The rows for half the width of Wilson's interval."""
    return {"size": wilson_trials(share, margin, NormalDist().inv_cdf((1 + confidence) / 2))}


def neyman(*, rows: Sequence[int], deviations: Sequence[float], size: int) -> Figures:
    """Neyman's division of a size to strata, before it is made whole."""
    squares = np.array([deviations], dtype=np.float64) ** 2
    count = len(rows)
    strata = Strata(np.array(rows, dtype=np.float64), squares, np.ones(count), np.zeros(count))
    sizes = sizes_for_budget(strata, float(size), np.ones(1))[0].sizes
    return {f"stratum_{at + 1}": float(each) for at, each in enumerate(sizes)}


def cuts(*, rows: Sequence[int], bands: int, width: float) -> Figures:
    """The cuts of a histogram of equal widths by cumulated roots."""
    edges = np.arange(len(rows) + 1, dtype=np.float64) * np.float64(width)
    histogram = BandHistogram(edges, np.array(rows, dtype=np.float64))
    found = root_cuts(histogram, bands, len(rows))
    return {f"cut_{at + 1}": float(edges[int(each)]) for at, each in enumerate(found)}


FUNCTIONS: Mapping[str, Callable[..., Figures]] = {
    "size": size,
    "size_of_ratio": size_of_ratio,
    "factor": factor,
    "attributes": attributes,
    "monetary": monetary,
    "two_stages": two_stages,
    "two_stage_risk": stages_risk,
    "estimate": estimated,
    "kappa": kappa,
    "alpha": alpha,
    "difference": difference,
    "rows_for_cv": rows_for_cv,
    "rows_for_share": rows_for_share,
    "rows_by_wilson": rows_by_wilson,
    "neyman": neyman,
    "root_cuts": cuts,
}
"""By the names that the files use."""
