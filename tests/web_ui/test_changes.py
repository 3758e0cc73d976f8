"""The page "What changed": versions, figures, rows that differ, their filters and downloads."""

from __future__ import annotations

import html
import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader

HEAD = 'no,city,"pay (""EUR"")",open'
BEFORE = f"{HEAD}\n1,Oslo,10.5,true\n2,Lima,20.5,true\n3,,30.5,true\n4,Kyiv,40.5,true\n"
NOW = (
    f"{HEAD},note\n1,Oslo,10.5,true,x\n2,Lima,21.5,false,\n3,Rome,30.5,true,x\n5,Oslo,50.5,true,x\n"
)


@pytest.fixture(scope="module")
def dataset(server: LiveServer, reader: Reader) -> int:
    dataset_id = server.new_dataset(reader.api)
    for text in (BEFORE, NOW):
        server.import_text(dataset_id, text, client=reader.api)
    now, before = versions(reader, dataset_id)
    compare(reader, dataset_id, before, now)
    return dataset_id


def versions(reader: Reader, dataset: int) -> list[str]:
    """The commits of a dataset, newest first."""
    commits = reader.api.get(f"/api/datasets/{dataset}/history").json()["commits"]
    return [commit["commit_id"] for commit in commits]


def compare(reader: Reader, dataset: int, before: str, now: str) -> None:
    """Compute a comparison, so that the page needn't wait for it."""
    query = {"base_ref": before, "source_ref": now}
    for _ in range(20):  # each waits some seconds
        answer = reader.api.get(f"/api/datasets/{dataset}/compare", params=query)
        if answer.json().get("code") != "comparison_not_ready":
            break
    assert answer.status_code == 200, answer.text


def listed(server: LiveServer, reader: Reader, dataset: int, *keys: str) -> str:
    """The path of the page after its form was sent and the job has ended."""
    now, before = versions(reader, dataset)
    form = {"from": before, "from_table": "primary", "to": now, "to_table": "primary"}
    answer = reader.post(f"/datasets/{dataset}/changes", **form, keys=list(keys))
    assert answer.status_code == 303, answer.text
    place = urlsplit(answer.headers["Location"])
    server.finished(parse_qs(place.query)["diff"][0])
    return f"{place.path}?{place.query}"


