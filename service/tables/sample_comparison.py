"""The representativeness check of a job: its sample compared with its population.

The cost is bounded: a large population is read by its reference, and the time is limited. Runs in
the background. docs/COMPARISON.md defines the figures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypedDict

from contract.declarations import Help
from estimation_engine import UnsupportedDesign
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, progress_part
from parquet_tables.tables import TableFiles
from profiling_engine.comparison.answers import ColumnDifference, ComparisonJson, Outcome
from profiling_engine.comparison.compared_table import ComparedTable
from profiling_engine.comparison.comparison import (
    MAX_DETAILED,
    LeftOut,
    Structure,
    TableComparison,
    compare_tables,
)
from sampling_engine import Reference, Round, RowFilter, reference_of
from sampling_engine.sample_table import shown_columns
from service.errors import TimedOut
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from service.tables.sample_design import SampleDesign
from service.tables.sample_weights import (
    WHOLE_ROWS,
    StrataReached,
    combined_weights,
    strata_reached,
    weighted_sample,
)
from storage.jobs.jobs import JobRecord

LIMIT_S = 60.0
BASE_READ, SAMPLE_READ, COMPARED = 0.5, 0.6, 0.9
"""Shares of the progress."""
BRIEF_NAMES = 20


class FilteredRows(TypedDict):
    """The difference of the rows that pass the filter from the whole table."""

    verdict: str
    stand_out: Sequence[str]
    columns: Sequence[ColumnDifference]
    rows: int
    of_rows: int


class PopulationRows(TypedDict):
    """The rows of the population, and those that were read."""

    rows: int
    rows_read: int
    of_rows: Annotated[int, Help("Rows of the whole table.")]
    filter: str | None


class SampledRows(TypedDict):
    """The rows of the sample, and those that were read."""

    rows: int
    rows_read: int
    effective_sample_size: Annotated[
        float, Help("The size of a simple random sample that is worth as much.")
    ]


class CheckedSample(ComparisonJson):
    """The representativeness check of a sample."""

    base: PopulationRows | None
    other: SampledRows | None
    assumptions: Sequence[str]
    filtered: FilteredRows | None


class ComparedSample(CheckedSample):
    """The check of a job's sample."""

    job_id: str
    strata: Sequence[StrataReached]


class SampleComparison(ComparedSample):
    """The check of a job's sample, as it was stored."""

    made_at: str


class BriefComparison(TypedDict):
    """The part of a comparison in the job's summary."""

    verdict: str
    outcome: Outcome
    outcome_label: str
    minimum_detectable_difference: float | None
    alike: bool | None
    stand_out: Sequence[str]
    strata_covered: int | None
    strata_missing: int | None
    filter_verdict: str | None
    filter_stand_out: Sequence[str]


def compare_sample(
    service: Service, job: JobRecord, on_progress: ProgressCallback
) -> ComparedSample:
    """Compare the sample of a completed job with its population, as JSON.

    Raises
    ------
    Pruned, DamagedData
        The source or the sample was removed or is damaged.
    TimedOut
        The population couldn't be read within a minute.
    """
    results = (job.output_summary or {})["rounds"]
    source = open_source(service, job)
    sample = open_sample(service, job).files
    database = service.parquet_of("long")
    compared = _not_compared("No row was drawn, so there is nothing to compare.")
    if sample.row_count:
        deadline = time.monotonic() + LIMIT_S
        rounds = tuple(recorded_rounds(job.run_parameters, source.files))
        if any(spec.method.tables for spec in rounds):
            divided = _not_compared("Not compared: the draw divided all rows among parts.")
            return {**divided, "job_id": job.id, "strata": []}
        try:
            design = combined_weights(service, job, source, rounds)
        except UnsupportedDesign as error:
            compared = _not_compared(f"Not compared: {error}")
        else:
            compared = _Comparison(
                service, database, source.files, sample, rounds, design, deadline, on_progress
            ).as_json()
    strata = strata_reached(database, sample, results)
    return {**compared, "job_id": job.id, "strata": strata}


def brief_comparison(full: ComparedSample) -> BriefComparison:
    """The fields of a comparison in the job's summary."""
    strata, filtered = full["strata"], full["filtered"]
    reached = sum(round_strata["reached"] for round_strata in strata)
    total = sum(round_strata["strata"] for round_strata in strata)
    return {
        "verdict": full["verdict"],
        "outcome": full["outcome"],
        "outcome_label": full["outcome_label"],
        "minimum_detectable_difference": full["minimum_detectable_difference"],
        "alike": full["alike"],
        "stand_out": full["stand_out"][:BRIEF_NAMES],
        "strata_covered": reached if strata else None,
        "strata_missing": total - reached if strata else None,
        "filter_verdict": filtered["verdict"] if filtered else None,
        "filter_stand_out": filtered["stand_out"][:BRIEF_NAMES] if filtered else [],
    }


