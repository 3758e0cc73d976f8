"""One module declares a design: estimates, notes, facts and code of four programs follow."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from contract.requests.estimate import VarianceRequest
from estimation_engine import UnsupportedDesign
from estimation_engine.arrays import Floats, Ints
from estimation_engine.designs import DESIGNS, Design, design_class
from estimation_engine.designs.code import DesignCode, Sizes
from estimation_engine.designs.design import DrawnRows, RowsOfPairs, whole_table
from estimation_engine.designs.stages import Layer, simple_layer
from lazy_dataclasses import dataclass
from tests.contract.draw_requests import one
from tests.contract.test_design_code import figures_of_python, written
from tests.contract.test_estimates import (
    COUNT,
    MEAN,
    ROWS,
    TOTAL,
    dataset,
    drawn_anew,
    estimates,
)
from tests.support.live_server import LiveServer

__all__ = ["dataset"]

SIZE = 100
NOTE = "Rows were drawn with replacement, so no fraction lowers the margin."


@dataclass(frozen=True, eq=False)
class ToyDesign(Design):
    """Rows that were drawn one by one with replacement."""

    method: ClassVar = "toy"

    @classmethod
    def of_draw(cls, drawn: DrawnRows) -> ToyDesign:
        rows, population = len(drawn.groups), int(drawn.group_rows.sum())
        return cls(*whole_table(np.full(rows, population / rows), population))

    @property
    def fraction(self) -> float:
        return 0.0

    @property
    def layers(self) -> list[Layer]:
        return [simple_layer(float(self.rows), 0.0, self.groups)]

    def domain_degrees(self, rows: Ints, domains: Ints, count: int) -> Ints:
        return np.maximum(np.bincount(domains, minlength=count) - 1, 0)

    def both_drawn(self, rows: RowsOfPairs, p: Floats, first: Ints, second: Ints) -> Floats:
        n = self.rows
        return np.full(len(first), n * (n - 1) / self.population**2)

    def notes(self, rules: VarianceRequest, chance: Design | None = None) -> list[str]:
        return [NOTE]

    def code(self, sizes: Sizes) -> DesignCode:
        weight = f"{self.population} / {self.rows}"
        return DesignCode(
            r=f"d$w <- {weight}\n"
            "design <- svydesign(ids = ~1, weights = ~w, data = d, variables = s)\n",
            stata=f"generate double _w = {weight}\n",
            stata_units="_n [pweight = _w]",
            sas=f"data d; set s; _w = {weight}; run;\n",
            sas_options="",
            sas_units="",
            python=f"""w = np.full(len(rows), {weight})


def degrees(has_value):
    return max(int(has_value.sum()) - 1, 0)


def variance(t):
    return len(t) / (len(t) - 1) * ((t - t.mean()) ** 2).sum()
""",
        )


@pytest.fixture
def job(server: LiveServer, dataset: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A draw whose method has the toy design."""
    monkeypatch.setitem(DESIGNS, "random", ToyDesign)  # type: ignore[arg-type]
    return drawn_anew(server, dataset, one("random", sample_size=SIZE))


def test_a_design_gives_estimates_notes_and_facts(server: LiveServer, job: str) -> None:
    answer = estimates(server, job, MEAN, TOTAL, COUNT)
    assert NOTE in answer["notes"]
    assert answer["design"]["method"] == "toy"
    y = [row["amount"] or 0 for row in server.rows(job, limit=1000)]
    total, count = answer["estimates"][1:]
    assert total["estimate"] == pytest.approx(sum(y) * ROWS / SIZE)
    spread = sum((value - sum(y) / SIZE) ** 2 for value in y)
    assert total["variance"] == pytest.approx(spread * SIZE / (SIZE - 1) * (ROWS / SIZE) ** 2)
    assert count["estimate"] == pytest.approx(ROWS)
    facts = server.admin.get(f"/api/sampling/jobs/{job}/design").json()
    assert (facts["method"], facts["n"], facts["N"], facts["df"]) == ("toy", SIZE, ROWS, SIZE - 1)
    pairs = {"pairs": [[row["_logical_row_id"] for row in server.rows(job, limit=2)]]}
    path = f"/api/sampling/jobs/{job}/joint-probabilities"
    (pair,) = server.admin.post(path, json=pairs).json()["pairs"]
    assert pair["joint_probability"] == pytest.approx(SIZE * (SIZE - 1) / ROWS**2)


def test_a_design_gives_replicates(server: LiveServer, job: str) -> None:
    query = {"format": "csv", "replicates": "jackknife"}
    table = server.admin.get(f"/api/sampling/jobs/{job}/design", params=query).text
    lines = list(csv.DictReader(io.StringIO(table.lstrip("\ufeff"))))
    weights = np.array(
        [[float(line[f"replicate_{at + 1}"]) for at in range(SIZE)] for line in lines]
    )
    rows = {row["_logical_row_id"]: row["amount"] or 0 for row in server.rows(job, limit=1000)}
    y = np.array([rows[line["row_id"]] for line in lines])
    (total,) = estimates(server, job, TOTAL)["estimates"]
    assert ((y @ weights - total["estimate"]) ** 2).sum() == pytest.approx(total["variance"])


def test_a_design_gives_code_of_four_programs(
    server: LiveServer, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "r": "svydesign(ids = ~1, weights = ~w, data = d",
        "stata": "svyset _n [pweight = _w]\n",
        "sas": "proc surveymeans data=d mean",
        "python": "return len(t) / (len(t) - 1)",
    }
    for language, part in own.items():
        assert part in written(server, job, language, tmp_path).read_text("utf-8")
    lines = figures_of_python(written(server, job, "python", tmp_path), monkeypatch)
    for figure in estimates(server, job, MEAN, TOTAL)["estimates"]:
        names = ("estimate", "standard_error", "ci_low", "ci_high")
        expected = [figure[name] for name in names]
        assert lines[figure["statistic"]] == pytest.approx(expected, rel=1e-9)


def test_a_method_without_a_design_is_refused() -> None:
    with pytest.raises(UnsupportedDesign, match="no design is declared"):
        design_class("another")


ROOT = Path(__file__).parents[2]
OF_PLANNING = {"sizing.py", "materiality.py", "band_suggestions.py"}


def test_estimates_compare_no_method() -> None:
    engine = [*ROOT.glob("estimation_engine/*.py"), *ROOT.glob("application/estimation/**/*.py")]
    assert len(engine) > 30
    methods = {f'"{name}"' for name in DESIGNS}
    named = [
        path.name for path in engine if any(name in path.read_text("utf-8") for name in methods)
    ]
    assert set(named) <= OF_PLANNING
