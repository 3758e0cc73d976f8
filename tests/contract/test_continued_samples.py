"""Samples that share rows with an examined one: their findings, and what may be concluded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.draw_requests import one
from tests.contract.problems import assert_problem
from tests.contract.test_evaluation import ROW, WRONG, drawn, evaluated, examined
from tests.support.live_server import LiveServer

LINES = [f"{row:05d},{(row + 1) / 4},{'abc'[row % 3]}" for row in range(600)]
TEXT = "\n".join(["invoice,amount,region", *LINES]) + "\n"


@pytest.fixture
def dataset(server: LiveServer) -> int:
    """A table for each test: samples of one table have to do with each other."""
    dataset_id = server.new_dataset()
    server.import_text(dataset_id, TEXT)
    return dataset_id


def summary(server: LiveServer, job: str) -> dict[str, Any]:
    found: dict[str, Any] = server.admin.get(f"/api/jobs/{job}").json()["output_summary"]
    return found


def items_of(server: LiveServer, job: str) -> list[dict[str, Any]]:
    path = f"/api/sampling/jobs/{job}/findings"
    items: list[dict[str, Any]] = server.admin.get(path, params={"limit": 1000}).json()["items"]
    return items


def test_a_larger_sample_has_the_entered_findings(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20), output_name="first")
    rows = [item[ROW] for item in examined(server, small, {**WRONG, "note": "price"})]
    path = f"/api/sampling/jobs/{small}/findings"
    server.admin.post(path, json={ROW: rows[1], "outcome": "exception", "note": "corrected"})
    large = drawn(server, dataset, one("random", sample_size=60))
    items = items_of(server, large)
    before, after = items_of(server, small), items[:20]
    for old, new in zip(before, after, strict=True):
        for name in ("outcome", "audit_value", "note", "user_soeid", "at", "entries"):
            assert old["finding"][name] == new["finding"][name]
        assert (old["finding"]["from_job_id"], new["finding"]["from_job_id"]) == (None, small)
    assert not any(item["finding"] for item in items[20:])
    continues = summary(server, large)["continues"]
    assert (continues["job_id"], continues["findings"], continues["in_order"]) == (small, 20, True)
    history = server.admin.get(f"/api/sampling/jobs/{large}/findings/history").json()
    assert [each["outcome"] for each in history["findings"] if each[ROW] == rows[1]] == [
        "exception",
        "ok",
    ]


def test_an_enlarged_sample_is_evaluated_as_sequential(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small, {"outcome": "exception"})
    large = drawn(server, dataset, one("random", sample_size=150))
    examined(server, large, {"outcome": "exception"})
    paper = server.admin.get(f"/api/sampling/jobs/{large}/working-paper?kind=attributes").text
    assert "Not evaluated: The sample continues sample" in paper
    assert "Other samples of the table with findings: 1" in paper
    for kind in ("attributes", "variables"):
        more = {"book_column": "amount"} if kind == "variables" else {}
        refused = evaluated(server, large, kind, tolerable=0.1, **more)
        detail = assert_problem(refused, 422, "invalid_findings")["detail"]
        assert "Evaluate it as sequential" in detail
    found = evaluated(server, large, "sequential", tolerable=0.1).json()
    assert found["decision"] == "accept"
    assert found["caveats"][0].startswith(f"This sample continues sample {small[:8]}")
    assert [each["relation"] for each in found["other_samples"]] == ["continued"]
    default = server.admin.post(f"/api/sampling/jobs/{large}/evaluation", json={"tolerable": 0.1})
    assert default.json()["kind"] == "sequential"


def test_a_sample_drawn_before_the_look_is_sequential_too(server: LiveServer, dataset: int) -> None:
    large = drawn(server, dataset, one("random", sample_size=60))
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small)
    examined(server, large)
    assert "continues" not in summary(server, large)
    refused = evaluated(server, large, "attributes", tolerable=0.1)
    assert (
        f"continues sample {small[:8]}"
        in assert_problem(refused, 422, "invalid_findings")["detail"]
    )
    first = evaluated(server, small, "attributes", tolerable=0.5)
    assert first.json()["conclusion"]["is_tolerable"] is True


def test_designs_without_an_order_get_no_conclusion(server: LiveServer, dataset: int) -> None:
    def design(size: int) -> dict[str, Any]:
        return one("stratified", strata_columns=["region"], samples_per_stratum=size)

    small = drawn(server, dataset, design(20))
    examined(server, small, WRONG)
    alone = evaluated(server, small, "variables", book_column="amount", tolerable=10**6).json()
    assert alone["conclusion"]["is_tolerable"] in (True, None)
    large = drawn(server, dataset, design(40))
    assert summary(server, large)["continues"]["findings"] == 60
    examined(server, large, *[WRONG] * 30)
    found = evaluated(server, large, "variables", book_column="amount", tolerable=10**6).json()
    assert found["conclusion"]["is_tolerable"] is None
    sentence = found["conclusion"]["sentence"]
    assert sentence.startswith("No conclusion at 95 % confidence. This sample continues sample")
    assert "no limit for stratified samples" in sentence
    unlimited = evaluated(server, large, "variables", book_column="amount").json()
    assert "no limit for stratified samples" in unlimited["caveats"][0]
    low = evaluated(server, large, "variables", book_column="amount", tolerable=1).json()
    assert low["conclusion"]["is_tolerable"] is False


def test_most_rows_drawn_again_are_an_enlarged_sample(server: LiveServer, dataset: int) -> None:
    """A larger total size can take a row from a stratum."""
    design = {"strata_columns": ["region"], "min_per_stratum": 2}
    small = drawn(server, dataset, one("stratified", sample_size=40, **design))
    rows = {item[ROW] for item in examined(server, small, WRONG)}
    path = f"/api/sampling/jobs/{small}/replacements"
    server.admin.post(path, json={ROW: min(rows), "reason": "not an invoice"})
    outside = items_of(server, small)[-1][ROW]
    entry = {ROW: outside, "outcome": "ok"}
    server.admin.post(f"/api/sampling/jobs/{small}/findings", json=entry)
    large = drawn(server, dataset, one("stratified", sample_size=41, **design))
    shared = (rows | {outside}) & {item[ROW] for item in items_of(server, large)}
    assert summary(server, large)["continues"]["findings"] == len(shared) >= 40
    other = drawn(server, dataset, one("stratified", sample_size=41, seed=6, **design))
    assert "continues" not in summary(server, other)


def test_another_step_after_the_look_gets_no_conclusion(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small)
    steps = [one("random", sample_size=20), one("random", sample_size=40)]
    job = server.draw(dataset, {"rounds": steps})["id"]
    assert summary(server, job)["continues"]["findings"] == 20
    examined(server, job, rows=60)
    found = evaluated(server, job, "attributes", tolerable=0.2).json()
    assert found["conclusion"]["is_tolerable"] is None
    assert "samples of several steps" in found["conclusion"]["sentence"]


def test_money_goes_on_in_the_order_of_its_units(server: LiveServer, dataset: int) -> None:
    draw = {"book_column": "amount", "selection": "random"}
    small = drawn(server, dataset, one("monetary_unit", sample_size=20, **draw))
    examined(server, small)
    large = drawn(server, dataset, one("monetary_unit", sample_size=60, **draw))
    assert summary(server, large)["continues"]["in_order"] is True
    examined(server, large)
    refused = evaluated(server, large, "monetary_unit", tolerable=10_000)
    assert_problem(refused, 422, "invalid_findings")
    assert evaluated(server, large, "sequential", tolerable=10_000).status_code == 200
    # Another interval has other rows, and some of the examined ones, since the seed is the same.
    cells = {"book_column": "amount", "selection": "cell"}
    first = drawn(server, dataset, one("monetary_unit", sample_size=20, **cells))
    examined(server, first)
    second = drawn(server, dataset, one("monetary_unit", sample_size=60, **cells))
    assert summary(server, second)["continues"]["in_order"] is False
    other = drawn(server, dataset, one("monetary_unit", sample_size=60, **cells, seed=99))
    assert "continues" not in summary(server, other)


def test_a_repeated_draw_has_the_findings_and_no_second_look(
    server: LiveServer, dataset: int
) -> None:
    first = drawn(server, dataset, one("random", sample_size=40))
    examined(server, first, {"outcome": "exception"})
    again = drawn(server, dataset, one("random", sample_size=40))
    assert summary(server, again)["continues"]["is_repeat"] is True
    found = evaluated(server, again, "attributes", tolerable=0.5).json()
    assert (found["exceptions"], found["caveats"]) == (1, [])
    larger = drawn(server, dataset, one("random", sample_size=50))
    examined(server, larger)
    repeated = drawn(server, dataset, one("random", sample_size=50))
    assert_problem(evaluated(server, repeated, "attributes"), 422, "invalid_findings")


def test_fewer_rows_after_the_look_are_sequential(server: LiveServer, dataset: int) -> None:
    first = drawn(server, dataset, one("random", sample_size=60))
    examined(server, first, rows=30)
    fewer = drawn(server, dataset, one("random", sample_size=30))
    assert summary(server, fewer)["continues"]["findings"] == 30
    assert_problem(evaluated(server, fewer, "attributes"), 422, "invalid_findings")
    assert evaluated(server, fewer, "sequential", tolerable=0.5).status_code == 200


def test_who_examined_the_first_sample_does_not_sign_the_larger_off(
    server: LiveServer, dataset: int
) -> None:
    client, user = server.new_user("analyst")
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    small = drawn(server, dataset, one("random", sample_size=20))
    found = [{ROW: item[ROW], "outcome": "ok"} for item in items_of(server, small)]
    client.post(f"/api/sampling/jobs/{small}/findings", json={"findings": found})
    large = drawn(server, dataset, one("random", sample_size=30))
    left = [{ROW: item[ROW], "outcome": "ok"} for item in items_of(server, large)[20:]]
    server.admin.post(f"/api/sampling/jobs/{large}/findings", json={"findings": left})
    path = f"/api/sampling/jobs/{large}/review"
    assert server.admin.post(path, json={"action": "submitted"}).status_code == 200
    assert_problem(client.post(path, json={"action": "signed_off"}), 403, "forbidden")


def test_other_samples_are_listed_with_their_results(server: LiveServer, dataset: int) -> None:
    first = drawn(server, dataset, one("random", sample_size=30, seed=11))
    examined(server, first, {"outcome": "exception"}, {"outcome": "not_examinable"})
    unexamined = drawn(server, dataset, one("random", sample_size=30, seed=12))
    alone = evaluated(server, first, "attributes", tolerable=0.5).json()
    assert (alone["other_samples"], alone["caveats"]) == ([], [])
    second = drawn(server, dataset, one("random", sample_size=30, seed=13))
    examined(server, second)
    found = evaluated(server, second, "attributes", tolerable=0.5).json()
    assert found["other_samples_total"] == 1
    (other,) = found["other_samples"]
    assert (
        other.items()
        >= {
            "job_id": first,
            "relation": "other",
            "has_same_rows": True,
            "examined": 30,
            "exceptions": 2,
            "review_state": "open",
            "signed": None,
            "is_deleted": False,
        }.items()
    )
    assert found["conclusion"]["is_tolerable"] is True
    caveat = found["caveats"][0]
    assert caveat.startswith(f"1 other sample of this table was examined, too ({first[:8]}).")
    assert "not for the best of several" in caveat
    assert unexamined[:8] not in str(found)
    path = f"/api/sampling/jobs/{second}/working-paper"
    paper = server.admin.get(path, params={"tolerable": 0.5}).text
    assert paper.index(caveat) < paper.index("Other samples of the table with findings: 1")
    assert paper.index("2 exceptions in 30 rows") < paper.index("Findings by user")


def test_the_list_has_a_signed_conclusion_in_a_word(server: LiveServer, dataset: int) -> None:
    client, user = server.new_user("analyst")
    grant = {"user_id": user["id"], "permission": "write"}
    server.admin.put(f"/api/datasets/{dataset}/permissions", json=grant)
    first = drawn(server, dataset, one("random", sample_size=30, seed=11))
    examined(server, first, {"outcome": "exception"})
    path = f"/api/sampling/jobs/{first}/review"
    body = {"action": "submitted", "accept_missing": True, "note": "No cause"}
    server.admin.post(path, json=body).raise_for_status()
    evaluation = {"kind": "attributes", "confidence": 0.95, "tolerable": 0.05}
    signed = client.post(path, json={"action": "signed_off", "evaluation": evaluation})
    assert signed.status_code == 200, signed.text
    second = drawn(server, dataset, one("random", sample_size=30, seed=13))
    examined(server, second)
    query = {"kind": "attributes", "tolerable": 0.5}
    path = f"/api/sampling/jobs/{second}/working-paper"
    paper = server.admin.get(path, params=query).text
    assert "Share of exceptions: not supported" in paper
    assert "enlarged now" not in paper


def test_random_units_below_the_interval_continue(server: LiveServer, dataset: int) -> None:
    """As no row is always drawn, a larger draw begins with the rows of the smaller one."""
    draw = {"book_column": "amount", "selection": "random"}
    small = drawn(server, dataset, one("monetary_unit", "amount < 100", sample_size=10, **draw))
    examined(server, small)
    found = evaluated(server, small, "sequential", tolerable=0.02).json()
    assert (found["decision"], found["examined"], found["take_all"]["rows"]) == ("continue", 10, 0)
    assert found["caveats"][0].startswith("All 10 rows left to chance are examined, so none comes")
    large = drawn(server, dataset, one("monetary_unit", "amount < 100", sample_size=60, **draw))
    assert summary(server, large)["continues"]["in_order"] is True
    again = evaluated(server, large, "sequential", tolerable=0.02).json()
    assert not any("none comes next" in each for each in again["caveats"])
    rows = drawn(server, dataset, one("random", sample_size=10, seed=9))
    examined(server, rows)
    found = evaluated(server, rows, "sequential", tolerable=0.02).json()
    assert found["caveats"][0].startswith("All 10 drawn rows are examined: the next ones are")


def test_samples_of_other_populations_are_no_choice(server: LiveServer, dataset: int) -> None:
    """Only a sample that could have had a row of this one's population counts."""
    jobs = [
        drawn(server, dataset, one("random", test, sample_size=20, seed=seed))
        for seed, test in enumerate(("region = 'a'", "region <> 'a'", "amount < 30"))
    ]
    for job in jobs[:2]:
        examined(server, job)
    for job in jobs[:2]:
        assert evaluated(server, job, "attributes", tolerable=0.5).json()["caveats"] == []
    examined(server, jobs[2])
    for job in jobs[:2]:
        (caveat,) = evaluated(server, job, "attributes", tolerable=0.5).json()["caveats"]
        assert caveat.startswith(f"1 other sample of this table was examined, too ({jobs[2][:8]})")


