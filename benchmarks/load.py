"""The server under load.

The server is ``jobsvc serve`` in a process of its own, the load comes from other processes over
loopback. Needs wrk (Debian: ``apt install wrk``) for the requests a second.

    python -m benchmarks.load [--only requests,clients,wait,queues,neighbours] [--quick]
"""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks import load_neighbours, load_polling, load_queues, load_requests
from benchmarks.served import jobsvc_serve

SECTIONS = ("requests", "clients", "wait", "queues", "neighbours")


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a few seconds each")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    quick = options.quick
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if "requests" in chosen:
        load_requests.measure(seconds=1 if quick else 4, rounds=1 if quick else 5)
    if "clients" in chosen:
        seconds, interval_s = (5, 1) if quick else (60, 5)
        with jobsvc_serve() as served:
            load_polling.measure_clients(served, seconds, interval_s=interval_s)
    if "wait" in chosen:
        with jobsvc_serve() as served:
            load_polling.measure_wait(served, jobs=50 if quick else 500)
    if "queues" in chosen:
        load_queues.measure(jobs=100 if quick else 500, rounds=1 if quick else 5)
    if "neighbours" in chosen:
        with jobsvc_serve() as served:
            load_neighbours.measure(served, seconds=2 if quick else 20)
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
