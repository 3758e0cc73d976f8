"""``jobsvc plan --commit`` and ``jobsvc sample --plan-id``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.command_line.conftest import Run


def test_a_plan_is_registered_and_drawn(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    registered = run("plan", "Sales", "--size", "5", "--commit").stdout
    (plan_id,) = re.findall(r"Registered as plan (\S+), entry 1 of the ledger\.", registered)
    (number,) = re.findall(r"^quicknet +(\d+) ", registered, re.MULTILINE)
    beacon = f"quicknet:{number}:{'0f' * 48}"
    drawn = json.loads(
        run("sample", "Sales", "--plan-id", plan_id, "--beacon", beacon, "--json").stdout
    )
    assert drawn["output_summary"]["total_sampled"] == 5
    assert drawn["run_parameters"]["seed_origin"]["kind"] == "beacon"
    dice = ("--dice", "31415926535897932384", "--witness", "A. Turing", "--witness", "G. Hopper")
    drawn = json.loads(run("sample", "Sales", "--plan-id", plan_id, *dice, "--json").stdout)
    assert drawn["run_parameters"]["seed_origin"]["witnesses"] == ["A. Turing", "G. Hopper"]
    listed = run("ledger", "Sales").stdout
    assert "registered a plan before its draw" in listed
    assert "3 of 3 entries." in listed


def test_contradicting_options_are_refused(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    plan = ("sample", "Sales", "--plan-id", "x")
    assert "need --plan-id" in run("sample", "Sales", "--dice", "1", code=2).stderr
    assert "combined with --size" in run(*plan, "--size", "5", code=2).stderr
    assert "CHAIN:ROUND" in run(*plan, "--beacon", "quicknet", code=2).stderr
    assert (
        "Give one of" in run(*plan, "--seed", "1", "--dice", "1", "--witness", "A", code=2).stderr
    )
    assert "--dice needs --witness" in run(*plan, "--dice", "31" * 10, code=2).stderr
    assert "--witness needs --dice" in run(*plan, "--witness", "A", code=2).stderr
    assert 'no plan "x"' in run(*plan, "--seed", "1", code=1).stderr
