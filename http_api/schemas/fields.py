"""Marshmallow fields that convert nothing, and validation messages with a template.

Marshmallow's own fields accept 5.7 and "1_000" as integers, "5" as a float and "yes" as true. These
refuse them, and texts and integers that UTF-8 or the database can't store.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

from contract.column_lists import listed_names
from contract.fields import Day, Password, StartKind
from contract.numbers import number_of
from domain_errors import InvalidRequest, render
from sampling_engine import MAX_SEED_LENGTH
from storage.accounts.names import UNSAFE_NAME, unsafe_character
from storage.sqlite.clock import timestamp

MAX_INTEGER = 2**63 - 1
SEED_TYPES = [{"type": "integer"}, {"type": "string"}, {"type": "null"}]


class Message(str):
    """A validation message that keeps its template, as :class:`~domain_errors.DomainError` does."""

    template: str
    parameters: Mapping[str, object]

    def __new__(cls, template: str, **parameters: object) -> Message:
        """Render the message from a template and its parameters."""
        message = super().__new__(cls, render(template, parameters))
        message.template, message.parameters = template, parameters
        return message


def invalid(template: str, **parameters: object) -> ValidationError:
    """The error of a field whose value is invalid."""
    return ValidationError(Message(template, **parameters))


def check_text(value: str) -> str:
    """Refuse lone surrogates and NUL."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("Not valid Unicode text.") from None
    if "\x00" in value:
        raise invalid("A text may not hold the character U+0000.")
    return value


def check_name(name: str) -> None:
    """Refuse line breaks, control characters, and marks that reverse the direction of text."""
    if (character := unsafe_character(name)) is not None:
        raise invalid(UNSAFE_NAME, character=character)


def check_visible(name: str) -> None:
    """Refuse a name of white space and invisible characters, which no page could link.

    An empty name is refused by its length.
    """
    if name and not any(unicodedata.category(each)[0] in "LNPS" for each in name):
        raise invalid("A name needs a letter, a digit or another visible character.")


class TextLength(validate.Length):
    """A bounded number of characters, with a message that gives the limit and the length."""

    def __call__(self, value: Any) -> Any:
        """Refuse a text that is too short or too long."""
        length, least, most = len(value), self.min or 0, self.max
        if most is not None and length > most:
            raise invalid(
                "Has {length} characters; at most {maximum} are allowed.",
                length=length,
                maximum=most,
            )
        if length < least:
            raise invalid(
                "Has {length} characters; at least {minimum} are needed.",
                length=length,
                minimum=least,
            )
        return value


class Described:
    """A field that takes its description for the API's document as a parameter."""

    def __init__(self, *args: Any, description: str | None = None, **options: Any) -> None:
        if description is not None:
            options["metadata"] = {"description": description, **options.get("metadata", {})}
        options["error_messages"] = {"null": "Give a value.", **options.get("error_messages", {})}
        super().__init__(*args, **options)


class StrictString(Described, fields.String):
    """A JSON string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise invalid("Must be a text, not {given}.", given=kind_of(value))
        return check_text(value)


class PasswordText(StrictString):
    """A new password."""

    def __init__(self, kind: Password, **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        password = super()._deserialize(value, attr, data, **kwargs)
        if not self._kind.least <= len(password) <= self._kind.most:
            raise invalid(
                "A password must have {minimum} to {maximum} characters.",
                minimum=self._kind.least,
                maximum=self._kind.most,
            )
        return password


class StrictInteger(Described, fields.Integer):
    """A JSON number without a fraction, up to 64 bits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid("Must be a whole number, not {given}.", given=kind_of(value))
        if abs(value) > MAX_INTEGER:
            raise invalid("Must be a whole number of at most 64 bits.")
        return value


