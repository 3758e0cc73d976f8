"""A session on a Spark Connect server for one draw: queries that can be stopped, and errors.

A query runs on a thread of its own under a tag, by which the server stops it. The client library is
imported at the first connection, since it is an optional dependency.
"""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import field
from functools import reduce
from typing import Any, Literal, TypeVar

from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.database import require_time
from parquet_tables.progress import ProgressCallback
from parquet_tables.rows import Statement
from parquet_tables.tables import Column
from sampling_engine.engines.spark_types import SPARK_TYPES, is_read_by_spark

logger = logging.getLogger("jobsvc.spark")

Result = TypeVar("Result")

FileKey = Literal["file_size", "file_path"]
"""What identifies a row's file; a number where it can, since a path is costly in every row."""

PATTERN_MARKS = re.compile(r"[{}\[\]*?\\]")
"""What makes a pattern of a path in Spark, and a backslash makes plain."""
POLL_S = 0.1
STOP_S = 1.5
"""How long a stopped query may take to end; after that its thread is left to itself."""
RETRIES = {"max_retries": 4, "initial_backoff": 200, "max_backoff": 2_000, "backoff_multiplier": 2}
"""How often the client repeats a call to a server that doesn't answer; times in ms."""
NATIVE_SPLIT_STREAMS = (4, 3)
"""The version whose vectorized reader has the encoding in which DuckDB writes DOUBLE."""
ANSI_MODE = "spark.sql.ansi.enabled"
NEEDED_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    ANSI_MODE: "true",
    "spark.sql.caseSensitive": "true",
}
SETTINGS = {
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}


class SparkNotInstalled(DomainError):
    """The client library isn't installed."""

    code = "spark_not_installed"
    template = "The Spark client isn't installed. An administrator can install jobsvc[spark]."
    loc = ("engine",)


class SparkUnavailable(DomainError):
    """The server doesn't answer, or ended the session."""

    code = "spark_unavailable"
    template = "The Spark server doesn't answer. Retry when it runs, or choose the engine duckdb."


class SparkRefused(DomainError):
    """The server refuses the token or the user."""

    code = "spark_refused"
    template = (
        "The Spark server refused the connection. An administrator can check the setting "
        "spark_token."
    )


class SparkFileMissing(DomainError):
    """Workers find no file, or may not read it."""

    code = "spark_file_missing"
    template = (
        "The Spark workers can't read a data file. An administrator can set spark_data_root "
        "and the files' permissions."
    )


class SparkFailed(DomainError):
    """A query failed for another reason, whose condition Spark names."""

    code = "spark_failed"
    template = (
        "Spark could not run a query ({condition}). See the server's log, retry, or choose the "
        "engine duckdb."
    )


@dataclass(frozen=True)
class SparkServer:
    """A Spark Connect server.

    Parameters
    ----------
    remote : str
        Its URL, ``sc://host:port``, with parameters after ``/;`` if it needs any.
    token : str
        A bearer token, or empty.
    checked : set
        The tables whose row numbers were checked on this server.
    """

    remote: str
    token: str = field(default="", repr=False)
    checked: set[int] = field(default_factory=set, compare=False, repr=False)

    @property
    def url(self) -> str:
        if not self.token:
            return self.remote
        separator = ";" if "/;" in self.remote else "/;"
        return f"{self.remote.rstrip(';/')}{separator}token={self.token}"


@dataclass(frozen=True)
class ReadFiles:
    """Files with the same columns: the table's by their new names, with their sources.

    ``sources`` are the names in the files; of None the column is NULL.
    """

    paths: Sequence[str]
    names: Mapping[Column, str]
    sources: Sequence[str | None]


