"""The LRU cache of the service."""

from __future__ import annotations

import pytest

from service.service import LruCache


def test_the_least_recently_used_value_is_computed_again() -> None:
    recent, found = LruCache[str, int](2), list[str]()

    def length(text: str) -> int:
        return recent.get(text, lambda: found.append(text) or len(text))

    assert [length(text) for text in ("a", "bb", "a", "ccc", "a", "bb")] == [1, 2, 1, 3, 1, 2]
    assert found == ["a", "bb", "ccc", "bb"]


def test_too_large_values_are_not_cached() -> None:
    recent = LruCache[str, str](2, fits=lambda text: len(text) < 3)
    assert recent.get("a", lambda: "long") == "long"
    assert recent.get("a", lambda: "s") == "s"
    assert recent.get("a", lambda: "t") == "s"


def test_an_error_is_not_cached() -> None:
    recent = LruCache[str, int](2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 3) == 3
