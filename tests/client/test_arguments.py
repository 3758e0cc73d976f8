"""Arguments of the client: none is dropped, unknown ones are named, NumPy's numbers are numbers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from jobsvc_client import Client, Dataset, Job, JobsvcError, Report, RowsJob, Sample, connect
from jobsvc_client.arguments import plain
from jobsvc_client.draws import draw_body
from jobsvc_client.results import Estimate, Estimates, Evaluation, Plan, UploadedValues
from marshmallow import Schema

from contract.requests.automation import ScheduleRequest
from contract.requests.change import ChangeRequest
from contract.requests.classification import ClassificationRequest
from contract.requests.draw import SamplingJobRequest
from contract.requests.estimate import EstimatesRequest
from contract.requests.evaluate import EvaluationRequest
from contract.requests.exploring import ExplorationRequest
from http_api.schemas.contract import body_schema
from sampling_engine import METHODS
from tests.client.api_fields import MODULE, module_text
from tests.client.conftest import ROWS

RESULTS = (Estimate, Estimates, Evaluation, Plan, UploadedValues)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"filter": "id < 3"}, "filters"),
    ({"seeed": 42}, "seed"),
    ({"alocation": "neyman"}, "allocation"),
    ({"weight": "amount"}, "weight_column"),
]


def round_of(sample: Sample) -> dict[str, Any]:
    """The first step of a sample's request."""
    found: dict[str, Any] = sample.info["run_parameters"]["rounds"][0]
    return found


def test_the_module_of_fields_is_that_of_the_server() -> None:
    assert MODULE.read_text(encoding="utf-8") == module_text()


@pytest.mark.parametrize(("options", "meant"), WRONG)
def test_an_unknown_argument_of_a_draw_is_named(
    client: Client, dataset: Dataset, frame: pd.DataFrame, options: dict[str, Any], meant: str
) -> None:
    before = {each.name for each in client.datasets()}
    calls: list[Callable[..., Any]] = [dataset.sample, dataset.plan, dataset.register_plan]
    for call in (*calls, lambda **given: client.sample(frame, **given)):
        with pytest.raises(TypeError, match=f'Did you mean "{meant}"'):
            call(size=5, **options)
    assert {each.name for each in client.datasets()} == before


def public_methods() -> list[Callable[..., Any]]:
    """Every public method of the client's classes, but that of any request."""
    found: dict[str, Callable[..., Any]] = {}
    for owner in (Client, Dataset, Job, RowsJob, Report, Sample, *RESULTS):
        for name, method in vars(owner).items():
            if not name.startswith("_") and inspect.isfunction(method) and name != "request":
                found[method.__qualname__] = method
    return [*found.values(), connect]


@pytest.mark.parametrize("method", public_methods(), ids=lambda method: method.__qualname__)
def test_every_method_names_the_closest_argument(method: Callable[..., Any]) -> None:
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    assert "options" not in names
    wrong = f"{names[-1]}x" if names else "wrong"
    advice = "Did you mean" if names else "It takes none."
    with pytest.raises(TypeError, match=f'has no argument "{wrong}". {advice}'):
        method(None, **{wrong: 1})


@pytest.mark.parametrize("nan", [float("nan"), np.float64("nan")], ids=["Python", "NumPy"])
@pytest.mark.parametrize("method", public_methods(), ids=lambda method: method.__qualname__)
def test_an_argument_that_is_nan_is_named(method: Callable[..., Any], nan: float) -> None:
    for name in [name for name in inspect.signature(method).parameters if name != "self"]:
        if name != "findings":
            with pytest.raises(JobsvcError, match=f"^{name} is NaN."):
                method(None, **{name: nan})


def test_the_place_of_a_nan_in_an_argument_is_named(client: Client, dataset: Dataset) -> None:
    with pytest.raises(JobsvcError, match=r"^size.north is NaN."):
        dataset.plan("stratified", strata="region", size={"north": np.nan})
    with pytest.raises(JobsvcError, match=r"^strata\[0\].breaks\[1\] is infinite."):
        dataset.plan("stratified", strata=[{"column": "amount", "breaks": np.array([0, np.inf])}])
    with pytest.raises(JobsvcError, match=r"^frame is NaN."):
        client.sample(float("nan"))
    with pytest.raises(JobsvcError, match=r"^rounds\[0\].seed is NaN."):
        client.request("POST", "/api/anything", {"rounds": [{"seed": float("nan")}]})


def test_nan_is_a_missing_value_in_findings(dataset: Dataset) -> None:
    sample = dataset.sample(size=2, seed=1)
    rows = [each["row_id"] for each in sample.findings()]
    table = pd.DataFrame({"row_id": rows, "outcome": "ok", "note": ["seen", np.nan]})
    table["audit_value"] = [np.nan, np.nan]
    assert sample.add_findings(table.to_dict("records"))["ok"] == 2
    notes = [each["finding"]["note"] for each in sample.findings()]
    assert (notes[0], notes[1] or None) == ("seen", None)


