"""What makes the limits of a fixed interval cover less than they say, found before the draw.

A fixed interval has one random start. Where amounts are nearly an interval, or nearly equal parts
of one, it selects small rows together or not at all. docs/SAMPLING.md has simulations.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from domain_errors import FigureText, Sentence
from parquet_tables.progress import ProgressCallback, progress_part
from sampling_engine.errors import DrawWarning, draw_warning
from sampling_engine.methods.method import EligibleRows
from sampling_engine.methods.monetary_unit.account import MonetaryAccount, decimal_text
from sampling_engine.methods.monetary_unit.ledger import Ledger
from sampling_engine.methods.monetary_unit.selection import UnitSelection
from sampling_engine.methods.weighted.weights import TakeAll
from sampling_engine.sql.passes import RowsOfUnits, UnitGroups

MAX_SHARE = Fraction(1, 3)
"""The share of the money near the interval from which on limits are doubted."""
MAX_REGULARITY = 0.025
"""In all simulated ledgers below it a 95 % limit covers 94 % at least; from 0.14 on, less."""
HARMONICS = 12
MOST_HITS, LEAST_HITS = 10.0, 0.5
ORDER, NEAR, REGULAR = "limits_depend_on_order", "amounts_near_interval", "amounts_regular"
OF_FIXED_INTERVAL = (ORDER, NEAR, REGULAR)
"""The codes of the warnings on a fixed interval."""


def near_interval_share(
    eligible: EligibleRows,
    ledger: Ledger,
    take_all: TakeAll,
    selection: UnitSelection,
    on_progress: ProgressCallback,
) -> float | None:
    """The share that rows of half an interval or more have of the money that is left to chance.

    None where all rows are drawn. At most two rows for each selected unit are read.
    """
    if not selection.total:
        return None
    least = _half(selection)
    if ledger.weights.largest < least:
        return 0.0
    units = take_all.listed
    if take_all.listed_from > least:
        wanted = RowsOfUnits(ledger.units, eligible.round_spec.filter, least)
        units = eligible.state.run(wanted, on_progress).units
    near = units[(units >= least) & (units < take_all.least)]
    return float(Fraction(sum(near.tolist()), selection.total))


def regularity_of(
    eligible: EligibleRows,
    ledger: Ledger,
    take_all: TakeAll,
    selection: UnitSelection,
    on_progress: ProgressCallback,
) -> float | None:
    """By how much wrong rows of one size vary more in their selected units than by chance.

    1 is twice the variance of independent units. None where all rows are drawn.
    """
    if not selection.total:
        return None
    if ledger.weights.largest * 2 * HARMONICS < selection.interval:
        return 0.0
    rows: dict[int, int] = {}
    units: dict[int, int] = {}
    parts = eligible.state.signed_rows
    for at, (part, sign) in enumerate(parts):
        step = progress_part(on_progress, at / len(parts), (at + 1) / len(parts))
        wanted = UnitGroups(ledger.units, eligible.round_spec.filter, take_all.least, part)
        for group in eligible.state.run(wanted, step):
            rows[group.number] = rows.get(group.number, 0) + sign * group.rows
            units[group.number] = units.get(group.number, 0) + sign * group.units
    groups = [(rows[number], units[number]) for number in sorted(rows) if rows[number]]
    return round(_regularity(groups, selection.interval), 6)


def _regularity(groups: list[tuple[int, int]], interval: Fraction) -> float:
    """From the rows and units of groups of rows of nearly one size, in a random order.

    The place of a row in its interval is a sum of amounts. So of two rows k apart, the phases of
    the harmonic h agree with the mean ψ(h)^k, ψ(h) the mean of exp(2πi·h·amount/interval) over all
    rows. The sum over all pairs and harmonics is the variance of the selected units beyond that of
    independent ones, by the square of their expected number; a row's own width damps it by sinc².
    """
    counts = np.array([rows for rows, _ in groups], dtype=np.float64)
    hits = np.array([float(units / interval) for _, units in groups])
    widths, n = hits / counts, counts.sum()
    harmonics = np.arange(1, HARMONICS + 1)[:, None]
    psi = (counts * np.exp(2j * np.pi * harmonics * widths)).sum(axis=1) / n
    is_constant = np.abs(1.0 - psi) < 1e-9
    apart = np.where(is_constant, 1.0, 1.0 - psi)
    pairs = np.where(is_constant, n * (n - 1) / 2, psi * (n * apart - 1 + psi**n) / apart**2)
    excess = np.maximum(4.0 / n**2 * pairs.real, 0.0)
    of_group = (excess[:, None] * np.sinc(harmonics * widths) ** 2).sum(axis=0)
    found = np.minimum(hits, MOST_HITS) * of_group
    return float(found[hits >= LEAST_HITS].max(initial=0.0))


def fixed_interval_warnings(
    account: MonetaryAccount, selection: UnitSelection
) -> list[DrawWarning]:
    """What may make the limits of a fixed interval cover less than they say.

    One selected unit is a random one, whatever the selection.
    """
    warnings: list[DrawWarning] = []
    if selection.total * selection.parts <= selection.step:
        return warnings
    if account.order == "file":
        warnings.append(
            draw_warning(
                ORDER,
                "Units are selected at a fixed interval in the order of the file. A limit or an "
                "interval of this sample holds only if that order has nothing to do with errors. "
                "By `selection` cell limits held in every order that was simulated.",
            )
        )
    share, regularity = account.near_interval_share, account.regularity
    if share is not None and share > MAX_SHARE:
        warnings.append(
            draw_warning(
                NEAR,
                "Rows of half an interval or more have {share} % of the money that is left to "
                "chance. From a fixed interval a limit at 95 % confidence can then cover far "
                "less: in a simulated ledger of this kind it covered about 30 %. Use `selection` "
                "cell, or an `interval` of {half}, at which all these rows are drawn.",
                share=f"{100 * share:.0f}",
                half=decimal_text(_half(selection), account.decimals),
            )
        )
    elif regularity is not None and regularity > MAX_REGULARITY:
        warnings.append(
            draw_warning(
                REGULAR,
                "Most amounts are nearly equal parts of the interval. From a fixed interval a "
                "limit at 95 % confidence can then cover far less: in a simulated ledger of this "
                "kind it covered about 50 %. Use `selection` cell.",
            )
        )
    return warnings


def doubts_of(account: Mapping[str, Any]) -> list[str]:
    """Why limits and intervals of a drawn round can be too narrow, from its account as JSON."""
    if not _has_one_start(account):
        return []
    doubts: list[str] = []
    if account["order"] == "file":
        text = (
            "Units were selected at a fixed interval in the order of the file: limits and "
            "intervals hold only if that order has nothing to do with errors."
        )
        doubts.append(Sentence(text))
    if (account.get("near_interval_share") or 0.0) > MAX_SHARE:
        share = account["near_interval_share"]
        text = (
            "Rows of half an interval or more have {share} of the money that was left to chance. "
            "Limits and intervals of a fixed interval can then cover far less than they say: in a "
            "simulated ledger of this kind about 30 % in place of 95 %. Draw by cells, or with "
            "half the interval, at which these rows are always drawn."
        )
        doubts.append(Sentence(text, share=FigureText(f"{100 * share:.0f} %")))
    elif (account.get("regularity") or 0.0) > MAX_REGULARITY:
        text = (
            "Most amounts are nearly equal parts of the interval. Limits and intervals of a fixed "
            "interval can then cover far less than they say: in a simulated ledger of this kind "
            "about 50 % in place of 95 %. Draw by cells."
        )
        doubts.append(Sentence(text))
    return doubts


def unchecked_of(account: Mapping[str, Any]) -> list[str]:
    """What wasn't checked of a round that was drawn before it could be."""
    names = {
        "near_interval_share": "are nearly an interval",
        "regularity": "are nearly equal parts of one",
    }
    open_names = [Sentence(text) for name, text in names.items() if account.get(name) is None]
    if not _has_one_start(account) or not open_names:
        return []
    text = (
        "Not checked, since the draw is older: whether amounts {names}, with which limits and "
        "intervals of a fixed interval can cover far less than they say."
    )
    return [Sentence(text, names=Sentence.joined(open_names, " or "))]


def _has_one_start(account: Mapping[str, Any]) -> bool:
    return bool(account["selection"] == "fixed_interval" and account["units"] > 1)


def _half(selection: UnitSelection) -> int:
    """Half an interval in minor units, rounded up."""
    return ceil(selection.interval / 2)
