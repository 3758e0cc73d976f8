"""The HTTP client of the commands; an error answer becomes :class:`CommandFailed`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import httpx

from command_line.failures import CommandFailed, Unreachable, WaitInterrupted
from command_line.output_file import SUFFIXES, OutputFile

POLL_INTERVAL_S = 0.2
TIMEOUT = httpx.Timeout(10, read=None, write=None)
"""Reading has no limit: the server writes a download in full before it answers."""

PercentCallback = Callable[[float, str], None]
"""Takes a percentage, 0 to 100, and a message."""


class ApiClient:
    """One server, with one token.

    Attributes
    ----------
    job_id : str or None
        The last job that was submitted or waited for.
    """

    def __init__(self, url: str, token: str, options: str = "") -> None:
        """``options`` make another command use the same server."""
        self.url = url
        self.job_id: str | None = None
        self._options = options
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Send a GET request; parameters that are None are omitted."""
        params = {name: value for name, value in query.items() if value is not None}
        return _answer(self._http.get(path, params=params))

    def has(self, path: str) -> bool:
        """Whether a path exists."""
        response = self._http.get(path)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        _answer(response)
        return True

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a JSON body, or none."""
        return self._remember_job(_answer(self._http.post(path, json=body)))

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a PATCH request with a JSON body."""
        return _answer(self._http.patch(path, json=body))

    def upload(
        self, path: str, file: Path, name: str, fields: dict[str, str], on_progress: PercentCallback
    ) -> dict[str, Any]:
        """Upload a file as a form, in chunks."""
        size = file.stat().st_size
        with file.open("rb") as stream:
            watched = _UploadStream(stream, size, on_progress)
            files = {"file": (name, watched, "application/octet-stream")}
            answer = self._http.post(path, data=fields, files=files)  # type: ignore[arg-type]
        return self._remember_job(_answer(answer))

    def delete(self, path: str) -> dict[str, Any]:
        """Send a DELETE request."""
        return _answer(self._http.delete(path))

    def download(self, path: str, file: OutputFile, **query: Any) -> None:
        """Write an answer's body to a file."""
        with self._http.stream("GET", path, params=query) as response:
            if not response.is_success:
                response.read()
                _answer(response)
            for piece in response.iter_bytes():
                file.write(piece)

    def download_rows(self, job_id: str, path: str, file: OutputFile) -> None:
        """Write the rows of a job to a file, in the format of its ending.

        Raises
        ------
        CommandFailed, Unreachable
            The download failed; the message says how to fetch the rows later.
        """
        try:
            self.download(path, file, format=SUFFIXES[file.path.suffix])
        except (CommandFailed, httpx.RequestError) as error:
            kind = type(error) if isinstance(error, CommandFailed) else Unreachable
            raise kind(
                f"{error} The rows are stored: jobsvc fetch {job_id}{self._options} --output FILE"
            ) from None

    def finished_job(self, job_id: str, on_progress: PercentCallback) -> dict[str, Any]:
        """Wait for a job to end and return it.

        Raises
        ------
        JobFailed
            The job failed.
        Unreachable
            The connection was lost; the message says how to continue.
        """
        self.job_id = job_id
        try:
            while True:
                job = self.get(f"/api/jobs/{job_id}")
                on_progress(job["progress"], job["progress_message"] or job["status"])
                if job["status"] == "completed":
                    return job
                if job["status"] == "failed":
                    raise JobFailed(job)
                time.sleep(POLL_INTERVAL_S)
        except httpx.RequestError as error:
            raise Unreachable(
                f"The connection to the server was lost: {error}. The job continues.\n"
                f"When the server is back, follow the job: jobsvc watch {job_id}{self._options}"
            ) from None

    def wait_interrupted(self) -> WaitInterrupted:
        """Return the error of an interrupted wait; its message lists the next commands."""
        return WaitInterrupted(
            f"Stopped waiting for job {self.job_id}. The job continues.\n"
            f"Follow it: jobsvc watch {self.job_id}{self._options}\n"
            f"Cancel it: jobsvc cancel {self.job_id}{self._options}"
        )

    def _remember_job(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Remember the job of an answer that accepts one; return the answer."""
        if isinstance(answer.get("job_id"), str):
            self.job_id = answer["job_id"]
        return answer

    def dataset_id(self, name_or_id: str) -> int:
        """Return the id of a dataset, given its name or id.

        Raises
        ------
        CommandFailed
            No dataset or several datasets have the name.
        """
        found = self.get("/api/datasets", name=name_or_id)["datasets"]
        if len(found) == 1:
            return int(found[0]["id"])
        if found:
            ids = ", ".join(str(dataset["id"]) for dataset in found)
            raise CommandFailed(f'Several datasets are named "{name_or_id}". Give an id: {ids}.')
        if name_or_id.isdecimal():
            return int(self.get(f"/api/datasets/{name_or_id}")["id"])
        page = self.get("/api/datasets", limit=20)
        names = [dataset["name"] for dataset in page["datasets"]]
        more = page["total"] - len(names)
        listed = f"Existing: {', '.join(names)}" if names else "No dataset exists yet"
        listed += f" and {more:,} more." if more else "."
        raise CommandFailed(f'Dataset "{name_or_id}" not found. {listed}')


class JobFailed(CommandFailed):
    """The awaited job failed."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(f"Job {job['id']} failed: {job['error_message']}")
        self.job = job


class _UploadStream:
    """A file stream that reports how much was read."""

    def __init__(self, stream: IO[bytes], size: int, on_progress: PercentCallback) -> None:
        self._stream = stream
        self._size = size
        self._on_progress = on_progress

    def read(self, count: int = -1) -> bytes:
        piece = self._stream.read(count)
        self._on_progress(100 * self._stream.tell() / max(self._size, 1), "sending the file")
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def fileno(self) -> int:
        return self._stream.fileno()

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(1 << 16):
            yield piece


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        try:
            detail = response.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = f"The server answered {response.status_code} {response.reason_phrase}."
        raise CommandFailed(str(detail))
    try:
        answer = response.json() if response.is_success else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        redirect = (
            f" and redirects to {response.headers['Location']}" if response.is_redirect else ""
        )
        raise Unreachable(
            f"{response.url} answers {response.status_code}{redirect}, which isn't an answer of "
            "jobsvc."
        )
    return answer
