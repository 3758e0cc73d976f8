"""Requests of data contracts: what each new version of a table must meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from contract.declarations import Help, Option, RefusedField, Request, Title
from contract.fields import Bounds, ColumnName, Count, Flag, Items, Part, Share, Text
from contract.requests.datasets import KeyTable
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN, MAX_REF_LENGTH
from contract.requests.tables import MAX_EXPRESSION_LENGTH, PRIMARY

MAX_COLUMNS = 2_000
MAX_CONDITIONS = 100
MAX_REASON = 1_000
NULL_SHARE = Share(
    bounds=Bounds(0, 1),
    refusal="A share of NULL is from 0 to 1, such as 0.05 or 5%; 0 is no NULL at all.",
)


class ContractColumn(Request):
    """A column that a data contract declares."""

    name: Annotated[str, ColumnName(), Help("The name of the column.")]
    type: Annotated[
        str | None,
        Text(1, 200),
        Help("Its type, such as `VARCHAR` or `DECIMAL(12,2)`; any type if it is left out."),
    ] = None
    max_null_share: Annotated[
        float, NULL_SHARE, Title("Largest share of NULL"), Help("0 if it may have no NULL.")
    ] = 1


def has_ordered_bounds(given: Mapping[str, Any]) -> None:
    """The bounds of the number of rows are in order."""
    least, most = given.get("min_rows"), given.get("max_rows")
    if least is not None and most is not None and least > most:
        raise RefusedField("max_rows", "`max_rows` is less than `min_rows`.")


class DataContractRequest(Request):
    """The data contract of a table."""

    rules = (has_ordered_bounds,)

    @classmethod
    def reshaped(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A form has an object of its columns by their places, and says which are declared."""
        columns = data.get("columns")
        if not isinstance(columns, Mapping):
            return data
        declared = [
            {name: value for name, value in column.items() if name != "declared"}
            for column in columns.values()
            if isinstance(column, Mapping) and column.get("declared")
        ]
        return {**data, "columns": declared}

    table_key: KeyTable = PRIMARY
    columns: Annotated[
        Sequence[ContractColumn],
        Items(Part(ContractColumn), MAX_COLUMNS),
        Option(None),
        Help("Columns that each version must have."),
    ] = ()
    more_columns: Annotated[
        bool, Flag(), Title("May have more columns"), Help("Whether it may have other columns.")
    ] = False
    min_rows: Annotated[
        int | None, Count(Bounds(least=0)), Title("Least rows"), Help("The least number of rows.")
    ] = None
    max_rows: Annotated[
        int | None, Count(Bounds(least=0)), Title("Most rows"), Help("The largest number of rows.")
    ] = None
    row_key: Annotated[
        bool,
        Flag(),
        Title("The row key must hold"),
        Help("Whether the row key that is declared for the table must hold."),
    ] = True
    conditions: Annotated[
        Sequence[str],
        Items(Text(1, MAX_EXPRESSION_LENGTH, "FILTER"), MAX_CONDITIONS),
        Option("--condition"),
        Help(
            "Filters that are false for no row, such as `amount >= 0` or `type IN ('A', 'B')`. "
            "As in a CHECK of SQL, a row for which one is NULL meets it."
        ),
    ] = ()


class DataContractTableRequest(Request):
    """The table whose data contract is meant."""

    table_key: KeyTable = PRIMARY


class DataContractVersionRequest(DataContractTableRequest):
    """A version of a table, which a data contract is compared with or proposed from."""

    source_ref: Annotated[
        str,
        Text(1, MAX_REF_LENGTH),
        Title("Version"),
        Option("--ref"),
        Help("The ref whose newest version is read."),
    ] = MAIN


class KeptApartRequest(PageRequest):
    """A page of the versions that were kept apart."""


class AcceptanceRequest(Request):
    """Accept a version that doesn't meet the data contract."""

    reason: Annotated[str, Text(1, MAX_REASON), Help("Why it is accepted; the audit trail has it.")]
