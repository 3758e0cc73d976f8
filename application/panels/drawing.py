"""Waves of a panel: which order the next one takes, its preview and its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import numpy as np

from application.job_submission import Submission
from application.sampling import PanelWave, SamplingRequest, check_draw, submit_sampling
from contract.fields import StartKind
from contract.requests.draw import MAX_STARTS, OrderJson, RoundJson
from contract.requests.reviewing import QuestionsRequest
from lazy_dataclasses import dataclass
from sampling_engine import drawn_rounds
from sampling_engine.rotation import START_DIGITS, next_start
from service.sampling_parameters import DrawRule, source_draw
from service.service import Service
from service.tables.open_tables import open_commit
from service.tables.panel_flows import OpenWave, WaveFlow, flow_between, flows_of, open_wave
from storage.accounts.datasets import DatasetRecord
from storage.errors import Conflict
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.panels import PanelRecord, get_panel, wave_number, waves_of
from storage.jobs.submission import find_job_of_key
from storage.sqlite.database import Transaction


class WaveUnfinished(Conflict):
    """The wave before hasn't ended, so the next one can't be drawn yet."""

    template = "Wave {wave} is {status} as job {job_id}. Draw the next wave when it has ended."


class PanelChanged(Conflict):
    """A wave was drawn or deleted meanwhile."""

    template = "A wave of the panel was drawn or deleted meanwhile. Try again."


class NoNewVersion(Conflict):
    """A schedule draws no wave of a version that has one."""

    template = "There is no new version of {source_ref} since wave {wave}."


class NoVersionOfTable(Conflict):
    """The version was made by a draw, so its rows would have another order."""

    template = (
        'A panel is drawn from versions of the table. "{source_ref}" has the rows of a sample, of '
        "a residual or of a query, or those that a schedule leaves."
    )


class PanelStrataMany(Conflict):
    """The waves of a panel need a start for each stratum, and there are too many."""

    template = (
        "The panel has {strata} strata; up to {most} are possible. Choose other strata columns."
    )


@dataclass(frozen=True)
class PlannedWave:
    """The next wave of a panel: its number, its request and the waves before."""

    panel: PanelRecord
    number: int
    request: SamplingRequest
    waves: tuple[JobRecord, ...]

    @property
    def order(self) -> OrderJson:
        """The keyed order that it takes."""
        order = self.request.rounds[0]["order"]
        assert order is not None  # noqa: S101 - each round of a panel has one
        return order

    def is_new(self, commit_id: str) -> bool:
        """Whether a version is another one than that of the wave before."""
        return not self.waves or self.waves[-1].source_commit_id != commit_id


def planned_wave(tx: Transaction, panel: PanelRecord, source_ref: str) -> PlannedWave:
    """The next wave of a panel.

    Raises
    ------
    WaveUnfinished
        The wave before waits or runs.
    PanelStrataMany
        There are more strata than an order has starts.
    """
    waves = waves_of(tx, panel.id)
    last = waves[-1] if waves else None
    if last is not None and last.status != "completed":
        raise WaveUnfinished(wave=wave_number(last), status=last.status, job_id=last.id)
    number = 1 if last is None else wave_number(last) + 1
    drawn = cast("RoundJson", {**panel.round, "order": next_order(panel, last)})
    rule = None if last is None else DrawRule.recorded(last.run_parameters).draw_version
    request = SamplingRequest(
        source_ref=source_ref,
        table_key=panel.table_key,
        rounds=[drawn],
        output_name=f"{panel.name}-wave-{number}",
        commit_message=f"Wave {number} of the panel {panel.name}",
        numbers_name=True,
        draw_version=rule,
        panel=PanelWave(panel.id, panel.name, number),
    )
    return PlannedWave(panel, number, request, waves)


def next_order(panel: PanelRecord, last: JobRecord | None) -> OrderJson:
    """The order of the next wave, whose start follows from the sizes of the wave before."""
    settled: OrderJson = panel.round["order"]
    if last is None:
        return settled
    before: OrderJson = last.run_parameters["rounds"][0]["order"]
    (account,) = (last.output_summary or {})["rounds"]
    rotation = Fraction(panel.rotation)
    if "strata" not in account:
        moved = next_start(Fraction(before["start"]), rotation, *_sizes(last, account))
        return {**settled, "start": start_text(moved)}
    starts = dict(before.get("starts") or {})
    for stratum in account["strata"]:
        start = Fraction(starts.get(stratum["label"], before["start"]))
        moved = next_start(start, rotation, stratum["sampled"], stratum["rows"])
        starts[stratum["label"]] = start_text(moved)
    strata = max(len(starts), account["strata_count"])
    if strata > MAX_STARTS:
        raise PanelStrataMany(strata=strata, most=MAX_STARTS)
    return {**settled, "start": before["start"], "starts": starts}


def _sizes(last: JobRecord, account: Mapping[str, Any]) -> tuple[int, int]:
    """The rows that a wave drew, and of how many; clusters, if it drew clusters."""
    if "clusters_count" not in account:
        return account["rows_sampled"], account["eligible_rows"]
    asked = last.run_parameters["rounds"][0]["parameters"]["num_clusters"]
    clusters = account["clusters_count"]
    return min(asked, clusters), clusters


def start_text(start: Fraction) -> str:
    """A start of at most :data:`START_DIGITS` decimals as jobs record it."""
    scaled = start.numerator * 10**START_DIGITS // start.denominator
    return StartKind().text(Decimal(scaled).scaleb(-START_DIGITS))


def submit_wave(
    service: Service, by: Submission, dataset: DatasetRecord, panel: PanelRecord, source_ref: str
) -> tuple[JobRecord, bool]:
    """Submit the job of the next wave; also say whether its version is a new one.

    Raises
    ------
    DomainError
        As :func:`planned_wave` and as a draw; :class:`NoVersionOfTable`, :class:`PanelChanged`.
    """
    with service.database.read() as tx:
        earlier = find_job_of_key(tx, by.user.id, by.key, service.clock)
        if earlier is not None:
            job = get_job(tx, earlier, with_position=False)
            return job, _is_of_new_version(waves_of(tx, panel.id), job)
        planned = planned_wave(tx, panel, source_ref)
    job = submit_planned(service, by, dataset, planned)
    return job, _is_of_new_version(planned.waves, job)


def _is_of_new_version(waves: Sequence[JobRecord], job: JobRecord) -> bool:
    """Whether a wave's version is another one than that of the wave before."""
    before = [each for each in waves if wave_number(each) < wave_number(job)]
    return not before or before[-1].source_commit_id != job.source_commit_id


