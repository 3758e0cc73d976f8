"""The input of an evaluation: the request, and a sample with its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property
from typing import Any, Generic, TypeVar

from application.audit.findings import is_replaceable
from application.audit.fitting import is_in_sequence
from application.audit.items import ExaminedItem
from application.audit.programmes.applied import AppliedProgramme
from application.audit.stages import stage_rule
from application.audit.state import AuditState, drawn_row_ids
from application.samples.facts import test_filters
from contract.answers import AtConfidence
from contract.declarations import Request
from contract.requests.evaluate import KINDS
from domain_errors import FigureText, Sentence, choices_sentence
from estimation_engine.audit import Conclusion, TwoStageRule
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import open_source
from storage.jobs.jobs import JobRecord

KIND_LOC = ("body", "kind")
MOST_DIGITS = 400
"""Digits of an amount; a double has up to 309 before the point."""
MISSING = (
    "{count} {count|row has|rows have} no finding, the first is {row_id}. Enter findings for all "
    "rows before you evaluate the sample"
)
OR_SEQUENTIAL = ", or evaluate it as `sequential`."
OUTSIDE = (
    "{outside} drawn {outside|row isn't|rows aren't} applicable, and no row is left to replace "
    "{outside|it|them}: the sample is smaller by {outside|it|them}."
)


Parameters = TypeVar("Parameters", bound=Request)


@dataclass(frozen=True, kw_only=True)
class SettledEvaluation(AtConfidence, Generic[Parameters]):
    """The request of an evaluation, with what was signed off or planned where nothing was given.

    Parameters
    ----------
    tolerable : Decimal, optional
        Below 1 a share of the rows, or of the book value evaluated. From 1 an amount, for
        evaluations of amounts.
    parameters : Request
        Those of the kind.
    programme : AppliedProgramme, optional
        That by which it concludes.
    """

    kind: str
    tolerable: Decimal | None
    parameters: Parameters
    programme: AppliedProgramme | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        confidence: float,
        tolerable: Decimal | None = None,
        **parameters: Any,
    ) -> SettledEvaluation[Any]:
        """Refuse a parameter that the kind doesn't take; None is no parameter."""
        own = KINDS[kind]
        given = {name: value for name, value in parameters.items() if value is not None}
        for name in given:
            if name not in own.names:
                raise InvalidFindings(
                    "An evaluation by {kind} has no `{name}`. {choices}",
                    kind=kind,
                    name=name,
                    choices=choices_sentence("", own.names),
                    loc=("body", name),
                )
        return SettledEvaluation(
            confidence, kind=kind, tolerable=tolerable, parameters=own.parameters(**given)
        )

    def value_of(self, name: str) -> Any:
        """A parameter of any kind; None if this kind has no such parameter."""
        return getattr(self, name, getattr(self.parameters, name, None))


def with_own_columns(
    service: Service, job: JobRecord, request: SettledEvaluation[Any]
) -> SettledEvaluation[Any]:
    """A request with the columns' names as the table has them; they may differ in case."""
    wanted = {name: request.value_of(name) for name in ("book_column", "score_column")}
    if not any(wanted.values()):
        return request
    names = {folded(each.name): each.name for each in open_source(service, job).files.columns}
    own = {at: names[folded(name)] for at, name in wanted.items() if name and folded(name) in names}
    return replace(request, parameters=replace(request.parameters, **own))


@dataclass(frozen=True)
class ExaminedSample:
    """A sample with its findings; the items are in the order of the draw."""

    service: Service
    job: JobRecord
    state: AuditState
    items: Sequence[ExaminedItem]
    is_part: bool = False
    """Whether it is evaluated with others: these may have the errors that it lacks."""

    @property
    def rounds(self) -> Sequence[Mapping[str, Any]]:
        """The rounds as they were requested."""
        rounds: Sequence[Mapping[str, Any]] = self.job.run_parameters["rounds"]
        return rounds

    @cached_property
    def rule(self) -> TwoStageRule | None:
        """The rule of a sample that was planned in two stages."""
        return stage_rule(self.job, len(drawn_row_ids(self.service, self.job)))

    @property
    def has_sequence(self) -> bool:
        """Whether the order of the draw is random, so that a sequential evaluation fits."""
        return is_in_sequence(self.rounds)

    @cached_property
    def scope(self) -> str | None:
        """The filters that limit the conclusion, with audit tests; None if there is none."""
        parts = [*filter(None, [self._filter]), *test_filters(self.job.run_parameters)]
        return Sentence.joined(parts, " and ") if parts else None

    @property
    def _filter(self) -> str | None:
        source = open_source(self.service, self.job)
        rounds = recorded_rounds(self.job.run_parameters, source.files)
        texts: dict[str, None] = {}
        for given, each in zip(self.rounds, rounds, strict=True):
            if each.filter is None:
                return None
            texts[(given.get("filters") or {}).get("expression") or each.filter.text] = None
        return " or ".join(texts)


