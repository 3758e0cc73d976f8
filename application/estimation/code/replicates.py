"""Code of R, Stata, SAS and Python that estimates with the replicate weights of ``design.csv``."""

from __future__ import annotations

from application.estimation.code import python, r, sas, stata
from application.estimation.code.short_names import about_names
from application.estimation.code.texts import SampleFile, about_file, comment
from estimation_engine import Design

MARKS = {"stata": ("*", ""), "sas": ("/*", " */")}


def replicate_code(
    language: str, design: Design, kind: str, count: int, scale: float, sample: SampleFile
) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    lines = [
        f"{kind} weights of {design.rows} rows drawn of {design.covered_rows}.",
        *about_file(sample),
        "design.csv is the design of the sample with these replicates.",
    ]
    if language in MARKS:
        lines += about_names(sample.columns)
    write = {"r": _r, "stata": _stata, "sas": _sas, "python": _python}[language]
    about = comment(lines, *MARKS.get(language, ("#",)))
    return f"{about}{write(sample, count, scale, design)}"


def _r(sample: SampleFile, count: int, scale: float, design: Design) -> str:
    return f"""library(survey)
{r.reading(sample, design.rows)}d <- read.csv("design.csv", na.strings = "", fileEncoding = "UTF-8")
s <- s[match(d$row_id, s[["_logical_row_id"]]), ]
stopifnot(!anyNA(s[["_logical_row_id"]]))
{r.example(sample)}design <- svrepdesign(variables = s, weights = d$weight,
  repweights = d[grep("^replicate_", names(d))],
  type = "other", combined.weights = TRUE, scale = {scale!r}, rscales = rep(1, {count}),
  mse = TRUE, degf = {design.degrees})
{r.estimates(design.degrees)}"""


def _stata(sample: SampleFile, count: int, scale: float, design: Design) -> str:
    return f"""import delimited using "design.csv", varnames(1) case(preserve) ///
    bindquotes(strict) maxquotedrows(unlimited) encoding("utf-8") clear
keep row_id weight replicate_*
rename (row_id weight) (_logical_row_id _weight)
rename replicate_* _replicate_*
tempfile design
save `design'
{stata.reading(sample, design.rows)}merge 1:1 _logical_row_id using `design', ///
    assert(match) nogenerate
svyset [pweight = _weight], jkrweight(_replicate_1-_replicate_{count}, multiplier({scale!r})) ///
    vce(jackknife) mse dof({design.degrees})
{stata.estimates(sample)}"""


def _sas(sample: SampleFile, count: int, scale: float, design: Design) -> str:
    row_id = sas.text_size(sample, sample.columns[sample.row_id_place - 1])
    return f"""/* {sas.LINES} */
{sas.reading(sample, design.rows)}data weights;
  infile 'design.csv' {sas.INFILE} firstobs=2;
  length _logical_row_id $ {row_id} _skipped $ 1;
  input _logical_row_id _skipped _skipped _skipped _skipped _skipped _skipped
    _skipped _skipped _skipped _skipped _skipped _skipped _weight _replicate_1-_replicate_{count};
  drop _skipped;
run;
proc sort data=s; by _logical_row_id; run;
proc sort data=weights; by _logical_row_id; run;
data d; merge s weights; by _logical_row_id; run;
{sas.example(sample)}proc surveymeans data=d varmethod=jackknife mean sum clm clsum;
  weight _weight;
  repweights _replicate_1-_replicate_{count} / jkcoefs={scale!r} df={design.degrees};
  var {sas.example_name(sample)};
run;
"""


def _python(sample: SampleFile, count: int, scale: float, design: Design) -> str:
    return f'''import csv

import numpy as np
from scipy import stats

csv.field_size_limit(2**31 - 1)
with open("design.csv", newline="", encoding="utf-8") as file:
    design = {{line["row_id"]: line for line in csv.DictReader(file)}}
with open("sample.csv", newline="", encoding="utf-8-sig") as file:
    rows = list(csv.DictReader(file))
{python.check(design.rows)}lines = [design[row["_logical_row_id"]] for row in rows]
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
{python.example(sample)}'''
