"""What a scrape says, and what changed between two."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, frozenset[tuple[str, str]]]


def series(name: str, **labels: str) -> Series:
    """The key of one series."""
    return name, frozenset(labels.items())


def scraped(client: httpx.Client) -> dict[Series, float]:
    """Every series of the server with its value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        series(sample.name, **sample.labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def changes(
    before: Mapping[Series, float], after: Mapping[Series, float], prefix: str
) -> dict[Series, float]:
    """By how much each counter under a prefix moved; those that did not are left out."""
    return {
        key: value - before.get(key, 0)
        for key, value in after.items()
        if key[0].startswith(prefix)
        and not key[0].endswith(("_bucket", "_sum"))
        and value != before.get(key, 0)
    }


def scraped_until(client: httpx.Client, key: Series, value: float) -> dict[Series, float]:
    """A scrape once a series has a value: a count after a response can be late."""
    end = time.monotonic() + 20
    while (seen := scraped(client)).get(key) != value:
        assert time.monotonic() < end, f"{key} is {seen.get(key)}, not {value}"
        time.sleep(0.01)
    return seen
