"""SQL of filters: every value is bound, and DuckDB accepts it."""

from __future__ import annotations

import pytest

from sampling_engine.filters import parse_expression
from tests.sampling_engine.filters.tiny_table import TABLE, TinyTable

EXPRESSIONS = {
    "comparisons": "age > 18 AND city = 'New York' AND rate <= 0.5 AND ratio = 0.1",
    "logic": "NOT (age = 1 OR age = 2) AND (city IS NULL OR active != true)",
    "lists": "age NOT IN (1, 2.5, 3) OR size IN ('small', 'large') OR tiny IN (1000)",
    "between": "price BETWEEN 0.125 AND 1e30 AND born NOT BETWEEN '2025-01-01' AND seen",
    "patterns": "city LIKE 'New%' OR city NOT ILIKE '%''s%'",
    "moments": "born > '2025-07-31 12:00' AND sent < '2025-07-31' AND exact = '2025-07-31'",
    "columns": "city = size AND age < price AND big >= rate AND born != sent",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_value_is_bound(tiny: TinyTable, name: str) -> None:
    parsed = parse_expression(EXPRESSIONS[name], TABLE)
    sql, params = parsed.condition("s")
    assert not any(str(value) in sql for value in params if isinstance(value, str))
    assert sql.count("?") == len(params)
    tiny.selected(parsed)


def test_alias_is_quoted() -> None:
    assert parse_expression("age > 1", TABLE).condition('a "b')[0] == (
        '("a ""b"."age" > CAST(? AS INTEGER))'
    )
