"""The working paper of a sample: what was drawn, found, replaced, concluded and reviewed.

Sections of facts, tables and charts, the same as a workbook and as a page that prints. Sums are of
the book column of a sample by monetary units, or of the amount column that the draw was to cover; a
sample with neither has rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from application.audit.entry_list import item_cell
from application.audit.evaluation import SettledEvaluation, evaluate
from application.audit.evaluation.other_samples import other_samples
from application.audit.evaluation.parameters import parameters_text
from application.audit.evaluators import EVALUATORS
from application.audit.evaluators.evaluator import Evaluation
from application.audit.findings import SampleItem, items_page, named_replacements
from application.audit.items import book_values, drawn_book_column, drawn_facts, examined_items
from application.audit.sentences import (
    ASSURANCES,
    judgement_of,
    other_samples_tables,
    sources_of,
    verdict_of,
)
from application.audit.state import AuditState, audit_state, ordinal_of
from application.certificates.ledger import draws_beside
from application.identity.lookup import key_column
from application.samples.design_sheet import design_sheet
from application.samples.facts import excluded_text, filter_text
from contract.words import CAUSES, REVIEW_ACTIONS, REVIEW_STATES, outcome_title
from domain_errors import DomainError, counted
from parquet_tables.rows import read_rows, rows_statement
from parquet_tables.tables import Column
from presentation.content import (
    Block,
    Cell,
    Facts,
    Judgement,
    Percent,
    Row,
    Section,
    Table,
    decimal_of,
    moment_of,
)
from sampling_engine.methods.monetary_unit.account import recorded_account
from service.service import Service
from service.tables.open_tables import open_source, version_of
from service.tables.row_names import key_of_job, names_of_job
from storage.audit.findings import conclusion_of, list_findings
from storage.certificates.ledger import plan_entry
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output
from storage.versions.manifests import get_commit

MAX_ITEMS = 10_000
"""Items that a working paper lists."""
MAX_ENTRIES = 10_000
MAX_FILES = 20
"""Data files whose hashes the cover lists; the version id is the hash of them all."""
MAX_ITEM_COLUMNS = 12
"""Columns of the table in the list of items; the sample's own workbook has all."""
SIGNS = {"positive": "Positive amounts", "zero": "Amounts of 0", "negative": "Negative amounts"}


def working_paper(
    service: Service, job: JobRecord, request: SettledEvaluation[Any]
) -> list[Section]:
    """The sheets of a sample's working paper: cover, population, design, items, ….

    An evaluation that can't be made is a sheet with its reason.
    """
    state = audit_state(service, job)
    try:
        evaluation: Evaluation | DomainError = evaluate(service, job, request).as_json()
    except DomainError as error:
        evaluation = error
    return [
        _cover(service, job, state, evaluation),
        Section(
            "Population",
            "Population and coverage",
            [_population_table(service, job), _coverage_table(service, job, state)],
        ),
        design_sheet(service, job),
        _items(service, job),
        _exceptions(service, job, state),
        _replacements(service, job, state),
        _evaluation(service, job, request, evaluation),
    ]


def _address(service: Service, job: JobRecord) -> list[Row]:
    """The URL of the sample, if the server knows its name for browsers."""
    url = service.settings.link(f"/jobs/{job.id}")
    return [("Address", url)] if url else []


