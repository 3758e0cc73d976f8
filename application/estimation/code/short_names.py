"""Names of a sample's columns in Stata and SAS: of 32 signs at most, and one in either case.

Names of a user's columns begin with a letter. Those of the draw and of the code's own variables
begin with an underscore, so none is another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from application.estimation.code.texts import DRAW_COLUMNS, shown
from parquet_tables.tables import Column

MAX_LENGTH = 32
PLAIN = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_LENGTH - 1}}}")
WORDS = re.compile(
    r"v\d+|str\d+|strl|byte|double|float|if|in|int|long|using|with|"
    r"and|or|not|eq|ne|gt|lt|ge|le|min|max|to|of"
)
"""Words and types of both languages, and the names under which Stata reads columns."""
STEM_LENGTH = 24


def short_names(columns: Sequence[Column]) -> list[str]:
    """The names of columns, in order: their own where it can be one.

    >>> names = ["w", "Net amount (EUR)", "Net-amount-EUR", "if", "_n", "2024", "名"]
    >>> short_names([Column(name, "DOUBLE") for name in names])
    ['w', 'Net_amount_EUR', 'Net_amount_EUR_2', 'if_2', 'n', 'x2024', 'column_7']
    """
    used = {each.name.lower() for each in columns if _is_short(each.name)}
    names = []
    for place, column in enumerate(columns, start=1):
        name = column.name
        if not _is_short(name):
            stem = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:STEM_LENGTH]
            stem = f"x{stem}" if stem[:1].isdigit() else stem or f"column_{place}"
            name, number = stem, 1
            while name.lower() in used or WORDS.fullmatch(name.lower()):
                number += 1
                name = f"{stem}_{number}"
            used.add(name.lower())
        names.append(name)
    return names


def _is_short(name: str) -> bool:
    return name in DRAW_COLUMNS or bool(PLAIN.fullmatch(name) and not WORDS.fullmatch(name.lower()))


def about_names(columns: Sequence[Column]) -> list[str]:
    """Comments on columns that have another name."""
    changed = [
        f"  {name}: {shown(column.name)}"
        for column, name in zip(columns, short_names(columns), strict=True)
        if name != column.name
    ]
    return ["Columns under other names, which are shorter and plain:", *changed] if changed else []
