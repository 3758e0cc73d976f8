"""Texts that the code of all languages has: a comment on the design, and quoted texts."""

from __future__ import annotations

import json

from estimation_engine import Design

R_SAMPLE = """s <- read.csv("sample.csv", check.names = FALSE, na.strings = "",
  colClasses = "character", fileEncoding = "UTF-8-BOM")
# Ids with leading zeros stay text.
is_text <- sapply(s, function(x) any(grepl("^-?0[0-9]", x)))
is_text[["_stratum"]] <- TRUE
s[!is_text] <- lapply(s[!is_text], type.convert, as.is = TRUE)
"""
"""R code that reads the sample."""


def quoted(text: str) -> str:
    """A text in double quotes, as R, Python and JSON read it."""
    return json.dumps(text, ensure_ascii=False)


def about(design: Design, mark: str) -> str:
    """The comment at the top; ``mark`` starts each line."""
    lines = [
        f"{design.method} sample: {design.rows} rows of {design.population}.",
        "sample.csv is the sample, downloaded as CSV. Replace amount by your column.",
    ]
    return "\n".join(f"{mark} {line}" for line in lines)
