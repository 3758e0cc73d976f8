"""Jobs of every kind in every state, made on a live server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter

from storage.jobs.kinds import (
    ATTACHMENT,
    AUDIT_TEST,
    IMPORT,
    PROFILE,
    QUERY,
    REPORT,
    ROW_DIFF,
    ROW_PROOFS,
    SAMPLE,
    JobKind,
    kind_of,
)
from storage.sqlite.database import Transaction
from tests.support.attached_world import parquet_file
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

ROWS = 40
DRAWS: Mapping[str, dict[str, Any]] = {
    "random": {"method": "random", "parameters": {"sample_size": 3}},
    "systematic": {"method": "systematic", "parameters": {"interval": 10}},
    "stratified": {
        "method": "stratified",
        "parameters": {"strata_columns": ["region"], "sample_size": 8},
    },
    "cluster": {
        "method": "cluster",
        "parameters": {"cluster_column": "region", "num_clusters": 2},
    },
    "weighted": {"method": "weighted", "parameters": {"weight_column": "id", "sample_size": 3}},
    "monetary unit": {
        "method": "monetary_unit",
        "parameters": {"book_column": "amount", "sample_size": 3},
    },
}
SEVERAL_ROUNDS = {
    "rounds": [DRAWS["stratified"], DRAWS["random"]],
    "export_residual": True,
    "output_name": "several",
    "commit_message": "Test of details",
}
VARIANTS: Mapping[str, JobKind] = {
    **{f"draw: {name}": SAMPLE for name in DRAWS},
    "draw: several rounds": SAMPLE,
    "import: file": IMPORT,
    "import: workbook": IMPORT,
    "import: URI": IMPORT,
    "import: attached": ATTACHMENT,
    "query": QUERY,
    "query: saved": QUERY,
    "row diff": ROW_DIFF,
    "audit test": AUDIT_TEST,
    "report": REPORT,
    "report: compared": REPORT,
    "profile": PROFILE,
    "profile: columns": PROFILE,
    "row proofs": ROW_PROOFS,
}
"""Each way to make a job."""

_COPY = "INSERT INTO jobs ({names}) SELECT {values} FROM jobs WHERE id = :of"
_CHANGE = (
    "UPDATE jobs SET ({names}) = (SELECT {values} FROM jobs AS ended WHERE id = :of) "
    "WHERE id = :new"
)
_SAME = ("run_type", "dataset_id", "source_commit_id", "run_parameters", "lane")
_NEW = {
    **{name: name for name in (*_SAME, "priority", "created_at")},
    "id": ":new",
    "user_id": "(SELECT id FROM users WHERE soeid = :owner)",
    "request_id": "'held'",
}
_RUNNING = {
    "status": "'running'",
    "started_at": "started_at",
    "attempt": "1",
    "progress": "40",
    "progress_message": "'reading rows'",
}
_COMPLETED = {
    "status": "'completed'",
    "completed_at": "completed_at",
    "progress": "100",
    "output_summary": "output_summary",
}


def _failed(code: str, **more: str) -> dict[str, str]:
    return {
        "status": "'failed'",
        "completed_at": "completed_at",
        "error_code": f"'{code}'",
        "error_message": f"'It ended: {code}.'",
        **more,
    }


STATES: Mapping[str, tuple[dict[str, str], ...] | None] = {
    "completed": None,  # the job itself
    "waiting": (),
    "released": ({"attempt": "2", "progress_message": "'waits again'"},),
    "running": (_RUNNING,),
    "failed": (_RUNNING, _failed("internal_error")),
    "cancelled": (_RUNNING, _failed("cancelled")),
    "interrupted": (_RUNNING, _failed("interrupted", crashes="3")),
    "never started": (_failed("cancelled"),),
    "retried": (_RUNNING, _failed("timed_out", dismissed_at="completed_at")),
    "retry": ({"retry_of": ":retried"},),
    "pruned": (_RUNNING, _COMPLETED, {"source_commit_id": "NULL"}),
    "old summary": (_RUNNING, {**_COMPLETED, "output_summary": "'{}'"}),
}
"""The changes of a waiting job until it has this state."""


@dataclass(frozen=True)
class EveryJob:
    """Ids of jobs by variant and state, and of their dataset."""

    dataset: int
    ids: Mapping[tuple[str, str], str]
    owners: Mapping[str, Reader]
    """For each variant the user of its jobs, except of the completed one."""


def every_job(server: LiveServer, folder: Path) -> EveryJob:
    """Make a job of each variant, and copies of it in each state that no thread runs."""
    dataset = server.new_balanced_table(ROWS)
    made = _completed(server, dataset, folder)
    assert made.keys() == VARIANTS.keys()
    owners = {variant: Reader(server, "admin") for variant in made}
    ids: dict[tuple[str, str], str] = {}
    with server.service.database.write() as tx:
        for variant, job in made.items():
            assert job["status"] == "completed", (variant, job["error_message"])
            assert kind_of(job["run_type"], job["run_parameters"]) is VARIANTS[variant]
            for state, changes in STATES.items():
                new = job["id"] if changes is None else server.service.new_id()
                ids[variant, state] = new
                names = {
                    "new": new,
                    "of": job["id"],
                    "owner": owners[variant].soeid,
                    "retried": ids.get((variant, "retried")),
                }
                if changes is not None:
                    _copy(tx, changes, names)
        tx.execute(
            "CREATE TRIGGER held BEFORE UPDATE OF status ON jobs "
            "WHEN OLD.request_id = 'held' BEGIN SELECT RAISE(IGNORE); END"
        )
    return EveryJob(dataset, ids, owners)


def _copy(
    tx: Transaction, changes: tuple[dict[str, str], ...], names: Mapping[str, str | None]
) -> None:
    """Insert a waiting job with the parameters of another one, and change it step by step."""
    for statement, values in ((_COPY, _NEW), *((_CHANGE, change) for change in changes)):
        sql = statement.format(names=", ".join(values), values=", ".join(values.values()))
        tx.execute(sql, names)


def _completed(server: LiveServer, dataset: int, folder: Path) -> dict[str, dict[str, Any]]:
    """A completed job of each variant."""

    def sent(path: str, **given: Any) -> dict[str, Any]:
        answer = server.admin.post(path, **given)
        assert answer.status_code == 200, answer.text
        return server.finished(answer.json()["job_id"])

    def posted(path: str, **body: Any) -> dict[str, Any]:
        return sent(f"/api/{path}", json=body)

    explorations = f"exploration/datasets/{dataset}/jobs"
    profiles = f"profiling/datasets/{dataset}/jobs"
    changed = {"compare_to": {"source_ref": "smpl-several", "table_key": "sample"}}
    jobs = {
        f"draw: {name}": server.draw(dataset, {"rounds": [draw]}) for name, draw in DRAWS.items()
    }
    jobs["draw: several rounds"] = server.draw(dataset, SEVERAL_ROUNDS)
    sql = "SELECT region FROM data"
    jobs["query"] = posted(explorations, sql=sql)
    jobs["query: saved"] = posted(explorations, sql=sql, output_name="regions")
    jobs["report"] = posted(explorations)
    jobs["report: compared"] = posted(explorations, **changed)
    jobs["row diff"] = posted(explorations, **changed, keys=["id"])
    jobs["audit test"] = posted(f"datasets/{dataset}/audit-tests/duplicates", columns=["region"])
    jobs["profile"] = posted(profiles)
    jobs["profile: columns"] = posted(profiles, columns=["id"])
    jobs["row proofs"] = posted(f"datasets/{dataset}/row-roots")
    return jobs | _imported(server, dataset, folder, sent)


def _imported(
    server: LiveServer, dataset: int, folder: Path, sent: Any
) -> dict[str, dict[str, Any]]:
    """Imports of each source into a branch of their own."""
    path = f"/api/datasets/{dataset}/refs"
    made = server.admin.post(path, json={"name": "other", "source_ref": "main"})
    assert made.status_code == 200, made.text
    folder.joinpath("b.csv").write_text("id,region\n1,north\n", encoding="utf-8")
    parquet_file(folder / "c.parquet", "SELECT 1 AS id, 'north' AS region")
    body = {"name": f"every {dataset}", "prefix": f"file://{folder}/"}
    assert server.admin.post("/api/connections", json=body).status_code == 200
    workbook = two_sheets(folder / "two.xlsx").read_bytes()
    into, attach = f"{path}/other/import", f"{path}/other/attach"
    return {
        "import: file": sent(into, files={"file": ("t.csv", b"id,region\n1,north\n2,east\n")}),
        "import: workbook": sent(into, files={"file": ("two.xlsx", workbook)}),
        "import: URI": sent(into, json={"uri": f"file://{folder}/b.csv"}),
        "import: attached": sent(
            attach,
            json={"tables": [{"uri": f"file://{folder}/c.parquet", "connection": body["name"]}]},
        ),
    }


def two_sheets(path: Path) -> Path:
    """Write a workbook of two sheets."""
    with xlsxwriter.Workbook(path) as workbook:
        for name in ("north", "east"):
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, ("id", "region"))
            sheet.write_row(1, 0, (1, name))
    return path
