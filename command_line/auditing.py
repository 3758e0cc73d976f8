"""``jobsvc findings``, ``evaluate``, ``working-paper`` and others: the audit of a sample."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import click
from jobsvc_client import JobsvcError
from jobsvc_client.arguments import given
from jobsvc_client.frames import attachment_name

from application.audit.combined_sheet import combined_section
from application.audit.evaluators import evaluator_of
from application.audit.sentences import (
    limits_of,
    other_samples_tables,
    programme_facts,
    progress_sentence,
)
from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.importing import READING_OPTIONS
from command_line.options import (
    EXISTING_FILE,
    JOB,
    NEW_FILE,
    OFFSET,
    WholeNumber,
    body_of,
    field_option,
    format_by_ending,
    job_id_prefix,
    limit_option,
    printed,
)
from command_line.output import (
    Columns,
    CommandFailed,
    Printed,
    make_folder,
    print_items,
    print_line,
    print_lines,
    written,
)
from command_line.sampled_rows import KEY, upload_rows
from contract.columns import decimal_text
from contract.declarations import declared
from contract.numbers import number_of, plain_text
from contract.requests.evaluate import (
    CombinedEvaluationRequest,
    EvaluationRequest,
    WorkingPaperRequest,
)
from contract.requests.findings import FindingsListRequest
from contract.requests.paper_template import PaperTemplateRequest
from contract.requests.papers import PaperFactsRequest
from contract.words import CAUSES, LANGUAGES, OUTCOMES, REVIEW_ACTIONS, REVIEW_STATES
from domain_errors import InvalidRequest, counted
from presentation.content import float_text
from presentation.terminal import block_lines

COMBINED = "/api/audit/combined-evaluation"
VIEW = ("show", "row_id", "search", "order_by", "order_desc")
"""Fields of the list of findings."""
PLACES = 2
"""The decimal places of an amount, if it hasn't more."""


def _audit_value(entry: dict[str, Any] | None) -> str:
    """The audit value of a finding as people read amounts; empty without one."""
    value = (entry or {}).get("audit_value")
    return "" if value is None else decimal_text(str(value), PLACES)


ITEMS: Columns = {
    "row": "name",
    "finding": lambda each: (each["finding"] or {}).get("outcome") or "-",
    "audit value": lambda each: _audit_value(each["finding"]),
    "note": lambda each: (each["finding"] or {}).get("note") or "",
    "by": lambda each: (each["finding"] or {}).get("user_soeid") or "",
    "replaced by": lambda each: each["replaced_by_name"] or "",
}
LINES: Columns = {
    "row": "line",
    "key": lambda each: each["name"] or each["key"],
    "": "action",
    "before": lambda each: (each["before"] or {}).get("outcome") or "-",
    "finding": lambda each: (each["after"] or {}).get("outcome") or "-",
    "audit value": lambda each: _audit_value(each["after"]),
    "note or reason": lambda each: (
        each["problem"] or " ".join([each["after"]["note"], *each["doubts"]]).strip()
    ),
}
ATTACHMENTS: Columns = {
    "id": "id",
    "file": "file_name",
    "row": lambda each: each["name"] or "-",
    "bytes": "size_bytes",
    "SHA-256": lambda each: each["sha256"][:12],
    "note": "note",
    "by": "user_soeid",
    "removed": lambda each: (
        f"{each['removal_reason']} ({each['removed_by_soeid']})" if each["removed_at"] else ""
    ),
}


def _amount(text: str) -> str:
    """A written amount in plain digits; what can be read in two ways is refused."""
    try:
        value = number_of(text)
    except InvalidRequest as error:
        raise click.BadParameter(error.message) from None
    if text.rstrip().endswith("%"):
        raise click.BadParameter(f"{text} is a share. Write an amount, such as 1234.50.")
    return f"{value:f}"


