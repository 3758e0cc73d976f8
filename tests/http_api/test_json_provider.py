"""JSON answers: what orjson writes, and what it leaves to Flask's own provider."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, jsonify

from http_api.server.json import OrjsonProvider


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [0.1, 1e300, True, None], "é": "Ω\u2028</script>"},
        {"too large": 2**64, "b": 1},
        {"no text": "\ud800"},
        {1: "a key that is a number"},
        {"decimal": Decimal("0.10")},
        [],
    ],
    ids=repr,
)
def test_every_value_comes_back_as_it_was_with_its_keys_in_order(value: Any) -> None:
    app = Flask("test")
    app.json = OrjsonProvider(app)
    with app.test_request_context():
        response = jsonify(value)
    assert response.mimetype == "application/json"
    assert response.get_data().endswith(b"\n")
    parsed = json.loads(response.get_data())
    assert parsed == json.loads(json.dumps(value, default=str))
    if isinstance(value, dict):
        assert list(parsed) == [str(key) for key in value]
