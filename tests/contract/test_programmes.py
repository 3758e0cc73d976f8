"""Audit programmes: the built-in ones, and a file of a user, over API, page and command."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from application.audit.programmes.catalogue import BUILTIN, library_of
from application.audit.programmes.examples import checked_examples, listed_calculations
from application.audit.programmes.reading import InvalidProgramme, read_programme
from command_line import command
from estimation_engine.audit.calculations import CALCULATIONS
from estimation_engine.errors import InvalidCalculation
from service.settings import Settings
from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_found_by import run_test
from tests.support.live_server import LiveServer, live_server
from tests.verifiers.evaluation_cases import files_of
from tests.verifiers.test_evaluations import predicate_of
from tests.verifiers.test_verify_sample import verify
from tests.web_ui.reader import Reader

ROOT = Path(__file__).parents[2]
OWN = (ROOT / "docs" / "PROGRAMMES.md").read_text(encoding="utf-8")
OWN = OWN.split("```toml\n")[1].split("```")[0]
"""The file of the docs: a user's programme."""
ROWS = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("programmes")
    (path / "state-claims.toml").write_text(OWN, encoding="utf-8")
    (path / "broken.toml").write_text(OWN.replace('"variables"', '"variabels"'), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("served") / "data",
        memory_mb=256,
        stop_grace_s=0,
        programmes_dir=str(folder),
    )
    with live_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def dataset(served: LiveServer) -> int:
    """600 amounts of similar size, of which the sample finds many errors."""
    dataset_id = served.new_dataset()
    lines = [f"{row},{('a', 'b', 'c')[row % 3]},{100 + row % 7}.00" for row in range(ROWS)]
    served.import_text(dataset_id, "\n".join(["id,part,amount", *lines]) + "\n")
    return dataset_id


def examined(
    served: LiveServer,
    dataset: int,
    *steps: dict[str, Any],
    error: float = 1.0,
    other: float | None = None,
) -> str:
    """A sample whose rows have the error or another one, half of it, every second one none."""
    other = error / 2 if other is None else other
    rounds = [{**step, "round_number": number} for number, step in enumerate(steps, start=1)]
    body = {"rounds": rounds, "amount_column": "amount"}
    job = served.draw(dataset, body)
    assert job["status"] == "completed", job
    path = f"/api/sampling/jobs/{job['id']}"
    items = served.admin.get(f"{path}/findings?limit=1000").json()["items"]
    found = []
    for at, item in enumerate(items):
        finding = {"row_id": item["row_id"], "outcome": "ok"}
        if at % 2:
            book = float(item["data"]["amount"])
            own = error if at % 4 == 1 else other
            finding |= {"outcome": "exception", "audit_value": f"{book - own:.2f}"}
        found.append(finding)
    answer = served.admin.post(f"{path}/findings", json={"findings": found})
    assert answer.status_code == 200, answer.text
    return str(job["id"])


@pytest.fixture(scope="module")
def random_job(served: LiveServer, dataset: int) -> str:
    return examined(served, dataset, one("random", sample_size=120, seed=5))


