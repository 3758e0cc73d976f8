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
from application.audit.evaluation.programme_inputs import examined_units, inputs_of_sample
from application.audit.evaluation.request import ExaminedSample, SettledEvaluation
from application.audit.evaluators import EVALUATORS
from application.audit.programmes.applied import LOC, AppliedProgramme
from application.audit.programmes.examples import programme_doubts
from contract.answers import AtConfidence
from contract.requests.evaluate import MONETARY_UNIT
from contract.requests.programmes import ProgrammeEvaluation
from domain_errors import FigureText, Sentence
from estimation_engine.audit import Assurance, Conclusion
from estimation_engine.audit.assurance import VARIABLES, Status
from estimation_engine.audit.calculations import CALCULATIONS, Calculation, is_figure
from estimation_engine.audit.conclusion import confidence_text, scoped
from estimation_engine.audit.guidance.projections import EqualInputs, MoneyInputs
from estimation_engine.audit.guidance.quantities import verdict_of
from estimation_engine.audit.monetary import DIRECTIONS
from estimation_engine.audit.variables import ProjectedErrors
from estimation_engine.errors import InvalidCalculation, InvalidFindings
from lazy_dataclasses import dataclass

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
OFFSET = (
    "No conclusion, as errors of one direction alone are above what is tolerable, and offset by "
    "those of the other: overstatements are projected as {over}, understatements as {under}. By "
    "the rule of the programme alone: {concluded}"
)
NETTED = (
    "The misstatement is net: understatements, projected as {under}, are taken from "
    "overstatements, projected as {over}."
)
NOT_REPRODUCED = "No conclusion. {reason} By its rule alone: {concluded}"
CALCULATED = "This limit is computed by a formula of {document}. {statement} {assumption}"
NEGATIVE = (
    "{rows} examined {rows|row has a book value|rows have book values} below 0, which lower the "
    "book value and what is tolerable of it. The formula is for positive amounts: negative units "
    "are a population of their own. Draw the positive ones apart."
)


@dataclass(frozen=True, kw_only=True)
class OfKind(AtConfidence):
    """What a programme takes from the evaluation of its kind; amounts are decimal texts.

    Parameters
    ----------
    netted : tuple of float, optional
        The projected over- and understatements, where the programme's error is net of both.
    """

    book_value: str
    tolerable: str | None
    conclusion: Conclusion | None
    assurance: Assurance
    netted: tuple[float, float] | None = None
    scope: str | None = None


@dataclass(frozen=True)
class ByProgramme:
    """What a programme makes of it."""

    result: ProgrammeResult
    conclusion: Conclusion | None
    assurance: Assurance
    caveats: Sequence[str]


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
    rule = chosen.rule
    require_units(rule, examined_units(sample, rule.kind))
    calculation = CALCULATIONS[rule.calculation] if rule.calculation else None
    own = OfKind(
        confidence=request.confidence,
        book_value=evaluated.figures["book_value"],
        tolerable=evaluated.figures.get("tolerable"),
        conclusion=evaluated.conclusion,
        assurance=evaluated.assurance,
        netted=netted_of([evaluated.figures], calculation),
        scope=sample.scope,
    )
    if calculation is None:
        figures = EVALUATORS[rule.kind].programme_figures(evaluated.figures)
        found = concluded(chosen, own, figures, rule.paragraph)
    else:
        found = calculated(
            chosen, own, calculation, inputs_of_sample(sample, request, calculation), rule.paragraph
        )
    return replace(
        evaluated,
        assurance=found.assurance,
        conclusion=found.conclusion,
        programme=found.result,
        caveats=[*evaluated.caveats, *found.caveats],
        notes=[*evaluated.notes, *([OF_KIND] if calculation else [])],
    )


def projected_direction(figures: Mapping[str, Any]) -> ProjectedErrors:
    """One direction of an evaluation by audit values or monetary units."""
    is_money = "most_likely" in figures
    found = figures["found"] if is_money else figures
    return ProjectedErrors(
        found["errors"],
        float(found["amount" if is_money else "found"]),
        float(figures["most_likely" if is_money else "projected"]),
        float(figures["upper_limit"]),
    )


def netted_of(
    samples: Sequence[Mapping[str, Any]], calculation: Calculation | None
) -> tuple[float, float] | None:
    """The projected over- and understatements of samples, by the figures of their kinds.

    None without errors of both, or where overstatements by monetary units alone are concluded on.
    """
    if not all(name in figures for figures in samples for name in DIRECTIONS):
        return None
    if calculation is None and any("most_likely" in each[DIRECTIONS[0]] for each in samples):
        return None
    over, under = ([projected_direction(each[name]) for each in samples] for name in DIRECTIONS)
    if not all(any(each.errors for each in direction) for direction in (over, under)):
        return None
    return sum(each.projected for each in over), sum(each.projected for each in under)


