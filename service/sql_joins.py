"""Further tables of a query: uploads, findings and answers of the sample, and other versions.

Each has the column ``_logical_row_id``; those of the sample have the columns of the sample's row
key, too, so that all can be joined by it. A job records what it reads, so that it reads the same
again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NotRequired, TypedDict

import numpy as np

from contract.words import QuestionType
from domain_errors import DomainError, InvalidRequest, located
from parquet_tables.columns import DataFile
from parquet_tables.database import registered
from parquet_tables.names import folded, settle_names, unused_name
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import RowSet, rows_at
from parquet_tables.tables import Column, Int64s
from parquet_tables.writing import read_columns, write_parquet
from service.service import Service
from service.tables.chosen_keys import declared_key_of, key_of_order
from service.tables.drawn_rows import ROW_ID
from service.tables.open_tables import (
    OpenTable,
    choose_key,
    open_commit,
    open_source,
    require_files,
)
from sql_sandbox.request import SourceTable
from storage.audit.findings import (
    Finding,
    counting_findings,
    list_findings,
    list_replacements,
    newest_readings,
)
from storage.audit.reviewing import questions_of
from storage.audit.sample_values import SampleValues, list_values
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.publishing import job_with_output
from storage.sqlite.database import Transaction
from storage.versions.manifests import Commit, StoredTable, get_commit

FIELD = "with_tables"
UPLOADS, FINDINGS, ANSWERS = "uploads", "findings", "answers"
FEW_UPLOADS = 20
"""Uploads that are always made tables; of more, those that the statement names."""
_NAMED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)=(.+)")
_FINDINGS_COLUMNS = (
    *(("outcome", "VARCHAR"), ("audit_value", "VARCHAR"), ("note", "VARCHAR")),
    *(("deviations", "VARCHAR"), ("cause", "VARCHAR"), ("cause_text", "VARCHAR")),
    *(
        ("replaces", "VARCHAR"),
        ("entered_by", "VARCHAR"),
        ("entered_at", "TIMESTAMP WITH TIME ZONE"),
    ),
)
MAX_DIGITS, LEAST_SCALE = 38, 2
ANSWER_TYPES: Mapping[QuestionType, str] = {
    "yes_no": "BOOLEAN",
    "choice": "VARCHAR",
    "number": "DOUBLE",
    "amount": "DECIMAL",
    "text": "VARCHAR",
}
"""Of queries: an amount's decimal holds all answers exactly. Estimates have a double for it."""
ABOUT_ANSWERS = (
    *(("outcome", "VARCHAR"), ("note", "VARCHAR"), ("reading", "VARCHAR"), ("readings", "BIGINT")),
    *(("entered_by", "VARCHAR"), ("entered_at", "TIMESTAMP WITH TIME ZONE")),
)
"""Columns beside the questions; ``readings`` is the number of people who answered."""


class JoinedJson(TypedDict):
    """A further table as a job records it: an upload, findings or answers, or one of a version."""

    name: str
    upload: NotRequired[int]
    last_finding_id: NotRequired[int]
    last_answer_id: NotRequired[int]
    last_replacement_id: NotRequired[int]
    commit_id: NotRequired[str]
    table_key: NotRequired[str]


def resolve_joins(
    service: Service, dataset_id: int, commit: Commit, requested: Sequence[str]
) -> list[JoinedJson]:
    """Settle what the tables of ``with_tables`` are now.

    Raises
    ------
    NotFound
        There is no such version; the commit is no sample and so has no uploads, findings and
        answers; or the sample has no questions of its own.
    InvalidRequest
        Two tables have one name.
    """
    taken = {folded(name) for table in commit.manifest.tables for name in (table.name, table.key)}
    joined: list[JoinedJson] = []
    with service.database.read() as tx:
        job = _sample_of(tx, commit)
        for place, text in enumerate(requested):
            loc = (FIELD, place)
            with located(loc, always=True):
                tables = list(_resolved(tx, dataset_id, job, text))
            for table in tables:
                if folded(table["name"]) in taken:
                    raise InvalidRequest(
                        'Two tables are named "{name}". Write NAME={text} to give one another '
                        "name.",
                        name=table["name"],
                        text=text,
                        loc=loc,
                    )
                taken.add(folded(table["name"]))
            joined += tables
    return joined


