"""Requests that schemathesis generates from the OpenAPI document, sent to a live server.

The requests are the same in every run. Those that would end the token or remove its user are left
out. In half of the others the ids of a path are those of things that exist.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from http_api.openapi import operations
from tests.support.live_server import LiveServer

LEFT_OUT = ("log_out_users",)
"""Operations that end the request's own token."""
MINE = ("update_user", "delete_user", "create_user_sign_in_link")
"""Operations that aren't asked of the token's own user."""
DESTRUCTIVE = ("delete_dataset",)
"""Operations that aren't asked of the dataset that the others read."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
PATIENCE_S = 60
DRAW = {"method": "stratified", "parameters": {"strata_columns": ["city"], "sample_size": 9}}


VALUES: dict[str, list[Any]] = {
    "source_ref": ["main", "smpl-drawn"],
    "base_ref": ["main"],
    "table_key": ["primary", "residual", None],
    "strata_columns": [["city"], ["city", "id"], [{"column": "amount", "breaks": [1, 2.5]}]],
    "stratify_columns": [["city"]],
    "cluster_column": ["city"],
    "weight_column": ["amount", "id"],
    "allocation_column": ["amount"],
    "cost_column": ["amount"],
    "amount_column": ["amount", "id"],
    "column": ["city", "id", "amount"],
    "order_by": ["amount", "city"],
    "expression": ["id > 3 AND city <> 'Oslo'"],
    "filters": ["id > 3 OR city IS NULL"],
    "columns": [["city", "id"]],
    "sql": ['SELECT city, count(*) AS n FROM "primary" GROUP BY ALL'],
    "sample_size": [3, 1_000_000],
}
"""Values of fields by which something is there, in the table of ``existing``."""
BODIES: dict[str, dict[str, Any]] = {
    "create_sampling_dataset_job": DRAW,
    "create_sampling_dataset_plan": DRAW,
    "create_sampling_dataset_size": {"goal": {"margin": 0.1}, "design": DRAW},
    "create_sampling_dataset_strata": {"column": "id", "sample_size": 30},
    "create_sampling_job_more_row": {"statistic": "mean", "column": "id", "margin": 1},
    "create_sampling_dataset_sample": DRAW,
    "create_sampling_template": {"name": "draw", "body": DRAW},
    "create_dataset_ref": {"name": "another", "source_ref": "main"},
    "query_exploration_dataset": {"sql": 'SELECT * FROM "primary"'},
    "create_user": {"soeid": "newuser", "role_name": "viewer"},
}
"""Bodies that are right, to which a part of a generated one is added now and then."""


@dataclass
class Outcome:
    """What came of the requests.

    Parameters
    ----------
    statuses : Counter
        Answers by operation and status.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many requests were sent."""
        return self.statuses.total()

    def summary(self) -> str:
        """Requests by status, and the operations that never succeeded."""
        by_status = Counter[int]()
        for (_, status), count in self.statuses.items():
            by_status[status] += count
        names = {name for name, _ in self.statuses}
        without = sorted(names - {name for name, status in self.statuses if status == 200})
        return f"{self.cases} requests of {len(names)}: {dict(by_status)}; no 200: {without}"


def existing(server: LiveServer, rows: int = 40) -> dict[str, list[Any]]:
    """Values of path parameters by which something is there; makes it."""
    dataset = server.new_table(rows)
    sample = server.draw(dataset, {**DRAW, "export_residual": True, "output_name": "drawn"})["id"]
    query = server.explore(dataset, {"sql": 'SELECT * FROM "primary"', "output_name": "all"})["id"]
    report = server.explore(dataset, {})["id"]
    made = server.admin.post(f"/api/profiling/datasets/{dataset}/jobs", json={}).json()
    profile = server.finished(made["job_id"])["id"]
    user = server.new_user()[1]["id"]
    return {
        "dataset_id": [dataset],
        "job_id": [sample, query, report, profile],
        "ref": ["main", "smpl-drawn", "expl-all"],
        "commit": ["main", "smpl-drawn"],
        "key": ["primary", "sample", "residual", "result"],
        "user_id": [user, "me"],
        "row_id": ["primary:0", f"primary:{rows}"],
        "template_id": [1],
        "token_id": [10**6],
    }


def send_all(server: LiveServer, cases_each: int) -> Outcome:
    """Send this number of requests of each operation, and check each response."""
    outcome = Outcome()
    known = existing(server)
    own_id = server.admin.get("/api/users/me").json()["id"]
    document = server.admin.get("/api/openapi.json").json()
    for operation in operations(document):
        operation.pop("security", None)  # or schemathesis would take the token away
    schema = schemathesis.openapi.from_dict(document)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {server.token}"
        for found in schema.get_all_operations():
            operation = found.ok()
            name = operation.definition.raw["operationId"]
            if name in LEFT_OUT:
                continue
            kept_off = {
                "user_id": own_id if name in MINE else None,
                "dataset_id": known["dataset_id"][0] if name in DESTRUCTIVE else None,
            }
            _send(server.url, session, operation, known, kept_off, cases_each, outcome)
    assert server.admin.get("/api/users/me").status_code == 200, "the token ended"
    return outcome


def _send(
    url: str,
    session: requests.Session,
    operation: APIOperation[Any, Any, Any, Any],
    known: dict[str, list[Any]],
    kept_off: dict[str, Any],
    count: int,
    outcome: Outcome,
) -> None:
    name = operation.definition.raw["operationId"]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    if not _can_be_wrong(operation):
        cases = operation.as_strategy()

    @settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_known=st.booleans(), place=st.integers(0, 11))
    def send(case: Any, is_known: bool, place: int) -> None:
        for parameter in case.path_parameters or {}:
            values = [one for one in known.get(parameter, ()) if one != kept_off.get(parameter)]
            is_own = str(case.path_parameters[parameter]) == str(kept_off.get(parameter))
            if values and (is_known or is_own):
                case.path_parameters[parameter] = values[place % len(values)]
            elif is_own:
                case.path_parameters[parameter] = 10**6
        if is_known:
            case.body = _with_values(case.body, place)
            if name in BODIES and isinstance(case.body, dict):
                some = {
                    key: one for at, (key, one) in enumerate(case.body.items()) if place >> at & 1
                }
                case.body = {**some, **BODIES[name]}
            case.query = _with_values(case.query, place)
        headers = {"Authorization": session.headers["Authorization"]}
        answer = case.call(base_url=url, session=session, headers=headers, timeout=PATIENCE_S)
        outcome.statuses[name, answer.status_code] += 1
        is_stream = answer.headers.get("content-type", [""])[0].startswith("text/event-stream")
        try:
            # To schemathesis the schema of a stream is that of an event.
            case.validate_response(answer, checks=CHECKS[:-1] if is_stream else CHECKS)
        except FailureGroup as group:
            outcome.failures += [
                f"{name}: {one} {case.as_curl_command()}" for one in group.exceptions
            ]

    send()


def _with_values(part: Any, place: int) -> Any:
    """A body or a query whose known fields have values by which something is there."""
    if isinstance(part, list):
        return [_with_values(one, place) for one in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("filters"), str):
        part = {**part, "filters": "id > 3 OR city IS NULL"}
    return {
        name: VALUES[name][place % len(VALUES[name])]
        if name in VALUES
        else _with_values(one, place)
        for name, one in part.items()
    }


def _can_be_wrong(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    """Whether there is anything of which a wrong value can be made."""
    return bool(operation.query or operation.body or operation.path_parameters)
