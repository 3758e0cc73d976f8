"""Is one table like another: a sample like its population, or a commit like an earlier one?

Owns: the comparison and its words. Invariant: both tables are read column by column, so memory is
bounded by one column of each; whoever calls hands over tables of a size that this bears, and says
for how many rows each stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import Column, TableFiles
from profiling_engine.column_distances import ColumnDistance, column_distance
from profiling_engine.comparison_figures import holm
from profiling_engine.comparison_sides import Side

Purpose = Literal["sample", "tables"]

LEVEL = 0.01
"""How often a faultless sample is called out, over all its columns together, at the most."""
DRIFT_DISTANCE = 0.1
DRIFT_MEAN = 0.2
"""Whole tables nearly always differ beyond chance: they are called out by how much."""


@dataclass(frozen=True)
class ColumnComparison:
    """How a column differs, in figures and a sentence."""

    name: str
    type: str
    distance: ColumnDistance
    stands_out: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "name": self.name,
            "type": self.type,
            **asdict(self.distance),
            "stands_out": self.stands_out,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class TableComparison:
    """All columns, the most different first among those that stand out."""

    purpose: Purpose
    columns: tuple[ColumnComparison, ...]
    not_compared: tuple[str, ...]
    only_in_base: tuple[str, ...]
    only_in_other: tuple[str, ...]
    verdict: str

    @property
    def standing_out(self) -> list[ColumnComparison]:
        """The columns that stand out."""
        return [column for column in self.columns if column.stands_out]

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "purpose": self.purpose,
            "verdict": self.verdict,
            "stand_out": [column.name for column in self.standing_out],
            "columns": [column.as_json() for column in self.columns],
            "not_compared": list(self.not_compared),
            "only_in_base": list(self.only_in_base),
            "only_in_other": list(self.only_in_other),
        }


def compare_tables(
    database: ParquetDatabase,
    base: Side,
    other: Side,
    *,
    purpose: Purpose,
    report: Report = no_report,
) -> TableComparison:
    """Compare the columns that two tables have in common.

    Parameters
    ----------
    base, other : Side
        The population and the sample; or the earlier table and the later one.
    purpose : {"sample", "tables"}
        A sample's column stands out when chance would hardly make it differ so; a table's, when it
        differs by much.

    Returns
    -------
    TableComparison
        Columns in the base's order.
    """
    columns, only_in_base, only_in_other = _common(base.table, other.table, other.weight)
    distances: list[tuple[Column, ColumnDistance]] = []
    not_compared: list[str] = []
    with database.cursor() as cursor:
        for place, (one, two) in enumerate(columns):
            report(place / max(len(columns), 1), f"comparing {one.name}")
            found = column_distance(cursor, base, one, other, two)
            if found is None:
                not_compared.append(one.name)
            else:
                distances.append((one, found))
    report(1.0, "compared")
    marks = _marks([distance for _, distance in distances], purpose)
    compared = tuple(
        ColumnComparison(
            column.name, column.type, distance, stands_out, sentence(column.name, distance)
        )
        for (column, distance), stands_out in zip(distances, marks, strict=True)
    )
    return TableComparison(
        purpose,
        compared,
        tuple(not_compared),
        tuple(column.name for column in only_in_base),
        tuple(column.name for column in only_in_other),
        _verdict(purpose, compared),
    )


def _common(
    base: TableFiles, other: TableFiles, weight: Column | None
) -> tuple[list[tuple[Column, Column]], list[Column], list[Column]]:
    """Pairs of columns of one name, and those that stand alone."""
    named = {column.name: column for column in other.columns}
    pairs = [(column, named[column.name]) for column in base.columns if column.name in named]
    mine = {column.name for column in base.columns}
    alone = [column for column in other.columns if column.name not in mine and column != weight]
    return pairs, [column for column in base.columns if column.name not in named], alone


def _marks(distances: Sequence[ColumnDistance], purpose: Purpose) -> list[bool]:
    if purpose == "tables":
        return [_drifts(distance) for distance in distances]
    tests = [p for distance in distances for p in (distance.p_value, distance.missing_p_value)]
    marks = holm(tests, LEVEL)
    return [marks[at] or marks[at + 1] for at in range(0, len(marks), 2)]


def _drifts(distance: ColumnDistance) -> bool:
    shift = distance.standardised_difference
    return (
        distance.distance >= DRIFT_DISTANCE
        or (shift is not None and abs(shift) >= DRIFT_MEAN)
        or abs(distance.other_missing - distance.base_missing) >= DRIFT_DISTANCE
    )


def sentence(name: str, distance: ColumnDistance) -> str:
    """What differs, as a person says it."""
    shift = distance.standardised_difference
    missing = distance.other_missing - distance.base_missing
    if distance.missing_p_value < min(distance.p_value, 0.05):
        return (
            f"{name} has no value in {distance.other_missing:.1%} of the rows, "
            f"not {distance.base_missing:.1%}."
        )
    if shift is not None and abs(shift) >= 0.05:
        return (
            f"{name} is {'higher' if shift > 0 else 'lower'} by {abs(shift):.2f} standard "
            f"deviations: its mean is {distance.other_mean:.6g}, not {distance.base_mean:.6g}."
        )
    if distance.parts and distance.kind == "chi_square":
        part = max(distance.parts, key=lambda one: abs(one.other - one.base))
        if abs(part.other - part.base) >= 0.005:
            return f'{name} is "{part.label}" in {part.other:.1%} of the rows, not {part.base:.1%}.'
    if abs(missing) >= 0.005:
        return f"{name} has no value in {distance.other_missing:.1%} of the rows."
    return f"{name} is spread alike."


def _verdict(purpose: Purpose, columns: Sequence[ColumnComparison]) -> str:
    out = [column for column in columns if column.stands_out]
    of = f"{len(columns)} column{'s' if len(columns) != 1 else ''}"
    if not columns:
        return "There is no column to compare by."
    if not out:
        return (
            f"The sample is like its population: none of {of} stands out."
            if purpose == "sample"
            else f"The tables are alike: none of {of} differs much."
        )
    worst = sorted(out, key=lambda column: -column.distance.distance)[:3]
    told = " ".join(column.sentence for column in worst)
    if purpose == "sample":
        return f"The sample is not like its population: {len(out)} of {of} stand out. {told}"
    return f"The tables differ: {len(out)} of {of} by much. {told}"
