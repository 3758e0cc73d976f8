"""Most frequent values, number of distinct values, and whether a column is unique.

Few values, and integers in a narrow range, are counted exactly. Otherwise distinct values are
estimated by linear counting (Whang, Vander-Zanden and Taylor 1990, *A linear-time probabilistic
counting algorithm for database applications*), and frequent values are counted exactly in the
largest of 65,536 hash groups; the largest other group bounds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Any

import numpy as np

from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.rows import Statement
from profiling_engine.columns.first_pass import SKETCH_ERROR, ColumnScan, FirstPass
from profiling_engine.columns.passes import (
    FREQUENCIES,
    METHOD,
    SampleBlocks,
    Source,
    Totals,
)
from profiling_engine.columns.profile import (
    CERTAIN,
    CONFIDENCE,
    EXACT,
    Accuracy,
    Figure,
    FrequentValues,
    Groups,
    ValueRows,
)

LISTED_VALUES = 10
MAX_SHOWN_LENGTH = 200
SPARSE = 30
GROUP_BITS = 16
COUNTED_GROUPS = 64


def frequent_values(source: Source, type_: str) -> Statement:
    """Value and rows of the most frequent values; one more than is listed."""
    relation = source.relation
    if relation != FREQUENCIES.relation:
        relation = f"(SELECT v, {source.rows} AS n FROM {relation} GROUP BY v)"
    return (
        f"SELECT {shown_expression('v', type_)}, n FROM {relation} WHERE v IS NOT NULL "
        f"ORDER BY n DESC, v LIMIT {LISTED_VALUES + 1}",
        list(source.params),
    )


def group_sizes() -> Statement:
    """The number of distinct values, their rows and the figures of :class:`Groups`."""
    return (
        "SELECT count(*), sum(n), min(n), max(n), count_if(n = 1), "
        f"count_if(n < {SPARSE}), sum(CAST(n AS HUGEINT) * n) FROM frequencies WHERE v IS NOT NULL",
        [],
    )


def hash_group(value: str = "v") -> str:
    return f"CAST(hash({value}) >> {64 - GROUP_BITS} AS INTEGER)"


def hash_groups(source: Source) -> Statement:
    by_group = " WHERE v IS NOT NULL GROUP BY g ORDER BY n DESC, g"
    return source.select(f"{hash_group()} AS g, {source.rows} AS n", by_group)


def values_of_groups(source: Source, type_: str, groups: Sequence[int]) -> Statement:
    among = ", ".join(f"{group:d}" for group in groups)
    counted, params = source.select(
        f"v, {source.rows} AS n", f" WHERE {hash_group()} IN ({among}) GROUP BY v"
    )
    return (
        f"SELECT {shown_expression('v', type_)}, n FROM ({counted}) "
        f"ORDER BY n DESC, v LIMIT {LISTED_VALUES + 1}",
        params,
    )


def sampled_values(source: Source, type_: str) -> Statement:
    return (
        f"WITH top AS (SELECT v, count(*) AS n FROM {source.relation} WHERE v IS NOT NULL "
        f"GROUP BY v HAVING count(*) > 1 ORDER BY n DESC, v LIMIT {LISTED_VALUES}) "
        f"SELECT {shown_expression('t.v', type_)}, s.block, count(*) FROM {source.relation} AS s "
        "JOIN top AS t ON t.v = s.v GROUP BY t.v, t.n, s.block ORDER BY t.n DESC, t.v, s.block",
        list(source.params) * 2,
    )


def shown_value(value: Any) -> Any:
    """A JSON value; a long text is cut."""
    plain = json_value(value)
    if isinstance(plain, str) and len(plain) > MAX_SHOWN_LENGTH:
        return plain[:MAX_SHOWN_LENGTH] + "…"
    return plain


def most_frequent(scan: ColumnScan, values: int) -> FrequentValues:
    if not scan.is_exact:
        return _sample_frequencies(scan, values)
    type_ = scan.kind.column.type
    found = scan.run.fetch(frequent_values(scan.source, type_))
    beyond = found[LISTED_VALUES][1] if len(found) > LISTED_VALUES else 0
    return FrequentValues(_listed(found, values), EXACT, beyond, complete=True)


def most_frequent_of_many(scan: ColumnScan, values: int) -> FrequentValues:
    """The most frequent values of rows with too many distinct values to count each."""
    groups = scan.run.fetch(hash_groups(scan.source))
    if not groups:
        return FrequentValues((), EXACT, 0, complete=True)
    chosen = sorted(group for group, _ in groups[:COUNTED_GROUPS])
    unseen = groups[COUNTED_GROUPS][1] if len(groups) > COUNTED_GROUPS else 0
    found = scan.run.fetch(values_of_groups(scan.source, scan.kind.column.type, chosen))
    beyond = max(unseen, found[LISTED_VALUES][1] if len(found) > LISTED_VALUES else 0)
    complete = beyond <= found[:LISTED_VALUES][-1][1]
    accuracy = EXACT
    if not complete:
        method = "every value counted in the largest groups of a hash"
        accuracy = Accuracy("approximate", method, confidence=CERTAIN)
    return FrequentValues(_listed(found, values), accuracy, beyond, complete)


def _listed(found: Sequence[tuple[Any, ...]], values: int) -> tuple[ValueRows, ...]:
    return tuple(
        ValueRows(shown_value(value), rows, rows / max(values, 1))
        for value, rows in found[:LISTED_VALUES]
    )


def _sample_frequencies(scan: ColumnScan, values: int) -> FrequentValues:
    """The values that occur more than once in the sample, with intervals of their rows."""
    assert scan.size is not None  # noqa: S101 - only of a sample
    sizes = dict(scan.run.fetch(block_sizes(scan.source)))
    places = {block: i for i, block in enumerate(sorted(sizes))}
    rows = np.array([sizes[block] for block in sorted(sizes)], dtype=np.float64)
    shown: dict[str, Any] = {}
    sums = {"rows": rows}
    for value, block, count in scan.run.fetch(sampled_values(scan.source, scan.kind.column.type)):
        name = repr(value)
        shown[name] = shown_value(value)
        sums.setdefault(name, np.zeros_like(rows))[places[block]] = count
    sampled = {name: int(sums[name].sum()) for name in shown}
    totals = Totals(int(rows.sum()), sampled, SampleBlocks(scan.size, sums))
    listed = []
    for name, value in shown.items():
        figure = totals.count(name)
        share, bounds = sampled[name] / values, figure.accuracy
        listed.append(ValueRows(value, figure.value, share, bounds.low, bounds.high))
    return FrequentValues(tuple(listed), totals.accuracy(None, None), None, complete=False)


def block_sizes(source: Source) -> Statement:
    return source.select("block, count(*)", " GROUP BY block")


def groups_of_frequencies(scan: ColumnScan) -> tuple[int, Groups | None]:
    ((distinct, rows, smallest, largest, once, sparse, squares),) = scan.run.fetch(group_sizes())
    if not distinct:
        return 0, None
    effective = int(rows) ** 2 / int(squares)
    return distinct, Groups(*map(Figure, (smallest, largest, once, sparse, effective)))


MIN_BITS, MAX_BITS = 20, 27
"""Base-2 logarithms. Fewer bits are faster, since they fit into the processor's cache."""
SPARE_BITS = 3
NORMAL = 1.96


