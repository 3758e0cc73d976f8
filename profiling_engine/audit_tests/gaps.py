"""The test for gaps and repeats: missing and repeated numbers of a series."""

from __future__ import annotations

from pathlib import Path

from domain_errors import InvalidRequest, counted
from parquet_tables.rows import Statement, scan_statement
from parquet_tables.tables import Column
from profiling_engine.audit_tests.answers import (
    MAX_TABLE_ROWS,
    Assumption,
    Figure,
    FigureTable,
    ReasonColumn,
)
from profiling_engine.audit_tests.tested import (
    AuditTest,
    Findings,
    FoundRows,
    Work,
    amount_cell,
    amount_figures,
    count_untested,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    cell,
    exact_columns,
    find_column,
    optional_amount,
)

MAX_DIGITS = 18
DIGITS = "'0123456789'"
UNREAD = f"is no whole number of at most {MAX_DIGITS} digits"
UNREAD_TEXT = f"doesn't end with a number of at most {MAX_DIGITS} digits"


class Gaps(AuditTest):
    """Missing and repeated numbers of each series.

    A series has one value of each series column and, of numbers in a text, one text before them.
    Numbers that differ in leading zeros alone are equal.
    """

    name = "gaps"
    reasons = (
        ReasonColumn("_series", "BIGINT", "The number of the row's series."),
        ReasonColumn("_number", "BIGINT", "The row's number in its series."),
        ReasonColumn("_repeats", "BIGINT", "The rows with this number, if there are several."),
        ReasonColumn("_missing_before", "BIGINT", "The numbers that are missing before it."),
        ReasonColumn("_missing_after", "BIGINT", "The numbers that are missing after it."),
    )

    def prepare(self) -> None:
        request, table = self.request, self.table
        column = find_column(table, request.number_column, "number_column")
        self.number, self.before = _number(column), "''"
        if column.data_type.is_text:
            text = f"trim({cell(column)})"
            self.before = f"rtrim({text}, {DIGITS})"
            digits = f"substr({text}, length({self.before}) + 1)"
            short = f"length({digits}) <= {MAX_DIGITS}"
            value = f"CASE WHEN {short} THEN TRY_CAST({digits} AS BIGINT) END"
            self.number = ColumnValue(column, value, UNREAD_TEXT)
        self.series = exact_columns(table, request.series_columns, "series_columns")
        self.amount = optional_amount(table, request.amount_column)

    def find(self, work: Work) -> Findings:
        tested, not_tested = count_untested(work, self.table, [self.number])
        series = work.write(self._series(), "series", "counting series")
        edges = work.write(self._edges(series.written), "edges", "finding gaps")
        file = work.write(self._rows(series.written, edges.written), "found")
        figures, tables = self._figures(work, series.written, edges.written)
        numbers = {figure.name: figure.value for figure in figures}
        shown = amount_figures(work, file, self.amount)
        for each in (series, edges):
            each.written.unlink()
        missing, repeats = int(numbers["missing"] or 0), int(numbers["repeated"] or 0)
        conclusion = (
            f"{counted(missing, 'number')} missing in {counted(int(numbers['gaps'] or 0), 'gap')}, "
            f"{counted(repeats, 'number')} repeated, in {counted(series.rows, 'series', 'series')}."
        )
        return Findings(
            [FoundRows(self.table, self.key, file)],
            tested,
            not_tested,
            conclusion,
            [*figures, *shown],
            tables,
            [
                Assumption(
                    "The numbers of a series are given one after another, so that a missing one is "
                    "a missing document.",
                    "unchecked",
                ),
                Assumption(
                    "Documents of a series before its first number and after its last one aren't "
                    "in the table: the test can't find them missing.",
                    "unchecked",
                ),
            ],
        )

    def _scan(self) -> Statement:
        """The rows with a number ``n``, and their series ``s0…``."""
        series = [self.before, *(each.value for each in self.series)]
        values = [f"{value} AS s{at}" for at, value in enumerate(series)]
        scan, params = scan_statement(
            self.table, [f"{self.number.value} AS n", *values, amount_cell(self.amount)]
        )
        return f"SELECT s.* FROM ({scan}) AS s WHERE s.n IS NOT NULL", params

    @property
    def _keys(self) -> list[str]:
        return [f"s{at}" for at in range(len(self.series) + 1)]

    def _same(self, one: str, two: str) -> str:
        """The condition that two rows are of one series; a missing value is a value of its own."""
        return " AND ".join(f"{one}.{key} IS NOT DISTINCT FROM {two}.{key}" for key in self._keys)

    def _listed(self, table: str) -> str:
        return ", ".join(f"{table}.{key}" for key in self._keys)

    def _series(self) -> Statement:
        """The series with their number, rows, first and last number."""
        scan, params = self._scan()
        keys = self._listed("s")
        return (
            f"SELECT row_number() OVER (ORDER BY {self._listed('g')}) AS number, g.* FROM "
            f"(SELECT {keys}, count(*) AS n, min(s.n) AS low, max(s.n) AS high "
            f"FROM ({scan}) AS s GROUP BY {keys}) AS g ORDER BY number",
            params,
        )

    def _edges(self, series: Path) -> Statement:
        """The numbers that are repeated or beside a gap, by series."""
        scan, params = self._scan()
        keys = self._listed("s")
        counts = f"SELECT {keys}, s.n, count(*) AS c FROM ({scan}) AS s GROUP BY {keys}, s.n"
        order = f"OVER (PARTITION BY {self._listed('g')} ORDER BY g.n)"
        return (
            "SELECT m.number, e.n, e.c, e.low, e.high FROM (SELECT g.*, "
            f"g.n - lag(g.n) {order} - 1 AS low, lead(g.n) {order} - g.n - 1 AS high "
            f"FROM ({counts}) AS g) AS e JOIN read_parquet(?) AS m ON {self._same('m', 'e')} "
            "WHERE e.c > 1 OR e.low > 0 OR e.high > 0",
            [*params, str(series)],
        )

    def _rows(self, series: Path, edges: Path) -> Statement:
        """The rows with these numbers."""
        scan, params = self._scan()
        return (
            "SELECT s.ordinal, e.number AS r0, s.n AS r1, CASE WHEN e.c > 1 THEN e.c END AS r2, "
            "nullif(e.low, 0) AS r3, nullif(e.high, 0) AS r4, s.a "
            f"FROM ({scan}) AS s JOIN (SELECT g.*, m.* EXCLUDE (number, n, low, high) "
            "FROM read_parquet(?) AS g JOIN read_parquet(?) AS m ON m.number = g.number) AS e "
            f"ON {self._same('e', 's')} AND e.n = s.n ORDER BY r0, r1, s.ordinal",
            [*params, str(edges), str(series)],
        )

    def _figures(
        self, work: Work, series: Path, edges: Path
    ) -> tuple[list[Figure], list[FigureTable]]:
        """The figures of all series, the first series and the first gaps."""
        paths: list[object] = [str(series), str(edges)]
        label = f"concat_ws(', ', {', '.join(f'CAST(m.{key} AS VARCHAR)' for key in self._labels)})"
        per_series = (
            f"SELECT m.number, any_value({label}) AS label, any_value(m.n) AS n, "
            "any_value(m.low) AS low, any_value(m.high) AS high, "
            "coalesce(sum(e.high), 0) AS missing, count(*) FILTER (e.high > 0) AS gaps, "
            "count(*) FILTER (e.c > 1) AS repeated, coalesce(sum(e.c - 1), 0) AS extra "
            "FROM read_parquet(?) AS m LEFT JOIN read_parquet(?) AS e ON e.number = m.number "
            "GROUP BY m.number"
        )
        ((total, missing, gaps, repeated, extra, single),) = work.read(
            (
                "SELECT count(*), sum(t.missing)::HUGEINT, sum(t.gaps)::BIGINT, "
                "sum(t.repeated)::BIGINT, sum(t.extra)::BIGINT, count(*) FILTER (t.n = 1) "
                f"FROM ({per_series}) AS t",
                paths,
            )
        )
        first = work.read(
            (
                "SELECT t.number, t.label, t.n, t.low, t.high, t.missing::HUGEINT, t.gaps, "
                f"t.repeated, t.extra::BIGINT FROM ({per_series}) AS t "
                f"ORDER BY t.number LIMIT {MAX_TABLE_ROWS}",
                paths,
            )
        )
        ranges = work.read(
            (
                f"SELECT e.number, {label}, e.n + 1, e.n + e.high, e.high "
                "FROM read_parquet(?) AS m JOIN read_parquet(?) AS e ON e.number = m.number "
                f"WHERE e.high > 0 ORDER BY e.number, e.n LIMIT {MAX_TABLE_ROWS}",
                paths,
            )
        )
        figures = [
            Figure("series", "Series", total),
            Figure("missing", "Missing numbers", int(missing or 0)),
            Figure("gaps", "Gaps", int(gaps or 0)),
            Figure("repeated", "Repeated numbers", int(repeated or 0)),
            Figure("extra_rows", "Rows beyond the first of their number", int(extra or 0)),
            Figure("single", "Series of one row", single),
        ]
        of_series = {
            "series": "Series",
            "label": "Values",
            "rows": "Rows",
            "first": "First number",
            "last": "Last number",
            "missing": "Missing",
            "gaps": "Gaps",
            "repeated": "Repeated",
            "extra_rows": "Rows beyond the first",
        }
        of_gaps = {
            "series": "Series",
            "label": "Values",
            "first": "First missing",
            "last": "Last missing",
            "missing": "Missing",
        }
        return figures, [
            FigureTable.of("series", "Series", of_series, first, total),
            FigureTable.of("ranges", "Missing numbers", of_gaps, ranges, int(gaps or 0)),
        ]

    @property
    def _labels(self) -> list[str]:
        """What names a series: the values of its columns, and the text before the number."""
        keys = self._keys
        return [*keys[1:], keys[0]] if self.before != "''" else keys[1:] or keys


def _number(column: Column) -> ColumnValue:
    """The number of a column of numbers, or InvalidRequest."""
    kind, value = column.data_type, cell(column)
    if not kind.is_number and not kind.is_text:
        raise InvalidRequest(
            'The column "{column}" has the type {type}. The test needs whole numbers, or texts '
            "that end with one.",
            column=column.name,
            type=column.type,
            loc=("number_column",),
        )
    whole = f"TRY_CAST({value} AS BIGINT)"
    largest = 10**MAX_DIGITS - 1
    is_whole = "" if kind.is_integer else f"{whole} = {value} AND "
    return ColumnValue(
        column,
        f"CASE WHEN {is_whole}{whole} BETWEEN -{largest} AND {largest} THEN {whole} END",
        UNREAD,
    )
