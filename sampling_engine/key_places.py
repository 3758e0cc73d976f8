"""The places of rows in a keyed order: the texts of their keys, digests and ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated

import numpy as np

from contract.answers import Hidden
from contract.declarations import Help
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.quoting import quote_identifier
from parquet_tables.row_keys.canonical import digest_of_text, value_text
from parquet_tables.rows import RowSet, rows_at
from sampling_engine.engines.engine import DrawState
from sampling_engine.methods.method import Round
from sampling_engine.selection.keyed import SIZE, DigestRanks, shift_of
from sampling_engine.selection.order import Int64s
from sampling_engine.spec import KeyedOrder

START_DIGITS = 10_000


@dataclass(frozen=True)
class KeyPlace:
    """The place of a row, or of its cluster, in a keyed order."""

    columns: Annotated[list[str], Help("The columns of the key.")]
    values: Annotated[list[str], Help("Their canonical texts.")]
    number: Annotated[int | None, Help("Of rows with equal keys: its number, from 2; else null.")]
    digest: str
    start: str
    rank: Annotated[str, Help("From the start.")]
    starts: Hidden[Mapping[str, Fraction]]

    def in_stratum(self, label: str | None) -> KeyPlace:
        """The place in a stratum, which may have a start of its own."""
        start = self.starts.get(label or "")
        if start is None:
            return self
        moved = shift_of(start) - shift_of(Fraction(self.start))
        rank = (int(self.rank) - moved) % SIZE
        return replace(self, start=decimal_text(start), rank=str(rank))

    @property
    def sentence(self) -> str:
        """The place in words."""
        numbered = f" (number {self.number:,} of this key)" if self.number else ""
        shown = ", ".join(self.values)
        start = f" from {self.start}" if self.start != "0" else ""
        return (
            f"In the order of {', '.join(self.columns)}, its key {shown}{numbered} has the digest "
            f"{self.digest} and the rank {self.rank}{start}."
        )


def key_places(
    state: DrawState, round_spec: Round, keyed: KeyedOrder, ordinals: Int64s
) -> dict[int, KeyPlace]:
    """The places of rows in the order of a round, by their ordinals; of rows that have a key."""
    columns = keyed.key.of(state.table)
    texts = [
        f"{value_text(column, f'f.{quote_identifier(column.name)}')} AS k{at}"
        for at, column in enumerate(columns)
    ]
    wanted = RowSet.of("wanted", ordinals)
    source, params = rows_at(state.table, ", ".join(texts), wanted, ["ordinal"])
    names = ", ".join(f"k{at}" for at in range(len(columns)))
    with registered(state.cursor, {"wanted": {"ordinal": ordinals}}):
        rows = state.cursor.execute(f"SELECT ordinal, {names} FROM ({source})", params).fetchall()
    numbers = np.array([row[0] for row in rows], dtype=np.int64)
    own: list[int | None] = [None] * len(rows)
    if round_spec.method.orders_rows(keyed.key):
        own = list(state.digests_of(keyed.key, loc=round_spec.key_loc).of(numbers).tolist())
    ranks, start = DigestRanks(round_spec.effective_seed, keyed.start), decimal_text(keyed.start)
    places: dict[int, KeyPlace] = {}
    for (ordinal, *values), digest in zip(rows, own, strict=True):
        if None in values:
            continue
        text = "".join(f"{len(value.encode())}:{value}" for value in values)
        plain = digest_of_text(text)
        number = None if digest is None else _number_of(text, plain, digest)
        found = plain if digest is None else digest
        rank = int(ranks.of(np.array([found]))[0])
        shown = [column.name for column in columns]
        places[ordinal] = KeyPlace(
            shown, list(values), number, str(found), start, str(rank), keyed.starts
        )
    return places


def _number_of(text: str, plain: int, digest: int) -> int | None:
    """The number with which a key's text has the digest; None for the key itself."""
    number = 1
    while digest != plain:
        number += 1
        plain = digest_of_text(f"{text}{len(str(number))}:{number}")
    return None if number == 1 else number


def decimal_text(start: Fraction) -> str:
    """A decimal fraction in plain digits.

    >>> decimal_text(Fraction(1, 4)), decimal_text(Fraction(0))
    ('0.25', '0')
    """
    exact = Context(START_DIGITS).divide(Decimal(start.numerator), Decimal(start.denominator))
    return f"{exact:f}"
