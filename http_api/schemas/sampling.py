"""The rows of a sample, with what their answer says of the draw."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import fields

from http_api.routes.row_responses import RowsOut
from http_api.schemas import out


class ResidualInfoOut(Schema):
    residual_rows = out.integer(null=True)
    exported = out.boolean()


class SampleMetadataOut(Schema):
    sampling_summary = out.json_object()
    round_details = out.list_of(fields.Dict())
    residual_info = out.nested(ResidualInfoOut)


class SampleRowsOut(RowsOut):
    job_id = out.string()
    metadata = out.nested(SampleMetadataOut)
