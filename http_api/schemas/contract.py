"""Marshmallow schemas of requests and answers, from their declarations.

A loaded body is an instance of its request. An answer is an instance of its class, or of another
that has the attributes.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from apiflask import Schema
from apiflask.fields import File
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from contract import fields as kinds
from contract.answers import AnswerField, answer_fields
from contract.declarations import Declared, RefusedField, Request, declared
from contract.fields import Bounds, Kind
from contract.requests.draw import MAX_BREAKS, BandedColumnRequest
from contract.requests.pages import PageRequest
from http_api.schemas import out
from http_api.schemas.base import PageOut, PlainSchema, StrictQuery, StrictSchema, text
from http_api.schemas.fields import (
    NUMBER_OR_TEXT,
    BoundedList,
    DayField,
    EndTimestamp,
    LongInteger,
    Message,
    PasswordText,
    QueryBoolean,
    QueryInteger,
    QueryList,
    SeedField,
    StartField,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    TextLength,
    Timestamp,
    WrittenDecimal,
    WrittenNumber,
    check_name,
    check_text,
    check_visible,
    invalid,
    kind_of,
)
from http_api.schemas.filters import AnyValue, FiltersField
from lazy_dataclasses import dataclass


class _Contract:
    """What a schema of a request adds: null as a value, rules, the instance."""

    request: ClassVar[type[Request]]
    load_fields: Mapping[str, fields.Field[Any]]

    def reshape(self, data: Any) -> Any:
        """Read a short form of the request."""
        data = super().reshape(data)  # type: ignore[misc]
        return self.request.reshaped(data) if isinstance(data, dict) else data

    def without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """Keep a null that is a value."""
        kept: dict[str, Any] = super().without_nulls(data)  # type: ignore[misc]
        nulls = (each.name for each in declared(self.request) if each.is_nullable)
        return kept | {name: None for name in nulls if name in data and data[name] is None}

    @validates_schema(skip_on_field_errors=True)
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        """Check the rules of the request."""
        for rule in self.request.rules:
            try:
                rule(data)
            except RefusedField as error:
                message = Message(error.template, **error.parameters)
                raise ValidationError(message, error.field) from None

    @post_load
    def instance(self, data: dict[str, Any], **_: Any) -> Request | dict[str, Any]:
        """The request; the JSON of one that is recorded."""
        loaded = self.request.of(data)
        return loaded.given() if loaded.is_recorded else loaded


BASES: dict[type[Request], type[StrictSchema]] = {}
"""The base of the schemas of some requests and of those derived from them."""
_SCHEMAS: dict[tuple[type[Request], type[StrictSchema]], type[Any]] = {}
_MAKING = threading.RLock()
"""Held while schemas are made at first use, so that none is made twice."""


def body_schema(request: type[Request]) -> type[StrictSchema]:
    """The schema of a JSON body."""
    base = next((BASES[each] for each in request.__mro__ if each in BASES), StrictSchema)
    return _schema(request, base, "In", field_of)


def query_schema(request: type[Request]) -> type[StrictQuery]:
    """The schema of a query string."""
    return _schema(request, StrictQuery, "Query", _of_query)


class StrictForm(StrictSchema):
    """The schema of a form with files."""


def form_schema(request: type[Request]) -> type[StrictForm]:
    """The schema of a form with files, with the request that may be sent as JSON instead."""
    return _schema(request, StrictForm, "In", _of_form)


def _schema(
    request: type[Request],
    base: type[StrictSchema],
    ending: str,
    make: Callable[[Declared], fields.Field[Any]],
) -> type[Any]:
    with _MAKING:
        if (request, base) not in _SCHEMAS:
            members: dict[str, Any] = {each.name: make(each) for each in declared(request)}
            members |= {"request": request, "aliases": request.aliases, "__doc__": request.__doc__}
            if request.or_json is not None:
                members["or_json"] = body_schema(request.or_json)
            name = request.__name__.removesuffix("Request") + ending
            _SCHEMAS[request, base] = type(name, (_Contract, base), members)
        return _SCHEMAS[request, base]


def _of_query(own: Declared) -> fields.Field[Any]:
    options = _options(own)
    match own.kind:
        case kinds.Count(bounds):
            return QueryInteger(validate=_range(bounds), **options)
        case kinds.Flag():
            return QueryBoolean(**options)
        case kinds.ValuesKind(words):
            return _QueryValueSource(words, options)
        case kinds.Names(most):
            return QueryList(validate=validate.Length(max=most), **options)
        case kinds.Items(kinds.ColumnName(), most):
            return QueryList(validate=validate.Length(max=most), **options)
        case kinds.Items(kinds.Choice(titles)):
            return QueryList(validate=validate.ContainsOnly(list(titles)), **options)
        case _:
            return _field(own.kind, options)


def _of_form(own: Declared) -> fields.Field[Any]:
    match own.kind:
        case kinds.Flag():
            return QueryBoolean(**_options(own))
        case kinds.Part(of):
            return JsonPart(of, own.description, **_options(own))
        case kinds.Items():
            return JsonList(field_of(own), own.description)
        case _:
            return field_of(own)


class JsonList(fields.Field[Any]):
    """A field of a form with a list as a JSON array; by default an empty one."""

    def __init__(self, items: fields.Field[Any], description: str) -> None:
        about = {"type": "string", "description": f"{description} As a JSON array."}
        super().__init__(load_default=list, metadata=about)
        self._items = items

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            given = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise invalid("Must be a JSON array.") from None
        return self._items.deserialize(given)


class JsonPart(fields.Field[Any]):
    """A field of a form with an object of the contract as JSON; by default an empty one."""

    def __init__(self, request: type[Request], description: str, **options: Any) -> None:
        names = ", ".join(own.name for own in declared(request))
        about = {"type": "string", "description": f"{description} A JSON object of: {names}."}
        super().__init__(**{"load_default": dict, **options, "metadata": about})
        self._request = request

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            given = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise invalid("Must be a JSON object.") from None
        if not isinstance(given, dict):
            raise invalid("Must be a JSON object, not {given}.", given=kind_of(given))
        return body_schema(self._request)().load(given)


def field_of(own: Declared) -> fields.Field[Any]:
    """The field of a body."""
    return _field(own.kind, _options(own))


def _options(own: Declared) -> dict[str, Any]:
    """Marshmallow's options of a declared field."""
    options: dict[str, Any] = {"required": True} if own.is_required else {}
    if own.description:
        options["metadata"] = {"description": own.description}
    if own.is_nullable:
        options["allow_none"] = True
    elif not own.is_required and own.default is not None and not isinstance(own.default, Request):
        match own.default:
            case tuple():
                options["load_default"] = list(own.default) or list
            case dict():
                options["load_default"] = dict
            case _:
                options["load_default"] = own.default
    return options


