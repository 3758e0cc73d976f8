"""A table of a comparison: the values of its columns, and the weights of its rows.

Ordered types are read as numbers, others as codes of labels; only arrays and a short list of labels
leave DuckDB. Weights and clusters are given with the rows, by the design that a sample was drawn
by; from them the effective sample sizes of the tests follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]

EQUAL_WEIGHTS = 1e-9
FEW_ROWS = 10


def tail_factor(degrees: Floats | float) -> Floats | float:
    """The quotient of the tails of t² and of a squared normal variable.

    A conservative fit to the quotients at p = 0.0001 to 0.001.

    >>> [round(float(tail_factor(degrees)), 2) for degrees in (5, 10, 100)]
    [4.4, 2.35, 1.1]
    """
    return 1 + 10 / degrees + 35 / degrees**2


@dataclass(frozen=True)
class WeightedRows:
    """Rows with their weights and their clusters by number from 0, and the sizes of tests of them.

    The size is given, such as infinite for a population, or follows from the weights. It is at most
    Kish's (Σw)²/Σw² (1965, *Survey Sampling*, §8.2), with the weights of clusters for w. The
    variance of a share is that of a draw with replacement, linearised (Särndal, Swensson and
    Wretman 1992, *Model Assisted Survey Sampling*, §5.5). Estimates have it at the sample's own
    share; a test has it at the population's, because the sample's own underestimates it if rows
    with large weights are missing. Student's t reduces sizes that few weights determine.
    """

    weights: Floats
    clusters: Ints | None = None
    given_size: float | None = None

    def of(self, rows: Bools) -> WeightedRows:
        """Some of the rows."""
        weights, size, clusters = self.weights[rows], self.given_size, self.clusters
        if size is not None and math.isfinite(size) and self.total:
            size *= float(weights.sum()) / self.total
        if clusters is not None:
            clusters = np.unique(clusters[rows], return_inverse=True)[1]
        return WeightedRows(weights, clusters, size)

    @cached_property
    def total(self) -> float:
        return float(self.weights.sum())

    @cached_property
    def is_simple(self) -> bool:
        if self.clusters is not None or not len(self.weights):
            return False
        return float(np.ptp(self.weights)) <= EQUAL_WEIGHTS * float(self.weights.max())

    @cached_property
    def cluster_weights(self) -> Floats:
        if self.clusters is None:
            return self.weights
        return np.bincount(self.clusters, self.weights).astype(np.float64)

    @cached_property
    def effective_size(self) -> float:
        """Kish's effective sample size."""
        if self.is_simple:
            return float(len(self.weights))
        return float(self.total**2 / (self.cluster_weights**2).sum()) if self.total else 0.0

    @cached_property
    def tested_size(self) -> float:
        """The effective size for tests, reduced if few weights determine it."""
        if self.given_size is not None:
            return self.given_size
        if self.is_simple or not self.total:
            return self.effective_size
        return self.effective_size / float(tail_factor(self._degrees))

    @cached_property
    def _degrees(self) -> float:
        """The degrees of freedom: few if some weights are very large."""
        squares = self.cluster_weights**2
        return float(squares.sum() ** 2 / (squares**2).sum())

    def share_sizes(self, codes: Ints, shares: Floats, *, cumulative: bool = False) -> Floats:
        """The effective size for the share of each code in the population: shape (codes,).

        ``codes`` has the category of each row, from 0. Cumulative shares are those of each code and
        all codes below it.
        """
        if self.given_size is not None or self.is_simple or not self.total:
            return np.full(len(shares), self.tested_size)
        spread = shares * (1 - shares)
        if self.clusters is None:
            variances, degrees = self._variances(codes, shares, cumulative)
            if cumulative:  # the largest weights affect the whole distribution function
                degrees = np.full(len(shares), self._degrees)
        else:
            spread, variances = self._cluster_shares(codes, len(shares), cumulative)
            degrees = np.full(len(shares), self._degrees)
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.where((spread > 0) & (variances > 0), spread / variances, np.inf)
        return np.minimum(sizes, self.effective_size) / tail_factor(degrees)

    def _variances(self, codes: Ints, shares: Floats, cumulative: bool) -> tuple[Floats, Floats]:
        """Variances at the given shares, and their degrees of freedom.

        W = Σw²/Σw is the mean weight inside and outside a category. The variance is
        p(1 - p)·((1 - p)·W₁ + p·W₀)/Σw; the degrees are Satterthwaite's (1946).
        """
        powers = [np.ones(len(codes)), *(self.weights**power for power in (1, 2, 3, 4))]
        sums = [np.bincount(codes, power, len(shares)).astype(np.float64) for power in powers]
        inside = np.array([np.cumsum(part) if cumulative else part for part in sums])
        totals = np.array([float(part.sum()) for part in sums])[:, np.newaxis]
        first, second = (_mean_weight(part, totals) for part in (inside, totals - inside))
        of_first, of_second = (1 - shares) * first[0], shares * second[0]
        of_both = np.maximum(of_first + of_second, 1e-300)
        relative = (of_first**2 * first[1] + of_second**2 * second[1]) / of_both**2
        degrees = 2 / np.maximum(relative, 2e-9)
        return shares * (1 - shares) * of_both / self.total, degrees

    def _cluster_shares(self, codes: Ints, count: int, cumulative: bool) -> tuple[Floats, Floats]:
        """p(1 - p) of the sample's shares p, and their variances between clusters."""
        assert self.clusters is not None  # noqa: S101 - only of a clustered sample
        clusters = len(self.cluster_weights)
        correction = clusters / max(clusters - 1, 1) / self.total**2
        if cumulative:
            cells = np.bincount(
                self.clusters * count + codes, self.weights, minlength=clusters * count
            )
            held = np.cumsum(cells.reshape(clusters, count), axis=1)
            shares = held.sum(axis=0) / self.total
            residuals = held - self.cluster_weights[:, np.newaxis] * shares
            return shares * (1 - shares), (residuals**2).sum(axis=0) * correction
        pairs, places = np.unique(self.clusters * count + codes, return_inverse=True)
        held = np.bincount(places, self.weights)
        cluster, code = pairs // count, pairs % count
        shares = np.bincount(code, held, count) / self.total
        squares = np.bincount(code, held**2, count)
        products = np.bincount(code, held * self.cluster_weights[cluster], count)
        all_squares = float((self.cluster_weights**2).sum())
        residuals = squares - 2 * shares * products + shares**2 * all_squares
        return shares * (1 - shares), np.maximum(residuals, 0.0) * correction


