"""A table of support conversations with a judge, and samples of it whose rows people answer."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx

from tests.support.live_server import LiveServer

BAD_EVERY = 5
"""Every so many conversations one is bad."""
BAD = "planted-bad"
SCORE = "0.73130"
"""The beginning of all scores of the judge, which no other value has."""
HIDDEN = ("judge_flag", "judge_verdict", "judge_score")
PLANTED = ("judge_flag", "judge_verdict", "judge_score", "planted-good", "planted-bad", SCORE)
"""What a reviewer never gets: names and values of hidden columns."""
QUESTION = {"name": "is_bad", "type": "yes_no", "text": "Is the answer bad?"}


def conversation(number: int) -> str:
    """A conversation as JSON; the answer of a bad one is wrong."""
    answer = "I don't know that." if is_bad(number) else f"Order {number} arrives tomorrow."
    turns = [
        {"role": "user", "content": f"Where is my order {number}?\n\nI paid last week."},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps(turns)


def is_bad(number: int) -> bool:
    """Whether the answer of a conversation is bad, as anybody sees who reads it."""
    return number % BAD_EVERY == 0


def judged(number: int) -> str:
    """The judge's verdict, wrong about every eleventh conversation."""
    return BAD if is_bad(number) != (number % 11 == 0) else "planted-good"


def table_text(rows: int) -> str:
    """The table as CSV."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["conversation", "channel", *HIDDEN])
    for number in range(1, rows + 1):
        channel = "mail" if number % 2 else "chat"
        verdict = judged(number)
        score = f"{SCORE}{number:04}"
        writer.writerow([conversation(number), channel, verdict == BAD, verdict, score])
    return file.getvalue()


def drawn(server: LiveServer, client: httpx.Client, text: str, rows: int) -> str:
    """Import a table in a new dataset and draw rows of it; the job's id."""
    dataset = server.new_dataset(client)
    imported = server.import_text(dataset, text, client=client)
    assert imported["status"] == "completed", imported
    body = {"method": "random", "sample_size": rows, "seed": 5, "output_name": f"review {dataset}"}
    answer = client.post(f"/api/sampling/datasets/{dataset}/jobs", json=body)
    assert answer.status_code == 200, answer.text
    job: str = answer.json()["job_id"]
    assert server.finished(job)["status"] == "completed"
    return job


def asked(client: httpx.Client, job: str, **given: Any) -> None:
    """Ask whether the answers are bad, without the judge's columns."""
    body = {"questions": [QUESTION], "hidden": list(HIDDEN), **given}
    answer = client.put(f"/api/sampling/jobs/{job}/questions", json=body)
    assert answer.status_code == 200, answer.text


def next_row(client: httpx.Client, job: str, task: str = "read") -> dict[str, Any] | None:
    """The next row of the client's queue."""
    answer = client.post(f"/api/sampling/jobs/{job}/review-queue/next", json={"task": task})
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] | None = answer.json()["row"]
    return row


def answer_rows(client: httpx.Client, job: str, count: int, *, lies: int = 0) -> None:
    """Answer the next rows of the client's queue, the first ones wrongly."""
    for place in range(count):
        row = next_row(client, job)
        assert row is not None
        bad = "don't know" in json.dumps(row["data"])
        given = {"row_id": row["row_id"], "answers": {"is_bad": bad != (place < lies)}}
        answer = client.post(f"/api/sampling/jobs/{job}/answers", json=given)
        assert answer.status_code == 200, answer.text
