"""The working paper of a sample: what was drawn, found, replaced, concluded and reviewed.

Sheets of facts and tables, the same as a workbook and as a page that prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from application.audit.coverage import coverage_block, population_block
from application.audit.entry_list import item_cell
from application.audit.evaluation import EvaluationRequest, evaluate
from application.audit.evaluation.other_samples import other_samples
from application.audit.evaluation.parameters import parameters_text
from application.audit.exceptions_sheet import exceptions_sheet
from application.audit.findings import OUTCOME_TITLES, STATE_TITLES, items_page
from application.audit.items import drawn_facts
from application.audit.kinds import (
    ASSURANCES,
    BREAKDOWN,
    KINDS,
    OTHER_SAMPLES,
    PARAMETERS,
    amount_of,
    likely_of,
    other_samples_lines,
    verdict_of,
)
from application.audit.paper_cells import keys_of, moment_of
from application.audit.state import ROW_ID, AuditState, audit_state
from application.certificates.ledger import draws_beside
from application.samples.design_sheet import design_sheet
from application.samples.facts import excluded_text
from domain_errors import DomainError
from parquet_tables.tables import Column
from parquet_tables.workbooks import Block, Cell, Share, Sheet, Verdict
from service.service import Service
from service.tables.open_tables import open_source, version_of
from storage.audit.findings import conclusion_of
from storage.certificates.ledger import plan_entry
from storage.jobs.jobs import Job
from storage.jobs.publishing import job_with_output
from storage.versions.manifests import get_commit

MAX_ITEMS = 10_000
"""Items that a working paper lists."""
MAX_FILES = 20
"""Data files whose hashes the cover lists; the version id is the hash of them all."""
MAX_ITEM_COLUMNS = 12
"""Columns of the table in the list of items; the sample's own workbook has all."""
STEPS = {
    "submitted": "Submitted for review",
    "withdrawn": "Withdrawn",
    "returned": "Returned",
    "signed_off": "Signed off",
    "reopened": "Reopened",
}
FIGURES = {
    "examined": "Rows examined",
    "exceptions": "Exceptions",
    "not_applicable": "Rows not applicable that nothing could replace",
    "least": "Fewest rows with an exception that are possible",
    "most": "Most rows with an exception that are possible",
    "errors": "Rows in error",
    "found": "Errors found in the sample, net",
    "units": "Units",
    "book_value": "Book value",
    "sampled_value": "Book value without rows always drawn",
    "likelihood": "Likelihood",
    "estimator": "Estimator",
    "audit_value": "Estimated audit value",
    "projected": "Projected misstatement",
    "lower_limit": "Lower limit",
    "decision": "Decision of the rule",
    "share": "Most likely share",
    "risk": "Risk to accept the tolerable share",
    "upper_limit": "Upper limit",
    "statistic": "M after the last row",
    "ratio_at_tolerable": "Ratio at the fewest rows that aren't tolerable",
    "threshold": "Decided at",
}
SHARES = ("share", "lower_limit", "upper_limit", "risk")
"""Figures that are shares, unless they are amounts."""
Rows = list[tuple[Cell, ...]]


def working_paper(service: Service, job: Job, request: EvaluationRequest) -> list[Sheet]:
    """The sheets of a sample's working paper: cover, population, design, items, ….

    An evaluation that can't be made is a sheet with its reason.
    """
    state = audit_state(service, job)
    try:
        evaluation: Mapping[str, Any] | DomainError = evaluate(service, job, request)
    except DomainError as error:
        evaluation = error
    others = (
        other_samples(service, job, state).as_json()
        if isinstance(evaluation, DomainError)
        else evaluation
    )
    return [
        _cover(service, job, state, evaluation, others),
        Sheet(
            "Population",
            "Population and coverage",
            [population_block(service, job), coverage_block(service, job, state)],
        ),
        design_sheet(service, job),
        _items(service, job),
        exceptions_sheet(service, job, state),
        _replacements(state),
        _evaluation(service, job, request, evaluation),
    ]


