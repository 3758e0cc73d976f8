"""Numbers as people write them: what is read, and what is refused as it has two readings."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import click
import pytest

from command_line import command
from command_line.options import WholeNumber
from contract.numbers import (
    confidence_of,
    errors_of,
    number_of,
    plain_text,
)
from domain_errors import InvalidRequest
from tests.command_line.conftest import Run, paths_of

READ = {
    "250.000,00": "250000",
    "250,000": "250000",
    "1,234,567.5": "1234567.5",
    "1.234.567": "1234567",
    "250 000": "250000",
    "250\u202f000,5": "250000.5",
    "250'000": "250000",
    "12,5": "12.5",
    "0,125": "0.125",
    "0.125": "0.125",
    "1234.125": "1234.125",
    "2 %": "0.02",
    "2,5%": "0.025",
    "2.125 %": "0.02125",
    "±3%": "0.03",
    "-5": "-5",
    "1e3": "1000",
    ".5": "0.5",
}
TWO_WAYS = ("250.000", "1.234", "-12.500", "1,000%", "1,000,000 %")
UNREADABLE = ("", "%", "few", "1,23,4", "1.2.3", "12 34", "0x10", "1_000", "nan", "1e999", "9" * 61)


@pytest.mark.parametrize(("text", "value"), READ.items())
def test_written_numbers_are_read(text: str, value: str) -> None:
    assert number_of(text) == Decimal(value)


@pytest.mark.parametrize("text", TWO_WAYS)
def test_numbers_of_two_readings_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="can be read in two ways"):
        number_of(text)


@pytest.mark.parametrize("text", UNREADABLE)
def test_texts_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is no number|is not a finite number"):
        number_of(text)


@pytest.mark.parametrize("value", [12.125, 0.125, 250000.0, 1e-7, 3.0, 999.999, 1234.125, 1e21])
def test_written_digits_are_read_again(value: float) -> None:
    assert float(number_of(plain_text(value))) == value


def test_a_share_of_errors_is_below_all_and_a_bare_confidence_a_percentage() -> None:
    assert errors_of("99.9 %") == Decimal("0.999")
    with pytest.raises(InvalidRequest, match="below 100%"):
        errors_of("100 %")
    assert [confidence_of(text) for text in ("50", "95 %", "0.95", "99,9")] == [
        Decimal(text) for text in ("0.5", "0.95", "0.95", "0.999")
    ]


def test_an_evaluation_reads_what_is_tolerable(run: Run, table: Path, tmp_path: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    drawn = run("sample", "Sales", "--size", "5", "--seed", "7", "--json")
    sample = str(json.loads(drawn.stdout)["id"])
    for item in json.loads(run("findings", sample, "--json").stdout)["items"]:
        run("findings", sample, item["row_id"], "ok")
    amounts = ("--kind", "variables", "--book", "amount", "--estimator", "mean_per_unit")
    for text in ("250.000,00", "250,000", "250 000"):
        found = json.loads(run("evaluate", sample, *amounts, "--json", "--tolerable", text).stdout)
        assert Decimal(found["tolerable"]) == 250_000
    refused = run("evaluate", sample, "--tolerable", "250.000", code=2).stderr
    assert "250.000 can be read in two ways. Write 250000, or 250.0000" in refused
    both = ("--sides", "two", "--confidence", "50", "--tolerable", "12,5 %")
    shown = run("evaluate", sample, *both).stdout
    assert "Lower limit" in shown
    assert "12.50 %" in shown
    paper = tmp_path / "paper.html"
    run("working-paper", sample, "--output", str(paper), *amounts, "--tolerable", "12.1250")
    assert "12.12" in paper.read_text()


NUMBERS = {
    *("margin", "relative_margin", "cv", "confidence", "budget", "fraction", "interval"),
    *("materiality", "expected", "tolerable", "percentage", "audit_value"),
}
"""Options whose number isn't a whole one."""
NUMBERED = {"port"}
"""Options of numbers that nobody writes with thousands separators."""


def command_at(path: tuple[str, ...]) -> click.Command:
    """The command at a path of names."""
    at: click.Command = command
    for name in path:
        assert isinstance(at, click.Group)
        inner = at.get_command(click.Context(at), name)
        assert inner is not None
        at = inner
    return at


TEXTS = {"paper-facts --expected"}
"""Options of a text that have the name of a number elsewhere."""
OPTIONS = {
    name: option
    for path in paths_of(command)
    for option in command_at(path).params
    if isinstance(option, click.Option) and (name := " ".join((*path, option.opts[0]))) not in TEXTS
}


def test_every_option_for_a_number_is_read_alike() -> None:
    kinds = {"whole": 0, "number": 0}
    for name, option in OPTIONS.items():
        is_whole = isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
        if is_whole and option.name not in NUMBERED:
            assert isinstance(option.type, WholeNumber), name
        if isinstance(option.type, WholeNumber) or option.name in NUMBERS:
            kinds["number" if option.name in NUMBERS else "whole"] += 1
            text = "1,234" if option.name == "percentage" else "1.234"
            with pytest.raises(click.BadParameter, match=f"{text}%? can be read in two ways"):
                option.type.convert(text, option, None)
        if option.name in NUMBERS - {"audit_value"}:
            assert option.type.convert("2,5 %", option, None) in (0.025, 2.5), name
    assert kinds["whole"] > 40
    assert kinds["number"] > 25


@pytest.mark.parametrize(
    ("text", "value"), [("1,000", 1000), ("1 000", 1000), ("1.000.000", 10**6)]
)
def test_a_whole_number_may_have_separators(text: str, value: int) -> None:
    assert WholeNumber().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["5%", "2.5", "few", "1e999"])
def test_a_text_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a valid integer"):
        WholeNumber().convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("jobs", "--limit", "1.000"), "1.000 can be read in two ways"),
        (("estimate", "917f045a", "--quantile", "amount:0.5x"), '"0.5x" is no number'),
        (("size", "Sales", "--mean", "amount", "--cost", "north=1.234"), "two ways"),
    ],
    ids=["limit", "quantile", "cost"],
)
def test_a_number_inside_an_option_is_read_alike(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    assert said in run(*arguments, code=2).stderr