def calculated(
    chosen: AppliedProgramme,
    own: OfKind,
    calculation: Calculation,
    inputs: Any,
    paragraph: str | None,
) -> ByProgramme:
    """What a programme concludes by a calculation.

    Raises
    ------
    InvalidCalculation
        The calculation refuses the inputs.
    """
    found = _computed(calculation, inputs)
    figures = {name: value for name, value in vars(found).items() if is_figure(value)}
    result = concluded(chosen, own, figures, paragraph, calculation, found.notes)
    negative = sum(each.negative for each in inputs.parts) if isinstance(inputs, EqualInputs) else 0
    if not negative:
        return result
    return replace(result, caveats=[*result.caveats, Sentence(NEGATIVE, rows=negative)])


def concluded(
    chosen: AppliedProgramme,
    own: OfKind,
    figures: Mapping[str, float],
    paragraph: str | None,
    calculation: Calculation | None = None,
    notes: Sequence[str] = (),
) -> ByProgramme:
    """What a programme concludes from figures: those of the kind without a calculation."""
    file, places = chosen.programme.file, _places(own.book_value)
    verdict = _verdict(chosen, figures, own.tolerable)
    result = ProgrammeResult(
        **chosen.identity,
        evaluation=chosen.rule.title,
        document=file.source.document,
        paragraph=paragraph,
        statement=file.source.statement,
        calculation=None if calculation is None else calculation.name,
        formula=None if calculation is None else calculation.formula,
        limit=chosen.rule.limit,
        verdict=verdict,
        figures={name: _shown(name, value, places) for name, value in figures.items()},
        notes=notes,
        paper=[PaperLine(each.title, each.text, each.paragraph) for each in file.paper],
    )
    return ByProgramme(
        result,
        None if verdict is None else _conclusion(chosen, own, figures, verdict, places),
        own.assurance if calculation is None else _assurance(chosen, calculation, own.assurance),
        [*programme_doubts(chosen.programme), *_netted(own, places)],
    )


def _netted(own: OfKind, places: int) -> list[str]:
    return [] if own.netted is None else [Sentence(NETTED, **_sums(own.netted, places))]


def _sums(netted: tuple[float, float], places: int) -> dict[str, object]:
    over, under = (FigureText(f"{each:,.{places}f}") for each in netted)
    return {"over": over, "under": under}


def require_units(rule: ProgrammeEvaluation, units: int) -> None:
    """Refuse fewer examined rows, or monetary units, than a rule needs.

    Raises
    ------
    InvalidFindings
        There are fewer.
    """
    if rule.least_rows is not None and units < rule.least_rows:
        raise InvalidFindings(
            "{reason} The sample has {units} {units|unit|units}."
            if rule.kind == MONETARY_UNIT.name
            else "{reason} The sample has {units} {units|row|rows}.",
            reason=rule.stops_below,
            units=units,
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


def _places(book_value: str) -> int:
    """The decimal places of the column of book values."""
    return max(-int(Decimal(book_value).as_tuple().exponent), 0)


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
    own: OfKind,
    figures: Mapping[str, float],
    verdict: str,
    places: int,
) -> Conclusion:
    known = {**figures, **({} if own.tolerable is None else {"tolerable": float(own.tolerable)})}
    parameters: dict[str, object] = {
        **{name: _text(name, value, places) for name, value in known.items()},
        "confidence": confidence_text(own.confidence),
    }
    template: str = getattr(chosen.programme.file.conclusions, verdict)
    is_tolerable = {"tolerable": True, "not_supported": False}.get(verdict)
    lower, of_kind = figures.get("lower_limit"), own.conclusion
    withheld: dict[str, object]
    for doubt in programme_doubts(chosen.programme):
        withheld = {"concluded": Sentence(template, **parameters), "reason": doubt}
        return Conclusion(None, *scoped(NOT_REPRODUCED, withheld, own.scope))
    if is_tolerable and lower is not None and lower < -known["tolerable"]:
        parameters["concluded"] = Sentence(template, **parameters)
        return Conclusion(None, *scoped(UNDERSTATED, parameters, own.scope))
    if is_tolerable and own.netted is not None and max(own.netted) > known["tolerable"]:
        parameters["concluded"] = Sentence(template, **parameters)
        parameters |= _sums(own.netted, places)
        return Conclusion(None, *scoped(OFFSET, parameters, own.scope))
    if is_tolerable and of_kind is not None and not of_kind.is_tolerable:
        reason = of_kind.parameters.get("reason", Sentence(of_kind.template, **of_kind.parameters))
        withheld = {"concluded": Sentence(template, **parameters), "reason": reason}
        return Conclusion(None, *scoped(WITHHELD, withheld, own.scope))
    return Conclusion(is_tolerable, *scoped(template, parameters, own.scope))


def _assurance(chosen: AppliedProgramme, calculation: Calculation, of_kind: Assurance) -> Assurance:
    """What holds up a limit of a calculation: custom, unless the sample itself is in doubt."""
    source = chosen.programme.file.source
    if of_kind.status == "proved":
        return of_kind  # all rows were examined
    status: Status = "can_fail" if of_kind.status == "can_fail" else "customary"
    # The kind of evaluation has a bound by units; these formulas are normal, as its limits of rows.
    assumed = VARIABLES if calculation.inputs is MoneyInputs else of_kind
    sentence = Sentence(
        CALCULATED,
        document=source.document,
        statement=source.statement,
        assumption=Sentence(assumed.sentence),
    )
    return Assurance(status, sentence, calculation.source)
