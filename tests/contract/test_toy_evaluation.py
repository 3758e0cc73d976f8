"""One module declares a kind of evaluation: every surface has it, and no other module names it."""

from __future__ import annotations

import html
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import click
import pytest
from click.testing import CliRunner

import http_api.app
import http_api.schemas.contract
from application.audit.evaluation.answer import Evaluated
from application.audit.evaluation.request import (
    ExaminedSample,
    SettledEvaluation,
    require_all,
    tolerable_share,
)
from application.audit.evaluators import EVALUATORS, evaluator_of
from application.audit.evaluators.evaluator import Evaluation, Evaluator
from application.request_code.forms import arguments_of
from command_line.contract_options import with_request
from command_line.options import body_of
from contract.declarations import Help, Request, declared_field
from contract.fields import Choice
from contract.requests.evaluate import KINDS, EvaluationKind, EvaluationRequest
from contract.requests.findings import ReviewRequest
from estimation_engine.audit import Assurance, conclude
from http_api.routes import findings
from presentation.charts import Bar, LimitChart
from presentation.content import Chart, Facts
from service.settings import Settings
from tests.client.api_fields import type_of
from tests.contract.draw_requests import one
from tests.derived import table
from tests.support.live_server import LiveServer, live_server
from tests.web_ui.reader import Reader, words
from web_ui.contract_forms import form_fields

Rule = Literal["three", "four"]
FACTORS: Mapping[str, float] = {"three": 3.0, "four": 4.0}
ROW = "row_id"


class ToyParameters(Request):
    """Parameters of the rule of three."""

    rule: Annotated[
        Rule | None, Choice({"three": "Rule of three", "four": "Rule of four"}), Help("Which rule.")
    ] = None


class ToyEvaluator(Evaluator):
    """The exceptions and three more, by the examined rows."""

    kind: ClassVar[EvaluationKind] = EvaluationKind(
        "toy", "Rule of thumb", "random", "the limit by the rule of three", ToyParameters
    )
    titles: ClassVar[Mapping[str, str]] = {"examined": "Rows", "upper_limit": "Upper limit"}

    def evaluate(self, sample: ExaminedSample, request: SettledEvaluation[Any]) -> Evaluated:
        items, outside = require_all(sample, sample.items)
        exceptions = sum(item.is_exception for item in items)
        factor = FACTORS[request.parameters.rule or "three"]
        limit = (exceptions + factor) / len(items)
        conclusion = None
        if request.tolerable is not None:
            share, tolerable = exceptions / len(items), tolerable_share(request.tolerable)
            conclusion = conclude(limit, tolerable, share, request.confidence, scope=sample.scope)
        line = {"name": "Limit", "formula": f"({exceptions} + {factor}) / n", "value": limit}
        figures = {
            "examined": len(items),
            "upper_limit": limit,
            "not_applicable": outside,
            "arithmetic": [line],
            "formula": "(k + 3) / n",
            "source": "Hanley and Lippman-Hand 1983",
        }
        assurance = Assurance("customary", "A rule of thumb.", "Hanley and Lippman-Hand 1983")
        return Evaluated(figures, assurance, conclusion)

    def charts(self, found: Evaluation, tolerable: Bar | None) -> list[Chart]:
        limit = found["upper_limit"]
        return [LimitChart("Thumb", [Bar("Upper limit", limit, f"{limit:.3f}")], tolerable)]


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "toy", ToyEvaluator.kind)
        patch.setitem(EVALUATORS, "toy", ToyEvaluator())
        schemas = http_api.schemas.contract._SCHEMAS
        with_kinds = (EvaluationRequest, ReviewRequest)
        others = {key: each for key, each in schemas.items() if not issubclass(key[0], with_kinds)}
        patch.setattr(http_api.schemas.contract, "_SCHEMAS", others)
        # Views keep the schemas of their first call.
        before = findings.blueprint
        after = importlib.reload(findings).blueprint
        blueprints = [after if each is before else each for each in http_api.app.BLUEPRINTS]
        patch.setattr(http_api.app, "BLUEPRINTS", blueprints)
        yield


@pytest.fixture(scope="module")
def toy_server(_toy: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("toy"), workers=1, memory_mb=512)
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def job(toy_server: LiveServer) -> str:
    """An examined sample of 50 rows with one exception."""
    dataset = toy_server.new_dataset()
    toy_server.import_text(dataset, "\n".join(["id", *map(str, range(200))]) + "\n")
    sample = toy_server.draw(dataset, {"rounds": [one("random", sample_size=50, seed=3)]})
    path = f"/api/sampling/jobs/{sample['id']}/findings"
    rows = [item[ROW] for item in toy_server.admin.get(path).json()["items"]]
    entries = [{ROW: row, "outcome": "ok"} for row in rows]
    entries[0]["outcome"] = "exception"
    assert toy_server.admin.post(path, json={"findings": entries}).status_code == 200
    return str(sample["id"])


