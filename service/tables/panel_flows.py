"""The rows of a panel's waves beside those of the wave before: kept, rotated, born and died."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from secrets import token_hex

import numpy as np
from numpy.typing import NDArray

from lazy_dataclasses import dataclass
from parquet_tables.cached_files import INTEGERS_SUFFIX, cache_path, read_integers, write_integers
from parquet_tables.rows import page_statement
from parquet_tables.tables import Int64s, TableFiles
from parquet_tables.writing import read_columns
from sampling_engine import Round
from sampling_engine.panel_rows import (
    BORN,
    DIED,
    FIRST,
    KEPT,
    ROTATED_IN,
    ROTATED_OUT,
    PanelUnits,
    StatedRows,
    in_population,
    write_wave_rows,
)
from sampling_engine.results import Floats
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import OpenTable, open_sample, open_source
from service.tables.row_names import numbers_of_rows
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.panels import PanelRecord, wave_number, waves_of

VERSION = "panel-flow-1"
WAVE = "wave"
MILLI = 1000


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
    sample = open_sample(service, job).files
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
    units, counts_dir = PanelUnits.of(wave.spec), service.directory.counts_dir
    others = [] if before is None else [before.source.files]
    with service.parquet.cursor(wave.source.files, *others) as cursor:
        keyed = units.digests(cursor, wave.source.files, counts_dir)
        after = units.distinct(keyed, wave.ordinals, wave.chances)
        since = np.full(len(after.digests), number, dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        if before is None or flow_before is None:
            states = np.full(len(after.digests), FIRST, dtype=np.int64)
            return WaveFlow(after.ordinals, after.digests, states, since, none, none, none, None)
        keyed_before = units.digests(cursor, before.source.files, counts_dir)
        earlier = units.distinct(keyed_before, before.ordinals, before.chances)
        places, is_kept = _places(after.digests, earlier.digests)
        since[is_kept] = flow_before.since[places[is_kept]]
        was_there = in_population(cursor, keyed_before, before.spec, after.digests)
        states = np.where(is_kept, KEPT, np.where(was_there, ROTATED_IN, BORN))
        stays = np.isin(earlier.digests, after.digests)
        is_alive = in_population(cursor, keyed, wave.spec, earlier.digests)
    left_states = np.where(is_alive, ROTATED_OUT, DIED)[~stays]
    moved = _moved(before.spec, wave.spec)
    expected = units.expected_kept(earlier.chances[is_alive], wave.chances, moved, rotation)
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
        number = wave_number(job)
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


def _moved(before: Round, after: Round) -> Fraction:
    """How far the start has moved between two waves."""
    assert before.order is not None  # noqa: S101 - both are of a panel
    assert after.order is not None  # noqa: S101
    return (after.order.start - before.order.start) % 1


@contextmanager
def wave_table(service: Service, panel: PanelRecord, number: int) -> Iterator[OpenTable]:
    """A table of the rows of a wave and of those that left it: key, state and first wave.

    Raises
    ------
    NotFound
        The panel has no such completed wave.
    DomainError
        A version or a sample was pruned, or can't be read.
    """
    with service.database.read() as tx:
        completed = [job for job in waves_of(tx, panel.id) if job.status == "completed"]
    place = next((at for at, job in enumerate(completed) if wave_number(job) == number), None)
    if place is None:
        raise NotFound("The panel has no completed wave {wave}.", wave=str(number))
    flow = flows_of(service, completed[: place + 1], Fraction(panel.rotation))[-1]
    source = open_source(service, completed[place])
    before = source if place == 0 else open_source(service, completed[place - 1])
    (spec,) = recorded_rounds(completed[place].run_parameters, source.files)
    units = PanelUnits.of(spec)
    numbers, numbers_left = (
        numbers_of_rows(service, table.files, units.key, rows) if units.are_rows else None
        for table, rows in ((source, flow.ordinals), (before, flow.left))
    )
    # Results of a file are cached by its name.
    with service.scratch_file(f"{token_hex(16)}.parquet") as path:
        with service.parquet.cursor(source.files, before.files) as cursor:
            file = write_wave_rows(
                cursor,
                path,
                units.key.columns,
                StatedRows(source.files, flow.ordinals, flow.states, flow.since, numbers),
                StatedRows(
                    before.files, flow.left, flow.left_states, flow.left_since, numbers_left
                ),
            )
            columns = read_columns(cursor, path)
        yield OpenTable(source.commit_id, WAVE, TableFiles(columns, (file,)))
