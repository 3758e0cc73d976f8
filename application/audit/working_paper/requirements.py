"""What the auditing standards ask for of a sample, and where a working paper has it.

ISA 530 (paragraphs, and A for its application material), ISA 230 ¶9 and AS 2315 of the PCAOB. The
paper lists the items; the page shows what is missing before a sign-off, which nothing refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from application.audit.items import lacks_cause
from application.audit.state import AuditState
from contract.declarations import Help, declared_field
from contract.requests.papers import PaperFactsRequest
from domain_errors import Sentence, render
from lazy_dataclasses import dataclass
from presentation.content import Cell, Facts, Judgement, Row, Section, Table

COVER, PLANNING, POPULATION, DESIGN = "Cover", "Planning", "Population", "Design"
ITEMS, EXCEPTIONS, REPLACEMENTS, EVALUATION = "Items", "Exceptions", "Replacements", "Evaluation"


@dataclass(frozen=True)
class Requirement:
    """An item of the paper.

    Parameters
    ----------
    source : str
        The paragraphs that ask for it; empty for one that a firm's papers have by custom.
    places : mapping
        The labels or titles on each sheet that have it; a title may go on, such as with a number.
    facts : tuple of str
        The fields of the request that people fill in for it.
    """

    item: str
    source: str
    places: Mapping[str, Sequence[str]]
    facts: tuple[str, ...] = ()


REQUIREMENTS: Sequence[Requirement] = (
    Requirement(
        "Client, period and number of the paper",
        "",
        {COVER: ("Client", "Period", "Number of the paper")},
        ("client_name", "period", "paper_number"),
    ),
    Requirement(
        "Audit objective and assertions",
        "ISA 530 ¶6, A5; AS 2315.16–.17",
        {PLANNING: ("Audit objective", "Assertions")},
        ("objective", "assertions"),
    ),
    Requirement(
        "Population, and that it is complete",
        "ISA 530 ¶6, A5; AS 2315.17",
        {PLANNING: ("Population",), POPULATION: ("Population", "Completeness of the population")},
        ("reconciliation",),
    ),
    Requirement("Sampling unit", "ISA 530 ¶5(f), A2", {PLANNING: ("Sampling unit",)}),
    Requirement(
        "What an error is",
        "ISA 530 A6; AS 2315.33",
        {PLANNING: ("Definition of an error",)},
        ("error_definition",),
    ),
    Requirement(
        "Tolerable misstatement or rate of deviation, with its basis",
        "ISA 530 ¶5(i)–(j), A3; AS 2315.18, .34",
        {PLANNING: ("Tolerable", "Basis of the tolerable misstatement or rate")},
        ("tolerable_basis",),
    ),
    Requirement(
        "Expected misstatement or rate of deviation",
        "ISA 530 A7; AS 2315.23, .38",
        {PLANNING: ("Expected misstatement or rate of deviation",)},
        ("expected",),
    ),
    Requirement(
        "Method and size of the sample, and why",
        "ISA 530 ¶7, A10; AS 2315.23, .38",
        {PLANNING: ("Method", "Rows drawn", "Reason for method and size")},
        ("design_reason",),
    ),
    Requirement(
        "How the items were selected",
        "ISA 530 ¶8; AS 2315.24, .39",
        {DESIGN: ("Seed", "Origin of the seed")},
    ),
    Requirement("The items that were tested", "ISA 230 ¶9(a)", {ITEMS: ("Items",)}),
    Requirement(
        "Procedure performed on each item",
        "ISA 530 ¶9; AS 2315.25, .40",
        {PLANNING: ("Procedure performed",)},
        ("procedure",),
    ),
    Requirement(
        "Items that were replaced or couldn’t be examined, and anomalies",
        "ISA 530 ¶10–11, ¶13; AS 2315.25, .40",
        {PLANNING: ("Anomalies and rows that can't be examined",), REPLACEMENTS: ("Replaced",)},
        ("treatment",),
    ),
    Requirement(
        "Nature and cause of deviations and misstatements",
        "ISA 530 ¶12; AS 2315.27, .42",
        {EXCEPTIONS: ("Causes of the exceptions",)},
    ),
    Requirement(
        "Projection of the misstatements",
        "ISA 530 ¶14; AS 2315.26, .41",
        {EVALUATION: ("Figures",)},
    ),
    Requirement(
        "Sampling risk",
        "ISA 530 ¶5(c), ¶15; AS 2315.26, .41",
        {EVALUATION: ("Confidence", "What holds it up")},
    ),
    Requirement(
        "Conclusion",
        "ISA 530 ¶15; AS 2315.28, .43",
        {COVER: ("Conclusion", "Auditor's conclusion")},
    ),
    Requirement(
        "Who performed the work, and when",
        "ISA 230 ¶9(b)",
        {COVER: ("Prepared by", "Findings by user")},
        ("preparer",),
    ),
    Requirement(
        "Who reviewed the work, and when",
        "ISA 230 ¶9(c)",
        {COVER: ("Reviewed by", "Signed off by")},
        ("reviewer",),
    ),
)


@dataclass(frozen=True)
class MissingFact:
    """Something that the working paper doesn't state yet."""

    item: str
    source: Annotated[str, Help("The paragraphs of the standards that ask for it; may be empty.")]
    missing: Annotated[str, Help("What is missing: titles of facts, or a sentence.")]


