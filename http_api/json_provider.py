"""JSON answers, written by orjson.

Invariant: whatever Flask's own provider can write is written; what orjson refuses, integers of more
than 64 bits and text that isn't valid Unicode, is left to it.
"""

from __future__ import annotations

from typing import Any, cast

import orjson
from flask import Response
from flask.json.provider import DefaultJSONProvider


class OrjsonProvider(DefaultJSONProvider):
    """Flask's provider with a faster writer; keys stay in their order."""

    sort_keys = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A response whose body is the JSON of its arguments."""
        value = self._prepare_response_obj(args, kwargs)
        try:
            body = orjson.dumps(value, default=self.default, option=orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError:
            return cast(Response, super().response(*args, **kwargs))
        return Response(body, mimetype=self.mimetype)
