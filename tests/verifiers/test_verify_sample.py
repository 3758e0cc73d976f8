"""Tests of the verifier: each fixture is accepted, each tampering is refused with its code."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.published_rounds import INVENTED, ROUND_1000
from tests.verifiers import tamperings
from tests.verifiers.cluster_tamperings import (
    ALONG_LINES,
    OF_CLUSTERS,
    TAMPERINGS,
    changed_members,
)
from verifiers import verify_sample

NAMES = {file_name: name for name, file_name in verify_sample.FILES.items()}
LEVELS = {
    "dice": "L4",
    "drand": "L4",
    "quicknet": "L4",
    "proofs": "L3",
    "keyed_numbered": "L3",
    "keyed_plan": "L4",
}


def verify(files: tamperings.Files) -> verify_sample.CheckReport:
    return verify_sample.verify_files(
        {NAMES.get(name, name): content for name, content in files.items()}
    )


ACCEPTED = [base for base in tamperings.BASES if base != "invented"]


@pytest.mark.parametrize("base", ACCEPTED)
def test_fixture_is_accepted(base: str) -> None:
    result = verify_sample.as_data(verify(tamperings.load(base)))
    assert result["accepted"], result["reasons"]
    assert result["highest_level"] == LEVELS.get(base, "L2"), result["not_reached"]


@pytest.mark.parametrize(
    "folder", sorted((Path(__file__).parent / "certificates").iterdir()), ids=lambda path: path.name
)
def test_certificates_of_servers_are_accepted(folder: Path) -> None:
    """Among them amounts that lie halfway between two minor units."""
    found = verify_sample.verify_files(
        {NAMES[path.name]: path.read_bytes() for path in folder.iterdir()}
    )
    result = verify_sample.as_data(found)
    assert result["accepted"], result["reasons"]
    assert result["highest_level"] == ("L4" if folder.name == "plan_dice" else "L2")


@pytest.mark.parametrize(("function", "code"), [pytest.param(f, c, id=n) for n, f, c in TAMPERINGS])
def test_tampering_is_refused(function: tamperings.Function, code: str) -> None:
    start = time.monotonic()
    report = verify(tamperings.tampered(function))
    assert code in [line.code for line in report.refusals], verify_sample.as_data(report)["reasons"]
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("base", OF_CLUSTERS + ALONG_LINES)
def test_each_member_of_a_round_is_checked(base: str) -> None:
    changed = {path: verify(files) for path, files in changed_members(base)}
    assert len(changed) > 20
    assert [path for path, report in changed.items() if not report.refusals] == []


@pytest.fixture
def without_py_ecc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the import of py-ecc fail, as where it isn't installed."""
    monkeypatch.setitem(sys.modules, "py_ecc", None)


def of_beacon(files: tamperings.Files) -> list[tuple[str, str]]:
    lines = verify(files).lines
    return [(x.status, x.text) for x in lines if x.level == "L4" and "signature of round" in x.text]


@pytest.mark.parametrize(("base", "key"), [("quicknet", "83cf0f28"), ("drand", "868f005e")])
def test_a_beacon_is_verified_by_a_key_that_is_named(base: str, key: str) -> None:
    files = tamperings.load(base)
    ((status, text),) = of_beacon(files)
    assert status == "checked"
    assert f"by the key {key}" in text
    condition = verify_sample.as_data(verify(files))["condition"]
    assert condition.startswith("L4 holds if the plan was registered at its time")


@pytest.mark.parametrize("base", ["quicknet", "drand", "invented"])
@pytest.mark.usefixtures("without_py_ecc")
def test_without_py_ecc_a_beacon_is_claimed(base: str) -> None:
    """An invented signature is accepted then, but counts for nothing."""
    result = verify_sample.as_data(verify(tamperings.load(base)))
    assert result["accepted"], result["reasons"]
    assert result["highest_level"] == "L2"
    assert result["condition"] is None
    assert result["not_reached"]["L4"].startswith("claimed, not checked: the package py-ecc")
    claims = [x for x in result["checks"] if x["level"] == "L4" and x["status"] == "claimed"]
    assert [x["text"] for x in claims] == [result["not_reached"]["L4"]]


def test_an_invented_signature_is_refused() -> None:
    result = verify_sample.as_data(verify(tamperings.load("invented")))
    assert [x["code"] for x in result["reasons"]] == ["beacon_signature"]


