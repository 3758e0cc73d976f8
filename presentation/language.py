"""The languages of working papers: texts by message catalogs, and numbers and dates in their form.

A catalog is a gettext file, ``locale/de/LC_MESSAGES/papers.po``, whose ids are the English labels
and templates. Only the program's texts are translated: labels, and values that are sentences. What
people wrote and what the data says stay as they are.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from domain_errors import FigureText, Sentence, render, value_text
from lazy_dataclasses import dataclass
from presentation.content import (
    Cell,
    Code,
    Estimated,
    Given,
    Judgement,
    Percent,
    Rounded,
    cell_text,
    cell_value,
)

ANY = TypeVar("ANY")
_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
_MARK = re.compile(r"\{[a-z][a-z0-9_]*(?:\|[^{}]*)?\}")


@dataclass(frozen=True)
class Language:
    """A language of papers: marks of numbers, form of dates, and messages by their English text.

    Parameters
    ----------
    group, point : str
        The marks between thousands and before decimals.
    day, moment : str
        The forms of dates and times for ``strftime``; ``sheet_day`` is that of a workbook.
    singular : tuple of int
        Numbers whose noun is in the singular.
    """

    code: str
    title: str
    messages: Mapping[str, str]
    group: str = ","
    point: str = "."
    before_percent: str = " "
    day: str = "%Y-%m-%d"
    sheet_day: str = "yyyy-mm-dd"
    singular: tuple[int, ...] = (1,)

    def label(self, text: object) -> str:
        """A title, header or label; column names and other words of users stay."""
        if isinstance(text, Sentence) or not isinstance(text, str):
            return self.value(text)
        return str(text) if isinstance(text, Given) else self.template(str(text))

    def value(self, value: object) -> str:
        """A value or parameter: figures in the form of the language, data as it is."""
        if isinstance(value, Sentence):
            return self.sentence(value.template, value.parameters)
        if isinstance(value, dt.date):
            return f"{value:{self.day}}"
        if isinstance(value, FigureText) or (
            isinstance(value, int) and not isinstance(value, bool)
        ):
            return self.figure(value_text(value))
        return str(value)

    def sentence(self, template: str, parameters: Mapping[str, object]) -> str:
        """The sentence of a template."""
        found = self.template(template)
        return render(found, parameters, text_of=self.value, singular=self.singular)

    def template(self, template: str) -> str:
        """A template by the catalog; one of several sentences by each; as it is if unknown."""
        found = self.messages.get(template)
        if found is not None or self.code == "en" or not re.search(r"\w", _MARK.sub("", template)):
            return template if found is None else found
        parts, rest = [], template
        while rest.strip():
            first = rest.lstrip()
            known = max(
                (each for each in self.messages if first.startswith(each)), key=len, default=""
            )
            if not known:
                return self.unknown(template)
            parts.append(rest[: len(rest) - len(first)] + self.messages[known])
            rest = first[len(known) :]
        return "".join(parts)

    def unknown(self, template: str) -> str:
        """A template that the catalog lacks; tests refuse it."""
        return template

    def figure(self, text: str) -> str:
        """A number or amount, from its English form.

        >>> LANGUAGES["de"].figure("-1,234,567.89")
        '-1.234.567,89'
        """
        marks = {",": self.group, ".": self.point}
        swapped = re.sub(r"(?<=\d)[,.](?=\d)", lambda mark: marks[mark[0]], text)
        return swapped.replace(" %", f"{self.before_percent}%")

    def cell(self, cell: Cell) -> str:
        """A cell's value in words."""
        value = cell_value(cell)
        match value:
            case Judgement() | Code():
                return self.value(value.text)
            case dt.datetime():
                return f"{value:{self.day}} {value:%H:%M:%S}"
            case dt.date():
                return f"{value:{self.day}}"
            case Percent() | Rounded() | Estimated() | float() | int() | None:
                return self.figure(cell_text(value))
            case str():
                return self.value(value)
            case _:
                text = cell_text(value)
                return self.figure(text) if re.fullmatch(r"-?[\d,.]+", text) else text

    def chart(self, chart: ANY) -> ANY:
        """A chart with its texts in the language."""
        if self.code == "en":
            return chart
        found: Any = self._texts(chart)
        translated: ANY = found
        return translated

    def _texts(self, value: Any) -> Any:
        if isinstance(value, str):
            is_figure = re.fullmatch(r"[-−±]?[\d,.]+( %)?", value)
            return self.figure(value) if is_figure else self.label(value)
        if isinstance(value, list | tuple):
            return [self._texts(part) for part in value]
        if is_dataclass(value) and not isinstance(value, type):
            given = {
                each.name: self._texts(getattr(value, each.name))
                for each in fields(value)
                if each.name != "style"
            }
            return replace(value, **given)
        return value


@cache
def _catalog(code: str) -> Mapping[str, str]:
    path = files("presentation").joinpath("locale", code, "LC_MESSAGES", "papers.po")
    return read_catalog(path.read_text(encoding="utf-8"))


def read_catalog(text: str) -> dict[str, str]:
    r"""The messages of a gettext file that have a translation.

    >>> read_catalog('msgid "Rows"\nmsgstr "Zeilen"\n')
    {'Rows': 'Zeilen'}
    """
    found = {}
    for entry in _ENTRY.finditer(text + "\n"):
        name, message = (
            "".join(map(ast.literal_eval, part.splitlines())) for part in entry.groups()
        )
        if name and message:
            found[name] = message
    return found


class _Catalog(Mapping[str, str]):
    """A catalog that is read when the first paper needs it."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __getitem__(self, name: str) -> str:
        return _catalog(self._code)[name]

    def __iter__(self) -> Any:
        return iter(_catalog(self._code))

    def __len__(self) -> int:
        return len(_catalog(self._code))


ENGLISH = Language("en", "English", {})
GERMAN = Language("de", "Deutsch", _Catalog("de"), ".", ",", "\u00a0", "%d.%m.%Y", "dd.mm.yyyy")
FRENCH = Language(
    *("fr", "Français", _Catalog("fr"), "\u202f", ",", "\u202f", "%d/%m/%Y", "dd/mm/yyyy", (0, 1)),
)
LANGUAGES = {each.code: each for each in (ENGLISH, GERMAN, FRENCH)}
