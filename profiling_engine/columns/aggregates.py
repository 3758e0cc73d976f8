"""What a pass found, as figures.

Owns: the error of an estimate. Invariant: from all rows a figure is exact; from a sample it carries
an interval that allows for the sample's blocks being alike inside.

The sample is a simple random choice of blocks of neighbouring rows, so its errors come from how the
blocks differ (Cochran 1977, *Sampling Techniques*, §9A and §11): of a share by linearisation and
Wilson's interval on the effective number of rows; of anything else by the jackknife over blocks
(Wolter 2007, *Introduction to Variance Estimation*, §4).

Counts, totals and extremes of a column, many of them in one pass.

Owns: the statement of a pass. Invariant: totals are of integers alone, so they come out the same
in any order, with any number of threads and from any layout of files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from profiling_engine.columns.accuracy import CONFIDENCE, EXACT, Accuracy, Figure
from profiling_engine.columns.kinds import Axis
from profiling_engine.tables.sources import Source, Statement

Floats = NDArray[np.float64]
Derive = Callable[[Mapping[str, Any]], Any]
"""From a pass's values, or from arrays of them, one a left-out block, to a figure."""

DEVIATIONS = 1.97
"""Of an interval of 95 %: Student's t for some hundred blocks."""
METHOD = "seeded sample of blocks of rows"


@dataclass(frozen=True)
class SampleSize:
    """How much of a table was read.

    Parameters
    ----------
    rows, blocks : int
        In the sample.
    of_rows, of_blocks : int
        In the table.
    """

    rows: int
    blocks: int
    of_rows: int
    of_blocks: int

    @property
    def unread(self) -> float:
        """The share of the table's blocks that wasn't read: the finite population's correction."""
        return 1 - self.blocks / self.of_blocks


