"""``jobsvc panel``: samples of version after version that keep a share of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.methods import DRAW_PARAMETERS
from command_line.options import (
    BATCH,
    FILTER,
    LIMIT,
    OFFSET,
    OUTPUT,
    REF,
    TABLE,
    body_of,
    deleting,
    printed,
    with_options,
)
from command_line.output import (
    SUFFIXES,
    Columns,
    CommandFailed,
    Printed,
    print_items,
    print_line,
    print_rows,
    utc_text,
    written,
)
from command_line.sampling import METHOD, draw_parts, option_of
from contract.requests.draw import OrderRequest
from contract.requests.panels import PanelRequest
from contract.requests.tables import RowsRequest
from domain_errors import counted, percent_text

PANEL = click.argument("panel", metavar="PANEL")


def _panel_id(client: ApiClient, named: str) -> int:
    """The id of a panel: the number itself, or that of DATASET/NAME."""
    if named.isdecimal():
        return int(named)
    dataset, slash, name = named.rpartition("/")
    if not slash:
        raise CommandFailed("{name} is no panel: give its id, or DATASET/NAME.", name=named)
    path = f"/api/sampling/datasets/{client.dataset_id(dataset)}/panels"
    for one in client.all_of(path, "panels"):
        if one["name"].lower() == name.lower():
            return int(one["id"])
    raise CommandFailed('Dataset "{dataset}" has no panel "{name}".', dataset=dataset, name=name)


WAVES: Columns = {
    "wave": "wave",
    "job": lambda wave: wave["job_id"][:8],
    "version": lambda wave: (wave["commit_id"] or "pruned")[:8],
    "drawn": lambda wave: utc_text(wave["created_at"], 16),
    "rows": "size",
    "kept": "kept",
    "expected": lambda wave: (
        "" if wave["expected_kept"] is None else f"{wave['expected_kept']:.1f}"
    ),
    "rotated in": "rotated_in",
    "born": "born",
    "rotated out": "rotated_out",
    "died": "died",
}


@click.group()
def panel() -> None:
    """Follow a sample over versions: waves with rotation, births and deaths."""


def _print_panel(found: dict[str, Any]) -> None:
    key = ", ".join(found["round"]["order"]["key"])
    print_line(
        f"Panel {found['id']}, {found['name']}: {found['round']['method']}, by the key {key}; "
        f"{percent_text(float(found['rotation']))} rotate at each wave."
    )
    for wave in found["waves"]:
        if wave["status"] != "completed":
            print_line(f"Wave {wave['wave']} is {wave['status']} as job {wave['job_id'][:8]}.")
        if wave["problem"] is not None:
            print_line(f"Wave {wave['wave']}: {wave['problem']}")
    if found["failed_job_id"] is not None:
        print_line(f"The latest wave failed: jobsvc jobs {found['failed_job_id'][:8]}")
    if not found["waves"]:
        print_line(f"No wave is drawn yet: jobsvc panel wave {found['id']}")
        return
    if found["unit"] == "clusters":
        print_line("Its waves draw and count clusters.")
    print_items(found["waves"], WAVES)


@panel.command("list")
@click.argument("dataset")
@printed(
    {
        "id": "id",
        "name": "name",
        "method": lambda one: one["round"]["method"],
        "key": lambda one: ", ".join(one["round"]["order"]["key"]),
        "rotation": lambda one: percent_text(float(one["rotation"])),
        "user": "user_soeid",
    }
)
def list_panels(client: ApiClient, dataset: str) -> Any:
    """List the panels of a dataset."""
    return client.all_of(f"/api/sampling/datasets/{client.dataset_id(dataset)}/panels", "panels")


@panel.command("create")
@click.argument("dataset")
@click.argument("name")
@with_request(PanelRequest, only=("rotation",))
@METHOD
@with_options([option_of(own) for own in DRAW_PARAMETERS.values()])
@with_request(OrderRequest, only=("key", "duplicates"), within="order")
@FILTER
@REF
@TABLE
@printed(_print_panel)
def create_panel(client: ApiClient, dataset: str, name: str, **draw: Any) -> Any:
    """Create a panel; nothing is drawn yet.

    Without --key its rows are identified by the row key of the table.

    \b
    jobsvc panel create accounts quarterly --rotation 25% --size 80 --key account
    jobsvc panel create accounts by-region --rotation 25% --method stratified --strata region
        --size 200
    """
    step, _, body = draw_parts(draw, always_keyed=True)
    path = f"/api/sampling/datasets/{client.dataset_id(dataset)}/panels"
    return client.post(path, {"name": name, "round": step, **body})


def _print_next(found: dict[str, Any]) -> None:
    version = "a new version" if found["is_new_version"] else "the version of the wave before"
    print_line(
        f"Wave {found['wave']} would draw {counted(found['size'], 'row')} of {version}, commit "
        f"{found['commit_id'][:12]}."
    )
    if found["kept"] is not None:
        print_line(
            f"{found['kept']:,} stay, {found['rotated_out']:,} rotate out, {found['died']:,} have "
            f"died; {found['rotated_in']:,} rotate in, {found['born']:,} are born."
        )


@panel.command("wave")
@PANEL
@REF
@BATCH
@click.option("--preview", is_flag=True, help="Show how many rows stay, leave and come.")
@printed()
def draw_wave(client: ApiClient, panel: str, preview: bool, **chosen: Any) -> Printed:
    """Draw the next wave, or show what it would draw.

    PANEL is its id, or the names of its dataset and its own.

    \b
    jobsvc panel wave 1 --preview
    jobsvc panel wave accounts/quarterly
    jobsvc panel wave accounts/quarterly --ref 2026-q3
    """
    path, body = f"/api/sampling/panels/{_panel_id(client, panel)}", body_of(chosen)
    if preview:
        body.pop("priority", None)
        return Printed(client.get(f"{path}/next", **body), _print_next)
    client.run_job(f"{path}/waves", body, "Drawing")
    return Printed(client.get(path), _print_panel)


@panel.command("show")
@PANEL
@printed(_print_panel)
def show_panel(client: ApiClient, panel: str) -> Any:
    """Show the waves of a panel: the rows that each kept, that came and that left."""
    return client.get(f"/api/sampling/panels/{_panel_id(client, panel)}")


@panel.command("rows")
@PANEL
@click.argument("wave", type=click.IntRange(1))
@with_request(RowsRequest, only=("filters", "order_by", "order_desc"))
@LIMIT
@OFFSET
@OUTPUT
@printed()
def wave_rows(
    client: ApiClient, panel: str, wave: int, output: Path | None, **chosen: Any
) -> Printed:
    """Show the rows of a wave and those that left it, by their keys, or write them to a file.

    \b
    jobsvc panel rows 1 2 --filter "_panel_state = 'born'"
    jobsvc panel rows 1 2 --output wave-2.xlsx
    """
    number, query = _panel_id(client, panel), body_of(chosen)
    path = f"/api/sampling/panels/{number}/waves/{wave}/rows"
    if output is None:
        found = client.get(path, **query)
        return Printed(found, lambda page: print_rows(page["columns"], page["data"], page["types"]))
    del query["limit"], query["offset"]
    client.save(path, output, **query, format=SUFFIXES[output.suffix])
    return written(output)


@panel.command("remove")
@PANEL
@deleting("Remove the panel {panel}? Its samples stay.", "Panel {panel} was removed.")
def remove_panel(client: ApiClient, panel: str) -> str:
    """Remove a panel; its jobs and samples stay."""
    return f"/api/sampling/panels/{_panel_id(client, panel)}"
