"""Retry button and advice on the page of a failed job."""

from __future__ import annotations

import re

import pytest

from tests.support.live_server import LiveServer, finished
from tests.web_ui.reader import Reader, in_element, words
from tests.web_ui.staged_jobs import FILE, ended_job

DRAW = {"method": "random", "parameters": {"sample_size": 5}, "output_name": "once"}


def offered(page: str) -> bool:
    return "/retry" in page


def note(page: str) -> str:
    """The note on the failure."""
    return words(in_element(page, '<div class="note', "</div>").split(">", 1)[1])


def test_an_import_can_be_retried_while_its_file_exists(server: LiveServer, reader: Reader) -> None:
    job = ended_job(server, reader, server.new_dataset(reader.api), file=FILE)
    page = reader.page(f"/jobs/{job}")
    assert offered(page)
    assert "Retry the job if it was cancelled by mistake: the file is still stored." in note(page)
    server.service.directory.discard_upload(job)
    page = reader.page(f"/jobs/{job}")
    assert not offered(page)
    assert "Import the file again if it was cancelled by mistake." in note(page)
    refused = reader.post(f"/jobs/{job}/retry")
    assert refused.status_code == 409
    assert "The file of that import was deleted" in refused.text


def test_a_retried_import_links_to_its_retry(server: LiveServer, reader: Reader) -> None:
    job = ended_job(server, reader, server.new_dataset(reader.api), file=FILE)
    redirect = reader.post(f"/jobs/{job}/retry")
    assert redirect.status_code == 303
    page = reader.page(f"/jobs/{job}")
    assert not offered(page)
    assert f'href="{redirect.headers["Location"]}"' in page
    assert "Retried as import" in note(page)
    assert finished(reader.api, redirect.headers["Location"][6:])["status"] == "completed"


def test_an_import_into_a_deleted_ref_can_not_be_retried(
    server: LiveServer, reader: Reader
) -> None:
    dataset = server.new_table(5, reader.api)
    reader.api.post(f"/api/datasets/{dataset}/refs", json={"name": "side", "source_ref": "main"})
    into = {"ref": "side", "file_name": "f.csv", "size_bytes": 4, "commit_message": ""}
    job = ended_job(server, reader, dataset, parameters=into, file=FILE)
    assert offered(reader.page(f"/jobs/{job}"))
    reader.api.delete(f"/api/datasets/{dataset}/refs/side")
    assert not offered(reader.page(f"/jobs/{job}"))


def test_a_draw_can_be_retried_until_its_name_is_taken(server: LiveServer, reader: Reader) -> None:
    dataset = server.new_table(40, reader.api)
    path = f"/api/sampling/datasets/{dataset}/jobs"
    drawn = finished(reader.api, reader.api.post(path, json=DRAW).json()["job_id"])
    parameters = {**drawn["run_parameters"], "output_ref": "smpl-twice"}
    job = ended_job(
        server,
        reader,
        dataset,
        run_type="sampling",
        parameters=parameters,
        source=drawn["source_commit_id"],
    )
    page = reader.page(f"/jobs/{job}")
    assert offered(page)
    assert "the same seeds draw the same rows" in note(page)
    finished(
        reader.api, reader.api.post(path, json={**DRAW, "output_name": "twice"}).json()["job_id"]
    )
    page = reader.page(f"/jobs/{job}")
    assert not offered(page)
    assert "Submit a new job if it was cancelled by mistake." in note(page)


@pytest.mark.parametrize("code", ["cancelled", "disk_full", "interrupted", "ref_moved"])
@pytest.mark.parametrize("file", [None, FILE], ids=["no file", "file"])
def test_the_advice_fits_an_import(
    server: LiveServer, reader: Reader, code: str, file: str | None
) -> None:
    job = ended_job(server, reader, server.new_dataset(reader.api), code=code, file=file)
    page = reader.page(f"/jobs/{job}")
    assert "seeds" not in note(page)
    assert "{" not in note(page)
    wanted = r"\bretry the job" if file else r"\bimport the file again"
    assert re.search(wanted, note(page), re.IGNORECASE), note(page)
    assert offered(page) == bool(file)
