"""The sentences beside the figures of a representativeness check: assumptions, the filter.

The representativeness check of one job: its sample compared with its population.

The cost is bounded by the sample's size and a constant: a large population is read by its
reference, and the time is limited. docs/COMPARISON.md has the formulas. Runs in the background.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from job_runner.context import TimedOut
from job_runner.sampling_parameters import recorded_rounds
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_table, output_of, source_of
from job_runner.tables.sample_weights import (
    CountedRounds,
    StrataReached,
    counted_rounds,
    sample_columns,
    sample_side,
    strata_reached,
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
    rounds = [one.round_number for one in counted.rounds]
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


def filter_words(compared: TableComparison, rows: int, of_rows: int) -> str:
    """How the rows that pass the filter differ from the whole table."""
    passed = f"The population is the {rows:,} of {of_rows:,} rows that pass the filter"
    significant = compared.significant
    if not significant:
        return f"{passed}; no column of theirs differs significantly from the whole table."
    worst = max(significant, key=lambda one: one.distance.distance)
    names = ", ".join(one.name for one in significant[:5])
    more = " and others" if len(significant) > 5 else ""
    return f"{passed}. They differ from the whole table in {names}{more}. {worst.sentence}"


LIMIT_S = 60.0
BASE_READ, SAMPLE_READ, COMPARED = 0.5, 0.6, 0.9
"""Of the whole progress."""
BRIEF_NAMES = 20


@dataclass(frozen=True)
class SampleComparison:
    """A job's comparison: in full, and the brief form of the job's summary."""

    whole: dict[str, Any]

    @property
    def brief(self) -> dict[str, Any]:
        """The fields of the job's summary."""
        strata = self.whole["strata"]
        reached = sum(one["reached"] for one in strata) if strata else None
        filtered = self.whole["filtered"] or {"verdict": None, "stand_out": []}
        return {
            "verdict": self.whole["verdict"],
            "outcome": self.whole["outcome"],
            "outcome_label": self.whole["outcome_label"],
            "minimum_detectable_difference": self.whole["minimum_detectable_difference"],
            "alike": self.whole["alike"],
            "stand_out": self.whole["stand_out"][:BRIEF_NAMES],
            "strata_covered": reached,
            "strata_missing": sum(one["strata"] for one in strata) - reached if strata else None,
            "filter_verdict": filtered["verdict"],
            "filter_stand_out": filtered["stand_out"][:BRIEF_NAMES],
        }


def compare_sample(service: Service, job: Job, on_progress: ProgressCallback) -> SampleComparison:
    """Compare what a completed job drew with what it drew from.

    Raises
    ------
    Pruned, DamagedData
        The source or the sample isn't there any more, or not as it was written.
    TimedOut
        Not even the rows to compare with could be read within a minute.
    """
    source = open_table(
        service, job.dataset_id, source_of(job), job.run_parameters["table_key"]
    ).files
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    summary = job.output_summary or {}
    rounds = recorded_rounds(job.run_parameters, source)
    counted = counted_rounds(rounds, summary["rounds"])
    deadline = time.monotonic() + LIMIT_S
    work = _Work(service, service.parquet_of("long"), source, deadline, on_progress)
    strata = strata_reached(work.database, sample, summary["rounds"])
    return SampleComparison(_whole(work, sample, counted, strata, job))


@dataclass(frozen=True)
class _Work:
    """What all steps of one comparison share."""

    service: Service
    database: ParquetDatabase
    source: TableFiles
    deadline: float
    on_progress: ProgressCallback

    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def limited(self, fraction: float, message: str) -> None:
        """A report that ends what takes too long."""
        if self.is_over():
            raise TimedOut(f"The comparison took longer than {LIMIT_S:.0f} seconds.")
        self.on_progress(fraction, message)

    def reference(self, counted: CountedRounds | None) -> Reference:
        """What the sample stands for; the whole table for None."""
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
        """Compare; columns that there is no time for are left out."""
        return compare_tables(
            self.database,
            base,
            other,
            purpose=purpose,
            on_progress=progress_part(self.on_progress, SAMPLE_READ, COMPARED),
            is_over=self.is_over,
        )


def _whole(
    work: _Work,
    sample: TableFiles,
    counted: CountedRounds,
    strata: list[StrataReached],
    job: Job,
) -> dict[str, Any]:
    of_strata = [one.as_json() for one in strata]
    if not sample.row_count:
        verdict = "No row was drawn, so there is nothing to compare."
        return {**_nothing(verdict), "job_id": job.id, "strata": of_strata}
    columns = sample_columns(work.source, counted)
    lacking = columns.lacking(counted.asked_columns)
    if lacking:
        names = ", ".join(lacking)
        verdict = f"Not compared: rounds have different filters, and the sample lacks {names}."
        return {**_nothing(verdict), "job_id": job.id, "strata": of_strata}
    base = work.reference(counted)
    with tempfile.TemporaryDirectory(dir=work.service.directory.scratch_dir) as folder:
        on_progress = progress_part(work.limited, BASE_READ, SAMPLE_READ)
        path = Path(folder) / "compared.parquet"
        other = sample_side(work.database, sample, columns, counted, path, on_progress)
        size = math.inf if base.is_whole else float(base.table.row_count)
        population = ComparedTable(base.table, size, rows=base.rows)
        compared = work.compare(population, replace(other, drawn_from_base=True), "sample")
    filtered = _filtered(work, base, counted)
    found = compared.as_json()
    somewhere = [one.column.name for one in columns.somewhere]
    return {
        **found,
        "job_id": job.id,
        "verdict": " ".join([found["verdict"], *([filtered["verdict"]] if filtered else [])]),
        "not_compared": [*found["not_compared"], *somewhere],
        "only_in_base": [name for name in found["only_in_base"] if name not in somewhere],
        "base": {
            "rows": base.rows,
            "rows_read": base.table.row_count,
            "of_rows": work.source.row_count,
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
        "strata": of_strata,
    }


def _filtered(work: _Work, base: Reference, counted: CountedRounds) -> dict[str, Any] | None:
    """How the rows that pass the filter differ from the whole table; None without a filter."""
    if counted.population is None or not base.rows or work.is_over():
        return None
    whole = work.reference(None)
    first, second = (
        ComparedTable(one.table, float(one.table.row_count), rows=one.rows) for one in (whole, base)
    )
    compared = work.compare(first, second, "sample")
    found = compared.as_json()
    return {
        "verdict": filter_words(compared, base.rows, work.source.row_count),
        "stand_out": found["stand_out"],
        "columns": [column for column in found["columns"] if column["is_significant"]],
        "rows": base.rows,
        "of_rows": work.source.row_count,
    }


def _nothing(verdict: str) -> Mapping[str, Any]:
    """A comparison that can't be made."""
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
