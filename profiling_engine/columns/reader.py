"""The profile of one column, from its frequencies, its rows or a sample.

All three have the same figures; they differ in cost and accuracy. The profiler uses a sample when
the time budget is used up.
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
from profiling_engine.columns.first_pass import ORDERED, ColumnScan, FirstPass
from profiling_engine.columns.kinds import ColumnKind
from profiling_engine.columns.numbers import read_axis_profile
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


@dataclass(frozen=True)
class ColumnReader:
    """Profiles one column; ``sample`` is registered as the table ``picked``."""

    run: Run
    kind: ColumnKind
    sample: RowSample

    def exactly(self, first_pass: FirstPass) -> ColumnProfile:
        """Profile all rows; raises OutOfTime at the end of the budget."""
        profile = self._by_frequencies if first_pass.by_frequencies else self._by_rows
        return profile(first_pass)

    def _by_frequencies(self, first_pass: FirstPass) -> ColumnProfile:
        self.run.fetch(count_values(all_rows(self.run.table, self.kind)))
        scan = ColumnScan(self.run, self.kind, FREQUENCIES)
        distinct, groups = groups_of_frequencies(scan)
        is_exact = self.kind.kind != "text" or distinct <= self.run.limits.texts
        detail = scan if is_exact else self._sampled()
        return self._profile(
            nulls=Figure(self.run.table.row_count - first_pass.values),
            distinct=Figure(distinct),
            unique=distinct == first_pass.values if first_pass.values else None,
            most_frequent=most_frequent(scan, first_pass.values),
            groups=groups,
            **self._of_kind(scan, detail, first_pass),
        )

    def _by_rows(self, first_pass: FirstPass) -> ColumnProfile:
        scan = ColumnScan(self.run, self.kind, all_rows(self.run.table, self.kind))
        parts = self._of_kind(scan, self._sampled(), first_pass)
        moment = parts.get("moment")
        all_finite = moment is None or moment.infinite.value == 0
        distinct = count_distinct(scan, first_pass, all_finite=all_finite)
        unique = is_unique(scan, distinct, first_pass.values)
        return self._profile(
            nulls=Figure(self.run.table.row_count - first_pass.values),
            distinct=Figure(first_pass.values) if unique else distinct,
            unique=unique,
            most_frequent=most_frequent_of_many(scan, first_pass.values),
            **parts,
        )

    def estimated(self, first_pass: FirstPass | None) -> ColumnProfile:
        """Profile a sample, with the exact figures of the first pass if there was one."""
        scan = self._sampled()
        totals = scan.measure({"nulls": rows("v IS NULL")})
        values = totals.rows - totals.values["nulls"]
        row_count = self.run.table.row_count
        nulls = Figure(row_count - first_pass.values) if first_pass else totals.count("nulls")
        distinct = distinct_of_sample(scan, first_pass, values, nulls)
        return self._profile(
            nulls=nulls,
            distinct=distinct,
            unique=None,
            most_frequent=most_frequent(scan, values),
            **self._of_kind(scan, scan, first_pass),
        )

    def _sampled(self) -> ColumnScan:
        self.run.fetch(read_sample(self.run.table, self.kind))
        return ColumnScan(self.run, self.kind, SAMPLED, self.sample.size)

    def _of_kind(
        self, scan: ColumnScan, detail: ColumnScan, first_pass: FirstPass | None
    ) -> dict[str, Any]:
        """The figures that only this kind of column has."""
        kind = self.kind.kind
        if kind in ("number", "moment"):
            return vars(read_axis_profile(scan, first_pass))
        parts: dict[str, Any] = {}
        if kind in ORDERED and first_pass:
            parts["minimum"] = Figure(shown_value(first_pass.low))
            parts["maximum"] = Figure(shown_value(first_pass.high))
        if kind == "text":
            parts["text"] = read_text(scan, detail)
        elif kind == "boolean":
            parts["boolean"] = read_boolean(scan)
        else:
            parts |= {"lengths": read_lengths(scan), "fields": read_fields(scan)}
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
