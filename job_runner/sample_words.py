"""The sentences beside the figures of a representativeness check: assumptions, the filter."""

from __future__ import annotations

from job_runner.round_weights import CountedRounds
from parquet_tables.tables import TableFiles
from profiling_engine.compared_table import ComparedTable
from profiling_engine.comparison_result import TableComparison
from sampling_engine import ClusterMethod, Reference, SystematicMethod


def assumptions(
    counted: CountedRounds, base: Reference, other: ComparedTable, sample: TableFiles
) -> list[str]:
    """The assumptions of the check, a sentence each."""
    rounds = [one.round_number for one in counted.rounds]
    uncounted = [number for number in rounds if number not in counted.shares]
    methods = [one.method for one in counted.rounds]
    notes = [
        (
            not base.is_whole,
            f"{base.table.row_count:,} of the population's {base.rows:,} rows were read, drawn by "
            "a fixed seed; the tests allow for that.",
        ),
        (True, "Each row counts by its design weight."),
        (
            len(rounds) > 1,
            "A round drew from the rows that earlier rounds left: its own rows count by their "
            "weights, those of earlier rounds once each.",
        ),
        (
            len(counted.filters) > 1,
            "Rounds have different filters: a row counts in those whose filter it passes. The "
            + (
                "population is the whole table."
                if counted.population is None
                else "population is the rows that pass any of them."
            ),
        ),
        (
            bool(uncounted),
            f"Round {', '.join(map(str, uncounted))} reached only some of its strata, or drew no "
            "row: its rows count only in later rounds that could have drawn them.",
        ),
        (
            any(isinstance(method, ClusterMethod) for method in methods),
            "Rows of one cluster were drawn together, so each cluster counts once.",
        ),
        (
            any(isinstance(method, SystematicMethod) for method in methods),
            "A systematic sample is treated as a random one.",
        ),
        (
            other.table.row_count < sample.row_count and not uncounted,
            f"About {other.table.row_count:,} rows of the sample were read, chosen at random.",
        ),
    ]
    return [sentence for holds, sentence in notes if holds]


def filter_words(compared: TableComparison, rows: int, of_rows: int) -> str:
    """How the rows that pass the filter differ from the whole table."""
    passed = f"The population is the {rows:,} of {of_rows:,} rows that pass the filter"
    significant = compared.significant
    if not significant:
        return f"{passed}; no column of theirs differs significantly from the whole table."
    worst = max(significant, key=lambda one: one.distance.distance)
    names = ", ".join(one.name for one in significant[:5])
    more = " and others" if len(significant) > 5 else ""
    return f"{passed}. They differ from the whole table in {names}{more}. {worst.sentence}"
