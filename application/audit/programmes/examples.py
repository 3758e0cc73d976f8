"""Computes the worked examples of a programme, and compares them with what was published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args, get_type_hints

from application.audit.programmes.reading import Programme
from contract.declarations import Help
from contract.requests.programmes import ProgrammeExample
from domain_errors import DomainError, Sentence
from estimation_engine.audit.calculations import CALCULATIONS
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class ComparedFigure:
    """A published figure beside the computed one.

    Parameters
    ----------
    name : str
        Its path in the result, such as ``parts[1].projected``.
    difference : float or None
        Computed less published; None if they aren't numbers.
    """

    name: str
    published: Any
    computed: Any
    difference: float | None
    is_equal: bool


@dataclass(frozen=True)
class CheckedExample:
    """A worked example with its figures.

    Parameters
    ----------
    problem : str or None
        Why the calculation refused the inputs.
    """

    paragraph: str
    title: str
    calculation: str
    inputs: Annotated[Mapping[str, Any], Help("By names such as `parts[1].units`.")]
    tolerance: float
    misprint: str | None
    note: str | None
    figures: Sequence[ComparedFigure]
    problem: str | None
    is_reproduced: bool


def checked_examples(programme: Programme) -> list[CheckedExample]:
    """The examples of a programme, each computed."""
    return [_checked(each) for each in programme.file.examples]


@lru_cache(maxsize=100)
def not_reproduced(programme: Programme) -> int:
    """The examples of a programme whose figures differ; tests check those of jobsvc."""
    if programme.is_builtin:
        return 0
    return sum(not each.is_reproduced for each in checked_examples(programme))


def programme_doubts(programme: Programme) -> list[str]:
    """What a reader must know of a programme whose examples aren't reproduced."""
    wrong = not_reproduced(programme)
    text = (
        "Of the programme {name}, {wrong} of {count} worked {count|example|examples} "
        "{wrong|isn't|aren't} reproduced: its calculations may not be those of its document."
    )
    values = {"name": programme.name, "wrong": wrong, "count": len(programme.file.examples)}
    return [Sentence(text, **values)] if wrong else []


def _checked(example: ProgrammeExample) -> CheckedExample:
    figures: list[ComparedFigure] = []
    problem = None
    try:
        result = CALCULATIONS[example.calculation].compute(example.inputs)
        figures = list(compared(example.expected, result, example.tolerance))
    except DomainError as error:
        at = [int(each) + 1 if str(each).isdigit() else each for each in error.loc[1:]]
        problem = f"{path_text(at)}: {error.message}" if at else error.message
    return CheckedExample(
        example.paragraph,
        example.title,
        example.calculation,
        dict(_leaves(example.inputs)),
        example.tolerance,
        example.misprint,
        example.note,
        figures,
        problem,
        problem is None and all(each.is_equal for each in figures),
    )


def _leaves(given: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The values of lists and tables by their paths."""
    if isinstance(given, Mapping):
        for name, each in given.items():
            yield from _leaves(each, (*at, name))
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for place, each in enumerate(given, start=1):
            yield from _leaves(each, (*at, place))
    else:
        yield path_text(at), given


def path_text(at: Sequence[str | int]) -> str:
    """A path as text.

    >>> path_text(("parts", 1, "units"))
    'parts[1].units'
    """
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in at)
    return text.removeprefix(".")


def compared(
    published: Any, computed: Any, tolerance: float, at: tuple[str | int, ...] = ()
) -> Iterator[ComparedFigure]:
    """The published figures beside the computed ones; lists and tables by their members."""
    if isinstance(published, Mapping):
        for name, each in published.items():
            known = getattr(computed, name, None)
            yield from compared(each, known, tolerance, (*at, name))
        return
    if isinstance(published, Sequence) and not isinstance(published, str):
        values = computed if isinstance(computed, Sequence) else ()
        for place, each in enumerate(published):
            known = values[place] if place < len(values) else None
            yield from compared(each, known, tolerance, (*at, place + 1))
        return
    numbers = [each for each in (published, computed) if _is_number(each)]
    if len(numbers) == 2:
        difference = float(computed) - float(published)
        is_equal = abs(difference) <= tolerance
        yield ComparedFigure(path_text(at), published, computed, difference, is_equal)
    else:
        yield ComparedFigure(path_text(at), published, computed, None, published == computed)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class ListedCalculation:
    """A calculation that a file can name.

    Parameters
    ----------
    inputs : sequence of str
        Their names; those of lists with the members of an entry.
    """

    name: str
    formula: str
    inputs: Sequence[str]
    source: str


def listed_calculations() -> list[ListedCalculation]:
    """The calculations with the names of their inputs."""
    return [
        ListedCalculation(each.name, each.formula, [*_named(each.inputs)], each.source)
        for each in CALCULATIONS.values()
    ]


def _named(inputs: type) -> Iterator[str]:
    """The names of inputs; those of lists with the members of an entry."""
    for name, hint in get_type_hints(inputs).items():
        members = [each for each in get_args(hint) if is_dataclass(each)]
        yield f"{name} ({', '.join(own.name for own in fields(members[0]))})" if members else name
