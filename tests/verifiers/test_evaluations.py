"""Certificates of evaluations: each kind is recomputed, and every change of a figure is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from tests.verifiers import tamperings
from tests.verifiers.evaluation_cases import CASES, FOLDER
from tests.verifiers.test_verify_sample import NAMES, verify
from verifiers import verify_sample
from verifiers.verify_sample import canonical

CLAIMED = (
    *("notes", "caveats", "assurance", "departure", "other_samples_total", "formula", "factors"),
    *("source", "boundary", "score_total"),
)
"""Members of a result that verifiers report as claimed."""
DIRECTIONS = ("overstatement", "understatement")
OF_PROGRAMMES = ("name", "title", "sha256", "calculation", "limit", "verdict", "figures")
"""Members of a programme's result that are recomputed, or those of the request."""
CLAIMED_LINES = ("attributes", "two_stage", "variables")
"""Kinds whose arithmetic repeats other figures, and is claimed."""


@pytest.fixture(autouse=True, scope="module")
def _each_signature_once() -> Iterator[None]:
    """Verify a signature once: most changes leave that of the draw's certificate as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_sample, "ed25519_valid", cache(verify_sample.ed25519_valid))
        yield


def load(case: str) -> tamperings.Files:
    folder = FOLDER / case
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


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
    found = {**files, "evaluation.json": tamperings.dump(tamperings.envelope(payload))}
    if "ledger.json" not in files:
        return found
    ledger = json.loads(files["ledger.json"])
    for entry in ledger["entries"]:
        if entry["kind"] == "evaluation":
            entry["body"]["payload_sha256"] = hashlib.sha256(payload).hexdigest()
    tamperings.chain(ledger)
    return {**found, "ledger.json": tamperings.dump(ledger)}


def plain(case: str) -> tamperings.Files:
    """The files without those that take long to verify."""
    files = load(case)
    return {name: files[name] for name in files if name not in ("data.csv", "ledger.json")}


def codes(files: tamperings.Files) -> list[str | None]:
    return [line.code for line in verify(files).refusals]


@pytest.mark.parametrize("case", CASES)
def test_evaluations_are_accepted(case: str) -> None:
    report = verify(load(case))
    assert not report.refusals, [line.text for line in report.refusals]
    lines = [line for line in report.lines if line.level == "E"]
    assert sum(line.status == "checked" for line in lines) >= 5
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


def is_recomputed(kind: str, path: tuple[Any, ...]) -> bool:
    """Whether a figure isn't claimed; of long lists the first three members are tried."""
    is_claimed = path[0] in CLAIMED or (path[0] == "arithmetic" and kind in CLAIMED_LINES)
    is_claimed |= path[0] == "programme" and path[1] not in OF_PROGRAMMES
    is_claimed |= path[0] == "by_stratum" and path[-1] == "book_value"
    return not is_claimed and not any(isinstance(step, int) and step > 2 for step in path)


EVALUATED = [name for name in CASES if name != "unsigned"]


def recomputed(case: str) -> list[tuple[Any, ...]]:
    """The paths of the figures of a case's result that verifiers recompute."""
    result = predicate_of(load(case))["result"]
    paths = [path for path in leaves(result) if is_recomputed(result["kind"], path)]
    if case in ("clusters", "weighted"):  # whose standard errors are claimed
        paths = [path for path in paths if path[0] not in DIRECTIONS or path[1] != "upper_limit"]
    assert len(paths) > 10
    return paths


def of_figure(path: tuple[Any, ...]) -> Callable[[dict[str, Any]], None]:
    """A change of a figure of the result."""

    def change(predicate: dict[str, Any]) -> None:
        value = predicate["result"]
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = other(value[path[-1]])

    return change


@pytest.mark.parametrize("case", EVALUATED)
def test_each_figure_of_a_result_is_recomputed(case: str) -> None:
    files = plain(case)
    accepted = [path for path in recomputed(case) if not codes(changed(files, of_figure(path)))]
    assert accepted == []


def flip(place: int) -> Callable[[dict[str, Any]], None]:
    """A change of what was found in a row: from OK to an exception without a value, or back."""

    def change(predicate: dict[str, Any]) -> None:
        finding = predicate["items"][place]["finding"]
        is_ok = finding["outcome"] == "ok"
        finding |= {"outcome": "not_examinable" if is_ok else "ok", "deviations": []}
        finding["audit_value"] = None

    return change


