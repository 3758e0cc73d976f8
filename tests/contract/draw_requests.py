"""Bodies of requests for draws, and the rounds in them."""

from __future__ import annotations

from typing import Any

RANDOM = {"rounds": [{"round_number": 1, "method": "random", "parameters": {"sample_size": 10}}]}


def random_with(**parameters: Any) -> dict[str, Any]:
    return {"rounds": [{"method": "random", "parameters": parameters}]}


def stratified_with(**parameters: Any) -> dict[str, Any]:
    return {"rounds": [{"method": "stratified", "parameters": parameters}]}


def one_round(method: str, parameters: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"rounds": [{"method": method, "parameters": {"seed": 7, **parameters}, **rest}]}


def one(method: str, filters: str | None = None, **parameters: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"method": method, "parameters": {"seed": 5, **parameters}}
    return given if filters is None else {**given, "filters": {"expression": filters}}