def _field(kind: Kind, options: dict[str, Any]) -> fields.Field[Any]:
    """The field of a kind."""
    return FIELDS[next(each for each in type(kind).__mro__ if each in FIELDS)](kind, options)


def _mapped(kind: kinds.Mapped, options: dict[str, Any]) -> fields.Field[Any]:
    length = validate.Length(kind.least, kind.most)
    inner = {"allow_none": True} if isinstance(kind.of, kinds.Scalar) else {}
    values = _field(kind.of, inner)
    return fields.Dict(keys=StrictString(), values=values, validate=length, **options)


def _range(bounds: Bounds, refusal: str | None = None) -> validate.Range | None:
    if bounds == kinds.UNBOUNDED:
        return None
    least, most = bounds.least, bounds.most
    return validate.Range(
        bounds.above if least is None else least,
        bounds.below if most is None else most,
        min_inclusive=bounds.above is None,
        max_inclusive=bounds.below is None,
        error=refusal,
    )


def _check_segment(name: str) -> None:
    if "/" in name or name in (".", ".."):
        raise invalid("A table's key is part of addresses: it has no slash and isn't . or ..")


def _name(kind: kinds.Name, options: dict[str, Any]) -> fields.Field[Any]:
    visible = [check_visible] if kind.least else []
    checks = [TextLength(kind.least, kind.most), *visible, check_name]
    return StrictString(
        validate=[*checks, _check_segment] if kind.is_segment else checks, **options
    )


class _OneOrMore(fields.Field[Any]):
    """A list of texts or of scalars, or one of them."""

    def __init__(self, kind: kinds.OneOrMore, options: dict[str, Any]) -> None:
        one: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        if isinstance(kind.of, kinds.Text):
            one = {"type": "string", "minLength": kind.of.least, "maxLength": kind.of.most}
        several = {"type": "array", "items": one, "minItems": kind.least, "maxItems": kind.most}
        metadata = {**options.pop("metadata", {}), "anyOf": [one, several]}
        super().__init__(metadata=metadata, **options)
        self._item = _field(kind.of, {})
        self._types = (str, list) if isinstance(kind.of, kinds.Text) else (str, int, float, list)
        self._words = "text" if isinstance(kind.of, kinds.Text) else "value"
        self._length = validate.Length(kind.least, kind.most)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[str, ...]:
        if not isinstance(value, self._types):
            raise invalid(
                f"Must be a {self._words} or a list of {self._words}s, not {{given}}.",
                given=kind_of(value),
            )
        given = value if isinstance(value, list) else [value]
        self._length(given)
        return tuple(self._item.deserialize(item) for item in given)


