"""Compare two tables column by column: a sample with its population, or two versions.

The outcome of a sample is ``representative``, "No difference found", if no column differs
significantly and the smallest detectable difference is at most 15 % of the rows. One column of each
table is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import duckdb

from contract.columns import is_identifier_name
from domain_errors import counted, percent_text
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, without_progress
from parquet_tables.tables import Column
from profiling_engine.comparison.answers import (
    ColumnDifference,
    ComparedTablesJson,
    Outcome,
    Purpose,
)
from profiling_engine.comparison.compared_table import (
    ComparedColumn,
    ComparedTable,
    cluster_count,
    effective_size,
)
from profiling_engine.comparison.distances import ColumnDistance, column_distance, shown
from profiling_engine.comparison.shared_columns import match_columns, suggest_keys
from profiling_engine.comparison.significance import holm
from profiling_engine.comparison.table_changes import (
    ChangedValues,
    TableChanges,
    TotalChange,
    changed_values,
    table_changes,
    total_changes,
)

MAX_DETECTABLE = 0.15
LABELS: dict[Outcome, str] = {
    "representative": "No difference found",
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

    The numbers of rows are None if a table is a sample. A changed type has the column's name and
    its types in the base and in the other table. A changed name differs in its case alone.
    """

    base_rows: int | None
    other_rows: int | None
    only_in_base: tuple[str, ...] = ()
    only_in_other: tuple[str, ...] = ()
    changed_types: tuple[tuple[str, str, str], ...] = ()
    changed_values: tuple[tuple[str, ChangedValues], ...] = ()
    changes: TableChanges | None = None
    changed_names: tuple[tuple[str, str], ...] = ()

    @property
    def differs(self) -> bool:
        changes = self.changes
        return bool(
            self.base_rows != self.other_rows
            or self.only_in_base
            or self.only_in_other
            or self.changed_types
            or self.changed_names
            or self.changed_values
            or (changes and changes.has_other_rows)
        )

    def sentences(self) -> list[str]:
        """Sentences on what is in only one table, rows first."""
        return [*self._rows(), *self._columns(), *self._values()]

    def _rows(self) -> list[str]:
        sentences, change = [], 0
        if self.base_rows is not None and self.other_rows is not None:
            change = self.other_rows - self.base_rows
            if change:
                counts = f"{self.base_rows:,} before, {self.other_rows:,} now"
                sentences.append(f"Rows: {change:+,} ({counts}).")
        if self.changes is None:
            return sentences
        removed, added = self.changes.rows_only_in_base, self.changes.rows_only_in_other
        if removed is None or added is None:
            if self.changes.changed_columns:
                sentences.append(
                    "Columns whose values differ, by changed, added or removed rows: "
                    f"{_named(self.changes.changed_columns)}."
                )
            elif self.changes.has_other_rows:
                sentences.append("Values belong to other rows than before.")
        elif (removed, added) != (max(-change, 0), max(change, 0)):
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
        names = [f"{before} is {now}" for before, now in self.changed_names]
        changed = (("Types", types), ("Names", names))
        sentences += [f"{what} changed: {_named(listed)}." for what, listed in changed if listed]
        return sentences

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
    purpose: Purpose, structure: Structure, *, is_significant: bool, detectable: float | None
) -> Outcome:
    """Decide the verdict; ``detectable`` is a share of the rows, None if nothing was compared."""
    if is_significant or (purpose == "tables" and structure.differs):
        return "differs"
    if purpose == "tables" and structure.changes is not None:
        return "equal"
    if detectable is None or detectable > MAX_DETECTABLE:
        return "inconclusive"
    return "representative"


def verdict_label(outcome: Outcome, detectable: float | None) -> str:
    """The verdict in a few words; where nothing was compared, more rows may not help."""
    if outcome == "inconclusive" and detectable is None:
        return "Not compared"
    return LABELS[outcome]


def _named(names: Sequence[str], count: int | None = None) -> str:
    shown_names = names[:NAMED]
    more = (len(names) if count is None else count) - len(shown_names)
    return ", ".join(shown_names) + (f" and {more:,} more" if more > 0 else "")


