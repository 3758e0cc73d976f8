"""The tab "Working paper": what is missing, the form of facts, and the issued papers."""

from __future__ import annotations

from html import unescape

from tests.contract.draw_requests import one
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_the_tab_has_facts_and_issued_papers(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_dataset(reader.api)
    text = "amount\n" + "\n".join(map(str, range(50))) + "\n"
    server.import_text(dataset, text, client=reader.api)
    path = f"/jobs/{server.draw(dataset, {'rounds': [one('random', sample_size=4)]})['id']}"
    api = f"/api/sampling{path}"
    page = unescape(reader.page(path, tab="paper"))
    assert "Client, Period, Number of the paper" in page
    assert "None yet." in page
    facts = {"client_name": "Acme <b>", "assertions": ["existence"]}
    assert server.admin.patch(f"{api}/paper-facts", json=facts).status_code == 200
    issued = server.admin.post(f"{api}/papers", json={"format": "xlsx"}).json()
    page = reader.page(path, tab="paper")
    for text in (
        *('value="Acme &lt;b&gt;"', 'value="existence" data-as="item" checked'),
        *(issued["sha256"], f"{api}/papers/1", "aren’t signed off yet"),
    ):
        assert text in page, text


def test_facts_are_read_only_after_the_submission(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_dataset(reader.api)
    text = "amount\n" + "\n".join(map(str, range(50))) + "\n"
    server.import_text(dataset, text, client=reader.api)
    path = f"/jobs/{server.draw(dataset, {'rounds': [one('random', sample_size=1)]})['id']}"
    api = f"/api/sampling{path}"
    (item,) = server.admin.get(f"{api}/findings").json()["items"]
    finding = {"row_id": item["row_id"], "outcome": "ok"}
    assert server.admin.post(f"{api}/findings", json=finding).status_code == 200
    assert server.admin.patch(f"{api}/paper-facts", json={"period": "2025"}).status_code == 200
    assert server.admin.post(f"{api}/review", json={"action": "submitted"}).status_code == 200
    page = reader.page(path, tab="paper")
    assert "Save facts" not in page
    assert '<dt>Period</dt><dd class="prewrap">2025</dd>' in page
