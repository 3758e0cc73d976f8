"""A design as Stata code: ``svyset``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from application.estimation.code.texts import about
from estimation_engine import Design

READ = """import delimited using "sample.csv", varnames(1) case(preserve) bindquotes(strict) ///
    stringcols(_all) clear
destring amount _inclusion_probability, replace
"""
STRATIFIED = """generate double w = rows / drawn
encode _stratum, generate(stratum)
svyset _n [pweight = w], strata(stratum) fpc(rows)
"""
WEIGHTED = """generate double w = 1 / _inclusion_probability
* Stata has no correction for unequal probabilities, so its standard errors are a little larger.
svyset _n [pweight = w]
"""
SYSTEMATIC = "* Standard errors are those of a random sample: `systematic` random in jobsvc.\n"
ESTIMATE = "svy: mean amount\nsvy: total amount\n"


def stata_code(design: Design, sizes: Mapping[str, int]) -> str:
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
    return f"{about(design, '*')}\n{READ}{body}{ESTIMATE}"


def _groups(sizes: Mapping[str, int]) -> str:
    listed = "\n".join(
        f"replace rows = {rows} if _stratum == {_quoted(label)}" for label, rows in sizes.items()
    )
    return f"""generate double rows = .
{listed}
bysort _stratum: generate double drawn = _N
"""


def _cluster(design: Design) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""generate double w = {clusters} / {drawn} * rows / drawn
generate double clusters = {clusters}
encode _stratum, generate(cluster)
svyset cluster [pweight = w], fpc(clusters) || _n, fpc(rows)
"""


def _random(design: Design) -> str:
    return f"""generate double w = {design.population} / {design.rows}
generate double rows = {design.population}
svyset _n [pweight = w], fpc(rows)
"""


PARTS = re.compile(r"([\w .,:;<>=≥()\[\]{}|&%+!?@#~^-]+)|(.)", re.DOTALL)


def _quoted(text: str) -> str:
    """A text as an expression of Stata, which would expand macros and end lines within quotes.

    >>> _quoted('Bar "A"')
    '"Bar " + uchar(34) + "A" + uchar(34)'
    """
    parts = [
        f'"{plain}"' if plain else f"uchar({ord(other)})" for plain, other in PARTS.findall(text)
    ]
    return " + ".join(parts) or '""'
