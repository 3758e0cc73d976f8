"""Weights by steps: those of the design, made up for nonresponse, calibrated; and replicates.

A replicate goes through all steps: its rows that didn't respond are made up for by its own response
rates, and it is calibrated again. So its variance has that of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from contract.words import NonresponseMethod, ReplicateKind
from domain_errors import DomainError
from estimation_engine.arrays import Booleans, Floats, Ints
from estimation_engine.calibration import (
    Calibration,
    Margins,
    Response,
    by_raking,
    by_regression,
    by_strata,
)
from estimation_engine.designs.stages import Uniform, sums_by
from estimation_engine.errors import InvalidEstimate, InvalidReplicates
from estimation_engine.estimates import Domains, Values
from estimation_engine.replicates import MAX_CELLS, Replicates
from lazy_dataclasses import dataclass

Solve = Callable[[Floats], Calibration]
"""Calibrates weights, shape (rows,), to known totals."""
OTHER_STREAM = 2**53
"""Above every seed of a bootstrap."""


@dataclass(frozen=True, eq=False)
class ResponseModel:
    """How the weights of respondents make up for rows that didn't respond.

    Parameters
    ----------
    responded : array of bool, shape (rows,)
    cells, counts : sequences
        Of ``classes`` and ``rake``: the rows' cells by margin, and the number of cells.
    x, names : array, shape (variables, rows), and sequence of str
        Of ``regression``: its variables.
    """

    method: NonresponseMethod
    responded: Booleans
    cells: Sequence[Ints] = ()
    counts: Sequence[int] = ()
    x: Floats | None = None
    names: Sequence[str] = ()

    def response(self, weights: Floats, factors: Floats | float = 1.0) -> Response:
        """The response by these weights of all rows; ``factors`` are of the respondents' alone.

        Raises
        ------
        InvalidCalibration
            The respondents can't reproduce the whole sample's estimates.
        """
        answering = np.where(self.responded, weights * factors, 0.0)
        totals = [
            sums_by(cells, weights, count)
            for cells, count in zip(self.cells, self.counts, strict=True)
        ]
        calibration: Calibration | None
        match self.method:
            case "classes":
                calibration = by_strata(answering, self.cells[0], totals[0])
            case "rake":
                calibration = by_raking(answering, Margins(self.cells, self.counts), totals)
            case "regression":
                assert self.x is not None  # noqa: S101 - it has variables
                whole = float(weights.sum())
                means = np.array([(weights * x).sum() / whole for x in self.x])
                calibration = by_regression(answering, self.x, means, whole, self.names)
            case "known_totals":
                return Response(answering, self.responded, None)
        return Response(weights, self.responded, calibration)


@dataclass(frozen=True, eq=False)
class WeightSteps:
    """The steps after the design: a response and a calibration, of which either may be missing."""

    response: ResponseModel | None = None
    solve: Solve | None = None

    @property
    def has_steps(self) -> bool:
        """Whether the weights aren't those of the design."""
        return self.response is not None or self.solve is not None

    def calibration(self, weights: Floats, factors: Floats | float = 1.0) -> Calibration | None:
        """The weights after all steps; None without any."""
        if self.response is None:
            return None if self.solve is None else self.solve(weights)
        response = self.response.response(weights, factors)
        if self.solve is None:
            return response.plain
        return replace(self.solve(response.responding_weights), response=response)

    def weights(self, weights: Floats, factors: Floats | float = 1.0) -> Floats:
        """The weights after all steps, shape (rows,)."""
        found = self.calibration(weights, factors)
        return weights if found is None else found.calibrated_weights


