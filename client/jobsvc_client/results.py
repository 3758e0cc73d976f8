"""Results that a server computes from a sample or a plan, as text, HTML and data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, overload

from jobsvc_client.arguments import checked_keywords
from jobsvc_client.display import (
    facts,
    heading,
    number_text,
    paragraph,
    points_text,
    share_text,
    table,
)
from jobsvc_client.errors import JobsvcError
from jobsvc_client.frames import imported

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

GROUPS_SHOWN = 40
SEQUENTIAL = {
    "amount": ("statistic", "threshold", "upper_limit"),
    "share": ("least", "most", "population"),
}
"""Figures of an evaluation that is valid after every row, by what it measures."""
MISSTATEMENT = {
    "basic_precision": "Basic precision",
    "projected": "Projected misstatement",
    "incremental_allowance": "Incremental allowance",
    "take_all": "Errors of rows always drawn",
    "upper_limit": "Upper limit",
    "most_likely": "Most likely misstatement",
    "found": "Errors found in the sample",
}
"""Amounts of an evaluation by monetary units; the first four add up to the upper limit."""
FIGURES = ("estimate", "margin", "ci_low", "ci_high", "standard_error", "confidence", "n")
CHANGE_FIGURES = ("estimate", "standard_error", "ci_low", "ci_high")
Figure = TypeVar("Figure")
INCHES_OF_WIDTH, INCHES_OF_FIGURE, INCHES_OF_EDGES = 6.4, 0.35, 1.2
PERCENT = 100
NAMES = {"proportion": "Share", "count": "Number of rows"}


def _title(statistic: str, column: str | None, value: Any, data: dict[str, Any]) -> str:
    name = NAMES.get(statistic, statistic.capitalize())
    if statistic == "quantile":
        name = f"{name} {data['q']:g}"
    if column is None:
        return name
    if statistic == "ratio":
        column = f"{column} / {data['denominator']}"
    of = f"{name} of {column}"
    return f"{of} = {value}" if statistic == "proportion" else of


@checked_keywords
@dataclass(frozen=True)
class Estimate:
    """A figure of the population with its margin of error.

    ``margin`` is half the width of the confidence interval from ``ci_low`` to ``ci_high``; all are
    None where a figure has no interval. ``group`` has the value of each column of ``by``.
    """

    statistic: str
    column: str | None
    value: Any
    group: dict[str, Any]
    estimate: float | None
    margin: float | None
    ci_low: float | None
    ci_high: float | None
    standard_error: float | None
    n: int
    data: dict[str, Any]

    @property
    def confidence(self) -> float:
        """The confidence of the interval."""
        return self.data["confidence"]  # type: ignore[no-any-return]

    @property
    def judge(self) -> dict[str, Any] | None:
        """People alone, the judge alone with its bias, and both; None without a judge."""
        return self.data.get("judge")

    @property
    def title(self) -> str:
        """The name of the figure, such as ``Total of amount``."""
        return _title(self.statistic, self.column, self.value, self.data)

    def figures(self) -> tuple[str, str, str, str]:
        """Write the estimate, the margin and both limits."""
        is_share = self.statistic == "proportion"
        write, of_margin = (share_text, points_text) if is_share else (number_text, number_text)
        low, high = write(self.ci_low), write(self.ci_high)
        return write(self.estimate), of_margin(self.margin), low, high

    def __str__(self) -> str:
        estimate, margin, low, high = self.figures()
        group = ", ".join(f"{name} {value}" for name, value in self.group.items())
        title = f"{self.title} ({group})" if group else self.title
        return f"{title}: {estimate} ± {margin} ({100 * self.confidence:g} %: {low} to {high})"


@checked_keywords
@dataclass(frozen=True)
class Change:
    """A figure of two samples and its change, second less first.

    ``first``, ``second`` and ``change`` each have ``estimate``, ``standard_error``, ``ci_low`` and
    ``ci_high``; ``first`` or ``second`` is None where a sample has no row of the group.
    """

    statistic: str
    column: str | None
    value: Any
    group: dict[str, Any]
    first: dict[str, Any] | None
    second: dict[str, Any] | None
    change: dict[str, Any]
    rule: str
    data: dict[str, Any]

    @property
    def title(self) -> str:
        """The name of the figure, such as ``Total of amount``."""
        return _title(self.statistic, self.column, self.value, self.data)

    def figures(self) -> tuple[str, ...]:
        """Write both estimates, the change and its limits."""
        is_share = self.statistic == "proportion"
        write, of_change = (share_text, points_text) if is_share else (number_text, number_text)
        waves = (None if each is None else each["estimate"] for each in (self.first, self.second))
        limits = (self.change[name] for name in ("estimate", "ci_low", "ci_high"))
        return (*map(write, waves), *map(of_change, limits))

    def __str__(self) -> str:
        first, second, change, low, high = self.figures()
        group = ", ".join(f"{name} {value}" for name, value in self.group.items())
        title = f"{self.title} ({group})" if group else self.title
        return f"{title}: {first} to {second}, change {change} ({low} to {high})"


class _Figures(Sequence[Figure]):
    """The figures of an answer of the server, ``data``, with its notes."""

    def __init__(self, data: dict[str, Any], items: list[Figure]) -> None:
        self.data = data
        self.notes: list[str] = data["notes"]
        self._items = items

    @overload
    def __getitem__(self, place: int) -> Figure: ...
    @overload
    def __getitem__(self, place: slice) -> list[Figure]: ...
    def __getitem__(self, place: int | slice) -> Figure | list[Figure]:
        return self._items[place]

    def __len__(self) -> int:
        return len(self._items)


@checked_keywords
class Changes(_Figures[Change]):
    """The figures of two samples and their change; ``data`` is the answer of the server."""

    def __init__(self, data: dict[str, Any]) -> None:
        names = [own.name for own in fields(Change) if own.name != "data"]
        super().__init__(
            data,
            [Change(**{name: each[name] for name in names}, data=each) for each in data["figures"]],
        )
        self.common_rows: int = data["common_rows"]
        """Rows in both samples."""

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each figure and group."""
        rows = []
        for each in self:
            row = {"statistic": each.statistic, "column": each.column, **each.group}
            for side in ("first", "second", "change"):
                part = each.data[side] or {}
                row |= {f"{side}_{name}": part.get(name) for name in CHANGE_FIGURES}
            rows.append(row)
        frame: pandas.DataFrame = imported("pandas").DataFrame(rows)
        return frame

    def __repr__(self) -> str:
        return "\n".join([*map(str, self), *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        groups = list(self[0].group) if self._items else []
        confidence = f"{100 * self.data['confidence']:g} % from"
        columns = ["Figure", *groups, "First", "Second", "Change", confidence, "to"]
        rows = [[each.title, *each.group.values(), *each.figures()] for each in self]
        return table(columns, rows) + "".join(map(paragraph, self.notes))


@checked_keywords
class ClassificationResult:
    """The figures of a flag against the truth; ``data`` is the answer of the server."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.notes: list[str] = data["notes"]
        self.groups: list[dict[str, Any]] = data["groups"]
        """Of each group ``figures``, ``confusion``, ``missed_amount``, ``classes`` and counts."""

    def figure(self, name: str, group: int = 0) -> dict[str, Any]:
        """Return a figure of a group by its name, such as ``recall``, with its limits."""
        for each in self.groups[group]["figures"]:
            if each["name"] == name:
                return each  # type: ignore[no-any-return]
        raise KeyError(name)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each figure of each group and class."""
        rows = []
        for each in self.groups:
            rows += [{**each["group"], **figure} for figure in each["figures"]]
            rows += [
                {**each["group"], "class": one["label"], **figure}
                for one in each["classes"]
                for figure in one["figures"]
            ]
        frame: pandas.DataFrame = imported("pandas").DataFrame(rows)
        return frame

    def _lines(self) -> Iterator[tuple[str, ...]]:
        for each in self.groups:
            group = ", ".join(f"{name} {value}" for name, value in each["group"].items())
            parts = [(group, each["figures"])]
            parts += [
                (", ".join(filter(None, (group, one["label"]))), one["figures"])
                for one in each["classes"]
            ]
            for label, figures in parts:
                for figure in figures:
                    write = number_text if figure["name"] == "missed_rows" else share_text
                    ends = (write(figure[name]) for name in ("estimate", "ci_low", "ci_high"))
                    yield label, figure["name"], *ends

    def __repr__(self) -> str:
        lines = []
        for label, name, value, low, high in self._lines():
            lines.append(f"{f'{label}: ' if label else ''}{name} {value} ({low} to {high})")
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        confidence = f"{100 * self.data['confidence']:g} % from"
        columns = ["Rows", "Figure", "Estimate", confidence, "to"]
        rows = [list(line) for line in self._lines()]
        return table(columns, rows) + "".join(map(paragraph, self.notes))


AnyEstimate = TypeVar("AnyEstimate", bound=Estimate)


@checked_keywords
@dataclass(frozen=True)
class Contrast(Estimate):
    """The difference or the ratio of two figures of one sample, with its margin of error.

    ``first`` and ``second`` have the ``name`` of a group or a column and its ``estimate``. The
    ``p_value`` is two-sided, of the hypothesis that both are the same in the population.
    """

    measure: str
    first: dict[str, Any]
    second: dict[str, Any]
    p_value: float | None
    df: int

    @property
    def title(self) -> str:
        """The name of the contrast, such as ``Mean of score, a less b``."""
        sign = "by" if self.measure == "ratio" else "less"
        return f"{super().title}, {self.first['name']} {sign} {self.second['name']}"

    def figures(self) -> tuple[str, str, str, str]:
        """Write the estimate, the margin and both limits."""
        is_share = self.statistic == "proportion" and self.measure == "difference"
        write = points_text if is_share else number_text
        figures = (self.estimate, self.margin, self.ci_low, self.ci_high)
        return tuple(map(write, figures))  # type: ignore[return-value]


@checked_keywords
class Estimates(_Figures[Estimate]):
    """The estimates of a request, one for each figure and group.

    ``data`` is the whole answer of the server; ``notes`` state its assumptions, and ``contrasts``
    are those of the request.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data, [_estimate(Estimate, each) for each in data["estimates"]])
        self.contrasts = [_estimate(Contrast, each) for each in data["contrasts"]]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each estimate as a point with its confidence interval, by matplotlib.

        Figures of different units, such as a share beside a total, need a plot of their own:
        ``sample.estimate("total", "amount", by="region").plot()``.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default new axes.

        Returns
        -------
        matplotlib.axes.Axes
            The axes, for titles and for ``.figure.savefig("estimates.png")``.

        Raises
        ------
        JobsvcError
            matplotlib isn't installed, or the figures aren't of one kind.
        """
        return _plot(self, ax)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a row for each figure and group."""
        rows = [
            {name: getattr(each, name) for name in ("statistic", "column")}
            | each.group
            | {name: getattr(each, name) for name in FIGURES}
            for each in self
        ]
        frame: pandas.DataFrame = imported("pandas").DataFrame(rows)
        return frame

    def __repr__(self) -> str:
        lines = [*map(str, self), *map(str, self.contrasts)]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        notes = "".join(map(paragraph, self.notes))
        return self._table(self) + self._table(self.contrasts) + notes

    def _table(self, figures: Sequence[Estimate]) -> str:
        if not figures:
            return ""
        confidence = f"{100 * self.data['confidence']:g} % from"
        columns = ["Figure", *figures[0].group, "Estimate", "Margin of error ±", confidence]
        rows = [[each.title, *each.group.values(), *each.figures(), each.n] for each in figures]
        return table([*columns, "to", "n"], rows)


def _plot(figures: Sequence[Estimate], ax: Axes | None) -> Axes:
    """Draw a line for each figure: its estimate, and its interval if it has one."""
    titles = list(dict.fromkeys(each.title for each in figures))
    is_share = {each.statistic == "proportion" for each in figures}
    has_units = {(each.statistic, each.column, each.data.get("denominator")) for each in figures}
    is_mixed = len(has_units) > 1 and is_share != {True}
    if not figures or is_mixed:
        listed = ", ".join(titles) or "none"
        text = f"Only figures of one kind can be drawn in one plot; these are {listed}."
        raise JobsvcError(text, "invalid_argument", hint="Estimate one figure, by its groups.")
    if ax is None:
        height = INCHES_OF_EDGES + INCHES_OF_FIGURE * len(figures)
        pyplot = imported("matplotlib.pyplot")
        _, ax = pyplot.subplots(figsize=(INCHES_OF_WIDTH, height), layout="constrained")
    scale = PERCENT if is_share == {True} else 1
    names = [_plot_label(each, with_title=len(titles) > 1) for each in figures]
    for line, each in enumerate(figures):
        if each.ci_low is not None and each.ci_high is not None:
            ends = [scale * each.ci_low, scale * each.ci_high]
            ax.plot(ends, [line, line], color="C0", linewidth=2, solid_capstyle="butt")
        if each.estimate is not None:
            ax.plot([scale * each.estimate], [line], "o", color="C0")
    ax.set_yticks(range(len(figures)), labels=names)
    ax.set_ylim(len(figures) - 0.5, -0.5)  # the first on top
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel("Percent" if scale == PERCENT else titles[0])
    confidence = f"{PERCENT * figures[0].confidence:g} % confidence intervals"
    ax.set_title(f"{titles[0]}, {confidence}" if len(titles) == 1 else confidence)
    return ax


def _plot_label(each: Estimate, *, with_title: bool) -> str:
    values = ("missing" if value is None else str(value) for value in each.group.values())
    group = ", ".join(values)
    title = each.title if with_title or not group else ""
    return ", ".join(part for part in (title, group) if part)


def _estimate(kind: type[AnyEstimate], each: dict[str, Any]) -> AnyEstimate:
    low, high = each["ci_low"], each["ci_high"]
    own = {field.name: each[field.name] for field in fields(kind) if field.name in each}
    margin = None if low is None or high is None else (high - low) / 2
    return kind(**own | {"group": each["group"] or {}, "margin": margin, "data": each})


class UploadedValues:
    """Values of sampled rows that were uploaded; ``data`` is the answer of the server.

    ``sent_name`` is the name of the file that was sent.
    """

    def __init__(self, data: dict[str, Any], sent_name: str) -> None:
        self.data = data
        self.number: int = data["number"]
        self.name: str = data["file_name"]
        """What lists of uploads show."""
        self.matched_rows: int = data["row_count"]
        """Sampled rows with a row in the upload."""
        self.missing_rows: int = data["unanswered"]
        """Sampled rows without one."""
        self.notes: list[str] = list(data["notes"])
        if self.name != sent_name:
            self.notes.append(f"The same values were uploaded before, as {self.name}.")

    def __repr__(self) -> str:
        sampled = self.matched_rows + self.missing_rows
        text = f"Upload {self.number}: values of {self.matched_rows:,} of {sampled:,} sampled rows"
        if self.missing_rows:
            text += f"; {self.missing_rows:,} have none, so estimates may be biased"
        return "\n".join([f"{text}.", *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return "".join(map(paragraph, repr(self).split("\n")))


class Plan:
    """The plan of a draw: sizes by step and stratum; ``data`` is the answer of the server."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.total_rows: int = data["total_rows"]
        self.source_rows: int = data["source_rows"]
        self.warnings: list[str] = data["warnings"]
        self.rounds: list[dict[str, Any]] = data["rounds"]

    @property
    def id(self) -> str | None:
        """The id of a registered plan, else None."""
        registered = self.data["registered"]
        return None if registered is None else str(registered["plan_id"])

    @property
    def margin(self) -> float | None:
        """The margin of error of a share of one half, of the first step."""
        margin: float | None = self.rounds[0]["margin_of_error"]
        return margin

    def __repr__(self) -> str:
        margin = "" if self.margin is None else f", margin of error ±{points_text(self.margin)}"
        steps = [
            f"Step {each['round_number']}: {each['method']}, {each['rows_planned']:,} of "
            f"{each['eligible_rows']:,} eligible rows"
            for each in self.rounds
            if len(self.rounds) > 1
        ]
        warnings = [warning for each in self.rounds for warning in each["warnings"]]
        lines = [f"Warning: {each}" for each in (*warnings, *self.warnings)]
        return "\n".join([self._title() + margin, *steps, *lines])

    def _title(self) -> str:
        """The rows to draw, and the rows from which they are drawn."""
        eligible = self.rounds[0]["eligible_rows"]
        if len(self.rounds) > 1 or eligible == self.source_rows:
            return f"Plan: {self.total_rows:,} of {self.source_rows:,} rows"
        drawn = f"{self.total_rows:,} of {eligible:,} eligible rows"
        return f"Plan: {drawn} ({self.source_rows:,} rows in all)"

    def _repr_html_(self) -> str:
        parts = [heading(self._title())]
        for each in self.rounds:
            rows = f"{each['rows_planned']:,} of {each['eligible_rows']:,}"
            pairs = [("Method", each["method"]), ("Rows", rows)]
            if each["margin_of_error"] is not None:
                pairs.append(("Margin of error ±", points_text(each["margin_of_error"])))
            parts += [facts(pairs), groups_table(each, "allocated")]
            parts += map(paragraph, each["warnings"])
        return "".join(parts + list(map(paragraph, self.warnings)))


def groups_table(drawn: dict[str, Any], figure: str) -> str:
    """Write the strata or clusters of a step as HTML, the first 40."""
    groups = drawn.get("strata") or drawn.get("clusters") or []
    if not groups:
        return ""
    names = list(groups[0]["key"])
    rows = [
        [*map(_group_value, each["key"].values()), each["rows"], each.get(figure)]
        for each in groups[:GROUPS_SHOWN]
    ]
    more = len(groups) - GROUPS_SHOWN
    rest = paragraph(f"… and {more:,} more groups.") if more > 0 else ""
    return table([*names, "Rows", "Draw" if figure == "allocated" else "Drawn"], rows) + rest


def _group_value(value: Any) -> str:
    return "Missing" if value is None else str(value)


def title(name: str) -> str:
    """Write the name of a field for people.

    >>> title("upper_limit")
    'Upper limit'
    """
    return name.replace("_", " ").capitalize()


class Evaluation:
    """The evaluation of a sample's findings, or of several samples of the kind ``together``.

    ``data`` is the answer of the server.
    """

    def __init__(self, data: dict[str, Any], kind: str | None = None) -> None:
        self.data = data
        self.kind: str = kind or data["kind"]

    @property
    def conclusion(self) -> str | None:
        """The conclusion in a sentence, if a tolerable error was given."""
        found = self.data.get("conclusion")
        return None if found is None else str(found["sentence"])

    @property
    def is_tolerable(self) -> bool | None:
        """Whether the errors are tolerable; None if nothing is concluded."""
        found = self.data.get("conclusion")
        return None if found is None else found["is_tolerable"]

    @property
    def assurance(self) -> dict[str, str]:
        """What holds up the limits: ``status`` (proved, customary, can_fail), sentence, source."""
        found: dict[str, str] = self.data["assurance"]
        return found

    @property
    def caveats(self) -> list[str]:
        """What limits the conclusion."""
        return list(self.data["caveats"])

    @property
    def other_samples(self) -> list[dict[str, Any]]:
        """The other samples of the table that have findings, with their results, newest first."""
        return list(self.data.get("other_samples", ()))

    def _sentences(self) -> list[str]:
        """Notes, then the conclusion with what limits it and what holds it up."""
        notes = [f"Note: {note}" for note in self.data.get("notes", ())]
        said = [self.conclusion] if self.conclusion else []
        return [*notes, *said, *self.caveats, self.assurance["sentence"]]

    def _figures(self) -> tuple[list[str], list[list[Any]]]:
        match self.data:
            case {"arithmetic": [{"formula": _}, *_] as lines}:
                rows = [[each["name"], each["formula"], each["value"]] for each in lines]
                return ["Line", "Formula", "Value"], rows
            case {"overstatement": over, "understatement": under}:
                rows = [
                    [name, *(f"{Decimal(_amount(side[key])):,f}" for side in (over, under))]
                    for key, name in MISSTATEMENT.items()
                ]
                return ["Figure", "Overstatement", "Understatement"], rows
            case _:
                own = SEQUENTIAL.get(str(self.data.get("measure")), ())
                shown = ("exceptions", "examined", *own, "decision")
                rows = [[title(name), self.data[name]] for name in shown if name in self.data]
                return ["Figure", "Value"], rows

    def __repr__(self) -> str:
        columns, rows = self._figures()
        lines = [columns, *([str(cell) for cell in row] for row in rows)]
        return "\n".join(["  ".join(line) for line in lines] + self._sentences())

    def _repr_html_(self) -> str:
        return table(*self._figures()) + "".join(map(paragraph, self._sentences()))


def _amount(given: Any) -> str:
    """An amount, or that of an object of errors."""
    return str(given["amount"] if isinstance(given, dict) else given)
