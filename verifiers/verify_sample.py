"""Verify a sample certificate of jobsvc with the Python standard library alone.

The signature of a drand beacon, which L4 needs, is verified if the package py-ecc is installed.

Usage: python verify_sample.py FOLDER_OR_ZIP [--key FILE_OR_HEX] [--data FILE] [--ledger FILE]
       [--proofs FILE] [--json]

The folder or ZIP file has certificate.json, public-key.txt and sample.csv, and maybe
sample.parquet, data.csv, ledger.json, proofs.json, evaluation.json, seal.json, and the folders
papers and attachments. --certificate, --evaluation, --sample and --parquet give files singly. The
program follows the page "Certificates: the format" (version 1). The exit code is 0 for accepted,
1 for refused, 2 for wrong usage or a file that can't be read, and 3 for superseded: the certificate
holds, but the ledger has a replacement that followed.

Codes of refusals:

| code | what is wrong |
|---|---|
| bad_json | a JSON text: syntax, UTF-8, NaN, a large number, or too deep |
| duplicate_member, not_canonical | a member occurs twice; JSON isn't in canonical form |
| unknown_member, missing_member, wrong_type | a member's presence; its type or range |
| malformed | contents that no other code describes |
| payload_type, bad_base64 | the envelope's type; a text that isn't Base64 |
| bad_key, wrong_key, bad_signature | the public key; the key id; the signature |
| manifest_hash, manifest | the manifest's SHA-256; its table, files, rows or left-out rows |
| subject, round_numbers | names of the files; numbers of the rounds |
| rows_total, list_lengths | rows over all rounds; lengths of lists |
| ordinals_hash, ordinal_range, ordinal_twice | the SHA-256 of ordinals; no such row; a row twice |
| groups_hash, groups_count, group_order | groups: SHA-256, number, order |
| group_label, groups | a label of a group; rows by group |
| sum_of_groups, sum_allocated | Σ rows of groups; Σ allocated |
| sum_of_weights, sum_of_amounts | Σ weights; sums of amounts |
| probability, weights | a probability; a weight |
| effective_seed, entropy_seed | a seed that doesn't follow; one that isn't from entropy |
| eligible_rows | the number of eligible rows |
| sample_hash, parquet_hash | the SHA-256 of the sample's files |
| sample_header, sample_row | the columns of sample.csv; one of its lines |
| order_violated, last_rank | L1: the order; the last rank |
| sample_size, allocation, clusters_drawn | L1: rows to draw; rows by group; clusters |
| facts | other facts, and members that contradict each other |
| order_version, order_key | the keyed order: its version; its key, or a round that can't have it |
| key_text, key_missing, key_not_unique | texts of keys; a row without a key; rows that share one |
| row_text | the text of a row whose key is numbered |
| data_format, data_columns | L2: the form of data.csv; the list of its columns |
| population_rows, ordinals, sample_cell | L2: rows present; the redraw; a cell of the sample |
| replacement_row, replacement_time | a replacement: its rows; its time |
| replacement_place, replacement_order | a replacement: its place; it isn't the next row |
| ledger_gap, ledger_link, ledger_digest | the ledger: numbers, previous digests, digests |
| ledger_head, ledger_entry | the ledger: its head; an entry that the certificate needs |
| source_draw | the draw that made the table, by the ledger |
| plan_text, plan_digest | the plan: its contents; its SHA-256 |
| plan_missing, plan_ledger | the plan: its absence; its entry in the ledger |
| seed_text, beacon_too_early, beacon_round | the seed's text; the round of the beacon |
| beacon_signature | the beacon's signature isn't that of its round |
| proof_format, proof_table, proof_root | row proofs: format, table, root |
| proof_leaf, proof_path, proof_row | row proofs: a leaf, a path, a row |
| evaluation_binding | the evaluation is of another sample or certificate |
| evaluation_items, evaluation_book | its rows and findings; book values |
| evaluation_review, evaluation_ledger | the steps of the review; its entry in the ledger |
| evaluation_figure, evaluation_conclusion | a figure that the findings don't give; the conclusion |
| evaluation_paper, evaluation_attachment | a paper, or an attached file, that isn't stated |
| seal | seal.json isn't that of the ledger, or isn't of this sample |
| proof_ordinal, proof_missing | row proofs: an ordinal; a row of the sample without a proof |
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import json
import math
import re
import struct
import sys
import zipfile
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import accumulate, pairwise
from json.encoder import encode_basestring
from pathlib import Path
from statistics import NormalDist, variance
from typing import Any

STATEMENT_TYPE = "application/vnd.in-toto+json"
LEDGER_TYPE = "application/vnd.jobsvc.ledger+json"
SAFE = 2**53
POSITIONS, KEYED = "jobsvc-order-1", "jobsvc-order-2"
LIMITS = {  # bytes of each file
    "certificate": 32 << 20,
    "evaluation": 64 << 20,
    "key": 4096,
    "sample": 256 << 20,
    "parquet": 2 << 30,
    "data": 1 << 30,
    "ledger": 128 << 20,
    "proofs": 256 << 20,
    "seal": 64 << 20,
}
MAX_STEPS = 2_000_000  # places of an order that one run looks at, per round


@dataclass(frozen=True)
class Drand:
    """A chain of drand; rounds of a chained one sign the signature of the round before, too."""

    name: str
    first: int  # the time of round 1, in Unix seconds
    period: int
    key: str
    signature_bytes: int  # 48: signatures in G1, the key in G2; 96: the other way round
    chained: bool


DRAND = {
    "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce": Drand(
        "default",
        1595431050,
        30,
        "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293784a9402801af31",
        96,
        chained=True,
    ),
    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971": Drand(
        "quicknet",
        1692803367,
        3,
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
        "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
        48,
        chained=False,
    ),
}


class Invalid(Exception):
    """A check that failed, with its code and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class NotCheckable(Exception):
    """A check that can't be made here, with the reason."""


class Usage(Exception):
    """A file that can't be read, or an argument that is wrong."""


def require(condition: object, code: str, text: str) -> None:
    """Refuse with `code` unless the condition holds."""
    if not condition:
        raise Invalid(code, text)


# --- the report ---


@dataclass
class Line:
    """One line of the report."""

    level: str
    status: str
    text: str
    code: str | None = None


@dataclass
class CheckReport:
    """The lines of all checks, and the reasons of a refusal."""

    lines: list[Line] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)  # why a level wasn't reached
    condition: str | None = None  # what L4 depends on
    superseded: str | None = None  # what the ledger has that followed the certificate
    ignored: list[str] = field(default_factory=list)  # names of given files that aren't looked at

    def checked(self, level: str, text: str) -> None:
        self.lines.append(Line(level, "checked", text))

    def claimed(self, level: str, text: str) -> None:
        self.lines.append(Line(level, "claimed", text))

    def skipped(self, level: str, text: str) -> None:
        self.lines.append(Line(level, "not checkable here", text))

    @property
    def refusals(self) -> list[Line]:
        return [line for line in self.lines if line.status == "refused"]

    @contextlib.contextmanager
    def check(self, level: str, text: str, *, say: bool = True) -> Iterator[None]:
        """Report the block as checked, or as refused for the reason that it raises."""
        try:
            yield
        except Invalid as refusal:
            self.lines.append(Line(level, "refused", f"{text}: {refusal.text}", refusal.code))
        except NotCheckable as reason:
            self.skipped(level, f"{text}: {reason}")
        except Exception as error:  # hostile contents must refuse, never end the program
            detail = f"{type(error).__name__} in the contents"
            self.lines.append(Line(level, "refused", f"{text}: {detail}", "malformed"))
        else:
            if say:
                self.checked(level, text)

    def run(
        self, level: str, text: str, check: Callable[..., Any], *about: Any, say: bool = True
    ) -> None:
        """Report what a function checks."""
        with self.check(level, text, say=say):
            check(*about)

    def levels(self) -> list[str]:
        """Return the levels that were reached."""
        failed = {line.level for line in self.refusals}
        return [
            level
            for level in ("L0", "L1", "L2", "L3", "L4")
            if level not in self.missing and level not in failed
        ]


# --- JSON ---


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise Invalid(
            "duplicate_member", f"The member {names.most_common(1)[0][0][:60]!r} occurs twice."
        )
    return members


def _integer(text: str) -> int:
    require(len(text) <= 17 and abs(int(text)) < SAFE, "bad_json", "An integer is 2^53 or more.")
    return int(text)


def _double(text: str) -> float:
    require(len(text) <= 40, "bad_json", "A number has more than 40 characters.")
    value = float(text)
    require(math.isfinite(value), "bad_json", "A number is infinite.")
    return value


def _constant(text: str) -> float:
    raise Invalid("bad_json", f"{text} isn't JSON.")


def parse_json(data: bytes | str, what: str) -> Any:
    """Parse strict JSON: no member twice, no NaN, no large integers."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_constant,
        )
    except Invalid as refusal:
        raise Invalid(refusal.code, f"{what}: {refusal.text}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Invalid("bad_json", f"{what} isn't valid JSON in UTF-8: {str(error)[:80]}.") from None


def _number_text(value: float) -> str:
    """Write a double as ECMAScript does (RFC 8785)."""
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + int(exponent)
    minus = "-" if sign else ""
    if 0 < point <= 21:
        whole = text[:point].ljust(point, "0")
        return minus + whole + ("." + text[point:] if len(text) > point else "")
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    rest = "." + text[1:] if len(text) > 1 else ""
    return f"{minus}{text[0]}{rest}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value: Any) -> str:
    """Write a value as canonical JSON."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in sorted(value))
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return _number_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def canonical_hash(value: Any) -> str:
    return sha256(canonical(value).encode("utf-8"))


def parse_canonical(data: bytes | str, what: str) -> Any:
    """Parse JSON that must be in canonical form."""
    value = parse_json(data, what)
    try:
        again = canonical(value).encode("utf-8")
        same = again == (data if isinstance(data, bytes) else data.encode("utf-8"))
    except (UnicodeEncodeError, RecursionError):
        same = False
    require(same, "not_canonical", f"{what} isn't canonical JSON.")
    return value


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- schemas ---

Schema = Callable[[Any, str], None]


def _type(condition: object, where: str, what: str) -> None:
    require(condition, "wrong_type", f"{where} isn't {what}.")


def text(limit: int = 1 << 16, pattern: str | None = None, what: str = "a text") -> Schema:
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, where: str) -> None:
        _type(isinstance(value, str) and len(value) <= limit, where, what)
        _type(compiled is None or compiled.fullmatch(value), where, what)

    return check


def integer(least: int = 0, most: int = SAFE) -> Schema:
    def check(value: Any, where: str) -> None:
        good = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        _type(good, where, f"an integer of {least} or more")

    return check


def boolean(value: Any, where: str) -> None:
    _type(isinstance(value, bool), where, "true or false")


