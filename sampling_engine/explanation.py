"""Why a row is in the sample, or why not.

Owns: the shape of the answer. Invariant: there is one verdict a round, up to the one that drew the
row; its sentence can be shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal[
    "drawn",
    "left_out",
    "filtered_out",
    "no_weight",
    "off_the_grid",
    "cluster_not_drawn",
    "beyond_the_last",
]


@dataclass(frozen=True)
class Verdict:
    """What one round made of the row.

    Parameters
    ----------
    effective_seed : str
        The seed text that entered the keys of the round's order.
    outcome : str
        ``drawn``; ``left_out`` of the table; ``filtered_out``; ``no_weight``, which is NULL, NaN or
        0; ``off_the_grid`` of a systematic round; ``cluster_not_drawn``; or ``beyond_the_last`` row
        that was drawn of its stratum or cluster.
    reason : str
        The same in a sentence, with the figures.
    group : str or None
        The label of the row's stratum or cluster.
    rank : int or None
        The row's rank in the round's order, where the method has one.
    last_rank : int or None
        The largest rank that was drawn from its stratum or cluster, or from all rows; not for a
        weighted round, whose order is not that of the ranks alone.
    """

    round_number: int
    method: str
    effective_seed: str
    outcome: Outcome
    reason: str
    group: str | None = None
    rank: int | None = None
    last_rank: int | None = None


@dataclass(frozen=True)
class RowExplanation:
    """One row's fate.

    Parameters
    ----------
    round_number : int or None
        The round that drew it.
    inclusion_probability, design_weight : float or None
        As in the sample, if it was drawn.
    verdicts : tuple of Verdict
        One a round, ending with the round that drew it.
    """

    ordinal: int
    round_number: int | None
    inclusion_probability: float | None
    design_weight: float | None
    verdicts: tuple[Verdict, ...]

    @property
    def drawn(self) -> bool:
        """Whether it is in the sample."""
        return self.round_number is not None
