"""The test for cut-off: rows near a date whose document is on the other side of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from domain_errors import Sentence
from parquet_tables.quoting import quote_text
from parquet_tables.rows import scan_statement
from profiling_engine.audit_tests.answers import AuditFigure, FigureTable, ReasonColumn, unchecked
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Untested,
    Work,
    rows_found,
)
from profiling_engine.audit_tests.values import day_column, optional_amount

BEFORE, AFTER = "posted before, dated after", "posted after, dated before"
TESTED = "tested_rows"


class Cutoff(TableTest):
    """Rows posted up to the last day of a period and dated after it, and the reverse."""

    name = "cutoff"
    reasons = (
        ReasonColumn("_side", "VARCHAR", f"`{BEFORE}` the last day, or `{AFTER}` it."),
        ReasonColumn("_days_after", "BIGINT", "The days from the last day to the posting."),
        ReasonColumn("_days_apart", "BIGINT", "The days from the posting to the document."),
    )

    def prepare(self) -> None:
        request, table = self.request, self.table
        zone = request.time_zone
        self.posting = day_column(table, request.posting_column, "posting_column", zone)
        self.document = day_column(table, request.document_column, "document_column", zone)
        self.amount = optional_amount(table, request.amount_column)

    def find(self, work: Work) -> AuditTestFindings:
        request = self.request
        last = date.fromisoformat(request.cutoff)
        first, end = last - timedelta(request.days - 1), last + timedelta(request.days)
        days = [f"DATE {quote_text(day.isoformat())}" for day in (first, last, end)]
        outside = (
            "false",  # these rows are counted as those that aren't kept
            self.posting.column.name,
            Sentence("it isn't from {first} to {last}", first=str(first), last=str(end)),
        )
        columns = [self.posting, self.document]
        untested = Untested.of(columns, [outside])
        values = [*Untested.values(columns), f"{self.amount_value} AS a"]
        scan, params = scan_statement(self.table, values)
        work.keep(
            (
                f"SELECT s.ordinal, s.k0 AS p, s.k1 AS d, s.a, {untested.place()} AS u "
                f"FROM ({scan}) AS s WHERE s.k0 BETWEEN {days[0]} AND {days[2]} "
                "OR s.k0 IS NULL OR s.k1 IS NULL",
                params,
            ),
            TESTED,
        )
        is_found = f"(s.p <= {days[1]}) <> (s.d <= {days[1]})"
        file = work.write(
            (
                f"SELECT s.ordinal, CASE WHEN s.p <= {days[1]} THEN '{BEFORE}' ELSE '{AFTER}' END "
                f"AS r0, CAST(s.p - {days[1]} AS BIGINT) AS r1, CAST(s.d - s.p AS BIGINT) AS r2, "
                f"s.a FROM {TESTED} AS s WHERE {is_found} ORDER BY s.p, s.ordinal",
                [],
            ),
            "found",
        )
        counts = self._counts(work, is_found)
        near_days = [row[1:] for row in counts if row[0] is None]
        places = [(u, rows) for u, _, rows, *_ in counts]
        others = self.table.row_count - sum(rows for _, rows in places)
        tested, not_tested = untested.counted(
            [*places, (len(untested.conditions) - 1, others)], self.table.row_count
        )
        before = sum(found for day, _, found, _ in near_days if day <= last)
        return AuditTestFindings(
            self.written(file),
            tested,
            not_tested,
            rows_found(file.rows, Sentence("around {day}", day=str(last))),
            [
                AuditFigure("before", f"Rows {BEFORE}", before),
                AuditFigure("after", f"Rows {AFTER}", file.rows - before),
                *self.amount_figures(work, file),
            ],
            [self._days(near_days, last)],
            unchecked(
                "The date of the document says to which period it belongs. The date of the "
                "delivery or service may say otherwise.",
            ),
        )

    def _counts(self, work: Work, is_found: str) -> list[tuple[Any, ...]]:
        """Count the kept rows by why they aren't tested, or else by day, with the found ones."""
        amount = f"sum({self.amount_summed('s.a')}) FILTER ({is_found})"
        return work.read(
            (
                "SELECT s.u, CASE WHEN s.u IS NULL THEN s.p END, count(*), "
                f"count(*) FILTER ({is_found}), {amount} "
                f"FROM {TESTED} AS s GROUP BY 1, 2 ORDER BY 1, 2",
                [],
            )
        )

    def _days(self, days: Sequence[tuple[Any, ...]], last: date) -> FigureTable:
        """The postings of each day, and the found ones with their amounts."""
        titles = {
            "day": "Posted on",
            "days_after": "Days after the last day",
            "rows": "Rows",
            "found": "Found",
            "amount": "Amount of the found rows",
        }
        shown = [
            (str(day), (day - last).days, rows, found, self.amount_text(amount))
            for day, rows, found, amount in days
        ]
        return FigureTable.of("days", "Days around the last day", titles, shown)
