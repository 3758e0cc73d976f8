"""The page of what the server does inside."""

from __future__ import annotations

from storage.accounts.audit_trail import record_of_service
from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def test_lanes_caches_and_the_last_prune_are_shown(comparing_server: LiveServer) -> None:
    server = comparing_server  # nobody prunes it
    admin = Reader(server, "admin")
    dataset = server.new_table(40, admin.api)
    rows = f"/api/datasets/{dataset}/refs/main/tables/primary/data"
    assert admin.api.get(rows, params={"filter": "id > 3"}).status_code == 200
    assert "Last prune (UTC) none" in admin.text("/admin/internals")
    with server.service.database.write() as tx:
        for details in ({"removed": {"jobs": 1}}, {"found": {"jobs": 2}}):
            record_of_service(tx, server.service.clock, "pruned", ("user", 1), details)
    shown = admin.text("/admin/internals")
    settings = server.service.settings
    assert f"short 0 {settings.workers} 0" in shown
    assert f"long 0 {settings.long_workers} 0" in shown
    assert f"totals {len(server.service.results.totals)} 1,000" in shown
    assert len(server.service.results.totals) > 0
    assert "Last prune (UTC) none" not in shown
    assert Reader(server).get("/admin/internals").status_code == 403
