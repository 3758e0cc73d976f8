"""Queries, as jobs and previews ask for them.

Invariant: when a call returns or raises, the query's process is gone, with whatever it spilled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import Report, no_report
from sql_sandbox.request import Limits, Request, SourceTable
from sql_sandbox.watching import answer_to

CHECK_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ResultShape:
    """The columns of a result, and what of them has another name or form than in the query."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FirstRows:
    """Rows as JSON values in the columns' order; ``has_more`` tells that there are others."""

    shape: ResultShape
    rows: list[list[Any]]
    has_more: bool


@dataclass(frozen=True)
class WrittenResult:
    """A result as one Parquet file."""

    shape: ResultShape
    file: DataFile


class Sandbox:
    """Runs users' SELECTs, each in a process of its own.

    Parameters
    ----------
    limits : Limits
        What each may use.
    scratch_dir : Path
        Where each gets a folder for as long as it runs.
    """

    def __init__(self, limits: Limits, scratch_dir: Path) -> None:
        self._limits = limits
        self._scratch_dir = scratch_dir

    def check(self, sql: str, tables: tuple[SourceTable, ...]) -> ResultShape:
        """Parse and bind a query; reads no row.

        Raises
        ------
        InvalidSql, SqlRefused, SqlTooLarge
            Tells the place in ``sql``.
        """
        with self._request(sql, tables) as request:
            return _shape(answer_to(request, no_report, CHECK_TIMEOUT_S))

    def first_rows(
        self, sql: str, tables: tuple[SourceTable, ...], most: int, timeout_s: float
    ) -> FirstRows:
        """Up to ``most`` rows of a query's result.

        Raises
        ------
        SqlError
            Whatever is wrong with the query, or it took longer than ``timeout_s``.
        """
        with self._request(sql, tables) as request:
            asked = replace(request, work="rows", first_rows=most)
            answer = answer_to(asked, no_report, timeout_s)
        return FirstRows(_shape(answer), answer["rows"], answer["has_more"])

    def write_result(
        self, sql: str, tables: tuple[SourceTable, ...], path: Path, report: Report
    ) -> WrittenResult:
        """Write a query's whole result to a Parquet file.

        Parameters
        ----------
        report : Report
            Called many times a second; what it raises ends the query.

        Raises
        ------
        SqlError
            Whatever is wrong with the query.
        """
        with self._request(sql, tables) as request:
            asked = replace(request, work="file", result=path)
            answer = answer_to(asked, report, None)
        return WrittenResult(_shape(answer), DataFile(path, answer["row_count"]))

    @contextmanager
    def _request(self, sql: str, tables: tuple[SourceTable, ...]) -> Iterator[Request]:
        with tempfile.TemporaryDirectory(dir=self._scratch_dir, prefix="sql-") as folder:
            limits = self._limits.within_disk(Path(folder))
            yield Request("check", sql, tables, limits, Path(folder))


def _shape(answer: dict[str, Any]) -> ResultShape:
    columns = tuple(Column(name, type_) for name, type_ in answer["columns"])
    return ResultShape(columns, tuple(answer["notes"]))
