"""Values of sampled rows from outside, such as the results of an examination.

A user uploads a file with a row for each examined row of the sample. The import engine reads it.
Each upload is stored with a number; estimates can be made from its columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from application.access import Caller
from application.samples.row_files import InvalidRowFile, ReadRowFile, RowFile, read_row_file
from contract.answers import Hidden
from contract.declarations import Help
from domain_errors import choices_sentence, counted
from estimation_engine import is_number
from estimation_engine.reading import relation_of
from estimation_engine.row_keys import (
    Key,
    KeyMatch,
    changed_columns,
    joined_statement,
    missing_counts,
)
from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.sample_table import SAMPLE_COLUMNS
from service.service import Service
from service.tables.open_tables import open_sample
from service.tables.row_names import key_of_job
from storage.audit.engagements import require_not_closed
from storage.audit.sample_values import NewValues, SampleValues, insert_values, list_values
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord

MAX_UPLOADS = 1_000
UPLOADED_SUFFIX = " (uploaded)"


@dataclass(frozen=True)
class ValueColumn:
    """A column of values, by its name in the sample."""

    name: str
    type: str
    is_number: bool

    @classmethod
    def of(cls, column: Column) -> ValueColumn:
        return cls(column.name, column.type, is_number(column))


@dataclass(frozen=True)
class FileColumn(ValueColumn):
    """A column of values in a file."""

    source_name: Annotated[str, Help("In the file.")]
    missing: Annotated[int, Help("Rows of the file without a value.")]
    empty_texts: Hidden[int]


@dataclass(frozen=True)
class MatchedFile(KeyMatch):
    """How the rows of a file match the sample's rows."""

    read: Hidden[ReadRowFile]
    columns: Annotated[Sequence[FileColumn], Help("The columns of values.")]
    notes: Sequence[str]

    @property
    def key(self) -> Annotated[Sequence[str], Help("The columns that identify a row.")]:
        return self.read.key_names

    @property
    def problem(
        self,
    ) -> Annotated[str | None, Help("Why the file can't be stored; null if it can.")]:
        try:
            self.read.require_clean(self)
        except InvalidRowFile as error:
            return error.message
        return None


@dataclass(frozen=True)
class ValuesUpload:
    """Values of sampled rows, as a user uploaded them."""

    job_id: str
    number: Annotated[int, Help("The upload's number in its sample.")]
    file_name: str
    user_soeid: str
    created_at: str
    key: Annotated[tuple[str, ...], Help("The columns that identified the rows.")]
    row_count: Annotated[int, Help("Sampled rows with a row in the file.")]
    unanswered: Annotated[int, Help("Sampled rows without one.")]
    columns: list[ValueColumn]
    notes: Annotated[tuple[str, ...], Help("What the reading of the file changed or left open.")]

    @classmethod
    def of(cls, values: SampleValues, job: JobRecord) -> ValuesUpload:
        drawn = int((job.output_summary or {}).get("total_sampled", 0))
        return cls(
            job.id,
            values.number,
            values.file_name,
            values.user_soeid,
            values.created_at,
            values.key_columns,
            values.file.rows,
            max(drawn - values.file.rows, 0),
            [ValueColumn.of(column) for column in values.columns],
            values.notes,
        )


@dataclass(frozen=True)
class StoredUpload(ValuesUpload):
    """An upload, with what its file had."""

    match: MatchedFile


def preview_values(service: Service, job: JobRecord, given: RowFile) -> MatchedFile:
    """Read a file and match it with the sample's rows; nothing is stored."""
    with _matched(service, job, given) as (found, _):
        return found


def store_values(caller: Caller, job: JobRecord, given: RowFile) -> StoredUpload:
    """Store a file of values; one with the bytes and the key of an earlier upload is that upload.

    Raises
    ------
    InvalidRowFile
        A row lacks a key, or its key is repeated or not that of one sampled row.
    EngagementClosed
        The sample is in a sealed or archived engagement.
    """
    service = caller.service
    with given.path.open("rb") as content:
        upload_sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    with (
        _matched(service, job, given) as (found, folder),
        service.hold_files() as adopt,
    ):
        found.read.require_clean(found)
        statement = joined_statement(
            _sample_relation(service, job),
            relation_of(found.read.table),
            found.read.key,
            [(Column(each.source_name, each.type), each.name) for each in found.columns],
        )
        with service.parquet.cursor() as cursor:
            written = write_parquet(cursor, *statement, folder / "values.parquet")
        columns = [Column(each.name, each.type) for each in found.columns]
        new = NewValues(
            given.name,
            upload_sha256,
            found.read.key_names,
            columns,
            found.notes,
            adopt(written.written, written.rows),
        )
        service.quotas.measure(service.database, job.dataset_id, caller.user.id)
        with caller.writing() as tx:
            require_not_closed(tx, job.id)
            earlier = list_values(tx, job.id)
            same = next((each for each in earlier if _is_same(each, new)), None)
            if same is None:
                if len(earlier) >= MAX_UPLOADS:
                    raise InvalidRowFile(
                        "The sample has {count} uploads, the most that it can have.",
                        count=len(earlier),
                    )
                service.quotas.require_room(tx, job.dataset_id, caller.user.id, [new.file])
                number = insert_values(
                    tx, job.id, job.dataset_id, caller.user.id, new, service.clock
                )
                caller.audit_of_job(
                    tx,
                    "values_uploaded",
                    job,
                    file_name=given.name,
                    number=number,
                    rows=written.rows,
                )
            else:
                number = same.number
    upload = ValuesUpload.of(upload_of(service, job, number), job)
    return StoredUpload(**vars(upload), match=found)


