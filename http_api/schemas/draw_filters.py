"""The filter of a draw as JSON: a filter of rows, an earlier version, earlier draws, audit tests.

A loaded filter has their members beside those of a filter of rows.
"""

from __future__ import annotations

from typing import Any

from contract.fields import DrawFilterKind
from contract.requests.draw import EARLIER, EARLIER_JOBS, EarlierFilterRequest
from http_api.schemas.contract import FIELDS, body_schema
from http_api.schemas.filters import SHAPES, FiltersField

_EARLIER_SHAPES = {
    "new_since": {"type": "string"},
    **{name: {"type": "array", "items": {"type": "string"}} for name in EARLIER_JOBS},
}


class DrawFiltersField(FiltersField):
    """A filter of rows and those of ``EarlierFilterRequest``, of which all must hold."""

    description = (
        f"{FiltersField.description} `new_since` and `not_drawn_by`, beside them or alone, name an "
        "earlier version and earlier draws whose rows aren't drawn; `found_by` and `not_found_by` "
        "name audit tests whose found rows alone are drawn, or aren't."
    )
    shapes = (
        *(
            {**shape, "properties": {**shape["properties"], **_EARLIER_SHAPES}}
            if "properties" in shape
            else shape
            for shape in SHAPES
        ),
        {"type": "object", "properties": _EARLIER_SHAPES, "minProperties": 1},
    )

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            return super()._deserialize(value, attr, data, **kwargs)
        present = {name: part for name, part in value.items() if part is not None}
        earlier = {name: present.pop(name) for name in EARLIER if name in present}
        if not earlier:
            return super()._deserialize(present, attr, data, **kwargs)
        loaded: dict[str, Any] = body_schema(EarlierFilterRequest)().load(earlier)
        rows = super()._deserialize(present, attr, data, **kwargs) if present else {}
        return {**rows, **loaded}


FIELDS[DrawFilterKind] = lambda _, options: DrawFiltersField(
    **{name: value for name, value in options.items() if name != "metadata"}
)
