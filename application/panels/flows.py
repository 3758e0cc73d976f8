"""The rows of a wave beside those of the wave before: kept, rotated, born and died.

Rows are compared by the digests of their keys. A row is born if the version before has no row of
its key that passes the panel's filter, and has died if the new version has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import get_args

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.words import PanelState
from parquet_tables.cached_files import INTEGERS_SUFFIX, cache_path, read_integers, write_integers
from parquet_tables.database import registered
from parquet_tables.row_keys.digests import KeyDigests, RowKey, rows_of_keys
from parquet_tables.rows import RowSet, page_statement
from parquet_tables.tables import Int64s, TableFiles
from sampling_engine import Method, Round
from sampling_engine.sql.statements import joined_rows
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import SAMPLE, OpenTable, open_source, open_table, output_of
from storage.jobs.jobs import JobRecord

VERSION = "panel-flow-1"
STATES: tuple[PanelState, ...] = get_args(PanelState)
FIRST, KEPT, ROTATED_IN, BORN, ROTATED_OUT, DIED = range(len(STATES))
MILLI = 1000
MANY = np.array([1 << 40], dtype=np.int64)
"""More rows than a cluster has."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WaveUnits:
    """The rows of a wave; of a panel of whole clusters, one row of each cluster.

    Parameters
    ----------
    ordinals, digests : arrays of int64
        In order of the digests, which are distinct.
    chances : array of float
        Their inclusion probabilities.
    """

    ordinals: Int64s
    digests: Int64s
    chances: Floats


@dataclass(frozen=True)
class WaveFlow:
    """The rows of a wave and those that left it, with their states.

    Parameters
    ----------
    ordinals, digests, states, since : arrays of int64
        The rows; ``since`` is the wave in which each came, without a gap since.
    left, left_states, left_since : arrays of int64
        The rows of the wave before that it doesn't have; ordinals of the version before.
    expected_kept : float, optional
        The expected number of kept rows among those of the wave before that are alive.
    """

    ordinals: Int64s
    digests: Int64s
    states: Int64s
    since: Int64s
    left: Int64s
    left_states: Int64s
    left_since: Int64s
    expected_kept: float | None

    def count(self, state: int) -> int:
        """The rows of a state."""
        states = self.left_states if state in (ROTATED_OUT, DIED) else self.states
        return int((states == state).sum())

    def stored(self) -> Int64s:
        """One array of all."""
        expected = -1 if self.expected_kept is None else round(self.expected_kept * MILLI)
        header = np.array([len(self.ordinals), expected], dtype=np.int64)
        arrays = (self.ordinals, self.digests, self.states, self.since)
        return np.concatenate(
            [header, *arrays, self.left, self.left_states, self.left_since], dtype=np.int64
        )

    @classmethod
    def from_stored(cls, stored: Int64s) -> WaveFlow:
        """The flow of :meth:`stored`."""
        rows, expected = stored[:2].tolist()
        ordinals, digests, states, since = stored[2 : 2 + 4 * rows].reshape(4, rows)
        left, left_states, left_since = stored[2 + 4 * rows :].reshape(3, -1)
        kept = None if expected < 0 else expected / MILLI
        return cls(ordinals, digests, states, since, left, left_states, left_since, kept)


@dataclass(frozen=True)
class PanelUnits:
    """What the waves of a panel draw: rows by a row key, or clusters by their values."""

    method: Method
    key: RowKey

    @classmethod
    def of(cls, spec: Round) -> PanelUnits:
        """The units of a round with a keyed order."""
        assert spec.order is not None  # noqa: S101 - a panel has one
        return cls(spec.method, spec.order.key)

    @property
    def are_rows(self) -> bool:
        """Whether they are rows, not clusters."""
        return self.method.orders_rows(self.key)

    @property
    def noun(self) -> str:
        """What a unit is called."""
        return "row" if self.are_rows else "cluster"

    @property
    def has_two_stages(self) -> bool:
        """Whether some rows of each drawn cluster are drawn."""
        is_cluster = self.method.group_kind == "clusters"
        return is_cluster and int(self.method.rows_within(MANY)[0]) < int(MANY[0])

    def digests(
        self, service: Service, cursor: duckdb.DuckDBPyConnection, table: TableFiles
    ) -> KeyDigests:
        """The digests of a table's keys, checked if they name rows."""
        found = KeyDigests(cursor, table, self.key, service.directory.counts_dir)
        if self.are_rows:
            found.require()
        return found

    def distinct(self, keyed: KeyDigests, ordinals: Int64s, chances: Floats) -> WaveUnits:
        """The units of drawn rows."""
        digests, places = np.unique(keyed.of(ordinals), return_index=True)
        return WaveUnits(ordinals[places], digests, chances[places])

    def expected_kept(self, chances: Floats, moved: Fraction, rotation: Fraction) -> float | None:
        """The expected number of these living rows that a wave keeps; see ``kept_share``.

        Parameters
        ----------
        chances : array of float
            Their probabilities in the wave before.
        moved : Fraction
            How far the start has moved; it counts for a weighted draw. In other draws it is the
            rotation times the probability.
        """
        if self.has_two_stages:
            return None
        shifts = (
            np.full(len(chances), float(moved))
            if self.method.favours
            else chances * float(rotation)
        )
        around = np.maximum(0.0, chances + shifts - 1.0)
        both = np.minimum(chances, np.maximum(0.0, chances - shifts) + around)
        takes_all = chances >= 1.0
        return float(np.where(takes_all, 1.0, both / chances).sum())


