"""The test for weekends and holidays: rows with a date on such a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import Any

from contract.requests.audit_tests import WEEKDAYS
from domain_errors import InvalidRequest
from parquet_tables.rows import Statement, scan_statement
from profiling_engine.audit_tests.answers import Assumption, AuditFigure, FigureTable, ReasonColumn
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Work,
    WrittenRows,
    amount_cell,
    amount_figures,
    count_untested,
    rows_found,
)
from profiling_engine.audit_tests.values import amount_text, day_column, optional_amount

FIRST_YEAR, LAST_YEAR = 1950, 2100
"""Years for which public holidays are looked up."""
OWN = "named in the request"


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
        tested, not_tested = count_untested(work, self.table, [self.day])
        holidays, release = self._holidays(work)
        rows, params = self._rows(holidays)
        file = work.write(
            (
                "SELECT t.ordinal, list_extract(?::VARCHAR[], t.w) AS r0, t.name AS r1, t.a "
                f"FROM ({rows}) AS t WHERE t.found ORDER BY t.day, t.ordinal",
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
            self._tables(work, rows, params),
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

    def _holidays(self, work: Work) -> tuple[Mapping[date, str], str | None]:
        """The holidays by day, and the version of the package that named them."""
        request = self.request
        own = {date.fromisoformat(text): OWN for text in request.holidays}
        if request.country is None:
            return own, None
        scan, params = scan_statement(self.table, [f"year({self.day.value}) AS y"])
        ((low, high),) = work.read((f"SELECT min(s.y), max(s.y) FROM ({scan}) AS s", params))
        years = range(0) if low is None else range(max(low, FIRST_YEAR), min(high, LAST_YEAR) + 1)
        public, release = _holidays(request.country, request.subdivision, years)
        return own | public, release

    def _rows(self, holidays: Mapping[date, str]) -> Statement:
        """The rows with a day ``day``, its weekday ``w``, holiday ``name`` and ``found``."""
        scan, params = scan_statement(
            self.table, [f"{self.day.value} AS day", amount_cell(self.amount)]
        )
        chosen = [WEEKDAYS.index(day) + 1 for day in self.request.weekdays]
        return (
            "SELECT s.ordinal, s.day, s.a, isodow(s.day) AS w, h.name, "
            "list_contains(?::BIGINT[], isodow(s.day)) OR h.day IS NOT NULL AS found "
            f"FROM ({scan}) AS s LEFT JOIN (SELECT unnest(?::DATE[]) AS day, "
            "unnest(?::VARCHAR[]) AS name) AS h ON h.day = s.day WHERE s.day IS NOT NULL",
            [chosen, *params, list(holidays), list(holidays.values())],
        )

    def _tables(self, work: Work, rows: str, params: list[object]) -> list[FigureTable]:
        """The rows of each day of the week, and of each holiday that has some."""
        of_week = work.read(
            (
                "SELECT t.w, count(*), count(*) FILTER (t.found), sum(t.a) FILTER (t.found) "
                f"FROM ({rows}) AS t GROUP BY t.w ORDER BY t.w",
                params,
            )
        )
        of_holidays = work.read(
            (
                f"SELECT t.day, any_value(t.name), count(*), sum(t.a) FROM ({rows}) AS t "
                "WHERE t.name IS NOT NULL GROUP BY t.day ORDER BY t.day",
                params,
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
