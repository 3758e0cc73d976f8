"""Send an e-mail once, by the mail server of the settings (SMTP, RFC 5321).

Guarantees that the server's certificate is checked, that nothing but text of :mod:`mail_texts` and
the addresses gets into a message, and that each attempt has the same Message-ID.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from application.notifications.mail_texts import MailText, mail_text, one_line
from application.notifications.registering import email_address
from import_engine.sources.exchange import Exchange, Overdue
from service.service import Service
from service.settings import Settings
from storage.accounts.users import get_user
from storage.notifications.receivers import DeliveryOutcome, DueDelivery

SEVEN_BIT = SMTP.clone(cte_type="7bit")
"""Other characters are encoded, so that every mail server takes the message."""
GIVE_UP_FROM = 500
"""Answers from this status on are for good (RFC 5321, section 4.2.1)."""


class _Dialogue(smtplib.SMTP):
    """A connection to the mail server that ends with its exchange.

    Parameters
    ----------
    tls : ssl.SSLContext or None
        Encrypts the connection from its beginning.
    """

    def __init__(
        self, host: str, port: int, exchange: Exchange, tls: ssl.SSLContext | None
    ) -> None:
        self._exchange, self._tls = exchange, tls
        super().__init__(host, port, timeout=exchange.remaining_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect, as smtplib.SMTP_SSL overrides it, too."""
        connection = socket.create_connection((host, port), timeout)
        try:
            self._exchange.guard(connection)
            if self._tls is None:
                return connection
            return self._tls.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise


def mail(service: Service, due: DueDelivery, exchange: Exchange) -> DeliveryOutcome:
    """Send a delivery once, within the time limit of the exchange.

    Raises
    ------
    InvalidValue
        The server sends nothing to this address.
    NotFound
        The user can't read the dataset.
    """
    settings = service.settings
    address = email_address(settings, due.address)
    with service.database.read() as tx:
        text = mail_text(tx, due, get_user(tx, due.user_id), settings.link)
    message = message_of(settings.smtp_sender, address, due.message_id, text, service.clock())
    return send_message(settings, address, message, exchange)


def send_message(
    settings: Settings, address: str, message: EmailMessage, exchange: Exchange
) -> DeliveryOutcome:
    """Send a message once to an address that has been checked."""
    try:
        exchange.run(lambda: _send(settings, address, message, exchange))
    except Overdue:
        return DeliveryOutcome(None, "The mail server didn't answer in time.")
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*error.recipients[address])
    except smtplib.SMTPDataError as error:
        return _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        return _unsent(error)
    return DeliveryOutcome(250, None)


def message_of(
    sender: str, address: str, message_id: str, text: MailText, now: datetime
) -> EmailMessage:
    """Build a plain text message.

    >>> text = MailText("[jobsvc] Grüße", ("Result: ready",))
    >>> now = datetime.fromisoformat("2026-11-26T12:00:00+00:00")
    >>> built = message_of("jobsvc@bank.example", "an@bank.example", "msg_1", text, now)
    >>> print(built.as_string().replace("\\r", ""))
    From: jobsvc <jobsvc@bank.example>
    To: an@bank.example
    Subject: [jobsvc] =?utf-8?q?Gr=C3=BC=C3=9Fe?=
    Date: Thu, 26 Nov 2026 12:00:00 +0000
    Message-ID: <msg_1@bank.example>
    Auto-Submitted: auto-generated
    Content-Type: text/plain; charset="utf-8"
    Content-Transfer-Encoding: 7bit
    MIME-Version: 1.0
    <BLANKLINE>
    Result: ready
    <BLANKLINE>
    """
    message = EmailMessage(SEVEN_BIT)
    message["From"] = Address("jobsvc", addr_spec=sender)
    message["To"] = Address(addr_spec=address)
    message["Subject"] = text.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # no answer of an absent user (RFC 3834)
    message.set_content("\n".join(text.lines))
    return message


def _send(settings: Settings, address: str, message: EmailMessage, exchange: Exchange) -> None:
    with _connection(settings, exchange) as connection:
        connection.sendmail(settings.smtp_sender, [address], message.as_bytes())


@contextmanager
def _connection(settings: Settings, exchange: Exchange) -> Iterator[smtplib.SMTP]:
    """Connect, encrypt and sign in, as the settings say."""
    host, port = settings.mail_server
    context = ssl.create_default_context()
    tls = context if settings.smtp_security == "tls" else None
    connection = _Dialogue(host, port, exchange, tls)
    try:
        if settings.smtp_security == "starttls":
            connection.starttls(context=context)
        if settings.smtp_user:
            connection.login(settings.smtp_user, settings.mail_password)
        yield connection
        with suppress(smtplib.SMTPException, OSError):  # the message has been taken
            connection.quit()
    finally:
        connection.close()


def _refused(status: int, answer: bytes | str) -> DeliveryOutcome:
    """The outcome of a refusal of the address or the message, which is for good from 500 on."""
    return DeliveryOutcome(status, _answered(status, answer), may_retry=status < GIVE_UP_FROM)


def _unsent(error: Exception) -> DeliveryOutcome:
    """The outcome of a fault of the connection or the settings, which may be repaired."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        problem = (
            f"The mail server refused the sign-in ({error.smtp_code} {_text(error.smtp_error)}). "
            "Ask an administrator to check smtp_user and its password."
        )
        return DeliveryOutcome(error.smtp_code, problem)
    if isinstance(error, smtplib.SMTPResponseException):
        return DeliveryOutcome(error.smtp_code, _answered(error.smtp_code, error.smtp_error))
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryOutcome(
            None, f"The mail server lacks a command: {_text(str(error)).rstrip('.')}."
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryOutcome(
            None, f"The mail server's certificate is invalid: {error.verify_message}."
        )
    return DeliveryOutcome(
        None, f"The connection to the mail server failed ({type(error).__name__})."
    )


def _answered(status: int, answer: bytes | str) -> str:
    """Say what the mail server answered.

    >>> _answered(550, b"no such user"), _answered(550, "")
    ('The mail server answered 550 no such user.', 'The mail server answered 550.')
    """
    return f"The mail server answered {status} {_text(answer)}".rstrip(". ") + "."


def _text(answer: bytes | str) -> str:
    return one_line(answer if isinstance(answer, str) else answer.decode("utf-8", "replace"))
