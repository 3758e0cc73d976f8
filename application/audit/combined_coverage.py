"""Which rows of their tables several samples cover: none twice, and which not at all.

Rows of two versions of a table are the same where the data files of one version are the first ones
of the other, as after an append, or else by the declared row key. The table ``marked`` of an audit
test has the rows of the tested table. A row whose book value is another
in the larger version isn't covered: the sample was drawn from its former value.
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
from parquet_tables.row_keys.kept import kept_pairs
from parquet_tables.rows import scan_statement
from parquet_tables.tables import Int64s, TableFiles
from profiling_engine.audit_tests.answers import MARKED
from service.service import Service
from service.tables.chosen_keys import declared_key_of
from service.tables.open_tables import OpenTable, open_source, open_table, version_of
from service.tables.sample_design import design_of
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.publishing import job_with_output

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SampledPopulation:
    """The population of a sample, and the column of its book values."""

    job: JobRecord
    book_column: str

    @property
    def name(self) -> str:
        """The name of the sample, or the first digits of its job."""
        return self.job.shown_name


@dataclass(frozen=True)
class Uncovered:
    """Rows with a book value that isn't 0, which no sample covers, and the sum of these values.

    Parameters
    ----------
    gross : float
        The sum without signs.
    changed : int
        Rows in a sample's population whose book value is another now, also if it is 0 now.
    missing : int
        Further rows without a book value.
    """

    rows: int
    value: float
    gross: float
    changed: int
    missing: int


@dataclass(frozen=True)
class Coverage:
    """What samples cover together.

    Parameters
    ----------
    unchecked : sequence of str
        Sentences on pairs of samples of which it isn't known whether they share rows, and on rows
        without a book value.
    """

    uncovered: Uncovered
    unchecked: Sequence[str]


@dataclass(frozen=True)
class _Frame:
    """The rows that a sample could draw, as a mask over the rows of its table's files.

    ``version`` is the version that its draw named, also without the rows that it excluded. Of a
    sample of ``marked`` both tables are the tested one.
    """

    population: SampledPopulation
    source: OpenTable
    version: OpenTable
    drawable: Mask
    key: RowKey | None

    @property
    def table(self) -> tuple[int, str]:
        """Its dataset and table."""
        return self.population.job.dataset_id, self.version.key

    @property
    def rows(self) -> TableFiles:
        """The table of these rows alone."""
        return replace(self.source.files, deletion_vector=np.flatnonzero(~self.drawable))


def coverage_of(service: Service, populations: Sequence[SampledPopulation]) -> Coverage:
    """Check that no row is in two populations, and sum what is in none.

    Raises
    ------
    InvalidFindings
        Two samples could draw the same row, or have other book values of one table.
    """
    frames = [_frame(service, each) for each in populations]
    _require_one_column(frames)
    unchecked: list[str] = []
    for first, second in combinations(frames, 2):
        names = {"first": first.population.name, "second": second.population.name}
        shared = None
        if first.table == second.table:
            shared = _rows_of_both(service, first, second.source, second.drawable)
        if shared is None:
            text = (
                "Not checked: whether samples {first} and {second} have rows in common, as their "
                "tables share neither data files nor a row key."
            )
            unchecked.append(Sentence(text, **names))
        elif len(shared[0]):
            raise InvalidFindings(
                "{rows} {rows|row|rows} could be drawn by sample {first} and by sample {second}. "
                "Samples that are evaluated together need populations without a common row: draw "
                "them with filters that exclude each other.",
                rows=len(shared[0]),
                loc=("body", "jobs"),
                **names,
            )
    uncovered = _uncovered(service, frames)
    if uncovered.missing:
        text = "No sample covers {rows} {rows|row|rows} without a book value."
        unchecked.append(Sentence(text, rows=uncovered.missing))
    return Coverage(uncovered, unchecked)


def _require_one_column(frames: Sequence[_Frame]) -> None:
    columns: dict[tuple[int, str], str] = {}
    for each in frames:
        column = columns.setdefault(each.table, each.population.book_column)
        if column != each.population.book_column:
            raise InvalidFindings(
                'Samples of one table have different book values, "{first}" and "{second}": choose '
                "one with `book_column`, which evaluates them as `variables`.",
                first=column,
                second=each.population.book_column,
                loc=("body", "book_column"),
            )


def _frame(service: Service, population: SampledPopulation) -> _Frame:
    source = open_source(service, population.job)
    design = design_of(service, population.job, source)
    condition, params = frame_condition(design.rounds, source.files) or ("true", [])
    scan, scanned = scan_statement(source.files, [f"({condition}) AS included"], params)
    with service.parquet.cursor(source.files) as cursor:
        sql = f"SELECT t.ordinal FROM ({scan}) AS t WHERE t.included"
        found = cursor.execute(sql, scanned).fetchnumpy()
    drawable = np.zeros(source.files.file_rows, dtype=np.bool_)
    drawable[np.asarray(found["ordinal"], dtype=np.int64)] = True
    version = _version(service, population)
    while tested := _tested_table(service, population.job.dataset_id, version):
        live = _live(tested.files)
        source, version, of_copy = tested, tested, drawable
        drawable = np.zeros(tested.files.file_rows, dtype=np.bool_)
        drawable[np.flatnonzero(live)[of_copy]] = True
    with service.database.read() as tx:
        declared = declared_key_of(tx, population.job.dataset_id, source)
    key = None
    if declared is not None and declared.duplicates == "refuse":
        key = RowKey(tuple(declared.columns), declared.duplicates)
    return _Frame(population, source, version, drawable, key)


def _tested_table(service: Service, dataset_id: int, table: OpenTable) -> OpenTable | None:
    """The table whose rows a table ``marked`` has, in their order; None of other tables."""
    if table.key != MARKED:
        return None
    with service.database.read() as tx:
        test = job_with_output(tx, dataset_id, table.commit_id)
    if test is None or test.kind is not AUDIT_TEST or test.source_commit_id is None:
        return None
    return open_source(service, test)


def _live(table: TableFiles) -> Mask:
    """The rows that aren't deleted, as a mask over the rows of a table's files."""
    live = np.ones(table.file_rows, dtype=np.bool_)
    live[table.deletion_vector] = False
    return live


def _rows_of_both(
    service: Service, frame: _Frame, table: OpenTable, drawable: Mask
) -> tuple[Int64s, Int64s] | None:
    """The rows of a frame that are drawable in another version, too: the ordinals in both.

    None if it isn't known which rows of both versions are the same.
    """
    own, files = frame.source.files, table.files
    fewer = min(len(own.files), len(files.files))
    if fewer and own.files[:fewer] == files.files[:fewer]:
        rows = min(own.file_rows, files.file_rows)
        same = np.flatnonzero(frame.drawable[:rows] & drawable[:rows])
        return same, same
    if frame.key is None:
        return None
    directory = service.directory.counts_dir
    within = replace(files, deletion_vector=np.flatnonzero(~drawable))
    with service.parquet.cursor(own) as before, service.parquet.cursor(files) as after:
        keyed = [
            KeyDigests(before, frame.rows, frame.key, directory),
            KeyDigests(after, within, frame.key, directory),
        ]
        for each in keyed:
            each.require()
        first, second = zip(*kept_pairs(*keyed), strict=True)
        return np.concatenate(first), np.concatenate(second)


def _unchanged(
    service: Service, frame: _Frame, table: OpenTable, rows: tuple[Int64s, Int64s]
) -> NDArray[np.bool_]:
    """Of rows of both versions, those with the same book value."""
    before, after = (
        _book_values(service, files, frame.population.book_column)[ordinals]
        for files, ordinals in zip((frame.source.files, table.files), rows, strict=True)
    )
    return np.asarray(before == after)


def _book_values(service: Service, table: TableFiles, column_name: str) -> NDArray[np.float64]:
    """The book value of each row of the files; 0 where it is missing."""
    cell = f"f.{quote_identifier(table.column(column_name).name)}"
    scan, params = scan_statement(table, [f"coalesce(TRY_CAST({cell} AS DOUBLE), 0) AS book"])
    with service.parquet.cursor(table) as cursor:
        found = cursor.execute(f"SELECT t.ordinal, t.book FROM ({scan}) AS t", params).fetchnumpy()
    values = np.zeros(table.file_rows)
    values[np.asarray(found["ordinal"], dtype=np.int64)] = found["book"]
    return values


def _uncovered(service: Service, frames: Sequence[_Frame]) -> Uncovered:
    """The rows of the tables' largest versions that no sample covers."""
    total, left = Uncovered(0, 0.0, 0.0, 0, 0), list(frames)
    while left:
        first = left[0]
        own = [each for each in left if each.table == first.table]
        whole = max((each.version for each in own), key=lambda each: each.files.row_count)
        live = _live(whole.files)
        missed, same, changed = live.copy(), [], 0
        for each in own:
            covered = _rows_of_both(service, each, whole, live)
            if covered is None:
                continue
            same.append(each)
            unchanged = np.ones(len(covered[1]), dtype=np.bool_)
            if covered[0] is not covered[1]:
                unchanged = _unchanged(service, each, whole, covered)
                changed += int(np.count_nonzero(~unchanged))
            missed[covered[1][unchanged]] = False
        # A version whose rows aren't known to be the same is a table of its own.
        left = [each for each in left if all(each is not other for other in same)]
        if not same:
            break
        files = replace(whole.files, deletion_vector=np.flatnonzero(~missed))
        found = _figures(service, files, first.population.book_column)
        total = Uncovered(
            total.rows + found.rows,
            total.value + found.value,
            total.gross + found.gross,
            total.changed + changed,
            total.missing + found.missing,
        )
    return total


