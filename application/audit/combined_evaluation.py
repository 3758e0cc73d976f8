"""Evaluate several samples together: strata drawn by separate jobs, periods, datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from itertools import combinations
from typing import Annotated, Any

from application.audit.combined_coverage import (
    Coverage,
    SampledPopulation,
    coverage_of,
    uncovered_sentence,
)
from application.audit.combined_programme import (
    SettledTogether,
    concluded_together,
    settled_together,
)
from application.audit.evaluation import (
    EvaluationAnswer,
    SettledEvaluation,
    drawable_rows,
    evaluate,
    request_of,
)
from application.audit.evaluation.answer import ProgrammeResult
from application.audit.evaluation.by_programme import (
    OfKind,
    netted_of,
    projected_direction,
)
from application.audit.evaluation.parameters import fitting_kind, misfits, signed_off
from application.audit.evaluation.request import tolerable_amount
from contract.answers import AtConfidence
from contract.declarations import Help
from contract.requests.evaluate import (
    MONETARY_UNIT,
    SUMMED,
    VARIABLES,
    CombinedEvaluationRequest,
    EvaluationRequest,
)
from domain_errors import DomainError, Sentence
from estimation_engine.audit.assurance import Assurance
from estimation_engine.audit.attributes import ArithmeticRow
from estimation_engine.audit.calculations import CALCULATIONS
from estimation_engine.audit.combined import (
    CombinedMisstatement,
    CombinedPart,
    combine,
    confidence_of_limits,
)
from estimation_engine.audit.conclusion import Conclusion
from estimation_engine.audit.monetary import DIRECTIONS
from estimation_engine.audit.variables import ProjectedErrors
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.names import folded
from service.service import Service
from service.tables.drawn_rows import has_common_seed
from storage.audit.findings import review_of
from storage.jobs.jobs import JobRecord

OF_SAMPLES = Sentence(
    "The conclusion is by the programme. The other figures are those of the samples by their kinds "
    "of evaluation."
)


@dataclass(frozen=True)
class CombinedSample:
    """A sample of a combined evaluation; amounts are decimal texts."""

    job_id: str
    dataset_id: int
    name: str
    kind: str
    review_state: str
    scope: Annotated[str | None, Help("The filter of its rows.")]
    rows: Annotated[str, Help("Which rows of its table it could draw.")]
    examined: Annotated[int, Help("Examined rows.")]
    errors: int
    book_value: str
    projected: Annotated[
        str, Help("Its projected misstatement; by monetary units the most likely overstatement.")
    ]
    standard_error: Annotated[str | None, Help("Null for monetary units, which have a limit.")]
    degrees: int | None
    limit: Annotated[
        str | None, Help("Of monetary units, its upper limit at `limit_confidence`; else null.")
    ]
    assurance: Assurance
    caveats: Sequence[str]


@dataclass(frozen=True)
class CombinedDirection:
    """The misstatements of one direction over all samples; amounts are decimal texts."""

    errors: int
    found: str
    projected: str
    upper_limit: str


@dataclass(frozen=True, kw_only=True)
class CombinedEvaluation(AtConfidence):
    """Several samples together; amounts are decimal texts."""

    samples: Sequence[CombinedSample]
    book_value: str
    projected: str
    found: Annotated[str, Help("The net errors of the examined rows, which aren't projected.")]
    errors: Annotated[int, Help("Rows in error, of both directions.")]
    standard_error: Annotated[str | None, Help("Of the samples by audit values together.")]
    degrees: Annotated[float | None, Help("Of freedom, by Satterthwaite.")]
    t: float | None
    margin: str
    upper_limit: str
    limit_confidence: Annotated[
        float, Help("Of each limit of the sum, so that all hold together at `confidence`.")
    ]
    plain_limit: Annotated[
        str, Help("The sum of limits that are each at `confidence`: customary, not proved.")
    ]
    overstatement: Annotated[
        CombinedDirection, Help("Alone, with a limit at `limit_confidence` of each sample.")
    ]
    understatement: Annotated[
        CombinedDirection,
        Help("The same. `projected` leaves out those of samples by monetary units."),
    ]
    tolerable: str | None
    uncovered_rows: Annotated[
        int, Help("Rows with a book value that isn't 0, which no sample covers.")
    ]
    uncovered_value: str
    arithmetic: Sequence[ArithmeticRow]
    assurance: Assurance
    conclusion: Conclusion | None
    notes: Sequence[str]
    caveats: Annotated[Sequence[str], Help("What limits the conclusion.")]
    formula: str
    source: str
    programme: Annotated[
        ProgrammeResult | None, Help("Of the request; `conclusion` is then that of the programme.")
    ] = None


@dataclass(frozen=True)
class _EvaluatedSample:
    """A sample with its request and evaluation."""

    job: JobRecord
    settled: SettledEvaluation[Any]
    answer: EvaluationAnswer

    @property
    def is_money(self) -> bool:
        return self.answer.kind == MONETARY_UNIT.name

    @property
    def name(self) -> str:
        return self.job.shown_name

    def figure(self, name: str) -> Any:
        """A figure; of monetary units an overstatement's."""
        figures = self.answer.figures
        return figures["overstatement"][name] if self.is_money else figures[name]

    @property
    def book_value(self) -> Decimal:
        return Decimal(self.answer.figures["book_value"])


