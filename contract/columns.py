"""What the type and the name of a column say about its values, and how people read them.

Pages and commands show a value alike.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from lazy_dataclasses import dataclass

_INTEGERS = frozenset(
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
) | {"HUGEINT", "UHUGEINT"}
_WORDS = {
    "VARCHAR": "text",
    "BOOLEAN": "true/false",
    "DATE": "date",
    "TIME": "time of day",
    "TIMESTAMP WITH TIME ZONE": "date and time, UTC",
}
_BEYOND_64_BITS = ("UBIGINT", "HUGEINT", "UHUGEINT")
MAX_EXACT_DIGITS = 18


@dataclass(frozen=True)
class DataType:
    """A DuckDB type by its name, and the questions that rooms have about it."""

    name: str

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a DECIMAL; None for any other type.

        >>> DataType("DECIMAL(12,2)").digits, DataType("DECIMAL(12,2)[]").digits
        ((12, 2), None)
        """
        if not (self.name.startswith("DECIMAL(") and self.name.endswith(")")):
            return None
        digits, decimals = self.name.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return int(digits), int(decimals)

    @property
    def words(self) -> str:
        """The type as people call it; ``typeName`` of web_ui/static/words.js has the same words.

        >>> [DataType(name).words for name in ("VARCHAR", "DOUBLE", "DECIMAL(18,2)", "BLOB")]
        ['text', 'number', 'number with 2 decimals', 'BLOB']
        """
        if self.is_whole:
            return "whole number"
        if self.digits is not None:
            places = self.digits[1]
            return f"number with {places} decimal{'' if places == 1 else 's'}"
        if self.is_float:
            return "number"
        if self.name in _WORDS:
            return _WORDS[self.name]
        return "date and time" if self.is_timestamp else self.name

    @property
    def decimals(self) -> int | None:
        """The scale of an exact type that fits 64 bits; None for any other type.

        >>> [DataType(name).decimals for name in ("DECIMAL(12,2)", "SMALLINT", "DOUBLE")]
        [2, 0, None]
        """
        if self.is_integer:
            return None if self.name in _BEYOND_64_BITS else 0
        digits = self.digits
        return digits[1] if digits and digits[0] <= MAX_EXACT_DIGITS else None

    @property
    def is_integer(self) -> bool:
        return self.name in _INTEGERS

    @property
    def is_float(self) -> bool:
        return self.name in ("FLOAT", "DOUBLE")

    @property
    def is_whole(self) -> bool:
        """Whether its numbers never have decimals."""
        digits = self.digits
        return self.is_integer or (digits is not None and digits[1] == 0)

    @property
    def is_number(self) -> bool:
        return self.is_integer or self.is_float or self.digits is not None

    @property
    def has_fractions(self) -> bool:
        """Whether its numbers may have decimals."""
        return self.is_float or (self.digits is not None and not self.is_whole)

    def serves_as(self, type_: str) -> bool:
        """Whether a column of this type serves where one of another type was.

        Amounts are decimals if all values of a file show their places, else floating-point numbers.

        >>> DataType("DECIMAL(18,2)").serves_as("DOUBLE"), DataType("DOUBLE").serves_as("BIGINT")
        (True, False)
        """
        both = self.has_fractions and DataType(type_).has_fractions
        return both or self.name.upper() == type_.upper()

    @property
    def is_summable(self) -> bool:
        """Whether its values add up: numbers, and true and false, which count as 1 and 0."""
        return self.is_number or self.name == "BOOLEAN"

    @property
    def is_text(self) -> bool:
        return self.name == "VARCHAR"

    @property
    def is_date(self) -> bool:
        return self.name == "DATE"

    @property
    def is_timestamp(self) -> bool:
        return self.name.startswith("TIMESTAMP") and not self.name.endswith("]")

    @property
    def is_moment(self) -> bool:
        return self.is_date or self.is_timestamp

    @property
    def is_time(self) -> bool:
        """Whether its values are dates, timestamps or times of day."""
        return self.is_moment or self.name == "TIME"


