"""The rows that a draw excludes: those of an earlier version, and those of earlier draws.

The filters ``new_since`` and ``not_drawn_by`` of a draw, and the runs of a schedule, exclude rows
by the same function. The other rows are the draw's population: the version's files with a deletion
vector, as in a residual. A job stores it as a commit, so that it is replayed and certified like any
other draw.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

import duckdb
import numpy as np

from application.audit.state import ordinal_of
from contract.declarations import Help, declared
from contract.requests.draw import EarlierFilterRequest, RoundJson
from contract.words import Duplicates
from domain_errors import DomainError, counted
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.canonical import InvalidKey, Loc
from parquet_tables.row_keys.digests import (
    NO_KEY,
    KeyDigests,
    KeyMissing,
    KeyNotUnique,
    RowKey,
    kept_rows,
    rows_of_keys,
)
from parquet_tables.rows import rows_statement, write_ordinals
from parquet_tables.tables import Int64s, TableFiles, UnknownColumn
from parquet_tables.writing import write_parquet
from service.sampling_parameters import digest_of_draws, digest_of_left_out, source_draw
from service.service import Service
from service.tables.open_tables import (
    SAMPLE,
    OpenTable,
    open_commit,
    open_source,
    open_table,
    output_of,
    version_of,
)
from storage.accounts.users import User
from storage.audit.findings import list_replacements
from storage.errors import Conflict, InvalidValue, NotFound
from storage.jobs.jobs import JobRecord, get_job, job_ids_by_prefix
from storage.sqlite.clock import timestamp
from storage.versions.manifests import Exclusion, Manifest, StoredTable, insert_commit
from storage.versions.refs import has_sample_ref
from storage.versions.row_keys import DeclaredKey, row_key_of

EARLIER = tuple(own.name for own in declared(EarlierFilterRequest))
MAX_MATCHES = 20
"""Jobs whose ids begin with the same digits; a few share eight."""
ORDINALS = (
    "SELECT CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT) AS ordinal "
    "FROM read_parquet(?) AS f"
)


class EarlierRunUnfinished(Conflict):
    """A draw hasn't ended, so its rows aren't known."""

    template = "Job {job_id} hasn't ended, so its rows can't be excluded yet. Wait until it has."


class NoSample(Conflict):
    """A draw has no sample whose rows can be excluded."""


class PositionsDiffer(Conflict):
    """Rows can't be matched by their positions, and there is no key."""


@dataclass(frozen=True)
class EarlierFilter:
    """The filters ``new_since`` and ``not_drawn_by`` of a draw, as they were requested.

    Parameters
    ----------
    not_drawn_by : tuple of str
        The ids of jobs, or their first digits.
    loc : tuple
        Where the request has them.
    """

    new_since: str | None = None
    not_drawn_by: tuple[str, ...] = ()
    loc: Loc = ()

    def as_json(self) -> dict[str, Any]:
        """The members of a round's ``filters``."""
        since = {} if self.new_since is None else {"new_since": self.new_since}
        return {**since, **({"not_drawn_by": [*self.not_drawn_by]} if self.not_drawn_by else {})}


def split_filters(
    rounds: Sequence[Mapping[str, Any]], loc: Loc = ("rounds",)
) -> tuple[list[RoundJson], EarlierFilter | None]:
    """Rounds without the filters by earlier rows, and these filters.

    They define the population of the whole draw, so all rounds have the same ones.

    Parameters
    ----------
    loc : tuple
        The list of the rounds in the request; of another one its only round.

    Raises
    ------
    InvalidValue
        The rounds have different ones.
    """
    rest: list[RoundJson] = []
    found: list[dict[str, Any]] = []
    for place, given in enumerate(rounds):
        filters = dict(given.get("filters") or {})
        found.append({name: filters.pop(name) for name in EARLIER if filters.get(name)})
        without = {name: value for name, value in given.items() if name != "filters"}
        rest.append(cast("RoundJson", {**without, "filters": filters} if filters else without))
        if found[-1] != found[0]:
            raise InvalidValue(
                "All rounds of a draw have one population. Give `new_since` and `not_drawn_by` "
                "alike in every round, or make a draw for each.",
                loc=(*loc, place, "filters"),
            )
    if not found or not found[0]:
        return [cast("RoundJson", dict(given)) for given in rounds], None
    since, draws = found[0].get("new_since"), found[0].get("not_drawn_by", ())
    at: Loc = ("rounds", 0) if loc == ("rounds",) else loc
    return rest, EarlierFilter(since, tuple(draws), (*at, "filters"))


