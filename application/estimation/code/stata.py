"""A design as Stata code: ``svyset``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from application.estimation.code.short_names import about_names, short_names
from application.estimation.code.texts import SampleFile, about, comment
from estimation_engine import Design, is_number

STRATIFIED = """generate double _w = _rows / _drawn
egen _stratum_number = group(_stratum)
"""
WEIGHTED = """generate double _w = _design_weight
* Stata has no correction for unequal probabilities, so its standard errors are a little larger.
"""
SYSTEMATIC = "* Standard errors are those of a random sample: `systematic` random in jobsvc.\n"


def stata_code(design: Design, sizes: Mapping[str, int], sample: SampleFile) -> str:
    """The code; ``sizes`` are the rows of each stratum or cluster by label."""
    match design.method:
        case "stratified":
            body = _groups(sizes) + STRATIFIED
            units = "_n [pweight = _w], strata(_stratum_number) fpc(_rows)"
        case "cluster":
            body = _groups(sizes) + _cluster(design)
            units = "_cluster_number [pweight = _w], fpc(_clusters) || _n, fpc(_rows)"
        case "weighted":
            body, units = WEIGHTED, "_n [pweight = _w]"
        case "systematic":
            body, units = _random(design) + SYSTEMATIC, "_n [pweight = _w], fpc(_rows)"
        case _:
            body, units = _random(design), "_n [pweight = _w], fpc(_rows)"
    return (
        f"{comment([*about(design, sample), *about_names(sample.columns)], '*')}"
        f"{reading(sample, design.rows)}{body}assert !missing(_w)\nsvyset {units}\n"
        f"{estimates(sample)}"
    )


def reading(sample: SampleFile, rows: int) -> str:
    """Code that reads ``sample.csv``: the columns by their place, since Stata changes names."""
    names = short_names(sample.columns)
    numbers = [
        name for name, column in zip(names, sample.columns, strict=True) if is_number(column)
    ]
    return f"""import delimited using "sample.csv", varnames(nonames) bindquotes(strict) ///
    maxquotedrows(unlimited) stringcols(_all) encoding("utf-8") clear
assert v{sample.row_id_place} == "_logical_row_id" in 1
drop in 1
assert _N == {rows}
rename ({_listed(f"v{at}" for at in range(1, len(names) + 1))}) ///
    ({_listed(names)})
destring {_listed(numbers)}, replace
"""


def _listed(names: Iterable[str]) -> str:
    """Names, some on a line."""
    words = list(names)
    lines = [" ".join(words[at : at + 8]) for at in range(0, len(words), 8)]
    return " ///\n    ".join(lines)


def estimates(sample: SampleFile) -> str:
    """Code that estimates the example: numbers, or the rows with a value."""
    name = short_names(sample.columns)[sample.columns.index(sample.example)]
    if is_number(sample.example):
        return f"svy: mean {name}\nsvy: total {name}\n"
    made = f'generate byte _has_value = {name} != ""\n'
    return f"{made}svy: mean _has_value\nsvy: total _has_value\n"


def _groups(sizes: Mapping[str, int]) -> str:
    listed = "\n".join(
        f"replace _rows = {rows} if _stratum == {_quoted(label)}" for label, rows in sizes.items()
    )
    return f"""generate double _rows = .
{listed}
bysort _stratum: generate double _drawn = _N
"""


def _cluster(design: Design) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""generate double _w = {clusters} / {drawn} * _rows / _drawn
generate double _clusters = {clusters}
egen _cluster_number = group(_stratum)
"""


def _random(design: Design) -> str:
    return f"""generate double _w = {design.population} / {design.rows}
generate double _rows = {design.population}
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
