"""The schema of a size's request, whose design is a round without its size."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from contract.requests.size import SizeRequest
from http_api.schemas.contract import body_schema
from http_api.schemas.rounds import AnyRoundIn
from sampling_engine import METHODS, method_class
from sampling_engine.methods.method import SIZE_NAMES
from sampling_engine.methods.stratified import OWN_ALLOCATION

KNOWN = {method.name for method in METHODS}


class SizeIn(body_schema(SizeRequest)):  # type: ignore[misc]
    """Goals, and a round without its size."""

    design = fields.Nested(AnyRoundIn, required=True)

    def reshape(self, data: Any) -> Any:
        """Give the design a size where its method needs one: the answer replaces it."""
        data = super().reshape(data)
        design = data.get("design") if isinstance(data, dict) else None
        if not isinstance(design, dict) or not isinstance(design.get("parameters", {}), dict):
            return data
        is_optimal = data.get("allocation") == "optimal"
        replaced = (*SIZE_NAMES, *OWN_ALLOCATION) if is_optimal else SIZE_NAMES
        parameters = design.get("parameters") or {}
        given = {name: value for name, value in parameters.items() if name not in replaced}
        name = design.get("method")
        if isinstance(name, str) and name in KNOWN:
            given = method_class(name).with_any_size(given)
        return {**data, "design": {**design, "parameters": given}}
