"""The population of a working paper, and what the sample covers of it.

Sums are of the book column of a sample by monetary units, or of the amount column that the draw was
to cover; a sample with neither has rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from application.audit.items import (
    book_column_of,
    book_values,
    drawn_book_column,
    drawn_facts,
    examined_items,
)
from application.audit.sentences import concluded_text
from application.audit.state import AuditState
from application.audit.working_paper.requirements import NOT_GIVEN, UNEXPLAINED
from application.reconciling import Completeness, completeness_of, exact_sum
from application.samples.facts import filter_text, method_title, population_of
from contract.declarations import declared_field
from contract.requests.papers import PaperFactsRequest
from contract.words import REVIEW_STATES
from domain_errors import InvalidRequest, Sentence
from presentation.content import (
    Block,
    Cell,
    Facts,
    Formula,
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
from service.tables.open_tables import open_source
from storage.audit.findings import review_of, samples_beside
from storage.jobs.jobs import JobRecord
from storage.versions.refs import has_sample_ref

DELETED = "Deleted"
BALANCES = (
    *("Column", "Reference", "Sum", "Balance", "Difference", "Explanation", "By", "Time (UTC)"),
)
NO_BALANCE = Sentence("Not compared: no balance was entered.")
COMPARED = Sentence("The table was compared as stated above.")
COMPARED_WITH_FILE = Sentence(
    "The table was compared with the file's own totals, and not with the general ledger."
)
TOTAL_TONES = {"agrees": "good", "differs": "warn", "not_compared": "warn", "counted": "warn"}
SIGNS = {"positive": "Positive amounts", "zero": "Amounts of 0", "negative": "Negative amounts"}


MAX_OTHERS = 50
"""Other samples that the paper lists, the newest."""


def population_section(
    service: Service,
    job: JobRecord,
    state: AuditState,
    facts: PaperFactsRequest,
) -> Section:
    """The population with its reconciliation, the sample's coverage, and other samples of it."""
    blocks: list[Block] = [
        population_table(service, job),
        *_reconciliation(completeness_of(service, job), facts),
        coverage_table(service, job, state),
        _samples_beside(service, job),
    ]
    return Section("Population", "Population and coverage", blocks)


def _reconciliation(found: Completeness, facts: PaperFactsRequest) -> list[Block]:
    """The file's own totals, the general ledger, and what the auditor says of completeness."""
    own = facts.reconciliation
    rows: list[Row] = [
        ("File totals", Judgement(each.sentence, TOTAL_TONES.get(each.state, "")))
        for each in (found.totals.sentences if found.totals else ())
    ]
    if found.note:
        rows.append(("File totals", Sentence(found.note)))
    rows += [
        ("General ledger", Judgement(each.text, "good" if each.agrees else "warn"))
        for each in found.reconciliations
    ] or [("General ledger", NO_BALANCE)]
    title = declared_field(PaperFactsRequest, "reconciliation").title
    compared = COMPARED if found.reconciliations else COMPARED_WITH_FILE
    lacking = UNEXPLAINED if found.differences else NOT_GIVEN
    rows.append((title, own or (compared if found.is_compared else lacking)))
    blocks: list[Block] = [Facts("Reconciliation", rows)]
    if found.reconciliations:
        balances: list[Row] = [
            (
                *(each.column, each.reference, Decimal(each.column_sum), Decimal(each.balance)),
                Formula(Decimal(each.difference), "[Sum]-[Balance]"),
                each.explanation or None,
                *(each.entered_by, moment_of(each.at)),
            )
            for each in found.reconciliations
        ]
        blocks.append(Table("Balances of the general ledger", BALANCES, balances))
    return blocks


def _samples_beside(service: Service, job: JobRecord) -> Table:
    """The other samples of the table, those without findings, too, and what they concluded."""
    with service.database.read() as tx:
        found = samples_beside(tx, job, MAX_OTHERS + 1)
        rows: list[Row] = []
        for each in found[:MAX_OTHERS]:
            review = review_of(tx, each.id)
            signed = review.sign_off
            is_there = has_sample_ref(tx, each.dataset_id, each.output_commit_id)
            concluded = None if signed is None else concluded_text(signed.evaluation)
            rows.append(
                (
                    each.shown_name,
                    each.purpose,
                    methods_of(each),
                    (each.output_summary or {}).get("total_sampled"),
                    moment_of(each.created_at),
                    Sentence(REVIEW_STATES[review.state] if is_there else DELETED),
                    None if concluded is None else Sentence(concluded),
                )
            )
    header = ("Sample", "Purpose", "Method", "Rows", "Drawn (UTC)", "State", "Signed conclusion")
    title = "Other samples of this table: {count}"
    if len(found) > len(rows):
        title = "Other samples of this table: the newest {count}"
    return Table(Sentence(title, count=len(rows)), header, rows)


