"""Hostile statements that are refused before anything runs: writes, reads, tricks and depths."""

from __future__ import annotations

from pathlib import Path

import pytest

from parquet_tables.progress import ignore_progress
from sql_sandbox.errors import SqlError
from sql_sandbox.query_process import run
from sql_sandbox.request import QueryRequest, SourceTable
from tests.sql_sandbox.conftest import LIMITS
from tests.sql_sandbox.sql_errors import INVALID, REFUSED, assert_user_message, shorten

FILE = "{file}"
"""Stands for the path of a data file in the statements below."""

WRITES = [
    ("COPY (SELECT 1) TO '{file}'", REFUSED, "COPY"),
    ("WITH a AS (COPY (SELECT 1) TO '{file}') SELECT * FROM a", REFUSED, "COPY"),
    ("WITH a AS (INSERT INTO orders VALUES (1) RETURNING *) FROM a", REFUSED, "INSERT"),
    ("WITH a AS (DELETE FROM orders RETURNING *) FROM a", REFUSED, "DELETE"),
    ("WITH a AS (UPDATE orders SET id = 1 RETURNING *) FROM a", REFUSED, "UPDATE"),
    ("CREATE TABLE t AS SELECT 1", REFUSED, "CREATE"),
    ("CREATE MACRO f(x) AS TABLE SELECT * FROM read_csv(x)", REFUSED, "CREATE"),
    ("DROP VIEW orders", REFUSED, "DROP"),
    ("ATTACH '{file}' AS other", REFUSED, "ATTACH"),
    ("DETACH memory", REFUSED, "DETACH"),
    ("EXPORT DATABASE '{file}.d'", REFUSED, "EXPORT"),
    ("IMPORT DATABASE '{file}.d'", REFUSED, "PRAGMA"),
    ("INSTALL httpfs", REFUSED, "LOAD"),
    ("LOAD '{file}'", REFUSED, "LOAD"),
    ("CALL pragma_version()", REFUSED, "CALL"),
    ("PRAGMA database_list", REFUSED, "PRAGMA"),
    ("SET threads = 64", REFUSED, "SET"),
    ("RESET memory_limit", REFUSED, "SET"),
    ("SET VARIABLE x = 1", REFUSED, "SET"),
    ("CHECKPOINT", REFUSED, "CALL"),
    ("VACUUM", REFUSED, "VACUUM"),
    ("BEGIN", REFUSED, "TRANSACTION"),
    ("USE memory", REFUSED, "SET"),
    ("PREPARE p AS SELECT 1", REFUSED, "PREPARE"),
    ("EXPLAIN ANALYZE SELECT 1", REFUSED, "EXPLAIN"),
    ("COMMENT ON VIEW orders IS 'x'", REFUSED, "ALTER"),
]
READS = [
    ("SELECT * FROM '{file}'", INVALID, "no table"),
    ('SELECT * FROM "{file}"', INVALID, "no table"),
    ("SELECT * FROM '/etc/passwd'", INVALID, "no table"),
    ("FROM (WITH \"{file}\" AS (SELECT 1) SELECT 1), '{file}'", INVALID, "no table"),
    ("SELECT * FROM read_parquet('{file}')", REFUSED, "read_parquet"),
    ("SELECT * FROM parquet_metadata('{file}')", REFUSED, "parquet_metadata"),
    ("SELECT * FROM read_csv('/etc/passwd')", REFUSED, "read_csv"),
    ("SELECT * FROM READ_TEXT('/etc/passwd')", REFUSED, "read_text"),
    ("SELECT * FROM system.main.read_blob('/etc/passwd')", REFUSED, "read_blob"),
    ("SELECT * FROM read_json_auto('https://example.com/x.json')", REFUSED, "read_json_auto"),
    ("SELECT * FROM glob('/*')", REFUSED, "glob"),
    ("SELECT * FROM sniff_csv('/etc/passwd')", REFUSED, "sniff_csv"),
    ("SELECT * FROM query('SELECT 1')", REFUSED, "query"),
    ("SELECT * FROM query_table('orders')", REFUSED, "query_table"),
    ("SELECT * FROM json_execute_serialized_sql('{}')", REFUSED, "json_execute"),
    ("SELECT json_serialize_plan('FROM orders')", REFUSED, "json_serialize_plan"),
    ("SELECT * FROM duckdb_settings()", REFUSED, "duckdb_settings"),
    ("SELECT * FROM duckdb_secrets()", REFUSED, "duckdb_secrets"),
    ("SELECT * FROM duckdb_views()", REFUSED, "duckdb_views"),
    ("SELECT * FROM duckdb_variables()", REFUSED, "duckdb_variables"),
    ("SELECT * FROM duckdb_logs", INVALID, "no table"),
    ("SELECT * FROM pragma_database_size()", REFUSED, "pragma_database_size"),
    ("SELECT * FROM histogram('orders', id)", REFUSED, "histogram"),
    ("SELECT * FROM information_schema.tables", REFUSED, "key alone"),
    ("SELECT * FROM sqlite_master", INVALID, "no table"),
    ("SELECT * FROM pg_catalog.pg_settings", REFUSED, "key alone"),
    ("SELECT getenv('HOME')", REFUSED, "getenv"),
    ("SELECT h.getenv() FROM (SELECT 'HOME' AS h)", REFUSED, "getenv"),
    ("SELECT current_setting('temp_directory')", REFUSED, "current_setting"),
    ("SELECT getvariable('files_0')", REFUSED, "getvariable"),
    ("SELECT current_query()", REFUSED, "current_query"),
    ("SELECT write_log('x')", REFUSED, "write_log"),
    ("SELECT list_transform([1], lambda x: sleep_ms(x * 100000))", REFUSED, "sleep_ms"),
    ("SELECT filename FROM orders", INVALID, "filename"),
    ("SELECT * FROM orders WHERE EXISTS (FROM glob('*'))", REFUSED, "glob"),
    ("SELECT * FROM (SHOW ALL TABLES)", REFUSED, "SHOW"),
    ("SHOW TABLES", REFUSED, "SHOW"),
    ("FROM orders AT (VERSION => 1)", REFUSED, "source_ref"),
]
TRICKS = [
    ("", INVALID, "empty"),
    ("  -- nothing", INVALID, "empty"),
    ("SELECT 1; SELECT 2", REFUSED, "2 statements"),
    ("SELECT 1; COPY orders TO '{file}'", REFUSED, "2 statements"),
    ("SELECT 1) TO '{file}' --", INVALID, "Line 1, column 9"),
    ("SELECT * FROM (SELECT 1", INVALID, "syntax error"),
    ("SELECT 1 /* open", INVALID, "unterminated"),
    ("SELECT 'open", INVALID, "unterminated"),
    ("SEL\u200bECT 1", INVALID, "Line 1, column 1"),
    ("SELECT\u00a0*\u2003FROM read_csv('/etc/passwd')", REFUSED, "read_csv"),
    ("/**/SELECT/**/*/**/FROM/*'*/glob('/*')--", REFUSED, "glob"),
    ("SELECT $1", REFUSED, "parameters"),
    ("SELECT * FROM orders LIMIT ?", REFUSED, "parameters"),
    ("SELECT random()", REFUSED, "sampling job"),
    ("SELECT * FROM orders TABLESAMPLE 1%", REFUSED, "sampling job"),
    ("SELECT * FROM orders USING SAMPLE 10", REFUSED, "sampling job"),
    ("PIVOT orders ON customer USING sum(amount)", REFUSED, "IN ("),
    ("SELECT 1 AS x\0", INVALID, "U+0000"),
]
DEPTHS = [
    ("SELECT " + "(" * 5000 + "1" + ")" * 5000, REFUSED, "deep"),
    ("SELECT " + "NOT " * 20_000 + "true", REFUSED, "deep"),
    ("SELECT " + "1+" * 10_000 + "1", REFUSED, "deep"),
    ("SELECT " + "[" * 3000 + "1" + "]" * 3000, REFUSED, "deep"),
    ("SELECT " + "CASE WHEN true THEN " * 2000 + "1" + " END" * 2000, REFUSED, "deep"),
    ("FROM " + "(FROM " * 2000 + "(SELECT 1)" + ")" * 2000, REFUSED, "deep"),
]


@pytest.mark.parametrize(("sql", "code", "part"), [*WRITES, *READS, *TRICKS, *DEPTHS], ids=shorten)
def test_only_a_single_select_is_accepted(
    data_dir: Path, tables: tuple[SourceTable, ...], tmp_path: Path, sql: str, code: str, part: str
) -> None:
    file = tables[0].files[0].path
    before = file.read_bytes(), sorted(data_dir.iterdir())
    request = QueryRequest("check", sql.replace(FILE, str(file)), tables, LIMITS, tmp_path)
    with pytest.raises(SqlError) as caught:
        run(request, ignore_progress)
    assert_user_message(caught.value, code, part, tmp_path)
    assert (file.read_bytes(), sorted(data_dir.iterdir())) == before
    assert list(tmp_path.iterdir()) == []
