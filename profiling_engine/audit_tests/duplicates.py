"""The test for duplicates: rows that are equal in chosen columns."""

from __future__ import annotations

from domain_errors import Sentence
from parquet_tables.rows import RowSet, Statement, rows_at
from profiling_engine.audit_tests.answers import AuditFigure, ReasonColumn, unchecked
from profiling_engine.audit_tests.repeated import (
    CANDIDATES,
    SORTED_HASHES,
    keep_candidates,
    keep_hashes,
)
from profiling_engine.audit_tests.tested import (
    AuditTestFindings,
    TableTest,
    Work,
    rows_found,
    sizes_of_groups,
)
from profiling_engine.audit_tests.values import (
    ColumnValue,
    exact_columns,
    find_column,
    key_list,
    key_values,
    loose_columns,
    optional_amount,
)


class Duplicates(TableTest):
    """Rows that are equal in chosen columns.

    Rows are first grouped by a hash of their values, and only those of a repeated hash by the
    values themselves.
    """

    name = "duplicates"
    sorted_hashes: int = SORTED_HASHES
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

    def find(self, work: Work) -> AuditTestFindings:
        needed = [each for each in (*self.columns, self.differing) if each is not None]
        hashed = [key_list(self.columns)]
        tested, not_tested = keep_hashes(work, self.table, needed, hashed)
        keep_candidates(work, self.table.file_rows, sorted_hashes=self.sorted_hashes)
        file = work.write(self._statement(), "found")
        groups, sizes = sizes_of_groups(work, file)
        figures = [
            AuditFigure("groups", "Groups", groups),
            AuditFigure("extra_rows", "Rows beyond the first of their group", file.rows - groups),
        ]
        if self.amount is not None:
            ((extra,),) = work.read(
                (
                    f"SELECT sum({self.amount.summed('p.a')}) FILTER (p.r2 > 1) "
                    "FROM read_parquet(?) AS p",
                    [str(file.path)],
                )
            )
            figures += self.amount_figures(work, file)
            title = "Amount beyond the first rows of groups"
            figures.append(AuditFigure("extra_amount", title, self.amount.shown(extra or 0)))
        return AuditTestFindings(
            self.written(file),
            tested,
            not_tested,
            rows_found(file.rows, Sentence("in {groups} group{groups||s}", groups=groups)),
            figures,
            [sizes],
            unchecked(
                "Equal values mean the same event. Rows that are alike by right, such as a "
                "monthly rent, are found, too.",
            ),
        )

    def _statement(self) -> Statement:
        """The rows of groups with more than one row, group by group."""
        values, differs = key_values(self.columns), ""
        if self.differing is not None:
            values.append(f"{self.differing.value} AS d")
            differs = " AND min(s.d) OVER g <> max(s.d) OVER g"
        selected = ", ".join([*values, f"{self.amount_value} AS a"])
        rows, params = rows_at(self.table, selected, RowSet(CANDIDATES), ["ordinal"])
        listed = key_list(self.columns)
        found = (
            "SELECT s.ordinal, s.a, min(s.ordinal) OVER g AS first, count(*) OVER g AS n, "
            f"row_number() OVER (PARTITION BY {listed} ORDER BY s.ordinal) AS place "
            f"FROM ({rows}) AS s WINDOW g AS (PARTITION BY {listed}) "
            f"QUALIFY count(*) OVER g > 1{differs}"
        )
        return (
            "SELECT t.ordinal, dense_rank() OVER (ORDER BY t.first) AS r0, t.n AS r1, "
            f"t.place AS r2, t.a FROM ({found}) AS t ORDER BY t.first, t.ordinal",
            params,
        )
