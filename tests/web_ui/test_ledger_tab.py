"""The tab with the ledger of a dataset."""

from __future__ import annotations

from tests.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_the_ledger_lists_draws_and_deletions(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(10, reader.api)
    assert "0 entries" in reader.text(f"/datasets/{dataset}", tab="ledger")
    body = {"method": "random", "parameters": {"sample_size": 2}, "output_name": "q1"}
    job = server.draw(dataset, body)
    reader.api.delete(f"/api/datasets/{dataset}/refs/smpl-q1")
    text = reader.text(f"/datasets/{dataset}", tab="ledger")
    assert "Intact 2 entries since" in text
    assert "drew 2 rows of table primary" in text
    assert f"{reader.soeid} deleted a sample {job['id'][:8]}" in text