class _ValueSource(fields.Field[Any]):
    """Where values come from: the table, an upload, or the findings."""

    def __init__(self, words: tuple[str, ...], options: dict[str, Any]) -> None:
        metadata = {
            **options.pop("metadata", {}),
            "oneOf": [
                {"type": "string", "enum": list(words)},
                {"type": "integer", "minimum": 1},
            ],
        }
        super().__init__(metadata=metadata, **options)
        self._words = words

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str | int:
        is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
        if value not in self._words and not is_number:
            words = ", ".join(f"`{word}`" for word in self._words)
            raise invalid("Must be {words} or the number of an upload.", words=words)
        return value  # type: ignore[no-any-return]


class _QueryValueSource(_ValueSource):
    """Where values come from, in a query string, where a number is a text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str | int:
        is_number = isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value)
        return super()._deserialize(int(value) if is_number else value, attr, data)


class BreakField(fields.Field[int | float | str]):
    """A break between bands: a number, or a number or a date as text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"anyOf": NUMBER_OR_TEXT}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if isinstance(value, str):
            return check_text(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid("Must be a number or a date as text, not {given}.", given=kind_of(value))
        if not math.isfinite(value):
            raise invalid("Must be a finite number.")
        return value


class StrataEntryField(fields.Field[Any]):
    """A column's name, or a column with breaks."""

    def __init__(self, kind: kinds.Text, **options: Any) -> None:
        super().__init__(metadata={"anyOf": [{"type": "string"}, BANDS]}, **options)
        self._name = text(kind.least, kind.most)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return body_schema(BandedColumnRequest)().load(value)
        return self._name.deserialize(value, attr, data, **kwargs)


BANDS = {
    "type": "object",
    "required": ["column", "breaks"],
    "additionalProperties": False,
    "properties": {
        "column": {"type": "string"},
        "breaks": {
            "type": "array",
            "items": {"anyOf": NUMBER_OR_TEXT},
            "minItems": 1,
            "maxItems": MAX_BREAKS,
        },
        "labels": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_BREAKS + 1},
    },
}
"""The JSON schema of a column with breaks."""
SIZE_EXPECTED = 'Must be a whole number, "all" or a percentage such as "10%", not {given}.'


