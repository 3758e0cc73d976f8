"""A ledger of any size with planted cases for each audit test; no other row is one.

Of each ``every`` rows some are planted, by their place among them. Rows ``2k`` and ``2k + 1`` have
one reference. Amounts are spread evenly over three orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contract.requests.audit_tests import OtherTableRequest

DUPLICATE, NEAR, REPEAT, BELOW_LIMIT, CUTOFF, WEEKEND, UNMATCHED, MISSING = (
    *(5, 11, 17, 31, 37, 41, 43, 47),
)
"""The places of planted rows."""
LIMIT_DIGITS = 98
SHIFT = 3
"""Numbers that are missing in the middle of the series."""
LEDGER = f"""
SELECT r.i AS id,
       CASE r.place WHEN {MISSING} THEN NULL WHEN {DUPLICATE} THEN 're ' || (r.i - 1)
            ELSE 'RE-' || r.i END AS invoice,
       'reference ' || r.k AS reference,
       'V-2025-' || lpad(CAST(r.i - CAST(r.place = {REPEAT} AS INTEGER)
            + CASE WHEN r.i >= {{rows}} // 2 THEN {SHIFT} ELSE 0 END AS VARCHAR), 9, '0')
            AS voucher,
       CAST(CASE WHEN r.place = {NEAR} THEN r.cents + 50
                 WHEN r.place = {BELOW_LIMIT} THEN 980000 + r.k % 9000
                 WHEN r.i % 2 = 1 THEN 3 * r.cents ELSE r.cents END AS DECIMAL(18,0)) * 0.01
            AS amount,
       CASE r.place WHEN {CUTOFF} THEN DATE '2025-06-30' WHEN {WEEKEND} THEN DATE '2025-03-08'
            ELSE r.day + CAST(CASE WHEN r.place = {NEAR} THEN 7 ELSE 0 END AS INTEGER) END
            AS posted,
       CASE r.place WHEN {CUTOFF} THEN DATE '2025-07-03' WHEN {WEEKEND} THEN DATE '2025-03-08'
            ELSE r.day + CAST(CASE WHEN r.place = {NEAR} THEN 7 ELSE 0 END AS INTEGER) END
            AS delivered,
       'text ' || hash(r.i) % 5000 AS text
FROM (
    SELECT range AS i, range // 2 AS k, range % {{every}} AS place,
           CAST(floor(10 ** (4 + 3 * ((range // 2 * 0.6180339887498949) % 1))) AS BIGINT) AS cents,
           DATE '2025-01-06' + CAST(7 * (range // 2 % 50) + range // 2 % 5 AS INTEGER) AS day
    FROM range({{rows}})
) AS r
"""
OTHER = """
SELECT range AS number, range AS id FROM range({rows}) WHERE range % {every} <> 43
UNION ALL SELECT {rows} + 7, 0
"""
CASES: Mapping[str, Mapping[str, Any]] = {
    "duplicates": {"loose_columns": ["invoice"]},
    "near_duplicates": {
        "columns": ["reference"],
        "date_column": "posted",
        "days": 7,
        "amount_column": "amount",
        "amount_difference": Decimal(1),
    },
    "gaps": {"number_column": "voucher"},
    "benford": {"amount_column": "amount", "digits": "first_two"},
    "cutoff": {
        "posting_column": "posted",
        "document_column": "delivered",
        "cutoff": "2025-06-30",
        "days": 5,
    },
    "weekend": {"date_column": "posted"},
    "unmatched": {"columns": ["id"], "other_columns": ["number"], "other": OtherTableRequest()},
}
"""The parameters with which each test finds its cases."""


@dataclass(frozen=True)
class PlantedLedger:
    """The ledger of a number of rows."""

    rows: int
    every: int

    @property
    def sql(self) -> str:
        return LEDGER.format(rows=self.rows, every=self.every)

    @property
    def other_sql(self) -> str:
        """The table with which ``unmatched`` compares it."""
        return OTHER.format(rows=self.rows, every=self.every)

    def found(self, test: str) -> set[int] | None:
        """The rows that a test finds; None of leading digits, which other rows have, too."""
        pairs = {"duplicates": DUPLICATE, "near_duplicates": NEAR}
        single = {"cutoff": CUTOFF, "weekend": WEEKEND, "unmatched": UNMATCHED}
        if test in pairs:
            return {row for i in self._planted(pairs[test]) for row in (i - 1, i)}
        if test in single:
            return set(self._planted(single[test]))
        if test == "gaps":
            middle = self.rows // 2
            beside = {row for i in self._planted(REPEAT) for row in (i - 1, i, i + 1)}
            return beside | {middle - 1, middle}
        return None

    def _planted(self, place: int) -> Iterator[int]:
        return iter(range(place, self.rows, self.every))
