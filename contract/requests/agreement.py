"""The request of the agreement of two readers."""

from __future__ import annotations

from contract.requests.estimate import ConfidenceRequest


class AgreementRequest(ConfidenceRequest):
    """How far both readings of a sample's rows agree."""
