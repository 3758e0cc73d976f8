"""What holds up the limit of an evaluation: a theorem, a custom, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from domain_errors import FigureText, Sentence
from lazy_dataclasses import dataclass

Status = Literal["proved", "customary", "can_fail"]


@dataclass(frozen=True)
class Assurance:
    """Why a limit holds at its confidence.

    Parameters
    ----------
    status : {"proved", "customary", "can_fail"}
        ``customary``: in general use, without a proof for this design. ``can_fail``: there are
        populations for which the limit holds less often than its confidence says.
    sentence, source : str
        The assumption or theorem in words, and who gives it.
    """

    status: Status
    sentence: str
    source: str


BY_ROWS: Mapping[str, Assurance] = {
    "hypergeometric": Assurance(
        "proved",
        "This limit is exact for rows drawn at random without replacement.",
        "Clopper and Pearson 1934, by the hypergeometric distribution",
    ),
    "binomial": Assurance(
        "proved",
        "This limit is proved for rows drawn at random with replacement; without replacement it "
        "is on the safe side.",
        "Clopper and Pearson 1934; Uhlmann 1966",
    ),
    "poisson": Assurance(
        "proved",
        "This limit is on the safe side for rows drawn at random: it is above that of the binomial "
        "distribution.",
        "Anderson and Samuels 1967",
    ),
}
"""A limit of the share of rows with an exception, of a random sample, by likelihood."""

SYSTEMATIC = Assurance(
    "customary",
    "This limit holds only if the order of the rows has nothing to do with exceptions: the rows of "
    "a systematic sample are taken at equal distances.",
    "Cochran 1977, section 8.5",
)
TWO_STAGES = Assurance(
    "proved",
    "The risk of the rule is computed for both stages, of rows drawn at random, since the rule was "
    "set before the first row was examined.",
    "Schilling and Neubauer, Acceptance Sampling in Quality Control; Jennison and Turnbull 1983",
)
SEQUENTIAL = Assurance(
    "proved",
    "This decision is valid after any number of rows, in the order of the draw.",
    "Ville 1939; Waudby-Smith and Ramdas 2020",
)
SEQUENTIAL_AMOUNTS = Assurance(
    "proved",
    "This decision is valid after any number of rows, in the order of the draw, if no row is "
    "misstated by more than its book amount.",
    "Ville 1939; Waudby-Smith and Ramdas 2020",
)
SEQUENTIAL_SCORES = Assurance(
    "proved",
    "This decision is valid after any number of rows, in the order of the draw, if no row is "
    "misstated by more than its book amount, and if the columns of scores and book values were "
    "chosen before the first finding, which isn't checked. The scores are those of the version "
    "that was drawn from, and needn't be right.",
    "Ville 1939; Shekhar, Xu, Lipton, Liang and Ramdas 2023",
)
SEQUENTIAL_WEIGHTS = Assurance(
    "proved",
    "This decision is valid after any number of rows, in the order of the draw, if no row is "
    "misstated by more than its book amount, and if the column of book values was chosen before "
    "the first finding, which isn't checked.",
    "Ville 1939; Shekhar, Xu, Lipton, Liang and Ramdas 2023",
)
"""Of book values by which rows weren't drawn, without scores."""
VARIABLES = Assurance(
    "customary",
    "These limits assume that the projected misstatement is nearly normally distributed, which "
    "needs many rows in error and amounts that aren't too skewed. Errors that are larger or rarer "
    "than those drawn aren't seen.",
    "Cochran 1977, section 2.15",
)
CENSUS = Assurance(
    "proved",
    "All rows were examined, so the misstatement is known.",
    "A census: nothing is estimated",
)
STRINGER: Mapping[str, Assurance] = {
    "random": Assurance(
        "customary",
        "Stringer's bound is customary: it isn't proved, and no counterexample is known for units "
        "drawn at random. It assumes that no row is misstated by more than its book amount.",
        "Stringer 1963; Bickel 1992",
    ),
    "cell": Assurance(
        "customary",
        "Stringer's bound is customary: for one unit of each cell it is proved for rows that are "
        "wholly in error, where the units times the limit are at least the errors and 1, and not "
        "for others. It assumes that no row is misstated by more than its book amount.",
        "Stringer 1963; Hoeffding 1956",
    ),
    "strata": Assurance(
        "customary",
        "Stringer's bound is customary: for several strata it isn't proved. It counts each taint "
        "by the interval of its stratum, and assumes that no row is misstated by more than its "
        "book amount.",
        "Stringer 1963; Hoeffding 1956",
    ),
    "fixed_interval": Assurance(
        "customary",
        "Stringer's bound is customary: it isn't proved for a fixed interval, and can be too low "
        "where many amounts are just below the interval. This was checked: at most a third of the "
        "money left to chance is in rows of between half an interval and one. It assumes that no "
        "row is misstated by more than its book amount.",
        "Stringer 1963",
    ),
    "doubted": Assurance(
        "can_fail",
        "Stringer's bound isn't proved for a fixed interval, and can be too low for this sample.",
        "Stringer 1963",
    ),
}
"""Stringer's bound, by the selection of the units; ``doubted`` is of a fixed interval, too."""


def gaffke_assurance(
    repeat_chance: float, confidence: float, *, strata: int = 1, replaced: int = 0
) -> Assurance:
    """What holds up Gaffke's bound of units drawn at random without replacement.

    Parameters
    ----------
    repeat_chance : float
        The most that a draw with replacement could select a unit twice: the distributions of both
        draws differ by no more.
    replaced : int
        Examined rows in the place of drawn ones.
    """
    sentences = [
        Sentence(
            "This limit is proved for units drawn at random with replacement, if no row is "
            "misstated by more than its book amount."
        )
    ]
    if strata > 1:
        text = "It is the sum of the limits of {strata} strata (Bonferroni)."
        sentences.append(Sentence(text, strata=strata))
    points = FigureText(f"{100 * repeat_chance:.4f}" if repeat_chance >= 1e-6 else "0.0001")
    is_proved = repeat_chance <= MAX_REPEATS * (1.0 - confidence)
    if is_proved:
        text = (
            "The units were drawn without replacement, which lowers the confidence by at most "
            "{points} percentage points."
        )
        sentences.append(Sentence(text, points=points))
    else:
        text = "The units were drawn without replacement from so few that it isn't proved for them."
        sentences.append(Sentence(text))
    if replaced:
        is_proved = False
        text = "It isn't proved for replaced rows: another rule chose the rows in their place."
        sentences.append(Sentence(text))
    status: Status = "proved" if is_proved else "customary"
    return Assurance(status, Sentence.joined(sentences), GAFFKE_SOURCE)


GAFFKE_SOURCE = "Gaffke 2005; Vlassis and Thomas 2026 (preprint)"
MAX_REPEATS = 0.1
"""The correction for drawing without replacement, by 1 - confidence, up to which a limit holds."""
