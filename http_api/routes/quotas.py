"""Routes of the quotas of disk of users and datasets."""

from __future__ import annotations

from contract.requests.accounts import QuotaRequest
from http_api.access import SignedInBlueprint, caller, service
from storage.accounts.users import get_user
from storage.maintenance.quotas import QuotaUse, set_dataset_quota, set_user_quota

blueprint = SignedInBlueprint("quotas", "Administration", "/api")


@blueprint.get("/datasets/<int:dataset_id>/quota")
def dataset_quota(dataset_id: int) -> QuotaUse:
    """The disk space of a dataset's data files, and its quota."""
    caller().dataset(dataset_id, "read")
    with service().database.read() as tx:
        return service().quotas.of_dataset(tx, dataset_id)


@blueprint.put("/datasets/<int:dataset_id>/quota")
def put_dataset_quota(dataset_id: int, given: QuotaRequest) -> QuotaUse:
    """Set the quota of a dataset, as an admin."""
    caller().dataset(dataset_id, "read")  # first: a hidden one isn't there
    caller().require_role("admin")
    with caller().writing() as tx:
        set_dataset_quota(tx, dataset_id, given.size_mb)
        caller().audit(tx, "dataset_quota_set", dataset_id=dataset_id, quota=_text(given.size_mb))
        return service().quotas.of_dataset(tx, dataset_id)


@blueprint.get("/users/<int:user_id>/quota")
def user_quota(user_id: int) -> QuotaUse:
    """The disk space of the data files that a user stored, and its quota; for admins also others'.

    A file that several users store counts for the first.
    """
    if user_id != caller().user.id:
        caller().require_role("admin")
    with service().database.read() as tx:
        return service().quotas.of_user(tx, get_user(tx, user_id).id)


@blueprint.put("/users/<int:user_id>/quota")
def put_user_quota(user_id: int, given: QuotaRequest) -> QuotaUse:
    """Set the quota of a user, as an admin."""
    caller().require_role("admin")
    with caller().writing() as tx:
        user = get_user(tx, user_id)
        set_user_quota(tx, user_id, given.size_mb)
        caller().audit(
            tx,
            "user_quota_set",
            about=("user", user_id),
            soeid=user.soeid,
            quota=_text(given.size_mb),
        )
        return service().quotas.of_user(tx, user_id)


def _text(size_mb: int | None) -> str:
    """A quota in words.

    >>> _text(5000), _text(0), _text(None)
    ('5,000 MiB', 'none', 'that of the setting')
    """
    if size_mb is None:
        return "that of the setting"
    return f"{size_mb:,} MiB" if size_mb else "none"
