"""The conclusion of a working paper, and its evaluation with the arithmetic."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from application.audit.evaluation import SettledEvaluation
from application.audit.evaluation.parameters import kinds_of_rates
from application.audit.evaluators import EVALUATORS
from application.audit.evaluators.evaluator import (
    MISSTATEMENT,
    RATE,
    Evaluation,
    is_calculated,
    programme_page,
)
from application.audit.planned import CENT
from application.audit.sentences import (
    ASSURANCES,
    judgement_of,
    programme_facts,
    sources_of,
    verdict_of,
)
from application.audit.working_paper.items import keys_of
from application.audit.working_paper.requirements import NOT_GIVEN
from contract.numbers import percent_digits
from domain_errors import DomainError, FigureText, Sentence
from presentation.content import (
    Block,
    Cell,
    Facts,
    Judgement,
    Percent,
    Row,
    Section,
)
from service.service import Service
from storage.jobs.jobs import JobRecord

WORDS = ("estimator", "kind")
"""Parameters of refusals that are words of the program."""


def conclusion_lines(evaluation: Evaluation | DomainError) -> list[Row]:
    """The conclusion, what limits it and holds it up, and where it departs from others."""
    if isinstance(evaluation, DomainError):
        return [("Conclusion", Judgement(_refusal(evaluation), "warn"))]
    lines: list[Row] = [("Conclusion", judgement_of(evaluation))]
    lines += _limits(evaluation)
    if difference := signed_difference(evaluation):
        lines.append(("Not the signed evaluation", difference))
        kept = evaluation["signed"]["evaluation"]
        if kept["conclusion"] is not None:
            lines.append(("Signed conclusion", Judgement(kept["conclusion"], verdict_of(kept))))
            lines += [(label, str(text)) for label, text in _limits(kept)]
    if evaluation["departure"] is not None:
        lines.append(("Departs from the plan", evaluation["departure"]))
    return lines


def _refusal(error: DomainError) -> Sentence:
    """Why nothing was evaluated."""
    words = {
        name: Sentence(str(value)) for name, value in error.parameters.items() if name in WORDS
    }
    reason = Sentence(error.template, **(error.parameters | words))
    return Sentence("Not evaluated: {reason}", reason=reason)


def _limits(evaluation: Evaluation) -> list[Row]:
    """What limits the conclusion, and what holds it up; sign-offs from before kept neither."""
    lines: list[Row] = [("What limits it", caveat) for caveat in evaluation.get("caveats", ())]
    if assurance := evaluation.get("assurance"):
        status, sentence = ASSURANCES[assurance["status"]], Sentence.of(assurance["sentence"])
        holds = Sentence(
            "{status}. {sentence} {source}.",
            status=Sentence(status),
            sentence=sentence,
            source=Sentence.of(assurance["source"]),
        )
        lines.append(("What holds it up", holds))
    return lines


def signed_difference(evaluation: Evaluation | DomainError) -> str | None:
    """The differences between the evaluation and the one that was signed off."""
    if isinstance(evaluation, DomainError) or evaluation["signed"] is None:
        return None
    difference: str | None = evaluation["signed"]["difference"]
    return difference


def evaluation_section(
    service: Service,
    job: JobRecord,
    request: SettledEvaluation[Any],
    evaluation: Evaluation | DomainError,
) -> Section:
    evaluator = EVALUATORS[request.kind]
    settings: list[Row] = [
        ("Evaluation", Sentence(evaluator.kind.title)),
        ("Confidence", FigureText(f"{percent_digits(request.confidence)} %")),
        tolerable_line(job, request, evaluation),
        *conclusion_lines(evaluation),
    ]
    blocks: list[Block] = [Facts("Settings", settings)]
    if not isinstance(evaluation, DomainError):
        blocks += programme_facts(evaluation)
        if is_calculated(evaluation):
            page = programme_page(evaluation, request.tolerable)
            blocks += [part.chart for part in page.parts]
        named = evaluator.rows(evaluation)
        keys = None if evaluation["row_names"] else keys_of(service, job, named)
        blocks += [
            evaluator.figures(evaluation),
            *evaluator.charts_of(evaluation, request.tolerable),
            *evaluator.results(evaluation),
            *evaluator.arithmetic(evaluation, keys),
            sources_of(evaluation),
        ]
    return Section("Evaluation", "Evaluation", blocks)


def tolerable_line(
    job: JobRecord, request: SettledEvaluation[Any], found: Evaluation | DomainError
) -> Row:
    """What is tolerable, named as an amount or as a rate (ISA 530 ¶5(i) and (j))."""
    label = RATE if request.kind in kinds_of_rates(job) else MISSTATEMENT
    return label, _tolerable(request, found)


def _tolerable(request: SettledEvaluation[Any], found: Evaluation | DomainError) -> Cell:
    """The tolerable amount or share; a share of a book value as the evaluated amount."""
    if request.tolerable is None:
        return NOT_GIVEN
    if not isinstance(found, DomainError) and isinstance(found.get("tolerable"), str):
        amount = Decimal(found["tolerable"])
        has_places = int(amount.as_tuple().exponent) <= -2
        return amount if has_places or amount.adjusted() > 20 else amount.quantize(CENT)
    if request.tolerable >= 1:
        return Decimal(f"{request.tolerable:.2f}")
    return Percent(float(request.tolerable))
