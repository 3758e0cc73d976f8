"""One round of a draw as JSON: a schema for each method, filters, selection.

The methods' schemas derive from their declarations in the sampling engine. What depends on a
table's columns and rows is checked there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, replace
from difflib import get_close_matches
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema
from marshmallow_oneofschema.one_of_schema import OneOfSchema

import http_api.schemas.draw_filters  # noqa: F401 - has the filters of rounds
from application.audit.planned import OF_ROWS
from contract.declarations import declared
from contract.fields import PlannedSeedKind, RoundKind
from contract.requests.draw import DrawRequest, PublicSeedRequest, RoundRequest
from contract.requests.goal import FigureGoalRequest, GoalRequest
from domain_errors import choices_sentence
from http_api.schemas.base import MAX_SUGGESTIONS, StrictSchema
from http_api.schemas.contract import BASES, FIELDS, body_schema, field_of
from http_api.schemas.fields import (
    SEED_TYPES,
    Message,
    SeedField,
    StrictString,
    invalid,
    kind_of,
)
from sampling_engine import METHOD_CLASSES, METHODS, Method, method_class

PARAMETER_ALIASES = {alias: name for kind in METHOD_CLASSES for alias, name in kind.aliases.items()}
BESIDE_METHOD = ("sample_size", "seed", "random_seed")
"""Parameters that a round may also have at the level of ``method``."""
OF_A_ROUND = ("method", "parameters", "filters", "selection", "order", "goal", *BESIDE_METHOD)


class ParametersIn(StrictSchema):
    """The parameters of a method; a subclass for each is made from its declaration."""

    method: ClassVar[type[Method]]
    aliases: ClassVar = PARAMETER_ALIASES

    @validates_schema
    def check_groups(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse parameters that exclude each other, and a group that needs one and has none."""
        for group in (*self.method.exactly_one_of, *self.method.at_most_one_of):
            present = [name for name in group if name in data]
            if not present and group in self.method.exactly_one_of:
                raise ValidationError(Message(f"Missing: give {_named(group, 'or')}."), group[0])
            if len(present) > 1:
                message = Message(f"Give only one of {_named(present, 'and')}.")
                raise ValidationError(message, present[1])


def _named(names: Sequence[str], last: str) -> str:
    """The names of fields in a message template.

    >>> _named(["sample_size", "sample_percent"], "or")
    '`sample_size` or `sample_percent`'
    """
    return f" {last} ".join(f"`{name}`" for name in names)


def _parameters_schema(method: type[Method], prefix: str) -> type[ParametersIn]:
    """The schema of a method's parameters, which stay as they are given."""
    in_groups = {name for group in method.exactly_one_of for name in group}
    members: dict[str, Any] = {
        own.name: field_of(
            replace(own, default=MISSING if own.is_required and own.name not in in_groups else None)
        )
        for own in (*declared(method), *method.superseded)
    }
    members |= {"method": method, "__doc__": f"Parameters of ``{method.key}``."}
    return type(f"{prefix}ParametersIn", (ParametersIn,), members)


