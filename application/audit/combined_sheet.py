"""The evaluation of several samples together as a section: settings, samples, arithmetic.

A function of the answer's JSON, so that page, command and paper show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from application.audit.sentences import ASSURANCES, judgement_of
from contract.requests.evaluate import KINDS
from contract.words import REVIEW_STATES
from domain_errors import Sentence
from presentation.content import Block, Code, Facts, Percent, Row, Section, Table

FIGURES: Mapping[str, str] = {
    "book_value": "Book value",
    "projected": "Projected misstatement",
    "found": "Errors found in the sample",
    "standard_error": "Standard error",
    "margin": "Margin",
    "upper_limit": "Upper limit",
    "plain_limit": "Sum of limits that are each at the confidence",
}
HEADER = (
    *("Sample", "Evaluation", "Review", "Rows", "Examined", "Errors", "Book value"),
    *("Projected misstatement", "Standard error", "Degrees of freedom", "Upper limit"),
)


def combined_section(found: Mapping[str, Any]) -> Section:
    """The section of an answer."""
    assurance = found["assurance"]
    settings: list[Row] = [
        ("Confidence", Percent(found["confidence"])),
        ("Tolerable misstatement", _amount(found["tolerable"])),
        ("Conclusion", judgement_of(found)),
        *(("What limits it", caveat) for caveat in found["caveats"]),
        (
            "What holds it up",
            Sentence(
                "{status}. {sentence} {source}.",
                status=Sentence(ASSURANCES[assurance["status"]]),
                sentence=assurance["sentence"],
                source=Sentence.of(assurance["source"]),
            ),
        ),
    ]
    blocks: list[Block] = [
        Facts("Settings", settings),
        Facts(
            "Figures",
            [
                (label, _amount(found[name]))
                for name, label in FIGURES.items()
                if found[name] is not None
                and (name != "plain_limit" or found["limit_confidence"] != found["confidence"])
            ],
        ),
        Table("Samples", HEADER, [_sample(each) for each in found["samples"]]),
    ]
    limits: list[Row] = [
        (each["name"], caveat) for each in found["samples"] for caveat in each["caveats"]
    ]
    if limits:
        blocks.append(Table("What limits each sample", ("Sample", "Caveat"), limits))
    lines = [
        (Sentence.of(line["name"]), Code(Sentence.of(line["formula"])), line["value"])
        for line in found["arithmetic"]
    ]
    blocks.append(Table("Arithmetic", ("Line", "Formula", "Value"), lines))
    notes: list[Row] = [("Note", note) for note in found["notes"]]
    source: list[Row] = [("Formula", Code(Sentence.of(found["formula"])))]
    source.append(("Source", Sentence.of(found["source"])))
    blocks.append(Facts("Formula", [*source, *notes]))
    return Section("Several samples", "Several samples together", blocks)


def _amount(text: str | None) -> Decimal | str:
    return Sentence("Not given") if text is None else Decimal(text)


def _sample(each: Mapping[str, Any]) -> Row:
    scope = each["scope"]
    return (
        each["name"],
        Sentence(KINDS[each["kind"]].title),
        Sentence(REVIEW_STATES[each["review_state"]]),
        Sentence("all") if scope is None else Code(scope),
        each["examined"],
        each["errors"],
        Decimal(each["book_value"]),
        Decimal(each["projected"]),
        None if each["standard_error"] is None else Decimal(each["standard_error"]),
        each["degrees"],
        None if each["limit"] is None else Decimal(each["limit"]),
    )