@dataclass
class SparkConnection:
    """One session; its views are its own."""

    session: Any
    scans: int = 0
    _fraction: float = 0.0

    def fetch(self, statement: Statement, on_progress: ProgressCallback, message: str) -> Any:
        """The rows of a statement as an Arrow table.

        An error of ``on_progress`` stops the query and passes through.
        """
        self.scans += 1

        def work() -> Any:
            # One call: ``session.sql(…).toArrow()`` has the server analyze a statement three times.
            plan, client = _plan(statement), self.session.client
            return client.to_table(plan.to_proto(client), {})[0]

        return self.run(work, on_progress, message)

    def make_view(self, name: str, table: Any) -> None:
        """Make the view ``name`` of an Arrow table, which may have no rows."""
        from pyspark.sql.pandas.types import from_arrow_schema

        schema = None if table.num_rows else from_arrow_schema(table.schema)
        self.session.createDataFrame(table, schema).createOrReplaceTempView(name)

    def read_files(self, names: Sequence[str], groups: Sequence[ReadFiles], key: FileKey) -> None:
        """Make views of files: columns by their new names, row number and file key."""
        frame = reduce(
            lambda first, second: first.union(second),
            [self._frame(group, key) for group in groups],
        )
        for name in names:
            frame.createOrReplaceTempView(name)

    def _frame(self, group: ReadFiles, key: FileKey) -> Any:
        from pyspark.sql.connect.functions import builtin as functions
        from pyspark.sql.types import StructType

        schema = StructType()
        for source, column in zip(group.sources, group.names, strict=True):
            if source is not None:
                schema.add(source, _data_type(column.type))
        plain = [PATTERN_MARKS.sub(r"\\\g<0>", path) for path in group.paths]
        frame = self.session.read.schema(schema).parquet(*plain)
        metadata = frame.metadataColumn("_metadata")
        selected = [
            (
                functions.lit(None).cast(_data_type(column.type))
                if source is None
                else functions.col("`" + source.replace("`", "``") + "`")
            ).alias(new)
            for source, (column, new) in zip(group.sources, group.names.items(), strict=True)
        ]
        return frame.select(
            *selected,
            metadata.getField("row_index").alias("r"),
            metadata.getField(key).alias("f"),
        )

    def define_view(self, name: str, statement: Statement, *, ansi: bool = True) -> None:
        """Make the view ``name`` of a query, which keeps its mode: ANSI, or without checks."""
        from pyspark.sql.connect.dataframe import DataFrame

        frame = DataFrame(_plan(statement), self.session)
        if ansi:
            frame.createOrReplaceTempView(name)
            return
        self.session.conf.set(ANSI_MODE, "false")
        try:
            frame.createOrReplaceTempView(name)
        finally:
            self.session.conf.set(ANSI_MODE, NEEDED_SETTINGS[ANSI_MODE])

    def run(
        self, work: Callable[[], Result], on_progress: ProgressCallback, message: str
    ) -> Result:
        """Run calls of the client on a thread of their own, and stop them if the caller must."""
        tag = f"jobsvc-{uuid.uuid4()}"
        outcome: Future[Result] = Future()

        def target() -> None:
            try:
                self.session.addTag(tag)
                outcome.set_result(work())
            except BaseException as error:  # handed to the waiting thread
                outcome.set_exception(error)

        self._fraction = 0.0
        on_progress(0.0, message)
        threading.Thread(target=target, name="spark-query", daemon=True).start()
        while not _ended(outcome, POLL_S):
            try:
                require_time()
                on_progress(self._fraction, message)
            except Exception:
                self._stop(tag, outcome)
                raise
        error = outcome.exception()
        if error is not None:
            raise _as_domain_error(error) from error
        on_progress(1.0, message)
        return outcome.result()

    def _stop(self, tag: str, outcome: Future[Any]) -> None:
        def interrupt() -> None:
            # An interrupt that arrives before the query is lost: repeat it.
            while not outcome.done():
                with suppress(Exception):
                    self.session.interruptTag(tag)
                _ended(outcome, POLL_S)

        stopping = threading.Thread(target=interrupt, name="spark-interrupt", daemon=True)
        stopping.start()
        stopping.join(STOP_S)

    def report(
        self, stages: Sequence[Any] | None, inflight_tasks: int, operation_id: Any, done: bool
    ) -> None:
        """Take the progress that the server reports."""
        tasks = sum(stage.num_tasks for stage in stages or ())
        completed = sum(stage.num_completed_tasks for stage in stages or ())
        if tasks:
            self._fraction = max(self._fraction, completed / tasks)

    def close(self) -> None:
        """Release the session; a server that is away isn't waited for."""
        closing = threading.Thread(target=self.session.stop, name="spark-close", daemon=True)
        closing.start()
        closing.join(STOP_S)


