"""The tabs with the ledger of a dataset and the certificate of a sample."""

from __future__ import annotations

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_the_ledger_lists_draws_and_deletions(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(10, reader.api)
    assert "0 entries" in reader.text(f"/datasets/{dataset}", tab="ledger")
    body = {"method": "random", "parameters": {"sample_size": 2}, "output_name": "q1"}
    server.draw(dataset, body)
    reader.api.delete(f"/api/datasets/{dataset}/refs/smpl-q1")
    text = reader.text(f"/datasets/{dataset}", tab="ledger")
    assert "Intact 2 entries since" in text
    assert "drew 2 rows of table primary" in text
    assert f"{reader.soeid} deleted a sample q1" in text


def test_the_certificate_tab_says_what_the_seed_proves(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(10, reader.api)
    body = {"method": "random", "parameters": {"sample_size": 2, "seed": 3}}
    job = server.draw(dataset, body)
    text = reader.text(f"/jobs/{job['id']}", tab="certificate")
    assert "This draw is entry 1" in text
    assert "L4: seed Not checkable: a person gave the seed" in text
    assert "Issued certificates" not in text
    answer = reader.api.get(f"/api/sampling/jobs/{job['id']}/certificate")
    assert answer.status_code == 200, answer.text
    assert "Issued certificates No. 1 ," in reader.text(f"/jobs/{job['id']}", tab="certificate")
    assert "not built yet" in reader.text(f"/jobs/{job['id']}", tab="certificate")
    body = {"source_ref": job["source_commit_id"], "table_key": "primary"}
    built = reader.api.post(f"/api/datasets/{dataset}/row-roots", json=body).json()
    server.finished(built["job_id"])
    page = reader.page(f"/jobs/{job['id']}", tab="certificate")
    assert f"/api/sampling/jobs/{job['id']}/row-proofs" in page
