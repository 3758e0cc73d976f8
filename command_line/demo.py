"""``jobsvc demo``: from an empty directory to a finished sample in the browser."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from application import demo_data
from command_line.connection import ApiClient, Target, connected, running_server
from command_line.importing import import_file
from command_line.options import NEW_FILE, with_target
from command_line.output import CommandFailed, output_file, print_line
from command_line.sampling import draw_sample, print_sample, rows_of_draw, with_comparison

SEED = 2025
BODY = {
    "rounds": [
        {
            "method": "stratified",
            "parameters": {
                "sample_size": 400,
                "strata_columns": ["company", "type"],
                "min_per_stratum": 5,
                "seed": SEED,
            },
        }
    ],
    "output_name": "first-sample",
    "commit_message": "Are the documents of 2025 approved and paid correctly?",
}


@click.command()
@click.option(
    "--output",
    type=NEW_FILE,
    help="Also write the drawn rows to this file.",
)
@click.option(
    "--open", "open_browser", is_flag=True, help="Open the sample in a browser, and serve it."
)
@with_target
def demo(target: Target, output: Path | None, open_browser: bool) -> None:
    """Import an example ledger and draw a first sample.

    The ledger is made up: 80,000 documents of accounts payable.

    The rows are stratified by company and document type. With --open, the sample opens in a
    browser, and the command serves it until Ctrl-C.

    \b
    jobsvc demo --open --data-dir demo-data
    jobsvc demo --data-dir demo-data --output sample.csv
    """
    _require_own_server(target)
    with connected(target, create=True) as client:
        print_line(f"Working on the server {client.url}, {_where(target)}.", err=True)
        dataset_id = _import_ledger(client)
        job = draw_sample(client, dataset_id, BODY)
        if output is not None:
            with output_file(output) as file:
                if file is not None:
                    client.download_rows(job["id"], rows_of_draw(job["id"]), file)
        print_sample(with_comparison(client, job))
        print_line(f"The same seed ({SEED}) draws the same rows again, on any machine.")
        if open_browser:
            _open(client, job)
    if not open_browser or client.has_own_server:
        directory = f" --data-dir {target.settings.data_dir}" if target.server is None else ""
        print_line(f"To serve these data: {_program()} serve --open{directory}")


def _require_own_server(target: Target) -> None:
    """Refuse a server that runs on a directory nobody named."""
    if target.server is not None or target.names_directory:
        return
    running = running_server(target)
    if running is not None:
        running.close()
        raise CommandFailed(
            "The server {url} runs on the data directory {directory}. To draw the demo there, add "
            "--data-dir {directory}; else name a new directory.",
            url=running.url,
            directory=target.settings.data_dir,
        )


def _where(target: Target) -> str:
    if target.server is not None:
        return "given by --server or JOBSVC_SERVER"
    variable = os.environ.get("JOBSVC_DATA_DIR")
    named = variable is not None and Path(variable) == target.settings.data_dir
    source = ", given by JOBSVC_DATA_DIR" if named else ""
    return f"with the data in {target.settings.data_dir}{source}"


def _program() -> str:
    """Return the program's name, or its path if the name isn't found."""
    return "jobsvc" if shutil.which("jobsvc") else sys.argv[0]


def _import_ledger(client: ApiClient) -> int:
    """Import the ledger, unless an earlier demo did."""
    found = client.get("/api/datasets", name=demo_data.DATASET)["datasets"]
    if found:
        return int(found[0]["id"])
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / demo_data.FILE_NAME
        demo_data.write_demo_file(ledger)
        job = import_file(client, ledger, demo_data.DATASET, commit_message=demo_data.MESSAGE)
    rows = job["output_summary"]["tables"][0]["rows"]
    print_line(f'Imported {rows:,} documents into the dataset "{demo_data.DATASET}".')
    return int(job["dataset_id"])


def _open(client: ApiClient, job: dict[str, Any]) -> None:
    """Open the sample's page in a browser; serve it until Ctrl-C if no other process does."""
    me = client.get("/api/users/me")
    link = client.post(f"/api/users/{me['id']}/sign-in-link")["link"]
    page = f"{link}&later=1&next=/jobs/{job['id']}"
    print_line(f"The sample opens in your browser. If it doesn't, open this link once:\n  {page}")
    webbrowser.open(page)
    if client.has_own_server:
        print_line("Press Ctrl-C to stop the server.")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
