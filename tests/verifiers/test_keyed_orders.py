"""The keyed order of the verifiers: published vectors, hand calculations and words."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.verifiers import plain_keyed, tamperings
from tests.verifiers.keyed_tamperings import TAMPERINGS
from tests.verifiers.test_verify_sample import verify
from verifiers import verify_sample

VECTORS = json.loads(
    (Path(__file__).parents[1] / "sampling_engine" / "keyed_vectors.json").read_text("utf-8")
)
Rank = Callable[[str, str, str], int]


def shipped_rank(text: str, seed: str, start: str) -> int:
    return verify_sample.KeyRanks(seed, start).ranks([text])[0]


def text_of(vector: dict[str, Any]) -> str:
    """The canonical text of a vector's key, from its values as a CSV file has them."""
    values = [
        str(value).lower() if isinstance(value, bool) else str(value) for value in vector["key"]
    ]
    return verify_sample.joined_key(values)


@pytest.mark.parametrize("vector", VECTORS["canonical"], ids=lambda vector: str(vector["key"]))
def test_texts_and_digests_are_the_published_ones(vector: dict[str, Any]) -> None:
    text = text_of(vector)
    assert text == vector["text"]
    assert verify_sample.key_digest(text) == plain_keyed.digest(text) == vector["digest"]


@pytest.mark.parametrize("rank", [shipped_rank, plain_keyed.rank])
def test_ranks_and_draws_are_the_published_ones(rank: Rank) -> None:
    for vector in VECTORS["rank"]:
        found = rank(text_of(vector), str(vector["seed"]), vector["start"])
        assert found == vector["rank"], vector
    accounts = [f"ACC-{number:07}" for number in range(1, 1001)]
    for vector in VECTORS["take"]:
        seed, start = str(vector["seed"]), vector["start"]
        accounts.sort(key=lambda name: rank(verify_sample.joined_key([name]), seed, start))
        assert accounts[: vector["size"]] == vector["drawn"]


@pytest.mark.parametrize("base", ["keyed", "keyed_filter", "keyed_numbered"])
def test_a_verifier_from_the_page_alone_draws_the_same_rows(base: str) -> None:
    files = tamperings.load(base)
    stated = json.loads(tamperings.payload_of(files))["predicate"]["rounds"]
    found = plain_keyed.redrawn(files["certificate.json"], files["data.csv"])
    assert found == [each["ordinals"] for each in stated]


def test_equal_ranks_are_ordered_by_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows two keys of one digest, so all get the same one."""
    monkeypatch.setattr(verify_sample, "key_digest", lambda _: 7)
    ranks = verify_sample.KeyRanks("42", "0")
    rows = verify_sample.KeyedTable(ranks, {0: "1:b", 1: "1:a", 2: "2:é"})
    assert [row for _, row in rows.sorted([0, 1, 2])] == [1, 0, 2]


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (
            "keyed",
            "the order of round 1: rows stand in the order of the digests of their keys, account "
            "(VARCHAR), from the place 0.25",
        ),
        (
            "keyed_stages",
            "the order of round 1: rows stand in the order of the digests of their keys, account "
            "(VARCHAR), and clusters by those of their values, from the place 0.5",
        ),
        (
            "keyed_clusters",
            "the order of round 1: clusters stand in the order of the digests of their values, "
            "club (VARCHAR)",
        ),
        (
            "keyed_numbered",
            "the order of round 1: rows stand in the order of the digests of their keys, pair "
            "(VARCHAR), from the place 0.1, equal keys numbered",
        ),
    ],
)
def test_the_order_is_told_in_words(base: str, words: str) -> None:
    lines = [line.text for line in verify(tamperings.load(base)).lines if line.status == "checked"]
    assert words in lines


def test_l1_of_hidden_keys_is_not_checkable() -> None:
    """The sizes still are."""
    files = tamperings.load("keyed")
    del files["sample.csv"], files["data.csv"]
    result = verify_sample.as_data(verify(files))
    assert result["accepted"], result["reasons"]
    assert "L1" not in result["levels"]
    assert "sample.csv doesn't show account" in result["not_reached"]["L1"]
    whole = json.loads(tamperings.payload_of(files))
    whole["predicate"]["rounds"][0]["parameters"]["sample_size"] = 21
    del files["ledger.json"]
    changed = tamperings.sealed(files, tamperings.canonical(whole).encode())
    assert [line.code for line in verify(changed).refusals] == ["sample_size"]


def test_reasons_name_what_is_wrong() -> None:
    functions = {name: function for name, function, _ in TAMPERINGS}
    reasons = {
        "last_row_exchanged_with_the_next": r"; the redraw has ",
        "key_repeated": "Rows share the key account, such as the rows [",
        "zeros_of_a_decimal_dropped": "isn't the text of a value of the type DECIMAL(12,4).",
        "zeros_of_a_text_dropped": "don't ascend at place ",
        "key_of_another_type": "the table has 'exact' of the type DECIMAL(12,4), not DECIMAL(12,2)",
        "numbers_of_two_rows_exchanged": " (pair K",
    }
    for name, reason in reasons.items():
        texts = [line.text for line in verify(tamperings.tampered(functions[name])).refusals]
        assert any(reason in text for text in texts), (name, texts)


def test_certificates_by_positions_have_no_order() -> None:
    """Those of older versions stay as they were."""
    for folder in (Path(__file__).parent / "certificates").iterdir():
        envelope = json.loads((folder / "certificate.json").read_text("utf-8"))
        predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        assert predicate["engine"]["order_version"] == "jobsvc-order-1"
        assert not any("order" in each for each in predicate["rounds"])
