"""The test for duplicates: rows that are equal in chosen columns."""

from __future__ import annotations

from domain_errors import counted
from parquet_tables.rows import Statement, scan_statement
from profiling_engine.audit_tests.answers import Assumption, Figure, FigureTable, ReasonColumn
from profiling_engine.audit_tests.tested import (
    AuditTest,
    Findings,
    FoundRows,
    Work,
    amount_cell,
    amount_figures,
    conditions,
    count_untested,
    rows_found,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    exact_columns,
    find_column,
    loose_columns,
    optional_amount,
)


class Duplicates(AuditTest):
    """Rows that are equal in chosen columns.

    Rows are first grouped by a hash of their values, and only those of a repeated hash by the
    values themselves.
    """

    name = "duplicates"
    reasons = (
        ReasonColumn("_group", "BIGINT", "The number of the row's group, by its first row."),
        ReasonColumn("_group_rows", "BIGINT", "The rows of the group."),
        ReasonColumn("_row_of_group", "BIGINT", "The row's place in its group, from 1."),
    )

    def prepare(self) -> None:
        request, table = self.request, self.table
        self.columns: list[ColumnValue] = [
            *exact_columns(table, request.columns, "columns"),
            *loose_columns(table, request.loose_columns, "loose_columns"),
        ]
        self.differing: ColumnValue | None = None
        if request.differ_in is not None:
            column = find_column(table, request.differ_in, "differ_in")
            self.differing = exact_columns(table, [column.name], "differ_in")[0]
        self.amount = optional_amount(table, request.amount_column)

    def find(self, work: Work) -> Findings:
        tested, not_tested = count_untested(work, self.table, self.columns)
        file = work.write(self._statement(), "found")
        sizes = work.read(
            (
                "SELECT p.r1, count(*) // p.r1, count(*) FROM read_parquet(?) AS p "
                "GROUP BY p.r1 ORDER BY p.r1",
                [str(file.path)],
            )
        )
        groups = sum(row[1] for row in sizes)
        figures = [
            Figure("groups", "Groups", groups),
            Figure("extra_rows", "Rows beyond the first of their group", file.rows - groups),
        ]
        if self.amount is not None:
            ((extra,),) = work.read(
                (
                    "SELECT coalesce(sum(p.a) FILTER (p.r2 > 1), 0) FROM read_parquet(?) AS p",
                    [str(file.path)],
                )
            )
            figures += amount_figures(work, file, self.amount)
            title = "Amount beyond the first rows of groups"
            figures.append(Figure("extra_amount", title, self.amount.shown(extra)))
        titles = {"group_rows": "Rows of a group", "groups": "Groups", "rows": "Rows"}
        return Findings(
            [FoundRows(self.table, self.key, file)],
            tested,
            not_tested,
            rows_found(file.rows, f"in {counted(groups, 'group')}"),
            figures,
            [FigureTable.of("sizes", "Sizes of groups", titles, sizes)],
            [
                Assumption(
                    "Equal values mean the same event. Rows that are alike by right, such as a "
                    "monthly rent, are found, too.",
                    "unchecked",
                )
            ],
        )

    def _statement(self) -> Statement:
        """The rows of groups with more than one row, group by group."""
        keys = [f"k{at}" for at in range(len(self.columns))]
        values = [f"{each.value} AS {key}" for key, each in zip(keys, self.columns, strict=True)]
        differing = "" if self.differing is None else f"{self.differing.value} AS d"
        more = [*([differing] if differing else []), amount_cell(self.amount)]
        scan, params = scan_statement(self.table, [*values, *more])
        listed = ", ".join(f"s.{key}" for key in keys)
        is_tested = conditions([f"s.{key}" for key in keys])
        hashed = f"SELECT hash({listed}) AS h FROM ({scan}) AS s WHERE {is_tested}"
        repeated = f"SELECT q.h FROM ({hashed}) AS q GROUP BY q.h HAVING count(*) > 1"
        candidates = (
            f"SELECT s.* FROM ({scan}) AS s SEMI JOIN ({repeated}) AS r "
            f"ON r.h = hash({listed}) WHERE {is_tested}"
        )
        differs = " AND min(s.d) OVER g <> max(s.d) OVER g" if differing else ""
        found = (
            f"SELECT s.ordinal, s.a, min(s.ordinal) OVER g AS first, count(*) OVER g AS n, "
            f"row_number() OVER (PARTITION BY {listed} ORDER BY s.ordinal) AS place "
            f"FROM ({candidates}) AS s WINDOW g AS (PARTITION BY {listed}) "
            f"QUALIFY count(*) OVER g > 1{differs}"
        )
        return (
            "SELECT t.ordinal, dense_rank() OVER (ORDER BY t.first) AS r0, t.n AS r1, "
            f"t.place AS r2, t.a FROM ({found}) AS t ORDER BY t.first, t.ordinal",
            [*params, *params],
        )
