"""A data directory to play with: datasets, samples, and a job of each kind in each state.

``python -m tests.seed DIRECTORY`` fills a new directory; the files of its attached table lie in
``DIRECTORY-lake``. ``jobsvc serve`` on it runs what waits or
runs there; what is completed, failed or cancelled stays so.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from service.settings import Settings
from tests.browser.shown_world import fill
from tests.support.every_job import every_job
from tests.support.live_server import PASSWORD, live_server


def seed(data_dir: Path) -> str:
    """Fill a directory, and return the user name of an admin with the password of tests."""
    lake = data_dir.resolve().with_name(f"{data_dir.name}-lake")
    prefix = f"file://{lake}/"
    settings = Settings(
        data_dir=data_dir, memory_mb=256, import_prefixes=prefix, connection_prefixes=prefix
    )
    with live_server(settings) as server:
        lake.mkdir(exist_ok=True)
        admin = fill(server).admin
        with server.service.database.write() as tx:
            tx.execute("DROP TRIGGER held_pending")  # or the runner would claim nothing else
        every_job(server, lake)
        database = server.service.directory.root / "jobsvc.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TRIGGER held")  # a server refuses other triggers than its own
    return admin


def main() -> None:
    """Fill the directory of the argument."""
    data_dir = Path(sys.argv[1])
    if data_dir.exists():
        raise SystemExit(f"{data_dir} exists: remove it, or name another directory.")
    admin = seed(data_dir)
    print(f"jobsvc serve --data-dir {data_dir}; sign in as {admin} with: {PASSWORD}")


if __name__ == "__main__":
    main()
