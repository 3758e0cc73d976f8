"""The profile of a table.

Owns: the order of work. Invariant: one column at a time, so memory doesn't grow with their number;
every column asked for is in the result, exact as far as the time budget lasts and estimated from
there on. Called by job handlers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import (
    ProgressCallback,
    ignore_progress,
    never_decreasing,
    progress_part,
)
from parquet_tables.tables import TableFiles
from profiling_engine.advice.alerts import column_alerts, table_alerts
from profiling_engine.columns.accuracy import Figure
from profiling_engine.columns.first_pass import Survey, stored_bytes, survey_column
from profiling_engine.columns.kinds import kind_of
from profiling_engine.columns.profile import ColumnProfile
from profiling_engine.columns.reader import ColumnReader
from profiling_engine.tables.profile import TableProfile
from profiling_engine.tables.reference_sample import SAMPLE_ROWS, choose_rows
from profiling_engine.tables.relations import count_repeated_rows
from profiling_engine.tables.statements import Budget, OutOfTime, Run

SURVEY_ENDS, COLUMNS_END = 0.1, 0.9
"""Of the whole progress."""


def profile_table(
    database: ParquetDatabase,
    table: TableFiles,
    columns: Sequence[str] = (),
    *,
    seed: int | str = 0,
    budget_s: float | None = None,
    on_progress: ProgressCallback = ignore_progress,
    clock: Callable[[], float] = time.monotonic,
) -> TableProfile:
    """Profile a table.

    Parameters
    ----------
    columns : sequence of str
        Those to profile; all when none is named.
    seed : int or str
        Of the sample of rows that estimates are made from.
    budget_s : float or None
        Seconds after which what is left is estimated, which takes some hundredths of a second a
        column; no limit when None. A table of up to 32,768 rows is always read whole.
    report : Report
        Takes the progress; what it raises ends the profile.
    clock : callable
        Seconds, for the budget.

    Returns
    -------
    TableProfile

    Raises
    ------
    UnknownColumn
        A column isn't there.
    """
    wanted = [kind_of(column) for column in table.select(tuple(columns))]
    seconds = budget_s if table.row_count > SAMPLE_ROWS else None
    on_progress = never_decreasing(on_progress)
    with database.cursor(table) as cursor:
        run = Run(cursor, table, Budget(seconds, clock))
        sample = choose_rows(table, seed)
        sample.register(cursor)
        readers = [ColumnReader(run, kind, sample) for kind in wanted]
        surveys = _surveys(run, readers, progress_part(on_progress, 0.0, SURVEY_ENDS))
        step = progress_part(on_progress, SURVEY_ENDS, COLUMNS_END)
        profiles, estimated = _profiles(run, readers, surveys, step)
        repeated = None
        if not columns:
            with run.step(
                progress_part(on_progress, COLUMNS_END, 1.0), "looking for duplicate rows"
            ):
                repeated = _repeated_rows(run, profiles)
    whole = TableProfile(table.row_count, tuple(profiles), seed, estimated, repeated)
    on_progress(1.0, "profiled")
    return replace(whole, alerts=table_alerts(whole))


def _surveys(
    run: Run, readers: Sequence[ColumnReader], on_progress: ProgressCallback
) -> list[Survey | None]:
    """A first look at every column, as far as the budget lasts."""
    surveys: list[Survey | None] = []
    try:
        with run.step(progress_part(on_progress, 0.0, 0.1), "reading the files' statistics"):
            stored = dict(run.fetch(stored_bytes(run.table))) if run.table.file_rows else {}
        for i, reader in enumerate(readers):
            step = progress_part(on_progress, i / len(readers), (i + 1) / len(readers))
            with run.step(step, f'a first look at column "{reader.kind.column.name}"'):
                surveys.append(survey_column(run, reader.kind, stored))
    except OutOfTime:
        surveys += [None] * (len(readers) - len(surveys))
    return surveys


def _profiles(
    run: Run,
    readers: Sequence[ColumnReader],
    surveys: Sequence[Survey | None],
    on_progress: ProgressCallback,
) -> tuple[list[ColumnProfile], tuple[str, ...]]:
    """The profile of every column, and the names of those that there was no time for."""
    profiles: list[ColumnProfile] = []
    estimated: list[str] = []
    for i, (reader, survey) in enumerate(zip(readers, surveys, strict=True)):
        name = reader.kind.column.name
        step = progress_part(on_progress, i / len(readers), (i + 1) / len(readers))
        with run.step(step, f'profiling column "{name}"'):
            profile, in_time = _read(run, reader, survey)
        profiles.append(replace(profile, alerts=column_alerts(profile)))
        estimated += [] if in_time else [name]
    return profiles, tuple(estimated)


def _read(run: Run, reader: ColumnReader, survey: Survey | None) -> tuple[ColumnProfile, bool]:
    """A column's profile, and whether there was time to read it whole."""
    if survey is not None:
        try:
            return reader.exactly(survey), True
        except OutOfTime:
            pass
    with run.without_budget():
        return reader.estimated(survey), False


def _repeated_rows(run: Run, profiles: Sequence[ColumnProfile]) -> Figure | None:
    """Rows beyond the first of their kind; a unique column without NULL proves that none is."""
    if any(column.unique and column.nulls.high == 0 for column in profiles):
        return Figure(0)
    try:
        return count_repeated_rows(run)
    except OutOfTime:
        return None
