"""A mail server on this machine that requires STARTTLS and a sign-in, or speaks TLS at once."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

WAIT_S = 30
DOMAIN = "bank.example"
SENDER = f"jobsvc@{DOMAIN}"
USER, PASSWORD = "jobsvc", "the mail password"


@dataclass(frozen=True)
class Mail:
    """A message as it came, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class MailServer:
    """Takes messages to every address, unless ``answers`` has another answer to its RCPT command.

    A message to an address of ``held`` is taken but not answered before ``release``.
    """

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.held: set[str] = set()
        self.release = threading.Event()
        self.port = self.tls_port = 0
        self._changed = threading.Condition()

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in self.mails if mail.recipients == (address,)]

    def wait(self, address: str, count: int = 1) -> list[Mail]:
        """Wait for this many messages to an address."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.to(address)) >= count, WAIT_S)
        assert found, f"{len(self.to(address))} of {count} messages came to {address}"
        return self.to(address)

    def settings(self) -> dict[str, Any]:
        """The settings of a server that sends by this one."""
        return {
            "smtp_server": f"localhost:{self.port}",
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "smtp_sender": SENDER,
            "email_domains": DOMAIN,
        }

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), content)
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()
        if self.held.intersection(mail.recipients):
            await asyncio.to_thread(self.release.wait, WAIT_S)
        return "250 OK"


def _authenticated(*given: Any) -> AuthResult:
    data = given[-1]
    right = isinstance(data, LoginPassword) and data == LoginPassword(
        USER.encode(), PASSWORD.encode()
    )
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """Listen until the block ends; ``SSL_CERT_FILE`` names the authority of the certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    found, loop = MailServer(), asyncio.new_event_loop()

    def session(**options: Any) -> SMTP:
        return SMTP(
            found,
            authenticator=_authenticated,
            hostname="localhost",
            loop=loop,
            **options,
        )

    async def listen() -> tuple[asyncio.Server, asyncio.Server]:
        return (
            await loop.create_server(
                lambda: session(tls_context=context, require_starttls=True, auth_required=True),
                "127.0.0.1",
                0,
            ),
            await loop.create_server(
                lambda: session(auth_require_tls=False), "127.0.0.1", 0, ssl=context
            ),
        )

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = asyncio.run_coroutine_threadsafe(listen(), loop).result(WAIT_S)
    found.port, found.tls_port = (each.sockets[0].getsockname()[1] for each in servers)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
            yield found
    finally:
        found.release.set()

        async def close() -> None:
            for server in servers:
                server.close()
            mine = asyncio.current_task()
            tasks = [task for task in asyncio.all_tasks() if task is not mine]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), loop).result(WAIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
