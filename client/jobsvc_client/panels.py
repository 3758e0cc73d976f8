"""Panels: samples of version after version that keep a share of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from jobsvc_client.arguments import checked_keywords, given
from jobsvc_client.display import facts, heading
from jobsvc_client.frames import write_file
from jobsvc_client.jobs import Sample
from jobsvc_client.transport import Transport


@checked_keywords
class Panel:
    """A panel of a dataset; :meth:`jobsvc_client.Dataset.create_panel` makes one.

    Attributes
    ----------
    info : dict
        The panel as the API describes it, with its waves.
    """

    def __init__(self, transport: Transport, info: dict[str, Any]) -> None:
        self._transport, self.info = transport, info

    @property
    def id(self) -> int:
        """The panel's id."""
        return int(self.info["id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.info["name"])

    @property
    def waves(self) -> list[dict[str, Any]]:
        """The waves: ``size``, ``kept``, ``rotated_in``, ``born``, ``rotated_out``, ``died``."""
        found: list[dict[str, Any]] = self.refresh().info["waves"]
        return found

    def refresh(self) -> Self:
        """Read the panel and its waves again."""
        self.info = self._transport.json("GET", self._path)
        return self

    def wave(self, *, ref: str = "main", priority: str | None = None, wait: bool = True) -> Sample:
        """Draw the next wave from a version.

        Parameters
        ----------
        ref : str
            The version.
        wait : bool
            Wait for the end of the draw.
        """
        body = given(ref=ref, priority=priority)
        answer = self._transport.json("POST", f"{self._path}/waves", body, creates_job=True)
        sample = Sample(self._transport, {"id": answer["job_id"], "status": "pending"}).refresh()
        return sample.wait() if wait else sample

    def next_wave(self, *, ref: str = "main") -> dict[str, Any]:
        """Return how many rows would stay, leave and come, without drawing."""
        return self._transport.json("GET", f"{self._path}/next", given(ref=ref))

    def save(self, wave: int, path: str | Path) -> Path:
        """Write the rows of a wave and those that left it, by key, as CSV, Parquet or XLSX."""
        query = {"format": Path(path).suffix.removeprefix(".")}
        return write_file(path, self._transport.content(f"{self._path}/waves/{wave}/rows", query))

    def remove(self) -> None:
        """Delete the panel; its samples stay."""
        self._transport.json("DELETE", self._path)

    @property
    def _path(self) -> str:
        return f"/api/sampling/panels/{self.info['id']}"

    def __repr__(self) -> str:
        return f"Panel {self.id} ({self.name}, {len(self.info['waves'])} waves)"

    def _repr_html_(self) -> str:
        rows = [
            ("Method", self.info["round"]["method"]),
            *((f"Wave {one['wave']}", one["size"]) for one in self.info["waves"]),
        ]
        return heading(f"Panel {self.name}") + facts(rows)