def names_again(requested: Sequence[str], joined: Sequence[JoinedJson]) -> list[str]:
    """The names of the same tables: of versions by their commits, since a ref may have moved."""
    commits = {each["name"]: each["commit_id"] for each in joined if "commit_id" in each}
    again = []
    for text in requested:
        named = _NAMED.fullmatch(text)
        name = named[1] if named else text
        commit_id = commits.get(name) or next(
            (found for key, found in commits.items() if key.startswith(f"{name}_")), None
        )
        again.append(text if commit_id is None else f"{name}={commit_id}")
    return again


def _resolved(
    tx: Transaction, dataset_id: int, job: JobRecord | None, text: str
) -> Iterator[JoinedJson]:
    if text in (UPLOADS, FINDINGS, ANSWERS):
        if job is None:
            raise NotFound(
                "Only a sample has {kind}: name the ref of one in `source_ref`.", kind=text
            )
        if text == UPLOADS:
            for upload in reversed(list_values(tx, job.id)):
                yield {"name": f"upload_{upload.number}", "upload": upload.number}
        elif text == ANSWERS:
            if not questions_of(tx, job.id).questions:
                raise NotFound(
                    "The sample has no questions of its own. What was found about its rows is in "
                    "the table `findings`."
                )
            entries, _ = list_findings(tx, job.id, None, 0, 1)
            yield {"name": ANSWERS, "last_answer_id": entries[0].id if entries else 0}
        else:
            entries, _ = list_findings(tx, job.id, None, 0, 1)
            replacements = [each.id for each in list_replacements(tx, job.id)]
            yield {
                "name": FINDINGS,
                "last_finding_id": entries[0].id if entries else 0,
                "last_replacement_id": max(replacements, default=0),
            }
        return
    named = _NAMED.fullmatch(text)
    name, ref = (named[1], named[2]) if named else (text, text)
    version = open_commit(tx, dataset_id, ref)
    chosen = _chosen_table(version, job)
    if chosen is not None:
        yield {"name": name, "commit_id": version.id, "table_key": chosen}
    if len(version.manifest.tables) > 1:
        for table in version.manifest.tables:
            key = f"{name}_{table.name}"
            yield {"name": key, "commit_id": version.id, "table_key": table.key}


def _chosen_table(version: Commit, job: JobRecord | None) -> str | None:
    """The table that the version's name means: that of the sample's source, else its only one."""
    keys = [table.key for table in version.manifest.tables]
    if job is not None and job.run_parameters["table_key"] in keys:
        return str(job.run_parameters["table_key"])
    try:
        return choose_key(version, None)
    except NotFound:
        return None


def _sample_of(tx: Transaction, commit: Commit) -> JobRecord | None:
    """The job that drew the sample of a commit; None of another commit."""
    job = job_with_output(tx, commit.manifest.dataset_id, commit.id)
    return job if job is not None and job.run_type == "sampling" else None


@contextmanager
def joined_tables(
    service: Service, commit: Commit, joined: Sequence[JoinedJson], sql: str
) -> Iterator[tuple[SourceTable, ...]]:
    """The further tables of a query, which the block can read."""
    if not joined:
        yield ()
        return
    with TemporaryDirectory(dir=service.directory.scratch_dir, prefix="joined-") as folder:
        yield tuple(_opened(service, commit, joined, sql, Path(folder)))


def _opened(
    service: Service, commit: Commit, joined: Sequence[JoinedJson], sql: str, folder: Path
) -> Iterator[SourceTable]:
    with service.database.read() as tx:
        job = _sample_of(tx, commit)
        commits = {
            each["commit_id"]: get_commit(tx, commit.manifest.dataset_id, each["commit_id"])
            for each in joined
            if "commit_id" in each
        }
    rows = None if job is None else _SampleRows(service, job, folder)
    uploads = [each for each in joined if "upload" in each]
    for each in joined:
        if "commit_id" in each:
            table = commits[each["commit_id"]].manifest.table(each["table_key"])
            yield version_table(service, table, each["name"])
        elif rows is None:
            raise NotFound("The sample that the query reads was deleted.")
        elif "last_finding_id" in each:
            yield rows.findings(each["last_finding_id"], each.get("last_replacement_id"))
        elif "last_answer_id" in each:
            yield rows.answers(each["last_answer_id"])
        elif len(uploads) <= FEW_UPLOADS or each["name"] in folded(sql):
            yield rows.upload(each["upload"])


