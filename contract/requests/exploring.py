"""Requests that explore a table: a report, a SELECT, the changed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request
from contract.fields import Bounds, ColumnName, Count, Items, Name, Part, Text
from contract.requests.pages import DEFAULT_PAGE, MAX_PAGE
from contract.requests.submitting import (
    MAIN,
    MAX_KEY_LENGTH,
    MAX_REF_LENGTH,
    CommitMessage,
    JobPriority,
    SourceRef,
    TableKey,
)

MAX_SQL_LENGTH = 100_000
MAX_KEYS = 20
MAX_OUTPUT_NAME = 90
SQL = Text(1, MAX_SQL_LENGTH)
ABOUT_SQL = Help("One SELECT over the tables of `source_ref`, each named by its key.")


@dataclass(frozen=True, kw_only=True)
class CompareToRequest(Request):
    """Another table of the same dataset."""

    aliases = {"ref": "source_ref"}  # noqa: RUF012 - never changed

    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Option(None)]
    table_key: Annotated[str | None, Text(1, MAX_KEY_LENGTH), Option(None)] = None


def fits_the_purpose(given: Mapping[str, Any]) -> None:
    """Each kind of exploration has its own fields."""
    for name in ("compare_to", "keys"):
        if "sql" in given and name in given:
            raise RefusedField(name, f"`{name}` can't be combined with `sql`.")
    if "keys" in given and "compare_to" not in given:
        raise RefusedField("keys", "`keys` needs `compare_to`.")
    for name in ("output_name", "commit_message"):
        if name in given and not {"sql", "keys"} & given.keys():
            raise RefusedField(name, f"`{name}` needs `sql` or `keys`: a report makes no commit.")


@dataclass(frozen=True, kw_only=True)
class ExplorationRequest(Request):
    """An exploration job: with `sql` a query, with `keys` a row diff, else a report of a table."""

    rules = (fits_the_purpose,)

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    sql: Annotated[str | None, SQL, ABOUT_SQL] = None
    compare_to: Annotated[
        CompareToRequest | None,
        Part(CompareToRequest),
        Help("For a report: a table to compare with. For a row diff: the later table."),
    ] = None
    keys: Annotated[
        Sequence[str] | None,
        Items(ColumnName(), MAX_KEYS, 1),
        Help(
            "For a row diff from the table of `source_ref` to that of `compare_to`: the columns "
            "that identify a row in both."
        ),
    ] = None
    output_name: Annotated[
        str | None,
        Name(1, MAX_OUTPUT_NAME),
        Help("Names the result by the ref `expl-<output_name>`."),
    ] = None
    commit_message: CommitMessage = None
    priority: JobPriority = "interactive"


@dataclass(frozen=True, kw_only=True)
class SelectRequest(Request):
    """A query whose first rows are in the response."""

    source_ref: SourceRef = MAIN
    sql: Annotated[str, SQL, ABOUT_SQL]
    limit: Annotated[int, Count(Bounds(1, MAX_PAGE))] = DEFAULT_PAGE
