"""What surfaces say of a panel: its waves, their flows, and their rows by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import duckdb

from application.panels.drawing import PreviewedWave, number_of
from application.panels.flows import (
    BORN,
    DIED,
    FIRST,
    KEPT,
    ROTATED_IN,
    ROTATED_OUT,
    STATES,
    PanelUnits,
    WaveFlow,
    flows_of,
)
from contract.declarations import Help
from contract.jobs import Status
from domain_errors import DomainError
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import DataFile, Int64s, TableFiles
from parquet_tables.writing import read_columns, write_parquet
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import OpenTable, open_source
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.panels import Panel, failed_wave_of, waves_of

STATE, SINCE = "_panel_state", "_since_wave"
WAVE = "wave"


@dataclass(frozen=True)
class PanelCohort:
    """The rows of a wave that came in one wave, and stayed since."""

    wave: Annotated[int, Help("The wave in which they came.")]
    size: int


@dataclass(frozen=True, kw_only=True)
class FlowCounts:
    """The rows of a wave beside those of the wave before."""

    kept: Annotated[int | None, Help("Rows of the wave before that it has, too.")] = None
    rotated_in: Annotated[
        int | None, Help("New because of the rotation: they were in the version before, undrawn.")
    ] = None
    born: Annotated[
        int | None, Help("New, and not in the version before or outside of its filter.")
    ] = None
    rotated_out: Annotated[
        int | None, Help("Left because of the rotation, or since births came before them.")
    ] = None
    died: Annotated[
        int | None, Help("Left, since the version doesn't have them, or not within the filter.")
    ] = None
    expected_kept: Annotated[
        float | None,
        Help(
            "The expected number of kept rows, given those of the wave before that are alive. Null "
            "where rows within clusters are drawn."
        ),
    ] = None
    cohorts: Annotated[list[PanelCohort], Help("By the wave in which rows came.")]


@dataclass(frozen=True, kw_only=True)
class PanelWaveFacts(FlowCounts):
    """A wave of a panel. Counts are null for the first wave, and while they aren't known."""

    wave: Annotated[int, Help("Its number, from 1.")]
    job_id: str
    status: Status
    created_at: str
    source_ref: str
    commit_id: Annotated[str | None, Help("The version that was drawn from; null if pruned.")]
    output_ref: str | None
    start: Annotated[str, Help("Where its order begins; strata may have starts of their own.")]
    size: Annotated[int | None, Help("Its rows, or clusters of a panel of clusters.")]
    problem: Annotated[str | None, Help("Why its rows couldn't be compared.")] = None


@dataclass(frozen=True, kw_only=True)
class NextWaveFacts(FlowCounts):
    """The next wave of a panel as it would be drawn now."""

    wave: int
    source_ref: str
    commit_id: str
    is_new_version: Annotated[
        bool, Help("Whether the version is another one than that of the wave before.")
    ]
    start: str
    size: int


@dataclass(frozen=True)
class ShownPanel(Panel):
    """A panel with its waves."""

    unit: Annotated[Literal["row", "cluster"], Help("What the waves draw and count.")]
    waves: Annotated[list[PanelWaveFacts], Help("Those whose sample is there, and a waiting one.")]
    failed_job_id: Annotated[str | None, Help("The latest job, if it failed.")]


def _counts(flow: WaveFlow) -> FlowCounts:
    came = Counter(flow.since.tolist())
    cohorts = [PanelCohort(wave, came[wave]) for wave in sorted(came)]
    if (flow.states == FIRST).all() and not len(flow.left):
        return FlowCounts(cohorts=cohorts)
    return FlowCounts(
        kept=flow.count(KEPT),
        rotated_in=flow.count(ROTATED_IN),
        born=flow.count(BORN),
        rotated_out=flow.count(ROTATED_OUT),
        died=flow.count(DIED),
        expected_kept=flow.expected_kept,
        cohorts=cohorts,
    )


def panel_answer(service: Service, panel: Panel) -> ShownPanel:
    """A panel with its waves and their flows; rows of new waves are compared now."""
    with service.database.read() as tx:
        waves = waves_of(tx, panel.id)
        failed = failed_wave_of(tx, panel.id)
    completed = [job for job in waves if job.status == "completed"]
    flows, problem = _known_flows(service, completed, Fraction(panel.rotation))
    facts = [
        _wave_facts(job, flows[place] if place < len(flows) else None, problem)
        for place, job in enumerate(waves)
    ]
    return ShownPanel(
        **vars(panel),
        unit="cluster" if _draws_clusters(panel) else "row",
        waves=facts,
        failed_job_id=None if failed is None else failed.id,
    )


def _draws_clusters(panel: Panel) -> bool:
    """Whether its units are clusters: the key is the column of the clusters."""
    column = panel.round["parameters"].get("cluster_column")
    return bool(panel.round["order"]["key"] == [column])