def evaluated(served: LiveServer, job: str, **body: Any) -> dict[str, Any]:
    answer = served.admin.post(f"/api/sampling/jobs/{job}/evaluation", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("path", sorted(BUILTIN.glob("*.toml")), ids=lambda path: path.stem)
def test_worked_examples_are_reproduced(path: Path) -> None:
    programme = read_programme(path.read_bytes(), path.name)
    wrong = [each for each in checked_examples(programme) if not each.is_reproduced]
    assert (programme.name, wrong) == (path.stem, [])
    assert "not certified" in programme.file.source.statement


def test_random_sample_by_the_guidance(served: LiveServer, random_job: str) -> None:
    """N·ΣE/n and z·N·s/√n, by hand: 60 of 120 rows have errors of 1 and 0.5, 45 in all."""
    found = evaluated(served, random_job, programme="eu-cohesion", confidence=0.8)
    own = found["programme"]
    assert own["calculation"] == "random_mean_per_unit"
    assert float(own["figures"]["projected"]) == ROWS * 45 / 120
    squares = 30 * 1.0 + 30 * 0.25
    deviation = ((squares - 45**2 / 120) / 119) ** 0.5
    margin = 1.2815515655446004 * ROWS * deviation / 120**0.5
    assert float(own["figures"]["precision"]) == pytest.approx(margin, abs=0.006)
    assert (own["verdict"], found["conclusion"]["is_tolerable"]) == ("tolerable", True)
    assert "isn't materially misstated" in found["conclusion"]["sentence"]
    assert (found["confidence"], found["sides"]) == (0.8, "two")
    assert "not certified" in found["assurance"]["sentence"]


def test_verdicts_follow_what_is_tolerable(served: LiveServer, random_job: str) -> None:
    given = {"programme": "eu-cohesion", "confidence": 0.9}
    reader = Reader(served, "admin")
    for tolerable, verdict, concluded in (
        (100, "not_supported", False),
        (230, "inconclusive", None),
        (500, "tolerable", True),
    ):
        found = evaluated(served, random_job, **given, tolerable=tolerable)
        assert found["programme"]["verdict"] == verdict
        assert found["conclusion"]["is_tolerable"] is concluded
        asked = {"kind": "variables", "sides": "two", **given}
        page = reader.page(f"/jobs/{random_job}", tab="evaluation", **asked, tolerable=tolerable)
        upper = f"{float(found['programme']['figures']['upper_limit']):,.2f}"
        first, below = page.split("Figures of the kind of evaluation")
        assert "Misstatement by the programme" in first
        assert f"<dd>{upper}</dd>" in first
        assert "Tolerable misstatement" in first.split("Misstatement by the programme")[0]
        assert 'class="bound"' in first
        assert 'class="bound"' not in below


def test_programme_keeps_the_doubts_of_its_kind(served: LiveServer, dataset: int) -> None:
    job = examined(served, dataset, one("random", sample_size=34, seed=2))
    found = evaluated(served, job, programme="eu-cohesion", confidence=0.9)
    assert (found["programme"]["verdict"], found["conclusion"]["is_tolerable"]) == (
        "tolerable",
        None,
    )
    assert found["conclusion"]["sentence"].startswith("No conclusion, as the limit")


def test_strata_and_monetary_units_are_read(served: LiveServer, dataset: int) -> None:
    step = one("stratified", strata_columns=["part"], sample_size=90, seed=3)
    job = examined(served, dataset, step)
    found = evaluated(served, job, programme="eu-cohesion", estimator="ratio", confidence=0.7)
    assert found["programme"]["calculation"] == "stratified_ratio"
    assert float(found["programme"]["figures"]["book_value"]) == float(found["book_value"])
    job = examined(served, dataset, one("monetary_unit", book_column="amount", sample_size=90))
    found = evaluated(served, job, programme="eu-cohesion", confidence=0.9)
    figures = found["programme"]["figures"]
    assert found["programme"]["calculation"] == "monetary_units"
    likely = float(found["overstatement"]["most_likely"])
    assert float(figures["projected"]) == pytest.approx(likely, abs=0.02)
    by_stringer = evaluated(served, job, programme="mus-standard", tolerable=0.05)
    assert by_stringer["likelihood"] == "poisson"
    limit = by_stringer["overstatement"]["upper_limit"]
    assert by_stringer["programme"]["figures"]["upper_limit"] == limit


def test_steps_of_monetary_units_are_strata(served: LiveServer, dataset: int) -> None:
    """6.3.2: z·√(Σ BV_h²/n_h·s_h²), under its own title, paragraph and formula."""
    money: dict[str, Any] = {
        "book_column": "amount",
        "selection": "random",
        "sample_size": 40,
    }
    steps = [
        {
            **one("monetary_unit", **money, seed=seed),
            "filters": {"expression": f"part {part}"},
        }
        for seed, part in ((1, "= 'a'"), (2, "<> 'a'"))
    ]
    job = examined(served, dataset, *steps)
    own = evaluated(served, job, programme="eu-cohesion")["programme"]
    assert (own["calculation"], own["paragraph"]) == ("monetary_units_stratified", "6.3.2")
    assert own["evaluation"] == "Monetary units, stratified"
    assert "Σ BV_h²/n_h·s_h²" in own["formula"]
    sign_off(served, dataset, job, {"programme": "eu-cohesion"})
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]
    assert any("figures of the audit programme" in line.text for line in report.lines)


@pytest.mark.parametrize(
    "step",
    [
        one("random", sample_size=40),
        one("stratified", strata_columns=["part"], sizes={"a": "all", "b": "all"}),
        one("monetary_unit", book_column="amount", interval=50),
    ],
    ids=["random", "strata", "monetary_units"],
)
def test_rows_that_are_all_examined_have_known_errors(
    served: LiveServer, step: dict[str, Any]
) -> None:
    """Nothing is projected: 10 of 40 rows have an error of 1, and 10 of 0.5."""
    dataset = served.new_dataset()
    lines = [f"{'ab'[row % 2]},{100 + row}.00" for row in range(40)]
    served.import_text(dataset, "\n".join(["part,amount", *lines]) + "\n")
    job = examined(served, dataset, step)
    found = evaluated(served, job, programme="eu-cohesion")
    figures = found["programme"]["figures"]
    assert [float(figures[name]) for name in ("known", "projected", "upper_limit")] == [15.0] * 3
    assert (float(figures["precision"]), found["conclusion"]["is_tolerable"]) == (0.0, True)
    assert found["programme"]["notes"][0].startswith("All units were examined")
    sign_off(served, dataset, job, {"programme": "eu-cohesion"})
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]


def test_strata_out_of_proportion_are_refused(served: LiveServer, dataset: int) -> None:
    """The guidance's precision of strata, z·N·s_w/√n, is that of proportional sizes."""
    step = one("stratified", strata_columns=["part"], sizes={"a": 60, "b": 20, "c": 20})
    job = examined(served, dataset, step)
    answer = served.admin.post(
        f"/api/sampling/jobs/{job}/evaluation", json={"programme": "eu-cohesion"}
    )
    text = assert_problem(answer, 422, "invalid_calculation")["detail"]
    assert "60 of 200 units of a were drawn, and 33.3 would be in proportion" in text


