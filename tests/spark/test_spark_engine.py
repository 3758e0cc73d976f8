"""Draws on a Spark cluster beside the same draws in DuckDB: the same bytes.

One module, so that one cluster serves all tests of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from parquet_tables.columns import DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from sampling_engine import (
    DrawnSample,
    Round,
    draw_sample,
)
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import Engine
from sampling_engine.engines.spark_connection import SparkServer
from sampling_engine.engines.spark_engine import SparkEngine, spark_engine
from sampling_engine.filters import parse_expression
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by, one_round
from tests.sampling_engine.test_layouts import QUERY, ROUNDS
from tests.spark.cluster import TOKEN, SparkCluster, spark_home

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with SparkCluster(spark_home("4"), tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def server(cluster: SparkCluster) -> SparkServer:
    return SparkServer(cluster.remote, TOKEN)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("draws")
    with ParquetDatabase(root, root / "spill", memory_mb=512, threads=2) as database:
        yield Workshop(database, root)


def uri_of(file: DataFile) -> str:
    return file.written.as_uri()


@contextmanager
def spark(server: SparkServer, table: TableFiles, **settings: str) -> Iterator[SparkEngine]:
    with spark_engine(server, table, uri_of) as engine:
        for name, value in settings.items():
            engine.connection.session.conf.set(name.replace("__", "."), value)
        yield engine


def draw(
    workshop: Workshop,
    table: TableFiles,
    rounds: Sequence[Round],
    engine: Engine = DUCKDB,
    on_progress: ProgressCallback = ignore_progress,
    amount_column: str | None = None,
) -> DrawnSample:
    return draw_sample(
        workshop.database,
        table,
        rounds,
        table_key="primary",
        destination=workshop.new_path(),
        on_progress=on_progress,
        engine=engine,
        amount_column=amount_column,
    )


def assert_same(first: DrawnSample, second: DrawnSample) -> None:
    paths = [sample.table.files[0].written for sample in (first, second)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert first.amount == second.amount
    for one, other in zip(first.rounds, second.rounds, strict=True):
        assert replace(one, run_by="scan") == replace(other, run_by="scan")


def residual(table: TableFiles) -> TableFiles:
    return TableFiles(table.columns, table.files, np.arange(0, table.file_rows, 7))


def test_every_method_in_rounds_from_a_residual_of_many_files(
    workshop: Workshop, server: SparkServer
) -> None:
    query = QUERY.replace("100000", "20000")
    table = residual(workshop.table_of(query, row_group_rows=2_048, splits=[1, 7_000, 19_999]))
    with spark(server, table, spark__sql__adaptive__enabled="false") as engine:
        assert_same(draw(workshop, table, ROUNDS), draw(workshop, table, ROUNDS, engine))
        assert engine.scans > len(ROUNDS)


VALUES = {
    "flag": ("BOOLEAN", [True, False, None]),
    "tiny": ("TINYINT", [-128, 127, None]),
    "bytes": ("UTINYINT", [0, 255, 7]),
    "unsigned": ("UBIGINT", [2**64 - 1, 0, 2**63]),
    "ratio": ("FLOAT", ["nan", "-0.0", "0.0", "0.1", "inf", "-inf", None]),
    "rate": (
        "DOUBLE",
        ["nan", "-0.0", "0.0", "0.1", "0.5", "1.5", "2.5", "inf", "-inf", "1e-310", None],
    ),
    "price": ("DECIMAL(9,2)", ["0.10", "-9999999.99", "0.00", None]),
    "large": ("DECIMAL(18,4)", ["90071992547409.9301", "-99999999999999.9999", "0.0001", None]),
    "huge": ("DECIMAL(38,10)", ["9999999999999999999999999999.9999999999", "-0.0000000001"]),
    "text": (
        "VARCHAR",
        [
            *("", "a", "A", "Ä", "ä", "z", "ß", "SS", "Σς", "ΣΣ", "İ", "i", "a_b", "a%b"),
            *("a\\b", "a\nb", "a ", "'", "𝔘x", "ﬁ", None),
        ],
    ),
    "day": ("DATE", ["0001-01-01", "1582-10-10", "2024-02-29", "9999-12-31", None]),
    "seen": ("TIMESTAMP", ["0001-01-01 00:00:00", "2024-03-10 02:30:00.000001", None]),
    "sent": ("TIMESTAMPTZ", ["1900-01-01 00:00:00+00", "2024-03-10 02:30:00+00", None]),
    "body": ("BLOB", ["", "\\x00", "a", None]),
}  # fmt: skip
FILTERS = (
    *("flag = true", "NOT flag = false", "tiny > 126.5", "tiny < 1000", "tiny IN (127, 300)"),
    *("bytes >= 7", "unsigned > 9223372036854775807", "unsigned = 18446744073709551615"),
    *("ratio = 0.1", "ratio > 1e9", "ratio = 0", "NOT ratio < 0", "ratio < rate", "ratio = rate"),
    *("rate = 0", "rate > 1e308", "rate <= -0.0", "rate BETWEEN 0.1 AND 2", "NOT rate > 1"),
    *("rate = rate", "rate < 1e-300", "rate IN (0.5, 0.1)", "rate > large", "price < rate"),
    *("price = 0.1", "price > 0.001", "price < large", "large >= 90071992547409.9301"),
    *("huge > 0", "huge < 0", "price < huge", "large = 90071992547409.93", "price != 0"),
    *("text = 'a'", "text < 'a'", "text > 'Z'", "text = 'a '", "text >= 'ﬁ'", "text != ''"),
    *("text LIKE 'a_b'", "text LIKE 'a%'", "text LIKE 'a\\b'", "text LIKE '_'", "text LIKE '__'"),
    *("text ILIKE 'ä'", "text ILIKE 'ss'", "text ILIKE 'σσ'", "text ILIKE 'σς'", "text ILIKE 'i'"),
    *("text ILIKE 'A\\_'", "NOT text LIKE '%a%'", "text IN ('a', '''', 'Ä')", "text IS NULL"),
    *("day < '1600-01-01'", "day = '2024-02-29'", "day > '9999-12-30'", "day < seen"),
    *("seen > '2024-03-10 02:30:00'", "seen < '2024-03-10 02:30:00.0000019'", "seen <= day"),
    *("sent > '2024-03-10 02:29:59+00:00'", "sent = '2024-03-10T03:30+01:00'", "sent > seen"),
    *("body IS NULL", "flag IS NOT NULL AND NOT (price > 0 OR text = 'a')"),
)


@pytest.fixture(scope="module")
def every_value(workshop: Workshop) -> TableFiles:
    """2,310 rows in two files, where each column runs through its values at its own pace."""
    columns = ", ".join(
        f"CAST(list_extract(CAST(? AS VARCHAR[]), CAST(i * {at + 1} % ? AS INTEGER) + 1) AS {kind})"
        f" AS {name}"
        for at, (name, (kind, _)) in enumerate(VALUES.items())
    )
    params = [part for _, values in VALUES.values() for part in (values, len(values))]
    return workshop.table_of(
        f"SELECT i AS id, {columns} FROM range(2310) AS r(i)", params, splits=[1_000]
    )


def test_filters_select_the_same_rows(
    workshop: Workshop, server: SparkServer, every_value: TableFiles
) -> None:
    filters = [parse_expression(text, every_value) for text in FILTERS]
    paths = [str(file.path) for file in every_value.files]
    with spark(server, every_value) as engine, workshop.database.cursor() as cursor:
        identity = engine.table.name(every_value.column("id"))
        branches, bound = [], []
        for number, one in enumerate(filters):
            source, params = engine.table.rows(f", {number} AS n, {identity} AS id", one)
            branches.append(f"SELECT n, id FROM ({source})")
            bound += params
        found = engine.connection.fetch((" UNION ALL ".join(branches), bound), ignore_progress, "")
        rows = np.array([found["n"].to_numpy(), found["id"].to_numpy()])
        for number, (text, one) in enumerate(zip(FILTERS, filters, strict=True)):
            sql, params = one.condition("f")
            own = cursor.execute(
                f"SELECT id FROM read_parquet(?) AS f WHERE {sql} ORDER BY id", [paths, *params]
            ).fetchnumpy()["id"]
            assert sorted(rows[1][rows[0] == number].tolist()) == own.tolist(), text


def test_strata_of_every_type(
    workshop: Workshop, server: SparkServer, every_value: TableFiles
) -> None:
    names = list(VALUES)
    groups = [names[:3], names[3:6], names[6:9], ["text"], ["day", "seen"], ["sent", "body"]]
    rounds = [
        one_round(by(*columns, samples_per_stratum=2), number=number)
        for number, columns in enumerate(groups, start=1)
    ]
    with spark(server, every_value) as engine:
        first = draw(workshop, every_value, rounds)
        assert_same(first, draw(workshop, every_value, rounds, engine))
