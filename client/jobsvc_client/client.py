"""A connection to a server, and its datasets."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from jobsvc_client.arguments import (
    Columns,
    Number,
    checked_keywords,
    given,
    keywords,
    listed,
    number_of,
    plain,
)
from jobsvc_client.column_types import with_types_of
from jobsvc_client.display import facts, heading, paragraph
from jobsvc_client.draws import DrawOptions, RoundOptions, draw_body
from jobsvc_client.engagements import Engagement
from jobsvc_client.errors import JobsvcError, KeptApart
from jobsvc_client.fields import (
    DEFAULT_METHOD,
    DIVIDING_METHOD,
    AuditTestParameters,
    CombinedOptions,
    ConfidenceOptions,
    ImportOptions,
)
from jobsvc_client.frames import Frame, existing_file, library_of, to_parquet, write_file
from jobsvc_client.jobs import AuditTest, Job, Report, RowsJob, Sample, Split
from jobsvc_client.panels import Panel
from jobsvc_client.results import Evaluation, Plan
from jobsvc_client.transport import Transport, json_text

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 600.0
"""The server writes a download in full before it answers."""
DIGITS = 12
SEARCHED = 50
"""Results of a search, at most."""
LATEST_IMPORTS = 50
"""Imports and attachments among which the one that made a version is looked for."""
ID_LENGTH = 36
JOB_ID = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")

AnyJob = TypeVar("AnyJob", bound=Job)
Uris: TypeAlias = "str | Sequence[str]"


class ImportArguments(ImportOptions, total=False):
    """The arguments of an import: how to read the file, and what becomes of it."""

    ref: str | None
    purpose: str | None
    require_columns: bool
    row_key: Sequence[str] | None
    duplicates: str | None


class RunFigureArguments(ConfidenceOptions, total=False):
    """The arguments of the figures of a schedule's runs."""

    column: str
    denominator: str
    value: Any
    values: str
    book_column: str
    pooling: str
    filters: str
    judge: Columns
    runs: int


class AttachArguments(TypedDict, total=False):
    """The arguments of an attachment."""

    connection: str | None
    format: str | None
    version: int | None
    ref: str | None
    purpose: str | None
    verify: bool
    require_columns: bool


class TableArguments(TypedDict, total=False):
    """Which table is read."""

    ref: str | None
    table: str | None
    priority: str | None


class StoredArguments(TableArguments, total=False):
    """How the rows of a result are stored."""

    name: str | None
    purpose: str | None


class AuditTestArguments(StoredArguments, AuditTestParameters, total=False):
    """The parameters of an audit test, and how its found rows are stored."""

    mark_rows: bool
    """Also keep a copy of the whole table with a column ``found`` or ``not found``."""


@keywords()
def connect(
    url: str | None = None, token: str | None = None, *, timeout_s: float = TIMEOUT_S
) -> Client:
    """Connect to a server, and check the token.

    Parameters
    ----------
    url : str, optional
        Its address; ``JOBSVC_SERVER`` by default, else ``http://127.0.0.1:8000``.
    token : str, optional
        A token; ``JOBSVC_TOKEN`` by default.
    timeout_s : float
        How long an answer may take.

    Raises
    ------
    JobsvcError
        There is no token, the server refuses it, or no server answers.
    """
    address = (url or os.environ.get("JOBSVC_SERVER") or DEFAULT_URL).rstrip("/")
    secret = (token or os.environ.get("JOBSVC_TOKEN") or "").strip()
    if not re.match(r"https?://", address):
        raise JobsvcError(f"{address} is no address of a server.", "invalid_url")
    if not re.fullmatch(r"[\x21-\x7e]+", secret):
        raise JobsvcError("There is no token.", "unauthorized")
    client = Client(Transport(address, secret, timeout_s=timeout_s))
    try:
        client.request("GET", "/api/users/me")
    except JobsvcError:
        client.close()
        raise
    return client


NOT_ATTACHABLE = frozenset(
    {
        "broken_table_log",
        "delta_not_installed",
        "iceberg_not_installed",
        "source_denied",
        "source_not_found",
        "unreadable_file",
        "unservable_file",
        "unsupported_table",
        "version_not_found",
    }
)
"""Codes of jobs whose files can't be attached; nothing of them is stored."""