NO_CAUSE = "The causes of {count} {count|exception|exceptions}"
NOT_GIVEN = Sentence("Not given")
UNEXPLAINED = Sentence("Unexplained difference")
LACKING = (NOT_GIVEN, UNEXPLAINED, "Not stated", "Not evaluated")
"""How a value begins that says that there is none."""


def missing_facts(
    stated: PaperFactsRequest, state: AuditState, *, is_reconciled: bool
) -> list[MissingFact]:
    """What people haven't entered for the paper: facts, and causes of exceptions.

    ``is_reconciled`` says whether the population agrees with a total or a balance, or the
    difference is explained.
    """
    found = []
    for each in REQUIREMENTS:
        titles = [
            declared_field(PaperFactsRequest, name).title
            for name in each.facts
            if not getattr(stated, name)
            and not (name == "assertions" and stated.assertion_text)
            and not (name == "reconciliation" and is_reconciled)
        ]
        if titles:
            found.append(MissingFact(each.item, each.source, ", ".join(titles)))
        if each.places.get(EXCEPTIONS) and (count := without_cause(state)):
            missing = render(NO_CAUSE, {"count": count})
            found.append(MissingFact(each.item, each.source, missing))
    return found


def without_cause(state: AuditState) -> int:
    """The exceptions, and rows that can't be examined, whose cause nobody stated."""
    return sum(lacks_cause(each) for each in state.findings.values())


def documentation(sections: Sequence[Section]) -> Section:
    """The list of what the standards ask for, and whether the paper's other sheets have it."""
    by_name = {section.name: section for section in sections}
    rows: list[Row] = []
    for each in REQUIREMENTS:
        lacking = list(_lacking(each, by_name))
        places = Sentence.joined([_place(*place) for place in each.places.items()], "; ")
        state: Cell = Sentence("Given")
        if lacking:
            labels = Sentence.joined(list(map(Sentence, lacking)), ", ")
            state = Judgement(Sentence("Not given: {labels}", labels=labels), "warn")
        rows.append((Sentence(each.item), each.source, places, state))
    header = ("Item", "Source", "Where in this paper", "State")
    title = "What the standards ask for, and where this paper has it"
    return Section("Documentation", "Documentation", [Table(title, header, rows)])


def _place(sheet: str, labels: Sequence[str]) -> Sentence:
    """A sheet with its labels."""
    named = Sentence.joined(list(map(Sentence, labels)), ", ")
    return Sentence("{sheet}: {labels}", sheet=Sentence(sheet), labels=named)


def _lacking(required: Requirement, sections: Mapping[str, Section]) -> Iterator[str]:
    """The labels that a sheet lacks, or has without a value."""
    for sheet, labels in required.places.items():
        section = sections.get(sheet)
        for label in labels:
            if section is None or not _states(section, label):
                yield label


def _states(section: Section, label: str) -> bool:
    """Whether a sheet has a fact with a value, or else facts or a table of this title.

    A table without rows states that there are none: its title has the number.
    """
    facts = [block for block in section.blocks if isinstance(block, Facts)]
    lines = [line for block in facts for line in block.lines]
    values = [line[1] for line in lines if str(line[0]).startswith(label)]
    if values:
        return not any(map(_is_lacking, values))
    titles = [block.title for block in section.blocks if isinstance(block, Facts | Table)]
    return any(title.startswith(label) for title in titles)


def _is_lacking(value: object) -> bool:
    return value is None or str(value).startswith(LACKING)