def distinct_integers(source: Source, integer: str, low: int, high: int) -> Statement:
    """The number of distinct integers from ``low`` to ``high``, by one bit for each."""
    return source.select(
        f"coalesce(bit_count(bitstring_agg(CAST({integer} - ({low}) AS BIGINT), 0, "
        f"{high - low})), 0)",
        " WHERE v IS NOT NULL",
    )


def set_bits(source: Source, bits: int) -> Statement:
    """The number of bits that the hashes of the values set, of 2**``bits``."""
    return source.select(
        f"coalesce(bit_count(bitstring_agg(CAST(hash(v) >> {64 - bits} AS BIGINT), 0, "
        f"{(1 << bits) - 1})), 0)",
        " WHERE v IS NOT NULL",
    )


def repeated_in_slice(source: Source, number: int, slices: int) -> Statement:
    return (
        f"SELECT count(*) > 0 FROM (SELECT 1 FROM {source.relation} WHERE v IS NOT NULL "
        f"AND hash(v) % {slices} = {number} GROUP BY v HAVING count(*) > 1)",
        list(source.params),
    )


def counts_of_counts(source: Source) -> Statement:
    return (
        "SELECT count(*), count_if(n = 1) FROM (SELECT count(*) AS n "
        f"FROM {source.relation} WHERE v IS NOT NULL GROUP BY v)",
        list(source.params),
    )