def _known_flows(
    service: Service, waves: list[JobRecord], rotation: Fraction
) -> tuple[list[WaveFlow], str | None]:
    """The flows of the waves up to the first that can't be read, and why that can't."""
    problem = None
    for last in range(len(waves), 0, -1):
        try:
            return flows_of(service, waves[:last], rotation), problem
        except DomainError as error:
            problem = error.message
    return [], problem


def _wave_facts(job: JobRecord, flow: WaveFlow | None, problem: str | None) -> PanelWaveFacts:
    counts = FlowCounts(cohorts=[]) if flow is None else _counts(flow)
    is_unknown = flow is None and job.status == "completed"
    return PanelWaveFacts(
        **vars(counts),
        wave=number_of(job),
        job_id=job.id,
        status=job.status,
        created_at=job.created_at,
        source_ref=job.run_parameters["source_ref"],
        commit_id=job.source_commit_id,
        output_ref=job.run_parameters["output_ref"],
        start=job.run_parameters["rounds"][0]["order"]["start"],
        size=None if flow is None else len(flow.ordinals),
        problem=problem if is_unknown else None,
    )


def next_wave_facts(previewed: PreviewedWave) -> NextWaveFacts:
    """The next wave as the API shows it."""
    planned, commit_id = previewed.planned, previewed.wave.source.commit_id
    return NextWaveFacts(
        **vars(_counts(previewed.flow)),
        wave=planned.number,
        source_ref=planned.request.source_ref,
        commit_id=commit_id,
        is_new_version=planned.is_new(commit_id),
        start=planned.order["start"],
        size=len(previewed.flow.ordinals),
    )


@contextmanager
def wave_table(service: Service, panel: Panel, number: int) -> Iterator[OpenTable]:
    """A table of the rows of a wave and of those that left it: key, state and first wave.

    Raises
    ------
    NotFound
        The panel has no such completed wave.
    DomainError
        A version or a sample was pruned, or can't be read.
    """
    with service.database.read() as tx:
        completed = [job for job in waves_of(tx, panel.id) if job.status == "completed"]
    place = next((at for at, job in enumerate(completed) if number_of(job) == number), None)
    if place is None:
        raise NotFound("The panel has no completed wave {wave}.", wave=str(number))
    flow = flows_of(service, completed[: place + 1], Fraction(panel.rotation))[-1]
    source = open_source(service, completed[place])
    before = source if place == 0 else open_source(service, completed[place - 1])
    (spec,) = recorded_rounds(completed[place].run_parameters, source.files)
    names = PanelUnits.of(spec).key.columns
    with TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        # Results of a file are cached by its name.
        path = Path(folder) / f"{token_hex(16)}.parquet"
        with service.parquet.cursor(source.files, before.files) as cursor:
            file = _write(cursor, path, names, flow, source.files, before.files)
            columns = read_columns(cursor, path)
        yield OpenTable(source.commit_id, WAVE, TableFiles(columns, (file,)))


def _write(
    cursor: duckdb.DuckDBPyConnection,
    path: Path,
    names: Sequence[str],
    flow: WaveFlow,
    source: TableFiles,
    before: TableFiles,
) -> DataFile:
    """Write the rows in the order of state, first wave and key."""
    own, params = _keyed_rows(source, names, "wave_rows", flow.ordinals)
    gone, more = _keyed_rows(before, names, "left_rows", flow.left)
    state, since = map(quote_identifier, _free_names(names))
    shown = ", ".join(f"c{at} AS {quote_identifier(name)}" for at, name in enumerate(names))
    keys = ", ".join(f"c{at}" for at in range(len(names)))
    query = (
        f"SELECT {shown}, list_extract(?::VARCHAR[], state + 1) AS {state}, since AS {since} "
        f"FROM ({own} UNION ALL {gone}) AS r ORDER BY r.state, r.since, {keys}"
    )
    rows = {
        "wave_rows": {"ordinal": flow.ordinals, "state": flow.states, "since": flow.since},
        "left_rows": {"ordinal": flow.left, "state": flow.left_states, "since": flow.left_since},
    }
    with registered(cursor, rows):
        return write_parquet(cursor, query, [list(STATES), *params, *more], path)


def _keyed_rows(table: TableFiles, names: Sequence[str], rows: str, ordinals: Int64s) -> Statement:
    """The key's texts of some rows, with their states and first waves."""
    key = ", ".join(
        f"CAST(f.{quote_identifier(table.column(name).name)} AS VARCHAR) AS c{at}"
        for at, name in enumerate(names)
    )
    sql, params = rows_at(table, key, RowSet.of(rows, ordinals), ["state", "since"])
    return f"({sql})", params


def _free_names(names: Sequence[str]) -> tuple[str, str]:
    """The names of the two columns beside those of the key."""
    taken = {name.lower() for name in names}
    free = []
    for name in (STATE, SINCE):
        while name in taken:
            name = f"_{name}"
        free.append(name)
    return free[0], free[1]