def test_a_sample_of_another_version_names_it(server: LiveServer, dataset: int) -> None:
    old = drawn(server, dataset, one("random", sample_size=30))
    examined(server, old)
    server.import_text(dataset, f"{TEXT}99999,3,a\n")
    new = drawn(server, dataset, one("random", sample_size=40))
    assert "continues" not in summary(server, new)
    examined(server, new)
    found = evaluated(server, new, "attributes", tolerable=0.5).json()
    (other,) = found["other_samples"]
    assert (other["has_same_rows"], other["relation"]) == (False, "other")
    source = server.admin.get(f"/api/jobs/{old}").json()["source_commit_id"]
    assert other["version"] == source
    assert "1 of other versions of it" in found["caveats"][0]


def test_a_version_with_the_same_rows_is_the_same(server: LiveServer, dataset: int) -> None:
    old = drawn(server, dataset, one("random", sample_size=30))
    examined(server, old)
    server.import_text(dataset, TEXT)
    new = drawn(server, dataset, one("random", sample_size=40))
    assert summary(server, new)["continues"]["job_id"] == old


def test_a_deleted_sample_still_counts(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small, *[{"outcome": "exception"}] * 5)
    ref = summary(server, small)["output_ref"]
    server.admin.delete(f"/api/datasets/{dataset}/refs/{ref}")
    large = drawn(server, dataset, one("random", sample_size=60))
    examined(server, large, *[{"outcome": "exception"}] * 5)
    assert summary(server, large)["continues"]["findings"] == 20
    assert_problem(evaluated(server, large, "attributes"), 422, "invalid_findings")
    found = evaluated(server, large, "sequential", tolerable=0.5).json()
    assert found["other_samples"][0]["is_deleted"] is True
    binned = server.admin.get("/api/bin").json()["entries"]
    (entry,) = [each["id"] for each in binned if each.get("dataset_id") == dataset]
    assert server.admin.delete(f"/api/bin/{entry}").status_code == 200
    largest = drawn(server, dataset, one("random", sample_size=90))
    assert summary(server, largest)["continues"]["job_id"] == large
    assert_problem(evaluated(server, large, "attributes"), 422, "invalid_findings")