def evaluate_together(
    service: Service, jobs: Sequence[JobRecord], given: CombinedEvaluationRequest
) -> CombinedEvaluation:
    """Evaluate several samples as parts of one conclusion.

    Parameters
    ----------
    jobs : sequence of JobRecord
        Those of the request, in its order.

    Raises
    ------
    InvalidFindings
        A job is named twice or can't be evaluated, one by monetary units has negative amounts,
        samples share rows, or rows with a book value are covered by none.
    """
    _require_distinct(jobs)
    together = settled_together(service, jobs, given)
    given, confidence = together.request, together.confidence
    settled = [_settled(service, job, given) for job in jobs]
    _require_used(settled, given)
    by_money = sum(each.kind == MONETARY_UNIT.name for each in settled)
    level = confidence_of_limits(confidence, by_money, len(jobs) - by_money)
    plain = _evaluated(service, jobs, settled, confidence, None)
    coverage = coverage_of(
        service,
        [SampledPopulation(each.job, each.answer.figures["book_column"]) for each in plain],
    )
    places = max(-int(each.book_value.as_tuple().exponent) for each in plain)
    _require_covered(coverage, given, places)
    tolerable = None
    total = sum((each.book_value for each in plain), Decimal(0))
    if given.tolerable is not None:
        tolerable = tolerable_amount(given.tolerable, total, places)
    amount = None if tolerable is None else tolerable.amount
    samples = _evaluated(service, jobs, settled, level, amount)
    uncovered = uncovered_sentence(coverage.uncovered, places)
    found = combine(
        [_part(*each) for each in zip(samples, plain, strict=True)],
        confidence=confidence,
        tolerable=None if amount is None else float(amount),
        places=places,
        uncovered=uncovered,
    )
    answer = _answer(
        found,
        samples,
        confidence,
        places,
        coverage,
        # A conclusion says it.
        caveats=[
            *([uncovered] if uncovered and amount is None else []),
            *found.caveats,
            *_caveats(samples, coverage),
        ],
        tolerable=None if amount is None else f"{amount:f}",
        notes=tolerable.notes if tolerable else [],
    )
    return _by_programme(service, samples, together, answer, uncovered)


def _require_distinct(jobs: Sequence[JobRecord]) -> None:
    for at, job in enumerate(jobs):
        if job.id in {each.id for each in jobs[:at]}:
            raise InvalidFindings(
                "Sample {name} is named twice.",
                name=job.shown_name,
                loc=("body", "jobs", at),
            )


