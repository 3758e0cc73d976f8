"""The answer of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from contract.answers import Hidden
from contract.declarations import Help
from estimation_engine.audit import Assurance, Conclusion
from lazy_dataclasses import dataclass

Relation = Literal["continued", "continues", "other"]


@dataclass(frozen=True)
class AttributeResult:
    """A tested attribute by itself, as if the rows were tested for it alone."""

    name: str
    deviations: int
    share: float
    lower_limit: float | None
    upper_limit: float | None
    upper_rows: int | None
    is_tolerable: bool | None


@dataclass(frozen=True)
class PaperLine:
    """A line of the working paper that a programme asks for."""

    title: str
    text: str
    paragraph: str | None


@dataclass(frozen=True)
class ProgrammeResult:
    """What a programme says of a sample."""

    name: str
    title: str
    sha256: Annotated[str, Help("Of its file.")]
    evaluation: Annotated[str, Help("The evaluation of the programme that fits the sample.")]
    document: str
    paragraph: str | None
    statement: str
    calculation: Annotated[str | None, Help("Null if the limits are those of the kind.")]
    formula: str | None
    limit: Annotated[str, Help("The figure on which the conclusion rests.")]
    verdict: Annotated[
        str | None,
        Help("`tolerable`, `not_supported`, `inconclusive`, or `statement` of what is found."),
    ]
    figures: Annotated[Mapping[str, Any], Help("By name; amounts are decimal texts.")]
    notes: Sequence[str]
    paper: Annotated[Sequence[PaperLine], Help("The lines of the working paper.")]


@dataclass(frozen=True)
class Evaluated:
    """What a kind computes of a sample.

    Parameters
    ----------
    figures : mapping
        The fields of the answer that are its own, as JSON.
    outside : int
        Rows that aren't applicable, which no row replaced.
    """

    figures: Mapping[str, Any]
    assurance: Assurance
    conclusion: Conclusion | None
    outside: int = 0
    attributes: Sequence[AttributeResult] | None = None
    notes: Sequence[str] = ()
    caveats: Sequence[str] = ()
    programme: ProgrammeResult | None = None


@dataclass(frozen=True)
class SignedEvaluation:
    """The sign-off in force, if it kept an evaluation."""

    user_soeid: str
    at: str
    evaluation: Annotated[Mapping[str, Any], Help("What it kept: parameters and conclusion.")]
    difference: Annotated[
        str | None, Help("Where this request, or its conclusion, differs from it.")
    ]


@dataclass(frozen=True)
class NewestSignOff:
    """What the newest sign-off kept, also if the findings were reopened since."""

    user_soeid: str
    at: str
    kind: str | None
    is_tolerable: bool | None
    conclusion: str | None


@dataclass(frozen=True)
class OtherSample:
    """Another sample of the table that has findings."""

    job_id: str
    name: str
    is_deleted: bool
    relation: Annotated[
        Relation,
        Help("`continued`: this sample continues it; `continues`: it continues this one."),
    ]
    version: str | None
    has_same_rows: bool
    drawn: int | None
    examined: int
    exceptions: int
    shared: Annotated[int, Help("Rows of this sample that it has findings about.")]
    differing: Annotated[int, Help("Of these, rows that have no finding or another one here.")]
    user_soeid: str
    created_at: str
    review_state: str
    signed: NewestSignOff | None
    left_out_rows: Annotated[int, Help("Rows of the table that its draw excluded.")] = 0


@dataclass(frozen=True)
class EvaluationAnswer:
    """An evaluation; the fields of its kind are beside those of all kinds.

    Parameters
    ----------
    attributes, figures : sequence, mapping
        Fields of its kind; ``figures`` as JSON. ``attributes`` is None for kinds without them.
    """

    job_id: str
    kind: str
    review_state: str
    replaced: int
    scope: Annotated[str | None, Help("The filter that limits the conclusion.")]
    signed: SignedEvaluation | None
    departure: Annotated[str | None, Help("Where it departs from the recorded plan.")]
    other_samples: Annotated[Sequence[OtherSample], Help("The newest.")]
    other_samples_total: int
    programme: Annotated[
        ProgrammeResult | None, Help("By which the conclusion is; null without one.")
    ]
    assurance: Annotated[Assurance, Help("What holds up the limit.")]
    conclusion: Conclusion | None
    notes: Sequence[str]
    caveats: Annotated[Sequence[str], Help("What limits the conclusion.")]
    row_names: Annotated[
        Mapping[str, str],
        Help("The names of the rows of `arithmetic`, by row id, if the table has a row key."),
    ]
    attributes: Hidden[Sequence[AttributeResult] | None]
    figures: Hidden[Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The fields of all kinds and those of its own."""
        common = {each.name: getattr(self, each.name) for each in fields(self)}
        own, attributes = common.pop("figures"), common.pop("attributes")
        if attributes is not None:
            common["attributes"] = attributes
        found = {**own, **{name: _plain(value) for name, value in common.items()}}
        if self.conclusion is not None:
            found["conclusion"]["sentence"] = self.conclusion.sentence
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
