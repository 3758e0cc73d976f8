"""What is said beside the figures of a sample's comparison: what it assumes, what a filter did.

Owns: the sentences.
"""

from __future__ import annotations

from job_runner.round_weights import CountedRounds
from parquet_tables.tables import TableFiles
from profiling_engine.comparison import TableComparison
from profiling_engine.comparison_sides import Side
from sampling_engine import ClusterMethod, Reference, SystematicMethod


def assumptions(
    counted: CountedRounds, base: Reference, other: Side, sample: TableFiles
) -> list[str]:
    """What the comparison takes for granted, a sentence each."""
    rounds = [one.round_number for one in counted.rounds]
    uncounted = [number for number in rounds if number not in counted.shares]
    methods = [one.method for one in counted.rounds]
    said = [
        (
            not base.is_whole,
            f"Of the population {base.table.row_count:,} of {base.rows:,} rows were read, drawn by "
            "a fixed seed; the test allows for that.",
        ),
        (True, "Rows count by their design weights."),
        (
            len(rounds) > 1,
            "A round drew from what earlier ones left: beside its own rows, by their weights, "
            "those of earlier rounds count for themselves.",
        ),
        (
            len(counted.filters) > 1,
            "Rounds differ in their filters: a row counts in those whose filter it passes. The "
            + (
                "population is the whole table."
                if counted.population is None
                else "population is the rows that pass any of them."
            ),
        ),
        (
            bool(uncounted),
            f"Round {', '.join(map(str, uncounted))} drew from a part of its strata alone, or "
            "nothing, and says nothing of the rest: only where a later round passed its rows over "
            "do they count.",
        ),
        (
            any(isinstance(method, ClusterMethod) for method in methods),
            "Rows of one cluster were drawn together, so a cluster counts once.",
        ),
        (
            any(isinstance(method, SystematicMethod) for method in methods),
            "Rows at equal distances are taken for random ones.",
        ),
        (
            other.table.row_count < sample.row_count and not uncounted,
            f"Of the sample about {other.table.row_count:,} rows were read, chosen at random.",
        ),
    ]
    return [sentence for holds, sentence in said if holds]


def filter_words(compared: TableComparison, rows: int, of_rows: int) -> str:
    """How the rows that pass the filter differ from the whole table, as a person says it."""
    passed = f"{rows:,} of {of_rows:,} rows pass the filter"
    out = compared.standing_out
    if not out:
        return f"Its population is what passes the filter: {passed}, and they are like the table."
    worst = max(out, key=lambda one: one.distance.distance)
    names = ", ".join(one.name for one in out[:5]) + (" and others" if len(out) > 5 else "")
    return (
        f"Its population is what passes the filter: {passed}, and they are not like the whole "
        f"table in {names}. {worst.sentence}"
    )
