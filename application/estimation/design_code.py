"""A sample's design as code of R, Stata, SAS and Python that declares it."""

from __future__ import annotations

import json
import re

from application.estimation.design_table import ReplicateRequest
from application.estimation.replicate_code import replicate_code
from application.estimation.sample_design import SampleDesign, design_of
from estimation_engine import Design, UnsupportedDesign
from job_runner.service import Service
from job_runner.tables.open_tables import SAMPLE, open_source, open_table, output_of
from parquet_tables.tables import Int64s
from storage.jobs.jobs import Job

MAX_LISTED = 2_000
"""Groups whose sizes stand in the code."""


def design_code(service: Service, job: Job, language: str, replicates: ReplicateRequest) -> str:
    """Code that declares the design of the downloaded sample ``sample.csv``.

    With replicates, code that reads them from the downloaded table ``design.csv``.

    Raises
    ------
    UnsupportedDesign
        There are more strata or clusters than the code can list, or the rounds aren't one sample.
    InvalidReplicates, LonelyStratum
        There can't be such replicates.
    """
    found = design_of(service, job, open_source(service, job))
    made = replicates.of(found.design)
    if made is not None:
        count = made.factors.shape[1]
        return replicate_code(language, found.design, replicates.kind, count, made.scale)
    if found.design.parts:
        raise UnsupportedDesign(
            "No program declares steps that aren't one sample: choose `replicates` jackknife or "
            "bootstrap, which give the code combined weights."
        )
    labels = _labels(service, job, found)
    if len(labels) > MAX_LISTED:
        raise UnsupportedDesign(
            "The design has {count} groups, and code lists up to {maximum}: use `format` json.",
            count=len(labels),
            maximum=MAX_LISTED,
        )
    write = {"r": _r, "stata": _stata, "sas": _sas, "python": _python}[language]
    return write(found.design, labels)


def _labels(service: Service, job: Job, found: SampleDesign) -> dict[str, int]:
    """N_h of each stratum or cluster with a drawn row, by its label in ``_stratum``."""
    design = found.design
    if design.method not in ("stratified", "cluster"):
        return {}
    sample = open_table(service, job.dataset_id, output_of(job), SAMPLE).files
    files = [str(file.path) for file in sample.files]
    with service.parquet.cursor(sample) as cursor:
        rows = cursor.execute(
            "SELECT CAST(split_part(f._logical_row_id, ':', -1) AS BIGINT), f._stratum "
            "FROM read_parquet(?) AS f ORDER BY 1",
            [files],
        ).fetchall()
    groups: Int64s = design.groups
    first = {int(group): at for at, group in reversed(list(enumerate(groups.tolist())))}
    return {str(rows[at][1]): int(design.group_rows[group]) for group, at in sorted(first.items())}


def _quoted(text: str) -> str:
    """A text in double quotes, as R, Python and JSON read it."""
    return json.dumps(text, ensure_ascii=False)


def _about(design: Design, mark: str) -> str:
    lines = [
        f"{design.method} sample: {design.rows} rows of {design.population}.",
        "sample.csv is the sample, downloaded as CSV. Replace amount by your column.",
    ]
    return "\n".join(f"{mark} {line}" for line in lines)