def submit_new_wave(
    service: Service,
    by: Submission,
    dataset: DatasetRecord,
    panel_id: int,
    source_ref: str,
    questions: QuestionsRequest | None = None,
) -> JobRecord:
    """Submit the next wave, with the questions of its sample, if there is a new version.

    Raises
    ------
    NoNewVersion
        There is none.
    DomainError
        As :func:`submit_wave`.
    """
    with service.database.read() as tx:
        planned = planned_wave(tx, get_panel(tx, panel_id), source_ref)
        commit_id = open_commit(tx, dataset.id, source_ref).id
    if not planned.is_new(commit_id):
        raise NoNewVersion(source_ref=source_ref, wave=planned.number - 1)
    planned = replace(planned, request=replace(planned.request, questions=questions))
    return submit_planned(service, by, dataset, planned)


def submit_planned(
    service: Service, by: Submission, dataset: DatasetRecord, planned: PlannedWave
) -> JobRecord:
    """Submit a planned wave, unless another one was drawn meanwhile; see :func:`submit_wave`."""

    def check_and_record(tx: Transaction, job_id: str) -> None:
        get_panel(tx, planned.panel.id)
        others = [job.id for job in waves_of(tx, planned.panel.id) if job.id != job_id]
        if others != [job.id for job in planned.waves]:
            raise PanelChanged
        by.record(tx, job_id)

    commit_id = check_draw(service, dataset.id, planned.request).source.commit_id
    require_version(service, dataset.id, commit_id, planned.request.source_ref)
    return submit_sampling(service, replace(by, record=check_and_record), dataset, planned.request)


def require_version(service: Service, dataset_id: int, commit_id: str, source_ref: str) -> None:
    """Require a commit that no draw made: its rows have the same order in each version."""
    if source_draw(service, dataset_id, commit_id) is not None:
        raise NoVersionOfTable(source_ref=source_ref, loc=("source_ref",))


@dataclass(frozen=True)
class PreviewedWave:
    """The next wave as it would be drawn now, and the wave before."""

    planned: PlannedWave
    wave: OpenWave
    flow: WaveFlow


def preview_wave(service: Service, panel: PanelRecord, source_ref: str) -> PreviewedWave:
    """Draw the next wave without storing it, and compare it with the wave before.

    Raises
    ------
    DomainError
        As :func:`submit_wave`; or the version's key isn't complete and unique.
    """
    with service.database.read() as tx:
        planned = planned_wave(tx, panel, source_ref)
    draw = check_draw(service, panel.dataset_id, planned.request)
    require_version(service, panel.dataset_id, draw.source.commit_id, source_ref)
    (drawn,) = drawn_rounds(
        service.parquet, draw.source.files, draw.rounds, counts_dir=service.directory.counts_dir
    )
    chances = np.asarray(drawn.probabilities, dtype=np.float64)
    wave = OpenWave(draw.source, draw.rounds[0], drawn.ordinals, chances)
    rotation = Fraction(panel.rotation)
    before = open_wave(service, planned.waves[-1]) if planned.waves else None
    flows: Sequence[WaveFlow] = flows_of(service, planned.waves, rotation)
    flow_before = flows[-1] if flows else None
    flow = flow_between(service, planned.number, wave, before, flow_before, rotation)
    return PreviewedWave(planned, wave, flow)
