"""``jobsvc weights``, and the options of known totals that ``jobsvc estimate`` has, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.options import EXISTING_FILE, JOB, NEW_FILE, body_of, printed, with_options
from command_line.output import Printed, print_line, print_lines, print_table, written
from contract.known_totals import read_known_totals
from contract.requests.weighting import CensusRequest
from contract.requests.weights import WeightsRequest
from domain_errors import InvalidRequest

ENDINGS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".dta": "dta",
    ".sav": "sav",
    ".md": "markdown",
    ".json": "json",
}


def known_total_options(command: Any) -> Any:
    """The options of totals that are known from outside, in a file or in another table."""
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--totals",
            type=EXISTING_FILE,
            metavar="FILE.csv",
            help="Known totals: a line for each group, with its values and `total` or `share`; or "
            "the columns `column`, `value` and `total` or `share`.",
        ),
        with_request(CensusRequest, within="calibrate.census"),
    ]
    return with_options(options)(command)


def with_totals(body: dict[str, Any], totals: Path | None) -> dict[str, Any]:
    """A body with the totals of a file; a calibration needs its method and columns."""
    calibrate = body.get("calibrate")
    if totals is not None:
        try:
            known = read_known_totals(totals.read_text("utf-8-sig"))
        except (InvalidRequest, UnicodeDecodeError) as error:
            raise click.BadParameter(str(error), param_hint="--totals") from None
        calibrate = body.setdefault("calibrate", {})
        calibrate["totals"] = known
    if calibrate is not None and not {"method", "columns"} <= calibrate.keys():
        raise click.UsageError("--calibrate and --known COLUMN go together.")
    return body


def _print_codebook(found: dict[str, Any]) -> None:
    rows = [[each["name"], each["label"], each["type"]] for each in found["columns"]]
    if found["replicates"] is not None:
        kind = found["replicates"]["kind"]
        rows.append([found["replicate_columns"], f"Replicate weights, {kind}", "DOUBLE"])
    print_table(["column", "is", "type"], rows)
    if found["calibration"] is not None and found["calibration"]["totals"]:
        print_line()
        print_table(
            ["total of", "known", "by the weights before", "rows"],
            [
                [_target(each), f"{each['known']:,.10g}", f"{each['estimated']:,.6g}", each["n"]]
                for each in found["calibration"]["totals"]
            ],
        )
    if found["nonresponse"] is not None and found["nonresponse"]["classes"]:
        print_line()
        print_table(
            ["class", "rows", "respondents", "weighted rate", "factor"],
            [
                [
                    _group(each["group"]),
                    each["n"],
                    each["respondents"],
                    f"{100 * each['weighted_rate']:.1f} %",
                    "-" if each["factor"] is None else f"{each['factor']:.4g}",
                ]
                for each in found["nonresponse"]["classes"]
            ],
        )
    low, high = found["weight_min"], found["weight_max"]
    print_line(
        f"{found['rows']:,} rows; weights add up to {found['weight_sum']:,.10g}, from {low:.6g} to "
        f"{high:.6g}."
    )
    print_lines(found["notes"])


def _target(total: dict[str, Any]) -> str:
    if total["column"] is not None:
        return str(total["column"])
    return "rows" if total["group"] is None else _group(total["group"])


def _group(group: dict[str, Any]) -> str:
    parts = (f"{name}={'missing' if value is None else value}" for name, value in group.items())
    return ", ".join(parts) or "all rows"


@click.command()
@JOB
@with_request(WeightsRequest)
@known_total_options
@click.option("--values", metavar="NUMBER|findings", help="Columns of an upload, or the findings.")
@click.option(
    "--output",
    type=NEW_FILE,
    help="A file: the rows as .csv, .parquet, .dta or .sav, the codebook as .md or .json.",
)
@printed()
def weights(
    client: ApiClient,
    job_id: str,
    totals: Path | None,
    values: str | None,
    output: Path | None,
    **chosen: Any,
) -> Printed:
    """Write the drawn rows with their weights, or show the codebook.

    \b
    jobsvc weights 917f045a --calibrate rake --known company --replicates jackknife --output w.csv
    jobsvc weights 917f045a --calibrate rake --known company --totals census.csv --output w.dta
    jobsvc weights 917f045a --nonresponse classes --response-column company --responded paid
    """
    kind = "json" if output is None else ENDINGS.get(output.suffix.lower())
    if kind is None:
        raise click.BadParameter(
            f"The name of the file ends with one of {', '.join(ENDINGS)}.", param_hint="--output"
        )
    body = with_totals({"format": kind, **body_of(chosen)}, totals)
    if values is not None:
        body["values"] = int(values) if values.isdecimal() else values
    path = f"/api/sampling/jobs/{job_id}/weights"
    if output is None:
        return Printed(client.post(path, body), _print_codebook)
    client.save_posted(path, output, body)
    return written(output, "Weights")
