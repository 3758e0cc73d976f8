"""A request as code: shown at once where it is known, and fetched by forms that change it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import request

from application.request_code.forms import ApiRequest
from application.request_code.texts import RequestCode, request_code
from domain_errors import InvalidRequest
from storage.accounts.datasets import DatasetFilters, list_datasets
from web_ui.shell import blueprint, caller, own_address, service


@blueprint.post("/request-code")
def code_of_form() -> dict[str, Any]:
    """Answer the code of the request that a form describes.

    Raises
    ------
    InvalidRequest
        The body describes no request.
    """
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise InvalidRequest("The body is no JSON object.", loc=("body",))
    try:
        return asdict(code_of(ApiRequest(**given)))
    except (AttributeError, KeyError, TypeError, ValueError):
        message = "The body describes no request of the API."
        raise InvalidRequest(message, loc=("body",)) from None


def code_of(described: ApiRequest) -> RequestCode:
    """Return the code of a request to this server."""
    return request_code(described, own_address(), _dataset_name)


def code_at(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The values of a page for a body that is sent to a path of this server, with its code."""
    return {"code": code_of(ApiRequest(path, body)), "request_body": body}


def _dataset_name(dataset_id: int) -> str | int:
    """The name of a dataset, or its id if another one has the name."""
    name = caller().dataset(dataset_id, "read").name
    with service().database.read() as tx:
        filters = DatasetFilters(name=name)
        _, total = list_datasets(tx, caller().user, filters, offset=0, limit=1)
    return name if total == 1 else dataset_id