def methods_of(job: JobRecord) -> Sentence:
    """The titles of a sample's methods."""
    titles = [Sentence(method_title(each["method"])) for each in job.run_parameters["rounds"]]
    return Sentence.joined(titles, ", ")


def population_table(service: Service, job: JobRecord) -> Table:
    """The table, the rows that each step could choose from, and their amounts by sign."""
    drawn_from = open_source(service, job).files.row_count
    left_out = job.run_parameters.get("excluded", {}).get("rows", 0)
    whole = None if left_out else _table_sum(service, job)
    rows: list[Row] = [(Sentence("Table"), drawn_from + left_out, whole)]
    if left_out:
        rows.append((Sentence("Excluded rows"), left_out, None))
    given = job.run_parameters["rounds"]
    results = (job.output_summary or {})["rounds"]
    for each, result in zip(given, results, strict=True):
        filters = each.get("filters")
        step = "Step {step}: " if len(given) > 1 else ""
        label = step + ("Rows that pass {scope}" if filters else "Rows to choose from")
        shown = filter_text(filters) if filters else ""
        label = Sentence(label, step=each["round_number"], scope=shown)
        account = recorded_account(result)
        total = decimal_of((result.get("amount") or {}).get("total"))
        if account:
            total = sum((_part(account[sign])[1] for sign in SIGNS), Decimal(0))
        if filters and len(given) == 1:
            rest = None if whole is None or total is None else whole - total
            rows.append(
                (Sentence("Left out by the filter"), drawn_from - result["eligible_rows"], rest)
            )
        rows.append((label, result["eligible_rows"], total))
        if account:
            rows += [(Sentence(title), *_part(account[sign])) for sign, title in SIGNS.items()]
            rows.append((Sentence("Without an amount"), account["missing_rows"], None))
            rows.append((Sentence("Population"), *_part(account["audited"])))
    return Table("Population", ("Part", "Rows", _sum_title(service, job)), rows)


def _table_sum(service: Service, job: JobRecord) -> Decimal | None:
    """The exact sum of the book column over the table; None without one, or if there is none."""
    column = book_column_of(service, job)
    if column is None:
        return None
    with suppress(InvalidRequest):
        return exact_sum(service, open_source(service, job), column)[1]
    return None


def coverage_table(service: Service, job: JobRecord, state: AuditState) -> Table:
    """The examined rows: those that were always drawn, those drawn by chance, and all."""
    items = examined_items(service, job, state)
    column, drawn = book_column_of(service, job), drawn_facts(service, job)
    ids = [item.row_id for item in items]
    books = book_values(service, job, ids, column) if column else {}
    certain = {row_id for row_id in ids if drawn.get(row_id, (1, False))[1]}
    has_signs = drawn_book_column(job) is None
    population, total = population_of(job.output_summary or {})
    sum_title = _sum_title(service, job)

    def part(label: str, row_ids: Iterable[str]) -> Row:
        found = list(row_ids)
        amounts = [books[row_id] or Decimal(0) for row_id in found] if column else []
        amount = sum((value if has_signs else abs(value) for value in amounts), Decimal(0))
        rows_share = _share(len(found), population, "[Rows]/{population_rows}")
        return (Sentence(label), len(found), rows_share, *_money(amount, total, sum_title))

    whole = None if total is None else Formula(total, name="population_sum")
    first = Formula(population, name="population_rows")
    rows: list[Row] = [
        (Sentence("Population"), first, Percent(1.0), whole, whole and Percent(1.0)),
        part("Always drawn", (row_id for row_id in ids if row_id in certain)),
        part("Drawn by chance, or in place of such a row", (i for i in ids if i not in certain)),
        part("All items", ids),
    ]
    header = ("Part", "Rows", "Share of rows", sum_title, "Share of the sum")
    return Table("Coverage", header, rows)


def _part(found: Mapping[str, Any]) -> tuple[int, Decimal]:
    return found["rows"], Decimal(found["total"])


def _sum_title(service: Service, job: JobRecord) -> str:
    column = book_column_of(service, job)
    return "Sum" if column is None else Sentence("Sum of {column}", column=column)


def _money(amount: Decimal | None, total: Decimal | None, column: str) -> tuple[Cell, Cell]:
    if amount is None or total is None:
        return None, None
    return amount, _share(amount, total, f"[{column}]/{{population_sum}}")


def _share(part: Decimal | int, whole: Decimal | int, expression: str) -> Formula | None:
    """A share, which a workbook computes."""
    return Formula(Percent(float(part / whole)), expression) if whole else None
