"""The passes of a draw on a Spark cluster; DuckDB checks what Spark found.

Rows that are taken are left out here, and rows named by ordinals are read by DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import unquote

import numpy as np

from contract.words import EngineName
from domain_errors import DomainError, Loc
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.row_keys.canonical import digest_of, key_text
from parquet_tables.row_keys.digests import NO_KEY, KeyDigests, KeyFaults, RowKey
from parquet_tables.rows import RowSet, rows_at
from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine.engines import spark_sql
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import DrawState
from sampling_engine.engines.spark_connection import (
    FileKey,
    ReadFiles,
    SparkConnection,
    SparkServer,
    connected,
)
from sampling_engine.engines.spark_sql import SparkTable
from sampling_engine.engines.spark_types import is_read_by_spark, require_types
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.keyed import OrderByKey
from sampling_engine.selection.order import Int64s, in_sorted
from sampling_engine.selection.strata import Strata, too_many_strata
from sampling_engine.spec import RowFilter, Strategy
from sampling_engine.sql import statements
from sampling_engine.sql.passes import (
    CountStrata,
    KeyedUnits,
    Pass,
    RankedBelow,
    RankedRows,
    Result,
    RowsAtPlaces,
    RowsOfPoints,
    RowsOfUnits,
    ScanUnits,
    UnitRows,
)
from sampling_engine.sql.statements import StrataTable
from sampling_engine.sql.units import Units

MAX_DELETED = 1 << 22
"""Rows that are left out and sent to Spark, 34 MB; with more DuckDB checks the key, or sorts."""
MAX_READ = 1 << 22
"""Rows whose keys are read by their ordinals; of more of them all digests are computed."""
BLOCK_BITS = 18
"""At most 2^18 blocks of rows are counted to find the rows at some places."""

Locate = Callable[[DataFile], str]
"""The URI by which the workers read a file, without encoding."""


class OrdinalsUnsure(DomainError):
    """Spark doesn't number the rows of a file as the manifest does."""

    code = "ordinals_unsure"
    template = (
        "Spark numbers the rows of a data file with {rows} {rows|row|rows} otherwise than the "
        "table does, so nothing was drawn. Choose the engine duckdb."
    )


class EnginesDisagree(DomainError):
    """DuckDB reads other values in a row that Spark found."""

    code = "engines_disagree"
    template = (
        "Spark and DuckDB read {rows} {rows|row|rows} of the table differently, so nothing was "
        "drawn. Choose the engine duckdb, and report this."
    )


@contextmanager
def spark_engine(
    server: SparkServer,
    table: TableFiles,
    locate: Locate,
    on_progress: ProgressCallback = ignore_progress,
) -> Iterator[SparkEngine]:
    """Connect to a server for one draw from ``table``."""
    with connected(server, on_progress) as connection:
        engine = SparkEngine(connection, table, locate, server.checked)
        connection.run(engine.open, on_progress, "opening the files in Spark")
        engine.check_ordinals(on_progress)
        yield engine


