"""The code of a design in R, Stata, SAS and Python: what its class writes, and lists of groups."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lazy_dataclasses import dataclass

Sizes = Mapping[str, int]
"""The rows of each stratum or cluster by its label in ``_stratum``."""


@dataclass(frozen=True)
class DesignCode:
    """The parts of a program that a design gives; each makes the weights of the rows read before.

    Parameters
    ----------
    r : str
        ``design`` of the data frames ``d``, with the variable ``row``, and ``s``, the sample.
    stata, stata_units : str
        The variable ``_w``, and what ``svyset`` says of the units.
    sas, sas_options, sas_units : str
        The table ``d`` with the variable ``_w``, the options of ``proc surveymeans``, and its
        statements of strata and clusters.
    python : str
        The array ``w``, and the functions ``degrees`` and ``variance``.
    sas_limits : tuple of str
        Comments on what SAS does otherwise.
    """

    r: str
    stata: str
    stata_units: str
    sas: str
    sas_options: str
    sas_units: str
    python: str
    sas_limits: tuple[str, ...] = ()


def r_lonely(*, fails: bool) -> str:
    """What survey does with one drawn unit of several: it fails where there is no variance."""
    return f'options(survey.lonely.psu = "{"fail" if fails else "certainty"}")\n'


def stata_lonely(*, fails: bool) -> str:
    """The option of ``svyset`` for a single unit: no errors, or 0 where it was drawn whole."""
    return "" if fails else " singleunit(certainty)"


def quoted(text: str) -> str:
    r"""A text in double quotes, as R and Python read it; what can't be printed is escaped.

    >>> print(quoted('a "b"\n\\'))
    "a \"b\"\u000a\\"
    """
    return f'"{"".join(map(_quoted_character, text))}"'


def _quoted_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def r_sizes(name: str, sizes: Mapping[str, float]) -> str:
    """The rows of each group; a label may be the name of an argument of ``c``."""
    listed = ",\n  ".join(f"{quoted(label)} = {rows}" for label, rows in sizes.items())
    return f"{name} <- unlist(list(\n  {listed}))\n"


def python_sizes(name: str, sizes: Mapping[str, float]) -> str:
    """The rows of each group as a dictionary."""
    listed = "".join(f"    {quoted(label)}: {rows},\n" for label, rows in sizes.items())
    return f"{name} = {{\n{listed}}}\n"


def stata_sizes(sizes: Sizes) -> str:
    """The variables ``_rows`` and ``_drawn`` of each row's group."""
    listed = "\n".join(
        f"replace _rows = {rows} if _stratum == {quoted_in_stata(label)}"
        for label, rows in sizes.items()
    )
    return f"""generate double _rows = .
{listed}
bysort _stratum: generate double _drawn = _N
"""


PARTS = re.compile(r"([\w .,:;<>=≥()\[\]{}|&%+!?@#~^-]+)|(.)", re.DOTALL)


def quoted_in_stata(text: str) -> str:
    """A text as an expression of Stata, which would expand macros and end lines within quotes.

    >>> quoted_in_stata('Bar "A"')
    '"Bar " + uchar(34) + "A" + uchar(34)'
    """
    parts = [
        f'"{plain}"' if plain else f"uchar({ord(other)})" for plain, other in PARTS.findall(text)
    ]
    return " + ".join(parts) or '""'


def sas_sizes(sizes: Sizes) -> str:
    """The table ``d`` with the variable ``_rows`` of each row's group."""
    listed = "\n".join(
        f"  if _stratum = {quoted_in_sas(label)} then _rows = {rows};"
        for label, rows in sizes.items()
    )
    return f"""data d;
  set s;
{listed}
  if missing(_rows) then do;
    put 'ERROR: a stratum or cluster of sample.csv is not one of the sample.';
    abort cancel;
  end;
run;
"""


def quoted_in_sas(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
