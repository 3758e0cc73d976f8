"""The profile of one column.

Owns: the ways to it. Invariant: a column is profiled in one of three ways, which differ in cost and
in what they can promise, not in what they tell: from its values' *frequencies*, from its *rows*, or
from a *sample* of rows when there is no time for either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from profiling_engine.columns.accuracy import Figure
from profiling_engine.columns.aggregates import rows
from profiling_engine.columns.distinct import (
    count_distinct,
    distinct_of_sample,
    groups_of_frequencies,
    is_unique,
    most_frequent,
    most_frequent_of_many,
    shown_value,
)
from profiling_engine.columns.first_pass import ORDERED, Look, Survey
from profiling_engine.columns.kinds import ColumnKind
from profiling_engine.columns.numbers import read_axis_parts
from profiling_engine.columns.profile import ColumnProfile
from profiling_engine.columns.texts import read_boolean, read_fields, read_lengths, read_text
from profiling_engine.tables.reference_sample import RowSample
from profiling_engine.tables.sources import (
    FREQUENCIES,
    SAMPLED,
    all_rows,
    count_values,
    read_sample,
)
from profiling_engine.tables.statements import Run

FEW_TEXTS = 50_000
"""So many different texts are looked at one by one; of more, the dearest figures are estimated."""


@dataclass(frozen=True)
class ColumnReader:
    """Profiles one column.

    Parameters
    ----------
    sample : RowSample
        Registered as the table ``picked``.
    """

    run: Run
    kind: ColumnKind
    sample: RowSample

    def exactly(self, survey: Survey) -> ColumnProfile:
        """From all rows.

        Raises
        ------
        OutOfTime
            The budget ended.
        """
        if survey.by_frequencies:
            return self._by_frequencies(survey)
        return self._by_rows(survey)

    def _by_frequencies(self, survey: Survey) -> ColumnProfile:
        self.run.fetch(count_values(all_rows(self.run.table, self.kind)))
        look = Look(self.run, self.kind, FREQUENCIES)
        distinct, groups = groups_of_frequencies(look)
        detail = look if distinct <= FEW_TEXTS or self.kind.kind != "text" else self._sampled()
        return self._profile(
            nulls=Figure(self.run.table.row_count - survey.values),
            distinct=Figure(distinct),
            unique=distinct == survey.values if survey.values else None,
            most_frequent=most_frequent(look, survey.values),
            groups=groups,
            **self._of_kind(look, detail, survey),
        )

    def _by_rows(self, survey: Survey) -> ColumnProfile:
        look = Look(self.run, self.kind, all_rows(self.run.table, self.kind))
        parts = self._of_kind(look, self._sampled(), survey)
        moment = parts.get("moment")
        all_finite = moment is None or moment.infinite.value == 0
        distinct = count_distinct(look, survey, all_finite=all_finite)
        unique = is_unique(look, distinct, survey.values)
        return self._profile(
            nulls=Figure(self.run.table.row_count - survey.values),
            distinct=Figure(survey.values) if unique else distinct,
            unique=unique,
            most_frequent=most_frequent_of_many(look, survey.values),
            **parts,
        )

    def estimated(self, survey: Survey | None) -> ColumnProfile:
        """From a sample, but for what a survey has found out already."""
        look = self._sampled()
        totals = look.measure({"nulls": rows("v IS NULL")})
        values = totals.rows - totals.values["nulls"]
        row_count = self.run.table.row_count
        nulls = Figure(row_count - survey.values) if survey else totals.count("nulls")
        distinct = distinct_of_sample(look, survey, values, nulls)
        return self._profile(
            nulls=nulls,
            distinct=distinct,
            unique=None,
            most_frequent=most_frequent(look, values),
            **self._of_kind(look, look, survey),
        )

    def _sampled(self) -> Look:
        self.run.fetch(read_sample(self.run.table, self.kind))
        return Look(self.run, self.kind, SAMPLED, self.sample.size)

    def _of_kind(self, look: Look, detail: Look, survey: Survey | None) -> dict[str, Any]:
        """What only columns of this kind have."""
        kind = self.kind.kind
        if kind in ("number", "moment"):
            return vars(read_axis_parts(look, survey))
        parts: dict[str, Any] = {}
        if kind in ORDERED and survey:
            parts["minimum"] = Figure(shown_value(survey.low))
            parts["maximum"] = Figure(shown_value(survey.high))
        if kind == "text":
            parts["text"] = read_text(look, detail)
        elif kind == "boolean":
            parts["boolean"] = read_boolean(look)
        else:
            parts |= {"lengths": read_lengths(look), "fields": read_fields(look)}
        return parts

    def _profile(self, **parts: Any) -> ColumnProfile:
        column = self.kind.column
        return ColumnProfile(
            name=column.name,
            type=column.type,
            kind=self.kind.kind,
            rows=self.run.table.row_count,
            **parts,
        )
