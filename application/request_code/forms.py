"""The requests that have code, each with one declaration of its arguments.

A form flattens a body to fields. Each argument writes one field twice: as arguments of the Python
client and as words of a command. A field without an argument has no such code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from application.request_code import words
from application.request_code.words import WriteWords
from contract.declarations import Declared, Request, declared
from contract.fields import (
    DEFAULT_CONFIDENCE,
    ColumnName,
    Flag,
    Items,
    Mapped,
    Part,
    RowFilterKind,
    WrittenPart,
)
from contract.requests.change import ChangeRequest
from contract.requests.classification import ClassificationRequest
from contract.requests.draw import EarlierFilterRequest
from contract.requests.estimate import EstimatesRequest
from contract.requests.evaluate import CombinedEvaluationRequest, EvaluationRequest
from contract.requests.importing import ReadOptions
from contract.requests.weights import WeightsRequest
from lazy_dataclasses import dataclass
from sampling_engine import DEFAULT_METHOD, METHODS

Body = Mapping[str, Any]
Fields = dict[str, Any]
Keywords = list[tuple[str | None, Any]]
"""Arguments of a call; without a name by their place. Dictionaries of one name are merged."""

WritePython = Callable[[Any], Keywords]
SHORT_ID = 8


@dataclass(frozen=True)
class ApiRequest:
    """A POST request.

    Parameters
    ----------
    path : str
        Its path, such as ``/api/sampling/datasets/3/jobs``.
    body : mapping
        Its JSON body; with a file the fields of the form.
    file : str, optional
        The name of the file that the form sends.
    new_dataset : str, optional
        The name of a dataset to create first; the path then has ``{dataset_id}``.
    """

    path: str
    body: Body
    file: str | None = None
    new_dataset: str | None = None


@dataclass(frozen=True)
class Argument:
    """One field of a request, in Python and as an option."""

    field: str
    python: WritePython
    words: WriteWords


@dataclass(frozen=True)
class Form:
    """A kind of request.

    Parameters
    ----------
    path : str
        The pattern of the path; the groups ``dataset``, ``job`` and ``ref`` are ids and a name.
    python : str
        The statement, with ``{arguments}``; the subject is ``dataset`` or ``sample``.
    command : tuple of str
        The words before the arguments; ``{subject}`` is the dataset or the job.
    fields : callable
        The fields of a body; None if the form isn't for this body.
    body_option : bool
        Whether the command takes the whole body as ``--body``.
    """

    path: str
    python: str
    command: tuple[str, ...]
    arguments: tuple[Argument, ...]
    subject: Literal["dataset", "sample", "client"] = "dataset"
    fields: Callable[[Body], Fields | None] = dict
    defaults: Mapping[str, Any] = field(default_factory=dict)
    body_option: bool = False


def keyword(name: str, value: Callable[[Any], Any] = lambda given: given) -> WritePython:
    """Write a keyword argument."""
    return lambda given: [(name, value(given))]


def positional(given: Any) -> Keywords:
    """Write an argument by its place."""
    return [(None, given)]


def entry(name: str, key: str) -> WritePython:
    """Write an entry of a dictionary."""
    return lambda given: [(name, {key: given})]


def _filter(given: Any) -> Any:
    return words.expression(given) or given


def _one_or_list(given: list[Any]) -> Any:
    return given[0] if len(given) == 1 and isinstance(given[0], str) else given


def _statistics(given: list[dict[str, Any]]) -> Keywords:
    """One figure by its place, several as a list."""
    if len(given) > 1:
        return [("statistics", given)]
    (figure,) = given
    places: Keywords = [(None, figure[name]) for name in ("statistic", "column") if name in figure]
    return places + [
        (name, value) for name, value in figure.items() if name not in ("statistic", "column")
    ]


REF = Argument("source_ref", keyword("ref"), words.option("--ref"))
TABLE = Argument("table_key", keyword("table"), words.option("--table"))
NAME = Argument("output_name", keyword("name"), words.option("--name"))
PURPOSE = Argument("commit_message", keyword("purpose"), words.option("--purpose"))
BATCH = Argument("priority", keyword("priority"), words.only("batch", "--batch"))
SOURCE = {"source_ref": "main", "table_key": "primary", "priority": "interactive"}

SIZES = ("sample_size", "sample_fraction", "sizes")
OWN_WRITING = {
    "strata_columns": Argument(
        "parameters.strata_columns",
        keyword("strata", _one_or_list),
        words.option("--strata", words.strata),
    ),
    "sample_size": Argument("parameters.sample_size", keyword("size"), words.option("--size")),
    "sample_fraction": Argument(
        "parameters.sample_fraction", keyword("size", float), words.option("--fraction")
    ),
    "sizes": Argument("parameters.sizes", keyword("size"), words.sizes),
    "seed": Argument("parameters.seed", keyword("seed"), words.option("--seed", words.seed)),
}


def _words(own: Declared) -> WriteWords:
    """The option of a field, or the options of an object's fields."""
    match own.kind:
        case WrittenPart(to_text=to_text) if own.option is not None:
            return words.option(own.option, to_text)
        case Part(of):
            return words.joined({part.name: _words(part) for part in declared(of)})
        case _ if own.option is None:
            return words.no_words
        case RowFilterKind():
            return words.option(own.option, words.expression)
        case Flag():
            return words.flag(own.option)
        case Mapped():
            return words.pairs(own.option)
        case _:
            return words.option(own.option)


