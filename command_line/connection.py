"""Connects a command to its server, and sends its requests.

The server is that of ``--server`` (with ``JOBSVC_TOKEN``), else the one that runs on the data
directory, else one that is started for this command.
"""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx

from command_line.failures import Unreachable
from command_line.output import (
    SUFFIXES,
    CommandFailed,
    OutputFile,
    ProgressCallback,
    print_line,
    progress_bar,
)
from command_line.root import Composition
from domain_errors import render, with_names
from service.settings import Settings
from storage.maintenance.data_directory import DataDirectory

POLL_INTERVAL_S = 0.2
TIMEOUT = httpx.Timeout(10, read=None, write=None)
"""Reading has no limit: the server writes a download in full before it answers."""
MAX_ERRORS_SHOWN = 5
INTERRUPTED = 130
"""Exit code of Ctrl-C while waiting for a job."""


@dataclass(frozen=True)
class Target:
    """The server or data directory of a command.

    ``options`` make another command use the same server, as typed; ``option_names`` are the options
    of API fields, for error messages.
    """

    composition: Composition
    settings: Settings
    command: str
    server: str | None = None
    token: str | None = None
    options: str = ""
    option_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def names_directory(self) -> bool:
        """Whether the data directory was typed, so that it may be mistyped."""
        return "--data-dir" in self.options


@contextmanager
def connected(target: Target, *, create: bool = False) -> Iterator[ApiClient]:
    """Connect a client; start a server, which may ``create`` the directory, if none runs."""
    if target.server is not None:
        running: ApiClient | None = ApiClient(
            target.server.rstrip("/"), _usable_token(target), target.options, target.option_names
        )
    else:
        running = running_server(target)
    if running is not None:
        with running:
            yield running
        return
    start = target.composition.serving_in_background
    with (
        start(target.settings, target.command, create) as here,
        ApiClient(here.url, here.token, target.options, target.option_names) as client,
    ):
        client.has_own_server = True
        yield client


def _usable_token(target: Target) -> str:
    """Return the token without its line end; messages never show it."""
    token = (target.token or "").strip()
    if not token:
        raise click.UsageError("Set JOBSVC_TOKEN to a token of that server.")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise click.UsageError("JOBSVC_TOKEN doesn't hold a token.")
    return token


def running_server(target: Target) -> ApiClient | None:
    """Return a client of the server that runs on the data directory, if one answers."""
    owner = DataDirectory(target.settings.data_dir).owner()
    if owner is None or owner.url is None or owner.token is None:
        return None
    client = ApiClient(owner.url, owner.token, target.options, target.option_names)
    try:
        client.get("/api/users/me")
    except (httpx.RequestError, CommandFailed):  # a killed server left its lock
        client.close()
        return None
    return client


class JobFailed(CommandFailed):
    """The awaited job failed."""

    def __init__(self, job: dict[str, Any], option_names: Mapping[str, str]) -> None:
        self.job = job
        self.reason = with_names(job["error_message"], lambda field: option_names.get(field, field))
        super().__init__("Job {id} failed: {error}", id=job["id"], error=self.reason)


