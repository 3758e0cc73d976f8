"""Tamperings with certificates of keyed draws: with their orders, keys, rows and texts of rows.

Importing this module registers them in :data:`tests.verifiers.tamperings.TAMPERINGS`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Any

from tests.verifiers.tamperings import (
    ALONE,
    LEAN,
    TAMPERINGS,
    Files,
    payload_of,
    put,
    rehash,
    sealed,
    statement,
    tampering,
    with_sample,
)
from verifiers.verify_sample import KeyRanks, canonical, joined_key

__all__ = ["TAMPERINGS"]

ORDER = "rounds.0.order"
HELD = ("ledger.json", "data.csv")
"""Files that the attacker keeps back, but not the sample, which shows the keys."""
GONE = object()

DOCUMENT = {"key": [{"name": "document", "type": "INTEGER"}]}

OF_ORDERS: list[tuple[str, str, str, dict[str, Any], tuple[str, ...]]] = [
    ("start_moved", "keyed", "last_rank", {"start": "0.5"}, HELD),
    ("start_moved_a_little", "keyed", "last_rank", {"start": "0.2500001"}, ("ledger.json",)),
    ("start_moved_and_ledger", "keyed", "ledger_entry", {"start": "0.5"}, ()),
    ("start_of_a_plan", "keyed_plan", "plan_text", {"start": "0.5"}, ALONE),
    ("key_of_a_plan", "keyed_plan", "plan_text", DOCUMENT, ALONE),
    ("start_of_a_stratum", "keyed_starts", "order_violated", {"starts": {"west": "0.5"}}, HELD),
    ("starts_taken_away", "keyed_starts", "order_violated", {"starts": GONE}, HELD),
    ("starts_of_no_strata", "keyed", "order_key", {"starts": {"west": "0.5"}}, ALONE),
    ("starts_of_one", "keyed_starts", "wrong_type", {"starts": {"west": "1.5"}}, ALONE),
    ("start_of_one", "keyed", "wrong_type", {"start": "1"}, ()),
    ("start_negative", "keyed", "wrong_type", {"start": "-0.25"}, ()),
    ("start_is_a_number", "keyed", "wrong_type", {"start": 0.25}, ()),
    ("start_of_stages", "keyed_stages", "clusters_drawn", {"start": "0"}, HELD),
    ("start_of_clusters", "keyed_clusters", "clusters_drawn", {"start": "0.75"}, HELD),
    ("start_of_weights", "keyed_weighted", "ordinals", {"start": "0.1"}, ("ledger.json",)),
    ("keyed_version_unknown", "keyed", "wrong_type", {"order_version": "jobsvc-order-3"}, ()),
    ("duplicates_unknown", "keyed", "wrong_type", {"duplicates": "ignore"}, ()),
    ("duplicates_numbered", "keyed", "data_format", {"duplicates": "number"}, ("ledger.json",)),
    ("duplicates_refused", "keyed_numbered", "data_format", {"duplicates": "refuse"}, LEAN),
    ("duplicates_forgotten", "keyed", "missing_member", {"duplicates": GONE}, ()),
    ("order_member", "keyed", "unknown_member", {"seed": "42"}, ()),
    ("key_empty", "keyed", "wrong_type", {"key": []}, ()),
    (
        "key_of_another_type",
        "keyed_filter",
        "order_key",
        {"key": [{"name": "exact", "type": "DECIMAL(12,2)"}]},
        ALONE,
    ),
    (
        "key_of_a_float",
        "keyed",
        "order_key",
        {"key": [{"name": "score", "type": "DOUBLE"}]},
        ALONE,
    ),
    (
        "key_of_no_column",
        "keyed",
        "order_key",
        {"key": [{"name": "number", "type": "VARCHAR"}]},
        ALONE,
    ),
    (
        "key_column_twice",
        "keyed",
        "order_key",
        {"key": [{"name": "account", "type": "VARCHAR"}] * 2},
        ALONE,
    ),
    (
        "key_of_stages_is_the_cluster",
        "keyed_stages",
        "order_key",
        {"key": [{"name": "club", "type": "VARCHAR"}]},
        ALONE,
    ),
    (
        "key_columns_swapped",
        "keyed_strata",
        "order_violated",
        {"key": [{"name": "line", "type": "TINYINT"}, {"name": "document", "type": "INTEGER"}]},
        HELD,
    ),
    (
        "key_column_hidden",
        "keyed_strata",
        "key_not_unique",
        DOCUMENT,
        HELD,
    ),
]
"""Name, folder, code and changed members of the first round's order; files that are kept back."""


