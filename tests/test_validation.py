"""The validation: every published number is recomputed, and the report says what differs."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from application.audit.programmes.catalogue import builtin_programmes
from application.audit.programmes.examples import checked_examples
from application.validation import validate
from application.validation.comparing import ComparedSource, compare
from application.validation.examples import OF_NO_SAMPLE
from application.validation.installed import files_digest
from application.validation.published import PublishedNumber, PublishedTable, sources
from application.validation.report import conclusion, counts, report
from presentation.content import Facts, Judgement, Note, Table
from presentation.html import page
from tests.support.published_tables import table

TABLES = [(each.name, table) for each in sources() for table in each.tables]
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "table", [table for _, table in TABLES], ids=[f"{name}-{t.title[:40]}" for name, t in TABLES]
)
def test_a_published_table_is_reproduced(table: PublishedTable) -> None:
    wrong = [
        (dict(each.number.inputs), each.number.published, each.computed)
        for each in compare(table).numbers
        if each.verdict == "differs"
    ]
    assert wrong == []


def one_number(published: str, **more: object) -> PublishedTable:
    """A table of one size: 59 rows."""
    inputs = {"materiality": 0.05, "confidence": 0.95, "likelihood": "binomial"}
    number = PublishedNumber(inputs, "size", Decimal(published))
    found = replace(table("touw_hoogduin", "Page 23"), rows=[[number]], labels=["materiality"])
    return replace(found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("published", "more", "verdict"),
    [
        ("59", {}, "agrees"),
        ("60", {}, "differs"),
        ("59.0", {}, "agrees"),
        ("59.1", {}, "differs"),
        ("5.90", {"scale": Decimal("0.1")}, "agrees"),
        ("6", {"scale": Decimal("0.1")}, "agrees"),
        ("6", {"scale": Decimal("0.1"), "rounding": "up"}, "agrees"),
        ("5", {"scale": Decimal("0.09"), "rounding": "up"}, "differs"),
        ("59", {"rounding": "up"}, "agrees"),
        ("61", {"tolerance": Decimal(2)}, "agrees"),
        ("62", {"tolerance": Decimal(2)}, "differs"),
    ],
)
def test_a_number_is_compared_as_its_source_rounds(
    published: str, more: dict[str, object], verdict: str
) -> None:
    (found,) = compare(one_number(published, **more)).numbers
    assert found.verdict == verdict


@pytest.mark.parametrize(("correct", "verdict"), [("59", "known"), ("58", "differs")])
def test_a_known_misprint_is_compared_with_the_right_number(correct: str, verdict: str) -> None:
    misprinted = one_number("95")
    number = replace(next(misprinted.numbers), correct=Decimal(correct), note="A misprint.")
    (found,) = compare(replace(misprinted, rows=[[number]])).numbers
    assert (found.verdict, found.computed, found.difference) == (verdict, 59, -36)


def test_the_report_counts_each_number_once() -> None:
    found = validate()
    total, agree, known, differ = counts(found)
    of_examples = sum(
        len(example.figures)
        for programme in builtin_programmes()
        for example in checked_examples(programme)
    )
    of_sources, others = (
        sum(1 for s in sources() if s.is_published is own for t in s.tables for _ in t.numbers)
        for own in (True, False)
    )
    assert f"Of {others} numbers that no publication prints, {others} agree." in (
        conclusion(found).text
    )
    assert of_examples > 100
    assert total == of_examples + of_sources
    assert (agree + known, differ) == (total, 0)
    assert conclusion(found).tone == "good"
    cover, *parts = report(found, AT)
    assert [part.title for part in parts][-len(sources()) :] == [each.title for each in sources()]
    (listed,) = (block for block in cover.blocks if isinstance(block, Table))
    assert sum(row[1] for row in listed.rows) == total + others
    notes = {block.title: block.sentences for block in cover.blocks if isinstance(block, Note)}
    assert any("standard" in sentence for sentence in notes["Not validated"])


def test_the_page_states_source_misprint_and_time() -> None:
    html = page(report(validate(), AT))
    assert "2026-01-02 03:04:05" in html
    assert "Numbers taken from" in html
    assert "not as published" in html
    assert "Printed as 112" in html
    assert files_digest() in html
    assert "Reader 1" in html
    assert "benford" in html.lower()
    assert "<script" not in html


def test_a_number_that_differs_is_listed_in_red() -> None:
    wrong = one_number("60")
    source = replace(sources()[0], tables=[wrong])
    found = [ComparedSource(source, [compare(wrong)])]
    assert conclusion(found).tone == "bad"
    assert "0 of 1 published numbers agree; 1 differ" in conclusion(found).text
    assert '<span class="chip bad">differs</span>' in page(report(found, AT))
    facts = report(found, AT)[0].blocks[0]
    assert isinstance(facts, Facts)


def test_a_number_that_agrees_by_a_tolerance_alone_states_it() -> None:
    """Of the guidance, 97,678,216 is printed, and 97,678,216.73 computed."""
    found = {
        (title, line[0], line[1]): line[-1].text
        for section in report(validate(), AT)
        for block in section.blocks
        if isinstance(block, Table) and block.header[-1] == "Result"
        for title in (block.title,)
        for line in block.rows
        if isinstance(line[-1], Judgement)
    }
    by_title = {(key[0].split(":")[0], str(key[2])): text for key, text in found.items()}
    assert by_title["7.6.5", "97678216"] == "agrees, within 1"
    assert by_title["2.8", "18107"] == "agrees, within 1"
    assert by_title["6.1.2.6", "3733563"] == "agrees, within 3,700"
    assert by_title["2.8", "19888"] == "agrees"


def test_a_number_that_agrees_by_a_rounded_quantile_states_it() -> None:
    """The book's 101 is by its printed z of 0.842, and sizes of requests are by the exact one."""
    found = validate()
    html = page(report(found, AT))
    assert "agrees with the printed z" in html
    assert "By the exact quantile: size 100;" in html
    numbers = [
        each
        for source in found
        for table in source.tables
        for each in table.numbers
        if each.exact is not None and each.verdict == "agrees"
    ]
    assert {(each.computed, each.exact) for each in numbers} >= {(101, 100)}
    assert len(numbers) > 20
    text = f"{len(numbers)} of those that agree do so with the rounded z that their source prints"
    assert text in conclusion(found).text