def _cover(
    service: Service,
    job: JobRecord,
    state: AuditState,
    evaluation: Evaluation | DomainError,
) -> Section:
    review = state.review
    facts: list[Row] = [
        ("Purpose", job.purpose or "Not given"),
        ("Dataset", job.dataset_name),
        ("Sample", job.output_name),
        ("Job id", job.id),
        *_address(service, job),
        ("Drawn by", job.user_soeid, moment_of(job.created_at)),
        ("State of the review", REVIEW_STATES[review.state]),
    ]
    if review.state == "signed_off":
        signed = review.entries[-1]
        facts.append(("Signed off by", signed.user_soeid, moment_of(signed.at)))
        kept = signed.evaluation
        facts.append(("Signed evaluation", parameters_text(kept) if kept else "None"))
    with service.database.read() as tx:
        written = conclusion_of(tx, job.id)
    own: list[Row] = []
    if written is not None:
        own = [
            ("Auditor's conclusion", written.text),
            ("Written by", written.user_soeid, moment_of(written.at)),
        ]
    authors: dict[str, list[str]] = {}
    for finding in state.findings.values():
        authors.setdefault(finding.user_soeid, []).append(finding.at)
    prepared: list[Row] = [
        (name, len(times), moment_of(min(times)), moment_of(max(times)))
        for name, times in sorted(authors.items())
    ]
    reviewed: list[Row] = [
        (REVIEW_ACTIONS[each.action], each.user_soeid, moment_of(each.at), each.note or None)
        for each in review.entries
    ] or [("Not submitted", None, None, None)]
    others: Evaluation = (
        other_samples(service, job, state).as_json()
        if isinstance(evaluation, DomainError)
        else evaluation
    )
    blocks: list[Block] = [
        Facts("Sample", facts),
        Facts("Conclusion", [*own, *_conclusion(evaluation)]),
        *other_samples_tables(others),
        Table("Prepared by", ("User", "Findings", "First (UTC)", "Last (UTC)"), prepared),
        Table("Review", ("Step", "User", "Time (UTC)", "Note"), reviewed),
        Facts("Version of the table", _version(service, job)),
    ]
    title = "Working paper, not as signed off" if _difference(evaluation) else "Working paper"
    return Section("Cover", f"{title}: {job.output_name or job.id[:8]}", blocks)


def _version(service: Service, job: JobRecord) -> list[Row]:
    """The version that was drawn from, and its files."""
    source = open_source(service, job)
    with service.database.read() as tx:
        table = get_commit(tx, job.dataset_id, source.commit_id).manifest.table(source.key)
        made = job_with_output(tx, job.dataset_id, version_of(job))
    rows: list[Row] = [("Table", source.key), ("Version id (SHA-256)", version_of(job))]
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
    if table.source is not None:
        rows.append(("Version of the table", table.source.text, table.source.committed_at or ""))
    return rows


def _conclusion(evaluation: Evaluation | DomainError) -> list[Row]:
    """The conclusion, what limits it and holds it up, and where it departs from others."""
    if isinstance(evaluation, DomainError):
        return [("Conclusion", Judgement(f"Not evaluated: {evaluation.message}", "warn"))]
    lines: list[Row] = [("Conclusion", judgement_of(evaluation))]
    lines += _limits(evaluation)
    if difference := _difference(evaluation):
        lines.append(("Not the signed evaluation", difference))
        kept = evaluation["signed"]["evaluation"]
        if kept["conclusion"] is not None:
            lines.append(("Signed conclusion", Judgement(kept["conclusion"], verdict_of(kept))))
            lines += _limits(kept)
    if evaluation["departure"] is not None:
        lines.append(("Departs from the plan", evaluation["departure"]))
    return lines


def _limits(evaluation: Evaluation) -> list[Row]:
    """What limits the conclusion, and what holds it up; sign-offs from before kept neither."""
    lines: list[Row] = [("What limits it", caveat) for caveat in evaluation.get("caveats", ())]
    if assurance := evaluation.get("assurance"):
        holds = f"{ASSURANCES[assurance['status']]}. {assurance['sentence']} {assurance['source']}."
        lines.append(("What holds it up", holds))
    return lines


def _difference(evaluation: Evaluation | DomainError) -> str | None:
    """The differences between the evaluation and the one that was signed off."""
    if isinstance(evaluation, DomainError) or evaluation["signed"] is None:
        return None
    difference: str | None = evaluation["signed"]["difference"]
    return difference


