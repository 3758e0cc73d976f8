"""The key that signs certificates: a private file, and a table of all public keys.

The file has the current private key. The table has the public half of each key that this data
directory ever had, so that older certificates can still be verified.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contract.declarations import Help
from lazy_dataclasses import dataclass
from operating_system import sync_file, sync_folder
from storage.certificates.envelopes import key_id, public_bytes
from storage.errors import DamagedData
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Database, Transaction
from storage.sqlite.queries import Records, run


@dataclass(frozen=True)
class PublicKey:
    """A public key, in hexadecimal; ``retired_at`` is None for the current one."""

    key_id: Annotated[str, Help("The SHA-256 of the public key's 32 bytes.")]
    public_key: Annotated[str, Help("The Ed25519 public key, 64 hexadecimal digits.")]
    created_at: str
    retired_at: Annotated[str | None, Help("Null for the current key.")]


class SigningKeys:
    """The signing key of a data directory. It is created on first use."""

    def __init__(self, path: Path, database: Database, clock: Clock) -> None:
        self._path, self._database, self._clock = path, database, clock
        self._lock = threading.Lock()
        self._key: Ed25519PrivateKey | None = None

    def current(self) -> Ed25519PrivateKey:
        """The private key.

        Raises
        ------
        DamagedData
            The file isn't an Ed25519 private key.
        """
        with self._lock:
            is_loaded = self._key is not None
            key = self._key = self._key or self._read() or self._create()
        if not is_loaded:
            with self._database.write() as tx:
                _record(tx, key, self._clock)
        return key

    def rotate(self, tx: Transaction) -> PublicKey:
        """Replace the key in a transaction, and list the old one as retired.

        If the transaction fails, the next use of the key lists it.
        """
        with self._lock:
            key = self._create()
            self._key = None
        _record(tx, key, self._clock)
        return list_public_keys(tx)[0]

    def _read(self) -> Ed25519PrivateKey | None:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            key = load_pem_private_key(text, password=None)
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise DamagedData(
                "{path} isn't an Ed25519 private key. Put the file back, or remove it: then a new "
                "key is created.",
                path=str(self._path),
            )
        return key

    def _create(self) -> Ed25519PrivateKey:
        """Write a new key atomically, readable by the directory's owner only."""
        key = Ed25519PrivateKey.generate()
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        sync_file(partial)
        partial.replace(self._path)
        sync_folder(self._path.parent)
        return key


def list_public_keys(tx: Transaction) -> list[PublicKey]:
    """All public keys, the current one first, then the newest."""
    return Records(PublicKey).all(tx, "list_signing_keys")


def _record(tx: Transaction, key: Ed25519PrivateKey, clock: Clock) -> None:
    """List the key as the current one."""
    public, now = public_bytes(key), timestamp(clock())
    identity = key_id(public)
    run(tx, "retire_signing_keys", key_id=identity, retired_at=now)
    run(tx, "put_signing_key", key_id=identity, public_key=public.hex(), created_at=now)