@click.command()
@JOB
@click.argument("row", metavar="[ROW]", required=False)
@click.argument("outcome", required=False, type=click.Choice(tuple(OUTCOMES)))
@field_option(
    "--audit-value",
    type=_amount,
    metavar="AMOUNT",
    help="The correct value, such as 1,234.50 or 1.234,50.",
)
@field_option("--note", help="What was found.")
@field_option(
    "--deviation",
    "deviations",
    "deviations",
    multiple=True,
    metavar="ATTRIBUTE",
    help="Of an exception: a tested attribute from which the row deviates; repeatable.",
)
@field_option("--cause", type=click.Choice(list(CAUSES)), help="Why, of an exception.")
@field_option("--cause-text", help="The cause in words.")
@click.option(
    "--file",
    type=EXISTING_FILE,
    help="Enter the findings of an entry list, or of another file with the columns of the key, "
    "outcome, and if needed audit_value and note.",
)
@KEY
@click.option("--preview", is_flag=True, help="Show what the file would enter; enter nothing.")
@READING_OPTIONS
@click.option(
    "--output",
    type=NEW_FILE,
    help="Write the entry list to a file that ends with .xlsx or .csv.",
)
@with_request(FindingsListRequest, without=("limit", "offset"))
@limit_option(100)
@OFFSET
@printed()
def findings(
    client: ApiClient,
    job_id: str,
    row: str | None,
    outcome: str | None,
    file: Path | None,
    key: tuple[str, ...],
    preview: bool,
    output: Path | None,
    limit: int,
    offset: int,
    **chosen: Any,
) -> Printed:
    """List or enter the findings about the rows of a sample.

    With an OUTCOME, the finding about a ROW is entered; with --file, those of a file.

    \b
    jobsvc findings 917f045a
    jobsvc findings 917f045a primary:17 ok
    jobsvc findings 917f045a primary:42 exception --audit-value 120.50 --cause clerical
    jobsvc findings 917f045a --output list.xlsx
    jobsvc findings 917f045a --file list.xlsx --preview
    jobsvc findings 917f045a --file findings.csv --key invoice
    """
    path = f"/api/sampling/jobs/{job_id}/findings"
    if (row is None) != (outcome is None):
        raise click.UsageError("Give a ROW and its OUTCOME, or neither to list the findings.")
    finding = body_of(chosen)
    view = {name: finding.pop(name) for name in VIEW if name in finding}
    reading = {"options": finding.pop("options")} if "options" in finding else {}
    if row is None and finding:
        raise click.UsageError("What was found about a row needs a ROW and its OUTCOME.")
    if sum(each is not None for each in (row, file, output)) > 1:
        raise click.UsageError("Give a ROW and its OUTCOME, or --file, or --output.")
    if file is None and (key or preview or reading):
        raise click.UsageError("--key, --preview and options for reading need --file.")
    if view and (row or file or output):
        raise click.UsageError("--show, --row, --search and --order-by are for a list of findings.")
    if output is not None:
        client.save(path, output, format=format_by_ending(output, "xlsx", "csv"))
        return written(output, "Entry list")
    if file is not None:
        found = upload_rows(client, path, file, key, reading, preview=preview)
        return Printed(found, _print_preview if preview else _print_entered)
    if row is None:
        return Printed(client.get(path, limit=limit, offset=offset, **view), _print_items)
    found = client.post(path, {"row_id": row, "outcome": outcome, **finding})
    return Printed(found, lambda found: _print_counts(found["counts"]))


def _print_preview(found: dict[str, Any]) -> None:
    print_file_preview(found, LINES)


def print_file_preview(found: dict[str, Any], columns: Columns) -> None:
    """Print what the lines of a file would enter, a line each."""
    print_items(found["lines"], columns)
    print_file_counts(found)
    if found["problem"]:
        print_line(f"Problem: {found['problem']}")


def _print_entered(found: dict[str, Any]) -> None:
    print_file_counts(found["file"])
    _print_counts(found["counts"])


