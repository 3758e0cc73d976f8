"""Values cached for one version of the database."""

from __future__ import annotations

from http_api.server.versioned_cache import Kept


def test_a_value_is_kept_for_its_version_alone() -> None:
    kept = Kept[str](10)
    kept.keep(2, "key", "two")
    assert kept.get(2, "key") == "two"
    assert kept.get(2, "other") is None
    assert kept.get(3, "key") is None
    kept.keep(3, "other", "three")
    assert kept.get(3, "key") is None
    assert kept.get(2, "key") is None


def test_only_so_many_values_are_kept_and_the_oldest_makes_room() -> None:
    kept = Kept[str](2)
    for number in range(3):
        kept.keep(1, number, "value")
    assert [kept.get(1, number) for number in range(3)] == [None, "value", "value"]


def test_what_took_long_to_compute_ends_nothing_newer() -> None:
    kept = Kept[str](2)
    kept.keep(3, "key", "three")
    kept.keep(2, "slow", "two")
    assert (kept.get(3, "key"), kept.get(2, "slow")) == ("three", None)
