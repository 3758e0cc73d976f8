"""Which functions a user's SQL may call: the groups of ``allowed_functions.txt``.

Invariant: what isn't listed is refused. Names are compared in lower case, as DuckDB does.

What a user's statement is, as DuckDB's own parser sees it, and whether it may run.

Owns: the rules of what SQL may hold. Invariant: a statement is run only if its syntax tree is one
SELECT that consists of known parts: what isn't named here is refused, so that nothing new in the
language gets by. The tree that is looked at is the one that is run, parentheses around it and all.
The locked instance (``instance``) refuses most of the same again.

Called in a query's process alone: a parser that a statement brings down takes nothing with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

import duckdb

from domain_errors import choices_sentence
from parquet_tables.names import folded
from sql_sandbox.errors import InvalidSql, SqlRefused, placed

IN_FROM = "tables"
"""The group of those that stand in FROM; they stand there alone."""

DRAWS = frozenset(
    {"random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "reservoir_quantile"}
)
BY_SAMPLING = "Draw rows with a sampling job: it can draw them again, and knows their weights."


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
IN_EXPRESSIONS = frozenset().union(*(names for group, names in GROUPS.items() if group != IN_FROM))


def refusal(name: str, *, in_from: bool) -> str | None:
    """Why a function may not be called; None when it may.

    >>> refusal("UPPER", in_from=False)
    >>> refusal("read_csv", in_from=True)
    'the function "read_csv" isn\\'t offered in FROM. These are: generate_series, json_each, \
json_tree, range, unnest.'
    """
    lower = name.lower()
    if lower in (GROUPS[IN_FROM] if in_from else IN_EXPRESSIONS):
        return None
    if lower in DRAWS:
        return f'the function "{name}" isn\'t offered. {BY_SAMPLING}'
    if in_from:
        listed = ", ".join(sorted(GROUPS[IN_FROM]))
        return f'the function "{name}" isn\'t offered in FROM. These are: {listed}.'
    close = get_close_matches(lower, IN_EXPRESSIONS, n=1, cutoff=0.75)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f'the function "{name}" isn\'t offered.{hint}'


_STUMBLED_OVER = re.compile(r'at or near "(\w+)"')
NO_PLACE = 2**64 - 1
MAX_DEPTH = 400
TOO_DEEP = f"The statement is nested more than {MAX_DEPTH} deep."

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
"""DESCRIBE and SUMMARIZE of a table or a query; SHOW would list what isn't the user's."""


@dataclass(frozen=True)
class Statement:
    """A statement that may run: its text without a semicolon, and the keys of what it reads."""

    text: str
    keys: frozenset[str]


def read_statement(
    connection: duckdb.DuckDBPyConnection, sql: str, keys: Mapping[str, str]
) -> Statement:
    """Take a statement apart.

    Parameters
    ----------
    keys : mapping of str to str
        The keys of the tables there are, by their folded names.

    Raises
    ------
    InvalidSql, SqlRefused
        Tells the place in ``sql``.
    """
    text = _single_select(connection, sql, keys)
    opening = "SELECT * FROM (\n"
    document = _tree(connection, f"{opening}{text}\n)", sql, len(opening), keys)
    reader = _Reader(sql, len(opening), keys)
    reader.read(document["statements"], frozenset(), None)
    return Statement(text, frozenset(reader.used))


def _single_select(connection: duckdb.DuckDBPyConnection, sql: str, keys: Mapping[str, str]) -> str:
    """The text of the one SELECT, cut at its semicolon."""
    if "\0" in sql:
        raise InvalidSql("The statement holds the character U+0000.")
    _tree(connection, sql, sql, 0, keys)
    found = connection.extract_statements(sql)
    if not found:
        raise InvalidSql("The statement is empty.")
    if len(found) > 1:
        raise SqlRefused(f"These are {len(found)} statements; one SELECT can be run.")
    kind = found[0].type.name
    if kind == "MULTI":  # what PIVOT becomes when it has to look for its columns first
        raise SqlRefused(
            "PIVOT needs its values listed, so that the result's columns are known before it runs: "
            "PIVOT … ON column IN ('a', 'b') …"
        )
    if kind != "SELECT":
        raise SqlRefused(f"Only a SELECT can be run, and this is {kind.replace('_', ' ')}.")
    encoded = sql.encode()
    for at, token in duckdb.tokenize(sql):
        if token == duckdb.token_type.operator and encoded[at : at + 1] == b";":
            return encoded[:at].decode()
    return sql


def _tree(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    sql: str,
    opening: int,
    keys: Mapping[str, str],
) -> dict[str, Any]:
    """The syntax tree of ``statement``, in which ``sql`` begins after ``opening`` bytes."""
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
    try:
        document: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise SqlRefused(TOO_DEEP) from None
    if document["error"] and document["error_type"] == "parser":
        message = document["error_message"]
        if "expression depth" in message:
            raise SqlRefused(TOO_DEEP)
        at = int(document["position"]) - opening if "position" in document else None
        raise InvalidSql(placed(sql, at, f"{message}.{_quoting_hint(message, keys)}"))
    if document["error"] and opening:  # as the whole statement it was a SELECT
        raise SqlRefused("Only a SELECT that can stand in parentheses can be run.")
    return document


def _quoting_hint(message: str, keys: Mapping[str, str]) -> str:
    """What to do when the parser stumbles over a table's key that is a word of SQL."""
    found = _STUMBLED_OVER.search(message)
    key = None if found is None else keys.get(folded(found[1]))
    return "" if key is None else f' The table of that name is written in quotes: "{key}".'


