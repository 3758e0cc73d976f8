"""A design as Python code with NumPy and SciPy, which estimates by itself."""

from __future__ import annotations

from application.estimation.code.sample_file import SampleFile, about, about_replicates, comment
from estimation_engine import Design, is_number
from estimation_engine.designs.code import DesignCode, quoted
from estimation_engine.replicates import ReplicateFacts

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


def design_code(design: Design, code: DesignCode, sample: SampleFile) -> str:
    """Code that estimates with the weights of ``sample.csv``."""
    return (
        f"{comment(about(design, sample), '#')}{READ}{check(design.rows)}{SPREAD}\n\n"
        f"{code.python}\n\n{ESTIMATE}{example(sample)}"
    )


def replicate_code(design: Design, replicates: ReplicateFacts, sample: SampleFile) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    count, scale = replicates.count, replicates.scale
    top = comment(about_replicates(design, replicates, sample), "#")
    return f'''{top}import csv

import numpy as np
from scipy import stats

csv.field_size_limit(2**31 - 1)
with open("design.csv", newline="", encoding="utf-8") as file:
    design = {{line["row_id"]: line for line in csv.DictReader(file)}}
with open("sample.csv", newline="", encoding="utf-8-sig") as file:
    rows = list(csv.DictReader(file))
{check(design.rows)}lines = [design[row["_logical_row_id"]] for row in rows]
w = np.array([float(line["weight"]) for line in lines])
replicates = np.array(
    [[float(line[f"replicate_{{at + 1}}"]) for at in range({count})] for line in lines]
)


def estimate(column, number_of=float):
    """Total and mean: estimate, standard error and 95 % interval of each."""
    has_value = np.array([row[column] != "" for row in rows])
    y = np.array([float(number_of(row[column])) if row[column] else 0.0 for row in rows])
    t_quantile = stats.t.ppf(0.975, {design.degrees})
    for name, figure in (
        ("total", lambda weights: weights @ y),
        ("mean", lambda weights: weights @ y / (weights @ has_value)),
    ):
        value = figure(w)
        error = ({scale!r} * ((figure(replicates.T) - value) ** 2).sum()) ** 0.5
        yield name, value, error, value - t_quantile * error, value + t_quantile * error
{example(sample)}'''


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