def _change_order(members: dict[str, Any]) -> Callable[[Any], None]:
    def change(predicate: Any) -> None:
        for name, value in members.items():
            if value is GONE:
                del predicate["rounds"][0]["order"][name]
            else:
                put(predicate, f"{ORDER}.{name}", value)
        if "key" in members:
            names = [each["name"] for each in members["key"]]
            others = set(predicate["data"]["columns"]) & {"region", "club", "amount"}
            predicate["data"]["columns"] = sorted({*names, *others})

    return change


for _name, _base, _code, _members, _without in OF_ORDERS:
    _function = _change_order(_members)
    _function.__name__ = _name
    statement(_base, _code, _without)(_function)


@statement("keyed", "ordinals", ("ledger.json",))
def start_moved_with_last_rank(predicate: Any) -> None:
    """The ranks of the rows still ascend; that others come before shows in the data."""
    predicate["rounds"][0]["order"]["start"] = "0.24"
    last = int(predicate["rounds"][0]["facts"]["last_rank"]) + 2**62 // 4 - 2**62 * 24 // 100
    predicate["rounds"][0]["facts"]["last_rank"] = str(last)


@statement("keyed", "order_version", ALONE)
def order_taken_away(predicate: Any) -> None:
    del predicate["rounds"][0]["order"]
    predicate["data"]["columns"] = []


@statement("keyed", "order_violated", HELD)
def order_called_one_by_positions(predicate: Any) -> None:
    del predicate["rounds"][0]["order"]
    predicate["engine"]["order_version"] = "jobsvc-order-1"
    predicate["data"]["columns"] = []


@statement("keyed", "order_version", ALONE)
def engine_of_the_older_order(predicate: Any) -> None:
    predicate["engine"]["order_version"] = "jobsvc-order-1"


@statement("random", "order_version", ALONE)
def engine_of_the_keyed_order(predicate: Any) -> None:
    predicate["engine"]["order_version"] = "jobsvc-order-2"


@statement("grid", "order_key", ALONE)
def order_of_a_systematic_round(predicate: Any) -> None:
    column = json.loads(predicate["population"]["manifest"])["tables"][0]["columns"][0]
    predicate["engine"]["order_version"] = "jobsvc-order-2"
    predicate["data"]["columns"] = [column["name"]]
    predicate["rounds"][0]["order"] = {
        "order_version": "jobsvc-order-2",
        "key": [{"name": column["name"], "type": column["type"]}],
        "start": "0",
        "duplicates": "refuse",
    }


@statement("keyed", "order_violated", HELD)
def keyed_seed_other(predicate: Any) -> None:
    for name in ("seed", "effective_seed"):
        predicate["rounds"][0][name] = "43"


@statement("keyed", "last_rank", HELD)
def keyed_last_rank_other(predicate: Any) -> None:
    predicate["rounds"][0]["facts"]["last_rank"] = "7"


@statement("keyed_new", "source_draw", ALONE)
def source_draw_of_left_out_rows(predicate: Any) -> None:
    """Somebody could try texts until the rows suit."""
    predicate["population"]["source_draw"] = "0123456789abcdef"
    predicate["rounds"][0]["effective_seed"] = "5:from-0123456789abcdef"


@statement("keyed", "data_columns", ALONE)
def key_missing_from_the_data(predicate: Any) -> None:
    predicate["data"]["columns"] = []


# --- keys in data.csv and sample.csv ---

Rows = list[list[str]]


def rows_of(content: bytes) -> Rows:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def keyed_data(
    base: str, code: str, without: tuple[str, ...] = ("ledger.json",)
) -> Callable[[Callable[[Rows, list[int]], Any]], None]:
    """Register a change of the rows of data.csv, given them and the drawn ordinals."""

    def register(change: Callable[[Rows, list[int]], Any]) -> None:
        def function(files: Files) -> Files:
            rows = rows_of(files["data.csv"])
            change(rows, drawn(files))
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\n").writerows(rows)
            kept = {name: data for name, data in files.items() if name not in without}
            return {**kept, "data.csv": out.getvalue().encode()}

        function.__name__ = change.__name__
        tampering(base, code)(function)

    return register


