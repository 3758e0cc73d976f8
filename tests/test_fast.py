"""The fast part of the tests, which ``just test-fast`` runs, has a module of each room."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_fast_part_has_a_module_of_each_room() -> None:
    modules = (ROOT / "tests" / "fast.txt").read_text(encoding="utf-8").split()
    assert modules == sorted(modules)
    assert all((ROOT / module).is_file() for module in modules)
    rooms = {path.parent.name for path in ROOT.glob("*/py.typed")} | {"client", "contract"}
    tested = {Path(module).parts[1] for module in modules}
    assert rooms - tested == {"application", "service"}, "tests/contract has those of both"
