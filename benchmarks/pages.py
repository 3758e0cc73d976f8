"""The first view of each page in Chromium, over a long history and a large table.

``jobsvc serve`` runs over a data directory of 100,000 jobs and a table of 60 million rows. Each
page is opened by a browser session of its own, without a style, script or connection of an earlier
one. Its first view is there when the page has been painted and loaded,
whichever is later, counted from the start of the navigation. What of it the server took is the time
between the request and the first byte of the answer. Other work on the machine lengthens all of
these, but not processor times: the server's for the whole view, styles and scripts too, and that of
the page's own thread in Chromium, which reads, lays out, paints and runs. An answer of a few bytes,
/health, shows what Chromium takes for no page. Pages take turns, so that other work slows all
alike; the first round, in which the server itself sees each page for the first time, counts like
the others.

    python -m benchmarks.pages --data DIR [--scale 10] [--rounds 7] [--only TEXT]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from benchmarks.long_world import ADMIN, LongWorld, long_world
from benchmarks.served import PASSWORD, Served, jobsvc_serve

GOAL_MS = 300.0
OF_STRANGERS = ("/health", "sign-in")
CHROMIUM = os.environ.get("JOBSVC_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), ""
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TIMES = """() => new Promise((resolve) => {
  const report = () => {
    const [page] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (!page.loadEventEnd || !paint) return setTimeout(report, 5);
    resolve([page.responseStart - page.requestStart, paint.startTime, page.loadEventEnd]);
  };
  report();
})"""


@dataclass(frozen=True)
class View:
    """One first view, in milliseconds: to the first byte, the first paint, the load's end."""

    server_ms: float
    paint_ms: float
    load_ms: float
    of_server_ms: float
    """The server's processor time, of all cores together."""
    of_page_ms: float
    """The processor time of the page's own thread."""

    @property
    def whole_ms(self) -> float:
        """The time at which the page was loaded."""
        return max(self.paint_ms, self.load_ms)


def pages_of(world: LongWorld) -> dict[str, str]:
    """The pages by name, each with its address."""
    dataset, job = f"/datasets/{world.dataset}", f"/jobs/{world.draw}"
    far, some = world.rows // 2, "l_shipmode = 'AIR' AND l_quantity > 49"

    def rows(path: str, **query: object) -> str:
        return f"{path}?{urlencode({'tab': 'data', **query})}"

    return {
        "/health": "/health",
        "sign-in": "/sign-in",
        "start": "/",
        "datasets": "/datasets",
        "datasets, sought": "/datasets?q=line",
        "new dataset": "/datasets/new",
        "rows": rows(dataset),
        "rows, in the middle": rows(dataset, offset=far),
        "rows, filtered": rows(dataset, filters=some),
        "rows, sorted": rows(dataset, order_by="l_extendedprice"),
        "rows, filtered and sorted": rows(dataset, filters=some, order_by="l_extendedprice"),
        "profile": f"{dataset}?tab=profile",
        "history": f"{dataset}?tab=history",
        "samples": f"{dataset}?tab=draws",
        "access": f"{dataset}?tab=access",
        "settings": f"{dataset}?tab=settings",
        "import": f"{dataset}/import",
        "new draw": f"{dataset}/draw",
        "SQL": f"{dataset}?tab=sql",
        "jobs": "/jobs",
        "jobs, failed": "/jobs?status=failed",
        "jobs, far back": "/jobs?offset=50000",
        "a draw": job,
        "drawn rows": f"{job}?tab=rows",
        "residual": f"{job}?tab=residual",
        "comparison": f"{job}?tab=comparison",
        "reserves": f"{job}?tab=reserves",
        "why this row": f"{job}?{urlencode({'tab': 'why', 'row': f'primary:{far}'})}",
        "estimates": f"{job}?tab=estimates",
        "request": f"{job}?tab=request",
        "log": f"{job}?tab=log",
        "an import": f"/jobs/{world.imported}",
        "a profile": f"/jobs/{world.profile}",
        "account": "/account",
        "users": "/admin/users",
        "audit trail": "/admin/audit",
        "storage": "/admin/storage",
    }


def signed_in(browser: Browser, served: Served) -> StorageState:
    """The cookies of a session."""
    context = browser.new_context()
    form = {"soeid": ADMIN, "password": PASSWORD}
    context.request.post(f"{served.url}/sign-in", form=form)
    context.new_page().goto(served.url)  # which sends the zone, too
    state = context.storage_state()
    context.close()
    return state


def first_view(
    browser: Browser, state: StorageState | None, server: psutil.Process, address: str
) -> View | None:
    """Open a page as a browser that has seen none; None when there is no such page."""
    context = browser.new_context(storage_state=state)
    before = _processor_ms(server)
    try:
        page: Page = context.new_page()
        thread = context.new_cdp_session(page)
        thread.send("Performance.enable", {"timeDomain": "threadTicks"})
        answer = page.goto(address, wait_until="commit", timeout=120_000)
        if answer is None or answer.status == 404:
            return None
        if answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status}")
        times = page.evaluate(TIMES)
        metrics = thread.send("Performance.getMetrics")["metrics"]
        (seconds,) = (one["value"] for one in metrics if one["name"] == "TaskDuration")
        return View(*times, _processor_ms(server) - before, 1_000 * seconds)
    finally:
        context.close()


def _processor_ms(server: psutil.Process) -> float:
    times = server.cpu_times()
    return 1_000 * float(times.user + times.system)


def measured(served: Served, pages: dict[str, str], rounds: int) -> dict[str, list[View]]:
    """Each page so many times, in turns; those that aren't there are left out."""
    views: dict[str, list[View]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        state, server = signed_in(browser, served), psutil.Process(served.pid)
        for _ in range(rounds):
            for name, path in pages.items():
                session = None if name in OF_STRANGERS else state
                view = first_view(browser, session, server, f"{served.url}{path}")
                if view is not None:
                    views[name].append(view)
        browser.close()
    return views


def print_views(views: dict[str, list[View]]) -> None:
    """A line for each page, and how many meet the goal."""
    print("| page | least | median | worst | first byte | server works | page works | goal |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    met = 0
    for name, seen in views.items():
        whole = [one.whole_ms for one in seen]
        median = statistics.median(whole)
        met += median <= GOAL_MS
        verdict = "met" if median <= GOAL_MS else "MISSED"
        parts = ((one.server_ms, one.of_server_ms, one.of_page_ms) for one in seen)
        figures = (
            min(whole),
            median,
            max(whole),
            *map(statistics.median, zip(*parts, strict=True)),
        )
        cells = " | ".join(f"{figure:.0f} ms" for figure in figures)
        print(f"| {name} | {cells} | {verdict} |", flush=True)
    at_best = sum(min(one.whole_ms for one in seen) <= GOAL_MS for seen in views.values())
    print(f"\n{met} of {len(views)} pages are there within {GOAL_MS:.0f} ms, {at_best} at best.")


def main() -> None:
    """Make the data directory if need be, and open each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scale", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    data_dir, world = long_world(given.data.resolve(), given.scale)
    pages = {name: path for name, path in pages_of(world).items() if given.only in name}
    with jobsvc_serve(data_dir=data_dir) as served:
        print_views(measured(served, pages, given.rounds))


if __name__ == "__main__":
    main()