def _without_ledger(files: Files) -> Files:
    return {name: content for name, content in files.items() if name != "ledger.json"}


def drawn(files: Files) -> list[int]:
    ordinals: list[int] = json.loads(payload_of(files))["predicate"]["rounds"][0]["ordinals"]
    return ordinals


def undrawn(rows: Rows, ordinals: list[int]) -> list[int]:
    return [row for row in range(len(rows) - 1) if row not in ordinals]


def of_account(text: str) -> int:
    """The rank of an account in the fixture `keyed`."""
    return KeyRanks("5", "0.25").ranks([joined_key([text])])[0]


@keyed_data("keyed", "ordinals")
def key_invented_that_comes_first(rows: Rows, ordinals: list[int]) -> None:
    """A row that wasn't drawn gets a key whose rank is below all."""
    least = min(of_account(row[2]) for row in rows[1:])
    invented = next(text for text in map("x{}".format, count()) if of_account(text) < least)
    rows[1 + undrawn(rows, ordinals)[0]][2] = invented


@keyed_data("keyed", "ordinals", LEAN)
def key_of_a_drawn_row_changed(rows: Rows, ordinals: list[int]) -> None:
    rows[1 + ordinals[0]][2] = "other"


@keyed_data("keyed", "ordinals", LEAN)
def keys_of_two_rows_exchanged(rows: Rows, ordinals: list[int]) -> None:
    one, other = rows[1 + ordinals[3]], rows[1 + undrawn(rows, ordinals)[0]]
    one[2], other[2] = other[2], one[2]


@keyed_data("keyed", "sample_cell", LEAN[1:])
def key_in_the_data_is_not_the_samples(rows: Rows, ordinals: list[int]) -> None:
    one, other = rows[1 + ordinals[3]], rows[1 + undrawn(rows, ordinals)[0]]
    one[2], other[2] = other[2], one[2]


@keyed_data("keyed", "key_not_unique")
def key_repeated(rows: Rows, ordinals: list[int]) -> None:
    first, second = undrawn(rows, ordinals)[:2]
    rows[1 + second][2] = rows[1 + first][2]


@keyed_data("keyed", "key_missing")
def key_emptied(rows: Rows, ordinals: list[int]) -> None:
    rows[1 + undrawn(rows, ordinals)[0]][2] = ""


@keyed_data("keyed_filter", "key_text")
def zeros_of_a_decimal_dropped(rows: Rows, ordinals: list[int]) -> None:
    row = rows[1 + undrawn(rows, ordinals)[0]]
    row[3] = row[3].rstrip("0")


@keyed_data("keyed_strata", "key_text")
def zeros_before_an_integer(rows: Rows, ordinals: list[int]) -> None:
    row = rows[1 + undrawn(rows, ordinals)[0]]
    row[2] = f"0{row[2]}"


@tampering("keyed", "order_violated")
def zeros_of_a_text_dropped(files: Files) -> Files:
    """ "007" becomes "7" in the sample and in the data."""
    rows = rows_of(files["sample.csv"])
    at = rows[0].index("account")
    row = next(row for row in rows[1:] if row[at].startswith("0") and row is not rows[1])
    data = files["data.csv"].replace(f",{row[at]}\n".encode(), f",{row[at].lstrip('0')}\n".encode())
    row[at] = row[at].lstrip("0")
    return with_sample({**_without_ledger(files), "data.csv": data}, rows)


def _with_row(files: Files, place: int, ordinal: int) -> Files:
    """The files with another row at a place of the first round, in the certificate and sample."""
    rows, data = rows_of(files["sample.csv"]), rows_of(files["data.csv"])
    names = rows[0]
    order, account = names.index("_selection_order"), names.index("account")
    row = next(row for row in rows[1:] if row[order] == str(place + 1))
    row[names.index("_logical_row_id")] = f"primary:{ordinal}"
    row[account] = data[1 + ordinal][2]

    def change(predicate: Any) -> None:
        rnd = predicate["rounds"][0]
        rnd["ordinals"][place] = ordinal
        rnd["facts"]["last_rank"] = str(of_account(data[1 + rnd["ordinals"][-1]][2]))
        rehash(rnd)

    return with_sample(_without_ledger(files), rows, change)


