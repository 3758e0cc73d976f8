"""The representativeness check of a job: its sample compared with its population.

The cost is bounded: a large population is read by its reference, and the time is limited. Runs in
the background. docs/COMPARISON.md defines the figures.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job_runner.attempt import TimedOut
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import TableFiles
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import Structure, TableComparison, compare_tables
from sampling_engine import Reference, reference_of
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import SAMPLE, open_source, open_table, output_of
from service.tables.sample_weights import (
    CountedRounds,
    counted_rounds,
    sample_columns,
    strata_reached,
    weighted_sample,
)
from storage.jobs.jobs import Job

LIMIT_S = 60.0
BASE_READ, SAMPLE_READ, COMPARED = 0.5, 0.6, 0.9
"""Shares of the progress."""
BRIEF_NAMES = 20


def compare_sample(service: Service, job: Job, on_progress: ProgressCallback) -> dict[str, Any]:
    """Compare the sample of a completed job with its population, as JSON.

    Raises
    ------
    Pruned, DamagedData
        The source or the sample was removed or is damaged.
    TimedOut
        The population couldn't be read within a minute.
    """
    summary = job.output_summary or {}
    source = open_source(service, job).files
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    counted = counted_rounds(recorded_rounds(job.run_parameters, source), summary["rounds"])
    database = service.parquet_of("long")
    comparison = _Comparison(
        service, database, source, sample, counted, time.monotonic() + LIMIT_S, on_progress
    )
    strata = strata_reached(database, sample, summary["rounds"])
    return {**comparison.as_json(), "job_id": job.id, "strata": strata}


def brief_comparison(full: dict[str, Any]) -> dict[str, Any]:
    """The fields of a comparison in the job's summary."""
    strata = full["strata"]
    reached = sum(round_strata["reached"] for round_strata in strata)
    total = sum(round_strata["strata"] for round_strata in strata)
    filtered = full["filtered"] or {"verdict": None, "stand_out": []}
    return {
        "verdict": full["verdict"],
        "outcome": full["outcome"],
        "outcome_label": full["outcome_label"],
        "minimum_detectable_difference": full["minimum_detectable_difference"],
        "alike": full["alike"],
        "stand_out": full["stand_out"][:BRIEF_NAMES],
        "strata_covered": reached if strata else None,
        "strata_missing": total - reached if strata else None,
        "filter_verdict": filtered["verdict"],
        "filter_stand_out": filtered["stand_out"][:BRIEF_NAMES],
    }


