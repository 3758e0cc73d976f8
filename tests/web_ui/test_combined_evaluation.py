"""Several samples of an engagement together: links to them, and the head of the paper."""

from __future__ import annotations

from tests.support.live_server import LiveServer
from tests.web_ui.reader import Reader
from tests.web_ui.test_evaluation_tab import examined


def test_the_samples_of_an_engagement_are_evaluated_together(server: LiveServer) -> None:
    reader = Reader(server)
    facts = {"client_name": "Acme", "period_from": "2025-01-01", "period_to": "2025-12-31"}
    engagement = reader.api.post("/api/engagements", json={**facts, "number": "A 7"}).json()["id"]
    path = f"/api/engagements/{engagement}"
    person = {"user_soeid": reader.soeid, "full_name": "Anna Example", "role": "preparer"}
    assert reader.api.put(f"{path}/members", json=person).status_code == 200
    text = "\n".join(["amount", *(f"{100 + row}.50" for row in range(400))]) + "\n"
    jobs = []
    for _ in range(2):
        dataset = server.new_dataset(reader.api)
        server.import_text(dataset, text, client=reader.api)
        answer = reader.api.put(f"{path}/datasets", json={"dataset_id": dataset})
        assert answer.status_code == 200, answer.text
        money = {"book_column": "amount", "sample_size": 20, "selection": "random"}
        job = examined(server, reader, dataset, "monetary_unit", money).removeprefix("/jobs/")
        jobs.append(job)
        if len(jobs) == 1:
            assert "Evaluate together" not in reader.page(f"/engagements/{engagement}")
    together = f"/evaluate-together?jobs={','.join(jobs)}"
    assert f'href="{together}"' in reader.page(f"/engagements/{engagement}")
    first, second = jobs
    assert f'name="jobs" value="{second}">' in reader.page("/evaluate-together", jobs=first)
    assert "By default that of the programme; of one sample" in reader.page(together)
    tab = reader.page(f"/jobs/{first}", tab="evaluation", kind="sequential", tolerable="5 %")
    assert "Evaluate with other samples" in tab
    query = {"jobs": ",".join(jobs), "language": "de"}
    paper = reader.api.get("/api/audit/combined-evaluation/paper", params=query)
    assert paper.status_code == 200, paper.text
    for shown in ("Acme", "01.01.2025", "A 7", "Anna Example", reader.soeid):
        assert shown in paper.text


def test_samples_of_other_datasets_are_chosen_from_a_list(server: LiveServer) -> None:
    reader = Reader(server)
    text = "\n".join(["amount", *map(str, range(1, 41))]) + "\n"
    jobs = []
    for _ in range(2):
        dataset = server.new_dataset(reader.api)
        server.import_text(dataset, text, client=reader.api)
        found = examined(server, reader, dataset, "random", {"sample_size": 5})
        jobs.append(found.removeprefix("/jobs/"))
    name = reader.api.get(f"/api/jobs/{jobs[1]}").json()["dataset_name"]
    page = reader.page("/evaluate-together", jobs=jobs[0])
    assert f'<option value="{jobs[1]}">{jobs[1][:8]} of {name}</option>' in page
    assert f'<option value="{jobs[0]}">' not in page
