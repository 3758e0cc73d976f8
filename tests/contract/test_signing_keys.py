"""The signing key over the API."""

from __future__ import annotations

import hashlib

from tests.support.live_server import LiveServer

PATH = "/api/signing-keys"


def test_all_users_read_the_public_keys(server: LiveServer) -> None:
    viewer, _ = server.new_user("viewer")
    keys = viewer.get(PATH).json()["keys"]
    assert keys == server.admin.get(PATH).json()["keys"]
    assert hashlib.sha256(bytes.fromhex(keys[0]["public_key"])).hexdigest() == keys[0]["key_id"]
    assert "PRIVATE" not in viewer.get(PATH).text


def test_an_admin_rotates_the_key_and_both_are_listed(server: LiveServer) -> None:
    old = server.admin.get(PATH).json()["keys"][0]
    new = server.admin.post(f"{PATH}/rotate").json()
    keys = server.admin.get(PATH).json()["keys"]
    assert keys[0] == new
    assert keys[0]["retired_at"] is None
    assert next(key for key in keys if key["key_id"] == old["key_id"])["retired_at"] is not None


def test_an_analyst_may_not_rotate_the_key(server: LiveServer) -> None:
    analyst, _ = server.new_user()
    before = server.admin.get(PATH).json()
    assert analyst.post(f"{PATH}/rotate").status_code == 403
    assert server.admin.get(PATH).json() == before
