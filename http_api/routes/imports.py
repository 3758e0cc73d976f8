"""Routes of imports: preview a file, import it into a ref."""

from __future__ import annotations

import json
from functools import wraps
from pathlib import PurePath, PureWindowsPath
from typing import Any, cast

from apiflask import Schema
from apiflask.fields import File
from flask import request
from marshmallow import ValidationError, fields, validate

from application.identity.column_reports import preview_changes
from application.import_preview import preview_import, preview_uri
from application.job_submission import (
    MAX_URI_LENGTH,
    required_columns,
    submit_import,
    submit_uri_import,
)
from domain_errors import InvalidRequest
from http_api.access import SignedInBlueprint, View, access, caller, service
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
    StrictBoolean,
    StrictInteger,
    StrictString,
    check_name,
    check_text,
    invalid,
    kind_of,
)
from http_api.schemas.jobs import JobAccepted, accepted, priority_field
from http_api.server.uploads import written_path

blueprint = SignedInBlueprint("imports", __name__, url_prefix="/api/datasets", tag="Import")


class OptionsIn(StrictSchema):
    """The import options; the import engine checks their values."""

    sheet = StrictString(description="The only sheet of a workbook to import.")
    header_row = StrictInteger(
        description="The row with the column names, counted from 1; 0 if there is none."
    )
    skip_above = StrictInteger(description="Rows to skip at the start.")
    skip_below = StrictInteger(description="Rows to skip at the end.")
    delimiter = StrictString(description="One character, or `tab`.")
    decimal = StrictString(description="`.` or `,`.")
    thousands = StrictString(description="`.` `,` `'` or a space; empty if there is none.")
    date_order = StrictString(description="`dmy`, `mdy` or `ymd`.")
    encoding = StrictString(description="A text encoding, for example `cp1252`.")
    types = fields.Dict(
        keys=fields.String(),
        values=StrictString(),
        metadata={"description": "The types of columns, by their names in the file."},
    )
    names = fields.Dict(
        keys=fields.String(),
        values=StrictString(),
        metadata={"description": "New names of columns, by their names in the file."},
    )


class OptionsField(fields.Field[dict[str, Any]]):
    """A form field with the import options as JSON."""

    def __init__(self) -> None:
        super().__init__(
            load_default=dict,
            metadata={
                "type": "string",
                "description": "Import options as a JSON object; what is left out is detected: "
                f"{', '.join(OptionsIn().fields)}.",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Any]:
        try:
            given = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise invalid("Must be a JSON object.") from None
        if not isinstance(given, dict):
            raise invalid("Must be a JSON object, not {given}.", given=kind_of(given))
        return cast(dict[str, Any], OptionsIn().load(given))


class UriPreviewIn(StrictSchema):
    """The JSON alternative of ``PreviewIn``."""

    uri = text(
        1,
        MAX_URI_LENGTH,
        required=True,
        description="An https, s3, gs, az or file URI under an allowed prefix. One that ends with "
        "a slash is a folder, whose files make one table.",
    )
    options = fields.Nested(OptionsIn, load_default=dict)


class UriDatasetPreviewIn(UriPreviewIn):
    """The JSON alternative of ``DatasetPreviewIn``."""

    ref = ref_field()


class UriImportIn(UriPreviewIn):
    """The JSON alternative of ``ImportIn``."""

    require_columns = StrictBoolean(load_default=False, description=REQUIRE_COLUMNS)
    commit_message = text(0, 10_000)
    priority = priority_field()


class ImportIn(StrictSchema):
    or_json = UriImportIn

    file = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "CSV, TSV, JSON, NDJSON, Parquet or XLSX."}
    )
    commit_message = text(0, 10_000)
    options = OptionsField()
    require_columns = StrictString(
        load_default="false",
        validate=validate.OneOf(("true", "false")),
        description=REQUIRE_COLUMNS,
    )
    priority = priority_field()


class PreviewIn(StrictSchema):
    or_json = UriPreviewIn

    file = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "The file, or the beginning of a text file."}
    )
    whole = StrictString(load_default="true", validate=validate.OneOf(("true", "false")))
    end = File(  # type: ignore[no-untyped-call]
        metadata={"description": "The end of the text file, if `file` is its beginning."}
    )
    options = OptionsField()


class DatasetPreviewIn(PreviewIn):
    or_json = UriDatasetPreviewIn

    ref = ref_field()


class ChoiceOut(Schema):
    label = out.string()
    options = out.json_object("Import options that make this choice.")


class QuestionOut(Schema):
    """A question about a file's values, which stay text until an option decides."""

    code = out.string("`ambiguous_date`, `ambiguous_number`, `digits` or `mixed_values`.")
    column = out.string("The column's name in the file.")
    text = out.string()
    choices = out.list_of(ChoiceOut)


class PreviewTableOut(Schema):
    key = out.string()
    columns = out.list_of(
        fields.Dict(),
        "name, type (null if the beginning has no value), source_name (in the file) and changes "
        "(of the values' form, for example `decimal comma`).",
    )
    row_count = out.integer("Null for the beginning of a file.", null=True)
    data = out.list_of(fields.Dict(), "The first rows.")
    notes = out.list_of(fields.String())
    detected = out.json_object("The import options that were used, given or detected.")
    questions = out.list_of(QuestionOut)


