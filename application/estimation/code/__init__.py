"""A design as code of other programs: a module for each, with the parts that designs give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from application.estimation.code import python, r, sas, stata
from application.estimation.code.sample_file import SampleFile
from estimation_engine import Design
from estimation_engine.designs.code import DesignCode
from estimation_engine.replicates import ReplicateFacts

__all__ = ["PROGRAMS", "Program"]


class Program(Protocol):
    """The code of one program."""

    def design_code(self, design: Design, code: DesignCode, sample: SampleFile, /) -> str:
        """Code that declares the design of ``sample.csv``."""

    def replicate_code(
        self, design: Design, replicates: ReplicateFacts, sample: SampleFile, /
    ) -> str:
        """Code that estimates with the replicate weights of ``design.csv``."""


PROGRAMS: Mapping[str, Program] = {"r": r, "stata": stata, "sas": sas, "python": python}
