"""From what was written to checked conditions.

Owns: the rules of each operator: where its column goes, what it compares, and the limits.
Invariant: a shape that leaves here fits its columns' types. Called by both ways in,
:mod:`expression` and :mod:`conditions`, so that they can't differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parquet_tables.tables import Column
from sampling_engine.filters.errors import Place
from sampling_engine.filters.literals import Raw, described, read_literal
from sampling_engine.filters.tree import Between, Comparison, In, Like, Literal, Node, Operand
from sampling_engine.filters.types import Family, common_type, family_of

MOST_VALUES = 10_000
FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Written:
    """A column, a value, or NULL (as None), and where it was written."""

    value: Column | Raw | None
    place: Place


def compare(left: Written, operator: str, right: Written) -> Node:
    """``left operator right``; one of the two is a column."""
    if isinstance(left.value, Column):
        column = comparable(left)
        _check_order(column, operator, left.place)
        return Comparison(column, operator, _other(column, right))
    _refuse_null(left)
    if not isinstance(right.value, Column):
        raise left.place.refusal("A comparison needs a column on one of its sides")
    column = comparable(right)
    _check_order(column, operator, right.place)
    return Comparison(column, FLIPPED[operator], _other(column, left))


def between(tested: Written, low: Written, high: Written) -> Node:
    """``tested BETWEEN low AND high``; the column is what is tested."""
    column = comparable(tested, "BETWEEN")
    _check_order(column, "BETWEEN", tested.place)
    return Between(column, _other(column, low), _other(column, high))


def one_of(tested: Written, values: Sequence[Written], place: Place) -> Node:
    """``tested IN (values)``."""
    column = comparable(tested, "IN")
    if not values:
        raise place.refusal("A list of values for IN has at least one value")
    if len(values) > MOST_VALUES:
        raise place.refusal(f"A list of values for IN has up to {MOST_VALUES:,} values")
    return In(column, tuple(dict.fromkeys(_literal(column, value) for value in values)))


def like(tested: Written, pattern: Written, *, ignore_case: bool) -> Node:
    """``tested LIKE pattern``, or ILIKE."""
    word = "ILIKE" if ignore_case else "LIKE"
    column = comparable(tested, word)
    if family_of(column.type) is not Family.TEXT:
        raise tested.place.refusal(
            f'The column "{column.name}" is of type {column.type}: {word} is for text; '
            "compare it with = < > or BETWEEN"
        )
    if not isinstance(pattern.value, str):
        _refuse_null(pattern)
        raise pattern.place.refusal(f"After {word} goes a text in quotes, for example 'New%'")
    return Like(column, _literal(column, pattern), ignore_case)


def column_of(tested: Written, word: str = "IS NULL") -> Column:
    """The column that is tested."""
    if tested.value is None:
        raise tested.place.refusal(f"Before {word} goes a column, not NULL")
    if not isinstance(tested.value, Column):
        raise tested.place.refusal(f"Before {word} goes a column, not {described(tested.value)}")
    return tested.value


def comparable(tested: Written, word: str = "a comparison") -> Column:
    """The column that is tested, of a type that has comparisons."""
    column = column_of(tested, word)
    if family_of(column.type) is Family.OTHER:
        raise tested.place.refusal(
            f'The column "{column.name}" is of type {column.type}, which a filter doesn\'t compare:'
            " write IS NULL or IS NOT NULL"
        )
    return column


def _check_order(column: Column, operator: str, place: Place) -> None:
    if family_of(column.type) is Family.BOOLEAN and operator not in ("=", "!="):
        raise place.refusal(
            f'The column "{column.name}" is of type {column.type}, which has no order: '
            "write = true or = false"
        )


def _other(column: Column, other: Written) -> Operand:
    if not isinstance(other.value, Column):
        return _literal(column, other)
    second = comparable(other)
    if common_type(column.type, second.type) is None:
        raise other.place.refusal(
            f'The column "{column.name}" is of type {column.type} and the column "{second.name}" '
            f"of type {second.type}: the two don't compare"
        )
    return second


def _literal(column: Column, given: Written) -> Literal:
    _refuse_null(given)
    if isinstance(given.value, Column):
        raise given.place.refusal(
            f'Here goes a value, not the column "{given.value.name}"; a text is in single quotes'
        )
    if given.value is None:
        raise TypeError("NULL was refused before")
    return read_literal(column, given.value, given.place)


def _refuse_null(given: Written) -> None:
    if given.value is None:
        raise given.place.refusal(
            "Nothing compares with NULL: write IS NULL or IS NOT NULL for rows without a value "
            "and with one"
        )