def _mean_weight(sums: Floats, totals: Floats) -> tuple[Floats, Floats]:
    """W = Σw²/Σw of some rows, and its relative variance, from all rows if there are few.

    Both arguments have Σ1, Σw, Σw², Σw³ and Σw⁴ as rows.
    """
    count = np.maximum(np.round(sums[0]), 0.0)
    of_all = totals[2] / totals[1]
    has_rows = count > 0
    mean = np.where(has_rows, sums[2] / np.where(has_rows, sums[1], 1.0), of_all)
    known = np.where(has_rows, sums, 1.0)
    residuals = known[4] - 2 * mean * known[3] + mean**2 * known[2]
    own = np.where(has_rows, np.maximum(residuals, 0.0) / known[2] ** 2, 0.0)
    few = np.maximum(own, 1 / np.maximum(count, 1.0))
    return mean, np.where(count < FEW_ROWS, few, own)


@dataclass(frozen=True)
class ComparedTable:
    """One of the two tables of a comparison, without a deletion vector.

    Parameters
    ----------
    size : float or None
        The sample size that the tests use: infinite for a population without sampling error, the
        number of rows for a simple random sample, None to derive it from weights and clusters.
    rows : int or None
        The rows of the whole table, if only some are read.
    drawn_from_base : bool
        Whether the rows are a sample without replacement of the other table.
    whole : TableFiles or None
        The whole table, if only some rows are read; its categories are counted in all rows.
    """

    table: TableFiles
    size: float | None = math.inf
    weight: Column | None = None
    cluster: Column | None = None
    rows: int | None = None
    drawn_from_base: bool = False
    whole: TableFiles | None = None

    @property
    def is_sample(self) -> bool:
        return self.size is None

    @property
    def is_population(self) -> bool:
        return self.size is not None and math.isinf(self.size)

    @property
    def row_count(self) -> int:
        return self.table.row_count if self.rows is None else self.rows

    @property
    def is_read_whole(self) -> bool:
        return self.row_count == self.table.row_count

    @property
    def all_rows(self) -> TableFiles | None:
        """The table with all rows; None for a sample."""
        if self.is_sample or (self.whole is None and not self.is_read_whole):
            return None
        return self.whole or self.table

    @property
    def weight_sql(self) -> str:
        return "1.0" if self.weight is None else f"f.{quote_identifier(self.weight.name)}"