@pytest.mark.parametrize("method", ["random", "monetary_unit"])
def test_errors_that_offset_each_other_are_not_called_tolerable(
    served: LiveServer, dataset: int, method: str
) -> None:
    """Errors of 20 in a quarter of the rows, and of -20 in another: 5 of 103 in each direction."""
    money = {"book_column": "amount"} if method == "monetary_unit" else {}
    step = one(method, sample_size=120, seed=5, **money)
    job = examined(served, dataset, step, error=20.0, other=-20.0)
    chosen = {"programme": "eu-cohesion", "confidence": 0.6}
    found = evaluated(served, job, **chosen)
    assert found["programme"]["verdict"] == "tolerable"
    assert found["conclusion"]["is_tolerable"] is None
    assert found["conclusion"]["sentence"].startswith("No conclusion, as errors of one direction")
    name = "most_likely" if money else "projected"
    over, under = (float(found[each][name]) for each in ("overstatement", "understatement"))
    assert min(over, under) > float(found["tolerable"])
    assert over - under == pytest.approx(float(found["programme"]["figures"]["projected"]), abs=0.1)
    said = f"understatements, projected as {under:,.2f}, are taken from overstatements, projected"
    assert any(said in each for each in found["caveats"])
    sign_off(served, dataset, job, chosen)
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]


def test_large_understatements_are_not_called_tolerable(served: LiveServer, dataset: int) -> None:
    """Monetary units conclude on overstatements; the sentence of the file is of any error."""
    step = one("monetary_unit", book_column="amount", sample_size=90, seed=4)
    found = evaluated(
        served, examined(served, dataset, step, error=-100.0), programme="eu-cohesion"
    )
    assert float(found["programme"]["figures"]["lower_limit"]) < -10_000
    conclusion = found["conclusion"]
    assert conclusion["is_tolerable"] is None
    assert conclusion["sentence"].startswith("No conclusion, as understatements may be above")