def cells(page: str) -> list[list[str]]:
    """The texts of the table of rows that differ."""
    (table,) = re.findall(r'aria-label="Changed rows"><table>(.*?)</table>', page, re.DOTALL)
    return [
        [
            " ".join(html.unescape(re.sub("<[^>]*>", "", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
    ]


def test_a_version_is_compared_with_the_one_before(reader: Reader, dataset: int) -> None:
    page = reader.page(f"/datasets/{dataset}/changes")
    assert "Import table.csv</option>" in page
    assert re.search(r"<dt>Columns</dt><dd>\+1</dd>", page)
    assert "4 before, 4 now" in page
    assert re.search(r'<span class="soft">new column</span> note', page)
    assert "List changed rows" in page
    assert re.search(r'name="keys" value="no" checked', page)


def test_the_sums_of_number_columns_are_compared(reader: Reader, dataset: int) -> None:
    page = reader.text(f"/datasets/{dataset}/changes")
    assert 'pay ("EUR") 102 113 +11' in page
    assert "no identifier 10 11 +1" in page
    assert page.index('pay ("EUR") 102') < page.index("no identifier 10")
    now, before = versions(reader, dataset)
    query = {"base_ref": before, "source_ref": now}
    answer = reader.api.get(f"/api/datasets/{dataset}/compare", params=query).json()
    assert answer["control_totals"][1] == {
        "column": 'pay ("EUR")',
        "base_sum": "102",
        "other_sum": "113",
        "difference": "11",
        "is_exact": True,
        "is_identifier": False,
    }


def test_an_import_links_to_what_changed(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_dataset(reader.api)
    first, second = (server.import_text(dataset, text, client=reader.api) for text in (BEFORE, NOW))
    now, before = versions(reader, dataset)
    label = "What changed since the version before"
    assert label not in reader.page(f"/datasets/{dataset}?ref={before}&imported={first['id']}")
    page = reader.page(f"/datasets/{dataset}?imported={second['id']}")
    (link,) = re.findall(f'href="([^"]*)">{label}</a>', page)
    query = parse_qs(urlsplit(html.unescape(link)).query)
    assert (query["from"], query["to"]) == ([before], [now])
    assert "Rows that differ" in reader.page(html.unescape(link))


def test_changed_rows_are_listed_with_both_values(
    server: LiveServer, reader: Reader, dataset: int
) -> None:
    path = listed(server, reader, dataset, "no")
    page = reader.page(path)
    assert cells(page) == [
        ["Change", "no", "city", 'pay ("EUR")', "open"],
        ["Changed", "2", "Lima", "20.5 → 21.5", "true → false"],
        ["Changed", "3", "Missing → Rome", "30.5", "true"],
        ["Removed", "4", "Kyiv", "40.5", "true"],
        ["Added", "5", "Oslo", "50.5", "true"],
    ]
    assert "2 rows unchanged" not in page
    assert "3 cells; 1 row unchanged" in page
    # The latest row diff is shown without its id, too.
    assert cells(reader.page(f"/datasets/{dataset}/changes")) == cells(page)


def test_kinds_and_columns_filter_the_rows_and_the_downloads(
    server: LiveServer, reader: Reader, dataset: int
) -> None:
    path = listed(server, reader, dataset, "no")
    added = cells(reader.page(f"{path}&kind=added"))
    assert added == [
        ["Change", "no", "city", 'pay ("EUR")', "open", "note new"],
        ["Added", "5", "Oslo", "50.5", "true", "x"],
    ]
    page = reader.page(path, column='pay ("EUR")')
    assert [row[1] for row in cells(page)] == ["no", "2"]
    (link,) = re.findall(r'href="([^"]*format=csv[^"]*)"', page)
    rows = reader.api.get(html.unescape(link)).text.splitlines()
    assert len(rows) == 2
    assert len(cells(reader.page(f"{path}&columns=all"))[0]) == 6
    assert "Show the first page" in reader.page(f"{path}&offset=50")


def test_a_key_that_repeats_is_explained(server: LiveServer, reader: Reader, dataset: int) -> None:
    page = reader.page(listed(server, reader, dataset, "open"))
    assert "4 rows share their key with another row" in page
    assert "List changed rows" in page
    form = {"from": "main", "from_table": "primary", "to": "main", "to_table": "primary"}
    refused = reader.post(f"/datasets/{dataset}/changes", **form)
    assert refused.status_code == 422
    assert "has no row key" in refused.text


def test_rows_of_too_much_text_leave_the_rest_of_the_page(
    server: LiveServer, reader: Reader, dataset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed(server, reader, dataset, "no")
    monkeypatch.setattr("parquet_tables.rows.MAX_PAGE_BYTES", 1)
    page = reader.page(path)
    assert "download the table as a file" in page
    assert "4 before, 4 now" in page


def test_a_comparison_that_takes_long_is_awaited(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(300, reader.api)
    may_end = threading.Event()
    server.service.background.result("hold", lambda _: may_end.wait(30), 0)
    path = f"/datasets/{dataset}/changes?from=main"
    page = reader.page(path)
    assert "are still being compared" in page
    assert "comparing.js" in page
    assert re.search('name="keys" value="id" checked', page)
    url = html.unescape(re.findall(r'id="comparing"[^>]* data-url="([^"]*)"', page)[0])
    may_end.set()
    assert reader.api.get(url).status_code == 200
    assert ">Equal</span>" in reader.page(path)


def test_other_versions_and_wrong_ones_are_explained(server: LiveServer, reader: Reader) -> None:
    empty = server.new_dataset(reader.api)
    assert "no version yet" in reader.page(f"/datasets/{empty}/changes")
    single = server.new_table(20, reader.api)
    page = reader.page(f"/datasets/{single}/changes")
    assert "This is the first version." in page
    assert "nothing" in reader.page(f"/datasets/{single}/changes", **{"from": "nothing"})
    compare(reader, single, "main", "main")
    same = reader.page(f"/datasets/{single}/changes", **{"from": "main"})
    assert ">Equal</span>" in same
    draw = {"method": "random", "sample_size": 9, "output_name": "s"}
    answer = reader.api.post(f"/api/sampling/datasets/{single}/jobs", json=draw)
    server.finished(answer.json()["job_id"])
    sample = reader.page(f"/datasets/{single}/changes", **{"from": "smpl-s", "to": "main"})
    assert 'value="_logical_row_id"' not in sample


def test_keys_of_a_wide_table_are_chosen_from_few_columns(
    server: LiveServer, reader: Reader
) -> None:
    dataset = server.new_dataset(reader.api)
    names = ",".join(f"c{at}" for at in range(30))
    rows = "\n".join(",".join(["1"] * 30 + [f"x{row}"]) for row in range(9))
    server.import_text(dataset, f"{names},Ref_No\n{rows}\n", client=reader.api)
    compare(reader, dataset, "main", "main")
    page = reader.page(f"/datasets/{dataset}/changes?from=main")
    boxes = re.findall(r'name="keys" value="([^"]*)"( checked)?', page)
    assert boxes[0] == ("Ref_No", " checked")
    assert len(boxes) == 31
    assert "<summary>10 more columns</summary>" in page


def test_a_viewer_sees_the_rows_but_lists_none(
    server: LiveServer, reader: Reader, dataset: int
) -> None:
    path = listed(server, reader, dataset, "no")
    viewer = Reader(server, "viewer")
    permission = {"user_soeid": viewer.soeid, "permission": "read"}
    answer = reader.api.put(f"/api/datasets/{dataset}/permissions", json=permission)
    assert answer.status_code == 200, answer.text
    page = viewer.page(path)
    assert len(cells(page)) == 5
    assert 'name="keys"' not in page
    assert viewer.post(f"/datasets/{dataset}/changes", keys="no").status_code == 403


def test_the_history_links_the_import_with_its_totals(reader: Reader, dataset: int) -> None:
    text = reader.text(f"/datasets/{dataset}?tab=history")
    assert text.count("Import and totals") >= 2
