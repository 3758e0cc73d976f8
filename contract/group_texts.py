"""Two groups of a column as one text, such as ``model=a:b``.

A part in double quotes is taken as it is, a quote in it written twice. Without quotes nothing is a
missing value. The server reads the texts by the type of the column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from contract.column_lists import quoted
from domain_errors import InvalidRequest

QUOTED = r'"(?:[^"]|"")*"'
GROUPS = re.compile(
    rf"(?P<by>{QUOTED}|[^\"=]+)=(?P<first>{QUOTED}|[^\":]*):(?P<second>{QUOTED}|[^\":]*)", re.DOTALL
)
Group = str | float | bool | None


def read_two_groups(text: str) -> dict[str, Any]:
    """The column and the texts of both values; None of a missing value.

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
    by, first, second = (_unquoted(parts[name]) for name in ("by", "first", "second"))
    return {"by": by, "first": first, "second": second}


def two_groups_text(groups: Mapping[str, Any]) -> str:
    """The text that :func:`read_two_groups` reads as these groups."""
    by = str(groups["by"])
    name = quoted(by) if re.search(r'["=]', by) else by
    return f"{name}={_text(groups['first'])}:{_text(groups['second'])}"


def _unquoted(text: str) -> str | None:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text or None


def _text(value: Group) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    return value if value and not re.search(r'[":]', value) else quoted(value)
