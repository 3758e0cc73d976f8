"""The weights of a sample's rows over several rounds, its strata, and its table for a comparison.

A round draws from the rows that earlier rounds left. So the rows of earlier rounds with weight 1,
and its own rows by their design weights, give an unbiased estimate of its eligible rows, as does a
mean of several such estimates (Des Raj 1956, *Some estimators in sampling with varying
probabilities without replacement*). They are averaged by n/(N·(N - n)), the inverse variance of a
simple random sample. Of more than 200,000 rows about 100,000 are read, chosen by a hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison.compared_table import ComparedTable
from sampling_engine import Round, RowFilter
from sampling_engine.sample_table import Shown, shown_columns

MIN_REACHED_SHARE = 0.99
"""A round represents its eligible rows if its strata reach this share of them."""
MIN_RESIDUAL = 1e-6
"""Replaces a residual of 0, so that a round that drew all its rows has a finite, large weight."""
MAX_MISSED_LABELS = 20
WHOLE_ROWS, READ_ROWS = 200_000, 100_000
BUCKETS = 1_000_000
WEIGHT, ROUND, STRATUM = "_design_weight", "_sampling_round", "_stratum"


@dataclass(frozen=True)
class UnionFilter:
    """Rows that pass any of several filters."""

    filters: tuple[RowFilter, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(dict.fromkeys(column for each in self.filters for column in each.columns))

    @property
    def text(self) -> str:
        return " OR ".join(f"({each.text})" for each in self.filters)

    def condition(self, alias: str) -> tuple[str, list[object]]:
        """A boolean SQL expression over ``alias``'s columns, and its parameters in order."""
        parts = [each.condition(alias) for each in self.filters]
        sql = " OR ".join(f"({condition})" for condition, _ in parts)
        return f"({sql})", [value for _, params in parts for value in params]


@dataclass(frozen=True)
class CountedRounds:
    """The rounds of a sample; ``shares`` has the weights of those that represent their rows."""

    rounds: tuple[Round, ...]
    shares: Mapping[int, float]

    @property
    def counted(self) -> list[Round]:
        """The rounds that represent their eligible rows."""
        return [spec for spec in self.rounds if spec.round_number in self.shares]

    @property
    def filters(self) -> list[RowFilter | None]:
        """The distinct filters of the counted rounds; None for no filter."""
        by_text = {spec.filter.text if spec.filter else None: spec.filter for spec in self.counted}
        return list(by_text.values())

    @property
    def population(self) -> RowFilter | None:
        """The filter of the population; None for the whole table."""
        filters = [each for each in self.filters if each is not None]
        if not filters or len(filters) < len(self.filters):
            return None
        return filters[0] if len(filters) == 1 else UnionFilter(tuple(filters))

    @property
    def filter_columns(self) -> tuple[Column, ...]:
        """The columns that determine the rounds in which a row counts."""
        if len(self.filters) < 2:
            return ()
        return UnionFilter(tuple(each for each in self.filters if each is not None)).columns

    def weight(self, alias: str) -> tuple[str, list[object]]:
        """The SQL of a row's weight, and its parameters."""
        params: list[object] = []
        weight, number = (f"{alias}.{quote_identifier(name)}" for name in (WEIGHT, ROUND))

        def share(spec: Round) -> str:
            """The round's share if the row passes its filter, else 0."""
            value = repr(self.shares[spec.round_number])
            if len(self.filters) < 2 or spec.filter is None:
                return value
            condition, given = spec.filter.condition(alias)
            params.extend(given)
            return f"CASE WHEN {condition} THEN {value} ELSE 0.0 END"

        cases = []
        for drawn in self.rounds:
            own = [f"{share(spec)} * {weight}" for spec in self.counted if spec is drawn]
            later = [share(spec) for spec in self.counted if spec.round_number > drawn.round_number]
            terms = " + ".join([*own, *later]) or "0.0"
            cases.append(f"WHEN {drawn.round_number:d} THEN {terms}")
        total = " + ".join(map(share, self.counted)) or "1.0"
        case = f"CASE {number} {' '.join(cases)} END"
        return f"coalesce({case} / nullif({total}, 0.0), 0.0)", params

    def cluster(self, alias: str) -> str | None:
        """The SQL of a row's cluster number; None without clusters."""
        clustered = [
            f"{spec.round_number:d}" for spec in self.rounds if spec.method.group_kind == "clusters"
        ]
        if not clustered:
            return None
        number, stratum = (f"{alias}.{quote_identifier(name)}" for name in (ROUND, STRATUM))
        return (
            f"CASE WHEN {number} IN ({', '.join(clustered)}) "
            f"THEN dense_rank() OVER (ORDER BY {stratum}) ELSE -row_number() OVER () END"
        )


