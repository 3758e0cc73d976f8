"""Base classes of request schemas, shared fields, and a fast schema for responses.

Guarantees that an unknown field is an error that suggests the right name, and that null in an
optional request field means that the field is omitted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, cast

from apiflask import Schema
from marshmallow import RAISE, ValidationError, fields, pre_load
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from http_api.schemas import out
from http_api.schemas.fields import (
    Message,
    StrictString,
    TextLength,
)

MAX_SUGGESTIONS = 20
"""Unknown fields for which the closest name is searched: a body can have a hundred thousand."""


GIVEN_TWICE = Message("Given more than once.")


class StrictSchema(Schema):
    """A schema that explains unknown fields and ignores null in optional fields.

    Attributes
    ----------
    aliases : mapping
        Names of an earlier version that are still read, with the name that they became.
    """

    aliases: ClassVar[Mapping[str, str]] = {}

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Document that an optional field may be null."""
        if not field_obj.required:
            field_obj.allow_none = True

    @pre_load
    def prepare(self, data: Any, **_: Any) -> Any:
        """Read other forms, then remove optional fields that are null."""
        data = self.reshape(_renamed(data, self))
        return self.without_nulls(data) if isinstance(data, dict) else data

    def reshape(self, data: Any) -> Any:
        """Read other forms of older clients; for subclasses."""
        return data

    def without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """Copy the object without optional fields that are null."""
        optional = {name for name, field in self.load_fields.items() if not field.required}
        return {
            name: value for name, value in data.items() if value is not None or name not in optional
        }

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **_: Any) -> None:
        """Explain unknown fields."""
        if not isinstance(error.messages, dict):
            return
        unknown = [self.error_messages["unknown"]]
        names = (name for name, messages in error.messages.items() if messages == unknown)
        known = [field.data_key or key for key, field in self.load_fields.items()]
        for name in list(islice(names, MAX_SUGGESTIONS)):
            error.messages[name] = [unknown_field(str(name), known)]


def _renamed(data: Any, schema: StrictSchema) -> Any:
    """The fields under their present names; one that is given under both is refused."""
    aliases = schema.aliases
    if not isinstance(data, Mapping) or aliases.keys().isdisjoint(data):
        return data
    stated = {name for name in data if data[name] is not None}
    for alias in stated & aliases.keys():
        for other in stated - {alias}:
            if aliases.get(other, other) == aliases[alias]:
                message = Message(f"The same as `{other}`, which is given, too.")
                raise ValidationError({alias: [message]})
    if isinstance(data, MultiDictProxy):
        pairs = cast("MultiDict[str, str]", data.data).items(multi=True)
        present = MultiDict((aliases.get(name, name), value) for name, value in pairs)
        return MultiDictProxy(present, schema)
    return {
        aliases.get(name, name): value
        for name, value in data.items()
        if name in stated or name not in aliases
    }


def unknown_field(name: str, known: Collection[str]) -> Message:
    """The message for an unknown field."""
    if not known:
        return Message("Unknown parameter. This address takes none.")
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = 'Did you mean "{close}"? ' if close else ""
    return Message(
        f"Unknown field. {hint}Known fields: {{known}}.",
        close="".join(close),
        known=", ".join(sorted(known)),
    )


class StrictQuery(StrictSchema):
    """The parameters of a query string, none of which can be null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Leave each field as it is declared."""

    def reshape(self, data: Any) -> Any:
        """Refuse a parameter that is given twice, unless it has several values."""
        if isinstance(data, MultiDictProxy):
            repeated = [
                name
                for name, values in cast("MultiDict[str, str]", data.data).lists()
                if len(values) > 1 and name in self.load_fields and name not in data.multiple_keys
            ]
            if repeated:
                raise ValidationError({name: [GIVEN_TWICE] for name in repeated})
        return data


class PageOut(Schema):
    """The common fields of lists."""

    total = out.integer()
    offset = out.integer()
    limit = out.integer()


class MessageOut(Schema):
    """A response with a message alone."""

    message = out.string()


def text(least: int = 0, most: int = 1000, **options: Any) -> StrictString:
    """A text field with a bounded length."""
    return StrictString(validate=TextLength(min=least, max=most), **options)


class PlainSchema(Schema):
    """A schema whose values are JSON already: it picks and names them without conversion.

    Gives what marshmallow's ``dump`` would give for objects that have every field.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        names = [field.attribute or name for name, field in self.dump_fields.items()]
        self._keys = tuple(field.data_key or name for name, field in self.dump_fields.items())
        # A second name makes both give a tuple for one name, too.
        self._of_object: Callable[[Any], tuple[Any, ...]] = attrgetter(*names, names[0])
        self._of_mapping: Callable[[Any], tuple[Any, ...]] = itemgetter(*names, names[0])
        self._optional = {
            key: name
            for key, name, field in zip(self._keys, names, self.dump_fields.values(), strict=True)
            if not field.required
        }
        self._lists = {
            key: field.inner.schema
            for key, field in zip(self._keys, self.dump_fields.values(), strict=True)
            if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested)
        }
        self._objects = {
            key: field.schema
            for key, field in zip(self._keys, self.dump_fields.values(), strict=True)
            if isinstance(field, fields.Nested)
        }

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Pick and name the values."""
        if self.many if many is None else many:
            return [self._pick(item) for item in obj]
        return self._pick(obj)

    def _pick(self, obj: Any) -> dict[str, Any]:
        if isinstance(obj, Mapping):
            missing = {key for key, name in self._optional.items() if name not in obj}
            own = {**dict.fromkeys(self._optional.values()), **obj} if missing else obj
            picked = dict(zip(self._keys, self._of_mapping(own), strict=False))
        else:
            missing = set()
            picked = dict(zip(self._keys, self._of_object(obj), strict=False))
        for key, schema in self._lists.items():
            picked[key] = picked[key] and schema.dump(picked[key], many=True)
        for key, schema in self._objects.items():
            picked[key] = None if picked[key] is None else schema.dump(picked[key])
        return {key: picked[key] for key in picked if key not in missing} if missing else picked
