"""Pre-registration: a plan is recorded before its seed exists, and drawn by a public seed later.

docs/CERTIFICATE.md defines the text of a plan and the seeds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Annotated, Any, NotRequired, TypedDict, cast

from application.access import Caller
from application.audit.planned import with_likelihoods
from application.sampling import CheckedDraw, PlannedDraw, SamplingRequest, check_draw
from contract.declarations import Help
from contract.requests.draw import DrawJobRequest, OrderJson, RoundJson
from domain_errors import Loc
from lazy_dataclasses import dataclass
from service.sampling_parameters import stated_rounds
from service.service import Service
from service.tables.open_tables import named_by, open_table
from storage.certificates.beacons import CHAINS, Chain, find_chain
from storage.certificates.canonical_json import canonical_json
from storage.certificates.ledger import (
    LedgerEntry,
    append_entry,
    count_draws_of_plans,
    list_plan_entries,
    plan_entry,
)
from storage.errors import Forbidden, InvalidValue
from storage.sqlite.clock import timestamp
from storage.sqlite.database import Transaction

BEACON_LOC: Loc = ("body", "seed", "beacon")
BESIDE_PLAN = (
    *("export_residual", "output_name", "commit_message", "amount_column", "engine"),
    "allow_empty",
)
"""Fields that a draw of a plan may have besides the plan; none changes the rows."""


@dataclass(frozen=True)
class FirstRound:
    """The round of a beacon with which a plan is drawn."""

    name: Annotated[str, Help("`quicknet` or `default`.")]
    chain: str
    round: Annotated[int, Help("The first round after the registration.")]
    time: str
    needs_previous_signature: Annotated[bool, Help("Whether its rounds sign the one before.")]


def _came_at(chain: Chain, number: int) -> str:
    return timestamp(datetime.fromtimestamp(chain.time_of(number), UTC))


class PlannedRoundText(TypedDict):
    """A round as a plan has it: without its seed, its number and the columns that it shows."""

    filter: dict[str, Any] | None
    method: str
    parameters: dict[str, Any]
    order: NotRequired[OrderJson]


class PlanContent(TypedDict):
    """The members of a plan's text."""

    dataset_id: int
    commit_id: str
    table_key: str
    rounds: list[PlannedRoundText]
    goals: NotRequired[list[dict[str, Any] | None]]


@dataclass(frozen=True)
class RegisteredPlan:
    """A registered plan."""

    plan_id: str
    text: Annotated[str, Help("The plan as canonical JSON.")]
    digest: Annotated[str, Help("The SHA-256 of the text.")]
    committed_at: str
    committed_by: str
    ledger_number: int
    registrations: Annotated[int, Help("Registered plans with this digest, this one included.")]
    draws: Annotated[
        int,
        Help(
            "Draws of plans with this digest: a draw names the digest, not one of its "
            "registrations."
        ),
    ]

    @property
    def content(self) -> PlanContent:
        """The members of the text."""
        parsed: PlanContent = json.loads(self.text)
        return parsed

    @property
    def rounds(self) -> list[RoundJson]:
        """The rounds as requests have them, each with its goal if it has one."""
        content = self.content
        goals = content.get("goals") or [None] * len(content["rounds"])
        rounds: list[RoundJson] = [
            {
                "method": each["method"],
                "parameters": each["parameters"],
                "filters": each["filter"],
            }
            for each in content["rounds"]
        ]
        for planned, goal, text in zip(rounds, goals, content["rounds"], strict=True):
            if goal is not None:
                planned["goal"] = goal
            if "order" in text:
                planned["order"] = text["order"]
        return rounds

    @property
    def first_rounds(
        self,
    ) -> Annotated[list[FirstRound], Help("The rounds of known beacons that can draw it.")]:
        """The round of each known chain that the plan is drawn with: the first after it."""
        committed_at = datetime.fromisoformat(self.committed_at)
        numbers = [(chain, chain.first_after(committed_at)) for chain in CHAINS]
        return [
            FirstRound(chain.name, chain.hash, number, _came_at(chain, number), chain.is_chained)
            for chain, number in numbers
        ]