def print_file_counts(found: dict[str, Any]) -> None:
    """Print what the lines of a file enter."""
    parts = ("new", "changed", "unchanged", "empty", "refused")
    counts = ", ".join(f"{found[part]:,} {part}" for part in parts if found[part])
    print_line(f"{found['row_count']:,} lines by {', '.join(found['key'])}: {counts}.")
    if found["doubtful"]:
        print_line(f"{found['doubtful']:,} to check: the preview says why.")
    print_lines(found["notes"])


def _print_items(found: dict[str, Any]) -> None:
    amount = found["amount_column"]

    def row(item: dict[str, Any]) -> str:
        value = item["data"].get(amount)
        if value is None:
            return str(item["name"])
        places = PLACES if isinstance(value, float) else None
        return f"{item['name']} ({decimal_text(str(value), places)})"

    print_items(found["items"], {**ITEMS, "row": row})
    if found["total"] != (items := found["counts"]["items"]):
        print_line(f"{found['total']:,} of {counted(items, 'row')} match the filter and search.")
    _print_counts(found["counts"])


def _print_counts(counts: dict[str, int]) -> None:
    print_line(progress_sentence(counts))


@click.command()
@JOB
@click.argument("files", metavar="[FILE]...", nargs=-1, type=EXISTING_FILE)
@field_option(
    "--row", "row_id", "row_id", metavar="ROW", help="Attach to a row, or list those of a row."
)
@field_option("--note", help="What the files show.")
@click.option(
    "--remove", type=WholeNumber(), metavar="ID", help="Remove an attachment; needs --reason."
)
@field_option("--reason", help="Why it is removed.")
@click.option("--removed", is_flag=True, help="List removed attachments, too.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Download the attachments into a folder, each as its id and name.",
)
@printed()
def attachments(
    client: ApiClient,
    job_id: str,
    files: tuple[Path, ...],
    row_id: str | None,
    note: str | None,
    remove: int | None,
    reason: str | None,
    removed: bool,
    output: Path | None,
) -> Printed:
    """List, add, remove or download the files attached to a sample and its rows.

    A file has at most 32 MiB. A removed attachment stays in the history.

    \b
    jobsvc attachments 917f045a invoice.pdf --row primary:17 --note "signed by the buyer"
    jobsvc attachments 917f045a plan.docx
    jobsvc attachments 917f045a --output evidence
    jobsvc attachments 917f045a --remove 3 --reason "of another invoice"
    """
    path = f"/api/sampling/jobs/{job_id}/attachments"
    if sum(map(bool, (files, remove, output or removed))) > 1:
        raise click.UsageError("Give FILEs, --remove, or what to list or download.")
    if (remove is None) != (reason is None):
        raise click.UsageError("--remove and --reason go together.")
    if note is not None and not files:
        raise click.UsageError("--note is of the FILEs to attach.")
    if remove is not None:
        gone = client.delete(f"{path}/{remove}", {"reason": reason})
        return Printed(gone, f"Attachment {gone['id']} ({gone['file_name']}) was removed.")
    if files:
        fields = given(row_id=row_id, note=note)
        added = [client.upload_file(path, file, fields) for file in files]
        return Printed(added, _print_attachments)
    found = client.all_of(path, "attachments", **given(row_id=row_id, removed=removed or None))
    if output is not None:
        make_folder(output)
        for each in found:
            client.save(f"{path}/{each['id']}", output / attachment_name(each))
    return Printed(found, _print_attachments)


def _print_attachments(found: list[dict[str, Any]]) -> None:
    print_items(found, ATTACHMENTS)
    print_line(f"{counted(len(found), 'attachment')}.")


@click.command()
@JOB
@click.argument("names", nargs=-1)
@printed(lambda found: print_line("\n".join(found["attributes"]) or "No attributes."))
def attributes(client: ApiClient, job_id: str, names: tuple[str, ...]) -> Any:
    """Choose or list the tested attributes of a sample.

    Each row is tested for all of them, and each is evaluated by itself. Choose them before the
    first finding.

    \b
    jobsvc attributes 917f045a approved "amount agrees" "posted in its period"
    jobsvc findings 917f045a primary:17 exception --deviation approved
    """
    path = f"/api/sampling/jobs/{job_id}/attributes"
    return client.put(path, {"attributes": list(names)}) if names else client.get(path)


