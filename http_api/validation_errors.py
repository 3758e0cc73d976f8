"""What is wrong with a request by its schema, as the list of errors of a problem document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

MOST_ERRORS = 100
"""A document lists so many errors at the most: a body can hold a hundred thousand."""

_LOCATIONS = {
    "json": "body",
    "json_or_form": "body",
    "form": "body",
    "files": "body",
    "form_and_files": "body",
    "query": "query",
}


def validation_errors(messages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Errors with their places, of marshmallow's messages by the request's part; never empty.

    >>> validation_errors({"json": {"rounds": {0: {"method": ["Not a valid string."]}}}})
    [{'loc': ['body', 'rounds', 0, 'method'], 'msg': 'Not a valid string.', 'type': 'value_error'}]
    """
    errors = [
        {"loc": list(loc), "msg": message, "type": "value_error"}
        for loc, message in islice(_flattened(messages), MOST_ERRORS)
    ]
    unread = {"loc": ["body"], "msg": "The request can't be read.", "type": "value_error"}
    return errors or [unread]


def place(loc: Sequence[str | int]) -> str:
    """A place as a person reads it.

    >>> place(["body", "rounds", 0, "method"])
    'rounds[0].method'
    """
    text = ""
    for part in loc[1:]:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or str(loc[0])


def _flattened(messages: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Marshmallow's nested messages as (place, message) pairs."""
    for location, nested in messages.items():
        for loc, message in _leaves(nested):
            yield (_LOCATIONS.get(location, location), *loc), message


def _leaves(nested: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(nested, Mapping):
        for key, value in nested.items():
            here = () if key == "_schema" else (key,)
            for loc, message in _leaves(value):
                yield (*here, *loc), message
    elif isinstance(nested, list | tuple):
        for item in nested:
            yield from _leaves(item)
    else:
        yield (), str(nested)
