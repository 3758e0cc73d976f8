"""Schemas of answers whose values are JSON already.

Marshmallow asks every field of every object for its value and converts it; a page of 100 jobs takes
1,700 such steps. Invariant: a plain schema gives what marshmallow's own ``dump`` would give for
objects that carry every field, of its very type: it picks the values and names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, itemgetter
from typing import Any

from apiflask import Schema
from marshmallow import fields


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
