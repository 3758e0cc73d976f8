"""The signing key: its file, the table of public keys, and the envelopes that it signs."""

from __future__ import annotations

import base64
import sqlite3
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.certificates.envelopes import (
    PAYLOAD_TYPE,
    key_id,
    pre_authentication_encoding,
    public_bytes,
    sign_payload,
)
from storage.certificates.keys import SigningKeys, list_public_keys
from storage.errors import DamagedData
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database

RFC_8032_TEST_1 = {
    "secret": "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "public": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "signature": "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc"
    "61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signing-key.pem"


@pytest.fixture
def keys(path: Path, database: Database, clock: Clock) -> SigningKeys:
    return SigningKeys(path, database, clock)


def listed(database: Database) -> list[tuple[str, bool]]:
    with database.read() as tx:
        return [(key.key_id, key.retired_at is None) for key in list_public_keys(tx)]


def test_the_vector_of_rfc_8032_holds() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_8032_TEST_1["secret"]))
    assert public_bytes(key).hex() == RFC_8032_TEST_1["public"]
    assert key.sign(b"").hex() == RFC_8032_TEST_1["signature"]


def test_the_vector_of_dsse_holds() -> None:
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes() -> None:
    assert pre_authentication_encoding("é", "ü€".encode()) == "DSSEv1 2 é 5 ü€".encode()


def test_an_envelope_verifies_and_a_changed_one_does_not(keys: SigningKeys) -> None:
    envelope = sign_payload(keys.current(), b'{"a":1}')
    (signature,) = envelope["signatures"]  # type: ignore[misc]
    public = Ed25519PublicKey.from_public_bytes(public_bytes(keys.current()))
    assert signature["keyid"] == key_id(public.public_bytes_raw())
    payload = base64.b64decode(str(envelope["payload"]))
    sig = base64.b64decode(signature["sig"])
    public.verify(sig, pre_authentication_encoding(PAYLOAD_TYPE, payload))
    with pytest.raises(InvalidSignature):
        public.verify(sig, pre_authentication_encoding(PAYLOAD_TYPE, payload + b" "))
    assert sign_payload(keys.current(), b'{"a":1}') == envelope


def test_the_private_key_is_readable_by_its_owner_only(keys: SigningKeys, path: Path) -> None:
    keys.current()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.glob("signing-key*")] == [path.name]


def test_a_restart_has_the_same_key(
    keys: SigningKeys, path: Path, database: Database, clock: Clock
) -> None:
    again = SigningKeys(path, database, clock)
    assert public_bytes(keys.current()) == public_bytes(again.current())
    assert len(listed(database)) == 1


def test_a_rotation_retires_the_old_key(
    keys: SigningKeys, path: Path, database: Database, clock: Clock
) -> None:
    old = key_id(public_bytes(keys.current()))
    with database.write() as tx:
        new = keys.rotate(tx).key_id
    assert listed(database) == [(new, True), (old, False)]
    assert key_id(public_bytes(keys.current())) == new
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rotation_that_fails_lists_its_key_at_the_next_use(
    keys: SigningKeys, database: Database
) -> None:
    old = key_id(public_bytes(keys.current()))
    with pytest.raises(sqlite3.OperationalError), database.write() as tx:
        tx.execute(f"SELECT * FROM no_table_{keys.rotate(tx).key_id}")
    assert listed(database) == [(old, True)]
    new = key_id(public_bytes(keys.current()))
    assert listed(database) == [(new, True), (old, False)]


def test_a_key_that_was_put_back_is_current_again(
    keys: SigningKeys, path: Path, database: Database, clock: Clock
) -> None:
    old, text = key_id(public_bytes(keys.current())), path.read_bytes()
    with database.write() as tx:
        new = keys.rotate(tx).key_id
    path.write_bytes(text)
    SigningKeys(path, database, clock).current()
    assert listed(database) == [(old, True), (new, False)]


def test_a_file_that_is_no_key_is_refused_and_stays(keys: SigningKeys, path: Path) -> None:
    path.write_bytes(b"no key")
    with pytest.raises(DamagedData):
        keys.current()
    assert path.read_bytes() == b"no key"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM signing_keys", "UPDATE signing_keys SET public_key = key_id"]
)
def test_the_database_refuses_to_change_public_keys(
    keys: SigningKeys, database: Database, statement: str
) -> None:
    keys.current()
    with pytest.raises(sqlite3.IntegrityError), database.write() as tx:
        tx.execute(statement)
