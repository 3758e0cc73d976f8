"""What evaluations say, for API, page, commands and papers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from contract.requests.evaluate import KINDS
from domain_errors import Sentence, counted
from presentation.content import Cell, Code, Facts, Judgement, Percent, Row, Table

if TYPE_CHECKING:
    from estimation_engine.audit.assurance import Status


def continues_of(summary: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What a draw recorded of the examined sample that it continues; None of other draws."""
    found: Mapping[str, Any] | None = (summary or {}).get("continues")
    return found


SEQUENTIAL_ALONE = (
    'Evaluate it as sequential ("Stop when sure"): a limit of a fixed size takes no account of the '
    "first look."
)
NO_LIMIT = "No limit takes account of the first look, so it is evaluated without a conclusion."


def carried_sentence(
    run_parameters: Mapping[str, Any], summary: Mapping[str, Any] | None
) -> str | None:
    """How many findings came along with a draw, and what follows; None of other draws.

    >>> found = {"continues": {"name": "q1", "findings": 1, "is_repeat": True}}
    >>> (carried_sentence({"rounds": []}, found) or "")[:60]
    'The findings about 1 row came along from sample q1, which ha'
    """
    continues = continues_of(summary)
    if continues is None:
        return None
    came = (
        f"The findings about {counted(continues['findings'], 'row')} came along from sample "
        f"{continues['name']}, which "
    )
    if continues["is_repeat"]:
        return f"{came}has the same rows."
    from application.audit.fitting import is_in_sequence  # commands load no engine for others

    is_sequence = continues["in_order"] and is_in_sequence(run_parameters["rounds"])
    follows = SEQUENTIAL_ALONE if is_sequence else NO_LIMIT
    return f"{came}this one continues. {follows}"


RELATIONS: Mapping[str, str] = {
    "continued": "this one continues it",
    "continues": "continues this one",
    "other": "another sample",
}
"""What another sample is to the one that is evaluated."""


def other_samples_tables(found: Mapping[str, Any]) -> list[Table]:
    """The other samples of the table that have findings, with their results; empty without any."""
    lines: list[Row] = [
        (
            Sentence("{name} (deleted)", name=each["name"]) if each["is_deleted"] else each["name"],
            Sentence(RELATIONS[each["relation"]]),
            _drawn_from(each),
            Sentence(
                "{exceptions} {exceptions|exception|exceptions} in {rows} {rows|row|rows}",
                exceptions=each["exceptions"],
                rows=each["examined"],
            ),
            _signed_text(each["signed"]),
        )
        for each in found["other_samples"]
    ]
    total = found["other_samples_total"]
    newest = ", the newest {lines}" if total > len(lines) else ""
    text = f"Other samples of the table with findings: {{total}}{newest}"
    title = Sentence(text, total=total, lines=len(lines))
    return [Table(title, OTHER_SAMPLES, lines)] if lines else []


def _drawn_from(other: Mapping[str, Any]) -> Sentence:
    """The table that another sample was drawn from."""
    left_out, version = other.get("left_out_rows", 0), (other["version"] or "?")[:12]
    if other["has_same_rows"]:
        table = Sentence("the same table") if left_out else Sentence("the same rows")
    else:
        table = Sentence("version {version}", version=version)
    if not left_out:
        return table
    return Sentence("{table} without {rows} {rows|row|rows}", table=table, rows=left_out)


def _signed_text(signed: Mapping[str, Any] | None) -> str:
    if signed is None:
        return Sentence("not signed off")
    concluded = signed["conclusion"] or Sentence("signed off without a conclusion")
    if signed["is_tolerable"] is not None:  # in a word, without the advice on that sample
        concluded = Sentence(CONCLUSIONS[signed["is_tolerable"]])
    if not signed["kind"]:
        return str(concluded)
    kind = Sentence(KINDS[signed["kind"]].title)
    return Sentence("{kind}: {conclusion}", kind=kind, conclusion=concluded)


OTHER_SAMPLES = ("Sample", "Relation", "Table", "Result", "Signed conclusion")
"""The columns of the samples that an evaluation lists."""


def limits_of(found: Mapping[str, Any]) -> list[str]:
    """What holds up a conclusion and what limits it, the sentences that stand beside it.

    Parameters
    ----------
    found : mapping
        An evaluation, or the part of it that a sign-off kept; older ones have neither.
    """
    assurance = found.get("assurance")
    return [*found.get("caveats", ()), *([assurance["sentence"]] if assurance else [])]


ASSURANCES: Mapping[Status, str] = {
    "proved": "Proved",
    "customary": "Customary, not proved",
    "can_fail": "Can fail",
}
VERDICTS: Mapping[bool | None, str] = {True: "good", False: "bad", None: "warn"}
"""How a conclusion is coloured: errors are tolerable, they may not be, nothing is concluded."""


CONCLUSIONS: Mapping[bool | None, str] = {
    True: "tolerable",
    False: "not supported",
    None: "no conclusion",
}
"""A conclusion in a word or two, beside the name of what concludes."""


