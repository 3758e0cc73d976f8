"""The record of a finished draw, and its reserves: computed from its parameters, and cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from contract.declarations import Help
from domain_errors import render
from lazy_dataclasses import dataclass
from parquet_tables.rows import read_page
from sampling_engine import KEYED_VERSION, ORDER_VERSION, method_class, reserves
from service.sampling_parameters import DrawRule, recorded_rounds, seeded_rounds
from service.service import Service
from service.tables.open_tables import open_source
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord

DRAW_METADATA = "jobsvc.draw"
"""The key of the draw's record in the metadata of a Parquet file."""
STRATUM = "_stratum"
MAX_GROUPS = 1000
"""Most groups that are listed as drawn whole."""
SEVERAL_ROUNDS = (
    "Probabilities and weights are those of each round, given the earlier ones: don't add weights "
    "up over rounds. GET /api/sampling/jobs/{job_id}/design?format=csv has combined weights."
)


def draw_record(job: JobRecord) -> dict[str, Any]:
    """Source, rounds and seeds of a draw, for the metadata of files.

    A keyed round states its order; ``order_version`` is null where the rounds have several.
    """
    parameters = job.run_parameters
    versions = {_order_version(given) for given in parameters["rounds"]}
    rounds = [
        {
            "round_number": seeded["round_number"],
            "method": given["method"],
            "parameters": given["parameters"],
            "filters": given.get("filters"),
            "effective_seed": seeded["effective_seed"],
            **_order_of(given),
        }
        for given, seeded in zip(parameters["rounds"], seeded_rounds(parameters), strict=True)
    ]
    record: dict[str, Any] = {
        "job_id": job.id,
        "source_commit_id": job.source_commit_id,
        "table_key": parameters["table_key"],
        "order_version": versions.pop() if len(versions) == 1 else None,
        "draw_version": DrawRule.recorded(parameters).draw_version,
        "rounds": rounds,
    }
    if len(rounds) > 1:
        record["note"] = render(SEVERAL_ROUNDS, {"job_id": job.id})
    return record


def _order_version(given: Mapping[str, Any]) -> str:
    is_keyed = "order" in given or method_class(given["method"]).divides
    return KEYED_VERSION if is_keyed else ORDER_VERSION


def _order_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keyed order of a round and its name; nothing for an order by positions."""
    if "order" not in given:
        return {}
    return {"order": given["order"], "order_version": KEYED_VERSION}


@dataclass(frozen=True)
class NextRows:
    """The rows that a round would have drawn next."""

    job_id: str
    round_number: int
    data: list[dict[str, Any]]
    columns: list[str]
    types: list[str]
    groups_without_rows: Annotated[
        list[str],
        Help("Groups without a replacement: all their rows were drawn. Up to 1,000."),
    ]


def next_rows(service: Service, job: JobRecord, round_number: int, limit: int) -> NextRows:
    """The rows that a round would have drawn next.

    Raises
    ------
    NotFound, DomainError
        The job has no such round, or its method has no next row.
    """
    source = open_source(service, job)
    rounds = recorded_rounds(job.run_parameters, source.files)
    if round_number > len(rounds):
        raise NotFound(
            "The job has {count} {count|round|rounds}, no round {number}.",
            count=len(rounds),
            number=round_number,
        )

    def draw() -> NextRows:
        with service.scratch_file("reserves.parquet") as path:
            table = reserves(
                service.parquet,
                source.files,
                rounds,
                round_number,
                limit,
                table_key=source.key,
                destination=path,
                counts_dir=service.directory.counts_dir,
            )
            with service.parquet.cursor() as cursor:
                rows = read_page(cursor, table, table.columns, 0, table.row_count)
        return NextRows(
            job.id,
            round_number,
            rows,
            [column.name for column in table.columns],
            [column.type for column in table.columns],
            _groups_without_rows(job, round_number, rows),
        )

    found: NextRows = service.results.reserves.get((job.id, round_number, limit), draw)
    return found


def _groups_without_rows(
    job: JobRecord, round_number: int, rows: list[dict[str, Any]]
) -> list[str]:
    """The labels of the groups that a round drew from and that have no row left."""
    found = (job.output_summary or {})["rounds"][round_number - 1]
    groups = found.get("strata") or found.get("clusters") or []
    left = {row[STRATUM] for row in rows}
    return [group["label"] for group in groups if group["sampled"] and group["label"] not in left][
        :MAX_GROUPS
    ]
