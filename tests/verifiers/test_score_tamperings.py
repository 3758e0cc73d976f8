"""Changed parameters of draws by uncertainty and by guessed rates are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.verifiers.tamperings import payload_of, public_key, sealed
from verifiers import verify_sample
from verifiers.verify_sample import canonical

FOLDER = Path(__file__).parent / "certificates"
NAMES = {file_name: name for name, file_name in verify_sample.FILES.items()}
KEPT = ("sample.csv", "ledger.json")


def codes(folder: str, changes: dict[str, Any]) -> list[str | None]:
    """The refusals of a certificate that is signed again with other parameters of its round."""
    files = {path.name: path.read_bytes() for path in (FOLDER / folder).iterdir()}
    files = {name: content for name, content in files.items() if name not in KEPT}
    whole = json.loads(payload_of(files))
    given = whole["predicate"]["rounds"][0]["parameters"]
    for name, value in changes.items():
        given[name] = value
        if value is None:
            del given[name]
    files["public-key.txt"] = public_key().hex().encode()
    found = sealed(files, canonical(whole).encode())
    report = verify_sample.verify_files({NAMES[name]: data for name, data in found.items()})
    return [line.code for line in report.refusals]


@pytest.mark.parametrize(
    ("folder", "changes", "code"),
    [
        ("uncertain", {"uncertainty_floor": 0.2}, "facts"),
        ("uncertain", {"uncertainty_missing": "floor"}, "facts"),
        ("uncertain", {"uncertainty": False}, "facts"),
        ("uncertain", {"uncertainty": None}, "facts"),
        ("uncertain", {"uncertainty": False, "uncertainty_floor": 0.05}, "facts"),
        ("recalled", {"flagged": ["NULL"]}, "allocation"),
        ("recalled", {"allocation": "neyman", "flagged": None}, "allocation"),
        ("recalled", {"min_per_stratum": 19}, "allocation"),
    ],
)
def test_changed_parameters_are_refused(folder: str, changes: dict[str, Any], code: str) -> None:
    assert code in codes(folder, changes)


@pytest.mark.parametrize("folder", ["uncertain", "recalled"])
def test_unchanged_parameters_are_accepted(folder: str) -> None:
    assert codes(folder, {}) == []