class RoundIn(body_schema(RoundRequest)):  # type: ignore[misc]
    """The fields of every round."""

    @validates_schema(skip_on_field_errors=True)
    def fits_its_stages(self, data: dict[str, Any], **_: Any) -> None:
        """Stages are the first and the other rows of a random round."""
        goal = data.get("goal") or {}
        if "accept" not in goal:
            return
        size = data["parameters"].get("sample_size")
        problem = None
        if not method_class(data["method"]).has_stages:
            problem = Message("Two stages are drawn at random: leave it out.")
        elif goal.get("first_stage", 1) >= (size or 0):
            problem = Message("Stage 1 must have fewer rows than `sample_size`.")
        if problem is not None:
            name = "accept" if "first_stage" not in goal else "first_stage"
            raise ValidationError({"goal": {name: [problem]}})
        if "first_stage" not in goal:
            raise ValidationError({"goal": {"first_stage": [Message("Missing.")]}})
        if (data.get("selection") or {}).get("order_by"):
            message = Message("Two stages are listed in the order of the draw: leave it out.")
            raise ValidationError({"selection": {"order_by": [message]}})

    @validates_schema(skip_on_field_errors=True)
    def fits_its_likelihood(self, data: dict[str, Any], **_: Any) -> None:
        """Money has no hypergeometric likelihood, by which the sample would be evaluated."""
        goal = data.get("goal") or {}
        is_money = method_class(data["method"]).selects_money
        if is_money and goal.get("likelihood") == "hypergeometric":
            raise ValidationError({"goal": {"likelihood": [Message(OF_ROWS)]}})

    def instance(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The round as JSON, in which a job records it."""
        return data


def _round_schema(method: type[Method]) -> type[RoundIn]:
    """The schema of a method's rounds, ``StratifiedRoundIn`` for ``stratified``."""
    prefix = method.key.title().replace("_", "")
    names = (method.key, *method.other_names)
    is_of_shares = method.has_margin_of_error or method.selects_money
    members: dict[str, Any] = {
        "method": StrictString(required=True, validate=validate.OneOf(names)),
        "parameters": fields.Nested(_parameters_schema(method, prefix), required=True),
        "goal": fields.Nested(
            body_schema(GoalRequest if is_of_shares else FigureGoalRequest),
            allow_none=True,
            metadata={"description": "What the size is for; it is recorded and draws no row."},
        ),
    }
    return type(f"{prefix}RoundIn", (RoundIn,), members)


class RoundSchemas(Mapping[str, type[RoundIn]]):
    """The schema of each method under each of its names; one is made at its first use."""

    def __init__(self) -> None:
        self._methods = {
            name: method for method in METHOD_CLASSES for name in (method.key, *method.other_names)
        }
        self._schemas: dict[type[Method], type[RoundIn]] = {}
        self._making = threading.Lock()

    def __getitem__(self, name: str) -> type[RoundIn]:
        """The schema of a method."""
        method = self._methods[name]
        with self._making:
            if method not in self._schemas:
                self._schemas[method] = _round_schema(method)
            return self._schemas[method]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a method."""
        return name in self._methods

    def __iter__(self) -> Iterator[str]:
        """All names of methods."""
        return iter(self._methods)

    def __len__(self) -> int:
        """The number of names."""
        return len(self._methods)


class AnyRoundIn(OneOfSchema):
    """A round, of the shape that its method has."""

    type_field = "method"
    type_field_remove = False
    type_schemas = RoundSchemas()

    def _load(self, data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, dict):
            raise invalid("Must be an object, not {given}.", given=kind_of(data))
        method = data.get("method")
        if not isinstance(method, str) or method not in self.type_schemas:
            raise ValidationError({"method": [_no_method(method)]})
        return super()._load(moved_inside(data), **kwargs)  # type: ignore[no-untyped-call]


def _no_method(given: Any) -> Message:
    """The message on a method that there isn't, with the names of all."""
    names = [method.name for method in METHODS]
    if isinstance(given, str):
        choices = choices_sentence(given[:50], names)
        message = 'There is no method "{given}". {choices}'
        return Message(message, given=given[:50], choices=choices)
    problem = "Missing" if given is None else "Must be a text, not {kind}"
    return Message(
        f"{problem}. Methods are: {{known}}.", known=", ".join(names), kind=kind_of(given)
    )


def moved_inside(data: dict[str, Any]) -> dict[str, Any]:
    """Move parameters at the level of ``method`` into ``parameters``."""
    outside = {name: data[name] for name in BESIDE_METHOD if name in data}
    if not outside or not isinstance(data.get("parameters", {}), dict):
        return data
    rest = {name: value for name, value in data.items() if name not in outside}
    outside = {name: value for name, value in outside.items() if value is not None}
    parameters = data.get("parameters", {})
    twice = [name for name in outside if parameters.get(name) is not None]
    if twice:
        message = Message("Given twice: next to `method` and in `parameters`.")
        raise ValidationError({twice[0]: [message]})
    return {**rest, "parameters": {**parameters, **outside}}


class DrawIn(StrictSchema):
    """A draw; one without ``rounds`` but with ``method`` is one round."""

    def reshape(self, data: Any) -> Any:
        """Make one round of a body that has its method at the top."""
        if not isinstance(data, dict):
            return data
        alternatives = ("rounds", *OF_A_ROUND)
        data = {
            name: value
            for name, value in data.items()
            if value is not None or name not in alternatives
        }
        if "rounds" in data or "method" not in data:
            return data
        rest = {name: value for name, value in data.items() if name not in OF_A_ROUND}
        return {**rest, "rounds": [{name: data[name] for name in OF_A_ROUND if name in data}]}

    def handle_error(
        self, error: ValidationError, data: Any, *, many: bool, **options: Any
    ) -> None:
        """Name the field of a round that an unknown field of the body is close to."""
        unknown = [self.error_messages["unknown"]]
        messages = error.messages if isinstance(error.messages, dict) else {}
        names = [name for name, found in messages.items() if found == unknown][:MAX_SUGGESTIONS]
        super().handle_error(error, data, many=many, **options)
        own = [field.data_key or key for key, field in self.load_fields.items()]
        for name in names:
            of_draw = get_close_matches(str(name), own, n=1, cutoff=0.6)
            of_round = get_close_matches(str(name), OF_A_ROUND, n=1, cutoff=0.6)
            if of_round and not of_draw:
                place = " Its place is `rounds[0].{close}`." if "rounds" in data else ""
                text = f'Unknown field. Did you mean "{{close}}"?{place}'
                messages[name] = [Message(text, close=of_round[0])]

    @validates_schema(skip_on_field_errors=True)
    def numbered_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """Round numbers run 1, 2, 3 …"""
        for place, given in enumerate(data.get("rounds", ()), start=1):
            if given.get("round_number", place) != place:
                message = Message("Must be {place}: rounds run 1, 2, 3 …", place=place)
                raise ValidationError({"rounds": {place - 1: {"round_number": [message]}}})


class PlannedSeedField(SeedField):
    """A plain seed, or the source of a public one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.metadata = {**self.metadata, "anyOf": [*SEED_TYPES, {"type": "object"}]}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return body_schema(PublicSeedRequest)().load(value)
        return super()._deserialize(value, attr, data, **kwargs)


BASES[DrawRequest] = DrawIn
FIELDS |= {
    RoundKind: lambda _, options: fields.Nested(AnyRoundIn, **options),
    PlannedSeedKind: lambda _, options: PlannedSeedField(**options),
}
