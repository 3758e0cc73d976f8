"""A design as R code for the package survey."""

from __future__ import annotations

from collections.abc import Mapping

from application.estimation.code.texts import R_SAMPLE, about, quoted
from estimation_engine import Design

READ = f"""library(survey)
{R_SAMPLE}s$row <- as.numeric(sub(".*:", "", s[["_logical_row_id"]]))
s <- s[order(s$row), ]
"""
ESTIMATE = """mean <- svymean(~amount, design, na.rm = TRUE)
total <- svytotal(~amount, design, na.rm = TRUE)
print(mean); confint(mean, df = degf(design))
print(total); confint(total, df = degf(design))
"""
WEIGHTED = """s$p <- s[["_inclusion_probability"]]
# R has Brewer's approximation, whose standard errors differ slightly from jobsvc's:
design <- svydesign(ids = ~1, fpc = ~p, pps = "brewer", data = s)
# Those of jobsvc, of a total; for a mean use z = (y - mean) / sum(1 / p) in place of y:
error_of_total <- function(y, p) {
  t <- (y / p)[p < 1]; c <- 1 - p[p < 1]; n <- length(t)
  sqrt(n / (n - 1) * sum(c * (t - sum(c * t) / sum(c))^2))
}
error_of_total(s$amount, s$p)
"""


def r_code(design: Design, sizes: Mapping[str, int]) -> str:
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
    return f"{about(design, '#')}\n{READ}{body}{ESTIMATE}"


def _vector(sizes: Mapping[str, int]) -> str:
    return ",\n  ".join(f"{quoted(label)} = {rows}" for label, rows in sizes.items())


def _stratified(sizes: Mapping[str, int]) -> str:
    return f"""N_h <- c(
  {_vector(sizes)})
s$stratum <- s[["_stratum"]]
s$fpc <- N_h[s$stratum]
s$w <- s$fpc / ave(s$row, s$stratum, FUN = length)
options(survey.lonely.psu = "fail")
design <- svydesign(ids = ~1, strata = ~stratum, weights = ~w, fpc = ~fpc, data = s)
"""


def _cluster(design: Design, sizes: Mapping[str, int]) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""N_i <- c(
  {_vector(sizes)})
s$cluster <- s[["_stratum"]]
s$clusters <- {clusters}
s$rows <- N_i[s$cluster]
s$w <- {clusters} / {drawn} * s$rows / ave(s$row, s$cluster, FUN = length)
design <- svydesign(ids = ~cluster + row, weights = ~w, fpc = ~clusters + rows, data = s)
"""


def _random(design: Design) -> str:
    return f"""s$fpc <- {design.population}
s$w <- {design.population} / {design.rows}
design <- svydesign(ids = ~1, weights = ~w, fpc = ~fpc, data = s)
"""


def _systematic_error(design: Design) -> str:
    n, whole = design.rows, design.population
    return f"""# R's standard errors are those of a random sample: systematic random in jobsvc.
# Those of jobsvc (sd1), of a total; for a mean use z = (y - mean) / {whole} in place of y:
error_of_total <- function(y) {{
  sqrt((1 - {n} / {whole}) * {n} / (2 * {n - 1}) * sum(diff(y * s$w)^2))
}}
error_of_total(s$amount)
"""
