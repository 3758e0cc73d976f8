"""The representativeness check of a job: its sample compared with its population.

The cost is bounded: a large population is read by its reference, and the time is limited. Runs in
the background. docs/COMPARISON.md defines the figures.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job_runner.attempt import TimedOut
from job_runner.sampling_parameters import recorded_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_table, output_of, source_of
from job_runner.tables.sample_weights import (
    CountedRounds,
    StrataReached,
    counted_rounds,
    sample_columns,
    strata_reached,
    weighted_sample,
)
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import TableFiles
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import compare_tables
from profiling_engine.comparison.result import TableComparison
from profiling_engine.comparison.verdict import LABELS, Purpose
from sampling_engine import Reference, reference_of
from storage.jobs.jobs import Job


def assumptions(
    counted: CountedRounds, base: Reference, other: ComparedTable, sample: TableFiles
) -> list[str]:
    """The assumptions of the check, a sentence each."""
    rounds = [spec.round_number for spec in counted.rounds]
    uncounted = [number for number in rounds if number not in counted.shares]
    of_methods = [one.method.comparison_note for one in counted.rounds]
    notes = [
        (
            not base.is_whole,
            f"{base.table.row_count:,} of the population's {base.rows:,} rows were read, drawn by "
            "a fixed seed; the tests allow for that.",
        ),
        (True, "Each row counts by its design weight."),
        (
            len(rounds) > 1,
            "A round drew from the rows that earlier rounds left: its own rows count by their "
            "weights, those of earlier rounds once each.",
        ),
        (
            len(counted.filters) > 1,
            "Rounds have different filters: a row counts in those whose filter it passes. The "
            + (
                "population is the whole table."
                if counted.population is None
                else "population is the rows that pass any of them."
            ),
        ),
        (
            bool(uncounted),
            f"Round {', '.join(map(str, uncounted))} reached only some of its strata, or drew no "
            "row: its rows count only in later rounds that could have drawn them.",
        ),
        *((True, note) for note in dict.fromkeys(of_methods) if note),
        (
            other.table.row_count < sample.row_count and not uncounted,
            f"About {other.table.row_count:,} rows of the sample were read, chosen at random.",
        ),
    ]
    return [sentence for holds, sentence in notes if holds]


def filter_sentence(compared: TableComparison, rows: int, of_rows: int) -> str:
    """The difference of the rows that pass the filter from the whole table, in words."""
    passed = f"The population is the {rows:,} of {of_rows:,} rows that pass the filter"
    significant = compared.significant
    if not significant:
        return f"{passed}; no column of theirs differs significantly from the whole table."
    worst = max(significant, key=lambda column: column.distance.distance)
    names = ", ".join(column.name for column in significant[:5])
    more = " and others" if len(significant) > 5 else ""
    return f"{passed}. They differ from the whole table in {names}{more}. {worst.sentence}"


LIMIT_S = 60.0
BASE_READ, SAMPLE_READ, COMPARED = 0.5, 0.6, 0.9
"""Shares of the progress."""
BRIEF_NAMES = 20


@dataclass(frozen=True)
class SampleComparison:
    """A job's comparison, in full and as in the job's summary."""

    full: dict[str, Any]

    @property
    def brief(self) -> dict[str, Any]:
        """The fields of the job's summary."""
        strata = self.full["strata"]
        reached = sum(round_strata["reached"] for round_strata in strata) if strata else None
        total = sum(round_strata["strata"] for round_strata in strata or ())
        filtered = self.full["filtered"] or {"verdict": None, "stand_out": []}
        return {
            "verdict": self.full["verdict"],
            "outcome": self.full["outcome"],
            "outcome_label": self.full["outcome_label"],
            "minimum_detectable_difference": self.full["minimum_detectable_difference"],
            "alike": self.full["alike"],
            "stand_out": self.full["stand_out"][:BRIEF_NAMES],
            "strata_covered": reached,
            "strata_missing": total - reached if strata else None,
            "filter_verdict": filtered["verdict"],
            "filter_stand_out": filtered["stand_out"][:BRIEF_NAMES],
        }


def compare_sample(service: Service, job: Job, on_progress: ProgressCallback) -> SampleComparison:
    """Compare the sample of a completed job with its population.

    Raises
    ------
    Pruned, DamagedData
        The source or the sample was removed or is damaged.
    TimedOut
        The population couldn't be read within a minute.
    """
    source = open_table(
        service, job.dataset_id, source_of(job), job.run_parameters["table_key"]
    ).files
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    summary = job.output_summary or {}
    rounds = recorded_rounds(job.run_parameters, source)
    counted = counted_rounds(rounds, summary["rounds"])
    deadline = time.monotonic() + LIMIT_S
    comparison = _Comparison(service, service.parquet_of("long"), source, deadline, on_progress)
    strata = strata_reached(comparison.database, sample, summary["rounds"])
    return SampleComparison(_comparison_json(comparison, sample, counted, strata, job))