def register_plan(by: Caller, dataset_id: int, request: SamplingRequest) -> RegisteredPlan:
    """Check a draw and record its plan in the ledger, before anybody knows its seed.

    Raises
    ------
    Forbidden
        The token can only read.
    InvalidValue
        A round has a seed, or the request an old draw version.
    DomainError
        See :func:`application.sampling.check_draw`.
    """
    service = by.service
    by.dataset(dataset_id, "write")
    if by.holder.scope == "read":
        raise Forbidden("This token can only read. Use a token with `scope` write.")
    _require_open_seeds(request)
    draw = check_draw(service, dataset_id, request)
    text = _plan_text(dataset_id, draw, draw.stored_population(service, by.user, dataset_id))
    plan_id = service.new_id()
    digest = hashlib.sha256(text.encode()).hexdigest()
    body = {"plan_id": plan_id, "text": text, "digest": digest}
    with by.writing() as tx:
        entry = append_entry(tx, dataset_id, "plan", by.user.soeid, body, service.clock)
        by.audit(
            tx, "plan_registered", dataset_id=dataset_id, about=("plan", plan_id), digest=digest
        )
        (plan,) = _plans(tx, dataset_id, [entry])
    return plan


def get_plan(service: Service, dataset_id: int, plan_id: str) -> RegisteredPlan:
    """Return a registered plan; NotFound if the dataset has none of this id."""
    with service.database.read() as tx:
        entry = plan_entry(tx, dataset_id, plan_id)
        return _plans(tx, dataset_id, [entry])[0]


def list_plans(
    service: Service, dataset_id: int, offset: int, limit: int
) -> tuple[list[RegisteredPlan], int]:
    """Return a page of a dataset's registered plans, newest first, and their number."""
    with service.database.read() as tx:
        entries, total = list_plan_entries(tx, dataset_id, offset, limit)
        return _plans(tx, dataset_id, entries), total


def planned_request(by: Caller, dataset_id: int, given: DrawJobRequest) -> SamplingRequest:
    """The request that draws a registered plan, from the body of a job with a ``plan_id``.

    The body may repeat the plan's version, table and rounds. ``seed`` is one for all rounds: plain,
    ``{"beacon": …}`` or ``{"dice": …}``; without one the server draws seeds.

    Raises
    ------
    NotFound
        There is no such plan.
    InvalidValue
        The body differs from the plan; the beacon's round isn't the first one after it, or hasn't
        come; the signature isn't the beacon's.
    TooMuchWork
        Too many signatures are verified at once.
    """
    service = by.service
    with named_by("plan_id"):
        plan = get_plan(service, dataset_id, str(given.plan_id))
    content = plan.content
    _require_same_source(service, dataset_id, given, content)
    rounds = _rounds_of(given.rounds or (), plan)
    origin, seed = _seed(by, plan, given.seed)
    if seed is not None:
        rounds = [{**each, "parameters": {**each["parameters"], "seed": seed}} for each in rounds]
    return SamplingRequest(
        source_ref=content["commit_id"],
        table_key=content["table_key"],
        rounds=rounds,
        plan=PlannedDraw(plan.plan_id, plan.digest, origin),
        **{name: getattr(given, name) for name in BESIDE_PLAN},
    )


def _plans(
    tx: Transaction, dataset_id: int, entries: Sequence[LedgerEntry]
) -> list[RegisteredPlan]:
    """The plans of some ledger entries, with the numbers of their draws."""
    digests = [each.body["digest"] for each in entries]
    counts = count_draws_of_plans(tx, dataset_id, digests)
    return [_plan(each, *counts[each.body["digest"]]) for each in entries]


def _plan(entry: LedgerEntry, registrations: int, draws: int) -> RegisteredPlan:
    body = entry.body
    return RegisteredPlan(
        body["plan_id"],
        body["text"],
        body["digest"],
        entry.recorded_at,
        entry.actor,
        entry.number,
        registrations,
        draws,
    )