@dataclass(frozen=True)
class Totals:
    """The values of one pass.

    Parameters
    ----------
    rows : int
        Rows that were read.
    values : dict of str to value
        By the aggregate's name, over all that was read.
    blocks : dict of str to array, shape (blocks,)
        Of a sample: the same by block, with ``rows`` among them.
    size : SampleSize or None
        Of a sample.
    """

    rows: int
    values: Mapping[str, Any]
    blocks: Mapping[str, Floats] | None = None
    size: SampleSize | None = None

    def count(self, name: str) -> Figure:
        """The rows of the table that an aggregate of rows counts."""
        counted = int(self.values[name])
        if self.size is None or self.blocks is None or not self.rows:
            return Figure(counted)
        low, high = self.share_between(self.blocks[name])
        size = self.size
        # What was seen is there, and what was seen to be otherwise is not.
        least = max(counted, int(np.floor(low * size.of_rows)))
        most = min(size.of_rows - size.rows + counted, int(np.ceil(high * size.of_rows)))
        value = round(counted * size.of_rows / size.rows)
        return Figure(value, self.accuracy(least, most))

    def minus(self, name: str, other: str) -> Totals:
        """The same with the rows of ``other``, all among those of ``name``, taken out of these."""
        values = {**self.values, name: self.values[name] - self.values[other]}
        if self.blocks is None:
            return replace(self, values=values)
        blocks = {**self.blocks, name: self.blocks[name] - self.blocks[other]}
        return replace(self, values=values, blocks=blocks)

    def share_between(self, counted: Floats) -> tuple[float, float]:
        """The interval of a share of rows, from the rows counted in each block."""
        assert self.size is not None  # noqa: S101 - only of a sample
        assert self.blocks is not None  # noqa: S101
        share = float(counted.sum()) / self.rows
        effective = self._effective_rows(share, counted)
        squared = DEVIATIONS**2
        centre = (share + squared / 2 / effective) / (1 + squared / effective)
        spread = share * (1 - share) / effective + squared / 4 / effective**2
        half = DEVIATIONS / (1 + squared / effective) * float(np.sqrt(spread))
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def _effective_rows(self, share: float, counted: Floats) -> float:
        """Rows of a simple random sample with the same error; the blocks' number if unknown."""
        assert self.size is not None  # noqa: S101
        assert self.blocks is not None  # noqa: S101
        variance = self.share_error(counted, self.blocks["rows"]) ** 2
        if not 0 < share < 1 or variance == 0:
            return float(self.size.blocks)
        return float(np.clip(share * (1 - share) / variance, 1.0, self.rows))

    def share_error(self, counted: Floats, among: Floats) -> float:
        """The standard error of a share, from the rows counted and those among them by block."""
        assert self.size is not None  # noqa: S101
        all_rows = float(among.sum())
        residuals = counted - float(counted.sum()) / all_rows * among
        scale = self.size.blocks / max(self.size.blocks - 1, 1) * self.size.unread
        return float(np.sqrt(scale * float((residuals**2).sum()))) / all_rows

    def derive(self, function: Derive) -> Figure:
        """A figure from several values, the number of ``rows`` among them."""
        value = function({**self.values, "rows": self.rows})
        if self.size is None or self.blocks is None or value is None:
            return Figure(value)
        deletion_vector = {
            name: float(blocks.sum()) - blocks for name, blocks in self.blocks.items()
        }
        with np.errstate(all="ignore"):
            values = np.asarray(function(deletion_vector), dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return Figure(float(value), self.accuracy(None, None))
        spread = float(((values - values.mean()) ** 2).sum())
        variance = spread * (len(values) - 1) / len(values) * self.size.unread
        half = DEVIATIONS * float(np.sqrt(variance))
        return Figure(float(value), self.accuracy(value - half, value + half))

    def least(self, name: str) -> Figure:
        """The smallest of an expression; of a sample, the table's is no larger."""
        value = self.values[name]
        return Figure(value, EXACT if self.size is None else self.accuracy(None, value))

    def greatest(self, name: str) -> Figure:
        """The largest of an expression; of a sample, the table's is no smaller."""
        value = self.values[name]
        return Figure(value, EXACT if self.size is None else self.accuracy(value, None))

    def accuracy(self, low: object, high: object) -> Accuracy:
        """The label of an estimate between two bounds."""
        if self.size is None:
            return EXACT
        return Accuracy("estimated", METHOD, low, high, CONFIDENCE, self.size.rows)


def read_totals(
    fetched: Sequence[Sequence[Any]],
    functions: Mapping[str, str],
    size: SampleSize | None = None,
) -> Totals:
    """The rows that a statement of :func:`~profiling_engine.columns.aggregates.measure` gave.

    Parameters
    ----------
    functions : mapping of str to str
        The aggregates' names in their order, and what they do.
    """
    columns = list(zip(*fetched, strict=True)) or [()] * (len(functions) + 1)
    values = {
        name: _over_all(function, column)
        for (name, function), column in zip(functions.items(), columns[1:], strict=True)
    }
    if size is None:
        return Totals(sum(columns[0]), values)
    summed = {name for name, function in functions.items() if function in ("rows", "total")}
    blocks = {
        name: np.array(column, dtype=np.float64)
        for name, column in zip(["rows", *functions], columns, strict=True)
        if name == "rows" or name in summed
    }
    return Totals(sum(columns[0]), values, blocks, size)


def _over_all(function: str, column: Sequence[Any]) -> Any:
    if function in ("rows", "total"):
        return sum(int(value) for value in column)
    present = [value for value in column if value is not None]
    if not present:
        return None
    return min(present) if function == "least" else max(present)


@dataclass(frozen=True)
class Aggregate:
    """One figure of a pass.

    Parameters
    ----------
    expression : str
        Of ``v``, of ``x`` where there is an axis, and of further names that the pass is given; a
        condition for rows, an integer for a total.
    params : tuple
        What its question marks stand for.
    """

    function: Literal["rows", "total", "least", "greatest"]
    expression: str = "true"
    params: tuple[object, ...] = ()

    def sql(self, source: Source) -> str:
        """The aggregate over a source."""
        if self.function == "rows":
            return source.rows_where(self.expression)
        if self.function == "total":
            return source.total(self.expression)
        return f"{'min' if self.function == 'least' else 'max'}({self.expression})"


def rows(condition: str, *params: object) -> Aggregate:
    """The rows that a condition holds for."""
    return Aggregate("rows", condition, params)


def total(integer: str) -> Aggregate:
    """The sum of an integer."""
    return Aggregate("total", integer)


def least(expression: str) -> Aggregate:
    """The smallest one."""
    return Aggregate("least", expression)


def greatest(expression: str) -> Aggregate:
    """The largest one."""
    return Aggregate("greatest", expression)


def measure(
    source: Source,
    aggregates: Mapping[str, Aggregate],
    *,
    axis: Axis | None = None,
    names: Mapping[str, str] | None = None,
) -> Statement:
    """One pass over a source.

    Parameters
    ----------
    aggregates : mapping of name to Aggregate
    axis : Axis or None
        Gives the aggregates ``x``.
    names : mapping of name to SQL or None
        Further expressions of ``v`` and ``x`` that the aggregates may use.

    Returns
    -------
    (str, list)
        The number of rows, then the aggregates in their order; of a sample one row a block.
    """
    relation = source.relation
    if axis:
        relation = f"(SELECT *, {axis.sql('v')} AS x FROM {relation})"
    if names:
        more = ", ".join(f"{expression} AS {name}" for name, expression in names.items())
        relation = f"(SELECT *, {more} FROM {relation})"
    selected = ", ".join([source.rows, *(one.sql(source) for one in aggregates.values())])
    params = [value for one in aggregates.values() for value in one.params]
    by_block = " GROUP BY block ORDER BY block" if source.in_blocks else ""
    return f"SELECT {selected} FROM {relation}{by_block}", [*params, *source.params]