NOT_ARGUMENTS = {
    "job_id": "id of the job",
    "sql": "statement",
    "method": "method",
    "random_seed": "seed",
    "selection": "columns, order_by, descending",
    "order": "key, keyed, start, duplicates",
    "source_ref": "ref",
    "table_key": "table",
    "output_name": "name",
    "commit_message": "purpose",
    "export_residual": "residual",
    "row_diff": "changed_rows itself",
    "with_tables": "with_tables of sql",
    "with_job": "other",
    "source": "begin_with, uri, profile of a schedule",
}
"""Fields of the API with another name in the client."""


@pytest.mark.parametrize(
    ("method", "schema"),
    [
        (Dataset.sample, body_schema(SamplingJobRequest)),
        (Dataset.changed_rows, body_schema(ExplorationRequest)),
        (Sample.estimate, body_schema(EstimatesRequest)),
        (Sample.change, body_schema(ChangeRequest)),
        (Sample.classification, body_schema(ClassificationRequest)),
        (Sample.evaluate, body_schema(EvaluationRequest)),
        (Sample.working_paper, body_schema(EvaluationRequest)),
        (Job.schedule, body_schema(ScheduleRequest)),
    ],
)
def test_every_field_of_the_api_is_an_argument(
    method: Callable[..., Any], schema: type[Schema]
) -> None:
    names = set(inspect.signature(method).parameters)
    assert set(schema().load_fields) - set(NOT_ARGUMENTS) <= names


def test_every_parameter_of_a_method_is_an_argument_and_is_sent() -> None:
    for method in METHODS:
        for parameter in method.parameters:
            body = draw_body(method.name, {parameter.name: "given"})
            assert body["rounds"] == [
                {"method": method.name, "parameters": {parameter.name: "given"}}
            ]


def test_an_allocation_is_drawn(dataset: Dataset) -> None:
    sample = dataset.sample(
        "stratified",
        strata="region",
        size=40,
        allocation="neyman",
        allocation_column="amount",
        min_per_stratum=2,
        seed=1,
    )
    parameters = round_of(sample)["parameters"]
    assert (parameters["allocation"], parameters["min_per_stratum"]) == ("neyman", 2)
    with pytest.raises(JobsvcError, match="allocation"):
        dataset.sample("random", size=5, allocation="neyman")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 5, "sample_size": 5}, "sample_size is given twice"),
        ({"size": 5, "parameters": {"sample_size": 6}}, "sample_size is given twice"),
        ({"seed": 5, "parameters": {"seed": 6}}, "seed is given twice"),
        ({"strata": "a", "strata_columns": ["b"]}, "strata_columns is given twice"),
        ({"rounds": [{"method": "random"}], "size": 5}, "rounds and size can't"),
        ({"rounds": [{"method": "random"}], "filters": "id > 1"}, "rounds and filters can't"),
        ({"rounds": [{"method": "random"}, {}], "margin": 0.03}, "rounds and margin can't"),
        ({"margin": 0.03, "size": 5}, "margin and size can't"),
        ({"margin": 0.03, "goal": {"margin": 0.04}}, "margin and goal can't"),
        ({"size": np.nan}, "size is NaN"),
        ({"size": object()}, "JSON"),
    ],
)
def test_arguments_that_exclude_each_other_are_refused(
    dataset: Dataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(JobsvcError, match=message):
        dataset.plan("random", **options)


def test_scalars_of_other_libraries_are_plain() -> None:
    given = {
        np.int64(5): np.int64(5),
        "float": np.float32(0.5),
        "bool": np.bool_(True),
        "text": np.str_("a"),
        "array": np.array(7),
        "list": np.array([1.5, 2.0]),
        "day": np.datetime64("2025-07-07"),
        "time": pd.Timestamp("2025-07-07 10:00"),
        "missing": [pd.NA, pd.NaT],
        "columns": (pd.Index(["a"]), pl.Series(["b"]), pd.Series([1])),
    }
    assert json.loads(json.dumps(plain(given))) == {
        "5": 5,
        "float": 0.5,
        "bool": True,
        "text": "a",
        "array": 7,
        "list": [1.5, 2.0],
        "day": "2025-07-07",
        "time": "2025-07-07T10:00:00",
        "missing": [None, None],
        "columns": [["a"], ["b"], [1]],
    }


def test_numbers_of_numpy_are_numbers(client: Client, dataset: Dataset, tmp_path: Path) -> None:
    assert client.dataset(np.int64(dataset.id)).id == dataset.id
    sample = dataset.sample(size=np.int64(7), seed=np.int32(3), residual=np.bool_(True))
    assert (sample.size, round_of(sample)["parameters"]["seed"]) == (7, 3)
    assert len(sample.residual()) == ROWS - 7
    assert dataset.plan(size=np.float32(0.5)).total_rows == ROWS // 2
    sizes = {np.str_("north"): np.int16(2), "east": "all"}
    assert dataset.plan("stratified", strata=np.str_("region"), size=sizes).total_rows == 102
    bands = {"column": "amount", "breaks": np.array([10, 50])}
    assert dataset.plan("stratified", strata=bands, size=np.array(20)).total_rows == 20
    (total,) = sample.estimate("total", "amount", confidence=np.float32(0.5))
    assert total.confidence == 0.5
    file = sample.save(tmp_path / "rows.csv", limit=np.int64(2), columns=["id"])
    assert len(file.read_text(encoding="utf-8").splitlines()) == 3
    with pytest.raises(JobsvcError, match="JSON"):
        dataset.plan(size=Decimal("0.5"))
