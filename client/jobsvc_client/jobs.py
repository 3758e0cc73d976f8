"""Jobs of a server: waiting for them, and reading their results."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from jobsvc_client.arguments import (
    Columns,
    Number,
    checked_keywords,
    exact_text,
    given,
    keywords,
    listed,
    plain,
    quoted_list,
    without_nan,
)
from jobsvc_client.column_types import with_types_of
from jobsvc_client.designs import SamplingDesign
from jobsvc_client.display import facts, heading, paragraph
from jobsvc_client.draws import Filter, filter_body
from jobsvc_client.errors import JobFailed, JobsvcError
from jobsvc_client.fields import (
    ChangeOptions,
    ClassificationOptions,
    ConfidenceOptions,
    EstimateOptions,
    EvaluationOptions,
    PaperFacts,
    RowsOptions,
    SharedRowsOptions,
    WeightsOptions,
)
from jobsvc_client.frames import (
    Frame,
    Library,
    attachment_name,
    column_names,
    existing_file,
    from_parquet,
    to_parquet,
    with_known_totals,
    write_file,
)
from jobsvc_client.progress import progress_bar
from jobsvc_client.results import (
    Changes,
    ClassificationResult,
    Estimates,
    Evaluation,
    UploadedValues,
    groups_table,
)
from jobsvc_client.transport import PAGE, Transport

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

FIRST_POLL_S, MAX_POLL_S = 0.05, 1.0
ENDED = ("completed", "failed")


@checked_keywords
class Job:
    """A job; ``info`` has all that the server says about it, as of the last request."""

    def __init__(self, transport: Transport, info: dict[str, Any]) -> None:
        self._transport = transport
        self.info = info

    @property
    def id(self) -> str:
        """The id of the job."""
        return str(self.info["id"])

    @property
    def status(self) -> str:
        """One of pending, running, completed and failed."""
        return str(self.info["status"])

    @property
    def url(self) -> str:
        """The address of the job's page."""
        return f"{self._transport.url}/jobs/{self.id}"

    def refresh(self) -> Self:
        """Read the job again."""
        info = self._transport.json("GET", f"/api/jobs/{self.id}")
        for field in ("id", "status", "progress"):  # without them no wait would end
            info[field]
        self.info = info
        return self

    def wait(self, *, progress: bool = True, timeout_s: float | None = None) -> Self:
        """Wait until the job has ended, with a progress bar if it takes long.

        Raises
        ------
        JobsvcError
            The job failed, or hasn't ended within ``timeout_s``, with the code ``not_ended``.
        """
        with progress_bar(self.info.get("run_type", "job"), is_shown=progress) as show:
            for info in self.states(timeout_s=timeout_s):
                show(info["progress"])
        return self

    def states(
        self, *, timeout_s: float | None = None, max_poll_s: float = MAX_POLL_S
    ) -> Iterator[dict[str, Any]]:
        """Read the job again and again until it has ended, and yield ``info`` each time.

        The wait between two requests doubles from 0.05 s up to ``max_poll_s``.

        Raises
        ------
        JobsvcError
            As of :meth:`wait`.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        poll_s = FIRST_POLL_S
        while self.status not in ENDED:
            if end is not None and time.monotonic() >= end:
                raise JobsvcError(
                    f"Job {self.id} hasn't ended within {timeout_s:g} s; it continues.",
                    "not_ended",
                    hint="Call wait() again.",
                )
            time.sleep(poll_s)
            poll_s = min(2 * poll_s, max_poll_s)
            yield self.refresh().info
        if self.status == "failed":
            raise JobFailed(self.info)

    def cancel(self) -> Self:
        """Cancel the job if it hasn't ended."""
        self._transport.json("POST", f"/api/jobs/{self.id}/cancel")
        return self.refresh()

    def schedule(
        self,
        name: str,
        cron: str,
        *,
        zone: str = "UTC",
        exclude_drawn_by: Columns = (),
        misfire: str | None = None,
        begin_with: Job | str | None = None,
        uri: Columns = (),
        profile: bool = False,
        questions: Mapping[str, Any] | None = None,
        same_questions: bool = False,
    ) -> dict[str, Any]:
        """Let the server repeat this draw or profile, with new seeds on the newest data.

        Parameters
        ----------
        name : str
            Samples are named by it and their time.
        cron : str
            Minute, hour, day of the month, month, day of the week: ``"0 6 * * MON"``.
        zone : str
            An IANA time zone.
        exclude_drawn_by : str or sequence of str
            The column or columns that identify a row, to draw no row that this or an earlier run
            drew.
        misfire : str, optional
            What to do with times at which the server didn't run: ``run`` or ``skip``.
        begin_with : Job or str, optional
            An attachment, or an import of a URI, whose request each run repeats first; after
            ``dataset.attach(…)`` it is ``dataset.version_job``.
        uri : str or sequence of str
            The URI of each run with its date: ``"s3://lake/ledger/day={yesterday}/"``.
        profile : bool
            Whether each run profiles the new version, too.
        questions : mapping, optional
            What reviewers are asked about each sample that a run draws, as the API takes it:
            ``{"questions": [{"name": "is_bad", "type": "yes_no", "text": "Is it bad?"}]}``.
        same_questions : bool
            Whether each sample asks what this one asks, with its hidden columns and reviewers.

        Returns
        -------
        dict
            The schedule, with its ``id`` and ``next_runs``.

        Raises
        ------
        JobsvcError
            There is a ``uri`` or a ``profile`` without ``begin_with``, or the server refuses it.
        """
        body = {"job_id": self.id, "name": name, "cron": cron, "zone": zone}
        columns = {"exclude_drawn_by": listed(exclude_drawn_by)}
        source = None
        if begin_with is None and (listed(uri) or profile):
            text = "`uri` and `profile` are of the data with which each run begins."
            raise JobsvcError(text, "invalid_argument", hint="Give `begin_with`, too.")
        if begin_with is not None:
            job_id = begin_with if isinstance(begin_with, str) else begin_with.id
            source = {"job_id": job_id, "uri": listed(uri), "profile": profile}
        asked = given(questions=questions, same_questions=same_questions or None)
        more = given(misfire=misfire, source=source) | asked
        return self._transport.json("POST", "/api/schedules", {**body, **columns, **more})

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.id} ({self.status})"

    def _completed(self) -> dict[str, Any]:
        """The summary of the completed job."""
        self.wait()
        summary: dict[str, Any] = self.info["output_summary"]
        return summary


