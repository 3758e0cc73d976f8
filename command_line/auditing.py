"""``jobsvc findings``, ``replace``, ``evaluate``, ``working-paper``: the audit of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from application.audit.causes import CAUSES
from application.audit.kinds import (
    BREAKDOWN,
    KINDS,
    OTHER_SAMPLES,
    PARAMETERS,
    TOLERABLE,
    amount_of,
    likely_of,
    limits_of,
    other_samples_lines,
    progress_sentence,
)
from command_line.connection import ApiClient, Target, connected
from command_line.importing import READING_OPTIONS
from command_line.options import AS_JSON, JOB, Command, field_option, printed, with_target
from command_line.output import (
    Columns,
    output_file,
    print_items,
    print_line,
    print_result,
    print_table,
)
from command_line.sampled_rows import KEY, upload_rows
from command_line.sampling import confidence_number, errors
from contract.numbers import number_of, plain_text
from domain_errors import InvalidRequest

REVIEW_ACTIONS = ("submitted", "withdrawn", "returned", "signed_off", "reopened")
OUTCOMES = ("ok", "exception", "not_applicable", "not_examinable")
ITEMS: Columns = {
    "row": "_logical_row_id",
    "finding": lambda each: (each["finding"] or {}).get("outcome") or "-",
    "audit value": lambda each: (each["finding"] or {}).get("audit_value") or "",
    "note": lambda each: (each["finding"] or {}).get("note") or "",
    "by": lambda each: (each["finding"] or {}).get("user_soeid") or "",
    "replaced by": lambda each: each["replaced_by"] or "",
}
LINES: Columns = {
    "row": "line",
    "key": lambda each: each["_logical_row_id"] or each["key"],
    "": "action",
    "before": lambda each: (each["before"] or {}).get("outcome") or "-",
    "finding": lambda each: (each["after"] or {}).get("outcome") or "-",
    "audit value": lambda each: (each["after"] or {}).get("audit_value") or "",
    "note or reason": lambda each: (
        each["problem"] or " ".join([each["after"]["note"], *each["doubts"]]).strip()
    ),
}
OPTIONS = (
    field_option(
        "--kind",
        "kind",
        type=click.Choice(list(KINDS)),
        help="[default: that which fits the sample's plan and method].",
    ),
    field_option("--tolerable", "tolerable", type=errors, help=TOLERABLE),
    field_option(
        "--confidence",
        "confidence",
        type=confidence_number,
        help="Such as 90% or 0.9 [default: that of the plan, else 95%].",
    ),
    *(
        field_option(
            each.option,
            each.name,
            each.name,
            type=click.Choice(list(each.choices)) if each.choices else str,
            metavar=None if each.choices else "COLUMN",
            help=each.help.replace("`", ""),
        )
        for each in PARAMETERS.values()
    ),
)


def evaluation_options(command: Command) -> Command:
    """Add the options of an evaluation to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


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
@click.argument("row", required=False)
@click.argument("outcome", required=False, type=click.Choice(OUTCOMES))
@field_option(
    "--audit-value",
    "audit_value",
    type=_amount,
    metavar="AMOUNT",
    help="The correct value, such as 1,234.50 or 1.234,50.",
)
@field_option("--note", "note", help="What was found.")
@field_option(
    "--deviation",
    "deviations",
    "deviations",
    multiple=True,
    metavar="ATTRIBUTE",
    help="Of an exception: a tested attribute from which the row deviates; repeatable.",
)
@field_option("--cause", "cause", type=click.Choice(list(CAUSES)), help="Why, of an exception.")
@field_option("--cause-text", "cause_text", help="The cause in words.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Enter the findings of an entry list, or of another file with the columns of the key, "
    "outcome, and if needed audit_value and note.",
)
@KEY
@click.option("--preview", is_flag=True, help="Show what the file would enter; enter nothing.")
@READING_OPTIONS
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the entry list to a file that ends with .xlsx or .csv.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0, help="Items to skip.")
@AS_JSON
@with_target
def findings(
    target: Target,
    job_id: str,
    row: str | None,
    outcome: str | None,
    audit_value: str | None,
    note: str | None,
    deviations: tuple[str, ...],
    cause: str | None,
    cause_text: str | None,
    file: Path | None,
    key: tuple[str, ...],
    preview: bool,
    options: dict[str, Any],
    output: Path | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
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
    given = {
        "audit_value": audit_value,
        "note": note,
        "deviations": list(deviations) or None,
        "cause": cause,
        "cause_text": cause_text,
    }
    if row is None and any(given.values()):
        raise click.UsageError("What was found about a row needs a ROW and its OUTCOME.")
    if sum(each is not None for each in (row, file, output)) > 1:
        raise click.UsageError("Give a ROW and its OUTCOME, or --file, or --output.")
    if file is None and (key or preview or options):
        raise click.UsageError("--key, --preview and options for reading need --file.")
    if output is not None:
        _write_list(target, path, output)
        return
    with connected(target) as client:
        if file is not None:
            found = upload_rows(client, path, file, key, options, preview=preview)
            print_result(found, as_json, _print_preview if preview else _print_entered)
        elif row is None:
            found = client.get(path, limit=limit, offset=offset)
            print_result(found, as_json, _print_items)
        else:
            body = {name: value for name, value in given.items() if value is not None}
            found = client.post(path, {"_logical_row_id": row, "outcome": outcome, **body})
            print_result(found, as_json, lambda found: _print_counts(found["counts"]))


def _write_list(target: Target, path: str, output: Path) -> None:
    kind = output.suffix.lower().removeprefix(".")
    if kind not in ("xlsx", "csv"):
        raise click.BadParameter(
            "The name of the file ends with .xlsx or .csv.", param_hint="--output"
        )
    with connected(target) as client, output_file(output) as opened:
        if opened is not None:
            client.download(path, opened, format=kind)
    print_line(f"Entry list written to {output}")


def _print_preview(found: dict[str, Any]) -> None:
    print_items(found["lines"], LINES)
    _print_file(found)
    for note in found["notes"]:
        print_line(note)
    if found["problem"]:
        print_line(f"Problem: {found['problem']}")


def _print_entered(found: dict[str, Any]) -> None:
    _print_file(found["file"])
    _print_counts(found["counts"])


def _print_file(found: dict[str, Any]) -> None:
    parts = ("new", "changed", "unchanged", "empty", "refused")
    counts = ", ".join(f"{found[part]:,} {part}" for part in parts if found[part])
    print_line(f"{found['rows']:,} lines by {', '.join(found['key'])}: {counts}.")
    if found["doubtful"]:
        print_line(f"{found['doubtful']:,} to check: the preview says why.")


def _print_items(found: dict[str, Any]) -> None:
    print_items(found["items"], ITEMS)
    _print_counts(found["counts"])


def _print_counts(counts: dict[str, int]) -> None:
    print_line(progress_sentence(counts))


@click.command()
@JOB
@click.argument("names", nargs=-1)
@AS_JSON
@with_target
def attributes(target: Target, job_id: str, names: tuple[str, ...], as_json: bool) -> None:
    """Choose or list the tested attributes of a sample.

    Each row is tested for all of them, and each is evaluated by itself. Choose them before the
    first finding.

    \b
    jobsvc attributes 917f045a approved "amount agrees" "posted in its period"
    jobsvc findings 917f045a primary:17 exception --deviation approved
    """
    path = f"/api/sampling/jobs/{job_id}/attributes"
    with connected(target) as client:
        found = client.put(path, {"attributes": list(names)}) if names else client.get(path)
    print_result(
        found, as_json, lambda found: print_line("\n".join(found["attributes"]) or "No attributes.")
    )


@click.command()
@JOB
@click.argument("text")
@AS_JSON
@with_target
def conclude(target: Target, job_id: str, text: str, as_json: bool) -> None:
    """Write the auditor's conclusion on a sample.

    The working paper shows it. "" is none.

    \b
    jobsvc conclude 917f045a "Overstatements are tolerable; the price file was corrected."
    """
    with connected(target) as client:
        found = client.put(f"/api/sampling/jobs/{job_id}/conclusion", {"text": text})
    print_result(found, as_json, lambda found: print_line(f"Conclusion: {found['text'] or 'none'}"))


@click.command()
@JOB
@click.argument("row")
@field_option("--reason", "reason", required=True, help="Why the row is not applicable.")
@printed(
    lambda found: print_line(
        f"Row {found['_logical_row_id']} was replaced by {found['replacement_id']}."
    )
)
def replace(client: ApiClient, job_id: str, row: str, reason: str) -> Any:
    """Replace a row of a sample by the next row of the order.

    \b
    jobsvc replace 917f045a primary:17 --reason "not a purchase"
    """
    path = f"/api/sampling/jobs/{job_id}/replacements"
    return client.post(path, {"_logical_row_id": row, "reason": reason})


@click.command()
@JOB
@evaluation_options
@AS_JSON
@with_target
def evaluate(target: Target, job_id: str, as_json: bool, **given: Any) -> None:
    """Evaluate a sample by its findings.

    Shows limits, arithmetic and conclusion.

    \b
    jobsvc evaluate 917f045a --tolerable 5%
    jobsvc evaluate 917f045a --tolerable 50,000 --confidence 0.9
    jobsvc evaluate 917f045a --kind variables --book amount --estimator ratio --sides two
    jobsvc evaluate 917f045a --kind sequential --tolerable 5%
    """
    body = {name: value for name, value in given.items() if value is not None}
    with connected(target) as client:
        found = client.post(f"/api/sampling/jobs/{job_id}/evaluation", body)
    print_result(found, as_json, _print_evaluation)


def _print_evaluation(found: dict[str, Any]) -> None:
    match found["kind"], found.get("measure"):
        case ("attributes" | "two_stage" | "variables", _):
            rows = [
                [each["name"], each["formula"], f"{each['value']:,.10g}"]
                for each in found["arithmetic"]
            ]
            print_table(["line", "formula", "value"], rows)
            if found.get("attributes"):
                _print_attributes(found["attributes"])
            if found["kind"] == "variables":
                _print_each_direction(found)
        case ("monetary_unit", _):
            _print_directions(found, {**BREAKDOWN, **likely_of(found)})
        case (_, "amount"):
            print_line(
                f"{found['exceptions']:,} misstatements in {found['examined']:,} rows: M is "
                f"{found['statistic']:,.6g}, and errors are tolerable from "
                f"{found['threshold']:,.6g} on. Upper limit: "
                f"{Decimal(found['upper_limit']):,f}. Decision: {found['decision']}."
            )
        case _:
            print_line(
                f"{found['exceptions']:,} exceptions in {found['examined']:,} rows: "
                f"{found['least']:,} to {found['most']:,} of {found['population']:,} rows can have "
                f"one. Decision: {found['decision']}."
            )
    _print_remarks(found)


def _print_remarks(found: dict[str, Any]) -> None:
    """Notes, departures, and the conclusion with what holds it up."""
    for note in found.get("notes", ()):
        print_line(note)
    if found["signed"] and found["signed"]["difference"]:
        print_line(f"Not the signed evaluation. {found['signed']['difference']}")
    if found["departure"]:
        print_line(f"Departs from the plan. {found['departure']}")
    if found["conclusion"]:
        print_line(found["conclusion"]["sentence"])
    elif found["scope"]:
        print_line(f"These figures are of the rows that pass {found['scope']} alone.")
    for sentence in limits_of(found):
        print_line(sentence)
    if found["other_samples"]:
        print_table(OTHER_SAMPLES, other_samples_lines(found))


def _print_attributes(found: list[dict[str, Any]]) -> None:
    """A line for each tested attribute, evaluated by itself."""
    verdicts = {True: "tolerable", False: "not tolerable", None: ""}
    rows = [
        [
            each["name"],
            f"{each['deviations']:,}",
            f"{each['share']:.2%}",
            _limits(each),
            verdicts[each["is_tolerable"]],
        ]
        for each in found
    ]
    print_table(["attribute", "deviations", "share", "upper limit", ""], rows)


def _limits(found: Mapping[str, Any]) -> str:
    """The limits of a share as they are known: the upper one, or both."""
    limits = [found[name] for name in ("lower_limit", "upper_limit")]
    return " to ".join(f"{limit:.2%}" for limit in limits if limit is not None)


def _print_each_direction(found: dict[str, Any]) -> None:
    """The net figures of a projection, and those of each direction alone."""
    net = f"{Decimal(found['found']):,f} in {found['errors']:,}"
    print_line(f"Errors found in the sample, net: {net} of {found['examined']:,} rows.")
    estimator = PARAMETERS["estimator"].choices[found["direction_estimator"]].lower()
    titles = {
        "found": "Errors found in the sample",
        "projected": f"Projected by {estimator}",
        "upper_limit": "Upper limit",
    }
    _print_directions(found, titles)


def _print_directions(found: dict[str, Any], titles: Mapping[str, str]) -> None:
    """A line for each amount, overstatements beside understatements."""
    sides = (found["overstatement"], found["understatement"])
    rows = [
        [title.lower(), *(f"{Decimal(amount_of(side, name)):,f}" for side in sides)]
        for name, title in titles.items()
    ]
    print_table(["figure", "overstatement", "understatement"], rows)


@click.command()
@JOB
@click.argument("action", type=click.Choice(tuple(REVIEW_ACTIONS)))
@field_option("--note", "note", help="Needed by returned and reopened.")
@evaluation_options
@AS_JSON
@with_target
def review(
    target: Target, job_id: str, action: str, note: str | None, as_json: bool, **given: Any
) -> None:
    """Submit findings for review, or sign them off.

    The steps are submitted, withdrawn, returned, signed_off and reopened. The options of an
    evaluation are for signed_off, which keeps its parameters and conclusion; by default those of
    the plan. Who entered or submitted findings can't sign them off or reopen them.

    \b
    jobsvc review 917f045a submitted
    jobsvc review 917f045a returned --note "row 17: which invoice?"
    jobsvc review 917f045a signed_off --tolerable 50,000
    """
    evaluation = {name: value for name, value in given.items() if value is not None}
    body = {"action": action, "note": note, "evaluation": evaluation or None}
    with connected(target) as client:
        found = client.post(
            f"/api/sampling/jobs/{job_id}/review",
            {name: value for name, value in body.items() if value is not None},
        )
    print_result(found, as_json, _print_review)


def _print_review(found: dict[str, Any]) -> None:
    print_line(f"Review: {found['state'].replace('_', ' ')}.")
    kept = found["entries"][-1]["evaluation"]
    if kept:
        tolerable = f", tolerable {kept['tolerable']}" if kept["tolerable"] else ""
        print_line(f"Kept: {kept['kind']}, confidence {kept['confidence']:.4g}{tolerable}.")
        if kept.get("departure"):
            print_line(f"Departs from the plan. {kept['departure']}")
        if kept["conclusion"]:
            print_line(kept["conclusion"])
        for sentence in limits_of(kept):
            print_line(sentence)


@click.command(name="working-paper")
@JOB
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that ends with .html or .xlsx.",
)
@evaluation_options
@with_target
def working_paper(target: Target, job_id: str, output: Path, **given: Any) -> None:
    """Write the working paper of a sample.

    It has design, items, findings, evaluation and review.

    \b
    jobsvc working-paper 917f045a --output paper.html --tolerable 5%
    """
    kind = output.suffix.lower().removeprefix(".")
    if kind not in ("html", "xlsx"):
        raise click.BadParameter(
            "The name of the file ends with .html or .xlsx.", param_hint="--output"
        )
    query = {
        name: plain_text(value) if isinstance(value, float) else value
        for name, value in given.items()
        if value is not None
    }
    path = f"/api/sampling/jobs/{job_id}/working-paper"
    with connected(target) as client, output_file(output) as file:
        if file is not None:
            client.download(path, file, format=kind, **query)
    print_line(f"Working paper written to {output}")
