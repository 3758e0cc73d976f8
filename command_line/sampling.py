"""``jobsvc sample`` and ``jobsvc plan``: draw a sample, or show its sizes.

The options of a draw come from the declarations of the sampling methods. A file (``--body``) can
describe more, such as several rounds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import click
from jobsvc_client import JobsvcError

from application.audit.sentences import carried_sentence
from application.request_code.words import BANDS
from application.samples.divisions import division_sentences
from command_line.connection import ApiClient
from command_line.contract_options import with_request
from command_line.exploring import print_hints
from command_line.methods import DRAW_PARAMETERS, FAVOURED, METHODS, MethodParameter
from command_line.options import (
    BATCH,
    FILTER,
    OUTPUT,
    PURPOSE,
    REF,
    TABLE,
    Command,
    WholeNumber,
    body_of,
    field_option,
    number,
    number_pairs,
    option_names,
    pairs,
    percentage,
    printed,
    with_options,
)
from command_line.output import Printed, output_file, print_line, print_table
from command_line.planned_draws import PLAN_OPTIONS, planned_body, print_registered
from contract.fields import BandedColumn, Choice, Count, Flag, Number
from contract.numbers import TWO_WAYS, TwoReadings, number_of
from contract.requests.draw import EarlierFilterRequest, OrderRequest
from contract.requests.goal import GoalRequest
from contract.words import RequestedEngine
from domain_errors import InvalidRequest, percent_text, render

GROUPS_SHOWN = 40
MIB = 1 << 20
ENGINE_NAMES = {"duckdb": "DuckDB", "spark": "Spark"}
ENGINE_REASONS = {
    "requested": "as requested",
    "no_server": "the server has no Spark",
    "reads_no_rows": "the draw reads no column",
    "unsupported_type": "Spark can't read a column of the draw",
    "few_bytes": "there is little to read",
    "many_bytes": "there is much to read",
}


SIZE, START = "sample_size", "start"
START_HELP = " With --key or --keyed: where the order begins, such as 0.25."
PERCENT = 100
SIZE_HELP = (
    'Rows to draw, such as 1,000, or a share such as 5%. By stratum, repeatable: "GROUP=SIZE", '
    'where SIZE is a number, a percentage or "all", and GROUP the stratum as in _stratum.'
)
BANDS_HELP = " With bands of a number or date: COLUMN:BREAK,BREAK,… such as amount:0,1000,10000."


def accepted_numbers(text: str) -> list[int]:
    """The exceptions with which stage 1, and both stages, accept."""
    try:
        alone, both = (int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter("Write two numbers of exceptions, such as 0,1.") from None
    return [alone, both]


def _type_of(parameter: MethodParameter) -> click.ParamType[Any] | Callable[[str], float] | None:
    match parameter.kind:
        case Choice(titles):
            return click.Choice(list(titles))
        case Count(bounds) if parameter.name not in (SIZE, START):
            return WholeNumber(min=int(bounds.least or 0))
        case Number(bounds) if parameter.name != SIZE:
            return percentage if bounds.most == PERCENT else number
    return None


def _form_of(parameter: MethodParameter) -> dict[str, Any]:
    """What the option of a parameter takes."""
    if isinstance(parameter.kind, Flag):
        return {"is_flag": True}
    if parameter.metavar is not None:
        read = number_pairs if type(parameter.kind) is Number else pairs
        return {"multiple": True, "callback": read, "metavar": parameter.metavar}
    return {
        "type": _type_of(parameter),
        "multiple": parameter.is_repeatable or parameter.name == SIZE,
        "metavar": "SIZE" if parameter.name == SIZE else parameter.kind.metavar,
    }


def _help_of(parameter: MethodParameter) -> str:
    """The description; it starts with the method where only one has the parameter."""
    if parameter.name == SIZE:
        return SIZE_HELP
    methods = parameter.methods
    start = f"{methods[0].capitalize()}: " if len(methods) == 1 else ""
    end = " Repeatable." if parameter.is_repeatable else ""
    if isinstance(parameter.kind, BandedColumn):
        end = BANDS_HELP + end
    if parameter.name == START:
        end = START_HELP
    elif parameter.metavar is not None:
        end = " Repeatable."
    options = {own.name: own.option for own in DRAW_PARAMETERS.values()}
    return render(start + parameter.help + end, {}, lambda name: options.get(name, name))


def option_of(parameter: MethodParameter) -> Callable[[Command], Command]:
    """The option of a method's parameter."""
    return field_option(
        parameter.option,
        parameter.name,
        help=_help_of(parameter),
        **_form_of(parameter),
    )


