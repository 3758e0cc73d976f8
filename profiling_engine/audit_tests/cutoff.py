"""The test for cut-off: rows near a date whose document is on the other side of it."""

from __future__ import annotations

from datetime import date, timedelta

from domain_errors import Sentence
from parquet_tables.quoting import quote_text
from parquet_tables.rows import scan_statement
from profiling_engine.audit_tests.answers import Assumption, AuditFigure, FigureTable, ReasonColumn
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Work,
    WrittenRows,
    amount_cell,
    amount_figures,
    amount_summed,
    count_untested,
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
            f"NOT ({self.posting.value}) BETWEEN {days[0]} AND {days[2]}",
            self.posting.column.name,
            Sentence("it isn't from {first} to {last}", first=str(first), last=str(end)),
        )
        tested, not_tested = count_untested(
            work, self.table, [self.posting, self.document], [outside]
        )
        scan, params = scan_statement(
            self.table,
            [
                f"{self.posting.value} AS p",
                f"{self.document.value} AS d",
                amount_cell(self.amount),
            ],
        )
        work.keep(
            (
                f"SELECT s.* FROM ({scan}) AS s "
                f"WHERE s.p BETWEEN {days[0]} AND {days[2]} AND s.d IS NOT NULL",
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
        return AuditTestFindings(
            [WrittenRows(self.table, self.key, file)],
            tested,
            not_tested,
            rows_found(file.rows, Sentence("around {day}", day=str(last))),
            [
                *self._counts(work, str(file.path)),
                *amount_figures(work, file, self.amount),
            ],
            [self._days(work, is_found, days[1])],
            [
                Assumption(
                    "The date of the document says to which period it belongs. The date of the "
                    "delivery or service may say otherwise.",
                    "unchecked",
                )
            ],
        )

    def _counts(self, work: Work, path: str) -> list[AuditFigure]:
        sides = dict(
            work.read(("SELECT p.r0, count(*) FROM read_parquet(?) AS p GROUP BY p.r0", [path]))
        )
        return [
            AuditFigure("before", f"Rows {BEFORE}", sides.get(BEFORE, 0)),
            AuditFigure("after", f"Rows {AFTER}", sides.get(AFTER, 0)),
        ]

    def _days(self, work: Work, is_found: str, last: str) -> FigureTable:
        """The postings of each day, and the found ones with their amounts."""
        days = work.read(
            (
                f"SELECT t.p, t.p - {last}, t.n, t.found, t.amount "
                "FROM (SELECT s.p, count(*) AS n, "
                f"count(*) FILTER ({is_found}) AS found, "
                f"sum({amount_summed(self.amount, 's.a')}) FILTER ({is_found}) AS amount "
                f"FROM {TESTED} AS s GROUP BY s.p) AS t ORDER BY t.p",
                [],
            )
        )
        titles = {
            "day": "Posted on",
            "days_after": "Days after the last day",
            "rows": "Rows",
            "found": "Found",
            "amount": "Amount of the found rows",
        }
        shown = [
            (
                str(day),
                after,
                rows,
                found,
                None if self.amount is None else self.amount.shown(amount),
            )
            for day, after, rows, found, amount in days
        ]
        return FigureTable.of("days", "Days around the last day", titles, shown)