def with_filters(
    rounds: Sequence[Mapping[str, Any]], earlier: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Rounds with the filters that :func:`split_filters` took out of them."""
    if not earlier:
        return [dict(given) for given in rounds]
    return [{**given, "filters": {**(given.get("filters") or {}), **earlier}} for given in rounds]


def key_of_draw(
    rounds: Sequence[Mapping[str, Any]], declared_key: DeclaredKey | None
) -> RowKey | None:
    """The key by which a draw matches rows: that of its keyed order, or the table's row key.

    Raises
    ------
    InvalidValue
        Rounds have different keys.
    """
    table_key = None if declared_key is None else tuple(declared_key.columns)
    found: RowKey | None = None
    for place, given in enumerate(rounds):
        order = given.get("order")
        columns = table_key if order is None else tuple(order.get("key") or table_key or ())
        if not columns:
            continue
        usual = declared_key.duplicates if declared_key and columns == table_key else "refuse"
        key = RowKey(columns, (order or {}).get("duplicates") or usual)
        if found is not None and key != found:
            raise InvalidValue(
                "`new_since` and `not_drawn_by` match rows by one key, but the rounds have "
                "several.",
                loc=("rounds", place, "order" if order else "filters"),
            )
        found = key
    return found


@dataclass(frozen=True)
class ExcludedSample:
    """A sample whose rows are excluded."""

    job_id: str
    name: str
    rows: Annotated[int, Help("Drawn rows.")]


@dataclass(frozen=True)
class ExclusionFacts:
    """The rows that a draw excludes."""

    key: Annotated[
        list[str] | None,
        Help("The columns by which rows are matched; null if they are matched by position."),
    ]
    duplicates: Annotated[Duplicates | None, Help("What a repeated key does; null without a key.")]
    commit_id: Annotated[str, Help("The version whose rows are excluded.")]
    table_key: str
    new_since: Annotated[str | None, Help("The commit whose rows are excluded.")]
    source_rows: Annotated[int, Help("Rows of the table.")]
    new_rows: Annotated[int, Help("Rows that `new_since` doesn't have; without it all rows.")]
    undrawn_rows: Annotated[
        int,
        Help("Rows that the samples don't have; rows that left the table don't count."),
    ]
    excluded_rows: Annotated[int, Help("Rows that `new_since` or a sample has.")]
    remaining_rows: Annotated[int, Help("Rows that are drawn from.")]
    samples: Annotated[list[ExcludedSample], Help("In the order of the request, or oldest first.")]


@dataclass(frozen=True)
class ExcludedRows:
    """The rows of a version that a draw excludes.

    Parameters
    ----------
    draws : tuple of Job
        The draws whose rows are excluded.
    ordinals : array of int64
        The rows, sorted and distinct.
    asked : mapping
        The filters of the request: a ref stays a ref, and ids are whole.
    """

    source: OpenTable
    source_ref: str
    exclusion: Exclusion
    draws: tuple[JobRecord, ...]
    ordinals: Int64s
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def job_ids(self) -> list[str]:
        """The ids of the draws."""
        return self.exclusion.job_ids

    @property
    def remaining(self) -> int:
        """Rows of the version that aren't excluded."""
        return self.source.files.row_count - len(self.ordinals)

    @property
    def population(self) -> OpenTable:
        """The version without the excluded rows; it has the version's commit."""
        left_out = np.union1d(self.source.files.deletion_vector, self.ordinals)
        return replace(self.source, files=replace(self.source.files, deletion_vector=left_out))

    def source_draw(self, *, is_keyed: bool) -> str | None:
        """The digest by which a draw from the population names it; None if no row is excluded."""
        if not len(self.ordinals):
            return None
        left_out = self.population.files.deletion_vector
        return self.exclusion.source_draw if is_keyed else digest_of_left_out(left_out)

    def facts(self) -> ExclusionFacts:
        """What the API says of it."""
        samples = [
            ExcludedSample(
                job.id, job.output_name or "", (job.output_summary or {})["total_sampled"]
            )
            for job in self.draws
        ]
        found, rows = self.exclusion, self.source.files.row_count
        return ExclusionFacts(
            found.key,
            found.duplicates,
            found.commit_id,
            self.source.key,
            found.new_since,
            rows,
            rows - found.old_rows,
            rows - found.drawn_rows,
            found.rows,
            self.remaining,
            samples,
        )

    def stored(self, service: Service, user: User, dataset_id: int) -> OpenTable:
        """The population as a commit: the version itself if no row is excluded.

        No ref names it: its draw needs it. A prune removes it if the draw isn't submitted.
        """
        if not len(self.ordinals):
            return self.source
        population, commit_id = self.population, self.source.commit_id
        with service.database.read() as tx:
            table = open_commit(tx, dataset_id, commit_id).manifest.table(self.source.key)
        with (
            tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder,
            service.data_files.hold() as adopt,
        ):
            path = Path(folder) / "deletion_vector.parquet"
            with service.parquet.cursor() as cursor:
                written = write_ordinals(cursor, population.files.deletion_vector, path)
            vector = adopt(path, written.rows)
            manifest = Manifest(
                dataset_id=dataset_id,
                parent_id=commit_id,
                author=user.soeid,
                message=f"{self.source_ref} without {counted(len(self.ordinals), 'row')} of "
                f"{_origins(self.exclusion)}",
                created_at=timestamp(service.clock()),
                tables=(replace(table, deletion_vector=vector, exclusion=self.exclusion),),
            )
            with service.database.write(sync="first") as tx:
                return replace(population, commit_id=insert_commit(tx, user.id, manifest).id)


def _origins(found: Exclusion) -> str:
    since = None if found.new_since is None else f"version {found.new_since[:12]}"
    samples = counted(len(found.job_ids), "earlier sample") if found.job_ids else None
    return " and ".join(filter(None, (since, samples)))


def exclude(
    service: Service,
    dataset_id: int,
    source: OpenTable,
    source_ref: str,
    rounds: Sequence[Mapping[str, Any]],
    earlier: EarlierFilter,
) -> ExcludedRows:
    """Find the rows that the filters of a draw exclude.

    Parameters
    ----------
    rounds : sequence of mapping
        Those of the draw, whose keyed order may name the key.

    Raises
    ------
    DomainError
        See :func:`find_rows`.
    """
    with service.database.read() as tx:
        key = key_of_draw(rounds, row_key_of(tx, dataset_id, source.key))
    draws = requested_draws(service, dataset_id, source.key, earlier)
    has_key = (place for place, given in enumerate(rounds) if (given.get("order") or {}).get("key"))
    at = next(has_key, None)
    loc = None if at is None else ("rounds", at, "order", "key")
    return find_rows(service, dataset_id, source, source_ref, earlier, key, draws, loc)


def requested_draws(
    service: Service, dataset_id: int, table_key: str, earlier: EarlierFilter
) -> tuple[JobRecord, ...]:
    """The draws that ``not_drawn_by`` names, each once.

    Raises
    ------
    NotFound, Pruned
        The dataset has no such draw, or its sample was pruned.
    Conflict
        A draw hasn't ended, has no sample, or is of another table.
    """
    loc = (*earlier.loc, "not_drawn_by")
    found = [
        _draw(service, dataset_id, given, table_key, (*loc, place))
        for place, given in enumerate(earlier.not_drawn_by)
    ]
    return tuple({job.id: job for job in found}.values())


def find_rows(
    service: Service,
    dataset_id: int,
    source: OpenTable,
    source_ref: str,
    earlier: EarlierFilter,
    key: RowKey | None,
    draws: tuple[JobRecord, ...],
    key_loc: Loc | None = None,
    on_progress: ProgressCallback = ignore_progress,
) -> ExcludedRows:
    """Find the rows of a table that an earlier version or completed draws have.

    With a key rows are matched by its values, whose digests are cached; otherwise by position, if
    the table begins with the data files of the earlier version, and of the version of each draw.

    Parameters
    ----------
    key_loc : tuple, optional
        Where the request has the key; by default the filters' place.

    Raises
    ------
    KeyMissing, KeyNotUnique, InvalidKey, UnknownColumn
        The key doesn't hold in the table, in the earlier version or for a drawn row.
    PositionsDiffer
        There is no key, and positions mean other rows.
    NotFound
        The earlier version doesn't exist, was pruned, or has no such table.
    """
    since = None
    if earlier.new_since is not None:
        with _located((*earlier.loc, "new_since")):
            since = open_table(service, dataset_id, earlier.new_since, source.key)
    label = f"{source_ref} ({source.commit_id[:8]})"
    loc = earlier.loc if key_loc is None else key_loc
    matched = (
        _Positions(service, dataset_id, source, earlier.loc)
        if key is None
        else _Keys(service, dataset_id, source, earlier.loc, key, label, loc, on_progress)
    )
    old, drawn = matched.rows(since, f"{earlier.new_since}", draws)
    ordinals = np.union1d(old, drawn)
    exclusion = Exclusion(
        commit_id=source.commit_id,
        key=None if key is None else [*key.columns],
        duplicates=None if key is None else key.duplicates,
        new_since=None if since is None else since.commit_id,
        job_ids=[job.id for job in draws],
        rows=len(ordinals),
        old_rows=len(old),
        drawn_rows=len(drawn),
        source_draw=digest_of_draws(source_draw(service, dataset_id, source.commit_id), draws),
    )
    settled = replace(earlier, not_drawn_by=tuple(exclusion.job_ids)).as_json()
    return ExcludedRows(source, source_ref, exclusion, draws, ordinals, settled)


@contextmanager
def _located(loc: Loc) -> Iterator[None]:
    """Give the location of a filter to an error about what it names."""
    try:
        yield
    except DomainError as error:
        error.loc = error.loc or loc
        raise


def _draw(service: Service, dataset_id: int, given: str, table_key: str, loc: Loc) -> JobRecord:
    """The completed draw of a dataset whose id begins with these digits, with a sample."""
    missing = NotFound('The dataset has no draw "{job}".', job=given, loc=loc)
    with service.database.read() as tx:
        ids = job_ids_by_prefix(tx, given.lower(), MAX_MATCHES)
        jobs = [get_job(tx, each, with_position=False) for each in ids]
        jobs = [job for job in jobs if job.dataset_id == dataset_id]
        if not jobs:
            raise missing
        if len(jobs) > 1:
            raise NotFound(
                'Several job ids begin with "{id}". Give more digits.', id=given, loc=loc
            )
        (job,) = jobs
        if job.run_type != "sampling":
            raise missing
        if job.status in ("pending", "running"):
            raise EarlierRunUnfinished(job_id=job.id, loc=loc)
        if job.status != "completed":
            raise NoSample(
                "Job {job_id} is {status} and has no sample. Leave it out.",
                job_id=job.id,
                status=job.status,
                loc=loc,
            )
        with _located(loc):
            commit_id = output_of(job)
        if not has_sample_ref(tx, dataset_id, commit_id):
            raise NoSample(
                "The sample of job {job_id} was deleted. Restore it, or leave it out.",
                job_id=job.id,
                loc=loc,
            )
    if job.run_parameters["table_key"] != table_key:
        raise NoSample(
            'Job {job_id} drew from the table "{other}", not from "{table}". Leave it out.',
            job_id=job.id,
            other=job.run_parameters["table_key"],
            table=table_key,
            loc=loc,
        )
    return job


def _drawn_ordinals(service: Service, job: JobRecord, sample: TableFiles) -> Int64s:
    """The rows of a sample, and those that replaced some of them, as ordinals of their version."""
    found = [np.empty(0, dtype=np.int64)]
    if sample.paths:
        with service.parquet.cursor(sample) as cursor:
            rows = cursor.execute(ORDINALS, [sample.paths]).fetchnumpy()
        found.append(np.asarray(rows["ordinal"], dtype=np.int64))
    return np.unique(np.concatenate([*found, _replacements(service, job)]))


def _replacements(service: Service, job: JobRecord) -> Int64s:
    with service.database.read() as tx:
        replaced = list_replacements(tx, job.id)
    return np.array([ordinal_of(each.replacement_id) for each in replaced], dtype=np.int64)


@dataclass(frozen=True)
class _Positions:
    """Match rows by their positions."""

    service: Service
    dataset_id: int
    source: OpenTable
    loc: Loc

    def rows(
        self, since: OpenTable | None, name: str, draws: Sequence[JobRecord]
    ) -> tuple[Int64s, Int64s]:
        """The rows of the version, and those of the draws."""
        old, drawn = self._mask(), self._mask()
        if since is not None:
            self._require_same(since.commit_id, f"version {name}", "new_since")
            old[: since.files.file_rows] = True
            old[since.files.deletion_vector] = False
        for job in draws:
            with _located((*self.loc, "not_drawn_by")):
                sample = open_table(self.service, self.dataset_id, output_of(job), SAMPLE)
                self._require_same(version_of(job), f"sample {job.output_name}", "not_drawn_by")
                drawn[_drawn_ordinals(self.service, job, sample.files)] = True
        for mask in (old, drawn):
            mask[self.source.files.deletion_vector] = False
        return np.flatnonzero(old), np.flatnonzero(drawn)

    def _mask(self) -> Any:
        return np.zeros(self.source.files.file_rows, dtype=np.bool_)

    def _require_same(self, commit_id: str, name: str, filter_name: str) -> None:
        earlier, present = self._table(commit_id), self._table(self.source.commit_id)
        if present.files[: len(earlier.files)] != earlier.files:
            raise PositionsDiffer(
                "Without a row key rows are matched by position, but the table doesn't begin with "
                "the data files of {earlier}. Declare the row key of the table, or draw in the "
                "order of a key.",
                earlier=name,
                loc=(*self.loc, filter_name),
            )

    def _table(self, commit_id: str) -> StoredTable:
        with self.service.database.read() as tx:
            return open_commit(tx, self.dataset_id, commit_id).manifest.table(self.source.key)


@dataclass(frozen=True)
class _Keys:
    """Match rows by the digests of their keys."""

    service: Service
    dataset_id: int
    source: OpenTable
    loc: Loc
    key: RowKey
    label: str
    key_loc: Loc
    on_progress: ProgressCallback

    def rows(
        self, since: OpenTable | None, name: str, draws: Sequence[JobRecord]
    ) -> tuple[Int64s, Int64s]:
        """The rows of the version, and those of the draws."""
        none = np.empty(0, dtype=np.int64)
        self._require_columns()
        with self.service.parquet.cursor(self.source.files) as cursor:
            keyed = self._required(cursor, self.source.files, self.label, self.key_loc)
            old = none
            if since is not None:
                at = (*self.loc, "new_since")
                label = f"{name} ({since.commit_id[:8]})"
                old = kept_rows(self._required(cursor, since.files, label, at), keyed)
            digests = [none, *(self._of_draw(cursor, job) for job in draws)]
            return old, rows_of_keys(keyed, np.concatenate(digests))

    def _require_columns(self) -> None:
        try:
            self.key.of(self.source.files)
        except DomainError as error:
            error.loc = self.key_loc
            raise

    def _required(
        self, cursor: duckdb.DuckDBPyConnection, table: TableFiles, label: str, loc: Loc
    ) -> KeyDigests:
        """The digests of a table whose key holds."""
        with _named(label, loc):
            found = self._digests(cursor, table, cached=True)
            found.require(self.on_progress)
        return found

    def _digests(
        self, cursor: duckdb.DuckDBPyConnection, table: TableFiles, *, cached: bool
    ) -> KeyDigests:
        directory = self.service.directory.counts_dir if cached else None
        return KeyDigests(cursor, table, self.key, directory, self.on_progress)

    def _of_draw(self, cursor: duckdb.DuckDBPyConnection, job: JobRecord) -> Int64s:
        """The digests of the rows that a draw has.

        They are read from the sample, if it has the key's columns. A number of equal keys depends
        on all rows of the version.
        """
        label = f"the sample {job.output_name}"
        with _located((*self.loc, "not_drawn_by")):
            sample = open_table(self.service, self.dataset_id, output_of(job), SAMPLE).files
            if self.key.duplicates == "number":
                table_key = job.run_parameters["table_key"]
                version = open_table(self.service, self.dataset_id, version_of(job), table_key)
                keyed = self._required(
                    cursor,
                    version.files,
                    f"the version of {label}",
                    (*self.loc, "not_drawn_by"),
                )
                found = keyed.of(_drawn_ordinals(self.service, job, sample))
            else:
                with _named(label, self.key_loc):
                    found = self._from_sample(cursor, job, sample)
        missing = int((found == NO_KEY).sum())
        if missing:
            raise KeyMissing(
                "The key {key} is missing in {rows} of {table}, so they can't be matched.",
                key=self.key.name,
                rows=counted(missing, "row"),
                table=label,
                loc=self.key_loc,
            )
        return found

    def _from_sample(
        self, cursor: duckdb.DuckDBPyConnection, job: JobRecord, sample: TableFiles
    ) -> Int64s:
        try:
            self.key.of(sample)
            found = [_all(self._digests(cursor, sample, cached=False))]
            others = _replacements(self.service, job)
        except UnknownColumn:  # the draw didn't select it
            found, others = [], _drawn_ordinals(self.service, job, sample)
        if len(others):
            source = open_source(self.service, job).files
            columns = self.key.of(source)
            with tempfile.TemporaryDirectory(dir=self.service.directory.scratch_dir) as folder:
                path = Path(folder) / "keys.parquet"
                file = write_parquet(cursor, *rows_statement(source, columns, others), path)
                read = TableFiles(columns, (file,))
                found.append(_all(self._digests(cursor, read, cached=False)))
        return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _all(keyed: KeyDigests) -> Int64s:
    return keyed.of(np.arange(keyed.table.file_rows, dtype=np.int64))


@contextmanager
def _named(label: str, loc: Loc) -> Iterator[None]:
    """Name the table in an error about its key."""
    try:
        yield
    except UnknownColumn as error:
        raise InvalidKey(
            '{table} has no column "{column}" by which its rows are matched.',
            table=label[0].upper() + label[1:],
            column=error.parameters["column"],
            loc=loc,
        ) from None
    except (KeyMissing, KeyNotUnique, InvalidKey) as error:
        advice = str(error.parameters.get("advice", ""))  # names fields
        template = f"{{table}}: {error.template.replace('{advice}', advice)}"
        raise type(error)(template, table=label, **error.parameters, loc=loc) from None
