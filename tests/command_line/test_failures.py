"""What the system refuses is one line, whatever it says of the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line.failures import one_line_errors
from command_line.output import CommandFailed


@pytest.mark.parametrize(
    ("error", "output"),
    [
        (OSError(5, "Input/output error", "a.tar"), "Input/output error: a.tar"),
        (OSError(5, "Input/output error", Path("a.tar")), "Input/output error: a.tar"),
        (OSError(5, "Input/output error", os.fsencode("ä.tar")), "Input/output error: ä.tar"),
        (OSError(5, "Input/output error", 7), "Input/output error: 7"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError("cannot read from it"), "cannot read from it"),
        (OSError(), "OSError"),
    ],
    ids=str,
)
def test_a_system_error_is_one_line(error: OSError, output: str) -> None:
    with pytest.raises(CommandFailed) as failed, one_line_errors():
        raise error
    assert failed.value.format_message() == output
