"""Profile a table, one column at a time, so that memory doesn't grow with the number of columns.

Columns are exact, from their frequencies or rows, until the time budget is used up, and estimated
from a sample from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, sqrt
from typing import Any

from contract.fields import DEFAULT_CONFIDENCE
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import (
    MonotonicProgress,
    ProgressCallback,
    ignore_progress,
    progress_part,
)
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import rows_at
from parquet_tables.tables import TableFiles
from profiling_engine.advice import column_alerts, table_alerts
from profiling_engine.columns.distinct import (
    count_distinct,
    distinct_of_sample,
    groups_of_frequencies,
    is_unique,
    most_frequent,
    most_frequent_of_many,
    shown_value,
)
from profiling_engine.columns.kinds import ColumnKind, kind_of
from profiling_engine.columns.numbers import read_axis_profile
from profiling_engine.columns.passes import (
    DEFAULT_LIMITS,
    FREQUENCIES,
    SAMPLE_ROWS,
    SAMPLED,
    Budget,
    ColumnScan,
    FirstPass,
    OutOfTime,
    ProfileLimits,
    RowSample,
    Run,
    all_rows,
    choose_rows,
    read_first_pass,
    rows,
    rows_of,
    stored_bytes,
)
from profiling_engine.columns.profile import (
    Accuracy,
    ColumnProfile,
    Figure,
    KindFigures,
    TableProfile,
)
from profiling_engine.columns.texts import read_boolean, read_lengths, read_text


@dataclass(frozen=True)
class ColumnReader:
    """Profiles one column; ``sample`` is registered as the table ``picked``."""

    run: Run
    kind: ColumnKind
    sample: RowSample

    def exactly(self, first_pass: FirstPass) -> ColumnProfile:
        profile = self._by_frequencies if first_pass.by_frequencies else self._by_rows
        return profile(first_pass)

    def _by_frequencies(self, first_pass: FirstPass) -> ColumnProfile:
        source = all_rows(self.run.table, self.kind)
        counted, params = source.select(f"v, {source.rows} AS n", " GROUP BY v")
        self.run.fetch((f"CREATE OR REPLACE TEMP TABLE frequencies AS {counted}", params))
        scan = ColumnScan(self.run, self.kind, FREQUENCIES)
        distinct, groups = groups_of_frequencies(scan)
        is_exact = self.kind.kind != "text" or distinct <= self.run.limits.texts
        detail = scan if is_exact else self._sampled()
        return self._profile(
            nulls=Figure(self.run.table.row_count - first_pass.values),
            distinct=Figure(distinct),
            unique=distinct == first_pass.values if first_pass.values else None,
            most_frequent=most_frequent(scan, first_pass.values),
            groups=groups,
            **self._of_kind(scan, detail, first_pass),
        )

    def _by_rows(self, first_pass: FirstPass) -> ColumnProfile:
        scan = ColumnScan(self.run, self.kind, all_rows(self.run.table, self.kind))
        parts = self._of_kind(scan, self._sampled(), first_pass)
        moment = parts.get("moment")
        all_finite = moment is None or moment.infinite.value == 0
        distinct = count_distinct(scan, first_pass, all_finite=all_finite)
        unique = is_unique(scan, distinct, first_pass.values)
        return self._profile(
            nulls=Figure(self.run.table.row_count - first_pass.values),
            distinct=Figure(first_pass.values) if unique else distinct,
            unique=unique,
            most_frequent=most_frequent_of_many(scan, first_pass.values),
            **parts,
        )

    def estimated(self, first_pass: FirstPass | None) -> ColumnProfile:
        """Profile a sample, with the exact figures of the first pass if there was one."""
        scan = self._sampled()
        totals = scan.measure({"nulls": rows("v IS NULL")})
        values = totals.rows - totals.values["nulls"]
        row_count = self.run.table.row_count
        nulls = Figure(row_count - first_pass.values) if first_pass else totals.count("nulls")
        distinct = distinct_of_sample(scan, first_pass, values, nulls)
        return self._profile(
            nulls=nulls,
            distinct=distinct,
            unique=None,
            most_frequent=most_frequent(scan, values),
            **self._of_kind(scan, scan, first_pass),
        )

    def _sampled(self) -> ColumnScan:
        sampled, params = rows_at(
            self.run.table, f"{self.kind.value_sql()} AS v", self.sample.row_set, ["block"]
        )
        self.run.fetch((f"CREATE OR REPLACE TEMP TABLE sampled AS {sampled}", params))
        return ColumnScan(self.run, self.kind, SAMPLED, self.sample.size)

    def _of_kind(
        self, scan: ColumnScan, detail: ColumnScan, first_pass: FirstPass | None
    ) -> KindFigures:
        kind = self.kind.kind
        if kind in ("number", "moment"):
            return read_axis_profile(scan, first_pass)
        if kind == "boolean":
            return {"boolean": read_boolean(scan)}
        if kind == "binary":
            return {"lengths": read_lengths(scan)}
        figures: KindFigures = {"text": read_text(scan, detail)}
        if first_pass:
            figures["minimum"] = Figure(shown_value(first_pass.low))
            figures["maximum"] = Figure(shown_value(first_pass.high))
        return figures

    def _profile(self, **parts: Any) -> ColumnProfile:
        column = self.kind.column
        return ColumnProfile(
            name=column.name,
            type=column.type,
            kind=self.kind.kind,
            rows=self.run.table.row_count,
            **parts,
        )


FIRST_PASS_END, COLUMNS_END = 0.1, 0.9


def profile_table(
    database: ParquetDatabase,
    table: TableFiles,
    columns: Sequence[str] = (),
    *,
    seed: int | str = 0,
    budget_s: float | None = None,
    on_progress: ProgressCallback = ignore_progress,
    clock: Callable[[], float] = time.monotonic,
    limits: ProfileLimits = DEFAULT_LIMITS,
) -> TableProfile:
    """Profile a table.

    Parameters
    ----------
    columns : sequence of str
        The columns to profile; empty for all.
    seed : int or str
        Chooses the sample of rows for estimates.
    budget_s : float or None
        The seconds after which the remaining columns are estimated. A table of up to 32,768 rows is
        always read whole.
    on_progress : callable
        Its exceptions end the profile.

    Raises
    ------
    UnknownColumn
        A column doesn't exist.
    """
    wanted = [kind_of(column) for column in table.select(tuple(columns))]
    seconds = budget_s if table.row_count > SAMPLE_ROWS else None
    on_progress = MonotonicProgress(on_progress)
    with database.cursor(table) as cursor:
        run = Run(cursor, table, Budget(seconds, clock), limits=limits)
        sample = choose_rows(table, seed)
        sample.register(cursor)
        readers = [ColumnReader(run, kind, sample) for kind in wanted]
        first_passes = _first_passes(run, readers, progress_part(on_progress, 0.0, FIRST_PASS_END))
        step = progress_part(on_progress, FIRST_PASS_END, COLUMNS_END)
        profiles, estimated = _profiles(run, readers, first_passes, step)
        repeated = None
        if not columns:
            with run.step(progress_part(on_progress, COLUMNS_END, 1.0), "counting repeated rows"):
                repeated = _repeated_rows(run, profiles)
    whole = TableProfile(table.row_count, tuple(profiles), seed, estimated, repeated)
    on_progress(1.0, "profiled")
    return replace(whole, alerts=table_alerts(whole))


def _first_passes(
    run: Run, readers: Sequence[ColumnReader], on_progress: ProgressCallback
) -> list[FirstPass | None]:
    """The first pass over every column; None from the end of the budget on."""
    first_passes: list[FirstPass | None] = []
    try:
        with run.step(progress_part(on_progress, 0.0, 0.1), "reading the files' statistics"):
            stored = dict(run.fetch(stored_bytes(run.table))) if run.table.file_rows else {}
        for i, reader in enumerate(readers):
            step = progress_part(on_progress, i / len(readers), (i + 1) / len(readers))
            with run.step(step, f'reading statistics of column "{reader.kind.column.name}"'):
                first_passes.append(read_first_pass(run, reader.kind, stored))
    except OutOfTime:
        first_passes += [None] * (len(readers) - len(first_passes))
    return first_passes


def _profiles(
    run: Run,
    readers: Sequence[ColumnReader],
    first_passes: Sequence[FirstPass | None],
    on_progress: ProgressCallback,
) -> tuple[list[ColumnProfile], tuple[str, ...]]:
    profiles: list[ColumnProfile] = []
    estimated: list[str] = []
    for i, (reader, first_pass) in enumerate(zip(readers, first_passes, strict=True)):
        name = reader.kind.column.name
        step = progress_part(on_progress, i / len(readers), (i + 1) / len(readers))
        with run.step(step, f'profiling column "{name}"'):
            profile, in_time = _read(run, reader, first_pass)
        profiles.append(replace(profile, alerts=column_alerts(profile)))
        estimated += [] if in_time else [name]
    return profiles, tuple(estimated)


def _read(
    run: Run, reader: ColumnReader, first_pass: FirstPass | None
) -> tuple[ColumnProfile, bool]:
    if first_pass is not None:
        try:
            return reader.exactly(first_pass), True
        except OutOfTime:
            pass
    with run.unlimited():
        return reader.estimated(first_pass), False


def _repeated_rows(run: Run, profiles: Sequence[ColumnProfile]) -> Figure | None:
    """The repeated rows; a unique column without NULL proves that there are none."""
    if any(column.unique and column.nulls.high == 0 for column in profiles):
        return Figure(0)
    try:
        return count_repeated_rows(run)
    except OutOfTime:
        return None


NORMAL = 1.96
MAX_IF_NONE_FOUND = 3.0
"""The upper bound at 95 % confidence if none was found."""


def count_repeated_rows(run: Run) -> Figure:
    """Count the repeated rows by their hashes; of large tables by one in ``part`` hashes."""
    rows, limits, columns = run.table.row_count, run.limits, run.table.columns
    part = -(-rows // limits.sampled_hashes) if rows > limits.row_hashes else 1
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in columns)
    hashes, params = rows_of(run.table, columns, f"hash({names}) AS h")
    among = f" WHERE h % {part} = 0" if part > 1 else ""
    sql = (
        "SELECT coalesce(sum(n - 1), 0), coalesce(sum((n - 1) * (n - 1)), 0) FROM ("
        f"SELECT count(*) AS n FROM ({hashes}){among} GROUP BY h HAVING count(*) > 1)"
    )
    ((found, squares),) = run.fetch((sql, params))
    if part == 1:
        if not found:
            return Figure(0)
        # The probability that two of 1,000,000 distinct rows share a hash is 1 in 37 million.
        accuracy = Accuracy("approximate", "64-bit hashes of whole rows", found, found, 0.999999)
        return Figure(int(found), accuracy)
    method = f"hashes of whole rows, one in {part} of them"
    value = int(found) * part
    if not found:
        return Figure(
            0,
            Accuracy("approximate", method, 0, ceil(MAX_IF_NONE_FOUND * part), DEFAULT_CONFIDENCE),
        )
    # Each hash of repeated rows is counted with probability 1/part, independently of the others.
    half = NORMAL * part * sqrt(int(squares) * (1 - 1 / part))
    low, high = max(round(value - half), int(found)), min(round(value + half), rows - 1)
    return Figure(value, Accuracy("approximate", method, low, high, DEFAULT_CONFIDENCE))
