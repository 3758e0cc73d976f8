"""Which functions a user's SQL may call: the groups of ``allowed_functions.txt``.

Invariant: what isn't listed is refused. Names are compared in lower case, as DuckDB does.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files

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
