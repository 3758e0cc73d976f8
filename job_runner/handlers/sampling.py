"""The handler of samples: draw the rounds and store the rows as a commit.

The recorded commit, parameters and seeds determine the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from application.audit.planned import size_warnings
from application.excluding import exclusion_warnings
from job_runner.attempt import JobContext
from parquet_tables.progress import progress_part, without_progress
from parquet_tables.rows import write_ordinals
from sampling_engine import DrawnSample, draw_sample, draw_warnings
from sampling_engine.errors import DrawWarning
from service.draw_engines import choose_engine, opened_engine
from service.sampling_parameters import ledger_facts, recorded_rounds
from service.tables.drawn_rows import (
    MAX_DRAWN,
    asked_sample,
    continued_sample,
    examined_beside,
    is_repeat_of,
    rows_in_order,
)
from service.tables.open_tables import (
    NO_ORDINALS,
    RESIDUAL,
    SAMPLE,
    OpenTable,
    open_commit,
    open_source,
)
from storage.audit.findings import Continued, asked_samples, examined_samples
from storage.audit.reviewing import recorded_questions
from storage.jobs import kinds
from storage.jobs.publishing import NewCommit, Outcome
from storage.versions.manifests import StoredTable

DRAW_SHARE = 0.95
"""Share of the progress for drawing; the rest is for hashing and syncing the file."""


def run_draw(context: JobContext) -> Outcome:
    """Draw the rounds, store the sample and create its ref."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    source = open_source(service, job)
    rounds = recorded_rounds(parameters, source.files)
    requested, amount = parameters.get("engine"), parameters.get("amount_column")
    choice = choose_engine(service, context.parquet, source.files, rounds, requested, amount)
    divides = any(each.method.divides for each in rounds)  # into files whose names it chooses
    scratch = context.scratch
    file = scratch.folder / "sample.parquet" if divides else scratch.file("sample.parquet")
    on_progress = progress_part(context.on_progress, 0.0, DRAW_SHARE)
    opening = without_progress(on_progress)
    with opened_engine(service, job.dataset_id, source, choice, opening) as engine:
        sample = draw_sample(
            context.parquet,
            source.files,
            rounds,
            table_key=source.key,
            destination=file,
            on_progress=on_progress,
            counts_dir=service.directory.counts_dir,
            amount_column=amount,
            engine=engine,
        )
    if not parameters.get("allow_empty"):
        sample.require_rows(source.files.row_count)
    context.on_progress(DRAW_SHARE, "storing the sample")
    tables = _stored_tables(context, sample)
    if parameters["export_residual"]:
        tables.append(_stored_residual(context, source, sample))
    warnings = [
        *draw_warnings(rounds),
        *exclusion_warnings(parameters.get("excluded")),
        *size_warnings(parameters, [each.as_json() for each in sample.rounds]),
    ]
    summary = _summary(sample, source.files.row_count, warnings)
    if service.spark is not None or requested is not None:
        summary["engine"] = asdict(choice)
    return Outcome(
        summary=summary,
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=tables,
            parent_id=source.commit_id,
            new_ref=True,
        ),
        draw=ledger_facts(
            parameters, source.commit_id, source.files.row_count, sample.rows_sampled
        ),
        continued=None if sample.parts else _continued(context, source, tables[0]),
        questions=recorded_questions(parameters),
    )


def _stored_tables(context: JobContext, sample: DrawnSample) -> list[StoredTable]:
    """The sample, and the parts among which its rows are divided, which share its files."""
    columns = sample.table.columns
    adopted = {file.path: context.adopt(file.written, file.rows) for file in sample.table.files}
    return [
        StoredTable(name, columns, tuple(adopted[file.path] for file in table.files))
        for name, table in ((SAMPLE, sample.table), *sample.parts.items())
    ]


def _continued(context: JobContext, source: OpenTable, sample: StoredTable) -> Continued | None:
    """The sample that the new one continues, if there is one: of those with findings, or asked."""
    service, job = context.service, context.job
    if sample.row_count > MAX_DRAWN:
        return None
    with service.database.read() as tx:
        if not examined_samples(tx, job) and not asked_samples(tx, job):
            return None
    rows = list(rows_in_order(service, sample.as_files(service.data_files, NO_ORDINALS)))
    before = continued_sample(examined_beside(service, job, source.commit_id, rows))
    if before is None:
        asked = asked_sample(service, job, source.commit_id, rows)
        return Continued(asked.id, asked.shown_name, rows) if asked else None
    is_repeat = before.in_order and is_repeat_of(before, job, len(rows))
    return Continued(before.job.id, before.name, rows, before.in_order, is_repeat)


def _stored_residual(context: JobContext, source: OpenTable, sample: DrawnSample) -> StoredTable:
    """The source's files with a deletion vector of the rows that aren't in the residual."""
    with context.service.database.read() as tx:
        commit = open_commit(tx, context.job.dataset_id, source.commit_id)
    stored = commit.manifest.table(source.key)
    deletion_vector = np.concatenate([source.files.deletion_vector, sample.drawn_ordinals])
    with context.parquet.cursor() as cursor:
        vector = write_ordinals(
            cursor, deletion_vector, context.scratch.file("deletion_vector.parquet")
        )
    stored_vector = context.adopt(vector.written, vector.rows)
    return replace(stored, key=RESIDUAL, deletion_vector=stored_vector, exclusion=None)


def _summary(
    sample: DrawnSample, source_rows: int, warnings: Sequence[DrawWarning]
) -> dict[str, Any]:
    rounds = [result.as_json() for result in sample.rounds]
    amount = {} if sample.amount is None else {"amount": sample.amount}
    return {
        **amount,
        "total_sampled": sample.rows_sampled,
        "rounds_completed": len(rounds),
        "source_rows": source_rows,
        "residual_rows": source_rows - sample.rows_sampled,
        "methods_used": list(dict.fromkeys(result.method for result in sample.rounds)),
        "rounds": rounds,
        "warnings": [warning.message for warning in warnings],
        "warning_templates": [asdict(warning) for warning in warnings],
        "renamed_columns": sample.renamed_columns,
    }


HANDLERS = {kinds.SAMPLE: run_draw}
