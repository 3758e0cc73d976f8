"""Jobs of every kind, in every state, on each page, in the API, the command and the client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import jobsvc_client
import pytest
from click.testing import CliRunner

from command_line import command
from service.settings import Settings
from storage.jobs import kinds
from tests.support.every_job import STATES, VARIANTS, EveryJob, every_job
from tests.support.live_server import LiveServer, live_server
from tests.web_ui.reader import Reader, words

TAB = re.compile(r'href="(/jobs/[0-9a-f-]{36}(?:\?tab=\w+)?)"')
STATE_WORDS = {
    "completed": "completed",
    "waiting": "pending",
    "released": "pending",
    "running": "running",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "failed",
    "never started": "cancelled",
    "retried": "failed",
    "retry": "pending",
    "pruned": "completed",
    "old summary": "completed",
}
EACH = [pytest.param(v, s, id=f"{v}, {s}") for v in VARIANTS for s in STATES]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, lake: Path) -> Iterator[LiveServer]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("every") / "data",
        memory_mb=256,
        compare_samples=False,
        import_prefixes=f"file://{lake}/",
        connection_prefixes=f"file://{lake}/",
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture(scope="module")
def jobs(shown: LiveServer, lake: Path) -> EveryJob:
    return every_job(shown, lake)


@pytest.fixture(scope="module")
def reader(shown: LiveServer) -> Reader:
    return Reader(shown, "admin")


def test_every_kind_has_a_variant() -> None:
    assert set(VARIANTS.values()) == set(kinds.KINDS)
    assert STATE_WORDS.keys() == STATES.keys()


@pytest.mark.parametrize(("variant", "state"), EACH)
def test_a_job_has_a_page(reader: Reader, jobs: EveryJob, variant: str, state: str) -> None:
    job, kind = jobs.ids[variant, state], VARIANTS[variant]
    page = reader.page(f"/jobs/{job}")
    assert kind.noun in words(page).lower()
    assert STATE_WORDS[state] in words(page)
    tabs = {path for path in TAB.findall(page) if job in path}
    assert len(tabs) >= 2, tabs
    for path in tabs:
        reader.page(path)
    assert reader.browser.get(f"/datasets/{jobs.dataset}/draw?job={job}").status_code == 200


@pytest.mark.parametrize(("variant", "state"), EACH)
def test_a_job_is_found(reader: Reader, jobs: EveryJob, variant: str, state: str) -> None:
    job, kind = jobs.ids[variant, state], VARIANTS[variant]
    found = reader.api.get(f"/api/jobs/{job}").json()
    assert found["job_kind"] == kind.noun
    (hit,) = reader.api.get("/api/search", params={"q": job}).json()["results"]
    assert (hit["job_id"], hit["job_kind"]) == (job, kind.noun)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("query", ["", "&run_type={run_type}", "&unresolved=true"])
def test_lists_show_every_job(reader: Reader, jobs: EveryJob, state: str, query: str) -> None:
    """The lists of the page, the API and the command."""
    for run_type in ("sampling", "import", "exploration", "profiling"):
        query = query.format(run_type=run_type)
        page = reader.page(f"/jobs?limit=1000&dataset_id={jobs.dataset}{query}")
        listed = reader.api.get(f"/api/jobs?limit=1000&dataset_id={jobs.dataset}{query}").json()
        kinds = {job["id"]: job["job_kind"] for job in listed["jobs"]}
        assert all(job in page for job in kinds)
        for variant, kind in VARIANTS.items():
            job = jobs.ids[variant, state]
            assert kinds.get(job, kind.noun) == kind.noun
            assert query or job in kinds


def test_histories_show_every_draw(shown: LiveServer, reader: Reader, jobs: EveryJob) -> None:
    draws = {job for (variant, _), job in jobs.ids.items() if VARIANTS[variant] is kinds.SAMPLE}
    path = f"/api/sampling/datasets/{jobs.dataset}/history?limit=1000"
    found = reader.api.get(path).json()["jobs"]
    assert {job["id"] for job in found} == draws
    assert {job["job_kind"] for job in found} == {"sample"}
    own = shown.admin.get("/api/sampling/users/me/history?limit=1000")
    assert own.status_code in (200, 404), own.text


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_start_page_names_open_jobs(jobs: EveryJob, variant: str) -> None:
    owner = jobs.owners[variant]
    page = owner.page("/")
    links = [jobs.ids[variant, state] for state in ("running", "cancelled", "failed", "retry")]
    assert all(f'href="/jobs/{job}"' in page for job in links)
    assert VARIANTS[variant].noun in words(page).lower()
    for path in ("/jobs?user_id=me", "/jobs?status=failed", f"/jobs?user_soeid={owner.soeid}"):
        owner.page(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/datasets",
        "/jobs",
        "/bin",
        "/admin/users",
        "/admin/storage",
        "/admin/internals",
        "/admin/papers",
        "/admin/connections",
        "/admin/audit?limit=1000",
        "/account",
        *(
            f"/datasets/{{dataset}}?tab={tab}"
            for tab in (
                *("overview", "data", "profile", "history", "draws", "schedules", "ledger"),
                *("access", "settings"),
            )
        ),
        "/datasets/{dataset}/plans",
        "/datasets/{dataset}/sql",
        "/datasets/{dataset}/import",
        "/datasets/{dataset}/draw",
        "/datasets/{dataset}/changes",
    ],
)
def test_pages_beside_jobs_open(reader: Reader, jobs: EveryJob, path: str) -> None:
    reader.page(path.format(dataset=jobs.dataset))


def test_the_activity_names_what_jobs_made(reader: Reader, jobs: EveryJob) -> None:
    text = reader.text("/admin/audit?limit=1000")
    for phrase in ("a list of changed rows", "a report", "a profile", "row proofs", "a query"):
        assert f"made {phrase} of " in text, phrase
    for variant, kind in VARIANTS.items():
        job = jobs.ids[variant, "interrupted"]
        assert reader.api.patch(f"/api/jobs/{job}", json={"dismissed": True}).status_code == 200
        text = reader.text("/admin/audit?limit=1")
        named = "the sample " if kind is kinds.SAMPLE else kind.phrase
        named = "the saved query regions" if variant == "query: saved" else named
        assert f"dismissed the failure of {named}" in text


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_command_prints_every_job(
    shown: LiveServer, jobs: EveryJob, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSVC_SERVER", shown.url)
    monkeypatch.setenv("JOBSVC_TOKEN", shown.token)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    kind = VARIANTS[variant]
    assert run("jobs", "--limit", "1000")[0] == 0
    for state, word in STATE_WORDS.items():
        job = jobs.ids[variant, state]
        code, text = run("jobs", job)
        assert code == 0, text
        assert re.search(rf"^kind +{kind.noun}$", text, re.MULTILINE)
        assert re.search(rf"^state +{word}$", text, re.MULTILINE)
        assert run("log", job)[0] == 0
        if word not in ("pending", "running"):
            code, text = run("watch", job)
            assert code == (0 if word == "completed" else 1), text


@pytest.mark.parametrize(("variant", "state"), EACH)
def test_the_client_prints_every_job(
    shown: LiveServer, jobs: EveryJob, variant: str, state: str
) -> None:
    with jobsvc_client.connect(shown.url, token=shown.token) as client:
        if VARIANTS[variant].noun == "sample":
            sample = client.sample_of(jobs.ids[variant, state])
            assert f"Sample {sample.name}" in repr(sample)
            assert f"Sample {sample.name}" in sample._repr_html_()
            return
        with pytest.raises(jobsvc_client.JobsvcError, match=f"made {VARIANTS[variant].noun}"):
            client.sample_of(jobs.ids[variant, state])


def test_a_hidden_dataset_hides_its_jobs(shown: LiveServer, jobs: EveryJob) -> None:
    stranger = Reader(shown)
    assert "0 jobs" in stranger.text("/jobs")
    stranger.page("/")
    for job in jobs.ids.values():
        assert stranger.get(f"/jobs/{job}").status_code == 404


def test_a_binned_dataset_hides_its_jobs(shown: LiveServer, reader: Reader, jobs: EveryJob) -> None:
    ref = f"/api/datasets/{jobs.dataset}/refs"
    for name in ("smpl-several", "expl-regions"):
        assert shown.admin.delete(f"{ref}/{name}").status_code == 200
    for variant in ("draw: several rounds", "query: saved"):
        reader.page(f"/jobs/{jobs.ids[variant, 'completed']}")
    reader.page("/jobs?limit=1000")
    with shown.service.database.write() as tx:
        tx.execute("DROP TRIGGER held")
    for (_, state), job in jobs.ids.items():
        if STATE_WORDS[state] in ("pending", "running"):
            assert shown.admin.post(f"/api/jobs/{job}/cancel").status_code in (200, 409)
    removed = shown.admin.delete(f"/api/datasets/{jobs.dataset}")
    assert removed.status_code == 200, removed.text
    assert "0 jobs" in reader.text("/jobs")
    for path in ("/", "/bin", "/admin/audit?limit=1000", "/admin/storage"):
        reader.page(path)
    for job in jobs.ids.values():
        assert reader.get(f"/jobs/{job}").status_code == 404
    restored = shown.admin.post(f"/api/bin/{removed.json()['bin_id']}/restore", json={})
    assert restored.status_code == 200, restored.text
    for path in ("/jobs?limit=1000", "/"):
        reader.page(path)
