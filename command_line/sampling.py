"""``jobsvc sample``: one round, drawn and fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.api_client import ApiClient
from command_line.connection import Target, connected
from command_line.options import AS_JSON, with_target
from command_line.output import print_json, print_table, progress_bar
from sampling_engine import METHODS

SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".arrow": "arrow"}
STRATA_SHOWN = 40


@click.command()
@click.argument("dataset")
@click.option(
    "--method",
    type=click.Choice([method.name for method in METHODS]),
    default="random",
    show_default=True,
)
@click.option("--size", type=click.IntRange(min=1), help="Rows to draw.")
@click.option("--fraction", type=float, help="Share of the rows to draw, above 0 and up to 1.")
@click.option("--strata", multiple=True, metavar="COLUMN", help="A strata column; may be repeated.")
@click.option("--per-stratum", type=click.IntRange(min=1), help="Rows to draw in each stratum.")
@click.option("--min-per-stratum", type=click.IntRange(min=0), help="At least so many in each.")
@click.option("--seed", help="A whole number or a text [default: drawn and recorded].")
@click.option("--ref", default="main", show_default=True, help="Ref or commit to draw from.")
@click.option("--table", help='Table to draw from [default: "primary", or the only one].')
@click.option("--name", help="The sample's ref will be smpl-NAME.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows to this file: .csv, .parquet or .arrow.",
)
@AS_JSON
@with_target
def sample(
    target: Target,
    dataset: str,
    method: str,
    ref: str,
    table: str | None,
    name: str | None,
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Draw a sample of a dataset, given by name or id.

    \b
    jobsvc sample sales --method random --size 1000 --seed 42 --output sample.csv
    jobsvc sample sales --method stratified --strata region --strata product --size 500
    """
    if output is not None and output.suffix not in SUFFIXES:
        raise click.BadParameter(
            f"The file's ending must be one of {', '.join(SUFFIXES)}.", param_hint="--output"
        )
    body = {
        "source_ref": ref,
        "table_key": table,
        "output_name": name,
        "rounds": [{"method": method, "parameters": parameters(**chosen)}],
    }
    with connected(target, "jobsvc sample") as client:
        job = draw(client, client.dataset_id(dataset), body)
        if output is not None:
            fetch(client, job["id"], output)
    if as_json:
        print_json(job)
        return
    tell(job)
    if output is not None:
        click.echo(f"Rows written to {output}")


def parameters(
    size: int | None,
    fraction: float | None,
    strata: tuple[str, ...],
    per_stratum: int | None,
    min_per_stratum: int | None,
    seed: str | None,
) -> dict[str, Any]:
    """The options as the API's parameters; what wasn't given is left out."""
    given = {
        "sample_size": size,
        "sample_fraction": fraction,
        "strata_columns": list(strata) or None,
        "samples_per_stratum": per_stratum,
        "min_per_stratum": min_per_stratum,
        "seed": None if seed is None else _seed(seed),
    }
    return {name: value for name, value in given.items() if value is not None}


def draw(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Make a sampling job, wait for its end, and return it."""
    accepted = client.post(f"/api/sampling/datasets/{dataset_id}/jobs", body)
    with progress_bar("Drawing") as told:
        return client.finished_job(accepted["job_id"], told)


def fetch(client: ApiClient, job_id: str, output: Path) -> None:
    """Write a job's rows to a file, in the format of its ending."""
    file_format = SUFFIXES[output.suffix]
    client.download(f"/api/sampling/jobs/{job_id}/data", output, format=file_format)


def tell(job: dict[str, Any]) -> None:
    """Print what was drawn, stratum by stratum where there are strata."""
    summary = job["output_summary"]
    click.echo(
        f"Drew {summary['total_sampled']:,} of {summary['source_rows']:,} rows: job {job['id']}, "
        f"ref {summary['output_ref']}, commit {summary['output_commit_id'][:12]}."
    )
    for result in summary["rounds"]:
        click.echo(f"Round {result['round_number']}: {result['method']}, seed {result['seed']!r}.")
        strata = result.get("strata", [])
        if strata:
            columns = list(strata[0]["key"])
            rows = [
                (
                    *("NULL" if value is None else value for value in one["key"].values()),
                    one["rows"],
                    one["allocated"],
                    one["sampled"],
                )
                for one in strata[:STRATA_SHOWN]
            ]
            print_table((*columns, "rows", "allocated", "drawn"), rows)
            if len(strata) > STRATA_SHOWN:
                click.echo(f"… and {len(strata) - STRATA_SHOWN:,} more strata; see --json.")
        for warning in result["warnings"]:
            click.echo(f"Warning: {warning}")


def _seed(text: str) -> int | str:
    """A seed in plain decimal digits is a number, anything else a text: to the order, the same."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if str(number) == text and abs(number) < 2**63 else text