@checked_keywords
class RowsJob(Job):
    """A job whose result is a table: a sample, a query or the rows that differ."""

    def _rows_path(self) -> str:
        return f"/api/exploration/jobs/{self.id}/result"

    def frame(
        self,
        library: Library = "pandas",
        *,
        columns: Columns | None = None,
        types_of: Frame | None = None,
        exact_decimals: bool = False,
    ) -> Any:
        """Return the rows as a frame of ``pandas``, ``polars`` or ``arrow``.

        Parameters
        ----------
        columns : str or sequence of str
            Only these columns.
        types_of : frame
            A frame of the same library, such as the uploaded one: columns of the same names get its
            types, which the server doesn't all keep: time zones, durations and categories.
        exact_decimals : bool
            Whether amounts are ``Decimal`` objects in pandas, which has no decimals of its own;
            they are floating-point numbers otherwise, without ``types_of``. Those of Polars and
            Arrow are always exact.
        """
        exact = exact_decimals or types_of is not None
        rows = self._frame(self._rows_path(), library, columns, exact_decimals=exact)
        return rows if types_of is None else with_types_of(rows, types_of)

    def _frame(
        self,
        path: str,
        library: Library,
        columns: Columns | None,
        *,
        exact_decimals: bool = False,
        **more: Any,
    ) -> Any:
        self.wait()
        query = {"format": "parquet", "columns": quoted_list(columns), **given(**more)}
        content = self._transport.content(path, query)
        return from_parquet(content, library, exact_decimals=exact_decimals)

    def to_pandas(
        self,
        *,
        columns: Columns | None = None,
        types_of: pandas.DataFrame | None = None,
        exact_decimals: bool = False,
    ) -> pandas.DataFrame:
        """Return the rows as a frame of pandas; see :meth:`frame`."""
        frame: pandas.DataFrame = self.frame(
            "pandas", columns=columns, types_of=types_of, exact_decimals=exact_decimals
        )
        return frame

    def to_polars(
        self, *, columns: Columns | None = None, types_of: polars.DataFrame | None = None
    ) -> polars.DataFrame:
        """Return the rows as a frame of Polars; see :meth:`frame`."""
        frame: polars.DataFrame = self.frame("polars", columns=columns, types_of=types_of)
        return frame

    def to_arrow(
        self, *, columns: Columns | None = None, types_of: pyarrow.Table | None = None
    ) -> pyarrow.Table:
        """Return the rows as a table of Arrow; see :meth:`frame`."""
        table: pyarrow.Table = self.frame("arrow", columns=columns, types_of=types_of)
        return table

    def save(
        self, path: str | Path, *, columns: Columns | None = None, **options: Unpack[RowsOptions]
    ) -> Path:
        """Write the rows to a file: .csv, .parquet, .arrow, .xlsx or .jsonl.

        Parameters
        ----------
        columns : str or sequence of str
            Only these columns.
        **options
            ``filters``, ``order_by``, ``order_desc``, ``offset`` and ``limit`` choose rows;
            ``formula_safe`` and ``bom`` say how to write CSV.
        """
        self.wait()
        ending = Path(path).suffix.removeprefix(".")
        query = {"format": ending, "columns": quoted_list(columns), **options}
        return write_file(path, self._transport.content(self._rows_path(), query))


