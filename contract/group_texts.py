"""Two groups of a column as one text, such as ``model=a:b``.

A part in double quotes is taken as it is, a quote in it written twice. Without quotes a number,
true or false is one, and nothing is a missing value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from domain_errors import InvalidRequest

QUOTED = r'"(?:[^"]|"")*"'
GROUPS = re.compile(
    rf"(?P<by>{QUOTED}|[^\"=]+)=(?P<first>{QUOTED}|[^\":]*):(?P<second>{QUOTED}|[^\":]*)", re.DOTALL
)
Group = str | float | bool | None


class GroupText(NamedTuple):
    """The text of a group, and whether it stood in quotes."""

    text: str
    is_quoted: bool


def split_two_groups(text: str) -> tuple[str, GroupText, GroupText]:
    """The column and the texts of both values.

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
    by, first, second = (
        GroupText(_unquoted(part), part.startswith('"'))
        for part in (parts["by"], parts["first"], parts["second"])
    )
    return by.text, first, second


def read_two_groups(text: str) -> dict[str, Any]:
    """The column and both values.

    Raises
    ------
    InvalidRequest
        The text isn't of this form.
    """
    by, first, second = split_two_groups(text)
    return {"by": by, "first": _value(first), "second": _value(second)}


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


def _value(group: GroupText) -> Group:
    if group.is_quoted:
        return group.text
    if group.text in ("true", "false"):
        return group.text == "true"
    try:
        return float(group.text)
    except ValueError:
        return group.text or None


def _text(value: Group) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    is_plain = value and not re.search(r'[":]', value) and _value(GroupText(value, False)) == value
    return value if is_plain else _quoted(value)