@dataclass(frozen=True)
class ComparedColumn:
    table: ComparedTable
    column: Column

    @property
    def sql(self) -> str:
        return f"f.{quote_identifier(self.column.name)}"

    @property
    def text_sql(self) -> str:
        return f"CAST({self.sql} AS VARCHAR)"


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column: numbers, or codes, which are the places of labels in a given list.

    The code of any other label is the list's length. A value is ``usable`` if it is finite.
    """

    numbers: Floats
    codes: Ints
    missing: Bools
    usable: Bools
    weighted: WeightedRows

    @property
    def rows(self) -> int:
        return len(self.missing)

    @property
    def missing_share(self) -> float:
        weights = self.weighted.weights
        return float(weights[self.missing].sum() / self.weighted.total) if self.rows else 0.0


def read_numbers(cursor: duckdb.DuckDBPyConnection, compared: ComparedColumn) -> ColumnValues:
    """Read a column of numbers, dates or times; dates and times as days."""
    found = _read(cursor, compared.table, f"{_as_number(compared)} AS value", [])
    values = np.ma.asarray(found["value"], dtype=np.float64)
    numbers, codes = np.ma.filled(values, np.nan), np.empty(0, np.int64)
    weighted = _weighted(compared.table, found)
    return ColumnValues(numbers, codes, np.ma.getmaskarray(values), np.isfinite(numbers), weighted)


def read_labels(
    cursor: duckdb.DuckDBPyConnection, compared: ComparedColumn, labels: Sequence[str]
) -> ColumnValues:
    """Read a column as the places of its values in ``labels``."""
    value = compared.text_sql
    code = f"CAST(coalesce(list_position(?, {value}) - 1, {len(labels):d}) AS BIGINT)"
    selected = f"{code} AS code, {value} IS NULL AS missing"
    found = _read(cursor, compared.table, selected, [list(labels)])
    missing = _plain(found["missing"], np.bool_)
    codes = _plain(found["code"], np.int64)
    return ColumnValues(np.empty(0), codes, missing, ~missing, _weighted(compared.table, found))


def frequent_labels(
    cursor: duckdb.DuckDBPyConnection,
    columns: Sequence[ComparedColumn],
    limit: int,
    min_rows: int = 0,
) -> tuple[list[str], int]:
    """The values with the most weight in all tables, and the number of distinct values.

    The weights of each of several tables sum to its effective size, as in the tests: by more, a
    sample with unequal weights would select what it has in excess. Ties are in the order of the
    text. If there are more values than the limit, those in fewer than ``min_rows`` rows are left
    out.
    """
    read = [compared for compared in columns if compared.table.table.paths]
    weights = [compared.table.weight_sql for compared in read]
    sizes = [effective_size(cursor, one.table) if len(read) > 1 else 1.0 for one in read]
    queries = [
        f"SELECT {compared.text_sql} AS v, "
        f"{size!r} * CAST({weight} AS DOUBLE) / sum({weight}) OVER () AS w "
        f"FROM read_parquet(?) AS f WHERE {weight} IS NOT NULL"
        for compared, weight, size in zip(read, weights, sizes, strict=True)
    ]
    if not queries:
        return [], 0
    listed = cursor.execute(
        "WITH counted AS "
        "(SELECT v, sum(w) AS w, count(*) AS n, count(*) OVER () AS distinct_values "
        f"FROM ({' UNION ALL '.join(queries)}) WHERE v IS NOT NULL GROUP BY v) "
        f"SELECT v, distinct_values <= {limit:d} OR n >= {min_rows:d} AS is_kept, "
        f"distinct_values FROM counted ORDER BY is_kept DESC, w DESC, v LIMIT {limit:d}",
        [compared.table.table.paths for compared in read],
    ).fetchall()
    return [label for label, is_kept, _ in listed if is_kept], listed[0][2] if listed else 0


def effective_size(cursor: duckdb.DuckDBPyConnection, compared: ComparedTable) -> float:
    """The effective sample size of all rows; infinite for a population."""
    if compared.size is not None:
        return compared.size
    return _weighted(compared, _read(cursor, compared, "0 AS value", [])).effective_size


def cluster_count(cursor: duckdb.DuckDBPyConnection, compared: ComparedTable) -> int | None:
    """The clusters of a sample; None if it isn't one of clusters."""
    if compared.size is not None or compared.cluster is None:
        return None
    return len(_weighted(compared, _read(cursor, compared, "0 AS value", [])).cluster_weights)


