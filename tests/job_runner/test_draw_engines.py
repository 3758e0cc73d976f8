"""The choice of a draw's engine; tests/spark holds what the engines draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import composition_root
from parquet_tables.tables import TableFiles
from sampling_engine import Method, RandomMethod, StratifiedMethod, SystematicMethod, WeightedMethod
from sampling_engine.engines.spark_types import NotInSpark
from sampling_engine.filters import parse_expression
from service.draw_engines import (
    MAX_FOOTERS,
    EngineChoice,
    NoSparkServer,
    choose_engine,
)
from service.service import Service
from service.settings import Settings
from tests.sampling_engine.conftest import Workshop
from tests.sampling_engine.rounds import by, one_round


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With a Spark server that no test asks."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        memory_mb=256,
        spark_remote="sc://localhost:1",
        spark_from_mb=0,
    )
    with composition_root.running_service(settings, "tests") as running:
        yield running


@pytest.fixture(scope="module")
def workshop(service: Service) -> Workshop:
    folder = service.directory.scratch_dir / "tables"
    folder.mkdir()
    return Workshop(service.parquet, folder)


@pytest.fixture(scope="module")
def table(workshop: Workshop) -> TableFiles:
    return workshop.table_of(
        "SELECT i AS id, i % 3 AS k, TIME '08:00:00' AS opens, CAST(i AS DECIMAL(38,2)) AS wide, "
        "repeat('x', 100) || i AS text FROM range(2000) AS r(i)",
        splits=[500],
    )


def chosen(
    service: Service,
    table: TableFiles,
    method: Method,
    requested: str | None = None,
    text: str | None = None,
) -> EngineChoice:
    row_filter = None if text is None else parse_expression(text, table)
    rounds = [one_round(method, filter=row_filter)]
    return choose_engine(service, service.parquet, table, rounds, requested)


def test_spark_reads_large_draws_where_there_is_a_server(
    service: Service, table: TableFiles
) -> None:
    found = chosen(service, table, by("k", sample_size=5))
    assert (found.name, found.reason, found.files, found.scans) == ("spark", "many_bytes", 2, 2)
    # One column of the table's five, and not the long texts.
    assert 0 < (found.read_bytes or 0) < 2_000
    small = replace(service, settings=replace(service.settings, spark_from_mb=1))
    assert chosen(small, table, by("k", sample_size=5)).reason == "few_bytes"
    assert chosen(small, table, by("k", sample_size=5), "spark").reason == "requested"


@pytest.mark.parametrize("method", [RandomMethod(sample_size=5), SystematicMethod(interval=7)])
def test_a_draw_by_positions_reads_no_rows(
    service: Service, table: TableFiles, method: Method
) -> None:
    assert chosen(service, table, method).reason == "reads_no_rows"
    assert chosen(service, table, method, text="id > 7").name == "spark"


def test_types_that_spark_lacks_are_left_to_duckdb(service: Service, table: TableFiles) -> None:
    methods: list[Method] = [
        StratifiedMethod(strata_columns=("opens",), sample_size=5),
        WeightedMethod(sample_size=5, weight_column="wide"),
    ]
    for method in methods:
        found = chosen(service, table, method)
        assert (found.name, found.reason) == ("duckdb", "unsupported_type")
        with pytest.raises(NotInSpark):
            chosen(service, table, method, "spark")


def test_without_a_server_spark_is_refused(service: Service, table: TableFiles) -> None:
    without = replace(service, spark=None)
    assert chosen(without, table, by("k", sample_size=5)).reason == "no_server"
    with pytest.raises(NoSparkServer):
        chosen(without, table, by("k", sample_size=5), "spark")


def test_bytes_of_many_files_are_estimated(service: Service, table: TableFiles) -> None:
    times = 3 * MAX_FOOTERS
    one, many = (TableFiles(table.columns, table.files[1:] * count) for count in (1, times))
    found = [chosen(service, each, by("k", sample_size=5)).read_bytes for each in (one, many)]
    assert found[1] == (found[0] or 0) * times