def stored_table(service: Service, table: StoredTable, name: str) -> SourceTable:
    """A table of a commit by a name of its own; DamagedData if a data file is missing."""
    require_files(service, table)
    vector = table.deletion_vector
    return SourceTable(
        name,
        table.columns,
        table.data_files(service.data_files),
        None if vector is None else service.data_files.path(vector.sha256),
    )


def version_table(service: Service, table: StoredTable, name: str) -> SourceTable:
    """A table of a version, whose rows have their row ids."""
    opened = stored_table(service, table, name)
    if any(folded(column.name) == ROW_ID for column in table.columns):
        return opened
    return replace(opened, row_ids=table.key)


class _SampleRows:
    """Writes uploads, findings and answers with the keys of their rows."""

    def __init__(self, service: Service, job: JobRecord, folder: Path) -> None:
        self.service, self.job, self.folder = service, job, folder
        self.source: OpenTable = open_source(service, job)
        self.key = self._key()

    def _key(self) -> tuple[Column, ...]:
        """The columns of the draw's key, or of the table's; none if there is no key."""
        for given in self.job.run_parameters["rounds"]:
            if (key := key_of_order(given)) is not None:
                return key.of(self.source.files)
        with self.service.database.read() as tx:
            declared = declared_key_of(tx, self.job.dataset_id, self.source)
        if declared is None:
            return ()
        try:
            return RowKey(tuple(declared.columns)).of(self.source.files)
        except DomainError:  # this version lacks a column
            return ()

    def upload(self, number: int) -> SourceTable:
        """The values of an upload."""
        with self.service.database.read() as tx:
            found = next(each for each in list_values(tx, self.job.id) if each.number == number)
        return self._written(f"upload_{number}", *self._values(found))

    def _values(self, found: SampleValues) -> tuple[str, list[object], list[Column]]:
        self.service.data_files.require_whole(found.file)
        path = self.service.data_files.path(found.file.sha256)
        return "SELECT * FROM read_parquet(?)", [str(path)], list(found.columns)

    def findings(self, last_id: int, last_replacement_id: int | None) -> SourceTable:
        """The finding that counts of each row, and the replacements, up to an entry of each."""
        with self.service.database.read() as tx:
            readings = newest_readings(tx, self.job.id, last_id=last_id)
            replaced = {
                each.replacement_id: each.row_id
                for each in list_replacements(tx, self.job.id)
                if last_replacement_id is None or each.id <= last_replacement_id
            }
        found = list(counting_findings(readings).values())
        lists: list[Sequence[object]] = [
            [each.outcome for each in found],
            [each.audit_value for each in found],
            [each.note for each in found],
            ["; ".join(each.deviations) for each in found],
            [each.cause for each in found],
            [each.cause_text for each in found],
            [replaced.get(each.row_id) for each in found],
            [each.user_soeid for each in found],
            [each.at for each in found],
        ]
        types = dict(_FINDINGS_COLUMNS)
        types["audit_value"] = _amount_type(each.audit_value for each in found)
        columns = [Column(name, type_) for name, type_ in types.items()]
        return self._entries(FINDINGS, found, columns, lists)

    def answers(self, last_id: int) -> SourceTable:
        """The answers that count of each row, a column a question, up to an entry."""
        with self.service.database.read() as tx:
            asked = questions_of(tx, self.job.id).questions
            readings = newest_readings(tx, self.job.id, last_id=last_id)
        found = list(counting_findings(readings).values())
        columns, lists = list[Column](), list[Sequence[object]]()
        for question in asked:
            values = [entry.answers.get(question.name) for entry in found]
            type_ = ANSWER_TYPES[question.type]
            if question.type == "amount":
                type_ = _amount_type(values)
            columns.append(Column(question.name, type_))
            lists.append([None if value is None else str(value) for value in values])
        lists += [
            [entry.outcome for entry in found],
            [entry.note for entry in found],
            [entry.reading for entry in found],
            [str(len(readings[entry.row_id].given)) for entry in found],
            [entry.user_soeid for entry in found],
            [entry.at for entry in found],
        ]
        used = {folded(column.name) for column in columns}
        for name, type_ in ABOUT_ANSWERS:
            columns.append(Column(unused_name(name, used), type_))
        return self._entries(ANSWERS, found, columns, lists)

    def _entries(
        self,
        name: str,
        found: Sequence[Finding],
        columns: Sequence[Column],
        lists: Sequence[Sequence[object]],
    ) -> SourceTable:
        """A row for each entry; the values of each column are texts that its type reads."""
        named = (Column(ROW_ID, "VARCHAR"), *columns)
        unnested = ", ".join(f"unnest(?::VARCHAR[]) AS c{at}" for at in range(len(named)))
        cast = ", ".join(
            f"CAST(c{at} AS {column.type}) AS {quote_identifier(column.name)}"
            for at, column in enumerate(named)
        )
        params: list[object] = [[each.row_id for each in found], *lists]
        return self._written(name, f"SELECT {cast} FROM (SELECT {unnested})", params, columns)

    def _written(
        self, name: str, sql: str, params: Sequence[object], columns: Sequence[Column]
    ) -> SourceTable:
        """Write rows that have a row id to a file, with the keys of the source's rows."""
        path, plain = self.folder / f"{name}.parquet", self.folder / f"{name}-rows.parquet"
        with self.service.parquet.cursor(self.source.files) as cursor:
            write_parquet(cursor, sql, list(params), plain)
            number = f"CAST(split_part({quote_identifier(ROW_ID)}, ':', -1) AS BIGINT)"
            read = cursor.execute(
                f"SELECT {number} AS ordinal FROM read_parquet(?)", [str(plain)]
            ).fetchnumpy()
            ordinals = np.asarray(read["ordinal"], dtype=np.int64)
            keys, bound = self._keys(ordinals)
            settled, _ = settle_names(
                [ROW_ID, *(column.name for column in self.key), *(one.name for one in columns)]
            )
            cells = [
                f"r.{quote_identifier(ROW_ID)}",
                *(f"k.k{at}" for at in range(len(self.key))),
                *(f"r.{quote_identifier(column.name)}" for column in columns),
            ]
            selected = ", ".join(
                f"{cell} AS {quote_identifier(name)}"
                for cell, name in zip(cells, settled, strict=True)
            )
            joined = f"LEFT JOIN ({keys}) AS k ON k.ordinal = r.ordinal" if self.key else ""
            with registered(cursor, {"examined": {"ordinal": np.unique(ordinals)}}):
                file = write_parquet(
                    cursor,
                    f"SELECT {selected} FROM (SELECT *, {number} AS ordinal, "
                    f"row_number() OVER () AS place FROM read_parquet(?)) AS r {joined} "
                    "ORDER BY r.place",
                    [str(plain), *bound],
                    path,
                )
            return SourceTable(name, read_columns(cursor, path), (DataFile(path, file.rows),))

    def _keys(self, ordinals: Int64s) -> tuple[str, list[object]]:
        selected = ", ".join(
            f"f.{quote_identifier(column.name)} AS k{at}" for at, column in enumerate(self.key)
        )
        if not selected:
            return "", []
        return rows_at(self.source.files, selected, RowSet.of("examined", ordinals), ["ordinal"])


def _amount_type(values: Iterable[str | None]) -> str:
    """A decimal that holds all values exactly; a text if none does."""
    digits = [value.lstrip("-").partition(".")[::2] for value in values if value]
    whole = max((len(part) for part, _ in digits), default=0)
    scale = max((len(part) for _, part in digits), default=0)
    scale = max(scale, LEAST_SCALE)
    return f"DECIMAL({MAX_DIGITS},{scale})" if whole + scale <= MAX_DIGITS else "VARCHAR"
