"""What the rows of a sample of several rounds stand for, and how much each counts.

Owns: how rounds are put together. A round draws from what the earlier ones left, and its design
weights are given those. So, of the rows that pass its filter, "those that earlier rounds drew, each
for itself, and the round's own by their weights" is an unbiased account, and so is any mean of
several such accounts (Des Raj 1956, *Some estimators in sampling with varying probabilities without
replacement*). They are weighted by n/(N·(N - n)), the inverse of a simple random draw's variance:
two rounds of one table then count as if all their rows had been drawn at once.

Invariant: a row's weight depends on how it was drawn and on the filters it passes, on nothing else.
Used by the comparison of samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import Column
from sampling_engine import ClusterMethod, Round, RowFilter

NEARLY_ALL = 0.99
"""A round that reaches so much of its eligible rows by its strata speaks for all of them."""
LEAST_LEFT = 1e-6
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
            f"{one.round_number:d}" for one in self.rounds if isinstance(one.method, ClusterMethod)
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
    drawn = rows
    if isinstance(one.method, ClusterMethod):
        drawn = min(one.method.num_clusters, result["clusters_count"])
    return float(drawn / (eligible * max(eligible - rows, LEAST_LEFT)))