class ApiClient:
    """One server, with one token; an error answer becomes :class:`CommandFailed`.

    As a context manager it closes the connections; after a submission, Ctrl-C prints the next
    commands. ``job_id`` is the last job that was submitted or waited for. A client
    ``has_own_server`` if the server runs for this command alone.
    """

    def __init__(
        self,
        url: str,
        token: str,
        options: str = "",
        option_names: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.job_id: str | None = None
        self.has_own_server = False
        self._options = options
        self._option_names = option_names or {}
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            # Without TLS there is no certificate; loading the authorities' takes 10 ms or more.
            verify=httpx.URL(url).scheme == "https",
        )

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close()
        if kind is KeyboardInterrupt and self.job_id is not None:
            # At once: stopping the command's server takes a while.
            print_line(
                f"Stopped waiting for job {self.job_id}. The job continues.\n"
                f"Follow it: jobsvc watch {self.job_id}{self._options}\n"
                f"Cancel it: jobsvc cancel {self.job_id}{self._options}",
                err=True,
            )
            raise SystemExit(INTERRUPTED) from None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Send a GET request; parameters that are None are omitted."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._answer(self._http.get(path, params=params))

    def get_when_ready(
        self, path: str, *, limit_s: float = math.inf, **query: Any
    ) -> dict[str, Any]:
        """Send a GET request, again while the server answers when to retry, up to the limit."""
        end = time.monotonic() + limit_s
        params = {name: value for name, value in query.items() if value is not None}
        while True:
            response = self._http.get(path, params=params)
            wait_s = response.headers.get("Retry-After", "")
            is_wait = response.status_code == httpx.codes.CONFLICT and wait_s.isdigit()
            if not is_wait or time.monotonic() + int(wait_s) > end:
                return self._answer(response)
            time.sleep(int(wait_s))

    def all_of(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """Get all pages of a list."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **query, offset=len(found), limit=1000)
            found += page[name]
            if len(found) >= page["total"] or not page[name]:
                return found

    def has(self, path: str) -> bool:
        """Whether a path exists."""
        response = self._http.get(path)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        self._answer(response)
        return True

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a JSON body, or none."""
        return self._remember_job(self._answer(self._http.post(path, json=body)))

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a PATCH request with a JSON body."""
        return self._answer(self._http.patch(path, json=body))

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a PUT request with a JSON body."""
        return self._answer(self._http.put(path, json=body))

    def delete(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a DELETE request, with a JSON body or none."""
        return self._answer(self._http.request("DELETE", path, json=body))

    def upload(
        self, path: str, file: Path, fields: dict[str, str], on_progress: ProgressCallback
    ) -> dict[str, Any]:
        """Upload a file as a form, in chunks."""
        with _UploadStream(file, on_progress) as stream:
            files = {"file": (file.name, stream, "application/octet-stream")}
            return self._remember_job(self._answer(self._http.post(path, data=fields, files=files)))

    def download(self, path: str, file: OutputFile, **query: Any) -> None:
        """Write an answer's body to a file."""
        with self._http.stream("GET", path, params=query) as response:
            if not response.is_success:
                response.read()
                self._answer(response)
            for piece in response.iter_bytes():
                file.write(piece)

    def download_rows(self, job_id: str, path: str, file: OutputFile) -> None:
        """Write the rows of a job to a file, in the format of its ending."""
        try:
            self.download(path, file, format=SUFFIXES[file.path.suffix])
        except (CommandFailed, httpx.RequestError) as error:
            kind = type(error) if isinstance(error, CommandFailed) else Unreachable
            raise kind(
                "{error} The rows are stored: jobsvc fetch {job_id}{options} --output FILE",
                error=error,
                job_id=job_id,
                options=self._options,
            ) from None

    def run_job(self, path: str, body: dict[str, Any] | None, label: str) -> dict[str, Any]:
        """Submit a job, wait for its end with a progress bar, and return it."""
        return self.finished_job(self.post(path, body)["job_id"], label)

    def finished_job(self, job_id: str, label: str) -> dict[str, Any]:
        """Wait for a job to end and return it; raises JobFailed if it failed."""
        self.job_id = job_id
        try:
            with progress_bar(label) as on_progress:
                while True:
                    job = self.get(f"/api/jobs/{job_id}")
                    on_progress(job["progress"] / 100, job["progress_message"] or job["status"])
                    if job["status"] == "completed":
                        return job
                    if job["status"] == "failed":
                        raise JobFailed(job, self._option_names)
                    time.sleep(POLL_INTERVAL_S)
        except httpx.RequestError as error:
            raise Unreachable(
                "The connection to the server was lost: {error}. The job continues.\n"
                "When the server is back, follow the job: jobsvc watch {job_id}{options}",
                error=error,
                job_id=job_id,
                options=self._options,
            ) from None

    def dataset_id(self, name_or_id: str) -> int:
        """Return the id of a dataset, given its name or id."""
        found = self.get("/api/datasets", name=name_or_id)["datasets"]
        if len(found) == 1:
            return int(found[0]["id"])
        if found:
            raise CommandFailed(
                'Several datasets are named "{name}". Give an id: {ids}.',
                name=name_or_id,
                ids=", ".join(str(dataset["id"]) for dataset in found),
            )
        if name_or_id.isdecimal():
            return int(self.get(f"/api/datasets/{name_or_id}")["id"])
        page = self.get("/api/datasets", limit=20)
        names = [dataset["name"] for dataset in page["datasets"]]
        more = page["total"] - len(names)
        listed = f"Existing: {', '.join(names)}" if names else "No dataset exists yet"
        raise CommandFailed(
            'Dataset "{name}" not found. {listed}{more}.',
            name=name_or_id,
            listed=listed,
            more=f" and {more:,} more" if more else "",
        )

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        """The JSON of an answer."""
        try:
            answer = None if response.is_redirect else response.json()
        except ValueError:
            answer = None
        if response.is_error:
            raise CommandFailed("{problem}", problem=self._problem(response, answer))
        if not isinstance(answer, dict):
            location = response.headers.get("Location")
            raise Unreachable(
                "{url} answers {status}{redirect}, which isn't an answer of jobsvc.",
                url=response.url,
                status=str(response.status_code),
                redirect=f" and redirects to {location}" if location else "",
            )
        return answer

    def _remember_job(self, answer: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer.get("job_id"), str):
            self.job_id = answer["job_id"]
        return answer

    def _problem(self, response: httpx.Response, document: Any) -> str:
        """The sentences of a problem document, with this command's options for API fields."""
        if not isinstance(document, dict) or "detail" not in document:
            return f"The server answered {response.status_code} {response.reason_phrase}."
        errors = document.get("errors", [])[:MAX_ERRORS_SHOWN]
        return "; ".join(map(self._sentence, errors)) or str(document["detail"])

    def _sentence(self, error: dict[str, Any]) -> str:
        names, loc = self._option_names, error["loc"][1:]

        def option(field: str) -> str:
            inner = f"{loc[0]}.{field}" if loc else field
            return names.get(inner, names.get(field, field))

        sentence = render(error["template"], error["parameters"], option)
        if error["type"] != "value_error" or not loc:
            return sentence
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
        own = [names[part] for part in loc if part in names]
        return f"{own[-1] if own else place.removeprefix('.')}: {sentence}"


class _UploadStream(io.FileIO):
    """A file that reports how much of it was read."""

    def __init__(self, file: Path, on_progress: ProgressCallback) -> None:
        super().__init__(file)
        self._size = max(file.stat().st_size, 1)
        self._on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self._on_progress(self.tell() / self._size, "sending the file")
        return piece
