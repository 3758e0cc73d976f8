"""The rule for names that people give: one line that reads as it is written.

Names of columns and of tables in a file are data and follow ``parquet_tables.names`` instead.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Line breaks, other control characters, and marks that reverse the direction of a text."""
UNSAFE_NAME = (
    "A name can't hold line breaks, control characters or marks that change the direction of "
    "text, such as {character}."
)


def unsafe_character(name: str) -> str | None:
    """Return the first character that a name can't hold, by its code; None if there is none.

    >>> [unsafe_character(name) for name in ("invoice\\u202exslx", "a\\r\\nb", "حساب")]
    ['U+202E', 'U+000D', None]
    """
    unsafe = _UNSAFE.search(name)
    return None if unsafe is None else f"U+{ord(unsafe[0]):04X}"
