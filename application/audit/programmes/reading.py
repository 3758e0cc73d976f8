"""Reads the file of an audit programme by its declaration; a file that doesn't fit is refused.

Numbers and texts alone are read: a file runs nothing, and its sentences have only figures in
braces.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

from contract import fields as kinds
from contract.declarations import Request, declared
from contract.fields import Kind
from contract.requests.evaluate import KINDS, MONETARY_UNIT, VARIABLES
from contract.requests.programmes import ProgrammeEvaluation, ProgrammeExample, ProgrammeFile
from domain_errors import DomainError, choices_sentence
from estimation_engine.audit.calculations import CALCULATIONS, is_figure
from estimation_engine.audit.guidance.projections import (
    ConservativeInputs,
    EqualInputs,
    MoneyInputs,
)
from estimation_engine.audit.guidance.sizes import GuidanceSize, SizeInputs
from lazy_dataclasses import dataclass
from sampling_engine import METHODS

MAX_FILE_BYTES = 256 * 1024
MAX_LIST, MAX_DEPTH = 2_000, 4
"""Values of a list or a table of an example, and how deep they are nested."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}")
RULED = ("sides", "estimator", "likelihood", "bound")
"""The parameters of a kind that an evaluation can set."""
READ_BY = {
    VARIABLES.name: (EqualInputs,),
    MONETARY_UNIT.name: (MoneyInputs, ConservativeInputs),
}
"""The inputs that the samples of a kind have."""
OF_ALL = ("confidence", "tolerable")
"""Figures that the sentences of every programme can name."""
MOST_TOLERANCE = 0.1
"""Of a published figure: an example that may differ by more shows nothing."""
ANY = TypeVar("ANY", bound=Request)


class InvalidProgramme(DomainError):
    """The file of a programme doesn't fit its declaration."""

    code = "invalid_programme"


@dataclass(frozen=True, eq=False)
class Programme:
    """A programme with the SHA-256 of its file; one object for the same content."""

    file: ProgrammeFile
    sha256: str
    is_builtin: bool

    @property
    def name(self) -> str:
        """The name, by which requests call it."""
        return self.file.name


def read_programme(content: bytes, file_name: str, *, is_builtin: bool = False) -> Programme:
    """Read the file of a programme.

    Raises
    ------
    InvalidProgramme
        It isn't TOML, or a field is missing, unknown or out of bounds: the message names the file
        with the line, or the field.
    """
    if len(content) > MAX_FILE_BYTES:
        raise InvalidProgramme(
            "{file}: larger than {most} bytes.", file=file_name, most=MAX_FILE_BYTES
        )
    try:
        given = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidProgramme(
            "{file}: not TOML: {problem}.", file=file_name, problem=str(error)
        ) from None
    try:
        found = _part(ProgrammeFile, given, "")
        _check(found)
    except _Refused as refusal:
        raise InvalidProgramme(
            "{file}, {field}: {problem}", file=file_name, field=refusal.field, problem=refusal.text
        ) from None
    return Programme(found, hashlib.sha256(content).hexdigest(), is_builtin)