@contextmanager
def connected(server: SparkServer, on_progress: ProgressCallback) -> Iterator[SparkConnection]:
    """Open a session with the settings that a draw needs.

    Raises
    ------
    SparkNotInstalled, SparkUnavailable, SparkRefused
    """
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError:
        raise SparkNotInstalled from None
    session = SparkSession.builder.remote(server.url).create()
    session.client.set_retry_policies([DefaultPolicy(**RETRIES)])
    connection = SparkConnection(session)
    session.registerProgressHandler(connection.report)
    try:
        connection.run(lambda: _configure(session), on_progress, "connecting to Spark")
        yield connection
    finally:
        connection.close()


def _plan(statement: Statement) -> Any:
    from pyspark.sql.connect.functions import builtin as functions
    from pyspark.sql.connect.plan import SQL

    sql, params = statement
    return SQL(sql, [functions.lit(value) for value in params])


def _configure(session: Any) -> None:
    for name, value in NEEDED_SETTINGS.items():
        session.conf.set(name, value)
    settings = dict(SETTINGS)
    if _version(session.version) < NATIVE_SPLIT_STREAMS:
        settings["spark.sql.parquet.enableVectorizedReader"] = "false"
    for name, value in settings.items():
        try:
            session.conf.set(name, value)
        except Exception as error:
            if isinstance(_as_domain_error(error), SparkUnavailable | SparkRefused):
                raise
            logger.info("the Spark server doesn't take the setting %s", name)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def _data_type(type_: str) -> Any:
    from pyspark.sql import types

    if not is_read_by_spark(type_):
        raise TypeError(type_)
    name = SPARK_TYPES.get(type_, type_)
    simple = {
        "BOOLEAN": types.BooleanType,
        "TINYINT": types.ByteType,
        "SMALLINT": types.ShortType,
        "INT": types.IntegerType,
        "BIGINT": types.LongType,
        "FLOAT": types.FloatType,
        "DOUBLE": types.DoubleType,
        "STRING": types.StringType,
        "BINARY": types.BinaryType,
        "DATE": types.DateType,
        "TIMESTAMP_NTZ": types.TimestampNTZType,
        "TIMESTAMP": types.TimestampType,
    }
    if name in simple:
        return simple[name]()
    digits, places = name.removeprefix("DECIMAL(").removesuffix(")").split(",")
    return types.DecimalType(int(digits), int(places))


def _ended(outcome: Future[Any], within_s: float) -> bool:
    with suppress(Exception):
        outcome.exception(timeout=within_s)
    return outcome.done()


def _as_domain_error(error: BaseException) -> DomainError:
    """What a person can do about an error of the client."""
    if isinstance(error, DomainError):
        return error
    text = f"{type(error).__name__} {error}"
    condition = _condition(error)
    logger.warning("Spark failed: %s", text[:4000])
    if any(word in text for word in ("UNAUTHENTICATED", "PERMISSION_DENIED", "Unauthenticated")):
        return SparkRefused()
    if condition.startswith(("INVALID_HANDLE", "RETRIES_EXCEEDED")) or any(
        word in text for word in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "Connection reset")
    ):
        return SparkUnavailable()
    if any(word in text for word in UNREADABLE):
        return SparkFileMissing()
    return SparkFailed(condition=condition or type(error).__name__)


UNREADABLE = ("FILE_NOT_EXIST", "PATH_NOT_FOUND", "FileNotFound", "AccessDenied", "Permission")


def _condition(error: BaseException) -> str:
    for name in ("getCondition", "getErrorClass"):
        with suppress(Exception):
            if (found := getattr(error, name)()) is not None:
                return str(found)
    return ""