def _cover(
    service: Service,
    job: Job,
    state: AuditState,
    evaluation: Mapping[str, Any] | DomainError,
    others: Mapping[str, Any],
) -> Sheet:
    review = state.review
    facts: Rows = [
        ("Purpose", job.purpose or "Not given"),
        ("Dataset", job.dataset_name),
        ("Sample", job.output_name),
        ("Job id", job.id),
        ("Drawn by", job.user_soeid, moment_of(job.created_at)),
        ("State of the review", STATE_TITLES[review.state]),
    ]
    if review.state == "signed_off":
        signed = review.entries[-1]
        facts.append(("Signed off by", signed.user_soeid, moment_of(signed.at)))
        kept = signed.evaluation
        facts.append(("Signed evaluation", parameters_text(kept) if kept else "None"))
    with service.database.read() as tx:
        written = conclusion_of(tx, job.id)
    own: Rows = []
    if written is not None:
        own = [
            ("Auditor's conclusion", written.text),
            ("Written by", written.user_soeid, moment_of(written.at)),
        ]
    authors: dict[str, list[str]] = {}
    for finding in state.findings.values():
        authors.setdefault(finding.user_soeid, []).append(finding.at)
    prepared: Rows = [
        (name, len(times), moment_of(min(times)), moment_of(max(times)))
        for name, times in sorted(authors.items())
    ]
    reviewed: Rows = [
        (STEPS[each.action], each.user_soeid, moment_of(each.at), each.note or None)
        for each in review.entries
    ] or [("Not submitted", None, None, None)]
    blocks = [
        Block("Sample", facts),
        Block(
            "Conclusion",
            [
                *own,
                ("Of the evaluation", _conclusion(evaluation)),
                *_limits(evaluation),
                *_departure(evaluation),
            ],
        ),
        *_other_samples(others),
        Block("Prepared by", prepared, ("User", "Findings", "First (UTC)", "Last (UTC)")),
        Block("Review", reviewed, ("Step", "User", "Time (UTC)", "Note")),
        Block("Version of the table", _version(service, job)),
    ]
    title = "Working paper, not as signed off" if _difference(evaluation) else "Working paper"
    return Sheet("Cover", f"{title}: {job.output_name or job.id[:8]}", blocks)


def _version(service: Service, job: Job) -> Rows:
    """The version that was drawn from, and its files."""
    source = open_source(service, job)
    with service.database.read() as tx:
        table = get_commit(tx, job.dataset_id, source.commit_id).manifest.table(source.key)
        made = job_with_output(tx, job.dataset_id, version_of(job))
    rows: Rows = [("Table", source.key), ("Version id (SHA-256)", version_of(job))]
    if (excluded := excluded_text(job.run_parameters)) is not None:
        rows.append(("Excluded rows", excluded))
    if made is not None and made.run_type == "import":
        name = made.run_parameters.get("file_name") or made.run_parameters.get("uri")
        rows += [
            ("Imported from", name),
            (
                "Imported file (SHA-256)",
                (made.output_summary or {}).get("source_sha256", "Not recorded"),
            ),
            ("Imported by", made.user_soeid, moment_of(made.completed_at)),
        ]
    planned = job.run_parameters.get("plan")
    if planned:
        with service.database.read() as tx:
            plan = plan_entry(tx, job.dataset_id, planned["plan_id"])
        rows += [
            ("Registered plan", planned["plan_id"], moment_of(plan.recorded_at)),
            ("Plan (SHA-256)", plan.body["digest"]),
        ]
    rows += [("Ledger", sentence) for sentence in draws_beside(service, job)]
    rows += [("Data file (SHA-256)", each.sha256) for each in table.stored_files[:MAX_FILES]]
    for attached in table.attached_files[:MAX_FILES]:
        version = attached.e_tag or f"modified at {attached.modified_ns} ns"
        rows.append(("Attached file", attached.uri, version))
    if table.trust is not None:
        rows.append(("Attached files", table.trust))
    return rows


def _conclusion(evaluation: Mapping[str, Any] | DomainError) -> Cell:
    if isinstance(evaluation, DomainError):
        return Verdict(f"Not evaluated: {evaluation.message}", "warn")
    if evaluation["conclusion"] is None:
        return _verdict(evaluation, "No tolerable share or amount was given.")
    return _verdict(evaluation, evaluation["conclusion"]["sentence"])


def _verdict(found: Mapping[str, Any], sentence: str) -> Cell:
    """A conclusion in its colour; without one while it is undecided."""
    tone = verdict_of(found)
    return Verdict(sentence, tone) if tone else sentence


def _limits(evaluation: Mapping[str, Any] | DomainError) -> Rows:
    """What limits the conclusion, and what holds it up; sign-offs from before kept neither."""
    if isinstance(evaluation, DomainError):
        return []
    lines: Rows = [("What limits it", caveat) for caveat in evaluation.get("caveats", ())]
    if assurance := evaluation.get("assurance"):
        holds = f"{ASSURANCES[assurance['status']]}. {assurance['sentence']} {assurance['source']}."
        lines.append(("What holds it up", holds))
    return lines


def _other_samples(others: Mapping[str, Any]) -> list[Block]:
    """The other samples of the table that have findings, with their results."""
    lines, total = other_samples_lines(others), others["other_samples_total"]
    if not lines:
        return []
    newest = f", the newest {len(lines):,}" if total > len(lines) else ""
    title = f"Other samples of the table with findings: {total:,}{newest}"
    return [Block(title, lines, OTHER_SAMPLES)]


