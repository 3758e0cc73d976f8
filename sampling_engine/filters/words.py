"""Words that mean something to SQL.

Owns: which of them the language has, and what to say of those that it doesn't. Invariant: all in
capitals; a column may be called by any of them. Read by :mod:`roles`.
"""

from __future__ import annotations

from sampling_engine.filters.literals import Raw

LITERALS: dict[str, Raw | None] = {"TRUE": True, "FALSE": False, "NULL": None}
OPERATOR_WORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS"})
QUERIES = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE"})
REFUSED_WORDS = {
    "CASE": "CASE is not supported; write the condition with AND and OR",
    "EXISTS": "Subqueries (EXISTS) are not supported",
    "INTERVAL": "Intervals are not supported; write the date itself in single quotes",
    "ESCAPE": "ESCAPE is not supported; % and _ always stand for any characters",
    "COLLATE": "COLLATE is not supported; use ILIKE to ignore case",
    "OVER": "Window functions (OVER) are not supported",
    "LAMBDA": "Lambdas are not supported",
    "ISNULL": "Write IS NULL in two words",
    "NOTNULL": "Write IS NOT NULL",
    "SIMILAR": "SIMILAR TO is not supported; use LIKE or ILIKE",
    "GLOB": "GLOB is not supported; use LIKE or ILIKE",
    "REGEXP": "REGEXP is not supported; use LIKE or ILIKE",
    "RLIKE": "RLIKE is not supported; use LIKE or ILIKE",
}
