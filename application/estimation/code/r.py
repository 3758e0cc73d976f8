"""A design as R code for the package survey.

The data frame ``d`` has the variables of the design, and ``s`` those of the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.estimation.code.texts import SampleFile, about, comment, quoted
from estimation_engine import Design, is_number
from parquet_tables.tables import Column

ROWS = """row <- as.numeric(sub(".*:", "", s[["_logical_row_id"]]))
s <- s[order(row), ]
d <- data.frame(row = sort(row))
"""
WEIGHTED = """d$p <- 1 / s[["_design_weight"]]
# R has Brewer's approximation, whose standard errors differ slightly from jobsvc's:
design <- svydesign(ids = ~1, fpc = ~p, pps = "brewer", data = d, variables = s)
# Those of jobsvc, of a total; for a mean use z = (y - mean) / sum(1 / p) in place of y:
error_of_total <- function(y, p) {
  y[is.na(y)] <- 0
  t <- (y / p)[p < 1]; c <- 1 - p[p < 1]; n <- length(t)
  sqrt(n / (n - 1) * sum(c * (t - sum(c * t) / sum(c))^2))
}
error_of_total(y[[1]], d$p)
"""


def r_code(design: Design, sizes: Mapping[str, int], sample: SampleFile) -> str:
    """The code; ``sizes`` are the rows of each stratum or cluster by label."""
    match design.method:
        case "stratified":
            body = _stratified(sizes)
        case "cluster":
            body = _cluster(design, sizes)
        case "weighted":
            body = WEIGHTED
        case "systematic":
            body = _random(design) + _systematic_error(design)
        case _:
            body = _random(design)
    return (
        f"{comment(about(design, sample), '#')}library(survey)\n"
        f"{reading(sample, design.rows)}{ROWS}{example(sample)}{body}{estimates(_degrees(design))}"
    )


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


def _degrees(design: Design) -> str:
    """Those of the rows with a value; R counts strata that were drawn whole, too."""
    return f"{design.degrees} - (degf(design) - degf(design[!is.na(y[[1]]), ]))"


def estimates(degrees: int | str) -> str:
    """Code that estimates the mean and the total of ``y``; ``degrees`` are code, too."""
    return f"""degrees <- {degrees}
mean <- svymean(y, design, na.rm = TRUE)
total <- svytotal(y, design, na.rm = TRUE)
print(mean); print(confint(mean, df = degrees))
print(total); print(confint(total, df = degrees))
"""


def _sizes(name: str, sizes: Mapping[str, int]) -> str:
    """The rows of each group; a label may be the name of an argument of ``c``."""
    listed = ",\n  ".join(f"{quoted(label)} = {rows}" for label, rows in sizes.items())
    return f"{name} <- unlist(list(\n  {listed}))\n"


def _stratified(sizes: Mapping[str, int]) -> str:
    return f"""{_sizes("N_h", sizes)}d$stratum <- s[["_stratum"]]
d$fpc <- N_h[d$stratum]
stopifnot(!anyNA(d$fpc))
d$w <- d$fpc / ave(d$row, d$stratum, FUN = length)
options(survey.lonely.psu = "fail")
design <- svydesign(ids = ~1, strata = ~stratum, weights = ~w, fpc = ~fpc,
  data = d, variables = s)
"""


def _cluster(design: Design, sizes: Mapping[str, int]) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""{_sizes("N_i", sizes)}d$cluster <- s[["_stratum"]]
d$clusters <- {clusters}
d$rows <- N_i[d$cluster]
stopifnot(!anyNA(d$rows))
d$w <- {clusters} / {drawn} * d$rows / ave(d$row, d$cluster, FUN = length)
design <- svydesign(ids = ~cluster + row, weights = ~w, fpc = ~clusters + rows,
  data = d, variables = s)
"""


def _random(design: Design) -> str:
    return f"""d$fpc <- {design.population}
d$w <- {design.population} / {design.rows}
design <- svydesign(ids = ~1, weights = ~w, fpc = ~fpc, data = d, variables = s)
"""


def _systematic_error(design: Design) -> str:
    n, whole = design.rows, design.population
    return f"""# R's standard errors are those of a random sample: systematic random in jobsvc.
# Those of jobsvc (sd1), of a total; for a mean use z = (y - mean) / {whole} in place of y:
error_of_total <- function(y) {{
  y[is.na(y)] <- 0
  sqrt((1 - {n} / {whole}) * {n} / (2 * {n - 1}) * sum(diff(y * d$w)^2))
}}
error_of_total(y[[1]])
"""