ACCEPT = field_option(
    *("--accept", "goal.accept", "accept"),
    type=accepted_numbers,
    metavar="C1,C2",
    help="With --materiality, of random rows: draw two stages, and accept with C1 exceptions in "
    "stage 1, or C2 in both, such as 0,1.",
)
NAMED = ("name", "purpose", "batch")
"""Options that a draw has with a body or a plan, too."""
EARLIER_ROWS = with_request(EarlierFilterRequest, within="filters")
KEYED_ORDER = (
    with_request(OrderRequest, only=("key", "duplicates"), within="order"),
    click.option(
        "--keyed",
        is_flag=True,
        help="Draw the same rows from every version: in the order of the table's row key.",
    ),
)
METHOD = field_option("--method", type=click.Choice(METHODS), default="random", show_default=True)
DRAW_OPTIONS = (
    METHOD,
    *map(option_of, DRAW_PARAMETERS.values()),
    with_request(
        GoalRequest,
        only=("margin", "materiality", "expected", "likelihood", "confidence", "first_stage"),
        within="goal",
    ),
    ACCEPT,
    field_option(
        "--amount-column",
        metavar="COLUMN",
        help="State the sums of this column, by group and in all, and the share drawn.",
    ),
    FILTER,
    EARLIER_ROWS,
    field_option(
        "--column", "selection.columns", multiple=True, help="Show this column; repeatable."
    ),
    field_option(
        "--order-by",
        "selection.order_by",
        metavar="COLUMN",
        help="Sort the sample [default: as drawn].",
    ),
    field_option("--desc", "selection.order_desc", is_flag=True, help="Sort in descending order."),
    *KEYED_ORDER,
    REF,
    TABLE,
    field_option(
        "--residual",
        "export_residual",
        is_flag=True,
        help="Keep the rows not drawn as a table; no copy.",
    ),
    field_option(
        "--allow-empty",
        is_flag=True,
        help="A sample without rows is fine; without this option such a draw fails.",
    ),
    field_option(
        "--engine",
        type=click.Choice(get_args(RequestedEngine)),
        help="Engine that reads the rows; the sample is the same [default: auto].",
    ),
    field_option(
        "--draw-version",
        type=WholeNumber(),
        help="To repeat an old draw: the version in its request [default: the newest].",
    ),
    click.option(
        "--body",
        type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
        help='A file with the API\'s JSON body, in place of all options above; "-" is standard '
        "input.",
    ),
)


def draw_body(draw: dict[str, Any]) -> dict[str, Any]:
    """The options of a draw as the API's body; their values are taken out of ``draw``."""
    if (path := draw.get("body")) is not None:
        return _body_of(path)
    step, goal, body = draw_parts(draw)
    if "materiality" in goal:
        step["goal"] = goal
    elif goal:
        name = next(iter(goal)).replace("_", "-")
        raise click.UsageError(f"--{name} needs --materiality.")
    return {"rounds": [step], **body}


