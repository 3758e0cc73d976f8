"""A design as Python code with NumPy and SciPy, which estimates by itself."""

from __future__ import annotations

from collections.abc import Mapping

from application.estimation.code.texts import SampleFile, about, comment, quoted
from estimation_engine import Design, is_number

READ = """import csv

import numpy as np
from scipy import stats

csv.field_size_limit(2**31 - 1)
with open("sample.csv", newline="", encoding="utf-8-sig") as file:
    rows = sorted(csv.DictReader(file), key=lambda r: int(r["_logical_row_id"].rpartition(":")[2]))
"""
SPREAD = """

def spread(t, size):
    n = len(t)
    if n < 2:
        return 0.0 if n == size else float("nan")  # one row of several gives no variance
    return (1 - n / size) * n / (n - 1) * ((t - t.mean()) ** 2).sum()
"""
WEIGHTED = """w = np.array([float(row["_design_weight"]) for row in rows])
p = 1 / w


def degrees(has_value):
    return max(int((has_value & (p < 1)).sum()) - 1, 0)


def variance(t):
    c, t = 1 - p[p < 1], t[p < 1]
    return len(t) / (len(t) - 1) * (c * (t - (c * t).sum() / c.sum()) ** 2).sum()
"""
ESTIMATE = '''def estimate(column, number_of=float):
    """Total and mean: estimate, standard error and 95 % interval of each."""
    has_value = np.array([row[column] != "" for row in rows])
    y = np.array([float(number_of(row[column])) if row[column] else 0.0 for row in rows])
    size = (w * has_value).sum()
    mean = (w * y).sum() / size
    t_quantile = stats.t.ppf(0.975, degrees(has_value))
    for name, value, z in (
        ("total", (w * y).sum(), y),
        ("mean", mean, has_value * (y - mean) / size),
    ):
        error = variance(w * z) ** 0.5
        yield name, value, error, value - t_quantile * error, value + t_quantile * error
'''


def python_code(design: Design, sizes: Mapping[str, int], sample: SampleFile) -> str:
    """The code; ``sizes`` are the rows of each stratum or cluster by label."""
    match design.method:
        case "stratified":
            body = _stratified(sizes)
        case "cluster":
            body = _cluster(design, sizes)
        case "weighted":
            body = WEIGHTED
        case "systematic":
            body = _systematic(design)
        case _:
            body = _random(design)
    return (
        f"{comment(about(design, sample), '#')}{READ}{check(design.rows)}{SPREAD}\n\n"
        f"{body}\n\n{ESTIMATE}{example(sample)}"
    )


def check(rows: int) -> str:
    """Code that requires all rows of the sample."""
    return f"""if len(rows) != {rows}:
    raise SystemExit("sample.csv has {{}} rows, and the sample {rows}.".format(len(rows)))
"""


def example(sample: SampleFile) -> str:
    """Code that estimates the example: numbers, or the rows with a value."""
    column = sample.example
    given = quoted(column.name) if is_number(column) else f"{quoted(column.name)}, bool"
    return f"""

if __name__ == "__main__":
    for line in estimate({given}):
        print(*line)
"""


def _dictionary(sizes: Mapping[str, int]) -> str:
    listed = "".join(f"    {quoted(label)}: {rows},\n" for label, rows in sizes.items())
    return f"{{\n{listed}}}"


def _stratified(sizes: Mapping[str, int]) -> str:
    return f"""N_H = {_dictionary(sizes)}
stratum = np.array([row["_stratum"] for row in rows])
drawn = {{h: int((stratum == h).sum()) for h in N_H}}
w = np.array([N_H[h] / drawn[h] for h in stratum])


def degrees(has_value):
    inside = [int((has_value & (stratum == h)).sum()) for h in N_H if drawn[h] < N_H[h]]
    return sum(n - 1 for n in inside if n)


def variance(t):
    return sum(spread(t[stratum == h], N_H[h]) for h in N_H)
"""


def _cluster(design: Design, sizes: Mapping[str, int]) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""N_I = {_dictionary(sizes)}
cluster = np.array([row["_stratum"] for row in rows])
drawn = {{i: int((cluster == i).sum()) for i in N_I}}
w = np.array([{clusters} / {drawn} * N_I[i] / drawn[i] for i in cluster])


def degrees(has_value):
    return max(len(set(cluster[has_value])) - 1, 0)


def variance(t):
    totals = np.array([t[cluster == i].sum() for i in N_I])
    inside = np.nansum([spread(t[cluster == i], N_I[i]) for i in N_I])  # 0 of a single row
    return spread(totals, {clusters}) + {drawn} / {clusters} * inside
"""


def _systematic(design: Design) -> str:
    n, whole = design.rows, design.population
    return f"""w = np.full(len(rows), {whole} / {n})


def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return (1 - {n} / {whole}) * {n} / (2 * {n - 1}) * (np.diff(t) ** 2).sum()
"""


def _random(design: Design) -> str:
    n, whole = design.rows, design.population
    return f"""w = np.full(len(rows), {whole} / {n})


def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return spread(t, {whole})
"""
