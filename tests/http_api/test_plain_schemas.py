"""Plain schemas give what marshmallow's own dump gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from apiflask import Schema

from http_api.routes.sampling import HistoryOut
from http_api.schemas.contract import Listing, answer_schema, list_schema
from storage.jobs.jobs import JobRecord, get_job
from tests.support.live_server import LiveServer

JobOut, JobInListOut = answer_schema(JobRecord), answer_schema(JobRecord, in_list=True)
JobsOut = list_schema("jobs", JobRecord)()
RANDOM = {"method": "random", "sample_size": 5}


def slow_dump(schema: Schema, value: Any) -> Any:
    """The dump of a schema without ``PlainSchema`` above it or in it."""
    for field in schema.dump_fields.values():
        inner = getattr(getattr(field, "inner", None), "schema", None)
        if inner is not None:
            inner.dump = lambda obj, *, many=None, inner=inner: Schema.dump(inner, obj, many=many)
    return Schema.dump(schema, value)


@pytest.fixture(scope="module")
def job(server: LiveServer) -> JobRecord:
    drawn = server.draw(server.new_table(20), RANDOM)
    with server.service.database.read() as tx:
        return get_job(tx, drawn["id"])


@pytest.mark.parametrize("schema", [JobOut, JobInListOut])
def test_a_jobs_json_is_marshmallows(schema: type[Schema], job: JobRecord) -> None:
    waiting = replace(
        job, status="pending", output_summary_json=None, started_at=None, completed_at=None
    )
    for one in (job, waiting):
        dumped = schema().dump(one)
        expected = slow_dump(schema(), one)
        assert dumped == expected
        assert list(dumped) == list(expected)
        assert [type(value) for value in dumped.values()] == [
            type(value) for value in expected.values()
        ]


def test_a_lists_json_is_marshmallows(job: JobRecord) -> None:
    page = Listing([job, job], total=2, offset=0, limit=100)
    assert JobsOut().dump(page) == slow_dump(JobsOut(), page)
    assert list(JobsOut().dump(page)) == list(slow_dump(JobsOut(), page))
    assert JobsOut(many=True).dump([page]) == [JobsOut().dump(page)]


def test_a_mapping_is_dumped_as_an_object_is(job: JobRecord) -> None:
    draw = {
        **vars(job),
        "job_kind": "sample",
        "duration_seconds": job.duration_seconds,
        "source_ref": "main",
        "table_key": "primary",
        "output_ref": "smpl-1",
        "output_name": "1",
        "purpose": "Review",
        "methods": ["random"],
        "rounds": [
            {
                "round_number": 1,
                "method": "random",
                "seed": 4,
                "effective_seed": "4:round-1",
                "seed_origin": "chosen",
            }
        ],
        "total_sampled": None,
    }
    page = {"jobs": [draw], "total": 1, "offset": 0, "limit": 100}
    assert HistoryOut().dump(page) == slow_dump(HistoryOut(), page)
