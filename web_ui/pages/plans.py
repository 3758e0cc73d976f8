"""Registered plans of a dataset, and the form that draws one with a public seed."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request

from application.certificates.plans import get_plan, list_plans
from application.samples.facts import planned_facts
from presentation.content import Facts
from web_ui.shell import ListQuery, blueprint, caller, service, show


@blueprint.get("/datasets/<int:dataset_id>/plans")
def plans(dataset_id: int) -> Response:
    """List the registered plans, newest first."""
    found, query = caller().dataset(dataset_id, "read"), ListQuery()
    listed, total = list_plans(service(), dataset_id, query.offset, query.limit)
    return show("plans.html", dataset=found, plans=listed, page=query.page(total))


@blueprint.get("/datasets/<int:dataset_id>/plans/<plan_id>")
def plan(dataset_id: int, plan_id: str) -> Response:
    """Show a plan, with a form for its seed. The browser may ask the beacon of the settings."""
    found = caller().dataset(dataset_id, "read")
    registered = get_plan(service(), dataset_id, plan_id)
    beacon_url = service().settings.beacon_url
    answer = show(
        "plan.html",
        dataset=found,
        plan=registered,
        steps=[
            Facts(f"Step {number}" if len(registered.rounds) > 1 else "Design", planned_facts(each))
            for number, each in enumerate(registered.rounds, start=1)
        ],
        may_write=caller().may(found, "write"),
        beacon_url=beacon_url,
        name=request.args.get("name", ""),
        purpose=request.args.get("purpose", ""),
    )
    if beacon_url:
        url = urlsplit(beacon_url)
        policy = answer.headers["Content-Security-Policy"]
        answer.headers["Content-Security-Policy"] = policy.replace(
            "connect-src 'self'", f"connect-src 'self' {url.scheme}://{url.netloc}"
        )
    return answer
