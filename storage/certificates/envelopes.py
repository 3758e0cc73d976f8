"""Signed envelopes: DSSE with one Ed25519 signature; how to verify one.

https://github.com/secure-systems-lab/dsse (protocol version 1.0.2); RFC 8032 for Ed25519.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature signs.

    >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public_key: bytes) -> str:
    """The id of a public key: the SHA-256 of its 32 bytes, in hexadecimal."""
    return hashlib.sha256(public_key).hexdigest()


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The 32 bytes of a key's public half."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()


def sign_payload(
    key: Ed25519PrivateKey, payload: bytes, payload_type: str = PAYLOAD_TYPE
) -> dict[str, object]:
    """The envelope of a payload. A key and a payload always give the same envelope."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": key_id(public_bytes(key)), "sig": base64.b64encode(signature).decode()}
        ],
    }


def verified_payload(envelope: Mapping[str, Any], public_keys: Mapping[str, str]) -> bytes | None:
    """The payload of an envelope that one of the public keys, by their ids, has signed; or None."""
    try:
        (signature,) = envelope["signatures"]
        public = bytes.fromhex(public_keys[signature["keyid"]])
        payload = base64.b64decode(envelope["payload"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(
            base64.b64decode(signature["sig"], validate=True),
            pre_authentication_encoding(envelope["payloadType"], payload),
        )
    except (KeyError, ValueError, binascii.Error, InvalidSignature):
        return None
    return payload
