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

from contract.fields import DEFAULT_CONFIDENCE
from parquet_tables.json_values import json_value, shown_expression
from parquet_tables.rows import Statement
from profiling_engine.columns.passes import (
    FREQUENCIES,
    METHOD,
    SKETCH_ERROR,
    ColumnScan,
    FirstPass,
    PassTotals,
    SampleBlocks,
    Source,
)
from profiling_engine.columns.profile import (
    CERTAIN,
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
HASH_GROUP = f"CAST(hash(v) >> {64 - GROUP_BITS} AS INTEGER)"


def shown_value(value: Any) -> Any:
    """A JSON value; a long text is cut."""
    plain = json_value(value)
    if isinstance(plain, str) and len(plain) > MAX_SHOWN_LENGTH:
        return plain[:MAX_SHOWN_LENGTH] + "…"
    return plain


def most_frequent(scan: ColumnScan, values: int) -> FrequentValues:
    if not scan.is_exact:
        return _sample_frequencies(scan, values)
    relation = scan.source.relation
    if relation != FREQUENCIES.relation:
        relation = f"(SELECT v, {scan.source.rows} AS n FROM {relation} GROUP BY v)"
    found = scan.run.fetch(_listed_values(scan, relation, list(scan.source.params)))
    beyond = found[LISTED_VALUES][1] if len(found) > LISTED_VALUES else 0
    return FrequentValues(_listed(found, values), EXACT, beyond, complete=True)


def most_frequent_of_many(scan: ColumnScan, values: int) -> FrequentValues:
    """The most frequent values of rows with too many distinct values to count each."""
    source = scan.source
    by_group = " WHERE v IS NOT NULL GROUP BY g ORDER BY n DESC, g"
    groups = scan.run.fetch(source.select(f"{HASH_GROUP} AS g, {source.rows} AS n", by_group))
    if not groups:
        return FrequentValues((), EXACT, 0, complete=True)
    chosen = ", ".join(
        f"{group:d}" for group in sorted(group for group, _ in groups[:COUNTED_GROUPS])
    )
    unseen = groups[COUNTED_GROUPS][1] if len(groups) > COUNTED_GROUPS else 0
    counted, params = source.select(
        f"v, {source.rows} AS n", f" WHERE {HASH_GROUP} IN ({chosen}) GROUP BY v"
    )
    found = scan.run.fetch(_listed_values(scan, f"({counted})", params))
    beyond = max(unseen, found[LISTED_VALUES][1] if len(found) > LISTED_VALUES else 0)
    complete = beyond <= found[:LISTED_VALUES][-1][1]
    accuracy = EXACT
    if not complete:
        method = "every value counted in the largest groups of a hash"
        accuracy = Accuracy("approximate", method, confidence=CERTAIN)
    return FrequentValues(_listed(found, values), accuracy, beyond, complete)


def _listed_values(scan: ColumnScan, relation: str, params: list[object]) -> Statement:
    """Value and rows of the most frequent values; one more than is listed."""
    return (
        f"SELECT {shown_expression('v', scan.kind.column.type)}, n FROM {relation} "
        f"WHERE v IS NOT NULL ORDER BY n DESC, v LIMIT {LISTED_VALUES + 1}",
        params,
    )


def _listed(found: Sequence[tuple[Any, ...]], values: int) -> tuple[ValueRows, ...]:
    return tuple(
        ValueRows(shown_value(value), rows, rows / max(values, 1))
        for value, rows in found[:LISTED_VALUES]
    )


def _sample_frequencies(scan: ColumnScan, values: int) -> FrequentValues:
    """The values that occur more than once in the sample, with intervals of their rows."""
    assert scan.size is not None  # noqa: S101 - only of a sample
    source = scan.source
    sizes = dict(scan.run.fetch(source.select("block, count(*)", " GROUP BY block")))
    places = {block: i for i, block in enumerate(sorted(sizes))}
    rows = np.array([sizes[block] for block in sorted(sizes)], dtype=np.float64)
    shown: dict[str, Any] = {}
    sums = {"rows": rows}
    repeated = (
        f"WITH top AS (SELECT v, count(*) AS n FROM {source.relation} WHERE v IS NOT NULL "
        f"GROUP BY v HAVING count(*) > 1 ORDER BY n DESC, v LIMIT {LISTED_VALUES}) "
        f"SELECT {shown_expression('t.v', scan.kind.column.type)}, s.block, count(*) "
        f"FROM {source.relation} AS s JOIN top AS t ON t.v = s.v "
        "GROUP BY t.v, t.n, s.block ORDER BY t.n DESC, t.v, s.block"
    )
    for value, block, count in scan.run.fetch((repeated, list(source.params) * 2)):
        name = repr(value)
        shown[name] = shown_value(value)
        sums.setdefault(name, np.zeros_like(rows))[places[block]] = count
    sampled = {name: int(sums[name].sum()) for name in shown}
    totals = PassTotals(int(rows.sum()), sampled, SampleBlocks(scan.size, sums))
    listed = []
    for name, value in shown.items():
        figure = totals.count(name)
        share, bounds = sampled[name] / values, figure.accuracy
        listed.append(ValueRows(value, figure.value, share, bounds.low, bounds.high))
    return FrequentValues(tuple(listed), totals.accuracy(None, None), None, complete=False)


def groups_of_frequencies(scan: ColumnScan) -> tuple[int, Groups | None]:
    """The number of distinct values, and the figures of their groups."""
    figures = (
        "count(*), sum(n), min(n), max(n), count_if(n = 1), "
        f"count_if(n < {SPARSE}), sum(CAST(n AS HUGEINT) * n)"
    )
    counted = scan.source.select(figures, " WHERE v IS NOT NULL")
    ((distinct, rows, smallest, largest, once, sparse, squares),) = scan.run.fetch(counted)
    if not distinct:
        return 0, None
    effective = int(rows) ** 2 / int(squares)
    return distinct, Groups(*map(Figure, (smallest, largest, once, sparse, effective)))


MIN_BITS, MAX_BITS = 20, 27
"""Base-2 logarithms. Fewer bits are faster, since they fit into the processor's cache."""
SPARE_BITS = 3
NORMAL = 1.96


def set_bits(source: Source, position: str, last: int) -> Statement:
    """The number of bits at the positions of all values, of the bits 0 to ``last``."""
    bits = f"bitstring_agg(CAST({position} AS BIGINT), 0, {last})"
    return source.select(f"coalesce(bit_count({bits}), 0)", " WHERE v IS NOT NULL")


def hash_bits(source: Source, bits: int) -> Statement:
    """The number of bits that the hashes of the values set, of 2**``bits``."""
    return set_bits(source, f"hash(v) >> {64 - bits}", (1 << bits) - 1)


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
        low, high = first_pass.low, first_pass.high
        ((counted,),) = scan.run.fetch(
            set_bits(scan.source, f"{axis.sql('v')} - ({low})", high - low)
        )
        return Figure(int(counted))
    bits = bits_for(first_pass.sketched or first_pass.values)
    ((found,),) = scan.run.fetch(hash_bits(scan.source, bits))
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
    return Figure(value, Accuracy("approximate", "linear counting", low, high, DEFAULT_CONFIDENCE))


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
        among = f" WHERE v IS NOT NULL AND hash(v) % {slices} = {number}"
        if scan.run.fetch(
            scan.source.select("1", f"{among} GROUP BY v HAVING count(*) > 1 LIMIT 1")
        ):
            return False
    return True


def distinct_of_sample(
    scan: ColumnScan, first_pass: FirstPass | None, values: int, nulls: Figure
) -> Figure:
    """The number of distinct values from the sketch of the first pass, else from a sample."""
    assert scan.size is not None  # noqa: S101 - only of a sample
    counts, params = scan.source.select("count(*) AS n", " WHERE v IS NOT NULL GROUP BY v")
    ((seen, once),) = scan.run.fetch((f"SELECT count(*), count_if(n = 1) FROM ({counts})", params))
    most = scan.size.of_rows - (nulls.low or 0)
    if first_pass and first_pass.sketched is not None:
        half = NORMAL * SKETCH_ERROR * first_pass.sketched
        low = max(seen, round(first_pass.sketched - half))
        high = max(min(round(first_pass.sketched + half), most), low)
        method = "DuckDB's approx_count_distinct"
        value = min(max(first_pass.sketched, low), high)
        return Figure(value, Accuracy("approximate", method, low, high, DEFAULT_CONFIDENCE))
    # Charikar and others 2000, "Towards estimation error guarantees for distinct values": a value
    # that occurs once represents up to 1/√(sampling rate) values.
    rate = max(values, 1) / max(most, 1)
    guess = round(seen + (sqrt(1 / rate) - 1) * once) if rate < 1 else seen
    high = max(seen + most - values, seen)
    guess = min(max(guess, seen), high)
    return Figure(guess, Accuracy("estimated", METHOD, seen, high, CERTAIN, scan.size.rows))
