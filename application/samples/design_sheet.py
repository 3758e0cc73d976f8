"""The sheet "Design" of a sample's workbook: what documents the sample without the service."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from application.certificates.seeds import seed_evidence
from application.samples.facts import (
    band_text,
    excluded_text,
    method_title,
    monetary_facts,
    relative_facts,
    step_facts,
    warnings_of,
)
from application.samples.overview import sample_overview
from contract.columns import without_noise
from domain_errors import Sentence
from presentation.content import (
    Block,
    Cell,
    Facts,
    Formula,
    Given,
    Percent,
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from sampling_engine.selection.bands import comparable
from service.sampling_parameters import seeded_rounds
from service.service import Service
from service.tables.open_tables import version_of
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output


def design_sheet(service: Service, job: JobRecord, *, with_coverage: bool = True) -> Section:
    """The design and the result of a completed sampling job, in the words of screens.

    Without coverage, the shares of rows and amounts that were drawn are left out.
    """
    summary = job.output_summary or {}
    blocks: list[Block] = [
        Facts("Sample", _identity(service, job)),
        Facts("Result", _result(service, job, with_coverage=with_coverage)),
    ]
    seeded = seeded_rounds(job.run_parameters)
    for place, (given, seeds, result) in enumerate(
        zip(job.run_parameters["rounds"], seeded, summary["rounds"], strict=True)
    ):
        title = Sentence(
            "Step {step}: {method}",
            step=given["round_number"],
            method=Sentence(method_title(given["method"])),
        )
        relative = relative_facts(job.run_parameters, place)
        step = _step(given, seeds, result, with_coverage=with_coverage)
        blocks.append(Facts(title, [*step, *relative]))
        if groups := group_table(given, result):
            blocks.append(groups)
    if totals := _control_totals(service, job):
        blocks.append(totals)
    return Section("Design", Sentence("Design of {name}", name=job.output_name), blocks)


def _identity(service: Service, job: JobRecord) -> list[Row]:
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
        ("Created (UTC)", moment_of(job.created_at)),
        ("Completed (UTC)", moment_of(job.completed_at)),
        ("Job id", job.id),
        ("Sample’s version id", job.output_commit_id),
    ]


def _result(service: Service, job: JobRecord, *, with_coverage: bool) -> list[Row]:
    overview = sample_overview(service, job)
    summary = job.output_summary or {}
    left_out = job.run_parameters.get("excluded", {}).get("rows", 0)
    rows: list[Row] = [
        ("Rows drawn", overview.drawn),
        ("Rows of the table", overview.source_rows + left_out),
        *([("Rows excluded from the draw", left_out)] if left_out else []),
    ]
    if not with_coverage:
        return [*rows, *(("Note", text) for text in warnings_of(summary))]
    rows.append(("Share of the rows to choose from", Percent(overview.share)))
    if overview.margin is not None:
        rows.append(
            ("Margin of error of a share of 50 %, at 95 % confidence", Percent(overview.margin))
        )
    if amount := summary.get("amount"):
        table = _amount_rows(amount, "Amount of the table")
        # The coverage of one step is of the rows it could choose from, among its facts.
        several = len(summary["rounds"]) > 1
        rows += [("Amount to cover", amount["column"]), *(table if several else table[:1])]
    rows += [("Note", text) for text in warnings_of(summary)]
    return rows


def _amount_rows(amount: Mapping[str, Any], total: str) -> list[Row]:
    """Sums and coverage; without signs, too, where they differ."""
    rows: list[Row] = [(total, Decimal(amount["total"]))]
    if amount["drawn"] is not None:
        rows.append(("Amount drawn", Decimal(amount["drawn"])))
    if amount["coverage"] is not None:
        rows.append(("Amount covered", Percent(amount["coverage"])))
    if amount.get("absolute_total", amount["total"]) == amount["total"]:
        return rows
    rows.append((f"{total}, without signs", Decimal(amount["absolute_total"])))
    if amount["absolute_coverage"] is not None:
        rows += [
            ("Amount drawn, without signs", Decimal(amount["absolute_drawn"])),
            ("Amount covered, without signs", Percent(amount["absolute_coverage"])),
        ]
    return rows


def _step(
    given: Mapping[str, Any],
    seeded: Mapping[str, Any],
    result: Mapping[str, Any],
    *,
    with_coverage: bool,
) -> list[Row]:
    rows: list[Row] = [*step_facts(given, seeded), *monetary_facts(result)]
    rows += [
        ("Rows to choose from", result["eligible_rows"]),
        ("Rows drawn", result["rows_sampled"]),
    ]
    if result.get("uncovered_rows"):
        rows.append(("Rows in groups without a drawn row", result["uncovered_rows"]))
    if with_coverage and (amount := result.get("amount")):
        rows += _amount_rows(amount, "Amount of the rows to choose from")
    rows += [("Note", text) for text in warnings_of(result)]
    return rows


def group_table(given: Mapping[str, Any], result: Mapping[str, Any]) -> Table | None:
    """The groups or clusters of a step, with what was drawn of each; None without any."""
    kind = "strata" if "strata" in result else "clusters"
    groups = result.get(kind)
    if not groups:
        return None
    count, word = result[f"{kind}_count"], "groups" if kind == "strata" else "clusters"
    listed = ", the first {listed} of {count}" if count > len(groups) else ""
    header: list[str] = [*map(Given, groups[0]["key"]), "Rows", "Requested", "Drawn", "Share drawn"]
    has_amount = "amount" in groups[0]
    if has_amount:
        sum_of = Sentence("Sum of {column}", column=result["amount"]["column"])
        header += [sum_of, "Sum drawn", "Share of the sum"]
    rows = [_group(given, group, has_amount=has_amount) for group in groups]
    title = Sentence(
        f"Step {{step}}: {word}{listed}",
        step=given["round_number"],
        listed=len(groups),
        count=count,
    )
    return Table(title, header, rows)


def _group(given: Mapping[str, Any], group: Mapping[str, Any], *, has_amount: bool) -> Row:
    requested = group.get("requested", group["allocated"])
    cells: tuple[Cell, ...] = (
        *(
            Sentence("Missing") if value is None else _key_text(given, name, str(value))
            for name, value in group["key"].items()
        ),
        group["rows"],
        Sentence("all") if _takes_all(given, group) else requested,
        group["sampled"],
        Formula(Percent(group["sampled"] / group["rows"]), "[Drawn]/[Rows]")
        if group["rows"]
        else None,
    )
    if not has_amount:
        return cells
    total, drawn = (decimal_of(group["amount"][name]) for name in ("total", "drawn"))
    share = Percent(float(drawn / total) + 0.0) if total and drawn is not None else None  # no -0
    return (*cells, total, drawn, share)


def _key_text(given: Mapping[str, Any], name: str, value: str) -> str:
    """A group's value of a column, or its band."""
    is_band = any(
        isinstance(each, Mapping) and each["column"] == name and not each.get("labels")
        for each in given["parameters"].get("strata_columns") or ()
    )
    return band_text(value) if is_band else value


def _takes_all(given: Mapping[str, Any], group: Mapping[str, Any]) -> bool:
    """Whether a step's sizes ask for all rows of a group of its result."""
    label = comparable(group.get("label") or "")
    sizes = given["parameters"].get("sizes") or {}
    return any(
        str(size).strip().casefold() == "all" and comparable(name) == label
        for name, size in sizes.items()
    )


def _control_totals(service: Service, job: JobRecord) -> Table | None:
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
                (each["column"], *(_total(each, name) for name in ("sum", "positive", "negative")))
                for each in table["control_totals"]
            ]
            header = ("Column", "Sum", "Positive", "Negative")
            return Table(
                Sentence("Control totals of {rows} {rows|row|rows}", rows=table["rows"]),
                header,
                rows,
            )
    return None


def _total(total: Mapping[str, Any], name: str) -> Decimal | str:
    """A sum as a number, with two places at least if the column has any; else a text."""
    value = Decimal(total[name])
    if not value.is_finite():
        return str(total[name])
    value = value if total["is_exact"] else without_noise(value)
    has_places = any("." in total[each] for each in ("sum", "positive", "negative"))
    has_few = "." not in f"{value:f}"[:-2]
    return Decimal(f"{value:.2f}") if has_places and has_few else value
