"""Is one table like another: a sample like its population, or a commit like an earlier one?

Owns: the comparison, and what stands out. Invariant: both tables are read column by column, so
memory is bounded by one column of each; whoever calls hands over tables of a size that this bears,
and says for how many rows each stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import Column
from profiling_engine.column_distances import ColumnDistance, column_distance
from profiling_engine.column_values import side_size
from profiling_engine.comparison_figures import holm, joint_size
from profiling_engine.comparison_parts import shown
from profiling_engine.comparison_sides import Side
from profiling_engine.comparison_words import MOST_NOTICEABLE, Purpose, sentence, verdict

LEVEL = 0.01
"""How often a faultless sample is called out, over all its columns together, at the most."""
DRIFT_DISTANCE = 0.1
DRIFT_MEAN = 0.2
"""Large tables nearly always differ beyond chance: they are called out by how much, too."""
MOST_COLUMNS = 1_000
MOST_IN_FULL = 200
"""So many columns are shown with their pictures; those that stand out come first."""
LONGEST_LABEL = 80


@dataclass(frozen=True)
class ColumnComparison:
    """How a column differs, in figures and a sentence."""

    column: Column
    distance: ColumnDistance
    stands_out: bool

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def sentence(self) -> str:
        """What differs, as a person says it."""
        return sentence(self.column, self.distance)

    def as_json(self, *, in_full: bool = True) -> dict[str, Any]:
        """As the API shows it; the means of dates and times are texts."""
        figures = asdict(self.distance)
        parts = figures.pop("parts") if in_full else ()
        if self.column.type.startswith(("DATE", "TIME")) and self.distance.means is not None:
            figures["base_mean"], figures["other_mean"] = (
                shown(self.column, mean) for mean in self.distance.means
            )
        return {
            "name": self.name,
            "type": self.column.type,
            **figures,
            "parts": [{**part, "label": _cut(part["label"])} for part in parts],
            "stands_out": self.stands_out,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class TableComparison:
    """All columns that were compared, in the base's order.

    Parameters
    ----------
    not_compared : tuple of str
        Columns that can't be (nested, or numbers on one side alone), or that there was no time for.
    noticeable : float or None
        The share of rows that a distribution must differ in to be noticed, if no row lacks a value:
        what smaller differences there are, the comparison doesn't see. None when nothing was
        compared.
    other_size : float
        For how many rows the other side counts; infinite for a whole table.
    """

    purpose: Purpose
    columns: tuple[ColumnComparison, ...]
    not_compared: tuple[str, ...]
    only_in_base: tuple[str, ...]
    only_in_other: tuple[str, ...]
    noticeable: float | None
    other_size: float

    @property
    def standing_out(self) -> list[ColumnComparison]:
        """The columns that stand out."""
        return [column for column in self.columns if column.stands_out]

    @property
    def verdict(self) -> str:
        """What is to be said of all of them."""
        told = [(one.distance.distance, one.sentence) for one in self.standing_out]
        return verdict(self.purpose, len(self.columns), told, self.noticeable)

    @property
    def alike(self) -> bool | None:
        """Whether no column stands out; None when there is too little to tell."""
        if self.standing_out:
            return False
        enough = self.noticeable is not None and self.noticeable <= MOST_NOTICEABLE
        return True if enough else None

    def as_json(self) -> dict[str, Any]:
        """As the API shows it; bounded in size, whatever the tables hold."""
        first_out = sorted(self.columns, key=lambda one: not one.stands_out)
        in_full = {one.column for one in first_out[:MOST_IN_FULL]}
        return {
            "purpose": self.purpose,
            "verdict": self.verdict,
            "alike": self.alike,
            "stand_out": [one.name for one in self.standing_out],
            "noticeable": self.noticeable,
            "columns": [one.as_json(in_full=one.column in in_full) for one in self.columns],
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
    is_over: Callable[[], bool] = lambda: False,
) -> TableComparison:
    """Compare the columns that two tables have in common.

    Parameters
    ----------
    base, other : Side
        The population, whose rows count alike, and the sample; or the earlier table and the later.
    purpose : {"sample", "tables"}
        A sample's column stands out when chance would hardly make it differ so; a table's, when it
        differs by much, too.
    is_over : callable
        Whether the time is up; columns that are left then are not compared.

    Returns
    -------
    TableComparison
        Columns in the base's order.
    """
    columns, only_in_base, only_in_other = _common(base, other)
    distances: list[tuple[Column, ColumnDistance]] = []
    not_compared: list[str] = []
    with database.cursor(base.table) as cursor:
        for place, (one, two) in enumerate(columns):
            report(place / max(len(columns), 1), f"comparing {one.name}")
            found = None
            if place < MOST_COLUMNS and not is_over():
                found = column_distance(cursor, base, one, other, two)
            if found is None:
                not_compared.append(one.name)
            else:
                distances.append((one, found))
        base_size, other_size = (side_size(cursor, side) for side in (base, other))
    if purpose == "tables" and not any(one.distance for _, one in distances):
        base_size = other_size = math.inf  # the same rows, however few
    report(1.0, "compared")
    marks = _marks([distance for _, distance in distances], purpose)
    return TableComparison(
        purpose,
        tuple(
            ColumnComparison(column, distance, stands_out)
            for (column, distance), stands_out in zip(distances, marks, strict=True)
        ),
        tuple(not_compared),
        tuple(column.name for column in only_in_base),
        tuple(column.name for column in only_in_other),
        _noticeable(purpose, len(distances), joint_size(base_size, other_size)),
        other_size,
    )


def _common(
    base: Side, other: Side
) -> tuple[list[tuple[Column, Column]], list[Column], list[Column]]:
    """Pairs of columns of one name, and those that stand alone."""
    mine, theirs = _own(base), _own(other)
    pairs = [(column, theirs[name]) for name, column in mine.items() if name in theirs]
    return (
        pairs,
        [column for name, column in mine.items() if name not in theirs],
        [column for name, column in theirs.items() if name not in mine],
    )


def _own(side: Side) -> dict[str, Column]:
    design = side.design_columns
    return {column.name: column for column in side.table.columns if column not in design}


def _marks(distances: Sequence[ColumnDistance], purpose: Purpose) -> list[bool]:
    tests = [p for distance in distances for p in (distance.p_value, distance.missing_p_value)]
    marks = holm(tests, LEVEL)
    beyond_chance = [marks[at] or marks[at + 1] for at in range(0, len(marks), 2)]
    if purpose == "sample":
        return beyond_chance
    return [mark and _drifts(one) for mark, one in zip(beyond_chance, distances, strict=True)]


def _drifts(distance: ColumnDistance) -> bool:
    shift = distance.standardised_difference
    return (
        distance.distance >= DRIFT_DISTANCE
        or (shift is not None and abs(shift) >= DRIFT_MEAN)
        or abs(distance.other_missing - distance.base_missing) >= DRIFT_DISTANCE
    )


def _noticeable(purpose: Purpose, compared: int, size: float) -> float | None:
    """The distance at which Kolmogorov's test meets the level that Holm asks of the first test."""
    if not compared or not size:
        return None
    chance = math.sqrt(math.log(2 * 2 * compared / LEVEL) / 2 / size)
    return min(chance if purpose == "sample" else max(chance, DRIFT_DISTANCE), 1.0)


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
