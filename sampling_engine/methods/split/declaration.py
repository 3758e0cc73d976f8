"""The method ``split``: its parameters, and what others ask of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Self

from contract.declarations import Help, Initial, Option, Title
from contract.fields import SHARE, BandedColumn, Flag, GroupColumn, Items, Mapped
from domain_errors import Loc
from parquet_tables.progress import ProgressCallback
from parquet_tables.row_keys.canonical import InvalidKey, can_be_in_key
from parquet_tables.row_keys.digests import RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.errors import InvalidMethod, InvalidSize
from sampling_engine.methods.method import EligibleRows, Method, PlannedBy, RoundDraw
from sampling_engine.methods.parameters import strata_columns
from sampling_engine.methods.split.round import prepared_split
from sampling_engine.methods.split.rule import SplitRule, exact_share
from sampling_engine.selection.bands import Bands

MOST_PARTS = 20
LONGEST_NAME = 50
SUM_TOLERANCE = Fraction(1, 10**6)
"""Shares such as 0.333333 three times add up to 1."""
RESERVED_NAMES = frozenset({"primary", "sample", "residual", "result", "reserves"})
"""Tables of other meanings."""
PART_NAME = re.compile(r"\w[\w-]*")


class SplitMethod(Method):
    """Every eligible row in one of several parts, by the digest of its key or its group."""

    parts: Annotated[
        Mapping[str, float],
        Mapped(SHARE, most=MOST_PARTS, least=2, metavar="NAME=SHARE"),
        Option("--part"),
        Help(
            "The share of each part, such as 0.8 or 80%, by its name; they add up to 1. The names "
            "are those of the tables, and of the values in _part."
        ),
        Initial({"train": 0.8, "validation": 0.1, "test": 0.1}),
    ]
    group: Annotated[
        str | None,
        GroupColumn(),
        Title("Keep together"),
        Help("Rows with one value in this column are in one part; every row needs a value."),
    ] = None
    strata_columns: Annotated[
        tuple[str | Bands, ...] | None,
        Items(BandedColumn(), most=50, least=1),
        Option("--strata"),
        Title("Groups by"),
        Help(
            "Columns by whose values the parts are compared; with `exact` and without `group` each "
            "value is divided by the shares."
        ),
    ] = None
    exact: Annotated[
        bool,
        Flag(),
        Title("Exact shares"),
        Help("Parts of exactly these shares; rows may then move when the table grows."),
    ] = False

    key: ClassVar = "split"
    title: ClassVar = "Split into parts"
    description: ClassVar = (
        "Every row in one of several parts, each a table. A row's part follows from its key, or "
        "from its group, so that rows don't move when the table grows."
    )
    exactly_one_of: ClassVar = (("parts",),)
    size_parameter: ClassVar = "parts"
    planned_by: ClassVar[PlannedBy | None] = None
    has_margin_of_error: ClassVar = False
    equal_chances: ClassVar = True
    divides: ClassVar = True

    @property
    def no_certificate(self) -> str:
        """Its parts aren't samples."""
        return (
            "A split has no certificate: it draws no sample. Anyone can compute the part of a row "
            "from its key and the seed, as docs/SPLIT.md shows."
        )

    @classmethod
    def from_json(cls, name: str, parameters: Mapping[str, Any]) -> Self:
        """The method; without `exact` its shares aren't exact."""
        return super().from_json(name, {**parameters, "exact": bool(parameters.get("exact"))})

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the parts, in the order of the request."""
        return tuple(self.parts)

    @property
    def needs_order(self) -> bool:
        """Rows have keys, unless the groups have."""
        return self.group is None

    @property
    def no_reserves(self) -> str | None:
        """Every row is in a part."""
        return "A split has no reserves: every row is in a part."

    def check_combination(self, loc: Loc) -> None:
        """Two parts or more with names of tables, whose shares add up to 1."""
        at = (*loc, "parts")
        if len(self.parts) < 2:
            raise InvalidSize(
                'A split has two parts or more, such as {"train": 0.8, "test": 0.2}.', loc=at
            )
        names: set[str] = set()
        for name, share in self.parts.items():
            _check_name(name, names, (*at, name))
            if not 0 < share < 1:
                raise InvalidSize(SHARE.refusal or "", loc=(*at, name))
        total = sum(map(exact_share, self.parts.values()), Fraction(0))
        if abs(total - 1) > SUM_TOLERANCE:
            raise InvalidSize(
                "The shares of the parts add up to {total}, not to 1.",
                total=f"{float(total):.6g}",
                loc=at,
            )

    def check(self, table: TableFiles, loc: Loc) -> None:
        """As every method; the group's values need a canonical text."""
        super().check(table, loc)
        if self.group is not None:
            column = table.column(self.group, (*loc, "group"))
            if not can_be_in_key(column):
                raise InvalidKey(
                    'Rows can\'t be kept together by "{column}", of type {type}: choose integers, '
                    "decimals, texts, dates, timestamps, booleans or UUIDs.",
                    column=column.name,
                    type=column.type,
                    loc=(*loc, "group"),
                )

    def orders_rows(self, key: RowKey) -> bool:
        """Unless groups are divided, or rows of one key belong together."""
        return self.group is None and key.duplicates == "refuse"

    def group_columns(self, table: TableFiles, loc: Loc = ()) -> tuple[Column, ...]:
        """The columns of the strata."""
        if self.strata_columns is None:
            return ()
        return strata_columns(table, self.strata_columns, (*loc, "strata_columns"))

    def prepare(self, eligible: EligibleRows, on_progress: ProgressCallback) -> RoundDraw:
        """Find the part of each row."""
        rule = SplitRule(self.parts, self.group, self.exact)
        return prepared_split(rule, eligible, on_progress)


def _check_name(name: str, names: set[str], loc: Loc) -> None:
    """Refuse a name that no table has, and one that differs from another in case alone."""
    if not PART_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InvalidMethod(
            'A part\'s name has letters, digits, "_" and "-", up to {maximum} characters, and '
            'begins with a letter or digit: not "{name}".',
            maximum=LONGEST_NAME,
            name=name[:60],
            loc=loc,
        )
    if name.lower() in RESERVED_NAMES:
        raise InvalidMethod('A part can\'t be called "{name}".', name=name, loc=loc)
    if name.lower() in names:
        raise InvalidMethod('The part "{name}" is named twice.', name=name, loc=loc)
    names.add(name.lower())
