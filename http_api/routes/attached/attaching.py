"""Routes that attach tables: a preview, and a job that publishes a commit."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields, validate

from application.attaching import MAX_FILES, preview_attach, submit_attach
from application.identity.column_reports import preview_changes
from application.job_submission import MAX_URI_LENGTH, required_columns
from http_api.access import SignedInBlueprint, access, caller, service
from http_api.routes.submissions import submission
from http_api.schemas import out
from http_api.schemas.base import StrictSchema, text
from http_api.schemas.column_changes import (
    REQUIRE_COLUMNS,
    ColumnChangesOut,
    ref_field,
    shape_of_preview,
)
from http_api.schemas.fields import (
    BoundedList,
    StrictBoolean,
    StrictString,
    TextLength,
    check_name,
    check_visible,
    invalid,
    kind_of,
)
from http_api.schemas.jobs import JobAccepted, accepted, priority_field
from service.tables.attached_files import TableToAttach
from service.tables.open_tables import PRIMARY

blueprint = SignedInBlueprint("attaching", __name__, url_prefix="/api/datasets", tag="Attach")
MAX_TABLES = 100
_ITEM = StrictString(validate=TextLength(1, MAX_URI_LENGTH))


class UrisField(fields.Field[tuple[str, ...]]):
    """One URI, or a list of URIs."""

    def __init__(self, **options: Any) -> None:
        one = {"type": "string", "minLength": 1, "maxLength": MAX_URI_LENGTH}
        several = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_FILES}
        super().__init__(
            metadata={
                "description": "The URI of a Parquet file, or of a folder (it ends with a slash) "
                "whose files are rows in the order of their names; or a list of them.",
                "anyOf": [one, several],
            },
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[str, ...]:
        if not isinstance(value, str | list):
            raise invalid("Must be a URI or a list of URIs, not {given}.", given=kind_of(value))
        given = [value] if isinstance(value, str) else value
        validate.Length(1, MAX_FILES)(given)
        return tuple(_ITEM.deserialize(each) for each in given)


def _check_one_segment(key: str) -> None:
    if "/" in key or key in (".", ".."):
        raise invalid("A table's key is part of addresses: it has no slash and isn't . or ..")


class TableIn(StrictSchema):
    table_key = StrictString(
        validate=[TextLength(1, 100), check_visible, check_name, _check_one_segment],
        load_default=PRIMARY,
    )
    uri = UrisField(required=True)
    connection = text(
        1,
        64,
        load_default=None,
        description="Default: yours with the longest prefix of the URI; needed if several have it.",
    )


class AttachPreviewIn(StrictSchema):
    tables = BoundedList(fields.Nested(TableIn), least=1, most=MAX_TABLES, required=True)


class DatasetAttachPreviewIn(AttachPreviewIn):
    ref = ref_field()


class AttachIn(AttachPreviewIn):
    verify = StrictBoolean(
        load_default=False,
        description="Read the files whole: count their rows, and compare the statistics of their "
        "footers with their values. A file whose footer is wrong is refused. Otherwise the rows "
        "that footers state are believed, and statistics aren't used.",
    )
    require_columns = StrictBoolean(load_default=False, description=REQUIRE_COLUMNS)
    commit_message = text(0, 10_000)
    priority = priority_field()


class AttachedFileOut(Schema):
    uri = out.string()
    rows = out.integer()
    size_bytes = out.integer()


class AttachedTableOut(Schema):
    table_key = out.string()
    connection = out.string()
    columns = out.list_of(fields.Dict(), "name and type.")
    row_count = out.integer()
    size_bytes = out.integer()
    file_count = out.integer()
    files = out.list_of(AttachedFileOut, "The first files.")
    notes = out.list_of(fields.String(), "Columns of partitions, which the files don't have.")


class AttachPreviewOut(Schema):
    tables = out.list_of(AttachedTableOut)


class DatasetAttachPreviewOut(AttachPreviewOut):
    column_changes = out.nested(
        ColumnChangesOut, "What attaching would change in the columns of the ref.", null=True
    )


@blueprint.post(
    "/<int:dataset_id>/attach/preview", body=DatasetAttachPreviewIn, output=DatasetAttachPreviewOut
)
def preview(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Describe tables before they are attached.

    Reads the footers of the files: their number, rows, columns and bytes. Nothing is stored.
    `column_changes` compares the columns with those of `ref`.
    """
    caller().dataset(dataset_id, "write")
    found = _preview(given)
    shapes = [shape_of_preview(table) for table in found["tables"]]
    return {**found, "column_changes": preview_changes(caller(), dataset_id, given["ref"], shapes)}


@blueprint.post("/attach/preview", body=AttachPreviewIn, output=AttachPreviewOut)
def first_preview(given: dict[str, Any]) -> dict[str, Any]:
    """Describe tables without a dataset.

    For users who can create a dataset.
    """
    caller().require_role("admin", "analyst")
    return _preview(given)


def _preview(given: dict[str, Any]) -> dict[str, Any]:
    with access().work_limits.previews.piece(caller().user.id):
        tables = preview_attach(service(), caller().user, _tables(given))
    for table in tables:
        table["columns"] = [vars(column) for column in table["columns"]]
    return {"tables": tables}


@blueprint.post("/<int:dataset_id>/refs/<ref>/attach", body=AttachIn, output=JobAccepted)
def attach(dataset_id: int, ref: str, given: dict[str, Any]) -> JobAccepted:
    """Attach tables: their Parquet files stay where they are.

    A job reads the footers of the files, and with `verify` the files; then the ref moves to a
    commit that names each file with its size and its ETag, or its modification time and inode. A
    file that changes later is refused with `source_changed`.
    """
    dataset = caller().dataset(dataset_id, "write")
    tables = _tables(given)
    meaning: dict[str, Any] = {
        "tables": [table.to_json() for table in tables],
        **required_columns(given["require_columns"]),
    }
    if given["verify"]:
        meaning["verify"] = True
    by = submission(given["priority"], given.get("commit_message") or "", body=meaning)
    job = submit_attach(
        service(),
        by,
        dataset,
        tables,
        ref_name=ref,
        commit_message=given.get("commit_message"),
        verifies=given["verify"],
        require_columns=given["require_columns"],
    )
    return accepted(job, "Attach job created")


def _tables(given: dict[str, Any]) -> list[TableToAttach]:
    return [
        TableToAttach(table["table_key"], table["uri"], table["connection"] or "")
        for table in given["tables"]
    ]
