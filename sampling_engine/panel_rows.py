"""What the waves of a panel draw, and the states of their rows beside the wave before.

Rows are compared by the digests of their keys. A row is born if the version before has no row of
its key that passes the panel's filter, and has died if the new version has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import get_args

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.words import PanelState
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.digests import KeyDigests, RowKey, rows_of_keys
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import DataFile, Int64s, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.methods.method import Method, Round
from sampling_engine.results import Floats
from sampling_engine.rotation import kept_share
from sampling_engine.sql.statements import joined_rows

STATES: tuple[PanelState, ...] = get_args(PanelState)
FIRST, KEPT, ROTATED_IN, BORN, ROTATED_OUT, DIED = range(len(STATES))
STATE, SINCE, NUMBER = "_panel_state", "_since_wave", "_number"
MANY = np.array([1 << 40], dtype=np.int64)
"""More rows than a cluster has."""


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
    def has_two_stages(self) -> bool:
        """Whether some rows of each drawn cluster are drawn."""
        is_cluster = self.method.group_kind == "clusters"
        return is_cluster and int(self.method.rows_within(MANY)[0]) < int(MANY[0])

    def digests(
        self, cursor: duckdb.DuckDBPyConnection, table: TableFiles, counts_dir: Path | None
    ) -> KeyDigests:
        """The digests of a table's keys, checked if they name rows."""
        found = KeyDigests(cursor, table, self.key, counts_dir)
        if self.are_rows:
            found.require()
        return found

    def distinct(self, keyed: KeyDigests, ordinals: Int64s, chances: Floats) -> WaveUnits:
        """The units of drawn rows."""
        digests, places = np.unique(keyed.of(ordinals), return_index=True)
        return WaveUnits(ordinals[places], digests, chances[places])

    def expected_kept(
        self, chances: Floats, later: Floats, moved: Fraction, rotation: Fraction
    ) -> float | None:
        """The expected number of these living rows that a wave keeps; see :func:`kept_share`.

        Parameters
        ----------
        chances : array of float
            Their probabilities in the wave before.
        later : array of float
            The probabilities of the units that the wave drew. Where all are equal they are those of
            every unit; otherwise the probabilities of the wave before count as unchanged.
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
        is_equal = len(later) and not self.method.favours and np.ptp(later) == 0.0
        after = np.full(len(chances), later[0]) if is_equal else chances
        return float(kept_share(chances, after, shifts).sum())


def in_population(
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


@dataclass(frozen=True)
class StatedRows:
    """Rows of a version with their states and the waves in which they came.

    Parameters
    ----------
    numbers : array of int64, optional
        The number of each row among those of its key; 0 of a row that shares its key with none.
        None if the key numbers no rows.
    """

    table: TableFiles
    ordinals: Int64s
    states: Int64s
    since: Int64s
    numbers: Int64s | None = None

    def values(self) -> dict[str, Int64s]:
        """The columns of a temporary table of the rows."""
        found = {"ordinal": self.ordinals, "state": self.states, "since": self.since}
        return found if self.numbers is None else {**found, "number": self.numbers}


def write_wave_rows(
    cursor: duckdb.DuckDBPyConnection,
    path: Path,
    names: Sequence[str],
    rows: StatedRows,
    left: StatedRows,
) -> DataFile:
    """Write the rows of a wave and those that left it, by state, first wave and key.

    ``names`` are the key's columns, of which the texts are written.
    """
    own, params = _keyed_rows(rows, names, "wave_rows")
    gone, more = _keyed_rows(left, names, "left_rows")
    state, since, number = map(quote_identifier, _free_names(names))
    shown = ", ".join(f"c{at} AS {quote_identifier(name)}" for at, name in enumerate(names))
    keys = ", ".join(f"c{at}" for at in range(len(names)))
    if rows.numbers is not None:
        shown, keys = f"{shown}, nullif(number, 0) AS {number}", f"{keys}, number"
    query = (
        f"SELECT {shown}, list_extract(?::VARCHAR[], state + 1) AS {state}, since AS {since} "
        f"FROM ({own} UNION ALL {gone}) AS r ORDER BY r.state, r.since, {keys}"
    )
    tables = {"wave_rows": rows.values(), "left_rows": left.values()}
    with registered(cursor, tables):
        return write_parquet(cursor, query, [list(STATES), *params, *more], path)


def _keyed_rows(rows: StatedRows, names: Sequence[str], name_of_rows: str) -> Statement:
    """The key's texts of some rows, with what is stated of them."""
    table, (ordinal, *stated) = rows.table, rows.values()
    key = ", ".join(
        f"CAST(f.{quote_identifier(table.column(name).name)} AS VARCHAR) AS c{at}"
        for at, name in enumerate(names)
    )
    sql, params = rows_at(table, key, RowSet.of(name_of_rows, rows.values()[ordinal]), stated)
    return f"({sql})", params


def _free_names(names: Sequence[str]) -> list[str]:
    """The names of the columns beside those of the key."""
    taken = {name.lower() for name in names}
    free = []
    for name in (STATE, SINCE, NUMBER):
        while name in taken:
            name = f"_{name}"
        free.append(name)
    return free
