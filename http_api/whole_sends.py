"""An answer's header is sent together with the start of its body.

Waitress sends the header by a call of the system and a packet of its own. Each call gives the
interpreter's lock away, so a small answer pays for two of them and waits twice. Invariant: the
same bytes are sent, in the same order. Used by ``request_limits``, whose connections these are.
"""

from __future__ import annotations

from collections.abc import Callable

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

LARGEST_START_BYTES = 64 * 1024
"""A larger part isn't worth the copy."""


class WholeTask(WSGITask):  # type: ignore[misc]
    """Answers one request."""

    def write(self, data: bytes) -> None:
        """Send a part of the body, and before the first part the header."""
        write = super().write
        if self.wrote_header or not 0 < len(data) <= LARGEST_START_BYTES:
            write(data)
        else:
            self.channel.send_together(lambda: write(data))


class WholeSendsChannel(HTTPChannel):  # type: ignore[misc]
    """A connection that can send several parts as one."""

    task_class = WholeTask
    _gathered: list[bytes] | None = None

    def send_together(self, write: Callable[[], None]) -> None:
        """Send all that ``write`` sends by one call."""
        gathered: list[bytes] = []
        self._gathered = gathered
        try:
            write()
        finally:
            self._gathered = None
            if gathered:
                super().write_soon(b"".join(gathered))

    def write_soon(self, data: bytes) -> int:
        """Send, or keep for :meth:`send_together`; returns how much was taken."""
        if self._gathered is None:
            return int(super().write_soon(data))
        self._gathered.append(data)
        return len(data)