@checked_keywords
class AuditTest(RowsJob):
    """An audit test of a table: its found rows, and what it says of them."""

    def result(self) -> dict[str, Any]:
        """Return its figures, tables and assumptions, as the API gives them."""
        return self._transport.json("GET", self._path())

    def paper(self, path: str | Path, *, language: str | None = None) -> Path:
        """Write the paper to a file that ends with .html or .xlsx.

        Its ``language`` is en, de or fr, by default that of the server's template.
        """
        query = given(format=Path(path).suffix[1:], language=language)
        return write_file(path, self._transport.content(f"{self._path()}/paper", query))

    def _path(self) -> str:
        return f"/api/exploration/jobs/{self.wait().id}/audit-test"


@checked_keywords
class Report(Job):
    """A report or a profile of a table."""

    def result(self) -> dict[str, Any]:
        """Return its figures, as the API gives them."""
        return self._transport.json("GET", self._path())

    def save(self, path: str | Path) -> Path:
        """Write a report as one self-contained HTML page."""
        return write_file(path, self._transport.content(self._path(), {"format": "html"}))

    def _path(self) -> str:
        return f"/api/{self.wait().info['run_type']}/jobs/{self.id}/result"


@checked_keywords
class Sample(RowsJob):
    """A sample of a dataset: its rows, estimates, findings and papers."""

    @property
    def name(self) -> str:
        """The name of the sample, or the first digits of its id."""
        return str(self.info.get("output_name") or self.id[:8])

    @property
    def size(self) -> int:
        """How many rows were drawn."""
        return int(self._completed()["total_sampled"])

    @property
    def source_rows(self) -> int:
        """How many rows the source has."""
        return int(self._completed()["source_rows"])

    @property
    def continues(self) -> dict[str, Any] | None:
        """The examined sample that this one continues, with the findings that came along."""
        found: dict[str, Any] | None = self._completed().get("continues")
        return found

    def comparison(self) -> dict[str, Any]:
        """Return the representativeness check, with its ``verdict``; wait until it is made."""
        return self._transport.json_when_ready(f"{self._path()}/comparison", {})

    def estimate(
        self,
        statistic: str | None = None,
        column: str | None = None,
        *,
        value: Any = ...,
        denominator: str | None = None,
        q: float | None = None,
        statistics: Sequence[Mapping[str, Any]] = (),
        by: Columns = (),
        filters: Filter | None = None,
        values: int | str | UploadedValues | None = None,
        judge: Columns = (),
        **options: Unpack[EstimateOptions],
    ) -> Estimates:
        """Estimate figures of the population.

        Parameters
        ----------
        statistic : str
            ``mean``, ``total``, ``proportion`` (of a ``value``), ``ratio`` (by a ``denominator``),
            ``quantile`` (``q``, 0.5 is the median) or ``count``.
        column : str
            A column of the sample.
        statistics : sequence of mapping
            Several figures at once, each with ``statistic``, ``column`` and so on.
        by : str or sequence of str
            Columns of groups.
        filters : str or mapping
            Only rows that match a filter.
        values : UploadedValues, int or str
            What :meth:`upload_values` returned, or its number: estimate its columns. Or
            ``"answers"``, with a column for each question, or ``"findings"``.
        judge : str or sequence of str
            Columns with the opinions of a model or a rule, which needn't be right: short for
            ``calibrate={"method": "judge", "columns": [...]}``. Each estimate then has ``judge``:
            people alone, the judge alone and both.
        **options
            The other fields of the request, such as ``confidence``, ``calibrate`` (whose
            ``totals`` may be a mapping or a frame), ``nonresponse`` and ``true_values``;
            docs/ESTIMATES.md.

        Examples
        --------
        >>> sample.estimate("total", "amount", by="region")  # doctest: +SKIP
        >>> sample.estimate("mean", "is_bad", judge="judged_bad")  # doctest: +SKIP
        """
        figures = [dict(each) for each in statistics]
        if statistic is not None:
            named = given(statistic=statistic, column=column, denominator=denominator, q=q)
            figures.append(named if value is ... else {**named, "value": value})
        weighting = with_known_totals(options)
        if judge:
            if "calibrate" in weighting:
                raise JobsvcError("`judge` can't be combined with `calibrate`.", "invalid_argument")
            weighting["calibrate"] = {"method": "judge", "columns": listed(judge)}
        body = given(
            **weighting,
            statistics=figures,
            by=listed(by) or None,
            filters=None if filters is None else filter_body(filters),
            values=_number_of(values),
        )
        return Estimates(self._computed("estimates", body))

    def classification(
        self,
        truth: str,
        flagged: str,
        *,
        by: Columns = (),
        filters: Filter | None = None,
        values: int | str | UploadedValues | None = None,
        **options: Unpack[ClassificationOptions],
    ) -> ClassificationResult:
        """Estimate precision, recall and missed rows of a model or rule.

        Parameters
        ----------
        truth : str
            The column with the truth: true or false, 0 or 1, or a class.
        flagged : str
            The column of the model: true or false, 0 or 1, a number with a ``threshold``, or a
            class.
        by : str or sequence of str
            Columns of groups.
        filters : str or mapping
            Only rows that match a filter.
        values : int, str or UploadedValues
            ``findings``, ``latest`` or the number of an upload; for what :meth:`upload_values`
            returned, its number.
        **options
            The other fields of the request, such as ``threshold``, ``positive``,
            ``amount_column`` and ``confidence``; docs/CLASSIFICATION.md.

        Examples
        --------
        >>> sample.classification(truth="is_bad", flagged="judge")  # doctest: +SKIP
        """
        body = given(
            **options,
            truth=truth,
            flagged=flagged,
            by=listed(by) or None,
            filters=None if filters is None else filter_body(filters),
            values=_number_of(values),
        )
        return ClassificationResult(self._computed("classification", body))

    def change(
        self,
        other: Sample | str,
        statistic: str | None = None,
        column: str | None = None,
        *,
        value: Any = ...,
        denominator: str | None = None,
        statistics: Sequence[Mapping[str, Any]] = (),
        by: Columns = (),
        filters: Filter | None = None,
        key: Columns = (),
        values: int | str | UploadedValues | None = None,
        **options: Unpack[ChangeOptions],
    ) -> Changes:
        """Estimate the change of figures from this sample to another.

        Parameters
        ----------
        other : Sample or str
            The other sample, or the id of its job.
        statistic, column, value, denominator, statistics, by, filters
            As for :meth:`estimate`; a quantile has no change.
        key : str or sequence of str
            The columns that identify a row; by default the key of both orders or of the table.
        values : int, str or UploadedValues
            ``findings``, ``latest`` or the number of an upload of each sample; for what
            :meth:`upload_values` returned, its number.

        Examples
        --------
        >>> sample.change(later, "mean", "amount", by="region")  # doctest: +SKIP
        """
        figures = [dict(each) for each in statistics]
        if statistic is not None:
            named = given(statistic=statistic, column=column, denominator=denominator)
            figures.append(named if value is ... else {**named, "value": value})
        body = given(
            **options,
            with_job=_id_of(other),
            statistics=figures,
            by=listed(by) or None,
            filters=None if filters is None else filter_body(filters),
            key=listed(key) or None,
            values=_number_of(values),
        )
        return Changes(self._computed("change", body))

    def changed_values(
        self,
        other: Sample | str,
        columns: Columns = (),
        *,
        key: Columns = (),
        values: int | str | UploadedValues | None = None,
        **options: Unpack[SharedRowsOptions],
    ) -> list[dict[str, Any]]:
        """List the values that differ between the rows in this sample and another.

        Each has the row's ``key``, the ``column``, and ``old`` and ``new`` as texts.

        Parameters
        ----------
        other : Sample or str
            The other sample, or the id of its job.
        columns : str or sequence of str
            The columns to compare; by default all that both samples have.
        key, values
            As for :meth:`change`.
        """
        query = given(
            **options,
            with_job=_id_of(other),
            columns=quoted_list(columns or None),
            key=quoted_list(key or None),
            values=_number_of(values),
        )
        return self._transport.pages(f"{self._path()}/changed-values", "data", query)

    def upload_values(
        self, values: Frame | str | Path, key: Columns = (), name: str | None = None
    ) -> UploadedValues:
        """Upload values of the sampled rows from elsewhere, such as the results of a test.

        Parameters
        ----------
        values : frame, str or Path
            A frame of pandas, Polars or Arrow, or a file.
        key : str or sequence of str
            The columns that identify a row, in the sample and in the values; by default
            ``_logical_row_id``.
        name : str, optional
            What the values are, as lists of uploads show it; by default the name of the file, or
            the names of the frame's first columns of values.

        Returns
        -------
        UploadedValues
            The upload, for ``sample.estimate("total", "audited", values=uploaded)``. It states how
            many of the sampled rows have a value.
        """
        is_file = isinstance(values, str | Path)
        content = existing_file(values) if is_file else to_parquet(values)
        names = listed(key)
        if isinstance(content, Path):
            stem, ending = content.name, "".join(content.suffixes[-2:])
            file_name = f"{name}{ending}" if name else stem
        else:
            others = [
                each for each in column_names(values) if each not in (*names, "_logical_row_id")
            ]
            file_name = f"{name or ', '.join(others[:3]) or 'values'}.parquet"
        file_name = re.sub(r"[/\\:\0]+", "-", file_name)
        fields = {"key": json.dumps(plain(names))} if names else {}
        answer = self._transport.upload(f"{self._path()}/values", file_name, content, fields)
        return UploadedValues(answer, file_name)

    def evaluate(
        self,
        tolerable: Number | None = None,
        *,
        kind: str | None = None,
        **options: Unpack[EvaluationOptions],
    ) -> Evaluation:
        """Evaluate the sample by its findings.

        Parameters
        ----------
        tolerable : float or str
            Below 1, or as a percentage such as ``"5%"``, a share of the rows or of the book value
            evaluated; from 1 an amount, such as ``"250.000,00"``. By default the materiality of
            the recorded plan.
        kind : str
            ``attributes``, ``two_stage``, ``monetary_unit``, ``variables`` or ``sequential``; by
            default the one that fits how the sample was planned and drawn.
        confidence : float or str
            By default that of the recorded plan, else 0.95.
        **options
            Parameters of the kind, such as ``book_column``; see docs/AUDIT.md.
        """
        body = given(tolerable=tolerable, kind=kind, **options)
        return Evaluation(self._computed("evaluation", body))

    def agreement(self, **options: Unpack[ConfidenceOptions]) -> dict[str, Any]:
        """Return how far the two readings of the sample's rows agree.

        Each of ``questions`` has the ``share`` of equal answers, Cohen's ``kappa`` and
        Krippendorff's ``alpha`` with their limits, and a ``table`` of who said what.

        Parameters
        ----------
        **options
            ``confidence``, by default 0.95.
        """
        written = [
            (name, each) for name, each in options.items() if isinstance(each, int | float | str)
        ]
        query = {name: exact_text(each) for name, each in written}
        return self._transport.json("GET", f"{self._path()}/agreement", query=query)

    def differing_readings(self) -> list[dict[str, Any]]:
        """Return the rows whose two readings differ, with both answers and the decision."""
        return self._transport.pages(f"{self._path()}/agreement/differences", "rows")

    def findings(self) -> list[dict[str, Any]]:
        """Return the rows to examine, each with its newest ``finding`` or None."""
        return self._transport.pages(f"{self._path()}/findings", "items")

    @keywords(may_have_nan=("findings",))
    def add_findings(self, findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """Enter findings, up to 1,000 with each request; return the counts by outcome.

        Each has ``row_id`` and ``outcome`` (``ok``, ``exception``, ``not_applicable`` or
        ``not_examinable``), and may have ``audit_value`` (decimal digits as text) and ``note``.
        """
        entries = [{name: without_nan(one) for name, one in each.items()} for each in findings]
        counts: dict[str, int] = {}
        for first in range(0, len(entries), PAGE):
            body = {"findings": entries[first : first + PAGE]}
            counts = self._transport.json("POST", f"{self._path()}/findings", body)["counts"]
        return counts

    def attach(
        self, file: str | Path, *, row_id: str | None = None, note: str = ""
    ) -> dict[str, Any]:
        """Attach a file to a row of the sample, or to the sample; return the attachment.

        Parameters
        ----------
        file : str or Path
            A PDF, an image, an e-mail or any other file of at most 32 MiB.
        row_id : str, optional
            The row, by its row id or its key. By default the file is attached to the sample.
        note : str
            What the file shows.
        """
        path = existing_file(file)
        fields = {**given(row_id=row_id), **({"note": note} if note else {})}
        return self._transport.upload(f"{self._path()}/attachments", path.name, path, fields)

    def attachments(self, *, removed: bool = False) -> list[dict[str, Any]]:
        """Return the files attached to the sample and its rows; ``removed``: removed ones, too."""
        query = {"removed": "true"} if removed else {}
        return self._transport.pages(f"{self._path()}/attachments", "attachments", query)

    def save_attachments(self, folder: str | Path) -> list[Path]:
        """Write the attachments into a folder, and return their paths: id and name of each."""
        target = Path(folder)
        if not target.is_dir():
            raise JobsvcError(f"{target} isn't a folder.", "no_file")
        return [
            write_file(
                target / attachment_name(each),
                self._transport.content(f"{self._path()}/attachments/{each['id']}", {}),
            )
            for each in self.attachments()
        ]

    def remove_attachment(self, attachment_id: int, reason: str) -> dict[str, Any]:
        """Remove an attachment, which stays in the history; return it."""
        path = f"{self._path()}/attachments/{attachment_id}"
        return self._transport.json("DELETE", path, {"reason": reason})

    def questions(self) -> dict[str, Any]:
        """Return the ``questions`` about the rows, and the ``shown`` and ``hidden`` columns."""
        return self._transport.json("GET", f"{self._path()}/questions")

    def ask(
        self,
        questions: Iterable[Mapping[str, Any]] = (),
        *,
        hidden: Columns = (),
        shown: Columns = (),
        second_readings: Number = 0,
        reviewers: Columns = (),
    ) -> dict[str, Any]:
        """Choose the questions about the rows, before the first answer.

        Parameters
        ----------
        questions : iterable of mapping
            Each has ``name``, ``type`` (``yes_no``, ``choice``, ``number``, ``amount`` or
            ``text``) and ``text``; a choice has ``choices``; it may have ``help`` and
            ``required``. Without questions reviewers enter findings.
        hidden, shown : str or sequence of str
            Columns that reviewers don't see; those that they see, by default all others.
        second_readings : float or str
            The share of the rows that a second person answers, too, such as ``"10%"``.
        reviewers : str or sequence of str
            Users who may answer, whatever their level in the dataset.
        """
        body = {
            "questions": [dict(each) for each in questions],
            "hidden": listed(hidden),
            "shown": listed(shown),
            "second_readings": second_readings,
            "reviewers": listed(reviewers),
        }
        return self._transport.json("PUT", f"{self._path()}/questions", body)

    def review_next(self, task: str = "read") -> dict[str, Any]:
        """Reserve the next ``row`` to answer, or to ``decide``; it is None with a ``reason``."""
        return self._transport.json("POST", f"{self._path()}/review-queue/next", {"task": task})

    def answer(
        self,
        row_id: str,
        answers: Mapping[str, Any] | None = None,
        *,
        outcome: str | None = None,
        note: str = "",
        reading: str | None = None,
        previous_id: int | None = None,
    ) -> int:
        """Answer the questions about a row; return the id of the entry.

        Parameters
        ----------
        answers : mapping
            By the names of the questions.
        outcome : str
            ``not_examinable`` if the row can't be judged, ``not_applicable`` if it doesn't belong
            to the population.
        reading : str
            ``first``, ``second`` or ``decision``; by default as reserved.
        previous_id : int
            The newest entry of this reading that you have seen, 0 for none.
        """
        body = given(
            row_id=row_id,
            answers=answers or {},
            outcome=outcome,
            note=note,
            reading=reading,
            previous_id=previous_id,
        )
        found = self._transport.json("POST", f"{self._path()}/answers", {"answers": [body]})
        return int(found["ids"][0])

    def answers(self) -> list[dict[str, Any]]:
        """Return the rows, each with its readings and which of them counts."""
        return self._transport.pages(f"{self._path()}/answers", "rows")

    def upload_answers(
        self, answers: Frame | str | Path, key: Columns = (), *, reading: str = "first"
    ) -> dict[str, Any]:
        """Enter the answers of a frame or a file, all or none; return what its lines entered.

        Parameters
        ----------
        answers : frame, str or Path
            With a column for each question, or Label Studio's JSON export.
        key : str or sequence of str
            The columns that identify a row; by default ``_logical_row_id``, or the row key.
        reading : str
            ``first``, ``second`` or ``decision``, of all lines.
        """
        is_file = isinstance(answers, str | Path)
        content = existing_file(answers) if is_file else to_parquet(answers)
        name = content.name if isinstance(content, Path) else "answers.parquet"
        fields = {"reading": reading, "key": json.dumps(plain(listed(key)))}
        found = self._transport.upload(f"{self._path()}/answers", name, content, fields)
        entered: dict[str, Any] = found["file"]
        return entered

    def answers_table(self, name: str | None = None, *, with_readers: bool = False) -> RowsJob:
        """Make a table of the answers; its name is by default ``labels-`` and the sample's.

        It has the row key, ``row_id``, the answer that counts of each question, typed, ``outcome``,
        ``note``, ``reading``, ``readings``, and the draw's inclusion probability and weight.
        ``with_readers`` adds who answered, and when. The ref ``expl-<name>`` names it.
        """
        body = given(output_name=name, with_readers=with_readers)
        path = f"{self._path()}/answers/table"
        made = self._transport.json("POST", path, body, creates_job=True)
        job = RowsJob(self._transport, {"id": made["job_id"], "status": "pending"})
        return job.refresh().wait()

    def replace(self, row_id: str, reason: str) -> str:
        """Replace a row that can't be examined; return the id of the next row of the order."""
        body = {"row_id": row_id, "reason": reason}
        answer = self._transport.json("POST", f"{self._path()}/replacements", body)
        return str(answer["replacement_row_id"])

    def working_paper(
        self,
        path: str | Path,
        tolerable: Number | None = None,
        *,
        kind: str | None = None,
        language: str | None = None,
        **options: Unpack[EvaluationOptions],
    ) -> Path:
        """Write the working paper to a file that ends with .html or .xlsx.

        Its ``language`` is en, de or fr, by default that of its facts.
        """
        query = {
            **given(tolerable=tolerable, kind=kind, language=language, **options),
            "format": Path(path).suffix[1:],
        }
        for name in ("tolerable", "confidence"):
            if name in query:
                query[name] = exact_text(query[name])
        return write_file(path, self._transport.content(f"{self._path()}/working-paper", query))

    def paper_facts(self, **facts: Unpack[PaperFacts]) -> dict[str, Any]:
        """Enter facts of the working paper, and return all ``facts`` and what is ``missing``.

        Parameters
        ----------
        **facts
            Such as ``client_name`` and ``objective``; those that aren't given stay as they are,
            and an empty text clears one. Without any, nothing is entered.
        """
        if body := given(**facts):
            return self._transport.json("PATCH", f"{self._path()}/paper-facts", body)
        return self._transport.json("GET", f"{self._path()}/paper-facts")

    def issue_paper(
        self,
        path: str | Path,
        tolerable: Number | None = None,
        *,
        kind: str | None = None,
        language: str | None = None,
        **options: Unpack[EvaluationOptions],
    ) -> dict[str, Any]:
        """Issue a working paper, and write it to a file that ends with .html or .xlsx.

        The server keeps the file and enters its SHA-256 in the ledger of the dataset.

        Returns
        -------
        dict
            Its ``number``, ``sha256``, ``ledger_number`` and ``review_state``.
        """
        body = given(tolerable=tolerable, kind=kind, language=language, **options)
        body["format"] = Path(path).suffix[1:]
        issued = self._transport.json("POST", f"{self._path()}/papers", body)
        write_file(path, self._transport.content(f"{self._path()}/papers/{issued['number']}", {}))
        return issued

    def issued_papers(self) -> list[dict[str, Any]]:
        """Return the issued working papers, the newest first."""
        return self._transport.pages(f"{self._path()}/papers", "papers")

    def papers_together(self) -> list[dict[str, Any]]:
        """Return the issued papers on this sample and others together, the newest first."""
        path = "/api/audit/combined-evaluation/papers"
        return self._transport.pages(path, "papers", {"job_id": self.id})

    def certificate(
        self, path: str | Path | None = None, *, number: int | None = None
    ) -> dict[str, Any]:
        """Return the signed certificate of the sample, and write it to a file.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it, with the bytes that the server sent.
        number : int, optional
            An earlier certificate, of before a replacement.
        """
        return self._envelope("certificate", path, number)

    def evaluation_certificate(
        self, path: str | Path | None = None, *, number: int | None = None
    ) -> dict[str, Any]:
        """Return the signed certificate of the findings and their evaluation, and write it.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it, with the bytes that the server sent.
        number : int, optional
            An earlier certificate.
        """
        return self._envelope("evaluation-certificate", path, number)

    def evidence(self, path: str | Path, *, data: bool = True, attachments: bool = False) -> Path:
        """Write everything that a verifier of the sample needs to a ZIP file.

        Parameters
        ----------
        path : str or Path
            Where to write it.
        data : bool
            Whether it has ``data.csv``, with which a verifier draws the sample again.
        attachments : bool
            Whether it has the attached files.
        """
        query = {"data": data, "attachments": attachments}
        return write_file(path, self._transport.content(f"{self._path()}/evidence", query))

    def _envelope(self, name: str, path: str | Path | None, number: int | None) -> dict[str, Any]:
        """A certificate, which is written with the bytes that the server sent."""
        content = self._transport.content(f"{self._path()}/{name}", {"number": number})
        try:
            envelope: dict[str, Any] = json.loads(content)
        except ValueError:
            envelope = {}
        if not isinstance(envelope, dict) or "payload" not in envelope:
            raise JobsvcError("The server sent no certificate.", "not_jobsvc")
        if path is not None:
            write_file(path, content)
        return envelope

    def weights(
        self,
        path: str | Path | None = None,
        *,
        columns: Columns = (),
        values: int | UploadedValues | str | None = None,
        library: Library = "pandas",
        **options: Unpack[WeightsOptions],
    ) -> Any:
        """Return the drawn rows with their weights as a frame, or write them to a file.

        Parameters
        ----------
        path : str or Path, optional
            A file that ends with .csv, .parquet, .dta or .sav; .md or .json is the codebook.
        columns : str or sequence of str
            Columns of the sample; by default all of the table.
        values : UploadedValues, int or str
            An upload, or ``findings``, whose columns can be named.
        library : str
            ``pandas``, ``polars`` or ``arrow``.
        **options
            ``calibrate``, whose ``totals`` may be a mapping such as ``{"region": {"north": 1200}}``
            or a frame with a line for each group; ``nonresponse``, ``replicates`` and the other
            fields of the request; docs/WEIGHTS.md.

        Examples
        --------
        >>> known = {"method": "rake", "columns": ["region"]}
        >>> sample.weights(calibrate=known, replicates="jackknife")  # doctest: +SKIP
        """
        ending = "parquet" if path is None else Path(path).suffix.removeprefix(".").lower()
        kind = "markdown" if ending == "md" else ending
        body = {**_weights_body(columns, values, options), "format": kind}
        pieces: list[bytes] = []
        self._transport.download(f"{self._path()}/weights", {}, pieces.append, body)
        content = b"".join(pieces)
        return from_parquet(content, library) if path is None else write_file(path, content)

    def codebook(
        self,
        *,
        columns: Columns = (),
        values: int | UploadedValues | str | None = None,
        **options: Unpack[WeightsOptions],
    ) -> dict[str, Any]:
        """Return what the columns of :meth:`weights` are, the known totals and the replicates."""
        return self._computed("weights", _weights_body(columns, values, options))

    @overload
    def design(self) -> SamplingDesign: ...
    @overload
    def design(self, format: str) -> str: ...
    def design(self, format: str | None = None) -> SamplingDesign | str:  # noqa: A002 - as the API names it
        """Return the sampling design: method, strata, clusters and degrees of freedom.

        Its :meth:`SamplingDesign.to_pandas` is a table of the drawn rows with their weights. With a
        ``format``, ``r``, ``stata``, ``sas`` or ``python``, return code that declares the design.
        """
        path = f"{self._path()}/design"
        if format is not None:
            return self._transport.content(path, {"format": format}).decode()
        data = self._transport.json("GET", path, query={"format": "json"})
        return SamplingDesign(self._transport, path, data)

    def rows(
        self,
        as_of: str | None = None,
        *,
        key: Columns | None = None,
        library: Library = "pandas",
        columns: Columns | None = None,
    ) -> Any:
        """Return the drawn rows, or as they are in another version, as a frame.

        Parameters
        ----------
        as_of : str, optional
            A ref or a commit. Each drawn row then has its values in the source (``…_before``) and
            in that version (``…_now``); ``_change`` is ``unchanged``, ``changed`` or ``removed``,
            and ``added`` for further rows of a sampled key.
        key : str or sequence of str, optional
            The columns that identify a row; by default the row key of the table.
        """
        if as_of is None:
            if key is not None:
                raise JobsvcError("`key` needs `as_of`.", "invalid_request")
            return self.frame(library, columns=columns)
        names = quoted_list(key)
        return self._frame(f"{self._path()}/rows", library, columns, as_of=as_of, key=names)

    def residual(self, library: Library = "pandas") -> Any:
        """Return the rows that weren't drawn, of a sample with ``residual=True``."""
        return self._frame(f"{self._path()}/residual", library, None)

    def _rows_path(self) -> str:
        return f"{self._path()}/data"

    def _path(self) -> str:
        """The path of the sample, once the draw has ended."""
        return f"/api/sampling/jobs/{self.wait().id}"

    def _computed(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._transport.json("POST", f"{self._path()}/{name}", body, repeatable=True)

    def __repr__(self) -> str:
        if "total_sampled" not in (self.info.get("output_summary") or {}):
            return f"Sample {self.name} ({self.status})"
        text = f"Sample {self.name}: {self.size:,} of {self.source_rows:,} rows, job {self.id}"
        return f"{text}. {_carried(self.continues)}" if self.continues else text

    def _repr_html_(self) -> str:
        title = heading(f"Sample {self.name}", self.url)
        purpose = self.info.get("purpose")
        text = title + (paragraph(purpose) if purpose else "")
        summary = self.info.get("output_summary") or {}
        if "rounds" not in summary:
            return text + paragraph(f"Status: {self.status}.")
        parts = [text]
        for each in summary["rounds"]:
            drawn = f"{each['rows_sampled']:,} of {each['eligible_rows']:,}"
            pairs = [("Method", each["method"]), ("Rows", drawn), ("Seed", str(each["seed"]))]
            parts += [facts(pairs), groups_table(each, "sampled")]
            parts += map(paragraph, each["warnings"])
        if continues := summary.get("continues"):
            parts.append(paragraph(_carried(continues)))
        if verdict := (summary.get("comparison") or {}).get("verdict"):
            parts.append(paragraph(verdict))
        return "".join(parts)


def _carried(continues: Mapping[str, Any]) -> str:
    """That findings came along from an examined sample."""
    return (
        f"It continues sample {continues['name']}: findings about {continues['findings']:,} of its "
        "rows came along"
    )


def _number_of(values: int | str | UploadedValues | None) -> int | str | None:
    return values.number if isinstance(values, UploadedValues) else values


def _weights_body(
    columns: Columns, values: int | UploadedValues | str | None, options: Mapping[str, Any]
) -> Mapping[str, object]:
    """The request of weights."""
    return given(
        **with_known_totals(options),
        columns=listed(columns) or None,
        values=_number_of(values),
    )


def _id_of(sample: Sample | str) -> str:
    return sample.id if isinstance(sample, Sample) else sample


@checked_keywords
class Split(Sample):
    """A split of a dataset: the parts as frames, and what was checked in them.

    The rows of the split as a sample are those of all parts; ``_part`` has the part of each.
    """

    @property
    def parts(self) -> list[str]:
        """The names of the parts."""
        return [str(part["name"]) for part in self.division["parts"]]

    @property
    def division(self) -> dict[str, Any]:
        """The parts with the shares asked and got, groups, strata, and the ``check``."""
        found: dict[str, Any] = self._completed()["rounds"][0]["division"]
        return found

    def __getitem__(self, part: str) -> pandas.DataFrame:
        """Return a part as a frame of pandas."""
        frame: pandas.DataFrame = self.part(part)
        return frame

    def part(
        self, name: str, library: Library = "pandas", *, columns: Columns | None = None
    ) -> Any:
        """Return a part as a frame of ``pandas``, ``polars`` or ``arrow``."""
        self.wait()
        query = {"format": "parquet", "table_key": name, "columns": quoted_list(columns)}
        return from_parquet(self._transport.content(self._rows_path(), query), library)

    def frames(self, library: Library = "pandas") -> dict[str, Any]:
        """Return all parts as frames, by their names."""
        return {name: self.part(name, library) for name in self.parts}
