"""How an attempt to send a message ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeliveryOutcome:
    """The end of an attempt: delivered if there is no problem.

    Parameters
    ----------
    status : int or None
        Of the receiver's answer, by HTTP or SMTP; None without an answer.
    is_gone : bool
        Whether the receiver wants no more messages.
    """

    status: int | None
    problem: str | None
    may_retry: bool = True
    is_gone: bool = False
