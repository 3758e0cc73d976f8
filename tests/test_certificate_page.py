"""The vectors and the example of docs/CERTIFICATE.md hold, by the rules that the page states."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from parquet_tables.row_keys.canonical import digest_of_text, text_of_key
from sampling_engine.methods.cluster.selection import chances_by_size
from sampling_engine.selection.keyed import DigestRanks
from sampling_engine.selection.order import SeededOrder
from storage.certificates.beacons import CHAINS
from storage.certificates.envelopes import key_id, pre_authentication_encoding, sign_payload
from tests.support.published_rounds import DEFAULT_ROUND_1, ROUND_1000
from tests.verifiers.tamperings import FIXTURES

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "certificate-example"
PAGE = (DOCS / "CERTIFICATE.md").read_text(encoding="utf-8")
RFC_8032_TEST_1 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


@pytest.fixture(scope="module")
def envelope() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLE / "certificate.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def payload(envelope: dict[str, Any]) -> bytes:
    return base64.b64decode(envelope["payload"], validate=True)


@pytest.fixture(scope="module")
def predicate(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload)["predicate"]
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]


def test_the_orders_of_the_page_hold() -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| ([\d ]+?)(?:, at ([\d ]+))? \|$", PAGE, re.MULTILINE
    )
    assert len(rows) == 2
    for count, seed, ordinals, ranks in rows:
        order = SeededOrder(int(count), seed)
        first = order.first(len(numbers(ordinals)))
        assert first.tolist() == numbers(ordinals)
        if ranks:
            assert order.rank(first).tolist() == numbers(ranks)


def test_the_ranks_of_62_bits_hold() -> None:
    found = re.search(r"the ordinals ([\d, ]+) have the ranks ([\d,\s]+)\.", PAGE)
    assert found is not None
    ordinals, ranks = numbers(found[1]), numbers(found[2])
    order = SeededOrder(336776, "42", 62)
    assert order.rank(np.array(ordinals)).tolist() == ranks


def test_the_clusters_by_size_of_the_page_hold() -> None:
    starts = SeededOrder(1 << 62, "42:cluster starts", 62).ordinal(np.arange(3)).tolist()
    section = PAGE.split("- **cluster, staged**")[1].split("- **weighted**")[0]
    assert f"are {starts[0]}, {starts[1]} and {starts[2]}." in section
    (given,) = re.findall(r"sizes (40[\d, and]+)", section)
    sizes, groups = numbers(given), np.zeros(5, dtype=np.int64)
    ranks = SeededOrder(5, "42:clusters").rank(np.arange(5))
    drawn = chances_by_size(groups, ranks, sizes, np.array([3]), "42:cluster starts")
    assert f"is {' '.join(str(at) for at in np.argsort(ranks) if at)};" in section
    assert np.flatnonzero(drawn.drawn).tolist() == [0, 2, 4]
    assert (drawn.parts[4], drawn.parts[2]) == (20, 50)
    assert set(drawn.wholes[1:]) == {60}


def test_the_page_lists_the_members_of_a_cluster() -> None:
    section = PAGE.split("### Clusters in stages")[1].split("## Seeds")[0]
    table = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    content = (FIXTURES / "cluster_size" / "certificate.json").read_bytes()
    stated = json.loads(base64.b64decode(json.loads(content)["payload"]))["predicate"]
    (clusters,) = (each["facts"]["first_stage"] for each in stated["rounds"])
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == set(clusters[0])


def test_the_keyed_order_of_the_page_holds() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| `([^`]+)` \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE
    )
    assert [row[0] for row in rows] == ["ACC-0000001", "ACC-0000002", "007"]
    for key, text, digest, rank, moved in rows:
        assert text == text_of_key([key])
        assert int(digest) == digest_of_text(text)
        given = np.array([int(digest)])
        assert DigestRanks(42).of(given).tolist() == [int(rank)]
        assert DigestRanks(42, Fraction(1, 4)).of(given).tolist() == [int(moved)]
    found = re.search(r"by `42` from 0 are those of ([\d, ]+) and (\d+)\.", PAGE)
    assert found is not None
    keys = np.array([digest_of_text(text_of_key([f"ACC-{n:07}"])) for n in range(1, 1001)])
    first = np.argsort(DigestRanks(42).of(keys))[:5] + 1
    assert first.tolist() == [*numbers(found[1]), int(found[2])]


def test_the_randomness_of_a_beacon_is_the_hash_of_its_signature() -> None:
    stated = re.findall(r"has the signature\s`([0-9a-f]+)`\sand the randomness `([0-9a-f]+)`", PAGE)
    assert [signature for signature, _ in stated] == [
        ROUND_1000.signature,
        DEFAULT_ROUND_1.signature,
    ]
    for signature, randomness in stated:
        assert sha256(bytes.fromhex(signature)) == randomness


def test_the_page_states_the_chains_of_the_server() -> None:
    for chain in CHAINS:
        assert f"| `{chain.hash}` | {chain.genesis} | {chain.period_s} s |" in PAGE
        for text in (chain.public_key, chain.group_hash, chain.scheme):
            assert f"`{text}`" in PAGE


def test_the_example_has_the_signature_of_the_page_key(
    envelope: dict[str, Any], payload: bytes
) -> None:
    public = bytes.fromhex(re.findall(r"public key `([0-9a-f]{64})`", PAGE)[0])
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == key_id(public)
    signed = pre_authentication_encoding(envelope["payloadType"], payload)
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature["sig"]), signed)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_8032_TEST_1))
    assert sign_payload(private, payload) == envelope


def test_the_example_is_canonical_json(payload: bytes) -> None:
    text = json.dumps(
        json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert text.encode() == payload


def test_the_example_has_the_members_of_the_page(payload: bytes) -> None:
    statement = json.loads(payload)
    section = PAGE.split("## Statement")[1].split("### Replacements")[0]
    tables = re.findall(r"^\| member[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", section, re.MULTILINE)
    listed = [
        {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        for table in tables
    ]
    predicate = statement["predicate"]
    rounds = set(predicate["rounds"][0]) | {"order"}  # which keyed rounds alone have
    assert listed == [set(statement), set(predicate), rounds]


def test_the_hashes_of_the_example_are_those_of_its_content(predicate: dict[str, Any]) -> None:
    population, (drawn,) = predicate["population"], predicate["rounds"]
    assert sha256(population["manifest"].encode()) == population["commit_id"]
    (table,) = json.loads(population["manifest"])["tables"]
    assert table["key"] == population["table_key"]
    assert sum(file["rows"] for file in table["files"]) == population["file_rows"]
    assert sha256(",".join(map(str, drawn["ordinals"])).encode()) == drawn["ordinals_sha256"]


def test_the_order_gives_the_rows_of_the_example(predicate: dict[str, Any]) -> None:
    (drawn,) = predicate["rounds"]
    order = SeededOrder(predicate["population"]["file_rows"], drawn["effective_seed"])
    first = order.first(drawn["rows"])
    assert first.tolist() == drawn["ordinals"]
    assert str(order.rank(first)[-1]) == drawn["facts"]["last_rank"]
    share = drawn["rows"] / drawn["eligible_rows"]
    assert drawn["probabilities"] == [share] * drawn["rows"]
    assert drawn["weights"] == [1 / share] * drawn["rows"]


def test_the_sample_of_the_example_has_its_hash(payload: bytes) -> None:
    subject = json.loads(payload)["subject"][-1]
    assert subject["name"].endswith(".csv")
    assert sha256((EXAMPLE / "sample.csv").read_bytes()) == subject["digest"]["sha256"]


def test_the_merkle_roots_of_the_page_hold() -> None:
    cells = re.findall(r"^\| (\W*`[^|]+) \| `([0-9a-f]{64})` \|$", PAGE, re.MULTILINE)
    leaves: list[bytes] = []
    for inputs, root in cells:
        given = [bytes.fromhex(each.strip('"')) for each in re.findall(r"`([^`]*)`", inputs)]
        leaves = [*leaves, *given] if inputs.startswith("…") else given
        assert merkle_root(leaves).hex() == root
    assert len(cells) == 5


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()
