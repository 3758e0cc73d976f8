"""The two formats of the log, and what an error's text may not bring into it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

import duckdb
import pytest

from command_line.log_output import log_handler, trace
from import_engine.errors import UnreadableFile
from service.log_context import add, enter, logged_with, present_fields
from service.settings import Settings

VALUE = "Mrs Miller"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"


def written(log_format: str, record: logging.LogRecord) -> str:
    """The line of a record, as the server's handler writes it."""
    handler = log_handler(Settings(log_format=log_format))
    assert handler.filter(record)
    return handler.format(record)


def record(message: str, *words: object, error: BaseException | None = None) -> logging.LogRecord:
    raised = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("jobsvc.jobs", logging.INFO, __file__, 1, message, words, raised)


def caught(function: Callable[..., object], *given: object) -> Exception:
    """What a call raised, with its traceback."""
    try:
        function(*given)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def of_duckdb(statement: str) -> Exception:
    with duckdb.connect() as connection:
        return caught(connection.execute, statement)


def test_a_text_line_holds_time_level_logger_and_fields() -> None:
    with logged_with(job_id="7", run_type="import", attempt=1):
        line = written("text", record("%s starts", "job 7"))
    pattern = rf"{TIME} INFO jobsvc.jobs job 7 starts \[job_id=7 run_type=import attempt=1\]"
    assert re.fullmatch(pattern, line)


def test_a_json_line_holds_the_same_fields() -> None:
    with logged_with(request_id="r-1", user_id=3):
        output = json.loads(written("json", record("refused")))
    assert re.fullmatch(TIME, output.pop("time"))
    assert output == {
        "level": "INFO",
        "logger": "jobsvc.jobs",
        "message": "refused",
        "request_id": "r-1",
        "user_id": 3,
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_never_begins_a_line_of_its_own(log_format: str) -> None:
    line = written(log_format, record("no ref %s", "a\nb\r\x1b[31m\u2028c"))
    assert line.isprintable()
    assert "a\\nb" in line


def test_log_fields_are_scoped_to_a_block() -> None:
    enter(None)
    add(user_id=1)
    assert present_fields() == {}
    with logged_with(request_id="r-1"):
        with logged_with(job_id="7"):
            assert present_fields() == {"job_id": "7"}
        add(user_id=3)
        assert present_fields() == {"request_id": "r-1", "user_id": 3}
    assert present_fields() == {}


def test_an_exception_stands_inside_its_json_object() -> None:
    error = caught(open, "/nowhere/at/all")
    line = written("json", record("failed", error=error))
    assert "\n" not in line
    output = json.loads(line)["exception"]
    assert "function(*given)" in output
    assert output.endswith(
        "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'"
    )


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (caught(float, VALUE), "ValueError"),
        (caught({}.__getitem__, VALUE), "KeyError"),
        (
            UnreadableFile(f"Line 4: {VALUE}"),
            "import_engine.errors.UnreadableFile: unreadable_file",
        ),
        (of_duckdb(f"SELECT '{VALUE}'::INTEGER"), "_duckdb.ConversionException"),
        (of_duckdb(f"SELECT FROM '{VALUE}' WHERE"), "_duckdb.ParserException"),
        (
            of_duckdb(f"SELECT nope FROM (SELECT '{VALUE}' AS name)"),
            '_duckdb.BinderException: Binder Error: Referenced column "nope" not found in FROM '
            "clause!",
        ),
        (caught(len, 7), "TypeError: object of type 'int' has no len()"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_error_texts_are_logged_only_if_safe(error: BaseException, shown: str) -> None:
    output = trace(error)
    assert VALUE not in output
    assert output.splitlines()[-1] == shown


def test_chained_errors_are_logged_without_data() -> None:
    def convert() -> None:
        try:
            float(VALUE)
        except ValueError as first:
            raise OSError(5, "Input/output error") from first

    output = trace(caught(convert))
    assert VALUE not in output
    assert re.search(r"ValueError\nwhich led to:\n(.|\n)*OSError: \[Errno 5\]", output)
