"""No statement reads DuckDB's catalog, its settings or a file, however it names them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from parquet_tables.progress import ignore_progress
from sql_sandbox.errors import InvalidSql, SqlError
from sql_sandbox.query_process import hide_catalog, lock, make_views, open_instance, run
from sql_sandbox.request import QueryRequest, SourceTable
from sql_sandbox.sandbox import Sandbox
from sql_sandbox.statement import read_statement
from tests.sql_sandbox.conftest import LIMITS
from tests.sql_sandbox.sql_errors import INVALID, REFUSED, assert_user_message, shorten

OWN_NAME = [
    "WITH pg_settings AS (FROM pg_settings) FROM pg_settings",
    "WITH PG_Settings AS (FROM pg_SETTINGS) FROM pg_settings",
    'WITH "pg_settings" AS (SELECT * FROM "pg_settings") SELECT 1',
    "WITH pg_settings AS MATERIALIZED (FROM pg_settings) FROM pg_settings",
    "WITH pg_settings AS NOT MATERIALIZED (FROM pg_settings) FROM pg_settings",
    "WITH pg_settings(a, b, c, d) AS (FROM pg_settings) FROM pg_settings",
    "WITH RECURSIVE pg_settings AS (FROM pg_settings) FROM pg_settings",
    "WITH RECURSIVE pg_class AS (FROM pg_class UNION ALL (FROM pg_class LIMIT 0)) FROM pg_class",
    "WITH RECURSIVE pg_am AS (FROM pg_am UNION (SELECT * FROM pg_am)) FROM pg_am",
    "WITH a AS (SELECT 1), pg_class AS (FROM pg_class, a) FROM pg_class",
    "WITH pg_class AS (TABLE pg_class) TABLE pg_class",
    "WITH pg_class AS (SELECT (SELECT count(*) FROM pg_class)) FROM pg_class",
    "WITH pg_class AS (FROM orders WHERE EXISTS (FROM pg_class)) FROM pg_class",
    "WITH pg_class AS (VALUES ((SELECT count(*) FROM pg_class))) FROM pg_class",
    "WITH pg_class AS (FROM orders, LATERAL (FROM pg_class)) FROM pg_class",
    "WITH pg_class AS (FROM orders POSITIONAL JOIN pg_class) FROM pg_class",
    "WITH pg_class AS (FROM orders SEMI JOIN pg_class ON true) FROM pg_class",
    "WITH pg_class AS (SELECT COLUMNS(*) FROM pg_class) FROM pg_class",
    "WITH pg_class AS (SELECT 1 LIMIT (SELECT count(*) FROM pg_class)) FROM pg_class",
    "WITH pg_class AS (FROM orders ORDER BY (SELECT count(*) FROM pg_class)) FROM pg_class",
    "WITH pg_class AS (FROM range((SELECT count(*) FROM pg_class))) FROM pg_class",
    "WITH pg_class AS (SELECT [x IN (SELECT relname FROM pg_class) FOR x IN ['a']]) FROM pg_class",
    "WITH pg_class AS (SUMMARIZE pg_class) FROM pg_class",
    "WITH pg_class AS (FROM (DESCRIBE pg_class)) FROM pg_class",
    "WITH pg_class AS (PIVOT pg_class ON relname IN ('a') USING count(*)) FROM pg_class",
    "WITH pg_class AS (UNPIVOT pg_class ON relname) FROM pg_class",
    "WITH pg_class AS (SELECT 1 UNION ALL SELECT count(*) FROM pg_class) FROM pg_class",
    "WITH sqlite_master AS (FROM sqlite_master) FROM sqlite_master",
    "WITH duckdb_views AS (FROM duckdb_views) FROM duckdb_views",
    "WITH pragma_database_list AS (FROM pragma_database_list) FROM pragma_database_list",
    'WITH "{file}" AS (FROM \'{file}\') FROM "{file}"',
    'WITH "/etc/passwd" AS (FROM \'/etc/passwd\') FROM "/etc/passwd"',
    'WITH "x.csv" AS (FROM \'x.csv\') FROM "x.csv"',
    'WITH "https://a/b.json" AS (FROM \'https://a/b.json\') FROM "https://a/b.json"',
]
OUT_OF_SCOPE = [
    "WITH a AS (FROM pg_class), pg_class AS (SELECT 1) FROM a",
    "WITH RECURSIVE a AS (FROM pg_class), pg_class AS (SELECT 1) FROM a",
    "WITH a AS (WITH pg_class AS (SELECT 1) FROM pg_class) FROM a, pg_class",
    "FROM (WITH pg_class AS (SELECT 1) FROM pg_class), pg_class",
    "SELECT (WITH pg_class AS (SELECT 1) FROM pg_class) FROM pg_class",
    "(WITH pg_class AS (SELECT 1) FROM pg_class) UNION ALL FROM pg_class",
    "FROM orders, (FROM pg_class) UNION (WITH pg_class AS (SELECT 1) FROM pg_class)",
    "WITH pg_class AS (WITH a AS (FROM pg_class) FROM a) FROM pg_class",
    "WITH RECURSIVE pg_am AS ((WITH a AS (FROM pg_am) FROM a) UNION FROM pg_am) FROM pg_am",
    "FROM orders AS pg_class, (FROM pg_class)",
    "SELECT pg_class FROM orders AS pg_class WHERE EXISTS (FROM pg_class)",
    'WITH "pg_cla\u017fs" AS (SELECT 1) FROM pg_class',
    'WITH "duc\u212adb_views" AS (SELECT 1) FROM duckdb_views',
]
DIRECT = [
    ("FROM 'pg_settings'", INVALID),
    ("DESCRIBE pg_settings", INVALID),
    ("SUMMARIZE pg_settings", INVALID),
    ("SHOW pg_settings", REFUSED),
    ("FROM pg_catalog.pg_settings", REFUSED),
    ("FROM system.pg_catalog.pg_settings", REFUSED),
    ("WITH pg_catalog AS (SELECT 1) FROM pg_catalog.pg_class", REFUSED),
    ("WITH tables AS (FROM information_schema.tables) FROM tables", REFUSED),
    ("WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i FROM recurring.pg_class) FROM n", REFUSED),
    ("FROM query_table(['pg_settings'])", REFUSED),
    ("WITH a AS (FROM duckdb_settings()) FROM a", REFUSED),
    ("WITH duckdb_settings AS (SELECT 1) FROM duckdb_settings()", REFUSED),
    ("FROM orders, LATERAL duckdb_settings()", REFUSED),
    ("SELECT list_transform([1], lambda x: (FROM pg_class))", INVALID),
]


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_instance(LIMITS, tmp_path_factory.mktemp("parser")) as connection:
        yield connection


def _refused(
    parser: duckdb.DuckDBPyConnection, sql: str, tables: tuple[SourceTable, ...]
) -> SqlError:
    sql = sql.replace("{file}", str(tables[0].files[0].path))
    with pytest.raises(SqlError) as caught:
        read_statement(parser, sql, {table.key: table.key for table in tables})
    return caught.value


@pytest.mark.parametrize("sql", [*OWN_NAME, *OUT_OF_SCOPE], ids=shorten)
def test_a_name_out_of_scope_is_no_table(
    parser: duckdb.DuckDBPyConnection, tables: tuple[SourceTable, ...], sql: str
) -> None:
    assert_user_message(_refused(parser, sql, tables), INVALID, "no table")


@pytest.mark.parametrize(("sql", "code"), DIRECT, ids=shorten)
def test_the_catalog_is_refused(
    parser: duckdb.DuckDBPyConnection, tables: tuple[SourceTable, ...], sql: str, code: str
) -> None:
    assert_user_message(_refused(parser, sql, tables), code, "")


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("WITH orders AS (SELECT id AS i FROM orders) SELECT max(i) FROM orders", 1999),
        ("WITH a AS (SELECT 1 AS i) FROM (WITH a AS (FROM a) FROM a)", 1),
        ("WITH a AS (SELECT 1 AS i), b AS (SELECT i + 1 AS i FROM a) FROM b", 2),
        ("WITH pg_class AS (SELECT 5 AS i) FROM pg_class", 5),
        (
            "WITH RECURSIVE pg_am(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM (FROM pg_am) "
            "WHERE i < 4) SELECT max(i) FROM pg_am",
            4,
        ),
        (
            "WITH RECURSIVE n(i) USING KEY (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 3) "
            "SELECT max(i) FROM n",
            3,
        ),
        ("WITH a AS (SELECT 1 AS i) SELECT i FROM orders, LATERAL (FROM a) LIMIT 1", 1),
        ("WITH a AS (SELECT 1 AS i) (FROM a) UNION (FROM a)", 1),
    ],
)
def test_a_cte_in_scope_is_read(
    tables: tuple[SourceTable, ...], tmp_path: Path, sql: str, rows: int
) -> None:
    request = QueryRequest("rows", sql, tables, LIMITS, tmp_path, first_rows=5)
    assert run(request, ignore_progress)["rows"] == [[rows]]


def _locked(
    tables: tuple[SourceTable, ...], keys: set[str], folder: Path
) -> duckdb.DuckDBPyConnection:
    connection = open_instance(LIMITS, folder)
    lock(connection, tables, None)
    make_views(connection, tables)
    hide_catalog(connection, keys)
    return connection


def test_the_instance_hides_every_catalog_view(
    tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    with duckdb.connect() as plain:
        names = plain.sql(
            "SELECT DISTINCT view_name FROM duckdb_views() "
            "WHERE internal AND schema_name <> 'information_schema'"
        ).fetchall()
    assert len(names) > 30
    with _locked(tables[:1], {"orders"}, tmp_path) as connection:
        assert connection.sql("SELECT count(*) FROM orders").fetchall() == [(2000,)]
        for (name,) in names:
            with pytest.raises(duckdb.Error, match=r"no such table|does not exist"):
                connection.sql(f"WITH {name} AS (FROM {name}) FROM {name}").fetchall()


def test_a_table_may_be_named_like_a_catalog_view(
    sandbox: Sandbox, tables: tuple[SourceTable, ...]
) -> None:
    named = replace(tables[1], key="pg_settings")
    found = sandbox.first_rows("SELECT id FROM pg_settings LIMIT 1", (named,), 5, 20)
    assert found.rows == [[0]]


def test_an_unknown_type_brings_no_advice_to_install(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidSql) as caught:
        sandbox.check("SELECT CAST('x' AS INET)", ())
    assert "INSTALL" not in caught.value.message
