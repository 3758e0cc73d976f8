"""A design as SAS code: ``proc surveymeans``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from application.estimation.code.short_names import about_names, short_names
from application.estimation.code.texts import SampleFile, about, comment
from estimation_engine import Design, is_number
from parquet_tables.tables import Column

MAX_TEXT = 32_767
"""Bytes of a text in SAS."""
INFILE = "dsd truncover termstr=lf lrecl=100000000 encoding='utf-8'"
LINES = (
    "SAS reads a line of a file as a row, so no text of sample.csv may have a line break. It keeps "
    f"{MAX_TEXT:,} bytes of a text."
)
LONELY = "SAS counts the variance of such strata as 0: its standard errors are too small."
WHOLE = "SAS counts strata that were drawn whole among its degrees of freedom; jobsvc doesn't."
STRATIFIED = """proc sql;
  create table sizes as select distinct _stratum, _rows as _total_ from d;
  create table d2 as select *, count(*) as _drawn from d group by _stratum;
quit;
data d; set d2; _w = _rows / _drawn; run;
"""
WEIGHTED = """data d; set s; _w = _design_weight; run;
/* SAS has no correction for unequal probabilities: its standard errors are a little larger. */
"""
SYSTEMATIC = "/* Standard errors are those of a random sample: `systematic` random in jobsvc. */\n"


def sas_code(design: Design, sizes: Mapping[str, int], sample: SampleFile) -> str:
    """The code; ``sizes`` are the rows of each stratum or cluster by label."""
    total, units = f" total={design.population}", ""
    match design.method:
        case "stratified":
            body, total, units = _groups(sizes) + STRATIFIED, " total=sizes", "strata _stratum; "
        case "cluster":
            _, clusters = design.clusters or (0, 0)
            body = _groups(sizes) + _cluster(design)
            total, units = f" total={clusters}", "cluster _stratum; "
        case "weighted":
            body, total = WEIGHTED, ""
        case "systematic":
            body = _random(design) + SYSTEMATIC
        case _:
            body = _random(design)
    lines = [*about(design, sample), *_limits(design), *about_names(sample.columns)]
    return (
        f"{comment(lines, '/*', ' */')}{reading(sample, design.rows)}{body}{example(sample)}"
        f"proc surveymeans data=d{total} mean sum clm clsum;\n"
        f"  {units}weight _w; var {example_name(sample)};\nrun;\n"
    )


def _limits(design: Design) -> list[str]:
    """Comments on where SAS differs in strata."""
    is_whole = design.method == "stratified" and bool(
        (design.group_drawn == design.group_rows).any()
    )
    return [LINES, *([LONELY] if design.lonely.any() else []), *([WHOLE] if is_whole else [])]


def reading(sample: SampleFile, rows: int) -> str:
    """Code that reads ``sample.csv`` as ``s``: the columns by their place, by names of SAS."""
    names = short_names(sample.columns)
    types = ["8" if is_number(each) else f"$ {text_size(sample, each)}" for each in sample.columns]
    header = sum(each.name.count("\n") for each in sample.columns) + 1
    return f"""data s;
  infile 'sample.csv' {INFILE} firstobs={header + 1};
  length
    {_lines([f"{name} {kind}" for name, kind in zip(names, types, strict=True)])};
  input
    {_lines(names)};
  if missing({names[-1]}) then do;
    put 'ERROR: sample.csv lacks columns of the sample.';
    abort cancel;
  end;
run;
data _null_;
  if 0 then set s nobs=_read;
  if _read ne {rows} then do;
    put 'ERROR: sample.csv has other rows than the {rows} of the sample.';
    abort cancel;
  end;
  stop;
run;
"""


def text_size(sample: SampleFile, column: Column) -> int:
    """The bytes of a text variable; longer texts are cut off."""
    return min(max(sample.sizes_bytes[column.name], 1), MAX_TEXT)


def _lines(words: Sequence[str]) -> str:
    """Words, some on a line."""
    return "\n    ".join(" ".join(words[at : at + 6]) for at in range(0, len(words), 6))


def example(sample: SampleFile) -> str:
    """Code that makes the example's variable where it isn't a column."""
    if is_number(sample.example):
        return ""
    name = short_names(sample.columns)[sample.columns.index(sample.example)]
    return f"data d; set d; _has_value = not missing({name}); run;\n"


def example_name(sample: SampleFile) -> str:
    """The variable of the example."""
    if not is_number(sample.example):
        return "_has_value"
    return short_names(sample.columns)[sample.columns.index(sample.example)]


def _groups(sizes: Mapping[str, int]) -> str:
    listed = "\n".join(
        f"  if _stratum = {_quoted(label)} then _rows = {rows};" for label, rows in sizes.items()
    )
    return f"""data d;
  set s;
{listed}
  if missing(_rows) then do;
    put 'ERROR: a stratum or cluster of sample.csv is not one of the sample.';
    abort cancel;
  end;
run;
"""


def _cluster(design: Design) -> str:
    drawn, clusters = design.clusters or (0, 0)
    return f"""proc sql;
  create table d2 as select *, count(*) as _drawn from d group by _stratum;
quit;
data d; set d2; _w = {clusters} / {drawn} * _rows / _drawn; run;
/* SAS takes the first stage alone: with some rows of a cluster its errors are a little smaller. */
"""


def _random(design: Design) -> str:
    return f"data d; set s; _w = {design.population} / {design.rows}; run;\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
