"""``jobsvc questions``, ``review-next``, ``answer``, ``answers``, ``reviewers``: rows by people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click
from jobsvc_client.arguments import given

from command_line.auditing import print_file_counts, print_file_preview
from command_line.connection import ApiClient
from command_line.exploring import print_query_job
from command_line.importing import READING_OPTIONS
from command_line.options import (
    EXISTING_FILE,
    JOB,
    NEW_FILE,
    OFFSET,
    body_of,
    field_option,
    format_by_ending,
    limit_option,
    number,
    printed,
)
from command_line.output import Columns, Printed, print_items, print_line, print_lines, written
from command_line.sampled_rows import KEY, upload_rows
from contract.column_lists import listed_names
from contract.numbers import number_of
from contract.words import NO_WORDS, OUTCOMES, READINGS, REVIEW_TASKS, YES_WORDS, AnswersFile
from domain_errors import InvalidRequest

FILE_FORMATS = get_args(AnswersFile)
ENDINGS = tuple(name for name in FILE_FORMATS if name != "label_studio")
LINES: Columns = {
    "row": "line",
    "key": lambda each: each["name"] or each["key"],
    "": "action",
    "before": lambda each: _entry_text(each["before"]) if each["before"] else "-",
    "answers": lambda each: _entry_text(each["after"]) if each["after"] else "-",
    "note or reason": lambda each: each["problem"] or each["after"]["note"],
}
ENTRY: Columns = {
    "row": "name",
    "counts": lambda each: each["counts"] or "-",
    "answers": lambda each: _entry_text(each[each["counts"]]) if each["counts"] else "",
    "by": lambda each: each[each["counts"]]["user_soeid"] if each["counts"] else "",
    "": lambda each: "readings differ" if each["differs"] else "",
}
QUESTION: Columns = {
    "question": "name",
    "type": lambda each: each["type"].replace("_", "/"),
    "text": "text",
    "choices": lambda each: ", ".join(each["choices"]),
    "": lambda each: "" if each["required"] else "optional",
}
REVIEWER: Columns = {"reviewer": "soeid", "added by": "granted_by", "at": "at"}
QUEUE: Columns = {
    "job": lambda each: each["job_id"][:8],
    "sample": "sample",
    "review": "review_state",
    "answered": lambda each: f"{each['progress']['answered']} of {each['progress']['rows']}",
    "open for you": "open",
    "to decide": "to_decide",
}


def _asked(kind: str, *texts: str) -> dict[str, Any]:
    name, text, *choices = texts
    more = {"choices": listed_names(choices[0])} if choices else {}
    return {"name": name, "type": kind, "text": text, **more}


def _print_questions(found: dict[str, Any]) -> None:
    if found["is_audit"]:
        print_line("Reviewers enter findings: an outcome, and these questions.")
    print_items(found["questions"], QUESTION)
    print_line(f"Shown: {', '.join(found['shown'])}.")
    if found["hidden"]:
        print_line(f"Hidden: {', '.join(found['hidden'])}.")
    if found["second_readings"]:
        print_line(f"Second readings: {100 * found['second_readings']:g} % of the rows.")


@click.command()
@JOB
@click.option("--yes-no", nargs=2, multiple=True, metavar="NAME TEXT", help="Ask yes or no.")
@click.option(
    "--choice",
    nargs=3,
    multiple=True,
    metavar="NAME TEXT WORDS",
    help="Ask for one of several words, which are separated by commas.",
)
@click.option("--number", nargs=2, multiple=True, metavar="NAME TEXT", help="Ask for a number.")
@click.option("--amount", nargs=2, multiple=True, metavar="NAME TEXT", help="Ask for an amount.")
@click.option("--text", nargs=2, multiple=True, metavar="NAME TEXT", help="Ask for a text.")
@click.option("--optional", multiple=True, metavar="NAME", help="A question that may stay open.")
@click.option(
    "--file",
    type=EXISTING_FILE,
    help="The questions as a JSON array of the API, in any order of types; [] asks for findings.",
)
@field_option("--hide", "hidden", "hide", multiple=True, metavar="COLUMN", help="Hide a column.")
@field_option("--show", "shown", "show", multiple=True, metavar="COLUMN", help="Show no others.")
@field_option("--second-readings", type=number, metavar="SHARE", help="Such as 10%.")
@field_option("--reviewer", "reviewers", "reviewer", multiple=True, metavar="USER", help="Invite.")
@click.option(
    "--label-studio",
    type=NEW_FILE,
    metavar="FILE",
    help="Write the questions as a labelling interface of Label Studio.",
)
@printed()
def questions(
    client: ApiClient,
    job_id: str,
    optional: tuple[str, ...],
    file: Path | None,
    label_studio: Path | None,
    **chosen: Any,
) -> Printed:
    """Choose or show the questions about the rows of a sample.

    Questions are asked by type: yes or no, choices, numbers, amounts, texts. Without one, reviewers
    enter findings. Choose them before the first answer. What no option names stays as it is, and
    hidden columns stay hidden until --show names all that are shown.

    \b
    jobsvc questions 917f045a --yes-no is_bad "Is it bad?" --hide judge --second-readings 10%
    jobsvc questions 917f045a --choice kind "Which kind?" spam,insult,other --reviewer ann
    jobsvc questions 917f045a
    jobsvc questions 917f045a --label-studio interface.xml
    """
    path = f"/api/sampling/jobs/{job_id}/questions"
    body = body_of(chosen)
    kinds = ("yes_no", "choice", "number", "amount", "text")
    asked = [_asked(kind, *each) for kind in kinds for each in chosen[kind]]
    if file is not None:
        if asked or optional:
            raise click.UsageError("Give questions as options, or --file.")
        body["questions"] = _questions_of(file)
    for name in optional:
        if name not in {each["name"] for each in asked}:
            raise click.BadParameter(f'There is no question "{name}".', param_hint="--optional")
    if asked:
        body["questions"] = [
            {**each, "required": False} if each["name"] in optional else each for each in asked
        ]
    if label_studio is not None:
        if body:
            raise click.UsageError("Choose the questions first, without --label-studio.")
        client.save(path, label_studio, format="label_studio")
        return written(label_studio, "Labelling interface")
    found = client.get(path)
    if body:
        found = client.put(path, _whole(found, body))
    return Printed(found, _print_questions)


def _questions_of(file: Path) -> list[Any]:
    """The questions of a file; the server checks each."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise click.BadParameter("The file is no JSON.", param_hint="--file") from None
    if not isinstance(found, list):
        raise click.BadParameter("The file is no JSON array.", param_hint="--file")
    return found


