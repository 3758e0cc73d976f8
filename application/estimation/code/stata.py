"""A design as Stata code: ``svyset``."""

from __future__ import annotations

from collections.abc import Iterable

from application.estimation.code.sample_file import (
    SampleFile,
    about,
    about_names,
    about_replicates,
    comment,
    short_names,
)
from estimation_engine import Design, is_number
from estimation_engine.designs.code import DesignCode
from estimation_engine.replicates import ReplicateFacts


def design_code(design: Design, code: DesignCode, sample: SampleFile) -> str:
    """Code that declares the design of ``sample.csv``."""
    return (
        f"{comment([*about(design, sample), *about_names(sample.columns)], '*')}"
        f"{reading(sample, design.rows)}{code.stata}assert !missing(_w)\n"
        f"svyset {code.stata_units}\n{estimates(sample)}"
    )


def replicate_code(design: Design, replicates: ReplicateFacts, sample: SampleFile) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    count, scale = replicates.count, replicates.scale
    lines = [*about_replicates(design, replicates, sample), *about_names(sample.columns)]
    top = comment(lines, "*")
    return f"""{top}import delimited using "design.csv", varnames(1) case(preserve) ///
    bindquotes(strict) maxquotedrows(unlimited) encoding("utf-8") clear
keep row_id weight replicate_*
rename (row_id weight) (_logical_row_id _weight)
rename replicate_* _replicate_*
tempfile design
save `design'
{reading(sample, design.rows)}merge 1:1 _logical_row_id using `design', ///
    assert(match) nogenerate
svyset [pweight = _weight], jkrweight(_replicate_1-_replicate_{count}, multiplier({scale!r})) ///
    vce(jackknife) mse dof({design.degrees})
{estimates(sample)}"""


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