@dataclass(frozen=True)
class _Comparison:
    """One comparison; columns after the ``deadline`` are not compared."""

    service: Service
    database: ParquetDatabase
    source: TableFiles
    sample: TableFiles
    counted: CountedRounds
    deadline: float
    on_progress: ProgressCallback

    def as_json(self) -> dict[str, Any]:
        if not self.sample.row_count:
            return _not_compared("No row was drawn, so there is nothing to compare.")
        columns = sample_columns(self.source, self.counted)
        lacking = ", ".join(columns.lacking(self.counted.filter_columns))
        if lacking:
            return _not_compared(
                f"Not compared: rounds have different filters, and the sample lacks {lacking}."
            )
        base = self._reference(self.counted)
        with tempfile.TemporaryDirectory(dir=self.service.directory.scratch_dir) as folder:
            other = weighted_sample(
                self.database,
                self.sample,
                columns,
                self.counted,
                Path(folder) / "compared.parquet",
                progress_part(self._limited, BASE_READ, SAMPLE_READ),
            )
            size = math.inf if base.is_whole else float(base.table.row_count)
            population = ComparedTable(base.table, size, rows=base.rows)
            compared = self._compare(population, replace(other, drawn_from_base=True))
        filtered = self._filtered(base)
        found = compared.as_json()
        somewhere = [shown.column.name for shown in columns.somewhere]
        effective_size = round(compared.effective_size, 1)
        return {
            **found,
            "verdict": f"{found['verdict']} {filtered['verdict'] if filtered else ''}".strip(),
            "not_compared": [*found["not_compared"], *somewhere],
            "only_in_base": [name for name in found["only_in_base"] if name not in somewhere],
            "base": {
                "rows": base.rows,
                "rows_read": base.table.row_count,
                "of_rows": self.source.row_count,
                "filter": self.counted.population and self.counted.population.text,
            },
            "other": {
                "rows": self.sample.row_count,
                "rows_read": other.table.row_count,
                "effective_sample_size": effective_size,
                "counts_for": effective_size,
            },
            "assumptions": self._assumptions(base, other),
            "filtered": filtered,
        }

    def _is_over(self) -> bool:
        return time.monotonic() > self.deadline

    def _limited(self, fraction: float, message: str) -> None:
        """Report progress; raises TimedOut at the time limit."""
        if self._is_over():
            raise TimedOut("The comparison took longer than {limit} seconds.", limit=round(LIMIT_S))
        self.on_progress(fraction, message)

    def _reference(self, counted: CountedRounds | None) -> Reference:
        """The reference of the population; of the whole table for None."""
        return reference_of(
            self.database,
            self.source,
            None if counted is None else counted.population,
            counts_dir=self.service.directory.counts_dir,
            on_progress=progress_part(self._limited, 0.0, BASE_READ),
        )

    def _compare(self, base: ComparedTable, other: ComparedTable) -> TableComparison:
        return compare_tables(
            self.database,
            base,
            other,
            purpose="sample",
            on_progress=progress_part(self.on_progress, SAMPLE_READ, COMPARED),
            is_over=self._is_over,
        )

    def _filtered(self, base: Reference) -> dict[str, Any] | None:
        """Compare the rows that pass the filter with the whole table; None without a filter."""
        if self.counted.population is None or not base.rows or self._is_over():
            return None
        whole, passing = (
            ComparedTable(reference.table, float(reference.table.row_count), rows=reference.rows)
            for reference in (self._reference(None), base)
        )
        compared = self._compare(whole, replace(passing, drawn_from_base=True))
        found = compared.as_json()
        return {
            "verdict": _filter_sentence(compared, base.rows, self.source.row_count),
            "stand_out": found["stand_out"],
            "columns": [column for column in found["columns"] if column["is_significant"]],
            "rows": base.rows,
            "of_rows": self.source.row_count,
        }

    def _assumptions(self, base: Reference, other: ComparedTable) -> list[str]:
        """The assumptions of the check, a sentence each."""
        counted = self.counted
        rounds = [spec.round_number for spec in counted.rounds]
        uncounted = [number for number in rounds if number not in counted.shares]
        notes = ["Each row counts by its design weight."]
        if not base.is_whole:
            notes.insert(
                0,
                f"{base.table.row_count:,} of the population's {base.rows:,} rows were read, drawn "
                "by a fixed seed; the tests allow for that.",
            )
        if len(rounds) > 1:
            notes.append(
                "A round drew from the rows that earlier rounds left: its own rows count by their "
                "weights, those of earlier rounds once each."
            )
        if len(counted.filters) > 1:
            population = (
                "the whole table"
                if counted.population is None
                else "the rows that pass any of them"
            )
            notes.append(
                "Rounds have different filters: a row counts in those whose filter it passes. The "
                f"population is {population}."
            )
        if uncounted:
            notes.append(
                f"Round {', '.join(map(str, uncounted))} reached only some of its strata, or drew "
                "no row: its rows count only in later rounds that could have drawn them."
            )
        of_methods = [spec.method.comparison_note for spec in counted.rounds]
        notes.extend(note for note in dict.fromkeys(of_methods) if note)
        if other.table.row_count < self.sample.row_count and not uncounted:
            notes.append(
                f"About {other.table.row_count:,} rows of the sample were read, chosen at random."
            )
        return notes


def _filter_sentence(compared: TableComparison, rows: int, of_rows: int) -> str:
    """The difference of the rows that pass the filter from the whole table, in words."""
    passed = f"The population is the {rows:,} of {of_rows:,} rows that pass the filter"
    significant = compared.significant
    if not significant:
        return f"{passed}; no column of theirs differs significantly from the whole table."
    worst = max(significant, key=lambda column: column.distance.distance)
    names = ", ".join(column.name for column in significant[:5])
    more = " and others" if len(significant) > 5 else ""
    return f"{passed}. They differ from the whole table in {names}{more}. {worst.sentence}"


def _not_compared(verdict: str) -> dict[str, Any]:
    """The JSON of a comparison that wasn't possible."""
    nothing = TableComparison("sample", (), (), Structure(None, None), math.inf).as_json()
    absent: dict[str, Any] = {"base": None, "other": None, "assumptions": [], "filtered": None}
    return {**nothing, "verdict": verdict, **absent}
