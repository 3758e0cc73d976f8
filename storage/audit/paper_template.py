"""The firm's template of working papers. Entries never change: the newest one counts."""

from __future__ import annotations

import json
from typing import Any

from contract.requests.paper_template import PaperTemplateRequest
from lazy_dataclasses import dataclass
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, json_text, run


@dataclass(frozen=True)
class StoredTemplate:
    """A template as it was from this entry on; its request has no logo."""

    body: PaperTemplateRequest
    logo: bytes | None
    user_soeid: str
    at: str


def _body(text: str) -> PaperTemplateRequest:
    found: dict[str, Any] = json.loads(text)
    lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return PaperTemplateRequest(**{**found, **lists})


_TEMPLATES = Records(StoredTemplate, body=_body)


def paper_template(tx: Transaction) -> StoredTemplate | None:
    """Return the template; None before an administrator entered one."""
    return _TEMPLATES.first(tx, "newest_paper_template")


def enter_template(
    tx: Transaction, body: PaperTemplateRequest, logo: bytes | None, user_id: int, clock: Clock
) -> None:
    """Enter a template."""
    values = {"body": json_text(body.given()), "logo": logo}
    run(tx, "insert_paper_template", **values, user_id=user_id, at=timestamp(clock()))
