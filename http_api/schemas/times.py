"""Times in a query string."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from http_api.schemas.fields import StrictString, invalid
from storage.sqlite.clock import timestamp

DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")


class Timestamp(StrictString):
    """A time in ISO 8601; one without an offset is UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given = super()._deserialize(value, attr, data, **kwargs)
        try:
            # An unescaped "+" of an offset arrives as a space.
            parsed = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
            return timestamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise invalid(
                'Must be a time such as 2025-07-07T02:45:47+00:00, not "{given}".', given=given[:50]
            ) from None


class EndTimestamp(Timestamp):
    """The exclusive end of a range; a date without a time includes that day."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        end = super()._deserialize(value, attr, data, **kwargs)
        if not DAY.fullmatch(str(value)):
            return end
        try:
            return timestamp(datetime.fromisoformat(end) + timedelta(days=1))
        except OverflowError:
            return end
