"""The codes of a query's errors, and what a user may be told of one."""

from __future__ import annotations

from sql_sandbox.errors import SqlError

REFUSED = "sql_refused"
INVALID = "invalid_sql"
TOO_LARGE = "sql_too_large"
MEMORY = "sql_out_of_memory"
TIMEOUT = "sql_timeout"
FAILED = "sql_failed"


def shortly(value: object) -> str:
    return str(value)[:50]


def assert_told(error: SqlError, code: str, part: str, *secrets: object) -> None:
    """Check what a user is told: plainly, and nothing of ours."""
    assert (error.code, part in error.message) == (code, True), error.message
    assert error.message[0].isupper()
    assert error.message.endswith((".", "…"))
    for secret in (*secrets, "AS result", "getvariable(", "SELECT * FROM (\n"):
        assert str(secret) not in error.message