def _items(service: Service, job: JobRecord) -> Section:
    page = items_page(service, job, 0, MAX_ITEMS)
    drawn = drawn_facts(service, job)
    key = key_of_job(service, job)
    own = [each for each in open_source(service, job).files.columns if each.name not in key]
    columns = own[:MAX_ITEM_COLUMNS]
    has_names = any(item.name != item.row_id for item in page.items)
    header = ["Row", "Selected", *(column.name for column in columns)]
    attributes = page.attributes
    header += ["Finding", *(["Deviations"] if attributes else []), "Audit value", "Note"]
    header += ["By", "Time (UTC)", "Entries", "Replaces", *(["Row id"] if has_names else [])]
    rows = [
        (
            *_item(item, columns, drawn, bool(attributes)),
            *((item.row_id,) if has_names else ()),
        )
        for item in page.items
    ]
    title = counted(page.total, "item")
    if page.total > len(rows):
        title += f", the first {len(rows):,}"
    if len(own) > len(columns):
        title += f"; the first {len(columns)} of {len(own):,} columns"
    return Section("Items", "Items and findings", [Table(title, header, rows)])


def _item(
    item: SampleItem,
    columns: Sequence[Column],
    drawn: Mapping[str, tuple[int, bool]],
    has_attributes: bool,
) -> Row:
    finding = item.finding
    cells = [item_cell(item.data[column.name], column) for column in columns]
    if finding is None:
        empty = [None] * (8 if has_attributes else 7)
        return (item.name, _selected(drawn.get(item.row_id)), *cells, *empty, item.replaces_name)
    return (
        item.name,
        _selected(drawn.get(item.row_id)),
        *cells,
        outcome_title(finding.outcome),
        *(["; ".join(finding.deviations) or None] if has_attributes else []),
        decimal_of(finding.audit_value),
        finding.note or None,
        finding.user_soeid,
        moment_of(finding.at),
        finding.entries,
        item.replaces_name,
    )


def _selected(drawn: tuple[int, bool] | None) -> str:
    """The way in which an item was selected, with its selected units if there are several."""
    if drawn is None:
        return "Replacement"
    units, is_take_all = drawn
    if is_take_all:
        return "Always"
    return "By chance" if units == 1 else f"By chance, {units:,} units"


def _replacements(service: Service, job: JobRecord, state: AuditState) -> Section:
    header = ("Row", "Replaced by", "Reason", "User", "Time (UTC)")
    rows: list[Row] = [
        (each.name, each.replacement_name, each.reason, each.user_soeid, moment_of(each.at))
        for each in named_replacements(service, job, state.replacements)
    ]
    title = f"Replaced rows: {len(rows):,}"
    return Section("Replacements", "Replacements", [Table(title, header, rows)])


def _evaluation(
    service: Service,
    job: JobRecord,
    request: SettledEvaluation[Any],
    evaluation: Evaluation | DomainError,
) -> Section:
    evaluator = EVALUATORS[request.kind]
    settings: list[Row] = [
        ("Evaluation", evaluator.kind.title),
        ("Confidence", Percent(request.confidence)),
        ("Tolerable", _tolerable(request, evaluation)),
        *_conclusion(evaluation),
    ]
    blocks: list[Block] = [Facts("Settings", settings)]
    if not isinstance(evaluation, DomainError):
        named = evaluator.rows(evaluation)
        keys = None if evaluation["row_names"] else _keys_of(service, job, named)
        blocks += [
            evaluator.figures(evaluation),
            *evaluator.charts_of(evaluation, request.tolerable),
            *evaluator.results(evaluation),
            *evaluator.arithmetic(evaluation, keys),
            sources_of(evaluation),
        ]
    return Section("Evaluation", "Evaluation", blocks)


def _tolerable(request: SettledEvaluation[Any], found: Evaluation | DomainError) -> Cell:
    """The tolerable amount or share; a share of a book value as the evaluated amount."""
    if request.tolerable is None:
        return "Not given"
    if not isinstance(found, DomainError) and isinstance(found.get("tolerable"), str):
        return Decimal(found["tolerable"])
    if request.tolerable >= 1:
        return Decimal(f"{request.tolerable:.2f}")
    return Percent(float(request.tolerable))