def _by_programme(
    service: Service,
    samples: Sequence[_EvaluatedSample],
    together: SettledTogether,
    answer: CombinedEvaluation,
    uncovered: str | None,
) -> CombinedEvaluation:
    """An answer with the programme's result in the place of its conclusion, if there is one."""
    chosen = together.programme
    if chosen is None:
        return answer
    own = OfKind(
        confidence=answer.confidence,
        book_value=answer.book_value,
        tolerable=answer.tolerable,
        conclusion=answer.conclusion,
        assurance=answer.assurance,
        netted=netted_of(
            [each.answer.figures for each in samples], CALCULATIONS[chosen.rule.periods or ""]
        ),
    )
    found = concluded_together(
        service,
        [each.job for each in samples],
        [
            replace(
                each.settled,
                confidence=together.confidence,
                tolerable=together.request.tolerable,
            )
            for each in samples
        ],
        chosen,
        own,
    )
    return replace(
        answer,
        programme=found.result,
        conclusion=found.conclusion,
        assurance=found.assurance,
        notes=[*answer.notes, OF_SAMPLES],
        caveats=[
            *([uncovered] if uncovered and uncovered not in answer.caveats else []),
            *answer.caveats,
            *found.caveats,
        ],
    )


def _settled(
    service: Service, job: JobRecord, given: CombinedEvaluationRequest
) -> SettledEvaluation[Any]:
    """The evaluation of a sample: of the kind that is given, else signed off, else the usual one.

    Each is left out if its amounts don't add up, or if the sample can't have it.
    """
    with service.database.read() as tx:
        review = review_of(tx, job.id)
    signed = signed_off(review)
    kept = signed.evaluation if signed else {}
    weighted_by = _book_values_beside_weights(job, kept)
    wanted = (given.kind, kept.get("kind"), None if weighted_by else fitting_kind(job))
    summed, unfit = [each.name for each in SUMMED], misfits(job)
    kind = next((name for name in wanted if name in summed and not unfit[name]), VARIABLES.name)
    parameters: dict[str, Any] = {}
    if kind == VARIABLES.name:
        parameters = {
            "estimator": given.estimator,
            "book_column": given.book_column or weighted_by,
        }
    own = {name: value for name, value in parameters.items() if value is not None}
    settled = request_of(
        service, job, review, EvaluationRequest(kind=kind, parameters=own, programme="")
    )
    if kind == VARIABLES.name:
        # A sum has one upper limit.
        settled = replace(settled, parameters=replace(settled.parameters, sides=None))
    return settled


def _book_values_beside_weights(job: JobRecord, kept: Mapping[str, Any]) -> str | None:
    """The signed book values of rows that were drawn by other weights, whose units aren't money."""
    drawn_by = {str(each["parameters"].get("book_column")) for each in job.run_parameters["rounds"]}
    signed: str | None = kept.get("book_column")
    is_drawn = signed is None or folded(signed) in {folded(each) for each in drawn_by}
    return None if is_drawn or kept["kind"] in [each.name for each in SUMMED] else signed


def _require_used(
    settled: Sequence[SettledEvaluation[Any]], given: CombinedEvaluationRequest
) -> None:
    """Refuse a kind that fits no sample, and a parameter by audit values if none has them."""
    if given.kind is not None and all(each.kind != given.kind for each in settled):
        raise InvalidFindings(
            "No sample can be evaluated as `{kind}`. Leave `kind` out.",
            kind=given.kind,
            loc=("body", "kind"),
        )
    if any(each.kind == VARIABLES.name for each in settled):
        return
    for name in ("estimator", "book_column"):
        if getattr(given, name) is not None:
            raise InvalidFindings(
                "No sample is evaluated by audit values, as `{name}` needs it. Leave it out, or "
                "give `{kind}` as `kind`.",
                name=name,
                kind=VARIABLES.name,
                loc=("body", name),
            )


