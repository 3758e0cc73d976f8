"""Which engine reads a draw's rows: DuckDB here, or a Spark cluster; and why.

The rows are the same. A request may name the engine; otherwise Spark runs where a server is
configured and the draw reads much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from contract.declarations import Help
from contract.words import EngineName
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import Column, DataFile, TableFiles
from sampling_engine import Round
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import Engine
from sampling_engine.engines.spark_engine import spark_engine
from sampling_engine.engines.spark_types import NotInSpark, require_number, require_types
from service.service import Service
from service.tables.attached_files import open_attached
from service.tables.open_tables import OpenTable, open_commit
from storage.versions.data_files import AttachedFile
from storage.versions.manifests import StoredTable

MIB = 1 << 20
MAX_FOOTERS = 100
"""Footers that a choice reads: each may be far away."""

Reason = Literal[
    "requested", "no_server", "reads_no_rows", "unsupported_type", "few_bytes", "many_bytes"
]


class NoSparkServer(DomainError):
    """The request names Spark, but the server has none."""

    code = "spark_not_configured"
    template = (
        "No Spark server is configured. Leave `engine` out, or ask an administrator to set "
        "spark_remote."
    )
    loc = ("engine",)


@dataclass(frozen=True)
class EngineChoice:
    """The engine that reads a draw's rows."""

    name: EngineName
    reason: Reason
    files: Annotated[int, Help("Data files of the table.")]
    read_bytes: Annotated[
        int | None,
        Help("Compressed bytes of the columns that one scan reads; null without a Spark server."),
    ]
    scans: Annotated[int, Help("Passes over all rows; a draw may need a few more.")]


def choose_engine(
    service: Service,
    database: ParquetDatabase,
    table: TableFiles,
    rounds: Sequence[Round],
    requested: str | None,
    amount_column: str | None = None,
) -> EngineChoice:
    """Choose the engine of a draw.

    Raises
    ------
    NoSparkServer, NotInSpark
        The request names Spark, which can't run it.
    """
    files = sum(1 for _ in table.with_starts())
    scans = sum(each.method.scans(is_filtered=each.filter is not None) for each in rounds)
    scans += 2 * sum(1 for each in rounds if _orders_rows(each))  # the check, and the ranks
    scans += 0 if amount_column is None else 1 + len(rounds)
    if service.spark is None:
        if requested == "spark":
            raise NoSparkServer
        reason: Reason = "requested" if requested == "duckdb" else "no_server"
        return EngineChoice("duckdb", reason, files, None, scans)
    columns = read_columns(table, rounds, amount_column)
    read_bytes = _bytes_of(database, table, columns) if scans else 0
    refusal = _refusal(table, rounds, columns)
    if requested == "spark":
        if refusal is not None:
            raise refusal
        return EngineChoice("spark", "requested", files, read_bytes, scans)
    if requested == "duckdb":
        reason = "requested"
    elif not scans:
        reason = "reads_no_rows"
    elif refusal is not None:
        reason = "unsupported_type"
    elif read_bytes < service.settings.spark_from_mb * MIB:
        reason = "few_bytes"
    else:
        return EngineChoice("spark", "many_bytes", files, read_bytes, scans)
    return EngineChoice("duckdb", reason, files, read_bytes, scans)


def read_columns(
    table: TableFiles, rounds: Sequence[Round], amount_column: str | None
) -> tuple[Column, ...]:
    """The columns that the passes of a draw read."""
    names: list[str] = [] if amount_column is None else [amount_column]
    for each in rounds:
        names += [column.name for column in each.method.group_columns(table)]
        names += [column.name for column in each.filter.columns] if each.filter else []
        names += each.method.number_columns
        names += each.order.key.columns if each.order is not None and _orders_rows(each) else ()
    return tuple(dict.fromkeys(table.column(name) for name in names))


def _orders_rows(round_spec: Round) -> bool:
    """Whether a round ranks all rows by their keys."""
    order = round_spec.order
    return order is not None and round_spec.method.orders_rows(order.key)


def _refusal(
    table: TableFiles, rounds: Sequence[Round], columns: Sequence[Column]
) -> NotInSpark | None:
    try:
        require_types(columns)
        for each in rounds:
            for name in each.method.number_columns:
                if not each.method.selects_money:  # amounts in minor units may be of any decimals
                    require_number(table.column(name))
    except NotInSpark as refusal:
        return refusal
    return None


def _bytes_of(database: ParquetDatabase, table: TableFiles, columns: Sequence[Column]) -> int:
    """From the footers of up to MAX_FOOTERS files, by which others are estimated."""
    files = [file for file, _ in table.with_starts()]
    read = files[:: -(-len(files) // MAX_FOOTERS) or 1]
    paths = [str(file.path) for file in read]
    names = [column.name for column in columns]
    with database.cursor(table) as cursor:
        ((found,),) = cursor.execute(
            "SELECT coalesce(sum(total_compressed_size), 0)::BIGINT FROM parquet_metadata(?) "
            "WHERE path_in_schema IN (SELECT unnest(?::VARCHAR[]))",
            [paths, names],
        ).fetchall()
    return int(found) * table.file_rows // max(sum(file.rows for file in read), 1)


@contextmanager
def opened_engine(
    service: Service,
    dataset_id: int,
    source: OpenTable,
    choice: EngineChoice,
    on_progress: ProgressCallback = ignore_progress,
) -> Iterator[Engine]:
    """Open the chosen engine for a draw from ``source``; Spark's errors are domain errors.

    Raises
    ------
    SourceChanged
        An attached file has changed when the block ends.
    """
    if choice.name == "duckdb" or not source.files.file_rows:
        yield DUCKDB
        return
    if service.spark is None:
        raise NoSparkServer
    stored = _stored_table(service, dataset_id, source)
    uris = {str(file.path): _spark_uri(file) for file in stored.attached_files}
    root = service.settings.spark_data_root
    data_dir = service.directory.root

    def locate(file: DataFile) -> str:
        if not isinstance(file.path, Path):
            return uris[str(file.path)]
        return spark_uri(file.path, data_dir, root)

    with spark_engine(service.spark, source.files, locate, on_progress) as engine:
        yield engine
    open_attached(service, stored)  # Spark reads a file by its URI, whatever its version


def spark_uri(path: Path, data_dir: Path, root: str) -> str:
    """A file of the data directory as the workers read it: Spark takes paths without encoding.

    >>> spark_uri(Path("/data/files/0a/x.parquet"), Path("/data"), "s3://bucket/data/")
    's3://bucket/data/files/0a/x.parquet'
    >>> spark_uri(Path("/data/files/0a/x.parquet"), Path("/data"), "")
    'file:///data/files/0a/x.parquet'
    """
    if not root:
        return f"file://{path}"
    base = root if "://" in root else f"file://{root}"
    return f"{base.rstrip('/')}/{path.relative_to(data_dir).as_posix()}"


def _stored_table(service: Service, dataset_id: int, source: OpenTable) -> StoredTable:
    with service.database.read() as tx:
        commit = open_commit(tx, dataset_id, source.commit_id)
    return commit.manifest.table(source.key)


def _spark_uri(file: AttachedFile) -> str:
    """The URI of an attached file as Spark takes it: a path isn't encoded."""
    return unquote(file.uri) if file.uri.startswith("file:") else file.uri