def _version(service: Service, each: SampledPopulation) -> OpenTable:
    """The version that a draw named, also without rows that it excluded."""
    key = each.job.run_parameters["table_key"]
    return open_table(service, each.job.dataset_id, version_of(each.job), key)


def _figures(service: Service, table: TableFiles, column_name: str) -> Uncovered:
    """The rows of a table by their book value."""
    column = table.column(column_name)
    cell = f"f.{quote_identifier(column.name)}"
    figures = [Statistic("count"), Statistic("total", column)]
    with service.parquet.cursor(table) as cursor:
        (above, plus), (below, minus), (missing, _) = (
            (true_values(cursor, table, figures, [], (f"({cell} {test})", [])) or {}).get(
                (), [0, 0]
            )
            for test in ("> 0", "< 0", "IS NULL")
        )
    plus, minus = float(plus or 0.0), float(minus or 0.0)
    rows = int(above or 0) + int(below or 0)
    return Uncovered(rows, plus + minus, plus - minus, 0, int(missing or 0))


def uncovered_sentence(uncovered: Uncovered, places: int) -> Sentence | None:
    """Sentences on the rows that no sample covers; None if all are covered."""
    sentences = []
    if uncovered.rows:
        sentences.append(
            Sentence(
                "No sample covers {rows} {rows|row|rows} with a book value of {amount}.",
                rows=uncovered.rows,
                amount=FigureText(f"{uncovered.value:,.{places}f}"),
            )
        )
    if f"{uncovered.gross:.{places}f}" != f"{abs(uncovered.value):.{places}f}":
        text = "The sum of these book values without their signs is {amount}."
        amount = FigureText(f"{uncovered.gross:,.{places}f}")
        sentences.append(Sentence(text, amount=amount))
    if uncovered.changed:
        text = (
            "The book value of {rows} {rows|row|rows} in the population of a sample is another "
            "in a larger version of the table: the sample has the former one and doesn't cover "
            "the present one."
        )
        sentences.append(Sentence(text, rows=uncovered.changed))
    return Sentence.joined(sentences) if sentences else None
