"""Asks every surface for the method of ``block_method.py``.

``test_new_method.py`` runs this in a process whose list of methods has it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from jobsvc_client import draws

import composition_root
from application.request_code.forms import ApiRequest
from application.request_code.texts import request_code
from command_line import Composition, command
from service.settings import Settings
from tests.support.live_server import LiveServer, live_server
from tests.test_docs import parameter_lines
from tests.web_ui.reader import Reader

ROUND = {"method": "block", "parameters": {"block_rows": 5, "seed": 1}}


def check_api(server: LiveServer) -> None:
    """Schemas, plan, draw, explanation, refusals, and the form."""
    dataset = server.new_table(40)
    sampling = f"/api/sampling/datasets/{dataset}"
    declared = server.admin.get(f"{sampling}/sampling-methods").json()["methods"]
    assert "block" in [method["name"] for method in declared]
    schemas = server.admin.get("/api/openapi.json").json()["components"]["schemas"]
    assert "block_rows" in schemas["BlockParametersIn"]["properties"]
    plan = server.admin.post(f"{sampling}/plan", json={"rounds": [ROUND]}).json()
    assert plan["rounds"][0]["rows_planned"] == 5
    job = server.draw(dataset, {"rounds": [ROUND]})
    rows = server.rows(job["id"])
    first = int(rows[0]["id"])
    assert [int(row["id"]) for row in rows] == list(range(first, first + 5))
    assert {row["_inclusion_probability"] for row in rows} == {0.125}
    beside = f"primary:{(first + 20) % 40}"
    answer = server.admin.get(f"/api/sampling/jobs/{job['id']}/rows/{beside}")
    assert "The row lies outside the drawn block." in answer.text, answer.text
    small = {"rounds": [{"method": "block", "parameters": {"block_rows": 0}}]}
    assert server.admin.post(f"{sampling}/jobs", json=small).status_code == 422
    size = {"goal": {"margin": 0.1}, "design": {"method": "block"}}
    answer = server.admin.post(f"{sampling}/size", json=size)
    assert "can't be planned for method block" in answer.text, answer.text
    form = Reader(server, "admin").page(f"/datasets/{dataset}/draw")
    assert "One block" in form
    assert "Rows of the block" in form


def check_commands(folder: Path) -> None:
    """The options of a command, and the command that is written for a request."""
    composition = Composition(composition_root.listening, composition_root.serving_in_background)

    def run(*words: str) -> Result:
        result = CliRunner().invoke(command, list(words), obj=composition)
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result

    table = folder / "t.csv"
    table.write_text("id\n" + "".join(f"{row}\n" for row in range(40)), encoding="utf-8")
    run("import", str(table), "--dataset", "t")
    body = {"rounds": [ROUND]}
    code = request_code(
        ApiRequest("/api/sampling/datasets/1/jobs", body), "http://s", lambda _: "t"
    )
    assert '"block", seed=1, block_rows=5' in code.python
    assert code.command == "jobsvc sample t --method block --seed 1 --block-rows 5"
    assert "Drew 5 of 40 rows" in run(*code.command.split()[1:]).output


def check_client(packages: Path) -> None:
    """The body that the client sends."""
    assert Path(draws.__file__).parents[1] == packages
    options = {"block_rows": 5, "seed": 1}
    assert draws.draw_body("block", options) == {"rounds": [ROUND]}


def main(folder: Path, packages: Path) -> None:
    """Check the API, the commands, the client and the table of parameters."""
    check_client(packages)
    os.environ |= {"JOBSVC_DATA_DIR": str(folder / "commands"), "JOBSVC_MEMORY_MB": "256"}
    with live_server(Settings(data_dir=folder / "data", memory_mb=256, stop_grace_s=0)) as server:
        check_api(server)
    check_commands(folder)
    line = "| `block` | `block_rows` | `--block-rows` | integer, 1 or more, required |"
    assert any(text.startswith(line) for text in parameter_lines())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
