"""A programme with the evaluation of it that fits a sample."""

from __future__ import annotations

from application.audit.programmes.catalogue import Library
from application.audit.programmes.reading import Programme
from contract.requests.programmes import STEPS, ProgrammeEvaluation
from domain_errors import choices_sentence
from estimation_engine.audit.conclusion import confidence_text
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from storage.jobs.jobs import JobRecord

LOC = ("body", "programme")


@dataclass(frozen=True)
class AppliedProgramme:
    """A programme with the evaluation of it that fits a sample."""

    programme: Programme
    rule: ProgrammeEvaluation

    @property
    def identity(self) -> dict[str, str]:
        """What certificates and sign-offs keep of it."""
        file = self.programme.file
        return {"name": file.name, "title": file.title, "sha256": self.programme.sha256}


def methods_of(job: JobRecord) -> list[str]:
    """The methods of a sample's rounds."""
    return list(dict.fromkeys(each["method"] for each in job.run_parameters["rounds"]))


def applied(
    library: Library, name: str, job: JobRecord, kind: str | None, estimator: str | None
) -> AppliedProgramme:
    """A programme with its first evaluation that fits a sample, and what a request names.

    Raises
    ------
    UnknownProgramme, InvalidFindings
        There is no such programme, or it has no evaluation for the sample.
    """
    programme = library.programme(name, *LOC)
    methods, rounds = methods_of(job), len(job.run_parameters["rounds"])
    steps = "several" if rounds > 1 else "one"
    for rule in programme.file.evaluations:
        fits = methods and all(each in rule.samples for each in methods)
        fits = fits and rule.steps in (None, steps)
        is_named = kind in (None, rule.kind) and estimator in (None, rule.estimator or estimator)
        if fits and is_named:
            return AppliedProgramme(programme, rule)
    has = "; ".join(
        f"{rule.title} ({rule.kind}, of {', '.join(rule.samples)}"
        f"{', of ' + STEPS[rule.steps] if rule.steps else ''})"
        for rule in programme.file.evaluations
    )
    raise InvalidFindings(
        "The programme {name} has no such evaluation of a sample drawn as {methods} in {rounds} "
        "{rounds|step|steps}. It has: {has}.",
        name=programme.name,
        methods=" and ".join(methods).replace("_", " "),
        rounds=rounds,
        has=has,
        loc=LOC,
    )


def check_level(programme: Programme, confidence: float, loc: tuple[str | int, ...]) -> None:
    """Refuse a confidence that the programme doesn't allow."""
    if not programme.file.allows(confidence):
        levels = [each.confidence for each in programme.file.levels]
        raise InvalidFindings(
            "The programme {name} has no confidence of {confidence}. {choices}",
            name=programme.name,
            confidence=confidence_text(confidence),
            choices=choices_sentence("", [confidence_text(each) for each in levels]),
            loc=loc,
        )
