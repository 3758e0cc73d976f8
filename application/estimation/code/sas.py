"""A design as SAS code: ``proc surveymeans``."""

from __future__ import annotations

from collections.abc import Sequence

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
from parquet_tables.tables import Column

MAX_TEXT = 32_767
"""Bytes of a text in SAS."""
INFILE = "dsd truncover termstr=lf lrecl=100000000 encoding='utf-8'"
LINES = (
    "SAS reads a line of a file as a row, so no text of sample.csv may have a line break. It keeps "
    f"{MAX_TEXT:,} bytes of a text."
)


def design_code(design: Design, code: DesignCode, sample: SampleFile) -> str:
    """Code that declares the design of ``sample.csv``, with comments on where SAS differs."""
    lines = [*about(design, sample), LINES, *code.sas_limits, *about_names(sample.columns)]
    return (
        f"{comment(lines, '/*', ' */')}{reading(sample, design.rows)}{code.sas}{example(sample)}"
        f"proc surveymeans data=d{code.sas_options} mean sum clm clsum;\n"
        f"  {code.sas_units}weight _w; var {example_name(sample)};\nrun;\n"
    )


def replicate_code(design: Design, replicates: ReplicateFacts, sample: SampleFile) -> str:
    """The code; the variance is ``scale`` times the replicates' squared differences."""
    count, scale = replicates.count, replicates.scale
    lines = [*about_replicates(design, replicates, sample), *about_names(sample.columns), LINES]
    row_id = text_size(sample, sample.columns[sample.row_id_place - 1])
    return f"""{comment(lines, "/*", " */")}{reading(sample, design.rows)}data weights;
  infile 'design.csv' {INFILE} firstobs=2;
  length _logical_row_id $ {row_id} _skipped $ 1;
  input _logical_row_id _skipped _skipped _skipped _skipped _skipped _skipped
    _skipped _skipped _skipped _skipped _skipped _skipped _weight _replicate_1-_replicate_{count};
  drop _skipped;
run;
proc sort data=s; by _logical_row_id; run;
proc sort data=weights; by _logical_row_id; run;
data d; merge s weights; by _logical_row_id; run;
{example(sample)}proc surveymeans data=d varmethod=jackknife mean sum clm clsum;
  weight _weight;
  repweights _replicate_1-_replicate_{count} / jkcoefs={scale!r} df={design.degrees};
  var {example_name(sample)};
run;
"""


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
