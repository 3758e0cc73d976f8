"""What the engine refuses, each with a code that never changes its meaning."""

from __future__ import annotations

from domain_errors import DomainError


class LonelyStratum(DomainError):
    """A stratum with several rows has one drawn row, which has no variance."""

    code = "lonely_stratum"
