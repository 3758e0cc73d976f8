"""What the code of all languages has: the columns of ``sample.csv``, comments, quoted texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from estimation_engine import Design, is_number
from parquet_tables.names import is_identifier_name
from parquet_tables.tables import Column
from sampling_engine.sample_table import HITS_COLUMN, SAMPLE_COLUMNS

ROW_ID = "_logical_row_id"
DRAW_COLUMNS = frozenset((*SAMPLE_COLUMNS, *HITS_COLUMN))
"""Names of the draw, which a column of the table has in a sample only if the draw doesn't."""


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
    """

    columns: Sequence[Column]
    partial: Sequence[str] = ()
    sizes_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def example(self) -> Column:
        """A column of numbers that aren't numerals, else one of numbers, else the first one."""
        own = self.columns[: self.row_id_place - 1]
        whole = [each for each in own if each.name not in self.partial] or own
        numbers = [each for each in whole if is_number(each)]
        amounts = [each for each in numbers if not is_identifier_name(each.name)]
        return (amounts or numbers or whole)[0]

    @property
    def row_id_place(self) -> int:
        """The place of ``_logical_row_id``, from 1."""
        return 1 + [each.name for each in self.columns].index(ROW_ID)


def quoted(text: str) -> str:
    r"""A text in double quotes, as R and Python read it; what can't be printed is escaped.

    >>> print(quoted('a "b"\n\\'))
    "a \"b\"\u000a\\"
    """
    return f'"{"".join(map(_quoted_character, text))}"'


def _quoted_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


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
    if design.lonely.any():
        lines.append(
            f"{int(design.lonely.sum())} strata have one drawn row of several: no variance can be "
            "estimated."
        )
    return lines


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
