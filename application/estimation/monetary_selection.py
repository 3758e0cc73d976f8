"""How the units of a sample by monetary units were selected: what a limit from them depends on."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from application.estimation.calibrating import both
from estimation_engine import Statistic, true_values
from parquet_tables.quoting import quote_identifier
from parquet_tables.rows import Statement, scan_statement
from parquet_tables.tables import TableFiles
from sampling_engine import MonetaryUnitMethod, Round, WeightedMethod
from sampling_engine.methods.monetary_unit.account import recorded_account
from sampling_engine.methods.monetary_unit.fixed_interval import doubts_of, unchecked_of
from sampling_engine.sql.units import MoneyUnits
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.open_tables import open_source
from storage.jobs.jobs import JobRecord

Account = Mapping[str, Any]


def accounts_of(job: JobRecord) -> list[Account | None]:
    """The account of each step of a sample; None for steps that aren't by monetary units."""
    return [recorded_account(result) for result in (job.output_summary or {})["rounds"]]


def all_accounts(job: JobRecord) -> list[Account]:
    """The accounts of the steps of a sample, if all are by monetary units; else none."""
    of_steps = accounts_of(job)
    accounts = [account for account in of_steps if account]
    return accounts if len(accounts) == len(of_steps) else []


def selection_doubts(service: Service, job: JobRecord) -> tuple[list[str], list[str]]:
    """Why limits from the units of a sample's steps can be too low, and what wasn't checked.

    Amounts near the interval are those that the draw recorded, or else are read from its table.
    """
    of_steps = accounts_of(job)
    if not any(of_steps):
        return [], []
    source = open_source(service, job).files
    accounts = [
        _checked(service, source, spec, account)
        for spec, account in zip(recorded_rounds(job.run_parameters, source), of_steps, strict=True)
        if account
    ]
    doubts = [doubt for account in accounts for doubt in doubts_of(account)]
    unchecked = [text for account in accounts for text in unchecked_of(account)]
    return list(dict.fromkeys(doubts)), list(dict.fromkeys(unchecked))


def _checked(service: Service, table: TableFiles, spec: Round, account: Account) -> Account:
    """The account with the share near a fixed interval, which older draws didn't record."""
    if account["selection"] != "fixed_interval" or account["units"] < 2:
        return account  # a single unit is a random one
    if account.get("near_interval_share") is not None:
        return account
    share = _near_interval_share(service, table, spec, account)
    return {**account, "near_interval_share": share}


def _near_interval_share(
    service: Service, table: TableFiles, spec: Round, account: Account
) -> float:
    """The share that rows of half an interval or more have of the money left to chance."""
    assert isinstance(spec.method, MonetaryUnitMethod)  # noqa: S101 - it has an account
    units = MoneyUnits.of(table.column(spec.method.book_column), spec.method.population)
    sql, params = drawable(spec, table) or ("true", [])
    scan, scanned = scan_statement(table, [f"CASE WHEN {sql} THEN {units.sql()} END AS v"], params)
    tenthousandths = Decimal(account["interval"]).scaleb((units.decimals or 0) + 4)
    interval = int(tenthousandths.to_integral_value())
    statement = (
        "SELECT coalesce(sum(v) FILTER (20000 * v::HUGEINT >= CAST(? AS HUGEINT)), 0), "
        f"coalesce(sum(v), 0) FROM ({scan}) AS t WHERE 10000 * v::HUGEINT < CAST(? AS HUGEINT)"
    )
    with service.parquet.cursor(table) as cursor:
        row = cursor.execute(statement, [interval, *scanned, interval]).fetchone()
    assert row is not None  # noqa: S101 - an aggregate
    near, left = row
    return float(near) / float(left) if left else 0.0


def repeat_chance(account: Account, units: int) -> float:
    """The most that units drawn with replacement would have one twice: n(n - 1)/2 pairs."""
    drawn: int = account["units"]
    return drawn * (drawn - 1) / (2 * units) if units else 0.0


def drawable(spec: Round, table: TableFiles) -> Statement | None:
    """SQL over ``f`` of the rows that a round could draw from a whole table; None for all."""
    condition = None if spec.filter is None else spec.filter.condition("f")
    if isinstance(spec.method, MonetaryUnitMethod):
        units = MoneyUnits.of(table.column(spec.method.book_column), spec.method.population)
        return both(condition, (f"({units.sql()}) > 0", []))
    if isinstance(spec.method, WeightedMethod):
        if spec.method.uncertainty:
            return condition  # every row has the least weight or more
        size = f"f.{quote_identifier(table.column(spec.method.weight_column).name)}"
        return both(condition, (f"({size} > 0 AND NOT isnan(CAST({size} AS DOUBLE)))", []))
    return condition


def rows_of_several(service: Service, job: JobRecord) -> int:
    """The rows of the source that several rounds of a sample could draw."""
    source = open_source(service, job).files
    rounds = recorded_rounds(job.run_parameters, source)
    if len(rounds) < 2:
        return 0
    conditions = [drawable(spec, source) or ("true", []) for spec in rounds]
    counts = " + ".join(f"CAST(coalesce({sql}, false) AS INTEGER)" for sql, _ in conditions)
    where = (f"({counts}) > 1", [value for _, params in conditions for value in params])
    with service.parquet.cursor(source) as cursor:
        found = true_values(cursor, source, [Statistic("count")], [], where) or {}
    (rows,) = found[()]
    return int(rows or 0)
