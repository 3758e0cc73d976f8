"""Code of other programs that reads a file of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from estimation_engine import is_number
from estimation_engine.designs.code import quoted
from estimation_engine.replicates import ReplicateFacts
from lazy_dataclasses import dataclass
from parquet_tables.tables import Column

NO_ERRORS = (
    "Without replicate weights the estimates are right, and standard errors aren't: they ignore "
    "the design and the calibration."
)


@dataclass(frozen=True)
class WeightsCode:
    """What code needs of a file of weights: its replicates, degrees of freedom and columns.

    ``columns`` are those beside the replicates.
    """

    replicates: ReplicateFacts | None
    degrees: int
    columns: Sequence[Column]

    def types(self, of_text: str, of_boolean: str) -> list[tuple[str, str]]:
        """Columns that aren't numbers with their types in code: programs would guess others."""
        return [
            (quoted(each.name), of_boolean if each.type == "BOOLEAN" else of_text)
            for each in self.columns
            if not is_number(each)
        ]


def programs(facts: WeightsCode) -> Mapping[str, str]:
    """The code of each program, by its name."""
    return {
        "r": r_code(facts),
        "stata": stata_code(facts),
        "sas": sas_code(facts),
        "python": python_code(facts),
    }


def r_code(facts: WeightsCode) -> str:
    """``svrepdesign`` of the package survey."""
    types = ",\n  ".join(
        f"{name} = {kind}" for name, kind in facts.types('"character"', '"logical"')
    )
    read = f"""library(survey)
# Columns that aren't numbers, as they are: R would read 0054 as 54.
types <- unlist(list(
  {types}))
d <- read.csv("weights.csv", check.names = FALSE, na.strings = "", colClasses = types,
  fileEncoding = "UTF-8")
"""
    if facts.replicates is None:
        return f"# {NO_ERRORS}\n{read}design <- svydesign(ids = ~1, weights = d$weight, data = d)\n"
    return f"""{read}design <- svrepdesign(data = d, weights = d$weight,
  repweights = d[grep("^replicate_[0-9]+$", names(d))], type = "other",
  combined.weights = TRUE, scale = {facts.replicates.scale!r},
  rscales = rep(1, {facts.replicates.count}), mse = TRUE, degf = {facts.degrees})
"""


def stata_code(facts: WeightsCode) -> str:
    """``svyset`` of the file ``weights.dta``."""
    if facts.replicates is None:
        return f'* {NO_ERRORS}\nuse "weights.dta", clear\nsvyset [pweight = weight]\n'
    return f"""use "weights.dta", clear
svyset [pweight = weight], ///
    jkrweight(replicate_1-replicate_{facts.replicates.count}, ///
    multiplier({facts.replicates.scale!r})) ///
    vce(jackknife) mse dof({facts.degrees})
"""


def sas_code(facts: WeightsCode) -> str:
    """``proc surveymeans``; COLUMN stands for a column of numbers."""
    read = (
        "/* SAS guesses types: a text of digits alone, such as 0054, becomes a number. */\n"
        "proc import datafile='weights.csv' out=d dbms=csv replace; guessingrows=max; run;\n"
    )
    if facts.replicates is None:
        return (
            f"/* {NO_ERRORS} */\n{read}"
            "proc surveymeans data=d mean sum;\n  weight weight; var COLUMN;\nrun;\n"
        )
    return f"""{read}proc surveymeans data=d varmethod=jackknife mean sum clm clsum;
  weight weight;
  repweights replicate_1-replicate_{facts.replicates.count} /
    jkcoefs={facts.replicates.scale!r} df={facts.degrees};
  var COLUMN;
run;
"""


def python_code(facts: WeightsCode) -> str:
    """NumPy and pandas; COLUMN stands for a column of numbers."""
    types = "".join(f"    {name}: {kind},\n" for name, kind in facts.types('"string"', '"boolean"'))
    read = f"""import pandas as pd

# Columns that aren't numbers, as they are: pandas would read 0054 as 54.
TYPES = {{
{types}}}
d = pd.read_csv("weights.csv", dtype=TYPES, keep_default_na=False, na_values=[""])
d = d[d["COLUMN"].notna()]
"""
    total = 'w, y = d["weight"].to_numpy(), d["COLUMN"].to_numpy()\ntotal = w @ y\n'
    if facts.replicates is None:
        return f"# {NO_ERRORS}\n{read}{total}print(total)\n"
    return f"""{read}{total}replicates = d.filter(regex=r"^replicate_[0-9]+$").to_numpy()
error = ({facts.replicates.scale!r} * ((replicates.T @ y - total) ** 2).sum()) ** 0.5
print(total, error)
"""
