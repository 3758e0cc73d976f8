"""A client that keeps book of what a server accepted, and holds the books against it afterwards.

Every request carries an Idempotency-Key of its own and is sent again until it is answered, so the
books have exactly one job for each key, whenever the server died. The work of a check grows with
the history, not with its square: lists are read page by page.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from storage.maintenance.data_directory import DataDirectory
from storage.sqlite.database import Database
from storage.versions.manifests import get_commit
from tests.faults.asked import ROWS, Asked
from tests.faults.server_state import assert_no_strays, dataset_of, named_by, wait_until_idle
from tests.support.live_server import finished

DOWNLOADS = 300
"""Samples whose rows are fetched and compared; of all others the files' hashes are."""
PAGE = 1_000


@dataclass
class Books:
    """All requests so far.

    Parameters
    ----------
    dataset_id : int
        Where the jobs work; 0 as long as it isn't there.
    imports_before : int
        Jobs that the dataset had before the books were opened: imports that completed,
    failed_before : int
        and others that didn't.
    """

    dataset_id: int = 0
    imports_before: int = 1
    failed_before: int = 0
    asked: list[Asked] = field(default_factory=list)
    _answered: int = 0

    def add_import(self) -> Asked:
        """One more import to ask for."""
        self.asked.append(Asked(f"import-{len(self.asked)}", None))
        return self.asked[-1]

    def add_retry(self, job_id: str) -> Asked:
        """One more import to ask for, by a retry of one that failed."""
        self.asked.append(Asked(f"retry-{len(self.asked)}", None, retry_of=job_id))
        return self.asked[-1]

    def add_draw(self, method: str, seed: int, *, residual: bool) -> Asked:
        """One more draw to ask for."""
        parameters: dict[str, Any] = {"sample_size": 500, "seed": seed}
        if method == "stratified":
            parameters["strata_columns"] = ["kind"]
        name = f"draw-{len(self.asked)}"
        body = {
            "rounds": [{"method": method, "parameters": parameters}],
            "export_residual": residual,
            "output_name": name,
        }
        self.asked.append(Asked(name, body))
        return self.asked[-1]

    def add_query(self, least: int) -> Asked:
        """One more query to ask for, whose result becomes a commit of its own."""
        name = f"query-{len(self.asked)}"
        sql = f'SELECT kind, count(*) AS n FROM "primary" WHERE id >= {least} GROUP BY 1 ORDER BY 1'
        self.asked.append(Asked(name, {"sql": sql, "output_name": name}))
        return self.asked[-1]

    def add_report(self) -> Asked:
        """One more report to ask for."""
        self.asked.append(Asked(f"report-{len(self.asked)}", {"source_ref": "main"}))
        return self.asked[-1]

    def ask(self, client: httpx.Client, chance: random.Random) -> None:
        """Ask for one more import, report or draw, or cancel; the answer may never come."""
        kind = chance.random()
        if kind < 0.1 and self.asked:
            self._cancel(client, self.asked[-1])
        elif kind < 0.3:
            self.send(client, self.add_import())
        elif kind < 0.35:
            self.send(client, self.add_report())
        else:
            method = chance.choice(["random", "stratified"])
            seed = len(self.asked) % 3
            self.send(client, self.add_draw(method, seed, residual=chance.random() < 0.5))

    def send(self, client: httpx.Client, one: Asked) -> None:
        """Send a request, for the first time or again."""
        answer = one.sent(client, self.dataset_id)
        assert answer.status_code == 200, answer.text
        job_id = answer.json()["job_id"]
        assert one.job_id in (None, job_id), "one key stands for two jobs"
        one.job_id = job_id

    def send_unanswered(self, client: httpx.Client) -> Iterator[Asked]:
        """Send again what a kill left without an answer; gives each request when it is answered."""
        self.dataset_id = self.dataset_id or dataset_of(client)
        while self._answered < len(self.asked):
            one = self.asked[self._answered]
            if one.job_id is None:
                self.send(client, one)
                yield one
            self._answered += 1

    def _cancel(self, client: httpx.Client, one: Asked) -> None:
        answer = client.post(f"/api/jobs/{one.job_id}/cancel")
        assert answer.status_code in (200, 409), answer.text
        one.cancelled = answer.status_code == 200

    def hold_against(self, client: httpx.Client) -> int:
        """Check that every accepted job came to one end; returns how many completed."""
        wait_until_idle(client, self.dataset_id)
        jobs = [finished(client, one.job_id or "") for one in self.asked]
        jobs_in_all = self.imports_before + self.failed_before + len(self.asked)
        listed = list(_pages(client, "/api/jobs", "jobs", dataset_id=self.dataset_id))
        assert len(listed) == len({job["id"] for job in listed}) == jobs_in_all, (
            "a job was lost or accepted twice"
        )
        path = f"/api/datasets/{self.dataset_id}"
        refs = {ref["name"]: ref["commit_id"] for ref in _pages(client, f"{path}/refs", "refs")}
        made: dict[str, str] = {}
        imports, reports = [], []
        for one, job in zip(self.asked, jobs, strict=True):
            if job["status"] == "failed":
                _check_failure(one, job)
                continue
            assert not one.cancelled, "a cancelled job completed"
            assert job["duration_seconds"] >= 0
            summary = job["output_summary"]
            if one.makes_rows:
                assert summary["output_ref"] == one.ref
                made[one.ref] = summary["output_commit_id"]
            elif one.body is None:
                imports.append(summary["output_commit_id"])
            else:
                reports.append(one)
                assert summary["rows"] == ROWS
        assert refs == {**made, "main": refs["main"]}, "a job's ref isn't where it was put"
        published = [commit["commit_id"] for commit in _pages(client, f"{path}/history", "commits")]
        assert published[0] == refs["main"]
        assert len(published) == len(set(published)) == self.imports_before + len(imports)
        assert set(imports) <= set(published)
        self._compare_rows(client, jobs)
        return len(made) + len(imports) + len(reports)

    def _compare_rows(self, client: httpx.Client, jobs: list[dict[str, Any]]) -> None:
        made = [
            one
            for one, job in zip(self.asked, jobs, strict=True)
            if one.makes_rows and job["status"] == "completed"
        ]
        digests: dict[str, set[str]] = {}
        for one in random.Random(len(made)).sample(made, min(len(made), DOWNLOADS)):
            digests.setdefault(one.rows, set()).add(_digest(client, one))
        assert all(len(found) == 1 for found in digests.values()), (
            "a repeated request gave two results"
        )

    def hold_against_files(self, directory: DataDirectory) -> None:
        """Check, after a start and a stop, that no stray is left and that equal rows are equal."""
        database = Database(directory.database_path)
        files: dict[str, set[str]] = {}
        with database.read() as tx:
            for one in self.asked:
                if not one.makes_rows:
                    continue
                ref = tx.execute(
                    "SELECT commit_id FROM refs WHERE dataset_id = ? AND name = ?",
                    (self.dataset_id, one.ref),
                ).fetchone()
                if ref:
                    made = get_commit(tx, self.dataset_id, ref[0]).manifest.table(one.table_key)
                    files.setdefault(one.rows, set()).add(made.files[0].sha256)
        database.close()
        assert all(len(found) == 1 for found in files.values()), (
            "a repeated request gave two results"
        )
        assert_no_strays(directory, named_by(directory))


def _check_failure(one: Asked, job: dict[str, Any]) -> None:
    assert job["error_code"] in ("interrupted", "cancelled"), job
    assert job["error_code"] == "cancelled" or job["attempt"] == 3, job
    assert job["output_summary"] is None


def _pages(client: httpx.Client, path: str, name: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Every entry of a list, page by page."""
    offset = 0
    while True:
        params = {**query, "offset": offset, "limit": PAGE}
        answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found = answer.json()[name]
        yield from found
        offset += len(found)
        if len(found) < PAGE:
            return


def _digest(client: httpx.Client, one: Asked) -> str:
    answer = one.fetched(client)
    assert answer.status_code == 200, answer.text
    return hashlib.sha256(answer.content).hexdigest()
