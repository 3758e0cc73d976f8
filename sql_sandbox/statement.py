"""The rules of a user's SQL, checked on the syntax tree of DuckDB's own parser.

A statement runs only if it is one SELECT that consists of known nodes and of the functions in
``allowed_functions.txt``; anything unknown is refused. The checked tree is the tree that runs.
Parsing happens in the query's process, so a crash of the parser ends that process alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

import duckdb

from domain_errors import choices_sentence
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from sql_sandbox.errors import InvalidSql, SqlRefused, located

IN_FROM = "tables"
"""The group of table functions, which are allowed in FROM only."""

RANDOM_FUNCTIONS = frozenset(
    {"random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "reservoir_quantile"}
)
SAMPLING_HINT = "Use a sampling job: it is reproducible and computes weights."


def _read(text: str) -> Mapping[str, frozenset[str]]:
    groups: dict[str, frozenset[str]] = {}
    group = ""
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif not line.startswith("#"):
            groups[group] = groups.get(group, frozenset()) | frozenset(line.split())
    groups.pop("", None)
    return groups


GROUPS = _read(files("sql_sandbox").joinpath("allowed_functions.txt").read_text(encoding="utf-8"))
FUNCTIONS = frozenset().union(*GROUPS.values())
IN_EXPRESSIONS = frozenset().union(*(names for group, names in GROUPS.items() if group != IN_FROM))


def refusal_of(name: str, *, in_from: bool) -> tuple[str, dict[str, object]] | None:
    """Return why a function is refused, as a template with parameters; None if it is allowed.

    >>> refusal_of("UPPER", in_from=False)
    >>> refusal_of("uper", in_from=False)[1]
    {'name': 'uper', 'close': 'upper'}
    """
    lower = name.lower()
    if lower in (GROUPS[IN_FROM] if in_from else IN_EXPRESSIONS):
        return None
    template = 'the function "{name}" isn\'t offered'
    if lower in RANDOM_FUNCTIONS:
        return f"{template}. {SAMPLING_HINT}", {"name": name}
    if in_from:
        listed = ", ".join(sorted(GROUPS[IN_FROM]))
        return f"{template} in FROM. Allowed are: {{allowed}}.", {"name": name, "allowed": listed}
    close = get_close_matches(lower, IN_EXPRESSIONS, n=1, cutoff=0.75)
    if not close:
        return f"{template}.", {"name": name}
    return f'{template}. Did you mean "{{close}}"?', {"name": name, "close": close[0]}


_NEAR_WORD = re.compile(r'at or near "(\w+)"')
NO_LOCATION = 2**64 - 1
MAX_DEPTH = 400

EXPRESSIONS = frozenset(
    {
        "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT",
        "BETWEEN", "FUNCTION", "LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY",
        "TYPE", "WINDOW",
    }
)  # fmt: skip
NODES = frozenset(
    {
        # queries
        "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
        # what stands in FROM
        "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT",
        "SHOW_REF",
        # what follows
        "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER",
        "ORDER_DEFAULT", "ASCENDING", "DESCENDING",
    }
)  # fmt: skip
DESCRIPTIONS = ("DESCRIBE", "SUMMARY")
"""DESCRIBE and SUMMARIZE of a table or a query; SHOW would list internal objects."""


@dataclass(frozen=True)
class Statement:
    """An allowed statement: its text without a semicolon, and the keys of the tables it reads."""

    text: str
    keys: frozenset[str]


def read_statement(
    connection: duckdb.DuckDBPyConnection, sql: str, keys: Mapping[str, str]
) -> Statement:
    """Parse and check a statement; ``keys`` are those of the tables, by their folded names."""
    text = _single_select(connection, sql, keys)
    head = "SELECT * FROM (\n"
    document = _tree(connection, f"{head}{text}\n)", sql, len(head), keys)
    reader = _Reader(sql, len(head), keys)
    reader.read(document["statements"], frozenset(), None)
    return Statement(text, frozenset(reader.used))


def _single_select(connection: duckdb.DuckDBPyConnection, sql: str, keys: Mapping[str, str]) -> str:
    if "\0" in sql:
        raise InvalidSql("The statement holds the character U+0000.")
    _tree(connection, sql, sql, 0, keys)
    statements = connection.extract_statements(sql)
    if not statements:
        raise InvalidSql("The statement is empty.")
    if len(statements) > 1:
        raise SqlRefused(
            "These are {count} statements; only one SELECT can be run.", count=len(statements)
        )
    kind = statements[0].type.name
    if kind == "MULTI":  # a PIVOT that would search its columns first
        raise SqlRefused(
            "PIVOT needs its values listed, so that the result's columns are known before it runs: "
            "PIVOT … ON column IN ('a', 'b') …"
        )
    if kind != "SELECT":
        shown = kind.replace("_", " ")
        raise SqlRefused("Only a SELECT can be run, and this is {kind}.", kind=shown)
    encoded = sql.encode()
    for at, token in duckdb.tokenize(sql):
        if token == duckdb.token_type.operator and encoded[at : at + 1] == b";":
            return encoded[:at].decode()
    return sql


def _tree(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    sql: str,
    offset: int,
    keys: Mapping[str, str],
) -> dict[str, Any]:
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    try:
        document: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise too_deep() from None
    if document["error"] and document["error_type"] == "parser":
        message = document["error_message"]
        if "expression depth" in message:
            raise too_deep()
        at = int(document["position"]) - offset if "position" in document else None
        key = _quoted_key(message, keys)
        hint = "" if key is None else ' Write the name of the table in quotes: "{key}".'
        template = f"{{message}}.{hint}"
        raise located(InvalidSql, sql, at, template, message=message, key=key)
    if document["error"] and offset:  # without the outer SELECT it was valid
        raise SqlRefused("Only a SELECT that can stand in parentheses can be run.")
    return document


def _quoted_key(message: str, keys: Mapping[str, str]) -> str | None:
    """Return the table's key, which is an SQL keyword, at which the parser failed."""
    word = _NEAR_WORD.search(message)
    return None if word is None else keys.get(folded(word[1]))


