"""The passes of a draw on a Spark cluster; DuckDB checks what Spark found.

Rows that are taken are left out here, and rows named by ordinals are read by DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from domain_errors import DomainError
from parquet_tables.columns import decimals_of
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.rows import RowSet
from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine import statements
from sampling_engine.amounts import FLOAT_PLACES
from sampling_engine.engines import spark_sql
from sampling_engine.engines.duckdb_engine import ADDING_UP, DUCKDB
from sampling_engine.engines.engine import EngineName, Row
from sampling_engine.engines.spark_connection import (
    FileKey,
    SparkConnection,
    SparkServer,
    connected,
)
from sampling_engine.engines.spark_sql import HALF_BITS, SparkTable
from sampling_engine.engines.spark_types import is_read_by_spark, require_types
from sampling_engine.results import Strategy
from sampling_engine.selection.bands import BandColumn
from sampling_engine.selection.order import Int64s, SeededOrder
from sampling_engine.selection.strata import too_many_strata
from sampling_engine.selection.walk_and_scan import in_sorted
from sampling_engine.spec import RowFilter
from sampling_engine.statements import FLOATS, MoneyUnits, Statement, Units

if TYPE_CHECKING:
    from sampling_engine.rounds import DrawState
    from sampling_engine.selection.strata import Strata

BLOCK_BITS = 18
"""At most 2^18 blocks of rows are counted to find the rows at some places."""

Locate = Callable[[DataFile], str]
"""The URI by which the workers read a file, without encoding."""


class OrdinalsUnsure(DomainError):
    """Spark doesn't number the rows of a file as the manifest does."""

    code = "ordinals_unsure"

    def __init__(self, rows: int) -> None:
        super().__init__(
            "Spark numbers the rows of a data file with {rows} {rows|row|rows} otherwise than the "
            "table does, so nothing was drawn. Choose the engine duckdb.",
            rows=rows,
        )


