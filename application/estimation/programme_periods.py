"""The periods of a size by an audit programme: samples that were examined, and later periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from application.audit.evaluation import SettledEvaluation, examined_sample
from application.audit.evaluation.programme_inputs import examined_units, inputs_of_sample
from application.audit.evaluation.request import require_all, with_own_columns
from application.audit.items import book_column_of
from application.audit.programmes.applied import applied
from application.audit.programmes.catalogue import library_of
from application.audit.programmes.reading import Programme
from application.estimation.size_answers import ProgrammePeriod
from application.identity.named_rows import rows_named
from contract.requests.evaluate import KINDS
from contract.requests.programmes import ProgrammeGoalRequest, ProgrammeSize
from domain_errors import DomainError, Sentence
from estimation_engine import InvalidGoal
from estimation_engine.audit.calculations import CALCULATIONS
from estimation_engine.audit.guidance.sizes import (
    ExaminedPart,
    GuidanceSize,
    PlannedPart,
    SizeInputs,
)
from lazy_dataclasses import dataclass
from service.service import Service
from storage.jobs.jobs import JobRecord

APART = Sentence(
    "The periods are populations without a common row, and each sample is drawn by itself; the "
    "size doesn't check it."
)


@dataclass(frozen=True)
class Periods:
    """The other periods of a design; amounts in units of the book value.

    Parameters
    ----------
    book_value : float
        Of the other periods, with rows that were always drawn.
    units : int
        The examined rows, or monetary units.
    """

    examined: Sequence[ExaminedPart] = ()
    later: Sequence[PlannedPart] = ()
    book_value: float = 0.0
    units: int = 0

    def __bool__(self) -> bool:
        return bool(self.examined or self.later)


def periods_of(
    service: Service,
    programme: Programme,
    rule: ProgrammeSize,
    given: ProgrammeGoalRequest,
    earlier: Sequence[JobRecord],
) -> Periods:
    """The other periods of a request.

    Raises
    ------
    InvalidGoal
        The programme has no size of several periods, or can't read an earlier sample.
    """
    if not (earlier or given.later):
        return Periods()
    if rule.periods is None:
        raise InvalidGoal(
            "The programme {name} has no size of several periods for {method}.",
            name=programme.name,
            method=rule.method.replace("_", " "),
            loc=("programme", "earlier" if earlier else "later"),
        )
    later = [
        PlannedPart(units=each.rows, book_value=each.book_value, deviation=each.deviation)
        for each in given.later
    ]
    examined: list[ExaminedPart] = []
    value, units = sum(each.book_value for each in later), 0
    for at, job in enumerate(earlier):
        if job.id in {each.id for each in earlier[:at]}:
            raise InvalidGoal(
                "Sample {name} is named twice.",
                name=job.shown_name,
                loc=("programme", "earlier", at),
            )
        try:
            parts, whole, count = _examined(service, programme, rule, job, given.book_column)
        except DomainError as error:
            raise InvalidGoal(
                "Sample {name}: {reason}",
                name=job.shown_name,
                reason=Sentence(error.template, **error.parameters),
                loc=("programme", "earlier", at),
            ) from error
        examined += parts
        value, units = value + whole, units + count
    return Periods(examined, later, value, units)


def _examined(
    service: Service,
    programme: Programme,
    size: ProgrammeSize,
    job: JobRecord,
    book_column: str | None,
) -> tuple[list[ExaminedPart], float, int]:
    """The parts of an examined sample, its whole book value, and its rows or monetary units.

    The column of book values is that of the sample, or the given one if its draw named none.
    """
    rule = applied(library_of(service.settings), programme.name, job, None, None).rule
    if rule.periods is None or size.method not in rule.samples:
        raise InvalidGoal(
            "The programme {name} has no formula of periods for it beside {method} rows.",
            name=programme.name,
            method=size.method.replace("_", " "),
        )
    with rows_named(service, job):
        if "book_column" not in KINDS[rule.kind].names or book_column_of(service, job):
            book_column = None
        settled: SettledEvaluation[Any] = SettledEvaluation.of(
            rule.kind,
            programme.file.confidence,
            estimator=rule.estimator,
            book_column=book_column,
        )
        settled = with_own_columns(service, job, settled)
        sample = examined_sample(service, job)
        require_all(sample, sample.items)
        found = inputs_of_sample(sample, settled, CALCULATIONS[rule.periods])
    name = job.shown_name
    parts = [
        ExaminedPart(
            label=name,
            units=part.units,
            book_value=part.book_value,
            examined=part.examined,
            deviation=part.deviation,
        )
        for part in found.parts
    ]
    known = sum(part.book_value for part in found.known)
    whole = found.book_value or sum(part.book_value for part in found.parts) + known
    return parts, whole, examined_units(sample, rule.kind)


def with_periods(inputs: SizeInputs, periods: Periods) -> SizeInputs:
    """The inputs of a design's size with the other periods."""
    return replace(inputs, parts=(*inputs.parts, *periods.later), examined=tuple(periods.examined))


def size_of_design(found: GuidanceSize, periods: Periods) -> GuidanceSize:
    """The size of the design alone, of a size of all planned periods."""
    if not periods:
        return found
    own = found.allocation[0]
    interval = None if found.interval is None else own.interval
    return replace(found, size=own.size, interval=interval, notes=(*found.notes, APART))


def shown_periods(
    inputs: SizeInputs, found: GuidanceSize, periods: Periods, places: int
) -> list[ProgrammePeriod]:
    """The periods of an answer; none without other periods."""
    if not periods:
        return []
    planned = zip(inputs.parts, found.allocation, strict=True)
    return [
        *(
            ProgrammePeriod(
                each.label,
                each.units or None,
                f"{each.book_value:.{places}f}",
                each.examined,
                each.deviation,
                True,
            )
            for each in periods.examined
        ),
        *(
            ProgrammePeriod(
                None,
                part.units or None,
                f"{part.book_value:.{places}f}",
                own.size,
                part.deviation,
                False,
            )
            for part, own in planned
        ),
    ]
