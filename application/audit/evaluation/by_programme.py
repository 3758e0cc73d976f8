"""Concludes on a sample by an audit programme: its calculation, its limit and its sentences.

The kind of evaluation is computed as without a programme. The programme replaces its conclusion,
but not its doubts: where the kind doesn't conclude that errors are tolerable, the programme's rule
is stated, and nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from application.audit.evaluation.answer import Evaluated, PaperLine, ProgrammeResult
from application.audit.evaluation.programme_inputs import inputs_of_sample
from application.audit.evaluation.request import ExaminedSample, SettledEvaluation
from application.audit.evaluators import EVALUATORS
from application.audit.programmes.applied import LOC, AppliedProgramme
from application.audit.programmes.examples import programme_doubts
from contract.requests.programmes import ProgrammeEvaluation
from domain_errors import FigureText, Sentence
from estimation_engine.audit import Assurance, Conclusion
from estimation_engine.audit.assurance import Status
from estimation_engine.audit.calculations import CALCULATIONS, Calculation, is_figure
from estimation_engine.audit.conclusion import confidence_text, scoped
from estimation_engine.audit.guidance.quantities import verdict_of
from estimation_engine.errors import InvalidCalculation, InvalidFindings

AMOUNTS = (
    *("projected", "known", "total_error", "precision", "lower_limit", "upper_limit"),
    *("book_value", "corrected_value", "corrected_lower", "tolerable", "interval"),
    *("basic_precision", "incremental_allowance"),
)
"""Figures that are amounts of money; they are decimal texts."""
WITHHELD = (
    "No conclusion, as the limit of the programme may be too low. {reason} By its rule alone: "
    "{concluded}"
)
UNDERSTATED = (
    "No conclusion, as understatements may be above what is tolerable: the lower limit is "
    "{lower_limit}. By the rule of the programme alone: {concluded}"
)
OF_KIND = Sentence(
    "The conclusion is by the programme. The other figures are those of this kind of evaluation."
)
CALCULATED = "This limit is computed by a formula of {document}. {statement}"


def by_programme(
    sample: ExaminedSample, request: SettledEvaluation[Any], evaluated: Evaluated
) -> Evaluated:
    """An evaluation with the programme's result in the place of its conclusion.

    Raises
    ------
    InvalidFindings
        The programme refuses the sample, or its calculation can't read it.
    """
    chosen = request.programme
    assert chosen is not None  # noqa: S101 - the caller asks only with one
    rule, file = chosen.rule, chosen.programme.file
    _require_rows(sample, rule)
    notes: Sequence[str] = ()
    assurance = evaluated.assurance
    if rule.calculation is None:
        figures = EVALUATORS[rule.kind].programme_figures(evaluated.figures)
    else:
        calculation = CALCULATIONS[rule.calculation]
        found = _computed(calculation, inputs_of_sample(sample, request))
        figures = {name: value for name, value in vars(found).items() if is_figure(value)}
        notes = found.notes
        assurance = _assurance(chosen, assurance)
    places = _places(evaluated.figures)
    verdict = _verdict(chosen, figures, evaluated.figures.get("tolerable"))
    conclusion = _conclusion(chosen, request, figures, evaluated, verdict, places, sample.scope)
    result = ProgrammeResult(
        **chosen.identity,
        evaluation=rule.title,
        document=file.source.document,
        paragraph=rule.paragraph,
        statement=file.source.statement,
        calculation=rule.calculation,
        formula=None if rule.calculation is None else CALCULATIONS[rule.calculation].formula,
        limit=rule.limit,
        verdict=verdict,
        figures={name: _shown(name, value, places) for name, value in figures.items()},
        notes=notes,
        paper=[PaperLine(each.title, each.text, each.paragraph) for each in file.paper],
    )
    return replace(
        evaluated,
        assurance=assurance,
        conclusion=conclusion,
        programme=result,
        caveats=[*evaluated.caveats, *programme_doubts(chosen.programme)],
        notes=[*evaluated.notes, *([OF_KIND] if rule.calculation else [])],
    )


def _require_rows(sample: ExaminedSample, rule: ProgrammeEvaluation) -> None:
    rows = len(sample.items)
    if rule.least_rows is not None and rows < rule.least_rows:
        raise InvalidFindings(
            "{reason} The sample has {rows} {rows|row|rows}.",
            reason=rule.stops_below,
            rows=rows,
            loc=LOC,
        )


def _computed(calculation: Calculation, inputs: Any) -> Any:
    """Compute; refused inputs are those of the sample, but for what is tolerable."""
    try:
        return calculation.run(inputs)
    except InvalidCalculation as error:
        is_tolerable = error.loc[-1:] in (("tolerable",), ("materiality",))
        error.loc = ("body", "tolerable") if is_tolerable else LOC
        raise


def _places(found: Mapping[str, Any]) -> int:
    """The decimal places of the column of book values."""
    return max(-int(Decimal(found["book_value"]).as_tuple().exponent), 0)


def _shown(name: str, value: float, places: int) -> Any:
    return f"{value:.{places}f}" if name in AMOUNTS else value


def _text(name: str, value: float, places: int) -> FigureText:
    if name in AMOUNTS:
        return FigureText(f"{value:,.{places}f}")
    return FigureText(f"{100 * value:.2f} %" if name.endswith("rate") else f"{value:,.6g}")


def _verdict(
    chosen: AppliedProgramme, figures: Mapping[str, Any], tolerable: str | None
) -> str | None:
    """Compare the projection and the limit with what is tolerable.

    The rule is that of the Commission's guidance, section 4.12.
    """
    if chosen.programme.file.conclusions.statement is not None:
        return "statement"
    if tolerable is None:
        return None
    projected = figures.get("total_error", figures["projected"])
    found = verdict_of(projected, figures[chosen.rule.limit], float(tolerable))
    return "not_supported" if found == "material" else found


def _conclusion(
    chosen: AppliedProgramme,
    request: SettledEvaluation[Any],
    figures: Mapping[str, Any],
    evaluated: Evaluated,
    verdict: str | None,
    places: int,
    scope: str | None,
) -> Conclusion | None:
    if verdict is None:
        return None
    tolerable = evaluated.figures.get("tolerable")
    known = {**figures, **({} if tolerable is None else {"tolerable": float(tolerable)})}
    parameters: dict[str, object] = {
        **{name: _text(name, value, places) for name, value in known.items()},
        "confidence": confidence_text(request.confidence),
    }
    template: str = getattr(chosen.programme.file.conclusions, verdict)
    is_tolerable = {"tolerable": True, "not_supported": False}.get(verdict)
    lower = figures.get("lower_limit")
    if is_tolerable and lower is not None and lower < -known["tolerable"]:
        parameters["concluded"] = Sentence(template, **parameters)
        return Conclusion(None, *scoped(UNDERSTATED, parameters, scope))
    own = evaluated.conclusion
    if is_tolerable and own is not None and not own.is_tolerable:
        reason = own.parameters.get("reason", Sentence(own.template, **own.parameters))
        concluded = Sentence(template, **parameters)
        return Conclusion(
            None, *scoped(WITHHELD, {"concluded": concluded, "reason": reason}, scope)
        )
    return Conclusion(is_tolerable, *scoped(template, parameters, scope))


def _assurance(chosen: AppliedProgramme, of_kind: Assurance) -> Assurance:
    """What holds up a limit of a calculation: custom, unless the sample itself is in doubt."""
    source, calculation = chosen.programme.file.source, CALCULATIONS[chosen.rule.calculation or ""]
    status: Status = "can_fail" if of_kind.status == "can_fail" else "customary"
    sentence = Sentence(CALCULATED, document=source.document, statement=source.statement)
    return Assurance(status, sentence, calculation.source)
