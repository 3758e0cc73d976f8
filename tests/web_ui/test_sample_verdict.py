"""The verdict on a sample's page: its chip, its strength, and the wait for it."""

from __future__ import annotations

import html
import re

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


def verdict(server: LiveServer, reader: Reader, design: dict[str, object]) -> tuple[str, str, str]:
    """The tone and the text of the verdict's chip, and the text after it."""
    dataset = server.new_table(3000, reader.api)
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job_id = reader.api.post(path, json=design).json()["job_id"]
    server.finished(job_id)
    assert reader.api.get(f"/api/sampling/jobs/{job_id}/comparison").status_code == 200
    page = reader.page(f"/jobs/{job_id}")
    (shown,) = re.findall('<dd class="chips">(.*?)</dd>', page)
    tone, *texts = re.findall(r'<span class="chip([ \w]*)">(.*?)</span>(.*)', shown)[0]
    chip, rest = (html.unescape(re.sub("<[^>]*>", "", text)).strip() for text in texts)
    return tone.strip(), chip, rest


def test_a_sample_that_detects_differences_is_green(server: LiveServer, reader: Reader) -> None:
    design = {"method": "random", "sample_size": 600, "seed": 1}
    tone, chip, strength = verdict(server, reader, design)
    assert (tone, chip) == ("good", "No difference found")
    assert re.match(r"smallest detectable difference 1?\d\.\d %", strength)


def test_a_small_sample_is_never_green(server: LiveServer, reader: Reader) -> None:
    design = {"method": "random", "sample_size": 19, "seed": 1}
    tone, chip, strength = verdict(server, reader, design)
    assert (tone, chip) == ("", "Inconclusive: the sample is too small")
    assert strength.startswith("smallest detectable difference")


@pytest.mark.parametrize(
    ("method", "column", "favoured"),
    [("monetary_unit", "book_column", "amount"), ("weighted", "weight_column", "weight")],
)
def test_a_sample_that_favours_rows_has_no_verdict_on_top(
    server: LiveServer, reader: Reader, method: str, column: str, favoured: str
) -> None:
    dataset = server.new_table(300, reader.api)
    draw = {"method": method, "parameters": {column: "amount", "sample_size": 20, "seed": 1}}
    path = f"/api/sampling/datasets/{dataset}/jobs"
    job = server.finished(reader.api.post(path, json={"rounds": [draw]}).json()["job_id"])["id"]
    assert reader.api.get(f"/api/sampling/jobs/{job}/comparison").status_code == 200
    page = html.unescape(reader.page(f"/jobs/{job}"))
    assert f"Drawn by {favoured}, so its rows aren’t expected to be like all rows." in page
    assert '<dd class="chips">' not in page
    assert f'<span class="soft">Drawn by {favoured}</span>' in reader.page(
        f"/datasets/{dataset}", tab="draws"
    )


def test_a_sample_that_differs_warns(server: LiveServer, reader: Reader) -> None:
    design = {"method": "systematic", "parameters": {"interval": 4, "start": 2}}
    assert verdict(server, reader, design)[:2] == ("warn", "Differs")
    listed = r'<td data-label="Comparison"><span class="chip warn">Differs</span>'
    home = reader.page("/")
    assert re.search(listed, home)
    sample = reader.page(re.findall(r'href="(/jobs/[^"?]+)"', home.split(">Differs<")[0])[-1])
    assert '<td class="number">' in sample.split("First rows", 1)[1].split("</table>")[0]
    (dataset,) = set(re.findall(r'data-label="Dataset".*?"(/datasets/\d+)"[^\0]*?chip warn', home))
    assert re.search(listed, reader.page(dataset, tab="draws"))