@click.command(name="shown-columns")
@JOB
@click.argument("names", nargs=-1)
@click.option("--default", "is_default", is_flag=True, help="Show the default columns.")
@printed(lambda found: print_line("\n".join(found["columns"])))
def shown_columns(client: ApiClient, job_id: str, names: tuple[str, ...], is_default: bool) -> Any:
    """Choose or list the columns that findings show of each row.

    All people of the sample see them; the columns of the row key are first.

    \b
    jobsvc shown-columns 917f045a vendor amount posted
    jobsvc shown-columns 917f045a --default
    """
    if names and is_default:
        raise click.UsageError("Give NAMES or --default.")
    path = f"/api/sampling/jobs/{job_id}/shown-columns"
    if names or is_default:
        return client.put(path, {"columns": list(names)})
    return client.get(path)


@click.command()
@JOB
@click.argument("text")
@printed(lambda found: print_line(f"Conclusion: {found['text'] or 'none'}"))
def conclude(client: ApiClient, job_id: str, text: str) -> Any:
    """Write the auditor's conclusion on a sample.

    The working paper shows it. "" is none.

    \b
    jobsvc conclude 917f045a "Overstatements are tolerable; the price file was corrected."
    """
    return client.put(f"/api/sampling/jobs/{job_id}/conclusion", {"text": text})


@click.command()
@JOB
@click.argument("row", metavar="ROW")
@field_option("--reason", required=True, help="Why the row is not applicable.")
@printed(
    lambda found: print_line(
        f"{found['name'] if found['name'] != found['row_id'] else 'Row ' + found['row_id']} was "
        f"replaced by {found['replacement_name']}."
    )
)
def replace(client: ApiClient, job_id: str, row: str, reason: str) -> Any:
    """Replace a row of a sample by the next row of the order.

    \b
    jobsvc replace 917f045a primary:17 --reason "not a purchase"
    """
    path = f"/api/sampling/jobs/{job_id}/replacements"
    return client.post(path, {"row_id": row, "reason": reason})


def _print_evaluation(found: dict[str, Any]) -> None:
    for block in [*programme_facts(found), *evaluator_of(found).printed(found)]:
        print_line("\n".join(block_lines(block)))
        print_line()
    _print_remarks(found)


def _print_remarks(found: dict[str, Any]) -> None:
    """Notes, departures, and the conclusion with what holds it up."""
    print_lines(found.get("notes", ()))
    if found["signed"] and found["signed"]["difference"]:
        print_line(f"Not the signed evaluation. {found['signed']['difference']}")
    if found["departure"]:
        print_line(f"Departs from the plan. {found['departure']}")
    if found["conclusion"]:
        print_line(found["conclusion"]["sentence"])
    elif found["scope"]:
        print_line(f"These figures are of the rows that pass {found['scope']} alone.")
    print_lines(limits_of(found))
    for table in other_samples_tables(found):
        print_line("\n".join(block_lines(table)))


@click.command()
@JOB
@with_request(EvaluationRequest)
@printed(_print_evaluation)
def evaluate(client: ApiClient, job_id: str, **options: Any) -> Any:
    """Evaluate a sample by its findings.

    Shows limits, arithmetic and conclusion.

    \b
    jobsvc evaluate 917f045a --tolerable 5%
    jobsvc evaluate 917f045a --tolerable 50,000 --confidence 0.9
    jobsvc evaluate 917f045a --kind variables --book amount --estimator ratio --sides two
    jobsvc evaluate 917f045a --kind sequential --tolerable 5%
    jobsvc evaluate 917f045a --programme eu-cohesion --confidence 80%
    """
    return client.post(f"/api/sampling/jobs/{job_id}/evaluation", body_of(options))


