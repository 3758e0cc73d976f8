"""The answers about audit programmes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from application.audit.programmes.catalogue import BrokenProgramme, Library
from application.audit.programmes.examples import CheckedExample, checked_examples, not_reproduced
from application.audit.programmes.reading import Programme
from contract.answers import AtConfidence
from contract.declarations import Help
from contract.requests.programmes import (
    AssuranceLevel,
    ProgrammeEvaluation,
    ProgrammePaper,
    ProgrammeSize,
)
from lazy_dataclasses import dataclass
from storage.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class ProgrammeHead:
    """What a programme is called, and what it follows."""

    name: str
    title: str
    about: str
    is_builtin: Annotated[bool, Help("False: a file of the folder `programmes_dir`.")]
    sha256: Annotated[str, Help("Of its file.")]
    document: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class ListedProgramme(AtConfidence, ProgrammeHead):
    """An audit programme."""

    evaluations: Annotated[Sequence[str], Help("The titles of its evaluations.")]
    examples: Annotated[int, Help("Its worked examples.")]
    not_reproduced: Annotated[int, Help("Examples whose figures differ by more than allowed.")]


@dataclass(frozen=True)
class ProgrammeList:
    """The audit programmes of a server."""

    programmes: Annotated[Sequence[ListedProgramme], Help("Those of jobsvc first.")]
    broken: Annotated[Sequence[BrokenProgramme], Help("Files that aren't used, with the reason.")]


@dataclass(frozen=True, kw_only=True)
class ShownProgramme(AtConfidence, ProgrammeHead):
    """An audit programme with its rules, sentences and computed examples."""

    date: str | None
    tolerable: float | None
    levels: Sequence[AssuranceLevel]
    evaluations: Sequence[ProgrammeEvaluation]
    sizes: Sequence[ProgrammeSize]
    conclusions: Annotated[Mapping[str, str], Help("The sentences by their case.")]
    paper: Sequence[ProgrammePaper]
    examples: Annotated[
        Sequence[CheckedExample], Help("Published figures beside those computed now.")
    ]
    not_reproduced: Annotated[int, Help("Examples whose figures differ by more than allowed.")]


def programme_list(library: Library) -> ProgrammeList:
    """The programmes and the broken files."""
    return ProgrammeList([_listed(each) for each in library.programmes], library.broken)


def _listed(programme: Programme) -> ListedProgramme:
    file = programme.file
    return ListedProgramme(
        name=file.name,
        title=file.title,
        about=file.about,
        is_builtin=programme.is_builtin,
        sha256=programme.sha256,
        document=file.source.document,
        statement=file.source.statement,
        confidence=file.confidence,
        evaluations=[each.title for each in file.evaluations],
        examples=len(file.examples),
        not_reproduced=not_reproduced(programme),
    )


def shown_programme(library: Library, name: str) -> ShownProgramme:
    """A programme in full; its examples are computed.

    Raises
    ------
    NotFound
        There is no such programme.
    """
    programme = library.find(name)
    if programme is None:
        raise NotFound('There is no audit programme "{name}".', name=name[:60])
    file, examples = programme.file, checked_examples(programme)
    return ShownProgramme(
        name=file.name,
        title=file.title,
        about=file.about,
        is_builtin=programme.is_builtin,
        sha256=programme.sha256,
        document=file.source.document,
        statement=file.source.statement,
        confidence=file.confidence,
        date=file.source.date,
        tolerable=file.tolerable,
        levels=file.levels,
        evaluations=file.evaluations,
        sizes=file.sizes,
        conclusions=file.conclusions.given(),
        paper=file.paper,
        examples=examples,
        not_reproduced=sum(not each.is_reproduced for each in examples),
    )