def test_tested_attributes_come_along(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    path = f"/api/sampling/jobs/{small}/attributes"
    server.admin.put(path, json={"attributes": ["approved", "in period"]})
    examined(server, small, {"outcome": "exception", "deviations": ["in period"]})
    large = drawn(server, dataset, one("random", sample_size=30))
    page = server.admin.get(f"/api/sampling/jobs/{large}/findings").json()
    assert page["attributes"] == ["approved", "in period"]
    assert page["items"][0]["finding"]["deviations"] == ["in period"]


def test_the_facts_of_the_paper_come_along(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small)
    given = {"client_name": "Acme", "language": "de"}
    own = {"paper_number": "B 20-3", "design_reason": "20 rows do"}
    path = f"/api/sampling/jobs/{small}/paper-facts"
    for facts in ({"client_name": "Acne"}, {**given, **own}):
        server.admin.patch(path, json=facts).raise_for_status()
    large = drawn(server, dataset, one("random", sample_size=30))
    found = server.admin.get(path.replace(small, large)).json()
    before = server.admin.get(path).json()
    assert found["facts"] == {**before["facts"], **dict.fromkeys(own)}
    assert given.items() <= found["facts"].items()
    (entry,) = found["entries"]
    assert entry["at"] == before["entries"][0]["at"]


def test_a_contradicted_finding_is_named(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=20))
    examined(server, small, {"outcome": "exception"})
    large = drawn(server, dataset, one("random", sample_size=30))
    examined(server, large)
    found = evaluated(server, large, "sequential", tolerable=0.5).json()
    assert found["caveats"][1].startswith(f"1 row of sample {small[:8]}, which this one continues")
    assert found["other_samples"][0]["differing"] == 1