def require_all(
    sample: ExaminedSample, items: Sequence[ExaminedItem]
) -> tuple[Sequence[ExaminedItem], int]:
    """Refuse items without a finding, and those that should have been replaced.

    Returns
    -------
    items, outside : sequence of ExaminedItem, int
        Those that belong to the population, and the number of the others, which no row is left to
        replace: the sample is smaller by them (ISA 530 ¶10).
    """
    missing = [item.row_id for item in items if item.finding is None]
    if missing:
        message = MISSING + (OR_SEQUENTIAL if sample.has_sequence else ".")
        raise InvalidFindings(
            message,
            count=len(missing),
            row_id=missing[0],
        )
    outside = [item.row_id for item in items if item.is_outside]
    for row_id in outside:
        if is_replaceable(sample.service, sample.job, sample.state, row_id):
            raise InvalidFindings(
                "Row {row_id} is not applicable, but was not replaced. Replace it, or enter "
                "another finding.",
                row_id=row_id,
            )
    if len(outside) == len(items):
        raise InvalidFindings(
            "No row of the sample is applicable, so there is nothing to evaluate."
        )
    return [item for item in items if not item.is_outside], len(outside)


def tolerable_share(tolerable: Decimal) -> float:
    """Check a tolerable share of rows."""
    if not 0 < tolerable < 1:
        raise InvalidFindings(
            "A tolerable share is above 0 and below 1, such as 0.05 for 5 %.",
            loc=("body", "tolerable"),
        )
    return float(tolerable)


@dataclass(frozen=True)
class TolerableAmount:
    """A tolerable misstatement, and how it was computed if a share of the book value was given."""

    amount: Decimal
    note: Sentence | None = None

    @property
    def notes(self) -> list[Sentence]:
        """The computation as a list of notes."""
        return [] if self.note is None else [self.note]


def tolerable_amount(tolerable: Decimal, book_value: Decimal, places: int) -> TolerableAmount:
    """A tolerable misstatement as an amount; below 1 it is a share of the book value.

    Examples
    --------
    >>> tolerable_amount(Decimal("0.03"), Decimal("33789684.19"), 2).note
    'Tolerable: 3.00 % of 33,789,684.19 = 1,013,690.53.'
    """
    if tolerable >= 1:
        return TolerableAmount(tolerable)
    if book_value <= 0:
        raise InvalidFindings(
            "A tolerable share needs a book value above 0, and this one is {total}: enter an "
            "amount.",
            total=f"{book_value:,f}",
            loc=("body", "tolerable"),
        )
    with localcontext(prec=MOST_DIGITS):
        amount = (tolerable * book_value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
        percent = 100 * tolerable
        share = f"{percent:.2f}" if percent == round(percent, 2) else f"{percent.normalize():f}"
        note = Sentence(
            "Tolerable: {share} of {total} = {amount}.",
            share=FigureText(f"{share} %"),
            total=FigureText(f"{book_value:,.{places}f}"),
            amount=FigureText(f"{amount:,f}"),
        )
    return TolerableAmount(amount, note)


def with_outside(conclusion: Conclusion | None, outside: int) -> Conclusion | None:
    """A conclusion that says which rows were left out."""
    if conclusion is None or not outside:
        return conclusion
    parameters = {**conclusion.parameters, "outside": outside}
    template = f"{conclusion.template} {OUTSIDE}"
    return replace(conclusion, template=template, parameters=parameters)
