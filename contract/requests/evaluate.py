"""The request of an evaluation, and the kinds of evaluations with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from decimal import Decimal
from typing import Annotated, Any, Self

from contract.declarations import Declared, Help, Option, Request, Title, declared
from contract.fields import (
    TOLERABLE,
    Choice,
    ColumnName,
    Flag,
    Items,
    Names,
    NumberColumn,
    Text,
)
from contract.requests.estimate import LimitRequest
from contract.words import (
    BOUNDS,
    ESTIMATORS,
    LANGUAGES,
    LIKELIHOODS,
    LONELY,
    SIDES,
    Bound,
    Estimator,
    Likelihood,
    Lonely,
    Sides,
)
from lazy_dataclasses import dataclass

OwnLikelihood = Annotated[
    Likelihood | None,
    Choice(LIKELIHOODS),
    Help(
        "By default that of the recorded plan, else `hypergeometric` for attributes and "
        "`binomial` for monetary units, which take `poisson`, too. Plans from before it was "
        "always recorded have none: their two stages take `poisson`."
    ),
]
OwnSides = Annotated[
    Sides | None,
    Choice(SIDES, usual="one"),
    Title("Limits"),
    Help(
        "`one` bounds the share, or the net misstatement, from above (default), `two` on both "
        "sides: the confidence is then that of both limits together."
    ),
]

OwnBook = Annotated[
    str | None,
    ColumnName(),
    Title("Book values"),
    Option("--book"),
    Help(
        "The column of book values. By default that of a sample by monetary units, else the "
        "amount column of the draw, or the one of its bands of numbers or its allocation. For "
        "`sequential` it may differ from the column by whose units the rows were drawn, such as "
        "an amount weighted by risk."
    ),
]


class AttributesParameters(Request):
    """Parameters of a share of exceptions."""

    likelihood: OwnLikelihood = None
    sides: OwnSides = None


class TwoStageParameters(Request):
    """Parameters of two stages."""

    likelihood: OwnLikelihood = None


class MonetaryParameters(Request):
    """Parameters of a misstatement by monetary units."""

    bound: Annotated[
        Bound | None,
        Choice(BOUNDS, usual="stringer"),
        Help(
            "`stringer` (default) is customary. `gaffke` is proved for units selected at random, "
            "and for them alone; it has no likelihood."
        ),
    ] = None
    likelihood: OwnLikelihood = None


class VariablesParameters(Request):
    """Parameters of a misstatement by audit values."""

    book_column: OwnBook = None
    estimator: Annotated[
        Estimator | None,
        Choice(ESTIMATORS, usual="difference"),
        Help("How audit values are projected; `difference` by default."),
    ] = None
    sides: OwnSides = None
    lonely_stratum: Annotated[
        Lonely | None,
        Choice(LONELY, usual="fail"),
        Title("Groups with one drawn row"),
        Help("What to do with a stratum that has one drawn row of several; `fail` by default."),
    ] = None


class SequentialParameters(Request):
    """Parameters of an evaluation that may stop after any row."""

    book_column: OwnBook = None
    score_column: Annotated[
        str | None,
        NumberColumn(),
        Title("Risk scores"),
        Option("--score"),
        Help(
            "For monetary units selected at random: a column of risk scores from 0 to 1, known "
            "before the draw. The better they match the taints that are found, the fewer rows it "
            "takes; wrong ones only cost rows."
        ),
    ] = None


@dataclass(frozen=True)
class EvaluationKind:
    """A kind of evaluation.

    Parameters
    ----------
    samples, result : str
        Which samples it fits, and what it answers.
    parameters : type
        Those that it takes besides ``confidence`` and ``tolerable``.
    applies_stages : bool
        Whether it applies the rule of a sample that was planned in two stages.
    allows_looks : bool
        Whether it is valid after every row, in the order of the draw. It needs something tolerable.
    figures : tuple of str
        Those by which an audit programme can conclude without a calculation.
    """

    name: str
    title: str
    samples: str
    result: str
    parameters: type[Request]
    applies_stages: bool = False
    allows_looks: bool = False
    figures: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(each.name for each in declared(self.parameters))


ATTRIBUTES = EvaluationKind(
    "attributes",
    "Share of exceptions",
    "random, systematic",
    "the upper limit of the share of rows with an exception, or limits on both sides",
    AttributesParameters,
)
TWO_STAGE = EvaluationKind(
    "two_stage",
    "Two stages",
    "random, planned in two stages",
    "whether the planned rule accepts, or asks for stage 2; its risk and the upper limit",
    TwoStageParameters,
    applies_stages=True,
)
MONETARY_UNIT = EvaluationKind(
    "monetary_unit",
    "Misstatement by monetary units",
    "monetary units; several steps if none could draw a row of another",
    "the upper limit of the misstatement, by Stringer's or Gaffke's bound",
    MonetaryParameters,
    figures=("projected", "precision", "upper_limit", "book_value"),
)
VARIABLES = EvaluationKind(
    "variables",
    "Misstatement by audit values",
    "any whose estimates have margins",
    "the projected misstatement with limits, by the estimation of audit values",
    VariablesParameters,
    figures=("projected", "precision", "lower_limit", "upper_limit", "book_value"),
)
SEQUENTIAL = EvaluationKind(
    "sequential",
    "Stop when sure",
    "random; monetary units selected at random, one step",
    "whether exceptions, or misstatements, are tolerable; valid after every row",
    SequentialParameters,
    allows_looks=True,
)
KINDS = {kind.name: kind for kind in (ATTRIBUTES, TWO_STAGE, MONETARY_UNIT, VARIABLES, SEQUENTIAL)}
"""The kinds, in the order in which they are offered."""


def evaluation_parameters() -> tuple[Declared, ...]:
    """The parameters of all kinds, each once; ``only_with`` names the kinds that take it."""
    found: dict[str, Declared] = {}
    for kind in KINDS.values():
        for each in declared(kind.parameters):
            known = found.get(each.name, each)
            found[each.name] = replace(known, only_with=(*known.only_with, kind.name))
    return tuple(found.values())


FITTING = "By default that which fits the sample's plan and method."


def _kinds() -> tuple[Declared, ...]:
    """The choice of a kind, and the parameters of all kinds."""
    titles = {name: kind.title for name, kind in KINDS.items()}
    results = " ".join(f"`{name}`: {kind.result}." for name, kind in KINDS.items())
    kind = Declared("kind", Choice(titles), None, f"{results} {FITTING}", "Kind", "--kind")
    return (kind, *evaluation_parameters())


class EvaluationRequest(LimitRequest):
    """Evaluate a sample by its findings."""

    kind: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tolerable: Annotated[
        Decimal | None,
        TOLERABLE,
        Help(
            "What is tolerable: below 1 a share, such as 0.05, of the rows or of the book value "
            "evaluated; from 1 an amount, for evaluations of amounts. By default the materiality "
            "of the recorded plan."
        ),
    ] = None

    programme: Annotated[
        str | None,
        Text(0, 60),
        Help(
            "The name of an audit programme, whose rules and sentences the conclusion follows. By "
            "default that of the sign-off; an empty text is none."
        ),
    ] = None

    @classmethod
    def further_fields(cls) -> tuple[Declared, ...]:
        """The kind, and the parameters of all kinds."""
        return _kinds()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The request of a body, in which the parameters are beside the other fields."""
        names = [each.name for each in evaluation_parameters()]
        own = {name: value for name, value in body.items() if name not in names}
        return cls(**own, parameters={name: body[name] for name in names if name in body})

    def given(self) -> dict[str, Any]:
        """The body."""
        kind = {} if self.kind is None else {"kind": self.kind}
        parameters = {k: value for k, value in self.parameters.items() if value is not None}
        return {**kind, **super().given(), **parameters}


