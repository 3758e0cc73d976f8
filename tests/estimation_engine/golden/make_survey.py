"""Write ``survey.json`` from the data sets of R's package survey.

Needs Python's package ``rdata`` and the folder ``data`` of an installed package survey 4.4, for
example of Debian's r-cran-survey: ``python make_survey.py FOLDER``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = {
    "srs": ("api.rda", "apisrs", "api00 enroll"),
    "strat": ("api.rda", "apistrat", "stype api00 api99 enroll api.stu fpc"),
    "clus1": ("api.rda", "apiclus1", "dnum api00 enroll api.stu ell stype sch.wide"),
    "clus2": ("api.rda", "apiclus2", "dnum api00 fpc2"),
    "election": ("election.rda", "election_pps", "Bush Kerry Nader p"),
}


def plain(value: Any) -> Any:
    """A cell as JSON."""
    if isinstance(value, str):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def main(folder: Path) -> None:
    """Read the files and write the columns that the validation and the tests use."""
    import rdata

    found = {}
    for sample, (file, name, columns) in COLUMNS.items():
        table = rdata.read_rda(folder / file)[name]
        found[sample] = {each: list(map(plain, table[each])) for each in columns.split()}
    text = json.dumps(found, separators=(",", ":"))
    target = Path(__file__).parents[3] / "application/validation/published/survey.json"
    target.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