def test_no_invented_signature_reaches_l4() -> None:
    """The attack: try signatures until the rows suit; each is a sound draw but for the beacon."""
    files = tamperings.load("quicknet")
    small = {name: files[name] for name in ("certificate.json", "public-key.txt")}
    opposite = "94" + ROUND_1000.signature[2:]  # a point of the right group
    tries = [hashlib.sha384(bytes([number])).hexdigest() for number in range(5)]
    for signature in (opposite, INVENTED, *tries):
        whole = json.loads(tamperings.payload_of(files))
        tamperings.sign_otherwise(whole["predicate"], signature)
        report = verify(tamperings.sealed(small, tamperings.canonical(whole).encode()))
        assert "beacon_signature" in [line.code for line in report.refusals]
        assert "L4" not in report.levels()


def test_registrations_of_one_plan_are_told() -> None:
    files = tamperings.register_again(tamperings.load("quicknet"), 12)
    report = verify(files)
    assert not report.refusals
    texts = [line.text for line in report.lines if line.status == "checked"]
    assert (
        "the ledger has 13 registered plans of this version of the table, of which at least 12 "
        "never drawn, and 0 of other versions of it"
    ) in texts
    (again,) = (text for text in texts if text.startswith("one plan"))
    assert "was registered 13 times, by the entries 1, 3, 4, 5, " in again
    assert "drawn 1 time:" in again


def test_draws_and_plans_of_other_versions_are_told() -> None:
    report = verify(tamperings.add_other_version(tamperings.load("quicknet"), 2))
    assert not report.refusals
    texts = " ".join(line.text for line in report.lines)
    assert "0 other draws from this version of the table, 2 from other versions of it" in texts
    assert "1 registered plan of this version of the table, and 2 of other versions of it" in texts


def test_a_round_before_the_plan_is_refused_with_its_time() -> None:
    changes = {name: function for name, function, _ in TAMPERINGS}
    report = verify(tamperings.tampered(changes["beacon_before_plan"]))
    (text,) = (line.text for line in report.refusals if line.code == "beacon_too_early")
    assert "Round 1000 of drand quicknet came at 2023-08-23T15:59:24+00:00, not after" in text


@pytest.mark.parametrize("kind", ["draw", "replacement"])
def test_an_older_ledger_is_refused_with_a_hint(kind: str) -> None:
    report = verify(tamperings.cut_before(tamperings.load("replaced"), kind))
    (refusal,) = report.refusals
    assert refusal.code == "ledger_entry"
    assert refusal.text.endswith(verify_sample.OLDER_LEDGER)


@pytest.mark.parametrize("base", ["random", "replaced"])
def test_a_certificate_that_a_replacement_followed_is_superseded(base: str, tmp_path: Path) -> None:
    files = tamperings.replace_later(tamperings.load(base), 2)
    number = len(json.loads(files["ledger.json"])["entries"]) - 1
    result = verify_sample.as_data(verify(files))
    assert result["accepted"], result["reasons"]
    said = f"a replacement followed (entry {number} of the ledger, 2029-01-01T00:00:00.000000+00:00"
    assert result["superseded"].startswith(f"{said}), and 1 other; ask for the newest")
    tamperings.write(tmp_path, files)
    program = [sys.executable, verify_sample.__file__, str(tmp_path)]
    found = subprocess.run(program, capture_output=True, text=True, check=False)
    assert found.returncode == 3
    assert f"\nSUPERSEDED: {said}" in found.stdout
    assert "ACCEPTED" not in found.stdout
    before = verify_sample.as_data(verify(tamperings.load(base)))
    assert before["superseded"] is None


def test_a_chained_round_without_the_one_before_is_claimed() -> None:
    files = tamperings.load("drand")
    whole = json.loads(tamperings.payload_of(files))
    del whole["predicate"]["seed_origin"]["previous_signature"]
    files = tamperings.sealed(files, tamperings.canonical(whole).encode())
    result = verify_sample.as_data(verify(files))
    assert result["accepted"], result["reasons"]
    assert result["highest_level"] == "L2"
    assert "lacks the signature of the round before" in result["not_reached"]["L4"]
    whole["predicate"]["seed_origin"]["previous_signature"] = "00" * 96
    result = verify_sample.as_data(
        verify(tamperings.sealed(files, tamperings.canonical(whole).encode()))
    )
    assert [x["code"] for x in result["reasons"]] == ["beacon_signature"]


