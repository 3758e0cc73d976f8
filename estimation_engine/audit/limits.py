"""Upper limits of an error rate from the errors in a sample.

AICPA, *Audit Sampling*; Touw and Hoogduin, *Statistiek voor Audit en Controlling*.
"""

from __future__ import annotations

from math import log

from contract.words import Likelihood
from estimation_engine.arrays import Floats, Ints
from estimation_engine.hypergeometric import most_wrong, risk_of

FORMULAS: dict[Likelihood, str] = {
    "poisson": "Γ⁻¹(confidence; k + 1) / n",
    "binomial": "Beta⁻¹(confidence; k + 1, n − k)",
    "hypergeometric": "the largest K with P(X ≤ k; N, K, n) ≥ 1 − confidence, by N",
}
FORMULAS_OF_BOTH: dict[Likelihood, str] = {
    "poisson": "Γ⁻¹((1 − confidence)/2; k) / n and Γ⁻¹((1 + confidence)/2; k + 1) / n",
    "binomial": "Beta⁻¹((1 − confidence)/2; k, n − k + 1) and "
    "Beta⁻¹((1 + confidence)/2; k + 1, n − k)",
    "hypergeometric": "the smallest K with P(X ≥ k; N, K, n) ≥ (1 − confidence)/2 and the largest "
    "with P(X ≤ k; N, K, n) ≥ (1 − confidence)/2, by N",
}
"""Of the limits on both sides."""
SOURCES: dict[Likelihood, str] = {
    "poisson": "AICPA, Audit Sampling, appendix C",
    "binomial": "Clopper and Pearson 1934; AICPA, Audit Sampling, appendix A",
    "hypergeometric": "Touw and Hoogduin, Statistiek voor Audit en Controlling",
}


HALVINGS = 60
MOST_STRATA = 1_000
ROUNDING = 1e-9
"""Of logarithms of probabilities."""


def poisson_factor(errors: float, confidence: float) -> float:
    """The expected errors at which ``errors`` or fewer have the probability 1 - confidence.

    >>> round(poisson_factor(0, 0.95), 2), round(poisson_factor(1, 0.95), 2)
    (3.0, 4.74)
    """
    from scipy.special import gammaincinv

    return float(gammaincinv(errors + 1.0, confidence))


def poisson_limit(errors: float, size: int, confidence: float) -> float:
    """The upper limit by the Poisson distribution."""
    return poisson_factor(errors, confidence) / size


def binomial_limit(errors: float, size: int, confidence: float) -> float:
    """Clopper and Pearson's upper limit; 1 if every item has an error.

    >>> round(binomial_limit(0, 145, 0.95), 8)
    0.02044826
    """
    from scipy.special import betaincinv

    return float(betaincinv(errors + 1.0, size - errors, confidence)) if errors < size else 1.0


def hypergeometric_limit(errors: int, size: int, population: int, confidence: float) -> int:
    """The most errors in the population that the sample doesn't rule out.

    >>> hypergeometric_limit(0, 102, 1200, 0.90)
    25
    """
    return most_wrong(risk_of(confidence), errors, size, population)


def most_unseen(rows: Ints, drawn: Ints, confidence: float) -> int:
    """The most rows in error that a stratified sample without one doesn't rule out.

    The largest ΣK of strata with Π C(N − K, n)/C(N, n) ≥ 1 − confidence, by inversion of a test:
    one stratum has the hypergeometric limit of :func:`hypergeometric_limit`. A further error in a
    stratum costs log((N − K)/(N − K − n)), which grows with K, so the cheapest ones are the most.
    With over a thousand strata it may be above the limit, by one row of each at most.

    Parameters
    ----------
    rows, drawn : arrays of int, shape (strata,)
        N and n; a stratum without a drawn row is all in error.

    Examples
    --------
    >>> import numpy as np
    >>> most_unseen(np.array([1200]), np.array([102]), 0.90)
    25
    >>> most_unseen(np.array([600, 600, 15]), np.array([51, 51, 15]), 0.90)
    25
    """
    import numpy as np
    from scipy.special import gammaln

    left = rows - drawn

    def cost(wrong: Ints) -> float:
        seen = np.where(drawn > 0, gammaln(rows + 1.0) - gammaln(rows - wrong + 1.0), 0.0)
        others = np.where(drawn > 0, gammaln(left + 1.0) - gammaln(left - wrong + 1.0), 0.0)
        return float((seen - others).sum())

    def cheaper(chance: float) -> Ints:
        """The errors of each stratum whose chance to be drawn next, n/(N − K), is at most this."""
        most = np.floor(rows - drawn / chance) + 1.0
        return np.where(drawn > 0, np.clip(most, 0, left), left).astype(np.int64)

    budget = -log(risk_of(confidence)) + ROUNDING
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if cost(cheaper(middle)) <= budget else (low, middle)
    if len(rows) > MOST_STRATA:
        return int(cheaper(high).sum())
    wrong = cheaper(low) if low else np.where(drawn > 0, 0, left)
    for stratum in np.argsort(drawn / np.maximum(rows - wrong, 1), kind="stable"):
        more = wrong.copy()
        more[stratum] += 1
        if wrong[stratum] < left[stratum] and cost(more) <= budget:
            wrong = more
    return int(wrong.sum())


def default_likelihood(*, is_money: bool) -> Likelihood:
    """The likelihood of a plan that names none: rows are drawn without replacement."""
    return "poisson" if is_money else "hypergeometric"


def stepwise_limits(count: int, size: int, confidence: float, likelihood: Likelihood) -> Floats:
    """The upper limits of 0 … ``count`` errors in ``size`` units, shape (count + 1,)."""
    import numpy as np

    limit = poisson_limit if likelihood == "poisson" else binomial_limit
    return np.array([limit(errors, size, confidence) for errors in range(count + 1)])
