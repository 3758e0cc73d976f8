"""The client's module of the API's fields, written from the server's declarations.

``python -m tests.client.api_fields`` writes it; a test compares it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from contract.declarations import Declared, Request, declared
from contract.fields import Choice, Count, Flag, Items, Kind, Mapped, Part, Written
from contract.requests.change import ChangeRequest, SharedRowsRequest
from contract.requests.classification import ClassificationRequest
from contract.requests.draw import EarlierFilterRequest
from contract.requests.estimate import ConfidenceRequest, EstimatesRequest
from contract.requests.evaluate import CombinedEvaluationRequest, EvaluationRequest
from contract.requests.importing import ReadOptions
from contract.requests.papers import PaperFactsRequest
from contract.requests.tables import SampleRowsRequest
from contract.requests.weights import WeightsRequest
from sampling_engine import DEFAULT_METHOD, METHODS

MODULE = Path(__file__).parents[2] / "client" / "jobsvc_client" / "fields.py"
HEAD = '''"""Fields of the API that are arguments of the client, by the methods that take them.

Written from the server's declarations by ``python -m tests.client.api_fields``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

DEFAULT_METHOD = "{method}"
"""The method of a draw that names none."""
DIVIDING_METHOD = "{dividing}"
"""The method that divides all rows among parts."""
'''
TYPES = {
    "integer": "int",
    "number": "float",
    "string": "str",
    "boolean": "bool",
    "array of string": "Sequence[str]",
    "array of string or bands": "Sequence[str | Mapping[str, Any]]",
    "object of size": "Mapping[str, int | str]",
    "object of share": "Mapping[str, float | str]",
    "object of number": "Mapping[str, float]",
    "integer or string": "int | str",
}
OF_BOTH = {
    "start": "int | float | str",
    "selection": 'Literal["pareto", "systematic", "fixed_interval", "cell", "random"]',
}
"""Types of parameters whose name is also that of an argument of a step."""
MORE_HELP = {
    "start": " In the order of keys: where it begins, such as 0.25.",
    "selection": " Of units of money: a random unit in each `cell`, units at a `fixed_interval`, "
    "or `random` ones.",
}
ARGUMENTS_OF_EVALUATE = ("kind", "tolerable", "confidence")
ARGUMENTS_OF_TOGETHER = ("jobs", *ARGUMENTS_OF_EVALUATE)
ARGUMENTS_OF_ESTIMATE = ("statistics", "by", "filters", "values", "confidence")
ARGUMENTS_OF_SHARED = ("with_job", "key", "values")
OPTIONS_OF_SHARED = ("duplicates", "book_column")
ARGUMENTS_OF_CHANGE = (*ARGUMENTS_OF_ESTIMATE, *ARGUMENTS_OF_SHARED, *OPTIONS_OF_SHARED)
ARGUMENTS_OF_CLASSIFICATION = ("truth", "flagged", "by", "filters", "values", "confidence")
ARGUMENTS_OF_WEIGHTS = ("format", "columns", "values")
ARGUMENTS_OF_SAVE = ("columns", "format")

Entry = tuple[str, str, str]


def module_text() -> str:
    """The text of the module."""
    classes = [
        _class("MethodParameters", "The parameters of the methods of sampling.", _parameters()),
        _class(
            "EarlierRowsOptions",
            "Which rows to leave out of a draw; docs/FILTERS.md.",
            _options(EarlierFilterRequest),
        ),
        _class("ImportOptions", "How to read a file; docs/IMPORT.md.", _options(ReadOptions, ())),
        _class(
            "RowsOptions",
            "Which rows to write to a file, and how.",
            _options(SampleRowsRequest, ARGUMENTS_OF_SAVE),
        ),
        _class("ConfidenceOptions", "What holds at a confidence.", _options(ConfidenceRequest)),
        _class(
            "EstimateOptions",
            "How to estimate; docs/ESTIMATES.md.",
            _options(EstimatesRequest, ARGUMENTS_OF_ESTIMATE),
            "ConfidenceOptions",
        ),
        _class(
            "SharedRowsOptions",
            "Which rows two samples share; docs/CHANGE.md.",
            _options(SharedRowsRequest, ARGUMENTS_OF_SHARED),
        ),
        _class(
            "WeightsOptions",
            "How to weight; docs/WEIGHTS.md.",
            _options(WeightsRequest, ARGUMENTS_OF_WEIGHTS),
        ),
        _class(
            "ChangeOptions",
            "How to estimate a change; docs/CHANGE.md.",
            _options(ChangeRequest, ARGUMENTS_OF_CHANGE),
            "ConfidenceOptions, SharedRowsOptions",
        ),
        _class(
            "ClassificationOptions",
            "How to hold a flag against the truth; docs/CLASSIFICATION.md.",
            _options(ClassificationRequest, ARGUMENTS_OF_CLASSIFICATION),
            "ConfidenceOptions",
        ),
        _class(
            "EvaluationOptions",
            "How to evaluate findings; docs/AUDIT.md.",
            _options(EvaluationRequest, ARGUMENTS_OF_EVALUATE),
            "ConfidenceOptions",
        ),
        _class(
            "CombinedOptions",
            "How to evaluate several samples together; docs/AUDIT.md.",
            _options(CombinedEvaluationRequest, ARGUMENTS_OF_TOGETHER),
            "ConfidenceOptions",
        ),
        _class(
            "PaperFacts",
            "Facts of a working paper; docs/AUDIT.md.",
            _options(PaperFactsRequest),
        ),
    ]
    return "\n\n".join([HEAD.format(method=DEFAULT_METHOD, dividing=_dividing()), *classes])


def _dividing() -> str:
    (method,) = (each.name for each in METHODS if each.kind.divides)
    return method


def _class(name: str, doc: str, entries: Iterable[Entry], base: str = "TypedDict") -> str:
    lines = [f"class {name}({base}, total=False):", f'    """{doc}"""', ""]
    for field, kind, description in entries:
        lines.append(f"    {field}: {kind}")
        if description:
            text = textwrap.wrap(
                f'"""{description}', 95, break_long_words=False, break_on_hyphens=False
            )
            one_line = len(text) == 1 and len(text[0]) <= 92
            lines += [f"    {line}" for line in text]
            lines[-1:] = [lines[-1] + '"""'] if one_line else [lines[-1], '    """']
    return "\n".join(lines) + "\n"


def _parameters() -> list[Entry]:
    """Every parameter, as the first method declares it; with the widest of its types."""
    found: dict[str, Declared] = {}
    kinds: dict[str, str] = {}
    for method in METHODS:
        for own in method.parameters:
            name = own.name
            is_choice = isinstance(own.kind, Choice)
            kind = type_of(own.kind) if is_choice else TYPES[own.kind.json_type]
            found.setdefault(name, own)
            widens = kinds.setdefault(name, kind) != kind
            assert name in OF_BOTH or not widens or {kinds[name], kind} == {"int", "float"}, name
            kinds[name] = "float" if widens else kinds[name]
    return [
        (name, OF_BOTH.get(name, kinds[name]), own.help + MORE_HELP.get(name, ""))
        for name, own in found.items()
        if name != "seed"
    ]


def _options(request: type[Request], without: Sequence[str] = ()) -> list[Entry]:
    """The fields of a request that are keywords of a method."""
    return [
        (own.name, type_of(own.kind), own.description)
        for own in declared(request)
        if own.name not in without
    ]


def type_of(kind: Kind) -> str:
    match kind:
        case Choice(titles):
            return _literal(titles)
        case Written():
            return "float | str"
        case Flag():
            return "bool"
        case Count():
            return "int"
        case Mapped():
            return "Mapping[str, str]"
        case Part():
            return "Mapping[str, Any]"
        case Items():
            return "Sequence[Any]"
        case _:
            return "str"


def _literal(choices: Iterable[str]) -> str:
    names = ", ".join(f'"{each}"' for each in choices if each is not None)
    return f"Literal[{names}]" if names else ""


if __name__ == "__main__":
    MODULE.write_text(module_text(), encoding="utf-8")
