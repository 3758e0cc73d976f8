"""Simple random sampling without replacement; ``reservoir`` is another name for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from parquet_tables.progress import ProgressCallback
from sampling_engine.grouped_round import GroupedRound
from sampling_engine.methods.method import NO_ROW, Method, total_size
from sampling_engine.methods.parameters import SAMPLE_FRACTION, SAMPLE_SIZE, SEED, MethodDeclaration
from sampling_engine.rounds import DrawState, Prepared
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import Strata
from sampling_engine.spec import Round

SIZES = " Give either `sample_size` or `sample_fraction`."


@dataclass(frozen=True, kw_only=True)
class RandomMethod(Method):
    """Simple random sampling without replacement: the first rows of the seeded order."""

    sample_size: int | None = None
    sample_fraction: float | None = None
    name: str = "random"

    declaration: ClassVar = MethodDeclaration(
        name="random",
        description="Every set of rows of the sample's size is equally likely." + SIZES,
        parameters=(SAMPLE_SIZE, SAMPLE_FRACTION, SEED),
        exactly_one_of=(("sample_size", "sample_fraction"),),
    )
    other_names: ClassVar = {
        "reservoir": "Another name for random: the same seed draws the same rows." + SIZES
    }
    reads_rows: ClassVar = False

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """The method under the name that the request used."""
        return cls(name=name, **parameters)

    def prepare(
        self,
        state: DrawState,
        round_spec: Round,
        strata: Strata,
        eligible: Int64s,
        on_progress: ProgressCallback,
    ) -> GroupedRound:
        """One stratum of all eligible rows."""
        rows = int(eligible.sum())
        total, warnings = 0, [NO_ROW]
        if rows:
            total, warnings = total_size(self.sample_size, self.sample_fraction, rows)
        sizes = np.array([total], dtype=np.int64)
        return GroupedRound(Prepared(round_spec, strata, eligible, sizes, warnings))
