"""Two hundred clients that don't read, or send next to nothing, are no harm to anybody else."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx

from storage.maintenance.data_directory import DataDirectory
from tests.faults.dying_processes import submit_for_later
from tests.faults.server_state import dataset_of
from tests.support.live_server import finished
from tests.support.server_process import ServerProcess

_chance = random.Random(3)
ROWS = 40_000
CONTENT = "id,kind,text\n" + "".join(
    f"{row},{row % 5},{_chance.randbytes(60).hex()}\n" for row in range(ROWS)
)
"""A download of 5 MB: more than the system's buffers take for a client that doesn't read."""
MAX_GROWTH_BYTES = 16 * 1024**2
"""By how much memory may grow in a round at whose end it has stopped growing. What leaks grows in
each; how many downloads meet in a round is chance, and the allocator keeps the room of some."""
MAX_ROUNDS = 7


class SlowClients:
    """Sockets that were sent something and are read from no more."""

    def __init__(self, server: ServerProcess, sockets: ExitStack) -> None:
        self._server, self._sockets = server, sockets
        owner = DataDirectory(server.data_dir).owner()
        assert owner is not None
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {owner.token}\r\n"
        self.port = int(server.url.rpartition(":")[2])

    def connect(self, begin: str) -> socket.socket:
        """Connect, with a receive buffer as small as may be, and send the beginning of a request.

        ``HEAD`` stands for the headers that every request has.
        """
        client = self._sockets.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        client.sendall(begin.replace("HEAD", self._head).encode())
        return client

    def several(self, number: int, begin: str) -> list[socket.socket]:
        """A number of clients of a kind."""
        return [self.connect(begin) for _ in range(number)]


def status_of(server: ServerProcess) -> dict[str, int]:
    """Memory in bytes, threads and open files of a server."""
    text = Path(f"/proc/{server.pid}/status").read_text()
    values = dict(line.split(":", 1) for line in text.splitlines())
    files = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    return {
        "memory": int(values["VmRSS"].split()[0]) * 1024,
        "threads": int(values["Threads"]),
        "files": files,
    }


def wait_until_closed(client: socket.socket) -> None:
    """Read what is there until the server has closed the connection."""
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass


def require_answers(client: httpx.Client, dataset_id: int) -> float:
    """Ask as an ordinary client would, and draw; returns the longest time of an answer."""
    longest_s = 0.0
    for _ in range(40):
        for path in ("/api/jobs", f"/api/datasets/{dataset_id}/refs/main/tables/primary/data"):
            began = time.monotonic()
            assert client.get(path, params={"limit": 20}).status_code == 200
            longest_s = max(longest_s, time.monotonic() - began)
    path = f"/api/sampling/datasets/{dataset_id}/jobs"
    drawn = client.post(path, json={"method": "random", "sample_size": 100}).json()
    assert finished(client, drawn["job_id"])["status"] == "completed"
    return longest_s


def download_of(dataset_id: int) -> str:
    """Where the whole table is downloaded."""
    return f"/api/datasets/{dataset_id}/refs/main/tables/primary/data?format=csv"


def with_table(data_dir: Path) -> int:
    """Import the table; returns its dataset's id."""
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        dataset_id = dataset_of(client)
        path = f"/api/datasets/{dataset_id}/refs/main/import"
        job_id = client.post(path, files={"file": ("t.csv", CONTENT)}).json()["job_id"]
        assert finished(client, job_id)["status"] == "completed"
        assert server.terminate() == 0
    return dataset_id


def slow_round(server: ServerProcess, client: httpx.Client, dataset_id: int) -> dict[str, int]:
    """Two hundred slow clients, until the server drops them."""
    upload = f"/api/datasets/{dataset_id}/refs/main/import"
    with ExitStack() as sockets:
        slow = SlowClients(server, sockets)
        clients = [
            *slow.several(20, f"GET {download_of(dataset_id)} HTTP/1.1\r\nHEAD\r\n"),  # never read
            *slow.several(60, "GET /api/jobs HTTP/1.1\r\nHEADX-A: b"),
            *slow.several(60, "POST /api/datasets HTTP/1.1\r\nHEADContent-Length: 100\r\n\r\n{"),
            *slow.several(
                60,
                f"POST {upload} HTTP/1.1\r\nHEADContent-Length: 5000000\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
            ),
        ]
        longest_s = require_answers(client, dataset_id)
        state = status_of(server)
        assert longest_s < 30  # on a machine that does much else; alone it is 0.2
        for one in clients:
            wait_until_closed(one)
    print(f"200 slow clients: the longest answer took {longest_s:.2f} s; {state}")
    return state


def has_stopped_growing(seen: Sequence[dict[str, int]]) -> bool:
    """Whether the last of some rounds took hardly more memory than the one before."""
    return len(seen) > 1 and seen[-1]["memory"] - seen[-2]["memory"] < MAX_GROWTH_BYTES


def test_slow_clients_leave_memory_and_threads_for_others(tmp_path: Path) -> None:
    dataset_id = with_table(tmp_path / "data")
    seen: list[dict[str, int]] = []
    patience = {"headers_within_s": 2.0, "body_within_s": 2.0, "idle_s": 2}
    with ServerProcess(tmp_path / "data", forked=True, memory_mb=256, **patience) as server:
        client = server.client()
        assert len(client.get(download_of(dataset_id)).content) > 5_000_000
        require_answers(client, dataset_id)
        use_every_thread(server, client)
        before = status_of(server)
        while not has_stopped_growing(seen) and len(seen) < MAX_ROUNDS:
            seen.append(slow_round(server, client, dataset_id))
        assert has_stopped_growing(seen), seen
        assert max(one["threads"] for one in seen) <= before["threads"] + len(seen)  # of the draws
        require_files(server, before["files"])
        assert client.get("/health").status_code == 200


def use_every_thread(server: ServerProcess, client: httpx.Client) -> None:
    """Have each of the server's threads open its connection to SQLite, which it keeps."""

    def ask(_: int) -> int:
        with httpx.Client(headers=client.headers, timeout=60) as own:
            return sum(own.get(f"{server.url}/api/tokens").status_code == 200 for _ in range(5))

    with ThreadPoolExecutor(64) as pool:
        assert list(pool.map(ask, range(64))) == [5] * 64


def require_files(server: ServerProcess, most: int) -> None:
    """The server's open files fall to this number, and a few."""
    end = time.monotonic() + 20
    while (files := status_of(server)["files"]) > most + 8:
        assert time.monotonic() < end, files
        time.sleep(0.05)


def test_unread_event_streams_hold_at_most_half_of_the_threads(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    dataset_id = with_table(data_dir)
    job_id = submit_for_later(data_dir, "sampling")
    with ServerProcess(data_dir, forked=True) as server:
        client = server.client()
        with ExitStack() as sockets:
            slow = SlowClients(server, sockets)
            slow.several(200, f"GET /api/jobs/{job_id}/events HTTP/1.1\r\nHEAD\r\n")
            require_answers(client, dataset_id)
            assert client.get(f"/api/jobs/{job_id}/events").status_code == 429
        end = time.monotonic() + 20
        while True:
            with client.stream("GET", f"/api/jobs/{job_id}/events") as events:
                if events.status_code == 200:
                    assert next(events.iter_lines()) == "event: job"
                    break
            assert time.monotonic() < end
        client.post(f"/api/jobs/{job_id}/cancel")
