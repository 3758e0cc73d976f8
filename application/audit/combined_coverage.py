"""Which rows of their tables several samples cover: none twice, and which not at all.

Rows of two versions of a table are the same where the data files of one version are the first ones
of the other, as after an append, or else by the declared row key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from application.estimation.weighting import frame_condition
from domain_errors import FigureText, Sentence
from estimation_engine import Statistic, true_values
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.row_keys.kept import kept_rows
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Int64s, TableFiles
from service.service import Service
from service.tables.chosen_keys import declared_key_of
from service.tables.open_tables import OpenTable, open_source, open_table, version_of
from service.tables.sample_design import design_of
from storage.jobs.jobs import JobRecord

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SampledPopulation:
    """The population of a sample, and the column of its book values."""

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


@dataclass(frozen=True)
class _Frame:
    """The rows that a sample could draw, as a mask over the rows of its table's files."""

    population: SampledPopulation
    source: OpenTable
    drawable: Mask
    key: RowKey | None

    @property
    def table(self) -> TableFiles:
        """The table of these rows alone."""
        return replace(self.source.files, deletion_vector=np.flatnonzero(~self.drawable))


def coverage_of(service: Service, populations: Sequence[SampledPopulation]) -> Coverage:
    """Check that no row is in two populations, and sum what is in none.

    Raises
    ------
    InvalidFindings
        Two samples could draw the same row, or have other book values of one table.
    """
    columns: dict[tuple[int, str], str] = {}
    for each in populations:
        column = columns.setdefault(each.table, each.book_column)
        if column != each.book_column:
            raise InvalidFindings(
                'Samples of one table have different book values, "{first}" and "{second}": choose '
                "one with `book_column`, which evaluates them as `variables`.",
                first=column,
                second=each.book_column,
                loc=("body", "book_column"),
            )
    frames = [_frame(service, each) for each in populations]
    unchecked: list[str] = []
    for first, second in combinations(frames, 2):
        names = {"first": first.population.name, "second": second.population.name}
        shared = None
        if first.population.table == second.population.table:
            shared = _rows_of_both(service, first, second.source, second.drawable)
        if shared is None:
            text = (
                "Not checked: whether samples {first} and {second} have rows in common, as their "
                "tables share neither data files nor a row key."
            )
            unchecked.append(Sentence(text, **names))
        elif len(shared):
            raise InvalidFindings(
                "{rows} {rows|row|rows} could be drawn by sample {first} and by sample {second}. "
                "Samples that are evaluated together need populations without a common row: draw "
                "them with filters that exclude each other.",
                rows=len(shared),
                loc=("body", "jobs"),
                **names,
            )
    return Coverage(_uncovered(service, frames), unchecked)


def _frame(service: Service, population: SampledPopulation) -> _Frame:
    source = open_source(service, population.job)
    design = design_of(service, population.job, source)
    condition, params = frame_condition(design, source.files) or ("true", [])
    scan, scanned = scan_statement(source.files, [f"({condition}) AS included"], params)
    with service.parquet.cursor(source.files) as cursor:
        sql = f"SELECT t.ordinal FROM ({scan}) AS t WHERE t.included"
        found = cursor.execute(sql, scanned).fetchnumpy()
    drawable = np.zeros(source.files.file_rows, dtype=np.bool_)
    drawable[np.asarray(found["ordinal"], dtype=np.int64)] = True
    with service.database.read() as tx:
        declared = declared_key_of(tx, population.job.dataset_id, source)
    key = None
    if declared is not None and declared.duplicates == "refuse":
        key = RowKey(tuple(declared.columns), declared.duplicates)
    return _Frame(population, source, drawable, key)


def _rows_of_both(
    service: Service, frame: _Frame, table: OpenTable, drawable: Mask
) -> Int64s | None:
    """The ordinals in another version of the rows of a frame that are drawable there, too.

    None if it isn't known which rows of both versions are the same.
    """
    own, files = frame.source.files, table.files
    fewer = min(len(own.files), len(files.files))
    if fewer and own.files[:fewer] == files.files[:fewer]:
        rows = min(own.file_rows, files.file_rows)
        return np.flatnonzero(frame.drawable[:rows] & drawable[:rows])
    if frame.key is None:
        return None
    directory = service.directory.counts_dir
    within = replace(files, deletion_vector=np.flatnonzero(~drawable))
    with service.parquet.cursor(own) as before, service.parquet.cursor(files) as after:
        keyed = [
            KeyDigests(before, frame.table, frame.key, directory),
            KeyDigests(after, within, frame.key, directory),
        ]
        for each in keyed:
            each.require()
        return kept_rows(*keyed)


def _uncovered(service: Service, frames: Sequence[_Frame]) -> Uncovered:
    """The rows of the tables' largest versions that no sample covers."""
    rows, value, left = 0, 0.0, list(frames)
    while left:
        first = left[0].population
        own = [each for each in left if each.population.table == first.table]
        versions = [_version(service, each.population) for each in own]
        whole = max(versions, key=lambda each: each.files.row_count)
        live = np.ones(whole.files.file_rows, dtype=np.bool_)
        live[whole.files.deletion_vector] = False
        missed, same = live.copy(), []
        for each in own:
            covered = _rows_of_both(service, each, whole, live)
            if covered is not None:
                missed[covered] = False
                same.append(each)
        # A version whose rows aren't known to be the same is a table of its own.
        left = [each for each in left if all(each is not other for other in same)]
        if not same:
            break
        files = replace(whole.files, deletion_vector=np.flatnonzero(~missed))
        found, total = _figures(service, files, first.book_column)
        rows, value = rows + found, value + total
    return Uncovered(rows, value)


def _version(service: Service, each: SampledPopulation) -> OpenTable:
    """The version that a draw named, also without rows that it excluded."""
    key = each.job.run_parameters["table_key"]
    return open_table(service, each.job.dataset_id, version_of(each.job), key)


def _figures(service: Service, table: TableFiles, column_name: str) -> tuple[int, float]:
    """The rows whose book value isn't 0, and its sum."""
    column = table.column(column_name)
    where = (f"(f.{quote_identifier(column.name)} <> 0)", list[object]())
    figures = [Statistic("count"), Statistic("total", column)]
    with service.parquet.cursor(table) as cursor:
        known = true_values(cursor, table, figures, [], where) or {}
    rows, total = known.get((), [0, 0])
    return int(rows or 0), float(total or 0.0)


def uncovered_sentence(uncovered: Uncovered, places: int) -> Sentence:
    """A sentence on the rows that no sample covers."""
    return Sentence(
        "No sample covers {rows} {rows|row|rows} with a book value of {amount}.",
        rows=uncovered.rows,
        amount=FigureText(f"{uncovered.value:,.{places}f}"),
    )
