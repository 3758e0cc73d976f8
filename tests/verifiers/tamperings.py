"""Tamperings with certificates, each with the code of the refusal that a verifier must give.

A tampering that sets one value is a row of a table; any other is a function, which takes the files
of a folder (name to bytes) and returns changed ones.
`TAMPERINGS` has all of them, those of `keyed_tamperings` and `cluster_tamperings` once these are
imported, as (name, function, expected code); `function.base` names the folder in `fixtures` that it
starts from. The fixtures are signed by the key of RFC 8032, test 1, whose private half everybody
knows: so a tampering can sign again, as an attacker who holds the key would.

`python tamperings.py FOLDER` writes each tampering as a folder with its files and `expected.json`,
for verifiers in other languages. `python tamperings.py --fixtures CORPUS` makes the fixtures from a
corpus of certificates.
"""

from __future__ import annotations

import base64
import copy
import csv
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifiers.verify_sample import L, Order, canonical

Files = dict[str, bytes]
Function = Callable[[Files], Files]
HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
OTHER_SECRET = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
STATEMENT = "application/vnd.in-toto+json"
LEDGER = "application/vnd.jobsvc.ledger+json"
BASES = {
    "random": "random_size",
    "filter": "random_filter",
    "strata": "strat_prop",
    "named": "strat_sizes",
    "grid": "syst_size",
    "clusters": "cluster_per",
    "weighted": "weighted_int",
    "money": "mus_fixed_interval_positive_seeded",
    "cells": "mus_cell_absolute_file",
    "interval": "mus_interval",
    "rounds": "rounds_random",
    "mixed": "rounds_mixed",
    "residual": "from_residual2",
    "dice": "plan_dice",
    "drand": "plan_drand",
    "quicknet": "plan_quicknet",
    "invented": "plan_invented",
    "proofs": "proofs_t3",
    "replaced": "replace_random",
    "replaced_strata": "replace_strat",
    "deleted": "deleted_draw",
    "entropy": "random_entropy",
    "replaced_weighted": "replace_weighted",
    "keyed": "keyed_random",
    "keyed_filter": "keyed_filter",
    "keyed_strata": "keyed_strat",
    "keyed_stages": "keyed_stages",
    "keyed_clusters": "keyed_clusters",
    "keyed_weighted": "keyed_weighted",
    "keyed_rounds": "keyed_rounds",
    "keyed_numbered": "keyed_numbered",
    "keyed_plan": "keyed_plan",
    "keyed_starts": "keyed_starts",
    "keyed_new": "keyed_new",
    "cluster_strata": "cluster_strata",
    "cluster_divided": "cluster_divided",
    "cluster_rows": "cluster_rows",
    "cluster_size": "cluster_size",
    "cluster_floats": "cluster_floats",
    "cluster_stages": "cluster_stages",
    "cluster_later": "cluster_later",
    "keyed_cluster_strata": "keyed_cluster_strata",
    "keyed_cluster_stages": "keyed_cluster_stages",
    "sorted_line": "sorted_line",
    "sorted_points": "sorted_points",
    "points": "points",
}
TAMPERINGS: list[tuple[str, Function, str]] = []


# --- signing ---


def public_key(secret: bytes = SECRET) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def sign(message: bytes, secret: bytes = SECRET) -> bytes:
    """Sign a message (RFC 8032) with another program than the verifier's."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def envelope(payload: bytes, kind: str = STATEMENT, secret: bytes = SECRET) -> dict[str, Any]:
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [
            {
                "keyid": hashlib.sha256(public_key(secret)).hexdigest(),
                "sig": base64.b64encode(sign(message, secret)).decode(),
            }
        ],
    }


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def payload_of(files: Files) -> bytes:
    return base64.b64decode(json.loads(files["certificate.json"])["payload"])


def sealed(files: Files, payload: bytes) -> Files:
    return {**files, "certificate.json": dump(envelope(payload))}


def digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(
        canonical({k: v for k, v in entry.items() if k != "digest"}).encode()
    ).hexdigest()


def chain(ledger: dict[str, Any]) -> None:
    """Compute all digests of a ledger again and sign its head."""
    previous = None
    for entry in ledger["entries"]:
        entry["previous_digest"] = previous
        entry["digest"] = previous = digest(entry)
    sign_head(ledger)


def sign_head(ledger: dict[str, Any], **changes: Any) -> None:
    last = ledger["entries"][-1]
    head = {
        "dataset_id": last["dataset_id"],
        "digest": last["digest"],
        "number": last["number"],
        "signed_at": "2026-11-26T15:00:00.000000+00:00",
        **changes,
    }
    ledger["head"] = envelope(canonical(head).encode(), LEDGER)


# --- kinds of tamperings ---


def tampering(base: str, code: str) -> Callable[[Function], Function]:
    """Register a function as a tampering with the folder `base`."""

    def register(function: Function) -> Function:
        function.base = base  # type: ignore[attr-defined]
        TAMPERINGS.append((function.__name__, function, code))
        return function

    return register


def statement(
    base: str, code: str, without: tuple[str, ...] = ()
) -> Callable[[Callable[[Any], Any]], None]:
    """Register a change of the predicate, signed again.

    `without` names files that the attacker doesn't hand over.
    """

    def register(change: Callable[[Any], Any]) -> None:
        def function(files: Files) -> Files:
            whole = json.loads(payload_of(files))
            change(whole["predicate"])
            kept = {name: data for name, data in files.items() if name not in without}
            return sealed(kept, canonical(whole).encode())

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def ledger(base: str, code: str, again: bool = True) -> Callable[[Callable[[Any], Any]], None]:
    """Register a change of the ledger; `again` computes its digests and signs its head again."""

    def register(change: Callable[[Any], Any]) -> None:
        def function(files: Files) -> Files:
            value = json.loads(files["ledger.json"])
            change(value)
            if again:
                chain(value)
            return {**files, "ledger.json": dump(value)}

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def proofs(code: str) -> Callable[[Callable[[Any], Any]], None]:
    def register(change: Callable[[Any], Any]) -> None:
        def function(files: Files) -> Files:
            value = json.loads(files["proofs.json"])
            change(value)
            return {**files, "proofs.json": dump(value)}

        function.__name__ = change.__name__
        tampering("proofs", code)(function)

    return register


def data(base: str, code: str) -> Callable[[Callable[[list[str]], Any]], None]:
    """Register a change of the lines of data.csv."""

    def register(change: Callable[[list[str]], Any]) -> None:
        def function(files: Files) -> Files:
            lines = files["data.csv"].decode().split("\n")
            change(lines)
            return {**files, "data.csv": "\n".join(lines).encode()}

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def sample(base: str, code: str) -> Callable[[Callable[[list[list[str]]], Any]], None]:
    """Register a change of the rows of sample.csv, whose hash is signed again."""

    def register(change: Callable[[list[list[str]]], Any]) -> None:
        def function(files: Files) -> Files:
            rows = list(csv.reader(io.StringIO(files["sample.csv"].decode(), newline="")))
            change(rows)
            return with_sample(files, rows)

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def with_sample(
    files: Files, rows: list[list[str]], change: Callable[[Any], Any] | None = None
) -> Files:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    content = out.getvalue().encode()
    whole = json.loads(payload_of(files))
    whole["subject"][-1]["digest"]["sha256"] = hashlib.sha256(content).hexdigest()
    if change:
        change(whole["predicate"])
    return sealed({**files, "sample.csv": content}, canonical(whole).encode())


def text(name: str, base: str, code: str, old: str, new: str) -> None:
    """Register a change of the payload's text, signed again."""

    def function(files: Files) -> Files:
        payload = payload_of(files).decode()
        assert old in payload, old
        return sealed(files, payload.replace(old, new, 1).encode())

    function.__name__ = name
    tampering(base, code)(function)