def test_a_sample_that_is_continued_stays_as_it_was(server: LiveServer, dataset: int) -> None:
    small = drawn(server, dataset, one("random", sample_size=40))
    examined(server, small)
    before = evaluated(server, small, "attributes", tolerable=0.2).json()
    large = drawn(server, dataset, one("random", sample_size=60))
    after = evaluated(server, small, "attributes", tolerable=0.2).json()
    assert [each["relation"] for each in after["other_samples"]] == ["continues"]
    assert {**after, "other_samples": [], "other_samples_total": 0} == before
    examined(server, large)
    later = evaluated(server, small, "attributes", tolerable=0.2).json()
    assert "not for the best of several" in later["caveats"][0]
    assert later["conclusion"] == before["conclusion"]


def asked_of(server: LiveServer, job: str) -> dict[str, Any]:
    found: dict[str, Any] = server.admin.get(f"/api/sampling/jobs/{job}/questions").json()
    return found


def test_a_larger_sample_has_the_questions_without_an_entry(
    server: LiveServer, dataset: int
) -> None:
    """Also the hidden columns of an audit, so that reviewers who are added see no more."""
    small = drawn(server, dataset, one("random", sample_size=20))
    path = f"/api/sampling/jobs/{small}/questions"
    server.admin.put(path, json={"hidden": ["region"]}).raise_for_status()
    large = drawn(server, dataset, one("random", sample_size=60))
    assert asked_of(server, large)["hidden"] == ["region"]
    assert "continues" not in summary(server, large)
    question = {"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}
    body = {"questions": [question], "shown": ["invoice"]}
    server.admin.put(f"/api/sampling/jobs/{large}/questions", json=body).raise_for_status()
    larger = drawn(server, dataset, one("random", sample_size=80))
    assert {**asked_of(server, larger), "job_id": large} == asked_of(server, large)
    other = drawn(server, dataset, one("random", sample_size=80, seed=9))
    assert asked_of(server, other)["hidden"] == []


def test_the_sample_with_the_entries_is_the_continued_one(server: LiveServer, dataset: int) -> None:
    """And not a larger one, to which they came along."""
    small = drawn(server, dataset, one("random", sample_size=36))
    examined(server, small)
    for _ in range(2):
        large = drawn(server, dataset, one("random", sample_size=90))
        assert summary(server, large)["continues"]["job_id"] == small
    assert summary(server, large)["continues"]["is_repeat"] is False


def test_a_sample_for_another_question_is_no_choice(server: LiveServer, dataset: int) -> None:
    """A test of controls beside one of amounts: neither is the better one."""
    control = drawn(server, dataset, one("random", sample_size=40))
    examined(server, control, {"outcome": "exception"})
    money = one("monetary_unit", book_column="amount", sample_size=20, seed=9)
    amounts = drawn(server, dataset, money)
    examined(server, amounts)
    for job, kind in ((control, "attributes"), (amounts, "monetary_unit")):
        found = evaluated(server, job, kind).json()
        assert found["other_samples_total"] == 1
        assert not any("best of several" in each for each in found["caveats"])
    # With an audit value the control sample could be evaluated by amounts, too.
    row = items_of(server, control)[0][ROW]
    path = f"/api/sampling/jobs/{control}"
    server.admin.post(f"{path}/findings", json={ROW: row, **WRONG}).raise_for_status()
    caveats = evaluated(server, amounts, "monetary_unit").json()["caveats"]
    assert any("best of several" in each for each in caveats)
    second = drawn(server, dataset, one("random", sample_size=40, seed=77))
    examined(server, second)
    assert "best of several" in evaluated(server, second, "attributes").json()["caveats"][0]
