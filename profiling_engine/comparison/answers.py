"""Comparisons as JSON: what the API answers, and what is stored or cached of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict

from contract.declarations import Help
from profiling_engine.comparison.distances import DistanceKind, PartShares
from profiling_engine.comparison.table_changes import TotalChange

Purpose = Literal["sample", "tables"]
Outcome = Literal["representative", "inconclusive", "differs", "equal"]


class ColumnDifference(TypedDict):
    """A column in both tables."""

    name: str
    type: str
    kind: DistanceKind
    base_rows: int
    other_rows: int
    base_missing: float
    other_missing: float
    base_mean: Annotated[float | str | None, Help("A text for dates and times.")]
    other_mean: float | str | None
    standardised_difference: float | None
    distance: Annotated[
        float,
        Help(
            "The largest gap of the distribution functions, or half the sum of the gaps of the "
            "shares; among the rows with a value."
        ),
    ]
    p_value: float
    missing_p_value: float
    parts: Annotated[Sequence[PartShares], Help("Shares of the rows with a value.")]
    is_significant: Annotated[
        bool,
        Help(
            "Whether the column differs significantly: all columns together are tested at a level "
            "of 0.01."
        ),
    ]
    minimum_detectable_difference: Annotated[
        float | None,
        Help(
            "The smallest detectable difference: the smallest shift, measured as `distance` is, "
            "that the tests find in about 80 % of samples; null if the values can't be compared."
        ),
    ]
    added_values: Annotated[
        Sequence[str], Help("Categories that only the other table has, at most 20.")
    ]
    added_values_count: int
    removed_values: Annotated[Sequence[str], Help("Categories that only the base has, at most 20.")]
    removed_values_count: int
    sentence: str


class ChangedType(TypedDict):
    """A column that has another type in the other table."""

    name: str
    base_type: str
    other_type: str


class ChangedName(TypedDict):
    """A column whose names differ in their case."""

    base_name: str
    other_name: str


class RowChanges(TypedDict):
    """The rows without an equal row in the other table, and the changed columns."""

    rows_only_in_base: Annotated[
        int | None,
        Help(
            "Rows that have no equal in the other table; null if the tables have more than "
            "2 million rows together."
        ),
    ]
    rows_only_in_other: int | None
    changed_columns: Annotated[
        Sequence[str], Help("Columns whose values are not the same ones equally often.")
    ]


class ComparisonJson(TypedDict):
    """What every comparison has."""

    purpose: Annotated[
        Purpose, Help("`sample`: a sample and its population; `tables`: two tables.")
    ]
    outcome: Annotated[
        Outcome,
        Help(
            "`differs` if a column differs significantly, or two tables in their rows, columns, "
            "types or values; `equal` if two tables don't differ; for a sample else "
            "`representative` if the smallest detectable difference is 0.15 or less, "
            "`inconclusive` if it is larger."
        ),
    ]
    outcome_label: str
    verdict: Annotated[str, Help("The outcome in sentences.")]
    alike: Annotated[
        bool | None,
        Help(
            "true for `representative` and `equal`, false for `differs`, null for `inconclusive`."
        ),
    ]
    stand_out: Annotated[Sequence[str], Help("The columns that differ significantly.")]
    minimum_detectable_difference: Annotated[
        float | None,
        Help(
            "The smallest detectable difference as a share of the rows: a shift of this size, in "
            "any compared column, differs significantly in about 80 % of samples."
        ),
    ]
    columns: Sequence[ColumnDifference]
    not_compared: Sequence[str]
    only_in_base: Sequence[str]
    only_in_other: Sequence[str]
    changed_types: Sequence[ChangedType]
    changes: Annotated[RowChanges | None, Help("null if one is a sample.")]


class ComparedTablesJson(ComparisonJson):
    """A comparison with what only two tables have; it is empty for a sample."""

    control_totals: Annotated[
        Sequence[TotalChange],
        Help("Of the columns that are numbers in both tables; empty for a sample."),
    ]
    changed_names: Annotated[
        Sequence[ChangedName], Help("Columns whose names differ in their case.")
    ]
    suggested_keys: Annotated[
        Sequence[Sequence[str]],
        Help("Columns that identify a row in both tables, for `keys` of a row diff; at most 3."),
    ]
