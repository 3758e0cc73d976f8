"""The page of a deleted sample says whether the sample can be restored."""

from __future__ import annotations

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_a_deleted_sample_says_whether_it_can_be_restored(server: LiveServer) -> None:
    reader = Reader(server)
    dataset = server.new_table(10, reader.api)
    body = {"method": "random", "parameters": {"sample_size": 2}, "output_name": "q1"}
    job = server.draw(dataset, body)
    assert "This sample was deleted" not in reader.text(f"/jobs/{job['id']}")
    entry = reader.api.delete(f"/api/datasets/{dataset}/refs/smpl-q1").json()["bin_id"]
    findings = reader.text(f"/jobs/{job['id']}?tab=findings")
    assert "Finding Audit value" in findings
    assert "Submit for review" not in findings
    assert "deleted. Open the bin to restore it." in reader.text(f"/jobs/{job['id']}")
    reader.api.delete(f"/api/bin/{entry}")
    page = reader.text(f"/jobs/{job['id']}")
    assert "deleted for good. Its rows are here until a clean-up deletes them." in page
    assert "Open the bin" not in page