@checked_keywords
class Client:
    """A server with the token of a user; close it, or use it as a context manager."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"Client of {self._transport.url}"

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """Send any request of the API, and return the JSON of its answer."""
        return self._transport.json(method, path, body, query=query)

    def inbox(self) -> list[dict[str, Any]]:
        """Return what waits for the user: rows to examine, findings to review, failed jobs.

        Each entry has a ``kind``, a ``text``, a ``count``, the ``url`` of the page on which it is
        done, and the ``job_id`` of the sample.
        """
        entries: list[dict[str, Any]] = self.request("GET", "/api/inbox")["entries"]
        return entries

    def datasets(self) -> list[Dataset]:
        """Return the datasets that the user can read."""
        found = self._transport.pages("/api/datasets", "datasets")
        return [Dataset(self._transport, each) for each in found]

    def programmes(self) -> dict[str, Any]:
        """Return the audit programmes of the server, and the files that it doesn't use."""
        return self._transport.json("GET", "/api/audit-programmes")

    def programme(self, name: str) -> dict[str, Any]:
        """Return an audit programme with its rules, and its worked examples as computed now."""
        return self._transport.json("GET", f"/api/audit-programmes/{name}")

    def dataset(self, name_or_id: str | int) -> Dataset:
        """Return a dataset by its name or id.

        Raises
        ------
        JobsvcError
            There is none, or several have the name.
        """
        name_or_id = plain(name_or_id)
        if isinstance(name_or_id, int):
            return Dataset(self._transport, self.request("GET", f"/api/datasets/{name_or_id}"))
        found = self._named(name_or_id)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(str(each.id) for each in found)
            message = f'Several datasets are named "{name_or_id}": {ids}.'
            raise JobsvcError(message, "ambiguous_name", hint="Give an id.")
        names = ", ".join(each.name for each in self.datasets()[:20])
        hint = f"Available: {names}." if names else "There are no datasets yet."
        raise JobsvcError(f'There is no dataset "{name_or_id}".', "not_found", hint=hint)

    def import_file(
        self, path: str | Path, dataset: str | None = None, **options: Unpack[ImportArguments]
    ) -> Dataset:
        """Import a file as a new version of a dataset, which is created if there is none.

        Parameters
        ----------
        path : str or Path
            A file of CSV, TSV, JSON, NDJSON, Parquet or XLSX; or a URI that the server reads.
        dataset : str, optional
            The dataset's name; the file's name by default.
        ref : str
            The ref that moves to the new version; ``main`` by default.
        purpose : str
            What the file is.
        require_columns : bool
            Whether to refuse other columns than those of the version that it replaces; their order
            may differ.
        row_key : sequence of str
            The columns that identify a row, to declare as the row key of the table.
        duplicates : str
            ``number`` to number rows of that key that share it.
        **options
            How to read it: ``header_row``, ``decimal``, ``date_order``, ``types`` and so on.
        """
        if "://" not in str(path):
            existing_file(path)
        with self._named_or_new(dataset or Path(path).name.split(".")[0]) as target:
            return target.import_file(path, **options)

    def attach(
        self, uri: Uris | Mapping[str, Uris], dataset: str, **options: Unpack[AttachArguments]
    ) -> Dataset:
        """Attach Parquet files as a new version of a dataset; the files stay where they are.

        Parameters
        ----------
        uri : str, sequence of str, or mapping
            A file, a folder (it ends with a slash), a pattern or several of them; of several tables
            a mapping of their keys:
            ``{"ledger": "s3://lake/ledger/", "vendors": "s3://lake/vendors.parquet"}``.
        dataset : str
            The dataset's name; it is created if there is none.
        connection : str, optional
            By default yours with the longest prefix of the URI; needed if several have the same.
        format : str, optional
            ``delta`` or ``iceberg``: the URI is the folder of such a table.
        version : int, optional
            The version of a Delta table, or the id of a snapshot; by default the newest.
        ref : str
            The ref that moves to the new version; ``main`` by default.
        purpose : str
            What the files are.
        verify : bool
            Read the files whole, to count their rows and to check their statistics. Otherwise the
            rows that their footers state are believed.
        require_columns : bool
            Whether to refuse other columns than those of the version that they replace.
        """
        with self._named_or_new(dataset, NOT_ATTACHABLE) as target:
            return target.attach(uri, **options)

    def upload(self, frame: Frame, dataset: str, *, purpose: str | None = None) -> Dataset:
        """Upload a frame of pandas, Polars or Arrow as a new version of a dataset.

        A frame that equals the one from which ``main`` was uploaded makes no new version, if that
        upload is among the latest 50 imports and attachments; :attr:`Dataset.notes` then says so.
        """
        content = to_parquet(frame)
        with self._named_or_new(dataset) as target:
            return target._uploaded(_parquet_name(dataset), content, purpose)

    def sample(
        self,
        frame: Frame,
        method: str = DEFAULT_METHOD,
        *,
        dataset: str | None = None,
        **options: Unpack[DrawOptions],
    ) -> Any:
        """Upload a frame, draw a sample of it, and return the sample as a frame of the same kind.

        The drawn rows have the columns ``_inclusion_probability`` and ``_design_weight``, among
        others. Without a name the dataset is named ``frame-`` and 12 digits of the content's
        SHA-256, so that a frame is uploaded once; it stays in the list of datasets. For estimates
        use :meth:`upload` and :meth:`Dataset.sample`.

        Parameters
        ----------
        frame : frame of pandas, Polars or Arrow
            The rows to draw from.
        method : str
            A method of sampling.
        dataset : str, optional
            The name of the dataset.
        **options
            As of :meth:`Dataset.sample`.
        """
        draw_body(method, options)  # refuses wrong arguments before the upload
        content = to_parquet(frame)
        name = dataset or f"frame-{hashlib.sha256(content).hexdigest()[:DIGITS]}"
        with self._named_or_new(name) as target:
            if dataset is not None or not target.has_rows():
                target.import_content(_parquet_name(name), content)
        sample = target.sample(method, **options)
        rows = sample.frame(library_of(frame), exact_decimals=True)
        return with_types_of(rows, frame, keeps_others=True)

    def sample_of(self, name_or_id: str) -> Sample:
        """Return a sample that was drawn before, by its name, its id or the first digits of it.

        Raises
        ------
        JobsvcError
            There is none, or several datasets have a sample of this name.
        """
        if len(name_or_id) == ID_LENGTH and JOB_ID.fullmatch(name_or_id):
            return self._sample(name_or_id)
        results = self.request("GET", "/api/search", q=_joined(name_or_id), limit=SEARCHED)
        found = [each for each in results["results"] if each["kind"] == "sample"]
        named = [each for each in found if each["name"] == _joined(name_or_id)]
        if len(named) > 1:
            places = ", ".join(f"{each['job_id'][:8]} of {each['dataset_name']}" for each in named)
            text = f'Several samples are named "{name_or_id}": {places}.'
            raise JobsvcError(text, "ambiguous_name", hint="Give an id.")
        if not named and not JOB_ID.fullmatch(name_or_id):
            raise _no_sample(name_or_id, [each["name"] for each in found])
        return self._sample(named[0]["job_id"] if named else name_or_id)

    def create_engagement(
        self, client_name: str, period_from: date | str, period_to: date | str, *, number: str = ""
    ) -> Engagement:
        """Create an engagement: client, period, team, datasets and samples of one audit.

        Parameters
        ----------
        client_name : str
            The audited entity.
        period_from, period_to : date or str
            The first and the last day of the audited period.
        number : str
            The firm's reference.
        """
        days = {"period_from": period_from, "period_to": period_to}
        body = given(client_name=client_name, number=number, **days)
        return Engagement(self._transport, self.request("POST", "/api/engagements", body))

    def engagement(self, engagement_id: int) -> Engagement:
        """Return an engagement of which you are a member or the creator."""
        return Engagement(self._transport, {"id": engagement_id}).refresh()

    def engagements(self, *, q: str | None = None, state: str | None = None) -> list[Engagement]:
        """Return the engagements of which you are a member or the creator, newest first."""
        found = self._transport.pages("/api/engagements", "engagements", given(q=q, state=state))
        return [Engagement(self._transport, info) for info in found]

    def evaluate_together(
        self,
        samples: Sequence[Sample | str],
        tolerable: Number | None = None,
        *,
        kind: str | None = None,
        **options: Unpack[CombinedOptions],
    ) -> Evaluation:
        """Evaluate several samples together, as parts of one conclusion.

        Parameters
        ----------
        samples : sequence of Sample or str
            Two to 20 samples, or ids of their jobs, whose populations have no row in common.
        tolerable : float or str
            Below 1, or as a percentage, a share of all book values together; from 1 an amount.
        kind : str
            ``monetary_unit`` or ``variables``; by default as each was signed off, or fits.
        **options
            ``confidence`` and others; see docs/AUDIT.md.
        """
        ids = [each if isinstance(each, str) else each.id for each in samples]
        body = given(jobs=ids, tolerable=tolerable, kind=kind, **options)
        return Evaluation(self.request("POST", "/api/audit/combined-evaluation", body), "together")

    def issue_together(
        self,
        path: str | Path,
        samples: Sequence[Sample | str],
        tolerable: Number | None = None,
        *,
        kind: str | None = None,
        language: str | None = None,
        **options: Unpack[CombinedOptions],
    ) -> dict[str, Any]:
        """Issue a paper on several samples, and write it to a file that ends with .html or .xlsx.

        The server keeps the file and enters its SHA-256 in the ledger of each dataset. The other
        arguments are those of :meth:`evaluate_together`.

        Returns
        -------
        dict
            Its ``id``, ``number``, ``sha256``, ``review_state``, ``conclusion`` and others.
        """
        ids = [each if isinstance(each, str) else each.id for each in samples]
        body = given(jobs=ids, tolerable=tolerable, kind=kind, language=language, **options)
        body["format"] = Path(path).suffix[1:]
        papers = "/api/audit/combined-evaluation/papers"
        issued: dict[str, Any] = self.request("POST", papers, body)
        write_file(path, self._transport.content(f"{papers}/{issued['id']}", {}))
        return issued

    def withdraw_together(self, paper_id: int, reason: str) -> dict[str, Any]:
        """Withdraw an issued paper on several samples; its file stays."""
        path = f"/api/audit/combined-evaluation/papers/{paper_id}/withdraw"
        found: dict[str, Any] = self.request("POST", path, {"reason": reason})
        return found

    def _sample(self, job_id: str) -> Sample:
        info = self.request("GET", f"/api/jobs/{job_id}")
        if info["run_type"] != "sampling":
            made = info["job_kind"]
            raise JobsvcError(f"Job {info['id']} made {made}, not a sample.", "not_a_sample")
        return _sample_of(self._transport, info)

    def _named(self, name: str) -> list[Dataset]:
        found = self._transport.pages("/api/datasets", "datasets", {"name": name})
        return [Dataset(self._transport, each) for each in found]

    @contextmanager
    def _named_or_new(
        self, name: str, removed_after: frozenset[str] = frozenset()
    ) -> Iterator[Dataset]:
        """Yield the dataset of a name; a new one is removed if the server refuses its table.

        It stays with a failed job, which shows its error, unless the job's code is one of
        ``removed_after``.
        """
        if self._named(name):
            yield self.dataset(name)
            return
        made = Dataset(self._transport, self.request("POST", "/api/datasets", {"name": name}))
        try:
            yield made
        except JobsvcError as error:
            if not error.is_refusal and error.code not in removed_after:
                raise
            self.request("DELETE", f"/api/datasets/{made.id}")
            raise error.extended("The new dataset was removed again.") from None


