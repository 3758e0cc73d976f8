"""The contenders of ``benchmarks.draw``: draws by each method, and SQL in place of them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.contenders import TPCHGEN
from parquet_tables.database import ParquetDatabase
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import copy_sql, read_columns, write_parquet
from sampling_engine import (
    ClusterMethod,
    KeyedOrder,
    Method,
    MonetaryUnitMethod,
    RandomMethod,
    Round,
    StratifiedMethod,
    SystematicMethod,
    WeightedMethod,
    draw_sample,
)
from sampling_engine.filters import parse_expression

ROWS, MANY_ROWS = 1_000, 1_000_000
STRATA = ("l_returnflag", "l_shipmode")
KEYS = ", ".join(STRATA)
WEIGHT = "l_extendedprice"
# Keeps 1 row in 20: quantities are 1 to 50.
FILTER = "l_quantity BETWEEN 7 AND 8 OR l_quantity = 49 AND l_linenumber <= 3"
TABLE = "read_parquet(?)"
ROW_NUMBER = "CAST(split_part(_logical_row_id, ':', 2) AS BIGINT)"
TIMES_LARGER = 10

RANDOM = RandomMethod(sample_size=ROWS)
BY_STRATA = StratifiedMethod(strata_columns=STRATA, sample_size=ROWS)
OURS: dict[str, Method] = {
    "random: draw_sample": RANDOM,
    "random: draw_sample, ten times the table": RANDOM,
    "filter: draw_sample": RANDOM,
    "filter: draw_sample, counts kept": RANDOM,
    "strata: draw_sample": BY_STRATA,
    "strata: draw_sample, counts kept": BY_STRATA,
    "weighted: draw_sample": WeightedMethod(sample_size=ROWS, weight_column=WEIGHT),
    "monetary unit: draw_sample": MonetaryUnitMethod(sample_size=ROWS, book_column=WEIGHT),
    "monetary unit: draw_sample, counts kept": MonetaryUnitMethod(
        sample_size=ROWS, book_column=WEIGHT
    ),
    "systematic: draw_sample": SystematicMethod(sample_size=ROWS),
    "cluster: draw_sample": ClusterMethod(
        cluster_column="l_suppkey", num_clusters=100, samples_per_cluster=10
    ),
    "million: draw_sample": RandomMethod(sample_size=MANY_ROWS),
    "keyed: draw_sample, digests kept": RANDOM,
}
KEYED_DRAW = "keyed: draw_sample, digests kept"
DIGESTS = "keyed: digests, first time"
ROW_KEY = RowKey(("l_orderkey", "l_linenumber"))
KEPT = ("counts kept", "digests kept")
RESERVOIR = "random: USING SAMPLE reservoir"
RANDOM_ORDER = "random: ORDER BY random() LIMIT"
WINDOW = "strata: row_number() by hash"
RANDOM_WINDOW = "strata: row_number() by random()"
HASH_ORDER = "million: ORDER BY hash with a seed"
SLOW = (RANDOM_WINDOW,)
# 21 strata: as many rows a stratum as make about 1,000.
WINDOW_ROWS = 48
ROW_HASH = "hash(l_orderkey, l_linenumber, 42)"
QUERIES = {
    RESERVOIR: f"SELECT * FROM {TABLE} USING SAMPLE reservoir({ROWS} ROWS)",
    RANDOM_ORDER: f"SELECT * FROM {TABLE} ORDER BY random() LIMIT {ROWS}",
    WINDOW: f"SELECT * FROM {TABLE} QUALIFY row_number() OVER (PARTITION BY {KEYS} "
    f"ORDER BY {ROW_HASH}) <= {WINDOW_ROWS}",
    RANDOM_WINDOW: f"SELECT * FROM {TABLE} QUALIFY row_number() OVER (PARTITION BY {KEYS} "
    f"ORDER BY random()) <= {WINDOW_ROWS}",
    HASH_ORDER: f"SELECT * FROM {TABLE} ORDER BY {ROW_HASH} LIMIT {MANY_ROWS}",
}
GROUP_BY = "strata: bare GROUP BY"
FILTER_COUNT = "filter: bare count(*) WHERE"
WEIGHT_SUM = "weighted: bare sum(weight)"
KEY_SCAN = "keyed: bare sum(key)"
COUNT_AND_FETCH = "filter: bare count(*), then SELECT * by row number"
BARE = {
    GROUP_BY: f"SELECT {KEYS}, count(*) FROM {TABLE} GROUP BY ALL",
    FILTER_COUNT: f"SELECT count(*) FROM {TABLE} WHERE {FILTER}",
    WEIGHT_SUM: f"SELECT sum({WEIGHT}) FROM {TABLE}",
    KEY_SCAN: f"SELECT sum(l_orderkey) FROM {TABLE}",
}
CONTENDERS = (*OURS, DIGESTS, *QUERIES, *BARE, COUNT_AND_FETCH)


def make_lineitem(data: Path, scale: int | str) -> Path:
    """The rewritten table, made unless it is there already."""
    rewritten = data / f"lineitem-{scale}.parquet"
    if rewritten.exists():
        return rewritten
    made = data / f"tpch-{scale}"
    generate = [TPCHGEN, "parquet", "-s", str(scale), "-T", "lineitem", "-o", str(made)]
    if not (made / "lineitem.parquet").exists():
        made.mkdir(parents=True, exist_ok=True)
        subprocess.run(generate, check=True)
    part = rewritten.with_suffix(".part")
    with ParquetDatabase(data, data / "spill") as database, database.cursor() as cursor:
        write_parquet(cursor, f"SELECT * FROM {TABLE}", [str(made / "lineitem.parquet")], part)
    part.rename(rewritten)
    return rewritten


def described(cursor: duckdb.DuckDBPyConnection, path: Path, times: int) -> TableFiles:
    """The file, so many times over, as a table."""
    (rows,) = cursor.execute(f"SELECT count(*) FROM {TABLE}", [str(path)]).fetchall()[0]
    return TableFiles(read_columns(cursor, path), (DataFile(path, rows),) * times)


def compute_digests(database: ParquetDatabase, path: Path) -> None:
    """Compute the digests of all keys, and check that the key is complete and unique."""
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        database.cursor() as cursor,
    ):
        KeyDigests(cursor, described(cursor, path, 1), ROW_KEY, Path(folder)).require()


def count_and_fetch(database: ParquetDatabase, path: Path, out: Path) -> Callable[[], object]:
    """A count by the filter and a fetch of rows whose numbers are known: what no draw can save."""
    prepared("filter: draw_sample", database, path, out)()
    with database.cursor() as cursor:
        drawn = cursor.execute(f"SELECT {ROW_NUMBER} FROM {TABLE}", [str(out)]).fetchall()
    numbers = ", ".join(str(number) for (number,) in drawn)
    out.unlink()
    source = "read_parquet(?, file_row_number = true)"
    fetch = copy_sql(f"SELECT * FROM {source} WHERE file_row_number IN ({numbers})", out)

    def run() -> None:
        with database.cursor() as cursor:
            cursor.execute(BARE[FILTER_COUNT], [str(path)]).fetchall()
            cursor.execute(fetch, [str(path)]).fetchall()

    return run


def prepared(name: str, database: ParquetDatabase, path: Path, out: Path) -> Callable[[], object]:
    """One run of a contender, ready to be called."""
    if name == COUNT_AND_FETCH:
        return count_and_fetch(database, path, out)
    if name == DIGESTS:
        return partial(compute_digests, database, path)
    if name in OURS:
        times = TIMES_LARGER if name.endswith("ten times the table") else 1
        with database.cursor() as cursor:
            table = described(cursor, path, times)
        chosen = parse_expression(FILTER, table) if name.startswith("filter") else None
        order = KeyedOrder(ROW_KEY) if name == KEYED_DRAW else None
        rounds = [Round(round_number=1, method=OURS[name], seed=42, filter=chosen, order=order)]
        counts = path.parent / "counts" if name.endswith(KEPT) else None
        return lambda: draw_sample(
            database, table, rounds, table_key="primary", destination=out, counts_dir=counts
        )
    sql = copy_sql(QUERIES[name], out) if name in QUERIES else BARE[name]

    def run() -> None:
        with database.cursor() as cursor:
            cursor.execute(sql, [str(path)]).fetchall()

    return run
