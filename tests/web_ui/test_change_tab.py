"""The tab "Change" of a sample: both samples, the picture, what changed, and what is missing."""

from __future__ import annotations

import html
import re

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader


@pytest.fixture(scope="module")
def waves(server: LiveServer, reader: Reader) -> tuple[str, str]:
    """Two samples of two versions; the second version has other amounts and new accounts."""
    dataset = server.new_dataset(reader.api)
    jobs = []
    for added in (0, 5):
        lines = [
            f"<a{row:03}>,{'Oslo' if row % 2 else 'Lima'},{100 + row % 9 + added * (row % 5 == 0)}"
            for row in range(added * 4, 400 + added * 6)
        ]
        text = "\n".join(["account,city,amount", *lines]) + "\n"
        server.import_text(dataset, text, client=reader.api)
        order = {"key": ["account"], "start": "0", "duplicates": "refuse"}
        step = {"method": "random", "parameters": {"sample_size": 80, "seed": 3}, "order": order}
        body = {"rounds": [step], "output_name": f"wave-{added}"}
        jobs.append(str(server.draw(dataset, body)["id"]))
    return jobs[0], jobs[1]


def test_another_sample_is_chosen_first(reader: Reader, waves: tuple[str, str]) -> None:
    page = reader.page(f"/jobs/{waves[1]}", tab="change")
    assert f'<option value="{waves[0]}">wave-0</option>' in page
    assert "Show change" in page
    assert "Changed values" not in page


@pytest.mark.parametrize("shown", [0, 1])
def test_the_earlier_sample_is_the_first(
    reader: Reader, waves: tuple[str, str], shown: int
) -> None:
    query = {"tab": "change", "with_job": waves[1 - shown], "statistic": "mean", "column": "amount"}
    page = reader.page(f"/jobs/{waves[shown]}", **query)
    assert "from wave-0 to wave-5" in page
    assert page.count('<circle class="sample"') == 3
    text = reader.text(f"/jobs/{waves[shown]}", **query)
    assert "Rows are matched by account." in text
    assert "in both samples" in text
    assert "&lt;a" in page
    assert "<a0" not in page
    link = re.search(r'href="(/api/sampling/jobs/[^"]+/changed-values[^"]+)"', page)
    assert link is not None
    file = reader.api.get(html.unescape(link[1]))
    assert file.text.count("amount") > 5


def test_the_link_names_an_upload_by_its_number(
    server: LiveServer, reader: Reader, waves: tuple[str, str]
) -> None:
    for at, job in enumerate(waves):
        lines = [f"{row['_logical_row_id']},{at}" for row in server.rows(job, limit=1000)]
        text = "\n".join(["_logical_row_id,checked", *lines]).encode()
        files = {"file": ("checked.csv", text)}
        assert server.admin.post(f"/api/sampling/jobs/{job}/values", files=files).is_success
    query = {"tab": "change", "with_job": waves[1], "statistic": "mean", "column": "checked"}
    page = reader.page(f"/jobs/{waves[0]}", **query, values="1", columns="checked")
    link = re.search(r'href="(/api/sampling/jobs/[^"]+/changed-values[^"]+)"', page)
    assert link is not None
    assert "values=1" in link[1]
    file = reader.api.get(html.unescape(link[1]))
    assert file.status_code == 200, file.text
    assert file.text.count("checked") > 5


def test_groups_have_a_line_each(reader: Reader, waves: tuple[str, str]) -> None:
    query = {"tab": "change", "with_job": waves[0], "statistic": "total", "column": "amount"}
    page = reader.page(f"/jobs/{waves[1]}", **query, by="city")
    assert page.count('<circle class="sample"') == 6
    assert "Oslo, wave-0" in page


def test_a_key_is_asked_for_across_versions(
    server: LiveServer, reader: Reader, waves: tuple[str, str]
) -> None:
    dataset = reader.api.get(f"/api/jobs/{waves[0]}").json()["dataset_id"]
    plain = server.draw(
        dataset, {"rounds": [{"method": "random", "parameters": {"sample_size": 50, "seed": 9}}]}
    )["id"]
    older = server.draw(
        dataset,
        {
            "source_ref": "main",
            "rounds": [{"method": "systematic", "parameters": {"interval": 9, "seed": 9}}],
        },
    )["id"]
    query = {"tab": "change", "statistic": "mean", "column": "amount"}
    same = reader.text(f"/jobs/{plain}", **query, with_job=older)
    assert "Both samples are of one version" in same
    assert "the largest that both allow" in same
    keyed = reader.page(f"/jobs/{plain}", **query, with_job=waves[0], key="city")
    assert "isn" in keyed
    assert 'name="key"' in keyed


def test_a_refusal_is_at_its_field_and_figures_stay(reader: Reader, waves: tuple[str, str]) -> None:
    query = {"tab": "change", "with_job": waves[0], "statistic": "mean", "column": "amount"}
    unknown = reader.page(f"/jobs/{waves[1]}", **query, key="nothing")
    assert re.search(r'id="key" name="key" aria-invalid="true"[^>]*value="nothing"', unknown)
    assert 'id="key-problem"' in unknown
    assert "Changed values" not in unknown
    repeated = reader.page(f"/jobs/{waves[1]}", **query, key="city")
    assert 'id="key-problem"' in repeated
    assert "Changed values" in reader.page(
        f"/jobs/{waves[1]}", **query, key="city", duplicates="number"
    )
    columns = reader.page(f"/jobs/{waves[1]}", **query, columns="amount, nothing")
    assert 'id="columns-problem"' in columns
    assert columns.count('<circle class="sample"') == 3
    one_column = reader.page(f"/jobs/{waves[1]}", **query, columns="city")
    assert "No value of the" in one_column


def test_the_link_has_the_options_of_the_form(reader: Reader, waves: tuple[str, str]) -> None:
    query = {"tab": "change", "with_job": waves[0], "statistic": "mean", "column": "amount"}
    options = {"key": "account", "duplicates": "number", "columns": "amount"}
    page = reader.page(f"/jobs/{waves[1]}", **query, **options)
    link = re.search(r'href="(/api/sampling/jobs/[^"]+/changed-values[^"]+)"', page)
    assert link is not None
    address = html.unescape(link[1])
    assert all(f"{name}={value}" in address for name, value in options.items())
    assert reader.api.get(address).status_code == 200
