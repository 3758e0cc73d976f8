"""Requests that create, change and list datasets and refs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from contract.declarations import Help, Request
from contract.fields import Choice, Flag, Items, Name, Text
from contract.requests.pages import PageRequest
from contract.requests.submitting import MAX_REF_LENGTH

MAX_DESCRIPTION_LENGTH = 10_000
DatasetSort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
_NAME, _DESCRIPTION, _TAGS = Name(1, 200), Text(0, MAX_DESCRIPTION_LENGTH), Items(Name(1, 100), 100)


@dataclass(frozen=True, kw_only=True)
class DatasetRequest(Request):
    """Create a dataset."""

    name: Annotated[str, _NAME]
    description: Annotated[str, _DESCRIPTION] = ""
    tags: Annotated[Sequence[str], _TAGS] = ()


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class DatasetsRequest(PageRequest):
    """A page of datasets."""

    q: Annotated[str | None, Text(1, 200), Help("Part of the name or the description.")] = None
    name: Annotated[str | None, Text(1, 200), Help("The exact name, in any case.")] = None
    tag: Annotated[str | None, Text(1, 100)] = None
    sort: Annotated[DatasetSort, Choice.of(DatasetSort)] = "-updated_at"


@dataclass(frozen=True, kw_only=True)
class RefRequest(Request):
    """Name a version."""

    aliases = {  # noqa: RUF012 - never changed
        "ref_name": "name",
        "from_ref": "source_ref",
        "commit_id": "source_ref",
    }

    name: Annotated[str, Text(1, MAX_REF_LENGTH)]
    source_ref: Annotated[str, Text(1, MAX_REF_LENGTH), Help("The ref or the commit to name.")]
