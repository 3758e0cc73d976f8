"""Lists of column names in one text: in query strings, and in the fields of forms.

Names are separated by commas. A name with a comma, a quote or outer spaces stands in double quotes,
in which a quote is doubled, as in a line of CSV. Pages that send lists as JSON divide them alike,
and at semicolons, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r'\s*"(?P<quoted>(?:[^"]|"")+)"\s*(?=,|$)|[^,]+')


def listed_names(text: str) -> list[str]:
    """The names in a text, without empty ones.

    Examples
    --------
    >>> listed_names('account, "name, first"')
    ['account', 'name, first']
    """
    return [name for part in _NAME.finditer(text) if (name := _name_of(part))]


def _name_of(part: re.Match[str]) -> str:
    quoted = part["quoted"]
    return part[0].strip() if quoted is None else quoted.replace('""', '"')


def text_of_names(names: Sequence[str]) -> str:
    """The text of which :func:`listed_names` reads the names.

    Examples
    --------
    >>> text_of_names(["account", "name, first"])
    'account, "name, first"'
    """
    return ", ".join(quoted(name) if _needs_quotes(name) else name for name in names)


def _needs_quotes(name: str) -> bool:
    return bool(set(',;"') & set(name)) or name != name.strip()


def quoted(name: str) -> str:
    """The name in double quotes, a quote in it written twice."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
