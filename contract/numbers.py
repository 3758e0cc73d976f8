"""Numbers as people write them: ``250.000,00``, ``250,000``, ``2 %``.

Pages, commands and the API read texts here, so that each reads a number alike, and refuses one that
can be read in two ways.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal

from domain_errors import InvalidRequest

MOST_CHARACTERS = 60
TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
"""The point can stand before decimals, or between thousands."""
_GROUP = "[ \u00a0\u2009\u202f'\u2019]"
_PLAIN = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?"
_COMMA_GROUPS = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"
_POINT_GROUPS = r"[1-9]\d{0,2}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})"
_OTHER_GROUPS = rf"[1-9]\d{{0,2}}(?:{_GROUP}\d{{3}})+(?:[.,]\d+)?"
_DECIMAL_COMMA = r"0,\d+|\d+,(?:\d{1,2}|\d{4,})"
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = tuple(
    (re.compile(rf"[+-]?(?:{form})", re.ASCII | re.IGNORECASE), plain)
    for form, plain in (
        (_PLAIN, lambda text: text),
        (_COMMA_GROUPS, lambda text: text.replace(",", "")),
        (_POINT_GROUPS, lambda text: text.replace(".", "").replace(",", ".")),
        (_OTHER_GROUPS, lambda text: re.sub(_GROUP, "", text).replace(",", ".")),
        (_DECIMAL_COMMA, lambda text: text.replace(",", ".")),
    )
)
_COMMA_THOUSANDS = re.compile(rf"[+-]?{_COMMA_GROUPS}", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)


class TwoReadings(InvalidRequest):
    """A number that can be read in two ways."""


def number_of(text: str) -> Decimal:
    """The number in a text; with a percent sign it is a share.

    Raises
    ------
    InvalidRequest
        The text is no number, or can be read in two ways.

    Examples
    --------
    >>> [str(number_of(text)) for text in ("250.000,00", "250,000", "2 %", "2,5%", "1e3")]
    ['250000.00', '250000', '0.02', '0.025', '1E+3']
    """
    written = text.strip().removeprefix("±").strip()
    is_percent = written.endswith("%")
    digits = written.removesuffix("%").rstrip()
    if is_percent and _COMMA_THOUSANDS.fullmatch(digits):
        raise TwoReadings(
            "{text} can be read in two ways. Write a decimal point.", text=written[:MOST_CHARACTERS]
        )
    if not is_percent and TWO_WAYS.fullmatch(digits):
        raise TwoReadings(
            "{text} can be read in two ways. Write {whole}, or {text}0 for decimals.",
            text=digits,
            whole=digits.replace(".", ""),
        )
    forms = _FORMS if len(written) <= MOST_CHARACTERS else ()
    value = next((Decimal(plain(digits)) for form, plain in forms if form.fullmatch(digits)), None)
    if _NOT_FINITE.fullmatch(digits) or (value is not None and not math.isfinite(float(value))):
        raise InvalidRequest("{text} is not a finite number.", text=digits)
    if value is None:
        raise InvalidRequest(
            '"{text}" is no number. Write it like 3, 2.5, 1,000 or, where a share is meant, 3%.',
            text=text[:MOST_CHARACTERS],
        )
    return value.scaleb(-2) if is_percent else value


def errors_of(text: str) -> Decimal:
    """Errors that are tolerable or expected: below 1, or with a percent sign, a share.

    >>> errors_of("3 %"), errors_of("50.000,00")
    (Decimal('0.03'), Decimal('50000.00'))
    """
    value = number_of(text)
    if text.rstrip().endswith("%") and abs(value) >= 1:
        raise InvalidRequest("A share of errors is below 100%.")
    return value


def confidence_of(text: str) -> Decimal:
    """A confidence; a number that can be nothing but a percentage is one.

    >>> confidence_of("95"), confidence_of("0.95"), confidence_of("99,5 %")
    (Decimal('0.95'), Decimal('0.95'), Decimal('0.995'))
    """
    value = number_of(text)
    is_percentage = not text.rstrip().endswith("%") and 1 < value < 100
    return value.scaleb(-2) if is_percentage else value


def percent_digits(share: float | Decimal) -> str:
    """A share in percent without its sign, with all of its digits.

    >>> percent_digits(0.95), percent_digits(0.666), percent_digits(0.9999999)
    ('95', '66.6', '99.99999')
    """
    return f"{(100 * Decimal(str(share))).normalize():f}"


def plain_text(value: float | Decimal) -> str:
    """A number in digits that are read as this number.

    >>> plain_text(12.125), plain_text(1e-7), plain_text(50000.0)
    ('12.1250', '0.0000001', '50000')
    """
    text = f"{Decimal(str(value)):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}0" if TWO_WAYS.fullmatch(text) else text
