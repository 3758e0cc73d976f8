"""Two groups of a column as one text, such as ``model=a:b``.

A part in double quotes is taken as it is, a quote in it written twice. Without quotes a number,
true or false is one, and nothing is a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from domain_errors import InvalidRequest

QUOTED = r'"(?:[^"]|"")*"'
GROUPS = re.compile(
    rf"(?P<by>{QUOTED}|[^\"=]+)=(?P<first>{QUOTED}|[^\":]*):(?P<second>{QUOTED}|[^\":]*)", re.DOTALL
)
Group = str | float | bool | None


def read_two_groups(text: str) -> dict[str, Any]:
    """The column and both values.

    Raises
    ------
    InvalidRequest
        The text isn't of this form.
    """
    parts = GROUPS.fullmatch(text)
    if parts is None:
        raise InvalidRequest(
            "{text} isn't COLUMN=FIRST:SECOND, such as model=a:b; a part with a colon stands in "
            "double quotes.",
            text=text[:60],
        )
    return {
        "by": _unquoted(parts["by"]),
        "first": _value(parts["first"]),
        "second": _value(parts["second"]),
    }


def two_groups_text(groups: Mapping[str, Any]) -> str:
    """The text that :func:`read_two_groups` reads as these groups."""
    by = str(groups["by"])
    name = _quoted(by) if re.search(r'["=]', by) else by
    return f"{name}={_text(groups['first'])}:{_text(groups['second'])}"


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _value(text: str) -> Group:
    if text.startswith('"'):
        return _unquoted(text)
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text or None


def _text(value: Group) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    is_plain = value and not re.search(r'[":]', value) and _value(value) == value
    return value if is_plain else _quoted(value)
