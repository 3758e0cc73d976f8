"""The file ``sample.csv`` in code of all programs: its columns, their short names, and comments.

Stata and SAS take names of 32 signs at most, and one in either case. Names of a user's columns
begin with a letter. Those of the draw and of the code's own variables begin with an underscore, so
none is another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from contract.columns import is_identifier_name
from domain_errors import counted
from estimation_engine import Design, is_number
from estimation_engine.reading import ROW_ID
from estimation_engine.replicates import ReplicateFacts
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column
from sampling_engine.sample_table import HITS_COLUMN, SAMPLE_COLUMNS

DRAW_COLUMNS = frozenset((*SAMPLE_COLUMNS, *HITS_COLUMN))
"""Names of the draw, which a column of the table has in a sample only if the draw doesn't."""
MAX_LENGTH = 32
PLAIN = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_LENGTH - 1}}}")
WORDS = re.compile(
    r"v\d+|str\d+|strl|byte|double|float|if|in|int|long|using|with|"
    r"and|or|not|eq|ne|gt|lt|ge|le|min|max|to|of"
)
"""Words and types of both languages, and the names under which Stata reads columns."""
STEM_LENGTH = 24


@dataclass(frozen=True)
class SampleFile:
    """The file ``sample.csv``, and the column of the code's example.

    Parameters
    ----------
    columns : sequence of Column
        All columns of the sample, in order.
    partial : sequence of str
        Columns that some rounds didn't select.
    sizes_bytes : mapping of str to int
        The longest text of each column that doesn't hold numbers.
    row_key : sequence of str
        Columns of the table's row key, whose numbers are no amounts.
    """

    columns: Sequence[Column]
    partial: Sequence[str] = ()
    sizes_bytes: Mapping[str, int] = field(default_factory=dict)
    row_key: Sequence[str] = ()

    @property
    def example(self) -> Column:
        """A column of numbers that aren't numerals, else one of numbers, else the first one."""
        own = self.columns[: self.row_id_place - 1]
        whole = [each for each in own if each.name not in self.partial] or own
        numbers = [each for each in whole if is_number(each)]
        amounts = [
            each
            for each in numbers
            if not is_identifier_name(each.name) and each.name not in self.row_key
        ]
        return (amounts or numbers or whole)[0]

    @property
    def row_id_place(self) -> int:
        """The place of ``_logical_row_id``, from 1."""
        return 1 + [each.name for each in self.columns].index(ROW_ID)


def shown(text: str) -> str:
    r"""A text in a comment of Stata or SAS, which would read signs of code there.

    >>> print(shown("net; %amount `x'"))
    net\u003b \u0025amount \u0060x\u0027
    """
    return re.sub(r"[^\w .,:()=-]", lambda found: f"\\u{ord(found[0]):04x}", text)


def about(design: Design, sample: SampleFile) -> list[str]:
    """The lines of the comment at the top."""
    lines = [
        f"{design.method} sample: {design.rows} rows of {design.covered_rows}.",
        *about_file(sample),
    ]
    if design.uncovered_rows:
        lines.append(
            f"No row was drawn from strata with {design.uncovered_rows} rows: the estimates don't "
            "cover them."
        )
    if lonely := int(design.lonely.sum()):
        units = counted(lonely, "stratum or cluster has", "strata or clusters have")
        lines.append(f"{units} one drawn unit of several: no variance can be estimated.")
    return lines


def about_replicates(design: Design, replicates: ReplicateFacts, sample: SampleFile) -> list[str]:
    """The lines of the comment at the top of code that reads replicate weights."""
    return [
        f"{replicates.kind} weights of {design.rows} rows drawn of {design.covered_rows}.",
        *about_file(sample),
        "design.csv is the design of the sample with these replicates.",
    ]


def about_file(sample: SampleFile) -> list[str]:
    """Comments on the file and the example."""
    example = sample.example
    what = "the column" if is_number(example) else "the rows with a value of the column"
    lines = [
        "sample.csv is the sample, all columns of it, downloaded as CSV.",
        f"The example is {what} {shown(example.name)}: replace it by yours.",
    ]
    if sample.partial:
        names = ", ".join(map(shown, sample.partial))
        lines.append(f"Not every step selected these columns, so don't estimate them: {names}.")
    return lines


def comment(lines: Sequence[str], mark: str, end: str = "") -> str:
    """Lines as a comment; ``mark`` starts each."""
    return "".join(f"{mark} {line}{end}\n" for line in lines)


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