def outer(code: str) -> Callable[[Callable[[Any], Any]], None]:
    """Register a change of the envelope without a new signature."""

    def register(change: Callable[[Any], Any]) -> None:
        def function(files: Files) -> Files:
            value = json.loads(files["certificate.json"])
            change(value)
            return {**files, "certificate.json": dump(value)}

        function.__name__ = change.__name__
        tampering("random", code)(function)

    return register


def rehash(rnd: dict[str, Any]) -> None:
    """Compute the hashes of a round again."""
    rnd["ordinals_sha256"] = hashlib.sha256(
        ",".join(map(str, rnd["ordinals"])).encode()
    ).hexdigest()
    if "groups" in rnd["facts"]:
        rnd["facts"]["groups_sha256"] = hashlib.sha256(
            canonical(rnd["facts"]["groups"]).encode()
        ).hexdigest()


def own_entry(value: Any, kind: str = "draw") -> dict[str, Any]:
    """Return the last entry of a kind, which is the draw's in the fixtures' ledgers."""
    return [e for e in value["entries"] if e["kind"] == kind][-1]


ALONE = ("sample.csv", "ledger.json", "data.csv")
LEAN = ("sample.csv", "ledger.json")


# --- tables of tamperings ---

GONE = object()
"""Instead of a value: the member is taken away."""


def put(value: Any, path: str, new: Any) -> None:
    """Change what a path such as `rounds.0.seed` leads to."""
    *way, last = [int(part) if part.lstrip("-").isdigit() else part for part in path.split(".")]
    for part in way:
        value = value[part]
    if new is GONE:
        del value[last]
    else:
        value[last] = new


