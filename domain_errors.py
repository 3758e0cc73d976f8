"""The base of every error that a person can act on.

A domain error is data: a stable code, a message template with its parameters, and the place in the
caller's input. JSON, the terminal and the pages each render their own sentence from it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from typing import Any, Self

from lazy_dataclasses import dataclass

Loc = tuple[str | int, ...]
MIN_WORD_LENGTH = 3
LEAST_PERCENT = 0.001
_MARKS = re.compile(r"`([a-z][a-z0-9_]*)`|\{([a-z][a-z0-9_]*)(\|[^{}|]*\|[^{}|]*)?\}")


def value_text(value: object) -> str:
    """A value of a template; integers have thousands separators."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_number else str(value)


def render(
    template: str,
    parameters: Mapping[str, object],
    name_of_field: Callable[[str], str] = lambda field: field,
    *,
    text_of: Callable[[object], str] = value_text,
    singular: Sequence[int] = (1,),
) -> str:
    """Write the sentence of a message template.

    Parameters
    ----------
    template : str
        API fields stand in backticks, values in braces. ``{count|row has|rows have}`` is the first
        text if the value is 1, else the second one.
    parameters : mapping
        The values by name; integers are written with thousands separators.
    name_of_field : callable
        What a surface calls an API field: ``sample_size`` in JSON, ``--size`` in a terminal.
    text_of, singular : callable, sequence of int
        How the language of the template writes a value, and the numbers of its singular.

    Examples
    --------
    >>> render("`sample_size` must be at least {minimum}.", {"minimum": 1000})
    'sample_size must be at least 1,000.'
    >>> render("`sample_size` must be at least {minimum}.", {"minimum": 1}, lambda _: "--size")
    '--size must be at least 1.'
    >>> render("{count} {count|row has|rows have} no value.", {"count": 1})
    '1 row has no value.'
    """

    def write(mark: re.Match[str]) -> str:
        field, name, forms = mark.groups()
        if field is not None:
            return name_of_field(field)
        if name not in parameters:
            return mark[0]
        value = parameters[name]
        if forms is not None:
            return str(forms.split("|")[1 if value in singular else 2])
        return text_of(value)

    return _MARKS.sub(write, template)


class Sentence(str):
    """A text of the program with its template and parameters, for other languages.

    It is the English text: JSON and comparisons read nothing else. A parameter can be a sentence.

    >>> sentence = Sentence("{rows} {rows|row|rows} of {name}", rows=1200, name="ledger")
    >>> str(sentence), sentence.template
    ('1,200 rows of ledger', '{rows} {rows|row|rows} of {name}')
    """

    template: str
    parameters: Mapping[str, object]

    def __new__(cls, template: str, /, **parameters: object) -> Self:
        text = super().__new__(cls, render(template, parameters))
        text.template, text.parameters = template, parameters
        return text

    @classmethod
    def joined(cls, sentences: Sequence[str], between: str = " ") -> Self:
        """Sentences one after the other."""
        names = [f"part_{place}" for place in range(len(sentences))]
        template = between.join(f"{{{name}}}" for name in names)
        return cls(template, **dict(zip(names, sentences, strict=True)))

    @property
    def values(self) -> dict[str, object]:
        """The parameters for JSON; :meth:`from_json` reads them.

        >>> Sentence("{sum} of {name}", sum=FigureText("1,234.50"), name=Sentence("all")).values
        {'sum': {'figure': '1,234.50'}, 'name': {'template': 'all', 'parameters': {}}}
        """
        return {name: _as_json(value) for name, value in self.parameters.items()}

    @classmethod
    def from_json(cls, template: str, values: Mapping[str, Any]) -> Self:
        """The sentence of a template and its :attr:`values`."""

        def read(value: Any) -> object:
            if not isinstance(value, Mapping):
                return value
            if "figure" in value:
                return FigureText(value["figure"])
            return cls.from_json(value["template"], value["parameters"])

        return cls(template, **{name: read(value) for name, value in values.items()})

    @classmethod
    def of(cls, text: str) -> Sentence:
        """A text of the program as a sentence; one that is a sentence stays."""
        return text if isinstance(text, Sentence) else cls(text)

    def __deepcopy__(self, memo: object) -> Self:
        return self


class FigureText(str):
    """A number as English text, such as ``1,234.50`` or ``5.00 %``, for other languages."""


def _as_json(value: object) -> object:
    match value:
        case Sentence():
            return {"template": value.template, "parameters": value.values}
        case FigureText():
            return {"figure": str(value)}
        case _:
            return value


ALLOW_EMPTY = "or set `allow_empty`."
ANY_COLUMNS = "import without `require_columns` to accept them."
NUMBER_KEYS = "or set `duplicates` to number."