def too_deep() -> SqlRefused:
    return SqlRefused("The statement is nested more than {limit} deep.", limit=MAX_DEPTH)


class _Reader:
    """Walks a syntax tree and refuses unknown nodes."""

    def __init__(self, sql: str, offset: int, keys: Mapping[str, str]) -> None:
        self.used: set[str] = set()
        self._sql = sql
        self._offset = offset
        self._keys = keys

    def read(self, node: Any, ctes: frozenset[str], at: int | None) -> None:
        """Check one node and all below it; ``at`` is the byte of the nearest known position."""
        if isinstance(node, list):
            for item in node:
                self.read(item, ctes, at)
        if not isinstance(node, dict):
            return
        location = node.get("query_location", NO_LOCATION)
        if location != NO_LOCATION and location >= self._offset:
            at = location - self._offset
        ctes = self._read_ctes(node, ctes, at)
        if node.get("sample") is not None:
            self._refuse(f"a sample can't be drawn in SQL. {SAMPLING_HINT}", at)
        self._check(node, ctes, at)
        for name, child in node.items():
            if name == "function" and node.get("type") == "TABLE_FUNCTION":
                # Its name was checked with its node, against the list of table functions.
                self.read(child["arguments"], ctes, at)
            elif name == "right" and node.get("type") == "RECURSIVE_CTE_NODE":
                self.read(child, ctes | {folded(node["cte_name"])}, at)
            elif name not in ("literal", "cte_map"):
                self.read(child, ctes, at)

    def _read_ctes(
        self, node: dict[str, Any], ctes: frozenset[str], at: int | None
    ) -> frozenset[str]:
        """Check a node's WITH clause; return the names of the CTEs that the node can read.

        As in DuckDB, a CTE can read earlier ones, and itself only in the recursive part of a WITH
        RECURSIVE. Elsewhere its own name means a table or an outer CTE.
        """
        for entry in (node.get("cte_map") or {}).get("map", ()):
            self.read(entry["value"], ctes, at)
            ctes |= {folded(entry["key"])}
        return ctes

    def _check(self, node: dict[str, Any], ctes: frozenset[str], at: int | None) -> None:
        kind = node.get("type")
        if "class" in node:
            self._check_expression(node, at)
        elif kind == "BASE_TABLE":
            self._check_table(node, ctes, at)
        elif kind == "TABLE_FUNCTION":
            self._check_function(node["function"], at, in_from=True)
        elif kind == "SHOW_REF" and (node["show_type"] not in DESCRIPTIONS or not node["query"]):
            self._refuse("SHOW isn't offered; DESCRIBE and SUMMARIZE of a table are.", at)
        elif isinstance(kind, str) and kind not in NODES:
            node_name = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").replace("_", " ")
            self._refuse("{node} isn't allowed in a query.", at, node=node_name)

    def _check_expression(self, node: dict[str, Any], at: int | None) -> None:
        kind = node["class"]
        if kind == "PARAMETER":
            self._refuse("a query takes no parameters; write the value itself.", at)
        if kind not in EXPRESSIONS:
            self._refuse("this kind of expression ({kind}) isn't offered.", at, kind=kind)
        if kind in ("FUNCTION", "WINDOW"):
            self._check_function(node, at, in_from=False)

    def _check_function(self, node: dict[str, Any], at: int | None, *, in_from: bool) -> None:
        refusal = refusal_of(node["function_name"], in_from=in_from)
        if refusal is not None:
            self._refuse(refusal[0], at, **refusal[1])

    def _check_table(self, node: dict[str, Any], ctes: frozenset[str], at: int | None) -> None:
        if node["at_clause"] is not None:
            self._refuse("AT isn't offered; source_ref selects the commit.", at)
        path = node["qualified_name"]["path"]
        if len(path) > 1:
            self._refuse(
                'name tables by their key alone, not as "{name}".', at, name=".".join(path)
            )
        name = folded(node["table_name"])
        if name in self._keys:
            self.used.add(self._keys[name])  # also where WITH hides it: WITH t AS (SELECT … FROM t)
        elif name not in ctes:
            shown = node["table_name"]
            choices = choices_sentence(shown, sorted(self._keys.values()))
            template = 'there is no table "{name}". {choices}'
            raise located(InvalidSql, self._sql, at, template, name=shown, choices=choices)

    def _refuse(self, template: str, at: int | None, **parameters: object) -> None:
        raise located(SqlRefused, self._sql, at, template, **parameters)
