"""``jobsvc panel``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line.conftest import Run

pytestmark = pytest.mark.usefixtures("serving")


@pytest.mark.usefixtures("created")
def test_a_panel_is_created_drawn_shown_and_removed(run: Run, tmp_path: Path) -> None:
    def load(first: int, stop: int) -> None:
        lines = [f"A{number},{number % 3}" for number in range(first, stop)]
        (tmp_path / "t.csv").write_text("\n".join(["account,kind", *lines]) + "\n")
        run("import", str(tmp_path / "t.csv"), "--dataset", "Accounts")

    load(0, 300)
    options = ("--rotation", "25 %", "--size", "40", "--seed", "5")
    refused = run("panel", "create", "Accounts", "quarterly", *options, code=1).output
    assert "has no row key" in refused
    assert "--key" in refused
    created = run("panel", "create", "Accounts", "quarterly", *options, "--key", "account").stdout
    assert "random, by the key account; 25.0 % rotate at each wave." in created
    assert "No wave is drawn yet: jobsvc panel wave 1" in created
    assert "Wave 1 would draw 40 rows" in run("panel", "wave", "1", "--preview").stdout
    run("panel", "wave", "1")
    load(20, 330)
    previewed = run("panel", "wave", "1", "--preview").stdout
    run("panel", "wave", "1")
    wave = json.loads(run("panel", "show", "1", "--json").stdout)["waves"][1]
    assert f"{wave['kept']} stay, {wave['rotated_out']} rotate out" in previewed
    assert f"{wave['rotated_in']} rotate in, {wave['born']} are born." in previewed
    assert "rotated in" in run("panel", "show", "Accounts/Quarterly").stdout
    for name, says in (("quarterly", "DATASET/NAME"), ("Accounts/monthly", "has no panel")):
        assert says in run("panel", "wave", name, code=1).output
    kept = run("panel", "rows", "1", "2", "--filter", "_panel_state = 'kept'", "--json").stdout
    assert json.loads(kept)["total"] == wave["kept"]
    target = tmp_path / "wave.csv"
    run("panel", "rows", "1", "2", "--output", str(target))
    lines = target.read_text().splitlines()
    assert lines[0] == "account,_panel_state,_since_wave"
    assert len(lines) == 1 + wave["size"] + wave["rotated_out"] + wave["died"]
    assert "quarterly" in run("panel", "list", "Accounts").stdout
    run("panel", "remove", "1", "--yes")
    assert "quarterly" not in run("panel", "list", "Accounts").stdout