def difference(column: Column, distance: ColumnDistance) -> str | None:
    """The difference of a column in words; None if it is negligible.

    Means of identifiers, such as numbers of documents, say nothing, so their distributions are
    compared alone.
    """
    name, means = column.name, distance.means
    shift = distance.standardised_difference
    missing = (
        f"{name} is missing in {percent_text(distance.other_missing)} of the rows, "
        f"not {percent_text(distance.base_missing)}."
    )
    if distance.missing_p_value < min(distance.p_value, 0.05):
        return missing
    is_measure = not is_identifier_name(name)
    if is_measure and shift is not None and means is not None and abs(shift) >= SMALL_SHIFT:
        return (
            f"{name} is {'higher' if shift > 0 else 'lower'} by {abs(shift):.2f} standard "
            f"deviations: its mean is {shown(column, means[1])}, not {shown(column, means[0])}."
        )
    if distance.parts and distance.kind == "chi_square":
        part = max(distance.parts, key=lambda shares: abs(shares["other"] - shares["base"]))
        if abs(part["other"] - part["base"]) >= SMALL_SHARE:
            has_missing = distance.base_missing > 0 or distance.other_missing > 0
            values = "rows with a value" if has_missing else "rows"
            return (
                f'{name} is "{part["label"]}" in {percent_text(part["other"])} of the {values}, '
                f"not {percent_text(part['base'])}."
            )
    if distance.p_value < 0.05:
        measure = "KS distance" if distance.kind == "kolmogorov_smirnov" else "distance"
        return f"The distribution of {name} differs ({measure} {distance.distance:.3f})."
    if abs(distance.other_missing - distance.base_missing) >= SMALL_SHARE:
        return missing
    return None


MAX_DETAILED = 200
"""The number of columns with chart parts; significant columns come first."""
MAX_LABEL = 80


@dataclass(frozen=True)
class ColumnComparison:
    """A column's figures, and whether it differs significantly.

    ``detectable`` is the smallest detectable ``distance``, None if the values have none;
    ``detectable_rows`` the smallest detectable difference as a share of all rows. ``changed`` is
    None unless both tables have categories.
    """

    column: Column
    distance: ColumnDistance
    is_significant: bool
    detectable: float | None
    detectable_rows: float
    changed: ChangedValues | None = None

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def sentence(self) -> str:
        found = difference(self.column, self.distance)
        return found or f"{self.name} has about the same distribution."

    def as_json(self, *, is_detailed: bool = True) -> ColumnDifference:
        """The fields of the API; the means of dates and times are texts."""
        distance, changed = self.distance, self.changed or ChangedValues()
        means: tuple[float | str | None, ...] = (distance.base_mean, distance.other_mean)
        if self.column.data_type.is_time and distance.means is not None:
            means = tuple(shown(self.column, mean) for mean in distance.means)
        return {
            "name": self.name,
            "type": self.column.type,
            "kind": distance.kind,
            "base_rows": distance.base_rows,
            "other_rows": distance.other_rows,
            "base_missing": distance.base_missing,
            "other_missing": distance.other_missing,
            "base_mean": means[0],
            "other_mean": means[1],
            "standardised_difference": distance.standardised_difference,
            "distance": distance.distance,
            "p_value": distance.p_value,
            "missing_p_value": distance.missing_p_value,
            "parts": [
                {**part, "label": _cut(part["label"])}
                for part in (distance.parts if is_detailed else ())
            ],
            "is_significant": self.is_significant,
            "minimum_detectable_difference": self.detectable,
            "added_values": changed.added_values,
            "added_values_count": changed.added,
            "removed_values": changed.removed_values,
            "removed_values_count": changed.removed,
            "sentence": self.sentence,
        }


Cause = Literal["time limit", "types can't be compared", "too many columns", "not in every step"]


@dataclass(frozen=True)
class LeftOut:
    """A column that wasn't compared, and why."""

    name: str
    cause: Cause


