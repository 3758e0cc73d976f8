"""Requests of panels: samples of several versions that keep a share of their rows."""

from __future__ import annotations

from typing import Annotated

from contract.declarations import Help, Request
from contract.fields import Bounds, Name, RoundKind, StartKind
from contract.requests.draw import RoundJson
from contract.requests.submitting import MAIN, JobPriority, SourceRef, TableKey

MAX_PANEL_NAME = 64
ROTATION = StartKind(bounds=Bounds(0, most=1), refusal="The rotation is a share from 0 to 100%.")


class PanelRequest(Request):
    """A panel to create. Key and seed are settled; the design is checked against a version."""

    name: Annotated[
        str, Name(most=MAX_PANEL_NAME), Help("Its waves are named by it: `accounts-wave-3`.")
    ]
    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    round: Annotated[
        RoundJson,
        RoundKind(),
        Help(
            "The draw of each wave, by the method random, stratified, cluster or weighted. Without "
            "`order` its rows are ranked by the row key of the table."
        ),
    ]
    rotation: Annotated[
        str,
        ROTATION,
        Help("The share of a wave's rows that leaves before the next wave: 25% or 0.25."),
    ]


class WaveRequest(Request):
    """A wave to draw."""

    source_ref: SourceRef = MAIN
    priority: JobPriority = "interactive"


class NextWaveRequest(Request):
    """The version for which the next wave is previewed."""

    source_ref: SourceRef = MAIN
