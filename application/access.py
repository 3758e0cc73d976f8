"""The caller of a request: its user, and the checks that it has passed.

Guarantees that a dataset that the user can't see gives the same error as a missing one, and that a
write repeats the request's checks. The API and the pages use it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any

from application.job_submission import Submission
from application.notifications.attempts import AttemptListener, ignore_attempt
from application.throttle import MessageRate, SignInThrottle
from application.work_limits import WorkLimits
from contract.jobs import Priority
from contract.words import Action, Level, Role
from domain_errors import DomainError
from lazy_dataclasses import dataclass
from service.service import LruCache, Service
from service.tables.open_tables import SAMPLE, output_of
from storage.accounts import authority as checks
from storage.accounts.audit_trail import ObjectType, Origin, record
from storage.accounts.authority import Authority, write_as
from storage.accounts.datasets import DatasetRecord, get_dataset
from storage.accounts.tokens import (
    TokenHolder,
    find_token_holder,
    find_token_user,
    hash_secret,
    note_token_use,
)
from storage.accounts.users import User
from storage.audit.reviewing import reviewed_jobs
from storage.errors import NotFound, TokenEnded, TokenExpired
from storage.jobs.jobs import JobRecord, get_job, job_ids_by_prefix
from storage.jobs.submission import IdempotencyKey
from storage.notifications.receivers import Kind
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction

if TYPE_CHECKING:
    from application.providers.openid import OpenidProvider

SHORT_ID = re.compile("[0-9a-f]{8}[0-9a-f-]{0,27}")
"""The first digits of a job id; pages show eight."""
MAX_SHORT_ID_MATCHES = 20
"""Of ten million jobs a few share eight digits."""
NO_DATASET = 0
USE_RESOLUTION_S = 60
"""Resolution of the time at which a token was last used."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """The table whose rows are read, and the job that made it if the request names a job."""

    dataset_id: int
    commit_id: str
    table_key: str
    job_id: str | None = None


def sample_source(job: JobRecord) -> RowSource:
    """The rows of the sample that a job drew."""
    return RowSource(job.dataset_id, output_of(job), SAMPLE, job.id)


def message_rates() -> dict[Kind, MessageRate]:
    """The limits of tests and repeated messages. E-mails go to people, webhooks to programs."""
    return {"email": MessageRate(10), "webhook": MessageRate(60)}


def ignore_refusal(_: DomainError) -> None:
    """Count nothing."""


@dataclass(frozen=True)
class Access:
    """The parts that all requests of one server share.

    Parameters
    ----------
    on_refusal : callable
        Receives each refused sign-in.
    on_attempt : callable
        Receives the end of each attempt to send an invitation.
    recorded_views : LruCache
        Recently audited views of rows; after a restart each view is recorded again.
    token_holders : LruCache
        Tokens, by database version: a commit may change or end a token.
    waiting_counts : LruCache
        How much waits for users, by user id, database version and minute.
    token_uses : LruCache
        Named tokens whose use was recorded, by minute.
    provider : OpenidProvider or None
        The provider of the setting ``oidc_issuer``.
    monotonic : callable
        The clock of the recorded views, in seconds.
    """

    service: Service
    work_limits: WorkLimits
    on_refusal: Callable[[DomainError], None] = ignore_refusal
    on_attempt: AttemptListener = ignore_attempt
    provider: OpenidProvider | None = None
    throttle: SignInThrottle = field(default_factory=SignInThrottle)
    message_rates: Mapping[Kind, MessageRate] = field(default_factory=message_rates)
    invitation_rate: MessageRate = field(
        default_factory=lambda: MessageRate(60, what="invitations")
    )
    monotonic: Callable[[], float] = time.monotonic
    recorded_views: LruCache[Hashable, None] = field(default_factory=lambda: LruCache(4_000))
    token_holders: LruCache[tuple[int, str], TokenHolder | None] = field(
        default_factory=lambda: LruCache(1_000, fits=lambda found: found is not None)
    )

    waiting_counts: LruCache[tuple[int, int, int], int] = field(
        default_factory=lambda: LruCache(1_000)
    )
    token_uses: LruCache[tuple[int, int], None] = field(default_factory=lambda: LruCache(1_000))

    def holder_of(self, secret: str) -> TokenHolder | None:
        """Find a valid token's holder, once for each database version."""
        found = self._holder_of(secret)
        return None if found is None or found.has_ended(self.service.clock) else found

    def expiry_of(self, secret: str) -> TokenExpired | None:
        """Return the error that says when a named token expired; None for any other secret."""
        found = self._holder_of(secret)
        if found is None or found.expires_at is None or found.kind != "named":
            return None
        if not found.has_ended(self.service.clock):
            return None
        return TokenExpired(name=found.token_name, expires_at=found.expires_at)

    def _holder_of(self, secret: str) -> TokenHolder | None:
        service = self.service
        return self.token_holders.get(
            (service.database.version, hash_secret(secret)),
            lambda: find_token_holder(service.database.single(), secret),
        )

    def note_use(self, holder: TokenHolder) -> None:
        """Record the use of a named token, once a minute and in the background.

        A request never waits for it.
        """
        if holder.kind != "named":
            return
        token_id, service = holder.token_id, self.service
        minute = int(self.monotonic() // USE_RESOLUTION_S)

        def record_use() -> None:
            at = timestamp(service.clock())

            def write(_: object) -> None:
                with service.database.write(sync="later") as tx:
                    note_token_use(tx, token_id, at)

            service.background.enqueue(("token_use", token_id), write)

        self.token_uses.get((token_id, minute), record_use)


def origin_of(address: str | None, request_id: str | None, holder: TokenHolder | None) -> Origin:
    """Where a request comes from, for the audit trail."""
    if holder is None:
        return Origin(address, request_id)
    return Origin(
        address,
        request_id,
        token_id=holder.token_id,
        token_kind=holder.kind,
        token_name=holder.token_name,
    )


def disconnection_of(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return the WSGI server's check of whether the client has closed the connection."""
    check: Callable[[], bool] = environ.get("waitress.client_disconnected", lambda: False)
    return check


class Caller:
    """The user who sends one request, with a token."""

    def __init__(
        self,
        access: Access,
        holder: TokenHolder,
        address: str | None,
        request_id: str | None,
        is_disconnected: Callable[[], bool],
    ) -> None:
        self.access = access
        self.service = access.service
        self.holder = holder
        self.is_disconnected = is_disconnected
        self.user: User = holder.user
        self.origin = origin_of(address, request_id, holder)
        self._roles: list[tuple[Role, ...]] = []
        self._levels: list[tuple[int, Level]] = []

    def authority(self) -> Authority:
        """Return the token and the checks that the request has passed."""
        return Authority(self.holder.token_id, tuple(self._roles), tuple(self._levels))

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a write transaction that checks the authority again.

        Raises
        ------
        TokenEnded, Forbidden, NotFound
            The token, role or level was revoked during the request.
        """
        with write_as(self.service.database, self.authority(), self.service.clock) as tx:
            yield tx

    def user_in(self, tx: Transaction) -> User:
        """Return the user with the role of this transaction, which may have changed meanwhile."""
        found = find_token_user(tx, self.holder.token_id, self.service.clock)
        if found is None:
            raise TokenEnded
        return found

    def reading(self) -> AbstractContextManager[None]:
        """Count the block as a read of tables; see :meth:`WorkLimit.piece`."""
        return self.access.work_limits.reads.piece(self.user.id, self.is_disconnected)

    def submission(self, priority: Priority, key: IdempotencyKey | None = None) -> Submission:
        """A submission of a job by this user."""
        return Submission(self.user, priority, key, self.origin, self.authority())

    def require_role(self, *roles: Role) -> User:
        """Require one of the roles, now and in the request's write."""
        checks.require_role(self.user, roles)
        self._roles.append(roles)
        return self.user

    def dataset(self, dataset_id: int, level: Level) -> DatasetRecord:
        """Return a dataset; require at least this level, now and in the request's write.

        Raises
        ------
        NotFound, Forbidden
            It is missing or not visible; or the user's role or level is too low.
        """
        with self.service.database.read() as tx:
            dataset = checks.require_level(tx, self.user, dataset_id, level)
        self._levels.append((dataset_id, level))
        return dataset

    def may(self, dataset: DatasetRecord, level: Level) -> bool:
        """Whether :meth:`dataset` allows the user this level: a viewer only reads."""
        return dataset.allows(level) and (level == "read" or self.user.role_name != "viewer")

    def job(self, job_id: str) -> JobRecord:
        """Return a job that the user may read, by its id or at least eight digits of it."""
        with self.service.database.read() as tx:
            ids = (
                job_ids_by_prefix(tx, job_id, MAX_SHORT_ID_MATCHES)
                if SHORT_ID.fullmatch(job_id)
                else [job_id]
            )
            found = [self.visible_job(tx, each) for each in ids or [job_id]]
        visible = [job for job in found if job is not None]
        if len(visible) > 1:
            raise NotFound('Several job ids begin with "{id}". Give more digits.', id=job_id)
        if not visible:
            raise NotFound('Job "{job}" not found.', job=job_id)
        return visible[0]

    def queue_job(self, job_id: str) -> JobRecord:
        """Return a job as :meth:`job` does, or one whose sample the user is a reviewer of."""
        try:
            return self.job(job_id)
        except NotFound:
            with self.service.database.read() as tx:
                found = reviewed_jobs(tx, self.user.id, job_id)
                if len(found) == 1 and (found[0] == job_id or SHORT_ID.fullmatch(job_id)):
                    return get_job(tx, found[0])
            raise

    def visible_job(self, tx: Transaction, job_id: str) -> JobRecord | None:
        """Return a job by its full id; None if it is missing or not visible."""
        job: JobRecord | None = None
        with suppress(NotFound):
            job = get_job(tx, job_id)
        with suppress(NotFound):
            get_dataset(tx, NO_DATASET if job is None else job.dataset_id, self.user)
            return job
        return None

    def audit(
        self,
        tx: Transaction,
        action: Action,
        *,
        dataset_id: int | None = None,
        about: tuple[ObjectType, object] | None = None,
        **details: Any,
    ) -> None:
        """Add an entry by this user, without the details that are None."""
        record(
            tx,
            self.service.clock,
            action,
            user_id=self.user.id,
            origin=self.origin,
            dataset_id=dataset_id,
            about=about,
            details={name: value for name, value in details.items() if value is not None},
        )

    def audit_of_job(self, tx: Transaction, action: Action, job: JobRecord, **details: Any) -> None:
        """Add an entry about a job."""
        self.audit(tx, action, dataset_id=job.dataset_id, about=("job", job.id), **details)

    def audit_read(self, action: Action, source: RowSource, **details: Any) -> None:
        """Record a read of rows, before any row is sent."""
        with self.writing() as tx:
            self.audit(
                tx,
                action,
                dataset_id=source.dataset_id,
                about=("table", source.table_key),
                commit_id=source.commit_id,
                job_id=source.job_id,
                **details,
            )

    def audit_view(self, source: RowSource, what: str = "rows") -> None:
        """Record a view of rows, unless it was recorded within this hour."""
        hour = int(self.access.monotonic() // 3600)
        self.access.recorded_views.get(
            (self.user.id, self.holder.token_id, source, what, hour),
            lambda: self.audit_read("rows_viewed", source, what=what),
        )