@dataclass(frozen=True)
class TableComparison:
    """All columns that were compared, in the base's order.

    Columns are ``left_out`` for a cause, such as the time limit. The effective size is that of the
    other table, infinite for a population; ``clusters`` are its clusters, None of a table
    without. Distributions are of all rows, or of some.
    """

    purpose: Purpose
    columns: tuple[ColumnComparison, ...]
    left_out: tuple[LeftOut, ...]
    structure: Structure
    effective_size: float
    suggested_keys: tuple[tuple[str, ...], ...] = ()
    is_read_whole: bool = True
    totals: tuple[TotalChange, ...] = ()
    clusters: int | None = None

    @property
    def not_compared(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.left_out)

    @property
    def significant(self) -> list[ColumnComparison]:
        return [column for column in self.columns if column.is_significant]

    @property
    def detectable(self) -> float | None:
        """The largest of the columns' smallest detectable differences, as a share of the rows."""
        return max((column.detectable_rows for column in self.columns), default=None)

    @property
    def outcome(self) -> Outcome:
        found, detectable = bool(self.significant), self.detectable
        return outcome_of(self.purpose, self.structure, is_significant=found, detectable=detectable)

    @property
    def verdict(self) -> str:
        """The verdict in sentences, with the columns that differ most, and those left out."""
        causes = dict.fromkeys(column.cause for column in self.left_out)
        named = [
            f"{_named([each.name for each in self.left_out if each.cause == cause])} ({cause})"
            for cause in causes
        ]
        sentences = self._sentences()
        return f"{sentences} Not compared: {'; '.join(named)}." if named else sentences

    def _sentences(self) -> str:
        label = f"{verdict_label(self.outcome, self.detectable)}."
        if self.outcome == "inconclusive" and self.clusters and self.detectable is not None:
            number = counted(self.clusters, "cluster is", "clusters are")
            label = f"Inconclusive: {number} too few."
        of = counted(len(self.columns), "column")
        if self.left_out:
            all_columns = len(self.columns) + len(self.left_out)
            of = f"{counted(len(self.columns), 'compared column')} (of {all_columns:,})"
        if self.outcome == "equal":
            rows = counted(self.structure.base_rows or 0, "row")
            return f"{label} {rows} and {of} are the same."
        if self.outcome == "differs":
            differing = [column.sentence for column in self._differing()]
            sentences = self.structure.sentences() if self.purpose == "tables" else []
            if differing and self.purpose == "sample":
                verb = "differs" if len(differing) == 1 else "differ"
                sentences.append(f"{len(differing):,} of {of} {verb}.")
            return " ".join([label, *sentences, *differing[:WORST_NAMED]])
        if not self.columns:
            return f"{label} No column could be compared."
        none = f"{label} None of {of} differs significantly."
        blind = [column.name for column in self.columns if column.detectable_rows >= 1]
        if blind or self.detectable is None:
            return f"{none} No difference, however large, is likely to be found in {_named(blind)}."
        return (
            f"{none} The smallest detectable difference is {percent_text(self.detectable)} of the "
            "rows: a shift of this size is found in about 80 % of samples."
        )

    def _differing(self) -> list[ColumnComparison]:
        """The significant columns, then others whose values, all read, differ visibly."""
        found = sorted(self.significant, key=lambda column: -column.distance.distance)
        if self.structure.changes is None or not self.is_read_whole:
            return found
        changed = set(self.structure.changes.changed_columns) - {column.name for column in found}
        others = [
            column
            for column in self.columns
            if column.name in changed and difference(column.column, column.distance)
        ]
        return found + sorted(others, key=lambda column: column.distance.p_value)

    def as_json(self) -> ComparedTablesJson:
        """The fields of the API; bounded in size, whatever the tables hold."""
        by_significance = sorted(self.columns, key=lambda column: not column.is_significant)
        detailed = {column.column for column in by_significance[:MAX_DETAILED]}
        structure, changes, outcome = self.structure, self.structure.changes, self.outcome
        return {
            "purpose": self.purpose,
            "outcome": outcome,
            "outcome_label": verdict_label(outcome, self.detectable),
            "verdict": self.verdict,
            "alike": IS_ALIKE[outcome],
            "stand_out": [column.name for column in self.significant],
            "minimum_detectable_difference": self.detectable,
            "columns": [
                column.as_json(is_detailed=column.column in detailed) for column in self.columns
            ],
            "not_compared": self.not_compared,
            "only_in_base": structure.only_in_base,
            "only_in_other": structure.only_in_other,
            "changed_types": [
                {"name": name, "base_type": base_type, "other_type": other_type}
                for name, base_type, other_type in structure.changed_types
            ],
            "changed_names": [
                {"base_name": before, "other_name": now} for before, now in structure.changed_names
            ],
            "suggested_keys": self.suggested_keys,
            "changes": None
            if changes is None
            else {
                "rows_only_in_base": changes.rows_only_in_base,
                "rows_only_in_other": changes.rows_only_in_other,
                "changed_columns": changes.changed_columns,
            },
            "control_totals": self.totals,
        }


