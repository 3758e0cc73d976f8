"""The rows that two samples share, by their key or by their place in one version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from contract.words import Duplicates
from estimation_engine.change import CommonRows
from lazy_dataclasses import dataclass
from parquet_tables.row_keys.canonical import InvalidKey
from parquet_tables.row_keys.digests import KeyDigests, RowKey, compare_keys
from parquet_tables.row_keys.kept import kept_pairs, places_in_both
from parquet_tables.tables import Int64s
from sampling_engine import row_chances
from service.service import Service
from service.tables.chosen_keys import declared_key_of
from service.tables.open_tables import OpenTable, filters_of, open_table, version_of
from service.tables.sample_design import SampleDesign
from storage.jobs.jobs import JobRecord

CHUNK_ROWS = 1 << 21


@dataclass(frozen=True)
class SharedSource:
    """A sample with the table that it was drawn from, and its design."""

    job: JobRecord
    source: OpenTable
    design: SampleDesign


def are_of_one_version(first: SharedSource, second: SharedSource) -> bool:
    """Whether both samples are of one table of one version, where a position is a name."""
    return (
        version_of(first.job) == version_of(second.job)
        and first.job.dataset_id == second.job.dataset_id
        and first.source.key == second.source.key
    )


def shared_starts(first: SharedSource, second: SharedSource) -> tuple[float, float] | None:
    """Where both draws begin in one sequence of random numbers; None if they have none.

    Rows have one number in both where seed and key are the same, or seed and position.
    """
    rounds = [each.design.rounds for each in (first, second)]
    if any(len(of_sample) != 1 for of_sample in rounds):
        return None
    one, other = rounds[0][0], rounds[1][0]
    if one.effective_seed != other.effective_seed or one.draw_version != other.draw_version:
        return None
    if one.order is None and other.order is None:
        return (0.0, 0.0) if are_of_one_version(first, second) else None
    if one.order is None or other.order is None or one.order.key != other.order.key:
        return None
    return float(one.order.start), float(other.order.start)


def shared_key(
    service: Service,
    first: SharedSource,
    second: SharedSource,
    columns: Sequence[str],
    duplicates: Duplicates | None,
) -> RowKey | None:
    """The key by which both samples' rows are matched; None for the position in one version.

    Raises
    ------
    InvalidKey
        The samples are of different versions, and no key is known.
    """
    declared: dict[tuple[str, ...], Duplicates] = {}
    with service.database.read() as tx:
        for each in (second, first):
            found = declared_key_of(tx, each.job.dataset_id, each.source)
            if found is not None:
                declared.setdefault(tuple(found.columns), found.duplicates)
    if columns:
        names = tuple(columns)
        return RowKey(names, duplicates or declared.get(names, "refuse"))
    if are_of_one_version(first, second):
        return None
    orders = {
        spec.order.key.columns: spec.order.key.duplicates
        for each in (second, first)
        for spec in each.design.rounds
        if spec.order is not None and spec.method.orders_rows(spec.order.key)
    }
    known = orders if len(orders) == 1 else declared
    for names, rule in known.items():
        return RowKey(names, duplicates or rule)
    raise InvalidKey(
        "The samples are of different versions, and no key of their rows is known. Name the "
        "columns that identify a row with `key`, or declare the row key of the table.",
        loc=("key",),
    )


class SharedRows:
    """Matches the rows of two samples; :func:`sharing` opens it."""

    def __init__(
        self,
        service: Service,
        sides: tuple[SharedSource, SharedSource],
        key: RowKey | None,
        keyed: tuple[KeyDigests, KeyDigests] | None,
    ) -> None:
        self._service, self._sides, self.key, self._keyed = service, sides, key, keyed
        first, second = (side.design.ordinals for side in sides)
        if keyed is not None:
            first, second = keyed[0].of(first), keyed[1].of(second)
        self.first, self.second = places_in_both(first, second)

    def common(
        self, *, with_populations: bool, starts: tuple[float, float] = (0.0, 0.0)
    ) -> CommonRows:
        """The common rows, on request with those of both populations by strata."""
        kept = np.empty((0, 3), dtype=np.int64)
        if with_populations:
            names = (side.job.id for side in self._sides)
            kept = self._service.results.ordinals.get(("kept", *names, self.key), self._kept)
        return CommonRows(self.first, self.second, kept, starts)

    def _kept(self) -> Int64s:
        if all(each.design.population is None and not _strata(each) for each in self._sides):
            return np.array([[0, 0, self._kept_keys()]], dtype=np.int64)
        counts: dict[tuple[int, int], int] = {}
        for ordinals in self._kept_rows():
            groups = [
                _groups_of(self._service, side, own)
                for side, own in zip(self._sides, ordinals, strict=True)
            ]
            inside = (groups[0] >= 0) & (groups[1] >= 0)
            pairs = np.stack([groups[0][inside], groups[1][inside]], axis=1)
            found, rows = np.unique(pairs, axis=0, return_counts=True)
            for (own, other), count in zip(found.tolist(), rows.tolist(), strict=True):
                counts[own, other] = counts.get((own, other), 0) + count
        listed = [[*pair, rows] for pair, rows in sorted(counts.items())]
        return np.array(listed, dtype=np.int64).reshape(-1, 3)

    def _kept_keys(self) -> int:
        if self._keyed is None:
            one, other = (side.source.files for side in self._sides)
            gone = np.union1d(one.deletion_vector, other.deletion_vector)
            return one.file_rows - len(gone)
        return compare_keys(*self._keyed).kept

    def _kept_rows(self) -> Iterator[tuple[Int64s, Int64s]]:
        if self._keyed is not None:
            yield from kept_pairs(*self._keyed)
            return
        table = self._sides[0].source.files
        for first in range(0, table.file_rows, CHUNK_ROWS):
            rows = np.arange(first, min(first + CHUNK_ROWS, table.file_rows), dtype=np.int64)
            yield rows, rows


@contextmanager
def sharing(
    service: Service, first: SharedSource, second: SharedSource, key: RowKey | None
) -> Iterator[SharedRows]:
    """Match the rows of two samples.

    Raises
    ------
    KeyMissing, KeyNotUnique
        The key doesn't identify the rows of a table.
    """
    sides = first, second
    if key is None:
        yield SharedRows(service, sides, key, None)
        return
    with ExitStack() as stack:
        before, after = (_digests(service, side, key, stack) for side in sides)
        yield SharedRows(service, sides, key, (before, after))


def _digests(service: Service, side: SharedSource, key: RowKey, stack: ExitStack) -> KeyDigests:
    """The digests of a population; the number of an equal key depends on its whole version."""
    population = side.source.files
    version = population
    if key.duplicates == "number" and filters_of(side.job) is not None:
        dataset_id, table_key = side.job.dataset_id, side.job.run_parameters["table_key"]
        version = open_table(service, dataset_id, version_of(side.job), table_key).files
    cursor = stack.enter_context(service.parquet.cursor(version))
    directory = service.directory.counts_dir
    whole = KeyDigests(cursor, version, key, directory, loc=("key",))
    whole.require()
    if version is population:
        return whole
    keyed = KeyDigests(cursor, population, key, directory, loc=("key",))
    keyed.numbered, keyed.ties = whole.numbered, whole.ties
    return keyed


def _strata(side: SharedSource) -> bool:
    return side.design.design.group_kind == "strata"


def _groups_of(service: Service, side: SharedSource, ordinals: Int64s) -> Int64s:
    """The strata of rows of a sample's source, -1 for those that it couldn't draw."""
    order = np.argsort(ordinals)
    found = row_chances(
        service.parquet,
        side.source.files,
        side.design.rounds[0],
        ordinals[order],
        counts_dir=service.directory.counts_dir,
    )
    groups = np.empty(len(ordinals), dtype=np.int64)
    groups[order] = found.groups
    return groups