def verdict_of(found: Mapping[str, Any]) -> str:
    """The colour of a conclusion; none while it is undecided or there is none.

    Parameters
    ----------
    found : mapping
        An evaluation, or the part of it that a sign-off kept; older ones have no caveats.
    """
    conclusion = found["conclusion"]
    programme = found.get("programme")
    if programme and programme.get("verdict") == "statement":
        return "warn" if found.get("caveats") else ""
    if conclusion is None or found.get("decision") == "continue":
        return "warn" if conclusion is None and found.get("caveats") else ""
    kept = conclusion if isinstance(conclusion, Mapping) else found
    return VERDICTS[kept["is_tolerable"]]


FIGURES: Mapping[str, str] = {
    "book_value": "Book value",
    "projected": "Projected misstatement",
    "known": "Errors of rows always drawn",
    "total_error": "Total projected error",
    "precision": "Precision",
    "basic_precision": "Basic precision",
    "incremental_allowance": "Incremental allowance",
    "lower_limit": "Lower limit",
    "upper_limit": "Upper limit",
    "corrected_value": "Corrected book value",
    "corrected_lower": "Lower limit of the corrected book value",
    "tolerable": "Tolerable misstatement",
    "interval": "Interval",
    "error_rate": "Error rate",
    "upper_rate": "Upper limit by book value",
    "factor": "Quantile z, or reliability factor",
}
"""The figures of a programme's calculation, in their order."""


def programme_facts(found: Mapping[str, Any]) -> list[Facts]:
    """The programme of an evaluation with its figures and texts; empty without one."""
    programme = found.get("programme")
    if not programme:
        return []
    lines: list[Row] = [
        ("Programme", Sentence.of(programme["title"])),
        ("Document", _with_paragraph(programme["document"], programme["paragraph"])),
        ("Status", Sentence.of(programme["statement"])),
        ("SHA-256 of the programme", Code(programme["sha256"])),
        ("Rule", Sentence.of(programme["evaluation"])),
    ]
    if programme["formula"]:
        lines.append(("Formula", Code(Sentence.of(programme["formula"]))))
    figures = programme["figures"]
    lines += [
        (label, _figure_cell(name, figures[name]))
        for name, label in FIGURES.items()
        if figures.get(name) is not None
    ]
    lines += [("Note", Sentence.of(note)) for note in programme["notes"]]
    lines += [
        (each["title"], _with_paragraph(each["text"], each["paragraph"]))
        for each in programme["paper"]
    ]
    return [Facts("Audit programme", lines)]


def _figure_cell(name: str, value: Any) -> Cell:
    if isinstance(value, str):
        return Decimal(value)
    return Percent(value) if name.endswith("rate") else value


def _with_paragraph(text: str, paragraph: str | None) -> Sentence:
    if paragraph is None:
        return Sentence.of(text)
    return Sentence("{text} (§ {paragraph})", text=Sentence.of(text), paragraph=paragraph)


def judgement_of(found: Mapping[str, Any]) -> Judgement:
    """What is concluded, in its colour; without one while it is undecided."""
    if found["conclusion"] is None:
        text = Sentence("No tolerable share or amount was given.")
        return Judgement(text, verdict_of(found))
    return Judgement(found["conclusion"]["sentence"], verdict_of(found))


def sources_of(found: Mapping[str, Any]) -> Facts:
    """The formula, its source, and the notes."""
    lines: list[Row] = [("Formula", Code(Sentence(found["formula"])))]
    if found.get("factors"):
        lines.append(("Factors", Code(Sentence(found["factors"]))))
    lines.append(("Source", Sentence(found["source"])))
    return Facts("Formula", [*lines, *(("Note", note) for note in found.get("notes", ()))])


def concluded_text(kept: Mapping[str, Any]) -> str:
    """What a sign-off concluded, in a word or two.

    >>> concluded_text({}), concluded_text({"is_tolerable": None, "decision": "continue"})
    ('not evaluated', 'not decided')
    """
    if not kept:
        return "not evaluated"
    return (
        "not decided" if kept.get("decision") == "continue" else CONCLUSIONS[kept["is_tolerable"]]
    )


def progress_sentence(counts: Mapping[str, int]) -> str:
    """How many rows have a finding, replaced rows left out, and what was found.

    >>> counts = {"items": 9, "replaced": 1, "open": 2, "exception": 2, "not_examinable": 1}
    >>> progress_sentence(counts)
    '6 of 8 rows have a finding; 2 exceptions, 1 not examinable.'
    """
    rows = counts["items"] - counts["replaced"]
    return (
        f"{rows - counts['open']:,} of {counted(rows, 'row')} have a finding; "
        f"{exceptions_text(counts)}."
    )


def exceptions_text(counts: Mapping[str, int]) -> str:
    """The exceptions, and the rows that count as such because nothing could be examined."""
    text = counted(counts["exception"], "exception")
    lost = counts["not_examinable"]
    return f"{text}, {lost:,} not examinable" if lost else text
