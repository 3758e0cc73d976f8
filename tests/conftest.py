"""Fixtures that many tests share: a ticking clock, storage, a service, a live server."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import random
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest

from sampling_engine.selection import order
from service.settings import Settings
from storage.sqlite.clock import Clock
from storage.sqlite.database import Database
from tests.contract.refusals import Refusals
from tests.support.attached_world import small_lake
from tests.support.live_server import LiveServer, live_server
from tests.support.nightly import amount

# Tests import py-ecc, whose limit of 100,000 would let nested JSON end the process.
RECURSION_LIMIT = sys.getrecursionlimit()
importlib.import_module("py_ecc")
sys.setrecursionlimit(RECURSION_LIMIT)

# The same examples in every run; `--hypothesis-profile explore` looks for new ones.
NOT_SLOW = [hypothesis.HealthCheck.too_slow]  # on a busy machine any input takes long
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=NOT_SLOW,
    max_examples=amount(50, 300),
)
hypothesis.settings.register_profile("explore", derandomize=False)
hypothesis.settings.load_profile("same")

os.environ.pop("JOBSVC_SERVER", None)
os.environ.pop("JOBSVC_TOKEN", None)

# A process that a shell starts with "&" ignores Ctrl-C, which tests send to commands.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is imported and collected stays: no search for garbage goes through it before the tests run.
gc.disable()

# Bytecode stays, so that not every worker and server compiles the product again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(autouse=True)
def _same_seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let draws without a seed of their own be the same in every run of a test."""
    monkeypatch.setattr(order, "ENTROPY", random.Random(request.node.nodeid))


@pytest.fixture
def clock() -> Clock:
    """Each look is a second later."""
    ticks = itertools.count()
    return lambda: datetime(2025, 7, 7, tzinfo=UTC) + timedelta(seconds=next(ticks))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "jobsvc.sqlite3")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server on a free port, shared by the tests that don't stop it."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("server"),
        workers=2,
        memory_mb=512,
        body_max_kb=64,
        compare_samples=False,  # those that are requested are compared
        hashing_threads=4,  # tests hold some
        connection_prefixes=small_lake(tmp_path_factory.mktemp("lake")),
        webhook_prefixes="http://127.0.0.1:9/",
    )
    with live_server(settings) as live:
        yield live


@pytest.fixture
def comparing_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that compares each sample by itself, which is the default."""
    settings = Settings(data_dir=tmp_path / "comparing", memory_mb=256)
    with live_server(settings) as live:
        yield live


WAITING = ("tests/spark/", "tests/faults/", "tests/browser/", "tests/client/", "tests/test_")
"""Where tests wait for processes, disks and pages, so that their modules take longest."""
MARKED = {
    "faults": ("tests/faults/",),
    "spark": ("tests/spark/",),
    "R": (
        "tests/client/test_r_page.py",
        "tests/contract/test_design_code.py",
        "tests/contract/test_design_code_names.py",
        "tests/contract/test_names_of_things.py",
        "tests/contract/test_nonresponse.py::test_r_",
        "tests/contract/test_weights.py::test_r_",
        "tests/estimation_engine/test_domains.py",
        "tests/sampling_engine/filters/test_names.py",
    ),
    "slow": (
        "tests/contract/test_any_names.py",
        "tests/contract/test_column_names.py",
        "tests/contract/test_damaged_pages.py",
        "tests/contract/test_generated_requests.py",
        "tests/faults/",
        "tests/spark/",
        "tests/test_benchmarks.py",
        "tests/test_documented_commands.py",
        "tests/test_packaging.py",
    ),
}
"""Where the tests with a mark are; those with a browser are known by their fixture."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests, and put long modules first: no worker is left with one at the end."""
    for item in items:
        for mark, places in MARKED.items():
            if item.nodeid.startswith(places):
                item.add_marker(mark)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_collection_finish() -> None:
    """Search for garbage from here on, and never in what was imported and collected."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores, for when others wait."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--schema-cases",
        type=int,
        default=amount(1, 20),
        help="Generated requests of each operation.",
    )
    parser.addoption("--kills", type=int, default=20, help="How often the server is killed.")
    parser.addoption("--kill-seed", type=int, default=1, help="Settles the moments of the kills.")
    parser.addoption(
        "--refusals", choices=("compare", "record"), help="What to do with refusals of the API."
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--refusals"):
        config.pluginmanager.register(Refusals(config.getoption("--refusals")), "refusals")