def _plan_text(dataset_id: int, draw: CheckedDraw, population_id: str) -> str:
    goals = [each.get("goal") for each in draw.settled]
    return canonical_json(
        {
            "dataset_id": dataset_id,
            "commit_id": population_id,
            "table_key": draw.source.key,
            "rounds": [_planned_round(each) for each in draw.settled],
            **({"goals": goals} if any(goals) else {}),
        }
    )


def _planned_round(given: RoundJson) -> PlannedRoundText:
    parameters = {name: value for name, value in given["parameters"].items() if name != "seed"}
    planned: PlannedRoundText = {
        "filter": given.get("filters"),
        "method": given["method"],
        "parameters": parameters,
    }
    order = given.get("order")
    if order is not None:
        planned["order"] = order
    return planned


def _require_open_seeds(request: SamplingRequest) -> None:
    for place, given in enumerate(request.rounds):
        if given["parameters"].get("seed") is not None:
            raise InvalidValue(
                "A plan is registered before its seed exists. Leave `seed` out.",
                loc=("body", "rounds", place, "parameters", "seed"),
            )
    _require_no_version(request.draw_version)


def _require_no_version(given: int | None) -> None:
    if given is not None:
        raise InvalidValue(
            "A plan is drawn by the current draw version. Leave `draw_version` out.",
            loc=("body", "draw_version"),
        )


def _require_same_source(
    service: Service, dataset_id: int, given: DrawJobRequest, content: PlanContent
) -> None:
    """Refuse another version, table or rule than the plan's."""
    if given.source_ref is not None:
        named = open_table(service, dataset_id, given.source_ref, content["table_key"])
        if named.commit_id != content["commit_id"]:
            raise InvalidValue(
                "The plan is of version {commit}. Leave `source_ref` out.",
                loc=("body", "source_ref"),
                commit=content["commit_id"][:12],
            )
    if given.table_key not in (None, content["table_key"]):
        raise InvalidValue(
            'The plan is of table "{table}". Leave `table_key` out.',
            loc=("body", "table_key"),
            table=content["table_key"],
        )
    _require_no_version(given.draw_version)


def _rounds_of(given: Sequence[RoundJson], plan: RegisteredPlan) -> list[RoundJson]:
    """The plan's rounds and goals, with what the request says of their columns and names."""
    if not given:
        return plan.rounds
    for place, each in enumerate(given):
        if each["parameters"].get("seed") is not None:
            raise InvalidValue(
                "Give the `seed` of a plan next to `plan_id`.",
                loc=("body", "rounds", place, "parameters", "seed"),
            )
    planned = plan.content["rounds"]
    is_older = any(
        each != stated for each, stated in zip(planned, stated_rounds(planned), strict=True)
    )
    own = [
        _with_order(each, one)
        for each, one in zip_longest(given if is_older else stated_rounds(given), planned)
        if each is not None
    ]
    if canonical_json([_planned_round(each) for each in own]) != canonical_json(planned):
        raise InvalidValue(
            "The rounds differ from those of the plan. Leave `rounds` out, or register a new plan.",
            loc=("body", "rounds"),
        )
    return [
        _with_goal(place, each, planned_round)
        for place, (each, planned_round) in enumerate(
            zip(with_likelihoods(own), plan.rounds, strict=True)
        )
    ]


def _with_order(given: RoundJson, planned: PlannedRoundText | None) -> RoundJson:
    """A round whose order has the plan's key and rule where it names none itself."""
    order = given.get("order")
    if order is None or planned is None or "order" not in planned:
        return given
    stated = {name: value for name, value in order.items() if value is not None}
    return {**given, "order": cast("OrderJson", {**planned["order"], **stated})}


