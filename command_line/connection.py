"""Connects a command to its server, and sends its requests.

The server is that of ``--server`` (with ``JOBSVC_TOKEN``), else the one that runs on the data
directory, else one that is started for this command.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
from jobsvc_client import Client, Job, JobsvcError
from jobsvc_client.errors import JobFailed
from jobsvc_client.transport import Transport

from command_line.failures import Unreachable
from command_line.output import (
    SUFFIXES,
    CommandFailed,
    OutputFile,
    new_file,
    print_line,
    progress_bar,
)
from command_line.root import Composition
from domain_errors import render, with_names
from lazy_dataclasses import dataclass
from service.settings import Settings
from storage.maintenance.data_directory import DataDirectory

MAX_POLL_S = 0.2
MAX_ERRORS_SHOWN = 5
UNREACHABLE = "unreachable"
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
    except JobsvcError:  # a killed server left its lock
        client.close()
        return None
    return client


class ApiClient(Client):
    """One server, with one token.

    As a context manager it closes the connections, and turns an error into the failure that the
    command prints; after a submission, Ctrl-C prints the next commands. ``job_id`` is the last job
    that was submitted or waited for. A client ``has_own_server`` if the server runs for this
    command alone. A command sends a request once: the person sees the error and decides.
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
        try:
            # No limit of time: the server writes a download in full before it answers.
            super().__init__(Transport(url, token, timeout_s=None, attempts=1))
        except JobsvcError as error:
            raise self.failure(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        self.close()
        if isinstance(error, JobsvcError):
            raise self.failure(error) from None
        if kind is KeyboardInterrupt and self.job_id is not None:
            # At once: stopping the command's server takes a while.
            print_line(
                f"Stopped waiting for job {self.job_id}. The job continues.\n"
                f"Follow it: jobsvc watch {self.job_id}{self._options}\n"
                f"Cancel it: jobsvc cancel {self.job_id}{self._options}",
                err=True,
            )
            raise SystemExit(INTERRUPTED) from None

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Send a GET request; parameters that are None are omitted."""
        return self.request("GET", path, **query)

    def get_when_ready(
        self, path: str, *, limit_s: float = math.inf, **query: Any
    ) -> dict[str, Any]:
        """Send a GET request, again while the server answers when to retry, up to the limit."""
        return self._transport.json_when_ready(path, query, limit_s=limit_s)

    def all_of(self, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
        """Get all pages of a list."""
        return self._transport.pages(path, name, query)

    def has(self, path: str) -> bool:
        """Whether a path exists."""
        try:
            self.get(path)
        except JobsvcError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a JSON body, or none."""
        return self._remember_job(self.request("POST", path, body))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a PATCH request with a JSON body."""
        return self.request("PATCH", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a PUT request with a JSON body."""
        return self.request("PUT", path, body)

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a DELETE request, with a JSON body or none."""
        return self.request("DELETE", path, body)

    def upload_file(self, path: str, file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """Upload a file as a form, with a progress bar."""
        with progress_bar(f"Sending {file.name}") as on_progress:
            return self._remember_job(
                self._transport.upload(
                    path,
                    file.name,
                    file,
                    fields,
                    lambda share: on_progress(share, "sending the file"),
                )
            )

    def download(self, path: str, file: OutputFile, **query: Any) -> None:
        """Write an answer's body to a file."""
        self._transport.download(path, query, file.write)

    def save(self, path: str, output: Path, **query: Any) -> None:
        """Write an answer's body to a file that is named."""
        with new_file(output) as file:
            self.download(path, file, **query)

    def save_posted(self, path: str, output: Path, body: Mapping[str, Any]) -> None:
        """Write the answer's body to a POST request to a file that is named."""
        with new_file(output) as file:
            self._transport.download(path, {}, file.write, body)

    def download_rows(self, job_id: str, path: str, file: OutputFile) -> None:
        """Write the rows of a job to a file, in the format of its ending."""
        try:
            self.download(path, file, format=SUFFIXES[file.path.suffix])
        except JobsvcError as error:
            failure = self.failure(error)
            raise type(failure)(
                "{error} The rows are stored: jobsvc fetch {job_id}{options} --output FILE",
                error=failure.message,
                job_id=job_id,
                options=self._options,
            ) from None

    def run_job(self, path: str, body: Mapping[str, Any] | None, label: str) -> dict[str, Any]:
        """Submit a job, wait for its end with a progress bar, and return it."""
        return self.finished_job(self.post(path, body)["job_id"], label)

    def finished_job(self, job_id: str, label: str) -> dict[str, Any]:
        """Wait for a job to end and return it; raises JobFailed if it failed."""
        self.job_id = job_id
        job = Job(self._transport, {"id": job_id, "status": "pending"})
        try:
            with progress_bar(label) as on_progress:
                job.refresh()
                for info in job.states(max_poll_s=MAX_POLL_S):
                    on_progress(info["progress"] / 100, info["progress_message"] or info["status"])
        except JobsvcError as error:
            if error.code != UNREACHABLE:
                raise
            raise Unreachable(
                "The connection to the server was lost: {error}. The job continues.\n"
                "When the server is back, follow the job: jobsvc watch {job_id}{options}",
                error=error.__cause__,
                job_id=job_id,
                options=self._options,
            ) from None
        return job.info

    def dataset_id(self, name_or_id: str) -> int:
        """Return the id of a dataset, given its name, else its id."""
        try:
            return self.dataset(name_or_id).id
        except JobsvcError as error:
            if error.code == "not_found" and name_or_id.isdecimal():
                return self.dataset(int(name_or_id)).id
            if error.code not in ("not_found", "ambiguous_name"):
                raise
            raise CommandFailed("{error} {hint}", error=error.message, hint=error.hint) from None

    def id_of(self, kind: str, name: str) -> int:
        """Return the id of a user, a group or a connection by its name, in any case."""
        field = "soeid" if kind == "user" else "name"
        query = {} if kind == "connection" else {"q": name}
        for item in self.all_of(f"/api/{kind}s", f"{kind}s", **query):
            if item[field].lower() == name.lower():
                return int(item["id"])
        raise CommandFailed('{kind} "{name}" not found.', kind=kind.capitalize(), name=name)

    def failure(self, error: JobsvcError) -> CommandFailed:
        """Return the failure that the command prints, with its options for API fields."""
        if isinstance(error, JobFailed):
            reason = with_names(
                error.job["error_message"], lambda field: self._option_names.get(field, field)
            )
            return CommandFailed("Job {id} failed: {error}", id=error.job["id"], error=reason)
        if error.code in (UNREACHABLE, "invalid_url"):
            reason = str(error.__cause__).rstrip(".")
            return Unreachable("The server can't be reached: {reason}.", reason=reason)
        if error.code == "not_jobsvc" and (error.status or 0) >= HTTPStatus.BAD_REQUEST:
            status = HTTPStatus(error.status or 0)
            return CommandFailed(f"The server answered {status.value} {status.phrase}.")
        kind = Unreachable if error.code in ("not_jobsvc", "missing_field") else CommandFailed
        sentences = map(self._sentence, error.errors[:MAX_ERRORS_SHOWN])
        return kind("{problem}", problem="; ".join(sentences) or error.message)

    def _remember_job(self, answer: dict[str, Any]) -> dict[str, Any]:
        if isinstance(answer.get("job_id"), str):
            self.job_id = answer["job_id"]
        return answer

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
