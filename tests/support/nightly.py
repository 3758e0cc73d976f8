"""How much a test does: a part of it by default, all of it in a nightly run.

``JOBSVC_NIGHTLY=1`` (``just nightly``) makes a run a nightly one. CONTRIBUTING.md lists what a
nightly run does beyond the default one.
"""

from __future__ import annotations

import os

NIGHTLY = os.environ.get("JOBSVC_NIGHTLY", "") not in ("", "0")


def amount(by_default: int, at_night: int) -> int:
    """Choose how many cases a test generates."""
    return at_night if NIGHTLY else by_default