def _evaluated(
    service: Service,
    jobs: Sequence[JobRecord],
    settled: Sequence[SettledEvaluation[Any]],
    confidence: float,
    tolerable: Decimal | None,
) -> list[_EvaluatedSample]:
    """The evaluation of each sample, at one confidence."""
    together = frozenset(job.id for job in jobs)
    samples = []
    for at, (job, each) in enumerate(zip(jobs, settled, strict=True)):
        request = replace(each, confidence=confidence, tolerable=tolerable)
        try:
            answer = evaluate(service, job, request, together)
            _require_positive(answer)
        except DomainError as error:
            raise InvalidFindings(
                "Sample {name}: {reason}",
                name=job.shown_name,
                reason=Sentence(error.template, **error.parameters),
                loc=("body", "jobs", at),
            ) from error
        samples.append(_EvaluatedSample(job, request, answer))
    _require_variance(samples)
    return samples


def _require_variance(samples: Sequence[_EvaluatedSample]) -> None:
    """Refuse samples by audit values none of which has an error, so that they have no limit."""
    own = [
        each.figure("errors")
        for each in samples
        if not each.is_money
        and each.answer.assurance.status != "proved"
        and each.figure("estimator") != "mean_per_unit"  # it has a variance without errors
    ]
    if own and not any(own):
        raise InvalidFindings(
            "No examined row of the samples by audit values has a misstatement, so they have no "
            "variance and no limit. Evaluate them with the estimator `mean_per_unit`, unless by a "
            "programme that has another one.",
            loc=("body", "jobs"),
        )


def _require_positive(answer: EvaluationAnswer) -> None:
    if answer.kind == MONETARY_UNIT.name and answer.figures["population"] != "positive":
        raise InvalidFindings(
            "It was drawn of negative amounts, too: its book value has no signs, and a sum of "
            "overstatements leaves out its understatements. Evaluate it alone, or all samples by "
            "audit values with `{kind}` as `kind`.",
            kind=VARIABLES.name,
        )


def _require_covered(coverage: Coverage, given: CombinedEvaluationRequest, places: int) -> None:
    uncovered = uncovered_sentence(coverage.uncovered, places)
    if uncovered and not given.covered_only:
        raise InvalidFindings(
            "{uncovered} Draw and examine a sample of them, or conclude on the covered rows alone "
            "with `covered_only`.",
            uncovered=uncovered,
            loc=("body", "jobs"),
        )


def _part(sample: _EvaluatedSample, plain: _EvaluatedSample) -> CombinedPart:
    conclusion = sample.answer.conclusion
    doubt = None
    if conclusion is not None and conclusion.is_tolerable is None:
        doubt = conclusion.parameters.get("reason", sample.answer.assurance.sentence)
    elif conclusion is not None and not conclusion.is_tolerable:
        doubt = Sentence("Its own limit isn't below the tolerable amount.")
    elif sample.answer.assurance.status == "can_fail":
        doubt = sample.answer.assurance.sentence
    figures = sample.answer.figures
    shared: dict[str, Any] = {
        "name": sample.name,
        "book_value": float(sample.book_value),
        **{name: projected_direction(figures[name]) for name in DIRECTIONS},
        "status": sample.answer.assurance.status,
        "doubt": doubt,
    }
    if sample.is_money:
        return CombinedPart(
            **shared,
            projected=float(sample.figure("most_likely")),
            upper_limit=float(sample.figure("upper_limit")),
            plain_limit=float(plain.figure("upper_limit")),
        )
    return CombinedPart(
        **shared,
        projected=float(sample.figure("projected")),
        is_netted=figures["direction_estimator"] == figures["estimator"],
        standard_error=float(sample.figure("standard_error")),
        degrees=sample.figure("degrees"),
    )


def _is_as_signed(sample: _EvaluatedSample, kept: Mapping[str, Any]) -> bool:
    """Whether a sample has the signed kind with its estimator and book values."""
    names = ("estimator", "book_column") if kept["kind"] == VARIABLES.name else ()
    return sample.settled.kind == kept["kind"] and all(
        kept.get(name) is None or sample.settled.value_of(name) == kept[name] for name in names
    )


