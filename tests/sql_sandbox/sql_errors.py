"""The codes of a query's errors, and a check of messages for users."""

from __future__ import annotations

from sql_sandbox.errors import SqlError

REFUSED = "sql_refused"
INVALID = "invalid_sql"
TOO_LARGE = "sql_too_large"
MEMORY = "sql_out_of_memory"
TIMEOUT = "sql_timeout"
FAILED = "sql_failed"


def shorten(value: object) -> str:
    return str(value)[:50]


def assert_user_message(error: SqlError, code: str, part: str, *secrets: object) -> None:
    """Check a message for a user: code, wording, and no internals."""
    assert (error.code, part in error.message) == (code, True), error.message
    assert error.message[0].isupper()
    assert error.message.endswith((".", "…"))
    for secret in (*secrets, "AS result", "getvariable(", "SELECT * FROM (\n"):
        assert str(secret) not in error.message
