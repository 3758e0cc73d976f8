"""Simple random sampling without replacement; ``reservoir`` is another name for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from parquet_tables.progress import ProgressCallback
from sampling_engine.methods.grouped_round import GroupedRound
from sampling_engine.methods.method import NO_ROW, EligibleRows, Method, least_left, total_size
from sampling_engine.methods.parameters import SampleFraction, SampleSize
from sampling_engine.selection.order import Int64s

SIZES = " Give either `sample_size` or `sample_fraction`."


class RandomMethod(Method):
    """Simple random sampling without replacement: the first rows of the seeded order."""

    sample_size: SampleSize = None
    sample_fraction: SampleFraction = None
    name: str = "random"

    key: ClassVar = "random"
    title: ClassVar = "Equal probability"
    description: ClassVar = "Every set of rows of the sample's size is equally likely." + SIZES
    exactly_one_of: ClassVar = (("sample_size", "sample_fraction"),)
    other_names: ClassVar = {
        "reservoir": "Another name for random: the same seed draws the same rows." + SIZES
    }
    reads_rows: ClassVar = False
    draws_from_list: ClassVar = True
    equal_chances: ClassVar = True
    has_stages: ClassVar = True

    @property
    def includes_smaller(self) -> bool:
        return True

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """The method under the name that the request used."""
        return cls(name=name, **parameters)

    def always_draws(self, eligible: EligibleRows, taken: Int64s) -> NDArray[np.bool_]:
        """Unless the fraction of the rows that are left rounds to none."""
        left = int(least_left(eligible.counts, taken).sum())
        size, _ = total_size(self.sample_size, self.sample_fraction, left)
        return np.array([size > 0])

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> GroupedRound:
        """One stratum of all eligible rows."""
        size, warnings = 0, [NO_ROW]
        if eligible.total:
            size, warnings = total_size(self.sample_size, self.sample_fraction, eligible.total)
        return GroupedRound(eligible.prepared(np.array([size], dtype=np.int64), warnings))
