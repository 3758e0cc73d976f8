"""Values cached for one version of the database."""

from __future__ import annotations

from application.access import VersionedCache


def test_a_value_is_for_one_version() -> None:
    cache = VersionedCache[str](10)
    cache.put(2, "key", "two")
    assert cache.get(2, "key") == "two"
    assert cache.get(2, "other") is None
    assert cache.get(3, "key") is None
    cache.put(3, "other", "three")
    assert cache.get(3, "key") is None
    assert cache.get(2, "key") is None


def test_the_oldest_value_is_dropped() -> None:
    cache = VersionedCache[str](2)
    for number in range(3):
        cache.put(1, number, "value")
    assert [cache.get(1, number) for number in range(3)] == [None, "value", "value"]


def test_a_slow_value_replaces_no_newer_one() -> None:
    cache = VersionedCache[str](2)
    cache.put(3, "key", "three")
    cache.put(2, "slow", "two")
    assert (cache.get(3, "key"), cache.get(2, "slow")) == ("three", None)
