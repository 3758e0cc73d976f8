"""The result of a comparison: columns, significance, verdict, JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from parquet_tables.tables import Column
from profiling_engine.comparison.column_figures import ColumnDistance
from profiling_engine.comparison.parts import shown
from profiling_engine.comparison.table_changes import ChangedValues
from profiling_engine.comparison.verdict import (
    IS_ALIKE,
    Outcome,
    Purpose,
    Structure,
    difference,
    label_of,
    outcome_of,
    sentence,
    verdict,
)

MAX_DETAILED = 200
"""The number of columns with chart parts; significant columns come first."""
MAX_LABEL = 80


@dataclass(frozen=True)
class ColumnComparison:
    """A column's figures, and whether it differs significantly.

    Parameters
    ----------
    detectable : float or None
        The smallest detectable ``distance``; None if the values have none.
    detectable_rows : float
        The smallest detectable difference as a share of all rows.
    changed : ChangedValues or None
        The categories of only one table; None unless every row of both was read.
    """

    column: Column
    distance: ColumnDistance
    is_significant: bool
    detectable: float | None
    detectable_rows: float
    changed: ChangedValues | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def sentence(self) -> str:
        """The difference in words."""
        return sentence(self.column, self.distance)

    def as_json(self, *, is_detailed: bool = True) -> dict[str, Any]:
        """The fields of the API; the means of dates and times are texts."""
        figures = asdict(self.distance)
        parts = figures.pop("parts") if is_detailed else ()
        for name in ("parts", "value_basis", "missing_basis"):
            figures.pop(name, None)
        if self.column.type.startswith(("DATE", "TIME")) and self.distance.means is not None:
            figures["base_mean"], figures["other_mean"] = (
                shown(self.column, mean) for mean in self.distance.means
            )
        changed = self.changed or ChangedValues()
        return {
            "name": self.name,
            "type": self.column.type,
            **figures,
            "parts": [{**part, "label": _cut(part["label"])} for part in parts],
            "is_significant": self.is_significant,
            "stands_out": self.is_significant,
            "minimum_detectable_difference": self.detectable,
            "added_values": list(changed.added_values),
            "added_values_count": changed.added,
            "removed_values": list(changed.removed_values),
            "removed_values_count": changed.removed,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class TableComparison:
    """All columns that were compared, in the base's order.

    Parameters
    ----------
    not_compared : tuple of str
        Columns whose types can't be compared, or after the time limit.
    effective_size : float
        The effective sample size of the other table; infinite for a population.
    """

    purpose: Purpose
    columns: tuple[ColumnComparison, ...]
    not_compared: tuple[str, ...]
    structure: Structure
    effective_size: float

    @property
    def significant(self) -> list[ColumnComparison]:
        """The columns that differ significantly."""
        return [column for column in self.columns if column.is_significant]

    @property
    def detectable(self) -> float | None:
        """The largest of the columns' smallest detectable differences, as a share of the rows."""
        return max((column.detectable_rows for column in self.columns), default=None)

    @property
    def outcome(self) -> Outcome:
        """The verdict."""
        return outcome_of(
            self.purpose,
            self.structure,
            is_significant=bool(self.significant),
            detectable=self.detectable,
        )

    @property
    def verdict(self) -> str:
        """The verdict in sentences."""
        listed = sorted(self.significant, key=lambda column: -column.distance.distance)
        if self.structure.changes is not None:
            changed = set(self.structure.changes.changed_columns) - {
                column.name for column in listed
            }
            others = [
                column
                for column in self.columns
                if column.name in changed and difference(column.column, column.distance)
            ]
            listed += sorted(others, key=lambda column: column.distance.p_value)
        return verdict(
            self.purpose,
            self.outcome,
            self.structure,
            len(self.columns),
            [column.sentence for column in listed],
            self.detectable,
        )

    def as_json(self) -> dict[str, Any]:
        """The fields of the API; bounded in size, whatever the tables hold."""
        by_significance = sorted(self.columns, key=lambda column: not column.is_significant)
        detailed = {column.column for column in by_significance[:MAX_DETAILED]}
        structure, outcome = self.structure, self.outcome
        return {
            "purpose": self.purpose,
            "outcome": outcome,
            "outcome_label": label_of(self.purpose, outcome),
            "verdict": self.verdict,
            "alike": IS_ALIKE[outcome],
            "stand_out": [column.name for column in self.significant],
            "minimum_detectable_difference": self.detectable,
            "noticeable": self.detectable,
            "columns": [
                column.as_json(is_detailed=column.column in detailed) for column in self.columns
            ],
            "not_compared": list(self.not_compared),
            "only_in_base": list(structure.only_in_base),
            "only_in_other": list(structure.only_in_other),
            "changed_types": [
                {"name": name, "base_type": base_type, "other_type": other_type}
                for name, base_type, other_type in structure.changed_types
            ],
            "changes": None if structure.changes is None else structure.changes.as_json(),
        }


def _cut(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
