"""Sentences on the totals of a file, and the question on totals among the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from domain_errors import FigureText, Sentence, counted
from import_engine.table_edges import file_count
from import_engine.work import (
    FileTotals,
    ImportedTable,
    OptionChoice,
    Question,
    TotalComparison,
    TotalSentence,
)
from lazy_dataclasses import dataclass

MAX_COMPARISONS, SHOWN_ROWS = 100, 5
NamedRow = tuple[int, str]
"""The number of a row in the file, and what a cell calls it."""
KINDS = {
    "totals": "{count} {count|row|rows} within the table {count|is a total or subtotal|are totals "
    "or subtotals}",
    "balances": "{count} {count|row|rows} within the table {count|is an opening or closing "
    "balance|are opening or closing balances}",
}
LEFT_OUT = " and {count|was|were} left out"
COUNTED = " and {count|counts|count} in the sums"
OF_CELL = "{column}: the file's total"
THE_ROWS = Sentence("the rows")


@dataclass(frozen=True)
class TotalRow:
    """A total of the file, with a comparison for each of its amounts."""

    row: int
    label: str
    of_all_rows: bool
    comparisons: tuple[TotalComparison, ...]


def totals_of(
    rows: Sequence[TotalRow],
    within: Sequence[NamedRow],
    balances: Sequence[NamedRow],
    table: ImportedTable,
    *,
    left_out: bool,
    has_all_rows: bool,
    rows_after: int,
) -> FileTotals:
    """Say what the totals of a file show.

    Parameters
    ----------
    rows : sequence of TotalRow
        All totals; ``within`` are those among the rows of the table.
    table : ImportedTable
        With the totals among its rows.
    rows_after : int
        The rows after the last subtotal of a file without a total of all rows.
    """
    comparisons = [each for row in rows for each in row.comparisons]
    comparisons.sort(key=lambda each: (not each.of_all_rows, each.state != "differs"))
    counts = [count for row in table.below if (count := file_count(row.cells)) is not None]
    row_count = table.rows - len(within)
    keeps_totals = within and not left_out
    whose = Sentence("the rows that are no totals") if keeps_totals else THE_ROWS
    sentences = [
        *(_of_all(each, whose) for each in comparisons if each.of_all_rows),
        *_of_parts([each for each in comparisons if not each.of_all_rows]),
        *(_after_subtotals(rows_after) if rows_after else ()),
        *(_without_amounts(row) for row in rows if not row.comparisons),
        *_of_rows(within, "totals", left_out=left_out),
        *_of_rows(balances, "balances", left_out=False),
        *(_of_count(count, row_count, whose, has_all_rows) for count in counts[:1]),
    ]
    return FileTotals(
        left_out_rows=len(within) if left_out else 0,
        counted_rows=0 if left_out else len(within),
        file_count=counts[0] if counts else None,
        comparisons=tuple(comparisons[:MAX_COMPARISONS]),
        sentences=tuple(sentences),
    )


def question_on(totals: FileTotals, label: str) -> Question:
    """Ask whether the totals among the rows are left out."""
    one, several = "row is a total or subtotal", "rows are totals or subtotals"
    named = f', such as "{label}"' if label else ""
    return Question(
        "totals",
        "",
        f"{counted(totals.counted_rows, one, several)} of other rows{named}, and would count twice "
        "in every sum.",
        (
            OptionChoice("Leave them out", {"totals": "leave_out"}),
            OptionChoice("Keep them as rows", {"totals": "keep"}),
        ),
    )


def shown(amount: str | None) -> str:
    """A decimal number with commas between thousands.

    >>> shown("60269237.72"), shown("-1234")
    ('60,269,237.72', '-1,234')
    """
    return f"{Decimal(amount):,f}" if amount else ""


def _figure(amount: str | None) -> FigureText:
    return FigureText(shown(amount))


def _of_all(each: TotalComparison, whose: Sentence) -> TotalSentence:
    template = "{column}: the file's total {total}" if each.file_total else OF_CELL
    if each.state == "agrees":
        template += " agrees with the sum of {whose}."
    elif each.state == "differs":
        template += (
            " differs from the rows' sum {sum} by {difference}."
            if whose == THE_ROWS
            else " differs from {sum}, the sum of {whose}, by {difference}."
        )
    else:
        template += " is not compared: {reason}."
    return TotalSentence.of(each.state, _compared(template, each, whose=whose))


def _compared(template: str, each: TotalComparison, **values: object) -> Sentence:
    values |= {
        "column": each.column,
        "total": _figure(each.file_total),
        "sum": _figure(each.rows_sum),
        "difference": _figure((each.difference or "").lstrip("-")),
        "reason": Sentence.of(each.reason),
    }
    return Sentence(template, **{name: values[name] for name in values if f"{{{name}" in template})


def _of_parts(parts: Sequence[TotalComparison]) -> Iterator[TotalSentence]:
    """Sentences on subtotals: the first ones that differ, and how many agree."""
    by_state = {
        state: [each for each in parts if each.state == state]
        for state in ("differs", "agrees", "not_compared")
    }
    for each in by_state["differs"][:SHOWN_ROWS]:
        template = (
            "{column}: the subtotal {total} in {row} differs from the sum of its rows {sum} by "
            "{difference}."
        )
        yield TotalSentence.of(
            "differs", _compared(template, each, row=_named(each.row, each.label))
        )
    more = len(by_state["differs"]) - SHOWN_ROWS
    if more > 0:
        template = (
            "{count} more {count|subtotal differs|subtotals differ} from the sums of their rows."
        )
        yield TotalSentence.of("differs", Sentence(template, count=more))
    if count := len(by_state["agrees"]):
        template = (
            "{count} {count|subtotal agrees with the sum of its|subtotals agree with the sums of "
            "their} rows."
        )
        yield TotalSentence.of("agrees", Sentence(template, count=count))
    if count := len(by_state["not_compared"]):
        first = by_state["not_compared"][0]
        template = (
            "{count} {count|subtotal is|subtotals are} not compared, such as that of {column} in "
            "{row}: {reason}."
        )
        row = _named(first.row, first.label)
        yield TotalSentence.of("not_compared", _compared(template, first, count=count, row=row))


def _after_subtotals(rows: int) -> Iterator[TotalSentence]:
    text = (
        "The last {count} {count|row belongs|rows belong} to no subtotal, and the file has no "
        "total of all rows: it may be cut."
    )
    yield TotalSentence.of("differs", Sentence(text, count=rows))


def _without_amounts(row: TotalRow) -> TotalSentence:
    text = "The total in {row} is not compared: it has no number below a column that is added up."
    return TotalSentence.of("not_compared", Sentence(text, row=_named(row.row, row.label)))


def _of_rows(rows: Sequence[NamedRow], kind: str, *, left_out: bool) -> Iterator[TotalSentence]:
    if not rows:
        return
    names = Sentence.joined([_named(*row) for row in rows[:SHOWN_ROWS]], ", ")
    more = len(rows) - SHOWN_ROWS
    listed = ": {names} and {more} more." if more > 0 else ": {names}."
    template = KINDS[kind] + (LEFT_OUT if left_out else COUNTED) + listed
    sentence = Sentence(template, count=len(rows), names=names, more=more)
    yield TotalSentence.of("left_out" if left_out else "counted", sentence)


def _of_count(count: int, rows: int, whose: Sentence, has_all_rows: bool) -> TotalSentence:
    if not has_all_rows:
        state, end = "not_compared", " is not compared: {reason}."
    elif count == rows:
        state, end = "agrees", " agrees with {whose}."
    else:
        state, end = "differs", " differs from {whose}: there {rows|is|are} {rows}."
    template = "The file's count of {count} {count|row|rows}" + end
    reason = Sentence("the preview doesn't read all rows")
    return TotalSentence.of(
        state, Sentence(template, count=count, whose=whose, rows=rows, reason=reason)
    )


def _named(row: int, label: str) -> Sentence:
    return Sentence('row {row} ("{label}")' if label else "row {row}", row=row, label=label)
