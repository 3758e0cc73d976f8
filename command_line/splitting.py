"""``jobsvc split``: divide a table among parts, such as for training and test."""

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
    PURPOSE,
    REF,
    TABLE,
    field_option,
    printed,
    with_options,
)
from command_line.output import Printed, new_file, print_line
from command_line.sampling import draw_parts, draw_sample, option_of, print_sample, rows_of_draw
from contract.requests.draw import EarlierFilterRequest, OrderRequest

(METHOD,) = DRAW_PARAMETERS["part"].methods
"""The method that divides rows among parts."""
ORDER_OPTIONS = (
    field_option(
        "--key",
        "order.key",
        multiple=True,
        metavar="COLUMN",
        help="A column of the row key, whose rows stay in their parts; repeatable. Default: the "
        "row key of the table, and with --group none.",
    ),
    field_option(
        "--start",
        "order.start",
        metavar="SHARE",
        help="Where the order of the keys begins, from 0 to below 1 [default: 0].",
    ),
)


@click.command()
@click.argument("dataset")
@with_options(
    [option_of(own) for own in DRAW_PARAMETERS.values() if METHOD in own.methods or not own.methods]
)
@with_options(ORDER_OPTIONS)
@with_request(OrderRequest, only=("duplicates",), within="order")
@FILTER
@field_option(
    "--not-drawn-by",
    "filters.not_drawn_by",
    multiple=True,
    metavar="DRAW",
    help="Leave out the rows of this draw, a job or a ref; with :PART those of one part. "
    "Repeatable.",
)
@with_request(EarlierFilterRequest, only=("found_by", "not_found_by"), within="filters")
@REF
@TABLE
@field_option("--name", "output_name", help="Name the split's ref smpl-NAME.")
@PURPOSE
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each part into this folder, as PART.csv; it is made if it is missing.",
)
@BATCH
@printed()
def split(client: ApiClient, dataset: str, folder: Path | None, **draw: Any) -> Printed:
    """Split a table into parts: each row into one, by its key or its group.

    A row stays in its part when the table grows or is sorted anew, as long as seed and parts are
    the same. The result is one version with a table for each part.

    \b
    jobsvc split items --part train=80% --part test=20% --key id --seed 42
    jobsvc split items --part train=80% --part validation=10% --part test=10% --group user
    """
    step, _, body = draw_parts(draw, METHOD, always_keyed=True)
    if "parts" not in step["parameters"]:
        raise click.UsageError("Give the parts: --part train=80% --part test=20%.")
    job = draw_sample(client, client.dataset_id(dataset), {"rounds": [step], **body})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for part in step["parameters"]["parts"]:
            with new_file(folder / f"{part}.csv") as file:
                client.download(rows_of_draw(job["id"]), file, format="csv", table_key=part)
    return Printed(job, lambda made: _print(made, folder))


def _print(job: dict[str, Any], folder: Path | None) -> None:
    print_sample(job)
    if folder is not None:
        print_line(f"Wrote the parts to {folder}.")