@pytest.mark.parametrize("case", EVALUATED)
def test_a_changed_finding_is_refused(case: str) -> None:
    files = plain(case)
    for place in (0, 3, min(CASES[case].wrong or {0: 0})):
        assert codes(changed(files, flip(place))), place


@pytest.mark.parametrize(
    "case", ["stringer", "gaffke", "difference", "ratio", "regression", "strata", "clusters"]
)
def test_a_changed_amount_is_refused(case: str) -> None:
    files = load(case)
    place = next(iter(CASES[case].wrong))

    def raised(predicate: dict[str, Any]) -> None:
        finding = predicate["items"][place]["finding"]
        finding["audit_value"] = f"{float(finding['audit_value']) + 1:.2f}"

    def dearer(predicate: dict[str, Any]) -> None:
        item = predicate["items"][place]
        item["book_value"] = f"{float(item['book_value']) + 1:.2f}"

    assert codes(changed(files, raised))
    assert "evaluation_book" in codes(changed(files, dearer))


def conclude(predicate: dict[str, Any]) -> None:
    """A conclusion that errors are tolerable where it was withheld."""
    found = predicate["result"]["conclusion"]
    start, _, _ = found["sentence"].partition(", but may be too low")
    start = start.removeprefix("No conclusion at 95 % confidence. ")
    _, _, end = found["sentence"].partition(" were drawn.")
    found["sentence"] = (
        f"{start}: at 95 % confidence the sample supports that net overstatements are "
        f"tolerable.{end}"
    )
    found["is_tolerable"] = True
    predicate["review"]["steps"][-1]["conclusion"] = found["sentence"]


def test_a_conclusion_against_the_rules_is_refused() -> None:
    """The skewness of the amounts forbids a conclusion from these limits."""
    report = verify(changed(load("difference"), conclude))
    (refusal,) = report.refusals
    assert refusal.code == "evaluation_conclusion"
    assert "in spite of skewness" in refusal.text


def of_result(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda predicate: predicate["result"].update(values)


def by_another_column(predicate: dict[str, Any]) -> None:
    predicate["book_column"] = predicate["result"]["book_column"] = "id"
    for item in predicate["items"]:
        item["book_value"] = str(item["examined"])


def with_another_scope(predicate: dict[str, Any]) -> None:
    conclusion = predicate["result"]["conclusion"]
    conclusion["sentence"] = conclusion["sentence"].replace("region = 'N'", "id is not null")
    predicate["result"]["scope"] = "id is not null"
    predicate["review"]["steps"][-1]["conclusion"] = conclusion["sentence"]


def with_an_invented_attribute(predicate: dict[str, Any]) -> None:
    share = {"upper_limit": 0.0, "share": 0.0, "deviations": 0, "is_tolerable": True}
    predicate["result"]["attributes"].append({"name": "approved by two", **share})


def halved(predicate: dict[str, Any]) -> None:
    """Half of the book value, and of all that a ratio makes of it."""
    result = predicate["result"]
    for name in ("book_value", "audit_value", "projected"):
        result[name] = f"{float(result[name]) / 2:.2f}"


def not_applicable(predicate: dict[str, Any]) -> None:
    """Exceptions become rows that aren't applicable, and nobody replaced them."""
    for item in predicate["items"]:
        if item["finding"]["outcome"] == "exception":
            item["finding"].update(outcome="not_applicable", audit_value=None, deviations=[])


def without_doubt(predicate: dict[str, Any]) -> None:
    for name in DIRECTIONS:
        predicate["result"][name]["one_start_limit"] = None


def attribute_twice(predicate: dict[str, Any]) -> None:
    """Both lists have an attribute twice."""
    for listed in (predicate["attributes"], predicate["result"]["attributes"]):
        listed.append(listed[0])


def by_a_programme(predicate: dict[str, Any]) -> None:
    """An evaluation by a programme whose figures aren't those of the findings."""
    identity = {"name": "own", "title": "Own", "sha256": "0" * 64}
    predicate["request"]["programme"] = identity
    predicate["result"].update(programme={**identity, "verdict": "tolerable"}, book_value="1.00")


CHOICES: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "book_column": ("stringer", by_another_column, "has the amounts of 'amount'"),
    "scope": ("filtered", with_another_scope, "the filter is"),
    "attribute": ("two_stage", with_an_invented_attribute, "attributes"),
    "book_value": ("weighted", halved, "`book_value`"),
    "accepts_too_much": (
        "two_stage",
        lambda p: p["planned_rule"].update(accept_both=2**40),
        "accepts more errors",
    ),
    "negative_error": ("clusters", of_result(standard_error="-1000.00"), "is negative"),
    "member_of_result": ("stringer", of_result(extra=1), "result.extra"),
    "member_of_request": (
        "stringer",
        lambda p: p["request"].update(extra=1),
        "request has the unknown member 'extra'",
    ),
    "another_book_column": (
        "difference",
        lambda p: p["request"].update(book_column="balance"),
        "isn't the requested one",
    ),
    "no_book_column": (
        "difference",
        lambda p: p["request"].update(book_column=1.5),
        "request.book_column isn't",
    ),
    "lonely_stratum": (
        "strata",
        lambda p: p["request"].update(lonely_stratum="x"),
        "request.lonely_stratum isn't",
    ),
    "zero_for_null": ("stringer", lambda p: p["request"].update(bound=0), "request.bound isn't"),
    "attribute_twice": ("attributes", attribute_twice, "listed twice"),
    "a_row_is_left": ("attributes", not_applicable, "though 340 rows are left"),
    "a_row_of_the_stratum_is_left": ("strata", not_applicable, "rows are left"),
    "a_row_with_an_amount_is_left": ("stringer", not_applicable, "rows are left"),
    "weights_of_the_book": (
        "sequential_scores",
        of_result(weight_column="amount", weight_total="1.00", largest_ratio=1.0),
        "weren't drawn by 'amount' alone",
    ),
    "scores_without_a_column": (
        "sequential_scores",
        lambda p: p["request"].pop("score_column"),
        "aren't those of the requested column",
    ),
    "programme_of_null": (
        "stringer",
        of_result(programme=None),
        "don't both have an audit programme",
    ),
    "figures_by_a_programme": ("stringer", by_a_programme, "`book_value`"),
    "file_order": ("one_start", without_doubt, "in the file's order is in doubt"),
}
"""Changes of what is evaluated: the case, the change and a part of the reason."""