@dataclass(frozen=True)
class _Comparison:
    """The state of one comparison."""

    service: Service
    database: ParquetDatabase
    source: TableFiles
    deadline: float
    on_progress: ProgressCallback

    def is_over(self) -> bool:
        """Whether the time limit is reached."""
        return time.monotonic() > self.deadline

    def limited(self, fraction: float, message: str) -> None:
        """Report progress; raises TimedOut at the time limit."""
        if self.is_over():
            raise TimedOut(f"The comparison took longer than {LIMIT_S:.0f} seconds.")
        self.on_progress(fraction, message)

    def reference(self, counted: CountedRounds | None) -> Reference:
        """The reference of the population; of the whole table for None."""
        return reference_of(
            self.database,
            self.source,
            None if counted is None else counted.population,
            counts_dir=self.service.directory.counts_dir,
            on_progress=progress_part(self.limited, 0.0, BASE_READ),
        )

    def compare(
        self, base: ComparedTable, other: ComparedTable, purpose: Purpose
    ) -> TableComparison:
        """Compare two tables; columns after the time limit are not compared."""
        return compare_tables(
            self.database,
            base,
            other,
            purpose=purpose,
            on_progress=progress_part(self.on_progress, SAMPLE_READ, COMPARED),
            is_over=self.is_over,
        )


def _comparison_json(
    comparison: _Comparison,
    sample: TableFiles,
    counted: CountedRounds,
    strata: list[StrataReached],
    job: Job,
) -> dict[str, Any]:
    strata_json = [reached.as_json() for reached in strata]
    if not sample.row_count:
        verdict = "No row was drawn, so there is nothing to compare."
        return {**_not_compared(verdict), "job_id": job.id, "strata": strata_json}
    columns = sample_columns(comparison.source, counted)
    lacking = columns.lacking(counted.filter_columns)
    if lacking:
        names = ", ".join(lacking)
        verdict = f"Not compared: rounds have different filters, and the sample lacks {names}."
        return {**_not_compared(verdict), "job_id": job.id, "strata": strata_json}
    base = comparison.reference(counted)
    with tempfile.TemporaryDirectory(dir=comparison.service.directory.scratch_dir) as folder:
        on_progress = progress_part(comparison.limited, BASE_READ, SAMPLE_READ)
        path = Path(folder) / "compared.parquet"
        other = weighted_sample(comparison.database, sample, columns, counted, path, on_progress)
        size = math.inf if base.is_whole else float(base.table.row_count)
        population = ComparedTable(base.table, size, rows=base.rows)
        compared = comparison.compare(population, replace(other, drawn_from_base=True), "sample")
    filtered = _filtered(comparison, base, counted)
    found = compared.as_json()
    somewhere = [shown.column.name for shown in columns.somewhere]
    return {
        **found,
        "job_id": job.id,
        "verdict": " ".join([found["verdict"], *([filtered["verdict"]] if filtered else [])]),
        "not_compared": [*found["not_compared"], *somewhere],
        "only_in_base": [name for name in found["only_in_base"] if name not in somewhere],
        "base": {
            "rows": base.rows,
            "rows_read": base.table.row_count,
            "of_rows": comparison.source.row_count,
            "filter": counted.population and counted.population.text,
        },
        "other": {
            "rows": sample.row_count,
            "rows_read": other.table.row_count,
            "effective_sample_size": round(compared.effective_size, 1),
            "counts_for": round(compared.effective_size, 1),
        },
        "assumptions": assumptions(counted, base, other, sample),
        "filtered": filtered,
        "strata": strata_json,
    }


def _filtered(
    comparison: _Comparison, base: Reference, counted: CountedRounds
) -> dict[str, Any] | None:
    """Compare the rows that pass the filter with the whole table; None without a filter."""
    if counted.population is None or not base.rows or comparison.is_over():
        return None
    full = comparison.reference(None)
    first, second = (
        ComparedTable(reference.table, float(reference.table.row_count), rows=reference.rows)
        for reference in (full, base)
    )
    compared = comparison.compare(first, second, "sample")
    found = compared.as_json()
    return {
        "verdict": filter_sentence(compared, base.rows, comparison.source.row_count),
        "stand_out": found["stand_out"],
        "columns": [column for column in found["columns"] if column["is_significant"]],
        "rows": base.rows,
        "of_rows": comparison.source.row_count,
    }


def _not_compared(verdict: str) -> Mapping[str, Any]:
    """The JSON of a comparison that wasn't possible."""
    return {
        "purpose": "sample",
        "outcome": "inconclusive",
        "outcome_label": LABELS["inconclusive"],
        "verdict": verdict,
        "alike": None,
        "stand_out": [],
        "minimum_detectable_difference": None,
        "noticeable": None,
        "columns": [],
        "not_compared": [],
        "only_in_base": [],
        "only_in_other": [],
        "changed_types": [],
        "changes": None,
        "base": None,
        "other": None,
        "assumptions": [],
        "filtered": None,
    }
