"""Fields of a form, from the fields of a request of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.declarations import Declared, Request, declared
from contract.fields import Choice, Count, Flag, Kind, Number, Text, Written
from domain_errors import InvalidRequest

TYPED: tuple[type[Kind], ...] = (Choice, Count, Flag, Number, Text, Written)
"""Kinds of which a form has one element; lists, objects and filters have their own."""


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
    """

    name: str
    title: str
    help: str
    value: str
    choices: Mapping[str, str]
    is_flag: bool = False
    only_with: str = ""


def form_fields(
    request: type[Request], typed: Mapping[str, str], without: Sequence[str] = ()
) -> list[FormField]:
    """The elements of a request's fields, but those that a page has by itself."""
    return [
        _form_field(own, typed)
        for own in declared(request)
        if isinstance(own.kind, TYPED) and own.name not in without
    ]


def _form_field(own: Declared, typed: Mapping[str, str]) -> FormField:
    choices: Mapping[str, str] = {}
    if isinstance(own.kind, Choice):
        has_default = own.is_required or own.default is not None or own.kind.usual is not None
        choices = own.kind.titles if has_default else {"": "Default", **own.kind.titles}
    default = "" if own.is_required or own.default in (None, False) else str(own.default)
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
    request: type[Request], typed: Mapping[str, str], without: Sequence[str] = ()
) -> dict[str, Any]:
    """The values that were typed, of the fields of :func:`form_fields`.

    Raises
    ------
    InvalidRequest
        A value isn't one; ``loc`` names its field.
    """
    values: dict[str, Any] = {}
    for own in declared(request):
        text = typed.get(own.name, "").strip()
        if not text or not isinstance(own.kind, TYPED) or own.name in without:
            continue
        try:
            values[own.name] = True if isinstance(own.kind, Flag) else own.kind.read(text)
        except InvalidRequest as error:
            error.loc = ("query", own.name)
            raise
    return values
