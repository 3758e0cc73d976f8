"""The figures of truth values, binary values, lists, maps and structures.

Owns: their passes. Called by the profiler.
"""

from __future__ import annotations

from profiling_engine.aggregates import rows
from profiling_engine.kind_parts import BooleanFigures, Field
from profiling_engine.lengths import length_passes, lengths_of
from profiling_engine.look import Look
from profiling_engine.parts import Lengths
from profiling_engine.sources import Statement

LENGTH_OF = {"binary": "octet_length(v)", "list": "len(v)", "map": "cardinality(v)"}


def read_boolean(look: Look) -> BooleanFigures:
    """How often a column is true, and how often false."""
    totals = look.measure({"true": rows("v"), "false": rows("NOT v")})
    return BooleanFigures(totals.count("true"), totals.count("false"))


def read_lengths(look: Look) -> Lengths | None:
    """Lengths of a kind that has them."""
    length = LENGTH_OF.get(look.kind.kind)
    if length is None:
        return None
    return lengths_of(look.measure(length_passes(length, f"{length} = 0")))


def fields_of(type_: str) -> Statement:
    """The fields of a structure's type; the first two columns are name and type."""
    return f"DESCRIBE SELECT unnest(CAST(NULL AS {type_}))", []


def read_fields(look: Look) -> tuple[Field, ...] | None:
    """The fields of a structure."""
    if look.kind.kind != "struct":
        return None
    return tuple(
        Field(name, type_) for name, type_, *_ in look.run.fetch(fields_of(look.kind.column.type))
    )