@pytest.mark.parametrize("name", CHOICES)
def test_another_choice_than_that_of_the_draw_is_refused(name: str) -> None:
    case, change, reason = CHOICES[name]
    report = verify(changed(load(case), change))
    assert reason in " ".join(line.text for line in report.refusals)


def test_a_decision_that_rests_on_scores_is_claimed() -> None:
    """The sum of amounts by scores isn't in the files, and the decision follows from it."""
    lines = [line for line in verify(load("sequential_scores")).lines if line.level == "E"]
    (conclusion,) = [line for line in lines if "the conclusion" in line.text]
    assert conclusion.status == "claimed"
    assert "as it rests on the claimed score_total" in conclusion.text
    (figures,) = [line for line in lines if "follow from score_total" in line.text]
    assert figures.status == "claimed"
    assert "the mean score is " in figures.text
    plain_lines = verify(load("sequential_amount")).lines
    assert any(
        line.status == "checked" and line.text.startswith("the conclusion") for line in plain_lines
    )


def by_a_cent(predicate: dict[str, Any]) -> None:
    """Another last digit of the first amount in the conclusion."""
    conclusion = predicate["result"]["conclusion"]
    conclusion["sentence"] = re.sub(
        r"\.(\d)", lambda found: f".{(int(found[1]) + 1) % 10}", conclusion["sentence"], count=1
    )
    predicate["review"]["steps"][-1]["conclusion"] = conclusion["sentence"]


@pytest.mark.parametrize("case", ["stringer", "strata", "netted"])
def test_another_amount_in_the_conclusion_is_refused(case: str) -> None:
    assert codes(changed(load(case), by_a_cent)) == ["evaluation_conclusion"]


def test_last_digits_of_large_amounts_can_differ_in_a_sentence() -> None:
    due = f"The limit, 312,057,025,229,091.75, of 5 rows. {verify_sample.REASON} It is (22.31 %)."
    stated = "The limit, 312,057,025,229,091.81, of 5 rows. By 43 rows. It is (22.31 %)."
    assert verify_sample.compare_sentences(stated, due) == (True, "By 43 rows.")
    for change in (("5 rows", "6 rows"), ("22.31", "22.32"), ("312,057", "312,058"), ("It", "He")):
        assert not verify_sample.compare_sentences(stated.replace(*change), due)[0]
    assert not verify_sample.compare_sentences(stated.replace("By 43 rows.", ""), due)[0]