class _Refused(Exception):
    """A field with its problem."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field or "the file", text


def _part(declaration: type[ANY], given: Any, field: str) -> ANY:
    """An object of a declaration; unknown and missing fields are refused."""
    if not isinstance(given, dict):
        raise _Refused(field, "Must be a table.")
    path = f"{field}." if field else ""
    known = {each.name: each for each in declared(declaration)}
    for name in given:
        if name not in known:
            raise _Refused(f"{path}{name}", "Unknown. " + choices_sentence(name, list(known)))
    for name, own in known.items():
        if own.is_required and name not in given:
            raise _Refused(f"{path}{name}", "Missing.")
    return declaration.of(
        {name: _value(known[name].kind, value, f"{path}{name}") for name, value in given.items()}
    )


def _value(kind: Kind, given: Any, field: str) -> Any:
    match kind:
        case kinds.Part(of):
            return _part(of, given, field)
        case kinds.Items(of, most, least):
            return _items(of, most, least, given, field)
        case kinds.Mapped(of, most):
            if not isinstance(given, dict) or not given or len(given) > most:
                raise _Refused(field, f"Must be a table with 1 to {most} entries.")
            return {name: _value(of, value, f"{field}.{name}") for name, value in given.items()}
        case kinds.FigureKind():
            return _figure(given, field)
        case kinds.Choice(titles):
            if not isinstance(given, str) or given not in titles:
                raise _Refused(field, choices_sentence(str(given), list(titles)))
            return given
        case kinds.Text(least, most):
            return _text(least, most, given, field)
        case kinds.Count(bounds) | kinds.Number(bounds) | kinds.Written(bounds=bounds):
            return _number(kind, bounds, given, field)
        case _:
            raise AssertionError(f"no file has a {kind}")


def _items(of: Kind, most: int, least: int, given: Any, field: str) -> tuple[Any, ...]:
    if not isinstance(given, list) or not least <= len(given) <= most:
        raise _Refused(field, f"Must be a list of {least} to {most} values.")
    return tuple(_value(of, value, f"{field}[{at}]") for at, value in enumerate(given, start=1))


def _text(least: int, most: int, given: Any, field: str) -> str:
    if not isinstance(given, str) or not least <= len(given.strip()) <= len(given) <= most:
        raise _Refused(field, f"Must be a text of {least} to {most} characters.")
    if not given.isprintable():
        raise _Refused(field, "Must be one line of printable characters.")
    return given


def _number(kind: Kind, bounds: kinds.Bounds, given: Any, field: str) -> float:
    types = int if isinstance(kind, kinds.Count) else int | float
    most = sys.float_info.max
    if isinstance(given, bool) or not isinstance(given, types) or not -most <= given <= most:
        raise _Refused(field, f"Must be {'a whole number' if types is int else 'a number'}.")
    if not bounds.holds(given):
        raise _Refused(field, f"{given} is out of bounds.")
    return given


def _figure(given: Any, field: str, depth: int = 0) -> Any:
    """A figure as it is in the file; lists, tables and texts are bounded."""
    if isinstance(given, dict | list):
        if depth >= MAX_DEPTH or not 0 < len(given) <= MAX_LIST:
            raise _Refused(field, f"Must have 1 to {MAX_LIST} values, and {MAX_DEPTH} levels.")
        if isinstance(given, dict):
            return {
                name: _figure(each, f"{field}.{name}", depth + 1) for name, each in given.items()
            }
        return [_figure(each, f"{field}[{at}]", depth + 1) for at, each in enumerate(given, 1)]
    if isinstance(given, bool):
        return given
    if isinstance(given, str):
        return _text(0, 200, given, field)
    return _number(kinds.Number(), kinds.UNBOUNDED, given, field)


def _check(given: ProgrammeFile) -> None:
    """What holds across fields: names, levels, calculations and the figures of sentences."""
    if not NAME.fullmatch(given.name):
        raise _Refused("name", "Must be lower-case letters, digits and hyphens.")
    _check_level(given, given.confidence, "confidence")
    for at, each in enumerate(given.evaluations, start=1):
        _check_evaluation(given, each, f"evaluations[{at}]")
    for at, size in enumerate(given.sizes, start=1):
        _check_method(size.method, f"sizes[{at}].method")
        own = _check_calculation(size.calculation, f"sizes[{at}].calculation")
        if own.outputs is not GuidanceSize:
            raise _Refused(f"sizes[{at}].calculation", f"{own.name} computes no size of a draw.")
        if size.periods is not None:
            several = _check_calculation(size.periods, f"sizes[{at}].periods")
            if several.inputs is not SizeInputs:
                problem = f"{several.name} computes no size of several periods."
                raise _Refused(f"sizes[{at}].periods", problem)
        elif size.periods_paragraph is not None:
            raise _Refused(f"sizes[{at}].periods_paragraph", "Needs `periods`.")
        _check_level(given, size.confidence, f"sizes[{at}].confidence")
    _check_conclusions(given)
    for at, example in enumerate(given.examples, start=1):
        _check_example(example, f"examples[{at}]")


def _check_example(example: ProgrammeExample, field: str) -> None:
    calculation = _check_calculation(example.calculation, f"{field}.calculation")
    if example.printed and example.misprint is None:
        raise _Refused(f"{field}.printed", "Needs `misprint`, which says what is wrong.")
    for name in example.printed or ():
        if re.split(r"[.\[]", name)[0] not in example.expected:
            raise _Refused(
                f"{field}.printed.{name}", choices_sentence(name, list(example.expected))
            )
    for figure in _published(example.expected):
        if figure and example.tolerance > MOST_TOLERANCE * abs(figure):
            problem = f"{example.tolerance:g} is more than a tenth of the published {figure:g}."
            raise _Refused(f"{field}.tolerance", problem)
    for part, known in (
        ("inputs", [each.name for each in fields(calculation.inputs)]),
        ("expected", [each.name for each in fields(calculation.outputs)]),
    ):
        for name in getattr(example, part):
            if name not in known:
                raise _Refused(f"{field}.{part}.{name}", choices_sentence(name, known))


def _published(given: Any) -> Iterator[float]:
    """The numbers of published figures, and of their lists and tables."""
    if isinstance(given, Mapping | list):
        for each in given.values() if isinstance(given, Mapping) else given:
            yield from _published(each)
    elif is_figure(given):
        yield given


def _check_level(given: ProgrammeFile, confidence: float | None, field: str) -> None:
    if not given.allows(confidence):
        raise _Refused(field, f"{confidence} isn't a confidence of `levels`.")


def _check_calculation(name: str, field: str) -> Any:
    if name not in CALCULATIONS:
        raise _Refused(field, choices_sentence(name, list(CALCULATIONS)))
    return CALCULATIONS[name]


def _check_method(name: str, field: str) -> None:
    known = [method.name for method in METHODS]
    if name not in known:
        raise _Refused(field, choices_sentence(name, known))


def _check_evaluation(given: ProgrammeFile, each: ProgrammeEvaluation, field: str) -> None:
    for at, name in enumerate(each.samples, start=1):
        _check_method(name, f"{field}.samples[{at}]")
    own = KINDS[each.kind]
    for name in RULED:
        if getattr(each, name) is not None and name not in own.names:
            raise _Refused(f"{field}.{name}", f"An evaluation by {each.kind} has no {name}.")
    _check_level(given, each.confidence, f"{field}.confidence")
    if (each.least_rows is None) != (each.stops_below is None):
        raise _Refused(f"{field}.least_rows", "`least_rows` and `stops_below` go together.")
    if each.periods is not None:
        _check_read(each.periods, each.kind, f"{field}.periods")
        if CALCULATIONS[each.periods].inputs is ConservativeInputs:
            raise _Refused(f"{field}.periods", f"{each.periods} is for one sample.")
    elif each.periods_paragraph is not None:
        raise _Refused(f"{field}.periods_paragraph", "Needs `periods`.")
    names = figure_names(each, field)
    if each.limit not in names:
        raise _Refused(f"{field}.limit", choices_sentence(each.limit, list(names)))


def figure_names(each: ProgrammeEvaluation, field: str = "") -> tuple[str, ...]:
    """The figures of an evaluation: the outputs of its calculation, or those of its kind."""
    if each.calculation is not None:
        return _check_read(each.calculation, each.kind, f"{field}.calculation")
    figures = KINDS[each.kind].figures
    if not figures:
        raise _Refused(
            f"{field}.kind", f"{each.kind} has no figures for a programme: it needs an amount."
        )
    return figures


def _check_read(name: str, kind: str, field: str) -> tuple[str, ...]:
    """The figures of a calculation of limits, which reads samples of a kind."""
    calculation = _check_calculation(name, field)
    if calculation.purpose != "evaluation" or calculation.inputs not in READ_BY.get(kind, ()):
        raise _Refused(field, f"{name} computes no limits of a sample by {kind}.")
    return tuple(each for each in _numbers(calculation.outputs) if each not in calculation.lacks)


def _numbers(outputs: type) -> tuple[str, ...]:
    """The results that are numbers for each sample: no texts and lists, and no optional ones."""
    hints = get_type_hints(outputs)
    return tuple(
        own.name
        for own in fields(outputs)
        if hints[own.name] in (float, float | None) and own.default is MISSING
    )


def _check_conclusions(given: ProgrammeFile) -> None:
    """Either a statement, or the three sentences; each names figures of every evaluation."""
    own = given.conclusions
    for at, each in enumerate(given.evaluations, start=1):
        if own.statement is None and each.limit != "upper_limit":
            raise _Refused(
                f"evaluations[{at}].limit",
                "What is tolerable is compared with the `upper_limit`; others need a `statement`.",
            )
    three = ("tolerable", "not_supported", "inconclusive")
    has = [name for name in three if getattr(own, name) is not None]
    if (own.statement is None) != (len(has) == len(three)) or (own.statement and has):
        raise _Refused(
            "conclusions", "Has `statement`, or `tolerable`, `not_supported` and `inconclusive`."
        )
    known = [set(figure_names(each)) for each in given.evaluations]
    known += [
        set(_check_read(each.periods, each.kind, "")) for each in given.evaluations if each.periods
    ]
    usable = set.intersection(*known) | set(OF_ALL) - ({"tolerable"} if own.statement else set())
    for name in (*three, "statement"):
        _check_sentence(getattr(own, name) or "", usable, f"conclusions.{name}")


def _check_sentence(text: str, usable: set[str], field: str) -> None:
    """A sentence without braces and backticks, but for figures that every evaluation has."""
    for name in PLACEHOLDER.findall(text):
        if name not in usable:
            choices = choices_sentence(name, sorted(usable))
            raise _Refused(field, f"The figure {{{name}}} is unknown. {choices}")
    if re.search(r"[{}`]", PLACEHOLDER.sub("", text)):
        raise _Refused(field, "Braces are for figures, such as {upper_limit}; backticks are none.")


def tolerable_of(programme: Programme) -> Decimal | None:
    """What is tolerable if no request says it."""
    given = programme.file.tolerable
    return None if given is None else Decimal(repr(given))
