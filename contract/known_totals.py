"""Known totals as a person writes them: lines of CSV, in a file or in a form.

Either a line for each group, with its values in columns of their names; or the columns ``column``
and ``value`` for groups of one column each. ``total`` or ``share`` has the amount.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

from contract.numbers import number_of
from domain_errors import InvalidRequest

AMOUNTS = ("total", "share")
LOC = ("body", "calibrate", "totals")


def read_known_totals(text: str) -> list[dict[str, Any]]:
    """The known totals of lines of CSV, as a request has them.

    >>> read_known_totals("region,total\\nnorth,1200\\n,300\\n")[1]
    {'group': {'region': None}, 'total': 300.0}
    >>> read_known_totals("column,value,share\\nregion,north,0.8\\nregion,south,0.2\\n")[0]
    {'group': {'region': 'north'}, 'share': 0.8}
    >>> read_known_totals("column,total\\namount,5400.50\\n,1500\\n")
    [{'column': 'amount', 'total': 5400.5}, {'total': 1500.0}]

    Raises
    ------
    InvalidRequest
        A line has too few or too many values, or its amount is no number.
    """
    try:
        lines = [line for line in csv.reader(text.lstrip("\ufeff").splitlines()) if any(line)]
    except csv.Error as error:
        reason = str(error)
        raise InvalidRequest(
            "The known totals are no CSV: {reason}.", reason=reason, loc=LOC
        ) from None
    if not lines:
        raise InvalidRequest("The known totals have no line.", loc=LOC)
    heading = [name.strip() for name in lines[0]]
    amounts = [name for name in heading if name in AMOUNTS]
    if len(amounts) != 1 or len(set(heading)) < len(heading) or len(heading) < 2:
        raise InvalidRequest(
            "The first line of the known totals names the columns of the groups, or `column` and "
            "`value`, and either `total` or `share`; it is: {line}.",
            line=", ".join(heading),
            loc=LOC,
        )
    found = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(heading):
            raise InvalidRequest(
                "Line {number} of the known totals has {count} values instead of {expected}.",
                number=number,
                count=len(line),
                expected=len(heading),
                loc=LOC,
            )
        found.append(_entry(dict(zip(heading, line, strict=True)), amounts[0], number))
    return found


def _entry(line: Mapping[str, str], amount: str, number: int) -> dict[str, Any]:
    try:
        value = float(number_of(line[amount].strip()))
    except InvalidRequest:
        raise InvalidRequest(
            'Line {number} of the known totals: "{text}" is no number.',
            number=number,
            text=line[amount],
            loc=LOC,
        ) from None
    others = {name: text.strip() or None for name, text in line.items() if name != amount}
    if others.keys() == {"column", "value"}:
        if others["column"] is None:
            return {amount: value}
        return {"group": {others["column"]: others["value"]}, amount: value}
    if others.keys() == {"column"}:
        return {amount: value} if others["column"] is None else {**others, amount: value}
    return {"group": others, amount: value}


def full_totals(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A calibration whose totals are lists, of one with ``{"region": {"north": 1200}}``.

    >>> full_totals({"totals": {"region": {"north": 5}, "amount": 70}})["totals"]
    [{'group': {'region': 'north'}, 'total': 5}, {'column': 'amount', 'total': 70}]
    >>> full_totals({"shares": {"region": {"north": 1}}})["totals"]
    [{'group': {'region': 'north'}, 'share': 1}]
    """
    totals, shares = given.get("totals"), given.get("shares")
    if not isinstance(totals, Mapping) and not isinstance(shares, Mapping):
        return given
    if not isinstance(totals, Mapping | list | None) or not isinstance(shares, Mapping | None):
        return given  # and refused: no part is left out
    found = list(totals) if isinstance(totals, list) else []
    for amount, named in (("total", totals), ("share", shares)):
        for name, value in named.items() if isinstance(named, Mapping) else ():
            if isinstance(value, Mapping):
                found += [{"group": {name: key}, amount: each} for key, each in value.items()]
            else:
                found.append({"column": name, amount: value})
    return {**{key: each for key, each in given.items() if key != "shares"}, "totals": found}