def count_distinct(scan: ColumnScan, first_pass: FirstPass, *, all_finite: bool) -> Figure:
    if not first_pass.values:
        return Figure(0)
    axis = scan.kind.axis
    if (
        axis
        and not axis.is_float
        and all_finite
        and first_pass.high - first_pass.low < 1 << MAX_BITS
    ):
        integers = distinct_integers(scan.source, axis.sql("v"), first_pass.low, first_pass.high)
        ((counted,),) = scan.run.fetch(integers)
        return Figure(int(counted))
    bits = bits_for(first_pass.sketched or first_pass.values)
    ((found,),) = scan.run.fetch(set_bits(scan.source, bits))
    return linear_count(int(found), bits, first_pass.values)


def bits_for(about: int) -> int:
    return min(max((about * SPARE_BITS).bit_length(), MIN_BITS), MAX_BITS)


def linear_count(found: int, bits: int, values: int) -> Figure:
    """The number of distinct values that set ``found`` of 2**bits bits.

    Whang, Vander-Zanden and Taylor (1990), *A linear-time probabilistic counting algorithm*.
    """
    size = 1 << bits
    unset = max(size - found, 1)
    estimate = -size * log(unset / size)
    load = estimate / size
    error = sqrt(size * max(exp(load) - load - 1, 0.0)) if load > 1e-6 else 0.0
    half = NORMAL * error + 1
    low, high = max(round(estimate - half), found), min(round(estimate + half), values)
    value = min(max(round(estimate), low), high)
    return Figure(value, Accuracy("approximate", "linear counting", low, high, CONFIDENCE))


def is_unique(scan: ColumnScan, distinct: Figure, values: int) -> bool | None:
    """Whether no value is repeated; proven slice by slice if the distinct count is approximate."""
    if not values:
        return None
    if distinct.accuracy.is_exact:
        return bool(distinct.value == values)
    if distinct.high < values:
        return False
    slices = -(-values // scan.run.limits.slice_values)
    for number in range(slices):
        ((repeated,),) = scan.run.fetch(repeated_in_slice(scan.source, number, slices))
        if repeated:
            return False
    return True


def distinct_of_sample(
    scan: ColumnScan, first_pass: FirstPass | None, values: int, nulls: Figure
) -> Figure:
    """The number of distinct values from the sketch of the first pass, else from a sample."""
    assert scan.size is not None  # noqa: S101 - only of a sample
    ((seen, once),) = scan.run.fetch(counts_of_counts(scan.source))
    most = scan.size.of_rows - (nulls.low or 0)
    if first_pass and first_pass.sketched is not None:
        half = NORMAL * SKETCH_ERROR * first_pass.sketched
        low = max(seen, round(first_pass.sketched - half))
        high = max(min(round(first_pass.sketched + half), most), low)
        method = "DuckDB's approx_count_distinct"
        value = min(max(first_pass.sketched, low), high)
        return Figure(value, Accuracy("approximate", method, low, high, CONFIDENCE))
    # Charikar and others 2000, "Towards estimation error guarantees for distinct values": a value
    # that occurs once represents up to 1/√(sampling rate) values.
    rate = max(values, 1) / max(most, 1)
    guess = round(seen + (sqrt(1 / rate) - 1) * once) if rate < 1 else seen
    high = max(seen + most - values, seen)
    guess = min(max(guess, seen), high)
    return Figure(guess, Accuracy("estimated", METHOD, seen, high, CERTAIN, scan.size.rows))