def _r(design: Design, labels: dict[str, int]) -> str:
    head = f"""{_about(design, "#")}
library(survey)
s <- read.csv("sample.csv", check.names = FALSE, na.strings = "",
  colClasses = c("_stratum" = "character"))
s$row <- as.numeric(sub(".*:", "", s[["_logical_row_id"]]))
s <- s[order(s$row), ]
"""
    n, whole = design.rows, design.population
    sizes = ",\n  ".join(f"{_quoted(label)} = {rows}" for label, rows in labels.items())
    match design.method:
        case "stratified":
            body = f"""N_h <- c(
  {sizes})
s$stratum <- s[["_stratum"]]
s$fpc <- N_h[s$stratum]
s$w <- s$fpc / ave(s$row, s$stratum, FUN = length)
options(survey.lonely.psu = "fail")
design <- svydesign(ids = ~1, strata = ~stratum, weights = ~w, fpc = ~fpc, data = s)
"""
        case "cluster":
            drawn, clusters = design.clusters or (0, 0)
            body = f"""N_i <- c(
  {sizes})
s$cluster <- s[["_stratum"]]
s$clusters <- {clusters}
s$rows <- N_i[s$cluster]
s$w <- {clusters} / {drawn} * s$rows / ave(s$row, s$cluster, FUN = length)
design <- svydesign(ids = ~cluster + row, weights = ~w, fpc = ~clusters + rows, data = s)
"""
        case "weighted":
            body = """s$p <- s[["_inclusion_probability"]]
# R has Brewer's approximation, whose standard errors differ slightly from jobsvc's:
design <- svydesign(ids = ~1, fpc = ~p, pps = "brewer", data = s)
# Those of jobsvc, of a total; for a mean use z = (y - mean) / sum(1 / p) in place of y:
error_of_total <- function(y, p) {
  t <- (y / p)[p < 1]; c <- 1 - p[p < 1]; n <- length(t)
  sqrt(n / (n - 1) * sum(c * (t - sum(c * t) / sum(c))^2))
}
error_of_total(s$amount, s$p)
"""
        case _:
            body = f"""s$fpc <- {whole}
s$w <- {whole} / {n}
design <- svydesign(ids = ~1, weights = ~w, fpc = ~fpc, data = s)
"""
    if design.method == "systematic":
        body += f"""# R's standard errors are those of a random sample: systematic random in jobsvc.
# Those of jobsvc (sd1), of a total; for a mean use z = (y - mean) / {whole} in place of y:
error_of_total <- function(y) {{
  sqrt((1 - {n} / {whole}) * {n} / (2 * {n - 1}) * sum(diff(y * s$w)^2))
}}
error_of_total(s$amount)
"""
    return (
        head
        + body
        + """mean <- svymean(~amount, design, na.rm = TRUE)
total <- svytotal(~amount, design, na.rm = TRUE)
print(mean); confint(mean, df = degf(design))
print(total); confint(total, df = degf(design))
"""
    )


def _stata(design: Design, labels: dict[str, int]) -> str:
    head = f"""{_about(design, "*")}
import delimited using "sample.csv", varnames(1) case(preserve) bindquotes(strict) ///
    stringcols(_all) clear
destring amount _inclusion_probability, replace
"""
    n, whole = design.rows, design.population
    sizes = "\n".join(
        f"replace rows = {rows} if _stratum == {_stata_text(label)}"
        for label, rows in labels.items()
    )
    strata = f"""generate double rows = .
{sizes}
bysort _stratum: generate double drawn = _N
"""
    match design.method:
        case "stratified":
            body = f"""{strata}generate double w = rows / drawn
encode _stratum, generate(stratum)
svyset _n [pweight = w], strata(stratum) fpc(rows)
"""
        case "cluster":
            drawn, clusters = design.clusters or (0, 0)
            body = f"""{strata}generate double w = {clusters} / {drawn} * rows / drawn
generate double clusters = {clusters}
encode _stratum, generate(cluster)
svyset cluster [pweight = w], fpc(clusters) || _n, fpc(rows)
"""
        case "weighted":
            body = """generate double w = 1 / _inclusion_probability
* Stata has no correction for unequal probabilities, so its standard errors are a little larger.
svyset _n [pweight = w]
"""
        case _:
            body = f"""generate double w = {whole} / {n}
generate double rows = {whole}
svyset _n [pweight = w], fpc(rows)
"""
    if design.method == "systematic":
        body += "* Standard errors are those of a random sample: `systematic` random in jobsvc.\n"
    return head + body + "svy: mean amount\nsvy: total amount\n"


_STATA_PARTS = re.compile(r"([\w .,:;<>=≥()\[\]{}|&%+!?@#~^-]+)|(.)", re.DOTALL)


def _stata_text(text: str) -> str:
    """A text as an expression of Stata, which would expand macros and end lines within quotes.

    >>> _stata_text('Bar "A"')
    '"Bar " + uchar(34) + "A" + uchar(34)'
    """
    parts = [
        f'"{plain}"' if plain else f"uchar({ord(other)})"
        for plain, other in _STATA_PARTS.findall(text)
    ]
    return " + ".join(parts) or '""'


