"""Which rows of their tables several samples cover: none twice, and which not at all.

Rows of two versions of a table are the same where the data files of one version are the first ones
of the other, as after an append.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from application.estimation.calibrating import both
from application.estimation.weighting import frame_condition
from domain_errors import FigureText, Sentence
from estimation_engine import Statistic, true_values
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement
from parquet_tables.tables import Int64s, TableFiles
from service.service import Service
from service.tables.open_tables import OpenTable, open_source, open_table, version_of
from service.tables.sample_design import design_of
from storage.jobs.jobs import JobRecord


@dataclass(frozen=True)
class SampledPopulation:
    """The population of a sample, and what is its book value."""

    job: JobRecord
    book_column: str

    @property
    def name(self) -> str:
        """The name of the sample, or the first digits of its job."""
        return self.job.output_name or self.job.id[:8]

    @property
    def table(self) -> tuple[int, str]:
        """Its dataset and table."""
        return self.job.dataset_id, self.job.run_parameters["table_key"]


@dataclass(frozen=True)
class Uncovered:
    """Rows with a book value that isn't 0, which no sample covers, and the sum of these values."""

    rows: int
    value: float


@dataclass(frozen=True)
class Coverage:
    """What samples cover together.

    Parameters
    ----------
    unchecked : sequence of str
        Sentences on pairs of samples of which it isn't known whether they share rows.
    """

    uncovered: Uncovered
    unchecked: Sequence[str]


def coverage_of(service: Service, populations: Sequence[SampledPopulation]) -> Coverage:
    """Check that no row is in two populations, and sum what is in none.

    Raises
    ------
    InvalidFindings
        Two samples could draw the same row.
    """
    unchecked: list[str] = []
    for first, second in combinations(populations, 2):
        shared = _shared_table(service, first, second)
        if shared is None:
            unchecked.append(
                Sentence(
                    "Not checked: whether samples {first} and {second} have rows in common, as "
                    "their tables share no data files by which rows are the same.",
                    first=first.name,
                    second=second.name,
                )
            )
            continue
        common = both(_frame(service, first, shared), _frame(service, second, shared))
        rows, _ = _figures(service, shared, None, common)
        if rows:
            raise InvalidFindings(
                "{rows} {rows|row|rows} could be drawn by sample {first} and by sample {second}. "
                "Samples that are evaluated together need populations without a common row: draw "
                "them with filters that exclude each other.",
                rows=rows,
                first=first.name,
                second=second.name,
                loc=("body", "jobs"),
            )
    return Coverage(_uncovered(service, populations), unchecked)


def _shared_table(
    service: Service, first: SampledPopulation, second: SampledPopulation
) -> TableFiles | None:
    """The rows that both tables have; None if it isn't known which are the same."""
    if first.table != second.table:
        return None
    a, b = (open_source(service, each.job).files for each in (first, second))
    return _common(a, b)


def _common(a: TableFiles, b: TableFiles) -> TableFiles | None:
    """The rows of both tables, if the files of one are the first ones of the other."""
    if len(a.files) > len(b.files):
        a, b = b, a
    if not a.files or a.files != b.files[: len(a.files)]:
        return None
    deleted: Int64s = b.deletion_vector[b.deletion_vector < a.file_rows]
    return replace(a, deletion_vector=np.union1d(a.deletion_vector, deleted))


def _uncovered(service: Service, populations: Sequence[SampledPopulation]) -> Uncovered:
    """The rows of each table's largest version that no sample covers."""
    rows, value = 0, 0.0
    for table in dict.fromkeys(each.table for each in populations):
        own = [each for each in populations if each.table == table]
        whole = max(
            (_version(service, each).files for each in own), key=lambda each: each.row_count
        )
        column = own[0].book_column
        found, total = _figures(service, whole, column, None)
        rows, value = rows + found, value + total
        for each in own:
            files = open_source(service, each.job).files
            shared = _common(files, whole)
            if shared is None:
                continue  # another table: its rows aren't those of this version
            condition = _frame(service, each, shared)
            found, total = _figures(service, shared, column, condition)
            rows, value = rows - found, value - total
    return Uncovered(rows, value if rows else 0.0)


def _version(service: Service, each: SampledPopulation) -> OpenTable:
    return open_table(
        service, each.job.dataset_id, version_of(each.job), each.job.run_parameters["table_key"]
    )


def _frame(service: Service, each: SampledPopulation, table: TableFiles) -> Statement | None:
    """SQL over ``f`` of the rows that a sample could draw; None for all."""
    design = design_of(service, each.job, open_source(service, each.job))
    return frame_condition(design, table)


def _figures(
    service: Service, table: TableFiles, column_name: str | None, where: Statement | None
) -> tuple[int, float]:
    """The rows that pass a condition; with a column those of which it isn't 0, and its sum."""
    statistics = [Statistic("count")]
    if column_name is not None:
        column = table.column(column_name)
        statistics.append(Statistic("total", column))
        where = both(where, (f"(f.{quote_identifier(column.name)} <> 0)", []))
    with service.parquet.cursor(table) as cursor:
        known = true_values(cursor, table, statistics, [], where) or {}
    rows, *totals = known.get((), [0])
    return int(rows or 0), float(totals[0] or 0.0) if totals else 0.0


def uncovered_sentence(uncovered: Uncovered, places: int) -> Sentence:
    """A sentence on the rows that no sample covers."""
    return Sentence(
        "No sample covers {rows} {rows|row|rows} with a book value of {amount}.",
        rows=uncovered.rows,
        amount=FigureText(f"{uncovered.value:,.{places}f}"),
    )