def draw_parts(
    draw: dict[str, Any], method: str | None = None, *, always_keyed: bool = False
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The step of the options of a draw, the goal of an audit, and what is of the whole draw.

    ``method`` is that of a command without ``--method``. A draw that is ``always_keyed`` takes rows
    in the order of their keys without an option that says so.
    """
    named = bool(draw.get("key") or draw.get("duplicates"))
    keyed = draw.pop("keyed", False) or named or always_keyed
    start = draw.pop(START, None)
    order = {} if start is None else {START: start}
    if start is not None and not keyed:
        draw[START], order = WholeNumber().convert(start, None, None), {}
    parameters, body = _parameters(draw), body_of(draw)
    step: dict[str, Any] = {"method": method or body.pop("method"), "parameters": parameters}
    order = {**body.pop("order", {}), **order}
    if keyed and (order or not always_keyed):
        step["order"] = order
    step |= {name: body.pop(name) for name in ("filters", "selection") if name in body}
    return step, body.pop("goal", {}), body


def sized_body(client: ApiClient, dataset_id: int, draw: dict[str, Any]) -> dict[str, Any]:
    """The body of a draw; for a margin of error or a materiality, the server finds its size."""
    margin, is_sized = draw.pop("margin"), draw["body"] is not None or bool(draw["size"])
    is_audit = draw["materiality"] is not None
    body = draw_body(draw)
    if margin is None and (is_sized or not is_audit):
        return body
    if margin is not None and (is_sized or is_audit):
        raise click.UsageError("--margin can't be combined with --size, --materiality or --body.")
    (design,) = body["rounds"]
    goal = design.pop("goal", {"margin": margin})
    request: dict[str, Any] = {"goal": goal, "design": design}
    request |= {name: body[name] for name in ("source_ref", "table_key") if name in body}
    found = client.post(f"/api/sampling/datasets/{dataset_id}/size", request)
    design["parameters"] = found["parameters"]
    design["goal"] = {**goal, **found["round"].get("goal", {}), "confidence": found["confidence"]}
    return body


def _parameters(draw: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for option, parameter in DRAW_PARAMETERS.items():
        value = draw.pop(option, None)
        if value is None or value is False or value == ():
            continue
        if parameter.name == SIZE:
            parameters |= _sizes(value)
        elif isinstance(value, tuple):
            parameters |= {parameter.name: [_strata_entry(text) for text in value]}
        else:
            parameters |= {parameter.name: _seed(value) if option == "seed" else value}
    return parameters


def _sizes(texts: tuple[str, ...]) -> dict[str, Any]:
    """The sizes of ``--size``: one for the sample, or one for each named stratum."""
    named = [text.rpartition("=") for text in texts]
    if len(texts) == 1 and not named[0][1]:
        value = _size(texts[0])
        if isinstance(value, int):
            return {"sample_size": value}
        if value == "all":
            raise click.BadParameter(
                '"all" is no size of a sample; "GROUP=all" is one of a stratum.',
                param_hint="--size",
            )
        return {"sample_fraction": number(value)}
    if not all(equals and label for label, equals, _ in named):
        raise click.BadParameter(
            'Give one size, or "GROUP=SIZE" for each stratum.', param_hint="--size"
        )
    return {"sizes": {label.strip(): _size(size) for label, _, size in named}}


def _size(text: str) -> int | str:
    """A number of rows, or a percentage or ``all``, which stay texts."""
    if text.strip().lower() == "all":
        return "all"
    try:
        size = number_of(text)
    except TwoReadings as error:
        raise click.BadParameter(str(error), param_hint="--size") from None
    except InvalidRequest:
        size = Decimal(-1)
    if size >= 0 and text.rstrip().endswith("%"):
        return f"{(100 * size).normalize():f}%"
    if 0 <= size < 1 << 63 and size == size.to_integral_value():
        return int(size)
    raise click.BadParameter(
        f'"{text}" is no size: give a number of rows such as 1,000, a percentage such as 5%, or, '
        "for a stratum, all.",
        param_hint="--size",
    )


def _strata_entry(text: str) -> str | dict[str, Any]:
    """A column, or ``COLUMN:BREAK,…`` for bands."""
    found = BANDS.fullmatch(text)
    if found is None:
        return text
    breaks = found["breaks"].split(",")
    for one in filter(TWO_WAYS.fullmatch, breaks):
        raise click.BadParameter(
            f"{one} can be read in two ways. Write {one.replace('.', '')}, or {one}0 for decimals.",
            param_hint="--strata",
        )
    return {"column": found["column"], "breaks": list(map(_break, breaks))}


def _break(text: str) -> int | float | str:
    """A break as JSON has it; a day, or digits that a float would change, stay a text."""
    for kind in (int, float):
        try:
            value: int | float = kind(text)
        except ValueError:
            continue
        if repr(value) == text:
            return value
    return text


def _body_of(path: Path) -> dict[str, Any]:
    is_input = str(path) == "-"
    try:
        text = sys.stdin.read() if is_input else path.read_text(encoding="utf-8")
        body = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise click.BadParameter(f"{path} is not JSON: {error}.", param_hint="--body") from None
    if not isinstance(body, dict):
        raise click.BadParameter(f"{path} holds no JSON object.", param_hint="--body")
    return body


def _no_number(name: str) -> float:
    raise ValueError(f"it has no {name}")


def _seed(text: str) -> int | str:
    """A seed in plain decimal digits is a number, anything else a text; both give one order."""
    try:
        number = int(text)
    except ValueError:
        return text
    return number if str(number) == text and abs(number) < 2**63 else text


@click.command()
@click.argument("dataset")
@with_options(DRAW_OPTIONS)
@with_options(PLAN_OPTIONS)
@field_option("--name", "output_name", help="Name the sample's ref smpl-NAME.")
@PURPOSE
@OUTPUT
@BATCH
@printed()
def sample(client: ApiClient, dataset: str, output: Path | None, **draw: Any) -> Printed:
    """Draw a sample of a dataset, given by name or id.

    \b
    jobsvc sample sales --size 1,000 --seed 42 --output sample.csv
    jobsvc sample sales --margin 3%
    jobsvc sample sales --method stratified --strata region --strata product --size 500
    jobsvc sample sales --method weighted --weight amount --size 60 --filter "amount > 0"
    jobsvc sample ledger --method monetary_unit --book amount --size 100
    jobsvc sample ledger --method monetary_unit --book amount --materiality 50,000
    jobsvc sample ledger --method stratified --strata amount:0,1000,10000 --amount-column amount
        --size "≥ 10,000=all" --size "1,000 to < 10,000=5%" --size "0 to < 1,000=25"
    jobsvc sample ledger --key account --size 80 --seed 42
    jobsvc sample sales --body rounds.json --name q1
    jobsvc sample sales --plan-id 0b1c… --beacon quicknet:28711111:9a31…
    jobsvc sample sales --plan-id 0b1c… --dice 31415926535897932384 --witness "A. Turing"
    """
    body = planned_body(draw)
    with output_file(output) as file:
        dataset_id = client.dataset_id(dataset)
        if body is None:
            body = body_of({name: draw.pop(name) for name in NAMED})
            body = {**sized_body(client, dataset_id, draw), **body}
        job = draw_sample(client, dataset_id, body)
        if file is not None:
            client.download_rows(job["id"], rows_of_draw(job["id"]), file)
    return Printed(with_engagement(client, with_comparison(client, job)), print_sample, output)


def _print_excluded(excluded: dict[str, Any]) -> None:
    """Print how many rows are new, not drawn yet and left out."""
    since, rows = excluded["new_since"], [f"{excluded['excluded_rows']:,} left out"]
    if since is not None or excluded["samples"]:
        rows[0] += f", matched by {', '.join(excluded['key'] or ()) or 'position'}"
    if since is not None:
        rows.append(f"{excluded['new_rows']:,} new since {since[:12]}")
    if excluded["found_by"]:
        tests = ", ".join(each[:8] for each in excluded["found_by"])
        rows.append(f"{excluded['found_rows']:,} found by audit test {tests}")
    if excluded["samples"]:
        rows.append(f"{excluded['undrawn_rows']:,} not drawn by the named samples")
    if excluded["group_rows"]:
        groups = f"other rows of their groups of {excluded['group']}"
        rows.append(f"{excluded['group_rows']:,} {groups} left out, too")
    print_line(f"Of {excluded['source_rows']:,} rows: {', '.join(rows)}.")


def _print_plan(planned: dict[str, Any]) -> None:
    print_line(
        f"Would draw {planned['total_rows']:,} of {planned['source_rows']:,} rows of commit "
        f"{planned['commit_id'][:12]}."
    )
    if (excluded := planned["excluded"]) is not None:
        _print_excluded(excluded)
    for round_ in planned["rounds"]:
        print_line(
            f"Round {round_['round_number']}: {round_['method']}, "
            f"{round_['eligible_rows']:,} eligible rows."
        )
        _print_groups(round_, ("rows", "requested", "allocated"))
        _print_monetary_unit(round_)
        print_division(round_)
        if round_["margin_of_error"] is not None:
            print_line(
                f"Margin of error: ±{round_['margin_of_error']:.2%} for a share of one half."
            )
    _print_warnings(planned)
    print_line(_engine_text(planned["engine"]))
    if planned["registered"] is not None:
        print_registered(planned["registered"])
    if planned["hints"] is not None:
        print_line("Suggestions from the table's profile:")
        print_hints(planned["hints"], 2)


@click.command()
@click.argument("dataset")
@with_options(DRAW_OPTIONS)
@click.option("--commit", is_flag=True, help="Register the plan in the ledger, before its seed.")
@printed(_print_plan)
def plan(client: ApiClient, dataset: str, commit: bool, **draw: Any) -> Any:
    """Show the sizes of a draw without drawing, or register it.

    \b
    jobsvc plan sales --method stratified --strata region --size 500
    jobsvc plan sales --size 500 --commit
    """
    dataset_id = client.dataset_id(dataset)
    body = {**sized_body(client, dataset_id, draw), "commit": commit}
    return client.post(f"/api/sampling/datasets/{dataset_id}/plan", body)


def _engine_text(engine: dict[str, Any]) -> str:
    """The engine that reads the rows, and why."""
    read = engine["read_bytes"]
    size = "" if read is None else f", {read / MIB:,.1f} MiB a scan"
    return (
        f"Read by {ENGINE_NAMES[engine['name']]} ({ENGINE_REASONS[engine['reason']]}): "
        f"{engine['files']:,} {'file' if engine['files'] == 1 else 'files'}{size}."
    )


def draw_sample(client: ApiClient, dataset_id: int, body: dict[str, Any]) -> dict[str, Any]:
    """Submit a sampling job, wait for its end, and return it."""
    return client.run_job(f"/api/sampling/datasets/{dataset_id}/jobs", body, "Drawing")


def rows_of_draw(job_id: str) -> str:
    """Return the API path of the drawn rows."""
    return f"/api/sampling/jobs/{job_id}/data"


COMPARISON_LIMIT_S = 60.0
"""How long a draw waits for its comparison, which itself takes at most a minute."""


def _comparison_of(job: dict[str, Any]) -> str:
    return f"/api/sampling/jobs/{job['id']}/comparison"


def with_comparison(client: ApiClient, job: dict[str, Any]) -> dict[str, Any]:
    """Return the job with its comparison in the summary, if that is available in time."""
    try:
        client.get_when_ready(_comparison_of(job), limit_s=COMPARISON_LIMIT_S)
    except JobsvcError:
        return job  # the draw succeeded even if its comparison fails
    return client.get(f"/api/jobs/{job['id']}")


def with_engagement(client: ApiClient, job: dict[str, Any]) -> dict[str, Any]:
    """Return the job with the id and the client of its engagement, or null."""
    try:
        facts = client.get(f"/api/sampling/jobs/{job['id']}/paper-facts")
    except JobsvcError:
        return job  # the draw succeeded even if this fails
    number, name = facts["engagement_id"], facts["defaults"]["client_name"]
    return {**job, "engagement": None if number is None else {"id": number, "client_name": name}}


def print_sample(job: dict[str, Any]) -> None:
    """Print the drawn rows by round and stratum, and the comparison's verdict."""
    summary = job["output_summary"]
    print_line(
        f"Drew {summary['total_sampled']:,} of {summary['source_rows']:,} rows: job {job['id']}, "
        f"ref {summary['output_ref']}, commit {summary['output_commit_id'][:12]}."
    )
    for round_ in summary["rounds"]:
        seed = f"seed {round_['seed']!r}"
        if round_["effective_seed"] != str(round_["seed"]):
            seed += f", effective seed {round_['effective_seed']!r}"
        print_line(f"Round {round_['round_number']}: {round_['method']}, {seed}.")
        _print_groups(round_, ("rows", "requested", "sampled"))
        _print_monetary_unit(round_)
        print_division(round_)
    _print_warnings(summary)
    if carried := carried_sentence(job["run_parameters"], summary):
        print_line(carried)
    if engagement := job.get("engagement"):
        print_line(f"Part of engagement {engagement['id']}, {engagement['client_name']}.")
    favoured = {FAVOURED[round_["method"]] for round_ in job["run_parameters"]["rounds"]} - {None}
    if favoured:
        print_line(
            f"Drawn by {min(map(str, favoured))}, so its rows aren't expected to be like all rows."
        )
    elif any("division" in round_ for round_ in summary["rounds"]):
        return  # all rows are like themselves
    elif "comparison" in summary:
        print_line(summary["comparison"]["verdict"])
    else:
        print_line(
            "The sample isn't compared with its population yet. The verdict will be on the job's "
            f"tab Comparison and at {_comparison_of(job)}"
        )


def print_division(round_: dict[str, Any]) -> None:
    """Print the parts of a round that divides rows, their strata, and what was checked."""
    division = round_.get("division")
    if division is None:
        return
    has_groups = any(part["groups"] is not None for part in division["parts"])
    names = [part["name"] for part in division["parts"]]
    print_table(
        ("part", "asked", "rows", "share", *(("groups", "largest group") if has_groups else ())),
        [
            (
                part["name"],
                percent_text(part["share"]),
                part["rows"],
                "" if part["share_of_rows"] is None else percent_text(part["share_of_rows"]),
                *((part["groups"], part["largest_group"]) if has_groups else ()),
            )
            for part in division["parts"]
        ],
    )
    if division["strata"]:
        columns = list(division["strata"][0]["key"])
        print_table(
            (*columns, "rows", *names),
            [
                (
                    *("NULL" if value is None else value for value in one["key"].values()),
                    one["rows"],
                    *(percent_text(rows / one["rows"]) for rows in one["parts"]),
                )
                for one in division["strata"][:GROUPS_SHOWN]
            ],
        )
    for sentence in division_sentences(division):
        print_line(sentence)


def _print_groups(round_: dict[str, Any], figures: tuple[str, ...]) -> None:
    """Print a round's strata or clusters with their amounts, and its warnings."""
    groups = round_.get("strata") or round_.get("clusters") or []
    if groups:
        columns = list(groups[0]["key"])
        parts = ("total", "drawn") if "amount" in groups[0] else ()
        rows = [
            (
                # Values of the table, such as years, aren't grouped.
                *("NULL" if value is None else str(value) for value in group["key"].values()),
                *(group.get(figure, "") for figure in figures),
                *(_amount(group["amount"][part]) for part in parts),
            )
            for group in groups[:GROUPS_SHOWN]
        ]
        headings = ["drawn" if figure == "sampled" else figure for figure in figures]
        drawn = "amount drawn" if "sampled" in figures else "amount expected"
        amounts = [drawn if part == "drawn" else "amount" for part in parts]
        print_table((*columns, *headings, *amounts), rows)
        if len(groups) > GROUPS_SHOWN:
            print_line(f"… and {len(groups) - GROUPS_SHOWN:,} more; see --json.")
    if amount := round_.get("amount"):
        print_line(f"{'' if 'sampled' in figures else 'Expected: '}{_coverage(amount)}")
    if uncovered := round_.get("uncovered_rows"):
        print_line(
            f"{uncovered:,} rows are in groups from which no row is drawn: their amounts can't be "
            "evaluated."
        )
    _print_warnings(round_)


def _coverage(amount: dict[str, Any]) -> str:
    """The drawn part of a round's amounts; without and with signs where the two differ."""
    column, coverage = amount["column"], amount.get("absolute_coverage")  # absent in older results
    drawn = "unknown" if amount["drawn"] is None else _amount(amount["drawn"])
    text = f"{drawn} of {_amount(amount['total'])}"
    if coverage is None:
        return f"{column}: {text}."
    if amount["absolute_total"] == amount["total"]:
        return f"{column}: {text}, {percent_text(coverage)}."
    absolute = f"{_amount(amount['absolute_drawn'])} of {_amount(amount['absolute_total'])}"
    return f"{column} without signs: {absolute}, {percent_text(coverage)}; with signs: {text}."


def _print_monetary_unit(round_: dict[str, Any]) -> None:
    """Print the amounts of a round by monetary units: each eligible row is in one line."""
    found = round_.get("monetary_unit")
    if found is None:
        return
    kinds = ("positive", "zero", "negative", "audited", "take_all")
    rows = [
        (kind.replace("_", " "), found[kind]["rows"], _amount(found[kind]["total"]))
        for kind in kinds
    ]
    print_table(
        (found["book_column"], "rows", "amount"), [*rows, ("missing", found["missing_rows"], "")]
    )
    if found["interval"] is not None:
        print_line(f"{found['units']:,} units, one in each {_amount(found['interval'])}.")


def _amount(text: str | None) -> str:
    """An exact sum with thousands separators."""
    return "" if text is None else f"{Decimal(text):,f}"


def _print_warnings(result: dict[str, Any]) -> None:
    context = click.get_current_context()
    names = {} if context.params.get("body") else option_names(context)
    for each in result["warning_templates"]:
        text = render(each["template"], each["parameters"], lambda field: names.get(field, field))
        print_line(f"Warning: {text}")