def with_names(message: str, name_of_field: Callable[[str], str]) -> str:
    """Rename the API's fields in a stored message, which has no template.

    >>> with_names("This draw selects no row, or set allow_empty.", lambda _: "--allow-empty")
    'This draw selects no row, or set --allow-empty.'
    """
    for advice in (ALLOW_EMPTY, ANY_COLUMNS, NUMBER_KEYS):
        message = message.replace(render(advice, {}), render(advice, {}, name_of_field))
    return message


class DomainError(Exception):
    """An input or a state that the product refuses.

    Parameters
    ----------
    template : str, optional
        One sentence that names what is wrong and what to do, as :func:`render` takes it; by default
        that of the class.
    loc : sequence of str or int
        Where in the caller's input it is, for example ``("rounds", 0, "parameters")``.
    **parameters
        The values that the template names.

    Attributes
    ----------
    causes : sequence of DomainError
        The parts of the input that are refused, if there are several.
    """

    code = "error"
    template = ""
    loc: Loc = ()

    def __init__(
        self, template: str | None = None, *, loc: Sequence[str | int] = (), **parameters: object
    ) -> None:
        self.template = self.template if template is None else template
        self.parameters = parameters
        self.loc = tuple(loc) or self.loc
        self.causes: Sequence[DomainError] = ()
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The sentence with the API's names."""
        return render(self.template, self.parameters)


@contextmanager
def relocated(move: Callable[[Loc], Loc], kind: type[DomainError] = DomainError) -> Iterator[None]:
    """Change the location of an error that the block raises; ``move`` takes it."""
    try:
        yield
    except kind as error:
        error.loc = move(error.loc)
        raise


def located(
    loc: Loc, kind: type[DomainError] = DomainError, *, always: bool = False
) -> AbstractContextManager[None]:
    """Give a location to an error that has none, or in place of its own."""
    return relocated(lambda own: loc if always else own or loc, kind)


def moved(before: Loc, after: Loc) -> AbstractContextManager[None]:
    """Replace the beginning of an error's location: where the request has what ``before`` names."""

    def move(own: Loc) -> Loc:
        return (*after, *own[len(before) :]) if own[: len(before)] == before else own

    return relocated(move)


class InvalidRequest(DomainError):
    """A request that the API doesn't accept; ``loc`` starts with ``body`` or ``query``."""

    code = "invalid_request"


@dataclass(frozen=True)
class MachineFault:
    """A fault of the machine, not of the input, that may pass: a full disk, a locked file."""

    code: str
    message: str


def counted(number: float, singular: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(336776, "row"), counted(0, "entry", "entries")
    ('1 row', '336,776 rows', '0 entries')
    """
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def percent_text(fraction: float) -> str:
    """A fraction in percent: one decimal, or two significant digits below 1 %.

    >>> percent_text(0.1234), percent_text(0.00456), percent_text(1), percent_text(0)
    ('12.3 %', '0.46 %', '100 %', '0 %')
    """
    percents = 100 * fraction
    if percents in (0, 100):
        return f"{percents:.0f} %"
    if abs(percents) < LEAST_PERCENT:
        return f"below {LEAST_PERCENT} %"
    if not 0 < abs(percents) < 0.995:
        return f"{percents:.1f} %"
    places = 1 - math.floor(math.log10(abs(percents)))
    return f"{percents:.{places}f} %"


def choices_sentence(name: str, choices: Sequence[str], most: int = 20) -> str:
    """Say which choices there are, the closest first where one is close.

    >>> choices_sentence("colour", ["color", "size"])
    'Did you mean "color"? Available: color, size.'
    """
    close = closest(name, choices)
    rest = len(choices) - most
    shown = ", ".join(choices[:most]) + (f" and {rest} more" if rest > 0 else "")
    listed = f"Available: {shown}." if choices else "There are none."
    return listed if close is None else f'Did you mean "{close}"? {listed}'


def closest(name: str, choices: Sequence[str]) -> str | None:
    """The choice that a name probably means: one that has it as a word, or else a similar one.

    >>> closest("amount", ["Account", "Amount (EUR)"]), closest("colour", ["color", "size"])
    ('Amount (EUR)', 'color')
    """
    wanted = name.lower()
    for choice in choices:
        words = re.findall(r"[^\W_]+", choice.lower())
        if len(wanted) >= MIN_WORD_LENGTH and wanted in words:
            return choice
    lowered = [choice.lower() for choice in choices]
    close = get_close_matches(wanted, lowered, n=1, cutoff=0.6)
    return choices[lowered.index(close[0])] if close else None
