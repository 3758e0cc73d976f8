"""The draw once more, slow and obvious: plain integers, fractions and loops over all rows.

It shares nothing with the engine, so that the two can be held against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, exp, floor, sqrt

Key = tuple[str | None, ...]


@lru_cache(maxsize=64)
def keys_of(seed: int | str) -> tuple[int, ...]:
    def key(i: int) -> int:
        digest = hashlib.sha256(f"jobsvc-order-1:{seed}:".encode() + bytes([i])).digest()
        return int.from_bytes(digest[:4], "big") % 2**31

    return tuple(key(i) for i in range(8))


def rank_of(ordinal: int, rows: int, seed: int | str, bits: int | None = None) -> int:
    if bits is None:
        bits = 16
        while 2**bits < rows:
            bits += 2
    half = bits // 2
    modulus = 2**half

    def mix(number: int, key: int) -> int:
        number = ((number ^ key) * 0x2C1B3C6D) % 2**31
        number = ((number ^ (number // 2**15)) * 0x297A2D39) % 2**31
        return (number ^ (number // 2**13)) % modulus

    left, right = divmod(ordinal, modulus)
    for key in keys_of(seed):
        left, right = right, left ^ mix(right, key)
    return left * modulus + right


def draw_random(rows: int, taken: set[int], size: int, seed: int | str) -> list[int]:
    left = [ordinal for ordinal in range(rows) if ordinal not in taken]
    return sorted(left, key=lambda ordinal: rank_of(ordinal, rows, seed))[:size]


def strata_of(keys: Sequence[Key], taken: set[int]) -> dict[Key, list[int]]:
    """The eligible ordinals of each stratum; strata in order of their values, None last."""
    strata: dict[Key, list[int]] = {}
    for ordinal, key in enumerate(keys):
        if ordinal not in taken:
            strata.setdefault(key, []).append(ordinal)
    ordered = sorted(strata, key=lambda key: [(value is None, value) for value in key])
    return {key: strata[key] for key in ordered}


def draw_stratified(
    strata: dict[Key, list[int]], sizes: Sequence[int], rows: int, seed: int | str
) -> list[int]:
    chosen: list[int] = []
    for ordinals, size in zip(strata.values(), sizes, strict=True):
        chosen += sorted(ordinals, key=lambda ordinal: rank_of(ordinal, rows, seed))[:size]
    return sorted(chosen, key=lambda ordinal: rank_of(ordinal, rows, seed))


def share_out(
    weights: Sequence[int], total: int, least: Sequence[int], most: Sequence[int]
) -> list[int]:
    """The exact shares clip(factor * weight, least, most) that sum to ``total``, then rounded."""

    def shares(factor: Fraction) -> list[Fraction]:
        return [
            max(Fraction(low), min(Fraction(high), factor * weight))
            for weight, low, high in zip(weights, least, most, strict=True)
        ]

    bends = sorted(
        Fraction(bound, weight)
        for bounds in (least, most)
        for weight, bound in zip(weights, bounds, strict=True)
    )
    low = max([bend for bend in bends if sum(shares(bend)) <= total], default=Fraction(0))
    high = min([bend for bend in bends if sum(shares(bend)) >= total], default=low)
    rise = sum(shares(high)) - sum(shares(low))
    factor = low if not rise else low + (high - low) * (total - sum(shares(low))) / rise
    exact = shares(factor)
    sizes = [floor(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (sizes[i] - exact[i], -weights[i], i))
    for i in by_remainder[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes


# --- one round of any method over rows that are dicts ----------------------------------------

Row = dict[str, object]


def eligible_rows(rows: Sequence[Row], keeps: Callable[[Row], bool], taken: set[int]) -> list[int]:
    return [at for at, row in enumerate(rows) if at not in taken and keeps(row)]


def groups_of(
    rows: Sequence[Row], eligible: list[int], columns: Sequence[str]
) -> dict[Key, list[int]]:
    """The eligible ordinals of each group; groups in order of their values, None last."""
    groups: dict[Key, list[int]] = {}
    for at in eligible:
        key = tuple(rows[at][column] for column in columns)
        groups.setdefault(key, []).append(at)  # type: ignore[arg-type]
    ordered = sorted(groups, key=lambda key: [(value is None, value) for value in key])
    return {key: groups[key] for key in ordered}


def in_line(
    rows: Sequence[Row], eligible: list[int], columns: Sequence[str], *, serpentine: bool
) -> list[int]:
    """The eligible ordinals sorted by columns; None is the largest value."""

    def sort(ordinals: list[int], column: str, *, down: bool) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for at in ordinals:
            groups.setdefault(rows[at][column], []).append(at)
        ordered = sorted(groups, key=lambda value: (value is None, value), reverse=down)
        return [groups[value] for value in ordered]

    groups = [eligible]
    for level, column in enumerate(columns):
        found: list[list[int]] = []
        for number, group in enumerate(groups):
            found += sort(group, column, down=serpentine and level > 0 and number % 2 == 1)
        groups = found
    return [at for group in groups for at in group]


def draw_systematic(
    eligible: list[int],
    interval: int | None,
    size: int | None,
    start: int | None,
    seed: int | str,
) -> list[int]:
    if interval is not None:
        first = start if start is not None else 1 + first_of_order(interval, f"{seed}:start")
        return eligible[first - 1 :: interval]
    count, rows = min(size or 0, len(eligible)), len(eligible)
    if not count:
        return []
    begin = first_of_order(rows, f"{seed}:start")
    return [eligible[floor(Fraction(begin + k * rows, count))] for k in range(count)]


def first_of_order(rows: int, seed: str) -> int:
    return min(range(rows), key=lambda number: rank_of(number, rows, seed))


def draw_clusters(
    groups: dict[Key, list[int]],
    count: int,
    each: int | None,
    percentage: float | None,
    rows: int,
    seed: int,
) -> list[int]:
    clusters = list(groups.values())
    numbers = sorted(
        range(len(clusters)), key=lambda at: rank_of(at, len(clusters), f"{seed}:clusters")
    )
    chosen: list[int] = []
    for at in numbers[:count]:
        inside = sorted(clusters[at], key=lambda ordinal: rank_of(ordinal, rows, seed))
        size = len(inside)
        if each is not None:
            size = each
        elif percentage is not None:
            size = max(1, floor(Fraction(str(percentage)) / 100 * len(inside) + Fraction(1, 2)))
        chosen += inside[:size]
    return sorted(chosen, key=lambda ordinal: rank_of(ordinal, rows, seed))


def uncertainties(values: dict[int, float | None], least: float) -> dict[int, Fraction]:
    """√(p(1 - p)) in millionths, or ``least`` if that is more or p is missing."""
    return {
        at: Fraction(
            max(floor(1e6 * w + 0.5) for w in (least, sqrt((p or 0.0) * (1 - (p or 0.0)))))
        )
        for at, p in values.items()
    }


def pareto_targets(weights: dict[int, Fraction], size: int) -> dict[int, Fraction]:
    """Target probabilities; those that would reach 1 are set to 1 and the rest rescaled."""
    targets: dict[int, Fraction] = {}
    while True:
        rest = {at: weight for at, weight in weights.items() if at not in targets}
        whole, left = sum(rest.values()), size - len(targets)
        certain = [at for at, weight in rest.items() if left * weight >= whole]
        if not certain:
            return targets | {at: left * weight / whole for at, weight in rest.items()}
        targets |= dict.fromkeys(certain, Fraction(1))


def draw_weighted(weights: dict[int, Fraction], size: int, seed: int | str) -> dict[int, Fraction]:
    """The drawn rows in their order, each with its target probability."""
    size = min(size, len(weights))
    targets = pareto_targets(weights, size)

    def key(at: int) -> tuple[Fraction, int]:
        rank, p = rank_of(at, 0, seed, bits=62), targets[at]
        u = (rank + Fraction(1, 2)) / 2**62
        return (u / (1 - u)) * ((1 - p) / p), rank

    return {at: targets[at] for at in sorted(targets, key=key)[:size]}


def draw_by_points(
    weights: dict[int, Fraction], line: list[int], size: int, seed: int | str
) -> dict[int, Fraction]:
    """Take-all rows by rank, then the rows along ``line`` in which points lie."""
    size = min(size, len(weights))
    targets = pareto_targets(weights, size)
    certain = sorted(
        (at for at in targets if targets[at] == 1), key=lambda at: rank_of(at, 0, seed, bits=62)
    )
    drawn = {at: Fraction(1) for at in certain}
    start = Fraction(rank_of(0, 0, f"{seed}:start", bits=62), 2**62)
    passed = Fraction(0)
    for at in line:
        if at in targets and at not in drawn:
            if ceil(passed - start) < passed + targets[at] - start:
                drawn[at] = targets[at]
            passed += targets[at]
    return drawn


def first_ordinals(rows: int, count: int, seed: int | str) -> list[int]:
    """The rows of the lowest ranks, found by running the eight rounds backwards."""
    bits = 16
    while 2**bits < rows:
        bits += 2
    modulus = 2 ** (bits // 2)
    found: list[int] = []
    rank = 0
    while len(found) < count:
        left, right = divmod(rank, modulus)
        for key in reversed(keys_of(seed)):
            number = ((left ^ key) * 0x2C1B3C6D) % 2**31
            number = ((number ^ (number // 2**15)) * 0x297A2D39) % 2**31
            left, right = right ^ ((number ^ (number // 2**13)) % modulus), left
        if left * modulus + right < rows:
            found.append(left * modulus + right)
        rank += 1
    return found


@dataclass
class PlainUnits:
    """A draw by monetary units: the rows in their order with probability and hits."""

    rows: dict[int, tuple[Fraction, int]]
    certain: set[int]


def draw_monetary(
    units: dict[int, int],
    size: int | None,
    interval: int | None,
    selection: str,
    order: str,
    rows: int,
    seed: int | str,
    block_bits: int = 18,
) -> PlainUnits:
    """``units`` are the minor units of the rows of the population, by ordinal."""
    certain: set[int] = set()
    if interval is not None:
        certain = {at for at, own in units.items() if own >= interval}
        step, parts = interval, 1
    else:
        step, parts = sum(units.values()), min(size or 0, len(units))
        while new := [at for at in units.keys() - certain if units[at] * parts >= step]:
            certain |= set(new)
            parts -= len(new)
            step -= sum(units[at] for at in new)
    shift = 0
    while (max(rows - 1, 0) >> shift) >= 2**block_bits:
        shift += 1
    blocks = (max(rows - 1, 0) >> shift) + 1

    def place(at: int) -> tuple[int, int]:
        if order == "file":
            return 0, at
        block = rank_of(at >> shift, blocks, f"{seed}:blocks")
        return block, rank_of(at, rows, seed) if shift else at

    line = sorted(units.keys() - certain, key=place)
    starts, total = {}, 0
    for at in line:
        starts[at], total = total, total + units[at]
    points = plain_points(selection, total, step, parts, seed)
    found: dict[int, list[int]] = {}
    for point in points:
        at = next(at for at in line if starts[at] <= point < starts[at] + units[at])
        found.setdefault(at, []).append(point)
    drawn = {at: (Fraction(1), 1) for at in sorted(certain, key=lambda at: rank_of(at, rows, seed))}
    for at, hits in found.items():
        p = plain_chance(selection, starts[at], units[at], total, step, parts)
        drawn[at] = (p, len(hits))
    return PlainUnits(drawn, certain)


def plain_points(selection: str, total: int, step: int, parts: int, seed: int | str) -> list[int]:
    if not total:
        return []
    if selection == "random":
        return first_ordinals(total, parts, f"{seed}:units")
    points, k = [], 0
    start = first_ordinals(step, 1, f"{seed}:start")[0]
    while k * step < total * parts:
        if selection == "cell":
            start = floor(Fraction(rank_of(k, 0, f"{seed}:cells", bits=62) * step, 2**62))
        points.append(floor(Fraction(k * step + start, parts)))
        k += 1
    return [point for point in points if point < total]


def plain_chance(
    selection: str, start: int, units: int, total: int, step: int, parts: int
) -> Fraction:
    """Counted unit by unit, or product by product."""
    if selection == "fixed_interval":
        return Fraction(units * parts, step)
    missed = Fraction(1)
    if selection == "random":
        for j in range(parts):
            missed *= Fraction(max(total - units - j, 0), total - j)
        return 1 - missed
    first, stop = start * parts, (start + units) * parts
    for cell in range(first // step, (stop - 1) // step + 1):
        inside = min(stop, (cell + 1) * step) - max(first, cell * step)
        missed *= 1 - Fraction(inside, step)
    return 1 - missed


def pareto_probability(targets: Sequence[Fraction], size: int, at: int) -> float:
    """How likely row ``at`` has one of the ``size`` smallest keys, by the trapezoidal rule.

    Over the logit v of the row's own u, of density u(1 - u): the row is drawn if fewer than
    ``size`` others have a smaller key, and another row's key is smaller with the probability
    r/(1 + r), where r is e^v times the quotient of their odds.
    """
    if targets[at] == 1:
        return 1.0
    size -= sum(p == 1 for p in targets)
    probability = [p for place, p in enumerate(targets) if p < 1 and place != at]
    own = targets[at] / (1 - targets[at])
    ratios = [float(p / (1 - p) / own) for p in probability]
    total, step = 0.0, 0.25
    for number in range(-200, 201):
        odds = exp(number * step)
        counts = [1.0] + [0.0] * (size - 1)
        for ratio in ratios:
            smaller = ratio * odds / (1.0 + ratio * odds)
            for count in range(size - 1, 0, -1):
                counts[count] += smaller * (counts[count - 1] - counts[count])
            counts[0] *= 1.0 - smaller
        total += odds / (1.0 + odds) ** 2 * step * sum(counts)
    return total


def deviation_shares(groups: dict[Key, list[int]], values: Sequence[float | None]) -> list[float]:
    """Rows times standard deviation of each group."""
    shares = []
    for ordinals in groups.values():
        numbers = [Fraction(values[at]) for at in ordinals if values[at] is not None]  # type: ignore[arg-type]
        spread = Fraction(0)
        if len(numbers) > 1:
            mean = sum(numbers) / len(numbers)
            spread = sum((one - mean) ** 2 for one in numbers) / (len(numbers) - 1)
        shares.append(len(ordinals) * sqrt(spread))
    return shares


def amount_shares(groups: dict[Key, list[int]], values: Sequence[float | None]) -> list[float]:
    """The sum of the absolute values of each group."""
    numbers = [[abs(values[at] or 0) for at in ordinals] for ordinals in groups.values()]
    return [float(sum(map(Fraction, own))) for own in numbers]


def share_out_by(
    shares: Sequence[float], rows: Sequence[int], total: int, least: Sequence[int]
) -> list[int]:
    """As :func:`share_out`, with strata that have no share filled only when the others are full."""
    largest = max(shares)
    if not largest:
        return share_out(rows, total, least, rows)
    having = [at for at, share in enumerate(shares) if share]
    others = [at for at, share in enumerate(shares) if not share]
    first = min(total - sum(least[at] for at in others), sum(rows[at] for at in having))
    sizes = [0] * len(rows)
    for places, part in ((having, first), (others, total - first)):
        weights = [max(round(shares[at] / largest * 2**40), 1) for at in places]
        if places is others:
            weights = [rows[at] for at in places]
        bounds = [least[at] for at in places], [rows[at] for at in places]
        for at, size in zip(places, share_out(weights, part, *bounds), strict=True):
            sizes[at] = size
    return sizes
