"""A start of the server does little; `benchmarks.against` measures its processor time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = """
import json, sys
from pathlib import Path

import command_line.serving
import composition_root
from service.settings import Settings

def below(cls):
    return {cls}.union(*map(below, cls.__subclasses__()))

with composition_root.running_service(Settings(data_dir=Path(sys.argv[1])), "test") as service:
    client = composition_root.build_app(service).test_client()
    assert client.get("/health").status_code == 200
    ours = set(sys.argv[2].split(","))
    classes = {
        cls
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in ours
        for cls in vars(module).values()
        if isinstance(cls, type) and cls.__module__ == name and hasattr(cls, "__dataclass_params__")
    }
    from http_api.schemas.base import PlainSchema, StrictSchema

    print(json.dumps({
        "loaded": sorted({name.split(".")[0] for name in sys.modules}),
        "dataclasses": len(classes),
        "compiled": sorted(
            f"{cls.__module__}.{cls.__name__}"
            for cls in classes
            if cls.__dataclass_params__.frozen and "__slots__" not in vars(cls)
        ),
        "schemas": len(below(PlainSchema) | below(StrictSchema)),
    }))
"""
LATER = {
    *("authlib", "deltalake", "fastexcel", "httpx", "jobsvc_client", "pandas", "py_ecc"),
    *("pyarrow", "pyiceberg", "pyreadstat", "pyspark", "scipy", "xlsxwriter"),
}
"""Libraries that a start doesn't need."""
MOST_COMPILED = 40
MOST_SCHEMAS = 60


def test_a_start_compiles_and_loads_little(tmp_path: Path) -> None:
    packages = [path.parent.name for path in ROOT.glob("*/py.typed")]
    done = subprocess.run(
        [sys.executable, "-c", START, tmp_path / "data", ",".join(packages)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    start = json.loads(done.stdout)
    assert start["dataclasses"] > 500
    compiled = "\n".join(start["compiled"])
    assert len(start["compiled"]) <= MOST_COMPILED, f"use lazy_dataclasses:\n{compiled}"
    assert start["schemas"] <= MOST_SCHEMAS
    assert not LATER & set(start["loaded"])