class EnginesDisagree(DomainError):
    """DuckDB reads other values in a row that Spark found."""

    code = "engines_disagree"

    def __init__(self, rows: int) -> None:
        super().__init__(
            "Spark and DuckDB read {rows} {rows|row|rows} of the table differently, so nothing was "
            "drawn. Choose the engine duckdb, and report this.",
            rows=rows,
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
        paths = [self._locate(file) for file, _ in self._files]
        self.connection.read_files("t", paths, self.table.names, self._key)

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
        for file, start in self._files:
            uri = _spark_path(self._locate(file))
            row = by_key.get(file.size_bytes if self._key == "file_size" else uri)
            n = file.rows
            expected = (n, 0, n - 1, str(n * (n - 1) // 2))
            if row is None or (row["n"], row["low"], row["high"], row["total"]) != expected:
                raise OrdinalsUnsure(n)
            starts[row["f"]] = start
        if len(found) != len(self._files):
            raise OrdinalsUnsure(sum(row["n"] for row in found))
        self._checked.add(key)
        if not self.table.is_one_file:
            self._numbers("files", f=list(starts), start=list(starts.values()))

    def count_strata(
        self,
        state: DrawState,
        columns: Sequence[Column],
        row_filter: RowFilter | None,
        strata: str,
        on_progress: ProgressCallback,
    ) -> None:
        self._require(columns, row_filter)
        if not columns:
            statement = spark_sql.count_rows(self.table, row_filter)
            found = self.connection.fetch(statement, on_progress, "counting rows")
            sql = "SELECT CAST(0 AS BIGINT) AS stratum, f.rows FROM found AS f"
        else:
            statement = spark_sql.count_strata(
                self.table, columns, row_filter, state.max_strata + 1
            )
            found = self.connection.fetch(statement, on_progress, "counting strata")
            if found.num_rows > state.max_strata:
                statement = spark_sql.count_of_strata(self.table, columns, row_filter)
                (row,) = self.connection.fetch(
                    statement, on_progress, "counting strata"
                ).to_pylist()
                raise too_many_strata(columns, row["n"], state.max_strata)
            order = ", ".join(f"q.k{i} NULLS LAST" for i in range(len(columns)))
            names = ", ".join(f"q.k{i}" for i in range(len(columns)))
            sql = (
                f"SELECT row_number() OVER (ORDER BY {order}) - 1 AS stratum, {names}, q.rows "
                f"FROM (SELECT {_keys(columns)}, f.rows FROM found AS f) AS q"
            )
        with registered(state.cursor, {"found": found}):
            state.cursor.execute(f"CREATE TEMP TABLE {strata} AS {sql}")

    def ranked_below(
        self,
        state: DrawState,
        order: SeededOrder,
        strata: Strata,
        wanted: Int64s,
        thresholds: Int64s,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s, Int64s]:
        columns = strata.columns
        self._require(columns, strata.row_filter)
        if columns:
            self._wanted(state, strata, wanted, thresholds)
        statement = spark_sql.ranked_below(
            self.table, columns, order, strata.row_filter, int(thresholds.max(initial=0))
        )
        found = self._arrays(
            state, statement, progress_part(on_progress, 0.0, 0.9), "scanning for the lowest ranks"
        )
        ordinals, numbers, ranks = found
        step = progress_part(on_progress, 0.9, 1.0)
        _require_same(strata.of(ordinals, step), numbers)
        return ordinals, numbers, ranks

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        self._require((), row_filter)
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
        (eligible,) = self._arrays(
            state, statement, progress_part(on_progress, 0.5, 1.0), "counting the grid's places"
        )
        eligible = np.sort(eligible)
        counts = rows[hit]
        before = stops[hit] - counts
        first_in = np.cumsum(counts) - counts
        if len(eligible) != int(counts.sum()):
            raise EnginesDisagree(abs(len(eligible) - int(counts.sum())))
        at = np.searchsorted(hit, of_place)
        ordinals: Int64s = eligible[places - before[at] + first_in[at]]
        _require_same(strata.of(ordinals, ignore_progress), np.zeros_like(ordinals))
        return ordinals

    def exact_totals(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        if rows is not None:
            return DUCKDB.exact_totals(state, column, row_filter, rows, on_progress)
        self._require([column], row_filter)
        return self._row(spark_sql.exact_totals(self.table, column, row_filter), on_progress)

    def range_of(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        on_progress: ProgressCallback,
    ) -> Row:
        self._require([column], row_filter)
        row = self._row(spark_sql.range_of(self.table, column, row_filter), on_progress)
        if decimals_of(column.type) is None:
            return row
        rows, finite, low, high = row
        typed = f"CAST(CAST(? AS {column.type}) AS DOUBLE)"
        ((low, high),) = state.cursor.execute(f"SELECT {typed}, {typed}", [low, high]).fetchall()
        return rows, finite, low, high

    def refused_numbers(
        self,
        state: DrawState,
        column: Column,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        if rows is not None:
            return DUCKDB.refused_numbers(state, column, row_filter, rows, on_progress)
        self._require([column], row_filter)
        return self._row(spark_sql.refused_numbers(self.table, column, row_filter), on_progress)

    def unit_totals(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> Row:
        if rows is not None:
            return DUCKDB.unit_totals(state, units, row_filter, rows, on_progress)
        self._require([units.column], row_filter)
        return self._row(spark_sql.unit_totals(self.table, units, row_filter), on_progress)

    def rows_of_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        least: int,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s]:
        self._require([units.column], row_filter)
        statement = spark_sql.rows_of_units(self.table, units, row_filter, least)
        ordinals, found = self._arrays(state, statement, on_progress, "looking for take-all rows")
        self.check_units(state, units, row_filter, ordinals, found)
        return ordinals, found

    def unit_groups(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        below: int,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        if rows is not None:
            return DUCKDB.unit_groups(state, units, row_filter, rows, below, on_progress)
        self._require([units.column], row_filter)
        statement = spark_sql.unit_groups(self.table, units, row_filter, below)
        found = self.connection.fetch(statement, on_progress, "grouping rows by size")
        group = f"floor(log2(f.near) * {statements.SIZE_GROUPS_PER_OCTAVE})"
        with registered(state.cursor, {"found": found}):
            groups: list[Row] = state.cursor.execute(
                f"SELECT CAST(coalesce({group}, f.size_group) AS INTEGER) AS g, "
                "CAST(sum(f.n) AS BIGINT), CAST(sum(f.total) AS HUGEINT) FROM found AS f GROUP BY g"
            ).fetchall()
        return groups

    def scan_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        order: SeededOrder,
        target_per_unit: float,
        below: int,
        largest_key: float,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s, Int64s]:
        self._require([units.column], row_filter)
        statement = spark_sql.scan_units(
            self.table, units, row_filter, order, target_per_unit, below, largest_key
        )
        ordinals, found, ranks = self._arrays(
            state, statement, on_progress, "scanning for the smallest keys"
        )
        self.check_units(state, units, row_filter, ordinals, found)
        return ordinals, found, ranks

    def money_by_block(
        self,
        state: DrawState,
        units: MoneyUnits,
        row_filter: RowFilter | None,
        rows: RowSet | None,
        shift: int,
        on_progress: ProgressCallback,
    ) -> list[Any]:
        if rows is not None:
            return DUCKDB.money_by_block(state, units, row_filter, rows, shift, on_progress)
        self._require([units.column], row_filter)
        statement = spark_sql.money_by_block(self.table, units, row_filter, shift)
        found = self.connection.fetch(statement, on_progress, "adding amounts up")
        return [
            np.ma.MaskedArray(np.zeros(len(column)), mask=True)
            if column.null_count
            else _numpy(column)
            for column in found.columns
        ]

    def money_of_blocks(
        self,
        state: DrawState,
        units: MoneyUnits,
        row_filter: RowFilter | None,
        shift: int,
        blocks: Int64s,
        below: int,
        on_progress: ProgressCallback,
    ) -> tuple[Int64s, Int64s]:
        self._require([units.column], row_filter)
        self._numbers("hit", block=blocks)
        statement = spark_sql.money_of_blocks(self.table, units, row_filter, shift, below)
        ordinals, found = self._arrays(state, statement, on_progress, "reading the selected blocks")
        return ordinals, found

    def sums_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        units: Units,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        if rows is not None:
            return DUCKDB.sums_by_stratum(state, strata, units, rows, on_progress)
        self._require([*strata.columns, units.column], strata.row_filter)
        statement = spark_sql.sums_by_stratum(self.table, strata.columns, units, strata.row_filter)
        figures = "t.n, CAST(t.s AS HUGEINT), CAST(t.q AS HUGEINT)"
        return self._by_stratum(state, strata, statement, "n, s, q", figures, on_progress)

    def amounts_by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        column: Column,
        rows: RowSet | None,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        if rows is not None:
            return DUCKDB.amounts_by_stratum(state, strata, column, rows, on_progress)
        self._require([*strata.columns, column], strata.row_filter)
        statement = spark_sql.amounts_by_stratum(
            self.table, strata.columns, column, strata.row_filter
        )
        if column.type not in FLOATS:
            names = "net, negative"
            return self._by_stratum(state, strata, statement, names, f"t.{names}", on_progress)
        names = "high, low, negative_high, negative_low"
        found = self._by_stratum(state, strata, statement, names, names, on_progress)
        return [(row[0], _millionths(*row[1:3]), _millionths(*row[3:5])) for row in found]

    def check_units(
        self,
        state: DrawState,
        units: Units,
        row_filter: RowFilter | None,
        ordinals: Int64s,
        found: Int64s,
    ) -> None:
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        wanted = RowSet.of("picked", ordinals)
        statement = statements.units_of_picked(state.table, units, wanted, row_filter)
        with registered(state.cursor, {"picked": picked}):
            rows = state.cursor.execute(*statement).fetchnumpy()
        own = np.zeros(len(ordinals), dtype=np.int64)
        own[rows["position"]] = rows["v"]
        _require_same(own, found)

    def _by_stratum(
        self,
        state: DrawState,
        strata: Strata,
        statement: Statement,
        names: str,
        figures: str,
        on_progress: ProgressCallback,
    ) -> list[Row]:
        found = self.connection.fetch(statement, on_progress, ADDING_UP)
        with registered(state.cursor, {"found": found}):
            if not strata.columns:
                sql = f"SELECT 0 AS stratum, {figures} FROM found AS t"
            else:
                sql = (
                    f"SELECT s.stratum, {figures} FROM (SELECT {_keys(strata.columns)}, {names} "
                    f"FROM found AS f) AS t JOIN {strata.table_name} AS s "
                    f"ON {statements.same_keys(strata.columns)} ORDER BY s.stratum"
                )
            rows: list[Row] = state.cursor.execute(sql).fetchall()
        return rows

    def _row(self, statement: Statement, on_progress: ProgressCallback) -> Row:
        (row,) = self.connection.fetch(statement, on_progress, ADDING_UP).to_pylist()
        return tuple(row.values())

    def _arrays(
        self, state: DrawState, statement: Statement, on_progress: ProgressCallback, message: str
    ) -> list[Int64s]:
        """The columns of integers, of rows that aren't taken; the first has their ordinals."""
        found = self.connection.fetch(statement, on_progress, message)
        ordinals, *others = (_numpy(column) for column in found.columns)
        fresh = ~in_sorted(ordinals, state.taken)
        return [array[fresh] for array in (ordinals, *others)]

    def _numbers(self, name: str, **columns: Any) -> None:
        """Make a view of arrays or lists."""
        import pyarrow

        self._view(name, pyarrow.table(columns))

    def _view(self, name: str, table: Any) -> None:
        self.connection.run(
            lambda: self.connection.make_view(name, table), ignore_progress, "sending numbers"
        )

    def _wanted(self, state: DrawState, strata: Strata, wanted: Int64s, thresholds: Int64s) -> None:
        """Make the view ``wanted`` of the strata's keys, numbers and thresholds."""
        keys = ", ".join(
            f"CAST(s.k{i} AS {_sent_type(column)}) AS k{i}"
            for i, column in enumerate(strata.columns)
        )
        with registered(state.cursor, {"wanted": {"stratum": wanted, "threshold": thresholds}}):
            table = state.cursor.sql(
                f"SELECT {keys}, w.stratum, w.threshold FROM {strata.table_name} AS s "
                "JOIN wanted AS w ON w.stratum = s.stratum"
            ).to_arrow_table()
        self._view("wanted", table)

    def _require(self, columns: Sequence[Column], row_filter: RowFilter | None) -> None:
        require_types([*columns, *(row_filter.columns if row_filter else ())])


def _keys(columns: Sequence[Column]) -> str:
    """The keys of the Arrow table ``f`` in DuckDB's types."""
    return ", ".join(
        f"CAST(f.k{i} AS {'SMALLINT' if isinstance(column, BandColumn) else column.type}) AS k{i}"
        for i, column in enumerate(columns)
    )


def _sent_type(column: Column) -> str:
    """The DuckDB type whose Arrow type Spark reads as the key's type."""
    if isinstance(column, BandColumn):
        return "SMALLINT"
    wider = {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT"}
    return wider.get(column.type, "DECIMAL(20,0)" if column.type == "UBIGINT" else column.type)


def _numpy(column: Any) -> Int64s:
    found: Int64s = column.to_numpy().astype(np.int64)
    return found


def _millionths(high: int | None, low: int | None) -> Decimal:
    """A sum of halves as the decimal number."""
    units = int(high or 0) * (1 << HALF_BITS) + int(low or 0)
    return Decimal((units < 0, tuple(map(int, str(abs(units)))), -FLOAT_PLACES))


def _readable(key: str | int) -> str | int:
    """A file's key; Spark encodes the characters of a path."""
    return unquote(key) if isinstance(key, str) else key


def _spark_path(uri: str) -> str:
    """A location as Spark names it: a local path has one slash after its scheme."""
    return uri.replace("file:///", "file:/", 1)


def _require_same(own: Int64s, found: Int64s) -> None:
    different = int((own != found).sum())
    if different:
        raise EnginesDisagree(different)
