"""The test for rows without a partner in another table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain_errors import InvalidRequest, Sentence
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.canonical import key_columns, value_text
from parquet_tables.rows import RowSet, Statement, rows_at, scan_statement
from parquet_tables.tables import Column, TableFiles
from profiling_engine.audit_tests.answers import (
    AuditFigure,
    NotTested,
    ReasonColumn,
    unchecked,
)
from profiling_engine.audit_tests.repeated import CANDIDATES, MANY, keep_candidates, keep_hashes
from profiling_engine.audit_tests.tested import (
    NO_AMOUNT,
    AuditTestFindings,
    TableTest,
    Work,
    WrittenRows,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    cell,
    key_list,
    key_values,
    optional_amount,
    same_keys,
)

THIS, OTHER = "this", "other"
OTHER_PREFIX = "other_"


@dataclass(frozen=True)
class _JoinedSide:
    """A table with the columns by which its rows are matched."""

    name: str
    table: TableFiles
    key: str
    columns: Sequence[ColumnValue]

    @property
    def title(self) -> str:
        """What sentences call the table."""
        return "this table" if self.name == THIS else "the other table"

    @property
    def prefix(self) -> str:
        """What the names of its columns begin with in the result."""
        return "" if self.name == THIS else OTHER_PREFIX

    def scan(self, *more: str) -> Statement:
        """The rows that have all values, ``k0…``."""
        scan, params = scan_statement(self.table, [*key_values(self.columns), *more])
        complete = " AND ".join(f"s.k{at} IS NOT NULL" for at in range(len(self.columns)))
        return f"SELECT s.* FROM ({scan}) AS s WHERE {complete}", params


class Unmatched(TableTest):
    """Rows whose values in chosen columns no row of another table has.

    Columns of one type are compared as they are, others by their canonical texts. A missing value
    never matches: its row isn't tested.
    """

    name = "unmatched"
    reasons = (ReasonColumn("_side", "VARCHAR", "`this` table, or the `other`, has the row."),)

    def prepare(self) -> None:
        request = self.request
        assert self.other is not None  # noqa: S101 - the request has another table
        own = key_columns(self.table, request.columns, ("columns",))
        field = "other_columns" if request.other_columns else "columns"
        others = key_columns(self.other[0], request.other_columns or request.columns, (field,))
        pairs = list(zip(own, others, strict=True))
        values: list[list[ColumnValue]] = [[], []]
        for pair in pairs:
            for side, value in zip(values, _compared(*pair, field), strict=True):
                side.append(value)
        self.columns, self.other_columns = values
        self.amount = optional_amount(self.table, request.amount_column)
        self.sides = (
            _JoinedSide(THIS, self.table, self.key, self.columns),
            _JoinedSide(OTHER, *self.other, self.other_columns),
        )

    @property
    def result_tables(self) -> Sequence[tuple[TableFiles, str]]:
        """This table, and the other if its rows are found, too."""
        return [(side.table, side.prefix) for side in self.sides if self._finds(side)]

    def _finds(self, side: _JoinedSide) -> bool:
        return self.request.direction in (side.name, "both")

    def find(self, work: Work) -> AuditTestFindings:
        rows: list[WrittenRows] = []
        figures: list[AuditFigure] = []
        not_tested: list[NotTested] = []
        sentences: list[Sentence] = []
        tested = 0
        for side, partner in (self.sides, self.sides[::-1]):
            hashed = [key_list(side.columns)]
            complete, missing = keep_hashes(work, side.table, side.columns, hashed)
            figures += self._repeated(work, side)
            if not self._finds(side):
                label = f"Rows of {side.title} without a value"
                figures.append(
                    AuditFigure(f"{side.name}_missing", label, sum(each.rows for each in missing))
                )
                continue
            tested += complete
            not_tested += [replace(each, column=f"{side.prefix}{each.column}") for each in missing]
            file = work.write(self._statement(side, partner), f"found-{side.name}")
            rows.append(WrittenRows(side.table, side.key, file, side.prefix))
            sentences.append(
                Sentence(
                    "{rows} {rows|row|rows} of {table}", rows=file.rows, table=Sentence(side.title)
                )
            )
            title = f"Rows of {side.title} without a partner"
            figures.append(AuditFigure(f"{side.name}_rows", title, file.rows))
            if side.name == THIS:
                figures += self.amount_figures(work, file, " of this table")
        return AuditTestFindings(
            rows,
            tested,
            not_tested,
            Sentence("Without a partner: {found}.", found=Sentence.joined(sentences, ", ")),
            figures,
            (),
            unchecked(
                "Each row has a partner with the same values in both tables. A partner of "
                "another period or version isn't in the compared table.",
            ),
        )

    def _statement(self, side: _JoinedSide, partner: _JoinedSide) -> Statement:
        """The rows of one side that have no partner, in the order of its table."""
        amount = f"{self.amount_value if side.name == THIS else NO_AMOUNT} AS a"
        rows, params = side.scan(amount)
        others, bound = partner.scan()
        same = same_keys("s", "o", side.columns)
        return (
            f"SELECT s.ordinal, '{side.name}' AS r0, s.a FROM ({rows}) AS s "
            f"ANTI JOIN ({others}) AS o ON {same} ORDER BY s.ordinal",
            [*params, *bound],
        )

    def _repeated(self, work: Work, side: _JoinedSide) -> list[AuditFigure]:
        """The values that several rows of a side have, and these rows."""
        rows, params = side.scan()
        size = side.table.file_rows
        # Grouping all rows is faster than reading many of them by their numbers.
        if keep_candidates(work, size, most=size // MANY):
            selected = ", ".join(key_values(side.columns))
            rows, params = rows_at(side.table, selected, RowSet(CANDIDATES), ["ordinal"])
        keys = key_list(side.columns)
        ((values, repeated),) = work.read(
            (
                "SELECT count(*), coalesce(sum(g.n), 0)::BIGINT FROM (SELECT count(*) AS n "
                f"FROM ({rows}) AS s GROUP BY {keys} HAVING count(*) > 1) AS g",
                params,
            )
        )
        return [
            AuditFigure(f"{side.name}_repeated", f"Values of several rows of {side.title}", values),
            AuditFigure(
                f"{side.name}_repeated_rows", f"Rows with such values in {side.title}", repeated
            ),
        ]


def _text(column: Column, beside_a_number: bool) -> str:
    """The SQL of a value's canonical text; a text beside a number loses decimals that are 0."""
    text = value_text(column, cell(column))
    if not (beside_a_number and column.data_type.is_text):
        return text
    shortened = f"rtrim(rtrim({text}, '0'), '.')"
    return (
        f"CASE WHEN regexp_full_match({text}, '-?[0-9]+[.][0-9]+') THEN {shortened} ELSE {text} END"
    )


def _compared(own: Column, other: Column, field: str) -> tuple[ColumnValue, ColumnValue]:
    """The values of two columns whose equality is that of their rows.

    Raises
    ------
    InvalidRequest
        One has times with a time zone, the other dates or times without one.
    """
    pair = (own, other)
    if own.type == other.type:
        return ColumnValue(own, cell(own)), ColumnValue(other, cell(other))
    if not (own.data_type.is_moment and other.data_type.is_moment):
        has_number = any(each.data_type.is_number for each in pair)
        texts = [ColumnValue(each, _text(each, has_number)) for each in pair]
        return texts[0], texts[1]
    if any(each.type == "TIMESTAMP WITH TIME ZONE" for each in pair):
        raise InvalidRequest(
            'The column "{column}" has the type {type}, and "{other}" the type {other_type}. Times '
            "with a time zone aren't compared with dates, or with times without one: import both "
            "tables with one type for these columns.",
            column=own.name,
            type=own.type,
            other=other.name,
            other_type=other.type,
            loc=(field,),
        )
    times = [
        ColumnValue(each, f"TRY_CAST({cell(each)} AS TIMESTAMP)", "is no time of a usual year")
        for each in pair
    ]
    return times[0], times[1]
