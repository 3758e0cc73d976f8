"""SQL words: those of the filter language, and an error message for each unsupported one.

All words are in capitals. A column can have any of them as its name.
"""

from __future__ import annotations

from sampling_engine.filters.literals import RawValue

LITERAL_WORDS: dict[str, RawValue | None] = {"TRUE": True, "FALSE": False, "NULL": None}
OPERATOR_WORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS"})
QUERY_WORDS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
UNSUPPORTED_WORDS = {
    "CASE": "CASE is not supported; write the condition with AND and OR",
    "EXISTS": "Subqueries (EXISTS) are not supported",
    "INTERVAL": "Intervals are not supported; write the date itself in single quotes",
    "ESCAPE": "ESCAPE is not supported; % and _ always stand for any characters",
    "COLLATE": "COLLATE is not supported; use ILIKE to ignore case",
    "OVER": "Window functions (OVER) are not supported",
    "LAMBDA": "Lambdas are not supported",
    "ISNULL": "ISNULL is not supported; write IS NULL",
    "NOTNULL": "NOTNULL is not supported; write IS NOT NULL",
    "SIMILAR": "SIMILAR TO is not supported; use LIKE or ILIKE",
    "GLOB": "GLOB is not supported; use LIKE or ILIKE",
    "REGEXP": "REGEXP is not supported; use LIKE or ILIKE",
    "RLIKE": "RLIKE is not supported; use LIKE or ILIKE",
}
