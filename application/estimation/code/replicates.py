"""Code of R, Stata, SAS and Python that estimates with the replicate weights of ``design.csv``."""

from __future__ import annotations

from application.estimation.code.texts import R_SAMPLE
from estimation_engine import Design


def replicate_code(language: str, design: Design, kind: str, count: int, scale: float) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    mark = {"stata": "*", "sas": "*"}.get(language, "#")
    end = ";" if language == "sas" else ""
    about = "\n".join(
        f"{mark} {line}{end}"
        for line in (
            f"{kind} weights of {design.rows} rows drawn of {design.population}.",
            "sample.csv is the sample, and design.csv its design with these replicates.",
            "Replace amount by your column.",
        )
    )
    write = {"r": _r, "stata": _stata, "sas": _sas, "python": _python}[language]
    return f"{about}\n{write(count, scale, design.degrees)}"


def _r(count: int, scale: float, degrees: int) -> str:
    return f"""library(survey)
{R_SAMPLE}d <- read.csv("design.csv", na.strings = "")
s <- s[match(d$row_id, s[["_logical_row_id"]]), ]
design <- svrepdesign(data = s, weights = d$weight, repweights = d[grep("^replicate_", names(d))],
  type = "other", combined.weights = TRUE, scale = {scale!r}, rscales = rep(1, {count}),
  mse = TRUE, degf = {degrees})
mean <- svymean(~amount, design, na.rm = TRUE)
total <- svytotal(~amount, design, na.rm = TRUE)
print(mean); confint(mean, df = {degrees})
print(total); confint(total, df = {degrees})
"""


def _stata(count: int, scale: float, degrees: int) -> str:
    return f"""import delimited using "design.csv", varnames(1) case(preserve) clear
tempfile design
rename row_id _logical_row_id
keep _logical_row_id weight replicate_*
save `design'
import delimited using "sample.csv", varnames(1) case(preserve) bindquotes(strict) ///
    stringcols(_all) clear
destring amount, replace
merge 1:1 _logical_row_id using `design', nogenerate
svyset [pweight = weight], jkrweight(replicate_1-replicate_{count}, multiplier({scale!r})) ///
    vce(jackknife) mse dof({degrees})
svy: mean amount
svy: total amount
"""


def _sas(count: int, scale: float, degrees: int) -> str:
    return f"""options validvarname=any;
proc import datafile="sample.csv" out=s dbms=csv replace; guessingrows=max; run;
proc import datafile="design.csv" out=d dbms=csv replace; guessingrows=max; run;
proc sql;
  create table both as select s.amount, d.* from s inner join d
    on s.'_logical_row_id'n = d.row_id;
quit;
proc surveymeans data=both varmethod=jackknife mean sum clm clsum;
  weight weight; repweights replicate_1-replicate_{count} / jkcoefs={scale!r} df={degrees};
  var amount;
run;
"""


def _python(count: int, scale: float, degrees: int) -> str:
    return f'''import csv

import numpy as np
from scipy import stats

with open("design.csv", newline="", encoding="utf-8") as file:
    design = {{line["row_id"]: line for line in csv.DictReader(file)}}
with open("sample.csv", newline="", encoding="utf-8-sig") as file:
    rows = list(csv.DictReader(file))
lines = [design[row["_logical_row_id"]] for row in rows]
w = np.array([float(line["weight"]) for line in lines])
replicates = np.array(
    [[float(line[f"replicate_{{at + 1}}"]) for at in range({count})] for line in lines]
)


def estimate(column):
    """Total and mean: estimate, standard error and 95 % interval of each."""
    has_value = np.array([row[column] != "" for row in rows])
    y = np.array([float(row[column] or 0) for row in rows])
    t_quantile = stats.t.ppf(0.975, {degrees})
    for name, figure in (
        ("total", lambda weights: weights @ y),
        ("mean", lambda weights: weights @ y / (weights @ has_value)),
    ):
        value = figure(w)
        error = ({scale!r} * ((figure(replicates.T) - value) ** 2).sum()) ** 0.5
        yield name, value, error, value - t_quantile * error, value + t_quantile * error


if __name__ == "__main__":
    for line in estimate("amount"):
        print(*line)
'''
