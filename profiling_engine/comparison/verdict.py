"""The verdict of a comparison and its sentences.

A sample is *representative* if no column differs significantly and the smallest detectable
difference is at most 15 % of the rows, and *inconclusive* if it is larger. Two tables that are read
whole are *equal* or *differ*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from parquet_tables.tables import Column
from profiling_engine.advice.alerts import counted
from profiling_engine.comparison.column_figures import ColumnDistance
from profiling_engine.comparison.parts import shown
from profiling_engine.comparison.table_changes import ChangedValues, TableChanges

Purpose = Literal["sample", "tables"]
Outcome = Literal["representative", "inconclusive", "differs", "equal"]

MAX_DETECTABLE = 0.15
"""A representative sample detects differences of this share of the rows."""
LABELS: dict[Outcome, str] = {
    "representative": "Representative",
    "inconclusive": "Inconclusive: the sample is too small",
    "differs": "Differs",
    "equal": "Equal",
}
IS_ALIKE: dict[Outcome, bool | None] = {
    "representative": True,
    "inconclusive": None,
    "differs": False,
    "equal": True,
}
NAMED, WORST_NAMED = 5, 3
SMALL_SHIFT = 0.05
SMALL_SHARE = 0.005


@dataclass(frozen=True)
class Structure:
    """The differences of two tables in rows, columns, types and lists of values.

    Parameters
    ----------
    base_rows, other_rows : int or None
        None if a table is a sample.
    changed_types : tuple of (str, str, str)
        The name, the type in the base and the type in the other table.
    changed_values : tuple of (str, ChangedValues)
        The columns with categories of only one table.
    """

    base_rows: int | None
    other_rows: int | None
    only_in_base: tuple[str, ...] = ()
    only_in_other: tuple[str, ...] = ()
    changed_types: tuple[tuple[str, str, str], ...] = ()
    changed_values: tuple[tuple[str, ChangedValues], ...] = ()
    changes: TableChanges | None = None

    @property
    def differs(self) -> bool:
        """Whether something is in only one table."""
        changes = self.changes
        return bool(
            self.base_rows != self.other_rows
            or self.only_in_base
            or self.only_in_other
            or self.changed_types
            or self.changed_values
            or (changes and (changes.rows_only_in_base or changes.rows_only_in_other))
        )

    def sentences(self) -> list[str]:
        """Sentences on what is in only one table, rows first."""
        return [*self._rows(), *self._columns(), *self._values()]

    def _rows(self) -> list[str]:
        """The change of the number of rows, and the rows without an equal row."""
        sentences, change = [], 0
        if self.base_rows is not None and self.other_rows is not None:
            change = self.other_rows - self.base_rows
            if change:
                counts = f"{self.base_rows:,} before, {self.other_rows:,} now"
                sentences.append(f"Rows: {change:+,} ({counts}).")
        if self.changes is None:
            return sentences
        removed, added = self.changes.rows_only_in_base, self.changes.rows_only_in_other
        if (removed, added) != (max(-change, 0), max(change, 0)):
            sentences.append(
                f"{counted(removed, 'row')} before and {counted(added, 'row')} now have no equal "
                "in the other table."
            )
        return sentences

    def _columns(self) -> list[str]:
        sentences = [
            f"Columns {what}: {_named(names)}."
            for what, names in (("added", self.only_in_other), ("removed", self.only_in_base))
            if names
        ]
        types = [f"{name} was {before}, is {now}" for name, before, now in self.changed_types]
        return [*sentences, f"Types changed: {_named(types)}."] if types else sentences

    def _values(self) -> list[str]:
        sentences = []
        for name, values in self.changed_values[:NAMED]:
            for count, listed, what in (
                (values.removed, values.removed_values, "no longer in"),
                (values.added, values.added_values, "new in"),
            ):
                if count:
                    quoted = [f'"{value}"' for value in listed[:WORST_NAMED]]
                    sentences.append(f"Values {what} {name}: {_named(quoted, count)}.")
        return sentences


def outcome_of(
    purpose: Purpose,
    structure: Structure,
    *,
    is_significant: bool,
    detectable: float | None,
) -> Outcome:
    """Decide the verdict of a comparison.

    Parameters
    ----------
    is_significant : bool
        Whether any column differs significantly.
    detectable : float or None
        The smallest detectable difference as a share of the rows; None if nothing was compared.
    """
    if is_significant or (purpose == "tables" and structure.differs):
        return "differs"
    if purpose == "tables" and structure.changes is not None:
        return "equal"
    if detectable is None or detectable > MAX_DETECTABLE:
        return "inconclusive"
    return "representative"


def label_of(purpose: Purpose, outcome: Outcome) -> str:
    """The label of a verdict."""
    if purpose == "tables" and outcome == "representative":
        return "No difference found"
    return LABELS[outcome]


def verdict(
    purpose: Purpose,
    outcome: Outcome,
    structure: Structure,
    compared: int,
    significant: Sequence[str],
    detectable: float | None,
) -> str:
    """The verdict in sentences.

    Parameters
    ----------
    compared : int
        The number of compared columns.
    significant : sequence of str
        The sentences of the columns to name, the largest distance first.
    """
    label = f"{label_of(purpose, outcome)}."
    of = counted(compared, "column")
    if outcome == "equal":
        return f"{label} {counted(structure.base_rows or 0, 'row')} and {of} are the same."
    if outcome == "differs":
        sentences = structure.sentences() if purpose == "tables" else []
        if significant and purpose == "sample":
            sentences.append(f"{len(significant):,} of {of} differ{'s' * (len(significant) == 1)}.")
        return " ".join([label, *sentences, *significant[:WORST_NAMED]])
    if not compared:
        return f"{label} No column could be compared."
    none = f"None of {of} differs significantly."
    return f"{label} {none} {power_sentence(detectable)}"


def power_sentence(detectable: float | None) -> str:
    """The smallest detectable difference in words."""
    if detectable is None or detectable >= 1:
        return "No difference, however large, would be detected with 80 % power."
    return (
        f"The smallest detectable difference is {100 * detectable:.1f} % of the rows: one of this "
        "size is found in at least 80 % of samples."
    )


def _named(names: Sequence[str], count: int | None = None) -> str:
    shown_names = names[:NAMED]
    more = (len(names) if count is None else count) - len(shown_names)
    return ", ".join(shown_names) + (f" and {more:,} more" if more > 0 else "")


def sentence(column: Column, distance: ColumnDistance) -> str:
    """The difference of a column in words."""
    return difference(column, distance) or f"{column.name} has about the same distribution."


def difference(column: Column, distance: ColumnDistance) -> str | None:
    """The difference of a column in words; None if it is negligible."""
    name, means = column.name, distance.means
    shift = distance.standardised_difference
    missing = (
        f"{name} is missing in {_percent(distance.other_missing)} of the rows, "
        f"not {_percent(distance.base_missing)}."
    )
    if distance.missing_p_value < min(distance.p_value, 0.05):
        return missing
    if shift is not None and means is not None and abs(shift) >= SMALL_SHIFT:
        return (
            f"{name} is {'higher' if shift > 0 else 'lower'} by {abs(shift):.2f} standard "
            f"deviations: its mean is {shown(column, means[1])}, not {shown(column, means[0])}."
        )
    if distance.parts and distance.kind == "chi_square":
        part = max(distance.parts, key=lambda shares: abs(shares.other - shares.base))
        if abs(part.other - part.base) >= SMALL_SHARE:
            has_missing = distance.base_missing > 0 or distance.other_missing > 0
            values = "rows with a value" if has_missing else "rows"
            return (
                f'{name} is "{part.label}" in {_percent(part.other)} of the {values}, '
                f"not {_percent(part.base)}."
            )
    if distance.p_value < 0.05:
        measure = "KS distance" if distance.kind == "kolmogorov_smirnov" else "distance"
        return f"The distribution of {name} differs ({measure} {distance.distance:.3f})."
    if abs(distance.other_missing - distance.base_missing) >= SMALL_SHARE:
        return missing
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
