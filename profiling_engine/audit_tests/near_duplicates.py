"""The test for near duplicates: rows equal in chosen columns, with close dates or amounts."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain_errors import InvalidRequest, Sentence
from parquet_tables.columns import DataFile
from parquet_tables.database import registered
from parquet_tables.quoting import quote_text
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Int64s
from profiling_engine.audit_tests.answers import AuditFigure, ReasonColumn, unchecked
from profiling_engine.audit_tests.repeated import CANDIDATES, MANY, keep_candidates, keep_hashes
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Work,
    rows_found,
    sizes_of_groups,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    day_column,
    exact_columns,
    key_values,
    loose_columns,
    optional_amount,
    same_keys,
)

COMPARED = "compared_rows"
MAX_PAIRS = 5_000_000
"""Pairs of one test, which are in memory."""
MAX_HUGEINT = 2**127 - 1
MAX_UNITS_APART = 5 * 10**37
"""The largest difference of amounts: those of neighbouring bands still differ by 128 bits."""
ROUNDING = 1e-9
"""What a band of amounts is wider than its rule, so that logarithms lose no pair."""


class NearDuplicates(TableTest):
    """Pairs of rows that are equal in chosen columns and close in dates, amounts or both.

    Rows that share no hash of :meth:`_hashed` make no pair. Among the others pairs are found by
    bands: the rows of a pair are in one band of dates and of amounts, or in neighbouring ones. A
    group has all rows that pairs connect, so its first and last row may be further apart than a
    pair.
    """

    name = "near_duplicates"
    reasons = (
        ReasonColumn("_group", "BIGINT", "The number of the row's group, by its first row."),
        ReasonColumn("_group_rows", "BIGINT", "The rows of the group."),
        ReasonColumn("_partners", "BIGINT", "The rows with which the row makes a pair."),
        ReasonColumn("_partner", "VARCHAR", "The id of the closest partner."),
        ReasonColumn("_days_apart", "BIGINT", "The days between the dates of both."),
        ReasonColumn("_amount_apart", "DOUBLE", "The difference of the amounts of both."),
    )

    def prepare(self) -> None:
        request, table = self.request, self.table
        self.columns: list[ColumnValue] = [
            *exact_columns(table, request.columns, "columns"),
            *loose_columns(table, request.loose_columns, "loose_columns"),
        ]
        self.date: ColumnValue | None = None
        if request.date_column is not None:
            self.date = day_column(table, request.date_column, "date_column")
        self.amount = optional_amount(table, request.amount_column)
        self._require_comparable()

    def _require_comparable(self) -> None:
        """Refuse distances of amounts that can't be computed in 128 bits."""
        request = self.request
        if self.amount is None:
            return
        if request.amount_share is not None:
            share = Fraction(str(request.amount_share))
            if share.numerator * share.denominator > MAX_HUGEINT:
                raise InvalidRequest(
                    "The share has too many decimals to compare amounts: give at most 20.",
                    loc=("amount_share",),
                )
        elif self._most_units > MAX_UNITS_APART:
            raise InvalidRequest(
                'Amounts of the column "{column}" can\'t be compared with so large a difference: '
                "at most {limit}.",
                column=request.amount_column,
                limit=self.amount.shown(str(MAX_UNITS_APART)),
                loc=("amount_difference",),
            )

    def find(self, work: Work) -> AuditTestFindings:
        compared = [*self.columns, *filter(None, (self.date, self.amount))]
        rows = self.table.file_rows
        bands = self._wide_bands()
        for used in (bands[-1:], bands):  # the amount alone is often enough, and costs less
            named = [f"{band} AS b{at}" for at, band in enumerate(used)]
            hashed = self._hashed(len(used))
            tested, not_tested = keep_hashes(work, self.table, compared, hashed, named)
            most = None if used == bands else rows // MANY
            if keep_candidates(work, rows, len(hashed), most=most):
                break
        work.keep(self._compared(), COMPARED)
        pairs = work.write((self._pairs(), []), "pairs", "comparing rows")
        if pairs.rows > MAX_PAIRS:
            raise InvalidRequest(
                "More than {limit} pairs of rows are that close. Name more columns, or reduce the "
                "distances.",
                limit=f"{MAX_PAIRS:,}",
            )
        file = self._rows(work, pairs.written)
        pairs.written.unlink()
        groups, sizes = sizes_of_groups(work, file)
        return AuditTestFindings(
            self.written(file),
            tested,
            not_tested,
            rows_found(
                file.rows,
                Sentence(
                    "in {pairs} {pairs|pair|pairs} and {groups} group{groups||s}",
                    pairs=pairs.rows,
                    groups=groups,
                ),
            ),
            [
                AuditFigure("pairs", "Pairs", pairs.rows),
                AuditFigure("groups", "Groups", groups),
                *self.amount_figures(work, file),
            ],
            [sizes],
            unchecked(
                "Rows that are that close mean the same event. Payments that recur by right "
                "are found, too.",
            ),
        )

    def _hashed(self, dimensions: int) -> list[str]:
        """What the rows of a pair share: equal values, and a cell of one of some grids.

        A cell has as many bands of each dimension as there are grids, one more than dimensions.
        Each grid is moved by a band, so only one grid parts two neighbouring bands of a dimension.
        """
        grids = dimensions + 1
        keys = [f"s.k{at}" for at in range(len(self.columns))]
        return [
            ", ".join([*keys, *(f"(s.b{at} + {moved}) // {grids}" for at in range(dimensions))])
            for moved in range(grids)
        ]

    def _wide_bands(self) -> list[str]:
        """The SQL of bands of dates and amounts over ``f``; those of a pair are at most 1 apart.

        Amounts are approximate here: a band is a quarter wider than the difference, and those
        beyond 2**48 bands, where a DOUBLE is less exact, are in one.
        """
        bands, request = [], self.request
        if self.date is not None:
            bands.append(f"(({self.date.value}) - DATE '1970-01-01') // {request.days + 1}")
        if self.amount is not None and request.amount_share is not None:
            value = self.amount.value
            logarithm = f"CAST(floor({self._logarithm(value)}) AS BIGINT)"
            bands.append(f"CASE WHEN {value} = 0 THEN 0 ELSE {logarithm} END")
        elif self.amount is not None:
            width = 1.25 * (self._most_units + 1) / 10**self.amount.places
            most = 2**48 * width
            near = f"greatest(least(CAST({self.amount.value} AS DOUBLE), {most!r}), {-most!r})"
            bands.append(f"CAST(floor({near} / {width!r}) AS BIGINT)")
        return bands

    def _compared(self) -> Statement:
        """The rows that are compared: ``k0…``, ``d``, ``a`` and their bands ``x`` and ``y``.

        ``v`` is the amount itself.
        """
        day = "CAST(NULL AS BIGINT)"
        if self.date is not None:
            day = f"CAST(({self.date.value}) - DATE '1970-01-01' AS BIGINT)"
        units = "CAST(NULL AS BIGINT)" if self.amount is None else self.amount.units
        amount = f"{self.amount_value} AS v"
        selected = ", ".join([*key_values(self.columns), f"{day} AS d", f"{units} AS a", amount])
        rows, params = rows_at(self.table, selected, RowSet(CANDIDATES), ["ordinal"])
        days = "0" if self.date is None else f"s.d // {self.request.days + 1}"
        return f"SELECT s.*, {days} AS x, {self._band()} AS y FROM ({rows}) AS s", params

    def _band(self) -> str:
        """The SQL of the band of an amount ``s.a``: those of a pair are at most 1 apart."""
        request = self.request
        if self.amount is None:
            return "0"
        if request.amount_difference is not None:
            return f"s.a // {self._most_units + 1}"
        logarithm = self._logarithm("s.a")
        return f"CASE WHEN s.a = 0 THEN 0 ELSE CAST(floor({logarithm}) AS BIGINT) END"

    def _logarithm(self, value: str) -> str:
        """The SQL of the logarithm of an amount, which is 1 apart for the share at most."""
        width = -math.log1p(-(self.request.amount_share or 0.0)) * (1 + ROUNDING) + ROUNDING
        return f"ln(abs(CAST({value} AS DOUBLE))) / {width!r}"

    @property
    def _most_units(self) -> int:
        """The largest difference of amounts, in units of their last decimal."""
        assert self.amount is not None  # noqa: S101 - asked of amounts
        asked: int = int(Fraction(self.request.amount_difference) * 10**self.amount.places)
        furthest: int = 2 * 10**self.amount.digits  # no two amounts are further apart
        return min(asked, furthest)

    def _is_close(self) -> list[str]:
        """The conditions of the rows ``l`` and ``r`` of a pair."""
        request, close = self.request, list[str]()
        if self.date is not None:
            close.append(f"abs(l.d - r.d) <= {request.days:d}")
        if self.amount is not None and request.amount_difference is not None:
            close.append(f"abs(l.a - r.a) <= {self._most_units:d}")
        elif self.amount is not None:
            share = Fraction(str(request.amount_share))
            parts, whole = share.numerator, share.denominator
            apart = "CAST(abs(l.a - r.a) AS HUGEINT)"
            largest = "CAST(greatest(abs(l.a), abs(r.a)) AS HUGEINT)"
            if 10**self.amount.digits * whole < MAX_HUGEINT:
                close.append(f"{apart} * {whole:d} <= {largest} * {parts:d}")
            else:  # the same, without products beyond 128 bits
                rest = f"(({largest} % {whole:d}) * {parts:d}) // {whole:d}"
                close.append(f"{apart} <= ({largest} // {whole:d}) * {parts:d} + {rest}")
        return close

    def _pairs(self) -> str:
        """The pairs of rows that are close, each once, and one more than the limit at most."""
        first = [0, 1] if self.date is not None else [0]
        second = [-1, 0, 1] if self.amount is not None else [0]
        steps = [(x, y) for x in first for y in second if x > 0 or y >= 0]
        shifts = ", ".join(f"({x}, {y})" for x, y in steps)
        same = same_keys("l", "r", self.columns)
        if self.request.amount_share is not None:  # others differ by more than the larger one
            same += " AND sign(l.a) = sign(r.a)"
        shifted = (
            "SELECT t.*, t.x + m.i AS x1, t.y + m.j AS y1, m.i = 0 AND m.j = 0 AS here "
            f"FROM {COMPARED} AS t, (VALUES {shifts}) AS m(i, j)"
        )
        return (
            "SELECT l.ordinal AS one, r.ordinal AS two, abs(l.d - r.d) AS days, "
            f"abs(l.a - r.a) AS amount, l.v, r.v AS w FROM ({shifted}) AS l JOIN {COMPARED} AS r "
            f"ON {same} AND l.x1 = r.x AND l.y1 = r.y AND (NOT l.here OR l.ordinal < r.ordinal) "
            f"AND {' AND '.join(self._is_close())} LIMIT {MAX_PAIRS + 1}"
        )

    def _rows(self, work: Work, pairs: Path) -> DataFile:
        """The rows of the pairs, group by group, each with its closest partner."""
        read = work.cursor.execute(
            "SELECT p.one, p.two FROM read_parquet(?) AS p", [str(pairs)]
        ).fetchnumpy()
        places_of = 0 if self.amount is None else self.amount.places
        partners = (
            "SELECT q.*, count(*) OVER (PARTITION BY q.one) AS n FROM "
            "(SELECT p.one, p.two, p.days, p.amount, p.v FROM read_parquet(?) AS p UNION ALL "
            "SELECT p.two, p.one, p.days, p.amount, p.w FROM read_parquet(?) AS p) AS q "
            "QUALIFY row_number() OVER (PARTITION BY q.one ORDER BY q.days, q.amount, q.two) = 1"
        )
        with registered(work.cursor, {"found_groups": _groups(read["one"], read["two"])}):
            return work.write(
                (
                    "SELECT g.ordinal, g.number AS r0, g.rows AS r1, q.n AS r2, "
                    f"{quote_text(f'{self.key}:')} || q.two AS r3, q.days AS r4, "
                    f"CAST(q.amount AS DOUBLE) / {10**places_of} AS r5, q.v AS a "
                    f"FROM found_groups AS g JOIN ({partners}) AS q ON q.one = g.ordinal "
                    "ORDER BY g.number, g.ordinal",
                    [str(pairs), str(pairs)],
                ),
                "found",
            )


def _groups(one: NDArray[Any], two: NDArray[Any]) -> dict[str, Int64s]:
    """The rows that pairs connect, each with its group's number, by its first row, and size."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ordinals, places = np.unique(np.concatenate([one, two]).astype(np.int64), return_inverse=True)
    labels = np.zeros(0, dtype=np.int64)
    if size := len(ordinals):
        edges = (np.ones(len(one), dtype=np.bool_), (places[: len(one)], places[len(one) :]))
        _, labels = connected_components(coo_array(edges, shape=(size, size)), directed=False)
    _, firsts, groups, rows = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    numbers = np.argsort(np.argsort(firsts)) + 1
    return {"ordinal": ordinals, "number": numbers[groups], "rows": rows[groups]}
