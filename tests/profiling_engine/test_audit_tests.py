"""Audit tests of random tables find what plain Python finds, and say what they don't test."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from itertools import combinations
from typing import Any

import pytest

from contract.requests.audit_tests import AUDIT_TESTS, WEEKDAYS, OtherTableRequest
from domain_errors import DomainError
from parquet_tables.tables import TableFiles
from profiling_engine.audit_tests import TESTS, run_test
from profiling_engine.audit_tests.answers import AuditTestResult
from profiling_engine.audit_tests.benford import conformity, digit_test, holm
from tests.profiling_engine.conftest import Studio
from tests.support.nightly import amount

SEEDS = range(amount(12, 150))
FIRST_DAY = date(2025, 12, 20)
Row = dict[str, Any]


def run(
    studio: Studio, test: str, table: TableFiles, compared: TableFiles | None = None, **given: Any
) -> tuple[AuditTestResult, list[Row]]:
    folder = studio.new_path().with_suffix("")
    folder.mkdir()
    more = {} if compared is None else {"other": OtherTableRequest()}
    request = AUDIT_TESTS[test].request(**given, **more)
    ready = TESTS[test](table, "t", request, None if compared is None else (compared, "o"))
    found = run_test(studio.database, ready, folder)
    with studio.database.cursor() as cursor:
        paths = [str(file.path) for file in found.files]
        rows = cursor.execute("SELECT * FROM read_parquet(?)", [paths])
        names = [column[0] for column in rows.description]
        every = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    untested = sum(each.rows for each in found.result.not_tested)
    if compared is None:
        assert found.result.tested_rows + untested == table.row_count
    assert found.result.found_rows == len(every)
    return found.result, every


def numbers_of(rows: Sequence[Row]) -> list[int]:
    return [int(row["_logical_row_id"].removeprefix("t:")) for row in rows]


def loose(text: str | None) -> str | None:
    kept = [one for one in (text or "").lower() if unicodedata.category(one)[0] in "LMN"]
    return "".join(kept) or None


def random_table(
    studio: Studio, rng: random.Random, rows: int = 40
) -> tuple[TableFiles, list[Row]]:
    """A table with repeated, close and missing values, and column names that are aliases."""
    values: list[Row] = []
    for _ in range(rng.randrange(rows)):
        cents = rng.choice((None, 0, rng.randrange(-40, 40), rng.randrange(-99999, 99999)))
        values.append(
            {
                "k0": rng.choice((None, "a", "b")),
                "s": rng.choice((None, "", "Re 1", "re-1", "RE1", "É/2", "é 2", "-", "x")),
                "a": None if cents is None else Decimal(cents) / 100,
                "d": rng.choice((None, FIRST_DAY + timedelta(rng.randrange(15)))),
                "e": rng.choice((None, FIRST_DAY + timedelta(rng.randrange(15)))),
                "n": rng.choice((None, rng.randrange(-70, 70), rng.randrange(-70, 70))),
            }
        )
    types = {
        "k0": "VARCHAR",
        "s": "VARCHAR",
        "a": "DECIMAL(12,2)",
        "d": "DATE",
        "e": "DATE",
        "n": "INTEGER",
    }
    columns = {name: (kind, [row[name] for row in values]) for name, kind in types.items()}
    splits = (len(values) // 2,) if len(values) > 3 else ()
    return studio.table(columns, splits=splits), values


@pytest.mark.parametrize("seed", SEEDS)
def test_duplicates_are_the_groups_of_plain_python(studio: Studio, seed: int) -> None:
    table, values = random_table(studio, random.Random(seed))
    result, rows = run(
        studio, "duplicates", table, columns=["k0"], loose_columns=["s"], amount_column="a"
    )
    groups = defaultdict(list)
    for at, row in enumerate(values):
        key = (row["k0"], loose(row["s"]))
        if None not in key:
            groups[key].append(at)
    expected = sorted(group for group in groups.values() if len(group) > 1)
    found = defaultdict(list)
    for at, row in zip(numbers_of(rows), rows, strict=True):
        found[row["_group"]].append(at)
        assert (row["_group_rows"], row["_row_of_group"]) == (
            len(expected[row["_group"] - 1]),
            len(found[row["_group"]]),
        )
    assert list(found.values()) == expected
    assert result.tested_rows == sum(map(len, groups.values()))
    total = sum((values[at]["a"] or 0 for at in numbers_of(rows)), Decimal(0))
    figures = {each.name: each.value for each in result.figures}
    assert figures["amount"] == f"{total:.2f}"


@pytest.mark.parametrize("seed", SEEDS)
def test_duplicates_that_differ_in_a_column(studio: Studio, seed: int) -> None:
    table, values = random_table(studio, random.Random(seed))
    result, rows = run(studio, "duplicates", table, columns=["n"], differ_in="k0")
    groups = defaultdict(list)
    for at, row in enumerate(values):
        if None not in (row["n"], row["k0"]):
            groups[row["n"]].append(at)
    expected = [
        at
        for group in sorted(groups.values())
        if len({values[at]["k0"] for at in group}) > 1
        for at in group
    ]
    assert numbers_of(rows) == expected
    without = {each.column: each.rows for each in result.not_tested}
    assert without.get("n", 0) == sum(row["n"] is None for row in values)
    assert result.tested_rows == sum(map(len, groups.values()))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limit", ["difference", "share", "days", "none apart"])
def test_near_duplicates_are_the_pairs_of_plain_python(
    studio: Studio, seed: int, limit: str
) -> None:
    table, values = random_table(studio, random.Random(seed))
    given: dict[str, dict[str, Any]] = {
        "difference": {"amount_column": "a", "amount_difference": Decimal("0.255")},
        "share": {"amount_column": "a", "amount_share": 0.3},
        "days": {"date_column": "d", "days": 2},
        "none apart": {
            "date_column": "d",
            "days": 3,
            "amount_column": "a",
            "amount_difference": Decimal(0),
        },
    }
    own = given[limit]
    result, rows = run(studio, "near_duplicates", table, columns=["k0"], **own)
    partners: dict[int, list[tuple[int, Decimal, int]]] = defaultdict(list)
    for one, two in combinations(range(len(values)), 2):
        pair = values[one], values[two]
        needed = ["k0", *own.get("date_column", ""), *own.get("amount_column", "")]
        if any(row[name] is None for row in pair for name in needed):
            continue
        days = abs((pair[0]["d"] - pair[1]["d"]).days) if "days" in own else 0
        apart = abs(pair[0]["a"] - pair[1]["a"]) if "amount_column" in own else Decimal(0)
        most = own.get("amount_difference", Decimal(0))
        if "amount_share" in own:
            most = Decimal("0.3") * max(abs(row["a"]) for row in pair)
        if pair[0]["k0"] == pair[1]["k0"] and days <= own.get("days", 0) and apart <= most:
            partners[one].append((days, apart, two))
            partners[two].append((days, apart, one))
    found = dict(zip(numbers_of(rows), rows, strict=True))
    assert set(found) == set(partners)
    assert {each.name: each.value for each in result.figures}["pairs"] == (
        sum(map(len, partners.values())) // 2
    )
    for at, row in found.items():
        days, apart, partner = min(partners[at])
        assert (row["_partner"], row["_partners"]) == (f"t:{partner}", len(partners[at]))
        if "days" in own:
            assert row["_days_apart"] == days
        if "amount_column" in own:
            assert row["_amount_apart"] == float(apart)
        assert {found[other]["_group"] for *_, other in partners[at]} == {row["_group"]}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dense", [False, True])
def test_gaps_are_those_of_plain_python(studio: Studio, seed: int, dense: bool) -> None:
    rng = random.Random(seed)
    values = [(rng.choice((None, "x", "y")), rng.randrange(-90, 90)) for _ in range(60)]
    if dense:
        values = [(one, at) for one in ("x", "y") for at in range(-70, 140) if rng.random() < 0.98]
        values += values[3:5]
        rng.shuffle(values)
    texts = [f"{one or ''}-{abs(number):04d}" for one, number in values]
    table = studio.table(
        {
            "n": ("VARCHAR", [series for series, _ in values]),
            "number": ("BIGINT", [number for _, number in values]),
            "text": ("VARCHAR", texts),
        }
    )
    for column, series_columns in (("number", ["n"]), ("text", [])):
        result, rows = run(
            studio, "gaps", table, number_column=column, series_columns=series_columns
        )
        keys = values
        if column == "text":
            keys = [(text[:-4], int(text[-4:])) for text in texts]
        check_gaps(keys, rows, {each.name: each.value for each in result.figures})


def check_gaps(keys: Sequence[tuple[str | None, int]], rows: Sequence[Row], figures: Row) -> None:
    counts: dict[str | None, Counter[int]] = defaultdict(Counter)
    for series, number in keys:
        counts[series][number] += 1
    expected: dict[int, tuple[int | None, ...]] = {}
    missing = 0
    for at, (series, number) in enumerate(keys):
        own = sorted(counts[series])
        place = own.index(number)
        before = number - own[place - 1] - 1 if place else 0
        after = own[place + 1] - number - 1 if place + 1 < len(own) else 0
        repeats = counts[series][number]
        if repeats > 1 or before or after:
            shown = (number, repeats if repeats > 1 else None, before or None, after or None)
            expected[at] = shown
    for own in map(sorted, counts.values()):
        missing += own[-1] - own[0] + 1 - len(own)
    names = ("_number", "_repeats", "_missing_before", "_missing_after")
    found = {
        at: tuple(row[name] for name in names)
        for at, row in zip(numbers_of(rows), rows, strict=True)
    }
    assert found == expected
    assert figures["missing"] == missing
    assert figures["series"] == len(counts)
    assert figures["extra_rows"] == sum(n - 1 for own in counts.values() for n in own.values())


def test_texts_without_a_number_at_the_end_are_counted(studio: Studio) -> None:
    texts = ["A-1", "A-3", "none", "", None, "9" * 19, "A-1 "]
    table = studio.table({"text": ("VARCHAR", texts)})
    result, rows = run(studio, "gaps", table, number_column="text")
    assert numbers_of(rows) == [0, 1]
    assert [(each.reason[:20], each.rows) for each in result.not_tested] == [
        ("the value is missing", 1),
        ("the value doesn't en", 4),
    ]


def test_series_of_a_missing_and_an_empty_value_have_labels(studio: Studio) -> None:
    columns = {"n": ("INTEGER", [1, 3, 5, 7]), "s": ("VARCHAR", [None, "", "x", None])}
    table = studio.table(columns)
    result, _ = run(studio, "gaps", table, number_column="n", series_columns=["s"])
    labels = [row["label"] for row in result.tables[0].rows]
    assert sorted(labels) == ["(empty)", "(missing)", "x"]
    assert [row["label"] for row in result.tables[1].rows] == ["(missing)"]


def test_a_text_without_a_number_is_no_number_of_the_usual_series(studio: Studio) -> None:
    texts = ["A-7", "A-", f"A-{'1' * 19}", "B-1", "B-3", "A-9", "A-A-7", None]
    table = studio.table({"text": ("VARCHAR", texts)})
    result, rows = run(studio, "gaps", table, number_column="text")
    assert [
        (number, row["_series"]) for number, row in zip(numbers_of(rows), rows, strict=True)
    ] == [
        (0, 1),
        (5, 1),
        (3, 3),
        (4, 3),
    ]
    assert [each.rows for each in result.not_tested] == [1, 2]
    labels = [row["label"] for row in result.tables[0].rows]
    assert labels == ["A-", "A-A-", "B-"]


@pytest.mark.parametrize(
    ("test", "given"),
    [
        ("weekend", {"date_column": "d"}),
        (
            "cutoff",
            {"posting_column": "d", "document_column": "e", "cutoff": "2025-12-31", "days": 9},
        ),
        ("near_duplicates", {"date_column": "d", "days": 2}),
    ],
)
def test_infinite_days_are_not_tested(studio: Studio, test: str, given: Row) -> None:
    table = studio.table_of(
        "SELECT unnest(['infinity', '-infinity', NULL, '2025-12-28', '2025-12-27']::DATE[]) AS d, "
        "DATE '2026-01-02' AS e"
    )
    result, rows = run(studio, test, table, **given)
    assert sorted(numbers_of(rows)) == [3, 4]
    assert [(each.reason, each.rows) for each in result.not_tested] == [
        ("the value is missing", 1),
        ("the value isn't finite", 2),
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_cutoff_rows_are_those_of_plain_python(studio: Studio, seed: int) -> None:
    table, values = random_table(studio, random.Random(seed), 200)
    last = date(2025, 12, 28)
    given = {"posting_column": "d", "document_column": "e", "cutoff": str(last), "days": 4}
    _, rows = run(studio, "cutoff", table, amount_column="a", **given)
    expected = [
        at
        for at, row in enumerate(values)
        if row["d"] is not None
        and row["e"] is not None
        and -4 < (row["d"] - last).days <= 4
        and (row["d"] <= last) != (row["e"] <= last)
    ]
    assert sorted(numbers_of(rows)) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_weekend_rows_are_those_of_plain_python(studio: Studio, seed: int) -> None:
    table, values = random_table(studio, random.Random(seed), 200)
    _, rows = run(
        studio, "weekend", table, date_column="d", weekdays=["sunday"], holidays=["2025-12-26"]
    )
    expected = {
        at: WEEKDAYS[row["d"].weekday()]
        for at, row in enumerate(values)
        if row["d"] is not None and (row["d"].weekday() == 6 or row["d"] == date(2025, 12, 26))
    }
    assert {at: row["_weekday"] for at, row in zip(numbers_of(rows), rows, strict=True)} == expected


def test_times_are_of_the_day_in_their_time_zone(studio: Studio) -> None:
    moments = ["2025-01-03 22:30:00+00", "2025-01-03 23:30:00+00", "2025-01-05 23:30:00+00"]
    table = studio.table({"at": ("TIMESTAMP WITH TIME ZONE", moments)})
    _, in_utc = run(studio, "weekend", table, date_column="at")
    assert numbers_of(in_utc) == [2]
    _, in_berlin = run(studio, "weekend", table, date_column="at", time_zone="Europe/Berlin")
    assert numbers_of(in_berlin) == [1]


def test_public_holidays_are_those_of_the_country(studio: Studio) -> None:
    days = ["2025-01-06", "2025-04-18", "2025-10-03", "2025-11-04"]
    table = studio.table({"day": ("DATE", days)})
    _, rows = run(studio, "weekend", table, date_column="day", weekdays=[], country="DE")
    assert numbers_of(rows) == [1, 2]
    _, rows = run(
        studio, "weekend", table, date_column="day", weekdays=[], country="DE", subdivision="BY"
    )
    assert [row["_holiday"] for row in rows] == ["Epiphany", "Good Friday", "German Unity Day"]


def test_years_without_holidays_of_the_country_are_said(studio: Studio) -> None:
    days = ["1949-12-25", "1950-12-25", "2025-12-25", "2101-12-25", None]
    given: Row = {"date_column": "day", "weekdays": [], "country": "DE"}
    table = studio.table({"day": ("DATE", days)})
    result, rows = run(studio, "weekend", table, **given)
    assert numbers_of(rows) == [2]
    known = result.assumptions[-1]
    assert (known.state, (known.detail or "")[:20]) == ("not_met", "3 rows of other year")
    result, _ = run(studio, "weekend", studio.table({"day": ("DATE", days[2:3])}), **given)
    assert result.assumptions[-1].state == "checked"


@pytest.mark.parametrize(
    ("field", "given"),
    [("country", {"country": "XX"}), ("subdivision", {"country": "DE", "subdivision": "XX"})],
)
def test_an_unknown_country_is_refused(studio: Studio, field: str, given: Row) -> None:
    table = studio.table({"day": ("DATE", ["2025-01-06"])})
    with pytest.raises(DomainError) as refused:
        run(studio, "weekend", table, date_column="day", **given)
    assert refused.value.loc == (field,)


@pytest.mark.parametrize("seed", SEEDS)
def test_unmatched_rows_are_those_of_plain_python(studio: Studio, seed: int) -> None:
    rng = random.Random(seed)
    (table, values), (other, others) = random_table(studio, rng), random_table(studio, rng)
    result, rows = run(
        studio,
        "unmatched",
        table,
        other,
        columns=["k0", "n"],
        direction="both",
    )
    keys = [[(row["k0"], row["n"]) for row in side] for side in (values, others)]
    expected = [
        (side, at)
        for side, own, partner in (("this", *keys), ("other", *keys[::-1]))
        for at, key in enumerate(own)
        if None not in key and key not in partner
    ]
    found = [(row["_side"], int(row["_logical_row_id"].partition(":")[2])) for row in rows]
    assert found == expected
    figures = {each.name: each.value for each in result.figures}
    counts = Counter(key for key in keys[0] if None not in key)
    assert figures["this_repeated_rows"] == sum(n for n in counts.values() if n > 1)
    missing = sum(None in key for side in keys for key in side)
    assert sum(each.rows for each in result.not_tested) == missing


def test_unmatched_compares_decimals_with_whole_numbers(studio: Studio) -> None:
    table = studio.table({"k": ("DECIMAL(9,2)", ["1.00", "2.50", "3.00"])})
    other = studio.table({"x": ("BIGINT", [1, 2, 3])})
    _, rows = run(studio, "unmatched", table, other, columns=["k"], other_columns=["x"])
    assert numbers_of(rows) == [1]


@pytest.mark.parametrize("kind", ["DECIMAL(9,2)", "INTEGER"])
def test_unmatched_compares_numbers_with_numerals(studio: Studio, kind: str) -> None:
    table = studio.table({"k": (kind, [1, 20, 0, -3, 4])})
    other = studio.table({"k": ("VARCHAR", ["1.00", "20", "0.0", "-3.000", "04", "1e0", None])})
    _, rows = run(studio, "unmatched", table, other, columns=["k"], direction="both")
    found = [(row["_side"], row["_logical_row_id"].partition(":")[2]) for row in rows]
    assert found == [("this", "4"), ("other", "4"), ("other", "5")]


def test_unmatched_compares_dates_with_midnights(studio: Studio) -> None:
    days = studio.table({"k": ("DATE", ["2025-01-01", "2025-01-02", "2025-01-03"])})
    times = ["2025-01-01 00:00:00", "2025-01-02 00:00:01", None]
    other = studio.table({"k": ("TIMESTAMP", times)})
    _, rows = run(studio, "unmatched", days, other, columns=["k"], direction="both")
    found = [(row["_side"], row["_logical_row_id"].partition(":")[2]) for row in rows]
    assert found == [("this", "1"), ("this", "2"), ("other", "1")]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP"])
def test_unmatched_refuses_times_with_a_zone_beside_others(studio: Studio, kind: str) -> None:
    table = studio.table({"k": (kind, ["2025-01-01"])})
    other = studio.table({"k": ("TIMESTAMP WITH TIME ZONE", ["2025-01-01 00:00:00+00"])})
    with pytest.raises(DomainError) as refused:
        run(studio, "unmatched", table, other, columns=["k"])
    assert refused.value.loc == ("columns",)


WIDE = ["DECIMAL(38,18)", "DECIMAL(25,18)", "DECIMAL(38,2)", "DECIMAL(20,2)"]


@pytest.mark.parametrize("kind", WIDE)
@pytest.mark.parametrize(
    "limit", [{"amount_difference": Decimal(0)}, {"amount_share": 0.12345678901234567}]
)
def test_wide_amounts_are_compared_exactly(studio: Studio, kind: str, limit: Row) -> None:
    amounts = ["99", "99", "150", "150", "123456", "123456", "-123456"]
    table = studio.table({"k": ("VARCHAR", ["a"] * 7), "amt": (kind, amounts)})
    result, rows = run(
        studio, "near_duplicates", table, columns=["k"], amount_column="amt", **limit
    )
    assert sorted(numbers_of(rows)) == [0, 1, 2, 3, 4, 5]
    figures = {each.name: each.value for each in result.figures}
    assert (figures["pairs"], Decimal(str(figures["amount"]))) == (3, 247410)


@pytest.mark.parametrize("share", [0.12345678901234567, 0.5, 1e-20])
def test_shares_of_the_largest_amounts_are_exact(studio: Studio, share: float) -> None:
    largest = Decimal("9" * 36 + ".99")
    with localcontext(prec=60):
        apart = (largest * Decimal(str(share))).quantize(Decimal("0.01"), ROUND_DOWN)
        amounts = [largest, largest - apart, largest - apart - Decimal("0.01"), -largest]
    table = studio.table({"k": ("VARCHAR", ["a"] * 4), "amt": ("DECIMAL(38,2)", amounts)})
    _, rows = run(
        studio, "near_duplicates", table, columns=["k"], amount_column="amt", amount_share=share
    )
    assert {row["_partners"] for row in rows if numbers_of([row]) == [0]} == {1}
    assert 3 not in numbers_of(rows)


def test_each_pair_is_within_a_difference_beyond_all_amounts(studio: Studio) -> None:
    values = {"k": ("VARCHAR", ["a"] * 4), "amt": ("DECIMAL(9,2)", ["1", "-9999999.99", "3", "4"])}
    result, _ = run(
        studio,
        "near_duplicates",
        studio.table(values),
        columns=["k"],
        amount_column="amt",
        amount_difference=Decimal("1e37"),
    )
    assert {each.name: each.value for each in result.figures}["pairs"] == 6


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("DECIMAL(38,2)", {"amount_difference": Decimal("1e37")}, "amount_difference"),
        ("DECIMAL(9,2)", {"amount_share": 1.2345678901234567e-30}, "amount_share"),
    ],
)
def test_distances_beyond_128_bits_are_refused(
    studio: Studio, kind: str, given: Row, field: str
) -> None:
    table = studio.table({"k": ("VARCHAR", ["a"]), "amt": (kind, ["1"])})
    with pytest.raises(DomainError) as refused:
        run(studio, "near_duplicates", table, columns=["k"], amount_column="amt", **given)
    assert refused.value.loc == (field,)


def test_sums_beyond_38_digits_are_exact(studio: Studio) -> None:
    amounts = ["99999999999999999999.500000000000000001"] * 5
    values = {
        "k": ("VARCHAR", ["a"] * 5),
        "amt": ("DECIMAL(38,18)", amounts),
        "day": ("DATE", ["2025-01-04"] * 5),
        "dated": ("DATE", ["2025-01-05"] * 5),
    }
    table = studio.table(values)
    total = "499999999999999999997.500000000000000005"
    dates = {"posting_column": "day", "document_column": "dated", "cutoff": "2025-01-04", "days": 2}
    for test, given in (
        ("duplicates", {"columns": ["k"]}),
        ("weekend", {"date_column": "day"}),
        ("cutoff", dates),
    ):
        result, _ = run(studio, test, table, amount_column="amt", **given)
        figures = {each.name: each.value for each in result.figures}
        assert figures["amount"] == total, test
        for each in result.tables:
            assert {row["amount"] for row in each.rows if "amount" in row} <= {total}, test


def test_leading_digits_are_those_of_the_written_amount(studio: Studio) -> None:
    texts = ["0.05", "0.5", "5", "50.25", "-9.99", "-0.01", "123456789.12", "0", "999999.99"]
    for type_ in ("DECIMAL(18,2)", "DECIMAL(30,4)", "DOUBLE"):
        table = studio.table({"a": (type_, texts)})
        result, rows = run(studio, "benford", table, amount_column="a")
        assert rows == []  # too few amounts
        (digits,) = result.tables
        counts = {(row["sign"], row["digits"]): row["rows"] for row in digits.rows if row["rows"]}
        assert counts == {
            ("positive", 1): 1,
            ("positive", 5): 4,
            ("positive", 9): 1,
            ("negative", 1): 1,
            ("negative", 9): 1,
        }, type_
        assert [(each.reason, each.rows) for each in result.not_tested] == [("the amount is 0", 1)]
        result, _ = run(studio, "benford", table, amount_column="a", digits="first_two")
        counts = {row["digits"]: row["rows"] for row in result.tables[0].rows if row["rows"]}
        assert counts == {50: 1, 12: 1, 99: 1}, type_


def test_leading_digits_of_numbers_at_the_limits(studio: Studio) -> None:
    texts = [*(str(10**k) for k in range(1, 19)), *(str(10**k - 1) for k in range(2, 19))]
    wide = [*texts, "1" + "0" * 25, "9" * 26, f"{-(2**63)}", f"{2**63 - 1}"]
    for type_, of_type in (("BIGINT", [*texts, wide[-1]]), ("DECIMAL(38,2)", wide)):
        table = studio.table({"x": (type_, of_type)})
        for digits, length in (("first", 1), ("first_two", 2)):
            result, _ = run(studio, "benford", table, amount_column="x", digits=digits)
            found = {
                (each["sign"], each["digits"]): each["rows"]
                for each in result.tables[0].rows
                if each["rows"]
            }
            expected = Counter(
                ("negative" if text[0] == "-" else "positive", int(text.lstrip("-")[:length]))
                for text in of_type
            )
            assert found == expected, type_


def test_digits_of_a_double_are_those_that_it_shows(studio: Studio) -> None:
    """Amounts below the four decimals of a sum have digits, too; large ones have an exponent."""
    values = ["0.049139", "1.25e-7", "-4e-05", "0.00006999", "0.1", "20", "9e12", "0", "99.99999"]
    table = studio.table({"a": ("DOUBLE", values)})
    result, _ = run(studio, "benford", table, amount_column="a")
    counts = {
        (row["sign"], row["digits"]): row["rows"] for row in result.tables[0].rows if row["rows"]
    }
    by_digit = {("positive", 1): 2, ("positive", 2): 1, ("positive", 4): 1, ("positive", 6): 1}
    assert counts == {**by_digit, ("positive", 9): 2, ("negative", 4): 1}
    assert [(each.reason, each.rows) for each in result.not_tested] == [("the amount is 0", 1)]
    result, _ = run(studio, "benford", table, amount_column="a", digits="first_two")
    counts = {row["digits"]: row["rows"] for row in result.tables[0].rows if row["rows"]}
    assert counts == {20: 1, 90: 1, 99: 1}


def test_assigned_numbers_are_not_concluded_on(studio: Studio) -> None:
    sql = "SELECT range % 900 + 9000000 * (range % 7) AS account FROM range(5000)"
    result, rows = run(studio, "benford", studio.table_of(sql), amount_column="account")
    assert rows == []
    assert "not_met" in {each.state for each in result.assumptions}
    assert "nothing is concluded" in result.conclusion
    names = {each.name for each in result.figures}
    assert "positive_mad" in names
    assert "positive_conformity" not in names


def test_amounts_of_benford_have_no_excess(studio: Studio) -> None:
    sql = "SELECT 10 ** (range % 100003 / 20000.6) AS x FROM range(100003)"
    result, rows = run(studio, "benford", studio.table_of(sql), amount_column="x")
    assert rows == []
    figures = {each.name: each.value for each in result.figures}
    assert figures["positive_conformity"] == "close conformity"


def test_digit_tests_are_those_of_the_formulas() -> None:
    rows = {1: 290, 2: 190, 3: 120, 4: 90, 5: 80, 6: 70, 7: 60, 8: 50, 9: 50}
    found = digit_test(rows, "first")
    by_digit = {each.digits: each for each in found.digits}
    # |0.29 - 0.30103| - 1/2000 over sqrt(0.30103 * 0.69897 / 1000)
    assert by_digit[1].z == pytest.approx(0.0105300 / 0.01450557, abs=2e-4)
    assert by_digit[2].z == pytest.approx((0.19 - 0.1760913 - 0.0005) / 0.01204492, abs=2e-4)
    chi_square = sum(
        (rows[at] - 1000 * one.expected) ** 2 / one.expected for at, one in by_digit.items()
    )
    assert found.chi_square == pytest.approx(chi_square / 1000)
    assert found.df == 8
    assert digit_test({10: 5, 99: 3}, "first_two").df == 89
    assert holm([0.04, 0.001, 0.5]) == pytest.approx([0.08, 0.003, 0.5])
    assert conformity(0.012, "first") == "acceptable conformity"
    assert conformity(0.0151, "first") == "nonconformity"


@pytest.mark.parametrize(
    ("test", "given", "loc"),
    [
        ("weekend", {"date_column": "text"}, ("date_column",)),
        (
            "cutoff",
            {"posting_column": "day", "document_column": "text", "cutoff": "2025-01-01", "days": 1},
            ("document_column",),
        ),
        ("benford", {"amount_column": "text"}, ("amount_column",)),
        ("gaps", {"number_column": "day"}, ("number_column",)),
        ("duplicates", {"loose_columns": ["day"]}, ("loose_columns", 0)),
        ("duplicates", {"columns": ["nothing"]}, ("columns", 0)),
    ],
)
def test_columns_of_other_types_are_refused(
    studio: Studio, test: str, given: Row, loc: tuple[str | int, ...]
) -> None:
    table = studio.table({"text": ("VARCHAR", ["2025-01-04"]), "day": ("DATE", ["2025-01-04"])})
    with pytest.raises(DomainError) as refused:
        run(studio, test, table, **given)
    assert refused.value.loc == loc
