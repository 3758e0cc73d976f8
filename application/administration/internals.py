"""What a running server is doing inside: lanes, DuckDB instances, caches, and the last prune."""

from __future__ import annotations

from application.administration.overview import admin_overview, size_text
from contract.requests.administration import EntriesRequest
from parquet_tables.database import MIB
from presentation.content import Facts, Table, moment_of
from service.service import LruCache, Service
from storage.accounts.audit_trail import list_entries
from storage.jobs.kinds import LANES
from storage.jobs.queue import count_open_jobs
from storage.sqlite.clock import seconds_between, timestamp

PRUNES_READ = 20
"""Entries among which the last prune is looked for; its preview is an entry, too."""


def internals(service: Service) -> list[Facts | Table]:
    """Measure the server; the caller checks the role."""
    with service.database.read() as tx:
        counts = count_open_jobs(tx)
        prunes, _ = list_entries(
            tx, EntriesRequest(action=("pruned",)), offset=0, limit=PRUNES_READ
        )
    last_prune = next((entry.at for entry in prunes if "removed" in entry.details), None)
    now, settings = timestamp(service.clock()), service.settings
    workers = {"short": settings.workers, "long": settings.long_workers}
    lanes = []
    for lane in LANES:
        waiting = [each for each in counts if each.lane == lane and each.waits]
        running = [each.jobs for each in counts if each.lane == lane and not each.waits]
        oldest_s = max((seconds_between(each.oldest, now) for each in waiting), default=0.0)
        jobs = (sum(running), workers[lane], sum(each.jobs for each in waiting), round(oldest_s))
        lanes.append((lane, *jobs))
    instances = [(lane, service.parquet_of(lane).memory_use()) for lane in LANES]
    most = size_text(settings.memory_mb // 2 * MIB)
    caches = {
        name: cache for name, cache in vars(service.results).items() if isinstance(cache, LruCache)
    }
    return [
        Table("Lanes", ("Lane", "Running", "At most", "Waiting", "Oldest waits, s"), lanes),
        Table(
            "DuckDB instances",
            ("Lane", "Memory", "At most", "Spilled"),
            [
                (lane, size_text(use.memory_bytes), most, size_text(use.spilled_bytes))
                for lane, use in instances
            ],
        ),
        Table(
            "Caches",
            ("Cache", "Entries", "At most"),
            [(name, len(cache), cache.max_entries) for name, cache in caches.items()],
        ),
        Facts(
            "Maintenance",
            [
                ("Last prune (UTC)", moment_of(last_prune) or "none"),
                ("Last backup (UTC)", moment_of(admin_overview(service).last_backup_at) or "none"),
            ],
        ),
    ]
