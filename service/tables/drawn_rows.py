"""The drawn rows of a sample in the order of its draw, and samples that share examined rows.

Two samples share rows if their tables have the same data files, so that row ids mean the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.rows import page_statement
from parquet_tables.tables import TableFiles
from service.service import Service
from service.tables.open_tables import open_sample
from storage.audit.findings import Finding, asked_samples, examined_samples, newest_findings
from storage.errors import Conflict, NotFound
from storage.jobs.jobs import JobRecord
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit

ROW_ID, STRATUM, ROUND = "_logical_row_id", "_stratum", "_sampling_round"
SELECTION_ORDER = "_selection_order"
MAX_DRAWN = 100_000
DrawnRows = dict[str, tuple[int, str | None]]


def drawn_row_ids(service: Service, job: JobRecord) -> DrawnRows:
    """The round and stratum of each drawn row, by row id, in the order of the draw.

    Raises
    ------
    Conflict
        The sample has more than ``MAX_DRAWN`` rows.
    """
    sample = open_sample(service, job).files
    if sample.row_count > MAX_DRAWN:
        raise Conflict(
            "Findings can be entered for samples of at most {maximum} rows; this one has {rows}.",
            maximum=MAX_DRAWN,
            rows=sample.row_count,
        )
    return service.results.drawn.get(job.id, lambda: rows_in_order(service, sample))


def rows_in_order(service: Service, sample: TableFiles) -> DrawnRows:
    """Read the same from the files of a sample."""
    columns = [sample.column(name) for name in (ROUND, SELECTION_ORDER, ROW_ID, STRATUM)]
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(*page_statement(sample, columns)).fetchall()
    # A round's rows may be stored by another order than that of the draw.
    rows.sort(key=lambda row: row[:2])
    return {row_id: (round_number, stratum) for round_number, _, row_id, stratum in rows}


@dataclass(frozen=True)
class ExaminedBefore:
    """Another sample of a table, and what it has to do with a given sample.

    Parameters
    ----------
    findings : mapping
        Its newest findings by row id.
    own : frozenset of str
        The rows that it has findings of its own about: others came from a sample that it continues.
    drawn : int
        Its drawn rows; 0 if they can't be read any more.
    has_same_rows : bool
        Whether both tables have the same data files.
    shared : tuple of str
        The rows of the given sample that it has findings about, in the order of the draw.
    in_order : bool
        Whether one of both samples is the first rows of the other.
    is_nested : bool
        Whether it is so, or both have a method with the same seed, and share rows with findings:
        what is drawn then depends on rows that were drawn before, whatever the sizes and filters.
    """

    job: JobRecord
    findings: Mapping[str, Finding]
    own: frozenset[str]
    drawn: int
    has_same_rows: bool
    shared: tuple[str, ...] = ()
    in_order: bool = False
    is_nested: bool = False

    @property
    def name(self) -> str:
        """The name of the sample, or the first digits of its job."""
        return self.job.shown_name


def examined_beside(
    service: Service, job: JobRecord, source_id: str, drawn: Sequence[str]
) -> list[ExaminedBefore]:
    """The other samples of a job's table that have findings, newest draw first.

    Parameters
    ----------
    source_id : str
        The commit that the job draws from.
    drawn : sequence of str
        The job's drawn rows in their order.
    """
    key = job.run_parameters["table_key"]
    with service.database.read() as tx:
        others = [
            (other, newest_findings(tx, other.id), _files_of(tx, other, key))
            for other in examined_samples(tx, job)
        ]
        files = _files_of_commit(tx, job.dataset_id, source_id, key) if others else None
    found = []
    for other, findings, of_other in others:
        same = files is not None and of_other == files
        own = frozenset(each.row_id for each in findings.values() if each.from_job_id is None)
        rows: list[str] = []
        with suppress(DomainError):  # its files were pruned or are damaged
            rows = list(drawn_row_ids(service, other))
        shared = tuple(row for row in drawn if row in findings) if same else ()
        least = min(len(rows), len(drawn))
        in_order = bool(shared and least) and rows[:least] == list(drawn[:least])
        is_nested = in_order or (bool(shared) and has_common_seed(other, job))
        found.append(
            ExaminedBefore(other, findings, own, len(rows), same, shared, in_order, is_nested)
        )
    return found


def continued_sample(found: Sequence[ExaminedBefore]) -> ExaminedBefore | None:
    """The sample that a new draw continues: of those nested with it, the one that shares most.

    Of several that share as much, it is the one in which most of these rows were entered.
    """
    nested = [each for each in found if each.is_nested]
    return max(
        nested,
        key=lambda each: (len(each.shared), len(each.own.intersection(each.shared))),
        default=None,
    )


def asked_sample(
    service: Service, job: JobRecord, source_id: str, drawn: Sequence[str]
) -> JobRecord | None:
    """The newest sample without findings that a new draw continues, whose questions it takes."""
    key = job.run_parameters["table_key"]
    with service.database.read() as tx:
        files = _files_of_commit(tx, job.dataset_id, source_id, key)
        others = [each for each in asked_samples(tx, job) if _files_of(tx, each, key) == files]
    for other in others if files is not None else ():
        with suppress(DomainError):  # its files were pruned or are damaged
            rows = list(drawn_row_ids(service, other))
            least = min(len(rows), len(drawn))
            has_seed = has_common_seed(other, job) and not set(rows).isdisjoint(drawn)
            if has_seed or (least and rows[:least] == list(drawn[:least])):
                return other
    return None


def is_repeat_of(before: ExaminedBefore, job: JobRecord, drawn: int) -> bool:
    """Whether a draw repeats an examined one, which itself has findings by one look at most."""
    names = ("method", "parameters", "filters", "goal")
    plan, other = (
        [[given.get(name) for name in names] for given in each.run_parameters["rounds"]]
        for each in (job, before.job)
    )
    earlier = (before.job.output_summary or {}).get("continues")
    return plan == other and before.drawn == drawn and (not earlier or earlier["is_repeat"])


def has_common_seed(one: JobRecord, other: JobRecord) -> bool:
    """Whether rounds of two samples have the same method and seed."""
    methods, others = (
        {
            (given["method"], str(given["parameters"].get("seed")))
            for given in job.run_parameters["rounds"]
        }
        for job in (one, other)
    )
    return not methods.isdisjoint(others)


def _files_of(tx: Transaction, job: JobRecord, key: str) -> object:
    if job.source_commit_id is None:
        return None
    return _files_of_commit(tx, job.dataset_id, job.source_commit_id, key)


def _files_of_commit(tx: Transaction, dataset_id: int, commit_id: str, key: str) -> object:
    """The data files of a table, on which its row ids depend; None if it was pruned."""
    with suppress(NotFound):
        return get_commit(tx, dataset_id, commit_id).manifest.table(key).files
    return None