OF_STATEMENTS: list[tuple[str, str, str, str, Any, tuple[str, ...]]] = [
    ("predicate_member", "random", "unknown_member", "note", "x", ()),
    ("parameter_unknown", "random", "unknown_member", "rounds.0.parameters.seed", 42, ()),
    ("predicate_lacks_plan", "random", "missing_member", "plan", GONE, ()),
    ("rows_as_text", "random", "wrong_type", "sample.rows", "50", ()),
    ("issue_true", "random", "wrong_type", "issue", True, ()),
    ("issue_zero", "random", "wrong_type", "issue", 0, ()),
    ("order_version_other", "random", "wrong_type", "engine.order_version", "jobsvc-order-3", ()),
    ("rounds_empty", "random", "wrong_type", "rounds", [], ()),
    ("facts_of_another_type", "random", "wrong_type", "rounds.0.facts", {"last_rank": 23952}, ()),
    ("issue_two_without_replacements", "random", "facts", "issue", 2, ()),
    ("commit_id_other", "random", "manifest_hash", "population.commit_id", "ab" * 32, ()),
    ("source_draw_other", "residual", "effective_seed", "population.source_draw", "0" * 16, ()),
    ("source_draw_hidden", "residual", "effective_seed", "population.source_draw", None, ()),
    ("ordinals_hash", "random", "ordinals_hash", "rounds.0.ordinals_sha256", "00" * 32, LEAN),
    ("last_rank_other", "random", "last_rank", "rounds.0.facts.last_rank", "1", ALONE),
    ("size_other", "random", "sample_size", "rounds.0.parameters.sample_size", 49, ALONE),
    ("rows_total_other", "random", "rows_total", "sample.rows", 51, ALONE),
    ("seed_other", "random", "effective_seed", "rounds.0.seed", "43", ()),
    ("draw_version_older", "rounds", "effective_seed", "engine.draw_version", 1, ()),
    ("probability_other", "random", "probability", "rounds.0.probabilities.4", 0.03, LEAN),
    ("probability_above_one", "random", "probability", "rounds.0.probabilities.4", 1.5, ALONE),
    ("weight_other", "random", "weights", "rounds.0.weights.4", 39, LEAN),
    ("eligible_rows_less", "random", "eligible_rows", "rounds.0.eligible_rows", 1000, ALONE),
    (
        "filter_other",
        "filter",
        "ledger_entry",
        "rounds.0.filter",
        {"expression": "amount > 21"},
        ("sample.csv",),
    ),
    ("passes_hidden", "filter", "data_columns", "data.passes", [], ALONE),
    ("groups_count", "strata", "groups_count", "rounds.0.facts.groups_count", 9, LEAN),
    ("groups_withheld", "strata", "groups_count", "rounds.0.facts.groups", None, LEAN),
    ("named_size", "named", "allocation", "rounds.0.parameters.sizes.we,st", "11%", LEAN),
    ("grid_first", "grid", "facts", "rounds.0.facts.first", "0", LEAN),
    ("clusters_fewer", "clusters", "clusters_drawn", "rounds.0.parameters.num_clusters", 7, LEAN),
    ("weighted_total", "weighted", "facts", "rounds.0.facts.total", "7597", LEAN),
    ("weighted_size", "weighted", "sample_size", "rounds.0.parameters.sample_size", 61, ALONE),
    ("money_total", "money", "sum_of_amounts", "rounds.0.facts.positive.total", "1", LEAN),
    ("money_step", "money", "facts", "rounds.0.facts.step", "1000000", LEAN),
    ("money_interval", "interval", "facts", "rounds.0.parameters.interval", 2500, LEAN),
    ("reserves_other", "mixed", "facts", "rounds.0.reserves", "none", LEAN),
    ("certificate_hides_the_ledger", "deleted", "ledger_entry", "ledger", None, ()),
    ("job_other", "deleted", "ledger_entry", "job.id", "00000000-0000-4000-8000-000000000000", ()),
    ("sample_commit_other", "deleted", "ledger_entry", "sample.commit_id", "cd" * 32, ()),
    ("plan_digest_other", "dice", "plan_digest", "plan.digest", "12" * 32, ()),
    (
        "plan_time_other",
        "dice",
        "plan_ledger",
        "plan.committed_at",
        "2026-11-26T14:00:00.000000+00:00",
        (),
    ),
    ("plan_hidden", "dice", "plan_missing", "plan", None, ALONE),
    ("plan_hidden_from_ledger", "dice", "ledger_entry", "plan", None, ()),
    ("dice_digits", "dice", "seed_text", "seed_origin.digits", "1" * 21, ALONE),
    ("dice_too_few", "dice", "wrong_type", "seed_origin.digits", "123456", ()),
    ("dice_without_witness", "dice", "wrong_type", "seed_origin.witnesses", [], ()),
    ("dice_called_entropy", "dice", "entropy_seed", "seed_origin", {"kind": "entropy"}, ALONE),
    ("beacon_chain", "drand", "seed_text", "seed_origin.chain", "34" * 32, ALONE),
    (
        "previous_of_unchained",
        "quicknet",
        "beacon_signature",
        "seed_origin.previous_signature",
        "00" * 48,
        (),
    ),
    ("previous_is_no_text", "drand", "wrong_type", "seed_origin.previous_signature", 7, ()),
    ("chosen_with_digits", "random", "unknown_member", "seed_origin.digits", "1" * 20, ()),
    ("seed_kind_unknown", "random", "wrong_type", "seed_origin.kind", "trust me", ()),
    (
        "replacement_reason",
        "replaced",
        "ledger_entry",
        "replacements.0.reason",
        "a good reason",
        (),
    ),
    (
        "replacement_of_unknown_round",
        "replaced",
        "replacement_row",
        "replacements.0.round_number",
        2,
        ALONE,
    ),
    (
        "population_root_without_proofs",
        "deleted",
        "proof_root",
        "population.row_root",
        "ef" * 32,
        (),
    ),
    ("population_root", "proofs", "proof_root", "population.row_root", "ef" * 32, ()),
]
"""Name, folder, code, path and value in the predicate; files that the attacker keeps back."""
OF_LEDGERS: list[tuple[str, str, str, Any, bool]] = [
    ("ledger_entry_removed", "ledger_gap", "entries.0", GONE, False),
    ("ledger_end_removed", "ledger_head", "entries.-1", GONE, False),
    ("ledger_kind_unknown", "wrong_type", "entries.0.kind", "note", True),
    ("ledger_body_member", "unknown_member", "entries.0.body.note", "x", True),
    (
        "ledger_head_signature",
        "bad_signature",
        "head.signatures.0.sig",
        base64.b64encode(bytes(64)).decode(),
        False,
    ),
    ("ledger_head_type", "payload_type", "head.payloadType", STATEMENT, False),
    ("ledger_empty", "ledger_head", "entries", [], False),
]
"""Name, code, path and value in the ledger; whether its chain is made again."""
OF_FILES: list[tuple[Callable[..., Any], tuple[str, ...], str, str, Any]] = [
    (outer, ("wrong_key",), "key_id_other", "signatures.0.keyid", "0" * 64),
    (outer, ("payload_type",), "payload_type_other", "payloadType", "application/json"),
    (outer, ("unknown_member",), "envelope_member", "comment", "trusted"),
    (outer, ("missing_member",), "envelope_lacks_signatures", "signatures", GONE),
    (proofs, ("proof_ordinal",), "proof_ordinal_beyond", "proofs.0.ordinal", 53),
    (proofs, ("proof_table",), "proof_commit", "commit_id", "ab" * 32),
    (proofs, ("proof_format",), "proof_format", "format", "jobsvc-row-proofs-2"),
    (proofs, ("unknown_member",), "proof_member", "proofs.0.note", "x"),
    (
        data,
        (
            "strata",
            "data_format",
        ),
        "data_line_removed",
        "-2",
        GONE,
    ),
    (
        data,
        (
            "money",
            "malformed",
        ),
        "data_amount_is_text",
        "5",
        "4,true,many",
    ),
    (
        sample,
        (
            "random",
            "sample_row",
        ),
        "sample_row_removed",
        "7",
        GONE,
    ),
    (
        sample,
        (
            "random",
            "sample_row",
        ),
        "sample_field_missing",
        "3.2",
        GONE,
    ),
    (
        sample,
        (
            "random",
            "sample_header",
        ),
        "sample_column_renamed",
        "0.0",
        "identity",
    ),
]
"""Kind, its folder and code, name, path and value in another file."""
OF_TEXTS = [
    ("member_twice", "random", "duplicate_member", '"issue":1', '"issue":1,"issue":1'),
    ("white_space", "random", "not_canonical", '"issue":1', '"issue": 1'),
    ("integer_as_double", "random", "not_canonical", '"issue":1', '"issue":1.0'),
    ("number_in_another_form", "random", "not_canonical", "0.025", "2.5e-2"),
    ("escape_without_need", "random", "not_canonical", '"jobsvc"', '"jobs\\u0076c"'),
    ("not_a_number", "random", "bad_json", "0.025", "NaN"),
    ("infinite_number", "random", "bad_json", "0.025", "1e999"),
    ("large_integer", "random", "bad_json", '"issue":1', '"issue":9007199254740992'),
    ("huge_integer", "random", "bad_json", '"issue":1', '"issue":1' + "0" * 5000),
    (
        "deep_list",
        "random",
        "bad_json",
        '"warnings":[]',
        '"warnings":' + "[" * 100_000 + "]" * 100_000,
    ),
]
"""Name, folder, code, and both texts of a change of the payload."""


def _register(kind: Callable[[Any], Any], name: str, path: str, value: Any) -> None:
    def change(whole: Any) -> None:
        put(whole, path, value)

    change.__name__ = name
    kind(change)


for _name, _base, _code, _path, _value, _without in OF_STATEMENTS:
    _register(statement(_base, _code, _without), _name, _path, _value)
for _name, _code, _path, _value, _again in OF_LEDGERS:
    _register(ledger("deleted", _code, _again), _name, _path, _value)
for _kind, _of, _name, _path, _value in OF_FILES:
    _register(_kind(*_of), _name, _path, _value)
for _name, _base, _code, _old, _new in OF_TEXTS:
    text(_name, _base, _code, _old, _new)


# --- envelope and key ---


@tampering("random", "bad_signature")
def payload_changed(files: Files) -> Files:
    value = json.loads(files["certificate.json"])
    payload = base64.b64decode(value["payload"]).replace(b'"seed":"42"', b'"seed":"43"')
    value["payload"] = base64.b64encode(payload).decode()
    return {**files, "certificate.json": dump(value)}


@outer("bad_signature")
def signature_bit(value: Any) -> None:
    sig = bytearray(base64.b64decode(value["signatures"][0]["sig"]))
    sig[3] ^= 1
    value["signatures"][0]["sig"] = base64.b64encode(sig).decode()


@outer("bad_signature")
def signature_plus_order(value: Any) -> None:
    sig = base64.b64decode(value["signatures"][0]["sig"])
    s = int.from_bytes(sig[32:], "little") + L
    value["signatures"][0]["sig"] = base64.b64encode(sig[:32] + s.to_bytes(32, "little")).decode()


@outer("bad_signature")
def signature_short(value: Any) -> None:
    sig = base64.b64decode(value["signatures"][0]["sig"])
    value["signatures"][0]["sig"] = base64.b64encode(sig[:63]).decode()


