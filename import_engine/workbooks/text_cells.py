"""The columns of a sheet whose cells are texts: amounts and dates that Excel doesn't know as such.

Texts of digits alone stay text, with a question: Excel users store ids so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from import_engine.options import ReadOptions
from import_engine.text_tables import (
    CellQuery,
    ColumnPlan,
    TextColumn,
    TextRows,
    as_text,
    decided,
    detect,
    misfit,
    questions,
)
from import_engine.values import TEXT, CandidateType, CandidateTypes, text_candidates
from import_engine.work import ImportWork, Question

_PLAIN_TYPES = ("BIGINT", "DOUBLE", "BOOLEAN")


@dataclass(frozen=True)
class SheetTexts(TextRows):
    """The text columns of a sheet; ``cells`` is the SQL of each one."""

    source: str
    cells: Sequence[str]
    options: ReadOptions

    def query(self, types: Sequence[CandidateType]) -> CellQuery:
        """Return the cells as they are."""
        return CellQuery(self.source, (), self.cells)

    def candidates(self, cells: Sequence[str], type_: str | None = None) -> CandidateTypes:
        """Return written numbers, dates and times; plain numbers only if the type is given."""
        found = text_candidates(cells, self.options, type_)
        if type_ is not None:
            return found
        return tuple(each for each in found if each.form or each.type not in _PLAIN_TYPES)


def read_texts(
    work: ImportWork, rows: SheetTexts, names: Sequence[str], options: ReadOptions
) -> tuple[list[TextColumn], list[Question]]:
    """Find the types of text columns over all rows; also return what they leave open."""
    if not names:
        return [], []
    first = rows.first_cells(work, len(names))
    types = [options.types.get(name) for name in names]
    lists = [rows.candidates(*each) for each in zip(first, types, strict=True)]
    plans = detect(work.short_step(), rows, lists, None)
    columns = list(map(TextColumn, names, lists, plans, names, types, first))
    columns = decided(work, rows, columns)
    for column in columns:
        if column.given_type not in (None, column.plan.inferred.type):
            raise misfit(work, rows, columns, column)
    columns = [_or_text(column) for column in columns]
    asked = list(questions(columns))
    known = {each.column for each in asked}
    for column in columns:
        if column.source_name not in known and _are_plain_numbers(column):
            asked.append(_number_question(column))
    return columns, asked


def _or_text(column: TextColumn) -> TextColumn:
    """Keep a column without a value as text."""
    if column.plan.inferred.empty:
        return replace(column, plan=ColumnPlan((TEXT,)))
    return column


def _are_plain_numbers(column: TextColumn) -> bool:
    if column.plan.inferred != TEXT or column.given_type or not column.first:
        return False
    return text_candidates(column.first)[0].type in ("BIGINT", "DOUBLE")


def _number_question(column: TextColumn) -> Question:
    name = column.source_name
    type_ = text_candidates(column.first)[0].type
    choice: tuple[str, Mapping[str, object]] = ("Number", {"types": {name: type_}})
    text = f'Column "{name}" stays text: its numbers are stored as text, such as {column.first[0]}.'
    return Question("digits", name, text, (as_text(name), choice))
