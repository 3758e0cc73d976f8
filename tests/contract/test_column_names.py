"""No name of a user's column is taken for one of ours, in any statement."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from service.settings import Settings
from tests.contract.name_clashes import (
    AMOUNT,
    AWKWARD,
    MARKER,
    NUMBER,
    ROWS,
    Asked,
    content,
    differences,
    parsed,
    recorded,
    unqualified,
    words_in_use,
)
from tests.support.live_server import LiveServer, live_server
from tests.support.nightly import amount

LONGER = (
    "k0",
    "c0",
    "h0",
    "value",
    "values",
    "block",
    "pattern",
    "patterns",
    "long",
    "weight",
    "unit",
    "missing",
)
"""Beside the shortest words, those that reports use; a report of all would take long."""


@dataclass(frozen=True)
class Tables:
    """The same values under plain names and under every word of our statements."""

    plain: Asked
    awkward: Asked
    few: tuple[Asked, Asked]
    queries: list[exp.Expression]
    folder: Path

    def differences(
        self, ask: Callable[[Asked], Iterable[Any]], *, of_few: bool = False
    ) -> list[str]:
        """Where the answers differ by more than the names; ``of_few``: in short words alone."""
        plain, awkward = self.few if of_few else (self.plain, self.awkward)
        names = dict(zip(plain.names, awkward.names, strict=True))
        return differences(list(ask(plain)), list(ask(awkward)), names)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    folder = tmp_path_factory.mktemp("names")
    settings = Settings(
        data_dir=folder / "data",
        workers=2,
        memory_mb=512,
        compare_samples=False,  # those that are requested are compared
    )
    with live_server(settings) as server:
        databases = (server.service.parquet, server.service.parquet_long)
        with recorded(*databases) as statements:
            everything(imported(server, plain_names(8)), folder)
        queries = parsed(statements)
        words = [*words_in_use(queries), *AWKWARD]
        short = [word for word in words if len(word) < 2 or word in (*LONGER, *AWKWARD)]
        all_words, few_words = (
            (imported(server, plain_names(len(some))), imported(server, some))
            for some in (words, short)
        )
        yield Tables(*all_words, few_words, queries, folder)


def plain_names(count: int) -> list[str]:
    return [f"{MARKER}{at}" for at in range(count)]


def imported(server: LiveServer, names: list[str]) -> Asked:
    """A new dataset with a table of these columns, as they are named after the import."""
    dataset_id = server.new_dataset()
    job = server.import_text(dataset_id, content(names))
    assert job["status"] == "completed", job
    path = f"/api/datasets/{dataset_id}/refs/main/tables/primary/schema"
    columns = server.admin.get(path).json()["columns"]
    return Asked(server, dataset_id, [column["name"] for column in columns])


def everything(asked: Asked, folder: Path) -> None:
    """Run every statement once."""
    list(asked.pages())
    list(asked.files(folder))
    list(asked.draws())
    list(asked.comparisons())
    list(asked.menus())
    assert len(asked.row_diff()) == ROWS
    asked.profile(asked.names)
    asked.report()


def test_each_reference_beside_user_columns_is_qualified(tables: Tables) -> None:
    assert len(tables.queries) > 100
    assert not [one for query in tables.queries for one in unqualified(query, MARKER)]


def test_the_words_in_use_are_column_names(tables: Tables) -> None:
    names = {name.lower() for name in tables.awkward.names}
    assert {"v", "k", "place", "value", "bytes_so_far", "ordinal", "select", "f", "c0"} <= names
    assert len(names) > 150


def test_pages_and_files_are_the_same_under_any_names(tables: Tables) -> None:
    assert not tables.differences(Asked.pages)
    assert not tables.differences(lambda asked: asked.files(tables.folder))


def test_any_column_can_be_filtered_and_sorted_by(tables: Tables) -> None:
    for at in range(0, len(tables.few[0].names), amount(24, 8)):
        assert not tables.differences(lambda asked, at=at: asked.pages(at, at), of_few=True)  # type: ignore[misc]


def test_draws_are_the_same_under_any_names(tables: Tables) -> None:
    assert not tables.differences(Asked.draws, of_few=True)
    assert not tables.differences(Asked.comparisons, of_few=True)


def test_profiles_are_the_same_under_any_names(tables: Tables) -> None:
    assert not tables.differences(Asked.menus)
    assert not tables.differences(lambda asked: [asked.report()], of_few=True)


def test_sql_reads_the_same_under_any_names(tables: Tables) -> None:
    assert not tables.differences(lambda asked: [asked.queried("main", "primary")])


def test_json_and_parquet_files_keep_any_names(tables: Tables) -> None:
    awkward = tables.few[1]
    server = awkward.server
    table = awkward.get(f"{awkward.table}/data")
    objects = "\n".join(json.dumps(row) for row in table["data"]).encode()
    parquet = awkward.get(f"{awkward.table}/data", format="parquet", limit=len(table["data"]))
    for name, file in (("table.ndjson", objects), ("table.parquet", parquet)):
        dataset_id = server.new_dataset()
        job = server.import_text(dataset_id, file, name)
        assert job["status"] == "completed", job
        again = Asked(server, dataset_id, awkward.names)
        assert again.get(f"{again.table}/data")["data"] == table["data"], name


def test_roles_are_of_the_kinds_that_draws_need(tables: Tables) -> None:
    types = [
        tables.plain.server.admin.get(f"{one.table}/schema").json()["columns"][at]["type"]
        for one in (tables.plain, tables.awkward)
        for at in (NUMBER, AMOUNT)
    ]
    assert types == ["BIGINT", "DOUBLE"] * 2