class OptionProblemOut(Schema):
    loc = out.list_of(fields.String(), "The option, for example `options`, `types`, `Amount`.")
    message = out.string()
    template = out.string("The message with the names of parameters in braces.")
    parameters = out.json_object("The values of the template by name.")


class DatasetPreviewOut(Schema):
    tables = out.list_of(PreviewTableOut)
    raw_lines = out.list_of(fields.String(), "The first lines of a text, as they are in the file.")
    problems = out.list_of(OptionProblemOut, "Options that the file's values don't fit.")
    column_changes = out.nested(
        ColumnChangesOut, "What the import would change in the columns of the ref.", null=True
    )


class PreviewOut(Schema):
    tables = out.list_of(PreviewTableOut)
    raw_lines = out.list_of(fields.String(), "The first lines of a text, as they are in the file.")
    problems = out.list_of(OptionProblemOut, "Options that the file's values don't fit.")


def large_uploads(view: View) -> View:
    """Count a request with a large file as slow work, since its thread copies the file."""

    @wraps(view)
    def counted(*args: Any, **values: Any) -> Any:
        size_bytes = request.content_length
        limits = access().work_limits
        if size_bytes is not None and size_bytes <= limits.small_upload_bytes:
            return view(*args, **values)
        with limits.uploads.piece(caller().user.id):
            return view(*args, **values)

    return cast(View, counted)


@blueprint.post(
    "/<int:dataset_id>/preview",
    form=DatasetPreviewIn,
    output=DatasetPreviewOut,
    guard=large_uploads,
)
def preview(dataset_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Preview the import of a file.

    Columns, types and first rows as an import with the same `options` gives them, what was
    detected and what the file leaves open; nothing is stored. Send `whole=false` with the beginning
    of a text file, and its `end` to find totals. At most 32 MiB. Instead of the form, send JSON
    with the `uri` of a file: little is read of a large one. `column_changes` compares the columns
    with those of `ref`.
    """
    caller().dataset(dataset_id, "write")
    found = _preview(given)
    shapes = [shape_of_preview(table) for table in found["tables"]]
    return {**found, "column_changes": preview_changes(caller(), dataset_id, given["ref"], shapes)}


@blueprint.post("/preview", form=PreviewIn, output=PreviewOut, guard=large_uploads)
def first_preview(given: dict[str, Any]) -> dict[str, Any]:
    """Preview a file without a dataset.

    For users who can create a dataset.
    """
    caller().require_role("admin", "analyst")
    return _preview(given)


@blueprint.post(
    "/<int:dataset_id>/refs/<ref>/import", form=ImportIn, output=JobAccepted, guard=large_uploads
)
def import_file(dataset_id: int, ref: str, given: dict[str, Any]) -> JobAccepted:
    """Import a file.

    A job reads the file; then the ref moves to its commit. Instead of the form, send JSON with the
    `uri` of a file: the job downloads it.
    """
    dataset = caller().dataset(dataset_id, "write")
    message, options = given.get("commit_message"), given["options"]
    require_columns = given["require_columns"] in (True, "true")
    meaning = {**options, **required_columns(require_columns)}
    if "uri" in given:
        by = submission(given["priority"], given["uri"], message or "", body=meaning or None)
        job = submit_uri_import(
            service(),
            by,
            dataset,
            given["uri"],
            ref_name=ref,
            commit_message=message,
            options=options,
            require_columns=require_columns,
        )
        return accepted(job, "Import job created")
    upload = given["file"]
    path = written_path(upload.stream)
    name = plain_name(upload.filename or "")
    by = submission(given["priority"], name, message or "", body=meaning or None, file=path)
    job = submit_import(
        service(),
        by,
        dataset,
        path,
        ref_name=ref,
        file_name=name,
        commit_message=message,
        options=options,
        require_columns=require_columns,
    )
    return accepted(job, "Import job created")


def _preview(given: dict[str, Any]) -> dict[str, Any]:
    if "uri" in given:
        with access().work_limits.previews.piece(caller().user.id):
            return preview_uri(service(), given["uri"], options=given["options"])
    upload = given["file"]
    name = plain_name(upload.filename or "")
    path = written_path(upload.stream)
    end = written_path(given["end"].stream) if given.get("end") else None
    with access().work_limits.previews.piece(caller().user.id):
        return preview_import(
            service(),
            path,
            name,
            whole=given["whole"] == "true",
            end=end,
            options=given["options"],
        )


def plain_name(given: str) -> str:
    """Return the base name of the client's file name; it is shown, never used as a path."""
    try:
        check_text(given)
        check_name(given)
    except ValidationError as error:
        raise InvalidRequest(
            "The name of `file`: {problem}", loc=("body", "file"), problem=str(error.messages[0])
        ) from None
    name = PurePath(PureWindowsPath(given).name).name
    if not name:
        raise InvalidRequest("`file` has no name.", loc=("body", "file"))
    return name[:200] if len(name) <= 200 else name[-200:]
