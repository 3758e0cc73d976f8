"""The test for gaps and repeats: missing and repeated numbers of a series."""

from __future__ import annotations

from typing import Any

from domain_errors import InvalidRequest, Sentence
from parquet_tables.rows import Statement, scan_statement
from parquet_tables.tables import Column
from profiling_engine.audit_tests.answers import (
    MAX_TABLE_ROWS,
    AuditFigure,
    FigureTable,
    NotTested,
    ReasonColumn,
    unchecked,
)
from profiling_engine.audit_tests.tested import (
    NO_AMOUNT,
    AuditTestFindings,
    TableTest,
    Untested,
    Work,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    cell,
    exact_columns,
    find_column,
    optional_amount,
)

MAX_DIGITS = 18
UNREADABLE = 10**MAX_DIGITS
"""What stands for a number that can't be read; it is above all others."""
MISSING, EMPTY = "(missing)", "(empty)"
"""Values of series columns that have no text."""
UNREAD = f"is no whole number of at most {MAX_DIGITS} digits"
UNREAD_TEXT = f"doesn't end with a number of at most {MAX_DIGITS} digits"


NUMBERS, SERIES, EDGES = "tested_numbers", "tested_series", "edges_of_gaps"
BLOCKS, NUMBERED, OPEN = "blocks_of_numbers", "numbered_blocks", "rows_of_open_blocks"
BLOCK_BITS = 5
BLOCK = 1 << BLOCK_BITS
"""Numbers of a block, which a BIGINT has a bit for each of."""


