"""A backup over the API."""

from __future__ import annotations

import tarfile
from pathlib import Path

import composition_root
from storage.maintenance.backup import back_up, restore
from storage.maintenance.data_directory import DataDirectory
from tests.contract.problems import assert_problem
from tests.support.live_server import LiveServer

PATH = "/api/admin/backup"


def test_a_downloaded_backup_can_be_restored(server: LiveServer, tmp_path: Path) -> None:
    server.new_table(500)
    answer = server.admin.get(PATH)
    assert answer.headers["Content-Type"] == "application/x-tar"
    assert "jobsvc-backup-" in answer.headers["Content-Disposition"]
    archive = tmp_path / "backup.tar"
    archive.write_bytes(answer.content)
    assert int(answer.headers["Content-Length"]) == archive.stat().st_size
    again = DataDirectory(tmp_path / "again")
    findings = restore(archive, again, lambda *_: None)
    assert findings.files >= 1
    assert not findings.faults
    kinds = {"action": "backup_asked,backup_made", "limit": 2}
    entries = server.admin.get("/api/admin/audit", params=kinds)
    actions = [entry["action"] for entry in entries.json()["entries"]]
    assert actions == ["backup_made", "backup_asked"]
    overview = server.admin.get("/api/admin/overview").json()
    assert overview["last_backup_at"] == entries.json()["entries"][0]["at"]


def test_both_ways_have_the_same_files(server: LiveServer, tmp_path: Path) -> None:
    archive = tmp_path / "sent.tar"
    archive.write_bytes(server.admin.get(PATH).content)
    back_up(server.service.directory, tmp_path / "written.tar", lambda *_: None)
    members = []
    for path in (archive, tmp_path / "written.tar"):
        with tarfile.open(path) as packed:
            members.append([(one.name, one.mode, one.isfile()) for one in packed])
    assert members[0] == members[1]


def test_only_one_backup_is_sent_at_a_time(server: LiveServer) -> None:
    web = composition_root.build_app(server.service).test_client(use_cookies=False)
    headers = {"Authorization": server.admin.headers["Authorization"]}
    first = web.get(PATH, headers=headers)
    assert first.status_code == 200
    assert web.get(PATH, headers=headers).get_json()["code"] == "too_many_backups"
    first.close()  # a client that left
    again = web.get(PATH, headers=headers)
    assert again.status_code == 200
    again.close()
    assert not list(server.service.directory.scratch_dir.iterdir())


def test_a_token_that_only_reads_gets_no_backup(server: LiveServer) -> None:
    token = server.admin.post("/api/tokens", json={"name": "r", "scope": "read"}).json()["token"]
    assert_problem(server.client(token).get(PATH), 403, "forbidden")
