"""A fault in a round's parameters is refused before a job exists, and said to be where it is."""

from __future__ import annotations

import pytest

from domain_errors import DomainError
from sampling_engine import (
    ClusterMethod,
    Method,
    RandomMethod,
    SystematicMethod,
    WeightedMethod,
    check_rounds,
)
from tests.sampling_engine.checked_table import TABLE
from tests.sampling_engine.rounds import by, one_round


@pytest.mark.parametrize(
    ("method", "code", "place", "message"),
    [
        (RandomMethod(), "invalid_size", (), "Give one of sample_size, sample_fraction."),
        (RandomMethod(sample_size=0), "invalid_size", ("sample_size",), "1 or more"),
        (RandomMethod(sample_size=-5), "invalid_size", ("sample_size",), "1 or more"),
        (RandomMethod(sample_size=1 << 62), "invalid_size", ("sample_size",), "up to"),
        (RandomMethod(sample_fraction=0.0), "invalid_size", ("sample_fraction",), "above 0"),
        (RandomMethod(sample_fraction=1.01), "invalid_size", ("sample_fraction",), "up to 1"),
        (RandomMethod(sample_fraction=float("nan")), "invalid_size", ("sample_fraction",), "up"),
        (
            RandomMethod(sample_size=1, sample_fraction=0.5),
            "invalid_size",
            ("sample_fraction",),
            "only one of",
        ),
        (by("City"), "invalid_size", (), "samples_per_stratum"),
        (
            by("City", sample_size=4, samples_per_stratum=1),
            "invalid_size",
            ("samples_per_stratum",),
            "only one",
        ),
        (by("City", samples_per_stratum=0), "invalid_size", ("samples_per_stratum",), "1 or more"),
        (
            by("City", sample_size=4, min_per_stratum=-1),
            "invalid_size",
            ("min_per_stratum",),
            "0 or more",
        ),
        (
            by("City", samples_per_stratum=2, min_per_stratum=3),
            "invalid_size",
            ("min_per_stratum",),
            "more than samples_per_stratum 2",
        ),
        (by(sample_size=4), "invalid_strata_columns", ("strata_columns",), "at least one"),
        (
            by("City", "town", sample_size=4),
            "unknown_column",
            ("strata_columns", 1),
            'no column "town"',
        ),
        (by("citty", sample_size=4), "unknown_column", ("strata_columns", 0), "Did you mean"),
        (
            by("City", "price", "CITY", sample_size=4),
            "invalid_strata_columns",
            ("strata_columns", 2),
            '"City" is named twice',
        ),
        (by("City", sizes={}), "invalid_size", ("sizes",), "no stratum a row"),
        (by("City", sizes={"a": 0}), "invalid_size", ("sizes",), "no stratum a row"),
        (by("City", sizes={"a": 1, "b": -1}), "invalid_size", ("sizes", "b"), "0 or more"),
        (by("City", sizes={"a": 1}, sample_size=4), "invalid_size", ("sizes",), "only one"),
        (
            by("City", sizes={"a": 1}, min_per_stratum=1),
            "invalid_size",
            ("min_per_stratum",),
            "can't be combined with sizes",
        ),
        (
            by("City", samples_per_stratum=1, allocation="equal"),
            "invalid_parameter",
            ("allocation",),
            "can't be combined with samples_per_stratum",
        ),
        (
            by("City", sample_size=4, allocation="fair"),
            "invalid_parameter",
            ("allocation",),
            "one of proportional",
        ),
        (
            by("City", sample_size=4, allocation="neyman"),
            "invalid_parameter",
            ("allocation_column",),
            "needs allocation_column",
        ),
        (
            by("City", sample_size=4, allocation="optimal", allocation_column="price"),
            "invalid_parameter",
            ("cost_column",),
            "needs cost_column",
        ),
        (
            by("City", sample_size=4, cost_column="price"),
            "invalid_parameter",
            ("cost_column",),
            "can't be combined with allocation proportional",
        ),
        (
            by("City", sample_size=4, allocation="neyman", allocation_column="mood"),
            "invalid_parameter",
            ("allocation_column",),
            "needs a column of numbers",
        ),
        (SystematicMethod(), "invalid_size", (), "Give one of interval, sample_size"),
        (SystematicMethod(interval=2, sample_size=2), "invalid_size", ("sample_size",), "only"),
        (SystematicMethod(interval=0), "invalid_size", ("interval",), "1 or more"),
        (SystematicMethod(interval=5, start=6), "invalid_size", ("start",), "1 to 5, the interval"),
        (SystematicMethod(interval=5, start=0), "invalid_size", ("start",), "1 or more"),
        (
            SystematicMethod(sample_size=5, start=1),
            "invalid_parameter",
            ("start",),
            "needs interval",
        ),
        (
            ClusterMethod(cluster_column="City", num_clusters=0),
            "invalid_size",
            ("num_clusters",),
            "1 or more",
        ),
        (
            ClusterMethod(cluster_column="town", num_clusters=1),
            "unknown_column",
            ("cluster_column",),
            "town",
        ),
        (
            ClusterMethod(cluster_column="tags", num_clusters=1),
            "invalid_strata_columns",
            ("cluster_column",),
            "make no clusters",
        ),
        (
            ClusterMethod(
                cluster_column="City", num_clusters=1, samples_per_cluster=1, sample_percentage=5
            ),
            "invalid_size",
            ("sample_percentage",),
            "only one",
        ),
        (
            ClusterMethod(cluster_column="City", num_clusters=1, sample_percentage=100.5),
            "invalid_size",
            ("sample_percentage",),
            "up to 100",
        ),
        (
            WeightedMethod(sample_size=0, weight_column="price"),
            "invalid_size",
            ("sample_size",),
            "1 or more",
        ),
        (
            WeightedMethod(sample_size=1, weight_column="City"),
            "invalid_parameter",
            ("weight_column",),
            "needs a column of numbers",
        ),
        (
            WeightedMethod(sample_size=1, weight_column="prices"),
            "unknown_column",
            ("weight_column",),
            "Did you mean",
        ),
        *(
            (
                by("City", name, sample_size=4),
                "invalid_strata_columns",
                ("strata_columns", 1),
                "make no strata",
            )
            for name in ("tags", "point", "triple", "while", "map")
        ),
    ],
)
def test_a_fault_names_its_parameter(
    method: Method, code: str, place: tuple[str | int, ...], message: str
) -> None:
    good = one_round(RandomMethod(sample_size=1))
    with pytest.raises(DomainError) as caught:
        check_rounds(TABLE, [good, one_round(method, number=2)])
    assert caught.value.code == code
    assert caught.value.loc == ("rounds", 1, "parameters", *place)
    assert message in caught.value.message
