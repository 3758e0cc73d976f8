"""A request for each audit test, and the table that they test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TESTED_ROWS = {
    "sql": "SELECT DATE '2025-01-04' AS day, DATE '2025-01-05' AS dated, 'RE-1' AS number, "
    "1.50 AS amount",
    "output_name": "tested",
}
"""The query whose result they test."""
OF_TESTED_ROWS = {"source_ref": "expl-tested", "table_key": "result"}

AUDIT_TEST_BODIES: Mapping[str, Mapping[str, Any]] = {
    name: {**OF_TESTED_ROWS, **body}
    for name, body in {
        "duplicates": {"columns": ["number"]},
        "near_duplicates": {
            "columns": ["number"],
            "amount_column": "amount",
            "amount_difference": "0.5",
        },
        "gaps": {"number_column": "number"},
        "benford": {"amount_column": "amount"},
        "cutoff": {
            "posting_column": "day",
            "document_column": "dated",
            "cutoff": "2025-01-04",
            "days": 3,
        },
        "weekend": {"date_column": "day"},
        "unmatched": {
            "columns": ["day"],
            "other": OF_TESTED_ROWS,
            "other_columns": ["dated"],
        },
    }.items()
}
