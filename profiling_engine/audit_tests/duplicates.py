"""The test for duplicates: rows that are equal in chosen columns."""

from __future__ import annotations

import numpy as np

from domain_errors import Sentence
from parquet_tables.database import registered
from parquet_tables.rows import RowSet, Statement, rows_at, scan_statement
from profiling_engine.audit_tests.answers import Assumption, AuditFigure, FigureTable, ReasonColumn
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
from profiling_engine.audit_tests.values import (
    ColumnValue,
    exact_columns,
    find_column,
    loose_columns,
    optional_amount,
)

HASHES, REPEATED, CANDIDATES = "row_hashes", "repeated_hashes", "rows_of_repeated_hashes"


class Duplicates(TableTest):
    """Rows that are equal in chosen columns.

    Rows are first grouped by a hash of their values, and only those of a repeated hash by the
    values themselves.
    """

    name = "duplicates"
    sorted_hashes: int = 1 << 22
    """Hashes that are in memory together, about."""
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
        untested = Untested.of(self.columns)
        values = ", ".join(each.value for each in self.columns)
        hashed = scan_statement(self.table, [f"{untested.place} AS u", f"hash({values}) AS h"])
        work.keep(hashed, HASHES)
        tested, not_tested = untested.counted(
            work.read((f"SELECT s.u, count(*) FROM {HASHES} AS s GROUP BY s.u", []))
        )
        self._keep_candidates(work)
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
            figures += amount_figures(work, file, self.amount)
            title = "Amount beyond the first rows of groups"
            figures.append(AuditFigure("extra_amount", title, self.amount.shown(extra or 0)))
        titles = {"group_rows": "Rows of a group", "groups": "Groups", "rows": "Rows"}
        return AuditTestFindings(
            [WrittenRows(self.table, self.key, file)],
            tested,
            not_tested,
            rows_found(file.rows, Sentence("in {groups} group{groups||s}", groups=groups)),
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

    def _keep_candidates(self, work: Work) -> None:
        """Keep the tested rows of repeated hashes.

        Hashes are sorted part by part, which takes a third of the time of grouping them in SQL.
        """
        parts = 1 + self.table.file_rows // self.sorted_hashes
        tested = f"FROM {HASHES} AS s %s WHERE s.u IS NULL"
        repeated = []
        for part in range(parts):
            sql = f"SELECT s.h {tested % ''} AND s.h % {parts} = {part}"
            hashes = np.sort(work.read_column((sql, []), "reading rows").astype(np.uint64))
            repeated.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
        with registered(work.cursor, {REPEATED: {"h": np.concatenate(repeated)}}):
            join = f"SEMI JOIN {REPEATED} AS r ON r.h = s.h"
            work.keep((f"SELECT s.ordinal {tested % join}", []), CANDIDATES)

    def _statement(self) -> Statement:
        """The rows of groups with more than one row, group by group."""
        keys = [f"k{at}" for at in range(len(self.columns))]
        values = [f"{each.value} AS {key}" for each, key in zip(self.columns, keys, strict=True)]
        differs = ""
        if self.differing is not None:
            values.append(f"{self.differing.value} AS d")
            differs = " AND min(s.d) OVER g <> max(s.d) OVER g"
        selected = ", ".join([*values, amount_cell(self.amount)])
        rows, params = rows_at(self.table, selected, RowSet(CANDIDATES), ["ordinal"])
        listed = ", ".join(f"s.{key}" for key in keys)
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
