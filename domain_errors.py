"""The base of every error that a person can act on.

Owns: the shape of a domain error (a stable ``code``, a sentence, the place in the input).
Invariant: a domain error knows nothing of HTTP; ``http_api`` has the table of codes and statuses.
Every package derives its errors from :class:`DomainError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class DomainError(Exception):
    """An input or a state that the product refuses, told so that a person can act on it.

    Parameters
    ----------
    message : str
        One sentence that names the culprit.
    loc : sequence of str or int
        Where in the caller's input the culprit is, for example ``("rounds", 0, "parameters")``.
    """

    code = "error"

    def __init__(self, message: str, *, loc: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.loc = tuple(loc)


@dataclass(frozen=True)
class MachineFault:
    """A fault of the machine, not of the input, that may pass: a full disk, a locked file."""

    code: str
    message: str


def choices_sentence(name: str, choices: Sequence[str], most: int = 20) -> str:
    """Say which choices there are, the closest first where one is close.

    >>> choices_sentence("colour", ["color", "size"])
    'Did you mean "color"? There are: color, size.'
    """
    rest = len(choices) - most
    shown = ", ".join(choices[:most]) + (f" and {rest} more" if rest > 0 else "")
    listed = f"There are: {shown}." if choices else "There are none."
    close = get_close_matches(name.lower(), [choice.lower() for choice in choices], n=1, cutoff=0.6)
    if not close:
        return listed
    original = next(choice for choice in choices if choice.lower() == close[0])
    return f'Did you mean "{original}"? {listed}'