@outer("bad_base64")
def signature_url_safe(value: Any) -> None:
    value["signatures"][0]["sig"] = "-_" + value["signatures"][0]["sig"][2:]


@outer("bad_base64")
def payload_padding(value: Any) -> None:
    value["payload"] = value["payload"] + "===="


@outer("wrong_type")
def key_id_upper_case(value: Any) -> None:
    value["signatures"][0]["keyid"] = value["signatures"][0]["keyid"].upper()


@outer("wrong_type")
def signatures_two(value: Any) -> None:
    value["signatures"].append(value["signatures"][0])


@tampering("random", "wrong_key")
def key_other(files: Files) -> Files:
    return {**files, "public-key.txt": public_key(OTHER_SECRET).hex().encode()}


@tampering("random", "wrong_key")
def signed_by_other_key(files: Files) -> Files:
    return {**files, "certificate.json": dump(envelope(payload_of(files), secret=OTHER_SECRET))}


@tampering("random", "bad_signature")
def signed_by_other_key_with_id(files: Files) -> Files:
    value = envelope(payload_of(files), secret=OTHER_SECRET)
    value["signatures"][0]["keyid"] = hashlib.sha256(public_key()).hexdigest()
    return {**files, "certificate.json": dump(value)}


@tampering("random", "bad_signature")
def ledger_head_in_place_of_statement(files: Files) -> Files:
    head = json.loads(files["ledger.json"])["head"]
    head["payloadType"] = STATEMENT
    return {**files, "certificate.json": dump(head)}


@tampering("random", "bad_signature")
def key_of_small_order(files: Files) -> Files:
    key = (1).to_bytes(32, "little")
    value = json.loads(files["certificate.json"])
    value["signatures"] = [
        {
            "keyid": hashlib.sha256(key).hexdigest(),
            "sig": base64.b64encode(key + bytes(32)).decode(),
        }
    ]
    return {**files, "certificate.json": dump(value), "public-key.txt": key.hex().encode()}


@tampering("random", "bad_key")
def key_not_canonical(files: Files) -> Files:
    return {**files, "public-key.txt": (2**255 - 18).to_bytes(32, "little").hex().encode()}


@tampering("random", "bad_key")
def key_short(files: Files) -> Files:
    return {**files, "public-key.txt": files["public-key.txt"].strip()[:62]}


@tampering("random", "duplicate_member")
def envelope_member_twice(files: Files) -> Files:
    changed = files["certificate.json"].replace(
        b'{\n "payload"', b'{\n "payloadType": "x",\n "payload"', 1
    )
    return {**files, "certificate.json": changed}


@tampering("random", "bad_json")
def envelope_cut(files: Files) -> Files:
    return {**files, "certificate.json": files["certificate.json"][:-20]}


@tampering("random", "bad_json")
def envelope_deep(files: Files) -> Files:
    return {**files, "certificate.json": b"[" * 500_000}


@tampering("random", "bad_json")
def envelope_utf16(files: Files) -> Files:
    return {**files, "certificate.json": files["certificate.json"].decode().encode("utf-16")}


@tampering("random", "wrong_type")
def envelope_list(files: Files) -> Files:
    return {**files, "certificate.json": b"[]"}


# --- the statement's form ---


@tampering("random", "not_canonical")
def members_unsorted(files: Files) -> Files:
    whole = json.loads(payload_of(files))
    names = sorted(whole, reverse=True)
    return sealed(
        files, ("{" + ",".join(f'"{n}":{canonical(whole[n])}' for n in names) + "}").encode()
    )


@statement("random", "wrong_type")
def time_without_offset(p: Any) -> None:
    p["issued_at"] = p["issued_at"][:-6]


# --- manifest and population ---


@statement("random", "manifest_hash")
def manifest_text(p: Any) -> None:
    p["population"]["manifest"] = p["population"]["manifest"].replace("Import", "Inport")


def manifest_change(p: Any, change: Callable[[Any], Any], indent: bool = False) -> None:
    value = json.loads(p["population"]["manifest"])
    change(value)
    source = json.dumps(value, indent=1) if indent else canonical(value)
    p["population"]["manifest"] = source
    p["population"]["commit_id"] = hashlib.sha256(source.encode()).hexdigest()


@statement("random", "ledger_entry")
def manifest_file_order(p: Any) -> None:
    def change(value: Any) -> None:
        file = value["tables"][0]["files"][0]
        value["tables"][0]["files"] = [{**file, "rows": 500}, {**file, "rows": 1500}]

    manifest_change(p, change)


@statement("random", "manifest")
def manifest_rows(p: Any) -> None:
    manifest_change(p, lambda value: value["tables"][0]["files"][0].update(rows=1999))


@statement("random", "manifest")
def manifest_lacks_table(p: Any) -> None:
    manifest_change(p, lambda value: value["tables"][0].update(key="other"))


@statement("random", "not_canonical")
def manifest_with_white_space(p: Any) -> None:
    manifest_change(p, lambda value: None, indent=True)


@statement("random", "manifest")
def file_rows_more(p: Any) -> None:
    p["population"]["file_rows"] += 1


@statement("random", "manifest")
def population_rows_less(p: Any) -> None:
    p["population"]["rows"] -= 1


@statement("residual", "manifest")
def left_out_hidden(p: Any) -> None:
    manifest_change(p, lambda value: [t.update(left_out=None) for t in value["tables"]])


@statement("residual", "source_draw", ("sample.csv", "data.csv"))
def source_draw_hidden_with_seeds(p: Any) -> None:
    for rnd in p["rounds"]:
        old = f":from-{p['population']['source_draw']}"
        rnd["effective_seed"] = rnd["effective_seed"].replace(old, "")
    p["population"]["source_draw"] = None


# --- rows of the sample ---


@tampering("random", "sample_hash")
def sample_cell_unsigned(files: Files) -> Files:
    return {**files, "sample.csv": files["sample.csv"].replace(b"north", b"south", 1)}


@tampering("random", "subject")
def subject_name(files: Files) -> Files:
    whole = json.loads(payload_of(files))
    whole["subject"][-1]["name"] = "other.txt"
    return sealed(files, canonical(whole).encode())


@tampering("random", "subject")
def subjects_reversed(files: Files) -> Files:
    whole = json.loads(payload_of(files))
    whole["subject"].reverse()
    return sealed(files, canonical(whole).encode())


@tampering("random", "parquet_hash")
def parquet_other(files: Files) -> Files:
    return {**files, "sample.parquet": b"PAR1"}


@sample("random", "sample_row")
def sample_rows_swapped(rows: list[list[str]]) -> None:
    k = rows[0].index("_logical_row_id")
    rows[1][k], rows[2][k] = rows[2][k], rows[1][k]


@sample("random", "sample_row")
def sample_row_twice(rows: list[list[str]]) -> None:
    rows.append(rows[7])


@sample("random", "sample_row")
def sample_probability(rows: list[list[str]]) -> None:
    rows[3][rows[0].index("_inclusion_probability")] = "0.5"