class LongInteger(StrictInteger):
    """A whole number of up to 64 bits, or its decimal digits as text."""

    def __init__(self, *, metadata: Mapping[str, Any], **options: Any) -> None:
        types = [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]
        super().__init__(metadata={**metadata, "anyOf": types}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class StrictNumber(Described, fields.Float):
    """A JSON number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid("Must be a number, not {given}.", given=kind_of(value))
        if not math.isfinite(value):
            raise invalid("Must be a finite number.")
        return float(value)


NUMBER_OR_TEXT = [{"type": "number"}, {"type": "string"}]


class WrittenNumber(Described, fields.Field[float]):
    """A JSON number, or a text with a number as people write it: ``"250.000,00"``, ``"2 %"``.

    ``read`` is a function of :mod:`contract.numbers`.
    """

    def __init__(
        self,
        read: Callable[[str], Decimal] = number_of,
        *,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(metadata={"anyOf": NUMBER_OR_TEXT, **(metadata or {})}, **options)
        self._read = read

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not isinstance(value, str):
            return float(StrictNumber().deserialize(value, attr, data))
        try:
            return float(self._read(check_text(value)))
        except InvalidRequest as error:
            raise invalid(error.template, **error.parameters) from None


class WrittenDecimal(WrittenNumber):
    """A written number with all its digits; a fraction of JSON as its shortest text has them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        number = super()._deserialize(value, attr, data, **kwargs)
        if isinstance(value, str):
            return self._read(value)
        return Decimal(value if isinstance(value, int) else repr(number))


class StartField(WrittenDecimal):
    """A decimal from 0 to below 1, read as its plain text."""

    def __init__(self, kind: StartKind, **options: Any) -> None:
        super().__init__(kind.how, **options)
        self._kind = kind

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        number = super()._deserialize(value, attr, data, **kwargs)
        try:
            return self._kind.text(number)
        except InvalidRequest as error:
            raise invalid(error.template, **error.parameters) from None


class StrictBoolean(Described, fields.Boolean):
    """JSON's true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise invalid("Must be true or false, not {given}.", given=kind_of(value))
        return value


class DayField(StrictString):
    """A day, read as ISO 8601."""

    def __init__(self, kind: Day, **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return self._kind.read(super()._deserialize(value, attr, data, **kwargs))
        except InvalidRequest as error:
            raise invalid(error.template, **error.parameters) from None


class BoundedList(Described, fields.List[Any]):
    """A JSON list with a maximum length, checked before its items."""

    def __init__(
        self,
        inner: Any,
        *,
        least: int = 0,
        most: int,
        refusal: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(inner, validate=validate.Length(least or None, most), **options)
        self._least, self._most, self._refusal = least, most, refusal

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise invalid("Longer than maximum length {maximum}.", maximum=self._most)
        if self._refusal is not None and isinstance(value, list) and len(value) < self._least:
            raise invalid(self._refusal)
        return super()._deserialize(value, attr, data, **kwargs)


class SeedField(fields.Field[int | str]):
    """A seed: a whole number or a text."""

    def __init__(self, *, metadata: Mapping[str, Any], **options: Any) -> None:
        super().__init__(metadata={**metadata, "anyOf": SEED_TYPES}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | str:
        if isinstance(value, str) and value:
            if len(value) > MAX_SEED_LENGTH:
                raise invalid("A seed has at most {maximum} characters.", maximum=MAX_SEED_LENGTH)
            return check_text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if abs(value) > MAX_INTEGER:
                raise invalid("A number as seed must have at most 64 bits. Use a text instead.")
            return value
        raise invalid("Must be a whole number or a text, not {given}.", given=kind_of(value))


class QueryInteger(Described, fields.Integer):
    """A whole number in a query string, in plain decimal digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        text = str(value)
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise invalid('Must be a whole number, not "{given}".', given=text[:50])
        if len(digits) > 18:
            raise invalid("Must be a whole number of at most 18 digits.")
        return int(text)


class QueryBoolean(Described, fields.Boolean):
    """``true`` or ``false`` in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value not in ("true", "false"):
            raise invalid('Must be true or false, not "{given}".', given=str(value)[:50])
        return bool(value == "true")


class QueryList(Described, fields.Field[list[str]]):
    """Values separated by commas, or given several times; one with a comma stands in quotes."""

    is_multiple = True

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        given = value if isinstance(value, list) else [value]
        return [check_text(part) for text in given for part in listed_names(str(text))]


def kind_of(value: Any) -> str:
    """Describe a JSON value in words, with the value itself if it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{value[:50]}"'
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < 1e18 else "a number of that size"
    return "a list" if isinstance(value, list) else "an object"


DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")


class Timestamp(StrictString):
    """A time in ISO 8601; one without an offset is UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given = super()._deserialize(value, attr, data, **kwargs)
        try:
            # An unescaped "+" of an offset arrives as a space.
            parsed = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
            return timestamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise invalid(
                'Must be a time such as 2025-07-07T02:45:47+00:00, not "{given}".', given=given[:50]
            ) from None


class EndTimestamp(Timestamp):
    """The exclusive end of a range; a date without a time includes that day."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        end = super()._deserialize(value, attr, data, **kwargs)
        if not DAY.fullmatch(str(value)):
            return end
        try:
            return timestamp(datetime.fromisoformat(end) + timedelta(days=1))
        except OverflowError:
            return end
