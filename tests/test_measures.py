"""The measures of the code don't get worse; ``python -m benchmarks.measures`` prints them."""

from __future__ import annotations

import json

from benchmarks.measures import CEILINGS, GOALS, Module, circles, untyped_returns, values


def test_no_measure_is_above_its_ceiling() -> None:
    ceilings = json.loads(CEILINGS.read_text(encoding="utf-8"))
    assert set(ceilings) == set(GOALS)
    above = {
        name: f"{value:,}, recorded {ceilings[name]:,}"
        for name, value in values().items()
        if value > ceilings[name]
    }
    assert not above, "python -m benchmarks.measures --list MEASURE prints what is counted"


def test_each_measure_counts_what_it_says() -> None:
    module = Module(
        "room/one.py",
        '''"""A docstring\nof two lines."""\nimport room.two\n# a comment\n
Values = dict[str, Any]
def answer(confidence: float = 0.95) -> list[Values]:
    if confidence > 1 and method == "stratified":
        return {}
''',
    )
    other = Module("room/two.py", "if TYPE_CHECKING:\n    from room import one\n")
    assert module.code_lines() == 4
    assert module.names_a_method()
    assert len(module.places_of_confidence()) == 2
    assert [place.split()[1] for place in untyped_returns([module])] == ["answer"]
    assert circles([module, other]) == [["room.one", "room.two"]]
