"""The base of every request schema, and the parts that many share.

Invariants: an unknown field is an error that names it and, where one is close, the right name. JSON
null in an optional field means that the field is left out.

Schemas of answers whose values are JSON already.

Marshmallow asks every field of every object for its value and converts it; a page of 100 jobs takes
1,700 such steps. Invariant: a plain schema gives what marshmallow's own ``dump`` would give for
objects that carry every field, of its very type: it picks the values and names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any

from apiflask import Schema
from marshmallow import RAISE, ValidationError, fields, pre_load, validate

from http_api.schemas.fields import QueryInteger, StrictString

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_EXPLAINED = 20
"""Looking for the right name takes a while, and a body can hold a hundred thousand wrong ones."""


class StrictSchema(Schema):
    """A schema that explains unknown fields and takes null for an optional field left out."""

    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Document that an optional field may be null."""
        if not field_obj.required:
            field_obj.allow_none = True

    @pre_load
    def prepare(self, data: Any, **_: Any) -> Any:
        """Bring a body to its present shape, then leave out optional fields that are null."""
        data = self.reshape(data)
        return self.without_nulls(data) if isinstance(data, dict) else data

    def reshape(self, data: Any) -> Any:
        """Rename the aliases of older clients; here there are none."""
        return data

    def without_nulls(self, data: dict[str, Any]) -> dict[str, Any]:
        """The same object without the optional fields that are null."""
        optional = {name for name, field in self.load_fields.items() if not field.required}
        return {
            name: value for name, value in data.items() if value is not None or name not in optional
        }

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **_: Any) -> None:
        """Put the right name beside a wrong one."""
        if not isinstance(error.messages, dict):
            return
        unknown = [self.error_messages["unknown"]]
        names = (name for name, messages in error.messages.items() if messages == unknown)
        for name in list(islice(names, MAX_EXPLAINED)):
            error.messages[name] = [unknown_field(str(name), self.load_fields)]


def unknown_field(name: str, known: Mapping[str, Any]) -> str:
    """Say that a field is unknown, and which are known."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    return f"Unknown field. {hint}Known fields: {', '.join(sorted(known))}."


class StrictQuery(StrictSchema):
    """A query string's parameters, none of which can be null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Leave each field as it is declared."""


class PageQuery(StrictQuery):
    """The query of a list."""

    offset = QueryInteger(
        load_default=0,
        validate=validate.Range(min=0),
        metadata={"description": "Skip so many results."},
    )
    limit = QueryInteger(
        load_default=DEFAULT_PAGE,
        validate=validate.Range(min=1, max=MAX_PAGE),
        metadata={"description": "Return at most so many results."},
    )


class PageOut(Schema):
    """What every list carries."""

    total = fields.Integer(required=True)
    offset = fields.Integer(required=True)
    limit = fields.Integer(required=True)


class MessageOut(Schema):
    """The answer where there is nothing else to say."""

    message = fields.String(required=True)


def text(least: int = 0, most: int = 1000, **options: Any) -> StrictString:
    """A text field with a bounded length."""
    return StrictString(validate=validate.Length(min=least, max=most), **options)


class PlainSchema(Schema):
    """A schema with plain fields, and lists of other plain schemas."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        names = [field.attribute or name for name, field in self.dump_fields.items()]
        self._keys = tuple(field.data_key or name for name, field in self.dump_fields.items())
        self._of_object: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
        self._of_mapping: Callable[[Any], tuple[Any, ...]] = itemgetter(*names)
        self._lists = {
            key: field.inner.schema
            for key, field in zip(self._keys, self.dump_fields.values(), strict=True)
            if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested)
        }

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Pick and name the values."""
        if self.many if many is None else many:
            return [self._picked(one) for one in obj]
        return self._picked(obj)

    def _picked(self, obj: Any) -> dict[str, Any]:
        pick = self._of_mapping if isinstance(obj, Mapping) else self._of_object
        picked = dict(zip(self._keys, pick(obj), strict=True))
        for key, schema in self._lists.items():
            picked[key] = schema.dump(picked[key], many=True)
        return picked
