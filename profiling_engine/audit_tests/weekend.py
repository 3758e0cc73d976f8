"""The test for weekends and holidays: rows with a date on such a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

from contract.requests.audit_tests import WEEKDAYS
from domain_errors import InvalidRequest, Sentence
from parquet_tables.rows import Statement, scan_statement
from profiling_engine.audit_tests.answers import (
    Assumption,
    AuditFigure,
    FigureTable,
    ReasonColumn,
    unchecked,
)
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Untested,
    Work,
    rows_found,
)
from profiling_engine.audit_tests.values import day_column, optional_amount

OWN = "named in the request"
COUNTS, DAYS = "rows_of_days", "tested_days"
FINITE = "isfinite(t.day)"


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
            _holidays(request.country, request.subdivision, 2000, 2000)

    def find(self, work: Work) -> AuditTestFindings:
        scan, params = scan_statement(
            self.table, [f"{self.day.any_day} AS day", f"{self.amount_value} AS a"]
        )
        counts = f"count(*) AS n, sum({self.amount_summed('s.a')}) AS amount"
        work.keep((f"SELECT s.day, {counts} FROM ({scan}) AS s GROUP BY s.day", params), COUNTS)
        holidays, release, years = self._holidays(work)
        work.keep(self._days(holidays), DAYS, "counting rows")
        of_week = self._of_week(work)
        places = [(place, rows) for place, _, rows, *_ in of_week]
        tested, not_tested = Untested.of([self.day]).counted(places, self.table.row_count)
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
            self.written(file),
            tested,
            not_tested,
            rows_found(file.rows, Sentence("on these days")),
            [*figures, *self.amount_figures(work, file)],
            [self._weekday_table(of_week), self._holiday_table(work, holidays)],
            self._assumptions(work, years),
        )

    def _assumptions(self, work: Work, years: tuple[int, int] | None) -> list[Assumption]:
        found = unchecked(
            "The date is the day on which a person posted the row; automatic postings may be of "
            "any day."
        )
        if years is not None:
            where = ", ".join(filter(None, (self.request.country, self.request.subdivision)))
            found += unchecked(
                Sentence(
                    "The public holidays of {where} are those of the package holidays, and hold "
                    "for all rows.",
                    where=where,
                )
            )
            ((others,),) = work.read(
                (
                    f"SELECT coalesce(sum(t.n), 0)::BIGINT FROM {COUNTS} AS t "
                    "WHERE year(t.day) NOT BETWEEN ? AND ?",
                    list(years),
                )
            )
            found.append(
                Assumption(
                    Sentence(
                        "All rows are of years whose public holidays the package knows: {first} to "
                        "{last}.",
                        first=str(years[0]),
                        last=str(years[1]),
                    ),
                    "not_met" if others else "checked",
                    Sentence(
                        "{rows} {rows|row|rows} of other years: their public holidays weren't "
                        "tested.",
                        rows=others,
                    )
                    if others
                    else None,
                )
            )
        return found

    def _holidays(
        self, work: Work
    ) -> tuple[Mapping[date, str], str | None, tuple[int, int] | None]:
        """The holidays by day, the version of the package that named them, and its years."""
        request = self.request
        own = {date.fromisoformat(text): OWN for text in request.holidays}
        if request.country is None:
            return own, None, None
        ((low, high),) = work.read(
            (f"SELECT year(min(t.day)), year(max(t.day)) FROM {COUNTS} AS t WHERE {FINITE}", [])
        )
        public, release, years = _holidays(
            request.country, request.subdivision, low or 2000, high or 2000
        )
        return own | public, release, years

    def _days(self, holidays: Mapping[date, str]) -> Statement:
        """The days with their weekday ``w``, holiday ``name`` and whether they are ``found``.

        ``u`` is the place of the reason why the rows of a missing or infinite day aren't tested.
        """
        chosen = [WEEKDAYS.index(day) + 1 for day in self.request.weekdays]
        return (
            f"SELECT t.day, t.n, t.amount, CASE WHEN {FINITE} THEN isodow(t.day) END AS w, h.name, "
            f"CASE WHEN t.day IS NULL THEN 0 WHEN NOT {FINITE} THEN 1 END AS u, "
            "list_contains(?::BIGINT[], w) OR h.day IS NOT NULL AS found "
            f"FROM {COUNTS} AS t LEFT JOIN (SELECT unnest(?::DATE[]) AS day, "
            "unnest(?::VARCHAR[]) AS name) AS h ON h.day = t.day",
            [chosen, list(holidays), list(holidays.values())],
        )

    def _of_week(self, work: Work) -> list[tuple[Any, ...]]:
        """Count the rows by why they aren't tested, or else by the day of the week."""
        return work.read(
            (
                "SELECT t.u, t.w, sum(t.n)::BIGINT, "
                "coalesce(sum(t.n) FILTER (t.found), 0)::BIGINT, "
                f"sum(t.amount) FILTER (t.found) FROM {DAYS} AS t GROUP BY t.u, t.w ORDER BY t.w",
                [],
            )
        )

    def _weekday_table(self, of_week: Sequence[tuple[Any, ...]]) -> FigureTable:
        titles = {
            "weekday": "Day of the week",
            "rows": "Rows",
            "found": "Found",
            "amount": "Amount of the found rows",
        }
        rows = [
            (WEEKDAYS[w - 1], n, found, self.amount_text(units))
            for _, w, n, found, units in of_week
            if w is not None
        ]
        return FigureTable.of("weekdays", "Days of the week", titles, rows)

    def _holiday_table(self, work: Work, holidays: Mapping[date, str]) -> FigureTable:
        """The holidays that have rows."""
        sql = (
            f"SELECT t.day, t.name, t.n, t.amount FROM {DAYS} AS t "
            "WHERE t.name IS NOT NULL ORDER BY t.day"
        )
        titles = {"day": "Day", "holiday": "Holiday", "rows": "Rows", "amount": "Amount"}
        rows = [
            (str(day), name, n, self.amount_text(units))
            for day, name, n, units in (work.read((sql, [])) if holidays else [])
        ]
        return FigureTable.of("holidays", "Holidays", titles, rows)


def _holidays(
    country: str, subdivision: str | None, low: int, high: int
) -> tuple[dict[date, str], str, tuple[int, int]]:
    """The public holidays of a country in some years, with the package's version and years.

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
    kind = type(holidays.country_holidays(country))
    first, last = kind.start_year, kind.end_year
    years = list(range(max(low, first), min(high, last) + 1))
    found = holidays.country_holidays(
        country, subdiv=subdivision, years=years, language=language, expand=False
    )
    return dict(sorted(found.items())), version("holidays"), (first, last)
