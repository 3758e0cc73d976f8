"""A design as SAS code: ``proc surveymeans``."""

from __future__ import annotations

from collections.abc import Mapping

from application.estimation.code.texts import about
from estimation_engine import Design

READ = """options validvarname=any;
proc import datafile="sample.csv" out=s dbms=csv replace; guessingrows=max; run;
"""
STRATIFIED = """data d; set d2; w = _total_ / drawn; run;
proc surveymeans data=d total=sizes mean sum clm clsum;
  strata stratum; weight w; var amount;
run;
"""
WEIGHTED = """data d; set s; w = 1 / '_inclusion_probability'n; run;
* SAS has no correction for unequal probabilities: its standard errors are a little larger.;
proc surveymeans data=d mean sum clm clsum; weight w; var amount; run;
"""
SYSTEMATIC = "* Standard errors are those of a random sample: systematic random in jobsvc.;\n"


def sas_code(design: Design, sizes: Mapping[str, int]) -> str:
    """The code; ``sizes`` are the rows of each stratum or cluster by label."""
    match design.method:
        case "stratified":
            body = _groups(sizes) + STRATIFIED
        case "cluster":
            body = _groups(sizes) + _cluster(design)
        case "weighted":
            body = WEIGHTED
        case "systematic":
            body = _random(design) + SYSTEMATIC
        case _:
            body = _random(design)
    comment = about(design, "*").replace("\n", ";\n")
    return f"{comment};\n{READ}{body}"


def _groups(sizes: Mapping[str, int]) -> str:
    listed = "\n".join(
        f"  if stratum = {_quoted(label)} then _total_ = {rows};" for label, rows in sizes.items()
    )
    return f"""data d;
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


def _cluster(design: Design) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""data d; set d2; w = {clusters} / {drawn} * _total_ / drawn; run;
* SAS takes the first stage alone: with some rows of a cluster its errors are a little smaller.;
proc surveymeans data=d total={clusters} mean sum clm clsum;
  cluster stratum; weight w; var amount;
run;
"""


def _random(design: Design) -> str:
    n, whole = design.rows, design.population
    return f"""data d; set s; w = {whole} / {n}; run;
proc surveymeans data=d total={whole} mean sum clm clsum; weight w; var amount; run;
"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