def _is_same(earlier: SampleValues, new: NewValues) -> bool:
    return (
        earlier.upload_sha256 == new.upload_sha256
        and earlier.file.sha256 == new.file.sha256
        and list(earlier.columns) == list(new.columns)
    )


def uploads_of(service: Service, job: JobRecord) -> list[SampleValues]:
    """The uploads of a sample, newest first."""
    with service.database.read() as tx:
        return list_values(tx, job.id)


def upload_of(service: Service, job: JobRecord, number: int | None) -> SampleValues:
    """One upload of a sample, the newest without a number; NotFound if there is none."""
    uploads = uploads_of(service, job)
    for each in uploads:
        if number is None or each.number == number:
            return each
    raise NotFound(
        "The sample has no upload {number}. {choices}" if uploads else "The sample has no upload.",
        number=str(number),
        choices=choices_sentence("", [str(each.number) for each in uploads]),
        loc=("values",),
    )


def upload_notes(found: SampleValues, drawn: int, *, made_up: bool) -> list[str]:
    """Which upload the values are of, and how many sampled rows have none.

    ``made_up`` is whether the weights of respondents make up for rows without a value.
    """
    notes = [
        f"Values are those of upload {found.number}, {found.file_name}, by {found.user_soeid}."
    ]
    without = drawn - found.file.rows
    if without:
        meaning = (
            ""
            if made_up
            else " They count as rows without a value: estimates are of the rows that would have "
            "one, and are biased if values are lacking for a reason."
        )
        notes.append(f"{without:,} of {drawn:,} sampled rows aren't in the upload.{meaning}")
    return notes


def _sample_relation(service: Service, job: JobRecord) -> Statement:
    return relation_of(open_sample(service, job).files)


@contextmanager
def _matched(
    service: Service, job: JobRecord, given: RowFile
) -> Iterator[tuple[MatchedFile, Path]]:
    """Read a file into a temporary folder and match it; the folder is deleted after the block."""
    sample = open_sample(service, job).files
    with service.scratch_folder() as folder:
        key = key_of_job(service, job)
        read = read_row_file(service, sample.columns, given, folder, row_key=key)
        match = read.match(service.parquet, relation_of(sample))
        columns = _value_columns(service, sample, read.table, read.key)
        notes = [*read.notes]
        notes += [
            f'The table has a column "{each.source_name}", too: that of the file is "{each.name}".'
            for each in columns
            if each.name != each.source_name
        ]
        notes += [
            f'{counted(each.empty_texts, "empty text")} in "{each.name}" '
            f"{'counts' if each.empty_texts == 1 else 'count'} as missing."
            for each in columns
            if each.empty_texts
        ]
        yield MatchedFile(**vars(match), read=read, columns=columns, notes=notes), folder


def _value_columns(
    service: Service,
    sample: TableFiles,
    given: TableFiles,
    key: Key,
) -> list[FileColumn]:
    """The file's columns without the key, those of the draw, and copies of the sample's."""
    keys = {other.name for _, other in key}
    own = {column.name.lower(): column for column in sample.columns}
    drawn = {name.lower() for name in SAMPLE_COLUMNS}
    others = [
        column
        for column in given.columns
        if column.name not in keys and column.name.lower() not in drawn
    ]
    copies = [column for column in others if column.name.lower() in own]
    pairs = [(own[column.name.lower()], column) for column in copies]
    with service.parquet.cursor() as cursor:
        changed = changed_columns(cursor, sample, given, key, pairs)
        valued = [column for column in others if column not in copies or column in changed]
        missing = missing_counts(cursor, given, valued)
    used = set(own) | {column.name.lower() for column in valued if column not in changed}
    found = []
    for column, (without, empty) in zip(valued, missing, strict=True):
        name = column.name
        if column in changed:
            name += UPLOADED_SUFFIX
            while name.lower() in used:
                name += "_"
            used.add(name.lower())
        found.append(FileColumn(name, column.type, is_number(column), column.name, without, empty))
    if not found:
        raise InvalidRowFile(
            "The file has no values: its columns are the key and unchanged ones of the sample."
        )
    return found
