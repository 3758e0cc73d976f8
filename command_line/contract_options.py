"""Options of a command, from the fields of a request of the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from command_line.options import WholeNumber, field_option, pairs, reader
from contract.declarations import Declared, Request, declared
from contract.fields import (
    CONFIDENCE,
    Choice,
    Count,
    DatasetId,
    Flag,
    Items,
    Mapped,
    Part,
    RowFilterKind,
    ValuesKind,
    Written,
    WrittenPart,
)
from contract.numbers import percent_digits
from domain_errors import InvalidRequest, render


def with_request(
    request: type[Request],
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    within: str | None = None,
) -> Callable[[Any], Any]:
    """Add the options of a request, or of some of its fields, to a command, in their order.

    The request may be the object ``within`` a field of the command's body.

    :func:`command_line.options.body_of` makes the request's body of their values.
    """

    def decorate(command: Any) -> Any:
        for parent, own in reversed(_with_options(request)):
            if (not only or own.name in only) and not {parent, own.name} & set(without):
                command = _option(request, parent, own, within)(command)
        return command

    return decorate


def _with_options(request: type[Request]) -> list[tuple[str | None, Declared]]:
    """The fields that have an option, each with the field of the object that it is in."""
    fields: list[tuple[str | None, Declared]] = []
    for own in declared(request):
        if isinstance(own.kind, Part):
            fields += [(own.name, inner) for inner in declared(own.kind.of) if inner.option]
        elif own.option:
            fields.append((None, own))
    return fields


def _option(
    request: type[Request], parent: str | None, own: Declared, within: str | None
) -> Callable[[Any], Any]:
    names = {field.name: str(field.option) for _, field in _with_options(request)}
    text = render(own.help, {}, lambda name: names.get(name, name))
    is_flag, is_list = isinstance(own.kind, Flag), isinstance(own.kind, Items | Mapped)
    if not own.is_required and own.default not in (None, (), False, {}):
        shown = f"{percent_digits(own.default)}%" if own.kind is CONFIDENCE else own.default
        text = f"{text} [default: {shown}]".strip()
    inner = own.kind.of if isinstance(own.kind, Items) else own.kind
    return field_option(
        str(own.option),
        ".".join(filter(None, (within, parent, own.name))),
        own.name if parent is None else f"{parent}_{own.name}",
        formerly=own.former_option,
        multiple=is_list,
        callback=pairs if isinstance(own.kind, Mapped) else None,
        **({"is_flag": True} if is_flag else {"type": _type_of(inner)}),
        metavar=inner.metavar,
        help=f"{text} Repeatable.".strip() if is_list else text,
        required=own.is_required and parent is None and within is None,
    )


def reader_of(kind: WrittenPart | ValuesKind) -> Callable[[str], Any]:
    """A type of an option that a kind of the contract reads."""

    def convert(text: str) -> Any:
        try:
            return kind.read(text)
        except InvalidRequest as error:
            raise click.BadParameter(str(error)) from None

    return convert


def _type_of(kind: Any) -> Any:
    match kind:
        case Choice(titles):
            return click.Choice(list(titles))
        case RowFilterKind():
            return kind.read
        case WrittenPart():
            return reader_of(kind)
        case Written():
            return reader(kind.how)  # the server checks the bounds
        case DatasetId():
            return str
        case Count(bounds):
            least, most = bounds.least, bounds.most
            return WholeNumber(
                None if least is None else int(least), None if most is None else int(most)
            )
        case _:
            return str