OF_SERIES = {
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
OF_GAPS = {
    "series": "Series",
    "label": "Values",
    "first": "First missing",
    "last": "Last missing",
    "missing": "Missing",
}


class Gaps(TableTest):
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
        self.number = _number(column)
        self.series = exact_columns(table, request.series_columns, "series_columns")
        self.amount = optional_amount(table, request.amount_column)

    def find(self, work: Work) -> AuditTestFindings:
        usual = self._usual_text(work)
        work.keep(self._numbers(usual), NUMBERS)
        tested, not_tested = self._count(work)
        work.keep((self._blocks(), []), BLOCKS, "finding gaps")
        work.keep((self._series(), [usual]), SERIES, "counting series")
        work.keep((self._numbered(), []), NUMBERED, "finding gaps")
        work.keep((self._open_rows(), []), OPEN, "finding gaps")
        work.keep((self._edges(), []), EDGES, "finding gaps")
        file = work.write((self._rows(), []), "found")
        figures, tables = self._figures(work)
        numbers: dict[str, Any] = {figure.name: figure.value for figure in figures}
        shown = self.amount_figures(work, file)
        conclusion = Sentence(
            "{missing} {missing|number|numbers} missing in {gaps} {gaps|gap|gaps}, {repeated} "
            "{repeated|number|numbers} repeated, in {series} {series|series|series}.",
            **{name: numbers[name] for name in ("missing", "gaps", "repeated", "series")},
        )
        return AuditTestFindings(
            self.written(file),
            tested,
            not_tested,
            conclusion,
            [*figures, *shown],
            tables,
            unchecked(
                "The numbers of a series are given one after another, so that a missing one is "
                "a missing document.",
                "Documents of a series before its first number and after its last one aren't "
                "in the table: the test can't find them missing.",
            ),
        )

    def _usual_text(self, work: Work) -> str:
        """The text before the first number, which most rows may have before theirs."""
        scan, params = scan_statement(
            self.table, [f"{self.number.value} AS n", f"{_text_before(self.number.column)} AS s0"]
        )
        first = f"SELECT s.s0 FROM ({scan}) AS s WHERE s.n IS NOT NULL LIMIT 1"
        return next((text for (text,) in work.read((first, params))), "")

    def _numbers(self, usual: str) -> Statement:
        """The rows with their number ``n`` and series ``s0…``, the text before it the first.

        The usual text is NULL: storing a text for each row takes a third of the time. A number
        that can't be read is ``UNREADABLE``.
        """
        column = self.number.column
        value = cell(column)
        unread = f"CASE WHEN {value} IS NOT NULL THEN {UNREADABLE} END"
        texts, bound = ["CAST(NULL AS VARCHAR)"], list[object]()
        if column.data_type.is_text:
            length = f"strlen({value}) - strlen({_last_digits(column)})"
            is_usual = f"starts_with({value}, ?) AND {length} = strlen(?)"
            texts = [f"CASE WHEN {is_usual} THEN NULL ELSE {_text_before(column)} END"]
            bound = [usual, usual]
        series = [*texts, *(each.value for each in self.series)]
        values = [f"{value} AS s{at}" for at, value in enumerate(series)]
        amounts = [] if self.amount is None else [f"{self.amount_value} AS a"]
        number = f"coalesce({self.number.value}, {unread}) AS n"
        return scan_statement(self.table, [number, *values, *amounts], bound)

    def _count(self, work: Work) -> tuple[int, list[NotTested]]:
        """Count the rows with a number, and those without one."""
        ((filled, tested),) = work.read(
            (f"SELECT count(s.n), count(*) FILTER (s.n < {UNREADABLE}) FROM {NUMBERS} AS s", [])
        )
        total = self.table.row_count
        places = [(0, total - filled), (1, filled - tested)]
        return Untested.of([self.number]).counted(places, total)

    @property
    def _keys(self) -> list[str]:
        return [f"s{at}" for at in range(len(self.series) + 1)]

    def _same(self, one: str, two: str) -> str:
        """The condition that two rows are of one series; a missing value is a value of its own."""
        return " AND ".join(f"{one}.{key} IS NOT DISTINCT FROM {two}.{key}" for key in self._keys)

    def _listed(self, table: str) -> str:
        return ", ".join(f"{table}.{key}" for key in self._keys)

    def _series(self) -> str:
        """The series with their number, text before it, rows, first and last number."""
        keys = self._listed("s")
        order = ", ".join(["g.text", *(f"g.{key}" for key in self._keys[1:])])
        return (
            f"SELECT row_number() OVER (ORDER BY {order}) AS number, g.* FROM "
            f"(SELECT {keys}, coalesce(s.s0, ?) AS text, sum(s.c)::BIGINT AS n, "
            f"min(s.low) AS low, max(s.high) AS high FROM {BLOCKS} AS s GROUP BY {keys}) AS g"
        )

    def _blocks(self) -> str:
        """The blocks of numbers of each series, and whether each has all its numbers once."""
        return (
            f"SELECT {self._listed('s')}, s.n >> {BLOCK_BITS} AS b, count(*) AS c, "
            f"min(s.n) AS low, max(s.n) AS high, count(*) = {BLOCK} "
            f"AND bit_or(1::BIGINT << (s.n & {BLOCK - 1})) = {2**BLOCK - 1} AS is_full "
            f"FROM {NUMBERS} AS s WHERE s.n < {UNREADABLE} GROUP BY ALL"
        )

    def _numbered(self) -> str:
        """The blocks with the number of their series, and whether they are open.

        An open block isn't full, or is beside a gap: its rows are read one by one. Numbers that
        are repeated or beside a gap are in open blocks alone.
        """
        return (
            "SELECT m.number, k.*, NOT k.is_full OR coalesce(lag(k.high) OVER w < k.low - 1, "
            "false) OR coalesce(lead(k.low) OVER w > k.high + 1, false) AS is_open "
            f"FROM {BLOCKS} AS k JOIN {SERIES} AS m ON {self._same('m', 'k')} "
            "WINDOW w AS (PARTITION BY m.number ORDER BY k.b)"
        )

    def _open_rows(self) -> str:
        """The rows of open blocks."""
        amount = f"{NO_AMOUNT} AS a" if self.amount is None else "s.a"
        return (
            f"SELECT s.ordinal, k.number, s.n, {amount} FROM {NUMBERS} AS s "
            f"JOIN (SELECT * FROM {NUMBERED} AS t WHERE t.is_open) AS k "
            f"ON {self._same('k', 's')} AND k.b = s.n >> {BLOCK_BITS}"
        )

    def _edges(self) -> str:
        """The numbers that are repeated or beside a gap, by series."""
        intervals = (
            "SELECT s.number, s.n, s.n AS last, count(*) AS c "
            f"FROM {OPEN} AS s GROUP BY s.number, s.n UNION ALL "
            f"SELECT k.number, k.low, k.high, 1 FROM {NUMBERED} AS k WHERE NOT k.is_open"
        )
        order = "OVER (PARTITION BY g.number ORDER BY g.n)"
        return (
            f"SELECT t.* FROM (SELECT g.number, g.n, g.c, g.n - lag(g.last) {order} - 1 AS low, "
            f"lead(g.n) {order} - g.last - 1 AS high FROM ({intervals}) AS g) AS t "
            "WHERE t.c > 1 OR t.low > 0 OR t.high > 0"
        )

    def _rows(self) -> str:
        """The rows with these numbers."""
        return (
            "SELECT s.ordinal, e.number AS r0, s.n AS r1, CASE WHEN e.c > 1 THEN e.c END AS r2, "
            "nullif(e.low, 0) AS r3, nullif(e.high, 0) AS r4, s.a "
            f"FROM {OPEN} AS s JOIN {EDGES} AS e ON e.number = s.number AND e.n = s.n "
            "ORDER BY r0, r1, s.ordinal"
        )

    def _figures(self, work: Work) -> tuple[list[AuditFigure], list[FigureTable]]:
        """The figures of all series, the first series and the first gaps."""
        label = f"concat_ws(', ', {', '.join(map(_shown, self._labels))})"
        per_series = (
            f"SELECT m.number, any_value({label}) AS label, any_value(m.n) AS n, "
            "any_value(m.low) AS low, any_value(m.high) AS high, "
            "coalesce(sum(e.high), 0)::HUGEINT AS missing, count(*) FILTER (e.high > 0) AS gaps, "
            "count(*) FILTER (e.c > 1) AS repeated, coalesce(sum(e.c - 1), 0)::BIGINT AS extra "
            f"FROM {SERIES} AS m LEFT JOIN {EDGES} AS e ON e.number = m.number GROUP BY m.number"
        )
        series = work.read(
            (
                "SELECT t.*, count(*) OVER (), sum(t.missing) OVER ()::HUGEINT, "
                "sum(t.gaps) OVER ()::BIGINT, sum(t.repeated) OVER ()::BIGINT, "
                "sum(t.extra) OVER ()::BIGINT, count(*) FILTER (t.n = 1) OVER () "
                f"FROM ({per_series}) AS t ORDER BY t.number LIMIT {MAX_TABLE_ROWS}",
                [],
            )
        )
        width = len(OF_SERIES)
        total, missing, gaps, repeated, extra, single = series[0][width:] if series else [0] * 6
        ranges = work.read(
            (
                f"SELECT e.number, {label}, e.n + 1, e.n + e.high, e.high "
                f"FROM {SERIES} AS m JOIN {EDGES} AS e ON e.number = m.number "
                f"WHERE e.high > 0 ORDER BY e.number, e.n LIMIT {MAX_TABLE_ROWS}",
                [],
            )
        )
        figures = [
            AuditFigure("series", "Series", total),
            AuditFigure("missing", "Missing numbers", missing),
            AuditFigure("gaps", "Gaps", gaps),
            AuditFigure("repeated", "Repeated numbers", repeated),
            AuditFigure("extra_rows", "Rows beyond the first of their number", extra),
            AuditFigure("single", "Series of one row", single),
        ]
        return figures, [
            FigureTable.of("series", "Series", OF_SERIES, [row[:width] for row in series], total),
            FigureTable.of("ranges", "Missing numbers", OF_GAPS, ranges, gaps),
        ]

    @property
    def _labels(self) -> list[str]:
        """What names a series: the values of its columns, and the text before the number."""
        keys = self._keys[1:]
        return [*keys, "text"] if self.number.column.data_type.is_text else keys or ["text"]


def _number(column: Column) -> ColumnValue:
    """The number of a column of numbers or texts; InvalidRequest of another."""
    kind, value = column.data_type, cell(column)
    if kind.is_text:
        digits = _last_digits(column)
        short = f"strlen({digits}) <= {MAX_DIGITS}"
        return ColumnValue(
            column, f"CASE WHEN {short} THEN TRY_CAST({digits} AS BIGINT) END", UNREAD_TEXT
        )
    if not kind.is_number:
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


def _shown(key: str) -> str:
    """The SQL of a value that names a series; a missing one and an empty text are said in words."""
    if key == "text":
        return f"m.{key}"
    return (
        f"CASE WHEN m.{key} IS NULL THEN '{MISSING}' ELSE "
        f"coalesce(nullif(CAST(m.{key} AS VARCHAR), ''), '{EMPTY}') END"
    )


def _last_digits(column: Column) -> str:
    """The SQL of the digits with which a text ends; empty if it ends with another character."""
    return f"regexp_extract({cell(column)}, '[0-9]+$')"


def _text_before(column: Column) -> str:
    """The SQL of the text before these digits; empty of a number, and NULL without a text."""
    if not column.data_type.is_text:
        return "''"
    value, digits = cell(column), _last_digits(column)
    return f"left({value}, CAST(length({value}) - strlen({digits}) AS BIGINT))"
