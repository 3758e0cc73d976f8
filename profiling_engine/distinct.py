"""How many distinct values a column has, and whether it has any twice.

Owns: the ways to count them. Invariant: exact where the values are counted one by one or fall into
a narrow enough range of integers; otherwise all rows are read by linear counting (Whang, Vander-
Zanden and Taylor 1990, *A linear-time probabilistic counting algorithm for database applications*),
whose error is stated; from a sample alone next to nothing is known, and the bounds say so. That a
column is unique is only said when it was proven.
"""

from __future__ import annotations

from math import exp, log, sqrt

from profiling_engine.accuracy import CERTAIN, CONFIDENCE, Accuracy, Figure
from profiling_engine.look import Look
from profiling_engine.sources import Source, Statement
from profiling_engine.survey import SKETCH_ERROR, Survey
from profiling_engine.totals import METHOD

LEAST_BITS, MOST_BITS = 20, 27
"""Powers of two. Fewer bits are quicker, since they stay in the processor's cache."""
SPARE_BITS = 3
"""Bits for each value that a sketch finds, so that its own error does no harm."""
SLICE_VALUES = 4_000_000
"""Values that are counted one by one at a time to prove that none is there twice."""
NORMAL = 1.96


def distinct_integers(source: Source, integer: str, low: int, high: int) -> Statement:
    """The number of distinct integers between two: one bit for each."""
    return (
        f"SELECT coalesce(bit_count(bitstring_agg(CAST({integer} - ({low}) AS BIGINT), 0, "
        f"{high - low})), 0) FROM {source.relation} WHERE v IS NOT NULL",
        list(source.params),
    )


def set_bits(source: Source, bits: int) -> Statement:
    """How many of 2**bits bits values set, each the one that its hash names."""
    return (
        f"SELECT coalesce(bit_count(bitstring_agg(CAST(hash(v) >> {64 - bits} AS BIGINT), 0, "
        f"{(1 << bits) - 1})), 0) FROM {source.relation} WHERE v IS NOT NULL",
        list(source.params),
    )


def repeated_in_slice(source: Source, number: int, slices: int) -> Statement:
    """Whether any value of a slice of the hashes is there twice."""
    return (
        f"SELECT count(*) > 0 FROM (SELECT 1 FROM {source.relation} WHERE v IS NOT NULL "
        f"AND hash(v) % {slices} = {number} GROUP BY v HAVING count(*) > 1)",
        list(source.params),
    )


def counts_of_counts(source: Source) -> Statement:
    """Of a sample: distinct values, and those met once."""
    return (
        "SELECT count(*), count_if(n = 1) FROM (SELECT count(*) AS n "
        f"FROM {source.relation} WHERE v IS NOT NULL GROUP BY v)",
        list(source.params),
    )


def count_distinct(look: Look, survey: Survey, *, all_finite: bool) -> Figure:
    """The distinct values of rows that have too many to count one by one."""
    if not survey.values:
        return Figure(0)
    axis = look.kind.axis
    if axis and not axis.is_float and all_finite and survey.high - survey.low < 1 << MOST_BITS:
        integers = distinct_integers(look.source, axis.sql("v"), survey.low, survey.high)
        ((counted,),) = look.run.fetch(integers)
        return Figure(int(counted))
    bits = bits_for(survey.sketched or survey.values)
    ((found,),) = look.run.fetch(set_bits(look.source, bits))
    return linear_count(int(found), bits, survey.values)


def bits_for(about: int) -> int:
    """The power of two of the bits that about so many distinct values are counted with."""
    return min(max((about * SPARE_BITS).bit_length(), LEAST_BITS), MOST_BITS)


def linear_count(found: int, bits: int, values: int) -> Figure:
    """The number of distinct ones of some values that set ``found`` of 2**bits bits."""
    size = 1 << bits
    unset = max(size - found, 1)
    estimate = -size * log(unset / size)
    load = estimate / size
    error = sqrt(size * max(exp(load) - load - 1, 0.0)) if load > 1e-6 else 0.0
    half = NORMAL * error + 1
    low, high = max(round(estimate - half), found), min(round(estimate + half), values)
    value = min(max(round(estimate), low), high)
    return Figure(value, Accuracy("approximate", "linear counting", low, high, CONFIDENCE))


def is_unique(look: Look, distinct: Figure, values: int) -> bool | None:
    """Whether no value is there twice; read slice by slice if the number of them leaves it open."""
    if not values:
        return None
    if distinct.accuracy.is_exact:
        return bool(distinct.value == values)
    if distinct.high < values:
        return False
    slices = -(-values // SLICE_VALUES)
    for number in range(slices):
        ((repeated,),) = look.run.fetch(repeated_in_slice(look.source, number, slices))
        if repeated:
            return False
    return True


def distinct_of_sample(look: Look, survey: Survey | None, values: int, nulls: Figure) -> Figure:
    """What a sample, and a sketch if one was made, tells of the number of distinct values.

    Parameters
    ----------
    values : int
        Rows of the sample that aren't NULL.
    """
    assert look.size is not None  # noqa: S101 - only of a sample
    ((seen, once),) = look.run.fetch(counts_of_counts(look.source))
    most = look.size.of_rows - (nulls.low or 0)
    if survey and survey.sketched is not None:
        half = NORMAL * SKETCH_ERROR * survey.sketched
        low = max(seen, round(survey.sketched - half))
        high = max(min(round(survey.sketched + half), most), low)
        method = "DuckDB's approx_count_distinct"
        value = min(max(survey.sketched, low), high)
        return Figure(value, Accuracy("approximate", method, low, high, CONFIDENCE))
    # Charikar and others 2000, "Towards estimation error guarantees for distinct values": the
    # values met once may stand for as many as the root of the sampling rate's inverse each.
    rate = max(values, 1) / max(most, 1)
    guess = round(seen + (sqrt(1 / rate) - 1) * once) if rate < 1 else seen
    high = max(seen + most - values, seen)
    guess = min(max(guess, seen), high)
    return Figure(guess, Accuracy("estimated", METHOD, seen, high, CERTAIN, look.size.rows))
