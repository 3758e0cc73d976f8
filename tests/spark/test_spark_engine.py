"""Draws on a Spark cluster beside the same draws in DuckDB: the same bytes.

One module, so that one cluster serves all tests of a run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import duckdb
import numpy as np
import pyarrow.parquet
import pytest

import composition_root
from import_engine.sources.connections import SourceChanged
from parquet_tables.columns import DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.row_keys.canonical import digest_of, key_text
from parquet_tables.row_keys.digests import KeyMissing, KeyNotUnique, RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine import (
    ClusterMethod,
    DrawnSample,
    KeyedOrder,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
    plan_draw,
)
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import Engine
from sampling_engine.engines.spark_connection import (
    SparkFileMissing,
    SparkRefused,
    SparkServer,
    SparkUnavailable,
)
from sampling_engine.engines.spark_engine import (
    EnginesDisagree,
    OrdinalsUnsure,
    SparkEngine,
    spark_engine,
)
from sampling_engine.engines.spark_sql import SparkKeys, digests
from sampling_engine.engines.spark_types import NotInSpark
from sampling_engine.filters import parse_expression
from sampling_engine.methods.weighted.declaration import SizedSelection
from sampling_engine.sql.lines import SortOrder
from service.draw_engines import EngineChoice, opened_engine
from service.settings import Settings
from service.tables.open_tables import open_table
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by, one_round
from tests.sampling_engine.test_any_names import rounds as method_rounds
from tests.sampling_engine.test_layouts import QUERY, ROUNDS
from tests.spark.cluster import TOKEN, SparkCluster, free_port, spark_home
from tests.support.any_names import generated_names
from tests.support.live_server import LiveServer, finished

# In a worker of xdist the main module has no file, which pyspark takes for a doctest.
vars(sys.modules["__main__"]).setdefault("__file__", __file__)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:.*RETRIES_EXCEEDED"),  # the client's, beside its error
]


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
    return f"file://{file.written}"


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
    *("price <= -9999999.99", "large IN (-99999999999999.9999, 0.0001)", "huge = -0.0000000001"),
    *("text = 'a'", "text < 'a'", "text > 'Z'", "text = 'a '", "text >= 'ﬁ'", "text != ''"),
    *("text LIKE 'a_b'", "text LIKE 'a%'", "text LIKE 'a\\b'", "text LIKE '_'", "text LIKE '__'"),
    *("text ILIKE 'ä'", "text ILIKE 'ss'", "text ILIKE 'σσ'", "text ILIKE 'σς'", "text ILIKE 'i'"),
    *("text LIKE '%\\'", "text ILIKE '\\'", "NOT text LIKE 'a\\%'"),
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


@pytest.mark.parametrize("rule", ["serpentine", "nested"])
def test_rows_sorted_by_every_type(
    workshop: Workshop, server: SparkServer, every_value: TableFiles, rule: SortOrder
) -> None:
    table = residual(every_value)
    names = list(VALUES)
    sorts = [*zip(*[iter(names[:12])] * 3, strict=True), (*names[12:], "text"), ("rate",)]
    where = parse_expression("flag = true OR price > 0", table)
    rounds = [
        one_round(
            SystematicMethod(sample_size=40, sort_columns=columns, sort_order=rule),
            number=number,
            filter=where if number % 2 else None,
        )
        for number, columns in enumerate(sorts, start=1)
    ]
    with spark(server, table) as engine:
        first = draw(workshop, table, rounds)
        assert_same(first, draw(workshop, table, rounds, engine))


def test_rows_of_points(workshop: Workshop, server: SparkServer) -> None:
    """Weights of an exact type, and doubles whose units need more than 64 bits together."""
    query = QUERY.replace("100000", "20000")
    table = residual(workshop.table_of(query, splits=[7_000]))
    numbers = [column.name for column in table.columns if column.data_type.is_number]
    others = [column.name for column in table.columns if column.name not in numbers]
    rounds = [
        one_round(
            WeightedMethod(
                sample_size=50,
                weight_column=weight,
                selection="systematic",
                sort_columns=sort,
            ),
            number=number,
            filter=parse_expression(f'"{weight}" > 0', table),
        )
        for number, (weight, sort) in enumerate(
            [(name, sort) for name in numbers for sort in (None, (others[0], name))], start=1
        )
    ]
    with spark(server, table) as engine:
        first = draw(workshop, table, rounds)
        assert_same(first, draw(workshop, table, rounds, engine))


def test_weights_by_uncertainty(workshop: Workshop, server: SparkServer) -> None:
    """Probabilities of every type, among them edges of the rounding, and rows without one."""
    score = "i * 7919 % 100003 / 100002"
    table = workshop.table_of(
        f"SELECT i AS id, CASE WHEN i % 100 > 0 THEN {score} END AS score, "
        f"CAST({score} AS FLOAT) AS single, CAST({score} AS DECIMAL(18, 15)) AS exact, "
        f"CAST({score} AS DECIMAL(5, 4)) AS short, CAST(i % 2 AS INTEGER) AS whole "
        "FROM range(20000) AS r(i)",
        splits=[7_000],
    )
    columns = ("score", "single", "exact", "short", "whole")
    rounds = [
        one_round(
            WeightedMethod(
                sample_size=260, weight_column=name, uncertainty=True, selection=selection
            ),
            number=2 * place + number,
        )
        for place, name in enumerate(columns)
        for number, selection in enumerate(get_args(SizedSelection), start=1)
    ]
    with spark(server, table) as engine:
        first = draw(workshop, table, rounds)
        assert_same(first, draw(workshop, table, rounds, engine))


KEY_VALUES = {
    **{name: VALUES[name] for name in ("flag", "tiny", "bytes", "unsigned", "price", "large")},
    **{name: VALUES[name] for name in ("huge", "text", "sent")},
    "small": ("DECIMAL(4,4)", ["0.5", "-0.05", "0", "0.0001", "-0.9999"]),
    "whole": ("DECIMAL(30,0)", ["-100", "0", "123456789012345678901234567890"]),
    "day": ("DATE", ["0001-01-01", "2024-02-29", "9999-12-31", "12000-01-31", "0044-03-15 (BC)"]),
    "seen": (
        "TIMESTAMP",
        [
            *("0001-01-01 00:00:00", "2024-03-10 02:30:00.000001", "2024-03-10 02:30:00.5"),
            *("12000-03-10 23:59:59", None),
        ],
    ),
}


def test_texts_and_digests_of_keys_are_those_of_duckdb(
    workshop: Workshop, server: SparkServer
) -> None:
    columns = ", ".join(
        f"CAST(list_extract(CAST(? AS VARCHAR[]), CAST(i * {at + 1} % ? AS INTEGER) + 1) AS {kind})"
        f" AS {name}"
        for at, (name, (kind, _)) in enumerate(KEY_VALUES.items())
    )
    params = [part for _, values in KEY_VALUES.values() for part in (values, len(values))]
    table = workshop.table_of(f"SELECT {columns} FROM range(300) AS r(i)", params, splits=[100])
    with spark(server, table) as engine, workshop.database.cursor() as cursor:
        keys = [(name,) for name in KEY_VALUES]
        for names in [*keys, ("text", "large", "day"), ("seen", "flag", "unsigned", "small")]:
            columns_of_key = RowKey(names).of(table)
            source, _ = engine.table.numbered(
                f", {SparkKeys(columns_of_key).text(engine.table)} AS key_text", None
            )
            sql = digests(source, ["ordinal", "key_text"])
            found = engine.connection.fetch((sql, []), ignore_progress, "").to_pylist()
            by_ordinal = {row["ordinal"]: (row["key_text"], row["digest"]) for row in found}
            paths = [str(file.path) for file in table.files]
            own = cursor.execute(
                f"SELECT {key_text(columns_of_key)}, {digest_of(key_text(columns_of_key))} "
                "FROM read_parquet(?) AS f",
                [paths],
            ).fetchall()
            assert [by_ordinal[row] for row in range(300)] == own, names


KEYED = (
    "SELECT 'K' || i AS name, i % 7 AS branch, 1 + i % 13 AS amount, i FROM range({rows}) AS r(i) "
    "ORDER BY hash(i + {shuffle})"
)
NAME = KeyedOrder(RowKey(("name",)))
OWN_STARTS = KeyedOrder(RowKey(("name",)), Fraction(1, 8), {"3": Fraction(1, 2)})
MOVED = KeyedOrder(RowKey(("name", "branch")), Fraction(3, 10))


@pytest.mark.parametrize("deletes", [False, True])
def test_every_method_in_the_order_of_keys(
    workshop: Workshop, server: SparkServer, deletes: bool
) -> None:
    tables = [
        workshop.table_of(KEYED.format(rows=6_000, shuffle=shuffle), splits=splits)
        for shuffle, splits in ((1, [1, 2_000]), (2, []))
    ]
    if deletes:
        tables[0] = residual(tables[0])
    few = parse_expression("i < 3000", tables[0])
    rounds = [
        one_round(RandomMethod(sample_size=40), order=NAME),
        one_round(by("branch", sample_size=70), number=2, order=MOVED),
        one_round(RandomMethod(sample_size=30), number=3, order=MOVED, filter=few),
        one_round(
            WeightedMethod(sample_size=50, weight_column="amount"), number=4, order=NAME, filter=few
        ),
        one_round(
            ClusterMethod(cluster_column="branch", num_clusters=3, samples_per_cluster=9),
            number=5,
            order=NAME,
        ),
        one_round(
            ClusterMethod(cluster_column="branch", num_clusters=2),
            number=6,
            order=KeyedOrder(RowKey(("branch",))),
        ),
        one_round(by("branch", samples_per_stratum=6), number=7, order=OWN_STARTS),
    ]
    with spark(server, tables[0]) as engine:
        before = engine.scans
        assert_same(draw(workshop, tables[0], rounds), draw(workshop, tables[0], rounds, engine))
        assert engine.scans - before >= 10
    if deletes:
        return
    names = [
        sorted(workshop.rows(draw(workshop, table, rounds[:5]).table, "_sampling_round, name"))
        for table in tables
    ]
    assert names[0] == names[1]


def test_clusters_of_strata_by_size_and_in_stages(workshop: Workshop, server: SparkServer) -> None:
    query = (
        "SELECT i // 40 AS shop, i // 1000 AS part, i % 4 AS day, "
        "(i % 7 * 0.1 + 5e-7)::DOUBLE AS rate, (i % 11 + 0.25)::DECIMAL(9,2) AS size, i AS name "
        "FROM range(3000) AS r(i)"
    )
    table = residual(workshop.table_of(query, splits=[900]))
    shops: dict[str, Any] = {"cluster_column": "shop", "num_clusters": 4}
    in_strata = ClusterMethod(**shops, strata_columns=("part",), samples_per_cluster=5)
    by_size = {"cluster_probability": "size", "samples_per_cluster": 3}
    stages = {"subcluster_column": "day", "num_subclusters": 2, "samples_per_cluster": 2}
    rounds = [
        one_round(in_strata),
        one_round(ClusterMethod(**shops, **by_size, size_column="rate"), number=2),
        one_round(
            ClusterMethod(**shops, **by_size, size_column="size", strata_columns=("part",)),
            number=3,
        ),
        one_round(ClusterMethod(**shops, **stages), number=4),
        one_round(
            ClusterMethod(**shops, **stages, cluster_probability="rows"), number=5, order=NAME
        ),
    ]
    with spark(server, table) as engine:
        before = engine.scans
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))
        assert engine.scans - before >= 10


def test_repeated_keys_are_numbered_and_missing_ones_refused(
    workshop: Workshop, server: SparkServer
) -> None:
    query = (
        "SELECT 'K' || i // 3 AS name, i % 5 AS branch, 1 + i % 13 AS amount, "
        "CASE WHEN i % 400 = 7 THEN NULL ELSE i END AS gap FROM range(1500) AS r(i)"
    )
    table = workshop.table_of(query, splits=[500])
    numbered = KeyedOrder(RowKey(("name",), "number"))
    rounds = [
        one_round(RandomMethod(sample_size=400), order=numbered),
        one_round(by("branch", sample_size=200), number=2, order=numbered),
        one_round(
            WeightedMethod(sample_size=100, weight_column="amount"), number=3, order=numbered
        ),
    ]
    refused = [
        (KeyNotUnique, KeyedOrder(RowKey(("name",)))),
        (KeyMissing, KeyedOrder(RowKey(("gap",)))),
    ]
    with spark(server, table) as engine:
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))
        for kind, order in refused:
            messages = []
            for one in (DUCKDB, engine):
                with pytest.raises(kind) as caught:
                    draw(
                        workshop, table, [one_round(RandomMethod(sample_size=3), order=order)], one
                    )
                messages.append(str(caught.value))
            assert messages[0] == messages[1]


def test_a_key_of_a_type_that_spark_lacks(workshop: Workshop, server: SparkServer) -> None:
    table = workshop.table_of("SELECT md5(CAST(i AS VARCHAR))::UUID AS id FROM range(9) AS r(i)")
    rounds = [one_round(RandomMethod(sample_size=3), order=KeyedOrder(RowKey(("id",))))]
    with spark(server, table) as engine, pytest.raises(NotInSpark, match="id"):
        draw(workshop, table, rounds, engine)


def test_plans_and_sums_of_amounts(
    workshop: Workshop, server: SparkServer, every_value: TableFiles
) -> None:
    """Two to 2,310 rows whose sums have many digits, of a type that Spark and DuckDB add apart."""
    rounds = [one_round(by("flag", sample_size=100))]
    for amount in ("large", "money"):
        table = every_value
        if amount == "money":
            query = (
                "SELECT i % 3 = 0 AS flag, (i - 999) * 1e12 / 7 AS money FROM range(2000) AS r(i)"
            )
            table = workshop.table_of(query)
        with spark(server, table) as engine:
            pairs = [
                draw(workshop, table, rounds, one, amount_column=amount) for one in (DUCKDB, engine)
            ]
            assert_same(*pairs)
            plans = [
                plan_draw(workshop.database, table, rounds, amount_column=amount, engine=one)
                for one in (DUCKDB, engine)
            ]
            assert plans[0] == plans[1]


def test_weights_of_fifteen_digits(workshop: Workshop, server: SparkServer) -> None:
    """As many as Spark makes integers of by way of DOUBLE; few rows, and so many that most go."""
    table = workshop.table_of(
        "SELECT i AS id, CAST(CAST(hash(i) % 1000000000000000 AS DECIMAL(15,0)) "
        "* CAST(0.01 AS DECIMAL(3,2)) AS DECIMAL(15,2)) AS worth FROM range(2000) AS r(i)"
    )
    rounds = [
        one_round(WeightedMethod(sample_size=5, weight_column="worth")),
        one_round(WeightedMethod(sample_size=1_200, weight_column="worth"), number=2),
        one_round(MonetaryUnitMethod(sample_size=50, book_column="worth"), number=3),
    ]
    with spark(server, table) as engine:
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))


def test_equal_sizes_and_odd_names_of_files(workshop: Workshop, server: SparkServer) -> None:
    """Files of one size differ by their paths, which Spark encodes."""
    folder = workshop.root / "a b%20ü+#[x]{y}*"
    folder.mkdir()
    files = []
    for number in range(3):
        table = workshop.table_of(
            f"SELECT {number} * 1000 + i + 2000 AS id FROM range(100) AS r(i)"
        )
        path = folder / f"part {number}.parquet"
        table.files[0].written.rename(path)
        files.append(DataFile(path, 100))
    assert len({file.size_bytes for file in files}) == 1
    table = TableFiles(table.columns, tuple(files))
    small = parse_expression("id < 4050 AND id > 2020", table)
    rounds = [one_round(RandomMethod(sample_size=20), filter=small)]
    with spark(server, table) as engine:
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))


def test_any_names_of_columns(workshop: Workshop, server: SparkServer) -> None:
    names = generated_names(12, 0)
    kinds = ("BIGINT", "DOUBLE")
    values = {
        name: (kinds[at % 2], [row * 7 % (at + 2) + 1 for row in range(400)])
        for at, name in enumerate(names)
    }
    table = workshop.table(values, splits=[100])
    with spark(server, table) as engine:
        for start in (0, 8):
            rounds = method_rounds(names[start : start + 4], table)
            assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))


def test_a_file_with_other_rows_than_the_manifest_is_refused(
    workshop: Workshop, server: SparkServer
) -> None:
    (file,) = workshop.table_of("SELECT i AS id FROM range(100) AS r(i)").files
    table = TableFiles((Column("id", "BIGINT"),), (DataFile(file.path, 99),))
    with pytest.raises(OrdinalsUnsure), spark(server, table):
        pass


@pytest.mark.parametrize(
    "method",
    [
        RandomMethod(sample_size=20),
        SystematicMethod(sample_size=20),
        SystematicMethod(sample_size=20, sort_columns=("id",)),
    ],
    ids=("random", "systematic", "sorted"),
)
def test_rows_that_the_engines_read_differently_are_refused(
    workshop: Workshop, server: SparkServer, method: Method
) -> None:
    """Spark is shown another file with as many rows."""
    here, there = (
        workshop.table_of(f"SELECT i + {shift} AS id FROM range(100) AS r(i)") for shift in (50, 0)
    )
    small = parse_expression("id < 80", here)
    rounds = [one_round(method, filter=small)]
    with (
        spark_engine(server, here, lambda _: uri_of(there.files[0])) as engine,
        pytest.raises(EnginesDisagree),
    ):
        draw(workshop, here, rounds, engine)


def test_types_that_spark_lacks_are_refused_by_name(
    workshop: Workshop, server: SparkServer
) -> None:
    table = workshop.table_of(
        "SELECT i AS id, TIME '08:30:00' AS opens, make_timestamp_ns(i) AS exact, "
        "CAST(i AS DECIMAL(38,2)) AS wide, CAST(i AS UBIGINT) AS big FROM range(100) AS r(i)"
    )
    with spark(server, table) as engine:
        for method in (
            by("opens", samples_per_stratum=1),
            by("exact", samples_per_stratum=1),
            WeightedMethod(sample_size=3, weight_column="wide"),
            WeightedMethod(sample_size=3, weight_column="big"),
        ):
            with pytest.raises(NotInSpark, match=r"opens|exact|wide|big"):
                draw(workshop, table, [one_round(method)], engine)
        # Other columns don't matter.
        rounds = [one_round(WeightedMethod(sample_size=3, weight_column="id"))]
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))


def test_doubles_without_the_vectorized_reader(workshop: Workshop, server: SparkServer) -> None:
    """The reader of servers before 4.3, which read the encoding of DOUBLE by it alone."""
    table = workshop.table_of("SELECT i, i / 7 AS x FROM range(3000) AS r(i)", splits=[1_000])
    rounds = [one_round(WeightedMethod(sample_size=50, weight_column="x"))]
    off = {"spark__sql__parquet__enableVectorizedReader": "false"}
    with spark(server, table, **off) as engine:
        assert_same(draw(workshop, table, rounds), draw(workshop, table, rounds, engine))


def test_a_file_that_workers_cannot_find(workshop: Workshop, server: SparkServer) -> None:
    table = workshop.table_of("SELECT i AS id FROM range(100) AS r(i)")
    with (
        pytest.raises(SparkFileMissing),
        spark_engine(server, table, lambda _: "file:///nowhere/x.parquet"),
    ):
        pass


def test_a_server_that_refuses_the_token(workshop: Workshop, cluster: SparkCluster) -> None:
    table = workshop.table_of("SELECT i AS id FROM range(100) AS r(i)")
    with pytest.raises(SparkRefused), spark(SparkServer(cluster.remote, "another"), table):
        pass


def test_a_server_that_is_away(workshop: Workshop) -> None:
    table = workshop.table_of("SELECT i AS id FROM range(100) AS r(i)")
    with (
        pytest.raises(SparkUnavailable),
        spark(SparkServer(f"sc://localhost:{free_port()}", TOKEN), table),
    ):
        pass


class Stop(Exception):
    pass


def test_a_stopped_query_ends_within_two_seconds(workshop: Workshop, server: SparkServer) -> None:
    table = workshop.table_of("SELECT i AS id FROM range(100) AS r(i)")
    endless = "SELECT sum(id % 7) AS s FROM range(1000000000000)"
    began: list[float] = []

    def stop_once_it_runs(fraction: float, message: str) -> None:
        if began and time.monotonic() > began[0] + 3:
            began.append(time.monotonic())
            raise Stop
        began.append(time.monotonic())

    with spark(server, table) as engine:
        with pytest.raises(Stop):
            engine.connection.fetch((endless, []), stop_once_it_runs, "counting")
        assert time.monotonic() - began[-1] < 2
        # The workers are free again.
        found = engine.connection.fetch(("SELECT count(*) AS n FROM t", []), ignore_progress, "")
        assert found.to_pylist() == [{"n": 100}]


def test_a_worker_that_is_killed_during_a_scan(
    workshop: Workshop, server: SparkServer, cluster: SparkCluster
) -> None:
    query = QUERY.replace("100000", "60000")
    table = workshop.table_of(query, row_group_rows=2_048, splits=[20_000, 40_000])
    rounds = [one_round(by("city", "year", sample_size=500))]
    killed: list[float] = []

    def kill_once(fraction: float, message: str) -> None:
        if not killed and message == "counting strata" and fraction > 0:
            killed.append(fraction)
            cluster.kill("worker-2")

    with spark(server, table) as engine:
        expected = draw(workshop, table, rounds)
        assert_same(expected, draw(workshop, table, rounds, engine, kill_once))
    assert killed
    cluster.start_worker("worker-2")


NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


@contextmanager
def standing_still(folder: Path, lake: Path, **settings: str) -> Iterator[LiveServer]:
    """A server whose clock stands still: equal jobs make equal commits."""
    prefix = f"{lake.as_uri()}/"
    given = Settings(data_dir=folder, memory_mb=512, connection_prefixes=prefix, **settings)  # type: ignore[arg-type]
    with (
        composition_root.serving_in_background(given, "tests", clock=lambda: NOON) as here,
        LiveServer(here) as running,
    ):
        running.admin.post("/api/connections", json={"name": "lake", "prefix": prefix})
        yield running


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that the servers may attach; Spark encodes the space of its name.

    DuckDB wrote the first and Arrow the second, which stores decimals in another encoding.
    """
    folder = tmp_path_factory.mktemp("a lake")
    query = (
        "SELECT range AS id, ['Oslo', 'Lima', NULL][range % 3 + 1] AS city, range / 4 AS amount, "
        "CAST(range / 7 AS DECIMAL(15,2)) AS price FROM range({}, {})"
    )
    with duckdb.connect() as connection:
        path = folder / "a 1.parquet"
        connection.execute(f"COPY ({query.format(0, 1_100)}) TO '{path}' (FORMAT parquet)")
        rows = connection.sql(query.format(900, 2_000)).to_arrow_table()
    pyarrow.parquet.write_table(rows, folder / "b 1.parquet", row_group_size=300)
    return folder


