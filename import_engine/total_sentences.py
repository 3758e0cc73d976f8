"""Sentences on the totals of a file, and the question on totals among the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from domain_errors import counted
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
    "totals": ("a total or subtotal", "totals or subtotals"),
    "balances": ("an opening or closing balance", "opening or closing balances"),
}


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
) -> FileTotals:
    """Say what the totals of a file show.

    Parameters
    ----------
    rows : sequence of TotalRow
        All totals; ``within`` are those among the rows of the table.
    table : ImportedTable
        With the totals among its rows.
    """
    comparisons = [each for row in rows for each in row.comparisons]
    comparisons.sort(key=lambda each: (not each.of_all_rows, each.state != "differs"))
    counts = [count for row in table.below if (count := file_count(row.cells)) is not None]
    row_count = table.rows - len(within)
    whose = "the rows that are no totals" if within and not left_out else "the rows"
    sentences = [
        *(_of_all(each, whose) for each in comparisons if each.of_all_rows),
        *_of_parts([each for each in comparisons if not each.of_all_rows]),
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
    return "" if amount is None else f"{Decimal(amount):,f}"


def _of_all(each: TotalComparison, whose: str) -> TotalSentence:
    total = f"{each.column}: the file's total {shown(each.file_total)}".rstrip()
    if each.state == "agrees":
        text = f"{total} agrees with the sum of {whose}."
    elif each.state == "differs":
        difference = shown((each.difference or "").lstrip("-"))
        rows_sum = f"the rows' sum {shown(each.rows_sum)}"
        if whose != "the rows":
            rows_sum = f"{shown(each.rows_sum)}, the sum of {whose},"
        text = f"{total} differs from {rows_sum} by {difference}."
    else:
        text = f"{total} is not compared: {each.reason}."
    return TotalSentence(each.state, text)


def _of_parts(parts: Sequence[TotalComparison]) -> Iterator[TotalSentence]:
    """Sentences on subtotals: the first ones that differ, and how many agree."""
    by_state = {
        state: [each for each in parts if each.state == state]
        for state in ("differs", "agrees", "not_compared")
    }
    for each in by_state["differs"][:SHOWN_ROWS]:
        difference = shown((each.difference or "").lstrip("-"))
        where = _named(each.row, each.label)
        total = f"{each.column}: the subtotal {shown(each.file_total)} in {where}"
        text = f"{total} differs from the sum of its rows {shown(each.rows_sum)} by {difference}."
        yield TotalSentence("differs", text)
    more = len(by_state["differs"]) - SHOWN_ROWS
    if more > 0:
        words = "more subtotal differs", "more subtotals differ"
        yield TotalSentence("differs", f"{counted(more, *words)} from the sums of their rows.")
    if count := len(by_state["agrees"]):
        words = "subtotal agrees with the sum", "subtotals agree with the sums"
        yield TotalSentence(
            "agrees", f"{counted(count, *words)} of {'its' if count == 1 else 'their'} rows."
        )
    if count := len(by_state["not_compared"]):
        first = by_state["not_compared"][0]
        yield TotalSentence(
            "not_compared",
            f"{counted(count, 'subtotal is', 'subtotals are')} not compared, such as that of "
            f"{first.column} in {_named(first.row, first.label)}: {first.reason}.",
        )


def _without_amounts(row: TotalRow) -> TotalSentence:
    text = f"The total in {_named(row.row, row.label)} is not compared: it has no number below a "
    return TotalSentence("not_compared", f"{text}column of amounts.")


def _of_rows(rows: Sequence[NamedRow], kind: str, *, left_out: bool) -> Iterator[TotalSentence]:
    if not rows:
        return
    names = ", ".join(_named(*row) for row in rows[:SHOWN_ROWS])
    more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
    one, several = KINDS[kind]
    if len(rows) == 1:
        verb = "was left out" if left_out else "counts in the sums"
        text = f"1 row within the table is {one} and {verb}"
    else:
        verb = "were left out" if left_out else "count in the sums"
        text = f"{len(rows):,} rows within the table are {several} and {verb}"
    yield TotalSentence("left_out" if left_out else "counted", f"{text}: {names}{more}.")


def _of_count(count: int, rows: int, whose: str, has_all_rows: bool) -> TotalSentence:
    records = f"The file's count of {counted(count, 'row')}"
    if not has_all_rows:
        why = "the preview doesn't read all rows"
        return TotalSentence("not_compared", f"{records} is not compared: {why}.")
    if count == rows:
        return TotalSentence("agrees", f"{records} agrees with {whose}.")
    return TotalSentence("differs", f"{records} differs from {whose}: there are {rows:,}.")


def _named(row: int, label: str) -> str:
    return f'row {row:,} ("{label}")' if label else f"row {row:,}"
