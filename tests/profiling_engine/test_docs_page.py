"""docs/PROFILING.md matches the code: its example and its alerts."""

from __future__ import annotations

import json
import re
from pathlib import Path

from profiling_engine import advice
from tests.profiling_engine.conftest import Studio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "PROFILING.md").read_text(encoding="utf-8")
EXAMPLE = """
SELECT CASE WHEN range % 8 < 5 THEN 'north' WHEN range % 8 < 7 THEN 'South' END AS region,
    CAST(range * range % 5 AS INTEGER) AS pieces FROM range(12)"""


def test_example_matches_the_engine(studio: Studio) -> None:
    profile = studio.profile(studio.table_of(EXAMPLE), seed=17)
    (shown,) = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert json.loads(json.dumps(profile.as_json())) == shown


def test_the_code_of_the_page_runs(studio: Studio) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"database": studio.database, "table": studio.table_of(EXAMPLE)}
    exec(compile(code, "PROFILING.md", "exec"), {**names, "on_progress": lambda *_: None})


def test_page_lists_exactly_the_alerts() -> None:
    source = Path(advice.__file__).read_text(encoding="utf-8")
    raised = re.findall(r'(?:Alert|_text_rows|_reads_as)\(\s*"([a-z_]+)"', source)
    raised += re.findall(r'Alert\("([a-z_]+)"', source)
    documented = re.findall(r"^\| `([a-z_]+)` \| (?:info|notice|warning)", PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(set(raised))
