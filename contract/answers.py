"""Reads the declaration of an answer: a dataclass or a TypedDict that becomes JSON.

Its fields are those of the JSON, but for hidden ones; a property is one if the annotation of what
it returns has a help text. A typed dictionary is JSON already, and may lack fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from contract.declarations import Help
from contract.fields import DEFAULT_CONFIDENCE
from lazy_dataclasses import dataclass

T = TypeVar("T")


class Mark:
    """A mark of a field."""


HIDDEN = Mark()
Hidden = Annotated[T, HIDDEN]
"""A field that no answer has."""
DETAIL = Mark()
Detail = Annotated[T, DETAIL]
"""A field that an item of a list doesn't have."""


@dataclass(frozen=True)
class Named:
    """The name in JSON, where it isn't that of the field."""

    name: str


@dataclass(frozen=True)
class AtConfidence:
    """What holds at a confidence."""

    confidence: float = DEFAULT_CONFIDENCE


@dataclass(frozen=True)
class JsonOf:
    """The type whose JSON a field has, where that is read as it was stored."""

    type: Any


@dataclass(frozen=True)
class AnswerField:
    """A field of an answer.

    Parameters
    ----------
    name, key : str
        The attribute, and the name in JSON.
    type : type
        Without None.
    item : type, optional
        That of a list's items, or of a mapping's values.
    choices : tuple
        The values of a literal.
    types : tuple of type
        Those of a union.
    is_required : bool
        Whether each answer has it.
    """

    name: str
    key: str
    type: Any
    item: Any = None
    choices: tuple[str, ...] = ()
    is_null: bool = False
    help: str | None = None
    types: tuple[type, ...] = ()
    is_required: bool = True


def answer_fields(answer: type, *, in_list: bool = False) -> tuple[AnswerField, ...]:
    """The fields of an answer, or of an item of a list: its own, then its properties."""
    hints = get_type_hints(answer, include_extras=True)
    names = [each.name for each in fields(answer)] if is_dataclass(answer) else list(hints)
    own = [(name, hints[name]) for name in names]
    for name, member in _properties(answer).items():
        getter = member.func if isinstance(member, cached_property) else member.fget
        hint = get_type_hints(getter, include_extras=True)["return"]
        if get_origin(hint) is Annotated:
            own.append((name, hint))
    omitted = {HIDDEN, DETAIL} if in_list else {HIDDEN}
    return tuple(
        _field(name, hint)
        for name, hint in own
        if not any(mark in omitted for mark in getattr(hint, "__metadata__", ()))
    )


def _properties(answer: type) -> Mapping[str, property | cached_property[Any]]:
    return {
        name: member
        for each in reversed(answer.__mro__)
        for name, member in vars(each).items()
        if isinstance(member, property | cached_property)
    }


def _field(name: str, hint: Any) -> AnswerField:
    is_required = get_origin(hint) is not NotRequired
    hint = hint if is_required else get_args(hint)[0]
    marks = {type(mark): mark for mark in getattr(hint, "__metadata__", ())}
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    parts = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    types = [part for part in parts if part is not NoneType]
    base = types[0] if len(types) == 1 else Any
    origin = get_origin(base) or base
    item: Any = None
    choices: tuple[str, ...] = ()
    if origin is Literal:
        origin, choices = str, get_args(base)
    elif origin in (list, tuple, Sequence):
        origin, item = list, get_args(base)[0]
        item = get_origin(item) or item
    elif origin in (dict, Mapping):
        origin, item = dict, get_args(base)[1]
    key = marks[Named].name if Named in marks else name
    description = marks[Help].text if Help in marks else None
    union = tuple(types) if len(types) > 1 else ()
    is_null = len(types) < len(parts)
    return AnswerField(name, key, origin, item, choices, is_null, description, union, is_required)
