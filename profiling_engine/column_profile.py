"""What is told of a column.

Owns: a column's profile and its alerts. Invariant: a part is None where the column's kind has no
such thing. Made by the profiler, read by alerts, design hints and whoever shows a profile.
"""

from __future__ import annotations

from dataclasses import dataclass

from profiling_engine.accuracy import Figure
from profiling_engine.kind_parts import (
    BooleanFigures,
    Field,
    MomentFigures,
    NumberFigures,
    TextFigures,
)
from profiling_engine.kinds import Kind
from profiling_engine.parts import (
    FrequentValues,
    Groups,
    Histogram,
    Lengths,
    Part,
    Quartiles,
)


@dataclass(frozen=True)
class Alert(Part):
    """Something that a person should know.

    Parameters
    ----------
    code : str
        Stable; docs/PROFILING.md lists them.
    severity : {"info", "notice", "warning"}
    sentence : str
        For a person, with the figure in it.
    figure : Figure
        The figure behind it.
    """

    code: str
    severity: str
    sentence: str
    figure: Figure


@dataclass(frozen=True)
class ColumnProfile(Part):
    """All that is told of a column.

    Parameters
    ----------
    rows : int
        Of the table.
    unique : bool or None
        Whether no value but NULL is there twice; None if that wasn't found out.
    minimum, maximum : Figure
        Of what has an order; of numbers and moments the smallest and largest finite ones.
    """

    name: str
    type: str
    kind: Kind
    rows: int
    nulls: Figure
    distinct: Figure | None = None
    unique: bool | None = None
    minimum: Figure | None = None
    maximum: Figure | None = None
    quartiles: Quartiles | None = None
    histogram: Histogram | None = None
    most_frequent: FrequentValues | None = None
    groups: Groups | None = None
    number: NumberFigures | None = None
    moment: MomentFigures | None = None
    boolean: BooleanFigures | None = None
    text: TextFigures | None = None
    lengths: Lengths | None = None
    fields: tuple[Field, ...] | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def values(self) -> int:
        """Rows that aren't NULL, as far as is known."""
        return self.rows - int(self.nulls.value)