@tampering("keyed", "ordinals")
def last_row_exchanged_with_the_next(files: Files) -> Files:
    """The row that follows in rank takes the place of the last drawn one."""
    data = rows_of(files["data.csv"])
    line = sorted(range(len(data) - 1), key=lambda row: of_account(data[1 + row][2]))
    assert line[:20] == drawn(files)
    return _with_row(files, 19, line[20])


@tampering("keyed", "ordinals")
def a_row_skipped(files: Files) -> Files:
    """The last row goes to a place further in front, so that ranks still ascend."""
    data = rows_of(files["data.csv"])
    line = sorted(range(len(data) - 1), key=lambda row: of_account(data[1 + row][2]))
    return _with_row(files, 19, line[27])


@tampering("keyed", "order_violated")
def two_rows_change_places(files: Files) -> Files:
    rows = rows_of(files["sample.csv"])
    at = rows[0].index("_selection_order")
    ends = {row[at]: row for row in rows[1:]}
    ends["4"][at], ends["5"][at] = "5", "4"

    def change(predicate: Any) -> None:
        ordinals = predicate["rounds"][0]["ordinals"]
        ordinals[3], ordinals[4] = ordinals[4], ordinals[3]
        rehash(predicate["rounds"][0])

    return with_sample(_without_ledger(files), rows, change)


# --- texts of rows that share a key ---

NUMBERED_LEAN = ("ledger.json", "proofs.json")


def _pairs(rows: Rows, ordinals: list[int]) -> list[tuple[list[str], list[str]]]:
    """Rows of one key, of which one was drawn: the drawn one first."""
    by_key: dict[str, list[int]] = {}
    for row in range(len(rows) - 1):
        by_key.setdefault(rows[1 + row][3], []).append(row)
    return [
        (rows[1 + row], rows[1 + other])
        for row in ordinals
        for other in by_key[rows[1 + row][3]]
        if other not in ordinals
    ]


@keyed_data("keyed_numbered", "ordinals", NUMBERED_LEAN)
def numbers_of_two_rows_exchanged(rows: Rows, ordinals: list[int]) -> None:
    one, other = _pairs(rows, ordinals)[0]
    one[2], other[2] = other[2], one[2]


@keyed_data("keyed_numbered", "row_text", ("ledger.json",))
def text_of_a_row_is_not_the_proofs(rows: Rows, ordinals: list[int]) -> None:
    """The proofs show the drawn row's text; the change leaves the numbers as they are."""

    def digest(text: str) -> bytes:
        return sha256(text.encode()).digest()

    one, other = _pairs(rows, ordinals)[0]
    is_first = digest(one[2]) < digest(other[2])
    changed = (one[2].replace("2025-", f"{year}-") for year in range(1000, 1999))
    one[2] = next(text for text in changed if (digest(text) < digest(other[2])) == is_first)


@keyed_data("keyed_numbered", "row_text", NUMBERED_LEAN)
def text_of_a_row_missing(rows: Rows, ordinals: list[int]) -> None:
    _pairs(rows, ordinals)[0][1][2] = ""


@keyed_data("keyed_numbered", "row_text", NUMBERED_LEAN)
def text_of_a_row_of_another_key(rows: Rows, ordinals: list[int]) -> None:
    row = _pairs(rows, ordinals)[0][1]
    row[2] = row[2].replace(f":{row[3]}", f":{row[3][::-1]}")


@keyed_data("keyed_numbered", "row_text", NUMBERED_LEAN)
def text_of_a_row_cut(rows: Rows, ordinals: list[int]) -> None:
    row = _pairs(rows, ordinals)[0][1]
    row[2] = row[2][:-3]


@tampering("keyed_numbered", "key_not_unique")
def numbered_keys_called_unique(files: Files) -> Files:
    rows = rows_of(files["data.csv"])
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([[*row[:2], *row[3:]] for row in rows])
    whole = json.loads(payload_of(files))
    whole["predicate"]["rounds"][0]["order"]["duplicates"] = "refuse"
    kept = {name: data for name, data in files.items() if name not in NUMBERED_LEAN}
    kept.pop("sample.csv")
    return sealed({**kept, "data.csv": out.getvalue().encode()}, canonical(whole).encode())
