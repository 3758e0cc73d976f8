"""The command line's side of the HTTP API.

Invariant: an error answer becomes :class:`CommandFailed` with the problem's own sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import httpx

from command_line.failures import CommandFailed, LeftWaiting, Unreachable
from command_line.output_file import SUFFIXES, OutputFile

POLL_INTERVAL_S = 0.2
TIMEOUT = httpx.Timeout(10, read=None, write=None)
"""Reading has no limit: a download is written in full before its answer begins."""

Told = Callable[[float, str], None]
"""Takes a percentage, 0 to 100, and what is being done."""


class ApiClient:
    """One server, with one token.

    Attributes
    ----------
    job_id : str or None
        The job that was submitted last, or that is waited for.
    """

    def __init__(self, url: str, token: str, options: str = "") -> None:
        """``options`` lead another command to the same server."""
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
        """Read; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return _answer(self._http.get(path, params=given))

    def has(self, path: str) -> bool:
        """Whether there is something at a path."""
        response = self._http.get(path)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        _answer(response)
        return True

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a JSON body, or none."""
        return self._noted(_answer(self._http.post(path, json=body)))

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change something by a JSON body."""
        return _answer(self._http.patch(path, json=body))

    def upload(
        self, path: str, file: Path, name: str, fields: dict[str, str], told: Told
    ) -> dict[str, Any]:
        """Send a file as a form, piece by piece."""
        size = file.stat().st_size
        with file.open("rb") as stream:
            watched = _Watched(stream, size, told)
            files = {"file": (name, watched, "application/octet-stream")}
            answer = self._http.post(path, data=fields, files=files)  # type: ignore[arg-type]
        return self._noted(_answer(answer))

    def delete(self, path: str) -> dict[str, Any]:
        """Remove."""
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
        """Write the rows that a job made to a file, in the format of its ending.

        Raises
        ------
        CommandFailed, Unreachable
            It didn't work; says that the rows are there, and how to fetch them.
        """
        try:
            self.download(path, file, format=SUFFIXES[file.path.suffix])
        except (CommandFailed, httpx.RequestError) as error:
            kind = type(error) if isinstance(error, CommandFailed) else Unreachable
            raise kind(
                f"{error} The rows are there: jobsvc fetch {job_id}{self._options} --output FILE"
            ) from None

    def finished_job(self, job_id: str, told: Told) -> dict[str, Any]:
        """Wait for a job's end and return it.

        Raises
        ------
        JobFailed
            With the job and its message.
        Unreachable
            The server is gone; says how to go on.
        """
        self.job_id = job_id
        try:
            while True:
                job = self.get(f"/api/jobs/{job_id}")
                told(job["progress"], job["progress_message"] or job["status"])
                if job["status"] == "completed":
                    return job
                if job["status"] == "failed":
                    raise JobFailed(job)
                time.sleep(POLL_INTERVAL_S)
        except httpx.RequestError as error:
            raise Unreachable(
                f"The server can't be reached any more: {error}. The job isn't lost.\n"
                f"Follow it once the server is back: jobsvc watch {job_id}{self._options}"
            ) from None

    def left_waiting(self) -> LeftWaiting:
        """What to raise when somebody stops waiting for the job; says how to go on."""
        return LeftWaiting(
            f"Stopped waiting for job {self.job_id}. The job isn't cancelled by this.\n"
            f"Follow it: jobsvc watch {self.job_id}{self._options}\n"
            f"Cancel it: jobsvc cancel {self.job_id}{self._options}"
        )

    def _noted(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer, whose job is remembered if it accepts one."""
        if isinstance(answer.get("job_id"), str):
            self.job_id = answer["job_id"]
        return answer

    def dataset_id(self, name_or_id: str) -> int:
        """The dataset that a name or an id stands for.

        Raises
        ------
        CommandFailed
            No dataset has that name, or several have it.
        """
        found = self.get("/api/datasets", name=name_or_id)["datasets"]
        if len(found) == 1:
            return int(found[0]["id"])
        if found:
            ids = ", ".join(str(dataset["id"]) for dataset in found)
            raise CommandFailed(f'Several datasets are named "{name_or_id}". Give an id: {ids}.')
        if name_or_id.isdecimal():
            return int(self.get(f"/api/datasets/{name_or_id}")["id"])
        some = self.get("/api/datasets", limit=20)
        names = [dataset["name"] for dataset in some["datasets"]]
        more = some["total"] - len(names)
        listed = f"There are: {', '.join(names)}" if names else "There are none yet"
        listed += f" and {more:,} more." if more else "."
        raise CommandFailed(f'There is no dataset "{name_or_id}". {listed}')


class JobFailed(CommandFailed):
    """The job that a command waited for failed."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(f"Job {job['id']} failed: {job['error_message']}")
        self.job = job


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, stream: IO[bytes], size: int, told: Told) -> None:
        self._stream = stream
        self._size = size
        self._told = told

    def read(self, count: int = -1) -> bytes:
        piece = self._stream.read(count)
        self._told(100 * self._stream.tell() / max(self._size, 1), "sending the file")
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
        leads = f" and leads to {response.headers['Location']}" if response.is_redirect else ""
        raise Unreachable(
            f"{response.url} answers {response.status_code}{leads}, which is no answer of jobsvc."
        )
    return answer