def test_own_file_over_api_page_and_command(
    served: LiveServer, random_job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file alone adds a programme: no code knows its name."""
    listed = served.admin.get("/api/audit-programmes").json()
    assert [each["name"] for each in listed["programmes"]][-1] == "state-claims"
    (broken,) = listed["broken"]
    assert 'broken.toml, evaluations[1].kind: Did you mean "variables"?' in broken["problem"]
    shown = served.admin.get("/api/audit-programmes/state-claims").json()
    assert shown["not_reproduced"] == 0
    found = evaluated(served, random_job, programme="state-claims")
    lower = float(found["lower_limit"])
    assert (found["confidence"], found["programme"]["verdict"]) == (0.8, "statement")
    sentence = f"at 80 % confidence {lower:,.2f} is claimed back."
    assert found["conclusion"]["sentence"].endswith(sentence)
    reader = Reader(served, "admin")
    page = reader.text(f"/jobs/{random_job}", tab="evaluation", programme="state-claims")
    assert sentence in page
    assert "Follows chapter 4" in page
    assert 'href="/programmes"' in reader.page("/")
    assert "State claims" in reader.text("/programmes")
    assert "18,106.26" in reader.text("/programmes/state-claims")
    monkeypatch.setenv("JOBSVC_SERVER", served.url)
    monkeypatch.setenv("JOBSVC_TOKEN", served.token)
    result = CliRunner().invoke(command, ["evaluate", random_job, "--programme", "state-claims"])
    assert (result.exit_code, sentence in result.output) == (0, True), result.output
    paper = served.admin.get(
        f"/api/sampling/jobs/{random_job}/working-paper", params={"programme": "state-claims"}
    )
    text = html.unescape(paper.text)
    assert sentence in text
    assert "The lower limit is claimed back. (§ 4.3)" in text
    assert found["programme"]["sha256"] in text


def test_refusals_name_their_field(served: LiveServer, dataset: int, random_job: str) -> None:
    path = f"/api/sampling/jobs/{random_job}/evaluation"
    for body, field, words in (
        ({"programme": "eu"}, "programme", "eu-cohesion"),
        ({"programme": "mus-standard"}, "programme", "no such evaluation"),
        ({"programme": "eu-cohesion", "confidence": 0.95}, "confidence", "60 %, 70 %, 80 %, 90 %"),
        ({"programme": "recovery", "sides": "one"}, "sides", "sets `sides` to two"),
        ({"programme": "eu-cohesion", "tolerable": 0.1}, "tolerable", "at most 0.02"),
        ({"programme": "eu-cohesion", "tolerable": 6_000}, "tolerable", "At most 2 %"),
    ):
        answer = served.admin.post(path, json=body)
        assert answer.status_code == 422
        assert words in answer.text
        assert field in answer.json()["errors"][0]["loc"]
    small = examined(served, dataset, one("random", sample_size=20, seed=8))
    answer = served.admin.post(
        f"/api/sampling/jobs/{small}/evaluation", json={"programme": "eu-cohesion"}
    )
    assert "at least 30 units" in answer.text
    assert "20 rows" in answer.text
    assert_problem(served.admin.get("/api/audit-programmes/none"), 404, "not_found")


def sign_off(served: LiveServer, dataset: int, job: str, evaluation: dict[str, Any]) -> Any:
    """Sign off by another user, and return what the step kept."""
    path = f"/api/sampling/jobs/{job}/review"
    served.admin.post(path, json={"action": "submitted"}).raise_for_status()
    reader = Reader(served)
    grant = {"user_id": reader.api.get("/api/users/me").json()["id"], "permission": "write"}
    served.admin.put(f"/api/datasets/{dataset}/permissions", json=grant).raise_for_status()
    signed = reader.api.post(path, json={"action": "signed_off", "evaluation": evaluation})
    assert signed.status_code == 200, signed.text
    return signed.json()["entries"][-1]["evaluation"]


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (one("random", sample_size=60, seed=31), {"programme": "eu-cohesion"}),
        (one("random", sample_size=60, seed=32), {"programme": "recovery"}),
        (
            one("monetary_unit", sample_size=60, seed=33, book_column="amount"),
            {"programme": "mus-standard", "tolerable": "5%"},
        ),
        (
            one("monetary_unit", sample_size=60, seed=34, book_column="amount"),
            {"programme": "eu-cohesion-conservative"},
        ),
    ],
    ids=["guidance", "recovery", "monetary_unit", "conservative"],
)
def test_verifiers_recompute_what_a_programme_says(
    served: LiveServer, dataset: int, step: dict[str, Any], given: dict[str, Any]
) -> None:
    job = examined(served, dataset, step)
    sign_off(served, dataset, job, given)
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]
    lines = [(line.status, line.text) for line in report.lines if line.level == "E"]
    assert [text for status, text in lines if status == "not checkable here"] == []
    assert ("checked", f"the figures of the audit programme ({given['programme']})") in lines


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("state-claims", {}),
        ("mus-standard", {"tolerable": "5%"}),
        ("mus-standard", {"tolerable": "0.001%"}),
    ],
)
def test_a_programme_whose_example_is_wrong_concludes_nothing(
    served: LiveServer, dataset: int, folder: Path, name: str, given: dict[str, Any]
) -> None:
    """Its rule is stated with the doubt, whatever the verdict is; both are recomputed."""
    text = OWN if name == "state-claims" else (BUILTIN / f"{name}.toml").read_text("utf-8")
    file = folder / "wrong.toml"
    for right, wrong in (("19_888", "19_777"), ("size = 93", "size = 94")):
        text = text.replace(right, wrong)
    text = text.replace(f'name = "{name}"', 'name = "wrong"')
    file.write_text(text, encoding="utf-8")
    step = {"state-claims": one("random", sample_size=60, seed=41)}.get(
        name, one("monetary_unit", sample_size=60, seed=42, book_column="amount")
    )
    job = examined(served, dataset, step)
    conclusion = evaluated(served, job, programme="wrong", **given)["conclusion"]
    assert conclusion["is_tolerable"] is None
    assert re.match(
        r"No conclusion\. Of the programme wrong, 1 of \d worked .* By its rule alone: The ",
        conclusion["sentence"],
    )
    sign_off(served, dataset, job, {"programme": "wrong", **given})
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]
    assert any("figures of the audit programme (wrong)" in line.text for line in report.lines)
    file.unlink()


def test_the_conclusion_names_the_audit_test_of_its_rows(served: LiveServer) -> None:
    """By a programme and without one, in the words that both verifiers compute."""
    dataset = served.new_dataset()
    lines = [f"{row % 400},{100 + row % 7}.00" for row in range(ROWS)]
    served.import_text(dataset, "\n".join(["part,amount", *lines]) + "\n")
    found_by = run_test(served, dataset, columns=["part"])["id"]
    filters = {"found_by": [found_by], "expression": "amount > 100"}
    step = {**one("random", sample_size=60, seed=9), "filters": filters}
    job = examined(served, dataset, step)
    scope = f"amount > 100 and the filter found_by (audit test {found_by[:8]})"
    for given in ({"programme": "eu-cohesion"}, {"kind": "attributes", "tolerable": 0.6}):
        found = evaluated(served, job, **given)
        assert found["scope"] == scope
        assert found["conclusion"]["sentence"].endswith(f"rows that pass {scope} alone.")
    sign_off(served, dataset, job, {"programme": "eu-cohesion"})
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]


def test_a_formula_names_its_assumption_and_negative_amounts(served: LiveServer) -> None:
    """Custom isn't all: the limits are normal. Amounts below 0 lower what is tolerable."""
    dataset = served.new_dataset()
    lines = [f"{-900 if row % 2 else 1000}.00" for row in range(ROWS)]
    served.import_text(dataset, "\n".join(["amount", *lines]) + "\n")
    job = examined(served, dataset, one("random", sample_size=60, seed=3))
    found = evaluated(served, job, programme="eu-cohesion")
    assert "not certified" in found["assurance"]["sentence"]
    assert "nearly normally distributed" in found["assurance"]["sentence"]
    caveat = next(each for each in found["caveats"] if "examined rows have book values" in each)
    assert caveat.endswith("Draw the positive ones apart.")


def test_a_changed_file_is_noticed_after_the_sign_off(
    served: LiveServer, dataset: int, folder: Path
) -> None:
    """The sign-off and the certificate keep the SHA-256 of the file."""
    name = folder / "changing.toml"
    text = OWN.replace('"state-claims"', '"changing"')
    name.write_text(text, encoding="utf-8")
    job = examined(served, dataset, one("random", sample_size=60, seed=11))
    kept = sign_off(served, dataset, job, {"programme": "changing"})
    found = evaluated(served, job)
    assert found["signed"]["difference"] is None
    assert kept["programme"]["sha256"] == found["programme"]["sha256"]
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]
    (line,) = [each for each in report.lines if "audit programme (changing)" in each.text]
    assert (line.status, line.text[:11]) == ("checked", "the figures")
    assert any(kept["programme"]["sha256"] in each.text for each in report.lines)
    issued = served.admin.get(f"/api/sampling/jobs/{job}/evaluation-certificate").json()["payload"]
    name.write_text(text + "# changed\n", encoding="utf-8")
    assert (
        "another version of the programme changing"
        in evaluated(served, job)["signed"]["difference"]
    )
    name.unlink()
    gone = evaluated(served, job)
    assert gone["programme"] is None
    assert gone["signed"]["difference"].startswith("Signed off: programme changing")
    kept = served.admin.get(f"/api/sampling/jobs/{job}/evaluation-certificate").json()["payload"]
    assert kept == issued
    served.admin.post(f"/api/sampling/jobs/{job}/papers", json={}).raise_for_status()
    files = files_of(served, dataset, job)
    report = verify(files)
    assert not report.refusals, [line.text for line in report.refusals]
    later = predicate_of(files)
    assert (later["issue"], later["result"]) == (2, None)
    assert later["not_evaluated"].startswith("Signed off: programme changing")


