"""The test for weekends and holidays: rows with a date on such a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import Any

from contract.requests.audit_tests import WEEKDAYS
from domain_errors import InvalidRequest
from parquet_tables.rows import Statement, scan_statement
from profiling_engine.audit_tests.answers import (
    Assumption,
    AuditFigure,
    FigureTable,
    NotTested,
    ReasonColumn,
)
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Untested,
    Work,
    WrittenRows,
    amount_cell,
    amount_figures,
    rows_found,
)
from profiling_engine.audit_tests.values import amount_text, day_column, optional_amount

FIRST_YEAR, LAST_YEAR = 1950, 2100
"""Years for which public holidays are looked up."""
OWN = "named in the request"
COUNTS, DAYS = "rows_of_days", "tested_days"


class Weekend(TableTest):
    """Rows with a date on chosen days of the week, or on a holiday."""

    name = "weekend"
    reasons = (
        ReasonColumn("_weekday", "VARCHAR", "The day of the week."),
        ReasonColumn("_holiday", "VARCHAR", "The name of the holiday, if the day is one."),
    )

    def prepare(self) -> None:
        request, table = self.request, self.table
        self.day = day_column(table, request.date_column, "date_column", request.time_zone)
        self.amount = optional_amount(table, request.amount_column)
        if request.country is not None:
            _holidays(request.country, request.subdivision, range(2000, 2001))

    def find(self, work: Work) -> AuditTestFindings:
        tested, not_tested = self._count(work)
        holidays, release = self._holidays(work)
        work.keep(self._days(holidays), DAYS, "counting rows")
        scan, params = scan_statement(
            self.table, [f"{self.day.value} AS day", amount_cell(self.amount)]
        )
        file = work.write(
            (
                "SELECT s.ordinal, list_extract(?::VARCHAR[], t.w) AS r0, t.name AS r1, s.a "
                f"FROM ({scan}) AS s JOIN (SELECT * FROM {DAYS} WHERE found) AS t ON t.day = s.day "
                "ORDER BY s.day, s.ordinal",
                [list(WEEKDAYS), *params],
            ),
            "found",
        )
        figures = [
            AuditFigure("weekdays", "Days of the week", ", ".join(self.request.weekdays)),
            AuditFigure("holidays", "Holidays", len(holidays)),
            AuditFigure("time_zone", "Time zone", self.request.time_zone),
        ]
        if release is not None:
            figures.append(
                AuditFigure("holidays_version", "Version of the package holidays", release)
            )
        return AuditTestFindings(
            [WrittenRows(self.table, self.key, file)],
            tested,
            not_tested,
            rows_found(file.rows, "on these days"),
            [*figures, *amount_figures(work, file, self.amount)],
            self._tables(work),
            self._assumptions(),
        )

    def _assumptions(self) -> list[Assumption]:
        found = [
            Assumption(
                "The date is the day on which a person posted the row; automatic postings may be "
                "of any day.",
                "unchecked",
            )
        ]
        if self.request.country is not None:
            where = ", ".join(filter(None, (self.request.country, self.request.subdivision)))
            found.append(
                Assumption(
                    f"The public holidays of {where} are those of the package holidays, and hold "
                    "for all rows.",
                    "unchecked",
                )
            )
        return found

    def _count(self, work: Work) -> tuple[int, list[NotTested]]:
        """Count the rows of each day, and those without one."""
        scan, params = scan_statement(
            self.table,
            [f"{self.day.value} AS day", f"{self.day.cell} AS v", amount_cell(self.amount)],
        )
        work.keep(
            (
                "SELECT s.day, count(*) AS n, count(s.v) AS filled, sum(s.a) AS amount "
                f"FROM ({scan}) AS s GROUP BY s.day",
                params,
            ),
            COUNTS,
        )
        ((total, tested, filled),) = work.read(
            (
                "SELECT coalesce(sum(t.n), 0)::BIGINT, "
                "coalesce(sum(t.n) FILTER (t.day IS NOT NULL), 0)::BIGINT, "
                f"coalesce(sum(t.filled), 0)::BIGINT FROM {COUNTS} AS t",
                [],
            )
        )
        untested = Untested.of([self.day])
        return untested.counted([(None, tested), (0, total - filled), (1, filled - tested)])

    def _holidays(self, work: Work) -> tuple[Mapping[date, str], str | None]:
        """The holidays by day, and the version of the package that named them."""
        request = self.request
        own = {date.fromisoformat(text): OWN for text in request.holidays}
        if request.country is None:
            return own, None
        ((low, high),) = work.read(
            (f"SELECT year(min(t.day)), year(max(t.day)) FROM {COUNTS} AS t", [])
        )
        years = range(0) if low is None else range(max(low, FIRST_YEAR), min(high, LAST_YEAR) + 1)
        public, release = _holidays(request.country, request.subdivision, years)
        return own | public, release

    def _days(self, holidays: Mapping[date, str]) -> Statement:
        """The days with their weekday ``w``, holiday ``name`` and whether they are ``found``."""
        chosen = [WEEKDAYS.index(day) + 1 for day in self.request.weekdays]
        return (
            "SELECT t.day, t.n, t.amount, isodow(t.day) AS w, h.name, "
            "list_contains(?::BIGINT[], isodow(t.day)) OR h.day IS NOT NULL AS found "
            f"FROM {COUNTS} AS t LEFT JOIN (SELECT unnest(?::DATE[]) AS day, "
            "unnest(?::VARCHAR[]) AS name) AS h ON h.day = t.day WHERE t.day IS NOT NULL",
            [chosen, list(holidays), list(holidays.values())],
        )

    def _tables(self, work: Work) -> list[FigureTable]:
        """The rows of each day of the week, and of each holiday that has some."""
        of_week = work.read(
            (
                "SELECT t.w, sum(t.n)::BIGINT, coalesce(sum(t.n) FILTER (t.found), 0)::BIGINT, "
                f"sum(t.amount) FILTER (t.found) FROM {DAYS} AS t GROUP BY t.w ORDER BY t.w",
                [],
            )
        )
        of_holidays = work.read(
            (
                f"SELECT t.day, t.name, t.n, t.amount FROM {DAYS} AS t "
                "WHERE t.name IS NOT NULL ORDER BY t.day",
                [],
            )
        )

        weekdays = {
            "weekday": "Day of the week",
            "rows": "Rows",
            "found": "Found",
            "amount": "Amount of the found rows",
        }
        names = {"day": "Day", "holiday": "Holiday", "rows": "Rows", "amount": "Amount"}
        return [
            FigureTable.of(
                "weekdays",
                "Days of the week",
                weekdays,
                [
                    (WEEKDAYS[w - 1], n, found, amount_text(self.amount, units))
                    for w, n, found, units in of_week
                ],
            ),
            FigureTable.of(
                "holidays",
                "Holidays",
                names,
                [
                    (str(day), name, n, amount_text(self.amount, units))
                    for day, name, n, units in of_holidays
                ],
            ),
        ]


def _holidays(country: str, subdivision: str | None, years: range) -> tuple[dict[date, str], str]:
    """The public holidays of a country, and the version of the package that names them.

    Raises
    ------
    InvalidRequest
        The package isn't installed, or doesn't know the country or its part.
    """
    try:
        import holidays
    except ImportError:
        raise InvalidRequest(
            "Holidays of a country require the package holidays on the server: "
            "pip install 'jobsvc[holidays]'. Name days in `holidays` instead.",
            loc=("country",),
        ) from None
    known: Mapping[str, Any] = holidays.list_supported_countries()
    if country not in known:
        raise InvalidRequest(
            "The package holidays doesn't know the country {country}.",
            country=country,
            loc=("country",),
        )
    if subdivision is not None and subdivision not in known[country]:
        raise InvalidRequest(
            "The package holidays knows no part {part} of {country}.",
            part=subdivision,
            country=country,
            loc=("subdivision",),
        )
    language = "en_US" if "en_US" in holidays.list_localized_countries().get(country, ()) else None
    found = holidays.country_holidays(
        country, subdiv=subdivision, years=list(years), language=language, expand=False
    )
    return dict(sorted(found.items())), version("holidays")
