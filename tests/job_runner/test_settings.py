"""Settings are one table; options win over variables, variables over defaults."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

import pytest

from application.credentials import check_soeid
from application.settings_sources import load_settings, unknown_variables, variable_name
from service.settings import InvalidSetting, Settings, setting_fields
from storage.errors import InvalidValue

ROLES = {"JOBSVC_GROUP_ROLES": "auditors=analyst"}
CLIENT = {"JOBSVC_OIDC_CLIENT_ID": "jobsvc"}
DOCS = Path(__file__).parents[2] / "docs" / "SETTINGS.md"


def test_an_option_overrides_a_variable_and_that_a_default() -> None:
    environment = {"JOBSVC_PORT": "9000", "JOBSVC_WORKERS": "5"}
    settings = load_settings({"port": 9001, "host": None}, environment)
    assert (settings.port, settings.workers, settings.host) == (9001, 5, "127.0.0.1")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"JOBSVC_PORT": "http"}, 'JOBSVC_PORT must be a whole number, not "http"'),
        ({"JOBSVC_WORKERS": "0"}, "workers must be 1 or more"),
        ({"JOBSVC_PORT": "70000"}, "port must be 65,535 or less"),
        ({"JOBSVC_KEEP_JOBS_DAYS": "1000000"}, "keep_jobs_days must be 36,500 or less"),
        ({"JOBSVC_TOKEN_HOURS": "99999999"}, "token_hours must be 876,000 or less"),
        ({"JOBSVC_STOP_GRACE_S": "99999999999"}, "stop_grace_s must be 31,536,000 or less"),
        ({"JOBSVC_LOG_FORMAT": "xml"}, "log_format must be one of text, json."),
        ({"JOBSVC_ACCESS_LOG": "maybe"}, 'JOBSVC_ACCESS_LOG must be yes or no, not "maybe".'),
        ({"JOBSVC_TRUSTED_PROXY": "*"}, "trusted_proxy isn't an address"),
        ({"JOBSVC_PROXY_USER_HEADER": "X-User", **ROLES}, "requires trusted_proxy"),
        (
            {
                "JOBSVC_PROXY_USER_HEADER": "X-User",
                "JOBSVC_TRUSTED_PROXY": "10.0.0.1",
                "JOBSVC_PROXY_SECRET": "short",
                **ROLES,
            },
            "proxy_secret must have 16 characters or more.",
        ),
        ({"JOBSVC_PROXY_SECRET_FILE": "/no/such/file"}, "proxy_secret_file can't be read"),
        ({"JOBSVC_OIDC_ISSUER": "http://login.example", **CLIENT}, "isn't an https URL"),
        ({"JOBSVC_OIDC_ISSUER": "https://login.example", **ROLES}, "requires oidc_client_id"),
        ({"JOBSVC_OIDC_ISSUER": "https://login.example", **CLIENT}, "Nobody could sign in"),
        ({"JOBSVC_GROUP_ROLES": "auditors=boss"}, '"auditors=boss" isn\'t a group and a role'),
        ({"JOBSVC_SMTP_SERVER": "mail"}, "smtp_server requires smtp_sender"),
        ({"JOBSVC_SMTP_SERVER": "mail", "JOBSVC_SMTP_SENDER": "a b@c"}, "requires smtp_sender"),
        ({"JOBSVC_SMTP_SERVER": "mail", "JOBSVC_SMTP_SENDER": "a@b"}, "requires email_domains"),
        ({"JOBSVC_SMTP_SERVER": "mail:smtp"}, "smtp_server must be a host"),
        ({"JOBSVC_SMTP_SERVER": "smtps://mail"}, "smtp_server must be a host"),
        ({"JOBSVC_SMTP_USER": "jobsvc"}, "smtp_user requires smtp_password"),
        (
            {
                "JOBSVC_SMTP_USER": "jobsvc",
                "JOBSVC_SMTP_PASSWORD": "x",
                "JOBSVC_SMTP_SECURITY": "none",
            },
            "smtp_user requires smtp_security starttls or tls.",
        ),
        (
            {"JOBSVC_SMTP_USER": "jobsvc", "JOBSVC_SMTP_PASSWORD": "Schlüssel"},
            "smtp_user and its password can have ASCII characters only.",
        ),
        ({"JOBSVC_PUBLIC_URL": "jobs.bank.example"}, "public_url must be a scheme and a host"),
        ({"JOBSVC_PUBLIC_URL": "https://jobs.example/path"}, "public_url must be a scheme"),
        ({"JOBSVC_GROUP_ROLES": '{"Audit, internal": "boss"}'}, '"Audit, internal: boss" isn'),
        ({"JOBSVC_GROUP_ROLES": '{"Audit'}, "group_roles isn't a JSON object"),
        ({"JOBSVC_PROXY_GROUPS_SEPARATOR": "||"}, "proxy_groups_separator must be one character"),
        (
            {"JOBSVC_EMAIL_DOMAINS": "a.example, @bank.example"},
            '"@bank.example" isn\'t the name of',
        ),
        ({"JOBSVC_ALLOWED_HOSTS": "https://a.example"}, 'allowed_hosts: "https://a.example" isn'),
        (
            {"JOBSVC_ALLOWED_HOSTS": "*.a.example"},
            'allowed_hosts: "*.a.example" isn\'t the name of',
        ),
        ({"JOBSVC_SOEID_PATTERN": "["}, "soeid_pattern isn't a regular expression"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(message)):
        load_settings({}, environment)


def test_variables_of_no_setting_are_named() -> None:
    names = ("USR_QUOTA_MB", "MEMORY_MB", "SERVER", "TOKEN", "XYZ")
    ignored = unknown_variables({**{f"JOBSVC_{name}": "5" for name in names}, "PATH": ""})
    assert list(ignored) == [
        "The variable JOBSVC_USR_QUOTA_MB is ignored: there is no such setting. "
        "Did you mean JOBSVC_USER_QUOTA_MB?",
        "The variable JOBSVC_XYZ is ignored: there is no such setting.",
    ]


def test_a_secret_is_read_from_a_variable_or_a_file_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("of the file\n", encoding="utf-8")
    settings = load_settings({}, {"JOBSVC_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert settings.provider_secret == "of the file"
    settings = load_settings({}, {"JOBSVC_OIDC_CLIENT_SECRET": "of the variable"})
    assert settings.provider_secret == "of the variable"
    assert "of the variable" not in repr(settings)
    both = {"JOBSVC_PROXY_SECRET": "a", "JOBSVC_PROXY_SECRET_FILE": str(file)}
    with pytest.raises(InvalidSetting, match="proxy_secret or proxy_secret_file, not both"):
        load_settings({}, both)


@pytest.mark.parametrize(("text", "meaning"), [("no", False), ("0", False), ("True", True)])
def test_a_switch_is_read_as_people_write_it(text: str, meaning: bool) -> None:
    assert load_settings({}, {"JOBSVC_ACCESS_LOG": text}).access_log is meaning


def test_the_documentation_lists_every_setting_as_it_is() -> None:
    rows = [
        line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    documented = [[cell.strip(" `") for cell in row.strip("|").split(" | ")] for row in rows]
    assert documented == [
        [
            item.name,
            variable_name(item.name),
            _default_text(item),
            item.metadata["unit"],
            item.metadata["help"],
        ]
        for item in setting_fields()
    ]


def _default_text(item: Field[Any]) -> str:
    """A setting's default as text of the documentation."""
    if item.default is MISSING:
        return "the platform's user data folder"
    if isinstance(item.default, bool):
        return "yes" if item.default else "no"
    return str(item.default)


def test_a_new_soeid_must_match_the_pattern() -> None:
    assert check_soeid(Settings(), "anna.b@example.org") == "anna.b@example.org"
    with pytest.raises(InvalidValue, match="it has 1 to 64 letters of A to Z"):
        check_soeid(Settings(), "anna b")
    strict = Settings(soeid_pattern="[A-Za-z0-9]{7}")
    assert check_soeid(strict, "bg54677") == "bg54677"
    with pytest.raises(InvalidValue):
        check_soeid(strict, "bg54677x")
