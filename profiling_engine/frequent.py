"""The most frequent values of a column.

Owns: how they are found. Invariant: what is listed has its true number of rows, unless it comes
from a sample; and what isn't listed is bounded.

Of too many values to count one by one, each value falls by its hash into one of 65,536 groups,
whose rows are counted; the values of the largest groups are counted one by one then. No other value
can have more rows than the largest group that wasn't looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from parquet_tables.json_values import json_value, shown_expression
from profiling_engine.accuracy import CERTAIN, EXACT, Accuracy, Figure
from profiling_engine.look import Look
from profiling_engine.parts import FrequentValues, Groups, ValueRows
from profiling_engine.sources import FREQUENCIES, Source, Statement
from profiling_engine.totals import Totals

LISTED = 10
LONGEST_SHOWN = 200
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
    if isinstance(plain, str) and len(plain) > LONGEST_SHOWN:
        return plain[:LONGEST_SHOWN] + "…"
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
