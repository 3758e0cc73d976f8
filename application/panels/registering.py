"""Create, find and delete panels."""

from __future__ import annotations

from typing import cast

from application.access import Caller
from application.panels.drawing import PanelStrataMany, require_version
from application.sampling import SamplingRequest, check_draw, plan
from contract.requests.draw import MAX_STARTS, RoundJson
from contract.requests.panels import PanelRequest
from contract.words import Action
from domain_errors import moved
from parquet_tables.row_keys.canonical import InvalidKey
from sampling_engine import METHOD_CLASSES, method_class, method_from_json
from service.service import Service
from service.tables.open_tables import filters_of, open_requested
from storage.errors import InvalidValue, NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.panels import NewPanel, PanelRecord, add_panel, get_panel, remove_panel
from storage.sqlite.database import Transaction
from storage.versions.refs import SAMPLE_PREFIX, parse_ref_name

PANEL_METHODS = tuple(
    each for each in METHOD_CLASSES if each.no_keyed_order is None and each.planned_by is not None
)
"""Those that draw a sample of some size in the order of keys."""


def may_be_followed(job: JobRecord) -> bool:
    """Whether a panel can draw a sample again as its first wave, and later waves by its rule."""
    if job.source_commit_id is None:
        return False
    first, *more = job.run_parameters["rounds"]
    is_keyed = bool(first.get("order")) and method_class(first["method"]) in PANEL_METHODS
    return is_keyed and not more and filters_of(job) is None


def create(by: Caller, dataset_id: int, asked: PanelRequest) -> PanelRecord:
    """Create a panel, whose design and key are checked against a version.

    Raises
    ------
    Conflict, InvalidValue
        The name is in use, or can't be a sample's.
    InvalidKey, KeyMissing, KeyNotUnique
        The method has no keyed order, or the key doesn't identify each row of the version.
    DomainError
        The draw can't be planned.
    Forbidden
        The user can't write to the dataset.
    """
    by.dataset(dataset_id, "write")
    parse_ref_name(f"{SAMPLE_PREFIX}{'-'.join(asked.name.split())}", loc=("body", "name"))
    with by.reading():
        table_key, settled = _settled(by.service, dataset_id, asked)
    new = NewPanel(dataset_id, by.user.id, asked.name, table_key, settled, asked.rotation)
    with by.writing() as tx:
        panel = add_panel(tx, new, by.service.clock)
        _audit(by, tx, "panel_made", panel)
    return panel


def _settled(service: Service, dataset_id: int, asked: PanelRequest) -> tuple[str, RoundJson]:
    """The table's key, and the round with all that the waves depend on."""
    source = open_requested(service, dataset_id, asked.source_ref, asked.table_key)
    method = method_class(asked.round["method"])
    if method.no_keyed_order is not None:
        raise InvalidKey(method.no_keyed_order, loc=("body", "round", "method"))
    if method not in PANEL_METHODS:
        raise InvalidValue(
            "A panel draws samples by one of the methods {methods}.",
            methods=", ".join(each.key for each in PANEL_METHODS),
            loc=("body", "round", "method"),
        )
    given = cast("RoundJson", {**asked.round, "order": asked.round.get("order") or {}})
    request = SamplingRequest(
        source_ref=source.commit_id, table_key=source.key, rounds=[given], allow_empty=True
    )
    with moved(("rounds", 0), ("body", "round")):
        draw = check_draw(service, dataset_id, request)
        (settled,) = draw.settled
        reason = method_from_json(settled["method"], settled["parameters"]).no_panel
        if reason is not None:
            raise InvalidValue(reason, loc=("rounds", 0, "parameters"))
        if draw.excluded is not None:
            raise InvalidValue(
                "Each wave draws from all rows of its version: leave `new_since` and "
                "`not_drawn_by` out, and filters by audit tests.",
                loc=("rounds", 0, "filters"),
            )
        require_version(service, dataset_id, source.commit_id, asked.source_ref)
        (planned,) = plan(service, dataset_id, request).rounds
    strata = planned.get("strata_count", 0)
    if strata > MAX_STARTS:
        raise PanelStrataMany(
            strata=strata, most=MAX_STARTS, loc=("body", "round", "parameters", "strata_columns")
        )
    return source.key, settled


def delete(by: Caller, panel_id: int) -> None:
    """Delete a panel; its jobs and samples stay.

    Raises
    ------
    NotFound, Forbidden
        It doesn't exist, or is of another user, who isn't the dataset's owner.
    """
    found = readable_panel(by, panel_id)
    by.dataset(found.dataset_id, "write" if found.user_id == by.user.id else "admin")
    with by.writing() as tx:
        panel = get_panel(tx, panel_id)
        remove_panel(tx, panel_id)
        _audit(by, tx, "panel_deleted", panel)


def _audit(by: Caller, tx: Transaction, action: Action, panel: PanelRecord) -> None:
    by.audit(
        tx,
        action,
        dataset_id=panel.dataset_id,
        about=("panel", panel.id),
        name=panel.name,
        method=panel.round["method"],
        rotation=panel.rotation,
    )


def readable_panel(by: Caller, panel_id: int) -> PanelRecord:
    """Return a panel of a dataset that the user can read, else NotFound."""
    with by.service.database.read() as tx:
        found = get_panel(tx, panel_id)
    try:
        by.dataset(found.dataset_id, "read")
    except NotFound:
        raise NotFound("Panel {panel} not found.", panel=str(panel_id)) from None
    return found