def number(value: Any, where: str) -> None:
    _type(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")


def anything(value: Any, where: str) -> None:
    del value, where


def null(value: Any, where: str) -> None:
    _type(value is None, where, "null")


def nullable(schema: Schema) -> Schema:
    return lambda value, where: None if value is None else schema(value, where)


def one_of(*values: Any) -> Schema:
    names = ", ".join(map(repr, values))
    return lambda value, where: _type(
        any(value == v and type(value) is type(v) for v in values), where, f"one of {names}"
    )


def either(*schemas: Schema) -> Schema:
    def check(value: Any, where: str) -> None:
        for schema in schemas[:-1]:
            try:
                return schema(value, where)
            except Invalid:
                continue
        return schemas[-1](value, where)

    return check


def items(schema: Schema, least: int = 0, most: int = 2_000_000) -> Schema:
    def check(value: Any, where: str) -> None:
        _type(
            isinstance(value, list) and least <= len(value) <= most,
            where,
            f"a list of {least} to {most} items",
        )
        for i, item in enumerate(value):
            schema(item, f"{where}[{i}]")

    return check


def mapping(schema: Schema, most: int = 100_000) -> Schema:
    def check(value: Any, where: str) -> None:
        _type(
            isinstance(value, dict) and len(value) <= most,
            where,
            f"an object of up to {most} members",
        )
        for name, item in value.items():
            schema(item, f"{where}.{name[:40]}")

    return check


def members(
    optional: dict[str, Schema] | None = None, /, *, more: Any = False, **required: Schema
) -> Schema:
    """Make the schema of an object with these members, and no other ones unless `more`."""
    every = {**required, **(optional or {})}

    def check(value: Any, where: str) -> None:
        _type(isinstance(value, dict), where, "an object")
        for name in required:
            require(name in value, "missing_member", f"{where} has no member {name!r}.")
        for name, item in value.items():
            if name in every:
                every[name](item, f"{where}.{name}")
            else:
                require(more, "unknown_member", f"{where} has the unknown member {name[:60]!r}.")

    return check


HASH = text(64, "[0-9a-f]{64}", "64 lower-case hexadecimal digits")
BIG = text(40, "0|[1-9][0-9]{0,38}", "an integer as decimal text")
LONG = text(60, "0|[1-9][0-9]{0,59}", "an integer as decimal text")
SIGNED = text(41, "0|-?[1-9][0-9]{0,38}", "an integer as decimal text")
SIZE = either(integer(0), text(40, "[1-9][0-9]{0,38}"))
TIME_PATTERN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
_TIME_TEXT = text(32, TIME_PATTERN, "a time with microseconds in UTC")


def time(value: Any, where: str) -> None:
    _TIME_TEXT(value, where)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _type(False, where, "a time")


COLUMN = text(10_000)
KINDS = {"text": text(), "integer": integer(), "hash": HASH, "time": time, "big": BIG}


def record(plain: str, optional: dict[str, Schema] | None = None, /, **others: Schema) -> Schema:
    """Make the schema of an object; `plain` names members by kind: "id name: text; sum: big?"."""
    kinds = [part.split(": ") for part in plain.split("; ")]
    required = {
        name: nullable(KINDS[kind[:-1]]) if kind.endswith("?") else KINDS[kind]
        for names, kind in kinds
        for name in names.split()
    }
    return members(optional, **required, **others)


BANDS = members(
    {"labels": items(text(), 0, 101)},
    column=COLUMN,
    breaks=items(either(number, text(500)), 1, 100),
)
FILTER = members(
    {
        "expression": text(10_000),
        "conditions": items(
            members({"value": anything}, column=COLUMN, operator=text(20)), 0, 1000
        ),
        "logic": one_of("AND", "OR", "and", "or"),
    }
)
SAMPLE_SIZES = {"sample_size": SIZE, "sample_fraction": number}
SORT = {"sort_columns": items(COLUMN, 1, 3), "sort_order": one_of("serpentine", "nested")}
PARAMETERS = {
    "random": members(SAMPLE_SIZES),
    "reservoir": members(SAMPLE_SIZES),
    "stratified": members(
        {
            **SAMPLE_SIZES,
            "samples_per_stratum": SIZE,
            "allocation_column": COLUMN,
            "cost_column": COLUMN,
            "sizes": mapping(either(SIZE, text(60, r"all|[0-9.,]+ ?%"))),
            "min_per_stratum": SIZE,
            "allocation": one_of("proportional", "equal", "neyman", "optimal", "recall", "amount"),
            "rate_column": COLUMN,
            "rates": mapping(number, 10_000),
            "flagged": items(text(), 1, 10_000),
            "take_all": items(text(), 1, 100_000),
        },
        strata_columns=items(either(COLUMN, BANDS), 1, 50),
    ),
    "systematic": members({"interval": SIZE, "sample_size": SIZE, "start": SIZE, **SORT}),
    "cluster": members(
        {
            "samples_per_cluster": SIZE,
            "sample_percentage": number,
            "strata_columns": items(either(COLUMN, BANDS), 1, 50),
            "cluster_allocation": one_of("each", "proportional"),
            "cluster_probability": one_of("equal", "rows", "size"),
            "size_column": COLUMN,
            "subcluster_column": COLUMN,
            "num_subclusters": SIZE,
        },
        cluster_column=COLUMN,
        num_clusters=SIZE,
    ),
    "weighted": members(
        {
            "selection": one_of("pareto", "systematic"),
            "uncertainty": boolean,
            "uncertainty_floor": number,
            "uncertainty_missing": one_of("take_all", "floor"),
            **SORT,
        },
        sample_size=SIZE,
        weight_column=COLUMN,
    ),
    "monetary_unit": members(
        {
            "sample_size": SIZE,
            "interval": either(number, text(40, r"[0-9]+(\.[0-9]+)?")),
            "selection": one_of("fixed_interval", "cell", "random"),
            "order": one_of("seeded", "file"),
            "population": one_of("positive", "absolute", "negative"),
        },
        book_column=COLUMN,
    ),
}
GROUP = record(
    "rows allocated sampled: integer; last_rank: big?",
    key=mapping(nullable(text(1 << 20)), 50),
    label=nullable(text(1 << 20)),
)
GROUPS = "groups_sha256: hash; groups_count: integer"
GROUP_LIST = nullable(items(GROUP, 0, 10_000))
AMOUNT = record("rows: integer; total: big")
CLUSTER = record(
    "stratum: integer",
    key=mapping(nullable(text(1 << 20)), 51),
    size=nullable(LONG),
    part=LONG,
    whole=LONG,
    drawn=one_of(True, False),
)
FACTS = {
    "random": record("last_rank: big?"),
    "reservoir": record("last_rank: big?"),
    "stratified": record(GROUPS, groups=GROUP_LIST),
    "systematic": record("first step parts: big"),
    "cluster": record(f"clusters drawn: integer; {GROUPS}", groups=GROUP_LIST),
    "weighted": record(
        "rows take_all: integer; total: big",
        decimals=nullable(integer(0, 40)),
        exponent=nullable(integer(-2000, 2000)),
    ),
    "monetary_unit": record(
        "zero_rows missing_rows selected: integer; units step parts: big",
        positive=AMOUNT,
        negative=record("rows: integer", total=SIGNED),
        take_all=AMOUNT,
        decimals=integer(0, 40),
    ),
}
STAGED_FACTS = record(
    f"clusters drawn: integer; {GROUPS}; first_stage_sha256: hash; first_stage_count: integer",
    groups=GROUP_LIST,
    first_stage=nullable(items(CLUSTER, 0, 10_000)),
)
ROUND_NUMBER = integer(1, 20)
START = text(120, r"0(\.[0-9]{1,100})?", "a decimal from 0 to below 1")
DUPLICATES = one_of("refuse", "number")
STARTS: dict[str, Schema] = {"starts": mapping(START, 10_000)}
KEYED_ORDER = members(
    STARTS,
    order_version=one_of(KEYED),
    key=items(members(name=COLUMN, type=text(200)), 1, 4),
    start=START,
    duplicates=DUPLICATES,
)
PLANNED_ORDER = members(STARTS, key=items(COLUMN, 1, 4), start=START, duplicates=DUPLICATES)
ROUND_HEAD = record(
    "eligible_rows rows: integer; ordinals_sha256: hash",
    {"order": KEYED_ORDER},
    round_number=ROUND_NUMBER,
    method=one_of(*PARAMETERS),
    parameters=anything,
    seed=text(2000),
    effective_seed=text(3000),
    filter=nullable(FILTER),
    facts=anything,
    ordinals=nullable(items(integer(), 0, 10_000)),
    probabilities=nullable(items(number, 0, 10_000)),
    weights=nullable(items(number, 0, 10_000)),
    reserves=one_of("next_in_order", "pareto", "none"),
    warnings=items(text(1 << 20)),
)


def is_staged(method: str, parameters: dict[str, Any]) -> bool:
    """Tell whether a round draws clusters in strata, by size or in three stages."""
    return method == "cluster" and (
        parameters.get("cluster_probability", "equal") != "equal"
        or "strata_columns" in parameters
        or "subcluster_column" in parameters
    )


def round_schema(value: Any, where: str) -> None:
    ROUND_HEAD(value, where)
    method, given = value["method"], value["parameters"]
    PARAMETERS[method](given, f"{where}.parameters")
    if method == "cluster":
        by_column = given.get("cluster_probability") == "size"
        good = (
            by_column == ("size_column" in given)
            and ("subcluster_column" in given) == ("num_subclusters" in given)
            and ("strata_columns" in given or given.get("cluster_allocation", "each") == "each")
        )
        require(good, "facts", f"{where}: its parameters contradict each other.")
    if "uncertainty_floor" in given or "uncertainty_missing" in given:
        good = given.get("uncertainty") is True
        require(good, "facts", f"{where}: its parameters contradict each other.")
    facts = STAGED_FACTS if is_staged(method, given) else FACTS[method]
    facts(value["facts"], f"{where}.facts")


SEED_ORIGINS = {
    **{kind: record("kind: text") for kind in ("chosen", "entropy", "mixed", "unknown")},
    "beacon": record(
        "kind: text; chain: hash",
        {"previous_signature": text(1000, "([0-9a-f]{2})+")},
        round=integer(1),
        signature=text(1000, "([0-9a-f]{2})+"),
    ),
    "dice": members(kind=text(), digits=text(200, "[0-9]{20,200}"), witnesses=items(text(), 1, 20)),
}


def seed_origin(value: Any, where: str) -> None:
    _type(
        isinstance(value, dict) and isinstance(value.get("kind"), str),
        where,
        "an object with a kind",
    )
    one_of(*SEED_ORIGINS)(value["kind"], f"{where}.kind")
    SEED_ORIGINS[value["kind"]](value, where)


STATEMENT = members(
    _type=one_of("https://in-toto.io/Statement/v1"),
    subject=items(members(name=text(), digest=members(sha256=HASH)), 1, 10_000),
    predicateType=one_of("urn:jobsvc:sample-certificate:1"),
    predicate=record(
        "issued_at: time",
        engine=record(
            "version: text",
            name=one_of("jobsvc"),
            order_version=one_of(POSITIONS, KEYED),
            draw_version=one_of(1, 2),
        ),
        job=record(
            "id dataset_name requested_by: text; dataset_id: integer; created_at completed_at: time"
        ),
        issue=integer(1),
        sample=record("commit_id: hash; rows: integer"),
        population=record(
            "commit_id: hash; table_key: text; file_rows rows: integer; row_root: hash?",
            manifest=text(64 << 20),
            source_draw=nullable(text(16, "[0-9a-f]{16}")),
        ),
        plan=nullable(
            record(
                "digest: hash; committed_at: time", text=text(64 << 20), ledger_number=integer(1)
            )
        ),
        seed_origin=seed_origin,
        rounds=items(round_schema, 1, 20),
        replacements=items(
            record(
                "ordinal_out ordinal_in: integer; reason recorded_by: text; recorded_at: time",
                round_number=ROUND_NUMBER,
                place=integer(1),
            )
        ),
        data=members(passes=items(ROUND_NUMBER, 0, 20), columns=items(COLUMN)),
        warnings=items(text(1 << 20)),
        ledger=nullable(record("previous_digest: hash?; digest: hash", number=integer(1))),
    ),
)
MANIFEST = members(
    tables=items(
        members(
            key=text(),
            columns=items(members(name=text(), type=text(1 << 20), more=True)),
            files=items(members(rows=integer(), more=True)),
            left_out=anything,
            more=True,
        )
    ),
    more=True,
)
PLAN = record(
    "commit_id: hash; dataset_id: integer; table_key: text",
    {"goals": items(nullable(mapping(anything)), 1, 20)},
    rounds=items(
        record(
            "method: text", {"order": PLANNED_ORDER}, filter=nullable(FILTER), parameters=anything
        ),
        1,
        20,
    ),
)
ENVELOPE = record(
    "payloadType: text",
    payload=text(128 << 20),
    signatures=items(record("keyid: hash", sig=text(200)), 1, 1),
)
LEDGER_HEAD = record("dataset_id: integer; digest: hash; signed_at: time", number=integer(1))
LEDGER_BODIES = {
    "plan": record("plan_id: text; digest: hash", text=text(64 << 20)),
    "draw": record(
        "job_id table_key: text; rows: integer; plan_digest: hash?; "
        "sample_commit_id population_commit_id draw_sha256: hash"
    ),
    "replacement": record(
        "job_id reason: text; ordinal_out ordinal_in: integer", round_number=ROUND_NUMBER
    ),
    "deletion": record("job_id: text; sample_commit_id: hash"),
    "restoration": record("job_id: text; sample_commit_id: hash"),
    "row_root": record("commit_id root: hash; table_key: text; rows: integer"),
    "paper": record(
        "job_id paper_number format language review_state: text; number: integer; "
        "evaluation_sha256: hash?; sha256: hash"
    ),
    "evaluation": record(
        "job_id: text; sample_commit_id payload_sha256: hash",
        issue=integer(1),
        review_state=one_of("open", "submitted", "signed_off", "approved"),
    ),
    "review": record(
        "job_id: text; evaluation_sha256: hash?", step=one_of("signed_off", "approved", "reopened")
    ),
    "engagement": record(
        "engagement_id: integer; seal_sha256: hash", step=one_of("sealed", "unsealed")
    ),
    "combined_paper": record(
        "paper_id: integer; review_state: text; evaluation_sha256 sha256: hash",
        step=one_of("issued", "withdrawn"),
        job_ids=items(text(64), 2, 20),
    ),
}
ENTRY = record(
    "dataset_id: integer; recorded_at: time; actor: text; previous_digest: hash?; digest: hash",
    number=integer(1),
    kind=one_of(*LEDGER_BODIES),
    body=anything,
)
LEDGER = members(entries=items(ENTRY), head=ENVELOPE)
PROOF = record(
    "ordinal: integer",
    salt=text(32, "[0-9a-f]{32}"),
    row=text(16 << 20),
    leaf=items(HASH, 1, 16),
    path=items(HASH, 0, 64),
)
PROOFS = record(
    "commit_id root: hash; table_key: text; rows: integer",
    format=one_of("jobsvc-row-proofs-1"),
    proofs=items(PROOF),
)


# --- Ed25519 (RFC 8032) ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    t = (a[1] - a[0]) * (b[1] - b[0]) % P
    u = (a[1] + a[0]) * (b[1] + b[0]) % P
    v = 2 * a[3] * b[3] * D % P
    w = 2 * a[2] * b[2] % P
    e, f, g, h = u - t, w - v, w + v, u + t
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _decompress(data: bytes) -> Point | None:
    """Decode a point; None unless the encoding is canonical and on the curve."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base_point() -> Point:
    point = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert point is not None
    return point


BASE = _base_point()


def ed25519_valid(key: bytes, message: bytes, signature: bytes) -> bool:
    """Verify S·B = R + k·A, with canonical encodings and a key that isn't of small order."""
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r = _decompress(key), _decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or _compress(_multiply(8, a)) == _compress((0, 1, 1, 0)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    minus_a: Point = (P - a[0], a[1], 1, P - a[3])
    return _compress(_add(_multiply(s, BASE), _multiply(k, minus_a))) == signature[:32]


def decode_base64(value: str, what: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("bad_base64", f"{what} isn't Base64.") from None
    if base64.b64encode(data).decode() != value:
        raise Invalid("bad_base64", f"{what} isn't canonical Base64.")
    return data


def open_envelope(envelope: Any, where: str, payload_type: str, key: bytes) -> bytes:
    """Verify an envelope and return the payload's bytes."""
    ENVELOPE(envelope, where)
    if envelope["payloadType"] != payload_type:
        raise Invalid("payload_type", f"{where}.payloadType isn't {payload_type}.")
    payload = decode_base64(envelope["payload"], f"{where}.payload")
    signature = envelope["signatures"][0]
    if signature["keyid"] != sha256(key):
        raise Invalid("wrong_key", f"{where} names another key than {sha256(key)}.")
    kind = payload_type.encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    good = ed25519_valid(
        key, message, decode_base64(signature["sig"], f"{where}.signatures[0].sig")
    )
    require(good, "bad_signature", f"{where} isn't signed by the key {sha256(key)}.")
    return payload


# --- CSV ---

_FIELD = re.compile(r'"([^"]*(?:""[^"]*)*)"(?=[,\n]|\Z)|([^",\n]*)(?=[,\n]|\Z)')
Row = list[str | None]


def read_csv(data: bytes, code: str, what: str) -> Iterator[Row]:
    """Give the rows of an RFC 4180 text; an empty field is None, and `""` an empty text."""
    try:
        source = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid(code, f"{what} isn't UTF-8.") from None
    require(source.endswith("\n"), code, f"{what} doesn't end with a line feed.")
    position, end, line = 0, len(source), 0
    while position < end:
        line += 1
        stop = source.index("\n", position)
        plain = source[position:stop]
        if '"' not in plain:
            yield [part or None for part in plain.split(",")]
            position = stop + 1
            continue
        row: Row = []
        while True:
            match = _FIELD.match(source, position)
            require(match, code, f"Line {line} of {what} isn't RFC 4180.")
            assert match is not None
            row.append(match[1].replace('""', '"') if match[1] is not None else match[2] or None)
            position = match.end() + 1
            if source[match.end() : position] != ",":
                break
        yield row


# --- the order ---


Place = Any  # what sorts rows: a rank, or a rank and the key's text


class Order:
    """The seeded order `jobsvc-order-1` of `rows` rows; another version has other round keys."""

    def __init__(
        self, rows: int, seed: str, bits: int | None = None, version: str = POSITIONS
    ) -> None:
        self.rows = rows
        self.bits = bits or max(16, (max(rows - 1, 0).bit_length() + 1) // 2 * 2)
        start = f"{version}:{seed}:".encode()
        digests = (hashlib.sha256(start + bytes([i])).digest() for i in range(8))
        self.keys = [int.from_bytes(digest[:4], "big") & 0x7FFFFFFF for digest in digests]

    def ranks(self, ordinals: Iterable[int]) -> list[int]:
        h, keys = self.bits // 2, self.keys
        m, low = (1 << h) - 1, 0x7FFFFFFF
        result = []
        for ordinal in ordinals:
            left, right = ordinal >> h, ordinal & m
            for key in keys:
                x = ((right ^ key) * 0x2C1B3C6D) & low
                x = ((x ^ (x >> 15)) * 0x297A2D39) & low
                left, right = right, left ^ ((x ^ (x >> 13)) & m)
            result.append(left << h | right)
        return result

    def rank(self, ordinal: int) -> int:
        return self.ranks((ordinal,))[0]

    def places(self, ordinals: Iterable[int]) -> list[Place]:
        """Return what sorts the rows."""
        return self.ranks(ordinals)

    def sorted(self, ordinals: list[int]) -> list[tuple[int, int]]:
        """Return ranks and rows in their order."""
        return sorted(zip(self.ranks(ordinals), ordinals, strict=True))

    def ordinal(self, rank: int) -> int:
        h, low = self.bits // 2, 0x7FFFFFFF
        m = (1 << h) - 1
        left, right = rank >> h, rank & m
        for key in reversed(self.keys):
            x = ((left ^ key) * 0x2C1B3C6D) & low
            x = ((x ^ (x >> 15)) * 0x297A2D39) & low
            left, right = right ^ ((x ^ (x >> 13)) & m), left
        return left << h | right

    def walk(self) -> Iterator[int]:
        """Give the ordinals in their order."""
        for rank in range(1 << self.bits):
            if rank >= MAX_STEPS:
                raise NotCheckable(f"it needs more than {MAX_STEPS:,} places of the order")
            ordinal = self.ordinal(rank)
            if ordinal < self.rows:
                yield ordinal

    def take(self, count: int) -> list[int]:
        walk = self.walk()
        return [next(walk) for _ in range(min(count, self.rows))]

    def first(self) -> int:
        return next(self.walk())


# --- the keyed order ---


class KeyRanks:
    """The ranks of canonical texts of keys by `jobsvc-order-2`."""

    bits = 62

    def __init__(self, seed: str, start: str) -> None:
        self.network = Order(1 << self.bits, seed, self.bits, KEYED)
        self.start = start

    def ranks(self, texts: Iterable[str], starts: Iterable[str] | None = None) -> list[int]:
        """Return the ranks, from the one start or from a start of each text."""
        size, plain = 1 << self.bits, self.network.ranks(map(key_digest, texts))
        each = [self.start] * len(plain) if starts is None else list(starts)
        shifts = {start: math.floor(Fraction(start) * size) for start in set(each)}
        return [(rank - shifts[start]) % size for rank, start in zip(plain, each, strict=True)]


class KeyedTable:
    """The keyed order of rows whose keys are known; equal ranks are ordered by the texts.

    `starts` are those of rows whose stratum has one of its own.
    """

    def __init__(
        self, ranks: KeyRanks, texts: dict[int, str], starts: dict[int, str] | None = None
    ) -> None:
        self.of_texts, self.texts, self.bits = ranks, texts, ranks.bits
        self.starts = starts or {}

    def ranks(self, ordinals: Iterable[int]) -> list[int]:
        rows = list(ordinals)
        starts = [self.starts.get(i, self.of_texts.start) for i in rows] if self.starts else None
        return self.of_texts.ranks([self.texts[i] for i in rows], starts)

    def places(self, ordinals: Iterable[int]) -> list[Place]:
        rows = list(ordinals)
        return [(rank, self.texts[i]) for rank, i in zip(self.ranks(rows), rows, strict=True)]

    def sorted(self, ordinals: list[int]) -> list[tuple[int, int]]:
        lines = sorted(zip(self.places(ordinals), ordinals, strict=True))
        return [(rank, i) for (rank, _), i in lines]


RowOrder = Order | KeyedTable


def key_digest(canonical_text: str) -> int:
    """Return the first 62 bits of the SHA-256 of a key's canonical text."""
    found = hashlib.sha256(canonical_text.encode("utf-8")).digest()
    return int.from_bytes(found[:8], "big") >> 2


def joined_key(texts: Iterable[str]) -> str:
    """Return a key's canonical text, from those of its values."""
    return "".join(f"{len(part.encode('utf-8'))}:{part}" for part in texts)


INTEGER_TYPE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER")
DECIMAL_TYPE = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
MOMENT_TYPE = re.compile(r"TIMESTAMP(_S|_MS| WITH TIME ZONE)?")
UUID_TEXT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def can_be_in_key(kind: str) -> bool:
    plain = ("VARCHAR", "DATE", "TIME", "BOOLEAN", "UUID")
    patterns = (INTEGER_TYPE, DECIMAL_TYPE, MOMENT_TYPE)
    return kind in plain or any(pattern.fullmatch(kind) for pattern in patterns)


def value_text(value: str, kind: str) -> str:
    """Return the canonical text of a value of a key, from its text in a CSV file."""
    scale = DECIMAL_TYPE.fullmatch(kind)
    result, pattern = value, ""
    decimals = int(scale[1]) if scale else 0
    if INTEGER_TYPE.fullmatch(kind) or (scale and not decimals):
        pattern = "0|-?[1-9][0-9]*"
    elif scale:
        pattern = rf"(?!-[0.]+\Z)-?(0|[1-9][0-9]*)?\.[0-9]{{{decimals}}}"
        whole = re.sub(r"^(-?)\.", r"\g<1>0.", value)  # of DECIMAL(2,2) a CSV file has .50
        result = whole.rstrip("0").rstrip(".")
    elif kind == "DATE":
        pattern = r"[0-9]{4,}-[0-9]{2}-[0-9]{2}( \(BC\))?|-?infinity"
    elif kind == "BOOLEAN":
        pattern = "true|false"
    elif kind == "UUID":
        pattern, result = UUID_TEXT.pattern, value.lower()
    elif kind == "TIMESTAMP WITH TIME ZONE":
        result = value.removesuffix("+00").replace(" ", "T") + "Z"
    elif MOMENT_TYPE.fullmatch(kind):
        result = value.replace(" ", "T")
    good = not pattern or re.fullmatch(pattern, value)
    require(good, "key_text", f"{value[:60]!r} isn't the text of a value of the type {kind[:40]}.")
    return result


# --- the certificate's contents ---


STATED = (
    *("round_number", "method", "parameters", "effective_seed", "eligible_rows", "facts"),
    *("rows", "filter", "reserves", "ordinals", "probabilities", "weights", "order"),
)


@dataclass
class StatedRound:
    """A round of the certificate, with what the sample's CSV adds to it."""

    number: int
    method: str
    parameters: dict[str, Any]
    seed: str
    eligible: int
    facts: dict[str, Any]
    rows: int
    filter: dict[str, Any] | None
    reserves: str
    ordinals: list[int] | None
    probabilities: list[float] | None
    weights: list[float] | None
    order: dict[str, Any] | None = None
    labels: list[str | None] | None = None
    hits: list[int] | None = None
    sample_rows: list[Row] | None = None

    @property
    def key(self) -> list[str]:
        """The columns of the key; none of a round by positions."""
        return [column["name"] for column in self.order["key"]] if self.order else []

    @property
    def orders_clusters_alone(self) -> bool:
        """Whether the key is the cluster's column, so that rows stand by their positions."""
        names = [name.lower() for name in self.key]
        return self.method == "cluster" and names == [self.parameters["cluster_column"].lower()]

    @property
    def is_staged(self) -> bool:
        """Whether clusters were drawn in strata, by size or in three stages."""
        return is_staged(self.method, self.parameters)

    @property
    def cluster_columns(self) -> int:
        """The columns of a cluster's key: those of its stratum, and its own."""
        return len(self.parameters.get("strata_columns", ())) + 1

    @property
    def has_row_keys(self) -> bool:
        return self.order is not None and not self.orders_clusters_alone

    @property
    def numbers_keys(self) -> bool:
        return self.has_row_keys and (self.order or {})["duplicates"] == "number"

    @property
    def stated_order(self) -> dict[str, Any]:
        """What a plan and the ledger state of the order; nothing of a round by positions."""
        if self.order is None:
            return {}
        others = {k: v for k, v in self.order.items() if k not in ("key", "order_version")}
        return {"order": {"key": self.key, **others}}

    def row_starts(self, labels: dict[int, str | None]) -> dict[int, str]:
        """Return the starts of rows whose stratum has one of its own, given the rows' strata."""
        starts = (self.order or {}).get("starts", {})
        return {i: starts[label] for i, label in labels.items() if label in starts}

    def key_ranks(self) -> KeyRanks:
        assert self.order is not None
        return KeyRanks(self.seed, self.order["start"])

    @property
    def groups(self) -> list[dict[str, Any]] | None:
        return self.facts.get("groups")

    @property
    def has_groups(self) -> bool:
        return "groups" in self.facts

    def drawn(self) -> list[int]:
        """Return the ordinals, or say that nobody gave them."""
        if self.ordinals is None:
            raise NotCheckable(
                "the certificate lists no rows of more than 10,000, and sample.csv wasn't given"
            )
        return self.ordinals


@dataclass
class Case:
    """What is verified: the statement's parts and the files."""

    files: dict[str, bytes]
    key: bytes
    report: CheckReport
    statement: dict[str, Any] = field(default_factory=dict)
    rounds: list[StatedRound] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)  # of the table's columns
    table: dict[str, Any] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)  # the table's columns in sample.csv
    ledger: dict[str, Any] | None = None
    ledger_signed_at: str = ""
    row_texts: dict[int, str] = field(default_factory=dict)  # of rows with one key, in data.csv

    @property
    def predicate(self) -> dict[str, Any]:
        value: dict[str, Any] = self.statement["predicate"]
        return value

    @property
    def population(self) -> dict[str, Any]:
        value: dict[str, Any] = self.predicate["population"]
        return value

    @property
    def file_rows(self) -> int:
        return int(self.population["file_rows"])

    @property
    def version(self) -> int:
        return int(self.predicate["engine"]["draw_version"])

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the entries of some kinds of the ledger, or all; none without a ledger."""
        found: list[dict[str, Any]] = [] if self.ledger is None else self.ledger["entries"]
        return [e for e in found if not kinds or e["kind"] in kinds]

    def own_entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the same of this job alone."""
        job = self.predicate["job"]["id"]
        return [e for e in self.entries(*kinds) if e["body"].get("job_id") == job]

    def before(self, rnd: StatedRound) -> set[int]:
        """Return the rows that earlier rounds drew."""
        return {i for other in self.rounds if other.number < rnd.number for i in other.drawn()}

    def others(self, rnd: StatedRound) -> set[int]:
        """Return the rows that the other rounds drew."""
        return {i for other in self.rounds if other.number != rnd.number for i in other.drawn()}

    def is_whole(self, rnd: StatedRound) -> bool:
        """Tell whether the round draws from all rows of the files but those of earlier rounds."""
        return rnd.filter is None and self.table["left_out"] is None


def close(a: float, b: float | Fraction, tolerance: float = 1e-12) -> bool:
    return abs(a - float(b)) <= tolerance * max(abs(a), abs(float(b)))


def whole(value: int | str) -> int:
    return int(value)


def round_half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


_NUMBER = re.compile(r"[+-]?(\d{1,500}(\.\d{0,500})?|\.\d{1,500})([eE][+-]?\d{1,3})?")


def exact_number(value: float | str) -> Fraction:
    """Return a number of JSON or a CSV as the decimal number that it is written as."""
    source = value if isinstance(value, str) else repr(value)
    require(_NUMBER.fullmatch(source), "facts", f"{source[:40]!r} isn't a number of usual size.")
    return Fraction(source)


def ordinals_hash(ordinals: list[int]) -> str:
    return sha256(",".join(map(str, ordinals)).encode())


# --- L0 ---


def read_certificate(case: Case) -> None:
    """Verify the envelope, then read the statement from the bytes that were verified."""
    envelope = parse_json(case.files["certificate"], "certificate.json")
    payload = open_envelope(envelope, "certificate", STATEMENT_TYPE, case.key)
    case.report.checked("L0", f"the signature is of the key {sha256(case.key)}")
    statement = parse_canonical(payload, "the statement")
    STATEMENT(statement, "statement")
    case.statement = statement
    case.report.checked(
        "L0", "the statement is canonical JSON with the members of version 1 and no other ones"
    )


def read_rounds(case: Case) -> None:
    rounds = case.predicate["rounds"]
    numbers = [r["round_number"] for r in rounds]
    if numbers != list(range(1, len(rounds) + 1)):
        raise Invalid("round_numbers", f"The rounds are numbered {numbers}.")
    case.rounds += [StatedRound(*(r.get(name) for name in STATED)) for r in rounds]
    total = sum(r["rows"] for r in rounds)
    for r in rounds:
        lists = [r["ordinals"], r["probabilities"], r["weights"]]
        good = all(
            x is None if total > 10_000 else x is not None and len(x) == r["rows"] for x in lists
        )
        if not good:
            raise Invalid(
                "list_lengths",
                f"The lists of round {r['round_number']} haven't {r['rows']} numbers.",
            )
    if total != case.predicate["sample"]["rows"]:
        raise Invalid("rows_total", f"The rounds have {total} rows together.")


def check_manifest(case: Case) -> None:
    population = case.population
    found = sha256(population["manifest"].encode("utf-8"))
    if found != population["commit_id"]:
        raise Invalid("manifest_hash", f"The manifest's SHA-256 is {found}.")
    manifest = parse_canonical(population["manifest"], "the manifest")
    MANIFEST(manifest, "manifest")
    tables = [t for t in manifest["tables"] if t["key"] == population["table_key"]]
    if len(tables) != 1:
        raise Invalid("manifest", f"It has {len(tables)} tables {population['table_key']!r}.")
    case.table = tables[0]
    case.types = {column["name"]: column["type"].upper() for column in case.table["columns"]}
    rows = sum(file["rows"] for file in case.table["files"])
    if rows != population["file_rows"]:
        raise Invalid("manifest", f"Its files have {rows} rows, not {population['file_rows']}.")
    left_out = case.table["left_out"]
    if isinstance(left_out, dict) and isinstance(left_out.get("rows"), int):
        rows -= left_out["rows"]
        if rows != population["rows"]:
            raise Invalid(
                "manifest", f"Less left-out rows it has {rows}, not {population['rows']}."
            )
    elif left_out is None:
        if rows != population["rows"]:
            raise Invalid("manifest", "No rows are left out, but `rows` isn't `file_rows`.")
    else:
        require(population["rows"] <= rows, "manifest", "`rows` is above `file_rows`.")
    if "left_out_by" in case.table:
        case.report.claimed("L0", left_out_in_words(case.table["left_out_by"]))
    attached = [file for file in case.table["files"] if "uri" in file]
    if attached:
        verified = all(file.get("verified") is True for file in attached)
        how = (
            "the server read and checked them"
            if verified
            else "taken from the files' footers, not checked"
        )
        case.report.claimed("L0", f"the numbers of rows of {len(attached)} attached files: {how}")
    if "source" in case.table:
        SOURCE(case.table["source"], "manifest.source")
        case.report.claimed("L0", version_in_words(case.table["source"]))


SOURCE = members(more=True, format=text(20), uri=text(4_000), version=text(40))


def version_in_words(source: Any) -> str:
    """Which version of a table of another format the attached files are."""
    noun = {"iceberg": "snapshot"}.get(source["format"], "version")
    return (
        f"the files, their partitions and deleted rows are {noun} {source['version']} of the "
        f"{source['format'].capitalize()} table {source['uri']}"
    )


LEFT_OUT_BY = members(
    {
        "parts": items(text(300), 1, 100_000),
        "found_by": items(text(100), 1, 1_000),
        "not_found_by": items(text(100), 1, 1_000),
    },
    more=True,
    key=nullable(items(COLUMN, 1, 4)),
    new_since=nullable(HASH),
    job_ids=items(text(100), 0, 100_000),
    rows=integer(),
    source_draw=text(16, "[0-9a-f]{16}"),
)


def left_out_in_words(why: Any) -> str:
    """Return which rows a table lacks because an earlier version or earlier draws have them."""
    LEFT_OUT_BY(why, "manifest.left_out_by")
    jobs = why["job_ids"]
    owners = [f"those of the version {why['new_since']}"] if why["new_since"] else []
    if jobs:
        more = " …" if len(jobs) > 10 else ""
        many = "s" if len(jobs) > 1 else ""
        parts = f" (of parts alone: {', '.join(why['parts'])})" if why.get("parts") else ""
        owners.append(f"those of the draw{many} {', '.join(jobs[:10])}{more}{parts}")
    for name, did in (("found_by", "didn't find"), ("not_found_by", "found")):
        if why.get(name):
            owners.append(f"those that the audit tests {', '.join(why[name])} {did}")
    by = "position" if why["key"] is None else ", ".join(why["key"])
    return (
        f"which {_counted(why['rows'], 'row')} the table lacks: by the manifest's left_out_by "
        f"{' and '.join(owners) or 'those of no draw'}, by {by}"
    )


def check_subject(case: Case) -> None:
    names = [subject["name"] for subject in case.statement["subject"]]
    ref = names[-1][:-4]
    good = names[-1].endswith(".csv") and all(
        n.startswith(ref) and n.endswith(".parquet") for n in names[:-1]
    )
    good = (
        good and (len(names) != 2 or names[0] == f"{ref}.parquet") and len(set(names)) == len(names)
    )
    require(good, "subject", f"Its names are {names[:4]}.")


SAMPLE_COLUMNS = (
    "_logical_row_id",
    "_sampling_round",
    "_sampling_method",
    "_selection_order",
    "_stratum",
    "_inclusion_probability",
)


def _table_columns(case: Case, header: Row, tail: list[str]) -> list[str]:
    """Return the table's columns that the sample shows, in the table's order."""
    if header[-len(tail) :] != tail:
        raise Invalid("sample_header", f"Its last columns aren't {', '.join(tail)}.")
    known, result = iter(case.types), []
    for name in header[: -len(tail)]:
        found = next(
            (
                k
                for k in known
                if name in (k, f"{k}_source")
                or re.fullmatch(re.escape(k) + r"_source_\d+", name or "")
            ),
            None,
        )
        if found is None:
            raise Invalid(
                "sample_header", f"The column {name!r} isn't one of the table, in its order."
            )
        result.append(str(found))
    return result


def read_sample(case: Case) -> None:
    """Compare the lines of the CSV with the rounds, and take labels and hits from them."""
    with_hits = any(r.method == "monetary_unit" for r in case.rounds)
    tail = [*SAMPLE_COLUMNS, "_design_weight", *(["_hits"] if with_hits else [])]
    rows = read_csv(case.files["sample"], "sample_row", "sample.csv")
    header = next(rows, [])
    columns = _table_columns(case, header, tail)
    by_round = _rows_by_place(case, rows, len(header), len(tail))
    for r in case.rounds:
        places = by_round[r.number]
        if len(places) != r.rows:
            raise Invalid("sample_row", f"Round {r.number} has {len(places)} rows, not {r.rows}.")
        if not all(k in places for k in range(1, r.rows + 1)):
            raise Invalid("sample_row", f"Places of round {r.number} aren't 1 … n.")
        r.sample_rows = [places[k] for k in range(1, r.rows + 1)]
        _read_sample_columns(case, r, [row[-len(tail) :] for row in r.sample_rows])
    case.shown = columns


def _rows_by_place(
    case: Case, rows: Iterator[Row], width: int, tail: int
) -> dict[int, dict[int, Row]]:
    """Return the rows of each round by their places; a row has ``tail`` columns of the draw."""
    by_round: dict[int, dict[int, Row]] = {r.number: {} for r in case.rounds}
    latest = 0
    for line, row in enumerate(rows, 1):
        require(len(row) == width, "sample_row", f"Row {line} has {len(row)} fields.")
        number, place = (_count(row[-tail + i], line) for i in (1, 3))
        if not (latest <= number <= len(case.rounds)):
            raise Invalid("sample_row", f"Row {line} isn't in the order of rounds.")
        latest = number
        if not (1 <= place <= case.rounds[number - 1].rows and place not in by_round[number]):
            raise Invalid("sample_row", f"Row {line} has a place that another row has.")
        by_round[number][place] = row
    return by_round


def _read_sample_columns(case: Case, r: StatedRound, ends: list[Row]) -> None:
    """Compare the columns that the draw adds to each row with a round, and take them from it."""
    prefix = case.population["table_key"] + ":"
    ordinals = []
    for place, end in enumerate(ends, 1):
        where = f"Row {place} of round {r.number}"
        name = end[0] or ""
        require(name.startswith(prefix), "sample_row", f"{where} has the id {name[:60]!r}.")
        ordinals.append(_count(name[len(prefix) :], place))
        require(end[2] == r.method, "sample_row", f"{where} names another method.")
        if (end[4] is not None) != r.has_groups:
            raise Invalid("sample_row", f"{where} has a wrong `_stratum`.")
    r.labels = [end[4] for end in ends]
    probabilities = [_double_field(end[5], r.number) for end in ends]
    weights = [_double_field(end[6], r.number) for end in ends]
    has_hits = any(each.method == "monetary_unit" for each in case.rounds)
    r.hits = [_count(end[7], r.number) for end in ends] if has_hits else None
    for name, mine, theirs in (
        ("ordinal", r.ordinals, ordinals),
        ("probability", r.probabilities, probabilities),
        ("weight", r.weights, weights),
    ):
        if mine is not None and mine != theirs:
            place = next(i for i, (a, b) in enumerate(zip(mine, theirs, strict=True), 1) if a != b)
            raise Invalid(
                "sample_row",
                f"Row {place} of round {r.number} has another {name} than the certificate.",
            )
    r.ordinals, r.probabilities, r.weights = ordinals, probabilities, weights


def _count(value: str | None, line: int) -> int:
    good = value is not None and re.fullmatch("0|[1-9][0-9]{0,18}", value)
    require(good, "sample_row", f"Row {line} has {str(value)[:30]!r} in place of a number.")
    return int(value or 0)


def _double_field(value: str | None, number: int) -> float:
    try:
        result = float(value or "")
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise Invalid("sample_row", f"Round {number} has {str(value)[:30]!r} in place of a number.")
    return result


def check_ordinals(case: Case) -> None:
    seen: set[int] = set()
    unknown = []
    for r in case.rounds:
        if r.ordinals is None:
            unknown.append(str(r.number))
            continue
        if ordinals_hash(r.ordinals) != r_hash(case, r):
            raise Invalid("ordinals_hash", f"Another one in round {r.number}.")
        high = max(r.ordinals, default=0)
        if high >= case.file_rows and r.ordinals:
            raise Invalid("ordinal_range", f"Round {r.number} has the ordinal {high}.")
        twice = len(set(r.ordinals)) < r.rows or not seen.isdisjoint(r.ordinals)
        require(not twice, "ordinal_twice", f"A row of round {r.number} was drawn twice.")
        seen.update(r.ordinals)
    if unknown:
        raise NotCheckable(
            f"nobody gave the ordinals of round {', '.join(unknown)}: sample.csv has them"
        )


def r_hash(case: Case, rnd: StatedRound) -> str:
    return str(case.predicate["rounds"][rnd.number - 1]["ordinals_sha256"])


WHITE_SPACE = " \t\n\f\r"


def quoted_label(values: Iterable[str | None]) -> str:
    """Join the values of a group to the label of `_stratum`."""
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif (
            value in ("", "NULL")
            or '"' in value
            or "|" in value
            or value != value.strip(WHITE_SPACE)
        ):
            parts.append('"' + value.replace('"', '""') + '"')
        else:
            parts.append(value)
    return " | ".join(parts)


def group_columns(rnd: StatedRound) -> list[tuple[str, dict[str, Any] | None]]:
    """Return the columns of strata, clusters and subclusters, each with its bands or None."""
    given = rnd.parameters
    columns = [
        (c, None) if isinstance(c, str) else (c["column"], c)
        for c in given.get("strata_columns", ())
    ]
    names = ("cluster_column", "subcluster_column") if rnd.method == "cluster" else ()
    return columns + [(given[name], None) for name in names if name in given]


def column_name(case: Case, name: str) -> str:
    """Return a table's column by a name that may differ in case."""
    if name in case.types:
        return name
    found = [known for known in case.types if known.lower() == name.lower()]
    require(len(found) == 1, "facts", f"The table has no column {name[:60]!r}.")
    return found[0]


def check_groups(case: Case, rnd: StatedRound) -> None:
    facts, groups = rnd.facts, rnd.groups
    where = f"Round {rnd.number}"
    if groups is None:
        require(facts["groups_count"] > 10_000, "groups_count", f"{where} has no groups.")
        raise NotCheckable(
            f"{where} has {facts['groups_count']:,} groups, which the certificate doesn't list"
        )
    if canonical_hash(groups) != facts["groups_sha256"]:
        raise Invalid("groups_hash", f"{where} has another one.")
    if len(groups) != facts["groups_count"]:
        raise Invalid("groups_count", f"{where} has {len(groups)} groups.")
    columns = group_columns(rnd)
    keys = set()
    for g in groups:
        names = {column_name(case, name) for name in g["key"]}
        if names != {column_name(case, c) for c, _ in columns}:
            raise Invalid("groups", f"{where} has a group of other columns.")
        label = quoted_label([value_of(g["key"], column) for column, _ in columns])
        if label != g["label"]:
            raise Invalid(
                "group_label", f"{where}: a group has the label {str(g['label'])[:60]!r}."
            )
        good = g["sampled"] == g["allocated"] <= g["rows"] > 0 and (g["last_rank"] is None) == (
            g["sampled"] == 0
        )
        if not good:
            raise Invalid(
                "groups", f"{where}: the numbers of the group {label[:60]!r} contradict each other."
            )
        keys.add(label)
    require(len(keys) == len(groups), "groups", f"{where} has a group twice.")
    if rnd.is_staged:
        check_first_stage(case, rnd)
    if sum(g["rows"] for g in groups) != rnd.eligible:
        raise Invalid("sum_of_groups", f"{where}: Σ rows isn't {rnd.eligible}.")
    if sum(g["allocated"] for g in groups) != rnd.rows:
        raise Invalid("sum_allocated", f"{where}: Σ allocated isn't {rnd.rows}.")
    if not any(case.types[column_name(case, c)].startswith("ENUM") for c, _ in columns):
        order = list(map(group_order(case, columns), (g["key"] for g in groups)))
        good = all(a < b for a, b in pairwise(order))
        require(good, "group_order", f"{where}: the order is another.")
    if rnd.labels is not None:
        found = Counter(rnd.labels)
        good = all(found[g["label"]] == g["sampled"] for g in groups) and set(found) <= keys
        require(good, "groups", f"{where}: the sample's rows by group aren't `sampled`.")


def check_first_stage(case: Case, rnd: StatedRound) -> None:
    """Check the list of clusters against the groups, and their numbers."""
    facts, where = rnd.facts, f"Round {rnd.number}"
    clusters = facts["first_stage"]
    require(clusters is not None, "groups_count", f"{where} doesn't list its clusters.")
    if canonical_hash(clusters) != facts["first_stage_sha256"]:
        raise Invalid("groups_hash", f"{where}: first_stage_sha256 isn't the hash of its clusters.")
    good = facts["first_stage_count"] == len(clusters)
    require(good, "groups_count", f"{where} has {len(clusters)} clusters.")
    tree = clusters_of(rnd, [g["key"] for g in rnd.groups or []])
    good = [c.key for c in tree] == [key_values(rnd, c["key"]) for c in clusters]
    require(good, "groups", f"{where}: the clusters aren't those of the groups.")
    by_number = group_by(zip(tree, clusters, strict=True), lambda both: both[1]["stratum"])
    in_order = [c["stratum"] for c in clusters]
    good = in_order == sorted(in_order) and all(
        len({cluster.stratum for cluster, _ in both}) == 1 for both in by_number.values()
    )
    good = good and len(by_number) == len({cluster.stratum for cluster in tree})
    require(good, "groups", f"{where}: the numbers of strata aren't those of their values.")
    if rnd.number == 1 and case.is_whole(rnd):
        good = list(by_number) == list(range(len(by_number)))
        require(good, "groups", f"{where}: the strata aren't numbered from 0.")
    can, drawn = (sum(c[name] not in ("0", False) for c in clusters) for name in ("part", "drawn"))
    good = all(0 <= int(c["part"]) <= int(c["whole"]) != 0 for c in clusters)
    require(good, "probability", f"{where}: a cluster has no probability.")
    if facts["clusters"] != can or facts["drawn"] != drawn:
        raise Invalid("clusters_drawn", f"{where} has {drawn} drawn of {can} clusters.")


def value_order(value: str | None, kind: str) -> tuple[int, Any]:
    """Return what sorts a value of a type, NULL last."""
    if value is None:
        return (2, 0)
    if re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|INTEGER|UINTEGER|DECIMAL", kind):
        return (0, exact_number(value))
    if kind in ("DOUBLE", "FLOAT", "REAL"):
        double = float(value)
        return (1, 0) if math.isnan(double) else (0, double)
    return (0, value)


GroupKey = Callable[[dict[str, str | None]], tuple[Any, ...]]


def group_order(case: Case, of: list[tuple[str, dict[str, Any] | None]]) -> GroupKey:
    """Return what sorts groups by their keys, given their columns."""
    columns = []
    for column, bands in of:
        kind = case.types[column_name(case, column)]
        places = None if bands is None else {x: i for i, x in enumerate(band_labels(bands, kind))}
        columns.append((column, kind, places))

    def order(key: dict[str, str | None]) -> tuple[Any, ...]:
        result: list[tuple[int, Any]] = []
        for column, kind, places in columns:
            value = value_of(key, column)
            if value is None:
                result.append((2, 0))
            elif places is None:
                result.append(value_order(value, kind))
            else:
                require(value in places, "group_label", f"There is no band {value[:60]!r}.")
                result.append((0, places[value]))
        return tuple(result)

    return order


def value_of(key: dict[str, str | None], column: str) -> str | None:
    """Return a value of a key, whose names may differ in case from the parameters'."""
    found = [name for name in key if name == column or name.lower() == column.lower()]
    require(found, "groups", f"A group has no value of {column[:60]!r}.")
    return key[column if column in key else found[0]]


def band_labels(bands: dict[str, Any], kind: str) -> list[str]:
    if "labels" in bands:
        if len(bands["labels"]) != len(bands["breaks"]) + 1:
            raise Invalid("facts", "Bands and labels differ in number.")
        return list(bands["labels"])
    texts = []
    for value in bands["breaks"]:
        if re.match("DATE|TIME", kind):
            moment = datetime.fromisoformat(str(value))
            if moment.tzinfo:
                moment = moment.astimezone(UTC)
            clock = f"{moment:%H:%M:%S}" + (
                f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
            )
            texts.append(f"{moment.date()}" + ("" if clock == "00:00:00" else f" {clock}"))
        else:
            exact_number(value)  # bounds its size
            plain = f"{Decimal(str(value)):f}"
            head, _, tail = plain.partition(".")
            tail = tail.rstrip("0")
            texts.append(
                f"{int(head):,}".join(["-" if head == "-0" else "", "." + tail if tail else ""])
            )
    middle = [f"{a} to < {b}" for a, b in pairwise(texts)]
    return [f"< {texts[0]}", *middle, f"≥ {texts[-1]}"]


def group_chances(rnd: StatedRound) -> list[Fraction]:
    """Return the probability that each group is drawn: that of its cluster and subcluster."""
    facts, groups = rnd.facts, rnd.groups or []
    if not rnd.is_staged:
        plain = rnd.method == "cluster" and facts["clusters"]
        chance = Fraction(facts["drawn"], facts["clusters"]) if plain else Fraction(1)
        return [chance] * len(groups)
    chances = [Fraction(0)] * len(groups)
    clusters = clusters_of(rnd, [g["key"] for g in groups])
    for cluster, stated in zip(clusters, facts["first_stage"] or (), strict=False):
        first = Fraction(int(stated["part"]), int(stated["whole"]) or 1)
        for i in cluster.groups:
            chances[i] = first * cluster.second_chance(rnd)
    return chances


# --- clusters in strata, by size and in three stages ---

Key = dict[str, str | None]


@dataclass
class StagedCluster:
    """A cluster: the values of its columns, those of its stratum, and the places of its groups."""

    key: tuple[str | None, ...]
    stratum: tuple[str | None, ...]
    groups: list[int]

    def subclusters(self, rnd: StatedRound) -> int:
        """Return how many of its groups are drawn if the cluster is."""
        size = rnd.parameters.get("num_subclusters", len(self.groups))
        return min(whole(size), len(self.groups))

    def second_chance(self, rnd: StatedRound) -> Fraction:
        """Return the probability of a group, given that the cluster is drawn."""
        return Fraction(self.subclusters(rnd), len(self.groups))


def group_by(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    result: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        result[key(item)].append(item)
    return result


def key_values(rnd: StatedRound, key: Key) -> tuple[str | None, ...]:
    """Return the values of a cluster's key, in the order of its columns."""
    columns = group_columns(rnd)[: rnd.cluster_columns]
    names = {name.lower() for name in key}
    good = len(key) == len(columns) and names == {column.lower() for column, _ in columns}
    require(good, "groups", f"Round {rnd.number} has a cluster of other columns.")
    return tuple(value_of(key, column) for column, _ in columns)


def clusters_of(rnd: StatedRound, keys: list[Key]) -> list[StagedCluster]:
    """Return the clusters of groups, in the order of their values; each lies in one stratum."""
    columns = [column for column, _ in group_columns(rnd)[: rnd.cluster_columns]]
    found: dict[tuple[str | None, ...], StagedCluster] = {}
    for i, key in enumerate(keys):
        values = tuple(value_of(key, column) for column in columns)
        found.setdefault(values, StagedCluster(values, values[:-1], [])).groups.append(i)
    strata = group_by(found, lambda values: values[-1])
    twice = [value for value, places in strata.items() if len(places) > 1]
    require(
        not twice, "groups", f"Round {rnd.number}: the cluster {twice[:1]} lies in several strata."
    )
    return list(found.values())


def unit_ranks(
    case: Case, rnd: StatedRound, values: list[tuple[str | None, ...]], purpose: str
) -> list[int]:
    """Return the ranks of clusters or subclusters, given the values of their columns."""
    if rnd.order is None:
        return Order(len(values), f"{rnd.seed}:{purpose}").ranks(range(len(values)))
    columns = group_columns(rnd)[rnd.cluster_columns - 1 :]
    kinds = [case.types[column_name(case, column)] for column, _ in columns]
    texts = []
    for parts in values:
        require(None not in parts, "key_missing", f"A cluster of round {rnd.number} has no value.")
        texts.append(joined_key(map(value_text, (part or "" for part in parts), kinds)))
    seed = rnd.seed if purpose == "clusters" else f"{rnd.seed}:{purpose}"
    return KeyRanks(seed, rnd.order["start"]).ranks(texts)


def certain_clusters(line: list[int], sizes: list[int], count: int) -> list[int]:
    """Return the clusters whose probability would reach 1, the largest first."""
    total = sum(sizes[i] for i in line)
    certain: list[int] = []
    for i in sorted(line, key=lambda i: -sizes[i]):
        if len(certain) == count or sizes[i] * (count - len(certain)) < total:
            break
        certain.append(i)
        total -= sizes[i]
    return certain


def clusters_to_draw(rnd: StatedRound, whole_strata: list[int]) -> list[int]:
    """Return the clusters to draw of each stratum, given how many can be drawn."""
    count = whole(rnd.parameters["num_clusters"])
    if rnd.parameters.get("cluster_allocation", "each") == "each":
        return [min(count, all_) for all_ in whole_strata]
    total = min(count, sum(whole_strata))
    return share_out(total, whole_strata, [Fraction(n) for n in whole_strata], 2)


@dataclass
class RedrawnStages:
    """The first stage as a certificate lists it; rows to draw and probability of each group."""

    clusters: list[dict[str, Any]]
    sizes: list[int]
    chances: list[Fraction]


def draw_stages(
    case: Case,
    rnd: StatedRound,
    keys: list[Key],
    rows: list[int],
    numbers: list[int],
    sizes: list[int] | None,
) -> RedrawnStages:
    """Draw clusters in their strata, and subclusters in them.

    `keys` and `rows` are of the groups; `numbers`, of strata, and `sizes` of the clusters. A size
    of None means equal probabilities.
    """
    clusters = clusters_of(rnd, keys)
    good = len(numbers) == len(clusters) == len(numbers if sizes is None else sizes)
    require(good, "groups", f"Round {rnd.number} has {len(clusters)} clusters.")
    frame = [i for i in range(len(clusters)) if sizes is None or sizes[i]]
    ranks = dict(
        zip(
            frame,
            unit_ranks(case, rnd, [clusters[i].key[-1:] for i in frame], "clusters"),
            strict=True,
        )
    )
    strata = group_by(sorted(frame, key=lambda i: ranks[i]), lambda i: numbers[i])
    counts = clusters_to_draw(rnd, [len(strata[number]) for number in sorted(strata)])
    parts, wholes, drawn = _draw_clusters(rnd, strata, counts, sizes, len(clusters))
    names = [column_name(case, column) for column, _ in group_columns(rnd)[: rnd.cluster_columns]]
    listed = [
        {
            "key": dict(zip(names, cluster.key, strict=True)),
            "stratum": numbers[i],
            "size": None if sizes is None else str(sizes[i]),
            "part": str(parts[i]),
            "whole": str(wholes[i]),
            "drawn": i in drawn,
        }
        for i, cluster in enumerate(clusters)
    ]
    chances = [Fraction(0)] * len(keys)
    for i, cluster in enumerate(clusters):
        for group in cluster.groups:
            chances[group] = Fraction(parts[i], wholes[i]) * cluster.second_chance(rnd)
    return RedrawnStages(listed, _rows_of_stages(case, rnd, clusters, keys, rows, drawn), chances)


def _draw_clusters(
    rnd: StatedRound,
    strata: dict[int, list[int]],
    counts: list[int],
    sizes: list[int] | None,
    clusters: int,
) -> tuple[list[int], list[int], set[int]]:
    """Draw clusters in each stratum; their chances are the first list by the second one."""
    parts, wholes, drawn = [0] * clusters, [1] * clusters, set()
    starts = Order(1 << 62, rnd.seed + ":cluster starts", 62)
    for number, count in zip(sorted(strata), counts, strict=True):
        line = strata[number]
        if sizes is None:
            drawn.update(line[:count])
            for i in line:
                parts[i], wholes[i] = count, len(line)
            continue
        certain = set(certain_clusters(line, sizes, count))
        drawn.update(certain)
        for i in certain:
            parts[i] = 1
        others = [i for i in line if i not in certain]
        left, total = count - len(certain), sum(sizes[i] for i in others)
        point, before = starts.ordinal(number) * total >> 62, 0
        for i in others if left else ():
            parts[i], wholes[i] = left * sizes[i], total
            before += left * sizes[i]
            if point < before:
                drawn.add(i)
                point += total
    return parts, wholes, drawn


def _rows_of_stages(
    case: Case,
    rnd: StatedRound,
    clusters: list[StagedCluster],
    keys: list[Key],
    rows: list[int],
    drawn: set[int],
) -> list[int]:
    """Return the rows to draw of each group."""
    result, ranks = [0] * len(rows), [0] * len(rows)
    if "num_subclusters" in rnd.parameters:
        columns = [column for column, _ in group_columns(rnd)[rnd.cluster_columns - 1 :]]
        values = [tuple(value_of(key, column) for column in columns) for key in keys]
        ranks = unit_ranks(case, rnd, values, "subclusters")
    for i in drawn:
        line = sorted(clusters[i].groups, key=lambda group: ranks[group])
        for group in line[: clusters[i].subclusters(rnd)]:
            result[group] = rows_inside(rnd, rows[group])
    return result


def rows_inside(rnd: StatedRound, rows: int) -> int:
    """Return the rows to draw of a drawn cluster or subcluster."""
    given = rnd.parameters
    if "samples_per_cluster" in given:
        return min(rows, whole(given["samples_per_cluster"]))
    if "sample_percentage" in given:
        return max(1, round_half_up(exact_number(given["sample_percentage"]) * rows / 100))
    return rows


def size_units(value: str | None, kind: str) -> int:
    """Return a row's part of its cluster's size, in units; a missing one is 0."""
    if value is None:
        return 0
    if kind in ("DOUBLE", "FLOAT", "REAL"):
        number = real(value, kind) or 0.0
        require(math.isfinite(number), "facts", "A size is infinite.")
        units = round(number * 1e6) if number * 1e6 < 1e38 else 0  # a half to the even number
    else:
        scale = DECIMAL_TYPE.fullmatch(kind)
        units = int(exact_number(value) * 10 ** (int(scale[1]) if scale else 0))
    require(units >= 0, "facts", f"The size {value[:40]} is negative.")
    return units


def check_stages(rnd: StatedRound, drawn: RedrawnStages) -> None:
    """Compare the clusters of a round with those that its seed draws."""
    where, facts, clusters = f"Round {rnd.number}", rnd.facts, drawn.clusters
    stated = clusters if facts["first_stage"] is None else facts["first_stage"]
    codes = {"stratum": "groups", "size": "facts", "drawn": "clusters_drawn"}
    good = len(stated) == len(clusters) == facts["first_stage_count"]
    require(good, "groups", f"{where} has {len(clusters)} clusters.")
    for name in ("stratum", "size", "drawn", "part", "whole"):
        for mine, due in zip(stated, clusters, strict=True):
            if mine[name] != due[name]:
                label = quoted_label(due["key"].values())[:60]
                raise Invalid(
                    codes.get(name, "probability"),
                    f"{where}: the cluster {label!r} has `{name}` {due[name]}.",
                )
    good = canonical_hash(clusters) == facts["first_stage_sha256"]
    require(good, "clusters_drawn", f"{where}: the clusters are others.")
    can = sum(each["part"] != "0" for each in clusters)
    good = facts["clusters"] == can and facts["drawn"] == sum(each["drawn"] for each in clusters)
    require(good, "clusters_drawn", f"{where}: the numbers of clusters are others.")


def fact_sizes(rnd: StatedRound) -> list[int] | None:
    """Return the sizes of the clusters: their rows, or those that the certificate states."""
    how = rnd.parameters.get("cluster_probability", "equal")
    groups, stated = rnd.groups or [], rnd.facts["first_stage"] or []
    if how == "equal":
        return None
    if how == "rows":
        clusters = clusters_of(rnd, [g["key"] for g in groups])
        return [sum(groups[i]["rows"] for i in cluster.groups) for cluster in clusters]
    good = all(c["size"] is not None for c in stated)
    require(good, "facts", f"Round {rnd.number}: a cluster has no size.")
    return [int(c["size"]) for c in stated]


def fact_probabilities(rnd: StatedRound) -> list[Fraction | None]:
    """Return the probabilities that follow from the facts; None where one doesn't."""
    facts, n = rnd.facts, rnd.rows
    if rnd.method in ("random", "reservoir"):
        return [Fraction(n, rnd.eligible)] * n if n else []
    if rnd.method == "systematic":
        require(int(facts["step"]) > 0 or not n, "facts", "The step is 0.")
        return [Fraction(int(facts["parts"]), int(facts["step"]))] * n if n else []
    if rnd.has_groups:
        if rnd.groups is None or rnd.labels is None:
            return [None] * n
        by_label = {
            g["label"]: first * Fraction(g["allocated"], g["rows"])
            for g, first in zip(rnd.groups, group_chances(rnd), strict=True)
        }
        return [by_label[label] for label in rnd.labels]
    certain = facts["take_all"] if rnd.method == "weighted" else facts["take_all"]["rows"]
    require(certain <= n, "facts", f"Round {rnd.number} has more take-all rows than rows.")
    return [Fraction(1)] * certain + [None] * (n - certain)


def check_probabilities(case: Case, rnd: StatedRound) -> None:
    """Check probabilities and weights as far as they follow from the facts."""
    where = f"round {rnd.number}"
    probabilities, weights = rnd.probabilities, rnd.weights
    if probabilities is None or weights is None:
        raise NotCheckable("nobody gave them: sample.csv has them")
    units = rnd.method == "monetary_unit"
    fixed = rnd.parameters.get("selection", "fixed_interval") == "fixed_interval"
    parts, step = (int(rnd.facts[name]) for name in ("parts", "step")) if units else (0, 0)
    unknown = False
    for i, exact in enumerate(fact_probabilities(rnd)):
        p, w = probabilities[i], weights[i]
        require(0 < p <= 1, "probability", f"Row {i + 1} of {where} has the probability {p}.")
        if exact is not None and not close(p, exact):
            raise Invalid("probability", f"Row {i + 1} of {where} has {p}, not {exact}.")
        unknown = unknown or exact is None
        if not units or fixed or exact is not None:
            require(close(w, 1 / p), "weights", f"Row {i + 1} of {where} has {w}, not {1 / p}.")
        elif rnd.hits is not None:
            amount = rnd.hits[i] * step / (w * parts)
            good = amount > 0.5 and close(amount, round(amount), 1e-9)
            require(good, "weights", f"Row {i + 1} of {where}: the weight isn't that of an amount.")
        if units and fixed and exact is None:
            amount = p * step / parts
            if not close(amount, round(amount), 1e-9):
                raise Invalid("probability", f"Row {i + 1} of {where}: no amount has {p}.")
    if rnd.has_groups and rnd.groups is not None and rnd.labels is None:
        total = sum(g["sampled"] for g in rnd.groups)
        require(total == rnd.rows, "sum_allocated", f"Σ sampled of {where} isn't {rnd.rows}.")
        wanted: list[float] = []
        for g, first in zip(rnd.groups, group_chances(rnd), strict=True):
            wanted += [float(first * Fraction(g["allocated"], g["rows"]))] * g["sampled"]
        pairs = zip(sorted(wanted), sorted(probabilities), strict=True)
        if not all(close(a, b) for a, b in pairs):
            raise Invalid("probability", f"Those of {where} aren't those of its groups.")
    sizes = rnd.method in ("random", "reservoir") or (
        rnd.method == "systematic" and "sample_size" in rnd.parameters
    )
    if rnd.method == "stratified" and rnd.groups is not None:
        sizes = all(g["allocated"] for g in rnd.groups)
    if sizes and rnd.rows and not close(math.fsum(weights), rnd.eligible, 1e-9):
        raise Invalid(
            "sum_of_weights",
            f"Those of {where} add up to {math.fsum(weights)}, not {rnd.eligible}.",
        )
    if unknown and (rnd.method == "weighted" or units) and not case.files.get("data"):
        case.report.claimed(
            "L0", f"the probabilities of {where}, which don't follow from the facts alone"
        )


def check_amounts(rnd: StatedRound) -> None:
    """Check the sums of a monetary unit or weighted round."""
    facts, where = rnd.facts, f"Round {rnd.number}"
    if rnd.method == "weighted":
        if (facts["decimals"] is None) == (facts["exponent"] is None):
            raise Invalid("facts", f"{where} has two units or none.")
        if not (facts["take_all"] <= rnd.rows <= facts["rows"] <= rnd.eligible):
            raise Invalid("facts", f"{where}: rows contradict.")
        return
    rows = (
        facts["positive"]["rows"]
        + facts["negative"]["rows"]
        + facts["zero_rows"]
        + facts["missing_rows"]
    )
    if rows != rnd.eligible:
        raise Invalid(
            "eligible_rows", f"{where}: the populations have {rows} rows, not {rnd.eligible}."
        )
    audited = rnd.parameters.get("population", "positive")
    used = [facts[name] for name in ("positive", "negative") if audited in (name, "absolute")]
    total = sum(abs(int(amount["total"])) for amount in used)
    units, certain = int(facts["units"]), facts["take_all"]
    good = total == units + abs(int(certain["total"])) and certain["rows"] <= sum(
        amount["rows"] for amount in used
    )
    if not good:
        raise Invalid(
            "sum_of_amounts",
            f"{where}: the units and take-all amounts aren't the population's total.",
        )
    if rnd.hits is not None:
        if not all(h == 1 for h in rnd.hits[: certain["rows"]]):
            raise Invalid("sample_row", f"{where}: a take-all row has more hits.")
        hits = sum(rnd.hits[certain["rows"] :])
        if hits != facts["selected"]:
            raise Invalid("facts", f"{where}: the rows have {hits} selected units.")


def names_draws(case: Case) -> bool:
    """Tell whether the manifest states the `source_draw`: keyed rounds without earlier rows."""
    lacks = case.table["left_out"] is not None and "left_out_by" in case.table
    return lacks and any(rnd.order for rnd in case.rounds)


def check_seeds(case: Case) -> None:
    """Check that the effective seeds follow from the seeds."""
    source = case.population["source_draw"]
    if names_draws(case):
        due = case.table["left_out_by"]["source_draw"]
        good = source == due
        require(good, "source_draw", f"By the manifest's left_out_by it is {due}, not {source}.")
    for given, rnd in zip(case.predicate["rounds"], case.rounds, strict=True):
        expected = given["seed"]
        if case.version == 2:
            expected += f":from-{source}" if source is not None else ""
            expected += f":round-{rnd.number}" if rnd.number > 1 else ""
        if rnd.seed != expected:
            raise Invalid(
                "effective_seed",
                f"Round {rnd.number} has {rnd.seed[:80]!r}, not {expected[:80]!r}.",
            )
        if case.predicate["seed_origin"]["kind"] == "entropy":
            good = re.fullmatch("0|[1-9][0-9]{0,15}", given["seed"]) and int(given["seed"]) < SAFE
            require(good, "entropy_seed", f"Round {rnd.number} has no number below 2^53.")


def by_points(rnd: StatedRound) -> bool:
    """Whether points at equal distances select rows by their weights."""
    return rnd.method == "weighted" and rnd.parameters.get("selection") == "systematic"


SORTABLE = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DECIMAL.*|DOUBLE|FLOAT|VARCHAR|BOOLEAN|UUID"
)


def check_sortable(rnd: StatedRound, name: str, kind: str, values: Row) -> None:
    """Raise NotCheckable if texts of a type, or these dates, may not sort as their values do."""
    dated = re.match("DATE|TIMESTAMP", kind)
    years = all(value is None or re.match(r"[0-9]{4}-[^(]*$", value) for value in values)
    if not (SORTABLE.fullmatch(kind) or (dated and years)):
        raise NotCheckable(f"round {rnd.number} is sorted by {name}, of a type unknown here")


def check_keys(case: Case) -> None:
    """Check that keyed orders fit the table and their methods."""
    keyed = [rnd for rnd in case.rounds if rnd.order is not None]
    due = KEYED if keyed else POSITIONS
    good = case.predicate["engine"]["order_version"] == due
    require(good, "order_version", f"The newest order of the rounds is {due}.")
    for rnd in keyed:
        where, key = f"Round {rnd.number}", rnd.order["key"] if rnd.order else []
        along_line = by_points(rnd) or rnd.method in ("systematic", "monetary_unit")
        good = not along_line and case.version == 2
        require(good, "order_key", f"{where}: {rnd.method} has no keyed order.")
        for column in key:
            known = case.types.get(column["name"])
            if column["type"].upper() != known:
                raise Invalid(
                    "order_key",
                    f"{where}: the table has {column['name'][:60]!r} of the type {known}, not "
                    f"{column['type'][:40]}.",
                )
            if not can_be_in_key(column["type"]):
                raise Invalid("order_key", f"{where}: a {column['type'][:40]} can't be in a key.")
        require(len(set(rnd.key)) == len(key), "order_key", f"{where}: a column stands twice.")
        good = rnd.method == "stratified" or "starts" not in (rnd.order or {})
        require(good, "order_key", f"{where}: only strata have starts of their own.")
        if rnd.method == "cluster":
            stages = {"samples_per_cluster", "sample_percentage"} & set(rnd.parameters)
            good = not (stages and rnd.orders_clusters_alone)
            require(good, "order_key", f"{where}: rows of clusters are drawn by another key.")
            for column, _ in group_columns(rnd)[rnd.cluster_columns - 1 :]:
                kind = case.types[column_name(case, column)]
                good = can_be_in_key(kind)
                require(good, "order_key", f"{where}: clusters of a {kind[:40]} have no key.")


def order_in_words(rnd: StatedRound) -> str:
    """Return the keyed order of a round as a sentence's end."""
    assert rnd.order is not None
    columns = ", ".join(f"{each['name']} ({each['type']})" for each in rnd.order["key"])
    start = rnd.order["start"]
    if rnd.orders_clusters_alone:
        words = f"clusters stand in the order of the digests of their values, {columns}"
    else:
        words = f"rows stand in the order of the digests of their keys, {columns}"
        words += ", and clusters by those of their values" if rnd.method == "cluster" else ""
    words += f", from the place {start}" if Fraction(start) else ""
    if rnd.order.get("starts"):
        own = (f"{label[:60]} {place}" for label, place in list(rnd.order["starts"].items())[:10])
        more = " …" if len(rnd.order["starts"]) > 10 else ""
        words += f", and in strata from places of their own ({'; '.join(own)}{more})"
    return words + (", equal keys numbered" if rnd.numbers_keys else "")


def stages_in_words(rnd: StatedRound) -> str:
    """Return how the clusters of a round were drawn as a sentence's end."""
    given, facts = rnd.parameters, rnd.facts
    chances = {"rows": ", by their rows", "size": f", by the sums of {given.get('size_column')}"}
    words = f"{facts['drawn']} of {facts['clusters']} clusters ({given['cluster_column']})"
    if "strata_columns" in given:
        strata = [column for column, _ in group_columns(rnd)[: rnd.cluster_columns - 1]]
        words += f" in strata ({', '.join(strata)})"
    words += chances.get(given.get("cluster_probability", "equal"), ", with equal probabilities")
    if "subcluster_column" in given:
        words += f"; {given['num_subclusters']} subclusters ({given['subcluster_column']}) in each"
    return words


def check_eligible(case: Case) -> None:
    """Check the eligible rows of rounds without a filter, and bounds for the others."""
    before = 0
    for rnd in case.rounds:
        most = case.population["rows"] - before
        good = rnd.eligible == most if rnd.filter is None else rnd.eligible <= most
        if not (good and rnd.rows <= rnd.eligible):
            raise Invalid("eligible_rows", f"Round {rnd.number} has {rnd.eligible} of {most}.")
        before += rnd.rows
        reserves = "pareto" if rnd.method in ("weighted", "monetary_unit") else "next_in_order"
        whole_clusters = rnd.method == "cluster" and not {
            "samples_per_cluster",
            "sample_percentage",
        } & set(rnd.parameters)
        if rnd.method == "systematic" or by_points(rnd) or whole_clusters:
            reserves = "none"
        if rnd.reserves != reserves:
            raise Invalid("facts", f"Round {rnd.number} has the reserves {rnd.reserves!r}.")


def check_data_member(case: Case) -> None:
    passes = [rnd.number for rnd in case.rounds if rnd.filter is not None]
    require(case.predicate["data"]["passes"] == passes, "data_columns", f"`passes` isn't {passes}.")
    columns = case.predicate["data"]["columns"]
    require(len(set(columns)) == len(columns), "data_columns", "A column stands twice.")
    needed = {column_name(case, name) for rnd in case.rounds for name in round_columns(rnd)}
    if not (needed <= set(columns) <= set(case.types)):
        raise Invalid("data_columns", "`columns` lacks one that a round needs.")


def round_columns(rnd: StatedRound) -> list[str]:
    """Return the columns that a round's draw reads."""
    names = [column for column, _ in group_columns(rnd)] if rnd.has_groups else []
    optional = (
        *("weight_column", "book_column", "allocation_column", "cost_column"),
        *("rate_column", "size_column"),
    )
    names += rnd.parameters.get("sort_columns", [])
    return names + rnd.key + [rnd.parameters[name] for name in optional if name in rnd.parameters]


def check_replacements(case: Case) -> None:
    """Check rows and times of the replacements; L1 and L2 check their order."""
    drawn: dict[int, set[int]] = {r.number: set(r.drawn()) for r in case.rounds}
    every = set().union(*drawn.values())
    gone: set[int] = set()
    came: set[int] = set()
    latest = ""
    for i, item in enumerate(case.predicate["replacements"], 1):
        number, out, new = item["round_number"], item["ordinal_out"], item["ordinal_in"]
        require(number in drawn, "replacement_row", f"Replacement {i} is of round {number}.")
        if not (out in drawn[number] and out not in gone):
            raise Invalid("replacement_row", f"Replacement {i}: {out} isn't in the round.")
        good = new < case.file_rows and new not in every and new not in came
        require(good, "replacement_row", f"Replacement {i}: {new} was drawn before, or is no row.")
        if latest > item["recorded_at"]:
            raise Invalid("replacement_time", f"Replacement {i} is earlier than the one before.")
        if case.rounds[number - 1].reserves == "none":
            raise Invalid("replacement_row", f"Round {number} has no reserves.")
        latest = item["recorded_at"]
        gone.add(out)
        came.add(new)
        drawn[number].add(new)
    issue = case.predicate["issue"]
    good = issue <= 1 + len(case.predicate["replacements"])
    require(good, "facts", f"Issue {issue} needs as many replacements, less one.")


# --- sizes and allocations ---


def wanted_size(parameters: dict[str, Any], eligible: int) -> int:
    """Return the rows that a size or a fraction asks for."""
    if "sample_fraction" in parameters:
        return min(eligible, round_half_up(exact_number(parameters["sample_fraction"]) * eligible))
    require("sample_size" in parameters, "facts", "A round has no size.")
    return min(eligible, whole(parameters["sample_size"]))


def share_out(size: int, rows: list[int], weights: list[Fraction], least: int) -> list[int]:
    """Share a size out by weights, at least `least` and at most all rows of each group."""
    if not any(weights):
        weights = [Fraction(r) for r in rows]
    low = [min(least, r) for r in rows]
    if sum(low) > size:
        raise Invalid("allocation", "The least rows of all groups are more than the sample.")
    free = [i for i, w in enumerate(weights) if w > 0]
    rest = size - sum(low)
    if rest > sum(
        rows[i] - low[i] for i in free
    ):  # groups of weight 0 give what the others don't have
        none = [i for i, w in enumerate(weights) if w == 0]
        left = size - sum(rows[i] for i in free)
        more = share_out(left, [rows[i] for i in none], [Fraction(rows[i]) for i in none], least)
        extra = dict(zip(none, more, strict=True))
        return [extra.get(i, r) for i, r in enumerate(rows)]
    target = size - sum(low[i] for i in range(len(rows)) if weights[i] == 0)
    scale = _scale(target, [(weights[i], low[i], rows[i]) for i in free])
    result, remainders = list(low), []
    for i in free:
        share = min(max(scale * weights[i], Fraction(low[i])), Fraction(rows[i]))
        result[i] = math.floor(share)
        remainders.append((-(share - result[i]), -share, i))
    for _, _, i in sorted(remainders)[: size - sum(result)]:
        result[i] += 1
    return result


def _scale(target: int, groups: list[tuple[Fraction, int, int]]) -> Fraction:
    """Find the factor of the weights at which the bounded shares add up to the target."""
    scale = Fraction(target) / sum(w for w, _, _ in groups) if groups else Fraction(0)
    if all(low <= scale * w <= high for w, low, high in groups):
        return scale  # no bound matters
    events = sorted(
        [(Fraction(low) / w, w) for w, low, _ in groups]
        + [(Fraction(high) / w, -w) for w, _, high in groups]
    )
    total, slope, at = Fraction(sum(low for _, low, _ in groups)), Fraction(0), Fraction(0)
    for place, change in events:
        if slope and total + slope * (place - at) >= target:
            return at + (target - total) / slope
        total, at, slope = total + slope * (place - at), place, slope + change
    return at


def _plain(label: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3})", "", re.sub(r"\s", "", label)).replace(">=", "≥")


def named_groups(names: Iterable[str], labels: list[str]) -> dict[int, str]:
    """Return the places of the groups that are named by their labels; a band may have no rows."""
    exact: dict[str, list[int]] = defaultdict(list)
    loose: dict[str, list[int]] = defaultdict(list)
    for i, label in enumerate(labels):
        exact[label].append(i)
        loose[_plain(label)].append(i)
    result = {}
    for name in names:
        if found := exact.get(name) or loose.get(_plain(name)):
            require(len(found) == 1, "allocation", f"{name[:60]!r} fits several groups.")
            result[found[0]] = name
    return result


def named_sizes(sizes: dict[str, Any], labels: list[str], rows: list[int]) -> list[int]:
    """Return the rows of each group by its label."""
    result = [0] * len(labels)
    for i, name in named_groups(sizes, labels).items():
        size, have = sizes[name], rows[i]
        if size == "all":
            result[i] = have
        elif isinstance(size, str) and "%" in size:
            share = exact_number(size.rstrip("% ").replace(",", ".")) / 100
            result[i] = min(have, round_half_up(share * have))
        else:
            result[i] = min(have, whole(size))
    return result


def has_guesses(given: dict[str, Any]) -> bool:
    """Tell whether sizes of strata follow from guessed rates."""
    return "rate_column" in given or "rates" in given


def guessed_spread(
    given: dict[str, Any], rows: list[int], labels: list[str], rates: list[float]
) -> list[Fraction]:
    """Return rows times √(r(1 - r)); for a recall R also times 1 - R where flagged, R elsewhere."""
    factors = [1.0] * len(rows)
    if given["allocation"] == "recall":
        flagged = named_groups(given["flagged"], labels)
        bad = [n * r for n, r in zip(rows, rates, strict=True)]
        recall = math.fsum(bad[i] for i in flagged) / (math.fsum(bad) or 1.0)
        factors = [1.0 - recall if i in flagged else recall for i in range(len(rows))]
    return [
        Fraction(n * (factor * math.sqrt(r * (1.0 - r))))
        for n, factor, r in zip(rows, factors, rates, strict=True)
    ]


def strata_sizes(
    rnd: StatedRound, rows: list[int], labels: list[str], spread: list[Fraction] | None
) -> list[int] | None:
    """Return the rows to draw of each stratum; None if they need the data."""
    given = rnd.parameters
    if "sizes" in given:
        return named_sizes(given["sizes"], labels, rows)
    if "samples_per_stratum" in given:
        per_stratum = whole(given["samples_per_stratum"])
        taken = taken_whole(given, labels)
        return [r if i in taken else min(per_stratum, r) for i, r in enumerate(rows)]
    allocation = given.get("allocation", "proportional")
    weights = {"proportional": [Fraction(r) for r in rows], "equal": [Fraction(1)] * len(rows)}.get(
        allocation, spread
    )
    if "rates" in given:
        rates, named = [0.0] * len(rows), named_groups(given["rates"], labels)
        require(len(named) == len(rows), "allocation", "A stratum has no rate.")
        for i, name in named.items():
            rates[i] = float(given["rates"][name])
            require(0 <= rates[i] <= 1, "allocation", f"{rates[i]} is no rate.")
        weights = guessed_spread(given, rows, labels, rates)
    if weights is None:
        return None
    least = max(whole(given.get("min_per_stratum", 0)), 2 if has_guesses(given) else 0)
    rest = [i for i in range(len(rows)) if i not in taken_whole(given, labels)]
    size = wanted_size(given, sum(rows[i] for i in rest))
    shares = [weights[i] for i in rest]
    if allocation == "amount" and any(shares):
        shares = [Fraction(round(share / max(shares) * (1 << 40))) for share in shares]
    shared = share_out(size, [rows[i] for i in rest], shares, least)
    sizes = dict(zip(rest, shared, strict=True))
    return [sizes.get(i, r) for i, r in enumerate(rows)]


def taken_whole(given: dict[str, Any], labels: list[str]) -> set[int]:
    """Return the places of the strata of which all rows are drawn."""
    return set(named_groups(given.get("take_all", ()), labels))


def first_clusters(case: Case, rnd: StatedRound, values: list[str | None]) -> list[int]:
    """Return the places of the drawn clusters, whose values are given in their order."""
    count = min(whole(rnd.parameters["num_clusters"]), len(values))
    ranks = unit_ranks(case, rnd, [(value,) for value in values], "clusters")
    return sorted(range(len(values)), key=ranks.__getitem__)[:count]


def cluster_sizes(
    case: Case, rnd: StatedRound, rows: list[int], values: list[str | None]
) -> list[int]:
    """Return the rows to draw of each cluster, 0 for those that aren't drawn."""
    result = [0] * len(rows)
    for i in first_clusters(case, rnd, values):
        result[i] = rows_inside(rnd, rows[i])
    return result


# --- L1 ---


def sampled_order(case: Case, rnd: StatedRound, bits: int | None = None) -> RowOrder | str:
    """Return the order of the drawn rows, or why their keys aren't known without the data."""
    if not rnd.has_row_keys:
        return Order(case.file_rows, rnd.seed, bits)
    if rnd.numbers_keys:
        return "equal keys are numbered, and the numbers follow from the data alone"
    if rnd.sample_rows is None or not set(rnd.key) <= set(case.shown):
        return f"the keys of its rows: sample.csv doesn't show {', '.join(rnd.key)}"
    columns = [(case.shown.index(name), case.types[name]) for name in rnd.key]
    texts = {}
    for ordinal, row in zip(rnd.drawn(), rnd.sample_rows, strict=True):
        values = [(row[at], kind) for at, kind in columns]
        if all(value is None for value, _ in values) and len(case.rounds) > 1:
            return "the keys of its rows: sample.csv doesn't show them"
        for value, _ in values:
            require(value is not None, "key_missing", f"Row {ordinal} has no key.")
        texts[ordinal] = joined_key(value_text(value or "", kind) for value, kind in values)
    twice = [key for key, count in Counter(texts.values()).items() if count > 1]
    require(not twice, "key_not_unique", f"Rows of round {rnd.number} share the key {twice[:1]}.")
    labels = dict(zip(rnd.drawn(), rnd.labels or (), strict=False))
    return KeyedTable(rnd.key_ranks(), texts, rnd.row_starts(labels))


def ascending(ranks: list[Place], where: str) -> None:
    for place, (a, b) in enumerate(pairwise(ranks), 2):
        if a >= b:
            keyed = ": its rows aren't in the order of their keys by seed and start"
            raise Invalid(
                "order_violated",
                f"The ranks of {where} don't ascend at place {place}"
                f"{keyed if isinstance(a, tuple) else ''}.",
            )


def check_order(case: Case, rnd: StatedRound) -> None:
    """Check a round's order and sizes as far as facts allow."""
    ordinals, where = rnd.drawn(), f"round {rnd.number}"
    for name, most in (("sample_fraction", 1), ("sample_percentage", 100), ("interval", None)):
        if name in rnd.parameters:
            value = exact_number(str(rnd.parameters[name]))
            good = value > 0 and (most is None or value <= most)
            require(good, "facts", f"{where}: `{name}` is out of range.")
    bits = 62 if rnd.method == "weighted" and case.version == 2 else None
    order = sampled_order(case, rnd, bits)
    if isinstance(order, str):
        _check_sizes(case, rnd, where)
        raise NotCheckable(f"the order of {where}: {order}")
    if rnd.method in ("random", "reservoir"):
        _check_sizes(case, rnd, where)
        ranks = order.ranks(ordinals)
        last = None if not ranks else str(max(ranks))
        ascending(order.places(ordinals), where)
        if case.is_whole(rnd) and isinstance(order, Order):
            before = case.before(rnd)
            for place, (mine, due) in enumerate(
                zip(ordinals, (i for i in order.walk() if i not in before), strict=False), 1
            ):
                if mine != due:
                    raise Invalid(
                        "order_violated", f"Row {place} of {where} is {mine}; the order has {due}."
                    )
        require(rnd.facts["last_rank"] == last, "last_rank", f"That of {where} is {last}.")
    elif rnd.has_groups:
        ascending(order.places(ordinals), where)
        _check_sizes(case, rnd, where)
        _check_last_ranks(rnd, order.ranks(ordinals), where)
    elif rnd.method == "systematic":
        _check_grid(case, rnd, ordinals, where)
    elif rnd.method == "weighted":
        _check_sizes(case, rnd, where)
        ascending(order.places(ordinals[: rnd.facts["take_all"]]), f"take-all rows of {where}")
    else:
        ascending(
            order.places(ordinals[: rnd.facts["take_all"]["rows"]]), f"take-all rows of {where}"
        )
        _check_units(rnd, where)


def _check_sizes(case: Case, rnd: StatedRound, where: str) -> None:
    """Check the rows to draw of a round, and of its groups, given the facts."""
    if rnd.has_groups:
        _check_group_sizes(case, rnd, where)
        return
    weighted = rnd.method == "weighted"
    most = rnd.facts["rows"] if weighted else rnd.eligible
    size = wanted_size(rnd.parameters, most)
    if rnd.rows != size:
        raise Invalid("sample_size", f"{size} rows are to be drawn in {where}, not {rnd.rows}.")


def _check_group_sizes(case: Case, rnd: StatedRound, where: str) -> None:
    groups = rnd.groups
    if rnd.method == "cluster" and not rnd.is_staged:
        count = rnd.facts["groups_count"]
        drawn = min(whole(rnd.parameters["num_clusters"]), count)
        good = rnd.facts["clusters"] == count and rnd.facts["drawn"] == drawn
        require(good, "clusters_drawn", f"{where}: {drawn} of {count} clusters are to be drawn.")
    if groups is None:
        raise NotCheckable(f"the groups of {where} aren't listed")
    rows, labels = [g["rows"] for g in groups], [g["label"] for g in groups]
    columns = group_columns(rnd)
    sizes: list[int] | None
    if rnd.is_staged:
        numbers = [cluster["stratum"] for cluster in rnd.facts["first_stage"] or ()]
        keys = [g["key"] for g in groups]
        stages = draw_stages(case, rnd, keys, rows, numbers, fact_sizes(rnd))
        check_stages(rnd, stages)
        sizes = stages.sizes
        _claim_sizes(case, rnd, where)
    elif rnd.method == "cluster":
        sizes = cluster_sizes(case, rnd, rows, [value_of(g["key"], columns[0][0]) for g in groups])
    else:
        sizes = strata_sizes(rnd, rows, labels, None)
    for g, size in zip(groups, sizes or [], strict=False):
        if g["allocated"] != size:
            code = (
                "clusters_drawn"
                if rnd.method == "cluster" and not (g["allocated"] and size)
                else "allocation"
            )
            raise Invalid(code, f"{where}: {size} rows are to be drawn of {g['label'][:60]!r}.")
    taken = sum(rows[i] for i in taken_whole(rnd.parameters, labels)) if sizes is None else 0
    if sizes is None and rnd.rows != taken + wanted_size(rnd.parameters, rnd.eligible - taken):
        raise Invalid("sample_size", f"{where} has another size.")


def _claim_sizes(case: Case, rnd: StatedRound, where: str) -> None:
    """Say what of a selection by size the data alone show."""
    if rnd.parameters.get("cluster_probability", "equal") == "equal" or "data" in case.files:
        return
    if "size_column" in rnd.parameters:
        case.report.claimed("L1", f"the sizes of the clusters of {where}: the data show them")
    if "strata_columns" in rnd.parameters and not (rnd.number == 1 and case.is_whole(rnd)):
        case.report.claimed("L1", f"the numbers of the strata of {where}: the data show them")


def _check_last_ranks(rnd: StatedRound, ranks: list[int], where: str) -> None:
    given = {g["label"]: g["last_rank"] for g in rnd.groups or []}
    if rnd.labels is not None:
        found = {label: str(rank) for rank, label in zip(ranks, rnd.labels, strict=True)}
        for label, last in given.items():
            if found.get(label) != last:
                raise Invalid(
                    "last_rank", f"{where}: that of {label[:60]!r} is {found.get(label)}."
                )
    else:
        known = {str(rank) for rank in ranks}
        lasts = [last for last in given.values() if last is not None]
        good = (
            set(lasts) <= known
            and len(set(lasts)) == len(lasts)
            and (not ranks or str(ranks[-1]) in lasts)
        )
        require(good, "last_rank", f"{where}: one isn't the rank of a drawn row.")


def _check_grid(case: Case, rnd: StatedRound, ordinals: list[int], where: str) -> None:
    given, eligible = rnd.parameters, rnd.eligible
    first, step, parts = (int(rnd.facts[name]) for name in ("first", "step", "parts"))
    if "interval" in given:
        due_step, due_parts = whole(given["interval"]), 1
        start = (
            whole(given["start"]) - 1
            if "start" in given
            else Order(due_step, rnd.seed + ":start").first()
        )
    else:
        due_step, due_parts = eligible, wanted_size(given, eligible)
        start = Order(eligible, rnd.seed + ":start").first() if eligible else 0
    good = (first, step, parts) == (start, due_step, due_parts) or (not eligible and not rnd.rows)
    require(
        good, "facts", f"{where}: first, step and parts are {start}, {due_step} and {due_parts}."
    )
    count = max(0, -((first - eligible * parts) // step)) if step else 0
    if rnd.rows != count:
        raise Invalid("sample_size", f"{count} rows are to be drawn in {where}, not {rnd.rows}.")
    if "sort_columns" in given:
        raise NotCheckable(f"the rows of {where} are sorted by columns, which the data have")
    if not all(a < b for a, b in pairwise(ordinals)):
        raise Invalid("order_violated", f"{where} isn't ascending.")
    shift = [d - i for i, d in enumerate(sorted(case.before(rnd)))]  # earlier rows make places move
    for k, mine in enumerate(ordinals):
        place = (first + k * step) // parts
        if case.is_whole(rnd):
            due = place + bisect_right(shift, place)
            if mine != due:
                raise Invalid(
                    "order_violated", f"Row {k + 1} of {where} is {mine}; the grid has {due}."
                )
        else:
            good = place <= mine < case.file_rows - (eligible - 1 - place)
            require(good, "order_violated", f"Row {k + 1} of {where} can't stand at place {place}.")


def selected_units(
    rnd: StatedRound, units: int, step: int, parts: int, count: int | None
) -> list[int]:
    """Return the selected units in the order of selection."""
    selection = rnd.parameters.get("selection", "fixed_interval")
    if not units or not parts:
        return []
    many = count if count is not None else -(-units // step)
    if many > MAX_STEPS:
        raise NotCheckable(f"more than {MAX_STEPS:,} units are selected")
    if selection == "random":
        return Order(units, rnd.seed + ":units").take(many)
    if selection == "cell":
        ranks = Order(step, rnd.seed + ":cells", 62).ranks(range(many))
        found = ((k * step + step * rank // 2**62) // parts for k, rank in enumerate(ranks))
    else:
        start = Order(step, rnd.seed + ":start").first()
        found = ((k * step + start) // parts for k in range(many))
    return [unit for unit in found if unit < units]


def money_interval(rnd: StatedRound, decimals: int) -> Fraction | None:
    given = rnd.parameters
    return exact_number(given["interval"]) * 10**decimals if "interval" in given else None


def _check_units(rnd: StatedRound, where: str) -> None:
    facts = rnd.facts
    units, step, parts, selected = (
        int(facts["units"]),
        int(facts["step"]),
        int(facts["parts"]),
        facts["selected"],
    )
    interval = money_interval(rnd, facts["decimals"])
    if interval is None:
        wanted = max(0, whole(rnd.parameters["sample_size"]) - facts["take_all"]["rows"])
        good = (step, parts) == (units, wanted) or not units
        require(good, "facts", f"{where}: step and parts aren't {units} and {wanted}.")
        if selected != (wanted if units else 0):
            raise Invalid("facts", f"{where}: {wanted} units are to be selected.")
        return
    if not (step == interval and parts == 1):
        raise Invalid("facts", f"{where}: the step isn't {interval}, or parts 1.")
    count = len(selected_units(rnd, units, step, parts, None))
    if selected != count:
        raise Invalid("facts", f"{where}: {count} units are to be selected, not {selected}.")


Reserves = Callable[[StatedRound, str | None], Iterator[int] | None]


def follow_replacements(case: Case, reserves: Reserves) -> int:
    """Check each replacement against its line of reserves; return how many have no line."""
    lines: dict[tuple[int, str | None], Iterator[int] | None] = {}
    places: dict[tuple[int, str | None], int] = defaultdict(int)
    latest: dict[tuple[int, str | None], int] = {}
    labels = {
        (r.number, o): label
        for r in case.rounds
        for o, label in zip(r.drawn(), r.labels or (), strict=False)
    }
    came: set[int] = set()
    unknown = 0
    for i, item in enumerate(case.predicate["replacements"], 1):
        rnd, new, place = case.rounds[item["round_number"] - 1], item["ordinal_in"], item["place"]
        label = labels.get((rnd.number, item["ordinal_out"])) if rnd.has_groups else None
        labels[rnd.number, new] = label
        line = (rnd.number, label)
        if line not in lines:
            lines[line] = reserves(rnd, label)
        source = lines[line]
        if source is not None:
            due = None
            for due in source:
                places[line] += 1
                if due not in came:
                    break
            require(
                due == new, "replacement_order", f"Replacement {i} is {new}; the next row is {due}."
            )
            if place != places[line]:
                raise Invalid("replacement_place", f"Replacement {i} has the place {places[line]}.")
        else:
            unknown += 1
            elsewhere = sum(
                c["round_number"] != rnd.number for c in case.predicate["replacements"][: i - 1]
            )
            good = not rnd.has_groups or label is not None
            good = not good or places[line] < place <= places[line] + 1 + elsewhere
            require(good, "replacement_place", f"Replacement {i} can't have the place {place}.")
            places[line] = place
            is_known = label is not None or not rnd.has_groups
            if rnd.reserves == "next_in_order" and is_known and not rnd.has_row_keys:
                order = Order(case.file_rows, rnd.seed)
                mine = [o for o in rnd.drawn() if labels.get((rnd.number, o)) == label]
                low = latest.get(line, max(order.ranks(mine), default=-1))
                latest[line] = order.rank(new)
                if latest[line] <= low:
                    raise Invalid(
                        "replacement_order", f"Replacement {i} stands before an earlier row."
                    )
        came.add(new)
    return unknown


def simple_reserves(case: Case) -> Reserves:
    """Return the reserves of random rounds from all rows; none for other rounds."""

    def reserves(rnd: StatedRound, label: str | None) -> Iterator[int] | None:
        is_simple = rnd.method in ("random", "reservoir") and rnd.order is None
        if not (is_simple and case.is_whole(rnd)):
            return None
        taken = {i for other in case.rounds for i in other.drawn()}
        return (i for i in Order(case.file_rows, rnd.seed).walk() if i not in taken)

    return reserves


# --- L2 ---


@dataclass
class FrameData:
    """The data of L2."""

    present: list[bool]
    passes: dict[int, list[bool]]
    columns: dict[str, Row]


def read_data(case: Case) -> FrameData:
    """Read data.csv, whose lines stand in the order of ordinals."""
    rows = read_csv(case.files["data"], "data_format", "data.csv")
    passes, names = case.predicate["data"]["passes"], case.predicate["data"]["columns"]
    header = next(rows, [])
    has_texts = any(rnd.numbers_keys for rnd in case.rounds)
    head = 2 + len(passes) + has_texts
    width = head + len(names)
    # A column whose name an earlier one has, such as "present", has a number behind it.
    own = [
        shown == name or re.fullmatch(re.escape(name) + "_[0-9]+", shown or "") is not None
        for shown, name in zip(header[head:], names, strict=False)
    ]
    good = len(header) == width and header[:2] == ["ordinal", "present"] and all(own)
    if not good:
        texts = ", row" if has_texts else ""
        raise Invalid(
            "data_format",
            f"The header isn't ordinal, present, {len(passes)} filters{texts} and {names}.",
        )
    fields: list[Row] = [[] for _ in range(width)]
    count = 0
    for count, row in enumerate(rows, 1):
        if not (len(row) == width and row[0] == str(count - 1) and count <= case.file_rows):
            raise Invalid("data_format", f"Line {count + 1} isn't row {count - 1}.")
        for values, value in zip(fields[1:], row[1:], strict=True):
            values.append(value)
    require(count == case.file_rows, "data_format", f"It has {count} rows, not {case.file_rows}.")
    flags = []
    for values in fields[1 : 2 + len(passes)]:
        require(set(values) <= {"true", "false"}, "data_format", "A flag isn't `true` or `false`.")
        flags.append([value == "true" for value in values])
    if has_texts:
        case.row_texts = {i: row for i, row in enumerate(fields[head - 1]) if row is not None}
    found = sum(flags[0])
    require(found == case.population["rows"], "population_rows", f"{found} rows are present.")
    return FrameData(
        flags[0],
        dict(zip(passes, flags[1:], strict=True)),
        dict(zip(names, fields[head:], strict=True)),
    )


def shown_cells(case: Case) -> Iterator[tuple[StatedRound, int, str, str | None]]:
    """Give round, ordinal, column and value of each cell of the sample.

    One round of several can show fewer columns: its other cells are all empty.
    """
    for rnd in case.rounds:
        for k, name in enumerate(case.shown):
            values = [row[k] for row in rnd.sample_rows or ()]
            if len(case.rounds) > 1 and not any(value is not None for value in values):
                continue
            for ordinal, value in zip(rnd.drawn(), values, strict=True):
                yield rnd, ordinal, name, value


def check_cells(case: Case, table: FrameData) -> None:
    if not case.shown:
        raise NotCheckable("sample.csv wasn't given")
    for rnd, ordinal, name, value in shown_cells(case):
        if name in table.columns:
            found = table.columns[name][ordinal]
            if found != value and {found, value} != {"0.0", "-0.0"}:
                raise Invalid(
                    "sample_cell",
                    f"Row {ordinal} of round {rnd.number}: {name!r} differs from the data.",
                )


@dataclass
class CertifiedUnits:
    """The monetary units of a round without its take-all rows.

    ``amounts`` and ``starts`` have the amount of each row, and its first unit in the cumulation.
    One of ``step`` / ``parts`` units is chosen.
    """

    amounts: dict[int, int]
    starts: dict[int, int]
    total: int
    step: int
    parts: int


@dataclass
class RedrawnGroup:
    """A stratum or a cluster of a redraw; ``drawn`` has the ranks and the rows.

    ``chance`` is the probability that its rows can be drawn: 1 of a stratum.
    """

    key: dict[str, str | None]
    label: str
    rows: list[int]
    drawn: list[tuple[int, int]]
    chance: Fraction = Fraction(1)

    def facts(self) -> dict[str, Any]:
        """Return the group as the certificate lists it."""
        return {
            "key": self.key,
            "label": self.label,
            "rows": len(self.rows),
            "allocated": len(self.drawn),
            "sampled": len(self.drawn),
            "last_rank": str(self.drawn[-1][0]) if self.drawn else None,
        }


class RowKeys:
    """The keys of all present rows, as the data have them: complete and unique."""

    def __init__(self, case: Case, table: FrameData) -> None:
        self.case, self.table = case, table
        self.known: dict[tuple[str, ...], dict[int, str]] = {}

    def texts(self, rnd: StatedRound) -> dict[int, str]:
        """Return the canonical text of each present row's key; numbered ones have their number."""
        name = (*rnd.key, (rnd.order or {})["duplicates"])
        if name not in self.known:
            plain = self._plain(rnd)
            repeated = {text for text, count in Counter(plain.values()).items() if count > 1}
            if repeated and not rnd.numbers_keys:
                first = [i for i, text in plain.items() if text in repeated][:3]
                raise Invalid(
                    "key_not_unique",
                    f"Rows share the key {', '.join(rnd.key)}, such as the rows {first}.",
                )
            self.known[name] = self._numbered(plain, repeated)
        return self.known[name]

    def _plain(self, rnd: StatedRound) -> dict[int, str]:
        kinds = [self.case.types[name] for name in rnd.key]
        columns = [self.table.columns[name] for name in rnd.key]
        texts = {}
        for i, values in enumerate(zip(*columns, strict=True)):
            if self.table.present[i]:
                if None in values:
                    raise Invalid(
                        "key_missing", f"Row {i} has no value in the key {', '.join(rnd.key)}."
                    )
                texts[i] = joined_key(map(value_text, values, kinds))
        return texts

    def _numbered(self, plain: dict[int, str], repeated: set[str]) -> dict[int, str]:
        """Number the second and later rows of a key, by the SHA-256 of their texts."""
        order = sorted(
            (text, sha256(self._row_text(i).encode("utf-8")), i)
            for i, text in plain.items()
            if text in repeated
        )
        result, number, before = dict(plain), 0, ""
        for text, _, i in order:
            number = number + 1 if text == before else 1
            before = text
            if number > 1:
                result[i] = text + joined_key([str(number)])
        return result

    def _row_text(self, ordinal: int) -> str:
        """Return the text of a row, whose values are those of the data's columns."""
        row = self.case.row_texts.get(ordinal)
        if row is None:
            raise Invalid("row_text", f"Row {ordinal} shares its key, but its text is missing.")
        values = row_values(row, list(self.case.types.values()), "row_text")
        for name, value in zip(self.case.types, values, strict=True):
            if name in self.table.columns:
                found = self.table.columns[name][ordinal]
                if found != value and {found, value} != {"0.0", "-0.0"}:
                    raise Invalid("row_text", f"Row {ordinal}: its text has another {name!r}.")
        return row


class Redraw:
    """Draws the rounds again from the data."""

    def __init__(self, case: Case, table: FrameData) -> None:
        self.case = case
        self.table = table
        self.keys = RowKeys(case, table)
        self.lines: dict[tuple[int, str | None], list[int]] = {}
        self.strata: dict[int, dict[int, str | None]] = {}  # of each round, by row

    def order(self, rnd: StatedRound, bits: int | None = None) -> RowOrder:
        if not rnd.has_row_keys:
            return Order(self.case.file_rows, rnd.seed, bits)
        starts = rnd.row_starts(self.strata.get(rnd.number, {}))
        return KeyedTable(rnd.key_ranks(), self.keys.texts(rnd), starts)

    def check_keys(self, rnd: StatedRound) -> bool:
        """Report whether the key of a round identifies each row."""
        done: list[dict[int, str]] = []
        numbered = ", equal ones numbered" if rnd.numbers_keys else ""
        with self.case.report.check(
            "L2",
            f"round {rnd.number}: each row has a key ({', '.join(rnd.key)}) of its own{numbered}",
        ):
            done.append(self.keys.texts(rnd))
        return bool(done)

    def run(self) -> None:
        taken: set[int] = set()
        for rnd in self.case.rounds:
            if rnd.has_row_keys and not self.check_keys(rnd):
                return
            with self.case.report.check(
                "L2", f"round {rnd.number} ({rnd.method}) was drawn again from the data"
            ):
                passes = self.table.passes.get(rnd.number, self.table.present)
                both = zip(self.table.present, passes, strict=True)
                eligible = [
                    i for i, (here, fits) in enumerate(both) if here and fits and i not in taken
                ]
                if len(eligible) != rnd.eligible:
                    raise Invalid(
                        "eligible_rows", f"{len(eligible)} rows are eligible, not {rnd.eligible}."
                    )
                if rnd.has_groups:
                    self.groups(rnd, eligible)
                elif rnd.method == "weighted":
                    self.weighted(rnd, eligible)
                elif rnd.method == "monetary_unit":
                    self.monetary(rnd, eligible)
                elif rnd.method == "systematic":
                    first, step, parts = (
                        int(rnd.facts[name]) for name in ("first", "step", "parts")
                    )
                    line = self.sorted_line(rnd, eligible)
                    self.compare(rnd, [line[(first + k * step) // parts] for k in range(rnd.rows)])
                else:
                    ranked = self.order(rnd).sorted(eligible)
                    line = [i for _, i in ranked]
                    last = str(ranked[rnd.rows - 1][0]) if rnd.rows else None
                    good = rnd.facts["last_rank"] == last
                    self.compare(rnd, line[: rnd.rows])
                    require(good, "last_rank", f"That of round {rnd.number} is {last}.")
                    self.lines[rnd.number, None] = line[rnd.rows :]
            taken.update(rnd.drawn())

    def sorted_line(self, rnd: StatedRound, rows: list[int]) -> list[int]:
        """Return rows, which ascend, in the order of a round's sort; None counts as the largest."""
        serpentine = rnd.parameters.get("sort_order", "serpentine") == "serpentine"
        groups = [rows]
        for level, name in enumerate(rnd.parameters.get("sort_columns", [])):
            values, kind = self.column(name)
            found: list[list[int]] = []
            check_sortable(rnd, name, kind, values)
            for number, group in enumerate(groups):
                alike: dict[Any, list[int]] = defaultdict(list)
                for i in group:
                    value = values[i]
                    alike[(2, 0) if value is None else value_order(value, kind)].append(i)
                down = serpentine and level > 0 and number % 2 == 1
                found += [alike[key] for key in sorted(alike, reverse=down)]
            groups = found
        return [i for group in groups for i in group]

    def compare(self, rnd: StatedRound, due: list[int]) -> None:
        for place, (mine, other) in enumerate(zip(rnd.drawn(), due, strict=False), 1):
            if mine != other:
                raise Invalid(
                    "ordinals",
                    f"Row {place} of round {rnd.number} is {self.named(rnd, mine)}; the redraw has "
                    f"{self.named(rnd, other)}.",
                )
        if len(due) != rnd.rows:
            raise Invalid("ordinals", f"The redraw of round {rnd.number} has {len(due)} rows.")

    def named(self, rnd: StatedRound, ordinal: int) -> str:
        """Return a row's ordinal, with its key if it has one."""
        if not rnd.has_row_keys:
            return str(ordinal)
        values = (f"{name} {self.table.columns[name][ordinal]}" for name in rnd.key)
        return f"{ordinal} ({', '.join(values)[:120]})"

    def reserves(self, rnd: StatedRound, label: str | None) -> Iterator[int]:
        others = self.case.others(rnd)
        return (i for i in self.lines.get((rnd.number, label), ()) if i not in others)

    def column(self, name: str) -> tuple[Row, str]:
        name = column_name(self.case, name)
        return self.table.columns[name], self.case.types[name]

    def groups(self, rnd: StatedRound, eligible: list[int]) -> None:
        groups = self.redrawn_groups(rnd, self.members(rnd, eligible))
        compare_group_facts(rnd, [group.facts() for group in groups])
        drawn = [i for group in groups for _, i in group.drawn]
        self.compare(rnd, [i for _, i in self.order(rnd).sorted(drawn)])
        compare_group_chances(rnd, groups)

    def members(
        self,
        rnd: StatedRound,
        eligible: list[int],
        of: list[tuple[str, dict[str, Any] | None]] | None = None,
    ) -> list[tuple[dict[str, str | None], list[int]]]:
        """Return the values and the rows of each group, or of other columns, in their order."""
        chosen = group_columns(rnd) if of is None else of
        columns: list[tuple[str, list[str | None]]] = []
        for name, bands in chosen:
            values, kind = self.column(name)
            columns.append(
                (
                    name,
                    [values[i] for i in eligible]
                    if bands is None
                    else band_values(bands, kind, values, eligible),
                )
            )
        members_of: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
        for i, key in zip(
            eligible, zip(*(values for _, values in columns), strict=True), strict=True
        ):
            members_of[key].append(i)
        names = [column_name(self.case, name) for name, _ in columns]
        keys = [dict(zip(names, key, strict=True)) for key in members_of]
        order_of = group_order(self.case, chosen)
        return sorted(
            zip(keys, members_of.values(), strict=True), key=lambda group: order_of(group[0])
        )

    def redrawn_groups(
        self, rnd: StatedRound, members: list[tuple[dict[str, str | None], list[int]]]
    ) -> list[RedrawnGroup]:
        """Draw from each group; keep the rows that follow, for replacements."""
        counts = [len(rows) for _, rows in members]
        labels = [quoted_label(key.values()) for key, _ in members]
        sizes: list[int] | None
        chances = [Fraction(1)] * len(members)
        if rnd.is_staged:
            stages = self.stages(rnd, members)
            check_stages(rnd, stages)
            sizes, chances = stages.sizes, stages.chances
        elif rnd.method == "cluster":
            values = [next(iter(key.values())) for key, _ in members]
            sizes = cluster_sizes(self.case, rnd, counts, values)
            drawn = sum(size > 0 for size in sizes)
            chances = [Fraction(drawn, len(members))] * len(members)
        else:
            spread = self.spread(rnd, [rows for _, rows in members], labels)
            sizes = strata_sizes(rnd, counts, labels, spread)
        assert sizes is not None
        self.strata[rnd.number] = {
            i: label for (_, rows), label in zip(members, labels, strict=True) for i in rows
        }
        order = self.order(rnd)
        groups = []
        for (key, rows), label, size, chance in zip(members, labels, sizes, chances, strict=True):
            line = order.sorted(rows)
            groups.append(RedrawnGroup(key, label, rows, line[:size], chance))
            self.lines[rnd.number, label] = [i for _, i in line[size:]]
        return groups

    def stages(self, rnd: StatedRound, members: list[tuple[Key, list[int]]]) -> RedrawnStages:
        """Draw the clusters of the groups again, with sizes and strata as the data have them."""
        keys, counts = [key for key, _ in members], [len(rows) for _, rows in members]
        clusters = clusters_of(rnd, keys)
        how, sizes = rnd.parameters.get("cluster_probability", "equal"), None
        if how == "rows":
            sizes = [sum(counts[i] for i in cluster.groups) for cluster in clusters]
        elif how == "size":
            values, kind = self.column(rnd.parameters["size_column"])
            sizes = [
                sum(
                    size_units(values[i], kind)
                    for group in cluster.groups
                    for i in members[group][1]
                )
                for cluster in clusters
            ]
        # A stratum counts if a row of it passes the filter, also one that an earlier round drew.
        every = self.table.passes.get(rnd.number, [True] * len(self.table.present))
        numbers: dict[tuple[str | None, ...], int] = {(): 0}
        if columns := group_columns(rnd)[: rnd.cluster_columns - 1]:
            passing = self.members(rnd, [i for i, fits in enumerate(every) if fits], columns)
            numbers = {tuple(key.values()): number for number, (key, _) in enumerate(passing)}
        return draw_stages(
            self.case, rnd, keys, counts, [numbers[cluster.stratum] for cluster in clusters], sizes
        )

    def mean_rates(self, rnd: StatedRound, groups: list[list[int]]) -> list[float]:
        """Return the means of `rate_column`; of a stratum without a number that of all."""
        values, kind = self.column(rnd.parameters["rate_column"])
        numbers = [
            [x for i in rows if (x := real(values[i], kind)) is not None and math.isfinite(x)]
            for rows in groups
        ]
        every = [x for own in numbers for x in own]
        require(every, "allocation", "`rate_column` has no number.")
        means = [math.fsum(own or every) / len(own or every) for own in numbers]
        require(
            all(0 <= x <= 1 for x in means), "allocation", "A mean of `rate_column` is no rate."
        )
        return means

    def spread(
        self, rnd: StatedRound, groups: list[list[int]], labels: list[str]
    ) -> list[Fraction] | None:
        """Return rows times standard deviation, over the root of the mean cost for `optimal`."""
        if "rate_column" in rnd.parameters:
            counts = [len(rows) for rows in groups]
            return guessed_spread(rnd.parameters, counts, labels, self.mean_rates(rnd, groups))
        if "rates" in rnd.parameters:
            return None
        if rnd.parameters.get("allocation") not in ("neyman", "optimal", "amount"):
            return None
        values, kind = self.column(rnd.parameters["allocation_column"])
        if rnd.parameters["allocation"] == "amount":
            return self.amounts(values, kind, groups)
        cost: dict[int, float] = {}
        if rnd.parameters["allocation"] == "optimal":
            costs, cost_kind = self.column(rnd.parameters["cost_column"])
            cost = {
                i: x
                for rows in groups
                for i in rows
                if (x := real(costs[i], cost_kind)) is not None
            }
        mean_cost = math.fsum(cost.values()) / len(cost) if cost else 1.0
        result = []
        for rows in groups:
            numbers = [
                x for i in rows if (x := real(values[i], kind)) is not None and math.isfinite(x)
            ]
            mean = math.fsum(numbers) / len(numbers) if numbers else 0.0
            squares = math.fsum((x - mean) ** 2 for x in numbers)
            deviation = math.sqrt(squares / (len(numbers) - 1)) if len(numbers) > 1 else 0.0
            mine = [cost[i] for i in rows if i in cost]
            each = math.fsum(mine) / len(mine) if mine else mean_cost
            result.append(Fraction(len(rows) * deviation / math.sqrt(each)))
        return result

    def amounts(
        self, values: list[str | None], kind: str, groups: list[list[int]]
    ) -> list[Fraction]:
        """Return the sums of the absolute values of groups."""
        numbers = [[real(values[i], kind) for i in rows] for rows in groups]
        return [
            Fraction(math.fsum(abs(x) for x in own if x is not None and math.isfinite(x)))
            for own in numbers
        ]

    def pareto(
        self, rnd: StatedRound, sizes: dict[int, int], step: int, parts: int, order: RowOrder
    ) -> dict[int, float]:
        """Return the Pareto keys of rows with the targets p = size·parts/step."""
        top = 1 << order.bits
        rows = list(sizes)
        keys = {}
        for i, rank in zip(rows, order.ranks(rows), strict=True):
            odds, size = (2 * rank + 1) / (2 * top - 2 * rank - 1), sizes[i] * parts
            keys[i] = odds * ((step - size) / size)
        return keys

    def weighted(self, rnd: StatedRound, eligible: list[int]) -> None:
        facts, where = rnd.facts, f"Round {rnd.number}"
        values, kind = self.column(rnd.parameters["weight_column"])
        passing = self.table.passes.get(rnd.number, self.table.present)
        if rnd.parameters.get("uncertainty"):
            units = uncertainty_units(rnd, kind, values, eligible)
        else:
            units = weight_units(
                facts, kind, values, eligible, [i for i, fits in enumerate(passing) if fits]
            )
        if len(units) != facts["rows"]:
            raise Invalid("facts", f"{where} has {len(units)} rows with a weight.")
        if sum(units.values()) != int(facts["total"]):
            raise Invalid("facts", f"{where} has the total {sum(units.values())}.")
        certain, rest, count = take_all(
            units, min(whole(rnd.parameters["sample_size"]), len(units)), None
        )
        if len(certain) != facts["take_all"]:
            raise Invalid("facts", f"{where} has {len(certain)} take-all rows.")
        order = self.order(rnd, 62 if self.case.version == 2 else None)
        total = sum(rest.values())
        if by_points(rnd):
            self.points(rnd, [i for _, i in order.sorted(certain)], rest, count)
            return
        keys = self.pareto(rnd, rest, total, count, order)
        line = sorted(rest, key=lambda i: keys[i])
        head = [i for _, i in order.sorted(certain)]
        self.compare(rnd, head + self.near(rnd, len(head), line[:count], keys))
        self.lines[rnd.number, None] = line[count:]
        targets = {i: size * count / total for i, size in rest.items()}
        variance = math.fsum(p * (1 - p) for p in targets.values())
        stated = (
            self.case.version == 1
            or variance >= 25
            or variance >= 50 * max(targets.values(), default=0)
        )
        loose = 0
        for place, (i, p) in enumerate(zip(rnd.drawn(), rnd.probabilities or (), strict=True), 1):
            due = targets.get(i, 1.0)
            good = close(p, due, 1e-9) or (
                self.case.version == 2 and (not stated or close(p, due, 1e-3))
            )
            require(good, "probability", f"Row {place} of round {rnd.number} has {p}, not {due}.")
            loose += not close(p, due, 1e-9)
        if loose:
            self.case.report.claimed(
                "L2", f"{loose} probabilities of round {rnd.number}, from numerical integration"
            )

    def points(self, rnd: StatedRound, head: list[int], rest: dict[int, int], count: int) -> None:
        """Lay the rows along their line, each as long as its weight, and select by points."""
        total = sum(rest.values())
        start = total * Order(1, rnd.seed + ":start", 62).rank(0) >> 62
        due, before = [*head], 0
        for i in self.sorted_line(rnd, sorted(rest)):
            after = before + rest[i]
            # The k-th point is in the unit (k·total + start) // count.
            first, last = (-((start - units * count) // total) for units in (before, after))
            if last > first:
                due.append(i)
            before = after
        self.compare(rnd, due)
        for place, (i, p) in enumerate(zip(rnd.drawn(), rnd.probabilities or (), strict=True), 1):
            right = Fraction(rest[i] * count, total) if i in rest else Fraction(1)
            if not close(p, right):
                raise Invalid(
                    "probability", f"Row {place} of round {rnd.number} has {p}, not {float(right)}."
                )

    def near(
        self, rnd: StatedRound, start: int, due: list[int], keys: dict[int, float]
    ) -> list[int]:
        """Take the certificate's order of rows whose keys differ by rounding alone."""
        mine = rnd.drawn()[start : start + len(due)]
        same = all(
            i in keys and close(keys[i], keys[j], 1e-9) for i, j in zip(mine, due, strict=False)
        )
        return mine if same and len(mine) == len(due) else due

    def monetary(self, rnd: StatedRound, eligible: list[int]) -> None:
        facts, where, given = rnd.facts, f"Round {rnd.number}", rnd.parameters
        values, kind = self.column(given["book_column"])
        decimals = money_decimals(kind)
        sizes = audited_amounts(
            rnd, {i: minor_units(values[i], kind, decimals) for i in eligible}, decimals
        )
        interval = money_interval(rnd, decimals)
        certain, rest, count = take_all(sizes, whole(given.get("sample_size", 0)), interval)
        units = sum(rest.values())
        step, parts = (units, count) if interval is None else (math.floor(interval), 1)
        taken = sum(sizes[i] for i in certain)
        good = (
            facts["take_all"]["rows"] == len(certain)
            and abs(int(facts["take_all"]["total"])) == taken
        )
        require(good, "facts", f"{where} has {len(certain)} take-all rows of {taken}.")
        require(int(facts["units"]) == units, "facts", f"{where} has {units} other units.")
        order = Order(self.case.file_rows, rnd.seed)
        ranks = dict(zip(rest, order.ranks(rest), strict=True))
        line = sorted(rest) if given.get("order") == "file" else self.cumulation(rnd, ranks)
        chosen = selected_units(rnd, units, step, parts, count if interval is None else None)
        starts = dict(zip(line, accumulate((rest[i] for i in line), initial=0), strict=False))
        begins = list(starts.values())
        hits = Counter(line[bisect_right(begins, unit) - 1] for unit in chosen)
        head = [i for _, i in sorted(zip(order.ranks(certain), certain, strict=True))]
        self.compare(rnd, head + list(hits))
        compare_unit_chances(rnd, hits, CertifiedUnits(rest, starts, units, step, parts))
        wide = Order(self.case.file_rows, rnd.seed + ":reserves", 62)
        if any(item["round_number"] == rnd.number for item in self.case.predicate["replacements"]):
            keys = self.pareto(
                rnd, {i: v for i, v in rest.items() if i not in hits}, step, parts, wide
            )
            self.lines[rnd.number, None] = sorted(keys, key=lambda i: keys[i])

    def cumulation(self, rnd: StatedRound, ranks: dict[int, int]) -> list[int]:
        """Return the rows by seeded blocks, and by rank inside a block."""
        shift = 0
        while -(-self.case.file_rows >> shift) > 262_144:
            shift += 1
        blocks = Order(-(-self.case.file_rows >> shift), rnd.seed + ":blocks")
        places = {block: blocks.rank(block) for block in {i >> shift for i in ranks}}
        return sorted(ranks, key=lambda i: (places[i >> shift], ranks[i]))


def audited_amounts(
    rnd: StatedRound, amounts: dict[int, int | None], decimals: int
) -> dict[int, int]:
    """Compare the sums of the amounts with the facts; return the amounts that can be drawn."""
    facts, where = rnd.facts, f"Round {rnd.number}"
    known = {i: v for i, v in amounts.items() if v is not None}
    for name, sign in (("positive", 1), ("negative", -1)):
        some = [v for v in known.values() if v * sign > 0]
        good = facts[name]["rows"] == len(some) and abs(int(facts[name]["total"])) == abs(sum(some))
        require(good, "facts", f"{where} has {len(some)} {name} amounts of {sum(some)} in all.")
    missing, zeros = len(amounts) - len(known), sum(v == 0 for v in known.values())
    good = (facts["missing_rows"], facts["zero_rows"], facts["decimals"]) == (
        missing,
        zeros,
        decimals,
    )
    if not good:
        raise Invalid(
            "facts",
            f"{where} has {zeros} amounts of 0, {missing} missing ones and {decimals} decimals.",
        )
    audited = rnd.parameters.get("population", "positive")
    return {
        i: abs(v)
        for i, v in known.items()
        if v and (audited == "absolute" or (v > 0) == (audited == "positive"))
    }


def compare_unit_chances(rnd: StatedRound, hits: Counter[int], money: CertifiedUnits) -> None:
    """Compare probabilities, weights and hits of a monetary unit round with the redraw."""
    where, selection = f"Round {rnd.number}", rnd.parameters.get("selection", "fixed_interval")
    for k, i in enumerate(rnd.drawn()):
        if i in hits:
            amount, start = money.amounts[i], money.starts[i]
            due = unit_chance(selection, amount, start, money.total, money.step, money.parts)
            weight = hits[i] * money.step / (amount * money.parts)
        else:
            due, weight = 1.0, 1.0
        p, w = (rnd.probabilities or [])[k], (rnd.weights or [])[k]
        if due is not None and not close(p, due, 1e-9):
            raise Invalid("probability", f"Row {k + 1} of {where} has {p}, not {due}.")
        require(close(w, weight), "weights", f"Row {k + 1} of {where} has {w}, not {weight}.")
        if rnd.hits is not None and rnd.hits[k] != hits.get(i, 1):
            raise Invalid("sample_row", f"Row {k + 1} of {where} has {hits.get(i, 1)} hits.")


def compare_group_facts(rnd: StatedRound, facts: list[dict[str, Any]]) -> None:
    """Compare the groups of a round with those of the redraw."""
    for mine, due in zip(rnd.groups or [], facts, strict=False):
        for name in ("label", "rows", "allocated", "last_rank"):
            code = {"rows": "groups", "label": "groups", "allocated": "allocation"}.get(name, name)
            if mine[name] != due[name]:
                raise Invalid(code, f"The group {due['label'][:60]!r} has `{name}` {due[name]}.")
    good = len(facts) == rnd.facts["groups_count"] and (
        rnd.groups is not None or _hash_of_groups(rnd, facts)
    )
    require(good, "groups", f"The data have {len(facts)} other groups.")


def compare_group_chances(rnd: StatedRound, groups: list[RedrawnGroup]) -> None:
    """Compare the probabilities and the strata of the drawn rows with those of the redraw."""
    group_of = {i: group for group in groups for i in group.rows}
    for place, (i, p) in enumerate(zip(rnd.drawn(), rnd.probabilities or (), strict=True), 1):
        group = group_of[i]
        exact = group.chance * Fraction(len(group.drawn), len(group.rows))
        if not close(p, exact):
            raise Invalid("probability", f"Row {place} of round {rnd.number} has {p}, not {exact}.")
        if rnd.labels is not None and rnd.labels[place - 1] != group.label:
            raise Invalid("sample_row", f"Row {place} has another stratum.")


def _hash_of_groups(rnd: StatedRound, facts: list[dict[str, Any]]) -> bool:
    return canonical_hash(facts) == str(rnd.facts["groups_sha256"])


def band_values(bands: dict[str, Any], kind: str, values: Row, rows: list[int]) -> list[str | None]:
    """Return the label of each row's band, None for missing values."""
    labels = band_labels(bands, kind)
    cache: dict[str | None, str | None] = {None: None}
    dates = re.match("DATE|TIMESTAMP", kind)

    def key(value: Any) -> Any:
        if dates:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if kind in ("DOUBLE", "FLOAT", "REAL"):
            return real(str(value), kind)
        return exact_number(str(value))

    breaks = [key(value) for value in bands["breaks"]]
    for value in {values[i] for i in rows} - {None}:
        found = key(value)
        cache[value] = None if found is None else labels[bisect_right(breaks, found)]
    return [cache[values[i]] for i in rows]


def real(value: str | None, kind: str) -> float | None:
    """Return a number as a double; None for NULL and NaN."""
    if value is None:
        return None
    result = float(value)
    if kind in ("FLOAT", "REAL") and math.isfinite(result):
        result = struct.unpack("<f", struct.pack("<f", result))[0]
    return None if math.isnan(result) else result


def take_all(
    sizes: dict[int, int], count: int, interval: Fraction | None
) -> tuple[list[int], dict[int, int], int]:
    """Split the rows: those drawn with certainty, the others, and how many of these to draw."""
    rest = dict(sizes)
    certain: list[int] = []
    while True:
        total = sum(rest.values())
        if interval is not None:
            found = [i for i, v in rest.items() if v >= interval]
        else:
            found = [i for i, v in rest.items() if v * count >= total] if count > 0 else []
        if not found:
            return certain, rest, count
        certain += found
        count -= len(found)
        for i in found:
            del rest[i]


def weight_units(
    facts: dict[str, Any], kind: str, values: Row, eligible: list[int], passing: list[int]
) -> dict[int, int]:
    """Return the eligible rows that have a weight, in units."""
    scale = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    if facts["decimals"] is not None:
        decimals = int(scale[2]) if scale else 0
        require(facts["decimals"] == decimals, "facts", f"A unit is 10^-{decimals}.")
        numbers = {
            i: int(exact_number(v) * 10**decimals) for i in eligible if (v := values[i]) is not None
        }
    else:
        most = max((x for i in passing if (x := real(values[i], kind)) is not None), default=0.0)
        exponent = 62 - math.frexp(most)[1] if any(values[i] for i in eligible) else 0
        require(facts["exponent"] == exponent, "facts", f"A unit is 2^-{exponent}.")
        factor = Fraction(2) ** exponent
        numbers = {
            i: round(Fraction(x) * factor)
            for i in eligible
            if (x := real(values[i], kind)) is not None
        }
    require(all(x >= 0 for x in numbers.values()), "facts", "A weight is negative.")
    return {i: x for i, x in numbers.items() if x}


def uncertainty_units(
    rnd: StatedRound, kind: str, values: Row, eligible: list[int]
) -> dict[int, int]:
    """Return √(p(1 - p)) of the eligible rows in millionths, 2^62 of a row that is always drawn."""
    where, given = f"Round {rnd.number}", rnd.parameters
    if eligible:
        require(rnd.facts["decimals"] == 6, "facts", f"{where}: a unit is a millionth.")
    least = math.floor(1e6 * float(exact_number(given.get("uncertainty_floor", 0.05))) + 0.5)
    missing = least if given.get("uncertainty_missing") == "floor" else 1 << 62
    units = {}
    for i in eligible:
        p = real(values[i], kind)
        if values[i] is None:
            units[i] = missing
        else:
            good = p is not None and 0 <= p <= 1
            require(good, "facts", f"{where} has the probability {values[i]}.")
            units[i] = max(least, math.floor(1e6 * math.sqrt(p * (1 - p)) + 0.5)) if p else least
    return units


def money_decimals(kind: str) -> int:
    scale = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    if scale:
        return int(scale[2]) if int(scale[1]) <= 18 else min(2, int(scale[2]))
    return 2 if kind in ("DOUBLE", "FLOAT", "REAL") else 0


def minor_units(value: str | None, kind: str, decimals: int) -> int | None:
    """Return an amount in minor units, a half away from zero; None if it is missing."""
    if value is None:
        return None
    if kind in ("DOUBLE", "FLOAT", "REAL"):
        number = real(value, kind)
        if number is None:
            return None
        exact = Fraction(number * 10**decimals)  # the product is a double, too
    else:
        exact = exact_number(value) * 10**decimals
    return round_half_up(exact) if exact >= 0 else -round_half_up(-exact)


def unit_chance(
    selection: str, size: int, start: int, units: int, step: int, parts: int
) -> float | None:
    """Return the probability that a row with `size` units from `start` is drawn."""
    if selection == "fixed_interval":
        return size * parts / step
    if selection == "cell":
        low, high = start * parts, (start + size) * parts
        border = (low // step + 1) * step
        a, b = Fraction(min(high, border) - low, step), Fraction(max(0, high - border), step)
        return float(1 - (1 - a) * (1 - b))
    if size + parts > units:
        return 1.0
    few, many = min(size, parts), max(size, parts)
    if few > 100_000:
        return None
    return -math.expm1(math.fsum(math.log1p(-many / (units - j)) for j in range(few)))


# --- ledger, proofs, seeds ---


def draw_hash(case: Case) -> str:
    """Return the ledger's hash of a draw."""
    rounds = [
        {
            "effective_seed": r.seed,
            "filters": r.filter,
            "method": r.method,
            "parameters": r.parameters,
            **r.stated_order,
        }
        for r in case.rounds
    ]
    return canonical_hash({"rounds": rounds, "source_rows": case.population["rows"]})


OLDER_LEDGER = "The ledger may be older than the certificate: download it anew."


def check_chain(case: Case) -> None:
    """Check the ledger's form, its chain of digests and its signed head."""
    ledger = parse_json(case.files["ledger"], "ledger.json")
    LEDGER(ledger, "ledger")
    entries = ledger["entries"]
    previous = None
    for number, entry in enumerate(entries, 1):
        LEDGER_BODIES[entry["kind"]](entry["body"], f"ledger.entries[{number - 1}].body")
        if entry["number"] != number:
            raise Invalid("ledger_gap", f"Entry {number} has the number {entry['number']}.")
        if entry["previous_digest"] != previous:
            raise Invalid("ledger_link", f"Entry {number} doesn't follow from the one before.")
        found = canonical_hash({name: value for name, value in entry.items() if name != "digest"})
        if found != entry["digest"]:
            raise Invalid("ledger_digest", f"Entry {number} has the digest {found}.")
        good = entry["dataset_id"] == case.predicate["job"]["dataset_id"]
        require(good, "ledger_entry", f"Entry {number} is of another dataset.")
        previous = found
    head = parse_canonical(
        open_envelope(ledger["head"], "ledger.head", LEDGER_TYPE, case.key), "the ledger's head"
    )
    LEDGER_HEAD(head, "ledger.head")
    last = {
        "dataset_id": case.predicate["job"]["dataset_id"],
        "digest": previous,
        "number": len(entries),
    }
    if any(head[name] != value for name, value in last.items()):
        raise Invalid(
            "ledger_head",
            f"The head is of entry {head['number']}; the list ends with {len(entries)}.",
        )
    case.ledger, case.ledger_signed_at = ledger, head["signed_at"]
    case.report.checked(
        "L0", f"the ledger's head is entry {head['number']}, signed at {head['signed_at']}"
    )


def check_ledger_entries(case: Case) -> None:
    """Compare the certificate with the ledger; a refusal says if an older ledger may be why."""
    try:
        _compare_with_ledger(case)
    except Invalid as refusal:
        if refusal.code in ("ledger_entry", "plan_ledger") and _is_older_ledger(case):
            raise Invalid(refusal.code, f"{refusal.text} {OLDER_LEDGER}") from None
        raise


def _is_older_ledger(case: Case) -> bool:
    """Tell whether the ledger was signed before the certificate, or ends before its entries."""
    assert case.ledger is not None
    own, plan = case.predicate["ledger"], case.predicate["plan"]
    named = [own["number"] if own else 0, plan["ledger_number"] if plan else 0]
    is_signed_before: bool = case.ledger_signed_at < case.predicate["issued_at"]
    return is_signed_before or max(named) > len(case.ledger["entries"])


def _compare_with_ledger(case: Case) -> None:
    """Compare draw, plan and replacements with the ledger; report other draws and deletions."""
    check_draw_entry(case)
    if case.predicate["plan"] is not None:
        check_plan_entry(case)
    roots, root = ledger_roots(case), case.population["row_root"]
    good = root is None or not roots or root in roots
    require(good, "proof_root", "The ledger has another root of the table's rows.")
    if root is not None and not roots:
        case.report.claimed("L0", "the root of the table's rows: the ledger has no entry of it")
    check_replacement_entries(case)
    _report_others(case, case.predicate["job"]["id"])


def _ledger_entry(case: Case, number: int, kind: str) -> dict[str, Any] | None:
    """Return an entry of the ledger; None if there is none of this number and kind."""
    return next((e for e in case.entries(kind) if e["number"] == number), None)


def check_draw_entry(case: Case) -> None:
    """Compare the draw with its one entry, or require that the ledger has none of it."""
    predicate, population = case.predicate, case.population
    job, plan, own = predicate["job"]["id"], predicate["plan"], predicate["ledger"]
    draws = len(case.own_entries("draw"))
    if own is None:
        require(not draws, "ledger_entry", "The ledger has the draw; `ledger` is null.")
        case.report.claimed("L0", "the draw is older than the ledger, which has no entry of it")
        return
    entry = _ledger_entry(case, own["number"], "draw")
    good = entry is not None and all(entry[k] == own[k] for k in ("digest", "previous_digest"))
    require(good, "ledger_entry", f"Entry {own['number']} isn't the draw's.")
    assert entry is not None
    due = {
        "job_id": job,
        "sample_commit_id": predicate["sample"]["commit_id"],
        "rows": predicate["sample"]["rows"],
        "population_commit_id": population["commit_id"],
        "table_key": population["table_key"],
        "plan_digest": plan and plan["digest"],
        "draw_sha256": draw_hash(case),
    }
    for name, value in due.items():
        if entry["body"][name] != value:
            raise Invalid("ledger_entry", f"The draw's entry has another `{name}`.")
    require(draws == 1, "ledger_entry", "The job has several draws.")


def check_plan_entry(case: Case) -> None:
    """Compare the plan with its entry, which is earlier than the draw's."""
    plan, own = case.predicate["plan"], case.predicate["ledger"]
    number = plan["ledger_number"]
    entry = _ledger_entry(case, number, "plan")
    good = (
        entry is not None
        and entry["recorded_at"] == plan["committed_at"]
        and all(entry["body"][k] == plan[k] for k in ("text", "digest"))
    )
    require(good, "plan_ledger", f"Entry {number} isn't the plan's.")
    if own is not None and number >= own["number"]:
        raise Invalid("plan_ledger", "The plan's entry isn't earlier than the draw's.")


def check_replacement_entries(case: Case) -> None:
    """Compare the replacements with their entries: all those from before ``issued_at``."""
    listed, recorded = case.predicate["replacements"], case.own_entries("replacement")
    names = ("round_number", "ordinal_out", "ordinal_in", "reason")
    mine = [([e["body"][k] for k in names], e["actor"]) for e in recorded]
    theirs = [([r[k] for k in names], r["recorded_by"]) for r in listed]
    if mine[: len(theirs)] != theirs:
        raise Invalid("ledger_entry", "The replacements aren't those of the ledger.")
    issued_at = case.predicate["issued_at"]
    early = [e for e in recorded[len(listed) :] if e["recorded_at"] < issued_at]
    if early:
        raise Invalid(
            "ledger_entry",
            "The ledger has a replacement from before `issued_at` that the certificate lacks.",
        )
    later = recorded[len(listed) :]
    if later:
        first = later[0]
        more = f", and {_counted(len(later) - 1, 'other')}" if len(later) > 1 else ""
        case.report.superseded = (
            f"a replacement followed (entry {first['number']} of the ledger, "
            f"{first['recorded_at']}){more}; ask for the newest certificate"
        )
        case.report.claimed(
            "L0", f"that these are the rows of the sample: superseded, {case.report.superseded}"
        )


def _report_others(case: Case, job: str) -> None:
    population, plan = case.population, case.predicate["plan"]
    bodies = [e["body"] for e in case.entries("draw") if e["body"]["job_id"] != job]
    versions = [
        b["population_commit_id"] for b in bodies if b["table_key"] == population["table_key"]
    ]
    same = versions.count(population["commit_id"])
    gone = {e["body"]["job_id"]: e["kind"] for e in case.entries("deletion", "restoration")}
    deleted = [name for name, kind in gone.items() if kind == "deletion"]
    text_ = f"the ledger has {_counted(same, 'other draw')} from this version of the table"
    text_ += f", {len(versions) - same} from other versions of it"
    if plan is not None:
        again = sum(b["plan_digest"] == plan["digest"] for b in bodies)
        text_ += f", {_counted(again, 'other draw')} by the same plan"
    text_ += f", and {_counted(len(deleted), 'deleted sample')}"
    if deleted:
        text_ += f" (jobs {', '.join(deleted[:10])}{' …' if len(deleted) > 10 else ''})"
    text_ += ", this one among them" if job in deleted else ""
    case.report.checked("L0", f"{text_}; previews of draws aren't in the ledger")
    _report_plans(case)


def _report_plans(case: Case) -> None:
    """Report the plans of the table that were never drawn, and those registered several times."""
    population, registered, elsewhere = case.population, defaultdict(list), 0
    for e in case.entries("plan"):
        digest, number = e["body"]["digest"], e["number"]
        good = sha256(e["body"]["text"].encode()) == digest
        require(good, "plan_digest", f"The digest of entry {number} isn't that of its plan.")
        content = parse_canonical(e["body"]["text"], f"the plan of entry {number}")
        PLAN(content, f"the plan of entry {number}")
        if content["table_key"] == population["table_key"]:
            if content["commit_id"] == population["commit_id"]:
                registered[digest].append(number)
            else:
                elsewhere += 1
    draws = Counter(e["body"]["plan_digest"] for e in case.entries("draw"))
    every = sum(map(len, registered.values()))
    never = sum(max(len(numbers) - draws[d], 0) for d, numbers in registered.items())
    again = [(d, numbers) for d, numbers in registered.items() if len(numbers) > 1]
    text_ = f"the ledger has {_counted(every, 'registered plan')} of this version of the table"
    text_ += f", of which at least {never} never drawn" if never else ""
    text_ += f", and {elsewhere} of other versions of it"
    case.report.checked("L0", text_)
    for d, numbers in again[:10]:
        listed = ", ".join(map(str, numbers[:10])) + (" …" if len(numbers) > 10 else "")
        case.report.checked(
            "L0",
            f"one plan (digest {d[:16]}) was registered {len(numbers)} times, by the entries "
            f"{listed}, and drawn {_counted(draws[d], 'time')}: each registration has another "
            "seed, so somebody may have chosen among them",
        )
    if len(again) > 10:
        case.report.checked("L0", f"and {len(again) - 10} more plans registered several times")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def merkle_root(leaf: bytes, index: int, count: int, path: list[bytes]) -> bytes:
    """Return the root that an audit path leads to (RFC 9162)."""
    node, last = hashlib.sha256(b"\0" + leaf).digest(), count - 1
    rest = list(path)
    while last > 0:
        if index & 1 or index < last:
            require(rest, "proof_path", "It is too short.")
            other = rest.pop(0)
            pair = other + node if index & 1 else node + other
            node = hashlib.sha256(b"\1" + pair).digest()
        index, last = index >> 1, last >> 1
    require(not rest, "proof_path", "It is too long.")
    return node


def _is_plain(kind: str) -> bool:
    """Tell whether the texts of a type have no comma."""
    names = r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DECIMAL\(.*\)|DOUBLE|FLOAT|REAL|BOOLEAN"
    names += r"|DATE|TIME.*|UUID"
    return re.fullmatch(names, kind) is not None and not kind.endswith("]")


def row_values(row: str, kinds: list[str], code: str = "proof_row") -> Row:
    """Split a row's text into the values of its columns."""
    source, position = row.encode("utf-8"), 0
    values: Row = []
    for k, kind in enumerate(kinds):
        if k:
            if source[position : position + 1] != b",":
                raise Invalid(code, "A comma is missing in the row's text.")
            position += 1
        if source[position : position + 1] == b"#":
            if _is_plain(kind):
                raise Invalid(code, f"A value of the type {kind[:40]} has a length.")
            match = re.compile(rb"#(0|[1-9][0-9]{0,9}):").match(source, position)
            require(match, code, "A length is wrong in the row's text.")
            assert match is not None
            end = match.end() + int(match[1])
            require(end <= len(source), code, "A length goes beyond the row's text.")
            values.append(source[match.end() : end].decode("utf-8"))
        else:
            known = (
                _is_plain(kind)
                or kind.startswith("ENUM")
                or source[position : position + 1] in (b"", b",")
            )
            require(known, code, f"A value of the type {kind[:40]} has no length.")
            end = source.find(b",", position)
            end = len(source) if end < 0 else end
            values.append(source[position:end].decode("utf-8") or None)
        position = end
    require(position == len(source), code, "The row's text goes on after the last column.")
    return values


def check_source(case: Case) -> None:
    """Check `source_draw` against the ledger's entry of the draw that made the table."""
    population = case.population
    source = population["source_draw"]
    bodies = [e["body"] for e in case.entries("draw")]
    made = [b for b in bodies if b["sample_commit_id"] == population["commit_id"]]
    if names_draws(case):
        check_left_out(case, bodies)
        return
    if made and case.version == 2:
        due = {b["draw_sha256"][:16] for b in made}
        require(source in due, "source_draw", f"The table was made by the draw {sorted(due)[0]}.")
    elif source is not None and not any(b["draw_sha256"][:16] == source for b in bodies):
        case.report.claimed("L0", f"the source_draw {source}: no draw of the ledger has it")


def check_left_out(case: Case, bodies: list[dict[str, Any]]) -> None:
    """Compare the `source_draw` with the draws of the ledger whose rows are left out."""
    why, source = case.table["left_out_by"], case.population["source_draw"]
    named = [b for b in bodies if b["job_id"] in why["job_ids"]]
    digests = sorted(b["draw_sha256"][:16] for b in named)
    tables = {"", *(b["draw_sha256"][:16] for b in bodies)}
    found = {sha256(",".join([table, *digests]).encode())[:16] for table in tables}
    if len(named) == len(why["job_ids"]) and source in found:
        case.report.checked("L0", "the source_draw is that of the draws whose rows are left out")
    else:
        case.report.claimed("L0", f"the source_draw {source}, which the manifest states")


def ledger_roots(case: Case) -> set[str]:
    """Return the roots of the table that the ledger has."""
    population = case.population
    due = [population["commit_id"], population["table_key"], population["file_rows"]]
    bodies = [e["body"] for e in case.entries("row_root")]
    return {b["root"] for b in bodies if [b["commit_id"], b["table_key"], b["rows"]] == due}


def check_proofs(case: Case) -> None:
    """Check the row proofs, and that they cover the sample."""
    proofs = read_proofs(case)
    roots = ledger_roots(case) | ({case.population["row_root"]} - {None})
    if roots and roots != {proofs["root"]}:
        raise Invalid("proof_root", "The proofs' root isn't that of the certificate or the ledger.")
    rows = proven_rows(case, proofs)
    drawn = {i for r in case.rounds for i in r.drawn()}
    places = {name: k for k, name in enumerate(case.types)}
    for rnd, ordinal, name, value in shown_cells(case):
        if ordinal in rows and rows[ordinal][places[name]] != value:
            raise Invalid(
                "proof_row",
                f"Row {ordinal} of round {rnd.number}: {name!r} differs from the sample.",
            )
    lacking = sorted(drawn - set(rows))
    if lacking:
        raise Invalid(
            "proof_missing",
            f"{len(lacking)} rows of the sample have no proof, such as {lacking[:3]}.",
        )
    if not roots:
        raise NotCheckable(
            "the proofs hold for a root that neither the certificate nor the ledger states"
        )
    added = {r["ordinal_in"] for r in case.predicate["replacements"]} - drawn - set(rows)
    if added:
        case.report.skipped("L3", f"{len(added)} rows that came in have no proof")
    case.report.checked(
        "L3", f"{len(rows)} rows belong to the table with the root {proofs['root']}"
    )


def read_proofs(case: Case) -> dict[str, Any]:
    """Return proofs.json, whose proofs are of the certificate's table."""
    proofs = parse_json(case.files["proofs"], "proofs.json")
    if not (isinstance(proofs, dict) and proofs.get("format") == "jobsvc-row-proofs-1"):
        raise Invalid("proof_format", "It is another.")
    PROOFS(proofs, "proofs")
    population = case.population
    due = (population["commit_id"], population["table_key"], population["file_rows"])
    if (proofs["commit_id"], proofs["table_key"], proofs["rows"]) != due:
        raise Invalid("proof_table", "The proofs are of another table.")
    result: dict[str, Any] = proofs
    return result


def proven_rows(case: Case, proofs: dict[str, Any]) -> dict[int, Row]:
    """Return the rows whose hashes lead to the root of the proofs."""
    root, count = bytes.fromhex(proofs["root"]), proofs["rows"]
    kinds = list(case.types.values())
    rows: dict[int, Row] = {}
    for proof in proofs["proofs"]:
        ordinal, leaf = proof["ordinal"], proof["leaf"]
        require(ordinal < count, "proof_ordinal", f"There is no row {ordinal}.")
        length = min(16, count - ordinal // 16 * 16)
        if len(leaf) != length:
            raise Invalid(
                "proof_leaf", f"The leaf of row {ordinal} has {len(leaf)} rows, not {length}."
            )
        found = sha256(bytes.fromhex(proof["salt"]) + proof["row"].encode("utf-8"))
        if found != leaf[ordinal % 16]:
            raise Invalid("proof_row", f"The hash of row {ordinal} isn't in its leaf.")
        node = merkle_root(
            b"".join(map(bytes.fromhex, leaf)),
            ordinal // 16,
            -(-count // 16),
            [bytes.fromhex(h) for h in proof["path"]],
        )
        require(node == root, "proof_path", f"The path of row {ordinal} leads to another root.")
        require(ordinal not in rows, "proof_ordinal", f"Row {ordinal} has two proofs.")
        good = case.row_texts.get(ordinal, proof["row"]) == proof["row"]
        require(good, "row_text", f"data.csv has another text of row {ordinal} than its proof.")
        rows[ordinal] = row_values(proof["row"], kinds)
    return rows


def check_plan(case: Case) -> None:
    """Check that the plan's text, digest and rounds are those of the certificate."""
    plan, population = case.predicate["plan"], case.population
    if sha256(plan["text"].encode("utf-8")) != plan["digest"]:
        raise Invalid("plan_digest", "It isn't the SHA-256 of the text.")
    content = parse_canonical(plan["text"], "the plan's text")
    PLAN(content, "plan")
    good = (
        content["commit_id"] == population["commit_id"]
        and content["table_key"] == population["table_key"]
    )
    if not (good and content["dataset_id"] == case.predicate["job"]["dataset_id"]):
        raise Invalid("plan_text", "It is of another table.")
    rounds = [
        {"filter": r.filter, "method": r.method, "parameters": r.parameters, **r.stated_order}
        for r in case.rounds
    ]
    require(content["rounds"] == rounds, "plan_text", "Its rounds aren't those of the certificate.")
    goals = content.get("goals", rounds)
    require(len(goals) == len(rounds), "plan_text", "It has goals of another number of rounds.")


def seconds(moment: str) -> Fraction:
    """Return a time in Unix seconds."""
    whole_part = int(datetime.fromisoformat(moment[:19] + "+00:00").timestamp())
    return whole_part + Fraction(int(moment[20:26]), 1_000_000)


def check_origin(case: Case) -> str | None:
    """Check the text of the seed; return why the seed may have been chosen, if it may."""
    origin, plan = case.predicate["seed_origin"], case.predicate["plan"]
    kind = origin["kind"]
    if kind not in ("beacon", "dice"):
        return f"the seed's kind is {kind}, so nothing excludes that somebody chose it"
    require(plan is not None, "plan_missing", f"A seed of the kind {kind} needs a plan.")
    if kind == "dice":
        due = f"dice:{origin['digits']}:{plan['digest']}"
    else:
        randomness = sha256(bytes.fromhex(origin["signature"]))
        due = f"beacon:{origin['chain']}:{origin['round']}:{randomness}:{plan['digest']}"
    good = all(r["seed"] == due for r in case.predicate["rounds"])
    require(good, "seed_text", f"A round's seed isn't {due[:100]}…")
    case.report.checked("L4", f"the seed is the text of {kind} and plan")
    if kind == "dice":
        case.report.claimed(
            "L4", f"the digits, by the witnesses {', '.join(origin['witnesses'])[:200]}"
        )
        case.report.condition = (
            "L4 holds if the witnesses saw these digits after the plan was registered."
        )
        return None
    if origin["chain"] not in DRAND:
        return (
            "claimed, not checked: the beacon's chain isn't known here, so neither the time nor "
            "the signature of its round can be checked"
        )
    chain = DRAND[origin["chain"]]
    committed = seconds(plan["committed_at"])
    moment = chain.first + (origin["round"] - 1) * chain.period
    if moment <= committed:
        raise Invalid(
            "beacon_too_early",
            f"Round {origin['round']} of drand {chain.name} came at "
            f"{datetime.fromtimestamp(moment, UTC).isoformat()}, not after the plan's "
            f"registration at {plan['committed_at']}.",
        )
    if moment - chain.period > committed:
        raise Invalid("beacon_round", "It isn't the first round after `committed_at`.")
    case.report.checked("L4", "the beacon's round is the first one after `committed_at`")
    reason = check_beacon(case.report, chain, origin)
    if reason is not None:
        return (
            f"claimed, not checked: {reason}; compare the randomness {randomness} with the "
            f"publication of round {origin['round']} of drand {chain.name}"
        )
    case.report.condition = (
        "L4 holds if the plan was registered at its time: that is a claim, unless you got the head "
        "of a ledger with the plan before the beacon's round."
    )
    times = sum(e["body"]["digest"] == plan["digest"] for e in case.entries("plan"))
    if times > 1:
        case.report.condition += (
            f" And the plan was registered {times} times, each time with another seed: L4 doesn't "
            "exclude that somebody chose among them."
        )
    return None


def check_beacon(report: CheckReport, chain: Drand, origin: dict[str, Any]) -> str | None:
    """Check the beacon's BLS signature; return why it can't be checked here, if it can't."""
    number, signature = origin["round"], bytes.fromhex(origin["signature"])
    if len(signature) != chain.signature_bytes:
        raise Invalid(
            "beacon_signature",
            f"A signature of drand {chain.name} has {chain.signature_bytes} bytes.",
        )
    if chain.chained and "previous_signature" not in origin:
        return "the certificate lacks the signature of the round before, which the round signs"
    previous = bytes.fromhex(origin.get("previous_signature", ""))
    good = chain.chained or not previous
    require(good, "beacon_signature", f"Rounds of drand {chain.name} don't sign the one before.")
    message = hashlib.sha256(previous + number.to_bytes(8, "big")).digest()
    valid = bls_valid(bytes.fromhex(chain.key), message, signature)
    if valid is None:
        return "the package py-ecc, which verifies the beacon's signature, isn't installed here"
    require(
        valid,
        "beacon_signature",
        f"It isn't the signature of round {number} by the key {chain.key} of drand {chain.name}.",
    )
    report.checked(
        "L4", f"the signature of round {number} by the key {chain.key} of drand {chain.name}"
    )
    return None


def bls_valid(key: bytes, message: bytes, signature: bytes) -> bool | None:
    """Verify a BLS12-381 signature of 48 bytes (in G1) or 96 (in G2); None without py-ecc.

    e(key, H(message)) = e(generator, signature), where the pairing takes G2 and G1.
    """
    limit = sys.getrecursionlimit()
    try:
        import py_ecc  # noqa: F401

        sys.setrecursionlimit(limit)  # py-ecc raises it, and nested JSON would end the program
        from py_ecc.bls import g2_primitives, hash_to_curve
        from py_ecc.optimized_bls12_381 import optimized_curve, optimized_pairing
    except ImportError:
        sys.setrecursionlimit(limit)
        return None
    name = "G1" if len(signature) == 48 else "G2"
    domain = f"BLS_SIG_BLS12381{name}_XMD:SHA-256_SSWU_RO_NUL_".encode()
    decode: dict[int, Any] = {48: g2_primitives.pubkey_to_G1, 96: g2_primitives.signature_to_G2}
    try:
        point, public = decode[len(signature)](signature), decode[len(key)](key)
    except (KeyError, ValueError):
        return False
    if optimized_curve.is_inf(point) or not g2_primitives.subgroup_check(point):
        return False
    to_curve: Any = getattr(hash_to_curve, f"hash_to_{name}")
    hashed = to_curve(message, domain, hashlib.sha256)
    if name == "G1":
        pairs = ((public, hashed), (optimized_curve.neg(optimized_curve.G2), point))
    else:
        pairs = ((hashed, public), (point, optimized_curve.neg(optimized_curve.G1)))
    one = two = optimized_curve.FQ12.one()
    for q, p in pairs:
        two *= optimized_pairing.pairing(q, p, final_exponentiate=False)
    return bool(optimized_pairing.final_exponentiate(two) == one)


# --- the evaluation: arithmetic ---

EVALUATION = "E"  # the level of its lines
SHARE_TOLERANCE = 1e-9  # relative
MAX_STRATA = 200  # of which a certificate lists the errors
AMOUNT_TOLERANCE = 1.01  # units of the last decimal place that is stated


def bisect(is_above: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition becomes true between two numbers."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return (low + high) / 2


def binomial_at_most(errors: int, size: int, share: float) -> float:
    """P(X ≤ errors) of the binomial distribution."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 1.0 if errors >= size else 0.0
    ratio = math.log(share) - math.log1p(-share)
    log_term = size * math.log1p(-share)
    total = 0.0
    for k in range(errors + 1):
        total += math.exp(log_term)
        log_term += math.log((size - k) / (k + 1)) + ratio if k < size else -math.inf
    return total


def poisson_at_most(errors: int, mean: float) -> float:
    """P(X ≤ errors) of the Poisson distribution."""
    if mean <= 0:
        return 1.0
    terms = (math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(errors + 1))
    return math.fsum(terms)


def binomial_limit(errors: int, size: int, confidence: float) -> float:
    """Clopper and Pearson's upper limit: the share at which P(X ≤ errors) is 1 - confidence."""
    if errors >= size:
        return 1.0
    risk = 1 - confidence
    return bisect(lambda share: binomial_at_most(errors, size, share) < risk, 0.0, 1.0)


def poisson_factor(errors: int, confidence: float) -> float:
    """Return the mean at which P(X ≤ errors) is 1 - confidence."""
    risk, high = 1 - confidence, 2.0 * errors + 50
    while poisson_at_most(errors, high) > risk:
        high *= 2
    return bisect(lambda mean: poisson_at_most(errors, mean) < risk, 0.0, high)


def upper_share(errors: int, size: int, confidence: float, likelihood: str) -> float:
    if likelihood == "poisson":
        return poisson_factor(errors, confidence) / size
    return binomial_limit(errors, size, confidence)


def hypergeometric_ways(errors: int, rows: int, wrong: int, size: int) -> int:
    """Count the samples of ``size`` of the rows that have at most ``errors`` wrong ones."""
    right = rows - wrong
    return sum(
        math.comb(wrong, k) * math.comb(right, size - k) for k in range(min(errors, size) + 1)
    )


def most_wrong(risk: Fraction, errors: int, size: int, rows: int) -> int:
    """Return the most wrong rows at which so few errors have at least the risk as probability."""
    all_ways = math.comb(rows, size)
    low, high = errors, rows - (size - errors)
    while low < high:
        middle = (low + high + 1) // 2
        ways = hypergeometric_ways(errors, rows, middle, size)
        if ways * risk.denominator < risk.numerator * all_ways:
            high = middle - 1
        else:
            low = middle
    return low


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function (Lentz)."""
    tiny, c, d = 1e-300, 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    total = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + numerator / c
            c = c if abs(c) > tiny else tiny
            total *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return total


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution above its median."""

    def at_most(t: float) -> float:
        return 1 - incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2

    high = 2.0
    while at_most(high) < probability:
        high *= 2
    return bisect(lambda t: at_most(t) > probability, 0.0, high)


def gaffke_limit(taints: list[float], size: int, confidence: float) -> float:
    """Return Gaffke's limit of the mean of ``size`` taints; those that aren't given are 0.

    P(D0 + sum of t·D > x), D uniform on a simplex, is a divided difference of (t - x)^n above x,
    computed by its recurrence over the values above x and below it, whose terms are positive.
    """
    values = sorted([1.0, *taints, *[0.0] * (size - len(taints))])

    def above(x: float) -> float:
        low = [value for value in values if value <= x]
        high = [value for value in values if value > x]
        row = [1.0] * (len(high) + 1)  # no value below x: surely above
        row[0] = 0.0
        for smaller in low:
            before, row = row, [0.0]
            for at, larger in enumerate(high, 1):
                part = (larger - x) * before[at] + (x - smaller) * row[at - 1]
                row.append(part / (larger - smaller))
        return row[-1]

    if values[0] == 1:
        return 1.0
    return bisect(lambda x: above(x) < 1 - confidence, values[0], 1.0)


def log_choose(whole_: int, part: int) -> float:
    return math.lgamma(whole_ + 1) - math.lgamma(part + 1) - math.lgamma(whole_ - part + 1)


# --- the evaluation: the certificate ---

FINDING = record(
    "by: text; at: time; note_sha256: hash; cause_text: text",
    outcome=one_of("ok", "exception", "not_applicable", "not_examinable"),
    audit_value=nullable(text(500, r"-?[0-9]+(\.[0-9]+)?")),
    deviations=items(text(), 0, 1000),
    cause=nullable(text()),
    carried_from=nullable(text()),
)
DECIMAL = nullable(text(500, r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"))
ARITHMETIC = items(record("name formula: text", value=number))
CHOICES: dict[str, Schema] = {
    "likelihood": nullable(one_of("poisson", "binomial", "hypergeometric")),
    "sides": nullable(one_of("one", "two")),
    "bound": nullable(one_of("stringer", "gaffke")),
    "estimator": nullable(one_of("difference", "ratio", "regression", "mean_per_unit")),
    "lonely_stratum": nullable(one_of("fail", "adjust", "average")),
    "book_column": nullable(COLUMN),
    "score_column": nullable(COLUMN),
    "programme": anything,
}
CLAIMS: dict[str, Schema] = {
    "assurance": record("sentence source: text", status=one_of("proved", "customary", "can_fail")),
    "departure": nullable(text()),
    "notes": items(text()),
    "caveats": items(text()),
    "other_samples_total": integer(),
}
EVALUATION_PREDICATE = record(
    "issued_at: time",
    {
        "programme_rules": record(
            "calculation: text?; limit: text",
            {"not_reproduced": integer(1)},
            least_rows=nullable(integer(1)),
            conclusions=members(
                dict.fromkeys(("tolerable", "not_supported", "inconclusive", "statement"), text())
            ),
        )
    },
    attachments=items(
        record(
            "file_name by: text; sha256: hash; size_bytes: integer; at: time",
            row=nullable(integer()),
        ),
        0,
        100_000,
    ),
    reconciliation=items(
        record(
            "column_name column_sum balance difference reference explanation by: text; at: time"
        ),
        0,
        10_000,
    ),
    issue=integer(1),
    engine=record("name version: text"),
    job=record("id: text; dataset_id: integer"),
    sample=record("commit_id certificate_sha256: hash", certificate_issue=integer(1)),
    review=members(
        state=one_of("open", "submitted", "signed_off", "approved"),
        steps=items(
            record(
                "by: text; at: time; note_sha256: hash",
                action=one_of(
                    *("submitted", "withdrawn", "returned", "signed_off", "approved", "reopened")
                ),
                conclusion=nullable(text()),
            )
        ),
    ),
    attributes=items(text(), 0, 1000),
    book_column=nullable(COLUMN),
    items=items(
        members(drawn=integer(), examined=integer(), book_value=DECIMAL, finding=nullable(FINDING)),
        1,
        10_000,
    ),
    replacements=integer(),
    planned_rule=nullable(record("first second accept_first accept_both: integer")),
    entries=record("count corrected: integer; sha256: hash"),
    auditors_conclusion=nullable(record("text by: text; at: time")),
    request=members(
        CHOICES,
        kind=one_of("attributes", "two_stage", "monetary_unit", "variables", "sequential"),
        confidence=number,
        tolerable=DECIMAL,
    ),
    result=nullable(members(CLAIMS, more=True, kind=text(), conclusion=anything)),
    not_evaluated=nullable(text()),
    papers=items(
        record(
            "sha256: hash; evaluation_sha256: hash?; recorded_at: time; "
            "recorded_by format language paper_number review_state: text",
            ledger_number=integer(1),
            number=integer(1),
        )
    ),
)
EVALUATION_STATEMENT = members(
    _type=one_of("https://in-toto.io/Statement/v1"),
    subject=items(members(name=text(), digest=members(sha256=HASH)), 2, 2),
    predicateType=one_of("urn:jobsvc:evaluation-certificate:1"),
    predicate=EVALUATION_PREDICATE,
)
STATE_AFTER = {each: each for each in ("submitted", "signed_off", "approved")}  # others: open


@dataclass
class StatedEvaluation:
    """A certificate of an evaluation, with what the sample's certificate says of its rows."""

    case: Case
    stated: dict[str, Any]
    books: list[Fraction | None] = field(default_factory=list)
    own: tuple[bool | None, str] | None = None  # what the kind concludes, under a programme
    signed: str | None = None  # the conclusion that was signed off
    projection: Projection | None = None
    money: MonetaryResult | None = None

    @property
    def request(self) -> dict[str, Any]:
        value: dict[str, Any] = self.stated["request"]
        return value

    @property
    def result(self) -> dict[str, Any]:
        value: dict[str, Any] = self.stated["result"]
        return value

    @property
    def items(self) -> list[dict[str, Any]]:
        value: list[dict[str, Any]] = self.stated["items"]
        return value

    def checked(self, text: str) -> None:
        self.case.report.checked(EVALUATION, text)

    def claimed(self, text: str) -> None:
        self.case.report.claimed(EVALUATION, text)

    def skipped(self, text: str) -> None:
        self.case.report.skipped(EVALUATION, text)

    @property
    def by_programme(self) -> bool:
        return "programme" in self.request or "programme" in self.result

    @property
    def confidence(self) -> float:
        return float(self.request["confidence"])

    @property
    def tolerable(self) -> Fraction | None:
        given = self.request["tolerable"]
        return None if given is None else exact_number(given)

    def choice(self, name: str, usual: str) -> str:
        """Return a parameter of the request, which the result must have, too."""
        value: str = self.request.get(name) or usual
        same(self.result, name, value)
        return value

    def audit_value(self, place: int) -> Fraction:
        """Return the audit value of an item by its finding (ISA 530 ¶11)."""
        finding, book = self.items[place]["finding"], self.book(place)
        if finding["outcome"] == "not_applicable":
            return book
        if finding["audit_value"] is not None:
            return exact_number(finding["audit_value"])
        if finding["outcome"] == "exception":
            raise Invalid("evaluation_items", f"Item {place + 1} is wrong without an audit value.")
        return book if finding["outcome"] == "ok" else Fraction(0)

    def book(self, place: int) -> Fraction:
        value = self.books[place]
        require(value is not None, "evaluation_items", f"Item {place + 1} has no book value.")
        assert value is not None
        return value

    def facts_of_items(self) -> list[tuple[StatedRound, int]]:
        """Return the round of each item, and its place among the round's rows."""
        every = [(rnd, at) for rnd in self.case.rounds for at in range(rnd.rows)]
        return every[: len(self.items)]


def outcome_of(item: dict[str, Any]) -> str | None:
    return None if item["finding"] is None else str(item["finding"]["outcome"])


def is_exception(item: dict[str, Any]) -> bool:
    return outcome_of(item) in ("exception", "not_examinable")


def require_figure(condition: object, text: str) -> None:
    """Refuse a figure of the evaluation unless the condition holds."""
    require(condition, "evaluation_figure", text)


def same(result: dict[str, Any], name: str, value: Any) -> None:
    """Refuse a figure of the result that isn't the recomputed one."""
    stated = result.get(name)
    if isinstance(value, float) and isinstance(stated, int | float):
        good = abs(stated - value) <= SHARE_TOLERANCE * max(abs(value), abs(stated), 1e-6)
    else:
        good = stated == value and isinstance(stated, bool) == isinstance(value, bool)
    shown = f"{value:.12g}" if isinstance(value, float) else repr(value)[:80]
    require_figure(good, f"`{name}` is {str(stated)[:80]!r}; the findings give {shown}.")


def same_amount(
    result: dict[str, Any], name: str, value: float | Fraction, slack: float = 0
) -> None:
    """Refuse an amount, a decimal text, that differs by more than a unit of its last place."""
    stated = result.get(name)
    good = isinstance(stated, str) and _NUMBER.fullmatch(stated) is not None
    require_figure(good, f"`{name}` isn't a decimal text.")
    unit = 10.0 ** -len(str(stated).partition(".")[2])
    difference = abs(float(exact_number(str(stated)) - Fraction(value)))
    good = difference <= AMOUNT_TOLERANCE * unit + SHARE_TOLERANCE * abs(float(value)) + slack
    require_figure(good, f"`{name}` is {str(stated)[:60]}; the findings give {float(value):.6f}.")


def verify_evaluation(case: Case) -> None:
    """Check evaluation.json against the sample's certificate, and recompute its figures."""
    report, found = case.report, list[StatedEvaluation]()
    with report.check(EVALUATION, "the certificate of the evaluation", say=False):
        envelope = parse_json(case.files["evaluation"], "evaluation.json")
        payload = open_envelope(envelope, "evaluation", STATEMENT_TYPE, case.key)
        statement = parse_canonical(payload, "the evaluation's statement")
        EVALUATION_STATEMENT(statement, "evaluation")
        report.checked(EVALUATION, f"the signature is of the key {sha256(case.key)}")
        check_binding(case, statement)
        report.checked(EVALUATION, "it is of this sample and of this certificate of it")
        stated = statement["predicate"]
        good = (stated["result"] is None) != (stated["not_evaluated"] is None)
        require(good, "evaluation_conclusion", "It has a result and why there is none, or neither.")
        found.append(StatedEvaluation(case, stated))
    if not found:
        return
    (evaluation,) = found
    done = len(report.refusals)
    report.run(
        EVALUATION, "its rows are the drawn ones, or their replacements", check_items, evaluation
    )
    report.run(EVALUATION, "the steps of the review", check_review, evaluation)
    if "ledger" in case.files and case.ledger is not None:
        report.run(
            EVALUATION,
            "its entry and those of papers in the ledger",
            check_evaluation_entries,
            evaluation,
            sha256(payload),
        )
    report.run(EVALUATION, "papers and attached files", check_files, evaluation, say=False)
    if evaluation.stated["book_column"] is not None:
        report.run(EVALUATION, "book values", check_books, evaluation, say=False)
    report.claimed(
        EVALUATION, "what was found in each row: reviewers’ word, and who entered it when"
    )
    if len(report.refusals) > done:
        return
    if evaluation.stated["result"] is None:
        reason, signed = evaluation.stated["not_evaluated"], evaluation.signed
        also = "" if signed is None else f" This conclusion was signed off: {signed}"
        report.skipped(EVALUATION, f"there is no evaluation: {reason}{also}")
        return
    recompute(evaluation)


def check_binding(case: Case, statement: dict[str, Any]) -> None:
    """Check that the evaluation is of this certificate, byte for byte."""
    stated, own = statement["predicate"], case.predicate
    code = "evaluation_binding"
    good = stated["job"]["id"] == own["job"]["id"]
    require(good, code, f"It is of another sample: job {stated['job']['id'][:40]}.")
    issue = stated["sample"]["certificate_issue"]
    envelope = parse_json(case.files["certificate"], "certificate.json")
    payload = decode_base64(envelope["payload"], "certificate.payload")
    good = issue == own["issue"] and stated["sample"]["certificate_sha256"] == sha256(payload)
    require(good, code, f"It is of certificate {issue} of the sample; this one is {own['issue']}.")
    due = [stated["sample"]["certificate_sha256"], stated["sample"]["commit_id"]]
    named = [each["digest"]["sha256"] for each in statement["subject"]]
    good = (
        named == due
        and stated["sample"]["commit_id"] == own["sample"]["commit_id"]
        and stated["job"]["dataset_id"] == own["job"]["dataset_id"]
        and statement["subject"][0]["name"] == "sample-certificate"
        and f"{statement['subject'][1]['name']}.csv" == case.statement["subject"][-1]["name"]
    )
    require(good, code, "Its subjects aren't the certificate and the sample.")


def check_items(evaluation: StatedEvaluation) -> None:
    """Check that the items are the drawn rows in their order, or the first of them."""
    case, code = evaluation.case, "evaluation_items"
    stated, items_ = evaluation.stated, evaluation.items
    drawn = [ordinal for rnd in case.rounds for ordinal in rnd.drawn()]
    is_part = len(items_) < len(drawn)
    good = [item["drawn"] for item in items_] == drawn[: len(items_)]
    require(good, code, "The drawn rows aren't those of the certificate in their order.")
    good = not is_part or stated["request"]["kind"] == "two_stage" or stated["result"] is None
    require(good, code, "Drawn rows are missing.")
    came_in = {r["ordinal_out"]: r["ordinal_in"] for r in case.predicate["replacements"]}
    good = stated["replacements"] == len(came_in)
    require(good, code, f"It counts {stated['replacements']} replacements, not {len(came_in)}.")
    for place, item in enumerate(items_, 1):
        row = item["drawn"]
        for _ in came_in:  # a replacement can be replaced, too
            row = came_in.get(row, row)
        require(
            item["examined"] == row,
            code,
            f"Item {place} examines row {item['examined']}, not {row}.",
        )
        finding = item["finding"]
        if finding is None:
            continue
        good = set(finding["deviations"]) <= set(stated["attributes"])
        require(
            good and (not finding["deviations"] or finding["outcome"] == "exception"),
            code,
            f"Item {place} deviates from an attribute that isn't tested, or isn't wrong.",
        )
    examined = sum(item["finding"] is not None for item in items_)
    counts = stated["entries"]
    require(counts["count"] >= examined, code, "There are fewer entries than findings.")
    good = 0 <= counts["corrected"] <= counts["count"] - examined
    require(good, code, "More entries were corrected than there are.")
    check_dates(evaluation)


def check_dates(evaluation: StatedEvaluation) -> None:
    """Check that findings follow the draw, and the certificate all that it states."""
    stated, begun = evaluation.stated, evaluation.case.predicate["job"]["created_at"]
    findings = [item["finding"] for item in evaluation.items if item["finding"]]
    own = [f["at"] for f in findings if f["carried_from"] is None]
    steps = [step["at"] for step in stated["review"]["steps"]]
    require(min(own + steps, default=begun) >= begun, "evaluation_items", "It was before the draw.")
    times = [*own, *steps, *(paper["recorded_at"] for paper in stated["papers"])]
    good = max(times, default=begun) <= stated["issued_at"]
    require(good, "evaluation_items", "A finding, step or paper is later than `issued_at`.")


def check_review(evaluation: StatedEvaluation) -> None:
    """Check the order of the steps, and that another person signed off."""
    stated, state, last = evaluation.stated, "open", None
    before = {
        "submitted": ("open",),
        "withdrawn": ("submitted",),
        "returned": ("submitted",),
        "signed_off": ("submitted",),
        "approved": ("signed_off",),
        "reopened": ("signed_off", "approved"),
    }
    for step in stated["review"]["steps"]:
        good = state in before[step["action"]] and (last is None or last <= step["at"])
        require(good, "evaluation_review", f"The step {step['action']} doesn't follow {state}.")
        good = step["conclusion"] is None or step["action"] == "signed_off"
        require(good, "evaluation_review", f"The step {step['action']} keeps no conclusion.")
        state, last = STATE_AFTER.get(step["action"], "open"), step["at"]
    good = stated["review"]["state"] == state
    require(
        good, "evaluation_review", f"After the steps the findings are {state.replace('_', ' ')}."
    )
    if state not in ("signed_off", "approved"):
        evaluation.claimed(f"the findings aren't signed off: they are {state}, and can change")
        return
    steps = stated["review"]["steps"]
    signed = next(step for step in reversed(steps) if step["action"] == "signed_off")
    check_persons(evaluation, signed)
    result, evaluation.signed = stated["result"], signed["conclusion"]
    if result is not None and signed["conclusion"] is not None:
        now = result["conclusion"] and result["conclusion"]["sentence"]
        good = now == signed["conclusion"]
        require(good, "evaluation_conclusion", "The conclusion isn't the one that was signed off.")
    elif result is not None and result["conclusion"] is not None:
        kept = signed_in_ledger(evaluation)
        require(
            kept is None, "evaluation_conclusion", "The sign-off kept an evaluation, but not this."
        )
        evaluation.claimed("that the conclusion was signed off: the sign-off states none")


def check_persons(evaluation: StatedEvaluation, signed: dict[str, Any]) -> None:
    """Check that others prepared what was signed off and approved."""
    stated, code = evaluation.stated, "evaluation_review"
    steps, findings = stated["review"]["steps"], [i["finding"] for i in evaluation.items]
    prepared = [
        *(each for each in findings if each),
        *(step for step in steps if step["action"] == "submitted"),
        *stated["attachments"],
        *([stated["auditors_conclusion"]] if stated["auditors_conclusion"] else []),
    ]
    preparers = {each["by"] for each in prepared}
    require(signed["by"] not in preparers, code, "Who signed off prepared the findings.")
    good = all(each is None or each["at"] <= signed["at"] for each in findings)
    require(good, code, "A finding is later than the sign-off.")
    evaluation.checked(f"who signed off prepared no finding: {signed['by']}, {signed['at']}")
    if stated["review"]["state"] == "approved":
        signers = {step["by"] for step in steps if step["action"] == "signed_off"}
        good = steps[-1]["by"] not in preparers | signers
        require(good, code, "Who approved prepared the findings or signed them off.")
        by, at = steps[-1]["by"], steps[-1]["at"]
        evaluation.checked(f"who approved neither prepared nor signed off: {by}, {at}")


def signed_in_ledger(evaluation: StatedEvaluation) -> str | None:
    """Return the digest of what the newest sign-off kept; None without it or an entry of it."""
    digests = [
        entry["body"]["evaluation_sha256"]
        for entry in evaluation.case.own_entries("review")
        if entry["body"]["step"] == "signed_off"
        and entry["recorded_at"] <= evaluation.stated["issued_at"]
    ]
    return digests[-1] if digests else None


def check_evaluation_entries(evaluation: StatedEvaluation, digest: str) -> None:
    """Compare the evaluation with its entry of the ledger; a later one supersedes it."""
    case, stated = evaluation.case, evaluation.stated
    about = case.own_entries()
    issued = [e for e in about if e["kind"] == "evaluation"]
    own = [e for e in issued if e["body"].get("issue") == stated["issue"]]
    good = len(own) == 1 and own[0]["body"].get("payload_sha256") == digest
    require(good, "evaluation_ledger", f"The ledger has no entry of it. {OLDER_LEDGER}")
    body, commit = own[0]["body"], stated["sample"]["commit_id"]
    good = body["review_state"] == stated["review"]["state"] and body["sample_commit_id"] == commit
    require(good, "evaluation_ledger", "Its entry has another state of the review, or sample.")
    papers = [e for e in about if e["kind"] == "paper" and e["number"] < own[0]["number"]]
    due = [
        {
            "ledger_number": e["number"],
            "recorded_at": e["recorded_at"],
            "recorded_by": e["actor"],
            **{name: value for name, value in e["body"].items() if name != "job_id"},
        }
        for e in papers
    ]
    require(stated["papers"] == due, "evaluation_paper", "The papers aren't those of the ledger.")
    check_steps_in_ledger(evaluation, about, own[0]["number"])
    later = first_later_entry(about, own[0]["number"])
    if later:
        case.report.superseded = case.report.superseded or (
            f"{later[1]} (entry {later[0]['number']} of the "
            f"ledger, {later[0]['recorded_at']}); ask for the newest"
        )
        evaluation.claimed(f"that this is the evaluation: superseded, {case.report.superseded}")


def check_steps_in_ledger(
    evaluation: StatedEvaluation, about: list[dict[str, Any]], number: int
) -> None:
    """Compare sign-offs and reopenings with the ledger; those before its first one aren't in it."""
    entered = [
        [e["body"]["step"], e["actor"]]
        for e in about
        if e["kind"] == "review" and e["number"] < number
    ]
    steps = [
        [step["action"], step["by"]]
        for step in evaluation.stated["review"]["steps"]
        if step["action"] in ("signed_off", "approved", "reopened")
    ]
    good = len(entered) <= len(steps) and entered == steps[len(steps) - len(entered) :]
    require(good, "evaluation_ledger", "Its sign-offs and reopenings aren't those of the ledger.")
    if len(entered) < len(steps):
        evaluation.claimed("sign-offs from before the ledger had entries of them")


def first_later_entry(
    about: list[dict[str, Any]], number: int
) -> tuple[dict[str, Any], str] | None:
    """Return the first entry that makes the evaluation at an entry an earlier one, in words."""
    known = None
    for entry in about:
        kind, body = entry["kind"], entry["body"]
        evaluated = body.get("evaluation_sha256")
        if entry["number"] > number:
            if kind == "evaluation":
                return entry, "another certificate of the evaluation followed"
            if kind == "review":
                step = body["step"].replace("_", " ")
                return entry, f"the findings were {step} after this certificate"
            if kind == "paper" and None not in (evaluated, known) and evaluated != known:
                return entry, "a working paper of another evaluation followed"
        elif evaluated is not None:
            known = evaluated
    return None


def papers_together(case: Case) -> set[str]:
    """Return the hashes of the papers on this sample and others, by the ledger."""
    job, bodies = case.predicate["job"]["id"], [e["body"] for e in case.entries("combined_paper")]
    return {body["sha256"] for body in bodies if job in body["job_ids"]}


def check_files(evaluation: StatedEvaluation) -> None:
    """Compare the hashes of the papers and attached files that are given with the stated ones."""
    stated = evaluation.stated
    for kind, noun in (("papers", "working paper"), ("attachments", "attached file")):
        due = {each["sha256"] for each in stated[kind]}
        given = {n: c for n, c in evaluation.case.files.items() if n.startswith(f"{kind}/")}
        more = papers_together(evaluation.case) if kind == "papers" else set()
        for name, content in given.items():
            good, code = sha256(content) in due | more, f"evaluation_{kind[:-1]}"
            require(good, code, f"{name[:80]} isn't one that the evaluation states.")
        if given:
            evaluation.checked(f"{_counted(len(given), noun)}, by the hash")
        left = len(due - {sha256(content) for content in given.values()})
        if left:
            evaluation.skipped(f"{_counted(left, noun)}: not given")
    rows = {row for rnd in evaluation.case.rounds for row in rnd.drawn()}
    rows |= {each["ordinal_in"] for each in evaluation.case.predicate["replacements"]}
    good = all(each["row"] is None or each["row"] in rows for each in stated["attachments"])
    require(good, "evaluation_attachment", "A file is attached to a row that wasn't drawn.")
    for each in stated["reconciliation"]:
        column_sum, balance, difference = (
            exact_number(each[name]) for name in ("column_sum", "balance", "difference")
        )
        good = column_sum - balance == difference
        require(good, "evaluation_balance", f"The difference of {each['column_name']} is wrong.")
    if stated["reconciliation"]:
        evaluation.claimed("the balances with which sums of the table were compared")


def check_without_evaluation(case: Case) -> None:
    """Compare given papers with the ledger alone, and say what isn't checked."""
    report, about = case.report, case.own_entries("evaluation", "paper", "review")
    if about:
        first = about[0]
        report.skipped(
            EVALUATION,
            "the evaluation: evaluation.json wasn't given, though the ledger has "
            f"{rows_text(len(about), 'entry', 'entries')} of it, the first with the number "
            f"{first['number']} ({first['kind']})",
        )
    issued = {e["body"]["sha256"] for e in about if e["kind"] == "paper"} | papers_together(case)
    papers, attached = (
        [name for name in case.files if name.startswith(f"{folder}/")] for folder in MORE_FOLDERS
    )
    if papers and case.ledger is not None:
        for name in papers:
            good = sha256(case.files[name]) in issued
            require(good, "evaluation_paper", f"{name[:80]} isn't one that the ledger has.")
        report.checked(EVALUATION, f"{_counted(len(papers), 'working paper')}, by the ledger")
    elif papers:
        reason = "neither ledger.json nor evaluation.json was given"
        report.skipped(EVALUATION, f"{_counted(len(papers), 'working paper')}: {reason}")
    if attached:
        reason = "evaluation.json wasn't given"
        report.skipped(EVALUATION, f"{_counted(len(attached), 'attached file')}: {reason}")


SEAL = members(
    more=True,
    engagement=members(more=True, id=integer()),
    samples=items(members(more=True, job_id=text(), paper_sha256=nullable(HASH))),
    sealed_by=text(),
)


def check_seal(case: Case) -> None:
    """Compare the seal of the engagement with the ledger, and its paper of the sample."""
    content, job = case.files["seal"], case.predicate["job"]["id"]
    seal = parse_canonical(content, "seal.json")
    SEAL(seal, "seal")
    papers = {each["job_id"]: each["paper_sha256"] for each in seal["samples"]}
    require(job in papers, "seal", "This sample isn't in it.")
    if case.ledger is None:
        raise NotCheckable("ledger.json, which has its SHA-256, wasn't given")
    number = seal["engagement"]["id"]
    about = [e for e in case.entries("engagement") if e["body"]["engagement_id"] == number]
    own = [e for e in about if e["body"]["step"] == "sealed" and e["actor"] == seal["sealed_by"]]
    own = [e for e in own if e["body"]["seal_sha256"] == sha256(content)]
    require(own, "seal", "The ledger has no entry of it.")
    issued = [e for e in case.own_entries("paper") if e["number"] < own[-1]["number"]]
    good = papers[job] == (issued[-1]["body"]["sha256"] if issued else None)
    require(good, "seal", "Its paper of this sample isn't the newest one of the ledger.")
    said = f"the engagement was sealed by {own[-1]['actor']}, {own[-1]['recorded_at']}"
    case.report.checked(EVALUATION, f"{said}: the ledger has the seal")
    if about[-1] is not own[-1]:
        step, at = about[-1]["body"]["step"], about[-1]["recorded_at"]
        case.report.claimed(EVALUATION, f"that this seal still holds: {step} again, {at}")


def check_books(evaluation: StatedEvaluation) -> None:
    """Compare the book values with the sample and the data, where these show them."""
    case, column = evaluation.case, evaluation.stated["book_column"]
    shown: dict[int, str | None] = {}
    if "data" in case.files and column in case.predicate["data"]["columns"]:
        data = read_data(case)
        shown |= dict(enumerate(data.columns[column]))
    if column in case.shown:
        at = case.shown.index(column)
        for rnd in case.rounds:
            for ordinal, row in zip(rnd.drawn(), rnd.sample_rows or (), strict=False):
                shown[ordinal] = row[at]
    evaluation.books = [
        None if i["book_value"] is None else exact_number(i["book_value"]) for i in evaluation.items
    ]
    unseen = 0
    for place, (item, book) in enumerate(zip(evaluation.items, evaluation.books, strict=True), 1):
        if item["examined"] not in shown:
            unseen += book is not None
            continue
        seen = shown[item["examined"]]
        if seen is not None and _NUMBER.fullmatch(seen) is None:
            seen = None  # NaN or infinite
        good = (seen is None) == (book is None)
        if seen is not None and book is not None:
            good = exact_number(seen) == book or float(seen) == float(book)
        require(
            good,
            "evaluation_book",
            f"Item {place} has the book value {item['book_value']}; the sample has {seen}.",
        )
    seen_rows = len(evaluation.items) - unseen
    if seen_rows:
        evaluation.checked(
            f"book values of {_counted(seen_rows, 'row')} are those of sample.csv or data.csv"
        )
    if unseen:
        evaluation.claimed(f"book values of {_counted(unseen, 'row')}, which no given file shows")


# --- the evaluation: sentences ---

BELOW = (
    "The upper limit{of}, {limit}, is below the tolerable {tolerable}: at {confidence} confidence "
    "the sample supports that {errors} are tolerable."
)
ABOVE = (
    "The upper limit{of}, {limit}, is not below the tolerable {tolerable}: the sample doesn't "
    "support that {errors} are tolerable. {next}"
)
ADVICE = (
    "Find the causes of the errors, have the population corrected, or do other audit procedures."
)
NEARLY = (
    "The most likely {measure}, {found}, is below it. {advice} A sample that is enlarged now, when "
    "its errors are known, is valid only as a sequential evaluation of rows or monetary units that "
    "were selected at random in one step; other samples then allow no conclusion."
)
ENLARGED = (
    "A sample that is enlarged now, when its errors are known, is valid only as a sequential "
    "evaluation."
)
TOO_SMALL = (
    "No exception was found, and the sample is too small for a conclusion. A new sample of {size} "
    "without an exception would do. " + ENLARGED
)
TOO_SMALL_OF_MONEY = (
    "The most likely {measure} is 0, and the sample is too small for a conclusion. Plan a larger "
    "one, or do other audit procedures. " + ENLARGED
)
BETWEEN = (
    "The misstatement, between {low} and {limit}, is within the tolerable {tolerable} in both "
    "directions: at {confidence} confidence the sample supports that errors are tolerable."
)
BEYOND = (
    "The misstatement, between {low} and {limit}, isn't within the tolerable {tolerable} in both "
    "directions: the sample doesn't support that errors are tolerable. {next}"
)
WITHHELD = (
    "No conclusion at {confidence} confidence. The upper limit{of}, {limit}, is below the "
    "tolerable {tolerable}, but may be too low. {reason}"
)
WITHHELD_BETWEEN = (
    "No conclusion at {confidence} confidence. The misstatement, between {low} and {limit}, is "
    "within the tolerable {tolerable} in both directions, but these limits may be too narrow. "
    "{reason}"
)
NETTED = (
    " The misstatement is net: understatements of {under} are taken from overstatements of {over}. "
    "Consider each direction, too."
)
ONLY_OF_SCOPE = " It is a conclusion on the rows that pass {scope} alone."
REASON = "\0"  # stands for a reason that isn't recomputed


def percent(share: float, places: int) -> str:
    return f"{100 * share:.{places}f} %"


def confidence_text(confidence: float) -> str:
    return f"{(100 * Decimal(repr(confidence))).normalize():f} %"


def rows_text(count: int, one: str = "row", several: str | None = None) -> str:
    """Write a number with thousands separators and its noun."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def places_of(limit: float, tolerable: float) -> int:
    """Return the decimal places at which two shares look different, at least two."""
    for places in range(2, 10):
        if percent(limit, places) != percent(tolerable, places):
            return places
    return 2 if limit == tolerable else 10


def sentence_of_share(
    evaluation: StatedEvaluation,
    limit: float,
    tolerable: float,
    found: float,
    amounts: Callable[[float], str] | None = None,
    of: str = "",
    errors: str = "errors",
    reason: str | None = None,
    clean_size: Callable[[], int] | None = None,
) -> str:
    """Write the conclusion from an upper limit of a share; with a reason nothing is concluded.

    ``clean_size`` gives the rows that would do without an exception.
    """
    places = places_of(limit, tolerable)

    def text_of(share: float) -> str:
        shown = percent(share, places)
        return shown if amounts is None else f"{amounts(share)} ({shown})"

    values = {
        "of": of,
        "errors": errors,
        "limit": text_of(limit),
        "tolerable": text_of(tolerable),
        "found": text_of(found),
        "measure": "share" if amounts is None else "misstatement",
        "confidence": confidence_text(evaluation.confidence),
        "advice": ADVICE,
        "reason": reason or "",
    }
    template = BELOW
    if limit >= tolerable:
        following = NEARLY if found < tolerable else ADVICE
        if found == 0:
            following = TOO_SMALL_OF_MONEY if clean_size is None else TOO_SMALL
            values["size"] = "" if clean_size is None else rows_text(clean_size())
        template = ABOVE.replace("{next}", following)
    elif reason is not None:
        template = WITHHELD
    return template.format(**values) + scope_text(evaluation)


def scope_text(evaluation: StatedEvaluation) -> str:
    scope = evaluation.result["scope"]
    return "" if scope is None else ONLY_OF_SCOPE.format(scope=scope)


def outside_text(outside: int) -> str:
    if not outside:
        return ""
    several = outside != 1
    return (
        f" {outside:,} drawn {'rows aren' if several else 'row isn'}'t applicable, and no row is "
        f"left to replace {'them' if several else 'it'}: the sample is smaller by "
        f"{'them' if several else 'it'}."
    )


def check_conclusion(
    evaluation: StatedEvaluation,
    is_tolerable: bool | None,
    sentence: str,
    rests_on: str | None = None,
) -> None:
    """Compare the conclusion with the recomputed one; a reason in it is the server's word.

    One that ``rests_on`` claimed figures is claimed, too. Under a programme, the kind's own comes
    first, which isn't stated.
    """
    if evaluation.by_programme and evaluation.own is None:
        evaluation.own = (is_tolerable, sentence)
        return
    stated, code = evaluation.result["conclusion"], "evaluation_conclusion"
    good = isinstance(stated, dict) and set(stated) == {"is_tolerable", "sentence"}
    require(good, code, "The conclusion is missing, or has other members.")
    text_, verdict = str(stated.get("sentence")), stated.get("is_tolerable")
    confidence = confidence_text(evaluation.confidence)
    if text_.startswith(f"No conclusion at {confidence} confidence. This sample continues sample "):
        require(verdict is None, code, "It concludes something, and says that it doesn't.")
        evaluation.claimed("that the sample continues an examined one")
        return
    is_same, reason = compare_sentences(text_, sentence)
    require(
        verdict is is_tolerable and is_same,
        code,
        f"It is {text_[:300]!r} ({verdict}); the figures give "
        f"{sentence.replace(REASON, '…')[:300]!r} ({is_tolerable}).",
    )
    said = text_.replace(reason, "…") if reason else text_
    if rests_on is None:
        evaluation.checked(f"the conclusion: {said}")
    else:
        evaluation.claimed(f"the conclusion, as it rests on {rests_on}: {said}")
    if reason:
        evaluation.claimed(f"the reason why nothing is concluded: {reason}")


_FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def compare_sentences(stated: str, due: str) -> tuple[bool, str]:
    """Whether two sentences are the same but for the reason and the last digits of large amounts.

    Figures agree to 10⁻⁹, as those of the result. The reason is empty if there is none.
    """
    parts = [re.escape(part) for part in _FIGURE.split(due)]
    pattern = f"({_FIGURE.pattern})".join(parts).replace(re.escape(REASON), "(?P<reason>.+)")
    found = re.fullmatch(pattern, stated, re.DOTALL)
    if found is None:
        return False, ""
    reason = found.groupdict().get("reason") or ""
    figures = [
        text_
        for at, text_ in enumerate(found.groups(), 1)
        if at != found.re.groupindex.get("reason")
    ]
    pairs = [
        (Fraction(a.replace(",", "")), Fraction(b.replace(",", "")))
        for a, b in zip(figures, _FIGURE.findall(due), strict=True)
    ]
    return all(abs(a - b) <= abs(b) * Fraction(1, 10**9) for a, b in pairs), reason


def no_tolerable(evaluation: StatedEvaluation) -> None:
    good = evaluation.by_programme or evaluation.result["conclusion"] is None
    require(good, "evaluation_conclusion", "It concludes without anything tolerable.")


# --- the evaluation: kinds ---


def recompute(evaluation: StatedEvaluation) -> None:
    """Recompute the figures and the conclusion of an evaluation."""
    kind, report, result = evaluation.request["kind"], evaluation.case.report, evaluation.result
    recomputed: dict[str, Callable[[StatedEvaluation], None]] = {
        "attributes": check_attributes,
        "two_stage": check_two_stages,
        "monetary_unit": check_monetary,
        "variables": check_variables,
        "sequential": check_sequential,
    }
    with report.check(EVALUATION, f"the evaluation by {kind.replace('_', ' ')}", say=False):
        good = (
            result["kind"] == kind and result.get("confidence") == evaluation.request["confidence"]
        )
        require_figure(good, "The request and the result contradict each other.")
        same(result, "replaced", evaluation.stated["replacements"])
        check_programme(evaluation)
        check_members(evaluation)
        check_scope(evaluation)
        check_choices(evaluation)
        recomputed[kind](evaluation)
        if "programme_rules" in evaluation.stated:
            check_by_programme(evaluation)
    count = len(result["caveats"]) if isinstance(result.get("caveats"), list) else 0
    evaluation.claimed(
        f"notes, caveats ({count or 'it states none'}), other samples when it was issued and what "
        "holds the limit up: the server's word"
    )


MOST_ACCEPTED = 100  # errors of a rule, and
MOST_GAFFKE = 3_000_000  # units times taints times limits, that are computed here
MEMBERS = (
    "kind confidence scope conclusion not_applicable replaced notes caveats assurance departure "
    "other_samples_total formula source"
)
MEMBERS_OF_KIND = {
    "attributes": "arithmetic attributes examined exceptions likelihood lower_limit lower_rows "
    "population share sides upper_limit upper_rows",
    "two_stage": "arithmetic attributes decision examined exceptions first likelihood population "
    "risk rule second share tolerable upper_limit upper_rows",
    "monetary_unit": "book_column book_value bound concludes_on factors likelihood overstatement "
    "population sampled_value strata tolerable understatement units",
    "variables": "arithmetic audit_value book_column book_value by_stratum degrees "
    "direction_estimator errors estimator examined found lower_limit margin overstatement "
    "population projected sides standard_error strata t tolerable understatement upper_limit",
    "sequential": "accepted_at arithmetic book_column book_value boundary decision drawn examined "
    "exceptions exceptions_by_size largest_statistic least measure most p_value population "
    "largest_ratio ratio_at_tolerable sampled_value score_column score_mean score_total statistic "
    "statistics_by_size take_all threshold tolerable upper_limit weight_column weight_total",
}


def check_programme(evaluation: StatedEvaluation) -> None:
    """Check that request and result name one audit programme, or none."""
    requested, applied = evaluation.request, evaluation.result
    if not evaluation.by_programme:
        return
    chosen, programme = requested.get("programme"), applied.get("programme")
    good = isinstance(chosen, dict) and isinstance(programme, dict)
    require_figure(good, "Request and result don't both have an audit programme.")
    assert isinstance(chosen, dict)
    assert isinstance(programme, dict)
    good = set(chosen) == {"name", "title", "sha256"} and all(
        chosen[name] == programme.get(name) for name in chosen
    )
    require_figure(good, "The audit programme isn't the requested one.")
    if "programme_rules" not in evaluation.stated:
        evaluation.skipped(NOT_BY_PROGRAMME.format(str(chosen["name"])[:60]))


NOT_BY_PROGRAMME = (
    "the evaluation is by an audit programme ({}): its own figures and its conclusion are not "
    "recomputed"
)
NOT_REPRODUCED = "No conclusion. {reason} By its rule alone: {concluded}"
WITHHELD_BY_RULE = (
    "No conclusion, as the limit of the programme may be too low. {reason} By its rule alone: "
    "{concluded}"
)
UNDERSTATED = (
    "No conclusion, as understatements may be above what is tolerable: the lower limit is "
    "{lower_limit}. By the rule of the programme alone: {concluded}"
)
OFFSET = (
    "No conclusion, as errors of one direction alone are above what is tolerable, and offset by "
    "those of the other: overstatements are projected as {over}, understatements as {under}. By "
    "the rule of the programme alone: {concluded}"
)
OF_EQUAL = {  # calculations: whether by a ratio, and whether deviations are pooled over strata
    f"{design}_{estimator}": (estimator == "ratio", design != "periods")
    for design in ("random", "stratified", "periods")
    for estimator in ("mean_per_unit", "ratio")
}
OF_MONEY = ("monetary_units", "monetary_units_stratified", "monetary_units_periods")
CONSERVATIVE = "monetary_units_conservative"
NO_AMOUNTS = ("error_rate", "upper_rate", "factor")


def check_by_programme(evaluation: StatedEvaluation) -> None:
    """Recompute a programme's figures, and its verdict and conclusion by the stated rules."""
    rules, stated = evaluation.stated["programme_rules"], evaluation.result["programme"]
    name = str(stated["name"])[:60]
    for each in ("calculation", "limit"):
        same(stated, each, rules[each])
    units, least = len(evaluation.items), rules["least_rows"] or 0
    if evaluation.money is not None:  # monetary units count, with rows that are always drawn
        units += sum(each.hits - 1 for each in evaluation.money.items if not each.is_certain)
    require_figure(units >= least, f"The programme needs {least} units, not {units}.")
    due, figures = programme_figures(evaluation, rules["calculation"]), stated.get("figures")
    if due is None:
        evaluation.skipped(NOT_BY_PROGRAMME.format(name))
        return
    good = isinstance(figures, dict) and set(figures) == set(due) and rules["limit"] in due
    require_figure(good, "The programme has other figures.")
    for each, value in due.items():
        (same if each in NO_AMOUNTS else same_amount)(figures, each, value)
    evaluation.checked(f"the figures of the audit programme ({name})")
    evaluation.claimed(
        f"that these rules are those of the file with the SHA-256 {stated['sha256']}"
    )
    conclude_by_programme(evaluation, due)


def programme_figures(
    evaluation: StatedEvaluation, calculation: str | None
) -> dict[str, float] | None:
    """Return what a programme computes of a sample; None of a calculation that isn't known here."""
    result = evaluation.result
    value, z = float(result["book_value"]), NormalDist().inv_cdf((1 + evaluation.confidence) / 2)
    if calculation is None:
        names = {"projected": "projected", "precision": "margin", "lower_limit": "lower_limit"}
        of_kind, limit = result, "upper_limit"
        if evaluation.money is not None:
            of_kind, names = result["overstatement"], {"projected": "most_likely"}
        found = {name: float(of_kind[own]) for name, own in names.items()}
        found |= {"upper_limit": float(of_kind[limit]), "book_value": value}
        return {"precision": found["upper_limit"] - found["projected"], **found}
    interval, own = None, dict[str, float]()
    if evaluation.projection is not None and calculation in OF_EQUAL:
        known, error, precision = errors_of_strata(evaluation, z, *OF_EQUAL[calculation])
    elif evaluation.money is not None and calculation in OF_MONEY:
        known, error, precision, interval = errors_of_money(evaluation.money, z)
    elif evaluation.money is not None and calculation == CONSERVATIVE:
        known, error, own = conservative_errors(evaluation)
        precision = own["basic_precision"] + own["incremental_allowance"]
    else:
        return None
    share = Fraction(2, 100) if evaluation.tolerable is None else evaluation.tolerable
    return {
        "book_value": value,
        "projected": error,
        "known": known,
        "total_error": error,
        "precision": precision,
        **({} if own else {"lower_limit": error - precision}),
        "upper_limit": error + precision,
        "corrected_value": value - error,
        "corrected_lower": value - error - precision,
        "error_rate": error / value,
        "upper_rate": (error + precision) / value,
        "tolerable": float(share) * (value if share < 1 else 1),
        "factor": z,
        **({} if interval is None else {"interval": interval}),
        **own,
    }


def errors_of_strata(
    evaluation: StatedEvaluation, z: float, is_ratio: bool, is_pooled: bool
) -> tuple[float, float, float]:
    """Return the known error, the projected one and its precision by equal probabilities."""
    given, rnd, result = evaluation.projection, evaluation.case.rounds[0], evaluation.result
    assert given is not None
    by_strata = rnd.method == "stratified"
    strata = strata_of(rnd) if by_strata else [([*range(len(given.book))], given.rows)]
    lines = result["by_stratum"] if by_strata else [result]
    if strata is None or len(evaluation.case.rounds) > 1 or len(lines) != len(strata):
        raise NotCheckable("the strata of the programme's calculation aren't known")
    known, errors, variances, pooled = 0.0, list[float](), list[float](), list[float]()
    drawn = whole = 0
    for line, (places, rows) in zip(lines, strata, strict=True):
        book = [given.book[place] for place in places]
        wrong = [b - given.audit[place] for b, place in zip(book, places, strict=True)]
        if len(places) == rows:
            known += math.fsum(wrong)
            continue
        slope = math.fsum(wrong) / math.fsum(book) if is_ratio else 0.0
        spread = variance(e - slope * b for e, b in zip(wrong, book, strict=True))
        own = float(line["book_value"]) * slope if is_ratio else rows * _mean(wrong)
        errors.append(own)
        variances.append(rows**2 * spread / len(places))
        pooled.append(rows * spread)
        drawn, whole = drawn + len(places), whole + rows
    square = whole * math.fsum(pooled) / max(drawn, 1) if is_pooled else math.fsum(variances)
    return known, math.fsum([known, *errors]), z * math.sqrt(square)


def errors_of_money(money: MonetaryResult, z: float) -> tuple[float, float, float, float | None]:
    """Return the known error, the projected one, its precision and the interval of one stratum."""
    certain = sum(a.book - a.audit for a in money.items if a.is_certain)
    known, errors, squares = float(money.amount(certain)), list[float](), list[float]()
    interval = None
    for number, part in enumerate(money.parts):
        taints = [
            (a.book - a.audit) / a.book
            for a in money.items
            if a.stratum == number and not a.is_certain
            for _ in range(a.hits)
        ]
        if not (taints or part.value):
            continue  # all rows were always drawn
        interval = float(money.amount(part.value)) / len(taints)
        errors.append(interval * math.fsum(taints))
        squares.append(interval**2 * len(taints) * variance(taints))
    single = interval if len(squares) == 1 else None
    return known, math.fsum([known, *errors]), z * math.sqrt(math.fsum(squares)), single


def conservative_errors(evaluation: StatedEvaluation) -> tuple[float, float, dict[str, float]]:
    """Return the known error, the projected one, and the figures of the conservative approach."""
    money, (rnd, *more) = evaluation.money, evaluation.case.rounds
    assert money is not None
    parts = int(rnd.facts["parts"])
    require(parts and not more, "evaluation_figure", "The conservative approach is for one step.")
    interval = float(money.amount(Fraction(int(rnd.facts["step"]), parts)))
    known = float(money.amount(sum(a.book - a.audit for a in money.items if a.is_certain)))
    taints = [(float(a.taint(1)), a.hits) for a in money.items if not a.is_certain]
    wrong = sorted((taint for taint, hits in taints for _ in range(hits) if taint), reverse=True)
    factors = [poisson_factor(k, evaluation.confidence) for k in range(len(wrong) + 1)]
    steps = zip(factors[1:], factors, wrong, strict=False)
    own = {
        "factor": factors[0],
        "interval": interval,
        "basic_precision": factors[0] * interval,
        "incremental_allowance": math.fsum((a - b - 1) * interval * t for a, b, t in steps),
    }
    return known, known + interval * math.fsum(wrong), own


def conclude_by_programme(evaluation: StatedEvaluation, due: dict[str, float]) -> None:
    """Compare the verdict and the conclusion, which the kind of evaluation may withhold."""
    rules, result = evaluation.stated["programme_rules"], evaluation.result
    sentences, code, most = rules["conclusions"], "evaluation_conclusion", None
    places = len(result["book_value"].partition(".")[2])
    words = {name: figure_text(evaluation, name) for name in due}
    words["confidence"] = confidence_text(evaluation.confidence)
    if result["tolerable"] is not None:
        most = float(result["tolerable"])
        words["tolerable"] = f"{most:,.{places}f}"
    verdict = "statement" if "statement" in sentences else None
    if verdict is None and most is not None:
        verdict = "tolerable" if due[rules["limit"]] < most else "inconclusive"
        verdict = "not_supported" if due["projected"] > most else verdict
    same(result["programme"], "verdict", verdict)
    if verdict is None:
        require(result["conclusion"] is None, code, "It concludes without anything tolerable.")
        return
    template, figure = sentences.get(verdict, ""), r"\{([a-z_]+)\}"
    good = template and set(re.findall(figure, template)) <= set(words)
    require(good, code, "The programme has no sentence of its verdict.")
    said = re.sub(figure, lambda found: words[found[1]], template)
    concluded: bool | None = {"tolerable": True, "not_supported": False}.get(verdict)
    own, sentence = evaluation.own or (None, "")
    if "not_reproduced" in rules:  # how many of how many examples is the server's word
        concluded, said = None, NOT_REPRODUCED.format(reason=REASON, concluded=said)
    elif concluded and most is not None and due.get("lower_limit", 0.0) < -most:
        concluded, said = None, UNDERSTATED.format(concluded=said, **words)
    elif concluded and most is not None and max(offset := netted(evaluation)) > most:
        over, under = (f"{each:,.{places}f}" for each in offset)
        concluded, said = None, OFFSET.format(concluded=said, over=over, under=under)
    elif concluded and (not own or result["conclusion"]["is_tolerable"] is None):
        reason = sentence if own is False else REASON  # a reason is the server's word
        concluded, said = None, WITHHELD_BY_RULE.format(reason=reason, concluded=said)
    evaluation.own = evaluation.own or (None, "")
    check_conclusion(evaluation, concluded, said + scope_text(evaluation))


def netted(evaluation: StatedEvaluation) -> tuple[float, float]:
    """Return the projected over- and understatements, which net; 0 without errors of both."""
    result, name = evaluation.result, "projected"
    if evaluation.money is not None:
        if evaluation.stated["programme_rules"]["calculation"] is None:
            return 0.0, 0.0  # it concludes on overstatements alone
        name = "most_likely"
    found = [result[direction] for direction in ("overstatement", "understatement")]
    if not all((each if evaluation.money is None else each["found"])["errors"] for each in found):
        return 0.0, 0.0
    over, under = (float(each[name]) for each in found)
    return over, under


def figure_text(evaluation: StatedEvaluation, name: str) -> str:
    """Return a stated figure of the programme as its sentences have it."""
    value = evaluation.result["programme"]["figures"][name]
    if name.endswith("rate"):
        return f"{100 * value:.2f} %"
    return f"{value:,.6g}" if name == "factor" else f"{Decimal(value):,f}"


def check_members(evaluation: StatedEvaluation) -> None:
    """Refuse members of the result that the format doesn't have, and lines of another form."""
    kind, more_names = evaluation.request["kind"], " programme" if evaluation.by_programme else ""
    names = f"{MEMBERS} {MEMBERS_OF_KIND[kind]}{more_names}"
    more = sorted(set(evaluation.result) - set(names.split()))
    require(not more, "unknown_member", f"result.{''.join(more[:1])[:60]} isn't of the format.")
    if kind in ("attributes", "two_stage", "variables"):
        ARITHMETIC(evaluation.result.get("arithmetic"), "result.arithmetic")


def check_scope(evaluation: StatedEvaluation) -> None:
    """Compare the filter of the conclusion with the rounds, whose expressions it joins."""
    filters = [rnd.filter for rnd in evaluation.case.rounds]
    texts = [None if each is None else each.get("expression") for each in filters]
    stated, due = evaluation.result["scope"], list[str]()
    why = evaluation.case.table.get("left_out_by") or {}
    tests = [
        f"the filter {name} (audit test {', '.join(job[:8] for job in why[name])})"
        for name in ("found_by", "not_found_by")
        if why.get(name)
    ]
    if all(each is not None for each in filters):
        if not all(texts):
            require_figure(stated, "`scope` contradicts the filters of the rounds.")
            evaluation.claimed(f"that these words are the filters of the rounds: {stated}")
            return
        due.append(" or ".join(dict.fromkeys(str(each) for each in texts)))
    words = " and ".join([*due, *tests]) or None
    older = tests and stated == (due[0] if due else None)  # certificates from before they had tests
    good = stated == words or older
    require_figure(good, f"`scope` is {stated!r}; the filter is {words!r}.")


def check_choices(evaluation: StatedEvaluation) -> None:
    """Compare the attributes and the book column with what was tested and drawn."""
    kind, result, stated = evaluation.request["kind"], evaluation.result, evaluation.stated
    tested, column = stated["attributes"], stated["book_column"]
    good = len(set(tested)) == len(tested)
    require_figure(good, "An attribute is listed twice.")
    given = evaluation.request.get("book_column")
    good = given is None or given.lower() == str(result.get("book_column")).lower()
    require_figure(good, "`book_column` isn't the requested one.")
    if kind in ("attributes", "two_stage"):
        names = [each.get("name") for each in result["attributes"]]
        require_figure(names == tested, "The attributes aren't those that are tested.")
    if kind == "two_stage" and stated["planned_rule"] is not None:
        rule = stated["planned_rule"]
        drawn = evaluation.case.predicate["sample"]["rows"]
        good = 0 <= rule["accept_first"] <= rule["accept_both"] <= drawn
        require_figure(good, "The rule accepts more errors than there are rows.")
        if rule["accept_both"] > MOST_ACCEPTED:
            raise NotCheckable(f"the rule accepts more than {MOST_ACCEPTED} errors")
    if kind == "variables":
        good = exact_number(str(result["standard_error"])) >= 0
        require_figure(good, "`standard_error` is negative.")
    rounds = evaluation.case.rounds
    weights = result.get("weight_column") if kind == "sequential" else None
    if weights is not None:
        drawn = str(rounds[0].parameters.get("book_column")).lower()
        good = str(weights).lower() == drawn != str(column).lower()
        require_figure(good, f"The rows weren't drawn by {weights!r} alone.")
        raise NotCheckable("its rows were drawn by other amounts than their book values")
    if kind == "monetary_unit" or (kind == "sequential" and result.get("measure") == "amount"):
        for rnd in rounds:
            drawn = str(rnd.parameters.get("book_column"))
            good = isinstance(column, str) and drawn.lower() == column.lower()
            require_figure(good, f"Round {rnd.number} has the amounts of {drawn!r}.")
        evaluation.checked(f"book values are those of the draw: {column}")
    elif kind == "variables":
        evaluation.claimed(f"that {column} is the column of book values")


def examined_of(evaluation: StatedEvaluation, places: range | None = None) -> tuple[list[int], int]:
    """Return the places of the examined items, and the number of those that aren't applicable."""
    every = range(len(evaluation.items)) if places is None else places
    for place in every:
        found = evaluation.items[place]["finding"] is not None
        require(found, "evaluation_items", f"Item {place + 1} has no finding.")
    inside = [p for p in every if outcome_of(evaluation.items[p]) != "not_applicable"]
    require(inside, "evaluation_items", "No row is applicable.")
    require_replaced(evaluation, sorted(set(every) - set(inside)))
    return inside, len(every) - len(inside)


def require_replaced(evaluation: StatedEvaluation, outside: list[int]) -> None:
    """Refuse rows that aren't applicable while the certificate shows that a row is left."""
    of_items, unknown = evaluation.facts_of_items(), 0
    for place in outside:
        left = rows_left(evaluation.case, *of_items[place])
        require(
            left is None or left <= 0,
            "evaluation_items",
            f"Item {place + 1} isn't applicable and wasn't replaced, though {left} rows are left.",
        )
        unknown += left is None
    if unknown:
        evaluation.claimed(f"that no row is left to replace {_counted(unknown, 'row')}")


def rows_left(case: Case, rnd: StatedRound, at: int) -> int | None:
    """Return the rows that could replace a drawn one; None if the certificate doesn't show it.

    Rows that other rounds or groups used may not be among those that the round could draw, so
    with these a number above 0 is the fewest, and others aren't known.
    """
    if rnd.reserves == "none":
        return 0
    used = len(case.predicate["replacements"])
    others = sum(other.rows for other in case.rounds[rnd.number :])  # earlier ones aren't eligible
    is_exact = not others and (not used or len(case.rounds) == 1)
    rows, drawn = drawable_rows(rnd), rnd.rows
    if rnd.has_groups:
        if rnd.groups is None or rnd.labels is None or rnd.is_staged:
            return None
        label = rnd.labels[at]
        rows = sum(group["rows"] for group in rnd.groups if group["label"] == label)
        drawn = sum(each == label for each in rnd.labels)
        is_exact = is_exact and not used
    left = rows - drawn - used - others
    return left if left > 0 or is_exact else None


def population_of(evaluation: StatedEvaluation, outside: int) -> int:
    """Return the rows of the population, by the certificate where it has one round."""
    rounds = evaluation.case.rounds
    good = all(r.method in ("random", "reservoir", "systematic") for r in rounds)
    require_figure(good, "The method doesn't give all rows the same probability.")
    if len(rounds) == 1:
        return rounds[0].eligible - outside
    stated = evaluation.result.get("population")
    good = isinstance(stated, int) and stated <= evaluation.case.population["rows"]
    require_figure(good, "`population` isn't a number of rows of the table.")
    evaluation.claimed(f"that {stated} rows could be drawn by the rounds")
    return int(stated or 0)


def share_limits(
    errors: int, size: int, rows: int, risk: Fraction, likelihood: str, sides: str
) -> tuple[float, float | None]:
    """Return the upper limit of a share, and the lower one with two sides."""
    level = float(1 - risk)
    if likelihood == "hypergeometric":
        upper = most_wrong(risk, errors, size, rows) / rows
        lower = (rows - most_wrong(risk, size - errors, size, rows)) / rows
    else:
        upper = min(upper_share(errors, size, level, likelihood), 1.0)
        if likelihood == "poisson":
            lower = poisson_factor(errors - 1, float(risk)) / size if errors else 0.0
        else:
            lower = 1 - binomial_limit(size - errors, size, level)
    return upper, lower if sides == "two" else None


def check_share(
    result: dict[str, Any], size: int, limits: tuple[float, float | None], rows: int, errors: int
) -> None:
    upper, lower = limits
    same(result, "share", errors / size)
    same(result, "upper_limit", upper)
    same(result, "upper_rows", int(upper * rows + 1e-9))
    same(result, "lower_limit", lower)


def check_attributes(evaluation: StatedEvaluation) -> None:
    """Recompute the limits of the share of exceptions, of all and of each attribute."""
    result = evaluation.result
    likelihood = evaluation.choice("likelihood", "hypergeometric")
    sides = evaluation.choice("sides", "one")
    places, outside = examined_of(evaluation)
    rows, size = population_of(evaluation, outside), len(places)
    items_ = [evaluation.items[place] for place in places]
    errors = sum(map(is_exception, items_))
    risk = (1 - Fraction(repr(evaluation.confidence))) / (2 if sides == "two" else 1)
    for name, value in (
        ("examined", size),
        ("exceptions", errors),
        ("population", rows),
        ("not_applicable", outside),
    ):
        same(result, name, value)
    limits = share_limits(errors, size, rows, risk, likelihood, sides)
    check_share(result, size, limits, rows, errors)
    lower = limits[1]
    same(result, "lower_rows", None if lower is None else math.ceil(lower * rows - 1e-9))
    evaluation.checked(f"{errors} of {size} rows, and the limits of the share ({likelihood})")
    tolerable = None if evaluation.tolerable is None else float(evaluation.tolerable)
    tested = evaluation.stated["attributes"]
    for each in result["attributes"]:
        count = sum(deviates(item, each["name"]) for item in items_)
        same(each, "deviations", count)
        own = share_limits(count, size, rows, risk, likelihood, sides)
        check_share(each, size, own, rows, count)
        check_verdict_of_attribute(each, None if tolerable is None else own[0] < tolerable)
    if tested:
        evaluation.checked(f"the limits of {_counted(len(tested), 'attribute')}")
    if tolerable is None:
        no_tolerable(evaluation)
        return
    clean_size = partial(clean_rows, size, rows, risk, likelihood, sides, tolerable)
    sentence = sentence_of_share(
        evaluation, limits[0], tolerable, errors / size, clean_size=clean_size
    )
    check_conclusion(evaluation, limits[0] < tolerable, sentence + outside_text(outside))


def clean_rows(
    size: int, rows: int, risk: Fraction, likelihood: str, sides: str, tolerable: float
) -> int:
    """Return the fewest rows above a size whose limit without an exception is tolerable."""
    low = size + 1
    high = max(low, min(rows, int(-math.log(risk) / tolerable + 1e-9) + 1))
    while low < high:
        half = (low + high) // 2
        if share_limits(0, half, rows, risk, likelihood, sides)[0] < tolerable:
            high = half
        else:
            low = half + 1
    return low


def deviates(item: dict[str, Any], attribute: str) -> bool:
    return outcome_of(item) == "not_examinable" or attribute in item["finding"]["deviations"]


def check_verdict_of_attribute(stated: dict[str, Any], due: bool | None) -> None:
    """A conclusion may be withheld, but not be better than the limit."""
    given = stated.get("is_tolerable")
    require(
        given is due or (given is None and due is True),
        "evaluation_conclusion",
        f"The attribute {stated['name'][:60]!r} is {given}, not {due}.",
    )


# --- two stages ---


@dataclass(frozen=True)
class Rule:
    """A rule of two stages, with the examined rows of each."""

    first: int
    second: int
    accept_first: int
    accept_both: int


def chance_of(errors: int, size: int, level: Fraction, likelihood: str) -> float:
    """P(X = errors) of the binomial or the Poisson distribution."""
    share = float(level)
    if likelihood == "poisson":
        mean = size * share
        return (
            1.0 * (errors == 0)
            if mean <= 0
            else math.exp(errors * math.log(mean) - mean - math.lgamma(errors + 1))
        )
    if errors > size:
        return 0.0
    if share <= 0 or share >= 1:
        return 1.0 * (errors == (0 if share <= 0 else size))
    return math.exp(
        log_choose(size, errors) + errors * math.log(share) + (size - errors) * math.log1p(-share)
    )


def as_good(
    rule: Rule, errors: int, stage: int, level: Fraction, likelihood: str, rows: int
) -> Fraction:
    """Return the probability of a result that the rule values as much as this one, or more."""

    def exactly(count: int, size: int, before: tuple[int, int]) -> Fraction:
        if likelihood != "hypergeometric":
            return Fraction(chance_of(count, size, level, likelihood))
        left, wrong = rows - before[0], int(level) - before[1]
        if wrong < 0 or wrong > left or count > wrong or size - count > left - wrong:
            return Fraction(0)
        ways = math.comb(wrong, count) * math.comb(left - wrong, size - count)
        return Fraction(ways, math.comb(left, size))

    alone = errors if stage == 1 else rule.accept_first
    total = sum((exactly(k, rule.first, (0, 0)) for k in range(alone + 1)), Fraction(0))
    if stage == 1:
        return total
    for found in range(rule.accept_first + 1, min(rule.accept_both, errors) + 1):
        then = sum(exactly(k, rule.second, (rule.first, found)) for k in range(errors - found + 1))
        total += exactly(found, rule.first, (0, 0)) * then
    return total


def stages_limit(
    rule: Rule, errors: int, stage: int, confidence: float, likelihood: str, rows: int
) -> float:
    """Return the largest share at which a result as good has at least the risk as probability."""
    examined, risk = rule.first + (rule.second if stage == 2 else 0), 1 - Fraction(repr(confidence))
    if errors >= examined:
        return 1.0
    if likelihood == "hypergeometric":
        low, high = errors, rows - (examined - errors)
        while low < high:
            middle = (low + high + 1) // 2
            if as_good(rule, errors, stage, Fraction(middle), likelihood, rows) < risk:
                high = middle - 1
            else:
                low = middle
        return low / rows

    def is_ruled_out(share: float) -> bool:
        return as_good(rule, errors, stage, Fraction(share), likelihood, rows) < risk

    return bisect(is_ruled_out, 0.0, 1.0) if is_ruled_out(1.0) else 1.0


@dataclass(frozen=True)
class Staged:
    """What a rule says of the exceptions of two stages."""

    decision: str
    stage: int
    examined: int
    errors: int
    limit: float | None


def apply_rule(
    evaluation: StatedEvaluation,
    rule: Rule,
    first: int,
    second: int | None,
    likelihood: str,
    rows: int,
) -> Staged:
    if first <= rule.accept_first or first > rule.accept_both:
        decision, stage, errors = ("accept" if first <= rule.accept_first else "reject"), 1, first
    elif second is None:
        return Staged("continue", 1, rule.first, first, None)
    else:
        stage, errors = 2, first + second
        decision = "accept" if errors <= rule.accept_both else "reject"
    limit = stages_limit(rule, errors, stage, evaluation.confidence, likelihood, rows)
    return Staged(decision, stage, rule.first + (rule.second if stage == 2 else 0), errors, limit)


def planned_stages(evaluation: StatedEvaluation) -> Rule:
    """Return the planned rule of two stages, which must be that of a registered plan."""
    case = evaluation.case
    planned = evaluation.stated["planned_rule"]
    require_figure(planned is not None, "The sample has no rule of two stages.")
    c1, c2, planned_first = planned["accept_first"], planned["accept_both"], planned["first"]
    drawn, goal = case.predicate["sample"]["rows"], planned_goal(case)
    require_figure(planned_first + planned["second"] == drawn, "The stages aren't the rows.")
    if goal is not None and "accept" in goal:
        good = [c1, c2] == goal["accept"] and planned_first == min(goal["first_stage"], drawn)
        require_figure(good, "The rule isn't the registered plan's.")
        evaluation.checked(f"the rule is that of the registered plan: {c1} and {c2}")
    else:
        evaluation.claimed(f"that the rule was set before the draw: {c1} and {c2}")
    return Rule(planned_first, planned["second"], c1, c2)


def check_two_stages(evaluation: StatedEvaluation) -> None:
    """Apply the rule of two stages again."""
    result = evaluation.result
    likelihood = evaluation.choice("likelihood", "poisson")
    planned = planned_stages(evaluation)
    c1, c2 = planned.accept_first, planned.accept_both
    first, outside = examined_of(evaluation, range(planned.first))
    errors = sum(is_exception(evaluation.items[place]) for place in first)
    rest = range(planned.first, len(evaluation.items))
    second, outside_second = None, 0
    if c1 < errors <= c2 and any(evaluation.items[p]["finding"] for p in rest):
        second, outside_second = examined_of(evaluation, rest)
    rule = Rule(len(first), planned.second if second is None else len(second), c1, c2)
    rows = population_of(evaluation, outside + outside_second)
    counts = [
        None if part is None else sum(is_exception(evaluation.items[p]) for p in part)
        for part in (first, second)
    ]
    found = apply_rule(evaluation, rule, counts[0] or 0, counts[1], likelihood, rows)
    tolerable = evaluation.tolerable
    require_figure(tolerable is not None, "Nothing tolerable is given.")
    assert tolerable is not None
    level = (
        Fraction(max(1, math.ceil(tolerable * rows)))
        if likelihood == "hypergeometric"
        else tolerable
    )
    same(result, "tolerable", float(tolerable))
    same(result, "risk", float(as_good(rule, c2, 2, level, likelihood, rows)))
    due = {"first": rule.first, "second": rule.second, "accept_first": c1, "accept_both": c2}
    same(result, "rule", due)
    same(result, "first", {"examined": rule.first, "exceptions": counts[0]})
    is_used = found.stage == 2
    same(result, "second", {"examined": rule.second, "exceptions": counts[1]} if is_used else None)
    same(result, "not_applicable", outside + outside_second)
    check_staged(result, found, rows)
    evaluation.checked(f"the rule's decision, risk and limit ({likelihood})")
    for each in result["attributes"]:
        own = [
            None if part is None else sum(deviates(evaluation.items[p], each["name"]) for p in part)
            for part in (first, second)
        ]
        of_one = apply_rule(evaluation, rule, own[0] or 0, own[1], likelihood, rows)
        same(each, "deviations", of_one.errors)
        same(each, "upper_limit", of_one.limit)
        verdict = None
        if of_one.limit is not None:
            verdict = of_one.decision == "accept" and of_one.limit < float(tolerable)
        check_verdict_of_attribute(each, verdict)
    sentence = staged_sentence(evaluation, rule, found, float(tolerable))
    accepts = (
        found.decision == "accept" and found.limit is not None and found.limit < float(tolerable)
    )
    check_conclusion(evaluation, accepts, sentence + outside_text(outside + outside_second))


def check_staged(result: dict[str, Any], found: Staged, rows: int) -> None:
    same(result, "decision", found.decision)
    same(result, "examined", found.examined)
    same(result, "exceptions", found.errors)
    same(result, "population", rows)
    same(result, "share", found.errors / found.examined)
    same(result, "upper_limit", found.limit)
    same(result, "upper_rows", None if found.limit is None else int(found.limit * rows + 1e-9))


def staged_sentence(
    evaluation: StatedEvaluation, rule: Rule, found: Staged, tolerable: float
) -> str:
    exceptions = f"{rows_text(found.errors, 'exception')} in {rows_text(found.examined, 'row')}"
    limit = "" if found.limit is None else percent(found.limit, 2)
    confidence = confidence_text(evaluation.confidence)
    if found.decision == "continue":
        sentence = (
            f"Stage 1 has {exceptions}, so the rule asks for stage 2: "
            f"examine its {rows_text(rule.second, 'row')}."
        )
    elif found.decision == "reject":
        sentence = (
            f"The rule doesn't accept after stage {found.stage}: {exceptions} "
            f"{'is' if found.errors == 1 else 'are'} more than {rule.accept_both:,}. "
            f"The sample doesn't support that errors are tolerable. {ADVICE}"
        )
    elif found.limit is not None and found.limit < tolerable:
        sentence = (
            f"The rule accepts after stage {found.stage}: {exceptions}. "
            f"The upper limit, {limit}, is below the tolerable {percent(tolerable, 2)}: at "
            f"{confidence} confidence the sample supports that errors are tolerable."
        )
    else:
        sentence = (
            f"The rule accepts after stage {found.stage}: {exceptions}. "
            f"But the upper limit, {limit}, is not below the tolerable {percent(tolerable, 2)} at "
            f"{confidence} confidence, for which these stages are too small: the sample doesn't "
            "support that errors are tolerable."
        )
    return sentence + scope_text(evaluation)


def planned_goal(case: Case) -> dict[str, Any] | None:
    """Return the goal of the registered plan's first round."""
    plan = case.predicate["plan"]
    goals = parse_json(plan["text"], "the plan").get("goals") if plan is not None else None
    return goals[0] if goals else None


# --- monetary units ---


@dataclass(frozen=True)
class Audited:
    """An examined row in minor units, with its selected units and the place of its stratum."""

    book: int
    audit: int
    hits: int
    is_certain: bool
    stratum: int
    row: int

    def error(self, sign: int) -> int:
        """Return the misstatement of one direction; 0 for the other one."""
        return max(sign * (self.book - self.audit), 0)

    def taint(self, sign: int) -> Fraction:
        return Fraction(self.error(sign), abs(self.book))


@dataclass(frozen=True)
class StratumPart:
    """A stratum's part that is left to chance: its units, its value and the units by interval."""

    units: int
    value: int
    most_units: float


@dataclass
class MonetaryResult:
    """The money of a sample by monetary units."""

    decimals: int
    items: list[Audited]
    parts: list[StratumPart]
    level: float

    @property
    def value(self) -> int:
        return sum(part.value for part in self.parts)

    @property
    def of_part(self) -> float:
        """The confidence of each stratum's limit (Bonferroni)."""
        return 1 - (1 - self.level) / len(self.parts)

    def amount(self, units: float | Fraction) -> Fraction:
        return Fraction(units) / Fraction(10**self.decimals)

    def text(self, units: float) -> str:
        return f"{units / 10**self.decimals:,.{self.decimals}f}"


def in_minor_units(value: Fraction, decimals: int) -> int:
    """Return an amount in minor units; half a unit is rounded away from 0."""
    scaled = abs(value) * 10**decimals
    return (-1 if value < 0 else 1) * round_half_up(scaled)


def tolerable_units(evaluation: StatedEvaluation, book_value: int, decimals: int) -> int | None:
    """Return what is tolerable in minor units; below 1 it is a share of the book value."""
    tolerable = evaluation.tolerable
    if tolerable is None:
        require_figure(evaluation.result["tolerable"] is None, "`tolerable` isn't null.")
        return None
    if tolerable < 1:
        tolerable = Fraction(round_half_up(tolerable * book_value), 10**decimals)
    stated = exact_number(str(evaluation.result["tolerable"]))
    unit = Fraction(1, 10**decimals)
    good = abs(stated - tolerable) < unit
    require_figure(good, f"`tolerable` is {float(stated)}, not {float(tolerable)}.")
    return in_minor_units(tolerable, decimals)


def money_of(evaluation: StatedEvaluation) -> MonetaryResult:
    """Return the examined rows and strata, by the certificate's facts and the sample's CSV."""
    case = evaluation.case
    rounds = case.rounds
    good = all(rnd.method == "monetary_unit" for rnd in rounds)
    require_figure(good, "A round isn't by monetary units.")
    if any(rnd.hits is None for rnd in rounds):
        raise NotCheckable("it needs sample.csv, which has the selected units of each row")
    decimals = rounds[0].facts["decimals"]
    places, _ = examined_of(evaluation)
    of_items, audited = evaluation.facts_of_items(), []
    for place in places:
        rnd, at = of_items[place]
        item = evaluation.items[place]
        assert rnd.hits is not None
        is_certain = at < rnd.facts["take_all"]["rows"] and item["drawn"] == item["examined"]
        book = in_minor_units(evaluation.book(place), decimals)
        require(book, "evaluation_items", f"Item {place + 1} has a book value of 0.")
        audit = in_minor_units(evaluation.audit_value(place), decimals)
        audited.append(
            Audited(book, audit, rnd.hits[at] or 1, is_certain, rnd.number - 1, item["examined"])
        )
    parts = []
    for at, rnd in enumerate(rounds):
        units = sum(a.hits for a in audited if a.stratum == at and not a.is_certain)
        value = int(rnd.facts["units"])
        interval = Fraction(int(rnd.facts["step"]), int(rnd.facts["parts"]) or 1)
        by_interval = float(value / interval) if interval else 0.0
        parts.append(StratumPart(units, value, max(by_interval, float(rnd.facts["selected"]))))
    return MonetaryResult(decimals, audited, parts, evaluation.confidence)


Line_ = tuple[
    int | None, float, float, float, float, float
]  # row, taint, factor, increment, projected, product


def stringer_lines(money: MonetaryResult, sign: int, likelihood: str) -> list[Line_]:
    """Return the lines of Stringer's bound; taints of strata count by their interval."""
    units, value = sum(part.units for part in money.parts), money.value
    weights = [Fraction(part.value * units, max(part.units, 1) * value) for part in money.parts]
    taints = [
        (a.taint(sign), a.row, weights[a.stratum])
        for a in money.items
        if not a.is_certain and a.error(sign)
        for _ in range(a.hits)
    ]
    taints.sort(key=lambda each: -each[0] * each[2])
    factors = [upper_share(k, units, money.level, likelihood) for k in range(len(taints) + 1)]
    basic = factors[0] * float(max(weights))
    lines: list[Line_] = [(None, 1.0, factors[0], basic, 0.0, basic)]
    for k, (taint, row, weight) in enumerate(taints, 1):
        increment = (factors[k] - factors[k - 1]) * float(weight)
        projected = float(taint * weight / units)
        lines.append(
            (row, float(taint), factors[k], increment, projected, increment * float(taint))
        )
    return lines


def gaffke_steps(taints: list[float], size: int, confidence: float) -> list[float]:
    """Return Gaffke's limits by the first 0, 1, … taints; from the 101st on they share the rest."""
    if size * len(taints) * min(len(taints), 100) > MOST_GAFFKE:
        raise NotCheckable(f"Gaffke's bound of {len(taints)} taints takes too long here")
    capped = [min(taint, 1.0) for taint in taints]
    limits = [gaffke_limit(capped[:k], size, confidence) for k in range(min(len(capped), 100) + 1)]
    others = capped[100:]
    if others:
        start, all_of_them = limits[-1], gaffke_limit(capped, size, confidence)
        done = accumulate(others)
        limits += [start + (all_of_them - start) * part / sum(others) for part in done]
    more = 0.0
    for at, taint in enumerate(taints, 1):
        more += (taint - 1) * (limits[at] - limits[at - 1]) if taint > 1 else 0.0
        limits[at] += more
    return limits


def gaffke_lines(money: MonetaryResult, sign: int) -> list[Line_]:
    """Return the lines of Gaffke's bound, stratum by stratum."""
    lines: list[Line_] = []
    for at, part in enumerate(money.parts):
        if not part.value:
            continue
        share = part.value / money.value
        own = [
            (float(a.taint(sign)), a.row)
            for a in money.items
            if a.stratum == at and not a.is_certain and a.error(sign)
            for _ in range(a.hits)
        ]
        own.sort(key=lambda each: -each[0])
        limits = gaffke_steps([taint for taint, _ in own], part.units, money.of_part)
        lines.append((None, 1.0, limits[0], limits[0] * share, 0.0, limits[0] * share))
        for (taint, row), before, after in zip(own, limits, limits[1:], strict=False):
            product = (after - before) * share
            lines.append((row, taint, after, product / taint, taint * share / part.units, product))
    return lines


def one_start(money: MonetaryResult, sign: int) -> float:
    """Return the amount that one random start proves, in minor units (Markov's inequality)."""
    limit = 0.0
    for at, part in enumerate(money.parts):
        if not part.value:
            continue
        left = [a for a in money.items if a.stratum == at and not a.is_certain]
        unknown = part.value - sum(abs(a.book) for a in left)
        most = (sum(a.error(sign) for a in left) + unknown) / part.value
        taints = float(sum((a.taint(sign) * a.hits for a in left), Fraction(0)))
        right = (part.units - taints) / max(part.units, part.most_units)
        limit += part.value * min(1 - (1 - money.of_part) * right, most)
    return limit


@dataclass(frozen=True)
class Bounded:
    """The misstatement of one direction, in minor units."""

    name: str
    sign: int
    limit: float
    most_likely: float
    start: float | None


def check_direction(
    evaluation: StatedEvaluation, money: MonetaryResult, name: str, likelihood: str, bound: str
) -> Bounded:
    """Recompute the bound of one direction with its arithmetic."""
    sign = 1 if name == "overstatement" else -1
    stated = evaluation.result[name]
    same(stated, "direction", name)
    lines: list[Line_] = []
    if money.value:
        lines = (
            stringer_lines(money, sign, likelihood)
            if bound == "stringer"
            else gaffke_lines(money, sign)
        )
    value = money.value
    upper, projected = math.fsum(x[5] for x in lines), math.fsum(x[4] for x in lines)
    basic = math.fsum(x[5] for x in lines if x[0] is None) * value
    certain = [a for a in money.items if a.is_certain]
    known = sum(a.error(sign) for a in certain)
    limit, likely = upper * value + known, projected * value + known
    for part, rows in (("found", money.items), ("take_all", certain)):
        errors = [a.error(sign) for a in rows if a.error(sign)]
        for figure, due in (("rows", len(rows)), ("errors", len(errors))):
            same(stated[part], figure, due)
        same_amount(stated[part], "amount", money.amount(sum(errors)))
    same(stated, "upper_share", upper)
    same(stated, "projected_share", projected)
    for figure, amount in (
        ("basic_precision", basic),
        ("projected", projected * value),
        ("most_likely", likely),
        ("upper_limit", limit),
    ):
        same_amount(stated, figure, money.amount(amount))
    figures = ("basic_precision", "projected", "incremental_allowance")
    parts = sum((exact_number(str(stated[figure])) for figure in figures), Fraction(0))
    parts += exact_number(stated["take_all"]["amount"])
    whole = exact_number(stated["upper_limit"])
    good = abs(parts - whole) <= abs(whole) / 10**12  # floats of large amounts
    require_figure(good, f"The parts of the {name} don't add up to its limit.")
    check_lines(evaluation, stated["arithmetic"], lines, money)
    start = None
    if stated["one_start_limit"] is not None:
        start = max(limit, one_start(money, sign) + known)
        same_amount(stated, "one_start_limit", money.amount(start))
    return Bounded(name, sign, limit, likely, start)


def check_lines(
    evaluation: StatedEvaluation,
    stated: list[dict[str, Any]],
    lines: list[Line_],
    money: MonetaryResult,
) -> None:
    """Compare the arithmetic line by line; taints of one size can stand in any order."""
    require_figure(len(stated) == len(lines), f"The arithmetic hasn't {len(lines)} lines.")
    key = evaluation.case.population["table_key"]
    rows = Counter(None if row is None else f"{key}:{row}" for row, *_ in lines)
    good = Counter(each["row_id"] for each in stated) == rows
    require_figure(good, "The arithmetic has other rows than those in error.")
    for at, (each, line) in enumerate(zip(stated, lines, strict=True)):
        same(each, "number", at)
        for name, value in zip(
            ("taint", "factor", "increment", "projected", "product"), line[1:], strict=True
        ):
            same(each, name, value)
        same_amount(each, "amount", money.amount(line[5] * money.value))


ONE_START = "Its units were selected at a fixed interval."
TAINTS = "Taints above 100 % contradict what it assumes."


def check_monetary(evaluation: StatedEvaluation) -> None:
    """Recompute Stringer's or Gaffke's bound of both directions, and the conclusion."""
    result = evaluation.result
    bound = evaluation.choice("bound", "stringer")
    likelihood = evaluation.choice("likelihood", "binomial")
    money = evaluation.money = money_of(evaluation)
    outside = len(evaluation.items) - len(money.items)
    kinds = {rnd.parameters.get("population", "positive") for rnd in evaluation.case.rounds}
    directions = ["overstatement"]
    directions += ["understatement"] if kinds != {"positive"} else []
    whole_value = money.value + sum(abs(a.book) for a in money.items if a.is_certain)
    for name, due in (
        ("not_applicable", outside),
        ("strata", len(money.parts)),
        ("units", sum(part.units for part in money.parts)),
        ("concludes_on", directions),
        ("book_column", evaluation.stated["book_column"]),
        ("population", " and ".join(sorted(kinds))),
    ):
        same(result, name, due)
    same_amount(result, "sampled_value", money.amount(money.value))
    same_amount(result, "book_value", money.amount(whole_value))
    found = [
        check_direction(evaluation, money, name, likelihood, bound)
        for name in ("overstatement", "understatement")
    ]
    evaluation.checked(f"the {bound.capitalize()} bound of both directions, line by line")
    selections = {
        rnd.parameters.get("selection", "fixed_interval") for rnd in evaluation.case.rounds
    }
    require_figure(
        bound == "stringer" or selections == {"random"},
        "Gaffke's bound needs units selected at random.",
    )
    in_file_order = any(
        rnd.parameters.get("selection", "fixed_interval") == "fixed_interval"
        and rnd.parameters.get("order") == "file"
        and rnd.facts["selected"] > 1
        for rnd in evaluation.case.rounds
    )
    good = not in_file_order or all(each.start is not None for each in found)
    require_figure(good, "A fixed interval in the file's order is in doubt.")
    if "fixed_interval" in selections and found[0].start is None:
        evaluation.claimed("that nothing makes the fixed interval doubtful")
    tolerable = tolerable_units(evaluation, whole_value, money.decimals)
    if tolerable is None or not whole_value:
        no_tolerable(evaluation)
        return
    covered = [each for each in found if each.name in directions]
    conclude_money(evaluation, money, covered, tolerable, whole_value, outside)


def conclude_money(
    evaluation: StatedEvaluation,
    money: MonetaryResult,
    covered: list[Bounded],
    tolerable: int,
    whole_value: int,
    outside: int,
) -> None:
    """Compare the conclusion: the largest limit of the covered directions decides."""
    largest = max(covered, key=lambda each: each.limit)
    limit = largest.limit
    starts = [each.start for each in covered if each.start is not None]
    is_doubted = bool(starts)
    if starts and max(starts) < tolerable:
        limit, is_doubted = max(starts), False
    above = any(a.taint(each.sign) > 1 for each in covered for a in money.items if not a.is_certain)
    reason = " ".join([ONE_START] * is_doubted + [TAINTS] * above) or None
    sentence = sentence_of_share(
        evaluation,
        limit / whole_value,
        tolerable / whole_value,
        largest.most_likely / whole_value,
        amounts=lambda share: money.text(share * whole_value),
        of=f" of {largest.name}s",
        errors=" and ".join(f"{each.name}s" for each in covered),
        reason=reason,
    )
    is_below = limit / whole_value < tolerable / whole_value
    verdict = None if is_below and reason else is_below
    check_conclusion(evaluation, verdict, sentence + outside_text(outside))


# --- audit values ---


@dataclass
class Projection:
    """The rows of a sample for an evaluation by audit values: weights, amounts and strata.

    ``spread`` computes a variance; None where it isn't recomputed here.
    """

    weights: list[float]
    book: list[float]
    audit: list[float]
    rows: int
    total: float
    degrees: int | None
    spread: Callable[[list[float]], float] | None
    deviations: Callable[[list[float]], list[float]] | None = None
    units: int = 0

    def sum(self, values: Iterable[float]) -> float:
        return math.fsum(w * v for w, v in zip(self.weights, values, strict=True))


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def strata_of(rnd: StatedRound) -> list[tuple[list[int], int]] | None:
    """Return each drawn stratum's places in the round, and its rows, in the order of the groups."""
    if rnd.groups is None or rnd.labels is None:
        return None
    sizes = {group["label"]: group["rows"] for group in rnd.groups}
    places: dict[str | None, list[int]] = defaultdict(list)
    for place, label in enumerate(rnd.labels):
        places[label].append(place)
    if len(sizes) != len(rnd.groups) or not set(places) <= set(sizes):
        return None
    return [(places[label], rows) for label, rows in sizes.items() if label in places]


def simple_spread(strata: list[tuple[list[int], int]]) -> Callable[[list[float]], list[float]]:
    """Return a function of the deviations whose squares add up to the variance of Σ t."""

    def deviations(t: list[float]) -> list[float]:
        found = []
        for places, rows in strata:
            n = len(places)
            if n == rows:
                continue
            mean = _mean([t[p] for p in places])
            scale = math.sqrt((1 - n / rows) * n / (n - 1))
            found += [scale * (t[p] - mean) for p in places]
        return found

    return deviations


def drawable_rows(rnd: StatedRound) -> int:
    """Return the rows that a round could draw: those with a weight, or an amount of its signs."""
    if rnd.method == "weighted":
        return int(rnd.facts["rows"])
    if rnd.method == "monetary_unit":
        signs = rnd.parameters.get("population", "positive")
        return sum(
            rnd.facts[s]["rows"] for s in ("positive", "negative") if signs in (s, "absolute")
        )
    return rnd.eligible


def projection_of(evaluation: StatedEvaluation) -> Projection:
    """Return the rows with their weights and, of simple designs, their variance."""
    case, result = evaluation.case, evaluation.result
    book = [float(evaluation.book(place)) for place in range(len(evaluation.items))]
    audit = [float(evaluation.audit_value(place)) for place in range(len(evaluation.items))]
    rows, total = int(result["population"]), float(exact_number(str(result["book_value"])))
    unit = 10.0 ** -len(str(result["book_value"]).partition(".")[2])
    if unit > abs(total) / 10**4 and result["estimator"] != "difference":
        raise NotCheckable("the book value of the population has too few digits")
    given_weights = case.rounds[0].weights
    if len(case.rounds) != 1 or given_weights is None:
        raise NotCheckable(
            "several rounds, or more rows than a certificate lists, aren't projected here"
        )
    rnd = case.rounds[0]
    same(result, "population", drawable_rows(rnd))
    n = rnd.rows
    strata: list[tuple[list[int], int]] | None = None
    if rnd.method in ("random", "reservoir", "systematic"):
        strata = [(list(range(n)), rnd.eligible)]
    elif rnd.method == "stratified":
        strata = strata_of(rnd)
    if strata is None or any(len(places) == 1 < size for places, size in strata):
        return Projection(given_weights, book, audit, rows, total, None, None)
    weights = [0.0] * n
    for places, size in strata:
        for place in places:
            weights[place] = size / len(places)
    deviations = simple_spread(strata)
    left = [(places, size) for places, size in strata if len(places) < size]
    degrees = sum(len(places) - 1 for places, _ in left)
    if not left:
        degrees = int(result["degrees"])  # a census has no error, whatever they are
        evaluation.claimed("the degrees of freedom, which a census doesn't need")

    def spread(t: list[float]) -> float:
        if rnd.method == "systematic":  # successive differences
            f = n / rnd.eligible
            steps = math.fsum((a - b) ** 2 for a, b in pairwise(t))
            return (1 - f) / 2 * n / (n - 1) * steps
        return math.fsum(c * c for c in deviations(t))

    units = sum(len(places) for places, _ in left)
    return Projection(weights, book, audit, rows, total, degrees, spread, deviations, units)


def projected_by(given: Projection, estimator: str, y: list[float]) -> tuple[float, list[float]]:
    """Return an estimated total of y, and the residuals times g of its variance."""
    if estimator in ("difference", "mean_per_unit"):
        return given.sum(y), y
    if estimator == "ratio":
        g, below = given.total / given.sum(given.book), given.sum(given.book)
        slope = given.sum(y) / below
        return g * given.sum(y), [g * (v - slope * x) for v, x in zip(y, given.book, strict=True)]
    whole_ = math.fsum(given.weights)
    x_mean, y_mean = given.sum(given.book) / whole_, given.sum(y) / whole_
    x = [b - x_mean for b in given.book]
    square = given.sum(v * v for v in x)
    slope = given.sum(a * b for a, b in zip(x, y, strict=True)) / square
    away = given.total / given.rows - x_mean
    g_of = [given.rows / whole_ * (1 + away * v * whole_ / square) for v in x]
    estimate = given.rows * (y_mean + slope * away)
    residuals = [g * (v - y_mean - slope * d) for g, v, d in zip(g_of, y, x, strict=True)]
    return estimate, residuals


def check_variables(evaluation: StatedEvaluation) -> None:
    """Recompute the projected misstatement, its limits and its conclusion."""
    result = evaluation.result
    estimator = evaluation.choice("estimator", "difference")
    _, outside = examined_of(evaluation)
    given = evaluation.projection = projection_of(evaluation)
    errors = [b - a for b, a in zip(given.book, given.audit, strict=True)]
    wrong = sum(e != 0 for e in errors)
    for name, due in (("examined", len(errors)), ("errors", wrong), ("not_applicable", outside)):
        same(result, name, due)
    check_total(evaluation, given)
    same_amount(result, "found", math.fsum(errors))
    if estimator == "difference":
        projected, (_, residuals) = given.sum(errors), projected_by(given, estimator, errors)
    else:
        value, residuals = projected_by(given, estimator, given.audit)
        projected = given.total - value
    if estimator == "regression" and given.spread is None:
        raise NotCheckable("a regression of this method isn't recomputed here")
    same_amount(result, "projected", projected)
    evaluation.checked(f"the projected misstatement ({estimator.replace('_', ' ')})")
    same_amount(result, "audit_value", given.total - projected)
    error, t = check_limits(evaluation, given, residuals, projected)
    check_directions(evaluation, given, estimator, t)
    check_strata(evaluation, given.book, errors)
    decimals = len(str(result["book_value"]).partition(".")[2])
    tolerable = tolerable_units(
        evaluation, in_minor_units(exact_number(str(result["book_value"])), decimals), decimals
    )
    if tolerable is None:
        no_tolerable(evaluation)
        return
    shown = exact_number(str(result["tolerable"]))
    conclude_projection(evaluation, given, residuals, (projected, error, t), float(shown), decimals)


def check_limits(
    evaluation: StatedEvaluation, given: Projection, residuals: list[float], projected: float
) -> tuple[float, float]:
    """Recompute the standard error and the limits; return the error and t."""
    result = evaluation.result
    is_two = evaluation.choice("sides", "one") == "two"
    probability = (1 + evaluation.confidence) / 2 if is_two else evaluation.confidence
    if given.spread is None:
        error = float(exact_number(str(result["standard_error"])))
        degrees = int(result["degrees"])
        evaluation.claimed(
            "the standard error and its degrees of freedom, and the limits of each direction, "
            f"which aren't recomputed for the method {evaluation.case.rounds[0].method}"
        )
    else:
        error = math.sqrt(
            given.spread([w * r for w, r in zip(given.weights, residuals, strict=True)])
        )
        degrees = given.degrees or 0
        error = 0.0 if error <= 1e-12 * abs(given.total - projected) else error
        same_amount(result, "standard_error", error)
        same(result, "degrees", degrees)
        evaluation.checked("the standard error and its degrees of freedom")
    t = t_quantile(probability, degrees) if degrees and error else float(result["t"])
    same(result, "t", t)
    margin = t * error if error else 0.0
    if given.spread is None:  # the standard error is stated in a few digits
        unit = 10.0 ** -len(str(result["standard_error"]).partition(".")[2])
        same_amount(result, "margin", margin, t * unit)
        margin = float(exact_number(result["margin"]))
        same_amount(result, "lower_limit", projected - margin, unit)
        same_amount(result, "upper_limit", projected + margin, unit)
    else:
        same_amount(result, "margin", margin)
        same_amount(result, "lower_limit", projected - margin)
        same_amount(result, "upper_limit", projected + margin)
    evaluation.checked("the limits, by the t distribution")
    return error, t


def check_total(evaluation: StatedEvaluation, given: Projection) -> None:
    """Check the book value of the population where the data show it."""
    case, column = evaluation.case, evaluation.stated["book_column"]
    require_figure(evaluation.result["book_column"] == column, "`book_column` differs.")
    if "data" not in case.files or column not in case.predicate["data"]["columns"]:
        evaluation.claimed(f"the book value of the population, {evaluation.result['book_value']}")
        return
    data, rnd = read_data(case), case.rounds[0]
    passes = data.passes.get(rnd.number, data.present)
    drawable = drawable_of(rnd, data)
    if drawable is None:
        evaluation.claimed("the book value of the rows that could be drawn")
        return
    values = [
        exact_number(value)
        for value, here, inside, can in zip(
            data.columns[column], data.present, passes, drawable, strict=True
        )
        if here and inside and can and value is not None and _NUMBER.fullmatch(value)
    ]
    same_amount(evaluation.result, "book_value", sum(values, Fraction(0)))
    evaluation.checked("the book value of the population is the sum of data.csv")


def drawable_of(rnd: StatedRound, data: FrameData) -> list[bool] | None:
    """Return which rows have a weight, or an amount of the round's signs; None if unknown."""
    name = {"weighted": "weight_column", "monetary_unit": "book_column"}.get(rnd.method)
    if name is None:
        return [True] * len(data.present)
    drawn = str(rnd.parameters.get(name))
    column = next((c for c in data.columns if c.lower() == drawn.lower()), None)
    if column is None or rnd.parameters.get("uncertainty"):
        return None
    signs = rnd.parameters.get("population", "positive")
    amounts = [
        exact_number(text_) if text_ is not None and _NUMBER.fullmatch(text_) else Fraction(0)
        for text_ in data.columns[column]
    ]
    return [
        (value > 0 and signs != "negative") or (value < 0 and signs != "positive")
        for value in amounts
    ]


def check_directions(
    evaluation: StatedEvaluation, given: Projection, estimator: str, t: float
) -> None:
    """Recompute overstatements and understatements alone."""
    result, alone = evaluation.result, estimator if estimator != "mean_per_unit" else "difference"
    same(result, "direction_estimator", alone)
    for name, sign in (("overstatement", 1), ("understatement", -1)):
        amounts = [max(sign * (b - a), 0.0) for b, a in zip(given.book, given.audit, strict=True)]
        stated = result[name]
        same(stated, "errors", sum(v > 0 for v in amounts))
        same_amount(stated, "found", math.fsum(amounts))
        projected, residuals = projected_by(given, alone, amounts)
        same_amount(stated, "projected", projected)
        if given.spread is not None:
            t_values = [w * r for w, r in zip(given.weights, residuals, strict=True)]
            same_amount(stated, "upper_limit", projected + t * math.sqrt(given.spread(t_values)))


def check_strata(evaluation: StatedEvaluation, book: list[float], errors: list[float]) -> None:
    """Recompute the errors of each stratum, and their projection by difference."""
    rnd, stated = evaluation.case.rounds[0], evaluation.result.get("by_stratum")
    is_listed = rnd.method == "stratified" and len(rnd.groups or ()) <= MAX_STRATA
    strata = strata_of(rnd) if is_listed else []
    if strata is None:
        evaluation.claimed("the errors of each stratum")
        return
    good = isinstance(stated, list) and len(stated) == len(strata)
    require_figure(good, "`by_stratum` has other strata.")
    for line, (places, rows) in zip(stated or (), strata, strict=True):
        found = [errors[place] for place in places]
        same(line, "label", rnd.labels[places[0]] if rnd.labels else None)
        same(line, "rows", rows)
        same(line, "examined", len(found))
        same(line, "errors", sum(e != 0 for e in found))
        same_amount(line, "examined_value", math.fsum(book[place] for place in places))
        same_amount(line, "found", math.fsum(found))
        same_amount(line, "projected", rows / len(found) * math.fsum(found))
    if strata:
        evaluation.checked(f"the errors of each of {len(strata)} strata")
    if any(line["book_value"] is not None for line in stated or ()):
        evaluation.claimed("the book values of strata")


def doubts_of(
    evaluation: StatedEvaluation,
    given: Projection,
    residuals: list[float],
    limits: tuple[float, float, float],
    tolerable: float,
) -> list[str]:
    """Return why nothing may be concluded from limits that are within what is tolerable.

    Thin strata, book values that contradict the known total and strata without an error aren't
    looked at here.
    """
    if given.spread is None or given.deviations is None or not given.units:
        return []
    projected, error, t = limits
    found = []
    wrong = sum(
        b != a and w - 1 > 1e-9
        for b, a, w in zip(given.book, given.audit, given.weights, strict=True)
    )
    if wrong < 20 and evaluation.result["estimator"] != "mean_per_unit":
        found.append(f"fewer than 20 errors: {wrong}")
    c = [
        abs(v)
        for v in given.deviations([w * r for w, r in zip(given.weights, residuals, strict=True)])
    ]
    square = math.fsum(v * v for v in c)
    skewness = math.fsum(v**3 for v in c) / square**1.5 if square > 0 else 0.0
    if given.units < math.ceil(25 * given.units * skewness**2 * (1 - 1e-9)):
        found.append("skewness")
    wider = skewness * (2 * t * t + 1) / 6 * error
    low, high = projected - t * error - wider, projected + t * error + wider
    if high >= tolerable or (evaluation.result["sides"] == "two" and low <= -tolerable):
        found.append("skewness near the tolerable amount")
    return found


def conclude_projection(
    evaluation: StatedEvaluation,
    given: Projection,
    residuals: list[float],
    limits: tuple[float, float, float],
    tolerable: float,
    decimals: int,
) -> None:
    """Compare the conclusion from the limits; where they are in doubt it must be withheld."""
    result, (projected, error, t) = evaluation.result, limits
    low, high = projected - t * error, projected + t * error
    if given.spread is None:  # the standard error is stated in a few digits
        low, high = (float(exact_number(result[name])) for name in ("lower_limit", "upper_limit"))
    two = result["sides"] == "two"
    is_within = high < tolerable and (not two or low > -tolerable)
    stated = result["conclusion"] or {}
    is_withheld = is_within and stated.get("is_tolerable") is None
    if is_within and not is_withheld:
        doubts = doubts_of(evaluation, given, residuals, limits, tolerable)
        require(
            not doubts, "evaluation_conclusion", f"It concludes in spite of {', '.join(doubts)}."
        )
        evaluation.claimed("that no other doubt forbids the conclusion")

    def money(value: float) -> str:
        return f"{value:,.{decimals}f}"

    template = (BETWEEN if two else BELOW) if is_within else (BEYOND if two else ABOVE)
    if is_withheld:
        template = WITHHELD_BETWEEN if two else WITHHELD
    errors = [b - a for b, a in zip(given.book, given.audit, strict=True)]
    wrong = sum(e != 0 for e in errors)
    sentence = template.replace("{next}", NEARLY if abs(projected) < tolerable else ADVICE)
    sentence += " The errors found in the sample are {net} in {rows}."
    if given.total > 0:
        sentence += " The projected misstatement is {error_rate} of the book value."
    over, under = result["overstatement"], result["understatement"]
    if result["direction_estimator"] == result["estimator"] and over["errors"] and under["errors"]:
        sentence += NETTED
    text_ = sentence.format(
        of=" of the net misstatement",
        errors="net overstatements",
        measure="misstatement",
        limit=money(high),
        low=money(low),
        tolerable=money(tolerable),
        found=money(projected),
        confidence=confidence_text(evaluation.confidence),
        advice=ADVICE,
        reason=REASON,
        net=money(math.fsum(errors)),
        error_rate=percent(projected / given.total, 2) if given.total > 0 else "",
        rows=rows_text(wrong),
        over=money(float(exact_number(over["projected"]))),
        under=money(float(exact_number(under["projected"]))),
    )
    verdict = None if is_withheld else is_within
    check_conclusion(evaluation, verdict, text_ + scope_text(evaluation))


# --- after any row ---


def check_sequential(evaluation: StatedEvaluation) -> None:
    """Recompute an evaluation that may stop after any row."""
    is_money = all(rnd.method == "monetary_unit" for rnd in evaluation.case.rounds)
    same(evaluation.result, "measure", "amount" if is_money else "share")
    check_sequence_of_amounts(evaluation) if is_money else check_sequence_of_rows(evaluation)


def log_ratio(rows: int, n: int, k: int, wrong: int) -> float:
    """Return the logarithm of prior by posterior of a number of wrong rows; uniform prior."""
    if not k <= wrong <= rows - n + k:
        return math.inf
    ways = log_choose(rows, wrong) - log_choose(rows - n, wrong - k)
    return ways + math.lgamma(k + 1) + math.lgamma(n - k + 1) - math.lgamma(n + 2)


def possible_rows(rows: int, n: int, k: int, limit: float) -> tuple[int, int]:
    """Return the fewest and the most wrong rows that aren't ruled out."""
    last = rows - n + k
    likeliest = min(max((rows + 1) * k // n, k), last)
    low, high = k, likeliest
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if log_ratio(rows, n, k, middle) < limit else (middle + 1, high)
    least, low, high = low, likeliest, last
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if log_ratio(rows, n, k, middle) < limit else (low, middle - 1)
    return least, low


def sequence_sentence(
    evaluation: StatedEvaluation,
    decision: str,
    examined: int,
    errors: str,
    tolerable: str,
    rests_on: str | None = None,
) -> None:
    """Compare the decision in words."""
    rows, confidence = rows_text(examined), confidence_text(evaluation.confidence)
    if decision == "continue":
        sentence = (
            f"Not yet decided after {rows} whether {errors} are below the tolerable {tolerable} at "
            f"{confidence} confidence: examine the next rows in the order of the draw."
        )
    else:
        are = "are" if decision == "accept" else "aren't"
        sentence = (
            f"After {rows}, at {confidence} confidence {errors} {are} below the tolerable "
            f"{tolerable}: you can stop."
        )
    scope = evaluation.result["scope"]
    if scope is not None and decision == "continue":
        sentence += f" These are the rows that pass {scope} alone."
    elif scope is not None:
        sentence += ONLY_OF_SCOPE.format(scope=scope)
    verdict = {"accept": True, "reject": False}.get(decision)
    check_conclusion(evaluation, verdict, sentence, rests_on)


def first_examined(items_: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for item in items_:
        if item["finding"] is None:
            break
        found.append(item)
    require(found, "evaluation_items", "The first row of the order has no finding.")
    return found


def check_sequence_of_rows(evaluation: StatedEvaluation) -> None:
    """Recompute which numbers of exceptions are still possible."""
    result = evaluation.result
    require_figure(
        evaluation.case.rounds[0].method != "systematic", "A systematic sample has no random order."
    )
    tolerable = evaluation.tolerable
    require_figure(tolerable is not None and 0 < tolerable < 1, "Nothing tolerable is given.")
    assert tolerable is not None
    looked = first_examined(evaluation.items)
    first = [item for item in looked if outcome_of(item) != "not_applicable"]
    require(first, "evaluation_items", "No row is applicable.")
    outside = len(looked) - len(first)
    outcomes = [outcome_of(item) for item in looked]
    require_replaced(
        evaluation, [place for place, each in enumerate(outcomes) if each == "not_applicable"]
    )
    rows, n = population_of(evaluation, outside), len(first)
    counts = list(accumulate(int(is_exception(item)) for item in first))
    k, wrong = counts[-1], math.ceil(tolerable * rows)
    threshold = 1 / (1 - evaluation.confidence)
    least, most = possible_rows(rows, n, k, math.log(threshold))
    decision = "accept" if most < wrong else "reject" if least >= wrong else "continue"
    for name, due in (
        ("population", rows),
        ("examined", n),
        ("exceptions", k),
        ("not_applicable", outside),
        ("drawn", len(evaluation.items)),
        ("exceptions_by_size", counts),
        ("least", least),
        ("most", most),
        ("threshold", threshold),
        ("ratio_at_tolerable", math.exp(min(log_ratio(rows, n, k, wrong), 700.0))),
        ("decision", decision),
        ("tolerable", float(tolerable)),
    ):
        same(result, name, due)
    evaluation.checked(f"{k} of {n} rows, the possible numbers of exceptions and the decision")
    evaluation.claimed("the boundary of the chart")
    sequence_sentence(evaluation, decision, n, "exceptions", f"{100 * float(tolerable):.6g} %")


@dataclass
class SequenceOfUnits:
    """The examined rows of random monetary units: book amount and error, in minor units.

    ``scores`` are risk scores of the tested rows, and ``scored`` the sum of amounts by scores of
    the rows left to chance, in minor units; None without scores.
    """

    rnd: StatedRound
    certain: list[tuple[int, int]]
    tested: list[tuple[int, int]]
    units: int
    decimals: int
    scores: list[float] | None = None
    scored: float = 0.0

    @property
    def known(self) -> int:
        """The errors of the rows that are always drawn."""
        return sum(error for _, error in self.certain)

    def amount(self, units: float) -> Fraction:
        return Fraction(units) / Fraction(10**self.decimals)


def sequence_of_units(evaluation: StatedEvaluation, rnd: StatedRound) -> SequenceOfUnits:
    """Return the rows up to the first without a finding, those that are always drawn apart."""
    good = rnd.parameters.get("selection") == "random" and rnd.facts["units"] != "0"
    require_figure(good, "Its units weren't selected at random.")
    if rnd.hits is None:
        raise NotCheckable("it needs sample.csv")
    found = SequenceOfUnits(rnd, [], [], int(rnd.facts["units"]), rnd.facts["decimals"])
    is_open = False
    for place, item in enumerate(evaluation.items):
        is_certain = place < rnd.facts["take_all"]["rows"]
        require(
            item["finding"] or not is_certain,
            "evaluation_items",
            "A row that is always drawn has no finding.",
        )
        is_open = is_open or item["finding"] is None
        if is_open and not is_certain:
            continue
        book, audit = units_of_item(evaluation, rnd, place)
        is_positive = rnd.parameters.get("population", "positive") == "positive"
        error = max(book - audit, 0) if is_positive else abs(book - audit)
        require(
            error <= abs(book),
            "evaluation_items",
            f"Item {place + 1} is misstated by more than its book value.",
        )
        (found.certain if is_certain else found.tested).append((abs(book), error))
    require(found.tested, "evaluation_items", "The first row of the order has no finding.")
    return found


def units_of_item(evaluation: StatedEvaluation, rnd: StatedRound, place: int) -> tuple[int, int]:
    """Return an item's book and audit value in minor units; a replaced row has no error."""
    item, decimals = evaluation.items[place], rnd.facts["decimals"]
    if item["drawn"] == item["examined"]:
        amounts = evaluation.book(place), evaluation.audit_value(place)
        return in_minor_units(amounts[0], decimals), in_minor_units(amounts[1], decimals)
    case, column = evaluation.case, evaluation.stated["book_column"]
    good = column in case.shown and rnd.sample_rows is not None
    require(good, "evaluation_items", "A replaced row's book value isn't shown.")
    assert rnd.sample_rows is not None
    text_ = rnd.sample_rows[place][case.shown.index(column)] or ""
    book = in_minor_units(exact_number(text_), decimals)
    return book, book


def check_sequence_of_amounts(evaluation: StatedEvaluation) -> None:
    """Recompute the test martingale of random monetary units."""
    case, result = evaluation.case, evaluation.result
    (rnd,) = case.rounds
    found = sequence_of_units(evaluation, rnd)
    read_scores(evaluation, found)
    tested, units, known = found.tested, found.units, found.known
    whole_value = units + abs(int(rnd.facts["take_all"]["total"]))
    tolerable = tolerable_units(evaluation, whole_value, found.decimals)
    require_figure(tolerable is not None, "Nothing tolerable is given.")
    assert tolerable is not None
    left = tolerable - known
    share = max(left, 0) / units if left < units else 1.0
    statistics = tested_by(found, share, share)[-1]
    threshold = 1 / (1 - evaluation.confidence)
    reached = next((at for at, m in enumerate(statistics, 1) if m >= threshold), None)
    decision = "continue" if reached is None else "accept"
    seen = 0 if found.scores is None else sum(error for _, error in tested)
    if left <= seen:
        decision, reached = "reject", None
    most, population = max(statistics), rnd.parameters.get("population", "positive")
    for name, due in (
        ("examined", len(tested)),
        ("exceptions", sum(error > 0 for _, error in tested)),
        ("drawn", len(evaluation.items) - rnd.facts["take_all"]["rows"]),
        ("statistic", min(statistics[-1], 1e300)),
        ("largest_statistic", min(most, 1e300)),
        ("p_value", min(1.0, 1 / most) if most > 0 else 1.0),
        ("accepted_at", reached),
        ("decision", decision),
        ("threshold", threshold),
        ("population", population),
        ("book_column", evaluation.stated["book_column"]),
    ):
        same(result, name, due)
    for name, amount in (("book_value", whole_value), ("sampled_value", units)):
        same_amount(result, name, found.amount(amount))
    same(result["take_all"], "rows", len(found.certain))
    same(result["take_all"], "errors", sum(error > 0 for _, error in found.certain))
    same_amount(result["take_all"], "amount", found.amount(known))
    check_statistics(evaluation, found, share)
    check_sequence_limit(result, found, share, threshold)
    rests_on = report_sequence(evaluation, found, decision)
    shown = f"{Decimal(tolerable).scaleb(-found.decimals):,f}"
    is_positive = population == "positive"
    errors = "overstatements" if is_positive else "overstatements and understatements together"
    sequence_sentence(evaluation, decision, len(tested), errors, shown, rests_on)


def report_sequence(
    evaluation: StatedEvaluation, found: SequenceOfUnits, decision: str
) -> str | None:
    """Report the recomputed sequence, and return the claimed figure that its decision rests on."""
    rows = _counted(len(found.tested), "row")
    done = f"the statistic after each of {rows}, the decision and the limit"
    if found.scores is None:
        evaluation.checked(done)
        return None
    total, mean = evaluation.result["score_total"], found.scored / found.units
    evaluation.claimed(
        f"{done}: they follow from score_total {total}, and that it is the sum of amounts by "
        f"scores of all rows isn't checked. By it the mean score is {mean:.4g}; the examined rows "
        f"have {math.fsum(found.scores) / len(found.scores):.4g}"
    )
    # Errors that reach what is tolerable reject it whatever the scores are.
    return None if decision == "reject" else "the claimed score_total"


def read_scores(evaluation: StatedEvaluation, found: SequenceOfUnits) -> None:
    """Read the scores of the arithmetic and their sum, if the evaluation has scores."""
    case, result = evaluation.case, evaluation.result
    column = evaluation.request.get("score_column")
    good = result.get("score_column") == column
    require_figure(good, "The scores aren't those of the requested column.")
    if column is None:
        more = [name for name in ("score_mean", "score_total") if name in result]
        require_figure(not more, "It states scores without a column.")
        return
    if len(found.tested) > 1000:
        raise NotCheckable("the arithmetic has the scores of the first 1,000 rows alone")
    lines = result["arithmetic"]
    require_figure(len(lines) == len(found.tested), "The arithmetic has another length.")
    found.scores = [float(line["score"]) for line in lines]
    require_figure(all(0 <= score <= 1 for score in found.scores), "A score isn't from 0 to 1.")
    total = exact_number(str(result["score_total"])) * 10**found.decimals
    known = sum(size * score for (size, _), score in zip(found.tested, found.scores, strict=True))
    good = known * (1 - 1e-9) <= total <= found.units
    require_figure(good, "`score_total` can't be the sum of amounts by scores.")
    found.scored = float(total)
    same(result, "score_mean", float(total / found.units))
    is_shown = column in case.shown and found.rnd.sample_rows is not None
    if is_shown:
        at, first = case.shown.index(column), found.rnd.facts["take_all"]["rows"]
        rows = (found.rnd.sample_rows or [])[first:]
        for score, row in zip(found.scores, rows, strict=False):
            good = math.floor(1e6 * float(row[at] or "nan") + 0.5) == round(1e6 * score)
            require_figure(good, "A score isn't that of the drawn row.")
    if not is_shown:
        evaluation.claimed(f"the scores of the rows in {column}")


def check_statistics(evaluation: StatedEvaluation, found: SequenceOfUnits, share: float) -> None:
    """Compare the statistic after each row, and the lines that lead to it."""
    result, tested = evaluation.result, found.tested
    values, slopes, bets, means, statistics = tested_by(found, share, share)
    by_size, lines = result["statistics_by_size"], result["arithmetic"]
    require_figure(len(by_size) == len(statistics), "`statistics_by_size` has another length.")
    for stated, due_ in zip(by_size, statistics, strict=True):
        same({"statistics_by_size": stated}, "statistics_by_size", min(due_, 1e300))
    require_figure(len(lines) == min(len(tested), 1000), "The arithmetic has another length.")
    key = evaluation.case.population["table_key"]
    drawn = [item["drawn"] for item in evaluation.items][found.rnd.facts["take_all"]["rows"] :]
    rows = zip(lines, tested, values, slopes, means, bets, statistics, strict=False)
    for at, (line, (size, error), value, slope, mean, bet, statistic) in enumerate(rows):
        same(line, "number", at + 1)
        same(line, "row_id", f"{key}:{drawn[at]}")
        figures = {"units": size, "taint": error / size, "value": value, "null_mean": mean}
        if found.scores is not None:
            figures["slope"] = slope
        for name, due in (figures | {"bet": bet, "statistic": min(statistic, 1e300)}).items():
            same(line, name, due)


def check_sequence_limit(
    result: dict[str, Any], found: SequenceOfUnits, share: float, threshold: float
) -> None:
    """Compare the largest amount of errors that the test doesn't rule out."""

    def is_ruled_out(limit: float) -> bool:
        return max(tested_by(found, limit, share)[-1]) >= threshold

    limit = bisect(is_ruled_out, 0.0, 1.0) if is_ruled_out(1.0) else 1.0
    slack = found.units * 2e-12 / 10**found.decimals
    same_amount(result, "upper_limit", found.amount(limit * found.units + found.known), slack)


def tested_by(
    found: SequenceOfUnits, share: float, bet_share: float
) -> tuple[list[float], list[float], list[float], list[float], list[float]]:
    """Return values, slopes, bets, means and statistics of a share in error.

    The bets are made against ``bet_share``, whatever share is tested.
    """
    units, scores = found.units, found.scores or [0.0] * len(found.tested)
    lines: list[tuple[float, float, float, float, float]] = []
    before = squares = known = known_right = known_scored = together = spread = 0.0
    first, statistic = found.scored / units, 1.0
    prior = 20 * first * max(1 - first, 0.0)
    for at, ((size, error), score) in enumerate(zip(found.tested, scores, strict=True)):
        taint, control_mean = error / size, max((found.scored - known_scored) / (units - known), 0)
        slope = (prior + together) / (prior + spread) if prior + spread > 0 else 0.0
        slope = min(max(slope, 0.0), 2.0)
        control = score - control_mean
        value, span = 1 - taint + slope * control, 1 + slope * control_mean
        weight = 20 + at
        mean, second = (20 + before) / weight, (20 + squares) / weight
        gain = max(mean - (1 - bet_share), 0.0)
        bet = gain / (max(second - mean**2, 0.0) + gain**2) if gain > 0 else 0.0
        bet = min(bet, 0.99 / span)
        rest = units * (1 - share) - known_right
        null_mean = 0.0 if -1e-12 * units <= rest < 0 else rest / (units - known)
        safe = min(bet, 0.99 / max(null_mean + (span - 1), span))
        statistic *= math.inf if null_mean < 0 else 1 + safe * (value - null_mean)
        before, squares = before + value, squares + value**2
        together, spread = together + taint * control, spread + control**2
        known, known_right = known + size, known_right + size * (1 - taint)
        known_scored += size * score
        lines.append((value, slope, bet, null_mean, statistic))
    values, slopes, bets, means, statistics = (list(each) for each in zip(*lines, strict=True))
    if units * (1 - share) - known_right < -1e-12 * units:
        statistics[-1] = math.inf
    return values, slopes, bets, means, statistics


# --- the program ---


def verify(files: dict[str, bytes], key: bytes) -> CheckReport:
    """Verify a certificate, given the contents of its files and the public key."""
    report = CheckReport()
    case = Case(files, key, report)
    done = len(report.lines)
    with report.check("L0", "the certificate", say=False):
        read_certificate(case)
        report.run("L0", "numbers and lists of the rounds", read_rounds, case)
    if report.refusals or len(report.lines) == done:
        for level in ("L1", "L2", "L3", "L4"):
            report.missing[level] = "the certificate isn't valid"
        return report
    report.run("L0", "the manifest's hash, table and rows", check_manifest, case)
    report.run("L0", "the names of the files", check_subject, case)
    if not report.refusals:
        _verify_levels(case)
    for level in ("L1", "L2", "L3", "L4"):
        if report.refusals:
            report.missing.setdefault(level, "the certificate is refused")
    return report


def _verify_levels(case: Case) -> None:
    report, predicate = case.report, case.predicate
    _verify_sample_files(case)
    _verify_facts(case)
    if predicate["replacements"] or predicate["issue"] > 1:
        report.run("L0", "rows and times of the replacements", check_replacements, case)
    _verify_ledger(case)
    _verify_order(case)
    _verify_data(case)
    if "proofs" in case.files:
        report.run("L3", "row proofs", check_proofs, case, say=False)
    else:
        report.missing["L3"] = "proofs.json wasn't given"
    if "evaluation" in case.files:
        verify_evaluation(case)
    else:
        report.run(
            EVALUATION,
            "working papers and attached files",
            check_without_evaluation,
            case,
            say=False,
        )
    if "seal" in case.files:
        report.run(EVALUATION, "the seal of the engagement", check_seal, case, say=False)
    if predicate["plan"] is not None:
        report.run("L4", "the plan's text and digest", check_plan, case)
    with report.check("L4", "the seed", say=False):
        reason = check_origin(case)
        if reason is not None:
            report.missing["L4"] = reason
            report.claimed("L4", reason)
    for line in report.lines:
        if line.status == "not checkable here" and line.level in ("L1", "L2", "L3"):
            report.missing.setdefault(line.level, line.text)


def _verify_sample_files(case: Case) -> None:
    report, files = case.report, case.files
    hashes = {subject["name"]: subject["digest"]["sha256"] for subject in case.statement["subject"]}
    last = case.statement["subject"][-1]["name"]
    if "sample" in files:
        with report.check("L0", "the hash of sample.csv"):
            if sha256(files["sample"]) != hashes[last]:
                raise Invalid("sample_hash", f"It isn't {hashes[last]}.")
        report.run("L0", "rows, order, probabilities and weights of sample.csv", read_sample, case)
    else:
        report.missing["L0"] = "sample.csv wasn't given"
        report.skipped("L0", "the sample: sample.csv wasn't given")
    if "parquet" in files:
        with report.check("L0", "the hash of sample.parquet"):
            good = (
                len(hashes) == 2
                and sha256(files["parquet"]) == case.statement["subject"][0]["digest"]["sha256"]
            )
            require(good, "parquet_hash", "It is another file than the certificate's.")


def _verify_facts(case: Case) -> None:
    """Check what the certificate says of the rounds against itself."""
    report = case.report
    with report.check("L0", "the ordinals: their hash, below `file_rows`, none twice"):
        check_ordinals(case)
    report.run("L0", "effective seeds", check_seeds, case)
    with report.check("L0", "the orders of the rounds", say=False):
        check_keys(case)
        for rnd in case.rounds:
            if rnd.order is not None:
                report.checked("L0", f"the order of round {rnd.number}: {order_in_words(rnd)}")
    report.run("L0", "eligible rows of rounds without a filter", check_eligible, case)
    report.run("L0", "the list of the data for L2", check_data_member, case)
    for rnd in case.rounds:
        if rnd.has_groups:
            with report.check("L0", f"groups of round {rnd.number}: hash, order, labels, sums"):
                check_groups(case, rnd)
                if rnd.is_staged:
                    report.checked("L0", f"clusters of round {rnd.number}: {stages_in_words(rnd)}")
        elif rnd.method in ("weighted", "monetary_unit"):
            report.run("L0", f"amounts of round {rnd.number}", check_amounts, rnd)
        with report.check("L0", f"probabilities and weights of round {rnd.number}"):
            check_probabilities(case, rnd)


def _verify_ledger(case: Case) -> None:
    report = case.report
    if "ledger" not in case.files:
        report.skipped("L0", "deleted and repeated draws: ledger.json wasn't given")
        return
    report.run("L0", "the ledger: numbers, digests, signed head", check_chain, case)
    if case.ledger is not None:
        report.run("L0", "the ledger's entries of the draw", check_ledger_entries, case)
    report.run("L0", "the draw that made the table, if one did", check_source, case, say=False)


def _verify_order(case: Case) -> None:
    for rnd in case.rounds:
        whole_order = rnd.method in ("random", "reservoir", "systematic") and case.is_whole(rnd)
        whole_order = whole_order and rnd.order is None and "sort_columns" not in rnd.parameters
        done = (
            "the ordinals follow from seed and facts"
            if whole_order
            else "order, sizes and last ranks, given the facts"
            if not rnd.has_row_keys
            else "order of the keys, sizes and last ranks, given the facts"
        )
        case.report.run("L1", f"round {rnd.number} ({rnd.method}): {done}", check_order, case, rnd)
    if case.predicate["replacements"]:
        with case.report.check("L1", "places and order of the replacements"):
            unknown = follow_replacements(case, simple_reserves(case))
            if unknown and "data" not in case.files:
                case.report.claimed(
                    "L1", f"{unknown} replacements are the next rows: that needs the data"
                )


def _verify_data(case: Case) -> None:
    report = case.report
    if "data" not in case.files:
        report.missing["L2"] = "data.csv wasn't given"
        return
    tables: list[FrameData] = []
    with report.check("L2", "the form of data.csv"):
        tables.append(read_data(case))
    if not tables:
        return
    (table,) = tables
    absent = ",".join(str(ordinal) for ordinal, here in enumerate(table.present) if not here)
    if absent and sha256(absent.encode())[:16] == case.population["source_draw"]:
        report.checked("L2", "the source_draw is that of the left-out rows")
    report.run("L2", "the sample's cells are those of the data", check_cells, case, table)
    if "proofs" not in case.files:
        report.claimed("L2", "that the data are the population's: row proofs would show it")
    redraw = Redraw(case, table)
    redraw.run()
    if case.predicate["data"]["passes"]:
        report.claimed("L2", "which rows pass the filters: the data say it")
    if case.predicate["replacements"]:
        with report.check("L2", "the replacements are the next rows of the redraw"):
            follow_replacements(case, redraw.reserves)


FILES = {
    "certificate": "certificate.json",
    "evaluation": "evaluation.json",
    "key": "public-key.txt",
    "sample": "sample.csv",
    "parquet": "sample.parquet",
    "data": "data.csv",
    "ledger": "ledger.json",
    "proofs": "proofs.json",
    "seal": "seal.json",
}


def read_file(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            raise Usage(f"{path} isn't a file.")
        if path.stat().st_size > LIMITS[name]:
            raise Usage(f"{path} is larger than {LIMITS[name]:,} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}.") from None


def parse_key(value: bytes) -> bytes:
    """Read a public key of 64 hexadecimal digits."""
    word = value.decode("ascii", "replace").strip()
    if not re.fullmatch("[0-9a-fA-F]{64}", word):
        raise Invalid("bad_key", "The public key isn't 64 hexadecimal digits.")
    key = bytes.fromhex(word)
    require(_decompress(key) is not None, "bad_key", "The public key is no point of the curve.")
    return key


MORE_FOLDERS = ("papers", "attachments")
NOT_READ = ("README.txt", "verify.html", "verify_sample.py")  # files of a ZIP that explain it
MOST_FILES = 10_000
MOST_BYTES = 1 << 30  # of all files of a ZIP together
UNPACKED = 100  # times the bytes of a ZIP; 64 MiB are always possible


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read the files of a folder that have a name of `FILES`, and papers and attached files."""
    files = {
        name: read_file(folder / file_name, name)
        for name, file_name in FILES.items()
        if (folder / file_name).exists()
    }
    for more in MORE_FOLDERS:
        inside = sorted((folder / more).iterdir()) if (folder / more).is_dir() else []
        require_few(len(inside))
        files |= {f"{more}/{path.name}": read_file(path, "parquet") for path in inside}
    return files


def other_names(folder: Path) -> list[str]:
    """Return the names in a folder or ZIP file that aren't read."""
    if not folder.is_dir():
        with zipfile.ZipFile(folder) as archive:
            return [name for name in NOT_READ if name in archive.namelist()]
    return sorted(
        path.name + "/" * path.is_dir()
        for path in folder.iterdir()
        if path.name not in FILES.values() and not (path.name in MORE_FOLDERS and path.is_dir())
    )


def require_few(count: int) -> None:
    if count > MOST_FILES:
        raise Usage(f"There are more than {MOST_FILES:,} files.")


def read_zip(path: Path) -> dict[str, bytes]:
    """Read the same from a ZIP file. Its names are compared, and never used as paths.

    It has no other names, and no bytes before its first file. A member is read up to the limit of
    its kind, whatever size it claims to have.
    """
    files: dict[str, bytes] = {}
    names = {file_name: name for name, file_name in FILES.items()}
    try:
        with zipfile.ZipFile(path) as archive:
            require_few(len(archive.infolist()))
            room = min(MOST_BYTES, max(64 << 20, UNPACKED * path.stat().st_size))
            if min((each.header_offset for each in archive.infolist()), default=0):
                raise Usage(f"{path} has bytes before its first file.")
            for member in archive.infolist():
                folder, _, rest = member.filename.partition("/")
                name = names.get(member.filename)
                if name is None and folder in MORE_FOLDERS and is_plain_name(rest):
                    name = member.filename
                is_folder = folder in MORE_FOLDERS and not rest and not member.file_size
                if member.filename in NOT_READ or (member.is_dir() and is_folder):
                    continue
                if name is None:
                    raise Usage(
                        f"{path} has {member.filename[:80]!r}, which is no name of the format: "
                        "unpack it, and give the folder with certificate.json."
                    )
                if name in files:
                    raise Usage(f"{path} has two files {member.filename[:80]!r}.")
                limit = LIMITS.get(name, LIMITS["parquet"])
                limit = min(limit, room - sum(map(len, files.values())))
                with archive.open(member) as content:
                    files[name] = content.read(limit + 1)
                if len(files[name]) > limit:
                    raise Usage(f"{member.filename[:80]!r} has more than {limit:,} bytes.")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Usage(f"{path} isn't a ZIP file that can be read: {str(error)[:80]}.") from None
    except Exception as error:  # a damaged stream raises errors of its decoder
        if isinstance(error, Usage):
            raise
        raise Usage(f"{path} is damaged: {type(error).__name__}.") from None
    return files


def is_plain_name(name: str) -> bool:
    """Whether a name is that of a file in its folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")


def load(arguments: argparse.Namespace) -> tuple[dict[str, bytes], bool]:
    """Read the files of the folder or ZIP, and those given singly; tell whether the key was."""
    files: dict[str, bytes] = {}
    folder = Path(arguments.folder) if arguments.folder else None
    if folder is not None:
        if not folder.is_dir() and not folder.is_file():
            raise Usage(f"{folder} isn't a folder or a ZIP file.")
        files = read_folder(folder) if folder.is_dir() else read_zip(folder)
    for name in FILES:
        given = getattr(arguments, name)
        if name == "key" and given and re.fullmatch("[0-9a-fA-F]{64}", given):
            files[name] = given.encode()
        elif given:
            files[name] = read_file(Path(given), name)
    for name in ("certificate", "key"):
        if name not in files:
            raise Usage(f"There is no {FILES[name]}.")
    return files, bool(arguments.key)


def verify_files(files: dict[str, bytes]) -> CheckReport:
    """Verify the contents of files, the public key among them, by their names in `FILES`."""
    report = CheckReport()
    key = b""
    with report.check("L0", "the public key", say=False):
        key = parse_key(files["key"])
    return report if report.refusals else verify(files, key)


def as_data(report: CheckReport) -> dict[str, Any]:
    levels = report.levels()
    return {
        "accepted": not report.refusals,
        "levels": levels if not report.refusals else [],
        "highest_level": levels[-1] if levels and not report.refusals else None,
        "superseded": None if report.refusals else report.superseded,
        "condition": report.condition if "L4" in levels and not report.refusals else None,
        "not_reached": dict(sorted(report.missing.items())),
        "not_looked_at": report.ignored,
        "reasons": [{"code": line.code, "text": line.text} for line in report.refusals],
        "checks": [
            {"level": x.level, "status": x.status, "text": x.text, "code": x.code}
            for x in report.lines
        ],
    }


def printable(value: str) -> str:
    """Escape control characters, so that a certificate can't steer the terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value)


def print_report(report: CheckReport) -> None:
    data = as_data(report)
    for line in report.lines:
        print(printable(f"{line.level}  {line.status:<18}  {line.text}"))
    for level, reason in data["not_reached"].items():
        print(printable(f"{level}  not reached: {reason}"))
    if report.ignored:
        print(printable(f"Not looked at: {', '.join(report.ignored)[:2000]}."))
    if data["accepted"]:
        print(
            f"Levels: {', '.join(data['levels']) or 'none'}; "
            f"the highest is {data['highest_level']}."
        )
        if data["condition"]:
            print(data["condition"])
        superseded = data["superseded"]
        print(f"SUPERSEDED: {printable(superseded)}" if superseded else "ACCEPTED")
    else:
        print("REFUSED")
        for reason in data["reasons"]:
            print(printable(f"  {reason['code']}: {reason['text']}"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a sample certificate of jobsvc.")
    parser.add_argument(
        "folder", nargs="?", help="the folder or ZIP file with the certificate's files"
    )
    for name, file_name in FILES.items():
        what = (
            "the public key: a file or 64 digits"
            if name == "key"
            else f"the file, in place of {file_name}"
        )
        parser.add_argument(f"--{name}", help=what)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        files, trusted = load(arguments)
    except Usage as error:
        print(f"verify_sample: {error}", file=sys.stderr)
        return 2
    report = verify_files(files)
    if arguments.folder:
        report.ignored = other_names(Path(arguments.folder))
    if not trusted and not report.refusals:
        report.lines.insert(
            0, Line("L0", "claimed", "whose key it is: it came with the certificate; give --key")
        )
    if arguments.json:
        print(json.dumps(as_data(report), ensure_ascii=False, indent=1))
    else:
        print_report(report)
    return 1 if report.refusals else 3 if report.superseded else 0


if __name__ == "__main__":
    sys.exit(main())
