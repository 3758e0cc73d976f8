"""The header ``Idempotency-Key`` on requests that make a job.

A request is the same when its path and its body are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import request

from http_api.problems import InvalidRequest
from storage.idempotency import IdempotencyKey

HEADER = "Idempotency-Key"
LONGEST = 255


def idempotency_key(*parts: str, file: Path | None = None) -> IdempotencyKey | None:
    """The request's key with what it stands for; None when it has none.

    Parameters
    ----------
    parts : str
        What the body says, where it isn't JSON.
    file : Path or None
        An uploaded file, whose content belongs to the request.

    Raises
    ------
    InvalidRequest
        The key is empty, too long or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"{HEADER} has 1 to {LONGEST} printable ASCII characters.", loc=("header", HEADER)
        )
    digest = hashlib.sha256()
    for part in (request.path, *parts):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if file is None:
        digest.update(request.get_data(cache=True))
    else:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return IdempotencyKey(key, digest.hexdigest())
