"""What the engine can do, told by itself: each method with its parameters.

Owns: the description that a form or a caller is offered. Invariant: a test holds it against the
specification's fields, so a parameter can't be described and not exist, or the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    Parameters
    ----------
    type : str
        ``integer``, ``number``, ``string``, ``array of string``, ``integer or string`` or ``object
        of integer``, by label.
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
        "sample_size, sample_fraction, samples_per_stratum and sizes; the first two are shared out "
        "by the allocation.",
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
                "sizes",
                "object of integer",
                required=False,
                description="Rows to draw in each named stratum; the others give none. A stratum's "
                "label is that of the sample's column _stratum.",
            ),
            Parameter(
                "allocation",
                "string",
                required=False,
                description="proportional (default), equal, neyman (rows times standard deviation) "
                "or optimal (that by the root of the mean cost).",
            ),
            Parameter(
                "allocation_column",
                "string",
                required=False,
                description="The column of numbers whose standard deviation counts; for neyman and "
                "optimal.",
            ),
            Parameter(
                "cost_column",
                "string",
                required=False,
                description="The column with the cost of examining a row; for optimal.",
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
    MethodDescription(
        "systematic",
        "Eligible rows in the table's order at equal distances. Give interval or sample_size.",
        (
            Parameter(
                "interval",
                "integer",
                required=False,
                description="Every so many eligible rows one is drawn, 1 or more.",
            ),
            Parameter(
                "sample_size",
                "integer",
                required=False,
                description="Rows to draw, exactly; the distance is then a fraction.",
            ),
            Parameter(
                "start",
                "integer",
                required=False,
                description="The first eligible row to draw, 1 to interval. Left out, the seed "
                "settles it.",
            ),
            SEED,
        ),
    ),
    MethodDescription(
        "cluster",
        "Some clusters, the rows that agree in one column, and all their rows, or in two stages "
        "some: give samples_per_cluster or sample_percentage for that.",
        (
            Parameter(
                "cluster_column",
                "string",
                required=True,
                description="Its distinct values are the clusters; NULL makes one of its own.",
            ),
            Parameter(
                "num_clusters",
                "integer",
                required=True,
                description="Clusters to draw, 1 or more, or all that there are.",
            ),
            Parameter(
                "samples_per_cluster",
                "integer",
                required=False,
                description="Rows to draw in each drawn cluster, 1 or more, or all that it has.",
            ),
            Parameter(
                "sample_percentage",
                "number",
                required=False,
                description="Share of each drawn cluster's rows, above 0 and up to 100; one row "
                "at least.",
            ),
            SEED,
        ),
    ),
    MethodDescription(
        "weighted",
        "A row's inclusion probability is in proportion to its weight, nearly so in small samples "
        "(Pareto sampling); rows whose probability would reach 1 are always drawn. Rows whose "
        "weight is NULL, NaN or 0 are never drawn.",
        (
            replace(SAMPLE_SIZE, required=True),
            Parameter(
                "weight_column",
                "string",
                required=True,
                description="A column of numbers, none of them negative or infinite.",
            ),
            SEED,
        ),
    ),
)
"""Every method under every name it is accepted by, in the order they are offered."""
