"""Published numbers: files of this package, each number once with its source.

A source has tables; a row of a table has the inputs of a calculation and the numbers that the
source prints for them. Tests and the report read the same files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from lazy_dataclasses import dataclass

Input = int | float | str | tuple["Input", ...]
Rounding = Literal["nearest", "up"]
ORDER = (
    "touw_hoogduin",
    "bounds",
    "programs",
    "acceptance",
    "survey",
    "sizes",
    "shares",
    "agreement",
    "aicpa",
    "unpublished",
)
"""The files, in the order of the report, which prints wide tables last."""


@dataclass(frozen=True)
class PublishedNumber:
    """A number as its source prints it, or a word that concludes.

    Parameters
    ----------
    inputs : mapping
        All parameters of the calculation, by name.
    figure : str
        The name of the result that the number states.
    correct : Decimal, optional
        What the source should print, of a known misprint or difference; ``note`` says why.
    """

    inputs: Mapping[str, Input]
    figure: str
    published: Decimal | str
    correct: Decimal | None = None
    note: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """A table of a source.

    Parameters
    ----------
    calculation : str
        The name of a function of ``application.validation.calculations``.
    given : mapping
        The inputs that all rows share.
    labels : sequence of str
        The names of the inputs that differ between the rows.
    across : str
        The input that differs between the columns; empty if these are different figures.
    columns : sequence
        Values of ``across``, or names of figures.
    rows : sequence of sequence
        The numbers of each row, in the order of ``columns``; None where the source prints none.
    scale : Decimal
        The source prints the result times this, such as 100 for percent.
    rounding : {"nearest", "up"}
        How the source rounds.
    tolerance : Decimal, optional
        The largest difference that agrees, in units of the printed number, if the source computes
        with rounded figures; ``remarks`` say so.
    """

    title: str
    calculation: str
    given: Mapping[str, Input]
    labels: Sequence[str]
    across: str
    columns: Sequence[Input]
    rows: Sequence[Sequence[PublishedNumber | None]]
    scale: Decimal
    rounding: Rounding
    tolerance: Decimal | None
    remarks: Sequence[str]

    @property
    def numbers(self) -> Iterator[PublishedNumber]:
        """All numbers, row by row."""
        return (number for row in self.rows for number in row if number is not None)


@dataclass(frozen=True)
class PublishedSource:
    """A publication, and from where its numbers were taken.

    Parameters
    ----------
    is_published : bool
        False: no publication prints the numbers. They are counted apart.
    """

    name: str
    title: str
    reference: str
    taken_from: str
    tables: Sequence[PublishedTable]
    is_published: bool = True


@cache
def sources() -> tuple[PublishedSource, ...]:
    """All sources, in the order of the report."""
    return tuple(_source(name) for name in ORDER)


def _source(name: str) -> PublishedSource:
    text = files("application.validation").joinpath("published", f"{name}.toml").read_text("utf-8")
    found = tomllib.loads(text, parse_float=Decimal)
    tables = tuple(_table(each) for each in found["tables"])
    reference, taken = (" ".join(found[key].split()) for key in ("reference", "taken_from"))
    is_published = found.get("is_published", True)
    return PublishedSource(name, found["title"], reference, taken, tables, is_published)


def _table(found: dict[str, Any]) -> PublishedTable:
    labels = found["inputs"]
    across, columns = "", found.get("figures", [])
    if "across" in found:
        ((across, columns),) = found["across"].items()
    given = {name: plain(value) for name, value in found.get("given", {}).items()}
    notes = [(_inputs(each["inputs"]), each) for each in found.get("notes", [])]
    rows = []
    for line in found["rows"]:
        of_row = given | _inputs(dict(zip(labels, line, strict=False)))
        cells = zip(columns, line[len(labels) :], strict=True)
        rows.append([_number(found, across, of_row, cell, notes) for cell in cells])
    return PublishedTable(
        found["title"],
        found["calculation"],
        given,
        labels,
        across,
        [plain(each) for each in columns],
        rows,
        Decimal(found.get("scale", 1)),
        found.get("rounding", "nearest"),
        None if "tolerance" not in found else Decimal(found["tolerance"]),
        [found["remark"]] if "remark" in found else [],
    )


def _number(
    found: dict[str, Any],
    across: str,
    of_row: Mapping[str, Input],
    cell: tuple[Any, Any],
    notes: Sequence[tuple[dict[str, Input], dict[str, Any]]],
) -> PublishedNumber | None:
    column, printed = cell
    if printed == "":
        return None
    inputs = {**of_row, across: plain(column)} if across else of_row
    figure = found.get("figure", "size") if across else column
    for part, note in notes:
        if part.items() <= inputs.items():
            return PublishedNumber(
                inputs, figure, Decimal(printed), Decimal(note["correct"]), note["text"]
            )
    return PublishedNumber(inputs, figure, Decimal(printed))


def _inputs(found: Mapping[str, Any]) -> dict[str, Input]:
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Input:
    """An input without decimals and lists, so that calculations and comparisons can use it."""
    if isinstance(value, list):
        return tuple(plain(each) for each in value)
    return float(value) if isinstance(value, Decimal) else value
