"""What a running server's commands print: options by their names, and short ids."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.command_line.conftest import Run
from tests.contract.test_route_details import workbook
from tests.support.live_server import LiveServer, csv_text


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def two_tables(served: LiveServer) -> None:
    """The sample q1 of a dataset, and a dataset with the tables of two sheets."""
    sales = served.new_named("Sales", csv_text(50))
    body = {"method": "random", "sample_size": 5, "output_name": "q1", "export_residual": True}
    assert served.draw(sales, body)["status"] == "completed"
    book = served.admin.post("/api/datasets", json={"name": "Book"}).json()["id"]
    sheets = workbook({"north": ["id", "1"], "south": ["id", "1"]})
    assert served.import_text(book, sheets, "book.xlsx")["status"] == "completed"


def test_a_list_shows_the_digits_that_a_command_takes(run: Run, two_tables: None) -> None:
    shown = run("jobs").stdout.splitlines()[1].split()[0]
    assert re.fullmatch("[0-9a-f]{8}", shown)
    assert f"{shown}-" in run("jobs", shown).stdout


@pytest.mark.parametrize("command", ["sample", "plan", "profile", "explore"])
def test_a_message_names_the_option_for_a_table(run: Run, two_tables: None, command: str) -> None:
    size = ("--size", "1") if command in ("sample", "plan") else ()
    refused = run(command, "Book", *size, code=1)
    assert "Name a table with --table." in refused.stderr
    assert "table_key" not in refused.stderr


def test_a_message_names_the_option_for_a_name(run: Run, two_tables: None) -> None:
    refused = run("sample", "Sales", "--size", "1", "--name", "q1", code=1)
    assert "Choose another --name." in refused.stderr


def test_a_body_of_the_users_keeps_the_fields_names(
    run: Run, two_tables: None, tmp_path: Path
) -> None:
    body = {"method": "random", "parameters": {"sample_size": 1}}
    (tmp_path / "body.json").write_text(json.dumps(body))
    refused = run("sample", "Book", "--body", str(tmp_path / "body.json"), code=1)
    assert "table_key" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--margin", "2"), "--margin must be above 0 and below 1"),
        (("--margin", "5%", "--method", "weighted", "--weight", "amount"), "Error: The margin"),
        (("--size", "5", "--column", "town"), 'There is no column "town"'),
        (("--size", "5", "--name", "n" * 91), "--name: Has 91 characters; at most 90 are allowed."),
        (
            ("--size", "5", "--purpose", "p" * 10_001),
            "--purpose: Has 10,001 characters; at most 10,000 are allowed.",
        ),
    ],
)
def test_a_message_names_the_option_of_a_draw(
    run: Run, two_tables: None, options: tuple[str, ...], said: str
) -> None:
    shown = run("sample", "Sales", *options, code=1).stderr
    assert said in shown
    assert not re.search(r"goal|design\.|output_name|commit_message|rounds\[", shown)


def test_the_option_for_an_empty_sample_is_named(
    run: Run, two_tables: None, tmp_path: Path
) -> None:
    given = ("Sales", "--size", "2", "--filter", "amount < 0 and amount > 1")
    assert "the size, or set --allow-empty." in run("plan", *given).stdout
    assert "the size, or set --allow-empty." in run("sample", *given, code=1).stderr
    filters = {"expression": "amount < 0 and amount > 1"}
    body = {"method": "random", "parameters": {"sample_size": 1}, "filters": filters}
    (tmp_path / "body.json").write_text(json.dumps(body))
    planned = run("plan", "Sales", "--body", str(tmp_path / "body.json"))
    assert "or set allow_empty." in planned.stdout