def counted_rounds(rounds: Sequence[Round], results: Sequence[Mapping[str, Any]]) -> CountedRounds:
    """Select the rounds that represent their rows, by the job's summary; all if none does."""
    shares = {
        spec.round_number: _share(spec, result)
        for spec, result in zip(rounds, results, strict=True)
        if result["rows_sampled"]
    }
    representing = {
        result["round_number"]: shares[result["round_number"]]
        for result in results
        if result["round_number"] in shares and reached_share(result) >= MIN_REACHED_SHARE
    }
    return CountedRounds(tuple(rounds), representing or shares)


def reached_share(result: Mapping[str, Any]) -> float:
    """The share of a round's rows in strata with a drawn row; unlisted strata count as reached."""
    missed = sum(stratum["rows"] for stratum in result.get("strata", ()) if not stratum["sampled"])
    return 1 - missed / result["eligible_rows"] if result["eligible_rows"] else 0.0


def _share(spec: Round, result: Mapping[str, Any]) -> float:
    rows, eligible = result["rows_sampled"], result["eligible_rows"]
    drawn = spec.method.units_drawn(rows, result.get("clusters_count", 0))
    return float(drawn / (eligible * max(eligible - rows, MIN_RESIDUAL)))


def strata_reached(
    database: ParquetDatabase, sample: TableFiles, results: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The strata of each stratified round: all, those with a drawn row, and labels of others."""
    stratified = [result for result in results if "strata" in result]
    if not stratified:
        return []
    with database.cursor() as cursor:
        counts = cursor.execute(
            "SELECT f._sampling_round, count(DISTINCT f._stratum) "
            "FROM read_parquet(?) AS f GROUP BY ALL",
            [[str(file.path) for file in sample.files]],
        ).fetchall()
    reached = dict(counts)
    return [
        {
            "round_number": result["round_number"],
            "strata": result["strata_count"],
            "reached": int(reached.get(result["round_number"], 0)),
            "missed": [_label(stratum) for stratum in result["strata"] if not stratum["sampled"]][
                :MAX_MISSED_LABELS
            ],
        }
        for result in stratified
    ]


def _label(stratum: Mapping[str, Any]) -> str:
    values = ("NULL" if value is None else value for value in stratum["key"].values())
    return " | ".join(values)


@dataclass(frozen=True)
class SampleColumns:
    """The source's columns in a sample: in the rows of every round, or of some rounds."""

    everywhere: tuple[Shown, ...]
    somewhere: tuple[Shown, ...]

    def lacking(self, columns: Sequence[Column]) -> list[str]:
        """The names in ``columns`` that not every row has under its own name."""
        plain = {shown.column for shown in self.everywhere if shown.name == shown.column.name}
        return [column.name for column in columns if column not in plain]


def sample_columns(source: TableFiles, counted: CountedRounds) -> SampleColumns:
    """The source's columns that the sample has."""
    shown = shown_columns(source, counted.rounds)
    return SampleColumns(
        tuple(column for column in shown if column.rounds is None),
        tuple(column for column in shown if column.rounds is not None),
    )


def weighted_sample(
    database: ParquetDatabase,
    sample: TableFiles,
    columns: SampleColumns,
    counted: CountedRounds,
    path: Path,
    on_progress: ProgressCallback,
) -> ComparedTable:
    """Write the rows of a sample to ``path`` with their weights, for a comparison."""
    own = tuple(shown.column for shown in columns.everywhere)
    weight = Column(_free_name("_weight", own), "DOUBLE")
    cluster_sql = counted.cluster("f")
    cluster = None if cluster_sql is None else Column(_free_name("_cluster", own), "BIGINT")
    weight_sql, params = counted.weight("f")
    selected = [
        *(
            f"f.{quote_identifier(shown.name)} AS {quote_identifier(shown.column.name)}"
            for shown in columns.everywhere
        ),
        f"{weight_sql} AS {quote_identifier(weight.name)}",
    ]
    if cluster is not None:
        selected.append(f"{cluster_sql} AS {quote_identifier(cluster.name)}")
    query = (
        f"SELECT * FROM (SELECT {', '.join(selected)} FROM read_parquet(?) AS f"
        f"{_sample_clause(sample.row_count)}) AS t WHERE t.{quote_identifier(weight.name)} > 0"
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


def _sample_clause(rows: int) -> str:
    if rows <= WHOLE_ROWS:
        return ""
    return f" WHERE hash(f._logical_row_id) % {BUCKETS:d} < {BUCKETS * READ_ROWS // rows:d}"


def _free_name(name: str, taken: Sequence[Column]) -> str:
    names = {column.name.lower() for column in taken}
    while name.lower() in names:
        name = f"{name}_"
    return name