class SparkEngine:
    """Runs every pass as one Spark query, or as two for places; :func:`spark_engine` opens it."""

    name: EngineName = "spark"
    strategy: Strategy | None = "scan"

    def __init__(
        self,
        connection: SparkConnection,
        table: TableFiles,
        locate: Locate,
        checked: set[int],
    ) -> None:
        self.connection = connection
        self._files = list(table.with_starts())
        self._locate = locate
        self._checked = checked
        readable = [column for column in table.columns if is_read_by_spark(column.type)]
        names = {column: f"c{at}" for at, column in enumerate(readable)}
        self.table = SparkTable(names, len(self._files) == 1)
        sizes = {file.size_bytes for file, _ in self._files}
        self._key: FileKey = "file_size" if len(sizes) == len(self._files) else "file_path"

    @property
    def scans(self) -> int:
        """Queries that Spark has run for the draw."""
        return self.connection.scans

    def open(self) -> None:
        """Make the view of the files."""
        groups: dict[tuple[str | None, ...], list[str]] = {}
        for file, _ in self._files:
            sources = tuple(_source(column, file) for column in self.table.names)
            groups.setdefault(sources, []).append(self._locate(file))
        read = [ReadFiles(paths, self.table.names, sources) for sources, paths in groups.items()]
        self.connection.read_files(("t", "of_files"), read, self._key)
        if self.table.is_one_file:
            self._add_constants([self._files[0][0]])

    def _add_constants(self, files: Sequence[DataFile], keys: Sequence[object] = ()) -> None:
        """Give the columns that files don't have the values of their layout.

        ``keys`` are those of the files; none if the table has one file.
        """
        values: dict[Column, list[str | None]] = {}
        for column in self.table.names:
            of_files = [_constant(column, file) for file in files]
            if any(value is not None for value in of_files):
                values[column] = of_files
        if not values:
            return
        import pyarrow

        names = self.table.names
        columns: dict[str, Any] = {
            names[column]: pyarrow.array(of, pyarrow.string()) for column, of in values.items()
        }
        if keys:
            columns["f"] = list(keys)
        self._view("constants", pyarrow.table(columns))
        self.connection.run(
            lambda: self.connection.define_view(
                "t", (spark_sql.with_constants(names, values, by_file=bool(keys)), [])
            ),
            ignore_progress,
            "sending numbers",
        )

    def check_ordinals(self, on_progress: ProgressCallback) -> None:
        """Check that Spark numbers the rows of each file from 0, once a table and server.

        Raises
        ------
        OrdinalsUnsure
        """
        key = hash(tuple((str(file.path), file.rows) for file, _ in self._files))
        if self.table.is_one_file and key in self._checked:
            return
        statement = spark_sql.files_of()
        found = self.connection.fetch(statement, on_progress, "checking row numbers").to_pylist()
        by_key = {_readable(row["f"]): row for row in found}
        starts: dict[object, int] = {}
        files: list[DataFile] = []
        for file, start in self._files:
            uri = _spark_path(self._locate(file))
            row = by_key.get(file.size_bytes if self._key == "file_size" else uri)
            n = file.rows
            expected = (n, 0, n - 1, str(n * (n - 1) // 2))
            if row is None or (row["n"], row["low"], row["high"], row["total"]) != expected:
                raise OrdinalsUnsure(rows=n)
            starts[row["f"]] = start
            files.append(file)
        if len(found) != len(self._files):
            raise OrdinalsUnsure(rows=sum(row["n"] for row in found))
        self._checked.add(key)
        if not self.table.is_one_file:
            self._numbers("files", f=list(starts), start=list(starts.values()))
            self._add_constants(files, list(starts))

    def run(self, state: DrawState, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        along_line = isinstance(wanted, RowsAtPlaces | RowsOfPoints)
        if wanted.rows is not None or (along_line and len(state.taken) > MAX_DELETED):
            return DUCKDB.run(state, wanted, on_progress)
        self._send_inputs(state, wanted)
        query = spark_sql.query_of(wanted, self.table)
        step = progress_part(on_progress, 0.0, 0.9)
        found = self._fetched(query, step, wanted.message)
        if isinstance(wanted, CountStrata) and found.num_rows > wanted.most:
            self._refuse_strata(wanted, on_progress)
        with registered(state.cursor, {"found": found}):
            result: Result = wanted.result(state.cursor.execute(query.finish))
        self._check(state, wanted, result, progress_part(on_progress, 0.9, 1.0))
        return result

    def _send_inputs(self, state: DrawState, wanted: Pass[Result]) -> None:
        """Make views of the tables of numbers that the pass reads."""
        if isinstance(wanted, RankedBelow):
            if wanted.strata.columns:
                self._send_strata(state, wanted.strata, wanted.wanted, wanted.thresholds)
            return
        inputs = dict(wanted.inputs)
        if isinstance(wanted, RowsAtPlaces | RowsOfPoints):
            inputs["taken"] = {"ordinal": state.taken}
        for name, columns in inputs.items():
            self._numbers(name, **columns)

    def _refuse_strata(self, wanted: CountStrata, on_progress: ProgressCallback) -> NoReturn:
        query = spark_sql.count_of_strata(wanted, self.table)
        (row,) = self.connection.fetch(query.statement, on_progress, wanted.message).to_pylist()
        raise too_many_strata(wanted.columns, row["n"], wanted.most)

    def _check(
        self, state: DrawState, wanted: Pass[Result], found: Result, on_progress: ProgressCallback
    ) -> None:
        """Check in DuckDB the filter, strata or units of rows that Spark found."""
        if isinstance(wanted, RankedBelow) and isinstance(found, RankedRows):
            _require_same(wanted.strata.of(found.ordinals, on_progress), found.strata)
        elif isinstance(wanted, RowsOfUnits | RowsOfPoints | ScanUnits) and isinstance(
            found, UnitRows | KeyedUnits
        ):
            rows = UnitRows(found.ordinals, found.units)
            self.check_units(state, wanted.units, wanted.row_filter, rows)
        elif isinstance(wanted, RowsAtPlaces) and isinstance(found, np.ndarray):
            strata = state.strata_of((), wanted.row_filter, ignore_progress)
            _require_same(strata.of(found, on_progress), np.zeros_like(found))

    def list_rows(
        self,
        state: DrawState,
        row_filter: RowFilter,
        count: int | None,
        on_progress: ProgressCallback,
    ) -> Int64s | None:
        """Spark ranks the rows itself."""

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        shift = max(max(state.table.file_rows - 1, 0).bit_length() - BLOCK_BITS, 0)
        statement = spark_sql.rows_by_block(self.table, row_filter, shift)
        step = progress_part(on_progress, 0.0, 0.5)
        found = self.connection.fetch(statement, step, "counting the grid's places")
        rows = np.zeros((max(state.table.file_rows - 1, 0) >> shift) + 1, dtype=np.int64)
        rows[_numpy(found["block"])] = _numpy(found["rows"])
        strata = state.strata_of((), row_filter, ignore_progress)
        passing = state.taken[strata.of(state.taken, ignore_progress) >= 0]
        np.subtract.at(rows, passing >> shift, 1)
        stops = np.cumsum(rows)
        places = places[places < stops[-1]]
        of_place = np.searchsorted(stops, places, side="right")
        hit = np.unique(of_place)
        if not len(hit):
            return places
        self._numbers("hit", block=hit)
        statement = spark_sql.ordinals_of_blocks(self.table, row_filter, shift)
        step = progress_part(on_progress, 0.5, 1.0)
        found = self.connection.fetch(statement, step, "counting the grid's places")
        eligible = np.sort(_numpy(found["ordinal"]))
        eligible = eligible[~in_sorted(eligible, state.taken)]
        counts = rows[hit]
        before = stops[hit] - counts
        first_in = np.cumsum(counts) - counts
        if len(eligible) != int(counts.sum()):
            raise EnginesDisagree(rows=abs(len(eligible) - int(counts.sum())))
        at = np.searchsorted(hit, of_place)
        ordinals: Int64s = eligible[places - before[at] + first_in[at]]
        _require_same(strata.of(ordinals, ignore_progress), np.zeros_like(ordinals))
        return ordinals

    def keys_of(
        self, state: DrawState, key: RowKey, on_progress: ProgressCallback, loc: Loc
    ) -> KeyDigests:
        return KeysInSpark(self, state, key, on_progress, loc)

    def key_faults(self, keyed: KeyDigests, on_progress: ProgressCallback) -> KeyFaults:
        """The live rows without a key, and those that share their digest."""
        deleted = keyed.table.deletion_vector
        if len(deleted):
            self._numbers("deleted", ordinal=deleted)
        queries = spark_sql.SparkKeys(keyed.columns).faults(
            self.table, without_deleted=bool(len(deleted))
        )

        def fetched(sql: str) -> Any:
            return self.connection.fetch((sql, []), on_progress, "checking the key")

        (counts,) = fetched(queries.counts).to_pylist()
        none = np.empty(0, dtype=np.int64)
        missing, repeated = int(counts["missing"]), int(counts["repeated"])
        return KeyFaults(
            missing,
            repeated,
            _numpy(fetched(queries.missing)["ordinal"]) if missing else none,
            _numpy(fetched(queries.repeated)["ordinal"]) if repeated else none,
        )

    def ranked_by_key(
        self,
        state: DrawState,
        order: OrderByKey,
        strata: Strata,
        wanted: Int64s,
        limits: Int64s,
        on_progress: ProgressCallback,
    ) -> RankedRows:
        ranks, shifts = order.ranks, order.shifts
        if shifts is not None:
            ranks = ranks.from_zero()
            shifts = shifts[wanted]
        if strata.columns:
            self._send_strata(state, strata, wanted, limits, shifts)
        keyed = spark_sql.SparkKeys(order.digests.columns, ranks)
        query = spark_sql.ranked_by_key(
            keyed, strata, limits, self.table, own_starts=shifts is not None
        )
        found = RankedRows(*self._found(state, query, "scanning for the lowest ranks", on_progress))
        numbered = order.digests.numbered[0]
        found = RankedRows(*(each[~in_sorted(found.ordinals, numbered)] for each in found))
        _require_same(strata.of(found.ordinals, on_progress), found.strata)
        _require_same(order.rank_in(found.ordinals, found.strata), found.ranks)
        own = numbered[~in_sorted(numbered, state.taken)]
        numbers = strata.of(own, on_progress)
        limit_of = np.zeros(len(strata.rows) + 1, dtype=np.int64)
        limit_of[wanted] = limits
        own_ranks = order.rank_in(own, numbers)
        below = own_ranks < limit_of[numbers]
        more = RankedRows(own[below], numbers[below], own_ranks[below])
        return RankedRows(*(np.concatenate(both) for both in zip(found, more, strict=True)))

    def units_by_key(
        self,
        state: DrawState,
        order: OrderByKey,
        wanted: ScanUnits,
        on_progress: ProgressCallback,
    ) -> Iterator[KeyedUnits]:
        keyed = spark_sql.SparkKeys(order.digests.columns, order.ranks)
        query = spark_sql.units_by_key(wanted, keyed, self.table)
        found = KeyedUnits(*self._found(state, query, wanted.message, on_progress))
        numbered = order.digests.numbered[0]
        found = KeyedUnits(*(each[~in_sorted(found.ordinals, numbered)] for each in found))
        rows = UnitRows(found.ordinals, found.units)
        self.check_units(state, wanted.units, wanted.row_filter, rows)
        _require_same(order.rank(found.ordinals), found.ranks)
        yield found
        own = numbered[~in_sorted(numbered, state.taken)]
        at, units = state.units_of(wanted.units, wanted.row_filter, own)
        few = units < wanted.below
        yield KeyedUnits(own[at][few], units[few], order.rank(own[at][few]))

    def _found(
        self, state: DrawState, query: spark_sql.Query, message: str, on_progress: ProgressCallback
    ) -> tuple[Int64s, Int64s, Int64s]:
        """The three columns of numbers that a query finds, without rows that are taken."""
        found = self._fetched(query, on_progress, message)
        with registered(state.cursor, {"found": found}):
            columns = state.cursor.execute(query.finish).fetchnumpy().values()
        first, second, third = (np.asarray(each).astype(np.int64) for each in columns)
        return first, second, third

    def _fetched(self, query: spark_sql.Query, on_progress: ProgressCallback, message: str) -> Any:
        """The rows of a query, after the views that it reads are made."""
        ranks = query.ranks
        if ranks is not None:

            def define() -> None:
                self.connection.define_view("numbered", ranks.numbered)
                self.connection.define_view("ranked", (ranks.ranked, []), ansi=False)

            self.connection.run(define, ignore_progress, message)
        return self.connection.fetch(query.statement, on_progress, message)

    def check_units(
        self, state: DrawState, units: Units, row_filter: RowFilter | None, found: UnitRows
    ) -> None:
        picked = {"position": np.arange(len(found.ordinals)), "ordinal": found.ordinals}
        wanted = RowSet.of("picked", found.ordinals)
        statement = statements.units_of_picked(state.table, units, wanted, row_filter)
        with registered(state.cursor, {"picked": picked}):
            rows = state.cursor.execute(*statement).fetchnumpy()
        own = np.zeros(len(found.ordinals), dtype=np.int64)
        own[rows["position"]] = rows["v"]
        _require_same(own, found.units)

    def _numbers(self, name: str, **columns: Any) -> None:
        """Make a view of arrays or lists."""
        import pyarrow

        self._view(name, pyarrow.table(columns))

    def _view(self, name: str, table: Any) -> None:
        self.connection.run(
            lambda: self.connection.make_view(name, table), ignore_progress, "sending numbers"
        )

    def _send_strata(
        self,
        state: DrawState,
        strata: StrataTable,
        wanted: Int64s,
        thresholds: Int64s,
        shifts: Int64s | None = None,
    ) -> None:
        """Make the view ``wanted`` of the strata's keys, numbers, thresholds and shifts."""
        keys = ", ".join(
            f"CAST(s.k{i} AS {_sent_type(column)}) AS k{i}"
            for i, column in enumerate(strata.columns)
        )
        shifts = np.zeros_like(wanted) if shifts is None else shifts
        inputs = {"wanted": {"stratum": wanted, "threshold": thresholds, "shift": shifts}}
        with registered(state.cursor, inputs):
            table = state.cursor.sql(
                f"SELECT {keys}, w.stratum, w.threshold, w.shift FROM {strata.table_name} AS s "
                "JOIN wanted AS w ON w.stratum = s.stratum"
            ).to_arrow_table()
        self._view("wanted", table)


class KeysInSpark(KeyDigests):
    """Keys that Spark checks; the digests of few rows are read by DuckDB, row by row."""

    def __init__(
        self,
        engine: SparkEngine,
        state: DrawState,
        key: RowKey,
        on_progress: ProgressCallback,
        loc: Loc,
    ) -> None:
        super().__init__(state.cursor, state.table, key, state.counts_dir, on_progress, loc)
        require_types(self.columns)
        self._engine = engine

    def _faults(self, on_progress: ProgressCallback) -> KeyFaults:
        if len(self.table.deletion_vector) > MAX_DELETED:
            return super()._faults(on_progress)
        return self._engine.key_faults(self, on_progress)

    def _of_columns(self, ordinals: Int64s) -> Int64s:
        if "_files" in vars(self) or len(ordinals) > MAX_READ:
            return super()._of_columns(ordinals)
        wanted, places = np.unique(ordinals, return_inverse=True)
        digest = f"coalesce({digest_of(key_text(self.columns))}, {NO_KEY}) AS digest"
        statement = rows_at(self.table, digest, RowSet.of("wanted", wanted), ["ordinal"])
        with registered(self._cursor, {"wanted": {"ordinal": wanted}}):
            rows = self._cursor.execute(*statement).fetchnumpy()
        found = np.empty(len(wanted), dtype=np.int64)
        found[np.searchsorted(wanted, rows["ordinal"])] = rows["digest"]
        of_rows: Int64s = found[places]
        return of_rows


def _source(column: Column, file: DataFile) -> str | None:
    """The name of a column in a file; None if the file hasn't got it."""
    return column.name if file.layout is None else file.layout.source_of[column.name]


def _constant(column: Column, file: DataFile) -> str | None:
    """The value of a column in all rows of a file that hasn't got it."""
    if file.layout is None or file.layout.source_of[column.name] is not None:
        return None
    return file.layout.constants.get(column.name)


def _sent_type(column: Column) -> str:
    """The DuckDB type whose Arrow type Spark reads as the key's type."""
    if isinstance(column, BandColumn):
        return "SMALLINT"
    wider = {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT"}
    return wider.get(column.type, "DECIMAL(20,0)" if column.type == "UBIGINT" else column.type)


def _numpy(column: Any) -> Int64s:
    found: Int64s = column.to_numpy().astype(np.int64)
    return found


def _readable(key: str | int) -> str | int:
    """A file's key; Spark encodes the characters of a path."""
    return unquote(key) if isinstance(key, str) else key


def _spark_path(uri: str) -> str:
    """A location as Spark names it: a local path has one slash after its scheme."""
    return uri.replace("file:///", "file:/", 1)


def _require_same(own: Int64s, found: Int64s) -> None:
    different = int((own != found).sum())
    if different:
        raise EnginesDisagree(rows=different)
