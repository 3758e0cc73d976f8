"""Routes of panels: samples of version after version that keep a share of their rows."""

from __future__ import annotations

from flask import Response

from application.access import RowSource
from application.panels import registering
from application.panels.answers import NextWaveFacts, ShownPanel, next_wave_facts, panel_answer
from application.panels.drawing import preview_wave, submit_wave
from contract.requests.pages import PageRequest
from contract.requests.panels import NextWaveRequest, PanelRequest, WaveRequest
from contract.requests.tables import RowsRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.routes.row_responses import Rows, download, rows_of, rows_work
from http_api.routes.submissions import submission
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, page_of
from http_api.schemas.jobs import JobAccepted, accepted
from service.tables.panel_flows import wave_table
from storage.jobs.panels import PanelRecord, list_panels, wave_number

dataset_blueprint = SignedInBlueprint(
    "panels", "Panels", "/api/sampling/datasets/<int:dataset_id>/panels"
)
blueprint = SignedInBlueprint("panel", "Panels", "/api/sampling/panels/<int:panel_id>")


@dataset_blueprint.post("")
def create_panel(dataset_id: int, given: PanelRequest) -> ShownPanel:
    """Create a panel.

    Key and seed are settled, and the design is checked against a version. Nothing is drawn.
    """
    return panel_answer(service(), registering.create(caller(), dataset_id, given))


@dataset_blueprint.get("", output=list_schema("panels", PanelRecord))
def panels(dataset_id: int, query: PageRequest) -> Listing:
    """The panels of a dataset, oldest first."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return page_of(list_panels(tx, dataset_id), query)


@blueprint.get("")
def panel(panel_id: int) -> ShownPanel:
    """A panel with its waves: the rows that each kept, that came and that left.

    Rows of a wave that weren't compared before are compared now.
    """
    found = registering.readable_panel(caller(), panel_id)
    with caller().reading():
        return panel_answer(service(), found)


@blueprint.delete("", output=MessageOut)
def delete_panel(panel_id: int) -> dict[str, str]:
    """Delete a panel; its jobs and samples stay."""
    registering.delete(caller(), panel_id)
    return {"message": "Panel deleted"}


@blueprint.get("/next")
def next_wave(panel_id: int, query: NextWaveRequest) -> NextWaveFacts:
    """The next wave as it would be drawn now: how many rows stay, leave and come.

    It draws the wave's rows and stores nothing.
    """
    found = registering.readable_panel(caller(), panel_id)
    with caller().reading():
        return next_wave_facts(preview_wave(service(), found, query.source_ref))


@blueprint.post("/waves")
def draw_wave(panel_id: int, given: WaveRequest) -> JobAccepted:
    """Draw the next wave as a sampling job.

    The message says if the version is that of the wave before.
    """
    found = registering.readable_panel(caller(), panel_id)
    dataset = caller().dataset(found.dataset_id, "write")
    by = submission(given.priority, body=given.given())
    job, is_new = submit_wave(service(), by, dataset, found, given.source_ref)
    said = "" if is_new else "; the version is that of the wave before"
    return accepted(job, f"Wave {wave_number(job)} of the panel {found.name} created{said}")


@blueprint.get("/waves/<int:wave>/rows")
def wave_rows(panel_id: int, wave: int, query: RowsRequest) -> Rows | Response:
    """The rows of a wave and those that left it, by their keys.

    `_panel_state` is `first`, `kept`, `rotated_in`, `born`, `rotated_out` or `died`; `_since_wave`
    the wave in which a row came and has stayed since.
    """
    found = registering.readable_panel(caller(), panel_id)
    with rows_work(query), wave_table(service(), found, wave) as table:
        source = RowSource(found.dataset_id, table.commit_id, found.table_key)
        if query.format == "json":
            return rows_of(source, table, query)
        return download(source, table, query, f"{found.name}-wave-{wave}")