def _parameter_arguments() -> tuple[Argument, ...]:
    """The arguments of all methods' parameters, of each name once."""
    found = dict(OWN_WRITING)
    for method in METHODS:
        for each in method.parameters:
            plain = Argument(f"parameters.{each.name}", keyword(each.name), _words(each))
            found.setdefault(each.name, plain)
    return tuple(found.values())


DRAW = (
    Argument("method", positional, words.option("--method")),
    *_parameter_arguments(),
    Argument("margin", keyword("margin"), words.option("--margin")),
    *(
        Argument(f"goal.{name}", entry("goal", name), words.option(f"--{name}", words.number))
        for name in ("materiality", "expected", "likelihood", "confidence")
    ),
    Argument("goal.accept", entry("goal", "accept"), words.accepted),
    Argument("goal.first_stage", entry("goal", "first_stage"), words.option("--first-stage")),
    Argument("filters", keyword("filters", _filter), words.option("--filter", words.expression)),
    *(
        Argument(f"filters.{own.name}", keyword(own.name), words.option(str(own.option)))
        for own in declared(EarlierFilterRequest)
    ),
    Argument("selection.columns", keyword("columns"), words.option("--column")),
    Argument("selection.order_by", keyword("order_by"), words.option("--order-by")),
    Argument("selection.order_desc", keyword("descending"), words.flag("--desc")),
    Argument("order.key", keyword("key", _one_or_list), words.option("--key")),
    Argument("keyed", keyword("keyed"), words.flag("--keyed")),
    Argument("order.start", keyword("start"), words.option("--start")),
    Argument("order.duplicates", keyword("duplicates"), words.option("--duplicates")),
    Argument("rounds", keyword("rounds"), words.no_words),
    Argument("amount_column", keyword("amount_column"), words.option("--amount-column")),
    Argument("export_residual", keyword("residual"), words.flag("--residual")),
    Argument("allow_empty", keyword("allow_empty"), words.flag("--allow-empty")),
    REF,
    TABLE,
    NAME,
    PURPOSE,
    BATCH,
    Argument("draw_version", keyword("draw_version"), words.option("--draw-version")),
    Argument("engine", keyword("engine"), words.option("--engine")),
)
DRAW_DEFAULTS = {
    **SOURCE,
    "export_residual": False,
    "allow_empty": False,
    "selection.order_desc": False,
    "order.start": "0",
    "goal.confidence": 0.95,
}
(DIVIDING,) = (method.name for method in METHODS if method.kind.divides)
OF_SPLITS = (
    *("parameters.group", "parameters.strata_columns", "parameters.exact", "parameters.seed"),
    *("filters", "filters.not_drawn_by", "order.key", "order.start", "order.duplicates"),
    *("source_ref", "table_key", "output_name", "commit_message", "priority"),
)
SPLIT = (
    Argument("parameters.parts", positional, words.pairs("--part")),
    *(each for each in DRAW if each.field in OF_SPLITS),
)
"""The arguments of a split, whose method has a command and a method of the client."""
ROUND_PARTS = ("round_number", "method", "parameters", "filters", "selection", "goal", "order")
PLAIN_GOAL = {"margin", "confidence"}


