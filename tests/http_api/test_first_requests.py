"""The first requests after a start, many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx

import composition_root
from tests.http_api.stage import Stage
from tests.support.server_process import ServerProcess

DOCUMENT = "/api/openapi.json"
AT_ONCE = 60


def together(answer: Callable[[], tuple[int, bytes]], threads: int) -> list[tuple[int, bytes]]:
    """The answers of threads that begin at the same moment."""
    barrier = Barrier(threads)

    def one(_: int) -> tuple[int, bytes]:
        barrier.wait()
        return answer()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_the_first_readers_get_the_same_document(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", memory_mb=128, forked=True) as server:

        def answer() -> tuple[int, bytes]:
            found = httpx.get(server.url + DOCUMENT, timeout=60)
            return found.status_code, found.content

        answers = together(answer, AT_ONCE)
        later = httpx.get(server.url + DOCUMENT, timeout=60)
    assert {status for status, _ in answers} == {200}
    assert {body for _, body in answers} == {later.content}


def test_a_document_built_at_first_use_is_built_once(stage: Stage) -> None:
    app = composition_root.build_app(stage.service)
    whole = app.test_client().get(DOCUMENT).data
    other = composition_root.build_app(stage.service)

    def answer() -> tuple[int, bytes]:
        found = other.test_client().get(DOCUMENT)
        return found.status_code, found.data

    assert set(together(answer, 20)) == {(200, whole)}