@pytest.fixture(scope="module")
def live(
    cluster: SparkCluster, lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("beside_spark")
    with standing_still(folder, lake, spark_remote=cluster.remote, spark_token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def plain(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server without Spark, with the same datasets."""
    with standing_still(tmp_path_factory.mktemp("plain"), lake) as running:
        yield running


DRAW: dict[str, Any] = {
    "rounds": [
        {
            "method": "stratified",
            "parameters": {"strata_columns": ["city"], "sample_size": 60, "seed": 7},
            "filters": {"expression": "amount > 20"},
        },
        {
            "method": "weighted",
            "parameters": {"weight_column": "amount", "sample_size": 9, "seed": 8},
        },
    ],
    "export_residual": True,
    "commit_message": "the same",
}


OF_ATTACHED: dict[str, Any] = {
    "rounds": [
        *DRAW["rounds"],
        {
            "method": "weighted",
            "parameters": {"weight_column": "price", "sample_size": 50, "seed": 9},
            "filters": {"expression": "price > 12.34"},
        },
        {
            "method": "systematic",
            "parameters": {"interval": 40, "seed": 10},
            "filters": {"expression": "city IS NULL OR price < 200"},
        },
    ],
    "export_residual": True,
    "commit_message": "the same",
}


def job_by(live: LiveServer, dataset_id: int, engine: str, wanted: Mapping[str, Any] = DRAW) -> str:
    body = {**wanted, "engine": engine}
    answer = live.admin.post(f"/api/sampling/datasets/{dataset_id}/jobs", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def commit_of(job: dict[str, Any]) -> str:
    assert job["status"] == "completed", job
    return str(job["output_summary"]["output_commit_id"])


def test_a_job_makes_the_same_commit_by_both_engines(live: LiveServer, plain: LiveServer) -> None:
    in_step(live, plain)
    dataset_id = live.new_table(2_000)
    plan = live.admin.post(
        f"/api/sampling/datasets/{dataset_id}/plan", json={**DRAW, "engine": "spark"}
    ).json()
    assert plan["engine"].pop("read_bytes") > 0
    assert plan["engine"] == {"name": "spark", "reason": "requested", "files": 1, "scans": 6}
    job = finished(live.admin, job_by(live, dataset_id, "spark"), within_s=300)
    own = plain.draw(plain.new_table(2_000), DRAW)
    assert commit_of(job) == commit_of(own)
    assert job["output_summary"]["engine"]["name"] == "spark"
    assert "engine" not in own["output_summary"]
    small = live.draw(dataset_id, {**DRAW, "rounds": DRAW["rounds"][1:]})
    assert small["output_summary"]["engine"]["reason"] == "few_bytes"


def test_rows_of_an_earlier_draw_are_left_out_by_both_engines(live: LiveServer) -> None:
    dataset_id = live.new_table(2_000)
    first = live.draw(dataset_id, {**DRAW, "engine": "duckdb"})
    rounds = [
        {**given, "filters": {**given.get("filters", {}), "not_drawn_by": [first["id"]]}}
        for given in DRAW["rounds"]
    ]
    found = [
        finished(
            live.admin,
            job_by(live, dataset_id, engine, {**DRAW, "rounds": rounds, "commit_message": engine}),
            within_s=300,
        )
        for engine in ("spark", "duckdb")
    ]
    assert found[0]["output_summary"]["engine"]["name"] == "spark"
    rows, own = (live.rows(job["id"]) for job in found)
    assert rows == own
    assert not {row["id"] for row in rows} & {row["id"] for row in live.rows(first["id"])}


def in_step(live: LiveServer, plain: LiveServer) -> None:
    """Let the next dataset of both servers have the same id, which commits name."""
    first, second = live.new_dataset(), plain.new_dataset()
    while first != second:
        if first < second:
            first = live.new_dataset()
        else:
            second = plain.new_dataset()


def attached(running: LiveServer, lake: Path) -> int:
    """The id of a new dataset whose table is the files of the lake."""
    dataset_id = running.new_dataset()
    answer = running.admin.post(
        f"/api/datasets/{dataset_id}/refs/main/attach",
        json={"tables": [{"uri": f"{lake.as_uri()}/"}]},
    )
    job = running.finished(answer.json()["job_id"])
    assert job["status"] == "completed", job
    return dataset_id


def test_attached_tables_make_the_same_commit_by_both_engines(
    live: LiveServer, plain: LiveServer, lake: Path
) -> None:
    in_step(live, plain)
    job_id = job_by(live, attached(live, lake), "spark", OF_ATTACHED)
    job = finished(live.admin, job_id, within_s=300)
    own = plain.draw(attached(plain, lake), OF_ATTACHED)
    assert job["output_summary"]["engine"]["name"] == "spark"
    assert commit_of(job) == commit_of(own)


def test_file_that_changes_during_a_draw_on_spark_is_refused(live: LiveServer, lake: Path) -> None:
    dataset_id = attached(live, lake)
    source = open_table(live.service, dataset_id, "main", None)
    choice = EngineChoice("spark", "requested", files=2, read_bytes=1, scans=1)
    path = lake / "b 1.parquet"

    def change_within_a_draw() -> None:
        with opened_engine(live.service, dataset_id, source, choice):
            path.write_bytes(path.read_bytes())

    with pytest.raises(SourceChanged, match="has changed"):
        change_within_a_draw()


def test_a_request_for_spark_without_a_server_is_refused(plain: LiveServer) -> None:
    dataset_id = plain.new_table(10)
    answer = plain.admin.post(
        f"/api/sampling/datasets/{dataset_id}/jobs", json={**DRAW, "engine": "spark"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "spark_not_configured")


def test_a_lost_connect_server_fails_the_job_and_a_retry_completes_it(
    live: LiveServer, cluster: SparkCluster
) -> None:
    """The last test, since it stops the sessions of others."""
    dataset_id = live.new_table(2_000)
    refs = live.admin.get(f"/api/datasets/{dataset_id}/refs").json()
    job_id = job_by(live, dataset_id, "spark", {**DRAW, "rounds": DRAW["rounds"][:1]})
    while live.admin.get(f"/api/jobs/{job_id}").json()["progress_message"] is None:
        time.sleep(0.01)
    cluster.kill("connect")
    failed = finished(live.admin, job_id)
    assert failed["error_code"] == "spark_unavailable", failed
    assert live.admin.get(f"/api/datasets/{dataset_id}/refs").json() == refs
    cluster.start_connect()
    answer = live.admin.post(f"/api/jobs/{job_id}/retry")
    assert answer.status_code == 200, answer.text
    again = finished(live.admin, answer.json()["job_id"], within_s=300)
    assert again["status"] == "completed", again


ACCOUNTS = (
    "SELECT i AS id, 'A' || lpad(CAST(i AS VARCHAR), 8, '0') AS account, i % 97 AS branch, "
    "CAST(1 + i % 1000 AS DECIMAL(9,2)) / 4 AS amount, hash(i) % 100 >= 3 AS stays "
    "FROM range({rows}) AS r(i) {where} ORDER BY hash(i + {shuffle})"
)
OF_ACCOUNTS = (
    RandomMethod(sample_size=300),
    by("branch", samples_per_stratum=3),
    ClusterMethod(cluster_column="branch", num_clusters=10, samples_per_cluster=20),
    WeightedMethod(sample_size=300, weight_column="amount"),
)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_million_rows_come_again_in_another_order(
    live: LiveServer, server: SparkServer, tmp_path: Path
) -> None:
    """Shuffled, a tenth appended, 3 % deleted, read from CSV again: the same keys by all means."""
    dataset_id = live.new_dataset()
    for version, (rows, where) in enumerate(
        [(1_000_000, ""), (1_100_000, "WHERE hash(i) % 100 >= 3 OR i >= 1000000")]
    ):
        path = tmp_path / f"{version}.csv"
        query = ACCOUNTS.format(rows=rows, where=where, shuffle=version)
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT csv)")
        if version:
            answer = live.admin.post(
                f"/api/datasets/{dataset_id}/refs", json={"name": "before", "source_ref": "main"}
            )
            assert answer.status_code == 200, answer.text
        with path.open("rb") as content:
            answer = live.admin.post(
                f"/api/datasets/{dataset_id}/refs/main/import",
                files={"file": (path.name, content)},
                timeout=300,
            )
        job = finished(live.admin, answer.json()["job_id"], within_s=300)
        assert job["status"] == "completed", job

    service = live.service

    def drawn(ref: str, engine: Engine, filters: str | None) -> list[tuple[object, ...]]:
        """The keys by round, in their order of selection, of rounds by every method."""
        files = open_table(service, dataset_id, ref, None).files
        passing = None if filters is None else parse_expression(filters, files)
        order = KeyedOrder(RowKey(("account",)), Fraction(2, 5))
        rounds = [
            one_round(method, "million", number, order=order, filter=passing)
            for number, method in enumerate(OF_ACCOUNTS, start=1)
        ]
        path = service.directory.scratch_dir / "million.parquet"
        draw_sample(
            service.parquet, files, rounds, table_key="primary", destination=path, engine=engine
        )
        with service.parquet.cursor() as cursor:
            return cursor.execute(
                "SELECT _sampling_round, account FROM read_parquet(?) "
                "ORDER BY _sampling_round, _selection_order",
                [str(path)],
            ).fetchall()

    first = drawn("before", DUCKDB, "stays = true")
    assert len(first) == 300 + 97 * 3 + 200 + 300
    assert drawn("main", DUCKDB, "id < 1000000") == first
    before, after = drawn("before", DUCKDB, None), drawn("main", DUCKDB, None)
    in_one = {"spark__sql__files__maxPartitionBytes": "64m"}
    with spark(server, open_table(service, dataset_id, "main", None).files, **in_one) as engine:
        assert drawn("main", engine, "id < 1000000") == first
    # Without filters, of those that both versions have, no other key goes before a drawn one.
    old = [key for number, key in before if number == 1]
    new = [str(key) for number, key in after if number == 1]
    alive = [key for key in new if key < "A01000000"]
    assert alive == [key for key in old if key in set(alive)]
