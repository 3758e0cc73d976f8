"""The measures of the code don't get worse; ``python -m benchmarks.measures`` prints them."""

from __future__ import annotations

from benchmarks.measures import (
    GOALS,
    Module,
    circles,
    error_classes,
    lowest,
    recorded,
    twins,
    untyped_returns,
    values,
)


def test_no_measure_is_above_its_lowest_ceiling() -> None:
    ceilings = lowest(recorded())
    assert set(ceilings) == set(GOALS)
    above = {
        name: f"{value:,}, lowest recorded {ceilings[name]:,}"
        for name, value in values().items()
        if value > 1.01 * ceilings[name]
    }
    assert not above, "python -m benchmarks.measures --list MEASURE prints what is counted"


def test_a_raised_ceiling_changes_nothing() -> None:
    assert lowest([{"twins": 90, "extras": 5}, {"twins": 15}]) == {"twins": 15, "extras": 5}


def test_each_measure_counts_what_it_says() -> None:
    module = Module(
        "room/one.py",
        '''"""A docstring\nof two lines."""\nimport room.two\n# a comment\n
def answer(confidence: float = 0.95) -> dict[str, Any]:
    if confidence > 1 and method == "stratified":
        return {}
class Missing(LookupError): ...
class Gone(Missing): ...
''',
    )
    other = Module("room/two.py", "if TYPE_CHECKING:\n    from room import one\n")
    assert len(module.code) == 5
    assert module.names_a_method()
    assert len(module.places_of_confidence()) == 2
    assert [place.split()[1] for place in untyped_returns([module])] == ["answer"]
    assert circles([module, other]) == [["room.one", "room.two"]]
    assert error_classes([module]) == {"Missing", "Gone"}


def test_twins_share_five_fields_and_most_of_the_smaller() -> None:
    shared = "".join(f"    field_{number}: int\n" for number in range(5))
    module = Module(
        "room/answers.py",
        f"@dataclass\nclass Stored:\n{shared}    other: int\n"
        f"class StoredRequest(Request):\n{shared}"
        "@dataclass\nclass Small:\n    field_0: int\n",
    )
    assert twins([module]) == ["room/answers.py:Stored room/answers.py:StoredRequest 5"]