@dataclass(frozen=True, eq=False)
class ReplicateWeights:
    """Replicates of weights after all steps, shape (replicates, rows).

    The variance of an estimate is ``scale`` times the sum of the squared differences between the
    replicates' estimates and that by ``whole``, the weights of the sample.
    """

    whole: Floats
    weights: Floats
    scale: float

    def variances(self, values: Values, domains: Domains) -> Floats:
        """The variance of a statistic in each domain, NaN where a replicate has no estimate.

        Raises
        ------
        InvalidEstimate
            A jackknife of a quantile is inconsistent, and replicates of it aren't computed.
        """
        if values.statistic == "quantile":
            raise InvalidEstimate(
                "A quantile has no standard error by replicate weights: leave out `replicates`.",
                loc=("replicates",),
            )
        rows = np.flatnonzero(domains.included & values.present)
        groups, count = domains.groups[rows], domains.count
        y = values.y[rows]
        below = np.ones(len(rows)) if values.x is None else values.x[rows]

        def figure(weights: Floats) -> Floats:
            sums = sums_by(groups, weights[rows] * y, count)
            if values.statistic in ("total", "count"):
                return sums
            with np.errstate(divide="ignore", invalid="ignore"):
                return sums / sums_by(groups, weights[rows] * below, count)

        whole = figure(self.whole)
        squares = np.zeros(count)
        for weights in self.weights:
            squares += (figure(weights) - whole) ** 2
        return self.scale * squares


def replicate_weights(
    weights: Floats, steps: WeightSteps, replicates: Replicates, kind: ReplicateKind, seed: int
) -> ReplicateWeights:
    """Put replicates of design weights through all steps.

    With nonresponse they have the variance of the response, too: in a jackknife by a replicate for
    each respondent, in a bootstrap by random signs. Both change a respondent's weight by the root
    of (a - 1)/(w·a), so that the differences add up to Σ w·a·(a - 1)·e², see :class:`Response`.

    Raises
    ------
    InvalidReplicates
        There would be more than ``MAX_CELLS`` numbers, or a replicate can't be weighted.
    """
    whole = steps.weights(weights)
    rows, count = replicates.factors.shape
    if not steps.has_steps:
        return ReplicateWeights(whole, weights * replicates.factors.T, replicates.scale)
    moves = np.zeros(0)
    if steps.response is not None:
        moves = _moves(weights, steps, steps.response)
    moved = np.flatnonzero(moves)
    extra = len(moved) if kind == "jackknife" else 0
    if rows * (count + extra) > MAX_CELLS:
        raise InvalidReplicates(
            "{count} replicates of {rows} rows are more than {maximum} numbers: choose a bootstrap "
            "with fewer replicates.",
            count=count + extra,
            rows=rows,
            maximum=MAX_CELLS,
        )
    found = np.empty((count + extra, rows))
    uniform = Uniform(OTHER_STREAM + seed)
    shrunk = np.sqrt(replicates.scale * count)
    for at in range(count):
        factors: Floats | float = 1.0
        if len(moved) and kind == "bootstrap":
            signs = np.where(uniform.numbers(rows) < 0.5, -1.0, 1.0)
            factors = 1.0 + signs * moves / shrunk
        found[at] = _weighted(steps, weights * replicates.factors[:, at], factors, at)
    for at, row in enumerate(moved[:extra], start=count):
        factors = np.ones(rows)
        factors[row] += moves[row]
        found[at] = _weighted(steps, weights, factors, at)
    return ReplicateWeights(whole, found, replicates.scale)


def _moves(weights: Floats, steps: WeightSteps, model: ResponseModel) -> Floats:
    """The root of (a - 1)/(w·a) of respondents, 0 of others and where a is up to 1."""
    final = steps.calibration(weights)
    assert final is not None  # noqa: S101 - there is a response
    inner = model.response(weights).calibration
    a = final.g if inner is None else inner.g
    counts = model.responded & (weights > 0) & (a > 1)
    return np.sqrt(np.divide(a - 1.0, weights * a, out=np.zeros(len(weights)), where=counts))


def _weighted(steps: WeightSteps, weights: Floats, factors: Floats | float, place: int) -> Floats:
    try:
        return steps.weights(weights, factors)
    except DomainError as error:
        raise InvalidReplicates(
            "Replicate {number} can't be weighted. {reason}",
            number=place + 1,
            reason=error.message,
        ) from None
