"""Which folders belong to a table format, and how often a folder is listed for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from import_engine.sources.reading import table_format_of
from import_engine.sources.uris import SourceUri, parse_uri

LOGS = {"s3://lake/2025/delta/_delta_log/": ["0.json"], "s3://lake/_delta_log/": ["0.json"]}


def test_folders_below_the_prefix_are_listed_once() -> None:
    listed: list[str] = []
    plain: set[SourceUri] = set()

    def names(folder: SourceUri) -> Iterator[str]:
        listed.append(str(folder))
        yield from LOGS.get(str(folder), [])

    def found(uri: str) -> str | None:
        format_ = table_format_of(replace(parse_uri(uri), allowed=1), names, plain)
        return None if format_ is None else format_[0].name

    assert found("s3://lake/2025/delta/region=AT/") == "a Delta table"
    assert found("s3://lake/2025/a/x/") is None
    before = len(listed)
    assert found("s3://lake/2025/a/y/") is None
    assert {folder.rsplit("/", 2)[0] for folder in listed[before:]} == {"s3://lake/2025/a/y"}
    assert not [folder for folder in listed if folder == "s3://lake/_delta_log/"]
