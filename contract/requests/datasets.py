"""Requests that create, change and list datasets and refs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from contract.declarations import Help, Option, Request, Title
from contract.fields import Bounds, Choice, ColumnName, Count, Flag, Items, Name, Text
from contract.requests.draw import MAX_KEY_COLUMNS
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAIN, MAX_KEY_LENGTH, MAX_REF_LENGTH
from contract.requests.tables import PRIMARY
from contract.words import Duplicates

MAX_DESCRIPTION_LENGTH = 10_000
DatasetSort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
_NAME, _DESCRIPTION, _TAGS = Name(1, 200), Text(0, MAX_DESCRIPTION_LENGTH), Items(Name(1, 100), 100)


class DatasetRequest(Request):
    """Create a dataset."""

    name: Annotated[str, _NAME]
    description: Annotated[str, _DESCRIPTION] = ""
    tags: Annotated[Sequence[str], _TAGS] = ()


class DatasetChangeRequest(Request):
    """Change a dataset."""

    name: Annotated[str | None, _NAME] = None
    description: Annotated[str | None, _DESCRIPTION] = None
    tags: Annotated[Sequence[str] | None, _TAGS] = None
    require_columns: Annotated[
        bool | None,
        Flag(),
        Help("Refuse imports that change the columns of a version. Needs the level admin."),
    ] = None


class DatasetsRequest(PageRequest):
    """A page of datasets."""

    q: Annotated[str | None, Text(1, 200), Help("Part of the name or the description.")] = None
    name: Annotated[str | None, Text(1, 200), Help("The exact name, in any case.")] = None
    tag: Annotated[str | None, Text(1, 100)] = None
    sort: Annotated[DatasetSort, Choice.of(DatasetSort)] = "-updated_at"


class RefRequest(Request):
    """Name a version."""

    aliases = {  # noqa: RUF012 - never changed
        "ref_name": "name",
        "from_ref": "source_ref",
        "commit_id": "source_ref",
    }

    name: Annotated[str, Text(1, MAX_REF_LENGTH)]
    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Help("The ref or the commit to name.")]


KeyTable = Annotated[
    str, Text(1, MAX_KEY_LENGTH), Title("Table"), Option("--table"), Help("The key of the table.")
]
KeyRef = Annotated[
    str,
    Text(1, MAX_REF_LENGTH),
    Title("Version"),
    Option("--ref"),
    Help("The ref in whose newest version the key is checked."),
]


class RowKeyRequest(Request):
    """Declare the row key of a table."""

    table_key: KeyTable = PRIMARY
    columns: Annotated[
        Sequence[str],
        Items(ColumnName(), MAX_KEY_COLUMNS, least=1),
        Option(None),
        Help("The columns that identify a row: one to four."),
    ]
    duplicates: Annotated[
        Duplicates,
        Choice.of(Duplicates),
        Title("Equal keys"),
        Help(
            "`refuse`: no two rows may have the same key. `number`: rows that share their key are "
            "numbered in the order of their other values."
        ),
    ] = "refuse"
    source_ref: KeyRef = MAIN


class RowKeyTableRequest(Request):
    """The table whose row key is meant."""

    table_key: KeyTable = PRIMARY


class RowKeyStateRequest(PageRequest):
    """A page of versions with the state of the row key."""

    table_key: KeyTable = PRIMARY
    source_ref: Annotated[
        str, Text(1, MAX_REF_LENGTH), Option("--ref"), Help("The ref whose versions are listed.")
    ] = MAIN
    limit: Annotated[int, Count(Bounds(1, 100)), Help("Maximum number of versions.")] = 10
