"""Draws a certificate's rounds again in plain Python, from the data of the certificate alone.

It shares no code with the product: it follows docs/CERTIFICATE.md.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

Row = dict[str, str | None]


class Order:
    """The order of N rows by a seed."""

    def __init__(self, rows: int, seed: str, bits: int | None = None) -> None:
        self.rows = rows
        needed = next(b for b in range(16, 64, 2) if 1 << b >= rows)
        self.bits = bits or needed
        self.half = self.bits // 2
        self.mask = (1 << self.half) - 1
        self.keys = [
            int.from_bytes(
                hashlib.sha256(f"jobsvc-order-1:{seed}:".encode() + bytes([i])).digest()[:4], "big"
            )
            & 0x7FFFFFFF
            for i in range(8)
        ]

    def mix(self, x: int, key: int) -> int:
        x = ((x ^ key) * 0x2C1B3C6D) & 0x7FFFFFFF
        x = ((x ^ (x >> 15)) * 0x297A2D39) & 0x7FFFFFFF
        return (x ^ (x >> 13)) & self.mask

    def rank(self, ordinal: int) -> int:
        left, right = ordinal >> self.half, ordinal & self.mask
        for key in self.keys:
            left, right = right, left ^ self.mix(right, key)
        return (left << self.half) | right

    def ordinal(self, rank: int) -> int:
        left, right = rank >> self.half, rank & self.mask
        for key in reversed(self.keys):
            left, right = right ^ self.mix(left, key), left
        return (left << self.half) | right

    def first(self, count: int) -> list[int]:
        found: list[int] = []
        rank = 0
        while len(found) < count:
            ordinal = self.ordinal(rank)
            rank += 1
            if ordinal < self.rows:
                found.append(ordinal)
        return found


class Redraw:
    """The rounds of a predicate, drawn from the CSV file of L2."""

    def __init__(self, predicate: dict[str, Any], data: str) -> None:
        self.predicate = predicate
        self.rows = predicate["population"]["file_rows"]
        passes, columns = predicate["data"]["passes"], predicate["data"]["columns"]
        lines = list(csv_rows(data))[1:]
        assert [int(line[0] or "") for line in lines] == list(range(self.rows))
        self.present = {place for place, line in enumerate(lines) if line[1] == "true"}
        self.passing = {
            number: {place for place, line in enumerate(lines) if line[2 + at] == "true"}
            for at, number in enumerate(passes)
        }
        self.values = [dict(zip(columns, line[2 + len(passes) :], strict=True)) for line in lines]
        self.drawn: set[int] = set()

    def check(self) -> None:
        """Assert that each round has the facts and the rows that are drawn here."""
        assert len(self.present) == self.predicate["population"]["rows"]
        for stated in self.predicate["rounds"]:
            self.check_round(stated)

    def check_round(self, stated: dict[str, Any]) -> None:
        number = stated["round_number"]
        chosen_from = self.passing.get(number, self.present) & self.present
        eligible = sorted(chosen_from - self.drawn)
        assert stated["eligible_rows"] == len(eligible)
        method = {"reservoir": "random"}.get(stated["method"], stated["method"])
        facts, found = getattr(self, method)(stated, eligible)
        assert {name: stated["facts"][name] for name in facts} == facts
        assert stated["ordinals"] == [ordinal for ordinal, _ in found]
        for (_, chance), stated_chance in zip(found, stated["probabilities"], strict=True):
            assert chance is None or abs(float(chance) - stated_chance) < 1e-12
        self.drawn |= set(stated["ordinals"])

    def random(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        order = Order(self.rows, stated["effective_seed"])
        found = sorted(eligible, key=order.rank)[: stated["rows"]]
        last = str(order.rank(found[-1])) if found else None
        return {"last_rank": last}, [(each, Fraction(len(found), len(eligible))) for each in found]

    def groups(self, eligible: list[int], key: Callable[[Row], Row]) -> dict[Any, list[int]]:
        found: dict[Any, list[int]] = {}
        for ordinal in eligible:
            found.setdefault(tuple(key(self.values[ordinal]).items()), []).append(ordinal)
        return found

    def of_groups(
        self, stated: dict[str, Any], found: dict[Any, list[int]], share: Fraction
    ) -> tuple[list[dict[str, Any]], list[Any]]:
        order = Order(self.rows, stated["effective_seed"])
        drawn, groups = [], []
        for group in stated["facts"]["groups"]:
            rows = sorted(found[tuple(group["key"].items())], key=order.rank)
            taken = rows[: group["allocated"]]
            chance = share * Fraction(len(taken), len(rows))
            drawn += [(ordinal, chance) for ordinal in taken]
            last = str(order.rank(taken[-1])) if taken else None
            groups.append({**group, "rows": len(rows), "sampled": len(taken), "last_rank": last})
        return groups, sorted(drawn, key=lambda row: order.rank(row[0]))

    def stratified(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        columns = stated["parameters"]["strata_columns"]

        def key(row: Row) -> Row:
            return {
                **{each: row[each] for each in columns if isinstance(each, str)},
                **{
                    each["column"]: band(row[each["column"]], each)
                    for each in columns
                    if not isinstance(each, str)
                },
            }

        found = self.groups(eligible, key)
        groups, drawn = self.of_groups(stated, found, Fraction(1))
        return {"groups": groups, "groups_count": len(found)}, drawn

    def cluster(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        column = stated["parameters"]["cluster_column"]
        found = self.groups(eligible, lambda row: {column: row[column]})
        keys = [tuple(group["key"].items()) for group in stated["facts"]["groups"]]
        assert keys == sorted(found, key=lambda key: (key[0][1] is None, key[0][1] or ""))
        order = Order(len(keys), stated["effective_seed"] + ":clusters")
        wanted = order.first(min(stated["parameters"]["num_clusters"], len(keys)))
        taken = {at for at, group in enumerate(stated["facts"]["groups"]) if group["allocated"]}
        assert taken == set(wanted)
        groups, drawn = self.of_groups(stated, found, Fraction(len(wanted), len(keys)))
        return {"groups": groups, "clusters": len(keys), "drawn": len(wanted)}, drawn

    def systematic(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        parameters, seed = stated["parameters"], stated["effective_seed"] + ":start"
        if "interval" in parameters:
            step, parts = parameters["interval"], 1
            start = parameters.get("start")
            first = Order(step, seed).first(1)[0] if start is None else start - 1
        else:
            step, parts = len(eligible), parameters["sample_size"]
            first = Order(step, seed).first(1)[0]
        places = [(first + k * step) // parts for k in range(self.rows)]
        found = [eligible[place] for place in places if place < len(eligible)]
        facts = {"first": str(first), "step": str(step), "parts": str(parts)}
        return facts, [(each, Fraction(parts, step)) for each in found]

    def weighted(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        facts, column = stated["facts"], stated["parameters"]["weight_column"]
        units = {}
        for ordinal in eligible:
            text = self.values[ordinal][column]
            if text not in (None, "nan"):
                unit = (
                    int(Decimal(text or "").scaleb(facts["decimals"]))
                    if facts["decimals"] is not None
                    else round(float(text or "") * 2.0 ** facts["exponent"])
                )
                units[ordinal] = unit
        units = {ordinal: unit for ordinal, unit in units.items() if unit}
        size = min(stated["parameters"]["sample_size"], len(units))
        take_all, size, total = take_all_rows(units, size)
        is_first = self.predicate["engine"]["draw_version"] == 1
        order = Order(self.rows, stated["effective_seed"], None if is_first else 62)
        last_rank = (1 << order.bits) - 1
        target = float(Fraction(size, total)) if total else 0.0

        def sort_key(ordinal: int) -> tuple[float, int]:
            rank = order.rank(ordinal)
            lower, upper = float(rank) + 0.5, float(last_rank - rank) + 0.5
            p = min(float(units[ordinal]) * target, 1.0)
            return (lower / upper) * ((1.0 - p) / p), rank

        others = sorted(set(units) - take_all, key=sort_key)[:size] if size else []
        found: list[Any] = [(each, 1) for each in sorted(take_all, key=order.rank)]
        found += [(each, None) for each in others]
        return {
            "rows": len(units),
            "total": str(sum(units.values())),
            "take_all": len(take_all),
        }, found

    def monetary_unit(self, stated: dict[str, Any], eligible: list[int]) -> Any:
        facts, parameters, e = stated["facts"], stated["parameters"], stated["effective_seed"]
        column, population = parameters["book_column"], parameters.get("population", "positive")
        amounts = {}
        for ordinal in eligible:
            text = self.values[ordinal][column]
            if text is not None:
                scaled = Decimal(text).scaleb(facts["decimals"])
                amounts[ordinal] = int(scaled.quantize(Decimal(1), ROUND_HALF_UP))
        signs = {"positive": (1,), "negative": (-1,), "absolute": (1, -1)}[population]
        units = {o: abs(v) for o, v in amounts.items() if v and (1 if v > 0 else -1) in signs}
        if "interval" in parameters:
            interval = int(Decimal(repr(parameters["interval"])).scaleb(facts["decimals"]))
            take_all = {ordinal for ordinal, unit in units.items() if unit >= interval}
            step, parts = interval, 1
        else:
            take_all, size, total = take_all_rows(units, min(parameters["sample_size"], len(units)))
            step, parts = total, size
        left = {ordinal: unit for ordinal, unit in units.items() if ordinal not in take_all}
        total = sum(left.values())
        points = selected_units(
            parameters.get("selection", "fixed_interval"), total, step, parts, e
        )
        order = Order(self.rows, e)
        line = sorted(left)
        if parameters.get("order", "seeded") == "seeded":
            line.sort(key=Order(self.rows, e + ":blocks").rank)
        ends, end = {}, 0
        for ordinal in line:
            end += left[ordinal]
            ends[ordinal] = end
        hit = [next(o for o in line if ends[o] > point) for point in points]
        found: list[Any] = [(each, 1) for each in sorted(take_all, key=order.rank)]
        found += [(each, None) for each in dict.fromkeys(hit)]

        def part(of: Sequence[int]) -> dict[str, Any]:
            return {"rows": len(of), "total": str(sum(of))}

        return {
            "positive": part([v for v in amounts.values() if v > 0]),
            "negative": part([v for v in amounts.values() if v < 0]),
            "zero_rows": sum(v == 0 for v in amounts.values()),
            "missing_rows": len(eligible) - len(amounts),
            "take_all": part([units[ordinal] for ordinal in take_all]),
            "units": str(total),
            "selected": len(points),
            "step": str(step),
            "parts": str(parts),
        }, found


def selected_units(selection: str, total: int, step: int, parts: int, seed: str) -> list[int]:
    """The monetary units that are selected of those left to chance."""
    if selection == "random":
        return Order(total, seed + ":units").first(parts)
    cells = -(-total * parts // step)
    if selection == "cell":
        order = Order(cells, seed + ":cells", 62)
        starts = [order.rank(cell) * step >> 62 for cell in range(cells)]
    else:
        starts = Order(step, seed + ":start").first(1) * cells
    points = [(k * step + start) // parts for k, start in enumerate(starts)]
    return [point for point in points if point < total]


def take_all_rows(units: dict[int, int], size: int) -> tuple[set[int], int, int]:
    """The rows that are drawn with certainty, the rows left to draw, and their units."""
    total, taken = sum(units.values()), set()
    for ordinal in sorted(units, key=lambda each: -units[each]):
        if not size or units[ordinal] * size < total:
            break
        taken.add(ordinal)
        size, total = size - 1, total - units[ordinal]
    return taken, size, total


def band(text: str | None, bands: dict[str, Any]) -> str | None:
    """The label of the band of a number."""
    if text is None:
        return None
    return str(bands["labels"][sum(Decimal(text) >= Decimal(str(b)) for b in bands["breaks"])])


def csv_rows(text: str) -> list[list[str | None]]:
    """The lines of a CSV file; an unquoted empty field is None."""
    marked = io.StringIO(text.replace('""', "\0"))
    found = []
    for line in csv.reader(marked):
        found.append([None if field == "" else field.replace("\0", "") for field in line])
    return found
