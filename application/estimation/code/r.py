"""A design as R code for the package survey.

The data frame ``d`` has the variables of the design, and ``s`` those of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence

from application.estimation.code.sample_file import SampleFile, about, about_replicates, comment
from estimation_engine import Design, is_number
from estimation_engine.designs.code import DesignCode, quoted
from estimation_engine.replicates import ReplicateFacts
from parquet_tables.tables import Column

ROWS = """row <- as.numeric(sub(".*:", "", s[["_logical_row_id"]]))
s <- s[order(row), ]
d <- data.frame(row = sort(row))
"""


def design_code(design: Design, code: DesignCode, sample: SampleFile) -> str:
    """Code that declares the design of ``sample.csv``."""
    # R counts strata that were drawn whole, too.
    degrees = f"{design.degrees} - (degf(design) - degf(design[!is.na(y[[1]]), ]))"
    return (
        f"{comment(about(design, sample), '#')}library(survey)\n"
        f"{reading(sample, design.rows)}{ROWS}{example(sample)}{code.r}{estimates(degrees)}"
    )


def replicate_code(design: Design, replicates: ReplicateFacts, sample: SampleFile) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    count, scale = replicates.count, replicates.scale
    top = comment(about_replicates(design, replicates, sample), "#")
    return f"""{top}library(survey)
{reading(sample, design.rows)}d <- read.csv("design.csv", na.strings = "", fileEncoding = "UTF-8")
s <- s[match(d$row_id, s[["_logical_row_id"]]), ]
stopifnot(!anyNA(s[["_logical_row_id"]]))
{example(sample)}design <- svrepdesign(variables = s, weights = d$weight,
  repweights = d[grep("^replicate_", names(d))],
  type = "other", combined.weights = TRUE, scale = {scale!r}, rscales = rep(1, {count}),
  mse = TRUE, degf = {design.degrees})
{estimates(design.degrees)}"""


def reading(sample: SampleFile, rows: int) -> str:
    """Code that reads ``sample.csv`` as ``s``."""
    return f"""types <- unlist(list(
  {_types(sample.columns)}))
s <- read.csv("sample.csv", check.names = FALSE, na.strings = "",
  colClasses = unname(types), fileEncoding = "UTF-8-BOM")
stopifnot(ncol(s) == length(types), nrow(s) == {rows},
  names(s)[[{sample.row_id_place}]] == "_logical_row_id")
names(s) <- names(types)
"""


def _types(columns: Sequence[Column]) -> str:
    """The R class of each column; ids and codes stay text."""
    classes = {"BOOLEAN": "logical"}
    return ",\n  ".join(
        f"{quoted(each.name)} = "
        f'"{"numeric" if is_number(each) else classes.get(each.type, "character")}"'
        for each in columns
    )


def example(sample: SampleFile) -> str:
    """Code of ``y``, the values of the example."""
    column = sample.example
    if is_number(column):
        return f"y <- s[{quoted(column.name)}]\n"
    return f"y <- data.frame(has_value = as.numeric(!is.na(s[[{quoted(column.name)}]])))\n"


def estimates(degrees: int | str) -> str:
    """Code that estimates the mean and the total of ``y``; ``degrees`` are code, too."""
    return f"""degrees <- {degrees}
mean <- svymean(y, design, na.rm = TRUE)
total <- svytotal(y, design, na.rm = TRUE)
print(mean); print(confint(mean, df = degrees))
print(total); print(confint(total, df = degrees))
"""


def judge_code(column: str, rows: int, total: float) -> str:
    """Code that calibrates the design to a judge's column, and estimates the example again."""
    return f"""
# Both people and the judge: a regression on its column, whose total is known.
judged <- calibrate(update(design, judge_opinion = as.numeric(s[[{quoted(column)}]])),
  ~judge_opinion, c(`(Intercept)` = {rows}, judge_opinion = {total!r}))
both <- svymean(y, judged, na.rm = TRUE)
print(both); print(confint(both, df = degrees))
"""
