"""Attaching tables of 10,000 files, beside listing their files by the library of the format alone.

The files are small Parquet files of a folder of this machine, and all contenders have the same. A
Delta table has them in one checkpoint, an Iceberg table in one manifest. Every contender has a
process of its own; they take turns, and a first run isn't counted. Where others share the machine,
CPU time is the measure.

    python -m benchmarks.attaching [--files 10000] [--rounds 3] [--data DIR] [--only TEXT]
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.contenders import answer, contender_options, run_in_turns
from benchmarks.figures import print_goal
from composition_root import running_service
from contract.words import TableFormat
from parquet_tables.progress import ignore_progress
from service.service import Service
from service.settings import Settings
from service.tables.attached_files import TableToAttach, attach
from storage.accounts.connections import ConnectionFields, add_connection
from storage.accounts.users import User, first_admin

ROWS = 20
"""Rows of a file, and one more in every second one."""
COLUMNS = (
    "range AS id, range % 7 AS region, range * 3 AS amount, range / 3 AS score, "
    "'sale ' || range AS label, TIMESTAMP '2025-01-01' + INTERVAL (range) MINUTE AS at, "
    "range % 2 = 0 AS is_paid, DATE '2025-01-01' AS day"
)
SCHEMA = {
    "id": "long",
    "region": "long",
    "amount": "long",
    "score": "double",
    "label": "string",
    "at": "timestamp_ntz",
    "is_paid": "boolean",
    "day": "date",
}
LISTS = {"delta": "deltalake", "iceberg": "pyiceberg", "parquet": "os.scandir"}
FORMATS: tuple[TableFormat, ...] = ("delta", "iceberg", "parquet")
FOOTERS = "footers by DuckDB"
GOAL = 2.0


def make_files(folder: Path, count: int) -> None:
    """Write the files of the table, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    for at in range(count):
        path = folder / f"part-{at:05}.parquet"
        if not path.exists():
            start = at * (ROWS + 1)
            connection.execute(
                f"COPY (SELECT {COLUMNS} FROM range(?, ?)) TO '{path}.part' (FORMAT parquet)",
                [start, start + rows_of(at)],
            )
            Path(f"{path}.part").rename(path)


def rows_of(at: int) -> int:
    """The rows of a file."""
    return ROWS + at % 2


