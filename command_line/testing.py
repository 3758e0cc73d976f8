"""``jobsvc test``: audit tests of a table, a command for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.exploring import result_path
from command_line.options import (
    BATCH,
    NEW_FILE,
    OUTPUT,
    body_of,
    format_by_ending,
    job_id_prefix,
    limit_option,
    printed,
)
from command_line.output import (
    CommandFailed,
    Printed,
    output_file,
    print_line,
    print_rows,
    print_table,
    written,
)
from contract.columns import amount_of
from contract.requests.audit_tests import (
    AMOUNT_FIGURES,
    AUDIT_TESTS,
    NUMBERS_OF_ROWS,
    AuditTestKind,
    AuditTestPaperRequest,
)
from contract.words import ASSUMPTION_STATES
from domain_errors import counted

MAX_ROWS_SHOWN = 1000
EXAMPLES = {
    "duplicates": "payables --column vendor --loose-column invoice --amount-column amount",
    "near_duplicates": "payables --column vendor --date-column posted --days 7 "
    "--amount-column amount --amount-difference 1",
    "gaps": "payables --number-column invoice --series company",
    "benford": "payables --amount-column amount --digits first_two",
    "cutoff": "payables --posting-column posted --document-column delivered "
    "--cutoff 2025-12-31 --days 10",
    "weekend": "payables --date-column posted --country DE --subdivision BY",
    "unmatched": "payments --column invoice --other-dataset invoices --direction both",
}


@click.group("test")
def test_command() -> None:
    """Find rows of a table by an audit test.

    The found rows become a version of the dataset, with the reasons why they were found.
    """


def _add(kind: AuditTestKind) -> None:
    """Add the command of a test."""

    def run(
        client: ApiClient, dataset: str, limit: int, output: Path | None, **fields: Any
    ) -> Printed:
        base = f"/api/datasets/{client.dataset_id(dataset)}/audit-tests"
        body = body_of(fields)
        other = body.get("other", {})
        if "dataset_id" in other:
            other["dataset_id"] = client.dataset_id(other["dataset_id"])
        with output_file(output) as file:
            job = client.run_job(f"{base}/{kind.name}", body, "Testing")
            if file is not None:
                client.download_rows(job["id"], result_path(job), file)
        found = client.get(f"/api/exploration/jobs/{job['id']}/audit-test")
        rows = client.get(result_path(job), limit=limit) if limit else None
        return Printed(found, lambda found: _print_test(found, rows), output)

    run.__doc__ = (
        f"{kind.finds}\n\nDatasets are given by name or id.\n\n\b\n"
        f"jobsvc test {kind.name} {EXAMPLES[kind.name]}"
    )
    command = printed()(run)
    for option in (
        BATCH,
        OUTPUT,
        limit_option(20, MAX_ROWS_SHOWN, least=0, help="Rows to show; --output writes all rows."),
        with_request(kind.request),
        click.argument("dataset"),
    ):
        command = option(command)
    test_command.add_command(click.command(kind.name)(command))


for _kind in AUDIT_TESTS.values():
    _add(_kind)


@test_command.command("paper")
@click.argument("test", metavar="JOB_OR_REF")
@click.option("--dataset", help="Name or id of the dataset that has the ref.")
@click.option(
    "--output", required=True, type=NEW_FILE, help="A file that ends with .html or .xlsx."
)
@with_request(AuditTestPaperRequest)
@printed()
def paper(client: ApiClient, test: str, dataset: str | None, output: Path, **query: Any) -> Printed:
    """Write the paper of a test that was run.

    It has parameters, assumptions, figures and the first found rows.

    \b
    jobsvc test paper 917f045a --output paper.html
    jobsvc test paper expl-twice --dataset payables --output paper.html
    """
    kind = format_by_ending(output, "html", "xlsx")
    if dataset is None and test.startswith("expl-"):
        raise click.BadParameter("A ref needs --dataset.")
    job_id = _job_of_ref(client, dataset, test) if dataset else job_id_prefix(test)
    path = f"/api/exploration/jobs/{job_id}/audit-test/paper"
    client.save(path, output, format=kind, **body_of(query))
    return written(output, "Paper")


def _job_of_ref(client: ApiClient, dataset: str, ref: str) -> str:
    """The id of the test whose result is a ref."""
    query = {"dataset_id": client.dataset_id(dataset), "run_type": "exploration"}
    for job in client.all_of("/api/jobs", "jobs", **query):
        if job["output_name"] is not None and ref == f"expl-{job['output_name']}":
            return str(job["id"])
    raise CommandFailed("The dataset has no test with the ref {ref}.", ref=ref)


def _print_test(found: dict[str, Any], rows: dict[str, Any] | None) -> None:
    print_line(f"{found['title']}: {found['conclusion']}")
    print_line(f"{counted(found['tested_rows'], 'row')} tested.")
    for each in found["not_tested"]:
        print_line(
            f"{counted(each['rows'], 'row')} not tested: {each['column']}: {each['reason']}."
        )
    print_table(
        ("figure", "value"),
        [(each["title"], _text(each["name"], each["value"])) for each in found["figures"]],
    )
    for table in found["tables"]:
        if table["rows"]:
            print_line()
            print_line(f"{table['title']}:")
            columns = {
                name: title
                for name, title in table["columns"].items()
                if any(row[name] is not None for row in table["rows"])
            }
            lines = [[_text(name, row[name]) for name in columns] for row in table["rows"]]
            print_table(tuple(columns.values()), lines)
        if table["total"] > len(table["rows"]):
            print_line(f"These are the first {len(table['rows']):,} of {table['total']:,}.")
    print_line()
    for each in found["assumptions"]:
        detail = f" {each['detail']}" if each["detail"] else ""
        state = ASSUMPTION_STATES[each["state"]].lower()
        print_line(f"Assumption, {state}: {each['sentence']}{detail}")
    if found["mark"]:
        print_line(f"Marked rows: table marked, column {found['mark']}.")
    if rows and rows["data"]:
        print_line()
        print_rows(rows["columns"], rows["data"], rows["types"])
    ref = f", ref {found['output_ref']}" if found["output_ref"] else ""
    shown = len(rows["data"]) if rows else 0
    print_line(
        f"{shown:,} of {counted(found['found_rows'], 'row')} shown: job {found['job_id']}{ref}."
    )


def _text(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in NUMBERS_OF_ROWS:
        return str(value)
    if isinstance(value, str) and name in (*AMOUNT_FIGURES, "missing"):
        return f"{amount_of(value):,f}"
    return f"{value:.6g}" if isinstance(value, float) else value
