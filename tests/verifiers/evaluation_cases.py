"""Samples of each kind of evaluation, examined on a real server, with the files of a verifier.

`python -m tests.verifiers.evaluation_cases` writes the fixtures in `evaluations`, or those of the
cases that it names: the files of each case, signed again by the key of RFC 8032, test 1, so that
tamperings can sign as well.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.settings import Settings
from tests.support.live_server import LiveServer, live_server
from tests.verifiers import tamperings

FOLDER = Path(__file__).parent / "evaluations"
ROWS = 400
NAMES = ("certificate.json", "evaluation.json", "sample.csv", "data.csv", "ledger.json")


def table_text(has_scores: bool = False) -> str:
    """Amounts above 0, balances with credits, regions and risk scores; the same at each call."""
    lines = ["id,amount,balance,region" + (",risk" if has_scores else "")]
    for row in range(ROWS):
        amount = 100 + row * 7919 % 4001 / 7
        sign = -1 if row % 9 == 4 else 1
        score = f",{row * 31 % 97 / 400:.3f}" if has_scores else ""
        lines.append(f"{row},{amount:.2f},{sign * amount:.2f},{'NESW'[row % 4]}{score}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Case:
    """A sample: its round or rounds, the rows that are wrong, and its evaluation.

    ``wrong`` has for the places of rows, from 0, the audit value's share of the book value, which
    is null for rows that can't be examined.
    """

    rounds: tuple[Mapping[str, Any], ...]
    evaluation: Mapping[str, Any] | None
    wrong: Mapping[int, float | None] = field(default_factory=dict)
    column: str = "amount"
    attributes: tuple[str, ...] = ()
    examined: int | None = None
    replaced: tuple[int, ...] = ()
    goal: Mapping[str, Any] | None = None
    has_files: bool = False
    amount_column: str | None = None


def one(method: str, **parameters: Any) -> dict[str, Any]:
    return {"method": method, "parameters": {"seed": 7, **parameters}}


def money(size: int, **more: Any) -> dict[str, Any]:
    return one("monetary_unit", **{"book_column": "amount", "sample_size": size, **more})


MANY = {place: 0.5 + place % 5 / 10 for place in range(0, 90, 3)}
SMALL = {place: 0.98 + place % 5 / 400 for place in range(0, 78, 2)}
STRATA = one("stratified", strata_columns=["region"], sample_size=80)
RANDOM = one("random", sample_size=100)


def of(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"kind": kind, **parameters}


CASES: Mapping[str, Case] = {
    "attributes": Case(
        (one("random", sample_size=60),),
        of("attributes", tolerable="0.1"),
        {3: 1.0, 9: 1.0},
        attributes=("approved", "goods received"),
        has_files=True,
    ),
    "attributes_two_sides": Case(
        (one("random", sample_size=60),),
        of("attributes", likelihood="binomial", sides="two", tolerable="0.2", confidence=0.9),
        {3: None},
        replaced=(5,),
    ),
    "attributes_poisson": Case(
        (one("systematic", sample_size=50),), of("attributes", likelihood="poisson")
    ),
    "two_stage": Case(
        (),
        of("two_stage", likelihood="hypergeometric"),
        {2: 1.0},
        goal={"materiality": 0.05, "accept": [0, 1], "likelihood": "hypergeometric"},
    ),
    "stringer": Case(
        (money(40),), of("monetary_unit", tolerable="15000"), {1: 0.4, 7: 0.9, 8: 1.1}
    ),
    "stringer_credits": Case(
        (money(40, book_column="balance", population="absolute", selection="random"),),
        of("monetary_unit", likelihood="poisson", tolerable="20000"),
        {1: 0.4, 7: 1.2},
        column="balance",
    ),
    "stringer_strata": Case(
        (
            {**money(20, selection="random"), "filters": {"expression": "region in ('N', 'S')"}},
            {**money(15, selection="random"), "filters": {"expression": "region in ('E', 'W')"}},
        ),
        of("monetary_unit", tolerable="20000"),
        {1: 0.4, 25: 0.5},
    ),
    "gaffke": Case(
        (money(40, selection="random"),),
        of("monetary_unit", bound="gaffke", tolerable="15000"),
        {1: 0.4, 7: 0.9, 8: 0.9},
    ),
    "difference": Case((RANDOM,), of("variables", book_column="amount", tolerable="40000"), MANY),
    "ratio": Case(
        (RANDOM,),
        of("variables", book_column="amount", estimator="ratio", sides="two", tolerable="40000"),
        MANY,
    ),
    "regression": Case(
        (RANDOM,), of("variables", book_column="amount", estimator="regression"), MANY
    ),
    "mean_per_unit": Case(
        (one("systematic", sample_size=80),),
        of("variables", book_column="amount", estimator="mean_per_unit", tolerable="40000"),
        {2: 0.5},
    ),
    "strata": Case((STRATA,), of("variables", book_column="amount", tolerable="60000"), MANY),
    "clusters": Case(
        (one("cluster", cluster_column="region", num_clusters=2),),
        of("variables", book_column="amount"),
        MANY,
    ),
    "sequential_share": Case(
        (one("random", sample_size=80),), of("sequential", tolerable="0.1"), {60: 1.0}
    ),
    "sequential_amount": Case(
        (money(60, selection="random"),),
        of("sequential", tolerable="15000"),
        {4: 0.8},
    ),
    "sequential_scores": Case(
        (money(60, selection="random"),),
        of("sequential", tolerable="15000", score_column="risk"),
        {4: 0.8, 11: 0.4},
    ),
    "one_start": Case(
        (money(40, selection="fixed_interval", order="file"),),
        of("monetary_unit", tolerable="30000"),
        {1: 0.4, 5: -0.5},
    ),
    "take_all": Case(
        (money(260, book_column="balance", population="absolute", selection="cell"),),
        of("monetary_unit", tolerable="0.2"),
        {0: 0.9, 2: 0.5, 60: 1.3},
        column="balance",
        replaced=(3, 50),
    ),
    "gaffke_strata": Case(
        (
            {**money(20, selection="random"), "filters": {"expression": "region in ('N', 'S')"}},
            {**money(15, selection="random"), "filters": {"expression": "region in ('E', 'W')"}},
        ),
        of("monetary_unit", bound="gaffke", tolerable="60000"),
        {1: 0.4, 25: 0.5},
    ),
    "netted": Case(
        (RANDOM,),
        of("variables", book_column="amount", tolerable="5000", sides="two"),
        {place: 0.6 + place % 7 / 9 for place in range(0, 99, 2)},
    ),
    "weighted": Case(
        (one("weighted", weight_column="amount", sample_size=80),),
        of("variables", book_column="amount", estimator="ratio"),
        MANY,
    ),
    "two_rounds": Case(
        (one("random", sample_size=30), one("random", sample_size=20)),
        of("attributes", tolerable="0.03"),
        {40: 1.0},
    ),
    "filtered": Case(
        ({**one("random", sample_size=40), "filters": {"expression": "region = 'N'"}},),
        of("attributes", tolerable="0.05"),
    ),
    "rejected": Case(
        (one("random", sample_size=80),),
        of("sequential", tolerable="0.05"),
        dict.fromkeys(range(0, 60, 3), 1.0),
    ),
    "programme_tolerable": Case(
        (RANDOM,),
        of("variables", book_column="amount", estimator="ratio", programme="eu-cohesion"),
        SMALL,
    ),
    "programme_withheld": Case(
        ({**one("random", sample_size=40), "filters": {"expression": "region <> 'N'"}},),
        of("variables", book_column="amount", programme="eu-cohesion"),
        {3: 0.98, 9: 1.01},
    ),
    "programme_strata": Case(
        (STRATA,),
        of("variables", book_column="amount", estimator="ratio", programme="eu-cohesion"),
        SMALL,
        amount_column="amount",
    ),
    "programme_money": Case(
        (money(40, selection="random"),),
        of("monetary_unit", programme="eu-cohesion", confidence=0.8),
        {1: 0.9, 7: 0.95},
    ),
    "programme_conservative": Case(
        (money(40),), of("monetary_unit", programme="eu-cohesion-conservative"), {1: 0.9, 7: 0.95}
    ),
    "programme_statement": Case(
        (RANDOM,), of("variables", book_column="amount", programme="recovery"), MANY
    ),
    "programme_of_kind": Case(
        (money(40),), of("monetary_unit", programme="mus-standard", tolerable="60000"), {1: 0.4}
    ),
    "unsigned": Case((one("random", sample_size=30),), None, examined=10),
}


def made(server: LiveServer, case: Case) -> tuple[int, str]:
    """Draw, examine and sign off a case; return its dataset and job."""
    dataset = server.new_dataset()
    has_scores = "score_column" in (case.evaluation or {})
    server.import_text(dataset, table_text(has_scores))
    body: dict[str, Any] = {"rounds": list(case.rounds)}
    if case.amount_column is not None:
        body["amount_column"] = case.amount_column
    if case.goal is not None:
        asked = {"goal": case.goal, "design": one("random")}
        size = server.admin.post(f"/api/sampling/datasets/{dataset}/size", json=asked).json()
        body = {"rounds": [size["round"]]}
    job = server.draw(dataset, body)
    assert job["status"] == "completed", job
    examine(server, str(job["id"]), case)
    return dataset, str(job["id"])


def examine(server: LiveServer, job: str, case: Case) -> None:
    at = f"/api/sampling/jobs/{job}"
    admin = server.admin
    if case.attributes:
        sent = {"attributes": list(case.attributes)}
        assert admin.put(f"{at}/attributes", json=sent).status_code == 200
    items = admin.get(f"{at}/findings?limit=1000").json()["items"]
    for place in case.replaced:
        body = {"row_id": items[place]["row_id"], "reason": "not a purchase"}
        assert admin.post(f"{at}/replacements", json=body).status_code == 200
    while found := open_findings(case, admin.get(f"{at}/findings?limit=1000").json()["items"]):
        for start in range(0, len(found), 50):  # stage 2 follows stage 1
            answer = admin.post(f"{at}/findings", json={"findings": found[start : start + 50]})
            assert answer.status_code == 200, answer.text
    if case.has_files:
        file = {"file": ("invoice.txt", b"Invoice 17, of 377.86\n")}
        sent = {"row_id": items[3]["row_id"]}
        answer = admin.post(f"{at}/attachments", files=file, data=sent)
        assert answer.status_code == 200, answer.text
    if case.evaluation is None:
        return
    assert admin.put(f"{at}/conclusion", json={"text": "Accepted."}).status_code == 200
    reviewer, user = server.new_user("analyst")
    dataset = admin.get(f"/api/jobs/{job}").json()["dataset_id"]
    right = {"user_id": user["id"], "permission": "write"}
    assert admin.put(f"/api/datasets/{dataset}/permissions", json=right).status_code == 200
    assert admin.post(f"{at}/review", json={"action": "submitted"}).status_code == 200
    step = {"action": "signed_off", "evaluation": case.evaluation}
    answer = reviewer.post(f"{at}/review", json=step)
    assert answer.status_code == 200, answer.text
    if case.has_files:
        assert admin.post(f"{at}/papers", json={"format": "html"}).status_code == 200


def open_findings(case: Case, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings to enter about the rows that have none."""
    listed = [item for item in items if not item["replaced_by"]][: case.examined]
    return [
        finding_of(case, place, item)
        for place, item in enumerate(listed)
        if item["finding"] is None
    ]


