"""The statements of the Spark engine on Spark 3.5, the oldest that numbers rows.

The package pyspark 3.5 has no Connect server, so they run in ``spark-sql``: parameters are written
into them, and views stand for what the client sends.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ignore_progress
from parquet_tables.rows import Statement
from parquet_tables.tables import TableFiles
from sampling_engine.engines import spark_sql
from sampling_engine.engines.engine import DrawState
from sampling_engine.engines.spark_connection import ANSI_MODE, NEEDED_SETTINGS, SETTINGS
from sampling_engine.engines.spark_sql import Query, SparkTable
from sampling_engine.engines.spark_types import spark_type
from sampling_engine.filters import parse_expression
from sampling_engine.selection.order import SeededOrder
from sampling_engine.sql.passes import MoneyByBlock, RankedBelow, ScanUnits
from sampling_engine.sql.units import MoneyUnits, Units
from tests.sampling_engine.conftest import Workshop
from tests.spark.cluster import JAVA, spark_home

pytestmark = pytest.mark.timeout(900)
ROWS = 5_000
QUERY = (
    "SELECT i AS id, i % 7 AS k, i / 7 AS x, CAST(i % 100 / 3 AS DECIMAL(9,2)) AS price, "
    f"'Stadt ' || i % 5 AS city FROM range({ROWS}) AS r(i)"
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("draws")
    with ParquetDatabase(root, root / "spill", memory_mb=512, threads=2) as database:
        yield Workshop(database, root)


def inlined(statement: Statement) -> str:
    """A statement whose parameters, texts without quotes, are in it."""
    sql, params = statement
    for value in params:
        assert isinstance(value, str)
        assert not set(value) & set("'\\?")
        sql = sql.replace("?", f"'{value}'", 1)
    return sql


def ran(folder: Path, table: TableFiles, names: SparkTable, given: dict[str, Query]) -> Any:
    """The rows of each statement, as lists of values."""
    (file,) = table.files
    columns = ", ".join(f"{column.name} {spark_type(column.type)}" for column in names.names)
    selected = ", ".join(f"{column.name} AS {new}" for column, new in names.names.items())
    settings = {**NEEDED_SETTINGS, **SETTINGS, "spark.sql.parquet.enableVectorizedReader": "false"}
    script = [f"SET {name}={value};" for name, value in settings.items()]
    script += [
        f"CREATE TABLE stored ({columns}) USING parquet LOCATION '{file.written.as_uri()}';",
        f"CREATE TEMPORARY VIEW t AS SELECT {selected}, _metadata.row_index AS r FROM stored;",
        "CREATE TEMPORARY VIEW wanted AS SELECT * FROM VALUES (1L, 1L, 9000L), (5L, 5L, 3000L) "
        "AS w(k0, stratum, threshold);",
    ]
    for name, one in given.items():
        if one.ranks is not None:
            numbered, ranked = inlined(one.ranks.numbered), one.ranks.ranked
            script += [
                f"CREATE OR REPLACE TEMPORARY VIEW numbered AS {numbered};",
                f"SET {ANSI_MODE}=false;",
                f"CREATE OR REPLACE TEMPORARY VIEW ranked AS {ranked};",
                f"SET {ANSI_MODE}=true;",
            ]
        script.append(f"SELECT '{name}', to_json(struct(*)) FROM ({inlined(one.statement)});")
    path = folder / "statements.sql"
    path.write_text("\n".join(script), encoding="utf-8")
    home = spark_home("3.5")
    command = [str(home / "bin" / "spark-sql"), "--master", "local[1]", "--driver-memory", "640m"]
    command += ["--conf", "spark.sql.catalogImplementation=in-memory", "-f", str(path)]
    variables = {**os.environ, **JAVA, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in given}
    for line in done.stdout.splitlines():
        name, tab, row = line.partition("\t")
        if tab and name in found:
            found[name].append(json.loads(row))
    return found


def rows_of(*arrays: Any) -> list[tuple[Any, ...]]:
    return sorted(zip(*(np.asarray(array).tolist() for array in arrays), strict=True))


def test_statements_find_the_same_rows_on_spark_3_5(workshop: Workshop, tmp_path: Path) -> None:
    table = workshop.table_of(QUERY, row_group_rows=2_048)
    names = SparkTable({column: f"c{at}" for at, column in enumerate(table.columns)}, True)
    some = parse_expression("price > 0.33 AND city ILIKE '%T 3' AND NOT x < 9.5", table)
    order = SeededOrder(ROWS, 42)
    exact, money = (
        Units(table.column("price"), decimals=2),
        MoneyUnits.of(table.column("x"), "positive"),
    )
    with workshop.database.cursor() as cursor:
        state = DrawState(cursor, table)
        strata = state.strata_of([table.column("k")], None, ignore_progress)
        passes = {
            "whole": RankedBelow(
                order,
                state.strata_of((), some, ignore_progress),
                np.array([0]),
                np.array([40_000]),
            ),
            "strata": RankedBelow(order, strata, np.array([1, 5]), np.array([9_000, 3_000])),
            "units": ScanUnits(exact, some, order, 0.001, 3_000, 1.5),
            "money": MoneyByBlock(money, some, 4),
        }
        own = {name: rows_of(*state.run(one, ignore_progress)) for name, one in passes.items()}
    given = {name: spark_sql.query_of(one, names) for name, one in passes.items()}
    found = ran(tmp_path, table, names, given)
    for name, rows in own.items():
        assert rows, name
        assert rows == sorted(tuple(row.values()) for row in found[name]), name