def test_nested_json_is_refused_after_a_beacon_was_verified() -> None:
    """The package py-ecc raises Python's recursion limit, at which this would end the process."""
    before = sys.getrecursionlimit()
    assert verify_sample.as_data(verify(tamperings.load("quicknet")))["accepted"]
    assert sys.getrecursionlimit() == before
    deep = {**tamperings.load("quicknet"), "ledger.json": b'{"a":' * 100_000}
    assert "bad_json" in [line.code for line in verify(deep).refusals]


def test_names_are_unique() -> None:
    names = [name for name, _, _ in TAMPERINGS]
    assert len(set(names)) == len(names) >= 60


def test_codes_are_documented() -> None:
    assert verify_sample.__doc__ is not None
    for _, _, code in TAMPERINGS:
        assert code in verify_sample.__doc__


@pytest.mark.parametrize(
    "base", ["mixed", "replaced", "dice", "proofs", "residual", "cluster_size", "cluster_stages"]
)
def test_every_cut_and_type_is_refused_without_a_traceback(base: str) -> None:
    """Replace each member of the statement by a value of another type: nothing else fails."""
    files = tamperings.load(base)
    small = {name: files[name] for name in ("certificate.json", "public-key.txt")}
    whole = json.loads(tamperings.payload_of(files))

    def places(value: object, path: tuple[object, ...]) -> list[tuple[object, ...]]:
        pairs: list[tuple[object, object]] = []
        if isinstance(value, dict):
            pairs = list(value.items())
        elif isinstance(value, list):
            pairs = list(enumerate(value))[:2]
        return (
            [path, *(p for k, v in pairs for p in places(v, (*path, k)))]
            if path
            else [p for k, v in pairs for p in places(v, (k,))]
        )

    for number, path in enumerate(places(whole, ())):
        changed = json.loads(json.dumps(whole))
        target = changed
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = [None, [], {}, -1, "x", 0, True, 2**53 - 1, 1e300][number % 9]
        verify_sample.ed25519_valid = lambda *_: True  # type: ignore[assignment]
        payload = tamperings.canonical(changed).encode()
        unsigned = json.loads(files["certificate.json"])
        unsigned["payload"] = tamperings.base64.b64encode(payload).decode()
        report = verify({**small, "certificate.json": tamperings.dump(unsigned)})
        assert "malformed" not in [line.code for line in report.refusals], (path, report.refusals)


@pytest.fixture(autouse=True)
def _restore() -> object:
    real = verify_sample.ed25519_valid
    yield
    verify_sample.ed25519_valid = real


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("ledger.json", b'{"a":' * 100_000, "bad_json"),
        ("ledger.json", b"\xff\xfe", "bad_json"),
        ("ledger.json", b'{"entries":[],"entries":[]}', "duplicate_member"),
        ("ledger.json", b'{"entries":' + b"9" * 100_000 + b"}", "bad_json"),
        ("ledger.json", b"null", "wrong_type"),
        ("data.csv", b"", "data_format"),
        ("data.csv", b'"' * 5_000_000 + b"\n", "data_format"),
        ("data.csv", b"ordinal,present\n" + b"," * 3_000_000 + b"\n", "data_format"),
        ("sample.csv", b"\0" * 1_000_000, "sample_hash"),
        ("proofs.json", b"[]", "proof_format"),
        ("proofs.json", b"[" * 1_000_000, "bad_json"),
        ("public-key.txt", b"\xff" * 64, "bad_key"),
    ],
)
def test_hostile_files(name: str, content: bytes, code: str) -> None:
    start = time.monotonic()
    report = verify({**tamperings.load("random"), name: content})
    assert code in [line.code for line in report.refusals], report.refusals
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("value", ["1e999999999", "9" * 100_000, "-", "1_000", "inf", "0x10"])
def test_hostile_numbers(value: str) -> None:
    for base in ("money", "weighted"):
        files = tamperings.load(base)
        lines = files["data.csv"].decode().split("\n")
        lines[5] = f"4,true,{value}"
        report = verify({**files, "data.csv": "\n".join(lines).encode()})
        assert report.refusals


