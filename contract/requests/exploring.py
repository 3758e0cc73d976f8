"""Requests that explore a table: a report, a SELECT, the changed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request
from contract.fields import Bounds, Choice, ColumnName, Count, Flag, Items, Name, Part, Text
from contract.requests.draw import MAX_KEY_COLUMNS
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
from contract.words import Duplicates

MAX_SQL_LENGTH = 100_000
MAX_OUTPUT_NAME = 90
SQL = Text(1, MAX_SQL_LENGTH)
MAX_WITH_TABLE = MAX_REF_LENGTH + 100
MAX_WITH_TABLES = 20
WithTables = Annotated[
    Sequence[str],
    Items(Text(1, MAX_WITH_TABLE), MAX_WITH_TABLES),
    Option("--with"),
    Help(
        "Further tables of a query: `uploads`, `findings` and `answers` of the sample of "
        "`source_ref`, and versions, each a ref or a commit, also with a name, such as `now=main`."
    ),
]
ABOUT_SQL = Help("One SELECT over the tables of `source_ref`, each named by its key.")


class CompareToRequest(Request):
    """Another table of the same dataset."""

    aliases = {"ref": "source_ref"}  # noqa: RUF012 - never changed

    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Option(None)]
    table_key: Annotated[str | None, Text(1, MAX_KEY_LENGTH), Option(None)] = None


ROW_DIFF_FIELDS = ("row_diff", "keys", "duplicates")


def fits_the_purpose(given: Mapping[str, Any]) -> None:
    """Each kind of exploration has its own fields."""
    for name in ("compare_to", *ROW_DIFF_FIELDS):
        if "sql" in given and name in given:
            raise RefusedField(name, f"`{name}` can't be combined with `sql`.")
    for name in ROW_DIFF_FIELDS:
        if name in given and "compare_to" not in given:
            raise RefusedField(name, f"`{name}` needs `compare_to`.")
    if "keys" in given and given.get("row_diff") is False:
        raise RefusedField("row_diff", "`keys` make a row diff: leave out `keys` for a report.")
    if given.get("with_tables") and "sql" not in given:
        raise RefusedField("with_tables", "`with_tables` needs `sql`.")
    makes_table = "sql" in given or "keys" in given or given.get("row_diff", False)
    if "duplicates" in given and not makes_table:
        raise RefusedField("duplicates", "`duplicates` needs `keys` or `row_diff`.")
    for name in ("output_name", "commit_message"):
        if name in given and not makes_table:
            raise RefusedField(
                name, f"`{name}` needs `sql`, `keys` or `row_diff`: a report makes no commit."
            )


class ExplorationRequest(Request):
    """An exploration job: with `sql` a query, by `row_diff` or `keys` a row diff, else a report."""

    rules = (fits_the_purpose,)

    source_ref: SourceRef = MAIN
    table_key: TableKey = None
    sql: Annotated[str | None, SQL, ABOUT_SQL] = None
    with_tables: WithTables = ()
    compare_to: Annotated[
        CompareToRequest | None,
        Part(CompareToRequest),
        Help("For a report: a table to compare with. For a row diff: the later table."),
    ] = None
    row_diff: Annotated[
        bool | None,
        Flag(),
        Help("List the rows that differ from the table of `source_ref` to that of `compare_to`."),
    ] = None
    keys: Annotated[
        Sequence[str] | None,
        Items(ColumnName(), MAX_KEY_COLUMNS, 1),
        Help(
            "For a row diff: the columns that identify a row in both tables. Default: the row key "
            "of the table."
        ),
    ] = None
    duplicates: Annotated[
        Duplicates | None,
        Choice.of(Duplicates),
        Help(
            "Equal keys in a row diff: `refuse` them, or `number` their rows, so that those that "
            "differ least are partners. Default: as the row key of the table says, otherwise "
            "`refuse`."
        ),
    ] = None
    output_name: Annotated[
        str | None,
        Name(1, MAX_OUTPUT_NAME),
        Help("Names the result by the ref `expl-<output_name>`."),
    ] = None
    commit_message: CommitMessage = None
    priority: JobPriority = "interactive"

    @property
    def lists_rows(self) -> bool:
        """Whether the job lists the rows that differ."""
        return bool(self.row_diff) or self.keys is not None


class SelectRequest(Request):
    """A query whose first rows are in the response."""

    source_ref: SourceRef = MAIN
    sql: Annotated[str, SQL, ABOUT_SQL]
    with_tables: WithTables = ()
    limit: Annotated[int, Count(Bounds(1, MAX_PAGE))] = DEFAULT_PAGE
