"""Commands start fast: they import what they need, and the help imports no subcommand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from command_line import command
from command_line.root import SECTIONS
from tests.command_line.declared_methods import FILE, file_text
from tests.support.live_server import LiveServer, csv_text

HEAVY = {"numpy", "duckdb", "flask", "scipy", "marshmallow", "fastexcel", "sampling_engine"}
LOADED = """
import json, sys
import jobsvc

try:
    jobsvc.main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(*arguments: str) -> set[str]:
    """Return the packages that a command has imported at its end."""
    given = [sys.executable, "-c", LOADED, *arguments]
    answer = subprocess.run(given, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def data_dir(served: LiveServer) -> Path:
    served.new_named("Sales", csv_text(50))
    return served.service.directory.root


def test_the_help_imports_no_library_but_click() -> None:
    packages = loaded_by("--help")
    assert not packages & {*HEAVY, "httpx", "sqlite3", "application", "storage", "jobsvc_client"}
    assert packages - sys.stdlib_module_names >= {"click", "command_line"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs",),
        ("sample", "Sales", "--size", "5%", "--method", "stratified", "--strata", "kind"),
        ("estimate", "--help"),
        ("evaluate", "--help"),
        ("size", "--help"),
    ],
)
def test_a_command_of_a_running_server_imports_no_engine(
    data_dir: Path, arguments: tuple[str, ...]
) -> None:
    assert not loaded_by(*arguments, "--data-dir", str(data_dir)) & HEAVY


def test_the_lines_of_the_help_are_those_of_the_commands() -> None:
    context = click.Context(command)
    for section in SECTIONS.values():
        for name, (_, line) in section.items():
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            assert (subcommand.name, subcommand.get_short_help_str(1000)) == (name, line)


def test_the_declared_methods_are_those_of_the_engine() -> None:
    assert FILE.read_text(encoding="utf-8") == file_text(), (
        "run python -m tests.command_line.declared_methods"
    )