@checked_keywords
class Dataset:
    """A dataset: a table with versions, from which samples are drawn."""

    def __init__(self, transport: Transport, info: dict[str, Any]) -> None:
        self._transport = transport
        self.info = info
        self.id = int(info["id"])
        self.name = str(info["name"])
        self.version_job: Job | None = None
        """The job of the import or the attachment that this object made last."""
        self.notes: list[str] = []
        """Notes of the last import or upload by this object: how the file was read."""

    @property
    def url(self) -> str:
        """The address of the dataset's page."""
        return f"{self._transport.url}/datasets/{self.id}"

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns of the row key of the table ``primary``; none without one."""
        try:
            found = self._transport.json(
                "GET", f"/api/datasets/{self.id}/row-key", query={"limit": 1}
            )
        except JobsvcError as error:
            if error.code != "not_found":
                raise
            return ()
        return tuple(found["columns"])

    def set_row_key(
        self,
        columns: str | Sequence[str],
        *,
        table: str | None = None,
        duplicates: str | None = None,
    ) -> Dataset:
        """Declare the columns that identify a row of a table in every version.

        Parameters
        ----------
        columns : str or sequence of str
            One to four columns.
        table : str, optional
            The table's key; ``primary`` by default.
        duplicates : str, optional
            ``refuse`` rows with equal keys, as by default, or ``number`` them.
        """
        body = given(
            columns=[columns] if isinstance(columns, str) else list(columns),
            table_key=table,
            duplicates=duplicates,
        )
        self._transport.json("PUT", f"/api/datasets/{self.id}/row-key", body)
        return self

    def data_contract(self, *, table: str | None = None) -> dict[str, Any] | None:
        """Return the data contract of a table, with its ``state`` in the newest version.

        None without one.

        Raises
        ------
        JobsvcError
            No version of a ref has the named table.
        """
        try:
            return self._contract("GET", table=table)
        except JobsvcError as error:
            if error.code != "not_found":
                raise
        if table is None:
            return None
        known = dict.fromkeys(one["table_key"] for ref in self._overview() for one in ref["tables"])
        if table not in known:
            hint = f"Available: {', '.join(known)}." if known else "It has no tables yet."
            raise JobsvcError(f'There is no table "{table}".', "not_found", hint=hint)
        return None

    def propose_data_contract(self, *, table: str | None = None) -> dict[str, Any]:
        """Return a data contract that the newest version meets; nothing is stored."""
        return self._contract("GET", "/proposal", table=table)

    def set_data_contract(self, terms: Mapping[str, Any]) -> dict[str, Any]:
        """Set the data contract of a table; later imports and attachments must meet it.

        Parameters
        ----------
        terms : mapping
            As :meth:`propose_data_contract` returns it: ``columns`` (``name``, ``type``,
            ``max_null_share``), ``more_columns``, ``min_rows``, ``max_rows``, ``row_key``,
            ``conditions`` and ``table_key``.
        """
        return self._transport.json("PUT", f"/api/datasets/{self.id}/data-contract", dict(terms))

    def remove_data_contract(self, *, table: str | None = None) -> None:
        """Delete the data contract of a table."""
        self._contract("DELETE", table=table)

    def _contract(self, method: str, rest: str = "", *, table: str | None) -> dict[str, Any]:
        path = f"/api/datasets/{self.id}/data-contract{rest}"
        return self._transport.json(method, path, query=given(table_key=table))

    def kept_apart(self) -> list[dict[str, Any]]:
        """Return the versions that don't meet a data contract, newest first.

        Each has a ``state``, its own ref ``apart_ref``, and ``failures``.
        """
        return self._transport.pages(f"/api/datasets/{self.id}/kept-apart", "versions", {})

    def accept(self, job: Job | str, reason: str) -> Dataset:
        """Accept a version that was kept apart, by its job; the audit trail has the reason."""
        job_id = job if isinstance(job, str) else job.id
        path = f"/api/datasets/{self.id}/kept-apart/{job_id}/accept"
        self._transport.json("POST", path, {"reason": reason})
        return self

    def has_rows(self) -> bool:
        """Whether a file was imported."""
        return any(ref["tables"] for ref in self._overview())

    def import_file(self, path: str | Path, **options: Unpack[ImportArguments]) -> Dataset:
        """Import a file as a new version, as :meth:`Client.import_file` does."""
        if "://" in str(path):
            return self._moved("import", options, uri=str(path))
        file = existing_file(path)
        return self.import_content(file.name, file, **options)

    def import_content(
        self, file_name: str, content: bytes | Path, **options: Unpack[ImportArguments]
    ) -> Dataset:
        """Import a file's content, bytes or a path; the end of ``file_name`` is the format."""
        path, body = self._move("import", options)
        fields = {
            name: value if isinstance(value, str) else json_text(value).decode()
            for name, value in body.items()
        }
        return self._ended(self._transport.upload(path, file_name, content, fields))

    def _uploaded(self, file_name: str, content: bytes, purpose: str | None) -> Dataset:
        """Import a frame's content, unless the version of ``main`` was made from the same."""
        digest = hashlib.sha256(content).hexdigest()
        commit_id = self._made_from(digest)
        if commit_id is None:
            return self.import_content(file_name, content, purpose=purpose)
        unused = "" if purpose is None else " The purpose wasn't recorded."
        self.notes = [
            f"The frame is the same as that of version {commit_id[:12]} of main, so no new version "
            f"was made.{unused}"
        ]
        return self

    def _made_from(self, digest: str) -> str | None:
        """The version of ``main`` if it was imported from this content, read without options."""
        commit_id = next(
            (ref["commit_id"] for ref in self._overview() if ref["name"] == "main"), None
        )
        if commit_id is None:
            return None
        query = {"dataset_id": self.id, "run_type": "import", "status": "completed"}
        found = self._transport.json("GET", "/api/jobs", query={**query, "limit": LATEST_IMPORTS})
        for each in found["jobs"]:
            job = self._transport.json("GET", f"/api/jobs/{each['id']}")
            summary, parameters = job["output_summary"], job["run_parameters"]
            if summary.get("output_commit_id") == commit_id:
                is_plain = not parameters.get("options")
                return commit_id if is_plain and summary.get("source_sha256") == digest else None
        return None

    def attach(self, uri: Uris | Mapping[str, Uris], **options: Unpack[AttachArguments]) -> Dataset:
        """Attach Parquet files as a new version, as :meth:`Client.attach` does."""
        of_table = {
            "connection": options.pop("connection", None),
            "format": options.pop("format", None),
            "version": options.pop("version", None),
        }
        named = uri if isinstance(uri, Mapping) else {None: uri}
        tables = [
            given(table_key=key, uri=one if isinstance(one, str) else list(one)) | given(**of_table)
            for key, one in named.items()
        ]
        return self._moved("attach", options, tables=tables)

    def _move(self, action: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The route that moves a ref, and the fields of its body; how to read a file is one."""
        path = f"/api/datasets/{self.id}/refs/{quote(options.get('ref') or 'main', safe='')}"
        reading = {name: options[name] for name in ImportOptions.__annotations__ if name in options}
        others = {name: value for name, value in options.items() if name not in (*reading, "ref")}
        body = given(**others, options=reading or None)
        return f"{path}/{action}", {
            name: value for name, value in body.items() if value is not False
        }

    def _moved(self, action: str, options: Mapping[str, Any], **more: Any) -> Dataset:
        """Move a ref to a new version, and wait for the end of the job."""
        path, body = self._move(action, options)
        return self._ended(self._transport.json("POST", path, {**body, **more}, creates_job=True))

    def _ended(self, answer: dict[str, Any]) -> Dataset:
        """Wait for the end of a job that makes a version; raise KeptApart if that is kept apart."""
        self.version_job = self._job(Job, answer).wait()
        summary = self.version_job.info["output_summary"]
        tables = summary["tables"]
        self.notes = [
            note if len(tables) == 1 else f"{each['key']}: {note}"
            for each in tables
            for note in each["notes"]
        ]
        found = summary.get("data_contract")
        if found is not None and found["state"] == "kept_apart":
            raise KeptApart(self.version_job.info)
        return self

    def sample(
        self, method: str = DEFAULT_METHOD, *, wait: bool = True, **options: Unpack[DrawOptions]
    ) -> Sample:
        """Draw a sample.

        Parameters
        ----------
        method : str
            ``random``, ``stratified``, ``systematic``, ``cluster``, ``weighted`` or
            ``monetary_unit``; for a split into parts see :meth:`split`.
        wait : bool
            Wait for the end of the draw; else the results of the sample wait for it.
        strata : str or sequence
            Columns of strata, or bands: ``{"column": "amount", "breaks": [0, 1000]}``.
        size : int, float, str or mapping
            Rows; a share such as ``0.05`` or ``"5%"``; or a size for each stratum:
            ``{"north": 10, "south": "all"}``.
        margin : float or str
            Instead of a size: the margin of error of a share, such as ``0.03`` or ``"3%"``.
        goal : mapping
            The materiality for which the size was planned, which is recorded:
            ``{"materiality": 50_000, "expected": 10_000}``.
        seed : int or str
            The seed; the same seed draws the same rows again.
        filters : str or mapping
            Draw only from rows such as ``"amount > 0"``.
        allocation, interval, cluster_column, weight_column, book_column and so on
            The parameters of the method; :class:`jobsvc_client.fields.MethodParameters` has all.
        parameters : mapping
            The same as a mapping, by their names in the API.
        key : str or sequence of str
            Draw the same rows from every version of the table: in the order of these columns, which
            identify a row. With ``keyed=True`` they are those of the table's row key.
        start, duplicates : str
            Where that order begins, a decimal from 0 to below 1; ``"number"`` for repeated keys.
        rounds : sequence of mapping
            Several steps, as in the API, instead of the arguments above.
        name, purpose : str
            The sample's name, and what it is for.
        ref, table : str
            The version and the table; ``main`` and the only one by default.
        allow_empty : bool
            Whether a sample without rows is fine; otherwise such a draw fails.
        amount_column, columns, order_by, descending, residual, priority, draw_version, engine
            As ``amount_column``, ``selection``, ``export_residual`` and so on of the API.

        Examples
        --------
        >>> ledger.sample("stratified", strata="region", size=500)  # doctest: +SKIP
        """
        body = self._draw_body(method, options)
        path = f"/api/sampling/datasets/{self.id}/jobs"
        sample = self._job(Sample, self._transport.json("POST", path, body, creates_job=True))
        return sample.wait() if wait else sample

    def split(
        self,
        shares: Mapping[str, float | str],
        *,
        wait: bool = True,
        **options: Unpack[DrawOptions],
    ) -> Split:
        """Split a table into parts: each row into one, by its key or its group.

        A row stays in its part when the table grows or is sorted anew, as long as seed and parts
        are the same.

        Parameters
        ----------
        shares : mapping
            The share of each part by its name: ``{"train": 0.8, "test": "20%"}``.
        wait : bool
            Wait for the end; else the results wait for it.
        key : str or sequence of str
            The columns that identify a row; by default the row key of the table.
        group : str
            Rows with one value in this column stay together.
        strata : str or sequence
            Columns by whose values the parts are compared.
        exact : bool
            Exact sizes; rows may then move when the table grows.
        **options
            ``seed``, ``filters``, ``ref``, ``table``, ``name`` and so on, as of :meth:`sample`.

        Examples
        --------
        >>> split = items.split({"train": 0.8, "test": 0.2}, group="user")  # doctest: +SKIP
        >>> train, test = split["train"], split["test"]  # doctest: +SKIP
        """
        keyed = options.get("keyed", "start" in options)
        body = self._draw_body(DIVIDING_METHOD, {**options, "keyed": keyed, "parts": shares})
        path = f"/api/sampling/datasets/{self.id}/jobs"
        split = self._job(Split, self._transport.json("POST", path, body, creates_job=True))
        return split.wait() if wait else split

    def plan(self, method: str = DEFAULT_METHOD, **options: Unpack[DrawOptions]) -> Plan:
        """Return what a draw would give, without drawing; takes what :meth:`sample` takes."""
        return Plan(self._computed("plan", self._draw_body(method, options)))

    def register_plan(self, method: str = DEFAULT_METHOD, **options: Unpack[DrawOptions]) -> Plan:
        """Register a plan in the ledger before its seed exists; takes what :meth:`plan` takes.

        :meth:`draw_plan` draws it by its :attr:`Plan.id`.
        """
        path = f"/api/sampling/datasets/{self.id}/plan"
        body = {**self._draw_body(method, options), "commit": True}
        return Plan(self._transport.json("POST", path, body))

    def draw_plan(
        self,
        plan_id: str,
        *,
        seed: int | str | Mapping[str, Any] | None = None,
        name: str | None = None,
        purpose: str | None = None,
    ) -> Sample:
        """Draw a sample by a registered plan.

        Parameters
        ----------
        plan_id : str
            :attr:`Plan.id`.
        seed : int, str or mapping
            A seed, or a public one: ``{"beacon": {"chain": …, "round": …, "signature": …}}``, of
            drand's default chain with ``previous_signature``, or
            ``{"dice": {"digits": …, "witnesses": […]}}``.
        name, purpose : str
            The sample's name, and what it is for.
        """
        return self._submitted(
            Sample, "sampling", plan_id=plan_id, seed=seed, name=name, purpose=purpose
        )

    def create_panel(
        self,
        name: str,
        method: str = DEFAULT_METHOD,
        *,
        rotation: Number,
        ref: str | None = None,
        table: str | None = None,
        **options: Unpack[RoundOptions],
    ) -> Panel:
        """Create a panel, of which nothing is drawn yet.

        Parameters
        ----------
        name : str
            Its waves are named by it.
        method : str
            ``random``, ``stratified``, ``cluster`` or ``weighted``; with its arguments as
            :meth:`sample` takes them.
        rotation : float or str
            The share of a wave's rows that leaves before the next wave, such as ``"25%"``.
        ref, table : str
            The version against which the design is checked, and the table.
        key : str or sequence of str
            The columns that identify a row; by default the row key of the table.
        duplicates : str
            ``number`` to number the rows of equal keys.
        """
        body = draw_body(method, {**options, "keyed": True, "ref": ref, "table": table})
        (drawn,) = body.pop("rounds")
        body |= {"name": name, "rotation": number_of("rotation", rotation), "round": drawn}
        path = f"/api/sampling/datasets/{self.id}/panels"
        return Panel(self._transport, self._transport.json("POST", path, body))

    def samples(self, *, limit: int = 100) -> list[Sample]:
        """Return the samples that were drawn from the dataset, newest first, up to a limit."""
        found = self._transport.pages("/api/jobs", "jobs", self._drawn(), most=limit)
        return [self._sample(each["id"]) for each in found]

    def sample_of(self, name: str) -> Sample:
        """Return the sample of this name that was drawn from the dataset.

        Raises
        ------
        JobsvcError
            There is none.
        """
        names: dict[str, str] = {}
        for each in self._transport.pages("/api/jobs", "jobs", self._drawn()):
            if each["output_name"] is not None:
                names.setdefault(str(each["output_name"]), each["id"])
        if _joined(name) not in names:
            raise _no_sample(name, list(names))
        return self._sample(names[_joined(name)])

    def _drawn(self) -> dict[str, Any]:
        """The query of the completed draws."""
        return {"dataset_id": self.id, "run_type": "sampling", "status": "completed"}

    def _sample(self, job_id: str) -> Sample:
        return _sample_of(self._transport, self._transport.json("GET", f"/api/jobs/{job_id}"))

    def panels(self) -> list[Panel]:
        """Return the panels of the dataset, oldest first."""
        path = f"/api/sampling/datasets/{self.id}/panels"
        found = self._transport.pages(path, "panels")
        return [Panel(self._transport, {**one, "waves": []}).refresh() for one in found]

    def schedules(self) -> list[dict[str, Any]]:
        """Return the schedules of the dataset, with their ``next_runs`` and ``last_job_id``."""
        return self._transport.pages("/api/schedules", "schedules", {"dataset_id": self.id})

    def schedule_runs(self, schedule_id: int) -> list[dict[str, Any]]:
        """Return the runs of a schedule that begins with data, newest first."""
        return self._transport.pages(f"/api/schedules/{schedule_id}/runs", "runs", {})

    def schedule_figures(
        self, schedule_id: int, statistic: str, **options: Unpack[RunFigureArguments]
    ) -> dict[str, Any]:
        """Estimate a figure of each run of a schedule, and of all runs together.

        Parameters
        ----------
        statistic : str
            ``mean``, ``total``, ``proportion``, ``count`` or ``ratio``.
        column, denominator : str
            Its column; of a ratio the divisor, too.
        value
            Of a proportion: the value whose share is estimated.
        values : str
            ``table``; ``findings`` with the columns ``finding`` and ``is_exception``; or
            ``answers`` with a column for each question.
        pooling : str
            ``average`` of the runs, or runs as ``strata`` of one population.
        filters : str, optional
            Only rows that match, such as ``amount > 0``.
        judge : str or sequence of str
            Columns with a judge's opinion, which make each run's figure more precise.

        Returns
        -------
        dict
            ``runs``, each with ``estimate``, ``ci_low`` and ``ci_high``, ``since_last`` and
            ``since_first``, ``pooled``, and ``notes`` that say what the figures assume.
        """
        body: dict[str, Any] = dict(options)
        if isinstance(body.get("filters"), str):
            body["filters"] = {"expression": body["filters"]}
        if "judge" in body:
            body["judge"] = listed(body["judge"])
        path = f"/api/schedules/{schedule_id}/figures"
        return self._transport.json("POST", path, {"statistic": statistic, **body})

    def sql(
        self,
        statement: str,
        *,
        with_tables: Columns | None = None,
        **options: Unpack[StoredArguments],
    ) -> RowsJob:
        """Run one SELECT on the dataset's tables; ``data`` is the only table.

        With a name the result is stored as a saved query. ``with_tables`` names further tables to
        read: ``uploads`` and ``findings`` of the sample that ``ref`` names, and other versions.
        """
        further = None if with_tables is None else listed(with_tables)
        return self._submitted(
            RowsJob, "exploration", sql=statement, with_tables=further, **options
        )

    def profile(self, columns: Columns | None = None, **options: Unpack[TableArguments]) -> Report:
        """Profile a column, several, or all columns of a table."""
        names = None if columns is None else listed(columns)
        return self._submitted(Report, "profiling", columns=names, **options)

    def report(
        self,
        *,
        compare_to: str | Mapping[str, Any] | None = None,
        **options: Unpack[TableArguments],
    ) -> Report:
        """Make a report of a table, compared with another version if one is named."""
        return self._submitted(Report, "exploration", compare_to=_compared(compare_to), **options)

    def changed_rows(
        self,
        compare_to: str | Mapping[str, Any],
        keys: Columns | None = None,
        *,
        duplicates: str | None = None,
        **options: Unpack[StoredArguments],
    ) -> RowsJob:
        """List the rows that were added, removed or changed up to another version.

        Without keys the row key of the table identifies a row. With ``duplicates="number"`` rows
        of one key that differ least are partners. With a name the rows are stored as a saved query.
        """
        by_key = {"row_diff": True} if keys is None else {"keys": listed(keys)}
        return self._submitted(
            RowsJob,
            "exploration",
            compare_to=_compared(compare_to),
            **by_key,
            duplicates=duplicates,
            **options,
        )

    def audit_test(self, test: str, **options: Unpack[AuditTestArguments]) -> AuditTest:
        """Find rows by an audit test.

        With a name the rows are stored as a saved query.

        Parameters
        ----------
        test : str
            ``duplicates``, ``near_duplicates``, ``gaps``, ``benford``, ``cutoff``, ``weekend`` or
            ``unmatched``; with its parameters as docs/AUDIT_TESTS.md lists them.
        """
        body: dict[str, Any] = dict(options)
        for each in ("columns", "loose_columns", "series_columns", "other_columns"):
            if isinstance(body.get(each), str):
                body[each] = listed(body[each])
        path = f"/api/datasets/{self.id}/audit-tests/{test}"
        answer = self._transport.json("POST", path, given(**body), creates_job=True)
        return self._job(AuditTest, answer).wait()

    def __repr__(self) -> str:
        lines = [f"Dataset {self.name} ({self.id})", *(f"Note: {note}" for note in self.notes)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = {
            f"{ref['name']}: {table['table_key']}": f"{table['row_count']:,} rows"
            for ref in self._overview()
            for table in ref["tables"]
        }
        notes = "".join(map(paragraph, self.notes))
        return heading(f"Dataset {self.name}", self.url) + facts(tables.items()) + notes

    def _overview(self) -> list[dict[str, Any]]:
        return self._transport.pages(f"/api/datasets/{self.id}/overview", "refs")

    def _draw_body(self, method: str, options: DrawOptions) -> dict[str, Any]:
        """The body of a draw; with a margin of error the server finds its size."""
        body = draw_body(method, options)
        margin = options.get("margin")
        if margin is None:
            return body
        share = number_of("margin", margin)
        (design,) = body["rounds"]
        request: dict[str, Any] = {"goal": {"margin": share}, "design": design}
        request |= {name: body[name] for name in ("source_ref", "table_key") if name in body}
        found = self._computed("size", request)
        goal = {"margin": share, "confidence": found["confidence"]}
        body["rounds"] = [{**design, "parameters": found["parameters"], "goal": goal}]
        return body

    def _computed(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/api/sampling/datasets/{self.id}/{name}"
        return self._transport.json("POST", path, body, repeatable=True)

    def _submitted(self, kind: type[AnyJob], run_type: str, **arguments: Any) -> AnyJob:
        """Submit a job without the arguments that are None, and wait for its end."""
        path = f"/api/{run_type}/datasets/{self.id}/jobs"
        answer = self._transport.json("POST", path, given(**arguments), creates_job=True)
        return self._job(kind, answer).wait()

    def _job(self, kind: type[AnyJob], answer: dict[str, Any]) -> AnyJob:
        """Return the job of the answer to a submission."""
        return kind(self._transport, {"id": answer["job_id"], "status": "pending"}).refresh()


def _sample_of(transport: Transport, info: dict[str, Any]) -> Sample:
    """The sample, or the split, of a job."""
    rounds = info["run_parameters"]["rounds"]
    is_split = rounds[0]["method"] == DIVIDING_METHOD
    return (Split if is_split else Sample)(transport, info)


def _joined(name: str) -> str:
    """The name as the server stores it, with hyphens for spaces."""
    return "-".join(name.split())


def _parquet_name(dataset: str) -> str:
    """The name of a frame's file, which the import shows."""
    return f"{re.sub('[^A-Za-z0-9_.-]+', '-', dataset)}.parquet"


def _no_sample(name: str, names: Sequence[str]) -> JobsvcError:
    close = get_close_matches(name, names, n=1)
    listed = f"Available: {', '.join(names[:20])}." if names else None
    hint = f'Did you mean "{close[0]}"?' if close else listed
    return JobsvcError(f'There is no sample "{name}".', "not_found", hint=hint)


def _compared(other: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a version as the API takes it."""
    return {"source_ref": other} if isinstance(other, str) else other
