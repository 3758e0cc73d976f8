"""The composition root: settings → storage → engines → runner → app.

Opens the service's parts in order and closes them in reverse; no other module opens them.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from application.access import Access
from application.comparing import job_changed
from application.notifications.attempts import AttemptListener, ignore_attempt
from application.notifications.sending import MessageSender
from application.sign_in import require_password
from application.throttle import SignInThrottle
from application.work_limits import WorkLimits, work_limits
from command_line.root import Listening
from http_api.app import create_app
from http_api.openapi import DocumentedApp
from http_api.server.metrics import Metrics
from http_api.server.uploads import gate
from http_api.server.waitress import HttpServer, possible_connections
from job_runner.attempt import Handler
from job_runner.handlers import HANDLERS
from job_runner.runner import Runner, recover
from job_runner.scheduler import Scheduler
from operating_system import limit_arenas
from parquet_tables.attached import AttachedFiles
from parquet_tables.database import ParquetDatabase
from sampling_engine.engines.spark_connection import SparkServer
from service.service import Service
from service.settings import Settings
from storage.accounts.audit_trail import record_of_service
from storage.accounts.tokens import issue_token
from storage.accounts.users import add_user, first_admin
from storage.certificates.keys import SigningKeys
from storage.jobs.changes import ChangeListener, JobChange, ignore_change
from storage.jobs.kinds import JobKind
from storage.maintenance.data_directory import DataDirectory, Owner
from storage.sqlite.clock import Clock, system_clock, timestamp
from storage.sqlite.database import Database
from storage.versions.data_files import DataFiles
from web_ui import pages
from web_ui.report import render_report

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

ADMIN_SOEID = "admin00"
"""The admin that the first start creates."""
OPERATOR_LIFETIME = timedelta(days=3650)
"""The operator's token ends with its server, since the next start deletes it."""


@contextmanager
def running_service(
    settings: Settings,
    purpose: str,
    on_change: ChangeListener = ignore_change,
    *,
    create: bool = True,
    clock: Clock = system_clock,
    handlers: Mapping[JobKind, Handler] = HANDLERS,
    on_attempt: AttemptListener = ignore_attempt,
) -> Iterator[Service]:
    """Take the data directory, recover, and run jobs until the block ends.

    Parameters
    ----------
    on_change : callable
        Receives each change of a job, including those of the recovery.
    create : bool
        Whether to create the data directory in a missing or empty directory.
    on_attempt : callable
        Receives the end of each attempt to send a message.

    Raises
    ------
    DataDirectoryInUse
        Another process holds the directory.
    NoDataDirectory, ForeignDirectory
        It isn't a data directory of jobsvc, or is missing and may not be created.
    """
    limit_arenas()
    directory = DataDirectory(settings.data_dir)
    directory.acquire(Owner(os.getpid(), purpose, timestamp(clock())), create=create)
    with ExitStack() as closing:
        closing.callback(directory.release)
        runner = Runner(handlers, {"short": settings.workers, "long": settings.long_workers})
        attached = AttachedFiles()
        databases = [
            closing.enter_context(_parquet_database(settings, directory, attached))
            for _ in range(2)
        ]
        sender, scheduler = MessageSender(on_attempt), Scheduler()
        service = _build_service(
            settings, directory, attached, databases, (runner, sender, scheduler), clock, on_change
        )
        closing.callback(_stop, service, runner, sender, scheduler)
        recover(service)
        _make_admin(service)
        service.signing_keys.current()
        runner.start(service)
        sender.start(service)
        scheduler.start(service)
        yield service


def _build_service(
    settings: Settings,
    directory: DataDirectory,
    attached: AttachedFiles,
    databases: Sequence[ParquetDatabase],
    threads: tuple[Runner, MessageSender, Scheduler],
    clock: Clock,
    on_change: ChangeListener,
) -> Service:
    runner, sender, scheduler = threads

    def notify(change: JobChange) -> None:
        on_change(change)
        job_changed(service, change)
        if change.step in ("completed", "failed"):
            sender.wake()

    database = Database(directory.database_path, notify)
    service = Service(
        settings=settings,
        directory=directory,
        database=database,
        data_files=DataFiles(directory.files_dir),
        signing_keys=SigningKeys(directory.signing_key_path, database, clock),
        attached=attached,
        parquet=databases[0],
        parquet_long=databases[1],
        clock=clock,
        new_id=lambda: str(uuid.uuid4()),
        wake_runner=runner.wake,
        interrupt_job=runner.interrupt,
        wake_sender=sender.wake,
        wake_scheduler=scheduler.wake,
        stopping=threading.Event(),
        spark=SparkServer(settings.spark_remote, settings.spark_token)
        if settings.spark_remote
        else None,
    )
    return service


