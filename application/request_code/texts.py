"""Writes the code of a request from its form: curl, Python, and a command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from application.request_code.forms import FORMS, SHORT_ID, ApiRequest, Body, Fields, Form
from domain_errors import render
from lazy_dataclasses import dataclass

WIDTH = 88
LINE_END = " \\\n  "
DATASET_ID = "{dataset_id}"
IMPORT = "from jobsvc_client import connect\n\n"

DatasetName = Callable[[int], "str | int"]
"""The name of a dataset, or its id if others have the name."""


@dataclass(frozen=True)
class RequestCode:
    """A request as code; ``command`` is None if no command can make it."""

    python: str
    command: str | None
    curl: str


def request_code(request: ApiRequest, server: str, dataset_name: DatasetName) -> RequestCode:
    """Return the code of a request.

    Parameters
    ----------
    request : ApiRequest
        The request.
    server : str
        The address of the server.
    dataset_name : callable
        What names a dataset of an id.

    Notes
    -----
    Python and commands find the server by ``JOBSVC_SERVER``, and all three the token by
    ``JOBSVC_TOKEN``.
    """
    curl = _curl(request, server)
    for form in FORMS:
        found = re.fullmatch(form.path, request.path)
        fields = None if found is None else form.fields(request.body)
        if found is None or fields is None:
            continue
        parts = found.groupdict()
        subject = _subject(parts, request, dataset_name)
        if "ref" in parts:
            file = request.file or request.body.get("uri")
            target = {"file": file, "dataset": subject, "ref": unquote(parts["ref"])}
            fields = {**target, **{k: v for k, v in fields.items() if k not in ("uri", "ref")}}
        given = _given(form, fields)
        python = _python(form, given, subject)
        return RequestCode(
            python or _any_python(request), _command(form, given, subject, request.body), curl
        )
    return RequestCode(_any_python(request), None, curl)


def command_of(path: str, body: dict[str, Any], subject: str | int) -> str | None:
    """Return the command that sends a body, on one line; None if there is none."""
    for form in FORMS:
        fields = form.fields(body) if re.fullmatch(form.path, path) else None
        if fields is not None:
            return _command(form, _given(form, fields), subject, body, separator=" ")
    return None


def _subject(parts: dict[str, str], request: ApiRequest, dataset_name: DatasetName) -> str | int:
    """The text that names the dataset or the sample of a request."""
    if "job" in parts:
        return parts["job"][:SHORT_ID]
    if "dataset" not in parts:
        return ""  # a request of the client
    if parts["dataset"] == DATASET_ID:
        return request.new_dataset or ""
    name = dataset_name(int(parts["dataset"]))
    return int(parts["dataset"]) if isinstance(name, str) and name.startswith("-") else name


def _given(form: Form, fields: Fields) -> Fields:
    """The fields that aren't missing and aren't defaults."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (name in form.defaults and form.defaults[name] == value)
    }


def _python(form: Form, given: Fields, subject: str | int) -> str | None:
    """The statements of the Python client; None if a field has no argument."""
    if not given.keys() <= {argument.field for argument in form.arguments}:
        return None
    places: list[Any] = []
    keywords: dict[str, Any] = {}
    for argument in form.arguments:
        if argument.field not in given:
            continue
        for name, value in argument.python(given[argument.field]):
            if name is None:
                places.append(value)
            elif isinstance(value, dict) and isinstance(keywords.get(name), dict):
                keywords[name] = {**keywords[name], **value}
            else:
                keywords[name] = value
    texts = [literal(value, 4) for value in places]
    texts += [f"{name}={literal(value, 4)}" for name, value in keywords.items()]
    opening = {
        "dataset": f"dataset = connect().dataset({literal(subject)})\n",
        "sample": f"sample = connect().sample_of({literal(subject)})\n",
        "client": "client = connect()\n",
    }[form.subject]
    return (
        IMPORT
        + opening
        + render(
            form.python,
            {"arguments": _arguments(texts, len(form.python.splitlines()[0]))},
        )
    )


def _arguments(texts: list[str], around: int) -> str:
    line = ", ".join(texts)
    if len(line) + around <= WIDTH and "\n" not in line:
        return line
    return "\n" + "".join(f"    {text},\n" for text in texts)


def _any_python(request: ApiRequest) -> str:
    """The statements that send any request."""
    call = f'"POST", {literal(request.path)}, {literal(request.body)}'
    return f"{IMPORT}client = connect()\nanswer = client.request({call})"


def literal(value: Any, indent: int = 0) -> str:
    """Write a value of JSON in Python, over several lines if it is long.

    >>> literal({"size": [1, 2.5, None], "all": True})
    '{"size": [1, 2.5, None], "all": True}'
    """
    if isinstance(value, str):
        is_lines = "\n" in value and not re.search(r'\\|"$|"""|[^\n\x20-\x7e\xa1-\ud7ff]', value)
        return f'"""{value}"""' if is_lines else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list | tuple):
        return repr(value)
    inner = indent + 4
    if isinstance(value, dict):
        parts = [f"{literal(key)}: {literal(each, inner)}" for key, each in value.items()]
        left, right = "{", "}"
    else:
        parts = [literal(each, inner) for each in value]
        left, right = "[", "]"
    line = f"{left}{', '.join(parts)}{right}"
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    lines = "".join(f"{' ' * inner}{part},\n" for part in parts)
    return f"{left}\n{lines}{' ' * indent}{right}"


def _command(
    form: Form, given: Fields, subject: str | int, body: Body, separator: str = LINE_END
) -> str | None:
    """The command, its parts on lines if it is long.

    It has the whole body if its options can't say all fields, and is None if it takes none.
    """
    words = [[render(part, {"subject": str(subject)}) for part in form.command]]
    known = {argument.field for argument in form.arguments}
    for argument in form.arguments:
        if argument.field in given:
            written = argument.words(given[argument.field])
            if written is None:
                known.discard(argument.field)
            else:
                words.append(written)
    if given.keys() <= known:
        parts = [" ".join(map(shlex.quote, part)) for part in words if part]
        line = " ".join(parts)
        return line if len(line) <= WIDTH else separator.join(parts)
    if not form.body_option:
        return None
    text = json.dumps(body, ensure_ascii=False, indent=2)
    return f"{' '.join(map(shlex.quote, words[0]))} --body - <<'JSON'\n{text}\nJSON"


def _curl(request: ApiRequest, server: str) -> str:
    if request.new_dataset is None:
        return _one_curl(request, server)
    create = ApiRequest("/api/datasets", {"name": request.new_dataset})
    path = request.path.replace(DATASET_ID, "DATASET_ID")
    upload = _one_curl(ApiRequest(path, request.body, request.file), server)
    return (
        f"# The answer has the id of the dataset: write it in the next command.\n"
        f"{_one_curl(create, server)}\n{upload}"
    )


def _form_file(name: str) -> str:
    """A file's name as curl reads it in a form: in quotes if it has signs with a meaning."""
    if not re.search('[";,\\\\]', name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one_curl(request: ApiRequest, server: str) -> str:
    lines = [
        f"curl {shlex.quote(server + request.path)}",
        '-H "Authorization: Bearer $JOBSVC_TOKEN"',
    ]
    if request.file is None:
        body = json.dumps(request.body, ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    else:
        lines.append(f"-F {shlex.quote(f'file=@{_form_file(request.file)}')}")
        for name, value in request.body.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"--form-string {shlex.quote(f'{name}={text}')}")
    return LINE_END.join(lines)
