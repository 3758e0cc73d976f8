"""Panels: a design that is drawn from version after version, and the jobs of its waves.

A wave is a sampling job whose parameters name the panel and the wave's number. A sample that was
deleted is no wave, so the next one takes its number.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from contract.answers import Hidden
from contract.declarations import Help
from contract.requests.draw import RoundJson
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound
from storage.jobs.jobs import JobRecord, get_job
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, all_rows, first, json_text, only, run

MAX_PANELS = 100
"""Panels of a dataset."""


@dataclass(frozen=True)
class PanelRecord:
    """A panel.

    Parameters
    ----------
    round : dict
        The round of the first wave, with its seed and order. Later waves move the start.
    rotation : str
        A decimal from 0 to 1.
    """

    id: int
    dataset_id: int
    user_id: Hidden[int]
    name: str
    table_key: str
    round: Annotated[
        dict[str, Any], Help("The round of the first wave, with its key and its seed.")
    ]
    rotation: Annotated[str, Help("The share that leaves before each wave, such as 0.25.")]
    created_at: str
    user_soeid: Annotated[str, Help("Who created it.")]


@dataclass(frozen=True)
class NewPanel:
    """A panel to add."""

    dataset_id: int
    user_id: int
    name: str
    table_key: str
    round: RoundJson
    rotation: str


_PANELS = Records(PanelRecord, round=json.loads)


def add_panel(tx: Transaction, new: NewPanel, clock: Clock) -> PanelRecord:
    """Add a panel; raise Conflict if the name is in use or the dataset has too many."""
    known = list_panels(tx, new.dataset_id)
    taken = [panel.name for panel in known if _in_ref(panel.name) == _in_ref(new.name)]
    if taken:
        raise Conflict(
            'There is a panel "{name}" already, whose waves would have the same names. Choose '
            "another name.",
            loc=("body", "name"),
            name=taken[0],
        )
    if len(known) >= MAX_PANELS:
        raise Conflict("The dataset has {most} panels, the limit.", most=MAX_PANELS)
    values = {**vars(new), "round": json_text(new.round), "created_at": timestamp(clock())}
    return get_panel(tx, only(tx, "insert_panel", **values)["id"])


def _in_ref(name: str) -> str:
    """A name as the refs of samples have it: with ``-`` for white space; in lower case."""
    return "-".join(name.split()).casefold()


def get_panel(tx: Transaction, panel_id: int) -> PanelRecord:
    """Return a panel, without a check of permissions."""
    missing = NotFound("Panel {panel} not found.", panel=str(panel_id))
    return _PANELS.get(tx, "list_panels", missing, id=panel_id, dataset_id=None)


def list_panels(tx: Transaction, dataset_id: int) -> list[PanelRecord]:
    """Return the panels of a dataset, oldest first."""
    return _PANELS.all(tx, "list_panels", id=None, dataset_id=dataset_id)


def remove_panel(tx: Transaction, panel_id: int) -> None:
    """Delete a panel; its jobs and samples stay."""
    run(tx, "delete_panel", id=panel_id)


def waves_of(tx: Transaction, panel_id: int) -> tuple[JobRecord, ...]:
    """Return the jobs of a panel that haven't ended or have their sample, in order of wave."""
    rows = all_rows(tx, "waves_of_panel", panel_id=panel_id)
    return tuple(get_job(tx, row["id"], with_position=False) for row in rows)


def other_wave(tx: Transaction, job_id: str) -> str | None:
    """Return the job that is now the wave with the number that a deleted one had, if there is."""
    row = first(tx, "other_wave", job_id=job_id)
    return None if row is None else str(row["id"])


def wave_number(job: JobRecord) -> int:
    """The number of a wave, from 1."""
    return int(job.run_parameters["panel"]["wave"])


def failed_wave_of(tx: Transaction, panel_id: int) -> JobRecord | None:
    """Return the latest job of a panel if it failed, unless it was dismissed."""
    row = first(tx, "failed_wave_of_panel", panel_id=panel_id)
    return None if row is None else get_job(tx, row["id"], with_position=False)
