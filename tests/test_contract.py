"""A declaration of the contract holds on each surface: API, commands, forms, client, docs, code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import click
import pytest
from click.testing import CliRunner
from marshmallow import ValidationError

from application.request_code.forms import arguments_of, defaults_of
from command_line.contract_options import with_request
from command_line.options import body_of
from contract import words
from contract.declarations import Help, Request, declared
from contract.fields import NOT_GIVEN, Choice, Written
from contract.numbers import confidence_of
from contract.requests.estimate import EstimatesRequest, IntervalRequest, StatisticRequest
from contract.requests.evaluate import EvaluationRequest
from contract.requests.goal import GoalRequest
from domain_errors import InvalidRequest
from http_api.schemas.contract import body_schema, query_schema
from tests.client.api_fields import type_of
from tests.derived import requests, table
from web_ui.contract_forms import form_fields, read_form

Smoothing = Literal["none", "loess"]
FIGURE = {"statistic": "count"}


class SmoothedRequest(EstimatesRequest):
    """A request with a parameter more, which no surface has heard of."""

    smoothing: Annotated[
        Smoothing, Choice({"none": "None", "loess": "LOESS"}), Help("How to smooth.")
    ] = "none"


def options(request: type[Request], *words: str) -> dict[str, Any]:
    """The body that the words of a command give."""
    bodies: list[dict[str, Any]] = []

    def run(**values: Any) -> None:
        bodies.append(body_of(values))

    ran = CliRunner().invoke(click.command()(with_request(request)(run)), words)
    assert ran.exit_code == 0, ran.output
    return bodies[0]


def test_a_parameter_that_is_declared_is_on_every_surface() -> None:
    loaded = body_schema(SmoothedRequest)().load({"statistics": [FIGURE], "smoothing": "loess"})
    assert (loaded.smoothing, loaded.confidence) == ("loess", 0.95)
    with pytest.raises(ValidationError, match="smoothing"):
        body_schema(SmoothedRequest)().load({"statistics": [FIGURE], "smoothing": "splines"})
    assert options(SmoothedRequest, "--smoothing", "loess") == {"smoothing": "loess"}
    (field,) = (field for field in form_fields(SmoothedRequest, {}) if field.name == "smoothing")
    assert (field.title, field.value, dict(field.choices)) == (
        "Smoothing",
        "none",
        {"none": "None", "loess": "LOESS"},
    )
    assert read_form(SmoothedRequest, {"smoothing": "loess"}) == {"smoothing": "loess"}
    line = "| `smoothing` | `--smoothing` | `none`, `loess`, default `none` | How to smooth. |"
    assert line in table(SmoothedRequest)
    (own,) = (own for own in declared(SmoothedRequest) if own.name == "smoothing")
    assert type_of(own.kind) == 'Literal["none", "loess"]'
    (argument,) = arguments_of(SmoothedRequest, "smoothing")
    assert argument.python("loess") == [("smoothing", "loess")]
    assert argument.words("loess") == ["--smoothing", "loess"]
    assert defaults_of(SmoothedRequest)["smoothing"] == "none"


@pytest.mark.parametrize("request_class", requests().values(), ids=lambda each: each.__name__)
def test_every_request_has_a_schema_and_a_table(request_class: type[Request]) -> None:
    assert set(body_schema(request_class)().load_fields) == {
        own.name for own in declared(request_class)
    }
    assert table(request_class).startswith("| field |")


def _of_api(request: type[Request], name: str, text: str) -> float | None:
    field = body_schema(request)().load_fields[name]
    try:
        return float(field.deserialize(text))
    except ValidationError:
        return None


def _of_query(request: type[Request], name: str, text: str) -> float | None:
    field = query_schema(request)().load_fields[name]
    try:
        return float(field.deserialize(text))
    except ValidationError:
        return None


def _of_form(request: type[Request], name: str, text: str) -> float | None:
    try:
        value = read_form(request, {name: text})[name]
    except InvalidRequest:
        return None
    return float(value)


def _of_command(request: type[Request], option: str, name: str, text: str) -> float | None:
    found: list[float] = []

    def run(**values: Any) -> None:
        found.append(body_of(values)[name])

    CliRunner().invoke(click.command()(with_request(request)(run)), [option, text])
    return float(found[0]) if found else None


READ = {
    "95%": 0.95,
    "2,5 %": 0.025,
    "0.95": 0.95,
    "0,95": 0.95,
    "1.234,50": 1234.5,
    "1,234.50": 1234.5,
    "250.000": None,
    "1,234 %": None,
    "many": None,
}
"""Texts with the number in them; None if it is none, or can be read in two ways."""


@pytest.mark.parametrize("text", READ)
def test_a_written_number_is_read_alike_everywhere(text: str) -> None:
    for request in (EstimatesRequest, EvaluationRequest, GoalRequest):
        for own in declared(request):
            if not isinstance(own.kind, Written):
                continue
            number = READ[text]
            if number is not None and own.kind.how is confidence_of and 1 < number < 100:
                number /= 100
            assert own.option is not None
            assert _of_command(request, own.option, own.name, text) == number
            if number is not None and not own.kind.bounds.holds(number):
                number = None
            readings = {
                "api": _of_api(request, own.name, text),
                "query": _of_query(request, own.name, text),
            }
            if own.kind.refusal is not None:
                readings["form"] = _of_form(request, own.name, text)
            assert readings == dict.fromkeys(readings, number), (request.__name__, own.name)


def test_objects_of_a_request_are_options_of_their_fields() -> None:
    words = ("--minimum-degrees", "0", "--calibrate", "rake", "--known", "a", "--known", "b")
    assert options(EstimatesRequest, *words) == {
        "interval": {"minimum_degrees": 0},
        "calibrate": {"method": "rake", "columns": ["a", "b"]},
    }
    assert options(EstimatesRequest) == {}


def test_a_request_gives_its_body_again() -> None:
    body: dict[str, Any] = {
        "statistics": [{"statistic": "proportion", "column": "type", "value": None, "q": 0.5}],
        "by": ["region"],
        "filters": {"expression": "a > 1"},
        "confidence": 0.9,
        "interval": {"proportion": "wilson", "minimum_degrees": 0},
        "variance": {"lonely_stratum": "adjust", "systematic": "sd1"},
        "calibrate": {"method": "ratio", "columns": ["paid"]},
        "replicates": "none",
        "replicate_count": 500,
        "replicate_seed": 1,
        "values": 3,
        "true_values": True,
    }
    loaded = body_schema(EstimatesRequest)().load(body)
    assert loaded.given() == body
    assert loaded.stated()["interval"] == body["interval"]
    plain = EstimatesRequest(statistics=(StatisticRequest(statistic="count"),))
    assert plain.stated() == {"statistics": [{"statistic": "count"}]}
    assert plain.statistics[0].value is NOT_GIVEN
    assert IntervalRequest().stated() == {}


@pytest.mark.parametrize(
    ("titles", "literal"),
    [
        (words.STATISTICS, words.StatisticName),
        (words.LONELY, words.Lonely),
        (words.CALIBRATIONS, words.CalibrationMethod),
        (words.LIKELIHOODS, words.Likelihood),
        (words.BOUNDS, words.Bound),
        (words.ESTIMATORS, words.Estimator),
        (words.SIDES, words.Sides),
    ],
)
def test_words_have_a_title_for_each_value(titles: Mapping[str, str], literal: Any) -> None:
    assert set(titles) == set(get_args(literal))


def test_the_contract_is_light() -> None:
    modules = ", ".join(sorted({request.__module__ for request in requests().values()}))
    heavy = "{'numpy', 'duckdb', 'flask', 'marshmallow', 'click', 'scipy'}"
    program = f"import sys, {modules}; print({heavy} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"