def _departure(evaluation: Mapping[str, Any] | DomainError) -> Rows:
    """Lines that say where the evaluation differs from the plan and from the signed one."""
    lines: Rows = []
    if not isinstance(evaluation, DomainError) and (difference := _difference(evaluation)):
        lines.append(("Not the signed evaluation", difference))
        kept = evaluation["signed"]["evaluation"]
        if kept["conclusion"] is not None:
            lines.append(("Signed conclusion", _verdict(kept, kept["conclusion"])))
            lines += _limits(kept)
    if not isinstance(evaluation, DomainError) and evaluation["departure"] is not None:
        lines.append(("Departs from the plan", evaluation["departure"]))
    return lines


def _difference(evaluation: Mapping[str, Any] | DomainError) -> str | None:
    """The differences between the evaluation and the one that was signed off."""
    if isinstance(evaluation, DomainError) or evaluation["signed"] is None:
        return None
    difference: str | None = evaluation["signed"]["difference"]
    return difference


def _items(service: Service, job: Job) -> Sheet:
    page = items_page(service, job, 0, MAX_ITEMS)
    drawn = drawn_facts(service, job)
    own = open_source(service, job).files.columns
    columns = own[:MAX_ITEM_COLUMNS]
    header = ["Row", "Selected", *(column.name for column in columns)]
    attributes = page["attributes"]
    header += ["Finding", *(["Deviations"] if attributes else []), "Audit value", "Note"]
    header += ["By", "Time (UTC)", "Entries", "Replaces"]
    rows = [_item(item, columns, drawn, bool(attributes)) for item in page["items"]]
    title = f"{page['total']:,} items"
    if page["total"] > len(rows):
        title += f", the first {len(rows):,}"
    if len(own) > len(columns):
        title += f"; the first {len(columns)} of {len(own):,} columns"
    return Sheet("Items", "Items and findings", [Block(title, rows, header)])


def _item(
    item: Mapping[str, Any],
    columns: Sequence[Column],
    drawn: Mapping[str, tuple[int, bool]],
    has_attributes: bool,
) -> tuple[Cell, ...]:
    finding = item["finding"] or {}
    audit_value = finding.get("audit_value")
    return (
        item[ROW_ID],
        _selected(drawn.get(item[ROW_ID])),
        *(item_cell(item["data"][column.name], column) for column in columns),
        OUTCOME_TITLES.get(finding.get("outcome", "")),
        *(["; ".join(finding.get("deviations", ())) or None] if has_attributes else []),
        None if audit_value is None else Decimal(audit_value),
        finding.get("note") or None,
        finding.get("user_soeid"),
        moment_of(finding.get("at")),
        finding.get("entries"),
        item["replaces"],
    )


def _selected(drawn: tuple[int, bool] | None) -> str:
    """The way in which an item was selected, with its selected units if there are several."""
    if drawn is None:
        return "Replacement"
    units, is_take_all = drawn
    if is_take_all:
        return "Always"
    return "By chance" if units == 1 else f"By chance, {units:,} units"


def _replacements(state: AuditState) -> Sheet:
    header = ("Row", "Replaced by", "Reason", "User", "Time (UTC)")
    rows: Rows = [
        (each.row_id, each.replacement_id, each.reason, each.user_soeid, moment_of(each.at))
        for each in state.replacements
    ]
    title = f"Replaced rows: {len(rows):,}"
    return Sheet("Replacements", "Replacements", [Block(title, rows, header)])


def _evaluation(
    service: Service,
    job: Job,
    request: EvaluationRequest,
    found: Mapping[str, Any] | DomainError,
) -> Sheet:
    settings: Rows = [
        ("Evaluation", KINDS[request.kind].title),
        ("Confidence", Share(request.confidence)),
        ("Tolerable", _tolerable(request, found)),
        ("Conclusion", _conclusion(found)),
        *_limits(found),
        *_departure(found),
    ]
    blocks = [Block("Settings", settings)]
    if not isinstance(found, DomainError):
        population = found.get("population")
        facts: Rows = [
            ("Population", f"{population} amounts" if isinstance(population, str) else population)
        ]
        facts += _stages(found)
        facts += [
            (label, _figure(name, found[name]))
            for name, label in FIGURES.items()
            if found.get(name) is not None
        ]
        blocks.append(Block("Figures", facts))
        if found.get("attributes"):
            blocks.append(_attributes(found["attributes"]))
        lines = [
            *found.get("arithmetic", ()),
            *found.get("overstatement", {}).get("arithmetic", ()),
            *found.get("understatement", {}).get("arithmetic", ()),
        ]
        ids = [line["row_id"] for line in lines if line.get("row_id")]
        blocks += _arithmetic(found, keys_of(service, job, ids))
        sources: Rows = [("Formula", found["formula"])]
        if found.get("factors"):
            sources.append(("Factors", found["factors"]))
        sources.append(("Source", found["source"]))
        sources += [("Note", note) for note in found.get("notes", ())]
        blocks.append(Block("Formula", sources))
    return Sheet("Evaluation", "Evaluation", blocks)