@sample("random", "sample_row")
def sample_weight(rows: list[list[str]]) -> None:
    rows[3][rows[0].index("_design_weight")] = "41"


@sample("random", "sample_row")
def sample_weight_is_text(rows: list[list[str]]) -> None:
    rows[3][rows[0].index("_design_weight")] = "much"


@sample("random", "sample_row")
def sample_method(rows: list[list[str]]) -> None:
    rows[3][rows[0].index("_sampling_method")] = "systematic"


@sample("random", "sample_row")
def sample_other_table(rows: list[list[str]]) -> None:
    k = rows[0].index("_logical_row_id")
    rows[3][k] = rows[3][k].replace("primary", "other")


@sample("random", "sample_header")
def sample_header_swapped(rows: list[list[str]]) -> None:
    for row in rows:
        row[-1], row[-2] = row[-2], row[-1]


@sample("rounds", "sample_row")
def sample_round_order(rows: list[list[str]]) -> None:
    rows[1:] = rows[:0:-1]


@sample("strata", "sample_cell")
def sample_cell_signed(rows: list[list[str]]) -> None:
    rows[1][rows[0].index("region")] = "elsewhere"


@sample("strata", "groups")
def sample_stratum(rows: list[list[str]]) -> None:
    rows[1][rows[0].index("_stratum")] = (
        "south" if rows[1][rows[0].index("_stratum")] != "south" else "north"
    )


@tampering("random", "sample_row")
def sample_quote_open(files: Files) -> Files:
    content = files["sample.csv"].rstrip(b"\n") + b'"\n'
    whole = json.loads(payload_of(files))
    whole["subject"][-1]["digest"]["sha256"] = hashlib.sha256(content).hexdigest()
    return sealed({**files, "sample.csv": content}, canonical(whole).encode())


# --- ordinals, order and seeds ---


@statement("random", "order_violated", ALONE)
def rows_swapped(p: Any) -> None:
    o = p["rounds"][0]["ordinals"]
    o[0], o[1] = o[1], o[0]
    rehash(p["rounds"][0])


@tampering("random", "order_violated")
def rows_swapped_everywhere(files: Files) -> Files:
    rows = list(csv.reader(io.StringIO(files["sample.csv"].decode(), newline="")))
    k = rows[0].index("_selection_order")
    rows[1][k], rows[2][k] = rows[2][k], rows[1][k]

    def change(p: Any) -> None:
        o = p["rounds"][0]["ordinals"]
        o[0], o[1] = o[1], o[0]
        rehash(p["rounds"][0])

    return with_sample(files, rows, change)


@statement("random", "order_violated", ALONE)
def row_exchanged(p: Any) -> None:
    rnd = p["rounds"][0]
    chosen = set(rnd["ordinals"])
    order = Order(2000, "42")
    rnd["ordinals"][-1] = next(
        i
        for i in order.walk()
        if i not in chosen and order.rank(i) > order.rank(rnd["ordinals"][-1])
    )
    rnd["facts"]["last_rank"] = str(order.rank(rnd["ordinals"][-1]))
    rehash(rnd)


@statement("random", "ordinal_twice", ALONE)
def ordinal_twice(p: Any) -> None:
    p["rounds"][0]["ordinals"][1] = p["rounds"][0]["ordinals"][0]
    rehash(p["rounds"][0])


@statement("rounds", "ordinal_twice", ALONE)
def ordinal_in_two_rounds(p: Any) -> None:
    p["rounds"][1]["ordinals"][1] = p["rounds"][0]["ordinals"][0]
    rehash(p["rounds"][1])


@statement("random", "ordinal_range", ALONE)
def ordinal_beyond(p: Any) -> None:
    p["rounds"][0]["ordinals"][1] = 2000
    rehash(p["rounds"][0])


@statement("random", "wrong_type", ALONE)
def ordinal_negative(p: Any) -> None:
    p["rounds"][0]["ordinals"][1] = -1
    rehash(p["rounds"][0])


@statement("random", "list_lengths", ALONE)
def weight_list_short(p: Any) -> None:
    p["rounds"][0]["weights"].pop()


@statement("random", "list_lengths", ALONE)
def lists_withheld(p: Any) -> None:
    for name in ("ordinals", "probabilities", "weights"):
        p["rounds"][0][name] = None


@statement("rounds", "round_numbers", ALONE)
def rounds_swapped(p: Any) -> None:
    p["rounds"][0], p["rounds"][1] = p["rounds"][1], p["rounds"][0]


@statement("rounds", "eligible_rows", ALONE)
def rounds_renumbered(p: Any) -> None:
    p["rounds"][0], p["rounds"][1] = p["rounds"][1], p["rounds"][0]
    for k, rnd in enumerate(p["rounds"], 1):
        rnd["round_number"] = k


@statement("random", "order_violated", ALONE)
def both_seeds_other(p: Any) -> None:
    p["rounds"][0]["seed"] = p["rounds"][0]["effective_seed"] = "43"


@statement("rounds", "effective_seed", LEAN)
def effective_seed_of_round_two(p: Any) -> None:
    p["rounds"][1]["effective_seed"] = p["rounds"][1]["seed"]


@statement("entropy", "entropy_seed", ALONE)
def entropy_of_text(p: Any) -> None:
    p["rounds"][0]["seed"] = p["rounds"][0]["effective_seed"] = "my favourite"


@statement("filter", "eligible_rows", LEAN)
def eligible_rows_of_filter(p: Any) -> None:
    rnd = p["rounds"][0]
    rnd["eligible_rows"] = 1000
    rnd["probabilities"] = [40 / 1000] * 40
    rnd["weights"] = [25] * 40


@statement("filter", "eligible_rows", LEAN)
def filter_hidden(p: Any) -> None:
    p["rounds"][0]["filter"] = None
    p["data"]["passes"] = []


# --- methods ---


