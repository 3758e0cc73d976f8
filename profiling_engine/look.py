"""One column, looked at through one source.

Owns: what the modules of figures are given. Invariant: the source is either all rows, as rows or as
frequencies, and figures are exact; or a sample, and they are estimates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parquet_tables.json_values import shown_expression
from profiling_engine.aggregates import Aggregate
from profiling_engine.kinds import Axis, ColumnKind, Number
from profiling_engine.run import Run
from profiling_engine.sources import Source, Statement
from profiling_engine.totals import SampleSize, Totals

END_OF_DAY = 86_400_000_000


@dataclass(frozen=True)
class Look:
    """A column and where it is read from.

    Parameters
    ----------
    size : SampleSize or None
        Of a sample.
    """

    run: Run
    kind: ColumnKind
    source: Source
    size: SampleSize | None = None

    @property
    def is_exact(self) -> bool:
        """Whether all rows are read."""
        return self.size is None

    @property
    def axis(self) -> Axis:
        """The axis of a column of numbers or moments."""
        assert self.kind.axis is not None  # noqa: S101 - asked for these kinds alone
        return self.kind.axis

    def measure(
        self, aggregates: Mapping[str, Aggregate], names: Mapping[str, str] | None = None
    ) -> Totals:
        """One pass."""
        return self.run.measure(
            self.source, aggregates, axis=self.kind.axis, names=names, size=self.size
        )


def show_moments(axis: Axis, places: Iterable[Number]) -> Statement:
    """Places on the axis of moments, and each one's moment as text; NULL where there is none."""
    shown = shown_expression("m", axis.column_type)
    if axis.column_type == "TIME":
        shown = f"CASE WHEN x = {END_OF_DAY} THEN '24:00:00' ELSE {shown} END"
    return (
        f"SELECT x, {shown} FROM (SELECT x, {axis.moment_sql('x')} AS m "
        "FROM (SELECT unnest(?::BIGINT[]) AS x))",
        [list(places)],
    )


def shower(look: Look, places: Iterable[Number | None]) -> Callable[[Number | None], Any]:
    """Makes values of places on the axis, of those that are given."""
    axis = look.axis
    if look.kind.kind == "number":
        return lambda x: None if x is None else axis.value(x)
    smallest, largest = -(2**63), 2**63 - 1
    within = {x for x in places if x is not None and smallest <= x <= largest}
    texts = dict(look.run.fetch(show_moments(axis, sorted(within))))
    return texts.get
