"""A third verifier of keyed random draws: plain Python, from docs/CERTIFICATE.md alone.

It checks no signature. It draws the rounds of a certificate again from the data of L2.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from fractions import Fraction
from hashlib import sha256
from typing import Any


def value_text(text: str, kind: str) -> str:
    if kind.startswith("DECIMAL") and "." in text:
        return text.rstrip("0").rstrip(".")
    if kind.startswith("TIMESTAMP"):
        zone = "Z" if kind.endswith("ZONE") else ""
        return text.removesuffix("+00").replace(" ", "T") + zone
    return text.lower() if kind == "UUID" else text


def key_text(parts: list[str]) -> str:
    return "".join(f"{len(part.encode())}:{part}" for part in parts)


def digest(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 2


def mixed(x: int, key: int) -> int:
    x = ((x ^ key) * 0x2C1B3C6D) & 0x7FFFFFFF
    x = ((x ^ (x >> 15)) * 0x297A2D39) & 0x7FFFFFFF
    return x ^ (x >> 13)


def rank(text: str, seed: str, start: str) -> int:
    name = f"jobsvc-order-2:{seed}:".encode()
    found = digest(text)
    left, right = found >> 31, found & 0x7FFFFFFF
    for i in range(8):
        key = int.from_bytes(sha256(name + bytes([i])).digest()[:4], "big") & 0x7FFFFFFF
        left, right = right, left ^ mixed(right, key)
    return ((left << 31 | right) - int(Fraction(start) * 2**62)) % 2**62


def numbered(texts: dict[int, str], rows: dict[int, str]) -> dict[int, str]:
    """Number the second and later rows of a key by the SHA-256 of the rows' texts."""
    seen: dict[str, int] = {}
    result = {}
    for row in sorted(texts, key=lambda row: (sha256(rows.get(row, "").encode()).hexdigest(), row)):
        text = texts[row]
        seen[text] = seen.get(text, 0) + 1
        result[row] = text if seen[text] == 1 else text + key_text([str(seen[text])])
    return result


def redrawn(certificate: bytes, data: bytes) -> list[list[int]]:
    """The rows of each round, all of them keyed random rounds, drawn again."""
    statement = json.loads(base64.b64decode(json.loads(certificate)["payload"]))
    lines = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    return list(_rounds(statement["predicate"], lines))


def _rounds(predicate: dict[str, Any], lines: list[list[str]]) -> Any:
    passes, columns = predicate["data"]["passes"], predicate["data"]["columns"]
    taken: set[int] = set()
    for each in predicate["rounds"]:
        order = each["order"]
        places = [columns.index(k["name"]) - len(columns) for k in order["key"]]
        kinds = [k["type"] for k in order["key"]]
        present = {int(line[0]): line for line in lines if line[1] == "true"}
        texts = {
            row: key_text(
                [value_text(line[at], kind) for at, kind in zip(places, kinds, strict=True)]
            )
            for row, line in present.items()
        }
        if order["duplicates"] == "number":
            whole = {row: line[2 + len(passes)] for row, line in present.items()}
            texts = numbered(texts, whole)
        assert len(set(texts.values())) == len(texts)
        fits = 2 + passes.index(each["round_number"]) if each["filter"] else 1
        eligible = [r for r, line in present.items() if line[fits] == "true" and r not in taken]
        seed = each["effective_seed"]
        eligible.sort(key=lambda r: (rank(texts[r], seed, order["start"]), texts[r]))
        taken.update(eligible[: each["parameters"]["sample_size"]])
        yield eligible[: each["parameters"]["sample_size"]]