def _attributes(found: Sequence[Mapping[str, Any]]) -> Block:
    """Each tested attribute by itself."""
    verdicts = {True: "Yes", False: "No", None: None}
    low = any(each["lower_limit"] is not None for each in found)
    rows: Rows = [
        (
            *(each["name"], each["deviations"], Share(each["share"])),
            *([_limit(each["lower_limit"])] if low else []),
            *(_limit(each["upper_limit"]), verdicts[each["is_tolerable"]]),
        )
        for each in found
    ]
    limits = ("Lower limit", "Upper limit") if low else ("Upper limit",)
    header = ("Attribute", "Deviations", "Most likely share", *limits, "Tolerable")
    return Block("Each attribute by itself", rows, header)


def _limit(share: float | None) -> Share | None:
    return None if share is None else Share(share)


def _stages(found: Mapping[str, Any]) -> Rows:
    """The plan of two stages and what each found."""
    rule = found.get("rule")
    if rule is None:
        return []
    plan = (
        f"{rule['first']:,} rows, then {rule['second']:,}; accept with {rule['accept_first']} in "
        f"stage 1, or {rule['accept_both']} in both"
    )
    stages = {"Stage 1": found["first"], "Stage 2": found["second"]}
    results: Rows = [
        (title, f"{each['exceptions']:,} exceptions in {each['examined']:,} rows")
        for title, each in stages.items()
        if each is not None
    ]
    return [("Rule", plan), *results]


def _tolerable(request: EvaluationRequest, found: Mapping[str, Any] | DomainError) -> Cell:
    """The tolerable amount or share; a share of a book value as the evaluated amount."""
    if request.tolerable is None:
        return "Not given"
    if not isinstance(found, DomainError) and isinstance(found.get("tolerable"), str):
        return Decimal(found["tolerable"])
    if request.tolerable >= 1:
        return Decimal(f"{request.tolerable:.2f}")
    return Share(float(request.tolerable))


def _figure(name: str, value: Any) -> Cell:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except ArithmeticError:
            return value
    return Share(value) if name in SHARES else value


def _arithmetic(found: Mapping[str, Any], keys: Mapping[str, Cell]) -> list[Block]:
    if found["kind"] in ("attributes", "two_stage", "variables"):
        rows: Rows = [
            (each["name"], each["formula"], each["value"]) for each in found["arithmetic"]
        ]
        arithmetic = Block("Arithmetic", rows, ("Line", "Formula", "Value"))
        apart = _each_direction(found) if found["kind"] == "variables" else []
        return [*apart, arithmetic]
    if found["kind"] == "sequential":
        return [_sequence(found, keys)] if found["measure"] == "amount" else []
    blocks = []
    factor = "Limit up to here" if found["bound"] == "gaffke" else "Factor p"
    header = ("i", "Row", "Key", "Taint t", factor, "Increment", "Increment × t", "Amount")
    for direction in ("overstatement", "understatement"):
        each = found[direction]
        limits: Rows = [
            (label, Decimal(amount_of(each, name)))
            for name, label in {**BREAKDOWN, **likely_of(found)}.items()
        ]
        lines: Rows = [
            (
                *(line["number"], line["row_id"] or "Basic precision"),
                *(keys.get(line["row_id"] or ""), line["taint"]),
                *(line["factor"], line["increment"], line["product"], Decimal(line["amount"])),
            )
            for line in each["arithmetic"]
        ]
        title = direction.capitalize()
        blocks += [Block(title, limits), Block(f"{title}: arithmetic", lines, header)]
    return blocks


def _each_direction(found: Mapping[str, Any]) -> list[Block]:
    """The misstatements of each direction alone, with the estimator that projects them."""
    header = ("Direction", "Rows in error", "Errors found", "Projected", "Upper limit")
    rows: Rows = []
    for direction in ("overstatement", "understatement"):
        each = found[direction]
        amounts = (Decimal(each[name]) for name in ("found", "projected", "upper_limit"))
        rows.append((direction.capitalize(), each["errors"], *amounts))
    estimator = PARAMETERS["estimator"].choices[found["direction_estimator"]]
    return [Block(f"Each direction alone, by {estimator.lower()}", rows, header)]


def _sequence(found: Mapping[str, Any], keys: Mapping[str, Cell]) -> Block:
    header = ("i", "Row", "Key", "Units u", "Taint", "x", "m", "λ", "M")
    names = ("units", "taint", "value", "null_mean", "bet", "statistic")
    lines: Rows = [
        (
            *(line["number"], line["row_id"], keys.get(line["row_id"])),
            *(line[name] for name in names),
        )
        for line in found["arithmetic"]
    ]
    return Block("Arithmetic", lines, header)
