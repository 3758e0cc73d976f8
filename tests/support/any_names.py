"""Names of columns that a file may have, among them those that are code somewhere."""

from __future__ import annotations

import sys
from random import Random

from hypothesis import strategies as st

from parquet_tables.names import settle_names

FRAGMENTS = (
    *("{", "}", "{}", "{0}", "{{", "}}", "{ordinal}", "{ordinal.__class__}", "{rows}", "{source}"),
    *("{ordinal.isidentifier.__doc__[159]}", "{distance}", "{name}", "{column|a|b}", "{choices}"),
    *("%", "%s", "%(ordinal)s", "%d", "100 %", "?", "$", "$1", "$ordinal", "${total}", ":a", "@"),
    *("\\", "\\1", "\\g<0>", "\\n", '"', '""', "'", "''", "`", "``", ";", "--", "/*", "*/", "#"),
    *("\u202e", "\u200f", "\u2066", "\ufeff", "\u0301", "\x1b[31m", "\t", "\n", "\r\n", "\x7f"),
    *("f.", "t.", "ordinal", "p", "k", "v", "rank", "c0", "stratum", "=", "<b>"),
    *(" ", ".", ",", "(", ")", "[", "]", "é", "É", "🙂", "名前", "اسم", "x" * 180),
)
"""Parts of format strings, of SQL, of patterns and of our statements."""
MAX_LENGTH = 200


def name_of(parts: list[str]) -> str:
    """A name of at most 200 characters that isn't blank."""
    name = "".join(parts)[:MAX_LENGTH]
    return name if name.strip() else f"{name}n"


any_name = st.lists(
    st.sampled_from(FRAGMENTS)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    min_size=1,
    max_size=6,
).map(name_of)


def distinct(names: list[str]) -> list[str]:
    """The names of a table's columns after its import."""
    return list(settle_names(names)[0])


def generated_names(count: int, seed: int) -> list[str]:
    """Distinct names, half of them with a character from all of Unicode."""
    random = Random(seed)
    names: list[str] = []
    while len(names) < count:
        parts = random.choices(FRAGMENTS, k=random.randint(1, 4))
        character = chr(random.randint(1, sys.maxunicode))
        if random.random() < 0.5 and not "\ud800" <= character <= "\udfff":
            parts.insert(random.randint(0, len(parts)), character)
        names.append(name_of(parts))
    return distinct(names)
