"""Options of ``jobsvc sample`` that draw a registered plan, and its printed registration."""

from __future__ import annotations

import re
from typing import Any

import click
from click.core import ParameterSource
from jobsvc_client.arguments import given

from command_line.options import body_of, field_option
from command_line.output import print_line, print_table, utc_text
from storage.certificates.beacons import CHAINS

BESIDE_PLAN = (
    *("plan_id", "beacon", "dice", "witness", "name", "purpose", "batch"),
    *("residual", "amount_column", "allow_empty"),
)
"""Options of the body of a draw of a plan."""
WITHOUT_BODY = ("dataset", "seed", "output", "as_json", "data_dir", "server")
BEACON = "CHAIN:ROUND:SIGNATURE[:PREVIOUS_SIGNATURE]"
NAMES = {chain.name: chain.hash for chain in CHAINS}
CHAIN_HASH = re.compile("[0-9a-f]{64}")


def _beacon(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> dict[str, Any] | None:
    if text is None:
        return None
    chain, _, rest = text.partition(":")
    number, _, rest = rest.partition(":")
    signature, _, previous = rest.partition(":")
    if not (number.isascii() and number.isdigit() and signature):
        raise click.BadParameter(f"Write it as {BEACON}.")
    chain_hash = NAMES.get(chain, chain)
    if not CHAIN_HASH.fullmatch(chain_hash):
        names = " or ".join(NAMES)
        raise click.BadParameter(
            f'There is no chain "{chain}". Write {names}, or a chain\'s hash of 64 digits.'
        )
    return given(
        chain=chain_hash,
        round=int(number),
        signature=signature,
        previous_signature=previous or None,
    )


PLAN_OPTIONS = (
    field_option("--plan-id", help="Draw this registered plan, see jobsvc plan."),
    field_option(
        "--beacon",
        "seed.beacon",
        "beacon",
        callback=_beacon,
        metavar=BEACON,
        help=f"Seed of a plan: a round of a drand chain, {' or '.join(NAMES)} or a chain's hash. "
        "The default chain needs the signature of the round before, too.",
    ),
    field_option(
        "--dice",
        "seed.dice.digits",
        "dice",
        metavar="DIGITS",
        help="Seed of a plan: 20 to 200 thrown digits.",
    ),
    field_option(
        "--witness",
        "seed.dice.witnesses",
        "witness",
        multiple=True,
        help="Who saw the dice; repeatable.",
    ),
)


def planned_body(draw: dict[str, Any]) -> dict[str, Any] | None:
    """The body that draws a registered plan; None without a plan."""
    beacon, dice, witness = (draw[name] for name in ("beacon", "dice", "witness"))
    if draw["plan_id"] is None:
        if beacon or dice or witness:
            raise click.UsageError("--beacon, --dice and --witness need --plan-id.")
        return None
    context = click.get_current_context()
    for option in context.command.params:
        name = str(option.name)
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and name not in (*BESIDE_PLAN, *WITHOUT_BODY):
            raise click.UsageError(f"--plan-id can't be combined with {option.opts[0]}.")
    if dice is not None and not witness:
        raise click.UsageError("--dice needs --witness: name who saw the throws.")
    if witness and dice is None:
        raise click.UsageError("--witness needs --dice.")
    if (beacon is not None) + (dice is not None) + (draw["seed"] is not None) > 1:
        raise click.UsageError("Give one of --beacon, --dice and --seed.")
    seed = given(seed=draw["seed"])
    return {**seed, **body_of({name: draw[name] for name in BESIDE_PLAN})}


def print_registered(plan: dict[str, Any]) -> None:
    """Print a registered plan, with the rounds of beacons that can draw it."""
    print_line(
        f"Registered as plan {plan['plan_id']}, entry {plan['ledger_number']} of the ledger."
    )
    print_line(f"Digest: {plan['digest']}")
    rows = [(each["name"], each["round"], utc_text(each["time"])) for each in plan["first_rounds"]]
    print_table(("beacon", "round", "published"), rows, grouped=False)