def _print_together(found: dict[str, Any]) -> None:
    for block in combined_section(found).blocks:
        print_line("\n".join(block_lines(block)))
        print_line()


@click.command(name="evaluate-together")
@click.argument("jobs", nargs=-1, required=True, type=job_id_prefix, metavar="JOB JOB ...")
@click.option("--output", type=NEW_FILE, help="A paper: a file that ends with .html or .xlsx.")
@click.option(
    "--issue",
    is_flag=True,
    help="Keep the paper on the server, and enter its SHA-256 in the ledger of each dataset.",
)
@click.option("--language", type=click.Choice(tuple(LANGUAGES)), help="Of the paper.")
@with_request(CombinedEvaluationRequest)
@printed()
def evaluate_together(
    client: ApiClient,
    jobs: tuple[str, ...],
    output: Path | None,
    issue: bool,
    language: str | None,
    **options: Any,
) -> Printed:
    """Evaluate several samples together, as parts of one conclusion.

    They are strata, periods or datasets whose populations have no row in common.

    \b
    jobsvc evaluate-together 917f045a 3c1d22e8 --tolerable 50,000
    jobsvc evaluate-together 917f045a 3c1d22e8 --tolerable 2% --confidence 90%
    jobsvc evaluate-together 917f045a 3c1d22e8 --tolerable 2% --output paper.html --issue
    """
    body = body_of(options)
    if output is None:
        if issue or language:
            raise click.UsageError("--issue and --language need --output.")
        return Printed(client.post(COMBINED, {"jobs": list(jobs), **body}), _print_together)
    more = {"format": format_by_ending(output, "html", "xlsx"), "language": language}
    more = {name: value for name, value in more.items() if value is not None}
    if issue:
        issued = client.post(f"{COMBINED}/papers", {"jobs": list(jobs), **body, **more})
        client.save(f"{COMBINED}/papers/{issued['id']}", output)
        return Printed(issued, _print_issued_together)
    client.save(f"{COMBINED}/paper", output, jobs=",".join(jobs), **_query(body), **more)
    return written(output, "Paper")


def _query(body: dict[str, Any]) -> dict[str, Any]:
    return {
        name: plain_text(value) if isinstance(value, float) else value
        for name, value in body.items()
    }


def _print_issued_together(paper: dict[str, Any]) -> None:
    state = REVIEW_STATES[paper["review_state"]].lower()
    print_line(f"Issued paper {paper['id']} on {paper['title']} ({state}).")
    print_line(f"SHA-256 {paper['sha256']}")
    if paper["conclusion"]:
        print_line(paper["conclusion"])


def _print_review(found: dict[str, Any]) -> None:
    print_line(f"Review: {found['state'].replace('_', ' ')}.")
    kept = found["entries"][-1]["evaluation"]
    if kept:
        tolerable = ""
        if kept["tolerable"]:
            tolerable = f", tolerable {float_text(float(kept['tolerable']))}"
        print_line(f"Kept: {kept['kind']}, confidence {kept['confidence']:.4g}{tolerable}.")
        if kept.get("departure"):
            print_line(f"Departs from the plan. {kept['departure']}")
        if kept["conclusion"]:
            print_line(kept["conclusion"])
        print_lines(limits_of(kept))
    elif found["state"] in ("signed_off", "approved"):
        signed = [each for each in found["entries"] if each["action"] == "signed_off"][-1]
        if not signed["evaluation"]:
            print_line("The sign-off kept no evaluation: nothing is evaluated.")