def _cut(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"


ALPHA = 0.01
"""The significance level of all columns together: the false alarm rate of faultless samples."""
MAX_COLUMNS = 1_000

_Found = tuple[Column, ColumnDistance, ChangedValues | None]


def compare_tables(
    database: ParquetDatabase,
    base: ComparedTable,
    other: ComparedTable,
    *,
    purpose: Purpose,
    on_progress: ProgressCallback = ignore_progress,
    is_over: Callable[[], bool] = lambda: False,
) -> TableComparison:
    """Compare the columns that two tables have in common.

    For the purpose "tables", other rows, columns, types or values are differences, too. When
    ``is_over`` returns True, the remaining columns are not compared.
    """
    matched = match_columns(_data_columns(base), _data_columns(other))
    pairs = [(shared.base, shared.other) for shared in matched.shared]
    is_of_tables = purpose == "tables" and not base.is_sample and not other.is_sample
    found: list[_Found] = []
    left_out: list[LeftOut] = []
    with database.cursor(base.table, other.table) as cursor:
        for place, (one, two) in enumerate(pairs):
            on_progress(place / max(len(pairs), 1), f"comparing {one.name}")
            if place >= MAX_COLUMNS or is_over():
                cause: Cause = "too many columns" if place >= MAX_COLUMNS else "time limit"
                left_out.append(LeftOut(one.name, cause))
                continue
            both = ComparedColumn(base, one), ComparedColumn(other, two)
            compared = _compare_columns(cursor, *both, purpose)
            if compared is None:
                left_out.append(LeftOut(one.name, "types can't be compared"))
            else:
                found.append(compared)
        changes: TableChanges | None = None
        totals: tuple[TotalChange, ...] = ()
        if is_of_tables and base.all_rows is not None and other.all_rows is not None:
            same = [one for one, two in pairs if one.type == two.type]
            tables = base.all_rows, other.all_rows
            changes = table_changes(cursor, *tables, same)
            adding = without_progress(on_progress)
            totals = total_changes(cursor, *tables, matched.shared, adding)
        keys = suggest_keys(cursor, base.table, other.table, matched.shared) if is_of_tables else ()
        size, clusters = effective_size(cursor, other), cluster_count(cursor, other)
    on_progress(1.0, "compared")
    columns = _with_significance(found)
    structure = Structure(
        base.row_count if is_of_tables else None,
        other.row_count if is_of_tables else None,
        tuple(column.name for column in matched.only_in_base),
        tuple(column.name for column in matched.only_in_other),
        tuple((one.name, one.type, two.type) for one, two in pairs if one.type != two.type),
        tuple(
            (column.name, column.changed)
            for column in columns
            if column.changed and column.changed.any
        ),
        changes,
        tuple((one.name, two.name) for one, two in pairs if one.name != two.name),
    )
    is_whole = base.is_read_whole and other.is_read_whole
    return TableComparison(
        purpose, columns, tuple(left_out), structure, size, keys, is_whole, totals, clusters
    )


def _compare_columns(
    cursor: duckdb.DuckDBPyConnection,
    base: ComparedColumn,
    other: ComparedColumn,
    purpose: Purpose,
) -> _Found | None:
    distance = column_distance(cursor, base, other)
    if distance is None:
        return None
    has_lists = purpose == "tables" and distance.kind == "chi_square"
    return base.column, distance, changed_values(cursor, base, other) if has_lists else None


def _data_columns(compared: ComparedTable) -> list[Column]:
    design = (compared.weight, compared.cluster)
    return [column for column in compared.table.columns if column not in design]


def _with_significance(found: Sequence[_Found]) -> tuple[ColumnComparison, ...]:
    """Mark the significant columns, and compute their smallest detectable differences."""
    p_values = [p for _, distance, _ in found for p in (distance.p_value, distance.missing_p_value)]
    marks = holm(p_values, ALPHA)
    level = ALPHA / max(len(p_values), 1)
    return tuple(
        ColumnComparison(
            column,
            distance,
            marks[2 * at] or marks[2 * at + 1],
            distance.detectable(level),
            distance.detectable_rows(level),
            changed,
        )
        for at, (column, distance, changed) in enumerate(found)
    )