class WorkingPaperRequest(EvaluationRequest):
    """A working paper, with an evaluation."""

    format: Annotated[str, Choice({"html": "HTML", "xlsx": "Excel"}), Option(None)] = "html"
    language: Annotated[
        str | None,
        Choice(LANGUAGES),
        Help("By default that of the paper's facts, or of the template, else English."),
    ] = None


MAX_TOGETHER = 20
"""Samples that are evaluated together, at most."""
SUMMED = (MONETARY_UNIT, VARIABLES)
"""The kinds whose amounts add up over samples."""


class CombinedEvaluationRequest(LimitRequest):
    """Evaluate several samples together: strata, periods or datasets of one audit.

    The confidence is that of the limit of all samples together.
    """

    jobs: Annotated[
        tuple[str, ...],
        Items(Text(1, 64), MAX_TOGETHER, 2),
        Option(None),
        Help("The jobs of the samples, whose populations have no row in common."),
    ]
    tolerable: Annotated[
        Decimal | None,
        TOLERABLE,
        Help(
            "What is tolerable in all populations together: below 1 a share of their book value, "
            "from 1 an amount. By default that of the programme."
        ),
    ] = None
    kind: Annotated[
        str | None,
        Choice({each.name: each.title for each in SUMMED}),
        Title("Evaluation of each sample"),
        Help(
            "Of the samples that can have it. Others, and all by default, have that which was "
            "signed off, or else the usual one by how they were drawn."
        ),
    ] = None
    estimator: Annotated[
        Estimator | None,
        Choice(ESTIMATORS),
        Help("Of samples by audit values. By default that which was signed off, or `difference`."),
    ] = None
    book_column: Annotated[
        str | None,
        ColumnName(),
        Title("Book values"),
        Option("--book"),
        Help("Of samples by audit values. By default that of each draw or sign-off."),
    ] = None
    programme: Annotated[
        str | None,
        Text(0, 60),
        Help(
            "The name of an audit programme, by whose formula of several periods the samples are "
            "concluded on."
        ),
    ] = None
    covered_only: Annotated[
        bool,
        Flag(),
        Title("Leave out rows that no sample covers"),
        Help(
            "Whether to conclude on the covered rows alone, where rows with a book value are in "
            "no sample's population. Otherwise these are refused."
        ),
    ] = False


class IssueCombinedPaperRequest(CombinedEvaluationRequest):
    """Issue a paper on several samples together: keep its file, and enter the hash in ledgers."""

    format: Annotated[str, Choice({"html": "HTML", "xlsx": "Excel"}), Option(None)] = "html"
    language: Annotated[
        str | None, Choice(LANGUAGES), Help("By default that of the template, else English.")
    ] = None


class CombinedPaperRequest(IssueCombinedPaperRequest):
    """A paper with the evaluation of several samples together."""

    jobs: Annotated[
        tuple[str, ...],
        Names(MAX_TOGETHER),
        Option(None),
        Help("The jobs of the samples, separated by commas or repeated."),
    ]