def finding_of(case: Case, place: int, item: Mapping[str, Any]) -> dict[str, Any]:
    if place not in case.wrong:
        return {"row_id": item["row_id"], "outcome": "ok"}
    share = case.wrong[place]
    if share is None:
        return {"row_id": item["row_id"], "outcome": "not_examinable", "note": "lost"}
    value = f"{float(item['data'][case.column]) * share:.2f}"
    finding = {"row_id": item["row_id"], "outcome": "exception", "audit_value": value}
    if case.attributes:
        finding["deviations"] = [case.attributes[place % len(case.attributes)]]
    return finding


def files_of(server: LiveServer, dataset: int, job: str) -> dict[str, bytes]:
    """What the server hands out to a verifier, and its public key."""
    at = f"/api/sampling/jobs/{job}"
    paths = (
        *(f"{at}/certificate", f"{at}/evaluation-certificate", f"{at}/certificate/sample"),
        *(f"{at}/certificate/data", f"/api/datasets/{dataset}/ledger?format=json"),
    )
    found = {}
    for name, path in zip(NAMES, paths, strict=True):
        answer = server.admin.get(path)
        assert answer.status_code == 200, answer.text
        found[name] = answer.content
    for paper in server.admin.get(f"{at}/papers").json()["papers"]:
        content = server.admin.get(f"{at}/papers/{paper['number']}").content
        found[f"papers/paper-{paper['number']}.html"] = content
    for file in server.admin.get(f"{at}/attachments").json()["attachments"]:
        content = server.admin.get(f"{at}/attachments/{file['id']}").content
        found[f"attachments/{file['sha256']}"] = content
    key = server.admin.get("/api/signing-keys").json()["keys"][0]["public_key"]
    return {**found, "public-key.txt": f"{key}\n".encode()}


def resigned(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with signatures of the key that everybody knows."""
    found = dict(files)
    for name in ("certificate.json", "evaluation.json"):
        payload = base64.b64decode(json.loads(files[name])["payload"])
        found[name] = tamperings.dump(tamperings.envelope(payload))
    ledger = json.loads(files["ledger.json"])
    tamperings.sign_head(ledger)
    found["ledger.json"] = tamperings.dump(ledger)
    found["public-key.txt"] = f"{tamperings.public_key().hex()}\n".encode()
    return found


def main() -> None:
    settings = Settings(data_dir=Path(tempfile.mkdtemp()), workers=2, compare_samples=False)
    with live_server(settings) as server:
        for name, case in CASES.items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            if case.has_files:
                for more in ("papers", "attachments"):
                    (FOLDER / name / more).mkdir(parents=True, exist_ok=True)
            tamperings.write(FOLDER / name, resigned(files_of(server, *made(server, case))))


if __name__ == "__main__":
    main()