def _draw_fields(body: Body) -> Fields | None:
    """The fields of a draw: those of its only step, or all steps as they are."""
    rounds = body.get("rounds")
    if not rounds:
        return None
    fields = {name: value for name, value in body.items() if name != "rounds"}
    step = _step_fields(rounds[0]) if len(rounds) == 1 else None
    return {**fields, "rounds": rounds} if step is None else {**fields, **step}


def _step_fields(step: Body) -> Fields | None:
    """The fields of a step; None if it has some that have no arguments."""
    parameters = dict(step.get("parameters") or {})
    goal = step.get("goal")
    fields: Fields = {"method": step.get("method", DEFAULT_METHOD)}
    if goal is not None and "materiality" in goal:
        fields |= {f"goal.{name}": value for name, value in goal.items()}
    elif goal is not None:
        has_size = not parameters.keys().isdisjoint(("sizes", "sample_fraction"))
        if goal.keys() != PLAIN_GOAL or goal["confidence"] != DEFAULT_CONFIDENCE or has_size:
            return None
        fields["margin"] = goal["margin"]
        parameters.pop("sample_size", None)
    fields |= {f"parameters.{name}": value for name, value in parameters.items()}
    fields |= {f"selection.{name}": value for name, value in (step.get("selection") or {}).items()}
    order = step.get("order")
    if order is not None:
        fields |= {f"order.{name}": value for name, value in order.items()}
        fields |= {} if order.get("key") else {"keyed": True}
    if step.get("filters"):
        fields |= _filter_fields(step["filters"])
    is_known = step.keys() <= set(ROUND_PARTS) and fields.keys() <= {each.field for each in DRAW}
    return fields if is_known and len(parameters.keys() & set(SIZES)) < 2 else None


def _split_fields(body: Body) -> Fields | None:
    """The fields of a split; None of another draw, and where its command lacks an option."""
    fields = _draw_fields(body) or {}
    if fields.pop("method", None) != DIVIDING:
        return None
    fields.pop("keyed", None)  # a split has no other order
    given = {name for name, value in fields.items() if DRAW_DEFAULTS.get(name) != value}
    return fields if given <= {each.field for each in SPLIT} else None


def _filter_fields(filters: Any) -> Fields:
    """The filter of rows, and each filter by earlier rows."""
    if not isinstance(filters, Mapping):
        return {"filters": filters}
    names = [own.name for own in declared(EarlierFilterRequest)]
    rows = {name: value for name, value in filters.items() if name not in names}
    earlier = {f"filters.{name}": filters[name] for name in names if filters.get(name)}
    return {**({"filters": rows} if rows else {}), **earlier}


def _without(*unwanted: str) -> Callable[[Body], Fields | None]:
    return lambda body: None if any(body.get(name) for name in unwanted) else dict(body)


def arguments_of(
    request: type[Request], *names: str, without: Sequence[str] = ()
) -> tuple[Argument, ...]:
    """The arguments of a request's fields, of the named ones or of all."""
    return tuple(
        _argument(own)
        for own in declared(request)
        if own.name not in without and (not names or own.name in names)
    )


