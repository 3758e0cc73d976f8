"""The rows that a draw excludes: by an earlier version, by earlier draws, and by audit tests.

The filters ``new_since``, ``not_drawn_by``, ``found_by`` and ``not_found_by`` of a draw, and the
runs of a schedule, exclude rows by the same function. The other rows are the draw's population: the
version's files with a deletion vector, as in a residual. A job stores it as a commit, so that it is
replayed and certified like any other draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Annotated, Any, cast

import numpy as np

from application.samples.facts import excluded_origin
from contract.columns import DataType
from contract.declarations import Help
from contract.requests.draw import EARLIER, EARLIER_JOBS, RoundJson
from contract.words import Duplicates
from domain_errors import DomainError, Loc, choices_sentence, located, moved
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.rows import write_ordinals
from parquet_tables.tables import Int64s
from sampling_engine import method_class
from sampling_engine.errors import DrawWarning, draw_warning
from service.sampling_parameters import (
    digest_of_draws,
    digest_of_left_out,
    recorded_parts,
    source_draw,
)
from service.service import Service
from service.tables.chosen_keys import declared_key_of, key_of_order
from service.tables.draw_orders import settle_orders
from service.tables.earlier_rows import (
    EarlierRows,
    EarlierVersion,
    FoundRows,
    RowsByKey,
    RowsByPosition,
    found_ordinals,
)
from service.tables.open_tables import (
    OpenTable,
    open_commit,
    open_source,
    open_table,
    output_of,
    source_of,
)
from storage.accounts.users import User
from storage.errors import Conflict, InvalidValue, NotFound
from storage.jobs.jobs import JobRecord, get_job, job_ids_by_prefix
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.publishing import job_with_output
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction
from storage.versions.manifests import Exclusion, Manifest, get_commit, insert_commit
from storage.versions.refs import has_ref, has_sample_ref, resolve
from storage.versions.row_keys import DeclaredKey

LEAST_DIGITS = 8
MAX_MATCHES = 20
"""Jobs whose ids begin with the same digits; a few share eight."""


class EarlierRunUnfinished(Conflict):
    """A draw hasn't ended, so its rows aren't known."""

    template = "Job {job_id} hasn't ended, so its rows can't be excluded yet. Wait until it has."


class NoSample(Conflict):
    """A draw has no sample whose rows can be excluded."""


class NoTest(Conflict):
    """An audit test has no result whose rows can be matched."""


class NoFoundRows(Conflict):
    """No row of a table was found by the tests of ``found_by``."""

    template = "The audit tests found no row of {table}, so there is none to draw from."


@dataclass(frozen=True)
class EarlierFilter:
    """The filters of a draw by an earlier version, draws and audit tests, as requested.

    Parameters
    ----------
    not_drawn_by : tuple of str
        The ids of jobs, their first digits, or refs of samples; with ``:`` and a part of a split.
    found_by, not_found_by : tuple of str
        The ids of jobs of audit tests, their first digits, or refs of their results.
    loc : tuple
        Where the request has them.
    """

    new_since: str | None = None
    not_drawn_by: tuple[str, ...] = ()
    found_by: tuple[str, ...] = ()
    not_found_by: tuple[str, ...] = ()
    loc: Loc = ()

    def as_json(self) -> dict[str, Any]:
        """The members of a round's ``filters``."""
        since = {} if self.new_since is None else {"new_since": self.new_since}
        named = {name: [*getattr(self, name)] for name in EARLIER_JOBS if getattr(self, name)}
        return {**since, **named}


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
                "All rounds of a draw have one population. Give {names} alike in every round, or "
                "make a draw for each.",
                names=" and ".join(f"`{name}`" for name in sorted({*found[0], *found[-1]})),
                loc=(*loc, place, "filters"),
            )
    if not found or not found[0]:
        return [cast("RoundJson", dict(given)) for given in rounds], None
    at: Loc = ("rounds", 0) if loc == ("rounds",) else loc
    named = {name: tuple(found[0].get(name, ())) for name in EARLIER_JOBS}
    return rest, EarlierFilter(found[0].get("new_since"), **named, loc=(*at, "filters"))