_CAMEL = re.compile(r"([a-z])([A-Z])")
_IDENTIFIER = re.compile(
    r"^id[\W_]|(?:"
    r"(?:^|[\W_])(?:id|ids|key|no|num|pk|uuid|account|acct|kto|plz|zip|iban|year|jahr|phone|tel|bukrs)"
    r"|(?:er|ct|nt|em|ry)id|nr|nummer|number|konto|code|buchungskreis|kostenstelle|schl(?:ü|ue)ssel)[\W_]*$",
    re.IGNORECASE,
)
"""The last word of a name, or its first one, ``id``; ``web_ui/static/format.js`` has the same."""


def is_identifier_name(name: str) -> bool:
    """Whether numbers under a name are numerals rather than amounts: they aren't added up.

    >>> [is_identifier_name(name) for name in ("Konto-Nr.", "orderNo", "CUSTOMERID", "Account")]
    [True, True, True, True]
    >>> is_identifier_name("Buchungskreis")
    True
    >>> [is_identifier_name(name) for name in ("paid", "Account balance", "Number of items")]
    [False, False, False]
    """
    return _IDENTIFIER.search(_CAMEL.sub(r"\1 \2", name)) is not None


def amount_of(text: str) -> Decimal:
    """An exact amount with two decimals at least; further ones as far as they aren't 0.

    >>> str(amount_of("2760465.5800")), str(amount_of("7.5")), str(amount_of("12"))
    ('2760465.58', '7.50', '12')
    """
    whole, _, places = text.partition(".")
    return Decimal(f"{whole}.{places[:2]:0<2}{places[2:].rstrip('0')}" if places else whole)


DOUBLE_DIGITS = 15
LARGEST_PLAIN = 1e21
LEAST_SHOWN = Decimal(10) ** -DOUBLE_DIGITS


def cell_text(value: Any, name: str, type_: str) -> str:
    """A value's text on every page: a number with thousands separators unless it is a numeral.

    A decimal has the places of its type. The 16th and 17th digits of a double are noise.

    >>> cell_text(2025, "year", "INTEGER"), cell_text(0.1 + 0.2, "amount", "DOUBLE")
    ('2025', '0.3')
    >>> cell_text(1234567.5, "amount", "DECIMAL(18,2)")
    '1,234,567.50'
    """
    if isinstance(value, bool):
        return str(value).lower()
    digits = DataType(type_).digits
    if digits is not None:
        return decimal_text(str(value), digits[1])
    if not isinstance(value, int | float) or not DataType(type_).is_number:
        return str(value)
    if DataType(type_).is_integer:
        return str(value) if abs(value) < 10_000 or is_identifier_name(name) else f"{value:,}"
    if abs(value) >= LARGEST_PLAIN:
        return str(value)
    return decimal_text(f"{value:.{DOUBLE_DIGITS}g}")


def without_noise(value: Decimal) -> Decimal:
    """A sum of doubles with the 15 digits that they hold.

    It has two decimals at least, and is 0 where nothing is left of it in as many as the digits.

    >>> without_noise(Decimal("3931862.5199999996")), without_noise(Decimal(12))
    (Decimal('3931862.52'), Decimal('12.00'))
    >>> without_noise(Decimal("-1e-320"))
    Decimal('0.00')
    """
    if not value.is_finite():
        return value
    short = Decimal(f"{float(value):.{DOUBLE_DIGITS}g}")
    if abs(short) < LEAST_SHOWN:
        return Decimal("0.00")
    has_few_places = abs(short) < LARGEST_PLAIN and short == round(short, 1)
    return short.quantize(Decimal("0.01")) if has_few_places else short


def decimal_text(text: str, places: int | None = None, *, is_exact: bool = True) -> str:
    """A decimal number with thousands separators; with ``places`` at least so many.

    A sum that isn't exact has 15 digits at most.

    >>> decimal_text("-1234567.89"), decimal_text("1e3", 2), decimal_text("NaN")
    ('-1,234,567.89', '1,000.00', 'NaN')
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    shown = f"{value if is_exact else without_noise(value):,f}"
    if places is None:
        return shown
    whole, _, decimals = shown.partition(".")
    return f"{whole}.{decimals.ljust(places, '0')}" if places else shown