def test_sizes_by_a_programme(served: LiveServer, dataset: int) -> None:
    """n = (N·z·σ/(TE − AE))²: N 600, book value 61,798, 2 % less 0.5 %; at least 30."""
    path = f"/api/sampling/datasets/{dataset}/size"
    goal = {"name": "eu-cohesion", "book_column": "amount", "deviation": 8, "expected": 0.005}
    found = served.admin.post(path, json={"design": one("random"), "programme": goal}).json()
    book = float(found["programme"]["book_value"])
    due = (ROWS * 1.6448536269514722 * 8 / (0.015 * book)) ** 2
    assert found["programme"]["unrounded"] == pytest.approx(due)
    assert found["sample_size"] == found["round"]["parameters"]["sample_size"] == int(due) + 1
    drawn = served.draw(dataset, {"rounds": [found["round"]]})
    assert drawn["output_summary"]["total_sampled"] == found["sample_size"]
    design = one("stratified", strata_columns=["part"])
    strata = {**goal, "deviation": None, "deviations": {"a": 5, "b": 9}, "always": ["c"]}
    found = served.admin.post(path, json={"design": design, "programme": strata}).json()
    sizes = found["round"]["parameters"]["sizes"]
    assert sizes["c"] == "all"
    assert found["sample_size"] == sizes["a"] + sizes["b"] + ROWS // 3
    few = {**goal, "deviation": 5}
    found = served.admin.post(path, json={"design": one("random"), "programme": few}).json()
    assert (found["sample_size"], found["programme"]["unrounded"] < 29) == (30, True)
    assert "30, as the programme's evaluation refuses a smaller one." in found["notes"][0]
    many = {**goal, "deviation": 600}
    found = served.admin.post(path, json={"design": one("random"), "programme": many}).json()
    assert found["sample_size"] == ROWS
    assert f"the sample has all {ROWS} units that it can draw" in found["notes"][0]
    refused = {**strata, "deviations": {"a": 5}}
    answer = served.admin.post(path, json={"design": design, "programme": refused})
    assert answer.json()["errors"][0]["parameters"] == {"label": "b"}
    plain = {"design": one("random"), "programme": goal}
    money = {"design": one("monetary_unit", book_column="amount")}
    for more, field in (
        ({**money, "programme": {**goal, "book_column": None}}, "deviation"),
        ({"programme": {**goal, "expected": 0.03}}, "expected"),
        ({"goal": {"margin": 0.1}}, "goal"),
        ({"allocation": "optimal"}, "allocation"),
        ({"cost": {"a": 2}}, "cost"),
        ({"budget": 100}, "budget"),
        ({"takes_last": True}, "takes_last"),
        ({"programme": {**goal, "deviation": 1e200}}, "programme"),
    ):
        answer = served.admin.post(path, json={**plain, **more})
        assert answer.status_code == 422
        assert field in answer.json()["errors"][0]["loc"]


def test_a_planned_size_of_monetary_units_is_evaluated(served: LiveServer) -> None:
    """30 units of 40 equal rows are in fewer rows; the least of the guidance counts units."""
    dataset = served.new_dataset()
    served.import_text(dataset, "\n".join(["amount", *["100.00"] * 40]) + "\n")
    goal = {"name": "eu-cohesion", "deviation": 0.001, "expected": 0}
    design = one("monetary_unit", book_column="amount", seed=1)
    path = f"/api/sampling/datasets/{dataset}/size"
    found = served.admin.post(path, json={"design": design, "programme": goal}).json()
    assert found["sample_size"] == 30
    job = examined(served, dataset, found["round"])
    result = evaluated(served, job, programme="eu-cohesion")
    assert result["units"] == 30
    drawn = served.admin.get(f"/api/jobs/{job}").json()["output_summary"]
    assert drawn["total_sampled"] < 30
    few = examined(served, dataset, one("monetary_unit", book_column="amount", sample_size=29))
    asked = {"programme": "eu-cohesion"}
    answer = served.admin.post(f"/api/sampling/jobs/{few}/evaluation", json=asked)
    assert "The sample has 29 units." in assert_problem(answer, 422, "invalid_findings")["detail"]
    sign_off(served, dataset, job, asked)
    report = verify(files_of(served, dataset, job))
    assert not report.refusals, [line.text for line in report.refusals]


