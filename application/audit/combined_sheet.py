"""The evaluation of several samples together as a section: settings, samples, arithmetic.

A function of the answer's JSON, so that page, command and paper show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from application.audit.evaluators.variables import AMOUNTS_HEADER, DIRECTIONS, direction_amounts
from application.audit.sentences import ASSURANCES, judgement_of, programme_facts
from contract.numbers import percent_digits
from contract.requests.evaluate import KINDS
from contract.words import REVIEW_STATES
from domain_errors import FigureText, Sentence
from presentation.content import Block, Cell, Code, Facts, Row, Section, Table

FIGURES: Mapping[str, str] = {
    "book_value": "Book value",
    "projected": "Projected misstatement",
    "found": "Errors found in the sample",
    "standard_error": "Standard error",
    "margin": "Margin",
    "upper_limit": "Upper limit",
    "plain_limit": "Sum of limits that are each at the confidence",
}
OF_DIRECTION: Mapping[str, str] = {
    name: FIGURES[name] for name in ("found", "projected", "upper_limit")
}
COLUMNS: Mapping[str, str] = {
    "name": "Sample",
    "kind": "Evaluation",
    "review_state": "Review",
    "rows": "Rows",
    "examined": "Examined",
    "errors": "Errors",
    "book_value": "Book value",
    "projected": "Projected misstatement",
    "limit": "Upper limit",
    "standard_error": "Standard error",
    "degrees": "Degrees of freedom",
}
"""Of the samples; one that no sample has is left out."""


def combined_section(found: Mapping[str, Any]) -> Section:
    """The section of an answer."""
    assurance = found["assurance"]
    settings: list[Row] = [
        ("Confidence", FigureText(f"{percent_digits(found['confidence'])} %")),
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
        _directions(found),
        _samples(found["samples"]),
    ]
    blocks[1:1] = programme_facts(found)
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


def _directions(found: Mapping[str, Any]) -> Table:
    amounts = direction_amounts("Each direction alone", found, OF_DIRECTION)
    errors: Row = (Sentence("Rows in error"), *(found[each]["errors"] for each in DIRECTIONS))
    return Table(amounts.title, AMOUNTS_HEADER, [errors, *amounts.rows])


def _samples(samples: Sequence[Mapping[str, Any]]) -> Table:
    shown = [name for name in COLUMNS if any(each[name] is not None for each in samples)]
    rows = [[_cell(name, each[name]) for name in shown] for each in samples]
    return Table("Samples", [COLUMNS[name] for name in shown], rows)


def _cell(name: str, value: Any) -> Cell:
    match name:
        case "kind":
            return Sentence(KINDS[value].title)
        case "review_state":
            return Sentence(REVIEW_STATES[value])
        case "book_value" | "projected" | "standard_error" | "limit" if value is not None:
            return Decimal(value)
    cell: Cell = value
    return cell