def in_a_circle(files: tamperings.Files) -> tamperings.Files:
    """Replacements that follow each other without an end."""

    def circle(payload: dict[str, Any]) -> None:
        (one,) = payload["predicate"]["replacements"]
        back = {**one, "ordinal_in": one["ordinal_out"], "ordinal_out": one["ordinal_in"]}
        payload["predicate"]["replacements"].append(back)

    own = json.loads(base64.b64decode(json.loads(files["certificate.json"])["payload"]))
    circle(own)
    payload = canonical(own).encode()
    evaluation = statement_of(files)
    digest = hashlib.sha256(payload).hexdigest()
    evaluation["subject"][0]["digest"]["sha256"] = digest
    evaluation["predicate"]["sample"]["certificate_sha256"] = digest
    second = tamperings.envelope(canonical(evaluation).encode())
    return {
        **files,
        "certificate.json": tamperings.dump(tamperings.envelope(payload)),
        "evaluation.json": tamperings.dump(second),
    }


def test_replacements_in_a_circle_are_refused() -> None:
    files = in_a_circle(plain("attributes_two_sides"))
    assert codes(files)


def balanced(difference: str) -> Callable[[dict[str, Any]], None]:
    balance = {
        "column_name": "amount",
        "column_sum": "1.00",
        "balance": "999.00",
        "by": "admin00",
        "reference": "GL",
        "explanation": "",
        "at": "2026-11-30T17:57:15.386082+00:00",
    }
    return lambda p: p["reconciliation"].append({**balance, "difference": difference})


def test_a_difference_to_a_balance_is_accepted() -> None:
    assert not codes(changed(load("attributes"), balanced("-998.00")))


