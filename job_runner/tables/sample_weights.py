"""What the rows of a sample of several rounds stand for, and how much each counts.

Owns: how rounds are put together. A round draws from what the earlier ones left, and its design
weights are given those. So, of the rows that pass its filter, "those that earlier rounds drew, each
for itself, and the round's own by their weights" is an unbiased account, and so is any mean of
several such accounts (Des Raj 1956, *Some estimators in sampling with varying probabilities without
replacement*). They are weighted by n/(N·(N - n)), the inverse of a simple random draw's variance:
two rounds of one table then count as if all their rows had been drawn at once.

Invariant: a row's weight depends on how it was drawn and on the filters it passes, on nothing else.
Used by the comparison of samples.

Which strata a sample reached.

Owns: the count of strata with eligible rows that gave a row, and the names of those that didn't.

A drawn sample as one table of a comparison: its own columns, its weights, its clusters.

The columns that the draw added are left out, and a column that was renamed for one of them has its
own name again. The cost is bounded: of more than 200,000 rows about 100,000 are read, chosen by a
hash of their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.compared_table import ComparedTable
from sampling_engine import Round, RowFilter
from sampling_engine.sample_table import shown_columns
from sampling_engine.sql.sample import Shown

NEARLY_ALL = 0.99
"""A round that reaches so much of its eligible rows by its strata speaks for all of them."""
MIN_LEFT = 1e-6
"""Stands for no row left, so that a round that took all it could outweighs every other."""

WEIGHT, ROUND, STRATUM = "_design_weight", "_sampling_round", "_stratum"


@dataclass(frozen=True)
class AnyFilter:
    """Rows that pass one of several filters."""

    filters: tuple[RowFilter, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that the filters look at."""
        return tuple(dict.fromkeys(column for one in self.filters for column in one.columns))

    @property
    def text(self) -> str:
        """The filters as one expression."""
        return " OR ".join(f"({one.text})" for one in self.filters)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias``'s columns, and its parameters in order."""
        parts = [one.condition(alias) for one in self.filters]
        sql = " OR ".join(f"({condition})" for condition, _ in parts)
        return f"({sql})", [value for _, params in parts for value in params]


@dataclass(frozen=True)
class CountedRounds:
    """The rounds that a sample's account is made of.

    Parameters
    ----------
    shares : mapping of int to float
        By round number, what the round's account weighs beside those of the others; a round that
        isn't there says nothing of its eligible rows as a whole.
    """

    rounds: tuple[Round, ...]
    shares: Mapping[int, float]

    @property
    def counted(self) -> list[Round]:
        """The rounds with an account."""
        return [one for one in self.rounds if one.round_number in self.shares]

    @property
    def filters(self) -> list[RowFilter | None]:
        """The counted rounds' filters, each once; None is no filter."""
        by_text = {one.filter.text if one.filter else None: one.filter for one in self.counted}
        return list(by_text.values())

    @property
    def population(self) -> RowFilter | None:
        """Which rows of the table the sample stands for; None for all of them."""
        filters = [one for one in self.filters if one is not None]
        if not filters or len(filters) < len(self.filters):
            return None
        return filters[0] if len(filters) == 1 else AnyFilter(tuple(filters))

    @property
    def asked_columns(self) -> tuple[Column, ...]:
        """The columns that tell which rounds a row counts in."""
        if len(self.filters) < 2:
            return ()
        return AnyFilter(tuple(one for one in self.filters if one is not None)).columns

    def weight(self, alias: str) -> tuple[str, list[object]]:
        """A row's weight as SQL over the sample's columns, and its parameters; 0 for no account."""
        params: list[object] = []
        weight, number = (f"{alias}.{quote_identifier(name)}" for name in (WEIGHT, ROUND))

        def share(one: Round) -> str:
            """The round's share where the row passes its filter."""
            value = repr(self.shares[one.round_number])
            if len(self.filters) < 2 or one.filter is None:
                return value
            condition, given = one.filter.condition(alias)
            params.extend(given)
            return f"CASE WHEN {condition} THEN {value} ELSE 0.0 END"

        cases = []
        for drawn in self.rounds:
            own = [f"{share(one)} * {weight}" for one in self.counted if one is drawn]
            later = [share(one) for one in self.counted if one.round_number > drawn.round_number]
            terms = " + ".join([*own, *later]) or "0.0"
            cases.append(f"WHEN {drawn.round_number:d} THEN {terms}")
        total = " + ".join(share(one) for one in self.counted) or "1.0"
        case = f"CASE {number} {' '.join(cases)} END"
        return f"coalesce({case} / nullif({total}, 0.0), 0.0)", params

    def cluster(self, alias: str) -> str | None:
        """A number for each cluster, as SQL over the sample's columns; None without clusters."""
        clustered = [
            f"{one.round_number:d}" for one in self.rounds if one.method.group_kind == "clusters"
        ]
        if not clustered:
            return None
        number, stratum = (f"{alias}.{quote_identifier(name)}" for name in (ROUND, STRATUM))
        return (
            f"CASE WHEN {number} IN ({', '.join(clustered)}) "
            f"THEN dense_rank() OVER (ORDER BY {stratum}) ELSE -row_number() OVER () END"
        )


