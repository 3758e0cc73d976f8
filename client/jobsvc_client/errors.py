"""The one exception of the client."""

from __future__ import annotations

import re
from typing import Any, Self

import httpx

MAX_SENTENCES = 5
HINTS = {
    "unreachable": "Check that the server runs (jobsvc serve) and that its address is right.",
    "unauthorized": "Create a token on the page Account or with jobsvc token create, and set "
    "JOBSVC_TOKEN to it.",
    "forbidden": "Ask an owner of the dataset for access, or use a token of the scope write.",
    "not_jobsvc": "Check the address of the server, and whether a proxy answers in its place.",
    "no_library": "Install it, for example: pip install 'jobsvc-client[pandas]'.",
}
FIELD = re.compile("`([a-z_]+)`")
ARGUMENTS = {
    "commit_message": "purpose",
    "export_residual": "residual",
    "order_desc": "descending",
    "output_name": "name",
    "source_ref": "ref",
    "strata_columns": "strata",
    "table_key": "table",
}
"""The client's arguments by the fields of the API that they give."""
STATUS_HINTS = {401: HINTS["unauthorized"], 403: HINTS["forbidden"]}


class JobsvcError(Exception):
    """A request that the server refused, a job that failed, or a server that can't be reached.

    Attributes
    ----------
    message : str
        What is wrong, in one or a few sentences.
    code : str
        A stable code, such as ``unknown_column``; ``unreachable`` without an answer.
    hint : str or None
        What to do, where the message doesn't say it.
    request_id : str or None
        The id of the request in the server's log.
    status : int or None
        The HTTP status.
    retry_after_s : float or None
        After how long the server invites to send the request again.
    errors : list of dict
        The errors of a problem document, each with ``loc``, ``type`` and ``msg``.
    """

    def __init__(
        self,
        message: str,
        code: str,
        *,
        hint: str | None = None,
        request_id: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.hint = hint or HINTS.get(code)
        self.request_id = request_id
        self.status = status
        self.retry_after_s = retry_after_s
        self.errors = errors or []
        super().__init__(self._text())

    @property
    def is_refusal(self) -> bool:
        """Whether the server refused the request for good: it did nothing."""
        return self.status is not None and httpx.codes.is_client_error(self.status)

    def extended(self, sentence: str) -> Self:
        """Add a sentence to the message, and return the error."""
        self.message = f"{self.message} {sentence}"
        self.args = (self._text(),)
        return self

    def _text(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return " ".join(filter(None, (self.message, self.hint, f"[{self.code}{request}]")))


class JobFailed(JobsvcError):
    """A job that failed; ``job`` is all that the server says about it."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        message = f"Job {job['id']} failed: {job['error_message']}"
        super().__init__(message, job["error_code"] or "failed")


class KeptApart(JobsvcError):
    """A version that doesn't meet its data contract; ``job`` is the import or the attachment."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        summary = job["output_summary"]
        failures = [failure["text"] for failure in summary["data_contract"]["failures"]]
        ref, own = job["run_parameters"]["ref"], summary["output_ref"]
        super().__init__(
            f"The version doesn't meet its data contract and is kept apart as {own}; {ref} stays: "
            f"{' '.join(failures[:MAX_SENTENCES])}",
            "kept_apart",
            hint="Correct the data, or accept the version by Dataset.accept.",
        )


class MissingField(JobsvcError, KeyError):
    """An answer that lacks a field: it is another program's or version's, or a misspelled name."""

    def __str__(self) -> str:
        return self._text()


def _sentence(error: dict[str, Any]) -> str:
    """Return the message of an error; one that names no field gets its place.

    Fields of the API are called by the client's arguments.
    """
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"][1:]
    )
    message = str(error["msg"])
    for field in FIELD.findall(error.get("template", "")):
        message = re.sub(rf"\b{field}\b", ARGUMENTS.get(field, field), message)
    is_general = error["type"] == "value_error" and place
    return f"{_argument(place.removeprefix('.'))}: {message}" if is_general else message


def _argument(place: str) -> str:
    """Call the last field of a place by the client's argument."""
    start, dot, field = place.rpartition(".")
    return ARGUMENTS.get(field, f"{start}{dot}{field}")


def foreign(response: httpx.Response) -> JobsvcError:
    """Return the exception of an answer that jobsvc doesn't give."""
    location = response.headers.get("Location")
    redirect = f" and redirects to {location}" if location and response.is_redirect else ""
    return JobsvcError(
        f"{response.url} answers {response.status_code}{redirect}, which isn't an answer of "
        "jobsvc.",
        "not_jobsvc",
        request_id=response.headers.get("X-Request-ID"),
        status=response.status_code,
    )


def error_of(response: httpx.Response) -> JobsvcError:
    """Return the exception of an answer that isn't a success."""
    request_id = response.headers.get("X-Request-ID")
    retry_after = response.headers.get("Retry-After", "")
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "detail" not in document:
        return foreign(response)
    errors = document.get("errors", [])
    sentences = list(map(_sentence, errors[:MAX_SENTENCES]))
    return JobsvcError(
        "; ".join(sentences) or str(document["detail"]),
        str(document.get("code", "error")),
        hint=STATUS_HINTS.get(response.status_code),
        request_id=request_id,
        status=response.status_code,
        retry_after_s=float(retry_after) if retry_after.isdigit() else None,
        errors=errors,
    )
