"""The completeness of a table: the file's own totals, and balances of the general ledger.

A balance is compared with the exact sum of a column of one version. A later entry corrects an
earlier one, and all stay in the history.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Annotated

from application.access import Caller
from contract.declarations import Help
from contract.requests.reconciling import BalanceRequest, BalancesRequest
from domain_errors import FigureText, InvalidRequest, Sentence
from import_engine.work import FileTotals
from lazy_dataclasses import dataclass
from parquet_tables.child_side import decoded
from profiling_engine.tables.control_totals import SUM_DIGITS, control_totals
from service.service import Service
from service.tables.open_tables import (
    OpenTable,
    choose_key,
    open_commit,
    open_requested,
    version_of,
)
from storage.accounts.users import get_user
from storage.audit.engagements import require_table_not_closed
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output
from storage.sqlite.database import Transaction
from storage.versions.reconciliations import (
    BalanceRecord,
    NewBalance,
    add_balance,
    list_balances,
    newest_balances,
)

AGREES = "{column}: the sum {sum} agrees with the balance {balance} ({reference})."
DIFFERS = (
    "{column}: the sum {sum} differs from the balance {balance} ({reference}) by {difference}."
)


@dataclass(frozen=True)
class Reconciliation:
    """A balance of the general ledger and the sum of a column, as decimal digits."""

    id: int
    dataset_id: int
    commit_id: str
    table_key: str
    column: str
    column_sum: str
    balance: str
    difference: Annotated[str, Help("The sum less the balance; 0 if they agree.")]
    agrees: bool
    reference: str
    explanation: str
    entered_by: Annotated[str, Help("The SOEID of the user who entered the balance.")]
    at: str

    @classmethod
    def of(cls, tx: Transaction, record: BalanceRecord) -> Reconciliation:
        """A stored entry with its user's name."""
        return cls(
            id=record.id,
            dataset_id=record.dataset_id,
            commit_id=record.commit_id,
            table_key=record.table_key,
            column=record.column_name,
            column_sum=record.column_sum,
            balance=record.balance,
            difference=record.difference,
            agrees=not Decimal(record.difference),
            reference=record.reference,
            explanation=record.explanation,
            entered_by=get_user(tx, record.user_id).soeid,
            at=record.at,
        )

    @property
    def text(self) -> str:
        """The comparison in a sentence."""
        template = AGREES if self.agrees else DIFFERS
        return Sentence(
            template,
            column=self.column,
            sum=_grouped(self.column_sum),
            balance=_grouped(self.balance),
            reference=self.reference,
            difference=_grouped(self.difference.removeprefix("-")),
        )


@dataclass(frozen=True)
class Reconciliations:
    """The entries about a table of a version."""

    commit_id: str
    table_key: str
    reconciliations: Annotated[
        list[Reconciliation],
        Help("Newest first; the newest one about a column counts, others are its history."),
    ]
    total: int
    offset: int
    limit: int


@dataclass(frozen=True)
class Completeness:
    """What shows that a table is complete.

    Parameters
    ----------
    file_name : str or None
        The file that was imported; None if the version is no import.
    totals : FileTotals or None
        The file's own totals; None if none are recorded, and ``note`` says why.
    reconciliations : list of Reconciliation
        The newest one of each column.
    """

    commit_id: str
    table_key: str
    file_name: str | None
    totals: FileTotals | None
    note: str
    reconciliations: list[Reconciliation]

    @property
    def is_compared(self) -> bool:
        """Whether a total of the file, or a balance, was compared with the rows, and agrees."""
        sentences = () if self.totals is None else self.totals.sentences
        agrees = bool(self.reconciliations) or any(each.state == "agrees" for each in sentences)
        return agrees and not self.differences

    @property
    def differences(self) -> list[str]:
        """What differs: of the file's own totals, and balances that nobody explained.

        Totals that count among the rows are differences, too.
        """
        sentences = () if self.totals is None else self.totals.sentences
        own = [each.sentence for each in sentences if each.state in ("differs", "counted")]
        return own + [
            each.text for each in self.reconciliations if not each.agrees and not each.explanation
        ]

    @property
    def caveat(self) -> str | None:
        """What limits a conclusion on the rows; None if nothing differs."""
        if not self.differences:
            return None
        first, *more = self.differences
        text = "{first} A conclusion is about the rows that were imported."
        if more:
            text = (
                "{first} {count} more {count|difference is|differences are} in the import. "
                "A conclusion is about the rows that were imported."
            )
            return Sentence(text, first=Sentence.of(first), count=len(more))
        return Sentence(text, first=Sentence.of(first))