@dataclass(frozen=True)
class OpenWave:
    """A drawn wave, or one that is previewed, with its version."""

    source: OpenTable
    spec: Round
    ordinals: Int64s
    chances: Floats


def open_wave(service: Service, job: JobRecord) -> OpenWave:
    """Open the rows of a completed wave.

    Raises
    ------
    DomainError
        Its version or its sample was pruned, or a file can't be read.
    """
    source = open_source(service, job)
    (spec,) = recorded_rounds(job.run_parameters, source.files)
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    columns = [sample.column(name) for name in ("_logical_row_id", "_inclusion_probability")]
    statement, params = page_statement(sample, columns)
    with service.parquet.cursor(sample) as cursor:
        found = cursor.execute(
            "SELECT CAST(split_part(_logical_row_id, ':', -1) AS BIGINT) AS ordinal, "
            f"_inclusion_probability AS chance FROM ({statement})",
            params,
        ).fetchnumpy()
    return OpenWave(source, spec, found["ordinal"].astype(np.int64), found["chance"].astype(float))


def flow_between(
    service: Service,
    number: int,
    wave: OpenWave,
    before: OpenWave | None,
    flow_before: WaveFlow | None,
    rotation: Fraction,
) -> WaveFlow:
    """Compare a wave with the one before; the first wave has none before it."""
    units = PanelUnits.of(wave.spec)
    others = [] if before is None else [before.source.files]
    with service.parquet.cursor(wave.source.files, *others) as cursor:
        keyed = units.digests(service, cursor, wave.source.files)
        after = units.distinct(keyed, wave.ordinals, wave.chances)
        since = np.full(len(after.digests), number, dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        if before is None or flow_before is None:
            states = np.full(len(after.digests), FIRST, dtype=np.int64)
            return WaveFlow(after.ordinals, after.digests, states, since, none, none, none, None)
        keyed_before = units.digests(service, cursor, before.source.files)
        earlier = units.distinct(keyed_before, before.ordinals, before.chances)
        places, is_kept = _places(after.digests, earlier.digests)
        since[is_kept] = flow_before.since[places[is_kept]]
        was_there = _in_population(cursor, keyed_before, before.spec, after.digests)
        states = np.where(is_kept, KEPT, np.where(was_there, ROTATED_IN, BORN))
        stays = np.isin(earlier.digests, after.digests)
        is_alive = _in_population(cursor, keyed, wave.spec, earlier.digests)
    left_states = np.where(is_alive, ROTATED_OUT, DIED)[~stays]
    moved = _moved(before.spec, wave.spec)
    expected = units.expected_kept(earlier.chances[is_alive], moved, rotation)
    return WaveFlow(
        after.ordinals,
        after.digests,
        states,
        since,
        earlier.ordinals[~stays],
        left_states,
        flow_before.since[~stays],
        expected,
    )


def flows_of(service: Service, waves: Sequence[JobRecord], rotation: Fraction) -> list[WaveFlow]:
    """The flows of completed waves, in their order; computed once.

    Raises
    ------
    DomainError
        As :func:`open_wave`, or the key of a version doesn't hold.
    """
    flows: list[WaveFlow] = []
    before: OpenWave | None = None
    for place, job in enumerate(waves):
        source = open_source(service, job)
        named = [VERSION, [each.id for each in waves[: place + 1]]]
        path = cache_path(
            service.directory.counts_dir, source.files, *named, suffix=INTEGERS_SUFFIX
        )
        stored = read_integers(path)
        if stored is not None:
            flows.append(WaveFlow.from_stored(stored))
            before = None
            continue
        if place and before is None:
            before = open_wave(service, waves[place - 1])
        wave = open_wave(service, job)
        number = int(job.run_parameters["panel"]["wave"])
        flow = flow_between(service, number, wave, before, flows[-1] if flows else None, rotation)
        write_integers(path, flow.stored())
        flows.append(flow)
        before = wave
    return flows


def _places(digests: Int64s, among: Int64s) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The place of each digest among the sorted others, and whether it is there."""
    if not len(among):
        return np.zeros(len(digests), dtype=np.intp), np.zeros(len(digests), dtype=np.bool_)
    places = np.minimum(np.searchsorted(among, digests), len(among) - 1)
    return places, among[places] == digests


def _in_population(
    cursor: duckdb.DuckDBPyConnection, keyed: KeyDigests, spec: Round, digests: Int64s
) -> NDArray[np.bool_]:
    """Whether the table has a row of each key that passes the round's filter."""
    rows = rows_of_keys(keyed, digests)
    if spec.filter is not None and len(rows):
        sql, params = joined_rows(
            keyed.table, "", RowSet.of("wanted", rows), ["ordinal"], spec.filter
        )
        with registered(cursor, {"wanted": {"ordinal": rows}}):
            rows = np.sort(cursor.execute(sql, params).fetchnumpy()["ordinal"])
    return np.isin(digests, keyed.of(rows))


def _moved(before: Round, after: Round) -> Fraction:
    """How far the start has moved between two waves."""
    assert before.order is not None  # noqa: S101 - both are of a panel
    assert after.order is not None  # noqa: S101
    return (after.order.start - before.order.start) % 1
