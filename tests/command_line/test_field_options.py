"""Options that give fields of the API: the body that follows from them, and their former names."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from command_line.contract_options import with_request
from command_line.options import body_of, field_option, option_names, pairs
from contract.requests.goal import GoalRequest

bodies: list[dict[str, Any]] = []


@click.command()
@click.argument("dataset")
@field_option("--compare-table", "compare_to.table_key", formerly="--other-table")
@field_option("--key", "keys", multiple=True)
@field_option("--batch", "priority", flag_value="batch")
@field_option("--take-all/--no-take-all", default=True)
@field_option("--verify", is_flag=True)
@field_option("--type", "options.types", callback=pairs, multiple=True)
@field_option("--limit", type=int)
@with_request(GoalRequest, only=("margin", "confidence"), within="goal")
def example(**values: Any) -> None:
    """An example."""
    bodies.append({**body_of(values), "left": values})


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ((), {"take_all": True}),
        (("--no-take-all", "--limit", "0"), {"take_all": False, "limit": 0}),
        (("--other-table", "a"), {"compare_to": {"table_key": "a"}, "take_all": True}),
        (
            ("--key", "a", "--key", "b", "--batch", "--verify"),
            {"keys": ["a", "b"], "priority": "batch", "take_all": True, "verify": True},
        ),
        (("--type", "a=b=c"), {"take_all": True, "options": {"types": {"a=b": "c"}}}),
        (
            ("--margin", "3%", "--confidence", "90"),
            {"take_all": True, "goal": {"margin": 0.03, "confidence": 0.9}},
        ),
    ],
)
def test_a_body_follows_from_the_options(words: tuple[str, ...], body: dict[str, Any]) -> None:
    ran = CliRunner().invoke(example, ["sales", *words])
    assert ran.exit_code == 0, ran.output
    assert bodies.pop() == {**body, "left": {"dataset": "sales"}}


def test_a_former_name_is_read_and_not_shown() -> None:
    shown = CliRunner().invoke(example, ["--help"]).output
    assert "--compare-table" in shown
    assert "--other-table" not in shown


def test_messages_call_a_field_within_an_object_by_its_option() -> None:
    with example.make_context("example", ["sales"]) as context:
        names = option_names(context)
    assert names["compare_to.table_key"] == names["table_key"] == "--compare-table"
    assert names["margin"] == "--margin"