def test_the_report_names_figures_in_words_and_no_input_without_effect() -> None:
    html = page(report(validate(), AT))
    assert "size of part 1" in html
    assert "size with units always examined" in html
    assert "allocation[" not in html
    assert not re.search(r"-0\.0*(?![\d.])", html)
    start = html.index("100 units with taints of 1, 0.4 and 0.1, 95 %: Gaffke")
    gaffke = html[start : html.index("The source prints 17 digits", start)]
    assert "Monetary units = 100" in gaffke
    assert "Book value" not in gaffke
    assert "Likelihood" not in gaffke
    assert "Accepted in stage 1 = 0, Accepted in both stages = 1." in html


def test_notes_of_known_differences_belong_to_a_number() -> None:
    """Each states a right number and a reason, and isn't needless."""
    noted = [number for _, table in TABLES for number in table.numbers if number.note]
    assert len(noted) == 4
    assert all(each.correct is not None and each.correct != each.published for each in noted)


def test_misprints_of_a_guidance_are_counted_apart() -> None:
    """And examples of calculations by which no sample is evaluated say so."""
    (guidance,) = [each for each in validate() if each.source.name == "eu-cohesion"]
    known = [each for table in guidance.tables for each in table.numbers if each.verdict == "known"]
    found = {(str(each.number.published), str(each.number.correct)) for each in known}
    assert found == {
        ("54593922", "54543922"),
        ("89", "88"),
        ("1062778", "1083499"),
    }
    unused = {
        table.table.calculation
        for source in validate()
        for table in source.tables
        if OF_NO_SAMPLE in table.table.remarks
    }
    assert {"expansion", "nonstatistical_proportional", "nonstatistical_ratio"} <= unused
    used = {"stringer", "difference", "size_random", "monetary_units_periods"}
    assert not unused & {
        *used,
        "monetary_units_conservative",
        "size_conservative",
        "size_poisson",
        "periods_ratio",
    }
