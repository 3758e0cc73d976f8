"""What the engine can do, told by itself: each method with its parameters.

Owns: the description that a form or a caller is offered. Invariant: a test holds it against the
specification's fields, so a parameter can't be described and not exist, or the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    Parameters
    ----------
    type : str
        ``integer``, ``number``, ``string``, ``array of string`` or ``integer or string``.
    required : bool
        Whether it must always be given; of several sizes exactly one must be, see the description.
    """

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class MethodDescription:
    """One method with its parameters, in the order in which a form would ask for them."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]


SEED = Parameter(
    "seed",
    "integer or string",
    required=False,
    description="The same seed gives the same rows again. Left out, one is drawn and recorded.",
)
SAMPLE_SIZE = Parameter(
    "sample_size",
    "integer",
    required=False,
    description="Rows to draw, 1 or more. Above the eligible rows it draws all of them.",
)
SAMPLE_FRACTION = Parameter(
    "sample_fraction",
    "number",
    required=False,
    description="Share of the eligible rows, above 0 and up to 1; half a row counts as one.",
)
SIZE_OF_RANDOM = " Give either sample_size or sample_fraction."

METHODS = (
    MethodDescription(
        "random",
        "Every set of rows of the sample's size is equally likely." + SIZE_OF_RANDOM,
        (SAMPLE_SIZE, SAMPLE_FRACTION, SEED),
    ),
    MethodDescription(
        "reservoir",
        "Another name for random: the same seed draws the same rows." + SIZE_OF_RANDOM,
        (SAMPLE_SIZE, SAMPLE_FRACTION, SEED),
    ),
    MethodDescription(
        "stratified",
        "A random sample in each stratum, the rows that agree in all strata columns. Give one of "
        "sample_size, sample_fraction and samples_per_stratum; the first two are allocated in "
        "proportion to the strata's rows.",
        (
            Parameter(
                "strata_columns",
                "array of string",
                required=True,
                description="One column or more; NULL makes a stratum of its own.",
            ),
            SAMPLE_SIZE,
            SAMPLE_FRACTION,
            Parameter(
                "samples_per_stratum",
                "integer",
                required=False,
                description="Rows to draw in each stratum, 1 or more, or all that it has.",
            ),
            Parameter(
                "min_per_stratum",
                "integer",
                required=False,
                description="Every stratum gives at least so many rows, or all that it has, inside "
                "the sample's size.",
            ),
            SEED,
        ),
    ),
)
"""Every method under every name it is accepted by, in the order they are offered."""