def of_steps(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda predicate: change(predicate["review"]["steps"])


TAMPERINGS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "other_conclusion_signed": (
        of_steps(lambda steps: steps[-1].update(conclusion="Errors are tolerable.")),
        "evaluation_conclusion",
    ),
    "signed_by_the_preparer": (
        of_steps(lambda steps: steps[-1].update(by="admin00")),
        "evaluation_review",
    ),
    "signed_before_it_was_submitted": (
        of_steps(lambda steps: steps.reverse()),
        "evaluation_review",
    ),
    "never_submitted": (of_steps(lambda steps: steps.pop(0)), "evaluation_review"),
    "another_state": (lambda p: p["review"].update(state="open"), "evaluation_review"),
    "other_sample": (lambda p: p["job"].update(id="another"), "evaluation_binding"),
    "other_certificate": (
        lambda p: p["sample"].update(certificate_sha256="0" * 64),
        "evaluation_binding",
    ),
    "other_issue": (lambda p: p["sample"].update(certificate_issue=2), "evaluation_binding"),
    "a_row_left_out": (lambda p: p["items"].pop(), "evaluation_items"),
    "another_row": (lambda p: p["items"][0].update(drawn=1, examined=1), "evaluation_items"),
    "replaced_silently": (lambda p: p["items"][0].update(examined=1), "evaluation_items"),
    "an_invented_paper": (
        lambda p: p["papers"].append({**p["papers"][0], "sha256": "0" * 64}),
        "evaluation_paper",
    ),
    "another_paper": (lambda p: p["papers"][0].update(sha256="0" * 64), "evaluation_paper"),
    "a_paper_left_out": (lambda p: p["papers"].clear(), "evaluation_paper"),
    "another_attachment": (
        lambda p: p["attachments"][0].update(sha256="0" * 64),
        "evaluation_attachment",
    ),
    "an_unknown_member": (lambda p: p.update(extra=1), "unknown_member"),
    "another_attribute": (
        lambda p: p["items"][3]["finding"].update(deviations=["invented"]),
        "evaluation_items",
    ),
    "more_corrected_than_entered": (
        lambda p: p["entries"].update(corrected=p["entries"]["count"] + 1),
        "evaluation_items",
    ),
    "found_before_the_draw": (
        lambda p: p["items"][0]["finding"].update(at="1999-01-01T00:00:00.000000+00:00"),
        "evaluation_items",
    ),
    "issued_before_the_findings": (
        lambda p: p.update(issued_at="2026-11-30T17:57:14.998420+00:00"),
        "evaluation_items",
    ),
    "wrong_difference": (balanced("0.00"), "evaluation_balance"),
    "signed_without_a_conclusion": (
        of_steps(lambda steps: steps[-1].update(conclusion=None)),
        "evaluation_conclusion",
    ),
    "other_kind": (lambda p: p["request"].update(kind="sequential"), "evaluation_figure"),
    "other_confidence": (lambda p: p["request"].update(confidence=0.9), "evaluation_figure"),
    "other_tolerable": (lambda p: p["request"].update(tolerable="0.2"), "evaluation_conclusion"),
    "other_likelihood": (lambda p: p["request"].update(likelihood="poisson"), "evaluation_figure"),
    "no_result": (lambda p: p.update(result=None), "evaluation_conclusion"),
    "a_reason_beside_a_result": (lambda p: p.update(not_evaluated="x"), "evaluation_conclusion"),
    "submitted_with_a_conclusion": (
        of_steps(lambda steps: steps[0].update(conclusion="All is well.")),
        "evaluation_review",
    ),
    "signed_by_who_submitted": (
        of_steps(lambda steps: steps[0].update(by=steps[1]["by"])),
        "evaluation_review",
    ),
    "signed_by_who_attached": (
        lambda p: p["attachments"][0].update(by="us00002"),
        "evaluation_review",
    ),
    "signed_by_who_concluded": (
        lambda p: p["auditors_conclusion"].update(by="us00002"),
        "evaluation_review",
    ),
    "attached_to_no_row": (
        lambda p: p["attachments"][0].update(row=99_999_999),
        "evaluation_attachment",
    ),
    "a_line_without_a_value": (
        lambda p: p["result"]["arithmetic"][0].update(value=None),
        "wrong_type",
    ),
    "a_line_without_a_name": (
        lambda p: p["result"]["arithmetic"][0].update(name=None),
        "wrong_type",
    ),
    "no_status_of_assurance": (
        lambda p: p["result"]["assurance"].update(status=None),
        "wrong_type",
    ),
    "a_number_as_departure": (lambda p: p["result"].update(departure=1.5), "wrong_type"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_refused(name: str) -> None:
    change, code = TAMPERINGS[name]
    assert code in codes(changed(load("attributes"), change))


def approved(by: str) -> tamperings.Files:
    """The files of a sample whose findings were approved, too."""
    step = {"action": "approved", "by": by, "conclusion": None}

    def change(predicate: dict[str, Any]) -> None:
        review = predicate["review"]
        review["steps"].append({**review["steps"][-1], **step})
        review["state"] = "approved"

    return changed(plain("attributes"), change)


def test_who_approved_is_said_and_is_another_person() -> None:
    report = verify(approved("us00003"))
    assert not report.refusals
    texts = [line.text for line in report.lines if line.status == "checked"]
    assert any("who approved neither prepared nor signed off: us00003, " in t for t in texts)
    assert codes(approved("us00002")) == ["evaluation_review"]
    assert codes(approved("admin00")) == ["evaluation_review"]


def no_longer_evaluated(predicate: dict[str, Any]) -> None:
    predicate.update(result=None, not_evaluated="The programme is gone.")


def test_without_an_evaluation_that_was_signed_it_isnt_checkable() -> None:
    files = changed(load("attributes"), no_longer_evaluated)
    signed = predicate_of(files)["review"]["steps"][-1]["conclusion"]
    report = verify(files)
    assert not report.refusals
    (line,) = [each for each in report.lines if "there is no evaluation" in each.text]
    assert line.status == "not checkable here"
    said = f"The programme is gone. This conclusion was signed off: {signed}"
    assert line.text == f"there is no evaluation: {said}"


def test_a_sign_off_without_a_conclusion_is_claimed_without_a_ledger() -> None:
    """With a ledger its entry says whether the sign-off kept an evaluation."""
    change, _ = TAMPERINGS["signed_without_a_conclusion"]
    report = verify(changed(plain("attributes"), change))
    assert not report.refusals
    claimed = [line.text for line in report.lines if line.status == "claimed"]
    assert "that the conclusion was signed off: the sign-off states none" in claimed


def test_the_number_of_caveats_is_claimed() -> None:
    """Nothing in the files shows that one was left out."""
    for caveats, stated in (([], "it states none"), (["One.", "Two."], "2")):
        report = verify(changed(plain("attributes"), of_result(caveats=caveats)))
        assert any(f"caveats ({stated})" in line.text for line in report.lines), stated


def case_of(files: tamperings.Files) -> verify_sample.Case:
    named = {NAMES.get(name, name): content for name, content in files.items()}
    key = verify_sample.parse_key(named["key"])
    case = verify_sample.Case(named, key, verify_sample.CheckReport())
    verify_sample.read_certificate(case)
    verify_sample.read_rounds(case)
    return case


def test_rows_that_nothing_can_replace_are_left_out() -> None:
    """A systematic round has no reserves; of several rounds the certificate doesn't show it."""
    due = {
        "attributes_poisson": 0,
        "attributes": 340,
        "attributes_two_sides": 339,
        "two_rounds": 350,
        "strata": None,
    }
    for name, left in due.items():
        case = case_of(load(name))
        if name == "strata":  # without sample.csv nobody knows the strata of the rows
            case.rounds[0].labels = None
        assert verify_sample.rows_left(case, case.rounds[0], 0) == left, name


def other_strata(predicate: dict[str, Any]) -> None:
    """A stratum is left out of a stratified sample, or added to another one."""
    listed = predicate["result"]["by_stratum"]
    added = {"label": "N", "rows": 1, "examined": 1, "errors": 0, "found": "0", "projected": "0"}
    listed.pop() if listed else listed.append(added)


@pytest.mark.parametrize("case", ["strata", "difference"])
def test_other_strata_are_refused(case: str) -> None:
    assert codes(changed(plain(case), other_strata)) == ["evaluation_figure"]


def without_evaluation() -> tamperings.Files:
    files = load("attributes")
    del files["evaluation.json"]
    return files


def test_a_missing_evaluation_is_named_and_papers_are_compared_with_the_ledger() -> None:
    files = without_evaluation()
    report = verify(files)
    assert not report.refusals
    texts = [(line.status, line.text) for line in report.lines if line.level == "E"]
    assert ("checked", "1 working paper, by the ledger") in texts
    skipped = " ".join(text for status, text in texts if status == "not checkable here")
    assert "evaluation.json wasn't given, though the ledger has 3 entries of it" in skipped
    assert "1 attached file" in skipped
    files["papers/paper-1.html"] += b"<p>All is well.</p>"
    assert codes(files) == ["evaluation_paper"]


def test_another_state_in_the_ledger_is_refused() -> None:
    files = load("attributes")
    ledger = json.loads(files["ledger.json"])
    ledger["entries"][-1]["body"]["review_state"] = "open"
    tamperings.chain(ledger)
    assert codes({**files, "ledger.json": tamperings.dump(ledger)}) == ["evaluation_ledger"]


def test_an_evaluation_of_another_sample_is_refused() -> None:
    other_files = load("attributes_poisson")
    files = {**load("attributes"), "evaluation.json": other_files["evaluation.json"]}
    assert "evaluation_binding" in codes(files)


def test_an_evaluation_by_another_key_is_refused() -> None:
    files = load("attributes")
    payload = base64.b64decode(json.loads(files["evaluation.json"])["payload"])
    forged = tamperings.envelope(payload, secret=tamperings.OTHER_SECRET)
    assert "wrong_key" in codes({**files, "evaluation.json": tamperings.dump(forged)})


def test_a_later_certificate_supersedes_the_evaluation() -> None:
    files = load("attributes")
    ledger = json.loads(files["ledger.json"])
    entry = json.loads(json.dumps(ledger["entries"][-1]))
    assert entry["kind"] == "evaluation"
    entry |= {"number": entry["number"] + 1}
    entry["body"] |= {"issue": 2, "payload_sha256": "1" * 64}
    ledger["entries"].append(entry)
    tamperings.chain(ledger)
    report = verify({**files, "ledger.json": tamperings.dump(ledger)})
    assert not report.refusals
    assert report.superseded is not None
    assert "another certificate of the evaluation followed" in report.superseded


LATER: dict[str, tuple[dict[str, Any], str]] = {
    "reopened": ({"step": "reopened", "evaluation_sha256": None}, "the findings were reopened"),
    "signed": (
        {"step": "signed_off", "evaluation_sha256": "1" * 64},
        "the findings were signed off",
    ),
    "paper": ({"evaluation_sha256": "1" * 64}, "a working paper of another evaluation"),
}


def followed(name: str) -> tamperings.Files:
    """The files of a signed-off evaluation, with a ledger in which an entry follows it."""
    files = load("attributes")
    ledger = json.loads(files["ledger.json"])
    paper = next(entry for entry in ledger["entries"] if entry["kind"] == "paper")
    body, _ = LATER[name]
    if "step" in body:
        own = {"job_id": paper["body"]["job_id"], **body}
        entry = {**paper, "kind": "review", "body": own}
    else:
        entry = {**paper, "body": {**paper["body"], **body}}
    ledger["entries"].append({**entry, "number": len(ledger["entries"]) + 1})
    tamperings.chain(ledger)
    return {**files, "ledger.json": tamperings.dump(ledger)}


@pytest.mark.parametrize("name", LATER)
def test_a_later_step_or_paper_supersedes_the_evaluation(name: str) -> None:
    report = verify(followed(name))
    assert not report.refusals, [line.text for line in report.refusals]
    assert report.superseded is not None
    assert LATER[name][1] in report.superseded


def test_without_the_data_book_values_are_those_of_the_sample() -> None:
    files = load("difference")
    del files["data.csv"]
    report = verify(files)
    assert not report.refusals
    texts = [(line.status, line.text) for line in report.lines]
    assert ("checked", "book values of 100 rows are those of sample.csv or data.csv") in texts


def rule(**values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda predicate: predicate["programme_rules"].update(values)


def said(found: str, instead: str, is_tolerable: bool | None = None) -> Callable[..., None]:
    """Another sentence of the conclusion, which the sign-off kept, too."""

    def change(predicate: dict[str, Any]) -> None:
        conclusion = predicate["result"]["conclusion"]
        assert found in conclusion["sentence"]
        conclusion["sentence"] = conclusion["sentence"].replace(found, instead)
        conclusion["is_tolerable"] = is_tolerable
        predicate["review"]["steps"][-1]["conclusion"] = conclusion["sentence"]

    return change


def without_doubts(predicate: dict[str, Any]) -> None:
    """The conclusion by the rule of the programme alone, though its kind doubts the limit."""
    start, _, alone = predicate["result"]["conclusion"]["sentence"].partition("rule alone: ")
    said(f"{start}rule alone: {alone}", alone, is_tolerable=True)(predicate)


def another_figure(predicate: dict[str, Any]) -> None:
    predicate["result"]["programme"]["figures"]["known"] = "1.00"


def no_more_rules(predicate: dict[str, Any]) -> None:
    """A certificate from before it had rules."""
    del predicate["programme_rules"]


BY_PROGRAMMES: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "another_figure": ("programme_strata", another_figure, "evaluation_figure"),
    "another_calculation": (
        "programme_tolerable",
        rule(calculation="random_mean_per_unit"),
        "evaluation_figure",
    ),
    "another_limit": ("programme_statement", rule(limit="upper_limit"), "evaluation_figure"),
    "too_few_rows": ("programme_withheld", rule(least_rows=41), "evaluation_figure"),
    "another_sentence": (
        "programme_tolerable",
        rule(conclusions={"tolerable": "Fine.", "not_supported": "No.", "inconclusive": "-"}),
        "evaluation_conclusion",
    ),
    "no_sentence": ("programme_of_kind", rule(conclusions={}), "evaluation_conclusion"),
    "another_amount": (
        "programme_statement",
        said("limits of 11,", "limits of 10,"),
        "evaluation_conclusion",
    ),
    "without_doubts": ("programme_withheld", without_doubts, "evaluation_conclusion"),
    "against_the_kind": ("programme_money", without_doubts, "evaluation_conclusion"),
    "unknown_rule": ("programme_money", rule(more=1), "unknown_member"),
    "concludes_by_a_wrong_example": (
        "programme_tolerable",
        rule(not_reproduced=1),
        "evaluation_conclusion",
    ),
}
"""Changes of what a programme says, with their case and code."""


@pytest.mark.parametrize("name", BY_PROGRAMMES)
def test_changes_of_a_programme_are_refused(name: str) -> None:
    case, change, code = BY_PROGRAMMES[name]
    assert code in codes(changed(plain(case), change))


def test_a_programme_without_rules_is_not_recomputed() -> None:
    report = verify(changed(plain("programme_money"), no_more_rules))
    assert not report.refusals
    (line,) = [each for each in report.lines if "own figures and its conclusion" in each.text]
    assert line.status == "not checkable here"
