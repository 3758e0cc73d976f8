"""Both verifiers accept an approved sample of a sealed engagement, and refuse a false approval."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.test_verifier_page import verifier_page
from tests.browser.test_verifier_page import verify as verify_in_page
from tests.support.combined_scene import PATH, CombinedScene
from tests.support.engagement_scene import EngagementScene
from tests.support.live_server import LiveServer
from tests.verifiers.evaluation_cases import files_of, resigned
from tests.verifiers.test_evaluations import changed
from tests.verifiers.test_verify_sample import verify
from verifiers.verify_sample import canonical

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with verifier_page(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(server: LiveServer) -> Files:
    scene = EngagementScene(server)
    scene.seal()
    found = resigned(files_of(server, scene.dataset, scene.sample.rpartition("/")[2]))
    return {**found, "seal.json": scene.admin.get(f"{scene.path}/seal").content}


def by_who(action: str) -> Callable[[dict[str, Any]], None]:
    """Let the person who took another step have approved."""

    def change(predicate: dict[str, Any]) -> None:
        steps = predicate["review"]["steps"]
        steps[-1]["by"] = next(each["by"] for each in steps if each["action"] == action)

    return change


def before_the_sign_off(predicate: dict[str, Any]) -> None:
    steps = predicate["review"]["steps"]
    predicate["review"]["steps"] = [each for each in steps if each["action"] != "signed_off"]


def test_an_approved_sample_is_accepted(page: Page, files: Files) -> None:
    report = verify(files)
    assert not report.refusals, [line.text for line in report.refusals]
    shown = verify_in_page(page, files, allowKnownKey=True)
    assert shown["accepted"], shown["reason"]
    assert shown["levels"]["E"] == "checked"
    said = next(line.text for line in report.lines if "the engagement was sealed by" in line.text)
    whys = [line["why"] for line in shown["lines"]]
    assert any(said.removeprefix("the engagement") in why for why in whys)


def test_another_seal_is_refused(page: Page, files: Files) -> None:
    seal = json.loads(files["seal.json"])
    for change, code in (
        ({"sealed_at": "2020-01-01T00:00:00.000000+00:00"}, "seal"),
        ({"samples": []}, "seal"),
        ({"samples": [{}]}, "missing_member"),
    ):
        forged = {**files, "seal.json": canonical({**seal, **change}).encode()}
        assert [line.code for line in verify(forged).refusals] == [code]
        assert verify_in_page(page, forged, allowKnownKey=True)["code"] == code


def test_without_a_ledger_the_seal_isnt_checkable(page: Page, files: Files) -> None:
    without = {name: files[name] for name in files if name != "ledger.json"}
    report = verify(without)
    assert not report.refusals
    assert any("the seal of the engagement: " in line.text for line in report.lines)
    assert verify_in_page(page, without, allowKnownKey=True)["accepted"]


def test_a_paper_on_several_samples_is_compared_with_the_ledger(
    server: LiveServer, page: Page
) -> None:
    scene = CombinedScene(server)
    scene.bring_both_to("approved")
    paper = scene.done(scene.issue_together("partner"))
    content = scene.admin.get(f"{PATH}/papers/{paper['id']}").content
    found = resigned(files_of(server, scene.dataset, scene.jobs[0]))
    for name, held, code in (
        ("papers/together-1.html", content, None),
        ("papers/together-2.html", content + b" ", "evaluation_paper"),
    ):
        given = {**found, name: held}
        assert [line.code for line in verify(given).refusals] == ([code] if code else [])
        shown = verify_in_page(page, given, allowKnownKey=True)
        assert (shown["accepted"], shown["code"]) == (code is None, code)


@pytest.mark.parametrize("change", [by_who("submitted"), by_who("signed_off"), before_the_sign_off])
def test_a_false_approval_is_refused(page: Page, files: Files, change: Any) -> None:
    wrong = changed(files, change)
    del wrong["ledger.json"]
    assert "evaluation_review" in [line.code for line in verify(wrong).refusals]
    assert verify_in_page(page, wrong, allowKnownKey=True)["code"] == "evaluation_review"
