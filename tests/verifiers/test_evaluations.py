"""Certificates of evaluations: each kind is recomputed, and every change of a figure is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.verifiers import tamperings
from tests.verifiers.evaluation_cases import CASES, FOLDER
from tests.verifiers.test_verify_sample import verify
from verifiers import verify_sample
from verifiers.verify_sample import canonical

CLAIMED = (
    *("notes", "caveats", "assurance", "departure", "other_samples_total", "formula", "factors"),
    *("source", "boundary"),
)
"""Members of a result that verifiers report as claimed."""
CLAIMED_LINES = ("attributes", "two_stage", "variables")
"""Kinds whose arithmetic repeats other figures, and is claimed."""


def load(case: str) -> tamperings.Files:
    return {path.name: path.read_bytes() for path in (FOLDER / case).iterdir()}


def predicate_of(files: tamperings.Files) -> dict[str, Any]:
    return dict(statement_of(files)["predicate"])


def statement_of(files: tamperings.Files) -> dict[str, Any]:
    payload = base64.b64decode(json.loads(files["evaluation.json"])["payload"])
    return dict(json.loads(payload))


def changed(files: tamperings.Files, change: Callable[[dict[str, Any]], Any]) -> tamperings.Files:
    """The files after a change by somebody who has the key: signed, and in the ledger, again."""
    statement = statement_of(files)
    change(statement["predicate"])
    payload = canonical(statement).encode()
    ledger = json.loads(files["ledger.json"])
    for entry in ledger["entries"]:
        if entry["kind"] == "evaluation":
            entry["body"]["payload_sha256"] = hashlib.sha256(payload).hexdigest()
    tamperings.chain(ledger)
    certificate = json.loads(tamperings.payload_of(files))
    own = certificate["predicate"]["ledger"]
    entry = ledger["entries"][own["number"] - 1]
    assert entry["digest"] == own["digest"]  # the draw is before the evaluation
    return {
        **files,
        "evaluation.json": tamperings.dump(tamperings.envelope(payload)),
        "ledger.json": tamperings.dump(ledger),
    }


def codes(files: tamperings.Files) -> list[str | None]:
    return [line.code for line in verify(files).refusals]


@pytest.mark.parametrize("case", CASES)
def test_evaluations_are_accepted(case: str) -> None:
    report = verify(load(case))
    assert not report.refusals, [line.text for line in report.refusals]
    lines = [line for line in report.lines if line.level == "E"]
    assert sum(line.status == "checked" for line in lines) >= 6
    skipped = [line.text for line in lines if line.status == "not checkable here"]
    assert bool(skipped) == (case == "unsigned")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values of a JSON value that are neither objects nor lists."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from leaves(member, (*path, place))
    else:
        yield path


def other(value: Any) -> Any:
    """Another value of the type; an amount differs by a hundredth of it, or by a few units."""
    if isinstance(value, bool):
        return not value
    if value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.000001
    if verify_sample._NUMBER.fullmatch(value):
        places = len(value.partition(".")[2])
        return f"{float(value) + 3 * 10.0**-places:.{places}f}"
    return value + " x"


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new


def is_recomputed(kind: str, path: tuple[Any, ...]) -> bool:
    """Whether a figure isn't claimed; of long lists the first three members are tried."""
    is_claimed = path[0] in CLAIMED or (path[0] == "arithmetic" and kind in CLAIMED_LINES)
    return not is_claimed and not any(isinstance(step, int) and step > 2 for step in path)


EVALUATED = [name for name in CASES if name != "unsigned"]


@pytest.mark.parametrize("case", EVALUATED)
def test_each_figure_of_a_result_is_recomputed(case: str) -> None:
    files = load(case)
    result = predicate_of(files)["result"]
    paths = [path for path in leaves(result) if is_recomputed(result["kind"], path)]
    assert len(paths) > 10
    accepted = []
    for path in paths:
        value = result
        for step in path:
            value = value[step]

        def change(
            predicate: dict[str, Any], path: tuple[Any, ...] = path, value: Any = value
        ) -> None:
            put(predicate["result"], path, other(value))

        if not codes(changed(files, change)):
            accepted.append(path)
    assert accepted == []
