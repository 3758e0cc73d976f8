"""Long texts and nested values as people read them: JSON indented, conversations as turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from parquet_tables.json_values import without_repeats

SHORT_JSON, SHORT_TEXT = 40, 200
"""Characters of a JSON text, and of another one, that is shown as it is."""
MAX_CHARACTERS = 20_000
"""Characters of a text that a grid holds."""


def readable_text(value: Any) -> str | None:
    """Return a long text with its JSON indented; None for a short one.

    A list of objects with the keys ``role`` and ``content``, as logs of language models have them,
    is shown as turns. A text that isn't JSON is unchanged. More than 20,000 characters are cut,
    with a last line that says so.

    >>> readable_text('[{"role": "user", "content": "Where is my order?"}]')
    'user: Where is my order?'
    """
    if not isinstance(value, str) or len(value) <= SHORT_JSON:
        return None
    text = value
    if value.startswith(("{", "[")) and len(value) <= MAX_CHARACTERS:
        with suppress(ValueError, RecursionError):
            text = _indented(json.loads(value, object_pairs_hook=without_repeats))
    if text is value and len(value) <= SHORT_TEXT:
        return None
    if len(text) <= MAX_CHARACTERS:
        return text
    left = len(text) - MAX_CHARACTERS
    return f"{text[:MAX_CHARACTERS]}\n… {left:,} more characters: download the rows to read them."


def _indented(value: Any) -> str:
    if isinstance(value, list) and value and all(map(_is_turn, value)):
        return "\n\n".join(map(_turn, value))
    return json.dumps(value, indent=2, ensure_ascii=False)


def _is_turn(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("role"), str) and "content" in value


def _turn(turn: Mapping[str, Any]) -> str:
    """A turn: its role and content, and below them its other keys, such as tool calls."""
    content = turn["content"]
    text = (
        content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
    )
    others = {key: value for key, value in turn.items() if key not in ("role", "content")}
    rest = f"\n{json.dumps(others, indent=2, ensure_ascii=False)}" if others else ""
    return f"{turn['role']}: {text}{rest}"
