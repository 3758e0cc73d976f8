"""What a user's SELECT may be, and which functions it may call."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from sql_sandbox.request import SourceTable
from sql_sandbox.sandbox import Sandbox
from sql_sandbox.statement import GROUPS, refusal_of

GOOD: list[tuple[str, list[list[Any]] | None]] = [
    ("SELECT 1 AS one", [[1]]),
    ("VALUES (1, 'a'), (2, NULL)", [[1, "a"], [2, None]]),
    ("FROM orders ORDER BY id LIMIT 1", [[0, 0, 0.0, "2024-01-01", "new"]]),
    ("TABLE orders ORDER BY id DESC LIMIT 1;", [[1999, 4, 23.25, "2024-06-23", "paid"]]),
    ("SELECT count(*), count(DISTINCT customer) FROM orders -- all of them", [[2000, 5]]),
    (('SELECT "order state", count(*) FROM orders GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 1'), None),
    (
        (
            'SELECT name, sum(amount) FROM orders JOIN "customers 2024" c ON c.id = customer '
            "GROUP BY name ORDER BY name NULLS LAST LIMIT 2"
        ),
        [["Ann", 4750.0], ["Bo", 4950.0]],
    ),
    ('SELECT c.* FROM "CUSTOMERS 2024" c WHERE name LIKE \'%"%\'', [[2, 'Cy "the" Third']]),
    (
        (
            "SELECT id, row_number() OVER (PARTITION BY customer ORDER BY id) AS r FROM "
            "orders QUALIFY r = 2 ORDER BY id LIMIT 2"
        ),
        [[5, 2], [6, 2]],
    ),
    (
        (
            "SELECT sum(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
            "FROM orders ORDER BY id LIMIT 3"
        ),
        [[0.0], [1.75], [5.25]],
    ),
    ("WITH a AS (FROM orders), b AS (SELECT max(id) AS m FROM a) SELECT m FROM b", [[1999]]),
    ("WITH orders AS (SELECT id FROM orders WHERE id < 2) SELECT count(*) FROM orders", [[2]]),
    (
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) "
            "SELECT sum(i) FROM n"
        ),
        [[15]],
    ),
    ("SELECT id FROM orders WHERE id < 2 UNION ALL SELECT -1 ORDER BY 1", [[-1], [0], [1]]),
    ("SELECT DISTINCT ON (customer) customer FROM orders ORDER BY 1 LIMIT 2", [[0], [1]]),
    (
        ('SELECT id FROM orders WHERE customer IN (SELECT max(id) FROM "customers 2024") LIMIT 1'),
        [[3]],
    ),
    ("SELECT CASE WHEN id > 1 THEN 'many' ELSE 'few' END FROM orders WHERE id = 2", [["many"]]),
    (
        "SELECT TRY_CAST('x' AS INTEGER), TRY(1 // 0), 7 // 2, 7 % 4, 2 ** 3",
        [[None, None, 3, 3, 8]],
    ),
    (
        ("SELECT sum(id) FILTER (WHERE customer = 1), median(id), arg_max(id, amount) FROM orders"),
        None,
    ),
    (
        (
            "SELECT quantile_cont(amount, 0.5), string_agg(DISTINCT customer, ',' ORDER BY "
            "customer) FROM orders"
        ),
        [[12.375, "0,1,2,3,4"]],
    ),
    (
        (
            "SELECT date_trunc('month', day), year(day), strftime(day, '%d.%m.'), day + "
            "INTERVAL 1 MONTH FROM orders WHERE id = 40"
        ),
        [["2024-02-01T00:00:00", 2024, "10.02.", "2024-03-10T00:00:00"]],
    ),
    (
        (
            "SELECT date_diff('day', DATE '2024-01-01', max(day)), extract(dow FROM "
            "min(day)) FROM orders"
        ),
        [[364, 1]],
    ),
    ("SELECT json_extract('{\"a\": [1, 2]}', '$.a[1]'), '{\"a\": 3}'::JSON ->> 'a'", [["2", "3"]]),
    ("SELECT key, value FROM json_each('{\"a\": 1}')", [["a", "1"]]),
    (
        (
            "SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1] AS l, list_sum(list_filter([1, 2], "
            "lambda x: x > 1))"
        ),
        [["[4,6]", 2]],
    ),
    (
        ("SELECT list_transform(['a'], lambda x: upper(x))[1], {'k': 'v'}.k, MAP {'a': 1}['a']"),
        [["A", "v", 1]],
    ),
    ("SELECT unnest([1, 2]) AS u ORDER BY u", [[1], [2]]),
    (
        ("SELECT i, s FROM generate_series(1, 2) g(i), LATERAL (SELECT i * 10 AS s) ORDER BY i"),
        [[1, 10], [2, 20]],
    ),
    (
        (
            'SELECT day FROM orders SEMI JOIN "customers 2024" c ON c.id = customer ORDER BY '
            "id LIMIT 1"
        ),
        [["2024-01-01"]],
    ),
    (
        (
            "PIVOT orders ON \"order state\" IN ('new', 'paid') USING count(*) GROUP BY "
            "customer ORDER BY customer LIMIT 1"
        ),
        [[0, 134, 133]],
    ),
    ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b INTO NAME n VALUE v", [["a", 1], ["b", 2]]),
    (
        (
            "SELECT regexp_replace('a1b2', '[0-9]', '', 'g'), levenshtein('duck', 'luck'), "
            "upper('ß')"
        ),
        None,
    ),
    ("SELECT column_name, column_type FROM (DESCRIBE orders) LIMIT 1", [["id", "BIGINT"]]),
    (
        "SELECT column_name, min, max FROM (SUMMARIZE orders) WHERE column_name = 'id'",
        [["id", "0", "1999"]],
    ),
    ("SELECT COLUMNS('^i') FROM orders LIMIT 1", [[0]]),
    (
        (
            "SELECT * EXCLUDE (day, amount) REPLACE (-id AS id) FROM orders ORDER BY "
            "orders.id DESC LIMIT 1"
        ),
        [[-1999, 4, "paid"]],
    ),
    (
        (
            "SELECT customer, grouping(customer), count(*) FROM orders GROUP BY ROLLUP "
            "(customer) ORDER BY 2 DESC, 1 LIMIT 2"
        ),
        [[None, 1, 2000], [0, 0, 400]],
    ),
    ("SELECT current_date = today(), now() IS NOT NULL", [[True, True]]),
    ("SELECT count(*), min(id), sum(id) FROM residual", [[1000, 1, 1000000]]),
    ("SELECT id FROM residual LIMIT 3 OFFSET 499", [[999], [1001], [1003]]),
    ('SELECT x, "y z" FROM none', []),
    ("SELECT id FROM orders WHERE \"order state\" IN ('zz', 'yy') LIMIT 1 OFFSET 1", []),
    ("SELECT id FROM residual WHERE \"order state\" LIKE 'z_z' LIMIT 1 OFFSET 1", []),
    ("SELECT 'it''s', $$a;b$$, 'x' || chr(59)", [["it's", "a;b", "x;"]]),
    ("(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1;;", [[1], [2]]),
]


@pytest.mark.parametrize(("sql", "rows"), GOOD, ids=lambda value: str(value)[:60])
def test_a_select_gives_its_rows(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], sql: str, rows: list[list[Any]] | None
) -> None:
    found = sandbox.first_rows(sql, tables, 10, timeout_s=30)
    assert found.rows == rows or (rows is None and found.rows)
    assert not found.has_more


def test_every_allowed_function_exists_in_duckdb() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT lower(function_name) FROM duckdb_functions()").fetchall()
    known = {name for (name,) in rows}
    for group, names in GROUPS.items():
        assert names <= known, group


@pytest.mark.parametrize(
    "name", ["read_parquet", "getenv", "query", "current_setting", "random", "__internal_x", ""]
)
def test_what_reads_more_than_its_arguments_is_not_offered(name: str) -> None:
    assert refusal_of(name, in_from=False)
    assert refusal_of(name, in_from=True)
