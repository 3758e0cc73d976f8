"""The instance is locked down, and a query's progress is real."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from parquet_tables.columns import Column, DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import execute_watched, progress_part
from parquet_tables.quoting import quote_identifier, quote_path, quote_text
from parquet_tables.tables import TableFiles
from parquet_tables.transient_errors import BROKEN, DISK_FULL, free_bytes, machine_fault
from parquet_tables.writing import write_parquet

SLOW = "SELECT count(*) FROM range(60000000) a WHERE hash(range) % 7 = 3"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/jobsvc-outside.csv'",
        "SELECT * FROM glob('/etc/*')",
        "ATTACH '/tmp/jobsvc-outside.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
    ],
)
def test_nothing_outside_the_root_and_no_setting_is_reached(
    parquet: ParquetDatabase, statement: str
) -> None:
    with parquet.cursor() as cursor, pytest.raises(duckdb.Error):
        cursor.execute(statement)


def test_a_path_that_climbs_out_of_the_root_is_refused(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    outside = tmp_path.parent / "outside.csv"
    outside.write_text("a\n1\n")
    with parquet.cursor() as cursor, pytest.raises(duckdb.PermissionException):
        cursor.execute("SELECT * FROM read_csv(?)", [f"{tmp_path}/../outside.csv"])


def test_progress_grows_and_ends_with_one(parquet: ParquetDatabase) -> None:
    reports: list[tuple[float, str]] = []
    with parquet.cursor() as cursor:
        execute_watched(cursor, SLOW, [], lambda *step: reports.append(step), "counting")
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert {message for _, message in reports} == {"counting"}


def test_a_report_that_raises_stops_the_query(parquet: ParquetDatabase) -> None:
    class Stop(Exception):
        pass

    calls = 0

    def on_progress(fraction: float, message: str) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Stop

    endless = "SELECT count(*) FROM range(100000000000) a WHERE hash(range) = 1"
    with parquet.cursor() as cursor:
        with pytest.raises(Stop):
            execute_watched(cursor, endless, [], on_progress, "counting")
        assert cursor.execute("SELECT 42").fetchall() == [(42,)]


def test_a_share_of_a_report_stays_inside_its_part() -> None:
    reports: list[float] = []
    share = progress_part(lambda fraction, _: reports.append(fraction), 0.5, 0.75)
    share(0.0, "")
    share(1.0, "")
    assert reports == [0.5, 0.75]


@pytest.mark.parametrize("name", ["a", 'x"y', "a b", "order", "名前", "a;--", "'", "\\"])
def test_any_name_survives_quoting(parquet: ParquetDatabase, name: str) -> None:
    with parquet.cursor() as cursor:
        cursor.execute(f"SELECT {quote_text(name)} AS {quote_identifier(name)}")
        assert cursor.description is not None
        assert cursor.description[0][0] == name
        assert cursor.fetchall() == [(name,)]
    assert quote_path(Path("/a'b")) == "'/a''b'"


def test_memory_use_reports_memory_and_spill(tmp_path: Path) -> None:
    with ParquetDatabase(tmp_path, tmp_path / "spill", memory_mb=32) as small:
        empty = small.memory_use()
        assert (empty.memory_bytes, empty.spilled_bytes) == (0, 0)
        with small.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE t AS SELECT random() AS x FROM range(200000)")
            bytes_held = small.memory_use()
            assert (bytes_held.memory_bytes > 1_000_000, bytes_held.spilled_bytes) == (True, 0)
            cursor.execute("CREATE TEMP TABLE u AS SELECT random() AS x FROM range(6000000)")
            full = small.memory_use()
            assert full.memory_bytes <= 32 * 1024**2
            assert full.spilled_bytes > 1_000_000


def test_no_more_is_spilled_than_leaves_the_disk_room(tmp_path: Path) -> None:
    disk = [free_bytes(tmp_path)]
    keep_free_mb = disk[0] // 1024**2 * 2
    spilling = "CREATE TEMP TABLE t AS SELECT random() AS x FROM range(10_000_000)"  # 80 MB
    spill = tmp_path / "spill"
    with ParquetDatabase(
        tmp_path, spill, memory_mb=32, keep_free_mb=keep_free_mb, free_bytes=lambda _: disk[0]
    ) as crowded:
        for _ in range(2):
            with crowded.cursor() as cursor, pytest.raises(duckdb.OutOfMemoryException) as caught:
                cursor.execute(spilling)
            assert machine_fault(caught.value) is DISK_FULL
        # Free disk space appears.
        crowded_bytes, disk[0] = disk[0], disk[0] * 3
        with crowded.cursor() as cursor:
            cursor.execute(spilling)
            assert crowded.memory_use().spilled_bytes > 16 * 1024**2
        disk[0] = crowded_bytes
        with crowded.cursor() as cursor, pytest.raises(duckdb.OutOfMemoryException):
            cursor.execute(spilling)


def test_footers_of_small_files_are_not_cached(parquet: ParquetDatabase, tmp_path: Path) -> None:
    columns = tuple(Column(f"c{number}", "BIGINT") for number in range(8))
    values = ", ".join(f"range AS {column.name}" for column in columns)
    bytes_held = []
    for large in (False, True):
        for number in range(20):
            path = tmp_path / f"{large}-{number}.parquet"
            with parquet.cursor() as cursor:
                write_parquet(cursor, f"SELECT {values} FROM range(100)", [], path)
            # The row count of the table decides whether its footers are cached.
            table = TableFiles(columns, (DataFile(path, 10_000_000 if large else 100),))
            with parquet.cursor(table) as cursor:
                cursor.execute("SELECT sum(c1) FROM read_parquet(?)", [str(path)]).fetchall()
        bytes_held.append(parquet.memory_use().memory_bytes)
    small, also_large = bytes_held
    assert small < 20 * 1024  # a footer is 9 kB and more
    assert also_large > small + 100 * 1024


OpenDatabase = Callable[..., ParquetDatabase]
JOIN = "SELECT count(*) FROM range(50) AS a(x) JOIN range(50) AS b(y) ON x = y"
RETAINED_SQL = "SELECT sum(total_insertions) FROM duckdb_eviction_queues()"


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[OpenDatabase]:
    """Opens databases with a given ``max_cursors``."""
    with ExitStack() as stack:
        yield lambda max_cursors, **limits: stack.enter_context(
            ParquetDatabase(tmp_path, tmp_path / "spill", max_cursors=max_cursors, **limits)
        )


def join(database: ParquetDatabase, times: int) -> None:
    for _ in range(times):
        with database.cursor() as cursor:
            assert cursor.execute(JOIN).fetchall() == [(50,)]


def retained_buffers(database: ParquetDatabase) -> int:
    """The number of buffers of past queries that the instance retains."""
    with database.cursor() as cursor:
        (row,) = cursor.execute(RETAINED_SQL).fetchall()
    return int(row[0])


def failing_calls(*numbers: int) -> Callable[[Path], int]:
    """Returns the free disk space, but for these calls: the first one opens the instance."""
    calls = itertools.count(1)

    def free(path: Path) -> int:
        if next(calls) in numbers:
            raise OSError(errno.EIO, "the disk is gone")
        return free_bytes(path)

    return free


def test_a_cursor_that_cannot_be_had_holds_up_no_renewal(open_database: OpenDatabase) -> None:
    database = open_database(1, free_bytes=failing_calls(2))
    with pytest.raises(OSError, match="gone"), database.cursor():
        pass
    join(database, 5)
    assert retained_buffers(database) == 0


def test_memory_after_many_queries_is_bounded(open_database: OpenDatabase) -> None:
    never_renewed, often_renewed = open_database(1_000_000), open_database(20)
    for database in (never_renewed, often_renewed):
        join(database, 110)
    assert retained_buffers(never_renewed) > 1_000
    assert retained_buffers(often_renewed) < retained_buffers(never_renewed) / 5


def test_an_instance_is_not_renewed_while_a_query_of_it_is_open(
    open_database: OpenDatabase,
) -> None:
    database = open_database(5)
    with database.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t AS SELECT range AS x FROM range(1000)")
        join(database, 20)
        assert cursor.execute("SELECT sum(x) FROM t").fetchall() == [(499_500,)]
        assert retained_buffers(database) > 20
    assert retained_buffers(database) == 0


def test_a_renewed_instance_is_locked_down_like_the_first(open_database: OpenDatabase) -> None:
    database = open_database(1)
    join(database, 1)
    with database.cursor() as cursor:
        for statement in ("SELECT * FROM glob('/etc/*')", "SET threads = 1"):
            with pytest.raises(duckdb.Error):
                cursor.execute(statement)
        assert cursor.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_an_instance_that_cannot_be_renewed_goes_on(
    open_database: OpenDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    # Each cursor reads the free disk space, and so does a renewal after every second one.
    database = open_database(2, free_bytes=failing_calls(4, 7))
    join(database, 5)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_closed_database_is_not_opened_again(open_database: OpenDatabase) -> None:
    database = open_database(1)
    with database.cursor():
        database.close()
    with pytest.raises(duckdb.ConnectionException), database.cursor():
        pass


def test_renewals_under_many_threads_disturb_no_query(open_database: OpenDatabase) -> None:
    database = open_database(3)

    def ask(number: int) -> int:
        with database.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE mine AS SELECT ? AS x FROM range(100)", [number])
            ((total,),) = cursor.execute("SELECT sum(x) FROM mine").fetchall()
        return int(total)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, range(300))) == [100 * number for number in range(300)]
    assert retained_buffers(database) < 300


def poison(directory: Path) -> Path:
    """A file whose reading breaks DuckDB 2.0.1."""
    path = directory / "poison.parquet"
    with duckdb.connect() as connection:
        value = "NULL::INT" + "[]" * 150
        connection.execute(f"COPY (SELECT {value} AS a) TO '{path}' (FORMAT parquet)")
    return path


def test_a_query_that_breaks_duckdb_harms_those_under_way_alone(
    open_database: OpenDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, path = open_database(1_000), poison(tmp_path)
    with database.cursor() as under_way:
        with database.cursor() as cursor, pytest.raises(duckdb.InternalException) as own:
            cursor.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        assert machine_fault(own.value) is None
        with pytest.raises(duckdb.FatalException) as passing:
            under_way.execute(JOIN)
        assert machine_fault(passing.value) is BROKEN
        join(database, 1)
    join(database, 20)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with database.cursor() as cursor, pytest.raises(duckdb.PermissionException):
        cursor.execute("SELECT * FROM glob('/etc/*')")


def test_a_broken_instance_is_replaced_only_once(
    open_database: OpenDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, path = open_database(1_000), poison(tmp_path)
    for _ in range(5):
        with database.cursor() as cursor, pytest.raises(duckdb.InternalException):
            cursor.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda _: join(database, 1), range(30)))
    assert len(caplog.records) == 5