class SizeField(fields.Field[int | str]):
    """A stratum's size: rows, ``"all"`` or a percentage."""

    def __init__(self, **options: Any) -> None:
        described = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
        super().__init__(metadata=described, **options)

    def deserialize(
        self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any
    ) -> Any:
        """Refuse null in the field's own words."""
        if value is None:
            raise invalid(SIZE_EXPECTED, given="null")
        return super().deserialize(value, attr, data, **kwargs)

    def _validate(self, value: Any) -> None:
        if not isinstance(value, str):
            super()._validate(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int | str:
        if isinstance(value, str):
            return check_text(value)  # the engine parses it
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(SIZE_EXPECTED, given=kind_of(value))
        return StrictInteger().deserialize(value, attr, data)


FIELDS: dict[type[Any], Callable[[Any, dict[str, Any]], fields.Field[Any]]] = {
    kinds.BandedColumn: lambda kind, options: StrataEntryField(kind, **options),
    kinds.BreakKind: lambda _, options: BreakField(**options),
    kinds.SizeKind: lambda kind, options: SizeField(validate=_range(kind.bounds), **options),
    kinds.SeedKind: lambda _, options: SeedField(allow_none=True, **options),
    kinds.Day: lambda kind, options: DayField(
        kind, validate=TextLength(kind.least, kind.most), **options
    ),
    kinds.Text: lambda kind, options: text(kind.least, kind.most, **options),
    kinds.Name: _name,
    kinds.OneOrMore: _OneOrMore,
    kinds.Upload: lambda _, options: File(**options),  # type: ignore[no-untyped-call]
    kinds.Password: lambda kind, options: PasswordText(kind, **options),
    kinds.EndTime: lambda _, options: EndTimestamp(**options),
    kinds.Time: lambda _, options: Timestamp(**options),
    kinds.Choice: lambda kind, options: StrictString(
        validate=validate.OneOf(list(kind.titles)), **options
    ),
    kinds.FigureKind: lambda _, options: AnyValue(**options),
    kinds.Flag: lambda _, options: StrictBoolean(**options),
    kinds.LongCount: lambda kind, options: LongInteger(validate=_range(kind.bounds), **options),
    kinds.Count: lambda kind, options: StrictInteger(validate=_range(kind.bounds), **options),
    kinds.Number: lambda kind, options: StrictNumber(validate=_range(kind.bounds), **options),
    kinds.StartKind: lambda kind, options: StartField(kind, **options),
    kinds.Exact: lambda kind, options: WrittenDecimal(
        kind.how, validate=_range(kind.bounds, kind.refusal), **options
    ),
    kinds.Written: lambda kind, options: WrittenNumber(
        kind.how, validate=_range(kind.bounds, kind.refusal), **options
    ),
    kinds.Items: lambda kind, options: BoundedList(
        _field(kind.of, {}), least=kind.least, most=kind.most, refusal=kind.refusal, **options
    ),
    kinds.Mapped: _mapped,
    kinds.Names: lambda kind, options: BoundedList(text(), most=kind.most, **options),
    kinds.Part: lambda kind, options: fields.Nested(body_schema(kind.of), **options),
    kinds.Scalar: lambda _, options: AnyValue(**options),
    kinds.RowFilterKind: lambda _, options: FiltersField(
        **{name: value for name, value in options.items() if name != "metadata"}
    ),
    kinds.ValuesKind: lambda kind, options: _ValueSource(kind.words, options),
}
"""What makes the field of a kind."""


_PLAIN: Mapping[Any, Callable[..., fields.Field[Any]]] = {
    str: out.string,
    int: out.integer,
    float: out.number,
    bool: out.boolean,
    dict: out.json_object,
    Any: out.raw,
}
_JSON_TYPES = {int: "integer", float: "number", str: "string"}
_ANSWERS: dict[tuple[type[Any], bool], type[PlainSchema]] = {}


def _name_of(answer: type[Any]) -> str:
    """The name of an answer in the document of the API."""
    return re.sub("(Answer|Record)$", "", answer.__name__)


def answer_schema(answer: type[Any], *, in_list: bool = False) -> type[PlainSchema]:
    """The schema of an answer, or of one as an item of a list."""
    with _MAKING:
        own = answer_fields(answer, in_list=in_list)
        is_brief = in_list and len(own) < len(answer_fields(answer))
        if (answer, is_brief) not in _ANSWERS:
            members: dict[str, Any] = {each.key: _answered(each) for each in own}
            members["__doc__"] = answer.__doc__
            name = f"{_name_of(answer)}{'InList' if is_brief else ''}Out"
            _ANSWERS[answer, is_brief] = type(name, (PlainSchema,), members)
        return _ANSWERS[answer, is_brief]


@dataclass(frozen=True)
class Listing:
    """A page of a list, with the number of all its items; ``job_id`` is of a list of a job."""

    items: Sequence[Any]
    total: int
    offset: int
    limit: int
    job_id: str | None = None


MakeSchema = Callable[[], type[Schema]]
"""Makes a schema at its first call, and returns it at each."""


def list_schema(
    name: str, item: type[Any], help_: str | None = None, *, of_job: bool = False
) -> MakeSchema:
    """What makes the schema of a listing, whose items have this name."""
    made: list[type[Schema]] = []

    def make() -> type[Schema]:
        with _MAKING:
            if not made:
                members: dict[str, Any] = {"job_id": out.string()} if of_job else {}
                items = answer_schema(item, in_list=True)
                members[name] = out.list_of(items, help_, attribute="items")
                made.append(type(f"{_name_of(item)}ListOut", (PlainSchema, PageOut), members))
            return made[0]

    return make


def listed(
    page: tuple[Sequence[Any], int], query: PageRequest, job_id: str | None = None
) -> Listing:
    """A page of items, and the number of all."""
    items, total = page
    return Listing(items, total, query.offset, query.limit, job_id)


def page_of(items: Sequence[Any], query: PageRequest, job_id: str | None = None) -> Listing:
    """The page of a short list, which is read as a whole.

    >>> page_of(["a", "b", "c"], PageRequest(offset=1, limit=1)).items
    ['b']
    """
    shown = items[query.offset : query.offset + query.limit]
    return Listing(shown, len(items), query.offset, query.limit, job_id)


def _answered(own: AnswerField) -> fields.Field[Any]:
    options: dict[str, Any] = {"null": own.is_null}
    if not own.is_required:
        options["required"] = False
    if own.types:
        options["metadata"] = {"anyOf": [{"type": _JSON_TYPES[each]} for each in own.types]}
    if own.key != own.name:
        options["attribute"] = own.name
    if own.type is list:
        inner: Any
        if own.item in (str, Sequence):  # a list of a list has texts
            inner = fields.String() if own.item is str else fields.List(fields.String())
        else:
            inner = _PLAIN[own.item]() if own.item in _PLAIN else answer_schema(own.item)
        return out.list_of(inner, own.help, **options)
    if own.choices:
        options["metadata"] = {"enum": [*own.choices, *([None] if own.is_null else [])]}
    if own.type is dict and own.item in (str, int):
        options |= {"keys": fields.String(), "values": _PLAIN[own.item]()}
    if own.type in _PLAIN:
        return _PLAIN[own.type](own.help, **options)
    return out.nested(answer_schema(own.type), own.help, **options)
