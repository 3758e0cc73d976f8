"""Times relative to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web_ui.shell import relative_time

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=46), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(days=29, hours=23), "29 days ago"),
        (-timedelta(days=3), "in 3 days"),
    ],
)
def test_a_time_is_its_distance_from_now(past: timedelta, text: str) -> None:
    assert relative_time((NOW - past).isoformat(), NOW) == text