def _whole(now: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """The request with what stays as it is: hidden columns are shown again by --show alone."""
    whole = {
        "questions": [] if now["is_audit"] else now["questions"],
        "second_readings": now["second_readings"],
        **chosen,
    }
    if "shown" in chosen:
        return whole
    more = chosen.get("hidden", [])
    folded = {name.casefold() for name in more}
    shown = [name for name in now["shown"] if name.casefold() not in folded]
    if not shown:
        raise click.BadParameter("All columns are hidden. Show at least one.", param_hint="--hide")
    return {**whole, "hidden": [*now["hidden"], *more], "shown": shown}


def _print_next(found: dict[str, Any]) -> None:
    row = found["row"]
    if row is None:
        print_line(found["reason"])
    else:
        print_line(f"Row {row['row_id']}" + (f", {row['name']}" if row["name"] else ""))
        print_lines([f"  {name}: {value}" for name, value in row["data"].items()])
        for each in row["readings"]:
            print_line(f"{READINGS[each['reading']]}: {_entry_text(each)}")
        print_items(found["questions"], QUESTION)
        print_line(f"Reserved until {row['reserved_until']}.")
    _print_progress(found["progress"])


def _entry_text(entry: dict[str, Any]) -> str:
    answers = [f"{name}={_value_text(value)}" for name, value in entry["answers"].items()]
    parts = [*answers, entry["outcome"], entry["audit_value"], *entry["deviations"]]
    return ", ".join([each for each in parts if each])


def _value_text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _print_progress(found: dict[str, Any]) -> None:
    second = f", {found['second_answered']} of {found['second_due']} second readings"
    print_line(
        f"{found['answered']} of {found['rows']} rows answered"
        f"{second if found['second_due'] else ''}; {found['differences']} to decide."
    )


@click.command(name="review-next")
@JOB
@field_option(
    "--task", type=click.Choice(list(REVIEW_TASKS)), help="read (default), or decide differences."
)
@click.option("--release", is_flag=True, help="Let others have the row that you have open.")
@printed()
def review_next(client: ApiClient, job_id: str, release: bool, **chosen: Any) -> Printed:
    """Get the next row of a sample to answer, for 15 minutes.

    \b
    jobsvc review-next 917f045a
    jobsvc review-next 917f045a --task decide
    """
    path = f"/api/sampling/jobs/{job_id}/review-queue"
    if release:
        return Printed(
            client.post(f"{path}/release"),
            lambda found: print_line(
                "The row is released." if found["released"] else "You had no row open."
            ),
        )
    return Printed(client.post(f"{path}/next", body_of(chosen)), _print_next)


def _read_answer(question: dict[str, Any], text: str) -> Any:
    """An answer as the API takes it; what isn't one is refused."""
    try:
        match question["type"]:
            case "yes_no" if text.casefold() in YES_WORDS:
                return True
            case "yes_no" if text.casefold() in NO_WORDS:
                return False
            case "yes_no":
                raise click.BadParameter(f'"{text}" is neither yes nor no.')
            case "number":
                return float(number_of(text))
            case "amount":
                return f"{number_of(text):f}"
    except InvalidRequest as error:
        raise click.BadParameter(error.message) from None
    return text


@click.command()
@JOB
@click.argument("row", metavar="[ROW]", required=False)
@click.argument("answers", nargs=-1, metavar="[QUESTION=ANSWER]...")
@field_option("--outcome", type=click.Choice(list(OUTCOMES)), help="Why there is no answer.")
@field_option("--note", help="What was seen.")
@field_option("--reading", type=click.Choice(list(READINGS)), help="By default as reserved.")
@click.option(
    "--file",
    type=EXISTING_FILE,
    help="Enter the answers of a file with a column for each question, or of Label Studio's JSON "
    "export.",
)
@KEY
@click.option("--preview", is_flag=True, help="Show what the file would enter; enter nothing.")
@READING_OPTIONS
@printed()
def answer(
    client: ApiClient,
    job_id: str,
    row: str | None,
    answers: tuple[str, ...],
    file: Path | None,
    key: tuple[str, ...],
    preview: bool,
    **chosen: Any,
) -> Printed:
    """Answer the questions about a row of a sample, or about the rows of a file.

    The ROW is named as review-next does. A correction is a new answer about the same row. A file
    enters all its answers or none; lines without an answer do nothing.

    \b
    jobsvc answer 917f045a primary:17 is_bad=yes --note "rude"
    jobsvc answer 917f045a primary:18 --outcome not_examinable
    jobsvc answer 917f045a --file labels.csv --key ticket --preview
    jobsvc answer 917f045a --file project-3.json --reading second
    """
    if (row is None) == (file is None):
        raise click.UsageError("Give a ROW and its answers, or --file.")
    path, given_fields = f"/api/sampling/jobs/{job_id}", body_of(chosen)
    if file is not None:
        reading: dict[str, Any] = {
            name: given_fields.pop(name) for name in ("options", "reading") if name in given_fields
        }
        if given_fields:
            raise click.UsageError("--outcome and --note are of a ROW.")
        found = upload_rows(client, f"{path}/answers", file, key, reading, preview=preview)
        return Printed(found, _print_file_preview if preview else _print_file_entered)
    if key or preview or "options" in given_fields:
        raise click.UsageError("--key, --preview and options for reading need --file.")
    values: dict[str, Any] = {}
    asked = {each["name"]: each for each in client.get(f"{path}/questions")["questions"]}
    for each in answers:
        name, sign, text = each.partition("=")
        if not sign:
            raise click.BadParameter(f'"{each}" is no question, = and answer.')
        values[name] = _read_answer(asked[name], text) if name in asked else text
    body = {"row_id": row, "answers": values, **given_fields}
    found = client.post(f"{path}/answers", {"answers": [body]})
    return Printed(found, lambda found: _print_progress(found["progress"]))


def _print_file_preview(found: dict[str, Any]) -> None:
    print_file_preview(found, LINES)


def _print_file_entered(found: dict[str, Any]) -> None:
    print_file_counts(found["file"])
    _print_progress(found["progress"])


@click.command(name="answers")
@JOB
@click.option("--format", "kind", type=click.Choice(FILE_FORMATS), help="Of the file.")
@click.option("--output", type=NEW_FILE, help="Write the answers to a file: csv, xlsx or jsonl.")
@click.option(
    "--as-table",
    metavar="NAME",
    help="Make a table of the answers, which the ref expl-NAME names.",
)
@click.option("--with-readers", is_flag=True, help="Name in the table who answered.")
@limit_option(100)
@OFFSET
@printed()
def answers_command(
    client: ApiClient,
    job_id: str,
    kind: str | None,
    output: Path | None,
    as_table: str | None,
    with_readers: bool,
    limit: int,
    offset: int,
) -> Printed:
    """List the answers about the rows of a sample, or write them to a file or a table.

    The format label_studio has the rows as tasks of Label Studio, without hidden columns.

    \b
    jobsvc answers 917f045a
    jobsvc answers 917f045a --output answers.csv
    jobsvc answers 917f045a --format label_studio --output tasks.json
    jobsvc answers 917f045a --as-table labels
    """
    path = f"/api/sampling/jobs/{job_id}/answers"
    if as_table is not None:
        if output is not None or kind is not None:
            raise click.UsageError("Give --as-table, or --output.")
        body = {"output_name": as_table, "with_readers": with_readers}
        return Printed(client.run_job(f"{path}/table", body, "Querying"), print_query_job)
    if with_readers:
        raise click.UsageError("--with-readers needs --as-table.")
    if output is None:
        if kind is not None:
            raise click.UsageError("--format needs --output.")
        found = client.get(path, **given(limit=limit, offset=offset))
        return Printed(found, lambda page: print_items(page["rows"], ENTRY))
    client.save(path, output, format=kind or format_by_ending(output, *ENDINGS))
    return written(output, "Answers")


@click.command()
@JOB
@click.argument("names", nargs=-1, metavar="[USER]...")
@click.option("--remove", multiple=True, metavar="USER", help="Remove a reviewer; repeatable.")
@printed(lambda found: print_items(found["reviewers"], REVIEWER))
def reviewers(
    client: ApiClient, job_id: str, names: tuple[str, ...], remove: tuple[str, ...]
) -> Any:
    """Add, remove or list the reviewers of a sample.

    A reviewer gets the queue of the sample, and nothing else of its dataset.

    \b
    jobsvc reviewers 917f045a ann bob
    jobsvc reviewers 917f045a --remove bob
    """
    path = f"/api/sampling/jobs/{job_id}/reviewers"
    for name in remove:
        client.delete(path, {"reviewer": name})
    return client.put(path, {"reviewers": list(names)}) if names else client.get(path)


@click.command(name="review-queues")
@limit_option(100)
@OFFSET
@printed(lambda found: print_items(found["queues"], QUEUE))
def review_queues(client: ApiClient, limit: int, offset: int) -> Any:
    """List the samples whose questions you can answer.

    \b
    jobsvc review-queues
    """
    return client.get("/api/review-queues", limit=limit, offset=offset)