@click.command()
@JOB
@click.argument("action", type=click.Choice(tuple(REVIEW_ACTIONS)))
@click.option("--note", help="Needed by returned and reopened.")
@field_option(
    "--accept-missing",
    is_flag=True,
    help="Of submitted: leave out missing causes, audit values and replacements, for the reason in "
    "--note.",
)
@with_request(EvaluationRequest)
@printed(_print_review)
def review(
    client: ApiClient,
    job_id: str,
    action: str,
    note: str | None,
    accept_missing: bool,
    **options: Any,
) -> Any:
    """Submit findings for review, or sign them off.

    The steps are submitted, withdrawn, returned, signed_off, reopened and, in an engagement,
    approved, by a partner who neither prepared nor signed off. The options of an
    evaluation are for signed_off, which keeps its parameters and conclusion; by default those of
    the plan. Findings that lack a cause, an audit value or a replacement are listed instead of
    submitted, unless --accept-missing leaves these out. Who entered or submitted findings can't
    sign them off or reopen them.

    \b
    jobsvc review 917f045a submitted
    jobsvc review 917f045a submitted --accept-missing --note "causes follow in the memo"
    jobsvc review 917f045a returned --note "row 17: which invoice?"
    jobsvc review 917f045a signed_off --tolerable 50,000
    """
    body = given(action=action, note=note, evaluation=body_of(options) or None)
    if accept_missing or action == "submitted":
        body["accept_missing"] = accept_missing
    try:
        return client.post(f"/api/sampling/jobs/{job_id}/review", body)
    except JobsvcError as error:
        if error.code != "details_missing":
            raise
        print_lines((each["msg"] for each in error.errors), err=True)
        raise CommandFailed(
            "{count} {count|finding lacks|findings lack} a cause, an audit value or a "
            "replacement. Enter them, or leave them out: --accept-missing --note REASON",
            count=error.errors[0]["parameters"]["count"],
        ) from None


@click.command(name="working-paper")
@JOB
@click.option(
    "--output",
    required=True,
    type=NEW_FILE,
    help="A file that ends with .html or .xlsx.",
)
@click.option(
    "--issue",
    is_flag=True,
    help="Keep the paper on the server, and enter its SHA-256 in the ledger of the dataset.",
)
@with_request(WorkingPaperRequest)
@printed()
def working_paper(
    client: ApiClient, job_id: str, output: Path, issue: bool, **evaluation: Any
) -> Printed:
    """Write the working paper of a sample.

    It has facts, design, items, findings, evaluation and review.

    \b
    jobsvc working-paper 917f045a --output paper.html --tolerable 5%
    jobsvc working-paper 917f045a --output paper.xlsx --issue
    """
    kind = format_by_ending(output, "html", "xlsx")
    path = f"/api/sampling/jobs/{job_id}"
    body = body_of(evaluation)
    if issue:
        issued = client.post(f"{path}/papers", {**body, "format": kind})
        client.save(f"{path}/papers/{issued['number']}", output)
        return Printed(issued, _print_issued)
    client.save(f"{path}/working-paper", output, format=kind, **_query(body))
    return written(output, "Working paper")


def _print_issued(paper: dict[str, Any]) -> None:
    state = REVIEW_STATES[paper["review_state"]].lower()
    print_line(
        f"Issued working paper {paper['number']} ({state}), entry {paper['ledger_number']} of the "
        f"ledger, SHA-256 {paper['sha256']}."
    )


@click.command(name="paper-template")
@click.option("--logo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-logo", is_flag=True, help="Remove the logo.")
@click.option("--preview", type=NEW_FILE, help="Write a page that shows the template.")
@with_request(PaperTemplateRequest)
@printed()
def paper_template(
    client: ApiClient, logo: Path | None, no_logo: bool, preview: Path | None, **options: Any
) -> Printed:
    """Show or change the look of working papers (admins only).

    Papers have the firm's name, address, logo, colour and texts. Without options, it is shown.

    \b
    jobsvc paper-template --firm "Audit & Co" --color "#1f3b57" --logo logo.png
    jobsvc paper-template --preview preview.html
    """
    path, body = "/api/paper-template", body_of(options)
    if logo is not None or no_logo:
        content = b"" if logo is None else logo.read_bytes()
        body["logo"] = base64.b64encode(content).decode()
    found = client.patch(path, body) if body else client.get(path)
    if preview is not None:
        client.save(f"{path}/preview", preview, format=format_by_ending(preview, "html", "xlsx"))
        return written(preview, "Preview")
    return Printed(found, _print_template)