def with_filters(
    rounds: Sequence[Mapping[str, Any]], earlier: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Rounds with the filters that :func:`split_filters` took out of them."""
    if not earlier:
        return [dict(given) for given in rounds]
    return [{**given, "filters": {**(given.get("filters") or {}), **earlier}} for given in rounds]


def divided_group(given: Mapping[str, Any]) -> str | None:
    """The column whose groups a round divides among parts; None of another round."""
    group: str | None = given["parameters"].get("group")
    return group if method_class(given["method"]).divides else None


def key_of_draw(
    rounds: Sequence[Mapping[str, Any]], declared_key: DeclaredKey | None
) -> RowKey | None:
    """The key by which a draw matches rows: that of its keyed order, or the table's row key.

    The orders are settled.

    Raises
    ------
    InvalidValue
        Rounds have different keys.
    """
    found: RowKey | None = None
    if declared_key is not None:
        found = RowKey(tuple(declared_key.columns), declared_key.duplicates)
    orders = {
        place: key for place, given in enumerate(rounds) if (key := key_of_order(given)) is not None
    }
    for place, key in orders.items():
        if key != next(iter(orders.values())):
            raise InvalidValue(
                "`new_since` and `not_drawn_by` match rows by one key, but the rounds have "
                "several.",
                loc=("rounds", place, "order", "key"),
            )
    return next(iter(orders.values()), found)


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
    excluded_rows: Annotated[
        int,
        Help(
            "Rows that `new_since` or a sample has, those of `group_rows`, and those that the "
            "filters by audit tests leave out."
        ),
    ]
    remaining_rows: Annotated[int, Help("Rows that are drawn from.")]
    samples: Annotated[list[ExcludedSample], Help("In the order of the request, or oldest first.")]
    group: Annotated[
        str | None,
        Help("The column of a split's groups, of which a named split has some; null without one."),
    ] = None
    group_rows: Annotated[int, Help("Other rows of these groups, which are excluded, too.")] = 0
    found_by: Annotated[
        list[str] | None, Help("The audit tests whose found rows are drawn from; null: all rows.")
    ] = None
    found_rows: Annotated[
        int | None, Help("Rows of the table that a test of `found_by` found; null without one.")
    ] = None
    not_found_by: Annotated[
        list[str] | None, Help("The audit tests whose found rows are excluded; null: none.")
    ] = None


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

    def with_groups(
        self,
        service: Service,
        rounds: Sequence[Mapping[str, Any]],
        parts: Mapping[str, tuple[str, ...]],
    ) -> ExcludedRows:
        """Exclude the other rows of the drawn groups, too, in a split of such groups.

        Draws count that divided the same groups. So a group of a golden set has no row in a later
        split, also if the row is new.
        """
        group = divided_group(rounds[0])
        if group is None:
            return self
        draws = [
            job
            for job in self.draws
            if (divided := divided_group(job.run_parameters["rounds"][0])) is not None
            and folded(divided) == folded(group)
        ]
        if not draws:
            return self
        loc: Loc = ("filters",)
        of_groups = RowsByKey(
            service=service,
            dataset_id=draws[0].dataset_id,
            table=self.source,
            label=self.source_ref,
            loc=loc,
            parts=parts,
            key=RowKey((group,)),
            key_loc=loc,
        ).of_groups(draws)
        ordinals = np.union1d(self.ordinals, of_groups)
        exclusion = replace(
            self.exclusion,
            rows=len(ordinals),
            group=group,
            group_rows=len(ordinals) - len(self.ordinals),
        )
        return replace(self, ordinals=ordinals, exclusion=exclusion)

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
            found.group,
            found.group_rows,
            found.found_by or None,
            found.found_rows if found.found_by else None,
            found.not_found_by or None,
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
        with service.scratch_file("deletion_vector.parquet") as path, service.hold_files() as adopt:
            with service.parquet.cursor() as cursor:
                written = write_ordinals(cursor, population.files.deletion_vector, path)
            vector = adopt(path, written.rows)
            manifest = Manifest(
                dataset_id=dataset_id,
                parent_id=commit_id,
                author=user.soeid,
                message=f"{self.source_ref} without {excluded_origin(vars(self.exclusion))}",
                created_at=timestamp(service.clock()),
                tables=(replace(table, deletion_vector=vector, exclusion=self.exclusion),),
            )
            with service.database.write(sync="first") as tx:
                try:
                    get_commit(tx, dataset_id, manifest.commit_id)
                except NotFound:  # no equal request of the same microsecond has made it
                    insert_commit(tx, user.id, manifest)
            return replace(population, commit_id=manifest.commit_id)


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
        key = key_of_draw(rounds, declared_key_of(tx, dataset_id, source))
    draws = requested_draws(service, dataset_id, source.key, earlier)
    at = next((place for place, given in enumerate(rounds) if given.get("order")), None)
    loc = None if at is None else ("rounds", at, "order", "key")
    parts = requested_parts(service, dataset_id, source.key, earlier)
    found = find_rows(
        service, dataset_id, source, source_ref, earlier, key, draws, loc, parts=parts
    )
    return found.with_groups(service, rounds, parts)


def population_of(
    service: Service,
    dataset_id: int,
    source: OpenTable,
    source_ref: str,
    given: Mapping[str, Any],
    loc: Loc,
) -> tuple[OpenTable, RoundJson]:
    """The rows that one round draws from, and the round without the filters that define them.

    Parameters
    ----------
    loc : tuple
        Where the request has the round.

    Raises
    ------
    DomainError
        As of :func:`exclude`.
    """
    (rest,), earlier = split_filters([given], loc)
    if earlier is None:
        return source, rest
    with moved(("rounds", 0), loc):
        settled = settle_orders(service, dataset_id, source, [rest])
        found = exclude(service, dataset_id, source, source_ref, settled, earlier)
    return found.population, rest


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
        _draw(service, dataset_id, given.partition(":")[0], table_key, (*loc, place))
        for place, given in enumerate(earlier.not_drawn_by)
    ]
    return tuple({job.id: job for job in found}.values())


def requested_parts(
    service: Service, dataset_id: int, table_key: str, earlier: EarlierFilter
) -> dict[str, tuple[str, ...]]:
    """The parts of splits that ``not_drawn_by`` names, by job; none of draws that it names whole.

    Raises
    ------
    NotFound
        A draw has no such part.
    """
    found: dict[str, tuple[str, ...]] = {}
    whole: set[str] = set()
    for place, given in enumerate(earlier.not_drawn_by):
        name, _, part = given.partition(":")
        loc = (*earlier.loc, "not_drawn_by", place)
        job = _draw(service, dataset_id, name, table_key, loc)
        if not part:
            whole.add(job.id)
        elif part not in (parts := recorded_parts(job.run_parameters)):
            raise NotFound(
                'The draw "{draw}" has no part "{part}". {choices}',
                draw=name,
                part=part,
                choices=choices_sentence(part, parts),
                loc=loc,
            )
        else:
            found[job.id] = tuple(dict.fromkeys((*found.get(job.id, ()), part)))
    return {job_id: parts for job_id, parts in found.items() if job_id not in whole}


def requested_tests(
    service: Service, dataset_id: int, table_key: str, earlier: EarlierFilter
) -> list[FoundRows]:
    """The rows that the tests of ``found_by`` and ``not_found_by`` found.

    Raises
    ------
    NotFound, Pruned
        The dataset has no such test, or its result or the tested version was pruned.
    Conflict
        A test hasn't ended, has no result, or is of another table.
    """
    return [
        _found_rows(service, dataset_id, given, table_key, name, (*earlier.loc, name, place))
        for name in ("found_by", "not_found_by")
        for place, given in enumerate(getattr(earlier, name))
    ]


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
    parts: Mapping[str, tuple[str, ...]] | None = None,
) -> ExcludedRows:
    """Find the rows of a table that an earlier version or completed draws have.

    With a key rows are matched by its values, whose digests are cached; otherwise by position, if
    the table begins with the data files of the earlier version, and of the version of each draw.

    Parameters
    ----------
    key_loc : tuple, optional
        Where the request has the key; by default the filters' place.
    parts : mapping, optional
        See :func:`requested_parts`.

    Raises
    ------
    KeyMissing, KeyNotUnique, InvalidKey, UnknownColumn
        The key doesn't hold in the table, in the earlier version or for a drawn row.
    PositionsDiffer
        There is no key, and positions mean other rows.
    NotFound
        The earlier version doesn't exist, was pruned, or has no such table.
    NoFoundRows
        No test of ``found_by`` found a row of the table.
    """
    tests = requested_tests(service, dataset_id, source.key, earlier)
    if not _needs_key(source, earlier, draws, tests):
        key = None
    since = None
    if earlier.new_since is not None:
        with located((*earlier.loc, "new_since")):
            since = open_table(service, dataset_id, earlier.new_since, source.key)
    shared: dict[str, Any] = {
        "service": service,
        "dataset_id": dataset_id,
        "table": source,
        "label": f"{source_ref} ({source.commit_id[:8]})",
        "loc": earlier.loc,
        "parts": parts or {},
    }
    matching: EarlierRows = RowsByPosition(**shared)
    if key is not None:
        at = earlier.loc if key_loc is None else key_loc
        matching = RowsByKey(**shared, key=key, key_loc=at, on_progress=on_progress)
    matched = _matched_rows(matching, earlier, since, draws, tests)
    exclusion = _exclusion(matching, key, since, draws, matched)
    settled = replace(
        earlier,
        not_drawn_by=_settled_names(draws, parts or {}),
        found_by=tuple(exclusion.found_by),
        not_found_by=tuple(exclusion.not_found_by),
    ).as_json()
    return ExcludedRows(source, source_ref, exclusion, draws, matched.left_out, settled)


@dataclass(frozen=True)
class _MatchedRows:
    """The rows of a table that an earlier version, draws, and tests of both filters have."""

    old: Int64s
    drawn: Int64s
    found: Int64s
    refused: Int64s
    left_out: Int64s
    tests: Mapping[str, Sequence[FoundRows]]


def _matched_rows(
    matching: EarlierRows,
    earlier: EarlierFilter,
    since: OpenTable | None,
    draws: tuple[JobRecord, ...],
    tests: Sequence[FoundRows],
) -> _MatchedRows:
    version = None if since is None else EarlierVersion(since, f"{earlier.new_since}"[:20])
    old, drawn = matching.of(version, draws)
    by_filter = {
        name: [each for each in tests if each.filter_name == name]
        for name in ("found_by", "not_found_by")
    }
    found, refused = (matching.found(named) for named in by_filter.values())
    left_out = np.union1d(np.union1d(old, drawn), refused)
    if earlier.found_by:
        if not len(found):
            raise NoFoundRows(table=matching.label, loc=(*earlier.loc, "found_by"))
        left_out = np.union1d(left_out, _other_rows(matching.table, found))
    return _MatchedRows(old, drawn, found, refused, left_out, by_filter)


def _exclusion(
    matching: EarlierRows,
    key: RowKey | None,
    since: OpenTable | None,
    draws: tuple[JobRecord, ...],
    matched: _MatchedRows,
) -> Exclusion:
    """The record of the rows that are left out."""
    service, source = matching.service, matching.table
    without_match = _without_match(since, draws, matched)
    jobs = {
        name: list(dict.fromkeys(each.job_id for each in tests))
        for name, tests in matched.tests.items()
    }
    replayed = source_draw(service, matching.dataset_id, source.commit_id)
    return Exclusion(
        commit_id=source.commit_id,
        key=None if key is None else [*key.columns],
        duplicates=None if key is None else key.duplicates,
        new_since=None if since is None else since.commit_id,
        job_ids=[job.id for job in draws],
        rows=len(matched.left_out),
        old_rows=len(matched.old),
        drawn_rows=len(matched.drawn),
        source_draw=digest_of_draws(replayed, draws),
        parts=[name for name in _settled_names(draws, matching.parts) if ":" in name],
        without_match=without_match,
        retyped=_retyped(service, source, key, since, draws) if without_match else [],
        found_by=jobs["found_by"],
        not_found_by=jobs["not_found_by"],
        found_rows=len(matched.found),
    )


def _needs_key(
    source: OpenTable,
    earlier: EarlierFilter,
    draws: Sequence[JobRecord],
    tests: Sequence[FoundRows],
) -> bool:
    """Whether rows of another version are matched; those of the same one have their positions."""
    is_other = any(each.table.commit_id != source.commit_id for each in tests)
    return is_other or bool(draws) or earlier.new_since is not None or not tests


def _other_rows(source: OpenTable, found: Int64s) -> Int64s:
    is_other = np.ones(source.files.file_rows, dtype=np.bool_)
    is_other[found] = False
    is_other[source.files.deletion_vector] = False
    return np.flatnonzero(is_other)


def _without_match(
    since: OpenTable | None, draws: Sequence[JobRecord], matched: _MatchedRows
) -> list[str]:
    """The filters whose version, draws or tests have rows, but none that is in the table."""
    has_old = since is not None and since.files.row_count
    has_drawn = any((job.output_summary or {})["total_sampled"] for job in draws)
    has_refused = any(len(each.ordinals) for each in matched.tests["not_found_by"])
    return [
        *(["new_since"] if has_old and not len(matched.old) else []),
        *(["not_drawn_by"] if has_drawn and not len(matched.drawn) else []),
        *(["not_found_by"] if has_refused and not len(matched.refused) else []),
    ]


def _retyped(
    service: Service,
    source: OpenTable,
    key: RowKey | None,
    since: OpenTable | None,
    draws: Sequence[JobRecord],
) -> list[str]:
    """The columns of a key that an earlier version or draw may write in another way."""
    earlier = [] if since is None else [since.files]
    for job in draws:
        with suppress(DomainError):  # its version was pruned
            earlier.append(open_source(service, job).files)
    found: dict[str, None] = {}
    for name in () if key is None else key.columns:
        now = source.files.column(name)
        for table in earlier:
            with suppress(DomainError):
                before = table.column(name)
                if _writing(before.data_type) != _writing(now.data_type):
                    found[f"{now.name} was {before.type} and is {now.type}"] = None
    return list(found)


def _writing(kind: DataType) -> str:
    """What values of a type look like in a key; whole numbers and decimals are alike."""
    return "number" if kind.is_number else kind.name.partition("_")[0]


def exclusion_warnings(excluded: Mapping[str, Any] | None) -> list[DrawWarning]:
    """The warnings on a recorded exclusion: rows that the table has none of."""
    if not excluded or not excluded.get("without_match"):
        return []
    names = {
        "new_since": "the earlier version",
        "not_drawn_by": "the earlier draws",
        "not_found_by": "the audit tests",
    }
    template = "The table has no row of {earlier}, by {key}, so none of them is left out."
    if excluded.get("group_rows"):
        template = (
            "The table has no row of {earlier}, by {key}. Rows of their {group} are left out."
        )
    parameters: dict[str, object] = {
        "earlier": " or of ".join(names[each] for each in excluded["without_match"]),
        "key": ", ".join(excluded["key"] or ()) or "position",
    }
    if excluded.get("group_rows"):
        parameters["group"] = excluded["group"]
    if excluded.get("retyped"):
        template += " Keys are compared as they are written, so 0007 and 7 differ: {types}."
        parameters["types"] = "; ".join(excluded["retyped"])
    return [draw_warning("no_earlier_rows", template, **parameters)]


def _settled_names(
    draws: Sequence[JobRecord], parts: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The draws by their whole ids, and parts of them."""
    return tuple(
        name
        for job in draws
        for name in (
            [f"{job.id}:{part}" for part in parts[job.id]] if job.id in parts else [job.id]
        )
    )


def _jobs_named(tx: Transaction, dataset_id: int, given: str) -> list[JobRecord]:
    """The draws of a dataset that a ref names, or whose ids begin with these digits."""
    if has_ref(tx, dataset_id, given):
        job = job_with_output(tx, dataset_id, resolve(tx, dataset_id, given))
        return [] if job is None else [job]
    if len(given) < LEAST_DIGITS:
        return []
    ids = job_ids_by_prefix(tx, given.lower(), MAX_MATCHES)
    jobs = [get_job(tx, each, with_position=False) for each in ids]
    return [job for job in jobs if job.dataset_id == dataset_id]


def _job_named(tx: Transaction, dataset_id: int, given: str, loc: Loc) -> JobRecord | None:
    jobs = _jobs_named(tx, dataset_id, given)
    if len(jobs) > 1:
        raise NotFound('Several job ids begin with "{id}". Give more digits.', id=given, loc=loc)
    return jobs[0] if jobs else None


def _found_rows(
    service: Service, dataset_id: int, given: str, table_key: str, filter_name: str, loc: Loc
) -> FoundRows:
    """The rows that a completed test found, which a ref or the first digits of an id name."""
    with service.database.read() as tx:
        job = _job_named(tx, dataset_id, given, loc)
    if job is None or job.kind is not AUDIT_TEST:
        raise NotFound(
            'The dataset has no audit test "{job}". Give the id of its job, or the ref of its '
            "result, such as expl-duplicates.",
            job=given,
            loc=loc,
        )
    if job.status != "completed":
        raise NoTest(
            "Audit test {job_id} is {status} and has no result. Leave it out, or wait until it has "
            "one.",
            job_id=job.id,
            status=job.status,
            loc=loc,
        )
    if job.run_parameters["table_key"] != table_key:
        raise NoTest(
            'Audit test {job_id} is of the table "{other}", not of "{table}". Leave it out.',
            job_id=job.id,
            other=job.run_parameters["table_key"],
            table=table_key,
            loc=loc,
        )
    with located(loc):
        tested = open_table(service, dataset_id, source_of(job), table_key)
        return FoundRows(job.id, tested, found_ordinals(service, job), filter_name)


def _draw(service: Service, dataset_id: int, given: str, table_key: str, loc: Loc) -> JobRecord:
    """The completed draw of a dataset that a ref or the first digits of an id name."""
    missing = NotFound('The dataset has no draw "{job}".', job=given, loc=loc)
    with service.database.read() as tx:
        job = _job_named(tx, dataset_id, given, loc)
        if job is None or job.run_type != "sampling":
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
        with located(loc):
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