class _Reader:
    """Walks a syntax tree and refuses what isn't known."""

    def __init__(self, sql: str, opening: int, keys: Mapping[str, str]) -> None:
        self.used: set[str] = set()
        self._sql = sql
        self._opening = opening
        self._keys = keys

    def read(self, node: Any, ctes: frozenset[str], at: int | None) -> None:
        """Read one node and all below it.

        Parameters
        ----------
        ctes : frozenset of str
            The folded names of the CTEs that are in scope.
        at : int or None
            The byte of the nearest node whose place is known.
        """
        if isinstance(node, list):
            for item in node:
                self.read(item, ctes, at)
        if not isinstance(node, dict):
            return
        given = node.get("query_location", NO_PLACE)
        if given != NO_PLACE and given >= self._opening:
            at = given - self._opening
        ctes = self._read_ctes(node, ctes, at)
        if node.get("sample") is not None:
            self._refuse(f"a sample can't be drawn in SQL. {BY_SAMPLING}", at)
        self._check(node, ctes, at)
        for name, child in node.items():
            if name == "function" and node.get("type") == "TABLE_FUNCTION":
                # It was checked with its node, against another list than those in expressions.
                self.read(child["arguments"], ctes, at)
            elif name == "right" and node.get("type") == "RECURSIVE_CTE_NODE":
                self.read(child, ctes | {folded(node["cte_name"])}, at)
            elif name not in ("literal", "cte_map"):
                self.read(child, ctes, at)

    def _read_ctes(
        self, node: dict[str, Any], ctes: frozenset[str], at: int | None
    ) -> frozenset[str]:
        """Read a node's WITH clause; returns the names of the CTEs that the node itself can read.

        As in DuckDB, a CTE can read those before it, and itself only in the recursive part of a
        WITH RECURSIVE. Any other use of its own name means a table, or a CTE further out.
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
            what = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").replace("_", " ")
            self._refuse(f"{what} can't stand in a query.", at)

    def _check_expression(self, node: dict[str, Any], at: int | None) -> None:
        kind = node["class"]
        if kind == "PARAMETER":
            self._refuse("a query takes no parameters; write the value itself.", at)
        if kind not in EXPRESSIONS:
            self._refuse(f"this kind of expression ({kind}) isn't offered.", at)
        if kind in ("FUNCTION", "WINDOW"):
            self._check_function(node, at, in_from=False)

    def _check_function(self, node: dict[str, Any], at: int | None, *, in_from: bool) -> None:
        why = refusal(node["function_name"], in_from=in_from)
        if why is not None:
            self._refuse(why, at)

    def _check_table(self, node: dict[str, Any], ctes: frozenset[str], at: int | None) -> None:
        if node["at_clause"] is not None:
            self._refuse("AT isn't offered; the query's source_ref says which commit is read.", at)
        path = node["qualified_name"]["path"]
        if len(path) > 1:
            self._refuse(f'tables are named by their key alone, not as "{".".join(path)}".', at)
        name = folded(node["table_name"])
        if name in self._keys:
            self.used.add(self._keys[name])  # also where WITH hides it: WITH t AS (SELECT … FROM t)
        elif name not in ctes:
            choices = choices_sentence(node["table_name"], sorted(self._keys.values()))
            message = f'there is no table "{node["table_name"]}". {choices}'
            raise InvalidSql(placed(self._sql, at, message))

    def _refuse(self, message: str, at: int | None) -> None:
        raise SqlRefused(placed(self._sql, at, message))