def _sas(design: Design, labels: dict[str, int]) -> str:
    n, whole = design.rows, design.population
    about = _about(design, "*").replace("\n", ";\n")
    head = f"""{about};
options validvarname=any;
proc import datafile="sample.csv" out=s dbms=csv replace; guessingrows=max; run;
"""
    listed = "\n".join(
        f"  if stratum = {_sas_text(label)} then _total_ = {rows};"
        for label, rows in labels.items()
    )
    sizes = f"""data d;
  set s;
  length stratum $ 200;
  stratum = strip(vvalue('_stratum'n));
{listed}
run;
proc sql;
  create table sizes as select distinct stratum, _total_ from d;
  create table d2 as select *, count(*) as drawn from d group by stratum;
quit;
"""
    match design.method:
        case "stratified":
            body = f"""{sizes}data d; set d2; w = _total_ / drawn; run;
proc surveymeans data=d total=sizes mean sum clm clsum;
  strata stratum; weight w; var amount;
run;
"""
        case "cluster":
            drawn, clusters = design.clusters or (0, 0)
            body = f"""{sizes}data d; set d2; w = {clusters} / {drawn} * _total_ / drawn; run;
* SAS takes the first stage alone: with some rows of a cluster its errors are a little smaller.;
proc surveymeans data=d total={clusters} mean sum clm clsum;
  cluster stratum; weight w; var amount;
run;
"""
        case "weighted":
            body = """data d; set s; w = 1 / '_inclusion_probability'n; run;
* SAS has no correction for unequal probabilities: its standard errors are a little larger.;
proc surveymeans data=d mean sum clm clsum; weight w; var amount; run;
"""
        case _:
            body = f"""data d; set s; w = {whole} / {n}; run;
proc surveymeans data=d total={whole} mean sum clm clsum; weight w; var amount; run;
"""
    if design.method == "systematic":
        body += "* Standard errors are those of a random sample: systematic random in jobsvc.;\n"
    return head + body


def _sas_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _python(design: Design, labels: dict[str, int]) -> str:
    sizes = json.dumps(labels, ensure_ascii=False, indent=1)
    drawn, clusters = design.clusters or (0, 0)
    n, whole = design.rows, design.population
    match design.method:
        case "stratified":
            body = f"""N_H = {sizes}
stratum = np.array([row["_stratum"] for row in rows])
drawn = {{h: int((stratum == h).sum()) for h in N_H}}
w = np.array([N_H[h] / drawn[h] for h in stratum])
degrees = sum(drawn[h] - 1 for h in N_H if drawn[h] < N_H[h])


def variance(t):
    return sum(spread(t[stratum == h], N_H[h]) for h in N_H)
"""
        case "cluster":
            body = f"""N_I = {sizes}
cluster = np.array([row["_stratum"] for row in rows])
drawn = {{i: int((cluster == i).sum()) for i in N_I}}
w = np.array([{clusters} / {drawn} * N_I[i] / drawn[i] for i in cluster])
degrees = {drawn - 1}


def variance(t):
    totals = np.array([t[cluster == i].sum() for i in N_I])
    inside = sum(spread(t[cluster == i], N_I[i]) for i in N_I)
    return spread(totals, {clusters}) + {drawn} / {clusters} * inside
"""
        case "weighted":
            body = """p = np.array([float(row["_inclusion_probability"]) for row in rows])
w = 1 / p
degrees = int((p < 1).sum()) - 1


def variance(t):
    c, t = 1 - p[p < 1], t[p < 1]
    return len(t) / (len(t) - 1) * (c * (t - (c * t).sum() / c.sum()) ** 2).sum()
"""
        case "systematic":
            body = f"""w = np.full(len(rows), {whole} / {n})
degrees = {n - 1}


def variance(t):
    return (1 - {n} / {whole}) * {n} / (2 * {n - 1}) * (np.diff(t) ** 2).sum()
"""
        case _:
            body = f"""w = np.full(len(rows), {whole} / {n})
degrees = {n - 1}


def variance(t):
    return spread(t, {whole})
"""
    return f'''{_about(design, "#")}
import csv

import numpy as np
from scipy import stats

with open("sample.csv", newline="", encoding="utf-8-sig") as file:
    rows = sorted(csv.DictReader(file), key=lambda r: int(r["_logical_row_id"].rpartition(":")[2]))


def spread(t, size):
    n = len(t)
    return 0.0 if n < 2 else (1 - n / size) * n / (n - 1) * ((t - t.mean()) ** 2).sum()


{body}

def estimate(column):
    """Total and mean: estimate, standard error and 95 % interval of each."""
    has_value = np.array([row[column] != "" for row in rows])
    y = np.array([float(row[column] or 0) for row in rows])
    size = (w * has_value).sum()
    mean = (w * y).sum() / size
    t_quantile = stats.t.ppf(0.975, degrees)
    for name, value, z in (
        ("total", (w * y).sum(), y),
        ("mean", mean, has_value * (y - mean) / size),
    ):
        error = variance(w * z) ** 0.5
        yield name, value, error, value - t_quantile * error, value + t_quantile * error


if __name__ == "__main__":
    for line in estimate("amount"):
        print(*line)
'''
