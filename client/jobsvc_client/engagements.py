"""Engagements: client, period, team, datasets and samples of one audit."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from jobsvc_client.arguments import checked_keywords, given
from jobsvc_client.display import facts, heading
from jobsvc_client.transport import Transport


@checked_keywords
class Engagement:
    """An engagement; :meth:`jobsvc_client.Client.create_engagement` makes one.

    Attributes
    ----------
    info : dict
        The engagement as the API describes it, with its team, its datasets and what is missing
        before it can be sealed. After :meth:`add_member` and :meth:`add_dataset` it has ``rights``,
        those that members got.
    """

    def __init__(self, transport: Transport, info: dict[str, Any]) -> None:
        self._transport, self.info = transport, info

    @property
    def id(self) -> int:
        """The engagement's id."""
        return int(self.info["id"])

    @property
    def missing(self) -> list[str]:
        """What is missing before it can be sealed."""
        found: list[str] = self.refresh().info["missing"]
        return found

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The samples with the state of their review and their newest paper."""
        return self._transport.pages(f"{self._path}/samples", "samples")

    @property
    def combined_papers(self) -> list[dict[str, Any]]:
        """The newest paper on each set of its samples together, which the seal names."""
        return self._transport.pages(f"{self._path}/combined-papers", "papers")

    def refresh(self) -> Self:
        """Read the engagement again."""
        return self._sent("GET", "")

    def change(
        self,
        *,
        client_name: str | None = None,
        period_from: date | str | None = None,
        period_to: date | str | None = None,
        number: str | None = None,
    ) -> Self:
        """Change client, period or number; what isn't given stays."""
        days = {"period_from": period_from, "period_to": period_to}
        return self._sent("PATCH", "", given(client_name=client_name, number=number, **days))

    def add_member(self, user: str, full_name: str, role: str, *, preview: bool = False) -> Self:
        """Add a member, or change the name and role of one.

        Parameters
        ----------
        full_name : str
            As working papers have it.
        role : {"preparer", "reviewer", "partner"}
            A preparer enters and submits findings, a reviewer or partner signs them off, a partner
            approves them.
        preview : bool
            Change nothing; ``info["rights"]`` are the rights that would be given.
        """
        body = {"user_soeid": user, "full_name": full_name, "role": role, "preview": preview}
        return self._sent("PUT", "/members", body)

    def remove_member(self, user: str) -> Self:
        """Remove a member; rights in datasets stay."""
        return self._sent("DELETE", "/members", {"user_soeid": user})

    def add_dataset(self, dataset_id: int, *, preview: bool = False) -> Self:
        """Add a dataset that you own; later draws from it join the engagement."""
        return self._sent("PUT", "/datasets", {"dataset_id": dataset_id, "preview": preview})

    def remove_dataset(self, dataset_id: int) -> Self:
        """Remove a dataset; its samples stay."""
        return self._sent("DELETE", "/datasets", {"dataset_id": dataset_id})

    def add_sample(self, job_id: str) -> Self:
        """Assign a sample whose findings are open."""
        return self._sent("PUT", "/samples", {"job_id": job_id})

    def remove_sample(self, job_id: str) -> Self:
        """Remove a sample whose findings are open."""
        return self._sent("DELETE", "/samples", {"job_id": job_id})

    def seal(self) -> Self:
        """Seal it, as a partner who prepared none of its samples."""
        return self._sent("POST", "/seal")

    def unseal(self, reason: str) -> Self:
        """Unseal it, as a reviewer or partner who neither sealed nor prepared it."""
        return self._sent("POST", "/unseal", {"reason": reason})

    def seal_content(self) -> bytes:
        """Return the seal as canonical JSON, whose SHA-256 the ledgers have."""
        return self._transport.content(f"{self._path}/seal", {})

    def archive(self) -> Self:
        """Archive it when it is sealed or lacks nothing; the list leaves it out."""
        return self._sent("POST", "/archive")

    def unarchive(self) -> Self:
        """Take it out of the archive."""
        return self._sent("POST", "/unarchive")

    def delete(self) -> Self:
        """Delete it while it has no issued paper; its samples stay, without an engagement."""
        return self._sent("DELETE", "")

    def restore(self) -> Self:
        """Restore it; ``info["left_out"]`` are jobs of samples that aren't in it again."""
        return self._sent("POST", "/restore")

    def _sent(self, method: str, rest: str, body: dict[str, Any] | None = None) -> Self:
        self.info = self._transport.json(method, f"{self._path}{rest}", body)
        return self

    @property
    def _path(self) -> str:
        return f"/api/engagements/{self.info['id']}"

    def __repr__(self) -> str:
        return f"Engagement {self.id} ({self.info['client_name']}, {self.info['period']})"

    def _repr_html_(self) -> str:
        rows = [
            ("Period", self.info["period"]),
            ("State", self.info["state"]),
            *((one["role"].capitalize(), one["full_name"]) for one in self.info.get("team", ())),
        ]
        return heading(f"Engagement of {self.info['client_name']}") + facts(rows)
