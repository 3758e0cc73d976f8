"""The sheet "Design" of a sample's workbook: what documents the sample without the service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.certificates.seeds import seed_evidence
from application.samples.facts import (
    excluded_text,
    method_title,
    monetary_facts,
    step_facts,
    takes_all,
    warnings_of,
)
from application.samples.overview import sample_overview
from parquet_tables.workbooks import Block, Cell, Share, Sheet
from service.sampling_parameters import seeded_rounds
from service.service import Service
from service.tables.open_tables import version_of
from storage.jobs.jobs import Job
from storage.jobs.publishing import job_with_output

Rows = list[tuple[Cell, ...]]


def design_sheet(service: Service, job: Job) -> Sheet:
    """The design and the result of a completed sampling job, in the words of screens."""
    summary = job.output_summary or {}
    blocks = [Block("Sample", _identity(service, job)), Block("Result", _result(service, job))]
    seeded = seeded_rounds(job.run_parameters)
    for given, seeds, result in zip(
        job.run_parameters["rounds"], seeded, summary["rounds"], strict=True
    ):
        title = f"Step {given['round_number']}: {method_title(given['method'])}"
        blocks.append(Block(title, _step(given, seeds, result)))
        if groups := _groups(given, result):
            blocks.append(groups)
    if totals := _control_totals(service, job):
        blocks.append(totals)
    return Sheet("Design", f"Design of {job.output_name}", blocks)


def _identity(service: Service, job: Job) -> Rows:
    parameters = job.run_parameters
    excluded = excluded_text(parameters)
    return [
        ("Name", job.output_name),
        ("Purpose", job.purpose),
        ("Dataset", job.dataset_name),
        ("Version", parameters["source_ref"]),
        ("Version id", job.source_commit_id and version_of(job)),
        *([] if excluded is None else [("Excluded rows", excluded)]),
        ("Table", parameters["table_key"]),
        ("What the seed proves", seed_evidence(service, job)),
        ("Requested by", job.user_soeid),
        ("Created (UTC)", _moment(job.created_at)),
        ("Completed (UTC)", _moment(job.completed_at)),
        ("Job id", job.id),
        ("Sample’s version id", job.output_commit_id),
    ]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(microsecond=0)


def _result(service: Service, job: Job) -> Rows:
    overview = sample_overview(service, job)
    summary = job.output_summary or {}
    rows: Rows = [
        ("Rows drawn", overview.drawn),
        ("Rows of the table", overview.source_rows),
        ("Share of the rows", Share(overview.share)),
    ]
    if overview.margin is not None:
        rows.append(
            ("Margin of error of a share of 50 %, at 95 % confidence", Share(overview.margin))
        )
    if amount := summary.get("amount"):
        rows += [
            ("Amount to cover", amount["column"]),
            *_amount_rows(amount, "Amount of the table"),
        ]
    rows += [("Note", text) for text in warnings_of(summary)]
    return rows


def _amount_rows(amount: Mapping[str, Any], total: str) -> Rows:
    """Sums and coverage; without signs, too, where they differ."""
    rows: Rows = [(total, Decimal(amount["total"]))]
    if amount["drawn"] is not None:
        rows.append(("Amount drawn", Decimal(amount["drawn"])))
    if amount["coverage"] is not None:
        rows.append(("Amount covered", Share(amount["coverage"])))
    if amount.get("absolute_total", amount["total"]) == amount["total"]:
        return rows
    rows.append((f"{total}, without signs", Decimal(amount["absolute_total"])))
    if amount["absolute_coverage"] is not None:
        rows += [
            ("Amount drawn, without signs", Decimal(amount["absolute_drawn"])),
            ("Amount covered, without signs", Share(amount["absolute_coverage"])),
        ]
    return rows


def _step(given: Mapping[str, Any], seeded: Mapping[str, Any], result: Mapping[str, Any]) -> Rows:
    rows: Rows = [*step_facts(given, seeded), *monetary_facts(result)]
    rows += [
        ("Rows to choose from", result["eligible_rows"]),
        ("Rows drawn", result["rows_sampled"]),
    ]
    if result.get("uncovered_rows"):
        rows.append(("Rows covered by no group", result["uncovered_rows"]))
    if amount := result.get("amount"):
        rows += _amount_rows(amount, "Amount of the rows to choose from")
    rows += [("Note", text) for text in warnings_of(result)]
    return rows


def _groups(given: Mapping[str, Any], result: Mapping[str, Any]) -> Block | None:
    kind = "strata" if "strata" in result else "clusters"
    groups = result.get(kind)
    if not groups:
        return None
    count, word = result[f"{kind}_count"], "groups" if kind == "strata" else "clusters"
    listed = f", the first {len(groups):,} of {count:,}" if count > len(groups) else ""
    header = [*groups[0]["key"], "Rows", "Requested", "Drawn", "Share drawn"]
    has_amount = "amount" in groups[0]
    if has_amount:
        header += [f"Sum of {result['amount']['column']}", "Sum drawn", "Share of the sum"]
    rows = [_group(given, group, has_amount=has_amount) for group in groups]
    title = f"Step {given['round_number']}: {word}{listed}"
    return Block(title, rows, header)


def _group(
    given: Mapping[str, Any], group: Mapping[str, Any], *, has_amount: bool
) -> tuple[Cell, ...]:
    requested = group.get("requested", group["allocated"])
    cells: tuple[Cell, ...] = (
        *("Missing" if value is None else str(value) for value in group["key"].values()),
        group["rows"],
        "all" if takes_all(given, group) else requested,
        group["sampled"],
        Share(group["sampled"] / group["rows"]) if group["rows"] else None,
    )
    if not has_amount:
        return cells
    total, drawn = (_decimal(group["amount"][name]) for name in ("total", "drawn"))
    share = Share(float(drawn / total) + 0.0) if total and drawn is not None else None  # no -0
    return (*cells, total, drawn, share)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _control_totals(service: Service, job: Job) -> Block | None:
    """The sums of the table's number columns, as its import recorded them."""
    if job.source_commit_id is None:
        return None
    with service.database.read() as tx:
        source = job_with_output(tx, job.dataset_id, version_of(job))
    if source is None or source.run_type != "import":
        return None
    for table in (source.output_summary or {})["tables"]:
        if table["key"] == job.run_parameters["table_key"] and table.get("control_totals"):
            rows = [
                (each["column"], *map(_total, (each["sum"], each["positive"], each["negative"])))
                for each in table["control_totals"]
            ]
            header = ("Column", "Sum", "Positive", "Negative")
            return Block(f"Control totals of {table['rows']:,} rows", rows, header)
    return None


def _total(text: str) -> Decimal | str:
    """A sum as a number, with two places at least where it has any; a text if it isn't finite."""
    value = Decimal(text)
    if not value.is_finite():
        return text
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal("0.01")) if exponent == -1 else value
