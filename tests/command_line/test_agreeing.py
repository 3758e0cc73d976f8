"""``jobsvc agreement``, corrected figures of ``jobsvc estimate``, and both by the client."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jobsvc_client import connect

from tests.command_line.conftest import Run
from tests.contract.test_agreement import TWICE, Reviewed, decided, review
from tests.support.live_server import LiveServer


@pytest.fixture
def data_dir(served: LiveServer) -> Path:
    return served.service.directory.root


@pytest.fixture(scope="module")
def reviewed(served: LiveServer) -> Reviewed:
    return decided(review(served))


def test_agreement_as_tables_and_as_json(run: Run, reviewed: Reviewed) -> None:
    shown = run("agreement", reviewed.job[:8]).stdout
    assert "is_bad: who said what" in shown
    assert "Cohen’s κ" in shown
    assert "90.00 %" in shown
    found = json.loads(run("agreement", reviewed.job, "--confidence", "80%", "--json").stdout)
    assert found == reviewed.agreement(confidence="80%")


def test_estimates_show_corrected_figures(run: Run, reviewed: Reviewed) -> None:
    options = ("--share", "is_bad=true", "--values", "answers")
    shown = run("estimate", reviewed.job, *options).stdout
    assert "corrected by second readings" in shown
    assert f"{TWICE} second readings, of which 4 changed the value." in shown


def test_the_client_reads_agreement_and_differences(served: LiveServer, reviewed: Reviewed) -> None:
    with connect(served.url, served.token) as client:
        sample = client.sample_of(reviewed.job)
        assert sample.agreement(confidence=0.8) == reviewed.agreement(confidence=0.8)
        assert len(sample.differing_readings()) == 4
