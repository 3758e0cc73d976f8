"""What is said about a file that can't be imported.

Owns: the engine's one error.
"""

from __future__ import annotations

from domain_errors import DomainError


class UnreadableFile(DomainError):
    """The file isn't what its name says, is broken, or holds what a table can't."""

    code = "unreadable_file"
