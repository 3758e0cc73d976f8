"""What commands and pages say of a division of rows among parts; it imports no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_errors import counted
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class PartShare:
    """A part's requested share and its share of the rows, from 0 to 1."""

    population: float
    sample: float


def part_shares(division: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], PartShare]]:
    """The parts with their shares as a picture compares them."""
    return [
        (part, PartShare(part["share"], part["share_of_rows"] or 0.0)) for part in division["parts"]
    ]


def division_sentences(division: Mapping[str, Any]) -> list[str]:
    """What was checked in the written tables, and what wasn't; nothing of a plan."""
    sentences = []
    if division["rows_moved_by_exact"] is not None:
        sentences.append(
            f"Exact sizes put {counted(division['rows_moved_by_exact'], 'row')} into another part "
            "than the shares alone would. Rows may move when the table grows."
        )
    check = division["check"]
    if check is None:
        return sentences
    sentences.append(
        "Checked in the written tables: "
        f"{counted(check['missing_rows'], 'row')} missing, {check['repeated_rows']:,} repeated; "
        f"{_in_two_parts(check['keys_in_two_parts'], 'key')}; "
        f"{_in_two_parts(check['groups_in_two_parts'], 'group')}."
    )
    return sentences


def _in_two_parts(count: int | None, noun: str) -> str:
    return f"{noun}s unchecked" if count is None else f"{counted(count, noun)} in two parts"
