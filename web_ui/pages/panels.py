"""The page of a panel: its waves as a picture and a table, and the preview of the next one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from flask import Response, request

from application.panels.answers import (
    FlowCounts,
    PanelWaveFacts,
    next_wave_facts,
    panel_answer,
)
from application.panels.drawing import preview_wave
from application.panels.registering import readable_panel
from application.samples.facts import planned_facts
from domain_errors import DomainError, percent_text
from presentation.charts import WaveChart, WaveColumn, WavePart
from presentation.content import Facts
from storage.jobs.panels import PanelRecord
from storage.versions.manifests import get_commit
from storage.versions.refs import MAIN, list_refs
from web_ui.job_texts import problem_text
from web_ui.shell import blueprint, caller, service, show

COLUMNS_SHOWN = 8
"""Waves in the picture."""


@blueprint.get("/panels/<int:panel_id>")
def panel(panel_id: int) -> Response:
    """Show a panel; with a version in the address, how many rows of its wave stay, leave, come."""
    record = readable_panel(caller(), panel_id)
    dataset = caller().dataset(record.dataset_id, "read")
    with caller().reading():
        found = panel_answer(service(), record)
    waves = found.waves
    with service().database.read() as tx:
        refs, _ = list_refs(tx, dataset.id)
        ids = {wave.commit_id for wave in waves if wave.commit_id is not None}
        messages = {one: get_commit(tx, dataset.id, one).manifest.message for one in ids}
    is_waiting = bool(waves) and waves[-1].status != "completed"
    return show(
        "panel.html",
        dataset=dataset,
        panel=found,
        waves=list(reversed(waves)),
        job_before={wave.wave: before.job_id for before, wave in pairwise(waves)},
        messages=messages,
        is_waiting=is_waiting,
        next_number=waves[-1].wave + 1 if waves else 1,
        picture=_picture(found.unit, waves),
        facts=_facts(record),
        refs=[ref.name for ref in refs if ref.commit_id is not None and _may_be_drawn(ref.name)],
        source_ref=request.args.get("ref", MAIN),
        may_write=caller().may(dataset, "write"),
        may_remove=caller().may(
            dataset, "write" if record.user_id == caller().user.id else "admin"
        ),
        **({} if is_waiting or "ref" not in request.args else _preview(record)),
    )


def _may_be_drawn(name: str) -> bool:
    """Whether a ref may name a version of the table; a sample and a query's result are none."""
    return not name.startswith(("smpl-", "expl-"))


def _preview(record: PanelRecord) -> dict[str, Any]:
    try:
        with caller().reading():
            previewed = preview_wave(service(), record, request.args["ref"])
    except DomainError as error:
        return {"preview_problem": problem_text(error)}
    return {"preview": next_wave_facts(previewed)}


def _facts(record: PanelRecord) -> Facts:
    """The design of the waves."""
    order, drawn = record.round["order"], record.round
    facts = planned_facts({**drawn, "filters": drawn.get("filters")})
    return Facts(
        "Design",
        [
            *facts,
            ("Row key", ", ".join(order["key"])),
            ("Rotation", f"{percent_text(float(record.rotation))} at each wave"),
            ("Seed", str(drawn["parameters"]["seed"])),
            ("Table", record.table_key),
        ],
    )


def _picture(unit: str, waves: list[PanelWaveFacts]) -> WaveChart | None:
    """The newest waves as columns; None if none is drawn."""
    drawn = [wave for wave in waves if wave.size is not None][-COLUMNS_SHOWN:]
    if not drawn:
        return None
    return WaveChart(f"{unit.capitalize()} of the waves", [_column(wave) for wave in drawn])


def _column(wave: PanelWaveFacts) -> WaveColumn:
    stayed = [
        WavePart(cohort.wave, cohort.size, "mark", f"{cohort.size:,} since wave {cohort.wave}")
        for cohort in wave.cohorts
        if cohort.wave < wave.wave
    ]
    return WaveColumn(
        f"Wave {wave.wave}", [*stayed, *_new_parts(wave, wave.wave)], f"{wave.size:,}", _left(wave)
    )


def _new_parts(flow: FlowCounts, number: int) -> list[WavePart]:
    """The rows that came in this wave."""
    if flow.rotated_in is None or flow.born is None:
        first = sum(cohort.size for cohort in flow.cohorts)
        return [WavePart(number, first, "mark", f"{first:,} drawn first")]
    sizes = ((flow.rotated_in, "sample", "rotated in"), (flow.born, "population", "born"))
    return [
        WavePart(number, size, style, f"{size:,} {words}") for size, style, words in sizes if size
    ]


def _left(wave: PanelWaveFacts) -> str:
    """The rows that left before a wave."""
    if wave.rotated_out is None or wave.died is None:
        return ""
    gone = wave.rotated_out + wave.died
    return f"−{gone:,}" if gone else ""