def test_sizes_of_monetary_units_by_poisson_factors(served: LiveServer, dataset: int) -> None:
    """AICPA's table C-1: 93 units for 5 % with 1 % expected, and 60 with none."""
    path = f"/api/sampling/datasets/{dataset}/size"
    design = one("monetary_unit", book_column="amount")
    for expected, size in ((0.01, 93), (0, 60)):
        goal = {"name": "mus-standard", "expected": expected, "materiality": "5%"}
        found = served.admin.post(path, json={"design": design, "programme": goal}).json()
        assert found["sample_size"] == found["round"]["parameters"]["sample_size"] == size
        assert found["programme"]["paragraph"] == "AICPA, Audit Sampling, table C-1"
    job = examined(served, dataset, found["round"])
    run = served.admin.get(f"/api/jobs/{job}").json()["run_parameters"]
    goal = {"materiality": 0.05, "expected": 0, "confidence": 0.95, "likelihood": "poisson"}
    assert run["rounds"][0]["goal"] == goal
    result = evaluated(served, job, programme="mus-standard")
    assert (result["programme"]["verdict"] is None, result["departure"]) == (False, None)
    assert result["programme"]["name"] == "mus-standard"
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"materiality": None}, "materiality"),
        ({"deviation": 3}, "deviation"),
        ({"expected": 0.06}, "expected"),
        ({"materiality": 1e-9, "expected": 0}, "expected"),
    )
    for more, field in refused:
        goal = {"name": "mus-standard", "expected": 0.01, "materiality": 0.05, **more}
        answer = served.admin.post(path, json={"design": design, "programme": goal})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["loc"][-2:] == ["programme", field]