def counted_rounds(rounds: Sequence[Round], results: Sequence[Mapping[str, Any]]) -> CountedRounds:
    """Choose the rounds that speak for all rows they could draw; all, where none does.

    Parameters
    ----------
    results : sequence of mapping
        The rounds' accounts in a job's summary.
    """
    shares = {
        one.round_number: _share(one, result)
        for one, result in zip(rounds, results, strict=True)
        if result["rows_sampled"]
    }
    speaking = {
        result["round_number"]: shares[result["round_number"]]
        for result in results
        if result["round_number"] in shares and reached_share(result) >= NEARLY_ALL
    }
    return CountedRounds(tuple(rounds), speaking or shares)


def reached_share(result: Mapping[str, Any]) -> float:
    """Of a round's eligible rows, the share that lies in strata which gave a row.

    Of more than 1,000 strata those beyond aren't listed; they count as reached.
    """
    missed = sum(one["rows"] for one in result.get("strata", ()) if not one["sampled"])
    return 1 - missed / result["eligible_rows"] if result["eligible_rows"] else 0.0


def _share(one: Round, result: Mapping[str, Any]) -> float:
    rows, eligible = result["rows_sampled"], result["eligible_rows"]
    drawn = one.method.units_drawn(rows, result.get("clusters_count", 0))
    return float(drawn / (eligible * max(eligible - rows, MIN_LEFT)))


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


WHOLE_ROWS, READ_ROWS = 200_000, 100_000
BUCKETS = 1_000_000


@dataclass(frozen=True)
class SampleColumns:
    """The table's columns as a sample has them: in the rows of every round, or of some alone."""

    everywhere: tuple[Shown, ...]
    somewhere: tuple[Shown, ...]

    def lacking(self, asked: Sequence[Column]) -> list[str]:
        """Those of ``asked`` that not every row shows under its own name."""
        plain = {one.column for one in self.everywhere if one.name == one.column.name}
        return [column.name for column in asked if column not in plain]


def sample_columns(source: TableFiles, counted: CountedRounds) -> SampleColumns:
    """Which of the source's columns the sample shows."""
    shown = shown_columns(source, counted.rounds)
    return SampleColumns(
        tuple(one for one in shown if one.rounds is None),
        tuple(one for one in shown if one.rounds is not None),
    )


def sample_side(
    database: ParquetDatabase,
    sample: TableFiles,
    columns: SampleColumns,
    counted: CountedRounds,
    path: Path,
    on_progress: ProgressCallback,
) -> ComparedTable:
    """Write the rows of a sample that are compared to ``path``, with their weights.

    Returns
    -------
    ComparedTable
        Its effective sample size follows from the weights and clusters.
    """
    own = tuple(one.column for one in columns.everywhere)
    weight = Column(_free_name("_weight", own), "DOUBLE")
    cluster_sql = counted.cluster("f")
    cluster = None if cluster_sql is None else Column(_free_name("_cluster", own), "BIGINT")
    weight_sql, params = counted.weight("f")
    selected = [
        *(
            f"f.{quote_identifier(one.name)} AS {quote_identifier(one.column.name)}"
            for one in columns.everywhere
        ),
        f"{weight_sql} AS {quote_identifier(weight.name)}",
    ]
    if cluster is not None:
        selected.append(f"{cluster_sql} AS {quote_identifier(cluster.name)}")
    query = (
        f"SELECT * FROM (SELECT {', '.join(selected)} FROM read_parquet(?) AS f"
        f"{_thinned(sample.row_count)}) AS t WHERE t.{quote_identifier(weight.name)} > 0"
    )
    files = [str(file.path) for file in sample.files]
    with database.cursor() as cursor:
        written = write_parquet(
            cursor,
            query,
            [*params, files],
            path,
            on_progress=on_progress,
            message="reading the sample",
        )
    design = (weight,) if cluster is None else (weight, cluster)
    table = TableFiles((*own, *design), (written,))
    return ComparedTable(table, None, weight, cluster, rows=sample.row_count)


def _thinned(rows: int) -> str:
    if rows <= WHOLE_ROWS:
        return ""
    return f" WHERE hash(f._logical_row_id) % {BUCKETS:d} < {BUCKETS * READ_ROWS // rows:d}"


def _free_name(name: str, taken: Sequence[Column]) -> str:
    names = {column.name.lower() for column in taken}
    while name.lower() in names:
        name = f"{name}_"
    return name