def _amount_column(job: JobRecord) -> str | None:
    """The column whose sums the working paper states; None if the draw named none."""
    return drawn_book_column(job) or job.run_parameters.get("amount_column")


def _population_table(service: Service, job: JobRecord) -> Table:
    """The table, the rows that each step could choose from, and their amounts by sign."""
    rows: list[Row] = [("Table", open_source(service, job).files.row_count, None)]
    given = job.run_parameters["rounds"]
    results = (job.output_summary or {})["rounds"]
    for each, result in zip(given, results, strict=True):
        label = f"Step {each['round_number']}: " if len(given) > 1 else ""
        filters = each.get("filters")
        label += f"Rows that pass {filter_text(filters)}" if filters else "Rows to choose from"
        account = recorded_account(result)
        total = decimal_of((result.get("amount") or {}).get("total"))
        if account:
            total = sum((_part(account[sign])[1] for sign in SIGNS), Decimal(0))
        rows.append((label, result["eligible_rows"], total))
        if account:
            rows += [(title, *_part(account[sign])) for sign, title in SIGNS.items()]
            rows.append(("Without an amount", account["missing_rows"], None))
            rows.append(("Population", *_part(account["audited"])))
    return Table("Population", ("Part", "Rows", _sum_title(job)), rows)


def _coverage_table(service: Service, job: JobRecord, state: AuditState) -> Table:
    """The examined rows: those that were always drawn, those drawn by chance, and all."""
    items = examined_items(service, job, state)
    column, drawn = _amount_column(job), drawn_facts(service, job)
    ids = [item.row_id for item in items]
    books = book_values(service, job, ids, column) if column else {}
    certain = {row_id for row_id in ids if drawn.get(row_id, (1, False))[1]}
    has_signs = drawn_book_column(job) is None
    population, total = _population(service, job)

    def part(label: str, row_ids: Iterable[str]) -> Row:
        found = list(row_ids)
        amounts = [books[row_id] or Decimal(0) for row_id in found] if column else []
        amount = sum((value if has_signs else abs(value) for value in amounts), Decimal(0))
        return (label, len(found), _share(len(found), population), *_money(amount, total))

    rows: list[Row] = [
        ("Population", population, Percent(1.0), *_money(total, total)),
        part("Always drawn", (row_id for row_id in ids if row_id in certain)),
        part("Drawn by chance, or in place of such a row", (i for i in ids if i not in certain)),
        part("All items", ids),
    ]
    header = ("Part", "Rows", "Share of rows", _sum_title(job), "Share of the sum")
    return Table("Coverage", header, rows)


def _population(service: Service, job: JobRecord) -> tuple[int, Decimal | None]:
    """The rows that could be drawn, and their sum; of several steps, the table's rows."""
    results = (job.output_summary or {})["rounds"]
    if len(results) > 1:
        return open_source(service, job).files.row_count, None
    (result,) = results
    if account := recorded_account(result):
        return _part(account["audited"])
    return result["eligible_rows"], decimal_of((result.get("amount") or {}).get("total"))


def _part(found: Mapping[str, Any]) -> tuple[int, Decimal]:
    return found["rows"], Decimal(found["total"])


def _sum_title(job: JobRecord) -> str:
    column = _amount_column(job)
    return "Sum" if column is None else f"Sum of {column}"


def _money(amount: Decimal | None, total: Decimal | None) -> tuple[Cell, Cell]:
    if amount is None or total is None:
        return None, None
    return amount, _share(amount, total)


def _share(part: Decimal | int, whole: Decimal | int) -> Percent | None:
    return Percent(float(part / whole)) if whole else None


