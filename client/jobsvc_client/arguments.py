"""Arguments: their names, and values that can be written in several ways."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypeAlias, TypeVar, cast

from jobsvc_client.errors import ARGUMENTS, JobsvcError

Number: TypeAlias = "float | str"
"""A number, or a text with one: ``0.03``, ``"3%"``, ``"250.000,00"``."""
Columns: TypeAlias = "str | Sequence[str]"

FIELDS = {name: field for field, name in ARGUMENTS.items()}
PERCENTAGE = re.compile(r"\s*±?\s*([0-9]+(?:[.,][0-9]+)?)\s*%\s*")
MISSING = ("NAType", "NaTType")
CONVERSIONS = ("tolist", "to_list", "as_py")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
UNPACKED = re.compile(r"Unpack\[(\w+)\]")
Method = TypeVar("Method", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)
TWO_WAYS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
POINT_OR_GROUP = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
"""A text that the server refuses, as its point may stand for thousands."""


def checked_keywords(kind: Class) -> Class:
    """Let every public method of a class check its arguments like :func:`keywords`."""
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(kind, name, keywords()(method))
    return kind


def keywords(*, may_have_nan: Collection[str] = ()) -> Callable[[Method], Method]:
    """Let a method name the closest keyword of an unknown one, and an argument that is NaN.

    Its signature lists the keywords of a TypedDict that it takes as ``**``.

    Parameters
    ----------
    may_have_nan : collection of str
        Arguments in which NaN is a missing value.
    """

    def checked(method: Method) -> Method:
        given = list(inspect.signature(method).parameters.values())
        named = [one for one in given if one.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [UNPACKED.fullmatch(str(one.annotation)) for one in given if one not in named]
        if hasattr(method, "__wrapped__") or None in options:
            return method  # it is checked already, or takes any keyword
        named += [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=getattr(kind, "__forward_arg__", kind),
            )
            for each in options
            if each is not None
            for name, kind in method.__globals__[each[1]].__annotations__.items()
        ]
        known = [one.name for one in named if one.name != "self"]

        @wraps(method)
        def called(*arguments: Any, **options: Any) -> Any:
            if unknown := [name for name in options if name not in known]:
                raise TypeError(_unknown(method.__name__, unknown[0], known))
            places = [one.name for one in given if one.kind in POSITIONAL]
            for name, value in [*zip(places, arguments, strict=False), *options.items()]:
                if name not in may_have_nan:
                    with suppress(RecursionError):  # its JSON is refused
                        check_numbers(value, name)
            return method(*arguments, **options)

        called.__dict__["__signature__"] = inspect.Signature(named)
        return cast(Method, called)

    return checked


def _unknown(method: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    arguments = f"Arguments: {', '.join(sorted(known))}." if known else "It takes none."
    return f'{method}() has no argument "{name}". {hint}{arguments}'


def check_numbers(value: Any, place: str) -> None:
    """Refuse NaN and infinity, which JSON can't hold.

    Raises
    ------
    JobsvcError
        There is one; the message names its place, such as ``size`` or ``rounds[0].size``.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise JobsvcError(
            f"{place} is {'NaN' if math.isnan(value) else 'infinite'}.",
            "invalid_argument",
            hint="Give a number, or None for a missing value.",
        )
    if isinstance(value, Mapping):
        for name, each in value.items():
            check_numbers(each, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            check_numbers(each, f"{place}[{number}]")
    elif (converted := plain(value)) is not value:  # a number of NumPy may be a float already
        check_numbers(converted, place)


def without_nan(value: Any) -> Any:
    """Return a value as JSON has it, NaN as None."""
    value = plain(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def plain(value: Any) -> Any:
    """Return a value as JSON has it; scalars and arrays of NumPy and pandas as those of Python.

    >>> from datetime import date
    >>> plain({"values": (1, date(2025, 7, 7))})
    {'values': [1, '2025-07-07']}
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if type(value).__name__ in MISSING:
        return None
    if isinstance(value, date | time):
        return value.isoformat()
    if type(value).__name__ == "datetime64":
        return str(value)
    for name in CONVERSIONS:
        if hasattr(value, name):
            return plain(getattr(value, name)())
    return value


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that aren't None, by the fields of the API that they give.

    >>> given(ref="main", table=None, sql="SELECT 1")
    {'source_ref': 'main', 'sql': 'SELECT 1'}
    """
    return {FIELDS.get(name, name): value for name, value in arguments.items() if value is not None}


def listed(columns: Columns) -> list[str]:
    """Return the names of one or several columns as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def quoted_list(columns: Columns | None) -> str | None:
    """Return the names of columns as a query has them, in quotes where they need some."""
    if columns is None:
        return None
    return ",".join(map(_quoted, listed(columns)))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if {",", '"'} & set(name) or name != name.strip() else name


def percent_digits(argument: str, text: str) -> str:
    """Return the number of a percentage, with a decimal point.

    Raises
    ------
    JobsvcError
        The text is no percentage, or its comma may stand for thousands.

    Examples
    --------
    >>> percent_digits("size", "2,5 %")
    '2.5'
    """
    found = PERCENTAGE.fullmatch(text)
    if found is None:
        raise JobsvcError(
            f'{argument}="{text}" is no percentage.',
            "invalid_argument",
            hint='Write a number without quotes, or a percentage such as "5%".',
        )
    digits = found[1]
    if TWO_WAYS.fullmatch(digits):
        raise JobsvcError(
            f'{argument}="{text}" can be read in two ways.',
            "invalid_argument",
            hint="Write a decimal point.",
        )
    return digits.replace(",", ".")


def number_of(argument: str, given: Number) -> float:
    """Return a number, or a percentage as a share.

    >>> number_of("margin", "3%"), number_of("margin", 0.03)
    (0.03, 0.03)
    """
    return float(percent_digits(argument, given)) / 100 if isinstance(given, str) else given


def exact_text(given: Number) -> str:
    """Return a number as a text that the server reads as this number; a text as it is.

    >>> exact_text(12.125), exact_text(0.05), exact_text("12,5")
    ('12.1250', '0.05', '12,5')
    """
    text = str(given)
    is_open = not isinstance(given, str) and POINT_OR_GROUP.fullmatch(text)
    return f"{text}0" if is_open else text
