"""Which strata a sample reached.

Owns: the count of strata with eligible rows that gave a row, and the names of those that didn't.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles

MISSED_NAMED = 20


@dataclass(frozen=True)
class StrataReached:
    """The strata of one round.

    Parameters
    ----------
    strata, reached : int
        Strata with eligible rows, and those of them that gave a row.
    missed : tuple of str
        The first of the others by their labels; of more than 1,000 strata not all are known.
    """

    round_number: int
    strata: int
    reached: int
    missed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {**asdict(self), "missed": list(self.missed)}


def strata_reached(
    database: ParquetDatabase, sample: TableFiles, results: Sequence[Mapping[str, Any]]
) -> list[StrataReached]:
    """The strata of each stratified round, by the sample and the rounds' accounts."""
    stratified = [result for result in results if "strata" in result]
    if not stratified:
        return []
    with database.cursor() as cursor:
        found = cursor.execute(
            "SELECT f._sampling_round, count(DISTINCT f._stratum) "
            "FROM read_parquet(?) AS f GROUP BY ALL",
            [[str(file.path) for file in sample.files]],
        ).fetchall()
    reached = dict(found)
    return [
        StrataReached(
            result["round_number"],
            result["strata_count"],
            int(reached.get(result["round_number"], 0)),
            tuple(_label(one) for one in result["strata"] if not one["sampled"])[:MISSED_NAMED],
        )
        for result in stratified
    ]


def _label(stratum: Mapping[str, Any]) -> str:
    values = ("NULL" if value is None else value for value in stratum["key"].values())
    return " | ".join(values)
