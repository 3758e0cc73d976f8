"""The risk of an audit that enlarges its sample: by fixed sizes, and in sequence."""

from __future__ import annotations

from benchmarks.coverage import enlarged


def test_enlarged_samples_keep_their_risk_in_sequence() -> None:
    found = enlarged.risks(5_000, 10_000)
    assert 0.13 < found.fixed[-1] < 0.15
    assert found.alone.max() < 0.055
    assert found.sequential[-1] <= 0.05