def _print_template(found: dict[str, Any]) -> None:
    for own in declared(PaperTemplateRequest):
        value = found["template"][own.name]
        text = "; ".join(value) if isinstance(value, list) else value
        if own.name == "logo":
            text = "yes" if found["has_logo"] else None
        print_line(f"{own.title}: {text or 'not set'}")


PAPERS: Columns = {
    "number": "number",
    "format": "format",
    "language": "language",
    "review": "review_state",
    "evaluation": lambda one: "other than signed off" if one["has_other_evaluation"] else "",
    "issued": "issued_at",
    "by": "user_soeid",
    "sha-256": "sha256",
}


PAPERS_TOGETHER: Columns = {
    "id": "id",
    "samples": "title",
    **{name: own for name, own in PAPERS.items() if name not in ("number", "evaluation")},
    "withdrawn": lambda one: one["reason"] or "",
}


@click.command(name="issued-papers")
@JOB
@click.option("--number", type=WholeNumber(1), help="The paper to write to --output.")
@click.option("--output", type=NEW_FILE, help="Where to write the paper of --number.")
@click.option("--together", is_flag=True, help="The papers on this sample and others, by their id.")
@click.option("--withdraw", metavar="REASON", help="Withdraw the paper --number of --together.")
@limit_option(100)
@OFFSET
@printed()
def issued_papers(
    client: ApiClient,
    job_id: str,
    number: int | None,
    output: Path | None,
    together: bool,
    withdraw: str | None,
    limit: int,
    offset: int,
) -> Printed:
    """List the issued working papers of a sample.

    With --number and --output, one of them is written to a file. A paper on several samples can be
    withdrawn with a reason; its file stays.

    \b
    jobsvc issued-papers 917f045a
    jobsvc issued-papers 917f045a --number 1 --output paper.html
    jobsvc issued-papers 917f045a --together
    jobsvc issued-papers 917f045a --together --number 3 --withdraw "samples are evaluated alone"
    """
    path = f"{COMBINED}/papers" if together else f"/api/sampling/jobs/{job_id}/papers"
    if withdraw is not None and not (together and number and output is None):
        raise click.UsageError("--withdraw needs --together and --number, and no --output.")
    if withdraw is not None:
        gone = client.post(f"{path}/{number}/withdraw", {"reason": withdraw})
        return Printed(gone, lambda gone: print_line(f"Withdrew paper {gone['id']}."))
    if (number is None) != (output is None):
        raise click.UsageError("--number and --output go together.")
    if output is not None:
        client.save(f"{path}/{number}", output)
        return written(output, "Working paper")
    query = {"job_id": job_id} if together else {}
    found = client.get(path, limit=limit, offset=offset, **query)
    columns = PAPERS_TOGETHER if together else PAPERS
    return Printed(found, lambda found: print_items(found["papers"], columns))


def _print_paper_facts(found: dict[str, Any]) -> None:
    for own in declared(PaperFactsRequest):
        value = found["facts"][own.name] or found["defaults"][own.name]
        text = ", ".join(value) if isinstance(value, list) else value
        print_line(f"{own.title}: {text or 'not given'}")
    for each in found["missing"]:
        source = each["source"] and f" ({each['source']})"
        print_line(f"Missing{source}: {each['missing']}")


@click.command(name="paper-facts")
@JOB
@with_request(PaperFactsRequest)
@printed(_print_paper_facts)
def paper_facts(client: ApiClient, job_id: str, **facts: Any) -> Any:
    """Enter or list the facts of a sample's working paper.

    Those that aren't given stay as they are; "" clears one. The first entry takes over client,
    period and names of the newest other sample of the dataset.

    \b
    jobsvc paper-facts 917f045a --client "Acme Ltd" --period 2025 --assertion existence
    jobsvc paper-facts 917f045a
    """
    path = f"/api/sampling/jobs/{job_id}/paper-facts"
    body = body_of(facts)
    return client.patch(path, body) if body else client.get(path)
