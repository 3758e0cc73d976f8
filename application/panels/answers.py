"""What surfaces say of a panel: its waves, their flows, and their rows by key."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Annotated, Literal

from application.panels.drawing import PreviewedWave
from contract.declarations import Help
from contract.jobs import Status
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from sampling_engine.panel_rows import BORN, DIED, FIRST, KEPT, ROTATED_IN, ROTATED_OUT
from service.service import Service
from service.tables.panel_flows import WaveFlow, flows_of
from storage.jobs.jobs import JobRecord
from storage.jobs.panels import PanelRecord, failed_wave_of, wave_number, waves_of


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
            "The expected number of kept rows, given those of the wave before that are alive. "
            "Where rows have different probabilities, these count as unchanged. Null where rows "
            "within clusters are drawn."
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
class ShownPanel(PanelRecord):
    """A panel with its waves."""

    unit: Annotated[Literal["rows", "clusters"], Help("What the waves draw and count.")]
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


def panel_answer(service: Service, panel: PanelRecord) -> ShownPanel:
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
        unit="clusters" if _draws_clusters(panel) else "rows",
        waves=facts,
        failed_job_id=None if failed is None else failed.id,
    )


def _draws_clusters(panel: PanelRecord) -> bool:
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
        wave=wave_number(job),
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