def _with_goal(place: int, given: RoundJson, planned: RoundJson) -> RoundJson:
    """A round with the goal of the plan; a plan from before goals were registered has none."""
    goal, wanted = given.get("goal"), planned.get("goal")
    if wanted is None:
        return given
    if goal is not None and canonical_json(goal) != canonical_json(wanted):
        raise InvalidValue(
            "The goal differs from that of the plan. Leave `goal` out, or register a new plan.",
            loc=("body", "rounds", place, "goal"),
        )
    return {**given, "goal": wanted}


def _seed(
    by: Caller, plan: RegisteredPlan, seed: int | str | Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, int | str | None]:
    """The origin of a public seed, and the seed itself."""
    if seed is None or isinstance(seed, int | str):
        return None, seed
    if "dice" in seed:
        dice = seed["dice"]
        origin = {"kind": "dice", "digits": dice["digits"], "witnesses": list(dice["witnesses"])}
        return origin, f"dice:{dice['digits']}:{plan.digest}"
    beacon = seed["beacon"]
    chain = find_chain(beacon["chain"])
    if chain is not None:
        _require_first_round(by.service, plan, chain, beacon["round"])
        _require_lengths(chain, beacon)
        with by.access.work_limits.beacons.piece(by.user.id):
            _require_signature(chain, beacon)
    randomness = hashlib.sha256(bytes.fromhex(beacon["signature"])).hexdigest()
    origin = {"kind": "beacon", **beacon}
    return origin, f"beacon:{beacon['chain']}:{beacon['round']}:{randomness}:{plan.digest}"


def _require_first_round(service: Service, plan: RegisteredPlan, chain: Chain, number: int) -> None:
    """Refuse a round that isn't the first one after the plan, or that hasn't come yet."""
    (known,) = (each for each in plan.first_rounds if each.chain == chain.hash)
    if number < known.round:
        raise InvalidValue(
            "The `round` {number} of this chain came at {came}, not after the plan's registration "
            "at {registered}, so somebody could know its signature. A plan is drawn with the first "
            "round after its registration: {first} of this chain, of {time}.",
            loc=(*BEACON_LOC, "round"),
            number=str(number),
            came=_came_at(chain, number),
            registered=plan.committed_at,
            first=str(known.round),
            time=known.time,
        )
    if known.round != number:
        raise InvalidValue(
            "A plan is drawn with the first `round` after its registration, so that nobody can "
            "choose among several: {number} of this chain, of {time}.",
            loc=(*BEACON_LOC, "round"),
            number=str(known.round),
            time=known.time,
        )
    if service.clock().timestamp() < chain.time_of(number):
        raise InvalidValue(
            "The `round` {number} of this chain comes at {time}. Draw the plan when it is "
            "published.",
            loc=(*BEACON_LOC, "round"),
            number=str(number),
            time=known.time,
        )


def _require_lengths(chain: Chain, beacon: Mapping[str, Any]) -> None:
    """Refuse signatures of another length than the chain's."""
    needed = {
        "signature": chain.signature_digits,
        "previous_signature": chain.previous_digits(beacon["round"]),
    }
    for name, digits in needed.items():
        if len(beacon.get(name, "")) == digits:
            continue
        if not digits:
            raise InvalidValue(
                "drand {chain} doesn't sign the signature before. Leave `{name}` out.",
                loc=(*BEACON_LOC, name),
                chain=chain.name,
                name=name,
            )
        raise InvalidValue(
            "`{name}` must have {digits} hexadecimal digits, as drand {chain} publishes it.",
            loc=(*BEACON_LOC, name),
            name=name,
            chain=chain.name,
            digits=digits,
        )


def _require_signature(chain: Chain, beacon: Mapping[str, Any]) -> None:
    """Refuse a signature that the chain's key didn't make of the round."""
    if not chain.verify(beacon["round"], beacon["signature"], beacon.get("previous_signature")):
        raise InvalidValue(
            "This isn't the signature of `round` {number} by the public key {key}… of drand "
            "{chain}. Copy it from the beacon's publication.",
            loc=(*BEACON_LOC, "signature"),
            number=str(beacon["round"]),
            key=chain.public_key[:16],
            chain=chain.name,
        )
