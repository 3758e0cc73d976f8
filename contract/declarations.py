"""Reads the declaration of a request: its fields, each with kind, help, title and option.

Each field of a request is annotated, such as ``Annotated[float, CONFIDENCE, Help("…")]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_type_hints

from contract.fields import NOT_GIVEN, Kind
from domain_errors import InvalidRequest
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class Help:
    """What a field means, in one sentence or two; fields stand in backticks."""

    text: str | None


@dataclass(frozen=True)
class Title:
    """What a form calls a field."""

    text: str


@dataclass(frozen=True)
class Option:
    """What a command calls a field, if not by its name; None where it has no option.

    A name that it had formerly is still read.
    """

    name: str | None
    formerly: str | None = None


class OnlyWith:
    """The choices of another field, or the formats, that a field goes with."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices


@dataclass(frozen=True)
class Initial:
    """The value with which a form starts."""

    value: Any


@dataclass(frozen=True)
class UsedWith:
    """Other fields of which one is needed; where values are named, one of these."""

    fields: Mapping[str, tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True)
class Declared:
    """A field of a request.

    Parameters
    ----------
    option : str or None
        The option of commands, such as ``--lonely-stratum``.
    default : object
        ``MISSING`` if the field is required.
    only_with : tuple of str
        The choices of another field that it goes with; none if it goes with all.
    initial, used_with
        The value with which a form starts, and the fields with which it shows this one.
    """

    name: str
    kind: Kind
    default: Any
    help: str = ""
    title: str = ""
    option: str | None = None
    only_with: tuple[str, ...] = ()
    former_option: str | None = None
    initial: Any = None
    used_with: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def usual(self) -> Any:
        """The value of a new request that has none; None if it is required."""
        usual = getattr(self.kind, "usual", None)
        return (None if self.is_required else self.default) if usual is None else usual

    @property
    def has_new_default(self) -> bool:
        """Whether a recorded request without it was made with another value than a new one."""
        return not self.is_required and self.usual != self.default

    @property
    def description(self) -> str:
        """The help, with the choices that the field goes with."""
        kinds = " and ".join(", ".join(f"`{name}`" for name in self.only_with).rsplit(", ", 1))
        return f"For {kinds}. {self.help}" if kinds else self.help

    @property
    def is_required(self) -> bool:
        """Whether a request must give it."""
        return self.default is MISSING

    @property
    def is_nullable(self) -> bool:
        """Whether null is a value of its own, not the same as a missing field."""
        return self.default is NOT_GIVEN


class RefusedField(InvalidRequest):
    """A field that doesn't fit the others; ``field`` is its name."""

    def __init__(self, field_name: str, template: str, **parameters: object) -> None:
        super().__init__(template, loc=("body", field_name), **parameters)
        self.field = field_name


Rule = Callable[[Mapping[str, Any]], None]
"""Checks the given fields of a body together, and raises :class:`RefusedField`."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Request:
    """The base of requests, whose subclasses are frozen dataclasses with annotated fields.

    Attributes
    ----------
    rules : sequence of callable
        What holds across fields.
    aliases : mapping
        Names of an earlier version that are still read, with the name that they became.
    is_recorded : bool
        Whether a job's parameters keep it, so that a body is read as the JSON of its given fields.
    or_json : type, optional
        Of a form: the request that may be sent as JSON instead.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    rules: ClassVar[tuple[Rule, ...]] = ()
    aliases: ClassVar[Mapping[str, str]] = {}
    is_recorded: ClassVar[bool] = False
    or_json: ClassVar[type[Request] | None] = None

    def __init_subclass__(cls) -> None:
        """Make a frozen dataclass of a subclass, with fields by keyword."""
        super().__init_subclass__()
        dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def further_fields(cls) -> tuple[Declared, ...]:
        """Fields of a body that aren't fields of the class."""
        return ()

    @classmethod
    def reshaped(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A body in its full form, of one that was sent in a short one."""
        return data

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The request of a body whose values are read."""
        return cls(**body)

    def given(self) -> dict[str, Any]:
        """The fields that have a value, by name: the body of this request."""
        return {
            each.name: _plain(value)
            for each in declared(type(self))
            if (value := getattr(self, each.name, None)) is not NOT_GIVEN
            and (value is not None or each.is_nullable)
        }

    def stated(self) -> dict[str, Any]:
        """The body without fields that have their default."""
        body = self.given()
        return {
            each.name: _stated(getattr(self, each.name))
            for each in declared(type(self))
            if each.name in body and getattr(self, each.name) != each.default
        }


def _stated(value: Any) -> Any:
    if isinstance(value, Request):
        return value.stated()
    return [_stated(part) for part in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Request):
        return value.given()
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


_OWN: dict[type[Request], tuple[Declared, ...]] = {}


def declared(request: type[Request]) -> tuple[Declared, ...]:
    """The fields of a request, in their order: those with a kind, and further ones."""
    if request not in _OWN:
        hints = get_type_hints(request, include_extras=True)
        _OWN[request] = tuple(
            _declared(each.name, hints[each.name].__metadata__, _default(each))
            for each in fields(request)
            if hasattr(hints[each.name], "__metadata__")
        )
    return (*_OWN[request], *request.further_fields())


AnyRequest = TypeVar("AnyRequest", bound=Request)


def copied(to: type[AnyRequest], given: Request, **others: Any) -> AnyRequest:
    """A request with the fields of another one that it has, too, and with ``others``."""
    names = (own.name for own in declared(to) if own.name not in others)
    return to(**{name: getattr(given, name) for name in names if hasattr(given, name)}, **others)


def declared_field(request: type[Request], name: str) -> Declared:
    """One field of a request."""
    return next(each for each in declared(request) if each.name == name)


def _default(own: Any) -> Any:
    return own.default if own.default_factory is MISSING else own.default_factory()


def _declared(name: str, marks: tuple[Any, ...], default: Any) -> Declared:
    found: dict[type, Any] = {type(mark): mark for mark in marks}
    kinds = [mark for mark in marks if isinstance(mark, Kind)]
    option = found.get(Option, Option(kinds[0].option or f"--{name.replace('_', '-')}"))
    return Declared(
        name,
        kinds[0],
        default,
        found[Help].text if Help in found else "",
        found[Title].text if Title in found else name.replace("_", " ").capitalize(),
        option.name,
        found[OnlyWith].choices if OnlyWith in found else (),
        option.formerly,
        initial=found[Initial].value if Initial in found else None,
        used_with=found[UsedWith].fields if UsedWith in found else {},
    )