def test_conservative_approach_evaluates_a_sample(
    served: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned, drawn by the interval BV/n, and evaluated over API, page, command and paper."""
    dataset = served.new_dataset()
    lines = [f"{row},{9_000 if row < 5 else 100 + row % 7}.00" for row in range(ROWS)]
    served.import_text(dataset, "\n".join(["id,amount", *lines]) + "\n")
    design, name = one("monetary_unit", book_column="amount"), "eu-cohesion-conservative"
    found = served.admin.post(
        f"/api/sampling/datasets/{dataset}/size",
        json={"design": design, "programme": {"name": name, "expected": 0.001}},
    ).json()
    factor, book = 2.302585092994046, float(found["programme"]["book_value"])
    assert found["programme"]["unrounded"] == pytest.approx(factor / (0.02 - 0.0015))
    assert found["sample_size"] == 125
    interval = found["round"]["parameters"]["interval"]
    assert interval == pytest.approx(book / 125, abs=0.011)
    assert any("fewer rows than the size has units" in note for note in found["notes"])
    job = examined(served, dataset, found["round"])
    result = evaluated(served, job, programme=name)
    own, figures = result["programme"], result["programme"]["figures"]
    assert own["calculation"] == "monetary_units_conservative"
    assert float(figures["interval"]) == interval
    assert float(figures["basic_precision"]) == pytest.approx(interval * factor, abs=0.011)
    assert "lower_limit" not in figures
    assert float(figures["known"]) > 0
    # Stringer's bound has BV′/n′ for the interval, which has a whole number of units n′.
    assert float(figures["upper_limit"]) == pytest.approx(
        float(result["overstatement"]["upper_limit"]), rel=0.02
    )
    assert (result["likelihood"], result["bound"]) == ("poisson", "stringer")
    sentence = result["conclusion"]["sentence"]
    asked = {"kind": "monetary_unit", "programme": name, "confidence": 0.9}
    page = Reader(served, "admin").text(f"/jobs/{job}", tab="evaluation", **asked)
    assert sentence in page
    assert "Basic precision" in page
    monkeypatch.setenv("JOBSVC_SERVER", served.url)
    monkeypatch.setenv("JOBSVC_TOKEN", served.token)
    printed = CliRunner().invoke(command, ["evaluate", job, "--programme", name])
    assert (printed.exit_code, sentence in printed.output) == (0, True), printed.output
    paper = served.admin.get(f"/api/sampling/jobs/{job}/working-paper", params={"programme": name})
    assert sentence in html.unescape(paper.text)


def test_samples_that_the_conservative_approach_cannot_read_are_refused(
    served: LiveServer, dataset: int
) -> None:
    steps = [
        {**one("monetary_unit", book_column="amount", sample_size=30), "filters": filters}
        for filters in ({"expression": "id < 300"}, {"expression": "id >= 300"})
    ]
    name = "eu-cohesion-conservative"
    money = one("monetary_unit", book_column="amount", sample_size=60, seed=6)
    absolute = one("monetary_unit", book_column="amount", population="absolute", sample_size=60)
    for rounds, error, words in (
        (steps, 1.0, "for a sample of one step"),
        ([money], -1.0, "overstatements alone"),
        ([absolute], 1.0, "negative units are a population of their own"),
        ([one("monetary_unit", book_column="amount", sample_size=ROWS)], 1.0, "All rows"),
    ):
        job = examined(served, dataset, *rounds, error=error)
        answer = served.admin.post(f"/api/sampling/jobs/{job}/evaluation", json={"programme": name})
        assert answer.status_code == 422, answer.text
        assert words in answer.text
        assert answer.json()["errors"][0]["loc"] == ["body", "programme"]


def test_small_strata_are_drawn_and_evaluated(served: LiveServer) -> None:
    """A stratum of 12 rows and one of 2, beside 600: at least three rows, or all of them."""
    dataset = served.new_dataset()
    parts = ["large"] * ROWS + ["small"] * 12 + ["pair"] * 2
    lines = [f"{row},{part},{100 + row % 7}.00" for row, part in enumerate(parts)]
    served.import_text(dataset, "\n".join(["id,part,amount", *lines]) + "\n")
    goal = {"name": "eu-cohesion", "book_column": "amount", "deviation": 8, "expected": 0.005}
    found = served.admin.post(
        f"/api/sampling/datasets/{dataset}/size",
        json={"design": one("stratified", strata_columns=["part"]), "programme": goal},
    ).json()
    sizes = found["round"]["parameters"]["sizes"]
    assert (sizes["small"], sizes["pair"]) == (3, 2)
    assert found["sample_size"] == sum(sizes.values())
    assert any("By the formula 2 parts have fewer than 3 units" in note for note in found["notes"])
    job = examined(served, dataset, found["round"])
    result = evaluated(served, job, programme="eu-cohesion")["programme"]
    assert result["calculation"] == "stratified_mean_per_unit"
    assert any("right for strata of any sizes" in note for note in result["notes"])


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("confidence = 0.8", "confidence = 1.8", "confidence: 1.8 is out of bounds"),
        ('title = "State claims"', 'titel = "State"', 'titel: Unknown. Did you mean "title"'),
        ('about = "Recovery', '# "', "about: Missing"),
        (
            "{lower_limit} is claimed",
            "{lower} is claimed",
            "conclusions.statement: The figure {lower} is unknown. Did you mean",
        ),
        ("{lower_limit} is", "{Größe} is", "The figure {Größe} is unknown. Available: book_value"),
        ("tolerance = 1", "tolerance = 1e9", "examples[1].tolerance: 1e+09 is more than a tenth"),
        ('is claimed back."', 'is {0} claimed"', "Braces are for figures"),
        ('"expansion"', '"expansions"', 'examples[1].calculation: Did you mean "expansion"'),
        ("units = 676", "unit = 676", 'examples[1].inputs.unit: Did you mean "units"'),
        ('samples = ["random"]', 'samples = ["rondom"]', "evaluations[1].samples[1]"),
        ("least_rows = 50\n", "", "`least_rows` and `stops_below` go together"),
        ("[source]", "[source", "not TOML"),
        ('limit = "lower_limit"', "limit = 3", "evaluations[1].limit"),
        ("units = 676", f"units = 1{'0' * 400}", "examples[1].inputs.units: Must be a number"),
        ("units = 676", f"units = 1{'0' * 5_000}", "not TOML"),
        ("confidence = 0.8", f"confidence = 1{'0' * 400}", "confidence: Must be a number"),
        (
            'sides = "two"',
            'sides = "two"\ncalculation = "nonstatistical_ratio"',
            "evaluations[1].calculation: nonstatistical_ratio computes no limits of a sample",
        ),
        (
            'sides = "two"',
            'sides = "two"\ncalculation = "stratified_ratios"',
            "evaluations[1].calculation: ",
        ),
        (
            "The overpayment is {projected}",
            "The overpayment is {interval}",
            "conclusions.statement: ",
        ),
        ("tolerance = 1", "printed = { units = 3 }", "examples[1].printed: Needs `misprint`"),
        (
            "tolerance = 1",
            'misprint = "a"\nprinted = { units = 3 }',
            "examples[1].printed.units: ",
        ),
        (
            'sides = "two"',
            'sides = "two"\ncalculation = "monetary_units"',
            "evaluations[1].calculation: monetary_units computes no limits of a sample by",
        ),
        (
            'sides = "two"',
            'sides = "two"\nperiods = "monetary_units_periods"',
            "evaluations[1].periods: monetary_units_periods computes no limits of a sample by",
        ),
        (
            'sides = "two"',
            'sides = "two"\nperiods_paragraph = "4"',
            "evaluations[1].periods_paragraph: Needs `periods`",
        ),
        (
            "[conclusions]",
            '[[sizes]]\ntitle = "a"\nmethod = "monetary_unit"\ncalculation = "size_conservative"\n'
            'periods = "size_conservative"\n[conclusions]',
            "sizes[1].periods: size_conservative computes no size of several periods",
        ),
        (
            'statement = "The overpayment is {projected}; at {confidence} confidence {lower_limit} '
            'is claimed back."',
            'tolerable = "a"\nnot_supported = "b"\ninconclusive = "c"',
            "evaluations[1].limit: What is tolerable is compared with the `upper_limit`",
        ),
    ],
)
def test_mistakes_of_a_file_name_the_field(old: str, new: str, problem: str) -> None:
    assert old in OWN
    with pytest.raises(InvalidProgramme) as refused:
        read_programme(OWN.replace(old, new, 1).encode(), "own.toml")
    assert problem in refused.value.message
    assert refused.value.message.startswith("own.toml")


def test_a_file_with_an_enormous_number_stops_nothing(tmp_path: Path) -> None:
    for name, digits in (("a", 400), ("b", 5_000)):
        text = OWN.replace("units = 676", f"units = 1{'0' * digits}")
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    library = library_of(Settings(data_dir=tmp_path, programmes_dir=str(tmp_path)))
    assert [each.file_name for each in library.broken] == ["a.toml", "b.toml"]


PART = {"units": 40, "book_value": 9_000, "errors": 5}
MONEY = {"book_value": 9_000, "taints": 0.1}


@pytest.mark.parametrize(
    ("calculation", "inputs", "problem"),
    [
        ("expansion", {"units": 9, "examined": 3, "deviation": 1e308, "errors": 1}, "too large"),
        ("nonstatistical_ratio", {"parts": [{**PART, "examined": 0}]}, "needs the book value"),
        ("nonstatistical_mean_per_unit", {"parts": [{**PART, "examined": 0}]}, "must be above 0"),
        ("nonstatistical_proportional", {"parts": [{**MONEY, "examined": 0}]}, "must be above 0"),
        (
            "random_mean_per_unit",
            {"z": 1e300, "parts": [{**PART, "examined": 3, "deviation": 9e9}]},
            "too large",
        ),
        (
            "size_random",
            {"book_value": 9_000, "expected": 0, "parts": [{"units": 4, "deviation": 1e200}]},
            "too large",
        ),
        (
            "size_random",
            {
                "book_value": 9_000,
                "expected": 0,
                "always": -50,
                "parts": [{"units": 4, "deviation": 1}],
            },
            "always must be 0 or more",
        ),
        (
            "monetary_units_conservative",
            {"size": 100, "sampled_value": 1e6, "errors": [-0.9] * 5},
            "overstatements alone",
        ),
    ],
)
def test_inputs_that_no_formula_can_take_are_refused(
    calculation: str, inputs: dict[str, Any], problem: str
) -> None:
    """And not a division by 0, or an overflow, which a page couldn't answer."""
    with pytest.raises(InvalidCalculation, match=problem):
        CALCULATIONS[calculation].compute({"confidence": 0.9, **inputs})


def test_check_refuses_the_name_of_a_built_in_programme(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace('"state-claims"', '"recovery"'), encoding="utf-8")
    done = CliRunner().invoke(command, ["programmes", "check", str(file)])
    assert (done.exit_code, 'jobsvc is called "recovery"' in done.output) == (1, True)


def test_check_prints_differences(tmp_path: Path) -> None:
    """Without a server; the exit code is 1 if a figure differs."""
    right, wrong = tmp_path / "right.toml", tmp_path / "wrong.toml"
    right.write_text(OWN, encoding="utf-8")
    wrong.write_text(OWN.replace("19_888", "19_880"), encoding="utf-8")
    done = CliRunner().invoke(command, ["programmes", "check", str(right)])
    assert (done.exit_code, "1 example reproduced" in done.output) == (0, True), done.output
    failed = CliRunner().invoke(command, ["programmes", "check", str(wrong)])
    assert failed.exit_code == 1
    assert "19,880" in failed.output
    assert "+7.92 (too much)" in failed.output


def test_a_missing_folder_stops_nothing(tmp_path: Path) -> None:
    library = library_of(Settings(data_dir=tmp_path, programmes_dir=str(tmp_path / "none")))
    assert len(library.programmes) == 4
    assert "doesn't exist" in library.broken[0].problem


def test_a_programme_with_a_wrong_example_says_so(
    served: LiveServer, random_job: str, folder: Path
) -> None:
    text = (folder / "state-claims.toml").read_text("utf-8").replace("19_888", "19_999")
    file = folder / "wrong.toml"
    file.write_text(text.replace('name = "state-claims"', 'name = "wrong"'), "utf-8")
    try:
        listed = served.admin.get("/api/audit-programmes").json()["programmes"]
        wrong = {each["name"]: each["not_reproduced"] for each in listed}
        assert (wrong["wrong"], wrong["state-claims"], wrong["recovery"]) == (1, 0, 0)
        assert "1 not reproduced" in Reader(served, "admin").text("/programmes")
        caveat = evaluated(served, random_job, programme="wrong")["caveats"][-1]
        assert caveat.startswith("Of the programme wrong, 1 of 1 worked example isn't reproduced")
    finally:
        file.unlink()


def test_a_file_saved_with_a_byte_order_mark_is_read() -> None:
    content = (BUILTIN / "recovery.toml").read_bytes()
    assert read_programme(b"\xef\xbb\xbf" + content, "recovery.toml").name == "recovery"


def test_the_problem_of_an_example_names_its_field() -> None:
    content = (BUILTIN / "eu-cohesion.toml").read_text("utf-8")
    wrong = content.replace("taints = 1.096,", 'taints = "many",')
    found = checked_examples(read_programme(wrong.encode(), "own.toml"))
    (problem,) = (each.problem for each in found if each.problem)
    assert problem == "parts[1].taints: Give a number."


@pytest.mark.parametrize("name", CALCULATIONS)
def test_inputs_of_a_calculation_have_units(name: str) -> None:
    done = CliRunner().invoke(command, ["programmes", "calculations", name])
    assert done.exit_code == 0, done.output
    assert " share " in done.output or " amount " in done.output or " units " in done.output
    unknown = CliRunner().invoke(command, ["programmes", "calculations", f"{name}x"])
    assert (unknown.exit_code, f'Did you mean "{name}"?' in unknown.output) == (1, True)


def test_shown_examples_have_their_inputs(served: LiveServer) -> None:
    (example,) = served.admin.get("/api/audit-programmes/state-claims").json()["examples"]
    assert (example["inputs"]["units"], example["inputs"]["deviation"]) == (676, 15.13)
    assert "deviation = 15.13" in Reader(served, "admin").text("/programmes/state-claims")
    shown = served.admin.get("/api/audit-programmes/eu-cohesion").json()["examples"]
    assert any("parts[1].units" in each["inputs"] for each in shown)


def test_members_of_lists_are_listed_and_documented() -> None:
    guide = (ROOT / "docs/PROGRAMMES.md").read_text("utf-8")
    listed = {name for each in listed_calculations() for name in each.inputs}
    assert "parts (label, units, book_value, deviation)" in listed
    members = {name for each in listed if "(" in each for name in re.findall(r"\w+", each)}
    assert {name for name in members if f"`{name}`" not in guide} == set()
