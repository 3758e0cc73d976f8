"""Values as options of a command; None where no option can express them.

The commands read what these functions write, so both share the patterns of bands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from contract.numbers import TWO_WAYS, plain_text

Words = list[str] | None
WriteWords = Callable[[Any], Words]

BREAK = r"[+-]?[0-9]+(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}"
BANDS = re.compile(rf"(?P<column>.+):(?P<breaks>(?:{BREAK})(?:,(?:{BREAK}))*)", re.DOTALL)


def text_of(given: Any) -> str:
    """Write a value; a fraction in digits that can't be read in two ways."""
    is_fraction = isinstance(given, float | Decimal) and given != int(given)
    return plain_text(given) if is_fraction else str(given)


def option(name: str, value: Callable[[Any], str | None] = text_of) -> WriteWords:
    """Write an option with its value, or with each value of a list."""

    def write(given: Any) -> Words:
        texts = [value(each) for each in (given if isinstance(given, list) else [given])]
        if None in texts:
            return None
        return [word for text in texts if text is not None for word in (name, text)]

    return write


def flag(name: str) -> WriteWords:
    """Write an option without a value, if it is set."""
    return lambda given: [name] if given else []


def only(value: Any, *words: str) -> WriteWords:
    """Write an option that can say one value alone."""
    return lambda given: list(words) if given == value else None


def no_words(_: Any) -> Words:
    """The command has no such option."""
    return None


def plain(given: Any) -> Words:
    """Write an argument without an option; a text that looks like an option can't be one."""
    text = str(given)
    return None if text.startswith("-") else [text]


def expression(given: Any) -> str | None:
    """Write a filter; conditions have no option."""
    is_text = isinstance(given, dict) and given.keys() == {"expression"}
    return str(given["expression"]) if is_text else None


def seed(given: Any) -> str | None:
    """Write a seed; a text of digits would be read as a number."""
    is_number_text = isinstance(given, str) and re.fullmatch(r"0|-?[1-9][0-9]*", given)
    return None if is_number_text else str(given)


def strata(given: Any) -> str | None:
    """Write a column or bands as the option ``--strata`` reads them."""
    if isinstance(given, str):
        return None if BANDS.fullmatch(given) else given
    if given.keys() != {"column", "breaks"}:
        return None
    breaks = list(map(str, given["breaks"]))
    text = f"{given['column']}:{','.join(breaks)}"
    found = BANDS.fullmatch(text)
    is_same = found is not None and found["column"] == given["column"]
    return text if is_same and not any(map(TWO_WAYS.fullmatch, breaks)) else None


def number(given: float | str) -> str:
    """Write a number without a fraction as a whole one; a text stays as it is."""
    is_whole = isinstance(given, float) and given.is_integer()
    return str(int(given)) if is_whole else text_of(given)


def accepted(given: list[int]) -> Words:
    """Write the exceptions with which stages accept, with a comma between them."""
    return ["--accept", ",".join(map(str, given))]


def sizes(given: dict[str, Any]) -> Words:
    """Write the size of each stratum."""
    if any(not label or label != label.strip() for label in given):
        return None
    return [word for label, rows in given.items() for word in ("--size", f"{label}={rows}")]


def pairs(name: str) -> WriteWords:
    """Write a mapping as ``NAME=VALUE`` for each entry."""

    def write(given: dict[str, Any]) -> Words:
        if any("=" in str(value) for value in given.values()):
            return None
        return [word for each, value in given.items() for word in (name, f"{each}={value}")]

    return write


def statistics(given: list[dict[str, Any]]) -> Words:
    """Write the figures of an estimate."""
    words: list[str] = []
    for each in given:
        figure = _figure(each)
        if figure is None:
            return None
        words += figure
    return words


def _figure(each: dict[str, Any]) -> Words:
    column = str(each.get("column") or "")
    match each["statistic"]:
        case "count":
            return None if column else ["--count"]
        case "proportion":
            return None if "=" in column else ["--share", f"{column}={_share(each.get('value'))}"]
        case "ratio":
            text = f"{column}/{each['denominator']}"
            return None if "/" in column else ["--ratio", text]
        case "quantile":
            return ["--quantile", f"{column}:{each.get('q', 0.5)}"]
        case name:
            return [f"--{name}", column]


def _share(value: Any) -> str:
    """Write the value of a share; an empty text, and one in quotes, has quotes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return f'"{value}"' if is_quoted or not value else value


def joined(parts: Mapping[str, WriteWords]) -> WriteWords:
    """Write an object by the words of its fields, in their order; null is a missing one."""

    def write(given: Mapping[str, Any]) -> Words:
        if not given.keys() <= parts.keys():
            return None
        words: list[str] = []
        for name, part in parts.items():
            if given.get(name) is not None:
                written = part(given[name])
                if written is None:
                    return None
                words += written
        return words

    return write
