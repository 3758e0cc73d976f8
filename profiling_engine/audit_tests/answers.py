"""What an audit test answers: its figures, tables of figures and assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, Self

from contract.declarations import Help
from domain_errors import Sentence
from lazy_dataclasses import dataclass

AssumptionState = Literal["checked", "not_met", "unchecked"]
MARKED = "marked"
"""The table of a result that has all rows of the tested one, with marks."""
MAX_TABLE_ROWS = 500
"""Rows of a table of figures; its ``total`` counts all."""


@dataclass(frozen=True)
class Assumption:
    """What a test assumes."""

    sentence: str
    state: Annotated[
        AssumptionState,
        Help(
            "`checked`: the table meets it. `not_met`: it doesn't. `unchecked`: the table can't "
            "say, so a person must."
        ),
    ]
    detail: Annotated[str | None, Help("What was found in the table.")] = None


def unchecked(*sentences: str) -> list[Assumption]:
    """Assumptions that the table can't answer."""
    return [Assumption(sentence, "unchecked") for sentence in sentences]


@dataclass(frozen=True)
class NotTested:
    """Rows that a test couldn't test."""

    column: str
    reason: str
    rows: int


@dataclass(frozen=True)
class AuditFigure:
    """A figure of a test: a number, or an exact amount or a number above 2^53 as a text."""

    name: str
    title: str
    value: int | float | str | None


@dataclass(frozen=True)
class FigureTable:
    """Figures in rows; ``rows`` are the first ``MAX_TABLE_ROWS`` of ``total``."""

    name: str
    title: str
    columns: Annotated[Mapping[str, str], Help("The title of each column, by its name.")]
    rows: Sequence[dict[str, Any]]
    total: int

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        columns: Mapping[str, str],
        rows: Sequence[Sequence[Any]],
        total: int | None = None,
    ) -> FigureTable:
        """The table of rows in the order of the columns; ``total`` if some are left out."""
        shown = [dict(zip(columns, row, strict=True)) for row in rows[:MAX_TABLE_ROWS]]
        return cls(name, title, columns, shown, len(rows) if total is None else total)


@dataclass(frozen=True)
class ReasonColumn:
    """A column of the result that says why a row was found."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class AuditTestResult:
    """The result of an audit test, but for the found rows.

    Parameters
    ----------
    tested_rows : int
        The rows that were tested; with those of ``not_tested`` all rows of the table. A row that
        lacks several values counts with the first of its columns.
    found_rows : int
        The rows of the result.
    conclusion : str
        What follows, in a sentence or two.
    """

    test: str
    tested_rows: int
    not_tested: Sequence[NotTested]
    found_rows: int
    conclusion: str
    figures: Sequence[AuditFigure]
    tables: Sequence[FigureTable]
    assumptions: Sequence[Assumption]
    reason_columns: Annotated[
        Sequence[ReasonColumn], Help("The columns of the result before those of the table.")
    ]

    def as_json(self) -> dict[str, Any]:
        """The JSON that a job's summary stores: ``sentences`` has the templates of its texts."""
        sentences: dict[str, Any] = {}

        def plain(value: Any) -> Any:
            if is_dataclass(value):
                return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
            if isinstance(value, Mapping):
                return {name: plain(each) for name, each in value.items()}
            if isinstance(value, list | tuple):
                return [plain(each) for each in value]
            if isinstance(value, Sentence):
                sentences[str(value)] = {"template": value.template, "values": value.values}
                return str(value)
            return value

        return {**plain(self), "sentences": sentences}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The result that a job's summary stores."""
        parts = {
            "not_tested": NotTested,
            "figures": AuditFigure,
            "tables": FigureTable,
            "assumptions": Assumption,
            "reason_columns": ReasonColumn,
        }
        sentences = {
            text: Sentence.from_json(each["template"], each["values"])
            for text, each in stored.get("sentences", {}).items()
        }

        def read(value: Any) -> Any:
            return sentences.get(value, value) if isinstance(value, str) else value

        lists = {
            name: [
                part(**{key: read(value) for key, value in each.items()}) for each in stored[name]
            ]
            for name, part in parts.items()
        }
        own = {name: read(value) for name, value in stored.items() if name != "sentences"}
        return cls(**{**own, **lists})