def _argument(own: Declared) -> Argument:
    python = keyword(own.name)
    if isinstance(own.kind, RowFilterKind):
        python = keyword(own.name, _filter)
    elif isinstance(own.kind, Items) and isinstance(own.kind.of, ColumnName):
        python = keyword(own.name, _one_or_list)
    return Argument(own.name, python, _words(own))


def _compared(ref: WriteWords, table: str) -> Argument:
    """The other version of a comparison, and its table."""
    parts = {"source_ref": ref, "table_key": words.option(table)}
    return Argument("compare_to", keyword("compare_to"), words.joined(parts))


def defaults_of(request: type[Request]) -> Fields:
    """The defaults of a request's plain fields, as JSON."""
    return {
        own.name: list(own.default) if own.default == () else own.default
        for own in declared(request)
        if not own.is_required and not isinstance(own.default, Request)
    }


def _row_diff_fields(body: Body) -> Fields | None:
    """The fields of a row diff; `keys` say by themselves that it is one."""
    if not (body.get("keys") or body.get("row_diff")):
        return None
    if not (body.get("compare_to") and body.get("source_ref")):
        return None
    left_out = "row_diff" if body.get("keys") else ""
    return {name: value for name, value in body.items() if name != left_out}


EXPLORATION = r"/api/exploration/datasets/(?P<dataset>\d+)/jobs"
OF_SAMPLE = r"/api/sampling/jobs/(?P<job>[0-9a-f-]{8,36})"


def _import_fields(body: Body) -> Fields:
    """The fields of an import; each option on its own."""
    options = body.get("options") or {}
    fields = {name: value for name, value in body.items() if name != "options"}
    return {**fields, **{f"options.{name}": value for name, value in options.items()}}