def _caveats(samples: Sequence[_EvaluatedSample], coverage: Coverage) -> list[str]:
    """What limits the conclusion, apart from the caveats of each sample."""
    caveats: list[str] = [
        Sentence("The findings of sample {name} aren't signed off.", name=each.name)
        for each in samples
        if each.answer.review_state not in ("signed_off", "approved")
    ]
    caveats += [
        Sentence(
            "Sample {name} isn't evaluated as signed off. {difference}",
            name=each.name,
            difference=each.answer.signed.difference,
        )
        for each in samples
        if each.answer.signed and not _is_as_signed(each, each.answer.signed.evaluation)
    ]
    caveats += coverage.unchecked
    for first, second in combinations(samples, 2):
        is_other = (first.job.dataset_id, first.job.source_commit_id) != (
            second.job.dataset_id,
            second.job.source_commit_id,
        )
        is_summed = not (first.is_money or second.is_money)
        if is_summed and is_other and has_common_seed(first.job, second.job):
            text = (
                "Samples {first} and {second} were drawn with the same seed from different tables, "
                "or versions of one, so their draws aren't independent."
            )
            caveats.append(Sentence(text, first=first.name, second=second.name))
    return caveats


def _answer(
    found: CombinedMisstatement,
    samples: Sequence[_EvaluatedSample],
    confidence: float,
    places: int,
    coverage: Coverage,
    *,
    caveats: Sequence[str],
    tolerable: str | None,
    notes: Sequence[str],
) -> CombinedEvaluation:
    def text(value: float | None) -> str | None:
        return None if value is None else f"{value:.{places}f}"

    def amount(value: float) -> str:
        return f"{value:.{places}f}"

    def direction(each: ProjectedErrors) -> CombinedDirection:
        amounts = (each.found, each.projected, each.upper_limit)
        return CombinedDirection(each.errors, *map(amount, amounts))

    return CombinedEvaluation(
        confidence=confidence,
        samples=[_sample_answer(each) for each in samples],
        book_value=amount(found.book_value),
        projected=amount(found.projected),
        found=amount(found.found),
        errors=found.errors,
        standard_error=text(found.standard_error),
        degrees=found.degrees,
        t=found.t,
        margin=amount(found.margin),
        upper_limit=amount(found.upper_limit),
        limit_confidence=found.limit_confidence,
        plain_limit=amount(found.plain_limit),
        overstatement=direction(found.overstatement),
        understatement=direction(found.understatement),
        tolerable=tolerable,
        uncovered_rows=coverage.uncovered.rows,
        uncovered_value=amount(coverage.uncovered.value),
        arithmetic=found.arithmetic,
        assurance=found.assurance,
        conclusion=found.conclusion,
        notes=[*notes, *found.notes],
        caveats=caveats,
        formula=found.formula,
        source=found.source,
    )


def _sample_answer(sample: _EvaluatedSample) -> CombinedSample:
    answer = sample.answer
    if sample.is_money:
        own: dict[str, Any] = {
            "examined": (sample.job.output_summary or {})["total_sampled"]
            - answer.figures["not_applicable"],
            "errors": sum(answer.figures[name]["found"]["errors"] for name in DIRECTIONS),
            "projected": sample.figure("most_likely"),
            "standard_error": None,
            "degrees": None,
            "limit": sample.figure("upper_limit"),
        }
    else:
        names = ("examined", "errors", "projected", "standard_error", "degrees")
        own = {**{name: sample.figure(name) for name in names}, "limit": None}
    return CombinedSample(
        job_id=sample.job.id,
        dataset_id=sample.job.dataset_id,
        name=sample.name,
        kind=answer.kind,
        review_state=answer.review_state,
        scope=answer.scope,
        rows=drawable_rows(sample.job, answer.scope),
        book_value=answer.figures["book_value"],
        assurance=answer.assurance,
        caveats=answer.caveats,
        **own,
    )


def as_json(found: CombinedEvaluation) -> dict[str, Any]:
    """The answer as the API gives it."""
    answer = asdict(found)
    if found.conclusion is not None:
        answer["conclusion"]["sentence"] = found.conclusion.sentence
    return answer
