"""The values of settings: command-line option, environment variable or default, in this order.

The variable of a setting is ``JOBSVC_`` and its name in capitals.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from domain_errors import closest
from service.settings import InvalidSetting, Settings, setting_fields

OF_CLIENTS = ("JOBSVC_SERVER", "JOBSVC_TOKEN")
"""Variables of commands and of the client."""

_YES_OR_NO = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}


def variable_name(name: str) -> str:
    """The environment variable of a setting.

    >>> variable_name("data_dir")
    'JOBSVC_DATA_DIR'
    """
    return f"JOBSVC_{name.upper()}"


def load_settings(
    options: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Load settings from options, variables and defaults.

    Raises
    ------
    InvalidSetting
        Names the variable with the invalid value.
    """
    values: dict[str, Any] = {}
    types = get_type_hints(Settings)
    for item in setting_fields():
        if options.get(item.name) is not None:
            values[item.name] = options[item.name]
        elif variable_name(item.name) in environment:
            values[item.name] = _parsed(
                variable_name(item.name), environment[variable_name(item.name)], types[item.name]
            )
    return Settings(**values)


def unknown_variables(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield a sentence about each variable that is named like a setting, but of none."""
    settings = [item.name for item in setting_fields()]
    known = {*map(variable_name, settings), *OF_CLIENTS}
    for name in sorted(environment):
        if name.startswith("JOBSVC_") and name not in known:
            close = closest(name.removeprefix("JOBSVC_"), settings)
            hint = f" Did you mean {variable_name(close)}?" if close else ""
            yield f"The variable {name} is ignored: there is no such setting.{hint}"


def _parsed(variable: str, text: str, kind: type) -> Any:
    if kind is Path and not text.strip():
        raise InvalidSetting(
            "{variable} is empty. Name a directory, or unset the variable.", variable=variable
        )
    if kind is bool:
        if text.lower() not in _YES_OR_NO:
            raise InvalidSetting(
                '{variable} must be yes or no, not "{text}".', variable=variable, text=text
            )
        return _YES_OR_NO[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise InvalidSetting(
            '{variable} must be a whole number, not "{text}".', variable=variable, text=text
        ) from None