def enter_balance(caller: Caller, dataset_id: int, request: BalanceRequest) -> Reconciliation:
    """Compare the sum of a column with a balance of the general ledger, and store the comparison.

    Raises
    ------
    NotFound
        The dataset has no such version, or the version no such table.
    UnknownColumn
        The table has no such column.
    InvalidRequest
        The column has no numbers, or fractions that can't be added up exactly.
    EngagementClosed
        A sample of the table is in a sealed or archived engagement, whose papers state the
        balances.
    """
    service = caller.service
    caller.dataset(dataset_id, "write")
    with caller.reading():
        table = open_requested(service, dataset_id, request.source_ref, request.table_key)
        name, total = exact_sum(service, table, request.column)
    with localcontext() as context:
        context.prec = SUM_DIGITS
        difference = total - request.balance
    new = NewBalance(
        dataset_id=dataset_id,
        commit_id=table.commit_id,
        table_key=table.key,
        column_name=name,
        column_sum=_money(total),
        balance=_money(request.balance),
        difference=_money(difference),
        reference=request.reference,
        explanation=request.explanation,
    )
    with caller.writing() as tx:
        require_table_not_closed(tx, dataset_id, table.commit_id, table.key)
        record = add_balance(tx, new, caller.user.id, service.clock)
        caller.audit(
            tx,
            "balance_entered",
            dataset_id=dataset_id,
            commit_id=new.commit_id,
            table_key=new.table_key,
            column=name,
            column_sum=new.column_sum,
            balance=new.balance,
            difference=new.difference,
            reference=new.reference,
        )
        return Reconciliation.of(tx, record)


def reconciliations(caller: Caller, dataset_id: int, request: BalancesRequest) -> Reconciliations:
    """The balances that were entered for a table of a version; NotFound if there is none such."""
    caller.dataset(dataset_id, "read")
    with caller.service.database.read() as tx:
        commit = open_commit(tx, dataset_id, request.source_ref)
        key = choose_key(commit, request.table_key)
        found, total = list_balances(tx, dataset_id, commit.id, key, request.offset, request.limit)
        entries = [Reconciliation.of(tx, record) for record in found]
    return Reconciliations(commit.id, key, entries, total, request.offset, request.limit)


def completeness_of(service: Service, job: JobRecord) -> Completeness:
    """What shows that the table from which a sample was drawn is complete.

    The totals of the file are those that the import of the drawn version recorded.
    """
    return completeness(service, job.dataset_id, version_of(job), job.run_parameters["table_key"])


def completeness(service: Service, dataset_id: int, commit_id: str, table_key: str) -> Completeness:
    """What shows that a table of a version is complete; see :func:`completeness_of`."""
    with service.database.read() as tx:
        source = job_with_output(tx, dataset_id, commit_id)
        records = newest_balances(tx, dataset_id, commit_id, table_key)
        found = [Reconciliation.of(tx, record) for record in records]
    is_import = source is not None and source.run_type == "import"
    summary = (source.output_summary or {}) if source is not None and is_import else {}
    recorded = next(
        (
            table["totals"]
            for table in summary.get("tables", ())
            if table["key"] == table_key and "totals" in table
        ),
        None,
    )
    note = ""
    if recorded is None:
        note = (
            "The import recorded no totals of the file."
            if is_import
            else ("The version was not imported from a file, so there are no totals of a file.")
        )
    elif not recorded["sentences"]:
        note = "The file has no totals of its own."
    totals = None if recorded is None else decoded(FileTotals, recorded)
    return Completeness(commit_id, table_key, summary.get("file_name"), totals, note, found)


def exact_sum(service: Service, table: OpenTable, column: str) -> tuple[str, Decimal]:
    """The name of a column and the exact sum of its values.

    Raises
    ------
    UnknownColumn
        The table has no such column.
    InvalidRequest
        The column has no numbers, or fractions that can't be added up exactly.
    """
    found = table.files.column(column, ("body", "column"))
    if not found.data_type.is_number:
        raise InvalidRequest(
            'The column "{column}" has no numbers.', loc=("body", "column"), column=column
        )
    files = replace(table.files, columns=(found,))
    with service.parquet.cursor(table.files) as cursor:
        (total,) = control_totals(cursor, files)
    if not total.is_exact:
        raise InvalidRequest(
            'The values of the column "{column}" can\'t be added up exactly: they have more than '
            "nine decimals, or are too large.",
            loc=("body", "column"),
            column=column,
        )
    return found.name, Decimal(total.sum)


def _money(value: Decimal) -> str:
    """An amount in digits, with two decimals at least; 0 has no sign."""
    value = value if value else abs(value)
    places = max(2, -int(value.as_tuple().exponent))
    return f"{value:.{places}f}"


def _grouped(digits: str) -> FigureText:
    return FigureText(f"{Decimal(digits):,f}")
