"""The most frequent values of a column.

Owns: how they are found. Invariant: what is listed has its true number of rows, unless it comes
from a sample; and what isn't listed is bounded.

Of too many values to count one by one, each value falls by its hash into one of 65,536 groups,
whose rows are counted; the values of the largest groups are counted one by one then. No other value
can have more rows than the largest group that wasn't looked into.

How many distinct values a column has, and whether it has any twice.

Owns: the ways to count them. Invariant: exact where the values are counted one by one or fall into
a narrow enough range of integers; otherwise all rows are read by linear counting (Whang, Vander-
Zanden and Taylor 1990, *A linear-time probabilistic counting algorithm for database applications*),
whose error is stated; from a sample alone next to nothing is known, and the bounds say so. That a
column is unique is only said when it was proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Any

import numpy as np

from parquet_tables.json_values import json_value, shown_expression
from profiling_engine.columns.accuracy import CERTAIN, CONFIDENCE, EXACT, Accuracy, Figure
from profiling_engine.columns.aggregates import METHOD, Totals
from profiling_engine.columns.first_pass import SKETCH_ERROR, Look, Survey
from profiling_engine.columns.profile import FrequentValues, Groups, ValueRows
from profiling_engine.tables.sources import FREQUENCIES, Source, Statement

LISTED = 10
MAX_SHOWN_LENGTH = 200
SPARSE = 30
GROUP_BITS = 16
LOOKED_INTO = 64
"""Groups of a hash whose values are counted one by one."""


def frequent_values(source: Source, type_: str) -> Statement:
    """Value and rows of the most frequent values; one more than is listed.

    Of ``frequencies`` the values are there once; of any other source they are counted.
    """
    relation = source.relation
    if relation != FREQUENCIES.relation:
        relation = f"(SELECT v, {source.rows} AS n FROM {relation} GROUP BY v)"
    return (
        f"SELECT {shown_expression('v', type_)}, n FROM {relation} WHERE v IS NOT NULL "
        f"ORDER BY n DESC, v LIMIT {LISTED + 1}",
        list(source.params),
    )


def group_sizes() -> Statement:
    """Values and rows of ``frequencies``, and of its groups what :class:`Groups` tells.

    Columns: values; rows; rows of the rarest and of the most frequent value; values with one row,
    and with few; the sum of the squared rows. All but the first are NULL or 0 without values.
    """
    return (
        "SELECT count(*), sum(n), min(n), max(n), count_if(n = 1), "
        f"count_if(n < {SPARSE}), sum(CAST(n AS HUGEINT) * n) FROM frequencies WHERE v IS NOT NULL",
        [],
    )


def hash_group(value: str = "v") -> str:
    """The number of the group that a value falls into."""
    return f"CAST(hash({value}) >> {64 - GROUP_BITS} AS INTEGER)"


def hash_groups(source: Source) -> Statement:
    """Number and rows of each group of a hash that has any, the largest first."""
    return (
        f"SELECT {hash_group()} AS g, {source.rows} AS n FROM {source.relation} "
        "WHERE v IS NOT NULL GROUP BY g ORDER BY n DESC, g",
        list(source.params),
    )


def values_of_groups(source: Source, type_: str, groups: Sequence[int]) -> Statement:
    """Value and rows of the most frequent values of some groups; one more than is listed."""
    among = ", ".join(f"{group:d}" for group in groups)
    return (
        f"SELECT {shown_expression('v', type_)}, n FROM (SELECT v, {source.rows} AS n "
        f"FROM {source.relation} WHERE {hash_group()} IN ({among}) GROUP BY v) "
        f"ORDER BY n DESC, v LIMIT {LISTED + 1}",
        list(source.params),
    )


def sampled_values(source: Source, type_: str) -> Statement:
    """Value, block and rows of those values that are most frequent in a sample, by block."""
    return (
        f"WITH top AS (SELECT v, count(*) AS n FROM {source.relation} WHERE v IS NOT NULL "
        f"GROUP BY v HAVING count(*) > 1 ORDER BY n DESC, v LIMIT {LISTED}) "
        f"SELECT {shown_expression('t.v', type_)}, s.block, count(*) FROM {source.relation} AS s "
        "JOIN top AS t ON t.v = s.v GROUP BY t.v, t.n, s.block ORDER BY t.n DESC, t.v, s.block",
        list(source.params) * 2,
    )


def shown_value(value: Any) -> Any:
    """A value as JSON takes it, a long text cut."""
    plain = json_value(value)
    if isinstance(plain, str) and len(plain) > MAX_SHOWN_LENGTH:
        return plain[:MAX_SHOWN_LENGTH] + "…"
    return plain


def most_frequent(look: Look, values: int) -> FrequentValues:
    """The most frequent values of a source.

    Parameters
    ----------
    values : int
        Rows of the source that aren't NULL.
    """
    if not look.is_exact:
        return _of_sample(look, values)
    type_ = look.kind.value_type
    found = look.run.fetch(frequent_values(look.source, type_))
    beyond = found[LISTED][1] if len(found) > LISTED else 0
    return FrequentValues(_listed(found, values), EXACT, beyond, complete=True)


def most_frequent_of_many(look: Look, values: int) -> FrequentValues:
    """The most frequent values of rows that have too many to count one by one."""
    groups = look.run.fetch(hash_groups(look.source))
    if not groups:
        return FrequentValues((), EXACT, 0, complete=True)
    chosen = sorted(group for group, _ in groups[:LOOKED_INTO])
    unseen = groups[LOOKED_INTO][1] if len(groups) > LOOKED_INTO else 0
    found = look.run.fetch(values_of_groups(look.source, look.kind.value_type, chosen))
    beyond = max(unseen, found[LISTED][1] if len(found) > LISTED else 0)
    complete = beyond <= found[:LISTED][-1][1]
    accuracy = EXACT
    if not complete:
        method = "every value counted in the largest groups of a hash"
        accuracy = Accuracy("approximate", method, confidence=CERTAIN)
    return FrequentValues(_listed(found, values), accuracy, beyond, complete)


def _listed(found: Sequence[tuple[Any, ...]], values: int) -> tuple[ValueRows, ...]:
    return tuple(
        ValueRows(shown_value(value), rows, rows / max(values, 1)) for value, rows in found[:LISTED]
    )


def _of_sample(look: Look, values: int) -> FrequentValues:
    """The values met more than once, with the intervals of their rows."""
    assert look.size is not None  # noqa: S101 - only of a sample
    sql, params = block_sizes(look.source)
    sizes = dict(look.run.fetch((sql, params)))
    places = {block: i for i, block in enumerate(sorted(sizes))}
    rows = np.array([sizes[block] for block in sorted(sizes)], dtype=np.float64)
    blocks: dict[str, tuple[Any, np.ndarray]] = {}
    for value, block, count in look.run.fetch(sampled_values(look.source, look.kind.value_type)):
        key = repr(value)
        counted = blocks.setdefault(key, (value, np.zeros_like(rows)))[1]
        counted[places[block]] = count
    listed = []
    for name, (value, counted) in blocks.items():
        met = int(counted.sum())
        totals = Totals(int(rows.sum()), {name: met}, {name: counted, "rows": rows}, look.size)
        figure = totals.count(name)
        told = figure.accuracy
        listed.append(
            ValueRows(shown_value(value), figure.value, met / values, told.low, told.high)
        )
    nothing = Totals(int(rows.sum()), {}, {"rows": rows}, look.size)
    return FrequentValues(tuple(listed), nothing.accuracy(None, None), None, complete=False)


def block_sizes(source: Source) -> Statement:
    """Block and rows of a sample's blocks."""
    return f"SELECT block, count(*) FROM {source.relation} GROUP BY block", list(source.params)


def groups_of_frequencies(look: Look) -> tuple[int, Groups | None]:
    """The number of distinct values, and what is told of their rows."""
    ((distinct, rows, smallest, largest, once, sparse, squares),) = look.run.fetch(group_sizes())
    if not distinct:
        return 0, None
    effective = int(rows) ** 2 / int(squares)
    return distinct, Groups(*map(Figure, (smallest, largest, once, sparse, effective)))


MIN_BITS, MAX_BITS = 20, 27
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
    if axis and not axis.is_float and all_finite and survey.high - survey.low < 1 << MAX_BITS:
        integers = distinct_integers(look.source, axis.sql("v"), survey.low, survey.high)
        ((counted,),) = look.run.fetch(integers)
        return Figure(int(counted))
    bits = bits_for(survey.sketched or survey.values)
    ((found,),) = look.run.fetch(set_bits(look.source, bits))
    return linear_count(int(found), bits, survey.values)


def bits_for(about: int) -> int:
    """The power of two of the bits that about so many distinct values are counted with."""
    return min(max((about * SPARE_BITS).bit_length(), MIN_BITS), MAX_BITS)


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