def _stop(service: Service, runner: Runner, sender: MessageSender, scheduler: Scheduler) -> None:
    service.stopping.set()
    scheduler.stop()
    service.background.stop()
    runner.stop(service.settings.stop_grace_s)
    sender.stop()
    service.database.close()


def build_app(
    service: Service, metrics: Metrics | None = None, throttle: SignInThrottle | None = None
) -> DocumentedApp:
    """The WSGI app: the API and the pages."""
    metrics, settings = metrics or Metrics(), service.settings
    limits = work_limits(settings)
    access = Access(
        service,
        limits,
        on_refusal=metrics.sign_in_refused,
        on_attempt=metrics.attempted,
        provider=_provider(service, limits) if settings.oidc_issuer else None,
        throttle=throttle or SignInThrottle(),
    )
    app = create_app(access, metrics, render_report, pages.problem_page)
    pages.register(app, access)
    return app


def _provider(service: Service, limits: WorkLimits) -> OpenidProvider:
    from application.providers.openid import OpenidProvider  # its libraries take 0.3 s

    return OpenidProvider(service.settings, service.clock, limits.provider_reads)


@contextmanager
def listening(
    settings: Settings,
    purpose: str,
    create: bool = True,
    clock: Clock = system_clock,
    handlers: Mapping[JobKind, Handler] = HANDLERS,
) -> Iterator[Listening]:
    """Listen on the address; ``serve`` answers requests inside the block."""
    possible_connections(settings.http_connections)  # before any file is opened
    metrics = Metrics()
    with running_service(
        settings,
        purpose,
        metrics.job_changed,
        create=create,
        clock=clock,
        handlers=handlers,
        on_attempt=metrics.attempted,
    ) as service:
        require_password(service)
        app = build_app(service, metrics)

        def stop_claiming() -> None:
            service.stopping.set()
            service.wake_runner()

        server = HttpServer(
            app,
            settings,
            gate(app, service),
            metrics.refused,
            stop_claiming,
            slow_threads=work_limits(settings).total,
        )
        try:
            token = _operator_token(service, purpose)
            owner = service.directory.owner()
            assert owner is not None  # noqa: S101 - it was written on opening
            service.directory.write_owner(replace(owner, url=server.url, token=token))
            yield Listening(service, server.url, token, server.run, server.stop)
        finally:
            stop_claiming()
            server.close()


@contextmanager
def serving_in_background(
    settings: Settings,
    purpose: str,
    create: bool = True,
    clock: Clock = system_clock,
    handlers: Mapping[JobKind, Handler] = HANDLERS,
) -> Iterator[Listening]:
    """Serve on a free local port, for one command."""
    local = replace(settings, host="127.0.0.1", port=0, stop_grace_s=0)
    with listening(local, purpose, create, clock, handlers) as here:
        answering = threading.Thread(target=here.serve, name="http", daemon=True)
        answering.start()
        yield here


def _parquet_database(
    settings: Settings, directory: DataDirectory, attached: AttachedFiles
) -> ParquetDatabase:
    """One of two DuckDB instances, with half of the memory."""
    return ParquetDatabase(
        directory.root,
        directory.spill_dir,
        directories=directory.duckdb_dirs,
        memory_mb=settings.memory_mb // 2,
        threads=settings.duckdb_threads or None,
        keep_free_mb=settings.min_free_mb,
        attached=attached,
    )


def _make_admin(service: Service) -> None:
    with service.database.write() as tx:
        if first_admin(tx) is None:
            admin = add_user(tx, ADMIN_SOEID, "admin", None, service.clock)
            record_of_service(
                tx,
                service.clock,
                "user_added",
                ("user", admin.id),
                {"soeid": admin.soeid, "role_name": admin.role_name},
            )


def _operator_token(service: Service, purpose: str) -> str:
    with service.database.write() as tx:
        admin = first_admin(tx)
        assert admin is not None  # noqa: S101 - _make_admin saw to it
        secret, token = issue_token(
            tx,
            admin.id,
            kind="operator",
            name="command line",
            scope="write",
            lifetime=OPERATOR_LIFETIME,
            clock=service.clock,
        )
        record_of_service(
            tx,
            service.clock,
            "token_made",
            ("token", token.id),
            {"owner": admin.soeid, "kind": "operator", "for": purpose},
        )
    return secret