def make_delta(files: Path, table: Path, count: int) -> None:
    """Write a Delta table of links to the files, unless it is there."""
    if (table / "_delta_log" / "_last_checkpoint").exists():
        return
    from deltalake import DeltaTable

    _link(files, table)
    log = table / "_delta_log"
    log.mkdir()
    fields = [
        {"name": name, "type": type_, "nullable": True, "metadata": {}}
        for name, type_ in SCHEMA.items()
    ]
    actions: list[dict[str, object]] = [
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["timestampNtz"],
                "writerFeatures": ["timestampNtz"],
            }
        },
        {
            "metaData": {
                "id": "00000000-0000-0000-0000-000000000001",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": [],
                "configuration": {},
            }
        },
    ]
    for at in range(count):
        path = table / f"part-{at:05}.parquet"
        actions.append(
            {
                "add": {
                    "path": path.name,
                    "partitionValues": {},
                    "size": path.stat().st_size,
                    "modificationTime": 1_700_000_000_000,
                    "dataChange": True,
                    "stats": json.dumps({"numRecords": rows_of(at)}),
                }
            }
        )
    (log / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    DeltaTable(table).create_checkpoint()


def make_iceberg(files: Path, table: Path, count: int) -> None:
    """Write an Iceberg table of links to the files, unless it is there."""
    if (table / "metadata").exists():
        return
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.name_mapping import create_mapping_from_schema
    from pyiceberg.typedef import Record
    from pyiceberg.types import (
        BooleanType,
        DateType,
        DoubleType,
        IcebergType,
        LongType,
        NestedField,
        StringType,
        TimestampType,
    )

    _link(files, table)
    types: dict[str, IcebergType] = {
        "long": LongType(),
        "double": DoubleType(),
        "string": StringType(),
        "timestamp_ntz": TimestampType(),
        "boolean": BooleanType(),
        "date": DateType(),
    }
    schema = Schema(
        *(
            NestedField(at, name, types[type_], required=False)
            for at, (name, type_) in enumerate(SCHEMA.items(), 1)
        )
    )
    catalog = SqlCatalog("made", uri="sqlite:///:memory:", warehouse=f"file://{table.parent}")
    catalog.create_namespace("db")
    made = catalog.create_table(
        "db.made",
        schema=schema,
        location=f"file://{table}",
        partition_spec=PartitionSpec(),
        properties={
            "schema.name-mapping.default": create_mapping_from_schema(schema).model_dump_json()
        },
    )
    with made.transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        for at in range(count):
            path = table / f"part-{at:05}.parquet"
            append.append_data_file(
                DataFile.from_args(
                    content=DataFileContent.DATA,
                    file_path=f"file://{path}",
                    file_format=FileFormat.PARQUET,
                    partition=Record(),
                    record_count=rows_of(at),
                    file_size_in_bytes=path.stat().st_size,
                )
            )


def _link(files: Path, table: Path) -> None:
    table.mkdir(exist_ok=True)
    for path in files.iterdir():
        os.link(path, table / path.name)


@contextmanager
def attaching(folder: Path) -> Iterator[tuple[Service, User]]:
    """A service with a connection to the folder, and its administrator."""
    prefix = f"file://{folder}/"
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(data_dir=Path(data) / "data", connection_prefixes=prefix)
        with running_service(settings, "benchmark") as service:
            with service.database.write() as tx:
                add_connection(tx, "lake", ConnectionFields(prefix, "", ()), service.clock)
                admin = first_admin(tx)
            assert admin is not None
            yield service, admin


def listed(kind: TableFormat, table: Path) -> Callable[[], object]:
    """The list of a table's files by the library alone."""
    if kind == "delta":
        from deltalake import DeltaTable

        return lambda: DeltaTable(table).get_add_actions(flatten=True)
    if kind == "iceberg":
        from pyiceberg.table import StaticTable

        metadata = max((table / "metadata").glob("*.metadata.json"))
        return lambda: list(StaticTable.from_metadata(f"file://{metadata}").scan().plan_files())
    return lambda: [entry.stat() for entry in os.scandir(table)]


def serve(name: str, folder: Path) -> None:
    """Run a contender for each line of input."""
    what, _, kind = name.rpartition(", ")
    if kind == FOOTERS:
        connection = duckdb.connect(config={"threads": 1})
        pattern = f"{folder}/parquet/*.parquet"
        sql = "SELECT sum(num_rows) FROM parquet_file_metadata(?)"
        answer(lambda: connection.execute(sql, [pattern]).fetchall())
        return
    format_ = next(each for each in FORMATS if each == kind)
    if what == LISTS[kind]:
        answer(listed(format_, folder / kind))
        return
    with attaching(folder) as (service, admin):
        table = TableToAttach("primary", (f"file://{folder}/{kind}/",), "lake", format_)
        answer(lambda: attach(service, service.parquet, admin, [table], ignore_progress))


def main() -> None:
    """Parse the command line and run."""
    parser = contender_options(__doc__, rounds=3)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--only", default="", help="contenders with this text in their names")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], Path(options.serve[1]))
        return
    folder = options.data.resolve() / f"files-{options.files}"
    make_files(folder / "parquet", options.files)
    make_delta(folder / "parquet", folder / "delta", options.files)
    make_iceberg(folder / "parquet", folder / "iceberg", options.files)
    names = [name for kind in FORMATS for name in (f"{LISTS[kind]}, {kind}", f"attach, {kind}")]
    names = [name for name in (*names, f", {FOOTERS}") if options.only in name]
    module = ["-m", "benchmarks.attaching"]
    contenders = run_in_turns(
        {name: [*module, "--serve", name, str(folder)] for name in names}, options.rounds
    )
    print(f"{options.files:,} files of {len(SCHEMA)} columns")
    print(f"{'':30}{'median s':>9}{'CPU s':>9}{'peak MiB':>10}")
    for one in contenders.values():
        print(f"{one.name:30}{one.median:9.3f}{min(one.cpu_seconds):9.3f}{one.peak_mb:10.0f}")
    for kind in ("delta", "iceberg"):
        ours, library = (contenders.get(f"{what}, {kind}") for what in ("attach", LISTS[kind]))
        if ours is not None and library is not None:
            ratio = min(ours.cpu_seconds) / min(library.cpu_seconds)
            print_goal(f"attach, {kind} beside {LISTS[kind]}", ratio, "x its CPU time", most=GOAL)


if __name__ == "__main__":
    main()