@statement("strata", "sum_of_groups", LEAN)
def group_rows(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["rows"] += 1
    rehash(p["rounds"][0])


@statement("strata", "groups_hash", LEAN)
def group_rows_without_hash(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["rows"] += 1


@statement("strata", "allocation", ALONE)
def group_rows_moved(p: Any) -> None:
    groups = p["rounds"][0]["facts"]["groups"]
    groups[0]["rows"] += 40
    groups[6]["rows"] -= 40
    rehash(p["rounds"][0])


@statement("strata", "groups", LEAN)
def group_row_moved(p: Any) -> None:
    groups = p["rounds"][0]["facts"]["groups"]
    groups[0]["rows"] += 1
    groups[6]["rows"] -= 1
    rehash(p["rounds"][0])


@statement("strata", "sum_allocated", LEAN)
def group_allocated(p: Any) -> None:
    for name in ("allocated", "sampled"):
        p["rounds"][0]["facts"]["groups"][0][name] += 1
    rehash(p["rounds"][0])


@statement("strata", "groups", LEAN)
def group_sampled(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["sampled"] -= 1
    rehash(p["rounds"][0])


@statement("strata", "last_rank", ("ledger.json",))
def group_last_rank(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["last_rank"] = "77"
    rehash(p["rounds"][0])


@statement("strata", "group_label", LEAN)
def group_label(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["label"] = "lead"
    rehash(p["rounds"][0])


@statement("strata", "group_order", LEAN)
def groups_reordered(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"].reverse()
    rehash(p["rounds"][0])


@statement("strata", "groups", LEAN)
def group_key_of_another_column(p: Any) -> None:
    p["rounds"][0]["facts"]["groups"][0]["key"] = {"city": " lead"}
    rehash(p["rounds"][0])


@statement("strata", "order_violated", LEAN)
def strata_rows_swapped(p: Any) -> None:
    rnd = p["rounds"][0]
    for name in ("ordinals", "probabilities", "weights"):
        rnd[name][0], rnd[name][1] = rnd[name][1], rnd[name][0]
    rehash(rnd)


@statement("strata", "sample_size", ALONE)
def strata_size(p: Any) -> None:
    p["rounds"][0]["parameters"].update(
        sample_size=99, allocation="neyman", allocation_column="amount"
    )
    p["data"]["columns"] = ["region", "amount"]


@statement("grid", "order_violated", ALONE)
def grid_row(p: Any) -> None:
    p["rounds"][0]["ordinals"][5] += 1
    rehash(p["rounds"][0])


@statement("clusters", "clusters_drawn", ALONE)
def cluster_exchanged(p: Any) -> None:
    rnd = p["rounds"][0]
    groups = rnd["facts"]["groups"]
    drawn = next(g for g in groups if g["allocated"])
    other = next(g for g in groups if not g["allocated"] and g["rows"] >= drawn["allocated"])
    for name in ("allocated", "sampled", "last_rank"):
        drawn[name], other[name] = other[name], drawn[name]
    new, old = (
        8 / len(groups) * other["allocated"] / other["rows"],
        8 / len(groups) * other["allocated"] / drawn["rows"],
    )
    places = [k for k, x in enumerate(rnd["probabilities"]) if abs(x - old) < 1e-12][
        : other["allocated"]
    ]
    for k in places:
        rnd["probabilities"][k], rnd["weights"][k] = new, 1 / new
    rehash(rnd)


@statement("weighted", "probability", LEAN)
def weighted_take_all(p: Any) -> None:
    p["rounds"][0]["facts"]["take_all"] += 1


@statement("weighted", "facts", LEAN)
def weighted_take_all_less(p: Any) -> None:
    p["rounds"][0]["facts"]["take_all"] -= 1


@statement("weighted", "probability", LEAN)
def weighted_probability(p: Any) -> None:
    rnd = p["rounds"][0]
    rnd["probabilities"][10] *= 1.01
    rnd["weights"][10] = 1 / rnd["probabilities"][10]


@statement("weighted", "ordinals", LEAN)
def weighted_rows_swapped(p: Any) -> None:
    rnd = p["rounds"][0]
    for name in ("ordinals", "probabilities", "weights"):
        rnd[name][10], rnd[name][11] = rnd[name][11], rnd[name][10]
    rehash(rnd)


@statement("money", "sum_of_amounts", LEAN)
def money_units(p: Any) -> None:
    p["rounds"][0]["facts"]["units"] = str(int(p["rounds"][0]["facts"]["units"]) + 1)


@statement("money", "eligible_rows", LEAN)
def money_missing_rows(p: Any) -> None:
    p["rounds"][0]["facts"]["missing_rows"] += 1


@statement("money", "facts", LEAN)
def money_zero_rows(p: Any) -> None:
    p["rounds"][0]["facts"]["missing_rows"] += 1
    p["rounds"][0]["facts"]["zero_rows"] -= 1


@statement("money", "facts", LEAN)
def money_selected(p: Any) -> None:
    p["rounds"][0]["facts"]["selected"] -= 1


@statement("money", "facts", LEAN)
def money_take_all_moved(p: Any) -> None:
    facts = p["rounds"][0]["facts"]
    facts["take_all"]["total"] = str(int(facts["take_all"]["total"]) + 100)
    facts["positive"]["total"] = str(int(facts["positive"]["total"]) + 100)


@statement("cells", "weights", LEAN)
def cell_weight(p: Any) -> None:
    p["rounds"][0]["weights"][-1] *= 1.5


@statement("cells", "probability", LEAN)
def cell_probability(p: Any) -> None:
    p["rounds"][0]["probabilities"][-1] *= 1.01


@statement("cells", "ordinals", LEAN)
def cell_rows_swapped(p: Any) -> None:
    rnd = p["rounds"][0]
    for name in ("ordinals", "probabilities", "weights"):
        rnd[name][-1], rnd[name][-2] = rnd[name][-2], rnd[name][-1]
    rehash(rnd)


@sample("cells", "facts")
def hits_more(rows: list[list[str]]) -> None:
    rows[-1][rows[0].index("_hits")] = "2"


# --- data ---


@data("strata", "groups")
def data_cell(lines: list[str]) -> None:
    k = next(i for i, line in enumerate(lines) if line.endswith(",north") and i > 100)
    lines[k] = lines[k][:-5] + "south"


@data("strata", "data_format")
def data_lines_swapped(lines: list[str]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


@data("random", "population_rows")
def data_present(lines: list[str]) -> None:
    lines[10] = lines[10].replace("true", "false")


@data("filter", "eligible_rows")
def data_pass(lines: list[str]) -> None:
    k = next(i for i, line in enumerate(lines) if line.endswith("true,false"))
    lines[k] = lines[k][:-5] + "true"


@data("filter", "ordinals")
def data_passes_exchanged(lines: list[str]) -> None:
    order = Order(2000, "42")
    first = next(i for i in order.walk() if lines[i + 1].endswith("true,true"))
    other = next(i for i in order.walk() if lines[i + 1].endswith("true,false"))
    lines[first + 1] = f"{first},true,false"
    lines[other + 1] = f"{other},true,true"


@data("filter", "data_format")
def data_flag_other(lines: list[str]) -> None:
    lines[5] = lines[5].replace("true", "yes")


@data("strata", "data_format")
def data_header(lines: list[str]) -> None:
    lines[0] = lines[0].replace("region", "city")


@data("weighted", "facts")
def data_weight(lines: list[str]) -> None:
    k = next(i for i, line in enumerate(lines) if line.endswith(",4"))
    lines[k] = lines[k][:-1] + "5"


# --- ledger ---


@ledger("deleted", "ledger_digest", again=False)
def ledger_entry_changed(value: Any) -> None:
    value["entries"][-1]["body"]["rows"] += 1


@ledger("deleted", "ledger_head", again=False)
def ledger_entry_changed_with_digest(value: Any) -> None:
    value["entries"][-1]["actor"] = "other"
    value["entries"][-1]["digest"] = digest(value["entries"][-1])


@ledger("deleted", "ledger_link", again=False)
def ledger_entry_removed_renumbered(value: Any) -> None:
    del value["entries"][0]
    for number, entry in enumerate(value["entries"], 1):
        entry["number"] = number


@ledger("deleted", "ledger_gap", again=False)
def ledger_reordered(value: Any) -> None:
    value["entries"][0], value["entries"][1] = value["entries"][1], value["entries"][0]


@ledger("deleted", "ledger_entry")
def deleted_draw_hidden(value: Any) -> None:
    k = next(i for i, e in enumerate(value["entries"]) if e["kind"] == "deletion")
    del value["entries"][k]
    for number, entry in enumerate(value["entries"], 1):
        entry["number"] = number


@ledger("deleted", "ledger_entry")
def ledger_cut_before_the_draw(value: Any) -> None:
    k = next(i for i, e in enumerate(value["entries"]) if e["kind"] == "deletion")
    del value["entries"][k:]


@ledger("deleted", "ledger_entry")
def ledger_other_dataset(value: Any) -> None:
    value["entries"][0]["dataset_id"] += 1


@ledger("deleted", "ledger_head", again=False)
def ledger_head_number(value: Any) -> None:
    sign_head(value, number=1)


@ledger("deleted", "wrong_key", again=False)
def ledger_head_of_other_key(value: Any) -> None:
    value["head"] = envelope(base64.b64decode(value["head"]["payload"]), LEDGER, OTHER_SECRET)


@statement("deleted", "ledger_entry")
def certificate_names_another_entry(p: Any) -> None:
    p["ledger"]["number"] -= 1


@ledger("replaced", "ledger_entry")
def ledger_lacks_a_replacement(value: Any) -> None:
    own_entry(value, "replacement")["body"]["reason"] = "another reason"


# --- plans and seeds ---


@statement("dice", "plan_digest")
def plan_text_changed(p: Any) -> None:
    p["plan"]["text"] = p["plan"]["text"].replace("17", "18")


@statement("dice", "plan_text", ALONE)
def plan_size_changed(p: Any) -> None:
    p["plan"]["text"] = p["plan"]["text"].replace("17", "18")
    p["plan"]["digest"] = hashlib.sha256(p["plan"]["text"].encode()).hexdigest()


@statement("dice", "not_canonical", ALONE)
def plan_not_canonical(p: Any) -> None:
    p["plan"]["text"] += " "
    p["plan"]["digest"] = hashlib.sha256(p["plan"]["text"].encode()).hexdigest()


@statement("dice", "plan_ledger")
def plan_number_other(p: Any) -> None:
    p["plan"]["ledger_number"] += 1


@statement("drand", "seed_text", ALONE)
def beacon_signature(p: Any) -> None:
    p["seed_origin"]["signature"] = "00" + p["seed_origin"]["signature"][2:]


@statement("drand", "seed_text", ALONE)
def beacon_round(p: Any) -> None:
    p["seed_origin"]["round"] += 1


def move_beacon(p: Any, by: int) -> None:
    old = f":{p['seed_origin']['round']}:"
    p["seed_origin"]["round"] += by
    for rnd in p["rounds"]:
        for name in ("seed", "effective_seed"):
            rnd[name] = rnd[name].replace(old, f":{p['seed_origin']['round']}:")


@statement("drand", "beacon_too_early", ALONE)
def beacon_earlier(p: Any) -> None:
    move_beacon(p, -1)


@statement("drand", "beacon_round", ALONE)
def beacon_later(p: Any) -> None:
    move_beacon(p, 1)


@statement("quicknet", "beacon_too_early", ALONE)
def beacon_before_plan(p: Any) -> None:
    p["plan"]["committed_at"] = p["plan"]["committed_at"].replace("2023", "2024")


@statement("quicknet", "beacon_round", ALONE)
def plan_backdated(p: Any) -> None:
    p["plan"]["committed_at"] = p["plan"]["committed_at"].replace("2023", "2022")


def sign_otherwise(p: Any, signature: str) -> None:
    """Give the round another signature, and the rounds the seed that follows from it."""
    old = hashlib.sha256(bytes.fromhex(p["seed_origin"]["signature"])).hexdigest()
    p["seed_origin"]["signature"] = signature
    new = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    for rnd in p["rounds"]:
        for name in ("seed", "effective_seed"):
            rnd[name] = rnd[name].replace(old, new)


def register_again(files: Files, times: int) -> Files:
    """Add registrations of the plan to the end of the ledger."""
    value = json.loads(files["ledger.json"])
    (plan,) = (e for e in value["entries"] if e["kind"] == "plan")
    for _ in range(times):
        value["entries"].append({**copy.deepcopy(plan), "number": len(value["entries"]) + 1})
    chain(value)
    return {**files, "ledger.json": dump(value)}


def add_other_version(files: Files, times: int) -> Files:
    """Add plans and draws of another version of the table to the end of the ledger."""
    value = json.loads(files["ledger.json"])
    both = [e for e in value["entries"] if e["kind"] in ("plan", "draw")]
    for k in range(times):
        for entry in copy.deepcopy(both):
            body = entry["body"]
            if entry["kind"] == "plan":
                other = {**json.loads(body["text"]), "commit_id": "cd" * 32}
                body["text"] = canonical(other)
                body["digest"] = hashlib.sha256(body["text"].encode()).hexdigest()
            else:
                body |= {"job_id": f"other-{k}", "population_commit_id": "cd" * 32}
                body |= {"sample_commit_id": "ef" * 32, "plan_digest": None}
            value["entries"].append({**entry, "number": len(value["entries"]) + 1})
    chain(value)
    return {**files, "ledger.json": dump(value)}


def cut_before(files: Files, kind: str) -> Files:
    """The ledger as it was before the first entry of a kind, signed before the certificate."""
    value = json.loads(files["ledger.json"])
    at = next(k for k, e in enumerate(value["entries"]) if e["kind"] == kind)
    del value["entries"][max(at, 1) :]
    chain(value)
    sign_head(value, signed_at="2020-01-01T00:00:00.000000+00:00")
    return {**files, "ledger.json": dump(value)}


def replace_later(files: Files, times: int = 1, at: str = "2029-01-01T00:00:00.000000") -> Files:
    """Add replacements of the sample to the end of the ledger."""
    value = json.loads(files["ledger.json"])
    stated = json.loads(payload_of(files))["predicate"]
    for number in range(times):
        body = {
            "job_id": stated["job"]["id"],
            "round_number": 1,
            "ordinal_out": stated["rounds"][0]["ordinals"][number],
            "ordinal_in": 0,
            "reason": "no purchase",
        }
        value["entries"].append(
            {
                "dataset_id": stated["job"]["dataset_id"],
                "number": len(value["entries"]) + 1,
                "kind": "replacement",
                "recorded_at": f"{at}+00:00",
                "actor": "auditor",
                "body": body,
            }
        )
    chain(value)
    return {**files, "ledger.json": dump(value)}


@tampering("random", "ledger_entry")
def replaced_before_the_certificate(files: Files) -> Files:
    return replace_later(files, at="2020-01-01T00:00:00.000000")


@tampering("quicknet", "plan_digest")
def other_plan_with_a_wrong_digest(files: Files) -> Files:
    value = json.loads(register_again(files, 1)["ledger.json"])
    value["entries"][-1]["body"]["digest"] = "ab" * 32
    chain(value)
    return {**files, "ledger.json": dump(value)}


@statement("quicknet", "beacon_signature", ALONE)
def signature_too_long(p: Any) -> None:
    sign_otherwise(p, p["seed_origin"]["signature"] * 2)


@statement("drand", "beacon_signature", ALONE)
def signature_too_short(p: Any) -> None:
    sign_otherwise(p, p["seed_origin"]["signature"][:96])


# --- replacements ---


@statement("replaced", "replacement_order", ALONE)
def replacement_other_row(p: Any) -> None:
    p["replacements"][-1]["ordinal_in"] = next(
        i
        for i in range(2000)
        if i not in p["rounds"][0]["ordinals"]
        and all(i != r["ordinal_in"] for r in p["replacements"])
    )


@statement("replaced", "replacement_time", ALONE)
def replacements_swapped(p: Any) -> None:
    r = p["replacements"]
    r[0], r[1] = r[1], r[0]


@statement("replaced", "replacement_order", ALONE)
def replacement_rows_swapped(p: Any) -> None:
    r = p["replacements"]
    r[0]["ordinal_in"], r[1]["ordinal_in"] = r[1]["ordinal_in"], r[0]["ordinal_in"]
    r[2]["ordinal_out"] = r[1]["ordinal_in"]


@statement("replaced", "replacement_place", ALONE)
def replacement_gap(p: Any) -> None:
    p["replacements"][-1]["place"] += 1


@statement("replaced", "ledger_entry")
def replacement_hidden(p: Any) -> None:
    p["replacements"].pop()


@statement("replaced", "replacement_row", ALONE)
def replacement_of_a_stranger(p: Any) -> None:
    p["replacements"][0]["ordinal_out"] = next(
        i for i in range(2000) if i not in p["rounds"][0]["ordinals"]
    )


@statement("replaced", "replacement_row", ALONE)
def replacement_out_twice(p: Any) -> None:
    p["replacements"][1]["ordinal_out"] = p["replacements"][0]["ordinal_out"]


@statement("replaced", "replacement_row", ALONE)
def replacement_by_drawn_row(p: Any) -> None:
    p["replacements"][0]["ordinal_in"] = p["rounds"][0]["ordinals"][5]


@statement("replaced_strata", "replacement_order", ("ledger.json",))
def replacement_of_another_stratum(p: Any) -> None:
    taken = set(p["rounds"][0]["ordinals"]) | {r["ordinal_in"] for r in p["replacements"]}
    order = Order(2000, "42")
    p["replacements"][-1]["ordinal_in"] = [i for i in order.walk() if i not in taken][-1]


@statement("replaced_weighted", "replacement_order", ("ledger.json",))
def replacement_of_weighted(p: Any) -> None:
    taken = set(p["rounds"][0]["ordinals"]) | {r["ordinal_in"] for r in p["replacements"]}
    p["replacements"][-1]["ordinal_in"] = next(i for i in range(2000) if i not in taken)


# --- row proofs ---


def flip(value: str) -> str:
    return ("0" if value[0] != "0" else "1") + value[1:]


@proofs("proof_row")
def proof_salt(value: Any) -> None:
    value["proofs"][0]["salt"] = flip(value["proofs"][0]["salt"])


@proofs("proof_row")
def proof_row(value: Any) -> None:
    value["proofs"][0]["row"] += "0"


@proofs("proof_path")
def proof_row_with_leaf(value: Any) -> None:
    proof = value["proofs"][0]
    proof["row"] += "0"
    new = hashlib.sha256(bytes.fromhex(proof["salt"]) + proof["row"].encode()).hexdigest()
    proof["leaf"][proof["ordinal"] % 16] = new


@proofs("proof_path")
def proof_neighbour(value: Any) -> None:
    proof = value["proofs"][0]
    k = (proof["ordinal"] + 1) % len(proof["leaf"])
    proof["leaf"][k] = flip(proof["leaf"][k])


@proofs("proof_path")
def proof_path_changed(value: Any) -> None:
    value["proofs"][0]["path"][0] = flip(value["proofs"][0]["path"][0])


@proofs("proof_path")
def proof_path_short(value: Any) -> None:
    value["proofs"][0]["path"].pop()


@proofs("proof_path")
def proof_path_long(value: Any) -> None:
    value["proofs"][0]["path"].append("00" * 32)


@proofs("proof_leaf")
def proof_leaf_short(value: Any) -> None:
    value["proofs"][0]["leaf"].pop()


@proofs("proof_root")
def proof_root(value: Any) -> None:
    value["root"] = flip(value["root"])


@proofs("proof_row")
def proof_ordinal_of_neighbour(value: Any) -> None:
    first, second = value["proofs"][:2]
    first["ordinal"], second["ordinal"] = second["ordinal"], first["ordinal"]


@proofs("proof_ordinal")
def proof_twice(value: Any) -> None:
    value["proofs"].append(value["proofs"][0])


@proofs("proof_missing")
def proof_missing(value: Any) -> None:
    value["proofs"].pop()


@proofs("proof_table")
def proof_rows(value: Any) -> None:
    value["rows"] += 1


@tampering("proofs", "proof_row")
def proof_contradicts_the_sample(files: Files) -> Files:
    rows = list(csv.reader(io.StringIO(files["sample.csv"].decode(), newline="")))
    rows[1][rows[0].index("amount")] = "1.0"
    return with_sample({k: v for k, v in files.items() if k != "data.csv"}, rows)


# --- the program ---


def load(base: str) -> Files:
    """Read the files of a fixture."""
    return {path.name: path.read_bytes() for path in sorted((FIXTURES / base).iterdir())}


def tampered(function: Function) -> Files:
    """Apply a tampering to its fixture."""
    return function(copy.copy(load(function.base)))  # type: ignore[attr-defined]


def make_fixtures(corpus: Path) -> None:
    """Copy certificates of a corpus, signed by the test key."""
    shutil.rmtree(FIXTURES, ignore_errors=True)
    for base, name in BASES.items():
        files = {path.name: path.read_bytes() for path in (corpus / name).iterdir()}
        files = sealed(files, payload_of(files))
        value = json.loads(files["ledger.json"])
        sign_head(value)
        files["ledger.json"] = dump(value)
        files["public-key.txt"] = public_key().hex().encode() + b"\n"
        write(FIXTURES / base, files)


def write(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    if sys.argv[1] == "--fixtures":
        make_fixtures(Path(sys.argv[2]))
    else:
        for title, change, expected in TAMPERINGS:
            write(
                Path(sys.argv[1]) / title,
                {**tampered(change), "expected.json": dump({"code": expected})},
            )