def _exceptions(service: Service, job: JobRecord, state: AuditState) -> Section:
    """The exceptions with their amounts and causes, and the entries that later ones corrected."""
    column = _amount_column(job)
    examined = examined_items(service, job, state)
    findings = [item.finding for item in examined if item.finding and item.is_exception]
    ids = [finding.row_id for finding in findings]
    names = names_of_job(service, job, ids)
    keys = {} if names else _keys_of(service, job, ids)
    books = book_values(service, job, ids, column) if column and ids else {}

    def cells(row_id: str) -> Row:
        return (names.of(row_id),) if names else (row_id, keys[row_id])

    amounts: list[Row] = []
    natures: list[Row] = []
    differences: dict[str, list[Decimal]] = {}
    for finding in findings:
        row_id, cause = finding.row_id, CAUSES.get(finding.cause or "")
        book, audit = books.get(row_id), decimal_of(finding.audit_value)
        if audit is None and column and finding.outcome == "not_examinable":
            audit = Decimal(0)  # as the evaluation takes it
        difference = None if book is None or audit is None else book - audit
        outcome, note = outcome_title(finding.outcome), finding.note or None
        amounts.append((*cells(row_id), outcome, book, audit, difference, note))
        deviations = "; ".join(finding.deviations) or None
        natures.append((*cells(row_id), deviations, cause, finding.cause_text or None))
        differences.setdefault(cause or "Not stated", []).append(difference or Decimal(0))
    causes: list[Row] = [
        (cause, len(parts), sum(parts, Decimal(0)) if column else None)
        for cause, parts in sorted(differences.items(), key=lambda cause: -len(cause[1]))
    ]
    first = ("Row",) if names else ("Row", "Key")
    header = (*first, "Finding", "Book value", "Audit value", "Difference", "Note")
    tables = [Table(f"Exceptions: {len(amounts):,}", header, amounts)]
    if causes:
        tables.append(Table("Causes", ("Cause", "Exceptions", "Sum of differences"), causes))
    if any(finding.deviations or finding.cause_text for finding in findings):
        header_of_causes = (*first, "Deviations", "Cause", "Cause in words")
        tables.append(Table("Nature and cause of each exception", header_of_causes, natures))
    return Section("Exceptions", "Exceptions", [*tables, _corrected(service, job, state)])


def _corrected(service: Service, job: JobRecord, state: AuditState) -> Table:
    """The entries that later ones corrected."""
    with service.database.read() as tx:
        entries, total = list_findings(tx, job.id, None, 0, MAX_ENTRIES)
    newest = {finding.id for finding in state.findings.values()}
    names = names_of_job(service, job, [entry.row_id for entry in entries])
    rows: list[Row] = [
        (
            *(names.of(entry.row_id), outcome_title(entry.outcome), decimal_of(entry.audit_value)),
            *(entry.note or None, entry.user_soeid, moment_of(entry.at)),
        )
        for entry in reversed(entries)
        if entry.id not in newest
    ]
    title = f"Entries that later ones correct: {len(rows):,}"
    if total > len(entries):
        title += f", of the newest {len(entries):,} entries"
    return Table(title, ("Row", "Finding", "Audit value", "Note", "By", "Time (UTC)"), rows)


def _keys_of(service: Service, job: JobRecord, row_ids: Sequence[str]) -> dict[str, Cell]:
    """The value by which people know each row, such as the number of an invoice."""
    if not row_ids:
        return {}
    source = open_source(service, job)
    column = source.files.column(key_column(service, job.dataset_id, source))
    ordinals = np.array(sorted({ordinal_of(row_id) for row_id in row_ids}), dtype=np.int64)
    with service.parquet.cursor(source.files) as cursor:
        cells = read_rows(cursor, rows_statement(source.files, (column,), ordinals), (column,))
    by_ordinal = dict(zip(ordinals.tolist(), cells, strict=True))
    return {
        row_id: item_cell(by_ordinal[ordinal_of(row_id)][column.name], column) for row_id in row_ids
    }
