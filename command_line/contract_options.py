"""Options of a command, from the fields of a request of the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from command_line.options import WholeNumber, field_option, reader
from contract.declarations import Declared, Request, declared
from contract.fields import (
    CONFIDENCE,
    Choice,
    Count,
    Flag,
    Items,
    Mapped,
    Part,
    RowFilterKind,
    Written,
)
from domain_errors import render


def with_request(request: type[Request], *, without: Sequence[str] = ()) -> Callable[[Any], Any]:
    """Add the options of a request to a command, in the order of its fields.

    :func:`body_of` makes the request's body of their values.
    """

    def decorate(command: Any) -> Any:
        for parent, own in reversed(_with_options(request, without)):
            command = _option(request, parent, own)(command)
        return command

    return decorate


def body_of(request: type[Request], values: dict[str, Any]) -> dict[str, Any]:
    """The body that options give; their values are removed from ``values``.

    A field without a value is left out, and so is an object of which no field has one.
    """
    body: dict[str, Any] = {}
    for parent, own in _with_options(request, ()):
        value = values.pop(_variable(parent, own), None)
        if value is None or value is False or value == ():
            continue
        plain = list(value) if isinstance(value, tuple) else value
        match own.kind:
            case RowFilterKind():
                plain = {"expression": plain}
            case Mapped():
                plain = dict(plain)
        (body if parent is None else body.setdefault(parent, {}))[own.name] = plain
    return body


def _with_options(
    request: type[Request], without: Sequence[str]
) -> list[tuple[str | None, Declared]]:
    """The fields that have an option, each with the field of the object that it is in."""
    found: list[tuple[str | None, Declared]] = []
    for own in declared(request):
        if isinstance(own.kind, Part) and own.name not in without:
            found += [(own.name, inner) for inner in declared(own.kind.of) if inner.option]
        elif own.option and own.name not in without:
            found.append((None, own))
    return found


def _variable(parent: str | None, own: Declared) -> str:
    return own.name if parent is None else f"{parent}_{own.name}"


def _option(request: type[Request], parent: str | None, own: Declared) -> Callable[[Any], Any]:
    names = {field.name: str(field.option) for _, field in _with_options(request, ())}
    text = render(own.help, {}, lambda name: names.get(name, name))
    is_flag, is_list = isinstance(own.kind, Flag), isinstance(own.kind, Items | Mapped)
    if not own.is_required and own.default not in (None, (), False, {}):
        shown = f"{100 * own.default:g}%" if own.kind is CONFIDENCE else own.default
        text = f"{text} [default: {shown}]".strip()
    inner = own.kind.of if isinstance(own.kind, Items) else own.kind
    return field_option(
        str(own.option),
        own.name,
        _variable(parent, own),
        multiple=is_list,
        **({"is_flag": True} if is_flag else {"type": _type_of(inner)}),
        metavar=inner.metavar,
        help=f"{text} Repeatable.".strip() if is_list else text,
        required=own.is_required and parent is None,
    )


def _type_of(kind: Any) -> Any:
    match kind:
        case Choice(titles):
            return click.Choice(list(titles))
        case Mapped():
            return _Pair()
        case Written():
            return reader(kind.how)  # the server checks the bounds
        case Count(bounds):
            least, most = bounds.least, bounds.most
            return WholeNumber(
                None if least is None else int(least), None if most is None else int(most)
            )
        case _:
            return str


class _Pair(click.ParamType[Any]):
    """A text like ``OLD=NEW``; the name may hold an equals sign."""

    name = "pair"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split a text."""
        name, sign, given = value.rpartition("=")
        if not sign or not name:
            self.fail(f'"{value}" must be a column, = and a value.', param, ctx)
        return name, given
