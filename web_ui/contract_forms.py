"""Fields of a form, from the fields of a request of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from contract.column_lists import listed_names
from contract.declarations import Declared, Request, declared
from contract.fields import (
    Choice,
    Count,
    Flag,
    Items,
    Kind,
    Number,
    Scalar,
    Text,
    ValuesKind,
    Written,
)
from domain_errors import DomainError, InvalidRequest, located
from lazy_dataclasses import dataclass

TYPED: tuple[type[Kind], ...] = (Choice, Count, Flag, Number, Text, Written)
"""Kinds of which a form has one element; lists, objects and filters have their own.

An element of a list of columns, or of a source of values, is made where it is named.
"""
SOURCES = {
    "table": "The table",
    "latest": "Latest upload",
    "findings": "Findings",
    "answers": "Answers",
}
"""Titles of sources of values; an upload is named by its number."""


@dataclass(frozen=True)
class FormField:
    """One element of a form.

    Parameters
    ----------
    choices : mapping
        Titles by value; empty for an element to type in.
    value : str
        As it was typed, else the default.
    only_with : str
        The choices of another field with which it is shown; of all if empty.
    problem : str
        Why its value was refused.
    is_list : bool
        Whether it has several values: the ``chosen`` ones of its choices, or texts with commas.
    """

    name: str
    title: str
    help: str
    value: str
    choices: Mapping[str, str]
    is_flag: bool = False
    only_with: str = ""
    problem: str = ""
    is_list: bool = False
    is_number: bool = False
    is_required: bool = False
    chosen: tuple[str, ...] = ()


def form_fields(
    request: type[Request],
    typed: Mapping[str, str],
    without: Sequence[str] = (),
    only: Sequence[str] = (),
) -> list[FormField]:
    """The elements of a request's fields: of the named ones, or but those of the page itself."""
    return [_form_field(own, typed) for own in _of_form(request, without, only)]


def _of_form(request: type[Request], without: Sequence[str], only: Sequence[str]) -> list[Declared]:
    return [
        own
        for own in declared(request)
        if (own.name in only if only else isinstance(own.kind, TYPED) and own.name not in without)
    ]


def with_problem(
    fields: Sequence[FormField], error: DomainError, text: str
) -> list[FormField] | None:
    """The elements with a refusal at the one that its ``loc`` names; None if it names none."""
    names = {field.name for field in fields}
    named = [part for part in error.loc if part in names]
    if not named:
        return None
    return [replace(field, problem=text) if field.name == named[0] else field for field in fields]


def _form_field(own: Declared, typed: Mapping[str, str]) -> FormField:
    choices: Mapping[str, str] = {}
    text = typed.get(own.name, "")
    if isinstance(own.kind, Choice):
        has_default = own.is_required or own.default is not None or own.kind.usual is not None
        choices = own.kind.titles if has_default else {"": "Default", **own.kind.titles}
    if isinstance(own.kind, ValuesKind):
        choices = SOURCES if text in ("", *SOURCES) else {**SOURCES, text: f"Upload {text}"}
    default = "" if own.is_required or own.default in (None, False, ()) else str(own.default)
    return FormField(
        own.name,
        own.title,
        own.description,
        typed.get(own.name, default),
        choices,
        isinstance(own.kind, Flag),
        " ".join(own.only_with),
    )


def read_form(
    request: type[Request],
    typed: Mapping[str, str],
    without: Sequence[str] = (),
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """The values that were typed, of the fields of :func:`form_fields`.

    Raises
    ------
    InvalidRequest
        A value isn't one; ``loc`` names its field.
    """
    values: dict[str, Any] = {}
    for own in _of_form(request, without, only):
        text = typed.get(own.name, "").strip()
        if not text:
            continue
        with located(("query", own.name), InvalidRequest, always=True):
            values[own.name] = _read(own.kind, text)
    return values


def _read(kind: Kind, text: str) -> Any:
    match kind:
        case Flag():
            return True
        case Items(Text() | Scalar(), most):
            names = tuple(listed_names(text))
            if len(names) > most:
                raise InvalidRequest("At most {most} columns.", most=most)
            return names
        case _:
            return kind.read(text)