def test_a_kind_is_in_schema_options_form_client_code_and_docs() -> None:
    schema = http_api.schemas.contract.body_schema(EvaluationRequest)()
    loaded = schema.load({"kind": "toy", "rule": "four"})
    assert (loaded.kind, loaded.parameters) == ("toy", {"rule": "four"})
    bodies: list[dict[str, Any]] = []

    def run(**values: Any) -> None:
        bodies.append(body_of(values))

    command = click.command()(with_request(EvaluationRequest)(run))
    ran = CliRunner().invoke(command, ["--kind", "toy", "--rule", "four"])
    assert ran.exit_code == 0, ran.output
    assert bodies == [{"kind": "toy", "rule": "four"}]
    (field,) = (each for each in form_fields(EvaluationRequest, {}) if each.name == "rule")
    assert field.choices["four"] == "Rule of four"
    own = declared_field(EvaluationRequest, "rule")
    assert type_of(own.kind) == 'Literal["three", "four"]'
    assert "| `rule` | `--rule` | `three`, `four` | For `toy`. Which rule. |" in table(
        EvaluationRequest
    )
    (argument,) = arguments_of(EvaluationRequest, "rule")
    assert argument.python("four") == [("rule", "four")]
    assert argument.words("four") == ["--rule", "four"]


def test_a_kind_is_in_the_document_of_the_api(toy_server: LiveServer) -> None:
    document = toy_server.admin.get("/api/openapi.json").json()
    fields = document["components"]["schemas"]["EvaluationIn"]["properties"]
    assert "toy" in fields["kind"]["enum"]
    assert fields["rule"]["enum"][:2] == ["three", "four"]


def test_a_kind_is_evaluated_and_printed(toy_server: LiveServer, job: str) -> None:
    path = f"/api/sampling/jobs/{job}/evaluation"
    body = {"kind": "toy", "rule": "four", "tolerable": 0.2}
    answer = toy_server.admin.post(path, json=body).json()
    assert (answer["upper_limit"], answer["conclusion"]["is_tolerable"]) == (0.1, True)
    assert answer["assurance"]["status"] == "customary"
    figures, arithmetic = evaluator_of(answer).printed(answer)
    assert isinstance(figures, Facts)
    assert [label for label, _ in figures.lines] == ["Population", "Rows", "Upper limit"]
    assert arithmetic.title == "Arithmetic"
    refused = toy_server.admin.post(path, json={"kind": "toy", "bound": "gaffke"}).json()
    assert "An evaluation by toy has no `bound`." in str(refused)
    fitting = toy_server.admin.post(path, json={}).json()
    assert fitting["kind"] == "attributes"


def test_a_kind_is_on_the_page_and_in_the_working_paper(
    toy_server: LiveServer, job: str, tmp_path: Path
) -> None:
    reader = Reader(toy_server, "admin")
    page = html.unescape(reader.page(f"/jobs/{job}", tab="evaluation", kind="toy", tolerable="9 %"))
    assert '<option value="toy" selected>Rule of thumb</option>' in page
    assert all(part in words(page) for part in ("Thumb", "(1 + 3.0) / n", "A rule of thumb."))
    assert 'sample.evaluate(tolerable=0.09, kind="toy", confidence=0.95)' in words(page)
    query = {"kind": "toy", "rule": "four", "tolerable": "0.2"}
    paper = toy_server.admin.get(f"/api/sampling/jobs/{job}/working-paper", params=query).text
    text = words(paper)
    assert "Rule of thumb" in text
    assert "is below the tolerable 20.00 %" in text


def test_a_kind_is_signed_off(toy_server: LiveServer, job: str) -> None:
    path = f"/api/sampling/jobs/{job}/review"
    assert toy_server.admin.post(path, json={"action": "submitted"}).status_code == 200
    other, _ = toy_server.new_user("admin")
    body = {"action": "signed_off", "evaluation": {"kind": "toy", "tolerable": 0.2}}
    review = other.post(path, json=body).json()
    kept = review["entries"][-1]["evaluation"]
    assert (kept["kind"], kept["is_tolerable"]) == ("toy", True)


ROOT = Path(__file__).parents[2]
ROOMS = ("application/audit/*.py", "web_ui/pages/*.py", "client/jobsvc_client/results.py")


def test_no_module_compares_with_a_kind() -> None:
    paths = [path for pattern in ROOMS for path in ROOT.glob(pattern)]
    assert len(paths) > 20
    kinds = {f'"{name}"' for name in ("two_stage", "monetary_unit", "variables", "sequential")}
    naming = [
        path.name
        for path in [*paths, *ROOT.glob("web_ui/templates/*.html")]
        if any(f"== {name}" in path.read_text("utf-8") for name in kinds)
    ]
    assert not naming
