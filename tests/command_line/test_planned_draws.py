"""``jobsvc plan --commit`` and ``jobsvc sample --plan-id``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.command_line.conftest import Run
from tests.support.published_rounds import DEFAULT_ROUND_1, INVENTED, ROUND_1000, SetClock


def test_a_plan_is_registered_and_drawn(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    clock = SetClock(ROUND_1000.before)
    registered = run("plan", "Sales", "--size", "5", "--commit", clock=clock).stdout
    (plan_id,) = re.findall(r"Registered as plan (\S+), entry 1 of the ledger\.", registered)
    (number,) = re.findall(r"^quicknet +(\d+) ", registered, re.MULTILINE)
    assert number == "1000"
    sample = ("sample", "Sales", "--plan-id", plan_id, "--beacon")
    invented = run(*sample, f"quicknet:1000:{INVENTED}", code=1)
    assert "isn't the signature of round 1000" in invented.stderr
    beacon = f"quicknet:1000:{ROUND_1000.signature}"
    drawn = json.loads(run(*sample, beacon, "--json").stdout)
    assert drawn["output_summary"]["total_sampled"] == 5
    assert drawn["run_parameters"]["seed_origin"]["kind"] == "beacon"
    dice = ("--dice", "31415926535897932384", "--witness", "A. Turing", "--witness", "G. Hopper")
    drawn = json.loads(run("sample", "Sales", "--plan-id", plan_id, *dice, "--json").stdout)
    assert drawn["run_parameters"]["seed_origin"]["witnesses"] == ["A. Turing", "G. Hopper"]
    listed = run("ledger", "Sales").stdout
    assert "registered a plan before its draw" in listed
    assert "3 of 3 entries." in listed


def test_a_round_of_the_default_chain_has_the_signature_before(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    clock = SetClock(DEFAULT_ROUND_1.before)
    registered = run("plan", "Sales", "--size", "5", "--commit", clock=clock).stdout
    (plan_id,) = re.findall(r"Registered as plan (\S+),", registered)
    assert re.search(r"^default +1 ", registered, re.MULTILINE)
    signatures = f"{DEFAULT_ROUND_1.signature}:{DEFAULT_ROUND_1.previous_signature}"
    sample = ("sample", "Sales", "--plan-id", plan_id, "--beacon", f"default:1:{signatures}")
    drawn = json.loads(run(*sample, "--json").stdout)
    assert drawn["run_parameters"]["seed_origin"] == {"kind": "beacon", **DEFAULT_ROUND_1.seed}


def test_contradicting_options_are_refused(run: Run, table: Path) -> None:
    run("import", str(table), "--dataset", "Sales")
    plan = ("sample", "Sales", "--plan-id", "x")
    assert "need --plan-id" in run("sample", "Sales", "--dice", "1", code=2).stderr
    assert "combined with --size" in run(*plan, "--size", "5", code=2).stderr
    assert "CHAIN:ROUND" in run(*plan, "--beacon", "quicknet", code=2).stderr
    unknown = run(*plan, "--beacon", "quick:1:ab", code=2).stderr
    assert 'no chain "quick". Write quicknet or default' in " ".join(unknown.split())
    assert (
        "Give one of" in run(*plan, "--seed", "1", "--dice", "1", "--witness", "A", code=2).stderr
    )
    assert "--dice needs --witness" in run(*plan, "--dice", "31" * 10, code=2).stderr
    assert "--witness needs --dice" in run(*plan, "--witness", "A", code=2).stderr
    assert 'no plan "x"' in run(*plan, "--seed", "1", code=1).stderr