FORMS = (
    Form(
        r"/api/sampling/datasets/(?P<dataset>\d+)/jobs",
        f"parts = dataset.{DIVIDING}({{arguments}})\nframes = parts.frames()",
        ("jobsvc", DIVIDING, "{subject}"),
        SPLIT,
        fields=_split_fields,
        defaults=DRAW_DEFAULTS,
    ),
    Form(
        r"/api/sampling/datasets/(?P<dataset>\d+)/jobs",
        "sample = dataset.sample({arguments})\nrows = sample.to_pandas()",
        ("jobsvc", "sample", "{subject}"),
        DRAW,
        fields=_draw_fields,
        defaults=DRAW_DEFAULTS,
        body_option=True,
    ),
    Form(
        OF_SAMPLE + "/estimates",
        "print(sample.estimate({arguments}))",
        ("jobsvc", "estimate", "{subject}"),
        (
            Argument("statistics", _statistics, words.statistics),
            *arguments_of(EstimatesRequest, "by", "calibrate", "variance", "interval"),
            *arguments_of(
                EstimatesRequest, without=("statistics", "by", "calibrate", "variance", "interval")
            ),
        ),
        subject="sample",
        defaults={
            **defaults_of(EstimatesRequest),
            "variance": {"lonely_stratum": "fail"},
        },
    ),
    Form(
        OF_SAMPLE + "/weights",
        "weights = sample.weights({arguments})",
        ("jobsvc", "weights", "{subject}", "--output", "weights.csv"),
        arguments_of(WeightsRequest, without=("format",)),
        subject="sample",
        fields=lambda body: {name: value for name, value in body.items() if name != "format"},
        defaults=defaults_of(WeightsRequest),
    ),
    Form(
        OF_SAMPLE + "/change",
        "print(sample.change({arguments}))",
        ("jobsvc", "change", "{subject}"),
        (
            Argument("with_job", positional, words.plain),
            Argument("statistics", _statistics, words.statistics),
            *arguments_of(ChangeRequest, without=("with_job", "statistics")),
        ),
        subject="sample",
        defaults={**defaults_of(ChangeRequest), "variance": {"lonely_stratum": "fail"}},
    ),
    Form(
        OF_SAMPLE + "/classification",
        "print(sample.classification({arguments}))",
        ("jobsvc", "classification", "{subject}"),
        arguments_of(ClassificationRequest),
        subject="sample",
        defaults={**defaults_of(ClassificationRequest), "variance": {"lonely_stratum": "fail"}},
    ),
    Form(
        OF_SAMPLE + "/evaluation",
        "print(sample.evaluate({arguments}))",
        ("jobsvc", "evaluate", "{subject}"),
        (
            *arguments_of(EvaluationRequest, "tolerable", "kind"),
            *arguments_of(EvaluationRequest, without=("tolerable", "kind")),
        ),
        subject="sample",
    ),
    Form(
        "/api/audit/combined-evaluation",
        "print(client.evaluate_together({arguments}))",
        ("jobsvc", "evaluate-together"),
        (
            Argument("jobs", positional, lambda jobs: [each[:SHORT_ID] for each in jobs]),
            *arguments_of(CombinedEvaluationRequest, "tolerable"),
            *arguments_of(CombinedEvaluationRequest, without=("jobs", "tolerable")),
        ),
        subject="client",
        defaults=defaults_of(CombinedEvaluationRequest),
    ),
    Form(
        r"/api/profiling/datasets/(?P<dataset>\d+)/jobs",
        "profile = dataset.profile({arguments}).result()",
        ("jobsvc", "profile", "{subject}"),
        (Argument("columns", keyword("columns"), words.option("--column")), REF, TABLE, BATCH),
        defaults={**SOURCE, "columns": []},
    ),
    Form(
        EXPLORATION,
        "rows = dataset.sql({arguments}).to_pandas()",
        ("jobsvc", "sql", "{subject}"),
        (
            Argument("sql", positional, words.plain),
            REF,
            Argument("with_tables", keyword("with_tables"), words.option("--with")),
            NAME,
            PURPOSE,
            BATCH,
        ),
        fields=lambda body: (
            {k: v for k, v in body.items() if k != "table_key"} if body.get("sql") else None
        ),
        defaults={**SOURCE, "with_tables": []},
    ),
    Form(
        EXPLORATION,
        "rows = dataset.changed_rows({arguments}).to_pandas()",
        ("jobsvc", "compare", "{subject}"),
        (
            Argument("source_ref", keyword("ref"), words.plain),
            _compared(words.plain, "--compare-table"),
            Argument("keys", keyword("keys"), words.option("--key")),
            Argument("row_diff", lambda _: [], words.flag("--rows")),
            Argument("duplicates", keyword("duplicates"), words.option("--duplicates")),
            TABLE,
            NAME,
            PURPOSE,
            BATCH,
        ),
        fields=_row_diff_fields,
        defaults={"priority": "interactive"},
    ),
    Form(
        EXPLORATION,
        'dataset.report({arguments}).save("report.html")',
        ("jobsvc", "explore", "{subject}", "--output", "report.html"),
        (
            _compared(words.option("--compare"), "--compare-table"),
            REF,
            TABLE,
            BATCH,
        ),
        fields=_without("sql", "row_diff", "keys"),
        defaults=SOURCE,
    ),
    Form(
        r"/api/datasets/(?P<dataset>\d+|\{dataset_id\})/refs/(?P<ref>[^/]+)/import",
        "dataset = client.import_file({arguments})",
        ("jobsvc", "import"),
        (
            Argument("file", positional, words.plain),
            Argument("dataset", positional, words.option("--dataset")),
            Argument("ref", keyword("ref"), words.option("--ref")),
            Argument("commit_message", keyword("purpose"), words.option("--purpose")),
            *(
                Argument(f"options.{own.name}", keyword(own.name), _words(own))
                for own in declared(ReadOptions)
            ),
            Argument(
                "require_columns", keyword("require_columns"), words.flag("--require-columns")
            ),
            Argument("row_key", keyword("row_key"), words.option("--row-key")),
            Argument("duplicates", keyword("duplicates"), words.option("--duplicates")),
            BATCH,
        ),
        subject="client",
        fields=_import_fields,
        defaults={"ref": "main", "priority": "interactive", "require_columns": False},
    ),
)
