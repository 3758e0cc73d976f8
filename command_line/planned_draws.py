"""Options of ``jobsvc sample`` that draw a registered plan, and its printed registration."""

from __future__ import annotations

import re
from typing import Any

import click
from click.core import ParameterSource
from jobsvc_client.arguments import given

from command_line.options import field_option
from command_line.output import print_line, print_table, utc_text
from storage.certificates.beacons import CHAINS

BESIDE_PLAN = {
    *("dataset", "plan_id", "beacon", "dice", "witness", "seed", "name", "purpose", "output"),
    *("batch", "as_json", "data_dir", "server", "residual", "amount_column", "allow_empty"),
}
"""Parameters of the command that a draw of a plan may have."""
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
    field_option("--plan-id", "plan_id", help="Draw this registered plan, see jobsvc plan."),
    click.option(
        "--beacon",
        callback=_beacon,
        metavar=BEACON,
        help=f"Seed of a plan: a round of a drand chain, {' or '.join(NAMES)} or a chain's hash. "
        "The default chain needs the signature of the round before, too.",
    ),
    click.option("--dice", metavar="DIGITS", help="Seed of a plan: 20 to 200 thrown digits."),
    click.option("--witness", multiple=True, help="Who saw the dice; repeatable."),
)


def planned_body(
    plan_id: str | None,
    beacon: dict[str, Any] | None,
    dice: str | None,
    witness: tuple[str, ...],
    draw: dict[str, Any],
) -> dict[str, Any] | None:
    """The body that draws a registered plan; None without a plan."""
    if plan_id is None:
        if beacon or dice or witness:
            raise click.UsageError("--beacon, --dice and --witness need --plan-id.")
        return None
    context = click.get_current_context()
    for option in context.command.params:
        name = str(option.name)
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and name not in BESIDE_PLAN:
            raise click.UsageError(f"--plan-id can't be combined with {option.opts[0]}.")
    public: dict[str, Any] = {}
    if beacon is not None:
        public["beacon"] = beacon
    if dice is not None and not witness:
        raise click.UsageError("--dice needs --witness: name who saw the throws.")
    if witness and dice is None:
        raise click.UsageError("--witness needs --dice.")
    if dice is not None:
        public["dice"] = {"digits": dice, "witnesses": list(witness)}
    if len(public) + (draw["seed"] is not None) > 1:
        raise click.UsageError("Give one of --beacon, --dice and --seed.")
    return given(
        plan_id=plan_id,
        seed=public or draw["seed"],
        export_residual=draw["residual"],
        amount_column=draw["amount_column"],
        allow_empty=draw["allow_empty"],
    )


def print_registered(plan: dict[str, Any]) -> None:
    """Print a registered plan, with the rounds of beacons that can draw it."""
    print_line(
        f"Registered as plan {plan['plan_id']}, entry {plan['ledger_number']} of the ledger."
    )
    print_line(f"Digest: {plan['digest']}")
    rows = [(each["name"], each["round"], utc_text(each["time"])) for each in plan["first_rounds"]]
    print_table(("beacon", "round", "published"), rows, grouped=False)