def _read(
    cursor: duckdb.DuckDBPyConnection, compared: ComparedTable, value: str, params: list[object]
) -> dict[str, Array]:
    """The values with their weights and clusters; rows without a weight are excluded."""
    if not compared.table.paths:
        return dict.fromkeys(("value", "code", "missing", "weight", "cluster"), np.empty(0))
    cluster = ""
    if compared.cluster is not None:
        cluster = f", f.{quote_identifier(compared.cluster.name)} AS cluster"
    return cursor.execute(
        f"SELECT {value}, CAST({compared.weight_sql} AS DOUBLE) AS weight{cluster} "
        f"FROM read_parquet(?) AS f WHERE {compared.weight_sql} IS NOT NULL",
        [*params, compared.table.paths],
    ).fetchnumpy()


def _weighted(compared: ComparedTable, found: dict[str, Array]) -> WeightedRows:
    weights = _plain(found["weight"], np.float64)
    if compared.cluster is None:
        return WeightedRows(weights, None, compared.size)
    clusters = np.unique(_plain(found["cluster"], np.int64), return_inverse=True)[1]
    return WeightedRows(weights, clusters.astype(np.int64), compared.size)


def _plain(values: Any, kind: type[np.generic]) -> Any:
    return np.asarray(np.ma.getdata(values), dtype=kind)


def _as_number(compared: ComparedColumn) -> str:
    name, column = compared.sql, compared.column
    if column.data_type.is_date:
        number = f"CAST({name} - DATE '1970-01-01' AS DOUBLE)"
    elif column.data_type.is_timestamp:
        number = f"epoch_us(CAST({name} AS TIMESTAMP)) / 86400e6"
    elif column.data_type.is_time:
        return f"epoch_us(CAST({name} AS TIME)) / 86400e6"
    else:
        return f"CAST({name} AS DOUBLE)"
    # Without this, infinite dates would be numbers, and infinite timestamps NULL.
    finite = f"isfinite({name})"
    return f"CASE WHEN {finite} THEN {number} WHEN NOT {finite} THEN 'NaN'::DOUBLE END"