def test_random_bytes_are_refused_or_harmless() -> None:
    """Change bytes of the files that no signature covers: the verifier ends with a report."""
    chance = random.Random(1)
    for base in ("replaced_strata", "proofs", "mixed", "deleted"):
        files = tamperings.load(base)
        for name in [n for n in files if n != "public-key.txt"] * 6:
            content = bytearray(files[name])
            for _ in range(chance.choice([1, 1, 5])):
                content[chance.randrange(len(content))] = chance.randrange(256)
            verify_sample.as_data(verify({**files, name: bytes(content)}))


def test_ed25519_vectors() -> None:
    """RFC 8032, §7.1, tests 1 to 3."""
    vectors = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a",
        ),
    ]
    for key, message, signature in vectors:
        arguments = [bytes.fromhex(x) for x in (key, message, signature)]
        assert verify_sample.ed25519_valid(*arguments)
        assert not verify_sample.ed25519_valid(arguments[0], arguments[1] + b"x", arguments[2])


def test_order_vectors() -> None:
    path = Path(__file__).parents[1] / "sampling_engine" / "order-vectors.json"
    vectors = json.loads(path.read_text())
    for seed, keys in vectors["keys"].items():
        assert verify_sample.Order(10, seed).keys == keys
    for case in vectors["first"]:
        order = verify_sample.Order(case["rows"], str(case["seed"]))
        assert order.bits == case["bits"]
        assert order.take(10) == case["ordinals"]
        assert order.rank(case["rows"] - 1) == case["rank_of_last_row"]


def test_page_examples() -> None:
    order = verify_sample.Order(336776, "2013")
    found = order.take(10)
    assert found == [114103, 219650, 266942, 101296, 269926, 257641, 303478, 250458, 187580, 12148]
    assert order.ranks(found) == [4, 5, 11, 12, 13, 14, 20, 26, 27, 30]
    wide = verify_sample.Order(10**6, "42", 62)
    assert wide.ranks([0, 1, 2, 17, 336775]) == [
        1603393778942573867,
        3227275163367357909,
        3025013327142687244,
        767741588850359571,
        3337272768645913212,
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (4.0, "4"),
        (0.00001, "0.00001"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (-0.0, "0"),
        (1.5e-9, "1.5e-9"),
        (123456.789, "123456.789"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (0.000001, "0.000001"),
        (-12.5, "-12.5"),
    ],
)
def test_numbers_as_ecmascript(value: float, written: str) -> None:
    assert verify_sample.canonical(value) == written


def test_merkle_roots_of_the_page() -> None:
    inputs = [
        bytes.fromhex(x)
        for x in (
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        )
    ]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }

    def tree(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return verify_sample.hashlib.sha256(b"\0" + leaves[0]).digest()
        k = 1 << (len(leaves) - 1).bit_length() - 1
        return verify_sample.hashlib.sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()

    def path(index: int, leaves: list[bytes]) -> list[bytes]:
        if len(leaves) == 1:
            return []
        k = 1 << (len(leaves) - 1).bit_length() - 1
        if index < k:
            return [*path(index, leaves[:k]), tree(leaves[k:])]
        return [*path(index - k, leaves[k:]), tree(leaves[:k])]

    for count, root in roots.items():
        assert tree(inputs[:count]).hex() == root
        for index in range(count):
            proof = path(index, inputs[:count])
            assert verify_sample.merkle_root(inputs[index], index, count, proof).hex() == root


def test_command_line(tmp_path: Path) -> None:
    program = [sys.executable, str(Path(verify_sample.__file__))]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)

    folder = str(tamperings.FIXTURES / "random")
    good = run(folder)
    assert good.returncode == 0
    assert "ACCEPTED" in good.stdout
    key = tamperings.public_key().hex()
    as_json = json.loads(run(folder, "--key", key, "--json").stdout)
    assert as_json["accepted"]
    assert as_json["highest_level"] == "L2"
    refused = run(folder, "--key", tamperings.public_key(tamperings.OTHER_SECRET).hex())
    assert refused.returncode == 1
    assert "REFUSED" in refused.stdout
    assert "wrong_key" in refused.stdout
    assert run(str(tmp_path)).returncode == 2
    assert run(str(tmp_path / "none")).returncode == 2
    assert run(folder, "--data", str(tmp_path / "none.csv")).returncode == 2
    assert run(folder, "--nonsense").returncode == 2