@dataclass(frozen=True)
class _Comparison:
    """One comparison; columns after the ``deadline`` are not compared."""

    service: Service
    database: ParquetDatabase
    source: TableFiles
    sample: TableFiles
    rounds: tuple[Round, ...]
    design: SampleDesign | None
    deadline: float
    on_progress: ProgressCallback

    @property
    def population(self) -> RowFilter | None:
        """The filter of the population; None for the whole table."""
        return self.rounds[0].filter if self.design is None else self.design.population

    def as_json(self) -> CheckedSample:
        base = self._reference(self.population)
        with self.service.scratch_file("compared.parquet") as path:
            other = weighted_sample(
                self.database,
                self.sample,
                self.source,
                self.rounds,
                self.design,
                path,
                progress_part(self._limited, BASE_READ, SAMPLE_READ),
            )
            size = math.inf if base.is_whole else float(base.table.row_count)
            population = ComparedTable(base.table, size, rows=base.rows)
            compared = self._compare(population, replace(other, drawn_from_base=True))
        filtered = self._filtered(base)
        somewhere = [
            column.column.name
            for column in shown_columns(self.source, self.rounds)
            if column.rounds is not None
        ]
        missing = [LeftOut(name, "not in every step") for name in somewhere]
        compared = replace(compared, left_out=(*compared.left_out, *missing))
        whole: ComparisonJson = compared.as_json()
        return {
            **whole,
            "verdict": f"{compared.verdict} {filtered['verdict'] if filtered else ''}".strip(),
            "only_in_base": [
                name for name in compared.structure.only_in_base if name not in somewhere
            ],
            "base": {
                "rows": base.rows,
                "rows_read": base.table.row_count,
                "of_rows": self.source.row_count,
                "filter": None if self.population is None else self.population.text,
            },
            "other": {
                "rows": self.sample.row_count,
                "rows_read": other.table.row_count,
                "effective_sample_size": round(compared.effective_size, 1),
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

    def _reference(self, population: RowFilter | None) -> Reference:
        """The reference of the rows that pass a filter; of the whole table for None."""
        return reference_of(
            self.database,
            self.source,
            population,
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

    def _filtered(self, base: Reference) -> FilteredRows | None:
        """Compare the rows that pass the filter with the whole table; None without a filter."""
        if self.population is None or not base.rows or self._is_over():
            return None
        whole, passing = (
            ComparedTable(reference.table, float(reference.table.row_count), rows=reference.rows)
            for reference in (self._reference(None), base)
        )
        compared = self._compare(whole, replace(passing, drawn_from_base=True))
        return {
            "verdict": _filter_sentence(compared, base.rows, self.source.row_count),
            "stand_out": [column.name for column in compared.significant],
            "columns": [
                column.as_json(is_detailed=at < MAX_DETAILED)
                for at, column in enumerate(compared.significant)
            ],
            "rows": base.rows,
            "of_rows": self.source.row_count,
        }

    def _assumptions(self, base: Reference, other: ComparedTable) -> list[str]:
        """The assumptions of the check, a sentence each."""
        notes = ["Each row counts by its design weight."]
        if not base.is_whole:
            notes.insert(
                0,
                f"{base.table.row_count:,} of the population's {base.rows:,} rows were read, drawn "
                "by a fixed seed; the tests allow for that.",
            )
        if len(self.rounds) > 1:
            notes.append(
                "A round drew from the rows that earlier rounds left: its own rows count by their "
                "weights, those of earlier rounds once each."
            )
        if len({spec.filter and spec.filter.text for spec in self.rounds}) > 1:
            population = (
                "the whole table" if self.population is None else "the rows that pass any of them"
            )
            notes.append(
                "Rounds have different filters: a row counts in those whose filter it passes. The "
                f"population is {population}."
            )
        if uncounted := self._uncounted():
            notes.append(
                f"Round {', '.join(map(str, uncounted))} drew no row that counts beside those of "
                "the other rounds."
            )
        of_methods = [spec.method.comparison_note for spec in self.rounds]
        notes.extend(note for note in dict.fromkeys(of_methods) if note)
        if self.sample.row_count > WHOLE_ROWS:
            notes.append(
                f"About {other.table.row_count:,} rows of the sample were read, chosen at random."
            )
        return notes

    def _uncounted(self) -> list[int]:
        """The rounds without a row that counts."""
        if self.design is None:
            return []
        counted = set(self.design.round_numbers[self.design.design.weights > 0].tolist())
        return [spec.round_number for spec in self.rounds if spec.round_number not in counted]


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


def _not_compared(verdict: str) -> CheckedSample:
    """The JSON of a comparison that wasn't possible."""
    empty = TableComparison("sample", (), (), Structure(None, None), math.inf)
    nothing: ComparisonJson = empty.as_json()
    return {
        **nothing,
        "verdict": verdict,
        "base": None,
        "other": None,
        "assumptions": [],
        "filtered": None,
    }
