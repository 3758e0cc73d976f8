"""Draws of every method, option and draw version from one table, and their digests.

``python -m tests.sampling_engine.known_draws`` records the digests of draws that are new here; a
recorded draw never changes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract.requests.draw import DRAW_VERSION, FIRST_DRAW_VERSION
from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from sampling_engine import Round
from sampling_engine.methods import method_class, method_from_json
from tests.sampling_engine.conftest import Workshop

RECORDED = Path(__file__).parent / "known_draws.txt"
VERSIONS = range(FIRST_DRAW_VERSION, DRAW_VERSION + 1)
SEED = 42
TABLE = (
    "SELECT i AS id, CASE WHEN i % 400 = 9 THEN 'c' WHEN i % 10 < 6 THEN 'a' "
    "WHEN i % 10 < 9 THEN 'b' END AS city, i // 25 AS block, i * 7919 % 1009 + 0.25 AS weight, "
    "CAST((i * 104729 % 10007 - 500) / 100 AS DECIMAL(12, 2)) AS amount, "
    "CASE WHEN i % 10 < 6 THEN 1.0 ELSE 4.0 END AS cost FROM range(2000) AS r(i)"
)
SCORED = TABLE.replace(
    " FROM range", ", CASE WHEN i % 97 > 0 THEN i * 7919 % 1009 / 1008 END AS score FROM range"
)
"""The table of draws by uncertainty: with probabilities, and without one in 21 rows."""
STRATA = {"strata_columns": ["city"]}
BLOCKS = {"cluster_column": "block", "num_clusters": 6}
HALVES = {"strata_columns": [{"column": "id", "breaks": [1000]}]}
PARTS = {"train": 0.8, "validation": 0.1, "test": 0.1}
BOOK = {"book_column": "amount"}
BY_SCORE = {
    "strata_columns": [
        {"column": "score", "breaks": [0.5, 0.9], "labels": ["low", "middle", "high"]}
    ]
}
SCORE = {"weight_column": "score", "uncertainty": True}
DRAWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("random", {"sample_size": 40}),
    ("random", {"sample_size": 40, "seed": "a text"}),
    ("random", {"sample_fraction": 0.015}),
    ("reservoir", {"sample_size": 40}),
    ("systematic", {"interval": 50}),
    ("systematic", {"interval": 50, "start": 7}),
    ("systematic", {"sample_size": 30}),
    ("systematic", {"interval": 50, "sort_columns": ["city", "amount"]}),
    (
        "systematic",
        {"sample_size": 30, "sort_columns": ["city", "block"], "sort_order": "nested"},
    ),
    ("weighted", {"weight_column": "weight", "sample_size": 30, "selection": "systematic"}),
    ("stratified", {**STRATA, "sample_size": 40}),
    ("stratified", {**STRATA, "sample_fraction": 0.02, "min_per_stratum": 2}),
    ("stratified", {**STRATA, "samples_per_stratum": 5}),
    ("stratified", {**STRATA, "sample_size": 40, "allocation": "equal"}),
    (
        "stratified",
        {**STRATA, "sample_size": 40, "allocation": "neyman", "allocation_column": "weight"},
    ),
    (
        "stratified",
        {
            **STRATA,
            "sample_size": 40,
            "allocation": "optimal",
            "allocation_column": "weight",
            "cost_column": "cost",
        },
    ),
    ("stratified", {**STRATA, "sizes": {"a": 9, "b": 4, "c": 3}}),
    (
        "stratified",
        {"strata_columns": ["city", {"column": "weight", "breaks": [300]}], "sample_size": 40},
    ),
    (
        "stratified",
        {**BY_SCORE, "sample_size": 60, "allocation": "neyman", "rate_column": "score"},
    ),
    (
        "stratified",
        {
            **BY_SCORE,
            "sample_size": 60,
            "allocation": "recall",
            "rates": {"low": 0.01, "middle": 0.1, "high": 0.6, "NULL": 0.2},
            "flagged": ["high"],
        },
    ),
    ("stratified", {**BY_SCORE, "sample_size": 60, "take_all": ["high", "NULL"]}),
    (
        "stratified",
        {
            **STRATA,
            "sample_size": 40,
            "allocation": "amount",
            "allocation_column": "weight",
            "take_all": ["c"],
        },
    ),
    ("cluster", BLOCKS),
    ("cluster", {**BLOCKS, "samples_per_cluster": 4}),
    ("cluster", {**BLOCKS, "sample_percentage": 20}),
    ("cluster", {**BLOCKS, **HALVES, "samples_per_cluster": 4}),
    ("cluster", {**BLOCKS, **HALVES, "cluster_allocation": "proportional"}),
    ("cluster", {**BLOCKS, "cluster_probability": "rows", "samples_per_cluster": 4}),
    (
        "cluster",
        {**BLOCKS, **HALVES, "cluster_probability": "size", "size_column": "weight"},
    ),
    (
        "cluster",
        {**BLOCKS, "subcluster_column": "city", "num_subclusters": 2, "samples_per_cluster": 3},
    ),
    ("weighted", {"weight_column": "weight", "sample_size": 40}),
    (
        "weighted",
        {
            "weight_column": "weight",
            "sample_size": 40,
            "selection": "systematic",
            "sort_columns": ["city", "amount"],
            "sort_order": "nested",
        },
    ),
    ("weighted", {**SCORE, "sample_size": 40}),
    (
        "weighted",
        {**SCORE, "sample_size": 40, "uncertainty_floor": 0.2, "uncertainty_missing": "floor"},
    ),
    ("weighted", {**SCORE, "sample_size": 40, "selection": "systematic"}),
    ("monetary_unit", {**BOOK, "sample_size": 30}),
    ("monetary_unit", {**BOOK, "interval": 2500}),
    ("monetary_unit", {**BOOK, "sample_size": 30, "selection": "cell"}),
    ("monetary_unit", {**BOOK, "sample_size": 30, "selection": "random"}),
    ("monetary_unit", {**BOOK, "sample_size": 30, "population": "absolute"}),
    ("monetary_unit", {**BOOK, "sample_size": 3, "population": "negative"}),
    ("monetary_unit", {**BOOK, "sample_size": 30, "order": "file"}),
    ("split", {"parts": PARTS, "group": "block"}),
    ("split", {"parts": PARTS, "group": "id", **STRATA, "exact": True}),
)
"""Method and parameters. Two rounds by one seed are drawn of each, so that versions differ; of a
method that divides all rows one."""


def known_draws(workshop: Workshop) -> Iterator[str]:
    """Draw each of them, and write it as a line: method, version, parameters, rows, digest."""
    plain, scored = (workshop.table_of(query, splits=[700]) for query in (TABLE, SCORED))
    for name, parameters in DRAWS:
        table = scored if '"score"' in json.dumps(parameters) else plain
        for version in VERSIONS:
            rows = _rows(workshop, table, name, parameters, version)
            digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
            written = json.dumps(parameters, sort_keys=True)
            yield f"{name} version {version} {written}: {len(rows)} rows {digest}"


def _rows(
    workshop: Workshop, table: TableFiles, name: str, parameters: dict[str, Any], version: int
) -> list[str]:
    """The rows with all their columns, probabilities to 12 digits."""
    rounds = [
        Round(
            round_number=number,
            method=method_from_json(name, parameters),
            seed=parameters.get("seed", SEED),
            draw_version=version,
        )
        for number in ((1,) if method_class(name).divides else (1, 2))
    ]
    return [
        "|".join(f"{value:.12g}" if isinstance(value, float) else str(value) for value in row)
        for row in workshop.rows(workshop.draw(table, *rounds).table)
    ]


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as root,
        ParquetDatabase(Path(root), Path(root) / "spill", memory_mb=512, threads=2) as database,
    ):
        lines = list(known_draws(Workshop(database, Path(root))))
    RECORDED.write_text("\n".join(lines) + "\n", encoding="utf-8")
